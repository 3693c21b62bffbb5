/*
 * A trained model for inference: config, codebook, and one table of weights for each modality,
 * read when first needed. Otherwise immutable; shared by encoders and threads.
 */
#ifndef UNIC_MODEL_MODEL_H
#define UNIC_MODEL_MODEL_H

#include <pthread.h>

#include "array/bundle.h"
#include "graph/param_table.h"
#include "model/codebook.h"
#include "model/weight_source.h"
#include "unicode/unic_model.h"

struct unic_model {
    size_t references; /* atomic */
    unic_config *config;
    const char *text; /* of the config */
    unic_codebook *codebook;
    pthread_mutex_t lock; /* guards what follows */
    unic__budget budget;  /* of the file: limits the memory of its weights */
    /* Closed once all weights are read. Until then it stays open, so that all weights come from
     * the same file, even if another one is moved to its path. */
    unic__weight_source source;
    unic__param_table weights[UNIC_MAX_MODALITIES];
    bool loaded[UNIC_MAX_MODALITIES];
    /* Each modality's values one after the other, not packed; NULL until first used. */
    float *plain[UNIC_MAX_MODALITIES];
};

/* A model without weights yet: it reads them from `source` when they are needed, or is given
 * them by unic__model_set_weights() (a source of all zeros). Takes over `config` (checked),
 * `codebook` and `source`, also on failure. */
unic_status unic__model_create(unic_model **out, unic_config *config, unic_codebook *codebook,
                               unic__weight_source source);
void unic__model_free(unic_model *model);

/* Declares the inference parameters of modality m; the table is the caller's to seal. */
unic_status unic__model_declare(const unic_config *config, size_t m, unic__param_table *params);

/* The weights of modality m, read now if they have not been. Thread-safe. */
unic_status unic__model_weights(unic_model *model, size_t m, unic__param_table **weights);

/* Reads the weights of all modalities, which closes the source. */
unic_status unic__model_preload(unic_model *model);

/* Whether modality m > 0 has the parameter in common with the first, which all its tables hold
 * but a file holds once. */
bool unic__model_repeats(size_t m, const unic__param *p);

/* The i-th parameter of all modalities together, and its plain values (`values` may be NULL);
 * both are the model's. Thread-safe. UNIC_E_NOTFOUND says how many there are. */
unic_status unic__model_parameter(unic_model *model, size_t i, const unic__param **param,
                                  const float **values);

/* Gives a new model the weights of modality m, by name, of a table. UNIC_E_NUMERIC names one
 * that encoder.weights cannot hold. */
unic_status unic__model_set_weights(unic_model *model, size_t m, const unic__param_table *from);

/* Index of a modality; UNIC_E_NOTFOUND names those there are. */
unic_status unic__model_find(const unic_model *model, const char *name, size_t *m);

/* The same model with weights of another type (a word of encoder.weights), which are taken from
 * `model` when they are needed; it keeps a reference until they are. */
unic_status unic__model_convert(unic_model **out, unic_model *model, const char *weights);

/* ---- model/model_file.c ---- */

unic_status unic__model_open(unic_model **out, unic__source *source);
unic_status unic__model_save(unic_model *model, unic__output to);
/* Without the final rename, as unic__bundle_seal(). */
unic_status unic__model_seal(unic_model *model, unic__output to, unic__writer **file);

/* Parts of a model's file that a run's file also has. */
unic_status unic__read_config(unic__npz *z, unic_config **out);
unic_status unic__read_codebook(unic__npz *z, const unic_config *config, unic_codebook **out);

#define UNIC__CONFIG_MEMBER "config.txt"

#endif
