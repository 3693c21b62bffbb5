/**
 * @file unic_dataset.h
 * Feature files opened for streaming: batches of paired modalities, shuffled by a seed and read
 * ahead by a background thread. A dataset is used by one thread at a time.
 *
 * These can be opened (docs/data.md describes the formats in full):
 *
 *     x.npz      one array per modality under its name ([N,T,...], any real type), optionally
 *                <modality>.lengths [N] (valid steps of each clip, 0..T), label [N] or
 *                [N,C], and <modality>.step_labels [N,T] or [N,T,C]
 *     DIR        the same arrays as files DIR/<modality>.npy, DIR/label.npy, ...
 *     DIR        for each clip a file DIR/<modality>/<clip>.npy with [T,...], or .zip with that
 *                array pickled, as the CMG code keeps its features; optionally DIR/label.npy
 *     DIR/x.csv  those clips of DIR that the table names; also x.tsv, x.txt
 *     clip.npy, clip.zip   one clip; options.modalities must name exactly one modality
 *
 * Names that contain a '.' and the name `label` are not modalities.
 *
 * The background thread runs from the first unic_dataset_next() on. If a process forks after
 * that, the child must neither use nor free the dataset, since the thread does not exist there.
 */
#ifndef UNICODE_UNIC_DATASET_H
#define UNICODE_UNIC_DATASET_H

#include "unic_array.h"
#include "unic_io.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Feature files opened for streaming. Opaque; used by one thread at a time. */
typedef struct unic_dataset unic_dataset;

/** How to treat a clip whose file is damaged, has another shape or is missing, or that contains
 * NaN or Inf. */
typedef enum unic_on_damage {
    UNIC_DAMAGE_FAILS = 0, /**< the call fails; NaN and Inf are left to the batch's user    */
    UNIC_DAMAGE_SKIPS = 1  /**< the clip then lacks the modality; a log line names it       */
} unic_on_damage;

/** Options of a dataset. */
typedef struct unic_dataset_options {
    size_t struct_size;             /**< sizeof(unic_dataset_options)                        */
    const char *const *modalities;  /**< names to read; NULL: every modality of the files    */
    size_t modality_count;          /**< 0 if modalities is NULL                             */
    size_t batch;                   /**< clips per batch, >= 1                               */
    uint64_t seed;                  /**< seed of the shuffle                                 */
    int32_t shuffle;                /**< 1: shuffle the clips; 0: the files' order           */
    int32_t drop_last;              /**< 1: leave out an incomplete last batch               */
    int32_t prefetch;               /**< 0..1024 batches to read ahead; 0: no thread is used */
    int32_t on_damage;              /**< a unic_on_damage                                    */
    size_t length;                  /**< T of the batches, up to 2^31 - 1: longer clips are
                                         cut; 0: T is that of the longest clip               */
    const char *split;              /**< read only a table's clips of this split; NULL: all  */
    const char *const *repeat_last; /**< modalities in which clips that are too short
                                         repeat their last step up to T; NULL: none          */
    size_t repeat_last_count;       /**< 0 if repeat_last is NULL                            */
    size_t memory_limit;            /**< maximum number of bytes that the files' contents
                                         may make the library hold at a time; 0: no limit    */
    unic_progress_fn progress;      /**< reports files, and clips if each is opened, while
                                         the dataset is being opened; may be NULL            */
    void *progress_user;            /**< passed to `progress`                                */
    int32_t part;                   /**< 0..parts-1: which part of each batch is read         */
    int32_t parts;                  /**< of how many, as the ranks of a training take them
                                         (unic_trainer_create()); 0 or 1: all of it          */
    void *reserved[3];              /**< NULL                                                */
} unic_dataset_options;

