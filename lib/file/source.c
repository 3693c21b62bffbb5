#include "file/source.h"

#include <pthread.h>
#include <string.h>

#include "file/file.h"

struct unic__source {
    size_t references; /* atomic */
    char *name;
    uint64_t size;
    bool is_file;
    unic__file file;
    unic_source from;     /* a caller's */
    pthread_mutex_t lock; /* of its read_at */
};

/* ---- opening and closing ----------------------------------------------------------------- */

static unic_status create(unic__source **out, const char *name)
{
    unic__source *s = unic__alloc_zero(sizeof *s);
    *out = s;
    if (!s)
        return unic__no_memory(sizeof *s, "a file reader");
    s->references = 1;
    pthread_mutex_init(&s->lock, NULL);
    s->name = unic__strdup(name);
    return s->name ? UNIC_OK : unic__no_memory(strlen(name) + 1, "a file name");
}

static void destroy(unic__source *s)
{
    if (!s)
        return;
    pthread_mutex_destroy(&s->lock);
    unic__free(s->name);
    unic__free(s);
}

/* A source has the size that its file says. Where that is 0 and there is more, as in /proc, it would be
 * taken for an empty one. */
static unic_status check_empty(const unic__file *file, const char *path)
{
    char first;
    size_t got = 0;
    if (file->size)
        return UNIC_OK;
    unic_status status = unic__file_read_some(file, 0, &first, 1, &got);
    if (status != UNIC_OK)
        return unic__fail_in(status, "%s", path);
    return got ? unic__fail(UNIC_E_IO, "%s: has more than the 0 bytes that it says: copy it",
                            path)
               : UNIC_OK;
}

unic_status unic__source_open_file(unic__source **out, const char *path)
{
    unic__file file;
    *out = NULL;
    UNIC__TRY(unic__file_open(&file, path));
    unic__source *s = NULL;
    unic_status status = check_empty(&file, path);
    if (status == UNIC_OK)
        status = create(&s, path);
    if (status != UNIC_OK) {
        unic__file_close(&file);
        destroy(s);
        return status;
    }
    s->is_file = true;
    s->file = file;
    s->size = file.size;
    *out = s;
    return UNIC_OK;
}

static void close_callers(const unic_source *from)
{
    if (from->close)
        from->close(from->user);
}

unic_status unic__source_open(unic__source **out, const unic_source *from)
{
    unic__source *s;
    *out = NULL;
    unic_status status = create(&s, from->name ? from->name : "source");
    if (status != UNIC_OK) {
        destroy(s);
        close_callers(from);
        return status;
    }
    s->from = *from;
    s->from.name = NULL; /* s->name is the copy */
    s->size = (uint64_t)from->size;
    *out = s;
    return UNIC_OK;
}

unic__source *unic__source_retain(unic__source *s)
{
    __atomic_add_fetch(&s->references, 1, __ATOMIC_RELAXED);
    return s;
}

void unic__source_release(unic__source *s)
{
    if (!s || __atomic_sub_fetch(&s->references, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    if (s->is_file)
        unic__file_close(&s->file);
    else
        close_callers(&s->from);
    destroy(s);
}

const char *unic__source_name(const unic__source *s)
{
    return s->name;
}

uint64_t unic__source_size(const unic__source *s)
{
    return s->size;
}

/* ---- reading ----------------------------------------------------------------------------- */

static unsigned long long ull(uint64_t n)
{
    return n;
}

unic_status unic__status_from(int64_t code)
{
    bool known = code > 0 && code <= INT32_MAX &&
                 strcmp(unic_status_name((unic_status)code), "UNIC_E_UNKNOWN") != 0;
    return known ? (unic_status)code : UNIC_E_IO;
}

/* What read_at() returned in place of a number of bytes. */
static unic_status callers_failure(int64_t got, size_t bytes, uint64_t offset)
{
    return unic__fail(unic__status_from(got < 0 && got >= -INT32_MAX ? -got : 0),
                      "cannot read %zu bytes at offset %llu: read_at() returned %lld", bytes,
                      ull(offset), (long long)got);
}

static unic_status read_callers(const unic__source *s, uint64_t offset, void *out, size_t bytes)
{
    unsigned char *at = out;
    while (bytes) {
        unic__budget *budget = unic__budget_enter(NULL); /* what it calls is not of this file */
        int64_t got = s->from.read_at(at, bytes, (int64_t)offset, s->from.user);
        unic__budget_leave(budget, UNIC_OK);
        if (got < 0 || (uint64_t)got > bytes)
            return callers_failure(got, bytes, offset);
        if (got == 0)
            return unic__fail(UNIC_E_IO,
                              "has changed since it was opened: it ends at %llu, at %llu then",
                              ull(offset), ull(s->size));
        at += got;
        offset += (uint64_t)got;
        bytes -= (size_t)got;
    }
    return UNIC_OK;
}

static unic_status read_piece(unic__source *s, uint64_t offset, void *out, size_t bytes)
{
    if (s->is_file)
        return unic__file_read_at(&s->file, offset, out, bytes);
    pthread_mutex_lock(&s->lock);
    unic_status status = read_callers(s, offset, out, bytes);
    pthread_mutex_unlock(&s->lock);
    return status;
}

unic_status unic__source_read(unic__source *s, uint64_t offset, void *out, size_t bytes)
{
    if (offset > s->size || bytes > s->size - offset)
        return unic__file_ends(s->size, offset, bytes);
    unsigned char *at = out;
    while (bytes) {
        const size_t n = bytes < UNIC__SOURCE_PIECE ? bytes : UNIC__SOURCE_PIECE;
        UNIC__TRY(read_piece(s, offset, at, n));
        UNIC__TRY(unic__budget_read(n, s->size));
        at += n;
        offset += n;
        bytes -= n;
    }
    return UNIC_OK;
}

void unic__source_expect(const unic__source *s, uint64_t offset, uint64_t bytes)
{
    if (s->is_file)
        unic__file_expect(&s->file, offset, bytes);
}

unic_status unic__source_check_unchanged(const unic__source *s)
{
    unic_status status = s->is_file ? unic__file_check_unchanged(&s->file) : UNIC_OK;
    return status == UNIC_OK ? UNIC_OK : unic__fail_in(status, "%s", s->name);
}
