/* lib/array/bundle: named arrays in a file, the same bytes whatever the order, and read back
 * only as they are expected. */
#include "array/bundle.h"
#include "array/npz_help.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file/io_help.h"

enum { MANY = 200 }; /* more than the list first has room for */

static const float floats[] = {1.5F, -0.0F, 3e38F, 4, 5, 6};
static const int32_t ints[] = {-1, 0, INT32_MAX};
static const int64_t longs[] = {INT64_MIN, 7};

/* One of four members, and after them members "many.000" on. */
static void add(unic__bundle *b, size_t i, char name[16])
{
    switch (i) {
    case 0:
        unic__bundle_f32(b, "b.floats", UNIC__SHAPE_OF(2, 3), floats);
        break;
    case 1:
        unic__bundle_i32(b, "a.ints", UNIC__SHAPE_OF(3), ints);
        break;
    case 2:
        unic__bundle_i64(b, "c/longs", UNIC__SHAPE_OF(1, 2), longs);
        break;
    case 3:
        unic__bundle_text(b, "config.txt", "text = yes\n");
        break;
    default:
        snprintf(name, 16, "many.%03u", (unsigned)i % 1000);
        unic__bundle_f32(b, name, UNIC__SCALAR, &floats[i % 6]);
    }
}

/* `n` members, beginning with number `first`. */
static unic_status write_from(const char *path, size_t n, size_t first)
{
    char(*names)[16] = malloc(n * sizeof *names);
    ck_assert(names != NULL);
    unic__bundle b = {0};
    for (size_t i = 0; i < n; i++)
        add(&b, (first + i) % n, names[(first + i) % n]);
    unic_status status = unic__bundle_write(&b, UNIC__TO_FILE(path));
    ck_assert(b.at == NULL && b.n == 0 &&
              b.status == UNIC_OK); /* freed, and to be used again */
    free(names);
    return status;
}

static unic__npz *opened(const char *path)
{
    unic__npz *z;
    io_assert_ok(npz_open(&z, path));
    return z;
}

START_TEST(order_of_adding_does_not_matter)
{
    size_t sizes[2];
    const char *path[2] = {io_path("bundle1.npz"), io_path("bundle2.npz")};
    for (size_t n = 4; n <= MANY; n += MANY - 4) {
        io_assert_ok(write_from(path[0], n, 0));
        io_assert_ok(write_from(path[1], n, n / 2));
        unsigned char *a = io_read(path[0], &sizes[0]), *b = io_read(path[1], &sizes[1]);
        ck_assert(sizes[0] == sizes[1] && memcmp(a, b, sizes[0]) == 0);
        free(a);
        free(b);
    }
    unic__npz *z = opened(path[0]);
    ck_assert_uint_eq(unic__npz_count(z), MANY);
    for (size_t i = 1; i < MANY; i++)
        ck_assert(strcmp(unic__npz_name(z, i - 1), unic__npz_name(z, i)) < 0);
    unic__npz_close(z);
}
END_TEST

START_TEST(reads_what_it_wrote)
{
    const char *path = io_path("bundle.npz");
    float f[6];
    int32_t i[3];
    int64_t l[2];
    char *text;
    io_assert_ok(write_from(path, MANY, 0));
    unic__npz *z = opened(path);
    io_assert_ok(unic__read_f32(z, "b.floats", UNIC__SHAPE_OF(2, 3), f));
    io_assert_ok(unic__read_i32(z, "a.ints", UNIC__SHAPE_OF(3), i));
    io_assert_ok(unic__read_i64(z, "c/longs", UNIC__SHAPE_OF(1, 2), l));
    io_assert_ok(unic__npz_read_text(z, "config.txt", &text));
    ck_assert_mem_eq(f, floats, sizeof f);
    ck_assert_mem_eq(i, ints, sizeof i);
    ck_assert_mem_eq(l, longs, sizeof l);
    ck_assert_str_eq(text, "text = yes\n");
    unic__free(text);
    for (size_t k = 4; k < MANY; k++) {
        char name[16];
        snprintf(name, sizeof name, "many.%03u", (unsigned)k);
        io_assert_ok(unic__read_f32(z, name, UNIC__SCALAR, f));
        ck_assert(f[0] == floats[k % 6]);
    }
    unic__npz_close(z);
}
END_TEST

