/* lib/train/guard: runs that are finite step by step and lost all the same are told of once, or
 * stopped. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "file/io_help.h"
#include "model/small_model.h"
#include "train/guard.h"
#include "train/trainer.h"

static char said[1024];
static size_t lines;

static void keep(unic_log_level level, const char *line, void *user)
{
    (void)user;
    ck_assert_int_eq(level, UNIC_LOG_WARNING);
    snprintf(said, sizeof said, "%s", line);
    lines++;
}

/* Three terms of a step: two that are bounded, and CLUB. */
typedef struct step {
    float value[3];
    unic__node node[3];
    unic__term term[3];
} step;

static void make_step(step *s, double reconstruction, double cpc, double club)
{
    static const char *const names[] = {"reconstruction.a", "cpc", "club.a"};
    memset(s, 0, sizeof *s);
    s->value[0] = (float)reconstruction;
    s->value[1] = (float)cpc;
    s->value[2] = (float)(club / 0.5);
    for (size_t i = 0; i < 3; i++) {
        strcpy(s->term[i].name, names[i]);
        s->node[i].t.x = &s->value[i];
        s->term[i].node = &s->node[i];
        s->node[i].root = &s->node[i];
        s->term[i].given = s->term[i].weight = i == 2 ? 0.5 : 1.0;
    }
}

static unic_status look(unic__guard *guard, const unic_config *config, uint64_t at, double club)
{
    step s;
    make_step(&s, 2.0, 1.0, club);
    return unic__guard_terms(guard, config, at, s.term, 3);
}

static unic_config *config_with(const char *guard)
{
    char more[40];
    snprintf(more, sizeof more, "train.guard = %s\n", guard);
    return small_config(SMALL_TWO, more);
}

START_TEST(a_term_that_stays_below_all_others_is_told_of_once)
{
    unic_config *config = config_with("warn");
    unic__guard guard = {.said_falling = false};
    lines = 0;
    unic_set_log(keep, NULL);
    for (uint64_t i = 0; i < 100; i++) /* it learns, wildly */
        io_assert_ok(look(&guard, config, i, i % 10 ? -3.5 : -2.9));
    ck_assert_uint_eq(lines, 0);
    for (uint64_t i = 100; i < 150; i++)
        io_assert_ok(look(&guard, config, i, -3.5 * (double)i));
    ck_assert_uint_eq(lines, 1);
    ck_assert_str_eq(said, "step 100: club.a is -350 and has outweighed all other terms for 10 "
                           "steps: it falls without end; lower train.lr or club.weight "
                           "(docs/train.md, \"When training diverges\")");
    unic_set_log(NULL, NULL);
    unic__config_free(config);
}
END_TEST

START_TEST(stop_refuses_the_step_and_off_says_nothing)
{
    unic_config *stop = config_with("stop"), *off = config_with("off");
    unic__guard guard = {.said_falling = false}, none = {.said_falling = false};
    lines = 0;
    unic_set_log(keep, NULL);
    for (uint64_t i = 0; i < 9; i++)
        io_assert_ok(look(&guard, stop, i, -1e6));
    for (int again = 0; again < 2; again++)
        io_assert_fails(look(&guard, stop, 9, -1e6), UNIC_E_NUMERIC,
                        "step 9 refused: club.a is -1e+06 and has outweighed");
    io_assert_ok(look(&guard, stop, 9, 0.5)); /* another batch */
    io_assert_ok(look(&guard, stop, 10, -1e6));
    for (uint64_t i = 0; i < 1000; i++) {
        io_assert_ok(look(&none, off, i, -1e12));
        unic__guard_codes(&none, off, i, 0, 1.0, 80, NULL, 0);
    }
    ck_assert_uint_eq(lines, 0);
    unic_set_log(NULL, NULL);
    unic__config_free(stop);
    unic__config_free(off);
}
END_TEST

