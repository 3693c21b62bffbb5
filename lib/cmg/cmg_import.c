#include "cmg/cmg_import.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "array/array.h"
#include "base/complaint.h"
#include "cmg/cmg_layout.h"
#include "model/model.h"

/* The modality that a parameter's name begins with. */
static const unic__modality *modality_of(const unic_config *c, const char *name)
{
    for (size_t m = 0; m < c->modality_count; m++) {
        size_t n = strlen(c->modality[m].name);
        if (strncmp(name, c->modality[m].name, n) == 0 && name[n] == '.')
            return &c->modality[m];
    }
    return NULL;
}

/* Weights of whole numbers are quantised ones, whose scale is another tensor. */
static unic_status check_float(const unic__torch_tensor *t)
{
    return unic__torch_type_is_float(t->type)
               ? UNIC_OK
               : unic__fail(UNIC_E_FORMAT,
                            "%s is of %s, and weights of whole numbers mean nothing without "
                            "their scale; float16, bfloat16, float32 or float64 expected",
                            t->given, unic__torch_type_name(t->type));
}

/* The tensor of a parameter; NULL, and a complaint, if it is not there as it should be. */
static const unic__torch_tensor *find(const unic__torch_file *f, const unic_config *c,
                                      const unic__param *p, unic__cmg_place *place,
                                      unic__complaint *wrong)
{
    char path[UNIC__TORCH_PATH], got[UNIC__SHAPE_TEXT], want[UNIC__SHAPE_TEXT];
    const unic__modality *m = modality_of(c, p->name);
    if (!m || !unic__cmg_find(m, p->name, place)) {
        unic__complain(wrong, "%s has no counterpart in CMG", p->name);
        return NULL;
    }
    snprintf(path, sizeof path, "%s/%s", place->part, place->name);
    const unic__torch_tensor *t = NULL;
    unic__shape shape = unic__cmg_shape(place, &p->shape);
    if (unic__cmg_tensor(f, path, &t) != UNIC_OK || check_float(t) != UNIC_OK) {
        unic__complain(wrong, "%s", unic_last_error());
        return NULL;
    }
    if (unic__shape_equal(&t->shape, &shape))
        return t;
    unic__complain(wrong, "%s is %s, expected %s", t->given, unic__shape_print(&t->shape, got),
                   unic__shape_print(&shape, want));
    return NULL;
}

static unic_status verdict(const unic__torch_file *f, const unic__complaint *wrong)
{
    if (wrong->n == 0)
        return UNIC_OK;
    return unic__fail(UNIC_E_FORMAT, "%s: %zu %s not as expected: %s%s", unic__torch_path(f),
                      wrong->n, wrong->n == 1 ? "tensor is" : "tensors are", wrong->text,
                      unic__complaint_rest(wrong));
}

static void check_params(const unic__torch_file *f, const unic_config *c,
                         const unic__param_table *params, unic__complaint *wrong)
{
    unic__cmg_place place;
    for (size_t i = 0; i < params->n; i++)
        find(f, c, params->at[i], &place, wrong);
}

unic_status unic__cmg_check_params(const unic__torch_file *f, const unic_config *c,
                                   const unic__param_table *params)
{
    unic__complaint wrong = {.n = 0};
    check_params(f, c, params, &wrong);
    return verdict(f, &wrong);
}

/* What training wrote is finite; float64 may not be so as float32. */
static unic_status read_finite(unic__torch_file *f, const unic__torch_tensor *t, float *out,
                               size_t count)
{
    UNIC__TRY(unic__torch_read_f32(f, t, out, count));
    if (!unic__all_finite(out, count))
        return unic__fail(UNIC_E_FORMAT, "%s: %s holds NaN, Inf or numbers beyond float32",
                          unic__torch_path(f), t->path);
    return UNIC_OK;
}

