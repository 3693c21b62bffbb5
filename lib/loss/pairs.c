#include "loss/objective.h"

void unic__pairs_make(const unic__objective *o, unic__graph *g, unic__pair_nodes target,
                      unic__pair_nodes valid)
{
    for (size_t a = 0; a < o->n; a++)
        for (size_t b = a; b < o->n; b++) {
            target[a][b] = target[b][a] = unic__input(g, UNIC__SHAPE_OF(o->batch), UNIC__I32);
            valid[a][b] = valid[b][a] = unic__input(g, UNIC__SHAPE_OF(o->batch), UNIC__F32);
        }
}

void unic__pairs_fill(const unic__objective *o, unic__pair_nodes target, unic__pair_nodes valid,
                      int32_t reach)
{
    for (size_t a = 0; a < o->n; a++)
        for (size_t b = a; b < o->n; b++) {
            const int32_t *la = o->stream[a].lengths->t.ix, *lb = o->stream[b].lengths->t.ix;
            int32_t *row = target[a][b]->t.ix;
            float *column = valid[a][b]->t.x;
            size_t n = 0;
            for (size_t i = 0; i < o->batch; i++) {
                bool both = la[i] > reach && lb[i] > reach;
                row[i] = both ? (int32_t)i : -1;
                column[i] = both ? 1.0F : 0.0F;
                n += both;
            }
            for (size_t i = 0; n < 2 && i < o->batch; i++) {
                row[i] = -1;
                column[i] = 0.0F;
            }
        }
}

void unic__identity_fill(unic__node *identity)
{
    size_t n = identity->t.shape.dim[0];
    for (size_t i = 0; i < n * n; i++)
        identity->t.x[i] = i % (n + 1) == 0 ? 1.0F : 0.0F;
}
