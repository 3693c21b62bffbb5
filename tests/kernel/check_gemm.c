/* kernel/gemm: every layout against a loop in double, for every instruction set; the bits of an
 * element among any others, with any number of threads, and packed; capping the kernels. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/gemm.h"
#include "kernel/packed.h"
#include "kernel/tile.h"
#include "unicode/unic_status.h"

enum { GAP = 3 }; /* floats behind each row, which must stay as they are */

static float *drawn(size_t n, uint64_t seed)
{
    float *x = malloc((n + 1) * sizeof *x);
    for (size_t i = 0; i < n; i++)
        x[i] = 2.0F * unic__random_uniform(unic__random_key(seed, 0, 0), i) - 1.0F;
    return x;
}

/* The operands of a product and what C held before. */
typedef struct operands {
    float *a, *b, *old, *c;
    unic__gemm p;
} operands;

static operands operands_of(bool ta, bool tb, bool add, size_t m, size_t n, size_t k)
{
    operands o = {.p = {.ta = ta, .tb = tb, .add = add, .m = m, .n = n, .k = k}};
    o.p.lda = (ta ? m : k) + GAP;
    o.p.ldb = (tb ? k : n) + GAP;
    o.p.ldc = n + GAP;
    o.p.a = o.a = drawn((ta ? k : m) * o.p.lda, 1);
    o.p.b = o.b = drawn((tb ? n : k) * o.p.ldb, 2);
    o.old = drawn(m * o.p.ldc, 3);
    o.p.c = o.c = drawn(m * o.p.ldc, 3);
    return o;
}

static void release(operands *o)
{
    free(o->a);
    free(o->b);
    free(o->old);
    free(o->c);
}

static double expected(const operands *o, size_t i, size_t j)
{
    const unic__gemm *p = &o->p;
    double sum = p->add ? (double)o->old[i * p->ldc + j] : 0.0;
    for (size_t k = 0; k < p->k; k++)
        sum += (double)(p->ta ? o->a[k * p->lda + i] : o->a[i * p->lda + k]) *
               (double)(p->tb ? o->b[j * p->ldb + k] : o->b[k * p->ldb + j]);
    return sum;
}

/* max|diff| <= 1e-5 x max|product| */
static void compare(const operands *o, const char *kernel)
{
    const unic__gemm *p = &o->p;
    double worst = 0.0, largest = 1e-3;
    for (size_t i = 0; i < p->m; i++) {
        for (size_t j = 0; j < p->n; j++) {
            double want = expected(o, i, j);
            largest = fmax(largest, fabs(want));
            const double off = fabs(want - (double)o->c[i * p->ldc + j]);
            worst = isnan(off) || off > worst ? off : worst;
        }
        ck_assert_mem_eq(o->c + i * p->ldc + p->n, o->old + i * p->ldc + p->n,
                         GAP * sizeof(float));
    }
    ck_assert_msg(worst <= 1e-5 * largest, "%s %d%d%d %zux%zux%zu: off by %g of %g", kernel,
                  p->ta, p->tb, p->add, p->m, p->n, p->k, worst, largest);
}

/* Calls f with the kernels capped at each that this processor runs. */
static void for_each_kernel(void (*f)(const char *kernel))
{
    const unic__tile_kernel *kernels;
    size_t n = unic__tile_kernel_list(&kernels);
    for (size_t i = 0; i < n; i++) {
        ck_assert(unic__tile_cap(kernels[i].name));
        f(kernels[i].name);
    }
    ck_assert(unic__tile_cap(NULL));
}

/* Blocks of one and of many, odd remainders, sums cut into parts, near and far rows of A, few
 * and many rows and columns; below and above the work that is split, by rows and by columns. */
static const size_t sizes[][3] = {
    {1, 1, 1},    {7, 5, 257},    {10, 16, 16},    {13, 33, 0}, {320, 64, 64},  {321, 77, 97},
    {49, 65, 31}, {33, 701, 129}, {300, 129, 130}, {97, 31, 9}, {1, 4099, 700}, {12, 96, 256}};

