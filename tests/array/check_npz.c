/* lib/array/npz: arrays of numpy's making and of its own, by the array and by the row. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array/npz.h"
#include "array/npz_help.h"
#include "file/io_help.h"
#include "file/zip.h"

#define NOTES "a text of forty-four bytes, of forty-four.\r\n"

static const char *const all_types[] = {FIXTURES "stored.npz", FIXTURES "deflated.npz"};

/* What make_fixtures.py puts into element i. */
static double fixture_value(unic__npy_type type, size_t i)
{
    int k = (int)(i % 17);
    switch (type) {
    case UNIC__NPY_F16:
    case UNIC__NPY_F32:
    case UNIC__NPY_F64:
        return (k - 8) / 4.0;
    case UNIC__NPY_I8:
    case UNIC__NPY_I16:
    case UNIC__NPY_I32:
    case UNIC__NPY_I64:
        return k - 8;
    case UNIC__NPY_BOOL:
        return (double)(i % 2);
    default:
        return k;
    }
}

static unic__npz *open_good(const char *path)
{
    unic__npz *z;
    io_assert_ok(npz_open(&z, path));
    return z;
}

/* ---- reading numpy's files ---- */

static const struct {
    const char *name, *shape;
    unic__npy_type type;
    bool big_endian, fortran;
} arrays[] = {
    {"float16", "[3,7]", UNIC__NPY_F16, false, false},
    {"float32", "[3,7]", UNIC__NPY_F32, false, false},
    {"float64", "[3,7]", UNIC__NPY_F64, false, false},
    {"int8", "[3,7]", UNIC__NPY_I8, false, false},
    {"int16", "[3,7]", UNIC__NPY_I16, false, false},
    {"int32", "[3,7]", UNIC__NPY_I32, false, false},
    {"int64", "[3,7]", UNIC__NPY_I64, false, false},
    {"uint8", "[3,7]", UNIC__NPY_U8, false, false},
    {"uint16", "[3,7]", UNIC__NPY_U16, false, false},
    {"uint32", "[3,7]", UNIC__NPY_U32, false, false},
    {"uint64", "[3,7]", UNIC__NPY_U64, false, false},
    {"bool", "[3,7]", UNIC__NPY_BOOL, false, false},
    {"big/float16", "[4,5]", UNIC__NPY_F16, true, false},
    {"big/float32", "[4,5]", UNIC__NPY_F32, true, false},
    {"big/float64", "[4,5]", UNIC__NPY_F64, true, false},
    {"big/int16", "[4,5]", UNIC__NPY_I16, true, false},
    {"big/int32", "[4,5]", UNIC__NPY_I32, true, false},
    {"big/int64", "[4,5]", UNIC__NPY_I64, true, false},
    {"big/uint16", "[4,5]", UNIC__NPY_U16, true, false},
    {"big/uint32", "[4,5]", UNIC__NPY_U32, true, false},
    {"big/uint64", "[4,5]", UNIC__NPY_U64, true, false},
    {"fortran1", "[19]", UNIC__NPY_F32, false, false},
    {"fortran2", "[5,3]", UNIC__NPY_F32, false, true},
    {"fortran4", "[2,3,4,5]", UNIC__NPY_F32, false, true},
    {"fortran_half", "[4,6]", UNIC__NPY_F16, false, true},
    {"fortran_big", "[3,4]", UNIC__NPY_I64, true, true},
    {"rank0", "[]", UNIC__NPY_F32, false, false},
    {"rank6", "[1,2,1,3,2,1]", UNIC__NPY_F32, false, false},
    {"empty", "[0,3]", UNIC__NPY_F32, false, false},
    {"empty_half", "[2,0]", UNIC__NPY_F16, false, false},
};

enum { ARRAYS = sizeof arrays / sizeof arrays[0] };

