/* lib/array/safetensors: what is read, and every way in which a file can be damaged. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array/safetensors.h"
#include "file/io_help.h"
#include "model/small_model.h"

/* A file of this header and so many bytes of elements, 0, 1, 2 ... */
static const char *written(const char *header, size_t bytes)
{
    const char *path = io_path("test.safetensors");
    const size_t size = strlen(header);
    unsigned char *file = calloc(8 + size + bytes, 1);
    ck_assert_ptr_nonnull(file);
    for (size_t i = 0; i < 8; i++)
        file[i] = (unsigned char)((uint64_t)size >> 8 * i);
    memcpy(file + 8, header, size);
    for (size_t i = 0; i < bytes; i++)
        file[8 + size + i] = (unsigned char)i;
    io_write(path, file, 8 + size + bytes);
    free(file);
    return path;
}

static unic_status opened(unic__weight_file **f, const char *path)
{
    unic__source *source;
    *f = NULL;
    io_assert_ok(unic__source_open_file(&source, path));
    const unic_status status = unic__safetensors_open(f, source);
    unic__source_release(source);
    return status;
}

START_TEST(each_type_and_shape)
{
    unic__weight_file *f;
    float x[4];
    char text[UNIC__WEIGHT_LIST];
    static const char header[] =
        " {\"__metadata__\" : {\"format\":\"pt\", \"k\\\"\\u00e9\\ud83d\\ude00\\n\":\"\"},\n"
        "\"b\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[8,12]},"
        "\"a\":{\"data_offsets\":[0,8],\"shape\":[1,2],\"dtype\":\"F32\"},"
        "\"none\":{\"dtype\":\"F64\",\"shape\":[3,0],\"data_offsets\":[12,12]},"
        "\"one\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[12,20]},"
        "\"d\\u00e9\":{\"dtype\":\"BF16\",\"shape\":[2,1],\"data_offsets\":[20,24]},"
        "\"i\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[24,32]},"
        "\"new\":{\"dtype\":\"F4_OF_THE_FUTURE\",\"shape\":[3],\"data_offsets\":[32,34]},"
        "\"deep\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1],\"data_offsets\":[34,38]}}   ";
    io_assert_ok(opened(&f, written(header, 38)));
    ck_assert_uint_eq(f->count, 8);
    io_assert_ok(unic__weight_file_read(f, unic__weight_file_find(f, "a"), x));
    uint32_t bits[2] = {0x03020100, 0x07060504};
    ck_assert_mem_eq(x, bits, sizeof bits);
    io_assert_ok(unic__weight_file_read(f, unic__weight_file_find(f, "b"), x));
    ck_assert_float_eq(x[0], unic__from_f16(0x0908));
    ck_assert_float_eq(x[1], unic__from_f16(0x0b0a));
    io_assert_ok(unic__weight_file_read(f, unic__weight_file_find(f, "d\xC3\xA9"), x));
    ck_assert_float_eq(x[1], unic__from_bf16(0x1716));
    io_assert_ok(unic__weight_file_read(f, unic__weight_file_find(f, "one"), x));
    io_assert_ok(unic__weight_file_read(f, unic__weight_file_find(f, "none"), x));
    ck_assert_uint_eq(unic__weight_file_find(f, "one")->shape.rank, 0);
    io_assert_fails(unic__weight_file_read(f, unic__weight_file_find(f, "i"), x), UNIC_E_FORMAT,
                    "test.safetensors: i is of I64; F32, F16, BF16 and F64 are read");
    io_assert_fails(unic__weight_file_read(f, unic__weight_file_find(f, "new"), x),
                    UNIC_E_FORMAT, "new is of F4_OF_THE_FUTUR; F32");
    io_assert_fails(unic__weight_file_read(f, unic__weight_file_find(f, "deep"), x),
                    UNIC_E_FORMAT, "deep has 7 dims, at most 6 are read");
    ck_assert_ptr_null(unic__weight_file_find(f, "c"));
    ck_assert_str_eq(unic__weight_file_list(f, text),
                     "8 tensors: a [1,2], b [2], deep , d\xC3\xA9 [2,1] and 4 more");
    unic__weight_file_close(f);
    io_assert_ok(opened(&f, written("{}", 0)));
    ck_assert_str_eq(unic__weight_file_list(f, text), "0 tensors");
    unic__weight_file_close(f);
}
END_TEST

