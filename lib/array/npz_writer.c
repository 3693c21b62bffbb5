#include <string.h>

#include "array/npz.h"
#include "file/zip.h"

struct unic__npz_writer {
    unic__zip_writer *zip;
};

enum { PART = 4096 /* bytes of an array that is made in pieces */ };

static const char suffix[] = ".npy";

unic_status unic__npz_create(unic__npz_writer **out, unic__output to)
{
    *out = NULL;
    unic__npz_writer *w = unic__alloc_zero(sizeof *w);
    if (!w)
        return unic__no_memory(sizeof *w, "an npz writer");
    unic_status status = unic__zip_create(&w->zip, to, false);
    if (status != UNIC_OK) {
        unic__free(w);
        return status;
    }
    *out = w;
    return UNIC_OK;
}

unic_status unic__npz_begin(unic__npz_writer *w, const char *name, unic__npy_type type,
                            const unic__shape *shape, size_t *member)
{
    unsigned char header[UNIC__NPY_HEADER_WRITTEN];
    size_t header_size = unic__npy_write_header(header, type, shape);
    uint64_t bytes = (uint64_t)unic__shape_count(shape) * unic__npy_type_size(type);
    UNIC__TRY(unic__zip_begin(w->zip, name, suffix, header_size + bytes, member));
    return unic__zip_append(w->zip, *member, header, header_size);
}

unic_status unic__npz_append(unic__npz_writer *w, size_t member, const void *data, size_t bytes)
{
    return unic__zip_append(w->zip, member, data, bytes);
}

static unic_status add_array(unic__npz_writer *w, const char *name, unic__npy_type type,
                             const unic__shape *shape, const void *data)
{
    unsigned char header[UNIC__NPY_HEADER_WRITTEN];
    const size_t header_size = unic__npy_write_header(header, type, shape);
    return unic__zip_add(w->zip, name, suffix, header, header_size, data,
                         unic__shape_count(shape) * unic__npy_type_size(type));
}

/* One pass over an array that is made in pieces: its CRC, or, with `member`, its bytes. */
static unic_status make_array(unic__npz_writer *w, const size_t *member, unic__npy_type type,
                              size_t count, unic__npz_make_fn *make, const void *from,
                              uint32_t *crc)
{
    uint64_t part[PART / sizeof(uint64_t)]; /* aligned for every type */
    const size_t size = unic__npy_type_size(type);
    for (size_t first = 0, n; first < count; first += n) {
        n = count - first < PART / size ? count - first : PART / size;
        make(part, from, first, n);
        if (member)
            UNIC__TRY(unic__zip_append(w->zip, *member, part, n * size));
        else if (crc)
            *crc = unic__zip_crc(*crc, part, n * size);
    }
    return UNIC_OK;
}

unic_status unic__npz_add_made(unic__npz_writer *w, const char *name, unic__npy_type type,
                               const unic__shape *shape, unic__npz_make_fn *make,
                               const void *from)
{
    unsigned char header[UNIC__NPY_HEADER_WRITTEN];
    const size_t header_size = unic__npy_write_header(header, type, shape);
    const size_t count = unic__shape_count(shape);
    const uint64_t bytes = header_size + (uint64_t)count * unic__npy_type_size(type);
    uint32_t crc = unic__zip_crc(0, header, header_size);
    size_t member;
    UNIC__TRY(make_array(w, NULL, type, count, make, from, &crc));
    UNIC__TRY(unic__zip_begin_known(w->zip, name, suffix, bytes, crc, &member));
    UNIC__TRY(unic__zip_append(w->zip, member, header, header_size));
    return make_array(w, &member, type, count, make, from, NULL);
}

unic_status unic__npz_add_f32(unic__npz_writer *w, const char *name, const unic__shape *shape,
                              const float *data)
{
    return add_array(w, name, UNIC__NPY_F32, shape, data);
}

unic_status unic__npz_add_f64(unic__npz_writer *w, const char *name, const unic__shape *shape,
                              const double *data)
{
    return add_array(w, name, UNIC__NPY_F64, shape, data);
}

unic_status unic__npz_add_i32(unic__npz_writer *w, const char *name, const unic__shape *shape,
                              const int32_t *data)
{
    return add_array(w, name, UNIC__NPY_I32, shape, data);
}

unic_status unic__npz_add_i64(unic__npz_writer *w, const char *name, const unic__shape *shape,
                              const int64_t *data)
{
    return add_array(w, name, UNIC__NPY_I64, shape, data);
}

unic_status unic__npz_add_text(unic__npz_writer *w, const char *name, const char *text)
{
    return unic__zip_add(w->zip, name, "", "", 0, text, strlen(text));
}

unic_status unic__npz_seal(unic__npz_writer *w, unic__writer **file)
{
    unic_status status = unic__zip_seal(w->zip, file);
    unic__free(w);
    return status;
}

unic_status unic__npz_finish(unic__npz_writer *w)
{
    unic__writer *file;
    UNIC__TRY(unic__npz_seal(w, &file));
    return unic__writer_commit(file);
}

void unic__npz_abandon(unic__npz_writer *w)
{
    if (!w)
        return;
    unic__zip_abandon(w->zip);
    unic__free(w);
}
