/*
 * The events of clips, as three lists in a table's line say them:
 *
 *     onset   offset   event_labels
 *     0,2     3,10     Speech,Dog          or  [0, 2]  [3, 10]  ['Speech', 'Dog']
 *
 * Event i is heard or seen at onset <= t < offset, so one whose offset is its onset is in no
 * step. Without the two lists of times it is in every step. They are kept as they are, a few
 * bytes each, and become labels of steps when these are asked for.
 */
#ifndef UNIC_DATA_CLIP_EVENTS_H
#define UNIC_DATA_CLIP_EVENTS_H

#include "data/class_names.h"

typedef struct unic__event {
    size_t clip;
    uint32_t onset, offset; /* offset UINT32_MAX: to the clip's end */
    unic__piece name;       /* in the text */
    int32_t class;          /* once the classes are numbered */
} unic__event;

typedef struct unic__event_table {
    unic__event *at;
    size_t n, room;
    size_t empty; /* of them, those in no step */
} unic__event_table;

/* What a line says of its clip; onsets and offsets NULL: the table has no times. */
typedef struct unic__event_lists {
    const char *names, *onsets, *offsets;
} unic__event_lists;

/* Appends a line's events, whose names stay where they are. UNIC_E_FORMAT, without the line, if
 * the lists are not of one length. `events` is to be freed also on failure. */
unic_status unic__event_table_add(unic__event_table *events, size_t clip,
                                  const unic__event_lists *lists);
void unic__event_table_free(unic__event_table *events);

#endif
