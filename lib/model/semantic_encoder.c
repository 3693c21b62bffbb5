#include "model/kinds.h"

/*
 * The semantic encoder Phi (P1; A.2): the meaning of a step that the modalities share.
 *   z = layers(affine(h)):  project to D, then post-norm transformer layers over time. No
 *   positional encoding: without it the encoder treats the steps that a step sees as a set.
 * A grid is pooled over positions first (kind_grid.c).
 *
 * encoder.shared: attention and feed-forward part of all layers, or of all but the first, are
 * the same tensors for every modality, as in MS-CLIP (You et al., ECCV 2022). Projections and
 * norms stay each modality's own.
 */

/* Where layer i's attention and feed-forward part are in the table; `own` is its other place. */
static const char *weights_of(unic__graph *g, const unic_config *c, size_t i, const char *own)
{
    if (c->encoder_shared == UNIC__SHARED_NONE ||
        (c->encoder_shared == UNIC__SHARED_AFTER_FIRST && i == 0))
        return own;
    return unic__graph_name(g, UNIC__SHARED_PREFIX "layer%zu", i);
}

unic__shape unic__feature_shape(const unic__modality *m, size_t batch, size_t length)
{
    unic__shape shape = {2 + m->dims.rank, {batch, length}};
    for (size_t i = 0; i < m->dims.rank; i++)
        shape.dim[2 + i] = m->dims.dim[i];
    return shape;
}

unic__node *unic__front(unic__graph *g, const unic_config *c, const unic__modality *m,
                        unic__node *x, unic__node *lengths)
{
    const unic__kind_parts *parts = unic__kind_parts_of(m);
    return parts->front ? parts->front(g, c, m, x, lengths) : x;
}

unic__node *unic__pooled(unic__graph *g, const unic__modality *m, unic__node *h)
{
    const unic__kind_parts *parts = unic__kind_parts_of(m);
    return parts->pool ? parts->pool(g, m, h) : h;
}

unic__node *unic__semantic_layers(unic__graph *g, const unic_config *c, const unic__modality *m,
                                  unic__node *h, unic__node *mask)
{
    h = unic__dense(g, h, c->code_dim, "%s.semantic.affine", m->name); /* -> [B,T,D] */
    for (size_t i = 0; i < c->encoder_layers; i++) {
        const char *own = unic__graph_name(g, "%s.semantic.layer%zu", m->name, i);
        h = unic__encoder_layer(g, c, h, mask, weights_of(g, c, i, own), own);
    }
    return h;
}

unic__node *unic__semantic_encoder(unic__graph *g, const unic_config *c,
                                   const unic__modality *m, unic__node *h, unic__node *mask)
{
    return unic__semantic_layers(g, c, m, unic__pooled(g, m, h), mask);
}
