/* CODIS's parts: the queue, the teacher, soft targets; and what a run keeps of them. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "file/io_help.h"
#include "graph/graph_help.h"
#include "loss/objective.h"
#include "loss/teacher.h"
#include "model/model.h"
#include "model/small_model.h"
#include "train/trainer.h"

#define CODIS "objective = codis\ncodis.queue = 6\n"

/* ---- the queue ---- */

static double length_of(const float *row, size_t dim)
{
    double square = 0.0;
    for (size_t d = 0; d < dim; d++)
        square += (double)row[d] * (double)row[d];
    return sqrt(square);
}

START_TEST(a_queue_starts_as_directions)
{
    unic__memory_queue q, again, other;
    io_assert_ok(unic__memory_queue_create(&q, 5, 7, (unic__key){1}));
    io_assert_ok(unic__memory_queue_create(&again, 5, 7, (unic__key){1}));
    io_assert_ok(unic__memory_queue_create(&other, 5, 7, (unic__key){2}));
    for (size_t r = 0; r < 5; r++)
        ck_assert_double_eq_tol(length_of(q.rows + 7 * r, 7), 1.0, 1e-6);
    ck_assert_int_eq(memcmp(q.rows, again.rows, sizeof(float[35])), 0);
    ck_assert_int_ne(memcmp(q.rows, other.rows, sizeof(float[35])), 0);
    unic__memory_queue_free(&q);
    unic__memory_queue_free(&again);
    unic__memory_queue_free(&other);
}
END_TEST

START_TEST(the_oldest_leaves_first)
{
    unic__memory_queue q;
    io_assert_ok(unic__memory_queue_create(&q, 3, 1, (unic__key){1}));
    for (int i = 1; i <= 7; i++)
        unic__memory_queue_push(&q, &(float){(float)i});
    ck_assert(q.rows[0] == 7.0F && q.rows[1] == 5.0F && q.rows[2] == 6.0F && q.next == 1);
    unic__memory_queue_free(&q);
    io_assert_ok(unic__memory_queue_create(&q, 0, 4, (unic__key){1}));
    unic__memory_queue_push(&q, NULL); /* there is no place */
    ck_assert_ptr_null(q.rows);
    unic__memory_queue_free(&q);
}
END_TEST

START_TEST(unit_rows_keep_their_bits)
{
    float row[3] = {3.0F, 0.0F, 4.0F}, before[3], none[3] = {0};
    unic__make_unit(row, 3);
    ck_assert_float_eq_tol(row[0], 0.6F, 1e-7F);
    memcpy(before, row, sizeof row);
    unic__make_unit(row, 3);
    ck_assert_int_eq(memcmp(row, before, sizeof row), 0);
    unic__make_unit(none, 3);
    ck_assert(none[0] == 0.0F && none[1] == 0.0F && none[2] == 0.0F);
}
END_TEST

/* ---- the teacher ---- */

START_TEST(a_teacher_follows_by_name)
{
    const unic__shape two = UNIC__SHAPE_OF(2), three = UNIC__SHAPE_OF(3);
    const unic__init ones = {UNIC__INIT_ONES, 0}, zeros = {UNIC__INIT_ZEROS, 0};
    unic__param_table own = {0}, teacher = {0};
    unic__param *p, *q;
    io_assert_ok(unic__param_table_declare(&own, "other", &three, zeros, "g", &p));
    io_assert_ok(unic__param_table_declare(&own, "same", &two, ones, "g", &p));
    io_assert_ok(unic__param_table_declare(&teacher, "same", &two, zeros, "g", &q));
    io_assert_ok(unic__param_table_seal(&own, true));
    io_assert_ok(unic__param_table_seal(&teacher, false));
    unic__param_table_init(&own, 0);
    float *theirs = own.values + p->offset, *values = teacher.values + q->offset;
    unic__teacher_copy(&teacher, &own);
    ck_assert(values[0] == 1.0F && values[1] == 1.0F);
    theirs[0] = 2.0F;
    unic__teacher_follow(&teacher, &own, 0.75);
    ck_assert(values[0] == 1.25F && values[1] == 1.0F);
    unic__teacher_follow(&teacher, &own, 1.0); /* stands still */
    ck_assert(values[0] == 1.25F);
    unic__teacher_follow(&teacher, &own, 0.0);
    ck_assert(values[0] == 2.0F);
    unic__param_table_free(&own);
    unic__param_table_free(&teacher);
}
END_TEST

