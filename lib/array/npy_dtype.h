/* numpy's names of element types: "<f4", "=f4", "f" and "float32" all name the same type. */
#ifndef UNIC_ARRAY_NPY_DTYPE_H
#define UNIC_ARRAY_NPY_DTYPE_H

#include "array/npy.h"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define UNIC__BIG_ENDIAN true
#else
#define UNIC__BIG_ENDIAN false
#endif

/* Sets type, item_size and big_endian, or `foreign` for a numpy type that this library does not
 * read; UNIC_E_FORMAT for a name that numpy does not know either. */
unic_status unic__npy_read_descr(unic__npy_info *info, const char *descr);
unic_status unic__npy_structured(unic__npy_info *info);

/* Returns UNIC_E_FORMAT with a message that describes the foreign type. */
unic_status unic__npy_refuse(const unic__npy_info *info);

char unic__npy_type_kind(unic__npy_type type); /* 'f', 'i', 'u', 'b' */

#endif
