/* reduce (sum, mean, max) and argmin. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "op_harness.h"

typedef struct dims {
    size_t outer, n, inner;
} dims;

static dims dims_of(const unic__shape *x, size_t axis)
{
    dims d = {1, x->dim[axis], 1};
    for (size_t i = 0; i < x->rank; i++)
        if (i != axis)
            *(i < axis ? &d.outer : &d.inner) *= x->dim[i];
    return d;
}

static void reduce_naive(const op_case *k, const double *const in[], double *out)
{
    const unic__reduce_attr *attr = k->attr;
    const dims d = dims_of(&k->in[0].shape, attr->axis);
    for (size_t o = 0; o < d.outer; o++)
        for (size_t j = 0; j < d.inner; j++) {
            const double *x = in[0] + o * d.n * d.inner + j;
            double y = x[0];
            for (size_t i = 1; i < d.n; i++)
                y = attr->kind == UNIC__MAX ? fmax(y, x[i * d.inner]) : y + x[i * d.inner];
            out[o * d.inner + j] = attr->kind == UNIC__MEAN ? y / (double)d.n : y;
        }
}

static void argmin_naive(const op_case *k, const double *const in[], double *out)
{
    const unic__argmin_attr *attr = k->attr;
    const dims d = dims_of(&k->in[0].shape, attr->axis);
    for (size_t o = 0; o < d.outer; o++)
        for (size_t j = 0; j < d.inner; j++) {
            const double *x = in[0] + o * d.n * d.inner + j;
            size_t best = 0;
            for (size_t i = 1; i < d.n; i++)
                if (x[i * d.inner] < x[best * d.inner])
                    best = i;
            out[o * d.inner + j] = (double)best;
        }
}

static const unic__shape shapes[] = {
    {1, {1}},        {1, {7}},        {2, {1, 7}},      {2, {5, 1}},
    {2, {5, 257}},   {3, {3, 4, 5}},  {3, {2, 1, 300}}, {4, {2, 3, 4, 5}},
    {2, {129, 300}}, {2, {300, 129}}, {1, {40001}},     {3, {7, 16, 400}},
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

/* `x` without `axis`, or 1 there. */
static unic__shape reduced(const unic__shape *x, size_t axis, bool keep)
{
    unic__shape y = {0};
    for (size_t i = 0; i < x->rank; i++)
        if (i != axis || keep)
            y.dim[y.rank++] = i == axis ? 1 : x->dim[i];
    return y;
}

START_TEST(reduce_values_and_gradients)
{
    const unic__shape *shape = &shapes[_i];
    for (size_t axis = 0; axis < shape->rank; axis++)
        for (int kind = UNIC__SUM; kind <= UNIC__MAX; kind++) {
            unic__reduce_attr attr = {(unic__reduce_kind)kind, axis, (axis + (size_t)kind) % 2};
            op_case k = {.op = &unic__op_reduce, .attr = &attr, .input_count = 1};
            k.in[0].shape = *shape;
            k.naive = reduce_naive;
            k.expect = reduced(shape, axis, attr.keep);
            check_op(&k);
        }
}
END_TEST

START_TEST(reduce_goldens)
{
    static const char *const names[] = {"sum", "mean", "max"};
    for (int kind = UNIC__SUM; kind <= UNIC__MAX; kind++)
        for (size_t axis = 0; axis < 3; axis++) {
            char name[64];
            snprintf(name, sizeof name, "reduce_%s_%zu", names[kind], axis);
            unic__reduce_attr attr = {(unic__reduce_kind)kind, axis, axis == 1};
            check_op(&(op_case){.golden = name,
                                .op = &unic__op_reduce,
                                .attr = &attr,
                                .input_count = 1,
                                .in = {{.shape = UNIC__SHAPE_OF(3, 4, 5)}}});
        }
}
END_TEST

