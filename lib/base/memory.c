#define _DEFAULT_SOURCE /* madvise */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/structs.h"

static void *default_alloc(size_t bytes, void *user)
{
    (void)user;
    return malloc(bytes);
}

static void default_release(void *memory, void *user)
{
    (void)user;
    free(memory);
}

static unic_allocator current = {sizeof(unic_allocator), default_alloc, default_release, NULL};

unic_status unic_set_allocator(const unic_allocator *allocator)
{
    if (!allocator) {
        current = (unic_allocator){sizeof current, default_alloc, default_release, NULL};
        return UNIC_OK;
    }
    UNIC__TRY(unic__struct_check(&unic__allocator_kind, allocator, __func__, "allocator"));
    if (!allocator->alloc || !allocator->release)
        return unic__fail(UNIC_E_ARG,
                          "unic_set_allocator: alloc and release must both be given");
    current = *allocator;
    return UNIC_OK;
}

bool unic__mul_size(size_t a, size_t b, size_t *product)
{
    return !__builtin_mul_overflow(a, b, product) && *product <= PTRDIFF_MAX;
}

bool unic__add_size(size_t a, size_t b, size_t *sum)
{
    return !__builtin_add_overflow(a, b, sum) && *sum <= PTRDIFF_MAX;
}

/* ---- budgets ---- */

static uint64_t budgets; /* atomic; how many there were */
static _Thread_local unic__budget *budget;

void unic__budget_init(unic__budget *b, size_t limit, const char *path)
{
    const char *slash = strrchr(path, '/');
    *b = (unic__budget){.limit = limit};
    b->id = __atomic_add_fetch(&budgets, 1, __ATOMIC_RELAXED);
    snprintf(b->name, sizeof b->name, "%s", slash && slash[1] ? slash + 1 : path);
}

unic__budget *unic__budget_enter(unic__budget *b)
{
    unic__budget *before = budget;
    budget = b && (b->limit || b->progress.fn) ? b : NULL;
    return before;
}

const char *unic__bytes_print(size_t bytes, char text[UNIC__BYTES_TEXT])
{
    static const char *const units[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
    double value = (double)bytes / 1e3;
    size_t unit = 0;
    if (bytes < 1000) {
        snprintf(text, UNIC__BYTES_TEXT, bytes == 1 ? "%zu byte" : "%zu bytes", bytes);
        return text;
    }
    for (; value >= 999.95 && unit < 5; unit++)
        value /= 1e3;
    bool whole = value - (double)(long)value < 0.05 || value - (double)(long)value >= 0.95;
    snprintf(text, UNIC__BYTES_TEXT, whole ? "%.0f %s" : "%.1f %s", value, units[unit]);
    return text;
}

unic_status unic__budget_leave(unic__budget *before, unic_status status)
{
    char asks[UNIC__BYTES_TEXT], limit[UNIC__BYTES_TEXT];
    unic__budget *b = budget;
    budget = before;
    size_t asked = b ? __atomic_exchange_n(&b->asked, 0, __ATOMIC_RELAXED) : 0;
    if (status == UNIC_OK || !asked)
        return status;
    unic__bytes_print(asked, asks);
    unic__bytes_print(b->limit, limit);
    if (strcmp(asks, limit) == 0) {
        snprintf(asks, sizeof asks, "%zu bytes", asked);
        snprintf(limit, sizeof limit, "%zu", b->limit);
    }
    return unic__fail(UNIC_E_NOMEM, "%s asks for %s, the limit is %s", b->name, asks, limit);
}

/* Whether this thread's budget, if it has one, has room. */
static bool charge(size_t bytes)
{
    if (!budget || !budget->limit)
        return true;
    size_t used = __atomic_load_n(&budget->used, __ATOMIC_RELAXED), sum;
    do {
        if (!unic__add_size(used, bytes, &sum))
            sum = SIZE_MAX;
        if (sum > budget->limit) {
            __atomic_store_n(&budget->asked, sum, __ATOMIC_RELAXED);
            return false;
        }
    } while (!__atomic_compare_exchange_n(&budget->used, &used, sum, true, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED));
    return true;
}

static void refund(uint64_t id, size_t bytes)
{
    if (budget && budget->id == id)
        __atomic_sub_fetch(&budget->used, bytes, __ATOMIC_RELAXED);
}

/* ---- blocks ---- */

/* Stands before every block. */
typedef struct block_header {
    void *raw;    /* what the hook gave */
    size_t bytes; /* that were charged */
    uint64_t id;  /* of the budget; 0: to none */
} block_header;

/*
 * The hook gives malloc's alignment, kernels want a cache line's: a block is over-allocated,
 * and its header stands before the aligned address.
 */
void *unic__alloc(size_t bytes)
{
    size_t total;
    if (!charge(bytes))
        return NULL;
    block_header h = {NULL, bytes, budget && budget->limit ? budget->id : 0};
    if (unic__add_size(bytes, UNIC__ALIGN + sizeof(block_header), &total))
        h.raw = current.alloc(total, current.user);
    if (!h.raw) {
        refund(h.id, bytes);
        return NULL;
    }
    uintptr_t start = (uintptr_t)h.raw + sizeof h;
    size_t shift = (UNIC__ALIGN - start % UNIC__ALIGN) % UNIC__ALIGN;
    unsigned char *aligned = (unsigned char *)h.raw + sizeof h + shift;
    memcpy(aligned - sizeof h, &h, sizeof h);
    return aligned;
}

/*
 * Large blocks are asked for in pages of 2 MiB, where the system has them: weights are read from
 * beginning to end in every call, which otherwise looks up a page of 4 KiB every few hundred
 * nanoseconds. It is advice, whose refusal is nothing; the pages are all written next, so that no
 * more memory is taken.
 */
static void advise_large_pages(void *memory, size_t bytes)
{
#ifdef MADV_HUGEPAGE
    enum { LEAST = 1 << 22, PAGE = 1 << 12 };
    if (bytes < LEAST)
        return;
    const size_t before = (PAGE - (uintptr_t)memory % PAGE) % PAGE;
    madvise((char *)memory + before, (bytes - before) / PAGE * PAGE, MADV_HUGEPAGE);
#else
    (void)memory;
    (void)bytes;
#endif
}

void *unic__alloc_zero(size_t bytes)
{
    void *memory = unic__alloc(bytes);
    if (!memory)
        return NULL;
    advise_large_pages(memory, bytes);
    memset(memory, 0, bytes);
    return memory;
}

void *unic__alloc_array(size_t count, size_t size)
{
    size_t bytes;
    return unic__mul_size(count, size, &bytes) ? unic__alloc_zero(bytes) : NULL;
}

void *unic__realloc(void *memory, size_t old_bytes, size_t bytes)
{
    void *grown = unic__alloc(bytes);
    if (!grown)
        return NULL;
    if (memory)
        memcpy(grown, memory, old_bytes < bytes ? old_bytes : bytes);
    unic__free(memory);
    return grown;
}

void unic__free(void *memory)
{
    if (!memory)
        return;
    block_header h;
    memcpy(&h, (unsigned char *)memory - sizeof h, sizeof h);
    refund(h.id, h.bytes);
    current.release(h.raw, current.user);
}

char *unic__strdup(const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = unic__alloc(bytes);
    if (copy)
        memcpy(copy, text, bytes);
    return copy;
}
