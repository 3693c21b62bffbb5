#include "data/shard.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "data/shard_parts.h"

/* ---- headers ----------------------------------------------------------------------------- */

static unic_status find(unic__clip_source *source, const char *name)
{
    unic__npy_info info;
    return unic__named_arrays_info(&((unic__shard *)source)->arrays, name, &info);
}

static unic_status check_array(const unic__shard *s, const char *name, const unic__shape *shape)
{
    char text[UNIC__SHAPE_TEXT];
    unic__shape_print(shape, text);
    if (shape->rank < 2)
        return unic__fail(UNIC_E_SHAPE, "%s: modality \"%s\" is %s, [N,T,...] expected",
                          s->source.path, name, text);
    if (!unic__shape_count(shape))
        return unic__fail(UNIC_E_SHAPE, "%s: modality \"%s\" is %s, no dim may be 0",
                          s->source.path, name, text);
    if (shape->dim[1] > INT32_MAX)
        return unic__fail(UNIC_E_SHAPE, "%s: modality \"%s\" is %s, at most %ld steps expected",
                          s->source.path, name, text, (long)INT32_MAX);
    return UNIC_OK;
}

/* Sets or checks N and T of the shard, and the dims of one step. */
static unic_status take_shape(unic__shard *s, unic__track *track, const unic__shape *shape,
                              const char **first)
{
    char here[UNIC__SHAPE_TEXT], there[UNIC__SHAPE_TEXT];
    unic__clip_source *source = &s->source;
    unic__shape step = {shape->rank - 2, {0}};
    memcpy(step.dim, shape->dim + 2, step.rank * sizeof step.dim[0]);
    if (!*first) {
        *first = track->name;
        source->clips = shape->dim[0];
        source->length = source->label_steps = shape->dim[1];
    } else if (shape->dim[0] != source->clips || shape->dim[1] != source->length) {
        unic__shape other = {2, {source->clips, source->length}};
        return unic__fail(UNIC_E_SHAPE,
                          "%s: modality \"%s\" is %s, but \"%s\" begins with %s: clips and "
                          "steps must agree",
                          source->path, track->name, unic__shape_print(shape, here), *first,
                          unic__shape_print(&other, there));
    }
    return unic__track_agree(track, &step, source->path);
}

/* Room for the whole clips of the largest track, if batches take less than that. */
static unic_status reserve_row(unic__shard *s, const unic__track_table *tracks,
                               const unic__reading *reading)
{
    if (!reading->length || reading->length >= s->source.length)
        return UNIC_OK;
    for (size_t i = 0; i < tracks->n; i++) {
        size_t count = s->source.length * tracks->at[i].step_count; /* <= the array's */
        if (s->present[i] && count > s->row_count)
            s->row_count = count;
    }
    s->row = unic__alloc(s->row_count * sizeof *s->row);
    return s->row ? UNIC_OK : unic__no_memory(s->row_count * sizeof *s->row, "a whole clip");
}

static unic_status load(unic__clip_source *source, unic__track_table *tracks,
                        const unic__reading *reading)
{
    unic__shard *s = (unic__shard *)source;
    const char *first = NULL;
    s->lengths = unic__arena_alloc(&s->arena, tracks->n * sizeof *s->lengths);
    s->present = unic__arena_alloc(&s->arena, tracks->n * sizeof *s->present);
    if (!s->lengths || !s->present)
        return unic__no_memory(tracks->n * sizeof *s->lengths, "a data file");
    for (size_t i = 0; i < tracks->n; i++) {
        unic__track *track = &tracks->at[i];
        unic__npy_info info;
        unic_status status = unic__named_arrays_info(&s->arrays, track->name, &info);
        if (status == UNIC_E_NOTFOUND)
            continue;
        UNIC__TRY(status);
        s->present[i] = true;
        UNIC__TRY(check_array(s, track->name, &info.shape));
        UNIC__TRY(take_shape(s, track, &info.shape, &first));
        UNIC__TRY(unic__shard_load_lengths(s, track, &s->lengths[i]));
    }
    UNIC__TRY(unic__shard_look_for_lengths(s, tracks));
    for (size_t i = 0; i < tracks->n; i++)
        if (s->present[i])
            UNIC__TRY(unic__named_arrays_open_rows(&s->arrays, tracks->at[i].name));
    return reserve_row(s, tracks, reading);
}

/* ---- clips ------------------------------------------------------------------------------- */

static bool has(const unic__clip_source *source, size_t i, size_t clip)
{
    const unic__shard *s = (const unic__shard *)source;
    return s->present[i] && (!s->lengths[i] || s->lengths[i][clip] > 0);
}