/* Small sums: what is left of the other terms need not be outweighed by noise. */
START_TEST(a_small_negative_term_is_none)
{
    unic_config *config = config_with("stop");
    unic__guard guard = {.said_falling = false};
    step s;
    make_step(&s, 0.0, 0.0, -0.9);
    for (uint64_t i = 0; i < 1000; i++)
        io_assert_ok(unic__guard_terms(&guard, config, i, s.term, 3));
    unic__config_free(config);
}
END_TEST

START_TEST(codes_that_collapse_are_told_of_once)
{
    unic_config *config = config_with("warn");
    unic__guard guard = {.said_falling = false};
    lines = 0;
    unic_set_log(keep, NULL);
    for (uint64_t i = 0; i < 2000; i++) {
        unic__guard_codes(&guard, config, i, 0, i % 400 ? 1.0 : 3.0, 80, NULL,
                          0);                                      /* it comes back */
        unic__guard_codes(&guard, config, i, 1, 1.0, 15, NULL, 0); /* too few to tell */
    }
    ck_assert_uint_eq(lines, 0);
    for (uint64_t i = 0; i < 2000; i++)
        unic__guard_codes(&guard, config, i, 1, 1.05, 80, NULL, 0);
    ck_assert_uint_eq(lines, 1);
    ck_assert(
        strstr(said, "step 499: nearly all steps of modality \"touch\" have had the same"));
    unic_set_log(NULL, NULL);
    unic__config_free(config);
}
END_TEST

/* A step that is refused leaves the trainer as it was. */
START_TEST(a_trainer_that_is_stopped_is_as_before)
{
    unic_trainer *t = small_trainer(SMALL_TWO, "train.guard = stop\n");
    small_batch *b = small_batch_new(SMALL_TWO, SMALL_BATCH, SMALL_LENGTH, 1);
    io_assert_ok(unic_trainer_step(t, b->batch, NULL, NULL));
    for (size_t i = 0; i < t->graph.objective.term_count; i++)
        t->guard.falling[i] = 9;
    for (size_t i = 0; i < t->graph.objective.term_count; i++)
        if (strncmp(t->graph.objective.term[i].name, "club.", 5) != 0)
            t->graph.objective.term[i].weight = 0.0; /* nothing is left to outweigh */
    unic__term *club = NULL;
    for (size_t i = 0; i < t->graph.objective.term_count; i++)
        if (strcmp(t->graph.objective.term[i].name, "club.touch") == 0)
            club = &t->graph.objective.term[i];
    ck_assert(club != NULL);
    club->weight = -1e6 / (double)club->node->t.x[0]; /* as if it had fallen */
    small_state before = small_state_of(t);
    double figures[64];
    unic_status status = unic_trainer_step(t, b->batch, NULL, figures);
    ck_assert_msg(status == UNIC_E_NUMERIC && strstr(unic_last_error(), "club.touch is -"),
                  "%s", unic_last_error());
    small_state after = small_state_of(t);
    ck_assert(small_states_equal(&before, &after));
    small_batch_free(b);
    unic_trainer_free(t);
}
END_TEST

/* ---- train.guard = lower ---- */