/* ---- soft targets ---- */

/* One clip, three keys; cosines over 0.07. */
static double soft_of(double soft)
{
    float student[3] = {0.8F, 0.2F, 0.1F}, teacher[3] = {0.9F, 0.7F, 0.1F};
    unic__graph g;
    unic__graph_init(&g, NULL, false);
    for (size_t i = 0; i < 3; i++) {
        student[i] /= 0.07F;
        teacher[i] /= 0.07F;
    }
    unic__node *target = unic__input(&g, UNIC__SHAPE_OF(1), UNIC__I32);
    unic__node *rows = unic__input(&g, UNIC__SHAPE_OF(1), UNIC__F32);
    unic__node *columns = unic__input(&g, UNIC__SHAPE_OF(3), UNIC__F32);
    unic__node *loss = unic__keep(unic__soft_contrast(
        &g, unic__external(&g, UNIC__SHAPE_OF(1, 3), student, NULL),
        unic__external(&g, UNIC__SHAPE_OF(1, 3), teacher, NULL), target, rows, columns, soft));
    graph_ready(&g, 0);
    target->t.ix[0] = 0;
    rows->t.x[0] = columns->t.x[0] = columns->t.x[1] = columns->t.x[2] = 1.0F;
    graph_forward(&g);
    double value = (double)loss->t.x[0];
    unic__graph_free(&g);
    return value;
}

START_TEST(values_of_soft_targets)
{
    ck_assert_double_eq_tol(soft_of(0.4), 0.18649097, 1e-6);
    ck_assert_double_eq_tol(soft_of(0.0), 0.00023481, 1e-7);
}
END_TEST

/* ---- in a run ---- */

static const float *values_of(const unic__param_table *table, const char *name)
{
    const unic__param *p = unic__param_table_find(table, name);
    ck_assert_msg(p != NULL, "no parameter %s", name);
    return table->values + p->offset;
}

/* Codes are unit vectors that the losses move, and those of the model too. */
START_TEST(codes_are_trained)
{
    unic_trainer *t = small_trainer(SMALL_TWO, CODIS);
    small_train(t, 0, 1);
    float before[SMALL_CODES * SMALL_DIM];
    memcpy(before, t->codebook->embedding, sizeof before);
    small_train(t, 1, 3);
    const float *codes = t->codebook->embedding;
    ck_assert_int_eq(memcmp(codes, values_of(&t->params, UNIC__PROTOTYPES), sizeof before), 0);
    ck_assert_int_ne(memcmp(codes, before, sizeof before), 0);
    for (size_t l = 0; l < SMALL_CODES; l++)
        ck_assert_double_eq_tol(length_of(codes + l * SMALL_DIM, SMALL_DIM), 1.0, 1e-6);
    unic_trainer_free(t);
}
END_TEST

START_TEST(clips_that_are_there_are_remembered)
{
    unic_trainer *t = small_trainer(SMALL_TWO, CODIS);
    small_train(t, 0, 1);
    ck_assert(t->graph.queue[0].next == 3 && t->graph.queue[1].next == 4);
    small_train(t, 1, 2);
    ck_assert(t->graph.queue[0].next == 0 && t->graph.queue[1].next == 2);
    for (size_t r = 0; r < 6; r++)
        ck_assert_double_eq_tol(length_of(t->graph.queue[0].rows + r * SMALL_DIM, SMALL_DIM),
                                1.0, 1e-5);
    unic_trainer_free(t);
}
END_TEST

