/* One array in a file of its own, as numpy.save() writes it. Nothing in it is trusted before it
 * is checked; the format has no checksum. Messages name the file. */
#ifndef UNIC_ARRAY_NPY_FILE_H
#define UNIC_ARRAY_NPY_FILE_H

#include "array/npy.h"
#include "file/file.h"

typedef struct unic__npy_file {
    unic__file file;
    const char *path; /* borrowed while the file is open */
    unic__npy_info info;
} unic__npy_file;

/* Reads the header; the elements must be the rest of the file. */
unic_status unic__npy_file_open(unic__npy_file *f, const char *path);
void unic__npy_file_close(unic__npy_file *f);

/* True if the elements stand in row-major order: a range of them can be read. */
bool unic__npy_file_is_row_major(const unic__npy_file *f);

/* `n` elements from `first` on, in the file's order. */
unic_status unic__npy_file_read_f32(const unic__npy_file *f, size_t first, size_t n,
                                    float *out);

/* Says that these elements, which the file has, will soon be read so. */
void unic__npy_file_expect(const unic__npy_file *f, size_t first, size_t n);

/* All elements in row-major order, also of a Fortran-order file; integers are checked as by
 * unic__npz_read_i32(). */
unic_status unic__npy_file_all_f32(const unic__npy_file *f, float *out);
unic_status unic__npy_file_all_i32(const unic__npy_file *f, int32_t *out);

#endif
