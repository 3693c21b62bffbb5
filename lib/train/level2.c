#include "train/level2.h"

#include <math.h>
#include <string.h>

#include "array/array.h"
#include "train/together.h"

static size_t steps_of(const unic_trainer *t)
{
    return t->graph.batch * t->graph.length;
}

unic_status unic__level2_create(unic_trainer *t)
{
    const unic_config *c = t->config;
    for (size_t i = 0; i < 2; i++)
        UNIC__TRY(unic__codebook_create(i ? &t->level2_before : &t->level2, c->level2_count,
                                        c->code_dim, c->modality_count));
    t->level2->ranks = t->ranks;
    const unic__key key = unic__random_key(c->seed, 0, unic__random_hash("level2 codebook"));
    for (size_t i = 0; i < c->level2_count * c->code_dim; i++)
        t->level2->sum[i] = (2.0F * unic__random_uniform(key, i) - 1.0F) /
                            (float)c->level2_count;
    unic__codebook_set(t->level2, t->level2->sum);
    if (c->ema_start == UNIC__START_UNIFORM)
        memset(t->level2->count, 0, c->level2_count * sizeof(float));
    t->codebook->level2 = t->level2;
    return UNIC_OK;
}

unic_status unic__level2_scratch(unic_trainer *t)
{
    const size_t codes = t->level2->codes, own = t->graph.n * steps_of(t),
                 all = t->graph.n * unic__all_steps(t);
    t->level2_codes = unic__alloc_array(all, sizeof *t->level2_codes);
    t->level2_order = unic__alloc_array(codes, sizeof *t->level2_order);
    t->level2_scratch = unic__alloc_array(unic__codebook_update_scratch(codes, t->level2->dim),
                                          sizeof(float));
    if (t->ranks) {
        t->level2_own = unic__alloc_array(own, sizeof *t->level2_own);
        t->level2_from = unic__alloc_array(codes, sizeof *t->level2_from);
    }
    if (!t->level2_codes || !t->level2_order || !t->level2_scratch ||
        (t->ranks && (!t->level2_own || !t->level2_from)))
        return unic__no_memory(all * sizeof *t->level2_codes, "the second level's codes");
    return UNIC_OK;
}

void unic__level2_free(unic_trainer *t)
{
    unic__codebook_free(t->level2);
    unic__codebook_free(t->level2_before);
    unic__free(t->level2_codes);
    unic__free(t->level2_order);
    unic__free(t->level2_own);
    unic__free(t->level2_from);
    unic__free(t->level2_scratch);
}

void unic__level2_backup(unic_trainer *t)
{
    unic__codebook_assign_state(t->level2_before, t->level2);
}

void unic__level2_restore(unic_trainer *t)
{
    unic__codebook_assign_state(t->level2, t->level2_before);
}

void unic__level2_set_gate(unic_trainer *t)
{
    const double start = t->config->level2_start * (double)t->total_steps;
    t->graph.level2.gate->t.x[0] = (double)t->steps < start ? 0.0F : 1.0F;
}

unic_status unic__level2_check(const unic_trainer *t)
{
    for (size_t m = 0; m < t->graph.n; m++)
        if (!unic__all_finite(t->graph.level2.stream[m].z->t.x,
                              steps_of(t) * t->config->code_dim))
            return unic__fail(
                UNIC_E_NUMERIC,
                "step %llu refused: the second level's encoder of modality \"%s\" "
                "gives NaN or Inf",
                (unsigned long long)t->steps, t->config->modality[m].name);
    return UNIC_OK;
}

/* The valid z of all modalities, one under the other, in t->rows. */
static size_t gather(unic_trainer *t)
{
    const size_t dim = t->config->code_dim;
    size_t n = 0;
    for (size_t m = 0; m < t->graph.n; m++) {
        const unic__stream *s = &t->graph.level2.stream[m];
        for (size_t i = 0; i < steps_of(t); i++)
            if (s->mask->t.x[i] > 0.0F)
                memcpy(t->rows + n++ * dim, s->z->t.x + i * dim, dim * sizeof(float));
    }
    return n;
}

unic_status unic__level2_start(unic_trainer *t)
{
    const unic_config *c = t->config;
    float *all = NULL;
    size_t rows = gather(t);
    if (t->ranks)
        UNIC__TRY(unic__together_rows(t, t->level2->dim, &all, &rows));
    const unic_status status = unic__codebook_init(
        t->level2, all ? all : t->rows, rows, c->ema_start == UNIC__START_KMEANS ? 10 : 0,
        unic__random_key(c->seed, 0, unic__random_hash("level2 start")), &t->watch.progress);
    unic__free(all);
    return unic__ranks_agree(t->ranks, status);
}

