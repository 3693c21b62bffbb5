/* lib/data/{clip_files,clip,npy_folder,npy_file,folder} through unic_dataset.h: directories of
 * arrays and of clips, lists of clips, and what becomes of those that are damaged. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clips_help.h"
#include "dataset_help.h"
#include "file/io_help.h"

#define SAMPLE  "../shared/cmg-sample/features"
#define OF(...) (&UNIC__SHAPE_OF(__VA_ARGS__))

static unic_dataset_options first_of(const char *const *name, size_t batch)
{
    unic_dataset_options o = data_options(batch, 0, 0);
    o.modalities = name;
    o.modality_count = 1;
    return o;
}

/* Clip `row` of a batch: `steps` steps whose elements are first, first + 1, ..., then zeros. */
static void check_row(const unic_batch *b, const char *name, size_t row, int32_t steps,
                      float first)
{
    unic_array x;
    const int32_t *lengths;
    io_assert_ok(unic_batch_get(&x, &lengths, b, name));
    ck_assert_msg(lengths[row] == steps, "%s of row %zu has %d steps, not %d", name, row,
                  lengths[row], steps);
    size_t T = (size_t)x.dims[1], each = 1;
    for (int32_t i = 2; i < x.rank; i++)
        each *= (size_t)x.dims[i];
    const float *at = (const float *)x.data + row * T * each;
    for (size_t i = 0; i < T * each; i++) {
        float expected = i < (size_t)steps * each ? first + (float)i : 0.0F;
        ck_assert_msg(at[i] == expected, "%s of row %zu: element %zu is %g, not %g", name, row,
                      i, (double)at[i], (double)expected);
    }
}

static void assert_refused(const char *path, const unic_dataset_options *o, unic_status status,
                           const char *words)
{
    unic_dataset *d;
    io_assert_fails(unic_dataset_open(&d, &path, 1, o), status, words);
    ck_assert_ptr_null(d);
}

/* ---- directories of clips -------------------------------------------------------------- */

/* audio of a, b (empty), a-b; video of b, c; something else beside them. */
static const char *write_clips(char path[512])
{
    clips_folder("clips", path);
    clips_write(path, "audio/a.npy", OF(3, 2), 100);
    clips_write(path, "audio/a-b.zip", OF(5, 2), 200);
    clips_write(path, "audio/b.zip", OF(0, 2), 0);
    clips_write(path, "audio/notes.txt", OF(1, 2), 0);
    clips_write(path, "video/b.npy", OF(4, 1, 3), 300);
    clips_write(path, "video/c.npy", OF(6, 1, 3), 400);
    clips_write(path, ".hidden/a.npy", OF(1, 2), 0);
    clips_write_text(path, "frames/a.jpg", "no array");
    clips_write_text(path, "README", "no directory");
    return path;
}

START_TEST(a_directory_of_clips)
{
    char path[512];
    const unic_batch *b;
    unic_dataset_options o = data_options(4, 0, _i);
    unic_dataset *d = data_open(write_clips(path), &o);
    ck_assert_uint_eq(unic_dataset_clip_count(d), 4);
    ck_assert_uint_eq(unic_dataset_length(d), 6);
    ck_assert_uint_eq(unic_dataset_modality_count(d), 2);
    ck_assert_str_eq(unic_dataset_modality_name(d, 0), "audio");
    ck_assert_str_eq(unic_dataset_modality_name(d, 1), "video");
    for (int epoch = 0; epoch < 2; epoch++) {
        io_assert_ok(unic_dataset_next(&b, d));
        const float audio[] = {100, 200, 0, 0}, video[] = {0, 0, 300, 400};
        const int32_t of_audio[] = {3, 5, 0, 0}, of_video[] = {0, 0, 4, 6};
        for (size_t i = 0; i < 4; i++) {
            check_row(b, "audio", i, of_audio[i], audio[i]);
            check_row(b, "video", i, of_video[i], video[i]);
        }
        io_assert_ok(unic_dataset_next(&b, d));
        ck_assert_ptr_null(b);
    }
    unic_dataset_free(d);
}
END_TEST

