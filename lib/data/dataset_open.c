/* Opens the sources that the paths name, and determines the tracks that they share. */
#include <string.h>

#include "base/text.h"
#include "data/clip_files.h"
#include "data/dataset.h"
#include "data/shard.h"
#include "file/folder.h"
#include "file/sniff.h"

/* ---- sources ----------------------------------------------------------------------------- */

/* Whether a modality's array stands in the directory itself. */
static unic_status holds_arrays(const char *path, bool *yes)
{
    unic__folder list;
    unic_status status = unic__folder_list(&list, path);
    *yes = false;
    for (size_t i = 0; i < list.n && status == UNIC_OK; i++) {
        size_t stem = unic__stem_size(list.names[i], ".npy"); /* of "label.npy", 5 */
        *yes |= stem && !memchr(list.names[i], '.', stem) &&
                strcmp(list.names[i], "label.npy") != 0;
    }
    unic__folder_free(&list);
    return status;
}

static bool is_table(const char *path)
{
    static const char *const suffixes[] = {".csv", ".tsv", ".txt"};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
        if (unic__has_suffix(path, suffixes[i]))
            return true;
    return false;
}

/* Files of single clips that follow each other are one source. */
static unic_status open_list(unic__clip_source **out, const char *const *paths, size_t n,
                             const unic_dataset_options *options, size_t *used)
{
    for (bool folder = false; *used < n && unic__is_clip_file(paths[*used]); ++*used) {
        UNIC__TRY(unic__is_folder(&folder, paths[*used]));
        if (folder)
            break;
    }
    if (options->modality_count != 1)
        return unic__fail(
            UNIC_E_ARG,
            "%s is one clip of one modality, but %zu modalities are named, 1 expected",
            paths[0], options->modality_count);
    return unic__clip_files_open_list(out, paths, *used, options->modalities[0]);
}

static unic_status open_npz(unic__clip_source **out, unic__source *source)
{
    unic__file_kind kind;
    UNIC__TRY(unic__file_sniff(&kind, source));
    if (kind == UNIC__FILE_UNKNOWN || kind == UNIC__FILE_ZIP)
        return unic__shard_open(out, source);
    const char *advice = unic__file_kind_advice(kind);
    return unic__fail(
        UNIC_E_FORMAT, "%s: is %s%s", unic__source_name(source), unic__file_kind_name(kind),
        *advice ? advice : ", data in an npz, a table (.csv, .tsv) or a folder expected");
}

static unic_status open_file(unic__clip_source **out, const char *path)
{
    unic__source *source;
    UNIC__TRY(unic__source_open_file(&source, path));
    unic_status status = open_npz(out, source);
    unic__source_release(source);
    return status;
}

/* Only a table has splits. */
static unic_status check_split(const unic_dataset_options *options, const char *name)
{
    if (options->split)
        return unic__fail(UNIC_E_ARG,
                          "split \"%s\" is asked for, but %s is no table (.csv, .tsv)",
                          options->split, name);
    return UNIC_OK;
}

/* What begins at paths[0]; *used is how many paths it takes. */
static unic_status open_source(unic__clip_source **out, const char *const *paths, size_t n,
                               const unic_dataset_options *options, size_t *used)
{
    bool arrays, folder;
    *used = 0;
    UNIC__TRY(unic__is_folder(&folder, paths[0]));
    if (!folder && unic__is_clip_file(paths[0]))
        return open_list(out, paths, n, options, used);
    *used = 1;
    if (!folder && is_table(paths[0]))
        return unic__clip_files_open_index(out, paths[0], options->split,
                                           options->on_damage == UNIC_DAMAGE_SKIPS);
    UNIC__TRY(check_split(options, paths[0]));
    if (!folder)
        return open_file(out, paths[0]);
    UNIC__TRY(holds_arrays(paths[0], &arrays));
    if (!arrays)
        return unic__clip_files_open(out, paths[0]);
    UNIC__TRY(unic__report_clips_beside(paths[0]));
    return unic__shard_open_folder(out, paths[0]);
}

