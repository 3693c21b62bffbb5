#include "model/model.h"

#include <string.h>

#include "cmg/cmg_import.h"
#include "model/modality.h"

unic_status unic__model_create(unic_model **out, unic_config *config, unic_codebook *codebook)
{
    unic_model *model = unic__alloc_zero(sizeof *model);
    if (!model) {
        unic__config_free(config);
        unic__codebook_free(codebook);
        return unic__no_memory(sizeof *model, "a model");
    }
    model->references = 1;
    model->config = config;
    model->codebook = codebook;
    pthread_mutex_init(&model->lock, NULL);
    unic__config_resolve(config); /* first, so that files hold the sizes themselves */
    unic_status status = unic__config_text(config, &model->text);
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
    for (size_t m = 0; m < UNIC__MAX_MODALITIES; m++) {
        unic__params_free(&model->weights[m]);
        unic__free(model->plain[m]);
    }
    pthread_mutex_destroy(&model->lock);
    unic__codebook_free(model->codebook);
    unic__config_free(model->config);
    unic__npz_close(model->file);
    unic__torch_close(model->checkpoint);
    unic__free(model);
}

/* The model code itself says which parameters there are: the encoder is built for one step. */
unic_status unic__model_declare(const unic_config *config, size_t m, unic__params *params)
{
    const unic__modality *modality = &config->modality[m];
    unic__graph g;
    unic__graph_init(&g, params, true);
    unic__node *x = unic__input(&g, unic__feature_shape(modality, 1, 1), UNIC__F32);
    unic__node *h = unic__front(&g, modality, x, NULL);
    unic__semantic_encoder(&g, config, modality, h, NULL);
    unic_status status = g.status == UNIC_OK ? UNIC_OK : unic__graph_plan(&g); /* reports it */
    unic__graph_free(&g);
    return status;
}

/* Other backends' products take weights as they are. */
static unic_status seal(const unic_model *model, unic__params *params)
{
    return model->config->kernel == UNIC__KERNEL_AUTO ? unic__params_seal_for_packing(params)
                                                      : unic__params_seal(params, false);
}

/* Once their values are there. */
static unic_status pack(const unic_model *model, unic__params *params)
{
    return model->config->kernel == UNIC__KERNEL_AUTO ? unic__params_pack(params) : UNIC_OK;
}

static unic_status read_checkpoint(unic_model *model, unic__params *params)
{
    UNIC__TRY(unic__cmg_check_params(model->checkpoint, model->config, params));
    UNIC__TRY(seal(model, params));
    return unic__cmg_read_params(model->checkpoint, model->config, params);
}

static unic_status read_file(unic_model *model, unic__params *params)
{
    unic_status status = UNIC_OK;
    for (size_t i = 0; i < params->n && status == UNIC_OK; i++) /* before memory is taken */
        status = unic__expect_array(model->file, params->at[i]->name, params->at[i]->shape);
    if (status == UNIC_OK)
        status = seal(model, params);
    for (size_t i = 0; i < params->n && status == UNIC_OK; i++) {
        const unic__param *p = params->at[i];
        status = unic__read_f32(model->file, p->name, p->shape, params->values + p->offset);
    }
    return status;
}

static unic_status load_weights(unic_model *model, size_t m)
{
    unic__params *params = &model->weights[m];
    unic_status status = unic__model_declare(model->config, m, params);
    if (status == UNIC_OK)
        status = model->checkpoint ? read_checkpoint(model, params) : read_file(model, params);
    if (status == UNIC_OK)
        status = pack(model, params);
    if (status != UNIC_OK)
        unic__params_free(params);
    return status;
}

static void close_files(unic_model *model)
{
    unic__npz_close(model->file);
    unic__torch_close(model->checkpoint);
    model->file = NULL;
    model->checkpoint = NULL;
}

static void close_when_loaded(unic_model *model)
{
    for (size_t m = 0; m < model->config->n_modalities; m++)
        if (!model->loaded[m])
            return;
    close_files(model);
}

unic_status unic__model_weights(unic_model *model, size_t m, unic__params **weights)
{
    unic_status status = UNIC_OK;
    pthread_mutex_lock(&model->lock);
    if (!model->loaded[m]) {
        status = load_weights(model, m);
        model->loaded[m] = status == UNIC_OK;
        close_when_loaded(model);
    }
    pthread_mutex_unlock(&model->lock);
    *weights = &model->weights[m];
    return status;
}

static unic_status unpacked(const unic__params *weights, float **out)
{
    size_t count = 0;
    for (size_t i = 0; i < weights->n; i++)
        count += weights->at[i]->count;
    float *next = *out = unic__alloc_array(count, sizeof *next);
    if (!next)
        return unic__no_memory(count * sizeof *next, "unpacked weights");
    for (size_t i = 0; i < weights->n; i++) {
        unic__params_read(weights, weights->at[i], next);
        next += weights->at[i]->count;
    }
    return UNIC_OK;
}

unic_status unic__model_plain(unic_model *model, size_t m, const float **values)
{
    unic__params *weights;
    unic_status status = UNIC_OK;
    UNIC__TRY(unic__model_weights(model, m, &weights));
    pthread_mutex_lock(&model->lock);
    if (!model->plain[m])
        status = unpacked(weights, &model->plain[m]);
    pthread_mutex_unlock(&model->lock);
    *values = model->plain[m];
    return status;
}