/* The clips are those of the directory, whatever is read of them. */
START_TEST(one_modality_has_the_same_clips)
{
    char path[512];
    const char *const video[] = {"video"};
    const unic_batch *b;
    unic_dataset_options o = first_of(video, 4);
    o.length = 5;
    unic_dataset *d = data_open(write_clips(path), &o);
    io_log_begin();
    ck_assert_uint_eq(unic_dataset_clip_count(d), 4);
    io_assert_ok(unic_dataset_next(&b, d));
    check_row(b, "video", 0, 0, 0);
    check_row(b, "video", 2, 4, 300);
    check_row(b, "video", 3, 5, 400);
    io_assert_fails(unic_batch_get(NULL, NULL, b, "audio"), UNIC_E_NOTFOUND, "audio");
    io_assert_ok(unic_dataset_next(&b, d));
    ck_assert_str_eq(io_log_end(),
                     "modality \"video\": 1 clips of more than 5 steps were cut\n");
    unic_dataset_free(d);
}
END_TEST

START_TEST(labels_stand_beside_the_clips)
{
    char path[512];
    int64_t dims[UNIC_MAX_RANK];
    size_t rank;
    int32_t out[4 * 6];
    unic_dataset_options o = data_options(4, 0, _i);
    write_clips(path);
    unic_dataset *d = data_open(path, &o);
    io_assert_fails(unic_dataset_labels(&rank, d, "label", dims, NULL), UNIC_E_NOTFOUND,
                    "clips: no file \"label.npy\"");
    unic_dataset_free(d);
    clips_write(path, "label.npy", OF(4), 7);
    clips_write(path, "audio.step_labels.npy", OF(4, 5), 0);
    clips_write(path, "video.step_labels.npy", OF(3, 6), 0);
    d = data_open(path, &o);
    io_assert_ok(unic_dataset_labels(&rank, d, "label", dims, out));
    ck_assert(rank == 1 && dims[0] == 4 && out[0] == 7 && out[3] == 10);
    io_assert_ok(unic_dataset_labels(&rank, d, "audio.step_labels", dims, out));
    ck_assert(rank == 2 && dims[1] == 6 && out[4] == 4 && out[5] == -1 && out[6] == 5);
    io_assert_fails(unic_dataset_labels(&rank, d, "video.step_labels", dims, out), UNIC_E_SHAPE,
                    "clips: \"video.step_labels\" is [3,6], [4,1] expected, or one dim more");
    unic_dataset_free(d);
}
END_TEST

START_TEST(directories_that_are_refused)
{
    char path[512], inside[600];
    const char *const text[] = {"text"};
    unic_dataset_options o = data_options(2, 0, 0), named = first_of(text, 2);
    assert_refused(clips_folder("clips", path), &o, UNIC_E_NOTFOUND,
                   "clips: no modality; directories <modality>/ of .npy or .zip files");
    assert_refused(write_clips(path), &named, UNIC_E_NOTFOUND,
                   "clips: no directory \"text\" of .npy or .zip files");
    clips_write(path, "audio/a.zip", OF(3, 2), 0);
    assert_refused(path, &o, UNIC_E_FORMAT,
                   "clips/audio/a: there as .npy and as .zip, one file a clip expected");
    clips_folder("clips", path);
    clips_write(path, "audio/a.npy", OF(0, 2), 0);
    assert_refused(path, &o, UNIC_E_SHAPE, "clips: no clip has a step");
    clips_write_text(clips_folder("clips", path), "features.h5", "HDF5");
    assert_refused(path, &o, UNIC_E_NOTFOUND, "features.h5 is an HDF5 file");
    clips_folder("clips", path);
    snprintf(inside, sizeof inside, "%s/nothing", path);
    assert_refused(inside, &o, UNIC_E_NOTFOUND, "clips/nothing: cannot open");
    o.split = "train";
    assert_refused(path, &o, UNIC_E_ARG, "split \"train\" is asked for, but");
}
END_TEST

/* "->audio/a" is a symbolic link to nothing. */
static void write_or_link(const char *folder, const char *name)
{
    char path[1024];
    if (strncmp(name, "->", 2) != 0) {
        clips_write(folder, name, OF(1, 3, 2), 0);
        return;
    }
    clips_write(folder, name + 2, OF(1, 3, 2), 0); /* for the directories on the way */
    snprintf(path, sizeof path, "%s/%s", folder, name + 2);
    ck_assert(unlink(path) == 0 && symlink("/nowhere", path) == 0);
}

