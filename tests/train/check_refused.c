/* lib/train: a step is a transaction. What is refused is named, and leaves every byte of the
 * state, and the rest of the run, as if it had not been tried. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file/io_help.h"
#include "model/small_model.h"
#include "train/trainer.h"

enum { MOST_TERMS = 64 };

static void good_steps(unic_trainer *t, const char *config, uint64_t from, uint64_t to)
{
    for (uint64_t step = from; step < to; step++) {
        small_batch *b = small_batch_new(config, SMALL_BATCH, SMALL_LENGTH, 100 + step);
        io_assert_ok(unic_trainer_step(t, b->batch, NULL, NULL));
        small_batch_free(b);
    }
}

/* Steps and evaluations are refused with this status and words, and report nothing. */
static void assert_fail(unic_trainer *t, const small_batch *b, unic_status status,
                        const char *says)
{
    double terms[MOST_TERMS] = {77.0};
    uint64_t steps = unic_trainer_step_count(t);
    io_assert_fails(unic_trainer_step(t, b->batch, NULL, terms), status, says);
    io_assert_fails(unic_trainer_evaluate(t, b->batch, terms), status, says);
    ck_assert_uint_eq(unic_trainer_step_count(t), steps);
    ck_assert(terms[0] == 77.0);
}

/* And they change nothing. */
static void assert_refused(unic_trainer *t, const small_batch *b, unic_status status,
                           const char *says)
{
    small_state before = small_state_of(t);
    assert_fail(t, b, status, says);
    small_state after = small_state_of(t);
    ck_assert_msg(small_states_equal(&before, &after), "\"%s\" changed the state", says);
}

/* Two more steps end where a run that was never disturbed does. */
static void assert_undisturbed(unic_trainer *t, const char *config, const char *more)
{
    uint64_t steps = unic_trainer_step_count(t);
    unic_trainer *u = small_trainer(config, more);
    good_steps(t, config, steps, steps + 2);
    good_steps(u, config, 0, steps + 2);
    small_state one = small_state_of(t), two = small_state_of(u);
    ck_assert(small_states_equal(&one, &two));
    unic_trainer_free(u);
}

/* ---- features ---- */

START_TEST(features_that_are_no_numbers)
{
    const float bad[] = {NAN, INFINITY, -INFINITY};
    unic_trainer *t = small_trainer(SMALL_THREE, "");
    small_batch *b = small_batch_new(SMALL_THREE, SMALL_BATCH, SMALL_LENGTH, 1);
    for (uint64_t steps = 0; steps < 3; steps++) {
        size_t m = steps, at = (2 * SMALL_LENGTH + 3) * b->step[m] + 1; /* clip 2, step 3 */
        char says[80];
        snprintf(says, sizeof says, "modality \"%s\": clip 2 of the batch holds NaN or Inf",
                 b->name[m]);
        float kept = b->x[m][at];
        b->x[m][at] = bad[steps];
        assert_refused(t, b, UNIC_E_VALUE, says);
        b->lengths[m][2] = 3; /* now it is padding, and nobody looks at it */
        io_assert_ok(unic_trainer_evaluate(t, b->batch, NULL));
        b->lengths[m][2] = SMALL_LENGTH;
        b->x[m][at] = kept;
        good_steps(t, SMALL_THREE, steps, steps + 1);
    }
    assert_undisturbed(t, SMALL_THREE, "");
    small_batch_free(b);
    unic_trainer_free(t);
}
END_TEST

