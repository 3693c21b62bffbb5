/* A run that begins with a model's encoders and codebook (fine-tuning, new modalities). */
#ifndef UNIC_TRAIN_START_FROM_H
#define UNIC_TRAIN_START_FROM_H

#include "model/model.h"
#include "train/trainer.h"

/* At step 0. UNIC_E_MISMATCH names a key of which both have another value. A failure changes
 * nothing. */
unic_status unic__trainer_start_from(unic_trainer *t, unic_model *model);

#endif
