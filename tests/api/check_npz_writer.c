/* unic_npz.h: arrays into one file, whole and in pieces, that is there complete or not at all.
 * numpy reads the file in tests/array/test_npz.py. */
#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "array/npz.h"
#include "array/npz_help.h"
#include "file/io_help.h"
#include "unicode/unic_npz.h"

#define DIMS(...) ((const int64_t[]){__VA_ARGS__})

enum { ROWS = 5, WIDTH = 3 };

static const float floats[ROWS * WIDTH] = {0, -1.5F, 2,  3e38F, 1e-45F, -0.0F, 6, 7,
                                           8, 9,     10, 11,    12,     13,    14};
static const double doubles[2] = {1e300, 0.1};
static const int32_t numbers[ROWS] = {INT32_MIN, -1, 0, 1, INT32_MAX};
static const int64_t large[1] = {INT64_MIN};
static const uint64_t fingerprint[1] = {UINT64_MAX};

static unic_array array_of(const void *data, unic_dtype dtype, int rank, const int64_t *dims)
{
    unic_array a;
    unic_array_init(&a, data, dtype, rank, dims);
    return a;
}

static unic_status add(unic_npz_writer *w, const char *name, const void *data, unic_dtype dtype,
                       int rank, const int64_t *dims)
{
    const unic_array a = array_of(data, dtype, rank, dims);
    return unic_npz_writer_add(w, name, &a);
}

/* Elements `from`..`from + count` of both arrays that write_all() began. */
static unic_status append(unic_npz_writer *w, size_t from, size_t count)
{
    const unic_array f = array_of(floats + from * WIDTH, UNIC_F32, 2,
                                  DIMS((int64_t)count, WIDTH));
    const unic_array n = array_of(numbers + from, UNIC_I32, 1, DIMS((int64_t)count));
    UNIC__TRY(unic_npz_writer_append(w, "grown/floats", &f));
    return unic_npz_writer_append(w, "numbers", &n);
}

static unic_status write_all(const char *path)
{
    unic_npz_writer *w;
    unic_status status;
    UNIC__TRY(unic_npz_writer_create(&w, path));
    UNIC__TRY_OR(status, out,
                 unic_npz_writer_begin(w, "grown/floats", UNIC_F32, 2, DIMS(ROWS, WIDTH)));
    UNIC__TRY_OR(status, out, unic_npz_writer_begin(w, "numbers", UNIC_I32, 1, DIMS(ROWS)));
    UNIC__TRY_OR(status, out, append(w, 0, 2));
    UNIC__TRY_OR(status, out, add(w, "doubles", doubles, UNIC_F64, 2, DIMS(2, 1)));
    UNIC__TRY_OR(status, out, unic_npz_writer_add_text(w, "note", "caf\xC3\xA9\n"));
    UNIC__TRY_OR(status, out, append(w, 2, ROWS - 2));
    UNIC__TRY_OR(status, out, append(w, ROWS, 0));
    UNIC__TRY_OR(status, out, add(w, "large", large, UNIC_I64, 0, NULL));
    UNIC__TRY_OR(status, out, add(w, "fingerprint", fingerprint, UNIC_U64, 0, NULL));
    UNIC__TRY_OR(status, out, add(w, "none", NULL, UNIC_F32, 2, DIMS(0, 4)));
    UNIC__TRY_OR(status, out, unic_npz_writer_begin(w, "nothing", UNIC_I32, 1, DIMS(0)));
    status = unic_npz_writer_finish(w);
out:
    unic_npz_writer_free(w);
    return status;
}