START_TEST(float64_beyond_float32)
{
    static double x[SMALL_BATCH * SMALL_LENGTH * 6];
    unic_trainer *t = small_trainer(SMALL_TWO, ""), *u = small_trainer(SMALL_TWO, "");
    small_batch *b = small_batch_new(SMALL_TWO, SMALL_BATCH, SMALL_LENGTH, 100);
    unic_array wide = b->array[0];
    for (size_t i = 0; i < sizeof x / sizeof x[0]; i++)
        x[i] = (double)b->x[0][i];
    wide.data = x;
    wide.dtype = UNIC_F64;
    io_assert_ok(unic_trainer_step(u, b->batch, NULL, NULL));
    io_assert_ok(unic_batch_set(b->batch, "audio", &wide, NULL));
    x[7] = -1e300;
    assert_refused(t, b, UNIC_E_VALUE, "modality \"audio\": clip 0 of the batch holds NaN or");
    x[7] = (double)b->x[0][7];
    io_assert_ok(unic_trainer_step(t, b->batch, NULL, NULL)); /* the same numbers */
    small_state one = small_state_of(t), two = small_state_of(u);
    ck_assert(small_states_equal(&one, &two));
    small_batch_free(b);
    unic_trainer_free(t);
    unic_trainer_free(u);
}
END_TEST

START_TEST(batches_that_do_not_fit)
{
    unic_trainer *t = small_trainer(SMALL_TWO, "");
    good_steps(t, SMALL_TWO, 0, 1);
    static const struct {
        size_t clips, length;
        const char *says;
    } sizes[] = {
        {5, 5,
         "modality \"audio\": features are [5,5,6]: dim 0, the number of clips, is 5, but "
         "train.batch = 4 allows 1..4"},
        {4, 6,
         "modality \"audio\": features are [4,6,6]: dim 1, the number of steps, is 6, but "
         "train.length = 5 allows 1..5"}};
    for (size_t i = 0; i < 2; i++) {
        small_batch *b = small_batch_new(SMALL_TWO, sizes[i].clips, sizes[i].length, 1);
        assert_refused(t, b, UNIC_E_SHAPE, sizes[i].says);
        small_batch_free(b);
    }
    small_batch *b = small_batch_new(SMALL_TWO, SMALL_BATCH, SMALL_LENGTH, 1);
    b->lengths[1][3] = 6;
    assert_refused(t, b, UNIC_E_VALUE,
                   "modality \"touch\": length 6 of clip 3 of the batch is not in 0..5");
    b->lengths[1][3] = -1;
    assert_refused(t, b, UNIC_E_VALUE, "length -1 of clip 3");
    b->lengths[1][3] = 5;
    unic_array x = b->array[1];
    x.dims[2] = 4;
    io_assert_ok(unic_batch_set(b->batch, "touch", &x, NULL));
    assert_refused(
        t, b, UNIC_E_SHAPE,
        "modality \"touch\": features are [4,5,4]: dim 2 is 4, but touch.dims makes it 5");
    x.rank = 2;
    io_assert_ok(unic_batch_set(b->batch, "touch", &x, NULL));
    assert_refused(
        t, b, UNIC_E_SHAPE,
        "modality \"touch\": features are [4,5], of rank 2; expected rank 3, as [4,5,5]");
    unic_batch *half = b->batch;
    io_assert_ok(unic_batch_create(&b->batch));
    assert_refused(t, b, UNIC_E_ARG, "the batch has no modality \"audio\"");
    io_assert_ok(unic_batch_set(b->batch, "audio", &b->array[0], NULL));
    assert_refused(t, b, UNIC_E_ARG, "the batch has no modality \"touch\"");
    io_assert_ok(unic_batch_set(b->batch, "tuoch", &b->array[1], NULL));
    assert_refused(t, b, UNIC_E_ARG,
                   "the batch has no modality \"touch\", but one named \"tuoch\"; did you mean "
                   "\"touch\"?");
    io_assert_ok(unic_batch_set(b->batch, "touch", &b->array[1], NULL));
    io_assert_ok(unic_batch_set(b->batch, "taste", &b->array[1], NULL)); /* not asked for */
    io_assert_ok(unic_trainer_evaluate(t, b->batch, NULL));
    unic_batch_free(half);
    small_batch_free(b);
    assert_undisturbed(t, SMALL_TWO, "");
    unic_trainer_free(t);
}
END_TEST

static const char *const variants[] = {"", "behaviour = compat\n", "ema.start = kmeans\n",
                                       "train.clip = 0\n"};

static void assert_state_finite(const unic_trainer *t);