/* What is left out though it may be meant as clips is said, or named where there are no others. */
START_TEST(what_is_passed_over_is_said)
{
    static const struct {
        const char *names[4]; /* of files in the folder, NULL behind the last */
        bool opens;
        const char *says;
    } cases[] = {
        {{"audio/a.npy", "audio/b.npz"},
         true,
         "clips/audio/: has 1 clips, and 1 files or directories, the first \"b.npz\", that "
         "may"},
        {{"audio/a.zip", "audio/x.PT", "audio/b.h5"},
         true,
         "has 1 clips, and 2 files or directories, the first \"b.h5\""},
        {{"audio/a.npy", "audio/sub/b.npy"},
         true,
         "has 1 clips, and 1 files or directories, the first \"sub\""},
        {{"audio/a.npz", "audio/b.npz"},
         false,
         "or files <modality>.npy, expected; there is: audio/a.npz"},
        {{"audio/dog/a.npy", "video/dog/a.npy"}, false, "expected; there is: audio/dog"},
        {{"audio/a.pt", "all.h5"},
         false,
         "expected; there is: audio/a.pt; all.h5 is an HDF5 file"},
        {{"mean.npy", "audio/a.npy"},
         true,
         "clips: is read for the .npy arrays in it; the clips in"},
        {{"audio/a.npy", "audio/notes.txt", "audio/extract.ini", "audio/README"}, true, NULL},
        {{"audio/a.npy", "audio/Thumbs.db", "other/b.npz"}, true, NULL},
        {{"audio.npy", "other/b.npz", "other/c.txt"}, true, NULL},
        /* what is only told of is no reason to refuse the rest: links ("->") to nothing, ... */
        {{"audio/a.npy", "->audio/part2"},
         true,
         "has 1 clips, and 1 files or directories, the first \"part2\""},
        {{"->audio/part2"}, false, "expected; there is: audio/part2"},
        {{"audio.npy", "->raw"}, true, NULL},
        /* ... and clips that could not be read themselves */
        {{"audio.npy", "->raw", "old/a.npy", "old/a.zip"}, true, "; the clips in old/ beside"},
        {{"audio.npy", "old/a.npy", "old/b.NPY", "old/c.npz"},
         true,
         "; the clips in old/ beside them are not looked at\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[512];
        unic_dataset_options o = data_options(2, 0, 0);
        unic_dataset *d;
        clips_folder("clips", path);
        for (size_t k = 0; k < 4 && cases[i].names[k]; k++)
            write_or_link(path, cases[i].names[k]);
        io_log_begin();
        const unic_status status = unic_dataset_open(&d, (const char *[]){path}, 1, &o);
        const char *log = io_log_end();
        ck_assert_msg((status == UNIC_OK) == cases[i].opens, "case %zu: %s", i,
                      unic_last_error());
        if (!cases[i].opens)
            log = unic_last_error();
        ck_assert_msg(cases[i].says ? strstr(log, cases[i].says) != NULL : !*log,
                      "case %zu: \"%s\" does not say \"%s\"", i, log, cases[i].says);
        unic_dataset_free(d);
    }
}
END_TEST

/* ---- arrays in a directory
 * ------------------------------------------------------------------- */

START_TEST(a_directory_of_arrays_is_an_npz)
{
    char path[512];
    const unic_batch *b;
    int64_t dims[UNIC_MAX_RANK];
    size_t rank;
    int32_t label[2];
    unic_dataset_options o = data_options(1, 0, _i);
    clips_folder("clips", path);
    clips_write(path, "audio.npy", OF(2, 3, 2), 0);
    clips_write(path, "audio.lengths.npy", OF(2), 2);
    clips_write(path, "label.npy", OF(2), 4);
    clips_write(path, "speaker.npy", OF(2), 0);
    clips_write(path, "frames/a.npy", OF(1, 3), 0); /* not looked at beside arrays */
    unic_dataset *d = data_open(path, &o);
    ck_assert_uint_eq(unic_dataset_modality_count(d), 1);
    for (int i = 0; i < 2; i++) {
        io_assert_ok(unic_dataset_next(&b, d));
        check_row(b, "audio", 0, 2 + i, (float)(6 * i));
    }
    io_assert_ok(unic_dataset_labels(&rank, d, "label", dims, label));
    ck_assert(rank == 1 && label[0] == 4 && label[1] == 5);
    unic_dataset_free(d);
    clips_write(path, "video.npy", OF(2, 4, 2), 0);
    assert_refused(path, &o, UNIC_E_SHAPE,
                   "clips: modality \"video\" is [2,4,2], but \"audio\" begins with [2,3]");
    clips_write_text(path, "video.npy", "\x93NUMPY");
    assert_refused(path, &o, UNIC_E_FORMAT, "clips/video.npy: is no npy array");
}
END_TEST

START_TEST(fortran_order_is_turned)
{
    char path[512];
    const unic_batch *b;
    unic_array x;
    unic_dataset_options o = data_options(2, 0, 0);
    for (int clips = 0; clips < 2; clips++) {
        clips_folder("clips", path);
        if (clips) /* element (t,c) of [3,2] is t + 3 c */
            clips_write_fortran(path, "a/x.npy", OF(3, 2), 0);
        else
            clips_write_fortran(path, "a.npy", OF(1, 3, 2), 0);
        for (o.length = 0; o.length < 3; o.length++) {
            unic_dataset *d = data_open(path, &o);
            io_assert_ok(unic_dataset_next(&b, d));
            io_assert_ok(unic_batch_get(&x, NULL, b, "a"));
            for (size_t i = 0; i < unic_dataset_length(d) * 2; i++)
                ck_assert(((const float *)x.data)[i] == (float)(i / 2 + 3 * (i % 2)));
            unic_dataset_free(d);
        }
    }
}
END_TEST

/* ---- lists of clips
 * ---------------------------------------------------------------------------- */

START_TEST(files_of_clips_are_stacked)
{
    char path[512], files[4][600];
    const char *paths[4];
    const char *const audio[] = {"audio"};
    const unic_batch *b;
    unic_dataset *d;
    data_file more = data_ten;
    unic_dataset_options o = first_of(audio, 16);
    o.prefetch = _i;
    more.clips = 2;
    clips_folder("clips", path);
    clips_write(path, "x.npy", OF(3, AUDIO), 100);
    clips_write(path, "x.zip", OF(1, AUDIO), 200);
    const char *const names[] = {"x.zip", "x.npy", "x.zip"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(files[i], sizeof files[i], "%s/%s", path, names[i]);
        paths[i] = files[i];
    }
    paths[3] = data_write(&more, files[3]);
    io_assert_ok(unic_dataset_open(&d, paths, 4, &o));
    ck_assert_uint_eq(unic_dataset_clip_count(d), 5);
    ck_assert_uint_eq(unic_dataset_length(d), 5);
    io_assert_ok(unic_dataset_next(&b, d));
    check_row(b, "audio", 0, 1, 200);
    check_row(b, "audio", 1, 3, 100);
    check_row(b, "audio", 2, 1, 200);
    unic_dataset_free(d);
    o = data_options(1, 0, 0);
    io_assert_fails(unic_dataset_open(&d, paths, 2, &o), UNIC_E_ARG,
                    "clips/x.zip is one clip of one modality, but 0 modalities are named");
    const char *const two[] = {"audio", "video"};
    o.modalities = two;
    o.modality_count = 2;
    io_assert_fails(unic_dataset_open(&d, paths, 2, &o), UNIC_E_ARG, "but 2 modalities");
}
END_TEST

/* ---- damage
 * ------------------------------------------------------------------------------------ */

/* What can be wrong with one clip. */
static const struct {
    const char *name;
    unic__shape shape;
    long at; /* of what is overwritten */
    const char *bytes, *words;
    bool hidden; /* only reading the elements finds it */
} damaged[] = {
    {"a/2.npy", {2, {3, 2}}, 1, "X", "clips/a/2.npy: is no npy array", false},
    {"a/2.npy", {2, {3, 3}}, 0, "", "\"a\" has steps of [3], but of [2] in ", false},
    {"a/2.npy", {1, {3}}, 0, "", "\"a\" has steps of [], but of [2] in ", false},
    {"a/2.npy", {0, {0}}, 0, "", "clips/a/2.npy: is [], a clip [T,...] of at most", false},
    {"a/2.npy", {2, {3, 0}}, 0, "", "clips/a/2.npy: is [3,0], only T may be 0", false},
    {"a/2.zip", {2, {3, 2}}, -1, "x", "clips/a/2.zip", false},
    {"a/2.zip", {2, {3, 2}}, 80, "x", "clips/a/2.zip", false},
    {"a/2.zip", {2, {3, 3}}, 0, "", "clips/a/2.zip: modality \"a\" has steps of [3]", false},
};

static const char *write_damaged(size_t i, char path[512])
{
    clips_folder("clips", path);
    clips_write(path, "a/1.npy", OF(4, 2), 100);
    clips_write(path, "a/3.zip", OF(4, 2), 300);
    clips_write(path, damaged[i].name, &damaged[i].shape, 0);
    if (*damaged[i].bytes)
        clips_damage(path, damaged[i].name, damaged[i].at, damaged[i].bytes);
    return path;
}

/* Found at opening if the longest clip is sought, else when the clip is read. */
START_TEST(a_damaged_clip_fails_or_is_skipped)
{
    char path[512];
    const unic_batch *b;
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
        unic_dataset_options o = data_options(3, 0, _i);
        write_damaged(i, path);
        unic_dataset *d;
        const char *paths[] = {path};
        unic_status status = unic_dataset_open(&d, paths, 1, &o);
        ck_assert(status == UNIC_E_FORMAT || status == UNIC_E_SHAPE);
        io_assert_fails(status, status, damaged[i].words);
        o.length = 4;
        d = data_open(path, &o);
        io_assert_fails(unic_dataset_next(&b, d), status, damaged[i].words);
        unic_dataset_free(d);
        o.on_damage = UNIC_DAMAGE_SKIPS;
        for (o.length = 0; o.length <= 4; o.length += 4) {
            io_log_begin();
            d = data_open(path, &o);
            io_assert_ok(unic_dataset_next(&b, d));
            check_row(b, "a", 0, 4, 100);
            check_row(b, "a", 1, 0, 0);
            check_row(b, "a", 2, 4, 300);
            const char *log = io_log_end();
            ck_assert_msg(strncmp(log, "skipped: ", 9) == 0 && strstr(log, damaged[i].words),
                          "the log says \"%s\"", log);
            ck_assert_ptr_eq(strchr(log, '\n') + 1, log + strlen(log)); /* once */
            unic_dataset_free(d);
        }
    }
}
END_TEST

