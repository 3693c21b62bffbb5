#include "data/clip_table.h"

#include <stdlib.h>
#include <string.h>

#include "file/file.h"

enum { LARGEST_FILE = 1 << 28, MOST_COLUMNS = 64, MOST_STEPS = 1 << 16 };

typedef enum column { ID, CATEGORY, SPLIT, ONSET, OFFSET, EVENTS, COLUMNS } column;

typedef struct line {
    const char *field[COLUMNS]; /* NULL without such a column */
    size_t number;
} line;

typedef struct table {
    const char *path;
    unic__arena *arena;
    char *at; /* what is not read yet, ends with a NUL */
    char delimiter;
    size_t number;         /* of the line at `at`, from 1 */
    size_t place[COLUMNS]; /* which field of a line it is; MOST_COLUMNS: none */
    size_t columns;        /* fields of the header */
    line *lines;
    size_t n;
} table;

/* ---- the text ---------------------------------------------------------------------------- */

static unic_status load_text(table *t)
{
    unic__file file;
    UNIC__TRY(unic__file_open(&file, t->path));
    unic_status status = UNIC_OK;
    if (file.size > LARGEST_FILE)
        status = unic__fail(UNIC_E_FORMAT, "is a table of %llu bytes, at most %d expected",
                            (unsigned long long)file.size, LARGEST_FILE);
    if (status == UNIC_OK && !(t->at = unic__arena_alloc(t->arena, (size_t)file.size + 1)))
        status = unic__no_memory((size_t)file.size + 1, "a table of clips");
    if (status == UNIC_OK)
        status = unic__file_read_at(&file, 0, t->at, (size_t)file.size);
    if (status == UNIC_OK && memchr(t->at, '\0', (size_t)file.size))
        status = unic__fail(UNIC_E_FORMAT, "is no text: it has a NUL byte");
    unic__file_close(&file);
    if (status != UNIC_OK)
        return unic__fail_in(status, "%s", t->path);
    if (strncmp(t->at, "\xEF\xBB\xBF", 3) == 0) /* the mark some programs begin a text with */
        t->at += 3;
    return UNIC_OK;
}

static bool ends_field(const table *t, char c)
{
    return c == t->delimiter || c == '\n' || c == '\0' || c == '\r';
}

/* Takes the field at t->at, which becomes a string in place, and what ends it into *stop. */
static unic_status take_field(table *t, const char **field, char *stop)
{
    char *from = t->at, *to = t->at;
    size_t number = t->number;
    *field = to;
    if (*from == '"') {
        for (from++; *from && (*from != '"' || from[1] == '"'); from++) {
            t->number += *from == '\n';
            from += *from == '"';
            *to++ = *from;
        }
        if (!*from || !ends_field(t, from[1]))
            return unic__fail(UNIC_E_FORMAT, "%s:%zu: a quoted field does not end with it",
                              t->path, number);
        from++;
    } else {
        while (!ends_field(t, *from))
            from++;
        to = from;
    }
    from += *from == '\r' && from[1] == '\n';
    *stop = *from;
    t->at = from + (*from != '\0');
    *to = '\0';
    return UNIC_OK;
}

static void skip_empty_lines(table *t)
{
    for (; *t->at == '\n' || *t->at == '\r'; t->at++)
        t->number += *t->at == '\n';
}

/* The fields of the next line; *n is 0 at the end. */
static unic_status take_line(table *t, const char *fields[MOST_COLUMNS], size_t *n)
{
    *n = 0;
    if (!*t->at)
        return UNIC_OK;
    char stop = t->delimiter;
    while (stop == t->delimiter) {
        if (*n == MOST_COLUMNS)
            return unic__fail(UNIC_E_FORMAT, "%s:%zu: has more than %d columns", t->path,
                              t->number, MOST_COLUMNS);
        UNIC__TRY(take_field(t, &fields[(*n)++], &stop));
    }
    t->number += stop == '\n';
    return UNIC_OK;
}

