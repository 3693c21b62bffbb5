/*
 * Scores of predictions. Arguments are checked by the caller (api/metrics.c): sizes are not 0
 * and their products fit, labels are in range, no score is NaN. 0 / 0 counts as 0.
 */
#ifndef UNIC_TASK_METRICS_H
#define UNIC_TASK_METRICS_H

#include "base/base.h"
#include "unicode/unic_metrics.h"

static inline double unic__share(double some, double all)
{
    return all > 0.0 ? some / all : 0.0;
}

/* ---- metrics_class.c: each writes the whole report but its struct_size ---- */

unic_status unic__metrics_classes(unic_class_report *report, const float *scores,
                                  const int32_t *truth, size_t rows, size_t classes,
                                  int64_t *confusion, double *per_class);

/* ---- metrics_match.c ---- */

/* Scores and truth [rows,classes], and which of them count. */
typedef struct unic__step_scores {
    const float *scores;
    const int32_t *truth;
    size_t rows, classes;
    float threshold;
    int32_t background; /* a class left out, or -1 */
} unic__step_scores;

void unic__metrics_steps(unic_match_report *report, const unic__step_scores *s);
void unic__metrics_steps_cmg(unic_match_report *report, const unic__step_scores *s,
                             size_t batch_rows);
/* rows is a multiple of length */
unic_status unic__metrics_events(unic_match_report *report, const unic__step_scores *s,
                                 size_t length, double least_iou);

/* ---- metrics_mask.c ---- */

/* Masks, each of `pixels`, and how many of them are averaged at a time. */
typedef struct unic__masks {
    const float *logits;
    const uint8_t *truth;
    size_t masks, pixels, batch;
} unic__masks;

void unic__metrics_masks(unic_mask_report *report, const unic__masks *m, double *curve);
void unic__metrics_masks_cmg(unic_mask_report *report, const unic__masks *m);

/* ---- metrics_rank.c ---- */

typedef struct unic__rankings {
    const float *scores; /* [queries,gallery] */
    const int32_t *query_ids, *gallery_ids;
    size_t queries, gallery;
} unic__rankings;

unic_status unic__metrics_ranks(unic_rank_report *report, const unic__rankings *r,
                                const size_t *k, size_t k_count, double *recall);
/* ranks [n] >= 1, each of the one item that is relevant */
unic_status unic__metrics_recall(unic_rank_report *report, const int64_t *ranks, size_t n,
                                 const size_t *k, size_t k_count, double *recall);

/* ---- metrics_usage.c ---- */

typedef struct unic__usage {
    const int32_t *const *codes; /* [modalities] of [steps], -1: none */
    size_t modalities, steps, count;
} unic__usage;

/* The report's counts are 0; counts and shares [modalities,count] and perplexity [modalities]
 * may be NULL. */
unic_status unic__metrics_usage(unic_usage_report *report, const unic__usage *u,
                                int64_t *counts, double *shares, double *perplexity);

#endif
