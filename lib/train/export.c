#include "train/export.h"

#include <string.h>

unic_status unic__trainer_export(unic_model **out, const unic_trainer *t)
{
    unic_config *config = NULL;
    unic_codebook *codebook = NULL;
    unic_model *model = NULL;
    UNIC__TRY(unic__config_create(&config));
    unic_status status = unic__config_parse(config, t->text, strlen(t->text), NULL);
    if (status == UNIC_OK)
        status = t->level2 ? unic__codebook_pairs(&codebook, t->codebook, t->level2)
                           : unic__codebook_copy(&codebook, t->codebook);
    if (status != UNIC_OK) {
        unic__config_free(config);
        return status;
    }
    UNIC__TRY(unic__model_create(&model, config, codebook, (unic__weight_source){0}));
    for (size_t m = 0; m < t->config->modality_count && status == UNIC_OK; m++)
        status = unic__model_set_weights(model, m, &t->params);
    if (status != UNIC_OK)
        unic__model_free(model);
    else
        *out = model;
    return status;
}

char *unic__run_path(const char *path)
{
    static const char end[] = ".npz", run[] = ".run.npz";
    size_t n = strlen(path), stem = n;
    if (n > strlen(end) && strcmp(path + n - strlen(end), end) == 0)
        stem = n - strlen(end);
    char *out = unic__alloc(stem + sizeof run);
    if (out) {
        memcpy(out, path, stem);
        memcpy(out + stem, run, sizeof run);
    }
    return out;
}

/* Both files are written before either has its name: a full disk leaves the two old ones. */
static unic_status seal(unic_trainer *t, const char *run_path, const char *path,
                        unic__writer *file[2])
{
    unic_model *model;
    UNIC__TRY(unic__run_seal(t, UNIC__TO_FILE(run_path), &file[0]));
    UNIC__TRY(unic__trainer_export(&model, t));
    unic_status status = unic__model_seal(model, UNIC__TO_FILE(path), &file[1]);
    unic__model_free(model);
    return status;
}

unic_status unic__trainer_save(unic_trainer *t, const char *path)
{
    unic__writer *file[2] = {NULL, NULL}; /* the run, the model */
    char *run_path = unic__run_path(path);
    if (!run_path)
        return unic__no_memory(strlen(path), "a path");
    unic_status status = seal(t, run_path, path, file);
    for (size_t i = 0; i < 2; i++)
        if (status == UNIC_OK)
            status = unic__writer_commit(file[i]);
        else
            unic__writer_abandon(file[i]);
    unic__free(run_path);
    return status;
}
