/*
 * Delimited text (csv, tsv): lines of fields. Fields become strings in place, without
 * surrounding blanks. A quoted field may contain the delimiter, line ends, and doubled quotes:
 *
 *     video_id, category
 *     a,"say ""x"", please"
 *
 * The first line decides the delimiter: tabs if it has one, else commas, else semicolons, else
 * bars. Four of '&' are AVE's annotations, whatever else it has.
 */
#ifndef UNIC_DATA_CSV_H
#define UNIC_DATA_CSV_H

#include "base/base.h"

enum { UNIC__CSV_FIELDS = 1 << 16 }; /* the most of a line */

typedef struct unic__csv {
    const char *path;   /* for messages */
    unic__arena *arena; /* of the records' fields */
    char *at, *end;     /* the unread rest */
    char delimiter;
    size_t number; /* of the line at `at`, from 1 */
} unic__csv;

/* A line that is not empty. It begins as {0}, and each line that is read into it has the room of
 * those before. */
typedef struct unic__record {
    const char **fields; /* [n] */
    size_t room;
    size_t n;      /* 0: the text has ended */
    size_t number; /* of the line that it begins in */
} unic__record;

/* `text` has `size` bytes and a NUL behind them; it is changed, and must stay valid as long as
 * the fields. UNIC_E_FORMAT if it is not a text. */
unic_status unic__csv_begin(unic__csv *csv, unic__arena *arena, const char *path, char *text,
                            size_t size);

unic_status unic__csv_next(unic__csv *csv, unic__record *record);

/* An upper bound on the number of lines not read yet. */
size_t unic__csv_lines(const unic__csv *csv);

#endif
