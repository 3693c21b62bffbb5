/* Ranks that train as one: what fails at one of them, what they are refused, and a run that
 * goes on with other ranks. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "comm_help.h"
#include "file/io_help.h"

/* ---- what fails at one rank ---- */

static void states_of(comm_fixture *f, small_state *to)
{
    for (size_t r = 0; r < f->world->size; r++)
        to[r] = small_state_of(f->of[r]);
}

static void states_are(comm_fixture *f, small_state *were)
{
    for (size_t r = 0; r < f->world->size; r++) {
        small_state now = small_state_of(f->of[r]);
        ck_assert(small_states_equal(&now, &were[r]));
    }
}

START_TEST(a_step_is_taken_by_all_or_none)
{
    small_state before[THREAD_RANKS];
    comm_fixture *f = comm_new(2, "margin.head = 4\n");
    for (uint64_t step = 0; step < 2; step++) { /* the first starts the codebook */
        comm_cut(f, comm_ragged(COMM_CLIPS, step));
        states_of(f, before);
        const float was = f->whole->x[0][17 * COMM_LENGTH * f->whole->step[0]];
        f->whole->lengths[0][17] = COMM_LENGTH;
        f->whole->x[0][17 * COMM_LENGTH * f->whole->step[0]] = NAN; /* rank 1's second clip */
        comm_step(f);
        ck_assert_int_eq(f->status[0], UNIC_E_VALUE);
        ck_assert_int_eq(f->status[1], UNIC_E_VALUE);
        ck_assert_msg(strstr(f->message[0], "rank 1 of 2 failed with UNIC_E_VALUE"), "%s",
                      f->message[0]);
        ck_assert_msg(strstr(f->message[1], "clip 1 of the batch"), "%s", f->message[1]);
        states_are(f, before);
        f->whole->x[0][17 * COMM_LENGTH * f->whole->step[0]] = was;
        comm_step_ok(f);
        comm_uncut(f);
    }
    comm_compare_states(f);
    comm_free(f);
}
END_TEST

/* Any call of rank 1 fails in turn: all ranks' steps do, and change nothing. */
START_TEST(a_call_that_fails_refuses_the_step)
{
    static const char *const more[] = {
        "margin.head = 4\n", "behaviour = compat\n",
        "objective = dcid+codis\nreset.rule = two\nreset.source = encoder\n",
        "objective = codaar\nreset.rule = any\n", "objective = hdcid\nlevel2.count = 9\n"};
    small_state before[THREAD_RANKS];
    uint64_t calls = 0;
    for (uint64_t n = 1; calls == 0 || n <= calls; n += 3 + (uint64_t)_i) {
        comm_fixture *f = comm_new(2, more[_i]);
        for (uint64_t step = 0; step < 3; step++) {
            comm_cut(f, comm_ragged(COMM_CLIPS, step));
            if (step == 2) {
                states_of(f, before);
                f->world->rank[1].fails_at = f->world->rank[1].calls + n;
            }
            const uint64_t already = f->world->rank[0].calls;
            comm_step(f);
            if (calls == 0 && step == 1)
                calls = f->world->rank[0].calls - already;
            comm_uncut(f);
        }
        if (f->status[0] == UNIC_OK) { /* it makes fewer calls: codes were not renewed */
            for (size_t r = 0; r < 2; r++)
                free(before[r].bytes);
        } else {
            for (size_t r = 0; r < 2; r++)
                ck_assert_msg(f->status[r] == UNIC_E_IO && strstr(f->message[r], "comm->"),
                              "call %llu, rank %zu: %s", (unsigned long long)n, r,
                              f->message[r]);
            states_are(f, before);
        }
        comm_free(f);
    }
    ck_assert_uint_gt(calls, 20);
}
END_TEST

static int stop(const char *what, uint64_t done, uint64_t total, void *user)
{
    (void)what;
    (void)total;
    return done > *(const uint64_t *)user;
}

