/*
 * Writes an archive of stored members. It contains no time, place or user name: equal members
 * in the same order give equal bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "file/zip_format.h"

enum {
    ALIGNMENT = 64,
    EXTRA_ALIGNMENT = 0xD935, /* as Android's zipalign pads: the alignment, then zeros */
    EXTRA_ALIGNMENT_SIZE = 6, /* without the zeros */
    EXTRA_ZIP64_LOCAL = 20,
    EXTRA_ZIP64_LARGEST = 28,
    VERSION = 20,
    VERSION_ZIP64 = 45,
    MADE_BY_UNIX = 3 << 8,
    DATE_1980_01_01 = 1 << 5 | 1,
};

#define MODE_RW_R_R  (UINT32_C(0100644) << 16)
#define LARGEST_FILE ((uint64_t)INT64_MAX) /* that has an offset for every byte */

typedef struct entry {
    const char *name;
    size_t name_size;
    uint64_t size, written; /* of the data */
    uint64_t header;        /* offset of the local header in the file */
    size_t header_size, padding;
    uint32_t crc;
    bool wide;  /* its local header is a zip64 one */
    bool known; /* so was the CRC when it began: the header is written */
} entry;

struct unic__zip_writer {
    unic__writer *file;
    bool zip64;
    unic_status failed; /* the first failure; such a file is never put in its place */
    uint64_t at;        /* offset behind the last member */
    entry *entries;
    size_t count, room;
    unic__arena names;
};

static unsigned char *put16(unsigned char *p, unsigned value)
{
    p[0] = (unsigned char)(value & 0xFF);
    p[1] = (unsigned char)(value >> 8 & 0xFF);
    return p + 2;
}

static unsigned char *put32(unsigned char *p, uint32_t value)
{
    return put16(put16(p, value & 0xFFFF), value >> 16);
}

static unsigned char *put64(unsigned char *p, uint64_t value)
{
    return put32(put32(p, (uint32_t)(value & UINT32_MAX)), (uint32_t)(value >> 32));
}

static unsigned char *put_bytes(unsigned char *p, const void *bytes, size_t n)
{
    memcpy(p, bytes, n);
    return p + n;
}

/* A number as the 32-bit field shows it: itself, or the sign that zip64 has it. */
static uint32_t narrow(uint64_t value, bool wide)
{
    return wide ? UNIC__ZIP_WIDE32 : (uint32_t)value;
}

static void writer_free(unic__zip_writer *w)
{
    unic__arena_free(&w->names);
    unic__free(w->entries);
    unic__free(w);
}

unic_status unic__zip_create(unic__zip_writer **out, unic__output to, bool zip64)
{
    *out = NULL;
    unic__zip_writer *w = unic__alloc_zero(sizeof *w);
    if (!w)
        return unic__no_memory(sizeof *w, "a zip writer");
    w->zip64 = zip64;
    unic_status status = unic__writer_open(&w->file, to);
    if (status != UNIC_OK) {
        writer_free(w);
        return status;
    }
    *out = w;
    return UNIC_OK;
}

/* ---- members ----------------------------------------------------------------------------- */

/* Prepares w->entries[w->count], which counts once its place in the file is known. */
static unic_status next_entry(unic__zip_writer *w, const char *name, const char *suffix)
{
    if (w->count == w->room) {
        size_t room = w->room ? 2 * w->room : 64;
        entry *grown = unic__realloc(w->entries, w->count * sizeof *grown,
                                     room * sizeof *grown);
        if (!grown)
            return unic__no_memory(room * sizeof *grown, "a zip directory");
        w->entries = grown;
        w->room = room;
    }
    const char *whole = unic__arena_printf(&w->names, "%s%s", name, suffix);
    if (!whole)
        return unic__no_memory(strlen(name), "a member's name");
    if (unic__zip_check_name(whole, strlen(whole)) != UNIC_OK)
        return unic__fail_in(UNIC_E_ARG, "%s", unic__writer_name(w->file));
    /* other programs would read no member of such a file */
    if (unic__utf8_check(whole, strlen(whole)) != UNIC_OK)
        return unic__fail(UNIC_E_ARG, "%s: the name of member %zu is not UTF-8",
                          unic__writer_name(w->file), w->count);
    w->entries[w->count] = (entry){.name = whole, .name_size = strlen(whole), .header = w->at};
    return UNIC_OK;
}

