/* lib/train: padding, absent modalities, small batches and short clips. What is not there must
 * not matter: bit for bit in one plan, as near as float32 allows between plans. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file/io_help.h"
#include "model/small_model.h"
#include "train/trainer.h"

enum { MOST_TERMS = 64 };

static const char *const variants[] = {"", "behaviour = compat\n", "ema.partner = same_step\n",
                                       "club.form = permutation\ncode_match.form = asymmetric\n"
                                       "cpc.contrast = predictions\ncpc.self = 0.5\n"
                                       "club.input = quantized\n"};
enum { VARIANTS = sizeof variants / sizeof variants[0] };

/* Ragged lengths; clip 1 has no image, clip 2 no text. */
static void make_ragged(small_batch *b)
{
    static const int32_t lengths[3][SMALL_BATCH] = {{5, 0, 3, 4}, {4, 5, 1, 2}, {3, 2, 0, 5}};
    for (size_t m = 0; m < 3; m++)
        memcpy(b->lengths[m], lengths[m], b->clips * sizeof(int32_t));
}

static small_batch *ragged_batch(const char *config, uint64_t seed)
{
    small_batch *b = small_batch_new(config, SMALL_BATCH, SMALL_LENGTH, seed);
    make_ragged(b);
    return b;
}

/* ---- bit for bit ---- */

START_TEST(padding_is_not_looked_at)
{
    static const float garbage[] = {0.0F, 1e30F, NAN};
    small_state states[3];
    for (size_t i = 0; i < 3; i++) {
        unic_trainer *t = small_trainer(SMALL_THREE, variants[_i]);
        for (uint64_t step = 0; step < 3; step++) {
            small_batch *b = ragged_batch(SMALL_THREE, step);
            small_batch_spoil(b, garbage[i]);
            io_assert_ok(unic_trainer_step(t, b->batch, NULL, NULL));
            small_batch_free(b);
        }
        states[i] = small_state_of(t);
        unic_trainer_free(t);
    }
    ck_assert(states[0].size == states[1].size);
    ck_assert(memcmp(states[0].bytes, states[1].bytes, states[0].size) == 0);
    ck_assert(small_states_equal(&states[0], &states[2]));
    free(states[1].bytes);
}
END_TEST

/* What one batch leaves in the buffers does not reach the next. */
START_TEST(batches_leave_nothing_behind)
{
    small_state states[2];
    for (size_t i = 0; i < 2; i++) {
        unic_trainer *t = small_trainer(SMALL_THREE, variants[_i]);
        small_batch *big = small_batch_new(SMALL_THREE, SMALL_BATCH, SMALL_LENGTH, 3);
        small_batch *small = small_batch_new(SMALL_THREE, 2, 3, 4);
        small->lengths[0][1] = small->lengths[1][0] = small->lengths[2][1] = 2;
        io_assert_ok(unic_trainer_step(t, small->batch, NULL, NULL));
        if (i)
            io_assert_ok(unic_trainer_evaluate(t, big->batch, NULL));
        io_assert_ok(unic_trainer_step(t, small->batch, NULL, NULL));
        if (strstr(variants[_i], "compat")) /* there, an evaluation moves the counters */
            memset(t->codebook->idle, 0, 3 * SMALL_CODES * sizeof(int32_t));
        states[i] = small_state_of(t);
        small_batch_free(big);
        small_batch_free(small);
        unic_trainer_free(t);
    }
    ck_assert(small_states_equal(&states[0], &states[1]));
}
END_TEST

START_TEST(no_lengths_are_whole_lengths)
{
    small_state states[2];
    for (size_t i = 0; i < 2; i++) {
        unic_trainer *t = small_trainer(SMALL_THREE, "");
        small_batch *b = small_batch_new(SMALL_THREE, SMALL_BATCH, SMALL_LENGTH, 5);
        for (size_t m = 0; i && m < b->n; m++)
            io_assert_ok(unic_batch_set(b->batch, b->name[m], &b->array[m], NULL));
        io_assert_ok(unic_trainer_step(t, b->batch, NULL, NULL));
        states[i] = small_state_of(t);
        small_batch_free(b);
        unic_trainer_free(t);
    }
    ck_assert(small_states_equal(&states[0], &states[1]));
}
END_TEST

/* ---- between plans ---- */

/* Two steps of both, and after each all the terms, gradient norms and counts. */
static void assert_same_run(unic_trainer *t, const small_batch *of_t, unic_trainer *u,
                            const small_batch *of_u)
{
    double one[MOST_TERMS], two[MOST_TERMS];
    ck_assert_uint_eq(unic_trainer_figure_count(t), unic_trainer_figure_count(u));
    for (int step = 0; step < 2; step++) {
        io_assert_ok(unic_trainer_step(t, of_t->batch, NULL, one));
        io_assert_ok(unic_trainer_step(u, of_u->batch, NULL, two));
        for (size_t i = 0; i < unic_trainer_figure_count(t); i++)
            ck_assert_msg(fabs(one[i] - two[i]) <= 1e-5 * fmax(1.0, fabs(one[i])),
                          "step %d: %s is %.9g, not %.9g", step, unic_trainer_figure_name(t, i),
                          two[i], one[i]);
    }
}

