#include <string.h>

#include "api/api.h"
#include "file/buffer.h"

static int64_t read_memory(void *buffer, size_t bytes, int64_t offset, void *user)
{
    memcpy(buffer, (const unsigned char *)user + offset, bytes);
    return (int64_t)bytes;
}

void unic_source_memory(unic_source *source, const void *data, size_t bytes, const char *name)
{
    if (!source)
        return;
    /* A buffer that no machine has, and no buffer that has bytes: refused with the source. */
    const bool possible = bytes <= INT64_MAX && (data || !bytes);
    memset(source, 0, sizeof *source);
    source->struct_size = sizeof *source;
    source->name = name ? name : "memory";
    source->size = possible ? (int64_t)bytes : -1;
    source->read_at = read_memory;
    source->user = (void *)(uintptr_t)data; /* which is only read */
}

unic_status unic_buffer_create(unic_buffer **out)
{
    UNIC__REQUIRE(out);
    UNIC__TRY_NAMED(unic__buffer_create(out));
    return UNIC_OK;
}

void unic_buffer_free(unic_buffer *buffer)
{
    unic__buffer_free(buffer);
}

/* Without a buffer, the sink has no functions: it is refused where it is used. */
void unic_buffer_sink(unic_sink *sink, unic_buffer *buffer)
{
    if (!sink)
        return;
    *sink = (unic_sink){.struct_size = sizeof *sink};
    if (buffer)
        unic__buffer_sink(sink, buffer);
}

const void *unic_buffer_data(const unic_buffer *buffer)
{
    return buffer && buffer->is_whole ? buffer->data : NULL;
}

size_t unic_buffer_byte_count(const unic_buffer *buffer)
{
    return buffer && buffer->is_whole ? buffer->size : 0;
}