static unsigned flags(const entry *e)
{
    for (size_t i = 0; i < e->name_size; i++)
        if ((unsigned char)e->name[i] >= 0x80)
            return UNIC__ZIP_FLAG_UTF8;
    return 0;
}

/* Version to packed size: what the local header and the directory have in common. */
static unsigned char *put_common(unsigned char *p, const entry *e, bool wide, unsigned version)
{
    p = put16(p, version);
    p = put16(p, flags(e));
    p = put16(p, UNIC__ZIP_STORED);
    p = put16(p, 0); /* midnight */
    p = put16(p, DATE_1980_01_01);
    p = put32(p, e->crc);
    p = put32(p, narrow(e->size, wide));
    p = put32(p, narrow(e->size, wide));
    return put16(p, (unsigned)e->name_size);
}

static size_t extra_size(const entry *e)
{
    return (e->wide ? EXTRA_ZIP64_LOCAL : 0U) + EXTRA_ALIGNMENT_SIZE + e->padding;
}

/* Reserves the member's place: its header, so padded that the data begin at a multiple of
 * ALIGNMENT, and the data. */
static unic_status place(unic__zip_writer *w, entry *e, uint64_t size)
{
    e->size = size;
    e->wide = w->zip64 || size >= UNIC__ZIP_WIDE32;
    e->header_size = UNIC__ZIP_LOCAL_SIZE + e->name_size + extra_size(e);
    e->padding = (ALIGNMENT - (size_t)((w->at + e->header_size) % ALIGNMENT)) % ALIGNMENT;
    e->header_size += e->padding;
    uint64_t data = w->at + e->header_size;
    if (data > LARGEST_FILE || size > LARGEST_FILE - data)
        return unic__fail(UNIC_E_ARG, "%s: %s of %llu bytes does not fit into a file",
                          unic__writer_name(w->file), e->name, (unsigned long long)size);
    w->at = data + size;
    return UNIC_OK;
}

static unic_status write_local_header(unic__zip_writer *w, const entry *e)
{
    unsigned char *header = unic__alloc_zero(e->header_size);
    if (!header)
        return unic__no_memory(e->header_size, "a zip header");
    unsigned char *p = put32(header, UNIC__ZIP_LOCAL_MARK);
    p = put_common(p, e, e->wide, e->wide ? VERSION_ZIP64 : VERSION);
    p = put16(p, (unsigned)extra_size(e));
    p = put_bytes(p, e->name, e->name_size);
    if (e->wide) {
        p = put16(put16(p, UNIC__ZIP_EXTRA_ZIP64), EXTRA_ZIP64_LOCAL - 4);
        p = put64(put64(p, e->size), e->size);
    }
    p = put16(put16(p, EXTRA_ALIGNMENT), (unsigned)(EXTRA_ALIGNMENT_SIZE - 4 + e->padding));
    put16(p, ALIGNMENT);
    unic_status status = unic__writer_write_at(w->file, e->header, header, e->header_size);
    unic__free(header);
    return status;
}

static unic_status begin(unic__zip_writer *w, const char *name, const char *suffix,
                         uint64_t size)
{
    UNIC__TRY(next_entry(w, name, suffix));
    UNIC__TRY(place(w, &w->entries[w->count], size));
    w->count++;
    return UNIC_OK;
}

