#include <string.h>

#include "train/trainer.h"

/*
 * Codes that gradients train (CODIS). The codebook is where they are at rest, so that starting,
 * resetting and loading codes need not know of them; before each step the parameter takes them
 * over, scaled to length 1, and after it the codebook takes them back.
 */

void unic__prototypes_take(unic_trainer *t)
{
    const unic__param *p = unic__param_table_find(&t->params, UNIC__PROTOTYPES);
    unic_codebook *cb = t->codebook;
    if (!p)
        return;
    for (size_t l = 0; l < cb->codes; l++)
        unic__make_unit(cb->embedding + l * cb->dim, cb->dim);
    memcpy(t->params.values + p->offset, cb->embedding, p->count * sizeof(float));
    unic__codebook_refresh(cb);
}

void unic__prototypes_give(unic_trainer *t)
{
    const unic__param *p = unic__param_table_find(&t->params, UNIC__PROTOTYPES);
    unic_codebook *cb = t->codebook;
    if (!p)
        return;
    memcpy(cb->embedding, t->params.values + p->offset, p->count * sizeof(float));
    memcpy(cb->sum, cb->embedding, p->count * sizeof(float)); /* o = e, N = 1 */
    for (size_t l = 0; l < cb->codes; l++)
        cb->count[l] = 1.0F;
    unic__codebook_refresh(cb);
}