/* The first `clips` clips, and of these the first `length` steps, in arrays of their own. */
static small_batch *cut(const small_batch *b, const char *config, size_t clips, size_t length)
{
    small_batch *part = small_batch_new(config, clips, length, 0);
    for (size_t m = 0; m < b->n; m++)
        for (size_t i = 0; i < clips; i++) {
            int32_t n = b->lengths[m][i];
            part->lengths[m][i] = n < (int32_t)length ? n : (int32_t)length;
            memcpy(part->x[m] + i * length * b->step[m], b->x[m] + i * b->length * b->step[m],
                   length * b->step[m] * sizeof(float));
        }
    return part;
}

/* A trainer for exactly this size, without dropout, whose draws are by element. */
static unic_trainer *sized_trainer(const char *more, size_t clips, size_t length)
{
    char text[400];
    snprintf(text, sizeof text,
             "%sencoder.dropout = 0\ntrain.batch = %zu\ntrain.length = %zu\n", more, clips,
             length);
    return small_trainer(SMALL_THREE, text);
}

START_TEST(a_small_batch_is_as_in_a_plan_of_its_size)
{
    const size_t sizes[][2] = {{3, SMALL_LENGTH}, {2, 4}, {SMALL_BATCH, 3}};
    for (size_t i = 0; i < 3; i++)
        for (size_t ragged = 0; ragged < 2; ragged++) {
            unic_trainer *t = sized_trainer(variants[_i], sizes[i][0], sizes[i][1]);
            unic_trainer *u = sized_trainer(variants[_i], SMALL_BATCH, SMALL_LENGTH);
            small_batch *whole = small_batch_new(SMALL_THREE, SMALL_BATCH, SMALL_LENGTH, 7);
            if (ragged)
                make_ragged(whole);
            small_batch *part = cut(whole, SMALL_THREE, sizes[i][0], sizes[i][1]);
            assert_same_run(t, part, u, part);
            small_batch_free(whole);
            small_batch_free(part);
            unic_trainer_free(t);
            unic_trainer_free(u);
        }
}
END_TEST

/* A clip that lacks every modality is no clip. */
START_TEST(an_empty_clip_is_none)
{
    unic_trainer *t = sized_trainer(_i ? "cpc.steps = 2\n" : "", SMALL_BATCH, SMALL_LENGTH);
    unic_trainer *u = sized_trainer(_i ? "cpc.steps = 2\n" : "", SMALL_BATCH, SMALL_LENGTH);
    small_batch *whole = ragged_batch(SMALL_THREE, 8);
    for (size_t m = 0; m < whole->n; m++)
        whole->lengths[m][3] = 0;
    small_batch *part = cut(whole, SMALL_THREE, 3, SMALL_LENGTH);
    assert_same_run(t, whole, u, part);
    small_batch_free(whole);
    small_batch_free(part);
    unic_trainer_free(t);
    unic_trainer_free(u);
}
END_TEST

/* ---- small sizes ---- */

static void assert_all_finite(const unic_trainer *t, const double *terms)
{
    for (size_t i = 0; i < unic_trainer_figure_count(t); i++)
        ck_assert_msg(isfinite(terms[i]), "%s is %g", unic_trainer_figure_name(t, i), terms[i]);
}

START_TEST(one_clip_has_nothing_to_be_contrasted_with)
{
    double terms[MOST_TERMS];
    unic_trainer *t = small_trainer(SMALL_THREE, variants[_i]);
    small_batch *b = small_batch_new(SMALL_THREE, 1, SMALL_LENGTH, 9);
    for (int step = 0; step < 3; step++) {
        io_assert_ok(unic_trainer_step(t, b->batch, NULL, terms));
        assert_all_finite(t, terms);
        static const char *const zero[] = {"cpc",        "code_match", "club.image",
                                           "club.audio", "club.text",  "grad_norm.cpc"};
        for (size_t i = 0; i < sizeof zero / sizeof zero[0]; i++)
            ck_assert_msg(small_term(t, terms, zero[i]) == 0.0, "%s is %g", zero[i],
                          small_term(t, terms, zero[i]));
        ck_assert(small_term(t, terms, "reconstruction.image") > 0.0);
        ck_assert(small_term(t, terms, "commitment.text") > 0.0);
    }
    small_batch_free(b);
    unic_trainer_free(t);
}
END_TEST