START_TEST(a_rank_that_is_stopped_stops_all)
{
    small_state before[THREAD_RANKS];
    comm_fixture *f = comm_new(2, "margin.head = 4\n");
    uint64_t after[] = {3, 60, 150, 400};
    for (size_t i = 0; i < 4; i++) {
        comm_cut(f, comm_ragged(COMM_CLIPS, i));
        states_of(f, before);
        f->of[1]->watch.progress = (unic__progress){stop, &after[i]};
        comm_step(f);
        for (size_t r = 0; r < 2; r++)
            ck_assert_msg(f->status[r] == UNIC_E_CANCELLED, "after %llu, rank %zu: %d, %s",
                          (unsigned long long)after[i], r, f->status[r], f->message[r]);
        states_are(f, before);
        f->of[1]->watch.progress = (unic__progress){NULL, NULL};
        comm_step_ok(f);
        comm_uncut(f);
    }
    comm_free(f);
}
END_TEST

/* ---- one state ---- */

START_TEST(ranks_with_other_states_or_configs_are_found_out)
{
    comm_fixture *f = comm_new(3, "margin.head = 4\n");
    comm_cut(f, comm_ragged(COMM_CLIPS, 0));
    comm_step_ok(f);
    f->of[2]->adam.v[7] += 1e-9F;
    comm_step(f);
    for (size_t r = 0; r < 3; r++)
        ck_assert_msg(f->status[r] == UNIC_E_STATE &&
                          strstr(f->message[r],
                                 "step 1: the state of rank 2, at its step 1, is "
                                 "not that of rank 0"),
                      "%s", f->message[r]);
    unic_trainer_free(f->of[1]);
    f->of[1] = comm_trainer("margin.head = 4\ntrain.seed = 9\n", &f->comm[1]);
    for (size_t r = 0; r < 3; r++)
        f->of[r]->checked = false;
    comm_step(f);
    for (size_t r = 0; r < 3; r++)
        ck_assert_msg(strstr(f->message[r], "rank 1 has another config than rank 0"), "%s",
                      f->message[r]);
    comm_uncut(f);
    comm_free(f);
}
END_TEST

/* Also before an evaluation, whose figures would be of different models. */
START_TEST(ranks_that_evaluate_are_of_one_state)
{
    comm_fixture *f = comm_new(2, "margin.head = 4\n");
    comm_cut(f, comm_ragged(COMM_CLIPS, 0));
    f->evaluates = true;
    f->of[1]->params.values[3] += 1e-3F;
    comm_step(f);
    for (size_t r = 0; r < 2; r++)
        ck_assert_msg(f->status[r] == UNIC_E_STATE &&
                          strstr(f->message[r], "unic_trainer_evaluate: step 0: the state of "
                                                "rank 1, at its step 0, is not that of rank 0"),
                      "%s", f->message[r]);
    comm_uncut(f);
    comm_free(f);
}
END_TEST

/* `if (rank == 0) evaluate()`, or the other way round. */
static unic_status step_at_one_rank(void *context, size_t r)
{
    comm_fixture *f = context;
    const bool steps = (r == 0) == f->evaluates;
    unic_status status = steps ? unic_trainer_step(f->of[r], f->part[r].batch, NULL, NULL)
                               : unic_trainer_evaluate(f->of[r], f->part[r].batch, NULL);
    snprintf(f->message[r], sizeof f->message[r], "%s", unic_last_error());
    return status;
}

START_TEST(ranks_that_make_other_calls_are_found_out)
{
    small_state before[THREAD_RANKS];
    comm_fixture *f = comm_new(2, "margin.head = 4\n");
    for (size_t r = 0; r < 2; r++)
        f->of[r]->ranks->comm.check_steps = 100;
    comm_cut(f, comm_ragged(COMM_CLIPS, 0));
    comm_step_ok(f);
    states_of(f, before);
    for (size_t i = 0; i < 2; i++) {
        f->evaluates = i > 0;
        thread_run(f->world, step_at_one_rank, f, f->status);
        for (size_t r = 0; r < 2; r++)
            ck_assert_msg(
                f->status[r] == UNIC_E_STATE &&
                    strstr(f->message[r],
                           i ? "rank 0 takes a step while rank 1 evaluates: all ranks "
                               "make the same calls, in the same order"
                             : "rank 1 takes a step while rank 0 evaluates"),
                "%s", f->message[r]);
    }
    states_are(f, before);
    f->evaluates = false;
    comm_step_ok(f);
    comm_uncut(f);
    comm_free(f);
}
END_TEST

