#include "file/writer.h"

#include <string.h>

#include "file/file.h"
#include "file/source.h"

struct unic__writer {
    char *name;
    unic__file_writer *file; /* NULL: a sink */
    unic_sink sink;
    uint64_t at;        /* bytes that the sink has */
    unic_status failed; /* the sink's first failure; it is given nothing after it */
};

static void writer_free(unic__writer *w)
{
    unic__free(w->name);
    unic__free(w);
}

unic_status unic__writer_open(unic__writer **out, unic__output to)
{
    *out = NULL;
    unic__writer *w = unic__alloc_zero(sizeof *w);
    if (!w)
        return unic__no_memory(sizeof *w, "a file writer");
    w->name = unic__strdup(to.path);
    unic_status status = w->name ? UNIC_OK : unic__no_memory(strlen(to.path), "a file name");
    if (to.sink)
        w->sink = *to.sink;
    else if (status == UNIC_OK)
        status = unic__file_create(&w->file, to.path);
    if (status == UNIC_OK)
        *out = w;
    else
        writer_free(w);
    return status;
}

const char *unic__writer_name(const unic__writer *w)
{
    return w->name;
}

/* ---- sinks ------------------------------------------------------------------------------- */

static unic_status write_sink(unic__writer *w, uint64_t offset, const void *data, size_t bytes)
{
    if (w->failed != UNIC_OK)
        return unic__fail(w->failed, "%s: not written after an earlier failure", w->name);
    if (offset != w->at)
        return unic__fail(w->failed = UNIC_E_STATE, "%s: a sink has no place before its end",
                          w->name);
    const int result = bytes ? w->sink.write(data, bytes, w->sink.user) : 0;
    if (result)
        return unic__fail(w->failed = unic__status_from(result),
                          "%s: cannot write %zu bytes: write() returned %d", w->name, bytes,
                          result);
    w->at += bytes;
    return UNIC_OK;
}

static unic_status commit_sink(unic__writer *w)
{
    const int result = w->sink.finish ? w->sink.finish(w->sink.user) : 0;
    if (result == 0)
        return UNIC_OK;
    if (w->sink.abandon)
        w->sink.abandon(w->sink.user);
    return unic__fail(unic__status_from(result), "%s: not written: finish() returned %d",
                      w->name, result);
}

/* ---- either ------------------------------------------------------------------------------ */

unic_status unic__writer_write_at(unic__writer *w, uint64_t offset, const void *data,
                                  size_t bytes)
{
    return w->file ? unic__file_write_at(w->file, offset, data, bytes)
                   : write_sink(w, offset, data, bytes);
}

unic_status unic__writer_seal(unic__writer *w)
{
    return w->file ? unic__file_seal(w->file) : write_sink(w, w->at, "", 0);
}

unic_status unic__writer_commit(unic__writer *w)
{
    unic_status status = w->file ? unic__file_commit(w->file) : commit_sink(w);
    writer_free(w);
    return status;
}

void unic__writer_abandon(unic__writer *w)
{
    if (!w)
        return;
    if (w->file)
        unic__file_abandon(w->file);
    else if (w->sink.abandon)
        w->sink.abandon(w->sink.user);
    writer_free(w);
}
