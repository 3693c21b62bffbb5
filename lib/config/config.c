/*
 * A config is plain values, so a change is made on a draft (a copy on the stack) that replaces
 * the config on success. On an error the config is unchanged. Nothing is allocated.
 *
 * A key's value depends on behaviour, preset, objective and the keys that were set one by one,
 * not on their order: when one of these or `modalities` changes, all values are computed anew.
 */
#include <stdio.h>
#include <string.h>

#include "config/config_keys.h"

static void mark(unic_config *config, unic__key_ref ref)
{
    unic__key_set_of(config, ref)->bits[ref.index / 64] |= UINT64_C(1) << ref.index % 64;
}

/* ---- modalities ---- */

static bool good_name(const char *name)
{
    size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
    bool letter = (name[0] | 0x20) >= 'a' && (name[0] | 0x20) <= 'z';
    return letter && name[n] == '\0' && n < UNIC__NAME_SIZE;
}

/* "train.kind" would look like one of the keys "train.x". */
static bool is_reserved(const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < unic__config_key_count; i++)
        if (strcspn(unic__config_key_table[i].name, ".") == n &&
            memcmp(unic__config_key_table[i].name, name, n) == 0)
            return true;
    return false;
}

static unic_status modality_init(const unic_config *config, unic__modality *m, const char *name)
{
    *m = (unic__modality){.kind = (unic__kind)UNIC__KIND_UNSET};
    snprintf(m->name, sizeof m->name, "%s", name);
    for (size_t i = 0; i < unic__config_key_count; i++) {
        const unic__config_key *key = &unic__config_key_table[i];
        const char *value = unic__key_default(key, config->behaviour);
        if (key->owner != UNIC__OF_CONFIG && value[0])
            UNIC__TRY(unic__key_parse(key, key->name, value, value,
                                      (unsigned char *)m + key->offset));
    }
    return UNIC_OK;
}

/* Whether `name` can be the next of the config's modalities. */
static unic_status check_name(const unic_config *config, const char *name)
{
    char shown[UNIC__SHOWN_BYTES];
    unic__shown(name, shown);
    if (config->modality_count == UNIC_MAX_MODALITIES)
        return unic__fail(UNIC_E_CONFIG, "modalities: %s is one too many, at most %d fit",
                          shown, UNIC_MAX_MODALITIES);
    if (!good_name(name))
        return unic__fail(UNIC_E_CONFIG,
                          "modalities: %s is not a name: a letter, then letters, digits, - and "
                          "_, at most %d in all",
                          shown, UNIC__NAME_SIZE - 1);
    if (is_reserved(name))
        return unic__fail(UNIC_E_CONFIG, "modalities: %s is the first part of other keys",
                          shown);
    if (unic__config_is_freeze_word(name))
        return unic__fail(UNIC_E_CONFIG,
                          "modalities: %s is a word of train.freeze, and means something else "
                          "there",
                          shown);
    if (unic__config_modality(config, name) < config->modality_count)
        return unic__fail(UNIC_E_CONFIG, "modalities: %s is named twice", shown);
    return UNIC_OK;
}

/* The modalities become those named in `value`; those that were there keep their values. */
static unic_status set_names(unic_config *config, const char *value)
{
    unic_config old = *config;
    char copy[UNIC__VALUE_BYTES], *rest = copy;
    if (strlen(value) >= sizeof copy)
        return unic__fail(UNIC_E_CONFIG,
                          "modalities has %zu characters; expected at most %d names of at most "
                          "%d characters",
                          strlen(value), UNIC_MAX_MODALITIES, UNIC__NAME_SIZE - 1);
    strcpy(copy, value);
    config->modality_count = 0;
    for (char *name; (name = strtok_r(rest, " \t", &rest));) {
        UNIC__TRY(check_name(config, name));
        unic__modality *m = &config->modality[config->modality_count];
        size_t was = unic__config_modality(&old, name);
        if (was < old.modality_count)
            *m = old.modality[was];
        else
            UNIC__TRY(modality_init(config, m, name));
        config->modality_count++;
    }
    return UNIC_OK;
}

/* ---- setting ---- */

static unic_status assign(unic_config *config, unic__key_ref ref, const char *value)
{
    const unic__config_key *key = &unic__config_key_table[ref.index];
    char name[UNIC__KEY_BYTES];
    if (key->type == UNIC__KEY_NAMES)
        return set_names(config, value);
    unic__key_name(config, ref, name);
    if (!value[0])
        return unic__fail(UNIC_E_CONFIG, "%s has no value; expected %s", name, key->allowed);
    return unic__key_parse(key, name, unic__key_default(key, config->behaviour), value,
                           unic__key_field(config, ref));
}

