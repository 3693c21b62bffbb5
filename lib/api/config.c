#include <string.h>

#include "api/api.h"
#include "config/config_keys.h"
#include "file/text_file.h"

unic_status unic_config_create(unic_config **out)
{
    UNIC__REQUIRE(out);
    *out = NULL;
    return unic__config_create(out);
}

void unic_config_free(unic_config *config)
{
    unic__config_free(config);
}

unic_status unic_config_copy(unic_config **out, const unic_config *config)
{
    UNIC__REQUIRE(out);
    *out = NULL;
    UNIC__REQUIRE(config);
    return unic__config_copy(out, config);
}

unic_status unic_config_set(unic_config *config, const char *key, const char *value)
{
    UNIC__REQUIRE(config);
    UNIC__REQUIRE(key);
    UNIC__REQUIRE(value);
    return unic__config_set(config, key, value);
}

unic_status unic_config_parse(unic_config *config, const char *text, const char *source)
{
    UNIC__REQUIRE(config);
    UNIC__REQUIRE(text);
    return unic__config_parse(config, text, strlen(text), source);
}

unic_status unic_config_load(unic_config *config, const char *path)
{
    UNIC__REQUIRE(config);
    UNIC__REQUIRE(path);
    char *text;
    size_t length;
    unic_status status = unic__text_load(&text, &length, path, UNIC__CONFIG_TEXT, "a config");
    if (status == UNIC_OK)
        status = unic__config_parse(config, text, length, path);
    else if (status == UNIC_E_FORMAT) /* as unic_config_parse() says of a text */
        status = unic__fail(UNIC_E_CONFIG, "%s", unic_last_error());
    unic__free(text);
    return status;
}

unic_status unic_config_get(const char **value, unic_config *config, const char *key)
{
    UNIC__REQUIRE(config);
    UNIC__REQUIRE(key);
    UNIC__REQUIRE(value);
    *value = NULL;
    return unic__config_get(value, config, key);
}

unic_status unic_config_text(const char **text, unic_config *config)
{
    UNIC__REQUIRE(config);
    UNIC__REQUIRE(text);
    *text = NULL;
    return unic__config_text(text, config);
}

unic_status unic_config_check(const unic_config *config)
{
    UNIC__REQUIRE(config);
    return unic__config_check(config);
}

size_t unic_config_key_count(void)
{
    return unic__config_key_count;
}

unic_status unic_config_key_at(unic_config_key *key, size_t i)
{
    static const char *const types[] = {
        [UNIC__KEY_NUMBER] = "number", [UNIC__KEY_SIZE] = "integer",
        [UNIC__KEY_SEED] = "integer",  [UNIC__KEY_CHOICE] = "choice",
        [UNIC__KEY_SWITCH] = "switch", [UNIC__KEY_DIMS] = "integers",
        [UNIC__KEY_NAMES] = "text",    [UNIC__KEY_WORDS] = "text",
        [UNIC__KEY_CONTEXT] = "text",
    };
    UNIC__REQUIRE(key);
    if (i >= unic__config_key_count)
        return unic__fail(UNIC_E_ARG,
                          "unic_config_key_at: i = %zu, but there are %zu keys, counted from 0",
                          i, unic__config_key_count);
    UNIC__REQUIRE_SIZE(unic__config_key_kind, key);
    const unic__config_key *entry = &unic__config_key_table[i];
    const unic_config_key found = {.struct_size = sizeof found,
                                   .name = entry->name,
                                   .type = types[entry->type],
                                   .value = entry->paper,
                                   .compat = entry->compat,
                                   .allowed = entry->allowed,
                                   .help = entry->help};
    unic__struct_give(&unic__config_key_kind, key, &found);
    return UNIC_OK;
}
