#include "kernel/conv_kernel.h"

#include <string.h>

/*
 * A line is one row of pixels of one image of y. Lines are laid out as rows of a matrix
 * (im2col), a block of them at a time:
 *   cols [lines ow, kh kw ci]:   y = cols w,   dcols = dy w^T,   dw += cols^T dy
 * A window is read in runs of taps that are contiguous, with their channels, in x as in cols:
 * the kx of one ky, or, where the window is dilated, one tap.
 * A block is small enough to stay in a core's cache from its creation to its use, and tall
 * enough that packing w costs little compared with the product.
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

/* Lines in a block, and its floats. */
static size_t lines_of(const unic__conv_dims *d)
{
    return min_size((BLOCK_PIXELS + d->ow - 1) / d->ow, d->n * d->oh);
}

static size_t block_of(const unic__conv_dims *d)
{
    return lines_of(d) * d->ow * unic__conv_depth(d);
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

/* cols [lines ow, kh kw] of one plane, whose taps are too short to be copied as runs. */
static void gather_plane(float *restrict cols, const float *restrict x,
                         const unic__conv_dims *d, span lines)
{
    const size_t depth = d->kh * d->kw;
    for (size_t line = lines.from; line < lines.to; line++, cols += d->ow * depth)
        for (size_t i = 0; i < depth; i++) {
            const size_t iy = line % d->oh * d->stride + i / d->kw; /* with the padding */
            const bool inside = iy >= d->pad && iy - d->pad < d->h;
            const float *row = x + (line / d->oh * d->h + (inside ? iy - d->pad : 0)) * d->w;
            for (size_t ox = 0; ox < d->ow; ox++) {
                const size_t ix = ox * d->stride + i % d->kw - d->pad; /* below 0: large */
                cols[ox * depth + i] = inside && ix < d->w ? row[ix] : 0.0F;
            }
        }
}

/* cols [lines ow, k] of the lines and the part `k` of their depth. */
static void gather(float *cols, const float *x, const unic__conv_dims *d, span lines, span k)
{
    size_t width = taps_of_run(d) * d->ci;
    if (d->ci == 1 && d->dilation == 1 && k.from == 0 && k.to == unic__conv_depth(d)) {
        gather_plane(cols, x, d, lines);
        return;
    }
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
    size_t width = taps_of_run(d) * d->ci, runs = unic__conv_depth(d) / width;
    for (size_t line = lines.from; line < lines.to; line++)
        for (size_t ox = 0; ox < d->ow; ox++)
            for (size_t i = 0; i < runs; i++, cols += width) {
                window_run r = window_run_of(d, line, ox, i, (span){0, width});
                for (size_t j = 0; j < r.inside.to - r.inside.from; j++)
                    dx[r.at + j] += cols[r.inside.from + j];
            }
}

static void forward(const unic__conv_job *p, span images, float *cols)
{
    const unic__conv_dims *d = p->dims;
    size_t depth = unic__conv_depth(d), lines = lines_of(d);
    for (size_t i = images.from * d->oh; i < images.to * d->oh; i += lines) {
        span block = {i, min_size(i + lines, images.to * d->oh)};
        size_t rows = (block.to - block.from) * d->ow;
        gather(cols, p->a, d, block, (span){0, depth});
        unic__product(p->backend, &(unic__gemm){.add = p->accumulate,
                                                .m = rows,
                                                .n = d->co,
                                                .k = depth,
                                                .a = cols,
                                                .lda = depth,
                                                .b = p->b,
                                                .ldb = d->co,
                                                .c = p->c + i * d->ow * d->co,
                                                .ldc = d->co});
    }
}

static void data(const unic__conv_job *p, span images, float *cols)
{
    const unic__conv_dims *d = p->dims;
    size_t depth = unic__conv_depth(d), lines = lines_of(d), image = d->h * d->w * d->ci;
    for (size_t i = images.from * d->oh; i < images.to * d->oh; i += lines) {
        span block = {i, min_size(i + lines, images.to * d->oh)};
        size_t rows = (block.to - block.from) * d->ow;
        unic__product(p->backend, &(unic__gemm){.tb = true,
                                                .m = rows,
                                                .n = depth,
                                                .k = d->co,
                                                .a = p->a + i * d->ow * d->co,
                                                .lda = d->co,
                                                .b = p->b,
                                                .ldb = d->co,
                                                .c = cols,
                                                .ldc = depth});
        size_t first = (block.from + d->oh - 1) / d->oh, end = (block.to + d->oh - 1) / d->oh;
        if (!p->accumulate) /* the images that begin in this block */
            memset(p->c + first * image, 0, (end - first) * image * sizeof *p->c);
        scatter(p->c, cols, d, block);
    }
}

/* The rows `k` of dw: one thread owns them, so the sum over images has a fixed order. */
static void weights(const unic__conv_job *p, span k, float *cols)
{
    const unic__conv_dims *d = p->dims;
    size_t depth = k.to - k.from, lines = lines_of(d), all = d->n * d->oh;
    for (size_t i = 0; i < all; i += lines) {
        span block = {i, min_size(i + lines, all)};
        size_t rows = (block.to - block.from) * d->ow;
        gather(cols, p->a, d, block, k);
        unic__product(p->backend, &(unic__gemm){.ta = true,
                                                .add = true,
                                                .m = depth,
                                                .n = d->co,
                                                .k = rows,
                                                .a = cols,
                                                .lda = depth,
                                                .b = p->b + i * d->ow * d->co,
                                                .ldb = d->co,
                                                .c = p->c + k.from * d->co,
                                                .ldc = d->co});
    }
}

static void plain(const unic__conv_job *p)
{
    const unic__conv_dims *d = p->dims;
    size_t rows = d->n * d->h * d->w, ci = d->ci, co = d->co;
    unic__gemm g = {.add = p->accumulate, .a = p->a, .b = p->b, .ldb = co, .c = p->c};
    if (p->product == UNIC__CONV_FORWARD) { /* [rows,ci] [ci,co] */
        g.m = rows, g.n = g.ldc = co, g.k = g.lda = ci;
    } else if (p->product == UNIC__CONV_DATA) { /* [rows,co] [ci,co]^T */
        g.tb = true;
        g.m = rows, g.n = g.ldc = ci, g.k = g.lda = co;
    } else { /* [rows,ci]^T [rows,co] */
        g.ta = g.add = true;
        g.m = g.lda = ci, g.n = g.ldc = co, g.k = rows;
    }
    unic__product(p->backend, &g);
}

bool unic__conv_scratch(const unic__conv_dims *d, size_t *floats)
{
    size_t line, block;
    *floats = 0;
    return is_plain(d) || (unic__mul_size(d->ow, unic__conv_depth(d), &line) &&
                           unic__mul_size(line, lines_of(d), &block) &&
                           unic__mul_size(block, (size_t)unic__threads(), floats));
}

typedef struct share {
    const unic__conv_job *job;
    size_t whole, parts, block;
} share;

static void run_parts(const void *context, size_t from, size_t to)
{
    static void (*const kernel[])(const unic__conv_job *, span, float *) = {
        [UNIC__CONV_FORWARD] = forward,
        [UNIC__CONV_DATA] = data,
        [UNIC__CONV_WEIGHTS] = weights,
    };
    const share *s = context;
    for (size_t i = from; i < to; i++)
        kernel[s->job->product](s->job,
                                (span){s->whole * i / s->parts, s->whole * (i + 1) / s->parts},
                                s->job->scratch + i * s->block);
}

/* Images are split over the threads that the scratch was measured for; for dw, its rows. */
void unic__conv_own(const unic__conv_job *p)
{
    const unic__conv_dims *d = p->dims;
    if (is_plain(d)) {
        plain(p);
        return;
    }
    size_t whole = p->product == UNIC__CONV_WEIGHTS ? unic__conv_depth(d) : d->n;
    size_t block = block_of(d);
    size_t parts = min_size(min_size(p->scratch_size / block, (size_t)unic__threads()), whole);
    unic__parallel(parts, 1, parts > 1, run_parts, &(share){p, whole, parts, block});
}
