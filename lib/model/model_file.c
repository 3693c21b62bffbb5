/* A model's file: an npz of the config's text, the codebook and each modality's parameters, its
 * matrices in the numbers that encoder.weights names. */
#include "model/model.h"

#include <string.h>

#include "model/file_kind.h"

unic_status unic__read_config(unic__npz *z, unic_config **out)
{
    char *text = NULL;
    unic_config *config = NULL;
    UNIC__TRY(unic__expect_kind(z, UNIC__CONFIG_MEMBER, "a model"));
    if (!unic__npz_has(z, UNIC__CONFIG_MEMBER))
        return unic__fail(UNIC_E_FORMAT,
                          "%s: no " UNIC__CONFIG_MEMBER " in it: not a libunicode model",
                          unic__npz_path(z));
    UNIC__TRY(unic__npz_read_text(z, UNIC__CONFIG_MEMBER, &text));
    unic_status status = unic__config_create(&config);
    if (status == UNIC_OK)
        status = unic__config_parse(config, text, strlen(text), unic__npz_path(z));
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
    unic_codebook *cb;
    UNIC__TRY(unic__codebook_read(z, unic__config_code_rows(config),
                                  unic__config_code_width(config), config->modality_count,
                                  &cb));
    unic_status status = config->code_segments ? unic__codebook_cut(cb) : UNIC_OK;
    if (status != UNIC_OK)
        unic__codebook_free(cb);
    else
        *out = cb;
    return status;
}

/* ---- the file as a source of weights (model/weight_source.h) ---- */

static unic_status check_weights(void *file, const unic_config *config,
                                 const unic__param_table *params)
{
    (void)config;
    for (size_t i = 0; i < params->n; i++)
        UNIC__TRY(unic__expect_array(file, params->at[i]->name, params->at[i]->shape));
    return UNIC_OK;
}

/* The bits of bf16 are uint16 in a file, since npy has no type for them: read as whole numbers
 * they would make a model of nonsense. */
static unic_status read_weight(void *file, const unic_config *config, const unic__param *p,
                               float *values)
{
    unic__npy_info info;
    UNIC__TRY(unic__npz_info(file, p->name, &info));
    if (info.type != UNIC__NPY_U16 || p->shape.rank < 2)
        return unic__read_f32(file, p->name, p->shape, values);
    if (config->encoder_weights != UNIC__BFLOAT16)
        return unic__fail(
            UNIC_E_FORMAT,
            "%s: %s is uint16, as weights of bf16 are stored, but encoder.weights "
            "is %s",
            unic__npz_path(file), p->name, unic__float_name(config->encoder_weights));
    return unic__read_bf16(file, p->name, p->shape, values);
}

static unic_status check_unchanged(void *file)
{
    return unic__source_check_unchanged(unic__npz_source(file));
}

static void close_file(void *file)
{
    unic__npz_close(file);
}

static const unic__weight_source_class model_file = {check_weights, read_weight,
                                                     check_unchanged, close_file};

unic_status unic__model_open(unic_model **out, unic__source *source)
{
    unic__npz *z;
    unic_config *config = NULL;
    unic_codebook *codebook = NULL;
    UNIC__TRY(unic__npz_open(&z, source));
    unic_status status = unic__read_config(z, &config);
    if (status == UNIC_OK)
        status = unic__read_codebook(z, config, &codebook);
    if (status != UNIC_OK) {
        unic__config_free(config);
        unic__npz_close(z);
        return status;
    }
    return unic__model_create(out, config, codebook, (unic__weight_source){&model_file, z});
}

/* Adds the weights of modality m; `plain`, the caller's to free, holds their values. */
static unic_status bundle_weights(unic__bundle *b, unic_model *model, size_t m, float **plain)
{
    unic__param_table *weights;
    UNIC__TRY(unic__model_weights(model, m, &weights));
    UNIC__TRY(unic__param_table_unpacked(weights, plain));
    const float *next = *plain;
    for (size_t i = 0; i < weights->n; i++) {
        const unic__param *p = weights->at[i];
        if (!unic__model_repeats(m, p) && p->shape.rank < 2)
            unic__bundle_f32(b, p->name, p->shape, next);
        else if (!unic__model_repeats(m, p))
            unic__bundle_numbers(b, p->name, p->shape, next, weights->type);
        next += p->count;
    }
    return UNIC_OK;
}

unic_status unic__model_seal(unic_model *model, unic__output to, unic__writer **file)
{
    *file = NULL;
    unic__bundle b = {0};
    float *plain[UNIC_MAX_MODALITIES] = {NULL};
    unic_status status = UNIC_OK;
    for (size_t m = 0; m < model->config->modality_count && status == UNIC_OK; m++)
        status = bundle_weights(&b, model, m, &plain[m]);
    if (status != UNIC_OK) {
        unic__free(b.at);
    } else {
        unic__bundle_text(&b, UNIC__CONFIG_MEMBER, model->text);
        unic__bundle_codebook(&b, model->codebook);
        status = unic__bundle_seal(&b, to, file);
    }
    for (size_t m = 0; m < model->config->modality_count; m++)
        unic__free(plain[m]);
    return status;
}

unic_status unic__model_save(unic_model *model, unic__output to)
{
    unic__writer *file;
    UNIC__TRY(unic__model_seal(model, to, &file));
    return unic__writer_commit(file);
}
