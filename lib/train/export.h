/* The model that a trainer has come to. */
#ifndef UNIC_TRAIN_EXPORT_H
#define UNIC_TRAIN_EXPORT_H

#include "model/model.h"
#include "train/trainer.h"

/* A copy of the inference weights and the codebook. */
unic_status unic__trainer_export(const unic_trainer *t, unic_model **out);

/* "OUT.npz" -> "OUT.run.npz"; NULL when out of memory. */
char *unic__run_path(const char *path);

/* The run's state, then the model. */
unic_status unic__trainer_save(unic_trainer *t, const char *path);

#endif
