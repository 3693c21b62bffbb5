/**
 * @file unic_dataset.h
 * Feature files opened for streaming: batches of paired modalities, shuffled by seed, read ahead by
 * a thread of its own. One dataset per thread.
 *
 * A data npz holds one array per modality under its name ([N,T,...]), optionally
 * `<modality>.lengths` [N], `label` [N], `<modality>.step_labels` [N,T] or [N,T,C].
 */
#ifndef UNICODE_UNIC_DATASET_H
#define UNICODE_UNIC_DATASET_H

#include "unic_array.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct unic_dataset unic_dataset;

/** How a dataset is read. */
typedef struct unic_dataset_options {
    size_t struct_size;
    const char *const *modalities; /**< names to read; NULL: every one in the file          */
    size_t modality_count;         /**< 0 with NULL                                         */
    size_t batch;                  /**< clips a batch, >= 1                                 */
    uint64_t seed;                 /**< of the shuffle                                      */
    int32_t shuffle;               /**< 0: the files' order                                 */
    int32_t drop_last;             /**< 1: leave out a last batch that is not whole         */
    int32_t prefetch;              /**< batches read ahead by a thread; 0: none, no thread  */
    int32_t reserved32;
    void *reserved[4];
} unic_dataset_options;

/**
 * Open one or more npz files of the same modalities (shards; clips are counted through them).
 * Memory is bounded by batch x (prefetch + 1), not by the files, for arrays stored uncompressed.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_IO; UNIC_E_FORMAT; UNIC_E_NOTFOUND names a modality that is
 *         not in a file; UNIC_E_SHAPE if arrays disagree; UNIC_E_NOMEM. Since 0.1.
 */
UNIC_API unic_status unic_dataset_open(unic_dataset **out, const char *const *paths,
                                       size_t path_count, const unic_dataset_options *options);
UNIC_API void unic_dataset_free(unic_dataset *dataset);

UNIC_API size_t unic_dataset_clips(const unic_dataset *dataset); /**< N                      */
UNIC_API size_t
unic_dataset_batches(const unic_dataset *dataset);                /**< batches in an epoch    */
UNIC_API size_t unic_dataset_length(const unic_dataset *dataset); /**< T, the longest         */
UNIC_API size_t unic_dataset_modality_count(const unic_dataset *dataset);
UNIC_API const char *unic_dataset_modality_name(const unic_dataset *dataset, size_t i);
/** The dims of one step of a modality's features; `dims` has room for UNIC_MAX_RANK. */
UNIC_API unic_status unic_dataset_feature_dims(const unic_dataset *dataset,
                                               const char *modality, int64_t *dims,
                                               size_t *rank);

/**
 * The next batch of the epoch. `*batch` is borrowed until the next call; NULL at the end of the
 * epoch: the call after that begins the next one, shuffled anew.
 * @return UNIC_OK; UNIC_E_IO, UNIC_E_FORMAT name the file; UNIC_E_VALUE. Since 0.1.
 */
UNIC_API unic_status unic_dataset_next(unic_dataset *dataset, const unic_batch **batch);

/** Go to batch `batch` of epoch `epoch` (both from 0): the order is that of an uninterrupted run. */
UNIC_API unic_status unic_dataset_seek(unic_dataset *dataset, uint64_t epoch, uint64_t batch);

/**
 * Labels in the files' order, whatever the shuffle: `label` [N] for name "label", and
 * `<modality>.step_labels` [N,T] or [N,T,C]. Call with `out` NULL to learn the dims.
 * @param dims  [UNIC_MAX_RANK] out; @param rank out; @param out  int32, all elements.
 * @return UNIC_OK; UNIC_E_NOTFOUND; UNIC_E_VALUE if a label does not fit. Since 0.1.
 */
UNIC_API unic_status unic_dataset_labels(unic_dataset *dataset, const char *name, int64_t *dims,
                                         size_t *rank, int32_t *out);

#ifdef __cplusplus
}
#endif
#endif
