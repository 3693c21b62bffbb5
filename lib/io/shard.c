#include "io/shard.h"

#include <string.h>

/* ---- which modalities -------------------------------------------------------------------- */

bool unic__is_modality_name(const char *name)
{
    return *name && strcmp(name, "label") != 0 && !strchr(name, '.');
}

static size_t find_track(const unic__tracks *tracks, const char *name)
{
    size_t i = 0;
    while (i < tracks->n && strcmp(tracks->at[i].name, name) != 0)
        i++;
    return i;
}

/* Texts keep their file's name and so mostly have a '.', but not always: "README". */
static unic_status can_be_modality(unic__npz *npz, const char *name, bool *yes)
{
    unic__npy_info info;
    *yes = false;
    if (!unic__is_modality_name(name))
        return UNIC_OK;
    unic_status status = unic__npz_info(npz, name, &info);
    *yes = status == UNIC_OK;
    return status == UNIC_E_NOTFOUND ? UNIC_OK : status;
}

static unic_status add_track(unic__tracks *tracks, unic__arena *arena, const char *name)
{
    if (find_track(tracks, name) < tracks->n)
        return unic__fail(UNIC_E_ARG, "unic_dataset_open: modality \"%s\" is named twice",
                          name);
    const char *copy = unic__arena_printf(arena, "%s", name);
    if (!copy)
        return unic__no_memory(strlen(name) + 1, "a modality's name");
    tracks->at[tracks->n++].name = copy;
    return UNIC_OK;
}

static unic_status add_arrays(unic__tracks *tracks, unic__arena *arena, unic__npz *npz)
{
    for (size_t i = 0; i < unic__npz_count(npz); i++) {
        bool yes;
        UNIC__TRY(can_be_modality(npz, unic__npz_name(npz, i), &yes));
        if (yes)
            UNIC__TRY(add_track(tracks, arena, unic__npz_name(npz, i)));
    }
    if (!tracks->n)
        return unic__fail(
            UNIC_E_NOTFOUND,
            "%s: no modality; an array [N,T,...] with a name without '.' expected",
            unic__npz_path(npz));
    return UNIC_OK;
}

unic_status unic__tracks_init(unic__tracks *tracks, unic__arena *arena, unic__npz *npz,
                              const char *const *names, size_t count)
{
    size_t bytes, room = names ? count : unic__npz_count(npz);
    tracks->n = 0;
    tracks->at = NULL;
    if (unic__mul_size(room, sizeof *tracks->at, &bytes))
        tracks->at = unic__arena_alloc(arena, bytes);
    if (!tracks->at)
        return unic__no_memory(bytes, "a dataset's modalities");
    if (!names)
        return add_arrays(tracks, arena, npz);
    for (size_t i = 0; i < count; i++)
        UNIC__TRY(add_track(tracks, arena, names[i]));
    return UNIC_OK;
}

unic_status unic__shard_check_complete(const unic__shard *s, const unic__tracks *tracks,
                                       const unic__shard *first)
{
    for (size_t i = 0; i < unic__npz_count(s->npz); i++) {
        const char *name = unic__npz_name(s->npz, i);
        bool yes;
        UNIC__TRY(can_be_modality(s->npz, name, &yes));
        if (yes && find_track(tracks, name) == tracks->n)
            return unic__fail(UNIC_E_NOTFOUND,
                              "%s: no array \"%s\", which %s has; name the modalities to read",
                              unic__npz_path(first->npz), name, unic__npz_path(s->npz));
    }
    return UNIC_OK;
}

/* ---- headers and lengths ----------------------------------------------------------------- */

static unic_status check_array(const unic__shard *s, const char *name, const unic__shape *shape)
{
    char text[UNIC__SHAPE_TEXT];
    unic__shape_print(shape, text);
    if (shape->rank < 2)
        return unic__fail(UNIC_E_SHAPE, "%s: modality \"%s\" is %s, [N,T,...] expected",
                          unic__npz_path(s->npz), name, text);
    if (!unic__shape_count(shape))
        return unic__fail(UNIC_E_SHAPE, "%s: modality \"%s\" is %s, no dim may be 0",
                          unic__npz_path(s->npz), name, text);
    if (shape->dim[1] > INT32_MAX)
        return unic__fail(UNIC_E_SHAPE, "%s: modality \"%s\" is %s, at most %ld steps expected",
                          unic__npz_path(s->npz), name, text, (long)INT32_MAX);
    return UNIC_OK;
}

