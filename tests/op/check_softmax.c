/* Over the last axis: softmax, log_softmax, layer_norm. */
#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "op_harness.h"

/* ---- softmax ---- */

static void softmax_naive(const op_case *k, const double *const in[], double *out)
{
    const unic__shape *x = &k->in[0].shape;
    const size_t rows = unic__shape_rows(x), d = unic__shape_last(x);
    const double *mask = k->input_count > 1 && !k->in[1].absent ? in[1] : NULL;
    const size_t mask_rows = mask ? unic__shape_rows(&k->in[1].shape) : 1;
    for (size_t r = 0; r < rows; r++) {
        const double *row = in[0] + r * d, *m = mask ? mask + r % mask_rows * d : NULL;
        double sum = 0.0;
        for (size_t j = 0; j < d; j++)
            sum += m && m[j] == 0.0 ? 0.0 : exp(row[j]);
        for (size_t j = 0; j < d; j++)
            out[r * d + j] = m && m[j] == 0.0 ? 0.0 : exp(row[j]) / sum;
    }
}

static void log_softmax_naive(const op_case *k, const double *const in[], double *out)
{
    softmax_naive(k, in, out);
    for (size_t i = 0; i < unic__shape_count(&k->in[0].shape); i++)
        out[i] = log(out[i]);
}

/* Zeros and ones, such that the first row is all 0 and the second has a single 1. */
static const double *mask_values(size_t d)
{
    enum { MOST = 40000 };
    static double mask[MOST];
    for (size_t i = 0; i < MOST; i++)
        mask[i] = i < d ? 0.0 : i < 2 * d ? (double)(i == d + d / 2) : (double)(i * i % 3 > 0);
    return mask;
}

