/* A member's data: stored or inflated, checked for size and CRC. Only this file uses zlib. */
#include <limits.h>
#include <string.h>

#include <zlib.h>

#include "file/zip_format.h"

enum { INPUT_SIZE = 1 << 16 };

struct unic__zip_stream {
    const unic__zip *zip;
    const unic__zip_member *member;
    uint64_t done;  /* bytes of the data given out */
    uint64_t taken; /* bytes of the file read */
    uint32_t crc;   /* of what was given out */
    bool ended;     /* deflate's own end was seen */
    z_stream zlib;
    unsigned char *input; /* [INPUT_SIZE], NULL for a stored member */
};

static unsigned long long ull(uint64_t n)
{
    return n;
}

bool unic__zip_take_unchecked(unic__zip *z)
{
    uint64_t size = 0;
    z->unchecked = true;
    for (size_t i = 0; i < z->count; i++) {
        z->unchecked = z->unchecked && z->members[i].crc == 0;
        size |= z->members[i].size;
    }
    z->unchecked = z->unchecked && size;
    return z->unchecked;
}

uint32_t unic__zip_crc(uint32_t crc, const void *data, size_t bytes)
{
    return bytes ? (uint32_t)crc32_z(crc, data, bytes) : crc;
}

static void *zlib_alloc(void *user, uInt count, uInt size)
{
    (void)user;
    return unic__alloc_array(count, size);
}

static void zlib_free(void *user, void *memory)
{
    (void)user;
    unic__free(memory);
}

static unic_status inflate_start(unic__zip_stream *s)
{
    s->input = unic__alloc(INPUT_SIZE);
    if (!s->input)
        return unic__no_memory(INPUT_SIZE, "inflating");
    s->zlib.zalloc = zlib_alloc;
    s->zlib.zfree = zlib_free;
    int result = inflateInit2(&s->zlib, -MAX_WBITS); /* negative: without zlib's own header */
    if (result == Z_OK)
        return UNIC_OK;
    unic__free(s->input);
    s->input = NULL; /* nothing for inflateEnd */
    return result == Z_MEM_ERROR ? unic__no_memory(1 << 15, "inflating")
                                 : unic__fail(UNIC_E_KERNEL, "zlib cannot start: %d", result);
}

/* Inflates up to `room` bytes; *made is less only at the end of the deflated data. */
static unic_status inflate_some(unic__zip_stream *s, unsigned char *out, size_t room,
                                size_t *made)
{
    z_stream *f = &s->zlib;
    *made = 0;
    while (*made < room && !s->ended) {
        uint64_t left = s->member->packed - s->taken;
        if (f->avail_in == 0 && left) {
            size_t n = left < INPUT_SIZE ? (size_t)left : INPUT_SIZE;
            UNIC__TRY(
                unic__source_read(s->zip->source, s->member->data + s->taken, s->input, n));
            f->next_in = s->input;
            f->avail_in = (uInt)n;
            s->taken += n;
        }
        size_t part = room - *made < INT_MAX ? room - *made : INT_MAX;
        f->next_out = out + *made;
        f->avail_out = (uInt)part;
        int result = inflate(f, Z_NO_FLUSH);
        *made += part - f->avail_out;
        if (result == Z_STREAM_END)
            s->ended = true;
        else if (result == Z_MEM_ERROR)
            return unic__no_memory(1 << 15, "inflating");
        else if (result == Z_BUF_ERROR) /* it wants more input, and there is none */
            return unic__fail(UNIC_E_FORMAT, "its deflated data are truncated");
        else if (result != Z_OK)
            return unic__fail(UNIC_E_FORMAT, "its deflated data are damaged: %s",
                              f->msg ? f->msg : "no reason given");
    }
    return UNIC_OK;
}

/* All of the data was given out: the deflated data must end here too, and the CRC be right. */
static unic_status check_end(unic__zip_stream *s)
{
    if (s->input) {
        unsigned char beyond;
        size_t made;
        UNIC__TRY(inflate_some(s, &beyond, 1, &made));
        if (made)
            return unic__fail(UNIC_E_FORMAT, "inflates to more than its %llu bytes",
                              ull(s->member->size));
        uint64_t unused = s->member->packed - s->taken + s->zlib.avail_in;
        if (unused)
            return unic__fail(UNIC_E_FORMAT, "has %llu bytes behind its deflated data",
                              ull(unused));
    }
    if (s->crc != s->member->crc && !s->zip->unchecked)
        return unic__fail(UNIC_E_FORMAT, "is damaged: its CRC is %08lx, %08lx expected",
                          (unsigned long)s->crc, (unsigned long)s->member->crc);
    return UNIC_OK;
}

