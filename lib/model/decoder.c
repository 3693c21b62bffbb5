#include "model/kinds.h"

/*
 * The decoder D (P3; A.2): x' from the code and the specific features, [zhat ; zbar].
 *   x' = W [V zhat ; zbar];  a grid's transposed convolutions stand in kind_grid.c
 */

unic__node *unic__decoder(unic__graph *g, const unic__modality *m, unic__node *quantized,
                          unic__node *zbar, size_t channels)
{
    size_t batch = quantized->t.shape.dim[0], length = quantized->t.shape.dim[1];
    size_t d = unic__shape_last(&quantized->t.shape);
    unic__node *code = unic__dense(g, quantized, d, "%s.decoder.code", m->name);
    if (unic__has_map(m))
        return unic__reshape(g, unic__kind_parts_of(m)->decoder(g, m, code, zbar),
                             unic__feature_shape(m, batch, length));
    unic__node *both[] = {code, zbar};
    return unic__dense(g, unic__concat(g, 2, both, 2), channels, "%s.decoder.out", m->name);
}
