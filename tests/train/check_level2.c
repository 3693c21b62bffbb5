/* The second level of codes (H-DCID): its warm start, its codebook, and what a model makes of pairs. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "file/io_help.h"
#include "model/model.h"
#include "model/small_model.h"
#include "train/trainer.h"

#define HDCID "objective = hdcid\nlevel2.count = 5\n"

enum { D = SMALL_DIM, L = SMALL_CODES, L2 = 5, B = SMALL_BATCH, T = SMALL_LENGTH };

static unic_trainer *trainer_of(const char *more, size_t steps)
{
    unic_trainer *t = small_trainer(SMALL_TWO, more);
    if (steps)
        io_assert_ok(unic_trainer_set_total_step_count(t, steps));
    return t;
}

/* ---- the warm start ---- */

static float largest_change(const unic_trainer *t, const float *before, const char *part)
{
    float largest = 0.0F;
    for (size_t i = 0; i < t->params.n; i++) {
        const unic__param *p = t->params.at[i];
        for (size_t k = 0; k < p->count && strstr(p->name, part); k++)
            largest = fmaxf(largest,
                            fabsf(t->params.values[p->offset + k] - before[p->offset + k]));
    }
    return largest;
}

/* Until level2.start of the declared steps: no parameter of it moves, its codes do. */
START_TEST(the_second_level_starts_warm)
{
    unic_trainer *t = trainer_of(HDCID "level2.start = 0.5\n", 8);
    float *before = malloc(t->params.total * sizeof *before), codes[L2 * D];
    memcpy(before, t->params.values, t->params.total * sizeof *before);
    small_train(t, 0, 1);
    memcpy(codes, t->level2->embedding, sizeof codes);
    small_train(t, 1, 4);
    ck_assert(largest_change(t, before, ".level2.") == 0.0F);
    ck_assert(largest_change(t, before, "audio.semantic.") > 0.0F);
    ck_assert_int_ne(memcmp(codes, t->level2->embedding, sizeof codes), 0);
    small_train(t, 4, 6);
    ck_assert(largest_change(t, before, "audio.level2.semantic.") > 0.0F);
    ck_assert(largest_change(t, before, "touch.level2.decoder.") > 0.0F);
    ck_assert(largest_change(t, before, "touch.level2.cpc.") > 0.0F);
    free(before);
    unic_trainer_free(t);
}
END_TEST

/* While it does not count, the first level trains as if it were not there, bit by bit. */
START_TEST(the_first_level_does_not_know_of_it)
{
    unic_trainer *t = trainer_of(HDCID "level2.start = 1\n", 8),
                 *plain = trainer_of("code_match.weight = 0\n", 8);
    small_train(t, 0, 6);
    small_train(plain, 0, 6);
    for (size_t i = 0; i < plain->params.n; i++) {
        const unic__param *p = plain->params.at[i],
                          *q = unic__param_table_find(&t->params, p->name);
        ck_assert_ptr_nonnull(q);
        ck_assert_mem_eq(plain->params.values + p->offset, t->params.values + q->offset,
                         p->count * sizeof(float));
    }
    ck_assert_mem_eq(t->codebook->embedding, plain->codebook->embedding, sizeof(float[L * D]));
    unic_trainer_free(plain);
    unic_trainer_free(t);
}
END_TEST

/* A run whose steps are not declared has both levels from the first on. */
START_TEST(without_declared_steps_it_counts_at_once)
{
    unic_trainer *t = trainer_of(HDCID, 0);
    small_batch *b = small_batch_new(SMALL_TWO, B, T, 1);
    double *figures = calloc(unic_trainer_figure_count(t), sizeof *figures);
    io_assert_ok(unic_trainer_step(t, b->batch, NULL, figures));
    ck_assert(small_term(t, figures, "reconstruction.audio.level2") > 0.0);
    ck_assert(small_term(t, figures, "commitment.touch.level2") > 0.0);
    ck_assert(small_term(t, figures, "cpc.level2") > 0.0);
    ck_assert(isfinite(small_term(t, figures, "club.audio.level2")));
    ck_assert(isfinite(small_term(t, figures, "club_fit.touch.level2")));
    free(figures);
    small_batch_free(b);
    unic_trainer_free(t);
}
END_TEST

/* ---- its codebook ---- */

