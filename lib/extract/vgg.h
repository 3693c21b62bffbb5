/*
 * Networks of VGG's form (Simonyan and Zisserman, 2014), which VGG19 and VGGish are: blocks of
 * convolutions 3x3 with zeros around the image, each followed by a ReLU, and a maximum over 2x2
 * behind each block. Channels follow from the file of weights, whose names are those of a
 * torch.nn.Sequential: "features.<i>.weight", where i counts convolutions, ReLUs and maxima.
 */
#ifndef UNIC_EXTRACT_VGG_H
#define UNIC_EXTRACT_VGG_H

#include "extract/network.h"
#include "graph/nodes.h"

enum { UNIC__VGG_BLOCKS = 5, UNIC__VGG_CONVS = 16, UNIC__VGG_LINEARS = 3 };

typedef struct unic__vgg_form {
    size_t blocks, convs[UNIC__VGG_BLOCKS]; /* of each block                              */
    size_t channels[UNIC__VGG_BLOCKS];      /* of each, if the file does not tell         */
    size_t planes;                          /* of the input                               */
} unic__vgg_form;

/* A graph that takes any number of inputs up to `most`. */
typedef struct unic__vgg_stage {
    unic__graph *graph;
    unic__node *x, *y;
    size_t batch, most;
} unic__vgg_stage;

typedef struct unic__vgg {
    const unic__vgg_form *form;
    const unic__extract_settings *settings;
    size_t channels[UNIC__VGG_CONVS], wide[UNIC__VGG_LINEARS];
    size_t middle; /* channels between two stages */
    unic__vgg_stage stage[UNIC__NETWORK_GRAPHS];
    void (*describe)(struct unic__vgg *v, unic__vgg_stage *s, size_t batch);
} unic__vgg;

/* n->plan.vgg, with the channels of the file. UNIC_E_NOMEM; UNIC_E_FORMAT. */
unic_status unic__vgg_begin(const unic_extractor *e, unic__network *n, unic__weight_file *f,
                            const unic__vgg_form *form);

/* The first dim of a tensor of this rank; `otherwise`, if there is none. */
size_t unic__vgg_rows(const unic__weight_file *f, const char *name, size_t rank,
                      size_t otherwise);

/* Blocks [from,to) of images [..,H,W,C] -> [..,H / 2^(to-from),..]. */
unic__node *unic__vgg_blocks(unic__graph *g, const unic__vgg *v, unic__node *x, size_t from,
                             size_t to);

/* Builds the next graph of n for up to `most` inputs, by v->describe. */
void unic__vgg_add_stage(unic__network *n, size_t most);

/* Makes a stage ready for `batch` inputs, to be written to s->x, or computes them. Allocates
 * nothing. */
void unic__vgg_resize(unic__vgg *v, unic__vgg_stage *s, size_t batch);
unic_status unic__vgg_run(const unic__vgg_stage *s);

/* Where files have the parameters (unic__pretrained). */
bool unic__vgg_place(const unic__param *p, size_t part, unic__weight_place *place);

#endif
