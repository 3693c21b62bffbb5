/* dropout: the mask's rate, its stream, the same mask forward and backward. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "op_harness.h"

static void identity_naive(const op_case *k, const double *const in[], double *out)
{
    memcpy(out, in[0], unic__shape_count(&k->in[0].shape) * sizeof *out);
}

static void dropout_naive(const op_case *k, const double *const in[], double *out)
{
    const unic__dropout_attr *attr = k->attr;
    const unic__key key = unic__random_key(OP_SEED, OP_STEP, OP_ID);
    for (size_t i = 0; i < unic__shape_count(&k->in[0].shape); i++)
        out[i] = unic__random_uniform(key, i) < attr->p ? 0.0
                                                        : in[0][i] / (1.0 - (double)attr->p);
}

static op_case dropout_case(const unic__dropout_attr *attr, unic__shape x)
{
    op_case k = {.op = &unic__op_dropout, .attr = attr, .input_count = 1, .expect = x};
    k.in[0].shape = x;
    k.training = true;
    k.naive = dropout_naive;
    return k;
}

static const unic__shape shapes[] = {
    {0, {0}}, {1, {1}}, {2, {7, 257}}, {3, {2, 3, 5}}, {2, {257, 300}}};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

START_TEST(values_and_gradients)
{
    const float p[] = {0.0F, 0.1F, 0.5F, 0.9F};
    for (size_t i = 0; i < 4; i++) {
        unic__dropout_attr attr = {p[i]};
        op_case k = dropout_case(&attr, shapes[_i]);
        check_op(&k);
    }
}
END_TEST

START_TEST(identity_when_not_training)
{
    unic__dropout_attr attr = {0.5F};
    op_case k = dropout_case(&attr, shapes[_i]);
    k.training = false;
    k.naive = identity_naive;
    check_op(&k);
    k.training = true;
    attr.p = 0.0F;
    check_op(&k);
}
END_TEST

enum { N = 100000 };
static float ones[N], y[N], dx[N];

static void run(float p, uint64_t seed, uint64_t step, uint64_t id)
{
    unic__dropout_attr attr = {p};
    unic__run settings = {.training = true, .seed = seed, .step = step};
    unic__tensor in = {.shape = UNIC__SHAPE_OF(N), .x = ones, .dx = dx},
                 out = {.x = y, .dx = ones};
    unic__call call = {.op = &unic__op_dropout, .out = &out, .in = {&in}, .input_count = 1};
    call.attr = &attr;
    call.run = &settings;
    call.id = id;
    for (size_t i = 0; i < N; i++) {
        ones[i] = 1.0F;
        dx[i] = 0.0F;
    }
    ck_assert_int_eq(unic__op_dropout.infer(&call), UNIC_OK);
    unic__op_dropout.forward(&call);
    unic__op_dropout.backward(&call);
}

/* The number of zeros is binomial: within 5 standard deviations; what stays is scaled. */
START_TEST(rate_of_the_mask)
{
    const float p[] = {0.1F, 0.5F, 0.75F};
    for (size_t k = 0; k < 3; k++) {
        run(p[k], 1, 2, 3);
        size_t zeros = 0;
        for (size_t i = 0; i < N; i++) {
            zeros += y[i] == 0.0F;
            if (y[i] != 0.0F && fabsf(y[i] * (1.0F - p[k]) - 1.0F) > 1e-6F)
                ck_abort_msg("p %g: what stays is scaled by %g", (double)p[k], (double)y[i]);
        }
        double mean = (double)p[k] * N, deviation = sqrt(mean * (1.0 - (double)p[k]));
        ck_assert_msg(fabs((double)zeros - mean) < 5.0 * deviation, "p %g: %zu zeros of %d",
                      (double)p[k], zeros, N);
    }
}
END_TEST

START_TEST(backward_uses_the_same_mask)
{
    run(0.3F, 1, 2, 3);
    ck_assert_int_eq(memcmp(dx, y, sizeof y), 0); /* x and dy are both all ones */
}
END_TEST

/* Masks of different streams agree in half of the places, as independent ones do. */
START_TEST(seed_step_and_call_each_give_another_mask)
{
    static float first[N];
    const uint64_t other[][3] = {{2, 2, 3}, {1, 3, 3}, {1, 2, 4}, {2, 1, 3}};
    run(0.5F, 1, 2, 3);
    memcpy(first, y, sizeof y);
    run(0.5F, 1, 2, 3);
    ck_assert_int_eq(memcmp(first, y, sizeof y), 0);
    for (size_t k = 0; k < 4; k++) {
        run(0.5F, other[k][0], other[k][1], other[k][2]);
        size_t same = 0;
        for (size_t i = 0; i < N; i++)
            same += first[i] == y[i];
        ck_assert_msg(fabs((double)same - N / 2.0) < 5.0 * sqrt(N / 4.0),
                      "stream %zu: %zu of %d", k, same, N);
    }
}
END_TEST

START_TEST(refuses_p)
{
    const float p[] = {1.0F, -0.1F, NAN};
    for (size_t i = 0; i < 3; i++) {
        unic__dropout_attr attr = {p[i]};
        unic__tensor in = {.shape = UNIC__SHAPE_OF(3)}, out = {0};
        unic__call call = {.op = &unic__op_dropout, .out = &out, .in = {&in}, .input_count = 1};
        call.attr = &attr;
        ck_assert_int_eq(unic__op_dropout.infer(&call), UNIC_E_ARG);
        ck_assert_ptr_nonnull(strstr(unic_last_error(), "expected 0 <= p < 1"));
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("dropout");
    TCase *t = tcase_create("core");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, values_and_gradients, 0, SHAPES);
    tcase_add_loop_test(t, identity_when_not_training, 0, SHAPES);
    tcase_add_test(t, rate_of_the_mask);
    tcase_add_test(t, backward_uses_the_same_mask);
    tcase_add_test(t, seed_step_and_call_each_give_another_mask);
    tcase_add_test(t, refuses_p);
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
