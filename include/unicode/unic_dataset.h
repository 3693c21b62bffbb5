/**
 * @file unic_dataset.h
 * Feature files opened for streaming: batches of paired modalities, shuffled by seed, read
 * ahead by a thread of its own. One dataset per thread.
 *
 * What can be opened (docs/data.md has the formats in full):
 *
 *     x.npz      one array per modality under its name ([N,T,...], any real type), optionally
 *                <modality>.lengths [N] (valid steps of each clip, 0..T), label [N] or
 *                [N,C], and <modality>.step_labels [N,T] or [N,T,C]
 *     DIR        the same arrays as files DIR/<modality>.npy, DIR/label.npy, ...
 *     DIR        for each clip a file DIR/<modality>/<clip>.npy with [T,...], or .zip with that
 *                array pickled, as the CMG code keeps its features; optionally DIR/label.npy
 *     DIR/x.csv  the clips that the table names, of the files of DIR; also x.tsv
 *     clip.npy, clip.zip   one clip; if options.modalities names one modality
 *
 * Names with a '.' and `label` are not modalities.
 *
 * The thread runs from the first unic_dataset_next() on. A process that forks after that must
 * not use the dataset in the child, not even free it: its thread is not there.
 */
#ifndef UNICODE_UNIC_DATASET_H
#define UNICODE_UNIC_DATASET_H

#include "unic_array.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Feature files opened for streaming. Opaque; one thread at a time. */
typedef struct unic_dataset unic_dataset;

/** What becomes of a clip whose file is damaged, of another shape, or gone, or that holds NaN or
 * Inf. */
typedef enum unic_on_damage {
    UNIC_DAMAGE_FAILS = 0, /**< the call fails; NaN and Inf are for who gets the batch      */
    UNIC_DAMAGE_SKIPS = 1  /**< the clip lacks the modality; a log line names the clip      */
} unic_on_damage;

/** How a dataset is read. */
typedef struct unic_dataset_options {
    size_t struct_size;             /**< sizeof(unic_dataset_options)                        */
    const char *const *modalities;  /**< names to read; NULL: every one there is             */
    size_t modality_count;          /**< 0 with NULL                                         */
    size_t batch;                   /**< clips a batch, >= 1                                 */
    uint64_t seed;                  /**< of the shuffle                                      */
    int32_t shuffle;                /**< 0: the files' order                                 */
    int32_t drop_last;              /**< 1: leave out a last batch that is not whole         */
    int32_t prefetch;               /**< 0..1024 batches read ahead; 0: and no thread        */
    int32_t on_damage;              /**< a unic_on_damage                                    */
    size_t length;                  /**< T of the batches: longer clips are cut; 0: longest  */
    const char *split;              /**< of a table's clips, those of this one; NULL: all    */
    const char *const *repeat_last; /**< modalities whose clips that are too short repeat
                                         their last step up to T; NULL: none                */
    size_t repeat_last_count;       /**< 0 with NULL                                         */
    size_t memory_limit;            /**< bytes that what is in the files may make the library
                                         hold at a time; 0: no limit                         */
    unic_progress_fn progress;      /**< told of the files, and of the clips where each is
                                         opened, while the dataset is opened; may be NULL    */
    void *progress_user;            /**< what it is given                                    */
    void *reserved[4];              /**< NULL                                                */
} unic_dataset_options;

/**
 * Open files and directories; their clips are counted through them. A modality may be missing
 * in some of them, as it may for single clips: those have length 0 in it. T may differ: batches
 * have options.length, or else that of the longest. Clips that are cut are counted, and the log
 * tells with the last batch of an epoch. A modality of options.repeat_last that is not there is
 * no error.
 *
 * With modalities NULL, the modalities are those of the first path, then what the others add.
 * Arrays of an npz or `DIR/<name>.npy` with less than 3 dims are not among them (`speaker`
 * [N]).
 *
 * Memory is bounded by batch x (prefetch + 1), not by the files, for arrays stored
 * uncompressed; beside it 4 bytes a clip for the order and for each `lengths`, and for clips in
 * files of their own their names. Compressed arrays are held whole. An npz and a DIR's arrays
 * stay open. With length 0 every file of a clip is opened once to find the longest (a .zip is
 * read whole for that): give the length where there are many.
 *
 * What is damaged in an npz or a `DIR/<modality>.npy` is not one clip's: on_damage says nothing
 * about it, it always fails. NaN and Inf are a clip's own wherever it stands.
 * @return UNIC_OK; UNIC_E_ARG, also if drop_last would leave no batch; UNIC_E_IO;
 *         UNIC_E_FORMAT; UNIC_E_NOTFOUND names a file that is not there, a modality that is in
 * no file, a file without any of the modalities, a split without clips; UNIC_E_SHAPE if arrays
 * disagree; UNIC_E_VALUE names a clip whose length is not in 0..T; UNIC_E_NOMEM;
 * UNIC_E_CANCELLED. Since 0.1.
 */
UNIC_API unic_status unic_dataset_open(unic_dataset **out, const char *const *paths,
                                       size_t path_count, const unic_dataset_options *options);
/** Frees the dataset, at any time; waits for the batch that is being read. NULL is fine. Since 0.1. */
UNIC_API void unic_dataset_free(unic_dataset *dataset);

