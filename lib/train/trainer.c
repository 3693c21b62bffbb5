#include "train/trainer.h"

#include <math.h>
#include <string.h>

#include "array/array.h"
#include "loss/teacher.h"
#include "train/club_fit.h"
#include "train/code_segments.h"
#include "train/level2.h"
#include "train/schedule.h"
#include "train/together.h"

/* Streams of random numbers within a step, besides dropout's. */
enum { DRAW_STEP = 1 << 20, DRAW_START, DRAW_REVIVAL, DRAW_EVALUATE };

static unic_status allocate_scratch(unic_trainer *t)
{
    size_t steps = t->graph.n * t->graph.batch * t->graph.length;
    size_t codes = t->codebook->codes, dim = t->codebook->dim;
    t->rows = unic__alloc_array(steps * dim, sizeof(float));
    t->codes = unic__alloc_array(t->graph.n * unic__all_steps(t), sizeof(int32_t));
    t->ema_scratch = unic__alloc_array(unic__codebook_update_scratch(codes, dim),
                                       sizeof(float));
    t->order = unic__alloc_array(codes, sizeof(int32_t));
    t->group_scratch = unic__alloc_array(dim, sizeof(double));
    t->usage = unic__alloc_array(codes, sizeof(int64_t));
    t->club_backup = unic__alloc_array(3 * t->club.total + 1, sizeof(float));
    if (!t->rows || !t->codes || !t->ema_scratch || !t->order || !t->group_scratch ||
        !t->usage || !t->club_backup)
        return unic__no_memory(steps * dim * sizeof(float), "a trainer");
    if (t->level2)
        UNIC__TRY(unic__level2_scratch(t));
    return unic__report_create(t);
}

/* Codes in groups are combinations of their parts from the start. */
static void start_groups(unic_trainer *t)
{
    if (t->config->code_groups > 1)
        unic__codebook_group_start(t->codebook, t->config->code_groups,
                                   unic__config_group_size(t->config));
}

/* Codes before the first data: uniform in +-1/L (A.3); the paper's way replaces them
 * at step 0. */
static void scatter_codes(unic_trainer *t)
{
    unic_codebook *cb = t->codebook;
    unic__key key = unic__random_key(t->config->seed, 0, unic__random_hash("codebook"));
    for (size_t i = 0; i < cb->codes * cb->dim; i++)
        cb->sum[i] = (2.0F * unic__random_uniform(key, i) - 1.0F) / (float)cb->codes;
    unic__codebook_set(cb, cb->sum);
    start_groups(t);
    if (t->config->ema_start != UNIC__START_UNIFORM)
        return;
    t->started = true;
    memset(cb->count, 0, cb->codes * sizeof(float));
    for (size_t i = 0; i < cb->codes * cb->modalities; i++)
        cb->idle[i] = -1;
}

static void freeze(const unic__param_table *params, const unic_config *config)
{
    for (size_t i = 0; i < params->n; i++)
        params->at[i]->frozen = unic__config_freezes(config, params->at[i]->name);
}

static unic_status build(unic_trainer *t, const unic_config *config)
{
    UNIC__TRY(unic__config_check(config));
    UNIC__TRY(unic__config_copy(&t->config, config));
    unic__config_resolve(t->config); /* first, so that files hold the sizes themselves */
    UNIC__TRY(unic__config_text(&t->text, t->config));
    unic_config *c = t->config;
    const size_t width = unic__config_row_width(c);
    UNIC__TRY(unic__codebook_create(&t->codebook, c->code_count, width, c->modality_count));
    UNIC__TRY(unic__codebook_create(&t->cb_backup, c->code_count, width, c->modality_count));
    scatter_codes(t);
    if (c->code_segments)
        UNIC__TRY(unic__segments_create(t));
    if (c->level2_weight > 0.0)
        UNIC__TRY(unic__level2_create(t));
    if (t->ranks)
        UNIC__TRY(unic__together_allows(t));
    t->codebook->ranks = t->ranks;
    UNIC__TRY(unic__training_graph_create(&t->graph, c, t->codebook, &t->params, &t->club));
    unic__prototypes_take(t);
    freeze(&t->params, c);
    freeze(&t->club, c);
    UNIC__TRY(unic__adam_create(&t->adam, &t->params));
    UNIC__TRY(unic__adam_create(&t->club_adam, &t->club));
    UNIC__TRY(allocate_scratch(t));
    return t->ranks ? unic__together_create(t) : UNIC_OK;
}