START_TEST(momentum_one_stands_still)
{
    static const char name[] = "audio.semantic.affine.weight";
    unic_trainer *still = small_trainer(SMALL_TWO, CODIS "codis.momentum = 1\n");
    unic_trainer *same = small_trainer(SMALL_TWO, CODIS "codis.momentum = 0\n");
    float start = *values_of(&still->params, name);
    small_train(still, 0, 3);
    small_train(same, 0, 3);
    ck_assert(*values_of(&still->graph.teacher, name) == start);
    ck_assert(*values_of(&still->params, name) != start);
    ck_assert(*values_of(&same->graph.teacher, name) == *values_of(&same->params, name));
    unic_trainer_free(still);
    unic_trainer_free(same);
}
END_TEST

static const char *const runs[] = {
    CODIS,
    "objective = dcid+codis\ncodis.queue = 0\nreset.rule = two\nreset.steps = 2\ncodis.plan = "
    "sinkhorn\n",
    "objective = codis\ncodis.queue = 3\ntrain.optimizer = adamw\nencoder.shared = all\n"};

/* Teacher, queue and temperature go on where they were, before the codebook's start too. */
START_TEST(resumed_runs_end_in_the_same_bytes)
{
    small_resume_runs(runs[_i]);
}
END_TEST

/* A reset code is a direction at once, and not in the next step: a model is made, and a run saved,
 * after any step. A longer code than the others would be nearest to what its direction is not. */
START_TEST(reset_codes_have_length_one)
{
    unic_trainer *t = small_trainer(SMALL_TWO, "objective = dcid+codis\ncodis.queue = 0\n"
                                               "reset.rule = two\nreset.steps = 1\n");
    const unic_codebook *cb = t->codebook;
    double revived = 0.0;
    for (uint64_t step = 0; step < 6; step++) {
        small_train(t, step, step + 1);
        revived += *t->revived;
        for (size_t l = 0; l < SMALL_CODES; l++)
            ck_assert_double_eq_tol(length_of(cb->embedding + l * SMALL_DIM, SMALL_DIM), 1.0,
                                    1e-6);
        ck_assert_int_eq(memcmp(cb->sum, cb->embedding, sizeof(float[SMALL_CODES * SMALL_DIM])),
                         0);
        ck_assert_int_eq(memcmp(values_of(&t->params, UNIC__PROTOTYPES), cb->embedding,
                                sizeof(float[SMALL_CODES * SMALL_DIM])),
                         0);
    }
    ck_assert(revived > 0.0);
    unic_trainer_free(t);
}
END_TEST

/* A step that is refused leaves no trace, be it the first, which starts the codes, or a later
 * one; and an evaluation none either. */
START_TEST(refused_steps_and_evaluations_change_nothing)
{
    small_refuse_steps(CODIS);
}
END_TEST

/* One clip has nobody to be compared with. */
START_TEST(a_clip_alone_counts_nothing)
{
    unic_trainer *t = small_trainer(SMALL_TWO, CODIS);
    small_batch *b = small_batch_new(SMALL_TWO, 1, 5, 1);
    double *figures = calloc(unic_trainer_figure_count(t), sizeof *figures);
    io_assert_ok(unic_trainer_step(t, b->batch, NULL, figures));
    ck_assert(small_term(t, figures, "codis") == 0.0);
    free(figures);
    small_batch_free(b);
    unic_trainer_free(t);
}
END_TEST

START_TEST(the_temperature_is_bounded)
{
    unic_trainer *t = small_trainer(SMALL_TWO, CODIS);
    const unic__param *p = unic__param_table_find(&t->params, "codis.temperature");
    small_train(t, 0, 1);
    t->params.values[p->offset] = 3.0F;
    small_train(t, 1, 2);
    ck_assert_float_eq_tol(t->params.values[p->offset], 0.5F - 0.07F, 1e-6F);
    t->params.values[p->offset] = -0.0695F;
    small_train(t, 2, 3);
    ck_assert_float_ge(t->params.values[p->offset], 0.001F - 0.07F);
    unic_trainer_free(t);
}
END_TEST

