/* lib/torch: what stands beside a tensor's storage (the negative bit), and deflated storages that
 * many tensors share. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "file/io_help.h"
#include "file/zip_format.h"
#include "torch/torch_file.h"
#include "torch_help.h"

enum { TEXT = 1 << 16 };

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
         "storage.pt: w: is float32 and has the metadata \"conj\", which is not read: save "
         "what "
         ".resolve_conj().resolve_neg() makes of it"},
        {TENSOR("FloatStorage", ROWS, "(Vneg\nI01\nVscale\nF2\nd"),
         "has the metadata \"scale\""},
        {TENSOR("FloatStorage", ROWS, "(Vx\n(I1\nld"), "has the metadata \"x\""},
        {TENSOR("FloatStorage", ROWS, "(VneG\nI1\nd"), "has the metadata \"neG\""},
        {TENSOR("FloatStorage", ROWS, "(I5\nI1\nd"), "has the metadata \"5\""},
        {TENSOR("FloatStorage", ROWS, "(NI1\nd"), "has the metadata \"\""},
        {TENSOR("IntStorage", ROWS, NEG), "w: is int32 and has the metadata \"neg\""},
        {TENSOR("FloatStorage", ROWS, "Vneg\n"),
         "has a text for its metadata, a dict expected"},
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

/* ---- deflated storages ------------------------------------------------------------------- */

/* `size` bytes as a zip file's deflated data; *packed is their number. */
static unsigned char *deflated(const void *data, size_t size, size_t *packed)
{
    z_stream z = {0};
    ck_assert_int_eq(deflateInit2(&z, 6, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY), Z_OK);
    unsigned char *out = malloc(*packed = deflateBound(&z, size));
    z.next_in = (Bytef *)(uintptr_t)data;
    z.avail_in = (uInt)size;
    z.next_out = out;
    z.avail_out = (uInt)*packed;
    ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    *packed = z.total_out;
    deflateEnd(&z);
    return out;
}

/* A checkpoint of `tensors` float32 vectors of 2 elements, the last of a storage first, whose data/0
 * has `count` elements, deflated: written as stored, and then called deflated. */
static const char *make_deflated(const float *data, size_t count, size_t tensors, size_t each)
{
    static char pickle[TEXT];
    size_t n = (size_t)sprintf(pickle, "("), packed, size;
    for (size_t i = 0; i < tensors; i++)
        n += (size_t)sprintf(pickle + n,
                             "V%zu\nctorch._utils\n_rebuild_tensor_v2\n((Vstorage\nctorch\n"
                             "FloatStorage\nV0\nVcpu\nI%zu\ntQI%zu\n(I%zu\nt(I1\ntI00\nNtR",
                             i, count, (tensors - 1 - i) * each, each);
    sprintf(pickle + n, "d.");
    unsigned char *small = deflated(data, count * sizeof *data, &packed);
    const char *path = make_zip(pickle, small, packed);
    unsigned char *zip = io_read(path, &size);
    const uint32_t crc = unic__zip_crc(0, data, count * sizeof *data);
    unsigned char *entry = torch_entry(zip, size, 1), *local = torch_local(zip, size, 1);
    entry[10] = local[8] = UNIC__ZIP_DEFLATED;
    torch_put32(entry + 16, crc);
    torch_put32(local + 14, crc);
    torch_put32(entry + 24, (uint32_t)(count * sizeof *data));
    torch_put32(local + 22, (uint32_t)(count * sizeof *data));
    io_write(path, zip, size);
    free(zip);
    free(small);
    return path;
}

static float *ramp(size_t count)
{
    float *x = malloc(count * sizeof *x);
    for (size_t i = 0; i < count; i++)
        x[i] = (float)i;
    return x;
}

/* Each in turn, from the back to the front of the storage; again once its CRC is known. */
static unic_status read_each(const char *path)
{
    unic__torch_file *f;
    float x[8];
    UNIC__TRY(torch_open(&f, path));
    unic_status status = UNIC_OK;
    for (size_t i = 0; i < 2 * unic__torch_count(f) && status == UNIC_OK; i++) {
        const unic__torch_tensor *t = unic__torch_tensor_at(f, i % unic__torch_count(f));
        status = unic__torch_read_f32(f, t, x, unic__shape_count(&t->shape));
        for (size_t k = 0; k < t->shape.dim[0] && status == UNIC_OK; k++)
            ck_assert(x[k] == (float)(t->offset + k));
    }
    unic__torch_close(f);
    return status;
}

START_TEST(reads_deflated_storages_in_any_order)
{
    float *x = ramp(600);
    for (size_t tensors = 1; tensors <= 200; tensors += 199)
        io_assert_ok(read_each(make_deflated(x, 600, tensors, 3)));
    io_fail_each_allocation(read_each, make_deflated(x, 600, 5, 3));
    io_fail_each_allocation(read_each, make_deflated(x, 600, 1, 3));
    free(x);
}
END_TEST

/* 400 tensors of a storage of 16 MB: one inflation takes some 0.1 s, 800 of them minutes. */
START_TEST(inflates_a_shared_storage_once)
{
    const size_t count = 1 << 22;
    float *x = ramp(count);
    io_assert_ok(read_each(make_deflated(x, count, 400, 4)));
    free(x);
}
END_TEST

/* Held within the limit, or not at all. */
START_TEST(a_limit_refuses_a_shared_storage)
{
    float *x = ramp(1 << 20);
    const char *path = make_deflated(x, 1 << 20, 4, 4);
    unic__budget budget;
    unic__budget_init(&budget, 1 << 20, path);
    unic__budget *before = unic__budget_enter(&budget);
    unic_status status = unic__budget_leave(before, read_each(path));
    io_assert_fails(status, UNIC_E_NOMEM, "storage.pt");
    ck_assert_uint_eq(budget.used, 0);
    free(x);
}
END_TEST

/* Zeros: 4 MB out of 4 kB. */
START_TEST(refuses_what_inflates_without_need)
{
    enum { COUNT = 1 << 20 };
    float *x = calloc(COUNT, sizeof *x), *y = malloc(COUNT * sizeof *y);
    unic__torch_file *f;
    for (size_t tensors = 1; tensors <= 3; tensors++)
        io_assert_fails(read_each(make_deflated(x, COUNT, tensors, 2)), UNIC_E_FORMAT,
                        "storage.pt: 0: data/0 inflates from 4");
    ck_assert(strstr(unic_last_error(),
                     " to 4194304 bytes, of which its tensors have 24: at most "
                     "64 to 1 expected; save .clone() of what is a view"));
    io_assert_ok(torch_open(&f, make_deflated(x, COUNT, 1, COUNT))); /* Adam's first state */
    io_assert_ok(unic__torch_read_f32(f, unic__torch_find(f, "0"), y, COUNT));
    ck_assert_mem_eq(x, y, COUNT * sizeof *x);
    unic__torch_close(f);
    free(x);
    free(y);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("torch_storage");
    TCase *tests = tcase_create("torch_storage");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, reads_the_negative_bit);
    tcase_add_test(tests, refuses_other_metadata);
    tcase_add_test(tests, reads_deflated_storages_in_any_order);
    tcase_add_test(tests, inflates_a_shared_storage_once);
    tcase_add_test(tests, a_limit_refuses_a_shared_storage);
    tcase_add_test(tests, refuses_what_inflates_without_need);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
