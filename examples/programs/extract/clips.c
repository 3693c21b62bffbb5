/* Which clips the files of the command line are: one a file, or the lines of a table of texts. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "cli/limit.h"
#include "cli/media.h"
#include "cli/model.h"
#include "cli/report.h"
#include "cli/text.h"
#include "extract/clips.h"

enum { MOST_TABLE = 1 << 28, COLUMNS = 64 };

static extract_clip *add(extract_clips *clips)
{
    if (clips->count == clips->capacity) {
        size_t capacity = clips->capacity ? 2 * clips->capacity : 64;
        void *items = realloc(clips->items, capacity * sizeof *clips->items);
        if (!items) {
            cli_fail("out of memory (%zu clips)", capacity);
            return NULL;
        }
        clips->items = items;
        clips->capacity = capacity;
    }
    clips->items[clips->count] = (extract_clip){.path = NULL};
    return &clips->items[clips->count++];
}

/* What stands before a suffix: of a file before its last dot; of a table's row, whose id may have dots
 * of its own ("vid_20.5_22"), before letters and digits that begin with a letter. */
static size_t stem_size(const char *base, bool of_file)
{
    const char *dot = strrchr(base, '.');
    bool is_suffix = dot && dot > base && (of_file || isalpha((unsigned char)dot[1]));
    for (const char *c = dot; is_suffix && !of_file && *++c;)
        is_suffix = isalnum((unsigned char)*c);
    return is_suffix ? (size_t)(dot - base) : strlen(base);
}

/* The clip's name and place: what stands behind the last '/', without its suffix. */
static bool give_name(extract_clip *clip, const extract_request *r, const char *called)
{
    const char *slash = strrchr(called, '/'), *base = slash ? slash + 1 : called;
    int length = (int)stem_size(base, called == clip->path);
    const char *folder = r->folder ? r->folder : "";
    size_t size = (size_t)length + strlen(folder) + sizeof "/.npy";
    clip->name = cli_alloc((size_t)length + 1, 1);
    clip->out = cli_alloc(size, 1);
    if (!clip->name || !clip->out)
        return false;
    if (length == 0 || *base == '.')
        return cli_fail("%s: \"%s\" is no name for a clip", clip->path, base);
    snprintf(clip->name, (size_t)length + 1, "%s", base);
    snprintf(clip->out, size, "%s/%s.npy", folder, clip->name);
    return true;
}

static bool add_file(extract_clips *clips, const extract_request *r, const char *path)
{
    struct stat about;
    extract_clip *clip = add(clips);
    if (!clip)
        return false;
    clip->path = path;
    clip->bytes = stat(path, &about) ? 0 : (uint64_t)about.st_size;
    return give_name(clip, r, path);
}

/* ---- tables of texts ---- */

/* The last quote of a field that begins with one and ends with one, before a tab or the line's end;
 * NULL: the field is no quoted one, or none yet (*open), where the line ends before it does. */
static char *last_quote(char *field, bool *open)
{
    char *at = field;
    if (*field != '"')
        return NULL;
    while ((at = strchr(at + 1, '"')) && at[1] == '"')
        at++;
    *open |= !at;
    return at && strchr("\t", at[1 + strspn(at + 1, " ")]) ? at : NULL;
}

/* What stands between the quotes, two of which are one of the text. */
static char *unquote(char *field, const char *last)
{
    char *to = field;
    for (const char *from = field + 1; from < last; from += 1 + (*from == '"'))
        *to++ = *from;
    *to = '\0';
    return field;
}

/* Splits a line at its tabs, as pandas and Python's csv write it: a text that has quotes is quoted.
 * Returns the number of fields. *open: one begins with a quote, and the line ends before it. */
static size_t split(char *line, char *fields[COLUMNS], bool *open)
{
    size_t n = 0;
    *open = false;
    for (size_t i = 0; i < COLUMNS; i++)
        fields[i] = line; /* where the line has no more */
    for (char *next = line; next && n < COLUMNS; n++) {
        char *field = next + strspn(next, " "), *last = last_quote(field, open);
        next = strchr(last ? last : field, '\t');
        if (next)
            *next++ = '\0';
        fields[n] = last ? unquote(field, last) : cli_text_trim(field);
    }
    return n;
}

/* The column of the header that has one of the names, or `count` if
 * none has. False, after a message, if two have. */
static bool find_column(size_t *place, char *const fields[COLUMNS], size_t count,
                        const char *const names[], const char *path)
{
    *place = count;
    for (size_t k = 0; k < count; k++)
        for (size_t i = 0; names[i]; i++) {
            if (strcasecmp(fields[k], names[i]))
                continue;
            if (*place < count)
                return cli_fail("%s: has two columns \"%s\" and \"%s\", one of them expected",
                                path, fields[*place], fields[k]);
            *place = k;
        }
    return true;
}

/* The columns of the clips' names and of their texts, in a table's first line. */
static bool find_columns(size_t *id, size_t *words, char *const fields[COLUMNS], size_t count,
                         const char *path)
{
    static const char *const ids[] = {"video_id", "filename", NULL},
                             *const other[] = {"id", NULL},
                             *const texts[] = {"text", "caption", NULL};
    if (!find_column(id, fields, count, ids, path) ||
        (*id == count && !find_column(id, fields, count, other, path)) ||
        !find_column(words, fields, count, texts, path))
        return false;
    if (*id < count && *words < count)
        return true;
    return cli_fail("%s: its first line must name, between tabs, a column video_id, filename "
                    "or id and a column text or caption",
                    path);
}

