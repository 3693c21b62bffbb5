/* lib/data/labels through unic_dataset.h. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "array/npz.h"
#include "dataset_help.h"
#include "file/io_help.h"
#include "unicode/unic_npz.h"

START_TEST(labels_come_in_the_files_order)
{
    const data_file files[] = {{"dataset-a.npz", 0, 3, 4, NULL, true},
                               {"dataset-b.npz", 3, 2, 6, NULL, true}};
    char path[2][512];
    const char *paths[] = {data_write(&files[0], path[0]), data_write(&files[1], path[1])};
    int64_t dims[UNIC_MAX_RANK];
    size_t rank;
    int32_t label[5], step[5 * 6], before[MOST], after[MOST];
    unic_dataset_options o = data_options(2, 1, _i);
    const data_lengths l = {(const int32_t[]){4, 4, 4, 6, 6}, (const int32_t[]){4, 4, 4, 6, 6}};
    unic_dataset *d, *e;
    io_assert_ok(unic_dataset_open(&d, paths, 2, &o));
    io_assert_ok(unic_dataset_open(&e, paths, 2, &o));
    size_t n = data_read(e, 2, &l, before);
    ck_assert_uint_eq(data_read(d, 2, &l, after), n);
    io_assert_ok(unic_dataset_labels(&rank, d, "label", dims, NULL));
    ck_assert(rank == 1 && dims[0] == 5);
    io_assert_ok(unic_dataset_labels(&rank, d, "label", dims, label));
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(label[i], i % 7);
    io_assert_ok(unic_dataset_labels(&rank, d, "video.step_labels", dims, step));
    ck_assert(rank == 2 && dims[0] == 5 && dims[1] == 6);
    for (int i = 0; i < 5 * 6; i++)
        ck_assert_int_eq(step[i], i / 6 < 3 && i % 6 >= 4 ? -1 : i / 6 * 10 + i % 6);
    n = data_read(e, 6, &l, before); /* labels in between do not disturb the order */
    data_assert_sequence(after, data_read(d, 6, &l, after), before, n);
    io_assert_fails(unic_dataset_labels(&rank, d, "audio.step_labels", dims, NULL),
                    UNIC_E_NOTFOUND, "dataset-a.npz: no array \"audio.step_labels\"");
    io_assert_fails(unic_dataset_labels(&rank, d, "video", dims, NULL), UNIC_E_NOTFOUND,
                    "no labels \"video\"; \"label\" or \"<modality>.step_labels\" expected");
    unic_dataset_free(d);
    unic_dataset_free(e);
}
END_TEST

START_TEST(labels_that_one_file_lacks_are_told)
{
    const char *paths[2] = {io_path("dataset-with.npz"), io_path("dataset-without.npz")};
    const float x[2] = {0};
    const double label[2] = {0, 1};
    for (int swapped = 0; swapped < 2; swapped++) {
        for (int i = 0; i < 2; i++) {
            unic__npz_writer *w;
            io_assert_ok(unic__npz_create(&w, UNIC__TO_FILE(paths[i])));
            io_assert_ok(unic__npz_add_f32(w, "audio", &UNIC__SHAPE_OF(2, 1, 1), x));
            if (i == 0)
                io_assert_ok(unic__npz_add_f64(w, "label", &UNIC__SHAPE_OF(2), label));
            io_assert_ok(unic__npz_finish(w));
        }
        const char *both[2] = {paths[swapped], paths[1 - swapped]};
        unic_dataset_options o = data_options(1, 0, 0);
        unic_dataset *d;
        size_t rank;
        int64_t dims[UNIC_MAX_RANK];
        io_assert_ok(unic_dataset_open(&d, both, 2, &o));
        io_log_begin();
        io_assert_fails(unic_dataset_labels(&rank, d, "label", dims, NULL), UNIC_E_NOTFOUND,
                        "dataset-without.npz: no array \"label\"");
        ck_assert_ptr_nonnull(
            strstr(io_log_end(), "dataset-without.npz: there are none for all"));
        ck_assert_ptr_nonnull(strstr(io_log_end(), "\"label\" is in "));
        io_log_begin(); /* nobody has these: nothing to tell */
        io_assert_fails(unic_dataset_labels(&rank, d, "audio.step_labels", dims, NULL),
                        UNIC_E_NOTFOUND, "no array \"audio.step_labels\"");
        ck_assert_str_eq(io_log_end(), "");
        unic_dataset_free(d);
    }
}
END_TEST

