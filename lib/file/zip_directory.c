/*
 * Opens an archive: reads the end records and the directory, and checks every local header
 * against it. An archive is refused unless its parts agree exactly, since two readers could
 * interpret it differently.
 */
#include <stdlib.h>
#include <string.h>

#include "file/zip_format.h"

enum { LARGEST_DIRECTORY = 1 << 28, LARGEST_COMMENT = 0xFFFF };

/* Deflate cannot exceed 1032 : 1; an honest member is far from either bound. */
#define LARGEST_RATIO   UINT64_C(1100)
#define LARGEST_INFLATE (UINT64_C(16) << 30)

static unsigned long long ull(uint64_t n)
{
    return n;
}

unic_status unic__zip_check_name(const char *name, size_t size)
{
    if (size == 0 || size > UNIC__ZIP_WIDE16)
        return unic__fail(UNIC_E_FORMAT, "a member's name has %zu bytes, 1 to 65535 expected",
                          size);
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)name[i];
        if (c < 0x20 || c == 0x7F || c == '\\')
            return unic__fail(UNIC_E_FORMAT, "a member's name \"%.*s\" has the byte 0x%02X",
                              (int)i, name, c);
    }
    if (name[0] == '/')
        return unic__fail(UNIC_E_FORMAT, "a member's name \"%.*s\" is absolute", (int)size,
                          name);
    for (size_t start = 0; start < size;) {
        const char *slash = memchr(name + start, '/', size - start);
        size_t end = slash ? (size_t)(slash - name) : size;
        if (end - start == 2 && memcmp(name + start, "..", 2) == 0)
            return unic__fail(UNIC_E_FORMAT, "a member's name \"%.*s\" has a \"..\" part",
                              (int)size, name);
        start = end + 1;
    }
    return UNIC_OK;
}

/* ---- the end records --------------------------------------------------------------------- */

typedef struct end_record {
    uint64_t position; /* where the directory has to end */
    uint64_t entries, directory, directory_size;
} end_record;

/* Finds the end record behind which nothing but its own comment stands. */
static unic_status find_end(const unic__zip *z, unsigned char *tail, uint64_t *position)
{
    uint64_t size = unic__source_size(z->source);
    if (size < UNIC__ZIP_END_SIZE)
        return unic__fail(UNIC_E_FORMAT, "is no zip file: %llu bytes", ull(size));
    size_t span = UNIC__ZIP_END_SIZE + LARGEST_COMMENT;
    if (size < span)
        span = (size_t)size;
    UNIC__TRY(unic__source_read(z->source, size - span, tail, span));
    for (size_t at = span - UNIC__ZIP_END_SIZE + 1; at-- > 0;) {
        size_t comment = span - UNIC__ZIP_END_SIZE - at;
        if (unic__zip_get32(tail + at) == UNIC__ZIP_END_MARK &&
            unic__zip_get16(tail + at + 20) == comment) {
            memmove(tail, tail + at, UNIC__ZIP_END_SIZE);
            *position = size - span + at;
            return UNIC_OK;
        }
    }
    return unic__fail(UNIC_E_FORMAT, "is no zip file, or a truncated one: no end of directory");
}