/* The EMA of P6, in double, of what the step assigned. */
START_TEST(its_codes_move_by_an_average_of_their_own)
{
    unic_trainer *t = trainer_of(HDCID "reset.rule = off\nema.decay = 0.9\n", 0);
    small_train(t, 0, 1);
    for (uint64_t step = 1; step < 6; step++) {
        double count[L2], sum[L2][D];
        for (size_t l = 0; l < L2; l++) {
            count[l] = (double)t->level2->count[l];
            for (size_t d = 0; d < D; d++)
                sum[l][d] = (double)t->level2->sum[l * D + d];
        }
        small_train(t, step, step + 1);
        for (size_t l = 0; l < L2; l++) {
            double hits = 0.0, of[D] = {0};
            for (size_t m = 0; m < 2; m++) {
                const unic__stream *s = &t->graph.level2.stream[m];
                for (size_t i = 0; i < (size_t)B * T; i++) {
                    if (s->mask->t.x[i] == 0.0F || (size_t)s->codes->t.ix[i] != l)
                        continue;
                    hits += 1.0;
                    for (size_t d = 0; d < D; d++)
                        of[d] += (double)s->target->t.x[i * D + d];
                }
            }
            const double n = 0.9 * count[l] + 0.1 * hits;
            for (size_t d = 0; d < D; d++)
                ck_assert_double_eq_tol((double)t->level2->embedding[l * D + d],
                                        (0.9 * sum[l][d] + 0.1 * of[d]) / n, 1e-5);
        }
    }
    unic_trainer_free(t);
}
END_TEST

/* An idle code far from all z starts anew at one of them, and stays. */
START_TEST(its_idle_codes_start_anew)
{
    unic_trainer *t = trainer_of(HDCID "reset.rule = any\nreset.steps = 5\n", 0);
    small_train(t, 0, 2);
    for (size_t d = 0; d < D; d++)
        t->level2->embedding[d] = t->level2->sum[d] = 1000.0F;
    t->level2->idle[0] = t->level2->idle[L2] = 1000;
    unic__codebook_refresh(t->level2);
    small_train(t, 2, 3);
    ck_assert_int_eq(t->level2->idle[0], 0);
    for (size_t d = 0; d < D; d++)
        ck_assert(fabsf(t->level2->embedding[d]) < 10.0F);
    unic_trainer_free(t);
}
END_TEST

/* ---- files, and steps that are refused ---- */

static const char *const runs[] = {
    HDCID "level2.start = 0.5\n", "behaviour = compat\n" HDCID "reset.steps = 2\n",
    HDCID "club.weight = 0\nema.start = kmeans\nlevel2.start = 0\nreset.steps = 1\n"};

START_TEST(resumed_runs_end_in_the_same_bytes)
{
    small_resume_runs(runs[_i]);
}
END_TEST

START_TEST(refused_steps_and_evaluations_change_nothing)
{
    small_refuse_steps(HDCID);
}
END_TEST

START_TEST(an_encoder_that_gives_no_number_is_named)
{
    unic_trainer *t = trainer_of(HDCID, 0);
    small_batch *b = small_batch_new(SMALL_TWO, B, T, 1);
    const unic__param *p = unic__param_table_find(&t->params,
                                                  "touch.level2.semantic.affine.bias");
    t->params.values[p->offset] = NAN;
    io_assert_fails(unic_trainer_step(t, b->batch, NULL, NULL), UNIC_E_NUMERIC,
                    "the second level's encoder of modality \"touch\" gives NaN or Inf");
    small_batch_free(b);
    unic_trainer_free(t);
}
END_TEST

START_TEST(a_damaged_run_is_refused)
{
    const char *path = small_path("whole.npz"), *bad = small_path("bad.npz"),
               *run = small_path("whole.run.npz"), *bad_run = small_path("bad.run.npz");
    static const char *const members[] = {"level2.embedding", "level2.ema_sum",
                                          "level2.ema_count", "level2.idle"};
    unic_trainer *t = trainer_of(HDCID, 0), *resumed;
    small_train(t, 0, 1);
    io_assert_ok(unic_trainer_save(t, path));
    for (size_t i = 0; i < 4; i++) {
        small_edit(run, bad_run, members[i], SMALL_DROP);
        io_assert_fails(unic_trainer_resume(&resumed, bad, NULL, NULL), UNIC_E_FORMAT,
                        members[i]);
        small_edit(run, bad_run, members[i], SMALL_SPOIL);
        ck_assert_int_ne(unic_trainer_resume(&resumed, bad, NULL, NULL), UNIC_OK);
        ck_assert_msg(strstr(unic_last_error(), members[i]) != NULL, "%s", unic_last_error());
    }
    t->level2->count[3] = -1.0F;
    io_assert_ok(unic_trainer_save(t, path));
    io_assert_fails(unic_trainer_resume(&resumed, path, NULL, NULL), UNIC_E_FORMAT,
                    "level2.ema_count[3] is -1");
    unic_trainer_free(t);
}
END_TEST

