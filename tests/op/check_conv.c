/* conv2d and conv_transpose2d, by each backend. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/tile.h"
#include "op_harness.h"

/* w [kh,kw,ci,co] is the weight of the convolution that is done or undone. */
typedef struct conv_case {
    const char *golden;
    unic__shape x, w;
    bool bias;
    unic__conv_attr attr;
    unic__shape out;
} conv_case;

#define S UNIC__SHAPE_OF

static const conv_case forward_cases[] = {
    {"conv2d_3x3", S(2, 2, 5, 5, 4), S(3, 3, 4, 5), true, {1, 0, 1}, S(2, 2, 3, 3, 5)},
    {"conv2d_padded", S(2, 5, 4, 7), S(3, 3, 7, 8), true, {1, 1, 1}, S(2, 5, 4, 8)},
    {"conv2d_strided", S(2, 8, 7, 3), S(3, 2, 3, 4), false, {2, 1, 1}, S(2, 4, 4, 4)},
    {"conv2d_1x1", S(2, 3, 5, 6), S(1, 1, 6, 7), true, {1, 0, 1}, S(2, 3, 5, 7)},
    {"conv2d_one_pixel", S(1, 3, 3, 1), S(3, 3, 1, 1), false, {1, 0, 1}, S(1, 1, 1, 1)},
    /* one channel on both sides */
    {NULL, S(2, 5, 4, 1), S(3, 2, 1, 1), true, {2, 1, 1}, S(2, 3, 3, 1)},
    {NULL, S(2, 7, 6, 1), S(3, 3, 1, 1), false, {1, 2, 2}, S(2, 7, 6, 1)},
    /* a single image */
    {NULL, S(7, 7, 16), S(3, 3, 16, 16), false, {1, 1, 1}, S(7, 7, 16)},
    /* several blocks */
    {NULL, S(24, 7, 7, 8), S(3, 3, 8, 8), true, {1, 0, 1}, S(24, 5, 5, 8)},
    {NULL, S(1, 3, 11, 9, 5), S(5, 4, 5, 3), false, {3, 2, 1}, S(1, 3, 4, 4, 3)},
    /* all but one tap padding */
    {NULL, S(2, 1, 1, 4), S(3, 3, 4, 2), true, {1, 1, 1}, S(2, 1, 1, 2)},
    /* 1x1, yet strided */
    {NULL, S(3, 4, 6, 5), S(1, 1, 5, 4), true, {2, 0, 1}, S(3, 2, 3, 4)},
    /* pixels no window reads */
    {NULL, S(2, 8, 8, 3), S(2, 2, 3, 4), false, {3, 0, 1}, S(2, 3, 3, 4)},
    /* a line is a block */
    {NULL, S(3, 2, 300, 1), S(1, 3, 1, 2), true, {1, 0, 1}, S(3, 2, 298, 2)},
    /* windows half outside */
    {NULL, S(2, 4, 4, 3), S(3, 3, 3, 4), true, {1, 2, 1}, S(2, 6, 6, 4)},
    {"conv2d_dilated", S(2, 2, 8, 7, 4), S(3, 3, 4, 5), true, {1, 3, 3}, S(2, 2, 8, 7, 5)},
    {"conv2d_dilated_strided", S(2, 9, 8, 3), S(3, 2, 3, 4), false, {2, 1, 2}, S(2, 4, 4, 4)},
    {NULL, S(20, 9, 9, 8), S(3, 3, 8, 8), true, {1, 2, 2}, S(20, 9, 9, 8)},
    /* only the middle taps lie in the image, as at the coarsest level of a segmenter */
    {NULL, S(2, 7, 7, 5), S(3, 3, 5, 6), true, {1, 18, 18}, S(2, 7, 7, 6)},
    {NULL, S(3, 4, 4, 5), S(1, 1, 5, 6), true, {1, 0, 4}, S(3, 4, 4, 6)},
    /* by Winograd's tiles of 2, 3 and 4, with windows half outside and tiles cut short */
    {NULL, S(16, 4, 4, 32), S(3, 3, 32, 32), true, {1, 0, 1}, S(16, 2, 2, 32)},
    {NULL, S(16, 3, 3, 24), S(3, 3, 24, 40), true, {1, 1, 1}, S(16, 3, 3, 40)},
    {NULL, S(4, 7, 7, 17), S(3, 3, 17, 35), true, {1, 0, 1}, S(4, 5, 5, 35)},
    {NULL, S(4, 7, 8, 24), S(3, 3, 24, 16), false, {1, 1, 1}, S(4, 7, 8, 16)},
    {NULL, S(16, 2, 2, 24), S(3, 3, 24, 40), true, {1, 2, 1}, S(16, 4, 4, 40)},
    /* images that are cut for the cache, also between threads */
    {NULL, S(1, 50, 46, 16), S(3, 3, 16, 17), true, {1, 1, 1}, S(1, 50, 46, 17)},
};

