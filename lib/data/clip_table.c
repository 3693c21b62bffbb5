#include "data/clip_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "data/clip_events.h"
#include "data/csv.h"
#include "data/odd_names.h"
#include "file/text_file.h"

enum { LARGEST_FILE = 1 << 28, NOT_THERE = UNIC__CSV_FIELDS };

typedef enum column { ID, CATEGORY, SPLIT, ONSET, OFFSET, EVENTS, COLUMNS } column;

static const char *const column_names[] = {"video_id", "category",     "split",    "onset",
                                           "offset",   "event_labels", "filename", "id"};

typedef struct line {
    const char *field[COLUMNS]; /* NULL without such a column */
    size_t number;
    size_t clip; /* which clip of the table it is about */
} line;

typedef struct table {
    const char *path;
    unic__arena *arena; /* of what is kept */
    char *text;
    unic__csv csv;
    size_t place[COLUMNS]; /* which field of a line it is, or NOT_THERE */
    size_t start;          /* field of the second at which a clip starts, part of its name */
    size_t columns;        /* fields of the header */
    bool headless;         /* the first line is a clip's: `begun` */
    unic__record begun;
    bool by_category;     /* lines have times and no names of events: their category is one */
    line *lines, **first; /* [n]; [clips], the first line of each */
    size_t n;
    unic__event_table events;
} table;

/* ---- the header -------------------------------------------------------------------------- */

static bool has(const table *t, column c)
{
    return t->place[c] < NOT_THERE;
}

/* Equal but for the case of ASCII letters, whatever the locale. */
static bool same_but_for_case(const char *a, const char *b)
{
    for (; *a && *b; a++, b++)
        if ((*a >= 'A' && *a <= 'Z' ? *a - 'A' + 'a' : *a) != *b)
            return false;
    return !*a && !*b;
}

/* The field of that name, which is in small letters; or else the one that is it but for case.
 * NOT_THERE without one. */
static unic_status find_column(const table *t, const unic__record *header, const char *name,
                               size_t *place)
{
    *place = NOT_THERE;
    for (int any_case = 0; any_case < 2 && *place == NOT_THERE; any_case++)
        for (size_t i = 0; i < header->n; i++) {
            if (any_case ? !same_but_for_case(header->fields[i], name)
                         : strcmp(header->fields[i], name) != 0)
                continue;
            if (*place < NOT_THERE)
                return unic__fail(UNIC_E_FORMAT, "%s: has two columns \"%s\"", t->path, name);
            *place = i;
        }
    if (*place < NOT_THERE && strcmp(header->fields[*place], name) != 0)
        unic__log_line(UNIC_LOG_INFO, "%s: column \"%s\" is read as \"%s\"", t->path,
                       header->fields[*place], name);
    return UNIC_OK;
}

/* The clip's name: `video_id` or `filename`, not both; `id` if there is neither. */
static unic_status find_id(table *t, const unic__record *header)
{
    size_t filename;
    UNIC__TRY(find_column(t, header, "video_id", &t->place[ID]));
    UNIC__TRY(find_column(t, header, "filename", &filename));
    if (has(t, ID) && filename < NOT_THERE)
        return unic__fail(UNIC_E_FORMAT,
                          "%s: has two columns \"filename\" and \"video_id\", one that names "
                          "the clips expected",
                          t->path);
    if (!has(t, ID))
        t->place[ID] = filename;
    return has(t, ID) ? UNIC_OK : find_column(t, header, "id", &t->place[ID]);
}

/* Other words that people have for the columns. */
static bool is_synonym(const char *word, column c)
{
    static const struct {
        const char *word;
        column is;
    } words[] = {{"label", CATEGORY}, {"labels", CATEGORY},
                 {"class", CATEGORY}, {"class_name", CATEGORY},
                 {"event", EVENTS},   {"events", EVENTS},
                 {"start", ONSET},    {"start_time", ONSET},
                 {"end", OFFSET},     {"end_time", OFFSET},
                 {"name", ID},        {"file", ID},
                 {"clip", ID},        {"video", ID},
                 {"youtube_id", ID},  {"youtube id", ID},
                 {"ytid", ID},        {"vid", ID},
                 {"video_name", ID},  {"file_name", ID},
                 {"fname", ID},       {"slice_file_name", ID}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (words[i].is == c && strcmp(words[i].word, word) == 0)
            return true;
    return false;
}

/* The name in small letters; false if it is none or too long to be a word for a column. */
enum { LONGEST_COLUMN = 64 };
static bool to_lower(const char *name, char lower[LONGEST_COLUMN])
{
    size_t n = strlen(name);
    if (!n || n >= LONGEST_COLUMN)
        return false;
    for (size_t i = 0; i <= n; i++)
        lower[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] - 'A' + 'a' : name[i]);
    return true;
}

