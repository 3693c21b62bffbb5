#include "base/utf8.h"

size_t unic__utf8_bytes(const char *at, const char *end, uint32_t *point)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *c = (const unsigned char *)at;
    if (at >= end)
        return 0;
    const size_t n = c[0] < 0x80 ? 1 : c[0] < 0xC0 ? 0 : c[0] < 0xE0 ? 2 : c[0] < 0xF0 ? 3 : 4;
    if (n == 0 || c[0] >= 0xF8 || (size_t)(end - at) < n)
        return 0;
    uint32_t value = n == 1 ? c[0] : c[0] & (0x7FU >> n);
    for (size_t i = 1; i < n; i++) {
        if ((c[i] & 0xC0) != 0x80)
            return 0;
        value = value << 6 | (c[i] & 0x3FU);
    }
    if (value < least[n] || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF))
        return 0;
    *point = value;
    return n;
}

size_t unic__utf8_put(char *to, uint32_t point)
{
    static const unsigned lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    const size_t n = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, point >>= 6)
        to[i] = (char)(0x80 | (point & 0x3F));
    to[0] = (char)(lead[n] | point);
    return n;
}

unic_status unic__utf8_check(const char *text, size_t bytes)
{
    const char *at = text, *end = text + bytes;
    uint32_t point;
    for (size_t n; at < end; at += n)
        if ((n = unic__utf8_bytes(at, end, &point)) == 0)
            return unic__fail(UNIC_E_VALUE, "the text is not UTF-8: byte %zu is 0x%02x",
                              (size_t)(at - text), (unsigned)(unsigned char)*at);
    return UNIC_OK;
}

static bool is_blank(uint32_t c)
{
    return (c >= 9 && c <= 13) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
           c == 0x205F || c == 0x3000;
}

bool unic__utf8_word(const char **at, const char *end, unic__piece *word)
{
    uint32_t point;
    size_t n;
    while ((n = unic__utf8_bytes(*at, end, &point)) > 0 && is_blank(point))
        *at += n;
    word->start = *at;
    while ((n = unic__utf8_bytes(*at, end, &point)) > 0 && !is_blank(point))
        *at += n;
    word->size = (size_t)(*at - word->start);
    return word->size > 0;
}
