#include "op/conv.h"

#include <limits.h>
#include <string.h>

#include "kernel/dnnl_glue.h"
#include "kernel/tile.h"
#include "kernel/winograd.h"

typedef struct conv_plan {
    unic__dnnl_conv *dnnl[UNIC__CONV_PRODUCTS]; /* NULL: our kernel */
} conv_plan;

/*
 * What `auto` takes, by shape and instruction set alone: Winograd's tiles where winograd.c says
 * that they pay; else oneDNN where the weights are few, as it reads the images where they lie
 * (with many, its reorder of them costs more than our columns do); else our direct kernels.
 * cblas is never taken: its results depend on what is installed.
 *
 * GF/s, counted as direct sums, for forward, data and weights with one thread; the column that
 * is taken has a star (Zen 4, whose peak is about 115; oneDNN 2.6; best of many, on a busy
 * machine):
 *
 *   3x3 if not said otherwise            Winograd       direct         oneDNN
 *   AVX-512
 *     320 x 7x7x64 -> 16                126 100 119 *   66  74  60    104  99 101
 *     320 x 5x5x16 -> 32                 87 114 158 *   82  82  80     51  77  76
 *     320 x 3x3x32 -> 32, pad 1         200 146 206 *   94  91  94    143 172 118
 *     320 x 5x5x16 -> 96                127 118 171 *  100 100  98     79  79  82
 *     320 x 5x5x16 -> 16, pad 1          71  58  75     64  69  62    101 106 130 *
 *     320 x 7x7x64 -> 64, 1x1                           88  84  71     77  89  85 *
 *     320 x 7x7x64 -> 64, stride 2                      85  90  77    128 130  62 *
 *     80 x 7x7x128 -> 128               141 133 135 *   96  96  92    106 107  91
 *     40 x 7x7x128 -> 256, stride 2                     95 100  97    136 132  86 *
 *     80 x 7x7x512 -> 512, 1x1                          87  84  85    103 103  98 *
 *     80 x 7x7x512 -> 1024              170 158 179 *                  80  97  54
 *   AVX2
 *     320 x 7x7x64 -> 16                 98  77 101 *   62  66  59     63  73  70
 *     320 x 5x5x16 -> 32                123 106 143 *   82  79  78     91  76  61
 *     320 x 3x3x32 -> 32, pad 1         163 137 168 *   92  86  85    127 162  83
 *     320 x 5x5x16 -> 96                 99 132 112 *   97  98  92     90  77  58
 *     320 x 5x5x16 -> 16, pad 1          66  53  74     65  62  63     76 122  94 *
 *     320 x 7x7x64 -> 64, 1x1                           87  94  70     85  79  82 *
 *     320 x 7x7x64 -> 64, stride 2                      65  87  76     60  95  71 *
 *     80 x 7x7x128 -> 128               110 104 106 *   92  89  87     82  80  70
 *     40 x 7x7x128 -> 256, stride 2                     91  96  92 *   89  90  71
 *     80 x 7x7x512 -> 512, 1x1                          77  78  85 *   94  91  81
 */
enum { FEW_WEIGHTS = 1 << 17, FEW_WEIGHTS_AVX512 = 1 << 19 };

static size_t few_weights(void)
{
    return strcmp(unic__tile_kernel_best()->name, "avx512") == 0 ? FEW_WEIGHTS_AVX512
                                                                 : FEW_WEIGHTS;
}

/* The side of Winograd's tiles; 0: not by Winograd. A call that is made for any number of images takes
 * the same for all of them, that for many: what an image gives depends on no other. */
size_t unic__conv_tile(const unic__call *c, const unic__conv_dims *d)
{
    enum { MANY = 16 };
    unic__conv_dims any = *d;
    if (c->many_shapes && any.n < MANY)
        any.n = MANY;
    return c->backend == UNIC__AUTO && !c->direct ? unic__winograd_tile(&any) : 0;
}

/* Whether the weight comes transformed for these tiles. */
static bool is_kept(const unic__call *c, size_t tile)
{
    return tile && c->in[1]->kept_tile == tile;
}

static bool wants_dnnl(const unic__call *c, const unic__conv_dims *d)
{
    if (c->backend != UNIC__AUTO)
        return c->backend == UNIC__ONEDNN;
    return unic__dnnl_available() && !c->many_shapes && !unic__conv_tile(c, d) &&
           unic__conv_depth(d) * d->co <= few_weights();
}