/* Each ten steps in which it still outweighs the others take a tenth of it, down to a millionth. */
START_TEST(a_term_that_falls_loses_weight)
{
    unic_config *config = config_with("lower");
    unic__guard guard = {.said_falling = false};
    step s;
    make_step(&s, 2.0, 1.0, -1e4);
    lines = 0;
    unic_set_log(keep, NULL);
    for (uint64_t i = 0; i < 10; i++)
        io_assert_ok(unic__guard_terms(&guard, config, i, s.term, 3));
    ck_assert_uint_eq(lines, 1);
    ck_assert_str_eq(said, "step 9: club.a is -10000 and has outweighed all other terms for 10 "
                           "steps: it falls without end; the weight of club.a is lowered from "
                           "0.5 to 0.05");
    for (uint64_t i = 10; i < 100; i++) {
        unic__guard_weigh(&guard, s.term, 3);
        io_assert_ok(unic__guard_terms(&guard, config, i, s.term, 3));
    }
    ck_assert_uint_eq(lines, 4); /* -1e4 / 10^4 no longer outweighs 3 */
    ck_assert_double_eq(s.term[2].weight, 0.5 / 10000.0);
    ck_assert_double_eq(s.node[2].seed, s.term[2].weight);
    ck_assert_double_eq(s.term[0].weight, 1.0);
    s.value[2] = -1e30F;
    for (uint64_t i = 100; i < 200; i++) {
        io_assert_ok(unic__guard_terms(&guard, config, i, s.term, 3));
        unic__guard_weigh(&guard, s.term, 3);
    }
    ck_assert_double_eq(s.term[2].weight, 0.5 / 1e6);
    ck_assert_uint_eq(lines, 4 + 2 + 1); /* then the warning, once */
    ck_assert(strstr(said, "lower train.lr or club.weight"));
    unic_set_log(NULL, NULL);
    unic__config_free(config);
}
END_TEST

START_TEST(codes_that_collapse_take_weight_from_club)
{
    unic_config *config = config_with("lower");
    unic__guard guard = {.said_falling = false};
    const size_t names = config->modality_count;
    step s;
    make_step(&s, 2.0, 1.0, 0.0);
    ck_assert_uint_eq(names, 2);
    snprintf(s.term[2].name, sizeof s.term[2].name, "club.%s", config->modality[1].name);
    lines = 0;
    unic_set_log(keep, NULL);
    for (uint64_t i = 0; i < 999; i++)
        unic__guard_codes(&guard, config, i, 1, 1.05, 80, s.term, 3);
    ck_assert_uint_eq(lines, 1);
    ck_assert_str_eq(said, "step 499: nearly all steps of modality \"touch\" have had the same "
                           "code for 500 steps (perplexity 1.05): the codebook has collapsed; "
                           "the weight of club.touch is lowered from 0.5 to 0.05");
    for (uint64_t i = 0; i < 1500; i++) /* a modality without CLUB is told of as ever */
        unic__guard_codes(&guard, config, i, 0, 1.0, 80, s.term, 3);
    ck_assert_uint_eq(lines, 2);
    ck_assert(strstr(said, "scale the features to unit size"));
    unic_set_log(NULL, NULL);
    unic__config_free(config);
}
END_TEST

/* As of an extraction that failed, whose features are all zeros. */
START_TEST(features_that_are_all_the_same_are_told_of)
{
    unic_config *config = config_with("warn"), *off = config_with("off");
    unic__guard guard = {.said_falling = false};
    float x[40][3] = {{0}}, mask[40];
    for (size_t i = 0; i < 40; i++) {
        mask[i] = i % 2 ? 1.0F : 0.0F;
        x[i][1] = i % 4 == 1 ? -0.0F : 0.0F;
        x[i][2] = i % 2 ? 0.5F : (float)i; /* what is masked may be anything */
    }
    lines = 0;
    unic_set_log(keep, NULL);
    for (uint64_t i = 0; i < 20; i++) {
        unic__guard_features(&guard, config, i, 1, x[0], mask, 40, 3);
        unic__guard_features(&guard, config, i, 0, x[0], mask, 20, 3); /* ten: too few */
        unic__guard_features(&guard, off, i, 0, x[0], mask, 40, 3);
    }
    ck_assert_uint_eq(lines, 1);
    ck_assert_str_eq(said, "step 4: the features of modality \"touch\" have been one and the "
                           "same vector, in all steps of all clips, for 5 steps: nothing can "
                           "be learnt of them");
    x[39][0] = 1e-30F; /* one number is enough, and the steps are counted anew */
    for (uint64_t i = 0; i < 20; i++) {
        x[39][0] = i % 5 == 4 ? 1e-30F : 0.0F;
        unic__guard_features(&guard, config, i, 1, x[0], mask, 40, 3);
    }
    ck_assert_uint_eq(lines, 1);
    unic_set_log(NULL, NULL);
    unic__config_free(off);
    unic__config_free(config);
}
END_TEST

