#include <string.h>

#include "model/config_keys.h"

static unic_status is_null(const char *function, const char *argument)
{
    return unic__fail(UNIC_E_ARG, "%s: %s is NULL", function, argument);
}

unic_status unic_config_create(unic_config **out)
{
    if (!out)
        return is_null("unic_config_create", "out");
    *out = NULL;
    return unic__config_create(out);
}

void unic_config_free(unic_config *config)
{
    unic__config_free(config);
}

unic_status unic_config_copy(unic_config **out, const unic_config *config)
{
    if (!out)
        return is_null("unic_config_copy", "out");
    *out = NULL;
    if (!config)
        return is_null("unic_config_copy", "config");
    return unic__config_copy(out, config);
}

unic_status unic_config_set(unic_config *config, const char *key, const char *value)
{
    if (!config || !key || !value)
        return is_null("unic_config_set", !config ? "config" : !key ? "key" : "value");
    return unic__config_set(config, key, value);
}

unic_status unic_config_parse(unic_config *config, const char *text, const char *source)
{
    if (!config || !text)
        return is_null("unic_config_parse", !config ? "config" : "text");
    return unic__config_parse(config, text, strlen(text), source);
}

unic_status unic_config_load(unic_config *config, const char *path)
{
    if (!config || !path)
        return is_null("unic_config_load", !config ? "config" : "path");
    return unic__config_load(config, path);
}

unic_status unic_config_get(unic_config *config, const char *key, const char **value)
{
    if (!config || !key || !value)
        return is_null("unic_config_get", !config ? "config" : !key ? "key" : "value");
    *value = NULL;
    return unic__config_get(config, key, value);
}

unic_status unic_config_text(unic_config *config, const char **text)
{
    if (!config || !text)
        return is_null("unic_config_text", !config ? "config" : "text");
    *text = NULL;
    return unic__config_text(config, text);
}

unic_status unic_config_check(const unic_config *config)
{
    if (!config)
        return is_null("unic_config_check", "config");
    return unic__config_check(config);
}

size_t unic_config_key_count(void)
{
    return unic__config_n_keys;
}

unic_status unic_config_key_at(size_t i, unic_config_key *key)
{
    static const char *const types[] = {
        [UNIC__KEY_NUMBER] = "number", [UNIC__KEY_SIZE] = "integer",
        [UNIC__KEY_SEED] = "integer",  [UNIC__KEY_CHOICE] = "choice",
        [UNIC__KEY_SWITCH] = "switch", [UNIC__KEY_DIMS] = "integers",
        [UNIC__KEY_NAMES] = "text",
    };
    if (!key)
        return is_null("unic_config_key_at", "key");
    if (i >= unic__config_n_keys)
        return unic__fail(UNIC_E_ARG, "unic_config_key_at: i = %zu, but there are %zu keys", i,
                          unic__config_n_keys);
    if (key->struct_size < offsetof(unic_config_key, reserved))
        return unic__fail(UNIC_E_ARG,
                          "unic_config_key_at: struct_size is %zu, expected at least %zu",
                          key->struct_size, offsetof(unic_config_key, reserved));
    const unic__config_key *entry = &unic__config_keys[i];
    key->name = entry->name;
    key->type = types[entry->type];
    key->value = entry->paper;
    key->compat = entry->compat;
    key->allowed = entry->allowed;
    key->help = entry->help;
    return UNIC_OK;
}