/* Sets or checks N and T of the shard, and the dims of one step. */
static unic_status take_shape(unic__shard *s, unic__tracks *tracks, size_t i,
                              const unic__shape *shape, const unic__shard *first)
{
    unic__track *track = &tracks->at[i];
    char here[UNIC__SHAPE_TEXT], there[UNIC__SHAPE_TEXT];
    unic__shape step = {shape->rank - 2, {0}};
    memcpy(step.dim, shape->dim + 2, step.rank * sizeof step.dim[0]);
    if (i == 0) {
        s->clips = shape->dim[0];
        s->length = shape->dim[1];
    } else if (shape->dim[0] != s->clips || shape->dim[1] != s->length) {
        unic__shape other = {2, {s->clips, s->length}};
        return unic__fail(UNIC_E_SHAPE,
                          "%s: modality \"%s\" is %s, but \"%s\" begins with %s: clips and "
                          "steps must agree",
                          unic__npz_path(s->npz), track->name, unic__shape_print(shape, here),
                          tracks->at[0].name, unic__shape_print(&other, there));
    }
    if (s == first) {
        track->step = step;
        track->step_count = unic__shape_count(&step);
    } else if (!unic__shape_equal(&step, &track->step)) {
        return unic__fail(UNIC_E_SHAPE, "%s: modality \"%s\" has steps of %s, but of %s in %s",
                          unic__npz_path(s->npz), track->name, unic__shape_print(&step, here),
                          unic__shape_print(&track->step, there), unic__npz_path(first->npz));
    }
    return UNIC_OK;
}

static unic_status load_lengths(unic__shard *s, unic__arena *arena, const unic__track *track,
                                int32_t **lengths)
{
    unic__npy_info info;
    const char *path = unic__npz_path(s->npz);
    const char *name = unic__arena_printf(arena, "%s.lengths", track->name);
    if (!name)
        return unic__no_memory(strlen(track->name), "a member's name");
    if (!unic__npz_has(s->npz, name))
        return UNIC_OK;
    UNIC__TRY(unic__npz_info(s->npz, name, &info));
    char text[UNIC__SHAPE_TEXT];
    if (info.shape.rank != 1 || info.shape.dim[0] != s->clips)
        return unic__fail(UNIC_E_SHAPE, "%s: \"%s\" is %s, [%zu] expected", path, name,
                          unic__shape_print(&info.shape, text), s->clips);
    *lengths = unic__arena_alloc(arena, s->clips * sizeof **lengths);
    if (!*lengths)
        return unic__no_memory(s->clips * sizeof **lengths, "the clips' lengths");
    UNIC__TRY(unic__npz_read_i32(s->npz, name, *lengths, s->clips));
    for (size_t i = 0; i < s->clips; i++)
        if ((*lengths)[i] < 0 || (size_t)(*lengths)[i] > s->length)
            return unic__fail(UNIC_E_VALUE, "%s: \"%s\" of clip %zu is %ld, 0..%zu expected",
                              path, name, i, (long)(*lengths)[i], s->length);
    return UNIC_OK;
}

unic_status unic__shard_load(unic__shard *s, unic__arena *arena, unic__tracks *tracks,
                             const unic__shard *first)
{
    s->lengths = unic__arena_alloc(arena, tracks->n * sizeof *s->lengths);
    if (!s->lengths)
        return unic__no_memory(tracks->n * sizeof *s->lengths, "a data file");
    for (size_t i = 0; i < tracks->n; i++) {
        const unic__track *track = &tracks->at[i];
        unic__npy_info info;
        UNIC__TRY(unic__npz_info(s->npz, track->name, &info));
        UNIC__TRY(check_array(s, track->name, &info.shape));
        UNIC__TRY(take_shape(s, tracks, i, &info.shape, first));
        UNIC__TRY(load_lengths(s, arena, track, &s->lengths[i]));
    }
    return UNIC_OK;
}

/* ---- clips ------------------------------------------------------------------------------- */

unic_status unic__shard_read(unic__shard *s, const unic__tracks *tracks, size_t i, size_t clip,
                             size_t length, float *out, int32_t *valid)
{
    const unic__track *track = &tracks->at[i];
    *valid = s->lengths[i] ? s->lengths[i][clip] : (int32_t)s->length;
    size_t used = (size_t)*valid * track->step_count;
    if (used)
        UNIC__TRY(unic__npz_read_row_f32(s->npz, track->name, clip, out,
                                         s->length * track->step_count));
    memset(out + used, 0, (length * track->step_count - used) * sizeof *out);
    return UNIC_OK;
}
