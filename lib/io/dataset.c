#include "io/dataset.h"

#include <string.h>

#include "io/batch.h"

/* ---- the reading side: on the prefetch thread, if there is one --------------------------- */

static size_t clip_at(unic_dataset *d, uint64_t epoch, size_t place)
{
    if (!d->order)
        return place;
    if (!d->ordered || d->order_epoch != epoch) {
        unic__key key = unic__random_key(d->seed, epoch, unic__random_hash("dataset.order"));
        unic__random_permutation(key, d->order, d->clips);
        d->order_epoch = epoch;
        d->ordered = true;
    }
    return (size_t)d->order[place];
}

/* The last shard whose first clip is not behind `clip`. */
static unic__shard *shard_of(const unic_dataset *d, size_t clip)
{
    size_t low = 0, high = d->n_shards;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (d->shards[middle].first <= clip)
            low = middle;
        else
            high = middle;
    }
    return &d->shards[low];
}

static void advance(const unic_dataset *d, unic__position *p)
{
    if (++p->batch == d->batches) {
        p->batch = 0;
        p->epoch++;
    }
}

/* Reads the batch at d->reading, and moves on if that went well. */
static unic_status fill_slot(void *user, size_t slot)
{
    unic_dataset *d = user;
    unic__slot *s = &d->slots[slot];
    size_t start = (size_t)d->reading.batch * d->batch;
    size_t rows = d->batch < d->clips - start ? d->batch : d->clips - start;
    for (size_t row = 0; row < rows; row++) {
        size_t clip = clip_at(d, d->reading.epoch, start + row);
        unic__shard *shard = shard_of(d, clip);
        for (size_t i = 0; i < d->tracks.n; i++) {
            size_t at = row * d->length * d->tracks.at[i].step_count;
            UNIC__TRY(unic__shard_read(shard, &d->tracks, i, clip - shard->first, d->length,
                                       s->features[i] + at, &s->lengths[i][row]));
        }
    }
    for (size_t i = 0; i < s->batch->n; i++)
        s->batch->entries[i].features.dims[0] = (int64_t)rows;
    advance(d, &d->reading);
    return UNIC_OK;
}

/* ---- opening ----------------------------------------------------------------------------- */

static unic_status open_shards(unic_dataset *d, const char *const *paths, size_t n_paths)
{
    size_t bytes;
    if (unic__mul_size(n_paths, sizeof *d->shards, &bytes))
        d->shards = unic__arena_alloc(&d->arena, bytes);
    if (!d->shards)
        return unic__no_memory(bytes, "a dataset's files");
    for (; d->n_shards < n_paths; d->n_shards++)
        UNIC__TRY(unic__npz_open(&d->shards[d->n_shards].npz, paths[d->n_shards]));
    return UNIC_OK;
}

static unic_status load_shards(unic_dataset *d, const unic_dataset_options *options)
{
    UNIC__TRY(unic__tracks_init(&d->tracks, &d->arena, d->shards[0].npz, options->modalities,
                                options->modality_count));
    for (size_t i = 0; i < d->n_shards; i++) {
        unic__shard *s = &d->shards[i];
        if (!options->modalities)
            UNIC__TRY(unic__shard_check_complete(s, &d->tracks, &d->shards[0]));
        UNIC__TRY(unic__shard_load(s, &d->arena, &d->tracks, &d->shards[0]));
        s->first = d->clips;
        if (s->clips > INT32_MAX - d->clips)
            return unic__fail(UNIC_E_SHAPE, "%s: with this file the clips are more than %ld",
                              unic__npz_path(s->npz), (long)INT32_MAX);
        d->clips += s->clips;
        d->length = s->length > d->length ? s->length : d->length;
    }
    return UNIC_OK;
}

static unic_status plan_epoch(unic_dataset *d, const unic_dataset_options *options)
{
    d->batch = options->batch < d->clips ? options->batch : d->clips;
    d->batches = d->clips / options->batch;
    if (!options->drop_last)
        d->batches += d->clips % options->batch != 0;
    if (!d->batches)
        return unic__fail(UNIC_E_ARG,
                          "unic_dataset_open: %zu clips do not fill a batch of %zu, and "
                          "drop_last leaves out batches that are not full",
                          d->clips, options->batch);
    d->seed = options->seed;
    if (!options->shuffle)
        return UNIC_OK;
    d->order = unic__arena_alloc(&d->arena, d->clips * sizeof *d->order);
    return d->order ? UNIC_OK
                    : unic__no_memory(d->clips * sizeof *d->order, "the order of the clips");
}