unic_status unic__trainer_create(unic_trainer **out, const unic_config *config,
                                 const unic__ranks *ranks)
{
    unic_trainer *t = unic__alloc_zero(sizeof *t);
    if (!t)
        return unic__no_memory(sizeof *t, "a trainer");
    if (ranks && ranks->size > 1) {
        t->own_ranks = *ranks;
        t->ranks = &t->own_ranks;
    }
    unic_status status = build(t, config);
    if (status != UNIC_OK) {
        unic__trainer_free(t);
        return status;
    }
    unic__tell_no_effect(t->config);
    *out = t;
    return UNIC_OK;
}

void unic__trainer_free(unic_trainer *t)
{
    if (!t)
        return;
    unic__training_graph_free(&t->graph);
    unic__param_table_free(&t->params);
    unic__param_table_free(&t->club);
    unic__adam_free(&t->adam);
    unic__adam_free(&t->club_adam);
    unic__codebook_free(t->codebook);
    unic__segments_free(t);
    unic__level2_free(t);
    unic__codebook_free(t->cb_backup);
    unic__free(t->report);
    unic__free(t->rows);
    unic__free(t->codes);
    unic__free(t->ema_scratch);
    unic__free(t->order);
    unic__free(t->group_scratch);
    unic__free(t->usage);
    unic__free(t->club_backup);
    unic__config_free(t->config);
    unic__together_free(t);
    unic__free(t);
}

/* ---- what happens between the phases ---- */

/* The valid encoder outputs of all modalities, one under the other. */
static size_t gather_rows(unic_trainer *t)
{
    size_t steps = t->graph.batch * t->graph.length, dim = t->codebook->dim, n = 0;
    if (t->config->code_segments)
        return unic__segments_rows(t);
    for (size_t m = 0; m < t->graph.n; m++)
        for (size_t i = 0; i < steps; i++)
            if (t->graph.stream[m].mask->t.x[i] > 0.0F)
                memcpy(t->rows + n++ * dim, t->graph.stream[m].z->t.x + i * dim,
                       dim * sizeof(float));
    return n;
}

/* Codes in groups are the combinations of their parts; none of them starts anew by itself. */
static void group_codes(unic_trainer *t)
{
    if (t->config->code_groups > 1)
        unic__codebook_group(t->codebook, t->config->code_groups,
                             unic__config_group_size(t->config), t->group_scratch);
}

/* The codebook starts from the first z there are: N = 1, o = e. */
static unic_status start_codebook(unic_trainer *t)
{
    if (unic__config_freezes_codebook(t->config))
        return unic__fail(
            UNIC_E_STATE,
            "train.freeze = %s: the codebook has no codes yet that could be kept; "
            "start from a model",
            t->config->freeze);
    float *all = NULL;
    size_t rows = gather_rows(t);
    size_t iterations = t->config->ema_start == UNIC__START_KMEANS ? 10 : 0;
    if (t->ranks)
        UNIC__TRY(unic__together_rows(t, t->codebook->dim, &all, &rows));
    unic_status status = unic__codebook_init(t->codebook, all ? all : t->rows, rows, iterations,
                                             unic__random_key(t->config->seed, 0, DRAW_START),
                                             &t->watch.progress);
    unic__free(all);
    UNIC__TRY(unic__ranks_agree(t->ranks, status));
    start_groups(t);
    if (t->config->code_segments)
        unic__segments_take(t);
    return t->level2 ? unic__level2_start(t) : UNIC_OK;
}

/* Calls of operators in one fit of CLUB's nets, or one look at them. */
static uint64_t club_calls(const unic_trainer *t, bool fits)
{
    uint64_t n = 0;
    for (size_t m = 0; m < t->graph.clubs && t->config->club_weight > 0.0; m++)
        n += unic__graph_call_count(&t->graph.club[m], fits);
    return n;
}

