/* Codes in segments: each modality's own columns, tied by the code's number (CoDAAR). */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "file/io_help.h"
#include "model/codebook.h"
#include "model/encoder.h"
#include "model/small_model.h"
#include "train/trainer.h"

#define CODAAR "objective = codaar\n"

enum { D = SMALL_DIM, L = SMALL_CODES, B = SMALL_BATCH, T = SMALL_LENGTH };

/* ---- blending ---- */

/* What the segments of modalities 0 .. n-1 become, of numbers that all their dims have. */
static void blend(size_t n, float *values)
{
    unic_codebook *cb;
    io_assert_ok(unic__codebook_create(&cb, 2, n * 3, n));
    for (size_t i = 0; i < 2 * n * 3; i++)
        cb->embedding[i] = values[i % (n * 3) / 3];
    unic__codebook_blend(cb);
    for (size_t i = 0; i < 2 * n * 3; i++)
        ck_assert(cb->embedding[i] == cb->embedding[i % (n * 3) / 3 * 3]);
    for (size_t m = 0; m < n; m++)
        values[m] = cb->embedding[m * 3];
    unic__codebook_free(cb);
}

START_TEST(blends_as_the_release_does)
{
    float two[] = {1.0F, 0.0F}, other[] = {0.0F, 1.0F}, three[] = {1.0F, 0.0F, 0.0F},
          equal[] = {0.3F, 0.3F, 0.3F};
    blend(2, two);
    blend(2, other);
    blend(3, three);
    blend(3, equal);
    ck_assert(two[0] == 0.75F && two[1] == 0.5F && other[0] == 0.25F && other[1] == 0.5F);
    const double want[] = {16.0 / 27.0, 12.0 / 27.0, 9.0 / 27.0};
    for (size_t m = 0; m < 3; m++) {
        ck_assert_double_eq_tol((double)three[m], want[m], 1e-6);
        ck_assert_double_eq_tol((double)equal[m], 0.3, 1e-6); /* a fixed point */
    }
}
END_TEST

/* ---- a run ---- */

/* N and o of a segment, in double; e and what blending makes of all. */
typedef struct naive {
    double count[2][L], sum[2][L][D], e[2][L][D];
} naive;

static naive *naive_of(const unic_trainer *t)
{
    naive *n = malloc(sizeof *n);
    ck_assert_ptr_nonnull(n);
    for (size_t m = 0; m < 2; m++)
        for (size_t l = 0; l < L; l++) {
            n->count[m][l] = (double)t->segment[m]->count[l];
            for (size_t d = 0; d < D; d++) {
                n->sum[m][l][d] = (double)t->segment[m]->sum[l * D + d];
                n->e[m][l][d] = (double)t->segment[m]->embedding[l * D + d];
            }
        }
    return n;
}

/* The update with what the step gave to each code: 3/4 of z and 1/4 of the partner's. */
static void naive_update(naive *n, const unic_trainer *t, double decay)
{
    for (size_t m = 0; m < 2; m++) {
        const unic__stream *s = &t->graph.stream[m], *other = &t->graph.stream[1 - m];
        for (size_t l = 0; l < L; l++) {
            double hits = 0.0, sum[D] = {0};
            for (size_t i = 0; i < (size_t)B * T; i++) {
                const bool there = other->mask->t.x[i] > 0.0F;
                if (s->mask->t.x[i] == 0.0F || (size_t)s->codes->t.ix[i] != l)
                    continue;
                hits += 1.0;
                for (size_t d = 0; d < D; d++) {
                    const double z = (double)s->z->t.x[i * D + d];
                    sum[d] += there ? 0.75 * z + 0.25 * (double)other->z->t.x[i * D + d] : z;
                }
            }
            n->count[m][l] = decay * n->count[m][l] + (1.0 - decay) * hits;
            for (size_t d = 0; d < D; d++) {
                n->sum[m][l][d] = decay * n->sum[m][l][d] + (1.0 - decay) * sum[d];
                n->e[m][l][d] = n->sum[m][l][d] / n->count[m][l];
            }
        }
    }
}

