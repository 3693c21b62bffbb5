/*
 * One modality of a model, planned when it is created: one graph with memory for the largest
 * batches, which takes every smaller shape in turn. A call allocates nothing. A batch goes
 * through the graph some clips at a time, as many as the cache holds: a clip's result does not
 * depend on the others.
 * With kernel.backend = onednn the graph holds primitives, each for one shape: then there are
 * the plans of the last few shapes.
 */
#ifndef UNIC_MODEL_ENCODER_H
#define UNIC_MODEL_ENCODER_H

#include "array/batch.h"
#include "graph/graph.h"
#include "model/model.h"
#include "unicode/unic_encoder.h"

enum { UNIC__ENCODER_PLANS = 4 };

typedef struct unic__encoder_plan {
    size_t batch, length;
    uint64_t used; /* when last, in calls; 0: empty */
    unic__graph graph;
    unic__node *x, *mask, *lengths, *z;
} unic__encoder_plan;

struct unic_encoder {
    unic_model *model; /* a reference */
    unic__param_table *weights;
    const unic__modality *modality;
    size_t max_batch, max_length;
    int threads;            /* it computes with; 0: the process's number */
    size_t steps_at_a_time; /* that the cache holds */
    uint64_t calls;
    unic__encoder_plan plan[UNIC__ENCODER_PLANS]; /* the first alone, if it takes all shapes */
    const unic_batch *called; /* of the call under way: what messages call its clips, or NULL */
    int32_t *codes; /* [B,T] of a whole call, kept back until all of it is known to be good */
    float *z;       /* [B,T,D]; both have room for the largest batch */
};

unic_status unic__encoder_create(unic_encoder **out, unic_model *model, size_t modality,
                                 size_t max_batch, size_t max_length);
void unic__encoder_free(unic_encoder *encoder);

/* Features -> codes, quantized and semantic vectors: the whole way of one batch of clips.
 * `called` says what messages call them, NULL: by their places. */
unic_status unic__encoder_encode(unic_encoder *encoder, const unic_array *features,
                                 const int32_t *lengths, const unic_batch *called,
                                 int32_t *codes, float *quantized, float *semantic);

/* The same of a batch's clips of the encoder's modality. UNIC_E_NOTFOUND if it holds none. */
unic_status unic__encoder_encode_batch(unic_encoder *encoder, const unic_batch *batch,
                                       int32_t *codes, float *quantized, float *semantic);

#endif
