/* unary, binary, straight_through. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "op_harness.h"

/* ---- unary ---- */

static double unary_value(const unic__unary_attr *attr, double x)
{
    switch (attr->kind) {
    case UNIC__RELU:
        return x > 0.0 ? x : 0.0;
    case UNIC__TANH:
        return tanh(x);
    case UNIC__SIGMOID:
        return 1.0 / (1.0 + exp(-x));
    case UNIC__EXP:
        return exp(x);
    case UNIC__LOG:
        return log(x);
    case UNIC__SQRT:
        return sqrt(x);
    case UNIC__SQUARE:
        return x * x;
    case UNIC__CLAMP:
        return fmin(fmax(x, (double)attr->a), (double)attr->b);
    case UNIC__GELU:
        return 0.5 * x * (1.0 + erf(x / sqrt(2.0)));
    default:
        return (double)attr->a * x + (double)attr->b;
    }
}

static void unary_naive(const op_case *k, const double *const in[], double *out)
{
    for (size_t i = 0; i < unic__shape_count(&k->in[0].shape); i++)
        out[i] = unary_value(k->attr, in[0][i]);
}

static const struct unary_range {
    unic__unary_attr attr;
    double low, high;
    const char *golden;
} unary_ranges[] = {
    {{UNIC__RELU, 0, 0}, -3, 3, "unary_relu"},
    {{UNIC__TANH, 0, 0}, -4, 4, "unary_tanh"},
    {{UNIC__SIGMOID, 0, 0}, -8, 8, "unary_sigmoid"},
    {{UNIC__EXP, 0, 0}, -5, 3, "unary_exp"},
    {{UNIC__LOG, 0, 0}, 0.1, 5, "unary_log"},
    {{UNIC__SQRT, 0, 0}, 0.1, 5, "unary_sqrt"},
    {{UNIC__SQUARE, 0, 0}, -3, 3, "unary_square"},
    {{UNIC__CLAMP, -0.625F, 0.375F}, -2, 2, "unary_clamp"},
    {{UNIC__AFFINE, -1.5F, 0.25F}, -3, 3, "unary_affine"},
    {{UNIC__GELU, 0, 0}, -5, 5, "unary_gelu"},
};

START_TEST(unary_values_and_gradients)
{
    const struct unary_range *r = &unary_ranges[_i];
    const unic__shape shapes[] = {
        UNIC__SCALAR,           UNIC__SHAPE_OF(1),          UNIC__SHAPE_OF(7),
        UNIC__SHAPE_OF(3, 257), UNIC__SHAPE_OF(2, 3, 4, 5), UNIC__SHAPE_OF(33, 1024)};
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
        check_op(&(op_case){.op = &unic__op_unary,
                            .attr = &r->attr,
                            .input_count = 1,
                            .in = {{.shape = shapes[s], .low = r->low, .high = r->high}},
                            .naive = unary_naive,
                            .kinks = r->attr.kind == UNIC__RELU,
                            .expect = shapes[s]});
    check_op(&(op_case){.golden = r->golden,
                        .op = &unic__op_unary,
                        .attr = &r->attr,
                        .input_count = 1,
                        .in = {{.shape = UNIC__SHAPE_OF(3, 17)}}});
}
END_TEST

