#include "base_help.h"

#include <stdlib.h>
#include <string.h>

/* In the place of Check's (Makefile, CHECK_LIBS). */
void __wrap__mark_point(const char *file, int line);

void __wrap__mark_point(const char *file, int line)
{
    (void)file;
    (void)line;
}

int base_run(const char *name, TCase *tests)
{
    Suite *suite = suite_create(name);
    tcase_set_timeout(tests, 120);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

/* What the hook gives is full of this, as malloc gives no promise. */
enum { DIRT = 0xA5, ROOM = 64 };

/* The address that malloc gave stands ROOM bytes before the skewed one. */
static void *heap_alloc(size_t bytes, void *user)
{
    base_heap *heap = user;
    heap->calls++;
    if (heap->fail_at > 0 &&
        (heap->calls == heap->fail_at || (heap->stay_out && heap->calls > heap->fail_at))) {
        heap->failed = true;
        return NULL;
    }
    unsigned char *raw = malloc(2 * ROOM + bytes);
    if (!raw)
        return NULL;
    unsigned char *memory = raw + ROOM + heap->skew;
    memcpy(memory - ROOM, &raw, sizeof raw);
    memset(memory, DIRT, bytes);
    heap->live++;
    return memory;
}

static void heap_release(void *memory, void *user)
{
    base_heap *heap = user;
    unsigned char *raw;
    ck_assert_ptr_nonnull(memory);
    memcpy(&raw, (unsigned char *)memory - ROOM, sizeof raw);
    free(raw);
    heap->live--;
}

void base_heap_watch(base_heap *heap)
{
    const unic_allocator hook = {sizeof hook, heap_alloc, heap_release, heap};
    ck_assert_int_eq(unic_set_allocator(&hook), UNIC_OK);
}

void base_heap_leave(void)
{
    unic_set_allocator(NULL);
}

size_t base_fail_each_allocation(unic_status (*scenario)(void))
{
    base_heap heap;
    size_t n = 0;
    do {
        n++;
        for (int stay_out = 0; stay_out < 2; stay_out++) {
            heap = (base_heap){.fail_at = n, .stay_out = stay_out};
            base_heap_watch(&heap);
            unic_status status = scenario();
            base_heap_leave();
            base_require(status == (heap.failed ? UNIC_E_NOMEM : UNIC_OK),
                         "allocation %zu failed, status %s: %s", n, unic_status_name(status),
                         unic_last_error());
            base_require(!heap.failed || strstr(unic_last_error(), "out of memory"),
                         "allocation %zu failed: \"%s\" does not say so", n, unic_last_error());
            base_require(heap.live == 0, "allocation %zu failed, %zu blocks leaked", n,
                         heap.live);
        }
    } while (heap.failed);
    return n - 1;
}
