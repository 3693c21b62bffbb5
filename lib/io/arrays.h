/* Arrays under names, wherever they stand: the members of an npz, or the .npy files of a
 * directory. The functions are those of npz.h; used from one thread. */
#ifndef UNIC_IO_ARRAYS_H
#define UNIC_IO_ARRAYS_H

#include "io/npy_folder.h"
#include "io/npz.h"

typedef struct unic__arrays {
    unic__npz *npz; /* one of the two, or none before it was opened */
    unic__npy_folder *folder;
} unic__arrays;

unic_status unic__arrays_open(unic__arrays *a, const char *path); /* a file or a directory */
void unic__arrays_close(unic__arrays *a);
const char *unic__arrays_path(const unic__arrays *a);

size_t unic__arrays_count(const unic__arrays *a);
const char *unic__arrays_name(const unic__arrays *a, size_t i);
bool unic__arrays_has(const unic__arrays *a, const char *name);

unic_status unic__arrays_info(const unic__arrays *a, const char *name, unic__npy_info *info);
unic_status unic__arrays_read_i32(const unic__arrays *a, const char *name, int32_t *out,
                                  size_t count);
unic_status unic__arrays_read_row_f32(const unic__arrays *a, const char *name, size_t row,
                                      float *out, size_t row_count);

#endif