START_TEST(a_trainer_looks_at_its_features)
{
    unic_trainer *t = small_trainer(SMALL_TWO, "");
    small_batch *b = small_batch_new(SMALL_TWO, SMALL_BATCH, SMALL_LENGTH, 1);
    const size_t numbers = b->clips * b->length * b->step[1];
    ck_assert_uint_ge(b->clips * b->length, 16);
    lines = 0;
    unic_set_log(keep, NULL);
    for (int i = 0; i < 6; i++)
        io_assert_ok(unic_trainer_step(t, b->batch, NULL, NULL));
    ck_assert_uint_eq(lines, 0);
    for (size_t i = 0; i < numbers; i++)
        b->x[1][i] = 0.0F;
    for (int i = 0; i < 8; i++)
        io_assert_ok(unic_trainer_step(t, b->batch, NULL, NULL));
    ck_assert_uint_eq(lines, 1);
    ck_assert_ptr_nonnull(strstr(said, "step 10: the features of modality \"touch\""));
    unic_set_log(NULL, NULL);
    unic_trainer_free(t);
    small_batch_free(b);
}
END_TEST

static unic__term *term_of(unic_trainer *t, const char *name)
{
    for (size_t i = 0; i < t->graph.objective.term_count; i++)
        if (strcmp(t->graph.objective.term[i].name, name) == 0)
            return &t->graph.objective.term[i];
    ck_abort_msg("no term %s", name);
}

/* Both CLUB terms, as if they had fallen for ten steps when the next one has been taken. */
static void make_fall(unic_trainer *t, small_batch *b)
{
    static const char *const names[] = {"club.audio", "club.touch"};
    unic__objective *o = &t->graph.objective;
    for (size_t i = 0; i < o->term_count; i++) {
        t->guard.falling[i] = 9;
        o->term[i].weight = 0.0;
    }
    for (size_t k = 0; k < 2; k++) {
        unic__term *club = term_of(t, names[k]);
        club->weight = -1e6 / (double)club->node->t.x[0];
    }
    io_assert_ok(unic_trainer_step(t, b->batch, NULL, NULL));
}

static bool same_values(const unic_trainer *a, const unic_trainer *b)
{
    const size_t bytes = a->params.total * sizeof(float);
    return memcmp(a->params.values, b->params.values, bytes) == 0 &&
           memcmp(a->adam.v, b->adam.v, bytes) == 0;
}

/* What is left of the weight trains, and comes back with the run. */
START_TEST(a_lowered_weight_is_saved_and_trains)
{
    unic_trainer *t = small_trainer(SMALL_TWO, "club.weight = 0.5\ntrain.guard = lower\n");
    small_batch *b = small_batch_new(SMALL_TWO, SMALL_BATCH, SMALL_LENGTH, 1);
    const char *path = small_path("lowered.npz");
    unic_trainer_options options = {.struct_size = sizeof options};
    unic_trainer *same, *tenth, *whole;
    lines = 0;
    io_assert_ok(unic_trainer_step(t, b->batch, NULL, NULL));
    unic_set_log(keep, NULL);
    make_fall(t, b);
    ck_assert_uint_eq(lines, 2);
    unic_set_log(NULL, NULL);
    ck_assert_double_eq(term_of(t, "club.touch")->weight, 0.05);
    ck_assert_double_eq(term_of(t, "cpc")->weight, 1.0);
    t->guard.falling[0] = 3;
    t->guard.collapsed[1] = 7;
    io_assert_ok(unic_trainer_save(t, path));
    io_assert_ok(unic_trainer_resume(&same, path, &options, NULL));
    ck_assert_mem_eq(same->guard.lowered, t->guard.lowered, sizeof t->guard.lowered);
    ck_assert_mem_eq(same->guard.falling, t->guard.falling, sizeof t->guard.falling);
    ck_assert_mem_eq(same->guard.collapsed, t->guard.collapsed, sizeof t->guard.collapsed);
    options.settings = "club.weight = 0.05\ntrain.guard = off\n";
    io_assert_ok(unic_trainer_resume(&tenth, path, &options, NULL));
    options.settings = "train.guard = warn\n";
    io_assert_ok(unic_trainer_resume(&whole, path, &options, NULL));
    unic_trainer *all[] = {t, same, tenth, whole};
    for (size_t i = 0; i < 4; i++)
        io_assert_ok(unic_trainer_step(all[i], b->batch, NULL, NULL));
    ck_assert(same_values(t, same) && same_values(t, tenth));
    ck_assert(!same_values(t, whole)); /* the config's weight is back */
    for (size_t i = 0; i < 4; i++)
        unic_trainer_free(all[i]);
    small_batch_free(b);
}
END_TEST

