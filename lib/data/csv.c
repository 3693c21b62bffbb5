#include "data/csv.h"

#include <string.h>

#include "base/text.h"

enum { AVE_FIELDS = 5 }; /* of a line of AVE's annotations */

/* The delimiter that the line at csv->at has outside of quotes. */
static char find_delimiter(const unic__csv *csv)
{
    static const char delimiters[] = "\t,;|&";
    bool quoted = false;
    size_t has[5] = {0};
    for (const char *c = csv->at; c < csv->end && (quoted || !unic__line_end(c, csv->end));
         c++) {
        const char *found = strchr(delimiters, *c);
        quoted ^= *c == '"';
        if (found && !quoted)
            has[found - delimiters]++;
    }
    if (has[4] == AVE_FIELDS - 1 && !has[0]) /* a first line's class may have commas */
        return '&';
    for (size_t i = 0; i < 4; i++)
        if (has[i])
            return delimiters[i];
    return ',';
}

static bool is_blank(const unic__csv *csv, char c)
{
    return c == ' ' || (c == '\t' && csv->delimiter != '\t');
}

static char *skip_blanks(const unic__csv *csv, char *at)
{
    while (is_blank(csv, *at)) /* the NUL behind the text is none */
        at++;
    return at;
}

/* Lines of nothing but blanks. */
static void skip_empty_lines(unic__csv *csv)
{
    for (;;) {
        char *at = skip_blanks(csv, csv->at);
        size_t bytes = unic__line_end(at, csv->end);
        if (!bytes && at < csv->end)
            return;
        csv->at = at + bytes;
        csv->number += bytes > 0;
        if (!bytes)
            return;
    }
}

unic_status unic__csv_begin(unic__csv *csv, unic__arena *arena, const char *path, char *text,
                            size_t size)
{
    const char *first, *nul = size ? memchr(text, '\0', size) : NULL;
    *csv = (unic__csv){
        .path = path, .arena = arena, .end = text + size, .delimiter = ',', .number = 1};
    unic_status status = unic__text_begin(text, size, &first);
    if (status == UNIC_OK && nul)
        status = unic__fail(UNIC_E_FORMAT, "is no text: it has a NUL byte at byte %zu",
                            (size_t)(nul - text));
    if (status != UNIC_OK)
        return unic__fail_in(status, "%s", path);
    csv->at = text + (first - text);
    skip_empty_lines(csv);
    csv->delimiter = find_delimiter(csv);
    return UNIC_OK;
}

size_t unic__csv_lines(const unic__csv *csv)
{
    size_t lines = 1, bytes;
    bool empty = true;
    for (const char *at = csv->at; at < csv->end; at += bytes ? bytes : 1) {
        bytes = unic__line_end(at, csv->end);
        lines += bytes && !empty;
        empty = bytes > 0;
    }
    return lines;
}

static bool ends_field(const unic__csv *csv, const char *at)
{
    return at == csv->end || *at == csv->delimiter || unic__line_end(at, csv->end);
}

/* The quoted field at *at, whose first quote is passed over; moves *at behind its last one. */
static bool take_quoted(unic__csv *csv, char **at, char **to)
{
    char *from = *at + 1;
    while (from < csv->end && (*from != '"' || from[1] == '"')) {
        csv->number += unic__line_end(from, csv->end) && (*from != '\r' || from[1] != '\n');
        from += *from == '"';
        *(*to)++ = *from++;
    }
    *at = skip_blanks(csv, from + (from < csv->end));
    return from < csv->end && ends_field(csv, *at);
}

/* Takes the field at csv->at, and what ends it; *last: it ends its line. */
static unic_status take_field(unic__csv *csv, const char **field, bool *last)
{
    char *at = skip_blanks(csv, csv->at), *to = at;
    size_t number = csv->number;
    *field = at;
    if (*at == '"') {
        if (!take_quoted(csv, &at, &to))
            return unic__fail(UNIC_E_FORMAT, "%s:%zu: a quoted field does not end with it",
                              csv->path, number);
    } else {
        while (!ends_field(csv, at))
            at++;
        for (to = at; to > *field && is_blank(csv, to[-1]);)
            to--;
    }
    size_t bytes = unic__line_end(at, csv->end);
    *last = bytes || at == csv->end;
    csv->number += bytes > 0;
    csv->at = *last ? at + bytes : at + 1;
    *to = '\0';
    return UNIC_OK;
}

/* Room for twice the fields. */
static unic_status grow(unic__csv *csv, unic__record *record)
{
    enum { FIRST = 16 };
    if (record->n == UNIC__CSV_FIELDS)
        return unic__fail(UNIC_E_FORMAT, "%s:%zu: has more than %d columns", csv->path,
                          record->number, UNIC__CSV_FIELDS);
    const size_t room = record->room ? 2 * record->room : FIRST;
    const char **fields = unic__arena_alloc(csv->arena, room * sizeof *fields);
    if (!fields)
        return unic__no_memory(room * sizeof *fields, "a table's columns");
    if (record->n)
        memcpy(fields, record->fields, record->n * sizeof *fields);
    record->fields = fields;
    record->room = room;
    return UNIC_OK;
}

unic_status unic__csv_next(unic__csv *csv, unic__record *record)
{
    bool last = false;
    skip_empty_lines(csv);
    record->n = 0;
    record->number = csv->number;
    if (csv->at == csv->end)
        return UNIC_OK;
    while (!last) {
        if (record->n == record->room)
            UNIC__TRY(grow(csv, record));
        UNIC__TRY(take_field(csv, &record->fields[record->n++], &last));
    }
    return UNIC_OK;
}
