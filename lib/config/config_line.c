/* The lines of config text: "key = value", comments, blank lines. */
#include <string.h>

#include "config/config_keys.h"

static unic_status split(unic__config_line *line, unic__piece given)
{
    const char *start = given.start, *end = start + given.size;
    for (const char *c = start; c < end; c++)
        if ((*c < 0x20 && *c != '\t') || *c >= 0x7f)
            return unic__fail(UNIC_E_CONFIG,
                              "byte 0x%02x: only printable ASCII can stand outside comments",
                              (unsigned)(unsigned char)*c);
    const char *equals = memchr(start, '=', (size_t)(end - start));
    if (!equals)
        equals = end;
    unic__piece key = unic__piece_trim((unic__piece){start, (size_t)(equals - start)});
    if (equals == end || key.size == 0)
        return unic__fail(UNIC_E_CONFIG, "expected \"key = value\" or a comment");
    unic__piece value = unic__piece_trim((unic__piece){equals + 1, (size_t)(end - equals - 1)});
    if (key.size >= sizeof line->key || value.size >= sizeof line->value)
        return unic__fail(UNIC_E_CONFIG,
                          "a key of %zu bytes and a value of %zu (%.*s ...); the most are %zu "
                          "and %zu",
                          key.size, value.size, key.size < 40 ? (int)key.size : 40, key.start,
                          sizeof line->key - 1, sizeof line->value - 1);
    memcpy(line->key, key.start, key.size);
    memcpy(line->value, value.start, value.size);
    line->key[key.size] = line->value[value.size] = '\0';
    return UNIC_OK;
}

unic_status unic__config_begin(unic__config_line *line, const char *text, size_t length)
{
    unic_status status = unic__lines_begin(&line->lines, text, length);
    return status == UNIC_E_FORMAT ? unic__fail(UNIC_E_CONFIG, "%s", unic_last_error())
                                   : status;
}

unic_status unic__config_next(unic__config_line *line, bool *found)
{
    unic__piece piece;
    *found = false;
    while (unic__lines_next(&line->lines, &piece)) {
        const char *comment = piece.size ? memchr(piece.start, '#', piece.size) : NULL;
        if (comment)
            piece.size = (size_t)(comment - piece.start);
        piece = unic__piece_trim(piece);
        if (piece.size) {
            *found = true;
            return split(line, piece);
        }
    }
    return UNIC_OK;
}
