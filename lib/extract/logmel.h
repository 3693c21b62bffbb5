/* Log-mel spectra, for the kind of this name and for networks that take them. */
#ifndef UNIC_EXTRACT_LOGMEL_H
#define UNIC_EXTRACT_LOGMEL_H

#include "extract/extract.h"

typedef struct unic__logmel {
    unic__logmel_settings set;
    size_t window, hop, n;      /* samples; n is that of the transform                       */
    size_t patch, stride;       /* samples of a patch, and from one to the next              */
    double *hann;               /* [window]                                                  */
    double *cosine, *sine;      /* [n/2] of 2 pi k / n                                       */
    uint32_t *reversed;         /* [n] the numbers' bits in reverse                          */
    double *re, *im, *spectrum; /* [n], [n], [n/2+1]                                         */
    uint32_t *first, *last;     /* [bands] bins of a band, last not among them               */
    double **weight;            /* [bands] of its bins, from the first on                    */
    float *samples;             /* [window]                                                  */
    double *row;                /* [bands]                                                   */
} unic__logmel;

/* Tables and workspace in the extractor's arena. UNIC_E_CONFIG if the settings do not fit together;
 * UNIC_E_NOMEM. */
unic_status unic__logmel_plan(unic__logmel **out, unic_extractor *e,
                              const unic__logmel_settings *settings);

/* Floats of a patch: [frames,bands], or [parts,bands]. */
size_t unic__logmel_width(const unic__logmel *l);

/* The number of patches in so many samples. */
size_t unic__logmel_count(const unic__logmel *l, size_t samples);

/* Patch t of the sound. UNIC_E_VALUE names a sample that is not finite. */
unic_status unic__logmel_patch(const unic__logmel *l, const unic_array *sound, size_t t,
                               float *patch);

#endif
