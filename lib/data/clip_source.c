#include "data/clip_source.h"

#include <string.h>

bool unic__is_modality_name(const char *name)
{
    return *name && strcmp(name, "label") != 0 && !strpbrk(name, "./");
}

bool unic__is_damage(unic_status status)
{
    return status != UNIC_OK && !unic__is_exhausted(status);
}

size_t unic__tracks_find(const unic__track_table *tracks, const char *name)
{
    size_t i = 0;
    while (i < tracks->n && strcmp(tracks->at[i].name, name) != 0)
        i++;
    return i;
}

unic_status unic__tracks_add(unic__track_table *tracks, const char *name)
{
    if (tracks->n == UNIC__MOST_TRACKS)
        return unic__fail(UNIC_E_FORMAT,
                          "%s: has more than %d modalities; name those that are meant",
                          tracks->path, UNIC__MOST_TRACKS);
    if (tracks->n == tracks->room) {
        size_t room = tracks->room ? 2 * tracks->room : 8;
        unic__track *at = unic__arena_alloc(tracks->arena, room * sizeof *at);
        if (!at)
            return unic__no_memory(room * sizeof *at, "a dataset's modalities");
        if (tracks->n)
            memcpy(at, tracks->at, tracks->n * sizeof *at);
        tracks->at = at;
        tracks->room = room;
    }
    const char *copy = unic__arena_printf(tracks->arena, "%s", name);
    if (!copy)
        return unic__no_memory(strlen(name) + 1, "a modality's name");
    tracks->at[tracks->n++] = (unic__track){.name = copy};
    return UNIC_OK;
}

unic_status unic__track_agree(unic__track *track, const unic__shape *step, const char *file)
{
    char here[UNIC__SHAPE_TEXT], there[UNIC__SHAPE_TEXT];
    if (!track->step_count) {
        track->step = *step;
        track->step_count = unic__shape_count(step);
        track->from = file;
    } else if (!unic__shape_equal(step, &track->step)) {
        return unic__fail(UNIC_E_SHAPE, "%s: modality \"%s\" has steps of %s, but of %s in %s",
                          file, track->name, unic__shape_print(step, here),
                          unic__shape_print(&track->step, there), track->from);
    }
    return UNIC_OK;
}
