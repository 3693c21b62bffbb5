/*
 * Training by epochs on clips in memory, for heads and retrievers; and the parts of a step that
 * segmenters and the trainer share with them.
 */
#ifndef UNIC_TRAIN_FIT_H
#define UNIC_TRAIN_FIT_H

#include "graph/graph.h"
#include "train/adam.h"

typedef struct unic__fit {
    const char *what;   /* "a head's fit": named when memory is short */
    unic__graph *graph; /* of one batch, planned, in one phase */
    const unic__node *loss;
    unic__adam *adam;
    size_t clips, batch;
    int32_t epochs;
    uint64_t seed; /* of the shuffles, together with Adam's step */
    double learning_rate;
    unic__progress progress; /* told of batches */
    /* Clips order[0..rows) into the rows of the batch; rows behind them must not count. */
    unic_status (*fill)(void *context, const int32_t *order, size_t rows);
    /* An additional check after a step's passes, for more specific messages; may be NULL. */
    unic_status (*check)(void *context, size_t rows);
    void *context;
} unic__fit;

/* All epochs; after a failure parameters and moments are as they were before. *loss becomes the
 * mean of the last epoch. UNIC_E_NUMERIC and UNIC_E_KERNEL name the epoch; UNIC_E_CANCELLED. */
unic_status unic__fit_run(const unic__fit *f, double *loss);

/* One forward pass and the gradient of `params`, cleared before. UNIC_E_KERNEL. */
unic_status unic__fit_gradient(unic__graph *g, const unic__param_table *params);

/* Whether the loss is finite and Adam can take the gradient. UNIC_E_NUMERIC. */
unic_status unic__fit_check(const unic__node *loss, const unic__param_table *params);

#endif