/* ---- lines ------------------------------------------------------------------------------- */

static size_t column_of(const char *name)
{
    static const char *const names[COLUMNS] = {"video_id", "category", "split",
                                               "onset",    "offset",   "event_labels"};
    size_t c = 0;
    if (strcmp(name, "filename") == 0)
        return ID;
    while (c < COLUMNS && strcmp(name, names[c]) != 0)
        c++;
    return c;
}

static bool has(const table *t, column c)
{
    return t->place[c] < MOST_COLUMNS;
}

static unic_status take_header(table *t)
{
    const char *fields[MOST_COLUMNS];
    skip_empty_lines(t);
    t->delimiter = memchr(t->at, '\t', strcspn(t->at, "\n")) ? '\t' : ',';
    UNIC__TRY(take_line(t, fields, &t->columns));
    for (size_t c = 0; c < COLUMNS; c++)
        t->place[c] = MOST_COLUMNS;
    for (size_t i = 0; i < t->columns; i++) {
        size_t c = column_of(fields[i]);
        if (c == COLUMNS)
            continue;
        if (has(t, (column)c))
            return unic__fail(UNIC_E_FORMAT, "%s: has two columns \"%s\"", t->path, fields[i]);
        t->place[c] = i;
    }
    if (!has(t, ID))
        return unic__fail(UNIC_E_FORMAT,
                          "%s: has no column \"video_id\" in its first line, which names the "
                          "columns",
                          t->path);
    if (has(t, ONSET) != has(t, EVENTS) || has(t, OFFSET) != has(t, EVENTS))
        return unic__fail(UNIC_E_FORMAT,
                          "%s: has only some of the columns \"onset\", \"offset\" and "
                          "\"event_labels\"",
                          t->path);
    return UNIC_OK;
}

static unic_status take_lines(table *t)
{
    size_t room = 1, bytes = SIZE_MAX, n;
    const char *fields[MOST_COLUMNS];
    for (const char *c = t->at; *c; c++)
        room += *c == '\n';
    if (unic__mul_size(room, sizeof *t->lines, &bytes))
        t->lines = unic__arena_alloc(t->arena, bytes);
    if (!t->lines)
        return unic__no_memory(bytes, "a table of clips");
    for (;;) {
        skip_empty_lines(t);
        size_t number = t->number;
        UNIC__TRY(take_line(t, fields, &n));
        if (!n)
            return UNIC_OK;
        if (n != t->columns)
            return unic__fail(UNIC_E_FORMAT, "%s:%zu: has %zu columns, %zu expected", t->path,
                              number, n, t->columns);
        line *l = &t->lines[t->n++];
        l->number = number;
        for (size_t c = 0; c < COLUMNS; c++)
            l->field[c] = has(t, (column)c) ? fields[t->place[c]] : NULL;
        if (!*l->field[ID])
            return unic__fail(UNIC_E_FORMAT, "%s:%zu: names no clip", t->path, number);
    }
}

/* ---- classes ----------------------------------------------------------------------------- */

typedef struct classes {
    const char **names; /* sorted, each once */
    size_t n;
} classes;

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void sort_classes(classes *c)
{
    size_t n = 0;
    if (c->n)
        qsort(c->names, c->n, sizeof *c->names, compare_names);
    for (size_t i = 0; i < c->n; i++)
        if (!n || strcmp(c->names[n - 1], c->names[i]) != 0)
            c->names[n++] = c->names[i];
    c->n = n;
}

static size_t class_of(const classes *c, const char *name)
{
    const char **found = bsearch(&name, c->names, c->n, sizeof *c->names, compare_names);
    return (size_t)(found - c->names); /* every name is among them */
}

static unic_status number_categories(table *t, classes *c)
{
    c->names = unic__arena_alloc(t->arena, t->n * sizeof *c->names);
    if (!c->names)
        return unic__no_memory(t->n * sizeof *c->names, "the names of classes");
    for (size_t i = 0; i < t->n; i++)
        c->names[c->n++] = t->lines[i].field[CATEGORY];
    sort_classes(c);
    return UNIC_OK;
}

