#include "data/class_names.h"

#include <stdlib.h>
#include <string.h>

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

/* The next letter that counts, small; 0 at the end. */
static unsigned char next_letter(const char **at)
{
    for (;; ++*at) {
        if ((*at)[0] == '\xC2' && (*at)[1] == '\xA0') /* a no-break space */
            ++*at;
        else if (**at != ' ' && **at != '\t')
            break;
    }
    unsigned char c = (unsigned char)**at;
    *at += c != 0;
    return c >= 'A' && c <= 'Z' ? (unsigned char)(c - 'A' + 'a') : c;
}

int unic__compare_loosely(const char *a, const char *b)
{
    unsigned char x, y;
    do {
        x = next_letter(&a);
        y = next_letter(&b);
    } while (x && x == y);
    return (x > y) - (x < y);
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
