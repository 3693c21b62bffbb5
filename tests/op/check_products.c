/* linear, matmul, sq_distance. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "op_harness.h"

/* ---- linear ---- */

static void linear_naive(const op_case *k, const double *const in[], double *out)
{
    const unic__linear_attr *attr = k->attr;
    const unic__shape *w = &k->in[1].shape;
    const size_t rows = unic__shape_rows(&k->in[0].shape), n = w->dim[0], d = w->dim[1];
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < n; i++) {
            double y = k->in[2].absent ? 0.0 : in[2][i];
            for (size_t j = 0; j < d; j++)
                y += in[0][r * d + j] * in[1][i * d + j];
            out[r * n + i] = attr->relu && y < 0.0 ? 0.0 : y;
        }
}

static op_case linear_case(const unic__linear_attr *attr, unic__shape x, size_t n)
{
    const size_t d = unic__shape_last(&x);
    op_case k = {.op = &unic__op_linear, .attr = attr, .input_count = 3, .naive = linear_naive};
    k.in[0].shape = x;
    k.in[1].shape = UNIC__SHAPE_OF(n, d);
    k.in[2] = (op_input){.shape = UNIC__SHAPE_OF(n)};
    k.expect = x;
    k.expect.dim[x.rank - 1] = n;
    return k;
}

static const struct linear_shape {
    unic__shape x;
    size_t n;
} linear_shapes[] = {
    {{1, {1}}, 1},        {{1, {7}}, 3},          {{2, {1, 5}}, 257},     {{2, {5, 257}}, 7},
    {{3, {2, 3, 64}}, 1}, {{4, {2, 1, 3, 5}}, 4}, {{3, {4, 80, 7}}, 128},
};
enum { LINEARS = sizeof linear_shapes / sizeof linear_shapes[0] };

START_TEST(linear_values_and_gradients)
{
    const struct linear_shape *s = &linear_shapes[_i];
    for (int relu = 0; relu <= 1; relu++) {
        unic__linear_attr attr = {relu};
        op_case k = linear_case(&attr, s->x, s->n);
        check_op(&k);
        k.in[2].absent = true;
        check_op(&k);
    }
}
END_TEST

START_TEST(linear_goldens)
{
    unic__linear_attr attr = {false};
    op_case k = linear_case(&attr, UNIC__SHAPE_OF(2, 3, 7), 5);
    k.golden = "linear";
    check_op(&k);
    attr.relu = true;
    k.golden = "linear_relu";
    check_op(&k);
    attr.relu = false;
    k.golden = "linear_no_bias";
    k.in[2].absent = true;
    check_op(&k);
}
END_TEST

START_TEST(linear_refuses)
{
    unic__linear_attr attr = {false};
    op_case k = linear_case(&attr, UNIC__SHAPE_OF(2, 3), 5);
    k.in[0].shape = UNIC__SHAPE_OF(2, 4);
    check_op_refused(&k, "x [2,4] does not end in the weight's [5,3] second dim");
    k = linear_case(&attr, UNIC__SHAPE_OF(2, 3), 5);
    k.in[2].shape = UNIC__SHAPE_OF(3);
    check_op_refused(&k, "bias has 3 entries, the weight [5,3]");
    k = linear_case(&attr, UNIC__SHAPE_OF(2, 0), 5);
    check_op_refused(&k, "is empty");
    k = linear_case(&attr, UNIC__SHAPE_OF(1UL << 31, 1), 1);
    check_op_refused(&k, "too large");
    k = linear_case(&attr, UNIC__SHAPE_OF(2, 3), 5);
    k.in[1].absent = true;
    check_op_refused(&k, "input 1 is missing");
}
END_TEST

/* ---- matmul ---- */

