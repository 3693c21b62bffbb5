/* kernel/tile and kernel/packed: every instruction set's kernel against loops in double, at
 * every number of rows and with odd numbers of columns; packing and back; products of packed
 * weights. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/packed.h"
#include "kernel/tile.h"
#include "unicode/unic_status.h"

enum { GAP = 5 }; /* floats behind each row, which must stay as they are */

static float *drawn(size_t n, uint64_t seed)
{
    float *x = malloc((n + 1) * sizeof *x);
    for (size_t i = 0; i < n; i++)
        x[i] = 2.0F * unic__random_uniform(unic__random_key(seed, 0, 0), i) - 1.0F;
    return x;
}

/* What element (r,j) should be. */
static double expected(const float *x, size_t x_row, const float *w, size_t k, double init,
                       bool relu, size_t r, size_t j)
{
    for (size_t i = 0; i < k; i++)
        init += (double)x[r * x_row + i] * (double)w[j * k + i];
    return relu && init < 0.0 ? 0.0 : init;
}

typedef struct product_case {
    size_t rows, n, k;
    bool bias, add, relu;
} product_case;

static void compare(const product_case *c, const float *x, const float *w, const float *bias,
                    const float *old, const float *y, const char *name)
{
    size_t x_row = c->k + GAP, y_row = c->n + GAP;
    double worst = 0.0, largest = 1e-3;
    for (size_t r = 0; r < c->rows; r++) {
        for (size_t j = 0; j < c->n; j++) {
            double init = c->add ? (double)old[r * y_row + j] : c->bias ? (double)bias[j] : 0.0;
            double want = expected(x, x_row, w, c->k, init, c->relu, r, j);
            largest = fmax(largest, fabs(want));
            const double off = fabs(want - (double)y[r * y_row + j]);
            worst = isnan(off) || off > worst ? off : worst;
        }
        ck_assert_mem_eq(y + r * y_row + c->n, old + r * y_row + c->n, GAP * sizeof *y);
    }
    ck_assert_msg(worst <= 1e-5 * largest, "%s %zu x %zu x %zu: off by %g of %g", name, c->rows,
                  c->n, c->k, worst, largest);
}

/* The product with the weight packed as `type`; w is then what the panels hold. */
static void check_product(const product_case *c, unic__float_type type)
{
    size_t x_row = c->k + GAP, y_row = c->n + GAP;
    float *x = drawn(c->rows * x_row, 1), *w = drawn(c->n * c->k, 2), *bias = drawn(c->n, 3);
    float *old = drawn(c->rows * y_row, 4), *y = drawn(c->rows * y_row, 4);
    void *packed = unic__alloc(unic__packed_count(c->n, c->k) * sizeof *w);
    if (type == UNIC__FLOAT32) {
        unic__pack(packed, w, c->n, c->k);
    } else {
        unic__pack_half(packed, w, c->n, c->k, type);
        unic__unpack_half(w, packed, c->n, c->k, type);
    }
    unic__packed_run(&(unic__packed_product){.rows = c->rows,
                                             .n = c->n,
                                             .k = c->k,
                                             .x = x,
                                             .x_row = x_row,
                                             .packed = packed,
                                             .type = type,
                                             .init = c->add    ? y
                                                     : c->bias ? bias
                                                               : NULL,
                                             .init_row = c->add ? y_row : 0,
                                             .y = y,
                                             .y_row = y_row,
                                             .relu = c->relu});
    compare(c, x, w, bias, old, y, unic__float_name(type));
    unic__free(packed);
    free(x);
    free(w);
    free(bias);
    free(old);
    free(y);
}

START_TEST(products_follow_the_loop)
{
    static const size_t sizes[][3] = {{1, 1, 1},      {10, 256, 128}, {13, 33, 7},
                                      {200, 70, 9},   {1, 512, 100},  {193, 31, 65},
                                      {25, 4100, 40}, {20, 40, 700}};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
        for (unsigned flags = 0; flags < 8; flags++)
            for (int threads = 1; threads <= 3; threads++) {
                ck_assert(unic_set_threads(threads) == UNIC_OK);
                const product_case c = {sizes[s][0], sizes[s][1], sizes[s][2],
                                        flags & 1,   flags & 2,   flags & 4};
                for (int type = UNIC__FLOAT32; type <= UNIC__BFLOAT16; type++)
                    check_product(&c, type);
            }
    unic_set_threads(1);
}
END_TEST