START_TEST(refuses_what_is_not_as_expected)
{
    const char *path = io_path("bundle.npz");
    const float bad[] = {1, NAN, 2, -INFINITY};
    float f[6] = {77};
    int32_t i[3] = {77};
    int64_t l[2] = {77};
    const unic__shape two = UNIC__SHAPE_OF(2), six = UNIC__SHAPE_OF(2, 3);
    unic__npz_writer *w;
    io_assert_ok(unic__npz_create(&w, UNIC__TO_FILE(path)));
    io_assert_ok(unic__npz_add_f32(w, "floats", &six, floats));
    io_assert_ok(unic__npz_add_f32(w, "nan", &two, bad));
    io_assert_ok(unic__npz_add_f32(w, "inf", &two, bad + 2));
    io_assert_ok(unic__npz_add_i64(w, "longs", &two, longs));
    io_assert_ok(unic__npz_finish(w));
    unic__npz *z = opened(path);
    io_assert_fails(unic__read_f32(z, "float", UNIC__SHAPE_OF(2, 3), f), UNIC_E_FORMAT,
                    "bundle.npz: no array \"float\"; did you mean \"floats\"?");
    const unic__shape wrong[] = {UNIC__SHAPE_OF(3, 2), UNIC__SHAPE_OF(6),
                                 UNIC__SHAPE_OF(2, 3, 1), UNIC__SHAPE_OF(2, 2), UNIC__SCALAR};
    for (size_t k = 0; k < sizeof wrong / sizeof wrong[0]; k++) {
        char says[200], text[UNIC__SHAPE_TEXT];
        snprintf(says, sizeof says, "bundle.npz: floats has shape [2,3], expected %s",
                 unic__shape_print(&wrong[k], text));
        io_assert_fails(unic__expect_array(z, "floats", wrong[k]), UNIC_E_FORMAT, says);
        io_assert_fails(unic__read_f32(z, "floats", wrong[k], f), UNIC_E_FORMAT, says);
        io_assert_fails(unic__read_i32(z, "floats", wrong[k], i), UNIC_E_FORMAT, says);
        io_assert_fails(unic__read_i64(z, "floats", wrong[k], l), UNIC_E_FORMAT, says);
    }
    ck_assert(f[0] == 77 && i[0] == 77 && l[0] == 77);
    io_assert_fails(unic__read_f32(z, "nan", UNIC__SHAPE_OF(2), f), UNIC_E_FORMAT,
                    "bundle.npz: nan holds NaN or Inf");
    io_assert_fails(unic__read_f32(z, "inf", UNIC__SHAPE_OF(2), f), UNIC_E_FORMAT,
                    "inf holds NaN or Inf");
    io_assert_fails(unic__read_i32(z, "longs", UNIC__SHAPE_OF(2), i), UNIC_E_VALUE, "longs");
    unic__npz_close(z);
}
END_TEST

START_TEST(a_failure_leaves_the_old_file)
{
    const char *path = io_path("kept.npz"), *nowhere = io_path("no/such/folder.npz");
    size_t sizes[2];
    unic__bundle b = {0};
    io_assert_ok(write_from(path, 4, 0));
    unsigned char *before = io_read(path, &sizes[0]);
    unic__bundle_f32(&b, "../up", UNIC__SCALAR, floats); /* no name for a member */
    io_assert_fails(unic__bundle_write(&b, UNIC__TO_FILE(path)), UNIC_E_ARG, "../up");
    unic__bundle_f32(&b, "twice", UNIC__SCALAR, floats);
    unic__bundle_i32(&b, "twice", UNIC__SCALAR, ints);
    ck_assert(unic__bundle_write(&b, UNIC__TO_FILE(path)) != UNIC_OK);
    const float bad[] = {1, NAN, -INFINITY}; /* reading would refuse it */
    unic__bundle_f32(&b, "a", UNIC__SHAPE_OF(2), floats);
    unic__bundle_f32(&b, "b", UNIC__SHAPE_OF(2), bad);
    io_assert_fails(unic__bundle_write(&b, UNIC__TO_FILE(path)), UNIC_E_NUMERIC,
                    "b holds NaN or Inf");
    unic__bundle_f32(&b, "c", UNIC__SHAPE_OF(1), bad + 2);
    io_assert_fails(unic__bundle_write(&b, UNIC__TO_FILE(path)), UNIC_E_NUMERIC,
                    "c holds NaN or Inf");
    unic__bundle_f32(&b, "a", UNIC__SCALAR, floats);
    io_assert_fails(unic__bundle_write(&b, UNIC__TO_FILE(nowhere)), UNIC_E_NOTFOUND,
                    "folder.npz");
    unsigned char *after = io_read(path, &sizes[1]);
    ck_assert(sizes[0] == sizes[1] && memcmp(before, after, sizes[0]) == 0);
    ck_assert(!io_has_leftovers(path));
    free(before);
    free(after);
}
END_TEST

static unic_status write_many(const char *path)
{
    return write_from(path, MANY, 9);
}

static unic_status read_some(const char *path)
{
    unic__npz *z;
    float f[6];
    int32_t i[3];
    unic_status status = npz_open(&z, path);
    if (status != UNIC_OK)
        return status;
    status = unic__read_f32(z, "b.floats", UNIC__SHAPE_OF(2, 3), f);
    if (status == UNIC_OK)
        status = unic__read_i32(z, "a.ints", UNIC__SHAPE_OF(3), i);
    unic__npz_close(z);
    return status;
}

START_TEST(survives_every_failing_allocation)
{
    const char *path = io_path("bundle-oom.npz");
    io_fail_each_allocation(write_many, path);
    ck_assert(!io_has_leftovers(path));
    io_fail_each_allocation(read_some, path);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("array/bundle");
    TCase *t = tcase_create("bundle");
    tcase_add_test(t, order_of_adding_does_not_matter);
    tcase_add_test(t, reads_what_it_wrote);
    tcase_add_test(t, refuses_what_is_not_as_expected);
    tcase_add_test(t, a_failure_leaves_the_old_file);
    tcase_add_test(t, survives_every_failing_allocation);
    suite_add_tcase(suite, t);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
