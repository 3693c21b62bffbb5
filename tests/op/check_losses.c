/* mse, bce, cross_entropy. */
#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "op_harness.h"

/* ---- mse and bce ---- */

static double mse_element(double a, double b)
{
    return (a - b) * (a - b);
}

static double bce_element(double x, double t)
{
    return fmax(x, 0.0) - x * t + log1p(exp(-fabs(x)));
}

static void masked_mean(const op_case *k, const double *const in[], double *out,
                        double (*element)(double, double))
{
    const size_t count = unic__shape_count(&k->in[0].shape);
    const double *mask = k->in[2].absent ? NULL : in[2];
    const size_t inner = mask ? count / unic__shape_count(&k->in[2].shape) : 1;
    double sum = 0.0, n = 0.0;
    for (size_t i = 0; i < count; i++)
        if (!mask || mask[i / inner] != 0.0) {
            sum += element(in[0][i], in[1][i]);
            n += 1.0;
        }
    out[0] = n > 0.0 ? sum / n : 0.0;
}

static void mse_naive(const op_case *k, const double *const in[], double *out)
{
    masked_mean(k, in, out, mse_element);
}

static void bce_naive(const op_case *k, const double *const in[], double *out)
{
    masked_mean(k, in, out, bce_element);
}

static op_case mse_case(unic__shape x)
{
    op_case k = {.op = &unic__op_mse, .attr = "", .input_count = 3, .naive = mse_naive};
    k.in[0] = (op_input){.shape = x};
    k.in[1] = (op_input){.shape = x, .low = -2, .high = 2};
    k.in[2] = (op_input){.absent = true, .no_gradient = true};
    return k;
}

static op_case bce_case(unic__shape x)
{
    op_case k = {.op = &unic__op_bce, .attr = "", .input_count = 3, .naive = bce_naive};
    k.in[0] = (op_input){.shape = x, .low = -8, .high = 8};
    k.in[1] = (op_input){.shape = x, .low = 0, .high = 1, .no_gradient = true};
    k.in[2] = (op_input){.absent = true, .no_gradient = true};
    return k;
}

enum { MASKS = 700 };

/* Every third position is out, the last one in. */
static const double *some(void)
{
    static double mask[MASKS];
    for (size_t i = 0; i < MASKS; i++)
        mask[i] = (double)(i % 3 != 1);
    return mask;
}

static const double none[MASKS];

static const struct masked_shape {
    unic__shape x;
    size_t mask_rank;
} masked[] = {
    {{1, {1}}, 1},           {{1, {7}}, 1},
    {{2, {3, 257}}, 1},      {{2, {3, 7}}, 2},
    {{3, {3, 5, 7}}, 2},     {{3, {3, 5, 7}}, 1},
    {{3, {10, 5, 1001}}, 2}, {{2, {2, 20000}}, 1},
    {{3, {2, 3, 4}}, 0},     {{4, {5, 3, 7, 400}}, 3},
};
enum { MASKED = sizeof masked / sizeof masked[0] };

START_TEST(mean_losses)
{
    const struct masked_shape *m = &masked[_i];
    op_case cases[] = {mse_case(m->x), bce_case(m->x)};
    for (size_t i = 0; i < 2; i++) {
        op_case *k = &cases[i];
        check_op(k);
        k->in[2].absent = false;
        k->in[2].shape = m->x;
        k->in[2].shape.rank = m->mask_rank;
        k->in[2].values = some();
        check_op(k);
        k->in[2].values = none;
        check_op(k);
    }
}
END_TEST

START_TEST(mean_loss_goldens)
{
    op_case k = mse_case(UNIC__SHAPE_OF(3, 4, 5));
    k.golden = "mse";
    check_op(&k);
    k.in[2] = (op_input){.shape = UNIC__SHAPE_OF(3, 4), .values = some(), .no_gradient = true};
    k.golden = "mse_masked";
    check_op(&k);
    k = bce_case(UNIC__SHAPE_OF(3, 4, 5));
    k.golden = "bce";
    check_op(&k);
    k.in[2] = (op_input){.shape = UNIC__SHAPE_OF(3), .values = some(), .no_gradient = true};
    k.golden = "bce_masked";
    check_op(&k);
}
END_TEST

