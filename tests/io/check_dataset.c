/* lib/io/{shard,dataset,prefetch,labels} through unic_dataset.h: every clip once an epoch, in an
 * order that depends on seed and epoch alone, whatever is read ahead and wherever one starts. */
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "io/npz.h"
#include "io_help.h"
#include "unicode/unic_dataset.h"

enum { AUDIO = 3, VIDEO_H = 2, VIDEO_W = 2, VIDEO = VIDEO_H * VIDEO_W, LONGEST = 8, MOST = 64 };
enum { END = -1 }; /* of an epoch, in a sequence of clips */

/* ---- data whose every value tells where it belongs -------------------------------------------- */

static float value(size_t clip, size_t modality, size_t step, size_t k)
{
    return (float)(clip * 1000 + step * 20 + k) + 0.25F * (float)modality;
}

typedef struct file {
    const char *name;
    size_t first, clips, length; /* clips are numbered through the files */
    const int32_t *audio_lengths;
    bool labels;
} file;

static void add_features(unic__npz_writer *w, const char *name, const file *f, size_t modality,
                         const unic__shape *shape)
{
    size_t n = unic__shape_count(shape), each = n / f->clips / f->length;
    float *x = malloc(n * sizeof *x);
    for (size_t i = 0; i < n; i++)
        x[i] = value(f->first + i / each / f->length, modality, i / each % f->length, i % each);
    io_assert_ok(unic__npz_add_f32(w, name, shape, x));
    free(x);
}

static void add_labels(unic__npz_writer *w, const file *f)
{
    int64_t label[MOST];
    int32_t step[MOST * LONGEST];
    for (size_t i = 0; i < f->clips; i++)
        label[i] = (int64_t)(f->first + i) % 7;
    for (size_t i = 0; i < f->clips * f->length; i++)
        step[i] = (int32_t)((f->first + i / f->length) * 10 + i % f->length);
    io_assert_ok(unic__npz_add_i64(w, "label", &UNIC__SHAPE(f->clips), label));
    io_assert_ok(
        unic__npz_add_i32(w, "video.step_labels", &UNIC__SHAPE(f->clips, f->length), step));
}

/* Returns the path, which lasts as long as `path`. */
static const char *write_file(const file *f, char path[512])
{
    unic__npz_writer *w;
    snprintf(path, 512, "%s", io_path(f->name));
    io_assert_ok(unic__npz_create(&w, path));
    add_features(w, "audio", f, 0, &UNIC__SHAPE(f->clips, f->length, AUDIO));
    if (f->audio_lengths)
        io_assert_ok(
            unic__npz_add_i32(w, "audio.lengths", &UNIC__SHAPE(f->clips), f->audio_lengths));
    if (f->labels)
        add_labels(w, f);
    add_features(w, "video", f, 1, &UNIC__SHAPE(f->clips, f->length, VIDEO_H, VIDEO_W));
    io_assert_ok(unic__npz_finish(w));
    return path;
}

static const file ten = {"dataset-ten.npz", 0, 10, 5, NULL, true};

static unic_dataset_options options(size_t batch, int shuffle, int prefetch)
{
    return (unic_dataset_options){.struct_size = sizeof(unic_dataset_options),
                                  .batch = batch,
                                  .seed = 7,
                                  .shuffle = shuffle,
                                  .prefetch = prefetch};
}

static unic_dataset *open_one(const char *path, const unic_dataset_options *o)
{
    unic_dataset *d;
    io_assert_ok(unic_dataset_open(&d, &path, 1, o));
    return d;
}

/* Opens `ten`, freshly written. */
static unic_dataset *open_ten(size_t batch, int shuffle, int prefetch)
{
    char path[512];
    unic_dataset_options o = options(batch, shuffle, prefetch);
    return open_one(write_file(&ten, path), &o);
}

/* ---- reading, with every element checked ---------------------------------------------------- */

/* Valid steps of a clip; NULL: all of them are whole. */
typedef struct lengths {
    const int32_t *audio, *video;
} lengths;

