/**
 * @file unic_encoder.h
 * An encoder runs one modality of a model: features in, codes and vectors out. Each thread
 * needs an encoder of its own; any number of encoders share a model's weights.
 */
#ifndef UNICODE_UNIC_ENCODER_H
#define UNICODE_UNIC_ENCODER_H

#include "unic_dataset.h"
#include "unic_model.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The encoder of one modality, with its workspace. Opaque; used by one thread at a time. */
typedef struct unic_encoder unic_encoder;

/** An encoder's settings. */
typedef struct unic_encoder_options {
    size_t struct_size; /**< sizeof(unic_encoder_options)                                    */
    size_t max_batch;   /**< maximum number of clips of a call, >= 1                         */
    size_t max_length;  /**< maximum number of steps of a clip, >= 1                         */
    int32_t threads;    /**< 1..256; 0: the number of unic_set_threads()                     */
    void *reserved[4];  /**< NULL                                                            */
} unic_encoder_options;

/**
 * Create an encoder for `modality` of `model`. It keeps a reference to the model. This
 * allocates all memory that calls need, for any shape up to the largest, and runs the encoder
 * once on zeros, so that the first call is as fast as later ones.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_NOTFOUND lists the model's modalities; UNIC_E_IO,
 *         UNIC_E_FORMAT or UNIC_E_NUMERIC (unic_model_convert()) if the weights cannot be read,
 *         or what the read_at() of the model's source returned; UNIC_E_NOMEM; UNIC_E_KERNEL.
 *         Since 0.1.
 */
UNIC_API unic_status unic_encoder_create(unic_encoder **out, unic_model *model,
                                         const char *modality,
                                         const unic_encoder_options *options);
/** Free the encoder and drop its reference to the model. NULL is allowed. Since 0.1. */
UNIC_API void unic_encoder_free(unic_encoder *encoder);

/**
 * Encode clips: z = Phi(x) (method P1), code = argmin_l ||z - e_l|| (P2), for each step.
 *
 * @param encoder    used by one thread at a time.
 * @param features   [B,T,...] real numbers, 1 <= B <= max_batch, 1 <= T <= max_length;
 *                   finite (values on padding are ignored).
 * @param lengths    [B] valid steps, 0..T; NULL: all T. A clip's codes do not depend on its
 *                   padding.
 * @param codes      [B,T] out, -1 on padding; may be NULL.
 * @param quantized  [B,T,D] out, the codes' vectors, 0 on padding; may be NULL.
 * @param semantic   [B,T,D] out, z, 0 on padding; may be NULL. With code.segments D is that of all
 *                   segments, the code is the nearest in the modality's own, and z stands in the
 *                   place of that segment in the code's vector.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_SHAPE names modality and dims; UNIC_E_VALUE for NaN or
 * Inf, or a length that is not in 0..T; UNIC_E_NUMERIC if features are so large that z is not
 * finite; UNIC_E_NOMEM (only with kernel.backend = onednn, which plans a shape at its first
 * use; otherwise a call allocates nothing); UNIC_E_KERNEL; UNIC_E_STATE if another thread is
 * using the encoder. Nothing is written on failure. Since 0.1.
 */
UNIC_API unic_status unic_encoder_encode(unic_encoder *encoder, const unic_array *features,
                                         const int32_t *lengths, int32_t *codes,
                                         float *quantized, float *semantic);

/**
 * Encode the clips of a batch, in the encoder's modality, as unic_encoder_encode() does.
 * Messages name a clip of a dataset's batch by its file, and a clip that
 * unic_batch_number_clips() numbered by that number.
 * @return as unic_encoder_encode(); UNIC_E_NOTFOUND if the batch has no such modality. Since
 *         0.1.
 */
UNIC_API unic_status unic_encoder_encode_batch(unic_encoder *encoder, const unic_batch *batch,
                                               int32_t *codes, float *quantized,
                                               float *semantic);

/**
 * Receives the results of one encoder for one batch of a dataset; all pointers are valid during
 * the call only. A result other than 0 stops the encoding. The function may call the library,
 * but must not use the dataset and the encoders that are being used.
 *
 * @param encoder    index of the encoder, from 0.
 * @param batch      [B] clips with their features and lengths (unic_batch_get()).
 * @param codes      [B,T], -1 on padding.
 * @param quantized  [B,T,D], the codes' vectors, 0 on padding.
 * @param semantic   [B,T,D], z, 0 on padding.
 * @param user       the options' encoded_user.
 */
typedef int (*unic_encoded_fn)(size_t encoder, const unic_batch *batch, const int32_t *codes,
                               const float *quantized, const float *semantic, void *user);

/** Options of unic_encoder_encode_dataset(). */
typedef struct unic_encode_options {
    size_t struct_size;        /**< sizeof(unic_encode_options)                              */
    unic_encoded_fn encoded;   /**< receives the results of each batch, one encoder after
                                    another; may be NULL                                     */
    void *encoded_user;        /**< passed to `encoded`                                      */
    unic_progress_fn progress; /**< reports clips after each batch; may be NULL              */
    void *progress_user;       /**< passed to `progress`                                     */
    void *reserved[4];         /**< NULL                                                     */
} unic_encode_options;

/**
 * Encode all clips of a dataset, several modalities in one pass. Batches are encoded as they
 * are read, so with options.encoded the memory needed is that of one batch, whatever the size
 * of the dataset.
 *
 * @param encoders       [encoder_count], each for a modality that the dataset reads, and
 *                       created for at least its batch size and length.
 * @param encoder_count  >= 1.
 * @param dataset        read from the beginning of its epoch 0 to that epoch's end.
 * @param options        NULL: no callbacks.
 * @param codes          [encoder_count] out, for each encoder an array [N,T] with
 *                       N = unic_dataset_clip_count() and T = unic_dataset_length(), in the
 *                       files' order whatever the shuffle, like labels; -1 on padding and for
 *                       clips that drop_last leaves out. Any entry, or `codes` itself, may be
 *                       NULL. Undefined after a failure.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_NOTFOUND if the dataset does not read the modality of an
 *         encoder; UNIC_E_CANCELLED if a callback asked to stop; otherwise as
 *         unic_dataset_next() and unic_encoder_encode(). Since 0.1.
 */
UNIC_API unic_status unic_encoder_encode_dataset(unic_encoder *const *encoders,
                                                 size_t encoder_count, unic_dataset *dataset,
                                                 const unic_encode_options *options,
                                                 int32_t *const *codes);

#ifdef __cplusplus
}
#endif
#endif
