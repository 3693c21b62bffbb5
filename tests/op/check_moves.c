/* concat, slice, gather. */
#include <check.h>
#include <stdlib.h>

#include "op_harness.h"

/* Elements before and after an axis. */
static void around(const unic__shape *x, size_t axis, size_t *outer, size_t *inner)
{
    *outer = *inner = 1;
    for (size_t i = 0; i < x->rank; i++)
        if (i != axis)
            *(i < axis ? outer : inner) *= x->dim[i];
}

/* ---- concat ---- */

static void concat_naive(const op_case *k, const double *const in[], double *out)
{
    const unic__concat_attr *attr = k->attr;
    size_t outer, inner, at = 0;
    around(&k->in[0].shape, attr->axis, &outer, &inner);
    for (size_t o = 0; o < outer; o++)
        for (size_t i = 0; i < k->input_count; i++) {
            size_t block = k->in[i].shape.dim[attr->axis] * inner;
            for (size_t j = 0; j < block; j++)
                out[at++] = in[i][o * block + j];
        }
}

static op_case concat_case(const unic__concat_attr *attr, unic__shape a, unic__shape b)
{
    op_case k = {.op = &unic__op_concat, .attr = attr, .input_count = 2, .naive = concat_naive};
    k.in[0].shape = a;
    k.in[1].shape = b;
    return k;
}

