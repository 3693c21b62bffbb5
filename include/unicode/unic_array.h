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

/** Element types of arrays from outside. Values are part of the ABI. */
typedef enum unic_dtype {
    UNIC_F32 = 1, /**< float                                                                */
    UNIC_F64 = 2, /**< double                                                               */
    UNIC_I32 = 3, /**< int32_t                                                              */
    UNIC_I64 = 4, /**< int64_t                                                              */
    UNIC_U64 = 5  /**< uint64_t, for fingerprints: of npz files alone                       */
} unic_dtype;

/** The most dims an array has. */
#define UNIC_MAX_RANK 6

/**
 * An array of the caller's; the library reads it and keeps no pointer to it, but in a unic_batch.
 *
 * With all strides 0 its elements stand in row-major order without gaps, aligned for their type.
 * Otherwise element [i,j,...] stands i x strides[0] + j x strides[1] + ... bytes behind `data`.
 * Strides may be negative, and 0 beside others that are not (the dim's entries are one and the
 * same); elements need not be aligned then. An array whose elements do not stand in row-major
 * order is read as fast as they can be gathered.
 */
typedef struct unic_array {
    size_t struct_size;             /**< sizeof(unic_array)                                 */
    const void *data;               /**< first element; may be NULL if a dim is 0           */
    int32_t dtype;                  /**< a unic_dtype                                       */
    int32_t rank;                   /**< 0..UNIC_MAX_RANK                                   */
    int64_t dims[UNIC_MAX_RANK];    /**< the first `rank` count                             */
    int64_t strides[UNIC_MAX_RANK]; /**< bytes from entry to entry of each dim; all 0: dense */
    int64_t reserved[4];            /**< zero                                               */
} unic_array;

/**
 * Fill in an array: `*array` describes `data`, of `rank` dims, dense. Checks nothing: the call that
 * takes the array does, and names it. Since 0.1.
 */
UNIC_API void unic_array_init(unic_array *array, const void *data, unic_dtype dtype, int rank,
                              const int64_t *dims);

/**
 * A paired batch: for each of several modalities the same B clips. Opaque; it refers to the
 * caller's memory, which must stay until the batch is freed or the modality is set again.
 */
typedef struct unic_batch unic_batch;

/** An empty batch. @return UNIC_OK; UNIC_E_ARG; UNIC_E_NOMEM. Since 0.1. */
UNIC_API unic_status unic_batch_create(unic_batch **out);
/** Frees the batch, not what it refers to. NULL is fine. Since 0.1. */
UNIC_API void unic_batch_free(unic_batch *batch);

/**
 * Put one modality into the batch, or another array in the place of the one it has.
 * @param batch     one thread at a time.
 * @param name      the modality's name in the model's config; copied.
 * @param features  [B,T,...] float32 or float64, no dim 0; B and T are those of the batch's
 *                  other modalities. The description is copied, the data are referred to.
 * @param lengths   [B] valid steps of each clip, 0..T; 0: the clip lacks this modality. NULL:
 *                  all T. Referred to.
 * @return UNIC_OK; UNIC_E_ARG, UNIC_E_SHAPE, UNIC_E_NOMEM: the batch is as it was. Values,
 *         lengths too, are looked at by the trainer. Since 0.1.
 */
UNIC_API unic_status unic_batch_set(unic_batch *batch, const char *name,
                                    const unic_array *features, const int32_t *lengths);

/**
 * Say which clips these are, where a batch is a part of more: messages about clip `i` say
 * `clips[i]`, not its place in the batch. A batch of a dataset knows its clips.
 * @param batch  with a modality in it at least: that says what B is.
 * @param clips  [B], referred to; NULL: their places.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_STATE if the batch is empty. Since 0.1.
 */
UNIC_API unic_status unic_batch_number_clips(unic_batch *batch, const int64_t *clips);

/** The number of clips B, 0 while empty. Since 0.1. */
UNIC_API size_t unic_batch_clip_count(const unic_batch *batch);

/**
 * What a batch holds for a modality: dims and data through `*features`, of which all is written
 * (and `*lengths`, NULL if all are whole); either out-pointer may be NULL.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_NOTFOUND if it holds no such modality. Since 0.1.
 */
UNIC_API unic_status unic_batch_get(unic_array *features, const int32_t **lengths,
                                    const unic_batch *batch, const char *name);

#ifdef __cplusplus
}
#endif
#endif