/* Codes with -1 on padding, and what the update will take from each modality. */
static void collect_codes(unic_trainer *t, unic__ema_part *parts)
{
    size_t steps = t->graph.batch * t->graph.length;
    for (size_t m = 0; m < t->graph.n; m++) {
        const unic__stream *s = &t->graph.stream[m];
        int32_t *codes = (t->ranks ? t->own_codes : t->codes) + m * steps;
        for (size_t i = 0; i < steps; i++)
            codes[i] = s->mask->t.x[i] > 0.0F ? s->codes->t.ix[i] : -1;
        parts[m] = (unic__ema_part){steps, s->target->t.x, codes};
    }
    if (t->ranks)
        unic__together_codes(t, t->own_codes, t->codes);
}

/* The inner fits of q (A.5): club.steps Adam steps on the batch's detached z and zbar, some at
 * a time, since they are shared out over threads and only this one may tell of them. Other ranks
 * wait for a rank that is to stop: it goes on to the end. */
static unic_status fit_club(unic_trainer *t)
{
    enum { ROUND = 5 };
    const size_t steps = t->config->club_steps;
    unic_status status = UNIC_OK;
    for (size_t i = 0; i < steps && (status == UNIC_OK || t->ranks); i += ROUND) {
        const size_t n = steps - i < ROUND ? steps - i : ROUND;
        unic__club_fit_run(&t->graph, &t->club_adam, n, t->config->club_lr);
        if (status == UNIC_OK)
            status = unic__watch_advance(&t->watch, n * club_calls(t, true));
    }
    return status;
}

/* ---- what refuses a step ---- */

static unic_status check_kernels(const unic_trainer *t)
{
    unic_status status = t->graph.main.run.status; /* the next step forgets it */
    for (size_t m = 0; m < t->graph.clubs && status == UNIC_OK; m++)
        status = t->graph.club[m].run.status;
    if (status != UNIC_OK)
        return unic__fail_in(status, "step %llu", (unsigned long long)t->steps);
    return UNIC_OK;
}

static unic_status check_finite(const unic_trainer *t)
{
    UNIC__TRY(check_kernels(t));
    for (size_t i = 1; i < t->figure_count; i++) { /* not the total: a term names the cause */
        const double value = t->report[i].value;
        if (!isfinite(value))
            return unic__fail(UNIC_E_NUMERIC, "step %llu refused: %s is %s, a number expected",
                              (unsigned long long)t->steps, t->report[i].name,
                              isnan(value)  ? "NaN"
                              : value > 0.0 ? "Inf"
                                            : "-Inf");
    }
    return UNIC_OK;
}

/* Adam squares gradients: those of the step to come, unless they are clipped, and those of
 * CLUB's fits, which are behind us. */
static unic_status check_moments(const unic_trainer *t)
{
    for (size_t k = 0; k < t->params.group_count && t->config->clip == 0.0; k++)
        if (!unic__adam_takes(t->grad_norm[k]))
            return unic__fail(UNIC_E_NUMERIC,
                              "step %llu refused: grad_norm.%s is %g, too large without "
                              "train.clip",
                              (unsigned long long)t->steps, t->params.group[k],
                              t->grad_norm[k]);
    for (size_t i = 0; i < t->club.n; i++) {
        const unic__param *p = t->club.at[i];
        if (!unic__all_finite(t->club_adam.v + p->offset, p->count))
            return unic__fail(UNIC_E_NUMERIC,
                              "step %llu refused: the gradient of %s is too large",
                              (unsigned long long)t->steps, p->name);
    }
    return UNIC_OK;
}

static void guard_features(unic_trainer *t)
{
    for (size_t m = 0; m < t->graph.n; m++) {
        const unic__stream *s = &t->graph.stream[m];
        const size_t rows = unic__shape_count(&s->mask->t.shape);
        unic__guard_features(&t->guard, t->config, t->steps, m, s->x->t.x, s->mask->t.x, rows,
                             unic__shape_count(&s->x->t.shape) / rows);
    }
}