/* 5 stands twice: the first one takes the gradient. Along both kinds of axis. */
START_TEST(max_tie_goes_to_the_first)
{
    for (size_t axis = 0; axis < 2; axis++) {
        unic__reduce_attr attr = {UNIC__MAX, axis, false};
        float x[4] = {1, 5, 5, 2}, y = 0, dy = 3, dx[4] = {0};
        unic__tensor in = {.shape = axis ? UNIC__SHAPE_OF(1, 4) : UNIC__SHAPE_OF(4, 1)},
                     out = {0};
        in.x = x;
        in.dx = dx;
        out.x = &y;
        out.dx = &dy;
        unic__call call = {.op = &unic__op_reduce, .out = &out, .in = {&in}, .input_count = 1};
        call.attr = &attr;
        ck_assert_int_eq(unic__op_reduce.infer(&call), UNIC_OK);
        unic__op_reduce.forward(&call);
        unic__op_reduce.backward(&call);
        ck_assert(y == 5.0F);
        ck_assert(dx[0] == 0.0F && dx[1] == 3.0F && dx[2] == 0.0F && dx[3] == 0.0F);
        x[2] = NAN;
        unic__op_reduce.forward(&call);
        ck_assert_msg(isnan(y), "the maximum passes over a NaN");
    }
}
END_TEST

START_TEST(argmin_values)
{
    const unic__shape *shape = &shapes[_i];
    for (size_t axis = 0; axis < shape->rank; axis++) {
        unic__argmin_attr attr = {axis};
        op_case k = {
            .op = &unic__op_argmin, .attr = &attr, .input_count = 1, .integer_output = true};
        k.in[0].shape = *shape;
        k.naive = argmin_naive;
        k.expect = reduced(shape, axis, false);
        check_op(&k);
    }
}
END_TEST

START_TEST(argmin_lowest_on_a_tie)
{
    const double rows[] = {3, 1, 1, 2, 1, 7, 7, 7, 7, 7, 0, 0, -1, -1, 5};
    unic__argmin_attr last = {1}, first = {0};
    op_case k = {
        .op = &unic__op_argmin, .attr = &last, .input_count = 1, .integer_output = true};
    k.in[0] = (op_input){.shape = UNIC__SHAPE_OF(3, 5), .values = rows};
    k.naive = argmin_naive;
    check_op(&k);
    k.attr = &first;
    check_op(&k);
    k.in[0].shape = UNIC__SHAPE_OF(5, 3);
    check_op(&k);
}
END_TEST

/* NaNs are passed over; a row of nothing else gives 0, never an index outside. */
START_TEST(argmin_of_nans)
{
    for (size_t axis = 0; axis < 2; axis++) {
        float x[] = {NAN, 2, NAN, 1};
        int32_t y = -1;
        unic__argmin_attr attr = {axis};
        unic__tensor in = {.shape = axis ? UNIC__SHAPE_OF(1, 4) : UNIC__SHAPE_OF(4, 1)},
                     out = {0};
        in.x = x;
        out.ix = &y;
        unic__call call = {.op = &unic__op_argmin, .out = &out, .in = {&in}, .input_count = 1};
        call.attr = &attr;
        ck_assert_int_eq(unic__op_argmin.infer(&call), UNIC_OK);
        unic__op_argmin.forward(&call);
        ck_assert_int_eq(y, 3);
        x[1] = x[3] = NAN;
        unic__op_argmin.forward(&call);
        ck_assert_int_eq(y, 0);
    }
}
END_TEST

START_TEST(reduce_refuses)
{
    unic__reduce_attr attr = {UNIC__SUM, 2, false};
    op_case k = {.op = &unic__op_reduce, .attr = &attr, .input_count = 1};
    k.in[0].shape = UNIC__SHAPE_OF(2, 3);
    check_op_refused(&k, "[2,3] has no axis 2");
    attr.axis = 1;
    k.in[0].shape = UNIC__SHAPE_OF(2, 0);
    check_op_refused(&k, "axis 1 of [2,0] is empty");
    unic__argmin_attr argmin = {1};
    k.op = &unic__op_argmin;
    k.attr = &argmin;
    k.in[0].shape = UNIC__SHAPE_OF(1, 1UL << 31);
    check_op_refused(&k, "axis 1 has 2147483648 entries, an int32 counts to 2147483647");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("reductions");
    TCase *t = tcase_create("core");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, reduce_values_and_gradients, 0, SHAPES);
    tcase_add_test(t, reduce_goldens);
    tcase_add_test(t, max_tie_goes_to_the_first);
    tcase_add_loop_test(t, argmin_values, 0, SHAPES);
    tcase_add_test(t, argmin_lowest_on_a_tie);
    tcase_add_test(t, argmin_of_nans);
    tcase_add_test(t, reduce_refuses);
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
