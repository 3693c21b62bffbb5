/* Converts a table's categories and events to labels when those are read. */
#include <string.h>

#include "data/clip_table.h"

/* The number in `all` of each of the names of `x`, which are among them. */
static unic_status new_numbers(int32_t **out, const unic__class_names *x,
                               const unic__class_names *all)
{
    *out = unic__alloc_array(x->n, sizeof **out);
    if (!*out)
        return unic__no_memory(x->n * sizeof **out, "the numbers of classes");
    for (size_t i = 0; i < x->n; i++)
        (*out)[i] = unic__class_names_find(all, (unic__piece){x->at[i], strlen(x->at[i])});
    return UNIC_OK;
}

unic_status unic__clip_table_number_categories(unic__clip_table *x,
                                               const unic__class_names *all)
{
    int32_t *to;
    if (!x->labels)
        return UNIC_OK;
    UNIC__TRY(new_numbers(&to, &x->categories, all));
    for (size_t i = 0; i < x->n; i++)
        x->labels[i] = x->labels[i] < 0 ? -1 : to[x->labels[i]];
    x->categories = *all;
    unic__free(to);
    return UNIC_OK;
}

unic_status unic__clip_table_number_events(unic__clip_table *x, const unic__class_names *all)
{
    int32_t *to;
    if (!x->events)
        return UNIC_OK;
    UNIC__TRY(new_numbers(&to, &x->event_names, all));
    for (size_t i = 0; i < x->n; i++)
        for (size_t k = 0; k < x->events[i].n; k++)
            x->events[i].at[k].class = to[x->events[i].at[k].class];
    x->event_names = *all;
    unic__free(to);
    return UNIC_OK;
}

/* Rows `from`..`to` - 1 of a clip's steps, which are cleared. */
static void mark_steps(const unic__clip_event_list *events, size_t from, size_t to, size_t none,
                       int32_t *out)
{
    size_t width = none + 1;
    for (size_t t = from; t < to; t++)
        out[t * width + none] = 1;
    for (size_t k = 0; k < events->n; k++) {
        const unic__clip_event *e = &events->at[k];
        size_t begin = e->onset > from ? e->onset : from;
        for (size_t t = begin; t < to && t < e->offset; t++) {
            out[t * width + (size_t)e->class] = 1;
            out[t * width + none] = 0;
        }
    }
}

void unic__clip_table_steps(const unic__clip_table *x, size_t steps, int32_t *out)
{
    enum { CACHE = 1 << 15 }; /* numbers: events of many classes write all over a clip */
    size_t none = x->event_names.n, width = none + 1;
    size_t part = width < CACHE ? CACHE / width : 1;
    memset(out, 0, x->n * steps * width * sizeof *out);
    for (size_t i = 0; i < x->n; i++, out += steps * width)
        for (size_t from = 0; from < steps; from += part)
            mark_steps(&x->events[i], from, steps - from < part ? steps : from + part, none,
                       out);
}

void unic__clip_table_presence(const unic__clip_table *x, int32_t *out)
{
    size_t classes = x->event_names.n;
    memset(out, 0, x->n * classes * sizeof *out);
    for (size_t i = 0; i < x->n; i++, out += classes)
        for (size_t k = 0; k < x->events[i].n; k++)
            out[x->events[i].at[k].class] = 1;
}
