/**
 * @file unic_encoder.h
 * One modality of a model made ready to run: features in, codes and vectors out. One encoder
 * per thread; any number of encoders share a model's weights.
 */
#ifndef UNICODE_UNIC_ENCODER_H
#define UNICODE_UNIC_ENCODER_H

#include "unic_dataset.h"
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

/**
 * Is given what one encoder made of one batch of a dataset; valid during the call. A result other
 * than 0 stops the encoding. It may call the library, but must not use the handles of the call.
 *
 * @param encoder    which of the encoders, from 0.
 * @param batch      [B] clips with their features and lengths (unic_batch_get()).
 * @param codes      [B,T], -1 on padding.
 * @param quantized  [B,T,D], the codes' vectors, 0 on padding.
 * @param semantic   [B,T,D], z, 0 on padding.
 * @param user       the options' encoded_user.
 */
typedef int (*unic_encoded_fn)(size_t encoder, const unic_batch *batch, const int32_t *codes,
                               const float *quantized, const float *semantic, void *user);

/** How a dataset is encoded. */
typedef struct unic_encode_options {
    size_t struct_size;        /**< sizeof(unic_encode_options)                              */
    unic_encoded_fn encoded;   /**< given the results of each batch, encoder by encoder; may
                                    be NULL                                                  */
    void *encoded_user;        /**< what it is given                                         */
    unic_progress_fn progress; /**< told of clips after each batch; may be NULL              */
    void *progress_user;       /**< what it is given                                         */
    void *reserved[4];         /**< NULL                                                     */
} unic_encode_options;

/**
 * Encode all clips of a dataset, several modalities in one pass. Batches are encoded as they are
 * read: with options.encoded in memory for one batch, whatever the size of the dataset.
 *
 * @param encoders       [encoder_count], each of a modality that the dataset reads, and for its
 *                       batches and lengths at least.
 * @param encoder_count  >= 1.
 * @param dataset        read from the beginning of its epoch 0 to that epoch's end.
 * @param options        NULL: nothing but codes.
 * @param codes          [encoder_count] out, for each encoder [N,T] of N = unic_dataset_clip_count()
 *                       and T = unic_dataset_length(), in the files' order whatever the shuffle, as
 *                       labels are; -1 on padding and for clips that drop_last leaves out. An entry
 *                       may be NULL, and so may all. Without meaning after a failure.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_NOTFOUND if the dataset does not read the modality of an
 *         encoder; UNIC_E_CANCELLED if a callback asked to stop; else as unic_dataset_next() and
 *         unic_encoder_encode(). Since 0.1.
 */
UNIC_API unic_status unic_encoder_encode_dataset(unic_encoder *const *encoders,
                                                 size_t encoder_count, unic_dataset *dataset,
                                                 const unic_encode_options *options,
                                                 int32_t *const *codes);

#ifdef __cplusplus
}
#endif
#endif