/* `start` and `end` beside a class are a clip's place in its video, or the times of an event. */
static void report_times(const table *t, const unic__record *header)
{
    char names[160] = "", lower[LONGEST_COLUMN];
    bool starts = false, ends = false;
    if (has(t, ONSET) || has(t, EVENTS) || !has(t, CATEGORY))
        return;
    for (size_t i = 0; i < header->n; i++) {
        bool word = to_lower(header->fields[i], lower);
        bool start = word && is_synonym(lower, ONSET), end = word && is_synonym(lower, OFFSET);
        starts |= start;
        ends |= end;
        if (start || end)
            unic__text_list_add(names, sizeof names, header->fields[i]);
    }
    if (starts && ends)
        unic__log_line(UNIC_LOG_INFO,
                       "%s: columns %s are not read, as those of a clip in its video; times of "
                       "events would be columns \"onset\" and \"offset\"",
                       t->path, names);
}

/* The column that a name of none means or is near to, and that is not there; NULL: none. */
static const char *meant_by(const table *t, const char *name)
{
    char lower[LONGEST_COLUMN];
    size_t c = 0;
    if (!to_lower(name, lower))
        return NULL;
    while (c < COLUMNS && !is_synonym(lower, (column)c))
        c++;
    bool times = c == ONSET || c == OFFSET; /* those of a clip in its video are no events' */
    if (c < COLUMNS)
        return has(t, (column)c) || (times && !has(t, EVENTS)) ? NULL : column_names[c];
    const char *near = unic__nearest_word(lower, column_names,
                                          sizeof column_names / sizeof *column_names);
    for (c = 0; near && c < COLUMNS && strcmp(near, column_names[c]) != 0;)
        c++;
    return near && !has(t, c < COLUMNS ? (column)c : ID) ? near : NULL;
}

static bool is_id(const char *name)
{
    return strcmp(name, column_names[ID]) == 0 || strcmp(name, "filename") == 0 ||
           strcmp(name, "id") == 0;
}

/* What is missing is the clips' name, or else what events need: only a column that may be meant as that is
 * asked about. */
static unic_status refuse_header(const table *t, const unic__record *header, const char *what,
                                 bool names_clips)
{
    char names[160] = "";
    for (size_t i = 0; i < header->n; i++) {
        const char *near = meant_by(t, header->fields[i]);
        if (near && is_id(near) == names_clips && strcmp(near, header->fields[i]) != 0)
            return unic__fail(UNIC_E_FORMAT, "%s: has %s; is column \"%s\" meant as \"%s\"?",
                              t->path, what, header->fields[i], near);
        unic__text_list_add(names, sizeof names, header->fields[i]);
    }
    return unic__fail(UNIC_E_FORMAT, "%s: has %s%s%s%s", t->path, what,
                      *names ? "; there is: " : "", names,
                      *names == '#' ? "; a line that begins with # is no comment" : "");
}

/* AVE's Annotations.txt, with its first line or, as in its parts, without:
 * Category&VideoID&Quality&StartTime&EndTime. */
static bool take_ave(table *t, const unic__record *header)
{
    enum { THEIR_CATEGORY, THEIR_ID, QUALITY, START, END, FIELDS };
    if (t->csv.delimiter != '&' || header->n != FIELDS)
        return false;
    t->place[CATEGORY] = THEIR_CATEGORY;
    t->place[ID] = THEIR_ID;
    t->place[ONSET] = START;
    t->place[OFFSET] = END;
    t->headless = !same_but_for_case(header->fields[THEIR_ID], "videoid");
    t->begun = *header;
    unic__log_line(UNIC_LOG_INFO,
                   "%s: is read as AVE's annotations, "
                   "Category&VideoID&Quality&StartTime&EndTime",
                   t->path);
    return true;
}

