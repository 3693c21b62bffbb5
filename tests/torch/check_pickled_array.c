/* lib/torch/pickled_array: feature files, of numpy's making and by hand. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array/strided.h"
#include "file/io_help.h"
#include "file/zip.h"
#include "torch/pickled_array.h"
#include "torch_help.h"

#define ARRAYS  TORCH_FIXTURES "arrays.zip"
#define REFUSED TORCH_FIXTURES "refused.zip"
#define SAMPLE  "../shared/cmg-sample/features/"
#define P(text) (text), sizeof(text) - 1

/* A zip file of one member, "clip.pkl". */
static const char *make_file(const void *pickle, size_t size)
{
    const char *path = io_path("clip.zip");
    unic__zip_writer *w;
    remove(path);
    io_assert_ok(unic__zip_create(&w, UNIC__TO_FILE(path), false));
    io_assert_ok(unic__zip_add(w, "clip.pkl", "", "", 0, pickle, size));
    io_assert_ok(unic__zip_finish(w));
    return path;
}

static unic_status open_made(unic__pickled_array **a, const void *pickle, size_t size)
{
    return unic__pickled_array_open(a, make_file(pickle, size));
}

/* ---- numpy's pickles ---- */

/* A member of arrays.zip is called "float64/5x3/protocol2F". */
static void check_fixture(const char *name, const void *pickle, size_t size)
{
    char type[16], dims[UNIC__SHAPE_TEXT] = "[", shape[UNIC__SHAPE_TEXT];
    const char *slash = strchr(name, '/'), *end = strchr(slash + 1, '/');
    snprintf(type, sizeof type, "%.*s", (int)(slash - name), name);
    for (const char *at = slash + 1; at < end; at++)
        snprintf(dims + strlen(dims), 2, "%c", *at == 'x' ? ',' : *at);
    strcat(dims, "]");

    unic__pickled_array *a;
    float f32[128];
    double f64[128];
    io_assert_ok(open_made(&a, pickle, size));
    size_t count = unic__shape_count(unic__pickled_array_shape(a));
    ck_assert_str_eq(unic__npy_type_name(unic__pickled_array_type(a)), type);
    ck_assert_str_eq(unic__shape_print(unic__pickled_array_shape(a), shape), dims);
    f32[count] = 77;
    f64[count] = 77;
    io_assert_ok(unic__pickled_array_read_f32(a, f32, count));
    io_assert_ok(unic__pickled_array_read_f64(a, f64, count));
    for (size_t i = 0; i < count; i++) {
        double value = torch_fixture_value(type, i);
        ck_assert_msg(f32[i] == value && f64[i] == value, "%s: element %zu is %g, not %g", name,
                      i, f64[i], value);
    }
    ck_assert(f32[count] == 77 && f64[count] == 77);
    io_assert_fails(unic__pickled_array_read_f32(a, f32, count + 1), UNIC_E_SHAPE,
                    "clip.zip: has the shape [");
    unic__pickled_array_close(a);
}

START_TEST(reads_numpys_pickles)
{
    unic__zip *z;
    io_assert_ok(unic__zip_open(&z, ARRAYS));
    ck_assert_uint_eq(unic__zip_count(z), 59);
    for (size_t i = 0; i < unic__zip_count(z); i++) {
        void *pickle;
        size_t size;
        io_assert_ok(unic__zip_read(z, i, SIZE_MAX, &pickle, &size));
        check_fixture(unic__zip_name(z, i), pickle, size);
        unic__free(pickle);
    }
    unic__zip_close(z);
    unic__pickled_array_close(NULL);
}
END_TEST

