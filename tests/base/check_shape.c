/* lib/base/shape.c, threads.c. */
#include <string.h>

#include "base_help.h"

START_TEST(counts)
{
    static const struct {
        unic__shape shape;
        size_t count, rows, last;
    } cases[] = {
        {{0, {0}}, 1, 1, 1},       {{1, {7}}, 7, 1, 7},
        {{1, {0}}, 0, 1, 0},       {{3, {2, 3, 5}}, 30, 6, 5},
        {{3, {2, 0, 5}}, 0, 0, 5}, {{6, {1, 2, 3, 4, 5, 6}}, 720, 120, 6},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const unic__shape *s = &cases[i].shape;
        size_t count;
        ck_assert(unic__shape_count_checked(s, &count));
        ck_assert_uint_eq(count, cases[i].count);
        ck_assert_uint_eq(unic__shape_count(s), cases[i].count);
        ck_assert_uint_eq(unic__shape_rows(s), cases[i].rows);
        ck_assert_uint_eq(unic__shape_last(s), cases[i].last);
    }
}
END_TEST

START_TEST(counts_that_overflow)
{
    size_t count;
    ck_assert(unic__shape_count_checked(&UNIC__SHAPE_OF(PTRDIFF_MAX, 1), &count));
    ck_assert_uint_eq(count, PTRDIFF_MAX);
    ck_assert(!unic__shape_count_checked(&UNIC__SHAPE_OF(SIZE_MAX, 1), &count));
    ck_assert(!unic__shape_count_checked(&UNIC__SHAPE_OF(SIZE_MAX, 2), &count));
    ck_assert(!unic__shape_count_checked(&UNIC__SHAPE_OF(65536, 65536, 65536, 65536), &count));
    ck_assert(!unic__shape_count_checked(&UNIC__SHAPE_OF(65536, 65536, 65536, 65535), &count));
    ck_assert(unic__shape_count_checked(&UNIC__SHAPE_OF(65536, 65536, 65536, 32767), &count));
}
END_TEST

START_TEST(equality)
{
    const unic__shape a = UNIC__SHAPE_OF(2, 3),
                      b = {2, {2, 3, 9}}; /* what is beyond the rank */
    ck_assert(unic__shape_equal(&a, &a) && unic__shape_equal(&a, &b));
    ck_assert(!unic__shape_equal(&a, &UNIC__SHAPE_OF(3, 2)));
    ck_assert(!unic__shape_equal(&a, &UNIC__SHAPE_OF(2, 3, 1)));
    ck_assert(!unic__shape_equal(&UNIC__SCALAR, &UNIC__SHAPE_OF(1)));
    ck_assert(unic__shape_equal(&UNIC__SCALAR, &UNIC__SCALAR));
}
END_TEST

START_TEST(texts)
{
    char text[UNIC__SHAPE_TEXT];
    ck_assert_str_eq(unic__shape_print(&UNIC__SCALAR, text), "[]");
    ck_assert_str_eq(unic__shape_print(&UNIC__SHAPE_OF(12), text), "[12]");
    ck_assert_str_eq(unic__shape_print(&UNIC__SHAPE_OF(32, 10, 64), text), "[32,10,64]");
    ck_assert_ptr_eq(unic__shape_print(&UNIC__SHAPE_OF(1), text), text);
    const size_t most = SIZE_MAX; /* six of them are longer than the text may be */
    unic__shape_print(&UNIC__SHAPE_OF(most, most, most, most, most, most), text);
    ck_assert_uint_eq(strlen(text), UNIC__SHAPE_TEXT - 1);
    ck_assert_int_eq(strncmp(text, "[18446744073709551615,18446744073709551615,", 43), 0);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("shape");
    tcase_add_test(t, counts);
    tcase_add_test(t, counts_that_overflow);
    tcase_add_test(t, equality);
    tcase_add_test(t, texts);
    return base_run("base/shape", t);
}
