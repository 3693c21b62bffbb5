/* Soft codes: weights by distance, and heads that are given several codes a step. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "file/io_help.h"
#include "model/small_model.h"
#include "task/head.h"
#include "unicode/unic_head.h"

enum { CODES = 5, DIM = 3, CLIPS = 6, LENGTH = 4, K = 3, CLASSES = 2 };

static unic_codebook *make_codebook(void)
{
    float rows[CODES * DIM];
    unic_codebook *codebook;
    unic_array a;
    for (size_t i = 0; i < CODES * DIM; i++)
        rows[i] = unic__random_normal(unic__random_key(5, 0, 0), i);
    unic_array_init(&a, rows, UNIC_F32, 2, (const int64_t[]){CODES, DIM});
    io_assert_ok(unic_codebook_create(&codebook, CODES, DIM, 1));
    io_assert_ok(unic_codebook_set(codebook, &a));
    return codebook;
}

START_TEST(weights_by_distance)
{
    unic_codebook *codebook = make_codebook();
    float z[4 * DIM], weights[4 * (CODES + 1)], distances[4 * (CODES + 1)];
    int32_t codes[4 * (CODES + 1)], nearest[4 * (CODES + 1)];
    unic_array a;
    for (size_t i = 0; i < 4 * DIM; i++)
        z[i] = unic__random_normal(unic__random_key(6, 0, 0), i);
    unic_array_init(&a, z, UNIC_F32, 2, (const int64_t[]){4, DIM});
    for (size_t k = 1; k <= CODES + 1; k++) {
        io_assert_ok(unic_codebook_soften(codebook, &a, k, 0.5, codes, weights));
        io_assert_ok(unic_codebook_nearest(codebook, &a, k, nearest, distances));
        ck_assert_mem_eq(codes, nearest, 4 * k * sizeof *codes);
        for (size_t r = 0; r < 4; r++) {
            double sum = 0.0;
            for (size_t i = 0; i < k; i++)
                sum += codes[r * k + i] < 0 ? 0.0
                                            : exp(-sqrt((double)distances[r * k + i]) / 0.5);
            for (size_t i = 0; i < k; i++)
                ck_assert_double_eq_tol(
                    weights[r * k + i],
                    codes[r * k + i] < 0 ? 0.0
                                         : exp(-sqrt((double)distances[r * k + i]) / 0.5) / sum,
                    1e-7);
        }
    }
    /* Near to nothing: all of the weight is the nearest code's, and nothing is NaN. */
    io_assert_ok(unic_codebook_soften(codebook, &a, 2, 1e-300, codes, weights));
    ck_assert_float_eq(weights[0], 1.0F);
    ck_assert_float_eq(weights[1], 0.0F);
    unic_codebook_free(codebook);
}
END_TEST

/* Weights are those of double precision, also where squared distances are so large, or so small,
 * that float32 tells codes no longer apart, or cannot hold them. */
START_TEST(weights_are_those_of_double_precision)
{
    static const struct {
        float z, codes[3];
        double temperature;
    } cases[] = {
        {1e8F, {0.0F, 8.0F, 16.0F}, 8.0},         {-1e5F, {0.25F, 0.0F, 0.5F}, 0.5},
        {1e-25F, {0.0F, 3e-25F, 5e-25F}, 1e-25},  {1e-40F, {0.0F, 3e-40F, 9e-40F}, 1e-40},
        {3e38F, {-3e38F, -2e38F, 1e38F}, 1e38},   {1e30F, {0.0F, 1e29F, 2e29F}, 1e29},
        {0.0F, {-3e38F, 3e38F, 2.9e38F}, 1e-300}, {7.0F, {7.0F, 7.0F, 7.0F}, 1e-300}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        unic_codebook *codebook;
        unic_array e, z;
        int32_t codes[4];
        float weights[4];
        double distance[3], least = INFINITY, sum = 0.0, whole = 0.0;
        unic_array_init(&e, cases[c].codes, UNIC_F32, 2, (const int64_t[]){3, 1});
        unic_array_init(&z, &cases[c].z, UNIC_F32, 2, (const int64_t[]){1, 1});
        io_assert_ok(unic_codebook_create(&codebook, 3, 1, 1));
        io_assert_ok(unic_codebook_set(codebook, &e));
        io_assert_ok(
            unic_codebook_soften(codebook, &z, 4, cases[c].temperature, codes, weights));
        for (size_t l = 0; l < 3; l++) {
            distance[l] = fabs((double)cases[c].z - (double)cases[c].codes[l]);
            least = fmin(least, distance[l]);
        }
        for (size_t l = 0; l < 3; l++)
            sum += exp((least - distance[l]) / cases[c].temperature);
        for (size_t i = 0; i < 3; i++) {
            const double d = distance[codes[i]];
            ck_assert_double_eq_tol(weights[i], exp((least - d) / cases[c].temperature) / sum,
                                    1e-6);
            whole += (double)weights[i];
        }
        ck_assert_double_eq_tol(whole, 1.0, 1e-6);
        ck_assert_int_eq(codes[3], -1);
        ck_assert_float_eq(weights[3], 0.0F);
        unic_codebook_free(codebook);
    }
}
END_TEST

