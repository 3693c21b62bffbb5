/* lib/task/metrics: cases worked out by hand, and counting done in another way. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "file/io_help.h"
#include "model/small_model.h"

enum { NONE = -1 };

static unic_match_report match_report(void)
{
    return (unic_match_report){.struct_size = sizeof(unic_match_report)};
}

static void assert_match(const unic_match_report *r, size_t predicted, size_t actual,
                         size_t matched)
{
    ck_assert_uint_eq(r->predicted_count, predicted);
    ck_assert_uint_eq(r->actual_count, actual);
    ck_assert_uint_eq(r->matched_count, matched);
    double p = predicted ? (double)matched / (double)predicted : 0.0;
    double q = actual ? (double)matched / (double)actual : 0.0;
    ck_assert_double_eq_tol(r->precision, p, 1e-15);
    ck_assert_double_eq_tol(r->recall, q, 1e-15);
    ck_assert_double_eq_tol(r->f1, p + q > 0.0 ? 2.0 * p * q / (p + q) : 0.0, 1e-15);
}

/* ---- classes ---- */

START_TEST(classes_by_hand)
{
    const float scores[] = {
        2,  1, 0, /* 0, right                  */
        0,  3, 1, /* 1, is 0                   */
        5,  5, 5, /* a tie: 0, right           */
        -1, 0, 9, /* not counted               */
        1,  2, 1, /* 1, right                  */
    };
    const int32_t truth[] = {0, 0, 0, -1, 1};
    int64_t confusion[9];
    double per_class[3];
    unic_class_report r = {.struct_size = sizeof r};
    memset(confusion, 0x55, sizeof confusion);
    io_assert_ok(unic_metrics_classes(&r, scores, truth, 5, 3, confusion, per_class));
    ck_assert_uint_eq(r.row_count, 4);
    ck_assert_uint_eq(r.right_count, 3);
    ck_assert_double_eq(r.accuracy, 0.75);
    ck_assert_double_eq_tol(r.mean_accuracy, (2.0 / 3.0 + 1.0) / 2.0, 1e-15);
    ck_assert_double_eq_tol(per_class[0], 2.0 / 3.0, 1e-15);
    ck_assert_double_eq(per_class[1], 1.0);
    ck_assert(isnan(per_class[2]));
    const int64_t expected[9] = {2, 1, 0, 0, 1, 0, 0, 0, 0};
    ck_assert_mem_eq(confusion, expected, sizeof expected);
    unic_class_report alone = {.struct_size = sizeof alone};
    io_assert_ok(unic_metrics_classes(&alone, scores, truth, 5, 3, NULL, NULL));
    ck_assert_mem_eq(&alone, &r, sizeof r);
    io_assert_ok(unic_metrics_classes(&r, scores, truth + 3, 1, 3, NULL, NULL));
    ck_assert(r.row_count == 0 && r.accuracy == 0.0 && r.mean_accuracy == 0.0);
}
END_TEST

/* ---- steps ---- */

/* Classes 0, 1 and, last, the background. */
static const float step_scores[] = {
    1,  -1, -1, /* one predicted, right                     */
    1,  1,  -1, /* two predicted, one right                 */
    -1, -1, 1,  /* background predicted, an event is missed */
    0,  -1, 1,  /* 0 is not above 0; background right       */
    1,  1,  1,  /* not counted                              */
};
static const int32_t step_truth[] = {1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 1, 1, -1, 1};

START_TEST(steps_by_hand)
{
    unic_match_report r = match_report();
    io_assert_ok(unic_metrics_steps(&r, step_scores, step_truth, 5, 3, 0.0F, NONE));
    assert_match(&r, 5, 4, 3);
    io_assert_ok(unic_metrics_steps(&r, step_scores, step_truth, 5, 3, 0.0F, 2));
    assert_match(&r, 3, 3, 2);
    io_assert_ok(unic_metrics_steps(&r, step_scores, step_truth, 5, 3, -0.5F, NONE));
    assert_match(&r, 6, 4, 3);
    io_assert_ok(unic_metrics_steps(&r, step_scores, step_truth, 5, 3, 1.0F, NONE));
    assert_match(&r, 0, 4, 0);
    io_assert_ok(unic_metrics_steps(&r, step_scores, step_truth + 12, 1, 3, 0.0F, NONE));
    assert_match(&r, 0, 0, 0);
}
END_TEST