static unic_status append(unic__zip_writer *w, entry *e, const void *data, size_t bytes)
{
    if (bytes > e->size - e->written)
        return unic__fail(UNIC_E_ARG, "%s: %s has %llu bytes, and %llu of them already",
                          unic__writer_name(w->file), e->name, (unsigned long long)e->size,
                          (unsigned long long)e->written);
    UNIC__TRY(
        unic__writer_write_at(w->file, e->header + e->header_size + e->written, data, bytes));
    if (!e->known)
        e->crc = unic__zip_crc(e->crc, data, bytes);
    e->written += bytes;
    return UNIC_OK;
}

/* Remembers the first failure. */
static unic_status note(unic__zip_writer *w, unic_status status)
{
    if (w->failed == UNIC_OK)
        w->failed = status;
    return status;
}

unic_status unic__zip_begin(unic__zip_writer *w, const char *name, const char *suffix,
                            uint64_t size, size_t *member)
{
    *member = w->count;
    return note(w, begin(w, name, suffix, size));
}

static unic_status begin_known(unic__zip_writer *w, const char *name, const char *suffix,
                               uint64_t size, uint32_t crc)
{
    UNIC__TRY(begin(w, name, suffix, size));
    entry *e = &w->entries[w->count - 1];
    e->known = true;
    e->crc = crc;
    return write_local_header(w, e);
}

unic_status unic__zip_begin_known(unic__zip_writer *w, const char *name, const char *suffix,
                                  uint64_t size, uint32_t crc, size_t *member)
{
    *member = w->count;
    return note(w, begin_known(w, name, suffix, size, crc));
}

unic_status unic__zip_append(unic__zip_writer *w, size_t member, const void *data, size_t bytes)
{
    return note(w, append(w, &w->entries[member], data, bytes));
}

unic_status unic__zip_add(unic__zip_writer *w, const char *name, const char *suffix,
                          const void *head, size_t head_size, const void *body,
                          size_t body_size)
{
    size_t member;
    const uint32_t crc = unic__zip_crc(unic__zip_crc(0, head, head_size), body, body_size);
    UNIC__TRY(
        unic__zip_begin_known(w, name, suffix, (uint64_t)head_size + body_size, crc, &member));
    UNIC__TRY(unic__zip_append(w, member, head, head_size));
    return unic__zip_append(w, member, body, body_size);
}

/* ---- the directory ----------------------------------------------------------------------- */

static unsigned char *put_entry(unsigned char *p, const entry *e, bool zip64)
{
    bool far = zip64 || e->header >= UNIC__ZIP_WIDE32;
    unsigned version = e->wide || far ? VERSION_ZIP64 : VERSION;
    unsigned extra = (e->wide ? 16U : 0U) + (far ? 8U : 0U);
    p = put32(p, UNIC__ZIP_ENTRY_MARK);
    p = put16(p, MADE_BY_UNIX | version);
    p = put_common(p, e, e->wide, version);
    p = put16(p, extra ? 4 + extra : 0);
    p = put16(put16(put16(p, 0), 0), 0); /* no comment, first part, binary */
    p = put32(p, MODE_RW_R_R);
    p = put32(p, narrow(e->header, far));
    p = put_bytes(p, e->name, e->name_size);
    if (extra)
        p = put16(put16(p, UNIC__ZIP_EXTRA_ZIP64), extra);
    if (e->wide)
        p = put64(put64(p, e->size), e->size);
    return far ? put64(p, e->header) : p;
}

