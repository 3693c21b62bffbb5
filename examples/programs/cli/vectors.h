/*
 * Represents clips as vectors for comparison: the mean of their codes' vectors, or the
 * histogram of their codes.
 */
#ifndef UNIC_CLI_VECTORS_H
#define UNIC_CLI_VECTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <unicode/unic.h>

enum { CLI_METRICS = 4, CLI_RECALLS = 3 };

typedef struct cli_metric {
    const char *name;
    int32_t metric; /* a unic_index_metric */
} cli_metric;

extern const cli_metric cli_metrics[CLI_METRICS];
extern const size_t cli_recall_at[CLI_RECALLS];

/* The metric of this name, or the first one for NULL. NULL for an unknown name. */
const cli_metric *cli_metric_named(const char *name);

#define CLI_METRIC_NAMES "cosine, inner, l2 or intersection"

/* The clips of a file that have a modality, each as one vector. */
typedef struct cli_vectors {
    const unic_codebook *codebook;
    int32_t metric;
    size_t length; /* steps of a clip */
    size_t count, dim;
    float *vectors; /* [count,dim] */
    int64_t *ids;   /* [count] the clips' numbers in the file */
    float *steps;   /* [length,D] of one clip */
} cli_vectors;

/* Room for `clips` of `length` steps; borrows the codebook. It is to be freed also on
 * failure. */
bool cli_vectors_begin(cli_vectors *out, const unic_codebook *codebook, int32_t metric,
                       size_t clips, size_t length);

/* Adds clips [clips,length], numbered from `first` on; clips without a valid step are left
 * out. */
bool cli_vectors_add(cli_vectors *v, const int32_t *codes, size_t clips, size_t first);

/* Rows `from`..`from + count` as the library takes them; borrowed. */
unic_array cli_vectors_rows(const cli_vectors *v, size_t from, size_t count);

/* An index of all the vectors. */
bool cli_vectors_index(unic_index **out, const cli_vectors *v);

void cli_vectors_free(cli_vectors *v);

#endif
