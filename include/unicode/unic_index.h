/**
 * @file unic_index.h
 * Retrieval: clips pooled to one vector each, searched exhaustively. Since the codes of all
 * modalities are the same, a query may be of another modality than the items.
 */
#ifndef UNICODE_UNIC_INDEX_H
#define UNICODE_UNIC_INDEX_H

#include "unic_array.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- from a clip's steps to one vector ---- */

/**
 * The share of each code among the valid steps of each clip: out[n,l] = #{t: codes[n,t] = l} /
 * #{t: codes[n,t] >= 0}. A clip without a valid step gives zeros.
 *
 * @param codes       [clips,length] in 0..code_count-1, -1 = padding.
 * @param code_count  L, the codebook's number of codes.
 * @param out         [clips,L]; the caller's.
 * @return UNIC_OK; UNIC_E_ARG if a pointer is NULL or code_count is 0; UNIC_E_VALUE names a code
 * out of range (nothing is written). Thread-safe. Since 0.1.
 */
UNIC_API unic_status unic_pool_histogram(const int32_t *codes, size_t clip_count, size_t length,
                                         size_t code_count, float *out);

/**
 * The mean of the vectors of each clip's valid steps: out[n] = mean_{t: codes[n,t] >= 0}
 * vectors[n,t]. A clip without a valid step gives zeros; what stands on padding is not looked
 * at.
 *
 * @param vectors  [clips,length,dim], quantised or semantic, as unic_encoder_encode() gives
 *                 them.
 * @param codes    [clips,length]; negative = padding. NULL: every step is valid.
 * @param out      [clips,dim]; the caller's.
 * @return UNIC_OK; UNIC_E_ARG if a pointer is NULL or dim is 0; UNIC_E_VALUE names a clip whose
 * mean is not finite (clips before it are written). Thread-safe. Since 0.1.
 */
UNIC_API unic_status unic_pool_mean(const float *vectors, const int32_t *codes,
                                    size_t clip_count, size_t length, size_t dim, float *out);

/* ---- the index ---- */

/** Items with ids. Adding needs exclusive access; what takes it const may run concurrently. */
typedef struct unic_index unic_index;

/** How near an item x is to a query q. Values are part of the ABI. */
typedef enum unic_index_metric {
    UNIC_INDEX_INNER = 1,       /**< q.x; the largest first                                 */
    UNIC_INDEX_COSINE = 2,      /**< q.x / (||q|| ||x||), 0 if one is zero; largest first   */
    UNIC_INDEX_L2 = 3,          /**< ||q - x||^2; the smallest first                        */
    UNIC_INDEX_INTERSECTION = 4 /**< sum_l min(q_l, x_l) of histograms; the largest first   */
} unic_index_metric;

/** An index's settings. */
typedef struct unic_index_options {
    size_t struct_size;   /**< sizeof(unic_index_options)                                   */
    size_t dim;           /**< of every vector, 1..2^20                                     */
    int32_t metric;       /**< a unic_index_metric                                          */
    uint64_t fingerprint; /**< of the codebook that the items come from; 0: not said        */
    void *reserved[4];    /**< NULL                                                         */
} unic_index_options;

/** An empty index. @return UNIC_OK; UNIC_E_ARG names a setting out of range; UNIC_E_NOMEM. Since
 * 0.1. */
UNIC_API unic_status unic_index_create(unic_index **out, const unic_index_options *options);
/** Frees it; NULL is fine. Since 0.1. */
UNIC_API void unic_index_free(unic_index *index);

/** The number of items. Since 0.1. */
UNIC_API size_t unic_index_item_count(const unic_index *index);
/** The dim of every vector. Since 0.1. */
UNIC_API size_t unic_index_dim(const unic_index *index);
/** The metric it was created with, a unic_index_metric; 0 of NULL. Since 0.1. */
UNIC_API int32_t unic_index_metric_of(const unic_index *index);

