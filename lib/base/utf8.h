/* UTF-8: code points one after another, and the words between blanks. */
#ifndef UNIC_BASE_UTF8_H
#define UNIC_BASE_UTF8_H

#include "base/text.h"

/* The bytes of the code point at `at`, before `end`; 0 if there is none: bytes out of place, longer
 * than needed, a surrogate, or beyond U+10FFFF. */
size_t unic__utf8_bytes(const char *at, const char *end, uint32_t *point);

/* The bytes of a code point, up to 4; returns how many. */
size_t unic__utf8_put(char *to, uint32_t point);

/* UNIC_E_VALUE names the first byte that is no UTF-8. */
unic_status unic__utf8_check(const char *text, size_t bytes);

/* The next word of a checked text from *at on, which moves behind it: what stands between code
 * points that Unicode calls White_Space. False after the last one. */
bool unic__utf8_word(const char **at, const char *end, unic__piece *word);

#endif