static void read_in_each_type(unic__npz *z, const char *name, unic__npy_type type, size_t count)
{
    float f32[128];
    double f64[128];
    int32_t i32[128];
    int64_t i64[128];
    io_assert_ok(unic__npz_read_f32(z, name, f32, count));
    io_assert_ok(unic__npz_read_f64(z, name, f64, count));
    bool whole = type != UNIC__NPY_F16 && type != UNIC__NPY_F32 && type != UNIC__NPY_F64;
    if (whole) {
        io_assert_ok(unic__npz_read_i32(z, name, i32, count));
        io_assert_ok(unic__npz_read_i64(z, name, i64, count));
    } else if (count > 1) {
        io_assert_fails(unic__npz_read_i32(z, name, i32, count), UNIC_E_VALUE,
                        "a whole number expected");
    }
    for (size_t i = 0; i < count; i++) {
        double value = fixture_value(type, i);
        ck_assert_msg(f32[i] == value && f64[i] == value &&
                          (!whole || (i32[i] == value && i64[i] == value)),
                      "%s: element %zu is %g, not %g", name, i, f64[i], value);
    }
}

START_TEST(reads_every_type_of_array)
{
    unic__npz *z = open_good(all_types[_i]);
    ck_assert_str_eq(unic__npz_path(z), all_types[_i]);
    ck_assert_uint_eq(unic__npz_count(z), ARRAYS);
    for (size_t a = 0; a < ARRAYS; a++) {
        const char *name = arrays[a].name;
        unic__npy_info info;
        char shape[UNIC__SHAPE_TEXT];
        ck_assert_str_eq(unic__npz_name(z, a), name);
        ck_assert(unic__npz_has(z, name));
        io_assert_ok(unic__npz_info(z, name, &info));
        ck_assert_int_eq(info.type, arrays[a].type);
        if (a <= UNIC__NPY_BOOL) /* the first of them are named after their types */
            ck_assert_str_eq(unic__npy_type_name(info.type), name);
        ck_assert_int_eq(info.big_endian, arrays[a].big_endian);
        ck_assert_int_eq(info.fortran, arrays[a].fortran);
        ck_assert_str_eq(unic__shape_print(&info.shape, shape), arrays[a].shape);
        read_in_each_type(z, name, info.type, unic__shape_count(&info.shape));
    }
    unic__npz_close(z);
    unic__npz_close(NULL);
}
END_TEST

START_TEST(reads_rows)
{
    unic__npz *z = open_good(all_types[_i]);
    for (size_t a = 0; a < ARRAYS; a++) {
        unic__npy_info info;
        io_assert_ok(unic__npz_info(z, arrays[a].name, &info));
        if (!info.shape.rank)
            continue;
        size_t rows = info.shape.dim[0], count = unic__shape_count(&info.shape);
        float row[128];
        for (size_t n = 0; n < 2 * rows; n++) {
            size_t r = (n * 5 + 2) % rows, row_count = count / rows; /* in no order */
            row[row_count] = 77;
            io_assert_ok(unic__npz_read_row_f32(z, arrays[a].name, r, row, row_count));
            for (size_t i = 0; i < row_count; i++)
                ck_assert(row[i] == fixture_value(info.type, r * row_count + i));
            ck_assert(row[row_count] == 77);
        }
    }
    unic__npz_close(z);
}
END_TEST