/* What stands behind a mask of 0 does not reach the loss or a gradient, be it a NaN. */
START_TEST(masked_values_do_not_matter)
{
    float a[4] = {1, 2, NAN, INFINITY}, b[4] = {1, 1, 0, 0}, mask[2] = {1, 0};
    float y, dy = 1, da[4] = {0}, db[4] = {0}, saved[1], scratch[1];
    const unic__op *ops[] = {&unic__op_mse, &unic__op_bce};
    for (size_t i = 0; i < 2; i++) {
        unic__tensor out = {.x = &y, .dx = &dy}, m = {.shape = UNIC__SHAPE_OF(2), .x = mask};
        unic__tensor in0 = {.shape = UNIC__SHAPE_OF(2, 2), .x = a, .dx = da};
        unic__tensor in1 = {.shape = UNIC__SHAPE_OF(2, 2), .x = b, .dx = db};
        unic__call call = {.op = ops[i], .out = &out, .in = {&in0, &in1, &m}, .input_count = 3};
        ck_assert_int_eq(ops[i]->infer(&call), UNIC_OK);
        ck_assert_uint_eq(call.scratch_size, 1);
        call.saved = saved;
        call.scratch = scratch;
        ops[i]->forward(&call);
        ops[i]->backward(&call);
        ck_assert(isfinite(y));
        ck_assert(da[2] == 0.0F && da[3] == 0.0F && db[2] == 0.0F && db[3] == 0.0F);
    }
}
END_TEST

/* exp(1000) has no place in a float. */
START_TEST(bce_far_logits)
{
    const double x[] = {1000, -1000, 1000, -1000}, t[] = {1, 0, 0, 1};
    op_case k = bce_case(UNIC__SHAPE_OF(4));
    k.in[0].values = x;
    k.in[1].values = t;
    check_op(&k);
}
END_TEST

START_TEST(mean_losses_refuse)
{
    op_case k = mse_case(UNIC__SHAPE_OF(2, 3));
    k.in[1].shape = UNIC__SHAPE_OF(3, 2);
    check_op_refused(&k, "input 0 is [2,3], input 1 is [3,2]");
    k = bce_case(UNIC__SHAPE_OF(2, 3));
    k.in[2] = (op_input){.shape = UNIC__SHAPE_OF(3)};
    check_op_refused(&k, "mask [3] is not the leading dims of [2,3]");
    k.in[2].shape = UNIC__SHAPE_OF(2, 3, 1);
    check_op_refused(&k, "mask [2,3,1]");
}
END_TEST

/* ---- cross_entropy ---- */

static void cross_entropy_naive(const op_case *k, const double *const in[], double *out)
{
    const size_t rows = k->in[0].shape.dim[0], classes = k->in[0].shape.dim[1];
    double total = 0.0, n = 0.0;
    for (size_t r = 0; r < rows; r++) {
        const double *x = in[0] + r * classes, *mask = NULL;
        if (!k->in[2].absent)
            mask = in[2] + (k->in[2].shape.rank == 2 ? r * classes : 0);
        int32_t target = k->in[1].index[r];
        if (target < 0 || (mask && mask[target] == 0.0))
            continue;
        double sum = 0.0;
        for (size_t j = 0; j < classes; j++)
            sum += mask && mask[j] == 0.0 ? 0.0 : exp(x[j]);
        total += log(sum) - x[target];
        n += 1.0;
    }
    out[0] = n > 0.0 ? total / n : 0.0;
}

enum { ROWS = 300, CLASSES = 257 };

static op_case cross_entropy_case(size_t rows, size_t classes)
{
    static int32_t target[ROWS];
    for (size_t i = 0; i < ROWS; i++)
        target[i] = i % 5 == 1 ? -1 : (int32_t)(i * 7 % classes);
    op_case k = {.op = &unic__op_cross_entropy, .attr = "", .input_count = 3};
    k.naive = cross_entropy_naive;
    k.in[0] = (op_input){.shape = UNIC__SHAPE_OF(rows, classes), .low = -5, .high = 5};
    k.in[1] = (op_input){.shape = UNIC__SHAPE_OF(rows), .index = target};
    k.in[2] = (op_input){.absent = true, .no_gradient = true};
    return k;
}

static const size_t logits[][2] = {{1, 1}, {1, 7}, {5, 2}, {7, 257}, {3, 64}, {300, 200}};
enum { LOGITS = sizeof logits / sizeof logits[0] };