/* Ends of the range, and a NaN stays one. */
START_TEST(unary_special_values)
{
    const double inf = (double)INFINITY;
    const struct special {
        unic__unary_kind kind;
        double x, y;
    } cases[] = {
        {UNIC__EXP, 1000, inf},
        {UNIC__EXP, -1000, 0},
        {UNIC__LOG, 0, -inf},
        {UNIC__TANH, 50, 1},
        {UNIC__TANH, -50, -1},
        {UNIC__SIGMOID, 200, 1},
        {UNIC__SIGMOID, -200, 0},
        {UNIC__SQRT, 0, 0},
        {UNIC__RELU, -inf, 0},
        {UNIC__RELU, (double)NAN, 7}, /* 7 is never reached: NaN is looked for */
        {UNIC__CLAMP, (double)NAN, 7},
        {UNIC__LOG, -1, 7},
        {UNIC__EXP, (double)NAN, 7},
        {UNIC__GELU, 0, 0},
        {UNIC__GELU, 50, 50},
        {UNIC__GELU, -50, 0},
        {UNIC__GELU, 0x1p99, 0x1p99},
        {UNIC__GELU, inf, inf},
        {UNIC__GELU, (double)NAN, 7},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        float x = (float)cases[i].x, y = 0.0F;
        unic__tensor in = {.x = &x}, out = {.x = &y};
        unic__unary_attr attr = {cases[i].kind, -1.0F, 1.0F};
        unic__call call = {.op = &unic__op_unary, .out = &out, .in = {&in}, .input_count = 1};
        call.attr = &attr;
        ck_assert_int_eq(unic__op_unary.infer(&call), UNIC_OK);
        unic__op_unary.forward(&call);
        if (cases[i].y == 7)
            ck_assert_msg(isnan(y), "case %zu: %g, expected a NaN", i, (double)y);
        else
            ck_assert_msg((double)y == cases[i].y, "case %zu: %g, expected %g", i, (double)y,
                          cases[i].y);
    }
}
END_TEST

/* ---- binary ---- */

/* The element of `s` that the element at `index` of the output comes from. */
static size_t broadcast_offset(const unic__shape *s, const unic__shape *y, const size_t *index)
{
    size_t offset = 0, lead = y->rank - s->rank;
    for (size_t i = 0; i < s->rank; i++)
        offset = offset * s->dim[i] + (s->dim[i] == 1 ? 0 : index[lead + i]);
    return offset;
}

static void binary_naive(const op_case *k, const double *const in[], double *out)
{
    const unic__binary_attr *attr = k->attr;
    const unic__shape *y = &k->expect;
    for (size_t i = 0; i < unic__shape_count(y); i++) {
        size_t index[UNIC__MAX_RANK], rest = i;
        for (size_t d = y->rank; d-- > 0;) {
            index[d] = rest % y->dim[d];
            rest /= y->dim[d];
        }
        double a = in[0][broadcast_offset(&k->in[0].shape, y, index)];
        double b = in[1][broadcast_offset(&k->in[1].shape, y, index)];
        out[i] = attr->kind == UNIC__ADD   ? a + b
                 : attr->kind == UNIC__SUB ? a - b
                 : attr->kind == UNIC__MUL ? a * b
                                           : a / b;
    }
}

static const struct binary_shapes {
    unic__shape a, b, y;
    const char *golden;
} binary_shapes[] = {
    {{1, {1}}, {1, {1}}, {1, {1}}, NULL},
    {{0, {0}}, {2, {2, 3}}, {2, {2, 3}}, NULL},
    {{2, {2, 3}}, {0, {0}}, {2, {2, 3}}, NULL},
    {{2, {5, 7}}, {2, {5, 7}}, {2, {5, 7}}, "same"},
    {{2, {5, 17}}, {1, {1}}, {2, {5, 17}}, "scalar"},
    {{1, {1}}, {2, {3, 37}}, {2, {3, 37}}, NULL},
    {{3, {2, 3, 17}}, {1, {17}}, {3, {2, 3, 17}}, "row"},
    {{1, {64}}, {3, {4, 3, 64}}, {3, {4, 3, 64}}, NULL},
    {{3, {2, 5, 7}}, {3, {2, 5, 1}}, {3, {2, 5, 7}}, "column"},
    {{2, {5, 1}}, {2, {5, 70}}, {2, {5, 70}}, NULL},
    {{2, {5, 1}}, {2, {1, 7}}, {2, {5, 7}}, "outer"},
    {{3, {3, 1, 7}}, {3, {1, 4, 1}}, {3, {3, 4, 7}}, NULL},
    {{4, {2, 1, 3, 5}}, {3, {4, 1, 5}}, {4, {2, 4, 3, 5}}, "strided"},
    {{4, {2, 3, 2, 3}}, {4, {2, 1, 2, 1}}, {4, {2, 3, 2, 3}}, NULL},
    {{3, {2, 1, 3}}, {3, {2, 5, 3}}, {3, {2, 5, 3}}, NULL},
    {{2, {330, 128}}, {1, {128}}, {2, {330, 128}}, NULL}, /* large enough for two threads */
    {{2, {128, 330}}, {2, {128, 1}}, {2, {128, 330}}, NULL},
    {{1, {40001}}, {1, {40001}}, {1, {40001}}, NULL},
    {{2, {4, 9001}}, {1, {1}}, {2, {4, 9001}}, NULL},
};