/* Replaces `end` by the zip64 end record that `locator` points to, which must agree with it. */
static unic_status read_end64(const unic__zip *z, const unsigned char *locator, end_record *end)
{
    uint64_t at = unic__zip_get64(locator + 8), bound = end->position - UNIC__ZIP_LOCATOR_SIZE;
    unsigned char r[UNIC__ZIP_END64_SIZE];
    if (unic__zip_get32(locator + 4) != 0 || unic__zip_get32(locator + 16) > 1 || at > bound ||
        bound - at < sizeof r)
        return unic__fail(UNIC_E_FORMAT, "its zip64 locator is damaged");
    UNIC__TRY(unic__source_read(z->source, at, r, sizeof r));
    if (unic__zip_get32(r) != UNIC__ZIP_END64_MARK || unic__zip_get64(r + 4) != bound - at - 12)
        return unic__fail(UNIC_E_FORMAT, "its zip64 end of directory is damaged");
    end_record wide = {at, unic__zip_get64(r + 32), unic__zip_get64(r + 48),
                       unic__zip_get64(r + 40)};
    bool one_disk = unic__zip_get32(r + 16) == 0 && unic__zip_get32(r + 20) == 0 &&
                    unic__zip_get64(r + 24) == wide.entries;
    bool agrees = (end->entries == UNIC__ZIP_WIDE16 || end->entries == wide.entries) &&
                  (end->directory == UNIC__ZIP_WIDE32 || end->directory == wide.directory) &&
                  (end->directory_size == UNIC__ZIP_WIDE32 ||
                   end->directory_size == wide.directory_size);
    if (!one_disk || !agrees)
        return unic__fail(UNIC_E_FORMAT, "its two end-of-directory records disagree");
    *end = wide;
    return UNIC_OK;
}

static unic_status read_end(const unic__zip *z, unsigned char *tail, end_record *end)
{
    UNIC__TRY(find_end(z, tail, &end->position));
    end->entries = unic__zip_get16(tail + 10);
    end->directory_size = unic__zip_get32(tail + 12);
    end->directory = unic__zip_get32(tail + 16);
    bool one_disk = unic__zip_get16(tail + 4) == 0 && unic__zip_get16(tail + 6) == 0 &&
                    unic__zip_get16(tail + 8) == end->entries;
    if (!one_disk)
        return unic__fail(UNIC_E_FORMAT, "is a part of a zip file of several parts");
    if (end->position >= UNIC__ZIP_LOCATOR_SIZE) {
        unsigned char locator[UNIC__ZIP_LOCATOR_SIZE];
        UNIC__TRY(unic__source_read(z->source, end->position - sizeof locator, locator,
                                    sizeof locator));
        if (unic__zip_get32(locator) == UNIC__ZIP_LOCATOR_MARK)
            UNIC__TRY(read_end64(z, locator, end));
    }
    if (end->directory > end->position || end->position - end->directory != end->directory_size)
        return unic__fail(UNIC_E_FORMAT,
                          "its directory is said to have %llu bytes at %llu, but ends at %llu",
                          ull(end->directory_size), ull(end->directory), ull(end->position));
    if (end->directory_size > LARGEST_DIRECTORY ||
        end->entries > end->directory_size / UNIC__ZIP_ENTRY_SIZE)
        return unic__fail(UNIC_E_FORMAT, "its directory of %llu bytes cannot be %llu members",
                          ull(end->directory_size), ull(end->entries));
    return UNIC_OK;
}

/* ---- one header -------------------------------------------------------------------------- */

/*
 * Reads the zip64 extra field. `number` are the header's 32-bit numbers in the field's order:
 * size, packed size, offset. The field holds those that are WIDE32, or, as Python writes it,
 * the first two or three in any case; then those that have a value must have the same here.
 */
static unic_status widen(uint64_t *const number[], size_t numbers, const unsigned char *field,
                         size_t bytes)
{
    size_t wide = 0, last = 0; /* how many are WIDE32; one more than the index of the last */
    for (size_t i = 0; i < numbers; i++)
        if (*number[i] == UNIC__ZIP_WIDE32) {
            wide++;
            last = i + 1;
        }
    bool only_wide = bytes == 8 * wide;
    bool leading = bytes % 8 == 0 && bytes / 8 >= 2 && bytes / 8 >= last &&
                   bytes / 8 <= numbers;
    if (!only_wide && !leading)
        return unic__fail(UNIC_E_FORMAT, "its zip64 field has %zu bytes for %zu numbers", bytes,
                          wide);
    for (size_t i = 0, at = 0; at < bytes; i++) {
        bool widened = *number[i] == UNIC__ZIP_WIDE32;
        if (only_wide && !widened)
            continue;
        uint64_t value = unic__zip_get64(field + at);
        if (!widened && value != *number[i])
            return unic__fail(UNIC_E_FORMAT, "its zip64 field says %llu, its header %llu",
                              ull(value), ull(*number[i]));
        *number[i] = value;
        at += 8;
    }
    return UNIC_OK;
}