/* At the start, and later. */
START_TEST(batches_without_a_step)
{
    unic_trainer *t = small_trainer(SMALL_TWO, variants[_i]);
    small_batch *b = small_batch_new(SMALL_TWO, SMALL_BATCH, SMALL_LENGTH, 1);
    for (size_t i = 0; i < SMALL_BATCH; i++)
        b->lengths[0][i] = b->lengths[1][i] = 0;
    for (uint64_t steps = 0; steps < 2; steps++) {
        assert_refused(t, b, UNIC_E_VALUE,
                       "no clip of the batch has a step: the lengths of all modalities are 0");
        good_steps(t, SMALL_TWO, steps, steps + 1);
    }
    assert_undisturbed(t, SMALL_TWO, variants[_i]);
    b->lengths[1][2] = 1; /* one is enough */
    io_assert_ok(unic_trainer_step(t, b->batch, NULL, NULL));
    assert_state_finite(t);
    small_batch_free(b);
    unic_trainer_free(t);
}
END_TEST

/* ---- numbers that grow out of hand ---- */

START_TEST(a_clip_that_is_too_large_is_named)
{
    unic_trainer *t = small_trainer(SMALL_TWO, variants[_i]);
    small_batch *b = small_batch_new(SMALL_TWO, SMALL_BATCH, SMALL_LENGTH, 1);
    const char *says =
        "; the largest feature is of 1e+34, in modality \"touch\", clip 2 of the batch";
    b->x[0][0] = 2e6F; /* large, but not why */
    b->x[1][(2 * SMALL_LENGTH + 1) * b->step[1]] = -1e34F;
    assert_refused(t, b, UNIC_E_NUMERIC, says);
    io_assert_fails(unic_trainer_evaluate(t, b->batch, NULL), UNIC_E_NUMERIC, says);
    assert_undisturbed(t, SMALL_TWO, variants[_i]);
    small_batch_free(b);
    unic_trainer_free(t);
}
END_TEST

static void scale(small_batch *b, size_t m, float by)
{
    for (size_t i = 0; i < SMALL_BATCH * SMALL_LENGTH * b->step[m]; i++)
        b->x[m][i] *= by;
}

START_TEST(features_that_are_too_large)
{
    for (uint64_t steps = 0; steps < 3; steps += 2) { /* at 0: the codebook's start too */
        unic_trainer *t = small_trainer(SMALL_THREE, variants[_i]);
        good_steps(t, SMALL_THREE, 0, steps);
        for (size_t m = 0; m < 2; m++) {
            small_batch *b = small_batch_new(SMALL_THREE, SMALL_BATCH, SMALL_LENGTH, 1);
            char says[80];
            snprintf(says, sizeof says,
                     "step %d refused: the encoder of modality \"%s\" gives NaN or Inf",
                     (int)steps, b->name[m]);
            scale(b, m, 1e30F);
            assert_refused(t, b, UNIC_E_NUMERIC, says);
            scale(b, m, 1e-11F); /* the variance that the encoder divides by is Inf */
            if (m == 1)
                assert_refused(t, b, UNIC_E_NUMERIC, says);
            scale(b, m, 0.4F); /* audio's encoder bears that */
            if (m == 1)
                assert_refused(t, b, UNIC_E_NUMERIC,
                               "refused: reconstruction.audio is Inf, a number expected");
            small_batch_free(b);
        }
        assert_undisturbed(t, SMALL_THREE, variants[_i]);
        unic_trainer_free(t);
    }
}
END_TEST

static bool all_finite(const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(x[i]))
            return false;
    return true;
}

static void assert_state_finite(const unic_trainer *t)
{
    ck_assert(all_finite(t->params.values, t->params.total));
    ck_assert(all_finite(t->adam.m, t->params.total));
    ck_assert(all_finite(t->adam.v, t->params.total));
    ck_assert(all_finite(t->club.values, t->club.total));
    ck_assert(all_finite(t->club_adam.m, t->club.total));
    ck_assert(all_finite(t->club_adam.v, t->club.total));
    ck_assert(all_finite(t->codebook->embedding, SMALL_CODES * SMALL_DIM));
    ck_assert(all_finite(t->codebook->sum, SMALL_CODES * SMALL_DIM));
    ck_assert(all_finite(t->codebook->count, SMALL_CODES));
}

