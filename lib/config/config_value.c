/*
 * Converts one value between its text and its field. Numbers are read and written the same in
 * every locale: the application may have set one whose decimal point is a comma.
 */
#include <fenv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_keys.h"

enum { MAX_WORDS = 16, ALLOWED_BYTES = 160 };

bool unic__key_applies(const unic__config_key *key, unic__kind kind)
{
    if (key->owner == UNIC__OF_CONFIG || key->owner == UNIC__OF_MODALITY)
        return true;
    return (unsigned)kind < UNIC__KIND_UNSET && unic__config_kinds[kind].owner == key->owner;
}

const char *unic__key_default(const unic__config_key *key, unic__behaviour behaviour)
{
    return behaviour == UNIC__COMPAT && key->compat ? key->compat : key->paper;
}

size_t unic__key_bytes(const unic__config_key *key)
{
    switch (key->type) {
    case UNIC__KEY_NUMBER:
        return sizeof(double);
    case UNIC__KEY_SIZE:
    case UNIC__KEY_CONTEXT:
        return sizeof(size_t);
    case UNIC__KEY_SEED:
        return sizeof(uint64_t);
    case UNIC__KEY_CHOICE:
        return sizeof(unsigned);
    case UNIC__KEY_SWITCH:
        return sizeof(bool);
    case UNIC__KEY_DIMS:
        return sizeof(unic__shape);
    case UNIC__KEY_WORDS:
        return UNIC__WORDS_SIZE;
    case UNIC__KEY_NAMES:
        break;
    }
    return 0;
}

const char *unic__shown(const char *text, char out[UNIC__SHOWN_BYTES])
{
    size_t n = 0;
    for (; text[n] && n < UNIC__SHOWN_BYTES - 4; n++)
        out[n] = text[n] >= 0x20 && text[n] < 0x7f ? text[n] : '?';
    strcpy(out + n, text[n] ? "..." : "");
    return out;
}

/* ---- numbers ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The shortest text that reads back as the same value. */
static void print_number(double value, char *text)
{
    size_t shortest = SIZE_MAX;
    for (int precision = 1; precision <= 17; precision++) {
        char raw[UNIC__NUMBER_BYTES], now[UNIC__NUMBER_BYTES];
        double back;
        size_t n = 0;
        const int rounding = fegetround(); /* of the application, which printf() follows */
        fesetround(FE_TONEAREST);
        snprintf(raw, sizeof raw, "%.*g", precision, value);
        fesetround(rounding);
        for (const char *c = raw; *c; c++) { /* what is no digit, sign or 'e' is the point */
            bool kept = is_digit(*c) || *c == '-' || *c == '+' || *c == 'e';
            if (kept || (n > 0 && now[n - 1] != '.'))
                now[n++] = kept ? *c : '.';
        }
        now[n] = '\0';
        if (n < shortest && unic__parse_number(now, &back) &&
            memcmp(&back, &value, sizeof value) == 0) {
            strcpy(text, now);
            shortest = n;
        }
    }
}

/* The bound behind the bracket or comma at *at, as of "[0.001, 0.5]"; *at becomes what follows it.
 * strtod() would end at the point where the locale has a comma. */
static double read_bound(const char **at)
{
    char text[UNIC__NUMBER_BYTES];
    double bound = 0;
    *at += 1 + strspn(*at + 1, " ");
    const size_t size = strcspn(*at, ",])");
    snprintf(text, sizeof text, "%.*s", (int)size, *at);
    (void)unic__parse_number(text, &bound); /* check_keys sees that each of the table is one */
    *at += size;
    return bound;
}

static unic_status parse_number(const unic__config_key *key, const char *name,
                                const char *standard, const char *value, double *field)
{
    char shown[UNIC__SHOWN_BYTES];
    const char *end = key->allowed;
    double x;
    const double low = read_bound(&end), high = read_bound(&end);
    if (!unic__parse_number(value, &x))
        return unic__fail(UNIC_E_CONFIG, "%s = %s is not a number; expected one in %s", name,
                          unic__shown(value, shown), key->allowed);
    bool above = key->allowed[0] == '(' ? x > low : x >= low;
    bool below = *end == ')' ? x < high : x <= high;
    if (!above || !below) /* most likely of another scale, which the default shows */
        return unic__fail(UNIC_E_CONFIG, "%s = %s is out of range %s; did you mean %s?", name,
                          unic__shown(value, shown), key->allowed, standard);
    *field = x + 0.0; /* -0 becomes 0 */
    return UNIC_OK;
}

