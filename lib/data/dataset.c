#include "data/dataset.h"

#include <string.h>

#include "array/array.h"
#include "array/batch.h"

/* ---- reading: runs on the prefetch thread, if there is one --------------------------- */

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

static void advance(const unic_dataset *d, unic__position *p)
{
    if (++p->batch == d->batches) {
        p->batch = 0;
        p->epoch++;
    }
}

static void clear_reports(unic_dataset *d, unic__slot *s)
{
    while (s->damage_count)
        unic__free(s->damage[--s->damage_count]);
    for (size_t i = 0; i < d->tracks.n; i++)
        s->cut[i] = 0;
}

/* The clip's message is kept for the log, which is written on the caller's thread. */
static unic_status skip_clip(unic__slot *s)
{
    char *message = unic__strdup(unic_last_error());
    if (!message)
        return unic__no_memory(strlen(unic_last_error()) + 1, "a message");
    s->damage[s->damage_count++] = message;
    return UNIC_OK;
}

/* Copies the last of `used` steps behind them, up to `length`. */
static void repeat_last(float *x, size_t used, size_t length, size_t step_count)
{
    for (size_t step = used; step < length; step++)
        memcpy(x + step * step_count, x + (used - 1) * step_count, step_count * sizeof *x);
}

/* Whether what was read may be trained on; only looked at where such a clip would be skipped:
 * who gets the batch looks at it in any case. */
static unic_status check_values(const unic_dataset *d, size_t i, size_t clip, const float *x,
                                size_t steps)
{
    char name[UNIC__CLIP_TEXT], place[UNIC__PLACE_TEXT];
    const unic__track *track = &d->tracks.at[i];
    size_t used = steps < d->length ? steps : d->length;
    if (!d->how.skips_damage || unic__all_finite(x, used * track->step_count))
        return UNIC_OK;
    unic__dataset_name_clip(d, track->name, (int64_t)clip, name, sizeof name);
    return unic__fail(UNIC_E_VALUE, "modality \"%s\": %s%s", track->name, name,
                      unic__not_finite_step(x, 0, used, &track->step, place));
}

/* Track `i` of a clip into row `row`: its steps, then zeros or its last step again. */
static unic_status fill_row(unic_dataset *d, unic__slot *s, size_t row, size_t i, size_t clip)
{
    const unic__track *track = &d->tracks.at[i];
    unic__clip_source *source = unic__dataset_source_of(d, clip);
    float *out = s->features[i] + row * d->length * track->step_count;
    size_t steps = 0;
    unic_status status = source->is->read(source, &d->tracks, i, clip - source->first,
                                          d->length, out, &steps);
    bool skips = d->how.skips_damage && source->is->by_clip && unic__is_damage(status);
    if (status == UNIC_OK) {
        status = check_values(d, i, clip, out, steps);
        skips = status != UNIC_OK;
    }
    if (status != UNIC_OK) {
        if (!skips)
            return status;
        steps = 0;
        UNIC__TRY(skip_clip(s));
    }
    size_t used = steps < d->length ? steps : d->length;
    s->cut[i] += used < steps;
    if (track->repeats_last && used) {
        repeat_last(out, used, d->length, track->step_count);
        used = d->length;
    }
    memset(out + used * track->step_count, 0,
           (d->length - used) * track->step_count * sizeof *out);
    s->lengths[i][row] = (int32_t)used;
    return UNIC_OK;
}

/* The rows of a batch that are read: how many, and the place of the first in the epoch. */
static size_t rows_of(const unic_dataset *d, const unic__position *p, size_t *start)
{
    *start = (size_t)p->batch * d->batch;
    size_t all = d->batch < d->clips - *start ? d->batch : d->clips - *start;
    size_t left = d->part_first < all ? all - d->part_first : 0;
    *start += d->part_first;
    return left < d->part_size ? left : d->part_size;
}

/* Tells the system all clips of a batch before the first is read: it can then read them at the same
 * time, where one after the other would wait for the disk, or for a server, for each. */
static void expect_batch(unic_dataset *d, const unic__position *p)
{
    size_t start, rows = rows_of(d, p, &start);
    for (size_t row = 0; row < rows; row++) {
        size_t clip = clip_at(d, p->epoch, start + row);
        unic__clip_source *source = unic__dataset_source_of(d, clip);
        for (size_t i = 0; source->is->expect && i < d->tracks.n; i++)
            source->is->expect(source, &d->tracks, i, clip - source->first);
    }
}

/* Reads the batch at d->reading, and moves on if that went well. The next one is told while this
 * one is read, unless that would take another epoch's order. */
