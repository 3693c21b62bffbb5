#include "kernel/conv_kernel.h"

#include <limits.h>
#include <string.h>

#include "kernel/blas_glue.h"
#include "kernel/dnnl_glue.h"
#include "op/ops.h"

/*
 * ---- our kernels ----
 * A line is one row of pixels of one image of y. Lines are laid out as rows of a matrix
 * (im2col), a block of them at a time:
 *   cols [lines ow, kh kw ci]:   y = cols w,   dcols = dy w^T,   dw += cols^T dy
 * A window is read in runs of taps that are contiguous, with their channels, in x as in cols:
 * the kx of one ky, or, where the window is dilated, one tap.
 * A block is small enough to stay in a core's cache between its making and its use, and tall
 * enough for sgemm's packing of w to be little beside the product.
 */
enum { BLOCK_PIXELS = 256 };

typedef struct span {
    size_t from, to;
} span;

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t max_size(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* A 1x1 product image by image needs no cols: x is the matrix. */
static bool is_plain(const unic__conv_dims *d)
{
    return d->kh == 1 && d->kw == 1 && d->stride == 1 && d->pad == 0;
}

static size_t depth_of(const unic__conv_dims *d)
{
    return d->kh * d->kw * d->ci;
}

/* Lines in a block, and its floats. */
static size_t lines_of(const unic__conv_dims *d)
{
    return min_size((BLOCK_PIXELS + d->ow - 1) / d->ow, d->n * d->oh);
}

static size_t block_of(const unic__conv_dims *d)
{
    return lines_of(d) * d->ow * depth_of(d);
}

/* Taps of a run: a row of the window, or one tap of a dilated one. */
static size_t taps_of_run(const unic__conv_dims *d)
{
    return d->dilation == 1 ? d->kw : 1;
}

/*
 * The part [k.from, k.to) of run i of the window at (line, ox): what is `inside` x lies there
 * one after the other from x[at]; the rest is padding.
 */
typedef struct window_run {
    size_t at;
    span inside;
} window_run;

static inline __attribute__((always_inline)) window_run
window_run_of(const unic__conv_dims *d, size_t line, size_t ox, size_t i, span k)
{
    bool dense = d->dilation == 1;
    size_t ky = dense ? i : i / d->kw, kx = dense ? 0 : i % d->kw;
    ptrdiff_t iy = (ptrdiff_t)(line % d->oh * d->stride + ky * d->dilation) - (ptrdiff_t)d->pad;
    ptrdiff_t left = ((ptrdiff_t)(ox * d->stride + kx * d->dilation) - (ptrdiff_t)d->pad) *
                     (ptrdiff_t)d->ci;
    ptrdiff_t end = (ptrdiff_t)(d->w * d->ci), from = (ptrdiff_t)k.from, to = (ptrdiff_t)k.to;
    if (iy < 0 || iy >= (ptrdiff_t)d->h || from + left >= end || to + left <= 0)
        return (window_run){0, {k.from, k.from}};
    from = from + left < 0 ? -left : from;
    to = to + left > end ? end - left : to;
    size_t row = line / d->oh * d->h + (size_t)iy;
    return (window_run){row * d->w * d->ci + (size_t)(from + left), {(size_t)from, (size_t)to}};
}

/* cols [lines ow, k] of the lines and the part `k` of their depth. */
static void gather(float *cols, const float *x, const unic__conv_dims *d, span lines, span k)
{
    size_t width = taps_of_run(d) * d->ci;
    for (size_t line = lines.from; line < lines.to; line++)
        for (size_t ox = 0; ox < d->ow; ox++)
            for (size_t i = k.from / width; i * width < k.to; i++) {
                span part = {max_size(k.from, i * width) - i * width,
                             min_size(k.to - i * width, width)};
                window_run r = window_run_of(d, line, ox, i, part);
                size_t before = r.inside.from - part.from;
                size_t inside = r.inside.to - r.inside.from, after = part.to - r.inside.to;
                memset(cols, 0, before * sizeof *cols);
                memcpy(cols + before, x + r.at, inside * sizeof *cols);
                memset(cols + before + inside, 0, after * sizeof *cols);
                cols += part.to - part.from;
            }
}

/* The adjoint of gather: adds cols to dx. */
UNIC__SIMD static void scatter(float *restrict dx, const float *restrict cols,
                               const unic__conv_dims *d, span lines)
{
    size_t width = taps_of_run(d) * d->ci, runs = depth_of(d) / width;
    for (size_t line = lines.from; line < lines.to; line++)
        for (size_t ox = 0; ox < d->ow; ox++)
            for (size_t i = 0; i < runs; i++, cols += width) {
                window_run r = window_run_of(d, line, ox, i, (span){0, width});
                for (size_t j = 0; j < r.inside.to - r.inside.from; j++)
                    dx[r.at + j] += cols[r.inside.from + j];
            }
}

typedef struct job {
    const unic__conv_dims *d;
    const float *a, *b;
    float *c;
    bool accumulate;
} job;

static void forward(const job *p, span images, float *cols)
{
    const unic__conv_dims *d = p->d;
    size_t depth = depth_of(d), lines = lines_of(d);
    for (size_t i = images.from * d->oh; i < images.to * d->oh; i += lines) {
        span block = {i, min_size(i + lines, images.to * d->oh)};
        size_t rows = (block.to - block.from) * d->ow;
        gather(cols, p->a, d, block, (span){0, depth});
        unic__sgemm(false, false, rows, d->co, depth, 1.0F, cols, depth, p->b, d->co,
                    p->accumulate ? 1.0F : 0.0F, p->c + i * d->ow * d->co, d->co);
    }
}

static void data(const job *p, span images, float *cols)
{
    const unic__conv_dims *d = p->d;
    size_t depth = depth_of(d), lines = lines_of(d), image = d->h * d->w * d->ci;
    for (size_t i = images.from * d->oh; i < images.to * d->oh; i += lines) {
        span block = {i, min_size(i + lines, images.to * d->oh)};
        size_t rows = (block.to - block.from) * d->ow;
        unic__sgemm(false, true, rows, depth, d->co, 1.0F, p->a + i * d->ow * d->co, d->co,
                    p->b, d->co, 0.0F, cols, depth);
        size_t first = (block.from + d->oh - 1) / d->oh, end = (block.to + d->oh - 1) / d->oh;
        if (!p->accumulate) /* the images that begin in this block */
            memset(p->c + first * image, 0, (end - first) * image * sizeof *p->c);
        scatter(p->c, cols, d, block);
    }
}

/* The rows `k` of dw: one thread owns them, so the sum over images has a fixed order. */
static void weights(const job *p, span k, float *cols)
{
    const unic__conv_dims *d = p->d;
    size_t depth = k.to - k.from, lines = lines_of(d), all = d->n * d->oh;
    for (size_t i = 0; i < all; i += lines) {
        span block = {i, min_size(i + lines, all)};
        size_t rows = (block.to - block.from) * d->ow;
        gather(cols, p->a, d, block, k);
        unic__sgemm(true, false, depth, d->co, rows, 1.0F, cols, depth,
                    p->b + i * d->ow * d->co, d->co, 1.0F, p->c + k.from * d->co, d->co);
    }
}

static void plain(const job *p, unic__conv_product product)
{
    const unic__conv_dims *d = p->d;
    size_t rows = d->n * d->h * d->w, ci = d->ci, co = d->co;
    float beta = p->accumulate ? 1.0F : 0.0F;
    if (product == UNIC__CONV_FORWARD)
        unic__sgemm(false, false, rows, co, ci, 1.0F, p->a, ci, p->b, co, beta, p->c, co);
    else if (product == UNIC__CONV_DATA)
        unic__sgemm(false, true, rows, ci, co, 1.0F, p->a, co, p->b, co, beta, p->c, ci);
    else
        unic__sgemm(true, false, ci, co, rows, 1.0F, p->a, ci, p->b, co, 1.0F, p->c, co);
}

/* Images are split over the threads that the scratch was measured for; for dw, its rows. */
static void run_own(const job *p, unic__conv_product product, float *scratch,
                    size_t scratch_size)
{
    static void (*const kernel[])(const job *, span, float *) = {
        [UNIC__CONV_FORWARD] = forward,
        [UNIC__CONV_DATA] = data,
        [UNIC__CONV_WEIGHTS] = weights,
    };
    if (is_plain(p->d)) {
        plain(p, product);
        return;
    }
    size_t whole = product == UNIC__CONV_WEIGHTS ? depth_of(p->d) : p->d->n;
    size_t block = block_of(p->d);
    size_t parts = min_size(min_size(scratch_size / block, (size_t)unic__threads()), whole);
    UNIC__PARALLEL_FOR(parts > 1)
    for (size_t i = 0; i < parts; i++)
        kernel[product](p, (span){whole * i / parts, whole * (i + 1) / parts},
                        scratch + i * block);
}

/* ---- ours or oneDNN's ---- */

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
    return unic__dnnl_available() && depth_of(d) * d->co <= FEW_WEIGHTS;
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
        run_own(&(job){d, a, b, result, accumulate}, product, c->scratch, c->scratch_size);
}

/* ---- what conv2d and conv_transpose2d share besides ---- */

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

size_t unic__conv_extent(size_t taps, size_t dilation)
{
    return (taps - 1) * dilation + 1;
}

unic_status unic__conv_workspace(unic__call *c, const unic__conv_dims *d)
{
    size_t line, block;
    if (depth_of(d) > INT_MAX || d->co > INT_MAX || d->n * d->h * d->w > INT_MAX ||
        d->n * d->oh * d->ow > INT_MAX)
        return unic__shape_fail(c, "more than %d pixels or weights of a channel", INT_MAX);
    if (is_plain(d))
        return UNIC_OK;
    if (!unic__mul_size(d->ow, depth_of(d), &line) ||
        !unic__mul_size(line, lines_of(d), &block) ||
        !unic__mul_size(block, (size_t)unic__threads(), &c->scratch_size))
        return unic__shape_fail(c,
                                "%zu pixels times %zu taps and channels do not fit in memory",
                                d->ow, depth_of(d));
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
