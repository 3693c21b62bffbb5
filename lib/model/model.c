#include "model/model.h"

#include <string.h>

#include "model/modality.h"

static void close_source(unic__weight_source *source)
{
    if (source->is)
        source->is->close(source->file);
    *source = (unic__weight_source){0};
}

unic_status unic__model_create(unic_model **out, unic_config *config, unic_codebook *codebook,
                               unic__weight_source source)
{
    unic_model *model = unic__alloc_zero(sizeof *model);
    if (!model) {
        unic__config_free(config);
        unic__codebook_free(codebook);
        close_source(&source);
        return unic__no_memory(sizeof *model, "a model");
    }
    model->references = 1;
    model->config = config;
    model->codebook = codebook;
    model->source = source;
    pthread_mutex_init(&model->lock, NULL);
    unic__config_resolve(config); /* first, so that files hold the sizes themselves */
    unic_status status = unic__config_text(&model->text, config);
    if (status != UNIC_OK) {
        unic__model_free(model);
        return status;
    }
    *out = model;
    return UNIC_OK;
}

void unic__model_free(unic_model *model)
{
    if (!model || __atomic_sub_fetch(&model->references, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    for (size_t m = 0; m < UNIC_MAX_MODALITIES; m++) {
        unic__param_table_free(&model->weights[m]);
        unic__free(model->plain[m]);
    }
    pthread_mutex_destroy(&model->lock);
    unic__codebook_free(model->codebook);
    unic__config_free(model->config);
    close_source(&model->source);
    unic__free(model);
}

/* The model code itself says which parameters there are: the encoder is built for one step. */
unic_status unic__model_declare(const unic_config *config, size_t m, unic__param_table *params)
{
    const unic__modality *modality = &config->modality[m];
    unic__graph g;
    unic__graph_init(&g, params, true);
    unic__node *x = unic__input(&g, unic__feature_shape(modality, 1, 1), UNIC__F32);
    unic__node *h = unic__front(&g, config, modality, x, NULL);
    unic__semantic_encoder(&g, config, modality, h, NULL);
    if (config->level2_weight > 0.0)
        unic__level2_z(&g, config, modality, h, NULL);
    unic_status status = g.status == UNIC_OK ? UNIC_OK : unic__graph_plan(&g); /* reports it */
    unic__graph_free(&g);
    return status;
}

/* Reads the parameters one by one. Other backends' products take weights as they are: plain, and
 * of float32 whatever they were rounded to. */
static unic_status fill(const unic_model *model, unic__param_table *params,
                        const unic__weight_source *from)
{
    const unic_config *c = model->config;
    UNIC__TRY(unic__param_table_seal_weights(params, c->kernel == UNIC__KERNEL_AUTO,
                                             c->encoder_weights));
    const size_t most = unic__param_table_largest(params);
    float *values = unic__alloc_array(most ? most : 1, sizeof *values);
    if (!values)
        return unic__no_memory(most * sizeof *values, "reading a weight");
    unic_status status = UNIC_OK;
    for (size_t i = 0; i < params->n && status == UNIC_OK; i++) {
        status = from->is->read(from->file, c, params->at[i], values);
        if (status == UNIC_OK)
            status = unic__param_table_put(params, params->at[i], values);
    }
    unic__free(values);
    return status;
}

/* Declares and reads the parameters of modality m; nothing of them stays after a failure. */
static unic_status load_weights(unic_model *model, size_t m, const unic__weight_source *from)
{
    unic__param_table *params = &model->weights[m];
    unic_status status = unic__model_declare(model->config, m, params);
    if (status == UNIC_OK)
        status = from->is->check(from->file, model->config, params);
    if (status == UNIC_OK)
        status = fill(model, params, from);
    if (from->is->check_unchanged) { /* which is also why something else may have failed */
        unic_status unchanged = from->is->check_unchanged(from->file);
        status = unchanged == UNIC_OK ? status : unchanged;
    }
    if (status != UNIC_OK)
        unic__param_table_free(params);
    return status;
}

static void close_when_loaded(unic_model *model)
{
    for (size_t m = 0; m < model->config->modality_count; m++)
        if (!model->loaded[m])
            return;
    close_source(&model->source);
}

unic_status unic__model_weights(unic_model *model, size_t m, unic__param_table **weights)
{
    unic_status status = UNIC_OK;
    pthread_mutex_lock(&model->lock);
    if (!model->loaded[m]) {
        unic__budget *before = unic__budget_enter(&model->budget);
        status = unic__budget_leave(before, load_weights(model, m, &model->source));
        model->loaded[m] = status == UNIC_OK;
        close_when_loaded(model);
    }
    pthread_mutex_unlock(&model->lock);
    *weights = &model->weights[m];
    return status;
}

unic_status unic__model_preload(unic_model *model)
{
    unic__param_table *weights;
    for (size_t m = 0; m < model->config->modality_count; m++)
        UNIC__TRY(unic__model_weights(model, m, &weights));
    return UNIC_OK;
}

bool unic__model_repeats(size_t m, const unic__param *p)
{
    return m > 0 && strncmp(p->name, UNIC__SHARED_PREFIX, strlen(UNIC__SHARED_PREFIX)) == 0;
}

/* The values of modality m's parameters, unpacked, one after the other; the model's. */
static unic_status plain_values(unic_model *model, size_t m, const float **values)
{
    unic_status status = UNIC_OK;
    pthread_mutex_lock(&model->lock);
    if (!model->plain[m])
        status = unic__param_table_unpacked(&model->weights[m], &model->plain[m]);
    pthread_mutex_unlock(&model->lock);
    *values = model->plain[m];
    return status;
}

unic_status unic__model_parameter(unic_model *model, size_t i, const unic__param **param,
                                  const float **values)
{
    size_t first = 0;
    for (size_t m = 0; m < model->config->modality_count; m++) {
        unic__param_table *weights;
        UNIC__TRY(unic__model_weights(model, m, &weights));
        for (size_t k = 0, at = 0; k < weights->n; at += weights->at[k++]->count) {
            if (unic__model_repeats(m, weights->at[k]) || first++ < i)
                continue;
            *param = weights->at[k];
            if (!values)
                return UNIC_OK;
            UNIC__TRY(plain_values(model, m, values));
            *values += at;
            return UNIC_OK;
        }
    }
    return unic__fail(UNIC_E_NOTFOUND,
                      "i = %zu, but the model has %zu parameters, counted from 0", i, first);
}

/* ---- a table as a source ---- */

static unic_status accept(void *table, const unic_config *config,
                          const unic__param_table *params)
{
    (void)table;
    (void)config;
    (void)params;
    return UNIC_OK;
}

static unic_status read_table(void *table, const unic_config *config, const unic__param *p,
                              float *values)
{
    const unic__param_table *from = *(const unic__param_table **)table;
    (void)config;
    unic__param_table_read(from, unic__param_table_find(from, p->name), values);
    return UNIC_OK;
}

unic_status unic__model_set_weights(unic_model *model, size_t m, const unic__param_table *from)
{
    static const unic__weight_source_class table = {accept, read_table, NULL, NULL};
    UNIC__TRY(load_weights(model, m, &(unic__weight_source){&table, &from}));
    model->loaded[m] = true;
    return UNIC_OK;
}

unic_status unic__model_find(const unic_model *model, const char *name, size_t *m)
{
    char names[256];
    *m = unic__config_modality(model->config, name);
    if (*m == model->config->modality_count)
        return unic__fail(UNIC_E_NOTFOUND, "the model has no modality \"%s\", it has %s", name,
                          unic__config_names(model->config, names, sizeof names));
    return UNIC_OK;
}
