/* Shared by the tests of files: paths, whole files, and an allocator that fails. */
#ifndef UNIC_FILE_IO_HELP_H
#define UNIC_FILE_IO_HELP_H

#include "base/base.h"

#define FIXTURES "tests/array/fixtures/"

/* A file below the build directory; the text lasts for a few calls. */
const char *io_path(const char *name);

/* A whole file; free() it. */
unsigned char *io_read(const char *path, size_t *size);
void io_write(const char *path, const void *bytes, size_t size);

/* True if a file beside `path` has a name that starts with path's and goes on. */
bool io_has_leftovers(const char *path);

/* Collects the library's log lines from here on, each with a newline; on this thread alone. */
void io_log_begin(void);
const char *io_log_end(void); /* the collected lines; further calls return the same */

/* Runs `scenario` with its first allocation failing, then its second, ... until it ends without
 * a failure; each time nothing may stay allocated, and the status must be UNIC_E_NOMEM. */
void io_fail_each_allocation(unic_status (*scenario)(const char *path), const char *path);

/* `status` must be what is expected, and the message must have `part` in it. */
#define io_assert_fails(call, expected, part)                                                  \
    do {                                                                                       \
        ck_assert_str_eq(unic_status_name(call), unic_status_name(expected));                  \
        ck_assert_msg(strstr(unic_last_error(), part) != NULL, "\"%s\" does not say \"%s\"",   \
                      unic_last_error(), part);                                                \
    } while (0)
#define io_assert_ok(call) ck_assert_msg((call) == UNIC_OK, "%s: %s", #call, unic_last_error())

/* kB of this process that are in memory now. */
long io_resident_memory(void);

#endif
