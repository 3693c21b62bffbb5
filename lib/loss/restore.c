#include "loss/objective.h"

/*
 * Masked steps of one modality, restored from the code of another (TURN, Zhao et al., NeurIPS
 * 2022, Eq 8 to 11):
 *   x~^m = x^m with the masked steps replaced by a learnt row r^m
 *   y = layer(W x~^m + V mean_t zhat^n),   x' = U y
 *   L_{n->m} = mean over masked steps and channels of |x' - x^m|
 * summed over ordered pairs n != m; a step counts where the clip has both modalities. With
 * code.pool = clip the mean is the clip's own code. x is a step's features; of a grid, their mean
 * over positions.
 * Approximate: the paper's decoder attends to the code in every layer. It attends to one row, so
 * that is the same vector at each step; here it is added in front of one post-norm layer
 * (encoder.heads, encoder.ff), which each modality has for all its partners. The mask's part is
 * not in the paper; restoration from the own code is the reconstruction (P3), and the paper's
 * word cross-entropy and sampling by difficulty of text domains are left out.
 */

static unic__node *features_of(unic__graph *g, const unic__stream *s)
{
    unic__shape shape = s->x->t.shape;
    if (shape.rank == 3)
        return s->x;
    unic__node *flat = unic__reshape(
        g, s->x,
        UNIC__SHAPE_OF(shape.dim[0], shape.dim[1], shape.dim[2] * shape.dim[3], shape.dim[4]));
    return unic__mean(g, flat, 2, false); /* [B,T,C] */
}

/* |v| with the gradient 0 at 0. */
static unic__node *absolute(unic__graph *g, unic__node *v)
{
    return unic__add(g, unic__relu(g, v), unic__relu(g, unic__affine(g, v, -1.0, 0.0)));
}

/* W x~ [B,T,D] */
static unic__node *masked_input(unic__graph *g, const unic_config *c, const unic__stream *s,
                                unic__node *x, unic__node *masked)
{
    unic__shape shape = x->t.shape;
    unic__node *row = unic__param_node(g, UNIC__SHAPE_OF(shape.dim[2]),
                                       (unic__init){UNIC__INIT_ZEROS, 0}, "%s.restore.row",
                                       s->m->name);
    unic__node *hide = unic__reshape(g, masked, UNIC__SHAPE_OF(shape.dim[0], shape.dim[1], 1));
    x = unic__add(g, unic__mul(g, x, unic__affine(g, hide, -1.0, 1.0)),
                  unic__mul(g, hide, row));
    return unic__dense(g, x, c->code_dim, "%s.restore.in", s->m->name);
}

unic__node *unic__restore(unic__graph *g, const unic_config *c, size_t n,
                          const unic__stream *streams, const unic__restore_inputs *in, size_t m)
{
    const unic__stream *s = &streams[m];
    size_t batch = s->mask->t.shape.dim[0];
    const char *layer = unic__graph_name(g, "%s.restore.layer", s->m->name);
    unic__node *x = features_of(g, s), *hidden = masked_input(g, c, s, x, in->masked[m]);
    unic__node *loss = NULL;
    for (size_t k = 0; k < n; k++) {
        if (k == m)
            continue;
        unic__node *code = unic__clip_mean(g, streams[k].quantized, streams[k].mask);
        code = unic__dense_no_bias(g, code, c->code_dim, "%s.restore.code", s->m->name);
        code = unic__reshape(g, code, UNIC__SHAPE_OF(batch, 1, c->code_dim));
        unic__node *y = unic__encoder_layer(g, c, unic__add(g, hidden, code), s->mask, layer,
                                            layer);
        y = unic__dense(g, y, unic__shape_last(&x->t.shape), "%s.restore.out", s->m->name);
        unic__node *error = unic__mean(g, absolute(g, unic__sub(g, y, x)), 2,
                                       false);                      /* [B,T] */
        unic__node *there = unic__max(g, streams[k].mask, 1, true); /* [B,1] */
        unic__node *counts = unic__mul(g, in->masked[m], there);
        unic__node *term = unic__of_all(g, unic__valid_mean(g, error, counts), counts, NULL);
        loss = loss ? unic__add(g, loss, term) : term;
    }
    return loss;
}

/* ---- as a term ---- */

static void make_inputs(const unic__objective *o, unic__graph *g, void *inputs)
{
    unic__restore_inputs *in = inputs;
    for (size_t m = 0; m < o->n; m++)
        in->masked[m] = unic__input(g, UNIC__SHAPE_OF(o->batch, o->length), UNIC__F32);
}

/* Each valid step is masked with probability restore.mask. */
static unic_status fill_inputs(const unic__objective *o, void *inputs, const unic__draw *draw)
{
    unic__restore_inputs *in = inputs;
    const size_t steps = o->batch * o->length, all = o->config->batch * o->length;
    const size_t first = unic__first_row(o) * o->length;
    const unic__key key = {unic__random_bits(draw->key, unic__random_hash("restore"))};
    for (size_t m = 0; m < o->n; m++)
        for (size_t i = 0; i < steps; i++) {
            bool valid = o->stream[m].mask->t.x[i] > 0.0F;
            double at = (double)unic__random_uniform(key, m * all + first + i);
            in->masked[m]->t.x[i] = valid && at < o->config->restore_mask ? 1.0F : 0.0F;
        }
    return UNIC_OK;
}

static unic__node *build_term(const unic__objective *o, unic__graph *g, void *inputs, size_t m)
{
    return unic__restore(g, o->config, o->n, o->stream, inputs, m);
}

const unic__term_kind unic__term_restore = {
    .name = "restore",
    .weight = offsetof(unic_config, restore_weight),
    .each = true,
    .group = "restore",
    .inputs_bytes = sizeof(unic__restore_inputs),
    .inputs = make_inputs,
    .fill = fill_inputs,
    .build = build_term,
};
