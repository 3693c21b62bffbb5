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

#endif
