/*
 * Zip archives; stored and deflated members can be read. Archives are not trusted: the directory
 * is read from the end of the file, every local header must agree with it, and an archive that
 * two readers could interpret differently is refused. Members are always written stored.
 *
 *   local header, name, extra | data | ... | directory | [zip64 end, locator] | end, comment
 */
#ifndef UNIC_FILE_ZIP_H
#define UNIC_FILE_ZIP_H

#include "file/source.h"
#include "file/writer.h"

/* ---- reading (zip_directory.c, zip.c): by any number of threads at once ---------------- */

typedef struct unic__zip unic__zip;

/* Reads and checks the directory and all local headers. */
unic_status unic__zip_open(unic__zip **out, const char *path);
unic_status unic__zip_open_source(unic__zip **out, unic__source *source);
void unic__zip_close(unic__zip *z);
const char *unic__zip_path(const unic__zip *z); /* or the name of its source */
unic__source *unic__zip_source(const unic__zip *z);

/* Members in directory order. */
size_t unic__zip_count(const unic__zip *z);
const char *unic__zip_name(const unic__zip *z, size_t i);
uint64_t unic__zip_size(const unic__zip *z, size_t i);   /* of the inflated data */
uint64_t unic__zip_packed(const unic__zip *z, size_t i); /* of the data in the file */
bool unic__zip_is_stored(const unic__zip *z, size_t i);  /* not deflated */
/* Fails for a member that is encrypted or packed by another method, as reading it does. */
unic_status unic__zip_check_readable(const unic__zip *z, size_t i);
/* The member called `name` with `suffix` behind it. */
bool unic__zip_find(const unic__zip *z, const char *name, const char *suffix, size_t *i);

/* True if no member has a CRC (all are 0), which cannot happen by chance: CRCs are then no
 * longer checked. Only for files of torch, which can write them so. Not while other threads
 * read. */
bool unic__zip_take_unchecked(unic__zip *z);

/* A whole member, CRC-checked, with a NUL appended; at most `cap` bytes. Free with
 * unic__free. */
unic_status unic__zip_read(const unic__zip *z, size_t i, size_t cap, void **out, size_t *size);

/* A part of a stored member. The CRC, which covers the whole member, is not checked. */
unic_status unic__zip_read_range(const unic__zip *z, size_t i, uint64_t offset, void *out,
                                 size_t bytes);

/* Says that a part, which the member has, will soon be read so. */
void unic__zip_expect_range(const unic__zip *z, size_t i, uint64_t offset, size_t bytes);

/* All of a member in pieces: the read that takes the last byte also checks the length and the
 * CRC (of an empty member: a read of 0 bytes). A stream is used from one thread, and closed
 * before its archive. */
typedef struct unic__zip_stream unic__zip_stream;

unic_status unic__zip_stream_open(unic__zip_stream **out, const unic__zip *z, size_t i);
unic_status unic__zip_stream_read(unic__zip_stream *s, void *out, size_t bytes);
void unic__zip_stream_close(unic__zip_stream *s); /* NULL is fine */

/* ---- writing (zip_writer.c) ------------------------------------------------------------ */

typedef struct unic__zip_writer unic__zip_writer;

/* `zip64`: use the 64-bit records in any case, not only where a size, an offset or the number
 * of members needs them. */
unic_status unic__zip_create(unic__zip_writer **out, unic__output to, bool zip64);
/* A stored member called `name` with `suffix` behind it, of `head` followed by `body`; `head`
 * starts at a multiple of 64 in the file. */
unic_status unic__zip_add(unic__zip_writer *w, const char *name, const char *suffix,
                          const void *head, size_t head_size, const void *body,
                          size_t body_size);
/* Begins a stored member of `size` bytes, which are appended later, in pieces. Several members
 * may be open at once. Not to a sink: the header, which has the CRC, is written last. */
unic_status unic__zip_begin(unic__zip_writer *w, const char *name, const char *suffix,
                            uint64_t size, size_t *member);
/* The same of data whose CRC is known (unic__zip_crc()). To a sink, the member is completed before
 * the next one begins. */
unic_status unic__zip_begin_known(unic__zip_writer *w, const char *name, const char *suffix,
                                  uint64_t size, uint32_t crc, size_t *member);
/* The next bytes of a member. */
unic_status unic__zip_append(unic__zip_writer *w, size_t member, const void *data,
                             size_t bytes);
/* Writes the directory, renames the file to its final name, and frees the writer also on
 * failure. Fails if a member could not be added or is not complete. */
unic_status unic__zip_finish(unic__zip_writer *w);
/* The same without the rename: the caller commits or abandons `*file`, NULL after a failure. */
unic_status unic__zip_seal(unic__zip_writer *w, unic__writer **file);
void unic__zip_abandon(unic__zip_writer *w); /* NULL is fine */

/* Continues a CRC-32 (start with 0). */
uint32_t unic__zip_crc(uint32_t crc, const void *data, size_t bytes);

#endif
