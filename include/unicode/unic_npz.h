/**
 * @file unic_npz.h
 * Writing an npz: named arrays in one file, which numpy.load() and unic_dataset_open() read.
 *
 * Members are stored, not compressed, their elements aligned to 64 bytes, without a time: equal
 * arrays added in the same order give equal files.
 */
#ifndef UNICODE_UNIC_NPZ_H
#define UNICODE_UNIC_NPZ_H

#include "unic_array.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * An npz that is being written. Opaque; one thread at a time. After a call that failed, whatever
 * it was, unic_npz_writer_finish() fails too: a file never lacks an array in silence.
 */
typedef struct unic_npz_writer unic_npz_writer;

/**
 * Begin an npz. It is written to a temporary file in the directory of `path`; nothing appears
 * under that name, and what stands there stays, until unic_npz_writer_finish().
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_NOTFOUND if the directory does not exist; UNIC_E_IO, also
 *         if `path` is something other than a regular file; UNIC_E_NOMEM. Since 0.1.
 */
UNIC_API unic_status unic_npz_writer_create(unic_npz_writer **out, const char *path);
/** Frees the writer; without unic_npz_writer_finish() before it, what was written is removed. NULL
 * is fine. Since 0.1. */
UNIC_API void unic_npz_writer_free(unic_npz_writer *writer);

/**
 * Add an array.
 * @param writer  not finished.
 * @param name    the array's name, UTF-8, which no other one in the file has; numpy sees it under
 *                this name, the archive under "<name>.npy". A '/' makes folders in the archive.
 * @param array   of any dtype, rank and values; written before the call returns.
 * @return UNIC_OK; UNIC_E_ARG also for a name that is taken or not allowed in an archive;
 *         UNIC_E_SHAPE; UNIC_E_IO if the disk is full; UNIC_E_NOMEM; UNIC_E_STATE after
 *         unic_npz_writer_finish(). Since 0.1.
 */
UNIC_API unic_status unic_npz_writer_add(unic_npz_writer *writer, const char *name,
                                         const unic_array *array);

/**
 * Add a text: a member called `name` as it is, which numpy gives back as bytes.
 * @return as unic_npz_writer_add(). Since 0.1.
 */
UNIC_API unic_status unic_npz_writer_add_text(unic_npz_writer *writer, const char *name,
                                              const char *text);

/**
 * Begin an array whose elements come in pieces, by unic_npz_writer_append(): for what is too large
 * to be held. Any number of arrays may be begun, and grow in turns.
 * @param writer  not finished.
 * @param name    as for unic_npz_writer_add().
 * @param dtype   of its elements.
 * @param rank    0..UNIC_MAX_RANK.
 * @param dims    [rank], of the whole array.
 * @return as unic_npz_writer_add(). Since 0.1.
 */
UNIC_API unic_status unic_npz_writer_begin(unic_npz_writer *writer, const char *name,
                                           unic_dtype dtype, int rank, const int64_t *dims);

/**
 * Append elements to an array that was begun: those that come next in row-major order.
 * @param writer    not finished.
 * @param name      of the array.
 * @param elements  of the array's dtype, of any rank; no more of them than it lacks.
 * @return UNIC_OK; UNIC_E_ARG for another dtype; UNIC_E_SHAPE for too many; UNIC_E_NOTFOUND if no
 *         array of this name was begun; else as unic_npz_writer_add(). Since 0.1.
 */
UNIC_API unic_status unic_npz_writer_append(unic_npz_writer *writer, const char *name,
                                            const unic_array *elements);

/**
 * Complete the file, make it durable and put it under its name, in the place of a file that stands
 * there. Whatever the result, the writer takes no more arrays and is still to be freed.
 * @return UNIC_OK: the file is there, whole; UNIC_E_STATE if an array lacks elements, or after an
 *         earlier finish; the status of the first call that failed, if one did; UNIC_E_IO;
 *         UNIC_E_NOMEM. After a failure the old file, if any, is untouched. Since 0.1.
 */
UNIC_API unic_status unic_npz_writer_finish(unic_npz_writer *writer);

#ifdef __cplusplus
}
#endif
#endif
