/* Memory that grows, as a sink. */
#ifndef UNIC_FILE_BUFFER_H
#define UNIC_FILE_BUFFER_H

#include "base/base.h"
#include "unicode/unic_io.h"

struct unic_buffer {
    unsigned char *data;
    size_t size, room;
    bool is_whole; /* a save has finished; the next one begins anew */
};

unic_status unic__buffer_create(unic_buffer **out);
void unic__buffer_free(unic_buffer *b);
void unic__buffer_sink(unic_sink *sink, unic_buffer *b);

#endif
