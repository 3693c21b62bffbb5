#include "model/layers.h"

#include <math.h>

void unic__use_kernels(unic__graph *g, const unic_config *c)
{
    g->backend = c->kernel == UNIC__KERNEL_ONEDNN ? UNIC__ONEDNN
                 : c->kernel == UNIC__KERNEL_BLAS ? UNIC__BLAS
                                                  : UNIC__AUTO;
    g->direct = !c->winograd;
}

static unic__init uniform(size_t fan_in)
{
    return (unic__init){UNIC__INIT_UNIFORM, 1.0 / sqrt((double)fan_in)};
}

static const unic__init zeros = {UNIC__INIT_ZEROS, 0.0};
static const unic__init ones = {UNIC__INIT_ONES, 0.0};

static unic__node *weight_of(unic__graph *g, const unic__node *x, size_t out,
                             const char *prefix)
{
    size_t in = unic__shape_last(&x->t.shape);
    return unic__weight_node(g, UNIC__SHAPE_OF(out, in), uniform(in), "%s.weight", prefix);
}

static unic__node *bias_of(unic__graph *g, const unic__node *x, size_t out, const char *prefix)
{
    return unic__param_node(g, UNIC__SHAPE_OF(out), uniform(unic__shape_last(&x->t.shape)),
                            "%s.bias", prefix);
}

unic__node *unic__dense(unic__graph *g, unic__node *x, size_t out, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *prefix = unic__graph_vname(g, format, args);
    va_end(args);
    unic__node *w = weight_of(g, x, out, prefix);
    return unic__linear(g, x, w, bias_of(g, x, out, prefix));
}

unic__node *unic__dense_relu(unic__graph *g, unic__node *x, size_t out, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *prefix = unic__graph_vname(g, format, args);
    va_end(args);
    unic__node *w = weight_of(g, x, out, prefix);
    return unic__linear_relu(g, x, w, bias_of(g, x, out, prefix));
}

unic__node *unic__dense_no_bias(unic__graph *g, unic__node *x, size_t out, const char *format,
                                ...)
{
    va_list args;
    va_start(args, format);
    const char *prefix = unic__graph_vname(g, format, args);
    va_end(args);
    return unic__linear(g, x, weight_of(g, x, out, prefix), NULL);
}

static unic__node *norm(unic__graph *g, unic__node *x, const char *prefix, int i)
{
    size_t d = unic__shape_last(&x->t.shape);
    unic__node *gamma = unic__param_node(g, UNIC__SHAPE_OF(d), ones, "%s.norm%d.weight", prefix,
                                         i);
    unic__node *beta = unic__param_node(g, UNIC__SHAPE_OF(d), zeros, "%s.norm%d.bias", prefix,
                                        i);
    return unic__layer_norm(g, x, gamma, beta, 1e-5);
}

unic__node *unic__encoder_layer(unic__graph *g, const unic_config *c, unic__node *x,
                                unic__node *mask, const char *weights, const char *norms)
{
    size_t d = c->code_dim;
    double p = c->encoder_dropout;
    /* Q, K and V by one product; its start is Xavier's, the biases' zero, as in PyTorch. */
    unic__init xavier = {UNIC__INIT_UNIFORM, sqrt(6.0 / (double)(4 * d))};
    unic__node *w = unic__weight_node(g, UNIC__SHAPE_OF(3 * d, d), xavier,
                                      "%s.attention.in.weight", weights);
    unic__node *b = unic__param_node(g, UNIC__SHAPE_OF(3 * d), zeros, "%s.attention.in.bias",
                                     weights);
    unic__node *wo = unic__weight_node(g, UNIC__SHAPE_OF(d, d), uniform(d),
                                       "%s.attention.out.weight", weights);
    unic__node *bo = unic__param_node(g, UNIC__SHAPE_OF(d), zeros, "%s.attention.out.bias",
                                      weights);

    unic__node *qkv = unic__linear(g, x, w, b); /* [B,T,3D] */
    unic__node *a = unic__self_attention(g, qkv, mask, c->encoder_heads, p,
                                         c->encoder_context); /* [B,T,D]  */
    a = unic__dropout(g, unic__linear(g, a, wo, bo), p);
    unic__node *h = norm(g, unic__add(g, x, a), norms, 1);
    unic__node *f = unic__dense_relu(g, h, c->encoder_ff, "%s.ff1", weights); /* [B,T,F]  */
    f = unic__dense(g, unic__dropout(g, f, p), d, "%s.ff2", weights);         /* [B,T,D]  */
    return norm(g, unic__add(g, h, unic__dropout(g, f, p)), norms, 2);
}

