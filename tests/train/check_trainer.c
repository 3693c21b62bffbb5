/* lib/train/trainer: what a step reports, that equal seeds give equal bytes, that evaluating
 * changes nothing, that a step allocates nothing, and the draws. Refused steps:
 * check_refused.c. */
#include "train/trainer.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file/io_help.h"
#include "model/small_model.h"

enum { MOST_TERMS = 64 };

static small_batch *whole_batch(const char *config, uint64_t seed)
{
    return small_batch_new(config, SMALL_BATCH, SMALL_LENGTH, seed);
}

/* Steps `from`..`to`-1 of a run, on batches that are functions of the step. */
static void train(unic_trainer *t, const char *config, uint64_t from, uint64_t to)
{
    for (uint64_t step = from; step < to; step++) {
        small_batch *b = whole_batch(config, 100 + step);
        for (size_t m = 0; m < b->n; m++) /* ragged, and sometimes a modality is not there */
            for (size_t i = 0; i < b->clips; i++)
                b->lengths[m][i] = (int32_t)((step + i * 3 + m * 2 + 1) % 6);
        io_assert_ok(unic_trainer_step(t, b->batch, NULL, NULL));
        small_batch_free(b);
    }
}

static small_state state_after(const char *config, const char *more, uint64_t steps)
{
    unic_trainer *t = small_trainer(config, more);
    train(t, config, 0, steps);
    ck_assert_uint_eq(unic_trainer_step_count(t), steps);
    small_state state = small_state_of(t);
    unic_trainer_free(t);
    return state;
}

/* ---- terms ---- */

START_TEST(reports_its_terms_in_order)
{
    static const char *const expected[] = {"total",
                                           "reconstruction.image",
                                           "reconstruction.audio",
                                           "reconstruction.text",
                                           "commitment.image",
                                           "commitment.audio",
                                           "commitment.text",
                                           "club.image",
                                           "club.audio",
                                           "club.text",
                                           "cpc",
                                           "code_match",
                                           "club_fit.image",
                                           "club_fit.audio",
                                           "club_fit.text",
                                           "grad_norm.encoder",
                                           "grad_norm.front",
                                           "grad_norm.decoder",
                                           "grad_norm.cpc",
                                           "perplexity.image",
                                           "perplexity.audio",
                                           "perplexity.text",
                                           "agreement",
                                           "revived",
                                           "learning_rate"};
    enum { N = sizeof expected / sizeof expected[0] };
    double terms[N + 1];
    unic_trainer *t = small_trainer(SMALL_THREE, "");
    small_batch *b = whole_batch(SMALL_THREE, 1);
    ck_assert_uint_eq(unic_trainer_figure_count(t), N);
    for (size_t i = 0; i < N; i++)
        ck_assert_str_eq(unic_trainer_figure_name(t, i), expected[i]);
    ck_assert(unic_trainer_figure_name(t, N) == NULL);
    ck_assert(unic_trainer_figure_name(t, SIZE_MAX) == NULL);
    terms[N] = 77.0;
    io_assert_ok(unic_trainer_step(t, b->batch, NULL, terms));
    ck_assert(terms[N] == 77.0);
    double sum = 0.0;
    for (size_t i = 1; i <= 11; i++)
        sum += terms[i];
    ck_assert_double_eq_tol(terms[0], sum, 1e-9);
    for (size_t i = 15; i < 19; i++) /* no group is without a gradient */
        ck_assert(terms[i] > 0.0);
    for (size_t i = 19; i < 22; i++)
        ck_assert(terms[i] >= 1.0 && terms[i] <= SMALL_CODES);
    ck_assert(terms[22] >= 0.0 && terms[22] <= 1.0);
    ck_assert(terms[23] == 0.0 && terms[24] == 0.01);
    small_batch_free(b);
    unic_trainer_free(t);
}
END_TEST

