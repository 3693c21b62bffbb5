/* Optimal transport plans: against a naive loop, and numbers worked out by hand. */
#include <math.h>
#include <string.h>

#include "base/base_help.h"
#include "op/op_harness.h"

enum { ROWS = 3, COLUMNS = 2, MOST = 64 };

/* The rounds as they stand, without the shift of a row's least cost. */
static void naive(const op_case *k, const double *const in[], double *out)
{
    const unic__transport_attr *attr = k->attr;
    const size_t rows = k->in[0].shape.dim[0], columns = k->in[0].shape.dim[1];
    double d[MOST], s[MOST], n = 0.0;
    for (size_t i = 0; i < rows; i++)
        n += in[1][i] > 0.0;
    for (size_t j = 0; j < columns; j++)
        s[j] = 1.0 / (double)columns;
    for (size_t i = 0; i < rows * columns; i++)
        out[i] = 1.0;
    for (size_t r = 0; r < attr->rounds; r++) {
        for (size_t i = 0; i < rows; i++) {
            double sum = 0.0;
            for (size_t j = 0; j < columns; j++) {
                double *q = &out[i * columns + j],
                       a = exp(-in[0][i * columns + j] / attr->beta);
                *q = attr->proximal ? a * *q : a;
                sum += *q * s[j];
            }
            d[i] = in[1][i] > 0.0 ? 1.0 / (n * sum) : 0.0;
        }
        for (size_t j = 0; j < columns; j++) {
            double sum = 0.0;
            for (size_t i = 0; i < rows; i++)
                sum += out[i * columns + j] * d[i];
            s[j] = sum > 0.0 ? 1.0 / ((double)columns * sum) : 0.0;
        }
        for (size_t i = 0; i < rows; i++)
            for (size_t j = 0; j < columns; j++)
                out[i * columns + j] *= d[i] * s[j];
    }
}

static const double some[] = {1, 0, 1, 1, 0}, none[] = {0, 0, 0, 0, 0},
                    whole[] = {1, 1, 1, 1, 1};

START_TEST(against_a_naive_loop)
{
    static const unic__transport_attr attrs[] = {
        {0.5, 1, true}, {0.7, 6, true}, {0.5, 20, false}, {2.0, 3, false}};
    static const double *const masks[] = {some, whole, none};
    for (size_t a = 0; a < 4; a++)
        for (size_t m = 0; m < 3; m++) {
            op_case k = {.op = &unic__op_transport,
                         .attr = &attrs[a],
                         .input_count = 2,
                         .naive = naive,
                         .expect = UNIC__SHAPE_OF(5, 7)};
            k.in[0] = (op_input){
                .shape = UNIC__SHAPE_OF(5, 7), .low = 0.0, .high = 2.0, .no_gradient = true};
            k.in[1] = (op_input){
                .shape = UNIC__SHAPE_OF(5), .values = masks[m], .no_gradient = true};
            check_op(&k);
        }
}
END_TEST

static void plan_of(const float *cost, double beta, size_t rounds, bool proximal, float *t)
{
    const unic__transport_attr attr = {beta, rounds, proximal};
    float x[ROWS * COLUMNS], valid[ROWS] = {1, 1, 1};
    _Alignas(64) float scratch[MOST];
    memcpy(x, cost, sizeof x);
    unic__tensor in = {.shape = UNIC__SHAPE_OF(ROWS, COLUMNS), .x = x};
    unic__tensor mask = {.shape = UNIC__SHAPE_OF(ROWS), .x = valid}, out = {.x = t};
    unic__call c = {.op = &unic__op_transport,
                    .out = &out,
                    .in = {&in, &mask},
                    .input_count = 2,
                    .attr = &attr,
                    .scratch = scratch};
    base_assert_ok(unic__op_transport.infer(&c));
    ck_assert_uint_le(c.scratch_size, MOST);
    unic__op_transport.forward(&c);
}

static double cost_of(const float *cost, const float *t)
{
    double sum = 0.0;
    for (size_t i = 0; i < ROWS * COLUMNS; i++)
        sum += (double)cost[i] * (double)t[i];
    return sum;
}

static const float costs[] = {0, 1, 1, 0.5F, 0.2F, 0.8F};

START_TEST(values_of_the_equations)
{
    static const double once[] = {0.229582, 0.055098, 0.0701, 0.33791, 0.200318, 0.106992},
                        often[] = {0.333337, 0, 0, 0.33333, 0.166663, 0.16667};
    float t[ROWS * COLUMNS];
    plan_of(costs, 0.5, 1, true, t);
    for (size_t i = 0; i < ROWS * COLUMNS; i++)
        ck_assert_double_eq_tol((double)t[i], once[i], 1e-6);
    ck_assert_double_eq_tol(cost_of(costs, t), 0.4198105, 1e-6);
    ck_assert_double_eq_tol((double)t[0] + (double)t[1], 0.28468, 1e-5);
    plan_of(costs, 0.5, 50, true, t);
    for (size_t i = 0; i < ROWS * COLUMNS; i++)
        ck_assert_double_eq_tol((double)t[i], often[i], 1e-6);
    ck_assert_double_eq_tol(cost_of(costs, t), 0.3333337, 1e-6);
    plan_of(costs, 0.05, 1000, false, t);
    ck_assert_double_eq_tol(cost_of(costs, t), 0.333378, 1e-6);
}
END_TEST

/* Costs so far apart that exp() of most is 0: the plan is still one, of numbers. */
START_TEST(far_costs_stay_numbers)
{
    float far[ROWS * COLUMNS], t[ROWS * COLUMNS];
    for (size_t i = 0; i < ROWS * COLUMNS; i++)
        far[i] = 1e6F * costs[i] + 1e7F;
    for (size_t proximal = 0; proximal < 2; proximal++) {
        plan_of(far, 0.001, 1000, proximal, t);
        for (size_t i = 0; i < ROWS * COLUMNS; i++)
            ck_assert(isfinite(t[i]) && t[i] >= 0.0F);
    }
}
END_TEST

START_TEST(wrong_shapes_are_refused)
{
    static const unic__transport_attr attr = {0.5, 1, true};
    op_case k = {.op = &unic__op_transport, .attr = &attr, .input_count = 2};
    k.in[0].shape = UNIC__SHAPE_OF(3, 2);
    k.in[1].shape = UNIC__SHAPE_OF(2);
    check_op_refused(&k, "costs are [3,2], rows that count [2]");
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("transport");
    tcase_add_test(t, against_a_naive_loop);
    tcase_add_test(t, values_of_the_equations);
    tcase_add_test(t, far_costs_stay_numbers);
    tcase_add_test(t, wrong_shapes_are_refused);
    return base_run("op/transport", t);
}
