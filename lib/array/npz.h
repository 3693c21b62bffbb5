/*
 * npz files: zip archives of .npy arrays, as numpy writes them. Files are
 * not trusted: everything is checked before it is used, and every error names the file, the
 * member and what was expected. Reading never maps the file. Whole arrays and texts may be read
 * by several threads at once; headers and rows, which are cached, only by one.
 */
#ifndef UNIC_ARRAY_NPZ_H
#define UNIC_ARRAY_NPZ_H

#include "array/npy.h"
#include "file/source.h"
#include "file/writer.h"

typedef struct unic__npz unic__npz;

/* Opens and checks the directory (see zip.h); members are read later. */
unic_status unic__npz_open(unic__npz **out, unic__source *source);
void unic__npz_close(unic__npz *z);
const char *unic__npz_path(const unic__npz *z); /* or the name of its source */
unic__source *unic__npz_source(const unic__npz *z);

/* Members in directory order, without ".npy"; those that are not arrays keep their names. */
size_t unic__npz_count(const unic__npz *z);
const char *unic__npz_name(const unic__npz *z, size_t i);
bool unic__npz_is_array(const unic__npz *z, size_t i);
/* Whether member i begins like an array, but has not its suffix. Fails for want of memory or files
 * alone. */
unic_status unic__npz_is_other_array(const unic__npz *z, size_t i, bool *yes);
bool unic__npz_has(const unic__npz *z, const char *name);

/* Parses the header of one array; UNIC_E_NOTFOUND names the nearest member. The CRC
 * covers the whole member, so only reading the array checks it. After a failure, info->foreign
 * is set for an array of text, objects or the like, or one that is encrypted or packed as no npz
 * is, and not for a damaged one. */
unic_status unic__npz_info(unic__npz *z, const char *name, unic__npy_info *info);

/* Reads all of one array, CRC-checked, converted from any real type; `count` must be its number
 * of elements. Fortran order is transposed to row-major. Integer targets take whole numbers
 * that fit, of any type (else UNIC_E_VALUE, with `out` partly written). */
unic_status unic__npz_read_f32(unic__npz *z, const char *name, float *out, size_t count);
unic_status unic__npz_read_f64(unic__npz *z, const char *name, double *out, size_t count);
unic_status unic__npz_read_i32(unic__npz *z, const char *name, int32_t *out, size_t count);
unic_status unic__npz_read_i64(unic__npz *z, const char *name, int64_t *out, size_t count);

/* A member that is not an array, as a NUL-terminated text (free with unic__free). */
unic_status unic__npz_read_text(unic__npz *z, const char *name, char **out);

/*
 * Rows of an array that is not held in memory: row r of axis 0 is read with pread from a stored
 * member. A deflated (or Fortran-order) member is read into memory once, at the first call, if
 * it has no more than 2^30 elements. The CRC of the whole member is checked at the first call.
 * Used from one thread.
 */
unic_status unic__npz_read_row_f32(unic__npz *z, const char *name, size_t row, float *out,
                                   size_t row_count);

/* Says that a row will soon be read so: many, told beforehand, are read from the disk at the same
 * time. Does nothing before the first row was read, or if there is no such row. */
void unic__npz_expect_row(const unic__npz *z, const char *name, size_t row);

/* ---- writing (npz_writer.c): to a temporary file, which finish renames, or to a sink ----- */

typedef struct unic__npz_writer unic__npz_writer;

/* Members are stored (not deflated), data 64-byte aligned, a fixed timestamp, in the order
 * added (the caller adds them sorted): equal contents give equal bytes. */
unic_status unic__npz_create(unic__npz_writer **out, unic__output to);
unic_status unic__npz_add_f32(unic__npz_writer *w, const char *name, const unic__shape *shape,
                              const float *data);
unic_status unic__npz_add_f64(unic__npz_writer *w, const char *name, const unic__shape *shape,
                              const double *data);
unic_status unic__npz_add_i32(unic__npz_writer *w, const char *name, const unic__shape *shape,
                              const int32_t *data);
unic_status unic__npz_add_i64(unic__npz_writer *w, const char *name, const unic__shape *shape,
                              const int64_t *data);
unic_status unic__npz_add_text(unic__npz_writer *w, const char *name, const char *text);
/* An array whose elements [first, first + n) `make` writes to `out`, for all of them in pieces, and
 * twice: once for the CRC. */
typedef void unic__npz_make_fn(void *out, const void *from, size_t first, size_t n);
unic_status unic__npz_add_made(unic__npz_writer *w, const char *name, unic__npy_type type,
                               const unic__shape *shape, unic__npz_make_fn *make,
                               const void *from);
/* Begins an array whose elements are appended later, in pieces; several may be open at once. Not
 * to a sink. */
unic_status unic__npz_begin(unic__npz_writer *w, const char *name, unic__npy_type type,
                            const unic__shape *shape, size_t *member);
/* The next bytes of its elements, in row-major order. */
unic_status unic__npz_append(unic__npz_writer *w, size_t member, const void *data,
                             size_t bytes);
/* Completes the file, renames it to its final name, and frees the writer also on failure. After
 * a failure, an old file of that name is unchanged and the temporary file is removed. */
unic_status unic__npz_finish(unic__npz_writer *w);
/* The same without the rename: the caller commits or abandons `*file`, NULL after a failure. */
unic_status unic__npz_seal(unic__npz_writer *w, unic__writer **file);
/* Gives up: removes the temporary file and frees the writer. NULL is fine. */
void unic__npz_abandon(unic__npz_writer *w);

#endif
