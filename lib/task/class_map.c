#include "task/class_map.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "file/text_file.h"

typedef unic__piece piece;

enum { SHOWN = 64 }; /* bytes of a name that a message shows */

static int compare(piece a, piece b)
{
    int order = memcmp(a.start, b.start, a.size < b.size ? a.size : b.size);
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

/* ---- lists of names ---- */

typedef struct entry {
    piece name;
    int32_t index;
} entry;

/* One side's classes; without names, `sorted` is NULL and a name is a number. */
typedef struct list {
    const char *whose;
    const char *const *names;
    entry *sorted;
    size_t n;
} list;

static int by_name(const void *a, const void *b)
{
    return compare(((const entry *)a)->name, ((const entry *)b)->name);
}

static unic_status list_new(list *l)
{
    if (!l->names)
        return UNIC_OK;
    l->sorted = unic__alloc_array(l->n, sizeof *l->sorted);
    if (!l->sorted)
        return unic__no_memory(l->n * sizeof *l->sorted, "names of classes");
    for (size_t i = 0; i < l->n; i++) {
        if (!l->names[i])
            return unic__fail(UNIC_E_ARG, "the name of %s class %zu is NULL", l->whose, i);
        l->sorted[i] = (entry){{l->names[i], strlen(l->names[i])}, (int32_t)i};
    }
    qsort(l->sorted, l->n, sizeof *l->sorted, by_name);
    for (size_t i = 1; i < l->n; i++)
        if (by_name(&l->sorted[i - 1], &l->sorted[i]) == 0)
            return unic__fail(UNIC_E_ARG, "two of %s classes have the name \"%.*s\"", l->whose,
                              SHOWN, l->sorted[i].name.start);
    return UNIC_OK;
}

/* The number that a name is, written as numbers are: no sign, no leading zero. -1: none. */
static int32_t number_of(piece name, size_t n)
{
    size_t value = 0;
    if (name.size == 0 || name.size > 8 || (name.size > 1 && name.start[0] == '0'))
        return -1;
    for (size_t i = 0; i < name.size; i++) {
        if (name.start[i] < '0' || name.start[i] > '9')
            return -1;
        value = 10 * value + (size_t)(name.start[i] - '0');
    }
    return value < n ? (int32_t)value : -1;
}

static unic_status unknown(const list *l, piece name)
{
    char word[SHOWN + 1] = "";
    memcpy(word, name.start, name.size < SHOWN ? name.size : SHOWN);
    if (!l->names)
        return unic__fail(UNIC_E_NOTFOUND,
                          "\"%s\" is none of %s classes, which are the numbers 0..%zu", word,
                          l->whose, l->n - 1);
    const char *near = unic__nearest_word(word, l->names, l->n);
    return unic__fail(UNIC_E_NOTFOUND, "\"%s\" is none of %s %zu classes%s%.*s%s", word,
                      l->whose, l->n, near ? "; did you mean \"" : "", SHOWN, near ? near : "",
                      near ? "\"?" : "");
}

static unic_status list_find(const list *l, piece name, int32_t *index)
{
    const entry wanted = {name, 0};
    if (!l->names) {
        *index = number_of(name, l->n);
        return *index >= 0 ? UNIC_OK : unknown(l, name);
    }
    const entry *found = bsearch(&wanted, l->sorted, l->n, sizeof *l->sorted, by_name);
    if (!found)
        return unknown(l, name);
    *index = found->index;
    return UNIC_OK;
}

/* ---- lines ---- */

/* What stands before a comment: '#' first in the line, or behind a blank. */
static piece without_comment(piece line)
{
    for (size_t i = 0; i < line.size; i++)
        if (line.start[i] == '#' &&
            (i == 0 || line.start[i - 1] == ' ' || line.start[i - 1] == '\t'))
            line.size = i;
    return unic__piece_trim(line);
}

/* One line that is not empty; the line of each of their classes is kept in `given`. */
static unic_status take_line(unic_class_map *map, const list *theirs, const list *ours,
                             piece line, size_t number, size_t *given)
{
    const char *end = line.start + line.size;
    for (const char *c = line.start; c < end; c++)
        if (((unsigned char)*c < 0x20 && *c != '\t') || *c == 0x7f)
            return unic__fail(UNIC_E_FORMAT, "byte 0x%02x in a name",
                              (unsigned)(unsigned char)*c);
    const char *equals = memchr(line.start, '=', line.size);
    size_t before = equals ? (size_t)(equals - line.start) : 0;
    piece from = unic__piece_trim((piece){line.start, before});
    piece to = equals ? unic__piece_trim((piece){equals + 1, line.size - before - 1}) : from;
    if (!equals || from.size == 0 || to.size == 0)
        return unic__fail(UNIC_E_FORMAT, "expected \"their class = our class\" or a comment");
    int32_t a = 0, b = 0;
    UNIC__TRY(list_find(theirs, from, &a));
    UNIC__TRY(list_find(ours, to, &b));
    if (given[a])
        return unic__fail(UNIC_E_FORMAT, "\"%.*s\" was already given in line %zu",
                          from.size < SHOWN ? (int)from.size : SHOWN, from.start, given[a]);
    given[a] = number;
    map->to[a] = b;
    return UNIC_OK;
}

static unic_status take_text(unic_class_map *map, const list *theirs, const list *ours,
                             const char *text, size_t length, const char *source, size_t *given)
{
    const char *name = source ? source : "line";
    size_t found = 0;
    unic__lines lines;
    piece line;
    unic_status status = unic__lines_begin(&lines, text, length);
    if (status != UNIC_OK)
        return unic__fail_in(status, "%s", source ? source : "the text");
    while (unic__lines_next(&lines, &line)) {
        line = without_comment(line);
        if (line.size == 0)
            continue;
        status = take_line(map, theirs, ours, line, lines.number, given);
        if (status != UNIC_OK)
            return unic__fail_in(status, "%s%s%zu", name, source ? ":" : " ", lines.number);
        found++;
    }
    if (found == 0)
        return unic__fail(UNIC_E_FORMAT,
                          "%s maps no class: \"their class = our class\" lines "
                          "expected",
                          source ? source : "the text");
    return UNIC_OK;
}

/* ---- the map ---- */

unic_status unic__class_map_parse(unic_class_map **out, const char *text, size_t length,
                                  const char *source, const unic_class_names *names)
{
    list theirs = {"their", names->theirs, NULL, names->their_count};
    list ours = {"our", names->ours, NULL, names->our_count};
    size_t *given = unic__alloc_array(theirs.n, sizeof *given);
    unic_class_map *map = unic__alloc_zero(sizeof *map);
    int32_t *to = unic__alloc_array(theirs.n, sizeof *to);
    unic_status status = UNIC_OK;
    if (!given || !map || !to) {
        unic__free(to);
        unic__free(map);
        unic__free(given);
        return unic__no_memory(theirs.n * (sizeof *given + sizeof *to), "a class map");
    }
    *map = (unic_class_map){theirs.n, ours.n, to};
    for (size_t i = 0; i < theirs.n; i++)
        to[i] = -1;
    UNIC__TRY_OR(status, done, list_new(&theirs));
    UNIC__TRY_OR(status, done, list_new(&ours));
    UNIC__TRY_OR(status, done, take_text(map, &theirs, &ours, text, length, source, given));
    *out = map;
    map = NULL;
done:
    unic__class_map_free(map);
    unic__free(theirs.sorted);
    unic__free(ours.sorted);
    unic__free(given);
    return status;
}

unic_status unic__class_map_load(unic_class_map **out, const char *path,
                                 const unic_class_names *names)
{
    char *text;
    size_t length;
    UNIC__TRY(unic__text_load(&text, &length, path, UNIC__CLASS_MAP_TEXT, "a class map"));
    unic_status status = unic__class_map_parse(out, text, length, path, names);
    unic__free(text);
    return status;
}

void unic__class_map_free(unic_class_map *map)
{
    if (!map)
        return;
    unic__free(map->to);
    unic__free(map);
}

void unic__class_map_classes(const unic_class_map *map, const int32_t *labels, size_t count,
                             int32_t *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = labels[i] < 0 ? -1 : map->to[labels[i]];
}

void unic__class_map_steps(const unic_class_map *map, const int32_t *labels, size_t rows,
                           int32_t *out)
{
    for (size_t r = 0; r < rows; r++, labels += map->theirs, out += map->ours) {
        bool unknown_row = false, any = false, mapped = false;
        memset(out, 0, map->ours * sizeof *out);
        for (size_t d = 0; d < map->theirs; d++) {
            unknown_row = unknown_row || labels[d] < 0;
            any = any || labels[d] > 0;
            if (labels[d] > 0 && map->to[d] >= 0) {
                out[map->to[d]] = 1;
                mapped = true;
            }
        }
        for (size_t c = 0; (unknown_row || (any && !mapped)) && c < map->ours; c++)
            out[c] = -1;
    }
}