/* After the first step they would not ask for the same things at the same time. */
START_TEST(ranks_that_compare_at_other_steps_are_found_out)
{
    static const int32_t steps[][2] = {{3, 3}, {0, 100}, {-1, -1}, {7, 5}, {-1, 0}};
    comm_fixture *f = comm_new(2, "margin.head = 4\n");
    comm_cut(f, comm_ragged(COMM_CLIPS, 0));
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        for (size_t r = 0; r < 2; r++) {
            f->of[r]->ranks->comm.check_steps = steps[i][r];
            f->of[r]->checked = false;
        }
        comm_step(f);
        for (size_t r = 0; r < 2; r++)
            ck_assert_int_eq(f->status[r], i < 3 ? UNIC_OK : UNIC_E_STATE);
        ck_assert_msg(i != 3 ||
                          strstr(f->message[0], "rank 1 has comm->check_steps = 5, and "
                                                "rank 0 7: the same at all ranks expected"),
                      "%s", f->message[0]);
        ck_assert_msg(i != 4 || strstr(f->message[1], "check_steps = 100, and rank 0 -1"), "%s",
                      f->message[1]);
    }
    comm_uncut(f);
    comm_free(f);
}
END_TEST

/* A number that the trainer keeps of its codes, beside the codebook. */
static float *segment_sum(unic_trainer *t)
{
    return t->segment[1]->sum + 3;
}

static float *level2_count(unic_trainer *t)
{
    return t->level2->count + 3;
}

START_TEST(other_codes_are_found_out)
{
    static const struct {
        const char *more;
        float *(*number)(unic_trainer *t);
    } cases[] = {{"objective = codaar\n", segment_sum},
                 {"objective = hdcid\nlevel2.count = 9\n", level2_count}};
    comm_fixture *f = comm_new(2, cases[_i].more);
    comm_cut(f, comm_ragged(COMM_CLIPS, 0));
    comm_step_ok(f);
    float *number = cases[_i].number(f->of[1]);
    *number = nextafterf(*number, INFINITY);
    for (size_t r = 0; r < 2; r++)
        f->of[r]->checked = false;
    comm_step(f);
    for (size_t r = 0; r < 2; r++)
        ck_assert_msg(f->status[r] == UNIC_E_STATE &&
                          strstr(f->message[r], "not that of rank 0"),
                      "%s", f->message[r]);
    comm_uncut(f);
    comm_free(f);
}
END_TEST

static const char *const resumed[] = {"margin.head = 4\n", "objective = codaar\n",
                                      "objective = hdcid\nlevel2.count = 9\n"};

/* A run of two ranks goes on with three, from its file. */
START_TEST(a_run_resumes_with_other_ranks)
{
    double two[COMM_FIGURES], three[COMM_FIGURES];
    comm_fixture *f = comm_new(2, resumed[_i]), *next = comm_new(3, resumed[_i]);
    comm_cut(f, comm_ragged(COMM_CLIPS, 0));
    comm_step_ok(f);
    comm_uncut(f);
    const char *path = small_path("ranks.npz");
    io_assert_ok(unic_trainer_save(f->of[1], path));
    for (size_t r = 0; r < 3; r++) {
        const unic_trainer_options o = {.struct_size = sizeof o, .comm = &next->comm[r]};
        unic_trainer_free(next->of[r]);
        io_assert_ok(unic_trainer_resume(&next->of[r], path, &o, NULL));
    }
    for (uint64_t step = 1; step < 4; step++) {
        comm_cut(f, comm_ragged(COMM_CLIPS, step));
        comm_cut(next, comm_ragged(COMM_CLIPS, step));
        comm_step_ok(f);
        comm_step_ok(next);
        memcpy(two, f->figures[0], sizeof two);
        memcpy(three, next->figures[2], sizeof three);
        ck_assert_double_eq_tol(two[0], three[0], 1e-4 * fabs(two[0]));
        comm_uncut(f);
        comm_uncut(next);
    }
    comm_free(next);
    comm_free(f);
}
END_TEST

