/* The training state of a CMG checkpoint (method A.7), to go on with here. */
#ifndef UNIC_CMG_CMG_RESUME_H
#define UNIC_CMG_CMG_RESUME_H

#include "train/trainer.h"

unic_status unic__trainer_import(unic_trainer **out, const char *path, const char *settings);

#endif
