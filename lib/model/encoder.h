/*
 * One modality of a model, planned when it is created: one graph with memory for the largest
 * batches, which takes every smaller shape in turn. A call allocates nothing. A batch goes
 * through the graph some clips at a time, as many as the cache holds: a clip's result does not
 * depend on the others. Grids take much more room before they are pooled than behind, and each step
 * is pooled by itself: the graph's first phase pools a few steps at a time, its second takes all
 * clips of a part.
 * With kernel.backend = onednn a graph holds primitives for one shape only, so the encoder
 * keeps the plans of the last few shapes.
 */
#ifndef UNIC_MODEL_ENCODER_H
#define UNIC_MODEL_ENCODER_H

#include "array/batch.h"
#include "base/use.h"
#include "graph/graph.h"
#include "model/model.h"
#include "unicode/unic_encoder.h"

enum { UNIC__ENCODER_PLANS = 4 };

typedef struct unic__encoder_plan {
    size_t batch, length;
    size_t pool_steps; /* steps of x, where they are pooled first; 0: x has all clips */
    uint64_t used;     /* number of the last call that used it; 0: empty */
    unic__graph graph;
    unic__node *x, *mask, *lengths, *z;
    unic__node *pooled, *h; /* [1,pool_steps,C], and of all clips: what is pooled; or NULL */
} unic__encoder_plan;

struct unic_encoder {
    size_t references; /* its creator's, and one of each stream */
    unic_model *model; /* a reference */
    unic__param_table *weights;
    const unic__modality *modality;
    size_t max_batch, max_length;
    unic__use use;
    int threads;            /* number of threads to compute with; 0: the process's number */
    size_t steps_at_a_time; /* steps that fit the cache */
    size_t pool_at_a_time;  /* with their features: fewer; 0: nothing is pooled first */
    uint64_t calls;
    unic__encoder_plan plan[UNIC__ENCODER_PLANS]; /* only the first, if it takes all shapes */
    const unic_batch
        *called;    /* during a call: the batch that names its clips in messages, or NULL */
    int32_t *codes; /* [B,T] of a whole call, copied to the caller once all of it succeeded */
    float *z;       /* [B,T,D], D the codebook's; both have room for the largest batch */
    /* where a code is a pair: each level's codes, and scratch for its z and code of each step */
    unic_codebook *level[2];
    float *level_z;
    int32_t *level_codes;
};

unic_status unic__encoder_create(unic_encoder **out, unic_model *model, size_t modality,
                                 size_t max_batch, size_t max_length);
/* Another reference to it, of a stream. */
unic_encoder *unic__encoder_share(unic_encoder *encoder);
void unic__encoder_free(unic_encoder *encoder); /* drops one reference */

/* Features -> codes, quantized and semantic vectors of one batch of clips. `called` names the
 * clips in messages; NULL: they are named by their rows. */
unic_status unic__encoder_encode(unic_encoder *encoder, const unic_array *features,
                                 const int32_t *lengths, const unic_batch *called,
                                 int32_t *codes, float *quantized, float *semantic);

/* The same for the encoder's modality of a batch. UNIC_E_NOTFOUND if the batch lacks it. */
unic_status unic__encoder_encode_batch(unic_encoder *encoder, const unic_batch *batch,
                                       int32_t *codes, float *quantized, float *semantic);

/* Its two halves: z of a batch, into encoder->z [B,T,D]; and what z gives. */
unic_status unic__encoder_run(unic_encoder *encoder, const unic_array *features,
                              const int32_t *lengths, const unic_batch *called);
void unic__encoder_give(unic_encoder *encoder, size_t batch, size_t length,
                        const int32_t *lengths, int32_t *codes, float *quantized,
                        float *semantic);

#endif
