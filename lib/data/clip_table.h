/*
 * A table of clips: a csv with a header line, as it comes with the CMG code's features. What the
 * header calls them tells the columns:
 *   video_id, filename, else id     the clip, which is its files' name without the suffix
 *   category                        its class
 *   split                           the part of the data that it is in
 *   onset, offset, event_labels     its events (clip_events.h), or event_labels alone
 * Other columns are ignored. Lines of one clip are one clip with the events of all of them;
 * they must agree in the rest. Classes are numbered in the order of their names' bytes, over
 * all lines whatever their split, so that a number means the same in every split.
 */
#ifndef UNIC_DATA_CLIP_TABLE_H
#define UNIC_DATA_CLIP_TABLE_H

#include "data/class_names.h"

typedef struct unic__clip_event {
    uint32_t onset, offset; /* of the steps onset <= t < offset; UINT32_MAX: to the end */
    int32_t class;
} unic__clip_event;

typedef struct unic__clip_event_list {
    unic__clip_event *at;
    size_t n;
} unic__clip_event_list;

typedef struct unic__clip_table {
    const char **ids; /* [n], in the order of their first lines */
    size_t n;
    int32_t *labels;               /* [n], the class, -1: none; NULL without `category` */
    unic__class_names categories;  /* of the labels */
    unic__clip_event_list *events; /* [n]; NULL without `event_labels` */
    unic__class_names event_names;
} unic__clip_table;

/* Everything goes into the arena. `split` NULL takes every line; UNIC_E_NOTFOUND if no line has
 * it. What was assumed is logged. */
unic_status unic__clip_table_read(unic__clip_table *out, unic__arena *arena, const char *path,
                                  const char *split);

/* Keeps only the clips whose flag is set. */
void unic__clip_table_keep(unic__clip_table *x, const bool *keep);

/* ---- clip_labels.c ---- */

/* Number the classes as `all` does, the names of several tables together; it has to stay.
 * Without such labels there is nothing to do. */
unic_status unic__clip_table_number_categories(unic__clip_table *x,
                                               const unic__class_names *all);
unic_status unic__clip_table_number_events(unic__clip_table *x, const unic__class_names *all);

/* [n,steps,classes + 1] of 0 and 1, the last: no event. */
void unic__clip_table_steps(const unic__clip_table *x, size_t steps, int32_t *out);

/* [n,classes] of 0 and 1: whether the clip has such an event. */
void unic__clip_table_presence(const unic__clip_table *x, int32_t *out);

#endif