static void check_modality(const unic_batch *b, const char *name, size_t modality, size_t T,
                           const int32_t *valid, const int32_t *clips)
{
    unic_array x;
    const int32_t *given;
    io_assert_ok(unic_batch_get(b, name, &x, &given));
    ck_assert_int_eq(x.dtype, UNIC_F32);
    ck_assert_int_eq(x.rank, modality ? 4 : 3);
    ck_assert_int_eq(x.dims[0], (int64_t)unic_batch_size(b));
    ck_assert_int_eq(x.dims[1], (int64_t)T);
    ck_assert_int_eq(x.dims[2], modality ? VIDEO_H : AUDIO);
    size_t each = modality ? VIDEO : AUDIO, n = unic_batch_size(b) * T * each;
    for (size_t i = 0; i < n; i++) {
        size_t row = i / each / T, step = i / each % T, clip = (size_t)clips[row];
        int32_t length = valid ? valid[clip] : (int32_t)T;
        ck_assert_int_eq(given[row], length);
        float expected = step < (size_t)length ? value(clip, modality, step, i % each) : 0.0F;
        ck_assert_msg(((const float *)x.data)[i] == expected,
                      "%s of clip %zu, step %zu, is %g, not %g", name, clip, step,
                      (double)((const float *)x.data)[i], (double)expected);
    }
}

/* The numbers of a batch's clips, told from video; all of the batch is checked. */
static size_t check_batch(const unic_dataset *d, const unic_batch *b, const lengths *l,
                          int32_t *clips)
{
    unic_array x;
    size_t rows = unic_batch_size(b), T = unic_dataset_length(d);
    io_assert_ok(unic_batch_get(b, "video", &x, NULL));
    for (size_t i = 0; i < rows; i++)
        clips[i] = (int32_t)(((const float *)x.data)[i * T * VIDEO] / 1000);
    check_modality(b, "audio", 0, T, l ? l->audio : NULL, clips);
    check_modality(b, "video", 1, T, l ? l->video : NULL, clips);
    return rows;
}

/* What `calls` calls of next give: the clips of each batch, END for each end of an epoch. */
static size_t read_calls(unic_dataset *d, size_t calls, const lengths *l, int32_t *sequence)
{
    size_t n = 0;
    for (size_t i = 0; i < calls; i++) {
        const unic_batch *b;
        io_assert_ok(unic_dataset_next(d, &b));
        if (b)
            n += check_batch(d, b, l, sequence + n);
        else
            sequence[n++] = END;
    }
    return n;
}

static void assert_sequence(const int32_t *got, size_t n, const int32_t *expected, size_t m)
{
    ck_assert_uint_eq(n, m);
    ck_assert_mem_eq(got, expected, n * sizeof *got);
}

/* ---- order ---------------------------------------------------------------------------------- */

START_TEST(reads_in_the_files_order)
{
    const int32_t epoch[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, END};
    int32_t got[MOST];
    unic_dataset *d = open_ten(4, 0, _i);
    ck_assert_uint_eq(unic_dataset_clips(d), 10);
    ck_assert_uint_eq(unic_dataset_batches(d), 3);
    ck_assert_uint_eq(unic_dataset_length(d), 5);
    for (int i = 0; i < 3; i++)
        assert_sequence(got, read_calls(d, 4, NULL, got), epoch, 11);
    unic_dataset_free(d);
}
END_TEST

START_TEST(shuffles_every_epoch_anew)
{
    int32_t first[11], second[11], again[11];
    unic_dataset *d = open_ten(4, 1, _i);
    ck_assert_uint_eq(read_calls(d, 4, NULL, first), 11);
    ck_assert_uint_eq(read_calls(d, 4, NULL, second), 11);
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
    d = open_ten(4, 1, _i);
    assert_sequence(again, read_calls(d, 4, NULL, again), first, 11);
    unic_dataset_free(d);
    char path[512];
    unic_dataset_options other = options(4, 1, _i);
    other.seed = 8;
    d = open_one(write_file(&ten, path), &other);
    ck_assert_uint_eq(read_calls(d, 4, NULL, again), 11);
    ck_assert(memcmp(first, again, sizeof first) != 0);
    unic_dataset_free(d);
}
END_TEST

/* A run is resumed by a later version of the library too: this order never changes. */
START_TEST(the_order_of_a_seed_is_pinned)
{
    const int32_t pinned[] = {6, 8, 2, 9, 3, 7, 5, 4, 0, 1, END};
    int32_t got[11];
    unic_dataset *d = open_ten(10, 1, 0);
    io_assert_ok(unic_dataset_seek(d, 3, 0));
    assert_sequence(got, read_calls(d, 2, NULL, got), pinned, 11);
    unic_dataset_free(d);
}
END_TEST

START_TEST(the_order_does_not_depend_on_the_batch)
{
    int32_t whole[MOST], single[MOST];
    unic_dataset *d = open_ten(10, 1, 0), *e = open_ten(1, 1, 2);
    assert_sequence(whole, read_calls(d, 2, NULL, whole), single,
                    read_calls(e, 11, NULL, single));
    unic_dataset_free(d);
    unic_dataset_free(e);
}
END_TEST

