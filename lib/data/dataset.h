/*
 * A dataset: sources read as one sequence of clips, in batches, in an order that is a function
 * of (seed, epoch).
 */
#ifndef UNIC_DATA_DATASET_H
#define UNIC_DATA_DATASET_H

#include "base/use.h"
#include "data/clip_source.h"
#include "data/prefetch.h"
#include "file/source.h"
#include "unicode/unic_dataset.h"

/* The position of a batch. */
typedef struct unic__position {
    uint64_t epoch, batch;
} unic__position;

typedef struct unic__slot {
    unic_batch *batch; /* refers to the memory below */
    float **features;  /* for each track [batch,T,...] */
    int32_t **lengths; /* for each track [batch] */
    int64_t *clips;    /* [batch], their numbers in the dataset */
    size_t *cut;       /* for each track: clips that were longer than T */
    char **damage;     /* [batch * tracks], messages about what was skipped */
    size_t damage_count;
} unic__slot;

struct unic_dataset {
    unic__use use;
    unic__budget budget; /* of all memory that reading takes, in both threads */
    unic__arena arena;
    unic__clip_source **sources;
    unic__track_table tracks;
    size_t source_count;
    unic__reading how;
    size_t clips, length;         /* N of all sources, T of the batches */
    size_t batch, batches;        /* clips in a batch, batches in an epoch */
    size_t part_first, part_size; /* the rows of a batch that are read, as far as it has them */
    unic__position at;            /* the batch that unic__dataset_next() returns next */
    size_t *cut;                  /* for each track: clips cut since the last log line */
    unic__class_names categories, event_names; /* of all sources */

    /* State of reading: owned by the prefetch thread while it runs. */
    uint64_t seed;
    unic__position reading;
    unic__position expected; /* the batch that was told beforehand */
    int32_t *order;          /* [clips], a permutation; NULL: no shuffle */
    uint64_t order_epoch;    /* of that permutation */
    bool ordered;            /* there is one */

    unic__slot *slots;
    size_t slot_count;
    unic__prefetch *prefetch; /* NULL: batches are read when they are asked for */
};

/* What a dataset is opened from: `count` paths, or, if `paths` is NULL, `count` sources. */
typedef struct unic__dataset_files {
    const char *const *paths;
    unic__source *const *sources;
    size_t count;
} unic__dataset_files;

/* Each option and path must have been checked. */
unic_status unic__dataset_open(unic_dataset **out, const unic__dataset_files *files,
                               const unic_dataset_options *options);
void unic__dataset_free(unic_dataset *d); /* NULL is fine */

unic_status unic__dataset_next(const unic_batch **batch, unic_dataset *d);
unic_status unic__dataset_seek(unic_dataset *d, uint64_t epoch, uint64_t batch);

/* ---- dataset_open.c ---- */

/* Opens the sources, finds the tracks, and sets clips and length. */
unic_status unic__dataset_find_clips(unic_dataset *d, const unic__dataset_files *files,
                                     const unic_dataset_options *options);

/* ---- dataset_about.c: what is known without reading a clip ---- */

/* The source that has the clip: the last whose first clip is not greater than `clip`. */
unic__clip_source *unic__dataset_source_of(const unic_dataset *d, size_t clip);

/* Numbers the classes of all sources consistently, by the union of their names. */
unic_status unic__dataset_number_classes(unic_dataset *d);

/* The names of the classes of the labels `name`; NULL if there are no such labels or the
 * classes have only numbers. "No event" is not among them. */
const unic__class_names *unic__dataset_class_names(const unic_dataset *d, const char *name);

/* Whether a clip has track `i`, as far as is known without reading it. */
bool unic__dataset_has(const unic_dataset *d, size_t i, size_t clip);

/* The number of clips that have both tracks. */
size_t unic__dataset_paired(const unic_dataset *d, size_t a, size_t b);

/* A batch's name_clip: how messages name a clip of the dataset `user`. */
void unic__dataset_name_clip(const void *user, const char *modality, int64_t clip, char *text,
                             size_t size);

/* ---- labels.c ---- */

bool unic__is_of_steps(const char *name); /* "<modality>.step_labels" */

unic_status unic__dataset_labels(size_t *rank, unic_dataset *d, const char *name, int64_t *dims,
                                 int32_t *out);

#endif
