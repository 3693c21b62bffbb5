/* The settings of an extractor as text: read by the table of its kind's keys, and printed. */
#include <stdio.h>
#include <string.h>

#include "extract/extract.h"

static const unic__extract_kind *const kinds[] = {&unic__extract_bert,   &unic__extract_logmel,
                                                  &unic__extract_ngrams, &unic__extract_patches,
                                                  &unic__extract_vggish, &unic__extract_vgg19};
enum { KINDS = sizeof kinds / sizeof kinds[0], KEYS = 32, LIST = 128 };

static void *field_of(unic_extractor *e, const unic__config_key *key)
{
    return (char *)&e->settings + key->offset;
}

static unic_status find_kind(unic_extractor *e, const char *word)
{
    const char *names[KINDS];
    char list[LIST], shown[UNIC__SHOWN_BYTES];
    size_t used = 0;
    for (size_t i = 0; i < KINDS; i++) {
        names[i] = kinds[i]->name;
        used += (size_t)snprintf(list + used, LIST - used, "%s%s", i ? " | " : "", names[i]);
        if (strcmp(names[i], word) == 0)
            e->kind = kinds[i];
    }
    if (e->kind)
        return UNIC_OK;
    const char *near = unic__nearest_word(word, names, KINDS);
    return unic__fail(UNIC_E_CONFIG, "kind = %s is not one of %s%s%s%s",
                      unic__shown(word, shown), list, near ? "; did you mean " : "",
                      near ? near : "", near ? "?" : "");
}

static const unic__config_key *find_key(const unic__extract_kind *kind, const char *name)
{
    for (size_t i = 0; i < kind->key_count; i++)
        if (strcmp(kind->keys[i].name, name) == 0)
            return &kind->keys[i];
    return NULL;
}

static unic_status unknown_key(const unic__extract_kind *kind, const char *name)
{
    const char *names[KEYS];
    char shown[UNIC__SHOWN_BYTES];
    for (size_t i = 0; i < kind->key_count; i++)
        names[i] = kind->keys[i].name;
    const char *near = unic__nearest_word(name, names, kind->key_count);
    return unic__fail(UNIC_E_CONFIG, "%s is not a key of kind %s%s%s%s",
                      unic__shown(name, shown), kind->name, near ? "; did you mean " : "",
                      near ? near : "", near ? "?" : "");
}

/* The lines that first gave `kind` and each key; 0: none did. */
typedef struct seen {
    size_t kind, key[KEYS];
} seen;

/* `kind` may stand in any line, and decides what the others mean: it is read first. */
static unic_status apply_line(unic_extractor *e, const unic__config_line *line, bool for_kind,
                              seen *s)
{
    const bool is_kind = strcmp(line->key, "kind") == 0;
    const unic__config_key *key = NULL;
    if (is_kind != for_kind)
        return UNIC_OK;
    if (!is_kind && !(key = find_key(e->kind, line->key)))
        return unknown_key(e->kind, line->key);
    size_t *first = key ? &s->key[key - e->kind->keys] : &s->kind;
    if (*first)
        return unic__fail(UNIC_E_CONFIG, "%s was already set in line %zu", line->key, *first);
    *first = line->lines.number;
    return key ? unic__key_parse(key, key->name, key->paper, line->value, field_of(e, key))
               : find_kind(e, line->value);
}

static unic_status apply_lines(unic_extractor *e, const char *text, bool for_kind, seen *s)
{
    unic__config_line line;
    UNIC__TRY(unic__config_begin(&line, text, strlen(text)));
    for (bool found = true;;) {
        unic_status status = unic__config_next(&line, &found);
        if (status == UNIC_OK && !found)
            return UNIC_OK;
        if (status == UNIC_OK)
            status = apply_line(e, &line, for_kind, s);
        if (status != UNIC_OK)
            return unic__fail_in(status, "settings, line %zu", line.lines.number);
    }
}

unic_status unic__extract_settings_read(unic_extractor *e, const char *text)
{
    seen s = {0};
    UNIC__TRY(apply_lines(e, text, true, &s));
    if (!e->kind)
        return unic__fail(UNIC_E_CONFIG, "settings have no line \"kind = ...\"");
    for (size_t i = 0; i < e->kind->key_count; i++) {
        const unic__config_key *key = &e->kind->keys[i];
        UNIC__TRY(unic__key_parse(key, key->name, key->paper, key->paper, field_of(e, key)));
    }
    return apply_lines(e, text, false, &s);
}

unic_status unic__extract_settings_print(unic_extractor *e)
{
    char text[KEYS * 128], value[UNIC__VALUE_BYTES];
    size_t used = (size_t)snprintf(text, sizeof text, "kind = %s\n", e->kind->name);
    for (size_t i = 0; i < e->kind->key_count; i++) {
        const unic__config_key *key = &e->kind->keys[i];
        unic__key_print(key, field_of(e, key), value);
        used += (size_t)snprintf(text + used, sizeof text - used, "%s = %s\n", key->name,
                                 value);
    }
    e->text = unic__arena_printf(&e->arena, "%s", text);
    return e->text ? UNIC_OK : unic__no_memory(used, "an extractor's settings");
}
