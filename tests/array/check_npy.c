/* lib/array/npy: headers, good and bad, and the conversion of elements. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "array/npy.h"
#include "file/io_help.h"

/* A header of version 1 or 2 around `dict`; returns its size. */
static size_t header_of(unsigned char *header, const char *dict, int version)
{
    size_t text = strlen(dict), prefix = version > 1 ? 12 : 10;
    memcpy(header, "\x93NUMPY", 6);
    header[6] = (unsigned char)version;
    header[7] = 0;
    memset(header + 8, 0, 4);
    header[8] = (unsigned char)(text & 0xFF);
    header[9] = (unsigned char)(text >> 8);
    memcpy(header + prefix, dict, text);
    return prefix + text;
}

static unic_status parse(unic__npy_info *info, const char *dict, int version)
{
    unsigned char header[1024];
    size_t size = header_of(header, dict, version), said;
    UNIC__TRY(unic__npy_header_size(header, &said));
    ck_assert_uint_eq(said, size);
    return unic__npy_parse(info, header, size);
}

#define DICT(descr, order, shape)                                                              \
    "{'descr': " descr ", 'fortran_order': " order ", 'shape': " shape ", }\n"

static const struct {
    const char *dict, *shape;
    unic__npy_type type;
    bool big_endian, fortran;
} good[] = {
    {DICT("'<f4'", "False", "(3, 4)"), "[3,4]", UNIC__NPY_F32, false, false},
    {DICT("'>f2'", "True", "(3,)"), "[3]", UNIC__NPY_F16, true, true},
    {DICT("'<f8'", "False", "()"), "[]", UNIC__NPY_F64, false, false},
    {DICT("'|b1'", "False", "(1, 2, 3, 4, 5, 6)"), "[1,2,3,4,5,6]", UNIC__NPY_BOOL, false,
     false},
    {DICT("'|u1'", "False", "(0, 5)"), "[0,5]", UNIC__NPY_U8, false, false},
    {DICT("'<u2'", "False", "(2L, 3L)"), "[2,3]", UNIC__NPY_U16, false, false},
    {DICT("'>i8'", "False", "(2, 3,)"), "[2,3]", UNIC__NPY_I64, true, false},
    {DICT("\"<i4\"", "False", "( 2 ,3 )"), "[2,3]", UNIC__NPY_I32, false, false},
    {DICT("'=f4'", "False", "(3, 4)"), "[3,4]", UNIC__NPY_F32, false, false},
    {DICT("'f4'", "False", "(3, 4)"), "[3,4]", UNIC__NPY_F32, false, false},
    {DICT("'|f4'", "False", "(3, 4)"), "[3,4]", UNIC__NPY_F32, false, false},
    {DICT("'float32'", "False", "(3, 4)"), "[3,4]", UNIC__NPY_F32, false, false},
    {DICT("'<f'", "False", "(3, 4)"), "[3,4]", UNIC__NPY_F32, false, false},
    {DICT("'>d'", "False", "(3, 4)"), "[3,4]", UNIC__NPY_F64, true, false},
    {DICT("'half'", "False", "(3, 4)"), "[3,4]", UNIC__NPY_F16, false, false},
    {DICT("'<b1'", "False", "(3, 4)"), "[3,4]", UNIC__NPY_BOOL, false, false},
    {DICT("'?'", "False", "(3, 4)"), "[3,4]", UNIC__NPY_BOOL, false, false},
    {DICT("'=b'", "False", "(3, 4)"), "[3,4]", UNIC__NPY_I8, false, false},
    {DICT("'>u1'", "False", "(3, 4)"), "[3,4]", UNIC__NPY_U8, false, false},
    {DICT("u'<i8'", "False", "(3L,)"), "[3]", UNIC__NPY_I64, false, false},
    {DICT("'ulonglong'", "False", "(0x1f, 1_0)"), "[31,10]", UNIC__NPY_U64, false, false},
    {"{u'descr': u'<f4', u'fortran_order': False, u'shape': (2L, 3L)}\r\n", "[2,3]",
     UNIC__NPY_F32, false, false},
    {"{\"descr\":\"<f4\",\r\n\"fortran_order\":True,\t\"shape\":(2,3)}", "[2,3]", UNIC__NPY_F32,
     false, true},
    {"{ 'shape' : (7,),'fortran_order':True,'descr':'<u8'}  \n", "[7]", UNIC__NPY_U64, false,
     true},
};

