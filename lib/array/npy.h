/*
 * The .npy format: a header that is a Python dict, then the elements. And the conversion of its
 * element types to the four that this library computes with.
 */
#ifndef UNIC_ARRAY_NPY_H
#define UNIC_ARRAY_NPY_H

#include "base/base.h"

typedef enum unic__npy_type {
    UNIC__NPY_F16,
    UNIC__NPY_F32,
    UNIC__NPY_F64,
    UNIC__NPY_I8,
    UNIC__NPY_I16,
    UNIC__NPY_I32,
    UNIC__NPY_I64,
    UNIC__NPY_U8,
    UNIC__NPY_U16,
    UNIC__NPY_U32,
    UNIC__NPY_U64,
    UNIC__NPY_BOOL
} unic__npy_type;

enum { UNIC__NPY_DESCR = 40 }; /* a type's name in a header and its NUL */

/* The contents of an array's header. */
typedef struct unic__npy_info {
    unic__npy_type type;
    bool foreign; /* a numpy type without a counterpart here; type and item_size are not set */
    char descr[UNIC__NPY_DESCR]; /* as the header has it; "" if it is a structure */
    bool big_endian, fortran;
    unic__shape shape; /* rank 0..UNIC__MAX_RANK; the count is checked not to overflow */
    size_t item_size;
    size_t header_size; /* bytes before the data */
} unic__npy_info;

enum {
    UNIC__NPY_PREFIX = 12, /* bytes of a file that give its header's size */
    UNIC__NPY_HEADER_LARGEST = 1 << 16,
    UNIC__NPY_HEADER_WRITTEN = 256 /* the largest header that is written here */
};

const char *unic__npy_type_name(unic__npy_type type); /* "float32" */
size_t unic__npy_type_size(unic__npy_type type);

/* Their messages name neither file nor member: the caller puts these in front. A valid header
 * whose type is foreign fails too, with *info filled in. */
unic_status unic__npy_header_size(const unsigned char prefix[UNIC__NPY_PREFIX], size_t *size);
unic_status unic__npy_parse(unic__npy_info *info, const unsigned char *header, size_t size);

/* Returns the header's size, a multiple of 64. For row-major arrays in this machine's byte
 * order. */
size_t unic__npy_write_header(unsigned char header[UNIC__NPY_HEADER_WRITTEN],
                              unic__npy_type type, const unic__shape *shape);

/*
 * Converts `n` elements of info's type at `raw`, which must be aligned for it; their bytes are
 * swapped in place where needed. Float targets round, and values beyond float32's range become
 * infinite. Integer targets need whole numbers in range: UNIC_E_VALUE names the element by
 * its place in info's shape; `first` is the number that the first one has in the file.
 */
void unic__npy_to_f32(float *out, void *raw, const unic__npy_info *info, size_t n);
void unic__npy_to_f64(double *out, void *raw, const unic__npy_info *info, size_t n);
unic_status unic__npy_to_i32(int32_t *out, void *raw, const unic__npy_info *info, size_t n,
                             size_t first);
unic_status unic__npy_to_i64(int64_t *out, void *raw, const unic__npy_info *info, size_t n,
                             size_t first);

/* The elements of a Fortran-order array of `size` bytes each, in row-major order. */
void unic__npy_transpose(void *out, const void *fortran, const unic__shape *shape, size_t size);

/* True if the elements are stored as `type` in this machine's byte order. */
bool unic__npy_is_native(const unic__npy_info *info, unic__npy_type type);

#endif
