#include "data/clip_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "data/clip_events.h"
#include "data/clip_header.h"
#include "data/odd_names.h"
#include "file/text_file.h"

enum { LARGEST_FILE = 1 << 28 };

typedef struct line {
    const char *field[UNIC__COLUMNS]; /* NULL without such a column */
    size_t number;
    size_t clip; /* which clip of the table it is about */
} line;

typedef struct table {
    const char *path;
    unic__arena *arena; /* of what is kept */
    char *text;
    unic__csv csv;
    unic__clip_header columns;
    line *lines, **first; /* [n]; [clips], the first line of each */
    size_t n;
    unic__event_table events;
} table;

/* ---- lines ------------------------------------------------------------------------------- */

static bool has(const table *t, unic__clip_column c)
{
    return unic__clip_header_has(&t->columns, c);
}

/* The next line of a clip; n is 0 at the end. */
static unic_status next_line(table *t, unic__record *record)
{
    if (!t->columns.headless || t->n)
        return unic__csv_next(&t->csv, record);
    *record = t->columns.begun;
    return UNIC_OK;
}

/* VGGSound's clips are named by their video and the second at which they start in it. */
static unic_status name_clip(table *t, const unic__record *record, line *l)
{
    const char *video = l->field[UNIC__COLUMN_ID], *start = record->fields[t->columns.start];
    if (!unic__is_second(start))
        return unic__fail(UNIC_E_FORMAT, "%s:%zu: starts at \"%s\", a whole second expected",
                          t->path, l->number, start);
    const int zeros = strlen(start) < 6 ? 6 - (int)strlen(start) : 0;
    l->field[UNIC__COLUMN_ID] = unic__arena_printf(t->arena, "%s_%.*s%s", video, zeros,
                                                   "000000", start);
    return l->field[UNIC__COLUMN_ID] ? UNIC_OK
                                     : unic__no_memory(strlen(video) + 8, "a clip's name");
}

static unic_status take_lines(table *t)
{
    unic__record record = {.n = 0};
    size_t bytes = SIZE_MAX;
    if (unic__mul_size(unic__csv_lines(&t->csv) + t->columns.headless, sizeof *t->lines,
                       &bytes))
        t->lines = unic__alloc(bytes);
    if (!t->lines)
        return unic__no_memory(bytes, "a table of clips");
    for (;;) {
        UNIC__TRY(next_line(t, &record));
        if (!record.n)
            break;
        if (record.n != t->columns.n)
            return unic__fail(UNIC_E_FORMAT, "%s:%zu: has %zu columns, %zu expected", t->path,
                              record.number, record.n, t->columns.n);
        line *l = &t->lines[t->n++];
        *l = (line){.number = record.number};
        for (size_t c = 0; c < UNIC__COLUMNS; c++)
            l->field[c] = has(t, (unic__clip_column)c) ? record.fields[t->columns.place[c]]
                                                       : NULL;
        if (!*l->field[UNIC__COLUMN_ID])
            return unic__fail(UNIC_E_FORMAT, "%s:%zu: names no clip", t->path, l->number);
        if (t->columns.start < UNIC__NO_FIELD)
            UNIC__TRY(name_clip(t, &record, l));
    }
    if (!t->n)
        return unic__fail(UNIC_E_FORMAT, "%s: names no clip", t->path);
    return t->n <= INT32_MAX ? UNIC_OK
                             : unic__fail(UNIC_E_FORMAT, "%s: names more than %ld clips",
                                          t->path, (long)INT32_MAX);
}

/* By the clip, then as they stand in the text. */
static int compare_lines(const void *a, const void *b)
{
    const line *x = *(line *const *)a, *y = *(line *const *)b;
    int order = strcmp(x->field[UNIC__COLUMN_ID], y->field[UNIC__COLUMN_ID]);
    return order ? order : (x->number > y->number) - (x->number < y->number);
}

static unic__piece piece_of(const char *text)
{
    return (unic__piece){text, strlen(text)};
}

