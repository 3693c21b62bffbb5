/*
 * libunicode-media on files that are written here byte by byte, so that no program is needed to make
 * them: what is refused, what is known of streams, frames and sound, and sources that change.
 */
#include <check.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unicode/unic_media.h"

#include "media/raw_files.h"

static char folder[] = "/tmp/check_rawXXXXXX";

static const char *in_folder(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void write_file(const char *name, const file *f)
{
    FILE *out = fopen(in_folder(name), "r+b");
    if (!out)
        out = fopen(in_folder(name), "wb");
    ck_assert(out && fwrite(f->data, 1, f->size, out) == f->size && fclose(out) == 0);
}

static int64_t read_file(void *buffer, size_t bytes, int64_t offset, void *user)
{
    const file *f = user;
    f = f->later ? f->later : f;
    int64_t left = (int64_t)f->size - offset;
    int64_t count = left < (int64_t)bytes ? left : (int64_t)bytes;
    if (count <= 0)
        return 0;
    memcpy(buffer, f->data + offset, (size_t)count);
    return count;
}

static void close_file(void *user)
{
    ((file *)user)->closed++;
}

static unic_source source_of(file *f, const char *name)
{
    return (unic_source){.struct_size = sizeof(unic_source),
                         .name = name,
                         .size = (int64_t)f->size,
                         .read_at = read_file,
                         .close = close_file,
                         .user = f};
}

static unic_media *open_file(file *f, const char *name, const unic_media_options *options)
{
    unic_media *media;
    unic_source source = source_of(f, name);
    ck_assert_msg(unic_media_open_source(&media, &source, options) == UNIC_OK, "%s",
                  unic_media_last_error());
    return media;
}

static void refused(unic_status status, unic_status wanted, const char *words)
{
    ck_assert_int_eq(status, wanted);
    ck_assert_msg(strstr(unic_media_last_error(), words) != NULL, "\"%s\" does not say \"%s\"",
                  unic_media_last_error(), words);
}

/* The frame at a time is number `i`, and begins when that does. */
static void frame_is(unic_media *media, double at, size_t i)
{
    uint8_t rgb[PIXELS * 3];
    double begins = -1;
    ck_assert_msg(unic_media_frame_at(&begins, media, at, WIDTH, HEIGHT, rgb) == UNIC_OK, "%s",
                  unic_media_last_error());
    ck_assert_msg(abs(rgb[0] - grey_of(i)) <= 1 && abs(rgb[PIXELS * 3 - 1] - grey_of(i)) <= 1,
                  "at %g s: %d, not %d", at, rgb[0], grey_of(i));
    ck_assert_msg(fabs(begins - (double)i / FRAMES_A_SECOND) < 1e-3, "at %g s: begins at %g s",
                  at, begins);
}

/* ---- tests ---- */

START_TEST(paths_that_are_no_file)
{
    unic_media *media = (unic_media *)1;
    char message[300];
    refused(unic_media_open(&media, in_folder("none.avi"), NULL), UNIC_E_NOTFOUND,
            "none.avi: No such file or directory");
    ck_assert_ptr_null(media);
    snprintf(message, sizeof message, "%s: expected a regular file", folder);
    refused(unic_media_open(&media, folder, NULL), UNIC_E_IO, message);
    file film = yuv4mpeg(1);
    write_file("in.y4m", &film);
    refused(unic_media_open(&media, in_folder("in.y4m/x"), NULL), UNIC_E_IO,
            "in.y4m/x: Not a directory");
    ck_assert(mkfifo(in_folder("pipe"), 0600) ==
              0); /* nobody writes: it must not be waited for */
    refused(unic_media_open(&media, in_folder("pipe"), NULL), UNIC_E_IO,
            "pipe: expected a regular file");
    unlink(in_folder("pipe"));
    unlink(in_folder("in.y4m"));
    free(film.data);
}
END_TEST

START_TEST(a_file_that_is_cut_while_it_is_read)
{
    file film = yuv4mpeg(4000);
    uint8_t rgb[PIXELS * 3];
    unic_media *media;
    write_file("cut.y4m", &film);
    ck_assert(unic_media_open(&media, in_folder("cut.y4m"), NULL) == UNIC_OK);
    frame_is(media, 0.2, 2);
    ck_assert(truncate(in_folder("cut.y4m"), (off_t)film.size / 2) == 0);
    refused(unic_media_frame_at(NULL, media, 399, WIDTH, HEIGHT, rgb), UNIC_E_IO,
            "cut.y4m: reading it failed");
    write_file("cut.y4m", &film); /* there again: the handle goes on */
    frame_is(media, 399.05, 3990);
    unic_media_free(media);
    unlink(in_folder("cut.y4m"));
    free(film.data);
}
END_TEST

START_TEST(options_out_of_range)
{
#define OPTIONS(...)                                                                           \
    {                                                                                          \
        .struct_size = sizeof(unic_media_options), __VA_ARGS__                                 \
    }
    static int any;
    const struct {
        unic_media_options options;
        const char *words;
    } wrong[] = {
        {OPTIONS(.threads = -1), "options.threads is -1, expected 0..64"},
        {OPTIONS(.threads = 65), "options.threads is 65, expected 0..64"},
        {OPTIONS(.skip_damaged = -1), "options.skip_damaged is -1, expected 0 or 1"},
        {OPTIONS(.skip_damaged = 2), "options.skip_damaged is 2, expected 0 or 1"},
        {OPTIONS(.max_pixels = -1), "options.max_pixels is -1, expected 0..2^31-1"},
        {OPTIONS(.max_pixels = (int64_t)1 << 31), "options.max_pixels is 2147483648, expected"},
        {OPTIONS(.max_seconds = -1), "options.max_seconds is -1, expected 0..1e9"},
        {OPTIONS(.max_seconds = 2e9), "options.max_seconds is 2e+09, expected 0..1e9"},
        {OPTIONS(.max_seconds = (double)NAN), "options.max_seconds is nan, expected 0..1e9"},
        {OPTIONS(.alpha = -1), "options.alpha is -1, no unic_media_alpha"},
        {OPTIONS(.alpha = 3), "options.alpha is 3, no unic_media_alpha"},
        {OPTIONS(.reserved_int = 1), "options.reserved_int is not 0"},
        {OPTIONS(.reserved = {[3] = &any}), "options.reserved is not NULL"},
    };
    file film = yuv4mpeg(2);
    const int64_t count = sizeof wrong / sizeof wrong[0];
    for (int64_t i = 0; i < count; i++) {
        unic_source source = source_of(&film, "film");
        unic_media *media = (unic_media *)1;
        refused(unic_media_open_source(&media, &source, &wrong[i].options), UNIC_E_ARG,
                wrong[i].words);
        ck_assert(!media &&
                  film.closed == i + 1); /* the source is closed whatever comes of it */
    }
    unic_media_options most = OPTIONS(.threads = 64, .skip_damaged = 1, .alpha = 2,
                                      .max_pixels = INT32_MAX, .max_seconds = 1e9);
    unic_media *media = open_file(&film, "film", &most);
    frame_is(media, 0.1, 1);
    unic_media_free(media);
    ck_assert_int_eq(film.closed, count + 1);
    free(film.data);
}
END_TEST

START_TEST(sources_that_are_none)
{
    file film = yuv4mpeg(1);
    unic_media *media;
    unic_source source = source_of(&film, NULL);
    source.struct_size = 8;
    refused(unic_media_open_source(&media, &source, NULL), UNIC_E_ARG,
            "source->struct_size is too small");
    source = source_of(&film, NULL);
    source.read_at = NULL;
    refused(unic_media_open_source(&media, &source, NULL), UNIC_E_ARG, "read_at is NULL");
    source = source_of(&film, NULL);
    source.size = -1;
    refused(unic_media_open_source(&media, &source, NULL), UNIC_E_ARG, "size is negative");
    source = source_of(&film,
                       NULL); /* without a name it is called so, and need not be closed */
    source.close = NULL;
    source.size = 5;
    refused(unic_media_open_source(&media, &source, NULL), UNIC_E_FORMAT, "source: ");
    refused(unic_media_open_source(NULL, &source, NULL), UNIC_E_ARG, "out is NULL");
    ck_assert_int_eq(film.closed, 0);
    free(film.data);
}
END_TEST

START_TEST(limits_of_what_a_file_says)
{
    file film = avi(30);
    unic_source source = source_of(&film, "film");
    unic_media_options few = OPTIONS(.max_pixels = PIXELS - 1),
                       brief = OPTIONS(.max_seconds = 2.5);
    unic_media *media;
    refused(unic_media_open_source(&media, &source, &few), UNIC_E_NOMEM,
            "film: its frames have 8 x 6 pixels, but options.max_pixels allows 47");
    refused(unic_media_open_source(&media, &source, &brief), UNIC_E_NOMEM,
            "film: it lasts 3 s, but options.max_seconds allows 2.5 s");
    free(film.data);
}
END_TEST

START_TEST(streams)
{
    file film = avi(30);
    unic_media *media = open_file(&film, "film", NULL);
    unic_media_stream s = {.struct_size = sizeof s};
    ck_assert_str_eq(unic_media_format(media), "avi");
    ck_assert_double_eq_tol(unic_media_seconds(media), 3, 1e-6);
    ck_assert_uint_eq(unic_media_stream_count(media), 2);
    ck_assert(unic_media_has(media, UNIC_MEDIA_FRAMES) &&
              unic_media_has(media, UNIC_MEDIA_SOUND) &&
              !unic_media_has(media, UNIC_MEDIA_OTHER));
    ck_assert(unic_media_stream_get(&s, media, 0) == UNIC_OK);
    ck_assert(s.kind == UNIC_MEDIA_FRAMES && s.chosen && s.width == WIDTH &&
              s.height == HEIGHT && s.rotation == 0 && !s.still && s.rate == 0);
    ck_assert_str_eq(s.codec, "rawvideo");
    ck_assert_double_eq_tol(s.frame_rate, FRAMES_A_SECOND, 1e-9);
    ck_assert_double_eq_tol(s.seconds, 3, 1e-6);
    ck_assert(unic_media_stream_get(&s, media, 1) == UNIC_OK);
    ck_assert(s.kind == UNIC_MEDIA_SOUND && s.chosen && s.rate == RATE && s.channels == 1 &&
              s.width == 0);
    ck_assert_str_eq(s.codec, "pcm_s16le");
    refused(unic_media_stream_get(&s, media, 2), UNIC_E_ARG, "film: index is 2 of 2 streams");
    refused(unic_media_stream_get(NULL, media, 0), UNIC_E_ARG, "stream is NULL");
    s.struct_size--;
    refused(unic_media_stream_get(&s, media, 0), UNIC_E_ARG, "struct_size is too small");
    ck_assert(unic_media_seconds(NULL) <= 0 && !unic_media_has(NULL, UNIC_MEDIA_FRAMES));
    unic_media_free(media);
    free(film.data);
}
END_TEST

START_TEST(tags)
{
    file sound = wave(100);
    unic_media *media = open_file(&sound, "sound", NULL);
    const char *key = "", *value = "";
    ck_assert_uint_eq(unic_media_tag_count(media), 1);
    ck_assert(unic_media_tag_get(&key, &value, media, 0) == UNIC_OK);
    ck_assert_str_eq(key, "title");
    ck_assert_str_eq(value, "A title");
    refused(unic_media_tag_get(&key, &value, media, 1), UNIC_E_ARG,
            "sound: index is 1 of 1 tags");
    refused(unic_media_tag_get(NULL, &value, media, 0), UNIC_E_ARG, "key is NULL");
    refused(unic_media_tag_get(&key, NULL, media, 0), UNIC_E_ARG, "value is NULL");
    refused(unic_media_tag_get(&key, &value, NULL, 0), UNIC_E_ARG, "media is NULL");
    unic_media_free(media);
    free(sound.data);
}
END_TEST

START_TEST(frames_that_are_refused)
{
    file film = yuv4mpeg(3), sound = wave(100);
    unic_media_options few = OPTIONS(.max_pixels = 100);
    unic_media *media = open_file(&film, "film", &few),
               *other = open_file(&sound, "sound", NULL);
    uint8_t rgb[PIXELS * 3];
    double times[1];
    size_t count;
    const int sizes[][2] = {{0, 1}, {1, 0}, {16385, 1}, {1, 16385}};
    for (size_t i = 0; i < 4; i++)
        refused(unic_media_frame_at(NULL, media, 0, sizes[i][0], sizes[i][1], rgb), UNIC_E_ARG,
                "expected 1..16384 each");
    refused(unic_media_frame_at(NULL, media, 0, 11, 10, rgb), UNIC_E_ARG,
            "film: 11 x 10 is more than options.max_pixels, 100");
    refused(unic_media_frame_at(NULL, media, 0, WIDTH, HEIGHT, NULL), UNIC_E_ARG,
            "rgb is NULL");
    refused(unic_media_frame_at(NULL, media, (double)NAN, WIDTH, HEIGHT, rgb), UNIC_E_ARG,
            "`at` is not finite");
    refused(unic_media_frame_at(NULL, media, (double)INFINITY, WIDTH, HEIGHT, rgb), UNIC_E_ARG,
            "`at` is not finite");
    refused(unic_media_frame_at(NULL, other, 0, WIDTH, HEIGHT, rgb), UNIC_E_NOTFOUND,
            "sound: it has no frames");
    refused(unic_media_frame_times(NULL, media, 0, NULL), UNIC_E_ARG, "count is NULL");
    refused(unic_media_frame_times(&count, media, 1, NULL), UNIC_E_ARG, "times is NULL");
    refused(unic_media_frame_times(&count, other, 1, times), UNIC_E_NOTFOUND,
            "sound: it has no frames");
    refused(unic_media_sound_begin(media, 0), UNIC_E_NOTFOUND, "film: it has no sound");
    refused(unic_media_sound_begin(other, 768001), UNIC_E_ARG, "rate is 768001");
    frame_is(media, 0.1, 1); /* and it reads on */
    unic_media_free(media);
    unic_media_free(other);
    free(film.data);
    free(sound.data);
}
END_TEST

START_TEST(times_of_frames)
{
    file film = yuv4mpeg(1500);
    unic_media *media = open_file(&film, "film", NULL);
    static double times[2000];
    size_t count = 0;
    times[2] = -7;
    ck_assert(unic_media_frame_times(&count, media, 2, times) == UNIC_OK && count == 1500);
    ck_assert(fabs(times[1] - 0.1) < 1e-6 && times[2] < -6);
    ck_assert(unic_media_frame_times(&count, media, 0, NULL) == UNIC_OK && count == 1500);
    ck_assert(unic_media_frame_times(&count, media, 2000, times) == UNIC_OK && count == 1500);
    for (size_t i = 0; i < count; i++)
        ck_assert(fabs(times[i] - (double)i / FRAMES_A_SECOND) < 1e-6);
    frame_is(media, 77.77, 777);
    unic_media_free(media);
    free(film.data);
}
END_TEST

/* A format that says when each frame is shown, and one that does not: seeking would be wrong there. */
START_TEST(frames_in_any_order)
{
    const double at[] = {0, 0.05, 0.1, 40, 39.95, 12.3, 12.39, 0, 20, 35, 10, 1e6, -5, 1e300};
    file film[] = {yuv4mpeg(450), avi(450)};
    for (size_t f = 0; f < 2; f++) {
        unic_media *media = open_file(&film[f], f ? "avi" : "y4m", NULL);
        for (size_t i = 0; i < sizeof at / sizeof at[0]; i++)
            frame_is(media, at[i],
                     at[i] < 0    ? 0
                     : at[i] > 44 ? 449
                                  : (size_t)(at[i] * FRAMES_A_SECOND + 1e-6));
        unic_media_free(media);
        free(film[f].data);
    }
}
END_TEST

START_TEST(sound_of_a_film)
{
    file film = avi(10);
    unic_media *media = open_file(&film, "film", NULL);
    static float samples[RATE + 10];
    size_t count;
    refused(unic_media_sound_read(NULL, media, 1, samples), UNIC_E_ARG, "count is NULL");
    refused(unic_media_sound_read(&count, media, 1, NULL), UNIC_E_ARG, "samples is NULL");
    for (int round = 0; round < 2; round++) { /* it may begin again */
        ck_assert(unic_media_sound_begin(media, 0) == UNIC_OK);
        ck_assert(unic_media_sound_read(&count, media, RATE + 10, samples) == UNIC_OK);
        ck_assert_uint_eq(count, RATE);
        for (size_t i = 0; i < count; i++)
            ck_assert_float_eq_tol(samples[i], (float)(i % 1600 % 50 * 100) / 32768.0F, 1e-6F);
    }
    unic_media_free(media);
    free(film.data);
}
END_TEST

START_TEST(a_source_that_becomes_another)
{
    file film = avi(10), sound = wave(100000);
    unic_media *media = open_file(&film, "film", NULL);
    uint8_t rgb[PIXELS * 3];
    film.later = &sound; /* which has one stream */
    refused(unic_media_sound_begin(media, 0), UNIC_E_IO,
            "film: it has changed since it was opened");
    film.later = NULL;
    ck_assert(unic_media_sound_begin(media, 0) == UNIC_OK);
    file rest = {0}; /* nothing is left of it */
    film.later = &rest;
    refused(unic_media_frame_at(NULL, media, 0, WIDTH, HEIGHT, rgb), UNIC_E_IO,
            "film: reading it failed");
    film.later = NULL;
    frame_is(media, 0.3, 3);
    unic_media_free(media);
    free(film.data);
    free(sound.data);
}
END_TEST

/* The file, which is freed, is refused. */
static void opens_none(file *f, const char *name, const char *why)
{
    unic_source source = source_of(f, name);
    unic_media *media;
    refused(unic_media_open_source(&media, &source, NULL), UNIC_E_FORMAT, why);
    free(f->data);
}

START_TEST(a_list_of_files_opens_none)
{
    static const char *const texts[] = {
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfilm.ts\n#EXT-X-ENDLIST\n",
        "#EXTM3U\nfilm.ts\n"}; /* of the players' kind, which FFmpeg does not know */
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        file list = {0};
        put_text(&list, texts[i]);
        opens_none(&list, "list",
                   "list: it is a list of other files, or refers to one: they are not opened");
    }
}
END_TEST

