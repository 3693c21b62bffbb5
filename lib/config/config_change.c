/*
 * What of a run's config may be another when it is resumed. All else would change which
 * parameters there are, what their values and the codes mean, or which batches and random draws
 * come next: it is another run then.
 */
#include <string.h>

#include "config/config_keys.h"

/* docs/train.md lists these too. */
static const char *const may_change[] = {
    "encoder.dropout", "encoder.weights", "recon.weight",       "commit.weight",
    "commit.own",      "commit.cross",    "club.weight",        "club.steps",
    "club.lr",         "cpc.weight",      "cpc.self",           "code_match.weight",
    "ema.decay",       "ema.epsilon",     "reset.rule",         "reset.steps",
    "reset.ema",       "reset.source",    "reset.max_per_step", "evaluation.counts",
    "train.length",    "train.epochs",    "train.optimizer",    "train.lr",
    "train.schedule",  "train.warmup",    "train.lr_floor",     "train.weight_decay",
    "train.clip",      "train.guard",     "train.freeze",       "kernel.backend",
    "kernel.winograd", "margin.weight",   "margin.form",        "margin.alpha",
    "margin.rows",     "margin.size",     "margin.growth",      "margin.temperature",
    "contrast.weight", "restore.weight",  "restore.mask",       "codis.momentum",
    "codis.plan",      "codis.beta",      "codis.rounds",       "codis.prototype_temperature",
    "codis.soft",      "masked.weight",   "masked.part",        "masked.temperature",
    "masked.fine",     "masked.coarse",   "jigsaw.weight",
};

/* Weights of terms that have parameters, which are not there while the weight is 0. */
static const char *const with_parameters[] = {
    "recon.weight",    "club.weight",    "cpc.weight",   "margin.weight",
    "contrast.weight", "restore.weight", "jigsaw.weight"};

static bool is_in(const char *name, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i], name) == 0)
            return true;
    return false;
}

#define IS_IN(name, list) is_in(name, list, sizeof list / sizeof list[0])

/* One key of both configs; the text is empty where a kind of modality does not have it. */
typedef struct difference {
    char name[UNIC__KEY_BYTES], from[UNIC__VALUE_BYTES], to[UNIC__VALUE_BYTES];
} difference;

static void print(unic_config *config, unic__key_ref ref, char text[UNIC__VALUE_BYTES])
{
    const unic__config_key *key = &unic__config_key_table[ref.index];
    text[0] = '\0';
    if (key->type == UNIC__KEY_NAMES)
        unic__config_list(config, " ", text, UNIC__VALUE_BYTES);
    else if (key->owner == UNIC__OF_CONFIG ||
             unic__key_applies(key, config->modality[ref.modality].kind))
        unic__key_print(key, unic__key_field(config, ref), text);
}

/* Moves *i to the next key that differs, from 0 on; false where there is none. The modalities
 * come before their keys, so that the keys that are compared are of the same ones. */
static bool next_difference(unic_config *from, unic_config *to, size_t *i, difference *d)
{
    unic__key_ref refs[UNIC__MAX_REFS];
    size_t n = unic__key_ref_list(from, refs);
    for (; *i < n; ++*i) {
        print(from, refs[*i], d->from);
        print(to, refs[*i], d->to);
        if (strcmp(d->from, d->to) == 0)
            continue;
        unic__key_name(from, refs[(*i)++], d->name);
        return true;
    }
    return false;
}

unic_status unic__config_may_become(unic_config *from, unic_config *to)
{
    difference d;
    for (size_t i = 0; next_difference(from, to, &i, &d);) {
        if (!IS_IN(d.name, may_change))
            return unic__fail(UNIC_E_CONFIG,
                              "the run has %s = %s, which cannot become %s; a run keeps its "
                              "settings but for those that docs/train.md lists",
                              d.name, d.from, d.to);
        if (IS_IN(d.name, with_parameters) && strcmp(d.from, "0") == 0)
            return unic__fail(UNIC_E_CONFIG,
                              "the run has %s = 0, which cannot become %s: it has no "
                              "parameters for that term",
                              d.name, d.to);
    }
    return UNIC_OK;
}

void unic__config_log_change(unic_config *from, unic_config *to)
{
    difference d;
    for (size_t i = 0; next_difference(from, to, &i, &d);)
        unic__log_line(UNIC_LOG_INFO, "the run goes on with %s = %s; it was %s", d.name, d.to,
                       d.from);
}
