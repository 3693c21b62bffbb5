/* Arrays by name: the members of an npz, or the .npy files of a directory. The functions are
 * those of npz.h; used from one thread. */
#ifndef UNIC_ARRAY_NAMED_ARRAYS_H
#define UNIC_ARRAY_NAMED_ARRAYS_H

#include "array/npy_folder.h"
#include "array/npz.h"

typedef struct unic__named_arrays {
    unic__npz *npz; /* one of the two, or none before it was opened */
    unic__npy_folder *folder;
} unic__named_arrays;

unic_status unic__named_arrays_open_npz(unic__named_arrays *a, unic__source *source);
unic_status unic__named_arrays_open_folder(unic__named_arrays *a, const char *path);
void unic__named_arrays_close(unic__named_arrays *a);
const char *unic__named_arrays_path(const unic__named_arrays *a);

size_t unic__named_arrays_count(const unic__named_arrays *a);
const char *unic__named_arrays_name(const unic__named_arrays *a, size_t i);
/* Whether number i is an array at all: an npz may have other members beside them. */
bool unic__named_arrays_is_array(const unic__named_arrays *a, size_t i);
unic_status unic__named_arrays_is_other_array(const unic__named_arrays *a, size_t i, bool *yes);
bool unic__named_arrays_has(const unic__named_arrays *a, const char *name);

unic_status unic__named_arrays_info(const unic__named_arrays *a, const char *name,
                                    unic__npy_info *info);
unic_status unic__named_arrays_read_i32(const unic__named_arrays *a, const char *name,
                                        int32_t *out, size_t count);
unic_status unic__named_arrays_open_rows(const unic__named_arrays *a, const char *name);
unic_status unic__named_arrays_read_row_f32(const unic__named_arrays *a, const char *name,
                                            size_t row, float *out, size_t row_count);
void unic__named_arrays_expect_row(const unic__named_arrays *a, const char *name, size_t row);

#endif