static bool add_row(extract_clips *clips, const extract_request *r, const char *path,
                    const char *id, const char *text)
{
    extract_clip *clip = add(clips);
    if (!clip)
        return false;
    clip->path = path;
    clip->text = text;
    clip->bytes = strlen(text);
    return give_name(clip, r, id);
}

static bool add_table(extract_clips *clips, const extract_request *r, const char *path)
{
    char *fields[COLUMNS], *line;
    size_t id, words, begun = 0; /* begun: where a quoted field may go on in the next line */
    bool open;
    char **tables = realloc(clips->tables, (clips->table_count + 1) * sizeof *tables);
    if (!tables)
        return cli_fail("out of memory for %s", path);
    clips->tables = tables;
    char *text = cli_text_read(path, cli_limited(MOST_TABLE), "table");
    if (!text)
        return false;
    clips->tables[clips->table_count++] = text;
    char *at = cli_text_begin(text);
    size_t columns = (line = cli_text_line(&at)) ? split(line, fields, &open) : 0, rows = 0;
    if (!find_columns(&id, &words, fields, columns, path))
        return false;
    for (size_t number = 2; (line = cli_text_line(&at)); number++) {
        if (!line[strspn(line, " \t")])
            continue;
        size_t count = split(line, fields, &open);
        begun = open ? number : begun;
        if (count != columns && begun)
            return cli_fail("%s:%zu: has %zu columns, %zu expected: the quoted field of line "
                            "%zu does not end in its line, as a clip's text has to",
                            path, number, count, columns, begun);
        if (count != columns)
            return cli_fail("%s:%zu: has %zu columns, %zu expected", path, number, count,
                            columns);
        begun = open ? begun : 0;
        if (!add_row(clips, r, path, fields[id], fields[words]))
            return false;
        rows++;
    }
    return rows ? true : cli_fail("%s: names no clip", path);
}

/* ---- all ---- */

static int by_name(const void *a, const void *b)
{
    const extract_clip *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

/* Two clips of one name would be written to one file. */
static bool check_names(const extract_clips *clips)
{
    const extract_clip **sorted = cli_alloc(clips->count, sizeof *sorted);
    bool ok = sorted != NULL;
    for (size_t i = 0; ok && i < clips->count; i++)
        sorted[i] = &clips->items[i];
    if (ok)
        qsort(sorted, clips->count, sizeof *sorted, by_name);
    for (size_t i = 1; ok && i < clips->count; i++)
        if (!strcmp(sorted[i - 1]->name, sorted[i]->name))
            ok = cli_fail("two clips are called %s (%s, %s): they would be written to one file",
                          sorted[i]->name, sorted[i - 1]->path, sorted[i]->path);
    free(sorted);
    return ok;
}

bool extract_clips_find(extract_clips *out, const extract_request *r, bool reads_text)
{
    static const char *const tables[] = {".tsv"}, *const others[] = {".csv"};
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < r->files.count; i++) {
        const char *path = r->files.items[i];
        bool table = reads_text && CLI_ENDS(path, tables);
        if (reads_text && (CLI_ENDS(path, others) || cli_media_is_list(path)))
            return cli_fail("%s: a table of texts is a .tsv, with tabs between its columns",
                            path);
        if (!(table ? add_table : add_file)(out, r, path))
            return false;
    }
    return !r->folder || check_names(out);
}

/* ---- which are made already ---- */

const char *extract_clip_array(const extract_clip *clip)
{
    return strrchr(clip->out, '/') + 1;
}

bool extract_clip_source(cli_source *out, const extract_clip *clip)
{
    if (!clip->text)
        return cli_source_of_file(out, clip->path);
    cli_source_of_text(out, clip->path, clip->text);
    return true;
}

/* Without a line of what the array was made of, the times of change tell. */
static bool find_done(extract_clip *clip, const cli_sources *made_of)
{
    struct stat in, out;
    cli_source now;
    const char *before;
    if (stat(clip->path, &in) || stat(clip->out, &out) || !extract_clip_source(&now, clip))
        return true;
    switch (cli_sources_compare(&before, made_of, extract_clip_array(clip), &now)) {
    case CLI_SOURCE_UNKNOWN:
        clip->done = out.st_mtime >= in.st_mtime;
        return true;
    case CLI_SOURCE_SAME:
        clip->done = true;
        return true;
    case CLI_SOURCE_CHANGED:
        return true;
    case CLI_SOURCE_ANOTHER:
        return cli_fail("%s was made of %s, and would be written over with %s: name another "
                        "--out, or remove it",
                        clip->out, before, clip->path);
    case CLI_SOURCE_FAILED:
        break;
    }
    return false;
}

bool extract_clips_find_done(extract_clips *clips, const cli_sources *made_of)
{
    bool ok = true;
    for (size_t i = 0; ok && i < clips->count; i++)
        ok = find_done(&clips->items[i], made_of);
    return ok;
}

void extract_clips_free(extract_clips *clips)
{
    for (size_t i = 0; i < clips->count; i++) {
        free(clips->items[i].name);
        free(clips->items[i].out);
    }
    for (size_t i = 0; i < clips->table_count; i++)
        free(clips->tables[i]);
    free(clips->items);
    free(clips->tables);
}
