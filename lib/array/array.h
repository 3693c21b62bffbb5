/*
 * Arrays from the caller: checked once at the start of a call, then read as described.
 */
#ifndef UNIC_ARRAY_ARRAY_H
#define UNIC_ARRAY_ARRAY_H

#include "base/base.h"
#include "unicode/unic_array.h"

/*
 * Whether `a` describes memory that can be read: struct_size, dtype, rank, dims >= 0, a number
 * of bytes that fits, data. Does not check which dtypes and dims the call accepts. Messages
 * read "<call>: <what> ...". UNIC_E_ARG; UNIC_E_SHAPE for rank and dims.
 */
unic_status unic__array_check(const unic_array *a, const char *call, const char *what);

/* The same of an array of real numbers, the dtypes that unic__array_to_f32() knows. */
unic_status unic__array_check_real(const unic_array *a, const char *call, const char *what);

/* ---- properties of a checked array ---- */

unic__shape unic__array_shape(const unic_array *a);
/* Fills in row-major strides if the array has none. */
void unic__array_set_strides(unic_array *a);
size_t unic__array_count(const unic_array *a); /* number of elements; 1 for rank 0 */

/* ---- reading a checked array (array/array_read.c) ---- */

/* The `count` entries of a dim from `first` on; the caller guarantees that they exist. */
unic_array unic__array_part(const unic_array *a, size_t dim, size_t first, size_t count);

/* The elements themselves, if they are float32, row-major, without gaps, and aligned; NULL if
 * not. */
const float *unic__array_in_place(const unic_array *a);

/* Walks all elements in row-major order, as runs of elements that are contiguous in memory. A
 * run of more than one element is aligned. */
typedef struct unic__array_walk {
    unic_array view; /* with strides */
    int32_t outer;   /* leading dims to iterate over; the others form a run */
    int64_t index[UNIC_MAX_RANK];
    const char *at;
    size_t length, left; /* elements of a run, and elements not yet walked */
} unic__array_walk;

void unic__array_walk_begin(unic__array_walk *r, const unic_array *a);
const void *unic__array_walk_next(unic__array_walk *r,
                                  size_t *count); /* NULL after the last run */

/* Copies all elements of an array of real numbers in row-major order, as float32: exactly, but
 * for float64. That rounds, and what is beyond float32's range becomes Inf, which
 * unic__all_finite() finds. */
void unic__array_to_f32(const unic_array *a, float *out);
/* The same for `rows` existing entries of the first dim, from `first` on. */
void unic__array_rows_to_f32(const unic_array *a, size_t first, size_t rows, float *out);

size_t unic__dtype_size(int32_t dtype); /* bytes per element of a checked dtype */

/* "float32", or "dtype 7" for an unknown one, into `text` of UNIC__DTYPE_TEXT bytes; returns
 * what to print. */
enum { UNIC__DTYPE_TEXT = 24 };
const char *unic__dtype_print(int32_t dtype, char *text);

/* ---- values ---- */

bool unic__all_finite(const float *x, size_t n); /* no NaN, no Inf */

size_t unic__first_not_finite(const float *x, size_t n); /* its place; n if there is none */

/* " holds NaN or Inf in step 4, dim 17" of a clip's features from step `first` on, steps of
 * `dims`, or "... in step 4 at [2,0,17]" where a step has several dims; into `text`, which is
 * returned. "" if all are finite. */
enum { UNIC__PLACE_TEXT = UNIC__SHAPE_TEXT + 64 };
const char *unic__not_finite_step(const float *x, size_t first, size_t steps,
                                  const unic__shape *dims, char text[UNIC__PLACE_TEXT]);

#endif