static const conv_case transposed_cases[] = {
    {"conv_transpose2d_3x3",
     S(2, 2, 3, 3, 5),
     S(3, 3, 4, 5),
     true,
     {1, 0, 1},
     S(2, 2, 5, 5, 4)},
    {"conv_transpose2d_padded", S(2, 5, 4, 7), S(3, 3, 8, 7), true, {1, 1, 1}, S(2, 5, 4, 8)},
    {"conv_transpose2d_strided", S(2, 4, 3, 3), S(3, 4, 4, 3), false, {2, 1, 1}, S(2, 7, 6, 4)},
    {"conv_transpose2d_1x1", S(2, 3, 5, 6), S(1, 1, 7, 6), true, {1, 0, 1}, S(2, 3, 5, 7)},
    {NULL, S(1, 1, 1), S(3, 3, 1, 1), false, {1, 0, 1}, S(3, 3, 1)},
    {NULL, S(2, 5, 4, 1), S(3, 2, 1, 1), true, {2, 1, 1}, S(2, 9, 6, 1)},
    {NULL, S(24, 5, 5, 8), S(3, 3, 8, 8), true, {1, 0, 1}, S(24, 7, 7, 8)},
    /* pixels that are bias alone */
    {NULL, S(2, 2, 3, 4), S(2, 2, 3, 4), true, {3, 0, 1}, S(2, 5, 8, 3)},
    {NULL, S(3, 4, 4, 2), S(1, 1, 3, 2), false, {2, 0, 1}, S(3, 7, 7, 3)},
    /* by the adjoint of Winograd's tiles */
    {NULL, S(16, 3, 3, 40), S(3, 3, 24, 40), true, {1, 0, 1}, S(16, 5, 5, 24)},
    {NULL, S(4, 5, 5, 35), S(3, 3, 17, 35), false, {1, 0, 1}, S(4, 7, 7, 17)},
    {NULL, S(4, 7, 8, 16), S(3, 3, 24, 16), true, {1, 1, 1}, S(4, 7, 8, 24)},
    {"conv_transpose2d_dilated", S(2, 4, 3, 3), S(3, 2, 4, 3), true, {2, 1, 3}, S(2, 11, 6, 4)},
};

typedef struct dims {
    size_t n, h, w, ci, kh, kw, co, oh, ow, stride, dilation;
    ptrdiff_t pad;
} dims;

static dims dims_of(const op_case *k)
{
    const unic__conv_attr *attr = k->attr;
    const unic__shape *x = &k->in[0].shape, *w = &k->in[1].shape, *y = &k->expect;
    bool transposed = k->op == &unic__op_conv_transpose2d;
    const size_t *before = (transposed ? y : x)->dim + x->rank - 3;
    const size_t *after = (transposed ? x : y)->dim + x->rank - 3;
    return (dims){unic__shape_count(y) /
                      (y->dim[y->rank - 3] * y->dim[y->rank - 2] * y->dim[y->rank - 1]),
                  before[0],
                  before[1],
                  before[2],
                  w->dim[0],
                  w->dim[1],
                  after[2],
                  after[0],
                  after[1],
                  attr->stride,
                  attr->dilation,
                  (ptrdiff_t)attr->pad};
}

