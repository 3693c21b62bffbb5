#include "op/conv.h"

#include <limits.h>

#include "kernel/dnnl_glue.h"

typedef struct conv_plan {
    unic__dnnl_conv *dnnl[UNIC__CONV_PRODUCTS]; /* NULL: our kernel */
} conv_plan;

/*
 * What `auto` takes: oneDNN where the weights are few, ours where they are many. oneDNN reads
 * the images where they lie, without a cols; with many weights its reorder of them, and loops
 * that block less for the cache than sgemm's, cost more. Milliseconds for forward, data and
 * weights with one thread, 3x3 kernels without padding (Zen 4, oneDNN 2.6, OpenBLAS 0.3.21,
 * best of many; two threads take about half):
 *
 *                         weights   oneDNN        ours          oneDNN, AVX2  ours, AVX2
 *   320 x 7x7x64 -> 16       9216   1.4 1.4 1.5   2.5 2.4 2.8   2.3 1.9 2.1   2.8 2.4 2.8
 *   320 x 5x5x16 -> 32       4608   .30 .33 .32   .35 .34 .36   .29 .36 .44   .35 .33 .36
 *   320 x 5x5x16 -> 96      13824   .91 .98 .95   .85 .84 .87   .90 1.1 1.3   .84 .91 .83
 *   320 x 7x7x64, 1x1        4096   1.2 1.2 1.3   1.3 1.3 1.5   1.2 1.2 1.3   2.0 1.7 2.1
 *   80 x 7x7x128 -> 128    147456   5.6 5.5  10   6.5 6.9 6.5   7.3 7.5 8.1   6.1 6.1 6.2
 *   40 x 7x7x128 -> 256    294912   5.8 5.6 6.7   5.9 5.9 5.9   7.5 7.2 8.2   6.0 5.7 5.7
 *   80 x 7x7x512 -> 1024  4718592   440 270 610   200 300 270   240 460 760   180 280 440
 */
enum { FEW_WEIGHTS = 1 << 17 };

static bool wants_dnnl(const unic__call *c, const unic__conv_dims *d)
{
    if (c->backend != UNIC__AUTO)
        return c->backend == UNIC__ONEDNN;
    return unic__dnnl_available() && unic__conv_depth(d) * d->co <= FEW_WEIGHTS;
}

unic_status unic__conv_plan(unic__call *c, const unic__conv_dims *d, unic__conv_product value)
{
    if (!wants_dnnl(c, d))
        return UNIC_OK;
    conv_plan *plan = unic__alloc_zero(sizeof *plan);
    if (!plan)
        return unic__no_memory(sizeof *plan, c->op->name);
    c->prim = plan;
    unic_status status = UNIC_OK;
    for (int product = 0; product < UNIC__CONV_PRODUCTS && status == UNIC_OK; product++) {
        bool is_value = (unic__conv_product)product == value;
        size_t input = product == UNIC__CONV_WEIGHTS ? 1 : 0;
        if (is_value || c->in[input]->dx)
            status = unic__dnnl_conv_create(&plan->dnnl[product], (unic__conv_product)product,
                                            d, !is_value && !unic__is_fresh(c, input));
    }
    if (status != UNIC_OK)
        unic__conv_unplan(c);
    return status;
}

void unic__conv_unplan(unic__call *c)
{
    conv_plan *plan = c->prim;
    if (!plan)
        return;
    for (int product = 0; product < UNIC__CONV_PRODUCTS; product++)
        unic__dnnl_conv_free(plan->dnnl[product]);
    unic__free(plan);
    c->prim = NULL;
}

