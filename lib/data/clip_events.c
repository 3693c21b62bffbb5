#include "data/clip_events.h"

#include <string.h>

enum { MOST_STEPS = 1 << 16 };

#define BLANKS " \t\r\n"

/* What is left of a list, and which quotes are known not to be closed in it. */
typedef struct list {
    unic__piece rest;
    bool whole;       /* it is one item */
    bool bracketed;   /* as Python and numpy write it */
    bool unclosed[2]; /* ', " */
} list;

static list list_of(const char *field, bool whole)
{
    unic__piece all = unic__piece_trim((unic__piece){field, strlen(field)});
    if (unic__is_missing(all))
        all.size = 0;
    bool python = !whole && all.size > 1 && all.start[0] == '[' &&
                  all.start[all.size - 1] == ']';
    return (list){
        python ? (unic__piece){all.start + 1, all.size - 2} : all, whole, python, {false}};
}

static void drop(unic__piece *piece, size_t bytes)
{
    piece->start += bytes;
    piece->size -= bytes;
}

/* The place of the quote that ends the item at l->rest, which begins with it: a comma or the
 * list's end comes next, or, as numpy writes ['Dog' 'Cat'], the quote of another item. 0: none. */
static size_t closing_quote(list *l)
{
    bool *unclosed = &l->unclosed[l->rest.start[0] == '"'];
    const char *end = l->rest.start + l->rest.size, *at = l->rest.start + 1;
    for (; !*unclosed && at < end; at++) {
        const char *next = at + 1;
        if (*at != l->rest.start[0])
            continue;
        while (next < end && strchr(BLANKS, *next))
            next++;
        if (next == end || *next == ',' ||
            (l->bracketed && next > at + 1 && strchr("'\"", *next)))
            return (size_t)(at - l->rest.start);
    }
    *unclosed = true; /* so a list of such quotes is read once */
    return 0;
}

/* The next of a list's items, without the quotes around it; false at its end. */
static bool next_item(list *l, unic__piece *item)
{
    while (!l->whole && l->rest.size && strchr(BLANKS ",", l->rest.start[0]))
        drop(&l->rest, 1);
    if (!l->rest.size)
        return false;
    size_t quote = !l->whole && strchr("'\"", l->rest.start[0]) ? closing_quote(l) : 0;
    if (quote) {
        *item = (unic__piece){l->rest.start + 1, quote - 1};
        drop(&l->rest, quote + 1);
        return true;
    }
    const char *comma = l->whole ? NULL : memchr(l->rest.start, ',', l->rest.size);
    size_t size = comma ? (size_t)(comma - l->rest.start) : l->rest.size;
    *item = unic__piece_trim((unic__piece){l->rest.start, size});
    drop(&l->rest, size);
    return true;
}

/* A whole number of seconds: 3, or 3.0 as pandas writes it. */
static bool take_second(list *l, unic__piece *item, uint32_t *second)
{
    size_t digits = 0;
    *second = 0;
    *item = (unic__piece){"", 0};
    if (!next_item(l, item))
        return false;
    for (; digits < item->size && item->start[digits] >= '0' && item->start[digits] <= '9';
         digits++)
        if ((*second = 10 * *second + (uint32_t)(item->start[digits] - '0')) > MOST_STEPS)
            return false;
    if (!digits || (digits < item->size && item->start[digits] != '.'))
        return false;
    for (size_t i = digits + 1; i < item->size; i++)
        if (item->start[i] != '0')
            return false;
    return true;
}

static unic_status append(unic__event_table *events, const unic__event *e)
{
    if (events->n == events->room) {
        size_t room = events->room ? 2 * events->room : 64, bytes = SIZE_MAX;
        unic__event *at = unic__mul_size(room, sizeof *at, &bytes)
                              ? unic__realloc(events->at, events->n * sizeof *at, bytes)
                              : NULL;
        if (!at)
            return unic__no_memory(bytes, "the events of clips");
        events->at = at;
        events->room = room;
    }
    events->at[events->n++] = *e;
    events->empty += e->onset == e->offset;
    return UNIC_OK;
}

static int shown(unic__piece piece)
{
    enum { SHOWN = 64 };
    return piece.size < SHOWN ? (int)piece.size : SHOWN;
}

static bool is_single(list times)
{
    unic__piece item;
    return next_item(&times, &item) && !next_item(&times, &item);
}

static unic_status take_times(unic__event *e, list *onsets, list *offsets)
{
    unic__piece from, to;
    bool begins = take_second(onsets, &from, &e->onset),
         ends = take_second(offsets, &to, &e->offset);
    return begins && ends && e->onset <= e->offset
               ? UNIC_OK
               : unic__fail(UNIC_E_FORMAT,
                            "event \"%.*s\" has onset \"%.*s\" and offset \"%.*s\", whole "
                            "seconds in 0..%d expected, the offset not before the onset",
                            shown(e->name), e->name.start, shown(from), from.start, shown(to),
                            to.start, MOST_STEPS);
}

unic_status unic__event_table_add(unic__event_table *events, size_t clip,
                                  const unic__event_lists *lists)
{
    bool timed = lists->onsets;
    list names = list_of(lists->names, lists->whole),
         onsets = list_of(timed ? lists->onsets : "", false),
         offsets = list_of(timed ? lists->offsets : "", false);
    const bool one_time = timed && is_single(onsets) && is_single(offsets);
    unic__event e = {.clip = clip, .offset = UINT32_MAX};
    for (size_t i = 0; next_item(&names, &e.name); i++) {
        if (timed && !(one_time && i))
            UNIC__TRY(take_times(&e, &onsets, &offsets));
        events->alike += one_time && i == 1;
        if (!unic__is_missing(e.name))
            UNIC__TRY(append(events, &e));
    }
    if (next_item(&onsets, &e.name) || next_item(&offsets, &e.name))
        return unic__fail(UNIC_E_FORMAT, "has fewer events than onsets or offsets");
    return UNIC_OK;
}

void unic__event_table_free(unic__event_table *events)
{
    unic__free(events->at);
    *events = (unic__event_table){.at = NULL};
}
