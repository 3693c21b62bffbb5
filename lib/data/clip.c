#include "data/clip.h"

#include <string.h>

#include "file/folder.h"

static const char *const suffixes[] = {
    [UNIC__CLIP_ABSENT] = "", [UNIC__CLIP_NPY] = ".npy", [UNIC__CLIP_ZIP] = ".zip"};

unic__clip_format unic__clip_format_of(const char *name, size_t *stem)
{
    unic__clip_format format = UNIC__CLIP_ZIP;
    while (format > UNIC__CLIP_ABSENT && !(*stem = unic__stem_size(name, suffixes[format])))
        format--;
    return format;
}

const char *unic__clip_suffix(unic__clip_format format)
{
    return suffixes[format];
}

unic_status unic__clip_open(unic__clip *c, unic__clip_format format, const char *path)
{
    *c = (unic__clip){.format = UNIC__CLIP_ABSENT};
    if (format == UNIC__CLIP_ZIP) {
        UNIC__TRY(unic__pickled_array_open(&c->pickled, path));
        c->shape = unic__pickled_array_shape(c->pickled);
    } else {
        UNIC__TRY(unic__npy_file_open(&c->npy, path));
        c->shape = &c->npy.info.shape;
    }
    c->format = format;
    return UNIC_OK;
}

void unic__clip_close(unic__clip *c)
{
    if (c->format == UNIC__CLIP_NPY)
        unic__npy_file_close(&c->npy);
    unic__pickled_array_close(c->pickled);
    *c = (unic__clip){.format = UNIC__CLIP_ABSENT};
}

static unic_status read_all(const unic__clip *c, float *out, size_t count)
{
    return c->format == UNIC__CLIP_ZIP ? unic__pickled_array_read_f32(c->pickled, out, count)
                                       : unic__npy_file_all_f32(&c->npy, out);
}

unic_status unic__clip_read(const unic__clip *c, size_t steps, float *out)
{
    size_t count = unic__shape_count(c->shape), bytes = SIZE_MAX;
    if (steps == c->shape->dim[0])
        return read_all(c, out, count);
    size_t wanted = count / c->shape->dim[0] * steps;
    if (c->format == UNIC__CLIP_NPY && unic__npy_file_is_row_major(&c->npy))
        return unic__npy_file_read_f32(&c->npy, 0, wanted, out);
    float *whole = unic__mul_size(count, sizeof *whole, &bytes) ? unic__alloc(bytes) : NULL;
    if (!whole)
        return unic__no_memory(bytes, "a clip that is cut");
    unic_status status = read_all(c, whole, count);
    if (status == UNIC_OK)
        memcpy(out, whole, wanted * sizeof *out);
    unic__free(whole);
    return status;
}
