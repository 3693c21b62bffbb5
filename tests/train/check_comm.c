/* Ranks that train as one (unicode/unic_comm.h), as threads of this process: at each of many
 * steps, from one and the same state, they do what one trainer does with the whole batch.
 * With COMM_MORE, lines of config text, only two ranks are tried, of it (make check-paper-ranks). */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "comm_help.h"
#include "file/io_help.h"

enum { STEPS = 20 };

/* ---- as one ---- */

static const struct {
    size_t ranks;
    const char *more;
} cases[] = {
    {2, "margin.head = 4\n"},
    {3, "margin.head = 4\n"},
    {4, "margin.head = 4\n"},
    {2, "margin.head = 4\nema.start = kmeans\ncpc.contrast = predictions\ncode_match.form = "
        "asymmetric\n"
        "club.form = permutation\n"},
    {2,
     "margin.form = fixed\nmargin.head = 0\nclub.input = quantized\nema.order = sequential\n"},
    {3, "margin.head = 4\nmargin.rows = on\nreset.source = code\n"
        "train.freeze = audio.encoder image.club\n"},
    {2, "margin.head = 4\ncontrast.weight = 1\ncontrast.head = 4\nrestore.weight = 1\n"},
    {3, "objective = turn\n"},
    {2, "objective = mst\ncontrast.learn = off\n"},
    {2, "objective = micu\nmargin.head = 4\njigsaw.width = 6\n"},
    {3, "objective = micu\nmargin.head = 4\njigsaw.width = 6\njigsaw.parts = 4\n"
        "jigsaw.orders = 5\nmasked.fine = 0.5\n"},
    {2, "margin.head = 4\npadding = real\nema.partner = same_step\n"},
    {2, "behaviour = compat\n"},
    {3, "behaviour = compat\nmargin.head = 4\ntrain.freeze = image.club\n"},
    {4, "behaviour = compat\n"},
    {2, "objective = codis\ncodis.queue = 48\n"},
    {3, "objective = dcid+codis\ncodis.queue = 20\ncodis.plan = sinkhorn\nreset.rule = two\n"
        "reset.source = encoder\n"},
    {4, "objective = codis\ncodis.queue = 0\n"},
    {2, "objective = codaar\n"},
    {3, "objective = codaar\nema.start = kmeans\nreset.rule = any\nreset.source = encoder\n"},
    {4, "code.segments = on\nmargin.head = 4\nema.order = sequential\n"},
    {2, "behaviour = compat\ncode.segments = on\n"},
    {2, "objective = hdcid\nlevel2.count = 9\nlevel2.start = 0\n"},
    {3, "objective = hdcid\nlevel2.start = 0.5\nema.start = kmeans\nmargin.head = 4\n"
        "reset.rule = any\n"},
    {4, "objective = hdcid\nclub.form = permutation\nclub.input = quantized\n"},
    {3, "behaviour = compat\nlevel2.weight = 1\n"},
    {2, "objective = baseline\n"},
    {2, "objective = smit\n"},
    {2, "objective = cmcm\n"},
    {2, "objective = dcid+smit\n"},
    {2, "objective = dcid+mst\n"},
    {2, "objective = dcid+turn\n"},
    {2, "objective = dcid+cmcm\n"},
};
enum { CASES = sizeof cases / sizeof cases[0] };

