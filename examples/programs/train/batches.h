/*
 * The batches of a run that goes on without damaged clips: of one that has none left, nothing can
 * be learned.
 */
#ifndef UNIC_TRAIN_BATCHES_H
#define UNIC_TRAIN_BATCHES_H

#include <stdbool.h>

#include <unicode/unic.h>

/* Whether any rank's part of the batch has a clip with a step; all ranks ask. False after a
 * failure, which has been told. */
bool train_batch_has_step(bool *has, const unic_dataset *data, const unic_batch *batch);

/* What the clips of an epoch had: damage is found when they are read, not when the data are opened. */
typedef struct train_seen {
    bool modality[UNIC_MAX_MODALITIES], pair;
} train_seen;

/* False after a failure, which has been told. */
bool train_seen_add(train_seen *seen, const unic_dataset *data, const unic_batch *batch);

/* False, and told, if there was a modality of which no rank's clips had a step, or no clip that had
 * two; all ranks ask. */
bool train_seen_check(train_seen *seen, const unic_dataset *data, const char *path);

#endif