static unic_status fill_slot(unic_dataset *d, unic__slot *s)
{
    size_t start, rows = rows_of(d, &d->reading, &start);
    unic__position next = d->reading;
    clear_reports(d, s);
    if (d->expected.epoch != next.epoch || d->expected.batch != next.batch)
        expect_batch(d, &next);
    if (++next.batch < d->batches) {
        expect_batch(d, &next);
        d->expected = next;
    }
    for (size_t row = 0; row < rows; row++) {
        size_t clip = clip_at(d, d->reading.epoch, start + row);
        s->clips[row] = (int64_t)clip;
        for (size_t i = 0; i < d->tracks.n; i++)
            UNIC__TRY(fill_row(d, s, row, i, clip));
    }
    for (size_t i = 0; i < s->batch->n; i++)
        s->batch->entries[i].features.dims[0] = (int64_t)rows;
    advance(d, &d->reading);
    return UNIC_OK;
}

/* The same within the dataset's budget, by whichever thread reads. */
static unic_status fill(void *user, size_t slot)
{
    unic_dataset *d = user;
    unic__budget *before = unic__budget_enter(&d->budget);
    return unic__budget_leave(before, fill_slot(d, &d->slots[slot]));
}

/* ---- opening ----------------------------------------------------------------------------- */

static unic_status plan_epoch(unic_dataset *d, const unic_dataset_options *options)
{
    const size_t parts = options->parts > 1 ? (size_t)options->parts : 1;
    const size_t each = options->batch / parts + (options->batch % parts != 0);
    d->batch = options->batch < d->clips ? options->batch : d->clips;
    d->part_first = (size_t)options->part * each;
    d->part_size = each < d->batch ? each : d->batch;
    d->batches = d->clips / options->batch;
    if (!options->drop_last)
        d->batches += d->clips % options->batch != 0;
    if (!d->batches)
        return unic__fail(UNIC_E_ARG,
                          "%zu clips do not fill a batch of %zu, and "
                          "drop_last leaves out batches that are not full: a batch of at "
                          "most %zu (train.batch) or no drop_last (train.drop_last = off) is "
                          "expected",
                          d->clips, options->batch, d->clips);
    d->seed = options->seed;
    d->expected.batch = UINT64_MAX; /* none yet */
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
    size_t count = d->part_size, bytes = SIZE_MAX;
    if (unic__mul_size(count, d->length, &count) &&
        unic__mul_size(count, track->step_count, &count) &&
        unic__mul_size(count, sizeof(float), &bytes))
        slot->features[i] = unic__alloc(bytes);
    slot->lengths[i] = unic__arena_alloc(&d->arena, d->part_size * sizeof(int32_t));
    if (!slot->features[i] || !slot->lengths[i])
        return unic__no_memory(bytes, "a batch");
    unic_array features = {.struct_size = sizeof features,
                           .data = slot->features[i],
                           .dtype = UNIC_F32,
                           .rank = (int32_t)track->step.rank + 2,
                           .dims = {(int64_t)d->part_size, (int64_t)d->length}};
    for (size_t k = 0; k < track->step.rank; k++)
        features.dims[k + 2] = (int64_t)track->step.dim[k];
    return unic__batch_set(slot->batch, track->name, &features, slot->lengths[i]);
}

static unic_status make_slot(unic_dataset *d, unic__slot *slot)
{
    size_t n = d->tracks.n;
    slot->features = unic__arena_alloc(&d->arena, n * sizeof *slot->features);
    slot->lengths = unic__arena_alloc(&d->arena, n * sizeof *slot->lengths);
    slot->cut = unic__arena_alloc(&d->arena, n * sizeof *slot->cut);
    size_t reports = 0, bytes = SIZE_MAX;
    if (unic__mul_size(d->part_size, n, &reports) &&
        unic__mul_size(reports, sizeof *slot->damage, &bytes))
        slot->damage = unic__arena_alloc(&d->arena, bytes);
    if (!slot->features || !slot->lengths || !slot->cut || !slot->damage)
        return unic__no_memory(bytes, "a batch");
    UNIC__TRY(unic__batch_create(&slot->batch));
    for (size_t i = 0; i < n; i++)
        UNIC__TRY(make_track(d, slot, i));
    slot->clips = unic__arena_alloc(&d->arena, d->part_size * sizeof *slot->clips);
    if (!slot->clips)
        return unic__no_memory(d->part_size * sizeof *slot->clips, "the clips of a batch");
    slot->batch->clips = slot->clips;
    slot->batch->name_clip = unic__dataset_name_clip;
    slot->batch->name_user = d;
    return UNIC_OK;
}