/* Walks a header's extra fields, of which the zip64 one may be there once. */
static unic_status read_extra(uint64_t *const number[], size_t numbers,
                              const unsigned char *extra, size_t size)
{
    bool found = false;
    while (size) {
        size_t id = size < 4 ? 0 : unic__zip_get16(extra);
        size_t bytes = size < 4 ? size : unic__zip_get16(extra + 2);
        if (size < 4 || bytes > size - 4 || (id == UNIC__ZIP_EXTRA_ZIP64 && found))
            return unic__fail(UNIC_E_FORMAT, "its extra fields are damaged");
        if (id == UNIC__ZIP_EXTRA_ZIP64) {
            found = true;
            UNIC__TRY(widen(number, numbers, extra + 4, bytes));
        }
        extra += 4 + bytes;
        size -= 4 + bytes;
    }
    for (size_t i = 0; i < numbers && !found; i++)
        if (*number[i] == UNIC__ZIP_WIDE32)
            return unic__fail(UNIC_E_FORMAT, "its zip64 field is missing");
    return UNIC_OK;
}

/* Sizes that cannot be right; how it is packed matters only to who reads it. */
static unic_status check_sizes(const unic__zip_member *m)
{
    if (m->method == UNIC__ZIP_STORED && m->packed != m->size)
        return unic__fail(UNIC_E_FORMAT,
                          "is stored, yet has %llu bytes in the file and %llu outside",
                          ull(m->packed), ull(m->size));
    if (m->method == UNIC__ZIP_DEFLATED &&
        (m->size > LARGEST_INFLATE || m->size / LARGEST_RATIO > m->packed))
        return unic__fail(UNIC_E_FORMAT, "is said to inflate from %llu to %llu bytes",
                          ull(m->packed), ull(m->size));
    return UNIC_OK;
}

/* One entry of the directory, with `left` bytes of it to come; *used is the entry's length. */
static unic_status read_entry(unic__zip *z, unic__zip_member *m, const unsigned char *entry,
                              size_t left, size_t *used)
{
    if (left < UNIC__ZIP_ENTRY_SIZE || unic__zip_get32(entry) != UNIC__ZIP_ENTRY_MARK)
        return unic__fail(UNIC_E_FORMAT, "its directory entry is damaged");
    size_t name = unic__zip_get16(entry + 28), extra = unic__zip_get16(entry + 30);
    *used = UNIC__ZIP_ENTRY_SIZE + name + extra + unic__zip_get16(entry + 32);
    if (*used > left)
        return unic__fail(UNIC_E_FORMAT, "its directory entry is longer than the directory");
    const char *name_at = (const char *)(entry + UNIC__ZIP_ENTRY_SIZE);
    UNIC__TRY(unic__zip_check_name(name_at, name));
    char *copy = unic__arena_alloc(&z->names, name + 1);
    if (!copy)
        return unic__no_memory(name + 1, "a member's name");
    memcpy(copy, name_at, name);

    m->name = copy;
    m->name_size = name;
    m->flags = unic__zip_get16(entry + 8);
    m->method = unic__zip_get16(entry + 10);
    m->crc = unic__zip_get32(entry + 16);
    m->packed = unic__zip_get32(entry + 20);
    m->size = unic__zip_get32(entry + 24);
    m->header = unic__zip_get32(entry + 42);
    uint64_t *const number[] = {&m->size, &m->packed, &m->header};
    unic_status status = read_extra(number, 3, entry + UNIC__ZIP_ENTRY_SIZE + name, extra);
    if (status == UNIC_OK && unic__zip_get16(entry + 34) != 0)
        status = unic__fail(UNIC_E_FORMAT, "stands in another part of the zip file");
    if (status == UNIC_OK)
        status = check_sizes(m);
    return status == UNIC_OK ? UNIC_OK : unic__fail_in(status, "member \"%s\"", m->name);
}

