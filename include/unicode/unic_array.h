/**
 * @file unic_array.h
 * Arrays and paired batches: how features enter the library.
 */
#ifndef UNICODE_UNIC_ARRAY_H
#define UNICODE_UNIC_ARRAY_H

#include "unic_status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Element types of the caller's arrays. Values are part of the ABI. */
typedef enum unic_dtype {
    UNIC_F32 = 1,  /**< float                                                                */
    UNIC_F64 = 2,  /**< double                                                               */
    UNIC_I32 = 3,  /**< int32_t                                                              */
    UNIC_I64 = 4,  /**< int64_t                                                              */
    UNIC_U64 = 5,  /**< uint64_t, for fingerprints; only in npz files                        */
    UNIC_F16 = 6,  /**< IEEE 754 binary16: 2 bytes in the machine's order                    */
    UNIC_BF16 = 7, /**< bfloat16, the upper 2 bytes of a float; not in npz files            */
    UNIC_I8 = 8,   /**< int8_t                                                               */
    UNIC_U8 = 9    /**< uint8_t                                                              */
} unic_dtype;

/** The maximum number of dims of an array. */
#define UNIC_MAX_RANK 6

/**
 * A description of an array in the caller's memory. The library reads the array during a call
 * and keeps no pointer to it afterwards; only a unic_batch keeps one.
 *
 * If all strides are 0, the elements are stored in row-major order without gaps and are aligned
 * for their type. Otherwise element [i,j,...] is i x strides[0] + j x strides[1] + ... bytes
 * after `data`, and elements need not be aligned. A stride may be negative. A stride of 0
 * beside others that are not 0 repeats one entry along that dim. An array whose elements are
 * not in row-major order takes longer to read.
 *
 * A call that takes features, vectors, images or masks takes **real numbers**: float32,
 * float64, float16, bfloat16, int8 or uint8. The library computes with float32. Elements of the
 * other types are converted as they are read: float16, bfloat16, int8 and uint8 become the
 * float32 of the same value, and float64 the nearest float32. Nothing is scaled or shifted: a
 * uint8 of 200 is 200.0. Results are float32 and int32, whatever the input is.
 */
typedef struct unic_array {
    size_t struct_size;             /**< sizeof(unic_array)                                 */
    const void *data;               /**< first element; may be NULL if a dim is 0           */
    int32_t dtype;                  /**< a unic_dtype                                       */
    int32_t rank;                   /**< 0..UNIC_MAX_RANK                                   */
    int64_t dims[UNIC_MAX_RANK];    /**< only the first `rank` entries are used             */
    int64_t strides[UNIC_MAX_RANK]; /**< bytes between entries of each dim; all 0: dense    */
    int64_t reserved[4];            /**< zero                                               */
} unic_array;

/**
 * Fill in an array: `*array` describes `data`, of `rank` dims, dense. Nothing is checked here:
 * the call that takes the array checks it and names it in its message. Since 0.1.
 */
UNIC_API void unic_array_init(unic_array *array, const void *data, unic_dtype dtype, int rank,
                              const int64_t *dims);

/**
 * A paired batch: the same B clips in each of several modalities. Opaque; it refers to the
 * caller's memory, which must stay valid until the batch is freed or the modality is set again.
 */
typedef struct unic_batch unic_batch;

/** Create an empty batch. @return UNIC_OK; UNIC_E_ARG; UNIC_E_NOMEM. Since 0.1. */
UNIC_API unic_status unic_batch_create(unic_batch **out);
/** Free the batch, but not the memory it refers to. NULL is allowed. Since 0.1. */
UNIC_API void unic_batch_free(unic_batch *batch);

/**
 * Put one modality into the batch, or replace the array that it has.
 * @param batch     used by one thread at a time.
 * @param name      the modality's name in the model's config; copied.
 * @param features  [B,T,...] real numbers, no dim may be 0; B and T must be those of the
 *                  batch's other modalities. The description is copied, the data are not.
 * @param lengths   [B] valid steps of each clip, 0..T; 0: the clip lacks this modality. NULL:
 *                  all T steps are valid. Not copied.
 * @return UNIC_OK; UNIC_E_ARG, UNIC_E_SHAPE, UNIC_E_NOMEM: the batch is unchanged. Values and
 *         lengths are checked later, by the call that computes with the batch. Since 0.1.
 */
UNIC_API unic_status unic_batch_set(unic_batch *batch, const char *name,
                                    const unic_array *features, const int32_t *lengths);

/**
 * Give the clips of a batch the numbers that messages use for them: a message about clip `i`
 * then says `clips[i]` instead of the position in the batch. This is for a batch that is a part
 * of a larger array; a batch from a dataset already has its clips' names.
 * @param batch  has at least one modality, which determines B.
 * @param clips  [B], not copied; NULL: positions in the batch.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_STATE if the batch is empty. Since 0.1.
 */
UNIC_API unic_status unic_batch_number_clips(unic_batch *batch, const int64_t *clips);

/** The number of clips B, 0 if the batch is empty. Since 0.1. */
UNIC_API size_t unic_batch_clip_count(const unic_batch *batch);

/**
 * Get the features and lengths of one modality of a batch. All members of `*features` are
 * written; `*lengths` is NULL if all steps of all clips are valid. Either out-pointer may be
 * NULL.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_NOTFOUND if the batch has no such modality. Since 0.1.
 */
UNIC_API unic_status unic_batch_get(unic_array *features, const int32_t **lengths,
                                    const unic_batch *batch, const char *name);

#ifdef __cplusplus
}
#endif
#endif
