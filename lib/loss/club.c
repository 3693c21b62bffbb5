#include <math.h>
#include <string.h>

#include "loss/objective.h"

/*
 * CLUB (P4, Eq 5): an upper bound on the information that z and zbar share, through a Gaussian
 * q(y|x) = N(mu(x), exp(s(x))) with y the vector of zbar and s in (-1, 1).
 *
 *   I = mean_i [ mean_t log q(y_it | x_it)  -  mean_j mean_t log q(y_jt | x_it) ]        (Eq 5)
 *
 * The normaliser of q cancels, and so does mu^2; what is left needs, of all the other clips,
 * only the mean of y and of y^2 at each t, so all pairs cost no more than one:
 *
 *   I = mean_it 1/2 sum_d exp(-s) [ (mean_j y_j^2 - y^2) + 2 mu (y - mean_j y_j) ]
 */

static void club_nets(unic__graph *g, const unic_config *c, const unic__modality *m,
                      unic__node *x, size_t out, unic__node **mu, unic__node **s)
{
    const char *group = g->group, *mean = unic__arena_printf(&g->arena, "%s.club.mu", m->name);
    const char *logvar = unic__arena_printf(&g->arena, "%s.club.logvar", m->name);
    g->group = unic__arena_printf(&g->arena, "club.%s", m->name);
    if (!mean || !logvar || !g->group) {
        *mu = *s = unic__graph_fail(g, UNIC_E_NOMEM, "out of memory (a parameter's name)");
        return;
    }
    *mu = unic__mlp(g, x, c->club_width, c->club_layers, out, mean);
    *s = unic__tanh(g, unic__mlp(g, x, c->club_width, c->club_layers, out, logvar));
    g->group = group;
}

/* [B,T] -> [B,T,1] */
static unic__node *of_steps(unic__graph *g, unic__node *mask)
{
    return unic__reshape(g, mask,
                         UNIC__SHAPE_OF(mask->t.shape.dim[0], mask->t.shape.dim[1], 1));
}

/* [B,T,Y] -> [1,T,Y]: mean over the clips, of all ranks, that are valid at t */
static unic__node *mean_over_clips(unic__graph *g, unic__node *v, const unic__stream *st)
{
    unic__node *mask = of_steps(g, st->mask);
    unic__node *all = g->ranks ? of_steps(g, st->all_mask) : mask;
    unic__node *count = unic__clamp(g, unic__sum(g, all, 0, true), 1.0, INFINITY);
    unic__node *sum = unic__all_sum(g, unic__sum(g, unic__mul(g, v, mask), 0, true));
    return unic__div(g, sum, count);
}

static unic__node *all_pairs(unic__graph *g, const unic__stream *st, unic__node *mu,
                             unic__node *s)
{
    unic__node *y = st->y, *yy = unic__square(g, y);
    unic__node *first = unic__sub(g, mean_over_clips(g, yy, st), yy);
    unic__node *second = unic__sub(g, y, mean_over_clips(g, y, st));
    unic__node *sum = unic__add(g, first, unic__affine(g, unic__mul(g, mu, second), 2.0, 0.0));
    sum = unic__mul(g, sum, unic__exp(g, unic__affine(g, s, -1.0, 0.0)));
    sum = unic__affine(g, unic__sum(g, sum, 2, false), 0.5, 0.0); /* [B,T] */
    return unic__of_all(g, unic__valid_mean(g, sum, st->mask), st->mask, st->all_mask);
}

/* [B,T,Y] -> [B,Y]: mean over the steps in `mask` [B,T,1], of which there are `count` [B,1] */
static unic__node *mean_over_steps(unic__graph *g, unic__node *v, unic__node *mask,
                                   unic__node *count)
{
    return unic__div(g, unic__sum(g, unic__mul(g, v, mask), 1, false), count);
}

/*
 * As the CMG code computes it (A.5): one permutation pi of the batch for the negatives, and the
 * means over time of (mu - y)^2 and of s taken apart:
 *   I = 1/2 mean_b sum_d [ -mean_t (mu - y)^2 + mean_t (mu - y_pi)^2 ] / exp(mean_t s)
 * t is over the steps that clip and other clip both have, b over the clips where there are any.
 */
