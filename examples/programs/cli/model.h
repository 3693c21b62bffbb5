/*
 * The model that a program is given.
 */
#ifndef UNIC_CLI_MODEL_H
#define UNIC_CLI_MODEL_H

#include <stdbool.h>

#include <unicode/unic.h>

#include "cli/options.h"

/* Whether a name has something before this ending. */
bool cli_ends_with(const char *text, const char *end);

/*
 * Opens a model's file; a checkpoint is imported in memory, with behaviour = compat. What it
 * does not tell is assumed, and said; `settings` ("key=value", may be NULL) override that. A
 * model's file has all its settings in it: it takes none.
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