START_TEST(ranks_take_the_steps_of_one)
{
    double want[COMM_FIGURES], revived = 0.0;
    const char *more = getenv("COMM_MORE");
    const size_t clips = comm_clips(), few = clips * 13 / 32;
    comm_fixture *f = comm_new(cases[_i].ranks, more ? more : cases[_i].more);
    for (size_t r = 0; more && r < f->world->size; r++)
        f->of[r]->ranks->comm.check_steps = 1; /* in place of files of 2 GB at each step */
    for (uint64_t step = 0; step < comm_steps(STEPS); step++) {
        /* the last batch of an epoch is smaller: some ranks have a part of it, or none */
        comm_cut(f, comm_ragged(step % 4 == 3 ? few : clips, step));
        for (size_t r = 0; r < f->world->size; r++)
            comm_copy_state(f->of[r], f->one);
        io_assert_ok(unic_trainer_step(f->one, f->whole->batch, NULL, want));
        comm_step_ok(f);
        for (size_t r = 0; r < f->world->size; r++) {
            comm_compare_figures(f, r, want);
            comm_compare_tables("gradient", &f->of[r]->params, &f->one->params, true);
            comm_compare_tables("value", &f->of[r]->club, &f->one->club, false);
            comm_compare_tables("gradient", &f->of[r]->club, &f->one->club, true);
            comm_compare_codebooks(f->of[r], f->one);
            comm_compare_pasts(&f->of[r]->graph, &f->one->graph);
        }
        comm_compare_codes(f);
        if (!more)
            comm_compare_states(f);
        revived += small_term(f->one, want, "revived");
        comm_uncut(f);
    }
    ck_assert(more || _i > 2 || revived > 3.0);
    if (more)
        printf("%s: the largest difference is %.2g of what is allowed, %g codes started anew\n",
               more, comm_worst(), revived);
    comm_free(f);
}
END_TEST

/* Without being set back to one's state: what rounding makes of it is told. */
START_TEST(ranks_that_run_freely_stay_near_one_and_equal)
{
    double want[COMM_FIGURES], worst = 0.0;
    comm_fixture *f = comm_new(2, "margin.head = 4\n");
    for (uint64_t step = 0; step < STEPS; step++) {
        comm_cut(f, comm_ragged(COMM_CLIPS, step));
        io_assert_ok(unic_trainer_step(f->one, f->whole->batch, NULL, want));
        comm_step_ok(f);
        const double off = fabs(f->figures[0][0] / want[0] - 1.0);
        worst = isnan(off) || off > worst ? off : worst;
        comm_uncut(f);
    }
    comm_compare_states(f);
    ck_assert_msg(worst < 0.02, "total is off by %g of it", worst);
    comm_free(f);
}
END_TEST

START_TEST(ranks_evaluate_as_one)
{
    double want[COMM_FIGURES];
    comm_fixture *f = comm_new(3, "margin.head = 4\n");
    comm_cut(f, comm_ragged(COMM_CLIPS, 0));
    io_assert_ok(unic_trainer_step(f->one, f->whole->batch, NULL, want));
    for (size_t r = 0; r < 3; r++)
        comm_copy_state(f->of[r], f->one);
    io_assert_ok(unic_trainer_evaluate(f->one, f->whole->batch, want));
    f->evaluates = true;
    comm_step_ok(f);
    for (size_t r = 0; r < 3; r++)
        comm_compare_figures(f, r, want);
    comm_compare_states(f);
    comm_uncut(f);
    comm_free(f);
}
END_TEST

START_TEST(draws_of_the_callers_count_the_whole_batch)
{
    double want[COMM_FIGURES];
    int32_t at = 2, turn[COMM_CLIPS];
    const int32_t *both[] = {turn, turn, turn};
    unic_draws draws = {.struct_size = sizeof draws, .cpc_step = &at, .club_permutation = both};
    comm_fixture *f = comm_new(2, "margin.head = 4\nclub.form = permutation\n");
    for (int32_t i = 0; i < COMM_CLIPS; i++)
        turn[i] = (i + 11) % COMM_CLIPS; /* most of them the other rank's */
    f->draws = &draws;
    comm_cut(f, comm_ragged(COMM_CLIPS, 0));
    io_assert_ok(unic_trainer_step(f->one, f->whole->batch, &draws, want));
    comm_step_ok(f);
    comm_compare_figures(f, 1, want);
    comm_compare_tables("gradient", &f->of[1]->params, &f->one->params, true);
    comm_uncut(f);
    comm_free(f);
}
END_TEST

START_TEST(a_comm_of_one_rank_changes_no_bit)
{
    thread_world *w = thread_world_new(1);
    const unic_comm comm = thread_comm(w, 0);
    unic_trainer *t[2] = {comm_trainer("margin.head = 4\n", NULL),
                          comm_trainer("margin.head = 4\n", &comm)};
    small_state state[2];
    for (uint64_t step = 0; step < 3; step++) {
        small_batch *b = comm_ragged(COMM_CLIPS, step);
        for (size_t i = 0; i < 2; i++)
            io_assert_ok(unic_trainer_step(t[i], b->batch, NULL, NULL));
        small_batch_free(b);
    }
    ck_assert_uint_eq(w->rank[0].calls, 0);
    ck_assert_uint_eq(t[0]->graph.main.memory_floats, t[1]->graph.main.memory_floats);
    for (size_t i = 0; i < 2; i++) {
        state[i] = small_state_of(t[i]);
        unic_trainer_free(t[i]);
    }
    ck_assert(small_states_equal(&state[0], &state[1]));
    thread_world_free(w);
}
END_TEST

