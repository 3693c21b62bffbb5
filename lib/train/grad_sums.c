#include "train/grad_sums.h"

#include <stdlib.h>

/* Backward goes from the last call to the first. Equal ends: as in the table. */
static int earlier_first(const void *pa, const void *pb)
{
    const unic__bucket *a = pa, *b = pb;
    if (a->ends != b->ends)
        return a->ends > b->ends ? -1 : 1;
    return a->from < b->from ? -1 : a->from > b->from;
}

/* Parameters lie one behind the other, each in whole cache lines. */
static void fill_buckets(unic__grad_sums *sums, const unic__param_table *params,
                         const size_t *ends, size_t floats)
{
    unic__bucket *b = sums->bucket;
    for (size_t i = 0; i < params->n; i++) {
        const size_t end = i + 1 < params->n ? params->at[i + 1]->offset : params->total;
        if (b->count == 0)
            *b = (unic__bucket){.from = params->at[i]->offset, .ends = SIZE_MAX};
        b->count = end - b->from;
        b->ends = ends[i] < b->ends ? ends[i] : b->ends;
        if (b->count >= floats || i + 1 == params->n)
            b++;
    }
    sums->n = (size_t)(b - sums->bucket);
    qsort(sums->bucket, sums->n, sizeof *sums->bucket, earlier_first);
}

unic_status unic__grad_sums_create(unic__grad_sums *sums, const unic__graph *g, size_t floats)
{
    const unic__param_table *params = g->params;
    size_t *ends = unic__alloc_array(params->n + 1, sizeof *ends);
    *sums = (unic__grad_sums){.ranks = g->ranks, .grads = params->grads};
    sums->bucket = unic__alloc_array(params->n + 1, sizeof *sums->bucket);
    if (!ends || !sums->bucket) {
        unic__free(ends);
        return unic__no_memory(params->n * sizeof *sums->bucket, "the sums of gradients");
    }
    unic__graph_gradient_ends(g, params, ends);
    fill_buckets(sums, params, ends, floats);
    unic__free(ends);
    return UNIC_OK;
}

void unic__grad_sums_free(unic__grad_sums *sums)
{
    unic__free(sums->bucket);
    *sums = (unic__grad_sums){0};
}

static void start_from(unic__grad_sums *sums, size_t step)
{
    for (; sums->started < sums->n; sums->started++) {
        unic__bucket *b = &sums->bucket[sums->started];
        if (b->ends < step)
            return;
        unic__ranks_sum_start(sums->ranks, sums->grads + b->from, b->count, UNIC_COMM_FLOAT32,
                              &b->request);
    }
}

void unic__grad_sums_begin(unic__grad_sums *sums)
{
    sums->started = 0;
    start_from(sums, SIZE_MAX);
}

void unic__grad_sums_passed(void *sums, size_t step)
{
    start_from(sums, step);
}

void unic__grad_sums_end(unic__grad_sums *sums)
{
    start_from(sums, 0);
    for (size_t i = 0; i < sums->n; i++)
        unic__ranks_sum_wait(sums->ranks, sums->bucket[i].request);
}