static const unic__shape shapes[] = {
    {1, {1}},        {1, {7}},          {2, {3, 1}},     {2, {5, 257}},
    {3, {2, 3, 64}}, {4, {2, 3, 4, 5}}, {2, {130, 200}},
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

START_TEST(softmax_values_and_gradients)
{
    op_case k = {.op = &unic__op_softmax, .attr = "", .input_count = 2, .naive = softmax_naive};
    k.in[0] = (op_input){.shape = shapes[_i], .low = -6, .high = 6};
    k.in[1] = (op_input){.absent = true};
    check_op(&k);
    k.input_count = 1;
    k.op = &unic__op_log_softmax;
    k.naive = log_softmax_naive;
    check_op(&k);
}
END_TEST

/* Masks as large as x (its first row has no class at all), of the last axis, of two axes. */
START_TEST(softmax_masked)
{
    const unic__shape *x = &shapes[_i];
    const size_t d = unic__shape_last(x);
    const double *values = mask_values(d);
    op_case k = {.op = &unic__op_softmax, .attr = "", .input_count = 2, .naive = softmax_naive};
    k.in[0] = (op_input){.shape = *x, .low = -6, .high = 6};
    k.in[1] = (op_input){.shape = *x, .values = values, .no_gradient = true};
    check_op(&k);
    k.in[1].shape = UNIC__SHAPE_OF(d);
    k.in[1].values = values + 2 * d;
    check_op(&k);
    k.in[1].values = values; /* nothing takes part */
    check_op(&k);
    if (x->rank < 3)
        return;
    k.in[1].shape = UNIC__SHAPE_OF(x->dim[x->rank - 2], d);
    check_op(&k);
}
END_TEST

START_TEST(softmax_goldens)
{
    op_case k = {.golden = "softmax", .op = &unic__op_softmax, .attr = "", .input_count = 1};
    k.in[0].shape = UNIC__SHAPE_OF(3, 17);
    check_op(&k);
    k.golden = "softmax_masked";
    k.input_count = 2;
    k.in[1] = (op_input){.shape = UNIC__SHAPE_OF(3, 17), .no_gradient = true};
    check_op(&k);
    k.golden = "log_softmax";
    k.op = &unic__op_log_softmax;
    k.input_count = 1;
    check_op(&k);
}
END_TEST

/* Large logits neither overflow nor lose the row's sum; what is masked may be anything. */
START_TEST(softmax_far_logits)
{
    float x[4] = {1000, 999, -1000, NAN}, mask[4] = {1, 1, 1, 0}, y[4];
    unic__tensor in = {.shape = UNIC__SHAPE_OF(4)}, m = {.shape = UNIC__SHAPE_OF(4)}, out = {0};
    in.x = x;
    m.x = mask;
    out.x = y;
    unic__call call = {.op = &unic__op_softmax, .out = &out, .in = {&in, &m}, .input_count = 2};
    ck_assert_int_eq(unic__op_softmax.infer(&call), UNIC_OK);
    unic__op_softmax.forward(&call);
    ck_assert(fabs((double)y[0] - 1.0 / (1.0 + exp(-1.0))) < 1e-6);
    ck_assert(fabs((double)y[0] + (double)y[1] - 1.0) < 1e-6);
    ck_assert(y[2] == 0.0F && y[3] == 0.0F);
    call.input_count = 1;
    unic__op_softmax.forward(&call);
    ck_assert_msg(isnan(y[0]) && isnan(y[2]), "a NaN in the row does not show");
    x[3] = -1000;
    unic__op_log_softmax.forward(&call);
    ck_assert(fabs((double)y[2] - (-2000.0 - log(1.0 + exp(-1.0)))) < 1e-3);
}
END_TEST

START_TEST(softmax_refuses)
{
    op_case k = {.op = &unic__op_softmax, .attr = "", .input_count = 2};
    k.in[0].shape = UNIC__SHAPE_OF(2, 3);
    k.in[1].shape = UNIC__SHAPE_OF(2);
    check_op_refused(&k, "mask [2] is not the last dims of x [2,3]");
    k.in[1].shape = UNIC__SHAPE_OF(1, 2, 3);
    check_op_refused(&k, "mask [1,2,3]");
    k.in[0].shape = UNIC__SHAPE_OF(2, 0);
    check_op_refused(&k, "x [2,0] has no last axis");
    k.op = &unic__op_log_softmax;
    check_op_refused(&k, "x [2,0] has no last axis");
}
END_TEST

/* ---- layer_norm ---- */

static void layer_norm_naive(const op_case *k, const double *const in[], double *out)
{
    const unic__layer_norm_attr *attr = k->attr;
    const size_t rows = unic__shape_rows(&k->in[0].shape),
                 d = unic__shape_last(&k->in[0].shape);
    for (size_t r = 0; r < rows; r++) {
        const double *x = in[0] + r * d;
        double mean = 0.0, var = 0.0;
        for (size_t j = 0; j < d; j++)
            mean += x[j] / (double)d;
        for (size_t j = 0; j < d; j++)
            var += (x[j] - mean) * (x[j] - mean) / (double)d;
        for (size_t j = 0; j < d; j++)
            out[r * d + j] = (x[j] - mean) / sqrt(var + (double)attr->eps) * in[1][j] +
                             in[2][j];
    }
}

static const unic__layer_norm_attr norm = {1e-5F};

static op_case layer_norm_case(unic__shape x)
{
    const size_t d = unic__shape_last(&x);
    op_case k = {.op = &unic__op_layer_norm, .attr = &norm, .input_count = 3};
    k.naive = layer_norm_naive;
    k.in[0] = (op_input){.shape = x, .low = -1, .high = 3};
    k.in[1] = (op_input){.shape = UNIC__SHAPE_OF(d), .low = 0.5, .high = 1.5};
    k.in[2] = (op_input){.shape = UNIC__SHAPE_OF(d)};
    return k;
}

START_TEST(layer_norm_values_and_gradients)
{
    op_case k = layer_norm_case(shapes[_i]);
    k.in[0].no_gradient = unic__shape_last(&shapes[_i]) == 1; /* see below */
    check_op(&k);
}
END_TEST

/* Numbers whose variance is none must not pass as beta. */
START_TEST(layer_norm_of_too_large_numbers_is_nan)
{
    float x[2][4] = {{1e25F, -2e25F, 3e25F, 0.0F}, {1.0F, -2.0F, 3.0F, 0.0F}};
    float gamma[4] = {1, 1, 1, 1}, beta[4] = {5, 6, 7, 8}, y[2][4], moments[4];
    unic__tensor in = {.shape = UNIC__SHAPE_OF(2, 4), .x = x[0]}, out = {.x = y[0]};
    unic__tensor g = {.shape = UNIC__SHAPE_OF(4), .x = gamma}, b = g;
    unic__run run = {0};
    unic__call call = {.op = &unic__op_layer_norm,
                       .out = &out,
                       .in = {&in, &g, &b},
                       .input_count = 3,
                       .attr = &norm,
                       .saved = moments,
                       .run = &run};
    b.x = beta;
    ck_assert_int_eq(call.op->infer(&call), UNIC_OK);
    ck_assert_uint_eq(call.saved_size, 4);
    call.op->forward(&call);
    for (size_t j = 0; j < 4; j++)
        ck_assert(isnan(y[0][j]) && isfinite(y[1][j]));
}
END_TEST

/* y = b whatever x is: dx is 0 but for rounding, which has no scale to compare with. */
START_TEST(layer_norm_of_one_column)
{
    float x = 2, g = 1.7F, b = 0.3F, y, dy = 0.9F, dx = 0, saved[2];
    unic__tensor in[3] = {{.shape = UNIC__SHAPE_OF(1), .x = &x, .dx = &dx},
                          {.shape = UNIC__SHAPE_OF(1), .x = &g},
                          {.shape = UNIC__SHAPE_OF(1), .x = &b}};
    unic__tensor out = {.x = &y, .dx = &dy};
    unic__call call = {
        .op = &unic__op_layer_norm, .out = &out, .input_count = 3, .attr = &norm};
    for (size_t i = 0; i < 3; i++)
        call.in[i] = &in[i];
    ck_assert_int_eq(unic__op_layer_norm.infer(&call), UNIC_OK);
    ck_assert_uint_eq(call.saved_size, 2);
    call.saved = saved;
    unic__op_layer_norm.forward(&call);
    unic__op_layer_norm.backward(&call);
    const double rstd = 1.0 / sqrt(1e-5), epsilon = 0x1p-23;
    ck_assert(y == b);
    ck_assert_msg(fabs((double)dx) <= epsilon * 1.7 * 0.9 * rstd, "%g", (double)dx);
}
END_TEST

START_TEST(layer_norm_golden)
{
    op_case k = layer_norm_case(UNIC__SHAPE_OF(5, 17));
    k.golden = "layer_norm";
    check_op(&k);
}
END_TEST

START_TEST(layer_norm_refuses)
{
    op_case k = layer_norm_case(UNIC__SHAPE_OF(2, 3));
    k.in[1].shape = UNIC__SHAPE_OF(4);
    check_op_refused(&k, "gamma is [4], x is [2,3]");
    k.in[1].shape = UNIC__SHAPE_OF(3);
    k.in[2].shape = UNIC__SHAPE_OF(1);
    check_op_refused(&k, "beta is [1], x is [2,3]");
    k.in[0].shape = UNIC__SCALAR;
    check_op_refused(&k, "has no last axis");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("softmax and layer norm");
    TCase *t = tcase_create("core");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, softmax_values_and_gradients, 0, SHAPES);
    tcase_add_loop_test(t, softmax_masked, 0, SHAPES);
    tcase_add_test(t, softmax_goldens);
    tcase_add_test(t, softmax_far_logits);
    tcase_add_test(t, softmax_refuses);
    tcase_add_test(t, layer_norm_of_too_large_numbers_is_nan);
    tcase_add_loop_test(t, layer_norm_values_and_gradients, 0, SHAPES);
    tcase_add_test(t, layer_norm_of_one_column);
    tcase_add_test(t, layer_norm_golden);
    tcase_add_test(t, layer_norm_refuses);
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
