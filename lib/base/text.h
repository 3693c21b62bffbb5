/*
 * Texts, line by line: the one reader of all that people write (configs, tables, class maps). A
 * line ends with LF, CR LF, or CR alone, the last one with or without; a byte order mark of
 * UTF-8 at the beginning is passed over.
 */
#ifndef UNIC_BASE_TEXT_H
#define UNIC_BASE_TEXT_H

#include "base/base.h"

/* A piece of a text, which does not end with a NUL. */
typedef struct unic__piece {
    const char *start;
    size_t size;
} unic__piece;

/* The bytes that end a line at `at`: 2 for CR LF, 1 for LF or CR, else 0, also where the text
 * ends. */
size_t unic__line_end(const char *at, const char *end);

/* Where a text's first line begins: behind a byte order mark. UNIC_E_FORMAT for the marks of
 * UTF-16 and UTF-32, which are not read. A NUL is a byte like others here: the caller tells its
 * line. */
unic_status unic__text_begin(const char *text, size_t size, const char **first);

typedef struct unic__lines {
    const char *at, *end; /* what is not taken yet */
    size_t number;        /* of the line that was taken last, from 1 */
} unic__lines;

/* As unic__text_begin(). */
unic_status unic__lines_begin(unic__lines *lines, const char *text, size_t size);

/* The next line without its end; false behind the last one. */
bool unic__lines_next(unic__lines *lines, unic__piece *line);

/* Without the blanks and tabs around it. */
unic__piece unic__piece_trim(unic__piece piece);

#endif
