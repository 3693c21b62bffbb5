/*
 * What files are read from: positioned reads of a known number of bytes. A regular file is one
 * kind, a caller's unic_source the other. Readers hold references, so that one source can be
 * looked at (sniff.h) and then read.
 */
#ifndef UNIC_FILE_SOURCE_H
#define UNIC_FILE_SOURCE_H

#include "base/base.h"
#include "unicode/unic_io.h"

typedef struct unic__source unic__source;

/* UNIC_E_NOTFOUND if there is no such file; UNIC_E_IO if it is not a regular file. */
unic_status unic__source_open_file(unic__source **out, const char *path);
/* Takes over a checked source of the caller's: it is closed with the last reference, or here
 * after a failure. */
unic_status unic__source_open(unic__source **out, const unic_source *from);

unic__source *unic__source_retain(unic__source *source);
void unic__source_release(unic__source *source); /* NULL is fine */

const char *unic__source_name(const unic__source *source); /* a file's path */
uint64_t unic__source_size(const unic__source *source);    /* when it was opened */

/* Who reads much at a time may be stopped after each of so many bytes, and does something with
 * them best while they are in the cache. */
enum { UNIC__SOURCE_PIECE = 1 << 20 };

/* Exactly `bytes` bytes from `offset`. Any number of threads may read one source; a caller's is
 * read by one after the other. The message does not name the source: the caller puts its name in
 * front. */
unic_status unic__source_read(unic__source *source, uint64_t offset, void *out, size_t bytes);

/* Says that these bytes will soon be read: of a file, the system may begin to read them. */
void unic__source_expect(const unic__source *source, uint64_t offset, uint64_t bytes);

/* UNIC_E_IO, with the name, if a file was written to since it was opened; of a caller's source it
 * is not known. */
unic_status unic__source_check_unchanged(const unic__source *source);

/* The status that a caller's function returned for a failure: UNIC_E_IO if it is none. */
unic_status unic__status_from(int64_t code);

#endif
