/**
 * @file unic_head.h
 * Heads on codes: trained on the codes of one modality, used untouched on another's.
 */
#ifndef UNICODE_UNIC_HEAD_H
#define UNICODE_UNIC_HEAD_H

#include "unic_codebook.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct unic_head unic_head;

/** What a head predicts. Values are part of the ABI. */
typedef enum unic_head_kind {
    UNIC_HEAD_CLIP = 1,      /**< one class per clip: linear, max over time, linear          */
    UNIC_HEAD_STEP = 2,      /**< one class per step: linear, linear                         */
    UNIC_HEAD_STEP_MULTI = 3 /**< any number of classes per step: the same with BCE          */
} unic_head_kind;

/** A head's settings; zero members take the default in brackets. */
typedef struct unic_head_options {
    size_t struct_size;
    int32_t kind;        /**< a unic_head_kind                                              */
    int32_t classes;     /**< number of outputs, >= 2 (>= 1 for multi)                      */
    int32_t hidden;      /**< width between the two linear layers [the code's dim]          */
    int32_t epochs;      /**< [30]                                                          */
    int32_t batch;       /**< clips [64]                                                    */
    float learning_rate; /**< Adam's [0.002]                                                */
    uint64_t seed;       /**< of the weights and the shuffle                                */
    void *reserved[4];
} unic_head_options;

/** An untrained head for codes of this codebook, of which it keeps a copy. Since 0.1. */
UNIC_API unic_status unic_head_create(unic_head **out, const unic_codebook *codebook,
                                      const unic_head_options *options);
UNIC_API void unic_head_free(unic_head *head);

/**
 * Train on codes and labels, by Adam on cross-entropy (binary for multi-label). May be called
 * again to train further.
 *
 * @param codes   [N,T] in 0..L-1, -1 = padding.
 * @param labels  [N] for a clip head, [N,T] for a step head (a class; -1: not counted),
 *                [N,T,classes] of 0 and 1 for a multi-label head.
 * @param loss    out, mean loss of the last epoch; may be NULL.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_VALUE names a code or label out of range; UNIC_E_NUMERIC
 * (the head is as before); UNIC_E_NOMEM. One thread at a time. Since 0.1.
 */
UNIC_API unic_status unic_head_fit(unic_head *head, const int32_t *codes, size_t clips,
                                   size_t length, const int32_t *labels, double *loss);

/**
 * Predict: logits [N,classes] for a clip head, [N,T,classes] otherwise (0 on padding).
 * Concurrent calls are safe once the head is trained. Since 0.1.
 */
UNIC_API unic_status unic_head_predict(const unic_head *head, const int32_t *codes,
                                       size_t clips, size_t length, float *logits);

/** UNIC_OK if `fingerprint` is that of the codebook the head was made for, UNIC_E_MISMATCH if
 * not. */
UNIC_API unic_status unic_head_accepts(const unic_head *head, uint64_t fingerprint);

/** Write and read a head, with its copy of the codebook. Since 0.1. */
UNIC_API unic_status unic_head_save(const unic_head *head, const char *path);
UNIC_API unic_status unic_head_load(unic_head **out, const char *path);

#ifdef __cplusplus
}
#endif
#endif