START_TEST(reading_ahead_changes_nothing)
{
    int32_t without[MOST], ahead[MOST];
    unic_dataset *d = open_ten(3, 1, 0);
    size_t n = read_calls(d, 15, NULL, without);
    unic_dataset_free(d);
    const int prefetch[] = {1, 3, 40};
    for (size_t i = 0; i < sizeof prefetch / sizeof *prefetch; i++) {
        d = open_ten(3, 1, prefetch[i]);
        assert_sequence(ahead, read_calls(d, 15, NULL, ahead), without, n);
        unic_dataset_free(d);
    }
}
END_TEST

START_TEST(seek_gives_the_uninterrupted_order)
{
    enum { EPOCHS = 3, CALLS = 4 }; /* three batches and the end */
    int32_t all[EPOCHS * 11], got[EPOCHS * 11];
    unic_dataset *d = open_ten(4, 1, _i);
    ck_assert_uint_eq(read_calls(d, EPOCHS * CALLS, NULL, all), EPOCHS * 11);
    for (size_t call = EPOCHS * CALLS; call-- > 0;) { /* batch 3 of 3 is the end of the epoch */
        size_t epoch = call / CALLS, batch = call % CALLS;
        size_t start = epoch * 11 + (batch < 3 ? batch * 4 : 10);
        io_assert_ok(unic_dataset_seek(d, epoch, batch));
        assert_sequence(got, read_calls(d, EPOCHS * CALLS - call, NULL, got), all + start,
                        EPOCHS * 11 - start);
    }
    io_assert_fails(unic_dataset_seek(d, 0, 4), UNIC_E_ARG,
                    "unic_dataset_seek: batch is 4, 0..3 expected");
    io_assert_ok(unic_dataset_seek(d, UINT64_MAX, 0));
    read_calls(d, 5, NULL, got);
    unic_dataset_free(d);
}
END_TEST

START_TEST(drop_last_leaves_out_what_is_not_full)
{
    const int32_t epochs[] = {0, 1, 2, 3, 4, 5, 6, 7, END, 0, 1, 2, 3};
    int32_t got[MOST];
    char path[512];
    unic_dataset_options o = options(4, 0, _i);
    o.drop_last = 1;
    unic_dataset *d = open_one(write_file(&ten, path), &o);
    ck_assert_uint_eq(unic_dataset_batches(d), 2);
    assert_sequence(got, read_calls(d, 4, NULL, got), epochs, 13);
    io_assert_fails(unic_dataset_seek(d, 0, 3), UNIC_E_ARG, "0..2 expected");
    unic_dataset_free(d);
    o.batch = 10;
    d = open_one(path, &o);
    ck_assert_uint_eq(unic_dataset_batches(d), 1);
    unic_dataset_free(d);
    o.batch = 11;
    const char *paths[] = {path};
    io_assert_fails(unic_dataset_open(&d, paths, 1, &o), UNIC_E_ARG,
                    "10 clips do not fill a batch of 11");
    ck_assert_ptr_null(d);
}
END_TEST

START_TEST(a_batch_may_be_larger_than_the_data)
{
    const int32_t epoch[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, END};
    int32_t got[MOST];
    unic_dataset *d = open_ten(SIZE_MAX, 0, _i);
    ck_assert_uint_eq(unic_dataset_batches(d), 1);
    assert_sequence(got, read_calls(d, 2, NULL, got), epoch, 11);
    unic_dataset_free(d);
}
END_TEST

/* ---- files, lengths, modalities ------------------------------------------------------------- */

START_TEST(shards_are_one_sequence)
{
    const int32_t audio[] = {4, 0, 2};
    const file files[] = {{"dataset-a.npz", 0, 3, 4, audio, true},
                          {"dataset-b.npz", 3, 1, 7, NULL, true},
                          {"dataset-c.npz", 4, 5, 2, NULL, true}};
    const int32_t valid_audio[] = {4, 0, 2, 7, 2, 2, 2, 2, 2};
    const int32_t valid_video[] = {4, 4, 4, 7, 2, 2, 2, 2, 2};
    const lengths l = {valid_audio, valid_video};
    char path[3][512];
    const char *paths[3];
    for (size_t i = 0; i < 3; i++)
        paths[i] = write_file(&files[i], path[i]);
    for (int shuffle = 0; shuffle < 2; shuffle++) {
        const int32_t epoch[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, END};
        int32_t got[MOST];
        unic_dataset_options o = options(2, shuffle, _i);
        unic_dataset *d;
        io_assert_ok(unic_dataset_open(&d, paths, 3, &o));
        ck_assert_uint_eq(unic_dataset_clips(d), 9);
        ck_assert_uint_eq(unic_dataset_length(d), 7);
        ck_assert_uint_eq(unic_dataset_batches(d), 5);
        size_t n = read_calls(d, 6, &l, got);
        if (!shuffle)
            assert_sequence(got, n, epoch, 10);
        read_calls(d, 12, &l, got);
        unic_dataset_free(d);
    }
}
END_TEST

