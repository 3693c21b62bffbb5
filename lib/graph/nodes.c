#include "graph/nodes.h"

/* `settings` is a compound literal of the operator's attr struct. */
#define APPLY(op, settings, ...)                                                               \
    unic__apply(g, &(op), &(settings), sizeof(settings),                                       \
                sizeof((unic__node *[]){__VA_ARGS__}) / sizeof(unic__node *),                  \
                (unic__node *[]){__VA_ARGS__})
#define APPLY_PLAIN(op, ...)                                                                   \
    unic__apply(g, &(op), NULL, 0,                                                             \
                sizeof((unic__node *[]){__VA_ARGS__}) / sizeof(unic__node *),                  \
                (unic__node *[]){__VA_ARGS__})

unic__node *unic__linear(unic__graph *g, unic__node *x, unic__node *w, unic__node *b)
{
    return APPLY(unic__op_linear, ((unic__linear_attr){.relu = false}), x, w, b);
}

unic__node *unic__linear_relu(unic__graph *g, unic__node *x, unic__node *w, unic__node *b)
{
    return APPLY(unic__op_linear, ((unic__linear_attr){.relu = true}), x, w, b);
}

unic__node *unic__matmul(unic__graph *g, unic__node *a, unic__node *b, bool transpose_a,
                         bool transpose_b)
{
    return APPLY(unic__op_matmul, ((unic__matmul_attr){transpose_a, transpose_b}), a, b);
}

unic__node *unic__conv2d(unic__graph *g, unic__node *x, unic__node *w, unic__node *b,
                         size_t stride, size_t pad)
{
    return APPLY(unic__op_conv2d, ((unic__conv_attr){stride, pad, 1}), x, w, b);
}

unic__node *unic__conv2d_relu(unic__graph *g, unic__node *x, unic__node *w, unic__node *b,
                              size_t stride, size_t pad)
{
    return APPLY(unic__op_conv2d_relu, ((unic__conv_attr){stride, pad, 1}), x, w, b);
}

size_t unic__conv2d_tile(const unic__graph *g, unic__node *x, unic__shape w, size_t stride,
                         size_t pad)
{
    unic__tensor weight = {.shape = w};
    const unic__conv_attr attr = {stride, pad, 1};
    if (g->status != UNIC_OK)
        return 0;
    return unic__op_conv2d_tile(&(unic__call){.op = &unic__op_conv2d,
                                              .in = {&x->t, &weight},
                                              .attr = &attr,
                                              .backend = g->backend,
                                              .direct = g->direct,
                                              .many_shapes = g->many_shapes});
}

unic__node *unic__dilated_conv2d(unic__graph *g, unic__node *x, unic__node *w, unic__node *b,
                                 size_t dilation, size_t pad)
{
    return APPLY(unic__op_conv2d, ((unic__conv_attr){1, pad, dilation}), x, w, b);
}

unic__node *unic__conv_transpose2d(unic__graph *g, unic__node *x, unic__node *w, unic__node *b,
                                   size_t stride, size_t pad)
{
    return APPLY(unic__op_conv_transpose2d, ((unic__conv_attr){stride, pad, 1}), x, w, b);
}

unic__node *unic__avg_pool2d(unic__graph *g, unic__node *x, size_t window, size_t stride)
{
    return APPLY(unic__op_avg_pool2d, ((unic__pool_attr){window, stride}), x);
}

unic__node *unic__max_pool2d(unic__graph *g, unic__node *x, size_t window, size_t stride)
{
    return APPLY(unic__op_max_pool2d, ((unic__pool_attr){window, stride}), x);
}

unic__node *unic__upsample(unic__graph *g, unic__node *x, size_t factor, bool align_corners)
{
    return APPLY(unic__op_upsample, ((unic__upsample_attr){factor, align_corners}), x);
}

unic__node *unic__lstm(unic__graph *g, unic__node *x, unic__node *w_ih, unic__node *w_hh,
                       unic__node *b_ih, unic__node *b_hh, unic__node *lengths, bool reverse,
                       size_t chunk)
{
    return APPLY(unic__op_lstm, ((unic__lstm_attr){reverse, chunk}), x, w_ih, w_hh, b_ih, b_hh,
                 lengths);
}