/* ---- a model's pairs ---- */

static void encode(unic_model *model, const small_batch *b, size_t m, int32_t *codes,
                   float *quantized, float *semantic)
{
    unic_encoder *encoder;
    const unic_encoder_options options = {
        .struct_size = sizeof options, .max_batch = B, .max_length = T};
    io_assert_ok(unic_encoder_create(&encoder, model, b->name[m], &options));
    io_assert_ok(
        unic_encoder_encode(encoder, &b->array[m], b->lengths[m], codes, quantized, semantic));
    unic_encoder_free(encoder);
}

static int32_t nearest(const float *z, const float *codes, int32_t count)
{
    double least = INFINITY;
    int32_t best = -1;
    for (int32_t l = 0; l < count; l++) {
        double sum = 0.0;
        for (size_t d = 0; d < D; d++)
            sum += pow((double)z[d] - (double)codes[(size_t)l * D + d], 2.0);
        best = sum < least ? l : best;
        least = fmin(sum, least);
    }
    return best;
}

static const char *const kinds[] = {SMALL_TWO, SMALL_THREE};

/* A code is l1 L2 + l2 of the nearest of each level, its vector both of theirs; and so after saving
 * and loading. Of a grid's map, too. */
START_TEST(a_code_is_a_pair)
{
    unic_trainer *t = small_trainer(kinds[_i], HDCID);
    small_batch *b = small_batch_new(kinds[_i], B, T, 3);
    static int32_t codes[B * T], again[B * T];
    static float quantized[B * T * 2 * D], semantic[B * T * 2 * D];
    const char *path = small_path("pairs.npz");
    unic_model *model, *loaded;
    for (int i = 0; i < 3; i++)
        io_assert_ok(unic_trainer_step(t, b->batch, NULL, NULL));
    io_assert_ok(unic_trainer_model(&model, t));
    ck_assert_uint_eq(unic_model_code_count(model), L * L2);
    ck_assert_uint_eq(unic_model_code_dim(model), 2 * D);
    io_assert_ok(unic_model_save(model, path));
    io_assert_ok(unic_model_open(&loaded, path, NULL));
    for (size_t m = 0; m < b->n; m++) {
        encode(model, b, m, codes, quantized, semantic);
        for (size_t i = 0; i < B * T; i++) {
            const float *z = semantic + i * 2 * D, *e = quantized + i * 2 * D;
            const int32_t first = nearest(z, t->codebook->embedding, L),
                          second = nearest(z + D, t->level2->embedding, L2);
            ck_assert_int_eq(codes[i], first * L2 + second);
            ck_assert_mem_eq(e, t->codebook->embedding + first * D, sizeof(float[D]));
            ck_assert_mem_eq(e + D, t->level2->embedding + second * D, sizeof(float[D]));
        }
        encode(loaded, b, m, again, NULL, NULL);
        ck_assert_mem_eq(codes, again, sizeof codes);
    }
    unic_model_free(loaded);
    unic_model_free(model);
    small_batch_free(b);
    unic_trainer_free(t);
}
END_TEST

/* What a model encodes is what training assigned (without dropout, before the step moves it). */
START_TEST(a_model_encodes_as_it_was_trained)
{
    unic_trainer *t = small_trainer(SMALL_THREE, HDCID "encoder.dropout = 0\n");
    small_batch *b = small_batch_new(SMALL_THREE, B, T, 3);
    static int32_t codes[B * T];
    unic_model *model;
    io_assert_ok(unic_trainer_step(t, b->batch, NULL, NULL));
    io_assert_ok(unic_trainer_model(&model, t));
    io_assert_ok(unic_trainer_evaluate(t, b->batch, NULL));
    for (size_t m = 0; m < 3; m++) {
        encode(model, b, m, codes, NULL, NULL);
        for (size_t i = 0; i < B * T; i++)
            ck_assert_int_eq(codes[i], t->graph.stream[m].codes->t.ix[i] * L2 +
                                           t->graph.level2.stream[m].codes->t.ix[i]);
    }
    unic_model_free(model);
    small_batch_free(b);
    unic_trainer_free(t);
}
END_TEST

