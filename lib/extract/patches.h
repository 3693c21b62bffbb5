/* What extracting (patches.c), fitting (patches_fit.c) and the kind's row (patches_kind.c) share. */
#ifndef UNIC_EXTRACT_PATCHES_H
#define UNIC_EXTRACT_PATCHES_H

#include "extract/extract.h"

enum { UNIC__PATCHES_WEIGHTS = 5 };

typedef struct unic__patches {
    size_t stride, border, planes, depth; /* depth: numbers of a patch             */
    float *frame, *padded;                /* [side,side,3], [wide,wide,planes]     */
    float *rows, *z;                      /* [cells^2,depth], [cells^2,components] */
    double *distance;                     /* [channels]                            */
    float *projection, *shift, *centres, *mean, *deviation; /* the weights                   */
    unic__extract_weight weights[UNIC__PATCHES_WEIGHTS];
} unic__patches;

/* plan->rows <- the patches of one frame. */
void unic__patches_rows(const unic_extractor *e, const unic_array *frames, size_t frame);
/* [cells,cells,channels] <- the features of the frame whose patches stand in plan->rows. */
void unic__patches_features(const unic_extractor *e, float *features);

/* Learns the weights from frames [n,side,side,3]; they are as before after a failure. UNIC_E_VALUE
 * if the frames have too few patches, or all the same; UNIC_E_NOMEM. */
unic_status unic__patches_fit(unic_extractor *e, const unic_array *frames);

#endif
