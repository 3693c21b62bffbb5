/* Resumes training from the state in a CMG checkpoint (docs/method.md, A.7). */
#ifndef UNIC_CMG_CMG_RESUME_H
#define UNIC_CMG_CMG_RESUME_H

#include "train/trainer.h"

unic_status unic__trainer_import(unic_trainer **out, unic__source *source, const char *settings,
                                 const unic__ranks *ranks);

#endif
