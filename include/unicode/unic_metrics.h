/**
 * @file unic_metrics.h
 * Metrics of predictions, computed on the caller's arrays; docs/tasks.md has the equations.
 * Each metric is computed once over all data it is given, not averaged over batches. Where the
 * CMG code computes a different number under the same name, a separate function `..._cmg`
 * computes that number, for comparison with published tables.
 *
 * Rows whose truth is -1 are not counted (unic_head_mask_labels() sets -1 where there is no
 * code). All functions are thread-safe. They return UNIC_OK; UNIC_E_ARG for a NULL pointer, a
 * size that is 0 or larger than any memory, or an argument out of range; UNIC_E_VALUE names a
 * label out of range or a score that is NaN; UNIC_E_NOMEM. After a failure nothing is written.
 * A ratio whose denominator is 0 (no row counts, nothing is predicted) is 0.
 */
#ifndef UNICODE_UNIC_METRICS_H
#define UNICODE_UNIC_METRICS_H

#include "unic_status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- one class a row: clips, or steps of one class ---- */

/** Result of unic_metrics_classes(). The caller sets `struct_size`; nothing is written beyond
 * it. */
typedef struct unic_class_report {
    size_t struct_size;   /**< sizeof(unic_class_report)                                     */
    size_t row_count;     /**< rows whose truth is not -1                                    */
    size_t right_count;   /**< of these, rows whose largest score is that of the truth       */
    double accuracy;      /**< top-1: right_count / row_count                                */
    double mean_accuracy; /**< mean of the classes' accuracies, over those that occur        */
} unic_class_report;

/**
 * Top-1 accuracy, accuracy of each class and confusion matrix. The prediction of a row is the
 * class with the largest score, the lowest class on a tie.
 *
 * @param report       out.
 * @param scores       [rows,classes], logits or any other measure.
 * @param truth        [rows] in -1..classes-1.
 * @param row_count    clips, or steps of all clips; >= 1.
 * @param class_count  >= 1.
 * @param confusion    [classes,classes] out, rows: truth, columns: prediction; may be NULL.
 * @param per_class    [classes] out, right / counted rows of each class; NaN for a class that
 *                     does not occur; may be NULL.
 * @return as all of this file. Since 0.1.
 */
UNIC_API unic_status unic_metrics_classes(unic_class_report *report, const float *scores,
                                          const int32_t *truth, size_t row_count,
                                          size_t class_count, int64_t *confusion,
                                          double *per_class);

/* ---- any number of classes a step ---- */

/** Numbers of predictions, of true labels and of matches. The caller sets `struct_size`;
 * nothing is written beyond it. */
typedef struct unic_match_report {
    size_t struct_size;     /**< sizeof(unic_match_report)                                   */
    size_t predicted_count; /**< predicted pairs of step and class, or events                */
    size_t actual_count;    /**< the same in the truth                                       */
    size_t matched_count;   /**< predictions that match the truth                            */
    double precision;       /**< matched_count / predicted_count                             */
    double recall;          /**< matched_count / actual_count                                */
    double f1;              /**< 2 precision recall / (precision + recall)                   */
} unic_match_report;

/**
 * Segment-level micro-averaged precision, recall and F1 over all pairs of a step and a class. A
 * class is predicted where score > threshold (0 for logits is a probability of 1/2).
 *
 * @param report       out.
 * @param scores       [rows,classes].
 * @param truth        [rows,classes] of 0 and 1; a row with a -1 is not counted.
 * @param row_count    steps of all clips; >= 1.
 * @param class_count  >= 1.
 * @param threshold    for the scores; not NaN.
 * @param background   the class "no event", which is left out; -1: there is none, or it counts
 *                     like any other.
 * @return as all of this file. Since 0.1.
 */
UNIC_API unic_status unic_metrics_steps(unic_match_report *report, const float *scores,
                                        const int32_t *truth, size_t row_count,
                                        size_t class_count, float threshold,
                                        int32_t background);

/**
 * "Accuracy" (here: `precision`), recall and F1 as the CMG code computes them: precision and
 * recall of each batch of `batch_rows` rows, the background counted, are averaged with the
 * batches' numbers of rows as weights, and F1 is that of the averages. The counts of the report
 * are over all rows.
 *
 * @param report       out.
 * @param scores       as for unic_metrics_steps().
 * @param truth        the same.
 * @param row_count    the same.
 * @param class_count  the same.
 * @param threshold    the same; the CMG code uses 0 for logits.
 * @param batch_rows   rows of a batch, in the order given, >= 1; the CMG code uses 800. The
 *                     last batch may be smaller.
 * @return as all of this file. Since 0.1.
 */
