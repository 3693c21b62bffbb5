/* An .npy that is written front to back, whose length is known at its end only. */
#ifndef UNIC_CLI_NPY_H
#define UNIC_CLI_NPY_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/output.h"

/*
 * Writes the header of an array [count,dims...] at the file's beginning: once before the elements,
 * of any count, and once more behind them. It has the same size for every count. `type` is numpy's:
 * "<f4", "|u1".
 */
bool cli_npy_header(cli_output *out, const char *type, size_t count, const int64_t *dims,
                    size_t rank);

/* Appends elements. Both report what went wrong. */
bool cli_npy_append(cli_output *out, const void *data, size_t bytes);

#endif
