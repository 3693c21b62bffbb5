/**
 * @file unic_head.h
 * Heads: small classifiers whose only input is codes. A head is trained on the codes of one
 * modality and used unchanged on those of another; the encoder is not trained with it. Metrics
 * for predictions are in unic_metrics.h, the equations in docs/tasks.md.
 */
#ifndef UNICODE_UNIC_HEAD_H
#define UNICODE_UNIC_HEAD_H

#include "unic_codebook.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A head: its weights, Adam state and copy of the codebook. Opaque. */
typedef struct unic_head unic_head;

/** The kind of a head: what it predicts. Values are part of the ABI. */
typedef enum unic_head_kind {
    UNIC_HEAD_CLIP = 1,      /**< one class per clip: linear, max over time, linear          */
    UNIC_HEAD_STEP = 2,      /**< one class per step: linear, linear                         */
    UNIC_HEAD_STEP_MULTI = 3 /**< any number of classes per step: linear, linear, with BCE   */
} unic_head_kind;

/** The loss that a head is trained with. Values are part of the ABI. */
typedef enum unic_head_loss {
    UNIC_HEAD_LOSS_PLAIN = 0, /**< cross-entropy; binary cross-entropy for multi-label       */
    UNIC_HEAD_LOSS_CMG = 1    /**< multi-label only: BCE plus the CMG code's weighted term,
                                   -mean_r sum_c y_rc log softmax(x_r)_c exp(-alpha_c), with
                                   alpha trained from 0.1                                    */
} unic_head_loss;

/** A head's settings; zero members take the default in brackets. */
typedef struct unic_head_options {
    size_t struct_size;        /**< sizeof(unic_head_options)                                */
    int32_t kind;              /**< a unic_head_kind                                         */
    int32_t class_count;       /**< number of outputs, 2..2^20 (1..2^20 for multi)           */
    int32_t hidden;            /**< width between the two linear layers, up to 65536
                                    [the code's dim]                                         */
    int32_t epochs;            /**< passes over the clips in each unic_head_fit() [30]       */
    int32_t batch;             /**< clips per batch, up to 65536 [64]                        */
    float learning_rate;       /**< learning rate of Adam, positive and finite [0.002]       */
    uint64_t seed;             /**< seed of the weights and the shuffle                      */
    int32_t loss;              /**< a unic_head_loss [UNIC_HEAD_LOSS_PLAIN]                  */
    int32_t threads;           /**< 1..256 [the number of unic_set_threads()]                */
    unic_progress_fn progress; /**< reports a fit's batches; may be NULL                     */
    void *progress_user;       /**< passed to `progress`                                     */
    void *reserved[4];         /**< NULL                                                     */
} unic_head_options;

/**
 * Create an untrained head for codes of this codebook. It keeps a copy of the codebook.
 * @return UNIC_OK; UNIC_E_ARG names the option; UNIC_E_STATE if another call is changing the
 * codebook; UNIC_E_NOMEM. Since 0.1.
 */
UNIC_API unic_status unic_head_create(unic_head **out, const unic_codebook *codebook,
                                      const unic_head_options *options);
/** Free the head. NULL is allowed. Since 0.1. */
UNIC_API void unic_head_free(unic_head *head);

/**
 * Get the options of a head, with all defaults filled in, for example the kind and the number
 * of classes of a head from a file. The caller sets `options->struct_size`; nothing is written
 * beyond that size.
 * @return UNIC_OK; UNIC_E_ARG. Thread-safe. Since 0.1.
 */
UNIC_API unic_status unic_head_settings(unic_head_options *options, const unic_head *head);

/**
 * Train on codes and labels, with Adam and the loss of the options. May be called again to
 * train further. "No event" is a class like any other, whose label is 1 where no other label
 * is.
 *
 * @param loss        out, mean loss of the last epoch; may be NULL.
 * @param head        the head.
 * @param codes       [N,T] in 0..L-1, -1 = padding.
 * @param clip_count  N, >= 1.
 * @param length      T, >= 1; it may differ between calls.
 * @param labels      [N] for a clip head, [N,T] for a step head (a class; -1: not counted),
 *                    [N,T,classes] of 0 and 1 for a multi-label head (a step with a -1 among
 *                    its labels is not counted).
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_VALUE names a code or label out of range, or says that no
 * clip (no step) has both a code and a label that counts; UNIC_E_NUMERIC; UNIC_E_CANCELLED;
 * UNIC_E_NOMEM; UNIC_E_STATE if another call is using the head. A failure leaves the head
 * unchanged. Needs exclusive access. Since 0.1.
 */
