#include "data/class_names.h"

#include <stdlib.h>
#include <string.h>

#include "base/code_points.h"
#include "base/utf8.h"

static int compare(unic__piece a, unic__piece b)
{
    int order = memcmp(a.start, b.start, a.size < b.size ? a.size : b.size);
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

/* Whether a name is a whole number as it is commonly written. */
static bool is_number(unic__piece name)
{
    size_t digits = 0;
    while (digits < name.size && name.start[digits] >= '0' && name.start[digits] <= '9')
        digits++;
    return digits && digits == name.size && (digits == 1 || name.start[0] != '0');
}

/* The order of such numbers, however large: the longer one is the greater one. */
static int compare_numbers(unic__piece a, unic__piece b)
{
    return a.size == b.size ? compare(a, b) : (a.size > b.size) - (a.size < b.size);
}

static int compare_number_pieces(const void *a, const void *b)
{
    return compare_numbers(*(const unic__piece *)a, *(const unic__piece *)b);
}

static int compare_pieces(const void *a, const void *b)
{
    return compare(*(const unic__piece *)a, *(const unic__piece *)b);
}

static unic__piece piece_of(const char *name)
{
    return (unic__piece){name, strlen(name)};
}

unic_status unic__class_names_of(unic__class_names *out, unic__arena *arena,
                                 unic__piece *pieces, size_t n)
{
    size_t unique = 0, numbers = 0;
    while (numbers < n && is_number(pieces[numbers]))
        numbers++;
    if (n)
        qsort(pieces, n, sizeof *pieces, numbers == n ? compare_number_pieces : compare_pieces);
    for (size_t i = 0; i < n; i++)
        if (!unique || compare(pieces[unique - 1], pieces[i]) != 0)
            pieces[unique++] = pieces[i];
    *out = (unic__class_names){unic__arena_alloc(arena, unique * sizeof *out->at), unique,
                               numbers == n};
    if (!out->at)
        return unic__no_memory(unique * sizeof *out->at, "the names of classes");
    for (size_t i = 0; i < unique; i++) {
        char *copy = unic__arena_alloc(arena, pieces[i].size + 1);
        if (!copy)
            return unic__no_memory(pieces[i].size + 1, "the name of a class");
        memcpy(copy, pieces[i].start, pieces[i].size);
        out->at[i] = copy;
    }
    return UNIC_OK;
}

/* No more of the name is looked at than the comparison needs: some are very long. */
int32_t unic__class_names_find(const unic__class_names *names, unic__piece name)
{
    size_t low = 0, high = names->n;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        unic__piece at = {names->at[middle], strnlen(names->at[middle], name.size + 1)};
        if ((names->numbers ? compare_numbers(at, name) : compare(at, name)) <= 0)
            low = middle;
        else
            high = middle;
    }
    return (int32_t)low;
}

bool unic__class_names_include(const unic__class_names *a, const unic__class_names *b)
{
    size_t i = 0;
    while (i < b->n && a->n &&
           strcmp(a->at[unic__class_names_find(a, piece_of(b->at[i]))], b->at[i]) == 0)
        i++;
    return i == b->n;
}

unic_status unic__class_names_unite(unic__class_names *out, unic__arena *arena,
                                    const unic__class_names *a, const unic__class_names *b)
{
    size_t n = a->n + b->n; /* of names in memory: no overflow to fear */
    unic__piece *pieces = unic__alloc(n * sizeof *pieces);
    if (!pieces)
        return unic__no_memory(n * sizeof *pieces, "the names of classes");
    for (size_t i = 0; i < n; i++)
        pieces[i] = piece_of(i < a->n ? a->at[i] : b->at[i - a->n]);
    unic_status status = unic__class_names_of(out, arena, pieces, n);
    unic__free(pieces);
    return status;
}

/* A name's letters one by one, as unic__compare_loosely() sees them. */
typedef struct letters {
    const char *at, *end;
    uint32_t of[UNIC__FOLD_MOST]; /* what the last code point became */
    size_t next, n;
} letters;

/* Blanks of every kind, what is not seen, "_", and a hyphen where a word goes on: not in "1-2". */
static bool is_between_words(uint32_t point, const letters *behind)
{
    if (point == '-')
        return behind->at < behind->end && strchr("0123456789.", *behind->at) == NULL;
    if (point < 0x80)
        return point == '_' || point <= ' ';
    const unsigned kind = unic__point_class(point) & UNIC__POINT_KIND;
    return kind == UNIC__POINT_SPACE || kind == UNIC__POINT_CONTROL;
}

/* Accents of Latin, Greek, Cyrillic and kana do not count; other marks are vowels, as in Thai. */
static size_t fold(uint32_t point, uint32_t to[UNIC__FOLD_MOST])
{
    const bool accent = (point >= 0x300 && point < 0x370) || point == 0x3099 || point == 0x309A;
    const size_t n = point < 0x80 ? 0 : unic__point_fold(point, to);
    if (n || accent)
        return n;
    to[0] = point < 0x80 ? (unsigned char)unic__lower((char)point) : point;
    return 1;
}

/* 0 at the end; a byte that is no UTF-8 is a letter of its own. */
static uint32_t next_letter(letters *name)
{
    enum { NO_POINT = 0x110000 };
    while (name->next == name->n) {
        uint32_t point = 0;
        if (name->at == name->end)
            return 0;
        const size_t bytes = unic__utf8_bytes(name->at, name->end, &point);
        if (!bytes)
            return NO_POINT + (unsigned char)*name->at++;
        name->at += bytes;
        name->next = 0;
        name->n = is_between_words(point, name) ? 0 : fold(point, name->of);
    }
    return name->of[name->next++];
}

static bool is_within_point(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

/* Where the code points of two names begin to differ, or a hyphen before that. */
static size_t same_beginning(const char *a, const char *b)
{
    size_t n = 0;
    while (a[n] && a[n] == b[n])
        n++;
    while (n > 0 && (is_within_point(a[n]) || is_within_point(b[n]) || a[n - 1] == '-'))
        n--;
    return n;
}

int unic__compare_loosely(const char *a, const char *b)
{
    const size_t same = same_beginning(a, b); /* most of a long name */
    letters one = {.at = a + same, .end = a + strlen(a)};
    letters other = {.at = b + same, .end = b + strlen(b)};
    uint32_t x, y;
    do {
        x = next_letter(&one);
        y = next_letter(&other);
    } while (x && x == y);
    return (x > y) - (x < y);
}

int unic__compare_loosely_at(const void *a, const void *b)
{
    const char *x = *(const char *const *)a, *y = *(const char *const *)b;
    int order = unic__compare_loosely(x, y);
    return order ? order : strcmp(x, y);
}

bool unic__is_missing(unic__piece field)
{
    static const char *const words[] = {"nan", "-nan", "<na>", "n/a", "#n/a", "na", "null"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (field.size == strlen(words[i]) &&
            unic__is_same_but_capitals(field.start, words[i], field.size))
            return true;
    return !field.size || compare(field, piece_of("None")) == 0; /* "none" may be a class */
}
