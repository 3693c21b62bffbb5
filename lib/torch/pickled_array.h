/*
 * A numpy array in a pickle, and a feature file of the CMG code: a zip file with one such
 * pickle in it, or one .npy file. Any pickle protocol, Python 2's too, numpy 1's and 2's names,
 * row-major, Fortran or permuted order, either byte order; floats, integers and bool. Objects,
 * structures, dates are refused.
 */
#ifndef UNIC_TORCH_PICKLED_ARRAY_H
#define UNIC_TORCH_PICKLED_ARRAY_H

#include "array/npy.h"
#include "torch/pickle.h"

typedef struct unic__pickled_array unic__pickled_array;

/* Reads the file whole: its elements stay in memory, as they stand in the pickle. */
unic_status unic__pickled_array_open(unic__pickled_array **out, const char *path);
void unic__pickled_array_close(unic__pickled_array *a); /* NULL is fine */

const unic__shape *unic__pickled_array_shape(const unic__pickled_array *a);
unic__npy_type unic__pickled_array_type(const unic__pickled_array *a);

/* All elements in row-major order, converted; `count` must be their number. */
unic_status unic__pickled_array_read_f32(const unic__pickled_array *a, float *out,
                                         size_t count);
unic_status unic__pickled_array_read_f64(const unic__pickled_array *a, double *out,
                                         size_t count);

/*
 * A numpy scalar (a UNIC__NAME_SCALAR call) as UNIC__NPY_F64 or UNIC__NPY_I64, which must be a
 * whole number. Messages name neither file nor path.
 */
unic_status unic__pickled_scalar(const unic__value *call, unic__npy_type type, void *out);

#endif