START_TEST(modalities_are_the_arrays_without_a_dot)
{
    const int32_t whole[10] = {5, 5, 5, 5, 5, 5, 5, 5, 5, 0};
    file f = ten;
    char path[512];
    int64_t dims[UNIC_MAX_RANK];
    size_t rank;
    f.audio_lengths = whole;
    unic_dataset_options o = options(4, 0, 0);
    unic_dataset *d = open_one(write_file(&f, path), &o);
    ck_assert_uint_eq(unic_dataset_modality_count(d), 2);
    ck_assert_str_eq(unic_dataset_modality_name(d, 0), "audio");
    ck_assert_str_eq(unic_dataset_modality_name(d, 1), "video");
    ck_assert_ptr_null(unic_dataset_modality_name(d, 2));
    io_assert_ok(unic_dataset_feature_dims(d, "video", dims, &rank));
    ck_assert(rank == 2 && dims[0] == VIDEO_H && dims[1] == VIDEO_W);
    io_assert_ok(unic_dataset_feature_dims(d, "audio", dims, &rank));
    ck_assert(rank == 1 && dims[0] == AUDIO);
    io_assert_fails(unic_dataset_feature_dims(d, "text", dims, &rank), UNIC_E_NOTFOUND,
                    "no modality \"text\"");
    unic_dataset_free(d);

    const char *const video[] = {"video"};
    const unic_batch *b;
    o.modalities = video;
    o.modality_count = 1;
    d = open_one(path, &o);
    ck_assert_uint_eq(unic_dataset_modality_count(d), 1);
    io_assert_ok(unic_dataset_next(d, &b));
    io_assert_ok(unic_batch_get(b, "video", NULL, NULL));
    io_assert_fails(unic_batch_get(b, "audio", NULL, NULL), UNIC_E_NOTFOUND, "audio");
    unic_dataset_free(d);
}
END_TEST

/* ---- labels --------------------------------------------------------------------------------- */

START_TEST(labels_come_in_the_files_order)
{
    const file files[] = {{"dataset-a.npz", 0, 3, 4, NULL, true},
                          {"dataset-b.npz", 3, 2, 6, NULL, true}};
    char path[2][512];
    const char *paths[] = {write_file(&files[0], path[0]), write_file(&files[1], path[1])};
    int64_t dims[UNIC_MAX_RANK];
    size_t rank;
    int32_t label[5], step[5 * 6], before[MOST], after[MOST];
    unic_dataset_options o = options(2, 1, _i);
    const lengths l = {(const int32_t[]){4, 4, 4, 6, 6}, (const int32_t[]){4, 4, 4, 6, 6}};
    unic_dataset *d, *e;
    io_assert_ok(unic_dataset_open(&d, paths, 2, &o));
    io_assert_ok(unic_dataset_open(&e, paths, 2, &o));
    size_t n = read_calls(e, 2, &l, before);
    ck_assert_uint_eq(read_calls(d, 2, &l, after), n);
    io_assert_ok(unic_dataset_labels(d, "label", dims, &rank, NULL));
    ck_assert(rank == 1 && dims[0] == 5);
    io_assert_ok(unic_dataset_labels(d, "label", dims, &rank, label));
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(label[i], i % 7);
    io_assert_ok(unic_dataset_labels(d, "video.step_labels", dims, &rank, step));
    ck_assert(rank == 2 && dims[0] == 5 && dims[1] == 6);
    for (int i = 0; i < 5 * 6; i++)
        ck_assert_int_eq(step[i], i / 6 < 3 && i % 6 >= 4 ? -1 : i / 6 * 10 + i % 6);
    n = read_calls(e, 6, &l, before); /* labels in between do not disturb the order */
    assert_sequence(after, read_calls(d, 6, &l, after), before, n);
    io_assert_fails(unic_dataset_labels(d, "audio.step_labels", dims, &rank, NULL),
                    UNIC_E_NOTFOUND, "dataset-a.npz: no array \"audio.step_labels\"");
    io_assert_fails(unic_dataset_labels(d, "video", dims, &rank, NULL), UNIC_E_NOTFOUND,
                    "no labels \"video\"; \"label\" or \"<modality>.step_labels\" expected");
    unic_dataset_free(d);
    unic_dataset_free(e);
}
END_TEST