START_TEST(clips_of_one_step)
{
    double terms[MOST_TERMS];
    unic_trainer *t = small_trainer(SMALL_THREE, variants[_i]);
    small_batch *b = small_batch_new(SMALL_THREE, SMALL_BATCH, SMALL_LENGTH, 10);
    for (size_t m = 0; m < b->n; m++)
        for (size_t i = 0; i < SMALL_BATCH; i++)
            b->lengths[m][i] = 1;
    small_batch *part = cut(b, SMALL_THREE, SMALL_BATCH, 1); /* or arrays of one step */
    for (int step = 0; step < 3; step++) {
        io_assert_ok(unic_trainer_step(t, step % 2 ? part->batch : b->batch, NULL, terms));
        assert_all_finite(t, terms);
        ck_assert(small_term(t, terms, "code_match") > 0.0);
        if (t->config->padding == UNIC__PAD_MASKED || step % 2)
            ck_assert(small_term(t, terms, "cpc") == 0.0); /* no clip has a future */
    }
    small_batch_free(b);
    small_batch_free(part);
    unic_trainer_free(t);
}
END_TEST

/* T = 1: CPC becomes InfoNCE at the same step. */
START_TEST(a_config_of_one_step)
{
    double terms[MOST_TERMS];
    char more[400];
    snprintf(more, sizeof more, "%strain.length = 1\n", variants[_i]);
    unic_trainer *t = small_trainer(SMALL_THREE, more);
    small_batch *b = small_batch_new(SMALL_THREE, SMALL_BATCH, 1, 11);
    double first = 0.0;
    for (int step = 0; step < 30; step++) {
        io_assert_ok(unic_trainer_step(t, b->batch, NULL, terms));
        assert_all_finite(t, terms);
        first = step ? first : small_term(t, terms, "cpc");
        ck_assert(small_term(t, terms, "cpc") > 0.0);
    }
    ck_assert_msg(small_term(t, terms, "cpc") < first, "%g, at first %g",
                  small_term(t, terms, "cpc"), first);
    small_batch_free(b);
    unic_trainer_free(t);
}
END_TEST

/* ---- absent modalities ---- */

static size_t sum_of_idle(const unic_trainer *t, size_t m)
{
    size_t sum = 0;
    for (size_t l = 0; l < SMALL_CODES; l++)
        sum += (size_t)t->codebook->idle[m * SMALL_CODES + l];
    return sum;
}

START_TEST(a_modality_that_no_clip_has)
{
    double terms[MOST_TERMS];
    unic_trainer *t = small_trainer(SMALL_THREE, variants[_i]);
    small_batch *b = small_batch_new(SMALL_THREE, SMALL_BATCH, SMALL_LENGTH, 12);
    io_assert_ok(unic_trainer_step(t, b->batch, NULL, NULL));
    size_t before[3] = {sum_of_idle(t, 0), sum_of_idle(t, 1), sum_of_idle(t, 2)};
    for (size_t i = 0; i < SMALL_BATCH; i++)
        b->lengths[1][i] = 0;
    for (int step = 0; step < 2; step++) {
        io_assert_ok(unic_trainer_step(t, b->batch, NULL, terms));
        assert_all_finite(t, terms);
        static const char *const zero[] = {"reconstruction.audio", "commitment.audio",
                                           "club.audio",           "club_fit.audio",
                                           "perplexity.audio",     "agreement"};
        for (size_t i = 0; i < sizeof zero / sizeof zero[0]; i++)
            ck_assert_msg(small_term(t, terms, zero[i]) == 0.0, "%s is %g", zero[i],
                          small_term(t, terms, zero[i]));
        ck_assert(small_term(t, terms, "reconstruction.image") > 0.0);
        ck_assert(small_term(t, terms, "cpc") > 0.0);
        ck_assert(small_term(t, terms, "code_match") > 0.0);
    }
    ck_assert_uint_eq(sum_of_idle(t, 1), before[1]);
    ck_assert(sum_of_idle(t, 0) > before[0] && sum_of_idle(t, 2) > before[2]);
    for (size_t i = 0; i < SMALL_BATCH; i++) /* only one is left: no pair at all */
        b->lengths[2][i] = 0;
    io_assert_ok(unic_trainer_step(t, b->batch, NULL, terms));
    assert_all_finite(t, terms);
    ck_assert(small_term(t, terms, "code_match") == 0.0);
    ck_assert((small_term(t, terms, "cpc") == 0.0) == (t->config->cpc_self == 0.0));
    small_batch_free(b);
    unic_trainer_free(t);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("padding");
    tcase_add_loop_test(t, padding_is_not_looked_at, 0, VARIANTS);
    tcase_add_loop_test(t, batches_leave_nothing_behind, 0, VARIANTS);
    tcase_add_test(t, no_lengths_are_whole_lengths);
    tcase_add_loop_test(t, a_small_batch_is_as_in_a_plan_of_its_size, 0, VARIANTS);
    tcase_add_loop_test(t, an_empty_clip_is_none, 0, 2);
    tcase_add_loop_test(t, one_clip_has_nothing_to_be_contrasted_with, 0, VARIANTS);
    tcase_add_loop_test(t, clips_of_one_step, 0, VARIANTS);
    tcase_add_loop_test(t, a_config_of_one_step, 0, VARIANTS);
    tcase_add_loop_test(t, a_modality_that_no_clip_has, 0, VARIANTS);
    return small_run("train/padding", t);
}
