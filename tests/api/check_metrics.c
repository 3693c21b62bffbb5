/* unic_metrics.h: wrong arguments, each named, with nothing written. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "file/io_help.h"
#include "model/small_model.h"

static const float scores[] = {1, 2, 3, 4, 5, 6};
static const int32_t truth[] = {0, 1, 1, 0, 0, 1};
static const size_t half = SIZE_MAX / 2;

/* A report that nothing may be written to. */
#define UNTOUCHED(report)                                                                      \
    do {                                                                                       \
        memset(&(report), 0x55, sizeof(report));                                               \
        (report).struct_size = sizeof(report);                                                 \
    } while (0)

#define ASSERT_UNTOUCHED(report)                                                               \
    do {                                                                                       \
        unsigned char expected_[sizeof(report)];                                               \
        memset(expected_, 0x55, sizeof expected_);                                             \
        (report).struct_size = 0;                                                              \
        memset(expected_, 0, sizeof(size_t));                                                  \
        ck_assert_mem_eq(&(report), expected_, sizeof expected_);                              \
    } while (0)

START_TEST(classes)
{
    unic_class_report r;
    int64_t confusion[9];
    double per_class[3] = {77, 77, 77};
    const int32_t high[] = {0, 3}, low[] = {0, -2};
    const float nan[] = {1, 2, 3, 4, NAN, 6};
    UNTOUCHED(r);
#define FAILS(says, s, t, n, c, r)                                                             \
    io_assert_fails(unic_metrics_classes(r, s, t, n, c, confusion, per_class), UNIC_E_ARG, says)
    FAILS("unic_metrics_classes: scores is NULL", NULL, truth, 2, 3, &r);
    FAILS("truth is NULL", scores, NULL, 2, 3, &r);
    FAILS("report is NULL", scores, truth, 2, 3, NULL);
    FAILS("row_count is 0, at least 1 expected", scores, truth, 0, 3, &r);
    FAILS("class_count is 0, at least 1 expected", scores, truth, 2, 0, &r);
    FAILS("larger than any memory", scores, truth, half, 3, &r);
    FAILS("larger than any memory", scores, truth, half / 2, 1, &r); /* more than PTRDIFF_MAX */
    FAILS("larger than any memory", scores, truth, 1, half / 4, &r);
#undef FAILS
    io_assert_fails(unic_metrics_classes(&r, scores, high, 2, 3, confusion, per_class),
                    UNIC_E_VALUE, "label 3 of row 1, column 0 is not in -1..2");
    io_assert_fails(unic_metrics_classes(&r, scores, low, 2, 3, confusion, per_class),
                    UNIC_E_VALUE, "label -2 of row 1");
    io_assert_fails(unic_metrics_classes(&r, nan, truth, 2, 3, confusion, per_class),
                    UNIC_E_VALUE, "the score of row 1, column 1 is NaN");
    ck_assert(per_class[0] == 77.0);
    ASSERT_UNTOUCHED(r);
    r.struct_size = sizeof r - 1;
    io_assert_fails(unic_metrics_classes(&r, scores, truth, 2, 3, NULL, NULL), UNIC_E_ARG,
                    "report has struct_size");
}
END_TEST

START_TEST(reports_of_a_later_version_are_left_alone)
{
    struct {
        unic_class_report report;
        uint64_t behind;
    } later = {.report = {.struct_size = sizeof later}, .behind = 77};
    io_assert_ok(unic_metrics_classes(&later.report, scores, truth, 2, 3, NULL, NULL));
    ck_assert(later.report.struct_size == sizeof later && later.behind == 77);
    ck_assert_uint_eq(later.report.row_count, 2);
}
END_TEST