static void name_clip(const unic__clip_source *source, size_t i, size_t clip, char *text,
                      size_t size)
{
    (void)i;
    snprintf(text, size, "clip %zu of %s", clip, source->path);
}

static unic_status read_clip(unic__clip_source *source, const unic__track_table *tracks,
                             size_t i, size_t clip, size_t length, float *out, size_t *steps)
{
    unic__shard *s = (unic__shard *)source;
    const unic__track *track = &tracks->at[i];
    size_t count = source->length * track->step_count;
    *steps = !s->present[i] ? 0 : s->lengths[i] ? (size_t)s->lengths[i][clip] : source->length;
    if (!*steps)
        return UNIC_OK;
    if (!s->row)
        return unic__named_arrays_read_row_f32(&s->arrays, track->name, clip, out, count);
    UNIC__TRY(unic__named_arrays_read_row_f32(&s->arrays, track->name, clip, s->row, count));
    memcpy(out, s->row, length * track->step_count * sizeof *out);
    return UNIC_OK;
}

static void expect(const unic__clip_source *source, const unic__track_table *tracks, size_t i,
                   size_t clip)
{
    const unic__shard *s = (const unic__shard *)source;
    if (has(source, i, clip))
        unic__named_arrays_expect_row(&s->arrays, tracks->at[i].name, clip);
}

/* ---- labels ------------------------------------------------------------------------------ */

static bool has_names(const unic__shard *s, const char *name)
{
    return s->names.names.at && !strcmp(name, "label");
}

static unic_status labels_shape(unic__clip_source *source, const char *name, unic__shape *shape)
{
    const unic__shard *s = (const unic__shard *)source;
    unic__npy_info info;
    UNIC__TRY(unic__named_arrays_info(&s->arrays, name, &info));
    *shape = info.shape;
    if (has_names(s, name))
        unic__label_names_shape(&s->names, shape);
    return UNIC_OK;
}

static unic_status labels_read(unic__clip_source *source, const char *name, int32_t *out,
                               size_t count)
{
    const unic__shard *s = (const unic__shard *)source;
    return has_names(s, name) ? unic__label_names_labels(&s->names, &s->arrays, out, count)
                              : unic__named_arrays_read_i32(&s->arrays, name, out, count);
}

static const unic__class_names *class_names(const unic__clip_source *source, bool of_events)
{
    static const unic__class_names none = {.at = NULL};
    return of_events ? &none : &((const unic__shard *)source)->names.names;
}

static unic_status number_classes(unic__clip_source *source, bool of_events,
                                  const unic__class_names *all)
{
    unic__shard *s = (unic__shard *)source;
    if (!of_events)
        unic__label_names_number(&s->names, all);
    return UNIC_OK;
}

/* ---- opening ----------------------------------------------------------------------------- */

static void close_shard(unic__clip_source *source)
{
    unic__shard *s = (unic__shard *)source;
    unic__named_arrays_close(&s->arrays);
    unic__free(s->row);
    unic__label_names_free(&s->names);
    unic__arena_free(&s->arena);
    unic__free(s);
}

/* Of `npz`, or of the directory if that is NULL. */
static unic_status open_shard(unic__clip_source **out, unic__source *npz, const char *folder)
{
    static const unic__clip_source_class class = {.close = close_shard,
                                                  .list = unic__shard_list,
                                                  .find = find,
                                                  .load = load,
                                                  .read = read_clip,
                                                  .expect = expect,
                                                  .has = has,
                                                  .name_clip = name_clip,
                                                  .labels_shape = labels_shape,
                                                  .labels_read = labels_read,
                                                  .class_names = class_names,
                                                  .number_classes = number_classes};
    *out = NULL;
    unic__shard *s = unic__alloc_zero(sizeof *s);
    if (!s)
        return unic__no_memory(sizeof *s, "a data file");
    unic_status status = npz ? unic__named_arrays_open_npz(&s->arrays, npz)
                             : unic__named_arrays_open_folder(&s->arrays, folder);
    if (status == UNIC_OK)
        status = unic__label_names_read(&s->names, &s->arena, &s->arrays);
    if (status != UNIC_OK) {
        close_shard(&s->source);
        return status;
    }
    s->source.is = &class;
    s->source.path = unic__named_arrays_path(&s->arrays);
    *out = &s->source;
    return UNIC_OK;
}

unic_status unic__shard_open(unic__clip_source **out, unic__source *npz)
{
    return open_shard(out, npz, NULL);
}

unic_status unic__shard_open_folder(unic__clip_source **out, const char *path)
{
    return open_shard(out, NULL, path);
}
