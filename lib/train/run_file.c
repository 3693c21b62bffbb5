#include <math.h>
#include <stdio.h>
#include <string.h>

#include "array/bundle.h"
#include "model/model.h"
#include "train/code_segments.h"
#include "train/level2.h"
#include "train/trainer.h"

/*
 * A run's whole state in one file, OUT.run.npz: every parameter, both optimisers' moments, the
 * codebook, the counters. One file, one rename: a run can never be found half of one moment and
 * half of another. (The model file beside it is what inference needs, and nothing here.)
 */

enum { STEPS, TOTAL_STEPS, STARTED, ADAM_STEPS, CLUB_STEPS, N_COUNTERS };

/* "<prefix>/<parameter>": values, or a moment laid out as the values are. */
static void bundle_table(unic__bundle *b, unic__arena *names, const char *prefix,
                         const unic__param_table *params, const float *values)
{
    for (size_t i = 0; i < params->n; i++) {
        const unic__param *p = params->at[i];
        const char *name = unic__arena_printf(names, "%s/%s", prefix, p->name);
        if (!name && b->status == UNIC_OK)
            b->status = unic__no_memory(64, "a name");
        unic__bundle_f32(b, name, p->shape, values + p->offset);
    }
}

/* "queue/<modality>", and where each goes on: what CODIS remembers of the past. */
static void bundle_queues(unic__bundle *b, unic__arena *names, const unic_trainer *t,
                          int64_t next[UNIC_MAX_MODALITIES])
{
    const size_t n = t->graph.n;
    if (t->graph.queue[0].capacity == 0)
        return;
    for (size_t m = 0; m < n; m++) {
        const unic__memory_queue *q = &t->graph.queue[m];
        const char *name = unic__arena_printf(names, "queue/%s", t->config->modality[m].name);
        if (!name && b->status == UNIC_OK)
            b->status = unic__no_memory(64, "a name");
        unic__bundle_f32(b, name, UNIC__SHAPE_OF(q->capacity, q->dim), q->rows);
        next[m] = (int64_t)q->next;
    }
    unic__bundle_i64(b, "queue_next", UNIC__SHAPE_OF(n), next);
}

static unic_status expect_queues(unic__npz *z, const unic_config *c)
{
    if (c->codis_weight == 0.0 || c->codis_queue == 0)
        return UNIC_OK;
    for (size_t m = 0; m < c->modality_count; m++) {
        char name[UNIC__NAME_SIZE + 8];
        snprintf(name, sizeof name, "queue/%s", c->modality[m].name);
        UNIC__TRY(unic__expect_array(z, name, UNIC__SHAPE_OF(c->codis_queue, c->code_dim)));
    }
    return unic__expect_array(z, "queue_next", UNIC__SHAPE_OF(c->modality_count));
}

static unic_status read_queues(unic_trainer *t, unic__npz *z)
{
    int64_t next[UNIC_MAX_MODALITIES];
    const size_t n = t->graph.n;
    if (t->graph.queue[0].capacity == 0)
        return UNIC_OK;
    UNIC__TRY(unic__read_i64(z, "queue_next", UNIC__SHAPE_OF(n), next));
    for (size_t m = 0; m < n; m++) {
        unic__memory_queue *q = &t->graph.queue[m];
        char name[UNIC__NAME_SIZE + 8];
        snprintf(name, sizeof name, "queue/%s", t->config->modality[m].name);
        UNIC__TRY(unic__read_f32(z, name, UNIC__SHAPE_OF(q->capacity, q->dim), q->rows));
        if (next[m] < 0 || (uint64_t)next[m] >= q->capacity)
            return unic__fail(UNIC_E_FORMAT, "%s: queue_next[%zu] is %lld, not in 0..%zu",
                              unic__npz_path(z), m, (long long)next[m], q->capacity - 1);
        q->next = (size_t)next[m];
    }
    return UNIC_OK;
}

/* "guard/<term>": for how many steps it has been falling, and how often its weight was lowered;
 * and of each modality for how many its codes have been one. Only with train.guard = lower do
 * numbers depend on them. */