START_TEST(parses_good_headers)
{
    for (int version = 1; version <= 3; version++) {
        unic__npy_info info;
        char shape[UNIC__SHAPE_TEXT];
        io_assert_ok(parse(&info, good[_i].dict, version));
        ck_assert_int_eq(info.type, good[_i].type);
        ck_assert_uint_eq(info.item_size, unic__npy_type_size(info.type));
        ck_assert_int_eq(info.big_endian, good[_i].big_endian);
        ck_assert_int_eq(info.fortran, good[_i].fortran);
        ck_assert_str_eq(unic__shape_print(&info.shape, shape), good[_i].shape);
        ck_assert_uint_eq(info.header_size, strlen(good[_i].dict) + (version > 1 ? 12 : 10));
    }
}
END_TEST

static const struct {
    const char *dict, *message;
} bad[] = {
    {DICT("'|O'", "False", "(3,)"), "holds Python objects (|O), which are never loaded"},
    {DICT("'|V2'", "False", "(3,)"), "has the type |V2, which is how numpy writes bfloat16"},
    {DICT("'|V4'", "False", "(3,)"), "has the type |V4; float 2, 4, 8, integers and bool are"},
    {DICT("[('a', '<f4')]", "False", "(3,)"), "has a structured type"},
    {DICT("'<M8[s]'", "False", "(3,)"), "holds dates or times (<M8[s])"},
    {DICT("'<m8'", "False", "(3,)"), "holds dates or times"},
    {DICT("'<c8'", "False", "(3,)"), "has the type <c8"},
    {DICT("'<U5'", "False", "(3,)"), "holds texts (<U5)"},
    {DICT("'|S5'", "False", "(3,)"), "holds texts (|S5)"},
    {DICT("'|V8'", "False", "(3,)"), "has the type |V8"},
    {DICT("'<f16'", "False", "(3,)"), "has the type <f16"},
    {DICT("'<f3'", "False", "(3,)"), "has the type <f3"},
    {DICT("'<b2'", "False", "(3,)"), "has the type <b2"},
    {DICT("''", "False", "(3,)"), "no readable 'descr'"},
    {DICT("f4", "False", "(3,)"), "no readable 'descr'"},
    {DICT("'a type of many letters, more than any of numpy has'", "False", "(3,)"),
     "no readable 'descr'"},
    {DICT("'<float32'", "False", "(3,)"), "has the type <float32"},
    {DICT("'Float32'", "False", "(3,)"), "has the type Float32"},
    {DICT("'f4 '", "False", "(3,)"), "has the type f4 "},
    {DICT("'<'", "False", "(3,)"), "has the type <; float"},
    {DICT("'4f4'", "False", "(3,)"), "has the type 4f4"},
    {DICT("b'<f4'", "False", "(3,)"), "no readable 'descr'"},
    {DICT("[('a', '<f4')", "False", "(3,)"), "no readable 'descr'"},
    {DICT("[('a\\n', '<f4')]", "False", "(3,)"), "no readable 'descr'"},
    {DICT("('<f4', (2,))", "False", "(3,)"), "has a structured type"},
    {DICT("'<f4'", "False", "(0x,)"), "no readable 'shape'"},
    {DICT("'<f4'", "False", "(_3,)"), "no readable 'shape'"},
    {DICT("'<f4'", "false", "(3,)"), "no readable 'fortran_order'"},
    {DICT("'<f4'", "False", "(0x10000000000000000,)"), "a dim beyond the address space"},
    {DICT("'\\x3cf4'", "False", "(3,)"), "no readable 'descr'"},
    {DICT("'<f4", "False", "(3,)"), "has the type <f4, "},
    {DICT("'<f4'", "0", "(3,)"), "no readable 'fortran_order'"},
    {DICT("'<f4'", "False", "(3)"), "no readable 'shape'"},
    {DICT("'<f4'", "False", "[3]"), "no readable 'shape'"},
    {DICT("'<f4'", "False", "3"), "no readable 'shape'"},
    {DICT("'<f4'", "False", "(3 4)"), "no readable 'shape'"},
    {DICT("'<f4'", "False", "(,)"), "no readable 'shape'"},
    {DICT("'<f4'", "False", "(3,,4)"), "no readable 'shape'"},
    {DICT("'<f4'", "False", "(3.5,)"), "no readable 'shape'"},
    {DICT("'<f4'", "False", "(-1,)"), "has a negative dim"},
    {DICT("'<f4'", "False", "(3, -4)"), "has a negative dim"},
    {DICT("'<f4'", "False", "(99999999999999999999,)"), "a dim beyond the address space"},
    {DICT("'<f4'", "False", "(18446744073709551616,)"), "a dim beyond the address space"},
    {DICT("'<f4'", "False", "(4294967296, 4294967296)"), "[4294967296,4294967296], beyond"},
    {DICT("'<f8'", "False", "(1152921504606846976,)"), "beyond the address space"},
    {DICT("'|b1'", "False", "(9223372036854775808,)"), "beyond the address space"},
    {DICT("'<f4'", "False", "(0, 4294967296, 4294967296)"), "beyond the address space"},
    {DICT("'<f4'", "False", "(1, 1, 1, 1, 1, 1, 1)"), "has more than 6 dims"},
    {"{'descr': '<f4', 'fortran_order': False, }", "no dict of 'descr'"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,)", "is no dict"},
    {"{'descr': '<f4' 'fortran_order': False, 'shape': (3,)}", "is no dict"},
    {"{'descr' '<f4', 'fortran_order': False, 'shape': (3,)}", "is no dict"},
    {"{'descr': '<f4', 'descr': '<f8'}", "has the key 'descr' twice"},
    {"{'descr': '<f4', 'color': 1}", "has the key 'color' that is not known"},
    {"{'descr': '<f4', 'a name of many letters': 1}", "is no dict"},
    {DICT("'<f4'", "False", "(3,)") "x", "no dict of 'descr'"},
    {"          ", "no dict of 'descr'"},
    {"{}   ", "no dict of 'descr'"},
    {"{,}  ", "is no dict"},
};