/* Compares a member's local header, which `bound` must not cut, and finds its data behind it.
 * `header` has room for the longest one. */
static unic_status read_local(const unic__zip *z, unic__zip_member *m, unsigned char *header,
                              uint64_t bound)
{
    if (m->header > bound || bound - m->header < UNIC__ZIP_LOCAL_SIZE)
        return unic__fail(UNIC_E_FORMAT, "its header is said to be at %llu, beyond the members",
                          ull(m->header));
    UNIC__TRY(unic__source_read(z->source, m->header, header, UNIC__ZIP_LOCAL_SIZE));
    size_t name = unic__zip_get16(header + 26), extra = unic__zip_get16(header + 28);
    m->data = m->header + UNIC__ZIP_LOCAL_SIZE + name + extra;
    if (unic__zip_get32(header) != UNIC__ZIP_LOCAL_MARK || m->data > bound ||
        m->packed > bound - m->data)
        return unic__fail(UNIC_E_FORMAT, "its local header is damaged");
    UNIC__TRY(unic__source_read(z->source, m->header + UNIC__ZIP_LOCAL_SIZE,
                                header + UNIC__ZIP_LOCAL_SIZE, name + extra));
    const unsigned char *name_at = header + UNIC__ZIP_LOCAL_SIZE;
    uint64_t packed = unic__zip_get32(header + 18), size = unic__zip_get32(header + 22);
    uint64_t *const number[] = {&size, &packed};
    UNIC__TRY(read_extra(number, 2, name_at + name, extra));

    uint32_t crc = unic__zip_get32(header + 14);
    bool late = m->flags & UNIC__ZIP_FLAG_LATE_SIZES;
    const int same_flags = ~(int)UNIC__ZIP_FLAG_UTF8; /* writers set this one in either place */
    const char *differs = name != m->name_size || memcmp(name_at, m->name, name) != 0 ? "name"
                          : unic__zip_get16(header + 8) != m->method                  ? "method"
                          : (unic__zip_get16(header + 6) ^ m->flags) & same_flags     ? "flags"
                          : size != m->size && !(late && size == 0)                   ? "size"
                          : packed != m->packed && !(late && packed == 0) ? "packed size"
                          : crc != m->crc && !(late && crc == 0)          ? "CRC"
                                                                          : NULL;
    if (differs)
        return unic__fail(UNIC_E_FORMAT,
                          "its %s is another in the directory than before the data", differs);
    return UNIC_OK;
}

/* ---- the archive ------------------------------------------------------------------------- */

