#include "model/modality.h"

/*
 * The semantic encoder Phi (P1; A.2): what the step means, whatever the modality.
 *   z = layers(affine(h)):  project to D, then post-norm transformer layers over time. No positional
 *   encoding: without it the encoder treats the steps of a clip as a set.
 */

unic__shape unic__feature_shape(const unic__modality *m, size_t batch, size_t length)
{
    unic__shape shape = {2 + m->dims.rank, {batch, length}};
    for (size_t i = 0; i < m->dims.rank; i++)
        shape.dim[2 + i] = m->dims.dim[i];
    return shape;
}

unic__node *unic__front(unic__graph *g, const unic__modality *m, unic__node *x,
                        unic__node *lengths)
{
    if (m->kind != UNIC__TOKEN)
        return x;
    return unic__bilstm_stack(g, x, lengths, m->recurrent, m->recurrent_layers,
                              unic__graph_name(g, "%s.front", m->name));
}

/*
 * Channel and spatial attention of a grid (A.2), with a = mean over positions of h:
 *   s = sigmoid(W2 relu(W1 a)),   u = h (1 + s)
 *   score_p = tanh(w . (relu(Ws u_p) * relu(Wa a))),   out = sum_p softmax(score)_p u_p
 * `sum`: all weights are 1, as the CMG code computes it, so out = H W a (1 + s).
 */
static unic__node *spatial_pool(unic__graph *g, const unic__modality *m, unic__node *h)
{
    size_t batch = h->t.shape.dim[0], length = h->t.shape.dim[1];
    size_t positions = m->dims.dim[0] * m->dims.dim[1], channels = m->dims.dim[2];
    size_t half = channels > 1 ? channels / 2 : 1;
    h = unic__reshape(g, h, UNIC__SHAPE_OF(batch * length, positions, channels));
    unic__node *a = unic__mean(g, h, 1, true); /* [BT,1,C] */
    unic__node *s = unic__relu(
        g, unic__dense_no_bias(g, a, m->squeeze, "%s.semantic.squeeze", m->name));
    s = unic__sigmoid(g, unic__dense_no_bias(g, s, channels, "%s.semantic.excite", m->name));
    unic__node *gain = unic__affine(g, s, 1.0, 1.0); /* [BT,1,C] */
    if (m->attention == UNIC__SPATIAL_SUM) {
        unic__node *sum = unic__affine(g, unic__mul(g, a, gain), (double)positions, 0.0);
        return unic__reshape(g, sum, UNIC__SHAPE_OF(batch, length, channels));
    }
    unic__node *u = unic__mul(g, h, gain); /* [BT,P,C] */
    unic__node *qs = unic__dense_relu(g, u, half, "%s.semantic.position",
                                      m->name); /* [BT,P,C/2] */
    unic__node *qa = unic__dense_relu(g, a, half, "%s.semantic.average",
                                      m->name); /* [BT,1,C/2] */
    unic__node *score = unic__dense(g, unic__mul(g, qs, qa), 1, "%s.semantic.score", m->name);
    score = unic__reshape(g, unic__tanh(g, score),
                          UNIC__SHAPE_OF(batch * length, 1, positions));
    unic__node *out = unic__matmul(g, unic__softmax(g, score, NULL), u, false, false);
    return unic__reshape(g, out, UNIC__SHAPE_OF(batch, length, channels));
}

unic__node *unic__semantic_encoder(unic__graph *g, const unic_config *c,
                                   const unic__modality *m, unic__node *h, unic__node *mask)
{
    if (m->kind == UNIC__GRID)
        h = spatial_pool(g, m, h);                                     /* -> [B,T,C] */
    h = unic__dense(g, h, c->code_dim, "%s.semantic.affine", m->name); /* -> [B,T,D] */
    for (size_t i = 0; i < c->encoder_layers; i++)
        h = unic__encoder_layer(g, c, h, mask,
                                unic__graph_name(g, "%s.semantic.layer%zu", m->name, i));
    return h;
}
