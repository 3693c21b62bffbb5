/* lib/base/memory.c, arena.c: the allocator hook, alignment, sizes, arenas. */
#include <stdlib.h>
#include <string.h>

#include "base_help.h"

static const size_t sizes[] = {0, 1, 8, 63, 64, 65, 1000, 100000};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

static bool is_aligned(const void *memory, size_t to)
{
    return (uintptr_t)memory % to == 0;
}

static bool all_bytes(const void *memory, unsigned char value, size_t bytes)
{
    const unsigned char *at = memory;
    for (size_t i = 0; i < bytes; i++)
        if (at[i] != value)
            return false;
    return true;
}

START_TEST(blocks_are_aligned) /* whatever the hook's alignment */
{
    for (size_t skew = 0; skew < 64; skew += 8) {
        base_heap heap = {.skew = skew};
        void *block[SIZES];
        base_heap_watch(&heap);
        for (size_t i = 0; i < SIZES; i++) {
            block[i] = unic__alloc(sizes[i]);
            ck_assert_ptr_nonnull(block[i]);
            ck_assert(is_aligned(block[i], UNIC__ALIGN));
            memset(block[i], (int)i, sizes[i]);
        }
        for (size_t i = 0; i < SIZES; i++) {
            ck_assert(all_bytes(block[i], (unsigned char)i, sizes[i]));
            unic__free(block[i]);
        }
        ck_assert_uint_eq(heap.calls, SIZES);
        ck_assert_uint_eq(heap.live, 0);
        base_heap_leave();
    }
}
END_TEST

START_TEST(cleared_blocks_are_cleared)
{
    base_heap heap = {0}; /* its memory is dirty */
    base_heap_watch(&heap);
    for (size_t i = 0; i < SIZES; i++) {
        void *zero = unic__alloc_zero(sizes[i]), *array = unic__alloc_array(sizes[i], 3);
        ck_assert(zero && array && is_aligned(zero, UNIC__ALIGN));
        ck_assert(all_bytes(zero, 0, sizes[i]) && all_bytes(array, 0, 3 * sizes[i]));
        unic__free(zero);
        unic__free(array);
    }
    unic__free(NULL);
    ck_assert_uint_eq(heap.live, 0);
    base_heap_leave();
}
END_TEST

START_TEST(sizes_that_overflow_are_refused)
{
    base_heap heap = {0};
    base_heap_watch(&heap);
    ck_assert_ptr_null(unic__alloc(SIZE_MAX));
    ck_assert_ptr_null(unic__alloc(SIZE_MAX - UNIC__ALIGN));
    ck_assert_ptr_null(unic__alloc_zero(SIZE_MAX - sizeof(void *)));
    ck_assert_ptr_null(unic__alloc_array(SIZE_MAX / 4, 8));
    ck_assert_ptr_null(unic__alloc_array(8, SIZE_MAX / 4));
    ck_assert_ptr_null(unic__alloc_array(SIZE_MAX / 2 + 1, 2)); /* 0, were it not checked */
    ck_assert_ptr_null(unic__alloc_array(2, SIZE_MAX / 2 + 33));
    ck_assert_ptr_null(unic__realloc(NULL, 0, SIZE_MAX));
    ck_assert_uint_eq(heap.calls, 0);
    base_heap_leave();
}
END_TEST

START_TEST(checked_sums_and_products)
{
    size_t out;
    ck_assert(unic__mul_size(PTRDIFF_MAX, 1, &out) && out == PTRDIFF_MAX);
    ck_assert(unic__mul_size(SIZE_MAX, 0, &out) && out == 0);
    ck_assert(unic__mul_size(SIZE_MAX / 4, 2, &out) && out == PTRDIFF_MAX - 1);
    ck_assert(!unic__mul_size(SIZE_MAX / 4 + 1, 2, &out)); /* no object is so large */
    ck_assert(!unic__mul_size(SIZE_MAX / 2 + 1, 2, &out));
    ck_assert(!unic__mul_size((size_t)1 << 32, (size_t)1 << 32, &out));
    ck_assert(unic__add_size(PTRDIFF_MAX - 3, 3, &out) && out == PTRDIFF_MAX);
    ck_assert(!unic__add_size(PTRDIFF_MAX - 3, 4, &out));
    ck_assert(!unic__add_size(SIZE_MAX - 3, 4, &out));
    ck_assert(!unic__add_size(1, SIZE_MAX, &out));
}
END_TEST

START_TEST(realloc_keeps_the_contents)
{
    char *memory = unic__realloc(NULL, 0, 4);
    ck_assert_ptr_nonnull(memory);
    memcpy(memory, "abcd", 4);
    memory = unic__realloc(memory, 4, 4000);
    ck_assert(memory && is_aligned(memory, UNIC__ALIGN) && memcmp(memory, "abcd", 4) == 0);
    memory = unic__realloc(memory, 4000, 2);
    ck_assert(memory && memcmp(memory, "ab", 2) == 0);
    unic__free(memory);
    char *copy = unic__strdup("a name");
    ck_assert_str_eq(copy, "a name");
    unic__free(copy);
}
END_TEST

START_TEST(without_memory_there_is_null)
{
    base_heap heap = {.fail_at = 2, .stay_out = true};
    base_heap_watch(&heap);
    char *old = unic__alloc(4);
    memcpy(old, "abcd", 4);
    ck_assert_ptr_null(unic__alloc(1));
    ck_assert_ptr_null(unic__alloc_zero(1));
    ck_assert_ptr_null(unic__alloc_array(1, 1));
    ck_assert_ptr_null(unic__strdup("x"));
    ck_assert_ptr_null(unic__realloc(old, 4, 100));
    ck_assert_int_eq(memcmp(old, "abcd", 4), 0); /* it stays */
    ck_assert_uint_eq(heap.live, 1);
    unic__free(old);
    ck_assert_uint_eq(heap.live, 0);
    base_heap_leave();
}
END_TEST

