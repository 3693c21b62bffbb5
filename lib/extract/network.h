/*
 * Extractors that are networks with pretrained weights: an operator's graph or several, and a table
 * of parameters that is filled from a file of weights (array/weight_file.h). The sizes of a network
 * follow from the shapes in that file, so it is built when weights are loaded, beside the one that
 * the extractor has, which it then replaces.
 */
#ifndef UNIC_EXTRACT_NETWORK_H
#define UNIC_EXTRACT_NETWORK_H

#include "extract/extract.h"
#include "graph/graph.h"

enum { UNIC__NETWORK_GRAPHS = 2, UNIC__WEIGHT_NAME = 128 };

typedef struct unic__network {
    unic__arena arena;
    unic__param_table params;
    unic__graph graph[UNIC__NETWORK_GRAPHS];
    size_t graph_count;
    unic__shape dims; /* of a step's features */
    uint64_t hash;    /* of the weights */
    union {
        struct unic__bert_network *bert;
        struct unic__vgg *vgg;
    } plan; /* in the arena */
} unic__network;

/* The axes of a file's tensor, where they are others than the parameter's. */
typedef enum unic__weight_order {
    UNIC__ORDER_SAME,
    UNIC__ORDER_OIHW /* of a convolution: [Co,Ci,kh,kw], the parameter's are [kh,kw,Ci,Co] */
} unic__weight_order;

/* Where a file has a parameter, or a part of it. */
typedef struct unic__weight_place {
    char name[2][UNIC__WEIGHT_NAME]; /* the second is another that files have; "": none */
    unic__weight_order order;
    size_t first, rows; /* of the parameter's first axis; rows 0: all of it */
} unic__weight_place;

typedef struct unic__pretrained {
    /* Makes the network for the shapes of a file: n->plan, n->dims, and graphs (unic__graph_init
     * with n->params) whose calls declare the parameters. It does not read weights, and checks no
     * more than it needs. UNIC_E_FORMAT; UNIC_E_CONFIG; UNIC_E_NOMEM. */
    unic_status (*build)(const unic_extractor *e, unic__network *n, unic__weight_file *f);
    /* Part `part` of parameter p, from 0 on; false: there is none. Parts are of whole rows. */
    bool (*place)(const unic__param *p, size_t part, unic__weight_place *place);
    /* Where the weights come from and what they are, for messages: "torchvision's vgg19". */
    const char *source;
} unic__pretrained;

/* A network with the weights of a file. UNIC_E_FORMAT lists tensors that are missing or have other
 * shapes. */
unic_status unic__network_create(unic__network **out, const unic_extractor *e,
                                 unic__weight_file *f);
void unic__network_free(unic__network *n); /* NULL is fine */

/* Adds its weights to an npz, in the order of their names, under the names and with the axes that
 * files of weights have. UNIC_E_NOMEM; what the writer returns. */
unic_status unic__network_write(const unic_extractor *e, unic__npz_writer *w);

#endif