/* What the clip's first line leaves open, a later one may say. */
static unic_status agree(const table *t, line *first, const line *other, unic__clip_column c)
{
    if (!has(t, c) || unic__is_missing(piece_of(other->field[c])) ||
        strcmp(first->field[c], other->field[c]) == 0)
        return UNIC_OK;
    if (!unic__is_missing(piece_of(first->field[c])))
        return unic__fail(
            UNIC_E_FORMAT, "%s:%zu: clip \"%s\" has %s \"%s\", but \"%s\" in line %zu", t->path,
            other->number, other->field[UNIC__COLUMN_ID], unic__clip_column_name(c),
            other->field[c], first->field[c], first->number);
    first->field[c] = other->field[c];
    return UNIC_OK;
}

/* Finds the lines of each clip; the first one's index stands in `clip` of all of them. */
static unic_status match_lines(const table *t, line **order)
{
    for (size_t i = 0; i < t->n; i++)
        order[i] = &t->lines[i];
    qsort(order, t->n, sizeof *order, compare_lines);
    line *first = order[0];
    for (size_t i = 0; i < t->n; i++) {
        if (strcmp(first->field[UNIC__COLUMN_ID], order[i]->field[UNIC__COLUMN_ID]) != 0)
            first = order[i];
        order[i]->clip = (size_t)(first - t->lines);
        if (!t->columns.by_category)
            UNIC__TRY(agree(t, first, order[i], UNIC__COLUMN_CATEGORY));
        UNIC__TRY(agree(t, first, order[i], UNIC__COLUMN_SPLIT));
    }
    return UNIC_OK;
}

/* Numbers the clips in the order of their first lines. */
static unic_status number_clips(table *t, unic__clip_table *out)
{
    t->first = unic__alloc(t->n * sizeof *t->first);
    out->ids = unic__arena_alloc(t->arena, t->n * sizeof *out->ids);
    if (!t->first || !out->ids)
        return unic__no_memory(t->n * sizeof *t->first, "a table of clips");
    UNIC__TRY(match_lines(t, t->first)); /* the room is theirs first */
    for (size_t i = 0; i < t->n; i++) {
        line *l = &t->lines[i];
        if (l->clip < i) { /* a line above, which has its clip's number already */
            l->clip = t->lines[l->clip].clip;
            continue;
        }
        l->clip = out->n;
        t->first[out->n] = l;
        if (!(out->ids[out->n++] = unic__arena_printf(t->arena, "%s",
                                                      l->field[UNIC__COLUMN_ID])))
            return unic__no_memory(strlen(l->field[UNIC__COLUMN_ID]) + 1, "a clip's name");
    }
    if (out->n < t->n)
        unic__log_line(UNIC_LOG_INFO, "%s: %zu clips in %zu lines%s", t->path, out->n, t->n,
                       has(t, UNIC__COLUMN_EVENTS) || t->columns.by_category
                           ? ", whose events are put together"
                           : "");
    return UNIC_OK;
}

/* ---- classes ----------------------------------------------------------------------------- */

/* How many clips have the label, and the line of the first of them. */
static size_t count_labels(const table *t, const unic__clip_table *x, int32_t label,
                           size_t *line_number)
{
    size_t n = 0;
    for (size_t i = x->n; i-- > 0;)
        if (x->labels[i] == label) {
            n++;
            *line_number = t->first[i]->number;
        }
    return n;
}

