#include "train/start_from.h"

#include <stdio.h>
#include <string.h>

#include "loss/teacher.h"
#include "train/code_segments.h"

/*
 * What is taken: the inference parameters of every modality that run and model have, by name, and
 * the codebook. All of it is checked, and read from the model's file, before anything is changed.
 */

/* Which modality of the model each of the run's is; UNIC_MAX_MODALITIES: none. */
typedef struct pairs {
    size_t of[UNIC_MAX_MODALITIES];
    size_t count;
} pairs;

/* The message for a key of which both have a value. */
static unic_status differs(const unic_trainer *t, const unic_model *model, const char *key)
{
    const char *here, *there;
    UNIC__TRY(unic__config_get(&here, t->config, key));
    UNIC__TRY(unic__config_get(&there, model->config, key));
    return unic__fail(UNIC_E_MISMATCH, "the run has %s = %s, but the model %s", key, here,
                      there);
}

static unic_status check_sizes(const unic_trainer *t, const unic_model *model)
{
    const unic_config *a = t->config, *b = model->config;
    const struct {
        const char *key;
        size_t here, there;
    } sizes[] = {
        {"code.dim", a->code_dim, b->code_dim},
        {"code.count", a->code_count, b->code_count},
        {"code.groups", a->code_groups, b->code_groups},
        {"code.segments", a->code_segments, b->code_segments},
        {"encoder.layers", a->encoder_layers, b->encoder_layers},
        {"encoder.heads", a->encoder_heads, b->encoder_heads},
        {"encoder.ff", a->encoder_ff, b->encoder_ff},
        {"encoder.shared", a->encoder_shared, b->encoder_shared},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        if (sizes[i].here != sizes[i].there)
            return differs(t, model, sizes[i].key);
    return UNIC_OK;
}

/* What the encoder of a modality is made of. */
static unic_status check_modality(const unic_trainer *t, const unic_model *model,
                                  const unic__modality *a, const unic__modality *b)
{
    const struct {
        const char *key;
        bool same;
    } parts[] = {
        {"kind", a->kind == b->kind}, /* first: kinds have different keys */
        {"dims", unic__shape_equal(&a->dims, &b->dims)},
        {"attention", a->kind != UNIC__GRID || a->attention == b->attention},
        {"squeeze", a->kind != UNIC__GRID || a->squeeze == b->squeeze},
        {"recurrent", a->kind != UNIC__TOKEN || a->recurrent == b->recurrent},
        {"recurrent_layers",
         a->kind != UNIC__TOKEN || a->recurrent_layers == b->recurrent_layers},
        {"extractor", !*a->extractor || !*b->extractor || !strcmp(a->extractor, b->extractor)},
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (!parts[i].same) {
            char key[2 * UNIC__NAME_SIZE];
            snprintf(key, sizeof key, "%s.%s", a->name, parts[i].key);
            return differs(t, model, key);
        }
    return UNIC_OK;
}

/* A codebook's segments lie in the order of the modalities. */
static unic_status check_segments(const unic_trainer *t, const unic_model *model,
                                  const pairs *p)
{
    const size_t n = t->config->modality_count;
    char here[UNIC__WORDS_SIZE], there[UNIC__WORDS_SIZE];
    bool same = model->config->modality_count == n;
    for (size_t m = 0; m < n; m++)
        same = same && p->of[m] == m;
    if (same || !t->config->code_segments)
        return UNIC_OK;
    return unic__fail(UNIC_E_MISMATCH,
                      "the model has %s, and the run %s: with code.segments they must be the "
                      "same, in the same order",
                      unic__config_names(model->config, there, sizeof there),
                      unic__config_names(t->config, here, sizeof here));
}

static unic_status find_pairs(const unic_trainer *t, const unic_model *model, pairs *p)
{
    char here[UNIC__WORDS_SIZE], there[UNIC__WORDS_SIZE];
    *p = (pairs){.count = 0};
    for (size_t m = 0; m < t->config->modality_count; m++) {
        const unic__modality *a = &t->config->modality[m];
        size_t k = unic__config_modality(model->config, a->name);
        p->of[m] = UNIC_MAX_MODALITIES;
        if (k == model->config->modality_count)
            continue;
        UNIC__TRY(check_modality(t, model, a, &model->config->modality[k]));
        p->of[m] = k;
        p->count++;
    }
    if (p->count == 0)
        return unic__fail(UNIC_E_MISMATCH,
                          "the model has %s, and the run %s: no modality is in "
                          "both",
                          unic__config_names(model->config, there, sizeof there),
                          unic__config_names(t->config, here, sizeof here));
    return check_segments(t, model, p);
}

/* Reads the weights, which are the model's then, and checks that the run has every parameter. */
static unic_status load(const unic_trainer *t, unic_model *model, const pairs *p,
                        unic__param_table *weights[UNIC_MAX_MODALITIES])
{
    for (size_t m = 0; m < t->config->modality_count; m++) {
        if (p->of[m] == UNIC_MAX_MODALITIES)
            continue;
        UNIC__TRY(unic__model_weights(model, p->of[m], &weights[m]));
        for (size_t i = 0; i < weights[m]->n; i++) {
            const unic__param *from = weights[m]->at[i];
            const unic__param *to = unic__param_table_find(&t->params, from->name);
            if (!to || !unic__shape_equal(&to->shape, &from->shape))
                return unic__fail(UNIC_E_MISMATCH,
                                  "the run has no parameter %s of the model's "
                                  "shape",
                                  from->name);
        }
    }
    return UNIC_OK;
}

static void take_weights(unic_trainer *t, const unic__param_table *weights)
{
    for (size_t i = 0; i < weights->n; i++) {
        const unic__param *to = unic__param_table_find(&t->params, weights->at[i]->name);
        unic__param_table_read(weights, weights->at[i], t->params.values + to->offset);
    }
}

/* What is frozen keeps every bit, and codes that gradients train are of length 1. */
static unic_status check_frozen(const unic_trainer *t, const unic_codebook *from)
{
    if (t->config->codis_weight == 0.0 || !unic__config_freezes_codebook(t->config))
        return UNIC_OK;
    for (size_t l = 0; l < from->codes; l++)
        if (!unic__is_unit(from->embedding + l * from->dim, from->dim))
            return unic__fail(
                UNIC_E_MISMATCH,
                "train.freeze = %s: the codes of a run with codis.weight = %g are "
                "of length 1, and code %zu of the model is not, so that it cannot "
                "stay as it is",
                t->config->freeze, t->config->codis_weight, l);
    return UNIC_OK;
}

/* Codes have been idle for as long as they were; for a new modality the count begins. */
static void take_codebook(unic_trainer *t, const unic_codebook *from, const pairs *p)
{
    unic_codebook *cb = t->codebook;
    unic__codebook_set(cb, from->embedding);
    memcpy(cb->count, from->count, cb->codes * sizeof *cb->count);
    memcpy(cb->sum, from->sum, cb->codes * cb->dim * sizeof *cb->sum);
    for (size_t m = 0; m < cb->modalities; m++)
        if (p->of[m] < from->modalities)
            memcpy(cb->idle + m * cb->codes, from->idle + p->of[m] * cb->codes,
                   cb->codes * sizeof *cb->idle);
    if (t->config->code_segments)
        unic__segments_take(t);
    unic__prototypes_take(t);
    unic__prototypes_give(t);
    t->started = true;
}

static void say(const unic_trainer *t, const pairs *p)
{
    char taken[UNIC__WORDS_SIZE + 16] = "", fresh[UNIC__WORDS_SIZE + 16] = "";
    for (size_t m = 0; m < t->config->modality_count; m++) {
        char *list = p->of[m] < UNIC_MAX_MODALITIES ? taken : fresh;
        size_t used = strlen(list);
        snprintf(list + used, sizeof taken - used, "%s%s", used ? ", " : "",
                 t->config->modality[m].name);
    }
    unic__log_line(UNIC_LOG_INFO, "from the model: the codebook, and the encoders of %s%s%s",
                   taken, *fresh ? "; new: " : "", fresh);
}

unic_status unic__trainer_start_from(unic_trainer *t, unic_model *model)
{
    unic__param_table *weights[UNIC_MAX_MODALITIES] = {NULL};
    pairs p;
    if (t->steps > 0)
        return unic__fail(UNIC_E_STATE,
                          "the run has taken %llu steps; only at step 0 can it start from a "
                          "model",
                          (unsigned long long)t->steps);
    if (t->level2 || model->config->level2_weight > 0.0)
        return unic__fail(UNIC_E_CONFIG,
                          "level2.weight is not 0: a run with a second level does "
                          "not start from a model, nor any from a model of two "
                          "levels");
    UNIC__TRY(check_sizes(t, model));
    UNIC__TRY(find_pairs(t, model, &p));
    UNIC__TRY(check_frozen(t, model->codebook));
    UNIC__TRY(load(t, model, &p, weights));
    for (size_t m = 0; m < t->config->modality_count; m++)
        if (weights[m])
            take_weights(t, weights[m]);
    unic__teacher_copy(&t->graph.teacher, &t->params);
    take_codebook(t, model->codebook, &p);
    say(t, &p);
    return UNIC_OK;
}