/* Digits only; a value beyond 64 bits is read as the largest, with *fits false. */
static bool read_integer(const char *text, uint64_t *value, bool *fits)
{
    *value = 0;
    *fits = true;
    const char *c = text;
    for (; is_digit(*c); c++)
        if (__builtin_mul_overflow(*value, (uint64_t)10, value) ||
            __builtin_add_overflow(*value, (uint64_t)(*c - '0'), value))
            *fits = false;
    return c > text && *c == '\0';
}

static unic_status parse_integer(const unic__config_key *key, const char *name,
                                 const char *value, uint64_t *field)
{
    char shown[UNIC__SHOWN_BYTES], *end;
    uint64_t x, low = strtoull(key->allowed + 1, &end, 10), high = strtoull(end + 1, NULL, 10);
    bool negative = value[0] == '-', fits;
    if (!read_integer(value + negative, &x, &fits))
        return unic__fail(UNIC_E_CONFIG, "%s = %s is not an integer; expected one in %s", name,
                          unic__shown(value, shown), key->allowed);
    if ((negative && x > 0) || !fits || x < low || x > high)
        return unic__fail(UNIC_E_CONFIG, "%s = %s is out of range %s", name,
                          unic__shown(value, shown), key->allowed);
    *field = x;
    return UNIC_OK;
}

/* ---- words ---- */

/* Splits "a | b | c", which stands in `copy` afterwards; returns how many words there are. */
static size_t split_words(const char *allowed, char copy[ALLOWED_BYTES],
                          const char *words[MAX_WORDS])
{
    size_t n = 0;
    snprintf(copy, ALLOWED_BYTES, "%s", allowed);
    for (char *rest = copy, *next; rest && n < MAX_WORDS; rest = next) {
        words[n++] = rest;
        next = strstr(rest, " | ");
        if (next) {
            *next = '\0';
            next += 3;
        }
    }
    return n;
}

static unic_status parse_word(const unic__config_key *key, const char *name, const char *value,
                              unsigned *index)
{
    char copy[ALLOWED_BYTES], shown[UNIC__SHOWN_BYTES];
    const char *words[MAX_WORDS];
    size_t n = split_words(key->allowed, copy, words);
    for (size_t i = 0; i < n; i++)
        if (strcmp(value, words[i]) == 0) {
            *index = (unsigned)i;
            return UNIC_OK;
        }
    const char *near = unic__nearest_word(value, words, n);
    return unic__fail(UNIC_E_CONFIG, "%s = %s is not one of %s%s%s%s", name,
                      unic__shown(value, shown), key->allowed, near ? "; did you mean " : "",
                      near ? near : "", near ? "?" : "");
}

static bool print_word(const unic__config_key *key, unsigned index, char *text)
{
    char copy[ALLOWED_BYTES];
    const char *words[MAX_WORDS];
    if (index >= split_words(key->allowed, copy, words))
        return false;
    snprintf(text, UNIC__VALUE_BYTES, "%s", words[index]);
    return true;
}

/* ---- dims ---- */

static unic_status parse_dims(const unic__config_key *key, const char *name, const char *value,
                              unic__shape *field)
{
    char copy[UNIC__VALUE_BYTES], shown[UNIC__SHOWN_BYTES], *rest = copy;
    unic__shape dims = {0, {0}};
    size_t given = 0;
    bool good = strlen(value) < sizeof copy;
    snprintf(copy, sizeof copy, "%s", value);
    for (char *word; good && (word = strtok_r(rest, " \t", &rest)); given++) {
        uint64_t x;
        bool fits;
        good = given < 3 && read_integer(word, &x, &fits) && fits && x >= 1 && x <= 65536;
        if (good)
            dims.dim[dims.rank++] = (size_t)x;
    }
    if (!good || (given != 1 && given != 3))
        return unic__fail(UNIC_E_CONFIG,
                          "%s = %s is not %s: three integers for a grid, else one, each in "
                          "[1, 65536]",
                          name, unic__shown(value, shown), key->allowed);
    *field = dims;
    return UNIC_OK;
}

static bool print_dims(const unic__shape *dims, char *text)
{
    size_t at = 0;
    for (size_t i = 0; i < dims->rank; i++)
        at += (size_t)snprintf(text + at, UNIC__VALUE_BYTES - at, i ? " %zu" : "%zu",
                               dims->dim[i]);
    return dims->rank > 0;
}

/* ---- lists of words ---- */

