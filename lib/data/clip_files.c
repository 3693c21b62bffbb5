#include "data/clip_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array/named_arrays.h"
#include "data/clip.h"
#include "data/clip_table.h"
#include "file/folder.h"

typedef struct entry {
    const char *stem; /* the clip's name */
    unsigned char format;
} entry;

/* A subdirectory with clips. */
typedef struct group {
    const char *name, *prefix; /* "audio", "features/audio/" */
    entry *entries;            /* in the order of their stems' bytes, or of the clips */
    size_t n;
    bool listed; /* the clips are the entries */
} group;

typedef struct clip_files {
    unic__clip_source source;
    unic__arena arena;
    group *groups;
    size_t n_groups;
    const char **stems;      /* [clips] */
    const group **of_track;  /* for each track, NULL: none */
    unsigned char **formats; /* for each track [clips], a unic__clip_format; NULL: none */
    char *path;              /* room for any file's */
    size_t path_size;
    unic__clip_table index; /* of a table */
    bool has_index, has_arrays;
    unic__named_arrays arrays; /* labels beside the subdirectories */
} clip_files;

bool unic__is_clip_file(const char *path)
{
    size_t stem;
    return unic__clip_format_of(path, &stem) != UNIC__CLIP_ABSENT;
}

/* ---- the directories --------------------------------------------------------------------- */

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const entry *)a)->stem, ((const entry *)b)->stem);
}

static const entry *find_entry(const group *g, const char *stem)
{
    const entry key = {stem, 0};
    return g->n ? bsearch(&key, g->entries, g->n, sizeof key, compare_entries) : NULL;
}

/* Takes those of the names that are clips' files. */
static unic_status fill_group(clip_files *s, group *g, const char *const *names, size_t n)
{
    size_t bytes = SIZE_MAX, size;
    if (unic__mul_size(n, sizeof *g->entries, &bytes))
        g->entries = unic__arena_alloc(&s->arena, bytes);
    if (!g->entries)
        return unic__no_memory(bytes, "the clips of a directory");
    for (size_t i = 0; i < n; i++) {
        unic__clip_format format = unic__clip_format_of(names[i], &size);
        if (format == UNIC__CLIP_ABSENT)
            continue;
        const char *stem = unic__arena_printf(&s->arena, "%.*s", (int)size, names[i]);
        if (!stem)
            return unic__no_memory(size + 1, "a clip's name");
        g->entries[g->n++] = (entry){stem, (unsigned char)format};
        size += strlen(g->prefix) + sizeof ".npy";
        s->path_size = size > s->path_size ? size : s->path_size;
    }
    return UNIC_OK;
}

static unic_status sort_group(group *g)
{
    if (g->n)
        qsort(g->entries, g->n, sizeof *g->entries, compare_entries);
    for (size_t i = 1; i < g->n; i++)
        if (strcmp(g->entries[i - 1].stem, g->entries[i].stem) == 0)
            return unic__fail(UNIC_E_FORMAT,
                              "%s%s: there as .npy and as .zip, one file a clip expected",
                              g->prefix, g->entries[i].stem);
    return UNIC_OK;
}

/* `name` may be no directory at all, or one without clips. */
static unic_status add_group(clip_files *s, const char *folder, const char *name)
{
    group g = {.name = unic__arena_printf(&s->arena, "%s", name),
               .prefix = unic__arena_printf(&s->arena, "%s%s%s/", folder,
                                            folder[strlen(folder) - 1] == '/' ? "" : "/",
                                            name)};
    if (!g.name || !g.prefix)
        return unic__no_memory(strlen(folder) + strlen(name), "a directory's name");
    if (!unic__is_folder(g.prefix))
        return UNIC_OK;
    unic__folder files;
    unic_status status = unic__folder_list(&files, g.prefix);
    if (status == UNIC_OK)
        status = fill_group(s, &g, files.names, files.n);
    unic__folder_free(&files);
    UNIC__TRY(status);
    UNIC__TRY(sort_group(&g));
    if (g.n)
        s->groups[s->n_groups++] = g;
    return UNIC_OK;
}

