/* Shared by the tests of the lower layers: a program's main, and an allocator that counts and
 * fails. */
#ifndef TESTS_BASE_BASE_HELP_H
#define TESTS_BASE_BASE_HELP_H

#include <check.h>

#include "base/base.h"

/* Runs the suite of one case; what main returns. */
int base_run(const char *name, TCase *tests);

/* `status` must be what is expected, and the message must have `part` in it. */
#define base_assert_fails(call, expected, part)                                                \
    do {                                                                                       \
        ck_assert_str_eq(unic_status_name(call), unic_status_name(expected));                  \
        ck_assert_msg(strstr(unic_last_error(), part) != NULL, "\"%s\" does not say \"%s\"",   \
                      unic_last_error(), part);                                                \
    } while (0)
#define base_assert_ok(call)                                                                   \
    ck_assert_msg((call) == UNIC_OK, "%s: %s", #call, unic_last_error())

/* ck_assert_msg writes to a file at every call; this macro is cheap enough for inner loops. */
#define base_require(condition, ...)                                                           \
    do {                                                                                       \
        if (!(condition))                                                                      \
            ck_abort_msg(__VA_ARGS__);                                                         \
    } while (0)

/* The library's heap from base_heap_watch() to base_heap_leave(). */
typedef struct base_heap {
    size_t fail_at; /* the call that fails, counted from 1; 0: none */
    bool stay_out;  /* and all calls after it                       */
    size_t skew;    /* added to malloc's address, below 64          */
    size_t calls, live;
    bool failed;
} base_heap;

void base_heap_watch(base_heap *heap);
void base_heap_leave(void);

/* Runs `scenario` with its first allocation failing, then its second, ... until it ends without
 * a failure, each time alone and with all that follow; each time the status must be
 * UNIC_E_NOMEM, and nothing may stay allocated. Returns the number of allocations. */
size_t base_fail_each_allocation(unic_status (*scenario)(void));

#endif