static bool is_second(const char *text)
{
    return *text && strspn(text, "0123456789") == strlen(text);
}

/* vggsound.csv, which names no columns: video, second at which the clip starts, category, split. */
static bool take_vggsound(table *t, const unic__record *header)
{
    enum { THEIR_ID, START, THEIR_CATEGORY, THEIR_SPLIT, FIELDS };
    if (header->n != FIELDS || !is_second(header->fields[START]) ||
        (strcmp(header->fields[THEIR_SPLIT], "train") != 0 &&
         strcmp(header->fields[THEIR_SPLIT], "test") != 0))
        return false;
    t->place[ID] = THEIR_ID;
    t->place[CATEGORY] = THEIR_CATEGORY;
    t->place[SPLIT] = THEIR_SPLIT;
    t->start = START;
    t->headless = true;
    t->begun = *header;
    unic__log_line(UNIC_LOG_INFO,
                   "%s: is read as VGGSound's table, video,start,category,split, whose clips "
                   "are named as VIDEO_000030",
                   t->path);
    return true;
}

static unic_status check_header(table *t, const unic__record *header)
{
    if (!has(t, ID) && !take_ave(t, header) && !take_vggsound(t, header))
        return refuse_header(
            t, header, "no column \"video_id\" in its first line, which names the columns",
            true);
    t->by_category = has(t, ONSET) && !has(t, EVENTS);
    if (has(t, ONSET) != has(t, OFFSET) || (t->by_category && !has(t, CATEGORY)))
        return refuse_header(
            t, header, "only some of the columns \"onset\", \"offset\" and \"event_labels\"",
            false);
    return UNIC_OK;
}

static unic_status take_header(table *t)
{
    unic__record header;
    UNIC__TRY(unic__csv_next(&t->csv, &header));
    t->columns = header.n;
    for (size_t c = CATEGORY; c < COLUMNS; c++)
        UNIC__TRY(find_column(t, &header, column_names[c], &t->place[c]));
    UNIC__TRY(find_id(t, &header));
    UNIC__TRY(check_header(t, &header));
    for (size_t i = 0; i < header.n && !t->headless; i++) {
        const char *near = meant_by(t, header.fields[i]);
        if (near)
            unic__log_line(UNIC_LOG_WARNING,
                           "%s: column \"%s\" is not read; did you mean \"%s\"?", t->path,
                           header.fields[i], near);
    }
    if (!t->headless)
        report_times(t, &header);
    return UNIC_OK;
}

/* ---- lines ------------------------------------------------------------------------------- */

/* The next line of a clip; n is 0 at the end. */
static unic_status next_line(table *t, unic__record *record)
{
    if (!t->headless || t->n)
        return unic__csv_next(&t->csv, record);
    *record = t->begun;
    return UNIC_OK;
}

/* VGGSound's clips are named by their video and the second at which they start in it. */
static unic_status name_clip(table *t, const unic__record *record, line *l)
{
    const char *video = l->field[ID], *start = record->fields[t->start];
    if (!is_second(start))
        return unic__fail(UNIC_E_FORMAT, "%s:%zu: starts at \"%s\", a whole second expected",
                          t->path, l->number, start);
    const int zeros = strlen(start) < 6 ? 6 - (int)strlen(start) : 0;
    l->field[ID] = unic__arena_printf(t->arena, "%s_%.*s%s", video, zeros, "000000", start);
    return l->field[ID] ? UNIC_OK : unic__no_memory(strlen(video) + 8, "a clip's name");
}

