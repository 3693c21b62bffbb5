/* Finding modalities and keys by name, and the fields of keys. */
#include <stdio.h>
#include <string.h>

#include "config/config_keys.h"

const char *unic__config_list(const unic_config *config, const char *separator, char *text,
                              size_t size)
{
    size_t at = 0;
    if (size > 0)
        text[0] = '\0';
    for (size_t i = 0; i < config->modality_count && at < size; i++)
        at += (size_t)snprintf(text + at, size - at, "%s%s", i ? separator : "",
                               config->modality[i].name);
    return text;
}

const char *unic__config_names(const unic_config *config, char *text, size_t size)
{
    return unic__config_list(config, ", ", text, size);
}

size_t unic__config_modality(const unic_config *config, const char *name)
{
    size_t i = 0;
    while (i < config->modality_count && strcmp(config->modality[i].name, name) != 0)
        i++;
    return i;
}

/* "<modality>.kind": ".kind". */
static const char *suffix_of(const unic__config_key *key)
{
    return key->name + strcspn(key->name, ".");
}

static void *owner_of(unic_config *config, unic__key_ref ref)
{
    return unic__config_key_table[ref.index].owner == UNIC__OF_CONFIG
               ? (void *)config
               : (void *)&config->modality[ref.modality];
}

void *unic__key_field(unic_config *config, unic__key_ref ref)
{
    return (unsigned char *)owner_of(config, ref) + unic__config_key_table[ref.index].offset;
}

unic__key_set *unic__key_set_of(unic_config *config, unic__key_ref ref)
{
    return unic__config_key_table[ref.index].owner == UNIC__OF_CONFIG
               ? &config->set
               : &config->modality[ref.modality].set;
}

bool unic__key_in(const unic__key_set *set, size_t index)
{
    return set->bits[index / 64] >> index % 64 & 1;
}

const char *unic__key_name(const unic_config *config, unic__key_ref ref,
                           char text[UNIC__KEY_BYTES])
{
    const unic__config_key *key = &unic__config_key_table[ref.index];
    if (key->owner == UNIC__OF_CONFIG)
        snprintf(text, UNIC__KEY_BYTES, "%s", key->name);
    else
        snprintf(text, UNIC__KEY_BYTES, "%s%s", config->modality[ref.modality].name,
                 suffix_of(key));
    return text;
}

size_t unic__key_ref_list(const unic_config *config, unic__key_ref refs[UNIC__MAX_REFS])
{
    size_t n = 0, i = 0, key_count = unic__config_key_count;
    for (; i < key_count && unic__config_key_table[i].owner == UNIC__OF_CONFIG; i++)
        refs[n++] = (unic__key_ref){i, 0};
    size_t first = i;
    for (size_t m = 0; m < config->modality_count; m++)
        for (i = first; i < key_count && unic__config_key_table[i].owner != UNIC__OF_CONFIG;
             i++)
            refs[n++] = (unic__key_ref){i, m};
    for (i = first; i < key_count; i++)
        if (unic__config_key_table[i].owner == UNIC__OF_CONFIG)
            refs[n++] = (unic__key_ref){i, 0};
    return n;
}

bool unic__key_find(const unic_config *config, const char *name, unic__key_ref *ref)
{
    for (size_t i = 0; i < unic__config_key_count; i++) {
        const unic__config_key *key = &unic__config_key_table[i];
        if (key->owner == UNIC__OF_CONFIG) {
            *ref = (unic__key_ref){i, 0};
            if (strcmp(key->name, name) == 0)
                return true;
            continue;
        }
        const char *dot = strchr(name, '.');
        if (!dot || strcmp(dot, suffix_of(key)) != 0)
            continue;
        for (size_t m = 0; m < config->modality_count; m++) {
            size_t n = strlen(config->modality[m].name);
            *ref = (unic__key_ref){i, m};
            if (n == (size_t)(dot - name) && memcmp(config->modality[m].name, name, n) == 0)
                return true;
        }
    }
    return false;
}

/* "image.kind" of a modality that is not there, as opposed to a word that is no key at all. */
static bool is_of_modality(const char *name)
{
    const char *dot = strchr(name, '.');
    for (size_t i = 0; dot && i < unic__config_key_count; i++)
        if (unic__config_key_table[i].owner != UNIC__OF_CONFIG &&
            strcmp(suffix_of(&unic__config_key_table[i]), dot) == 0)
            return dot > name;
    return false;
}

unic_status unic__key_unknown(const unic_config *config, const char *name)
{
    unic__key_ref refs[UNIC__MAX_REFS];
    char texts[UNIC__MAX_REFS][UNIC__KEY_BYTES], shown[UNIC__SHOWN_BYTES];
    char names[UNIC__VALUE_BYTES];
    const char *candidates[UNIC__MAX_REFS];
    size_t n = unic__key_ref_list(config, refs);
    for (size_t i = 0; i < n; i++)
        candidates[i] = unic__key_name(config, refs[i], texts[i]);
    const char *near = unic__nearest_word(name, candidates, n);
    unic__shown(name, shown);
    if (near)
        return unic__fail(UNIC_E_CONFIG, "unknown key %s; did you mean %s?", shown, near);
    if (is_of_modality(name) && config->modality_count > 0)
        return unic__fail(UNIC_E_CONFIG, "unknown key %s: the modalities are %s", shown,
                          unic__config_names(config, names, sizeof names));
    if (is_of_modality(name))
        return unic__fail(UNIC_E_CONFIG, "unknown key %s: modalities is not set", shown);
    return unic__fail(UNIC_E_CONFIG, "unknown key %s; docs/config.md lists every key", shown);
}