START_TEST(a_clip_that_went_away)
{
    char path[512], file[600];
    const unic_batch *b;
    unic_dataset_options o = data_options(2, 0, _i);
    clips_folder("clips", path);
    clips_write(path, "a/1.npy", OF(4, 2), 100);
    clips_write(path, "a/2.npy", OF(3, 2), 200);
    for (int skips = 0; skips < 2; skips++) {
        o.on_damage = skips;
        clips_write(path, "a/2.npy", OF(3, 2), 200);
        unic_dataset *d = data_open(path, &o);
        snprintf(file, sizeof file, "%s/a/2.npy", path);
        ck_assert_int_eq(unlink(file), 0);
        if (skips) {
            io_log_begin();
            io_assert_ok(unic_dataset_next(&b, d));
            check_row(b, "a", 1, 0, 0);
            ck_assert(strstr(io_log_end(), "skipped: ") != NULL);
        } else {
            io_assert_fails(unic_dataset_next(&b, d), UNIC_E_NOTFOUND, "clips/a/2.npy");
        }
        clips_write(path, "a/2.npy", OF(3, 2), 200); /* and is back */
        io_assert_ok(unic_dataset_seek(d, 0, 0));
        io_assert_ok(unic_dataset_next(&b, d));
        check_row(b, "a", 1, 3, 200);
        unic_dataset_free(d);
    }
}
END_TEST