static void require_same(const naive *n, const unic_trainer *t)
{
    for (size_t l = 0; l < L; l++)
        for (size_t d = 0; d < D; d++) {
            const double v = n->e[0][l][d], a = n->e[1][l][d];
            const float *row = t->codebook->embedding + l * 2 * D;
            ck_assert_double_eq_tol((double)t->segment[0]->embedding[l * D + d], v, 1e-5);
            ck_assert_double_eq_tol((double)t->segment[1]->embedding[l * D + d], a, 1e-5);
            ck_assert_double_eq_tol((double)row[d], 0.75 * v + 0.25 * a, 1e-5);
            ck_assert_double_eq_tol((double)row[D + d], 0.5 * v + 0.5 * a, 1e-5);
        }
}

START_TEST(segments_move_as_codebooks_of_their_own)
{
    unic_trainer *t = small_trainer(SMALL_TWO, CODAAR "reset.rule = off\nema.decay = 0.9\n");
    small_train(t, 0, 1);
    for (uint64_t step = 1; step < 12; step++) {
        naive *n = naive_of(t);
        small_train(t, step, step + 1);
        naive_update(n, t, 0.9);
        require_same(n, t);
        free(n);
    }
    unic_trainer_free(t);
}
END_TEST

/* The first step of the release throws the codes that it does not hit far away. */
START_TEST(no_code_is_thrown_away_in_the_first_step)
{
    unic_trainer *t = small_trainer(SMALL_TWO, CODAAR);
    small_train(t, 0, 1);
    for (size_t i = 0; i < (size_t)L * 2 * D; i++)
        ck_assert(fabsf(t->codebook->embedding[i]) < 10.0F);
    unic_trainer_free(t);
    t = small_trainer(SMALL_TWO, "behaviour = compat\n" CODAAR);
    small_train(t, 0, 1);
    float largest = 0.0F;
    for (size_t i = 0; i < (size_t)L * 2 * D; i++)
        largest = fmaxf(largest, fabsf(t->codebook->embedding[i]));
    ck_assert(largest > 100.0F);
    unic_trainer_free(t);
}
END_TEST

/* The code that has been idle the longest, far from all z, and how far it is from them. */
static size_t exile(unic_trainer *t)
{
    for (size_t m = 0; m < 2; m++) {
        for (size_t d = 0; d < D; d++)
            t->segment[m]->embedding[d] = t->segment[m]->sum[d] = 1000.0F;
        t->codebook->idle[m * L] = 1000;
    }
    for (size_t i = 0; i < (size_t)2 * D; i++)
        t->codebook->embedding[i] = t->codebook->sum[i] = 1000.0F;
    unic__codebook_refresh(t->codebook);
    return 0;
}

/* A code that starts anew stays: in all segments, and in their N and o (on); in the release (off)
 * the next step takes it back. */
START_TEST(a_reset_stays)
{
    const char *const more[] = {CODAAR "reset.ema = on\nreset.rule = any\nreset.steps = 5\n",
                                CODAAR "reset.ema = off\nreset.rule = any\nreset.steps = 5\n"};
    for (size_t i = 0; i < 2; i++) {
        unic_trainer *t = small_trainer(SMALL_TWO, more[i]);
        small_train(t, 0, 2);
        const size_t l = exile(t);
        small_train(t, 2, 3);
        for (size_t d = 0; d < (size_t)2 * D; d++)
            ck_assert(fabsf(t->codebook->embedding[l * 2 * D + d]) < 10.0F);
        small_train(t, 3, 4);
        for (size_t d = 0; d < (size_t)2 * D; d++) {
            const float e = fabsf(t->codebook->embedding[l * 2 * D + d]);
            ck_assert(i == 0 ? e < 10.0F : e > 100.0F);
        }
        unic_trainer_free(t);
    }
}
END_TEST

