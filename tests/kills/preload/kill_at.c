/*
 * Preloaded into a program: ends it by SIGKILL at its n-th call of a function, before the call
 * is made or right after it.
 *
 *     KILL_AT=rename:3:before     one of rename, fsync, write, link, unlink, open
 *     KILL_COUNT=FILE             at the end, how often each was called
 *
 * Calls on the way to main() count too, and so does what other libraries call through the
 * dynamic linker: what matters is that every moment can be hit.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RENAME, FSYNC, WRITE, LINK, UNLINK, OPEN, KINDS };

static const char *const names[KINDS] = {"rename", "fsync", "write", "link", "unlink", "open"};
static unsigned long calls[KINDS];

static void die_if(int kind, unsigned long call, const char *when)
{
    char here[64];
    const char *at = getenv("KILL_AT");
    if (!at)
        return;
    snprintf(here, sizeof here, "%s:%lu:%s", names[kind], call, when);
    if (strcmp(here, at) == 0)
        kill(getpid(), SIGKILL);
}

static void *next(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (!found)
        abort();
    return found;
}

#define AROUND(kind, call)                                                                     \
    unsigned long n = __atomic_add_fetch(&calls[kind], 1, __ATOMIC_RELAXED);                   \
    die_if(kind, n, "before");                                                                 \
    __typeof__(call) result = call;                                                            \
    die_if(kind, n, "after");                                                                  \
    return result

int rename(const char *from, const char *to)
{
    int (*real)(const char *, const char *) = next("rename");
    AROUND(RENAME, real(from, to));
}

int fsync(int file)
{
    int (*real)(int) = next("fsync");
    AROUND(FSYNC, real(file));
}

ssize_t write(int file, const void *data, size_t bytes)
{
    ssize_t (*real)(int, const void *, size_t) = next("write");
    AROUND(WRITE, real(file, data, bytes));
}

int link(const char *from, const char *to)
{
    int (*real)(const char *, const char *) = next("link");
    AROUND(LINK, real(from, to));
}

int unlink(const char *path)
{
    int (*real)(const char *) = next("unlink");
    AROUND(UNLINK, real(path));
}

static int open_with(const char *name, const char *path, int flags, mode_t mode)
{
    int (*real)(const char *, int, mode_t) = next(name);
    AROUND(OPEN, real(path, flags, mode));
}

int open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    return open_with("open", path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    return open_with("open64", path, flags, mode);
}

__attribute__((destructor)) static void tell(void)
{
    const char *path = getenv("KILL_COUNT");
    FILE *out = path ? fopen(path, "w") : NULL;
    for (int kind = 0; out && kind < KINDS; kind++)
        fprintf(out, "%s %lu\n", names[kind], calls[kind]);
    if (out)
        fclose(out);
}
