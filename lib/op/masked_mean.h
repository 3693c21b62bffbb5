/*
 * Shared by mse and bce: a mean over the elements that a mask of the leading dims selects.
 *   y = sum_r mask_r sum_j f(a_rj, b_rj) / (inner sum_r mask_r)        0 if the mask is all 0
 * a and b are [rows, inner], the mask (input 2, may be absent) is [rows].
 */
#ifndef UNIC_OP_MASKED_MEAN_H
#define UNIC_OP_MASKED_MEAN_H

#include "op/op.h"

/* Shape rule of (0) a, (1) b, (2) mask? -> scalar; sets saved_size and scratch_size. */
unic_status unic__masked_mean_infer(unic__call *c);

/* `sum` gives sum_j f(a_j, b_j) of at most a few thousand adjacent elements. */
typedef float (*unic__piece_sum)(const float *a, const float *b, size_t n);
void unic__masked_mean_forward(unic__call *c, unic__piece_sum sum);

/* `add` adds scale df/da_j to da_j and scale df/db_j to db_j; either of da, db may be NULL. A
 * fresh da or db is cleared just before, in pieces that stay in the cache. */
typedef void (*unic__piece_add)(float *da, float *db, const float *a, const float *b,
                                float scale, size_t n);
void unic__masked_mean_backward(unic__call *c, unic__piece_add add);

#endif
