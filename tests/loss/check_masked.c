/* The term masked: what the draw of its mask is, and values that need no reference. Its gradients
 * are compared with PyTorch's in check_terms.c. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "file/io_help.h"
#include "model/small_model.h"
#include "train/trainer.h"

enum { MOST = 64 };
#define MICU "objective = micu\n"

static double value(unic_trainer *t, const small_batch *b)
{
    double figures[MOST] = {0};
    io_assert_ok(unic_trainer_evaluate(t, b->batch, figures));
    return small_term(t, figures, "masked");
}

static const unic__masked_inputs *inputs_of(const unic_trainer *t)
{
    return unic__objective_inputs_of(&t->graph.objective, &unic__term_masked);
}

/* All queries masked: each has the same score with all keys, of 9 ordered pairs. */
START_TEST(a_masked_query_costs_the_log_of_the_keys)
{
    unic_trainer *t = small_trainer(SMALL_THREE, MICU "masked.part = 1\nmasked.fine = 0.5\n");
    small_batch *b = small_batch_new(SMALL_THREE, SMALL_BATCH, SMALL_LENGTH, 1);
    io_assert_ok(unic_trainer_step(t, b->batch, NULL, NULL));
    const double want = 9.0 * (0.5 * log(SMALL_LENGTH) + log(SMALL_BATCH));
    ck_assert_double_le(fabs(value(t, b) - want), 1e-5 * want);
    small_batch_free(b);
    unic_trainer_free(t);
}
END_TEST

/* A clip alone has no other clip to be told from, a step alone no other step. */
START_TEST(one_step_of_one_clip_costs_nothing)
{
    unic_trainer *t = small_trainer(SMALL_TWO, MICU);
    small_batch *b = small_batch_new(SMALL_TWO, SMALL_BATCH, SMALL_LENGTH, 1);
    io_assert_ok(unic_trainer_step(t, b->batch, NULL, NULL));
    for (size_t m = 0; m < b->n; m++)
        for (size_t i = 0; i < b->clips; i++)
            b->lengths[m][i] = i == 2;
    ck_assert_double_eq(value(t, b), 0.0);
    small_batch_free(b);
    unic_trainer_free(t);
}
END_TEST

/* Each step draws another mask, about masked.part of it 0; without one, cosines alone count. */
START_TEST(the_mask_is_drawn_anew_in_each_step)
{
    enum { STEPS = 100, SIZE = SMALL_BATCH * SMALL_LENGTH };
    unic_trainer *t = small_trainer(SMALL_TWO, MICU "masked.part = 0.25\n");
    small_batch *b = small_batch_new(SMALL_TWO, SMALL_BATCH, SMALL_LENGTH, 1);
    float before[SIZE] = {0};
    size_t zeros = 0, same = 0;
    for (int i = 0; i < STEPS; i++) {
        io_assert_ok(unic_trainer_step(t, b->batch, NULL, NULL));
        const float *keep = inputs_of(t)->keep->t.x;
        for (size_t k = 0; k < SIZE; k++)
            zeros += keep[k] == 0.0F;
        same += memcmp(before, keep, sizeof before) == 0;
        memcpy(before, keep, sizeof before);
    }
    /* 2000 draws: 500, within four deviations of 19 */
    ck_assert(zeros > 424 && zeros < 576);
    ck_assert_uint_lt(same, 3);
    small_batch_free(b);
    unic_trainer_free(t);
}
END_TEST

START_TEST(a_resumed_run_takes_the_same_steps)
{
    unic_trainer *t = small_trainer(SMALL_THREE, MICU), *resumed;
    small_batch *b = small_batch_new(SMALL_THREE, SMALL_BATCH, SMALL_LENGTH, 1);
    for (int i = 0; i < 3; i++)
        io_assert_ok(unic_trainer_step(t, b->batch, NULL, NULL));
    io_assert_ok(unic_trainer_save(t, small_path("micu.npz")));
    io_assert_ok(unic_trainer_resume(&resumed, small_path("micu.npz"), NULL, NULL));
    for (int i = 0; i < 3; i++) {
        io_assert_ok(unic_trainer_step(t, b->batch, NULL, NULL));
        io_assert_ok(unic_trainer_step(resumed, b->batch, NULL, NULL));
    }
    small_state of_one = small_state_of(t), of_other = small_state_of(resumed);
    ck_assert(small_states_equal(&of_one, &of_other));
    small_batch_free(b);
    unic_trainer_free(t);
    unic_trainer_free(resumed);
}
END_TEST

/* It has no parameters, so that a run can begin with it later. */
START_TEST(a_run_can_take_it_up)
{
    unic_trainer *t = small_trainer(SMALL_TWO, ""), *resumed;
    small_batch *b = small_batch_new(SMALL_TWO, SMALL_BATCH, SMALL_LENGTH, 1);
    const unic_trainer_options options = {.struct_size = sizeof options,
                                          .settings = "masked.weight = 0.5\n"};
    io_assert_ok(unic_trainer_step(t, b->batch, NULL, NULL));
    io_assert_ok(unic_trainer_save(t, small_path("plain.npz")));
    io_assert_ok(unic_trainer_resume(&resumed, small_path("plain.npz"), &options, NULL));
    ck_assert_double_gt(value(resumed, b), 0.1);
    small_batch_free(b);
    unic_trainer_free(t);
    unic_trainer_free(resumed);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("masked");
    tcase_add_test(t, a_masked_query_costs_the_log_of_the_keys);
    tcase_add_test(t, one_step_of_one_clip_costs_nothing);
    tcase_add_test(t, the_mask_is_drawn_anew_in_each_step);
    tcase_add_test(t, a_resumed_run_takes_the_same_steps);
    tcase_add_test(t, a_run_can_take_it_up);
    return small_run("loss/masked", t);
}