START_TEST(refuses_what_is_no_array_of_numbers)
{
    static const struct {
        const char *name, *message;
    } refused[] = {
        {"object", "holds Python objects (O8), which are never loaded"},
        {"structured", "has a structured type (V8), plain numbers expected"},
        {"date", "holds dates or times (M8), plain numbers expected"},
        {"span", "holds dates or times (m8), plain numbers expected"},
        {"complex", "has the type c8; float 2, 4, 8, integers and bool are known"},
        {"text", "holds texts (U2)"},
        {"bytes", "holds texts (S1)"},
        {"rank7", "has 7 dims, at most 6 expected"},
        {"long", "has the type f16; float"},
        {"list", "is a list, a numpy array expected"},
        {"scalar", "is a numpy scalar, a numpy array expected"},
        {"masked", "is an object of numpy.ma.core._mareconstruct, a numpy array expected"}};
    unic__zip *z;
    io_assert_ok(unic__zip_open(&z, REFUSED));
    ck_assert_uint_eq(unic__zip_count(z), sizeof refused / sizeof refused[0]);
    for (size_t i = 0; i < unic__zip_count(z); i++) {
        void *pickle;
        size_t size;
        unic__pickled_array *a;
        ck_assert_str_eq(unic__zip_name(z, i), refused[i].name);
        io_assert_ok(unic__zip_read(z, i, SIZE_MAX, &pickle, &size));
        io_assert_fails(open_made(&a, pickle, size), UNIC_E_FORMAT, refused[i].message);
        io_assert_fails(open_made(&a, pickle, size), UNIC_E_FORMAT,
                        "clip.zip: member \"clip.pkl\": ");
        ck_assert(a == NULL);
        unic__free(pickle);
    }
    unic__zip_close(z);
}
END_TEST

/* ---- by hand ---- */

/* In opcodes of protocol 0, with numbers where they matter. */
#define DTYPE(code, order, fields)                                                             \
    "cnumpy\ndtype\n(V" code "\nI00\nI01\ntR(I3\nV" order "\nN" fields "I-1\nI-1\nI0\ntb"
#define F8         DTYPE("f8", "<", "NN")
#define DATA(text) "c_codecs\nencode\n(V" text "\nVlatin1\ntR"
#define ARRAY(version, shape, dtype, fortran, data)                                            \
    "cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntVb\ntR(I" version           \
    "\n" shape dtype fortran data "tb."
#define BUFFER(data, dtype, shape, order)                                                      \
    "cnumpy._core.numeric\n_frombuffer\n(" data dtype shape order "tR."

