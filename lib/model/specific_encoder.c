#include "model/kinds.h"

/*
 * The specific encoder Psi (P1; A.2): what only this modality has (texture, speaker, noise).
 *   zbar = relu(W h);  a grid's convolutions stand in kind_grid.c
 */

bool unic__has_map(const unic__modality *m)
{
    const unic__kind_parts *parts = unic__kind_parts_of(m);
    return parts->has_map && parts->has_map(m);
}

unic__node *unic__reconstructed(unic__graph *g, const unic__modality *m, unic__node *h)
{
    const unic__kind_parts *parts = unic__kind_parts_of(m);
    return parts->target ? parts->target(g, m, h) : h;
}

unic__node *unic__specific_encoder(unic__graph *g, const unic__modality *m, unic__node *h)
{
    if (unic__has_map(m))
        return unic__kind_parts_of(m)->specific(g, m, h);
    return unic__dense_relu(g, unic__reconstructed(g, m, h), m->specific, "%s.specific.linear",
                            m->name);
}

unic__node *unic__specific_vector(unic__graph *g, const unic__modality *m, unic__node *zbar)
{
    return unic__has_map(m) ? unic__kind_parts_of(m)->vector(g, m, zbar) : zbar;
}