static unic_head *fitted(const unic_codebook *codebook, unic_head_kind kind)
{
    int32_t codes[CLIPS * LENGTH], labels[CLIPS * LENGTH * CLASSES];
    unic_head *head;
    const unic_head_options options = {.struct_size = sizeof options,
                                       .kind = kind,
                                       .class_count = CLASSES,
                                       .hidden = 4,
                                       .epochs = 3};
    for (size_t i = 0; i < CLIPS * LENGTH; i++)
        codes[i] = (int32_t)(i % CODES);
    for (size_t i = 0; i < CLIPS * LENGTH * CLASSES; i++)
        labels[i] = (int32_t)(i / 2 % 2);
    io_assert_ok(unic_head_create(&head, codebook, &options));
    io_assert_ok(unic_head_fit(NULL, head, codes, CLIPS, LENGTH, labels));
    return head;
}

/* One code with a weight of 1, alone or beside codes that are not there, is that code. */
START_TEST(one_code_is_as_ever)
{
    unic_codebook *codebook = make_codebook();
    int32_t codes[2 * LENGTH] = {0, 3, -1, 1, 4, 4, 2, -1}, beside[2 * LENGTH * 2];
    float ones[2 * LENGTH], weights[2 * LENGTH * 2], hard[2 * LENGTH * CLASSES],
        soft[2 * LENGTH * CLASSES];
    for (size_t i = 0; i < 2 * LENGTH; i++) {
        ones[i] = 1.0F;
        beside[2 * i] = -1;
        weights[2 * i] = NAN; /* not looked at */
        beside[2 * i + 1] = codes[i];
        weights[2 * i + 1] = 1.0F;
    }
    for (unic_head_kind kind = UNIC_HEAD_CLIP; kind <= UNIC_HEAD_STEP_MULTI; kind++) {
        unic_head *head = fitted(codebook, kind);
        size_t n = (kind == UNIC_HEAD_CLIP ? 2 : 2 * LENGTH) * CLASSES;
        io_assert_ok(unic_head_predict(head, codes, 2, LENGTH, hard));
        io_assert_ok(unic_head_predict_soft(head, codes, ones, 1, 2, LENGTH, soft));
        ck_assert_mem_eq(soft, hard, n * sizeof *soft);
        io_assert_ok(unic_head_predict_soft(head, beside, weights, 2, 2, LENGTH, soft));
        ck_assert_mem_eq(soft, hard, n * sizeof *soft);
        unic_head_free(head);
    }
    unic_codebook_free(codebook);
}
END_TEST

/* Of a step head logits are the weighted sum of the codes' logits. Of a clip head the hidden layer
 * is, before the maximum: of a clip of one step the logits are then, too. */
