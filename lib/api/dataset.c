#include <string.h>

#include "api/api.h"
#include "data/dataset.h"

enum { LARGEST_PREFETCH = 1024 };

static unic_status check_paths(const char *const *paths, size_t count)
{
    if (!paths || !count)
        return unic__fail(UNIC_E_ARG,
                          "unic_dataset_open: no paths, at least one file expected");
    for (size_t i = 0; i < count; i++)
        if (!paths[i])
            return unic__fail(UNIC_E_ARG, "unic_dataset_open: paths[%zu] is NULL", i);
    return UNIC_OK;
}

/* Checks a list of names: it may be NULL, and its count is then 0. */
static unic_status check_names(const char *what, const char *const *names,
                               const char *what_count, size_t count)
{
    if (!names != !count)
        return unic__fail(UNIC_E_ARG, "unic_dataset_open: %s is %s, but %s is %zu", what,
                          names ? "given" : "NULL", what_count, count);
    for (size_t i = 0; i < count; i++)
        if (!names[i] || !unic__is_modality_name(names[i]))
            return unic__fail(
                UNIC_E_ARG,
                "unic_dataset_open: %s[%zu] is %s%s%s, a name without '.' and '/' "
                "expected",
                what, i, names[i] ? "\"" : "NULL", names[i] ? names[i] : "",
                names[i] ? "\"" : "");
    return UNIC_OK;
}

static unic_status check_options(const unic_dataset_options *o)
{
    if (!o->batch)
        return unic__fail(UNIC_E_ARG, "unic_dataset_open: batch is 0, at least 1 expected");
    if (o->prefetch < 0 || o->prefetch > LARGEST_PREFETCH)
        return unic__fail(UNIC_E_ARG, "unic_dataset_open: prefetch is %ld, 0..%d expected",
                          (long)o->prefetch, LARGEST_PREFETCH);
    if (o->on_damage != UNIC_DAMAGE_FAILS && o->on_damage != UNIC_DAMAGE_SKIPS)
        return unic__fail(
            UNIC_E_ARG, "unic_dataset_open: on_damage is %ld, a unic_on_damage (0, 1) expected",
            (long)o->on_damage);
    if (o->length > INT32_MAX)
        return unic__fail(UNIC_E_ARG, "unic_dataset_open: length is %zu, at most %ld expected",
                          o->length, (long)INT32_MAX);
    UNIC__TRY(check_names("modalities", o->modalities, "modality_count", o->modality_count));
    return check_names("repeat_last", o->repeat_last, "repeat_last_count",
                       o->repeat_last_count);
}

unic_status unic_dataset_open(unic_dataset **out, const char *const *paths, size_t path_count,
                              const unic_dataset_options *options)
{
    unic_dataset_options o;
    UNIC__REQUIRE(out);
    *out = NULL;
    UNIC__TRY(check_paths(paths, path_count));
    UNIC__REQUIRE(options);
    UNIC__TAKE(unic__dataset_options_kind, &o, options);
    UNIC__TRY(check_options(&o));
    return unic__dataset_open(out, paths, path_count, &o);
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
    *track = unic__tracks_find(&d->tracks, name);
    return *track < d->tracks.n
               ? UNIC_OK
               : unic__fail(UNIC_E_NOTFOUND, "%s: no modality \"%s\" in the dataset", call,
                            name);
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
                          "%s: clip is %zu and size %zu, 0..%zu and a size expected", __func__,
                          clip, size, dataset->clips - 1);
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
    return unic__dataset_next(batch, dataset);
}

unic_status unic_dataset_seek(unic_dataset *dataset, uint64_t epoch, uint64_t batch)
{
    UNIC__REQUIRE(dataset);
    UNIC__HOLD(dataset);
    return unic__dataset_seek(dataset, epoch, batch);
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
    return unic__budget_leave(before, unic__dataset_labels(rank, dataset, name, dims, out));
}