UNIC_API unic_status unic_metrics_steps_cmg(unic_match_report *report, const float *scores,
                                            const int32_t *truth, size_t row_count,
                                            size_t class_count, float threshold,
                                            size_t batch_rows);

/**
 * Event-level precision, recall and F1. An event is a maximal run of consecutive steps of one
 * class within a clip. A predicted and an actual event of the same class match if their
 * intersection is at least `least_iou` of their union; each event matches at most once.
 *
 * @param report       out.
 * @param scores       [clips,length,classes]; predicted where score > threshold.
 * @param truth        [clips,length,classes] of 0 and 1; a step with a -1 ends every run.
 * @param clip_count   >= 1.
 * @param length       steps of a clip, >= 1.
 * @param class_count  >= 1.
 * @param threshold    for the scores; not NaN.
 * @param least_iou    in (0,1]; 0.5 is customary.
 * @param background   as for unic_metrics_steps().
 * @return as all of this file. Since 0.1.
 */
UNIC_API unic_status unic_metrics_events(unic_match_report *report, const float *scores,
                                         const int32_t *truth, size_t clip_count, size_t length,
                                         size_t class_count, float threshold, double least_iou,
                                         int32_t background);

/* ---- masks ---- */

/** The number of thresholds at which F is computed. */
enum { UNIC_METRICS_THRESHOLD_COUNT = 255 };

/** Metrics of masks. The caller sets `struct_size`; nothing is written beyond it. */
typedef struct unic_mask_report {
    size_t struct_size; /**< sizeof(unic_mask_report)                                        */
    size_t mask_count;  /**< number of masks that were counted                               */
    double miou;        /**< mean intersection / union at probability 1/2                    */
    double f_beta;      /**< the largest F over the thresholds                               */
    double threshold;   /**< the lowest threshold that gives f_beta; 0 from
                           unic_metrics_masks_cmg(), where each batch has its own            */
} unic_mask_report;

/**
 * Mean IoU and F-beta (beta^2 = 0.3) of masks. A pixel is predicted if its probability is over
 * 1/2 for the IoU, and at least t_i = i (1 - 1e-10) / 254 for F_i, i = 0..254. F_i is averaged
 * over all masks before one threshold is chosen. If the truth is empty, IoU and F are 1 if
 * nothing is predicted and 0 otherwise.
 *
 * @param report       out.
 * @param logits       [masks,pixels]; the probability is 1 / (1 + exp(-logit)).
 * @param truth        [masks,pixels] of 0 and 1.
 * @param mask_count   >= 1.
 * @param pixel_count  pixels of a mask, >= 1.
 * @param curve        [UNIC_METRICS_THRESHOLD_COUNT] out, F_i; may be NULL.
 * @return as all of this file. Since 0.1.
 */
UNIC_API unic_status unic_metrics_masks(unic_mask_report *report, const float *logits,
                                        const uint8_t *truth, size_t mask_count,
                                        size_t pixel_count, double *curve);

/**
 * Mean IoU and F-beta as AVSBench and the CMG code compute them: the mean IoU and the largest F
 * of each batch of `batch` masks, averaged over batches. If the truth is empty, the IoU is the
 * share of pixels that were not predicted. F leaves out such masks, and batches with only such
 * masks.
 *
 * @param report       out.
 * @param logits       as for unic_metrics_masks().
 * @param truth        the same.
 * @param mask_count   the same.
 * @param pixel_count  the same.
 * @param batch        masks of a batch, in the order given, >= 1. The last batch may be
 *                     smaller.
 * @return as all of this file. Since 0.1.
 */
UNIC_API unic_status unic_metrics_masks_cmg(unic_mask_report *report, const float *logits,
                                            const uint8_t *truth, size_t mask_count,
                                            size_t pixel_count, size_t batch);

/* ---- rankings ---- */

/** Metrics of rankings. The caller sets `struct_size`; nothing is written beyond it. */
typedef struct unic_rank_report {
    size_t struct_size;            /**< sizeof(unic_rank_report)                             */
    size_t query_count;            /**< queries with a relevant item in the gallery          */
    double median_rank;            /**< of the first relevant item, from 1                   */
    double mean_average_precision; /**< mAP                                                  */
} unic_rank_report;

