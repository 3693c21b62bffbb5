#include "cmg/cmg_resume.h"

#include <stdio.h>
#include <string.h>

#include "cmg/cmg_import.h"
#include "cmg/cmg_layout.h"

/*
 * Adam's states are numbered by parameter: the parameters of the modules in the order in which
 * they were given to the optimiser, each module's in the order of its registration, which is
 * the order of its state dict without the buffers.
 */

/* Which modules an optimiser holds, in order. */
typedef struct optimiser {
    const char *key;       /* "optimizer"                       */
    const char *module[4]; /* top-level keys; unused ones NULL  */
} optimiser;

/* Number of the tensor `path` among the optimiser's parameters; false if it is none of them. */
static bool index_of(const unic__torch_file *f, const optimiser *o, const char *path,
                     size_t *index)
{
    *index = 0;
    for (size_t k = 0; k < 4 && o->module[k]; k++) {
        size_t n = strlen(o->module[k]);
        for (size_t i = 0; i < unic__torch_count(f); i++) {
            const char *at = unic__torch_tensor_at(f, i)->path;
            if (strncmp(at, o->module[k], n) != 0 || at[n] != '/' ||
                strncmp(at + n + 1, "Cross_quantizer.", 16) == 0)
                continue;
            if (strcmp(at, path) == 0)
                return true;
            ++*index;
        }
    }
    return false;
}

/* The number of parameters that these modules have. */
static size_t parameters_of(const unic__torch_file *f, const optimiser *o)
{
    size_t index;
    index_of(f, o, "", &index);
    return index;
}

/* "<key>/state/<number>/<name>" */
static const unic__torch_tensor *state_of(const unic__torch_file *f, const optimiser *o,
                                          int64_t number, const char *name)
{
    char path[UNIC__TORCH_PATH];
    snprintf(path, sizeof path, "%s/state/%lld/%s", o->key, (long long)number, name);
    return unic__torch_find(f, path);
}

/* What the optimiser calls its parameter of that index: the index, or as torch before 1.5 its
 * address. */
static int64_t number_of(unic__torch_file *f, const optimiser *o, size_t index)
{
    char path[UNIC__TORCH_PATH];
    int64_t number = 0;
    snprintf(path, sizeof path, "%s/param_groups/0/params/%zu", o->key, index);
    return unic__torch_get_i64(f, path, &number) == UNIC_OK ? number : (int64_t)index;
}

/* Parameters without moments are right in a checkpoint from before the first step alone. */
static void report_missing(unic__torch_file *f, const optimiser *o, size_t missing, size_t all,
                           const char *first)
{
    char path[UNIC__TORCH_PATH];
    size_t states = 0;
    int64_t steps = 0;
    snprintf(path, sizeof path, "%s/state", o->key);
    (void)unic__torch_kind_of(f, path, &states);
    if (unic__torch_kind_of(f, "total_step", NULL) == UNIC__TORCH_NUMBER &&
        unic__torch_get_i64(f, "total_step", &steps) != UNIC_OK)
        steps = 0;
    if (missing && (states || steps > 0))
        unic__log_line(UNIC_LOG_WARNING,
                       "%s: %s has no exp_avg and exp_avg_sq of %zu of %zu parameters, the "
                       "first %s: Adam starts anew for them",
                       unic__torch_path(f), o->key, missing, all, first);
}

/* Moments and step counts of one optimiser. A parameter without a state has never had a
 * gradient. */
