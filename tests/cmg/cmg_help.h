/* Checkpoints in CMG's layout, written by a PyTorch replica of CMG (make_cmg_checkpoints.py),
 * and the vectors and codes that they encode to. */
#ifndef UNIC_CMG_CMG_HELP_H
#define UNIC_CMG_CMG_HELP_H

#include "array/npz.h"
#include "unicode/unic.h"

#define CMG "tests/cmg/fixtures/"
enum { CMG_B = 2, CMG_T = 3, CMG_D = 4, CMG_MODALITIES = 3 };
enum { CMG_AV, CMG_AT, CMG_AVT, CMG_CHECKPOINTS };

extern const char *const cmg_names[CMG_MODALITIES];

typedef struct cmg_checkpoint {
    const char *name, *settings;
    const char *path;
    bool has[CMG_MODALITIES];
    const char *lines[24]; /* of its config */
} cmg_checkpoint;

extern const cmg_checkpoint cmg_checkpoints[CMG_CHECKPOINTS];

/* expected.npz, opened at the first use. */
unic__npz *cmg_expected(void);

typedef struct cmg_features {
    unic_array array;
    float *x; /* free() it */
} cmg_features;

cmg_features cmg_features_of(const cmg_checkpoint *c, size_t m);

typedef struct cmg_vectors {
    float z[CMG_B * CMG_T * CMG_D];
    int32_t codes[CMG_B * CMG_T];
} cmg_vectors;

cmg_vectors cmg_encode(unic_model *model, const cmg_checkpoint *c, size_t m);
/* The largest difference to PyTorch's semantic vectors. */
double cmg_distance(const cmg_checkpoint *c, size_t m, const cmg_vectors *v);
/* Vectors within 1e-4, codes equal. */
void cmg_assert_as_expected(unic_model *model, const cmg_checkpoint *c, size_t m);

/* Keeps the log from now on; whether it has `part` in it, and all of it. */
void cmg_log_begin(void);
bool cmg_logged(const char *part);
const char *cmg_log(void);

/* A copy of a file with the first `old` become `fresh`. The older format has no checksums: its
 * elements and names can be changed so. */
const char *cmg_patched(const char *from, const void *old, const void *fresh, size_t size);

#endif