static unic_status open_sources(unic_dataset *d, const unic__dataset_files *files,
                                const unic_dataset_options *options)
{
    size_t bytes = SIZE_MAX, n = files->count;
    if (unic__mul_size(n, sizeof *d->sources, &bytes))
        d->sources = unic__arena_alloc(&d->arena, bytes);
    if (!d->sources)
        return unic__no_memory(bytes, "a dataset's files");
    for (size_t i = 0, used = 1; i < n; i += used) {
        unic__clip_source **next = &d->sources[d->source_count];
        if (files->paths) {
            UNIC__TRY(open_source(next, files->paths + i, n - i, options, &used));
        } else {
            UNIC__TRY(check_split(options, unic__source_name(files->sources[i])));
            UNIC__TRY(open_npz(next, files->sources[i]));
        }
        d->source_count++;
    }
    return UNIC_OK;
}

/* ---- tracks ------------------------------------------------------------------------------ */

/* UNIC_E_NOTFOUND, in the words of the first source, if none has it. */
static unic_status find_in_any(unic_dataset *d, const char *name)
{
    for (size_t i = d->source_count; i-- > 0;) {
        unic_status status = d->sources[i]->is->find(d->sources[i], name);
        if (i == 0 || status != UNIC_E_NOTFOUND)
            return status;
    }
    return UNIC_OK;
}

static unic_status choose_tracks(unic_dataset *d, const unic_dataset_options *options)
{
    d->tracks.arena = &d->arena;
    d->tracks.path = d->sources[0]->path;
    for (size_t i = 0; i < d->source_count && !options->modalities; i++) {
        d->tracks.path = d->sources[i]->path;
        UNIC__TRY(d->sources[i]->is->list(d->sources[i], &d->tracks));
    }
    for (size_t i = 0; options->modalities && i < options->modality_count; i++) {
        const char *name = options->modalities[i];
        if (unic__tracks_find(&d->tracks, name) < d->tracks.n)
            return unic__fail(UNIC_E_ARG, "modality \"%s\" is named twice", name);
        UNIC__TRY(find_in_any(d, name));
        UNIC__TRY(unic__tracks_add(&d->tracks, name));
    }
    for (size_t i = 0; i < options->repeat_last_count; i++) {
        size_t track = unic__tracks_find(&d->tracks, options->repeat_last[i]);
        if (track < d->tracks.n)
            d->tracks.at[track].repeats_last = true;
    }
    return UNIC_OK;
}

/* Its clips would have nothing to read, and of a shard there would be no knowing how many. */
static unic_status check_use(const unic_dataset *d, unic__clip_source *s)
{
    for (size_t i = 0; i < d->tracks.n; i++) {
        unic_status status = s->is->find(s, d->tracks.at[i].name);
        if (status != UNIC_E_NOTFOUND)
            return status;
    }
    return unic__fail(UNIC_E_NOTFOUND, "%s: has none of the modalities that are read", s->path);
}

/* ---- clips ------------------------------------------------------------------------------- */

static unic_status load_source(unic_dataset *d, unic__clip_source *s)
{
    UNIC__TRY(check_use(d, s));
    UNIC__TRY(s->is->load(s, &d->tracks, &d->how));
    s->first = d->clips;
    if (s->clips > INT32_MAX - d->clips)
        return unic__fail(UNIC_E_SHAPE, "%s: with this file the clips are more than %ld",
                          s->path, (long)INT32_MAX);
    d->clips += s->clips;
    d->length = s->length > d->length ? s->length : d->length;
    return UNIC_OK;
}

unic_status unic__dataset_find_clips(unic_dataset *d, const unic__dataset_files *files,
                                     const unic_dataset_options *options)
{
    UNIC__TRY(open_sources(d, files, options));
    UNIC__TRY(unic__dataset_number_classes(d));
    UNIC__TRY(choose_tracks(d, options));
    for (size_t i = 0; i < d->source_count; i++) {
        UNIC__TRY(load_source(d, d->sources[i]));
        UNIC__TRY(unic__progress_tell(&d->how.progress, "files", i + 1, d->source_count));
    }
    for (size_t i = 0; i < d->tracks.n; i++)
        if (!d->tracks.at[i].step_count)
            return unic__fail(UNIC_E_NOTFOUND, "%s: no clip of modality \"%s\" can be read",
                              d->sources[0]->path, d->tracks.at[i].name);
    if (d->how.length)
        d->length = d->how.length;
    if (!d->length)
        return unic__fail(UNIC_E_SHAPE, "%s: no clip has a step", d->sources[0]->path);
    return UNIC_OK;
}
