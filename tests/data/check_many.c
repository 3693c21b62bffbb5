/* Datasets with many modalities, and files with more clips or steps than are counted. */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "array/npz.h"
#include "clips_help.h"
#include "dataset_help.h"
#include "file/io_help.h"

enum {
    MANY = 19,
    MOST_OF_A_DATASET = 1024
}; /* more than a model may have; the most of a dataset */

START_TEST(many_modalities)
{
    unic__npz_writer *w;
    const unic_batch *b;
    unic_array x;
    char path[512];
    float values[2];
    snprintf(path, sizeof path, "%s", io_path("many.npz"));
    io_assert_ok(unic__npz_create(&w, UNIC__TO_FILE(path)));
    for (int i = 0; i < MANY; i++) {
        char name[16];
        snprintf(name, sizeof name, "m%02d", i);
        values[0] = (float)i, values[1] = (float)-i;
        io_assert_ok(unic__npz_add_f32(w, name, &UNIC__SHAPE_OF(1, 2, 1), values));
    }
    io_assert_ok(unic__npz_finish(w));
    unic_dataset_options o = data_options(1, 0, 0);
    unic_dataset *d = data_open(path, &o);
    ck_assert_uint_eq(unic_dataset_modality_count(d), MANY);
    io_assert_ok(unic_dataset_next(&b, d));
    for (int i = 0; i < MANY; i++) {
        const char *name = unic_dataset_modality_name(d, (size_t)i);
        ck_assert(name[0] == 'm' && name[1] == '0' + i / 10 && name[2] == '0' + i % 10);
        io_assert_ok(unic_batch_get(&x, NULL, b, name));
        ck_assert(((const float *)x.data)[0] == (float)i &&
                  ((const float *)x.data)[1] == (float)-i);
    }
    unic_dataset_free(d);
    unlink(path);
}
END_TEST

/* They are found one by one, so that their number is bounded; one that is named is read of any file. */
START_TEST(modalities_beyond_counting)
{
    static const char *const last[] = {"m1024"};
    char path[512];
    for (int n = MOST_OF_A_DATASET; n <= MOST_OF_A_DATASET + 1; n++) {
        unic__npz_writer *w;
        snprintf(path, sizeof path, "%s", io_path("most.npz"));
        unlink(path);
        io_assert_ok(unic__npz_create(&w, UNIC__TO_FILE(path)));
        for (int i = 0; i < n; i++) {
            char name[16];
            snprintf(name, sizeof name, "m%d", i);
            io_assert_ok(
                unic__npz_add_f32(w, name, &UNIC__SHAPE_OF(1, 1, 1), &(float){(float)i}));
        }
        io_assert_ok(unic__npz_finish(w));
        unic_dataset_options o = data_options(1, 0, 0);
        unic_dataset *d = NULL;
        if (n == MOST_OF_A_DATASET) {
            d = data_open(path, &o);
            ck_assert_uint_eq(unic_dataset_modality_count(d), MOST_OF_A_DATASET);
            unic_dataset_free(d);
            continue;
        }
        const char *const paths[] = {path};
        io_assert_fails(unic_dataset_open(&d, paths, 1, &o), UNIC_E_FORMAT,
                        "most.npz: has more than 1024 modalities; name those that are meant");
        o.modalities = last;
        o.modality_count = 1;
        d = data_open(path, &o);
        ck_assert_uint_eq(unic_dataset_modality_count(d), 1);
        unic_dataset_free(d);
    }
    unlink(path);
}
END_TEST

/* An array of bytes, all 0, which takes no room on the disk; whether the file system can. */
static bool write_sparse(const char *folder, const char *name, const char *shape, off_t bytes)
{
    char path[600], header[128 + 1];
    int n = snprintf(
        header, sizeof header,
        "\x93NUMPY\x01%cv%c{'descr': '|u1', 'fortran_order': False, 'shape': (%s)}", 0, 0,
        shape);
    memset(header + n, ' ', 128 - (size_t)n);
    header[127] = '\n';
    clips_write_text(folder, name, "");
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int file = open(path, O_WRONLY);
    bool written = file >= 0 && write(file, header, 128) == 128 &&
                   ftruncate(file, 128 + bytes) == 0;
    close(file);
    if (!written)
        printf("skipped: check_many: no sparse file of %lld bytes here\n", (long long)bytes);
    return written;
}

static void refuses(const char *name, const char *shape, unic_status status, const char *words)
{
    char folder[512];
    const char *const paths[] = {clips_folder("sparse", folder)};
    unic_dataset_options o = data_options(1, 0, 0);
    unic_dataset *d;
    if (write_sparse(folder, name, shape, (off_t)1 << 31))
        io_assert_fails(unic_dataset_open(&d, paths, 1, &o), status, words);
    clips_folder("sparse", folder);
}

START_TEST(more_than_are_counted)
{
    refuses("audio/a.npy", "2147483648, 1", UNIC_E_SHAPE,
            "audio/a.npy: is [2147483648,1], at most 2147483647 steps expected");
    refuses("audio.npy", "1, 2147483648, 1", UNIC_E_SHAPE,
            "\"audio\" is [1,2147483648,1], at most 2147483647 steps expected");
    refuses("audio.npy", "2147483648, 1, 1", UNIC_E_SHAPE,
            "with this file the clips are more than 2147483647");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("data/many");
    TCase *t = tcase_create("many");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, many_modalities);
    tcase_add_test(t, modalities_beyond_counting);
    tcase_add_test(t, more_than_are_counted);
    suite_add_tcase(suite, t);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