/* For every pixel of y [n,oh,ow,co], every tap of its window that lies in x [n,h,w,ci]. */
#define FOR_EACH_TAP(d, x_at, w_at, y_at, body)                                                \
    for (size_t n = 0; n < (d).n; n++)                                                         \
        for (size_t oy = 0; oy < (d).oh; oy++)                                                 \
            for (size_t ox = 0; ox < (d).ow; ox++)                                             \
                for (size_t ky = 0; ky < (d).kh; ky++)                                         \
                    for (size_t kx = 0; kx < (d).kw; kx++) {                                   \
                        ptrdiff_t iy = (ptrdiff_t)(oy * (d).stride + ky * (d).dilation) -      \
                                       (d).pad;                                                \
                        ptrdiff_t ix = (ptrdiff_t)(ox * (d).stride + kx * (d).dilation) -      \
                                       (d).pad;                                                \
                        if (iy < 0 || ix < 0 || iy >= (ptrdiff_t)(d).h ||                      \
                            ix >= (ptrdiff_t)(d).w)                                            \
                            continue;                                                          \
                        size_t x_at = ((n * (d).h + (size_t)iy) * (d).w + (size_t)ix) *        \
                                      (d).ci;                                                  \
                        size_t w_at = (ky * (d).kw + kx) * (d).ci * (d).co;                    \
                        size_t y_at = ((n * (d).oh + oy) * (d).ow + ox) * (d).co;              \
                        for (size_t i = 0; i < (d).ci; i++)                                    \
                            for (size_t o = 0; o < (d).co; o++)                                \
                                body;                                                          \
                    }

static void start_from_bias(const op_case *k, const double *b, double *out)
{
    size_t channels = unic__shape_last(&k->expect);
    for (size_t i = 0; i < unic__shape_count(&k->expect); i++)
        out[i] = b ? b[i % channels] : 0.0;
}

static void conv_naive(const op_case *k, const double *const in[], double *out)
{
    dims d = dims_of(k);
    start_from_bias(k, k->input_count > 2 ? in[2] : NULL, out);
    FOR_EACH_TAP(d, x, w, y, out[y + o] += in[0][x + i] * in[1][w + i * d.co + o])
}

static void transposed_naive(const op_case *k, const double *const in[], double *out)
{
    dims d = dims_of(k);
    start_from_bias(k, k->input_count > 2 ? in[2] : NULL, out);
    FOR_EACH_TAP(d, x, w, y, out[x + i] += in[0][y + o] * in[1][w + i * d.co + o])
}

static op_case case_of(const conv_case *s, bool transposed)
{
    op_case k = {.golden = s->golden, .attr = &s->attr, .expect = s->out};
    k.op = transposed ? &unic__op_conv_transpose2d : &unic__op_conv2d;
    k.naive = transposed ? transposed_naive : conv_naive;
    k.input_count = s->bias ? 3 : 2;
    k.in[0].shape = s->x;
    k.in[1].shape = s->w;
    k.in[2].shape = UNIC__SHAPE_OF(s->w.dim[transposed ? 2 : 3]);
    return k;
}

START_TEST(conv2d_values_and_gradients)
{
    op_case k = case_of(&forward_cases[_i], false);
    check_op(&k);
}
END_TEST

static void relu_naive(const op_case *k, const double *const in[], double *out)
{
    conv_naive(k, in, out);
    for (size_t i = 0; i < unic__shape_count(&k->expect); i++)
        out[i] = out[i] < 0 ? 0 : out[i];
}

START_TEST(conv2d_relu_values_and_gradients)
{
    op_case k = case_of(&forward_cases[_i], false);
    k.op = &unic__op_conv2d_relu;
    k.naive = relu_naive;
    k.golden = NULL;
    check_op(&k);
}
END_TEST

