/* The lines of config text: "key = value", comments, blank lines. */
#include <string.h>

#include "config/config_keys.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static void trim(const char **start, const char **end)
{
    while (*start < *end && is_blank(**start))
        (*start)++;
    while (*start < *end && is_blank((*end)[-1]))
        (*end)--;
}

static unic_status split(unic__config_line *line, const char *start, const char *end)
{
    for (const char *c = start; c < end; c++)
        if ((*c < 0x20 && *c != '\t') || *c >= 0x7f)
            return unic__fail(UNIC_E_CONFIG,
                              "byte 0x%02x: only printable ASCII can stand outside comments",
                              (unsigned)(unsigned char)*c);
    const char *equals = memchr(start, '=', (size_t)(end - start));
    const char *key_end = equals ? equals : end, *value = equals ? equals + 1 : end;
    trim(&start, &key_end);
    trim(&value, &end);
    size_t key_bytes = (size_t)(key_end - start), value_bytes = (size_t)(end - value);
    if (!equals || key_bytes == 0)
        return unic__fail(UNIC_E_CONFIG, "expected \"key = value\" or a comment");
    if (key_bytes >= sizeof line->key || value_bytes >= sizeof line->value)
        return unic__fail(UNIC_E_CONFIG,
                          "a key of %zu bytes and a value of %zu (%.*s ...); the most are %zu "
                          "and %zu",
                          key_bytes, value_bytes, key_bytes < 40 ? (int)key_bytes : 40, start,
                          sizeof line->key - 1, sizeof line->value - 1);
    memcpy(line->key, start, key_bytes);
    memcpy(line->value, value, value_bytes);
    line->key[key_bytes] = line->value[value_bytes] = '\0';
    return UNIC_OK;
}

unic_status unic__config_next(unic__config_line *line, bool *found)
{
    while (line->next < line->end) {
        const char *start = line->next, *end = line->end;
        const char *newline = memchr(start, '\n', (size_t)(end - start));
        line->next = newline ? newline + 1 : end;
        line->number++;
        end = newline ? newline : end;
        const char *comment = memchr(start, '#', (size_t)(end - start));
        end = comment ? comment : end;
        trim(&start, &end);
        if (start < end) {
            *found = true;
            return split(line, start, end);
        }
    }
    *found = false;
    return UNIC_OK;
}