START_TEST(refuses_bad_headers)
{
    unic__npy_info info;
    io_assert_fails(parse(&info, bad[_i].dict, 1), UNIC_E_FORMAT, bad[_i].message);
}
END_TEST

/* A header that is right but for a type that is no number: its shape is known nevertheless. */
START_TEST(tells_foreign_types_from_broken_headers)
{
    static const char *const foreign[] = {
        "'|O'",         "'O'",
        "'|O8'",        "'object'",
        "'<U3'",        "'|S12'",
        "'S'",          "'a5'",
        "'<M8[D]'",     "'<m8[25us]'",
        "'M8'",         "'c8'",
        "'>c16'",       "'<f16'",
        "'g'",          "'|V8'",
        "'complex'",    "'datetime64[ns]'",
        "'longdouble'", "[('a', '<f4'), ('b]', '<i4', (2, 3))]",
        "('<f4', (2,))"};
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        char dict[256], shape[UNIC__SHAPE_TEXT];
        unic__npy_info info;
        snprintf(dict, sizeof dict, "{'shape': (4, 2), 'descr': %s, 'fortran_order': True}",
                 foreign[i]);
        ck_assert_int_eq(parse(&info, dict, 1), UNIC_E_FORMAT);
        ck_assert_msg(info.foreign, "%s: %s", foreign[i], unic_last_error());
        ck_assert_str_eq(unic__shape_print(&info.shape, shape), "[4,2]");
        dict[strlen(dict) - 1] = '\0';
        ck_assert_int_eq(parse(&info, dict, 1), UNIC_E_FORMAT);
        ck_assert(strstr(unic_last_error(), "is no dict") != NULL && !info.foreign);
    }
}
END_TEST

/* Wherever it is cut: no header, and never read beyond its end (AddressSanitizer sees it). */
START_TEST(refuses_truncated_headers)
{
    for (size_t n = strlen(good[_i].dict); n-- > 0;) {
        unsigned char *header = unic__alloc(10 + n), whole[1024];
        unic__npy_info info;
        header_of(whole, good[_i].dict, 1);
        memcpy(header, whole, 10 + n);
        unic_status status = unic__npy_parse(&info, header, 10 + n);
        bool complete = n && strspn(good[_i].dict + n, " \r\n") == strlen(good[_i].dict + n);
        ck_assert_int_eq(status, complete ? UNIC_OK : UNIC_E_FORMAT);
        unic__free(header);
    }
}
END_TEST

START_TEST(refuses_bad_prefixes)
{
    static const struct {
        unsigned char prefix[UNIC__NPY_PREFIX];
        const char *message;
    } prefixes[] = {
        {"\x92NUMPY\1\0\x76\0", "does not start with \\x93NUMPY"},
        {"\x93NUMPY\0\0\x76\0", "is npy version 0.0"},
        {"\x93NUMPY\4\0\x76\0", "is npy version 4.0, 1.0 to 3.0 expected"},
        {"\x93NUMPY\1\1\x76\0", "is npy version 1.1"},
        {"\x93NUMPY\1\0\1\0", "has an npy header of 11 bytes"},
        {"\x93NUMPY\2\0\0\0\1\0", "has an npy header of 65548 bytes, 12 to 65536 expected"},
        {"\x93NUMPY\2\0\xFF\xFF\xFF\xFF", "has an npy header of 4294967307 bytes"},
    };
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        size_t size;
        io_assert_fails(unic__npy_header_size(prefixes[i].prefix, &size), UNIC_E_FORMAT,
                        prefixes[i].message);
    }
}
END_TEST

