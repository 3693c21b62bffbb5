#include <math.h>

#include "train/training_graph.h"

/*
 * What a step adds to the code it is assigned to (P6), with r^n the part of partner n:
 *   target^m = (z^m + mean_n r^n) / 2
 *   target^m = own z^m + (1 - own) mean_n r^n   with code.segments, own = 3 / (M + 2) of M
 *              modalities: CoDAAR's .75 and .25 with two, .6 and twice .2 with three
 *   r^n = softmax(z^m z^n^T / sqrt(D)) z^n      ema.partner = attention
 *   r^n = z^n at the same step                  ema.partner = same_step
 * The mean is over the partners that are there (for the clip, or at the step); without any, the
 * target is z^m itself. No gradient passes. z is what gets codes (code.pool).
 */

/* r [B,T,D] and, in `there` [B,T or 1,1], 1 where the partner is there. */
static unic__node *partner(unic__graph *g, const unic_config *c, const unic__stream *s,
                           const unic__stream *other, unic__node **there)
{
    size_t batch = s->mask->t.shape.dim[0], length = s->mask->t.shape.dim[1];
    if (c->ema_partner == UNIC__PARTNER_SAME_STEP) {
        *there = unic__reshape(g, other->mask, UNIC__SHAPE_OF(batch, length, 1));
        return other->coded;
    }
    *there = unic__reshape(g, unic__max(g, other->mask, 1, true), UNIC__SHAPE_OF(batch, 1, 1));
    return unic__attention(g, s->coded, other->coded, other->coded, other->mask, s->mask, 1);
}

unic__node *unic__ema_target(unic__graph *g, const unic_config *c, size_t n,
                             const unic__stream *streams, size_t m)
{
    unic__node *z = streams[m].coded;
    if (c->ema_partner == UNIC__PARTNER_NONE)
        return unic__stop_gradient(g, z);
    unic__node *sum = NULL, *count = NULL; /* [B,T,D], [B,T or 1,1] */
    for (size_t k = 0; k < n; k++) {
        if (k == m)
            continue;
        unic__node *there, *r = partner(g, c, &streams[m], &streams[k], &there);
        r = unic__mul(g, r, there);
        sum = sum ? unic__add(g, sum, r) : r;
        count = count ? unic__add(g, count, there) : there;
    }
    /* z + (1 - own) [any partner] (mean r - z) */
    const double theirs = c->code_segments ? 1.0 - 3.0 / (double)(n + 2) : 0.5;
    unic__node *mean = unic__div(g, sum, unic__clamp(g, count, 1.0, INFINITY));
    unic__node *part = unic__affine(g, unic__clamp(g, count, 0.0, 1.0), theirs, 0.0);
    return unic__stop_gradient(g, unic__add(g, z, unic__mul(g, part, unic__sub(g, mean, z))));
}
