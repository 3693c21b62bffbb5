/* lib/data/{shard,dataset} through unic_dataset.h: every clip once an epoch, in an order of
 * seed and epoch alone, whatever is read ahead and wherever one starts. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array/npz.h"
#include "dataset_help.h"
#include "file/io_help.h"

/* ---- order ------------------------------------------------------------------------------- */

START_TEST(reads_in_the_files_order)
{
    const int32_t epoch[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, END};
    int32_t got[MOST];
    unic_dataset *d = data_open_ten(4, 0, _i);
    ck_assert_uint_eq(unic_dataset_clip_count(d), 10);
    ck_assert_uint_eq(unic_dataset_batch_count(d), 3);
    ck_assert_uint_eq(unic_dataset_length(d), 5);
    for (int i = 0; i < 3; i++)
        data_assert_sequence(got, data_read(d, 4, NULL, got), epoch, 11);
    unic_dataset_free(d);
}
END_TEST

/* Ranks that read their parts read what one reads; only its rows. */
START_TEST(parts_are_rows_of_the_whole_batches)
{
    const size_t batches[] = {4, 7, 16}, parts[] = {2, 3, 4};
    for (size_t k = 0; k < 3; k++)
        for (size_t n = 0; n < 3; n++) {
            const size_t each = (batches[k] + parts[n] - 1) / parts[n];
            int32_t whole[MOST], got[MOST];
            unic_dataset *d = data_open_ten(batches[k], 1, _i);
            const size_t count = data_read(d, 6, NULL, whole);
            unic_dataset_free(d);
            for (size_t p = 0; p < parts[n]; p++) {
                char path[512];
                unic_dataset_options o = data_options(batches[k], 1, _i);
                o.part = (int32_t)p;
                o.parts = (int32_t)parts[n];
                d = data_open(data_write(&data_ten, path), &o);
                size_t at = 0, row = 0, wanted = data_read(d, 6, NULL, got);
                for (size_t i = 0; i < count; i++) {
                    const bool own = whole[i] == END || row / each == p;
                    ck_assert(!own || (at < wanted && got[at] == whole[i]));
                    at += own;
                    row = whole[i] == END || row + 1 == batches[k] ? 0 : row + 1;
                }
                ck_assert_uint_eq(at, wanted);
                unic_dataset_free(d);
            }
        }
}
END_TEST

START_TEST(shuffles_every_epoch_anew)
{
    int32_t first[11], second[11], again[11];
    unic_dataset *d = data_open_ten(4, 1, _i);
    ck_assert_uint_eq(data_read(d, 4, NULL, first), 11);
    ck_assert_uint_eq(data_read(d, 4, NULL, second), 11);
    ck_assert(memcmp(first, second, sizeof first) != 0);
    for (int i = 0; i < 2; i++) { /* each clip once */
        const int32_t *epoch = i ? second : first;
        unsigned seen = 0;
        for (size_t k = 0; k < 10; k++)
            seen |= 1U << epoch[k];
        ck_assert_uint_eq(seen, 0x3FF);
        ck_assert_int_eq(epoch[10], END);
    }
    unic_dataset_free(d);
    d = data_open_ten(4, 1, _i);
    data_assert_sequence(again, data_read(d, 4, NULL, again), first, 11);
    unic_dataset_free(d);
    char path[512];
    unic_dataset_options other = data_options(4, 1, _i);
    other.seed = 8;
    d = data_open(data_write(&data_ten, path), &other);
    ck_assert_uint_eq(data_read(d, 4, NULL, again), 11);
    ck_assert(memcmp(first, again, sizeof first) != 0);
    unic_dataset_free(d);
}
END_TEST

/* A run is resumed by a later version of the library too: this order never changes. */
START_TEST(the_order_of_a_seed_is_pinned)
{
    const int32_t pinned[] = {6, 8, 2, 9, 3, 7, 5, 4, 0, 1, END};
    int32_t got[11];
    unic_dataset *d = data_open_ten(10, 1, 0);
    io_assert_ok(unic_dataset_seek(d, 3, 0));
    data_assert_sequence(got, data_read(d, 2, NULL, got), pinned, 11);
    unic_dataset_free(d);
}
END_TEST

START_TEST(the_order_does_not_depend_on_the_batch)
{
    int32_t whole[MOST], single[MOST];
    unic_dataset *d = data_open_ten(10, 1, 0), *e = data_open_ten(1, 1, 2);
    data_assert_sequence(whole, data_read(d, 2, NULL, whole), single,
                         data_read(e, 11, NULL, single));
    unic_dataset_free(d);
    unic_dataset_free(e);
}
END_TEST

