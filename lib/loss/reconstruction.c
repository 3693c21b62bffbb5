#include "loss/objective.h"

/* L = || x - D(zhat; zbar) ||^2   (P3), mean over valid steps and elements. A token modality's
 * target is its BiLSTM's output; detached, or the target itself would learn to be easy. */
unic__node *unic__reconstruction(unic__graph *g, const unic_config *c, const unic__stream *s)
{
    unic__node *target = unic__reconstructed(g, s->m, s->front);
    size_t channels = unic__shape_last(&target->t.shape);
    unic__node *code = s->quantized;
    if (c->code_segments) /* a row of all segments, as wide as one of them */
        code = unic__dense(g, code, c->code_dim, "%s.decoder.row", s->m->name);
    unic__node *decoded = unic__decoder(g, s->m, code, s->zbar, channels);
    if (c->recon_target == UNIC__TARGET_DETACHED)
        target = unic__stop_gradient(g, target);
    unic__node *mean = unic__mse(g, decoded, target, s->mask);
    return unic__of_all(g, mean, s->mask, s->all_mask);
}

static unic__node *build_term(const unic__objective *o, unic__graph *g, void *inputs, size_t m)
{
    (void)inputs;
    return unic__reconstruction(g, o->config, &o->stream[m]);
}

const unic__term_kind unic__term_reconstruction = {
    .name = "reconstruction",
    .weight = offsetof(unic_config, recon_weight),
    .each = true,
    .group = "decoder",
    .build = build_term,
};
