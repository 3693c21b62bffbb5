#include <string.h>

#include "train/trainer.h"

/* A batch and a step's draws, written into the inputs of the training graph. */

static unic_status check_entry(const unic_trainer *t, const unic__modality *m,
                               const unic__batch_entry *entry)
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
    return unic__lengths_check(entry->lengths, got.dim[0], got.dim[1], m->name);
}

/* One clip's valid steps, converted; the rest of its row stays zero. */
static unic_status fill_clip(const unic__stream *s, const unic__batch_entry *entry, size_t b,
                             size_t length)
{
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
        return unic__fail(UNIC_E_VALUE,
                          "modality \"%s\": clip %zu of the batch holds NaN or Inf", s->m->name,
                          b);
    return UNIC_OK;
}

static unic_status fill_stream(unic_trainer *t, size_t m, const unic__batch_entry *entry)
{
    const unic__stream *s = &t->graph.stream[m];
    size_t batch = t->graph.batch, length = t->graph.length;
    size_t clips = (size_t)entry->features.dims[0], steps = (size_t)entry->features.dims[1];
    memset(s->x->t.x, 0, unic__shape_count(&s->x->t.shape) * sizeof(float));
    for (size_t b = 0; b < batch; b++) {
        size_t valid = b >= clips ? 0 : entry->lengths ? (size_t)entry->lengths[b] : steps;
        if (valid > 0 && steps > 0)
            UNIC__TRY(fill_clip(s, entry, b, valid));
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
    const unic__batch_entry *entries[UNIC__MAX_MODALITIES];
    for (size_t m = 0; m < t->graph.n; m++) {
        const unic__modality *modality = &t->config->modality[m];
        entries[m] = unic__batch_find(batch, modality->name);
        if (!entries[m])
            return unic__fail(UNIC_E_ARG, "the batch holds no modality \"%s\"", modality->name);
        UNIC__TRY(check_entry(t, modality, entries[m]));
    }
    for (size_t m = 0; m < t->graph.n; m++)
        UNIC__TRY(fill_stream(t, m, entries[m]));
    return UNIC_OK;
}

/* Pairs of clips (a, b valid from step `reach` on): class b for row b, or left out. */
static void fill_pairs(unic_trainer *t, unic__node *target[][UNIC__MAX_MODALITIES],
                       unic__node *valid[][UNIC__MAX_MODALITIES], int32_t reach)
{
    for (size_t a = 0; a < t->graph.n; a++)
        for (size_t b = a; b < t->graph.n; b++) {
            const int32_t *la = t->graph.stream[a].lengths->t.ix;
            const int32_t *lb = t->graph.stream[b].lengths->t.ix;
            int32_t *row = target[a][b]->t.ix;
            float *column = valid[a][b]->t.x;
            size_t n = 0;
            for (size_t i = 0; i < t->graph.batch; i++) {
                bool both = la[i] > reach && lb[i] > reach;
                row[i] = both ? (int32_t)i : -1;
                column[i] = both ? 1.0F : 0.0F;
                n += both;
            }
            for (size_t i = 0; n < 2 && i < t->graph.batch; i++) {
                row[i] = -1; /* nothing to contrast with: the term is 0 */
                column[i] = 0.0F;
            }
        }
}

/* CPC's t, uniform over those from cpc.start on at which two clips still have every future. */
static size_t draw_context(const unic_trainer *t, size_t horizon, size_t shift, unic__key key)
{
    size_t reach = shift ? horizon : 0, longest = 0, second = 0;
    for (size_t b = 0; b < t->graph.batch; b++) {
        size_t shortest = SIZE_MAX; /* of the clip's modalities that are there */
        for (size_t m = 0; m < t->graph.n; m++) {
            size_t n = (size_t)t->graph.stream[m].lengths->t.ix[b];
            shortest = n > 0 && n < shortest ? n : shortest;
        }
        shortest = shortest == SIZE_MAX ? 0 : shortest;
        if (shortest > longest) {
            second = longest;
            longest = shortest;
        } else if (shortest > second) {
            second = shortest;
        }
    }
    size_t start = shift ? t->config->cpc_start : 0;
    size_t end = second > reach ? second - reach
                                : 0; /* t < end: two clips have length > t + K */
    return end > start ? start + unic__random_below(key, 0, end - start) : start;
}

static void fill_cpc(unic_trainer *t, size_t at, size_t horizon, size_t shift)
{
    size_t length = t->graph.length;
    for (size_t b = 0; b < t->graph.batch; b++) {
        t->graph.cpc.context->t.ix[b] = (int32_t)(b * length + at);
        for (size_t k = 0; k < horizon; k++) {
            size_t step = at + (shift ? k + 1 : 0);
            t->graph.cpc.future[k]->t.ix[b] = step < length ? (int32_t)(b * length + step) : -1;
        }
    }
    fill_pairs(t, t->graph.cpc.target, t->graph.cpc.valid,
               (int32_t)(at + (shift ? horizon : 0)));
}

/* The other clip that each of the batch's clips is compared with; rows without a clip stay
 * alone. */
static unic_status fill_permutation(unic_trainer *t, size_t m, size_t clips,
                                    const int32_t *given, unic__key key)
{
    int32_t *to = t->graph.permutation[m]->t.ix;
    for (size_t b = clips; b < t->graph.batch; b++)
        to[b] = (int32_t)b;
    if (!given) {
        unic__random_permutation(key, to, clips);
        return UNIC_OK;
    }
    for (size_t b = 0; b < clips; b++) {
        if (given[b] < 0 || (size_t)given[b] >= clips)
            return unic__fail(UNIC_E_VALUE,
                              "draws: club_permutation[%zu][%zu] = %d is not in 0..%zu", m, b,
                              given[b], clips - 1);
        to[b] = given[b];
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
    size_t shift, horizon = unic__cpc_horizon(t->config, t->graph.length, &shift);
    size_t at = draw_context(t, horizon, shift, key), n = t->graph.batch;
    if (draws && draws->cpc_step) {
        if (draws->cpc_step[0] < 0 || (size_t)draws->cpc_step[0] >= t->graph.length)
            return unic__fail(UNIC_E_VALUE, "draws: cpc_step = %d is not in 0..%zu",
                              draws->cpc_step[0], t->graph.length - 1);
        at = (size_t)draws->cpc_step[0];
    }
    fill_cpc(t, at, horizon, shift);
    fill_pairs(t, t->graph.match.target, t->graph.match.valid, 0);
    for (size_t m = 0; m < t->graph.n && t->graph.permutation[m]; m++) {
        const int32_t *given = draws && draws->club_permutation ? draws->club_permutation[m]
                                                                : NULL;
        unic__key own = {unic__random_bits(key, m + 1)};
        UNIC__TRY(fill_permutation(t, m, unic__batch_clips(batch), given, own));
    }
    for (size_t i = 0; t->graph.match.identity && i < n * n; i++)
        t->graph.match.identity->t.x[i] = i % (n + 1) == 0 ? 1.0F : 0.0F;
    return draws && draws->revival_source ? check_sources(t, draws->revival_source) : UNIC_OK;
}
