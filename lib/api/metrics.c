#include <math.h>

#include "api/api.h"
#include "config/config.h"
#include "task/metrics.h"

/* ---- checks ---- */

/* Declares `found`, which the call fills; GIVE_REPORT() passes it on. */
#define REQUIRE_REPORT(kind, report)                                                           \
    UNIC__REQUIRE(report);                                                                     \
    UNIC__REQUIRE_SIZE(unic__##kind##_kind, report);                                           \
    unic_##kind found = {.struct_size = sizeof found}
#define GIVE_REPORT(kind, report) unic__struct_give(&unic__##kind##_kind, report, &found)

/* A size that a call is given, under the name that it has there. */
typedef struct named_size {
    const char *name;
    size_t n;
} named_size;

#define SIZE(argument) ((named_size){#argument, argument})

/* rows x columns elements of `size` bytes, none of them 0. */
static unic_status check_size(const char *call, named_size rows, named_size columns,
                              size_t size)
{
    size_t count, bytes;
    if (rows.n == 0 || columns.n == 0)
        return unic__fail(UNIC_E_ARG, "%s: %s is 0, at least 1 expected", call,
                          rows.n == 0 ? rows.name : columns.name);
    if (!unic__mul_size(rows.n, columns.n, &count) || !unic__mul_size(count, size, &bytes))
        return unic__fail(UNIC_E_ARG,
                          "%s: %s = %zu times %s = %zu elements are larger than any memory",
                          call, rows.name, rows.n, columns.name, columns.n);
    return UNIC_OK;
}

static unic_status check_scores(const char *call, const float *scores, size_t rows,
                                size_t columns)
{
    for (size_t i = 0; i < rows * columns; i++)
        if (isnan(scores[i]))
            return unic__fail(UNIC_E_VALUE, "%s: the score of row %zu, column %zu is NaN", call,
                              i / columns, i % columns);
    return UNIC_OK;
}

static unic_status check_truth(const char *call, const int32_t *truth, size_t rows,
                               size_t columns, size_t classes)
{
    for (size_t i = 0; i < rows * columns; i++)
        if (truth[i] < -1 || (truth[i] >= 0 && (size_t)truth[i] >= classes))
            return unic__fail(UNIC_E_VALUE,
                              "%s: label %d of row %zu, column %zu is not in -1..%zu", call,
                              truth[i], i / columns, i % columns, classes - 1);
    return UNIC_OK;
}

static unic_status check_steps(const char *call, const unic__step_scores *s)
{
    UNIC__TRY(check_size(call, (named_size){"row_count", s->rows},
                         (named_size){"class_count", s->classes}, sizeof(int32_t)));
    if (isnan(s->threshold))
        return unic__fail(UNIC_E_ARG, "%s: threshold is NaN, a number expected", call);
    if (s->background < -1 || (s->background >= 0 && (size_t)s->background >= s->classes))
        return unic__fail(UNIC_E_ARG, "%s: background = %d is not in -1..%zu", call,
                          s->background, s->classes - 1);
    UNIC__TRY(check_scores(call, s->scores, s->rows, s->classes));
    return check_truth(call, s->truth, s->rows, s->classes, 2);
}

static unic_status check_masks(const char *call, const unic__masks *m)
{
    UNIC__TRY(check_size(call, (named_size){"mask_count", m->masks},
                         (named_size){"pixel_count", m->pixels}, sizeof(float)));
    if (m->batch == 0)
        return unic__fail(UNIC_E_ARG, "%s: batch is 0, at least 1 expected", call);
    for (size_t i = 0; i < m->masks * m->pixels; i++)
        if (m->truth[i] > 1)
            return unic__fail(UNIC_E_VALUE, "%s: truth %d of mask %zu, pixel %zu is not 0 or 1",
                              call, m->truth[i], i / m->pixels, i % m->pixels);
    return check_scores(call, m->logits, m->masks, m->pixels);
}

/* ---- calls ---- */

unic_status unic_metrics_classes(unic_class_report *report, const float *scores,
                                 const int32_t *truth, size_t row_count, size_t class_count,
                                 int64_t *confusion, double *per_class)
{
    UNIC__REQUIRE(scores);
    UNIC__REQUIRE(truth);
    REQUIRE_REPORT(class_report, report);
    UNIC__TRY(check_size(__func__, SIZE(row_count), SIZE(class_count), sizeof(float)));
    if (confusion)
        UNIC__TRY(check_size(__func__, SIZE(class_count), SIZE(class_count), sizeof(int64_t)));
    UNIC__TRY(check_scores(__func__, scores, row_count, class_count));
    UNIC__TRY(check_truth(__func__, truth, row_count, 1, class_count));
    UNIC__TRY_NAMED(unic__metrics_classes(&found, scores, truth, row_count, class_count,
                                          confusion, per_class));
    GIVE_REPORT(class_report, report);
    return UNIC_OK;
}

unic_status unic_metrics_steps(unic_match_report *report, const float *scores,
                               const int32_t *truth, size_t row_count, size_t class_count,
                               float threshold, int32_t background)
{
    const unic__step_scores s = {scores, truth, row_count, class_count, threshold, background};
    UNIC__REQUIRE(scores);
    UNIC__REQUIRE(truth);
    REQUIRE_REPORT(match_report, report);
    UNIC__TRY(check_steps(__func__, &s));
    unic__metrics_steps(&found, &s);
    GIVE_REPORT(match_report, report);
    return UNIC_OK;
}

unic_status unic_metrics_steps_cmg(unic_match_report *report, const float *scores,
                                   const int32_t *truth, size_t row_count, size_t class_count,
                                   float threshold, size_t batch_rows)
{
    const unic__step_scores s = {scores, truth, row_count, class_count, threshold, -1};
    UNIC__REQUIRE(scores);
    UNIC__REQUIRE(truth);
    REQUIRE_REPORT(match_report, report);
    UNIC__TRY(check_steps(__func__, &s));
    if (batch_rows == 0)
        return unic__fail(UNIC_E_ARG, "%s: batch_rows is 0, at least 1 expected", __func__);
    unic__metrics_steps_cmg(&found, &s, batch_rows);
    GIVE_REPORT(match_report, report);
    return UNIC_OK;
}

unic_status unic_metrics_events(unic_match_report *report, const float *scores,
                                const int32_t *truth, size_t clip_count, size_t length,
                                size_t class_count, float threshold, double least_iou,
                                int32_t background)
{
    unic__step_scores s = {scores, truth, 0, class_count, threshold, background};
    UNIC__REQUIRE(scores);
    UNIC__REQUIRE(truth);
    REQUIRE_REPORT(match_report, report);
    UNIC__TRY(check_size(__func__, SIZE(clip_count), SIZE(length), sizeof(float)));
    s.rows = clip_count * length;
    UNIC__TRY(check_steps(__func__, &s));
    if (!(least_iou > 0.0 && least_iou <= 1.0))
        return unic__fail(UNIC_E_ARG, "%s: least_iou = %g is not in (0,1]", __func__,
                          least_iou);
    UNIC__TRY_NAMED(unic__metrics_events(&found, &s, length, least_iou));
    GIVE_REPORT(match_report, report);
    return UNIC_OK;
}

unic_status unic_metrics_masks(unic_mask_report *report, const float *logits,
                               const uint8_t *truth, size_t mask_count, size_t pixel_count,
                               double *curve)
{
    const unic__masks m = {logits, truth, mask_count, pixel_count, mask_count};
    UNIC__REQUIRE(logits);
    UNIC__REQUIRE(truth);
    REQUIRE_REPORT(mask_report, report);
    UNIC__TRY(check_masks(__func__, &m));
    unic__metrics_masks(&found, &m, curve);
    GIVE_REPORT(mask_report, report);
    return UNIC_OK;
}

unic_status unic_metrics_masks_cmg(unic_mask_report *report, const float *logits,
                                   const uint8_t *truth, size_t mask_count, size_t pixel_count,
                                   size_t batch)
{
    const unic__masks m = {logits, truth, mask_count, pixel_count, batch};
    UNIC__REQUIRE(logits);
    UNIC__REQUIRE(truth);
    REQUIRE_REPORT(mask_report, report);
    UNIC__TRY(check_masks(__func__, &m));
    unic__metrics_masks_cmg(&found, &m);
    GIVE_REPORT(mask_report, report);
    return UNIC_OK;
}

unic_status unic_metrics_ranks(unic_rank_report *report, const float *scores,
                               size_t query_count, size_t item_count, const int32_t *query_ids,
                               const int32_t *gallery_ids, const size_t *k, size_t k_count,
                               double *recall)
{
    const unic__rankings r = {scores, query_ids, gallery_ids, query_count, item_count};
    UNIC__REQUIRE(scores);
    UNIC__REQUIRE(query_ids);
    UNIC__REQUIRE(gallery_ids);
    REQUIRE_REPORT(rank_report, report);
    UNIC__TRY(check_size(__func__, SIZE(query_count), SIZE(item_count), sizeof(float)));
    if (k_count > 0) {
        UNIC__REQUIRE(k);
        UNIC__REQUIRE(recall);
    }
    for (size_t i = 0; i < k_count; i++)
        if (k[i] == 0 || k[i] > item_count)
            return unic__fail(UNIC_E_ARG,
                              "%s: k[%zu] = %zu is not in 1..%zu, the gallery's size", __func__,
                              i, k[i], item_count);
    for (size_t i = 0; i < query_count; i++)
        if (query_ids[i] < -1)
            return unic__fail(UNIC_E_VALUE, "%s: id %d of query %zu is below -1", __func__,
                              query_ids[i], i);
    UNIC__TRY(check_scores(__func__, scores, query_count, item_count));
    UNIC__TRY_NAMED(unic__metrics_ranks(&found, &r, k, k_count, recall));
    GIVE_REPORT(rank_report, report);
    return UNIC_OK;
}

unic_status unic_metrics_recall(unic_rank_report *report, const int64_t *ranks,
                                size_t query_count, const size_t *k, size_t k_count,
                                double *recall)
{
    UNIC__REQUIRE(ranks);
    REQUIRE_REPORT(rank_report, report);
    UNIC__TRY(check_size(__func__, SIZE(query_count), (named_size){"1", 1}, sizeof(int64_t)));
    if (k_count > 0) {
        UNIC__REQUIRE(k);
        UNIC__REQUIRE(recall);
    }
    for (size_t i = 0; i < k_count; i++)
        if (k[i] == 0)
            return unic__fail(UNIC_E_ARG, "%s: k[%zu] is 0, at least 1 expected", __func__, i);
    for (size_t i = 0; i < query_count; i++)
        if (ranks[i] < 1)
            return unic__fail(UNIC_E_VALUE, "%s: rank %lld of query %zu is below 1", __func__,
                              (long long)ranks[i], i);
    UNIC__TRY_NAMED(unic__metrics_recall(&found, ranks, query_count, k, k_count, recall));
    GIVE_REPORT(rank_report, report);
    return UNIC_OK;
}

static unic_status check_usage(const char *call, const unic__usage *u)
{
    if (u->modalities < 1 || u->modalities > UNIC_MAX_MODALITIES)
        return unic__fail(UNIC_E_ARG, "%s: modality_count = %zu is not in 1..%d", call,
                          u->modalities, UNIC_MAX_MODALITIES);
    UNIC__TRY(check_size(call, (named_size){"step_count", u->steps},
                         (named_size){"modality_count", u->modalities}, sizeof(int32_t)));
    UNIC__TRY(check_size(call, (named_size){"code_count", u->count},
                         (named_size){"modality_count + 1", u->modalities + 1},
                         sizeof(int64_t)));
    for (size_t m = 0; m < u->modalities; m++) {
        if (!u->codes[m])
            return unic__fail(UNIC_E_ARG, "%s: codes[%zu] is NULL", call, m);
        for (size_t t = 0; t < u->steps; t++)
            if (u->codes[m][t] < -1 ||
                (u->codes[m][t] >= 0 && (size_t)u->codes[m][t] >= u->count))
                return unic__fail(UNIC_E_VALUE,
                                  "%s: code %d of modality %zu, step %zu is not in -1..%zu",
                                  call, u->codes[m][t], m, t, u->count - 1);
    }
    return UNIC_OK;
}

unic_status unic_metrics_usage(unic_usage_report *report, const int32_t *const *codes,
                               size_t modality_count, size_t step_count, size_t code_count,
                               int64_t *counts, double *shares, double *perplexities)
{
    const unic__usage u = {codes, modality_count, step_count, code_count};
    UNIC__REQUIRE(codes);
    REQUIRE_REPORT(usage_report, report);
    UNIC__TRY(check_usage(__func__, &u));
    UNIC__TRY_NAMED(unic__metrics_usage(&found, &u, counts, shares, perplexities));
    GIVE_REPORT(usage_report, report);
    return UNIC_OK;
}
