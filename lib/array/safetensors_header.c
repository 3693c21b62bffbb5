/* Parses the header of a file of safetensors: the part of JSON that such a header consists of. */
#include <string.h>

#include "array/safetensors.h"
#include "base/utf8.h"

typedef struct reader {
    const char *start;
    char *at, *end; /* *end is a NUL */
} reader;

static unic_status refuse(const reader *r, const char *expected)
{
    return unic__fail(UNIC_E_FORMAT, "header, byte %zu: %s expected",
                      (size_t)(r->at - r->start), expected);
}

static void skip_blanks(reader *r)
{
    while (r->at < r->end && strchr(" \t\r\n", *r->at))
        r->at++;
}

static bool take(reader *r, char c)
{
    skip_blanks(r);
    if (r->at == r->end || *r->at != c)
        return false;
    r->at++;
    return true;
}

/* ---- texts ---- */

static bool hex4(const reader *r, const char *at, uint32_t *value)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    *value = 0;
    if (r->end - at < 4)
        return false;
    for (size_t i = 0; i < 4; i++) {
        const char *d = at[i] ? strchr(digits, at[i]) : NULL;
        if (!d)
            return false;
        const size_t n = (size_t)(d - digits);
        *value = *value * 16 + (uint32_t)(n < 16 ? n : n - 6);
    }
    return true;
}

/* r->at is behind "\u". Two of them are one code point beyond 16 bits. */
static unic_status take_point(reader *r, char **out)
{
    uint32_t p, low;
    if (!hex4(r, r->at, &p) || p == 0)
        return refuse(r, "four hexadecimal digits of a character that is not NUL");
    r->at += 4;
    if (p >= 0xD800 && p < 0xDC00 && r->end - r->at >= 6 && r->at[0] == '\\' &&
        r->at[1] == 'u' && hex4(r, r->at + 2, &low) && low >= 0xDC00 && low < 0xE000) {
        p = 0x10000 + ((p - 0xD800) << 10) + (low - 0xDC00);
        r->at += 6;
    }
    if (p >= 0xD800 && p < 0xE000)
        return refuse(r, "the other half of a surrogate pair");
    *out += unic__utf8_put(*out, p);
    return UNIC_OK;
}

static unic_status take_escape(reader *r, char **out)
{
    static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    const char c = *r->at;
    if (c == 'u') {
        r->at++;
        return take_point(r, out);
    }
    const char *found = c ? strchr(letters, c) : NULL;
    if (!found)
        return refuse(r, "an escape of JSON");
    r->at++;
    *(*out)++ = meant[found - letters];
    return UNIC_OK;
}

/* Decoded, a text is never longer: it is written over itself, and its end over the quote. */
static unic_status take_text(reader *r, const char **text)
{
    if (!take(r, '"'))
        return refuse(r, "a text in quotes");
    char *out = r->at;
    *text = out;
    while (r->at < r->end && *r->at != '"') {
        if ((unsigned char)*r->at < 0x20)
            return refuse(r, "no control character in a text");
        if (*r->at != '\\') {
            *out++ = *r->at++;
            continue;
        }
        r->at++;
        UNIC__TRY(take_escape(r, &out));
    }
    if (r->at == r->end)
        return refuse(r, "the end of a text");
    r->at++;
    *out = '\0';
    return UNIC_OK;
}

/* ---- numbers ---- */

static unic_status take_number(reader *r, uint64_t *value)
{
    skip_blanks(r);
    const char *first = r->at;
    *value = 0;
    for (; *r->at >= '0' && *r->at <= '9'; r->at++) {
        const uint64_t digit = (uint64_t)(*r->at - '0');
        if (*value > (UINT64_MAX - digit) / 10)
            return refuse(r, "a number below 2^64");
        *value = *value * 10 + digit;
    }
    if (r->at == first || (*first == '0' && r->at - first > 1))
        return refuse(r, "a whole number");
    return UNIC_OK;
}

