/*
 * libunicode-media on damaged and hostile files, and what it refuses: under the sanitizers (`make
 * asan`) nothing is read, written or left behind that should not be. Files come from the program
 * ffmpeg; the Python test beside this one has the rest.
 */
#include <check.h>
#include <fcntl.h>
#include <libavutil/intreadwrite.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unicode/unic_media.h"

#include "media/ffmpeg.h"
#include "media/layouts.h"
#include "media/media.h"

enum { WIDTH = 16, HEIGHT = 12, BLOCK = 4096 };

typedef struct file {
    unsigned char *data;
    size_t size;
} file;

static char folder[] = "/tmp/check_mediaXXXXXX";

/* A file that ffmpeg makes, one second long; without bytes if this ffmpeg cannot. */
static file make(const char *name, const char *arguments)
{
    char command[1024], path[256];
    file made = {NULL, 0};
    snprintf(path, sizeof path, "%s/%s", folder, name);
    snprintf(command, sizeof command,
             "ffmpeg -v quiet -y -f lavfi -i testsrc=s=64x48:r=12:d=1 -f lavfi -i "
             "sine=440:d=1:r=16000 -pix_fmt yuv420p %s %s",
             arguments, path);
    FILE *in = system(command) ? NULL : fopen(path, "rb");
    if (!in)
        return made;
    fseek(in, 0, SEEK_END);
    made.size = (size_t)ftell(in);
    rewind(in);
    made.data = malloc(made.size);
    ck_assert(fread(made.data, 1, made.size, in) == made.size);
    fclose(in);
    unlink(path);
    return made;
}

static void check_status(unic_status status)
{
    ck_assert_msg(status == UNIC_OK || status == UNIC_E_FORMAT || status == UNIC_E_NOMEM ||
                      status == UNIC_E_NOTFOUND,
                  "%d: %s", status, unic_media_last_error());
    ck_assert(status == UNIC_OK || strlen(unic_media_last_error()) > 10);
}

/* Everything that can be asked of a file; returns how many samples and frames it gave. */
static size_t read_all(const unsigned char *data, size_t size, int skip_damaged)
{
    unic_media_options options = {.struct_size = sizeof options,
                                  .skip_damaged = skip_damaged,
                                  .max_pixels = 1 << 16,
                                  .max_seconds = 20};
    float samples[BLOCK];
    uint8_t rgb[WIDTH * HEIGHT * 3];
    unic_source source;
    unic_media *media;
    size_t total = 0, count = 0;
    unic_source_memory(&source, data, size, "hostile");
    unic_status status = unic_media_open_source(&media, &source, &options);
    check_status(status);
    if (status != UNIC_OK)
        return 0;
    for (size_t i = 0; i < unic_media_stream_count(media); i++) {
        unic_media_stream stream = {.struct_size = sizeof stream};
        ck_assert(unic_media_stream_get(&stream, media, i) == UNIC_OK);
    }
    for (size_t i = 0; i < unic_media_tag_count(media); i++) {
        const char *key, *value;
        ck_assert(unic_media_tag_get(&key, &value, media, i) == UNIC_OK);
    }
    status = unic_media_sound_begin(media, 8000);
    check_status(status);
    while (status == UNIC_OK) {
        check_status(status = unic_media_sound_read(&count, media, BLOCK, samples));
        total += count;
        if (!count)
            break;
    }
    for (double at = 0.9; at > -0.5; at -= 0.3)
        check_status(status = unic_media_frame_at(NULL, media, at, WIDTH, HEIGHT, rgb));
    check_status(status = unic_media_frame_times(&count, media, 0, NULL));
    total += status == UNIC_OK ? count : 0;
    unic_media_free(media);
    return total;
}

