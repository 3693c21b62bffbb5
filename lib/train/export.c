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
        status = unic__codebook_copy(&codebook, t->codebook);
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

unic_status unic__trainer_save(unic_trainer *t, const char *path)
{
    unic_model *model = NULL;
    char *run = unic__run_path(path);
    if (!run)
        return unic__no_memory(strlen(path), "a path");
    unic_status status = unic__run_save(t, run);
    if (status == UNIC_OK)
        status = unic__trainer_export(&model, t);
    if (status == UNIC_OK)
        status = unic__model_save(model, path);
    unic__model_free(model);
    unic__free(run);
    return status;
}

unic_status unic__trainer_resume(unic_trainer **out, const char *path)
{
    char *run = unic__run_path(path);
    if (!run)
        return unic__no_memory(strlen(path), "a path");
    unic_status status = unic__run_load(out, run);
    unic__free(run);
    return status;
}
