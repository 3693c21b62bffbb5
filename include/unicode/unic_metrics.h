/**
 * @file unic_metrics.h
 * Scores of predictions, on the caller's arrays; docs/tasks.md has the equations. Each counts
 * once over everything it is given. Where the CMG code computes another number under the same
 * name, that number is a function `..._cmg` of its own, to compare with published tables.
 *
 * Truth of -1 is not counted (unic_head_mask_labels() sets it where there is no code). All
 * functions are thread-safe. They return UNIC_OK; UNIC_E_ARG for a NULL, for a size of 0 or one
 * that is larger than any memory, for a setting out of range; UNIC_E_VALUE names a label out of
 * range or a score that is NaN; UNIC_E_NOMEM. After a failure nothing is written. A share of
 * nothing (no row counts, nothing is predicted) is 0.
 */
#ifndef UNICODE_UNIC_METRICS_H
#define UNICODE_UNIC_METRICS_H

#include "unic_status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- one class a row: clips, or steps of one class ---- */

/** `struct_size` is the caller's; no more than that is written. */
typedef struct unic_class_report {
    size_t struct_size;   /**< sizeof(unic_class_report)                                     */
    size_t row_count;     /**< rows with a truth                                             */
    size_t right_count;   /**< of these, rows whose largest score is the truth's             */
    double accuracy;      /**< top-1: right_count / row_count                                */
    double mean_accuracy; /**< mean of the classes' accuracies, over those that occur        */
} unic_class_report;

/**
 * Top-1, per-class accuracy and confusion: a row's prediction is the class of its largest
 * score, on a tie the lowest.
 *
 * @param report       out.
 * @param scores       [rows,classes], logits or any other measure.
 * @param truth        [rows] in -1..classes-1.
 * @param row_count    clips, or steps of all clips; >= 1.
 * @param class_count  >= 1.
 * @param confusion    [classes,classes] out, rows: truth, columns: prediction; may be NULL.
 * @param per_class    [classes] out, right / counted among the rows of this class; NaN for one
 *                     that does not occur; may be NULL.
 * @return as all of this file. Since 0.1.
 */
UNIC_API unic_status unic_metrics_classes(unic_class_report *report, const float *scores,
                                          const int32_t *truth, size_t row_count,
                                          size_t class_count, int64_t *confusion,
                                          double *per_class);

/* ---- any number of classes a step ---- */

/** What was predicted, what is there, and what of both matched; as of unic_class_report. */
typedef struct unic_match_report {
    size_t struct_size;     /**< sizeof(unic_match_report)                                   */
    size_t predicted_count; /**< steps and classes, or events                                */
    size_t actual_count;    /**< of the truth                                                */
    size_t matched_count;   /**< of both                                                     */
    double precision;       /**< matched_count / predicted_count                             */
    double recall;          /**< matched_count / actual_count                                */
    double f1;              /**< 2 precision recall / (precision + recall)                   */
} unic_match_report;

/**
 * Segment-level micro precision, recall and F1: pairs of a step and a class, counted once over
 * all of them; predicted where score > threshold (0 for logits is a probability of 1/2).
 *
 * @param report       out.
 * @param scores       [rows,classes].
 * @param truth        [rows,classes] of 0 and 1; a row with a -1 is not counted.
 * @param row_count    steps of all clips; >= 1.
 * @param class_count  >= 1.
 * @param threshold    of the scores; not NaN.
 * @param background   the class that stands for "no event", which is left out; -1: there is
 *                     none, or it counts as one.
 * @return as all of this file. Since 0.1.
 */
UNIC_API unic_status unic_metrics_steps(unic_match_report *report, const float *scores,
                                        const int32_t *truth, size_t row_count,
                                        size_t class_count, float threshold,
                                        int32_t background);

/**
 * The CMG code's "accuracy" (it is `precision` here), recall and F1: P and R of each batch of
 * `batch_rows` rows, background counted; their means weighted by the batches' rows; F1 of
 * these means. The counts of the report are over all rows.
 *
 * @param report       out.
 * @param scores       as for unic_metrics_steps().
 * @param truth        the same.
 * @param row_count    the same.
 * @param class_count  the same.
 * @param threshold    the same; theirs is 0 for logits.
 * @param batch_rows   rows of a batch, in the order given, >= 1; theirs is 800. The last batch
 *                     may be smaller.
 * @return as all of this file. Since 0.1.
 */
UNIC_API unic_status unic_metrics_steps_cmg(unic_match_report *report, const float *scores,
                                            const int32_t *truth, size_t row_count,
                                            size_t class_count, float threshold,
                                            size_t batch_rows);

/**
 * Event-level precision, recall and F1: an event is a run of steps of one class, whole within a
 * clip; a predicted and an actual event of the same class match if their intersection is at
 * least `least_iou` of their union, and each matches but once.
 *
 * @param report       out.
 * @param scores       [clips,length,classes]; predicted where score > threshold.
 * @param truth        [clips,length,classes] of 0 and 1; a step with a -1 ends every run.
 * @param clip_count   >= 1.
 * @param length       steps of a clip, >= 1.
 * @param class_count  >= 1.
 * @param threshold    of the scores; not NaN.
 * @param least_iou    in (0,1]; 0.5 is customary.
 * @param background   as for unic_metrics_steps().
 * @return as all of this file. Since 0.1.
 */
