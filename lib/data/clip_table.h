/*
 * A table of clips: a csv with a header line, as it comes with the CMG code's features. The
 * header's names identify the columns:
 *   video_id, filename, else id     the clip: the name of its files without the suffix
 *   category                        its class
 *   split                           the part of the data that the clip is in
 *   onset, offset, event_labels     its events (clip_events.h), or event_labels alone; with
 *                                   category in the place of event_labels, one event a line
 * or AVE's annotations, which need no header: Category&VideoID&Quality&StartTime&EndTime.
 * Other columns are ignored. Several lines of one clip are merged: it has the events of all
 * of them, and the other columns must agree. Classes are numbered in the order of their names
 * (class_names.h), over the lines of all splits, so that a number means the same in every split.
 */
#ifndef UNIC_DATA_CLIP_TABLE_H
#define UNIC_DATA_CLIP_TABLE_H

#include "data/class_names.h"

typedef struct unic__clip_event {
    uint32_t onset, offset; /* the steps onset <= t < offset; UINT32_MAX: until the end */
    int32_t class;
} unic__clip_event;

typedef struct unic__clip_event_list {
    unic__clip_event *at;
    size_t n;
} unic__clip_event_list;

/* The clips of other splits than the one that was asked for. */
typedef struct unic__other_clips {
    const char **ids;         /* [n] */
    int32_t *labels, *splits; /* [n], numbers of the table's classes before others join them */
    size_t n;
} unic__other_clips;

typedef struct unic__clip_table {
    const char **ids; /* [n], in the order of their first lines */
    size_t n;
    int32_t *labels;               /* [n], the class, -1: none; NULL without `category` */
    unic__class_names categories;  /* of the labels */
    unic__clip_event_list *events; /* [n]; NULL without events */
    unic__class_names event_names;
    int32_t *splits; /* [n], which of split_names; NULL without `split` */
    unic__class_names split_names;
    unic__other_clips others;
} unic__clip_table;

/* Allocates everything in the arena. `split` NULL takes every line; UNIC_E_NOTFOUND if no line
 * has this split. Assumptions are logged. */
unic_status unic__clip_table_read(unic__clip_table *out, unic__arena *arena, const char *path,
                                  const char *split);

/* ---- clip_splits.c ---- */

/* Keeps only the clips whose flag is set. */
void unic__clip_table_keep(unic__clip_table *x, const bool *keep);

/* Keeps only the clips of the split, which is spelt so; of the others, what x->others has. What
 * may have been meant, too, is logged. `path` is the table's. */
unic_status unic__clip_table_choose_split(unic__clip_table *x, unic__arena *arena,
                                          const char *path, const char *split);

/* The name of split number `split`, or NULL if that means none ("", "NA"). */
const char *unic__clip_table_split_of(const unic__clip_table *x, int32_t split);

/* ---- clip_labels.c ---- */

/* Number the classes as in `all`, the names of several tables together, which must stay valid.
 * They do nothing if the table has no such labels. */
unic_status unic__clip_table_number_categories(unic__clip_table *x,
                                               const unic__class_names *all);
unic_status unic__clip_table_number_events(unic__clip_table *x, const unic__class_names *all);

/* Labels [n,steps,classes + 1] of 0 and 1; the last class is "no event". */
void unic__clip_table_steps(const unic__clip_table *x, size_t steps, int32_t *out);

/* Labels [n,classes] of 0 and 1: whether the clip has an event of the class. */
void unic__clip_table_presence(const unic__clip_table *x, int32_t *out);

#endif
