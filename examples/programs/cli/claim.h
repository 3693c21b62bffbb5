/*
 * A claim to write a file: who holds it is the one that makes the file, among any number of
 * processes on any number of machines with nothing but a file system between them.
 *
 * A claim is a file "<path>.claim" that is created exclusively, says who holds it, and whose
 * time of change its holder renews while the work goes on. It is taken over when its holder has
 * ended (known on the same machine), or has not renewed it for a timeout. No clock of one
 * machine is compared with that of another: times are those that the file system gives.
 *
 * A claim saves work, and no more: a process that was stopped for longer than the timeout goes
 * on beside the one that took over. So files must be written so that this does no harm: whole
 * under another name, then renamed, and with equal bytes whoever writes them.
 */
#ifndef UNIC_CLI_CLAIM_H
#define UNIC_CLI_CLAIM_H

#include <stdbool.h>
#include <stdint.h>

typedef enum cli_claim_result {
    CLI_CLAIM_TAKEN,
    CLI_CLAIM_HELD,  /* by another process */
    CLI_CLAIM_FAILED /* which has been told */
} cli_claim_result;

typedef struct cli_claim {
    char *path; /* of the claim; NULL: none is held */
    int file;
    double renewed, timeout; /* seconds */
} cli_claim;

/* Tries to claim `path`, without waiting. A claim whose holder is gone is removed, with the
 * temporary files of `path` that the holder left. */
cli_claim_result cli_claim_take(cli_claim *claim, const char *path, double timeout);

/* Renews the claim if it is time to; to be called often. */
void cli_claim_renew(cli_claim *claim);

/* Gives the claim back, if it is still ours. A claim of zeros is none. */
void cli_claim_release(cli_claim *claim);

/* Removes the claims in a directory whose file is there, and whose holders are gone: they were
 * ended between the two. */
void cli_claim_sweep(const char *directory, double timeout);

#endif
