/* Zip files whose members have no CRCs: of torch they are read, of the library they are not. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array/npz.h"
#include "array/npz_help.h"
#include "file/io_help.h"
#include "file/zip_format.h"
#include "torch/torch_file.h"
#include "torch_help.h"

#define TORCH TORCH_FIXTURES ""

static void drop_crcs(unsigned char *zip, size_t size, size_t from)
{
    size_t count = unic__zip_get16(zip + size - UNIC__ZIP_END_SIZE + 10);
    for (size_t i = from; i < count; i++) {
        torch_put32(torch_entry(zip, size, i) + 16, 0);
        torch_put32(torch_local(zip, size, i) + 14, 0);
    }
}

/* torch.serialization.set_crc32_options(False): every member's CRC is 0. Nothing is left to
 * find damage by; where one member has a CRC all are checked. */
START_TEST(reads_files_without_crcs)
{
    size_t size, part;
    unsigned char *zip = io_read(TORCH "types.pt", &size);
    const char *path = io_path("unchecked.pt");
    unic__torch_file *f;
    float x[21], want[21];
    io_assert_ok(torch_open(&f, TORCH "types.pt"));
    io_assert_ok(unic__torch_read_f32(f, unic__torch_find(f, "float32"), want, 21));
    unic__torch_close(f);
    drop_crcs(zip, size, 0);
    io_write(path, zip, size);
    io_assert_ok(torch_open(&f, path));
    for (int again = 0; again < 2; again++) {
        io_assert_ok(unic__torch_read_f32(f, unic__torch_find(f, "float32"), x, 21));
        ck_assert_mem_eq(x, want, sizeof x);
    }
    unic__torch_close(f);
    torch_member(zip, size, 2, &part)[5] ^= 1;
    io_write(path, zip, size);
    io_assert_ok(torch_open(&f, path));
    io_assert_ok(unic__torch_read_f32(f, unic__torch_find(f, "float32"), x, 21));
    ck_assert_mem_ne(x, want, sizeof x);
    unic__torch_close(f);
    free(zip);
    zip = io_read(TORCH "types.pt", &size);
    drop_crcs(zip, size, 1);
    io_write(path, zip, size);
    io_assert_ok(torch_open(&f, path));
    io_assert_fails(unic__torch_read_f32(f, unic__torch_find(f, "float32"), x, 21),
                    UNIC_E_FORMAT, "member \"types/data/1\": is damaged: its CRC");
    unic__torch_close(f);
    free(zip);
}
END_TEST

/* Never of an npz file: whoever writes one writes CRCs. */
START_TEST(an_npz_file_needs_its_crcs)
{
    const char *path = io_path("unchecked.npz");
    const float x[3] = {1, 2, 3};
    float y[3];
    size_t size;
    unic__npz_writer *w;
    unic__npz *z;
    remove(path);
    io_assert_ok(unic__npz_create(&w, UNIC__TO_FILE(path)));
    io_assert_ok(unic__npz_add_f32(w, "x", &UNIC__SHAPE_OF(3), x));
    io_assert_ok(unic__npz_finish(w));
    unsigned char *zip = io_read(path, &size);
    drop_crcs(zip, size, 0);
    io_write(path, zip, size);
    free(zip);
    io_assert_ok(npz_open(&z, path));
    io_assert_fails(unic__npz_read_f32(z, "x", y, 3), UNIC_E_FORMAT, "is damaged: its CRC");
    unic__npz_close(z);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("torch_crc");
    TCase *tests = tcase_create("torch_crc");
    tcase_add_test(tests, reads_files_without_crcs);
    tcase_add_test(tests, an_npz_file_needs_its_crcs);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
