#include <math.h>

#include "loss/objective.h"

unic__node *unic__valid_mean(unic__graph *g, unic__node *v, unic__node *mask)
{
    size_t count = unic__shape_count(&v->t.shape);
    unic__node *sum = unic__reshape(g, unic__mul(g, v, mask), UNIC__SHAPE_OF(count));
    unic__node *valid = unic__sum(g, unic__reshape(g, mask, UNIC__SHAPE_OF(count)), 0, false);
    return unic__div(g, unic__sum(g, sum, 0, false), unic__clamp(g, valid, 1.0, INFINITY));
}