static unic_status make_slots(unic_dataset *d, const unic_dataset_options *options)
{
    d->slot_count = (size_t)options->prefetch + 1;
    d->slots = unic__arena_alloc(&d->arena, d->slot_count * sizeof *d->slots);
    d->cut = unic__arena_alloc(&d->arena, d->tracks.n * sizeof *d->cut);
    if (!d->slots || !d->cut)
        return unic__no_memory(d->slot_count * sizeof *d->slots, "the batches read ahead");
    for (size_t i = 0; i < d->slot_count; i++)
        UNIC__TRY(make_slot(d, &d->slots[i]));
    return options->prefetch ? unic__prefetch_create(&d->prefetch, d->slot_count, fill, d)
                             : UNIC_OK;
}

static const char *name_of(const unic__dataset_files *files)
{
    return files->count != 1 ? "the dataset"
           : files->paths    ? files->paths[0]
                             : unic__source_name(files->sources[0]);
}

unic_status unic__dataset_open(unic_dataset **out, const unic__dataset_files *files,
                               const unic_dataset_options *options)
{
    *out = NULL;
    unic_dataset *d = unic__alloc_zero(sizeof *d);
    if (!d)
        return unic__no_memory(sizeof *d, "a dataset");
    d->how = (unic__reading){options->length,
                             options->on_damage == UNIC_DAMAGE_SKIPS,
                             {options->progress, options->progress_user}};
    unic__budget_init(&d->budget, options->memory_limit, name_of(files));
    unic__budget *before = unic__budget_enter(&d->budget);
    unic_status status = unic__dataset_find_clips(d, files, options);
    if (status == UNIC_OK)
        status = plan_epoch(d, options);
    if (status == UNIC_OK)
        status = make_slots(d, options);
    status = unic__budget_leave(before, status);
    if (status == UNIC_OK)
        *out = d;
    else
        unic__dataset_free(d);
    return status;
}

void unic__dataset_free(unic_dataset *d)
{
    if (!d)
        return;
    unic__prefetch_free(d->prefetch);
    for (size_t i = 0; d->slots && i < d->slot_count; i++) {
        for (size_t k = 0; d->slots[i].features && k < d->tracks.n; k++)
            unic__free(d->slots[i].features[k]);
        while (d->slots[i].damage_count)
            unic__free(d->slots[i].damage[--d->slots[i].damage_count]);
        unic__batch_free(d->slots[i].batch);
    }
    for (size_t i = 0; i < d->source_count; i++)
        d->sources[i]->is->close(d->sources[i]);
    unic__arena_free(&d->arena);
    unic__free(d);
}

/* ---- the caller's side ------------------------------------------------------------------- */

static unic_status read_next(unic_dataset *d, size_t *slot)
{
    if (!d->prefetch) {
        d->reading = d->at;
        *slot = 0;
        return fill(d, 0);
    }
    if (!unic__prefetch_running(d->prefetch)) {
        d->reading = d->at;
        UNIC__TRY(unic__prefetch_start(d->prefetch));
    }
    return unic__prefetch_take(d->prefetch, slot);
}

/* Logs what the batch skipped and adds up what it cut. */
static void report_batch(unic_dataset *d, const unic__slot *s)
{
    for (size_t i = 0; i < s->damage_count; i++)
        unic__log_line(UNIC_LOG_WARNING, "skipped: %s", s->damage[i]);
    for (size_t i = 0; i < d->tracks.n; i++)
        d->cut[i] += s->cut[i];
}

static void report_epoch(unic_dataset *d)
{
    for (size_t i = 0; i < d->tracks.n; i++) {
        if (d->cut[i])
            unic__log_line(UNIC_LOG_WARNING,
                           "modality \"%s\": %zu clips of more than %zu steps were cut",
                           d->tracks.at[i].name, d->cut[i], d->length);
        d->cut[i] = 0;
    }
}

unic_status unic__dataset_next(const unic_batch **batch, unic_dataset *d)
{
    size_t slot;
    *batch = NULL;
    if (d->at.batch == d->batches) {
        d->at = (unic__position){d->at.epoch + 1, 0};
        return UNIC_OK;
    }
    UNIC__TRY(read_next(d, &slot));
    report_batch(d, &d->slots[slot]);
    if (++d->at.batch == d->batches)
        report_epoch(d);
    *batch = d->slots[slot].batch;
    return UNIC_OK;
}

unic_status unic__dataset_seek(unic_dataset *d, uint64_t epoch, uint64_t batch)
{
    if (batch > d->batches)
        return unic__fail(UNIC_E_ARG, "batch is %llu, 0..%zu expected",
                          (unsigned long long)batch, d->batches);
    if (d->prefetch)
        unic__prefetch_stop(d->prefetch);
    d->at = (unic__position){epoch, batch};
    return UNIC_OK;
}