static void follow_the_loop(const char *kernel)
{
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
        for (int flags = 0; flags < 8; flags++) {
            operands o = operands_of(flags & 1, flags & 2, flags & 4, sizes[s][0], sizes[s][1],
                                     sizes[s][2]);
            unic__gemm_run(&o.p);
            compare(&o, kernel);
            release(&o);
        }
}

START_TEST(products_follow_the_loop)
{
    for_each_kernel(follow_the_loop);
}
END_TEST

/* A gradient of a weight is a sum over every row of a batch. */
START_TEST(long_sums_stay_near_the_loop)
{
    operands o = operands_of(true, false, true, 20, 40, 50000);
    unic__gemm_run(&o.p);
    compare(&o, "long");
    release(&o);
}
END_TEST

static void same_bits_with_threads(const char *kernel)
{
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
        for (int flags = 0; flags < 8; flags++) {
            operands o = operands_of(flags & 1, flags & 2, flags & 4, sizes[s][0], sizes[s][1],
                                     sizes[s][2]);
            const size_t bytes = o.p.m * o.p.ldc * sizeof(float);
            float *one = malloc(bytes);
            unic__gemm_run(&o.p);
            memcpy(one, o.c, bytes);
            for (int threads = 2; threads <= 5; threads++) {
                ck_assert(unic_set_threads(threads) == UNIC_OK);
                memcpy(o.c, o.old, bytes);
                unic__gemm_run(&o.p);
                ck_assert_msg(memcmp(one, o.c, bytes) == 0, "%s %d %zux%zux%zu with %d threads",
                              kernel, flags, o.p.m, o.p.n, o.p.k, threads);
            }
            ck_assert(unic_set_threads(1) == UNIC_OK);
            free(one);
            release(&o);
        }
}

START_TEST(threads_do_not_change_a_bit)
{
    for_each_kernel(same_bits_with_threads);
}
END_TEST

/* Each row and each column computed alone, and a part of both. */
static void same_bits_among_others(const char *kernel)
{
    enum { M = 150, N = 140, K = 300 };
    for (int flags = 0; flags < 8; flags++) {
        operands o = operands_of(flags & 1, flags & 2, flags & 4, M, N, K);
        float *all = drawn(M * o.p.ldc, 3);
        o.p.c = all;
        unic__gemm_run(&o.p);
        const size_t parts[][4] = {{0, 1, 0, N},   {149, 1, 0, N}, {77, 1, 0, N},
                                   {0, M, 139, 1}, {0, M, 33, 1},  {13, 50, 0, N},
                                   {0, M, 7, 64},  {21, 9, 11, 20}};
        for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
            const size_t r = parts[i][0], j = parts[i][2];
            unic__gemm part = o.p;
            part.m = parts[i][1];
            part.n = parts[i][3];
            part.a += part.ta ? r : r * part.lda;
            part.b += part.tb ? j * part.ldb : j;
            part.c = o.c + r * part.ldc + j;
            memcpy(o.c, o.old, M * o.p.ldc * sizeof(float));
            unic__gemm_run(&part);
            for (size_t row = 0; row < part.m; row++)
                ck_assert_msg(memcmp(part.c + row * part.ldc, all + (r + row) * part.ldc + j,
                                     part.n * sizeof(float)) == 0,
                              "%s %d: part %zu, row %zu", kernel, flags, i, row);
        }
        free(all);
        release(&o);
    }
}

START_TEST(an_element_is_the_same_among_any_others)
{
    for_each_kernel(same_bits_among_others);
}
END_TEST

static void same_bits_packed(const char *kernel)
{
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
        for (int tb = 0; tb < 2; tb++) {
            const size_t m = sizes[s][0], n = sizes[s][1], k = sizes[s][2];
            operands o = operands_of(false, tb, true, m, n, k);
            float *packed = unic__alloc(unic__packed_count(n, k) * sizeof *packed);
            o.p.ldb = tb ? k : n;
            if (tb)
                unic__pack(packed, o.b, n, k);
            else
                unic__pack_transposed(packed, o.b, n, k);
            unic__gemm_run(&o.p);
            unic__packed_run(&(unic__packed_product){.rows = m,
                                                     .n = n,
                                                     .k = k,
                                                     .x = o.a,
                                                     .x_row = o.p.lda,
                                                     .packed = packed,
                                                     .init = o.old,
                                                     .init_row = o.p.ldc,
                                                     .y = o.old,
                                                     .y_row = o.p.ldc});
            ck_assert_msg(memcmp(o.c, o.old, m * o.p.ldc * sizeof(float)) == 0,
                          "%s %d %zux%zux%zu", kernel, tb, m, n, k);
            unic__free(packed);
            release(&o);
        }
}

