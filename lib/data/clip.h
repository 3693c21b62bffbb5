/* One clip of one modality in a file of its own: [T,...] in a .npy, or in a .zip as one pickled
 * array, as the CMG code keeps its features. */
#ifndef UNIC_DATA_CLIP_H
#define UNIC_DATA_CLIP_H

#include "array/npy_file.h"
#include "torch/pickled_array.h"

typedef enum unic__clip_format {
    UNIC__CLIP_ABSENT,
    UNIC__CLIP_NPY,
    UNIC__CLIP_ZIP
} unic__clip_format;

/* The format by the name's suffix; *stem is the size of the name before it. */
unic__clip_format unic__clip_format_of(const char *name, size_t *stem);
const char *unic__clip_suffix(unic__clip_format format); /* ".npy" */

typedef struct unic__clip {
    unic__clip_format format; /* UNIC__CLIP_ABSENT: not open */
    unic__npy_file npy;
    unic__pickled_array *pickled; /* whole */
    const unic__shape *shape;
} unic__clip;

/* `path` must stay valid while the clip is open. */
unic_status unic__clip_open(unic__clip *c, unic__clip_format format, const char *path);
void unic__clip_close(unic__clip *c);

/* Reads the first `steps` steps; the shape's rank must be at least 1. */
unic_status unic__clip_read(const unic__clip *c, size_t steps, float *out);

#endif
