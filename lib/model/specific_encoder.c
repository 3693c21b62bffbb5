#include "model/modality.h"

/*
 * The specific encoder Psi (P1; A.2): what only this modality has (texture, speaker, noise).
 *   vector, token:  zbar = relu(W h);  a grid's pooled branch the same, on the mean over positions
 *   grid:           conv3x3, relu, conv3x3, relu, conv1x1, residual stack; no padding, so a map of
 *                   H x W becomes (H-4) x (W-4)
 */

bool unic__has_map(const unic__modality *m)
{
    return m->kind == UNIC__GRID && m->branch == UNIC__BRANCH_CONV;
}

unic__node *unic__reconstructed(unic__graph *g, const unic__modality *m, unic__node *h)
{
    if (m->kind != UNIC__GRID || m->branch == UNIC__BRANCH_CONV)
        return h;
    size_t positions = m->dims.dim[0] * m->dims.dim[1];
    unic__shape flat = UNIC__SHAPE_OF(h->t.shape.dim[0], h->t.shape.dim[1], positions,
                                      m->dims.dim[2]);
    return unic__mean(g, unic__reshape(g, h, flat), 2, false);
}

static const char *name_of(unic__graph *g, const unic__modality *m, const char *part)
{
    const char *name = unic__arena_printf(&g->arena, "%s.specific.%s", m->name, part);
    if (!name)
        unic__graph_fail(g, UNIC_E_NOMEM, "out of memory (a parameter's name)");
    return name ? name : "";
}

unic__node *unic__specific_encoder(unic__graph *g, const unic__modality *m, unic__node *h)
{
    if (!unic__has_map(m))
        return unic__dense_relu(g, unic__reconstructed(g, m, h), m->specific,
                                "%s.specific.linear", m->name);
    size_t batch = h->t.shape.dim[0], length = h->t.shape.dim[1];
    size_t height = m->dims.dim[0], width = m->dims.dim[1];
    h = unic__reshape(g, h, UNIC__SHAPE_OF(batch * length, height, width, m->dims.dim[2]));
    h = unic__relu(g, unic__conv3x3(g, h, m->inner, 0, true, name_of(g, m, "conv1")));
    h = unic__relu(g, unic__conv3x3(g, h, m->specific, 0, true, name_of(g, m, "conv2")));
    h = unic__dense(g, h, m->specific, "%s.specific.conv3", m->name);
    h = unic__residual_stack(g, h, name_of(g, m, "residual"));
    return unic__reshape(g, h,
                         UNIC__SHAPE_OF(batch, length, height - 4, width - 4, m->specific));
}

unic__node *unic__specific_vector(unic__graph *g, const unic__modality *m, unic__node *zbar)
{
    if (!unic__has_map(m))
        return zbar;
    size_t batch = zbar->t.shape.dim[0], length = zbar->t.shape.dim[1];
    size_t positions = zbar->t.shape.dim[2] * zbar->t.shape.dim[3];
    unic__node *y = unic__reshape(g, zbar,
                                  UNIC__SHAPE_OF(batch, length, positions, m->specific));
    y = unic__mean(g, y, 2, false); /* [B,T,S] */
    y = unic__dense_relu(g, y, m->pooled, "%s.specific.pooled1", m->name);
    return unic__dense(g, y, m->dims.dim[2], "%s.specific.pooled2", m->name); /* [B,T,C] */
}
