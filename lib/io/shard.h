/*
 * One file of a dataset: an npz with an array [N,T,...] for each modality and, optionally,
 * `<modality>.lengths` [N]. What is kept in memory of it, the lengths, lives in an arena.
 */
#ifndef UNIC_IO_SHARD_H
#define UNIC_IO_SHARD_H

#include "io/npz.h"

/* A modality as all files of a dataset have it. */
typedef struct unic__track {
    const char *name;
    unic__shape step;  /* the dims of one step: the array's behind [N,T] */
    size_t step_count; /* their product */
} unic__track;

typedef struct unic__tracks {
    unic__track *at;
    size_t n;
} unic__tracks;

typedef struct unic__shard {
    unic__npz *npz;
    size_t clips, length; /* N and T of this file's arrays */
    size_t first;         /* the number of its first clip among those of all shards */
    int32_t **lengths;    /* for each track [N], or NULL: every clip is whole */
} unic__shard;

/* Any name but `label`, without a '.': `audio.lengths` belongs to `audio`. */
bool unic__is_modality_name(const char *name);

/* The tracks called `names`; if that is NULL, one for each array of `npz` that can be a
 * modality. Their dims are not known yet. */
unic_status unic__tracks_init(unic__tracks *tracks, unic__arena *arena, unic__npz *npz,
                              const char *const *names, size_t count);

/* UNIC_E_NOTFOUND if the shard has an array that can be a modality and is not among the
 * tracks, which are those of `first`. */
unic_status unic__shard_check_complete(const unic__shard *s, const unic__tracks *tracks,
                                       const unic__shard *first);

/* Reads the arrays' headers and the lengths of an open npz. The tracks take their dims from
 * the dataset's first shard, `first`; every other one must agree with it. */
unic_status unic__shard_load(unic__shard *s, unic__arena *arena, unic__tracks *tracks,
                             const unic__shard *first);

/* Clip `clip` of this shard: track `i` into `out` [length, step...], zeros behind its last
 * valid step; `length` >= T. */
unic_status unic__shard_read(unic__shard *s, const unic__tracks *tracks, size_t i, size_t clip,
                             size_t length, float *out, int32_t *valid);

#endif
