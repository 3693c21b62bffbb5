#include "cli/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/report.h"
#include "cli/text.h"

enum { KEY = 64, VALUE = 320, MOST_TEXT = 65536 };

bool cli_config_apply(unic_config *config, const cli_list *settings)
{
    for (size_t i = 0; i < settings->count; i++) {
        const char *text = settings->items[i], *equals = strchr(text, '=');
        size_t length = equals ? (size_t)(equals - text) : 0;
        char key[KEY];
        if (length == 0 || length >= sizeof key)
            return cli_fail("--set %s: expected KEY=VALUE", text);
        memcpy(key, text, length);
        key[length] = '\0';
        if (unic_config_set(config, key, equals + 1) != UNIC_OK)
            return cli_fail("--set: %s", unic_last_error());
    }
    return true;
}

/* Whether an item behind the first `from` sets the key that `line` sets: "key = value". */
static bool is_set(const cli_list *settings, size_t from, const char *line)
{
    line += strspn(line, " \t");
    size_t length = strcspn(line, " \t=\n");
    for (size_t i = from; i < settings->count && length > 0; i++)
        if (!strncmp(settings->items[i], line, length) && settings->items[i][length] == '=')
            return true;
    return false;
}

static bool copy_file(FILE *out, const char *path, const cli_list *settings)
{
    char *text = cli_text_read(path, MOST_TEXT, "config"), *line;
    char *at = text ? cli_text_begin(text) : NULL;
    while (at && (line = cli_text_line(&at)))
        fprintf(out, "%s\n", is_set(settings, 0, line) ? "" : line);
    free(text);
    return text != NULL;
}

char *cli_config_lines(const char *path, const cli_list *settings)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    bool ok = out && (!path || copy_file(out, path, settings));
    for (size_t i = 0; ok && i < settings->count; i++) {
        const char *item = settings->items[i];
        if (!strchr(item, '=') || *item == '=')
            ok = cli_fail("--set %s: expected KEY=VALUE", item);
        else if (!is_set(settings, i + 1, item))
            fprintf(out, "%s\n", item);
    }
    if (!cli_text_end(out, &text, "the settings") || !ok) {
        free(text);
        return NULL;
    }
    return text;
}

bool cli_config_number(unic_config *config, const char *key, uint64_t *value)
{
    const char *text;
    if (!cli_ok(unic_config_get(&text, config, key)))
        return false;
    *value = strtoull(text, NULL, 10);
    return true;
}

bool cli_config_switch(unic_config *config, const char *key, bool *value)
{
    const char *text;
    if (!cli_ok(unic_config_get(&text, config, key)))
        return false;
    *value = !strcmp(text, "on");
    return true;
}

/* The value of a key that need not be set; *text is "" if it is not. */
static bool get_optional(unic_config *config, const char *key, const char **text)
{
    unic_status status = unic_config_get(text, config, key);
    if (status == UNIC_E_CONFIG)
        *text = "";
    return status == UNIC_E_CONFIG || cli_ok(status);
}

bool cli_config_modalities(unic_config *config, cli_modalities *modalities)
{
    const char *text;
    modalities->count = 0;
    if (!get_optional(config, "modalities", &text))
        return false;
    if (strlen(text) >= sizeof modalities->text)
        return cli_fail("modalities: a list of %zu characters is too long", strlen(text));
    strcpy(modalities->text, text);
    char *rest = modalities->text;
    for (char *name; (name = strtok_r(rest, " ", &rest));) {
        if (modalities->count == UNIC_MAX_MODALITIES)
            return cli_fail("modalities: more than %d", UNIC_MAX_MODALITIES);
        modalities->names[modalities->count++] = name;
    }
    return true;
}

/* Sets "<modality>.<what>" unless the config has it. */
static bool set_if_missing(unic_config *config, const char *modality, const char *what,
                           const char *value)
{
    char key[VALUE];
    const char *now;
    snprintf(key, sizeof key, "%s.%s", modality, what);
    if (!get_optional(config, key, &now))
        return false;
    return *now || cli_ok(unic_config_set(config, key, value));
}

static bool complete_modality(unic_config *config, const unic_dataset *data, const char *name)
{
    int64_t dims[UNIC_MAX_RANK];
    size_t rank, used = 0;
    char text[VALUE] = "";
    if (!cli_ok(unic_dataset_feature_dims(&rank, data, name, dims)))
        return false;
    for (size_t i = 0; i < rank; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%lld", i ? " " : "",
                                 (long long)dims[i]);
    return set_if_missing(config, name, "kind", rank == 3 ? "grid" : "vector") &&
           set_if_missing(config, name, "dims", text);
}

bool cli_config_complete(unic_config *config, const unic_dataset *data)
{
    size_t n = unic_dataset_modality_count(data), used = 0;
    char names[CLI_NAMES] = "";
    const char *now;
    if (!get_optional(config, "modalities", &now))
        return false;
    for (size_t i = 0; !*now && i < n && used < sizeof names; i++) {
        const char *name = unic_dataset_modality_name(data, i);
        if (strpbrk(name, " \t")) /* which would be two names */
            return cli_fail("modality \"%s\" has a blank in its name; those of a model have "
                            "letters, digits, - and _: rename its array or directory",
                            name);
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? " " : "", name);
    }
    if (used > 0 && !cli_ok(unic_config_set(config, "modalities", names)))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!complete_modality(config, data, unic_dataset_modality_name(data, i)))
            return false;
    return true;
}
