#include "cli/npz.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/report.h"

/*
 * The file, every size and offset in 64 bits (zip64) so that there is one form for all sizes:
 *
 *   per member:  local header, name, extra field | .npy header, padded to 64 | elements
 *   central directory: per member a header, name, extra field
 *   zip64 end record, its locator, end record
 */
enum {
    LOCAL_HEADER = 30,
    LOCAL_EXTRA = 20, /* id, size, two sizes        */
    CENTRAL_HEADER = 46,
    CENTRAL_EXTRA = 28, /* the same and the offset    */
    END_RECORDS = 56 + 20 + 22,
    ALIGNMENT = 64,
    ZIP64_VERSION = 45,
    MADE_ON_UNIX = 3 << 8,
    FILE_MODE = 0100644, /* what unzip gives a member */
    DATE_1980 = 0x0021   /* 1 January: equal contents give equal bytes */
};

/* ---- little-endian fields ---- */

static unsigned char *put(unsigned char *p, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        *p++ = (unsigned char)(value >> (8 * i));
    return p;
}

/* What both headers have in common: version needed .. length of the extra field. */
static unsigned char *put_common(unsigned char *p, const cli_npz_member *m, unsigned extra)
{
    p = put(p, ZIP64_VERSION, 2);
    p = put(p, 0, 2); /* flags  */
    p = put(p, 0, 2); /* stored */
    p = put(p, 0, 2); /* time   */
    p = put(p, DATE_1980, 2);
    p = put(p, m->crc, 4);
    p = put(p, UINT32_MAX, 4); /* both sizes: see the extra field */
    p = put(p, UINT32_MAX, 4);
    p = put(p, strlen(m->name), 2);
    return put(p, extra, 2);
}

static unsigned char *put_name_and_extra(unsigned char *p, const cli_npz_member *m,
                                         unsigned extra)
{
    size_t length = strlen(m->name);
    memcpy(p, m->name, length);
    p = put(p + length, 1, 2); /* zip64 */
    p = put(p, extra - 4, 2);
    p = put(p, m->size, 8);
    return put(p, m->size, 8);
}

static uint32_t crc_table[256];

static void make_crc_table(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int bit = 0; bit < 8; bit++)
            c = c & 1 ? UINT32_C(0xEDB88320) ^ (c >> 1) : c >> 1;
        crc_table[i] = c;
    }
}

static uint32_t crc_add(uint32_t crc, const void *data, size_t bytes)
{
    const unsigned char *p = data;
    crc = ~crc;
    for (size_t i = 0; i < bytes; i++)
        crc = crc_table[(crc ^ p[i]) & 0xFF] ^ (crc >> 8);
    return ~crc;
}

/* ---- the file ---- */