START_TEST(conv_transpose2d_values_and_gradients)
{
    op_case k = case_of(&transposed_cases[_i], true);
    check_op(&k);
}
END_TEST

/* ---- a call by hand, outside the harness's order of things ---- */

enum { N = 40, X = N * 7 * 7 * 16, W = 3 * 3 * 16 * 8, Y = N * 5 * 5 * 8 };

typedef struct hand {
    unic__run run;
    unic__tensor x, w, out;
    unic__call call;
} hand;

static float *drawn(size_t n, uint64_t seed)
{
    float *x = unic__alloc(n * sizeof *x);
    ck_assert_ptr_nonnull(x);
    for (size_t i = 0; i < n; i++)
        x[i] = unic__random_uniform(unic__random_key(seed, 0, 0), i) - 0.5F;
    return x;
}

static void hand_open(hand *h, unic__backend backend, bool gradients)
{
    static const unic__conv_attr attr = {1, 0, 1};
    *h = (hand){.x = {.shape = S(N, 7, 7, 16), .x = drawn(X, 1)},
                .w = {.shape = S(3, 3, 16, 8), .x = drawn(W, 2)}};
    h->call = (unic__call){.op = &unic__op_conv2d,
                           .out = &h->out,
                           .in = {&h->x, &h->w},
                           .input_count = 2,
                           .attr = &attr,
                           .backend = backend,
                           .run = &h->run};
    if (gradients) {
        h->x.dx = unic__alloc_zero(X * sizeof(float));
        h->w.dx = unic__alloc_zero(W * sizeof(float));
    }
    ck_assert_int_eq(h->call.op->infer(&h->call), UNIC_OK);
    h->call.scratch = unic__alloc(h->call.scratch_size * sizeof(float));
    h->out.x = unic__alloc(Y * sizeof(float));
    h->out.dx = drawn(Y, 3);
    ck_assert_int_eq(h->call.op->plan(&h->call), UNIC_OK);
}

static void hand_run(hand *h)
{
    h->call.op->forward(&h->call);
    h->call.op->backward(&h->call);
    ck_assert_int_eq(h->run.status, UNIC_OK);
}

static void hand_close(hand *h)
{
    h->call.op->unplan(&h->call);
    float *const all[] = {h->x.x,   h->x.dx,   h->w.x,         h->w.dx,
                          h->out.x, h->out.dx, h->call.scratch};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        unic__free(all[i]);
}

static void assert_near(const float *a, const float *b, size_t n, const char *what)
{
    float scale = 0.0F;
    for (size_t i = 0; i < n; i++)
        scale = fmaxf(scale, fabsf(a[i]));
    ck_assert_msg(scale > 0.0F, "%s: all zero", what);
    for (size_t i = 0; i < n; i++)
        ck_assert_msg(fabsf(a[i] - b[i]) <= 1e-5F * scale, "%s: element %zu is %g, expected %g",
                      what, i, (double)b[i], (double)a[i]);
}

static void assert_same(const hand *a, const hand *b)
{
    assert_near(a->out.x, b->out.x, Y, "y");
    assert_near(a->x.dx, b->x.dx, X, "dx");
    assert_near(a->w.dx, b->w.dx, W, "dw");
}

/* The scratch was measured for one thread, or for two; the thread count changed since. */
START_TEST(threads_change_after_the_plan)
{
    for (int backend = UNIC__AUTO; backend <= UNIC__BLAS; backend++)
        for (int planned = 1; planned <= 2; planned++) {
            hand a, b;
            unic__threads_set(planned);
            hand_open(&a, (unic__backend)backend, true);
            hand_open(&b, (unic__backend)backend, true);
            hand_run(&a);
            unic__threads_set(3 - planned);
            hand_run(&b);
            assert_same(&a, &b);
            hand_close(&a);
            hand_close(&b);
        }
    unic__threads_set(1);
}
END_TEST

