/*
 * The differences between the kinds of modalities: one row for each kind, in kinds.c. A kind
 * whose row is empty is a vector [B,T,C] all the way: linear layers, no convolution, no
 * recurrence. A new kind is its code, a row in kinds.c, and a row (unic__config_kinds) and a
 * word in config_keys.c.
 */
#ifndef UNIC_MODEL_KINDS_H
#define UNIC_MODEL_KINDS_H

#include "model/modality.h"

typedef struct unic__kind_parts {
    /* h = front(x), with lengths i32 [B] or NULL; NULL: h = x. A step of h depends on the
     * steps of encoder.context alone. */
    unic__node *(*front)(unic__graph *g, const unic_config *c, const unic__modality *m,
                         unic__node *x, unic__node *lengths);
    /* h [B,T,dims..] -> [B,T,C], which the semantic encoder projects; NULL: h itself */
    unic__node *(*pool)(unic__graph *g, const unic__modality *m, unic__node *h);
    /* h -> what is reconstructed; NULL: h itself */
    unic__node *(*target)(unic__graph *g, const unic__modality *m, unic__node *h);

    /* Whether the specific branch works on maps, by the three functions that follow, or on one
     * vector a step; NULL: vectors */
    bool (*has_map)(const unic__modality *m);
    /* h -> zbar, a map */
    unic__node *(*specific)(unic__graph *g, const unic__modality *m, unic__node *h);
    /* zbar -> [B,T,C], CLUB's view of it */
    unic__node *(*vector)(unic__graph *g, const unic__modality *m, unic__node *zbar);
    /* V zhat [B,T,D] and zbar -> [B T,..], of as many elements as the features */
    unic__node *(*decoder)(unic__graph *g, const unic__modality *m, unic__node *code,
                           unic__node *zbar);
} unic__kind_parts;

extern const unic__kind_parts unic__grid_parts, unic__token_parts;

const unic__kind_parts *unic__kind_parts_of(const unic__modality *m);

#endif