/**
 * Retrieval: recall at k, median rank and mAP. An item is relevant to a query if their ids are
 * equal: ids are numbers of clips if pairs are to be found, or numbers of classes. On a tie,
 * items that are not relevant are ranked before relevant ones of the same score.
 *
 * @param report       out.
 * @param scores       [queries,gallery], larger is nearer (negate distances).
 * @param query_count  >= 1.
 * @param item_count   items in the gallery, >= 1.
 * @param query_ids    [queries]; -1: the query is not counted.
 * @param gallery_ids  [gallery].
 * @param k            [k_count] each in 1..gallery; may be NULL if k_count is 0.
 * @param k_count      number of values of k; may be 0.
 * @param recall       [k_count] out: the share of the counted queries that have a relevant item
 *                     among their first k; may be NULL if k_count is 0.
 * @return as all of this file; UNIC_E_VALUE names an id of a query that is below -1. Since 0.1.
 */
UNIC_API unic_status unic_metrics_ranks(unic_rank_report *report, const float *scores,
                                        size_t query_count, size_t item_count,
                                        const int32_t *query_ids, const int32_t *gallery_ids,
                                        const size_t *k, size_t k_count, double *recall);

/**
 * Recall at k, median rank and mAP from known ranks, with one relevant item for each query, as
 * unic_index_rank() computes them.
 *
 * @param report       out.
 * @param ranks        [queries] of the relevant item, from 1.
 * @param query_count  >= 1.
 * @param k            [k_count] each >= 1; may be NULL if k_count is 0.
 * @param k_count      number of values of k; may be 0.
 * @param recall       [k_count] out: the share of the ranks <= k; may be NULL if k_count is 0.
 * @return as all of this file; UNIC_E_VALUE names a rank below 1. Since 0.1.
 */
UNIC_API unic_status unic_metrics_recall(unic_rank_report *report, const int64_t *ranks,
                                         size_t query_count, const size_t *k, size_t k_count,
                                         double *recall);

/* ---- how codes are used ---- */

/** Codes used fewer times than this are too rare to say which modalities they belong to. */
enum { UNIC_METRICS_OFTEN = 5 };

/** How the modalities use a codebook together. The caller sets `struct_size`; nothing is written
 * beyond it. */
typedef struct unic_usage_report {
    size_t struct_size;  /**< sizeof(unic_usage_report)                                      */
    size_t use_count;    /**< codes given, all modalities together, without those of -1      */
    size_t used_count;   /**< different codes that any modality uses                         */
    size_t dead_count;   /**< codes that none uses                                           */
    size_t common_count; /**< codes that every modality uses                                 */
    size_t often_count;  /**< codes used at least UNIC_METRICS_OFTEN times                   */
    size_t shared_count; /**< of these, codes of whose uses every modality has 20 to 80 %    */
    size_t paired_count; /**< steps at which every modality has a code                       */
    size_t agreed_count; /**< of these, steps at which all have the same code                */
    double shared;       /**< shared_count / often_count                                     */
    double agreement;    /**< agreed_count / paired_count                                    */
    double perplexity;   /**< exp(-sum p log p) of the shares p of all uses                  */
    double divergence;   /**< Jensen-Shannon divergence of the modalities' distributions over
                            codes, each with the same weight, divided by the logarithm of
                            their number: 0 if all use the codes alike, 1 if they use different
                            ones. Modalities without a code are left out                     */
} unic_usage_report;

/**
 * How the codes of the same clips in several modalities use a codebook: what they share, where
 * they agree, what is dead.
 *
 * @param report          out.
 * @param codes           [modality_count] pointers to [step_count] codes in -1..code_count-1
 *                        (-1: no code); step t is the same moment in each.
 * @param modality_count  1..UNIC_MAX_MODALITIES.
 * @param step_count      steps of all clips, >= 1.
 * @param code_count      L, >= 1.
 * @param counts          [modality_count,L] out, uses of each code; may be NULL.
 * @param shares          [modality_count,L] out, the part of a code's uses that is this
 *                        modality's; 0 for codes that are not used. May be NULL.
 * @param perplexities    [modality_count] out, of each modality's uses; may be NULL.
 * @return as all of this file; UNIC_E_VALUE names a code out of range. Since 0.1.
 */
UNIC_API unic_status unic_metrics_usage(unic_usage_report *report, const int32_t *const *codes,
                                        size_t modality_count, size_t step_count,
                                        size_t code_count, int64_t *counts, double *shares,
                                        double *perplexities);

#ifdef __cplusplus
}
#endif
#endif