/* ---- what does not go together ---- */

START_TEST(what_does_not_go_together_is_refused)
{
    static const struct {
        const char *more, *says;
    } cases[] = {
        {"level2.weight = 1\ncode.segments = on\n", "does not go with code.segments"},
        {"level2.weight = 1\ncode.pool = clip\n", "level2.weight = 1 does not go with"},
        {"level2.weight = 1\nencoder.shared = all\n", "level2.weight = 1 does not go with"},
        {"level2.weight = 1\nlevel2.count = 1\n", "level2.count = 1 is no choice"},
        {"level2.weight = 1\nlevel2.count = 6000\n",
         "level2.count = 6000 have more than 65536"},
        {"level2.weight = 1\ncode.count = 40000\n", "level2.count = 0 have more than 65536"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unic_config *config;
        io_assert_ok(unic_config_create(&config));
        io_assert_ok(unic_config_parse(config, SMALL_TWO, NULL));
        io_assert_ok(unic_config_parse(config, cases[i].more, NULL));
        io_assert_fails(unic_config_check(config), UNIC_E_CONFIG, cases[i].says);
        unic_config_free(config);
    }
    static const char named[] = "modalities = audio abcdefghijklmnopqrstuvwxy\n"
                                "audio.kind = vector\naudio.dims = 6\n"
                                "abcdefghijklmnopqrstuvwxy.kind = vector\n"
                                "abcdefghijklmnopqrstuvwxy.dims = 5\nlevel2.weight = 1\n";
    unic_config *config;
    io_assert_ok(unic_config_create(&config));
    io_assert_ok(unic_config_parse(config, named, NULL));
    io_assert_fails(unic_config_check(config), UNIC_E_CONFIG, "has more than 24 letters");
    unic_config_free(config);
    unic_trainer *t = small_trainer(SMALL_TWO, HDCID);
    unic_model *model = small_model(SMALL_TWO, "", 1);
    io_assert_fails(unic_trainer_start_from(t, model), UNIC_E_CONFIG, "second level");
    unic_model_free(model);
    unic_trainer_free(t);
}
END_TEST

/* As many as the pairs allow, and no more than the first level's. */
START_TEST(how_many_codes_it_has)
{
    unic_config *c = small_config(SMALL_TWO, "objective = hdcid\n");
    ck_assert_uint_eq(c->level2_count, L);
    unic_config_free(c);
    c = small_config(SMALL_TWO, "objective = hdcid\ncode.count = 400\n");
    ck_assert_uint_eq(c->level2_count, 163);
    ck_assert(c->match_weight == 0.0 && c->level2_weight == 0.3 && c->level2_start == 0.6);
    unic_config_free(c);
}
END_TEST

/* Creating a run, its model and an encoder fails with a status, whichever allocation does. */
START_TEST(every_allocation_may_fail)
{
    small_create_without_memory(HDCID, B, T);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("level2");
    tcase_add_test(t, the_second_level_starts_warm);
    tcase_add_test(t, the_first_level_does_not_know_of_it);
    tcase_add_test(t, without_declared_steps_it_counts_at_once);
    tcase_add_test(t, its_codes_move_by_an_average_of_their_own);
    tcase_add_test(t, its_idle_codes_start_anew);
    tcase_add_loop_test(t, resumed_runs_end_in_the_same_bytes, 0, 3);
    tcase_add_test(t, refused_steps_and_evaluations_change_nothing);
    tcase_add_test(t, an_encoder_that_gives_no_number_is_named);
    tcase_add_test(t, a_damaged_run_is_refused);
    tcase_add_loop_test(t, a_code_is_a_pair, 0, 2);
    tcase_add_test(t, a_model_encodes_as_it_was_trained);
    tcase_add_test(t, what_does_not_go_together_is_refused);
    tcase_add_test(t, how_many_codes_it_has);
    tcase_add_test(t, every_allocation_may_fail);
    return small_run("train/level2", t);
}