/* Steps are paired by their numbers: where two modalities have other ones, it is told of. */
START_TEST(modalities_of_uneven_steps)
{
    char folder[512];
    unic_dataset *d;
    unic_dataset_options o = data_options(2, 0, 0);
    clips_folder("clips/uneven", folder);
    for (int i = 0; i < 3; i++) {
        char name[64];
        snprintf(name, sizeof name, "audio/c%d.npy", i);
        clips_write(folder, name, &UNIC__SHAPE_OF(6, 2), 0);
        snprintf(name, sizeof name, "text/c%d.npy", i);
        clips_write(folder, name, &UNIC__SHAPE_OF(i ? 3 : 6, 2), 0);
        snprintf(name, sizeof name, "video/c%d.npy", i);
        clips_write(folder, name, &UNIC__SHAPE_OF(i < 2 ? 6 : 0, 2), 0);
    }
    const char *path = folder, *const two[] = {"audio", "video"};
    io_log_begin();
    io_assert_ok(unic_dataset_open(&d, &path, 1, &o));
    const char *log = io_log_end();
    ck_assert_msg(strstr(log,
                         "clips/uneven: 2 of 3 clips have other numbers of steps in "
                         "\"audio\" than in \"text\" (6 and 3 in \"c1\"): step t of one is "
                         "paired with step t of the other\n") != NULL,
                  "the log says \"%s\"", log);
    ck_assert_ptr_null(strstr(log, "\"video\" ("));
    unic_dataset_free(d);
    o.length = 6; /* no clip but the first is opened */
    io_log_begin();
    io_assert_ok(unic_dataset_open(&d, &path, 1, &o));
    ck_assert_str_eq(io_log_end(), "");
    unic_dataset_free(d);
    o.length = 0;
    o.modalities = two; /* a clip without a step of one lacks it */
    o.modality_count = 2;
    io_log_begin();
    io_assert_ok(unic_dataset_open(&d, &path, 1, &o));
    ck_assert_str_eq(io_log_end(), "");
    unic_dataset_free(d);
}
END_TEST