static void bundle_guard(unic__bundle *b, unic__arena *names, const unic_trainer *t,
                         int64_t terms[UNIC__MAX_TERMS][2], int64_t codes[UNIC_MAX_MODALITIES])
{
    const unic__objective *o = &t->graph.objective;
    if (t->config->guard != UNIC__GUARD_LOWER)
        return;
    for (size_t i = 0; i < o->term_count; i++) {
        const char *name = unic__arena_printf(names, "guard/%s", o->term[i].name);
        if (!name && b->status == UNIC_OK)
            b->status = unic__no_memory(64, "a name");
        terms[i][0] = (int64_t)t->guard.falling[i];
        terms[i][1] = (int64_t)t->guard.lowered[i];
        unic__bundle_i64(b, name, UNIC__SHAPE_OF(2), terms[i]);
    }
    for (size_t m = 0; m < t->graph.n; m++)
        codes[m] = (int64_t)t->guard.collapsed[m];
    unic__bundle_i64(b, "guard_codes", UNIC__SHAPE_OF(t->graph.n), codes);
}

/* A count of the guard, `*to`. */
static unic_status take_count(const unic__npz *z, const char *name, size_t i, int64_t value,
                              int64_t most, size_t *to)
{
    if (value < 0 || value > most)
        return unic__fail(UNIC_E_FORMAT, "%s: %s[%zu] is %lld, not in 0..%lld",
                          unic__npz_path(z), name, i, (long long)value, (long long)most);
    *to = (size_t)value;
    return UNIC_OK;
}

/* One term's; a run that had another guard, or not this term, has none. */
static unic_status read_guard_term(unic_trainer *t, unic__npz *z, size_t i)
{
    const unic__term *term = &t->graph.objective.term[i];
    char name[UNIC__TERM_SIZE + 8];
    int64_t pair[2];
    snprintf(name, sizeof name, "guard/%s", term->name);
    if (!unic__npz_has(z, name))
        return UNIC_OK;
    UNIC__TRY(unic__read_i64(z, name, UNIC__SHAPE_OF(2), pair));
    UNIC__TRY(take_count(z, name, 0, pair[0], INT32_MAX, &t->guard.falling[i]));
    UNIC__TRY(take_count(z, name, 1, pair[1], UNIC__MOST_LOWERED, &t->guard.lowered[i]));
    if (t->guard.lowered[i] > 0)
        unic__log_line(UNIC_LOG_INFO,
                       "the run goes on with %s at %g of its weight, lowered before",
                       term->name, pow(10.0, -(double)t->guard.lowered[i]));
    return UNIC_OK;
}

static unic_status read_guard(unic_trainer *t, unic__npz *z)
{
    unic__objective *o = &t->graph.objective;
    int64_t codes[UNIC_MAX_MODALITIES];
    if (t->config->guard != UNIC__GUARD_LOWER || !unic__npz_has(z, "guard_codes"))
        return UNIC_OK;
    UNIC__TRY(unic__read_i64(z, "guard_codes", UNIC__SHAPE_OF(t->graph.n), codes));
    for (size_t m = 0; m < t->graph.n; m++)
        UNIC__TRY(take_count(z, "guard_codes", m, codes[m], INT32_MAX, &t->guard.collapsed[m]));
    for (size_t i = 0; i < o->term_count; i++)
        UNIC__TRY(read_guard_term(t, z, i));
    unic__guard_weigh(&t->guard, o->term, o->term_count);
    return UNIC_OK;
}

static unic_status expect_table(unic__npz *z, const char *prefix,
                                const unic__param_table *params)
{
    unic__arena names = {0};
    unic_status status = UNIC_OK;
    for (size_t i = 0; i < params->n && status == UNIC_OK; i++) {
        const unic__param *p = params->at[i];
        const char *name = unic__arena_printf(&names, "%s/%s", prefix, p->name);
        status = name ? unic__expect_array(z, name, p->shape) : unic__no_memory(64, "a name");
    }
    unic__arena_free(&names);
    return status;
}

/* Whether the file holds what its config asks for. A trainer takes several times the file's
 * size, so this is asked first: a config alone could ask for any amount. */