static unic_status read_piece(unic__zip_stream *s, void *out, size_t bytes)
{
    if (bytes > s->member->size - s->done)
        return unic__fail(UNIC_E_FORMAT, "has %llu bytes, at least %llu expected",
                          ull(s->member->size), ull(s->done + bytes));
    if (!s->input) {
        UNIC__TRY(unic__source_read(s->zip->source, s->member->data + s->done, out, bytes));
    } else {
        size_t made;
        UNIC__TRY(inflate_some(s, out, bytes, &made));
        if (made < bytes)
            return unic__fail(UNIC_E_FORMAT, "inflates to %llu bytes, %llu expected",
                              ull(s->done + made), ull(s->member->size));
    }
    s->crc = unic__zip_crc(s->crc, out, bytes);
    s->done += bytes;
    return s->done == s->member->size ? check_end(s) : UNIC_OK;
}

static unic_status in_member(unic_status status, const unic__zip *z, size_t i)
{
    return status == UNIC_OK
               ? UNIC_OK
               : unic__fail_in(status, "%s: member \"%s\"", z->path, z->members[i].name);
}

/* How a member is packed matters only to who reads it: a file may have others beside it. */
static unic_status check_packing(const unic__zip_member *m)
{
    enum { ENCRYPTED = 1 << 0 | 1 << 6 | 1 << 13, PATCH = 1 << 5 };
    if (m->flags & ENCRYPTED)
        return unic__fail(UNIC_E_FORMAT, "is encrypted");
    if (m->flags & PATCH || (m->method != UNIC__ZIP_STORED && m->method != UNIC__ZIP_DEFLATED))
        return unic__fail(UNIC_E_FORMAT,
                          "is packed by method %u, 0 (stored) or 8 (deflated) expected",
                          (unsigned)m->method);
    return UNIC_OK;
}

unic_status unic__zip_check_readable(const unic__zip *z, size_t i)
{
    return in_member(check_packing(&z->members[i]), z, i);
}

unic_status unic__zip_stream_open(unic__zip_stream **out, const unic__zip *z, size_t i)
{
    *out = NULL;
    UNIC__TRY(unic__zip_check_readable(z, i));
    unic__zip_stream *s = unic__alloc_zero(sizeof *s);
    if (!s)
        return unic__no_memory(sizeof *s, "reading a zip file");
    s->zip = z;
    s->member = &z->members[i];
    if (s->member->method == UNIC__ZIP_DEFLATED) {
        unic_status status = inflate_start(s);
        if (status != UNIC_OK) {
            unic__zip_stream_close(s);
            return in_member(status, z, i);
        }
    }
    *out = s;
    return UNIC_OK;
}

static unic_status stream_read(unic__zip_stream *s, void *out, size_t bytes)
{
    unsigned char *at = out;
    do { /* once for no bytes too: the end of an empty member is checked */
        const size_t n = bytes < UNIC__SOURCE_PIECE ? bytes : UNIC__SOURCE_PIECE;
        UNIC__TRY(read_piece(s, at, n));
        at += n;
        bytes -= n;
    } while (bytes);
    return UNIC_OK;
}

unic_status unic__zip_stream_read(unic__zip_stream *s, void *out, size_t bytes)
{
    return in_member(stream_read(s, out, bytes), s->zip, (size_t)(s->member - s->zip->members));
}

void unic__zip_stream_close(unic__zip_stream *s)
{
    if (!s)
        return;
    if (s->input)
        inflateEnd(&s->zlib);
    unic__free(s->input);
    unic__free(s);
}

unic_status unic__zip_read(const unic__zip *z, size_t i, size_t cap, void **out, size_t *size)
{
    *out = NULL;
    if (z->members[i].size > cap || z->members[i].size >= SIZE_MAX)
        return in_member(unic__fail(UNIC_E_FORMAT, "has %llu bytes, at most %zu expected",
                                    ull(z->members[i].size), cap),
                         z, i);
    *size = (size_t)z->members[i].size;
    unsigned char *data = unic__alloc(*size + 1);
    if (!data)
        return in_member(unic__no_memory(*size + 1, "its data"), z, i);
    unic__zip_stream *s = NULL;
    unic_status status = unic__zip_stream_open(&s, z, i);
    if (status == UNIC_OK)
        status = unic__zip_stream_read(s, data, *size);
    unic__zip_stream_close(s);
    if (status != UNIC_OK) {
        unic__free(data);
        return status;
    }
    data[*size] = '\0';
    *out = data;
    return UNIC_OK;
}

unic_status unic__zip_read_range(const unic__zip *z, size_t i, uint64_t offset, void *out,
                                 size_t bytes)
{
    const unic__zip_member *m = &z->members[i];
    UNIC__TRY(unic__zip_check_readable(z, i));
    unic_status status;
    if (m->method != UNIC__ZIP_STORED)
        status = unic__fail(UNIC_E_ARG, "is deflated; only a stored member is read in parts");
    else if (offset > m->size || bytes > m->size - offset)
        status = unic__fail(UNIC_E_FORMAT, "has %llu bytes, %zu expected at offset %llu",
                            ull(m->size), bytes, ull(offset));
    else
        status = unic__source_read(z->source, m->data + offset, out, bytes);
    return in_member(status, z, i);
}

void unic__zip_expect_range(const unic__zip *z, size_t i, uint64_t offset, size_t bytes)
{
    unic__source_expect(z->source, z->members[i].data + offset, bytes);
}
