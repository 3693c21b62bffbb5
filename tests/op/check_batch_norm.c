/* channel_moments and batch_norm. */
#include <check.h>
#include <math.h>

#include "op_harness.h"

#define S UNIC__SHAPE_OF

static void moments_naive(const op_case *k, const double *const in[], double *out)
{
    const unic__shape *x = &k->in[0].shape;
    size_t rows = unic__shape_rows(x), n = unic__shape_last(x);
    for (size_t j = 0; j < n; j++) {
        double mean = 0.0, var = 0.0;
        for (size_t r = 0; r < rows; r++)
            mean += in[0][r * n + j] / (double)rows;
        for (size_t r = 0; r < rows; r++)
            var += pow(in[0][r * n + j] - mean, 2.0) / (double)rows;
        out[j] = mean;
        out[n + j] = var;
    }
}

static const struct moments_case {
    const char *golden;
    unic__shape x;
    double low, high;
} moments_cases[] = {
    {"channel_moments", S(2, 3, 4, 7), 0, 0},
    {NULL, S(5), 0, 0}, /* one row: the variance is 0 */
    {NULL, S(1, 1), 0, 0},
    {NULL, S(600, 70), 0, 0},  /* more than a block of columns, enough for two threads */
    {NULL, S(64, 3), 99, 101}, /* a mean far larger than the spread */
};

START_TEST(moments_values_and_gradients)
{
    const struct moments_case *s = &moments_cases[_i];
    op_case k = {.golden = s->golden,
                 .op = &unic__op_channel_moments,
                 .input_count = 1,
                 .naive = moments_naive,
                 .expect = S(2, unic__shape_last(&s->x))};
    k.in[0] = (op_input){.shape = s->x, .low = s->low, .high = s->high};
    check_op(&k);
}
END_TEST

static void norm_naive(const op_case *k, const double *const in[], double *out)
{
    const unic__batch_norm_attr *attr = k->attr;
    size_t n = unic__shape_last(&k->in[0].shape);
    for (size_t i = 0; i < unic__shape_count(&k->in[0].shape); i++) {
        size_t j = i % n;
        out[i] = (in[0][i] - in[3][j]) / sqrt(in[3][n + j] + (double)attr->eps) * in[1][j] +
                 in[2][j];
    }
}

static const unic__batch_norm_attr eps = {1e-5F};

static op_case norm_case(const char *golden, unic__shape x)
{
    size_t n = unic__shape_last(&x);
    op_case k = {.golden = golden,
                 .op = &unic__op_batch_norm,
                 .attr = &eps,
                 .input_count = 4,
                 .naive = norm_naive,
                 .expect = x};
    k.in[0].shape = x;
    k.in[1].shape = k.in[2].shape = S(n);
    k.in[3] = (op_input){.shape = S(2, n), .low = 0.25, .high = 1.5};
    return k;
}

START_TEST(norm_values_and_gradients)
{
    static const struct {
        const char *golden;
        unic__shape x;
    } cases[] = {
        {"batch_norm", S(2, 3, 4, 7)}, {NULL, S(5)}, {NULL, S(1, 1)}, {NULL, S(600, 70)}};
    op_case k = norm_case(cases[_i].golden, cases[_i].x);
    check_op(&k);
}
END_TEST

/* Numbers whose variance is none must not pass as beta: channel 0 of two. */
START_TEST(too_large_numbers_give_nan)
{
    float x[4] = {1e25F, 1.0F, -1e25F, 2.0F}, gamma[2] = {1, 1}, beta[2] = {5, 6};
    float moments[4], y[4], rstd[2];
    unic__tensor in = {.shape = UNIC__SHAPE_OF(2, 2), .x = x}, m = {.x = moments},
                 out = {.x = y};
    unic__tensor g = {.shape = UNIC__SHAPE_OF(2), .x = gamma}, b = g;
    static const unic__batch_norm_attr norm = {1e-5F};
    unic__run run = {0};
    unic__call call = {
        .op = &unic__op_channel_moments, .out = &m, .in = {&in}, .input_count = 1, .run = &run};
    b.x = beta;
    ck_assert_int_eq(call.op->infer(&call), UNIC_OK);
    call.op->forward(&call);
    call = (unic__call){.op = &unic__op_batch_norm,
                        .out = &out,
                        .in = {&in, &g, &b, &m},
                        .input_count = 4,
                        .attr = &norm,
                        .saved = rstd,
                        .run = &run};
    ck_assert_int_eq(call.op->infer(&call), UNIC_OK);
    call.op->forward(&call);
    ck_assert(isnan(y[0]) && isfinite(y[1]) && isnan(y[2]) && isfinite(y[3]));
}
END_TEST

START_TEST(refuses)
{
    op_case k = norm_case(NULL, S(4, 3));
    k.in[0].shape = S(0, 3);
    check_op_refused(&k, "x [0,3] is not [..,C] without empty dims");
    k = norm_case(NULL, S(4, 3));
    k.in[1].shape = S(4);
    check_op_refused(&k, "gamma is [4], x is [4,3]");
    k = norm_case(NULL, S(4, 3));
    k.in[2].shape = S(1, 3);
    check_op_refused(&k, "input 2 has shape [1,3], expected rank 1");
    k = norm_case(NULL, S(4, 3));
    k.in[3].shape = S(3, 3);
    check_op_refused(&k, "moments is [3,3], x is [4,3]");
    k = norm_case(NULL, S(4, 3));
    k.in[3].shape = S(2, 2);
    check_op_refused(&k, "moments is [2,2], x is [4,3]");
    k = (op_case){.op = &unic__op_channel_moments, .input_count = 1};
    check_op_refused(&k, "is not [..,C] without empty dims");
    k.in[0].shape = S(0, 3);
    check_op_refused(&k, "x [0,3] is not [..,C] without empty dims");
}
END_TEST

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

int main(void)
{
    Suite *s = suite_create("batch normalisation");
    TCase *t = tcase_create("core");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, moments_values_and_gradients, 0, COUNT(moments_cases));
    tcase_add_loop_test(t, norm_values_and_gradients, 0, 4);
    tcase_add_test(t, too_large_numbers_give_nan);
    tcase_add_test(t, refuses);
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