START_TEST(logits_are_weighted)
{
    unic_codebook *codebook = make_codebook();
    const int32_t all[CODES] = {0, 1, 2, 3, 4}, codes[2 * K] = {2, 0, 4, 1, 3, -1};
    const float weights[2 * K] = {0.5F, 0.25F, 0.25F, 0.875F, 0.125F, 0.0F};
    float each[CODES * CLASSES], soft[2 * CLASSES];
    for (unic_head_kind kind = UNIC_HEAD_CLIP; kind <= UNIC_HEAD_STEP_MULTI; kind++) {
        unic_head *head = fitted(codebook, kind);
        bool clip = kind == UNIC_HEAD_CLIP;
        io_assert_ok(unic_head_predict(head, all, clip ? CODES : 1, clip ? 1 : CODES, each));
        io_assert_ok(
            unic_head_predict_soft(head, codes, weights, K, clip ? 2 : 1, clip ? 1 : 2, soft));
        for (size_t s = 0; s < 2; s++)
            for (size_t c = 0; c < CLASSES; c++) {
                double sum = 0.0;
                for (size_t i = 0; i < K; i++)
                    if (codes[s * K + i] >= 0)
                        sum += (double)weights[s * K + i] *
                               (double)each[(size_t)codes[s * K + i] * CLASSES + c];
                ck_assert_double_eq_tol(soft[s * CLASSES + c], sum, 1e-5);
            }
        unic_head_free(head);
    }
    unic_codebook_free(codebook);
}
END_TEST

/* The maximum over time is taken of steps' weighted sums, not of all codes. */
START_TEST(a_clip_takes_the_maximum_of_its_steps)
{
    unic_codebook *codebook = make_codebook();
    unic_head *head = fitted(codebook, UNIC_HEAD_CLIP);
    const int32_t hard[2] = {0, 1}, apart[2 * 2] = {0, -1, 1, -1}, mixed[2 * 2] = {0, 1, 1, 0};
    const float ones[4] = {1, 0, 1, 0}, halves[4] = {0.5F, 0.5F, 0.5F, 0.5F},
                half[2] = {0.5F, 0.5F};
    float a[CLASSES], b[CLASSES];
    io_assert_ok(unic_head_predict(head, hard, 1, 2, a));
    io_assert_ok(unic_head_predict_soft(head, apart, ones, 2, 1, 2, b));
    ck_assert_mem_eq(a, b, sizeof a);
    io_assert_ok(
        unic_head_predict_soft(head, mixed, halves, 2, 1, 2, a)); /* both steps alike */
    io_assert_ok(unic_head_predict_soft(head, mixed, half, 2, 1, 1, b));
    ck_assert_float_eq_tol(a[0], b[0], 1e-6F);
    ck_assert_float_eq_tol(a[1], b[1], 1e-6F);
    unic_head_free(head);
    unic_codebook_free(codebook);
}
END_TEST

/* Sums that no float holds are told, with the clip; the other clips' logits are as ever. */
START_TEST(logits_are_numbers_or_refused)
{
    enum { MANY = 64 };
    static int32_t codes[2 * MANY];
    static float weights[2 * MANY];
    unic_codebook *codebook = make_codebook();
    float logits[2 * CLASSES], alone[CLASSES];
    for (unic_head_kind kind = UNIC_HEAD_CLIP; kind <= UNIC_HEAD_STEP_MULTI; kind++) {
        unic_head *head = fitted(codebook, kind);
        for (size_t i = 0; i < 2 * MANY; i++) {
            codes[i] = 3;
            weights[i] = i < MANY ? 1.0F / MANY : 3e38F;
        }
        io_assert_ok(unic_head_predict_soft(head, codes, weights, MANY, 1, 1, alone));
        for (int sign = 0; sign < 2; sign++) { /* sums of one sign, then of both */
            io_assert_fails(unic_head_predict_soft(head, codes, weights, MANY, 2, 1, logits),
                            UNIC_E_NUMERIC,
                            "unic_head_predict_soft: a logit of clip 1 is more than a float "
                            "holds");
            ck_assert_mem_eq(logits, alone, sizeof alone);
            for (size_t i = MANY; i < MANY + MANY / 2; i++)
                weights[i] = 3e38F, weights[i + MANY / 2] = -3e38F;
        }
        float *table = kind == UNIC_HEAD_CLIP ? head->hidden : head->logits;
        const float kept = table[0];
        table[0] = NAN; /* of one step of the clip: the others must not stand for it */
        for (int first = 0; first < 2; first++) {
            const int32_t steps[2] = {first ? 0 : 3, first ? 3 : 0};
            float both[2 * CLASSES];
            io_assert_fails(unic_head_predict(head, steps, 1, 2, both), UNIC_E_NUMERIC,
                            "unic_head_predict: a logit of clip 0");
        }
        table[0] = kept;
        table[0] = INFINITY; /* of code 0, as a file's weights may make it */
        io_assert_fails(unic_head_predict(head, (const int32_t[]){3, 0}, 2, 1, logits),
                        UNIC_E_NUMERIC, "unic_head_predict: a logit of clip 1");
        unic_head_free(head);
    }
    unic_codebook_free(codebook);
}
END_TEST