START_TEST(no_clip_can_be_read)
{
    char path[512];
    unic_dataset_options o = data_options(2, 0, 0);
    o.on_damage = UNIC_DAMAGE_SKIPS;
    clips_folder("clips", path);
    clips_write_text(path, "a/1.npy", "nothing");
    clips_write(path, "b/1.npy", OF(2, 2), 0);
    assert_refused(path, &o, UNIC_E_NOTFOUND, "clips: no clip of modality \"a\" can be read");
}
END_TEST

/* ---- tables
 * ------------------------------------------------------------------------------------ */

static unic_dataset *open_table(const char *folder, const char *text, unic_dataset_options *o)
{
    char table[600];
    clips_write_text(folder, "list.csv", text);
    snprintf(table, sizeof table, "%s/list.csv", folder);
    return data_open(table, o);
}

START_TEST(a_table_names_the_clips)
{
    static const char rows[] = "video_id,category,split\nc,dog,test\nb,cat,train\na,eel,test\n";
    char path[512];
    const unic_batch *b;
    int64_t dims[UNIC_MAX_RANK];
    size_t rank;
    int32_t label[3];
    unic_dataset_options o = data_options(3, 0, _i);
    write_clips(path);
    unic_dataset *d = open_table(path, rows, &o);
    ck_assert_uint_eq(unic_dataset_clip_count(d), 3);
    io_assert_ok(unic_dataset_next(&b, d));
    check_row(b, "video", 0, 6, 400);
    check_row(b, "video", 1, 4, 300);
    check_row(b, "audio", 2, 3, 100);
    io_assert_ok(unic_dataset_labels(&rank, d, "label", dims, label));
    ck_assert(rank == 1 && dims[0] == 3 && label[0] == 1 && label[1] == 0 && label[2] == 2);
    io_assert_fails(unic_dataset_labels(&rank, d, "audio.step_labels", dims, NULL),
                    UNIC_E_NOTFOUND, "list.csv: no labels \"audio.step_labels\"");
    unic_dataset_free(d);
    o.split = "test";
    d = open_table(path, rows, &o);
    ck_assert_uint_eq(unic_dataset_clip_count(d), 2);
    io_assert_ok(unic_dataset_labels(&rank, d, "label", dims, label));
    ck_assert(label[0] == 1 && label[1] == 2); /* as in the whole */
    unic_dataset_free(d);
}
END_TEST

