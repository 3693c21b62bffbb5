#include "model/kinds.h"

/*
 * A grid of positions a step, [B,T,H,W,C] (A.2). Its specific branch is one of
 *   conv:    conv3x3, relu, conv3x3, relu, conv1x1, residual stack; no padding, so a map of
 *            H x W becomes (H-4) x (W-4). The decoder puts V zhat at every position beside zbar
 *            and goes back to H x W: deconv3x3, residual stack, deconv3x3, relu, conv1x1
 *   pooled:  the mean over positions, as a vector
 */

static bool has_map(const unic__modality *m)
{
    return m->branch == UNIC__BRANCH_CONV;
}

/*
 * Channel and spatial attention of a grid (A.2), with a = mean over positions of h:
 *   s = sigmoid(W2 relu(W1 a)),   u = h (1 + s)
 *   score_p = tanh(w . (relu(Ws u_p) * relu(Wa a))),   out = sum_p softmax(score)_p u_p
 * `sum`: all weights are 1, as the CMG code computes it, so out = H W a (1 + s).
 */
static unic__node *pool(unic__graph *g, const unic__modality *m, unic__node *h)
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

static unic__node *target(unic__graph *g, const unic__modality *m, unic__node *h)
{
    if (has_map(m))
        return h;
    size_t positions = m->dims.dim[0] * m->dims.dim[1];
    unic__shape flat = UNIC__SHAPE_OF(h->t.shape.dim[0], h->t.shape.dim[1], positions,
                                      m->dims.dim[2]);
    return unic__mean(g, unic__reshape(g, h, flat), 2, false);
}

static const char *name_of(unic__graph *g, const unic__modality *m, const char *part)
{
    const char *name = unic__arena_printf(&g->arena, "%s.specific.%s", m->name, part);
    if (!name)
        unic__graph_fail(g, UNIC_E_NOMEM, "out of memory (a parameter's name)");
    return name ? name : "";
}

static unic__node *specific(unic__graph *g, const unic__modality *m, unic__node *h)
{
    size_t batch = h->t.shape.dim[0], length = h->t.shape.dim[1];
    size_t height = m->dims.dim[0], width = m->dims.dim[1];
    h = unic__reshape(g, h, UNIC__SHAPE_OF(batch * length, height, width, m->dims.dim[2]));
    h = unic__relu(g, unic__conv3x3(g, h, m->inner, 0, true, name_of(g, m, "conv1")));
    h = unic__relu(g, unic__conv3x3(g, h, m->specific, 0, true, name_of(g, m, "conv2")));
    h = unic__dense(g, h, m->specific, "%s.specific.conv3", m->name);
    h = unic__residual_stack(g, h, name_of(g, m, "residual"));
    return unic__reshape(g, h,
                         UNIC__SHAPE_OF(batch, length, height - 4, width - 4, m->specific));
}

static unic__node *vector(unic__graph *g, const unic__modality *m, unic__node *zbar)
{
    size_t batch = zbar->t.shape.dim[0], length = zbar->t.shape.dim[1];
    size_t positions = zbar->t.shape.dim[2] * zbar->t.shape.dim[3];
    unic__node *y = unic__reshape(g, zbar,
                                  UNIC__SHAPE_OF(batch, length, positions, m->specific));
    y = unic__mean(g, y, 2, false); /* [B,T,S] */
    y = unic__dense_relu(g, y, m->pooled, "%s.specific.pooled1", m->name);
    return unic__dense(g, y, m->dims.dim[2], "%s.specific.pooled2", m->name); /* [B,T,C] */
}

static unic__node *decoder(unic__graph *g, const unic__modality *m, unic__node *code,
                           unic__node *zbar)
{
    size_t frames = zbar->t.shape.dim[0] * zbar->t.shape.dim[1];
    size_t height = zbar->t.shape.dim[2], width = zbar->t.shape.dim[3];
    size_t d = unic__shape_last(&code->t.shape), channels = m->dims.dim[2];
    const char *deconv1 = unic__arena_printf(&g->arena, "%s.decoder.deconv1", m->name);
    const char *residual = unic__arena_printf(&g->arena, "%s.decoder.residual", m->name);
    const char *deconv2 = unic__arena_printf(&g->arena, "%s.decoder.deconv2", m->name);
    if (!deconv1 || !residual || !deconv2)
        return unic__graph_fail(g, UNIC_E_NOMEM, "out of memory (a parameter's name)");
    /* The code stands at every position: index 0..frames-1, each repeated H' W' times. */
    code = unic__reshape(g, code, UNIC__SHAPE_OF(frames, 1, d));
    code = unic__repeat(g, code, 1, height * width);
    unic__node *both[] = {
        unic__reshape(g, code, UNIC__SHAPE_OF(frames, height, width, d)),
        unic__reshape(g, zbar, UNIC__SHAPE_OF(frames, height, width, m->specific))};
    unic__node *x = unic__concat(g, 2, both, 3);
    x = unic__residual_stack(g, unic__deconv3x3(g, x, m->inner, deconv1), residual);
    x = unic__relu(g, unic__deconv3x3(g, x, channels, deconv2));
    return unic__dense(g, x, channels, "%s.decoder.conv1", m->name);
}

const unic__kind_parts unic__grid_parts = {
    .pool = pool,
    .target = target,
    .has_map = has_map,
    .specific = specific,
    .vector = vector,
    .decoder = decoder,
};
