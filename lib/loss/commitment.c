#include "loss/objective.h"

/* L^m = own ||z^m - sg[e^m]||^2 + cross mean_{n != m} ||z^m - sg[e^n]||^2   (P7, own = beta and
 * cross = beta / 2), z as code.pool says, means over valid steps and D; a cross part counts where both are valid. */
unic__node *unic__commitment(unic__graph *g, const unic_config *c, size_t n,
                             const unic__stream *streams, size_t m)
{
    const unic__stream *s = &streams[m];
    unic__node *own = unic__of_all(g, unic__mse(g, s->coded, s->e, s->mask), s->mask,
                                   s->all_mask);
    unic__node *loss = unic__affine(g, own, c->commit_own, 0.0);
    double cross = c->commit_cross / (double)(n - 1);
    for (size_t k = 0; k < n && cross != 0.0; k++) {
        if (k == m)
            continue;
        unic__node *both = unic__mul(g, s->mask, streams[k].mask);
        unic__node *all = g->ranks ? unic__mul(g, s->all_mask, streams[k].all_mask) : NULL;
        unic__node *part = unic__of_all(g, unic__mse(g, s->coded, streams[k].e, both), both,
                                        all);
        loss = unic__add(g, loss, unic__affine(g, part, cross, 0.0));
    }
    return loss;
}

static unic__node *build_term(const unic__objective *o, unic__graph *g, void *inputs, size_t m)
{
    (void)inputs;
    return unic__commitment(g, o->config, o->n, o->stream, m);
}

const unic__term_kind unic__term_commitment = {
    .name = "commitment",
    .weight = offsetof(unic_config, commit_weight),
    .each = true,
    .build = build_term,
};