static unic_status list_folder(clip_files *s, const char *folder)
{
    unic__folder list;
    unic_status status = unic__folder_list(&list, folder);
    if (status == UNIC_OK &&
        !(s->groups = unic__arena_alloc(&s->arena, list.n * sizeof *s->groups)))
        status = unic__no_memory(list.n * sizeof *s->groups, "the directories of clips");
    for (size_t i = 0; i < list.n && status == UNIC_OK; i++)
        if (unic__is_modality_name(list.names[i]))
            status = add_group(s, folder, list.names[i]);
    unic__folder_free(&list);
    if (status == UNIC_OK && !s->n_groups)
        status = unic__fail(UNIC_E_NOTFOUND,
                            "%s: no modality; directories <modality>/ of .npy or .zip files, "
                            "or files <modality>.npy, expected",
                            folder);
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
    for (size_t i = 0; i < s->n_groups; i++)
        total += s->groups[i].n; /* each is a name in memory: no overflow to fear */
    s->stems = unic__arena_alloc(&s->arena, total * sizeof *s->stems);
    if (!s->stems)
        return unic__no_memory(total * sizeof *s->stems, "the clips' names");
    for (size_t i = 0; i < s->n_groups; i++)
        for (size_t k = 0; k < s->groups[i].n; k++)
            s->stems[n++] = s->groups[i].entries[k].stem;
    if (s->n_groups > 1)
        qsort(s->stems, n, sizeof *s->stems, compare_stems);
    for (size_t i = 0; i < n; i++)
        if (!i || strcmp(s->stems[s->source.clips - 1], s->stems[i]) != 0)
            s->stems[s->source.clips++] = s->stems[i];
    return UNIC_OK;
}

static bool has_files(const clip_files *s, const char *stem)
{
    for (size_t i = 0; i < s->n_groups; i++)
        if (find_entry(&s->groups[i], stem))
            return true;
    return false;
}

/* Leaves the table's clips without any file out, or refuses them. */
static unic_status match_index(clip_files *s, bool skips_damage)
{
    unic__clip_table *x = &s->index;
    bool *keep = unic__arena_alloc(&s->arena, x->n * sizeof *keep);
    if (!keep)
        return unic__no_memory(x->n * sizeof *keep, "a table of clips");
    for (size_t i = 0; i < x->n; i++) {
        static const char format[] = "%s: clip \"%s\" has no .npy or .zip file in any "
                                     "directory beside the table";
        keep[i] = has_files(s, x->ids[i]);
        if (!keep[i] && !skips_damage)
            return unic__fail(UNIC_E_NOTFOUND, format, s->source.path, x->ids[i]);
        if (!keep[i])
            unic__log_line(UNIC_LOG_WARNING, format, s->source.path, x->ids[i]);
    }
    unic__clip_table_keep(x, keep);
    s->stems = x->ids;
    s->source.clips = x->n;
    return x->n ? UNIC_OK
                : unic__fail(UNIC_E_NOTFOUND, "%s: no clip has a file beside the table",
                             s->source.path);
}

/* ---- modalities -------------------------------------------------------------------------- */

static const group *find_group(const clip_files *s, const char *name)
{
    for (size_t i = 0; i < s->n_groups; i++)
        if (strcmp(s->groups[i].name, name) == 0)
            return &s->groups[i];
    return NULL;
}