START_TEST(writes_whole_arrays_and_pieces)
{
    const char *path = io_path("npz_writer.npz");
    float f[ROWS * WIDTH];
    int32_t n[ROWS];
    unic__npz *z;
    io_assert_ok(write_all(path));
    ck_assert(!io_has_leftovers(path));
    io_assert_ok(npz_open(&z, path));
    ck_assert_uint_eq(unic__npz_count(z), 8);
    ck_assert_str_eq(unic__npz_name(z, 0), "grown/floats");
    io_assert_ok(unic__npz_read_f32(z, "grown/floats", f, ROWS * WIDTH));
    ck_assert_mem_eq(f, floats, sizeof floats);
    io_assert_ok(unic__npz_read_i32(z, "numbers", n, ROWS));
    ck_assert_mem_eq(n, numbers, sizeof numbers);
    unic__npz_close(z);
}
END_TEST

START_TEST(pieces_make_the_file_that_whole_arrays_make)
{
    unic_npz_writer *w;
    size_t size[2];
    unsigned char *bytes[2];
    for (int i = 0; i < 2; i++) {
        const char *path = io_path(i ? "pieces.npz" : "whole.npz");
        io_assert_ok(unic_npz_writer_create(&w, path));
        if (i) {
            io_assert_ok(
                unic_npz_writer_begin(w, "grown/floats", UNIC_F32, 2, DIMS(ROWS, WIDTH)));
            io_assert_ok(unic_npz_writer_begin(w, "numbers", UNIC_I32, 1, DIMS(ROWS)));
            for (size_t row = 0; row < ROWS; row++)
                io_assert_ok(append(w, row, 1));
        } else {
            io_assert_ok(add(w, "grown/floats", floats, UNIC_F32, 2, DIMS(ROWS, WIDTH)));
            io_assert_ok(add(w, "numbers", numbers, UNIC_I32, 1, DIMS(ROWS)));
        }
        io_assert_ok(unic_npz_writer_finish(w));
        unic_npz_writer_free(w);
        bytes[i] = io_read(path, &size[i]);
    }
    ck_assert_uint_eq(size[0], size[1]);
    ck_assert_mem_eq(bytes[0], bytes[1], size[0]);
    free(bytes[0]);
    free(bytes[1]);
}
END_TEST

/* Columns, rows from the last to the first, and one number for all: as strides have them. */
START_TEST(writes_arrays_with_strides)
{
    enum { MANY = 3000 }; /* more than the writer gathers at a time */
    static int32_t table[MANY][2], got[MANY];
    const char *path = io_path("npz_strides.npz");
    unic_npz_writer *w;
    unic__npz *z;
    for (int i = 0; i < MANY; i++)
        table[i][1] = -i;
    unic_array column = array_of(&table[0][1], UNIC_I32, 1, DIMS(MANY));
    column.strides[0] = sizeof table[0];
    unic_array turned = array_of(floats + (ROWS - 1) * WIDTH, UNIC_F32, 2, DIMS(ROWS, WIDTH));
    turned.strides[0] = -(int64_t)(WIDTH * sizeof(float));
    turned.strides[1] = sizeof(float);
    unic_array same = array_of(fingerprint, UNIC_U64, 2, DIMS(1, 4));
    same.strides[0] = 8;
    io_assert_ok(unic_npz_writer_create(&w, path));
    io_assert_ok(unic_npz_writer_add(w, "column", &column));
    io_assert_ok(unic_npz_writer_begin(w, "turned", UNIC_F32, 2, DIMS(ROWS, WIDTH)));
    io_assert_ok(unic_npz_writer_append(w, "turned", &turned));
    io_assert_ok(unic_npz_writer_add(w, "same", &same));
    io_assert_ok(unic_npz_writer_finish(w));
    unic_npz_writer_free(w);
    io_assert_ok(npz_open(&z, path));
    io_assert_ok(unic__npz_read_i32(z, "column", got, MANY));
    for (int i = 0; i < MANY; i++)
        ck_assert_int_eq(got[i], -i);
    float f[ROWS * WIDTH];
    io_assert_ok(unic__npz_read_f32(z, "turned", f, ROWS * WIDTH));
    for (size_t row = 0; row < ROWS; row++)
        ck_assert_mem_eq(f + row * WIDTH, floats + (ROWS - 1 - row) * WIDTH, WIDTH * sizeof *f);
    unic__npz_close(z);
}
END_TEST