static void guard_codes(unic_trainer *t)
{
    size_t steps = unic__all_steps(t);
    for (size_t m = 0; m < t->graph.n; m++) {
        const int32_t *codes = t->codes + m * steps;
        size_t valid = 0;
        for (size_t i = 0; i < steps; i++)
            valid += codes[i] >= 0;
        unic__codebook_count(t->codebook, codes, steps, t->usage);
        unic__guard_codes(&t->guard, t->config, t->steps, m,
                          unic__perplexity(t->usage, t->codebook->codes), valid,
                          t->graph.objective.term, t->graph.objective.term_count);
    }
}

/* Takes over N, o and e: the last thing that can refuse a step. */
static unic_status update_codebook(unic_trainer *t, const unic__ema_part *parts)
{
    const unic_config *c = t->config;
    if (unic__config_freezes_codebook(c) || c->codis_weight > 0.0)
        return UNIC_OK;
    if (t->level2)
        UNIC__TRY(unic__level2_update(t));
    unic_status status = c->code_segments
                             ? unic__segments_update(t, parts)
                             : unic__codebook_update(t->codebook, c->ema_order, c->ema_decay,
                                                     c->ema_epsilon, parts, t->ema_scratch);
    if (status != UNIC_OK)
        return unic__fail_in(status, "step %llu refused", (unsigned long long)t->steps);
    group_codes(t);
    return UNIC_OK;
}

/* ---- the step ---- */

/* Codes before a step, which may be refused when some of them have moved already: the codebook's
 * where it starts, or another rank may fail after this one has updated it. */
static void backup_codes(unic_trainer *t, bool codebook)
{
    if (codebook)
        unic__codebook_assign_state(t->cb_backup, t->codebook);
    if (t->config->code_segments)
        unic__segments_backup(t);
    if (t->level2)
        unic__level2_backup(t);
}

static void restore_codes(unic_trainer *t, bool codebook)
{
    if (codebook)
        unic__codebook_assign_state(t->codebook, t->cb_backup);
    if (t->config->code_segments)
        unic__segments_restore(t);
    if (t->level2)
        unic__level2_restore(t);
    unic__prototypes_take(t);
}

/* What the codes that are not selected restart from, at each level. */
typedef struct renewal {
    unic__revival first, second;
} renewal;

/* P8: counts who was selected, and finds what the codes that were not may restart from. The last
 * thing in which ranks can fail. */
static unic_status count_idle(unic_trainer *t, const unic_draws *draws, renewal *due)
{
    const unic_config *c = t->config;
    unic__ema_part all[UNIC_MAX_MODALITIES];
    const size_t steps = unic__all_steps(t);
    if (unic__config_freezes_codebook(c))
        return UNIC_OK;
    for (size_t m = 0; m < t->graph.n; m++)
        all[m] = (unic__ema_part){.rows = steps, .codes = t->codes + m * steps};
    unic__codebook_count_idle(t->codebook, all);
    due->first = unic__due_revival(t, unic__random_key(c->seed, t->steps, DRAW_REVIVAL));
    due->first.from = draws ? draws->revival_source : NULL;
    gather_rows(t);
    if (t->ranks) /* z may lie where the update no longer needs it: there is room for all codes */
        UNIC__TRY(unic__together_sources(
            t, t->codebook, &due->first,
            &(unic__source_scratch){t->ema_scratch, t->source_of, t->order}));
    return t->level2 ? unic__level2_count_idle(t, &due->second) : UNIC_OK;
}

/* Restarts them, when the codes that gradients train have taken their step; how many is
 * reported. */
static void restart_idle(unic_trainer *t, const renewal *due)
{
    *t->revived = 0.0;
    if (unic__config_freezes_codebook(t->config))
        return;
    const size_t revived = unic__codebook_revive(t->codebook, &due->first, t->order);
    if (revived > 0 && t->config->code_segments)
        unic__segments_restart(t, t->order, revived);
    if (revived > 0) {
        unic__prototypes_take(t); /* of length 1 at once: a model may be made before the next */
        unic__prototypes_give(t);
    }
    if (t->level2)
        unic__level2_restart(t, &due->second);
    *t->revived = (double)revived;
}

