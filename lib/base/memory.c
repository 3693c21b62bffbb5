#include <stdlib.h>
#include <string.h>

#include "base/base.h"

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
    if (allocator->struct_size < sizeof *allocator)
        return unic__fail(UNIC_E_ARG, "unic_set_allocator: struct_size is %zu, expected %zu",
                          allocator->struct_size, sizeof *allocator);
    if (!allocator->alloc || !allocator->release)
        return unic__fail(UNIC_E_ARG,
                          "unic_set_allocator: alloc and release must both be given");
    current = *allocator;
    return UNIC_OK;
}

bool unic__mul_size(size_t a, size_t b, size_t *product)
{
    return !__builtin_mul_overflow(a, b, product);
}

bool unic__add_size(size_t a, size_t b, size_t *sum)
{
    return !__builtin_add_overflow(a, b, sum);
}

/*
 * The hook gives malloc's alignment, kernels want a cache line's: a block is over-allocated,
 * and the pointer the hook gave stands in the word before the aligned address.
 */
void *unic__alloc(size_t bytes)
{
    size_t total;
    if (!unic__add_size(bytes, UNIC__ALIGN + sizeof(void *), &total))
        return NULL;
    unsigned char *raw = current.alloc(total, current.user);
    if (!raw)
        return NULL;
    uintptr_t start = (uintptr_t)raw + sizeof(void *);
    size_t shift = (UNIC__ALIGN - start % UNIC__ALIGN) % UNIC__ALIGN;
    unsigned char *aligned = raw + sizeof(void *) + shift;
    memcpy(aligned - sizeof(void *), &raw, sizeof raw);
    return aligned;
}

void *unic__alloc_zero(size_t bytes)
{
    void *memory = unic__alloc(bytes);
    if (memory)
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
    void *raw;
    memcpy(&raw, (unsigned char *)memory - sizeof(void *), sizeof raw);
    current.release(raw, current.user);
}

char *unic__strdup(const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = unic__alloc(bytes);
    if (copy)
        memcpy(copy, text, bytes);
    return copy;
}