/*
 * What oneDNN gets wrong, whatever the backend and the version; our own columns take its place:
 *   - with one channel on both sides 3.7's kernel for AVX-512 leaves pixels of dx at 0. (A sweep over
 *     38,220 small convolutions found no other.)
 *   - with several threads 2.6's kernels for dw of 1x1 windows that are strided copy the pixels that
 *     count to scratch that is too small, and write over the memory behind it. (A sweep over 5,409
 *     other convolutions whose scratch ended at a guard page found none.)
 */
static bool is_wrong_in_dnnl(const unic__conv_dims *d, unic__conv_product product)
{
    const bool one_channel = d->ci == 1 && d->co == 1;
    const bool strided_pixels = d->kh == 1 && d->kw == 1 && d->stride > 1;
    return (product == UNIC__CONV_DATA && one_channel) ||
           (product == UNIC__CONV_WEIGHTS && strided_pixels);
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
        if (is_wrong_in_dnnl(d, (unic__conv_product)product))
            continue;
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

/* By the kernel of the product; returns whether it has ended a value by bias and relu. */
static bool run(unic__call *c, const unic__conv_job *job)
{
    const unic__conv_dims *d = job->dims;
    conv_plan *plan = c->prim;
    if (plan && plan->dnnl[job->product]) {
        unic__dnnl_conv_run(plan->dnnl[job->product], job->a, job->b, job->c, &c->run->status);
        return false;
    }
    const size_t tile = unic__conv_tile(c, d);
    if (tile)
        unic__winograd_run(job, tile);
    else
        unic__conv_own(job);
    return tile;
}

static unic__conv_job job_of(const unic__call *c, const unic__conv_dims *d,
                             unic__conv_product product, const float *a, const float *b,
                             float *result)
{
    return (unic__conv_job){.dims = d,
                            .product = product,
                            .a = a,
                            .b = b,
                            .c = result,
                            .backend = c->backend,
                            .scratch = c->scratch,
                            .scratch_size = c->scratch_size};
}

void unic__conv_run(unic__call *c, const unic__conv_dims *d, unic__conv_product product,
                    const float *a, const float *b, float *result, bool accumulate)
{
    unic__conv_job job = job_of(c, d, product, a, b, result);
    job.accumulate = accumulate;
    run(c, &job);
}

void unic__conv_forward(unic__call *c, const unic__conv_dims *d, const float *a, const float *b,
                        const float *bias, bool relu, float *y)
{
    unic__conv_job job = job_of(c, d, UNIC__CONV_FORWARD, a, b, y);
    job.kept = is_kept(c, unic__conv_tile(c, d)) ? c->in[1]->kept : NULL;
    job.bias = bias;
    job.relu = relu;
    if (!run(c, &job))
        unic__conv_end(y, bias, relu, d->n * d->oh * d->ow, d->co);
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

unic_status unic__conv_workspace(unic__call *c, const unic__conv_dims *d,
                                 unic__conv_product value)
{
    if (unic__conv_depth(d) > INT_MAX || d->co > INT_MAX || d->n * d->h * d->w > INT_MAX ||
        d->n * d->oh * d->ow > INT_MAX)
        return unic__shape_fail(c, "more than %d pixels or weights of a channel", INT_MAX);
    const size_t tile = unic__conv_tile(c, d);
    if (!(tile ? unic__winograd_scratch(d, tile, c->inference && value == UNIC__CONV_FORWARD,
                                        is_kept(c, tile), &c->scratch_size)
               : unic__conv_scratch(d, &c->scratch_size)))
        return unic__shape_fail(c,
                                "%zu pixels times %zu taps and channels do not fit in memory",
                                d->ow, unic__conv_depth(d));
    return UNIC_OK;
}

UNIC__SIMD static void end_rows(float *restrict y, const float *restrict b, bool relu,
                                size_t rows, size_t n)
{
    for (size_t r = 0; r < rows; r++, y += n) {
        if (b)
            for (size_t j = 0; j < n; j++)
                y[j] += b[j];
        if (relu)
            for (size_t j = 0; j < n; j++)
                y[j] = y[j] < 0.0F ? 0.0F : y[j];
    }
}

typedef struct ending {
    float *y;
    const float *b;
    bool relu;
    size_t n;
} ending;

static void end_part(const void *context, size_t from, size_t to)
{
    const ending *s = context;
    end_rows(s->y + from * s->n, s->b, s->relu, to - from, s->n);
}

void unic__conv_end(float *y, const float *b, bool relu, size_t rows, size_t n)
{
    if (b || relu)
        unic__parallel(rows, 1, rows * n > 1U << 16, end_part, &(ending){y, b, relu, n});
}
