/* lib/train: the objective's terms keep to their table, and a step's report to its own. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file/io_help.h"
#include "model/small_model.h"
#include "train/trainer.h"

/* ---- terms ---- */

typedef struct objective {
    unic__training_graph graph;
    unic__param_table params;
    unic__node *node;
} objective;

static objective *objective_new(void)
{
    objective *o = calloc(1, sizeof *o);
    unic__graph_init(&o->graph.main, &o->params, false);
    o->node = unic__input(&o->graph.main, UNIC__SHAPE_OF(1), UNIC__F32);
    return o;
}

static void objective_free(objective *o)
{
    unic__graph_free(&o->graph.main);
    unic__param_table_free(&o->params);
    free(o);
}

START_TEST(one_term_too_many)
{
    objective *o = objective_new();
    for (size_t i = 0; i < UNIC__MAX_TERMS; i++)
        unic__objective_add(&o->graph.objective, &o->graph.main, "term", "m", o->node, 1.0);
    ck_assert_int_eq(o->graph.main.status, UNIC_OK);
    ck_assert_uint_eq(o->graph.objective.term_count, UNIC__MAX_TERMS);
    unic__objective_add(&o->graph.objective, &o->graph.main, "another", "m", o->node, 1.0);
    ck_assert_uint_eq(o->graph.objective.term_count, UNIC__MAX_TERMS);
    char says[64];
    snprintf(says, sizeof says, "another: the objective has %d terms, the most",
             UNIC__MAX_TERMS);
    io_assert_fails(unic__graph_plan(&o->graph.main), UNIC_E_STATE, says);
    objective_free(o);
}
END_TEST

START_TEST(a_name_that_is_too_long)
{
    char name[UNIC__TERM_SIZE + 1];
    objective *o = objective_new();
    memset(name, 'a', sizeof name);
    name[UNIC__TERM_SIZE - 3] = '\0'; /* with ".m", one byte fewer than there are */
    unic__objective_add(&o->graph.objective, &o->graph.main, name, "m", o->node, 1.0);
    ck_assert_int_eq(o->graph.main.status, UNIC_OK);
    ck_assert_uint_eq(o->graph.objective.term_count, 1);
    unic__objective_add(&o->graph.objective, &o->graph.main, name, "mm", o->node, 1.0);
    ck_assert_uint_eq(o->graph.objective.term_count, 1);
    io_assert_fails(unic__graph_plan(&o->graph.main), UNIC_E_STATE,
                    "a term's name has 56 bytes, fewer than 56 expected: aaa");
    objective_free(o);
}
END_TEST

/* ---- the report ---- */

static double figure(const unic_trainer *t, const double *values, const char *name)
{
    for (size_t i = 0; i < t->figure_count; i++)
        if (strcmp(t->report[i].name, name) == 0)
            return values[i];
    ck_abort_msg("%s is not reported", name);
    return 0.0;
}

static void assert_total_of_terms(const unic_trainer *t, const double *values)
{
    double sum = 0.0;
    for (size_t i = 0; i < t->graph.objective.term_count; i++)
        sum += figure(t, values, t->graph.objective.term[i].name);
    ck_assert(sum == figure(t, values, "total"));
}

static void assert_norms(const unic_trainer *t, const double *values)
{
    for (size_t k = 0; k < t->params.group_count; k++) {
        char name[UNIC__TERM_SIZE];
        snprintf(name, sizeof name, "grad_norm.%s", t->params.group[k]);
        ck_assert(figure(t, values, name) == t->grad_norm[k]);
    }
}

START_TEST(every_value_stands_under_its_name)
{
    const char *more[] = {"", "behaviour = compat\n"};
    unic_trainer *t = small_trainer(SMALL_THREE, more[_i]);
    small_batch *b = small_batch_new(SMALL_THREE, SMALL_BATCH, SMALL_LENGTH, 1);
    double values[64] = {0.0};
    ck_assert_uint_le(t->figure_count, 64);
    io_assert_ok(unic_trainer_step(t, b->batch, NULL, values));
    assert_total_of_terms(t, values);
    assert_norms(t, values);
    ck_assert(figure(t, values, "grad_norm.encoder") > 0.0);
    for (size_t k = 0; k < t->club.group_count; k++)
        ck_assert((t->club_norm[k] > 0.0) == (_i == 1));
    ck_assert(figure(t, values, "revived") == *t->revived);
    ck_assert(figure(t, values, "learning_rate") > 0.0);
    for (size_t i = 0; i < t->figure_count; i++)
        for (size_t k = 0; k < i; k++)
            ck_assert_str_ne(t->report[i].name, t->report[k].name);

    io_assert_ok(unic_trainer_evaluate(t, b->batch, values));
    assert_total_of_terms(t, values);
    ck_assert(figure(t, values, "grad_norm.encoder") == 0.0);
    small_batch_free(b);
    unic_trainer_free(t);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("report");
    TCase *tcase = tcase_create("terms and report");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, one_term_too_many);
    tcase_add_test(tcase, a_name_that_is_too_long);
    tcase_add_loop_test(tcase, every_value_stands_under_its_name, 0, 2);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