START_TEST(clips_of_a_table_without_files)
{
    static const char rows[] = "video_id,category\nnone,x\n../video/b,y\nb,z\n";
    char path[512], table[600];
    int64_t dims[UNIC_MAX_RANK];
    size_t rank;
    int32_t label[1];
    unic_dataset_options o = data_options(3, 0, 0);
    write_clips(path);
    o.on_damage = UNIC_DAMAGE_SKIPS;
    io_log_begin();
    unic_dataset *d = open_table(path, rows, &o);
    const char *log = io_log_end();
    ck_assert(strstr(log, "clip \"none\" has no") && strstr(log, "clip \"../video/b\" has no"));
    ck_assert_uint_eq(unic_dataset_clip_count(d), 1);
    io_assert_ok(unic_dataset_labels(&rank, d, "label", dims, label));
    ck_assert_int_eq(label[0], 2);
    unic_dataset_free(d);
    o.on_damage = UNIC_DAMAGE_FAILS;
    snprintf(table, sizeof table, "%s/list.csv", path);
    assert_refused(table, &o, UNIC_E_NOTFOUND, "list.csv: clip \"none\" has no .npy or .zip");
    o.on_damage = UNIC_DAMAGE_SKIPS;
    clips_write_text(path, "list.csv", "video_id,category\nnone,x\nneither,y\n");
    assert_refused(table, &o, UNIC_E_NOTFOUND, "no clip has a file beside the table");
}
END_TEST

START_TEST(events_are_step_labels)
{
    char path[512], table[600];
    int64_t dims[UNIC_MAX_RANK];
    size_t rank;
    int32_t y[2 * 6 * 3];
    unic_dataset *d;
    unic_dataset_options o = data_options(3, 0, 0);
    write_clips(path);
    clips_write_text(path, "events.tsv",
                     "filename\tonset\toffset\tevent_labels\n"
                     "a\t0,2\t3,4\tSpeech,Dog\nb\t\t\t\n");
    snprintf(table, sizeof table, "%s/events.tsv", path);
    d = data_open(table, &o);
    io_assert_ok(unic_dataset_labels(&rank, d, "audio.step_labels", dims, y));
    ck_assert(rank == 3 && dims[0] == 2 && dims[1] == 4 && dims[2] == 3);
    const int32_t expected[2 * 4 * 3] = {0, 1, 0, 0, 1, 0, 1, 1, 0, 1, 0, 0,
                                         0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 1};
    ck_assert_mem_eq(y, expected, sizeof expected);
    unic_dataset_free(d);
}
END_TEST

/* ---- memory, the sample
 * ------------------------------------------------------------------------- */

static unic_status read_table(const char *path)
{
    unic_dataset *d;
    const unic_batch *b;
    const char *const audio[] = {"audio"};
    char table[600], clip[600];
    int64_t dims[UNIC_MAX_RANK];
    size_t rank;
    int32_t label[8];
    snprintf(table, sizeof table, "%s/list.csv", path);
    snprintf(clip, sizeof clip, "%s/audio/a.npy", path);
    const char *paths[] = {table, path, clip};
    unic_dataset_options o = first_of(audio, 4);
    o.length = 2;
    UNIC__TRY(unic_dataset_open(&d, paths, 3, &o));
    unic_status status = UNIC_OK;
    for (int i = 0; status == UNIC_OK && i < 3; i++)
        status = unic_dataset_next(&b, d);
    unic_dataset_free(d);
    if (status == UNIC_OK)
        status = unic_dataset_open(&d, paths, 1, &o);
    if (status == UNIC_OK) {
        status = unic_dataset_labels(&rank, d, "label", dims, label);
        unic_dataset_free(d);
    }
    return status;
}

