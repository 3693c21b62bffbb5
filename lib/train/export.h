/* The files of a trainer, from which it can be resumed: the model, and beside it the run's
 * state. */
#ifndef UNIC_TRAIN_EXPORT_H
#define UNIC_TRAIN_EXPORT_H

#include "model/model.h"
#include "train/trainer.h"

/* A copy of the inference weights and the codebook. */
unic_status unic__trainer_export(unic_model **out, const unic_trainer *t);

/* "OUT.npz" -> "OUT.run.npz"; NULL when out of memory. */
char *unic__run_path(const char *path);

/* Writes the run's state to "OUT.run.npz", then the model to "OUT.npz", the path that is
 * given. */
unic_status unic__trainer_save(unic_trainer *t, const char *path);

#endif
