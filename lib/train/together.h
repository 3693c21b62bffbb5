/*
 * What a step of several ranks does besides the sums in its graph (base/ranks.h). With one rank
 * none of this is called.
 */
#ifndef UNIC_TRAIN_TOGETHER_H
#define UNIC_TRAIN_TOGETHER_H

#include "train/trainer.h"

/* Whether a run of this config can be shared out: UNIC_E_CONFIG says what cannot. */
unic_status unic__together_allows(const unic_trainer *t);
/* The memory it takes; the graph is planned. */
unic_status unic__together_create(unic_trainer *t);
void unic__together_free(unic_trainer *t);

/* Before the first step or evaluation, and now and then before a step: whether all ranks have the
 * same config and the same bits of state. UNIC_E_STATE names one that has not. */
unic_status unic__together_check(unic_trainer *t, bool training);

/* After a rank has filled the graph with its `clips` clips, or failed to: all know all lengths,
 * or all fail. `*whole` becomes the clips of the whole batch. UNIC_E_VALUE if it has no step;
 * UNIC_E_STATE if one rank takes a step and another evaluates. */
unic_status unic__together_lengths(unic_trainer *t, unic_status status, size_t clips,
                                   bool training, size_t *whole);

/* codes [M,R B T] <- the codes of all ranks, from own [M,B T]. */
void unic__together_codes(unic_trainer *t, const int32_t *own, int32_t *codes);

/* What codes may start from, of all ranks as one rank would have it in t->rows, where each has
 * its own, of `dim` numbers each; unic__free() *rows. */
unic_status unic__together_rows(unic_trainer *t, size_t dim, float **rows, size_t *count);

/* Where the rows go that a revival takes: of all codes z [L,D], which of them each takes, and the
 * order of those that are due [L]. */
typedef struct unic__source_scratch {
    float *z;
    int32_t *from, *order;
} unic__source_scratch;
/* Fetches them, from the ranks' t->rows: the revival then takes them from `to`. */
unic_status unic__together_sources(unic_trainer *t, const unic_codebook *cb,
                                   unic__revival *revival, const unic__source_scratch *to);

/* compat: CLUB's gradients are those of its last fit, which all ranks have summed up already, and
 * of the bound, of which each has its share. Before the backward pass one rank alone keeps the
 * former, and after it all have the sum of both. */
void unic__together_norms_begin(unic_trainer *t);
void unic__together_norms_end(unic_trainer *t);

/* The terms, and CLUB's fits, of the whole batch, in the place of this rank's shares. */
void unic__together_terms(unic_trainer *t);

#endif
