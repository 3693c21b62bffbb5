/*
 * What a trainer asks of the other ranks (unicode/unic_comm.h). NULL stands for one rank
 * everywhere: nothing is asked then.
 *
 * The first failure is kept, and nobody is asked again: the ranks no longer know of each other
 * where they are. What should have been received is then zeros or the rank's own part, so that
 * those who compute with it need no path of their own; they ask for the status at their end.
 */
#ifndef UNIC_BASE_RANKS_H
#define UNIC_BASE_RANKS_H

#include "base/base.h"
#include "unicode/unic_comm.h"

enum { UNIC__MAX_RANKS = 4096 };

typedef struct unic__ranks {
    unic_comm comm;
    size_t rank, size;
    unic_status status; /* of the first failure   */
    char message[192];  /* of the same            */
} unic__ranks;

/* From the caller's struct, which has been copied; UNIC_E_ARG says what is wrong with it. */
unic_status unic__ranks_take(unic__ranks *ranks, const unic_comm *comm, const char *call);

/* data[count] of unic_comm_type <- the sum over the ranks. */
void unic__ranks_sum(unic__ranks *ranks, void *data, size_t count, unic_comm_type type);
/* The same in two parts. */
void unic__ranks_sum_start(unic__ranks *ranks, void *data, size_t count, unic_comm_type type,
                           void **request);
void unic__ranks_sum_wait(unic__ranks *ranks, void *request);

/* all [size x bytes] <- every rank's data. */
void unic__ranks_gather(unic__ranks *ranks, const void *data, size_t bytes, void *all);

/* The first failure again, with its message, or UNIC_OK. */
unic_status unic__ranks_status(const unic__ranks *ranks);

/* The failure of those that another rank has left alone. */
unic_status unic__ranks_refused(const unic__ranks *ranks, size_t rank, unic_status status);

/* Every rank brings the status of what it did for itself. All go on if all could; else each
 * returns its own failure, or the status of the first rank that had one. */
unic_status unic__ranks_agree(unic__ranks *ranks, unic_status status);

#endif
