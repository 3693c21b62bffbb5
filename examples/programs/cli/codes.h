/*
 * Encodes a data file with a model: the codes of every modality that both have, and statistics
 * of how the codes are used.
 */
#ifndef UNIC_CLI_CODES_H
#define UNIC_CLI_CODES_H

#include <stdbool.h>

#include <unicode/unic.h>

#include "cli/data.h"
#include "cli/options.h"

typedef struct cli_codes {
    unic_dataset *data; /* open, for its labels */
    size_t clips, length;
    size_t count; /* modalities, in the model's order */
    const char *names[UNIC_MAX_MODALITIES];
    int32_t *codes[UNIC_MAX_MODALITIES]; /* [clips,length], -1 on padding; one after another */
    size_t k; /* soft codes of each step, 0: none; likewise, both [clips,length,k] */
    int32_t *near[UNIC_MAX_MODALITIES];
    float *weights[UNIC_MAX_MODALITIES];
} cli_codes;

/* How semantic vectors are assigned codes, if not as the encoders do it. */
typedef struct cli_space {
    const unic_codebook *codebook; /* of the channels' dims */
    const size_t *channels;        /* of the semantic vectors; NULL: all */
    size_t k;                      /* soft codes too, the k nearest; 0: none */
    double temperature;
} cli_space;

/* Encodes a file or directory (cli/data.h): the modalities of `only`, or all if that is NULL or
 * empty; with `space`, codes are assigned there. `out` borrows names from the model; it is to
 * be freed also on failure. */
bool cli_codes_read(cli_codes *out, unic_model *model, const cli_data *how, const char *path,
                    const cli_list *only, const cli_space *space);
/* The same for one modality, which the file must have. */
bool cli_codes_read_one(cli_codes *out, unic_model *model, const cli_data *how,
                        const char *path, const char *modality);
void cli_codes_free(cli_codes *codes);

/* Whether a clip [length] has a code. */
bool cli_codes_any(const int32_t *codes, size_t length);

/* How often each code is used, and statistics of that. */
typedef struct cli_usage {
    size_t codes;                         /* L */
    unic_usage_report all;                /* of the modalities together */
    int64_t *counts[UNIC_MAX_MODALITIES]; /* [L] each, one after another */
    double perplexity[UNIC_MAX_MODALITIES];
    size_t used[UNIC_MAX_MODALITIES]; /* codes used at all */
} cli_usage;

/* `out` is to be freed also on failure. */
bool cli_usage_count(cli_usage *out, const cli_codes *codes, const unic_codebook *codebook);
void cli_usage_free(cli_usage *usage);

/* Uses of code `l` by all of `modalities` modalities. */
int64_t cli_usage_total(const cli_usage *usage, size_t modalities, size_t l);

#endif