static unic_status number_categories(const table *t, unic__clip_table *out, unic__piece *pieces)
{
    enum { NONE = -1, SEVERAL = -2 };
    size_t n = 0, first;
    for (size_t i = 0; i < t->n; i++)
        if (!unic__is_missing(piece_of(t->lines[i].field[UNIC__COLUMN_CATEGORY])))
            pieces[n++] = piece_of(t->lines[i].field[UNIC__COLUMN_CATEGORY]);
    UNIC__TRY(unic__class_names_of(&out->categories, t->arena, pieces, n));
    unic__report_odd_names(&out->categories, t->path, false);
    for (size_t i = 0; i < out->n; i++)
        out->labels[i] = NONE;
    for (size_t i = 0; i < t->n; i++) {
        unic__piece name = piece_of(t->lines[i].field[UNIC__COLUMN_CATEGORY]);
        int32_t *label = &out->labels[t->lines[i].clip];
        if (unic__is_missing(name))
            continue;
        int32_t class = unic__class_names_find(&out->categories, name);
        *label = *label == NONE || *label == class ? class : SEVERAL;
    }
    if ((n = count_labels(t, out, NONE, &first)))
        unic__log_line(UNIC_LOG_WARNING,
                       "%s: %zu of %zu clips have no category (the first in line %zu): they "
                       "have no label (-1)",
                       t->path, n, out->n, first);
    if ((n = count_labels(t, out, SEVERAL, &first)))
        unic__log_line(UNIC_LOG_WARNING,
                       "%s: %zu of %zu clips have events of several categories (the first "
                       "begins in line %zu): they have no label (-1)",
                       t->path, n, out->n, first);
    for (size_t i = 0; i < out->n; i++)
        out->labels[i] = out->labels[i] == SEVERAL ? NONE : out->labels[i];
    return UNIC_OK;
}

static unic_status take_categories(const table *t, unic__clip_table *out)
{
    if (!has(t, UNIC__COLUMN_CATEGORY))
        return UNIC_OK;
    unic__piece *pieces = unic__alloc_array(t->n, sizeof *pieces);
    out->labels = unic__arena_alloc(t->arena, out->n * sizeof *out->labels);
    unic_status status = pieces && out->labels
                             ? number_categories(t, out, pieces)
                             : unic__no_memory(t->n * sizeof *pieces, "the clips' classes");
    unic__free(pieces);
    return status;
}

/* ---- events ------------------------------------------------------------------------------ */

static unic_status gather_events(table *t)
{
    size_t first_alike = 0; /* the line */
    for (size_t i = 0; i < t->n; i++) {
        const line *l = &t->lines[i];
        const unic__event_lists lists = {
            l->field[t->columns.by_category ? UNIC__COLUMN_CATEGORY : UNIC__COLUMN_EVENTS],
            l->field[UNIC__COLUMN_ONSET], l->field[UNIC__COLUMN_OFFSET],
            t->columns.by_category};
        unic_status status = unic__event_table_add(&t->events, l->clip, &lists);
        if (t->events.alike == 1 && !first_alike)
            first_alike = l->number;
        if (status != UNIC_OK)
            return status == UNIC_E_FORMAT ? unic__fail_in(status, "%s:%zu", t->path, l->number)
                                           : status;
    }
    if (t->events.n > INT32_MAX)
        return unic__fail(UNIC_E_FORMAT, "%s: has more than %ld events", t->path,
                          (long)INT32_MAX);
    if (t->events.empty)
        unic__log_line(UNIC_LOG_WARNING,
                       "%s: %zu of %zu events end where they begin: they are in no step",
                       t->path, t->events.empty, t->events.n);
    if (t->events.alike)
        unic__log_line(
            UNIC_LOG_WARNING,
            "%s: %zu of %zu lines give several events one onset and offset (the first "
            "is line %zu): each of these events has it",
            t->path, t->events.alike, t->n, first_alike);
    if (!t->events.n)
        unic__log_line(UNIC_LOG_WARNING, "%s: no line has an event", t->path);
    else if (!has(t, UNIC__COLUMN_ONSET))
        unic__log_line(UNIC_LOG_INFO,
                       "%s: events have no onset and offset: they are in every step of their "
                       "clip",
                       t->path);
    return UNIC_OK;
}

static unic_status name_events(const table *t, unic__clip_table *out)
{
    unic__piece *pieces = unic__alloc_array(t->events.n, sizeof *pieces);
    if (!pieces)
        return unic__no_memory(t->events.n * sizeof *pieces, "the classes of events");
    for (size_t i = 0; i < t->events.n; i++)
        pieces[i] = t->events.at[i].name;
    unic_status status = unic__class_names_of(&out->event_names, t->arena, pieces, t->events.n);
    unic__free(pieces);
    if (status == UNIC_OK && !t->columns.by_category)
        unic__report_odd_names(&out->event_names, t->path, true);
    return status;
}