static const struct {
    const char *pickle;
    size_t size;
    const char *message;
} disagreeing[] = {
    {P(ARRAY("1", "(I2\nt", F8, "I00\n", DATA("12345678"))),
     "has 8 bytes of data, but [2] of float64 is 16"},
    {P(ARRAY("1", "(I2\nt", F8, "I00\n", DATA("123456781234567812"))),
     "has 18 bytes of data, but [2] of float64 is 16"},
    {P(ARRAY("1", "(I0\nI7\nt", F8, "I00\n", DATA("1"))),
     "has 1 bytes of data, but [0,7] of float64 is 0"},
    {P(ARRAY("1", "(I-2\nt", F8, "I00\n", DATA(""))), "has the dim -2"},
    {P(ARRAY("1", "(I4611686018427387904\nI8\nt", F8, "I00\n", DATA(""))),
     "has the shape [4611686018427387904,8], beyond the address space"},
    {P(ARRAY("1", "(I2305843009213693952\nt", F8, "I00\n", DATA(""))),
     "beyond the address space"},
    {P(ARRAY("1", "(I4611686018427387904\nI0\nI16\nt", F8, "I00\n", DATA(""))),
     "beyond the address space"},
    {P(ARRAY("1", "(Vx\nt", F8, "I00\n", DATA(""))), "has a text for a dim, an int"},
    {P(ARRAY("1", "I5\n", F8, "I00\n", DATA(""))), "has an int for its shape, a tuple"},
    {P(ARRAY("1", "(I1\nI1\nI1\nI1\nI1\nI1\nI1\nt", F8, "I00\n", DATA("12345678"))),
     "has 7 dims, at most 6 expected"},
    {P(ARRAY("1", "(I1\nt", F8, "I00\n", "V12345678\n")),
     "has a text for its data, bytes expected"},
    {P(ARRAY("1", "(I1\nt", F8, "N", DATA("12345678"))), "has a state of another version"},
    {P(ARRAY("2", "(I1\nt", F8, "I00\n", DATA("12345678"))), "has a state of another version"},
    {P(ARRAY("1", "(I1\nt", F8, "", DATA("12345678"))), "has no readable state"},
    {P("cnumpy.core.multiarray\n_reconstruct\n)R."), "has no readable state"},
    {P(ARRAY("1", "(I1\nt", "N", "I00\n", DATA("12345678"))), "has no readable dtype"},
    {P(ARRAY("1", "(I1\nt", "cnumpy\ndtype\n)R", "I00\n", DATA("1"))), "no readable dtype"},
    {P(ARRAY("1", "(I1\nt", "cnumpy\ndtype\n(Vf8\ntR", "I00\n", DATA("12345678"))),
     "has a dtype without a readable state"},
    {P(ARRAY("1", "(I1\nt", DTYPE("f8", "<", "N(t"), "I00\n", DATA("12345678"))),
     "has a structured type, plain numbers expected"},
    {P(ARRAY("1", "(I1\nt", DTYPE("f8", "<", "(tN"), "I00\n", DATA("12345678"))),
     "has a structured type, plain numbers expected"},
    {P(ARRAY("1", "(I1\nt", DTYPE("f8", "|", "NN"), "I00\n", DATA("12345678"))),
     "has a dtype whose byte order is neither '<' nor '>'"},
    {P(ARRAY("1", "(I1\nt", DTYPE("V16", "|", "NN"), "I00\n", DATA("12345678"))),
     "has a structured type (V16), plain numbers expected"},
    {P(ARRAY("1", "(I1\nt", DTYPE("O8", "|", "NN"), "I00\n", "(Nl")),
     "holds Python objects (O8), which are never loaded"},
    {P(ARRAY("1", "(I1\nt", DTYPE("", "<", "NN"), "I00\n", DATA("1"))), "has the type ;"},
    {P(BUFFER(DATA("12345678"), F8, "(I1\nt", "VA\n")), "another order than 'C', 'F' and 'K'"},
    {P(BUFFER(DATA("12345678"), F8, "(I1\nt", "VK\n")), "another order than"},
    {P(BUFFER(DATA("12345678"), F8, "(I1\nt", "")), "is made of 3 arguments, 4 or 5 expected"},
    {P(BUFFER(DATA("12345678"), F8, "(I1\nt", "VK\n(I1\nt")), "no permutation of 1"},
    {P(BUFFER(DATA("12345678"), F8, "(I1\nt", "VK\n(I-1\nt")), "no permutation of 1"},
    {P(BUFFER(DATA("12345678"), F8, "(I1\nI1\nt", "VK\n(I0\nI0\nt")), "no permutation of 2"},
    {P(BUFFER(DATA("12345678"), F8, "(I1\nI1\nt", "VK\n(I0\nt")), "no permutation of 2"},
    {P(BUFFER(DATA("1234567"), F8, "(I1\nt", "VC\n")), "has 7 bytes of data"},
    {P("cnumpy\nndarray\n."), "is the name numpy.ndarray, a numpy array expected"},
    {P("N.N."), "has 2 bytes behind its pickle"},
    {P("N.\n\r\n"), "is None, a numpy array expected"},
    {P("cos\nsystem\n(Vx\ntR."), "is an object of os.system, a numpy array expected"},
    {P(""), "byte 0: 1 more bytes expected"},
};

START_TEST(refuses_arrays_that_disagree)
{
    unic__pickled_array *a;
    io_assert_fails(open_made(&a, disagreeing[_i].pickle, disagreeing[_i].size), UNIC_E_FORMAT,
                    disagreeing[_i].message);
    ck_assert(a == NULL);
}
END_TEST