static bool write_at(cli_npz *z, const void *data, size_t bytes, uint64_t offset)
{
    const char *p = data;
    while (bytes > 0) {
        ssize_t n = pwrite(z->output.file, p, bytes, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return cli_fail("cannot write %s: %s", z->output.path, strerror(errno));
        p += n;
        bytes -= (size_t)n;
        offset += (uint64_t)n;
    }
    return true;
}

bool cli_npz_open(cli_npz *npz, const char *path)
{
    memset(npz, 0, sizeof *npz);
    make_crc_table();
    return cli_output_open(&npz->output, path);
}

static uint64_t contents_at(const cli_npz_member *m)
{
    return m->at + LOCAL_HEADER + strlen(m->name) + LOCAL_EXTRA;
}

static const char *type_name(cli_type type)
{
    const uint16_t one = 1;
    bool little = *(const unsigned char *)&one == 1;
    switch (type) {
    case CLI_I32:
        return little ? "<i4" : ">i4";
    case CLI_F32:
        return little ? "<f4" : ">f4";
    case CLI_U64:
        break;
    }
    return little ? "<u8" : ">u8";
}

/* The .npy header, version 1, padded so that the elements begin at a multiple of ALIGNMENT. */
static void make_header(cli_npz_member *m, cli_type type, size_t rank, const size_t *dims)
{
    enum { MAGIC = 8, PREFIX = MAGIC + 2 };
    char shape[CLI_NPY_HEADER / 2] = "", *text = m->header + PREFIX;
    size_t used = 0, room = CLI_NPY_HEADER - PREFIX - ALIGNMENT;
    for (size_t i = 0; i < rank; i++)
        used += (size_t)snprintf(shape + used, sizeof shape - used, "%zu,%s", dims[i],
                                 i + 1 < rank ? " " : "");
    int length = snprintf(text, room,
                          "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }",
                          type_name(type), shape);
    size_t size = PREFIX + (size_t)length + 1; /* and a newline */
    size += (ALIGNMENT - (contents_at(m) + size) % ALIGNMENT) % ALIGNMENT;
    memset(text + length, ' ', size - PREFIX - (size_t)length);
    m->header[size - 1] = '\n';
    memcpy(m->header, "\x93NUMPY\x01\x00", MAGIC);
    put((unsigned char *)m->header + MAGIC, size - PREFIX, 2);
    m->header_size = size;
}

bool cli_npz_declare(cli_npz *npz, const char *name, cli_type type, size_t rank,
                     const size_t *dims)
{
    uint64_t elements = 1;
    for (size_t i = 0; i < rank; i++) {
        if (dims[i] && elements > (uint64_t)INT64_MAX / 16 / dims[i])
            return cli_fail("%s: the array %s is too large", npz->output.path, name);
        elements *= dims[i];
    }
    if (npz->count == CLI_NPZ_MEMBERS || rank > CLI_NPZ_RANK)
        return cli_fail("%s: no room for the array %s", npz->output.path, name);

    cli_npz_member *m = &npz->members[npz->count++];
    snprintf(m->name, sizeof m->name, "%s.npy", name);
    m->at = npz->end;
    m->item_size = type == CLI_U64 ? 8 : 4;
    make_header(m, type, rank, dims);
    m->size = m->header_size + elements * m->item_size;
    m->crc = crc_add(0, m->header, m->header_size);
    m->written = m->header_size;
    npz->end = contents_at(m) + m->size;
    return write_at(npz, m->header, m->header_size, contents_at(m));
}

bool cli_npz_write(cli_npz *npz, const char *name, const void *elements, size_t count)
{
    size_t length = strlen(name);
    for (size_t i = 0; i < npz->count; i++) {
        cli_npz_member *m = &npz->members[i];
        if (strncmp(m->name, name, length) || strcmp(m->name + length, ".npy"))
            continue;
        if (count > (m->size - m->written) / m->item_size)
            return cli_fail("%s: more elements than the array %s has", npz->output.path, name);
        size_t bytes = count * m->item_size;
        if (!write_at(npz, elements, bytes, contents_at(m) + m->written))
            return false;
        m->crc = crc_add(m->crc, elements, bytes);
        m->written += bytes;
        return true;
    }
    return cli_fail("%s: the array %s was not declared", npz->output.path, name);
}

static bool write_local_header(cli_npz *z, const cli_npz_member *m)
{
    unsigned char bytes[LOCAL_HEADER + CLI_NPZ_NAME + LOCAL_EXTRA], *p = bytes;
    p = put(p, 0x04034b50, 4);
    p = put_common(p, m, LOCAL_EXTRA);
    p = put_name_and_extra(p, m, LOCAL_EXTRA);
    return write_at(z, bytes, (size_t)(p - bytes), m->at);
}

static bool write_central_header(cli_npz *z, const cli_npz_member *m, uint64_t *offset)
{
    unsigned char bytes[CENTRAL_HEADER + CLI_NPZ_NAME + CENTRAL_EXTRA], *p = bytes;
    p = put(p, 0x02014b50, 4);
    p = put(p, MADE_ON_UNIX | ZIP64_VERSION, 2);
    p = put_common(p, m, CENTRAL_EXTRA);
    p = put(p, 0, 2); /* comment              */
    p = put(p, 0, 2); /* disk                 */
    p = put(p, 0, 2); /* internal attributes  */
    p = put(p, (uint64_t)FILE_MODE << 16, 4);
    p = put(p, UINT32_MAX, 4);
    p = put_name_and_extra(p, m, CENTRAL_EXTRA);
    p = put(p, m->at, 8);
    bool ok = write_at(z, bytes, (size_t)(p - bytes), *offset);
    *offset += (uint64_t)(p - bytes);
    return ok;
}

static bool write_end_records(cli_npz *z, uint64_t directory, uint64_t end)
{
    unsigned char bytes[END_RECORDS], *p = bytes;
    p = put(p, 0x06064b50, 4); /* zip64 end record */
    p = put(p, 56 - 12, 8);
    p = put(p, ZIP64_VERSION, 2);
    p = put(p, ZIP64_VERSION, 2);
    p = put(p, 0, 8); /* this disk, the directory's disk */
    p = put(p, z->count, 8);
    p = put(p, z->count, 8);
    p = put(p, end - directory, 8);
    p = put(p, directory, 8);
    p = put(p, 0x07064b50, 4); /* its locator */
    p = put(p, 0, 4);
    p = put(p, end, 8);
    p = put(p, 1, 4);
    p = put(p, 0x06054b50, 4); /* end record: see the one above */
    p = put(p, 0, 4);
    p = put(p, UINT32_MAX, 4); /* both counts */
    p = put(p, UINT32_MAX, 4);
    p = put(p, UINT32_MAX, 4);
    p = put(p, 0, 2);
    return write_at(z, bytes, (size_t)(p - bytes), end);
}

bool cli_npz_finish(cli_npz *npz)
{
    uint64_t end = npz->end;
    bool ok = true;
    for (size_t i = 0; ok && i < npz->count; i++) {
        const cli_npz_member *m = &npz->members[i];
        if (m->written != m->size)
            ok = cli_fail("%s: %s is not whole", npz->output.path, m->name);
        ok = ok && write_local_header(npz, m) && write_central_header(npz, m, &end);
    }
    ok = ok && write_end_records(npz, npz->end, end);
    if (!ok) {
        cli_npz_abandon(npz);
        return false;
    }
    return cli_output_commit(&npz->output);
}

void cli_npz_abandon(cli_npz *npz)
{
    cli_output_discard(&npz->output);
}
