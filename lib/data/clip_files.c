#include "data/clip_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array/named_arrays.h"
#include "data/clip_group.h"
#include "data/clip_match.h"
#include "data/clip_names.h"
#include "data/clip_table.h"
#include "data/label_names.h"
#include "file/folder.h"
#include "file/sniff.h"

typedef struct clip_files {
    unic__clip_source source;
    unic__arena arena;
    unic__clip_group *groups;
    size_t group_count;
    const char **stems;                /* [clips] */
    const unic__clip_group **of_track; /* for each track, NULL: none */
    const unic__clip_entry ***entries; /* for each track [clips], NULL: no file; or NULL */
    char *path;                        /* room for any file's */
    size_t path_size;
    unic__clip_table table; /* n is 0 without one */
    size_t label_length;    /* T of its step labels */
    bool has_arrays;
    unic__named_arrays arrays; /* labels beside the subdirectories */
    unic__label_names names;   /* of their classes */
} clip_files;

unic_status unic__report_clips_beside(const char *folder)
{
    unic__folder list;
    unic_status status = unic__folder_list(&list, folder);
    bool found = false;
    for (size_t i = 0; i < list.n && status == UNIC_OK && !found; i++) {
        if (unic__is_modality_name(list.names[i]))
            status = unic__clip_group_is_in(folder, list.names[i], &found);
        if (found)
            unic__log_line(UNIC_LOG_WARNING,
                           "%s: is read for the .npy arrays in it; the clips in %s/ beside "
                           "them are not looked at",
                           folder, list.names[i]);
    }
    unic__folder_free(&list);
    return status;
}

bool unic__is_clip_file(const char *path)
{
    size_t stem;
    return unic__clip_format_of(path, &stem) != UNIC__CLIP_ABSENT;
}

/* ---- the directories --------------------------------------------------------------------- */

static unic_status add_group(clip_files *s, const char *folder, const char *name)
{
    unic__clip_group *g = &s->groups[s->group_count];
    UNIC__TRY(unic__clip_group_open(g, &s->arena, folder, name));
    s->group_count += g->n > 0;
    return UNIC_OK;
}

/* Features beside the directories, in one file a modality: "audio.h5" where there is no audio/. */
static void report_beside(const clip_files *s, const char *folder, const unic__folder *list)
{
    const char *first = NULL;
    size_t n = 0;
    for (size_t i = 0; i < list->n; i++) {
        size_t group = 0, stem = strcspn(list->names[i], ".");
        while (group < s->group_count && (strlen(s->groups[group].name) != stem ||
                                          memcmp(s->groups[group].name, list->names[i], stem)))
            group++;
        if (group < s->group_count || !unic__may_hold_features(list->names[i]))
            continue;
        n++;
        first = first ? first : list->names[i];
    }
    if (n)
        unic__log_line(UNIC_LOG_INFO,
                       "%s: %zu files beside the directories of clips, the first \"%s\", may "
                       "hold features and are not read",
                       folder, n, first);
}

static unic_status list_folder(clip_files *s, const char *folder)
{
    unic__folder list;
    const char *passed = NULL, *passed_in = NULL;
    unic_status status = unic__folder_list(&list, folder);
    if (status == UNIC_OK &&
        !(s->groups = unic__arena_alloc(&s->arena, list.n * sizeof *s->groups)))
        status = unic__no_memory(list.n * sizeof *s->groups, "the directories of clips");
    for (size_t i = 0; i < list.n && status == UNIC_OK; i++)
        if (unic__is_modality_name(list.names[i])) {
            const unic__clip_group *g = &s->groups[s->group_count];
            status = add_group(s, folder, list.names[i]);
            passed_in = passed ? passed_in : g->name;
            passed = passed ? passed : g->passed;
        }
    const char *hdf5 = NULL;
    for (size_t i = 0; i < list.n && !hdf5; i++)
        hdf5 = unic__stem_size(list.names[i], ".h5") ? list.names[i] : NULL;
    if (status == UNIC_OK && s->group_count && strcmp(folder, s->source.path) == 0)
        report_beside(s, folder, &list); /* of a table's, anything may be */
    if (status == UNIC_OK && !s->group_count)
        status = unic__fail(UNIC_E_NOTFOUND,
                            "%s: no modality; directories <modality>/ of .npy or .zip files, "
                            "or files <modality>.npy, expected%s%s%s%s%s%s%s%s",
                            folder, passed ? "; there is: " : "", passed ? passed_in : "",
                            passed ? "/" : "", passed ? passed : "", hdf5 ? "; " : "",
                            hdf5 ? hdf5 : "", hdf5 ? " is an HDF5 file" : "",
                            hdf5 ? unic__file_kind_advice(UNIC__FILE_HDF5) : "");
    unic__folder_free(&list);
    return status;
}

