#include "loss/objective.h"

/* L = || x - D(zhat; zbar) ||^2   (P3), mean over valid steps and elements. A token modality's
 * target is its BiLSTM's output; detached, or the target itself would learn to be easy. */
unic__node *unic__reconstruction(unic__graph *g, const unic_config *c, const unic__stream *s)
{
    size_t channels = unic__shape_last(&s->front->t.shape);
    unic__node *decoded = unic__decoder(g, s->m, s->quantised, s->zbar, channels);
    unic__node *target = c->recon_target == UNIC__TARGET_DETACHED
                             ? unic__stop_gradient(g, s->front)
                             : s->front;
    return unic__mse(g, decoded, target, s->mask);
}