static void matmul_naive(const op_case *k, const double *const in[], double *out)
{
    const unic__matmul_attr *attr = k->attr;
    const unic__shape *a = &k->in[0].shape, *b = &k->in[1].shape;
    size_t batch = 1, rows = a->dim[a->rank - 2], columns = a->dim[a->rank - 1];
    for (size_t i = 0; i + 2 < a->rank; i++)
        batch *= a->dim[i];
    const size_t m = attr->transpose_a ? columns : rows, d = attr->transpose_a ? rows : columns;
    const size_t n = b->dim[b->rank - (attr->transpose_b ? 2 : 1)];
    for (size_t g = 0; g < batch; g++)
        for (size_t i = 0; i < m; i++)
            for (size_t j = 0; j < n; j++) {
                const double *x = in[0] + g * m * d,
                             *y = in[1] + (b->rank == 2 ? 0 : g * d * n);
                double sum = 0.0;
                for (size_t l = 0; l < d; l++)
                    sum += x[attr->transpose_a ? l * m + i : i * d + l] *
                           y[attr->transpose_b ? j * d + l : l * n + j];
                out[(g * m + i) * n + j] = sum;
            }
}

/* Leading dims and the product's sizes; the operands' shapes follow from the flags. */
static op_case matmul_case(const unic__matmul_attr *attr, unic__shape lead, size_t m, size_t n,
                           size_t d, bool shared)
{
    op_case k = {.op = &unic__op_matmul, .attr = attr, .input_count = 2, .naive = matmul_naive};
    unic__shape a = lead, b = shared ? UNIC__SCALAR : lead, y = lead;
    a.dim[a.rank++] = attr->transpose_a ? d : m;
    a.dim[a.rank++] = attr->transpose_a ? m : d;
    b.dim[b.rank++] = attr->transpose_b ? n : d;
    b.dim[b.rank++] = attr->transpose_b ? d : n;
    y.dim[y.rank++] = m;
    y.dim[y.rank++] = n;
    k.in[0].shape = a;
    k.in[1].shape = b;
    k.expect = y;
    return k;
}

static const struct matmul_shape {
    unic__shape lead;
    size_t m, n, k;
    bool shared;
} matmul_shapes[] = {
    {{0, {0}}, 1, 1, 1, false},     {{0, {0}}, 7, 5, 257, false},  {{1, {1}}, 3, 4, 2, false},
    {{1, {3}}, 1, 7, 5, false},     {{2, {2, 3}}, 4, 1, 3, false}, {{1, {5}}, 3, 4, 1, false},
    {{1, {3}}, 4, 5, 6, true},      {{2, {2, 2}}, 3, 7, 5, true},  {{1, {1}}, 3, 4, 2, true},
    {{1, {16}}, 20, 21, 22, false}, /* spread over two threads */
    {{1, {3}}, 70, 65, 66, false},  /* each split over two threads */
    {{1, {5}}, 40, 33, 50, true},
};
enum { MATMULS = sizeof matmul_shapes / sizeof matmul_shapes[0] };

START_TEST(matmul_values_and_gradients)
{
    const struct matmul_shape *s = &matmul_shapes[_i];
    for (int flags = 0; flags < 4; flags++) {
        unic__matmul_attr attr = {flags & 1, flags & 2};
        op_case k = matmul_case(&attr, s->lead, s->m, s->n, s->k, s->shared);
        check_op(&k);
    }
}
END_TEST

START_TEST(matmul_goldens)
{
    static const char *const names[] = {"matmul", "matmul_ta", "matmul_tb", "matmul_ta_tb"};
    for (int flags = 0; flags < 4; flags++) {
        unic__matmul_attr attr = {flags & 1, flags & 2};
        op_case k = matmul_case(&attr, UNIC__SHAPE_OF(2), 3, 4, 5, false);
        k.golden = names[flags];
        check_op(&k);
    }
    unic__matmul_attr attr = {false, true};
    op_case k = matmul_case(&attr, UNIC__SHAPE_OF(2), 3, 4, 5, true);
    k.golden = "matmul_shared";
    check_op(&k);
}
END_TEST

