/* The clips of one split of a table. */
#include <stdio.h>
#include <string.h>

#include "data/clip_table.h"

void unic__clip_table_keep(unic__clip_table *x, const bool *keep)
{
    size_t n = 0;
    for (size_t i = 0; i < x->n; i++) {
        if (!keep[i])
            continue;
        x->ids[n] = x->ids[i];
        if (x->labels)
            x->labels[n] = x->labels[i];
        if (x->events)
            x->events[n] = x->events[i];
        if (x->splits)
            x->splits[n] = x->splits[i];
        n++;
    }
    x->n = n;
}

const char *unic__clip_table_split_of(const unic__clip_table *x, int32_t split)
{
    const char *name = split < 0 ? "" : x->split_names.at[split];
    return unic__is_missing((unic__piece){name, strlen(name)}) ? NULL : name;
}

/* Clips of a split that is spelt otherwise, or of none, may have been meant. */
static unic_status report_near_splits(const unic__clip_table *x, const char *path,
                                      const char *split)
{
    enum { NAMES = 240, NAME = 96 };
    size_t none = 0, near = 0, *counts = unic__alloc_array(x->split_names.n, sizeof *counts);
    char names[NAMES] = "", name[NAME];
    if (!counts)
        return unic__no_memory(x->split_names.n * sizeof *counts, "the names of splits");
    for (size_t i = 0; i < x->n; i++)
        counts[x->splits[i]]++;
    for (size_t i = 0; i < x->split_names.n; i++) {
        const char *other = unic__clip_table_split_of(x, (int32_t)i);
        if (!other)
            none += counts[i];
        else if (strcmp(other, split) != 0 && unic__compare_loosely(other, split) == 0) {
            near += counts[i];
            snprintf(name, sizeof name, "%zu of \"%.64s\"", counts[i], other);
            unic__text_list_add(names, sizeof names, name);
        }
    }
    unic__free(counts);
    if (near)
        unic__log_line(UNIC_LOG_WARNING,
                       "%s: split \"%s\" is not that of %zu of %zu clips, whose split is spelt "
                       "otherwise: %s",
                       path, split, near, x->n, names);
    if (none)
        unic__log_line(UNIC_LOG_WARNING,
                       "%s: %zu of %zu clips have no split: they are not in split \"%s\"", path,
                       none, x->n, split);
    return UNIC_OK;
}

/* Keeps what tells whether the clips that are not kept share files with others. */
static unic_status set_aside(unic__clip_table *x, unic__arena *arena, const bool *keep)
{
    size_t m = 0;
    for (size_t i = 0; i < x->n; i++)
        m += !keep[i];
    unic__other_clips *others = &x->others;
    others->ids = unic__arena_alloc(arena, m * sizeof *others->ids);
    others->splits = unic__arena_alloc(arena, m * sizeof *others->splits);
    others->labels = unic__arena_alloc(arena, m * sizeof *others->labels);
    if (!others->ids || !others->splits || !others->labels)
        return unic__no_memory(m * sizeof *others->ids, "the clips of other splits");
    for (size_t i = 0; i < x->n; i++) {
        if (keep[i])
            continue;
        others->ids[others->n] = x->ids[i];
        others->splits[others->n] = x->splits[i];
        others->labels[others->n++] = x->labels ? x->labels[i] : -1;
    }
    return UNIC_OK;
}

unic_status unic__clip_table_choose_split(unic__clip_table *x, unic__arena *arena,
                                          const char *path, const char *split)
{
    if (!x->splits)
        return unic__fail(UNIC_E_NOTFOUND,
                          "%s: has no column \"split\", but split \"%s\" is asked for", path,
                          split);
    UNIC__TRY(report_near_splits(x, path, split));
    const char *first = x->split_names.at[x->splits[0]];
    bool *keep = unic__alloc(x->n * sizeof *keep);
    if (!keep)
        return unic__no_memory(x->n, "a split");
    for (size_t i = 0; i < x->n; i++)
        keep[i] = strcmp(x->split_names.at[x->splits[i]], split) == 0;
    unic_status status = set_aside(x, arena, keep);
    unic__clip_table_keep(x, keep);
    unic__free(keep);
    if (status == UNIC_OK && !x->n)
        return unic__fail(UNIC_E_NOTFOUND,
                          "%s: no clip is in split \"%s\"; that of the first "
                          "is \"%s\"",
                          path, split, first);
    return status;
}
