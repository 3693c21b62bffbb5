/*
 * Detects runs that diverge although every step is finite: a term of the objective that falls
 * without bound, or codes that collapse into one; and features that are all the same. With `train.guard = lower` the weights depend
 * on it: then it is part of the run's state, saved and the same on all ranks. Otherwise no
 * computed number depends on it.
 */
#ifndef UNIC_TRAIN_GUARD_H
#define UNIC_TRAIN_GUARD_H

#include "config/config.h"
#include "loss/objective.h"

typedef struct unic__guard {
    size_t falling[UNIC__MAX_TERMS];       /* steps in a row, of each term */
    size_t collapsed[UNIC_MAX_MODALITIES]; /* likewise, of each modality's codes */
    size_t lowered[UNIC__MAX_TERMS];       /* how often a term's weight was made a tenth */
    size_t constant[UNIC_MAX_MODALITIES];  /* likewise, of its features */
    bool said_falling, said_collapsed;
} unic__guard;

/* A weight is lowered to a millionth of what the config says, and no further. */
enum { UNIC__MOST_LOWERED = 6 };

/*
 * Looks at a step's weighted terms [count]. Only CLUB has no lower bound. Once it is
 * below minus the sum of all others it dominates the training, and if it stays there it goes on
 * falling.
 * UNIC_E_NUMERIC with `train.guard = stop`; a warning, once, with `warn`; with `lower` each term
 * that falls is told of and is to have a tenth of its weight from the next step on.
 */
unic_status unic__guard_terms(unic__guard *guard, const unic_config *config, uint64_t step,
                              const unic__term *terms, size_t count);

/* Looks at one modality's codes: their perplexity, and how many steps it was taken over. Warns
 * once where nearly all steps have long had the same code. With `lower` the modality's CLUB, which
 * a constant z satisfies, is to have a tenth of its weight. */
void unic__guard_codes(unic__guard *guard, const unic_config *config, uint64_t step, size_t m,
                       double perplexity, size_t steps, const unic__term *terms, size_t count);

/* Looks at one modality's features [rows,size], of which those count whose mask is not 0. Warns
 * where all of them have been one and the same vector for some steps. */
void unic__guard_features(unic__guard *guard, const unic_config *config, uint64_t step,
                          size_t m, const float *x, const float *mask, size_t rows,
                          size_t size);

/* Gives the terms the weights that are left to them. */
void unic__guard_weigh(const unic__guard *guard, unic__term *terms, size_t count);

#endif
