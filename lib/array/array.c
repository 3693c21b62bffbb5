#include "array/array.h"

#include <stdio.h>
#include <string.h>

#include "base/structs.h"

_Static_assert((int)UNIC__MAX_RANK == UNIC_MAX_RANK, "every array from outside has a shape");

static const struct {
    const char *name;
    size_t size, align;
    bool real; /* unic__array_to_f32() knows it */
} dtypes[] = {
    [UNIC_F32] = {"float32", sizeof(float), _Alignof(float), true},
    [UNIC_F64] = {"float64", sizeof(double), _Alignof(double), true},
    [UNIC_I32] = {"int32", sizeof(int32_t), _Alignof(int32_t), false},
    [UNIC_I64] = {"int64", sizeof(int64_t), _Alignof(int64_t), false},
    [UNIC_U64] = {"uint64", sizeof(uint64_t), _Alignof(uint64_t), false},
    [UNIC_F16] = {"float16", sizeof(uint16_t), _Alignof(uint16_t), true},
    [UNIC_BF16] = {"bfloat16", sizeof(uint16_t), _Alignof(uint16_t), true},
    [UNIC_I8] = {"int8", sizeof(int8_t), _Alignof(int8_t), true},
    [UNIC_U8] = {"uint8", sizeof(uint8_t), _Alignof(uint8_t), true},
};

enum { LAST = sizeof dtypes / sizeof dtypes[0] - 1 };

static bool is_dtype(int32_t dtype)
{
    return dtype >= UNIC_F32 && dtype <= LAST;
}

size_t unic__dtype_size(int32_t dtype)
{
    return dtypes[dtype].size;
}

const char *unic__dtype_print(int32_t dtype, char *text)
{
    if (is_dtype(dtype))
        return dtypes[dtype].name;
    snprintf(text, UNIC__DTYPE_TEXT, "dtype %ld", (long)dtype);
    return text;
}

/* Dims of 0 count as 1 in the overflow check: products of the others are formed too. */
static unic_status check_dims(const unic_array *a, const char *call, const char *what)
{
    size_t bytes = dtypes[a->dtype].size;
    for (int32_t i = 0; i < a->rank; i++) {
        if (a->dims[i] < 0)
            return unic__fail(UNIC_E_SHAPE, "%s: %s has dims[%d] = %lld, 0 or more expected",
                              call, what, (int)i, (long long)a->dims[i]);
        size_t dim = a->dims[i] ? (size_t)a->dims[i] : 1;
        if ((uint64_t)a->dims[i] > SIZE_MAX || !unic__mul_size(bytes, dim, &bytes) ||
            bytes > PTRDIFF_MAX)
            return unic__fail(UNIC_E_SHAPE,
                              "%s: %s is larger than any memory (its first %d dims)", call,
                              what, (int)i + 1);
    }
    return UNIC_OK;
}

static bool has_strides(const unic_array *a)
{
    for (int32_t i = 0; i < a->rank; i++)
        if (a->strides[i])
            return true;
    return false;
}

/* The bytes between the first element and the one farthest from it, before it and behind it,
 * must be numbers that pointers know. */
static unic_status check_strides(const unic_array *a, const char *call, const char *what)
{
    size_t before = 0, behind = dtypes[a->dtype].size;
    for (int32_t i = 0; i < a->rank; i++) {
        size_t span, steps = a->dims[i] > 1 ? (size_t)a->dims[i] - 1 : 0;
        bool back = a->strides[i] < 0;
        uint64_t stride = back ? 0 - (uint64_t)a->strides[i] : (uint64_t)a->strides[i];
        size_t *sum = back ? &before : &behind;
        if ((steps && stride > SIZE_MAX) || !unic__mul_size(steps, (size_t)stride, &span) ||
            !unic__add_size(*sum, span, sum) || *sum > PTRDIFF_MAX)
            return unic__fail(UNIC_E_SHAPE,
                              "%s: %s has strides[%d] = %lld of %lld entries, which is larger "
                              "than any memory",
                              call, what, (int)i, (long long)a->strides[i],
                              (long long)a->dims[i]);
    }
    return UNIC_OK;
}