START_TEST(refuses_wrong_requests)
{
    unic__npz *z = open_good(all_types[_i]);
    unic__npy_info info;
    float x[64];
    char *text;
    io_assert_fails(unic__npz_info(z, "flaot32", &info), UNIC_E_NOTFOUND,
                    ": no array \"flaot32\"; did you mean \"float32\"?");
    io_assert_fails(unic__npz_read_f32(z, "nothing like it", x, 1), UNIC_E_NOTFOUND,
                    "no array \"nothing like it\"");
    ck_assert(!strstr(unic_last_error(), "did you mean"));
    ck_assert(!unic__npz_has(z, "flaot32"));
    io_assert_fails(unic__npz_read_f32(z, "float32", x, 20), UNIC_E_SHAPE,
                    "member \"float32.npy\": has the shape [3,7], 20 elements expected");
    io_assert_fails(unic__npz_read_row_f32(z, "float32", 3, x, 7), UNIC_E_ARG,
                    "has the shape [3,7], row 3 is asked for");
    io_assert_fails(unic__npz_read_row_f32(z, "float32", 0, x, 8), UNIC_E_SHAPE,
                    "has the shape [3,7], rows of 8 elements expected");
    io_assert_fails(unic__npz_read_row_f32(z, "empty", 0, x, 3), UNIC_E_ARG, "[0,3], row 0");
    io_assert_fails(unic__npz_read_row_f32(z, "rank0", 0, x, 1), UNIC_E_SHAPE,
                    "is a single number");
    io_assert_fails(unic__npz_read_text(z, "float32", &text), UNIC_E_NOTFOUND,
                    "no text \"float32\"");
    ck_assert(!strstr(unic_last_error(), "did you mean")); /* the array of that name */
    io_assert_fails(unic__npz_read_text(z, "float32.npy", &text), UNIC_E_FORMAT,
                    "is no text: it has a NUL byte");
    ck_assert(text == NULL);
    unic__npz_close(z);
    io_assert_fails(npz_open(&z, FIXTURES "absent.npz"), UNIC_E_NOTFOUND, "absent.npz");
    ck_assert(z == NULL);
}
END_TEST

static const char *const few[] = {FIXTURES "few_stored.npz",     FIXTURES "few_deflated.npz",
                                  FIXTURES "zip64_all.npz",      FIXTURES "piped_stored.npz",
                                  FIXTURES "piped_deflated.npz", FIXTURES "zip64_local.npz"};

START_TEST(reads_texts_beside_arrays)
{
    unic__npz *z = open_good(few[_i]);
    char *text;
    ck_assert_uint_eq(unic__npz_count(z), 3);
    ck_assert_str_eq(unic__npz_name(z, 0), "x");
    ck_assert_str_eq(unic__npz_name(z, 1), "notes.txt");
    ck_assert(unic__npz_has(z, "notes.txt"));
    io_assert_ok(unic__npz_read_text(z, "notes.txt", &text));
    ck_assert_str_eq(text, NOTES);
    unic__free(text);
    read_in_each_type(z, "x", UNIC__NPY_F32, 30);
    read_in_each_type(z, "y", UNIC__NPY_I32, 9);
    unic__npz_close(z);
}
END_TEST

START_TEST(reads_each_header_version)
{
    unic__npz *z = open_good(FIXTURES "versions.npz");
    read_in_each_type(z, "v1", UNIC__NPY_F32, 6);
    read_in_each_type(z, "v2", UNIC__NPY_F32, 6);
    read_in_each_type(z, "v3", UNIC__NPY_F32, 6);
    unic__npz_close(z);
}
END_TEST

START_TEST(refuses_other_types)
{
    static const struct {
        const char *name, *message;
    } refused[] = {{"object", "holds Python objects (|O)"},
                   {"structured", "has a structured type"},
                   {"date", "holds dates or times (<M8[s])"},
                   {"span", "holds dates or times (<m8[s])"},
                   {"complex", "has the type <c8"},
                   {"text", "holds texts (<U2)"},
                   {"bytes", "holds texts (|S1)"},
                   {"rank7", "has more than 6 dims"},
                   {"long", "has the type <f16"}};
    unic__npz *z = open_good(FIXTURES "refused.npz");
    ck_assert_uint_eq(unic__npz_count(z), sizeof refused / sizeof refused[0]);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        char start[128];
        snprintf(start, sizeof start, FIXTURES "refused.npz: member \"%s.npy\": %s",
                 refused[i].name, refused[i].message);
        unic__npy_info info;
        double x[8];
        io_assert_fails(unic__npz_info(z, refused[i].name, &info), UNIC_E_FORMAT, start);
        io_assert_fails(unic__npz_read_f64(z, refused[i].name, x, 2), UNIC_E_FORMAT, start);
    }
    unic__npz_close(z);
}
END_TEST