/* Sorts the events by their clips. */
static unic_status take_events(table *t, unic__clip_table *out)
{
    if (!has(t, UNIC__COLUMN_EVENTS) && !t->columns.by_category)
        return UNIC_OK;
    UNIC__TRY(gather_events(t));
    UNIC__TRY(name_events(t, out));
    size_t n = t->events.n, begin = 0;
    unic__clip_event *sorted = unic__arena_alloc(t->arena, n * sizeof *sorted);
    out->events = unic__arena_alloc(t->arena, out->n * sizeof *out->events);
    if (!sorted || !out->events)
        return unic__no_memory(n * sizeof *sorted, "the events of clips");
    for (size_t i = 0; i < n; i++)
        out->events[t->events.at[i].clip].n++;
    for (size_t i = 0; i < out->n; i++) {
        out->events[i].at = sorted + begin;
        begin += out->events[i].n;
        out->events[i].n = 0;
    }
    for (size_t i = 0; i < n; i++) {
        const unic__event *e = &t->events.at[i];
        unic__clip_event_list *of = &out->events[e->clip];
        of->at[of->n++] = (unic__clip_event){
            e->onset, e->offset, unic__class_names_find(&out->event_names, e->name)};
    }
    return UNIC_OK;
}

/* ---- the table --------------------------------------------------------------------------- */

static unic_status number_splits(const table *t, unic__clip_table *x, unic__piece *pieces)
{
    for (size_t i = 0; i < x->n; i++)
        pieces[i] = piece_of(t->first[i]->field[UNIC__COLUMN_SPLIT]);
    UNIC__TRY(unic__class_names_of(&x->split_names, t->arena, pieces, x->n));
    for (size_t i = 0; i < x->n; i++)
        x->splits[i] = unic__class_names_find(&x->split_names,
                                              piece_of(t->first[i]->field[UNIC__COLUMN_SPLIT]));
    return UNIC_OK;
}

static unic_status take_splits(const table *t, unic__clip_table *x)
{
    if (!has(t, UNIC__COLUMN_SPLIT))
        return UNIC_OK;
    unic__piece *pieces = unic__alloc_array(x->n, sizeof *pieces);
    x->splits = unic__arena_alloc(t->arena, x->n * sizeof *x->splits);
    unic_status status = pieces && x->splits
                             ? number_splits(t, x, pieces)
                             : unic__no_memory(x->n * sizeof *pieces, "the clips' splits");
    unic__free(pieces);
    return status;
}

static unic_status read_table(table *t, unic__clip_table *out, const char *split)
{
    size_t size;
    UNIC__TRY(unic__text_load(&t->text, &size, t->path, LARGEST_FILE, "a table of clips"));
    UNIC__TRY(unic__csv_begin(&t->csv, t->arena, t->path, t->text, size));
    const char first = t->csv.at[strspn(t->csv.at, " \t")]; /* a NUL is behind the text */
    if (first == '[' || first == '{')
        return unic__fail(
            UNIC_E_FORMAT,
            "%s: begins with %c, as JSON does; a table whose first line names its "
            "columns, as video_id,category, expected",
            t->path, first);
    UNIC__TRY(unic__clip_header_read(&t->columns, &t->csv));
    UNIC__TRY(take_lines(t));
    UNIC__TRY(number_clips(t, out));
    UNIC__TRY(take_categories(t, out));
    UNIC__TRY(take_events(t, out));
    UNIC__TRY(take_splits(t, out));
    return split ? unic__clip_table_choose_split(out, t->arena, t->path, split) : UNIC_OK;
}

unic_status unic__clip_table_read(unic__clip_table *out, unic__arena *arena, const char *path,
                                  const char *split)
{
    table t = {.path = path, .arena = arena};
    *out = (unic__clip_table){.n = 0};
    unic_status status = read_table(&t, out, split);
    unic__event_table_free(&t.events);
    unic__free(t.first);
    unic__free(t.lines);
    unic__free(t.text);
    return status;
}
