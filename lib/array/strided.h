/* Elements that are not in row-major order: transposed, Fortran-order or sliced arrays. */
#ifndef UNIC_ARRAY_STRIDED_H
#define UNIC_ARRAY_STRIDED_H

#include "base/base.h"

/* Walks an array's elements in row-major order; start with all zero but shape and stride. */
typedef struct unic__strided {
    unic__shape shape;
    size_t stride[UNIC__MAX_RANK]; /* in elements */
    size_t index[UNIC__MAX_RANK];  /* of the next element */
    size_t at;                     /* its position: sum of index x stride */
} unic__strided;

/* Strides of row-major order for `shape`. */
void unic__strided_row_major(size_t stride[UNIC__MAX_RANK], const unic__shape *shape);
/* Whether the elements are in row-major order without gaps; the stride of a dim of size 1 does
 * not matter. */
bool unic__strided_is_row_major(const size_t stride[UNIC__MAX_RANK], const unic__shape *shape);

/* Copies the next `n` elements of `size` bytes; they must exist. */
void unic__strided_take(unic__strided *s, void *out, const void *from, size_t size, size_t n);

#endif