START_TEST(reading_ahead_changes_nothing)
{
    int32_t without[MOST], ahead[MOST];
    unic_dataset *d = data_open_ten(3, 1, 0);
    size_t n = data_read(d, 15, NULL, without);
    unic_dataset_free(d);
    const int prefetch[] = {1, 3, 40};
    for (size_t i = 0; i < sizeof prefetch / sizeof *prefetch; i++) {
        d = data_open_ten(3, 1, prefetch[i]);
        data_assert_sequence(ahead, data_read(d, 15, NULL, ahead), without, n);
        unic_dataset_free(d);
    }
}
END_TEST

START_TEST(seek_gives_the_uninterrupted_order)
{
    enum { EPOCHS = 3, CALLS = 4 }; /* three batches and the end */
    int32_t all[EPOCHS * 11], got[EPOCHS * 11];
    unic_dataset *d = data_open_ten(4, 1, _i);
    ck_assert_uint_eq(data_read(d, EPOCHS * CALLS, NULL, all), EPOCHS * 11);
    for (size_t call = EPOCHS * CALLS; call-- > 0;) { /* batch 3 of 3 is the end of the epoch */
        size_t epoch = call / CALLS, batch = call % CALLS;
        size_t start = epoch * 11 + (batch < 3 ? batch * 4 : 10);
        io_assert_ok(unic_dataset_seek(d, epoch, batch));
        data_assert_sequence(got, data_read(d, EPOCHS * CALLS - call, NULL, got), all + start,
                             EPOCHS * 11 - start);
    }
    io_assert_fails(unic_dataset_seek(d, 0, 4), UNIC_E_ARG,
                    "unic_dataset_seek: batch is 4, 0..3 expected");
    io_assert_ok(unic_dataset_seek(d, UINT64_MAX, 0));
    data_read(d, 5, NULL, got);
    unic_dataset_free(d);
}
END_TEST

START_TEST(drop_last_leaves_out_what_is_not_full)
{
    const int32_t epochs[] = {0, 1, 2, 3, 4, 5, 6, 7, END, 0, 1, 2, 3};
    int32_t got[MOST];
    char path[512];
    unic_dataset_options o = data_options(4, 0, _i);
    o.drop_last = 1;
    unic_dataset *d = data_open(data_write(&data_ten, path), &o);
    ck_assert_uint_eq(unic_dataset_batch_count(d), 2);
    data_assert_sequence(got, data_read(d, 4, NULL, got), epochs, 13);
    io_assert_fails(unic_dataset_seek(d, 0, 3), UNIC_E_ARG, "0..2 expected");
    unic_dataset_free(d);
    o.batch = 10;
    d = data_open(path, &o);
    ck_assert_uint_eq(unic_dataset_batch_count(d), 1);
    unic_dataset_free(d);
    o.batch = 11;
    const char *paths[] = {path};
    io_assert_fails(
        unic_dataset_open(&d, paths, 1, &o), UNIC_E_ARG,
        "10 clips do not fill a batch of 11, and drop_last leaves out batches that are "
        "not full: a batch of at most 10 (train.batch) or no drop_last "
        "(train.drop_last = off) is expected");
    ck_assert_ptr_null(d);
}
END_TEST

START_TEST(a_batch_may_be_larger_than_the_data)
{
    const int32_t epoch[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, END};
    int32_t got[MOST];
    unic_dataset *d = data_open_ten(SIZE_MAX, 0, _i);
    ck_assert_uint_eq(unic_dataset_batch_count(d), 1);
    data_assert_sequence(got, data_read(d, 2, NULL, got), epoch, 11);
    unic_dataset_free(d);
}
END_TEST

/* ---- files, lengths, modalities ---------------------------------------------------------- */

START_TEST(shards_are_one_sequence)
{
    const int32_t audio[] = {4, 0, 2};
    const data_file files[] = {{"dataset-a.npz", 0, 3, 4, audio, true},
                               {"dataset-b.npz", 3, 1, 7, NULL, true},
                               {"dataset-c.npz", 4, 5, 2, NULL, true}};
    const int32_t valid_audio[] = {4, 0, 2, 7, 2, 2, 2, 2, 2};
    const int32_t valid_video[] = {4, 4, 4, 7, 2, 2, 2, 2, 2};
    const data_lengths l = {valid_audio, valid_video};
    char path[3][512];
    const char *paths[3];
    for (size_t i = 0; i < 3; i++)
        paths[i] = data_write(&files[i], path[i]);
    for (int shuffle = 0; shuffle < 2; shuffle++) {
        const int32_t epoch[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, END};
        int32_t got[MOST];
        unic_dataset_options o = data_options(2, shuffle, _i);
        unic_dataset *d;
        io_assert_ok(unic_dataset_open(&d, paths, 3, &o));
        ck_assert_uint_eq(unic_dataset_clip_count(d), 9);
        ck_assert_uint_eq(unic_dataset_length(d), 7);
        ck_assert_uint_eq(unic_dataset_batch_count(d), 5);
        size_t n = data_read(d, 6, &l, got);
        if (!shuffle)
            data_assert_sequence(got, n, epoch, 10);
        data_read(d, 12, &l, got);
        unic_dataset_free(d);
    }
}
END_TEST

