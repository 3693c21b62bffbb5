/* numpy's names of element types: "<f4", "=f4", "f", "float32" and others of the same. */
#ifndef UNIC_ARRAY_NPY_DTYPE_H
#define UNIC_ARRAY_NPY_DTYPE_H

#include "array/npy.h"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define UNIC__BIG_ENDIAN true
#else
#define UNIC__BIG_ENDIAN false
#endif

/* Fills type, size and order in, or, of a type that numpy has and that is no number here, the
 * field `foreign`; UNIC_E_FORMAT for what numpy would not know either. */
unic_status unic__npy_read_descr(unic__npy_info *info, const char *descr);
unic_status unic__npy_structured(unic__npy_info *info);

/* UNIC_E_FORMAT: says what a foreign type is. */
unic_status unic__npy_refuse(const unic__npy_info *info);

char unic__npy_type_kind(unic__npy_type type); /* 'f', 'i', 'u', 'b' */

#endif