START_TEST(reads_arrays_by_hand)
{
    static const char one[] = ARRAY("1", "(I1\nt", F8, "I00\n",
                                    DATA("\\u0000\\u0000\\u0000"
                                         "\\u0000\\u0000\\u0000\xF8?"));
    static const char five[] = BUFFER(DATA("\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\xF8?"),
                                      F8, "(I1\nI1\nt", "VF\nN");
    unic__pickled_array *a;
    double x = 0;
    io_assert_ok(open_made(&a, one, sizeof one - 1));
    io_assert_ok(unic__pickled_array_read_f64(a, &x, 1));
    unic__pickled_array_close(a);
    ck_assert(x == 1.5);
    io_assert_ok(open_made(&a, five, sizeof five - 1));
    io_assert_ok(unic__pickled_array_read_f64(a, &x, 1));
    unic__pickled_array_close(a);
    ck_assert(x == 1.5);
}
END_TEST

START_TEST(needs_a_zip_file_of_one_member)
{
    unic__pickled_array *a;
    io_assert_fails(unic__pickled_array_open(&a, ARRAYS), UNIC_E_FORMAT,
                    "arrays.zip: has 59 members, \"");
    io_assert_fails(unic__pickled_array_open(&a, FIXTURES "absent.zip"), UNIC_E_NOTFOUND,
                    "absent.zip: cannot open");
    io_assert_fails(open_made(&a, P("\x93NUMPY\x01")), UNIC_E_FORMAT,
                    "member \"clip.pkl\": is no npy array: it has 7 bytes");
    io_assert_fails(open_made(&a, P("\x93NUMPY\x01\0\xFF\0{}  ")), UNIC_E_FORMAT,
                    "has an npy header of 265 bytes, but ends after 14");
    io_assert_fails(unic__pickled_array_open(&a, __FILE__), UNIC_E_FORMAT, "is no zip file");
    ck_assert(a == NULL);
}
END_TEST

/* Other files that are called .zip. */
START_TEST(names_what_is_no_array)
{
    unic__pickled_array *a;
    io_write(io_path("page.zip"), "<html>", 6);
    io_assert_fails(unic__pickled_array_open(&a, TORCH_FIXTURES "model.pt"), UNIC_E_FORMAT,
                    "model.pt: is a file of torch.save(), one pickled array expected: write "
                    ".numpy() of the tensor with numpy.save()");
    io_assert_fails(unic__pickled_array_open(&a, FIXTURES "stored.npz"), UNIC_E_FORMAT,
                    "stored.npz: is an npz of ");
    io_assert_fails(
        unic__pickled_array_open(&a, io_path("page.zip")), UNIC_E_FORMAT,
        "page.zip: is a text that begins with <, as a page does, a zip of one array "
        "expected: was it downloaded, and the download refused?");
    io_assert_fails(unic__pickled_array_open(&a, TORCH_FIXTURES "model_old.pt"), UNIC_E_FORMAT,
                    "model_old.pt: is a file of torch.save(), a zip of one array expected");
    ck_assert(a == NULL);
}
END_TEST

START_TEST(walks_in_strides)
{
    const unic__shape shape = UNIC__SHAPE_OF(2, 3, 2);
    unic__strided walk = {.shape = shape, .stride = {1, 4, 2}};
    short from[12], out[12];
    for (short i = 0; i < 12; i++)
        from[i] = i;
    for (size_t n = 0, done = 0; done < 12; done += n) {
        n = done ? 4 : 1;
        n = n < 12 - done ? n : 12 - done;
        unic__strided_take(&walk, out + done, from, sizeof *out, n);
    }
    for (int i = 0; i < 12; i++)
        ck_assert_int_eq(out[i], i / 6 + i / 2 % 3 * 4 + i % 2 * 2);
    ck_assert(!unic__strided_is_row_major(walk.stride, &shape));
    size_t stride[UNIC__MAX_RANK];
    unic__strided_row_major(stride, &shape);
    ck_assert(stride[0] == 6 && stride[1] == 2 && stride[2] == 1);
    ck_assert(unic__strided_is_row_major(stride, &shape));
    ck_assert(unic__strided_is_row_major((size_t[UNIC__MAX_RANK]){1, 99, 1},
                                         &UNIC__SHAPE_OF(3, 1, 1)));
    ck_assert(!unic__strided_is_row_major((size_t[UNIC__MAX_RANK]){2}, &UNIC__SHAPE_OF(3)));
}
END_TEST

