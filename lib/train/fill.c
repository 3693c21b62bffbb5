#include <string.h>

#include "train/trainer.h"

/* A batch and a step's draws, written into the inputs of the training graph. */

static unic_status check_entry(const unic_trainer *t, const unic__modality *m,
                               const unic_batch *batch, const unic__batch_entry *entry)
{
    unic__shape got = unic__array_shape(&entry->features);
    unic__shape want = unic__feature_shape(m, t->graph.batch, t->graph.length);
    char gs[UNIC__SHAPE_TEXT], ws[UNIC__SHAPE_TEXT];
    bool fits = got.rank == want.rank && got.dim[0] <= want.dim[0] && got.dim[1] <= want.dim[1];
    for (size_t i = 2; fits && i < got.rank; i++)
        fits = got.dim[i] == want.dim[i];
    if (!fits)
        return unic__fail(UNIC_E_SHAPE, "modality \"%s\": features are %s, expected at most %s",
                          m->name, unic__shape_print(&got, gs), unic__shape_print(&want, ws));
    return unic__lengths_check(entry->lengths, got.dim[0], got.dim[1], m->name, batch);
}

/* One clip's valid steps, converted; the rest of its row stays zero. */
static unic_status fill_clip(const unic__stream *s, const unic_batch *batch,
                             const unic__batch_entry *entry, size_t b, size_t length)
{
    char text[UNIC__CLIP_TEXT];
    unic__shape shape = unic__array_shape(&entry->features);
    size_t step = unic__shape_count(&s->m->dims);
    size_t from = b * shape.dim[1] * step, to = b * s->x->t.shape.dim[1] * step;
    unic_array clip = entry->features;
    size_t item = clip.dtype == UNIC_F64 ? sizeof(double) : sizeof(float);
    clip.data = (const char *)clip.data + from * item;
    clip.rank = 1;
    clip.dims[0] = (int64_t)(length * step);
    UNIC__TRY(unic__array_to_f32(&clip, s->x->t.x + to));
    if (!unic__all_finite(s->x->t.x + to, length * step))
        return unic__fail(UNIC_E_VALUE, "modality \"%s\": %s holds NaN or Inf", s->m->name,
                          unic__batch_clip(batch, s->m->name, b, text));
    return UNIC_OK;
}

static unic_status fill_stream(unic_trainer *t, size_t m, const unic_batch *given,
                               const unic__batch_entry *entry)
{
    const unic__stream *s = &t->graph.stream[m];
    size_t batch = t->graph.batch, length = t->graph.length;
    size_t clips = (size_t)entry->features.dims[0], steps = (size_t)entry->features.dims[1];
    memset(s->x->t.x, 0, unic__shape_count(&s->x->t.shape) * sizeof(float));
    for (size_t b = 0; b < batch; b++) {
        size_t valid = b >= clips ? 0 : entry->lengths ? (size_t)entry->lengths[b] : steps;
        if (valid > 0 && steps > 0)
            UNIC__TRY(fill_clip(s, given, entry, b, valid));
        if (t->config->padding == UNIC__PAD_REAL && valid > 0)
            valid = steps; /* zeros are real steps */
        s->lengths->t.ix[b] = (int32_t)valid;
        for (size_t i = 0; i < length; i++)
            s->mask->t.x[b * length + i] = i < valid ? 1.0F : 0.0F;
    }
    return UNIC_OK;
}

unic_status unic__fill_batch(unic_trainer *t, const unic_batch *batch)
{
    const unic__batch_entry *entries[UNIC_MAX_MODALITIES];
    for (size_t m = 0; m < t->graph.n; m++) {
        const unic__modality *modality = &t->config->modality[m];
        entries[m] = unic__batch_find(batch, modality->name);
        if (!entries[m])
            return unic__fail(UNIC_E_ARG, "the batch holds no modality \"%s\"", modality->name);
        UNIC__TRY(check_entry(t, modality, batch, entries[m]));
    }
    for (size_t m = 0; m < t->graph.n; m++)
        UNIC__TRY(fill_stream(t, m, batch, entries[m]));
    return UNIC_OK;
}

/* Each is a row of all that the encoders give for this batch. */
static unic_status check_sources(const unic_trainer *t, const int32_t *from)
{
    size_t rows = 0;
    for (size_t m = 0; m < t->graph.n; m++)
        for (size_t b = 0; b < t->graph.batch; b++)
            rows += (size_t)t->graph.stream[m].lengths->t.ix[b];
    for (size_t l = 0; l < t->codebook->codes; l++)
        if (from[l] < 0 || (size_t)from[l] >= rows)
            return unic__fail(
                UNIC_E_VALUE,
                "draws: revival_source[%zu] = %d is none of the batch's %zu valid "
                "steps",
                l, from[l], rows);
    return UNIC_OK;
}

unic_status unic__fill_draws(unic_trainer *t, const unic_batch *batch, const unic_draws *draws,
                             unic__key key)
{
    const unic__draw draw = {draws, unic__batch_clip_count(batch), key};
    UNIC__TRY(unic__objective_fill(&t->graph.objective, &draw));
    return draws && draws->revival_source ? check_sources(t, draws->revival_source) : UNIC_OK;
}