static bool reports(const unic_trainer *t, const char *part)
{
    for (size_t i = 0; i < unic_trainer_figure_count(t); i++)
        if (strstr(unic_trainer_figure_name(t, i), part))
            return true;
    return false;
}

START_TEST(a_weight_of_0_leaves_a_term_out)
{
    static const struct {
        const char *key, *gone[3];
    } cases[] = {{"recon.weight = 0\n", {"reconstruction", "grad_norm.decoder", NULL}},
                 {"commit.weight = 0\n", {"commitment", NULL}},
                 {"club.weight = 0\n", {"club", NULL}},
                 {"cpc.weight = 0\n", {"cpc", NULL}},
                 {"code_match.weight = 0\n", {"code_match", NULL}}};
    static const char *const all[] = {
        "reconstruction.touch", "commitment.touch",  "club.touch",   "club_fit.touch", "cpc",
        "code_match",           "grad_norm.decoder", "grad_norm.cpc"};
    double terms[MOST_TERMS];
    small_batch *b = whole_batch(SMALL_TWO, 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unic_trainer *t = small_trainer(SMALL_TWO, cases[i].key);
        for (size_t k = 0; k < sizeof all / sizeof all[0]; k++) {
            bool gone = false;
            for (const char *const *part = cases[i].gone; *part; part++)
                gone = gone || strstr(all[k], *part);
            ck_assert_msg(reports(t, all[k]) == !gone, "%s: %s", cases[i].key, all[k]);
        }
        for (size_t step = 0; step < 3; step++)
            io_assert_ok(unic_trainer_step(t, b->batch, NULL, terms));
        unic_trainer_free(t);
    }
    unic_trainer *t = small_trainer(SMALL_TWO, "recon.weight = 0\ncommit.weight = 0\n"
                                               "club.weight = 0\ncpc.weight = 0\n"
                                               "code_match.weight = 0\n");
    small_state before = small_state_of(t); /* nothing to learn, but the codebook follows */
    io_assert_ok(unic_trainer_step(t, b->batch, NULL, terms));
    ck_assert(terms[0] == 0.0);
    small_state after = small_state_of(t);
    ck_assert(!small_states_equal(&before, &after));
    unic_trainer_free(t);
    small_batch_free(b);
}
END_TEST

START_TEST(terms_are_weighted)
{
    double one[MOST_TERMS], three[MOST_TERMS];
    static const char *const weights[] = {"recon.weight", "commit.weight", "club.weight",
                                          "cpc.weight", "code_match.weight"};
    static const char *const terms[] = {"reconstruction.audio", "commitment.audio",
                                        "club.audio", "cpc", "code_match"};
    small_batch *b = whole_batch(SMALL_TWO, 2);
    unic_trainer *t = small_trainer(SMALL_TWO, "");
    io_assert_ok(unic_trainer_step(t, b->batch, NULL, one)); /* of weights 1 */
    for (size_t i = 0; i < 5; i++) {
        char key[64];
        snprintf(key, sizeof key, "%s = 3\n", weights[i]);
        unic_trainer *u = small_trainer(SMALL_TWO, key);
        io_assert_ok(unic_trainer_step(u, b->batch, NULL, three));
        for (size_t k = 0; k < 5; k++) {
            double was = small_term(t, one, terms[k]), is = small_term(u, three, terms[k]);
            ck_assert_double_eq_tol(is, i == k ? 3.0 * was : was, 1e-9);
        }
        unic_trainer_free(u);
    }
    unic_trainer_free(t);
    small_batch_free(b);
}
END_TEST

START_TEST(the_learning_rate_is_the_schedules)
{
    double terms[MOST_TERMS];
    small_batch *b = whole_batch(SMALL_TWO, 3);
    unic_trainer *t = small_trainer(SMALL_TWO, "train.schedule = linear\ntrain.warmup = 2\n"
                                               "train.lr_floor = 0.5\ntrain.lr = 0.1\n");
    io_assert_ok(unic_trainer_set_total_step_count(t, 6));
    const double expected[] = {0.05, 0.1, 0.1, 0.0875, 0.075, 0.0625, 0.05, 0.05};
    for (size_t i = 0; i < 8; i++) {
        io_assert_ok(unic_trainer_step(t, b->batch, NULL, terms));
        ck_assert_double_eq_tol(small_term(t, terms, "learning_rate"), expected[i], 1e-12);
    }
    unic_trainer_free(t);
    small_batch_free(b);
}
END_TEST