START_TEST(modalities_are_the_arrays_without_a_dot)
{
    const int32_t whole[10] = {5, 5, 5, 5, 5, 5, 5, 5, 5, 0};
    data_file f = data_ten;
    char path[512];
    int64_t dims[UNIC_MAX_RANK];
    size_t rank;
    f.audio_lengths = whole;
    unic_dataset_options o = data_options(4, 0, 0);
    unic_dataset *d = data_open(data_write(&f, path), &o);
    ck_assert_uint_eq(unic_dataset_modality_count(d), 2);
    ck_assert_str_eq(unic_dataset_modality_name(d, 0), "audio");
    ck_assert_str_eq(unic_dataset_modality_name(d, 1), "video");
    ck_assert_ptr_null(unic_dataset_modality_name(d, 2));
    io_assert_ok(unic_dataset_feature_dims(&rank, d, "video", dims));
    ck_assert(rank == 2 && dims[0] == VIDEO_H && dims[1] == VIDEO_W);
    io_assert_ok(unic_dataset_feature_dims(&rank, d, "audio", dims));
    ck_assert(rank == 1 && dims[0] == AUDIO);
    io_assert_fails(unic_dataset_feature_dims(&rank, d, "text", dims), UNIC_E_NOTFOUND,
                    "no modality \"text\"");
    unic_dataset_free(d);

    const char *const video[] = {"video"};
    const unic_batch *b;
    o.modalities = video;
    o.modality_count = 1;
    d = data_open(path, &o);
    ck_assert_uint_eq(unic_dataset_modality_count(d), 1);
    io_assert_ok(unic_dataset_next(&b, d));
    io_assert_ok(unic_batch_get(NULL, NULL, b, "video"));
    io_assert_fails(unic_batch_get(NULL, NULL, b, "audio"), UNIC_E_NOTFOUND, "audio");
    unic_dataset_free(d);
}
END_TEST

/* ---- what is refused --------------------------------------------------------------------- */

/* An array of one value everywhere; of a list, the last has no name. */
typedef struct array {
    const char *name;
    unic__shape shape;
    double fill;
} array;

static const char *write_arrays(const char *name, const array *arrays, char path[512])
{
    unic__npz_writer *w;
    snprintf(path, 512, "%s", io_path(name));
    io_assert_ok(unic__npz_create(&w, UNIC__TO_FILE(path)));
    for (; arrays->name; arrays++) {
        size_t n = unic__shape_count(&arrays->shape);
        double *x = calloc(n + 1, sizeof *x);
        for (size_t i = 0; i < n; i++)
            x[i] = arrays->fill;
        io_assert_ok(unic__npz_add_f64(w, arrays->name, &arrays->shape, x));
        free(x);
    }
    io_assert_ok(unic__npz_finish(w));
    return path;
}

/* Opening the two files (the second may be NULL) fails so. */
static void assert_refused(const array *one, const array *two, unic_status status,
                           const char *words)
{
    char first[512], second[512];
    const char *paths[] = {write_arrays("dataset-1.npz", one, first),
                           two ? write_arrays("dataset-2.npz", two, second) : NULL};
    unic_dataset_options o = data_options(2, 0, 0);
    unic_dataset *d;
    io_assert_fails(unic_dataset_open(&d, paths, two ? 2 : 1, &o), status, words);
    ck_assert_ptr_null(d);
}

#define ARRAYS(...) ((const array[]){__VA_ARGS__, {NULL, {0, {0}}, 0}})
#define OF(...)     UNIC__SHAPE_OF(__VA_ARGS__)

START_TEST(refuses_arrays_that_disagree)
{
    assert_refused(ARRAYS({"label", OF(3), 0}), NULL, UNIC_E_NOTFOUND,
                   "dataset-1.npz: no modality; an array [N,T,...] with a name without '.' "
                   "expected; there is: label");
    assert_refused(ARRAYS({"a.b", OF(3, 2, 1), 0}, {"d/audio", OF(3, 2, 1), 0}), NULL,
                   UNIC_E_NOTFOUND, "expected; there is: a.b, d/audio");
    assert_refused(ARRAYS({"a", OF(3), 0}), NULL, UNIC_E_SHAPE,
                   "dataset-1.npz: modality \"a\" is [3], [N,T,...] expected");
    assert_refused(ARRAYS({"a", OF(3, 0, 2), 0}), NULL, UNIC_E_SHAPE,
                   "dataset-1.npz: modality \"a\" is [3,0,2], no dim may be 0");
    assert_refused(ARRAYS({"a", OF(3, 4, 2), 0}, {"b", OF(3, 5, 2), 0}), NULL, UNIC_E_SHAPE,
                   "dataset-1.npz: modality \"b\" is [3,5,2], but \"a\" begins with [3,4]");
    assert_refused(ARRAYS({"a", OF(3, 4, 2), 0}, {"b", OF(2, 4, 2), 0}), NULL, UNIC_E_SHAPE,
                   "modality \"b\" is [2,4,2], but \"a\" begins with [3,4]");
    assert_refused(ARRAYS({"a", OF(3, 4, 2), 0}), ARRAYS({"a", OF(3, 4, 5), 0}), UNIC_E_SHAPE,
                   "dataset-2.npz: modality \"a\" has steps of [5], but of [2] in ");
    assert_refused(ARRAYS({"a", OF(3, 4, 2), 0}), ARRAYS({"a", OF(3, 4), 0}), UNIC_E_SHAPE,
                   "dataset-2.npz: modality \"a\" is [3,4], [N,T,...] expected");
    assert_refused(ARRAYS({"a", OF(3, 4, 2), 0}), ARRAYS({"label", OF(3), 0}), UNIC_E_NOTFOUND,
                   "dataset-2.npz: no modality");
}
END_TEST