unic_status unic__model_set_weights(unic_model *model, size_t m, const unic__params *from)
{
    unic__params *to = &model->weights[m];
    UNIC__TRY(unic__model_declare(model->config, m, to));
    UNIC__TRY(seal(model, to));
    for (size_t i = 0; i < to->n; i++) {
        const unic__param *p = to->at[i], *source = unic__params_find(from, p->name);
        memcpy(to->values + p->offset, from->values + source->offset, p->count * sizeof(float));
    }
    UNIC__TRY(pack(model, to));
    model->loaded[m] = true;
    return UNIC_OK;
}

unic_status unic__model_find(const unic_model *model, const char *name, size_t *m)
{
    char names[256];
    *m = unic__config_modality(model->config, name);
    if (*m == model->config->n_modalities)
        return unic__fail(UNIC_E_NOTFOUND, "the model has no modality \"%s\", it has %s", name,
                          unic__config_names(model->config, names, sizeof names));
    return UNIC_OK;
}

/* ---- files ---- */

void unic__bundle_codebook(unic__bundle *b, const unic_codebook *cb)
{
    unic__bundle_f32(b, "codebook.embedding", UNIC__SHAPE(cb->codes, cb->dim), cb->embedding);
    unic__bundle_f32(b, "codebook.ema_count", UNIC__SHAPE(cb->codes), cb->count);
    unic__bundle_f32(b, "codebook.ema_sum", UNIC__SHAPE(cb->codes, cb->dim), cb->sum);
    unic__bundle_i32(b, "codebook.idle", UNIC__SHAPE(cb->modalities, cb->codes), cb->idle);
}

unic_status unic__read_config(unic__npz *z, unic_config **out)
{
    char *text = NULL;
    unic_config *config = NULL;
    if (!unic__npz_has(z, UNIC__CONFIG_MEMBER))
        return unic__fail(UNIC_E_FORMAT,
                          "%s: no " UNIC__CONFIG_MEMBER " in it: not a libunicode model",
                          unic__npz_path(z));
    UNIC__TRY(unic__npz_read_text(z, UNIC__CONFIG_MEMBER, &text));
    size_t length = 0;
    while (text[length])
        length++;
    unic_status status = unic__config_create(&config);
    if (status == UNIC_OK)
        status = unic__config_parse(config, text, length, unic__npz_path(z));
    if (status == UNIC_OK)
        status = unic__config_check(config);
    unic__free(text);
    if (status != UNIC_OK)
        unic__config_free(config);
    else
        *out = config;
    return status;
}

unic_status unic__read_codebook(unic__npz *z, const unic_config *config, unic_codebook **out)
{
    size_t codes = config->code_count, dim = config->code_dim, n = config->n_modalities;
    unic_codebook *cb;
    unic_status status;
    UNIC__TRY(unic__expect_array(z, "codebook.embedding", UNIC__SHAPE(codes, dim)));
    UNIC__TRY(unic__codebook_create(&cb, codes, dim, n));
    float *e = cb->embedding;
    UNIC__TRY_OR(status, fail,
                 unic__read_f32(z, "codebook.embedding", UNIC__SHAPE(codes, dim), e));
    unic__codebook_set(cb, e);
    UNIC__TRY_OR(status, fail,
                 unic__read_f32(z, "codebook.ema_count", UNIC__SHAPE(codes), cb->count));
    UNIC__TRY_OR(status, fail,
                 unic__read_f32(z, "codebook.ema_sum", UNIC__SHAPE(codes, dim), cb->sum));
    UNIC__TRY_OR(status, fail,
                 unic__read_i32(z, "codebook.idle", UNIC__SHAPE(n, codes), cb->idle));
    *out = cb;
    return UNIC_OK;
fail:
    unic__codebook_free(cb);
    return status;
}

unic_status unic__model_open(unic_model **out, const char *path)
{
    unic__npz *z;
    unic_config *config = NULL;
    unic_codebook *codebook = NULL;
    unic_model *model = NULL;
    UNIC__TRY(unic__npz_open(&z, path));
    unic_status status = unic__read_config(z, &config);
    if (status == UNIC_OK)
        status = unic__read_codebook(z, config, &codebook);
    if (status != UNIC_OK)
        unic__config_free(config);
    else
        status = unic__model_create(&model, config, codebook);
    if (status != UNIC_OK) {
        unic__npz_close(z);
        return status;
    }
    model->file = z;
    *out = model;
    return UNIC_OK;
}

/* Adds the weights of modality m; `plain`, the caller's to free, holds their values. */
static unic_status bundle_weights(unic__bundle *b, unic_model *model, size_t m, float **plain)
{
    unic__params *weights;
    UNIC__TRY(unic__model_weights(model, m, &weights));
    UNIC__TRY(unpacked(weights, plain));
    const float *next = *plain;
    for (size_t i = 0; i < weights->n; i++) {
        const unic__param *p = weights->at[i];
        unic__bundle_f32(b, p->name, p->shape, next);
        next += p->count;
    }
    return UNIC_OK;
}

unic_status unic__model_save(unic_model *model, const char *path)
{
    unic__bundle b = {0};
    float *plain[UNIC__MAX_MODALITIES] = {NULL};
    unic_status status = UNIC_OK;
    for (size_t m = 0; m < model->config->n_modalities && status == UNIC_OK; m++)
        status = bundle_weights(&b, model, m, &plain[m]);
    if (status != UNIC_OK) {
        unic__free(b.at);
    } else {
        unic__bundle_text(&b, UNIC__CONFIG_MEMBER, model->text);
        unic__bundle_codebook(&b, model->codebook);
        status = unic__bundle_write(&b, path);
    }
    for (size_t m = 0; m < model->config->n_modalities; m++)
        unic__free(plain[m]);
    return status;
}