/* ---- determinism ---- */

static const char *const runs[] = {
    "", "behaviour = compat\nreset.steps = 3\n",
    "ema.start = kmeans\ntrain.optimizer = adamw\nema.partner = same_step\nreset.steps = 2\n",
    "kernel.backend = blas\ncpc.steps = 2\nclub.form = permutation\ncpc.self = 0.1\n"};
enum { RUNS = sizeof runs / sizeof runs[0] };

START_TEST(equal_seeds_give_equal_bytes)
{
    small_state one = state_after(SMALL_THREE, runs[_i], 12);
    small_state two = state_after(SMALL_THREE, runs[_i], 12);
    ck_assert(small_states_equal(&one, &two));
}
END_TEST

START_TEST(equal_seeds_give_equal_bytes_on_two_threads)
{
    io_assert_ok(unic_set_threads(2));
    small_state one = state_after(SMALL_THREE, "", 6), two = state_after(SMALL_THREE, "", 6);
    io_assert_ok(unic_set_threads(1));
    ck_assert(small_states_equal(&one, &two));
}
END_TEST

START_TEST(another_seed_or_key_gives_other_weights)
{
    static const char *const others[] = {"train.seed = 1\n", "encoder.dropout = 0.2\n",
                                         "reset.steps = 1\n", "ema.start = kmeans\n"};
    char path[2][512];
    strcpy(path[0], small_path("a.npz"));
    strcpy(path[1], small_path("b.npz"));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        for (size_t k = 0; k < 2; k++) { /* their configs differ: compare what was learnt */
            unic_model *model = NULL;
            unic_trainer *t = small_trainer(SMALL_TWO, k ? others[i] : "");
            train(t, SMALL_TWO, 0, 4);
            io_assert_ok(unic_trainer_model(&model, t));
            io_assert_ok(unic_model_save(model, path[k]));
            unic_model_free(model);
            unic_trainer_free(t);
        }
        small_edit(path[0], path[0], "config.txt", SMALL_DROP);
        small_edit(path[1], path[1], "config.txt", SMALL_DROP);
        ck_assert_msg(!small_same_files(path[0], path[1]), "%s", others[i]);
    }
    remove(path[0]);
    remove(path[1]);
}
END_TEST

/* ---- evaluation ---- */

START_TEST(evaluating_changes_nothing)
{
    double first[MOST_TERMS], again[MOST_TERMS];
    for (uint64_t steps = 0; steps < 3; steps += 2) {
        unic_trainer *t = small_trainer(SMALL_THREE, "encoder.dropout = 0.5\n");
        small_batch *b = whole_batch(SMALL_THREE, 5);
        train(t, SMALL_THREE, 0, steps);
        small_state before = small_state_of(t);
        io_assert_ok(unic_trainer_evaluate(t, b->batch, first));
        io_assert_ok(unic_trainer_evaluate(t, b->batch, NULL));
        io_assert_ok(unic_trainer_evaluate(t, b->batch, again));
        small_state after = small_state_of(t);
        ck_assert(small_states_equal(&before, &after));
        ck_assert_mem_eq(first, again, unic_trainer_figure_count(t) * sizeof *first);
        ck_assert_uint_eq(unic_trainer_step_count(t), steps);
        train(t, SMALL_THREE, steps, steps + 2); /* and the run goes on as if it had not been */
        after = small_state_of(t);
        before = state_after(SMALL_THREE, "encoder.dropout = 0.5\n", steps + 2);
        ck_assert(small_states_equal(&before, &after));
        small_batch_free(b);
        unic_trainer_free(t);
    }
}
END_TEST