/* Counts that no guard writes. */
START_TEST(a_guards_counts_are_checked)
{
    unic_trainer *t = small_trainer(SMALL_TWO, "train.guard = lower\n"), *out;
    const char *path = small_path("guarded.npz"), *bad = small_path("bad.run.npz");
    io_assert_ok(unic_trainer_save(t, path));
    unic_trainer_free(t);
    static const char *const members[] = {"guard_codes", "guard/club.touch"};
    for (size_t i = 0; i < 2; i++) {
        char run[256];
        snprintf(run, sizeof run, "%s", path);
        strcpy(strstr(run, ".npz"), ".run.npz");
        small_edit(run, bad, members[i], SMALL_SPOIL);
        io_assert_fails(unic_trainer_resume(&out, small_path("bad.npz"), NULL, NULL),
                        UNIC_E_FORMAT,
                        i ? "guard/club.touch[0] is -7, not in 0..2147483647"
                          : "guard_codes[0] is -7, not in 0..2147483647");
    }
}
END_TEST

/* A run that cannot be saved or read for want of memory leaves nothing behind, wherever it fails. */
START_TEST(no_memory_for_a_guards_counts)
{
    unic_trainer *t = small_trainer(SMALL_TWO, "train.guard = lower\n"), *out;
    const char *path = small_path("little.npz");
    unic_status status = UNIC_E_NOMEM;
    size_t failed = 0;
    for (; status != UNIC_OK; failed++) {
        small_fail_allocations_after(failed);
        status = unic_trainer_save(t, path);
        unic_set_allocator(NULL);
        ck_assert(status == UNIC_OK || status == UNIC_E_NOMEM);
    }
    ck_assert_uint_gt(failed, 20);
    status = UNIC_E_NOMEM;
    for (failed = 0; status != UNIC_OK; failed++) {
        out = NULL;
        small_fail_allocations_after(failed);
        status = unic_trainer_resume(&out, path, NULL, NULL);
        unic_set_allocator(NULL);
        ck_assert(status == UNIC_OK || (status == UNIC_E_NOMEM && out == NULL));
    }
    unic_trainer_free(out);
    unic_trainer_free(t);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("guard");
    tcase_add_test(t, a_term_that_stays_below_all_others_is_told_of_once);
    tcase_add_test(t, stop_refuses_the_step_and_off_says_nothing);
    tcase_add_test(t, a_small_negative_term_is_none);
    tcase_add_test(t, codes_that_collapse_are_told_of_once);
    tcase_add_test(t, features_that_are_all_the_same_are_told_of);
    tcase_add_test(t, a_trainer_looks_at_its_features);
    tcase_add_test(t, a_trainer_that_is_stopped_is_as_before);
    tcase_add_test(t, a_term_that_falls_loses_weight);
    tcase_add_test(t, codes_that_collapse_take_weight_from_club);
    tcase_add_test(t, a_lowered_weight_is_saved_and_trains);
    tcase_add_test(t, a_guards_counts_are_checked);
    tcase_add_test(t, no_memory_for_a_guards_counts);
    return small_run("train/guard", t);
}