START_TEST(packed_products_have_the_same_bits)
{
    for_each_kernel(same_bits_packed);
}
END_TEST

/* What has a fused multiply-add gives the same bits, however wide its vectors are. */
START_TEST(vectors_of_any_width_give_the_same_bits)
{
    enum { M = 70, N = 90, K = 333 };
    float *results[2];
    if (!unic__tile_cap("avx512"))
        return;
    for (int i = 0; i < 2; i++) {
        operands o = operands_of(false, true, false, M, N, K);
        ck_assert(unic__tile_cap(i ? "avx2" : "avx512"));
        unic__gemm_run(&o.p);
        results[i] = o.c;
        o.c = NULL;
        release(&o);
    }
    ck_assert(unic__tile_cap(NULL));
    ck_assert_mem_eq(results[0], results[1], (size_t)M * (N + GAP) * sizeof(float));
    free(results[0]);
    free(results[1]);
}
END_TEST

/* What is behind n is anybody's, and what is behind the next 16 is not. */
START_TEST(room_behind_the_columns_is_all_that_is_touched)
{
    for (size_t n = 1; n < 100; n += 3) {
        operands o = operands_of(false, true, false, 13, n, 20);
        const size_t end = (n + 15) / 16 * 16, ldc = end + GAP;
        float *c = drawn(13 * ldc, 3), *old = drawn(13 * ldc, 3);
        unic__gemm_run(&o.p);
        unic__gemm p = o.p;
        p.c = c;
        p.ldc = ldc;
        p.room = true;
        unic__gemm_run(&p);
        for (size_t r = 0; r < 13; r++) {
            ck_assert_mem_eq(c + r * ldc, o.c + r * o.p.ldc, n * sizeof *c);
            ck_assert_mem_eq(c + r * ldc + end, old + r * ldc + end, GAP * sizeof *c);
        }
        free(c);
        free(old);
        release(&o);
    }
}
END_TEST

START_TEST(kernels_are_capped_by_name)
{
    const char *cap = getenv("UNIC_TEST_ISA"); /* the whole program's (tests/machines) */
    const unic__tile_kernel *kernels;
    size_t n = unic__tile_kernel_list(&kernels);
    ck_assert(unic__tile_cap(NULL));
    const unic__tile_kernel *best = unic__tile_kernel_best();
    ck_assert_ptr_eq(best, &kernels[n - 1]);
    ck_assert(unic__tile_cap("portable"));
    ck_assert_str_eq(unic__tile_kernel_best()->name, "portable");
    ck_assert(!unic__tile_cap("none"));
    ck_assert_str_eq(unic__tile_kernel_best()->name, "portable");
    ck_assert(unic__tile_cap(NULL));
    ck_assert_ptr_eq(unic__tile_kernel_best(), best);
    ck_assert(unic__tile_cap(cap));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kernel/gemm");
    TCase *tc = tcase_create("gemm");
    tcase_add_test(tc, products_follow_the_loop);
    tcase_add_test(tc, long_sums_stay_near_the_loop);
    tcase_add_test(tc, threads_do_not_change_a_bit);
    tcase_add_test(tc, an_element_is_the_same_among_any_others);
    tcase_add_test(tc, packed_products_have_the_same_bits);
    tcase_add_test(tc, vectors_of_any_width_give_the_same_bits);
    tcase_add_test(tc, room_behind_the_columns_is_all_that_is_touched);
    tcase_add_test(tc, kernels_are_capped_by_name);
    tcase_set_timeout(tc, 60);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