START_TEST(evaluating_has_no_dropout)
{
    double with[MOST_TERMS], without[MOST_TERMS];
    small_batch *b = whole_batch(SMALL_TWO, 6);
    unic_trainer *t = small_trainer(SMALL_TWO, "encoder.dropout = 0.9\n");
    unic_trainer *u = small_trainer(SMALL_TWO, "encoder.dropout = 0\n");
    io_assert_ok(unic_trainer_evaluate(t, b->batch, with));
    io_assert_ok(unic_trainer_evaluate(u, b->batch, without));
    ck_assert_mem_eq(with, without, unic_trainer_figure_count(t) * sizeof *with);
    io_assert_ok(unic_trainer_step(t, b->batch, NULL, with));
    io_assert_ok(unic_trainer_step(u, b->batch, NULL, without));
    ck_assert(with[0] != without[0]);
    small_batch_free(b);
    unic_trainer_free(t);
    unic_trainer_free(u);
}
END_TEST

/* As the CMG code does (A.3): evaluation moves the idle counters and restarts codes; nothing
 * else. */
START_TEST(compat_evaluation_counts)
{
    double terms[MOST_TERMS];
    unic_trainer *t = small_trainer(SMALL_TWO, "behaviour = compat\nreset.steps = 2\n");
    small_batch *b = whole_batch(SMALL_TWO, 7);
    io_assert_ok(unic_trainer_step(t, b->batch, NULL, terms));
    int32_t most = 0;
    float *values = malloc(t->params.total * sizeof *values);
    memcpy(values, t->params.values, t->params.total * sizeof *values);
    io_assert_ok(unic_trainer_evaluate(t, b->batch, terms));
    for (size_t i = 0; i < 2 * SMALL_CODES; i++)
        most = t->codebook->idle[i] > most ? t->codebook->idle[i] : most;
    ck_assert_int_eq(most, 1); /* the counters begin at -1 */
    ck_assert(small_term(t, terms, "revived") == 0.0);
    for (int i = 0; i < 2; i++)
        io_assert_ok(unic_trainer_evaluate(t, b->batch, terms));
    ck_assert(small_term(t, terms, "revived") > 0.0);
    ck_assert_mem_eq(values, t->params.values, t->params.total * sizeof *values);
    ck_assert_uint_eq(unic_trainer_step_count(t), 1);
    free(values);
    small_batch_free(b);
    unic_trainer_free(t);
}
END_TEST

/* ---- revival ---- */

/* Codes that are bit for bit a row of the step's z, which no update makes them. Which rows: one
 * bit each in `rows`. */
static size_t find_fresh(const unic_trainer *t, uint64_t *rows)
{
    enum { STEPS = SMALL_BATCH * SMALL_LENGTH };
    size_t fresh = 0, bytes = SMALL_DIM * sizeof(float);
    *rows = 0;
    for (size_t l = 0; l < SMALL_CODES; l++)
        for (size_t i = 0; i < 2 * STEPS; i++) {
            const float *z = t->graph.stream[i / STEPS].z->t.x + i % STEPS * SMALL_DIM;
            bool same = memcmp(t->codebook->embedding + l * SMALL_DIM, z, bytes) == 0;
            *rows |= (uint64_t)same << i;
            fresh += same;
        }
    return fresh;
}

START_TEST(revives_and_reports_it)
{
    double terms[MOST_TERMS], revived = 0.0;
    uint64_t rows, first = 0;
    bool other = false;
    unic_trainer *t = small_trainer(SMALL_TWO, "reset.steps = 3\nreset.max_per_step = 1\n");
    small_batch *b = whole_batch(SMALL_TWO, 8);
    for (size_t step = 0; step < 12; step++) {
        io_assert_ok(unic_trainer_step(t, b->batch, NULL, terms));
        double now = small_term(t, terms, "revived");
        ck_assert(now <= (step < 3 ? 0.0 : 1.0));
        ck_assert_uint_eq(find_fresh(t, &rows), (size_t)now);
        first = first ? first : rows;
        other = other || (rows && rows != first);
        revived += now;
    }
    ck_assert(revived > 2.0 && other); /* every step draws anew */
    small_batch_free(b);
    unic_trainer_free(t);
}
END_TEST

