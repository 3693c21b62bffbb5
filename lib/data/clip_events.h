/*
 * The events of clips, given as three lists in a line of a table:
 *
 *     onset   offset   event_labels
 *     0,2     3,10     Speech,Dog          or  [0, 2]  [3, 10]  ['Speech', 'Dog']
 *
 * A name in quotes may contain commas, as in ['Male speech, man speaking']. One onset and one
 * offset before several names are those of each of them.
 *
 * Event i is in the steps onset <= t < offset, so an event whose offset equals its onset is in
 * no step. Without the two lists of times it is in every step. Events are stored in this form,
 * a few bytes each, and converted to labels of steps when those are read.
 */
#ifndef UNIC_DATA_CLIP_EVENTS_H
#define UNIC_DATA_CLIP_EVENTS_H

#include "data/class_names.h"

typedef struct unic__event {
    size_t clip;
    uint32_t onset, offset; /* offset UINT32_MAX: until the clip's end */
    unic__piece name;       /* in the text */
    int32_t class;          /* once the classes are numbered */
} unic__event;

typedef struct unic__event_table {
    unic__event *at;
    size_t n, room;
    size_t empty; /* events that are in no step */
    size_t alike; /* lines that give several events one time */
} unic__event_table;

/* A line's fields for its clip; onsets and offsets are NULL if the table has no times. */
typedef struct unic__event_lists {
    const char *names, *onsets, *offsets;
    bool whole; /* `names` is one name, not a list */
} unic__event_lists;

/* Appends a line's events; their names point into the text. UNIC_E_FORMAT, without the number
 * of the line, if the lists differ in length but for one time of several events. `events` must be freed also after a failure. */
unic_status unic__event_table_add(unic__event_table *events, size_t clip,
                                  const unic__event_lists *lists);
void unic__event_table_free(unic__event_table *events);

#endif
