/* A directory of .npy files, each an array with the file's name: an unpacked npz. */
#ifndef UNIC_ARRAY_NPY_FOLDER_H
#define UNIC_ARRAY_NPY_FOLDER_H

#include "array/npy_file.h"

typedef struct unic__npy_folder unic__npy_folder;

/* Lists the directory; a file whose elements are read stays open. */
unic_status unic__npy_folder_open(unic__npy_folder **out, const char *path);
void unic__npy_folder_close(unic__npy_folder *f);
const char *unic__npy_folder_path(const unic__npy_folder *f);

/* Arrays sorted by name; names do not include ".npy". */
size_t unic__npy_folder_count(const unic__npy_folder *f);
const char *unic__npy_folder_name(const unic__npy_folder *f, size_t i);
bool unic__npy_folder_has(const unic__npy_folder *f, const char *name);

/* The same as those of an npz (npz.h); used from one thread. */
unic_status unic__npy_folder_info(unic__npy_folder *f, const char *name, unic__npy_info *info);
unic_status unic__npy_folder_read_i32(unic__npy_folder *f, const char *name, int32_t *out,
                                      size_t count);
/* Opens an array whose rows will be read; until then none of them can be expected. */
unic_status unic__npy_folder_open_rows(unic__npy_folder *f, const char *name);
/* The rows of a Fortran-order file are read at the first call and held, up to 2^30 elements. */
unic_status unic__npy_folder_read_row_f32(unic__npy_folder *f, const char *name, size_t row,
                                          float *out, size_t row_count);
void unic__npy_folder_expect_row(const unic__npy_folder *f, const char *name, size_t row);

#endif
