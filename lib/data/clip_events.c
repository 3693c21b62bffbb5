#include "data/clip_events.h"

#include <string.h>

enum { MOST_STEPS = 1 << 16 };

/* The next of a list's items, without brackets, quotes and blanks; false at its end. */
static bool next_item(const char **list, unic__piece *item)
{
    static const char around[] = " '\"[]";
    const char *at = *list + strspn(*list, " '\"[],");
    size_t n = strcspn(at, ",");
    *list = at + n;
    while (n && strchr(around, at[n - 1]))
        n--;
    *item = (unic__piece){at, n};
    return n > 0;
}

/* A whole number of seconds: 3, or 3.0 as pandas writes it. */
static bool next_second(const char **list, uint32_t *second)
{
    unic__piece item;
    size_t digits = 0;
    *second = 0;
    if (!next_item(list, &item))
        return false;
    for (; digits < item.size && item.start[digits] >= '0' && item.start[digits] <= '9';
         digits++)
        if ((*second = 10 * *second + (uint32_t)(item.start[digits] - '0')) > MOST_STEPS)
            return false;
    size_t rest = item.size - digits;
    return digits && (!rest || (item.start[digits] == '.' &&
                                strspn(item.start + digits + 1, "0") >= rest - 1));
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

static const char *list_of(const char *field)
{
    return unic__is_missing(field) ? "" : field;
}

unic_status unic__event_table_add(unic__event_table *events, size_t clip,
                                  const unic__event_lists *lists)
{
    bool timed = lists->onsets;
    const char *names = list_of(lists->names);
    const char *onsets = list_of(timed ? lists->onsets : ""),
               *offsets = list_of(timed ? lists->offsets : "");
    unic__event e = {.clip = clip, .offset = UINT32_MAX};
    while (next_item(&names, &e.name)) {
        if (timed && (!next_second(&onsets, &e.onset) || !next_second(&offsets, &e.offset) ||
                      e.onset > e.offset))
            return unic__fail(UNIC_E_FORMAT,
                              "event \"%.*s\" has no onset up to its offset, whole seconds in "
                              "0..%d expected",
                              (int)e.name.size, e.name.start, MOST_STEPS);
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
