/*
 * A table of clips: a csv with a header line, as it comes with the CMG code's features. One
 * line is one clip; what the header calls them tells the columns: video_id or filename the
 * clip, which is its files' name without the suffix category                        its class
 *   split                           the part of the data that it is in
 *   onset, offset, event_labels     lists: event i is heard or seen at onset <= t < offset
 * Other columns are ignored. Classes are numbered in the order of their names' bytes, over all
 * lines whatever their split, so that a number means the same in every split.
 */
#ifndef UNIC_DATA_CLIP_TABLE_H
#define UNIC_DATA_CLIP_TABLE_H

#include "base/base.h"

typedef struct unic__clip_table {
    const char **ids; /* [n], in the file's order */
    size_t n;
    int32_t *labels; /* [n], the class; NULL without `category` */
    int32_t
        *events; /* [n,steps,classes + 1], 0 or 1, the last: no event; NULL without events */
    size_t steps, classes;
} unic__clip_table;

/* Everything goes into the arena. `split` NULL takes every line; UNIC_E_NOTFOUND if no line has
 * it. Delimited by tabs if the header has one, else by commas; a field may be quoted. */
unic_status unic__clip_table_read(unic__clip_table *out, unic__arena *arena, const char *path,
                                  const char *split);

/* Keeps only the clips whose flag is set. */
void unic__clip_table_keep(unic__clip_table *x, const bool *keep);

#endif