START_TEST(what_is_wrong_is_refused)
{
    unic_codebook *codebook = make_codebook();
    unic_head *head = fitted(codebook, UNIC_HEAD_STEP), *blank;
    const int32_t codes[] = {0, 1}, high[] = {0, 5};
    const float weights[] = {0.5F, 0.5F}, bad[] = {1.0F, INFINITY}, nan[] = {NAN, 0, 0};
    float logits[2 * CLASSES], out[2];
    int32_t found[2];
    unic_array a;
#define FAILS(status, says, h, c, w, k, n)                                                     \
    io_assert_fails(unic_head_predict_soft(h, c, w, k, 1, n, logits), status, says)
    FAILS(UNIC_E_ARG, "unic_head_predict_soft: head is NULL", NULL, codes, weights, 2, 1);
    FAILS(UNIC_E_ARG, "codes is NULL", head, NULL, weights, 2, 1);
    FAILS(UNIC_E_ARG, "weights is NULL", head, codes, NULL, 2, 1);
    FAILS(UNIC_E_ARG, "k is 0, expected at least 1", head, codes, weights, 0, 1);
    FAILS(UNIC_E_ARG, "larger than any memory", head, codes, weights, SIZE_MAX, 2);
    FAILS(UNIC_E_VALUE, "code 1 of step 0 is 5, not in -1..4", head, high, weights, 2, 1);
    FAILS(UNIC_E_VALUE, "weight 0 of step 1 is NaN or Inf", head, codes, bad, 1, 2);
#undef FAILS
    const unic_head_options options = {
        .struct_size = sizeof options, .kind = UNIC_HEAD_STEP, .class_count = CLASSES};
    io_assert_ok(unic_head_create(&blank, codebook, &options));
    io_assert_fails(unic_head_predict_soft(blank, codes, weights, 2, 1, 1, logits),
                    UNIC_E_STATE, "unic_head_predict_soft");
    unic_array_init(&a, weights, UNIC_F32, 2, (const int64_t[]){1, 2});
    io_assert_fails(unic_codebook_soften(codebook, &a, 1, 0.5, found, out), UNIC_E_SHAPE,
                    "unic_codebook_soften");
    unic_array_init(&a, nan, UNIC_F32, 2, (const int64_t[]){1, DIM});
    io_assert_fails(unic_codebook_soften(codebook, &a, 1, 0.5, found, out), UNIC_E_VALUE,
                    "NaN or Inf");
    io_assert_fails(unic_codebook_soften(codebook, &a, 1, 0.0, found, out), UNIC_E_ARG,
                    "temperature = 0, a positive number expected");
    io_assert_fails(unic_codebook_soften(codebook, &a, 1, 0.5, found, NULL), UNIC_E_ARG,
                    "weights is NULL");
    unic_head_free(blank);
    unic_head_free(head);
    unic_codebook_free(codebook);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("soft");
    tcase_add_test(tc, weights_by_distance);
    tcase_add_test(tc, weights_are_those_of_double_precision);
    tcase_add_test(tc, one_code_is_as_ever);
    tcase_add_test(tc, logits_are_weighted);
    tcase_add_test(tc, a_clip_takes_the_maximum_of_its_steps);
    tcase_add_test(tc, logits_are_numbers_or_refused);
    tcase_add_test(tc, what_is_wrong_is_refused);
    return small_run("task/soft", tc);
}