static unic_status assign_text(unic_config *config, const char *text)
{
    unic__config_line line;
    UNIC__TRY(unic__config_begin(&line, text, strlen(text)));
    for (;;) {
        unic__key_ref ref;
        bool found = false;
        UNIC__TRY(unic__config_next(&line, &found));
        if (!found)
            return UNIC_OK;
        if (!unic__key_find(config, line.key, &ref))
            return unic__key_unknown(config, line.key);
        UNIC__TRY(assign(config, ref, line.value));
    }
}

static unic_status assign_parts(unic_config *config, const unic__preset *chosen)
{
    for (size_t i = 0; i < UNIC__PRESET_PARTS && chosen->parts[i]; i++)
        UNIC__TRY(assign_text(config, chosen->parts[i]));
    return UNIC_OK;
}

/* Defaults, then the preset, then the objective. */
static unic_status start(unic_config *config, unic__behaviour behaviour, int preset,
                         int objective)
{
    *config = (unic_config){.behaviour = behaviour, .preset = preset, .objective = objective};
    for (size_t i = UNIC__KEY_FIRST_SINGLE; i < unic__config_key_count; i++)
        if (unic__config_key_table[i].owner == UNIC__OF_CONFIG)
            UNIC__TRY(assign(config, (unic__key_ref){i, 0},
                             unic__key_default(&unic__config_key_table[i], behaviour)));
    UNIC__TRY(assign_parts(config, &unic__config_presets[preset]));
    return assign_parts(config, &unic__config_objectives[objective]);
}

/* The modalities become those of `old`, with the preset's values for the names it has. */
static unic_status take_modalities(unic_config *config, const unic_config *old)
{
    unic_config fresh = *config;
    for (size_t i = 0; i < old->modality_count; i++) {
        const char *name = old->modality[i].name;
        size_t at = unic__config_modality(&fresh, name);
        if (at < fresh.modality_count)
            config->modality[i] = fresh.modality[at];
        else
            UNIC__TRY(modality_init(config, &config->modality[i], name));
    }
    config->modality_count = old->modality_count;
    return UNIC_OK;
}

/* Defaults, the preset, the objective, and on top the keys that were set one by one. */
static unic_status rebuild(unic_config *config)
{
    unic__key_ref refs[UNIC__MAX_REFS];
    unic_config old = *config;
    UNIC__TRY(start(config, old.behaviour, old.preset, old.objective));
    config->set = old.set;
    if (unic__key_in(&old.set, UNIC__KEY_MODALITIES))
        UNIC__TRY(take_modalities(config, &old));
    size_t n = unic__key_ref_list(config, refs);
    for (size_t i = 0; i < n; i++) {
        unic__key_ref ref = refs[i], was = ref;
        if (ref.index < UNIC__KEY_FIRST_SINGLE)
            continue;
        const unic__config_key *key = &unic__config_key_table[ref.index];
        if (key->owner != UNIC__OF_CONFIG) {
            was.modality = unic__config_modality(&old, config->modality[ref.modality].name);
            if (was.modality == old.modality_count)
                continue;
        }
        if (!unic__key_in(unic__key_set_of(&old, was), ref.index))
            continue;
        memcpy(unic__key_field(config, ref), unic__key_field(&old, was), unic__key_bytes(key));
        mark(config, ref);
    }
    return UNIC_OK;
}

unic_status unic__config_apply(unic_config *draft, unic__key_ref ref, const char *value)
{
    UNIC__TRY(assign(draft, ref, value));
    mark(draft, ref);
    return ref.index < UNIC__KEY_FIRST_SINGLE ? rebuild(draft) : UNIC_OK;
}

void unic__config_commit(unic_config *config, unic_config *draft)
{
    unic__free(config->text);
    unic__free(config->lines);
    *config = *draft;
    config->text = config->lines = NULL;
}

unic_status unic__config_set(unic_config *config, const char *key, const char *value)
{
    unic_config draft = *config;
    unic__key_ref ref;
    if (!unic__key_find(config, key, &ref))
        return unic__key_unknown(config, key);
    UNIC__TRY(unic__config_apply(&draft, ref, value));
    unic__config_commit(config, &draft);
    return UNIC_OK;
}

/* ---- life ---- */

unic_status unic__config_create(unic_config **out)
{
    unic_config *config = unic__alloc_zero(sizeof *config);
    if (!config)
        return unic__no_memory(sizeof *config, "a config");
    unic_status status = start(config, UNIC__PAPER, 0, 0);
    if (status != UNIC_OK) {
        unic__free(config);
        return status;
    }
    *out = config;
    return UNIC_OK;
}

unic_status unic__config_copy(unic_config **out, const unic_config *config)
{
    unic_config *copy = unic__alloc(sizeof *copy);
    if (!copy)
        return unic__no_memory(sizeof *copy, "a config");
    *copy = *config;
    copy->text = copy->lines = NULL;
    *out = copy;
    return UNIC_OK;
}

void unic__config_free(unic_config *config)
{
    if (!config)
        return;
    unic__free(config->text);
    unic__free(config->lines);
    unic__free(config);
}