/* ---- draws ---- */

static unic_draws own_draws(void)
{
    return (unic_draws){.struct_size = sizeof(unic_draws)};
}

START_TEST(draws_of_the_callers_are_used)
{
    double terms[SMALL_LENGTH][MOST_TERMS], own[MOST_TERMS];
    small_batch *b = whole_batch(SMALL_TWO, 9);
    size_t same = 0, count = 0;
    for (int32_t at = 0; at < SMALL_LENGTH; at++) {
        unic_trainer *t = small_trainer(SMALL_TWO, "");
        unic_draws draws = own_draws();
        draws.cpc_step = &at;
        io_assert_ok(unic_trainer_step(t, b->batch, &draws, terms[at]));
        const unic__cpc_inputs *cpc_inputs = unic__objective_inputs_of(&t->graph.objective,
                                                                       &unic__term_cross_cpc);
        ck_assert_int_eq(cpc_inputs->context->t.ix[1], SMALL_LENGTH + at);
        double cpc = small_term(t, terms[at], "cpc");
        for (int32_t k = 0; k < at; k++)
            ck_assert(small_term(t, terms[k], "cpc") != cpc);
        ck_assert((cpc == 0.0) == (at == SMALL_LENGTH - 1)); /* it has no future */
        unic_trainer_free(t);
    }
    unic_trainer *t = small_trainer(SMALL_TWO, "");
    unic_draws none = own_draws(); /* all of it drawn: as without */
    io_assert_ok(unic_trainer_step(t, b->batch, &none, own));
    count = unic_trainer_figure_count(t);
    for (size_t at = 0; at < SMALL_LENGTH; at++)
        same += memcmp(own, terms[at], count * sizeof *own) == 0;
    ck_assert_uint_eq(same, 1); /* the step it drew itself */
    unic_trainer_free(t);
    small_batch_free(b);
}
END_TEST

START_TEST(permutations_of_the_callers_are_used)
{
    double own[MOST_TERMS], identity[MOST_TERMS], turned[MOST_TERMS];
    const int32_t same[] = {0, 1, 2}, turn[] = {1, 2, 0}; /* of a batch of three clips */
    const int32_t *both_same[] = {same, same}, *one_turned[] = {same, turn};
    small_batch *b = small_batch_new(SMALL_TWO, 3, SMALL_LENGTH, 10);
    double *to[] = {own, identity, turned};
    for (size_t i = 0; i < 3; i++) {
        unic_trainer *t = small_trainer(SMALL_TWO, "club.form = permutation\n");
        unic_draws draws = own_draws();
        draws.club_permutation = i == 0 ? NULL : i == 1 ? both_same : one_turned;
        io_assert_ok(unic_trainer_step(t, b->batch, &draws, to[i]));
        if (i == 1)
            ck_assert(small_term(t, to[i], "club.audio") == 0.0 &&
                      small_term(t, to[i], "club.touch") == 0.0);
        if (i == 2)
            ck_assert(small_term(t, to[i], "club.audio") == 0.0 &&
                      small_term(t, to[i], "club.touch") != 0.0);
        unic_trainer_free(t);
    }
    small_batch_free(b);
}
END_TEST

