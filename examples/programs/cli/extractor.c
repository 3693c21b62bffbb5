#include "cli/extractor.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/clip_table.h"
#include "cli/config.h"
#include "cli/limit.h"
#include "cli/model.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/text.h"

enum { MOST_TEXT = 8192, KEY = 96 };

static const char FILE_NAME[] = "extract.ini", FINGERPRINT[] = "fingerprint=";

/* ---- words and lines ---- */

/* "key = value" lines to "key=value" words. Comments and blank lines are left out. */
static char *words_of_lines(char *lines)
{
    char *words = cli_alloc(strlen(lines) + 1, 1), *line;
    size_t used = 0;
    while (words && (line = cli_text_line(&lines))) {
        line = cli_text_trim(line);
        char *equals = strchr(line, '=');
        if (!*line || *line == '#' || !equals)
            continue;
        *equals = '\0';
        used += (size_t)sprintf(words + used, "%s%s=", used ? " " : "", cli_text_trim(line));
        used += (size_t)sprintf(words + used, "%s", cli_text_trim(equals + 1));
    }
    return words;
}

/* The words back to lines, as unic_extractor_create() takes them: without the fingerprint. */
static char *settings_of_words(const char *words)
{
    char *lines = strdup(words);
    if (!lines) {
        cli_fail("out of memory for an extractor's settings");
        return NULL;
    }
    char *end = strstr(lines, FINGERPRINT);
    if (end)
        *end = '\0';
    for (char *c = lines; *c; c++)
        *c = *c == ' ' ? '\n' : *c;
    return lines;
}

char *cli_extractor_words(const unic_extractor *extractor)
{
    const char *settings = unic_extractor_settings(extractor);
    size_t size = strlen(settings) + sizeof FINGERPRINT + KEY;
    char *lines = cli_alloc(size, 1);
    if (!lines)
        return NULL;
    snprintf(lines, size, "%s%s%016" PRIx64, settings, FINGERPRINT,
             unic_extractor_fingerprint(extractor));
    char *words = words_of_lines(lines);
    free(lines);
    return words;
}

/* ---- extractors ---- */

/* Gives a pretrained network what it is made of. */
static bool load_files(unic_extractor *e, const cli_extractor_source *from)
{
    const struct {
        const char *path;
        int32_t list;
    } lists[] = {{from->vocabulary, UNIC_EXTRACTOR_VOCABULARY},
                 {from->keep, UNIC_EXTRACTOR_KEEP}};
    if (from->weights &&
        !cli_ok(unic_extractor_load_weights(e, from->weights, cli_open_options())))
        return false;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (lists[i].path && !cli_ok(unic_extractor_load_words(e, lists[i].path, lists[i].list,
                                                               cli_open_options())))
            return false;
    return true;
}

bool cli_extractor_open(unic_extractor **out, const cli_extractor_source *from)
{
    *out = NULL;
    if (from->path)
        return cli_ok(unic_extractor_load(out, from->path, cli_open_options()));
    const char *kind = from->kind ? from->kind : "";
    char *keys = cli_config_lines(NULL, from->keys);
    size_t size = keys ? strlen(keys) + strlen(kind) + KEY : 0;
    char *settings = keys ? cli_alloc(size, 1) : NULL;
    bool ok = settings && snprintf(settings, size, "kind = %s\n%s", kind, keys) > 0 &&
              cli_ok(unic_extractor_create(out, settings, NULL));
    free(settings);
    free(keys);
    if (ok && !load_files(*out, from)) {
        unic_extractor_free(*out);
        *out = NULL;
    }
    return *out != NULL;
}

/* Whether the extractor is the one of the words; tells both if it is not. */
static bool is_that_of(const unic_extractor *extractor, const char *words, const char *what,
                       bool tell, const char *path)
{
    char *own = cli_extractor_words(extractor);
    bool same = own && !strcmp(own, words);
    if (own && !same && tell)
        cli_fail("%s has features of the extractor %s; %s is another one: %s", what, words,
                 path, own);
    free(own);
    return same;
}

bool cli_extractor_is(const unic_extractor *extractor, const char *words, const char *what,
                      const char *path)
{
    return is_that_of(extractor, words, what, true, path);
}

/* The one of several files that has the fingerprint; the last one is told of if none has. */
static bool find_file(unic_extractor **out, const char *words, const cli_list *paths,
                      const char *what)
{
    for (size_t i = 0; i < paths->count; i++) {
        const cli_extractor_source file = {.path = paths->items[i]};
        if (!cli_extractor_open(out, &file))
            return false;
        if (is_that_of(*out, words, what, i + 1 == paths->count, file.path))
            return true;
        unic_extractor_free(*out);
        *out = NULL;
    }
    return false;
}

bool cli_extractor_recall(unic_extractor **out, const char *words, const cli_list *paths,
                          const char *what)
{
    *out = NULL;
    char *settings = settings_of_words(words);
    bool ok = settings && cli_ok(unic_extractor_create(out, settings, NULL));
    free(settings);
    if (ok && is_that_of(*out, words, what, false, ""))
        return true;
    unic_extractor_free(*out);
    *out = NULL;
    return ok && (!paths->count || find_file(out, words, paths, what));
}

/* The words "key=value" of a text's lines "<modality>.key = value". */
static bool words_of_modality(cli_list *keys, char *text, const char *modality)
{
    const size_t length = strlen(modality);
    char *line;
    keys->items = cli_alloc(strlen(text) / 2 + 1, sizeof *keys->items);
    for (char *at = cli_text_begin(text); keys->items && (line = cli_text_line(&at));) {
        line = cli_text_trim(line);
        char *key = line + length + 1, *words;
        if (strncmp(line, modality, length) != 0 || line[length] != '.')
            continue;
        words = words_of_lines(key);
        if (!words)
            return false;
        keys->items[keys->count++] = words;
    }
    return keys->items != NULL;
}

