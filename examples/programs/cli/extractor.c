#include "cli/extractor.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/config.h"
#include "cli/limit.h"
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
    return ok;
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
    if (ok && paths->count)
        return find_file(out, words, paths, what);
    return ok &&
           cli_fail("%s has features of the extractor %s, which has weights: give its file "
                    "with --extractor E.npz",
                    what, words);
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
        ok = cli_output_commit(&out);
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

/* The folder of a modality's clips, to be freed: that of a table, or the data's own. */
static char *folder_of(const char *path, const char *modality)
{
    const char *table = strstr(path, ".csv") ? strstr(path, ".csv") : strstr(path, ".tsv");
    const char *slash = table ? strrchr(path, '/') : NULL;
    size_t length = !table ? strlen(path) : slash ? (size_t)(slash - path) : 0;
    size_t size = length + strlen(modality) + sizeof "./";
    char *folder = cli_alloc(size, 1);
    if (folder && length)
        snprintf(folder, size, "%.*s/%s", (int)length, path, modality);
    else if (folder)
        snprintf(folder, size, "%s", modality);
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
