#include "array/npy_file.h"

#include "file/sniff.h"

enum { BLOCK_SIZE = 1 << 16 };

/* ---- the header -------------------------------------------------------------------------- */

static unic_status check_fill(const unic__npy_file *f)
{
    char shape[UNIC__SHAPE_TEXT];
    uint64_t have = f->file.size - f->info.header_size;
    uint64_t data = unic__shape_count(&f->info.shape) * (uint64_t)f->info.item_size;
    if (have == data)
        return UNIC_OK;
    return unic__fail(UNIC_E_FORMAT, "has %llu bytes of data, but %s of %s is %llu",
                      (unsigned long long)have, unic__shape_print(&f->info.shape, shape),
                      unic__npy_type_name(f->info.type), (unsigned long long)data);
}

/* A file that is called .npy may be of torch.save(), a pickle or a pointer of Git LFS. */
static unic_status check_kind(const unic__npy_file *f)
{
    unsigned char head[UNIC__FILE_HEAD];
    size_t size = 0;
    UNIC__TRY(unic__file_read_some(&f->file, 0, head, sizeof head, &size));
    const unic__file_kind kind = unic__file_kind_of_bytes(head, size, f->file.size);
    return kind == UNIC__FILE_NPY || kind == UNIC__FILE_UNKNOWN
               ? UNIC_OK
               : unic__fail(UNIC_E_FORMAT, "is %s, an array of numpy.save() expected",
                            unic__file_kind_name(kind));
}

static unic_status read_header(unic__npy_file *f)
{
    unsigned char prefix[UNIC__NPY_PREFIX];
    size_t size = 0;
    if (f->file.size < sizeof prefix)
        return unic__fail(UNIC_E_FORMAT, "is no npy array: it has %llu bytes",
                          (unsigned long long)f->file.size);
    UNIC__TRY(unic__file_read_at(&f->file, 0, prefix, sizeof prefix));
    if (unic__npy_header_size(prefix, &size) != UNIC_OK) {
        UNIC__TRY(check_kind(f));
        UNIC__TRY(unic__npy_header_size(prefix, &size)); /* which says what it is not */
    }
    unsigned char *header = unic__alloc(size);
    if (!header)
        return unic__no_memory(size, "its header");
    unic_status status = unic__file_read_at(&f->file, 0, header, size);
    if (status == UNIC_OK)
        status = unic__npy_parse(&f->info, header, size);
    unic__free(header);
    return status == UNIC_OK ? check_fill(f) : status;
}

unic_status unic__npy_file_open(unic__npy_file *f, const char *path)
{
    f->path = path;
    UNIC__TRY(unic__file_open(&f->file, path));
    unic_status status = read_header(f);
    if (status == UNIC_OK)
        return UNIC_OK;
    unic__file_close(&f->file);
    return unic__fail_in(status, "%s", path);
}

void unic__npy_file_close(unic__npy_file *f)
{
    unic__file_close(&f->file);
}

/* ---- the elements ------------------------------------------------------------------------ */

bool unic__npy_file_is_row_major(const unic__npy_file *f)
{
    return !f->info.fortran || f->info.shape.rank < 2;
}

/* As float32 or int32, both of which have 4 bytes. */
static unic_status read_elements(const unic__npy_file *f, unic__npy_type type, size_t first,
                                 size_t n, void *out)
{
    const unic__npy_info *info = &f->info;
    uint64_t at = info->header_size + (uint64_t)first * info->item_size;
    if (unic__npy_is_native(info, type))
        return unic__file_read_at(&f->file, at, out, n * info->item_size);
    void *raw = unic__alloc(BLOCK_SIZE);
    if (!raw)
        return unic__no_memory(BLOCK_SIZE, "converting it");
    unic_status status = UNIC_OK;
    for (size_t done = 0, part; done < n && status == UNIC_OK; done += part) {
        part = BLOCK_SIZE / info->item_size;
        part = part < n - done ? part : n - done;
        status = unic__file_read_at(&f->file, at + done * info->item_size, raw,
                                    part * info->item_size);
        if (status != UNIC_OK)
            break;
        if (type == UNIC__NPY_F32)
            unic__npy_to_f32((float *)out + done, raw, info, part);
        else
            status = unic__npy_to_i32((int32_t *)out + done, raw, info, part, first + done);
    }
    unic__free(raw);
    return status;
}

static unic_status read_all(const unic__npy_file *f, unic__npy_type type, void *out)
{
    size_t count = unic__shape_count(&f->info.shape), bytes;
    if (unic__npy_file_is_row_major(f))
        return read_elements(f, type, 0, count, out);
    if (!unic__mul_size(count, sizeof(float), &bytes))
        bytes = SIZE_MAX;
    void *fortran = unic__alloc(bytes);
    if (!fortran)
        return unic__no_memory(bytes, "transposing it");
    unic_status status = read_elements(f, type, 0, count, fortran);
    if (status == UNIC_OK)
        unic__npy_transpose(out, fortran, &f->info.shape, sizeof(float));
    unic__free(fortran);
    return status;
}

static unic_status in_file(const unic__npy_file *f, unic_status status)
{
    return status == UNIC_OK ? UNIC_OK : unic__fail_in(status, "%s", f->path);
}

unic_status unic__npy_file_read_f32(const unic__npy_file *f, size_t first, size_t n, float *out)
{
    return in_file(f, read_elements(f, UNIC__NPY_F32, first, n, out));
}

void unic__npy_file_expect(const unic__npy_file *f, size_t first, size_t n)
{
    const uint64_t size = f->info.item_size;
    unic__file_expect(&f->file, f->info.header_size + first * size, n * size);
}

unic_status unic__npy_file_all_f32(const unic__npy_file *f, float *out)
{
    return in_file(f, read_all(f, UNIC__NPY_F32, out));
}

unic_status unic__npy_file_all_i32(const unic__npy_file *f, int32_t *out)
{
    return in_file(f, read_all(f, UNIC__NPY_I32, out));
}