/* A plan made without gradients: asked for all the same, they come from our kernels. */
START_TEST(gradients_asked_for_after_the_plan)
{
    hand a, b;
    hand_open(&a, UNIC__ONEDNN, true);
    hand_open(&b, UNIC__ONEDNN, false);
    b.x.dx = unic__alloc_zero(X * sizeof(float));
    b.w.dx = unic__alloc_zero(W * sizeof(float));
    hand_run(&a);
    hand_run(&b);
    assert_same(&a, &b);
    hand_close(&a);
    hand_close(&b);
}
END_TEST

/* Memory with a guard behind every block, which is looked at when the block is released. */
enum { GUARD_HEAD = 64, GUARD = 4096 };

static void *guarded_alloc(size_t bytes, void *user)
{
    unsigned char *block = malloc(GUARD_HEAD + bytes + GUARD);
    (void)user;
    if (!block)
        return NULL;
    memcpy(block, &bytes, sizeof bytes);
    memset(block + GUARD_HEAD + bytes, 0xA5, GUARD);
    return block + GUARD_HEAD;
}

static void guarded_release(void *memory, void *user)
{
    unsigned char *block = (unsigned char *)memory - GUARD_HEAD;
    size_t bytes;
    (void)user;
    memcpy(&bytes, block, sizeof bytes);
    for (size_t i = 0; i < GUARD; i++)
        ck_assert_msg(block[GUARD_HEAD + bytes + i] == 0xA5,
                      "byte %zu behind a block of %zu was written", i, bytes);
    free(block);
}

/* oneDNN 2.6 would write behind its scratch for the gradient of the weights. */
START_TEST(strided_pixels_stay_in_their_memory)
{
    static const conv_case cases[] = {
        {NULL, S(1, 20, 20, 7), S(1, 1, 7, 3), false, {2, 0, 1}, S(1, 10, 10, 3)},
        {NULL, S(1, 10, 10, 2), S(1, 1, 2, 8), false, {2, 0, 1}, S(1, 5, 5, 8)},
    };
    const unic_allocator guarded = {
        .struct_size = sizeof guarded, .alloc = guarded_alloc, .release = guarded_release};
    ck_assert_int_eq(unic_set_allocator(&guarded), UNIC_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        op_case k = case_of(&cases[i], false);
        check_op(&k);
    }
    ck_assert_int_eq(unic_set_allocator(NULL), UNIC_OK);
}
END_TEST

START_TEST(auto_takes_onednn_for_few_weights)
{
    for (size_t ci = 16; ci <= 1040; ci += 1024) {
        const unic__conv_attr attr = {1, 0, 1};
        unic__run run = {0};
        unic__tensor x = {.shape = S(2, 7, 7, ci)}, w = {.shape = S(3, 3, ci, 64)}, out = {0};
        unic__call call = {
            .op = &unic__op_conv2d, .out = &out, .in = {&x, &w}, .input_count = 2};
        call.attr = &attr;
        call.run = &run;
        ck_assert_int_eq(call.op->infer(&call), UNIC_OK);
        ck_assert_int_eq(call.op->plan(&call), UNIC_OK);
        ck_assert_int_eq(call.prim != NULL, ci == 16);
        call.op->unplan(&call);
    }
}
END_TEST

/* ---- what `auto` takes ---- */

/* One output [n,h,w,co] of a 3x3 convolution of x [n,h,w,ci] with padding 1. */
typedef struct pick {
    unic__tensor x, w, out;
    unic__run run;
    unic__call call;
} pick;

