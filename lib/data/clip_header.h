/*
 * Which columns a table of clips has, by its first line; that of VGGSound's table and of AVE's
 * annotations names none, and is a clip's.
 */
#ifndef UNIC_DATA_CLIP_HEADER_H
#define UNIC_DATA_CLIP_HEADER_H

#include "data/csv.h"

typedef enum unic__clip_column {
    UNIC__COLUMN_ID,
    UNIC__COLUMN_CATEGORY,
    UNIC__COLUMN_SPLIT,
    UNIC__COLUMN_ONSET,
    UNIC__COLUMN_OFFSET,
    UNIC__COLUMN_EVENTS,
    UNIC__COLUMNS
} unic__clip_column;

enum { UNIC__NO_FIELD = UNIC__CSV_FIELDS };

typedef struct unic__clip_header {
    const char *path;            /* for messages */
    size_t place[UNIC__COLUMNS]; /* which field of a line it is, or UNIC__NO_FIELD */
    size_t start;  /* field of the second at which a clip starts, part of its name, or none */
    size_t n;      /* fields of the first line */
    bool headless; /* which is a clip's: `begun` */
    bool by_category; /* lines have times and no names of events: their category is one */
    unic__record begun;
} unic__clip_header;

/* Reads the first line. UNIC_E_FORMAT says which columns there are, and asks about one that may be
 * meant. */
unic_status unic__clip_header_read(unic__clip_header *out, unic__csv *csv);

bool unic__clip_header_has(const unic__clip_header *t, unic__clip_column c);

/* What the column is called: "video_id", "category", ... */
const char *unic__clip_column_name(unic__clip_column c);

/* "30" */
bool unic__is_second(const char *text);

#endif
