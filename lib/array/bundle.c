#include "array/bundle.h"

#include <stdlib.h>
#include <string.h>

#include "array/array.h"

static void add(unic__bundle *b, unic__member member)
{
    if (b->status != UNIC_OK)
        return;
    if (b->n == b->capacity) {
        size_t capacity = b->capacity ? 2 * b->capacity : 64;
        void *at = unic__realloc(b->at, b->n * sizeof *b->at, capacity * sizeof *b->at);
        if (!at) {
            b->status = unic__no_memory(capacity * sizeof *b->at, "a list of arrays");
            return;
        }
        b->at = at;
        b->capacity = capacity;
    }
    b->at[b->n++] = member;
}

void unic__bundle_text(unic__bundle *b, const char *name, const char *text)
{
    add(b, (unic__member){name, UNIC__MEMBER_TEXT, UNIC__SCALAR, text});
}

void unic__bundle_f32(unic__bundle *b, const char *name, unic__shape shape, const float *data)
{
    add(b, (unic__member){name, UNIC__MEMBER_F32, shape, data});
}

void unic__bundle_numbers(unic__bundle *b, const char *name, unic__shape shape,
                          const float *data, unic__float_type type)
{
    static const unic__member_type types[] = {[UNIC__FLOAT32] = UNIC__MEMBER_F32,
                                              [UNIC__FLOAT16] = UNIC__MEMBER_F16,
                                              [UNIC__BFLOAT16] = UNIC__MEMBER_BF16};
    add(b, (unic__member){name, types[type], shape, data});
}

void unic__bundle_i32(unic__bundle *b, const char *name, unic__shape shape, const int32_t *data)
{
    add(b, (unic__member){name, UNIC__MEMBER_I32, shape, data});
}

void unic__bundle_i64(unic__bundle *b, const char *name, unic__shape shape, const int64_t *data)
{
    add(b, (unic__member){name, UNIC__MEMBER_I64, shape, data});
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const unic__member *)a)->name, ((const unic__member *)b)->name);
}

static void make_f16(void *out, const void *from, size_t first, size_t n)
{
    unic__narrow(out, (const float *)from + first, n, UNIC__FLOAT16);
}

static void make_bf16(void *out, const void *from, size_t first, size_t n)
{
    unic__narrow(out, (const float *)from + first, n, UNIC__BFLOAT16);
}

static unic_status write_member(unic__npz_writer *w, const unic__member *m)
{
    switch (m->type) {
    case UNIC__MEMBER_TEXT:
        return unic__npz_add_text(w, m->name, m->data);
    case UNIC__MEMBER_F32:
        return unic__npz_add_f32(w, m->name, &m->shape, m->data);
    case UNIC__MEMBER_F16:
        return unic__npz_add_made(w, m->name, UNIC__NPY_F16, &m->shape, make_f16, m->data);
    case UNIC__MEMBER_BF16:
        return unic__npz_add_made(w, m->name, UNIC__NPY_U16, &m->shape, make_bf16, m->data);
    case UNIC__MEMBER_I32:
        return unic__npz_add_i32(w, m->name, &m->shape, m->data);
    case UNIC__MEMBER_I64:
        return unic__npz_add_i64(w, m->name, &m->shape, m->data);
    }
    return unic__fail(UNIC_E_ARG, "%s: a member of unknown type", m->name);
}

/* Reading refuses what is no number, so writing does too: else a file would be lost unseen. */
static unic_status check_finite(const unic__bundle *b, const char *path)
{
    for (size_t i = 0; i < b->n; i++)
        if ((b->at[i].type == UNIC__MEMBER_F32 || b->at[i].type == UNIC__MEMBER_F16 ||
             b->at[i].type == UNIC__MEMBER_BF16) &&
            !unic__all_finite(b->at[i].data, unic__shape_count(&b->at[i].shape)))
            return unic__fail(UNIC_E_NUMERIC, "%s: not written: %s holds NaN or Inf", path,
                              b->at[i].name);
    return UNIC_OK;
}

unic_status unic__bundle_seal(unic__bundle *b, unic__output to, unic__writer **file)
{
    *file = NULL;
    unic__npz_writer *w = NULL;
    unic_status status = b->status;
    if (status == UNIC_OK)
        status = check_finite(b, to.path);
    if (status == UNIC_OK) {
        qsort(b->at, b->n, sizeof *b->at, by_name);
        status = unic__npz_create(&w, to);
    }
    for (size_t i = 0; i < b->n && status == UNIC_OK; i++)
        status = write_member(w, &b->at[i]);
    if (status == UNIC_OK)
        status = unic__npz_seal(w, file);
    else
        unic__npz_abandon(w);
    unic__free(b->at);
    *b = (unic__bundle){0};
    return status;
}

unic_status unic__bundle_write(unic__bundle *b, unic__output to)
{
    unic__writer *file;
    UNIC__TRY(unic__bundle_seal(b, to, &file));
    return unic__writer_commit(file);
}

unic_status unic__expect_array(unic__npz *z, const char *name, unic__shape shape)
{
    unic__npy_info info;
    char got[UNIC__SHAPE_TEXT], want[UNIC__SHAPE_TEXT];
    unic_status status = unic__npz_info(z, name, &info);
    if (status != UNIC_OK) /* without it, it is no file of this kind */
        return status == UNIC_E_NOTFOUND ? UNIC_E_FORMAT : status;
    if (!unic__shape_equal(&info.shape, &shape))
        return unic__fail(UNIC_E_FORMAT, "%s: %s has shape %s, expected %s", unic__npz_path(z),
                          name, unic__shape_print(&info.shape, got),
                          unic__shape_print(&shape, want));
    return UNIC_OK;
}

static unic_status check_read(const unic__npz *z, const char *name, const float *x,
                              size_t count)
{
    if (!unic__all_finite(x, count))
        return unic__fail(UNIC_E_FORMAT, "%s: %s holds NaN or Inf", unic__npz_path(z), name);
    return UNIC_OK;
}

unic_status unic__read_f32(unic__npz *z, const char *name, unic__shape shape, float *out)
{
    size_t count = unic__shape_count(&shape);
    UNIC__TRY(unic__expect_array(z, name, shape));
    UNIC__TRY(unic__npz_read_f32(z, name, out, count));
    return check_read(z, name, out, count);
}

/* As whole numbers first, which have as many bytes as floats. */
unic_status unic__read_bf16(unic__npz *z, const char *name, unic__shape shape, float *out)
{
    size_t count = unic__shape_count(&shape);
    UNIC__TRY(unic__expect_array(z, name, shape));
    UNIC__TRY(unic__npz_read_i32(z, name, (void *)out, count));
    for (size_t i = 0; i < count; i++) {
        int32_t bits;
        memcpy(&bits, out + i, sizeof bits);
        out[i] = unic__from_bf16((uint16_t)bits);
    }
    return check_read(z, name, out, count);
}

unic_status unic__read_i32(unic__npz *z, const char *name, unic__shape shape, int32_t *out)
{
    UNIC__TRY(unic__expect_array(z, name, shape));
    return unic__npz_read_i32(z, name, out, unic__shape_count(&shape));
}

unic_status unic__read_i64(unic__npz *z, const char *name, unic__shape shape, int64_t *out)
{
    UNIC__TRY(unic__expect_array(z, name, shape));
    return unic__npz_read_i64(z, name, out, unic__shape_count(&shape));
}