/* A clip that holds NaN is passed over with its name, where damage is; here there is no other. */
START_TEST(skips_clips_that_hold_no_numbers)
{
    char path[512];
    const char *file = write_arrays(
        "dataset-1.npz", ARRAYS({"a", OF(1, 4, 2), NAN}, {"b", OF(1, 4, 2), 1}), path);
    unic_dataset_options o = data_options(1, 0, 0);
    o.on_damage = UNIC_DAMAGE_SKIPS;
    unic_dataset *d;
    const unic_batch *b = NULL;
    unic_array x;
    const int32_t *lengths = NULL;
    io_log_begin();
    io_assert_ok(unic_dataset_open(&d, &file, 1, &o));
    unic_status status = unic_dataset_next(&b, d);
    const char *log = io_log_end();
    ck_assert_ptr_nonnull(strstr(log, "modality \"a\": clip 0 of "));
    ck_assert_ptr_nonnull(strstr(log, "dataset-1.npz holds NaN or Inf in step 0, dim 0"));
    ck_assert_int_eq(status, UNIC_OK);
    io_assert_ok(unic_batch_get(&x, &lengths, b, "a"));
    ck_assert(lengths && lengths[0] == 0); /* the clip is there, without a step of it */
    unic_dataset_free(d);
}
END_TEST

START_TEST(refuses_lengths_that_cannot_be)
{
    const array a = {"a", OF(3, 4, 2), 0};
    assert_refused(ARRAYS(a, {"a.lengths", OF(3), 5}), NULL, UNIC_E_VALUE,
                   "dataset-1.npz: \"a.lengths\" of clip 0 is 5, 0..4 expected");
    assert_refused(ARRAYS(a, {"a.lengths", OF(3), -1}), NULL, UNIC_E_VALUE,
                   "\"a.lengths\" of clip 0 is -1, 0..4 expected");
    assert_refused(ARRAYS(a, {"a.lengths", OF(3), 0.5}), NULL, UNIC_E_VALUE, "dataset-1.npz");
    assert_refused(ARRAYS(a, {"a.lengths", OF(2), 1}), NULL, UNIC_E_SHAPE,
                   "\"a.lengths\" is [2], [3] expected");
    assert_refused(ARRAYS(a, {"a.lengths", OF(3, 1), 1}), NULL, UNIC_E_SHAPE,
                   "\"a.lengths\" is [3,1], [3] expected");
}
END_TEST

/* The file's numbers, as whole ones. */
static const char *write_lengths(const char *name, const char *member, const int32_t *lengths,
                                 bool two, char path[512])
{
    static const float x[3 * 4 * 2];
    unic__npz_writer *w;
    snprintf(path, 512, "%s", io_path(name));
    io_assert_ok(unic__npz_create(&w, UNIC__TO_FILE(path)));
    io_assert_ok(unic__npz_add_f32(w, "audio", &OF(3, 4, 2), x));
    if (two)
        io_assert_ok(unic__npz_add_f32(w, "video", &OF(3, 4, 2), x));
    io_assert_ok(unic__npz_add_i32(w, member, &OF(3), lengths));
    io_assert_ok(unic__npz_finish(w));
    return path;
}

/* Lengths under other names are read where they can only be one modality's, and told of where
 * not: padding would count as data. */