unic__node *unic__self_attention(unic__graph *g, unic__node *qkv, unic__node *mask,
                                 size_t heads, double dropout, size_t chunk)
{
    return APPLY(unic__op_attention,
                 ((unic__attention_attr){heads, (float)dropout, true, chunk}), qkv, qkv, qkv,
                 mask, mask);
}

unic__node *unic__attention(unic__graph *g, unic__node *q, unic__node *k, unic__node *v,
                            unic__node *key_mask, unic__node *query_mask, size_t heads)
{
    return APPLY(unic__op_attention, ((unic__attention_attr){heads, 0.0F, false, 0}), q, k, v,
                 key_mask, query_mask);
}

unic__node *unic__layer_norm(unic__graph *g, unic__node *x, unic__node *gamma, unic__node *beta,
                             double eps)
{
    return APPLY(unic__op_layer_norm, ((unic__layer_norm_attr){(float)eps}), x, gamma, beta);
}

unic__node *unic__channel_moments(unic__graph *g, unic__node *x)
{
    return APPLY_PLAIN(unic__op_channel_moments, x);
}

unic__node *unic__batch_norm(unic__graph *g, unic__node *x, unic__node *gamma, unic__node *beta,
                             unic__node *moments)
{
    return APPLY(unic__op_batch_norm, ((unic__batch_norm_attr){1e-5F}), x, gamma, beta,
                 moments);
}

unic__node *unic__softmax(unic__graph *g, unic__node *x, unic__node *mask)
{
    return APPLY_PLAIN(unic__op_softmax, x, mask);
}

unic__node *unic__log_softmax(unic__graph *g, unic__node *x)
{
    return APPLY_PLAIN(unic__op_log_softmax, x);
}

static unic__node *unary(unic__graph *g, unic__unary_kind kind, unic__node *x, double a,
                         double b)
{
    return APPLY(unic__op_unary, ((unic__unary_attr){kind, (float)a, (float)b}), x);
}

unic__node *unic__relu(unic__graph *g, unic__node *x)
{
    return unary(g, UNIC__RELU, x, 0, 0);
}

unic__node *unic__tanh(unic__graph *g, unic__node *x)
{
    return unary(g, UNIC__TANH, x, 0, 0);
}

unic__node *unic__sigmoid(unic__graph *g, unic__node *x)
{
    return unary(g, UNIC__SIGMOID, x, 0, 0);
}

unic__node *unic__exp(unic__graph *g, unic__node *x)
{
    return unary(g, UNIC__EXP, x, 0, 0);
}

unic__node *unic__log(unic__graph *g, unic__node *x)
{
    return unary(g, UNIC__LOG, x, 0, 0);
}

unic__node *unic__sqrt(unic__graph *g, unic__node *x)
{
    return unary(g, UNIC__SQRT, x, 0, 0);
}

unic__node *unic__square(unic__graph *g, unic__node *x)
{
    return unary(g, UNIC__SQUARE, x, 0, 0);
}

unic__node *unic__clamp(unic__graph *g, unic__node *x, double low, double high)
{
    return unary(g, UNIC__CLAMP, x, low, high);
}

unic__node *unic__affine(unic__graph *g, unic__node *x, double a, double b)
{
    return unary(g, UNIC__AFFINE, x, a, b);
}

unic__node *unic__gelu(unic__graph *g, unic__node *x)
{
    return unary(g, UNIC__GELU, x, 0, 0);
}

static unic__node *binary(unic__graph *g, unic__binary_kind kind, unic__node *a, unic__node *b)
{
    return APPLY(unic__op_binary, ((unic__binary_attr){kind}), a, b);
}

unic__node *unic__add(unic__graph *g, unic__node *a, unic__node *b)
{
    return binary(g, UNIC__ADD, a, b);
}

unic__node *unic__sub(unic__graph *g, unic__node *a, unic__node *b)
{
    return binary(g, UNIC__SUB, a, b);
}

unic__node *unic__mul(unic__graph *g, unic__node *a, unic__node *b)
{
    return binary(g, UNIC__MUL, a, b);
}

