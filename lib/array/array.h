/*
 * Arrays from outside: checked once where a call begins, then read as they say.
 */
#ifndef UNIC_ARRAY_ARRAY_H
#define UNIC_ARRAY_ARRAY_H

#include "base/base.h"
#include "unicode/unic_array.h"

/*
 * Whether `a` describes memory that can be read: struct_size, dtype, rank, dims >= 0, a number
 * of bytes that fits, data. Says nothing about which dtypes and dims the call wants. Messages
 * read "<call>: <what> ...". UNIC_E_ARG; UNIC_E_SHAPE for rank and dims.
 */
unic_status unic__array_check(const unic_array *a, const char *call, const char *what);

/* ---- of a checked array ---- */

unic__shape unic__array_shape(const unic_array *a);
/* Writes the strides of row-major order where there are none. */
void unic__array_set_strides(unic_array *a);
size_t unic__array_count(const unic_array *a); /* of its elements; 1 for rank 0 */

/* ---- reading a checked array (array/array_read.c) ---- */

/* The `count` entries of a dim from `first` on, which exist. */
unic_array unic__array_part(const unic_array *a, size_t dim, size_t first, size_t count);

/* All elements, if they are float32 and stand in memory as they are read: row-major, without
 * gaps, aligned. NULL if not. */
const float *unic__array_in_place(const unic_array *a);

/* All elements in row-major order, as runs that stand in memory one behind the other; aligned,
 * if they are of more than one element. */
typedef struct unic__array_walk {
    unic_array view; /* with strides */
    int32_t outer;   /* dims that are gone through; the others are a run */
    int64_t index[UNIC_MAX_RANK];
    const char *at;
    size_t length, left; /* elements: of a run, and of all that are to come */
} unic__array_walk;

void unic__array_walk_begin(unic__array_walk *r, const unic_array *a);
const void *unic__array_walk_next(unic__array_walk *r,
                                  size_t *count); /* NULL behind the last one */

/* Copies all elements of a float32 or float64 array in row-major order; UNIC_E_ARG of another
 * dtype. Float64 beyond float32's range becomes Inf, which unic__all_finite() finds. */
unic_status unic__array_to_f32(const unic_array *a, float *out);
/* The same of `rows` entries of the first dim, from `first` on; they exist. */
unic_status unic__array_rows_to_f32(const unic_array *a, size_t first, size_t rows, float *out);

size_t unic__dtype_size(int32_t dtype); /* of a checked one: bytes of an element */

/* "float32", or "dtype 7" into `text` of UNIC__DTYPE_TEXT bytes; returns what to print. */
enum { UNIC__DTYPE_TEXT = 24 };
const char *unic__dtype_print(int32_t dtype, char *text);

/* ---- values ---- */

bool unic__all_finite(const float *x, size_t n); /* no NaN, no Inf */

#endif
