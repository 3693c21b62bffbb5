/*
 * A training log: one JSON object a line, with each step once even if the run was interrupted.
 *
 *     {"step":62,"epoch":1,"figures":{"total":5.1,"cpc":1.7}}
 *     {"step":62,"epoch":1,"valid":{"total":5.4,"cpc":1.8}}      after an epoch, with --valid
 */
#ifndef UNIC_CLI_LOG_H
#define UNIC_CLI_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <unicode/unic.h>

#include "cli/output.h"

typedef struct cli_log {
    FILE *stream; /* NULL: there is no log, and nothing is written */
    const char *path;
    FILE *before;      /* the log of the run before, which stays until this run is saved, */
    cli_output beside; /* and the new one until then                                      */
} cli_log;

/* Opens a log (`path` NULL: none). A run at step 0 starts a new log; a resumed one keeps
 * the lines up to `step`, the last one saved, and appends to them. The run cannot have taken a
 * step after `most` without saving: a log that has one is not its own, and stays as it is. */
bool cli_log_open(cli_log *log, const char *path, uint64_t step, uint64_t most);

/* Puts a new log in the place of that of the run before; for just before the run's first save. */
bool cli_log_keep(cli_log *log);

/* One line, flushed; `kind` is "figures" or "valid". */
bool cli_log_write(cli_log *log, uint64_t step, uint64_t epoch, const char *kind,
                   const unic_trainer *trainer, const double *figures);

bool cli_log_close(cli_log *log);

#endif