/* A file of two clips of one step, with `label` of a shape and values to try. */
static unic_dataset *open_labelled(const unic__shape *shape, const double *labels)
{
    const char *path = io_path("dataset-label.npz");
    const float x[2] = {0};
    unic__npz_writer *w;
    io_assert_ok(unic__npz_create(&w, UNIC__TO_FILE(path)));
    io_assert_ok(unic__npz_add_f32(w, "audio", &UNIC__SHAPE_OF(2, 1, 1), x));
    io_assert_ok(unic__npz_add_f64(w, "audio.step_labels", shape, labels));
    io_assert_ok(unic__npz_add_f64(w, "label", shape, labels));
    io_assert_ok(unic__npz_finish(w));
    unic_dataset_options o = data_options(1, 0, 0);
    return data_open(path, &o);
}

/* Files of one data set have labels of one shape behind [N] or [N,T]. */
START_TEST(labels_of_files_that_disagree)
{
    const char *names[] = {"dataset-a.npz", "dataset-b.npz"};
    char path[2][512];
    const char *paths[] = {path[0], path[1]};
    const float x[2] = {0};
    const double labels[8] = {0};
    for (size_t i = 0; i < 2; i++) {
        unic__npz_writer *w;
        snprintf(path[i], sizeof path[i], "%s", io_path(names[i]));
        io_assert_ok(unic__npz_create(&w, UNIC__TO_FILE(path[i])));
        io_assert_ok(unic__npz_add_f32(w, "audio", &UNIC__SHAPE_OF(2, 1, 1), x));
        io_assert_ok(unic__npz_add_f64(w, "label", &UNIC__SHAPE_OF(2, 3 + i), labels));
        io_assert_ok(unic__npz_finish(w));
    }
    unic_dataset_options o = data_options(1, 0, 0);
    unic_dataset *d;
    int64_t dims[UNIC_MAX_RANK];
    size_t rank;
    io_assert_ok(unic_dataset_open(&d, paths, 2, &o));
    io_assert_fails(unic_dataset_labels(&rank, d, "label", dims, NULL), UNIC_E_SHAPE,
                    "dataset-b.npz: \"label\" ends with [4], but with [3] in ");
    unic_dataset_free(d);
}
END_TEST

START_TEST(labels_are_whole_numbers_of_any_type)
{
    int64_t dims[UNIC_MAX_RANK];
    size_t rank;
    int32_t out[6];
    unic_dataset *d = open_labelled(&UNIC__SHAPE_OF(2, 3), (const double[]){0, 1, 0, 1, 1, -3});
    io_assert_ok(unic_dataset_labels(&rank, d, "label", dims, out));
    ck_assert(rank == 2 && dims[0] == 2 && dims[1] == 3 && out[4] == 1 && out[5] == -3);
    io_assert_fails(unic_dataset_labels(&rank, d, "audio.step_labels", dims, out), UNIC_E_SHAPE,
                    "\"audio.step_labels\" is [2,3], [2,1] expected, or one dim more");
    unic_dataset_free(d);
    d = open_labelled(&UNIC__SHAPE_OF(2, 1, 2), (const double[]){0, 1, 1, 0});
    io_assert_ok(unic_dataset_labels(&rank, d, "audio.step_labels", dims, out));
    ck_assert(rank == 3 && dims[0] == 2 && dims[1] == 1 && dims[2] == 2 && out[2] == 1);
    io_assert_fails(unic_dataset_labels(&rank, d, "label", dims, out), UNIC_E_SHAPE,
                    "\"label\" is [2,1,2], [2] expected");
    unic_dataset_free(d);
    d = open_labelled(&UNIC__SHAPE_OF(2), (const double[]){0, 0.5});
    io_assert_fails(unic_dataset_labels(&rank, d, "label", dims, out), UNIC_E_VALUE,
                    "dataset-label.npz");
    unic_dataset_free(d);
    d = open_labelled(&UNIC__SHAPE_OF(2), (const double[]){0, 3e9});
    io_assert_fails(unic_dataset_labels(&rank, d, "label", dims, out), UNIC_E_VALUE,
                    "beyond int32");
    unic_dataset_free(d);
    d = open_labelled(&UNIC__SHAPE_OF(3), (const double[]){0, 0, 0});
    io_assert_fails(unic_dataset_labels(&rank, d, "label", dims, NULL), UNIC_E_SHAPE,
                    "\"label\" is [3], [2] expected");
    unic_dataset_free(d);
}
END_TEST

