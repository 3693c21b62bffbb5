#include "loss/objective.h"

void unic__pairs_make(const unic__objective *o, unic__graph *g, unic__pair_nodes target,
                      unic__pair_nodes valid)
{
    for (size_t a = 0; a < o->n; a++)
        for (size_t b = a; b < o->n; b++) {
            target[a][b] = target[b][a] = unic__input(g, UNIC__SHAPE_OF(o->batch), UNIC__I32);
            valid[a][b] = valid[b][a] = unic__input(g, UNIC__SHAPE_OF(unic__all_batch(o)),
                                                    UNIC__F32);
        }
}

/* 1 for the clips that are compared; all are left out where there are fewer than two. */
static void fill_valid(const unic__objective *o, size_t a, size_t b, int32_t reach,
                       float *valid)
{
    const int32_t *la = unic__all_lengths(o, a), *lb = unic__all_lengths(o, b);
    const size_t rows = unic__all_batch(o);
    size_t n = 0;
    for (size_t i = 0; i < rows; i++) {
        const bool both = la[i] > reach && lb[i] > reach;
        valid[i] = both ? 1.0F : 0.0F;
        n += both;
    }
    for (size_t i = 0; n < 2 && i < rows; i++)
        valid[i] = 0.0F;
}

void unic__pairs_fill(const unic__objective *o, unic__pair_nodes target, unic__pair_nodes valid,
                      int32_t reach)
{
    const size_t first = unic__first_row(o);
    for (size_t a = 0; a < o->n; a++)
        for (size_t b = a; b < o->n; b++) {
            int32_t *row = target[a][b]->t.ix;
            const float *column = valid[a][b]->t.x + first;
            fill_valid(o, a, b, reach, valid[a][b]->t.x);
            for (size_t i = 0; i < o->batch; i++)
                row[i] = column[i] > 0.0F ? (int32_t)(first + i) : -1;
        }
}

unic__node *unic__pair_loss(unic__graph *g, unic__node *score, unic__node *target,
                            unic__node *valid)
{
    unic__node *mean = unic__cross_entropy(g, score, target, valid);
    return g->ranks ? unic__of_all(g, mean, unic__own_rows(g, valid), valid) : mean;
}

void unic__identity_fill(unic__node *identity, size_t first)
{
    const size_t rows = identity->t.shape.dim[0], columns = identity->t.shape.dim[1];
    for (size_t i = 0; i < rows * columns; i++)
        identity->t.x[i] = i % columns == first + i / columns ? 1.0F : 0.0F;
}
