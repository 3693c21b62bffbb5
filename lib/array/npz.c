#include "array/npz.h"

#include <string.h>

#include "file/zip.h"

enum {
    BLOCK_SIZE = 1 << 16,
    LARGEST_TEXT = 1 << 24,
    MOST_HELD = 1 << 30 /* elements held of a deflated member, which may be small in the file */
};

typedef struct member {
    const char *name; /* without ".npy" */
    bool is_array;    /* its name ends in ".npy" */
    bool parsed;      /* info is filled in */
    bool checked;     /* its rows can be read: the CRC was right, or `rows` holds them */
    unic__npy_info info;
    float *rows; /* a member that cannot be read in place, whole; else NULL */
} member;

struct unic__npz {
    unic__zip *zip;
    unic__arena arena;
    member *members;    /* as in the zip file */
    const char **names; /* of the members, for "did you mean" */
    unsigned char *row; /* one row as it stands in the file */
    size_t row_size;
};

static const char suffix[] = ".npy";

/* ---- the directory ----------------------------------------------------------------------- */

static unic_status fill_members(unic__npz *z)
{
    size_t count = unic__zip_count(z->zip), suffix_size = sizeof suffix - 1;
    z->members = unic__alloc_array(count, sizeof *z->members);
    z->names = unic__alloc_array(count, sizeof *z->names);
    if (!z->members || !z->names)
        return unic__no_memory(count * sizeof *z->members, "an npz directory");
    for (size_t i = 0; i < count; i++) {
        const char *name = unic__zip_name(z->zip, i);
        size_t size = strlen(name);
        z->members[i].is_array = size > suffix_size &&
                                 strcmp(name + size - suffix_size, suffix) == 0;
        if (z->members[i].is_array) {
            size -= suffix_size;
            char *copy = unic__arena_alloc(&z->arena, size + 1);
            if (!copy)
                return unic__no_memory(size + 1, "a member's name");
            memcpy(copy, name, size);
            name = copy;
        }
        z->members[i].name = z->names[i] = name;
    }
    return UNIC_OK;
}

unic_status unic__npz_open(unic__npz **out, unic__source *source)
{
    *out = NULL;
    unic__npz *z = unic__alloc_zero(sizeof *z);
    if (!z)
        return unic__no_memory(sizeof *z, "an npz reader");
    unic_status status = unic__zip_open_source(&z->zip, source);
    if (status == UNIC_OK)
        status = fill_members(z);
    if (status != UNIC_OK) {
        unic__npz_close(z);
        return status;
    }
    *out = z;
    return UNIC_OK;
}

void unic__npz_close(unic__npz *z)
{
    if (!z)
        return;
    for (size_t i = 0; z->members && i < unic__zip_count(z->zip); i++)
        unic__free(z->members[i].rows);
    unic__free(z->row);
    unic__free(z->names);
    unic__free(z->members);
    unic__arena_free(&z->arena);
    unic__zip_close(z->zip);
    unic__free(z);
}

const char *unic__npz_path(const unic__npz *z)
{
    return unic__zip_path(z->zip);
}

unic__source *unic__npz_source(const unic__npz *z)
{
    return unic__zip_source(z->zip);
}

size_t unic__npz_count(const unic__npz *z)
{
    return unic__zip_count(z->zip);
}

const char *unic__npz_name(const unic__npz *z, size_t i)
{
    return z->members[i].name;
}

bool unic__npz_is_array(const unic__npz *z, size_t i)
{
    return z->members[i].is_array;
}

unic_status unic__npz_is_other_array(const unic__npz *z, size_t i, bool *yes)
{
    static const char magic[] = "\x93NUMPY";
    char head[sizeof magic - 1];
    unic__zip_stream *s;
    *yes = false;
    if (z->members[i].is_array || unic__zip_size(z->zip, i) < sizeof head ||
        unic__zip_check_readable(z->zip, i) != UNIC_OK)
        return UNIC_OK;
    UNIC__TRY(unic__zip_stream_open(&s, z->zip, i));
    unic_status status = unic__zip_stream_read(s, head, sizeof head);
    *yes = status == UNIC_OK && memcmp(head, magic, sizeof head) == 0;
    unic__zip_stream_close(s);
    return unic__is_exhausted(status) ? status : UNIC_OK;
}

bool unic__npz_has(const unic__npz *z, const char *name)
{
    size_t i;
    return unic__zip_find(z->zip, name, suffix, &i) || unic__zip_find(z->zip, name, "", &i);
}