static int compare_names(const void *a, const void *b)
{
    const unic__zip_member *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

static int compare_headers(const void *a, const void *b)
{
    const unic__zip_member *const *x = a, *const *y = b;
    return ((*x)->header > (*y)->header) - ((*x)->header < (*y)->header);
}

/* Refuses members that share bytes, and members that share a name; leaves by_name sorted. */
static unic_status check_apart(unic__zip *z)
{
    const unic__zip_member **order = z->by_name;
    for (size_t i = 0; i < z->count; i++)
        order[i] = &z->members[i];
    if (z->count)
        qsort(order, z->count, sizeof(const unic__zip_member *), compare_headers);
    for (size_t i = 1; i < z->count; i++)
        if (order[i - 1]->data + order[i - 1]->packed > order[i]->header)
            return unic__fail(UNIC_E_FORMAT, "members \"%s\" and \"%s\" overlap",
                              order[i - 1]->name, order[i]->name);
    if (z->count)
        qsort(order, z->count, sizeof(const unic__zip_member *), compare_names);
    for (size_t i = 1; i < z->count; i++)
        if (strcmp(order[i - 1]->name, order[i]->name) == 0)
            return unic__fail(UNIC_E_FORMAT, "two members are called \"%s\"", order[i]->name);
    return UNIC_OK;
}

static unic_status read_members(unic__zip *z, const end_record *end, unsigned char *directory,
                                unsigned char *header)
{
    size_t left = (size_t)end->directory_size;
    UNIC__TRY(unic__source_read(z->source, end->directory, directory, left));
    for (size_t i = 0; i < z->count; i++) {
        size_t used = 0;
        UNIC__TRY(read_entry(z, &z->members[i], directory, left, &used));
        directory += used;
        left -= used;
    }
    if (left)
        return unic__fail(UNIC_E_FORMAT, "its directory has %zu bytes behind its %zu members",
                          left, z->count);
    for (size_t i = 0; i < z->count; i++) {
        unic_status status = read_local(z, &z->members[i], header, end->directory);
        if (status != UNIC_OK)
            return unic__fail_in(status, "member \"%s\"", z->members[i].name);
    }
    return check_apart(z);
}

static unic_status read_archive(unic__zip *z)
{
    /* Either the tail of the file or a local header with the longest name and extra fields. */
    const size_t scratch_size = UNIC__ZIP_LOCAL_SIZE + 2 * (size_t)UNIC__ZIP_WIDE16;
    unsigned char *directory = NULL, *scratch = unic__alloc(scratch_size);
    if (!scratch)
        return unic__no_memory(scratch_size, "the end of a zip file");
    end_record end = {0};
    unic_status status;
    UNIC__TRY_OR(status, out, read_end(z, scratch, &end));
    z->count = (size_t)end.entries;
    z->members = unic__alloc_array(z->count, sizeof *z->members);
    z->by_name = unic__alloc_array(z->count, sizeof(const unic__zip_member *));
    directory = unic__alloc((size_t)end.directory_size);
    status = z->members && z->by_name && directory
                 ? read_members(z, &end, directory, scratch)
                 : unic__no_memory((size_t)end.directory_size, "a zip directory");
out:
    unic__free(directory);
    unic__free(scratch);
    return status;
}

unic_status unic__zip_open_source(unic__zip **out, unic__source *source)
{
    *out = NULL;
    unic__zip *z = unic__alloc_zero(sizeof *z);
    if (!z)
        return unic__no_memory(sizeof *z, "a zip reader");
    z->source = unic__source_retain(source);
    z->path = unic__source_name(source);
    unic_status status = read_archive(z);
    if (status != UNIC_OK) {
        unic__fail_in(status, "%s", z->path);
        unic__zip_close(z);
        return status;
    }
    *out = z;
    return UNIC_OK;
}

unic_status unic__zip_open(unic__zip **out, const char *path)
{
    unic__source *source;
    *out = NULL;
    UNIC__TRY(unic__source_open_file(&source, path));
    unic_status status = unic__zip_open_source(out, source);
    unic__source_release(source);
    return status;
}

void unic__zip_close(unic__zip *z)
{
    if (!z)
        return;
    unic__arena_free(&z->names);
    unic__free(z->by_name);
    unic__free(z->members);
    unic__source_release(z->source);
    unic__free(z);
}

const char *unic__zip_path(const unic__zip *z)
{
    return z->path;
}

unic__source *unic__zip_source(const unic__zip *z)
{
    return z->source;
}

size_t unic__zip_count(const unic__zip *z)
{
    return z->count;
}

const char *unic__zip_name(const unic__zip *z, size_t i)
{
    return z->members[i].name;
}

uint64_t unic__zip_size(const unic__zip *z, size_t i)
{
    return z->members[i].size;
}

uint64_t unic__zip_packed(const unic__zip *z, size_t i)
{
    return z->members[i].packed;
}

bool unic__zip_is_stored(const unic__zip *z, size_t i)
{
    return z->members[i].method == UNIC__ZIP_STORED;
}

bool unic__zip_find(const unic__zip *z, const char *name, const char *suffix, size_t *i)
{
    size_t low = 0, high = z->count, length = strlen(name);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const char *other = z->by_name[middle]->name;
        int order = strncmp(name, other, length);
        if (order == 0)
            order = strcmp(suffix, other + length);
        if (order == 0) {
            *i = (size_t)(z->by_name[middle] - z->members);
            return true;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}
