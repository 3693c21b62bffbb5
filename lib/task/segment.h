/*
 * A segmenter: masks from images and a query of codes (docs/segmentation.md). The network is in
 * segment_net.c, its settings are in segment_options.c, training and prediction in segment.c.
 */
#ifndef UNIC_TASK_SEGMENT_H
#define UNIC_TASK_SEGMENT_H

#include "array/npz.h"
#include "base/use.h"
#include "graph/nodes.h"
#include "model/codebook.h"
#include "task/options.h"
#include "train/adam.h"
#include "unicode/unic_segmenter.h"

/* ---- settings ---- */

/* Fills in what is zero by the preset, and checks. Failures are of `status` and name the
 * option. */
unic_status unic__segment_complete(unic_segmenter_options *options, const char *prefix,
                                   unic_status status);

extern const unic__options_table unic__segmenter_options;

/* ---- the network ---- */

/* Weights, and the running moments [2,C] of the batch norms: these are state, no gradient
 * changes them. */
typedef struct unic__segment_net {
    unic_segmenter_options options; /* complete */
    size_t dim;                     /* of a code */
    unic__param_table params, state;
} unic__segment_net;

enum { UNIC__SEGMENT_NORMS = 3 * UNIC_SEGMENTER_MAX_LEVELS };

/* The network for B clips of F frames. */
typedef struct unic__segment_graph {
    unic__graph g;
    size_t batch, frames; /* 0: not planned */
    unic__node
        *image[UNIC_SEGMENTER_MAX_LEVELS]; /* frames, or the level's map; [B,F,h,w,c]      */
    size_t image_count;
    unic__node *query;  /* [B,F,D]                                                            */
    unic__node *logits; /* [B F,H,W,1]                                                        */
    unic__node *target; /* the same; of a graph that trains, like the following               */
    unic__node *mask;   /* the same: 1 where the pixel counts                                 */
    unic__node *loss;
    struct {
        unic__node *moments;        /* of the batch                                          */
        const unic__param *running; /* the running moments that they update                  */
        size_t rows;                /* number of rows that they are taken over               */
    } norm[UNIC__SEGMENT_NORMS];
    size_t norm_count;
} unic__segment_graph;

/* Builds; the first time this declares parameters and state. Errors are kept in h->g. */
void unic__segment_build(unic__segment_graph *h, unic__segment_net *net, size_t batch,
                         size_t frames, bool training);
/* Running moments of a new network: mean 0, variance 1. */
void unic__segment_start_state(unic__segment_net *net);
/* After a step: m <- 0.9 m + 0.1 m_batch, with the unbiased variance (n / (n - 1)). */
void unic__segment_move_state(const unic__segment_graph *h, unic__segment_net *net);

/* ---- the segmenter ---- */

struct unic_segmenter {
    unic__use use;
    unic__segment_net *net;
    unic_codebook *codebook; /* a copy */
    uint64_t fingerprint;
    bool trained; /* by a step, or in the file that it is from */
    unic__adam adam;
    unic__segment_graph training; /* of the last step's sizes */
};

/* Takes over `codebook`, also on failure; the options are complete. From a file (`z`) if it is
 * not NULL: its members must be as the options say before memory is asked for them. */
unic_status unic__segmenter_create(unic_segmenter **out, unic_codebook *codebook,
                                   const unic_segmenter_options *options, unic__npz *z);
void unic__segmenter_free(unic_segmenter *s);

/* The input of a step or a prediction; checked, except for the arrays' values. */
typedef struct unic__segment_input {
    const unic_array *const *images;
    size_t image_count;
    const int32_t *codes; /* [clips,length] */
    size_t length;
    const unic_array *masks; /* of a step; NULL for a prediction */
    size_t clips, frames;
} unic__segment_input;

unic_status unic__segmenter_step(double *loss, unic_segmenter *s,
                                 const unic__segment_input *in);
unic_status unic__segmenter_predict(const unic_segmenter *s, const unic__segment_input *in,
                                    float *logits);

unic_status unic__segmenter_save(const unic_segmenter *s, unic__output to);
unic_status unic__segmenter_load(unic_segmenter **out, unic__source *source);

#endif