static unic_status check_members(unic__npz *z, const unic_config *config)
{
    static const char *const prefixes[] = {"value", "adam_m", "adam_v"};
    unic__param_table params = {0}, club = {0};
    UNIC__TRY(unic__expect_array(z, "counters", UNIC__SHAPE_OF(N_COUNTERS)));
    UNIC__TRY(
        unic__expect_array(z, "codebook.embedding",
                           UNIC__SHAPE_OF(config->code_count, unic__config_row_width(config))));
    if (config->code_segments)
        UNIC__TRY(unic__segments_expect(z, config));
    if (config->level2_weight > 0.0)
        UNIC__TRY(unic__level2_expect(z, config));
    UNIC__TRY(expect_queues(z, config));
    unic_status status = unic__training_graph_declare(config, &params, &club);
    if (status == UNIC_E_SHAPE) /* of a size that no tensor has */
        status = unic__fail_in(UNIC_E_FORMAT, "%s", unic__npz_path(z));
    for (size_t i = 0; i < 3 && status == UNIC_OK; i++) {
        status = expect_table(z, prefixes[i], &params);
        if (status == UNIC_OK)
            status = expect_table(z, prefixes[i], &club);
    }
    unic__param_table_free(&params);
    unic__param_table_free(&club);
    return status;
}

static unic_status read_table(unic__npz *z, unic__arena *names, const char *prefix,
                              const unic__param_table *params, float *values)
{
    for (size_t i = 0; i < params->n; i++) {
        const unic__param *p = params->at[i];
        const char *name = unic__arena_printf(names, "%s/%s", prefix, p->name);
        if (!name)
            return unic__no_memory(64, "a name");
        UNIC__TRY(unic__read_f32(z, name, p->shape, values + p->offset));
    }
    return UNIC_OK;
}

unic_status unic__run_seal(unic_trainer *t, unic__output to, unic__writer **file)
{
    unic__bundle b = {0};
    unic__arena names = {0};
    int64_t guarded[UNIC__MAX_TERMS][2], collapsed[UNIC_MAX_MODALITIES];
    int64_t next[UNIC_MAX_MODALITIES], counters[N_COUNTERS] = {
                                           [STEPS] = (int64_t)t->steps,
                                           [TOTAL_STEPS] = (int64_t)t->total_steps,
                                           [STARTED] = t->started,
                                           [ADAM_STEPS] = (int64_t)t->adam.steps,
                                           [CLUB_STEPS] = (int64_t)t->club_adam.steps,
                                       };
    unic__bundle_text(&b, UNIC__CONFIG_MEMBER, t->text);
    unic__bundle_i64(&b, "counters", UNIC__SHAPE_OF(N_COUNTERS), counters);
    unic__bundle_codebook(&b, t->codebook);
    bundle_table(&b, &names, "value", &t->params, t->params.values);
    bundle_table(&b, &names, "adam_m", &t->params, t->adam.m);
    bundle_table(&b, &names, "adam_v", &t->params, t->adam.v);
    bundle_table(&b, &names, "value", &t->club, t->club.values);
    bundle_table(&b, &names, "adam_m", &t->club, t->club_adam.m);
    bundle_table(&b, &names, "adam_v", &t->club, t->club_adam.v);
    bundle_table(&b, &names, "teacher", &t->graph.teacher, t->graph.teacher.values);
    bundle_queues(&b, &names, t, next);
    bundle_guard(&b, &names, t, guarded, collapsed);
    if (t->config->code_segments)
        unic__segments_bundle(t, &b, &names);
    if (t->config->level2_weight > 0.0)
        unic__level2_bundle(t, &b);
    unic_status status = unic__bundle_seal(&b, to, file);
    unic__arena_free(&names);
    return status;
}

unic_status unic__run_save(unic_trainer *t, unic__output to)
{
    unic__writer *file;
    UNIC__TRY(unic__run_seal(t, to, &file));
    return unic__writer_commit(file);
}

static unic_status read_counters(unic_trainer *t, unic__npz *z)
{
    int64_t counters[N_COUNTERS];
    UNIC__TRY(unic__read_i64(z, "counters", UNIC__SHAPE_OF(N_COUNTERS), counters));
    for (size_t i = 0; i < N_COUNTERS; i++)
        if (counters[i] < 0)
            return unic__fail(UNIC_E_FORMAT, "%s: counters[%zu] is %lld, 0 or more expected",
                              unic__npz_path(z), i, (long long)counters[i]);
    t->steps = (uint64_t)counters[STEPS];
    t->total_steps = (uint64_t)counters[TOTAL_STEPS];
    t->started = counters[STARTED] != 0;
    t->adam.steps = (uint64_t)counters[ADAM_STEPS];
    t->club_adam.steps = (uint64_t)counters[CLUB_STEPS];
    return UNIC_OK;
}

