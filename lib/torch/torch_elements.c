/* The elements of one tensor: in row-major order, converted. */
#include <string.h>

#include "array/strided.h"
#include "torch/torch_parts.h"

enum { BLOCK_SIZE = 1 << 16 };

static const unic__npy_type npy_types[] = {
    [UNIC__TORCH_F64] = UNIC__NPY_F64, [UNIC__TORCH_F32] = UNIC__NPY_F32,
    [UNIC__TORCH_F16] = UNIC__NPY_F16, [UNIC__TORCH_BF16] = UNIC__NPY_F32, /* once widened */
    [UNIC__TORCH_I64] = UNIC__NPY_I64, [UNIC__TORCH_I32] = UNIC__NPY_I32,
    [UNIC__TORCH_I16] = UNIC__NPY_I16, [UNIC__TORCH_I8] = UNIC__NPY_I8,
    [UNIC__TORCH_U8] = UNIC__NPY_U8,   [UNIC__TORCH_BOOL] = UNIC__NPY_BOOL,
};

/* The elements of a tensor in row-major order, as they stand in the file. */
typedef struct source {
    unic__torch_stream stream;
    void *span; /* NULL: they come from the stream in this order */
    unic__strided walk;
    size_t size; /* of an element */
} source;

static unic_status source_open(source *s, unic__torch_file *f, const unic__torch_tensor *t)
{
    size_t end = 0;
    memset(s, 0, sizeof *s);
    s->size = unic__torch_type_size(t->type);
    UNIC__TRY(unic__torch_stream_open(&s->stream, &f->container, t->storage));
    if (!unic__torch_tensor_end(t, &end) || !end)
        return UNIC_OK; /* no elements: its offset means nothing */
    UNIC__TRY(unic__torch_stream_skip(&s->stream, (uint64_t)t->offset * s->size));
    if (unic__strided_is_row_major(t->stride, &t->shape))
        return UNIC_OK;
    size_t bytes = (end - t->offset) * s->size; /* inside the storage: no overflow */
    s->span = unic__alloc(bytes);
    if (!s->span)
        return unic__no_memory(bytes, "a tensor's storage");
    s->walk.shape = t->shape;
    memcpy(s->walk.stride, t->stride, sizeof s->walk.stride);
    return unic__torch_stream_read(&s->stream, s->span, bytes);
}

static unic_status source_next(source *s, void *block, size_t n)
{
    if (!s->span)
        return unic__torch_stream_read(&s->stream, block, n * s->size);
    unic__strided_take(&s->walk, block, s->span, s->size, n);
    return UNIC_OK;
}

static void source_close(source *s)
{
    unic__torch_stream_close(&s->stream);
    unic__free(s->span);
}

/* bfloat16 is the upper half of a float32; in place, in this machine's order, from the end. */
static void widen(unsigned char *block, size_t n, bool big_endian)
{
    while (n-- > 0) {
        const unsigned char *half = block + 2 * n;
        uint32_t bits = (uint32_t)half[!big_endian] << 24 | (uint32_t)half[big_endian] << 16;
        memcpy(block + 4 * n, &bits, sizeof bits);
    }
}

/* Turns the signs of `n` floats, as they stand in the file. */
static void negate(unsigned char *block, size_t n, size_t size, bool big_endian)
{
    for (size_t i = 0; i < n; i++)
        block[i * size + (big_endian ? 0 : size - 1)] ^= 0x80;
}

static unic_status convert(const unic__torch_tensor *t, bool big_endian, unic__npy_type target,
                           void *out, void *block, size_t n, size_t first)
{
    unic__npy_info info = {.type = npy_types[t->type], .big_endian = big_endian};
    info.item_size = unic__npy_type_size(info.type);
    if (t->negated)
        negate(block, n, unic__torch_type_size(t->type), big_endian);
    if (t->type == UNIC__TORCH_BF16) {
        widen(block, n, big_endian);
        info.big_endian = !unic__npy_is_native(&(unic__npy_info){.type = info.type}, info.type);
    }
    if (target == UNIC__NPY_I64)
        return unic__npy_to_i64((int64_t *)out + first, block, &info, n, first);
    if (target == UNIC__NPY_F64)
        unic__npy_to_f64((double *)out + first, block, &info, n);
    else
        unic__npy_to_f32((float *)out + first, block, &info, n);
    return UNIC_OK;
}

static unic_status read_elements(unic__torch_file *f, const unic__torch_tensor *t,
                                 unic__npy_type target, void *out, size_t count)
{
    source s;
    void *block = unic__alloc(BLOCK_SIZE);
    if (!block)
        return unic__no_memory(BLOCK_SIZE, "converting a tensor");
    unic_status status = source_open(&s, f, t);
    for (size_t done = 0, n; done < count && status == UNIC_OK; done += n) {
        n = BLOCK_SIZE / 8; /* whatever the type: bfloat16 grows */
        if (n > count - done)
            n = count - done;
        status = source_next(&s, block, n);
        if (status == UNIC_OK) {
            status = convert(t, f->container.big_endian, target, out, block, n, done);
            if (status != UNIC_OK)
                unic__fail_in(status, "%s: %s", f->path, unic__torch_tensor_name(t));
        }
    }
    if (status == UNIC_OK)
        status = unic__torch_stream_finish(&s.stream);
    source_close(&s);
    unic__free(block);
    return status;
}

static unic_status read_as(unic__torch_file *f, const unic__torch_tensor *t,
                           unic__npy_type target, void *out, size_t count)
{
    char text[UNIC__TORCH_DIMS_TEXT];
    if (t->wrong)
        return unic__fail(UNIC_E_FORMAT, "%s: %s", f->path, t->wrong);
    if (unic__shape_count(&t->shape) != count)
        return unic__fail(UNIC_E_SHAPE, "%s: %s is %s, %zu elements expected", f->path,
                          unic__torch_tensor_name(t), unic__torch_tensor_text(t, text), count);
    return read_elements(f, t, target, out, count);
}

unic_status unic__torch_read_f32(unic__torch_file *f, const unic__torch_tensor *t, float *out,
                                 size_t count)
{
    return read_as(f, t, UNIC__NPY_F32, out, count);
}

unic_status unic__torch_read_f64(unic__torch_file *f, const unic__torch_tensor *t, double *out,
                                 size_t count)
{
    return read_as(f, t, UNIC__NPY_F64, out, count);
}

unic_status unic__torch_read_i64(unic__torch_file *f, const unic__torch_tensor *t, int64_t *out,
                                 size_t count)
{
    return read_as(f, t, UNIC__NPY_I64, out, count);
}
