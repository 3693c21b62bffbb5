/*
 * A list of words, one a line: a tokenizer's vocabulary, the words that are kept. The text is
 * hostile until parsed; afterwards its lines are found by their bytes, whole or from the first byte
 * on.
 */
#ifndef UNIC_EXTRACT_WORD_LIST_H
#define UNIC_EXTRACT_WORD_LIST_H

#include "base/text.h"

enum { UNIC__WORD_LIST_MOST = 1 << 24 }; /* bytes of its file */

typedef struct unic__word_line {
    unic__piece word;
    size_t number; /* of its line, from 0 */
} unic__word_line;

typedef struct unic__word_list {
    char *text;   /* the lines up to the last word, each ended by LF, and a NUL       */
    size_t lines; /* of the text                                                      */
    size_t n;     /* of `line`: without those that are empty, or stand again later on */
    unic__word_line *line; /* sorted by their bytes                                   */
} unic__word_list;

/* Blanks and tabs around a word do not count. UNIC_E_FORMAT, with the line, for a NUL and for bytes
 * that are no UTF-8; UNIC_E_NOMEM. */
unic_status unic__word_list_parse(unic__word_list **out, const char *text, size_t size);
void unic__word_list_free(unic__word_list *list); /* NULL is fine */

/* Lines that begin with the same bytes. */
typedef struct unic__word_range {
    size_t from, to;
} unic__word_range;

/* Of a range whose words have their first `at` bytes in common, those whose next one is `byte`. */
unic__word_range unic__word_list_narrow(const unic__word_list *list, unic__word_range range,
                                        size_t at, char byte);

/* The line of a word, from 0; -1: it is not in the list. */
int32_t unic__word_list_find(const unic__word_list *list, const char *word, size_t bytes);

#endif