static void *no_alloc(size_t bytes, void *user)
{
    (void)bytes;
    (void)user;
    return NULL;
}

static void no_release(void *memory, void *user)
{
    (void)memory;
    (void)user;
}

START_TEST(wrong_allocators_are_refused)
{
    unic_allocator hook = {sizeof hook - 1, no_alloc, no_release, NULL};
    base_assert_fails(unic_set_allocator(&hook), UNIC_E_ARG,
                      "allocator has struct_size 31, sizeof(unic_allocator) = 32 expected");
    hook = (unic_allocator){sizeof hook, NULL, no_release, NULL};
    base_assert_fails(unic_set_allocator(&hook), UNIC_E_ARG, "must both be given");
    hook = (unic_allocator){sizeof hook, no_alloc, NULL, NULL};
    base_assert_fails(unic_set_allocator(&hook), UNIC_E_ARG, "must both be given");
    void *memory = unic__alloc(1); /* the refused ones were not taken */
    ck_assert_ptr_nonnull(memory);
    unic__free(memory);
    hook = (unic_allocator){sizeof hook + 8, no_alloc, no_release,
                            NULL}; /* a later version's */
    base_assert_ok(unic_set_allocator(&hook));
    ck_assert_ptr_null(unic__alloc(1));
    base_assert_ok(unic_set_allocator(NULL));
    memory = unic__alloc(1);
    ck_assert_ptr_nonnull(memory);
    unic__free(memory);
}
END_TEST

START_TEST(arena_objects_are_apart)
{
    enum { N = 400 };
    base_heap heap = {0};
    base_heap_watch(&heap);
    for (int round = 0; round < 2; round++) { /* the second after a free */
        unic__arena arena = {0};
        unsigned char *object[N];
        size_t size[N];
        for (size_t i = 0; i < N; i++) {
            size[i] = i % 50 == 49 ? 20000 : i * 7 % 311; /* now and then more than a block */
            object[i] = unic__arena_alloc(&arena, size[i]);
            ck_assert_ptr_nonnull(object[i]);
            ck_assert(is_aligned(object[i], 16) && all_bytes(object[i], 0, size[i]));
            memset(object[i], (int)(i % 255 + 1), size[i]);
        }
        for (size_t i = 0; i < N; i++)
            ck_assert(all_bytes(object[i], (unsigned char)(i % 255 + 1), size[i]));
        unic__arena_free(&arena);
        ck_assert_ptr_null(arena.head);
        ck_assert_uint_eq(heap.live, 0);
    }
    base_heap_leave();
}
END_TEST

START_TEST(arena_asks_for_few_blocks)
{
    base_heap heap = {0};
    unic__arena arena = {0};
    base_heap_watch(&heap);
    for (int i = 0; i < 1000; i++)
        ck_assert_ptr_nonnull(unic__arena_alloc(&arena, 16));
#ifdef UNIC_ARENA_PIECES /* each is a block of its own */
    ck_assert_uint_eq(heap.calls, 1000);
#else
    ck_assert_uint_eq(heap.calls, 1);
#endif
    unic__arena_free(&arena);
    unic__arena_free(&arena); /* of an empty one */
    base_heap_leave();
}
END_TEST

START_TEST(arena_without_memory)
{
    base_heap heap = {.fail_at = 2};
    unic__arena arena = {0};
    base_heap_watch(&heap);
    char *first = unic__arena_alloc(&arena, 16000);
    memset(first, 1, 16000);
    ck_assert_ptr_null(unic__arena_alloc(&arena, 16000));
    ck_assert(all_bytes(first, 1, 16000));
    ck_assert_ptr_nonnull(unic__arena_alloc(&arena, 16000)); /* and it goes on */
    ck_assert_ptr_null(unic__arena_alloc(&arena, SIZE_MAX));
    ck_assert_ptr_null(unic__arena_alloc(&arena, SIZE_MAX - 15));
    unic__arena_free(&arena);
    ck_assert_uint_eq(heap.live, 0);
    heap = (base_heap){.fail_at = 1};
    ck_assert_ptr_null(unic__arena_printf(&arena, "%d", 1));
    base_heap_leave();
}
END_TEST

START_TEST(arena_texts)
{
    unic__arena arena = {0};
    const char *name = unic__arena_printf(&arena, "%s.layer%d", "image", 3);
    const char *empty = unic__arena_printf(&arena, "%s", "");
    char text[20001];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    const char *copy = unic__arena_printf(&arena, "%s", text);
    ck_assert_str_eq(name, "image.layer3");
    ck_assert_str_eq(empty, "");
    ck_assert_str_eq(copy, text);
    unic__arena_free(&arena);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("memory");
    tcase_add_test(t, blocks_are_aligned);
    tcase_add_test(t, cleared_blocks_are_cleared);
    tcase_add_test(t, sizes_that_overflow_are_refused);
    tcase_add_test(t, checked_sums_and_products);
    tcase_add_test(t, realloc_keeps_the_contents);
    tcase_add_test(t, without_memory_there_is_null);
    tcase_add_test(t, wrong_allocators_are_refused);
    tcase_add_test(t, arena_objects_are_apart);
    tcase_add_test(t, arena_asks_for_few_blocks);
    tcase_add_test(t, arena_without_memory);
    tcase_add_test(t, arena_texts);
    return base_run("base/memory", t);
}