/* ---- members that are no arrays, or not the arrays they say ---- */

/* An archive of one array "x": `header` and then `bytes` bytes of zero. */
static unic__npz *open_made(const void *header, size_t header_size, size_t bytes)
{
    static const char zeros[256];
    const char *path = io_path("made.npz");
    unic__zip_writer *w;
    io_assert_ok(unic__zip_create(&w, UNIC__TO_FILE(path), false));
    io_assert_ok(unic__zip_add(w, "x.npy", "", header, header_size, zeros, bytes));
    io_assert_ok(unic__zip_finish(w));
    return open_good(path);
}

START_TEST(the_data_must_fill_the_member)
{
    unsigned char header[UNIC__NPY_HEADER_WRITTEN];
    const unic__shape shape = UNIC__SHAPE_OF(3, 4);
    size_t size = unic__npy_write_header(header, UNIC__NPY_F32, &shape);
    const size_t wrong[] = {0, 47, 49, 96};
    unic__npy_info info;
    float x[12];
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char message[96];
        snprintf(message, sizeof message,
                 "member \"x.npy\": has %zu bytes of data, but [3,4] of float32 is 48",
                 wrong[i]);
        unic__npz *z = open_made(header, size, wrong[i]);
        io_assert_fails(unic__npz_info(z, "x", &info), UNIC_E_FORMAT, message);
        io_assert_fails(unic__npz_read_f32(z, "x", x, 12), UNIC_E_FORMAT, message);
        io_assert_fails(unic__npz_read_row_f32(z, "x", 0, x, 4), UNIC_E_FORMAT, message);
        unic__npz_close(z);
    }
    unic__npz *z = open_made(header, 11, 0);
    io_assert_fails(unic__npz_info(z, "x", &info), UNIC_E_FORMAT,
                    "has 11 bytes, at least 12 expected");
    unic__npz_close(z);
    z = open_made(header, 40, 0);
    io_assert_fails(unic__npz_info(z, "x", &info), UNIC_E_FORMAT, "has 40 bytes, at least 128");
    unic__npz_close(z);
    z = open_made("no array at all", 15, 0);
    io_assert_fails(unic__npz_info(z, "x", &info), UNIC_E_FORMAT, "is no npy array");
    unic__npz_close(z);
}
END_TEST

/* A file of 2^30 + 2 elements that cannot be read in place; nearly all of it is a hole. */
START_TEST(rows_are_not_held_without_bound)
{
    unsigned char header[UNIC__NPY_HEADER_WRITTEN];
    const size_t dim = ((size_t)1 << 29) + 1;
    size_t header_size = unic__npy_write_header(header, UNIC__NPY_BOOL,
                                                &UNIC__SHAPE_OF(2, dim));
    char *order = strstr((char *)header + 10, "False");
    memcpy(order, "True ", 5);
    unic__npz_close(open_made(header, header_size, 0));
    size_t size;
    const char *path = io_path("made.npz");
    unsigned char *bytes = io_read(path, &size);
    const size_t end = 22, entry = 46 + 5; /* of x.npy, and nothing else */
    unsigned char *directory = bytes + size - end - entry;
    uint32_t member = (uint32_t)(header_size + 2 * dim);
    uint32_t at = (uint32_t)(directory - bytes + 2 * dim); /* a little-endian machine's */
    for (int i = 0; i < 2; i++) {
        memcpy(bytes + 18 + 4 * i, &member, 4);
        memcpy(directory + 20 + 4 * i, &member, 4);
    }
    memcpy(directory + entry + 16, &at, 4);
    FILE *file = fopen(path, "wb");
    ck_assert(file != NULL);
    ck_assert(fwrite(bytes, 1, (size_t)(directory - bytes), file) > 0);
    ck_assert(fseek(file, (long)at, SEEK_SET) == 0);
    ck_assert(fwrite(directory, 1, entry + end, file) == entry + end && fclose(file) == 0);
    free(bytes);
    unic__npz *z = open_good(path);
    float row;
    io_assert_fails(unic__npz_read_row_f32(z, "x", 0, &row, dim), UNIC_E_FORMAT,
                    "has 1073741826 elements, at most 1073741824 can be held");
    unic__npz_close(z);
    remove(path);
}
END_TEST