unic_status unic__cmg_read_tensor(unic__torch_file *f, const unic__torch_tensor *t,
                                  const unic__cmg_place *place, const unic__param *p,
                                  float *out)
{
    if (place->layout == UNIC__CMG_SAME)
        return read_finite(f, t, out, p->count);
    float *theirs = unic__alloc_array(p->count, sizeof(float));
    if (!theirs)
        return unic__no_memory(p->count * sizeof(float), p->name);
    unic_status status = read_finite(f, t, theirs, p->count);
    if (status == UNIC_OK)
        unic__cmg_convert(place, &p->shape, theirs, out);
    unic__free(theirs);
    return status;
}

/* One that unic__cmg_check_params() found. */
static unic_status read_param(unic__torch_file *f, const unic_config *c, const unic__param *p,
                              float *values)
{
    unic__complaint none = {.n = 0};
    unic__cmg_place place = {.layout = UNIC__CMG_SAME};
    const unic__torch_tensor *t = find(f, c, p, &place, &none);
    if (!t)
        return unic__fail(UNIC_E_FORMAT, "%s: no tensor for %s", unic__torch_path(f), p->name);
    return unic__cmg_read_tensor(f, t, &place, p, values);
}

unic_status unic__cmg_read_params(unic__torch_file *f, const unic_config *c,
                                  const unic__param_table *params)
{
    UNIC__TRY(unic__cmg_check_params(f, c, params));
    for (size_t i = 0; i < params->n; i++)
        UNIC__TRY(read_param(f, c, params->at[i], params->values + params->at[i]->offset));
    return UNIC_OK;
}

/* A codebook's tensor of this shape into `out`; one that counts may be of whole numbers. */
static unic_status read_state(unic__torch_file *f, const char *name, unic__shape shape,
                              bool counts, float *out)
{
    char path[UNIC__TORCH_PATH], got[UNIC__SHAPE_TEXT], want[UNIC__SHAPE_TEXT];
    snprintf(path, sizeof path, "Encoder_parameters/Cross_quantizer.%s", name);
    const unic__torch_tensor *t = NULL;
    unic_status status = unic__cmg_tensor(f, path, &t);
    if (status == UNIC_OK && !counts)
        status = check_float(t);
    if (status != UNIC_OK)
        return unic__fail_in(status, "%s", unic__torch_path(f));
    if (!unic__shape_equal(&t->shape, &shape))
        return unic__fail(UNIC_E_FORMAT, "%s: %s is %s, expected %s", unic__torch_path(f),
                          t->given, unic__shape_print(&t->shape, got),
                          unic__shape_print(&shape, want));
    return read_finite(f, t, out, unic__shape_count(&shape));
}

/* As in a file of the library, which would not open what was made of others. */
static unic_status check_counts(const unic__torch_file *f, const unic_codebook *cb)
{
    for (size_t l = 0; l < cb->codes; l++)
        if (cb->count[l] < 0.0F)
            return unic__fail(UNIC_E_FORMAT,
                              "%s: Encoder_parameters/Cross_quantizer.ema_count[%zu] is %g, at "
                              "least 0 expected",
                              unic__torch_path(f), l, (double)cb->count[l]);
    return UNIC_OK;
}

unic_status unic__cmg_read_codebook(unic__torch_file *f, const unic_config *c,
                                    unic_codebook **out)
{
    size_t codes = c->code_count, dim = c->code_dim;
    unic_codebook *cb;
    unic_status status;
    UNIC__TRY(unic__codebook_create(&cb, codes, dim, c->modality_count));
    float *idle = unic__alloc_array(codes, sizeof *idle); /* theirs: one counter for all */
    if (!idle) {
        unic__codebook_free(cb);
        return unic__no_memory(codes * sizeof *idle, "a codebook");
    }
    UNIC__TRY_OR(status, done,
                 read_state(f, "embedding", UNIC__SHAPE_OF(codes, dim), false, cb->embedding));
    unic__codebook_set(cb, cb->embedding);
    UNIC__TRY_OR(status, done,
                 read_state(f, "ema_count", UNIC__SHAPE_OF(codes), true, cb->count));
    UNIC__TRY_OR(status, done, check_counts(f, cb));
    UNIC__TRY_OR(status, done,
                 read_state(f, "ema_weight", UNIC__SHAPE_OF(codes, dim), false, cb->sum));
    UNIC__TRY_OR(status, done,
                 read_state(f, "unactivated_count", UNIC__SHAPE_OF(codes), true, idle));
    for (size_t m = 0; m < cb->modalities; m++)
        for (size_t l = 0; l < codes; l++)
            cb->idle[m * codes + l] = (int32_t)fminf(fmaxf(idle[l], -1.0F), 1e9F);
done:
    unic__free(idle);
    if (status != UNIC_OK)
        unic__codebook_free(cb);
    else
        *out = cb;
    return status;
}

