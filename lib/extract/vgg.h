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

/*
 * Inputs go through the first blocks, whose images are large, a few at a time, so that memory stays
 * small, and through what follows many at a time, so that its many weights are read and transformed
 * once for them.
 */
typedef struct unic__vgg_form {
    size_t height, width, planes;           /* of an input; 0: of the settings             */
    size_t blocks, convs[UNIC__VGG_BLOCKS]; /* of each block                               */
    size_t channels[UNIC__VGG_BLOCKS];      /* of each, if the file does not tell          */
    size_t front;                           /* the blocks of large images                  */
    size_t few, many;                       /* inputs at a time, of these and of the rest  */
    bool keeps; /* also the transforms of the weights, 36/9 of their memory */
} unic__vgg_form;

/* A graph that takes any number of inputs up to a most. */
typedef struct unic__vgg_stage {
    unic__graph *graph;
    unic__node *x, *y;
    size_t batch;
} unic__vgg_stage;

typedef struct unic__vgg {
    const unic__vgg_form *form;
    const unic__extract_settings *settings;
    size_t height, width; /* of an input */
    size_t channels[UNIC__VGG_CONVS], wide[UNIC__VGG_LINEARS];
    unic__vgg_stage stage[UNIC__NETWORK_GRAPHS];
    /* What follows the blocks of `batch` inputs, whose result is given; NULL: nothing. */
    unic__node *(*tail)(unic__graph *g, const struct unic__vgg *v, unic__node *h, size_t batch);
} unic__vgg;

/* n->plan.vgg, with the channels of the file. UNIC_E_NOMEM; UNIC_E_FORMAT. */
unic_status unic__vgg_begin(const unic_extractor *e, unic__network *n, unic__weight_file *f,
                            const unic__vgg_form *form);

/* The first dim of a tensor of this rank; `otherwise`, if there is none. */
size_t unic__vgg_rows(const unic__weight_file *f, const char *name, size_t rank,
                      size_t otherwise);

/* Builds the graphs of n, when height, width, wide and tail are set. */
void unic__vgg_build(unic__network *n);

/* Writes one input to x [height,width,planes]. */
typedef unic_status unic__vgg_fill(const unic_extractor *e, const unic__extract_input *in,
                                   size_t i, float *x);

/* *y <- the results of the inputs [first,first + n), n up to form->many. Allocates nothing. */
unic_status unic__vgg_run(const unic_extractor *e, const unic__extract_input *in, size_t first,
                          size_t n, unic__vgg_fill *fill, const float **y);

/* Where files have the parameters (unic__pretrained). */
bool unic__vgg_place(const unic__param *p, size_t part, unic__weight_place *place);

#endif
