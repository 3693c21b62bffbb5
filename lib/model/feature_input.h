/*
 * Copies the caller's features into the input nodes of a graph, for encoders and training
 * steps.
 */
#ifndef UNIC_MODEL_FEATURE_INPUT_H
#define UNIC_MODEL_FEATURE_INPUT_H

#include "array/batch.h"
#include "graph/graph.h"
#include "model/modality.h"

/* The most clips and steps that a call takes, and the settings that say so. */
typedef struct unic__feature_limits {
    size_t clips, steps;
    const char *clips_set_by, *steps_set_by; /* "train.batch", "train.length" */
} unic__feature_limits;

/* Checks that features are [1..clips,1..steps,dims..]. UNIC_E_SHAPE names the dim that is not,
 * and the setting that says what it should be. */
unic_status unic__feature_shape_check(const unic__modality *m, const unic__shape *got,
                                      const unic__feature_limits *limits);

typedef struct unic__feature_input {
    const unic__modality *m;
    unic__node *x;       /* [B,T,dims..] */
    unic__node *mask;    /* [B,T]        */
    unic__node *lengths; /* i32 [B]      */
} unic__feature_input;

/*
 * The clips of `features` [N,t,dims..] from `first` on, as many as fit, with t <= T and lengths
 * [N] in 0..t (NULL: all t): valid steps are converted; all other steps, and rows
 * after the last clip, are zero. The mask is 1 on valid steps; with `real_padding`, on all t
 * steps of a clip that has any. UNIC_E_VALUE names a clip with NaN or Inf in a valid step, as
 * `called` names it (NULL: no batch). Where x reads lent memory (unic__graph_lend), that is
 * checked, not written.
 */
unic_status unic__feature_input_fill(const unic__feature_input *to, const unic_array *features,
                                     const int32_t *lengths, size_t first, bool real_padding,
                                     const unic_batch *called);

/*
 * Its two parts. `count` steps into x [1,count,dims..], from step `first` on of all clips of
 * `features` one after the other, t a clip; steps behind the last clip are zero. And the mask and
 * lengths, clips from `first` on.
 */
unic_status unic__feature_steps_fill(const unic__feature_input *to, const unic_array *features,
                                     const int32_t *lengths, size_t first, size_t count,
                                     const unic_batch *called);
void unic__feature_mask_fill(const unic__feature_input *to, const unic_array *features,
                             const int32_t *lengths, size_t first, bool real_padding);

#endif