/* The text's LSTM is in every checkpoint, also in those without text. */
static bool is_idle(const unic_config *c, const char *path)
{
    static const char part[] = "Text_ar_lstm_parameters/";
    return strncmp(path, part, sizeof part - 1) == 0 &&
           unic__config_modality(c, "text") == c->modality_count;
}

void unic__cmg_log_extra(const unic__torch_file *f, const unic_config *c)
{
    unic__complaint extra = {.n = 0};
    for (size_t i = 0; i < unic__torch_count(f); i++) {
        const char *path = unic__torch_tensor_at(f, i)->path, *slash = strchr(path, '/');
        bool optimiser = strncmp(path, "optimizer", 9) == 0;
        if (slash && !optimiser && !unic__cmg_is_dead(slash + 1) && !is_idle(c, path) &&
            strncmp(slash + 1, "Cross_quantizer.", 16) != 0 && !unic__cmg_is_known(c, path))
            unic__complain(&extra, "%s", path);
    }
    if (extra.n > 0)
        unic__log_line(UNIC_LOG_WARNING, "%s: %zu %s not used: %s%s", unic__torch_path(f),
                       extra.n, extra.n == 1 ? "tensor is" : "tensors are", extra.text,
                       unic__complaint_rest(&extra));
}

/* Whether all inference tensors are there, before anything is promised. */
static unic_status check_model(const unic__torch_file *f, const unic_config *config)
{
    unic_config *c;
    unic__complaint wrong = {.n = 0};
    UNIC__TRY(unic__config_copy(&c, config));
    unic__config_resolve(c);
    unic_status status = UNIC_OK;
    for (size_t m = 0; m < c->modality_count && status == UNIC_OK; m++) {
        unic__param_table params = {0};
        status = unic__model_declare(c, m, &params);
        if (status == UNIC_OK)
            check_params(f, c, &params, &wrong);
        unic__param_table_free(&params);
    }
    unic__config_free(c);
    return status == UNIC_OK ? verdict(f, &wrong) : status;
}

static unic_status source_check(void *file, const unic_config *c,
                                const unic__param_table *params)
{
    return unic__cmg_check_params(file, c, params);
}

static unic_status source_read(void *file, const unic_config *c, const unic__param *p,
                               float *values)
{
    return read_param(file, c, p, values);
}

static unic_status source_check_unchanged(void *file)
{
    return unic__source_check_unchanged(unic__torch_source(file));
}

static void source_close(void *file)
{
    unic__torch_close(file);
}

static const unic__weight_source_class checkpoint = {source_check, source_read,
                                                     source_check_unchanged, source_close};

unic_status unic__model_import(unic_model **out, unic__source *source, const char *settings)
{
    unic__torch_file *f;
    unic_config *config = NULL;
    unic_codebook *codebook = NULL;
    UNIC__TRY(unic__cmg_open(&f, source));
    unic_status status = unic__cmg_config(f, settings, &config);
    if (status == UNIC_OK)
        status = check_model(f, config);
    if (status == UNIC_OK)
        status = unic__cmg_read_codebook(f, config, &codebook);
    if (status == UNIC_OK)
        unic__cmg_log_extra(f, config);
    if (status != UNIC_OK) {
        unic__config_free(config);
        unic__torch_close(f);
        return status;
    }
    return unic__model_create(out, config, codebook, (unic__weight_source){&checkpoint, f});
}