/* A file of two clips of one step, with `label` of a shape and values to try. */
static unic_dataset *open_labelled(const unic__shape *shape, const double *labels)
{
    const char *path = io_path("dataset-label.npz");
    const float x[2] = {0};
    unic__npz_writer *w;
    io_assert_ok(unic__npz_create(&w, path));
    io_assert_ok(unic__npz_add_f32(w, "audio", &UNIC__SHAPE(2, 1, 1), x));
    io_assert_ok(unic__npz_add_f64(w, "audio.step_labels", shape, labels));
    io_assert_ok(unic__npz_add_f64(w, "label", shape, labels));
    io_assert_ok(unic__npz_finish(w));
    unic_dataset_options o = options(1, 0, 0);
    return open_one(path, &o);
}

START_TEST(labels_are_whole_numbers_of_any_type)
{
    int64_t dims[UNIC_MAX_RANK];
    size_t rank;
    int32_t out[6];
    unic_dataset *d = open_labelled(&UNIC__SHAPE(2, 3), (const double[]){0, 1, 0, 1, 1, -3});
    io_assert_ok(unic_dataset_labels(d, "label", dims, &rank, out));
    ck_assert(rank == 2 && dims[0] == 2 && dims[1] == 3 && out[4] == 1 && out[5] == -3);
    io_assert_fails(unic_dataset_labels(d, "audio.step_labels", dims, &rank, out), UNIC_E_SHAPE,
                    "\"audio.step_labels\" is [2,3], [2,1] expected, or one dim more");
    unic_dataset_free(d);
    d = open_labelled(&UNIC__SHAPE(2, 1, 2), (const double[]){0, 1, 1, 0});
    io_assert_ok(unic_dataset_labels(d, "audio.step_labels", dims, &rank, out));
    ck_assert(rank == 3 && dims[0] == 2 && dims[1] == 1 && dims[2] == 2 && out[2] == 1);
    io_assert_fails(unic_dataset_labels(d, "label", dims, &rank, out), UNIC_E_SHAPE,
                    "\"label\" is [2,1,2], [2] expected");
    unic_dataset_free(d);
    d = open_labelled(&UNIC__SHAPE(2), (const double[]){0, 0.5});
    io_assert_fails(unic_dataset_labels(d, "label", dims, &rank, out), UNIC_E_VALUE,
                    "dataset-label.npz");
    unic_dataset_free(d);
    d = open_labelled(&UNIC__SHAPE(2), (const double[]){0, 3e9});
    io_assert_fails(unic_dataset_labels(d, "label", dims, &rank, out), UNIC_E_VALUE,
                    "beyond int32");
    unic_dataset_free(d);
    d = open_labelled(&UNIC__SHAPE(3), (const double[]){0, 0, 0});
    io_assert_fails(unic_dataset_labels(d, "label", dims, &rank, NULL), UNIC_E_SHAPE,
                    "\"label\" is [3], [2] expected");
    unic_dataset_free(d);
}
END_TEST

/* ---- what is refused ------------------------------------------------------------------------ */

/* Files with float32 arrays of zeros: "name" and shape in turn, up to a NULL. */
typedef struct array {
    const char *name;
    unic__shape shape;
    double fill;
} array;

static const char *write_arrays(const char *name, const array *arrays, char path[512])
{
    unic__npz_writer *w;
    snprintf(path, 512, "%s", io_path(name));
    io_assert_ok(unic__npz_create(&w, path));
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
    unic_dataset_options o = options(2, 0, 0);
    unic_dataset *d;
    io_assert_fails(unic_dataset_open(&d, paths, two ? 2 : 1, &o), status, words);
    ck_assert_ptr_null(d);
}

#define ARRAYS(...) ((const array[]){__VA_ARGS__, {NULL, {0, {0}}, 0}})
#define OF(...)     UNIC__SHAPE(__VA_ARGS__)

