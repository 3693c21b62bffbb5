#include <math.h>

#include "loss/objective.h"

size_t unic__all_batch(const unic__objective *o)
{
    return o->ranks ? o->batch * o->ranks->size : o->batch;
}

size_t unic__first_row(const unic__objective *o)
{
    return o->ranks ? o->batch * o->ranks->rank : 0;
}

const int32_t *unic__all_lengths(const unic__objective *o, size_t m)
{
    return o->ranks ? o->lengths[m] : o->stream[m].lengths->t.ix;
}

static unic__node *total(unic__graph *g, unic__node *mask)
{
    const size_t count = unic__shape_count(&mask->t.shape);
    return unic__sum(g, unic__reshape(g, mask, UNIC__SHAPE_OF(count)), 0, false);
}

unic__node *unic__of_all(unic__graph *g, unic__node *mean, unic__node *own, unic__node *all)
{
    if (!g->ranks)
        return mean;
    unic__node *here = total(g, own);
    unic__node *there = all ? total(g, all) : unic__all_sum(g, here);
    return unic__mul(g, mean, unic__div(g, here, unic__clamp(g, there, 1.0, INFINITY)));
}
