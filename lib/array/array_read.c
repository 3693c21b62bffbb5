/* Reads the elements of a caller's array with any strides. */
#include <string.h>

#include "array/array.h"
#include "base/half.h"

unic_array unic__array_part(const unic_array *a, size_t dim, size_t first, size_t count)
{
    unic_array part = *a;
    unic__array_set_strides(&part);
    part.data = (const char *)part.data + (int64_t)first * part.strides[dim];
    part.dims[dim] = (int64_t)count;
    return part;
}

/* How many of the last dims stand without gaps, as one run; 0 if already the last dim's entries
 * have others between them, or are not aligned. */
static int32_t run_dims(const unic_array *a, size_t size)
{
    int64_t step = (int64_t)size;
    int32_t dims = 0;
    if ((uintptr_t)a->data % size)
        return 0;
    for (int32_t i = a->rank; i-- > 0; dims++) {
        if (a->dims[i] > 1 && a->strides[i] != step)
            break;
        step *= a->dims[i];
    }
    for (int32_t i = 0; i < a->rank - dims; i++) /* every run begins aligned */
        if (a->dims[i] > 1 && a->strides[i] % (int64_t)size)
            return 0;
    return dims;
}

const float *unic__array_in_place(const unic_array *a)
{
    unic_array view = *a;
    if (a->dtype != UNIC_F32)
        return NULL;
    unic__array_set_strides(&view);
    return run_dims(&view, sizeof(float)) == a->rank ? a->data : NULL;
}

void unic__array_walk_begin(unic__array_walk *r, const unic_array *a)
{
    *r = (unic__array_walk){
        .view = *a, .at = a->data, .left = unic__array_count(a), .length = 1};
    unic__array_set_strides(&r->view);
    r->outer = a->rank - run_dims(&r->view, unic__dtype_size(a->dtype));
    for (int32_t i = r->outer; i < a->rank; i++)
        r->length *= (size_t)a->dims[i];
}

/* To the next run, in row-major order over the outer dims. */
static void go_on(unic__array_walk *r)
{
    const unic_array *a = &r->view;
    for (int32_t i = r->outer; i-- > 0;) {
        if (++r->index[i] < a->dims[i]) {
            r->at += a->strides[i];
            return;
        }
        r->at -= (a->dims[i] - 1) * a->strides[i];
        r->index[i] = 0;
    }
}

const void *unic__array_walk_next(unic__array_walk *r, size_t *count)
{
    const char *at = r->at;
    if (r->left == 0)
        return NULL;
    *count = r->length;
    r->left -= r->length;
    if (r->left)
        go_on(r);
    return at;
}

/* ---- as float32: the one place that converts --------------------------------------------- */

UNIC__SIMD static void narrow_f64(float *restrict out, const double *restrict x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (float)x[i];
}

UNIC__SIMD static void widen_i8(float *restrict out, const int8_t *restrict x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (float)x[i];
}

UNIC__SIMD static void widen_u8(float *restrict out, const uint8_t *restrict x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (float)x[i];
}

/* n elements that stand one behind the other, aligned. */
static void convert_run(float *out, const void *at, int32_t dtype, size_t n)
{
    switch (dtype) {
    case UNIC_F64:
        narrow_f64(out, at, n);
        break;
    case UNIC_F16:
        unic__widen(out, at, n, UNIC__FLOAT16);
        break;
    case UNIC_BF16:
        unic__widen(out, at, n, UNIC__BFLOAT16);
        break;
    case UNIC_I8:
        widen_i8(out, at, n);
        break;
    case UNIC_U8:
        widen_u8(out, at, n);
        break;
    default:
        memcpy(out, at, n * sizeof *out);
    }
}

/* One element, which may not be aligned: without the loops' calls. */
static float convert_one(const char *at, int32_t dtype)
{
    union {
        float f32;
        double f64;
        uint16_t half;
    } x;
    switch (dtype) {
    case UNIC_F64:
        memcpy(&x.f64, at, sizeof x.f64);
        return (float)x.f64;
    case UNIC_F16:
        memcpy(&x.half, at, sizeof x.half);
        return unic__from_f16(x.half);
    case UNIC_BF16:
        memcpy(&x.half, at, sizeof x.half);
        return unic__from_bf16(x.half);
    case UNIC_I8:
        return (float)*(const int8_t *)at;
    case UNIC_U8:
        return (float)*(const uint8_t *)at;
    default:
        memcpy(&x.f32, at, sizeof x.f32);
        return x.f32;
    }
}

void unic__array_to_f32(const unic_array *a, float *out)
{
    unic__array_walk runs;
    size_t n;
    unic__array_walk_begin(&runs, a);
    for (const void *at; (at = unic__array_walk_next(&runs, &n)); out += n)
        if (n == 1)
            *out = convert_one(at, a->dtype);
        else
            convert_run(out, at, a->dtype, n);
}

void unic__array_rows_to_f32(const unic_array *a, size_t first, size_t rows, float *out)
{
    const unic_array part = unic__array_part(a, 0, first, rows);
    unic__array_to_f32(&part, out);
}
