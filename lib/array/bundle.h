/*
 * A named set of arrays, written as one npz with its members in order of their names, so that
 * equal contents give equal bytes; and reading arrays that must have a certain shape.
 */
#ifndef UNIC_ARRAY_BUNDLE_H
#define UNIC_ARRAY_BUNDLE_H

#include "array/npz.h"
#include "base/half.h"

typedef enum unic__member_type {
    UNIC__MEMBER_TEXT,
    UNIC__MEMBER_F32,
    UNIC__MEMBER_F16,  /* written from floats, as float16                      */
    UNIC__MEMBER_BF16, /* likewise, as the upper half of their bits, in uint16 */
    UNIC__MEMBER_I32,
    UNIC__MEMBER_I64,
} unic__member_type;

typedef struct unic__member {
    const char *name;
    unic__member_type type;
    unic__shape shape;
    const void *data;
} unic__member;

/* All zero is an empty bundle. Errors of adding are kept; writing reports the first. Names and
 * data of members are borrowed until then. */
typedef struct unic__bundle {
    unic__member *at;
    size_t n, capacity;
    unic_status status;
} unic__bundle;

void unic__bundle_text(unic__bundle *b, const char *name, const char *text);
void unic__bundle_f32(unic__bundle *b, const char *name, unic__shape shape, const float *data);
/* The same, written as numbers of `type`, which the floats are. */
void unic__bundle_numbers(unic__bundle *b, const char *name, unic__shape shape,
                          const float *data, unic__float_type type);
void unic__bundle_i32(unic__bundle *b, const char *name, unic__shape shape,
                      const int32_t *data);
void unic__bundle_i64(unic__bundle *b, const char *name, unic__shape shape,
                      const int64_t *data);

/* Writes it whole or not at all, and frees the bundle also on failure. UNIC_E_NUMERIC names a
 * member that is not finite, since unic__read_f32() would refuse it. */
unic_status unic__bundle_write(unic__bundle *b, unic__output to);
/* The same without the final rename: the caller commits or abandons `*file`, which is NULL
 * after a failure. With several files, all can be written before the first is renamed. */
unic_status unic__bundle_seal(unic__bundle *b, unic__output to, unic__writer **file);

/* Checks that the array exists with this shape; call it before allocating memory for it.
 * UNIC_E_FORMAT names file, member and both shapes. */
unic_status unic__expect_array(unic__npz *z, const char *name, unic__shape shape);

/* Reads one array after these checks; floats must be finite (else UNIC_E_FORMAT). */
unic_status unic__read_f32(unic__npz *z, const char *name, unic__shape shape, float *out);
/* The same for bf16 in uint16. */
unic_status unic__read_bf16(unic__npz *z, const char *name, unic__shape shape, float *out);
unic_status unic__read_i32(unic__npz *z, const char *name, unic__shape shape, int32_t *out);
unic_status unic__read_i64(unic__npz *z, const char *name, unic__shape shape, int64_t *out);

#endif