/* ---- names of classes beside labels ---- */

enum { NAMED = 3 }; /* clips of one step */

typedef struct named_file {
    size_t classes; /* 0: a class for each clip, else 0 and 1 for so many */
    int32_t labels[NAMED * 4];
    size_t size; /* of the names, 0: none */
    unic_dtype dtype;
    const char *names;
} named_file;

static void add_array(unic_npz_writer *w, const char *name, const void *data, unic_dtype dtype,
                      int rank, const int64_t *dims)
{
    unic_array a;
    unic_array_init(&a, data, dtype, rank, dims);
    io_assert_ok(unic_npz_writer_add(w, name, &a));
}

static const char *write_named(const char *path, const named_file *f)
{
    const float x[NAMED] = {0};
    unic_npz_writer *w;
    io_assert_ok(unic_npz_writer_create(&w, path));
    add_array(w, "audio", x, UNIC_F32, 3, (const int64_t[]){NAMED, 1, 1});
    add_array(w, "label", f->labels, UNIC_I32, f->classes ? 2 : 1,
              (const int64_t[]){NAMED, (int64_t)f->classes});
    if (f->size)
        add_array(w, "label.names", f->names, f->dtype, 1, (const int64_t[]){(int64_t)f->size});
    io_assert_ok(unic_npz_writer_finish(w));
    unic_npz_writer_free(w);
    return path;
}

static unic_status open_named(unic_dataset **d, const named_file *files, size_t n)
{
    static const char *const names[] = {"dataset-n.npz", "dataset-m.npz"};
    char path[2][512];
    const char *paths[2];
    for (size_t i = 0; i < n; i++) {
        snprintf(path[i], sizeof path[i], "%s", io_path(names[i]));
        paths[i] = write_named(path[i], &files[i]);
    }
    const unic_dataset_options o = data_options(1, 0, 0);
    return unic_dataset_open(d, paths, n, &o);
}

static void assert_named(const named_file *files, size_t n, const char *all,
                         const int32_t *labels, size_t width)
{
    unic_dataset *d;
    int64_t dims[UNIC_MAX_RANK];
    int32_t out[2 * NAMED * 4];
    size_t rank, classes = 0;
    io_assert_ok(open_named(&d, files, n));
    for (const char *at = all; *at; at += strlen(at) + 1)
        ck_assert_str_eq(unic_dataset_class_name(d, "label", classes++), at);
    ck_assert_uint_eq(unic_dataset_class_count(d, "label"), classes);
    ck_assert_uint_eq(unic_dataset_class_count(d, "audio.step_labels"), 0);
    io_assert_ok(unic_dataset_labels(&rank, d, "label", dims, NULL));
    ck_assert(rank == (width ? 2 : 1) && dims[0] == (int64_t)(n * NAMED));
    ck_assert(!width || dims[1] == (int64_t)width);
    io_assert_ok(unic_dataset_labels(&rank, d, "label", dims, out));
    ck_assert_mem_eq(out, labels, n * NAMED * (width ? width : 1) * sizeof *out);
    unic_dataset_free(d);
}

/* A file's numbers are those of its names; of files that are opened together, of all names, in
 * a table's order. */