static unic_status not_found(const unic__npz *z, const char *name, const char *kind)
{
    const char *near = unic__nearest_word(name, z->names, unic__zip_count(z->zip));
    if (near && strcmp(near, name) == 0) /* there is one, of the other kind */
        near = NULL;
    return unic__fail(UNIC_E_NOTFOUND, "%s: no %s \"%s\"%s%s%s", unic__npz_path(z), kind, name,
                      near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static unic_status in_member(unic_status status, const unic__npz *z, size_t i)
{
    return unic__fail_in(status, "%s: member \"%s\"", unic__npz_path(z),
                         unic__zip_name(z->zip, i));
}

/* ---- headers ----------------------------------------------------------------------------- */

static unic_status check_fill(const unic__npy_info *info, uint64_t member_size)
{
    uint64_t data = unic__shape_count(&info->shape) * (uint64_t)info->item_size;
    if (member_size - info->header_size == data)
        return UNIC_OK;
    char shape[UNIC__SHAPE_TEXT];
    return unic__fail(UNIC_E_FORMAT, "has %llu bytes of data, but %s of %s is %llu",
                      (unsigned long long)(member_size - info->header_size),
                      unic__shape_print(&info->shape, shape), unic__npy_type_name(info->type),
                      (unsigned long long)data);
}

/* Reads an array's header from the start of its stream; its data must be the rest. */
static unic_status read_header(const unic__npz *z, unic__zip_stream *s, size_t i,
                               unic__npy_info *info)
{
    unsigned char prefix[UNIC__NPY_PREFIX];
    size_t size = 0;
    UNIC__TRY(unic__zip_stream_read(s, prefix, sizeof prefix));
    unic_status status = unic__npy_header_size(prefix, &size);
    if (status != UNIC_OK)
        return in_member(status, z, i);
    unsigned char *header = unic__alloc(size);
    if (!header)
        return in_member(unic__no_memory(size, "its header"), z, i);
    memcpy(header, prefix, sizeof prefix);
    status = unic__zip_stream_read(s, header + sizeof prefix, size - sizeof prefix);
    if (status == UNIC_OK) {
        status = unic__npy_parse(info, header, size);
        if (status == UNIC_OK)
            status = check_fill(info, unic__zip_size(z->zip, i));
        if (status != UNIC_OK)
            in_member(status, z, i);
    }
    unic__free(header);
    return status;
}

/* Finds an array and sees to it that its header is known. */
static unic_status find_array(unic__npz *z, const char *name, size_t *i)
{
    if (!unic__zip_find(z->zip, name, suffix, i))
        return not_found(z, name, "array");
    member *m = &z->members[*i];
    if (m->parsed)
        return UNIC_OK;
    unic_status status = unic__zip_check_readable(z->zip, *i);
    m->info.foreign = status != UNIC_OK;
    UNIC__TRY(status);
    unic__zip_stream *s;
    UNIC__TRY(unic__zip_stream_open(&s, z->zip, *i));
    status = read_header(z, s, *i, &m->info);
    unic__zip_stream_close(s);
    m->parsed = status == UNIC_OK;
    return status;
}

unic_status unic__npz_info(unic__npz *z, const char *name, unic__npy_info *info)
{
    size_t i;
    *info = (unic__npy_info){.foreign = false};
    unic_status status = find_array(z, name, &i);
    if (status != UNIC_E_NOTFOUND)
        *info = z->members[i].info;
    return status;
}

/* ---- whole arrays ------------------------------------------------------------------------ */

/* Converts `n` elements at `raw` to `type`, the first of them being element `first`. */
static unic_status convert(void *out, unic__npy_type type, void *raw,
                           const unic__npy_info *info, size_t n, size_t first)
{
    switch (type) {
    case UNIC__NPY_F32:
        unic__npy_to_f32(out, raw, info, n);
        return UNIC_OK;
    case UNIC__NPY_F64:
        unic__npy_to_f64(out, raw, info, n);
        return UNIC_OK;
    case UNIC__NPY_I32:
        return unic__npy_to_i32(out, raw, info, n, first);
    default:
        return unic__npy_to_i64(out, raw, info, n, first);
    }
}

/* Reads the elements of array `i` in the order of the file, as `type`. */
static unic_status read_elements(const unic__npz *z, unic__zip_stream *s, size_t i,
                                 const unic__npy_info *info, unic__npy_type type,
                                 unsigned char *out)
{
    size_t count = unic__shape_count(&info->shape), size = unic__npy_type_size(type);
    if (unic__npy_is_native(info, type))
        return unic__zip_stream_read(s, out, count * size);
    void *raw = unic__alloc(BLOCK_SIZE);
    if (!raw)
        return in_member(unic__no_memory(BLOCK_SIZE, "converting it"), z, i);
    unic_status status;
    size_t done = 0, block = BLOCK_SIZE / info->item_size;
    do { /* once for an empty array too: its CRC */
        size_t n = count - done < block ? count - done : block;
        status = unic__zip_stream_read(s, raw, n * info->item_size);
        if (status == UNIC_OK) {
            status = convert(out + done * size, type, raw, info, n, done);
            if (status != UNIC_OK)
                in_member(status, z, i);
        }
        done += n;
    } while (status == UNIC_OK && done < count);
    unic__free(raw);
    return status;
}

/* The same in row-major order, whatever the file's. */
static unic_status read_ordered(const unic__npz *z, unic__zip_stream *s, size_t i,
                                const unic__npy_info *info, unic__npy_type type, void *out)
{
    if (!info->fortran || info->shape.rank < 2)
        return read_elements(z, s, i, info, type, out);
    size_t count = unic__shape_count(&info->shape), size = unic__npy_type_size(type);
    void *fortran = unic__alloc(count * size); /* as large as `out`: no overflow */
    if (!fortran)
        return in_member(unic__no_memory(count * size, "transposing it"), z, i);
    unic_status status = read_elements(z, s, i, info, type, fortran);
    if (status == UNIC_OK)
        unic__npy_transpose(out, fortran, &info->shape, size);
    unic__free(fortran);
    return status;
}

static unic_status read_array(const unic__npz *z, const char *name, unic__npy_type type,
                              void *out, size_t count)
{
    size_t i;
    if (!unic__zip_find(z->zip, name, suffix, &i))
        return not_found(z, name, "array");
    unic__zip_stream *s;
    unic__npy_info info = {.fortran = false};
    UNIC__TRY(unic__zip_stream_open(&s, z->zip, i));
    unic_status status = read_header(z, s, i, &info);
    if (status == UNIC_OK && unic__shape_count(&info.shape) != count) {
        char shape[UNIC__SHAPE_TEXT];
        status = unic__fail(UNIC_E_SHAPE, "has the shape %s, %zu elements expected",
                            unic__shape_print(&info.shape, shape), count);
        in_member(status, z, i);
    }
    if (status == UNIC_OK)
        status = read_ordered(z, s, i, &info, type, out);
    unic__zip_stream_close(s);
    return status;
}

unic_status unic__npz_read_f32(unic__npz *z, const char *name, float *out, size_t count)
{
    return read_array(z, name, UNIC__NPY_F32, out, count);
}

unic_status unic__npz_read_f64(unic__npz *z, const char *name, double *out, size_t count)
{
    return read_array(z, name, UNIC__NPY_F64, out, count);
}

unic_status unic__npz_read_i32(unic__npz *z, const char *name, int32_t *out, size_t count)
{
    return read_array(z, name, UNIC__NPY_I32, out, count);
}

unic_status unic__npz_read_i64(unic__npz *z, const char *name, int64_t *out, size_t count)
{
    return read_array(z, name, UNIC__NPY_I64, out, count);
}

unic_status unic__npz_read_text(unic__npz *z, const char *name, char **out)
{
    *out = NULL;
    size_t i, size;
    void *text;
    if (!unic__zip_find(z->zip, name, "", &i))
        return not_found(z, name, "text");
    UNIC__TRY(unic__zip_read(z->zip, i, LARGEST_TEXT, &text, &size));
    if (memchr(text, '\0', size)) {
        unic__free(text);
        return in_member(unic__fail(UNIC_E_FORMAT, "is no text: it has a NUL byte"), z, i);
    }
    *out = text;
    return UNIC_OK;
}

/* ---- rows -------------------------------------------------------------------------------- */

/* Reads all of member `i` once, for its CRC. */
static unic_status check_crc(const unic__npz *z, size_t i)
{
    uint64_t left = unic__zip_size(z->zip, i);
    void *block = unic__alloc(BLOCK_SIZE);
    if (!block)
        return in_member(unic__no_memory(BLOCK_SIZE, "checking it"), z, i);
    unic__zip_stream *s = NULL;
    unic_status status = unic__zip_stream_open(&s, z->zip, i);
    while (status == UNIC_OK && left) {
        size_t n = left < BLOCK_SIZE ? (size_t)left : BLOCK_SIZE;
        status = unic__zip_stream_read(s, block, n);
        left -= n;
    }
    unic__zip_stream_close(s);
    unic__free(block);
    return status;
}

/* Reads all rows into memory, for a member that cannot be read in place. */
static unic_status hold_rows(unic__npz *z, size_t i)
{
    member *m = &z->members[i];
    size_t count = unic__shape_count(&m->info.shape);
    if (count > MOST_HELD)
        return in_member(
            unic__fail(UNIC_E_FORMAT,
                       "has %zu elements, at most %d can be held; rows of a larger "
                       "array are read if it is stored, not deflated, in C order",
                       count, MOST_HELD),
            z, i);
    float *rows = unic__alloc(count * sizeof *rows);
    if (!rows)
        return in_member(unic__no_memory(count * sizeof *rows, "its rows"), z, i);
    unic_status status = unic__npz_read_f32(z, m->name, rows, count);
    if (status == UNIC_OK)
        m->rows = rows;
    else
        unic__free(rows);
    return status;
}

/* Once for each array: what can be read in place is checked, what cannot is read. */
static unic_status prepare_rows(unic__npz *z, size_t i)
{
    member *m = &z->members[i];
    bool in_order = !m->info.fortran || m->info.shape.rank < 2;
    if (unic__zip_is_stored(z->zip, i) && in_order)
        UNIC__TRY(check_crc(z, i));
    else
        UNIC__TRY(hold_rows(z, i));
    m->checked = true;
    return UNIC_OK;
}

static unic_status check_row(const unic__npy_info *info, size_t row, size_t row_count)
{
    char shape[UNIC__SHAPE_TEXT];
    unic__shape rest = info->shape;
    if (!info->shape.rank)
        return unic__fail(UNIC_E_SHAPE, "is a single number, an array of rows expected");
    if (row >= info->shape.dim[0])
        return unic__fail(UNIC_E_ARG, "has the shape %s, row %zu is asked for",
                          unic__shape_print(&info->shape, shape), row);
    rest.dim[0] = 1;
    if (unic__shape_count(&rest) != row_count)
        return unic__fail(UNIC_E_SHAPE, "has the shape %s, rows of %zu elements expected",
                          unic__shape_print(&info->shape, shape), row_count);
    return UNIC_OK;
}

static unic_status reserve_row(unic__npz *z, size_t bytes)
{
    if (bytes <= z->row_size)
        return UNIC_OK;
    unsigned char *row = unic__alloc(bytes);
    if (!row)
        return unic__no_memory(bytes, "a row");
    unic__free(z->row);
    z->row = row;
    z->row_size = bytes;
    return UNIC_OK;
}

unic_status unic__npz_read_row_f32(unic__npz *z, const char *name, size_t row, float *out,
                                   size_t row_count)
{
    size_t i;
    UNIC__TRY(find_array(z, name, &i));
    const member *m = &z->members[i];
    unic_status status = check_row(&m->info, row, row_count);
    if (status != UNIC_OK)
        return in_member(status, z, i);
    if (!m->checked)
        UNIC__TRY(prepare_rows(z, i));
    if (m->rows) {
        memcpy(out, m->rows + row * row_count, row_count * sizeof *out);
        return UNIC_OK;
    }
    size_t bytes = row_count * m->info.item_size;
    uint64_t at = m->info.header_size + (uint64_t)row * bytes;
    if (unic__npy_is_native(&m->info, UNIC__NPY_F32))
        return unic__zip_read_range(z->zip, i, at, out, bytes);
    UNIC__TRY(reserve_row(z, bytes));
    UNIC__TRY(unic__zip_read_range(z->zip, i, at, z->row, bytes));
    unic__npy_to_f32(out, z->row, &m->info, row_count);
    return UNIC_OK;
}

void unic__npz_expect_row(const unic__npz *z, const char *name, size_t row)
{
    size_t i = 0;
    if (!unic__zip_find(z->zip, name, suffix, &i))
        return;
    const member *m = &z->members[i];
    if (!m->checked || m->rows || row >= m->info.shape.dim[0])
        return;
    size_t bytes = unic__shape_count(&m->info.shape) / m->info.shape.dim[0] * m->info.item_size;
    unic__zip_expect_range(z->zip, i, m->info.header_size + (uint64_t)row * bytes, bytes);
}