static unic__node *one_permutation(unic__graph *g, const unic__stream *st, unic__node *mu,
                                   unic__node *s, unic__node *permutation)
{
    unic__shape shape = st->y->t.shape; /* [B,T,Y] */
    size_t batch = shape.dim[0], length = shape.dim[1];
    unic__node *rows = unic__reshape(g, st->y, UNIC__SHAPE_OF(batch, length * shape.dim[2]));
    unic__node *other = unic__gather(g, unic__all_rows(g, rows), permutation);
    other = unic__reshape(g, other, shape);
    unic__node *all_mask = g->ranks ? st->all_mask : st->mask;
    unic__node *both = unic__mul(g, st->mask, unic__gather(g, all_mask, permutation));
    unic__node *steps = unic__sum(g, both, 1, true); /* [B,1] */
    unic__node *count = unic__clamp(g, steps, 1.0, INFINITY);
    both = unic__reshape(g, both, UNIC__SHAPE_OF(batch, length, 1));
    unic__node *near = unic__square(g, unic__sub(g, mu, st->y));
    unic__node *far = unic__square(g, unic__sub(g, mu, other));
    unic__node *gap = mean_over_steps(g, unic__sub(g, far, near), both, count); /* [B,Y] */
    gap = unic__div(g, gap, unic__exp(g, mean_over_steps(g, s, both, count)));
    gap = unic__affine(g, unic__sum(g, gap, 1, false), 0.5, 0.0); /* [B] */
    unic__node *compared = unic__clamp(g, unic__reshape(g, steps, UNIC__SHAPE_OF(batch)), 0.0,
                                       1.0);
    return unic__of_all(g, unic__valid_mean(g, gap, compared), compared, NULL);
}

unic__node *unic__club(unic__graph *g, const unic_config *c, const unic__stream *s,
                       unic__node *permutation)
{
    unic__node *mu, *logvar, *x = c->club_input == UNIC__CLUB_SEMANTIC ? s->z : s->quantized;
    club_nets(g, c, s->m, x, unic__shape_last(&s->y->t.shape), &mu, &logvar);
    return c->club_form == UNIC__CLUB_ALL_PAIRS
               ? all_pairs(g, s, mu, logvar)
               : one_permutation(g, s, mu, logvar, permutation);
}

/* -mean over valid steps of 1/2 sum_d [ -(y - mu)^2 / exp(s) - s ] */
unic__node *unic__club_fit(unic__graph *g, const unic_config *c, const unic__modality *m,
                           unic__node *x, unic__node *y, unic__node *mask, unic__node *all_mask)
{
    unic__node *mu, *s;
    club_nets(g, c, m, x, unic__shape_last(&y->t.shape), &mu, &s);
    unic__node *square = unic__square(g, unic__sub(g, y, mu));
    unic__node *sum = unic__mul(g, square, unic__exp(g, unic__affine(g, s, -1.0, 0.0)));
    sum = unic__affine(g, unic__sum(g, unic__add(g, sum, s), 2, false), 0.5, 0.0); /* [B,T] */
    return unic__of_all(g, unic__valid_mean(g, sum, mask), mask, all_mask);
}

/* ---- as a term ---- */

static void make_inputs(const unic__objective *o, unic__graph *g, void *inputs)
{
    unic__club_inputs *in = inputs;
    for (size_t m = 0; m < o->n && o->config->club_form == UNIC__CLUB_PERMUTATION; m++)
        in->permutation[m] = unic__input(g, UNIC__SHAPE_OF(o->batch), UNIC__I32);
    if (!in->permutation[0])
        return;
    in->all = unic__arena_alloc(&g->arena, unic__all_batch(o) * sizeof *in->all);
    if (!in->all)
        unic__graph_fail(g, UNIC_E_NOMEM, "out of memory (a permutation of the clips)");
}

/* The other clip that each of the whole batch's clips is compared with, given or drawn; rows
 * without a clip stay alone. */
static unic_status fill_permutation(const unic__objective *o, size_t m, int32_t *to,
                                    const unic__draw *draw)
{
    const int32_t *given = draw->given && draw->given->club_permutation
                               ? draw->given->club_permutation[m]
                               : NULL;
    for (size_t b = draw->clips; b < unic__all_batch(o); b++)
        to[b] = (int32_t)b;
    if (!given) {
        const unic__key own = {unic__random_bits(draw->key, m + 1)};
        unic__random_permutation(own, to, draw->clips);
        return UNIC_OK;
    }
    for (size_t b = 0; b < draw->clips; b++) {
        if (given[b] < 0 || (size_t)given[b] >= draw->clips)
            return unic__fail(UNIC_E_VALUE,
                              "draws: club_permutation[%zu][%zu] = %d is not in 0..%zu", m, b,
                              given[b], draw->clips - 1);
        to[b] = given[b];
    }
    return UNIC_OK;
}

static unic_status fill_inputs(const unic__objective *o, void *inputs, const unic__draw *draw)
{
    const unic__club_inputs *in = inputs;
    for (size_t m = 0; m < o->n && in->permutation[m]; m++) {
        UNIC__TRY(fill_permutation(o, m, in->all, draw));
        memcpy(in->permutation[m]->t.ix, in->all + unic__first_row(o),
               o->batch * sizeof *in->all);
    }
    return UNIC_OK;
}

static unic__node *build_term(const unic__objective *o, unic__graph *g, void *inputs, size_t m)
{
    const unic__club_inputs *in = inputs;
    return unic__club(g, o->config, &o->stream[m], in->permutation[m]);
}

const unic__term_kind unic__term_club = {
    .name = "club",
    .weight = offsetof(unic_config, club_weight),
    .each = true,
    .fitted = true,
    .inputs_bytes = sizeof(unic__club_inputs),
    .inputs = make_inputs,
    .fill = fill_inputs,
    .build = build_term,
};