START_TEST(names_beside_labels_decide)
{
    const named_file files[] = {
        {0, {0, 2, -1}, 12, UNIC_U8, "eel\0cat\0dog"},
        {0, {1, 0, 1}, 8, UNIC_U8, "ant\0cat"},
        {2,
         {1, 0, 0, 0, -1, 1},
         5,
         UNIC_U8,
         "10\0"
         "9"},
        {1, {1, 0, 1}, 2, UNIC_U8, "8"},
        {0, {0, 1, 2}, 12, UNIC_I32, NULL}, /* something else of that name */
        {0, {0, 1, 2}, 0, UNIC_U8, NULL},
    };
    const int32_t other[3] = {0};
    named_file strange = files[4];
    strange.names = (const char *)other;
    strange.size = 3;
    assert_named(&files[0], 1, "cat\0dog\0eel\0", (const int32_t[]){2, 1, -1}, 0);
    assert_named(&files[0], 2, "ant\0cat\0dog\0eel\0", (const int32_t[]){3, 2, -1, 1, 0, 1}, 0);
    const named_file some[] = {
        files[0], {0, {1, 0, 1}, 8, UNIC_U8, "dog\0cat"}, files[0], files[0]};
    assert_named(&some[0], 2, "cat\0dog\0eel\0", (const int32_t[]){2, 1, -1, 0, 1, 0}, 0);
    assert_named(&some[1], 2, "cat\0dog\0eel\0", (const int32_t[]){0, 1, 0, 2, 1, -1}, 0);
    assert_named(&some[2], 2, "cat\0dog\0eel\0", (const int32_t[]){2, 1, -1, 2, 1, -1}, 0);
    assert_named(&files[2], 1,
                 "9\0"
                 "10\0",
                 (const int32_t[]){0, 1, 0, 0, 1, -1}, 2);
    assert_named(&files[2], 2,
                 "8\0"
                 "9\0"
                 "10\0",
                 (const int32_t[]){0, 0, 1, 0, 0, 0, 0, 1, -1, 1, 0, 0, 0, 0, 0, 1, 0, 0}, 3);
    io_log_begin();
    assert_named(&strange, 1, "", strange.labels, 0);
    ck_assert_ptr_nonnull(
        strstr(io_log_end(), "dataset-n.npz: label.names is not read: bytes"));
    assert_named(&files[5], 1, "", files[5].labels, 0);
}
END_TEST

START_TEST(wrong_names_beside_labels_are_refused)
{
    unic_dataset *d;
    int64_t dims[UNIC_MAX_RANK];
    int32_t out[2 * NAMED * 4];
    size_t rank;
    const struct {
        named_file file;
        const char *says;
    } wrong[] = {
        {{0, {0, 1, 0}, 3, UNIC_U8, "a\0b"}, "label.names does not end with a 0"},
        {{0, {0, 1, 0}, 4, UNIC_U8, "a\0a"},
         "label.names has 2 names, of which 1 are different"},
        {{0, {0, 2, 0}, 4, UNIC_U8, "a\0b"},
         "dataset-n.npz: label 2 of clip 1 is not in -1..1: label.names has 2 names"},
        {{3, {0}, 4, UNIC_U8, "a\0b"}, "label is of 3 classes, but label.names has 2"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (i < 2) {
            io_assert_fails(open_named(&d, &wrong[i].file, 1), UNIC_E_FORMAT, wrong[i].says);
            ck_assert_ptr_null(d);
            continue;
        }
        io_assert_ok(open_named(&d, &wrong[i].file, 1));
        io_assert_fails(unic_dataset_labels(&rank, d, "label", dims, out),
                        i == 2 ? UNIC_E_VALUE : UNIC_E_FORMAT, wrong[i].says);
        unic_dataset_free(d);
    }
    const named_file mixed[] = {{0, {0, 1, 0}, 4, UNIC_U8, "a\0b"},
                                {0, {0, 1, 0}, 0, UNIC_U8, NULL}};
    io_assert_ok(open_named(&d, mixed, 2));
    io_assert_fails(unic_dataset_labels(&rank, d, "label", dims, out), UNIC_E_MISMATCH,
                    "has names of classes in");
    unic_dataset_free(d);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("data/labels");
    TCase *t = tcase_create("labels");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, labels_come_in_the_files_order, 0, 3); /* _i is the prefetch */
    tcase_add_test(t, labels_that_one_file_lacks_are_told);
    tcase_add_test(t, labels_of_files_that_disagree);
    tcase_add_test(t, labels_are_whole_numbers_of_any_type);
    tcase_add_test(t, names_beside_labels_decide);
    tcase_add_test(t, wrong_names_beside_labels_are_refused);
    suite_add_tcase(suite, t);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
