/* Properties of a dataset that need no clip to be read: classes, pairs, the clips' names. */
#include <stdio.h>
#include <string.h>

#include "data/dataset.h"
#include "data/odd_names.h"

/* ---- classes ----------------------------------------------------------------------------- */

static const unic__class_names *names_of(const unic__clip_source *s, bool of_events)
{
    static const unic__class_names none = {.at = NULL};
    return s->is->class_names ? s->is->class_names(s, of_events) : &none;
}

/* Tables number their classes by their names, each for itself: two of them, together. */
static unic_status unite_classes(unic_dataset *d, bool of_events, unic__class_names *all)
{
    const char *path = NULL;
    for (size_t i = 0; i < d->source_count; i++) {
        const unic__class_names *names = names_of(d->sources[i], of_events);
        if (names->at && (!all->at || !unic__class_names_include(all, names)))
            UNIC__TRY(unic__class_names_unite(all, &d->arena, all->at ? all : names, names));
        path = names->at ? d->sources[i]->path : path;
    }
    if (path) {
        UNIC__TRY(unic__report_near_names(all, path));
        unic__report_number_names(all, path);
    }
    for (size_t i = 0; i < d->source_count; i++)
        if (names_of(d->sources[i], of_events)->at)
            UNIC__TRY(d->sources[i]->is->number_classes(d->sources[i], of_events, all));
    return UNIC_OK;
}

unic_status unic__dataset_number_classes(unic_dataset *d)
{
    UNIC__TRY(unite_classes(d, false, &d->categories));
    return unite_classes(d, true, &d->event_names);
}

const unic__class_names *unic__dataset_class_names(const unic_dataset *d, const char *name)
{
    bool of_clips = strcmp(name, "label") == 0;
    if (!of_clips && !unic__is_of_steps(name))
        return NULL;
    const unic__class_names *names = of_clips && d->categories.at ? &d->categories
                                                                  : &d->event_names;
    return names->at ? names : NULL;
}

/* ---- clips ------------------------------------------------------------------------------- */

unic__clip_source *unic__dataset_source_of(const unic_dataset *d, size_t clip)
{
    size_t low = 0, high = d->source_count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (d->sources[middle]->first <= clip)
            low = middle;
        else
            high = middle;
    }
    return d->sources[low];
}

bool unic__dataset_has(const unic_dataset *d, size_t i, size_t clip)
{
    const unic__clip_source *s = unic__dataset_source_of(d, clip);
    return s->is->has(s, i, clip - s->first);
}

size_t unic__dataset_paired(const unic_dataset *d, size_t a, size_t b)
{
    size_t n = 0;
    for (size_t i = 0; i < d->source_count; i++) {
        const unic__clip_source *s = d->sources[i];
        for (size_t clip = 0; clip < s->clips; clip++)
            n += s->is->has(s, a, clip) && s->is->has(s, b, clip);
    }
    return n;
}

void unic__dataset_name_clip(const void *user, const char *modality, int64_t clip, char *text,
                             size_t size)
{
    const unic_dataset *d = user;
    const unic__clip_source *s = unic__dataset_source_of(d, (size_t)clip);
    size_t track = unic__tracks_find(&d->tracks, modality), i = (size_t)clip - s->first;
    if (track < d->tracks.n && s->is->has(s, track, i))
        s->is->name_clip(s, track, i, text, size);
    else
        snprintf(text, size, "clip %lld", (long long)clip);
}