/**
 * The items' vectors [size,dim] in the order they were added, of length 1 where the metric is
 * the cosine. Borrowed until the index changes or is freed; NULL while it is empty. Since 0.1.
 */
UNIC_API const float *unic_index_vectors(const unic_index *index);
/** Their ids [size], borrowed likewise. Since 0.1. */
UNIC_API const int64_t *unic_index_ids(const unic_index *index);

/**
 * Add items.
 *
 * @param vectors  [N,dim] float32 or float64, copied; 0 rows add nothing. Of norm at most 2^62,
 *                 so that no product overflows; not negative where the metric is the
 *                 intersection.
 * @param ids      [N], any numbers, each once in an index. NULL: the items' places, from
 *                 unic_index_item_count() on.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_SHAPE of another rank or dim; UNIC_E_VALUE names a row that
 * holds NaN, Inf or what else is not allowed, or an id that is there already; UNIC_E_NOMEM.
 * Whatever fails, the index is as it was. Exclusive. Since 0.1.
 */
UNIC_API unic_status unic_index_add(unic_index *index, const unic_array *vectors,
                                    const int64_t *ids);

/**
 * The `k` items nearest to each query, among all: the nearest first, of equally near ones that
 * of the lower id. Computed in float32, L2 as ||q||^2 + ||x||^2 - 2 q.x (at least 0).
 *
 * @param queries  [Q,dim] float32 or float64; what unic_index_add() asks of items. 0 rows do
 *                 nothing.
 * @param k        1..unic_index_item_count().
 * @param ids      [Q,k] out.
 * @param scores   [Q,k] out, the metric's values; may be NULL.
 * @return UNIC_OK; UNIC_E_ARG if k is out of range; UNIC_E_STATE if the index is empty;
 * UNIC_E_SHAPE; UNIC_E_VALUE; UNIC_E_NOMEM. Nothing is written on failure. Concurrent calls are
 * safe; the same call gives the same results whatever the number of threads. Since 0.1.
 */
UNIC_API unic_status unic_index_search(const unic_index *index, const unic_array *queries,
                                       size_t k, int64_t *ids, float *scores);

/**
 * The rank of one item among all, for each query: ranks[n] = #{items at least as near to query n
 * as that of id ids[n]}, from 1; a tie counts against it, as in unic_metrics_ranks(). Recall at k
 * is the share of ranks <= k.
 *
 * @param queries  [Q,dim], as for unic_index_search().
 * @param ids      [Q], each in the index.
 * @param ranks    [Q] out.
 * @return as unic_index_search(); UNIC_E_NOTFOUND names an id that is not in the index. Since
 * 0.1.
 */
UNIC_API unic_status unic_index_rank(const unic_index *index, const unic_array *queries,
                                     const int64_t *ids, int64_t *ranks);

/** UNIC_OK if `fingerprint` is that of the index's options, or the index has none (0);
 * UNIC_E_MISMATCH if not. Since 0.1. */
UNIC_API unic_status unic_index_accepts(const unic_index *index, uint64_t fingerprint);

/**
 * Write an index: an npz with "index.vectors" [size,dim] float32, "index.ids" [size]
 * int64 and "index.options" [4] int64. On failure an older file of that name stays.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_NOTFOUND of a folder that is not there; UNIC_E_IO;
 * UNIC_E_NOMEM. Concurrent with searches. Since 0.1.
 */
UNIC_API unic_status unic_index_save(const unic_index *index, const char *path);
/**
 * Read an index, which finds what the saved one found, bit for bit.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_NOTFOUND of a path that is not there; UNIC_E_IO;
 * UNIC_E_FORMAT names what is wrong in a file (`*out` is NULL); UNIC_E_NOMEM. Since 0.1.
 */
UNIC_API unic_status unic_index_load(unic_index **out, const char *path,
                                     const unic_open_options *options);

#ifdef __cplusplus
}
#endif
#endif
