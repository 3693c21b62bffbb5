/*
 * Notes every message that a test provokes, for docs/messages.md. `make messages` links it into the
 * library, the programs and the tests in place of unic__fail() and its relatives (ld --wrap), and names by
 * UNIC_MESSAGES the file to which all processes add. That file is mapped and never grows: noting
 * neither allocates nor calls the system, which tests of faults count.
 *
 * The file: how much of `text` is used; a table of hashes of what is there already; the notes, each
 * "status, format, message", with a unit separator between them and a line feed behind.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "unicode/unic_status.h"

enum { SLOTS = 1 << 17, TEXT = 24 << 20, EACH = 8, WHOLE = 8192 };

static struct notes {
    uint64_t used;
    uint64_t hash[SLOTS];
    char text[TEXT];
} *notes;

/* Programs and libunicode-media have the recorder, but the library's functions are not their own. */
#pragma weak unic_last_error
#pragma weak unic_status_name
__attribute__((weak)) unic_status __real_unic__fail(unic_status status, const char *format, ...);
unic_status __wrap_unic__fail(unic_status status, const char *format, ...);
__attribute__((weak)) unic_status __real_unic__fail_in(unic_status status, const char *format, ...);
unic_status __wrap_unic__fail_in(unic_status status, const char *format, ...);
__attribute__((weak)) unic_status __real_unic__no_memory(size_t bytes, const char *what);
unic_status __wrap_unic__no_memory(size_t bytes, const char *what);

__attribute__((constructor)) static void open_notes(void)
{
    const char *path = getenv("UNIC_MESSAGES");
    int file = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666) : -1;
    if (file < 0)
        return;
    void *at = MAP_FAILED;
    if (ftruncate(file, sizeof *notes) == 0)
        at = mmap(NULL, sizeof *notes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    notes = at == MAP_FAILED ? NULL : at;
    close(file);
}

static uint64_t hash_of(uint64_t h, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)s[i]) * UINT64_C(0x100000001B3);
    return h;
}

/* Whether it was not there yet; it is now. */
static int is_new(uint64_t h)
{
    h += h == 0;
    for (size_t i = 0; i < SLOTS; i++) {
        uint64_t *slot = &notes->hash[(h + i) % SLOTS], empty = 0;
        if (*slot == h)
            return 0;
        if (*slot == 0 && __atomic_compare_exchange_n(slot, &empty, h, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            return 1;
        if (empty == h)
            return 0;
    }
    return 0;
}

/* A few of each format, status and call. */
static void note(const char *status, const char *format, const char *message)
{
    char line[WHOLE + 1024];
    if (!notes)
        return;
    size_t call = 0;
    if (strncmp(message, "unic_", 5) == 0)
        while (isalnum((unsigned char)message[call]) || message[call] == '_')
            call++;
    uint64_t h = hash_of(UINT64_C(0xCBF29CE484222325), status, strlen(status));
    h = hash_of(h, format, strlen(format) + 1);
    uint64_t kind = hash_of(h, message, call);
    if (!is_new(hash_of(h ^ 1, message, strlen(message))))
        return;
    int which = 0;
    while (which < EACH && !is_new(kind + (uint64_t)which))
        which++;
    if (which == EACH)
        return;
    int n = snprintf(line, sizeof line, "%s\x1F%s\x1F%s\n", status, format, message);
    if (n < 0 || (size_t)n >= sizeof line)
        return;
    uint64_t at = __atomic_fetch_add(&notes->used, (uint64_t)n, __ATOMIC_RELAXED);
    if (at + (uint64_t)n <= TEXT)
        memcpy(notes->text + at, line, (size_t)n);
}

static _Thread_local const char *last = "";

unic_status __wrap_unic__fail(unic_status status, const char *format, ...)
{
    char whole[WHOLE];
    va_list args;
    va_start(args, format);
    vsnprintf(whole, sizeof whole, format, args);
    va_end(args);
    __real_unic__fail(status, "%s", whole);
    note(unic_status_name(status), last = format, unic_last_error());
    return status;
}

unic_status __wrap_unic__fail_in(unic_status status, const char *format, ...)
{
    char whole[WHOLE];
    va_list args;
    va_start(args, format);
    vsnprintf(whole, sizeof whole, format, args);
    va_end(args);
    __real_unic__fail_in(status, "%s", whole);
    note(unic_status_name(status), last, unic_last_error());
    return status;
}

unic_status __wrap_unic__no_memory(size_t bytes, const char *what)
{
    __real_unic__no_memory(bytes, what);
    note("UNIC_E_NOMEM", last = "out of memory (%zu bytes for %s)", unic_last_error());
    return UNIC_E_NOMEM;
}

/* ---- what the programs say themselves ---- */

__attribute__((weak)) bool __real_cli_fail(const char *format, ...);
bool __wrap_cli_fail(const char *format, ...);

bool __wrap_cli_fail(const char *format, ...)
{
    char whole[WHOLE];
    va_list args;
    va_start(args, format);
    vsnprintf(whole, sizeof whole, format, args);
    va_end(args);
    note("Programs", format, whole);
    return __real_cli_fail("%s", whole);
}