static unic_status take_lines(table *t)
{
    unic__record record;
    size_t bytes = SIZE_MAX;
    if (unic__mul_size(unic__csv_lines(&t->csv) + t->headless, sizeof *t->lines, &bytes))
        t->lines = unic__alloc(bytes);
    if (!t->lines)
        return unic__no_memory(bytes, "a table of clips");
    for (;;) {
        UNIC__TRY(next_line(t, &record));
        if (!record.n)
            break;
        if (record.n != t->columns)
            return unic__fail(UNIC_E_FORMAT, "%s:%zu: has %zu columns, %zu expected", t->path,
                              record.number, record.n, t->columns);
        line *l = &t->lines[t->n++];
        *l = (line){.number = record.number};
        for (size_t c = 0; c < COLUMNS; c++)
            l->field[c] = has(t, (column)c) ? record.fields[t->place[c]] : NULL;
        if (!*l->field[ID])
            return unic__fail(UNIC_E_FORMAT, "%s:%zu: names no clip", t->path, l->number);
        if (t->start < NOT_THERE)
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
    int order = strcmp(x->field[ID], y->field[ID]);
    return order ? order : (x->number > y->number) - (x->number < y->number);
}

static unic__piece piece_of(const char *text)
{
    return (unic__piece){text, strlen(text)};
}

/* What the clip's first line leaves open, a later one may say. */
static unic_status agree(const table *t, line *first, const line *other, column c)
{
    if (!has(t, c) || unic__is_missing(piece_of(other->field[c])) ||
        strcmp(first->field[c], other->field[c]) == 0)
        return UNIC_OK;
    if (!unic__is_missing(piece_of(first->field[c])))
        return unic__fail(UNIC_E_FORMAT,
                          "%s:%zu: clip \"%s\" has %s \"%s\", but \"%s\" in line %zu", t->path,
                          other->number, other->field[ID], column_names[c], other->field[c],
                          first->field[c], first->number);
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
        if (strcmp(first->field[ID], order[i]->field[ID]) != 0)
            first = order[i];
        order[i]->clip = (size_t)(first - t->lines);
        if (!t->by_category)
            UNIC__TRY(agree(t, first, order[i], CATEGORY));
        UNIC__TRY(agree(t, first, order[i], SPLIT));
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
        if (!(out->ids[out->n++] = unic__arena_printf(t->arena, "%s", l->field[ID])))
            return unic__no_memory(strlen(l->field[ID]) + 1, "a clip's name");
    }
    if (out->n < t->n)
        unic__log_line(UNIC_LOG_INFO, "%s: %zu clips in %zu lines%s", t->path, out->n, t->n,
                       has(t, EVENTS) || t->by_category ? ", whose events are put together"
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
        if (!unic__is_missing(piece_of(t->lines[i].field[CATEGORY])))
            pieces[n++] = piece_of(t->lines[i].field[CATEGORY]);
    UNIC__TRY(unic__class_names_of(&out->categories, t->arena, pieces, n));
    unic__report_odd_names(&out->categories, t->path, false);
    for (size_t i = 0; i < out->n; i++)
        out->labels[i] = NONE;
    for (size_t i = 0; i < t->n; i++) {
        unic__piece name = piece_of(t->lines[i].field[CATEGORY]);
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
    if (!has(t, CATEGORY))
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
        const unic__event_lists lists = {l->field[t->by_category ? CATEGORY : EVENTS],
                                         l->field[ONSET], l->field[OFFSET], t->by_category};
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
    else if (!has(t, ONSET))
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
    if (status == UNIC_OK && !t->by_category)
        unic__report_odd_names(&out->event_names, t->path, true);
    return status;
}

/* Sorts the events by their clips. */
static unic_status take_events(table *t, unic__clip_table *out)
{
    if (!has(t, EVENTS) && !t->by_category)
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
        pieces[i] = piece_of(t->first[i]->field[SPLIT]);
    UNIC__TRY(unic__class_names_of(&x->split_names, t->arena, pieces, x->n));
    for (size_t i = 0; i < x->n; i++)
        x->splits[i] = unic__class_names_find(&x->split_names,
                                              piece_of(t->first[i]->field[SPLIT]));
    return UNIC_OK;
}

static unic_status take_splits(const table *t, unic__clip_table *x)
{
    if (!has(t, SPLIT))
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
    UNIC__TRY(unic__csv_begin(&t->csv, t->path, t->text, size));
    const char first = t->csv.at[strspn(t->csv.at, " \t")]; /* a NUL is behind the text */
    if (first == '[' || first == '{')
        return unic__fail(
            UNIC_E_FORMAT,
            "%s: begins with %c, as JSON does; a table whose first line names its "
            "columns, as video_id,category, expected",
            t->path, first);
    UNIC__TRY(take_header(t));
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
    table t = {.path = path, .arena = arena, .start = NOT_THERE};
    *out = (unic__clip_table){.n = 0};
    unic_status status = read_table(&t, out, split);
    unic__event_table_free(&t.events);
    unic__free(t.first);
    unic__free(t.lines);
    unic__free(t.text);
    return status;
}