void unic__conv_run(unic__call *c, const unic__conv_dims *d, unic__conv_product product,
                    const float *a, const float *b, float *result, bool accumulate)
{
    conv_plan *plan = c->prim;
    if (plan && plan->dnnl[product])
        unic__dnnl_conv_run(plan->dnnl[product], a, b, result, &c->run->status);
    else
        unic__conv_own(&(unic__conv_job){.dims = d,
                                         .product = product,
                                         .a = a,
                                         .b = b,
                                         .c = result,
                                         .accumulate = accumulate,
                                         .scratch = c->scratch,
                                         .scratch_size = c->scratch_size});
}

unic_status unic__conv_check(const unic__call *c, size_t channels)
{
    UNIC__TRY(unic__expect_f32(c, 0));
    UNIC__TRY(unic__expect_rank(c, 1, 4));
    const unic__conv_attr *attr = c->attr;
    const unic__shape *x = &c->in[0]->shape, *w = &c->in[1]->shape;
    size_t others = w->dim[channels == 2 ? 3 : 2];
    char xs[UNIC__SHAPE_TEXT], ws[UNIC__SHAPE_TEXT];
    if (x->rank < 3 || !unic__shape_count(x))
        return unic__shape_fail(c, "x %s is not [..,H,W,C] without empty dims",
                                unic__shape_print(x, xs));
    if (!unic__shape_count(w))
        return unic__shape_fail(c, "weight %s has an empty dim", unic__shape_print(w, ws));
    if (x->dim[x->rank - 1] != w->dim[channels])
        return unic__shape_fail(c, "x %s has %zu channels, the weight %s expects %zu",
                                unic__shape_print(x, xs), x->dim[x->rank - 1],
                                unic__shape_print(w, ws), w->dim[channels]);
    if (!attr->stride)
        return unic__shape_fail(c, "stride is 0, expected at least 1");
    if (!attr->dilation || attr->dilation > INT_MAX)
        return unic__shape_fail(c, "dilation is %zu, expected 1..%d", attr->dilation, INT_MAX);
    if (w->dim[0] > INT_MAX || w->dim[1] > INT_MAX)
        return unic__shape_fail(c, "weight %s has more than %d taps", unic__shape_print(w, ws),
                                INT_MAX);
    if (attr->pad >= unic__conv_extent(w->dim[0], attr->dilation) ||
        attr->pad >= unic__conv_extent(w->dim[1], attr->dilation))
        return unic__shape_fail(
            c, "padding %zu is not smaller than the kernel of weight %s, dilated by %zu",
            attr->pad, unic__shape_print(w, ws), attr->dilation);
    if (c->in[2]) {
        UNIC__TRY(unic__expect_rank(c, 2, 1));
        if (c->in[2]->shape.dim[0] != others)
            return unic__shape_fail(c, "bias has %zu entries, the weight %s expects %zu",
                                    c->in[2]->shape.dim[0], unic__shape_print(w, ws), others);
    }
    return UNIC_OK;
}

unic_status unic__conv_workspace(unic__call *c, const unic__conv_dims *d)
{
    if (unic__conv_depth(d) > INT_MAX || d->co > INT_MAX || d->n * d->h * d->w > INT_MAX ||
        d->n * d->oh * d->ow > INT_MAX)
        return unic__shape_fail(c, "more than %d pixels or weights of a channel", INT_MAX);
    if (!unic__conv_scratch(d, &c->scratch_size))
        return unic__shape_fail(c,
                                "%zu pixels times %zu taps and channels do not fit in memory",
                                d->ow, unic__conv_depth(d));
    return UNIC_OK;
}

UNIC__SIMD static void add_bias(float *restrict y, const float *restrict b, size_t rows,
                                size_t n)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < n; j++)
            y[r * n + j] += b[j];
}

void unic__conv_add_bias(float *y, const float *b, size_t rows, size_t n)
{
    size_t parts = (size_t)unic__threads();
    UNIC__PARALLEL_FOR(rows * n > (1U << 16))
    for (size_t i = 0; i < parts; i++) {
        size_t from = rows * i / parts, to = rows * (i + 1) / parts;
        add_bias(y + from * n, b, to - from, n);
    }
}