/* Track `i`'s memory in a slot, which the slot's batch refers to; only B changes later. */
static unic_status make_track(unic_dataset *d, unic__slot *slot, size_t i)
{
    const unic__track *track = &d->tracks.at[i];
    size_t count = d->batch, bytes = SIZE_MAX;
    if (unic__mul_size(count, d->length, &count) &&
        unic__mul_size(count, track->step_count, &count) &&
        unic__mul_size(count, sizeof(float), &bytes))
        slot->features[i] = unic__alloc(bytes);
    slot->lengths[i] = unic__arena_alloc(&d->arena, d->batch * sizeof(int32_t));
    if (!slot->features[i] || !slot->lengths[i])
        return unic__no_memory(bytes, "a batch");
    unic_array features = {.struct_size = sizeof features,
                           .data = slot->features[i],
                           .dtype = UNIC_F32,
                           .rank = (int32_t)track->step.rank + 2,
                           .dims = {(int64_t)d->batch, (int64_t)d->length}};
    for (size_t k = 0; k < track->step.rank; k++)
        features.dims[k + 2] = (int64_t)track->step.dim[k];
    return unic__batch_set(slot->batch, track->name, &features, slot->lengths[i]);
}

static unic_status make_slot(unic_dataset *d, unic__slot *slot)
{
    size_t n = d->tracks.n;
    slot->features = unic__arena_alloc(&d->arena, n * sizeof *slot->features);
    slot->lengths = unic__arena_alloc(&d->arena, n * sizeof *slot->lengths);
    if (!slot->features || !slot->lengths)
        return unic__no_memory(n * sizeof *slot->features, "a batch");
    UNIC__TRY(unic__batch_create(&slot->batch));
    for (size_t i = 0; i < n; i++)
        UNIC__TRY(make_track(d, slot, i));
    return UNIC_OK;
}

static unic_status make_slots(unic_dataset *d, const unic_dataset_options *options)
{
    d->n_slots = (size_t)options->prefetch + 1;
    d->slots = unic__arena_alloc(&d->arena, d->n_slots * sizeof *d->slots);
    if (!d->slots)
        return unic__no_memory(d->n_slots * sizeof *d->slots, "the batches read ahead");
    for (size_t i = 0; i < d->n_slots; i++)
        UNIC__TRY(make_slot(d, &d->slots[i]));
    return options->prefetch ? unic__prefetch_create(&d->prefetch, d->n_slots, fill_slot, d)
                             : UNIC_OK;
}

unic_status unic__dataset_open(unic_dataset **out, const char *const *paths, size_t n_paths,
                               const unic_dataset_options *options)
{
    *out = NULL;
    unic_dataset *d = unic__alloc_zero(sizeof *d);
    if (!d)
        return unic__no_memory(sizeof *d, "a dataset");
    unic_status status;
    UNIC__TRY_OR(status, fail, open_shards(d, paths, n_paths));
    UNIC__TRY_OR(status, fail, load_shards(d, options));
    UNIC__TRY_OR(status, fail, plan_epoch(d, options));
    UNIC__TRY_OR(status, fail, make_slots(d, options));
    *out = d;
    return UNIC_OK;
fail:
    unic__dataset_free(d);
    return status;
}

void unic__dataset_free(unic_dataset *d)
{
    if (!d)
        return;
    unic__prefetch_free(d->prefetch);
    for (size_t i = 0; d->slots && i < d->n_slots; i++) {
        for (size_t k = 0; d->slots[i].features && k < d->tracks.n; k++)
            unic__free(d->slots[i].features[k]);
        unic__batch_free(d->slots[i].batch);
    }
    for (size_t i = 0; i < d->n_shards; i++)
        unic__npz_close(d->shards[i].npz);
    unic__arena_free(&d->arena);
    unic__free(d);
}

/* ---- the caller's side ------------------------------------------------------------------- */

static unic_status read_next(unic_dataset *d, size_t *slot)
{
    if (!d->prefetch) {
        d->reading = d->at;
        *slot = 0;
        return fill_slot(d, 0);
    }
    if (!unic__prefetch_running(d->prefetch)) {
        d->reading = d->at;
        UNIC__TRY(unic__prefetch_start(d->prefetch));
    }
    return unic__prefetch_take(d->prefetch, slot);
}

unic_status unic__dataset_next(unic_dataset *d, const unic_batch **batch)
{
    size_t slot;
    *batch = NULL;
    if (d->at.batch == d->batches) {
        d->at = (unic__position){d->at.epoch + 1, 0};
        return UNIC_OK;
    }
    UNIC__TRY(read_next(d, &slot));
    d->at.batch++;
    *batch = d->slots[slot].batch;
    return UNIC_OK;
}

unic_status unic__dataset_seek(unic_dataset *d, uint64_t epoch, uint64_t batch)
{
    if (batch > d->batches)
        return unic__fail(UNIC_E_ARG, "unic_dataset_seek: batch is %llu, 0..%zu expected",
                          (unsigned long long)batch, d->batches);
    if (d->prefetch)
        unic__prefetch_stop(d->prefetch);
    d->at = (unic__position){epoch, batch};
    return UNIC_OK;
}