START_TEST(sources_of_revival_are_the_callers)
{
    int32_t from[SMALL_CODES];
    for (int32_t l = 0; l < SMALL_CODES; l++) /* of 2 x 4 x 5 rows: touch's come second */
        from[l] = 39 - l;
    unic_trainer *t = small_trainer(SMALL_TWO, "reset.steps = 1\nencoder.dropout = 0\n");
    small_batch *b = whole_batch(SMALL_TWO, 11);
    io_assert_ok(unic_trainer_step(t, b->batch, NULL, NULL));
    unic_draws draws = own_draws();
    draws.revival_source = from;
    double terms[MOST_TERMS];
    io_assert_ok(unic_trainer_step(t, b->batch, &draws, terms));
    ck_assert(small_term(t, terms, "revived") > 0.0);
    const float *z = t->graph.stream[1].z->t.x; /* of the step's forward pass */
    size_t found = 0;
    for (size_t l = 0; l < SMALL_CODES; l++)
        found += memcmp(t->codebook->embedding + l * SMALL_DIM,
                        z + (size_t)(from[l] - 20) * SMALL_DIM, SMALL_DIM * sizeof *z) == 0;
    ck_assert_uint_eq(found, (size_t)small_term(t, terms, "revived"));
    small_batch_free(b);
    unic_trainer_free(t);
}
END_TEST

START_TEST(wrong_draws_are_named)
{
    const int32_t wrong_steps[] = {-1, SMALL_LENGTH};
    int32_t from[SMALL_CODES] = {0}, order[SMALL_BATCH] = {0, 1, 2, 3}, bad[] = {0, 1, 4, 2};
    const int32_t *permutations[] = {order, bad};
    unic_trainer *t = small_trainer(SMALL_TWO, "club.form = permutation\n");
    small_batch *b = whole_batch(SMALL_TWO, 12);
    io_assert_ok(unic_trainer_step(t, b->batch, NULL, NULL));
    small_state before = small_state_of(t);
    unic_draws draws = own_draws();
    draws.cpc_step = &wrong_steps[0];
    io_assert_fails(unic_trainer_step(t, b->batch, &draws, NULL), UNIC_E_VALUE,
                    "unic_trainer_step: draws: cpc_step = -1 is not in 0..4");
    draws.cpc_step = &wrong_steps[1];
    io_assert_fails(unic_trainer_step(t, b->batch, &draws, NULL), UNIC_E_VALUE,
                    "cpc_step = 5 is not in 0..4");
    draws = own_draws();
    draws.club_permutation = permutations;
    io_assert_fails(unic_trainer_step(t, b->batch, &draws, NULL), UNIC_E_VALUE,
                    "club_permutation[1][2] = 4 is not in 0..3");
    bad[2] = -1;
    io_assert_fails(unic_trainer_step(t, b->batch, &draws, NULL), UNIC_E_VALUE,
                    "club_permutation[1][2] = -1");
    draws = own_draws();
    draws.revival_source = from;
    from[7] = 2 * SMALL_BATCH * SMALL_LENGTH;
    io_assert_fails(unic_trainer_step(t, b->batch, &draws, NULL), UNIC_E_VALUE,
                    "revival_source[7] = 40 is none of the batch's 40 valid steps");
    from[7] = -1;
    io_assert_fails(unic_trainer_step(t, b->batch, &draws, NULL), UNIC_E_VALUE,
                    "revival_source[7] = -1");
    from[7] = 39;
    b->lengths[1][0] = 4; /* one row fewer */
    io_assert_fails(unic_trainer_step(t, b->batch, &draws, NULL), UNIC_E_VALUE,
                    "revival_source[7] = 39 is none of the batch's 39 valid steps");
    draws.struct_size--;
    io_assert_fails(unic_trainer_step(t, b->batch, &draws, NULL), UNIC_E_ARG,
                    "draws has struct_size");
    small_state after = small_state_of(t);
    ck_assert(small_states_equal(&before, &after));
    small_batch_free(b);
    unic_trainer_free(t);
}
END_TEST

/* ---- memory ---- */

