/*
 * Where a model's weights are read from when its first encoder needs them: the model's own file
 * (model_file.c), a checkpoint of the authors' code (cmg/cmg_import.c), or another model
 * (model_convert.c).
 */
#ifndef UNIC_MODEL_WEIGHT_SOURCE_H
#define UNIC_MODEL_WEIGHT_SOURCE_H

#include "config/config.h"
#include "graph/param_table.h"

typedef struct unic__weight_source_class {
    /* Whether the file holds every parameter of the table with its shape. Called before memory
     * is taken: the table need not be sealed. UNIC_E_FORMAT says what is missing. */
    unic_status (*check)(void *file, const unic_config *config,
                         const unic__param_table *params);
    /* Reads one parameter of a table that check() accepted. */
    unic_status (*read)(void *file, const unic_config *config, const unic__param *p,
                        float *values);
    /* UNIC_E_IO if the file was written to since it was opened: what was read may be of another
     * model. NULL: it cannot be. */
    unic_status (*check_unchanged)(void *file);
    void (*close)(void *file);
} unic__weight_source_class;

/* All zero is no source. */
typedef struct unic__weight_source {
    const unic__weight_source_class *is;
    void *file;
} unic__weight_source;

#endif