static unic_status take_shape(reader *r, unic__safetensor *t)
{
    if (!take(r, '['))
        return refuse(r, "a list of dims");
    t->count = 1;
    bool empty = false;
    for (bool end = take(r, ']'); !end;) {
        uint64_t dim;
        UNIC__TRY(take_number(r, &dim));
        if (t->rank < UNIC__MAX_RANK)
            t->shape.dim[t->rank] = (size_t)dim;
        t->rank++;
        empty = empty || dim == 0;
        t->overflows = t->overflows || dim > SIZE_MAX ||
                       !unic__mul_size(t->count, (size_t)dim, &t->count);
        end = take(r, ']');
        if (!end && !take(r, ','))
            return refuse(r, "\",\" or \"]\"");
    }
    if (empty) {
        t->count = 0;
        t->overflows = false;
    }
    t->shape.rank = t->rank < UNIC__MAX_RANK ? t->rank : UNIC__MAX_RANK;
    return UNIC_OK;
}

static unic_status take_offsets(reader *r, unic__safetensor *t)
{
    if (!take(r, '['))
        return refuse(r, "two offsets");
    UNIC__TRY(take_number(r, &t->begin));
    if (!take(r, ','))
        return refuse(r, "\",\" between two offsets");
    UNIC__TRY(take_number(r, &t->end));
    return take(r, ']') ? UNIC_OK : refuse(r, "\"]\" behind two offsets");
}

/* ---- objects ---- */

static unic_status take_dtype(reader *r, unic__safetensor *t)
{
    const char *text;
    UNIC__TRY(take_text(r, &text));
    strncpy(t->dtype, text, sizeof t->dtype - 1);
    return UNIC_OK;
}

static unic_status take_tensor(reader *r, unic__safetensor *t)
{
    static const char *const keys[] = {"dtype", "shape", "data_offsets"};
    static unic_status (*const values[])(reader *, unic__safetensor *) = {
        take_dtype, take_shape, take_offsets};
    enum { KEYS = sizeof keys / sizeof keys[0] };
    bool seen[KEYS] = {false};
    if (!take(r, '{'))
        return refuse(r, "\"{\" of a tensor");
    for (size_t n = 0; n < KEYS; n++) {
        const char *key;
        size_t k = 0;
        if (n && !take(r, ','))
            return refuse(r, "dtype, shape and data_offsets of a tensor, with \",\" between,");
        UNIC__TRY(take_text(r, &key));
        while (k < KEYS && strcmp(key, keys[k]) != 0)
            k++;
        if (k == KEYS || seen[k] || !take(r, ':'))
            return refuse(r, "dtype, shape and data_offsets of a tensor, each once,");
        seen[k] = true;
        UNIC__TRY(values[k](r, t));
    }
    return take(r, '}') ? UNIC_OK : refuse(r, "\"}\" behind a tensor");
}

static unic_status skip_metadata(reader *r)
{
    const char *text;
    if (!take(r, '{'))
        return refuse(r, "\"{\" of __metadata__");
    for (bool end = take(r, '}'); !end;) {
        UNIC__TRY(take_text(r, &text));
        if (!take(r, ':'))
            return refuse(r, "\":\"");
        UNIC__TRY(take_text(r, &text));
        end = take(r, '}');
        if (!end && !take(r, ','))
            return refuse(r, "\",\" or \"}\"");
    }
    return UNIC_OK;
}

unic_status unic__safetensors_parse(char *header, size_t size, unic__safetensor_fn *give,
                                    void *context)
{
    reader r = {header, header, header + size};
    if (!take(&r, '{'))
        return refuse(&r, "\"{\"");
    for (bool end = take(&r, '}'); !end;) {
        unic__safetensor t = {.rank = 0};
        UNIC__TRY(take_text(&r, &t.name));
        if (!take(&r, ':'))
            return refuse(&r, "\":\"");
        if (strcmp(t.name, "__metadata__") == 0) {
            UNIC__TRY(skip_metadata(&r));
        } else {
            UNIC__TRY(take_tensor(&r, &t));
            UNIC__TRY(give(context, &t));
        }
        end = take(&r, '}');
        if (!end && !take(&r, ','))
            return refuse(&r, "\",\" or \"}\"");
    }
    skip_blanks(&r);
    return r.at == r.end ? UNIC_OK : refuse(&r, "nothing behind the last \"}\"");
}
