/*
 * Each allocation of each exported function fails in turn: the call says UNIC_E_NOMEM with a
 * message, nothing stays allocated, no file is touched, and the same call then succeeds and
 * gives what it gives where nothing fails. A function of lib/libunicode.map that has no case
 * fails the test.
 *
 * FAULTS=all tries every allocation of every call; FAULTS=places the first one of each place in the
 * code, told by the functions on the stack; otherwise calls with many allocations have a part of
 * them tried, the first ones and an even choice of the others.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "faults.h"
#include "file/io_help.h"

enum { FIRST = 24, CHOICE = 24 }; /* tried of each call, unless all are */

/* The number of allocations. */
static size_t call_with_failure(const fault_case *c, world *w, size_t n, unic_status *status)
{
    fault_allocation_fails(n);
    *status = c->call(w);
    return fault_allocation_fails(0);
}

/* ---- one function ---- */

typedef struct expected {
    uint64_t digest;
    size_t allocations;
    bool *tried; /* [allocations] those that are to fail; free() it */
} expected;

static bool is_faults(const char *choice)
{
    const char *faults = getenv("FAULTS");
    return faults && strcmp(faults, choice) == 0;
}

/* Allocation n, counted from 1, of `count`, whose places have just been noted. */
static bool is_tried(size_t n, size_t count)
{
    if (is_faults("places")) {
        size_t first = 1;
        while (first < n && fault_place(first) != fault_place(n))
            first++;
        return first == n;
    }
    if (is_faults("all") || n <= FIRST || count <= FIRST + CHOICE)
        return true;
    size_t stride = (count - FIRST) / CHOICE + 1;
    return (n - FIRST) % stride == 0 || n == count;
}

static expected without_failure(const fault_case *c)
{
    unic_status status;
    outputs_reset();
    long start = fault_live_blocks();
    world w = world_open(c->needs);
    fault_note_places(true);
    expected e = {.allocations = call_with_failure(c, &w, 0, &status)};
    fault_note_places(false);
    ck_assert_msg(status == UNIC_OK, "%s: %s: %s", c->function, unic_status_name(status),
                  unic_last_error());
    e.digest = w.digest;
    e.tried = calloc(e.allocations + 1, sizeof *e.tried);
    for (size_t n = 1; n <= e.allocations; n++)
        e.tried[n - 1] = is_tried(n, e.allocations);
    world_close(&w);
    ck_assert_msg(fault_live_blocks() == start, "%s: %ld blocks are left", c->function,
                  fault_live_blocks() - start);
    return e;
}

static void with_failure(const fault_case *c, const expected *e, size_t n)
{
    char what[128];
    unic_status status;
    snprintf(what, sizeof what, "%s, allocation %zu of %zu", c->function, n, e->allocations);
    if (c->is & WRITES)
        outputs_reset();
    long start = fault_live_blocks();
    world w = world_open(c->needs);
    long before = fault_live_blocks();
    call_with_failure(c, &w, n, &status);
    if ((c->is & READS_AHEAD) && status == UNIC_OK && w.digest == e->digest) {
        world_close(&w);
        return;
    }
    ck_assert_msg(status == UNIC_E_NOMEM, "%s: %s: %s", what, unic_status_name(status),
                  unic_last_error());
    ck_assert_msg(strstr(unic_last_error(), "memory") != NULL, "%s: \"%s\"", what,
                  unic_last_error());
    ck_assert_msg((c->is & KEEPS) || fault_live_blocks() == before, "%s: %ld blocks are left",
                  what, fault_live_blocks() - before);
    if (c->is & WRITES)
        outputs_assert_old(what);
    w.digest = UNIC__FNV_START;
    status = c->call(&w);
    ck_assert_msg(status == UNIC_OK, "%s, made again: %s: %s", what, unic_status_name(status),
                  unic_last_error());
    ck_assert_msg(w.digest == e->digest, "%s: gives something else when made again", what);
    world_close(&w);
    ck_assert_msg(fault_live_blocks() == start, "%s: %ld blocks are left at the end", what,
                  fault_live_blocks() - start);
}

/* ---- tests ---- */

enum { MAX_CASES = 256 };
static const fault_case *cases[MAX_CASES];
static int case_count;
static size_t tried, functions;

START_TEST(each_allocation_fails_in_turn)
{
    const fault_case *c = cases[_i];
    expected e = without_failure(c);
    ck_assert_msg((e.allocations == 0) == ((c->is & NOTHING) != 0), "%s: %zu allocations",
                  c->function, e.allocations);
    for (size_t n = 1; n <= e.allocations; n++)
        if (e.tried[n - 1]) {
            with_failure(c, &e, n);
            tried++;
        }
    free(e.tried);
}
END_TEST

/* In the order of the exports: each has a case, and each case is an export's. */
START_TEST(each_exported_function_has_a_case)
{
    char line[256], function[256];
    int known = 0;
    FILE *map = fopen("lib/libunicode.map", "r");
    ck_assert(map != NULL);
    while (fgets(line, sizeof line, map))
        if (sscanf(line, " %255[a-z0-9_];", function) == 1 &&
            strncmp(function, "unic_", 5) == 0) {
            int found = 0;
            for (int i = 0; i < case_count; i++)
                found += strcmp(cases[i]->function, function) == 0;
            ck_assert_msg(found > 0, "%s has no case in tests/faults", function);
            known += found;
            functions++;
        }
    fclose(map);
    ck_assert_int_eq(known, case_count);
    ck_assert_uint_gt(functions, 150);
}
END_TEST

static void begin(void)
{
    world_files_make();
    fault_allocator_begin();
}

static void end(void)
{
    fault_allocator_end();
    world_files_remove();
}

int main(void)
{
    for (size_t t = 0; fault_tables[t]; t++)
        for (const fault_case *c = fault_tables[t]; c->function; c++)
            cases[case_count++] = c;
    TCase *t = tcase_create("memory");
    tcase_add_unchecked_fixture(t, begin, end);
    tcase_add_test(t, each_exported_function_has_a_case);
    tcase_add_loop_test(t, each_allocation_fails_in_turn, 0, case_count);
    unic_set_threads(1);
    int failed = small_run("failing allocations", t);
    printf("%zu exported functions, %d calls, %zu failing allocations\n", functions, case_count,
           tried);
    return failed;
}
