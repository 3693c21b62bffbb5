/*
 * What libunicode-media makes of any bytes: a file is opened, described and read in several orders,
 * from memory, from a file, and through callbacks that give little at a time or fail. FFmpeg itself is
 * not instrumented: what is reached is counted in lib/media alone.
 *
 * An input is HEAD bytes that decide how it is read, and the file. tests/fuzz/media_seeds.py
 * writes the seeds.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/harness/fuzz.h"
#include "fuzz/targets/targets.h"
#include "unicode/unic_media.h"

enum { HEAD = 8, MOST_SIDE = 32, MOST_BLOCK = 4096, MOST_TIMES = 4096, OPERATIONS = 5 };

/* As fuzz_ok(), with the message of this library. */
static bool media_ok(unic_status status)
{
    FUZZ_CHECK(status >= UNIC_OK && status <= UNIC_E_CANCELLED);
    if (status == UNIC_OK)
        return true;
    const char *message = unic_media_last_error();
    FUZZ_CHECK(*message);
    for (; *message; message++)
        FUZZ_CHECK((unsigned char)*message >= ' ' && *message != 0x7F);
    return false;
}

/* ---- the caller's callbacks ---- */

typedef struct reader {
    const unsigned char *bytes;
    int64_t size;
    size_t at_a_time;  /* bytes of a read, at most; 0: all */
    unsigned fails_in; /* reads; 0: never */
    int64_t failure;   /* what the failing read returns */
    unsigned open, failed;
} reader;

static int64_t read_some(void *buffer, size_t bytes, int64_t offset, void *user)
{
    reader *r = user;
    FUZZ_CHECK(r->open && bytes > 0 && offset >= 0 && offset <= r->size &&
               (int64_t)bytes <= r->size - offset);
    if (r->fails_in && --r->fails_in == 0) {
        r->failed = 1;
        return r->failure;
    }
    if (r->at_a_time && bytes > r->at_a_time)
        bytes = r->at_a_time;
    memcpy(buffer, r->bytes + offset, bytes);
    return (int64_t)bytes;
}

static void close_reader(void *user)
{
    reader *r = user;
    FUZZ_CHECK(r->open);
    r->open = 0;
}

/* ---- what is known without decoding ---- */

static void check_stream(const unic_media_stream *s, const unic_media_options *o)
{
    FUZZ_CHECK(s->kind >= UNIC_MEDIA_OTHER && s->kind <= UNIC_MEDIA_FRAMES && s->codec);
    FUZZ_CHECK(isfinite(s->seconds) && s->seconds >= 0);
    FUZZ_CHECK(isfinite(s->frame_rate) && s->frame_rate >= 0);
    FUZZ_CHECK(s->rate >= 0 && s->channels >= 0 && s->width >= 0 && s->height >= 0);
    FUZZ_CHECK(s->rotation % 90 == 0 && s->rotation >= 0 && s->rotation < 360);
    if (s->chosen && s->kind == UNIC_MEDIA_FRAMES)
        FUZZ_CHECK((int64_t)s->width * s->height <= o->max_pixels);
}

static void describe(const unic_media *media, const unic_media_options *o)
{
    const char *key, *value;
    unic_media_stream s = {.struct_size = sizeof s};
    int chosen[3] = {0};
    size_t n = unic_media_stream_count(media);
    FUZZ_CHECK(*unic_media_format(media));
    FUZZ_CHECK(unic_media_seconds(media) >= 0 && unic_media_seconds(media) <= o->max_seconds);
    for (size_t i = 0; i < n; i++) {
        FUZZ_CHECK(media_ok(unic_media_stream_get(&s, media, i)));
        check_stream(&s, o);
        chosen[s.kind] += s.chosen;
    }
    FUZZ_CHECK(!media_ok(unic_media_stream_get(&s, media, n)));
    FUZZ_CHECK(!chosen[UNIC_MEDIA_OTHER]);
    FUZZ_CHECK(chosen[UNIC_MEDIA_SOUND] == unic_media_has(media, UNIC_MEDIA_SOUND));
    FUZZ_CHECK(chosen[UNIC_MEDIA_FRAMES] == unic_media_has(media, UNIC_MEDIA_FRAMES));
    FUZZ_CHECK(chosen[UNIC_MEDIA_SOUND] || chosen[UNIC_MEDIA_FRAMES]);
    n = unic_media_tag_count(media);
    for (size_t i = 0; i < n; i++)
        FUZZ_CHECK(media_ok(unic_media_tag_get(&key, &value, media, i)) && key && value);
    FUZZ_CHECK(!media_ok(unic_media_tag_get(&key, &value, media, n)));
}

/* ---- sound ---- */

/* Reads the sound in blocks to its end: the number of samples, or -1 after a failure. */
static int64_t read_sound(unic_media *media, const unic_media_options *o, int rate,
                          size_t block)
{
    float samples[MOST_BLOCK];
    int64_t total = 0;
    size_t got = block;
    if (!media_ok(unic_media_sound_begin(media, rate)))
        return -1;
    while (got == block) {
        if (!media_ok(unic_media_sound_read(&got, media, block, samples))) {
            FUZZ_CHECK(got == 0);
            FUZZ_CHECK(unic_media_sound_read(&got, media, block, samples) == UNIC_E_STATE);
            return -1;
        }
        FUZZ_CHECK(got <= block);
        total += (int64_t)got;
    }
    FUZZ_CHECK(media_ok(unic_media_sound_read(&got, media, block, samples)) && got == 0);
    FUZZ_CHECK(!rate || (double)total <= o->max_seconds * rate);
    return total;
}

/* ---- frames ---- */