/* With damage skipped: running out of memory is none. */
static unic_status read_skipping(const char *path)
{
    unic_dataset *d;
    const unic_batch *b;
    unic_dataset_options o = data_options(4, 0, 0);
    o.on_damage = UNIC_DAMAGE_SKIPS;
    o.length = 4;
    UNIC__TRY(unic_dataset_open(&d, &path, 1, &o));
    unic_status status = unic_dataset_next(&b, d);
    unic_dataset_free(d);
    return status;
}

START_TEST(out_of_memory_is_a_status)
{
    char path[512];
    write_clips(path);
    clips_write_text(path, "list.csv",
                     "video_id,category,onset,offset,event_labels\na,x,0,1,e\nb,y,,,\n");
    io_fail_each_allocation(read_table, path);
    io_fail_each_allocation(read_skipping, write_damaged(1, path));
    clips_folder("clips", path);
    clips_write_fortran(path, "a.npy", OF(2, 3, 2), 0);
    io_fail_each_allocation(read_skipping, path);
}
END_TEST

START_TEST(the_sample_of_the_cmg_code)
{
    unic_dataset *d;
    const unic_batch *b;
    const int32_t *lengths;
    unic_array x;
    const char *const audio[] = {"audio"};
    if (access(SAMPLE "/audio/clip0.zip", R_OK) != 0) {
        puts("skipped: " SAMPLE " is not there");
        return;
    }
    unic_dataset_options o = data_options(3, 0, _i);
    d = data_open(SAMPLE, &o);
    ck_assert(unic_dataset_clip_count(d) == 3 && unic_dataset_length(d) == 10);
    io_assert_ok(unic_dataset_next(&b, d));
    io_assert_ok(unic_batch_get(&x, NULL, b, "video"));
    ck_assert(x.rank == 5 && x.dims[2] == 7 && x.dims[4] == 64);
    io_assert_ok(unic_batch_get(&x, &lengths, b, "audio"));
    ck_assert(x.dims[2] == 24 && lengths[0] == 10 && lengths[1] == 10 && lengths[2] == 7);
    unic_dataset_free(d);

    const char *paths[] = {SAMPLE "/audio/clip2.zip", SAMPLE "/audio/clip0.zip"};
    o = first_of(audio, 2);
    o.length = 10;
    o.repeat_last = audio;
    o.repeat_last_count = 1;
    io_assert_ok(unic_dataset_open(&d, paths, 2, &o));
    io_assert_ok(unic_dataset_next(&b, d));
    io_assert_ok(unic_batch_get(&x, &lengths, b, "audio"));
    ck_assert(lengths[0] == 10 && lengths[1] == 10);
    for (size_t step = 7; step < 10; step++)
        ck_assert_mem_eq((const float *)x.data + step * 24, (const float *)x.data + 6 * 24,
                         24 * sizeof(float));
    ck_assert(memcmp((const float *)x.data + 6 * 24, (const float *)x.data + 5 * 24,
                     24 * sizeof(float)) != 0);
    unic_dataset_free(d);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("data/clips");
    TCase *t = tcase_create("clips");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, a_directory_of_clips, 0, 3); /* _i is the prefetch */
    tcase_add_test(t, one_modality_has_the_same_clips);
    tcase_add_loop_test(t, labels_stand_beside_the_clips, 0, 2);
    tcase_add_test(t, directories_that_are_refused);
    tcase_add_test(t, what_is_passed_over_is_said);
    tcase_add_loop_test(t, a_directory_of_arrays_is_an_npz, 0, 2);
    tcase_add_test(t, fortran_order_is_turned);
    tcase_add_loop_test(t, files_of_clips_are_stacked, 0, 2);
    tcase_add_loop_test(t, a_damaged_clip_fails_or_is_skipped, 0, 2);
    tcase_add_loop_test(t, a_clip_that_went_away, 0, 2);
    tcase_add_test(t, no_clip_can_be_read);
    tcase_add_test(t, modalities_of_uneven_steps);
    tcase_add_loop_test(t, a_table_names_the_clips, 0, 2);
    tcase_add_test(t, clips_of_a_table_without_files);
    tcase_add_test(t, events_are_step_labels);
    tcase_add_test(t, out_of_memory_is_a_status);
    tcase_add_loop_test(t, the_sample_of_the_cmg_code, 0, 2);
    suite_add_tcase(suite, t);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
