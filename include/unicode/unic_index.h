/**
 * @file unic_index.h
 * Retrieval: clips are pooled to one vector each and searched exhaustively. Since all
 * modalities share one codebook, a query may be of another modality than the items.
 */
#ifndef UNICODE_UNIC_INDEX_H
#define UNICODE_UNIC_INDEX_H

#include "unic_array.h"
#include "unic_io.h"

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
 * @param out         [clips,L] out.
 * @return UNIC_OK; UNIC_E_ARG if a pointer is NULL or code_count is 0; UNIC_E_VALUE names a
 * code out of range (nothing is written). Thread-safe. Since 0.1.
 */
UNIC_API unic_status unic_pool_histogram(const int32_t *codes, size_t clip_count, size_t length,
                                         size_t code_count, float *out);

/**
 * The mean of the vectors of each clip's valid steps: out[n] = mean_{t: codes[n,t] >= 0}
 * vectors[n,t]. A clip without a valid step gives zeros; values on padding are ignored.
 *
 * @param vectors  [clips,length,dim], quantised or semantic, as written by
 *                 unic_encoder_encode().
 * @param codes    [clips,length]; negative = padding. NULL: every step is valid.
 * @param out      [clips,dim] out; must not overlap `vectors`.
 * @return UNIC_OK; UNIC_E_ARG if a pointer is NULL or dim is 0; UNIC_E_VALUE names a clip whose
 * mean is not finite (clips before it are written). Thread-safe. Since 0.1.
 */
UNIC_API unic_status unic_pool_mean(const float *vectors, const int32_t *codes,
                                    size_t clip_count, size_t length, size_t dim, float *out);

/* ---- the index ---- */

/** Items with ids. Opaque; functions that take it const may run concurrently, others need
 * exclusive access: a call that meets one that it may not run beside returns UNIC_E_STATE and does
 * nothing. */
typedef struct unic_index unic_index;

/** How the nearness of an item x to a query q is measured. Values are part of the ABI. */
typedef enum unic_index_metric {
    UNIC_INDEX_INNER = 1,       /**< q.x; the largest first                                 */
    UNIC_INDEX_COSINE = 2,      /**< q.x / (||q|| ||x||), 0 if one is zero; largest first   */
    UNIC_INDEX_L2 = 3,          /**< ||q - x||^2; the smallest first                        */
    UNIC_INDEX_INTERSECTION = 4 /**< sum_l min(q_l, x_l) of histograms; the largest first   */
} unic_index_metric;

/** Options of an index. */
typedef struct unic_index_options {
    size_t struct_size;   /**< sizeof(unic_index_options)                                   */
    size_t dim;           /**< dims of every vector, 1..2^20                                */
    int32_t metric;       /**< a unic_index_metric                                          */
    uint64_t fingerprint; /**< of the codebook that the items come from; 0: unknown         */
    void *reserved[4];    /**< NULL                                                         */
} unic_index_options;

/** Create an empty index. @return UNIC_OK; UNIC_E_ARG names an option out of range;
 * UNIC_E_NOMEM. Since 0.1. */
UNIC_API unic_status unic_index_create(unic_index **out, const unic_index_options *options);
/** Free the index. NULL is allowed. Since 0.1. */
UNIC_API void unic_index_free(unic_index *index);

/** The number of items. Since 0.1. */
UNIC_API size_t unic_index_item_count(const unic_index *index);
/** The dim of every vector. Since 0.1. */
UNIC_API size_t unic_index_dim(const unic_index *index);
/** The metric of the index, a unic_index_metric; 0 for NULL. Since 0.1. */
UNIC_API int32_t unic_index_metric_of(const unic_index *index);

/**
 * The items' vectors [items,dim] in the order in which they were added, normalised to length 1
 * if the metric is the cosine. Borrowed until the index changes or is freed; NULL while it is
 * empty. Since 0.1.
 */
UNIC_API const float *unic_index_vectors(const unic_index *index);
/** The items' ids [items], borrowed until the index changes or is freed; NULL while it is
 * empty. Since 0.1. */
UNIC_API const int64_t *unic_index_ids(const unic_index *index);

/**
 * Add items to an index.
 *
 * @param vectors  [N,dim] real numbers, copied; N may be 0. Their norm is at most 2^62,
 *                 so that no product overflows; for the intersection metric no element is
 *                 negative.
 * @param ids      [N], any numbers that are unique within the index. NULL: consecutive numbers
 *                 from unic_index_item_count() on.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_STATE; UNIC_E_SHAPE for another rank or dim; UNIC_E_VALUE
 * names a row with NaN, Inf or another value that is not allowed, or an id that is already in
 * the index or is given twice; UNIC_E_NOMEM. A failure leaves the index unchanged. Needs
 * exclusive access. Since 0.1.
 */
UNIC_API unic_status unic_index_add(unic_index *index, const unic_array *vectors,
                                    const int64_t *ids);

/**
 * Reserve memory for `item_count` items in all, so that unic_index_add() up to that number
 * allocates nothing and moves no items. Without it, memory grows by half at a time, and for the
 * moment in which the items are moved both blocks are held. Never shrinks.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_STATE; UNIC_E_NOMEM (the index is unchanged). Needs
 * exclusive access. Since 0.1.
 */
UNIC_API unic_status unic_index_reserve(unic_index *index, size_t item_count);

