#include <stdio.h>
#include <string.h>

#include "api/api.h"
#include "base/text.h"
#include "data/dataset.h"

enum { LARGEST_PREFETCH = 1024 };

static unic_status check_paths(const char *const *paths, size_t count, const char *call)
{
    if (!paths || !count)
        return unic__fail(UNIC_E_ARG, "%s: no paths, at least one file expected", call);
    for (size_t i = 0; i < count; i++)
        if (!paths[i])
            return unic__fail(UNIC_E_ARG, "%s: paths[%zu] is NULL", call, i);
    return UNIC_OK;
}

/* Checks a list of names: it may be NULL, and its count is then 0. */
static unic_status check_names(const char *call, const char *what, const char *const *names,
                               const char *what_count, size_t count)
{
    if (!names != !count)
        return unic__fail(UNIC_E_ARG, "%s: %s is %s, but %s is %zu", call, what,
                          names ? "given" : "NULL", what_count, count);
    for (size_t i = 0; i < count; i++)
        if (!names[i] || !unic__is_modality_name(names[i]))
            return unic__fail(UNIC_E_ARG,
                              "%s: %s[%zu] is %s%s%s, a name without '.' and '/' expected",
                              call, what, i, names[i] ? "\"" : "NULL", names[i] ? names[i] : "",
                              names[i] ? "\"" : "");
    return UNIC_OK;
}

static unic_status check_options(const unic_dataset_options *o, const char *call)
{
    if (!o->batch)
        return unic__fail(UNIC_E_ARG, "%s: batch is 0, at least 1 expected", call);
    if (o->prefetch < 0 || o->prefetch > LARGEST_PREFETCH)
        return unic__fail(UNIC_E_ARG, "%s: prefetch is %ld, 0..%d expected", call,
                          (long)o->prefetch, LARGEST_PREFETCH);
    if (o->on_damage != UNIC_DAMAGE_FAILS && o->on_damage != UNIC_DAMAGE_SKIPS)
        return unic__fail(UNIC_E_ARG, "%s: on_damage is %ld, a unic_on_damage (0, 1) expected",
                          call, (long)o->on_damage);
    if (o->parts < 0 || o->part < 0 || o->part >= (o->parts ? o->parts : 1))
        return unic__fail(UNIC_E_ARG, "%s: part is %ld of %ld parts, 0..parts-1 expected", call,
                          (long)o->part, (long)o->parts);
    if (o->length > INT32_MAX)
        return unic__fail(UNIC_E_ARG, "%s: length is %zu, at most %ld expected", call,
                          o->length, (long)INT32_MAX);
    UNIC__TRY(
        check_names(call, "modalities", o->modalities, "modality_count", o->modality_count));
    return check_names(call, "repeat_last", o->repeat_last, "repeat_last_count",
                       o->repeat_last_count);
}

static unic_status take_options(unic_dataset_options *copy, const unic_dataset_options *options,
                                const char *call)
{
    if (!options)
        return unic__fail(UNIC_E_ARG, "%s: options is NULL", call);
    UNIC__TRY(unic__struct_take(&unic__dataset_options_kind, copy, options, call, "options"));
    return check_options(copy, call);
}

unic_status unic_dataset_open(unic_dataset **out, const char *const *paths, size_t path_count,
                              const unic_dataset_options *options)
{
    unic_dataset_options o;
    UNIC__REQUIRE(out);
    *out = NULL;
    UNIC__TRY(check_paths(paths, path_count, __func__));
    UNIC__TRY(take_options(&o, options, __func__));
    UNIC__TRY_NAMED(unic__dataset_open(
        out, &(unic__dataset_files){.paths = paths, .count = path_count}, &o));
    return UNIC_OK;
}

/* ---- from sources ---- */