START_TEST(rows_are_checked_before_the_first_is_given)
{
    size_t size;
    unsigned char *bytes = io_read(FIXTURES "few_stored.npz", &size);
    const float last = fixture_value(UNIC__NPY_F32, 29);
    for (size_t at = 0;; at++) { /* the last element of x, the first float of that value */
        ck_assert_uint_lt(at + 200, size);
        if (memcmp(bytes + at, &last, 4) == 0 && at >= 30 + 5 + 128 + 29 * 4) {
            bytes[at] ^= 1;
            break;
        }
    }
    const char *path = io_path("flipped.npz");
    io_write(path, bytes, size);
    free(bytes);
    unic__npz *z = open_good(path);
    float row[5];
    for (int i = 0; i < 2; i++)
        io_assert_fails(unic__npz_read_row_f32(z, "x", 0, row, 5), UNIC_E_FORMAT,
                        "flipped.npz: member \"x.npy\": is damaged: its CRC is");
    unic__npz_close(z);
}
END_TEST

/* ---- writing ---- */

static unic_status write_some(const char *path)
{
    static const float f32[6] = {0, -1.5F, 2, 3e38F, 1e-45F, -0.0F};
    static const double f64[2] = {1e300, 0.1};
    static const int32_t i32[3] = {INT32_MIN, 0, INT32_MAX};
    static const int64_t i64[1] = {INT64_MIN};
    unic__npz_writer *w;
    unic_status status;
    UNIC__TRY(unic__npz_create(&w, UNIC__TO_FILE(path)));
    UNIC__TRY_OR(status, out, unic__npz_add_text(w, "config", "text \xC3\xA9\n"));
    UNIC__TRY_OR(status, out, unic__npz_add_f32(w, "deep/f32", &UNIC__SHAPE_OF(2, 3), f32));
    UNIC__TRY_OR(status, out, unic__npz_add_f64(w, "f64", &UNIC__SHAPE_OF(2), f64));
    UNIC__TRY_OR(status, out, unic__npz_add_i32(w, "i32", &UNIC__SHAPE_OF(1, 3, 1), i32));
    UNIC__TRY_OR(status, out, unic__npz_add_i64(w, "i64", &UNIC__SCALAR, i64));
    UNIC__TRY_OR(status, out, unic__npz_add_f32(w, "none", &UNIC__SHAPE_OF(0, 4), f32));
    return unic__npz_finish(w);
out:
    unic__npz_abandon(w);
    return status;
}

