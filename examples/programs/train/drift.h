/*
 * How the codebook and its use change from one epoch to the next.
 */
#ifndef UNIC_TRAIN_DRIFT_H
#define UNIC_TRAIN_DRIFT_H

#include <stdbool.h>

#include <unicode/unic.h>

enum { TRAIN_DRIFT_LINE = 384 };

/* The state at the end of an epoch. All zero but `batch` is none, and may be freed. */
typedef struct train_drift {
    size_t batch; /* clips in a batch of the validation clips */
    unic_codebook *codebook;
    int32_t *codes; /* [modalities,steps] of the validation clips; NULL: there are none */
    size_t modalities, steps;
} train_drift;

void train_drift_free(train_drift *d);

/* An epoch has ended: what has changed since the one before, if there was one in this process,
 * and with `valid` (or NULL) how its clips use the codes. `line` may become "". */
bool train_drift_end_epoch(train_drift *d, unic_trainer *trainer, unic_dataset *valid,
                           char line[TRAIN_DRIFT_LINE]);

#endif
