/* Which outputs `unic-encode --out-dir` makes of its inputs. */
#ifndef UNIC_ENCODE_LISTING_H
#define UNIC_ENCODE_LISTING_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/options.h"

typedef struct encode_item {
    char *input, *out; /* FOLDER/<path in the input's directory>.npz */
    bool is_film;      /* a film, a sound, a picture or a text */
} encode_item;

typedef struct encode_listing {
    encode_item *items; /* in the order of the inputs, and of names in a directory */
    size_t count, capacity, films;
} encode_listing;

/* Finds the items: an input is one, but of a directory that has npz files or media in it, or in
 * directories below, each is; one with .npy or .zip files and no npz is a data set. Two may not
 * have one output. To be freed also on failure. */
bool encode_listing_find(encode_listing *out, const cli_list *inputs, const char *folder);

/* Leaves out the media of directories that do not hold what `reads`, a unic_extractor_input. */
void encode_listing_keep(encode_listing *l, const cli_list *inputs, int reads);

/* Makes the directories of the outputs. */
bool encode_listing_make_folders(const encode_listing *l, const char *folder);

void encode_listing_free(encode_listing *l);

#endif