static unic_status check_sources(const unic_source *const *sources, size_t count,
                                 const char *call)
{
    char name[32];
    unic_source copy;
    if (!sources || !count)
        return unic__fail(UNIC_E_ARG, "%s: no sources, at least one expected", call);
    for (size_t i = 0; i < count; i++) {
        snprintf(name, sizeof name, "sources[%zu]", i);
        UNIC__TRY(unic__check_source(&copy, sources[i], call, name));
    }
    return UNIC_OK;
}

static void close_all(const unic_source *const *sources, size_t count, const char *call)
{
    for (size_t i = 0; i < count; i++) {
        unic_source copy;
        unic__check_source(&copy, sources[i], call, "source"); /* which it has passed */
        if (copy.close)
            copy.close(copy.user);
    }
}

/* Takes over all of them, also after a failure; `taken` has room for them. */
static unic_status take_sources(unic__source **taken, const unic_source *const *sources,
                                size_t count, const char *call)
{
    unic_status status = UNIC_OK;
    for (size_t i = 0; i < count; i++) {
        unic_source copy;
        unic__check_source(&copy, sources[i], call, "source"); /* which it has passed */
        unic_status this = unic__source_open(&taken[i], &copy);
        status = status == UNIC_OK ? this : status;
    }
    return status;
}

/* What the call is asked for, once it has the sources. */
static unic_status open_taken(unic_dataset **out, unic__source *const *taken, size_t count,
                              const unic_dataset_options *options, const char *call)
{
    unic_dataset_options o;
    if (!out)
        return unic__fail(UNIC_E_ARG, "%s: out is NULL", call);
    UNIC__TRY(take_options(&o, options, call));
    unic_status status = unic__dataset_open(
        out, &(unic__dataset_files){.sources = taken, .count = count}, &o);
    return status == UNIC_OK ? status : unic__fail_in(status, "%s", call);
}

unic_status unic_dataset_open_sources(unic_dataset **out, const unic_source *const *sources,
                                      size_t source_count, const unic_dataset_options *options)
{
    if (out)
        *out = NULL;
    UNIC__TRY(check_sources(sources, source_count, __func__));
    unic__source **taken = unic__alloc_array(source_count, sizeof(unic__source *));
    if (!taken) {
        close_all(sources, source_count, __func__);
        return unic__fail_in(unic__no_memory(source_count, "sources"), "%s", __func__);
    }
    unic_status status = take_sources(taken, sources, source_count, __func__);
    if (status != UNIC_OK)
        unic__fail_in(status, "%s", __func__);
    else
        status = open_taken(out, taken, source_count, options, __func__);
    for (size_t i = 0; i < source_count; i++)
        unic__source_release(taken[i]); /* the dataset has its own references */
    unic__free(taken);
    return status;
}

void unic_dataset_free(unic_dataset *dataset)
{
    unic__dataset_free(dataset);
}

size_t unic_dataset_clip_count(const unic_dataset *dataset)
{
    return dataset ? dataset->clips : 0;
}

size_t unic_dataset_batch_count(const unic_dataset *dataset)
{
    return dataset ? dataset->batches : 0;
}

size_t unic_dataset_length(const unic_dataset *dataset)
{
    return dataset ? dataset->length : 0;
}

size_t unic_dataset_modality_count(const unic_dataset *dataset)
{
    return dataset ? dataset->tracks.n : 0;
}

const char *unic_dataset_modality_name(const unic_dataset *dataset, size_t i)
{
    return dataset && i < dataset->tracks.n ? dataset->tracks.at[i].name : NULL;
}

/* The track of that name, whose number is `*track`. */
static unic_status find_track(const unic_dataset *d, const char *call, const char *name,
                              size_t *track)
{
    char names[256] = "";
    *track = unic__tracks_find(&d->tracks, name);
    if (*track < d->tracks.n)
        return UNIC_OK;
    for (size_t i = 0; i < d->tracks.n; i++)
        unic__text_list_add(names, sizeof names, d->tracks.at[i].name);
    return unic__fail(UNIC_E_NOTFOUND, "%s: the dataset has no modality \"%s\", it has %s",
                      call, name, names);
}