/* ---- what is refused ---- */

static void refused(unic_comm comm, const char *more, unic_status want, const char *words)
{
    char text[1024];
    unic_trainer *t;
    snprintf(text, sizeof text, COMM_EVERYTHING "margin.head = 4\n%s", more);
    unic_config *config = small_config(COMM_CONFIG, text);
    const unic_trainer_options o = {.struct_size = sizeof o, .comm = &comm};
    unic_status status = unic_trainer_create(&t, config, &o);
    ck_assert_msg(status == want && strstr(unic_last_error(), words), "%d: %s", status,
                  unic_last_error());
    ck_assert(t == NULL);
    unic_config_free(config);
}

START_TEST(what_cannot_be_is_refused)
{
    thread_world *w = thread_world_new(4);
    const unic_comm good = thread_comm(w, 1);
    unic_comm bad = good;
    bad.size = 0;
    refused(bad, "", UNIC_E_ARG, "comm->size = 0 is not in 1..4096");
    bad = good;
    bad.rank = 4;
    refused(bad, "", UNIC_E_ARG, "comm->rank = 4 is not in 0..3");
    bad = good;
    bad.check_steps = -2;
    refused(bad, "", UNIC_E_ARG, "comm->check_steps = -2, -1 or more expected");
    bad = good;
    bad.sum_wait = NULL;
    refused(bad, "", UNIC_E_ARG, "comm->sum_wait is NULL");
    bad = good;
    bad.reserved[1] = w;
    refused(bad, "", UNIC_E_ARG, "options->comm: reserved[1]");
    bad = good;
    bad.struct_size = 8;
    refused(bad, "", UNIC_E_ARG, "options->comm has struct_size 8");
    bad = good;
    bad.size = 33;
    refused(bad, "", UNIC_E_CONFIG, "train.batch = 32, the clips of all ranks");
    thread_world_free(w);
}
END_TEST

START_TEST(a_batch_without_a_step_at_any_rank_is_refused)
{
    comm_fixture *f = comm_new(2, "margin.head = 4\n");
    small_batch *b = comm_ragged(COMM_CLIPS, 0);
    for (size_t m = 0; m < b->n; m++)
        memset(b->lengths[m], 0, COMM_CLIPS * sizeof(int32_t));
    comm_cut(f, b);
    comm_step(f);
    for (size_t r = 0; r < 2; r++)
        ck_assert_msg(f->status[r] == UNIC_E_VALUE && strstr(f->message[r], "at any rank"),
                      "%s", f->message[r]);
    comm_uncut(f);
    comm_free(f);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("comm_fails");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, a_step_is_taken_by_all_or_none);
    tcase_add_loop_test(t, a_call_that_fails_refuses_the_step, 0, 5);
    tcase_add_test(t, a_rank_that_is_stopped_stops_all);
    tcase_add_test(t, ranks_with_other_states_or_configs_are_found_out);
    tcase_add_test(t, ranks_that_compare_at_other_steps_are_found_out);
    tcase_add_test(t, ranks_that_evaluate_are_of_one_state);
    tcase_add_test(t, ranks_that_make_other_calls_are_found_out);
    tcase_add_loop_test(t, other_codes_are_found_out, 0, 2);
    tcase_add_loop_test(t, a_run_resumes_with_other_ranks, 0, 3);
    tcase_add_test(t, what_cannot_be_is_refused);
    tcase_add_test(t, a_batch_without_a_step_at_any_rank_is_refused);
    return small_run("train/comm_fails", t);
}