static unic_status list(unic__clip_source *source, unic__tracks *tracks)
{
    const clip_files *s = (clip_files *)source;
    for (size_t i = 0; i < s->n_groups; i++)
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

/* Opens the clip's file, whose format is not UNIC__CLIP_ABSENT; its path is s->path then. */
static unic_status open_clip(clip_files *s, unic__clip *c, size_t i, size_t clip,
                             unic__shape *step)
{
    unic__clip_format format = s->formats[i][clip];
    snprintf(s->path, s->path_size, "%s%s%s", s->of_track[i]->prefix, s->stems[clip],
             unic__clip_suffix(format));
    UNIC__TRY(unic__clip_open(c, format, s->path));
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

static unic_status read_clip(unic__clip_source *source, const unic__tracks *tracks, size_t i,
                             size_t clip, size_t length, float *out, size_t *steps)
{
    clip_files *s = (clip_files *)source;
    unic__clip c;
    unic__shape step;
    unic__track track = tracks->at[i]; /* its dims are known: nothing is set */
    *steps = 0;
    if (!s->formats[i] || s->formats[i][clip] == UNIC__CLIP_ABSENT)
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
    const group *g = find_group(s, name);
    s->of_track[i] = g;
    if (!g)
        return UNIC_OK;
    s->formats[i] = unic__arena_alloc(&s->arena, s->source.clips);
    if (!s->formats[i])
        return unic__no_memory(s->source.clips, "the clips' files");
    for (size_t clip = 0; clip < s->source.clips; clip++) {
        const entry *e = g->listed ? &g->entries[clip] : find_entry(g, s->stems[clip]);
        s->formats[i][clip] = e ? e->format : UNIC__CLIP_ABSENT;
    }
    return UNIC_OK;
}

/* Looks at every clip to find the longest, or at the first to learn the dims of a step. */
static unic_status measure_track(clip_files *s, unic__track *track, size_t i,
                                 const unic__reading *reading)
{
    for (size_t clip = 0; clip < s->source.clips; clip++) {
        size_t steps = 0;
        if (reading->length && track->step_count)
            break;
        if (s->formats[i][clip] == UNIC__CLIP_ABSENT)
            continue;
        unic_status status = measure_clip(s, track, i, clip, &steps);
        if (status != UNIC_OK && (status == UNIC_E_NOMEM || !reading->skips_damage))
            return status;
        if (status != UNIC_OK) {
            unic__log_line(UNIC_LOG_WARNING, "skipped: %s", unic_last_error());
            s->formats[i][clip] = UNIC__CLIP_ABSENT;
        }
        s->source.length = steps > s->source.length ? steps : s->source.length;
    }
    return UNIC_OK;
}

static unic_status load(unic__clip_source *source, unic__tracks *tracks,
                        const unic__reading *reading)
{
    clip_files *s = (clip_files *)source;
    s->of_track = unic__arena_alloc(&s->arena, tracks->n * sizeof *s->of_track);
    s->formats = unic__arena_alloc(&s->arena, tracks->n * sizeof *s->formats);
    s->path = unic__arena_alloc(&s->arena, s->path_size);
    if (!s->of_track || !s->formats || !s->path)
        return unic__no_memory(s->path_size, "a directory of clips");
    s->source.length = reading->length;
    for (size_t i = 0; i < tracks->n; i++) {
        UNIC__TRY(match_track(s, i, tracks->at[i].name));
        if (s->formats[i])
            UNIC__TRY(measure_track(s, &tracks->at[i], i, reading));
    }
    return UNIC_OK;
}

/* ---- labels ------------------------------------------------------------------------------ */

static bool is_label(const char *name)
{
    return strcmp(name, "label") == 0;
}

static unic_status labels_shape(unic__clip_source *source, const char *name, unic__shape *shape)
{
    const clip_files *s = (clip_files *)source;
    const unic__clip_table *x = &s->index;
    unic__npy_info info;
    if (is_label(name) ? x->labels != NULL : x->events != NULL) {
        *shape = is_label(name) ? UNIC__SHAPE(x->n)
                                : UNIC__SHAPE(x->n, x->steps, x->classes + 1);
        return UNIC_OK;
    }
    if (!s->has_arrays)
        return unic__fail(UNIC_E_NOTFOUND, "%s: no labels \"%s\"", source->path, name);
    UNIC__TRY(unic__named_arrays_info(&s->arrays, name, &info));
    *shape = info.shape;
    return UNIC_OK;
}

static unic_status labels_read(unic__clip_source *source, const char *name, int32_t *out,
                               size_t count)
{
    const clip_files *s = (clip_files *)source;
    if (s->has_arrays)
        return unic__named_arrays_read_i32(&s->arrays, name, out, count);
    memcpy(out, is_label(name) ? s->index.labels : s->index.events, count * sizeof *out);
    return UNIC_OK;
}

/* ---- opening ----------------------------------------------------------------------------- */

static void close_files(unic__clip_source *source)
{
    clip_files *s = (clip_files *)source;
    if (s->has_arrays)
        unic__named_arrays_close(&s->arrays);
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
    if (status == UNIC_OK) {
        status = unic__named_arrays_open(&s->arrays, folder);
        s->has_arrays = status == UNIC_OK;
    }
    return finish(out, s, status);
}

unic_status unic__clip_files_open_index(unic__clip_source **out, const char *table,
                                        const char *split, bool skips_damage)
{
    clip_files *s = NULL;
    *out = NULL;
    UNIC__TRY(create(&s, table));
    unic_status status = unic__clip_table_read(&s->index, &s->arena, s->source.path, split);
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
        status = match_index(s, skips_damage);
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
    group *g = s->groups;
    g->name = unic__arena_printf(&s->arena, "%s", modality);
    g->prefix = "";
    g->listed = true;
    if (!g->name)
        status = unic__no_memory(strlen(modality) + 1, "a modality's name");
    if (status == UNIC_OK)
        status = fill_group(s, g, paths, n);
    s->n_groups = status == UNIC_OK;
    if (status == UNIC_OK && !(s->stems = unic__arena_alloc(&s->arena, n * sizeof *s->stems)))
        status = unic__no_memory(n * sizeof *s->stems, "the clips' names");
    for (; status == UNIC_OK && s->source.clips < n; s->source.clips++)
        s->stems[s->source.clips] = g->entries[s->source.clips].stem;
    return finish(out, s, status);
}