/* This rank's codes, with -1 on padding, and what the update takes from each modality. */
static void collect(unic_trainer *t, unic__ema_part *parts)
{
    const size_t steps = steps_of(t);
    for (size_t m = 0; m < t->graph.n; m++) {
        const unic__stream *s = &t->graph.level2.stream[m];
        int32_t *codes = (t->ranks ? t->level2_own : t->level2_codes) + m * steps;
        for (size_t i = 0; i < steps; i++)
            codes[i] = s->mask->t.x[i] > 0.0F ? s->codes->t.ix[i] : -1;
        parts[m] = (unic__ema_part){steps, s->target->t.x, codes};
    }
}

unic_status unic__level2_update(unic_trainer *t)
{
    const unic_config *c = t->config;
    unic__ema_part parts[UNIC_MAX_MODALITIES];
    collect(t, parts);
    unic_status status = unic__codebook_update(t->level2, c->ema_order, c->ema_decay,
                                               c->ema_epsilon, parts, t->level2_scratch);
    return status == UNIC_OK ? UNIC_OK : unic__fail_in(status, "the second level");
}

unic_status unic__level2_count_idle(unic_trainer *t, unic__revival *revival)
{
    unic__ema_part parts[UNIC_MAX_MODALITIES];
    const size_t steps = unic__all_steps(t);
    collect(t, parts);
    if (t->ranks)
        unic__together_codes(t, t->level2_own, t->level2_codes);
    for (size_t m = 0; m < t->graph.n; m++)
        parts[m] = (unic__ema_part){.rows = steps, .codes = t->level2_codes + m * steps};
    unic__codebook_count_idle(t->level2, parts);
    *revival = unic__due_revival(
        t, unic__random_key(t->config->seed, t->steps, unic__random_hash("level2 revival")));
    if (!t->ranks)
        return UNIC_OK;
    gather(t); /* the first level's have been fetched already */
    return unic__together_sources(
        t, t->level2, revival,
        &(unic__source_scratch){t->level2_scratch, t->level2_from, t->level2_order});
}

void unic__level2_restart(unic_trainer *t, const unic__revival *revival)
{
    if (!t->ranks)
        gather(t); /* t->rows were the first level's until now */
    unic__codebook_revive(t->level2, revival, t->level2_order);
}

/* ---- in a run's file ---- */

void unic__level2_bundle(const unic_trainer *t, unic__bundle *b)
{
    const unic_codebook *cb = t->level2;
    unic__bundle_f32(b, "level2.embedding", UNIC__SHAPE_OF(cb->codes, cb->dim), cb->embedding);
    unic__bundle_f32(b, "level2.ema_count", UNIC__SHAPE_OF(cb->codes), cb->count);
    unic__bundle_f32(b, "level2.ema_sum", UNIC__SHAPE_OF(cb->codes, cb->dim), cb->sum);
    unic__bundle_i32(b, "level2.idle", UNIC__SHAPE_OF(cb->modalities, cb->codes), cb->idle);
}

unic_status unic__level2_expect(unic__npz *z, const unic_config *c)
{
    const unic__shape cells = UNIC__SHAPE_OF(c->level2_count, c->code_dim);
    UNIC__TRY(unic__expect_array(z, "level2.embedding", cells));
    UNIC__TRY(unic__expect_array(z, "level2.ema_sum", cells));
    UNIC__TRY(unic__expect_array(z, "level2.ema_count", UNIC__SHAPE_OF(c->level2_count)));
    return unic__expect_array(z, "level2.idle",
                              UNIC__SHAPE_OF(c->modality_count, c->level2_count));
}

unic_status unic__level2_read(unic_trainer *t, unic__npz *z)
{
    unic_codebook *cb = t->level2;
    const unic__shape cells = UNIC__SHAPE_OF(cb->codes, cb->dim);
    UNIC__TRY(unic__read_f32(z, "level2.embedding", cells, cb->embedding));
    UNIC__TRY(unic__read_f32(z, "level2.ema_sum", cells, cb->sum));
    UNIC__TRY(unic__read_f32(z, "level2.ema_count", UNIC__SHAPE_OF(cb->codes), cb->count));
    UNIC__TRY(
        unic__read_i32(z, "level2.idle", UNIC__SHAPE_OF(cb->modalities, cb->codes), cb->idle));
    for (size_t l = 0; l < cb->codes; l++)
        if (cb->count[l] < 0.0F)
            return unic__fail(UNIC_E_FORMAT, "%s: level2.ema_count[%zu] is %g",
                              unic__npz_path(z), l, (double)cb->count[l]);
    for (size_t i = 0; i < cb->modalities * cb->codes; i++)
        if (cb->idle[i] < UNIC__IDLE_LEAST)
            return unic__fail(UNIC_E_FORMAT, "%s: level2.idle[%zu,%zu] is %d",
                              unic__npz_path(z), i / cb->codes, i % cb->codes, cb->idle[i]);
    unic__codebook_refresh(cb);
    return UNIC_OK;
}
