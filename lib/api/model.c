#include "model/model.h"

#include "api/api.h"
#include "cmg/cmg_import.h"
#include "file/sniff.h"

/* Opens a model's file or a checkpoint, whichever its contents are. */
static unic_status open_any(unic_model **out, unic__source *source)
{
    unic__file_kind kind;
    UNIC__TRY(unic__file_sniff(&kind, source));
    if (kind == UNIC__FILE_TORCH)
        return unic__model_import(out, source, NULL);
    if (kind == UNIC__FILE_UNKNOWN || kind == UNIC__FILE_ZIP)
        return unic__model_open(out, source);
    return unic__fail(UNIC_E_FORMAT,
                      "%s: is %s, a model (.npz) or a checkpoint of the CMG code (.pt, .pth, "
                      ".ckpt, .bin) expected%s",
                      unic__source_name(source), unic__file_kind_name(kind),
                      unic__file_kind_advice(kind));
}

/* Settings for a zip file that is no checkpoint: a model's have none, and others are refused as what
 * they are, or as damaged. */
static unic_status refuse_settings(unic__source *source)
{
    unic_model *model;
    UNIC__TRY(unic__model_open(&model, source));
    unic__model_free(model);
    return unic__fail(UNIC_E_ARG,
                      "settings are for a checkpoint of the CMG code; %s has its own",
                      unic__source_name(source));
}

static unic_status import(unic_model **out, unic__source *source, const char *settings)
{
    unic__file_kind kind = UNIC__FILE_UNKNOWN;
    if (settings && *settings)
        UNIC__TRY(unic__file_sniff(&kind, source));
    return kind == UNIC__FILE_ZIP ? refuse_settings(source)
                                  : unic__model_import(out, source, settings);
}

/* Ends the opening of a model; its weights are read now, or later within the same limits. */
static unic_status end(unic__opening *from, unic_model **out, unic_status status)
{
    UNIC__TRY(unic__opening_end(from, status));
    /* `out` and what it points to are there: the opening refuses NULL and hands a failure on.
     * NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
    (*out)->budget = from->budget;
    if (from->preloads && (status = unic__model_preload(*out)) != UNIC_OK) {
        unic__fail_in(status, "%s", from->call);
        unic__model_free(*out);
        *out = NULL;
        return status;
    }
    (*out)->budget.progress = (unic__progress){NULL, NULL}; /* another thread may read later */
    return UNIC_OK;
}

unic_status unic_model_open(unic_model **out, const char *path,
                            const unic_open_options *options)
{
    unic__opening from;
    UNIC__REQUIRE(out);
    *out = NULL;
    UNIC__REQUIRE(path);
    UNIC__TRY(unic__opening_file(&from, path, options, __func__));
    return end(&from, out, open_any(out, from.source));
}

unic_status unic_model_open_source(unic_model **out, const unic_source *source,
                                   const unic_open_options *options)
{
    unic__opening from;
    if (out)
        *out = NULL;
    UNIC__TRY(unic__opening_source(&from, out, source, options, __func__));
    return end(&from, out, open_any(out, from.source));
}

unic_status unic_model_import(unic_model **out, const char *path, const char *settings,
                              const unic_open_options *options)
{
    unic__opening from;
    UNIC__REQUIRE(out);
    *out = NULL;
    UNIC__REQUIRE(path);
    UNIC__TRY(unic__opening_file(&from, path, options, __func__));
    return end(&from, out, import(out, from.source, settings));
}

unic_status unic_model_import_source(unic_model **out, const unic_source *source,
                                     const char *settings, const unic_open_options *options)
{
    unic__opening from;
    if (out)
        *out = NULL;
    UNIC__TRY(unic__opening_source(&from, out, source, options, __func__));
    return end(&from, out, import(out, from.source, settings));
}

unic_model *unic_model_retain(unic_model *model)
{
    if (model)
        __atomic_add_fetch(&model->references, 1, __ATOMIC_RELAXED);
    return model;
}

void unic_model_free(unic_model *model)
{
    unic__model_free(model);
}

size_t unic_model_modality_count(const unic_model *model)
{
    return model ? model->config->modality_count : 0;
}

const char *unic_model_modality_name(const unic_model *model, size_t i)
{
    return i < unic_model_modality_count(model) ? model->config->modality[i].name : NULL;
}

unic_status unic_model_feature_dims(size_t *rank, const unic_model *model, const char *modality,
                                    int64_t *dims)
{
    size_t m;
    UNIC__REQUIRE(model);
    UNIC__REQUIRE(modality);
    UNIC__REQUIRE(dims);
    UNIC__REQUIRE(rank);
    UNIC__TRY_NAMED(unic__model_find(model, modality, &m));
    const unic__shape *shape = &model->config->modality[m].dims;
    *rank = shape->rank;
    for (size_t i = 0; i < shape->rank; i++)
        dims[i] = (int64_t)shape->dim[i];
    return UNIC_OK;
}

unic_status unic_model_parameter_at(const char **name, const float **data, size_t *rank,
                                    unic_model *model, size_t i, int64_t *dims)
{
    UNIC__REQUIRE(model);
    UNIC__REQUIRE(name);
    UNIC__REQUIRE(dims);
    UNIC__REQUIRE(rank);
    const unic__param *p;
    UNIC__TRY_NAMED(unic__model_parameter(model, i, &p, data));
    *name = p->name;
    *rank = p->shape.rank;
    for (size_t k = 0; k < p->shape.rank; k++)
        dims[k] = (int64_t)p->shape.dim[k];
    return UNIC_OK;
}

size_t unic_model_code_count(const unic_model *model)
{
    return model ? model->codebook->codes : 0;
}

size_t unic_model_code_dim(const unic_model *model)
{
    return model ? model->codebook->dim : 0;
}

const char *unic_model_config(const unic_model *model)
{
    return model ? model->text : "";
}

const char *unic_model_weights(const unic_model *model)
{
    return unic__float_name(model ? model->config->encoder_weights : UNIC__FLOAT32);
}

unic_status unic_model_convert(unic_model **out, unic_model *model, const char *weights)
{
    UNIC__REQUIRE(out);
    *out = NULL;
    UNIC__REQUIRE(model);
    UNIC__REQUIRE(weights);
    UNIC__TRY_NAMED(unic__model_convert(out, model, weights));
    return UNIC_OK;
}

unic_status unic_model_codebook(unic_codebook **out, const unic_model *model)
{
    UNIC__REQUIRE(out);
    *out = NULL;
    UNIC__REQUIRE(model);
    UNIC__TRY_NAMED(unic__codebook_copy(out, model->codebook));
    return UNIC_OK;
}

unic_status unic_model_save(unic_model *model, const char *path)
{
    UNIC__REQUIRE(model);
    UNIC__REQUIRE(path);
    UNIC__TRY_NAMED(unic__model_save(model, UNIC__TO_FILE(path)));
    return UNIC_OK;
}

unic_status unic_model_save_sink(unic_model *model, const unic_sink *sink)
{
    unic_sink to;
    UNIC__REQUIRE(model);
    UNIC__TRY(unic__take_sink(&to, sink, __func__));
    UNIC__TRY_NAMED(unic__model_save(model, UNIC__TO_SINK(&to)));
    return UNIC_OK;
}