START_TEST(matmul_refuses)
{
    unic__matmul_attr attr = {false, false};
    op_case k = {.op = &unic__op_matmul, .attr = &attr, .input_count = 2};
    k.in[0].shape = UNIC__SHAPE_OF(2, 3, 4);
    k.in[1].shape = UNIC__SHAPE_OF(3, 4, 5);
    check_op_refused(&k, "a [2,3,4] and b [3,4,5] have not the same leading dims");
    k.in[1].shape = UNIC__SHAPE_OF(4);
    check_op_refused(&k, "have not the same leading dims");
    k.in[1].shape = UNIC__SHAPE_OF(2, 3, 5);
    check_op_refused(&k, "the inner sizes are 4 and 3");
    attr.transpose_b = true;
    check_op_refused(&k, "b [2,3,5] (transposed): the inner sizes are 4 and 5");
    k.in[0].shape = UNIC__SHAPE_OF(2, 0, 5);
    check_op_refused(&k, "empty");
    k.in[0].shape = UNIC__SHAPE_OF(1, 1UL << 31, 5);
    k.in[1].shape = UNIC__SHAPE_OF(1, 3, 5);
    check_op_refused(&k, "too large for a product");
}
END_TEST

/* ---- sq_distance ---- */

static void sq_distance_naive(const op_case *k, const double *const in[], double *out)
{
    const size_t rows = unic__shape_rows(&k->in[0].shape), codes = k->in[1].shape.dim[0];
    const size_t d = k->in[1].shape.dim[1];
    for (size_t i = 0; i < rows; i++)
        for (size_t l = 0; l < codes; l++) {
            out[i * codes + l] = 0.0;
            for (size_t j = 0; j < d; j++) {
                double difference = in[0][i * d + j] - in[1][l * d + j];
                out[i * codes + l] += difference * difference;
            }
        }
}

static const struct distance_shape {
    unic__shape z;
    size_t codes;
} distance_shapes[] = {
    {{1, {1}}, 1},       {{1, {7}}, 5},      {{2, {1, 64}}, 200},
    {{3, {2, 3, 5}}, 1}, {{2, {7, 257}}, 3}, {{3, {3, 100, 16}}, 50}, /* more than two blocks */
};
enum { DISTANCES = sizeof distance_shapes / sizeof distance_shapes[0] };

static op_case distance_case(unic__shape z, size_t codes)
{
    op_case k = {.op = &unic__op_sq_distance, .attr = "", .input_count = 2};
    k.naive = sq_distance_naive;
    k.in[0].shape = z;
    k.in[1].shape = UNIC__SHAPE_OF(codes, unic__shape_last(&z));
    k.expect = z;
    k.expect.dim[z.rank - 1] = codes;
    return k;
}

START_TEST(sq_distance_values_and_gradients)
{
    op_case k = distance_case(distance_shapes[_i].z, distance_shapes[_i].codes);
    check_op(&k);
}
END_TEST

START_TEST(sq_distance_golden)
{
    op_case k = distance_case(UNIC__SHAPE_OF(2, 3, 7), 5);
    k.golden = "sq_distance";
    check_op(&k);
}
END_TEST

enum { FAR_ROWS = 37, FAR_CODES = 21, FAR_D = 131 };

/* z and e around `offset`; some codes are rows, others lie next to one. */
static void far_rows(float *z, float *e, float offset)
{
    unic__key key = unic__random_key(7, 0, 0);
    for (size_t i = 0; i < FAR_ROWS * FAR_D; i++)
        z[i] = offset + unic__random_normal(key, i);
    for (size_t l = 0; l < FAR_CODES; l++)
        for (size_t j = 0; j < FAR_D; j++)
            e[l * FAR_D + j] = l < 5 ? z[l * FAR_D + j]
                               : l < 10
                                   ? nextafterf(z[l * FAR_D + j], 0.0F)
                                   : offset + unic__random_normal(key, 99999 + l * 997 + j);
}

/* What the sum would be in double, of differences of the given floats. */
static void check_far_distances(const float *z, const float *e, const float *y)
{
    for (size_t i = 0; i < FAR_ROWS; i++)
        for (size_t l = 0; l < FAR_CODES; l++) {
            double want = 0.0;
            for (size_t j = 0; j < FAR_D; j++) {
                double gap = (double)z[i * FAR_D + j] - (double)e[l * FAR_D + j];
                want += gap * gap;
            }
            ck_assert_msg(fabs((double)y[i * FAR_CODES + l] - want) <= 1e-6 * want,
                          "row %zu, code %zu: %.9g, expected %.9g", i, l,
                          (double)y[i * FAR_CODES + l], want);
        }
}

