#include <math.h>

#include "array/array.h"
#include "model/feature_input.h"
#include "train/together.h"
#include "train/trainer.h"

/* A batch and a step's draws, written into the inputs of the training graph. */

static unic_status check_entry(const unic_trainer *t, const unic__modality *m,
                               const unic_batch *batch, const unic__batch_entry *entry)
{
    const unic__shape got = unic__array_shape(&entry->features);
    const unic__feature_limits limits = {
        t->graph.batch, t->graph.length,
        t->ranks ? "a rank's part of train.batch" : "train.batch", "train.length"};
    UNIC__TRY(unic__feature_shape_check(m, &got, &limits));
    return unic__lengths_check(entry->lengths, got.dim[0], got.dim[1], m->name, batch);
}

/* A name that the config does not have may be this one, misspelt. */
static unic_status no_modality(const unic_trainer *t, const unic_batch *batch, const char *name)
{
    const char *others[UNIC_MAX_MODALITIES];
    size_t n = 0;
    for (size_t i = 0; i < batch->n && n < UNIC_MAX_MODALITIES; i++)
        if (unic__config_modality(t->config, batch->entries[i].name) == t->graph.n)
            others[n++] = batch->entries[i].name;
    const char *near = unic__nearest_word(name, others, n);
    char names[UNIC__BATCH_NAMES];
    if (!near)
        return unic__fail(UNIC_E_ARG, "the batch has no modality \"%s\", it has %s", name,
                          unic__batch_names(batch, names));
    return unic__fail(UNIC_E_ARG,
                      "the batch has no modality \"%s\", but one named \"%s\"; did you mean "
                      "\"%s\"?",
                      name, near, name);
}

static bool has_step(const unic__batch_entry *entry)
{
    bool some = entry->lengths == NULL;
    for (int64_t i = 0; i < entry->features.dims[0] && !some; i++)
        some = entry->lengths[i] > 0;
    return some;
}

/* A whole batch of float32 whose steps all count is read where it is. */
static const float *readable_in_place(const unic__stream *s, const unic__batch_entry *entry)
{
    const size_t batch = s->x->t.shape.dim[0], length = s->x->t.shape.dim[1];
    bool whole = (size_t)entry->features.dims[0] == batch &&
                 (size_t)entry->features.dims[1] == length;
    for (size_t b = 0; whole && entry->lengths && b < batch; b++)
        whole = (size_t)entry->lengths[b] == length;
    return whole ? unic__array_in_place(&entry->features) : NULL;
}

/* Rows without a clip, of a rank that has no part in this batch. */
static unic_status fill_nothing(unic_trainer *t)
{
    const unic_array none = {.dims = {0}};
    for (size_t m = 0; m < t->graph.n; m++) {
        const unic__stream *s = &t->graph.stream[m];
        const unic__feature_input to = {s->m, s->x, s->mask, s->lengths};
        unic__graph_lend(&t->graph.main, s->x, NULL);
        UNIC__TRY(unic__feature_input_fill(&to, &none, NULL, 0, false, NULL));
    }
    return UNIC_OK;
}

static unic_status fill_own(unic_trainer *t, const unic_batch *batch)
{
    const unic__batch_entry *entries[UNIC_MAX_MODALITIES];
    const size_t n = t->graph.n;
    bool some = false;
    if (t->ranks && unic__batch_clip_count(batch) == 0)
        return fill_nothing(t);
    for (size_t m = 0; m < n; m++) {
        const unic__modality *modality = &t->config->modality[m];
        entries[m] = unic__batch_find(batch, modality->name);
        if (!entries[m])
            return no_modality(t, batch, modality->name);
        UNIC__TRY(check_entry(t, modality, batch, entries[m]));
        some = some || has_step(entries[m]);
    }
    if (!some && !t->ranks)
        return unic__fail(UNIC_E_VALUE, "no clip of the batch has a step: the lengths of all "
                                        "modalities are 0");
    for (size_t m = 0; m < n; m++) {
        const unic__stream *s = &t->graph.stream[m];
        const unic__feature_input to = {s->m, s->x, s->mask, s->lengths};
        unic__graph_lend(&t->graph.main, s->x, readable_in_place(s, entries[m]));
        UNIC__TRY(unic__feature_input_fill(&to, &entries[m]->features, entries[m]->lengths, 0,
                                           t->config->padding == UNIC__PAD_REAL, batch));
    }
    return UNIC_OK;
}

unic_status unic__fill_batch(unic_trainer *t, const unic_batch *batch, bool training,
                             size_t *clips)
{
    unic_status status = fill_own(t, batch);
    *clips = unic__batch_clip_count(batch);
    return t->ranks ? unic__together_lengths(t, status, *clips, training, clips) : status;
}

unic_status unic__fill_blame(unic_trainer *t, const unic_batch *batch, unic_status status)
{
    float largest = 1e6F; /* features of about unit size train best */
    size_t of = t->graph.n, clip = 0;
    char text[UNIC__CLIP_TEXT];
    /* The graph may have put something else where the features were. */
    if (status != UNIC_E_NUMERIC || t->ranks || fill_own(t, batch) != UNIC_OK)
        return status;
    for (size_t m = 0; m < t->graph.n; m++) {
        const unic__tensor *x = &t->graph.stream[m].x->t;
        const size_t clips = unic__batch_clip_count(batch);
        const size_t size = unic__shape_count(&x->shape) / x->shape.dim[0];
        for (size_t i = 0; i < clips * size; i++)
            if (fabsf(x->x[i]) > largest) {
                largest = fabsf(x->x[i]);
                of = m;
                clip = i / size;
            }
    }
    if (of == t->graph.n)
        return status;
    const char *name = t->config->modality[of].name;
    return unic__fail(status, "%s; the largest feature is of %g, in modality \"%s\", %s",
                      unic_last_error(), (double)largest, name,
                      unic__batch_clip(batch, name, clip, text));
}

static unic_status check_sources(const unic_trainer *t, const int32_t *from)
{
    const size_t rows = unic__source_rows(t);
    for (size_t l = 0; l < t->codebook->codes; l++)
        if (from[l] < 0 || (size_t)from[l] >= rows)
            return unic__fail(
                UNIC_E_VALUE,
                "draws: revival_source[%zu] = %d is none of the batch's %zu valid "
                "steps",
                l, from[l], rows);
    return UNIC_OK;
}

unic_status unic__fill_draws(unic_trainer *t, size_t clips, const unic_draws *draws,
                             unic__key key)
{
    const unic__draw draw = {draws, clips, t->steps, key};
    UNIC__TRY(unic__objective_fill(&t->graph.objective, &draw));
    if (t->config->level2_weight > 0.0)
        UNIC__TRY(unic__level2_fill(&t->graph, &draw));
    return draws && draws->revival_source ? check_sources(t, draws->revival_source) : UNIC_OK;
}
