#include "array/npy.h"

#include <stdio.h>
#include <string.h>

#include "array/npy_dtype.h"
#include "base/half.h"

bool unic__npy_is_native(const unic__npy_info *info, unic__npy_type type)
{
    return info->type == type && info->big_endian == UNIC__BIG_ENDIAN;
}

/* ---- the elements ------------------------------------------------------------------------ */

UNIC__SIMD static void swap_bytes(void *raw, size_t item_size, size_t n)
{
    uint16_t *two = raw;
    uint32_t *four = raw;
    uint64_t *eight = raw;
    for (size_t i = 0; i < n && item_size == 2; i++)
        two[i] = __builtin_bswap16(two[i]);
    for (size_t i = 0; i < n && item_size == 4; i++)
        four[i] = __builtin_bswap32(four[i]);
    for (size_t i = 0; i < n && item_size == 8; i++)
        eight[i] = __builtin_bswap64(eight[i]);
}

#define CONVERT_FROM(enumerator, type, expression)                                             \
    case enumerator: {                                                                         \
        const type *x = raw;                                                                   \
        for (size_t i = 0; i < n; i++)                                                         \
            out[i] = (expression);                                                             \
    } break;

#define CONVERT_FROM_ALL(target)                                                               \
    CONVERT_FROM(UNIC__NPY_F16, uint16_t, (target)unic__from_f16(x[i]))                        \
    CONVERT_FROM(UNIC__NPY_F32, float, (target)x[i])                                           \
    CONVERT_FROM(UNIC__NPY_F64, double, (target)x[i])                                          \
    CONVERT_FROM(UNIC__NPY_I8, int8_t, (target)x[i])                                           \
    CONVERT_FROM(UNIC__NPY_I16, int16_t, (target)x[i])                                         \
    CONVERT_FROM(UNIC__NPY_I32, int32_t, (target)x[i])                                         \
    CONVERT_FROM(UNIC__NPY_I64, int64_t, (target)x[i])                                         \
    CONVERT_FROM(UNIC__NPY_U8, uint8_t, (target)x[i])                                          \
    CONVERT_FROM(UNIC__NPY_U16, uint16_t, (target)x[i])                                        \
    CONVERT_FROM(UNIC__NPY_U32, uint32_t, (target)x[i])                                        \
    CONVERT_FROM(UNIC__NPY_U64, uint64_t, (target)x[i])                                        \
    CONVERT_FROM(UNIC__NPY_BOOL, uint8_t, x[i] ? (target)1 : (target)0)

UNIC__SIMD static void to_f32(float *restrict out, const void *restrict raw,
                              unic__npy_type type, size_t n)
{
    switch (type) {
        CONVERT_FROM_ALL(float)
    }
}

UNIC__SIMD static void to_f64(double *restrict out, const void *restrict raw,
                              unic__npy_type type, size_t n)
{
    switch (type) {
        CONVERT_FROM_ALL(double)
    }
}

static void to_host_order(void *raw, const unic__npy_info *info, size_t n)
{
    if (info->big_endian != UNIC__BIG_ENDIAN)
        swap_bytes(raw, info->item_size, n);
}

void unic__npy_to_f32(float *out, void *raw, const unic__npy_info *info, size_t n)
{
    to_host_order(raw, info, n);
    to_f32(out, raw, info->type, n);
}

void unic__npy_to_f64(double *out, void *raw, const unic__npy_info *info, size_t n)
{
    to_host_order(raw, info, n);
    to_f64(out, raw, info->type, n);
}

/* Where an element of the file stands in its array: "[11,3]", whichever order the file has, or its
 * number alone where there are no two dims. */
static const char *place_of(size_t element, const unic__npy_info *info, char *text)
{
    unic__shape place = info->shape;
    if (place.rank < 2) {
        snprintf(text, UNIC__SHAPE_TEXT, "%zu", element);
        return text;
    }
    for (size_t i = 0; i < place.rank; i++) {
        const size_t d = info->fortran ? i : place.rank - 1 - i; /* the one that runs fastest */
        const size_t dim = place.dim[d];
        place.dim[d] = element % dim;
        element /= dim;
    }
    return unic__shape_print(&place, text);
}