START_TEST(elements_that_are_not_finite)
{
    unic__weight_file *f;
    float x[64];
    io_assert_ok(opened(
        &f,
        written("{\"x\":{\"dtype\":\"F32\",\"shape\":[64],\"data_offsets\":[0,256]}}", 256)));
    io_assert_fails(unic__weight_file_read(f, &f->at[0], x), UNIC_E_FORMAT,
                    "test.safetensors: x holds NaN, Inf or numbers beyond float32");
    unic__weight_file_close(f);
}
END_TEST

#define T(name, dtype, shape, offsets)                                                         \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static const struct {
    const char *header;
    size_t bytes;
    const char *says;
} damaged[] = {
    {"", 0, "header, byte 0: \"{\" expected"},
    {"[]", 0, "header, byte 0: \"{\" expected"},
    {"{", 0, "header, byte 1: a text in quotes expected"},
    {"{\"a", 0, "header, byte 3: the end of a text expected"},
    {"{\"a\"", 0, "byte 4: \":\" expected"},
    {"{\"a\":", 0, "byte 5: \"{\" of a tensor expected"},
    {"{\"a\":{}}", 0, "byte 6: a text in quotes expected"},
    {"{\"a\\x\":{}}", 0, "byte 4: an escape of JSON expected"},
    {"{\"a\\", 0, "byte 4: an escape of JSON expected"},
    {"{\"\\u12G4\":{}}", 0, "four hexadecimal digits of a character that is not NUL expected"},
    {"{\"\\u12", 0, "four hexadecimal digits"},
    {"{\"\\u0000\":{}}", 0, "a character that is not NUL expected"},
    {"{\"\\ud800\":{}}", 0, "the other half of a surrogate pair expected"},
    {"{\"\\ud800\\u0020\":{}}", 0, "the other half of a surrogate pair expected"},
    {"{\"\t\":{}}", 0, "no control character in a text expected"},
    {"{" T("a", "F32", "[1]", "[0,4]") "} x", 4, "nothing behind the last \"}\" expected"},
    {"{" T("a", "F32", "[1]", "[0,4]") ",}", 4, "a text in quotes expected"},
    {"{" T("a", "F32", "[1]", "[0,4]") " " T("b", "F32", "[1]", "[4,8]") "}", 8,
     "\",\" or \"}\" expected"},
    {"{" T("a", "F32", "[1]", "[0,4]") "," T("a", "F32", "[1]", "[4,8]") "}", 8,
     "has two tensors of the name a"},
    {"{" T("a", "F32", "[1]", "[0,4]") "," T("b", "F32", "[1]", "[0,4]") "}", 4,
     "begins at byte 0 of the elements, 4 expected: tensors follow each other without gaps"},
    {"{" T("a", "F32", "[1]", "[0,4]") "," T("b", "F32", "[1]", "[5,9]") "}", 9,
     "b begins at byte 5 of the elements, 4 expected"},
    {"{" T("a", "F32", "[2]", "[0,8]") "}", 7,
     "a has data_offsets [0,8], but 7 bytes stand behind the header"},
    {"{" T("a", "F32", "[2]", "[0,8]") "}", 9,
     "8 bytes of elements are in the header, but 9 stand behind it"},
    {"{" T("a", "F32", "[2]", "[4,0]") "}", 8, "a has data_offsets [4,0], but 8 bytes"},
    {"{" T("a", "F32", "[3]", "[0,8]") "}", 8,
     "a has data_offsets [0,8], which are not the bytes of its shape and dtype F32"},
    {"{" T("a", "F64", "[4294967296,4294967296]", "[0,0]") "}", 0,
     "which are not the bytes of"},
    {"{" T("a", "F64", "[4611686018427387904]", "[0,0]") "}", 0, "which are not the bytes of"},
    {"{" T("a", "F32", "[18446744073709551616]", "[0,0]") "}", 0, "a number below 2^64"},
    {"{" T("a", "F32", "[-1]", "[0,0]") "}", 0, "a whole number expected"},
    {"{" T("a", "F32", "[1.5]", "[0,4]") "}", 4, "\",\" or \"]\" expected"},
    {"{" T("a", "F32", "[01]", "[0,4]") "}", 4, "a whole number expected"},
    {"{" T("a", "F32", "[1,]", "[0,4]") "}", 4, "a whole number expected"},
    {"{" T("a", "F32", "4", "[0,4]") "}", 4, "a list of dims expected"},
    {"{" T("a", "F32", "[1]", "4") "}", 4, "two offsets expected"},
    {"{" T("a", "F32", "[1]", "[0]") "}", 4, "\",\" between two offsets expected"},
    {"{" T("a", "F32", "[1]", "[0,4,8]") "}", 4, "\"]\" behind two offsets expected"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "dtype, shape and data_offsets"},
    {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1]}}", 4, "each once, expected"},
    {"{\"a\":{\"dtype\":\"F32\",\"more\":\"F32\",\"shape\":[1]}}", 4, "each once, expected"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"b\":1}}", 4,
     "\"}\" behind a tensor expected"},
    {"{\"a\":{\"dtype\":4,\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "a text in quotes"},
    {"{\"__metadata__\":[]}", 0, "\"{\" of __metadata__ expected"},
    {"{\"__metadata__\":{\"a\":1}}", 0, "a text in quotes expected"},
    {"{\"__metadata__\":{\"a\" \"b\"}}", 0, "\":\" expected"},
    {"{\"__metadata__\":{\"a\":\"b\" \"c\":\"d\"}}", 0, "\",\" or \"}\" expected"},
};