/* ---- events: "0,3" or "[0, 3]", "Speech,Dog" or "['Speech', 'Dog']" ---------------------- */

/* The next of a list's items into *item, without brackets, quotes and space; false
 * at its end. */
static bool next_item(const char **list, const char **item, size_t *size)
{
    static const char around[] = " '\"[]";
    const char *at = *list + strspn(*list, " '\"[],");
    size_t n = strcspn(at, ",");
    *list = at + n;
    *item = at;
    while (n && strchr(around, at[n - 1]))
        n--;
    *size = n;
    return n > 0;
}

static bool next_second(const char **list, size_t *second)
{
    const char *item;
    size_t size;
    if (!next_item(list, &item, &size) || size > 5 || strspn(item, "0123456789") < size)
        return false;
    *second = 0;
    for (size_t i = 0; i < size; i++)
        *second = 10 * *second + (size_t)(item[i] - '0');
    return *second <= MOST_STEPS;
}

typedef struct event {
    size_t row, onset, offset;
    const char *name;
} event;

/* Appends the events of a line; the three lists must be of one length. */
static unic_status take_events(const table *t, size_t row, event *events, size_t *n)
{
    const line *l = &t->lines[row];
    const char *onsets = l->field[ONSET], *offsets = l->field[OFFSET];
    const char *names = l->field[EVENTS], *item;
    size_t size;
    while (next_item(&names, &item, &size)) {
        event *e = &events[(*n)++];
        e->row = row;
        if (!next_second(&onsets, &e->onset) || !next_second(&offsets, &e->offset) ||
            e->onset >= e->offset)
            return unic__fail(UNIC_E_FORMAT,
                              "%s:%zu: event \"%.*s\" has no onset below its offset, whole "
                              "seconds expected",
                              t->path, l->number, (int)size, item);
        if (!(e->name = unic__arena_printf(t->arena, "%.*s", (int)size, item)))
            return unic__no_memory(size + 1, "an event's name");
    }
    if (next_item(&onsets, &item, &size) || next_item(&offsets, &item, &size))
        return unic__fail(UNIC_E_FORMAT, "%s:%zu: has fewer events than onsets or offsets",
                          t->path, l->number);
    return UNIC_OK;
}

/* All events, and their classes. */
static unic_status gather_events(const table *t, event **events, size_t *n, classes *c)
{
    size_t most = t->n; /* a list has at most one item more than commas */
    for (size_t i = 0; i < t->n; i++)
        for (const char *at = t->lines[i].field[EVENTS]; *at; at++)
            most += *at == ',';
    *events = unic__arena_alloc(t->arena, most * sizeof **events);
    c->names = unic__arena_alloc(t->arena, most * sizeof *c->names);
    if (!*events || !c->names) /* the text has a byte for each: no overflow to fear */
        return unic__no_memory(most * sizeof **events, "the events of clips");
    *n = 0;
    for (size_t i = 0; i < t->n; i++)
        UNIC__TRY(take_events(t, i, *events, n));
    for (size_t i = 0; i < *n; i++)
        c->names[c->n++] = (*events)[i].name;
    sort_classes(c);
    return UNIC_OK;
}