static void commit(unic_trainer *t)
{
    const unic_config *c = t->config;
    double lr = unic__learning_rate(c, t->steps, t->total_steps);
    unic__adam_step(&t->adam, lr, c->optimizer == UNIC__ADAMW ? c->weight_decay : 0.0, c->clip,
                    t->grad_norm);
    unic__objective_settle(&t->graph.objective, &t->params);
    unic__prototypes_give(t);
    if (c->guard == UNIC__GUARD_LOWER)
        unic__guard_weigh(&t->guard, t->graph.objective.term, t->graph.objective.term_count);
}

static void begin(unic_trainer *t, bool training)
{
    unic__run run = {.training = training, .seed = t->config->seed, .step = t->steps};
    run.part = t->ranks ? t->ranks->rank : 0;
    const uint64_t fits = training ? t->config->club_steps : 1;
    t->watch.what = "operations";
    t->watch.done = 0;
    t->watch.total = unic__graph_call_count(&t->graph.main, training) +
                     fits * club_calls(t, training);
    t->graph.main.run = run;
    t->graph.main.run.watch = &t->watch;
    if (t->ranks && training) {
        t->graph.main.run.passed = unic__grad_sums_passed;
        t->graph.main.run.context = &t->grad_sums;
    }
    for (size_t m = 0; m < t->graph.clubs; m++)
        t->graph.club[m].run = run;
}

/* z and zbar. Everything that follows needs z to be a number, and could not say whose is
 * not. */
static unic_status encode(unic_trainer *t)
{
    size_t count = t->graph.batch * t->graph.length * t->config->code_dim;
    if (t->level2)
        unic__level2_set_gate(t);
    unic__graph_forward(&t->graph.main, UNIC__ENCODE);
    UNIC__TRY(check_kernels(t));
    for (size_t m = 0; m < t->graph.n; m++)
        if (!unic__all_finite(t->graph.stream[m].z->t.x, count))
            return unic__fail(UNIC_E_NUMERIC,
                              "step %llu refused: the encoder of modality \"%s\" gives NaN or "
                              "Inf",
                              (unsigned long long)t->steps, t->config->modality[m].name);
    return t->level2 ? unic__level2_check(t) : UNIC_OK;
}

/* Everything before the codebook is asked for anything. */
static unic_status prepare(unic_trainer *t, const unic_batch *batch, const unic_draws *draws,
                           bool training)
{
    size_t clips;
    const uint64_t seed = t->config->seed;
    if (t->ranks)
        UNIC__TRY(unic__together_check(t, training));
    UNIC__TRY(unic__fill_batch(t, batch, training, &clips));
    if (training)
        guard_features(t);
    unic_status status = unic__fill_draws(t, clips, draws,
                                          training ? unic__random_key(seed, t->steps, DRAW_STEP)
                                                   : unic__random_key(seed, 0, DRAW_EVALUATE));
    begin(t, training);
    if (training && t->steps == 0) /* the parameters may have been set since they were drawn */
        unic__teacher_copy(&t->graph.teacher, &t->params);
    if (status == UNIC_OK)
        status = encode(t);
    return unic__ranks_agree(t->ranks, status);
}

static void backward(unic_trainer *t)
{
    memset(t->params.grads, 0, t->params.total * sizeof(float));
    if (t->ranks) {
        unic__together_norms_begin(t);
        unic__grad_sums_begin(&t->grad_sums);
    }
    unic__graph_backward(&t->graph.main, UNIC__SCORE);
    unic__graph_backward(&t->graph.main, UNIC__ASSIGN);
    unic__graph_backward(&t->graph.main, UNIC__ENCODE);
    if (t->ranks)
        unic__grad_sums_end(&t->grad_sums);
}

static void report(const unic_trainer *t, double *figures)
{
    for (size_t i = 0; figures && i < t->figure_count; i++)
        figures[i] = t->report[i].value;
}

/* All that a step computes before it is committed. Codes and CLUB's nets have been saved. Ranks
 * agree wherever one of them alone may have failed. */