/* What the words may be depends on other keys: unic__config_check() asks. */
static unic_status parse_words(const char *name, const char *value, char *field)
{
    char copy[UNIC__WORDS_SIZE], *rest = copy;
    size_t used = 0;
    if (strlen(value) >= sizeof copy)
        return unic__fail(UNIC_E_CONFIG, "%s has %zu characters, at most %zu expected", name,
                          strlen(value), sizeof copy - 1);
    strcpy(copy, strcmp(value, "none") == 0 ? "" : value);
    memset(field, 0, UNIC__WORDS_SIZE);
    for (char *word; (word = strtok_r(rest, " \t", &rest));)
        used += (size_t)snprintf(field + used, UNIC__WORDS_SIZE - used, "%s%s", used ? " " : "",
                                 word);
    return UNIC_OK;
}

/* ---- context: the steps of a chunk, 0 for all steps ---- */

static const char chunk_of[] = "chunk:";

static unic_status parse_context(const unic__config_key *key, const char *name,
                                 const char *value, size_t *field)
{
    const size_t skip = sizeof chunk_of - 1;
    char shown[UNIC__SHOWN_BYTES];
    uint64_t x;
    bool fits;
    if (strcmp(value, "full") == 0)
        *field = 0;
    else if (strcmp(value, "causal") == 0)
        *field = 1;
    else if (strncmp(value, chunk_of, skip) == 0 && read_integer(value + skip, &x, &fits) &&
             fits && x >= 1 && x <= 65536)
        *field = (size_t)x;
    else
        return unic__fail(UNIC_E_CONFIG, "%s = %s is not one of %s, n in [1, 65536]", name,
                          unic__shown(value, shown), key->allowed);
    return UNIC_OK;
}

static void print_context(size_t chunk, char *text)
{
    if (chunk <= 1)
        snprintf(text, UNIC__VALUE_BYTES, "%s", chunk ? "causal" : "full");
    else
        snprintf(text, UNIC__VALUE_BYTES, "%s%zu", chunk_of, chunk);
}

/* ---- any type ---- */

unic_status unic__key_parse(const unic__config_key *key, const char *name, const char *standard,
                            const char *value, void *field)
{
    uint64_t integer;
    unsigned word;
    switch (key->type) {
    case UNIC__KEY_NUMBER:
        return parse_number(key, name, standard, value, field);
    case UNIC__KEY_SIZE:
        UNIC__TRY(parse_integer(key, name, value, &integer));
        *(size_t *)field = (size_t)integer;
        return UNIC_OK;
    case UNIC__KEY_SEED:
        return parse_integer(key, name, value, field);
    case UNIC__KEY_CHOICE:
        UNIC__TRY(parse_word(key, name, value, &word));
        memcpy(field, &word, sizeof word);
        return UNIC_OK;
    case UNIC__KEY_SWITCH:
        UNIC__TRY(parse_word(key, name, value, &word));
        *(bool *)field = word == 1;
        return UNIC_OK;
    case UNIC__KEY_DIMS:
        return parse_dims(key, name, value, field);
    case UNIC__KEY_WORDS:
        return parse_words(name, value, field);
    case UNIC__KEY_CONTEXT:
        return parse_context(key, name, value, field);
    case UNIC__KEY_NAMES:
        break;
    }
    return unic__fail(UNIC_E_CONFIG, "%s cannot be read as one value", name);
}

bool unic__key_print(const unic__config_key *key, const void *field,
                     char text[UNIC__VALUE_BYTES])
{
    unsigned word;
    text[0] = '\0';
    switch (key->type) {
    case UNIC__KEY_NUMBER:
        print_number(*(const double *)field, text);
        return true;
    case UNIC__KEY_SIZE:
        snprintf(text, UNIC__VALUE_BYTES, "%zu", *(const size_t *)field);
        return true;
    case UNIC__KEY_SEED:
        snprintf(text, UNIC__VALUE_BYTES, "%llu", (unsigned long long)*(const uint64_t *)field);
        return true;
    case UNIC__KEY_CHOICE:
        memcpy(&word, field, sizeof word);
        return print_word(key, word, text);
    case UNIC__KEY_SWITCH:
        return print_word(key, *(const bool *)field, text);
    case UNIC__KEY_DIMS:
        return print_dims(field, text);
    case UNIC__KEY_WORDS:
        snprintf(text, UNIC__VALUE_BYTES, "%s",
                 *(const char *)field ? (const char *)field : key->paper);
        return *text != '\0';
    case UNIC__KEY_CONTEXT:
        print_context(*(const size_t *)field, text);
        return true;
    case UNIC__KEY_NAMES:
        break;
    }
    return false;
}