static void pick_run(pick *p, size_t ci, size_t co, size_t stride, unic__backend backend,
                     bool direct)
{
    const unic__conv_attr attr = {stride, 1, 1};
    *p = (pick){.x = {.shape = S(8, 7, 7, ci), .x = drawn(8 * 7 * 7 * ci, 1)},
                .w = {.shape = S(3, 3, ci, co), .x = drawn(9 * ci * co, 2)}};
    p->call = (unic__call){.op = &unic__op_conv2d, .out = &p->out, .in = {&p->x, &p->w}};
    p->call.input_count = 2;
    p->call.attr = &attr;
    p->call.run = &p->run;
    p->call.backend = backend;
    p->call.direct = direct;
    ck_assert_int_eq(p->call.op->infer(&p->call), UNIC_OK);
    p->call.scratch = unic__alloc(p->call.scratch_size * sizeof(float));
    p->out.x = unic__alloc(unic__shape_count(&p->out.shape) * sizeof(float));
    ck_assert_int_eq(p->call.op->plan(&p->call), UNIC_OK);
    p->call.op->forward(&p->call);
    p->call.op->unplan(&p->call);
    p->call.attr = NULL;
}

static void pick_close(pick *p)
{
    unic__free(p->x.x);
    unic__free(p->w.x);
    unic__free(p->out.x);
    unic__free(p->call.scratch);
}

static bool same_bits(size_t ci, size_t co, unic__backend backend)
{
    pick with, without;
    pick_run(&with, ci, co, 1, backend, false);
    pick_run(&without, ci, co, 1, backend, true);
    size_t count = unic__shape_count(&with.out.shape);
    assert_near(with.out.x, without.out.x, count, "y");
    bool same = memcmp(with.out.x, without.out.x, count * sizeof(float)) == 0;
    pick_close(&with);
    pick_close(&without);
    return same;
}

START_TEST(winograd_is_autos_alone_and_can_be_switched_off)
{
    ck_assert(!same_bits(32, 48, UNIC__AUTO));
    ck_assert(same_bits(4, 48, UNIC__AUTO)); /* too few channels to pay */
    ck_assert(same_bits(32, 48, UNIC__BLAS));
    ck_assert(same_bits(32, 48, UNIC__ONEDNN));
}
END_TEST

/* Nothing that is installed has a say in it: every sum has the order of kernel/tile.h. */
START_TEST(auto_sums_in_one_order)
{
    enum { CI = 480, CO = 130 };
    pick p;
    pick_run(&p, CI, CO, 2, UNIC__AUTO, false);
    ck_assert_uint_eq(p.out.shape.dim[1], 4);
    bool fused = strcmp(unic__tile_kernel_best()->name, "portable") != 0;
    for (size_t o = 0; o < CO; o++) { /* the third pixel of the second row of image 0 */
        float sum = 0.0F, part = 0.0F;
        for (size_t k = 0; k < 9 * CI; k++) {
            size_t ky = k / (3 * CI), kx = k / CI % 3, i = k % CI;
            float x = p.x.x[((1 + ky) * 7 + 3 + kx) * CI + i], w = p.w.x[k * CO + o];
            part = fmaf(x, w, part);
            if ((k + 1) % UNIC__SUM_PART == 0 || k + 1 == 9 * CI) {
                sum += part;
                part = 0.0F;
            }
        }
        float y = p.out.x[(1 * 4 + 2) * CO + o];
        ck_assert_msg(fused ? y == sum : fabsf(y - sum) < 1e-4F, "%zu: %a, not %a", o,
                      (double)y, (double)sum);
    }
    pick_close(&p);
}
END_TEST

/* ---- refusals ---- */

typedef struct refusal {
    bool transposed;
    unic__shape x, w, b;
    unic__conv_attr attr;
    const char *words;
} refusal;