START_TEST(lengths_under_other_names)
{
    static const struct {
        const char *member;
        bool two, read;
        int32_t last;
        const char *says; /* of the log; NULL: nothing */
    } cases[] = {
        {"lengths", false, true, 1,
         "dataset-1.npz: \"lengths\" is read as \"audio.lengths\"\n"},
        {"audio.lengths", true, true, 1, NULL},
        {"lengths", true, false, 1,
         "dataset-1.npz: \"lengths\" [3] is not read: lengths of \"audio\" are read from "
         "\"audio.lengths\", and without it all 4 steps of each clip count\n"},
        {"lengths", true, false, 1, "lengths of \"video\" are read from \"video.lengths\""},
        {"lengths", false, false, 9,
         "\"lengths\" [3] is not read, as that of clip 2 is 9, 0..4 expected: lengths of "
         "\"audio\" are read"},
        {"audio_lengths", false, false, 1, "\"audio_lengths\" [3] is not read: lengths of"},
        {"audio.length", false, false, 1, "\"audio.length\" [3] is not read"},
        {"audio.lens", true, false, 1, "\"audio.lens\" [3] is not read: lengths of \"audio\""},
        {"audio.Lengths", false, false, 1, "\"audio.Lengths\" [3] is not read"},
        {"Audio.lengths", false, false, 1, "\"Audio.lengths\" [3] is not read"},
        {"audio.lenghts", false, false, 1, "\"audio.lenghts\" [3] is not read"},
        {"audio_len", false, false, 1, "\"audio_len\" [3] is not read"},
        {"len_audio", false, false, 1, "\"len_audio\" [3] is not read"},
        {"length", false, false, 1, "\"length\" [3] is not read: lengths of \"audio\""},
        {"video.lengths", false, false, 1, NULL}, /* of a modality that another file may have */
        {"audio.levels", false, false, 1, NULL},
        {"audio.speaker", false, false, 1, NULL},
        {"label", false, false, 1, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[512];
        const int32_t given[] = {4, 2, cases[i].last}, *lengths;
        const unic_batch *b;
        unic_dataset_options o = data_options(3, 0, 0);
        write_lengths("dataset-1.npz", cases[i].member, given, cases[i].two, path);
        io_log_begin();
        unic_dataset *d = data_open(path, &o);
        const char *log = io_log_end();
        ck_assert_msg(cases[i].says ? strstr(log, cases[i].says) != NULL : !*log,
                      "%s: the log says \"%s\"", cases[i].member, log);
        io_assert_ok(unic_dataset_next(&b, d));
        io_assert_ok(unic_batch_get(NULL, &lengths, b, "audio"));
        for (int k = 0; k < 3; k++)
            ck_assert_int_eq(lengths[k], cases[i].read ? given[k] : 4);
        unic_dataset_free(d);
    }
}
END_TEST

/* What may have been meant as a modality, or says which steps are there, is told of. */
START_TEST(arrays_that_are_left_out)
{
    static const struct {
        const char *name;
        unic__shape shape;
        bool whole;       /* of int32 */
        const char *says; /* NULL: nothing */
    } cases[] = {
        {"video.features",
         {3, {3, 4, 2}},
         false,
         "dataset-1.npz: \"video.features\" [3,4,2] is not read: the name of a modality has no "
         "'.' and no '/'\n"},
        {"features/video", {3, {3, 4, 2}}, true, "\"features/video\" [3,4,2] is not read: the"},
        {"video.npy", {3, {3, 4, 2}}, false, "\"video.npy\" [3,4,2] is not read: the"},
        {"text",
         {2, {3, 6}},
         false,
         "dataset-1.npz: \"text\" [3,6] is not read: a modality is [N,T,...]\n"},
        {"audio_mask",
         {2, {3, 4}},
         true,
         "dataset-1.npz: \"audio_mask\" [3,4] is not read: lengths of \"audio\" are read from "
         "\"audio.lengths\", and without it all 4 steps of each clip count\n"},
        {"audio.Mask", {2, {3, 4}}, false, "\"audio.Mask\" [3,4] is not read: lengths of"},
        {"attention_mask", {2, {3, 4}}, true, "\"attention_mask\" [3,4] is not read: lengths"},
        {"video.features", {3, {2, 4, 2}}, false, NULL}, /* of other clips */
        {"audio.step_labels", {3, {3, 4, 2}}, true, NULL},
        {"video.step_labels", {3, {3, 4, 2}}, true, NULL},
        {"audio.speaker", {2, {3, 6}}, false, NULL},
        {"label", {2, {3, 6}}, true, NULL},
        {"boxes", {2, {3, 6}}, true, NULL},
        {"mask", {2, {3, 7}}, false, NULL}, /* not of steps */
    };
    static float numbers[24];
    static const int32_t wholes[24];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *path = io_path("dataset-1.npz");
        unic__npz_writer *w;
        io_assert_ok(unic__npz_create(&w, UNIC__TO_FILE(path)));
        io_assert_ok(unic__npz_add_f32(w, "audio", &OF(3, 4, 2), numbers));
        io_assert_ok(cases[i].whole
                         ? unic__npz_add_i32(w, cases[i].name, &cases[i].shape, wholes)
                         : unic__npz_add_f32(w, cases[i].name, &cases[i].shape, numbers));
        io_assert_ok(unic__npz_finish(w));
        unic_dataset_options o = data_options(3, 0, 0);
        io_log_begin();
        unic_dataset_free(data_open(path, &o));
        const char *log = io_log_end();
        ck_assert_msg(cases[i].says ? strstr(log, cases[i].says) != NULL : !*log,
                      "%s: the log says \"%s\"", cases[i].name, log);
        /* named modalities are all that is asked for; with lengths a mask adds nothing */
        if (strstr(cases[i].name, "ask"))
            continue;
        o.modalities = (const char *[]){"audio"};
        o.modality_count = 1;
        io_log_begin();
        unic_dataset_free(data_open(path, &o));
        ck_assert_str_eq(io_log_end(), "");
    }
}
END_TEST

