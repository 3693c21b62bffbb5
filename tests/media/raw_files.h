/* Small films and sounds without compression, written byte by byte. */
#ifndef UNIC_MEDIA_RAW_FILES_H
#define UNIC_MEDIA_RAW_FILES_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 8, HEIGHT = 6, PIXELS = WIDTH * HEIGHT, FRAMES_A_SECOND = 10, RATE = 16000 };

typedef struct file {
    unsigned char *data;
    size_t size, room;
    int64_t closed;     /* how often a source of it was */
    struct file *later; /* what it has become, if it is not NULL */
} file;

static void put(file *f, const void *bytes, size_t count)
{
    if (f->size + count > f->room) {
        f->room = 2 * (f->size + count);
        f->data = realloc(f->data, f->room);
    }
    memcpy(f->data + f->size, bytes, count);
    f->size += count;
}

static void put_text(file *f, const char *text)
{
    put(f, text, strlen(text));
}

static void put_number(file *f, uint32_t value, size_t bytes)
{
    unsigned char at[4] = {(unsigned char)value, (unsigned char)(value >> 8),
                           (unsigned char)(value >> 16), (unsigned char)(value >> 24)};
    put(f, at, bytes);
}

/* A chunk's name and a size that end_chunk() corrects. */
static size_t begin_chunk(file *f, const char *name)
{
    put_text(f, name);
    put_number(f, 0, 4);
    return f->size;
}

static void end_chunk(file *f, size_t begun)
{
    file size = {0};
    put_number(&size, (uint32_t)(f->size - begun), 4);
    memcpy(f->data + begun - 4, size.data, 4);
    free(size.data);
}

/* Frame i is grey: its luma grows by 2 from one to the next, and begins again after 100. */
static int luma_of(size_t i)
{
    return 16 + 2 * (int)(i % 100);
}

static int grey_of(size_t i)
{
    return (int)lround((luma_of(i) - 16) * 255 / 219.0);
}

static file yuv4mpeg(size_t frames)
{
    file f = {0};
    unsigned char luma[PIXELS], chroma[PIXELS / 2];
    memset(chroma, 128, sizeof chroma);
    put_text(&f, "YUV4MPEG2 W8 H6 F10:1 Ip A1:1 C420\n");
    for (size_t i = 0; i < frames; i++) {
        memset(luma, luma_of(i), sizeof luma);
        put_text(&f, "FRAME\n");
        put(&f, luma, sizeof luma);
        put(&f, chroma, sizeof chroma);
    }
    return f;
}

static void put_format(file *f) /* of sound: 16 bits, one channel */
{
    put_number(f, 1, 2);
    put_number(f, 1, 2);
    put_number(f, RATE, 4);
    put_number(f, RATE * 2, 4);
    put_number(f, 2, 2);
    put_number(f, 16, 2);
}

static void put_samples(file *f, size_t count)
{
    for (size_t i = 0; i < count; i++)
        put_number(f, (uint32_t)(i % 50 * 100), 2);
}

static file wave(size_t samples)
{
    file f = {0};
    size_t all = begin_chunk(&f, "RIFF");
    put_text(&f, "WAVE");
    size_t part = begin_chunk(&f, "fmt ");
    put_format(&f);
    end_chunk(&f, part);
    part = begin_chunk(&f, "LIST");
    put_text(&f, "INFO");
    size_t tag = begin_chunk(&f, "INAM");
    put(&f, "A title", 8);
    end_chunk(&f, tag);
    end_chunk(&f, part);
    part = begin_chunk(&f, "data");
    put_samples(&f, samples);
    end_chunk(&f, part);
    end_chunk(&f, all);
    return f;
}

/* The header of a stream: `scale` and `rate` say how long one of its `length` units lasts. */
static void put_stream(file *f, const char *kind, uint32_t scale, uint32_t rate,
                       uint32_t length, uint32_t unit)
{
    size_t part = begin_chunk(f, "strh");
    put_text(f, kind);
    for (int i = 0; i < 4; i++)
        put_number(f, 0, 4);
    put_number(f, scale, 4);
    put_number(f, rate, 4);
    put_number(f, 0, 4);
    put_number(f, length, 4);
    put_number(f, 0, 4);
    put_number(f, 0, 4);
    put_number(f, unit, 4);
    put_number(f, 0, 4);
    put_number(f, 0, 4);
    end_chunk(f, part);
}

/* Frames as they are, stream 0, and sound as long as they are, stream 1. */
static file avi(size_t frames)
{
    const uint32_t count = (uint32_t)frames;
    const uint32_t main_header[] = {
        1000000 / FRAMES_A_SECOND, 0, 0, 0, count, 0, 2, 0, WIDTH, HEIGHT, 0, 0, 0, 0};
    const uint32_t bitmap[] = {40, WIDTH, HEIGHT, 1 | 24 << 16, 0, PIXELS * 3, 0, 0, 0, 0};
    const uint32_t samples = RATE / FRAMES_A_SECOND;
    unsigned char rgb[PIXELS * 3];
    file f = {0};
    size_t all = begin_chunk(&f, "RIFF");
    put_text(&f, "AVI ");
    size_t header = begin_chunk(&f, "LIST");
    put_text(&f, "hdrl");
    size_t part = begin_chunk(&f, "avih");
    for (size_t i = 0; i < sizeof main_header / sizeof main_header[0]; i++)
        put_number(&f, main_header[i], 4);
    end_chunk(&f, part);
    size_t list = begin_chunk(&f, "LIST");
    put_text(&f, "strl");
    put_stream(&f, "vids", 1, FRAMES_A_SECOND, count, 0);
    part = begin_chunk(&f, "strf");
    for (size_t i = 0; i < sizeof bitmap / sizeof bitmap[0]; i++)
        put_number(&f, bitmap[i], 4);
    end_chunk(&f, part);
    end_chunk(&f, list);
    list = begin_chunk(&f, "LIST");
    put_text(&f, "strl");
    put_stream(&f, "auds", 2, RATE * 2, count * samples, 2);
    part = begin_chunk(&f, "strf");
    put_format(&f);
    end_chunk(&f, part);
    end_chunk(&f, list);
    end_chunk(&f, header);
    list = begin_chunk(&f, "LIST");
    put_text(&f, "movi");
    for (size_t i = 0; i < frames; i++) {
        memset(rgb, grey_of(i), sizeof rgb);
        part = begin_chunk(&f, "00db");
        put(&f, rgb, sizeof rgb);
        end_chunk(&f, part);
        part = begin_chunk(&f, "01wb");
        put_samples(&f, samples);
        end_chunk(&f, part);
    }
    end_chunk(&f, list);
    end_chunk(&f, all);
    return f;
}

#endif
