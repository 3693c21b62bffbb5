#include "model/modality.h"

/*
 * The decoder D (P3; A.2): x' from the code and the specific features, [zhat ; zbar].
 *   vector, token:  x' = W [V zhat ; zbar]
 *   grid:           V zhat at every position beside zbar, then transposed convolutions back to
 *                   H x W: deconv3x3, residual stack, deconv3x3, relu, conv1x1
 */

static unic__node *grid_decoder(unic__graph *g, const unic__modality *m, unic__node *code,
                                unic__node *zbar)
{
    size_t frames = zbar->t.shape.dim[0] * zbar->t.shape.dim[1];
    size_t height = zbar->t.shape.dim[2], width = zbar->t.shape.dim[3];
    size_t d = unic__shape_last(&code->t.shape), channels = m->dims.dim[2];
    const char *deconv1 = unic__arena_printf(&g->arena, "%s.decoder.deconv1", m->name);
    const char *residual = unic__arena_printf(&g->arena, "%s.decoder.residual", m->name);
    const char *deconv2 = unic__arena_printf(&g->arena, "%s.decoder.deconv2", m->name);
    if (!deconv1 || !residual || !deconv2)
        return unic__graph_fail(g, UNIC_E_NOMEM, "out of memory (a parameter's name)");
    /* The code stands at every position: index 0..frames-1, each repeated H' W' times. */
    code = unic__reshape(g, code, UNIC__SHAPE_OF(frames, 1, d));
    code = unic__repeat(g, code, 1, height * width);
    unic__node *both[] = {
        unic__reshape(g, code, UNIC__SHAPE_OF(frames, height, width, d)),
        unic__reshape(g, zbar, UNIC__SHAPE_OF(frames, height, width, m->specific))};
    unic__node *x = unic__concat(g, 2, both, 3);
    x = unic__residual_stack(g, unic__deconv3x3(g, x, m->inner, deconv1), residual);
    x = unic__relu(g, unic__deconv3x3(g, x, channels, deconv2));
    return unic__dense(g, x, channels, "%s.decoder.conv1", m->name);
}

unic__node *unic__decoder(unic__graph *g, const unic__modality *m, unic__node *quantized,
                          unic__node *zbar, size_t channels)
{
    size_t batch = quantized->t.shape.dim[0], length = quantized->t.shape.dim[1];
    size_t d = unic__shape_last(&quantized->t.shape);
    unic__node *code = unic__dense(g, quantized, d, "%s.decoder.code", m->name);
    if (unic__has_map(m))
        return unic__reshape(g, grid_decoder(g, m, code, zbar),
                             unic__feature_shape(m, batch, length));
    unic__node *both[] = {code, zbar};
    return unic__dense(g, unic__concat(g, 2, both, 2), channels, "%s.decoder.out", m->name);
}
