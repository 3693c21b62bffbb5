#include <string.h>

#include "base/base.h"
#include "unicode/unic_io.h"

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