/* ---- numpy scalars ---- */

#define SCALAR(dtype, data) "cnumpy.core.multiarray\nscalar\n(" dtype data "tR."

START_TEST(reads_scalars)
{
    static const struct {
        const char *pickle;
        size_t size;
        double value;
        const char *failure; /* as float64; NULL: none */
        const char *failure_i64;
    } scalars[] = {
        {P(SCALAR(DTYPE("i2", ">", "NN"), DATA("\\u0001\\u0002"))), 258, NULL, NULL},
        {P(SCALAR(DTYPE("f4", "<", "NN"), DATA("\\u0000\\u0000 \xC0"))), -2.5, NULL,
         "is -2.5, a whole number expected"},
        {P(SCALAR(DTYPE("b1", "|", "NN"), DATA("\\u0001"))), 1, NULL, NULL},
        {P(SCALAR(F8, DATA("1234567"))), 0, "has 7 bytes, but a float64 is 8", "has 7 bytes"},
        {P(SCALAR(F8, "V12345678\n")), 0, "no readable numpy scalar", "no readable"},
        {P(SCALAR(F8, "")), 0, "no readable numpy scalar", "no readable"},
        {P(SCALAR(DTYPE("O8", "|", "NN"), DATA("12345678"))), 0, "holds Python objects (O8)",
         "holds Python objects"},
    };
    for (size_t i = 0; i < sizeof scalars / sizeof scalars[0]; i++) {
        unic__pickle p;
        size_t used;
        double real = 0;
        int64_t whole = 0;
        io_assert_ok(unic__pickle_read(&p, scalars[i].pickle, scalars[i].size, &used));
        unic_status status = unic__pickled_scalar(p.root, UNIC__NPY_F64, &real);
        ck_assert_int_eq(status == UNIC_OK, scalars[i].failure == NULL);
        if (status == UNIC_OK)
            ck_assert(real == scalars[i].value);
        else
            io_assert_fails(status, UNIC_E_FORMAT, scalars[i].failure);
        status = unic__pickled_scalar(p.root, UNIC__NPY_I64, &whole);
        ck_assert_int_eq(status == UNIC_OK, scalars[i].failure_i64 == NULL);
        if (status == UNIC_OK)
            ck_assert(whole == scalars[i].value);
        else
            ck_assert(strstr(unic_last_error(), scalars[i].failure_i64) != NULL);
        unic__pickle_free(&p);
    }
}
END_TEST

/* ---- the sample of the CMG code ---- */

START_TEST(reads_the_sample)
{
    static const struct {
        const char *path, *shape;
        unic__npy_type type;
        double sum; /* of element i times i % 97, by numpy */
    } clips[] = {
        {SAMPLE "audio/clip0.zip", "[10,24]", UNIC__NPY_F64, 610.726054281758},
        {SAMPLE "audio/clip1.zip", "[10,24]", UNIC__NPY_F64, 421.5977392772347},
        {SAMPLE "audio/clip2.zip", "[7,24]", UNIC__NPY_F64, 961.3388980383168},
        {SAMPLE "video/clip0.zip", "[10,7,7,64]", UNIC__NPY_F32, 600537.0680410321},
        {SAMPLE "video/clip1.zip", "[10,7,7,64]", UNIC__NPY_F32, 594813.3018608297},
        {SAMPLE "video/clip2.zip", "[10,7,7,64]", UNIC__NPY_F32, 600471.5141898148},
    };
    FILE *there = fopen(clips[0].path, "rb");
    if (!there) {
        puts("skipped: " SAMPLE " is not there");
        return;
    }
    fclose(there);
    for (size_t i = 0; i < sizeof clips / sizeof clips[0]; i++) {
        unic__pickled_array *a;
        char shape[UNIC__SHAPE_TEXT];
        io_assert_ok(unic__pickled_array_open(&a, clips[i].path));
        ck_assert_str_eq(unic__shape_print(unic__pickled_array_shape(a), shape),
                         clips[i].shape);
        ck_assert_int_eq(unic__pickled_array_type(a), clips[i].type);
        size_t count = unic__shape_count(unic__pickled_array_shape(a));
        double *x = unic__alloc(count * sizeof *x), sum = 0;
        float *single = unic__alloc(count * sizeof *single);
        io_assert_ok(unic__pickled_array_read_f64(a, x, count));
        io_assert_ok(unic__pickled_array_read_f32(a, single, count));
        for (size_t k = 0; k < count; k++) {
            sum += x[k] * (double)(k % 97);
            ck_assert(single[k] == (float)x[k]);
        }
        ck_assert_msg(fabs(sum - clips[i].sum) <= 1e-12 * fabs(sum), "%s: %.17g", clips[i].path,
                      sum);
        unic__free(single);
        unic__free(x);
        unic__pickled_array_close(a);
    }
}
END_TEST