START_TEST(concat_values_and_gradients)
{
    const struct {
        size_t axis;
        unic__shape a, b;
    } cases[] = {
        {0, {1, {1}}, {1, {7}}},
        {1, {2, {5, 3}}, {2, {5, 257}}},
        {0, {3, {1, 3, 4}}, {3, {2, 3, 4}}},
        {1, {3, {2, 1, 5}}, {3, {2, 4, 5}}},
        {2, {4, {2, 3, 4, 2}}, {4, {2, 3, 1, 2}}},
        {1, {2, {300, 129}}, {2, {300, 130}}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unic__concat_attr attr = {cases[i].axis};
        op_case k = concat_case(&attr, cases[i].a, cases[i].b);
        check_op(&k);
    }
    unic__concat_attr attr = {1};
    op_case k = concat_case(&attr, UNIC__SHAPE_OF(2, 3), UNIC__SHAPE_OF(2, 1));
    k.in[2].shape = UNIC__SHAPE_OF(2, 5);
    k.input_count = 3;
    k.golden = "concat_3";
    k.expect = UNIC__SHAPE_OF(2, 9);
    check_op(&k);
    k.input_count = 1;
    k.golden = NULL;
    k.expect = UNIC__SHAPE_OF(2, 3);
    check_op(&k);
}
END_TEST

START_TEST(concat_refuses)
{
    unic__concat_attr attr = {1};
    op_case k = concat_case(&attr, UNIC__SHAPE_OF(2, 3), UNIC__SHAPE_OF(4, 3));
    check_op_refused(&k, "input 1 is [4,3], input 0 is [2,3]");
    k = concat_case(&attr, UNIC__SHAPE_OF(2, 3), UNIC__SHAPE_OF(2, 3, 1));
    check_op_refused(&k, "input 1 is [2,3,1]");
    attr.axis = 2;
    check_op_refused(&k, "[2,3] has no axis 2");
    attr.axis = 0;
    k = concat_case(&attr, UNIC__SHAPE_OF(SIZE_MAX, 1), UNIC__SHAPE_OF(1, 1));
    check_op_refused(&k, "axis 0 grows beyond a size_t");
    k.input_count = 0;
    check_op_refused(&k, "no input");
}
END_TEST

/* ---- slice ---- */

static void slice_naive(const op_case *k, const double *const in[], double *out)
{
    const unic__slice_attr *attr = k->attr;
    size_t outer, inner, n = k->in[0].shape.dim[attr->axis];
    around(&k->in[0].shape, attr->axis, &outer, &inner);
    for (size_t o = 0; o < outer; o++)
        for (size_t i = 0; i < attr->size; i++)
            for (size_t j = 0; j < inner; j++)
                out[(o * attr->size + i) * inner + j] =
                    in[0][(o * n + attr->start + i) * inner + j];
}

START_TEST(slice_values_and_gradients)
{
    const struct {
        unic__shape x;
        unic__slice_attr attr;
        const char *golden;
    } cases[] = {{{1, {1}}, {0, 0, 1}, NULL},         {{2, {5, 7}}, {1, 2, 3}, "slice_1"},
                 {{2, {5, 7}}, {0, 4, 1}, NULL},      {{3, {2, 5, 3}}, {1, 1, 4}, "slice_mid"},
                 {{3, {2, 5, 3}}, {2, 0, 3}, NULL},   {{4, {2, 3, 4, 5}}, {2, 3, 1}, NULL},
                 {{2, {300, 257}}, {1, 1, 240}, NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        op_case k = {.op = &unic__op_slice, .attr = &cases[i].attr, .input_count = 1};
        k.in[0].shape = cases[i].x;
        k.naive = slice_naive;
        k.golden = cases[i].golden;
        check_op(&k);
    }
}
END_TEST

START_TEST(repeat_refuses)
{
    unic__repeat_attr attr = {1, 2};
    op_case k = {.op = &unic__op_repeat, .attr = &attr, .input_count = 1};
    k.in[0].shape = UNIC__SHAPE_OF(2, 3);
    check_op_refused(&k, "axis 1 of [2,3] must have size 1, and be repeated at least once");
    attr = (unic__repeat_attr){2, 2};
    check_op_refused(&k, "axis 2 of [2,3] must have size 1");
    attr = (unic__repeat_attr){1, 0};
    k.in[0].shape = UNIC__SHAPE_OF(2, 1);
    check_op_refused(&k, "repeated at least once");
}
END_TEST

START_TEST(slice_refuses)
{
    unic__slice_attr attr = {1, 2, 3};
    op_case k = {.op = &unic__op_slice, .attr = &attr, .input_count = 1};
    k.in[0].shape = UNIC__SHAPE_OF(2, 4);
    check_op_refused(&k, "3 entries from 2 on do not lie in axis 1 of [2,4]");
    attr = (unic__slice_attr){1, SIZE_MAX, 2};
    check_op_refused(&k, "do not lie in axis 1");
    attr = (unic__slice_attr){1, 2, SIZE_MAX}; /* start + size wraps round */
    check_op_refused(&k, "do not lie in axis 1");
    attr = (unic__slice_attr){0, 1, 0};
    check_op_refused(&k, "0 entries");
    attr = (unic__slice_attr){2, 0, 1};
    check_op_refused(&k, "[2,4] has no axis 2");
}
END_TEST

/* ---- gather ---- */

static void gather_naive(const op_case *k, const double *const in[], double *out)
{
    const size_t d = k->in[0].shape.dim[1];
    for (size_t i = 0; i < unic__shape_count(&k->in[1].shape); i++)
        for (size_t j = 0; j < d; j++) {
            int32_t row = k->in[1].index[i];
            out[i * d + j] = row < 0 ? 0.0 : in[0][(size_t)row * d + j];
        }
}

enum { INDICES = 600 };

/* Indices below `rows`, some of them repeated, every seventh -1. */
static const int32_t *indices(size_t rows)
{
    static int32_t index[INDICES];
    for (size_t i = 0; i < INDICES; i++)
        index[i] = i % 7 == 3 ? -1 : (int32_t)(i * i % rows);
    return index;
}

static const struct move {
    size_t rows, d;
    unic__shape index;
} moves[] = {
    {1, 1, {1, {1}}},          {3, 7, {1, {1}}},       {5, 4, {2, {2, 3}}},
    {5, 4, {0, {0}}},          {200, 64, {2, {5, 7}}}, {7, 257, {1, {11}}},
    {200, 128, {2, {60, 10}}}, {1, 128, {1, {600}}},
};
enum { MOVES = sizeof moves / sizeof moves[0] };

START_TEST(gather_values_and_gradients)
{
    const struct move *m = &moves[_i];
    op_case k = {.op = &unic__op_gather, .attr = "", .input_count = 2, .naive = gather_naive};
    k.in[0].shape = UNIC__SHAPE_OF(m->rows, m->d);
    k.in[1] = (op_input){.shape = m->index, .index = indices(m->rows)};
    k.expect = m->index;
    k.expect.dim[k.expect.rank++] = m->d;
    check_op(&k);
}
END_TEST

START_TEST(gather_golden)
{
    op_case k = {.golden = "gather", .op = &unic__op_gather, .attr = "", .input_count = 2};
    k.in[0].shape = UNIC__SHAPE_OF(6, 5);
    k.in[1].shape = UNIC__SHAPE_OF(3, 4);
    check_op(&k);
}
END_TEST

/* An index past the end reads and writes nothing, forward and backward. */
START_TEST(index_past_the_end)
{
    int32_t index[2] = {2, INT32_MAX};
    float table[4] = {1, 2, 3, 4}, y[4] = {9, 9, 9, 9}, dy[4] = {1, 1, 1, 1}, dx[4] = {0};
    unic__tensor in0 = {.shape = UNIC__SHAPE_OF(2, 2)}, out = {.x = y, .dx = dy};
    unic__tensor in1 = {.shape = UNIC__SHAPE_OF(2), .dtype = UNIC__I32, .ix = index};
    in0.x = table;
    in0.dx = dx;
    unic__call call = {
        .op = &unic__op_gather, .out = &out, .in = {&in0, &in1}, .input_count = 2, .attr = ""};
    ck_assert_int_eq(unic__op_gather.infer(&call), UNIC_OK);
    unic__op_gather.forward(&call);
    unic__op_gather.backward(&call);
    for (size_t j = 0; j < 4; j++)
        ck_assert(y[j] == 0.0F && dx[j] == 0.0F);
}
END_TEST

START_TEST(gather_refuses)
{
    static const int32_t index[12];
    op_case k = {.op = &unic__op_gather, .attr = "", .input_count = 2};
    k.in[0].shape = UNIC__SHAPE_OF(2, 3, 4);
    k.in[1] = (op_input){.shape = UNIC__SHAPE_OF(2), .index = index};
    check_op_refused(&k, "input 0 has shape [2,3,4], expected rank 2");
    k.in[0].shape = UNIC__SHAPE_OF(2, 3);
    k.in[1].index = NULL;
    check_op_refused(&k, "input 1 must be int32");
    k.in[1] = (op_input){.shape = UNIC__SHAPE_OF(1, 1, 1, 1, 1, 1), .index = index};
    check_op_refused(&k, "leaves no rank");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("moves");
    TCase *t = tcase_create("core");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, concat_values_and_gradients);
    tcase_add_test(t, concat_refuses);
    tcase_add_test(t, repeat_refuses);
    tcase_add_test(t, slice_values_and_gradients);
    tcase_add_test(t, slice_refuses);
    tcase_add_loop_test(t, gather_values_and_gradients, 0, MOVES);
    tcase_add_test(t, gather_golden);
    tcase_add_test(t, index_past_the_end);
    tcase_add_test(t, gather_refuses);
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