/* ---- train.guard = lower ---- */

/* One term alone is left, and has been falling for nine steps: of the whole batch it is about
 * -1.5, of either half's share more than the -1 at which it counts. */
static void let_one_fall(unic_trainer *t)
{
    unic__objective *o = &t->graph.objective;
    for (size_t i = 0; i < o->term_count; i++) {
        const bool club = strcmp(o->term[i].name, "club.audio") == 0;
        o->term[i].weight = club ? -1.5 / (double)o->term[i].node->t.x[0] : 0.0;
        t->guard.falling[i] = club ? 9 : 0;
    }
    t->steps--; /* the next one has the same draws, and so the same value */
}

START_TEST(a_weight_is_lowered_at_all_ranks)
{
    comm_fixture *f = comm_new(2, "margin.head = 4\ntrain.guard = lower\ntrain.lr = 1e-7\n"
                                  "club.weight = 0.5\nreset.rule = off\n");
    for (size_t r = 0; r < 2; r++)
        f->of[r]->ranks->comm.check_steps = 1; /* the third step compares their states */
    for (int step = 0; step < 3; step++) {
        comm_cut(f, comm_ragged(COMM_CLIPS, 0));
        comm_step_ok(f);
        for (size_t r = 0; r < 2 && step == 0; r++)
            let_one_fall(f->of[r]);
        comm_uncut(f);
    }
    size_t lowered = 0;
    for (size_t i = 0; i < f->of[0]->graph.objective.term_count; i++) {
        ck_assert_uint_eq(f->of[0]->guard.lowered[i], f->of[1]->guard.lowered[i]);
        lowered += f->of[0]->guard.lowered[i];
    }
    ck_assert_uint_eq(lowered, 1);
    comm_compare_states(f);
    comm_free(f);
}
END_TEST

/* ---- overlap ---- */

START_TEST(sums_begin_while_backward_goes_on)
{
    comm_fixture *f = comm_new(2, "margin.head = 4\n");
    unic__grad_sums *sums = &f->of[0]->grad_sums;
    size_t floats = 0, early = 0;
    ck_assert_uint_gt(sums->n, 4);
    for (size_t i = 0; i < sums->n; i++) { /* every parameter is in one bucket */
        floats += sums->bucket[i].count;
        ck_assert(i == 0 || sums->bucket[i].ends <= sums->bucket[i - 1].ends);
    }
    ck_assert_uint_eq(floats, f->of[0]->params.total);
    for (size_t step = f->of[0]->graph.main.step_count; step-- > 0;) {
        size_t due = 0;
        for (size_t i = 0; i < sums->n; i++)
            due += sums->bucket[i].ends >= step;
        ck_assert(due < sums->n || step < f->of[0]->graph.main.step_count / 4);
        early += due > 0;
    }
    ck_assert_uint_gt(early, f->of[0]->graph.main.step_count / 2);
    comm_free(f);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("comm");
    if (getenv("COMM_MORE")) {
        tcase_set_timeout(t, 36000);
        tcase_add_loop_test(t, ranks_take_the_steps_of_one, 0, 1);
        return small_run("train/comm", t);
    }
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, ranks_take_the_steps_of_one, 0, CASES);
    tcase_add_test(t, ranks_that_run_freely_stay_near_one_and_equal);
    tcase_add_test(t, ranks_evaluate_as_one);
    tcase_add_test(t, draws_of_the_callers_count_the_whole_batch);
    tcase_add_test(t, a_comm_of_one_rank_changes_no_bit);
    tcase_add_test(t, a_weight_is_lowered_at_all_ranks);
    tcase_add_test(t, sums_begin_while_backward_goes_on);
    return small_run("train/comm", t);
}