static const char *const kinds[][2] = {
    {"h.mp4", "-c:v libx264 -bf 2 -c:a aac"},
    {"h.mkv", "-c:v libx264 -c:a flac"},
    {"h.webm", "-c:v libvpx -c:a libvorbis"},
    {"h.avi", "-c:v mpeg4 -c:a libmp3lame"},
    {"h.ts", "-c:v mpeg2video -c:a mp2"},
    {"h.wav", "-map 1:a"},
    {"h.flac", "-map 1:a"},
    {"h.ogg", "-map 1:a -c:a libvorbis"},
    {"h.mp3", "-map 1:a"},
    {"h.png", "-map 0:v -frames:v 1 -pix_fmt rgba"},
    {"h.jpg", "-map 0:v -frames:v 1"},
    {"h.gif", "-map 0:v"},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

START_TEST(test_truncated_and_flipped)
{
    file whole = make(kinds[_i][0], kinds[_i][1]);
    if (!whole.data) {
        printf("skipped: media: this ffmpeg makes no %s\n", kinds[_i][0]);
        return;
    }
    size_t intact = read_all(whole.data, whole.size, 0);
    ck_assert_msg(intact > 0, "%s: %s", kinds[_i][0], unic_media_last_error());
    for (size_t part = 0; part < 20; part++) {
        /* memory of its own, so that a byte behind the end is noticed */
        size_t size = whole.size * part / 20;
        unsigned char *cut = malloc(size ? size : 1);
        memcpy(cut, whole.data, size);
        for (int skip = 0; skip < 2; skip++)
            read_all(cut, size, skip);
        free(cut);
    }
    uint64_t random = 88172645463325252u + (uint64_t)_i;
    unsigned char *hurt = malloc(whole.size);
    for (int round = 0; round < 30; round++) {
        memcpy(hurt, whole.data, whole.size);
        for (int i = 0; i < 1 + round; i++) {
            random ^= random << 13, random ^= random >> 7, random ^= random << 17;
            /* every second flip hits the headers */
            size_t within = i % 2 && whole.size > 512 ? 512 : whole.size;
            hurt[(random >> 16) % within] ^= (unsigned char)(1u << (random & 7));
        }
        read_all(hurt, whole.size, round & 1);
    }
    free(hurt);
    free(whole.data);
}
END_TEST

START_TEST(test_allocations_that_fail)
{
    static const size_t limits[] = {100,   200,   400,   800,   1600,   3000,   6000,
                                    12000, 25000, 50000, 70000, 100000, 150000, 300000};
    file whole = make(kinds[_i][0], kinds[_i][1]);
    if (!whole.data)
        return;
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        for (int skip = 0; skip < 2; skip++) {
            av_max_alloc(limits[i]); /* nothing larger is allocated */
            read_all(whole.data, whole.size, skip);
            av_max_alloc(INT32_MAX);
        }
    ck_assert(read_all(whole.data, whole.size, 0) > 0);
    free(whole.data);
}
END_TEST

static void refused(unic_status status, unic_status wanted, const char *words)
{
    ck_assert_int_eq(status, wanted);
    ck_assert_msg(strstr(unic_media_last_error(), words) != NULL, "%s",
                  unic_media_last_error());
}

START_TEST(test_arguments)
{
    unic_media *media = (unic_media *)1;
    unic_media_options small = {.struct_size = 8};
    size_t count;
    float sample;
    uint8_t rgb[3];
    refused(unic_media_open(NULL, "x", NULL), UNIC_E_ARG, "out is NULL");
    refused(unic_media_open(&media, NULL, NULL), UNIC_E_ARG, "path is NULL");
    ck_assert_ptr_null(media);
    refused(unic_media_open_source(&media, NULL, NULL), UNIC_E_ARG, "source is NULL");
    refused(unic_media_open(&media, "/proc/self/status", &small), UNIC_E_ARG,
            "struct_size is 8");
    refused(unic_media_sound_begin(NULL, 0), UNIC_E_ARG, "media is NULL");
    refused(unic_media_sound_read(&count, NULL, 1, &sample), UNIC_E_ARG, "media is NULL");
    refused(unic_media_frame_at(NULL, NULL, 0, 1, 1, rgb), UNIC_E_ARG, "media is NULL");
    refused(unic_media_frame_times(&count, NULL, 0, NULL), UNIC_E_ARG, "media is NULL");
    refused(unic_media_stream_get(NULL, NULL, 0), UNIC_E_ARG, "media is NULL");
    ck_assert_str_eq(unic_media_format(NULL), "");
    ck_assert(!unic_media_stream_count(NULL) && !unic_media_tag_count(NULL) &&
              !unic_media_damaged_count(NULL) && !unic_media_has(NULL, UNIC_MEDIA_SOUND));
    unic_media_free(NULL);
}
END_TEST

/* What formats of references call when they want another file or host, where FFmpeg has not refused
 * them before. */
START_TEST(test_others_are_not_opened)
{
    file whole = make("o.wav", "-map 1:a");
    if (!whole.data)
        return;
    unic_source source;
    unic_media *media;
    unic_source_memory(&source, whole.data, whole.size, "o.wav");
    ck_assert(unic_media_open_source(&media, &source, NULL) == UNIC_OK);
    AVFormatContext *format = media->about.format;
    AVIOContext *other = NULL;
    ck_assert(!media->about.refused);
    ck_assert_int_eq(format->io_open(format, &other, "/proc/self/status", AVIO_FLAG_READ, NULL),
                     AVERROR(EPERM));
    ck_assert_ptr_null(other);
    ck_assert(media->about.refused);
    unic_media_free(media);
    free(whole.data);
}
END_TEST

START_TEST(test_states)
{
    file whole = make("s.wav", "-map 1:a");
    if (!whole.data)
        return;
    unic_source source;
    unic_media *media;
    float samples[100];
    size_t count = 0;
    unic_source_memory(&source, whole.data, whole.size, "s.wav");
    ck_assert(unic_media_open_source(&media, &source, NULL) == UNIC_OK);
    refused(unic_media_sound_read(&count, media, 100, samples), UNIC_E_STATE, "comes first");
    refused(unic_media_sound_begin(media, 999), UNIC_E_ARG,
            "s.wav: rate is 999, expected 1000..");
    refused(unic_media_frame_times(&count, media, 0, NULL), UNIC_E_NOTFOUND,
            "s.wav: it has no frames");
    ck_assert(unic_media_sound_begin(media, 0) == UNIC_OK);
    refused(unic_media_sound_read(&count, media, 0, samples), UNIC_E_ARG, "max_count is 0");
    size_t total = 0;
    do {
        ck_assert(unic_media_sound_read(&count, media, 100, samples) == UNIC_OK);
        total += count;
    } while (count);
    ck_assert_uint_eq(total, 16000);
    ck_assert(unic_media_sound_read(&count, media, 100, samples) == UNIC_OK && !count);
    unic_media_free(media);
    free(whole.data);
}
END_TEST

static int64_t closed;

static void count_close(void *user)
{
    (void)user;
    closed++;
}

static int64_t fail_at(void *buffer, size_t bytes, int64_t offset, void *user)
{
    file *whole = user;
    if (offset + (int64_t)bytes > (int64_t)whole->size / 2)
        return -UNIC_E_CANCELLED;
    memcpy(buffer, whole->data + offset, bytes);
    return (int64_t)bytes;
}

START_TEST(test_a_source_that_fails)
{
    file whole = make("f.wav", "-map 1:a -af aloop=loop=20:size=16000");
    if (!whole.data)
        return;
    unic_source source = {.struct_size = sizeof source,
                          .name = "f.wav",
                          .size = (int64_t)whole.size,
                          .read_at = fail_at,
                          .close = count_close,
                          .user = &whole};
    unic_media *media;
    float samples[BLOCK];
    size_t count;
    unic_status status = unic_media_open_source(&media, &source, NULL);
    if (status == UNIC_OK) {
        ck_assert(unic_media_sound_begin(media, 8000) == UNIC_OK);
        while ((status = unic_media_sound_read(&count, media, BLOCK, samples)) == UNIC_OK &&
               count)
            continue;
        ck_assert_int_eq(closed, 0);
        unic_media_free(media);
    }
    refused(status, UNIC_E_CANCELLED, "f.wav: reading it failed");
    ck_assert_int_eq(closed, 1);
    source.size = 0; /* empty: closed after the failure too */
    refused(unic_media_open_source(&media, &source, NULL), UNIC_E_FORMAT, "f.wav: ");
    ck_assert_int_eq(closed, 2);
    ck_assert(unic_media_open_source(NULL, &source, NULL) == UNIC_E_ARG && closed == 3);
    free(whole.data);
}
END_TEST

/* An object that logs on behalf of another, as decoders' hardware and filters do. */
typedef struct child {
    const AVClass *is;
    void *parent;
} child;

/* What is logged meanwhile; to be freed. */
static char *logged(child *of, const char *text)
{
    char path[256], *said = calloc(1024, 1);
    snprintf(path, sizeof path, "%s/log", folder);
    fflush(stderr);
    int kept = dup(STDERR_FILENO), to = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    ck_assert(said && kept >= 0 && to >= 0 && dup2(to, STDERR_FILENO) >= 0);
    av_log(of, AV_LOG_ERROR, "%s\n", text);
    fflush(stderr);
    dup2(kept, STDERR_FILENO);
    ck_assert(pread(to, said, 1023, 0) >= 0);
    close(kept);
    close(to);
    unlink(path);
    return said;
}

/* Outside any call, what this library's decoders say on threads of their own is dropped, and what the
 * host's say is not. */
START_TEST(test_the_log_of_objects)
{
    const AVClass class = {.class_name = "child",
                           .item_name = av_default_item_name,
                           .version = LIBAVUTIL_VERSION_INT,
                           .parent_log_context_offset = offsetof(child, parent)};
    AVCodecContext *codec = avcodec_alloc_context3(NULL);
    child of = {&class, codec}, alone = {&class, NULL};
    unic_media *media;
    ck_assert_ptr_nonnull(codec);
    refused(unic_media_open(&media, "/not/there", NULL), UNIC_E_NOTFOUND, "/not/there");
    char *host = logged(&of, "of the host's decoder"), *free_of = logged(&alone, "of nobody's");
    codec->opaque = unic__media_owner();
    char *ours = logged(&of, "of this library's decoder");
    ck_assert_msg(strstr(host, "of the host's decoder\n"), "\"%s\"", host);
    ck_assert_msg(strstr(free_of, "of nobody's\n"), "\"%s\"", free_of);
    ck_assert_str_eq(ours, "");
    avcodec_free_context(&codec);
    free(host);
    free(free_of);
    free(ours);
}
END_TEST

/* A resampler's filter is as long as the rate is high: with 268 MHz it takes 591 MB. Read without
 * resampling, it is sound like any other. */
START_TEST(test_a_rate_that_is_too_high)
{
    static const struct {
        uint32_t says;
        int rate;
        const char *message; /* NULL: it is read */
    } rates[] = {{0x10001f40, 16000,
                  "fast.au: its sound has 268443456 samples a second, "
                  "expected 1..3072000, or any number if it is read at its "
                  "own rate (0)"},
                 {0x10001f40, 0, NULL},
                 {3072001, 1000, "fast.au: its sound has 3072001 samples a second"},
                 {3072000, 16000, NULL},
                 {8000, 16000, NULL}};
    static unsigned char file[24 + 0x10000] = {'.', 's', 'n', 'd', 0, 0, 0, 24, 0, 1, 0, 0,
                                               0,   0,   0,   1,   0, 0, 0, 0,  0, 0, 0, 1};
    memset(file + 24, 0x35, sizeof file - 24);
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        unic_source source;
        unic_media *media;
        float samples[100];
        size_t count = 0;
        AV_WB32(file + 16, rates[i].says);
        unic_source_memory(&source, file, sizeof file, "fast.au");
        ck_assert(unic_media_open_source(&media, &source, NULL) == UNIC_OK);
        ck_assert(unic_media_sound_begin(media, rates[i].rate) == UNIC_OK);
        unic_status status = unic_media_sound_read(&count, media, 100, samples);
        if (!rates[i].message)
            ck_assert_msg(status == UNIC_OK && count > 0, "%zu: %s", i,
                          unic_media_last_error());
        else
            refused(status, UNIC_E_FORMAT, rates[i].message);
        unic_media_free(media);
    }
}
END_TEST