unic__node *unic__div(unic__graph *g, unic__node *a, unic__node *b)
{
    return binary(g, UNIC__DIV, a, b);
}

unic__node *unic__dropout(unic__graph *g, unic__node *x, double p)
{
    if (g->inference || p == 0.0)
        return x;
    return APPLY(unic__op_dropout, ((unic__dropout_attr){(float)p}), x);
}

unic__node *unic__straight_through(unic__graph *g, unic__node *z, unic__node *e)
{
    return APPLY_PLAIN(unic__op_straight_through, z, e);
}

static unic__node *reduce(unic__graph *g, unic__reduce_kind kind, unic__node *x, size_t axis,
                          bool keep)
{
    return APPLY(unic__op_reduce, ((unic__reduce_attr){kind, axis, keep}), x);
}

unic__node *unic__sum(unic__graph *g, unic__node *x, size_t axis, bool keep)
{
    return reduce(g, UNIC__SUM, x, axis, keep);
}

unic__node *unic__mean(unic__graph *g, unic__node *x, size_t axis, bool keep)
{
    return reduce(g, UNIC__MEAN, x, axis, keep);
}

unic__node *unic__max(unic__graph *g, unic__node *x, size_t axis, bool keep)
{
    return reduce(g, UNIC__MAX, x, axis, keep);
}

unic__node *unic__argmin(unic__graph *g, unic__node *x, size_t axis)
{
    return APPLY(unic__op_argmin, ((unic__argmin_attr){axis}), x);
}

unic__node *unic__transport(unic__graph *g, unic__node *cost, unic__node *valid, double beta,
                            size_t rounds, bool proximal)
{
    return APPLY(unic__op_transport, ((unic__transport_attr){beta, rounds, proximal}), cost,
                 valid);
}

unic__node *unic__concat(unic__graph *g, size_t n, unic__node *const *x, size_t axis)
{
    return unic__apply(g, &unic__op_concat, &(unic__concat_attr){axis},
                       sizeof(unic__concat_attr), n, x);
}

unic__node *unic__slice(unic__graph *g, unic__node *x, size_t axis, size_t start, size_t size)
{
    return APPLY(unic__op_slice, ((unic__slice_attr){axis, start, size}), x);
}

unic__node *unic__repeat(unic__graph *g, unic__node *x, size_t axis, size_t times)
{
    return APPLY(unic__op_repeat, ((unic__repeat_attr){axis, times}), x);
}

unic__node *unic__gather(unic__graph *g, unic__node *table, unic__node *index)
{
    return APPLY_PLAIN(unic__op_gather, table, index);
}

unic__node *unic__all_rows(unic__graph *g, unic__node *x)
{
    return g->ranks ? APPLY(unic__op_all_rows, ((unic__all_ranks_attr){g->ranks}), x) : x;
}

unic__node *unic__all_sum(unic__graph *g, unic__node *x)
{
    return g->ranks ? APPLY(unic__op_all_sum, ((unic__all_ranks_attr){g->ranks}), x) : x;
}

unic__node *unic__own_rows(unic__graph *g, unic__node *x)
{
    if (!g->ranks)
        return x;
    const size_t rows = x->t.shape.dim[0] / g->ranks->size;
    return unic__slice(g, x, 0, g->ranks->rank * rows, rows);
}

unic__node *unic__sq_distance(unic__graph *g, unic__node *z, unic__node *e)
{
    return APPLY_PLAIN(unic__op_sq_distance, z, e);
}

unic__node *unic__mse(unic__graph *g, unic__node *a, unic__node *b, unic__node *mask)
{
    return APPLY_PLAIN(unic__op_mse, a, b, mask);
}

unic__node *unic__cross_entropy(unic__graph *g, unic__node *logits, unic__node *target,
                                unic__node *class_mask)
{
    return APPLY_PLAIN(unic__op_cross_entropy, logits, target, class_mask);
}

unic__node *unic__bce(unic__graph *g, unic__node *logits, unic__node *target, unic__node *mask)
{
    return APPLY_PLAIN(unic__op_bce, logits, target, mask);
}