START_TEST(damaged_headers)
{
    unic__weight_file *f;
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
        const char *path = written(damaged[i].header, damaged[i].bytes);
        io_assert_fails(opened(&f, path), UNIC_E_FORMAT, damaged[i].says);
        ck_assert_ptr_null(f);
    }
}
END_TEST

START_TEST(sizes_of_a_header)
{
    unic__weight_file *f;
    const char *path = io_path("test.safetensors");
    unsigned char huge[16] = {[4] = 1, [8] = '{', [9] = '}'};
    io_write(path, huge, 7);
    io_assert_fails(opened(&f, path), UNIC_E_FORMAT, "has 7 bytes, which is no file of");
    io_write(path, huge, sizeof huge);
    io_assert_fails(opened(&f, path), UNIC_E_FORMAT,
                    "its header is said to have 4294967296 bytes, of a file of 16; at most "
                    "100000000 are read");
}
END_TEST

/* A module within modules within modules: names have no largest size. */
START_TEST(a_long_name)
{
    enum { BYTES = 3000 };
    static const char *const names[] = {"w"};
    char name[BYTES + 1], header[BYTES + 100];
    unic__weight_file *f;
    float x = 0;
    memset(name, 'm', BYTES);
    memcpy(name + BYTES - 2, ".w", 3);
    snprintf(header, sizeof header,
             "{\"%s\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", name);
    ck_assert_int_eq(opened(&f, written(header, 4)), UNIC_OK);
    ck_assert_ptr_eq(unic__weight_file_find(f, name), f->at);
    ck_assert_ptr_null(unic__weight_file_find(f, name + 1));
    ck_assert_int_eq(unic__weight_file_enter(f, names, 1), UNIC_OK);
    ck_assert_ptr_eq(unic__weight_file_find(f, "w"), f->at);
    ck_assert_int_eq(unic__weight_file_read(f, f->at, &x), UNIC_OK);
    unic__weight_file_close(f);
}
END_TEST

static unic_status scenario(const char *path)
{
    unic__weight_file *f;
    unic__source *source;
    float x[2];
    UNIC__TRY(unic__source_open_file(&source, path));
    unic_status status = unic__safetensors_open(&f, source);
    unic__source_release(source);
    UNIC__TRY(status);
    static const char *const names[] = {"a"};
    status = unic__weight_file_enter(f, names, 1);
    if (status == UNIC_OK)
        status = unic__weight_file_read(f, unic__weight_file_find(f, "a"), x);
    unic__weight_file_close(f);
    return status;
}

START_TEST(each_allocation_fails)
{
    io_fail_each_allocation(
        scenario,
        written("{" T("m.a", "F32", "[1]", "[0,4]") "," T("b", "I8", "[2]", "[4,6]") "}", 6));
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("safetensors");
    tcase_add_test(t, each_type_and_shape);
    tcase_add_test(t, elements_that_are_not_finite);
    tcase_add_test(t, damaged_headers);
    tcase_add_test(t, sizes_of_a_header);
    tcase_add_test(t, a_long_name);
    tcase_add_test(t, each_allocation_fails);
    return small_run("array/safetensors", t);
}
