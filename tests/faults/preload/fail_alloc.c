/*
 * Preloaded into a program: its n-th allocation fails, or all from the n-th on.
 *
 *     FAIL_ALLOC=program:12:once     of the program itself, or "library": of libunicode
 *     FAIL_ALLOC=program:12:on       the 12th and all later ones
 *     FAIL_COUNT=FILE                at the end, how many allocations each made: "57 4031"
 *
 * An allocation is of the one that called malloc, calloc or realloc, or that called the function
 * of the C library which did (strdup, getline, fopen ...). Those of other libraries never fail.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <execinfo.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PROGRAM, LIBRARY, LIBC, KINDS };
enum { MOST_RANGES = 16, MOST_FRAMES = 16 };

typedef struct range {
    uintptr_t begin, end;
    int kind;
} range;

static range ranges[MOST_RANGES];
static size_t range_count;
static bool ready;
static unsigned long made[KINDS], fail_at;
static int fail_kind = -1;
static bool fail_on;
static __thread bool inside; /* backtrace() may allocate */

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);

static int note(struct dl_phdr_info *about, size_t size, void *user)
{
    (void)size, (void)user;
    const char *slash = strrchr(about->dlpi_name, '/'),
               *name = slash ? slash + 1 : about->dlpi_name;
    const int kind = !*about->dlpi_name                     ? PROGRAM
                     : !strncmp(name, "libunicode", 10)     ? LIBRARY
                     : !strncmp(name, "libc.so", 7)         ? LIBC
                                                            : -1;
    for (int i = 0; i < about->dlpi_phnum && kind >= 0 && range_count < MOST_RANGES; i++)
        if (about->dlpi_phdr[i].p_type == PT_LOAD && about->dlpi_phdr[i].p_flags & PF_X) {
            const uintptr_t begin = about->dlpi_addr + about->dlpi_phdr[i].p_vaddr;
            ranges[range_count++] = (range){begin, begin + about->dlpi_phdr[i].p_memsz, kind};
        }
    return 0;
}

static int kind_of(const void *address)
{
    for (size_t i = 0; i < range_count; i++)
        if ((uintptr_t)address >= ranges[i].begin && (uintptr_t)address < ranges[i].end)
            return ranges[i].kind;
    return -1;
}

/* Who called the function of the C library that allocates. */
static int kind_behind_libc(void)
{
    void *frames[MOST_FRAMES];
    const int count = backtrace(frames, MOST_FRAMES);
    bool libc = false;
    for (int i = 0; i < count; i++) {
        const int kind = kind_of(frames[i]);
        libc = libc || kind == LIBC;
        if (libc && kind != LIBC)
            return kind;
    }
    return -1;
}

static bool fails(const void *caller)
{
    if (!ready || inside)
        return false;
    inside = true;
    int kind = kind_of(caller);
    if (kind == LIBC)
        kind = kind_behind_libc();
    inside = false;
    if (kind != PROGRAM && kind != LIBRARY)
        return false;
    const unsigned long n = __atomic_add_fetch(&made[kind], 1, __ATOMIC_RELAXED);
    if (kind != fail_kind || (n != fail_at && !(fail_on && n > fail_at)))
        return false;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_realloc(memory, size);
}

__attribute__((constructor)) static void begin(void)
{
    void *frame[1];
    char kind[16], how[8];
    const char *at = getenv("FAIL_ALLOC");
    backtrace(frame, 1); /* loads what it needs */
    dl_iterate_phdr(note, NULL);
    if (at && sscanf(at, "%15[a-z]:%lu:%7[a-z]", kind, &fail_at, how) == 3) {
        fail_kind = strcmp(kind, "program") ? LIBRARY : PROGRAM;
        fail_on = !strcmp(how, "on");
    }
    ready = true;
}

__attribute__((destructor)) static void end(void)
{
    const char *path = getenv("FAIL_COUNT");
    ready = false;
    FILE *out = path ? fopen(path, "w") : NULL;
    if (!out)
        return;
    fprintf(out, "%lu %lu\n", made[PROGRAM], made[LIBRARY]);
    fclose(out);
}
