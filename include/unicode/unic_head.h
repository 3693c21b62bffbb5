/**
 * @file unic_head.h
 * Heads on codes: trained on the codes of one modality, used untouched on another's. The
 * encoder is not trained with them: codes are all that a head sees. Scores of what they predict
 * are in unic_metrics.h; the equations, in docs/tasks.md.
 */
#ifndef UNICODE_UNIC_HEAD_H
#define UNICODE_UNIC_HEAD_H

#include "unic_codebook.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A head: its weights, its Adam state, its copy of the codebook. Opaque. */
typedef struct unic_head unic_head;

/** What a head predicts. Values are part of the ABI. */
typedef enum unic_head_kind {
    UNIC_HEAD_CLIP = 1,      /**< one class per clip: linear, max over time, linear          */
    UNIC_HEAD_STEP = 2,      /**< one class per step: linear, linear                         */
    UNIC_HEAD_STEP_MULTI = 3 /**< any number of classes per step: the same with BCE          */
} unic_head_kind;

/** What a head's training makes small. Values are part of the ABI. */
typedef enum unic_head_loss {
    UNIC_HEAD_LOSS_PLAIN = 0, /**< cross-entropy; binary cross-entropy for multi-label       */
    UNIC_HEAD_LOSS_CMG = 1    /**< multi-label only: BCE and the CMG code's weighted term,
                                   -mean_r sum_c y_rc log softmax(x_r)_c exp(-alpha_c), with
                                   alpha trained from 0.1                                    */
} unic_head_loss;

/** A head's settings; zero members take the default in brackets. */
typedef struct unic_head_options {
    size_t struct_size;        /**< sizeof(unic_head_options)                                */
    int32_t kind;              /**< a unic_head_kind                                         */
    int32_t class_count;       /**< number of outputs, >= 2 (>= 1 for multi)                 */
    int32_t hidden;            /**< width between the two linear layers [the code's dim]     */
    int32_t epochs;            /**< [30]                                                     */
    int32_t batch;             /**< clips [64]                                               */
    float learning_rate;       /**< Adam's [0.002]                                           */
    uint64_t seed;             /**< of the weights and the shuffle                           */
    int32_t loss;              /**< a unic_head_loss [UNIC_HEAD_LOSS_PLAIN]                  */
    int32_t threads;           /**< it computes with, 1..256 [the process's number]          */
    unic_progress_fn progress; /**< told of a fit's batches; may be NULL                     */
    void *progress_user;       /**< what it is given                                         */
    void *reserved[4];         /**< NULL                                                     */
} unic_head_options;

/**
 * An untrained head for codes of this codebook, of which it keeps a copy.
 * @return UNIC_OK; UNIC_E_ARG names the option; UNIC_E_NOMEM. Since 0.1.
 */
UNIC_API unic_status unic_head_create(unic_head **out, const unic_codebook *codebook,
                                      const unic_head_options *options);
/** Frees the head. NULL is fine. Since 0.1. */
UNIC_API void unic_head_free(unic_head *head);

/**
 * What the head was made with, its defaults filled in: `options->struct_size` is the caller's,
 * and no more than that is written. A head from a file is asked for its kind and its classes
 * this way.
 * @return UNIC_OK; UNIC_E_ARG. Thread-safe. Since 0.1.
 */
UNIC_API unic_status unic_head_settings(unic_head_options *options, const unic_head *head);

/**
 * Train on codes and labels, by Adam on the loss of the options. May be called again to train
 * further. "No event" is a class like any other: its label is 1 where no other's is.
 *
 * @param loss        out, mean loss of the last epoch; may be NULL.
 * @param head        the head.
 * @param codes       [N,T] in 0..L-1, -1 = padding.
 * @param clip_count  N, >= 1.
 * @param length      T, >= 1; another fit or prediction may have another.
 * @param labels      [N] for a clip head, [N,T] for a step head (a class; -1: not counted),
 *                    [N,T,classes] of 0 and 1 for a multi-label head (a step with a -1 among
 *                    its labels is not counted).
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_VALUE names a code or label out of range; UNIC_E_NUMERIC
 * and UNIC_E_CANCELLED: the head is as before; UNIC_E_NOMEM. One thread at a time. Since 0.1.
 */
UNIC_API unic_status unic_head_fit(double *loss, unic_head *head, const int32_t *codes,
                                   size_t clip_count, size_t length, const int32_t *labels);

/**
 * Predict: logits [N,classes] for a clip head, [N,T,classes] otherwise (0 on padding). Any
 * modality's codes, of any length. Concurrent calls are safe once the head is trained. Since
 * 0.1.
 */
UNIC_API unic_status unic_head_predict(const unic_head *head, const int32_t *codes,
                                       size_t clip_count, size_t length, float *logits);

/**
 * Leave out what the head cannot see: labels, laid out as for unic_head_fit(), become -1 at
 * padding, and for a clip head where a clip has no code at all (it lacks the modality). The
 * scores of unic_metrics.h then pass these over.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_VALUE names a code out of range (nothing is changed).
 * Thread-safe. Since 0.1.
 */
UNIC_API unic_status unic_head_mask_labels(const unic_head *head, const int32_t *codes,
                                           size_t clip_count, size_t length, int32_t *labels);

/** unic_codebook_fingerprint() of the codebook the head was made for; 0 for NULL. Since 0.1. */
UNIC_API uint64_t unic_head_fingerprint(const unic_head *head);

/**
 * Whether codes of the codebook with this fingerprint may be given to the head: to be asked
 * wherever codes come from a file or another model.
 * @return UNIC_OK; UNIC_E_MISMATCH if the head was made for another one. Thread-safe. Since
 * 0.1.
 */
UNIC_API unic_status unic_head_accepts(const unic_head *head, uint64_t fingerprint);

/**
 * Write a head with its copy of the codebook: the file appears whole or not at all.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_IO; UNIC_E_NOMEM. Since 0.1.
 */
UNIC_API unic_status unic_head_save(const unic_head *head, const char *path);
/**
 * Read it again, to predict or to be trained further (Adam begins anew).
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_NOTFOUND; UNIC_E_IO; UNIC_E_FORMAT; UNIC_E_NOMEM. Since
 * 0.1.
 */
UNIC_API unic_status unic_head_load(unic_head **out, const char *path,
                                    const unic_open_options *options);

#ifdef __cplusplus
}
#endif
#endif
