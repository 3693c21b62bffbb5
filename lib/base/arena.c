#include <stdio.h>
#include <string.h>

#include "base/base.h"

/* Builds that watch memory give each piece a block of its own: the sanitizers see where it ends, and
 * the sweep of failing allocations meets every one. */
#ifdef UNIC_ARENA_PIECES
enum { BLOCK_BYTES = 0 };
#else
enum { BLOCK_BYTES = 16384 };
#endif
enum { ARENA_ALIGN = 16 };

struct unic__arena_block {
    struct unic__arena_block *next;
    size_t used, size; /* of the bytes after this header */
};

/* The header is padded so that what follows is aligned. */
static const size_t header = (sizeof(struct unic__arena_block) + ARENA_ALIGN - 1) /
                             ARENA_ALIGN * ARENA_ALIGN;

void *unic__arena_alloc(unic__arena *arena, size_t bytes)
{
    size_t need, total;
    if (!unic__add_size(bytes, ARENA_ALIGN - 1, &need))
        return NULL;
    need = need / ARENA_ALIGN * ARENA_ALIGN;
    struct unic__arena_block *block = arena->head;
    if (!block || block->size - block->used < need) {
        size_t size = need > BLOCK_BYTES ? need : BLOCK_BYTES;
        if (!unic__add_size(header, size, &total) || !(block = unic__alloc(total)))
            return NULL;
        *block = (struct unic__arena_block){arena->head, 0, size};
        arena->head = block;
    }
    unsigned char *memory = (unsigned char *)block + header + block->used;
    block->used += need;
    memset(memory, 0, need);
    return memory;
}

const char *unic__arena_vprintf(unic__arena *arena, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, again);
    va_end(again);
    char *text = n < 0 ? NULL : unic__arena_alloc(arena, (size_t)n + 1);
    if (text)
        vsnprintf(text, (size_t)n + 1, format, args);
    return text;
}

const char *unic__arena_printf(unic__arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *text = unic__arena_vprintf(arena, format, args);
    va_end(args);
    return text;
}

void unic__arena_free(unic__arena *arena)
{
    for (struct unic__arena_block *block = arena->head, *next; block; block = next) {
        next = block->next;
        unic__free(block);
    }
    arena->head = NULL;
}
