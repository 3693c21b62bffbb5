#define _FILE_OFFSET_BITS 64 /* large files on 32-bit systems too */

#include "file/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ERROR_TEXT = 128, LARGEST_TRANSFER = 1 << 30 /* Linux moves at most 2 GiB a call */ };

/* strerror() is not thread-safe; returns `text`. */
static const char *error_text(int error, char text[ERROR_TEXT])
{
    if (strerror_r(error, text, ERROR_TEXT))
        snprintf(text, ERROR_TEXT, "error %d", error);
    return text;
}

bool unic__file_error_is_of_process(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOMEM;
}

static unic_status system_fail(const char *path, const char *verb, int error)
{
    char text[ERROR_TEXT];
    unic_status status = error == ENOENT || error == ENOTDIR ? UNIC_E_NOTFOUND : UNIC_E_IO;
    unic__fail(status, "%s: cannot %s: %s", path, verb, error_text(error, text));
    return unic__file_error_is_of_process(error) ? unic__exhausted(status) : status;
}

/* Where a program has closed its standard streams, a file could become one of them, and take what
 * the program still prints. */
static int apart_from_streams(int descriptor)
{
    if (descriptor < 0 || descriptor > STDERR_FILENO)
        return descriptor;
    const int apart = fcntl(descriptor, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    const int reason = errno;
    close(descriptor);
    errno = reason;
    return apart;
}

/* Some file systems let a signal interrupt even this. */
static int open_again(const char *path, int flags, mode_t mode)
{
    int descriptor;
    do
        descriptor = open(path, flags, mode);
    while (descriptor < 0 && errno == EINTR);
    return apart_from_streams(descriptor);
}

/* ---- reading ----------------------------------------------------------------------------- */

unic_status unic__file_open(unic__file *file, const char *path)
{
    /* O_NONBLOCK: opening a pipe must not wait for its writer; a regular file ignores it. */
    int descriptor = open_again(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
    if (descriptor < 0)
        return system_fail(path, "open", errno);
    struct stat about;
    if (fstat(descriptor, &about) != 0) {
        unic_status status = system_fail(path, "open", errno);
        close(descriptor);
        return status;
    }
    if (!S_ISREG(about.st_mode)) {
        close(descriptor);
        return unic__fail(UNIC_E_IO, "%s: is %s, a regular file was expected", path,
                          S_ISDIR(about.st_mode) ? "a directory" : "a pipe or device");
    }
    file->descriptor = descriptor;
    file->size = (uint64_t)about.st_size;
    file->changed = (int64_t)about.st_mtim.tv_sec;
    file->changed_ns = (int64_t)about.st_mtim.tv_nsec;
    return UNIC_OK;
}

void unic__file_close(unic__file *file)
{
    close(file->descriptor);
    file->descriptor = -1;
}

unic_status unic__file_ends(uint64_t size, uint64_t offset, size_t bytes)
{
    return unic__fail(UNIC_E_FORMAT, "%zu bytes expected at offset %llu, the file ends at %llu",
                      bytes, (unsigned long long)offset, (unsigned long long)size);
}

unic_status unic__file_check_unchanged(const unic__file *file)
{
    struct stat about;
    char text[ERROR_TEXT];
    if (fstat(file->descriptor, &about) != 0)
        return unic__fail(UNIC_E_IO, "cannot tell whether it has changed: %s",
                          error_text(errno, text));
    if ((uint64_t)about.st_size != file->size)
        return unic__fail(UNIC_E_IO,
                          "has changed since it was opened: it has %llu bytes, %llu then",
                          (unsigned long long)about.st_size, (unsigned long long)file->size);
    if (about.st_mtim.tv_sec != file->changed || about.st_mtim.tv_nsec != file->changed_ns)
        return unic__fail(UNIC_E_IO, "has changed since it was opened: it was written to");
    return UNIC_OK;
}

/* A failure has no meaning: the bytes are read when they are asked for. */
void unic__file_expect(const unic__file *file, uint64_t offset, uint64_t bytes)
{
    (void)posix_fadvise(file->descriptor, (off_t)offset, (off_t)bytes, POSIX_FADV_WILLNEED);
}

unic_status unic__file_read_some(const unic__file *file, uint64_t offset, void *out,
                                 size_t bytes, size_t *got)
{
    unsigned char *at = out;
    *got = 0;
    while (bytes) {
        size_t part = bytes < LARGEST_TRANSFER ? bytes : LARGEST_TRANSFER;
        ssize_t n = pread(file->descriptor, at, part, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            char text[ERROR_TEXT];
            int error = errno;
            unic__fail(UNIC_E_IO, "cannot read %zu bytes at offset %llu: %s", bytes,
                       (unsigned long long)offset, error_text(error, text));
            return unic__file_error_is_of_process(error) ? unic__exhausted(UNIC_E_IO)
                                                         : UNIC_E_IO;
        }
        if (n == 0)
            return UNIC_OK;
        at += n;
        *got += (size_t)n;
        offset += (uint64_t)n;
        bytes -= (size_t)n;
    }
    return UNIC_OK;
}

unic_status unic__file_ended(const unic__file *file, uint64_t at)
{
    return unic__fail(UNIC_E_IO,
                      "has changed since it was opened: it ends at %llu, at %llu then",
                      (unsigned long long)at, (unsigned long long)file->size);
}

unic_status unic__file_read_at(const unic__file *file, uint64_t offset, void *out, size_t bytes)
{
    size_t got;
    if (offset > file->size || bytes > file->size - offset)
        return unic__file_ends(file->size, offset, bytes);
    UNIC__TRY(unic__file_read_some(file, offset, out, bytes, &got));
    return got == bytes ? UNIC_OK : unic__file_ended(file, offset + got);
}

/* ---- writing ----------------------------------------------------------------------------- */

struct unic__file_writer {
    char *path, *temporary;
    int descriptor;
    uint64_t at;        /* where the next unic__file_write() writes */
    unic_status failed; /* the first failure; nothing is committed after it */
    pid_t process;      /* which writes it: a child of that has a copy of the handle */
};

static void writer_free(unic__file_writer *w)
{
    if (w->descriptor >= 0)
        close(w->descriptor);
    unic__free(w->temporary);
    unic__free(w->path);
    unic__free(w);
}

/* The size of `path` without the end of its last part that "<path>.tmp-<process>-<n>" has no
 * room for: a file's name has at most 255 bytes. */
static size_t temporary_size(const char *path)
{
    enum { LONGEST = 255, TAIL = 40 };
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t size = strlen(name);
    return (size_t)(name - path) + (size < LONGEST - TAIL ? size : LONGEST - TAIL);
}

/* Opens a new file "<path>.tmp-<process>-<n>": mkstemp() would give it mode 0600. */
static unic_status open_temporary(unic__file_writer *w, size_t bytes, mode_t mode)
{
    static atomic_uint counter;
    enum { TRIES = 100 }; /* names are taken only by what a crash of the same pid left */
    for (int i = 0; i < TRIES; i++) {
        snprintf(w->temporary, bytes, "%.*s.tmp-%ld-%u", (int)temporary_size(w->path), w->path,
                 (long)getpid(), atomic_fetch_add(&counter, 1U));
        w->descriptor = open_again(w->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        if (w->descriptor >= 0 || errno != EEXIST)
            break;
    }
    return w->descriptor < 0 ? system_fail(w->path, "create", errno) : UNIC_OK;
}

unic_status unic__file_create(unic__file_writer **out, const char *path)
{
    *out = NULL;
    struct stat about;
    if (!*path)
        return system_fail("\"\"", "create", ENOENT);
    bool replaces = lstat(path, &about) == 0;
    if (!replaces && errno != ENOENT) /* what it is cannot be told */
        return system_fail(path, "create", errno);
    if (replaces &&
        !S_ISREG(about.st_mode)) /* a rename would replace a device, or a link itself */
        return unic__fail(UNIC_E_IO, "%s: cannot create: is %s", path,
                          S_ISDIR(about.st_mode)   ? "a directory"
                          : S_ISLNK(about.st_mode) ? "a symbolic link; name the file itself"
                                                   : "no regular file");
    unic__file_writer *w = unic__alloc_zero(sizeof *w);
    if (!w)
        return unic__no_memory(sizeof *w, "a file writer");
    w->descriptor = -1;
    w->process = getpid();
    size_t bytes = strlen(path) + 64;
    w->path = unic__strdup(path);
    w->temporary = unic__alloc(bytes);
    unic_status status = w->path && w->temporary ? open_temporary(w, bytes, 0666)
                                                 : unic__no_memory(bytes, "a file name");
    if (status != UNIC_OK) {
        writer_free(w);
        return status;
    }
    if (replaces) /* who may read the file stays as it was, where the system lets us */
        (void)!fchmod(w->descriptor, about.st_mode & 0777);
    *out = w;
    return UNIC_OK;
}

unic_status unic__file_write_at(unic__file_writer *w, uint64_t offset, const void *data,
                                size_t bytes)
{
    const unsigned char *at = data;
    while (bytes && w->failed == UNIC_OK) {
        size_t part = bytes < LARGEST_TRANSFER ? bytes : LARGEST_TRANSFER;
        ssize_t n = pwrite(w->descriptor, at, part, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) { /* 0 is written nowhere by POSIX; it must not be tried for ever */
            w->failed = system_fail(w->path, "write", n < 0 ? errno : EIO);
            return w->failed;
        }
        at += n;
        offset += (uint64_t)n;
        bytes -= (size_t)n;
    }
    return w->failed == UNIC_OK
               ? UNIC_OK
               : unic__fail(w->failed, "%s: not written after an earlier failure", w->path);
}

unic_status unic__file_write(unic__file_writer *w, const void *data, size_t bytes)
{
    uint64_t at = w->at;
    w->at += bytes;
    return unic__file_write_at(w, at, data, bytes);
}

static int synchronise(int descriptor)
{
    int result;
    do
        result = fsync(descriptor);
    while (result != 0 && errno == EINTR);
    return result;
}

/* A rename survives a power cut once its directory is synchronised. The file is complete and in
 * its place by then, so what cannot be synchronised here is a warning, not a failure. */
static void synchronise_directory(const unic__file_writer *w)
{
    char *slash = strrchr(w->temporary, '/');
    if (slash)
        slash[slash == w->temporary] = '\0'; /* "dir/x" to "dir", "/x" to "/" */
    int directory = open_again(slash ? w->temporary : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC,
                               0);
    if (directory < 0 || (synchronise(directory) != 0 && errno != EINVAL)) {
        char text[ERROR_TEXT];
        unic__log_line(UNIC_LOG_WARNING,
                       "%s: written, but its directory cannot be synchronised: %s", w->path,
                       error_text(errno, text));
    }
    if (directory >= 0)
        close(directory);
}

unic_status unic__file_seal(unic__file_writer *w)
{
    UNIC__TRY(unic__file_write(w, "", 0)); /* reports an earlier failure */
    if (w->descriptor < 0)
        return UNIC_OK; /* it has been sealed */
    bool kept = synchronise(w->descriptor) == 0;
    int error = errno;
    if (close(w->descriptor) != 0 && kept && errno != EINTR) { /* it is closed all the same */
        error = errno;
        kept = false;
    }
    w->descriptor = -1;
    if (!kept)
        w->failed = system_fail(w->path, "write", error);
    return w->failed;
}

unic_status unic__file_commit(unic__file_writer *w)
{
    unic_status status = unic__file_seal(w);
    if (status == UNIC_OK && rename(w->temporary, w->path) != 0)
        status = system_fail(w->path, "replace", errno);
    if (status == UNIC_OK)
        synchronise_directory(w);
    else
        unlink(w->temporary);
    writer_free(w);
    return status;
}

void unic__file_abandon(unic__file_writer *w)
{
    if (!w)
        return;
    if (w->process == getpid())
        unlink(w->temporary);
    writer_free(w);
}