unic_status unic_dataset_feature_dims(size_t *rank, const unic_dataset *dataset,
                                      const char *modality, int64_t *dims)
{
    UNIC__REQUIRE(dataset);
    UNIC__REQUIRE(modality);
    UNIC__REQUIRE(dims);
    UNIC__REQUIRE(rank);
    size_t i;
    UNIC__TRY(find_track(dataset, __func__, modality, &i));
    const unic__track *track = &dataset->tracks.at[i];
    *rank = track->step.rank;
    for (size_t k = 0; k < track->step.rank; k++)
        dims[k] = (int64_t)track->step.dim[k];
    return UNIC_OK;
}

unic_status unic_dataset_paired_count(size_t *count, const unic_dataset *dataset,
                                      const char *modality, const char *other)
{
    size_t a, b;
    UNIC__REQUIRE(dataset);
    UNIC__REQUIRE(modality);
    UNIC__REQUIRE(other);
    UNIC__REQUIRE(count);
    UNIC__TRY(find_track(dataset, __func__, modality, &a));
    UNIC__TRY(find_track(dataset, __func__, other, &b));
    *count = unic__dataset_paired(dataset, a, b);
    return UNIC_OK;
}

int unic_dataset_has(const unic_dataset *dataset, const char *modality, size_t clip)
{
    if (!dataset || !modality || clip >= dataset->clips)
        return 0;
    size_t i = unic__tracks_find(&dataset->tracks, modality);
    return i < dataset->tracks.n && unic__dataset_has(dataset, i, clip);
}

unic_status unic_dataset_clip_name(const unic_dataset *dataset, const char *modality,
                                   size_t clip, char *text, size_t size)
{
    UNIC__REQUIRE(dataset);
    UNIC__REQUIRE(modality);
    UNIC__REQUIRE(text);
    if (clip >= dataset->clips || !size)
        return unic__fail(UNIC_E_ARG,
                          "%s: clip is %zu and size %zu, 0..%zu and at least 1 expected",
                          __func__, clip, size, dataset->clips - 1);
    unic__dataset_name_clip(dataset, modality, (int64_t)clip, text, size);
    unic__text_printable(text);
    return UNIC_OK;
}

size_t unic_dataset_class_count(const unic_dataset *dataset, const char *name)
{
    const unic__class_names *names = dataset && name ? unic__dataset_class_names(dataset, name)
                                                     : NULL;
    return names ? names->n : 0;
}

const char *unic_dataset_class_name(const unic_dataset *dataset, const char *name, size_t i)
{
    return i < unic_dataset_class_count(dataset, name)
               ? unic__dataset_class_names(dataset, name)->at[i]
               : NULL;
}

unic_status unic_dataset_next(const unic_batch **batch, unic_dataset *dataset)
{
    UNIC__REQUIRE(dataset);
    UNIC__REQUIRE(batch);
    UNIC__HOLD(dataset);
    UNIC__TRY_NAMED(unic__dataset_next(batch, dataset));
    return UNIC_OK;
}

unic_status unic_dataset_seek(unic_dataset *dataset, uint64_t epoch, uint64_t batch)
{
    UNIC__REQUIRE(dataset);
    UNIC__HOLD(dataset);
    UNIC__TRY_NAMED(unic__dataset_seek(dataset, epoch, batch));
    return UNIC_OK;
}

unic_status unic_dataset_labels(size_t *rank, unic_dataset *dataset, const char *name,
                                int64_t *dims, int32_t *out)
{
    UNIC__REQUIRE(dataset);
    UNIC__REQUIRE(name);
    UNIC__REQUIRE(dims);
    UNIC__REQUIRE(rank);
    UNIC__HOLD(dataset);
    unic__budget *before = unic__budget_enter(&dataset->budget);
    UNIC__TRY_NAMED(
        unic__budget_leave(before, unic__dataset_labels(rank, dataset, name, dims, out)));
    return UNIC_OK;
}