static void read_times(unic_media *media, const unic_media_options *o)
{
    static double times[MOST_TIMES];
    size_t count, again;
    if (!media_ok(unic_media_frame_times(&count, media, MOST_TIMES, times)))
        return;
    for (size_t i = 0; i < count && i < MOST_TIMES; i++) {
        FUZZ_CHECK(isfinite(times[i]) && times[i] <= o->max_seconds);
        FUZZ_CHECK(i == 0 || times[i] >= times[i - 1]);
    }
    FUZZ_CHECK(media_ok(unic_media_frame_times(&again, media, 0, NULL)) && again == count);
}

/* The frame at a time, twice: the second time it is still held. */
static void read_frame(unic_media *media, const unic_media_options *o, double at, int width,
                       int height)
{
    static uint8_t rgb[2][MOST_SIDE * MOST_SIDE * 3 + 1];
    double begins[2] = {-1, -1};
    const size_t size = (size_t)width * (size_t)height * 3;
    rgb[0][size] = 0xA5;
    if (!media_ok(unic_media_frame_at(&begins[0], media, at, width, height, rgb[0])))
        return;
    FUZZ_CHECK(rgb[0][size] == 0xA5);
    FUZZ_CHECK(isfinite(begins[0]) && begins[0] <= o->max_seconds);
    FUZZ_CHECK(media_ok(unic_media_frame_at(&begins[1], media, at, width, height, rgb[1])));
    FUZZ_CHECK(begins[0] == begins[1] && memcmp(rgb[0], rgb[1], size) == 0);
}

/* ---- one input ---- */

typedef struct plan {
    int rate;
    size_t block;
    int width, height;
    bool repeats; /* nothing fails at random: what is read twice is the same */
} plan;

static void operate(unic_media *media, const unic_media_options *o, const plan *p,
                    unsigned which, double at)
{
    float sample;
    size_t got;
    switch (which) {
    case 0:
        read_times(media, o);
        break;
    case 1: { /* blocks of any size give the same sound */
        int64_t total = read_sound(media, o, p->rate, p->block);
        if (total >= 0 && p->repeats)
            FUZZ_CHECK(read_sound(media, o, p->rate, MOST_BLOCK) == total);
        break;
    }
    case 2: /* the sound's beginning, which the next operation interrupts */
        if (media_ok(unic_media_sound_begin(media, p->rate)))
            media_ok(unic_media_sound_read(&got, media, 1, &sample));
        break;
    case 3:
        for (int i = 0; i < 4; i++)
            read_frame(media, o, at + i * 0.04, p->width, p->height);
        break;
    case 4:
        read_frame(media, o, 0, 1, 1);
        break;
    default:
        read_frame(media, o, at, p->width, p->height);
    }
}

static bool open_input(unic_media **media, const unic_media_options *o, unsigned how, reader *r)
{
    unic_source source = {.struct_size = sizeof source,
                          .size = r->size,
                          .read_at = read_some,
                          .close = close_reader,
                          .user = r};
    unic_status status;
    if (how == 0) {
        r->open = 0;
        status = unic_media_open(media, fuzz_file(r->bytes, (size_t)r->size), o);
    } else {
        status = unic_media_open_source(media, &source, o);
    }
    FUZZ_CHECK((status == UNIC_OK) == (*media != NULL));
    FUZZ_CHECK(status == UNIC_OK || !r->open); /* closed after a failure */
    return media_ok(status);
}

static void run_media(const unsigned char *data, size_t size)
{
    static const int rates[] = {0, 1000, 8000, 16000, 44100, 768000, 22050, 12345};
    static const double times[] = {0, 0.02, 0.1, 0.5, 1, 30, -1, 1e12};
    unic_media *media;
    fuzz_in in = {data, data + size};
    const unsigned flags = fuzz_byte(&in), how = fuzz_byte(&in), reads = fuzz_byte(&in);
    const unsigned sizes = fuzz_byte(&in);
    unic_media_options o = {.struct_size = sizeof o,
                            .threads = flags & 1,
                            .skip_damaged = flags >> 1 & 1,
                            .alpha = (int32_t)(flags >> 2 & 3) % 3,
                            .max_pixels = flags & 16 ? 1 << 16 : 1 << 11,
                            .max_seconds = flags & 32 ? 8 : 0.5};
    plan p = {.rate = rates[reads & 7],
              .block = reads & 8 ? 1 + (reads >> 4) : MOST_BLOCK,
              .width = 1 + (int)(sizes & 15) * 2,
              .height = 1 + (int)(sizes >> 4) * 2};
    reader r = {.at_a_time = how & 2 ? 1 + (how >> 3) * 16 : 0,
                .fails_in = (how & 7) == 7 ? 1 + (how >> 3) : 0,
                .failure = (how & 8) ? -UNIC_E_CANCELLED : 0,
                .open = 1};
    uint64_t order = fuzz_number(&in, HEAD - 4);
    r.bytes = in.at;
    r.size = in.end - in.at;
    p.repeats = !r.fails_in;
    if (open_input(&media, &o, how & 7, &r)) {
        describe(media, &o);
        for (int i = 0; i < OPERATIONS; i++, order >>= 6)
            operate(media, &o, &p, order & 7, times[order >> 3 & 7]);
        FUZZ_CHECK(o.skip_damaged || unic_media_damaged_count(media) == 0);
        unic_media_free(media);
    }
    FUZZ_CHECK(!r.open);
}

const fuzz_target fuzz_media_target = {.name = "media",
                                       .reads = "films, sounds and pictures (libunicode-media)",
                                       .form = FUZZ_RAW,
                                       .largest = 1 << 13,
                                       .run = run_media};
