/* lib/kernel/assign: the nearest code as double precision gives it, wherever codes and rows
 * lie. */
#include "kernel/assign.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "kernel/tile.h"
#include "model/codebook_tools.h"

static void check_against_double(const float *z, size_t rows, const float *e, size_t codes,
                                 size_t dim)
{
    unic__code_table t;
    int32_t *got = malloc((rows + 1) * sizeof *got);
    io_assert_ok(unic__code_table_create(&t, e, codes, dim));
    unic__code_table_refresh(&t);
    got[rows] = 77;
    unic__assign(got, z, rows, &t);
    ck_assert_int_eq(got[rows], 77);
    for (size_t r = 0; r < rows; r++) {
        size_t want = nearest(z + r * dim, e, codes, dim);
        ck_assert_msg((size_t)got[r] == want,
                      "%zu x %zu x %zu: row %zu takes code %d at %.17g, the nearest is %zu at "
                      "%.17g",
                      rows, codes, dim, r, got[r],
                      square_distance(z + r * dim, e + (size_t)got[r] * dim, dim), want,
                      square_distance(z + r * dim, e + want * dim, dim));
    }
    free(got);
    unic__code_table_free(&t);
}

/* scale x normal + offset; every third row of z is a code, every fifth next to one; every
 * seventh code is the one before. */
static void check_at(float offset, float scale, size_t rows, size_t codes, size_t dim)
{
    unic__key key = unic__random_key(3, codes, dim);
    float *z = normal_numbers(rows * dim, 1), *e = normal_numbers(codes * dim, 2);
    for (size_t i = 0; i < codes * dim; i++)
        e[i] = i / dim % 7 == 6 ? e[i - dim] : offset + scale * e[i];
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < dim; j++) {
            float code = e[unic__random_below(key, r, codes) * dim + j];
            float *x = z + r * dim + j;
            *x = r % 3 == 0   ? code
                 : r % 5 == 0 ? nextafterf(code, INFINITY)
                              : offset + scale * *x;
        }
    check_against_double(z, rows, e, codes, dim);
    free(z);
    free(e);
}

/* Below, at and above the rows, panels and dims that are taken at a time. */
static const size_t sizes[][3] = {{1, 1, 1},     {97, 33, 3},    {130, 80, 64},
                                  {50, 70, 257}, {13, 40, 1024}, {14, 33, 2500}};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

START_TEST(takes_the_nearest_at_any_offset)
{
    static const float offsets[] = {0.0F, 1e2F, 1e4F, 1e6F, -1e4F};
    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++)
        check_at(offsets[i], 1.0F, sizes[_i][0], sizes[_i][1], sizes[_i][2]);
}
END_TEST

/* Whatever kernel makes the products: the code is the same. */
START_TEST(takes_the_nearest_by_every_kernel)
{
    const unic__tile_kernel *kernels;
    for (size_t i = unic__tile_kernel_list(&kernels); i-- > 0;) {
        ck_assert(unic__tile_cap(kernels[i].name));
        check_at(1e4F, 1.0F, sizes[_i][0], sizes[_i][1], sizes[_i][2]);
    }
    unic__tile_cap(NULL);
}
END_TEST

/* Squares of these overflow or vanish in float32. */
START_TEST(takes_the_nearest_at_any_scale)
{
    static const float scales[] = {1e-42F, 1e-30F, 1e-20F, 1e12F, 1e18F, 1e19F, 1e25F, 5e37F};
    for (size_t i = 0; i < sizeof scales / sizeof scales[0]; i++)
        check_at(0.0F, scales[i], sizes[_i][0], sizes[_i][1], sizes[_i][2]);
}
END_TEST

/* Two places on earth in metres from its centre: no common centre is near to either. */
START_TEST(takes_the_nearest_of_far_clusters)
{
    enum { CODES = 40, ROWS = 60, DIM = 3 };
    float *z = normal_numbers(ROWS * DIM, 4), *e = normal_numbers(CODES * DIM, 5);
    for (size_t i = 0; i < ROWS * DIM; i++)
        z[i] = 5.0F * z[i] + (i / DIM % 2 ? 4208292.0F : -2335623.5F);
    for (size_t i = 0; i < CODES * DIM; i++)
        e[i] = 5.0F * e[i] + (i / DIM % 2 ? 4208292.0F : -2335623.5F);
    check_against_double(z, ROWS, e, CODES, DIM);
    free(z);
    free(e);
}
END_TEST

START_TEST(of_equal_codes_the_first)
{
    enum { CODES = 100, DIM = 5 };
    float e[CODES * DIM], z[DIM] = {1, 2, 3, 4, 5};
    int32_t code;
    for (size_t i = 0; i < CODES * DIM; i++)
        e[i] = i < 30 * DIM ? 9.0F : 1e4F; /* code 30 and all behind it are equal */
    unic__code_table t;
    io_assert_ok(unic__code_table_create(&t, e, CODES, DIM));
    unic__code_table_refresh(&t);
    unic__assign(&code, z, 1, &t);
    ck_assert_int_eq(code, 0);
    for (size_t j = 0; j < DIM; j++)
        z[j] = 1e4F;
    unic__assign(&code, z, 1, &t);
    ck_assert_int_eq(code, 30);
    unic__code_table_free(&t);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("assign");
    TCase *t = tcase_create("core");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, takes_the_nearest_at_any_offset, 0, SIZES);
    tcase_add_loop_test(t, takes_the_nearest_by_every_kernel, 0, SIZES);
    tcase_add_loop_test(t, takes_the_nearest_at_any_scale, 0, SIZES);
    tcase_add_test(t, takes_the_nearest_of_far_clusters);
    tcase_add_test(t, of_equal_codes_the_first);
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