static unic_status mark_events(const table *t, unic__clip_table *out)
{
    classes c = {.n = 0};
    event *events;
    size_t n = 0, bytes = SIZE_MAX, count = t->n;
    UNIC__TRY(gather_events(t, &events, &n, &c));
    out->steps = 1;
    out->classes = c.n;
    for (size_t i = 0; i < n; i++)
        out->steps = events[i].offset > out->steps ? events[i].offset : out->steps;
    size_t width = c.n + 1;
    if (unic__mul_size(count, out->steps, &count) && unic__mul_size(count, width, &count) &&
        unic__mul_size(count, sizeof *out->events, &bytes))
        out->events = unic__arena_alloc(t->arena, bytes);
    if (!out->events)
        return unic__no_memory(bytes, "the labels of steps");
    for (size_t i = 0; i < t->n * out->steps; i++)
        out->events[i * width + c.n] = 1;
    for (size_t i = 0; i < n; i++)
        for (size_t step = events[i].onset; step < events[i].offset; step++) {
            int32_t *at = out->events + (events[i].row * out->steps + step) * width;
            at[class_of(&c, events[i].name)] = 1;
            at[c.n] = 0;
        }
    return UNIC_OK;
}

/* ---- the index --------------------------------------------------------------------------- */

static unic_status fill_index(table *t, unic__clip_table *out)
{
    out->ids = unic__arena_alloc(t->arena, t->n * sizeof *out->ids);
    if (!out->ids)
        return unic__no_memory(t->n * sizeof *out->ids, "a table of clips");
    for (size_t i = 0; i < t->n; i++)
        out->ids[i] = t->lines[i].field[ID];
    out->n = t->n;
    if (has(t, EVENTS))
        UNIC__TRY(mark_events(t, out));
    if (!has(t, CATEGORY))
        return UNIC_OK;
    classes c = {.n = 0};
    UNIC__TRY(number_categories(t, &c));
    out->labels = unic__arena_alloc(t->arena, t->n * sizeof *out->labels);
    if (!out->labels)
        return unic__no_memory(t->n * sizeof *out->labels, "the clips' classes");
    for (size_t i = 0; i < t->n; i++)
        out->labels[i] = (int32_t)class_of(&c, t->lines[i].field[CATEGORY]);
    return UNIC_OK;
}

static unic_status choose_split(table *t, unic__clip_table *x, const char *split)
{
    if (!has(t, SPLIT))
        return unic__fail(UNIC_E_NOTFOUND,
                          "%s: has no column \"split\", but split \"%s\" is asked for", t->path,
                          split);
    bool *keep = unic__arena_alloc(t->arena, t->n * sizeof *keep);
    if (!keep)
        return unic__no_memory(t->n, "a split");
    for (size_t i = 0; i < t->n; i++)
        keep[i] = strcmp(t->lines[i].field[SPLIT], split) == 0;
    unic__clip_table_keep(x, keep);
    if (!x->n)
        return unic__fail(UNIC_E_NOTFOUND,
                          "%s: no clip is in split \"%s\"; that of the first "
                          "is \"%s\"",
                          t->path, split, t->lines[0].field[SPLIT]);
    return UNIC_OK;
}

unic_status unic__clip_table_read(unic__clip_table *out, unic__arena *arena, const char *path,
                                  const char *split)
{
    table t = {.path = path, .arena = arena, .number = 1};
    *out = (unic__clip_table){.n = 0};
    UNIC__TRY(load_text(&t));
    UNIC__TRY(take_header(&t));
    UNIC__TRY(take_lines(&t));
    if (!t.n)
        return unic__fail(UNIC_E_FORMAT, "%s: names no clip", path);
    if (t.n > INT32_MAX)
        return unic__fail(UNIC_E_FORMAT, "%s: names more than %ld clips", path,
                          (long)INT32_MAX);
    UNIC__TRY(fill_index(&t, out));
    return split ? choose_split(&t, out, split) : UNIC_OK;
}

void unic__clip_table_keep(unic__clip_table *x, const bool *keep)
{
    size_t n = 0, each = x->steps * (x->classes + 1);
    for (size_t i = 0; i < x->n; i++) {
        if (!keep[i])
            continue;
        x->ids[n] = x->ids[i];
        if (x->labels)
            x->labels[n] = x->labels[i];
        if (x->events && n < i)
            memcpy(x->events + n * each, x->events + i * each, each * sizeof *x->events);
        n++;
    }
    x->n = n;
}
