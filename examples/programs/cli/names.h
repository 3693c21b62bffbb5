/*
 * The names of a data set's clips, by which those of two data sets are the same ones.
 */
#ifndef UNIC_CLI_NAMES_H
#define UNIC_CLI_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include <unicode/unic.h>

/* Of clips that are files of their own: the files' names, without folder and suffix. */
typedef struct cli_names {
    size_t clips;
    char **at; /* [clips]; NULL where clips have numbers alone */
} cli_names;

/* Those of the clips' files of a modality. `out` is to be freed also on failure. */
bool cli_names_read(cli_names *out, const unic_dataset *data, const char *modality);
void cli_names_free(cli_names *names);

typedef struct cli_named {
    const char *name;
    size_t clip;
} cli_named;

/* The clips sorted by name, those of one name in their order: [clips], to be freed before the names;
 * NULL after a message. */
cli_named *cli_names_sorted(const cli_names *names);

/* The place in `sorted` of the first clip of this name, or `clips`. */
size_t cli_names_find(const cli_named *sorted, size_t clips, const char *name);

#endif