/* Each element against its sum in double; 1e-6 of the sum of what is summed. */
static void check_far_gradient(const float *got, const float *x, const float *other,
                               const float *g, size_t rows, size_t count, size_t g_row,
                               size_t g_column)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < FAR_D; j++) {
            double want = 0.0, size = 0.0;
            for (size_t l = 0; l < count; l++) {
                double w = (double)g[r * g_row + l * g_column];
                double gap = (double)x[r * FAR_D + j] - (double)other[l * FAR_D + j];
                want += 2.0 * w * gap;
                size += fabs(2.0 * w * gap);
            }
            ck_assert_msg(fabs((double)got[r * FAR_D + j] - want) <= 1e-6 * size,
                          "row %zu, %zu: %.9g, expected %.9g", r, j, (double)got[r * FAR_D + j],
                          want);
        }
}

/* Far from the origin, and where codes lie on rows, ||z||^2 + ||e||^2 - 2 z.e would be
 * noise. */
START_TEST(sq_distance_does_not_cancel)
{
    static const float offsets[] = {0.0F, 1e2F, 1e4F, 1e6F};
    static float z[FAR_ROWS * FAR_D], e[FAR_CODES * FAR_D], y[FAR_ROWS * FAR_CODES];
    static float dz[FAR_ROWS * FAR_D], de[FAR_CODES * FAR_D], g[FAR_ROWS * FAR_CODES];
    far_rows(z, e, offsets[_i]);
    for (size_t i = 0; i < FAR_ROWS * FAR_CODES; i++)
        g[i] = sinf((float)i);
    unic__tensor in[] = {{.shape = UNIC__SHAPE_OF(FAR_ROWS, FAR_D), .x = z, .dx = dz},
                         {.shape = UNIC__SHAPE_OF(FAR_CODES, FAR_D), .x = e, .dx = de}};
    unic__tensor out = {.x = y, .dx = g};
    unic__call call = {.op = &unic__op_sq_distance,
                       .out = &out,
                       .in = {&in[0], &in[1]},
                       .input_count = 2,
                       .fresh = UNIC__STORES_IN(0)};
    ck_assert_int_eq(unic__op_sq_distance.infer(&call), UNIC_OK);
    call.scratch = unic__alloc_array(call.scratch_size, sizeof(float));
    unic__op_sq_distance.forward(&call);
    check_far_distances(z, e, y);
    for (size_t l = 0; l < 5; l++)
        ck_assert(y[l * FAR_CODES + l] == 0.0F);
    memset(de, 0, sizeof de);
    memset(dz, 0x55, sizeof dz);
    unic__op_sq_distance.backward(&call);
    check_far_gradient(dz, z, e, g, FAR_ROWS, FAR_CODES, FAR_CODES, 1);
    check_far_gradient(de, e, z, g, FAR_CODES, FAR_ROWS, 1, FAR_CODES);
    unic__free(call.scratch);
}
END_TEST

START_TEST(sq_distance_refuses)
{
    op_case k = distance_case(UNIC__SHAPE_OF(2, 3), 4);
    k.in[1].shape = UNIC__SHAPE_OF(4, 5);
    check_op_refused(&k, "z [2,3] does not end in the dimension of e [4,5]");
    k.in[1].shape = UNIC__SHAPE_OF(3);
    check_op_refused(&k, "input 1 has shape [3], expected rank 2");
    k.in[0].shape = UNIC__SHAPE_OF(1UL << 31, 1);
    k.in[1].shape = UNIC__SHAPE_OF(2, 1);
    check_op_refused(&k, "too large for a product");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("products");
    TCase *t = tcase_create("core");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, linear_values_and_gradients, 0, LINEARS);
    tcase_add_test(t, linear_goldens);
    tcase_add_test(t, linear_refuses);
    tcase_add_loop_test(t, matmul_values_and_gradients, 0, MATMULS);
    tcase_add_test(t, matmul_goldens);
    tcase_add_test(t, matmul_refuses);
    tcase_add_loop_test(t, sq_distance_values_and_gradients, 0, DISTANCES);
    tcase_add_test(t, sq_distance_golden);
    tcase_add_loop_test(t, sq_distance_does_not_cancel, 0, 4);
    tcase_add_test(t, sq_distance_refuses);
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
