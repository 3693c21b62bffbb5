#include "parcel.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "array/npy.h"
#include "file/zip.h"
#include "file/zip_format.h"
#include "fuzz.h"

enum { LARGEST_ARRAY = 1 << 18 };

void fuzz_bytes_add(fuzz_bytes *b, const void *data, size_t size)
{
    if (b->size + size > b->room) {
        b->room = 2 * (b->size + size) + 256;
        b->at = realloc(b->at, b->room);
        FUZZ_CHECK(b->at);
    }
    if (size)
        memcpy(b->at + b->size, data, size);
    b->size += size;
}

static void add_number(fuzz_bytes *b, uint64_t x, size_t bytes)
{
    unsigned char text[8];
    for (size_t i = 0; i < bytes; i++)
        text[i] = (unsigned char)(x >> 8 * i);
    fuzz_bytes_add(b, text, bytes);
}

size_t fuzz_parcel_members(fuzz_member members[PARCEL_MEMBERS], const unsigned char *data,
                           size_t size)
{
    size_t n = 0;
    for (size_t at = 0; n < PARCEL_MEMBERS && size - at >= PARCEL_HEAD; n++) {
        fuzz_member *m = &members[n];
        size_t name = data[at], body = unic__zip_get16(data + at + 2);
        m->flags = data[at + 1];
        at += PARCEL_HEAD;
        m->name_size = name < size - at ? name : size - at;
        m->name = data + at;
        at += m->name_size;
        m->size = body < size - at ? body : size - at;
        m->data = data + at;
        at += m->size;
    }
    return n;
}

void fuzz_parcel_add(fuzz_bytes *parcel, const fuzz_member *member)
{
    add_number(parcel, member->name_size, 1);
    add_number(parcel, member->flags, 1);
    add_number(parcel, member->size, 2);
    fuzz_bytes_add(parcel, member->name, member->name_size);
    fuzz_bytes_add(parcel, member->data, member->size);
}

/* ---- arrays ---- */

static const struct {
    const char *descr;
    size_t size;
} types[] = {
    {"<f4", 4}, {"<f8", 8},  {"<i4", 4}, {"<i8", 8}, {"|u1", 1}, {"<f2", 2},
    {"|b1", 1}, {"<i2", 2},  {">f4", 4}, {">i8", 8}, {"<u8", 8}, {"<u4", 4},
    {"|i1", 1}, {"<U3", 12}, {"<c8", 8}, {"|O", 8},
};

static void add_array(fuzz_bytes *out, const fuzz_member *m)
{
    char header[256], dims[128] = "";
    size_t at = 2, type = m->size > 0 ? m->data[0] % 16 : 0,
           rank = m->size > 1 ? m->data[1] % 8 : 0;
    size_t used = 0, bytes = types[type].size;
    for (size_t i = 0; i < rank; i++, at += 2) {
        unsigned dim = at + 2 <= m->size ? unic__zip_get16(m->data + at) : 1;
        used += (size_t)snprintf(dims + used, sizeof dims - used, "%u, ", dim);
        bytes = bytes <= LARGEST_ARRAY ? bytes * dim : bytes;
    }
    int n = snprintf(header, sizeof header,
                     "{'descr': '%s', 'fortran_order': %s, 'shape': (%s), }", types[type].descr,
                     m->flags & PARCEL_FORTRAN ? "True" : "False", dims);
    size_t text = ((size_t)n + 10 + 64) / 64 * 64 - 10;
    fuzz_bytes_add(out, "\x93NUMPY\x01\x00", 8);
    add_number(out, text, 2);
    fuzz_bytes_add(out, header, (size_t)n);
    for (size_t i = (size_t)n; i < text; i++)
        fuzz_bytes_add(out, i + 1 < text ? " " : "\n", 1);
    size_t have = at < m->size ? m->size - at : 0;
    bytes = bytes <= LARGEST_ARRAY ? bytes : have;
    fuzz_bytes_add(out, m->data + at, have < bytes ? have : bytes);
    for (size_t i = have; i < bytes; i++)
        add_number(out, 0, 1);
}

void fuzz_member_contents(fuzz_bytes *out, const fuzz_member *m)
{
    size_t start = out->size;
    if (m->flags & PARCEL_ARRAY)
        add_array(out, m);
    else
        fuzz_bytes_add(out, m->data, m->size);
    if (m->flags & PARCEL_CUT && out->size > start)
        out->size--;
}

/* ---- the archive ---- */