/** N, the clips of all paths; 0 for NULL. Since 0.1. */
UNIC_API size_t unic_dataset_clip_count(const unic_dataset *dataset);
/** Batches in an epoch. Since 0.1. */
UNIC_API size_t unic_dataset_batch_count(const unic_dataset *dataset);
/** T of the batches: options.length, or of the longest clip or file. Since 0.1. */
UNIC_API size_t unic_dataset_length(const unic_dataset *dataset);
/** Modalities that are read. Since 0.1. */
UNIC_API size_t unic_dataset_modality_count(const unic_dataset *dataset);
/** In the order named, or of the paths; NULL if `i` is out of range. Since 0.1. */
UNIC_API const char *unic_dataset_modality_name(const unic_dataset *dataset, size_t i);
/**
 * The dims of one step of a modality's features; `dims` has room for UNIC_MAX_RANK.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_NOTFOUND. Since 0.1.
 */
UNIC_API unic_status unic_dataset_feature_dims(size_t *rank, const unic_dataset *dataset,
                                               const char *modality, int64_t *dims);

/**
 * How many clips have both modalities; of one and the same, how many have it. A file of a clip
 * counts without being read, unless it was to find the longest one: options.length is 0.
 * Training ties modalities together by the clips that have both.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_NOTFOUND. Since 0.1.
 */
UNIC_API unic_status unic_dataset_paired_count(size_t *count, const unic_dataset *dataset,
                                               const char *modality, const char *other);

/**
 * Whether clip 0..N-1, in the files' order, has the modality: 1 or 0; also 0 if there is no such
 * clip or modality. As unic_dataset_paired_count() counts them. Since 0.1.
 */
UNIC_API int unic_dataset_has(const unic_dataset *dataset, const char *modality, size_t clip);

/**
 * What messages call a clip: its file, or its number in the file it is in.
 * @param clip  0..N-1, in the files' order.
 * @param text  `size` bytes out, in which the name is cut short if it is longer.
 * @return UNIC_OK; UNIC_E_ARG. Since 0.1.
 */
UNIC_API unic_status unic_dataset_clip_name(const unic_dataset *dataset, const char *modality,
                                            size_t clip, char *text, size_t size);

/**
 * The classes of labels that have names, since they come from tables (docs/data.md); 0 if they
 * have numbers alone. Those of step labels are one less than their channels, whose last one is
 * "no event". Class numbers of two datasets mean the same only if their names do.
 * @param name  "label" or "<modality>.step_labels". Since 0.1.
 */
UNIC_API size_t unic_dataset_class_count(const unic_dataset *dataset, const char *name);
/** The name of class `i`, while the dataset lives; NULL if there is none. Since 0.1. */
UNIC_API const char *unic_dataset_class_name(const unic_dataset *dataset, const char *name,
                                             size_t i);

/**
 * The next batch of the epoch: every modality's features as float32 [B,T,...], zero from a
 * clip's length on, and its lengths. `*batch` is borrowed until the next call of this function;
 * NULL at the end of the epoch: the call after that begins the next one, shuffled anew. Whether
 * values are finite is not looked at here. Log lines about clips that were skipped or cut come
 * from this call, with the batch that they are in.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_IO, UNIC_E_FORMAT name the file; UNIC_E_NOMEM. After a
 *         failure the dataset stands where it stood: the next call tries that batch again, a
 *         seek may pass it over. Since 0.1.
 */
UNIC_API unic_status unic_dataset_next(const unic_batch **batch, unic_dataset *dataset);

/**
 * Go to batch `batch` of epoch `epoch` (both from 0): the order is that of an uninterrupted
 * run. The batch behind the last one is the epoch's end. What was read ahead is read again.
 * @return UNIC_OK; UNIC_E_ARG if an epoch has fewer batches. Since 0.1.
 */
UNIC_API unic_status unic_dataset_seek(unic_dataset *dataset, uint64_t epoch, uint64_t batch);

/**
 * Labels in the files' order, whatever the shuffle: "label" [N] or [N,C], and
 * "<modality>.step_labels" [N,T] or [N,T,C], from any type as long as the values are whole.
 * T is unic_dataset_length(): steps that only another, longer file has are -1, those behind T
 * are left out. From a table's `category` comes "label", -1 where it is empty: classes are
 * numbered in the order of their names' bytes, over all lines of all tables whatever their
 * split. From its events come the step labels of every modality, [N,T,C]: their classes in that
 * order and, last, "no event"; and, without `category`, "label" [N,C-1]. Labels are made by this
 * call. Call with `out` NULL to learn the dims.
 * @param rank     out.
 * @param dataset  one thread at a time.
 * @param name     "label" or "<modality>.step_labels".
 * @param dims     [UNIC_MAX_RANK] out.
 * @param out      int32, all elements; without meaning after a failure.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_NOTFOUND; UNIC_E_SHAPE; UNIC_E_MISMATCH if tables name
 *         classes and other files number them; UNIC_E_VALUE if a label is not whole or beyond
 *         int32; UNIC_E_IO, UNIC_E_FORMAT; UNIC_E_NOMEM. Since 0.1.
 */
UNIC_API unic_status unic_dataset_labels(size_t *rank, unic_dataset *dataset, const char *name,
                                         int64_t *dims, int32_t *out);

#ifdef __cplusplus
}
#endif
#endif
