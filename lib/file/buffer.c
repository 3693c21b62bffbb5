#include "file/buffer.h"

#include <string.h>

unic_status unic__buffer_create(unic_buffer **out)
{
    *out = unic__alloc_zero(sizeof **out);
    return *out ? UNIC_OK : unic__no_memory(sizeof **out, "a buffer");
}

void unic__buffer_free(unic_buffer *b)
{
    if (!b)
        return;
    unic__free(b->data);
    unic__free(b);
}

static void clear(unic_buffer *b)
{
    unic__free(b->data);
    *b = (unic_buffer){.data = NULL};
}

static int append(const void *data, size_t bytes, void *user)
{
    enum { FIRST = 1 << 12 };
    unic_buffer *b = user;
    size_t size;
    if (b->is_whole)
        clear(b);
    if (!unic__add_size(b->size, bytes, &size))
        return UNIC_E_NOMEM;
    if (size > b->room || !b->data) {
        const size_t twice = b->room < SIZE_MAX / 2 ? 2 * b->room : SIZE_MAX;
        const size_t room = size > twice ? size + FIRST : twice;
        void *grown = unic__realloc(b->data, b->size, room);
        if (!grown)
            return UNIC_E_NOMEM;
        b->data = grown;
        b->room = room;
    }
    memcpy(b->data + b->size, data, bytes);
    b->size = size;
    return 0;
}

static int finish(void *user)
{
    ((unic_buffer *)user)->is_whole = true;
    return 0;
}

static void abandon(void *user)
{
    clear(user);
}

void unic__buffer_sink(unic_sink *sink, unic_buffer *b)
{
    *sink = (unic_sink){.struct_size = sizeof *sink,
                        .name = "memory",
                        .write = append,
                        .finish = finish,
                        .abandon = abandon,
                        .user = b};
}