/* A run from a model: its teacher is that model's encoder, its codes the model's directions. */
START_TEST(runs_start_from_models)
{
    unic_model *model = small_model(SMALL_TWO, "", 2);
    unic_trainer *t = small_trainer(SMALL_TWO, CODIS "codis.momentum = 1\n");
    io_assert_ok(unic_trainer_start_from(t, model));
    float taken = *values_of(&t->params, "audio.semantic.affine.weight");
    small_train(t, 0, 2);
    ck_assert(*values_of(&t->graph.teacher, "audio.semantic.affine.weight") == taken);
    for (size_t l = 0; l < SMALL_CODES; l++)
        ck_assert_double_eq_tol(length_of(t->codebook->embedding + l * SMALL_DIM, SMALL_DIM),
                                1.0, 1e-6);
    unic_model_free(model);
    unic_trainer_free(t);
}
END_TEST

/* A frozen codebook keeps every bit: codes of other lengths, which training would scale, are
 * refused, and those of another run of CODIS stay. */
START_TEST(frozen_codes_stay_as_they_are)
{
    static const char frozen[] = CODIS "train.freeze = codebook\n";
    unic_model *plain = small_model(SMALL_TWO, "", 2), *unit = small_model(SMALL_TWO, CODIS, 2);
    unic_trainer *t = small_trainer(SMALL_TWO, frozen);
    io_assert_fails(unic_trainer_start_from(t, plain), UNIC_E_MISMATCH,
                    "train.freeze = codebook: the codes of a run with codis.weight = 1 are of "
                    "length 1, and code 0 of the model is not");
    io_assert_ok(unic_trainer_start_from(t, unit));
    small_train(t, 0, 3);
    ck_assert_int_eq(memcmp(t->codebook->embedding, unit->codebook->embedding,
                            sizeof(float[SMALL_CODES * SMALL_DIM])),
                     0);
    unic_trainer_free(t);
    unic_model_free(unit);
    unic_model_free(plain);
}
END_TEST

/* The EMA of a run that starts from the model finds N = 1 beside o = e. In compat N begins at 0, with
 * which codes were thrown to a hundred times their length. */
START_TEST(an_ema_goes_on_from_the_codes)
{
    unic_model *model = small_model(SMALL_TWO, CODIS "behaviour = compat\n", 2);
    unic_trainer *t = small_trainer(SMALL_TWO, "");
    const float *e = t->codebook->embedding;
    io_assert_ok(unic_trainer_start_from(t, model));
    small_train(t, 0, 1);
    for (size_t l = 0; l < SMALL_CODES; l++) /* an encoder's outputs are of length sqrt(D) */
        ck_assert_double_lt(length_of(e + l * SMALL_DIM, SMALL_DIM), sqrt(SMALL_DIM));
    unic_trainer_free(t);
    unic_model_free(model);
}
END_TEST

/* What a run takes from a model is there at once, its codes' directions and the teachers, and not from
 * the first step on: an evaluation before it sees them, and changes nothing. */
START_TEST(a_start_from_a_model_is_whole)
{
    static const char name[] = "audio.semantic.affine.weight";
    unic_model *model = small_model(SMALL_TWO, "", 2);
    unic_trainer *t = small_trainer(SMALL_TWO, CODIS);
    small_batch *b = small_batch_new(SMALL_TWO, SMALL_BATCH, SMALL_LENGTH, 1);
    io_assert_ok(unic_trainer_start_from(t, model));
    for (size_t l = 0; l < SMALL_CODES; l++)
        ck_assert_double_eq_tol(length_of(t->codebook->embedding + l * SMALL_DIM, SMALL_DIM),
                                1.0, 1e-6);
    ck_assert_int_eq(memcmp(values_of(&t->graph.teacher, name), values_of(&t->params, name),
                            sizeof(float[SMALL_DIM * 6])),
                     0);
    small_state before = small_state_of(t);
    io_assert_ok(unic_trainer_evaluate(t, b->batch, NULL));
    small_state after = small_state_of(t);
    ck_assert(small_states_equal(&before, &after));
    small_batch_free(b);
    unic_trainer_free(t);
    unic_model_free(model);
}
END_TEST