/**
 * Replace the vectors of items that are in the index; their ids and their order stay.
 *
 * @param vectors  [N,dim], as for unic_index_add(); N may be 0.
 * @param ids      [N], each in the index, none twice.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_STATE; UNIC_E_SHAPE; UNIC_E_VALUE as for
 * unic_index_add(), and names an id that is given twice; UNIC_E_NOTFOUND names an id that is
 * not in the index; UNIC_E_NOMEM. A failure leaves the index unchanged. Needs exclusive access.
 * Since 0.1.
 */
UNIC_API unic_status unic_index_update(unic_index *index, const unic_array *vectors,
                                       const int64_t *ids);

/**
 * Take items out of the index; the others keep their order. One call costs about a copy of the
 * items behind the first that goes, so remove many in one call. Memory is kept for items to
 * come. After it, unic_index_item_count() may be an id that is in use: give unic_index_add()
 * ids.
 *
 * @param ids       [id_count], each in the index, none twice.
 * @param id_count  0: nothing is done.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_STATE; UNIC_E_NOTFOUND names an id that is not in the
 * index; UNIC_E_VALUE one that is given twice; UNIC_E_NOMEM. A failure leaves the index
 * unchanged. Needs exclusive access. Since 0.1.
 */
UNIC_API unic_status unic_index_remove(unic_index *index, const int64_t *ids, size_t id_count);

/** Options of a search. A NULL pointer means that all members are zero. */
typedef struct unic_search_options {
    size_t struct_size;        /**< sizeof(unic_search_options)                              */
    unic_progress_fn progress; /**< reports pairs of a query and an item that were compared;
                                    may be NULL                                              */
    void *progress_user;       /**< passed to `progress`                                     */
    int32_t threads;           /**< 1..256; 0: the number of unic_set_threads()              */
    void *reserved[4];         /**< NULL                                                     */
} unic_search_options;

/**
 * Find the `k` items nearest to each query by comparing it with all items: nearest first, ties
 * in the order of their ids. Computed in float32, but L2's scores and their order are those of
 * sums of squared differences in float64.
 *
 * @param queries  [Q,dim] real numbers, with the same requirements as the vectors of
 *                 unic_index_add(); Q may be 0.
 * @param k        1 or more. Places for which the index has no items, behind
 *                 unic_index_item_count(), get the id -1 and the score +Inf (L2) or -Inf (all
 *                 others), which no item's score is.
 * @param options  borrowed for the call; may be NULL.
 * @param ids      [Q,k] out.
 * @param scores   [Q,k] out, the metric's values; may be NULL.
 * @return UNIC_OK; UNIC_E_ARG, also if k is 0; UNIC_E_STATE; UNIC_E_SHAPE; UNIC_E_VALUE;
 * UNIC_E_NOMEM; UNIC_E_CANCELLED, after which queries that were finished before are written.
 * Nothing is written on other failures. Concurrent calls are safe; results do not depend on the
 * number of threads. Since 0.1.
 */
UNIC_API unic_status unic_index_search(const unic_index *index, const unic_array *queries,
                                       size_t k, const unic_search_options *options,
                                       int64_t *ids, float *scores);

/**
 * Find the rank of one given item for each query: ranks[n] = #{items at least as near to query
 * n as the item with id ids[n]}, from 1; a tie makes the rank worse, as in
 * unic_metrics_ranks(). Recall at k is the share of ranks <= k.
 *
 * @param queries  [Q,dim], as for unic_index_search().
 * @param ids      [Q], each in the index.
 * @param options  borrowed for the call; may be NULL.
 * @param ranks    [Q] out.
 * @return as unic_index_search(); UNIC_E_STATE also if the index is empty; UNIC_E_NOTFOUND
 * names an id that is not in the index. Since 0.1.
 */
UNIC_API unic_status unic_index_rank(const unic_index *index, const unic_array *queries,
                                     const int64_t *ids, const unic_search_options *options,
                                     int64_t *ranks);

/** Check that codes of the codebook with this fingerprint belong to the index. @return UNIC_OK
 * if the index has this fingerprint, or none (0); UNIC_E_MISMATCH otherwise; UNIC_E_ARG. Since
 * 0.1. */
UNIC_API unic_status unic_index_accepts(const unic_index *index, uint64_t fingerprint);

/**
 * Write an index to an npz with "index.vectors" [items,dim] float32, "index.ids" [items]
 * int64 and "index.options" [4] int64. On failure an older file of that name is kept.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_STATE; UNIC_E_NOTFOUND if the folder does not exist;
 * UNIC_E_IO; UNIC_E_NOMEM. May run while the index is being searched. Since 0.1.
 */
UNIC_API unic_status unic_index_save(const unic_index *index, const char *path);
/**
 * The same as unic_index_save(), to a sink (unic_io.h) instead of a file. @return also what the
 * sink's functions returned, UNIC_E_IO if it is no status. Since 0.1.
 */
UNIC_API unic_status unic_index_save_sink(const unic_index *index, const unic_sink *sink);
/**
 * Read an index from a file. Its searches give the same bits as those of the index that was
 * saved.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_NOTFOUND if the path does not exist; UNIC_E_IO;
 * UNIC_E_FORMAT names what is wrong in the file (`*out` is NULL); UNIC_E_NOMEM;
 * UNIC_E_CANCELLED. Since 0.1.
 */
UNIC_API unic_status unic_index_load(unic_index **out, const char *path,
                                     const unic_open_options *options);
/**
 * The same as unic_index_load(), from a source (unic_io.h) instead of a file. The source is closed
 * by this call.
 * @return also what the source's read_at() returned, UNIC_E_IO if it is no status. Since 0.1.
 */
UNIC_API unic_status unic_index_load_source(unic_index **out, const unic_source *source,
                                            const unic_open_options *options);

#ifdef __cplusplus
}
#endif
#endif