static unic_status whole(int64_t *out, double x, const unic__npy_info *info, size_t element)
{
    char place[UNIC__SHAPE_TEXT];
    if (!(x >= -0x1p63 && x < 0x1p63) || (double)(int64_t)x != x)
        return unic__fail(UNIC_E_VALUE, "element %s is %.17g, a whole number expected",
                          place_of(element, info, place), x);
    *out = (int64_t)x;
    return UNIC_OK;
}

static unic_status to_i64(int64_t *out, const void *raw, const unic__npy_info *info, size_t n,
                          size_t first)
{
    char place[UNIC__SHAPE_TEXT];
    switch (info->type) {
        CONVERT_FROM(UNIC__NPY_I8, int8_t, x[i])
        CONVERT_FROM(UNIC__NPY_I16, int16_t, x[i])
        CONVERT_FROM(UNIC__NPY_I32, int32_t, x[i])
        CONVERT_FROM(UNIC__NPY_I64, int64_t, x[i])
        CONVERT_FROM(UNIC__NPY_U8, uint8_t, x[i])
        CONVERT_FROM(UNIC__NPY_U16, uint16_t, x[i])
        CONVERT_FROM(UNIC__NPY_U32, uint32_t, x[i])
        CONVERT_FROM(UNIC__NPY_BOOL, uint8_t, x[i] != 0)
    case UNIC__NPY_U64: {
        const uint64_t *x = raw;
        for (size_t i = 0; i < n; i++) {
            if (x[i] > INT64_MAX)
                return unic__fail(UNIC_E_VALUE, "element %s is %llu, beyond int64",
                                  place_of(first + i, info, place), (unsigned long long)x[i]);
            out[i] = (int64_t)x[i];
        }
    } break;
    case UNIC__NPY_F16:
        for (size_t i = 0; i < n; i++)
            UNIC__TRY(whole(out + i, (double)unic__from_f16(((const uint16_t *)raw)[i]), info,
                            first + i));
        break;
    case UNIC__NPY_F32:
        for (size_t i = 0; i < n; i++)
            UNIC__TRY(whole(out + i, (double)((const float *)raw)[i], info, first + i));
        break;
    case UNIC__NPY_F64:
        for (size_t i = 0; i < n; i++)
            UNIC__TRY(whole(out + i, ((const double *)raw)[i], info, first + i));
        break;
    }
    return UNIC_OK;
}

unic_status unic__npy_to_i64(int64_t *out, void *raw, const unic__npy_info *info, size_t n,
                             size_t first)
{
    to_host_order(raw, info, n);
    return to_i64(out, raw, info, n, first);
}

unic_status unic__npy_to_i32(int32_t *out, void *raw, const unic__npy_info *info, size_t n,
                             size_t first)
{
    enum { PART = 256 };
    int64_t wide[PART];
    char place[UNIC__SHAPE_TEXT];
    to_host_order(raw, info, n);
    for (size_t start = 0; start < n; start += PART) {
        size_t part = n - start < PART ? n - start : PART;
        const unsigned char *from = (unsigned char *)raw + start * info->item_size;
        UNIC__TRY(to_i64(wide, from, info, part, first + start));
        for (size_t i = 0; i < part; i++) {
            if (wide[i] < INT32_MIN || wide[i] > INT32_MAX)
                return unic__fail(UNIC_E_VALUE, "element %s is %lld, beyond int32",
                                  place_of(first + start + i, info, place), (long long)wide[i]);
            out[start + i] = (int32_t)wide[i];
        }
    }
    return UNIC_OK;
}

void unic__npy_transpose(void *out, const void *fortran, const unic__shape *shape, size_t size)
{
    size_t count = unic__shape_count(shape), index[UNIC__MAX_RANK] = {0};
    size_t stride[UNIC__MAX_RANK] = {0};
    for (size_t axis = 0, step = size; axis < shape->rank; axis++) {
        stride[axis] = step;
        step *= shape->dim[axis];
    }
    const unsigned char *from = fortran;
    unsigned char *to = out;
    for (size_t i = 0; i < count; i++, to += size) {
        memcpy(to, from, size);
        for (size_t axis = shape->rank;
             axis-- > 0;) { /* to the next index, last axis fastest */
            from += stride[axis];
            if (++index[axis] < shape->dim[axis])
                break;
            from -= stride[axis] * shape->dim[axis];
            index[axis] = 0;
        }
    }
}
