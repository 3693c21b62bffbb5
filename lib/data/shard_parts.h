/* What the files of a shard share: shard.c opens and reads one, shard_arrays.c finds its modalities,
 * shard_lengths.c how many steps its clips have. */
#ifndef UNIC_DATA_SHARD_PARTS_H
#define UNIC_DATA_SHARD_PARTS_H

#include "array/named_arrays.h"
#include "data/clip_source.h"
#include "data/label_names.h"

typedef struct unic__shard {
    unic__clip_source source; /* its length is T of the arrays */
    unic__arena arena;
    unic__named_arrays arrays;
    bool *present;           /* for each track */
    int32_t **lengths;       /* for each track [N], or NULL: every clip is whole */
    float *row;              /* a whole clip, where the dataset takes only its beginning */
    size_t row_count;        /* of elements in it */
    unic__label_names names; /* of the classes of "label" */
} unic__shard;

/* The source's `list`. Warns of arrays that may have been meant as modalities, or as something else. */
unic_status unic__shard_list(unic__clip_source *source, unic__track_table *tracks);

/* Reads "<modality>.lengths", if there are such. */
unic_status unic__shard_load_lengths(unic__shard *s, const unic__track *track,
                                     int32_t **lengths);

/* Takes, or warns of, what looks like lengths or a mask of steps and has another name. */
unic_status unic__shard_look_for_lengths(unic__shard *s, const unic__track_table *tracks);

#endif