/* The end records of a directory of `size` bytes at w->at, of which the file has one part. */
static unsigned char *put_end(unsigned char *p, const unic__zip_writer *w, uint64_t size)
{
    bool many = w->zip64 || w->count >= UNIC__ZIP_WIDE16;
    bool large = w->zip64 || size >= UNIC__ZIP_WIDE32;
    bool far = w->zip64 || w->at >= UNIC__ZIP_WIDE32;
    if (many || large || far) {
        p = put32(p, UNIC__ZIP_END64_MARK);
        p = put64(p, UNIC__ZIP_END64_SIZE - 12);
        p = put16(put16(p, MADE_BY_UNIX | VERSION_ZIP64), VERSION_ZIP64);
        p = put32(put32(p, 0), 0);
        p = put64(put64(p, w->count), w->count);
        p = put64(put64(p, size), w->at);
        p = put32(put32(p, UNIC__ZIP_LOCATOR_MARK), 0);
        p = put32(put64(p, w->at + size), 1);
    }
    unsigned count = many ? UNIC__ZIP_WIDE16 : (unsigned)w->count;
    p = put32(p, UNIC__ZIP_END_MARK);
    p = put16(put16(p, 0), 0);
    p = put16(put16(p, count), count);
    p = put32(put32(p, narrow(size, large)), narrow(w->at, far));
    return put16(p, 0); /* no comment */
}

static int compare_names(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;
    return strcmp(*x, *y);
}

static unic_status check_names_differ(const unic__zip_writer *w)
{
    const char **names = unic__alloc_array(w->count, sizeof *names);
    if (!names)
        return unic__no_memory(w->count * sizeof *names, "a zip directory");
    for (size_t i = 0; i < w->count; i++)
        names[i] = w->entries[i].name;
    if (w->count)
        qsort(names, w->count, sizeof *names, compare_names);
    unic_status status = UNIC_OK;
    for (size_t i = 1; i < w->count && status == UNIC_OK; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            status = unic__fail(UNIC_E_ARG, "%s: two members are called \"%s\"",
                                unic__writer_name(w->file), names[i]);
    unic__free(names);
    return status;
}

/* A local header has the CRC of the data: where that was not known before, it comes last. */
static unic_status write_local_headers(unic__zip_writer *w)
{
    for (size_t i = 0; i < w->count; i++) {
        const entry *e = &w->entries[i];
        if (e->written != e->size)
            return unic__fail(UNIC_E_STATE, "%s: not written, since %s has %llu of %llu bytes",
                              unic__writer_name(w->file), e->name,
                              (unsigned long long)e->written, (unsigned long long)e->size);
        if (!e->known)
            UNIC__TRY(write_local_header(w, e));
    }
    return UNIC_OK;
}

static unic_status write_directory(unic__zip_writer *w)
{
    UNIC__TRY(check_names_differ(w));
    UNIC__TRY(write_local_headers(w));
    size_t room = UNIC__ZIP_END64_SIZE + UNIC__ZIP_LOCATOR_SIZE + UNIC__ZIP_END_SIZE;
    for (size_t i = 0; i < w->count; i++)
        room += UNIC__ZIP_ENTRY_SIZE + w->entries[i].name_size + EXTRA_ZIP64_LARGEST;
    unsigned char *directory = unic__alloc(room);
    if (!directory)
        return unic__no_memory(room, "a zip directory");
    unsigned char *p = directory;
    for (size_t i = 0; i < w->count; i++)
        p = put_entry(p, &w->entries[i], w->zip64);
    p = put_end(p, w, (uint64_t)(p - directory));
    unic_status status = unic__writer_write_at(w->file, w->at, directory,
                                               (size_t)(p - directory));
    unic__free(directory);
    return status;
}

unic_status unic__zip_seal(unic__zip_writer *w, unic__writer **file)
{
    unic_status status = w->failed;
    *file = NULL;
    if (status == UNIC_OK)
        status = write_directory(w);
    else
        unic__fail(status, "%s: not written, since a member could not be added",
                   unic__writer_name(w->file));
    if (status == UNIC_OK)
        status = unic__writer_seal(w->file);
    if (status == UNIC_OK)
        *file = w->file;
    else
        unic__writer_abandon(w->file);
    writer_free(w);
    return status;
}

unic_status unic__zip_finish(unic__zip_writer *w)
{
    unic__writer *file;
    UNIC__TRY(unic__zip_seal(w, &file));
    return unic__writer_commit(file);
}

void unic__zip_abandon(unic__zip_writer *w)
{
    if (!w)
        return;
    unic__writer_abandon(w->file);
    writer_free(w);
}