START_TEST(reads_what_it_writes)
{
    const char *path = io_path("written.npz"); /* test_npz.py reads it too */
    io_assert_ok(write_some(path));
    unic__npz *z = open_good(path);
    float f32[6];
    double f64[2];
    int32_t i32[3];
    int64_t i64[1];
    char *text;
    unic__npy_info info;
    ck_assert_uint_eq(unic__npz_count(z), 6);
    ck_assert_str_eq(unic__npz_name(z, 1), "deep/f32");
    io_assert_ok(unic__npz_read_f32(z, "deep/f32", f32, 6));
    ck_assert(f32[3] == 3e38F && f32[4] == 1e-45F && 1 / f32[5] < 0);
    io_assert_ok(unic__npz_read_f64(z, "f64", f64, 2));
    ck_assert(f64[0] == 1e300 && f64[1] == 0.1);
    io_assert_ok(unic__npz_read_i32(z, "i32", i32, 3));
    ck_assert(i32[0] == INT32_MIN && i32[2] == INT32_MAX);
    io_assert_ok(unic__npz_read_i64(z, "i64", i64, 1));
    ck_assert(i64[0] == INT64_MIN);
    io_assert_ok(unic__npz_read_f32(z, "none", f32, 0));
    io_assert_ok(unic__npz_info(z, "i32", &info));
    ck_assert(unic__shape_equal(&info.shape, &UNIC__SHAPE_OF(1, 3, 1)));
    ck_assert_uint_eq(info.header_size % 64, 0);
    io_assert_ok(unic__npz_read_text(z, "config", &text));
    ck_assert_str_eq(text, "text \xC3\xA9\n");
    unic__free(text);
    unic__npz_close(z);
}
END_TEST

START_TEST(failed_writing_leaves_the_old_file)
{
    const char *path = io_path("kept.npz");
    unic__npz_writer *w;
    float x = 1;
    io_assert_ok(write_some(path));
    size_t before, after;
    unsigned char *old = io_read(path, &before);
    io_assert_ok(unic__npz_create(&w, UNIC__TO_FILE(path)));
    io_assert_fails(unic__npz_add_f32(w, "/x", &UNIC__SCALAR, &x), UNIC_E_ARG,
                    "kept.npz: a member's name \"/x.npy\" is absolute");
    io_assert_fails(unic__npz_finish(w), UNIC_E_ARG, "a member could not be added");
    io_assert_ok(unic__npz_create(&w, UNIC__TO_FILE(path)));
    io_assert_ok(unic__npz_add_f32(w, "x", &UNIC__SCALAR, &x));
    unic__npz_abandon(w);
    unic__npz_abandon(NULL);
    unsigned char *kept = io_read(path, &after);
    ck_assert_uint_eq(after, before);
    ck_assert_mem_eq(kept, old, before);
    free(kept);
    free(old);
    ck_assert(!io_has_leftovers(path));
    io_assert_fails(unic__npz_create(&w, UNIC__TO_FILE(io_path(""))), UNIC_E_IO,
                    "is a directory");
    ck_assert(w == NULL);
    io_assert_fails(unic__npz_create(&w, UNIC__TO_FILE(io_path("absent/x.npz"))),
                    UNIC_E_NOTFOUND, "absent");
}
END_TEST

/* ---- out of memory ---- */

static unic_status read_all(const char *path)
{
    unic__npz *z;
    UNIC__TRY(npz_open(&z, path));
    unic_status status = UNIC_OK;
    for (size_t i = 0; i < unic__npz_count(z) && status == UNIC_OK; i++) {
        const char *name = unic__npz_name(z, i);
        unic__npy_info info;
        double x[128];
        float row[128];
        if (strcmp(name, "notes.txt") == 0) {
            char *text;
            UNIC__TRY_OR(status, out, unic__npz_read_text(z, name, &text));
            unic__free(text);
            continue;
        }
        UNIC__TRY_OR(status, out, unic__npz_info(z, name, &info));
        size_t count = unic__shape_count(&info.shape);
        UNIC__TRY_OR(status, out, unic__npz_read_f64(z, name, x, count));
        if (info.shape.rank && count)
            status = unic__npz_read_row_f32(z, name, 0, row, count / info.shape.dim[0]);
    }
out:
    unic__npz_close(z);
    return status;
}

START_TEST(out_of_memory)
{
    io_fail_each_allocation(read_all, all_types[0]);
    io_fail_each_allocation(read_all, all_types[1]);
    io_fail_each_allocation(read_all, few[1]);
    const char *path = io_path("memory.npz");
    remove(path);
    io_fail_each_allocation(write_some, path);
    ck_assert(!io_has_leftovers(path));
    io_assert_ok(read_all(FIXTURES "few_stored.npz"));
}
END_TEST