/* A new row is a step of all modalities, with their mean for one that is not there. */
START_TEST(rows_are_whole_steps)
{
    unic_trainer *t = small_trainer(SMALL_TWO, CODAAR);
    small_batch *b = small_batch_new(SMALL_TWO, B, T, 1);
    b->lengths[0][0] = 2;
    b->lengths[1][0] = 3; /* of the first clip's third step only the second modality */
    for (size_t k = 1; k < B; k++)
        b->lengths[0][k] = b->lengths[1][k] = k == 1 ? 1 : 0;
    double *figures = calloc(unic_trainer_figure_count(t), sizeof *figures);
    int32_t from[L];
    for (size_t l = 0; l < L; l++)
        from[l] = 3;
    unic_draws draws = {.struct_size = sizeof draws, .revival_source = from};
    io_assert_ok(unic_trainer_step(t, b->batch, &draws, figures));
    const float *first = t->graph.stream[0].z->t.x, *second = t->graph.stream[1].z->t.x;
    ck_assert_int_eq(memcmp(t->rows, first, sizeof(float[D])), 0);
    ck_assert_int_eq(memcmp(t->rows + D, second, sizeof(float[D])), 0);
    ck_assert_int_eq(memcmp(t->rows + 4 * D, second + 2 * D, sizeof(float[D])), 0);
    ck_assert_int_eq(memcmp(t->rows + 5 * D, second + 2 * D, sizeof(float[D])), 0);
    ck_assert_int_eq(memcmp(t->rows + 6 * D, first + T * D, sizeof(float[D])), 0);
    from[0] = 4; /* there are four */
    io_assert_fails(unic_trainer_step(t, b->batch, &draws, figures), UNIC_E_VALUE,
                    "revival_source[0] = 4 is none of the batch's 4");
    free(figures);
    small_batch_free(b);
    unic_trainer_free(t);
}
END_TEST

/* ---- files ---- */

static const char *const runs[] = {
    CODAAR, CODAAR "reset.steps = 1\nreset.rule = two\nema.start = kmeans\ncpc.weight = 0\n",
    "behaviour = compat\n" CODAAR "reset.steps = 2\n"};

START_TEST(resumed_runs_end_in_the_same_bytes)
{
    small_resume_runs(runs[_i]);
}
END_TEST

START_TEST(refused_steps_and_evaluations_change_nothing)
{
    small_refuse_steps(CODAAR);
}
END_TEST

START_TEST(a_damaged_run_is_refused)
{
    const char *path = small_path("whole.npz"), *bad = small_path("bad.npz"),
               *run = small_path("whole.run.npz"), *bad_run = small_path("bad.run.npz");
    unic_trainer *t = small_trainer(SMALL_TWO, CODAAR), *resumed;
    small_train(t, 0, 1);
    io_assert_ok(unic_trainer_save(t, path));
    small_edit(run, bad_run, "segment/touch.ema_count", SMALL_DROP);
    io_assert_fails(unic_trainer_resume(&resumed, bad, NULL, NULL), UNIC_E_FORMAT,
                    "segment/touch.ema_count");
    small_edit(run, bad_run, "segment/audio.embedding", SMALL_RESHAPE);
    io_assert_fails(unic_trainer_resume(&resumed, bad, NULL, NULL), UNIC_E_FORMAT,
                    "segment/audio.embedding");
    t->segment[1]->count[2] = -1.0F;
    io_assert_ok(unic_trainer_save(t, path));
    io_assert_fails(unic_trainer_resume(&resumed, path, NULL, NULL), UNIC_E_FORMAT,
                    "segment/touch.ema_count[2] is -1");
    unic_trainer_free(t);
}
END_TEST

/* ---- encoders and heads ---- */

typedef struct encoded {
    int32_t codes[B * T];
    float quantized[B * T * 2 * D], semantic[B * T * 2 * D];
} encoded;

