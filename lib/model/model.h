/*
 * A trained model for inference: config, codebook, and one table of weights for each modality,
 * filled when it is first needed. Immutable but for that; shared by encoders and threads.
 */
#ifndef UNIC_MODEL_MODEL_H
#define UNIC_MODEL_MODEL_H

#include <pthread.h>

#include "array/bundle.h"
#include "graph/params.h"
#include "model/codebook.h"
#include "unicode/unic_model.h"

struct unic_model {
    size_t references; /* atomic */
    unic_config *config;
    const char *text; /* of the config */
    unic_codebook *codebook;
    pthread_mutex_t lock; /* guards what follows */
    /* Where weights are read from: a model file, or a CMG checkpoint; NULL once all are here. Held
     * open, so that they are of one moment, whatever comes to stand at its path. */
    unic__npz *file;
    struct unic__torch_file *checkpoint;
    unic__params weights[UNIC__MAX_MODALITIES];
    bool loaded[UNIC__MAX_MODALITIES];
    float *
        plain[UNIC__MAX_MODALITIES]; /* their values one after the other, not packed; NULL until
                                           somebody looks at them */
};

/* A model without weights; takes over `config` (checked) and `codebook`, also on failure. */
unic_status unic__model_create(unic_model **out, unic_config *config, unic_codebook *codebook);
void unic__model_free(unic_model *model);

unic_status unic__model_open(unic_model **out, const char *path);
unic_status unic__model_save(unic_model *model, const char *path);

/* Declares the inference parameters of modality m; the table is the caller's to seal. */
unic_status unic__model_declare(const unic_config *config, size_t m, unic__params *params);

/* The weights of modality m, read now if they have not been. Thread-safe. */
unic_status unic__model_weights(unic_model *model, size_t m, unic__params **weights);

/* The values of modality m's parameters, unpacked, one after the other; the model's. Thread-safe. */
unic_status unic__model_plain(unic_model *model, size_t m, const float **values);

/* Gives a new model the weights of modality m, by name, of a table that holds them plain. */
unic_status unic__model_set_weights(unic_model *model, size_t m, const unic__params *from);

/* Index of a modality; UNIC_E_NOTFOUND names those there are. */
unic_status unic__model_find(const unic_model *model, const char *name, size_t *m);

/* The config member, and a codebook as members of a bundle or read from a file; shared with
 * runs. */
unic_status unic__read_config(unic__npz *z, unic_config **out);
void unic__bundle_codebook(unic__bundle *b, const unic_codebook *cb);
unic_status unic__read_codebook(unic__npz *z, const unic_config *config, unic_codebook **out);

#define UNIC__CONFIG_MEMBER "config.txt"

#endif