START_TEST(reads_the_headers_it_writes)
{
    const size_t large = SIZE_MAX / 16;
    const unic__shape shapes[] = {UNIC__SCALAR,
                                  UNIC__SHAPE_OF(0),
                                  UNIC__SHAPE_OF(7),
                                  UNIC__SHAPE_OF(3, 4),
                                  UNIC__SHAPE_OF(large, 1),
                                  UNIC__SHAPE_OF(1, 2, 3, 4, 5, 6),
                                  UNIC__SHAPE_OF(10, 0, 12),
                                  UNIC__SHAPE_OF(large, 1, 1, 1, 1, 1)};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        for (int type = UNIC__NPY_F16; type <= UNIC__NPY_BOOL; type++) {
            unsigned char header[UNIC__NPY_HEADER_WRITTEN];
            unic__npy_info info;
            size_t said,
                size = unic__npy_write_header(header, (unic__npy_type)type, &shapes[i]);
            ck_assert_uint_eq(size % 64, 0);
            ck_assert_int_eq(header[size - 1], '\n');
            io_assert_ok(unic__npy_header_size(header, &said));
            ck_assert_uint_eq(said, size);
            io_assert_ok(unic__npy_parse(&info, header, size));
            ck_assert(unic__npy_is_native(&info, (unic__npy_type)type) && !info.fortran);
            ck_assert(unic__shape_equal(&info.shape, &shapes[i]));
        }
}
END_TEST

/* ---- elements ---- */

static unic__npy_info type_info(unic__npy_type type)
{
    unic__npy_info info = {.type = type, .item_size = unic__npy_type_size(type)};
    const uint16_t one = 1;
    unsigned char first;
    memcpy(&first, &one, 1);
    info.big_endian = first == 0;
    return info;
}

/* All 65536, against the definition; both as f2 of this machine and of the other byte order. */
START_TEST(converts_every_half)
{
    enum { COUNT = 1 << 16 };
    uint16_t *half = unic__alloc(COUNT * sizeof *half);
    float *out = unic__alloc(COUNT * sizeof *out);
    double *wide = unic__alloc(COUNT * sizeof *wide);
    unic__npy_info info = type_info(UNIC__NPY_F16);
    for (int i = 0; i < COUNT; i++)
        half[i] = (uint16_t)i;
    unic__npy_to_f64(wide, half, &info, COUNT);
    info.big_endian = !info.big_endian;
    for (int i = 0; i < COUNT; i++)
        half[i] = (uint16_t)(i >> 8 | (i & 0xFF) << 8);
    unic__npy_to_f32(out, half, &info, COUNT);
    for (int i = 0; i < COUNT; i++) {
        int exponent = i >> 10 & 31, mantissa = i & 1023;
        double size = exponent == 31 ? (mantissa ? NAN : INFINITY)
                      : exponent     ? ldexp(1024 + mantissa, exponent - 25)
                                     : ldexp(mantissa, -24);
        if (isnan(size))
            ck_assert(isnan(out[i]) && isnan(wide[i]));
        else
            ck_assert_msg(fabs(out[i]) == size && fabs(wide[i]) == size &&
                              !signbit(out[i]) == !(i >> 15) && !signbit(wide[i]) == !(i >> 15),
                          "half %#x is %g, not %g", i, out[i], size);
    }
    unic__free(half);
    unic__free(out);
    unic__free(wide);
}
END_TEST