unic_status unic__array_check(const unic_array *a, const char *call, const char *what)
{
    if (!a)
        return unic__fail(UNIC_E_ARG, "%s: %s is NULL", call, what);
    UNIC__TRY(unic__struct_check(&unic__array_kind, a, call, what));
    if (!is_dtype(a->dtype))
        return unic__fail(UNIC_E_ARG, "%s: %s has dtype %ld, a unic_dtype (%d..%d) expected",
                          call, what, (long)a->dtype, UNIC_F32, LAST);
    if (a->rank < 0 || a->rank > UNIC_MAX_RANK)
        return unic__fail(UNIC_E_SHAPE, "%s: %s has rank %ld, 0..%d expected", call, what,
                          (long)a->rank, UNIC_MAX_RANK);
    UNIC__TRY(unic__struct_check_reserved(&unic__array_kind, a, call, what));
    UNIC__TRY(check_dims(a, call, what));
    UNIC__TRY(check_strides(a, call, what));
    if (!a->data && unic__array_count(a))
        return unic__fail(UNIC_E_ARG, "%s: %s has no data (data is NULL)", call, what);
    if (!has_strides(a) && (uintptr_t)a->data % dtypes[a->dtype].align)
        return unic__fail(UNIC_E_ARG, "%s: %s has data that are not aligned for %s", call, what,
                          dtypes[a->dtype].name);
    return UNIC_OK;
}

unic_status unic__array_check_real(const unic_array *a, const char *call, const char *what)
{
    UNIC__TRY(unic__array_check(a, call, what));
    if (!dtypes[a->dtype].real)
        return unic__fail(UNIC_E_ARG,
                          "%s: %s is of %s, expected real numbers: float32, float64, float16, "
                          "bfloat16, int8 or uint8",
                          call, what, dtypes[a->dtype].name);
    return UNIC_OK;
}

unic__shape unic__array_shape(const unic_array *a)
{
    unic__shape shape = {(size_t)a->rank, {0}};
    for (size_t i = 0; i < shape.rank; i++)
        shape.dim[i] = (size_t)a->dims[i];
    return shape;
}

void unic__array_set_strides(unic_array *a)
{
    int64_t step = (int64_t)dtypes[a->dtype].size;
    if (has_strides(a))
        return;
    for (int32_t i = a->rank; i-- > 0;) {
        a->strides[i] = step;
        step *= a->dims[i] ? a->dims[i] : 1;
    }
}

size_t unic__array_count(const unic_array *a)
{
    unic__shape shape = unic__array_shape(a);
    return unic__shape_count(&shape);
}

/* A float is finite if its bits without the sign are below those of Inf: an integer maximum,
 * which every vector unit has. */
UNIC__SIMD static uint32_t largest_magnitude(const float *x, size_t n)
{
    uint32_t largest = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        bits &= 0x7FFFFFFFU;
        largest = bits > largest ? bits : largest;
    }
    return largest;
}

bool unic__all_finite(const float *x, size_t n)
{
    return largest_magnitude(x, n) < 0x7F800000U;
}

size_t unic__first_not_finite(const float *x, size_t n)
{
    enum { BLOCK = 4096 };
    for (size_t from = 0; from < n; from += BLOCK) {
        size_t i = from, to = n - from < BLOCK ? n : from + BLOCK;
        if (unic__all_finite(x + from, to - from))
            continue;
        while (unic__all_finite(x + i, 1))
            i++;
        return i;
    }
    return n;
}

const char *unic__not_finite_step(const float *x, size_t first, size_t steps,
                                  const unic__shape *dims, char text[UNIC__PLACE_TEXT])
{
    const size_t each = unic__shape_count(dims), i = unic__first_not_finite(x, steps * each);
    unic__shape at = *dims; /* the element's indices */
    char place[UNIC__SHAPE_TEXT];
    text[0] = '\0';
    if (i == steps * each)
        return text;
    for (size_t d = at.rank, rest = i % each; d-- > 0; rest /= dims->dim[d])
        at.dim[d] = rest % dims->dim[d];
    if (at.rank == 1)
        snprintf(text, UNIC__PLACE_TEXT, " holds NaN or Inf in step %zu, dim %zu",
                 first + i / each, at.dim[0]);
    else
        snprintf(text, UNIC__PLACE_TEXT, " holds NaN or Inf in step %zu at %s",
                 first + i / each, unic__shape_print(&at, place));
    return text;
}