/* Each kernel by itself, with every number of rows that it takes and every number of
 * columns. */
START_TEST(every_kernel_follows_the_loop)
{
    enum { K = 37 };
    const unic__tile_kernel *kernels;
    size_t n = unic__tile_kernel_list(&kernels);
    float *w = drawn((size_t)UNIC__PANEL * K, 2), *x = drawn(UNIC__TILE_ROWS * (K + GAP), 1);
    float *panel = unic__alloc(unic__packed_count(UNIC__PANEL, K) * sizeof *panel);
    unic__pack(panel, w, UNIC__PANEL, K);
    for (size_t i = 0; i < n; i++) {
        ck_assert(UNIC__PANEL % kernels[i].cols == 0 && kernels[i].rows <= UNIC__TILE_ROWS);
        for (size_t rows = 1; rows <= UNIC__TILE_ROWS; rows++)
            for (size_t cols = 1; cols <= UNIC__PANEL; cols++) {
                product_case c = {rows, cols, K, false, true, rows % 2};
                float *old = drawn(rows * (cols + GAP), 4), *y = drawn(rows * (cols + GAP), 4);
                unic__tile tile = {.rows = rows,
                                   .k = K,
                                   .a = x,
                                   .a_row = K + GAP,
                                   .a_k = 1,
                                   .b = panel,
                                   .b_k = UNIC__PANEL,
                                   .init = y,
                                   .init_row = cols + GAP,
                                   .c = y,
                                   .c_row = cols + GAP,
                                   .relu = c.relu};
                unic__tile_run(&kernels[i], &tile, cols);
                compare(&c, x, w, NULL, old, y, kernels[i].name);
                free(old);
                free(y);
            }
    }
    unic__free(panel);
    free(w);
    free(x);
}
END_TEST

START_TEST(packing_and_back_gives_the_weight)
{
    static const size_t sizes[][2] = {{1, 1}, {31, 3}, {32, 5}, {33, 4}, {100, 17}};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        size_t n = sizes[s][0], k = sizes[s][1];
        float *w = drawn(n * k, 5), *back = drawn(n * k, 6);
        float *packed = unic__alloc(unic__packed_count(n, k) * sizeof *packed);
        memset(packed, 0xFF, unic__packed_count(n, k) * sizeof *packed);
        unic__pack(packed, w, n, k);
        unic__unpack(back, packed, n, k);
        ck_assert_mem_eq(w, back, n * k * sizeof *w);
        for (size_t i = 0; i < unic__packed_count(n, k); i++) /* behind the last row of w */
            ck_assert(i / (UNIC__PANEL * k) * UNIC__PANEL + i % UNIC__PANEL < n ||
                      packed[i] == 0.0F);
        unic__free(packed);
        free(w);
        free(back);
    }
}
END_TEST

/* A clip's codes must not depend on its batch: a row's bits are the same among any others. */
START_TEST(a_row_is_the_same_among_any_others)
{
    enum { ROWS = 50, N = 70, K = 300 };
    float *x = drawn(ROWS * K, 1), *w = drawn(N * K, 2);
    float *packed = unic__alloc(unic__packed_count(N, K) * sizeof *packed);
    float *all = drawn(ROWS * N, 3), one[N];
    unic__packed_product p = {.rows = ROWS, .n = N, .k = K, .x = x, .x_row = K};
    unic__pack(packed, w, N, K);
    p.packed = packed;
    p.y = all;
    p.y_row = N;
    p.streams = true; /* the single rows do not */
    unic__packed_run(&p);
    p.streams = false;
    for (size_t r = 0; r < ROWS; r++) {
        p.rows = 1;
        p.x = x + r * K;
        p.y = one;
        unic__packed_run(&p);
        ck_assert_mem_eq(one, all + r * N, sizeof one);
    }
    unic__free(packed);
    free(x);
    free(w);
    free(all);
}
END_TEST

/* Rows a page apart are copied before they are multiplied: the same bits as from rows that are
 * not. */
