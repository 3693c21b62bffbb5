/*
 * Opens the model named on a program's command line.
 */
#ifndef UNIC_CLI_MODEL_H
#define UNIC_CLI_MODEL_H

#include <stdbool.h>
#include <string.h>

#include <unicode/unic.h>

#include "cli/options.h"

/* Whether a name ends with this suffix and is longer than it. */
bool cli_ends_with(const char *text, const char *end);
/* Whether its first `length` bytes end with one of these in any case, and are longer than it. */
bool cli_ends_with_one(const char *text, size_t length, const char *const *ends, size_t count);
/* The same of a whole name, and an array of suffixes. */
#define CLI_ENDS(name, ends)                                                                   \
    cli_ends_with_one(name, strlen(name), ends, sizeof(ends) / sizeof *(ends))

/*
 * Opens a model's file; a checkpoint is imported in memory, with behaviour = compat. Settings
 * that it does not contain are assumed and reported; `settings` ("key=value", may be NULL)
 * override them. A model's file contains all of its settings, so none may be given.
 */
bool cli_model_open(unic_model **out, const char *path, const cli_list *settings);

#define CLI_MODEL_HELP                                                                         \
    "a model that unic-train wrote, or a checkpoint of the CMG code (DCID-model-4.pt)"

/* The --set option of the programs that only read a model. */
#define CLI_MODEL_SET_OPTION(target)                                                           \
    {                                                                                          \
        "--set", "KEY=VALUE",                                                                  \
            "what a CMG checkpoint does not tell (encoder.heads=8); may be given again",       \
            .list = (target)                                                                   \
    }

#endif
