/* lib/torch: what stands beside a tensor's storage: the negative bit. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "file/io_help.h"
#include "file/zip.h"
#include "torch/torch_file.h"
#include "torch_help.h"

/* ---- the negative bit -------------------------------------------------------------------- */

#define STORAGE(type) "((Vstorage\nctorch\n" type "\nV0\nVcpu\nI4\ntQI0\n(I2\nI2\nt"
#define TENSOR(type, strides, metadata)                                                        \
    "(Vw\nctorch._utils\n_rebuild_tensor_v2\n" STORAGE(type) strides "I00\nN" metadata "tRd."
#define ROWS    "(I2\nI1\nt"
#define COLUMNS "(I1\nI2\nt"

/* A zip checkpoint of this pickle, and data/0 of these bytes. */
static const char *make_zip(const char *pickle, const void *data, size_t bytes)
{
    const char *path = io_path("storage.pt");
    unic__zip_writer *w;
    remove(path);
    io_assert_ok(unic__zip_create(&w, UNIC__TO_FILE(path), false));
    io_assert_ok(unic__zip_add(w, "x/data.pkl", "", "", 0, pickle, strlen(pickle)));
    io_assert_ok(unic__zip_add(w, "x/data/0", "", "", 0, data, bytes));
    io_assert_ok(unic__zip_finish(w));
    return path;
}

static void reads(const char *pickle, const void *data, size_t bytes, const double want[4])
{
    unic__torch_file *f;
    double x[4];
    float y[4];
    int64_t whole[4];
    io_assert_ok(torch_open(&f, make_zip(pickle, data, bytes)));
    const unic__torch_tensor *t = unic__torch_find(f, "w");
    io_assert_ok(unic__torch_read_f64(f, t, x, 4));
    io_assert_ok(unic__torch_read_f32(f, t, y, 4));
    io_assert_ok(unic__torch_read_i64(f, t, whole, 4));
    for (size_t i = 0; i < 4; i++) {
        ck_assert(x[i] == want[i] && signbit(x[i]) == signbit(want[i]));
        ck_assert(y[i] == x[i] && (double)whole[i] == x[i]);
    }
    unic__torch_close(f);
}

/* torch._neg_view(x) and z.conj().imag are saved as x and {"neg": True}. */
START_TEST(reads_the_negative_bit)
{
    static const double f64[4] = {1, -2, 0, 3};
    static const float f32[4] = {1, -2, 0, 3};
    static const uint16_t f16[4] = {0x3C00, 0xC000, 0, 0x4200},
                          bf16[4] = {0x3F80, 0xC000, 0, 0x4040};
    static const double plain[4] = {1, -2, 0, 3}, minus[4] = {-1, 2, -0.0, -3},
                        turned[4] = {-1, -0.0, 2, -3};
#define NEG "(Vneg\nI01\nd"
    reads(TENSOR("DoubleStorage", ROWS, NEG), f64, sizeof f64, minus);
    reads(TENSOR("DoubleStorage", COLUMNS, NEG), f64, sizeof f64, turned);
    reads(TENSOR("FloatStorage", ROWS, NEG), f32, sizeof f32, minus);
    reads(TENSOR("HalfStorage", ROWS, NEG), f16, sizeof f16, minus);
    reads(TENSOR("BFloat16Storage", ROWS, NEG), bf16, sizeof bf16, minus);
    reads(TENSOR("FloatStorage", ROWS, "(Vconj\nI00\nVneg\nI01\nd"), f32, sizeof f32, minus);
    reads(TENSOR("FloatStorage", ROWS, "(Vconj\nI00\nVneg\nI00\nd"), f32, sizeof f32, plain);
    reads(TENSOR("FloatStorage", ROWS, "(d"), f32, sizeof f32, plain);
    reads(TENSOR("FloatStorage", ROWS, "N"), f32, sizeof f32, plain);
    reads(TENSOR("FloatStorage", ROWS, "(Vnew\n(lVnewer\nI0\nVnewest\nNd"), f32, sizeof f32,
          plain);
}
END_TEST

START_TEST(refuses_other_metadata)
{
    static const struct {
        const char *pickle, *message;
    } wrong[] = {
        {TENSOR("FloatStorage", ROWS, "(Vconj\nI01\nd"),
         "storage.pt: w: is float32 and has the metadata \"conj\", which is not read: save what "
         ".resolve_conj().resolve_neg() makes of it"},
        {TENSOR("FloatStorage", ROWS, "(Vneg\nI01\nVscale\nF2\nd"), "has the metadata \"scale\""},
        {TENSOR("FloatStorage", ROWS, "(Vx\n(I1\nld"), "has the metadata \"x\""},
        {TENSOR("FloatStorage", ROWS, "(VneG\nI1\nd"), "has the metadata \"neG\""},
        {TENSOR("FloatStorage", ROWS, "(I5\nI1\nd"), "has the metadata \"5\""},
        {TENSOR("FloatStorage", ROWS, "(NI1\nd"), "has the metadata \"\""},
        {TENSOR("IntStorage", ROWS, NEG), "w: is int32 and has the metadata \"neg\""},
        {TENSOR("FloatStorage", ROWS, "Vneg\n"), "has a text for its metadata, a dict expected"},
        {TENSOR("FloatStorage", ROWS, "NN"), "w: is no readable tensor"},
    };
    static const float data[4];
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        unic__torch_file *f;
        double x[4];
        io_assert_ok(torch_open(&f, make_zip(wrong[i].pickle, data, sizeof data)));
        io_assert_fails(unic__torch_read_f64(f, unic__torch_find(f, "w"), x, 4), UNIC_E_FORMAT,
                        wrong[i].message);
        unic__torch_close(f);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("torch_storage");
    TCase *tests = tcase_create("torch_storage");
    tcase_add_test(tests, reads_the_negative_bit);
    tcase_add_test(tests, refuses_other_metadata);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
