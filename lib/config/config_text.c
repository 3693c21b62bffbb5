/* Config text: reading it and writing it. */
#include <stdio.h>
#include <string.h>

#include "config/config_keys.h"

/* ---- parsing ---- */

/* The line that first gave each key, 0 if none: a second one is a mistake. */
typedef struct first_lines {
    size_t line[UNIC_MAX_MODALITIES][UNIC__MAX_KEYS];
} first_lines;

/* Applies the line if it is this stage's: one for each of the first keys, then all others. */
static unic_status apply_line(unic_config *draft, const unic__config_line *line, size_t stage,
                              first_lines *seen)
{
    unic__key_ref ref;
    if (!unic__key_find(draft, line->key, &ref)) /* its modality may be named further down */
        return stage < UNIC__KEY_FIRST_SINGLE ? UNIC_OK : unic__key_unknown(draft, line->key);
    if (stage != (ref.index < UNIC__KEY_FIRST_SINGLE ? ref.index : UNIC__KEY_FIRST_SINGLE))
        return UNIC_OK;
    size_t *first = &seen->line[ref.modality][ref.index];
    if (*first)
        return unic__fail(UNIC_E_CONFIG, "%s was already set in line %zu", line->key, *first);
    *first = line->lines.number;
    return unic__config_apply(draft, ref, line->value);
}

static unic_status apply_stage(unic_config *draft, const char *text, size_t length,
                               const char *source, size_t stage, first_lines *seen)
{
    unic__config_line line;
    unic_status status = unic__config_begin(&line, text, length);
    if (status != UNIC_OK)
        return unic__fail_in(status, "%s", source ? source : "the text");
    for (;;) {
        bool found = false;
        status = unic__config_next(&line, &found);
        if (status == UNIC_OK && !found)
            return UNIC_OK;
        if (status == UNIC_OK)
            status = apply_line(draft, &line, stage, seen);
        if (status != UNIC_OK && source)
            return unic__fail_in(status, "%s:%zu", source, line.lines.number);
        if (status != UNIC_OK)
            return unic__fail_in(status, "line %zu", line.lines.number);
    }
}

unic_status unic__config_parse(unic_config *config, const char *text, size_t length,
                               const char *source)
{
    unic_config draft = *config;
    first_lines seen = {{{0}}};
    if (length > UNIC__CONFIG_TEXT)
        return unic__fail(UNIC_E_CONFIG, "%s has more than %d bytes, too many for a config",
                          source ? source : "the text", UNIC__CONFIG_TEXT);
    for (size_t stage = 0; stage <= UNIC__KEY_FIRST_SINGLE; stage++)
        UNIC__TRY(apply_stage(&draft, text, length, source, stage, &seen));
    unic__config_commit(config, &draft);
    return UNIC_OK;
}

/* ---- printing ---- */

/* Every key that has a value and applies, or was set all the same. Returns the text's length,
 * and writes the text if `out` is not NULL. */
static size_t render(unic_config *config, char *out)
{
    unic__key_ref refs[UNIC__MAX_REFS];
    size_t length = 0, n = unic__key_ref_list(config, refs);
    for (size_t i = 0; i < n; i++) {
        const unic__config_key *key = &unic__config_key_table[refs[i].index];
        char name[UNIC__KEY_BYTES], value[UNIC__VALUE_BYTES];
        char line[UNIC__KEY_BYTES + UNIC__VALUE_BYTES + 8];
        if (key->owner != UNIC__OF_CONFIG &&
            !unic__key_applies(key, config->modality[refs[i].modality].kind) &&
            !unic__key_in(unic__key_set_of(config, refs[i]), refs[i].index))
            continue;
        if (key->type == UNIC__KEY_NAMES)
            unic__config_list(config, " ", value, sizeof value);
        else if (!unic__key_print(key, unic__key_field(config, refs[i]), value))
            continue;
        unic__key_name(config, refs[i], name);
        size_t bytes = (size_t)snprintf(line, sizeof line, "%s = %s\n", name, value);
        if (out)
            memcpy(out + length, line, bytes + 1);
        length += bytes;
    }
    return length;
}

static unic_status keep_text(unic_config *config)
{
    if (config->text)
        return UNIC_OK;
    size_t bytes = render(config, NULL) + 1;
    char *text = unic__alloc(bytes), *lines = unic__alloc(bytes);
    if (!text || !lines) {
        unic__free(text);
        unic__free(lines);
        return unic__no_memory(2 * bytes, "a config's text");
    }
    render(config, text);
    memcpy(lines, text, bytes);
    for (char *c = lines; (c = strchr(c, '\n'));)
        *c++ = '\0';
    config->text = text;
    config->lines = lines;
    return UNIC_OK;
}

unic_status unic__config_text(const char **text, unic_config *config)
{
    UNIC__TRY(keep_text(config));
    *text = config->text;
    return UNIC_OK;
}

unic_status unic__config_get(const char **value, unic_config *config, const char *key)
{
    unic__key_ref ref;
    if (!unic__key_find(config, key, &ref))
        return unic__key_unknown(config, key);
    UNIC__TRY(keep_text(config));
    size_t n = strlen(key);
    for (const char *line = config->lines; *line; line += strlen(line) + 1)
        if (strncmp(line, key, n) == 0 && strncmp(line + n, " = ", 3) == 0) {
            *value = line + n + 3;
            return UNIC_OK;
        }
    if (unic__config_key_table[ref.index].paper[0] == '\0')
        return unic__fail(UNIC_E_CONFIG, "%s is not set", key);
    return unic__fail(UNIC_E_CONFIG, "%s has no value: it is a key of another kind of modality",
                      key);
}
