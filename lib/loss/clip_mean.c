#include <math.h>

#include "loss/objective.h"

/* One vector a clip, and its direction. */

unic__node *unic__clip_mean(unic__graph *g, unic__node *v, unic__node *mask)
{
    size_t batch = mask->t.shape.dim[0], length = mask->t.shape.dim[1];
    size_t channels = unic__shape_last(&v->t.shape);
    unic__node *row = unic__reshape(g, mask, UNIC__SHAPE_OF(batch, 1, length));
    unic__node *sum = unic__matmul(g, row, v, false, false); /* [B,1,C] */
    unic__node *count = unic__clamp(g, unic__sum(g, row, 2, true), 1.0, INFINITY);
    return unic__reshape(g, unic__div(g, sum, count), UNIC__SHAPE_OF(batch, channels));
}

unic__node *unic__unit_rows(unic__graph *g, unic__node *x)
{
    static const double shortest = 1e-12; /* squared: an absent clip's row is 0 */
    unic__node *square = unic__sum(g, unic__square(g, x), 1, true); /* [B,1] */
    return unic__div(g, x, unic__sqrt(g, unic__clamp(g, square, shortest, INFINITY)));
}
