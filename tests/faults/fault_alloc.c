#include <check.h>
#include <execinfo.h>
#include <stdlib.h>

#include "faults.h"
#include "file/io_help.h"

static size_t seen, fails_at; /* atomic; 0: none fails */
static long live;             /* atomic */

/* Which calls led to each allocation: a hash of their addresses, the n-th at n - 1. */
enum { MOST_PLACES = 1 << 16, DEPTH = 24 };
static uint64_t places[MOST_PLACES];
static bool noting; /* atomic */

static void note_place(size_t n)
{
    void *calls[DEPTH];
    if (n <= MOST_PLACES)
        places[n - 1] = unic__hash_bytes(UNIC__FNV_START, calls,
                                         (size_t)backtrace(calls, DEPTH) * sizeof *calls);
}

static void *count_alloc(size_t bytes, void *user)
{
    (void)user;
    size_t n = __atomic_add_fetch(&seen, 1, __ATOMIC_RELAXED);
    if (__atomic_load_n(&noting, __ATOMIC_RELAXED))
        note_place(n);
    if (n == __atomic_load_n(&fails_at, __ATOMIC_RELAXED))
        return NULL;
    void *memory = malloc(bytes);
    __atomic_add_fetch(&live, memory != NULL, __ATOMIC_RELAXED);
    return memory;
}

static void count_release(void *memory, void *user)
{
    (void)user;
    __atomic_sub_fetch(&live, 1, __ATOMIC_RELAXED);
    free(memory);
}

void fault_allocator_begin(void)
{
    const unic_allocator allocator = {sizeof allocator, count_alloc, count_release, NULL};
    io_assert_ok(unic_set_allocator(&allocator));
}

void fault_allocator_end(void)
{
    io_assert_ok(unic_set_allocator(NULL));
}

size_t fault_allocation_fails(size_t n)
{
    __atomic_store_n(&fails_at, n, __ATOMIC_RELAXED);
    return __atomic_exchange_n(&seen, 0, __ATOMIC_RELAXED);
}

void fault_note_places(bool on)
{
    __atomic_store_n(&noting, on, __ATOMIC_RELAXED);
}

uint64_t fault_place(size_t n)
{
    return n <= MOST_PLACES ? places[n - 1] : n;
}

long fault_live_blocks(void)
{
    return __atomic_load_n(&live, __ATOMIC_RELAXED);
}
