#include "model/feature_input.h"
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
    for (size_t m = 0; m < t->graph.n; m++) {
        const unic__stream *s = &t->graph.stream[m];
        const unic__feature_input to = {s->m, s->x, s->mask, s->lengths};
        UNIC__TRY(unic__feature_input_fill(&to, &entries[m]->features, entries[m]->lengths, 0,
                                           t->config->padding == UNIC__PAD_REAL, batch));
    }
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
