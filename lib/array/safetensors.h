/*
 * Files of safetensors: 8 bytes with the size of a header, the header, which is JSON, and the
 * tensors' elements behind it:
 *   {"__metadata__": {"key": "text"}, "name": {"dtype": "F32", "shape": [3,4], "data_offsets": [0,48]}}
 * Files are not trusted. As the format's own library does, the elements are required to fill the rest
 * of the file without gaps or overlaps. The elements are read tensor by tensor.
 */
#ifndef UNIC_ARRAY_SAFETENSORS_H
#define UNIC_ARRAY_SAFETENSORS_H

#include "array/weight_file.h"

/* The tensors of F64, F32, F16 and BF16; others are listed as ones that cannot be read. */
unic_status unic__safetensors_open(unic__weight_file **out, unic__source *source);

/* ---- the header (safetensors_header.c) ---- */

enum { UNIC__SAFETENSORS_DTYPE = 16 };

typedef struct unic__safetensor {
    const char *name; /* in the header's memory */
    char dtype[UNIC__SAFETENSORS_DTYPE];
    size_t rank; /* may be above UNIC__MAX_RANK: then the shape is not kept */
    unic__shape shape;
    bool overflows; /* no size_t has its number of elements */
    size_t count;   /* of its elements */
    uint64_t begin, end;
} unic__safetensor;

typedef unic_status unic__safetensor_fn(void *context, const unic__safetensor *t);

/* Calls `give` for each tensor of a header of `size` bytes, whose texts are decoded in place; a
 * NUL follows it. UNIC_E_FORMAT names the byte. */
unic_status unic__safetensors_parse(char *header, size_t size, unic__safetensor_fn *give,
                                    void *context);

#endif