static unic_status read_state(unic_trainer *t, unic__npz *z, unic__arena *names)
{
    unic_codebook *codebook;
    UNIC__TRY(read_counters(t, z));
    UNIC__TRY(unic__codebook_read(z, t->codebook->codes, t->codebook->dim,
                                  t->codebook->modalities, &codebook));
    unic__codebook_assign_state(t->codebook, codebook);
    unic__codebook_free(codebook);
    if (t->config->code_segments)
        UNIC__TRY(unic__segments_read(t, z));
    if (t->config->level2_weight > 0.0)
        UNIC__TRY(unic__level2_read(t, z));
    UNIC__TRY(read_table(z, names, "value", &t->params, t->params.values));
    UNIC__TRY(read_table(z, names, "adam_m", &t->params, t->adam.m));
    UNIC__TRY(read_table(z, names, "adam_v", &t->params, t->adam.v));
    UNIC__TRY(read_table(z, names, "value", &t->club, t->club.values));
    UNIC__TRY(read_table(z, names, "adam_m", &t->club, t->club_adam.m));
    UNIC__TRY(read_table(z, names, "adam_v", &t->club, t->club_adam.v));
    UNIC__TRY(read_table(z, names, "teacher", &t->graph.teacher, t->graph.teacher.values));
    UNIC__TRY(read_queues(t, z));
    UNIC__TRY(read_guard(t, z));
    UNIC__TRY(unic__adam_check(&t->adam, unic__npz_path(z)));
    return unic__adam_check(&t->club_adam, unic__npz_path(z));
}

/* How many steps ahead Cross-CPC predicts follows from train.length too where that is short, and
 * it has a network for each. */
static unic_status check_horizon(const unic_config *was, const unic_config *now)
{
    size_t shift;
    const size_t from = unic__cpc_horizon(was, was->length, &shift);
    const size_t to = unic__cpc_horizon(now, now->length, &shift);
    if (from == to || was->cpc_weight == 0.0 || now->cpc_weight == 0.0)
        return UNIC_OK;
    return unic__fail(
        UNIC_E_CONFIG,
        "the run has train.length = %zu, which cannot become %zu: with cpc.steps = "
        "%zu it predicts %zu %s ahead, and would predict %zu, by other parameters",
        was->length, now->length, now->cpc_steps, from, from == 1 ? "step" : "steps", to);
}

/* The steps that were declared are those of as many epochs as the run had: with another number
 * they change likewise, or are no longer known. */
static void change_total(unic_trainer *t, const unic_config *was)
{
    const uint64_t before = was->epochs, now = t->config->epochs,
                   epoch = t->total_steps / before;
    if (before == now)
        return;
    const bool is_whole = t->total_steps % before == 0 && epoch <= UNIC__MOST_STEPS / now;
    t->total_steps = is_whole ? epoch * now : 0;
}

/* The run's config, and in *changed the one that it goes on with. */
static unic_status read_configs(unic__npz *z, const char *settings, unic_config **config,
                                unic_config **changed)
{
    UNIC__TRY(unic__read_config(z, config));
    unic__config_resolve(*config);
    UNIC__TRY(unic__config_copy(changed, *config));
    if (!settings)
        return UNIC_OK;
    UNIC__TRY(unic__config_parse(*changed, settings, strlen(settings), "settings"));
    UNIC__TRY(unic__config_check(*changed));
    unic__config_resolve(*changed);
    UNIC__TRY(unic__config_may_become(*config, *changed));
    return check_horizon(*config, *changed);
}

unic_status unic__run_load(unic_trainer **out, unic__source *source, const char *settings,
                           const unic__ranks *ranks)
{
    unic__npz *z;
    unic_config *was = NULL, *config = NULL;
    unic_trainer *t = NULL;
    unic__arena names = {0};
    UNIC__TRY(unic__npz_open(&z, source));
    unic_status status = read_configs(z, settings, &was, &config);
    if (status == UNIC_OK)
        status = check_members(z, config);
    if (status == UNIC_OK)
        status = unic__trainer_create(&t, config, ranks);
    if (status == UNIC_OK)
        status = read_state(t, z, &names);
    if (status == UNIC_OK) {
        change_total(t, was);
        unic__config_log_change(was, config);
    }
    unic__arena_free(&names);
    unic__config_free(was);
    unic__config_free(config);
    unic__npz_close(z);
    if (status != UNIC_OK)
        unic__trainer_free(t);
    else
        *out = t;
    return status;
}