START_TEST(test_many_channels)
{
    static const char *const messages[] = {"many.au: its sound has 65 channels, expected 1..64",
                                           NULL};
    static unsigned char file[24 + 65 * 2 * 1000] = {
        '.', 's', 'n', 'd', 0, 0, 0, 24, 0, 1, 0, 0, 0, 0, 0, 3, 0, 0, 0x3E, 0x80, 0, 0, 0, 65};
    for (int i = 0; i < 2; i++, file[23]--) {
        unic_source source;
        unic_media *media;
        float samples[10];
        size_t count = 0;
        unic_source_memory(&source, file, sizeof file, "many.au");
        ck_assert(unic_media_open_source(&media, &source, NULL) == UNIC_OK);
        ck_assert(unic_media_sound_begin(media, 0) == UNIC_OK);
        unic_status status = unic_media_sound_read(&count, media, 10, samples);
        if (!messages[i])
            ck_assert_msg(status == UNIC_OK && count == 10, "%s", unic_media_last_error());
        else
            refused(status, UNIC_E_FORMAT, messages[i]);
        unic_media_free(media);
    }
}
END_TEST

/* FFmpeg's filter is some 40 samples of the lower rate long: a sound that is shorter is all there as
 * well, and the first of its samples is what it begins with. */
START_TEST(test_a_sound_that_is_short)
{
    static const int rates[][2] = {{48000, 16000}, {44100, 16000}, {48000, 8000},
                                   {8000, 48000},  {16000, 16000}, {768000, 16000},
                                   {3072000, 1000}};
    enum { MOST = 8000 };
    static unsigned char file[24 + 2 * MOST] = {'.', 's', 'n', 'd', 0, 0, 0, 24, 0, 0, 0, 0,
                                                0,   0,   0,   3,   0, 0, 0, 0,  0, 0, 0, 1};
    static float samples[6 * MOST];
    const int from = rates[_i][0], to = rates[_i][1];
    for (int i = 0; i < MOST; i++)
        AV_WB16(file + 24 + 2 * i, 0x4000); /* 0.5 */
    for (int n = 1; n <= MOST; n += n < 300 ? 1 : 700) {
        unic_source source;
        unic_media *media;
        size_t count = 0;
        const double due = fmax((double)n * to / from, 1);
        AV_WB32(file + 8, (uint32_t)n * 2);
        AV_WB32(file + 16, (uint32_t)from);
        unic_source_memory(&source, file, 24 + 2 * (size_t)n, "short.au");
        ck_assert(unic_media_open_source(&media, &source, NULL) == UNIC_OK);
        ck_assert(unic_media_sound_begin(media, to) == UNIC_OK);
        ck_assert(unic_media_sound_read(&count, media, 6 * MOST, samples) == UNIC_OK);
        ck_assert_msg(fabs((double)count - due) < 1, "%d: %zu, due %g", n, count, due);
        if (due >= 16) { /* a filter rings by 9 % of a step, here at both ends */
            const float first = samples[0], middle = samples[count / 2];
            ck_assert_msg(fabsf(first - 0.5F) < 0.02F && fabsf(middle - 0.5F) < 0.06F,
                          "%d: %g, %g", n, first, middle);
        }
        unic_media_free(media);
    }
}
END_TEST

int main(void)
{
    if (!mkdtemp(folder))
        return 1;
    Suite *suite = suite_create("media");
    TCase *files = tcase_create("files");
    tcase_set_timeout(files, 600);
    tcase_add_test(files, test_arguments);
    tcase_add_test(files, test_others_are_not_opened);
    tcase_add_test(files, test_the_log_of_objects);
    tcase_add_test(files, test_states);
    tcase_add_test(files, test_a_rate_that_is_too_high);
    tcase_add_test(files, test_many_channels);
    tcase_add_loop_test(files, test_a_sound_that_is_short, 0, 7);
    tcase_add_test(files, test_a_source_that_fails);
    tcase_add_loop_test(files, test_truncated_and_flipped, 0, KINDS);
    tcase_add_loop_test(files, test_allocations_that_fail, 0, KINDS);
    suite_add_tcase(suite, files);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    rmdir(folder);
    return failed > 0;
}