START_TEST(binary_values_and_gradients)
{
    static const char *const kinds[] = {"add", "sub", "mul", "div"};
    const struct binary_shapes *s = &binary_shapes[_i];
    for (int kind = UNIC__ADD; kind <= UNIC__DIV; kind++) {
        unic__binary_attr attr = {(unic__binary_kind)kind};
        char golden[64];
        op_case k = {.op = &unic__op_binary, .attr = &attr, .input_count = 2, .expect = s->y};
        k.naive = binary_naive;
        k.in[0] = (op_input){.shape = s->a};
        k.in[1] = (op_input){.shape = s->b, .low = 0.5, .high = 2.0};
        if (s->golden && (kind == UNIC__DIV || !strcmp(s->golden, "strided"))) {
            snprintf(golden, sizeof golden, "binary_%s_%s", kinds[kind], s->golden);
            k.golden = golden;
        }
        check_op(&k);
    }
}
END_TEST

START_TEST(binary_refuses)
{
    unic__binary_attr attr = {UNIC__ADD};
    op_case k = {.op = &unic__op_binary, .attr = &attr, .input_count = 2};
    k.in[0] = (op_input){.shape = UNIC__SHAPE_OF(2, 3)};
    k.in[1] = (op_input){.shape = UNIC__SHAPE_OF(4, 3)};
    check_op_refused(&k, "[2,3] and [4,3] do not broadcast: 2 against 4");
    k.in[1].absent = true;
    check_op_refused(&k, "input 1 is missing");
}
END_TEST

/* ---- straight_through ---- */

/* e + (z - z0) with z0 the drawn z: e in value, and the gradient goes to z. */
static void straight_through_naive(const op_case *k, const double *const in[], double *out)
{
    for (size_t i = 0; i < unic__shape_count(&k->in[0].shape); i++)
        out[i] = in[1][i] + (in[0][i] - (double)(float)k->in[0].values[i]);
}

START_TEST(straight_through_value_of_e_gradient_to_z)
{
    enum { ROWS = 300, D = 257 };
    static double z[ROWS * D];
    for (size_t i = 0; i < ROWS * D; i++)
        z[i] = (double)(i % 13) - 6.0;
    const unic__shape shapes[] = {UNIC__SHAPE_OF(1), UNIC__SHAPE_OF(3, 7),
                                  UNIC__SHAPE_OF(ROWS, D)};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        op_case k = {.op = &unic__op_straight_through, .attr = "", .input_count = 2};
        k.in[0] = (op_input){.shape = shapes[i], .values = z};
        k.in[1] = (op_input){.shape = shapes[i], .no_gradient = true};
        k.naive = straight_through_naive;
        check_op(&k);
    }
    op_case k = {.op = &unic__op_straight_through, .attr = "", .input_count = 2};
    k.in[0].shape = UNIC__SHAPE_OF(2, 3);
    k.in[1].shape = UNIC__SHAPE_OF(3, 2);
    check_op_refused(&k, "z is [2,3], e is [3,2]");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("elementwise operators");
    TCase *t = tcase_create("core");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, unary_values_and_gradients, 0,
                        (int)(sizeof unary_ranges / sizeof unary_ranges[0]));
    tcase_add_test(t, unary_special_values);
    tcase_add_loop_test(t, binary_values_and_gradients, 0,
                        (int)(sizeof binary_shapes / sizeof binary_shapes[0]));
    tcase_add_test(t, binary_refuses);
    tcase_add_test(t, straight_through_value_of_e_gradient_to_z);
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
