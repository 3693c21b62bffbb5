/*
 * Files: positioned reads of a regular file, and writing a file that appears under its name
 * complete and durable, or not at all. Only this header and folder.h access the file system.
 */
#ifndef UNIC_FILE_FILE_H
#define UNIC_FILE_FILE_H

#include "base/base.h"

typedef struct unic__file {
    int descriptor;
    uint64_t size;               /* when it was opened; so are these */
    int64_t changed, changed_ns; /* seconds and nanoseconds of its last change */
} unic__file;

/* UNIC_E_NOTFOUND if there is no such file; UNIC_E_IO if it is not a regular file. */
unic_status unic__file_open(unic__file *file, const char *path);
void unic__file_close(unic__file *file);

/* Exactly `bytes` bytes from `offset`. Any number of threads may read one file. The message
 * does not name the path: the caller puts it in front. */
unic_status unic__file_read_at(const unic__file *file, uint64_t offset, void *out,
                               size_t bytes);

/* Up to `bytes` bytes, also beyond `size`, which is not the whole of some files (/proc). *got is less
 * only at the end. */
unic_status unic__file_read_some(const unic__file *file, uint64_t offset, void *out,
                                 size_t bytes, size_t *got);
/* The failure of a file that ends at `at`, before its size. */
unic_status unic__file_ended(const unic__file *file, uint64_t at);

/* Says that these bytes will soon be read: the system may begin to read them, without waiting. */
void unic__file_expect(const unic__file *file, uint64_t offset, uint64_t bytes);

/* The failure of a read beyond the end of `size` bytes. */
unic_status unic__file_ends(uint64_t size, uint64_t offset, size_t bytes);

/* UNIC_E_IO if the file has another size or time of change than when it was opened. A file that
 * was replaced by another of its name is not changed: it is still read. */
unic_status unic__file_check_unchanged(const unic__file *file);

/* Whether an errno means that the process ran out of memory or file descriptors. */
bool unic__file_error_is_of_process(int error);

/* ---- writing: to a temporary file in the same directory, renamed at the end ---- */

typedef struct unic__file_writer unic__file_writer;

unic_status unic__file_create(unic__file_writer **out, const char *path);
/* Appends after the bytes that unic__file_write() wrote before. */
unic_status unic__file_write(unic__file_writer *w, const void *data, size_t bytes);
/* Writes at `offset`, which may be past the end; bytes that are not written are 0. */
unic_status unic__file_write_at(unic__file_writer *w, uint64_t offset, const void *data,
                                size_t bytes);
/* Makes the data durable under the temporary name, so that a full disk is reported here. Only
 * commit or abandon may follow. */
unic_status unic__file_seal(unic__file_writer *w);
/* Makes the data durable, puts the file under its name and frees the writer. After a failure,
 * of this or an earlier call, an old file of that name is unchanged and the temporary file is
 * removed. */
unic_status unic__file_commit(unic__file_writer *w);
/* Removes the temporary file and frees the writer. NULL is fine. */
void unic__file_abandon(unic__file_writer *w);

#endif