static void resume_fails(const char *path, const char *says)
{
    unic_trainer *t = NULL;
    ck_assert_int_eq(unic_trainer_resume(&t, path, NULL, NULL), UNIC_E_FORMAT);
    ck_assert_msg(strstr(unic_last_error(), says) != NULL, "%s", unic_last_error());
    ck_assert_ptr_null(t);
}

START_TEST(damaged_runs_are_refused)
{
    char path[512], run[512], bad[512], bad_run[512];
    unic_trainer *t = small_trainer(SMALL_TWO, CODIS);
    strcpy(path, small_path("whole.npz"));
    strcpy(run, small_path("whole.run.npz"));
    strcpy(bad, small_path("bad.npz"));
    strcpy(bad_run, small_path("bad.run.npz"));
    small_train(t, 0, 2);
    io_assert_ok(unic_trainer_save(t, path));
    unic_trainer_free(t);
    small_edit(run, bad_run, "queue_next", SMALL_SPOIL);
    resume_fails(bad, "queue_next[0] is -7, not in 0..5");
    small_edit(run, bad_run, "queue/touch", SMALL_DROP);
    resume_fails(bad, "queue/touch");
    small_edit(run, bad_run, "queue/audio", SMALL_RESHAPE);
    resume_fails(bad, "queue/audio has shape [1,6,8], expected [6,8]");
    small_edit(run, bad_run, "teacher/audio.semantic.affine.bias", SMALL_DROP);
    resume_fails(bad, "teacher/audio.semantic.affine.bias");
    small_edit(run, bad_run, "teacher/touch.semantic.affine.bias", SMALL_SPOIL);
    resume_fails(bad, "teacher/touch.semantic.affine.bias");
}
END_TEST

/* Nothing leaks or breaks where memory ends, at any place. */
START_TEST(allocations_may_fail)
{
    unic_config *c = small_config(SMALL_TWO, CODIS);
    unic_status status = UNIC_E_NOMEM;
    for (size_t n = 0; status != UNIC_OK; n++) {
        unic_trainer *t = NULL;
        small_fail_allocations_after(n);
        status = unic_trainer_create(&t, c, NULL);
        unic_set_allocator(NULL);
        ck_assert(status == UNIC_OK || (status == UNIC_E_NOMEM && !t));
        unic_trainer_free(t);
    }
    unic_config_free(c);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("codis");
    tcase_add_test(t, a_queue_starts_as_directions);
    tcase_add_test(t, the_oldest_leaves_first);
    tcase_add_test(t, unit_rows_keep_their_bits);
    tcase_add_test(t, a_teacher_follows_by_name);
    tcase_add_test(t, values_of_soft_targets);
    tcase_add_test(t, codes_are_trained);
    tcase_add_test(t, clips_that_are_there_are_remembered);
    tcase_add_test(t, momentum_one_stands_still);
    tcase_add_loop_test(t, resumed_runs_end_in_the_same_bytes, 0, 3);
    tcase_add_test(t, reset_codes_have_length_one);
    tcase_add_test(t, refused_steps_and_evaluations_change_nothing);
    tcase_add_test(t, a_clip_alone_counts_nothing);
    tcase_add_test(t, the_temperature_is_bounded);
    tcase_add_test(t, runs_start_from_models);
    tcase_add_test(t, a_start_from_a_model_is_whole);
    tcase_add_test(t, frozen_codes_stay_as_they_are);
    tcase_add_test(t, an_ema_goes_on_from_the_codes);
    tcase_add_test(t, damaged_runs_are_refused);
    tcase_add_test(t, allocations_may_fail);
    return small_run("loss/codis", t);
}
