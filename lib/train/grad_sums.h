/*
 * The gradient of all parameters, summed over ranks while the backward pass goes on: the table is
 * cut into buckets, and a bucket's sum begins as soon as nothing more is added to it.
 */
#ifndef UNIC_TRAIN_GRAD_SUMS_H
#define UNIC_TRAIN_GRAD_SUMS_H

#include "base/ranks.h"
#include "graph/graph.h"

typedef struct unic__bucket {
    size_t from, count; /* floats of the table's gradients                           */
    size_t ends;        /* after the backward of this call; SIZE_MAX: from the start */
    void *request;
} unic__bucket;

typedef struct unic__grad_sums {
    unic__ranks *ranks;
    float *grads;
    unic__bucket *bucket; /* in the order of starting */
    size_t n, started;
} unic__grad_sums;

/* Buckets of at least `floats`, but for the last. `g` is planned. */
unic_status unic__grad_sums_create(unic__grad_sums *sums, const unic__graph *g, size_t floats);
void unic__grad_sums_free(unic__grad_sums *sums);

/* Before the backward pass; unic__run.passed of it, with the sums as its context; and after it,
 * when the sums are there. */
void unic__grad_sums_begin(unic__grad_sums *sums);
void unic__grad_sums_passed(void *sums, size_t step);
void unic__grad_sums_end(unic__grad_sums *sums);

#endif