/* Batches of 2 rows: P 2/3, 1/2, and of one row that does not count; R 2/2, 1/2. */
START_TEST(steps_as_cmg_by_hand)
{
    unic_match_report r = match_report(), all = match_report();
    io_assert_ok(unic_metrics_steps_cmg(&r, step_scores, step_truth, 5, 3, 0.0F, 2));
    double p = (2.0 * 2.0 / 3.0 + 2.0 * 0.5) / 4.0, q = (2.0 * 1.0 + 2.0 * 0.5) / 4.0;
    ck_assert_double_eq_tol(r.precision, p, 1e-15);
    ck_assert_double_eq_tol(r.recall, q, 1e-15);
    ck_assert_double_eq_tol(r.f1, 2.0 * p * q / (p + q), 1e-15);
    ck_assert(r.predicted_count == 5 && r.actual_count == 4 && r.matched_count == 3);
    /* the rows weigh, not the batches: 3 and 1 */
    io_assert_ok(unic_metrics_steps_cmg(&r, step_scores, step_truth, 4, 3, 0.0F, 3));
    ck_assert_double_eq_tol(r.precision, (3.0 * 2.0 / 4.0 + 1.0 * 1.0) / 4.0, 1e-15);
    ck_assert_double_eq_tol(r.recall, (3.0 * 2.0 / 3.0 + 1.0 * 1.0) / 4.0, 1e-15);
    /* one batch is the global count */
    io_assert_ok(unic_metrics_steps_cmg(&r, step_scores, step_truth, 5, 3, 0.0F, SIZE_MAX));
    io_assert_ok(unic_metrics_steps(&all, step_scores, step_truth, 5, 3, 0.0F, NONE));
    ck_assert_mem_eq(&r, &all, sizeof r);
}
END_TEST

/* ---- events ---- */

/* Of a clip with one class: predicted where `said` has a '1', '-' in `is` is not counted. */
static unic_match_report events_of(const char *said, const char *is, double least_iou)
{
    float scores[64];
    int32_t truth[64];
    unic_match_report r = match_report();
    size_t length = strlen(said);
    for (size_t t = 0; t < length; t++) {
        scores[t] = said[t] == '1' ? 0.5F : -0.5F;
        truth[t] = is[t] == '-' ? -1 : is[t] == '1';
    }
    io_assert_ok(unic_metrics_events(&r, scores, truth, 1, length, 1, 0.0F, least_iou, NONE));
    return r;
}