START_TEST(steps_and_events)
{
    unic_match_report r;
    const int32_t high[] = {0, 1, 2, 0}, low[] = {0, 1, 1, -2};
    const float nan[] = {1, NAN, 3, 4};
    UNTOUCHED(r);
#define FAILS(status, says, s, t, n, c, limit, background)                                     \
    do {                                                                                       \
        io_assert_fails(unic_metrics_steps(&r, s, t, n, c, limit, background), status, says);  \
        io_assert_fails(unic_metrics_events(&r, s, t, 1, n, c, limit, 0.5, background),        \
                        status, says);                                                         \
        if ((background) == -1)                                                                \
            io_assert_fails(unic_metrics_steps_cmg(&r, s, t, n, c, limit, 2), status, says);   \
    } while (0)
    FAILS(UNIC_E_ARG, "scores is NULL", NULL, truth, 2, 2, 0.0F, -1);
    FAILS(UNIC_E_ARG, "truth is NULL", scores, NULL, 2, 2, 0.0F, -1);
    FAILS(UNIC_E_ARG, "is 0, at least 1 expected", scores, truth, 0, 2, 0.0F, -1);
    FAILS(UNIC_E_ARG, "is 0, at least 1 expected", scores, truth, 2, 0, 0.0F, -1);
    FAILS(UNIC_E_ARG, "larger than any memory", scores, truth, half / 8, 16, 0.0F, -1);
    FAILS(UNIC_E_ARG, "larger than any memory", scores, truth, half / 2, 1, 0.0F, -1);
    FAILS(UNIC_E_ARG, "threshold is NaN", scores, truth, 2, 2, NAN, -1);
    FAILS(UNIC_E_ARG, "background = 2 is not in -1..1", scores, truth, 2, 2, 0.0F, 2);
    FAILS(UNIC_E_ARG, "background = -2 is not", scores, truth, 2, 2, 0.0F, -2);
    FAILS(UNIC_E_VALUE, "label 2 of row 1, column 0 is not in -1..1", scores, high, 2, 2, 0.0F,
          -1);
    FAILS(UNIC_E_VALUE, "label -2 of row 1, column 1", scores, low, 2, 2, 0.0F, -1);
    FAILS(UNIC_E_VALUE, "the score of row 0, column 1 is NaN", nan, truth, 2, 2, 0.0F, -1);
#undef FAILS
    io_assert_fails(unic_metrics_steps_cmg(&r, scores, truth, 2, 2, 0.0F, 0), UNIC_E_ARG,
                    "batch_rows is 0");
    io_assert_fails(unic_metrics_events(&r, scores, truth, half, 4, 1, 0.0F, 0.5, -1),
                    UNIC_E_ARG, "larger than any memory");
    const double shares[] = {0.0, -0.5, 1.5, NAN};
    for (size_t i = 0; i < 4; i++)
        io_assert_fails(unic_metrics_events(&r, scores, truth, 1, 2, 2, 0.0F, shares[i], -1),
                        UNIC_E_ARG, "is not in (0,1]");
    ASSERT_UNTOUCHED(r);
    io_assert_fails(unic_metrics_steps(&r, scores, truth, 2, 2, 0.0F, -1), UNIC_E_ARG,
                    "report has struct_size 0");
    io_assert_fails(unic_metrics_steps(NULL, scores, truth, 2, 2, 0.0F, -1), UNIC_E_ARG,
                    "report is NULL");
}
END_TEST

START_TEST(masks)
{
    unic_mask_report r;
    const uint8_t good[] = {0, 1, 1, 0}, bad[] = {0, 1, 255, 0};
    const float nan[] = {1, 2, 3, NAN};
    UNTOUCHED(r);
#define FAILS(status, says, s, t, n, p)                                                        \
    do {                                                                                       \
        io_assert_fails(unic_metrics_masks(&r, s, t, n, p, NULL), status, says);               \
        io_assert_fails(unic_metrics_masks_cmg(&r, s, t, n, p, 4), status, says);              \
    } while (0)
    FAILS(UNIC_E_ARG, "logits is NULL", NULL, good, 2, 2);
    FAILS(UNIC_E_ARG, "truth is NULL", scores, NULL, 2, 2);
    FAILS(UNIC_E_ARG, "is 0, at least 1 expected", scores, good, 0, 2);
    FAILS(UNIC_E_ARG, "is 0, at least 1 expected", scores, good, 2, 0);
    FAILS(UNIC_E_ARG, "larger than any memory", scores, good, half, 4);
    FAILS(UNIC_E_VALUE, "truth 255 of mask 1, pixel 0 is not 0 or 1", scores, bad, 2, 2);
    FAILS(UNIC_E_VALUE, "the score of row 1, column 1 is NaN", nan, good, 2, 2);
#undef FAILS
    io_assert_fails(unic_metrics_masks_cmg(&r, scores, good, 2, 2, 0), UNIC_E_ARG,
                    "batch is 0");
    ASSERT_UNTOUCHED(r);
    io_assert_fails(unic_metrics_masks(NULL, scores, good, 2, 2, NULL), UNIC_E_ARG,
                    "report is NULL");
}
END_TEST