START_TEST(a_step_allocates_nothing_after_the_first)
{
    for (size_t i = 0; i < RUNS; i++) {
        unic_trainer *t = small_trainer(SMALL_THREE, runs[i]);
        small_batch *b = whole_batch(SMALL_THREE, 13);
        small_batch *small = small_batch_new(SMALL_THREE, 2, 3, 14);
        double terms[MOST_TERMS];
        io_assert_ok(unic_trainer_step(t, b->batch, NULL, terms));
        unic_status status = UNIC_OK;
        small_count_allocations();
        for (size_t k = 0; k < 6 && status == UNIC_OK; k++)
            status = unic_trainer_step(t, k % 2 ? b->batch : small->batch, NULL, terms);
        if (status == UNIC_OK)
            status = unic_trainer_evaluate(t, b->batch, terms);
        ck_assert_uint_eq(small_counted_allocations(), 0);
        io_assert_ok(status);
        small_batch_free(b);
        small_batch_free(small);
        unic_trainer_free(t);
    }
}
END_TEST

static unic_config *oom_config;

static unic_status create(const char *path)
{
    (void)path;
    unic_trainer *t = (void *)&t;
    unic_status status = unic_trainer_create(&t, oom_config, NULL);
    ck_assert((status == UNIC_OK) == (t != NULL));
    unic_trainer_free(t);
    return status;
}

START_TEST(creating_survives_every_failing_allocation)
{
    oom_config = small_config(SMALL_THREE, _i ? "behaviour = compat\n" : "");
    io_fail_each_allocation(create, "");
    unic_config_free(oom_config);
}
END_TEST

/* The first step starts the codebook, and that takes memory: without it the step is not
 * taken. */
START_TEST(the_first_step_survives_failing_allocations)
{
    unic_trainer *t = small_trainer(SMALL_TWO, "");
    small_batch *b = whole_batch(SMALL_TWO, 15);
    unic_status status = UNIC_E_NOMEM;
    for (size_t n = 0; status == UNIC_E_NOMEM; n++) {
        ck_assert_uint_le(n, 9);
        small_state before = state_after(SMALL_TWO, "", 0), after = small_state_of(t);
        ck_assert(small_states_equal(&before, &after));
        small_fail_allocations_after(n);
        status = unic_trainer_step(t, b->batch, NULL, NULL);
        unic_set_allocator(NULL);
        ck_assert(n > 0 || status == UNIC_E_NOMEM);
    }
    io_assert_ok(status);
    unic_trainer *u = small_trainer(SMALL_TWO, "");
    io_assert_ok(unic_trainer_step(u, b->batch, NULL, NULL));
    small_state one = small_state_of(t), two = small_state_of(u);
    ck_assert(small_states_equal(&one, &two));
    small_batch_free(b);
    unic_trainer_free(t);
    unic_trainer_free(u);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("trainer");
    tcase_add_test(t, reports_its_terms_in_order);
    tcase_add_test(t, a_weight_of_0_leaves_a_term_out);
    tcase_add_test(t, terms_are_weighted);
    tcase_add_test(t, the_learning_rate_is_the_schedules);
    tcase_add_loop_test(t, equal_seeds_give_equal_bytes, 0, RUNS);
    tcase_add_test(t, equal_seeds_give_equal_bytes_on_two_threads);
    tcase_add_test(t, another_seed_or_key_gives_other_weights);
    tcase_add_test(t, evaluating_changes_nothing);
    tcase_add_test(t, evaluating_has_no_dropout);
    tcase_add_test(t, compat_evaluation_counts);
    tcase_add_test(t, revives_and_reports_it);
    tcase_add_test(t, draws_of_the_callers_are_used);
    tcase_add_test(t, permutations_of_the_callers_are_used);
    tcase_add_test(t, sources_of_revival_are_the_callers);
    tcase_add_test(t, wrong_draws_are_named);
    tcase_add_test(t, a_step_allocates_nothing_after_the_first);
    tcase_add_loop_test(t, creating_survives_every_failing_allocation, 0, 2);
    tcase_add_test(t, the_first_step_survives_failing_allocations);
    return small_run("train/trainer", t);
}