UNIC_API unic_status unic_metrics_events(unic_match_report *report, const float *scores,
                                         const int32_t *truth, size_t clip_count, size_t length,
                                         size_t class_count, float threshold, double least_iou,
                                         int32_t background);

/* ---- masks ---- */

/** How many thresholds F is computed at. */
enum { UNIC_METRICS_THRESHOLD_COUNT = 255 };

/** As of unic_class_report. */
typedef struct unic_mask_report {
    size_t struct_size; /**< sizeof(unic_mask_report)                                        */
    size_t mask_count;  /**< that counted                                                    */
    double miou;        /**< mean intersection / union at probability 1/2                    */
    double f_beta;      /**< the largest F over the thresholds                               */
    double threshold;   /**< the lowest probability at which it is; 0 of the CMG code's, which
                           has one per batch                                                 */
} unic_mask_report;

/**
 * Mean IoU and F-beta (beta^2 = 0.3) of masks. A pixel is predicted if its probability is over
 * 1/2 for the IoU, and at least t_i = i (1 - 1e-10) / 254 for F_i, i = 0..254. F_i is averaged
 * over all masks, and the threshold chosen once. An empty truth has IoU and F of 1 where
 * nothing is predicted, else 0.
 *
 * @param report       out.
 * @param logits       [masks,pixels]; the probability is 1 / (1 + exp(-logit)).
 * @param truth        [masks,pixels] of 0 and 1.
 * @param mask_count   >= 1.
 * @param pixel_count  of a mask, >= 1.
 * @param curve        [UNIC_METRICS_THRESHOLD_COUNT] out, F_i; may be NULL.
 * @return as all of this file. Since 0.1.
 */
UNIC_API unic_status unic_metrics_masks(unic_mask_report *report, const float *logits,
                                        const uint8_t *truth, size_t mask_count,
                                        size_t pixel_count, double *curve);

/**
 * The same as AVSBench and the CMG code have it: means over batches of `batch` masks of their
 * own mean IoU, and of their own largest F. Of an empty truth the IoU is the share of pixels
 * that were not predicted; F leaves such masks out, and batches of nothing else.
 *
 * @param report       out.
 * @param logits       as for unic_metrics_masks().
 * @param truth        the same.
 * @param mask_count   the same.
 * @param pixel_count  the same.
 * @param batch        masks of a batch, in the order given, >= 1. The last one may be smaller.
 * @return as all of this file. Since 0.1.
 */
UNIC_API unic_status unic_metrics_masks_cmg(unic_mask_report *report, const float *logits,
                                            const uint8_t *truth, size_t mask_count,
                                            size_t pixel_count, size_t batch);

/* ---- rankings ---- */

/** As of unic_class_report. */
typedef struct unic_rank_report {
    size_t struct_size;            /**< sizeof(unic_rank_report)                             */
    size_t query_count;            /**< queries with a relevant item in the gallery          */
    double median_rank;            /**< of the first relevant item, from 1                   */
    double mean_average_precision; /**< mAP                                                  */
} unic_rank_report;

/**
 * Retrieval: recall at k, median rank and mAP. An item is relevant to a query if their ids are
 * equal (the clip for pairs, the class for galleries of classes). A tie counts against the
 * query: what has the same score as a relevant item stands before it.
 *
 * @param report       out.
 * @param scores       [queries,gallery], larger is nearer (give distances with a minus).
 * @param query_count  >= 1.
 * @param item_count   items in the gallery, >= 1.
 * @param query_ids    [queries]; -1: not counted.
 * @param gallery_ids  [gallery].
 * @param k            [k_count] each in 1..gallery; may be NULL if k_count is 0.
 * @param k_count      how many; may be 0.
 * @param recall       [k_count] out: the share of the queries counted that have a relevant item
 *                     among their first k; may be NULL if k_count is 0.
 * @return as all of this file. Since 0.1.
 */
UNIC_API unic_status unic_metrics_ranks(unic_rank_report *report, const float *scores,
                                        size_t query_count, size_t item_count,
                                        const int32_t *query_ids, const int32_t *gallery_ids,
                                        const size_t *k, size_t k_count, double *recall);

/**
 * The same figures of ranks that are known, one relevant item a query, as unic_index_rank() gives
 * them.
 *
 * @param report       out.
 * @param ranks        [queries] of the relevant item, from 1.
 * @param query_count  >= 1.
 * @param k            [k_count] each >= 1; may be NULL if k_count is 0.
 * @param k_count      how many; may be 0.
 * @param recall       [k_count] out: the share of the ranks <= k; may be NULL if k_count is 0.
 * @return as all of this file; UNIC_E_VALUE names a rank below 1. Since 0.1.
 */
UNIC_API unic_status unic_metrics_recall(unic_rank_report *report, const int64_t *ranks,
                                         size_t query_count, const size_t *k, size_t k_count,
                                         double *recall);

#ifdef __cplusplus
}
#endif
#endif