START_TEST(events_by_hand)
{
    static const struct {
        const char *said, *is;
        double iou;
        size_t predicted, actual, matched;
    } cases[] = {
        {"0111100000", "0111100000", 1.0, 1, 1, 1}, /* the same                              */
        {"0111100000", "0011110000", 0.5, 1, 1, 1}, /* 3 / 5                                 */
        {"0111100000", "0011110000", 0.7, 1, 1, 0}, /* is less than 0.7                      */
        {"1111111111", "1111100000", 0.5, 1, 1, 1}, /* exactly a half is enough              */
        {"1111111111", "1111000000", 0.5, 1, 1, 0}, /* 4 / 10                                */
        {"1100110000", "1111111100", 0.2, 2, 1, 1}, /* two fit one: it matches but once      */
        {"1111111100", "1100110000", 0.2, 1, 2, 1}, /* and the other way round               */
        {"1010101010", "0101010101", 0.1, 5, 5, 0}, /* side by side                          */
        {"1110011100", "1100001110", 0.5, 2, 2, 2}, /* 2/3 and 2/4                           */
        {"0000000001", "1000000001", 1.0, 1, 2, 1}, /* at the clip's end                     */
        {"0000000000", "0000000000", 0.5, 0, 0, 0}, /* nothing                               */
        {"1111111111", "11111-1111", 1.0, 2, 2, 2}, /* a step that does not count ends a run */
        {"1", "1", 1.0, 1, 1, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unic_match_report r = events_of(cases[i].said, cases[i].is, cases[i].iou);
        ck_assert_msg(
            r.predicted_count == cases[i].predicted && r.actual_count == cases[i].actual &&
                r.matched_count == cases[i].matched,
            "case %zu: %zu, %zu, %zu", i, r.predicted_count, r.actual_count, r.matched_count);
        assert_match(&r, cases[i].predicted, cases[i].actual, cases[i].matched);
    }
}
END_TEST

/* Clips do not run into each other, classes neither, and the background is left out. */
/* An IoU of exactly so much is enough, also where no double is so much. */
START_TEST(events_match_at_exactly_the_least_iou)
{
    enum { LONGEST = 200 };
    float scores[LONGEST];
    int32_t truth[LONGEST];
    for (size_t t = 0; t < LONGEST; t++)
        truth[t] = 1;
    for (int both = 1; both <= LONGEST; both++) {
        for (size_t t = 0; t < LONGEST; t++)
            scores[t] = t < (size_t)both ? 1.0F : -1.0F;
        for (int thousandths = 1; thousandths <= 1000; thousandths += both % 7 + 1) {
            const double least = (double)thousandths / 1000.0;
            unic_match_report r = {.struct_size = sizeof r};
            io_assert_ok(
                unic_metrics_events(&r, scores, truth, 1, LONGEST, 1, 0.0F, least, NONE));
            ck_assert_msg((r.matched_count == 1) == (1000 * both >= thousandths * LONGEST),
                          "%d of %d steps, at least %g", both, LONGEST, least);
        }
    }
}
END_TEST

START_TEST(events_stay_in_their_clip_and_class)
{
    const float scores[] = {-1, 1, 1, 1, 1, 1, 1, -1}; /* [2 clips, 2 steps, 2 classes] */
    const int32_t truth[] = {0, 1, 1, 1, 1, 1, 1, 0};
    unic_match_report r = match_report();
    io_assert_ok(unic_metrics_events(&r, scores, truth, 2, 2, 2, 0.0F, 1.0, NONE));
    assert_match(&r, 4, 4, 4);
    io_assert_ok(unic_metrics_events(&r, scores, truth, 1, 4, 2, 0.0F, 1.0, NONE));
    assert_match(&r, 2, 2, 2);
    io_assert_ok(unic_metrics_events(&r, scores, truth, 2, 2, 2, 0.0F, 1.0, 0));
    assert_match(&r, 2, 2, 2);
}
END_TEST

/* The most matches that there are, by trying all ways to match the runs from the i-th on. */
static size_t best_matching(size_t (*said)[2], size_t n, size_t (*is)[2], size_t m, size_t i,
                            unsigned taken, double iou)
{
    if (i == n)
        return 0;
    size_t best = best_matching(said, n, is, m, i + 1, taken, iou);
    for (size_t j = 0; j < m; j++) {
        size_t from = said[i][0] > is[j][0] ? said[i][0] : is[j][0];
        size_t to = said[i][1] < is[j][1] ? said[i][1] : is[j][1];
        size_t both = to > from ? to - from : 0;
        size_t either = said[i][1] - said[i][0] + is[j][1] - is[j][0] - both;
        if (taken >> j & 1 || both == 0 || (double)both < iou * (double)either)
            continue;
        size_t with = 1 + best_matching(said, n, is, m, i + 1, taken | 1U << j, iou);
        best = with > best ? with : best;
    }
    return best;
}

static size_t runs_of(const char *bits, size_t (*runs)[2])
{
    size_t n = 0;
    for (size_t t = 0; bits[t]; t++)
        if (bits[t] == '1') {
            if (t == 0 || bits[t - 1] != '1')
                runs[n++][0] = t;
            runs[n - 1][1] = t + 1;
        }
    return n;
}

START_TEST(events_match_as_often_as_they_can)
{
    unic__key key = unic__random_key(5, 0, 0);
    for (size_t i = 0; i < 400; i++) {
        char said[13] = "", is[13] = "";
        size_t a[12][2], b[12][2];
        for (size_t t = 0; t < 12; t++) {
            said[t] = unic__random_below(key, 100 * i + t, 5) < 3 ? '1' : '0';
            is[t] = unic__random_below(key, 100 * i + 50 + t, 5) < 3 ? '1' : '0';
        }
        const double iou = 0.1 + 0.2 * (double)(i % 4);
        size_t n = runs_of(said, a), m = runs_of(is, b);
        unic_match_report r = events_of(said, is, iou);
        assert_match(&r, n, m, best_matching(a, n, b, m, 0, 0, iou));
    }
}
END_TEST

/* ---- masks ---- */

static float logit(double p)
{
    return (float)log(p / (1.0 - p));
}

START_TEST(masks_by_hand)
{
    /* one of 4 pixels: IoU 1/3; F is largest where 0.9 and 0.8 are predicted, at any t in
     * (0.6, 0.8]: P = R = 1. The other: nothing there, nothing predicted at 1/2. */
    const float x[] = {logit(0.9), logit(0.3), logit(0.6), logit(0.8),
                       logit(0.1), logit(0.2), logit(0.1), logit(0.4)};
    const uint8_t truth[] = {1, 0, 0, 1, 0, 0, 0, 0}, poor[] = {0, 1, 0, 1, 0, 0, 0, 0};
    double curve[UNIC_METRICS_THRESHOLD_COUNT];
    unic_mask_report r = {.struct_size = sizeof r};
    io_assert_ok(unic_metrics_masks(&r, x, truth, 2, 4, curve));
    ck_assert_uint_eq(r.mask_count, 2);
    ck_assert_double_eq_tol(r.miou, (2.0 / 3.0 + 1.0) / 2.0, 1e-12);
    ck_assert_double_eq_tol(r.f_beta, 1.0, 1e-12);
    ck_assert_msg(r.threshold > 0.6 && r.threshold < 0.6 + 1.0 / 254.0, "%g", r.threshold);
    /* at t = 0 all is predicted: P = 1/2, R = 1; and 0 of the empty one */
    ck_assert_double_eq_tol(curve[0], (1.3 * 0.5 / (0.3 * 0.5 + 1.0) + 0.0) / 2.0, 1e-12);
    /* at 127/254 = 1/2: three predicted */
    ck_assert_double_eq_tol(curve[127], (1.3 * 2.0 / 3.0 / (0.3 * 2.0 / 3.0 + 1.0) + 1.0) / 2.0,
                            1e-12);
    /* over 0.9 nothing is */
    ck_assert_double_eq_tol(curve[250], (0.0 + 1.0) / 2.0, 1e-12);
    io_assert_ok(unic_metrics_masks(&r, x, poor, 1, 4, NULL));
    ck_assert_double_eq_tol(r.miou, 1.0 / 4.0,
                            1e-12); /* 0.8 of {0.9, 0.6, 0.8} or {0.3, 0.8} */
}
END_TEST

START_TEST(masks_at_the_ends_of_the_thresholds)
{
    const float x[] = {-INFINITY, INFINITY, 0.0F};
    const uint8_t truth[] = {0, 1, 1};
    double curve[UNIC_METRICS_THRESHOLD_COUNT];
    unic_mask_report r = {.struct_size = sizeof r};
    io_assert_ok(unic_metrics_masks(&r, x, truth, 1, 3, curve));
    ck_assert_double_eq_tol(r.miou, 0.5, 1e-12); /* 0 is not over 1/2 */
    ck_assert_double_eq_tol(curve[0], 1.3 * (2.0 / 3.0) / (0.3 * 2.0 / 3.0 + 1.0), 1e-12);
    ck_assert_double_eq_tol(curve[1], 1.0, 1e-12);
    ck_assert_double_eq_tol(curve[127], 1.0, 1e-12); /* 1/2 (1 - 1e-10) <= 1/2 */
    ck_assert_double_eq_tol(curve[128], 1.3 * 0.5 / (0.3 * 1.0 + 0.5), 1e-12);
    ck_assert_double_eq_tol(curve[254], 1.3 * 0.5 / (0.3 * 1.0 + 0.5), 1e-12);
}
END_TEST

START_TEST(masks_as_cmg_by_hand)
{
    const float x[] = {logit(0.9), logit(0.2), /* truth 1 0: IoU 1, F 1 for t in (0.2, 0.9]  */
                       logit(0.1), logit(0.4), /* truth 1 0: IoU 0                           */
                       logit(0.9), logit(0.1), /* truth 0 0: half of the pixels are right    */
                       logit(0.1), logit(0.1), /* truth 0 0: all are; a batch of empty ones  */
                       logit(0.1), logit(0.1)};
    const uint8_t truth[] = {1, 0, 1, 0, 0, 0, 0, 0, 0, 0};
    unic_mask_report r = {.struct_size = sizeof r};
    io_assert_ok(unic_metrics_masks_cmg(&r, x, truth, 5, 2, 3));
    ck_assert_double_eq_tol(r.miou, ((1.0 + 0.0 + 0.5) / 3.0 + 1.0) / 2.0, 1e-6);
    /* t <= 0.1: the second's P = 1/2, R = 1, and so is the first's; t in (0.2, 0.9]: 1 and 0 */
    double low = 1.3 * 0.5 / (0.3 * 0.5 + 1.0);
    ck_assert_double_eq_tol(r.f_beta, fmax((low + low) / 2.0, 0.5), 1e-12);
    io_assert_ok(unic_metrics_masks_cmg(&r, x, truth, 2, 2, 1)); /* each its own threshold */
    ck_assert_double_eq_tol(r.f_beta, (1.0 + low) / 2.0, 1e-12);
    ck_assert_double_eq_tol(r.miou, 0.5, 1e-6);
    ck_assert_double_eq(r.threshold, 0.0);
    io_assert_ok(unic_metrics_masks_cmg(&r, x + 6, truth + 6, 2, 2, 1));
    ck_assert_double_eq(r.f_beta, 0.0);
}
END_TEST

/* ---- rankings ---- */

START_TEST(ranks_by_hand)
{
    const float x[] = {
        9, 8, 7, 6, 5, /* of id 7, the 1st and the 4th: rank 1, AP (1/1 + 2/4) / 2 */
        3, 5, 1, 4, 2, /* the 3rd and the 2nd: rank 2, AP (1/2 + 2/3) / 2          */
        3, 3, 3, 3, 3, /* of id 5, all tied: three others before them              */
        0, 0, 0, 0, 0, /* no such id                                               */
        0, 0, 0, 0, 0, /* not counted                                              */
        9, 0, 1, 9, 1, /* of id 7, a tie of both, without others                   */
    };
    const int32_t gallery[] = {7, 5, -3, 7, 5};
    const int32_t queries[] = {7, 7, 5, 99, -1, 7};
    const size_t k[] = {1, 2, 5};
    double recall[3];
    unic_rank_report r = {.struct_size = sizeof r};
    io_assert_ok(unic_metrics_ranks(&r, x, 6, 5, queries, gallery, k, 3, recall));
    ck_assert_uint_eq(r.query_count, 4);
    ck_assert_double_eq_tol(recall[0], 2.0 / 4.0, 1e-15); /* ranks 1, 2, 4, 1 */
    ck_assert_double_eq_tol(recall[1], 3.0 / 4.0, 1e-15);
    ck_assert_double_eq_tol(recall[2], 1.0, 1e-15);
    ck_assert_double_eq_tol(r.median_rank, 1.5, 1e-15);
    double ap[] = {(1.0 + 2.0 / 4.0) / 2.0, (1.0 / 2.0 + 2.0 / 3.0) / 2.0, 2.0 / 5.0, 1.0};
    ck_assert_double_eq_tol(r.mean_average_precision, (ap[0] + ap[1] + ap[2] + ap[3]) / 4.0,
                            1e-15);
    io_assert_ok(unic_metrics_ranks(&r, x, 3, 5, queries, gallery, NULL, 0, NULL));
    ck_assert_double_eq(r.median_rank, 2.0);
    io_assert_ok(unic_metrics_ranks(&r, x, 1, 5, queries + 3, gallery, k, 1, recall));
    ck_assert(r.query_count == 0 && r.median_rank == 0.0 && r.mean_average_precision == 0.0 &&
              recall[0] == 0.0);
}
END_TEST

/* As of ranks_by_hand with one relevant item each; the recall of more than there are items is
 * 1. */
START_TEST(recall_by_hand)
{
    const int64_t ranks[] = {4, 1, 2, 1};
    const size_t k[] = {1, 2, 5};
    double recall[3];
    unic_rank_report r = {.struct_size = sizeof r};
    io_assert_ok(unic_metrics_recall(&r, ranks, 4, k, 3, recall));
    ck_assert_uint_eq(r.query_count, 4);
    ck_assert(recall[0] == 0.5 && recall[1] == 0.75 && recall[2] == 1.0);
    ck_assert_double_eq(r.median_rank, 1.5);
    ck_assert_double_eq_tol(r.mean_average_precision, (1.0 / 4 + 1 + 1.0 / 2 + 1) / 4, 1e-15);
    io_assert_ok(unic_metrics_recall(&r, ranks, 3, NULL, 0, NULL));
    ck_assert_double_eq(r.median_rank, 2.0);
    ck_assert(ranks[0] == 4 && ranks[1] == 1); /* not sorted in place */
}
END_TEST

/* Of pairs, both ways to the figures are one. */
START_TEST(recall_of_ranks_is_that_of_scores)
{
    enum { N = 30 };
    float scores[N * N];
    int32_t ids[N];
    int64_t ranks[N];
    const size_t k[] = {1, 5, 10};
    double direct[3], recall[3];
    unic_rank_report a = {.struct_size = sizeof a}, b = {.struct_size = sizeof b};
    for (int i = 0; i < N * N; i++)
        scores[i] = (float)(i * 7919 % 61 % 17);
    for (int q = 0; q < N; q++) {
        ids[q] = q;
        ranks[q] = 0;
        for (int g = 0; g < N; g++)
            ranks[q] += scores[q * N + g] >= scores[q * N + q];
    }
    io_assert_ok(unic_metrics_ranks(&a, scores, N, N, ids, ids, k, 3, direct));
    io_assert_ok(unic_metrics_recall(&b, ranks, N, k, 3, recall));
    ck_assert_mem_eq(&a, &b, sizeof a);
    ck_assert_mem_eq(direct, recall, sizeof direct);
}
END_TEST

/* Ranks and precisions from their definition, with scores of few values, so that many tie. */
START_TEST(ranks_by_counting)
{
    enum { QUERIES = 40, GALLERY = 37 };
    float scores[QUERIES * GALLERY];
    int32_t queries[QUERIES], gallery[GALLERY];
    unic__key key = unic__random_key(6, 0, 0);
    double sum = 0.0, recall;
    size_t within = 0;
    const size_t k = 5;
    for (size_t g = 0; g < GALLERY; g++)
        gallery[g] = (int32_t)(g % 9);
    for (size_t i = 0; i < QUERIES * GALLERY; i++)
        scores[i] = (float)unic__random_below(key, i, 12) - 6.0F;
    for (size_t q = 0; q < QUERIES; q++) {
        const float *s = scores + q * GALLERY;
        double precision = 0.0, relevant = 0.0;
        size_t rank = SIZE_MAX;
        queries[q] = (int32_t)(q % 9);
        for (size_t g = 0; g < GALLERY; g++) {
            size_t at_least = 0, hits = 0;
            if (gallery[g] != queries[q])
                continue;
            for (size_t h = 0; h < GALLERY; h++) {
                at_least += s[h] >= s[g];
                hits += s[h] >= s[g] && gallery[h] == queries[q];
            }
            precision += (double)hits / (double)at_least;
            relevant += 1.0;
            rank = at_least - hits + 1 < rank ? at_least - hits + 1 : rank;
        }
        sum += precision / relevant;
        within += rank <= k;
    }
    unic_rank_report r = {.struct_size = sizeof r};
    io_assert_ok(
        unic_metrics_ranks(&r, scores, QUERIES, GALLERY, queries, gallery, &k, 1, &recall));
    ck_assert_double_eq_tol(r.mean_average_precision, sum / QUERIES, 1e-12);
    ck_assert_double_eq_tol(recall, (double)within / QUERIES, 1e-15);
}
END_TEST

/* ---- out of memory ---- */

static unic_status score_everything(const char *path)
{
    const float scores[] = {1, 2, 3, 4};
    const int32_t truth[] = {0, 1, 1, 0};
    const size_t k = 1;
    double recall = 77.0;
    unic_class_report c = {.struct_size = sizeof c};
    unic_match_report m = match_report();
    unic_rank_report r = {.struct_size = sizeof r};
    (void)path;
    unic_status status = unic_metrics_classes(&c, scores, truth, 2, 2, NULL, NULL);
    ck_assert(status == UNIC_OK || c.row_count == 0);
    if (status == UNIC_OK)
        status = unic_metrics_events(&m, scores, truth, 1, 2, 2, 0.0F, 0.5, NONE);
    if (status == UNIC_OK)
        status = unic_metrics_ranks(&r, scores, 2, 2, truth, truth, &k, 1, &recall);
    ck_assert((status == UNIC_OK) == (recall != 77.0));
    if (status == UNIC_OK)
        status = unic_metrics_recall(&r, (const int64_t[]){1, 2}, 2, &k, 1, &recall);
    return status;
}

START_TEST(survives_every_failing_allocation)
{
    io_fail_each_allocation(score_everything, "");
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("metrics");
    tcase_add_test(t, classes_by_hand);
    tcase_add_test(t, steps_by_hand);
    tcase_add_test(t, steps_as_cmg_by_hand);
    tcase_add_test(t, events_by_hand);
    tcase_add_test(t, events_match_at_exactly_the_least_iou);
    tcase_add_test(t, events_stay_in_their_clip_and_class);
    tcase_add_test(t, events_match_as_often_as_they_can);
    tcase_add_test(t, masks_by_hand);
    tcase_add_test(t, masks_at_the_ends_of_the_thresholds);
    tcase_add_test(t, masks_as_cmg_by_hand);
    tcase_add_test(t, ranks_by_hand);
    tcase_add_test(t, recall_by_hand);
    tcase_add_test(t, recall_of_ranks_is_that_of_scores);
    tcase_add_test(t, ranks_by_counting);
    tcase_add_test(t, survives_every_failing_allocation);
    return small_run("task/metrics", t);
}
