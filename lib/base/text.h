/*
 * Reads texts line by line, for every text format (configs, tables, class maps). A line ends
 * with LF, CR LF, or CR alone; the last line need not have an end. A UTF-8 byte order mark at
 * the beginning is skipped.
 */
#ifndef UNIC_BASE_TEXT_H
#define UNIC_BASE_TEXT_H

#include "base/base.h"

/* A part of a text, without a terminating NUL. */
typedef struct unic__piece {
    const char *start;
    size_t size;
} unic__piece;

/* The size of the line end at `at`: 2 for CR LF, 1 for LF or CR, else 0, also at the end of the
 * text. */
size_t unic__line_end(const char *at, const char *end);

/* Where a text's first line begins: after a byte order mark. UNIC_E_FORMAT for UTF-16 and UTF-32,
 * with a mark or without, which are not supported. Any other NUL is an ordinary byte here; the caller
 * refuses it and names its line. */
unic_status unic__text_begin(const char *text, size_t size, const char **first);

typedef struct unic__lines {
    const char *at, *end; /* the unread rest */
    size_t number;        /* of the line that was read last, from 1 */
} unic__lines;

/* Fails as unic__text_begin() does. */
unic_status unic__lines_begin(unic__lines *lines, const char *text, size_t size);

/* The next line without its end; false after the last one. */
bool unic__lines_next(unic__lines *lines, unic__piece *line);

/* What a message or a name from a file must be, to stay one line, not to steer a terminal and to be
 * seen: control characters and those that are not seen become "?", in place (base/printable.c). */
void unic__text_printable(char *text);

/* Adds a name to a list "a, b" for messages, as long as there is room; the list begins as "". */
void unic__text_list_add(char *text, size_t size, const char *name);

/* A to Z as a to z, and back. Not tolower() and strcasecmp(), which ask the locale: in a Turkish one
 * I is no capital i. */
char unic__lower(char c);
char unic__upper(char c);

/* Whether the first `size` bytes are the same but for capitals. */
bool unic__is_same_but_capitals(const char *a, const char *b, size_t size);
/* The same of whole words. */
bool unic__is_same_word(const char *a, const char *b);
/* Whether the name has the suffix, whatever its capitals, and more in front of it. */
bool unic__has_suffix(const char *name, const char *suffix);
/* Whether the word stands anywhere in the name, whatever its capitals. */
bool unic__has_word(const char *name, const char *word);

/* The piece without leading and trailing blanks and tabs. */
unic__piece unic__piece_trim(unic__piece piece);

#endif
