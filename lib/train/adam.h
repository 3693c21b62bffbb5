/* Adam and AdamW over a table of parameters, with each module's gradient clipped by its own
 * norm. */
#ifndef UNIC_TRAIN_ADAM_H
#define UNIC_TRAIN_ADAM_H

#include "graph/param_table.h"

typedef struct unic__adam {
    unic__param_table *params;
    float *m, *v;   /* first and second moments, laid out as params->values */
    uint64_t steps; /* taken so far */
} unic__adam;

unic_status unic__adam_create(unic__adam *adam, unic__param_table *params);
void unic__adam_free(unic__adam *adam);

/* Values and moments into `copy` [3 x total], and back together with their number of steps, to
 * undo steps that fail. */
void unic__adam_backup(const unic__adam *adam, float *copy);
void unic__adam_restore(unic__adam *adam, const float *copy, uint64_t steps);

/* Checks that moments read from a file are possible ones, so that a step can follow them; else
 * UNIC_E_FORMAT names `path` and the parameter. */
unic_status unic__adam_check(const unic__adam *adam, const char *path);

/* norms[group] = L2 norm of the group's gradient; summed in double, in index order. */
void unic__grad_norms(const unic__param_table *params, double *norms);

/* Adam squares gradients. A gradient of a smaller norm has elements whose squares are floats;
 * one that is not would leave infinite moments, and parameters that never move again. */
static const double unic__adam_largest = 1e19;
static inline bool unic__adam_takes(double norm)
{
    return norm < unic__adam_largest; /* false for NaN */
}

/*
 *   g <- g min(1, clip / (norm_group + 1e-6))                    (clip 0: g)
 *   m <- 0.9 m + 0.1 g,   v <- 0.999 v + 0.001 g^2
 *   p <- p - lr (mhat / (sqrt(vhat) + 1e-8) + decay p)     (decay: AdamW's, on weights alone)
 */
void unic__adam_step(unic__adam *adam, double lr, double decay, double clip,
                     const double *norms);

/* Step number `t`, from 1, of the parameters from..to of the table alone; `steps` is the
 * caller's. */
void unic__adam_apply(const unic__adam *adam, uint64_t t, size_t from, size_t to, double lr,
                      double decay, double clip, const double *norms);

#endif