static void encode(unic_model *model, const small_batch *b, size_t m, encoded *out)
{
    unic_encoder *encoder;
    const unic_encoder_options options = {
        .struct_size = sizeof options, .max_batch = B, .max_length = T};
    io_assert_ok(unic_encoder_create(&encoder, model, b->name[m], &options));
    io_assert_ok(unic_encoder_encode(encoder, &b->array[m], b->lengths[m], out->codes,
                                     out->quantized, out->semantic));
    unic_encoder_free(encoder);
}

/* The code is the nearest of the own segment, the vector the whole row: equal numbers are equal
 * rows. The semantic vector has z in the own segment, and gives the same code. */
START_TEST(equal_codes_are_equal_rows)
{
    unic_model *model = small_model(SMALL_TWO, CODAAR, 8), *loaded;
    const char *path = small_path("model.npz");
    small_batch *b = small_batch_new(SMALL_TWO, B, T, 3);
    unic_codebook *cb;
    static encoded out[2], again;
    int32_t codes[B * T];
    io_assert_ok(unic_model_codebook(&cb, model));
    ck_assert_uint_eq(unic_model_code_dim(model), 2 * D);
    for (size_t m = 0; m < 2; m++) {
        b->lengths[m][1] = 4;
        encode(model, b, m, &out[m]);
        for (size_t i = 0; i < B * T; i++) {
            const int32_t code = out[m].codes[i];
            const float *row = out[m].quantized + i * 2 * D, *z = out[m].semantic + i * 2 * D;
            if (i == T + 4) {
                ck_assert_int_eq(code, -1);
                continue;
            }
            double least = INFINITY;
            int32_t nearest = -1;
            for (int32_t l = 0; l < L; l++) {
                double sum = 0.0;
                for (size_t d = m * D; d < (m + 1) * D; d++)
                    sum += pow((double)z[d] - (double)cb->embedding[(size_t)l * 2 * D + d],
                               2.0);
                nearest = sum < least ? l : nearest;
                least = fmin(sum, least);
            }
            ck_assert_int_eq(code, nearest);
            ck_assert_int_eq(
                memcmp(row, cb->embedding + (size_t)code * 2 * D, sizeof(float[2 * D])), 0);
            ck_assert_int_eq(memcmp(row + (1 - m) * D, z + (1 - m) * D, sizeof(float[D])), 0);
            ck_assert_int_ne(memcmp(row + m * D, z + m * D, sizeof(float[D])), 0);
        }
        unic__codebook_nearest(cb, out[m].semantic, B * T, codes);
        for (size_t i = 0; i < B * T; i++)
            ck_assert(out[m].codes[i] < 0 || out[m].codes[i] == codes[i]);
    }
    io_assert_ok(unic_model_save(model, path));
    io_assert_ok(unic_model_open(&loaded, path, NULL));
    encode(loaded, b, 1, &again);
    ck_assert_int_eq(memcmp(&again, &out[1], sizeof again), 0);
    unic_model_free(loaded);
    unic_codebook_free(cb);
    small_batch_free(b);
    unic_model_free(model);
}
END_TEST

/* A head of one modality's rows takes the other's codes: it need not know of segments. */
START_TEST(a_head_takes_the_rows)
{
    unic_model *model = small_model(SMALL_TWO, CODAAR, 4);
    unic_codebook *cb;
    unic_head *head;
    int32_t codes[8], labels[8];
    float logits[8 * 2];
    io_assert_ok(unic_model_codebook(&cb, model));
    for (int32_t i = 0; i < 8; i++) {
        codes[i] = i;
        labels[i] = i % 2;
    }
    const unic_head_options options = {.struct_size = sizeof options,
                                       .kind = UNIC_HEAD_CLIP,
                                       .class_count = 2,
                                       .learning_rate = 0.02F,
                                       .epochs = 200};
    io_assert_ok(unic_head_create(&head, cb, &options));
    io_assert_ok(unic_head_fit(NULL, head, codes, 8, 1, labels));
    io_assert_ok(unic_head_predict(head, codes, 8, 1, logits));
    for (size_t i = 0; i < 8; i++)
        ck_assert((logits[2 * i + 1] > logits[2 * i]) == (labels[i] == 1));
    unic_head_free(head);
    unic_codebook_free(cb);
    unic_model_free(model);
}
END_TEST