static unic__node *lstm(unic__graph *g, unic__node *x, unic__node *lengths, size_t hidden,
                        const char *prefix, size_t layer, bool reverse, size_t chunk)
{
    size_t in = unic__shape_last(&x->t.shape);
    unic__init init = uniform(hidden);
    const char *end = reverse ? "_reverse" : "";
    unic__node *w_ih = unic__weight_node(g, UNIC__SHAPE_OF(4 * hidden, in), init,
                                         "%s.weight_ih_l%zu%s", prefix, layer, end);
    unic__node *w_hh = unic__weight_node(g, UNIC__SHAPE_OF(4 * hidden, hidden), init,
                                         "%s.weight_hh_l%zu%s", prefix, layer, end);
    unic__node *b_ih = unic__param_node(g, UNIC__SHAPE_OF(4 * hidden), init,
                                        "%s.bias_ih_l%zu%s", prefix, layer, end);
    unic__node *b_hh = unic__param_node(g, UNIC__SHAPE_OF(4 * hidden), init,
                                        "%s.bias_hh_l%zu%s", prefix, layer, end);
    return unic__lstm(g, x, w_ih, w_hh, b_ih, b_hh, lengths, reverse, chunk);
}

unic__node *unic__lstm_stack(unic__graph *g, unic__node *x, unic__node *lengths, size_t hidden,
                             size_t layers, const char *prefix)
{
    for (size_t i = 0; i < layers; i++)
        x = lstm(g, x, lengths, hidden, prefix, i, false, 0);
    return x;
}

unic__node *unic__bilstm_stack(unic__graph *g, unic__node *x, unic__node *lengths,
                               size_t hidden, size_t layers, size_t chunk, const char *prefix)
{
    for (size_t i = 0; i < layers; i++) {
        unic__node *both[] = {lstm(g, x, lengths, hidden, prefix, i, false, 0),
                              lstm(g, x, lengths, hidden, prefix, i, true, chunk)};
        x = unic__concat(g, 2, both, 2);
    }
    return x;
}

unic__node *unic__conv3x3(unic__graph *g, unic__node *x, size_t out, size_t pad, bool bias,
                          const char *prefix)
{
    size_t in = unic__shape_last(&x->t.shape);
    unic__init init = uniform(9 * in);
    unic__node *w = unic__param_node(g, UNIC__SHAPE_OF(3, 3, in, out), init, "%s.weight",
                                     prefix);
    unic__node *b = bias ? unic__param_node(g, UNIC__SHAPE_OF(out), init, "%s.bias", prefix)
                         : NULL;
    return unic__conv2d(g, x, w, b, 1, pad);
}

unic__node *unic__deconv3x3(unic__graph *g, unic__node *x, size_t out, const char *prefix)
{
    size_t in = unic__shape_last(&x->t.shape);
    unic__init init = uniform(9 * out); /* PyTorch's fan-in of a transposed convolution */
    unic__node *w = unic__param_node(g, UNIC__SHAPE_OF(3, 3, out, in), init, "%s.weight",
                                     prefix);
    unic__node *b = unic__param_node(g, UNIC__SHAPE_OF(out), init, "%s.bias", prefix);
    return unic__conv_transpose2d(g, x, w, b, 1, 0);
}

unic__node *unic__strided3x3(unic__graph *g, unic__node *x, size_t out, size_t stride,
                             const char *prefix)
{
    size_t in = unic__shape_last(&x->t.shape);
    unic__node *w = unic__param_node(g, UNIC__SHAPE_OF(3, 3, in, out), uniform(9 * in),
                                     "%s.weight", prefix);
    return unic__conv2d(g, x, w, NULL, stride, 1);
}

unic__node *unic__dilated3x3(unic__graph *g, unic__node *x, size_t out, size_t dilation,
                             const char *prefix)
{
    size_t in = unic__shape_last(&x->t.shape);
    unic__init init = {UNIC__INIT_UNIFORM, 0.01 * sqrt(3.0)};
    unic__node *w = unic__param_node(g, UNIC__SHAPE_OF(3, 3, in, out), init, "%s.weight",
                                     prefix);
    unic__node *b = unic__param_node(g, UNIC__SHAPE_OF(out), uniform(9 * in), "%s.bias",
                                     prefix);
    return unic__dilated_conv2d(g, x, w, b, dilation, dilation);
}

unic__node *unic__residual_stack(unic__graph *g, unic__node *x, const char *prefix)
{
    size_t channels = unic__shape_last(&x->t.shape);
    const char *first = unic__graph_name(g, "%s.conv3", prefix);
    unic__node *r = unic__relu(g, x);
    unic__node *f = unic__relu(g, unic__conv3x3(g, r, channels, 1, false, first));
    f = unic__dense_no_bias(g, f, channels, "%s.conv1",
                            prefix); /* 1x1: a product over channels */
    return unic__relu(g, unic__add(g, r, f));
}

unic__node *unic__mlp(unic__graph *g, unic__node *x, size_t width, size_t layers, size_t out,
                      const char *prefix)
{
    for (size_t i = 0; i + 1 < layers; i++)
        x = unic__dense_relu(g, x, width, "%s.%zu", prefix, i);
    return unic__dense(g, x, out, "%s.%zu", prefix, layers - 1);
}
