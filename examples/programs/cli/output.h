/*
 * A file that appears whole or not at all: written under a temporary name beside its place,
 * synced, then renamed.
 */
#ifndef UNIC_CLI_OUTPUT_H
#define UNIC_CLI_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

typedef struct cli_output {
    char *path, *temporary;
    FILE *stream;
} cli_output;

/* Opens; an output of zeros is closed, and stays so after a failure. */
bool cli_output_open(cli_output *output, const char *path);

/* Puts the file in its place and closes; after a failure the old file, if any, is untouched. */
bool cli_output_commit(cli_output *output);

/* The same, but a file that is there by then stays, and so do its bytes: of any number of
 * processes one makes the file. */
bool cli_output_commit_first(cli_output *output);

/* Removes what was written and closes; does nothing if closed. */
void cli_output_discard(cli_output *output);

/* fsync(), again where a signal interrupts it. */
bool cli_synchronise(int file);

/* Whether a file could be written to `path`, checked before the work begins. */
bool cli_output_possible(const char *path);

/* The same, and that it is not one of the inputs (NULLs are ignored), which would be
 * overwritten. `option` is what `path` was given by; NULL for a path is fine. */
bool cli_output_apart(const char *option, const char *path, const char *const *inputs,
                      size_t count);

/* That, and what ended processes left of the file is removed (cli_output_clear()). */
bool cli_output_ready(const char *option, const char *path, const char *const *inputs,
                      size_t count);

/* For what need not be a regular file: true after a message if it is an input. */
bool cli_output_is_input(const char *option, const char *path, const char *const *inputs,
                         size_t count);

/* Whether two outputs are different files, or one of them is none (NULL). */
bool cli_outputs_differ(const char *option, const char *path, const char *other_option,
                        const char *other_path);

/* Removes temporary files of this file that ended processes left, from the library or from
 * cli_output_open(). Only for the sole writer of the file: a process on another machine may
 * still be running. */
bool cli_output_clear(const char *path);

/* The same of a process, on whatever machine, that is known to write the file no more. */
bool cli_output_clear_of(const char *path, long process);

#endif