static void deflate_into(fuzz_bytes *out, const fuzz_bytes *raw)
{
    z_stream z = {.next_in = raw->at, .avail_in = (unsigned)raw->size};
    FUZZ_CHECK(deflateInit2(&z, 1, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    out->room = deflateBound(&z, raw->size) + 16;
    out->at = malloc(out->room);
    FUZZ_CHECK(out->at);
    z.next_out = out->at;
    z.avail_out = (unsigned)out->room;
    FUZZ_CHECK(deflate(&z, Z_FINISH) == Z_STREAM_END);
    out->size = z.total_out;
    deflateEnd(&z);
}

/* What a local header and an entry of the directory share, from the version on. */
static void add_common(fuzz_bytes *b, const fuzz_member *m, bool late, uint32_t crc,
                       size_t packed, size_t size)
{
    bool deflated = m->flags & PARCEL_DEFLATED;
    add_number(b, 20, 2);
    add_number(b, m->flags & PARCEL_LATE ? UNIC__ZIP_FLAG_LATE_SIZES : 0, 2);
    add_number(b, deflated ? UNIC__ZIP_DEFLATED : UNIC__ZIP_STORED, 2);
    add_number(b, 0x00210000, 4);
    add_number(b, late ? 0 : crc, 4);
    add_number(b, late ? 0 : packed, 4);
    add_number(b, late ? 0 : size, 4);
    add_number(b, m->name_size, 2);
}

static void add_member(fuzz_bytes *zip, fuzz_bytes *directory, const fuzz_member *m)
{
    fuzz_bytes raw = {0}, packed = {0};
    fuzz_member_contents(&raw, m);
    uint32_t crc = (uint32_t)crc32(0, raw.at, (unsigned)raw.size) ^
                   !!(m->flags & PARCEL_SPOILT);
    if (m->flags & PARCEL_DEFLATED)
        deflate_into(&packed, &raw);
    const fuzz_bytes *body = m->flags & PARCEL_DEFLATED ? &packed : &raw;
    size_t start = zip->size;
    add_number(zip, UNIC__ZIP_LOCAL_MARK, 4);
    add_common(zip, m, m->flags & PARCEL_LATE, crc, body->size, raw.size);
    add_number(zip, 0, 2);
    fuzz_bytes_add(zip, m->name, m->name_size);
    fuzz_bytes_add(zip, body->at, body->size);
    if (m->flags & PARCEL_LATE) {
        add_number(zip, 0x08074B50, 4);
        add_number(zip, crc, 4);
        add_number(zip, body->size, 4);
        add_number(zip, raw.size, 4);
    }
    add_number(directory, UNIC__ZIP_ENTRY_MARK, 4);
    add_number(directory, 20, 2);
    add_common(directory, m, false, crc, body->size, raw.size);
    add_number(directory, 0, 2 + 2 + 2 + 2);
    add_number(directory, 0, 4);
    add_number(directory, start, 4);
    fuzz_bytes_add(directory, m->name, m->name_size);
    free(raw.at);
    free(packed.at);
}

fuzz_bytes fuzz_parcel_zip(const unsigned char *data, size_t size)
{
    static fuzz_member members[PARCEL_MEMBERS];
    fuzz_bytes zip = {0}, directory = {0};
    size_t n = fuzz_parcel_members(members, data, size);
    for (size_t i = 0; i < n; i++)
        add_member(&zip, &directory, &members[i]);
    size_t start = zip.size;
    fuzz_bytes_add(&zip, directory.at, directory.size);
    add_number(&zip, UNIC__ZIP_END_MARK, 4);
    add_number(&zip, 0, 4);
    add_number(&zip, n, 2);
    add_number(&zip, n, 2);
    add_number(&zip, directory.size, 4);
    add_number(&zip, start, 4);
    add_number(&zip, 0, 2);
    free(directory.at);
    return zip;
}

/* ---- packing ---- */

/* The short form of an array, if it has one: PARCEL_ARRAY's data into `out`. */
static bool shorten(fuzz_bytes *out, const unsigned char *data, size_t size, unsigned *flags)
{
    unic__npy_info info;
    size_t header, type = 0;
    if (size < UNIC__NPY_PREFIX || unic__npy_header_size(data, &header) != UNIC_OK ||
        header > size || unic__npy_parse(&info, data, header) != UNIC_OK)
        return false;
    while (type < 13 && strcmp(types[type].descr, info.descr))
        type++;
    if (type == 13)
        return false;
    add_number(out, type, 1);
    add_number(out, info.shape.rank, 1);
    for (size_t i = 0; i < info.shape.rank; i++) {
        if (info.shape.dim[i] > 0xFFFF)
            return false;
        add_number(out, info.shape.dim[i], 2);
    }
    fuzz_bytes_add(out, data + header, size - header);
    *flags |= PARCEL_ARRAY | (info.fortran ? (unsigned)PARCEL_FORTRAN : 0U);
    return true;
}

unsigned char *fuzz_parcel_pack(const char *path, size_t *size)
{
    unic__zip *zip;
    fuzz_bytes parcel = {0};
    if (unic__zip_open(&zip, path) != UNIC_OK)
        return NULL;
    unic__zip_take_unchecked(zip);
    for (size_t i = 0; i < unic__zip_count(zip); i++) {
        void *data;
        size_t n;
        fuzz_bytes array = {0};
        const char *name = unic__zip_name(zip, i);
        if (unic__zip_size(zip, i) > 2 * PARCEL_LARGEST ||
            unic__zip_read(zip, i, 2 * PARCEL_LARGEST, &data, &n) != UNIC_OK)
            continue;
        fuzz_member m = {.name = (const unsigned char *)name,
                         .name_size = strlen(name),
                         .data = data,
                         .size = n,
                         .flags = unic__zip_is_stored(zip, i) ? 0 : PARCEL_DEFLATED};
        if (shorten(&array, data, n, &m.flags)) {
            m.data = array.at;
            m.size = array.size;
        }
        if (m.size <= PARCEL_LARGEST && m.name_size <= 0xFF)
            fuzz_parcel_add(&parcel, &m);
        free(array.at);
        unic__free(data);
    }
    unic__zip_close(zip);
    *size = parcel.size;
    return parcel.at;
}