/* Whatever the size, a step is taken and leaves numbers, or is refused and leaves nothing. */
START_TEST(features_of_every_size)
{
    size_t refused = 0, taken = 0;
    unic_trainer *t = small_trainer(SMALL_TWO, variants[_i]);
    for (int e = 0; e < 38; e++) {
        small_batch *b = small_batch_new(SMALL_TWO, SMALL_BATCH, SMALL_LENGTH, (uint64_t)e);
        for (size_t i = 0; i < SMALL_BATCH * SMALL_LENGTH * b->step[1]; i++)
            b->x[1][i] = ldexpf(b->x[1][i], 3 * e);
        small_state before = small_state_of(t);
        unic_status status = unic_trainer_step(t, b->batch, NULL, NULL);
        ck_assert_msg(status == UNIC_OK || status == UNIC_E_NUMERIC, "%s", unic_last_error());
        small_state after = small_state_of(t);
        ck_assert(small_states_equal(&before, &after) == (status != UNIC_OK));
        assert_state_finite(t);
        refused += status != UNIC_OK;
        taken += status == UNIC_OK;
        small_batch_free(b);
    }
    ck_assert_msg(refused > 5 && taken > 5, "%zu refused, %zu taken", refused, taken);
    unic_trainer_free(t);
}
END_TEST

/* A parameter of either table that is no number: the term it stands in is named. */
START_TEST(parameters_that_are_no_numbers)
{
    static const struct {
        const char *param, *term;
    } cases[] = {{"audio.decoder.out.bias", "reconstruction.audio is"},
                 {"touch.semantic.affine.bias",
                  "refused: the encoder of modality \"touch\" gives NaN or Inf"},
                 {"audio.club.mu.1.weight", "club.audio is"},
                 {"touch.club.logvar.0.bias", "club.touch is"},
                 {"audio.cpc.lstm.weight_hh_l0", "cpc is"},
                 {"touch.cpc.predict0.weight", "cpc is"}};
    const char *more = _i ? "behaviour = compat\n" : "";
    unic_trainer *t = small_trainer(SMALL_TWO, more);
    small_batch *b = small_batch_new(SMALL_TWO, SMALL_BATCH, SMALL_LENGTH, 1);
    for (uint64_t steps = 0; steps < sizeof cases / sizeof cases[0]; steps++) {
        unic__param_table *table = &t->params;
        const unic__param *p = unic__param_table_find(table, cases[steps].param);
        if (!p) {
            table = &t->club;
            p = unic__param_table_find(table, cases[steps].param);
        }
        ck_assert_msg(p != NULL, "no %s", cases[steps].param);
        float kept = table->values[p->offset];
        char says[100];
        small_state before = small_state_of(t);
        table->values[p->offset] = NAN;
        assert_fail(t, b, UNIC_E_NUMERIC, cases[steps].term);
        snprintf(says, sizeof says, "not written: value/%s holds NaN or Inf", p->name);
        io_assert_fails(unic_trainer_save(t, small_path("nan.npz")), UNIC_E_NUMERIC, says);
        table->values[p->offset] = kept;
        small_state after = small_state_of(t);
        ck_assert(small_states_equal(&before, &after));
        good_steps(t, SMALL_TWO, steps, steps + 1);
    }
    assert_undisturbed(t, SMALL_TWO, more);
    small_batch_free(b);
    unic_trainer_free(t);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("refused");
    tcase_add_test(t, features_that_are_no_numbers);
    tcase_add_test(t, float64_beyond_float32);
    tcase_add_test(t, batches_that_do_not_fit);
    tcase_add_loop_test(t, batches_without_a_step, 0, 4);
    tcase_add_loop_test(t, a_clip_that_is_too_large_is_named, 0, 4);
    tcase_add_loop_test(t, features_that_are_too_large, 0, 4);
    tcase_add_loop_test(t, features_of_every_size, 0, 4);
    tcase_add_loop_test(t, parameters_that_are_no_numbers, 0, 2);
    return small_run("train/refused", t);
}