START_TEST(integers_must_fit)
{
    unic__npy_info f32 = type_info(UNIC__NPY_F32), f64 = type_info(UNIC__NPY_F64),
                   i64 = type_info(UNIC__NPY_I64), u64 = type_info(UNIC__NPY_U64),
                   f16 = type_info(UNIC__NPY_F16);
    int32_t narrow[300];
    int64_t wide[300];
    float floats[3] = {1, -2, 2.5F};
    io_assert_ok(unic__npy_to_i32(narrow, floats, &f32, 2, 0));
    ck_assert(narrow[0] == 1 && narrow[1] == -2);
    io_assert_fails(unic__npy_to_i32(narrow, floats, &f32, 3, 10), UNIC_E_VALUE,
                    "element 12 is 2.5, a whole number expected");
    floats[2] = NAN;
    io_assert_fails(unic__npy_to_i64(wide, floats, &f32, 3, 0), UNIC_E_VALUE, "is nan");
    double doubles[3] = {-0x1p63, 0x1p62, 0x1p63};
    io_assert_ok(unic__npy_to_i64(wide, doubles, &f64, 2, 0));
    ck_assert(wide[0] == INT64_MIN && wide[1] == INT64_C(1) << 62);
    io_assert_fails(unic__npy_to_i64(wide, doubles, &f64, 3, 0), UNIC_E_VALUE, "element 2");
    uint16_t infinite = 0x7C00;
    io_assert_fails(unic__npy_to_i64(wide, &infinite, &f16, 1, 0), UNIC_E_VALUE, "is inf");
    int64_t integers[300] = {[256] = INT32_MAX, [257] = INT32_MIN, [299] = INT64_C(1) << 31};
    io_assert_ok(unic__npy_to_i32(narrow, integers, &i64, 299, 0));
    ck_assert(narrow[256] == INT32_MAX && narrow[257] == INT32_MIN);
    io_assert_fails(unic__npy_to_i32(narrow, integers, &i64, 300, 5), UNIC_E_VALUE,
                    "element 304 is 2147483648, beyond int32");
    uint64_t naturals[2] = {INT64_MAX, (uint64_t)INT64_MAX + 1};
    io_assert_ok(unic__npy_to_i64(wide, naturals, &u64, 1, 0));
    ck_assert(wide[0] == INT64_MAX);
    io_assert_fails(unic__npy_to_i64(wide, naturals, &u64, 2, 0), UNIC_E_VALUE,
                    "element 1 is 9223372036854775808, beyond int64");
}
END_TEST

/* In an array of several dims by all of them, in the array's order and not the file's. */
START_TEST(elements_are_named_by_their_place)
{
    unic__npy_info info = type_info(UNIC__NPY_F32);
    int32_t out[24];
    info.shape = UNIC__SHAPE_OF(2, 3, 4);
    for (int fortran = 0; fortran < 2; fortran++) {
        float x[24] = {0};
        info.fortran = fortran;
        x[fortran ? 1 + 2 * 1 + 6 * 3 : 12 + 4 + 3] = 0.5F;
        io_assert_fails(unic__npy_to_i32(out, x, &info, 24, 0), UNIC_E_VALUE,
                        "element [1,1,3] is 0.5, a whole number expected");
        io_assert_fails(unic__npy_to_i32(out, x + 10, &info, 14, 10), UNIC_E_VALUE,
                        "element [1,1,3] is 0.5");
    }
    int64_t large[2] = {0, INT64_C(1) << 40};
    info = type_info(UNIC__NPY_I64);
    info.shape = UNIC__SHAPE_OF(1, 2);
    io_assert_fails(unic__npy_to_i32(out, large, &info, 2, 0), UNIC_E_VALUE,
                    "element [0,1] is 1099511627776, beyond int32");
}
END_TEST

START_TEST(transposes)
{
    const unic__shape shape = UNIC__SHAPE_OF(2, 3, 4);
    float fortran[24], out[24];
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 3; j++)
            for (int k = 0; k < 4; k++)
                fortran[i + 2 * (j + 3 * k)] = (float)(100 * i + 10 * j + k);
    unic__npy_transpose(out, fortran, &shape, sizeof *out);
    for (int i = 0; i < 24; i++)
        ck_assert(out[i] == 100 * (i / 12) + 10 * (i / 4 % 3) + i % 4);
    const unic__shape empty = UNIC__SHAPE_OF(2, 0, 4);
    unic__npy_transpose(out, fortran, &empty, sizeof *out);
    ck_assert(out[23] == 123);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("npy");
    TCase *tests = tcase_create("npy");
    tcase_add_loop_test(tests, parses_good_headers, 0, sizeof good / sizeof good[0]);
    tcase_add_loop_test(tests, refuses_bad_headers, 0, sizeof bad / sizeof bad[0]);
    tcase_add_test(tests, tells_foreign_types_from_broken_headers);
    tcase_add_loop_test(tests, refuses_truncated_headers, 0, sizeof good / sizeof good[0]);
    tcase_add_test(tests, refuses_bad_prefixes);
    tcase_add_test(tests, reads_the_headers_it_writes);
    tcase_add_test(tests, converts_every_half);
    tcase_add_test(tests, integers_must_fit);
    tcase_add_test(tests, elements_are_named_by_their_place);
    tcase_add_test(tests, transposes);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