/* Takes a key's word off the list; what it is set to, NULL if it is not there. */
static const char *take_key(cli_list *keys, const char *key)
{
    const size_t length = strlen(key);
    for (size_t i = 0; i < keys->count; i++)
        if (!strncmp(keys->items[i], key, length) && keys->items[i][length] == '=') {
            const char *word = keys->items[i];
            keys->items[i] = keys->items[--keys->count];
            keys->items[keys->count] = word; /* which is still to be freed */
            return word + length + 1;
        }
    return NULL;
}

bool cli_extractor_described(unic_extractor **out, const char *path, const char *modality)
{
    cli_list keys = {0};
    *out = NULL;
    char *text = cli_text_read(path, MOST_TEXT, "description of extractors");
    bool ok = text && words_of_modality(&keys, text, modality);
    const size_t all = keys.count;
    cli_extractor_source from = {.keys = &keys};
    if (ok && all) {
        from.path = take_key(&keys, "extractor");
        from.kind = from.path ? NULL : take_key(&keys, "kind");
        from.weights = from.kind ? take_key(&keys, "weights") : NULL;
        from.vocabulary = from.kind ? take_key(&keys, "vocabulary") : NULL;
        from.keep = from.kind ? take_key(&keys, "keep") : NULL;
        if (!from.path && !from.kind)
            ok = cli_fail("%s: %s.kind or %s.extractor is missing", path, modality, modality);
        else if (from.path && keys.count)
            ok = cli_fail("%s: %s.extractor names a file, which has its settings: %s", path,
                          modality, keys.items[0]);
        else
            ok = cli_extractor_open(out, &from);
    }
    for (size_t i = 0; i < all; i++)
        free((char *)(uintptr_t)keys.items[i]);
    cli_list_free(&keys);
    free(text);
    return ok;
}

/* ---- folders ---- */

char *cli_extractor_file(const char *folder)
{
    size_t size = strlen(folder) + sizeof FILE_NAME + 1;
    char *path = cli_alloc(size, 1);
    if (path)
        snprintf(path, size, "%s/%s", folder, FILE_NAME);
    return path;
}

bool cli_extractor_read(char **words, const char *folder)
{
    char *path = cli_extractor_file(folder);
    *words = NULL;
    bool ok = path != NULL;
    if (path && !access(path, F_OK)) {
        char *text = cli_text_read(path, MOST_TEXT, "description of an extractor");
        *words = text ? words_of_lines(cli_text_begin(text)) : NULL;
        ok = *words != NULL;
        if (ok && !strstr(*words, FINGERPRINT)) {
            ok = cli_fail("%s has no fingerprint: unic-extract did not write it", path);
            free(*words);
            *words = NULL;
        }
        free(text);
    }
    free(path);
    return ok;
}

bool cli_extractor_write(const char *words, const char *folder)
{
    char *path = cli_extractor_file(folder);
    cli_output out = {0};
    bool ok = path && cli_output_open(&out, path);
    if (ok) {
        fputs("# How unic-extract made the features of this folder.\n", out.stream);
        for (const char *c = words; *c; c++)
            if (*c == ' ')
                fputc('\n', out.stream);
            else if (*c == '=')
                fputs(" = ", out.stream);
            else
                fputc(*c, out.stream);
        fputc('\n', out.stream);
        ok = cli_output_commit_first(&out);
    }
    cli_output_discard(&out);
    free(path);
    return ok;
}

/* ---- configs ---- */

bool cli_extractor_of(const char **words, unic_config *config, const char *modality)
{
    char key[KEY];
    snprintf(key, sizeof key, "%s.extractor", modality);
    unic_status status = unic_config_get(words, config, key);
    if (status == UNIC_E_CONFIG) /* not set, or no modality of the config */
        *words = NULL;
    return status == UNIC_E_CONFIG || cli_ok(status);
}

/* The folder of a modality's clips, to be freed: of a single clip the one that it stands in, of
 * a table and of a folder the one in it, or beside it, that has the modality's name. */
static char *folder_of(const char *path, const char *modality)
{
    const bool clip = cli_ends_with(path, ".npy") || cli_ends_with(path, ".zip");
    const bool table = cli_table_size(path);
    const char *slash = clip || table ? strrchr(path, '/') : path + strlen(path);
    size_t size = strlen(path) + strlen(modality) + sizeof "./";
    char *folder = cli_alloc(size, 1);
    if (folder)
        snprintf(folder, size, "%.*s%s%s", slash ? (int)(slash - path) : 1, slash ? path : ".",
                 clip ? "" : "/", clip ? "" : modality);
    return folder;
}

static bool keep_one(unic_config *config, const char *modality, const char *path)
{
    char key[KEY], *folder = folder_of(path, modality), *words = NULL;
    const char *now;
    bool ok = folder && cli_extractor_read(&words, folder) &&
              cli_extractor_of(&now, config, modality);
    snprintf(key, sizeof key, "%s.extractor", modality);
    if (ok && words && !now)
        ok = cli_ok(unic_config_set(config, key, words));
    else if (ok && words && strcmp(now, words))
        ok = cli_fail(
            "the features in %s are of another extractor, %s, than those of the model, %s",
            folder, words, now);
    free(words);
    free(folder);
    return ok;
}

bool cli_extractor_keep(unic_config *config, const unic_dataset *data, const char *path)
{
    for (size_t i = 0; i < unic_dataset_modality_count(data); i++)
        if (!keep_one(config, unic_dataset_modality_name(data, i), path))
            return false;
    return true;
}