START_TEST(rows_a_page_apart_give_the_same_bits)
{
    enum { ROWS = 29, N = 300, K = 1024 };
    float *x = drawn(ROWS * K, 1), *apart = malloc(ROWS * (K + GAP) * sizeof *apart);
    float *w = drawn(N * K, 2), *y[2] = {drawn(ROWS * N, 3), drawn(ROWS * N, 4)};
    float *packed = unic__alloc(unic__packed_count(N, K) * sizeof *packed);
    unic__pack(packed, w, N, K);
    for (size_t r = 0; r < ROWS; r++)
        memcpy(apart + r * (K + GAP), x + r * K, K * sizeof *x);
    for (int i = 0; i < 2; i++)
        unic__packed_run(&(unic__packed_product){.rows = ROWS,
                                                 .n = N,
                                                 .k = K,
                                                 .x = i ? apart : x,
                                                 .x_row = i ? K + GAP : K,
                                                 .packed = packed,
                                                 .y = y[i],
                                                 .y_row = N});
    ck_assert_mem_eq(y[0], y[1], ROWS * N * sizeof *x);
    unic__free(packed);
    free(x);
    free(apart);
    free(w);
    free(y[0]);
    free(y[1]);
}
END_TEST

/* Few rows pass weights that no cache holds in another order, and fetch what comes next: the bits
 * are those of more rows, on every instruction set, wherever the rows lie, with any threads. */
START_TEST(weights_from_memory_give_the_same_bits)
{
    enum { ROWS = 60, N = 271, K = 1100, APART = 2048 };
    static const size_t counts[] = {1, 5, 6, 12, 25, 48};
    const unic__tile_kernel *kernels;
    const size_t n = unic__tile_kernel_list(&kernels);
    float *x = drawn(ROWS * APART, 1), *w = drawn(N * K, 2), *bias = drawn(N, 3);
    float *packed = unic__alloc(unic__packed_count(N, K) * sizeof *packed);
    float *all = drawn(ROWS * N, 4), *few = drawn(ROWS * N, 5);
    unic__pack(packed, w, N, K);
    for (size_t i = 0; i < n; i++)
        for (int threads = 1; threads <= 2; threads++)
            for (size_t x_row = APART - K; x_row <= APART;
                 x_row += K) { /* rows overlap, or not */
                ck_assert(unic__tile_cap(kernels[i].name) &&
                          unic_set_threads(threads) == UNIC_OK);
                unic__packed_product p = {ROWS,  N, K, x,    packed, bias,         all,
                                          x_row, 0, N, true, false,  UNIC__FLOAT32};
                unic__packed_run(&p);
                p.y = few;
                for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
                    p.rows = counts[c];
                    memset(few, 0xFF, ROWS * N * sizeof *few);
                    unic__packed_run(&p);
                    ck_assert_mem_eq(few, all, p.rows * N * sizeof *few);
                }
            }
    ck_assert(unic__tile_cap(NULL));
    unic_set_threads(1);
    unic__free(packed);
    free(x);
    free(w);
    free(bias);
    free(all);
    free(few);
}
END_TEST

/* Packing rounds every weight, gives back what it rounded to, and fills panels up with zeros. */
START_TEST(packing_in_16_bits_rounds)
{
    static const size_t sizes[][2] = {{1, 1}, {31, 3}, {33, 64}, {48, 65}, {100, 200}};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
        for (int type = UNIC__FLOAT16; type <= UNIC__BFLOAT16; type++) {
            size_t n = sizes[s][0], k = sizes[s][1], count = unic__packed_count(n, k);
            float *w = drawn(n * k, 5), *back = drawn(n * k, 6);
            uint16_t *packed = unic__alloc(count * sizeof *packed);
            memset(packed, 0xFF, count * sizeof *packed);
            unic__pack_half(packed, w, n, k, type);
            unic__unpack_half(back, packed, n, k, type);
            for (size_t i = 0; i < n * k; i++)
                ck_assert(back[i] == unic__float_rounded(type, w[i]));
            for (size_t i = 0; i < count; i++)
                ck_assert(i / (UNIC__PANEL * k) * UNIC__PANEL + i % UNIC__PANEL < n ||
                          packed[i] == 0);
            unic__free(packed);
            free(w);
            free(back);
        }
}
END_TEST

typedef struct shape_case {
    size_t rows, n, k;
} shape_case;