static unic_status read_adam(unic__torch_file *f, const unic_config *c, const optimiser *o,
                             const char *only, unic__adam *adam)
{
    char path[UNIC__TORCH_PATH], first_missing[UNIC__TORCH_PATH] = "";
    size_t all = 0, missing = 0;
    for (size_t i = 0; i < adam->params->n; i++) {
        const unic__param *p = adam->params->at[i];
        unic__cmg_place place;
        size_t index;
        int64_t steps;
        for (size_t m = 0; m < c->modality_count; m++)
            if (unic__cmg_find(&c->modality[m], p->name, &place))
                break;
        if (only && strcmp(place.part, only) != 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", place.part, place.name);
        if (!index_of(f, o, path, &index))
            return unic__fail(UNIC_E_FORMAT, "%s: %s is not among the parameters of %s",
                              unic__torch_path(f), path, o->key);
        const int64_t number = number_of(f, o, index);
        const unic__torch_tensor *first = state_of(f, o, number, "exp_avg");
        const unic__torch_tensor *second = state_of(f, o, number, "exp_avg_sq");
        all++;
        if (!first || !second) {
            if (!missing++)
                snprintf(first_missing, sizeof first_missing, "%s", path);
            continue;
        }
        unic__shape shape = unic__cmg_shape(&place, &p->shape);
        if (!unic__shape_equal(&first->shape, &shape) ||
            !unic__shape_equal(&second->shape, &shape))
            return unic__fail(
                UNIC_E_FORMAT,
                "%s: %s/state/%lld is not of the shape of %s: another order of "
                "parameters than the modules'; without \"%s\" in it Adam starts anew",
                unic__torch_path(f), o->key, (long long)number, path, o->key);
        UNIC__TRY(unic__cmg_read_tensor(f, first, &place, p, adam->m + p->offset));
        UNIC__TRY(unic__cmg_read_tensor(f, second, &place, p, adam->v + p->offset));
        snprintf(path, sizeof path, "%s/state/%lld/step", o->key, (long long)number);
        UNIC__TRY(unic__torch_get_i64(f, path, &steps));
        if (steps > 0 && (uint64_t)steps > adam->steps)
            adam->steps = (uint64_t)steps;
    }
    report_missing(f, o, missing, all, first_missing);
    return UNIC_OK;
}

/* The main optimiser: with the text's LSTM in front, if its number of parameters
 * says so (A.6). */
static unic_status read_main(unic__torch_file *f, unic_trainer *t)
{
    optimiser with = {"optimizer",
                      {"Text_ar_lstm_parameters", "Encoder_parameters", "CPC_parameters",
                       "Decoder_parameters"}};
    optimiser without = {"optimizer",
                         {"Encoder_parameters", "CPC_parameters", "Decoder_parameters"}};
    size_t n = 0;
    if (unic__torch_kind_of(f, "optimizer/param_groups/0/params", &n) != UNIC__TORCH_LIST) {
        unic__log_line(UNIC_LOG_WARNING, "%s: no optimizer in it: Adam starts anew",
                       unic__torch_path(f));
        return UNIC_OK;
    }
    const optimiser *o = parameters_of(f, &with) == n ? &with : &without;
    if (parameters_of(f, o) != n)
        return unic__fail(UNIC_E_FORMAT,
                          "%s: optimizer has %zu parameters in the first of its groups, the "
                          "modules %zu or %zu; without \"optimizer\" in it Adam starts anew",
                          unic__torch_path(f), n, parameters_of(f, &without),
                          parameters_of(f, &with));
    return read_adam(f, t->config, o, NULL, &t->adam);
}

static unic_status read_club(unic__torch_file *f, unic_trainer *t)
{
    for (size_t m = 0; m < t->config->modality_count && t->club.n > 0; m++) {
        const char *name = t->config->modality[m].name;
        char key[64], part[UNIC__CMG_PART];
        snprintf(key, sizeof key, "optimizer_%s_mi_net", name);
        unic__cmg_club_part(part, name);
        optimiser o = {key, {part}};
        if (unic__torch_kind_of(f, key, NULL) == UNIC__TORCH_DICT)
            UNIC__TRY(read_adam(f, t->config, &o, part, &t->club_adam));
        else
            unic__log_line(UNIC_LOG_WARNING, "%s: no %s in it: its Adam starts anew",
                           unic__torch_path(f), key);
    }
    return UNIC_OK;
}

static unic_status read_training(unic__torch_file *f, unic_trainer *t)
{
    unic_codebook *codebook;
    int64_t steps = 0;
    UNIC__TRY(unic__cmg_read_params(f, t->config, &t->params));
    UNIC__TRY(unic__cmg_read_params(f, t->config, &t->club));
    UNIC__TRY(unic__cmg_read_codebook(f, t->config, &codebook));
    unic__codebook_assign_state(t->codebook, codebook);
    unic__codebook_free(codebook);
    t->started = true;
    UNIC__TRY(read_main(f, t));
    UNIC__TRY(read_club(f, t));
    UNIC__TRY(unic__adam_check(&t->adam, unic__torch_path(f)));
    UNIC__TRY(unic__adam_check(&t->club_adam, unic__torch_path(f)));
    if (unic__torch_kind_of(f, "total_step", NULL) == UNIC__TORCH_NUMBER)
        UNIC__TRY(unic__torch_get_i64(f, "total_step", &steps));
    t->steps = steps > 0 ? (uint64_t)steps : 0;
    unic__cmg_log_extra(f, t->config);
    return UNIC_OK;
}

unic_status unic__trainer_import(unic_trainer **out, unic__source *source, const char *settings,
                                 const unic__ranks *ranks)
{
    unic__torch_file *f;
    unic_config *config = NULL;
    unic_trainer *t = NULL;
    UNIC__TRY(unic__cmg_open(&f, source));
    unic_status status = unic__cmg_config(f, settings, &config);
    if (status == UNIC_OK)
        status = unic__trainer_create(&t, config, ranks);
    if (status == UNIC_OK)
        status = read_training(f, t);
    unic__config_free(config);
    unic__torch_close(f);
    if (status != UNIC_OK)
        unic__trainer_free(t);
    else
        *out = t;
    return status;
}