/* ---- the clips --------------------------------------------------------------------------- */

static int compare_stems(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* All clips of all groups, each once. */
static unic_status unite_groups(clip_files *s)
{
    size_t total = 0, n = 0;
    for (size_t i = 0; i < s->group_count; i++)
        total += s->groups[i].n; /* each is a name in memory: no overflow to fear */
    s->stems = unic__arena_alloc(&s->arena, total * sizeof *s->stems);
    if (!s->stems)
        return unic__no_memory(total * sizeof *s->stems, "the clips' names");
    for (size_t i = 0; i < s->group_count; i++)
        for (size_t k = 0; k < s->groups[i].n; k++)
            s->stems[n++] = s->groups[i].entries[k].stem;
    if (s->group_count > 1)
        qsort(s->stems, n, sizeof *s->stems, compare_stems);
    for (size_t i = 0; i < n; i++)
        if (!i || strcmp(s->stems[s->source.clips - 1], s->stems[i]) != 0)
            s->stems[s->source.clips++] = s->stems[i];
    return UNIC_OK;
}

/* ---- modalities -------------------------------------------------------------------------- */

static const unic__clip_group *find_group(const clip_files *s, const char *name)
{
    for (size_t i = 0; i < s->group_count; i++)
        if (strcmp(s->groups[i].name, name) == 0)
            return &s->groups[i];
    return NULL;
}

static unic_status list(unic__clip_source *source, unic__track_table *tracks)
{
    const clip_files *s = (clip_files *)source;
    for (size_t i = 0; i < s->group_count; i++)
        if (unic__tracks_find(tracks, s->groups[i].name) == tracks->n)
            UNIC__TRY(unic__tracks_add(tracks, s->groups[i].name));
    return UNIC_OK;
}

static unic_status find(unic__clip_source *source, const char *name)
{
    return find_group((clip_files *)source, name)
               ? UNIC_OK
               : unic__fail(UNIC_E_NOTFOUND, "%s: no directory \"%s\" of .npy or .zip files",
                            source->path, name);
}

/* ---- one clip ---------------------------------------------------------------------------- */

static unic_status check_shape(const unic__shape *shape, const char *path, unic__shape *step)
{
    char text[UNIC__SHAPE_TEXT];
    if (!shape->rank || shape->rank >= UNIC__MAX_RANK)
        return unic__fail(UNIC_E_SHAPE, "%s: is %s, a clip [T,...] of at most %d dims expected",
                          path, unic__shape_print(shape, text), UNIC__MAX_RANK - 1);
    *step = (unic__shape){shape->rank - 1, {0}};
    memcpy(step->dim, shape->dim + 1, step->rank * sizeof step->dim[0]);
    if (!unic__shape_count(step))
        return unic__fail(UNIC_E_SHAPE, "%s: is %s, only T may be 0", path,
                          unic__shape_print(shape, text));
    if (shape->dim[0] > INT32_MAX)
        return unic__fail(UNIC_E_SHAPE, "%s: is %s, at most %ld steps expected", path,
                          unic__shape_print(shape, text), (long)INT32_MAX);
    return UNIC_OK;
}

static void print_path(const clip_files *s, size_t i, size_t clip, char *text, size_t size)
{
    const unic__clip_entry *e = s->entries[i][clip];
    snprintf(text, size, "%s%s%s", s->of_track[i]->prefix, e->stem,
             unic__clip_suffix((unic__clip_format)e->format));
}

/* Opens the clip's file, which is there; its path is s->path then. */
static unic_status open_clip(clip_files *s, unic__clip *c, size_t i, size_t clip,
                             unic__shape *step)
{
    print_path(s, i, clip, s->path, s->path_size);
    UNIC__TRY(unic__clip_open(c, (unic__clip_format)s->entries[i][clip]->format, s->path));
    unic_status status = check_shape(c->shape, s->path, step);
    if (status != UNIC_OK)
        unic__clip_close(c);
    return status;
}

/* The clip's steps, without their elements. The file that sets the track's dims is named in
 * later messages, so that its name is kept. */
static unic_status measure_clip(clip_files *s, unic__track *track, size_t i, size_t clip,
                                size_t *steps)
{
    unic__clip c;
    unic__shape step;
    UNIC__TRY(open_clip(s, &c, i, clip, &step));
    *steps = c.shape->dim[0];
    unic__clip_close(&c);
    const char *path = s->path;
    if (!track->step_count && !(path = unic__arena_printf(&s->arena, "%s", path)))
        return unic__no_memory(s->path_size, "a file's name");
    return unic__track_agree(track, &step, path);
}

static bool has(const unic__clip_source *source, size_t i, size_t clip)
{
    const clip_files *s = (const clip_files *)source;
    return s->entries[i] && s->entries[i][clip];
}

static void name_clip(const unic__clip_source *source, size_t i, size_t clip, char *text,
                      size_t size)
{
    print_path((const clip_files *)source, i, clip, text, size);
}

static unic_status read_clip(unic__clip_source *source, const unic__track_table *tracks,
                             size_t i, size_t clip, size_t length, float *out, size_t *steps)
{
    clip_files *s = (clip_files *)source;
    unic__clip c;
    unic__shape step;
    unic__track track = tracks->at[i]; /* its dims are known: nothing is set */
    *steps = 0;
    if (!has(source, i, clip))
        return UNIC_OK;
    UNIC__TRY(open_clip(s, &c, i, clip, &step));
    size_t have = c.shape->dim[0];
    unic_status status = unic__track_agree(&track, &step, s->path);
    if (status == UNIC_OK && have)
        status = unic__clip_read(&c, have < length ? have : length, out);
    unic__clip_close(&c);
    *steps = status == UNIC_OK ? have : 0;
    return status;
}

/* ---- loading ----------------------------------------------------------------------------- */

static unic_status match_track(clip_files *s, size_t i, const char *name)
{
    const unic__clip_group *g = find_group(s, name);
    unic__clip_naming naming;
    s->of_track[i] = g;
    if (!g)
        return UNIC_OK;
    size_t clips = s->source.clips; /* each is a name in memory: no overflow to fear */
    s->path_size = g->path_size > s->path_size ? g->path_size : s->path_size;
    s->entries[i] = unic__arena_alloc(&s->arena, clips * sizeof *s->entries[i]);
    if (!s->entries[i])
        return unic__no_memory(clips * sizeof *s->entries[i], "the clips' files");
    for (size_t clip = 0; clip < clips; clip++)
        s->entries[i][clip] = g->listed    ? &g->entries[clip]
                              : s->table.n ? unic__clip_group_find(g, s->stems[clip], &naming)
                                           : unic__clip_group_find_whole(g, s->stems[clip]);
    return UNIC_OK;
}

/* Looks at every clip to find the longest, or at the first to learn the dims of a step; counts[clip]
 * becomes its steps, 0 where they are not known. */
static unic_status measure_track(clip_files *s, unic__track *track, size_t i,
                                 const unic__reading *reading, uint32_t *counts)
{
    for (size_t clip = 0; clip < s->source.clips; clip++) {
        size_t steps = 0;
        if (reading->length && track->step_count)
            break;
        if (!s->entries[i][clip])
            continue;
        unic_status status = measure_clip(s, track, i, clip, &steps);
        if (status != UNIC_OK && !(reading->skips_damage && unic__is_damage(status)))
            return status;
        if (status != UNIC_OK) {
            unic__log_line(UNIC_LOG_WARNING, "skipped: %s", unic_last_error());
            steps = 0;
        }
        if (!steps) /* a clip without a step lacks the modality */
            s->entries[i][clip] = NULL;
        counts[clip] = (uint32_t)steps; /* at most INT32_MAX */
        s->source.length = steps > s->source.length ? steps : s->source.length;
        UNIC__TRY(unic__progress_tell(&reading->progress, "clips", clip + 1, s->source.clips));
    }
    return UNIC_OK;
}

/* Clips in which two modalities have other numbers of steps: which steps belong together? */
static void report_uneven(const clip_files *s, const unic__track *a, const uint32_t *of_a,
                          const unic__track *b, const uint32_t *of_b)
{
    size_t n = 0, both = 0, first = 0;
    for (size_t clip = s->source.clips; clip-- > 0;) {
        if (!of_a[clip] || !of_b[clip])
            continue;
        both++;
        if (of_a[clip] == of_b[clip])
            continue;
        n++;
        first = clip;
    }
    if (n)
        unic__log_line(
            UNIC_LOG_WARNING,
            "%s: %zu of %zu clips have other numbers of steps in \"%s\" than in \"%s\" "
            "(%lu and %lu in \"%s\"): step t of one is paired with step t of the "
            "other",
            s->source.path, n, both, a->name, b->name, (unsigned long)of_a[first],
            (unsigned long)of_b[first], s->stems[first]);
}

/* Each modality is compared with the first one, if the clips are looked at at all. */
static unic_status measure_tracks(clip_files *s, unic__track_table *tracks,
                                  const unic__reading *reading)
{
    size_t first = tracks->n, clips = s->source.clips;
    uint32_t *counts = unic__alloc_array(clips, 2 * sizeof *counts);
    unic_status status = counts ? UNIC_OK
                                : unic__no_memory(clips * 2 * sizeof *counts,
                                                  "the steps of clips");
    for (size_t i = 0; i < tracks->n && status == UNIC_OK; i++) {
        if (!s->entries[i])
            continue;
        uint32_t *here = first == tracks->n ? counts : counts + clips;
        memset(here, 0, clips * sizeof *here);
        status = measure_track(s, &tracks->at[i], i, reading, here);
        if (first == tracks->n)
            first = i;
        else if (status == UNIC_OK && !reading->length)
            report_uneven(s, &tracks->at[first], counts, &tracks->at[i], here);
    }
    unic__free(counts);
    return status;
}

/* Events that end behind the last step of any clip: their times may be of another unit. */
static void report_late(const clip_files *s)
{
    const unic__clip_table *x = &s->table;
    size_t n = 0, all = 0, clip = 0;
    uint32_t offset = 0;
    for (size_t i = x->events ? x->n : 0; i-- > 0;)
        for (size_t k = 0; k < x->events[i].n; k++, all++) {
            const unic__clip_event *e = &x->events[i].at[k];
            if (e->offset == UINT32_MAX || e->offset <= s->label_length)
                continue;
            n++;
            clip = i;
            offset = e->offset;
        }
    if (n)
        unic__log_line(UNIC_LOG_WARNING,
                       "%s: %zu of %zu events end behind the last of %zu steps (one of clip "
                       "\"%s\" at %lu): what is there is in no step",
                       s->source.path, n, all, s->label_length, x->ids[clip],
                       (unsigned long)offset);
}

/* Labels of other steps than the clips have, which were all looked at: which belong together? */
static unic_status report_step_labels(clip_files *s, const unic__track_table *tracks)
{
    for (size_t i = 0; s->has_arrays && i < tracks->n; i++) {
        unic__npy_info info = {.foreign = false};
        const char *name = unic__arena_printf(&s->arena, "%s.step_labels", tracks->at[i].name);
        if (!name)
            return unic__no_memory(strlen(tracks->at[i].name), "an array's name");
        if (!unic__named_arrays_has(&s->arrays, name) ||
            unic__named_arrays_info(&s->arrays, name, &info) != UNIC_OK ||
            info.shape.rank < 2 || info.shape.dim[1] == s->source.length)
            continue;
        unic__log_line(
            UNIC_LOG_WARNING,
            "%s: \"%s\" has labels of %zu steps, but the longest clip has %zu: label "
            "t is that of step t",
            s->source.path, name, info.shape.dim[1], s->source.length);
    }
    return UNIC_OK;
}

static unic_status load(unic__clip_source *source, unic__track_table *tracks,
                        const unic__reading *reading)
{
    clip_files *s = (clip_files *)source;
    s->of_track = unic__arena_alloc(&s->arena, tracks->n * sizeof *s->of_track);
    s->entries = unic__arena_alloc(&s->arena, tracks->n * sizeof *s->entries);
    if (!s->of_track || !s->entries)
        return unic__no_memory(tracks->n * sizeof *s->entries, "a directory of clips");
    for (size_t i = 0; i < tracks->n; i++)
        UNIC__TRY(match_track(s, i, tracks->at[i].name));
    if (!(s->path = unic__arena_alloc(&s->arena, s->path_size)))
        return unic__no_memory(s->path_size, "a file's name");
    s->source.length = reading->length;
    UNIC__TRY(measure_tracks(s, tracks, reading));
    s->label_length = reading->length ? reading->length : s->source.length;
    report_late(s);
    return reading->length ? UNIC_OK : report_step_labels(s, tracks);
}

/* ---- labels ------------------------------------------------------------------------------ */

static bool is_label(const char *name)
{
    return strcmp(name, "label") == 0;
}

static unic_status labels_shape(unic__clip_source *source, const char *name, unic__shape *shape)
{
    const clip_files *s = (clip_files *)source;
    const unic__clip_table *x = &s->table;
    unic__npy_info info;
    if (x->n && is_label(name) && x->labels) {
        *shape = UNIC__SHAPE_OF(x->n);
        return UNIC_OK;
    }
    if (x->n && x->events) {
        *shape = is_label(name) ? UNIC__SHAPE_OF(x->n, x->event_names.n)
                                : UNIC__SHAPE_OF(x->n, s->label_length, x->event_names.n + 1);
        return UNIC_OK;
    }
    if (!s->has_arrays)
        return unic__fail(UNIC_E_NOTFOUND, "%s: no labels \"%s\"", source->path, name);
    UNIC__TRY(unic__named_arrays_info(&s->arrays, name, &info));
    *shape = info.shape;
    if (is_label(name))
        unic__label_names_shape(&s->names, shape);
    return UNIC_OK;
}

static unic_status labels_read(unic__clip_source *source, const char *name, int32_t *out,
                               size_t count)
{
    const clip_files *s = (clip_files *)source;
    const unic__clip_table *x = &s->table;
    if (!x->n && is_label(name) && s->names.names.at)
        return unic__label_names_labels(&s->names, &s->arrays, out, count);
    if (!x->n)
        return unic__named_arrays_read_i32(&s->arrays, name, out, count);
    if (is_label(name) && x->labels)
        memcpy(out, x->labels, count * sizeof *out);
    else if (is_label(name))
        unic__clip_table_presence(x, out);
    else
        unic__clip_table_steps(x, s->label_length, out);
    return UNIC_OK;
}

static const unic__class_names *class_names(const unic__clip_source *source, bool of_events)
{
    const clip_files *s = (const clip_files *)source;
    return of_events       ? &s->table.event_names
           : s->has_arrays ? &s->names.names
                           : &s->table.categories;
}

static unic_status number_classes(unic__clip_source *source, bool of_events,
                                  const unic__class_names *all)
{
    clip_files *s = (clip_files *)source;
    if (s->has_arrays && !of_events)
        unic__label_names_number(&s->names, all);
    if (s->has_arrays)
        return UNIC_OK;
    return of_events ? unic__clip_table_number_events(&s->table, all)
                     : unic__clip_table_number_categories(&s->table, all);
}

/* ---- opening ----------------------------------------------------------------------------- */

static void close_files(unic__clip_source *source)
{
    clip_files *s = (clip_files *)source;
    if (s->has_arrays)
        unic__named_arrays_close(&s->arrays);
    unic__label_names_free(&s->names);
    unic__arena_free(&s->arena);
    unic__free(s);
}

static unic_status create(clip_files **out, const char *path)
{
    static const unic__clip_source_class class = {.close = close_files,
                                                  .list = list,
                                                  .find = find,
                                                  .load = load,
                                                  .read = read_clip,
                                                  .has = has,
                                                  .name_clip = name_clip,
                                                  .class_names = class_names,
                                                  .number_classes = number_classes,
                                                  .labels_shape = labels_shape,
                                                  .labels_read = labels_read,
                                                  .by_clip = true};
    clip_files *s = unic__alloc_zero(sizeof *s);
    if (!s)
        return unic__no_memory(sizeof *s, "a directory of clips");
    s->source.is = &class;
    s->source.path = unic__arena_printf(&s->arena, "%s", path);
    if (!s->source.path) {
        unic__free(s);
        return unic__no_memory(strlen(path) + 1, "a path");
    }
    *out = s;
    return UNIC_OK;
}

static unic_status finish(unic__clip_source **out, clip_files *s, unic_status status)
{
    if (status == UNIC_OK && s->source.clips > INT32_MAX)
        status = unic__fail(UNIC_E_FORMAT, "%s: has more than %ld clips", s->source.path,
                            (long)INT32_MAX);
    if (status == UNIC_OK)
        *out = &s->source;
    else
        close_files(&s->source);
    return status;
}

unic_status unic__clip_files_open(unic__clip_source **out, const char *folder)
{
    clip_files *s = NULL;
    *out = NULL;
    UNIC__TRY(create(&s, folder));
    unic_status status = list_folder(s, folder);
    if (status == UNIC_OK)
        status = unite_groups(s);
    if (status == UNIC_OK)
        status = unic__clip_names_report_near(s->stems, s->source.clips, s->groups,
                                              s->group_count, folder);
    if (status == UNIC_OK) {
        status = unic__named_arrays_open_folder(&s->arrays, folder);
        s->has_arrays = status == UNIC_OK;
    }
    if (status == UNIC_OK)
        status = unic__label_names_read(&s->names, &s->arena, &s->arrays);
    if (status == UNIC_OK && unic__named_arrays_count(&s->arrays))
        unic__clip_names_report_order(s->stems, s->source.clips, folder);
    return finish(out, s, status);
}

unic_status unic__clip_files_open_index(unic__clip_source **out, const char *table,
                                        const char *split, bool skips_damage)
{
    clip_files *s = NULL;
    *out = NULL;
    UNIC__TRY(create(&s, table));
    unic_status status = unic__clip_table_read(&s->table, &s->arena, s->source.path, split);
    const char *slash = strrchr(table, '/');
    int size = slash ? (int)(slash - table) : 0;
    const char *folder = !slash      ? "."
                         : size == 0 ? "/"
                                     : unic__arena_printf(&s->arena, "%.*s", size, table);
    if (status == UNIC_OK && !folder)
        status = unic__no_memory((size_t)size + 1, "a path");
    if (status == UNIC_OK)
        status = list_folder(s, folder);
    if (status == UNIC_OK)
        status = unic__clip_match(&s->table, s->groups, s->group_count, s->source.path,
                                  skips_damage);
    if (status == UNIC_OK) {
        s->stems = s->table.ids;
        s->source.clips = s->table.n;
    }
    return finish(out, s, status);
}

/* One group without a directory: the clips' names are their paths. */
unic_status unic__clip_files_open_list(unic__clip_source **out, const char *const *paths,
                                       size_t n, const char *modality)
{
    clip_files *s = NULL;
    *out = NULL;
    UNIC__TRY(create(&s, paths[0]));
    unic_status status = UNIC_OK;
    s->groups = unic__arena_alloc(&s->arena, sizeof *s->groups);
    if (!s->groups)
        return finish(out, s, unic__no_memory(sizeof *s->groups, "a list of clips"));
    const unic__clip_group *g = s->groups;
    status = unic__clip_group_list(s->groups, &s->arena, paths, n, modality);
    s->group_count = status == UNIC_OK;
    if (status == UNIC_OK && !(s->stems = unic__arena_alloc(&s->arena, n * sizeof *s->stems)))
        status = unic__no_memory(n * sizeof *s->stems, "the clips' names");
    for (; status == UNIC_OK && s->source.clips < n; s->source.clips++)
        s->stems[s->source.clips] = g->entries[s->source.clips].stem;
    return finish(out, s, status);
}
