#include "data/clip_header.h"

#include <string.h>

#include "base/text.h"

typedef unic__clip_header columns;

static const char *const column_names[] = {"video_id", "category",     "split",    "onset",
                                           "offset",   "event_labels", "filename", "id"};

const char *unic__clip_column_name(unic__clip_column c)
{
    return column_names[c];
}

bool unic__clip_header_has(const columns *t, unic__clip_column c)
{
    return t->place[c] < UNIC__NO_FIELD;
}

/* The field of that name, which is in small letters; or else the one that is it but for case.
 * UNIC__NO_FIELD without one. */
static unic_status find_column(const columns *t, const unic__record *header, const char *name,
                               size_t *place)
{
    *place = UNIC__NO_FIELD;
    for (int any_case = 0; any_case < 2 && *place == UNIC__NO_FIELD; any_case++)
        for (size_t i = 0; i < header->n; i++) {
            if (any_case ? !unic__is_same_word(header->fields[i], name)
                         : strcmp(header->fields[i], name) != 0)
                continue;
            if (*place < UNIC__NO_FIELD)
                return unic__fail(UNIC_E_FORMAT, "%s: has two columns \"%s\"", t->path, name);
            *place = i;
        }
    if (*place < UNIC__NO_FIELD && strcmp(header->fields[*place], name) != 0)
        unic__log_line(UNIC_LOG_INFO, "%s: column \"%s\" is read as \"%s\"", t->path,
                       header->fields[*place], name);
    return UNIC_OK;
}

/* The clip's name: `video_id` or `filename`, not both; `id` if there is neither. */
static unic_status find_id(columns *t, const unic__record *header)
{
    size_t filename;
    UNIC__TRY(find_column(t, header, "video_id", &t->place[UNIC__COLUMN_ID]));
    UNIC__TRY(find_column(t, header, "filename", &filename));
    if (unic__clip_header_has(t, UNIC__COLUMN_ID) && filename < UNIC__NO_FIELD)
        return unic__fail(UNIC_E_FORMAT,
                          "%s: has two columns \"filename\" and \"video_id\", one that names "
                          "the clips expected",
                          t->path);
    if (!unic__clip_header_has(t, UNIC__COLUMN_ID))
        t->place[UNIC__COLUMN_ID] = filename;
    return unic__clip_header_has(t, UNIC__COLUMN_ID)
               ? UNIC_OK
               : find_column(t, header, "id", &t->place[UNIC__COLUMN_ID]);
}

/* Other words that people have for the columns. */
static bool is_synonym(const char *word, unic__clip_column c)
{
    static const struct {
        const char *word;
        unic__clip_column is;
    } words[] = {{"label", UNIC__COLUMN_CATEGORY}, {"labels", UNIC__COLUMN_CATEGORY},
                 {"class", UNIC__COLUMN_CATEGORY}, {"class_name", UNIC__COLUMN_CATEGORY},
                 {"event", UNIC__COLUMN_EVENTS},   {"events", UNIC__COLUMN_EVENTS},
                 {"start", UNIC__COLUMN_ONSET},    {"start_time", UNIC__COLUMN_ONSET},
                 {"end", UNIC__COLUMN_OFFSET},     {"end_time", UNIC__COLUMN_OFFSET},
                 {"name", UNIC__COLUMN_ID},        {"file", UNIC__COLUMN_ID},
                 {"clip", UNIC__COLUMN_ID},        {"video", UNIC__COLUMN_ID},
                 {"youtube_id", UNIC__COLUMN_ID},  {"youtube id", UNIC__COLUMN_ID},
                 {"ytid", UNIC__COLUMN_ID},        {"vid", UNIC__COLUMN_ID},
                 {"video_name", UNIC__COLUMN_ID},  {"file_name", UNIC__COLUMN_ID},
                 {"fname", UNIC__COLUMN_ID},       {"slice_file_name", UNIC__COLUMN_ID}};
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
        lower[i] = unic__lower(name[i]);
    return true;
}

