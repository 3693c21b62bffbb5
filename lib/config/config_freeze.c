/*
 * train.freeze: which parts of a run do not learn. A word is "codebook", the name of a modality,
 * or that of one of its parts; parameters are known by their names.
 */
#include <stdio.h>
#include <string.h>

#include "config/config_keys.h"

enum { WORD_BYTES = UNIC__NAME_SIZE + 16, MOST_WORDS = 1 + 6 * UNIC_MAX_MODALITIES };

static const char codebook[] = "codebook", level2[] = "level2.", specific[] = "specific.";

/* A part, and the second words of its parameters' names. */
static const struct part {
    const char *name, *in[2];
} parts[] = {
    {"encoder", {"front", "semantic"}},
    {"specific", {"specific"}},
    {"decoder", {"decoder"}},
    {"cpc", {"cpc"}},
    {"club", {"club"}},
};
enum { PARTS = sizeof parts / sizeof parts[0] };

bool unic__config_is_freeze_word(const char *name)
{
    return strcmp(name, codebook) == 0 || strcmp(name, "none") == 0;
}

/* Whether one of the list's words is `word`, of `size` characters. */
static bool has_word(const char *list, const char *word, size_t size)
{
    for (const char *at = list; *at; at += strspn(at, " ")) {
        size_t n = strcspn(at, " ");
        if (n == size && memcmp(at, word, n) == 0)
            return true;
        at += n;
    }
    return false;
}

bool unic__config_freezes_codebook(const unic_config *config)
{
    return has_word(config->freeze, codebook, strlen(codebook));
}

/* What modalities share makes the codes of each, so it stands still where one of theirs does. */
static bool freezes_shared(const unic_config *config)
{
    for (size_t m = 0; m < config->modality_count; m++) {
        char word[WORD_BYTES];
        const char *name = config->modality[m].name;
        snprintf(word, sizeof word, "%s.%s", name, parts[0].name);
        if (has_word(config->freeze, name, strlen(name)) ||
            has_word(config->freeze, word, strlen(word)))
            return true;
    }
    return false;
}

/* Whether a modality's part, by one of the second words of its parameters' names, is frozen. */
static bool freezes_part(const unic_config *config, const char *modality, size_t length,
                         const char *second)
{
    const size_t size = strcspn(second, ".");
    for (size_t i = 0; i < PARTS; i++)
        for (size_t k = 0; k < 2 && parts[i].in[k]; k++)
            if (strlen(parts[i].in[k]) == size && memcmp(parts[i].in[k], second, size) == 0) {
                char word[WORD_BYTES];
                snprintf(word, sizeof word, "%.*s.%s", (int)length, modality, parts[i].name);
                return has_word(config->freeze, word, strlen(word));
            }
    return false;
}

bool unic__config_freezes(const unic_config *config, const char *parameter)
{
    if (strncmp(parameter, UNIC__SHARED_PREFIX, strlen(UNIC__SHARED_PREFIX)) == 0)
        return freezes_shared(config);
    if (strcmp(parameter, UNIC__PROTOTYPES) == 0)
        return unic__config_freezes_codebook(config);
    size_t modality = strcspn(parameter, ".");
    if (has_word(config->freeze, parameter, modality))
        return true;
    const char *second = parameter + modality + (parameter[modality] == '.');
    if (strncmp(second, level2, strlen(level2)) == 0) /* it has the parts of the first */
        return freezes_part(config, parameter, modality, second + strlen(level2));
    if (freezes_part(config, parameter, modality, second))
        return true;
    /* Codes of the second level are made of the specific features of the first. */
    return config->level2_weight > 0.0 && strncmp(second, specific, strlen(specific)) == 0 &&
           freezes_part(config, parameter, modality, "semantic");
}

/* Every word that may stand in the list; returns how many. */
static size_t list_words(const unic_config *config, char words[MOST_WORDS][WORD_BYTES])
{
    size_t n = 0;
    snprintf(words[n++], WORD_BYTES, "%s", codebook);
    for (size_t m = 0; m < config->modality_count; m++) {
        const char *name = config->modality[m].name;
        snprintf(words[n++], WORD_BYTES, "%s", name);
        for (size_t i = 0; i < PARTS; i++)
            snprintf(words[n++], WORD_BYTES, "%s.%s", name, parts[i].name);
    }
    return n;
}

unic_status unic__config_check_freeze(const unic_config *config)
{
    char words[MOST_WORDS][WORD_BYTES], list[UNIC__WORDS_SIZE], *rest = list;
    char shown[UNIC__SHOWN_BYTES];
    const char *candidates[MOST_WORDS];
    size_t n = list_words(config, words);
    for (size_t i = 0; i < n; i++)
        candidates[i] = words[i];
    strcpy(list, config->freeze);
    for (char *word; (word = strtok_r(rest, " ", &rest));) {
        bool known = false;
        for (size_t i = 0; i < n && !known; i++)
            known = strcmp(word, words[i]) == 0;
        if (known)
            continue;
        const char *near = unic__nearest_word(word, candidates, n);
        return unic__fail(UNIC_E_CONFIG,
                          "train.freeze: %s is none of codebook, a modality, or its .encoder, "
                          ".specific, .decoder, .cpc or .club%s%s%s",
                          unic__shown(word, shown), near ? "; did you mean " : "",
                          near ? near : "", near ? "?" : "");
    }
    return UNIC_OK;
}
