/**
 * @file unic_npz.h
 * Writing an npz: named arrays in one file, which numpy.load() and unic_dataset_open() read.
 *
 * Members are stored without compression, with their elements aligned to 64 bytes and a
 * constant time stamp: equal arrays added in the same order give equal files.
 */
#ifndef UNICODE_UNIC_NPZ_H
#define UNICODE_UNIC_NPZ_H

#include "unic_array.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * An npz that is being written. Opaque; used by one thread at a time. After any call has
 * failed, unic_npz_writer_finish() fails too, so that an incomplete file is never taken for a
 * whole one.
 */
typedef struct unic_npz_writer unic_npz_writer;

/**
 * Begin an npz. It is written to a temporary file in the directory of `path`. Until
 * unic_npz_writer_finish() nothing appears under that name, and an older file is kept.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_NOTFOUND if the directory does not exist; UNIC_E_IO, also
 *         if `path` is something other than a regular file; UNIC_E_NOMEM. Since 0.1.
 */
UNIC_API unic_status unic_npz_writer_create(unic_npz_writer **out, const char *path);
/** Free the writer. Without unic_npz_writer_finish() before it, the temporary file is removed.
 * NULL is allowed. Since 0.1. */
UNIC_API void unic_npz_writer_free(unic_npz_writer *writer);

/**
 * Add an array to the file.
 * @param writer  not finished.
 * @param name    the array's name, UTF-8, unique in the file. numpy uses this name; the member
 *                of the archive is "<name>.npy". A '/' makes folders in the archive.
 * @param array   of any dtype but bfloat16, any rank and values; written before the call returns.
 * @return UNIC_OK; UNIC_E_ARG also for a name that is already used or not allowed in an
 *         archive; UNIC_E_SHAPE; UNIC_E_IO if the disk is full; UNIC_E_NOMEM; UNIC_E_STATE
 *         after unic_npz_writer_finish(). Since 0.1.
 */
UNIC_API unic_status unic_npz_writer_add(unic_npz_writer *writer, const char *name,
                                         const unic_array *array);

/**
 * Add a text, as a member whose name is exactly `name`. numpy returns it as bytes.
 * @return as unic_npz_writer_add(). Since 0.1.
 */
UNIC_API unic_status unic_npz_writer_add_text(unic_npz_writer *writer, const char *name,
                                              const char *text);

/**
 * Begin an array whose elements are appended in pieces by unic_npz_writer_append(), for arrays
 * that are too large for memory. Several arrays may be open and appended to in any order.
 * @param writer  not finished.
 * @param name    as for unic_npz_writer_add().
 * @param dtype   type of its elements, not UNIC_BF16.
 * @param rank    0..UNIC_MAX_RANK.
 * @param dims    [rank], dims of the whole array.
 * @return as unic_npz_writer_add(). Since 0.1.
 */
UNIC_API unic_status unic_npz_writer_begin(unic_npz_writer *writer, const char *name,
                                           unic_dtype dtype, int rank, const int64_t *dims);

/**
 * Append the next elements, in row-major order, to an array that was begun.
 * @param writer    not finished.
 * @param name      name of the array.
 * @param elements  of the array's dtype, of any rank; at most as many as are still missing.
 * @return UNIC_OK; UNIC_E_ARG for another dtype; UNIC_E_SHAPE for too many; UNIC_E_NOTFOUND if
 *         no array of this name was begun; else as unic_npz_writer_add(). Since 0.1.
 */
UNIC_API unic_status unic_npz_writer_append(unic_npz_writer *writer, const char *name,
                                            const unic_array *elements);

/**
 * Complete the file, synchronise it and rename it to its final name, replacing an older file.
 * Whatever the result, the writer accepts no more arrays and must still be freed.
 * @return UNIC_OK: the file is complete; UNIC_E_ARG if writer is NULL; UNIC_E_STATE if an array
 *         lacks elements, or after an earlier finish; the status of the first call that failed,
 *         if one did; UNIC_E_IO; UNIC_E_NOTFOUND if the directory is gone; UNIC_E_NOMEM. After
 *         a failure the old file, if any, is untouched. Since 0.1.
 */
UNIC_API unic_status unic_npz_writer_finish(unic_npz_writer *writer);

#ifdef __cplusplus
}
#endif
#endif