/* `start` and `end` beside a class are a clip's place in its video, or the times of an event. */
static void report_times(const columns *t, const unic__record *header)
{
    char names[160] = "", lower[LONGEST_COLUMN];
    bool starts = false, ends = false;
    if (unic__clip_header_has(t, UNIC__COLUMN_ONSET) ||
        unic__clip_header_has(t, UNIC__COLUMN_EVENTS) ||
        !unic__clip_header_has(t, UNIC__COLUMN_CATEGORY))
        return;
    for (size_t i = 0; i < header->n; i++) {
        bool word = to_lower(header->fields[i], lower);
        bool start = word && is_synonym(lower, UNIC__COLUMN_ONSET),
             end = word && is_synonym(lower, UNIC__COLUMN_OFFSET);
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
static const char *meant_by(const columns *t, const char *name)
{
    char lower[LONGEST_COLUMN];
    size_t c = 0;
    if (!to_lower(name, lower))
        return NULL;
    while (c < UNIC__COLUMNS && !is_synonym(lower, (unic__clip_column)c))
        c++;
    bool times = c == UNIC__COLUMN_ONSET ||
                 c == UNIC__COLUMN_OFFSET; /* those of a clip in its video are no events' */
    if (c < UNIC__COLUMNS)
        return unic__clip_header_has(t, (unic__clip_column)c) ||
                       (times && !unic__clip_header_has(t, UNIC__COLUMN_EVENTS))
                   ? NULL
                   : column_names[c];
    const char *near = unic__nearest_word(lower, column_names,
                                          sizeof column_names / sizeof *column_names);
    for (c = 0; near && c < UNIC__COLUMNS && strcmp(near, column_names[c]) != 0;)
        c++;
    return near && !unic__clip_header_has(t, c < UNIC__COLUMNS ? (unic__clip_column)c
                                                               : UNIC__COLUMN_ID)
               ? near
               : NULL;
}

static bool is_id(const char *name)
{
    return strcmp(name, column_names[UNIC__COLUMN_ID]) == 0 || strcmp(name, "filename") == 0 ||
           strcmp(name, "id") == 0;
}

/* What is missing is the clips' name, or else what events need: only a column that may be meant as that is
 * asked about. */
static unic_status refuse_header(const columns *t, const unic__record *header, const char *what,
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
static bool take_ave(columns *t, char delimiter, const unic__record *header)
{
    enum { THEIR_CATEGORY, THEIR_ID, QUALITY, START, END, FIELDS };
    if (delimiter != '&' || header->n != FIELDS)
        return false;
    t->place[UNIC__COLUMN_CATEGORY] = THEIR_CATEGORY;
    t->place[UNIC__COLUMN_ID] = THEIR_ID;
    t->place[UNIC__COLUMN_ONSET] = START;
    t->place[UNIC__COLUMN_OFFSET] = END;
    t->headless = !unic__is_same_word(header->fields[THEIR_ID], "videoid");
    t->begun = *header;
    unic__log_line(UNIC_LOG_INFO,
                   "%s: is read as AVE's annotations, "
                   "Category&VideoID&Quality&StartTime&EndTime",
                   t->path);
    return true;
}

bool unic__is_second(const char *text)
{
    return *text && strspn(text, "0123456789") == strlen(text);
}

static bool is_split(const char *text)
{
    static const char *const splits[] = {"train", "test", "val", "valid", "validation", "eval"};
    for (size_t i = 0; i < sizeof splits / sizeof *splits; i++)
        if (strcmp(text, splits[i]) == 0)
            return true;
    return false;
}

/* vggsound.csv, which names no columns: video, second at which the clip starts, category, split. */
static bool take_vggsound(columns *t, const unic__record *header)
{
    enum { THEIR_ID, START, THEIR_CATEGORY, THEIR_SPLIT, FIELDS };
    if (header->n != FIELDS || !unic__is_second(header->fields[START]) ||
        !is_split(header->fields[THEIR_SPLIT]))
        return false;
    t->place[UNIC__COLUMN_ID] = THEIR_ID;
    t->place[UNIC__COLUMN_CATEGORY] = THEIR_CATEGORY;
    t->place[UNIC__COLUMN_SPLIT] = THEIR_SPLIT;
    t->start = START;
    t->headless = true;
    t->begun = *header;
    unic__log_line(UNIC_LOG_INFO,
                   "%s: is read as VGGSound's table, video,start,category,split, whose clips "
                   "are named as VIDEO_000030",
                   t->path);
    return true;
}

static unic_status check_header(columns *t, char delimiter, const unic__record *header)
{
    if (!unic__clip_header_has(t, UNIC__COLUMN_ID) && !take_ave(t, delimiter, header) &&
        !take_vggsound(t, header))
        return refuse_header(
            t, header, "no column \"video_id\" in its first line, which names the columns",
            true);
    t->by_category = unic__clip_header_has(t, UNIC__COLUMN_ONSET) &&
                     !unic__clip_header_has(t, UNIC__COLUMN_EVENTS);
    if (unic__clip_header_has(t, UNIC__COLUMN_ONSET) !=
            unic__clip_header_has(t, UNIC__COLUMN_OFFSET) ||
        (t->by_category && !unic__clip_header_has(t, UNIC__COLUMN_CATEGORY)))
        return refuse_header(
            t, header, "only some of the columns \"onset\", \"offset\" and \"event_labels\"",
            false);
    return UNIC_OK;
}

unic_status unic__clip_header_read(unic__clip_header *t, unic__csv *csv)
{
    unic__record header = {.n = 0};
    *t = (unic__clip_header){.path = csv->path, .start = UNIC__NO_FIELD};
    UNIC__TRY(unic__csv_next(csv, &header));
    t->n = header.n;
    for (size_t c = UNIC__COLUMN_CATEGORY; c < UNIC__COLUMNS; c++)
        UNIC__TRY(find_column(t, &header, column_names[c], &t->place[c]));
    UNIC__TRY(find_id(t, &header));
    UNIC__TRY(check_header(t, csv->delimiter, &header));
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
