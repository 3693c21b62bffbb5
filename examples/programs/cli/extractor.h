/*
 * How features were made, in words: "kind=logmel rate=16000 ... fingerprint=0123456789abcdef", an
 * extractor's settings and fingerprint. A folder of features keeps them in its extract.ini, a key a
 * line; a model in the key <modality>.extractor of its config.
 */
#ifndef UNIC_CLI_EXTRACTOR_H
#define UNIC_CLI_EXTRACTOR_H

#include <stdbool.h>

#include <unicode/unic.h>

#include "cli/options.h"

/* The words of an extractor, to be freed; NULL after a message. */
char *cli_extractor_words(const unic_extractor *extractor);

/* What an extractor is made of; all may be left out. */
typedef struct cli_extractor_source {
    const char *path;                        /* an extractor's npz */
    const char *kind;                        /* or a kind, with settings */
    const cli_list *keys;                    /* "key=value" */
    const char *weights, *vocabulary, *keep; /* files that the kind takes; NULL: none */
} cli_extractor_source;

bool cli_extractor_open(unic_extractor **out, const cli_extractor_source *from);

/* The extractor of these words: made of its settings alone, or read from the one of `paths` that
 * has its fingerprint. Others are refused with a sentence that names both; `what` is made of
 * such features ("model.npz: modality speech"). *out is NULL if it has weights or was fitted,
 * and there are no `paths`. */
bool cli_extractor_recall(unic_extractor **out, const char *words, const cli_list *paths,
                          const char *what);

/* Whether it is the extractor of these words; a sentence names both if it is not, and `path`, where
 * it comes from. */
bool cli_extractor_is(const unic_extractor *extractor, const char *words, const char *what,
                      const char *path);

/* The extractor that a text describes for a modality: lines "<modality>.extractor = E.npz", or
 * "<modality>.kind = logmel" and "<modality>.<key> = value". *out is NULL if it has no such
 * line. */
bool cli_extractor_described(unic_extractor **out, const char *path, const char *modality);

/* "folder/extract.ini", to be freed. */
char *cli_extractor_file(const char *folder);

/* The words that a folder keeps, to be freed. *words is NULL if it keeps none. */
bool cli_extractor_read(char **words, const char *folder);

/* Keeps them there, unless the folder keeps others by then. */
bool cli_extractor_write(const char *words, const char *folder);

/*
 * Sets the config's <modality>.extractor to the words of the folder DIR/<modality> of each
 * modality, for data DIR, DIR/x.csv or DIR/x.csv:SPLIT, unless they are set: then another one is
 * refused with a sentence that names both.
 */
bool cli_extractor_keep(unic_config *config, const unic_dataset *data, const char *path);

/* The words that a config has of a modality; *words is NULL if it has none. Borrowed. */
bool cli_extractor_of(const char **words, unic_config *config, const char *modality);

#endif
