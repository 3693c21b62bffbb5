/* The same model with weights of another type. */
#include "model/model.h"

#include <string.h>

/* ---- a model as a source of weights (model/weight_source.h) ---- */

static unic_status check_origin(void *model, const unic_config *config,
                                const unic__param_table *params)
{
    unic_model *origin = model;
    unic_status status = UNIC_OK;
    (void)config; /* differs in the weights' type alone */
    pthread_mutex_lock(&origin->lock);
    if (origin->source.is) /* else all its weights are loaded */
        status = origin->source.is->check(origin->source.file, origin->config, params);
    pthread_mutex_unlock(&origin->lock);
    return status;
}

/* From the origin's memory, or, if it has not loaded them, from its own source: then the origin
 * need not hold them too. Either way they are rounded to its type first. */
static unic_status read_locked(const unic_model *origin, const unic__param *p, float *values)
{
    for (size_t m = 0; m < origin->config->modality_count; m++) {
        const unic__param *theirs = origin->loaded[m]
                                        ? unic__param_table_find(&origin->weights[m], p->name)
                                        : NULL;
        if (theirs) {
            unic__param_table_read(&origin->weights[m], theirs, values);
            return UNIC_OK;
        }
    }
    UNIC__TRY(origin->source.is->read(origin->source.file, origin->config, p, values));
    return unic__param_round(p, origin->config->encoder_weights, values);
}

static unic_status read_origin(void *model, const unic_config *config, const unic__param *p,
                               float *values)
{
    unic_model *origin = model;
    (void)config;
    pthread_mutex_lock(&origin->lock);
    unic_status status = read_locked(origin, p, values);
    pthread_mutex_unlock(&origin->lock);
    return status;
}

static unic_status check_origin_unchanged(void *model)
{
    unic_model *origin = model;
    unic_status status = UNIC_OK;
    pthread_mutex_lock(&origin->lock);
    if (origin->source.is && origin->source.is->check_unchanged)
        status = origin->source.is->check_unchanged(origin->source.file);
    pthread_mutex_unlock(&origin->lock);
    return status;
}

static void release_origin(void *model)
{
    unic__model_free(model);
}

unic_status unic__model_convert(unic_model **out, unic_model *model, const char *weights)
{
    static const unic__weight_source_class origin = {check_origin, read_origin,
                                                     check_origin_unchanged, release_origin};
    unic_config *config;
    unic_codebook *codebook;
    UNIC__TRY(unic__config_copy(&config, model->config));
    unic_status status = unic__config_set(config, "encoder.weights", weights);
    if (status == UNIC_OK)
        status = unic__codebook_copy(&codebook, model->codebook);
    if (status != UNIC_OK) {
        unic__config_free(config);
        return status;
    }
    __atomic_add_fetch(&model->references, 1, __ATOMIC_RELAXED);
    UNIC__TRY(unic__model_create(out, config, codebook, (unic__weight_source){&origin, model}));
    unic__budget_init(&(*out)->budget, model->budget.limit, model->budget.name);
    return UNIC_OK;
}
