/**
 * @file unic_encoder.h
 * One modality of a model made ready to run: features in, codes and vectors out. One encoder
 * per thread; any number of encoders share a model's weights.
 */
#ifndef UNICODE_UNIC_ENCODER_H
#define UNICODE_UNIC_ENCODER_H

#include "unic_model.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A modality's encoder: its plan and workspace. Opaque; one thread at a time. */
typedef struct unic_encoder unic_encoder;

/** An encoder's settings. */
typedef struct unic_encoder_options {
    size_t struct_size; /**< sizeof(unic_encoder_options)                                    */
    size_t max_batch;   /**< the most clips of a call, >= 1                                  */
    size_t max_length;  /**< the most steps of a clip, >= 1                                  */
    int32_t threads;    /**< it computes with; 0: the process's number; 1..256               */
    void *reserved[4];  /**< NULL                                                            */
} unic_encoder_options;

/**
 * Make `modality` of `model` ready to encode. Keeps a reference to the model. Takes all memory
 * that calls need, for any shape up to the largest, and runs once on zeros, so that the first call
 * is as quick as the others.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_NOTFOUND names the modalities there are; UNIC_E_IO,
 *         UNIC_E_FORMAT if the weights cannot be read; UNIC_E_NOMEM. Since 0.1.
 */
UNIC_API unic_status unic_encoder_create(unic_encoder **out, unic_model *model,
                                         const char *modality,
                                         const unic_encoder_options *options);
/** Frees the encoder and drops its reference to the model. NULL is fine. Since 0.1. */
UNIC_API void unic_encoder_free(unic_encoder *encoder);

/**
 * Encode clips: z = Phi(x) (method P1), code = argmin_l ||z - e_l|| (P2), for each step.
 *
 * @param encoder    one thread at a time.
 * @param features   [B,T,...] float32 or float64, 1 <= B <= max_batch, 1 <= T <= max_length;
 *                   finite (padded steps are not looked at).
 * @param lengths    [B] valid steps, 0..T; NULL: all T. A clip's codes do not depend on its
 *                   padding.
 * @param codes      [B,T] out, -1 on padding; may be NULL.
 * @param quantized  [B,T,D] out, the codes' vectors, 0 on padding; may be NULL.
 * @param semantic   [B,T,D] out, z, 0 on padding; may be NULL.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_SHAPE names modality and dims; UNIC_E_VALUE for NaN or
 * Inf; UNIC_E_NUMERIC if features are so large that z is not finite; UNIC_E_NOMEM
 * (kernel.backend = onednn, which plans a shape at its first use; otherwise a call allocates
 * nothing); UNIC_E_KERNEL. Nothing is written on failure. One thread
 * at a time. Since 0.1.
 */
UNIC_API unic_status unic_encoder_encode(unic_encoder *encoder, const unic_array *features,
                                         const int32_t *lengths, int32_t *codes,
                                         float *quantized, float *semantic);

/**
 * The same of a batch's clips, of the encoder's modality. Messages name a clip as the batch
 * does: of a dataset's batch by its file, of one that unic_batch_number_clips() numbered by that
 * number.
 * @return as unic_encoder_encode(); UNIC_E_NOTFOUND if the batch holds no such modality. Since
 *         0.1.
 */
UNIC_API unic_status unic_encoder_encode_batch(unic_encoder *encoder, const unic_batch *batch,
                                               int32_t *codes, float *quantized,
                                               float *semantic);

#ifdef __cplusplus
}
#endif
#endif