START_TEST(writes_small_numbers)
{
    static const uint16_t halves[] = {0x3C00, 0xC100, 0x0001}; /* 1, -2.5, 2^-24 */
    static const int8_t whole[] = {-128, 0, 127};
    static const uint8_t counts[] = {0, 128, 255};
    static const float want[][3] = {{1.0F, -2.5F, 0x1p-24F}, {-128, 0, 127}, {0, 128, 255}};
    static const char *const names[] = {"halves", "whole", "counts"};
    const char *path = io_path("npz_small.npz");
    unic_npz_writer *w;
    unic__npz *z;
    float f[3];
    io_assert_ok(unic_npz_writer_create(&w, path));
    io_assert_ok(add(w, "halves", halves, UNIC_F16, 1, DIMS(3)));
    io_assert_ok(add(w, "whole", whole, UNIC_I8, 1, DIMS(3)));
    io_assert_ok(add(w, "counts", counts, UNIC_U8, 1, DIMS(3)));
    io_assert_ok(unic_npz_writer_finish(w));
    unic_npz_writer_free(w);
    io_assert_ok(npz_open(&z, path));
    for (size_t i = 0; i < 3; i++) {
        io_assert_ok(unic__npz_read_f32(z, names[i], f, 3));
        ck_assert_mem_eq(f, want[i], sizeof f);
    }
    unic__npz_close(z);
}
END_TEST

/* ---- what is refused, and then no file ---- */

typedef unic_status (*wrong_call)(unic_npz_writer *w);

static unic_status no_name(unic_npz_writer *w)
{
    return unic_npz_writer_add_text(w, "", "text");
}

static unic_status no_array(unic_npz_writer *w)
{
    return unic_npz_writer_add(w, "x", NULL);
}

static unic_status taken_name(unic_npz_writer *w)
{
    return add(w, "numbers", doubles, UNIC_F64, 1, DIMS(2));
}

static unic_status hostile_name(unic_npz_writer *w)
{
    return add(w, "../x", doubles, UNIC_F64, 1, DIMS(2));
}

static unic_status wrong_dtype(unic_npz_writer *w)
{
    return add(w, "x", doubles, (unic_dtype)(UNIC_U8 + 1), 1, DIMS(2));
}

static unic_status no_npz_dtype(unic_npz_writer *w)
{
    return add(w, "x", doubles, UNIC_BF16, 1, DIMS(2));
}

static unic_status wrong_dims(unic_npz_writer *w)
{
    return unic_npz_writer_begin(w, "x", UNIC_F32, 2, DIMS(2, -1));
}

static unic_status no_dims(unic_npz_writer *w)
{
    return unic_npz_writer_begin(w, "x", UNIC_F32, 2, NULL);
}

static unic_status too_large(unic_npz_writer *w)
{
    int64_t half = INT64_MAX / 2 / 8;
    UNIC__TRY(unic_npz_writer_begin(w, "x", UNIC_F64, 1, &half));
    UNIC__TRY(unic_npz_writer_begin(w, "y", UNIC_F64, 1, &half));
    return unic_npz_writer_begin(w, "z", UNIC_F64, 1, &half);
}

