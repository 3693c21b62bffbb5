/* avg_pool2d, max_pool2d. */
#include <check.h>
#include <math.h>

#include "op_harness.h"

#define S UNIC__SHAPE_OF

static void pool_naive(const op_case *k, const double *const in[], double *out)
{
    const unic__pool_attr *attr = k->attr;
    const unic__shape *x = &k->in[0].shape, *y = &k->expect;
    size_t h = x->dim[x->rank - 3], w = x->dim[x->rank - 2], c = x->dim[x->rank - 1];
    size_t oh = y->dim[y->rank - 3], ow = y->dim[y->rank - 2];
    for (size_t i = 0; i < unic__shape_count(y); i++) {
        size_t j = i % c, ox = i / c % ow, oy = i / (c * ow) % oh, n = i / (c * ow * oh);
        double sum = 0.0;
        for (size_t ky = 0; ky < attr->window; ky++)
            for (size_t kx = 0; kx < attr->window; kx++)
                sum +=
                    in[0]
                      [((n * h + oy * attr->stride + ky) * w + ox * attr->stride + kx) * c + j];
        out[i] = sum / (double)(attr->window * attr->window);
    }
}

static void max_naive(const op_case *k, const double *const in[], double *out)
{
    const unic__pool_attr *attr = k->attr;
    const unic__shape *x = &k->in[0].shape, *y = &k->expect;
    size_t h = x->dim[x->rank - 3], w = x->dim[x->rank - 2], c = x->dim[x->rank - 1];
    size_t oh = y->dim[y->rank - 3], ow = y->dim[y->rank - 2];
    for (size_t i = 0; i < unic__shape_count(y); i++) {
        size_t j = i % c, ox = i / c % ow, oy = i / (c * ow) % oh, n = i / (c * ow * oh);
        out[i] = -INFINITY;
        for (size_t ky = 0; ky < attr->window; ky++)
            for (size_t kx = 0; kx < attr->window; kx++)
                out[i] = fmax(
                    out[i],
                    in[0][((n * h + oy * attr->stride + ky) * w + ox * attr->stride + kx) * c +
                          j]);
    }
}

static const struct pool_case {
    const char *golden;
    unic__shape x;
    unic__pool_attr attr;
    unic__shape out;
} cases[] = {
    {"avg_pool2d_3x3", S(2, 2, 5, 6, 3), {3, 1}, S(2, 2, 3, 4, 3)},
    {"avg_pool2d_whole", S(3, 7, 7, 3), {7, 7}, S(3, 1, 1, 3)},
    {"avg_pool2d_strided", S(2, 7, 6, 5), {2, 2}, S(2, 3, 3, 5)},
    {NULL, S(1, 1, 1), {1, 1}, S(1, 1, 1)},
    {NULL, S(3, 5, 4, 257), {1, 1}, S(3, 5, 4, 257)},
    {NULL, S(2, 8, 9, 5), {2, 3}, S(2, 3, 3, 5)},     /* pixels no window reads */
    {NULL, S(40, 7, 7, 24), {3, 1}, S(40, 5, 5, 24)}, /* enough for two threads */
};

static void check_case(const struct pool_case *s, const unic__op *op, op_naive naive)
{
    op_case k = {.golden = s->golden,
                 .op = op,
                 .attr = &s->attr,
                 .input_count = 1,
                 .naive = naive,
                 .expect = s->out};
    k.in[0].shape = s->x;
    check_op(&k);
}

START_TEST(values_and_gradients)
{
    check_case(&cases[_i], &unic__op_avg_pool2d, pool_naive);
}
END_TEST

static const struct pool_case max_cases[] = {
    {"max_pool2d_3x3", S(2, 2, 5, 6, 3), {3, 1}, S(2, 2, 3, 4, 3)},
    {"max_pool2d_strided", S(2, 7, 6, 5), {2, 2}, S(2, 3, 3, 5)},
    {NULL, S(1, 1, 1), {1, 1}, S(1, 1, 1)},
    {NULL, S(3, 4, 4, 33), {4, 4}, S(3, 1, 1, 33)},
    {NULL, S(2, 8, 9, 5), {2, 3}, S(2, 3, 3, 5)},     /* pixels no window reads */
    {NULL, S(40, 8, 8, 16), {2, 2}, S(40, 4, 4, 16)}, /* enough for two threads */
};

START_TEST(largest_values_and_gradients)
{
    check_case(&max_cases[_i], &unic__op_max_pool2d, max_naive);
}
END_TEST

/* What is not finite is not lost on the way to where it is looked for. */
START_TEST(a_nan_stays)
{
    float x[4] = {1, 2, 3, 4}, y[1];
    unic__tensor in = {.shape = S(2, 2, 1), .x = x}, out = {.x = y};
    const unic__pool_attr attr = {2, 2};
    unic__call c = {
        .op = &unic__op_max_pool2d, .out = &out, .in = {&in}, .input_count = 1, .attr = &attr};
    ck_assert_int_eq(c.op->infer(&c), UNIC_OK);
    for (size_t i = 0; i < 4; i++) {
        x[i] = NAN;
        c.op->forward(&c);
        ck_assert(isnan(y[0]));
        x[i] = (float)i;
    }
}
END_TEST

static const struct refusal {
    unic__shape x;
    unic__pool_attr attr;
    const char *words;
} refusals[] = {
    {S(7, 8), {2, 1}, "x [7,8] is not [..,H,W,C]"},
    {S(2, 7, 7, 0), {2, 1}, "x [2,7,7,0] is not [..,H,W,C] without empty dims"},
    {S(2, 7, 7, 8), {0, 1}, "window 0 and stride 1 must be at least 1"},
    {S(2, 7, 7, 8), {2, 0}, "window 2 and stride 0 must be at least 1"},
    {S(2, 7, 6, 8), {7, 1}, "window 7 is larger than x [2,7,6,8]"},
    {S(2, 6, 7, 8), {7, 1}, "window 7 is larger than x [2,6,7,8]"},
};

START_TEST(refuses)
{
    const struct refusal *r = &refusals[_i];
    op_case k = {.op = &unic__op_avg_pool2d, .attr = &r->attr, .input_count = 1};
    k.in[0].shape = r->x;
    check_op_refused(&k, r->words);
    k.op = &unic__op_max_pool2d;
    check_op_refused(&k, r->words);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pooling");
    TCase *t = tcase_create("core");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, values_and_gradients, 0, (int)(sizeof cases / sizeof cases[0]));
    tcase_add_loop_test(t, largest_values_and_gradients, 0,
                        (int)(sizeof max_cases / sizeof max_cases[0]));
    tcase_add_test(t, a_nan_stays);
    tcase_add_loop_test(t, refuses, 0, (int)(sizeof refusals / sizeof refusals[0]));
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