START_TEST(cross_entropy_values_and_gradients)
{
    const size_t rows = logits[_i][0], classes = logits[_i][1];
    op_case k = cross_entropy_case(rows, classes);
    check_op(&k);
    static double mask[ROWS * CLASSES];
    for (size_t i = 0; i < rows * classes; i++)
        mask[i] = (double)(i * i % 5 != 1);
    k.in[2] = (op_input){.values = mask, .no_gradient = true};
    k.in[2].shape = UNIC__SHAPE_OF(rows, classes);
    check_op(&k);
    k.in[2].shape = UNIC__SHAPE_OF(classes);
    check_op(&k);
}
END_TEST

START_TEST(cross_entropy_without_a_row)
{
    static const int32_t out[] = {-1, -1, -7};
    static const double nothing[3];
    op_case k = cross_entropy_case(3, 3);
    k.in[1].index = out;
    check_op(&k);
    k = cross_entropy_case(3, 3);
    k.in[2] = (op_input){.shape = UNIC__SHAPE_OF(3), .values = nothing, .no_gradient = true};
    check_op(&k);
}
END_TEST

START_TEST(cross_entropy_goldens)
{
    op_case k = {.golden = "cross_entropy", .op = &unic__op_cross_entropy, .attr = ""};
    k.input_count = 3;
    k.in[0].shape = UNIC__SHAPE_OF(6, 7);
    k.in[1].shape = UNIC__SHAPE_OF(6);
    k.in[2] = (op_input){.absent = true};
    check_op(&k);
    k.golden = "cross_entropy_masked";
    k.in[2] = (op_input){.shape = UNIC__SHAPE_OF(6, 7), .no_gradient = true};
    check_op(&k);
}
END_TEST

START_TEST(cross_entropy_far_logits)
{
    const double x[] = {1000, -1000, 0, 0, 1000, 999};
    static const int32_t target[] = {0, 1};
    op_case k = {.op = &unic__op_cross_entropy, .attr = "", .input_count = 2};
    float logit[6], y, saved[5], scratch[2];
    for (size_t i = 0; i < 6; i++)
        logit[i] = (float)x[i];
    int32_t index[2] = {target[0], target[1]};
    unic__tensor in0 = {.shape = UNIC__SHAPE_OF(2, 3), .x = logit}, out = {.x = &y};
    unic__tensor in1 = {.shape = UNIC__SHAPE_OF(2), .dtype = UNIC__I32, .ix = index};
    unic__call call = {.op = k.op, .out = &out, .in = {&in0, &in1}, .input_count = 2};
    ck_assert_int_eq(k.op->infer(&call), UNIC_OK);
    ck_assert_uint_le(call.saved_size, 5);
    call.saved = saved;
    call.scratch = scratch;
    k.op->forward(&call);
    ck_assert(fabs((double)y - 0.5 * log(1.0 + exp(-1.0))) < 1e-6);
    index[0] = index[1] = 3; /* no such class */
    k.op->forward(&call);
    ck_assert(y == 0.0F);
}
END_TEST

START_TEST(cross_entropy_refuses)
{
    op_case k = cross_entropy_case(3, 4);
    k.in[1].shape = UNIC__SHAPE_OF(4);
    check_op_refused(&k, "logits are [3,4], targets [4]");
    k = cross_entropy_case(3, 4);
    k.in[2] = (op_input){.shape = UNIC__SHAPE_OF(3)};
    check_op_refused(&k, "logits are [3,4], the class mask is [3]");
    k = cross_entropy_case(3, 4);
    k.in[1].index = NULL;
    check_op_refused(&k, "input 1 must be int32");
    k = cross_entropy_case(3, 4);
    k.in[0].shape = UNIC__SHAPE_OF(3, 0);
    check_op_refused(&k, "logits [3,0] have no class");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("losses");
    TCase *t = tcase_create("core");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, mean_losses, 0, MASKED);
    tcase_add_test(t, mean_loss_goldens);
    tcase_add_test(t, masked_values_do_not_matter);
    tcase_add_test(t, bce_far_logits);
    tcase_add_test(t, mean_losses_refuse);
    tcase_add_loop_test(t, cross_entropy_values_and_gradients, 0, LOGITS);
    tcase_add_test(t, cross_entropy_without_a_row);
    tcase_add_test(t, cross_entropy_goldens);
    tcase_add_test(t, cross_entropy_far_logits);
    tcase_add_test(t, cross_entropy_refuses);
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