/* ---- damaged files ---- */

/* Reads everything there is. Each array and text that is given out must be the right one: what
 * was damaged must be refused. Returns how many were given out. */
static int read_damaged(const char *path)
{
    unic__npz *z;
    int read = 0;
    if (npz_open(&z, path) != UNIC_OK)
        return 0;
    for (size_t m = 0; m < unic__npz_count(z); m++) {
        const char *name = unic__npz_name(z, m);
        unic__npy_info info;
        char *text;
        float x[128];
        if (unic__npz_read_text(z, name, &text) == UNIC_OK) {
            ck_assert_str_eq(text, NOTES);
            unic__free(text);
            read++;
        }
        if (unic__npz_info(z, name, &info) != UNIC_OK || !info.shape.rank)
            continue;
        size_t count = unic__shape_count(&info.shape), rows = info.shape.dim[0];
        for (size_t r = 0; r < 2 && r < rows; r++)
            if (count / rows <= 128 &&
                unic__npz_read_row_f32(z, name, r, x, count / rows) == UNIC_OK)
                ck_assert(x[0] == fixture_value(info.type, r * (count / rows)));
        if (count <= 128 && unic__npz_read_f32(z, name, x, count) == UNIC_OK) {
            for (size_t i = 0; i < count; i++)
                ck_assert(x[i] == fixture_value(info.type, i));
            read++;
        }
    }
    unic__npz_close(z);
    return read;
}

START_TEST(survives_damage)
{
    enum { ROUNDS = 700 };
    size_t size;
    unsigned char *good = io_read(few[_i], &size), *bytes = malloc(size);
    const char *path = io_path("damaged.npz");
    unic__key key = unic__random_key(7, 0, (uint64_t)_i);
    int intact = 0, whole = read_damaged(few[_i]);
    ck_assert_int_eq(whole, 3);
    for (uint64_t round = 0; round < ROUNDS; round++) {
        memcpy(bytes, good, size);
        size_t changes = 1 + unic__random_below(key, round * 16, 4);
        for (size_t i = 0; i < changes; i++) {
            uint64_t draw = unic__random_bits(key, round * 16 + i + 1);
            static const unsigned char extremes[4] = {0x00, 0xFF, 0x7F, 0x80};
            unsigned char *at = &bytes[draw % size];
            unsigned kind = draw >> 32 & 15, bit = draw >> 40 & 7;
            *at = kind < 4 ? extremes[kind] : *at ^ 1U << bit;
        }
        io_write(path, bytes, size);
        intact += read_damaged(path) == whole;
    }
    ck_assert_msg(intact < ROUNDS / 4, "%d of %d changed files were read whole", intact,
                  ROUNDS);
    free(bytes);
    free(good);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("npz");
    TCase *tests = tcase_create("npz");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, reads_every_type_of_array, 0, 2);
    tcase_add_loop_test(tests, reads_rows, 0, 2);
    tcase_add_loop_test(tests, refuses_wrong_requests, 0, 2);
    tcase_add_loop_test(tests, reads_texts_beside_arrays, 0, sizeof few / sizeof few[0]);
    tcase_add_test(tests, reads_each_header_version);
    tcase_add_test(tests, refuses_other_types);
    tcase_add_test(tests, the_data_must_fill_the_member);
    tcase_add_test(tests, rows_are_not_held_without_bound);
    tcase_add_test(tests, rows_are_checked_before_the_first_is_given);
    tcase_add_test(tests, reads_what_it_writes);
    tcase_add_test(tests, failed_writing_leaves_the_old_file);
    tcase_add_test(tests, out_of_memory);
    tcase_add_loop_test(tests, survives_damage, 0, sizeof few / sizeof few[0]);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
