#include "base/text.h"

#include <stdio.h>
#include <string.h>

size_t unic__line_end(const char *at, const char *end)
{
    if (at == end || (*at != '\n' && *at != '\r'))
        return 0;
    return *at == '\r' && at + 1 < end && at[1] == '\n' ? 2 : 1;
}

static bool begins_with(const char *text, size_t size, const char *mark, size_t bytes)
{
    return size >= bytes && memcmp(text, mark, bytes) == 0;
}

/* UTF-16 and UTF-32, by their marks or where NULs stand beside the first letters, of ASCII. */
static bool is_wide(const char *text, size_t size)
{
    unsigned letters = 0; /* a bit for each of the first bytes, the first one's the highest */
    for (size_t i = 0; i < 4 && size >= 4; i++)
        letters = letters << 1 | (text[i] != '\0');
    return begins_with(text, size, "\xFF\xFE", 2) || begins_with(text, size, "\xFE\xFF", 2) ||
           begins_with(text, size, "\0\0\xFE\xFF", 4) || letters == 0xA || letters == 0x5 ||
           letters == 0x8 || letters == 0x1;
}

unic_status unic__text_begin(const char *text, size_t size, const char **first)
{
    *first = text;
    if (is_wide(text, size))
        return unic__fail(UNIC_E_FORMAT,
                          "is a text of 16 or 32 bits a character (UTF-16, UTF-32), UTF-8 "
                          "expected");
    if (begins_with(text, size, "\xEF\xBB\xBF", 3))
        *first += 3;
    return UNIC_OK;
}

unic_status unic__lines_begin(unic__lines *lines, const char *text, size_t size)
{
    *lines = (unic__lines){.end = text + size};
    return unic__text_begin(text, size, &lines->at);
}

bool unic__lines_next(unic__lines *lines, unic__piece *line)
{
    if (lines->at == lines->end)
        return false;
    const char *at = lines->at;
    while (at < lines->end && !unic__line_end(at, lines->end))
        at++;
    *line = (unic__piece){lines->at, (size_t)(at - lines->at)};
    lines->at = at + unic__line_end(at, lines->end);
    lines->number++;
    return true;
}

char unic__lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

char unic__upper(char c)
{
    return (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
}

bool unic__is_same_but_capitals(const char *a, const char *b, size_t size)
{
    size_t same = 0;
    while (same < size && unic__lower(a[same]) == unic__lower(b[same]))
        same++;
    return same == size;
}

bool unic__is_same_word(const char *a, const char *b)
{
    const size_t size = strlen(a);
    return size == strlen(b) && unic__is_same_but_capitals(a, b, size);
}

bool unic__has_suffix(const char *name, const char *suffix)
{
    const size_t size = strlen(name), tail = strlen(suffix);
    return size > tail && unic__is_same_word(name + size - tail, suffix);
}

bool unic__has_word(const char *name, const char *word)
{
    const size_t size = strlen(word);
    for (size_t rest = strlen(name); rest >= size; rest--, name++)
        if (unic__is_same_but_capitals(name, word, size))
            return true;
    return false;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

unic__piece unic__piece_trim(unic__piece piece)
{
    while (piece.size && is_blank(piece.start[0])) {
        piece.start++;
        piece.size--;
    }
    while (piece.size && is_blank(piece.start[piece.size - 1]))
        piece.size--;
    return piece;
}

void unic__text_list_add(char *text, size_t size, const char *name)
{
    size_t used = strlen(text);
    if (used < size)
        snprintf(text + used, size - used, "%s%s", used ? ", " : "", name);
}
