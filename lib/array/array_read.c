/* Reads the elements of a caller's array with any strides. */
#include <string.h>

#include "array/array.h"

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

UNIC__SIMD static void narrow(float *out, const double *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (float)x[i];
}

/* n elements that stand one behind the other, aligned; or one that may not be. */
static void copy_run(float *out, const char *at, bool wide, size_t n)
{
    double one;
    if (!wide) {
        memcpy(out, at, n * sizeof *out);
    } else if (n == 1) {
        memcpy(&one, at, sizeof one);
        *out = (float)one;
    } else {
        narrow(out, (const void *)at, n);
    }
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

unic_status unic__array_to_f32(const unic_array *a, float *out)
{
    char text[UNIC__DTYPE_TEXT];
    bool wide = a->dtype == UNIC_F64;
    if (!wide && a->dtype != UNIC_F32)
        return unic__fail(UNIC_E_ARG, "an array of %s where float32 or float64 was expected",
                          unic__dtype_print(a->dtype, text));
    unic__array_walk runs;
    size_t n;
    unic__array_walk_begin(&runs, a);
    for (const void *at; (at = unic__array_walk_next(&runs, &n)); out += n)
        copy_run(out, at, wide, n);
    return UNIC_OK;
}

unic_status unic__array_rows_to_f32(const unic_array *a, size_t first, size_t rows, float *out)
{
    const unic_array part = unic__array_part(a, 0, first, rows);
    return unic__array_to_f32(&part, out);
}