static unic_status no_utf8(unic_npz_writer *w)
{
    static const char *const good[] = {"caf\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        UNIC__TRY(unic_npz_writer_add_text(w, good[i], "text"));
    return unic_npz_writer_add_text(w, "caf\xE9", "text");
}

static unic_status surrogate(unic_npz_writer *w)
{
    return unic_npz_writer_add_text(w, "x\xED\xA0\x80", "text");
}

static unic_status cut_character(unic_npz_writer *w)
{
    return unic_npz_writer_add_text(w, "x\xE2\x82", "text");
}

static unic_status overlong(unic_npz_writer *w)
{
    return unic_npz_writer_add_text(w, "x\xC0\xAF", "text");
}

static unic_status unknown_array(unic_npz_writer *w)
{
    const unic_array a = array_of(numbers, UNIC_I32, 1, DIMS(1));
    return unic_npz_writer_append(w, "nubmers", &a);
}

static unic_status elements_of_a_text(unic_npz_writer *w)
{
    const unic_array a = array_of(numbers, UNIC_I32, 1, DIMS(1));
    UNIC__TRY(unic_npz_writer_add_text(w, "text", "text"));
    return unic_npz_writer_append(w, "text", &a);
}

static unic_status other_dtype(unic_npz_writer *w)
{
    const unic_array a = array_of(floats, UNIC_F32, 1, DIMS(1));
    return unic_npz_writer_append(w, "numbers", &a);
}

static unic_status too_many(unic_npz_writer *w)
{
    const unic_array a = array_of(numbers, UNIC_I32, 1, DIMS(ROWS));
    const unic_array one = array_of(numbers, UNIC_I32, 0, NULL);
    UNIC__TRY(unic_npz_writer_append(w, "numbers", &a));
    return unic_npz_writer_append(w, "numbers", &one);
}

static const struct {
    wrong_call call;
    unic_status status;
    const char *says;
} wrong[] = {
    {no_name, UNIC_E_ARG, "unic_npz_writer_add_text: name is empty"},
    {no_array, UNIC_E_ARG, "unic_npz_writer_add: array is NULL"},
    {taken_name, UNIC_E_ARG, "there is an array \"numbers\" already"},
    {hostile_name, UNIC_E_ARG, "\"..\" part"},
    {no_utf8, UNIC_E_ARG, "the name of member 4 is not UTF-8"},
    {surrogate, UNIC_E_ARG, "is not UTF-8"},
    {cut_character, UNIC_E_ARG, "is not UTF-8"},
    {overlong, UNIC_E_ARG, "is not UTF-8"},
    {wrong_dtype, UNIC_E_ARG,
     "unic_npz_writer_add: x has dtype 10, a unic_dtype (1..9) expected"},
    {no_npz_dtype, UNIC_E_ARG, "\"x\" is of bfloat16, which npz files do not have"},
    {wrong_dims, UNIC_E_SHAPE, "unic_npz_writer_begin: x has dims[1] = -1"},
    {no_dims, UNIC_E_ARG, "unic_npz_writer_begin: dims is NULL"},
    {too_large, UNIC_E_ARG, "does not fit into a file"},
    {unknown_array, UNIC_E_NOTFOUND, "no array \"nubmers\" was begun"},
    {elements_of_a_text, UNIC_E_NOTFOUND, "no array \"text\" was begun"},
    {other_dtype, UNIC_E_ARG, "\"numbers\" is of int32, but its elements of float32"},
    {too_many, UNIC_E_SHAPE, "\"numbers\" has room for 0 more elements, 1 are given"},
};

START_TEST(refuses_what_is_wrong_and_writes_nothing)
{
    const char *path = io_path("npz_refused.npz");
    unic_npz_writer *w;
    size_t size;
    io_write(path, "old", 3);
    io_assert_ok(unic_npz_writer_create(&w, path));
    io_assert_ok(unic_npz_writer_begin(w, "numbers", UNIC_I32, 1, DIMS(ROWS)));
    io_assert_fails(wrong[_i].call(w), wrong[_i].status, wrong[_i].says);
    io_assert_fails(unic_npz_writer_finish(w), wrong[_i].status,
                    "npz_refused.npz: not written, since a call before this one failed");
    io_assert_fails(unic_npz_writer_finish(w), UNIC_E_STATE, "unic_npz_writer_finish: ");
    ck_assert(!io_has_leftovers(path));
    unic_npz_writer_free(w);
    unsigned char *kept = io_read(path, &size);
    ck_assert(size == 3 && !memcmp(kept, "old", 3));
    free(kept);
}
END_TEST

START_TEST(an_array_that_lacks_elements_is_no_file)
{
    const char *path = io_path("npz_lacks.npz");
    const unic_array some = array_of(numbers, UNIC_I32, 1, DIMS(2));
    unic_npz_writer *w;
    io_assert_ok(unic_npz_writer_create(&w, path));
    io_assert_ok(unic_npz_writer_begin(w, "numbers", UNIC_I32, 1, DIMS(ROWS)));
    io_assert_ok(unic_npz_writer_append(w, "numbers", &some));
    io_assert_fails(unic_npz_writer_finish(w), UNIC_E_STATE,
                    "npz_lacks.npz: not written: \"numbers\" lacks 3 elements");
    io_assert_fails(unic_npz_writer_add(w, "x", &some), UNIC_E_STATE,
                    "npz_lacks.npz is finished already; nothing can be added");
    unic_npz_writer_free(w);
    io_assert_fails(npz_open(&(unic__npz *){NULL}, path), UNIC_E_NOTFOUND, "npz_lacks");
}
END_TEST

START_TEST(without_finish_nothing_is_left)
{
    const char *path = io_path("npz_freed.npz");
    unic_npz_writer *w;
    io_assert_ok(unic_npz_writer_create(&w, path));
    io_assert_ok(add(w, "x", floats, UNIC_F32, 1, DIMS(3)));
    unic_npz_writer_free(w);
    unic_npz_writer_free(NULL);
    ck_assert(!io_has_leftovers(path));
    io_assert_fails(npz_open(&(unic__npz *){NULL}, path), UNIC_E_NOTFOUND, "npz_freed");
    io_assert_fails(unic_npz_writer_create(NULL, path), UNIC_E_ARG, "out is NULL");
    io_assert_fails(unic_npz_writer_create(&w, NULL), UNIC_E_ARG, "path is NULL");
    io_assert_fails(unic_npz_writer_create(&w, io_path("absent/x.npz")), UNIC_E_NOTFOUND,
                    "absent");
    ck_assert_ptr_null(w);
    io_assert_fails(unic_npz_writer_finish(NULL), UNIC_E_ARG, "writer is NULL");
}
END_TEST

/* A limit for the file's size is what a full disk is. */
START_TEST(a_full_disk_leaves_the_old_file)
{
    const char *path = io_path("npz_full.npz");
    static const float much[1 << 14];
    struct rlimit before, limit;
    unic_npz_writer *w;
    size_t size;
    io_write(path, "old", 3);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = 4096;
    signal(SIGXFSZ, SIG_IGN);
    io_assert_ok(unic_npz_writer_create(&w, path));
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    unic_status added = add(w, "much", much, UNIC_F32, 1, DIMS(1 << 14));
    unic_status finished = unic_npz_writer_finish(w);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    unic_npz_writer_free(w);
    ck_assert_int_eq(added, UNIC_E_IO);
    ck_assert_int_eq(finished, UNIC_E_IO);
    ck_assert(!io_has_leftovers(path));
    unsigned char *kept = io_read(path, &size);
    ck_assert(size == 3 && !memcmp(kept, "old", 3));
    free(kept);
}
END_TEST

START_TEST(survives_failing_allocations)
{
    io_fail_each_allocation(write_all, io_path("npz_memory.npz"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api/npz_writer");
    TCase *tests = tcase_create("npz_writer");
    tcase_add_test(tests, writes_whole_arrays_and_pieces);
    tcase_add_test(tests, pieces_make_the_file_that_whole_arrays_make);
    tcase_add_test(tests, writes_arrays_with_strides);
    tcase_add_test(tests, writes_small_numbers);
    tcase_add_loop_test(tests, refuses_what_is_wrong_and_writes_nothing, 0,
                        sizeof wrong / sizeof *wrong);
    tcase_add_test(tests, an_array_that_lacks_elements_is_no_file);
    tcase_add_test(tests, without_finish_nothing_is_left);
    tcase_add_test(tests, a_full_disk_leaves_the_old_file);
    tcase_add_test(tests, survives_failing_allocations);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
