#include <math.h>

#include "loss/objective.h"

/*
 * Cross-modal code matching (A.4): paired clips get similar distributions over the codes.
 *   p^m_t = softmax_l(-||z^m_t - e_l||),   P^m_i = mean of p over clip i's valid steps
 *   S_ij = sum_l P^a_il log P^b_jl + sum_l P^b_jl log P^a_il          (symmetric cross-entropy)
 *   L_ab = -mean_i log softmax_j(S_ij)_i ,  over the clips that have both modalities
 * asymmetric (the CMG code): the second sum is over P^b_i log P^a_j, and the softmax is
 * X_ii / (sum_j X_ij + 1e-5) with X = exp(S - min S).
 */

static const double tiny = 1e-10;   /* inside the logarithm                       */
static const double nearest = 1e-9; /* below it the root's gradient has no bound  */
static const double fade = 1e-5;    /* of the asymmetric form's denominator       */

/* P [B,L] */
static unic__node *clip_codes(unic__graph *g, const unic__stream *s)
{
    unic__node *d = unic__clamp(g, s->distance, nearest, INFINITY); /* [B,T,L] */
    unic__node *p = unic__softmax(g, unic__affine(g, unic__sqrt(g, d), -1.0, 0.0), NULL);
    return unic__clip_mean(g, p, s->mask);
}

static unic__node *log_of(unic__graph *g, unic__node *p)
{
    return unic__log(g, unic__affine(g, p, 1.0, tiny));
}

/* `valid` [R B]: rows and columns of S [B, R B] that count. */
static unic__node *asymmetric(unic__graph *g, unic__node *score, unic__node *valid,
                              unic__node *identity)
{
    size_t batch = score->t.shape.dim[0], all = score->t.shape.dim[1];
    unic__node *own = unic__own_rows(g, valid);
    unic__node *row = unic__reshape(g, own, UNIC__SHAPE_OF(batch, 1));
    unic__node *pairs = unic__mul(g, row, unic__reshape(g, valid, UNIC__SHAPE_OF(1, all)));
    unic__node *minus = unic__mul(g, unic__affine(g, score, -1.0, 0.0), pairs); /* S <= 0 */
    minus = unic__max(g, unic__reshape(g, minus, UNIC__SHAPE_OF(batch * all)), 0,
                      g->ranks != NULL);
    if (g->ranks)
        minus = unic__max(g, unic__all_rows(g, minus), 0, false);
    unic__node *shifted = unic__mul(g, unic__add(g, score, minus), pairs); /* S - min S */
    unic__node *sum = unic__sum(g, unic__mul(g, unic__exp(g, shifted), pairs), 1, false);
    unic__node *right = unic__sum(g, unic__mul(g, shifted, identity), 1, false);
    unic__node *log_sum = unic__log(g, unic__affine(g, sum, 1.0, fade));
    unic__node *mean = unic__valid_mean(g, unic__sub(g, log_sum, right), own); /* over [B] */
    return unic__of_all(g, mean, own, valid);
}

unic__node *unic__code_match(unic__graph *g, const unic_config *c, size_t n,
                             const unic__stream *streams, const unic__match_inputs *in)
{
    unic__node *p[UNIC_MAX_MODALITIES], *log_p[UNIC_MAX_MODALITIES], *loss = NULL;
    unic__node *all_p[UNIC_MAX_MODALITIES], *all_log[UNIC_MAX_MODALITIES]; /* [R B,L] */
    for (size_t m = 0; m < n; m++) {
        p[m] = clip_codes(g, &streams[m]);
        log_p[m] = log_of(g, p[m]);
        all_p[m] = unic__all_rows(g, p[m]);
        all_log[m] = g->ranks ? log_of(g, all_p[m]) : log_p[m];
    }
    for (size_t a = 0; a < n; a++)
        for (size_t b = a + 1; b < n; b++) {
            bool symmetric = c->match_form == UNIC__MATCH_SYMMETRIC;
            unic__node *ab = unic__matmul(g, p[a], all_log[b], false, true); /* [B, R B] */
            unic__node *ba = symmetric ? unic__matmul(g, log_p[a], all_p[b], false, true)
                                       : unic__matmul(g, p[b], all_log[a], false, true);
            unic__node *score = unic__add(g, ab, ba);
            unic__node *term = symmetric ? unic__pair_loss(g, score, in->target[a][b],
                                                           in->valid[a][b])
                                         : asymmetric(g, score, in->valid[a][b], in->identity);
            loss = loss ? unic__add(g, loss, term) : term;
        }
    return loss;
}

/* ---- as a term ---- */

static void make_inputs(const unic__objective *o, unic__graph *g, void *inputs)
{
    unic__match_inputs *in = inputs;
    unic__pairs_make(o, g, in->target, in->valid);
    if (o->config->match_form == UNIC__MATCH_ASYMMETRIC)
        in->identity = unic__input(g, UNIC__SHAPE_OF(o->batch, unic__all_batch(o)), UNIC__F32);
}

static unic_status fill_inputs(const unic__objective *o, void *inputs, const unic__draw *draw)
{
    unic__match_inputs *in = inputs;
    (void)draw;
    unic__pairs_fill(o, in->target, in->valid, 0);
    if (in->identity)
        unic__identity_fill(in->identity, unic__first_row(o));
    return UNIC_OK;
}

static unic__node *build_term(const unic__objective *o, unic__graph *g, void *inputs, size_t m)
{
    (void)m;
    return unic__code_match(g, o->config, o->n, o->stream, inputs);
}

const unic__term_kind unic__term_code_match = {
    .name = "code_match",
    .weight = offsetof(unic_config, match_weight),
    .inputs_bytes = sizeof(unic__match_inputs),
    .inputs = make_inputs,
    .fill = fill_inputs,
    .build = build_term,
};