UNIC_API unic_status unic_head_fit(double *loss, unic_head *head, const int32_t *codes,
                                   size_t clip_count, size_t length, const int32_t *labels);

/**
 * Predict: logits [N,classes] for a clip head, [N,T,classes] otherwise (0 on padding). Codes
 * may be of any modality and length; a clip of 0 steps is padding alone. Concurrent calls are
 * safe.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_VALUE names a code out of range; UNIC_E_STATE if the head
 *         was never fitted, or a fit is running; UNIC_E_NUMERIC if a logit is too large for a
 *         float (all else is written); UNIC_E_NOMEM if there is no memory for the thread's
 *         stack. Since 0.1.
 */
UNIC_API unic_status unic_head_predict(const unic_head *head, const int32_t *codes,
                                       size_t clip_count, size_t length, float *logits);

/**
 * Predict from soft codes, several with a weight for each step, as unic_codebook_soften() gives
 * them: what the first layer gives of a step is the weighted sum of what it gives of the codes
 * (of a step head, the logits are). With k = 1 and weights of 1 it is unic_head_predict().
 *
 * @param head        concurrent calls are safe.
 * @param codes       [N,T,k] in -1..L-1; -1: there is none. A step without any is padding.
 * @param weights     [N,T,k], finite; what stands beside a -1 is not looked at.
 * @param k           >= 1.
 * @param clip_count  N.
 * @param length      T.
 * @param logits      out, as of unic_head_predict().
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_VALUE names a code out of range or a weight that is not
 *         finite; UNIC_E_STATE, UNIC_E_NUMERIC and UNIC_E_NOMEM as unic_head_predict(). Since
 *         0.1.
 */
UNIC_API unic_status unic_head_predict_soft(const unic_head *head, const int32_t *codes,
                                            const float *weights, size_t k, size_t clip_count,
                                            size_t length, float *logits);

/**
 * Mask labels for which there are no codes, so that the metrics of unic_metrics.h do not count
 * them: labels, in the layout of unic_head_fit(), become -1 on padding, and for a clip head
 * where a clip has no code at all because it lacks the modality.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_VALUE names a code out of range (nothing is changed).
 * Thread-safe. Since 0.1.
 */
UNIC_API unic_status unic_head_mask_labels(const unic_head *head, const int32_t *codes,
                                           size_t clip_count, size_t length, int32_t *labels);

/** The fingerprint of the codebook that the head was created for (unic_codebook_fingerprint());
 * 0 for NULL. Since 0.1. */
UNIC_API uint64_t unic_head_fingerprint(const unic_head *head);

/**
 * Check that codes of the codebook with this fingerprint may be given to the head. Call it when
 * codes come from a file or from another model.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_MISMATCH if the head was created for another codebook.
 * Thread-safe. Since 0.1.
 */
UNIC_API unic_status unic_head_accepts(const unic_head *head, uint64_t fingerprint);

/**
 * Write a head with its copy of the codebook to a file. The file appears complete or not at
 * all.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_NOTFOUND if the folder does not exist; UNIC_E_IO;
 *         UNIC_E_STATE if it was never fitted, or a fit is running; UNIC_E_NOMEM. Since 0.1.
 */
UNIC_API unic_status unic_head_save(const unic_head *head, const char *path);
/**
 * The same as unic_head_save(), to a sink (unic_io.h) instead of a file. @return also what the
 * sink's functions returned, UNIC_E_IO if it is no status. Since 0.1.
 */
UNIC_API unic_status unic_head_save_sink(const unic_head *head, const unic_sink *sink);
/**
 * Read a head from a file, to predict or to train it further (Adam starts with zero moments).
 * It computes with the number of threads of unic_set_threads() and reports no progress: neither
 * option is in the file.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_NOTFOUND; UNIC_E_IO; UNIC_E_FORMAT; UNIC_E_NOMEM;
 * UNIC_E_CANCELLED. Since 0.1.
 */
UNIC_API unic_status unic_head_load(unic_head **out, const char *path,
                                    const unic_open_options *options);
/**
 * The same as unic_head_load(), from a source (unic_io.h) instead of a file. The source is closed
 * by this call.
 * @return also what the source's read_at() returned, UNIC_E_IO if it is no status. Since 0.1.
 */
UNIC_API unic_status unic_head_load_source(unic_head **out, const unic_source *source,
                                           const unic_open_options *options);

#ifdef __cplusplus
}
#endif
#endif