/* ---- what does not go together ---- */

static void refuse(const char *more, const char *says)
{
    unic_config *config;
    io_assert_ok(unic_config_create(&config));
    io_assert_ok(unic_config_parse(config, SMALL_TWO, NULL));
    io_assert_ok(unic_config_parse(config, more, NULL));
    io_assert_fails(unic_config_check(config), UNIC_E_CONFIG, says);
    unic_config_free(config);
}

START_TEST(what_does_not_go_together_is_refused)
{
    refuse("code.segments = on\ncode.groups = 2\ncode.count = 16\n",
           "code.segments = on does not go with code.groups = 2");
    refuse("code.segments = on\ncodis.weight = 1\n",
           "code.segments = on does not go with codis.weight = 1");
    refuse("code.segments = on\njigsaw.weight = 1\n",
           "code.segments = on does not go with jigsaw.weight = 1");
    refuse("code.segments = on\ncode.dim = 65536\n",
           "2 segments of code.dim = 65536 are wider than 65536 together");
}
END_TEST

/* A run starts from a model with the same segments; then codes are the model's. */
START_TEST(starts_from_a_model_of_the_same_segments)
{
    unic_model *model = small_model(SMALL_TWO, CODAAR, 4),
               *plain = small_model(SMALL_TWO, "", 1);
    static const char turned[] = "modalities = touch audio\n"
                                 "audio.kind = vector\naudio.dims = 6\n"
                                 "touch.kind = vector\ntouch.dims = 5\n" SMALL_SIZES;
    unic_trainer *t = small_trainer(SMALL_TWO, CODAAR), *other = small_trainer(turned, CODAAR);
    io_assert_ok(unic_trainer_start_from(t, model));
    for (size_t m = 0; m < 2; m++)
        ck_assert_int_eq(memcmp(t->segment[m]->embedding, model->codebook->segment[m].embedding,
                                sizeof(float[L * D])),
                         0);
    small_train(t, 0, 2);
    io_assert_fails(unic_trainer_start_from(other, model), UNIC_E_MISMATCH,
                    "the same, in the same order");
    io_assert_fails(unic_trainer_start_from(other, plain), UNIC_E_MISMATCH, "code.segments");
    unic_trainer_free(other);
    unic_trainer_free(t);
    unic_model_free(plain);
    unic_model_free(model);
}
END_TEST

/* Creating a run, its model and an encoder fails with a status, whichever allocation does. */
START_TEST(every_allocation_may_fail)
{
    small_create_without_memory(CODAAR, B, T);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("segments");
    tcase_add_test(t, blends_as_the_release_does);
    tcase_add_test(t, segments_move_as_codebooks_of_their_own);
    tcase_add_test(t, no_code_is_thrown_away_in_the_first_step);
    tcase_add_test(t, a_reset_stays);
    tcase_add_test(t, rows_are_whole_steps);
    tcase_add_loop_test(t, resumed_runs_end_in_the_same_bytes, 0, 3);
    tcase_add_test(t, refused_steps_and_evaluations_change_nothing);
    tcase_add_test(t, a_damaged_run_is_refused);
    tcase_add_test(t, equal_codes_are_equal_rows);
    tcase_add_test(t, a_head_takes_the_rows);
    tcase_add_test(t, what_does_not_go_together_is_refused);
    tcase_add_test(t, starts_from_a_model_of_the_same_segments);
    tcase_add_test(t, every_allocation_may_fail);
    return small_run("model/codebook_segments", t);
}
