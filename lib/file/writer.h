/*
 * What files are written to: a file that appears whole or not at all, or a caller's unic_sink, which
 * is told at the end whether what it was given is whole.
 */
#ifndef UNIC_FILE_WRITER_H
#define UNIC_FILE_WRITER_H

#include "base/base.h"
#include "unicode/unic_io.h"

/* Where something is to be written. Both members are borrowed until then. */
typedef struct unic__output {
    const char *path;      /* of a file, or a sink's name for messages */
    const unic_sink *sink; /* NULL: the file */
} unic__output;

#define UNIC__TO_FILE(path) ((unic__output){(path), NULL})
#define UNIC__TO_SINK(sink) ((unic__output){(sink)->name ? (sink)->name : "sink", (sink)})

typedef struct unic__writer unic__writer;

unic_status unic__writer_open(unic__writer **out, unic__output to);
const char *unic__writer_name(const unic__writer *w);
/* To a file at any offset. To a sink from front to back: `offset` is the end of what was written
 * before. */
unic_status unic__writer_write_at(unic__writer *w, uint64_t offset, const void *data,
                                  size_t bytes);
/* Makes a file's data durable under its temporary name, so that a full disk is reported here. Only
 * commit or abandon may follow. */
unic_status unic__writer_seal(unic__writer *w);
/* Puts a file under its name, or tells a sink that all is written; frees the writer. A failure of
 * this leaves what abandon leaves. */
unic_status unic__writer_commit(unic__writer *w);
/* Removes the temporary file, or tells a sink to forget what it got; frees the writer. NULL is
 * fine. */
void unic__writer_abandon(unic__writer *w);

#endif