START_TEST(refuses_arrays_that_disagree)
{
    assert_refused(ARRAYS({"label", OF(3), 0}), NULL, UNIC_E_NOTFOUND,
                   "dataset-1.npz: no modality; an array [N,T,...]");
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
    assert_refused(ARRAYS({"a", OF(3, 4, 2), 0}), ARRAYS({"b", OF(3, 4, 2), 0}),
                   UNIC_E_NOTFOUND, "dataset-1.npz: no array \"b\", which ");
    assert_refused(ARRAYS({"a", OF(3, 4, 2), 0}, {"b", OF(3, 4, 2), 0}),
                   ARRAYS({"a", OF(3, 4, 2), 0}), UNIC_E_NOTFOUND,
                   "dataset-2.npz: no array \"b\"");
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

static void assert_option(unic_dataset_options o, unic_status status, const char *words)
{
    char path[512];
    const char *paths[] = {write_file(&ten, path)};
    unic_dataset *d;
    io_assert_fails(unic_dataset_open(&d, paths, 1, &o), status, words);
    ck_assert_ptr_null(d);
}

START_TEST(refuses_options_out_of_range)
{
    unic_dataset_options o = options(0, 0, 0);
    assert_option(o, UNIC_E_ARG, "batch is 0, at least 1 expected");
    o = options(1, 0, -1);
    assert_option(o, UNIC_E_ARG, "prefetch is -1, 0..1024 expected");
    o = options(1, 0, 0);
    o.struct_size--;
    assert_option(o, UNIC_E_ARG, "options has struct_size");
    o = options(1, 0, 0);
    o.reserved[3] = &o;
    assert_option(o, UNIC_E_ARG, "a reserved option is not zero");
    o = options(1, 0, 0);
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
    unic_dataset_options o = options(4, 0, 0);
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
    io_assert_fails(unic_dataset_next(NULL, &b), UNIC_E_ARG, "dataset is NULL");
    io_assert_fails(unic_dataset_seek(NULL, 0, 0), UNIC_E_ARG, "dataset is NULL");
    io_assert_fails(unic_dataset_labels(NULL, "label", dims, &rank, NULL), UNIC_E_ARG,
                    "dataset is NULL");
    io_assert_fails(unic_dataset_feature_dims(NULL, "a", dims, &rank), UNIC_E_ARG,
                    "dataset is NULL");
    ck_assert(unic_dataset_clips(NULL) == 0 && unic_dataset_batches(NULL) == 0 &&
              unic_dataset_length(NULL) == 0 && unic_dataset_modality_count(NULL) == 0);
    ck_assert_ptr_null(unic_dataset_modality_name(NULL, 0));
    unic_dataset_free(NULL);
    d = open_ten(4, 0, 0);
    io_assert_fails(unic_dataset_next(d, NULL), UNIC_E_ARG, "batch is NULL");
    io_assert_fails(unic_dataset_labels(d, NULL, dims, &rank, NULL), UNIC_E_ARG,
                    "name is NULL");
    io_assert_fails(unic_dataset_labels(d, "label", NULL, &rank, NULL), UNIC_E_ARG,
                    "dims is NULL");
    io_assert_fails(unic_dataset_labels(d, "label", dims, NULL, NULL), UNIC_E_ARG,
                    "rank is NULL");
    io_assert_fails(unic_dataset_feature_dims(d, "audio", dims, NULL), UNIC_E_ARG,
                    "rank is NULL");
    unic_dataset_free(d);
}
END_TEST

/* ---- failures while reading ----------------------------------------------------------------- */

/* Into the file that is there, which a dataset has open. */
static void restore(const char *path, const void *bytes, size_t size)
{
    FILE *f = fopen(path, "r+b");
    ck_assert(f != NULL && fwrite(bytes, 1, size, f) == size && fclose(f) == 0);
}

/* A failure comes at its batch's turn; the next call tries that batch again. */
START_TEST(a_failed_batch_is_tried_again)
{
    const file many = {"dataset-many.npz", 0, MOST, LONGEST, NULL, false};
    char path[512];
    size_t size, n, m;
    int32_t expected[2 * MOST], got[2 * MOST];
    unic_dataset_options o = options(4, 1, _i);
    unic_dataset *d = open_one(write_file(&many, path), &o);
    unsigned char *bytes = io_read(path, &size);
    n = read_calls(d, 20, NULL, expected);
    io_assert_ok(unic_dataset_seek(d, 0, 0));
    m = read_calls(d, 1, NULL, got);
    ck_assert_int_eq(truncate(path, (off_t)(size / 2)), 0);
    size_t calls = 1;
    const unic_batch *b;
    unic_status status;
    while ((status = unic_dataset_next(d, &b)) == UNIC_OK) {
        m += check_batch(d, b, NULL, got + m);
        ck_assert_uint_lt(++calls, 16);
    }
    io_assert_fails(status, UNIC_E_IO, "dataset-many.npz: member \"");
    ck_assert_ptr_null(b);
    io_assert_fails(unic_dataset_next(d, &b), UNIC_E_IO, "dataset-many.npz"); /* still */
    restore(path, bytes, size);
    m += read_calls(d, 20 - calls, NULL, got + m);
    assert_sequence(got, m, expected, n);
    free(bytes);
    unic_dataset_free(d);
}
END_TEST

START_TEST(damage_is_found_and_named)
{
    char path[512];
    size_t size;
    const unic_batch *b;
    unic_dataset_options o = options(4, 0, _i);
    unsigned char *bytes = io_read(write_file(&ten, path), &size);
    float mark = value(9, 1, 4, VIDEO - 1); /* the last number of the last clip */
    size_t at = size - sizeof mark;
    while (memcmp(bytes + at, &mark, sizeof mark) != 0)
        at--;
    bytes[at] ^= 1;
    io_write(path, bytes, size);
    unic_dataset *d = open_one(path, &o);
    for (int i = 0; i < 2; i++) {
        io_assert_fails(unic_dataset_next(d, &b), UNIC_E_FORMAT,
                        "dataset-ten.npz: member \"vid");
        ck_assert_ptr_null(b);
        io_assert_ok(unic_dataset_seek(d, 2, 1));
    }
    free(bytes);
    unic_dataset_free(d);
}
END_TEST

/* ---- threads -------------------------------------------------------------------------------- */

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){0, ms * 1000000}, NULL);
}

