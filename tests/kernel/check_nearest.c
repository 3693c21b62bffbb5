/* The k nearest codes against a sort of all distances in double, and on several threads. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "file/io_help.h"
#include "kernel/distance.h"
#include "kernel/nearest.h"
#include "model/codebook_tools.h"
#include "model/small_model.h"

typedef struct pair {
    double distance;
    int32_t code;
} pair;

static int nearer(const void *a, const void *b)
{
    const pair *x = a, *y = b;
    if (x->distance != y->distance)
        return x->distance < y->distance ? -1 : 1;
    return (x->code > y->code) - (x->code < y->code);
}

typedef struct sizes {
    size_t rows, codes, dim;
} sizes;

static void assert_nearest(const float *z, const float *e, sizes n, size_t k)
{
    unic__code_table t;
    int32_t *codes = malloc(n.rows * k * sizeof *codes),
            *again = malloc(n.rows * k * sizeof *again);
    float *distances = new_floats(n.rows * k), *more = new_floats(n.rows * k);
    pair *all = malloc(n.codes * sizeof *all);
    ck_assert(codes && again && all);
    io_assert_ok(unic__code_table_create(&t, e, n.codes, n.dim));
    unic__code_table_refresh(&t);
    io_assert_ok(unic__nearest(codes, distances, z, n.rows, k, &t));
    for (size_t r = 0; r < n.rows; r++) {
        for (size_t l = 0; l < n.codes; l++)
            all[l] = (pair){unic__distance2(z + r * n.dim, e + l * n.dim, n.dim), (int32_t)l};
        qsort(all, n.codes, sizeof *all, nearer);
        for (size_t i = 0; i < k; i++) {
            const float *distance = &distances[r * k + i];
            ck_assert_int_eq(codes[r * k + i], i < n.codes ? all[i].code : -1);
            ck_assert(*distance == (i < n.codes ? (float)all[i].distance : INFINITY));
        }
    }
    for (int threads = 2; threads <= 5; threads += 3) {
        int before = unic__threads_enter(threads);
        io_assert_ok(unic__nearest(again, more, z, n.rows, k, &t));
        ck_assert_mem_eq(again, codes, n.rows * k * sizeof *codes);
        ck_assert_mem_eq(more, distances, n.rows * k * sizeof *distances);
        io_assert_ok(unic__nearest(again, NULL, z, n.rows, k, &t));
        ck_assert_mem_eq(again, codes, n.rows * k * sizeof *codes);
        unic__threads_leave(before);
    }
    unic__code_table_free(&t);
    free(codes);
    free(again);
    free(distances);
    free(more);
    free(all);
}

START_TEST(are_those_of_a_sort)
{
    const sizes cases[] = {{1, 1, 1},    {3, 2, 5},       {40, 31, 7},    {33, 33, 64},
                           {70, 600, 9}, {200, 1100, 16}, {2, 513, 1500}, {5, 40, 140000}};
    const sizes n = cases[_i];
    float *z = normal_numbers(n.rows * n.dim, 1), *e = normal_numbers(n.codes * n.dim, 2);
    const size_t ks[] = {1, 2, 3, 10, n.codes, n.codes + 3};
    for (size_t i = 0; i < sizeof ks / sizeof ks[0]; i++)
        assert_nearest(z, e, n, ks[i]);
    free(z);
    free(e);
}
END_TEST

/* Equal codes, rows that are codes, codes far from the origin and close together: products in
 * float32 cannot tell them apart. */
START_TEST(are_exact_where_products_are_not)
{
    const sizes n = {40, 700, 12};
    const float far = _i == 0 ? 0.0F : _i == 1 ? 1000.0F : 1e6F;
    float *z = normal_numbers(n.rows * n.dim, 3), *e = normal_numbers(n.codes * n.dim, 4);
    for (size_t i = 0; i < n.codes * n.dim; i++)
        e[i] = i < n.codes * n.dim / 2 ? far + 1e-3F * e[i] : e[i - n.codes * n.dim / 2];
    for (size_t i = 0; i < n.rows * n.dim; i++)
        z[i] = i < 10 * n.dim ? e[i] : far + 1e-3F * z[i];
    const size_t ks[] = {1, 2, 5, 100, 700};
    for (size_t i = 0; i < sizeof ks / sizeof ks[0]; i++)
        assert_nearest(z, e, n, ks[i]);
    free(z);
    free(e);
}
END_TEST

/* Beyond what the screen's bound holds for. */
START_TEST(are_exact_for_the_largest_floats)
{
    const sizes n = {20, 50, 4};
    const float scale = _i == 0 ? 1e17F : _i == 1 ? 1e20F : 1e-30F;
    float *z = normal_numbers(n.rows * n.dim, 5), *e = normal_numbers(n.codes * n.dim, 6);
    for (size_t i = 0; i < n.codes * n.dim; i++)
        e[i] *= scale;
    for (size_t i = 0; i < n.rows * n.dim; i++)
        z[i] *= scale;
    if (_i != 1) {
        for (size_t k = 1; k < 60; k += 7)
            assert_nearest(z, e, n, k);
    } else { /* squares of these are no floats: the codes are right, the distances Inf */
        unic__code_table t;
        int32_t codes[20 * 3], first[20];
        float distances[20 * 3];
        io_assert_ok(unic__code_table_create(&t, e, n.codes, n.dim));
        unic__code_table_refresh(&t);
        io_assert_ok(unic__nearest(codes, distances, z, n.rows, 3, &t));
        unic__assign(first, z, n.rows, &t);
        for (size_t r = 0; r < n.rows; r++)
            ck_assert(codes[3 * r] == first[r] && isinf(distances[3 * r]));
        unic__code_table_free(&t);
    }
    free(z);
    free(e);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("nearest");
    tcase_add_loop_test(t, are_those_of_a_sort, 0, 8);
    tcase_add_loop_test(t, are_exact_where_products_are_not, 0, 3);
    tcase_add_loop_test(t, are_exact_for_the_largest_floats, 0, 3);
    return small_run("kernel/nearest", t);
}
