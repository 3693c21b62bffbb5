#include <string.h>

#include "model/kinds.h"

/*
 * The second level of H-DCID (arXiv 2403.05168; the authors' released code, repository TOC_H-DCID,
 * main_model_2.py): what the first level's code leaves out, its specific features, gets a code too.
 *   x2 = zbar as a vector [B,T,Y] (of a map, CLUB's view of it),   z2 = Phi2(x2) [B,T,D]
 * with a semantic encoder of its own; no layer is shared with the first level.
 */

void unic__level2_modality(const unic__modality *m, unic__modality *second)
{
    *second = (unic__modality){.kind = UNIC__VECTOR};
    strcpy(second->name, m->name); /* 24 letters or fewer */
    strcat(second->name, ".level2");
    second->specific = unic__has_map(m) ? unic__shape_last(&m->dims) : m->specific;
    second->dims = UNIC__SHAPE_OF(second->specific);
}

unic__node *unic__level2_z(unic__graph *g, const unic_config *c, const unic__modality *m,
                           unic__node *h, unic__node *mask)
{
    unic__modality second;
    unic__level2_modality(m, &second);
    unic__node *x2 = unic__specific_vector(g, m, unic__specific_encoder(g, m, h));
    return unic__semantic_encoder(g, c, &second, x2, mask);
}