/**
 * Open files and directories as one dataset. Clips are numbered consecutively through all
 * paths. A modality may be missing in some paths, or for single clips: those have length 0 in
 * it. T may differ between paths: batches have options.length steps, or else those of the
 * longest clip. The number of clips that were cut is logged with the last batch of an epoch. A
 * modality of options.repeat_last that the dataset does not have is no error.
 *
 * If options.modalities is NULL, the modalities are those of the first path, followed by those
 * that the other paths add. Arrays of an npz or `DIR/<name>.npy` with fewer than 3 dims are not
 * among them (`speaker` [N]).
 *
 * For arrays stored uncompressed, memory is bounded by batch x (prefetch + 1) clips, not by the
 * size of the files. In addition there are 4 bytes per clip for the order and for each
 * `lengths`, and the names of clips that are separate files. Compressed arrays are held in
 * memory as a whole. An npz and the arrays of a DIR stay open. If options.length is 0, every
 * separate clip file is opened once to find the longest (a .zip is read completely for that),
 * so set the length if there are many.
 *
 * Damage in an npz or a `DIR/<modality>.npy` cannot be assigned to one clip: it always fails,
 * whatever on_damage is. NaN and Inf belong to their clip in every kind of file.
 * @return UNIC_OK; UNIC_E_ARG, also if drop_last would leave no batch; UNIC_E_IO;
 *         UNIC_E_FORMAT; UNIC_E_NOTFOUND names a file that does not exist, a modality that is
 *         in no file, a file without any of the modalities, or a split without clips;
 *         UNIC_E_SHAPE if arrays disagree; UNIC_E_VALUE names a clip whose length is not in
 *         0..T, or a length that is no whole number; UNIC_E_NOMEM; UNIC_E_CANCELLED. Since 0.1.
 */
UNIC_API unic_status unic_dataset_open(unic_dataset **out, const char *const *paths,
                                       size_t path_count, const unic_dataset_options *options);
/**
 * The same as unic_dataset_open(), from sources (unic_io.h) instead of files: each is an npz, as
 * described above. Each is closed when the dataset is freed, or by this call if it fails; only
 * if one of them is itself refused, none is closed. They are read by the background thread too,
 * at most one of them at a time.
 *
 * @param sources  `source_count` pointers; the structs are copied.
 * @return also what a source's read_at() returned, UNIC_E_IO if it is no status. Since 0.1.
 */
UNIC_API unic_status unic_dataset_open_sources(unic_dataset **out,
                                               const unic_source *const *sources,
                                               size_t source_count,
                                               const unic_dataset_options *options);
/** Free the dataset. Waits for the batch that is being read. NULL is allowed. Since 0.1. */
UNIC_API void unic_dataset_free(unic_dataset *dataset);

/** N, the number of clips of all paths; 0 for NULL. Since 0.1. */
UNIC_API size_t unic_dataset_clip_count(const unic_dataset *dataset);
/** The number of batches in an epoch. Since 0.1. */
UNIC_API size_t unic_dataset_batch_count(const unic_dataset *dataset);
/** T of the batches: options.length, or that of the longest clip or file. Since 0.1. */
UNIC_API size_t unic_dataset_length(const unic_dataset *dataset);
/** The number of modalities that are read. Since 0.1. */
UNIC_API size_t unic_dataset_modality_count(const unic_dataset *dataset);
/** The name of modality `i`, in the order of options.modalities or else of the paths; NULL if
 * `i` is out of range. Since 0.1. */
UNIC_API const char *unic_dataset_modality_name(const unic_dataset *dataset, size_t i);
/**
 * Get the dims of one step of a modality's features; `dims` has room for UNIC_MAX_RANK.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_NOTFOUND. Since 0.1.
 */
UNIC_API unic_status unic_dataset_feature_dims(size_t *rank, const unic_dataset *dataset,
                                               const char *modality, int64_t *dims);

/**
 * Count the clips that have both modalities, or that have the modality if both names are equal.
 * A clip that is a separate file counts by its existence; its contents matter only if
 * options.length is 0, since the file was then opened to find its length. Training relates two
 * modalities through the clips that have both.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_NOTFOUND. Since 0.1.
 */
UNIC_API unic_status unic_dataset_paired_count(size_t *count, const unic_dataset *dataset,
                                               const char *modality, const char *other);

/**
 * Whether clip 0..N-1, in the files' order, has the modality: 1 or 0; also 0 if there is no
 * such clip or modality. Clips count as in unic_dataset_paired_count(). Since 0.1.
 */
UNIC_API int unic_dataset_has(const unic_dataset *dataset, const char *modality, size_t clip);