static void compare_bits(const shape_case *c, unic__float_type type, const char *kernel)
{
    float *x = drawn(c->rows * c->k, 1), *w = drawn(c->n * c->k, 2), *bias = drawn(c->n, 3);
    float *y[2] = {drawn(c->rows * c->n, 4), drawn(c->rows * c->n, 5)};
    uint16_t *half = unic__alloc(unic__packed_count(c->n, c->k) * sizeof *half);
    float *packed = unic__alloc(unic__packed_count(c->n, c->k) * sizeof *packed);
    unic__pack_half(half, w, c->n, c->k, type);
    unic__unpack_half(w, half, c->n, c->k, type);
    unic__pack(packed, w, c->n, c->k);
    for (int i = 0; i < 2; i++)
        unic__packed_run(&(unic__packed_product){.rows = c->rows,
                                                 .n = c->n,
                                                 .k = c->k,
                                                 .x = x,
                                                 .x_row = c->k,
                                                 .packed = i ? (void *)half : packed,
                                                 .type = i ? type : UNIC__FLOAT32,
                                                 .init = bias,
                                                 .y = y[i],
                                                 .y_row = c->n,
                                                 .relu = true});
    ck_assert_msg(memcmp(y[0], y[1], c->rows * c->n * sizeof *x) == 0,
                  "%s, %s: %zu x %zu x %zu", kernel, unic__float_name(type), c->rows, c->n,
                  c->k);
    unic__free(half);
    unic__free(packed);
    free(x);
    free(w);
    free(bias);
    free(y[0]);
    free(y[1]);
}

/* By every kernel that there is, in one block of rows and in many, one thread and several. */
START_TEST(panels_of_16_bits_give_the_bits_of_the_widened_weight)
{
    static const shape_case cases[] = {{1, 33, 7},    {10, 256, 300},  {12, 300, 1024},
                                       {13, 70, 256}, {400, 130, 513}, {29, 31, 1024}};
    const unic__tile_kernel *kernels;
    size_t n = unic__tile_kernel_list(&kernels);
    for (size_t i = 0; i < n; i++)
        for (size_t s = 0; s < sizeof cases / sizeof cases[0]; s++)
            for (int threads = 1; threads <= 2; threads++) {
                ck_assert(unic_set_threads(threads) == UNIC_OK);
                ck_assert(unic__tile_cap(kernels[i].name));
                compare_bits(&cases[s], UNIC__FLOAT16, kernels[i].name);
                compare_bits(&cases[s], UNIC__BFLOAT16, kernels[i].name);
            }
    ck_assert(unic__tile_cap(NULL));
    unic_set_threads(1);
}
END_TEST

START_TEST(relu_keeps_a_nan)
{
    const unic__tile_kernel *kernels;
    size_t n = unic__tile_kernel_list(&kernels);
    _Alignas(64) float panel[UNIC__PANEL] = {1, -1, NAN, 0}, y[UNIC__PANEL];
    const float x = 2.0F;
    for (size_t i = 0; i < n; i++) {
        unic__tile tile = {.rows = 1,
                           .k = 1,
                           .a = &x,
                           .a_row = 1,
                           .a_k = 1,
                           .b = panel,
                           .b_k = UNIC__PANEL,
                           .c = y,
                           .c_row = UNIC__PANEL,
                           .relu = true};
        unic__tile_run(&kernels[i], &tile, UNIC__PANEL);
        ck_assert(y[0] == 2.0F && y[1] == 0.0F && isnan(y[2]) && y[3] == 0.0F);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kernel/packed");
    TCase *tc = tcase_create("packed");
    tcase_add_test(tc, products_follow_the_loop);
    tcase_add_test(tc, every_kernel_follows_the_loop);
    tcase_add_test(tc, packing_and_back_gives_the_weight);
    tcase_add_test(tc, a_row_is_the_same_among_any_others);
    tcase_add_test(tc, rows_a_page_apart_give_the_same_bits);
    tcase_add_test(tc, weights_from_memory_give_the_same_bits);
    tcase_add_test(tc, packing_in_16_bits_rounds);
    tcase_add_test(tc, panels_of_16_bits_give_the_bits_of_the_widened_weight);
    tcase_add_test(tc, relu_keeps_a_nan);
    tcase_set_timeout(tc, 60);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