/* An array that is more likely labels or masks is told of, where modalities are not named. */
START_TEST(modalities_that_were_hardly_meant)
{
    static const struct {
        const char *name, *says; /* NULL: nothing */
    } cases[] = {
        {"labels", "dataset-1.npz: \"labels\" [3,4,2] is read as a modality; did you mean "
                   "\"label\"?\n"},
        {"Label", "did you mean \"label\"?"},
        {"lable", "did you mean \"label\"?"},
        {"mask", "\"mask\" [3,4,2] is read as a modality; did you mean \"masks\"?"},
        {"step_labels", "did you mean \"<modality>.step_labels\"?"},
        {"step_label", "did you mean \"<modality>.step_labels\"?"},
        {"audio_step_labels", "did you mean \"audio.step_labels\"?"},
        {"my-audio-step_label", "did you mean \"my-audio.step_labels\"?"},
        {"masks", NULL},
        {"table", NULL},
        {"level", NULL},
        {"video", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[512];
        unic_dataset_options o = data_options(3, 0, 0);
        write_arrays("dataset-1.npz",
                     ARRAYS({"audio", OF(3, 4, 2), 0}, {cases[i].name, OF(3, 4, 2), 0}), path);
        io_log_begin();
        unic_dataset_free(data_open(path, &o));
        const char *log = io_log_end();
        ck_assert_msg(cases[i].says ? strstr(log, cases[i].says) != NULL : !*log,
                      "%s: the log says \"%s\"", cases[i].name, log);
        o.modalities = (const char *const[]){"audio", cases[i].name};
        o.modality_count = 2;
        io_log_begin();
        unic_dataset_free(data_open(path, &o));
        ck_assert_str_eq(io_log_end(), "");
    }
}
END_TEST

/* A modality may be missing in a file, and `speaker` [N] is none. */
START_TEST(files_may_lack_modalities)
{
    char first[512], second[512];
    const char *paths[] = {
        write_arrays("dataset-1.npz",
                     ARRAYS({"a", OF(2, 3, 2), 1}, {"label", OF(2), 0}, {"speaker", OF(2), 0}),
                     first),
        write_arrays(
            "dataset-2.npz",
            ARRAYS({"a", OF(1, 3, 2), 1}, {"b", OF(1, 3, 1), 2}, {"pitch", OF(1, 3), 0}),
            second)};
    unic_dataset_options o = data_options(3, 0, _i);
    const unic_batch *batch;
    const int32_t *a, *b;
    unic_array x;
    unic_dataset *d;
    io_assert_ok(unic_dataset_open(&d, paths, 2, &o));
    ck_assert_uint_eq(unic_dataset_modality_count(d), 2);
    ck_assert_str_eq(unic_dataset_modality_name(d, 1), "b");
    io_assert_ok(unic_dataset_next(&batch, d));
    io_assert_ok(unic_batch_get(NULL, &a, batch, "a"));
    io_assert_ok(unic_batch_get(&x, &b, batch, "b"));
    ck_assert(a[0] == 3 && a[1] == 3 && a[2] == 3 && b[0] == 0 && b[1] == 0 && b[2] == 3);
    for (int i = 0; i < 9; i++)
        ck_assert(((const float *)x.data)[i] == (i < 6 ? 0.0F : 2.0F));
    unic_dataset_free(d);

    const char *const named[] = {"b"}, *const flat[] = {"pitch"}, *const none[] = {"c"};
    o.modalities = named;
    o.modality_count = 1;
    io_assert_fails(unic_dataset_open(&d, paths, 2, &o), UNIC_E_NOTFOUND,
                    "dataset-1.npz: has none of the modalities that are read");
    o.modalities = none;
    io_assert_fails(unic_dataset_open(&d, paths, 2, &o), UNIC_E_NOTFOUND,
                    "dataset-1.npz: no array \"c\"");
    o.modalities = flat; /* named, it is one: of steps without dims */
    io_assert_ok(unic_dataset_open(&d, paths + 1, 1, &o));
    unic_dataset_free(d);
}
END_TEST

/* Clips longer than options.length are cut and counted, shorter ones padded, or filled up with
 * their last step. */
START_TEST(batches_have_the_length_asked_for)
{
    const int32_t lengths[10] = {5, 1, 2, 3, 4, 5, 0, 5, 2, 5};
    const char *const repeated[] = {"audio", "text"};
    data_file f = data_ten;
    char path[512];
    int64_t dims[UNIC_MAX_RANK];
    size_t rank;
    int32_t labels[10 * 7];
    f.audio_lengths = lengths;
    data_write(&f, path);
    for (size_t length = 1; length <= 7; length++)
        for (size_t repeats = 0; repeats <= 2; repeats += 2) {
            unic_dataset_options o = data_options(10, 0, _i);
            o.length = length;
            o.repeat_last = repeats ? repeated : NULL;
            o.repeat_last_count = repeats;
            unic_dataset *d = data_open(path, &o);
            const unic_batch *batch;
            const int32_t *audio, *video;
            unic_array x;
            io_log_begin();
            ck_assert_uint_eq(unic_dataset_length(d), length);
            io_assert_ok(unic_dataset_next(&batch, d));
            io_assert_ok(unic_batch_get(NULL, &video, batch, "video"));
            io_assert_ok(unic_batch_get(&x, &audio, batch, "audio"));
            size_t cut = 0;
            for (size_t i = 0; i < 10; i++) {
                size_t have = (size_t)lengths[i], used = have < length ? have : length;
                cut += have > length;
                ck_assert_int_eq(video[i], length < 5 ? (int32_t)length : 5);
                ck_assert_int_eq(audio[i], (int32_t)(repeats && have ? length : used));
                for (size_t k = 0; k < length * AUDIO; k++) {
                    size_t step = k / AUDIO;
                    if (repeats && have && step >= used)
                        step = used - 1;
                    float expected = step < used ? data_value(i, 0, step, k % AUDIO) : 0.0F;
                    ck_assert(((const float *)x.data)[i * length * AUDIO + k] == expected);
                }
            }
            io_assert_ok(unic_dataset_labels(&rank, d, "video.step_labels", dims, labels));
            ck_assert(rank == 2 && dims[1] == (int64_t)length);
            for (size_t i = 0; i < 10 * length; i++)
                ck_assert_int_eq(labels[i],
                                 i % length < 5 ? (int)(i / length * 10 + i % length) : -1);
            io_assert_ok(unic_dataset_next(&batch, d));
            ck_assert_ptr_null(batch);
            char line[128];
            snprintf(line, sizeof line,
                     "modality \"audio\": %zu clips of more than %zu steps were cut\n", cut,
                     length);
            ck_assert(cut ? strstr(io_log_end(), line) != NULL : !*io_log_end());
            unic_dataset_free(d);
        }
}
END_TEST

static void assert_option(unic_dataset_options o, unic_status status, const char *words)
{
    char path[512];
    const char *paths[] = {data_write(&data_ten, path)};
    unic_dataset *d;
    io_assert_fails(unic_dataset_open(&d, paths, 1, &o), status, words);
    ck_assert_ptr_null(d);
}

START_TEST(refuses_options_out_of_range)
{
    unic_dataset_options o = data_options(0, 0, 0);
    assert_option(o, UNIC_E_ARG, "batch is 0, at least 1 expected");
    o = data_options(1, 0, -1);
    assert_option(o, UNIC_E_ARG, "prefetch is -1, 0..1024 expected");
    o = data_options(1, 0, 0);
    o.struct_size--;
    assert_option(o, UNIC_E_ARG, "options has struct_size");
    o = data_options(1, 0, 0);
    o.on_damage = 2;
    assert_option(o, UNIC_E_ARG, "on_damage is 2, a unic_on_damage (0, 1) expected");
    o = data_options(1, 0, 0);
    o.length = (size_t)INT32_MAX + 1;
    assert_option(o, UNIC_E_ARG, "length is 2147483648, at most 2147483647 expected");
    o = data_options(1, 0, 0);
    o.repeat_last_count = 1;
    assert_option(o, UNIC_E_ARG, "repeat_last is NULL, but repeat_last_count is 1");
    o = data_options(1, 0, 0);
    o.split = "train";
    assert_option(o, UNIC_E_ARG, "split \"train\" is asked for, but ");
    o = data_options(1, 0, 0);
    o.reserved[2] = &o;
    assert_option(o, UNIC_E_ARG, "options: reserved[2] of unic_dataset_options is not zero");
    o = data_options(1, 0, 0);
    o.part = 2;
    o.parts = 2;
    assert_option(o, UNIC_E_ARG, "part is 2 of 2 parts, 0..parts-1 expected");
    o = data_options(1, 0, 0);
    o.modality_count = 2;
    assert_option(o, UNIC_E_ARG, "modalities is NULL, but modality_count is 2");
    const char *const dotted[] = {"audio", "audio.lengths"}, *const twice[] = {"audio",
                                                                               "audio"};
    const char *const missing[] = {"audio", NULL}, *const wrong[] = {"audio", "vidio"};
    o.modalities = dotted;
    assert_option(o, UNIC_E_ARG, "modalities[1] is \"audio.lengths\", a name without '.'");
    o.modalities = missing;
    assert_option(o, UNIC_E_ARG, "modalities[1] is NULL");
    o.modalities = twice;
    assert_option(o, UNIC_E_ARG, "modality \"audio\" is named twice");
    o.modalities = wrong;
    assert_option(o, UNIC_E_NOTFOUND, "no array \"vidio\"; did you mean \"video\"?");
}
END_TEST

START_TEST(refuses_arguments_that_are_missing)
{
    unic_dataset_options o = data_options(4, 0, 0);
    const char *const none[] = {NULL}, *const absent[] = {"/nowhere/data.npz"};
    unic_dataset *d;
    const unic_batch *b;
    int64_t dims[UNIC_MAX_RANK];
    size_t rank;
    io_assert_fails(unic_dataset_open(NULL, absent, 1, &o), UNIC_E_ARG, "out is NULL");
    io_assert_fails(unic_dataset_open(&d, NULL, 1, &o), UNIC_E_ARG, "no paths");
    io_assert_fails(unic_dataset_open(&d, absent, 0, &o), UNIC_E_ARG, "no paths");
    io_assert_fails(unic_dataset_open(&d, none, 1, &o), UNIC_E_ARG, "paths[0] is NULL");
    io_assert_fails(unic_dataset_open(&d, absent, 1, NULL), UNIC_E_ARG, "options is NULL");
    io_assert_fails(unic_dataset_open(&d, absent, 1, &o), UNIC_E_NOTFOUND, "/nowhere/data.npz");
    ck_assert_ptr_null(d);
    io_assert_fails(unic_dataset_next(&b, NULL), UNIC_E_ARG, "dataset is NULL");
    io_assert_fails(unic_dataset_seek(NULL, 0, 0), UNIC_E_ARG, "dataset is NULL");
    io_assert_fails(unic_dataset_labels(&rank, NULL, "label", dims, NULL), UNIC_E_ARG,
                    "dataset is NULL");
    io_assert_fails(unic_dataset_feature_dims(&rank, NULL, "a", dims), UNIC_E_ARG,
                    "dataset is NULL");
    ck_assert(unic_dataset_clip_count(NULL) == 0 && unic_dataset_batch_count(NULL) == 0 &&
              unic_dataset_length(NULL) == 0 && unic_dataset_modality_count(NULL) == 0);
    ck_assert_ptr_null(unic_dataset_modality_name(NULL, 0));
    unic_dataset_free(NULL);
    d = data_open_ten(4, 0, 0);
    io_assert_fails(unic_dataset_next(NULL, d), UNIC_E_ARG, "batch is NULL");
    io_assert_fails(unic_dataset_labels(&rank, d, NULL, dims, NULL), UNIC_E_ARG,
                    "name is NULL");
    io_assert_fails(unic_dataset_labels(&rank, d, "label", NULL, NULL), UNIC_E_ARG,
                    "dims is NULL");
    io_assert_fails(unic_dataset_labels(NULL, d, "label", dims, NULL), UNIC_E_ARG,
                    "rank is NULL");
    io_assert_fails(unic_dataset_feature_dims(NULL, d, "audio", dims), UNIC_E_ARG,
                    "rank is NULL");
    unic_dataset_free(d);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("data/dataset");
    TCase *t = tcase_create("dataset");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, reads_in_the_files_order, 0, 3); /* _i is the prefetch */
    tcase_add_loop_test(t, parts_are_rows_of_the_whole_batches, 0, 3);
    tcase_add_loop_test(t, shuffles_every_epoch_anew, 0, 3);
    tcase_add_test(t, the_order_of_a_seed_is_pinned);
    tcase_add_test(t, the_order_does_not_depend_on_the_batch);
    tcase_add_test(t, reading_ahead_changes_nothing);
    tcase_add_loop_test(t, seek_gives_the_uninterrupted_order, 0, 4);
    tcase_add_loop_test(t, drop_last_leaves_out_what_is_not_full, 0, 3);
    tcase_add_loop_test(t, a_batch_may_be_larger_than_the_data, 0, 3);
    tcase_add_loop_test(t, shards_are_one_sequence, 0, 3);
    tcase_add_test(t, modalities_are_the_arrays_without_a_dot);
    tcase_add_loop_test(t, files_may_lack_modalities, 0, 3);
    tcase_add_loop_test(t, batches_have_the_length_asked_for, 0, 3);
    tcase_add_test(t, refuses_arrays_that_disagree);
    tcase_add_test(t, skips_clips_that_hold_no_numbers);
    tcase_add_test(t, refuses_lengths_that_cannot_be);
    tcase_add_test(t, lengths_under_other_names);
    tcase_add_test(t, arrays_that_are_left_out);
    tcase_add_test(t, modalities_that_were_hardly_meant);
    tcase_add_test(t, refuses_options_out_of_range);
    tcase_add_test(t, refuses_arguments_that_are_missing);
    suite_add_tcase(suite, t);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