static const refusal refusals[] = {
    {false, S(7, 8), S(3, 3, 8, 4), S(4), {1, 0, 1}, "x [7,8] is not [..,H,W,C]"},
    {false, S(2, 0, 7, 8), S(3, 3, 8, 4), S(4), {1, 0, 1}, "without empty dims"},
    {false,
     S(2, 7, 7, 8),
     S(3, 3, 8),
     S(4),
     {1, 0, 1},
     "input 1 has shape [3,3,8], expected rank 4"},
    {false, S(2, 7, 7, 8), S(3, 3, 8, 0), S(4), {1, 0, 1}, "weight [3,3,8,0] has an empty dim"},
    {false,
     S(2, 7, 7, 9),
     S(3, 3, 8, 4),
     S(4),
     {1, 0, 1},
     "x [2,7,7,9] has 9 channels, the weight [3,3,8,4] expects 8"},
    {true,
     S(2, 7, 7, 8),
     S(3, 3, 8, 4),
     S(8),
     {1, 0, 1},
     "x [2,7,7,8] has 8 channels, the weight [3,3,8,4] expects 4"},
    {false, S(2, 7, 7, 8), S(3, 3, 8, 4), S(4), {0, 0, 1}, "stride is 0"},
    {false, S(2, 7, 7, 8), S(3, 3, 8, 4), S(4), {1, 0, 0}, "dilation is 0, expected 1.."},
    {true, S(2, 7, 7, 8), S(3, 3, 4, 8), S(4), {1, 0, SIZE_MAX / 2}, "expected 1..2147483647"},
    {false, S(2, 7, 7, 8), S(3, 3, 8, 4), S(4), {1, 0, 4}, "is smaller than the kernel"},
    {false, S(2, 7, 7, 8), S(3, 3, 8, 4), S(4), {1, 7, 3}, "padding 7 is not smaller"},
    {false, S(2, 7, 7, 8), S((size_t)1 << 31, 1, 8, 4), S(4), {1, 0, 1}, "2147483647 taps"},
    {false,
     S(2, 7, 7, 8),
     S(3, 2, 8, 4),
     S(4),
     {1, 2, 1},
     "padding 2 is not smaller than the kernel of weight [3,2,8,4], dilated by 1"},
    {false, S(2, 7, 7, 8), S(3, 3, 8, 4), S(8), {1, 0, 1}, "bias has 8 entries"},
    {true, S(2, 7, 7, 4), S(3, 3, 8, 4), S(4), {1, 0, 1}, "bias has 4 entries"},
    {false,
     S(2, 7, 1, 8),
     S(3, 4, 8, 4),
     S(4),
     {1, 1, 1},
     "x [2,7,1,8] with padding 1 is smaller"},
    {true, S(1, 1, 1, 4), S(4, 4, 8, 4), S(8), {1, 2, 1}, "leave no image"},
    {true, S(2, 2, 2, 4), S(3, 3, 8, 4), S(8), {SIZE_MAX / 2, 0, 1}, "leave no image"},
    {true, S(2, 2, 2, 4), S(3, 3, 8, 4), S(8), {SIZE_MAX / 256, 0, 1}, "leave no image"},
    {false,
     S((size_t)1 << 31, 1, 1, 4),
     S(1, 1, 4, 4),
     S(4),
     {1, 0, 1},
     "more than 2147483647 pixels"},
};

START_TEST(refuses)
{
    const refusal *r = &refusals[_i];
    op_case k = {.attr = &r->attr, .input_count = 3};
    k.op = r->transposed ? &unic__op_conv_transpose2d : &unic__op_conv2d;
    k.in[0].shape = r->x;
    k.in[1].shape = r->w;
    k.in[2].shape = r->b;
    check_op_refused(&k, r->words);
}
END_TEST

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

int main(void)
{
    Suite *s = suite_create("convolutions");
    TCase *t = tcase_create("core");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, conv2d_values_and_gradients, 0, COUNT(forward_cases));
    tcase_add_loop_test(t, conv2d_relu_values_and_gradients, 0, COUNT(forward_cases));
    tcase_add_loop_test(t, conv_transpose2d_values_and_gradients, 0, COUNT(transposed_cases));
    tcase_add_test(t, threads_change_after_the_plan);
    tcase_add_test(t, gradients_asked_for_after_the_plan);
    tcase_add_test(t, strided_pixels_stay_in_their_memory);
    tcase_add_test(t, auto_takes_onednn_for_few_weights);
    tcase_add_test(t, winograd_is_autos_alone_and_can_be_switched_off);
    tcase_add_test(t, auto_sums_in_one_order);
    tcase_add_loop_test(t, refuses, 0, COUNT(refusals));
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