START_TEST(the_borrowed_batch_stays_as_it_is)
{
    int64_t dims[UNIC_MAX_RANK];
    size_t rank;
    int32_t clips[4], later[4];
    unic_dataset *d = open_ten(4, 1, 2);
    for (int i = 0; i < 12; i++) {
        const unic_batch *b;
        io_assert_ok(unic_dataset_next(d, &b));
        if (!b)
            continue;
        size_t n = check_batch(d, b, NULL, clips);
        pause_ms(1); /* the thread fills the other slots */
        if (i % 3 == 1)
            io_assert_ok(unic_dataset_labels(d, "label", dims, &rank, NULL));
        if (i % 3 == 2)
            io_assert_ok(unic_dataset_seek(d, 0, 1));
        assert_sequence(later, check_batch(d, b, NULL, later), clips, n);
    }
    unic_dataset_free(d);
}
END_TEST

START_TEST(freed_and_sought_at_any_time)
{
    int32_t got[MOST];
    char path[512];
    write_file(&ten, path);
    for (int prefetch = 1; prefetch <= 4; prefetch++)
        for (size_t calls = 0; calls < 12; calls++) {
            unic_dataset_options o = options(3, 1, prefetch);
            unic_dataset *d = open_one(path, &o);
            read_calls(d, calls, NULL, got);
            io_assert_ok(unic_dataset_seek(d, calls, calls % 4));
            if (calls % 2)
                read_calls(d, 1, NULL, got);
            if (calls % 3 == 2)
                pause_ms(1); /* freed with a full ring, too */
            unic_dataset_free(d);
        }
}
END_TEST

typedef struct reader {
    const char *path;
    int32_t sequence[MOST];
    size_t n;
} reader;

static void *read_alone(void *user)
{
    reader *r = user;
    unic_dataset_options o = options(3, 1, 2);
    unic_dataset *d;
    const unic_batch *b;
    unic_array x;
    if (unic_dataset_open(&d, &r->path, 1, &o) != UNIC_OK)
        return NULL;
    for (int i = 0; i < 15 && unic_dataset_next(d, &b) == UNIC_OK; i++)
        for (size_t row = 0; b && row < unic_batch_size(b); row++) {
            unic_batch_get(b, "audio", &x, NULL);
            r->sequence[r->n++] = (int32_t)((const float *)x.data)[row * 5 * AUDIO];
        }
    unic_dataset_free(d);
    return NULL;
}

START_TEST(datasets_of_two_threads_share_nothing)
{
    char path[512];
    write_file(&ten, path);
    reader readers[2] = {{.path = path}, {.path = path}};
    pthread_t other;
    ck_assert_int_eq(pthread_create(&other, NULL, read_alone, &readers[0]), 0);
    read_alone(&readers[1]);
    pthread_join(other, NULL);
    ck_assert_uint_eq(readers[0].n, 30);
    assert_sequence(readers[0].sequence, readers[0].n, readers[1].sequence, readers[1].n);
}
END_TEST