START_TEST(rankings)
{
    unic_rank_report r;
    double recall[2] = {77, 77};
    const int32_t ids[] = {0, 1, 2}, bad[] = {0, -2};
    const size_t k[] = {1, 3}, none[] = {0}, many[] = {1, 4};
    const float nan[] = {1, 2, 3, 4, 5, NAN};
    UNTOUCHED(r);
#define FAILS(status, says, s, n, g, queries, gallery, at, n_at, out)                          \
    io_assert_fails(unic_metrics_ranks(&r, s, n, g, queries, gallery, at, n_at, out), status,  \
                    says)
    FAILS(UNIC_E_ARG, "scores is NULL", NULL, 2, 3, ids, ids, k, 2, recall);
    FAILS(UNIC_E_ARG, "query_ids is NULL", scores, 2, 3, NULL, ids, k, 2, recall);
    FAILS(UNIC_E_ARG, "gallery_ids is NULL", scores, 2, 3, ids, NULL, k, 2, recall);
    FAILS(UNIC_E_ARG, "k is NULL", scores, 2, 3, ids, ids, NULL, 2, recall);
    FAILS(UNIC_E_ARG, "recall is NULL", scores, 2, 3, ids, ids, k, 2, NULL);
    FAILS(UNIC_E_ARG, "item_count is 0, at least 1 expected", scores, 2, 0, ids, ids, k, 2,
          recall);
    FAILS(UNIC_E_ARG, "is 0, at least 1 expected", scores, 0, 3, ids, ids, k, 2, recall);
    FAILS(UNIC_E_ARG, "larger than any memory", scores, half, 3, ids, ids, k, 2, recall);
    FAILS(UNIC_E_ARG, "k[1] = 4 is not in 1..3, the gallery's size", scores, 2, 3, ids, ids,
          many, 2, recall);
    FAILS(UNIC_E_ARG, "k[0] = 0 is not in 1..3", scores, 2, 3, ids, ids, none, 1, recall);
    FAILS(UNIC_E_VALUE, "id -2 of query 1 is below -1", scores, 2, 3, bad, ids, k, 2, recall);
    FAILS(UNIC_E_VALUE, "the score of row 1, column 2 is NaN", nan, 2, 3, ids, ids, k, 2,
          recall);
#undef FAILS
    ck_assert(recall[0] == 77.0 && recall[1] == 77.0);
    ASSERT_UNTOUCHED(r);
    io_assert_fails(unic_metrics_ranks(NULL, scores, 2, 3, ids, ids, k, 2, recall), UNIC_E_ARG,
                    "report is NULL");
}
END_TEST

START_TEST(known_ranks)
{
    unic_rank_report r;
    double recall[2] = {77, 77};
    const int64_t ranks[] = {1, 3}, bad[] = {1, 0};
    const size_t k[] = {1, 3}, none[] = {1, 0};
    UNTOUCHED(r);
#define FAILS(status, says, ranks, n, k, n_k, out)                                             \
    io_assert_fails(unic_metrics_recall(&r, ranks, n, k, n_k, out), status, says)
    FAILS(UNIC_E_ARG, "ranks is NULL", NULL, 2, k, 2, recall);
    FAILS(UNIC_E_ARG, "is 0, at least 1 expected", ranks, 0, k, 2, recall);
    FAILS(UNIC_E_ARG, "k is NULL", ranks, 2, NULL, 2, recall);
    FAILS(UNIC_E_ARG, "recall is NULL", ranks, 2, k, 2, NULL);
    FAILS(UNIC_E_ARG, "k[1] is 0, at least 1 expected", ranks, 2, none, 2, recall);
    FAILS(UNIC_E_VALUE, "rank 0 of query 1 is below 1", bad, 2, k, 2, recall);
#undef FAILS
    ck_assert(recall[0] == 77.0 && recall[1] == 77.0);
    ASSERT_UNTOUCHED(r);
    io_assert_fails(unic_metrics_recall(NULL, ranks, 2, k, 2, recall), UNIC_E_ARG,
                    "report is NULL");
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("metrics");
    tcase_add_test(t, classes);
    tcase_add_test(t, reports_of_a_later_version_are_left_alone);
    tcase_add_test(t, steps_and_events);
    tcase_add_test(t, masks);
    tcase_add_test(t, rankings);
    tcase_add_test(t, known_ranks);
    return small_run("api/metrics", t);
}