/**
 * The name of a clip in messages: its file, or its number and the file that contains it; "clip 7"
 * if it does not have the modality.
 * @param modality  whose file is meant, where a clip has one for each.
 * @param clip      0..N-1, in the files' order.
 * @param text      `size` bytes out; a longer name is truncated.
 * @return UNIC_OK; UNIC_E_ARG. Since 0.1.
 */
UNIC_API unic_status unic_dataset_clip_name(const unic_dataset *dataset, const char *modality,
                                            size_t clip, char *text, size_t size);

/**
 * The number of named classes of labels. Classes have names if they come from tables, or from
 * arrays with "label.names" (docs/data.md); 0 if they only have numbers. Step labels have one
 * channel more than named classes: the last channel is "no event". The class numbers of two
 * datasets mean the same only if the names are the same.
 * @param name  "label" or "<modality>.step_labels". Since 0.1.
 */
UNIC_API size_t unic_dataset_class_count(const unic_dataset *dataset, const char *name);
/** The name of class `i`, valid as long as the dataset; NULL if there is none. Since 0.1. */
UNIC_API const char *unic_dataset_class_name(const unic_dataset *dataset, const char *name,
                                             size_t i);

/**
 * Get the next batch of the epoch: the features of every modality as float32 [B,T,...], zero
 * from a clip's length on, and the lengths. `*batch` is borrowed until the next call of this
 * function. It is NULL at the end of the epoch; the call after that begins the next epoch with
 * a new shuffle. Unless on_damage is UNIC_DAMAGE_SKIPS, values are not checked for NaN and Inf
 * here. Clips that were skipped or cut are logged by the call that returns their batch. With
 * options.parts it has this part's clips alone, of which a small last batch may have none.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_STATE if another call is using the dataset; UNIC_E_IO,
 *         UNIC_E_FORMAT, UNIC_E_NOTFOUND (a file that has gone) and UNIC_E_SHAPE (a clip with
 *         other dims) name the file; what a source's read_at() returned; UNIC_E_NOMEM. A
 *         failure does not move the dataset: the next call tries the same batch again, and a
 *         seek can skip it. Since 0.1.
 */
UNIC_API unic_status unic_dataset_next(const unic_batch **batch, unic_dataset *dataset);

/**
 * Go to batch `batch` of epoch `epoch` (both counted from 0). The order of clips is that of an
 * uninterrupted run. The batch after the last one is the end of the epoch. Batches that were
 * read ahead are discarded.
 * @return UNIC_OK; UNIC_E_ARG, also if an epoch has fewer batches; UNIC_E_STATE if another call
 * is using the dataset. Since 0.1.
 */
UNIC_API unic_status unic_dataset_seek(unic_dataset *dataset, uint64_t epoch, uint64_t batch);

/**
 * Get labels in the files' order, whatever the shuffle: "label" [N] or [N,C], and
 * "<modality>.step_labels" [N,T] or [N,T,C]. Files may store any real type if the values are
 * whole numbers. T is unic_dataset_length(): labels of a shorter file are filled up with -1,
 * labels after step T are left out.
 *
 * A table's `category` gives "label", -1 where it is empty. Classes are numbered in the byte
 * order of their names, or, if all names are whole numbers (0, 12), in the order of these, over
 * all lines of all tables whatever their split. A table's events give the step labels of every
 * modality, [N,T,C]: their classes in the same order, then "no event"; without a `category` they
 * also give "label" [N,C-1]. Labels are read and computed by this call. Call with `out` NULL to
 * get the dims only.
 * @param rank     out.
 * @param dataset  used by one thread at a time.
 * @param name     "label" or "<modality>.step_labels".
 * @param dims     [UNIC_MAX_RANK] out.
 * @param out      int32, all elements; undefined after a failure.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_NOTFOUND; UNIC_E_SHAPE; UNIC_E_MISMATCH if tables name
 *         classes and other files number them; UNIC_E_VALUE if a label is not a whole number,
 *         does not fit into int32, or is none of the classes that "label.names" has; UNIC_E_IO,
 *         UNIC_E_FORMAT; UNIC_E_NOMEM; UNIC_E_STATE if another call is using the dataset. Since
 *         0.1.
 */
UNIC_API unic_status unic_dataset_labels(size_t *rank, unic_dataset *dataset, const char *name,
                                         int64_t *dims, int32_t *out);

#ifdef __cplusplus
}
#endif
#endif
