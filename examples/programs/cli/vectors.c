#include "cli/vectors.h"

#include <stdlib.h>
#include <string.h>

#include "cli/codes.h"
#include "cli/report.h"

const cli_metric cli_metrics[CLI_METRICS] = {{"cosine", UNIC_INDEX_COSINE},
                                             {"inner", UNIC_INDEX_INNER},
                                             {"l2", UNIC_INDEX_L2},
                                             {"intersection", UNIC_INDEX_INTERSECTION}};

const size_t cli_recall_at[CLI_RECALLS] = {1, 5, 10};

const cli_metric *cli_metric_named(const char *name)
{
    for (size_t i = 0; i < CLI_METRICS; i++)
        if (!name || !strcmp(cli_metrics[i].name, name))
            return &cli_metrics[i];
    return NULL;
}

bool cli_vectors_begin(cli_vectors *out, const unic_codebook *codebook, int32_t metric,
                       size_t clips, size_t length)
{
    size_t code_dim = unic_codebook_dim(codebook);
    *out = (cli_vectors){.codebook = codebook, .metric = metric, .length = length};
    out->dim = metric == UNIC_INDEX_INTERSECTION ? unic_codebook_code_count(codebook)
                                                 : code_dim;
    return (out->vectors = cli_alloc(clips, out->dim * sizeof *out->vectors)) &&
           (out->ids = cli_alloc(clips, sizeof *out->ids)) &&
           (out->steps = cli_alloc(length, code_dim * sizeof *out->steps));
}

static bool pool(const cli_vectors *v, const int32_t *clip, float *row)
{
    if (v->metric == UNIC_INDEX_INTERSECTION)
        return cli_ok(unic_pool_histogram(clip, 1, v->length, v->dim, row));
    return cli_ok(unic_codebook_lookup(v->codebook, clip, v->length, v->steps)) &&
           cli_ok(unic_pool_mean(v->steps, clip, 1, v->length, v->dim, row));
}

bool cli_vectors_add(cli_vectors *v, const int32_t *codes, size_t clips, size_t first)
{
    for (size_t i = 0; i < clips; i++) {
        const int32_t *clip = codes + i * v->length;
        if (!cli_codes_any(clip, v->length))
            continue;
        if (!pool(v, clip, v->vectors + v->count * v->dim))
            return false;
        v->ids[v->count++] = (int64_t)(first + i);
    }
    return true;
}

unic_array cli_vectors_rows(const cli_vectors *v, size_t from, size_t count)
{
    unic_array a;
    unic_array_init(&a, v->vectors + from * v->dim, UNIC_F32, 2,
                    (const int64_t[]){(int64_t)count, (int64_t)v->dim});
    return a;
}

bool cli_vectors_index(unic_index **out, const cli_vectors *v)
{
    const unic_index_options options = {.struct_size = sizeof options,
                                        .dim = v->dim,
                                        .metric = v->metric,
                                        .fingerprint = unic_codebook_fingerprint(v->codebook)};
    const unic_array rows = cli_vectors_rows(v, 0, v->count);
    return cli_ok(unic_index_create(out, &options)) &&
           cli_ok(unic_index_add(*out, &rows, v->ids));
}

void cli_vectors_free(cli_vectors *v)
{
    free(v->vectors);
    free(v->ids);
    free(v->steps);
    memset(v, 0, sizeof *v);
}