/* ---- out of memory, damage ---- */

static unic_status read_file(const char *path)
{
    unic__pickled_array *a;
    UNIC__TRY(unic__pickled_array_open(&a, path));
    size_t count = unic__shape_count(unic__pickled_array_shape(a));
    double *x = malloc(count * sizeof *x + 1);
    unic_status status = unic__pickled_array_read_f64(a, x, count);
    free(x);
    unic__pickled_array_close(a);
    return status;
}

START_TEST(out_of_memory)
{
    static const char pickle[] = ARRAY("1", "(I1\nt", F8, "I01\n", DATA("12345678"));
    io_fail_each_allocation(read_file, make_file(pickle, sizeof pickle - 1));
}
END_TEST

/* Changed pickles with a right CRC. What is given out is whole, whatever it is. */
START_TEST(survives_damage)
{
    enum { ROUNDS = 400 };
    static const char *const members[] = {"float64/5x3/protocol0F", "float32/5x3/protocol2C",
                                          "float64/5x3/newer4", "float32/2x3x4/permuted"};
    unic__zip *z;
    void *pickle;
    size_t member, size, part;
    io_assert_ok(unic__zip_open(&z, ARRAYS));
    ck_assert(unic__zip_find(z, members[_i], "", &member));
    io_assert_ok(unic__zip_read(z, member, SIZE_MAX, &pickle, &size));
    const char *path = make_file(pickle, size);
    unsigned char *good = io_read(path, &size), *bytes = malloc(size);
    unic__key key = unic__random_key(3, 0, (uint64_t)_i);
    int refused = 0;
    for (uint64_t round = 0; round < ROUNDS; round++) {
        memcpy(bytes, good, size);
        unsigned char *data = torch_member(bytes, size, 0, &part);
        torch_damage(data, part, key, round);
        torch_fix_crc(bytes, size, 0);
        io_write(path, bytes, size);
        unic_status status = read_file(path);
        ck_assert(status == UNIC_OK || status == UNIC_E_FORMAT);
        refused += status != UNIC_OK;
    }
    ck_assert_msg(refused > ROUNDS / 4 && refused < ROUNDS, "%d refused", refused);
    free(bytes);
    free(good);
    unic__free(pickle);
    unic__zip_close(z);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pickled_array");
    TCase *tests = tcase_create("pickled_array");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, reads_numpys_pickles);
    tcase_add_test(tests, refuses_what_is_no_array_of_numbers);
    tcase_add_loop_test(tests, refuses_arrays_that_disagree, 0,
                        sizeof disagreeing / sizeof disagreeing[0]);
    tcase_add_test(tests, reads_arrays_by_hand);
    tcase_add_test(tests, needs_a_zip_file_of_one_member);
    tcase_add_test(tests, names_what_is_no_array);
    tcase_add_test(tests, walks_in_strides);
    tcase_add_test(tests, reads_scalars);
    tcase_add_test(tests, reads_the_sample);
    tcase_add_test(tests, out_of_memory);
    tcase_add_loop_test(tests, survives_damage, 0, 4);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
