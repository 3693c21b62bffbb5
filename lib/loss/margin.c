#include <math.h>

#include "loss/objective.h"

/*
 * Margin softmax on one vector a clip: the method S-MiT (Monfort et al., Spoken Moments, CVPR
 * 2021, Eq 2 and 3), and with fixed margins the instance loss of CMCM (Liu et al., 2021).
 *   h^m = mean over valid steps of z^m,   a = head^a(h^a),  v = head^v(h^v),  S = a v^T
 *   L_ab = ce(S - diag delta) + ce(S^T - diag delta'),   ce(S) = -mean_i log softmax_j(S_ij)_i
 *   fixed:     delta_i = delta'_i = margin.size x margin.growth^(floor of step / 1000)
 *   adaptive:  delta_i = alpha (S_ii - mean_{j != i} S_ij);  delta' the same of S^T
 * The adaptive margin is not a constant: its gradient counts, so that with alpha = 1 nothing
 * pulls the pairs themselves together. The sums are over unordered pairs of modalities, and over
 * the clips that have both.
 *   head: u = W h + b,  u sigmoid(W' u + b')     (AVLnet's projection and gate)
 * Approximate: the original head is 4096 wide on vectors of 2048. Without heads (margin.head = 0)
 * S are cosines over margin.temperature, which the originals do not have: vectors of length 16
 * would saturate the softmax.
 */

typedef struct margin_inputs {
    unic__pair_nodes target, valid; /* the clips that have both modalities */
    unic__node *identity;           /* [B, R B] */
    unic__node *fixed;              /* [1,1] the fixed form's margin of the step */
} margin_inputs;

double unic__margin_at(const unic_config *c, uint64_t step)
{
    return c->margin_size * pow(c->margin_growth, (double)(step / 1000));
}

/* delta [B,1] of the rows of S [B, R B] */
static unic__node *adaptive(unic__graph *g, const unic_config *c, unic__node *score,
                            unic__node *valid, unic__node *identity)
{
    unic__node *row = unic__reshape(g, valid, UNIC__SHAPE_OF(1, score->t.shape.dim[1]));
    unic__node *own = unic__sum(g, unic__mul(g, score, identity), 1, true); /* S_ii [B,1] */
    unic__node *all = unic__sum(g, unic__mul(g, score, row), 1, true);
    unic__node *others = unic__affine(g, unic__sum(g, row, 1, true), 1.0, -1.0);
    unic__node *mean = unic__div(g, unic__sub(g, all, own),
                                 unic__clamp(g, others, 1.0, INFINITY));
    return unic__affine(g, unic__sub(g, own, mean), c->margin_alpha, 0.0);
}

unic__node *unic__margin_softmax(unic__graph *g, const unic_config *c, unic__node *score,
                                 unic__node *turned, unic__node *target, unic__node *valid,
                                 unic__node *identity, unic__node *fixed)
{
    if (!turned)
        turned = unic__matmul(g, score, identity, true, false);
    unic__node *rows = fixed, *columns = fixed;
    if (c->margin_form == UNIC__MARGIN_ADAPTIVE) {
        rows = adaptive(g, c, score, valid, identity);
        columns = c->margin_rows ? rows : adaptive(g, c, turned, valid, identity);
    }
    rows = unic__sub(g, score, unic__mul(g, identity, rows));
    columns = unic__sub(g, turned, unic__mul(g, identity, columns));
    return unic__add(g, unic__pair_loss(g, rows, target, valid),
                     unic__pair_loss(g, columns, target, valid));
}

/* What is compared of a modality's clips: [B,P]. */
static unic__node *clip_vector(unic__graph *g, const unic_config *c, const unic__stream *s)
{
    unic__node *h = unic__clip_mean(g, s->z, s->mask);
    if (c->margin_head == 0)
        return unic__unit_rows(g, h);
    unic__node *u = unic__dense(g, h, c->margin_head, "%s.margin.head", s->m->name);
    unic__node *gate = unic__dense(g, u, c->margin_head, "%s.margin.gate", s->m->name);
    return unic__mul(g, u, unic__sigmoid(g, gate));
}

static unic__node *scores(unic__graph *g, const unic_config *c, unic__node *rows,
                          unic__node *columns)
{
    unic__node *score = unic__matmul(g, rows, columns, false, true);
    return c->margin_head == 0 ? unic__affine(g, score, 1.0 / c->margin_temperature, 0.0)
                               : score;
}

/* ---- as a term ---- */

static void make_inputs(const unic__objective *o, unic__graph *g, void *inputs)
{
    margin_inputs *in = inputs;
    unic__pairs_make(o, g, in->target, in->valid);
    in->identity = unic__input(g, UNIC__SHAPE_OF(o->batch, unic__all_batch(o)), UNIC__F32);
    in->fixed = unic__input(g, UNIC__SHAPE_OF(1, 1), UNIC__F32);
}

static unic_status fill_inputs(const unic__objective *o, void *inputs, const unic__draw *draw)
{
    margin_inputs *in = inputs;
    unic__pairs_fill(o, in->target, in->valid, 0);
    unic__identity_fill(in->identity, unic__first_row(o));
    in->fixed->t.x[0] = (float)unic__margin_at(o->config, draw->step);
    return UNIC_OK;
}

static unic__node *build_term(const unic__objective *o, unic__graph *g, void *inputs, size_t m)
{
    const unic_config *c = o->config;
    const margin_inputs *in = inputs;
    unic__node *vector[UNIC_MAX_MODALITIES], *all[UNIC_MAX_MODALITIES], *loss = NULL;
    (void)m;
    for (size_t a = 0; a < o->n; a++) {
        vector[a] = clip_vector(g, c, &o->stream[a]);
        all[a] = unic__all_rows(g, vector[a]);
    }
    for (size_t a = 0; a < o->n; a++)
        for (size_t b = a + 1; b < o->n; b++) {
            unic__node *score = scores(g, c, vector[a], all[b]); /* [B, R B] */
            unic__node *turned = g->ranks ? scores(g, c, vector[b], all[a]) : NULL;
            unic__node *term = unic__margin_softmax(g, c, score, turned, in->target[a][b],
                                                    in->valid[a][b], in->identity, in->fixed);
            loss = loss ? unic__add(g, loss, term) : term;
        }
    return loss;
}

const unic__term_kind unic__term_margin = {
    .name = "margin",
    .weight = offsetof(unic_config, margin_weight),
    .group = "margin",
    .inputs_bytes = sizeof(margin_inputs),
    .inputs = make_inputs,
    .fill = fill_inputs,
    .build = build_term,
};