static unic_status compute(unic_trainer *t, unic__ema_part *parts)
{
    unic_status status = UNIC_OK;
    if (!t->started)
        UNIC__TRY(start_codebook(t));
    unic__prototypes_take(t);
    unic__graph_forward(&t->graph.main, UNIC__ASSIGN);
    UNIC__TRY(unic__ranks_agree(t->ranks, check_kernels(t)));
    collect_codes(t, parts);
    if (t->config->club_weight > 0.0)
        status = fit_club(t);
    if (status != UNIC_OK && !t->ranks)
        return status;
    unic__graph_forward(&t->graph.main, UNIC__SCORE);
    backward(t);
    if (status == UNIC_OK)
        status = check_kernels(t);
    UNIC__TRY(unic__ranks_agree(t->ranks, status));
    unic__report_measure(t, true);
    UNIC__TRY(unic__ranks_status(t->ranks));
    UNIC__TRY(check_finite(t));
    UNIC__TRY(check_moments(t));
    UNIC__TRY(unic__guard_terms(&t->guard, t->config, t->steps, t->graph.objective.term,
                                t->graph.objective.term_count));
    return update_codebook(t, parts);
}

unic_status unic__trainer_step(unic_trainer *t, const unic_batch *batch,
                               const unic_draws *draws, double *figures)
{
    unic__ema_part parts[UNIC_MAX_MODALITIES];
    renewal due = {0};
    const bool codebook = !t->started || t->ranks;
    const uint64_t club_steps = t->club_adam.steps;
    const unic__guard guard = t->guard;
    unic_status status = prepare(t, batch, draws, true);
    if (status != UNIC_OK) {
        t->guard = guard;
        return unic__fill_blame(t, batch, status);
    }
    backup_codes(t, codebook);
    unic__adam_backup(&t->club_adam, t->club_backup);
    status = compute(t, parts);
    if (status == UNIC_OK)
        status = count_idle(t, draws, &due);
    if (status != UNIC_OK) {
        unic__adam_restore(&t->club_adam, t->club_backup, club_steps);
        t->guard = guard;
        restore_codes(t, codebook);
        return unic__fill_blame(t, batch, status);
    }
    t->started = true;
    unic__schedule_tell(t->config, t->steps, t->total_steps, &t->told_schedule);
    guard_codes(t);
    commit(t);
    restart_idle(t, &due);
    t->steps++;
    report(t, figures);
    return UNIC_OK;
}

/* Without a step: after a failure codes are as they were. */
static unic_status renew_codes(unic_trainer *t)
{
    renewal due = {0};
    backup_codes(t, true);
    const unic_status status = count_idle(t, NULL, &due);
    if (status == UNIC_OK)
        restart_idle(t, &due);
    else
        restore_codes(t, true);
    return status;
}

unic_status unic__trainer_evaluate(unic_trainer *t, const unic_batch *batch, double *figures)
{
    unic__ema_part parts[UNIC_MAX_MODALITIES];
    unic_status status = prepare(t, batch, NULL, false);
    if (status != UNIC_OK)
        return unic__fill_blame(t, batch, status);
    unic__prototypes_take(t);
    unic__graph_forward(&t->graph.main, UNIC__ASSIGN);
    UNIC__TRY(unic__ranks_agree(t->ranks, check_kernels(t)));
    collect_codes(t, parts);
    if (t->config->club_weight > 0.0) {
        unic__club_fit_evaluate(&t->graph);
        status = unic__watch_advance(&t->watch, club_calls(t, false));
    }
    if (status != UNIC_OK && !t->ranks)
        return status;
    unic__graph_forward(&t->graph.main, UNIC__SCORE);
    if (status == UNIC_OK)
        status = check_kernels(t);
    UNIC__TRY(unic__ranks_agree(t->ranks, status));
    unic__report_measure(t, false);
    UNIC__TRY(unic__ranks_status(t->ranks));
    if ((status = check_finite(t)) != UNIC_OK)
        return unic__fill_blame(t, batch, status);
    if (t->config->evaluate_counts)
        UNIC__TRY(renew_codes(t));
    report(t, figures);
    return UNIC_OK;
}