/* Two frames of MPEG sound, which a few bytes of any file may look like, and nothing that
 * follows. */
START_TEST(a_weak_guess_opens_none)
{
    enum { FRAME = 417 }; /* bytes, at 128 kbit/s and 44.1 kHz */
    static const unsigned char frame[FRAME] = {0xff, 0xfb, 0x90, 0x64};
    file junk = {0};
    put(&junk, frame, FRAME);
    put(&junk, frame, FRAME);
    for (size_t i = 0; i < 400; i++)
        put_text(&junk, "no sound");
    opens_none(&junk, "junk",
               "junk: no film, sound or picture was recognised: the best guess is mp3, by ");
}
END_TEST

/* FFmpeg's, and the level of an error there. */
void av_log(void *of, int level, const char *format, ...);
enum { LOG_ERROR = 16 };

/* What the process logs through FFmpeg itself still goes where FFmpeg sends it; what FFmpeg says in
 * this library's calls goes into messages alone. */
START_TEST(the_log_of_others)
{
    file broken = yuv4mpeg(2);
    memcpy(broken.data + broken.size - PIXELS * 3 / 2 - 6, "FRUME\n", 6);
    fflush(stderr);
    int kept = dup(STDERR_FILENO),
        to = open(in_folder("log"), O_RDWR | O_CREAT | O_TRUNC, 0600);
    ck_assert(kept >= 0 && to >= 0 && dup2(to, STDERR_FILENO) >= 0);
    unic_media *media = NULL;
    unic_source source = source_of(&broken, "broken");
    unic_status status = unic_media_open_source(&media, &source, NULL);
    size_t count = 0;
    unic_status times = media ? unic_media_frame_times(&count, media, 0, NULL) : status;
    av_log(NULL, LOG_ERROR, "said by the host\n");
    unic_media_free(media);
    fflush(stderr);
    dup2(kept, STDERR_FILENO);
    close(kept);
    char said[4096] = "";
    ck_assert(pread(to, said, sizeof said - 1, 0) >= 0);
    close(to);
    unlink(in_folder("log"));
    ck_assert_msg(strcmp(said, "said by the host\n") == 0, "\"%s\"", said);
    refused(times, UNIC_E_FORMAT, "broken: ");
    free(broken.data);
}
END_TEST

int main(void)
{
    if (!mkdtemp(folder))
        return 1;
    Suite *suite = suite_create("media");
    TCase *raw = tcase_create("raw");
    tcase_set_timeout(raw, 60);
    tcase_add_test(raw, paths_that_are_no_file);
    tcase_add_test(raw, a_file_that_is_cut_while_it_is_read);
    tcase_add_test(raw, options_out_of_range);
    tcase_add_test(raw, sources_that_are_none);
    tcase_add_test(raw, limits_of_what_a_file_says);
    tcase_add_test(raw, streams);
    tcase_add_test(raw, tags);
    tcase_add_test(raw, frames_that_are_refused);
    tcase_add_test(raw, times_of_frames);
    tcase_add_test(raw, frames_in_any_order);
    tcase_add_test(raw, sound_of_a_film);
    tcase_add_test(raw, a_source_that_becomes_another);
    tcase_add_test(raw, a_list_of_files_opens_none);
    tcase_add_test(raw, a_weak_guess_opens_none);
    tcase_add_test(raw, the_log_of_others);
    suite_add_tcase(suite, raw);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    rmdir(folder);
    return failed > 0;
}