/* ---- memory --------------------------------------------------------------------------------- */

static unic_status read_all(const char *path)
{
    unic_dataset_options o = options(3, 1, 0);
    const char *paths[] = {path, path};
    unic_dataset *d;
    const unic_batch *b;
    int64_t dims[UNIC_MAX_RANK];
    size_t rank;
    int32_t out[20 * 5];
    UNIC__TRY(unic_dataset_open(&d, paths, 2, &o));
    unic_status status = UNIC_OK;
    for (int i = 0; status == UNIC_OK && i < 9; i++)
        status = unic_dataset_next(d, &b);
    if (status == UNIC_OK)
        status = unic_dataset_labels(d, "video.step_labels", dims, &rank, out);
    unic_dataset_free(d);
    return status;
}

START_TEST(out_of_memory_is_a_status)
{
    const int32_t whole[10] = {5, 5, 5, 5, 5, 5, 5, 5, 5, 0};
    file f = ten;
    char path[512];
    f.audio_lengths = whole;
    io_fail_each_allocation(read_all, write_file(&f, path));
}
END_TEST

static atomic_int left;

static void *limited_alloc(size_t bytes, void *user)
{
    (void)user;
    return atomic_fetch_sub(&left, 1) > 0 ? malloc(bytes) : NULL;
}

static void limited_release(void *memory, void *user)
{
    (void)user;
    free(memory);
}

/* The thread's failure is the caller's status, and passes when there is memory again. */
START_TEST(out_of_memory_on_the_thread_is_a_status)
{
    const unic_allocator limited = {sizeof limited, limited_alloc, limited_release, NULL};
    const unic_batch *b;
    int32_t clips[4];
    char path[512];
    unic_dataset_options o = options(4, 0, 2);
    write_file(&ten, path);
    ck_assert_int_eq(unic_set_allocator(&limited), UNIC_OK);
    atomic_store(&left, 10000);
    unic_dataset *d = open_one(path, &o);
    atomic_store(&left, 0);
    io_assert_fails(unic_dataset_next(d, &b), UNIC_E_NOMEM, "dataset-ten.npz");
    ck_assert_ptr_null(b);
    atomic_store(&left, 10000);
    io_assert_ok(unic_dataset_next(d, &b));
    ck_assert_uint_eq(check_batch(d, b, NULL, clips), 4);
    unic_dataset_free(d);
    unic_set_allocator(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("io/dataset");
    TCase *t = tcase_create("dataset");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, reads_in_the_files_order, 0, 3); /* _i is the prefetch */
    tcase_add_loop_test(t, shuffles_every_epoch_anew, 0, 3);
    tcase_add_test(t, the_order_of_a_seed_is_pinned);
    tcase_add_test(t, the_order_does_not_depend_on_the_batch);
    tcase_add_test(t, reading_ahead_changes_nothing);
    tcase_add_loop_test(t, seek_gives_the_uninterrupted_order, 0, 4);
    tcase_add_loop_test(t, drop_last_leaves_out_what_is_not_full, 0, 3);
    tcase_add_loop_test(t, a_batch_may_be_larger_than_the_data, 0, 3);
    tcase_add_loop_test(t, shards_are_one_sequence, 0, 3);
    tcase_add_test(t, modalities_are_the_arrays_without_a_dot);
    tcase_add_loop_test(t, labels_come_in_the_files_order, 0, 3);
    tcase_add_test(t, labels_are_whole_numbers_of_any_type);
    tcase_add_test(t, refuses_arrays_that_disagree);
    tcase_add_test(t, refuses_lengths_that_cannot_be);
    tcase_add_test(t, refuses_options_out_of_range);
    tcase_add_test(t, refuses_arguments_that_are_missing);
    tcase_add_loop_test(t, a_failed_batch_is_tried_again, 0, 3);
    tcase_add_loop_test(t, damage_is_found_and_named, 0, 3);
    tcase_add_test(t, the_borrowed_batch_stays_as_it_is);
    tcase_add_test(t, freed_and_sought_at_any_time);
    tcase_add_test(t, datasets_of_two_threads_share_nothing);
    tcase_add_test(t, out_of_memory_is_a_status);
    tcase_add_test(t, out_of_memory_on_the_thread_is_a_status);
    suite_add_tcase(suite, t);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
