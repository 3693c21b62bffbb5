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
        s->term[i].weight = i == 2 ? 0.5 : 1.0;
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
        unic__guard_codes(&none, off, i, 0, 1.0, 80);
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
        unic__guard_codes(&guard, config, i, 0, i % 400 ? 1.0 : 3.0, 80); /* it comes back */
        unic__guard_codes(&guard, config, i, 1, 1.0, 15);                 /* too few to tell */
    }
    ck_assert_uint_eq(lines, 0);
    for (uint64_t i = 0; i < 2000; i++)
        unic__guard_codes(&guard, config, i, 1, 1.05, 80);
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

int main(void)
{
    TCase *t = tcase_create("guard");
    tcase_add_test(t, a_term_that_stays_below_all_others_is_told_of_once);
    tcase_add_test(t, stop_refuses_the_step_and_off_says_nothing);
    tcase_add_test(t, a_small_negative_term_is_none);
    tcase_add_test(t, codes_that_collapse_are_told_of_once);
    tcase_add_test(t, a_trainer_that_is_stopped_is_as_before);
    return small_run("train/guard", t);
}
