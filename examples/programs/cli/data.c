#include "cli/data.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/clip_table.h"
#include "cli/config.h"
#include "cli/extractor.h"
#include "cli/limit.h"
#include "cli/report.h"

/* ---- TABLE.csv:SPLIT ---- */

/* Where the split's name begins, NULL without one. */
static const char *find_split(const char *path)
{
    const size_t size = cli_table_size(path);
    return size && path[size] ? path + size + 1 : NULL;
}

static void free_paths(char **paths, size_t n)
{
    for (size_t i = 0; paths && i < n; i++)
        free(paths[i]);
    free(paths);
}

/* The paths without the first one's split. One with another split stays as it is:
 * no such file. */
static char **take_split(const char *const *paths, size_t n, const char **split)
{
    char **out = cli_alloc(n, sizeof *out);
    *split = n ? find_split(paths[0]) : NULL;
    for (size_t i = 0; out && i < n; i++) {
        const char *here = find_split(paths[i]);
        bool same = here && *split && !strcmp(here, *split);
        size_t size = same ? (size_t)(here - paths[i]) - 1 : strlen(paths[i]);
        if (!(out[i] = cli_alloc(size + 1, 1))) {
            free_paths(out, n);
            return NULL;
        }
        memcpy(out[i], paths[i], size);
    }
    return out;
}

unic_status cli_data_try(unic_dataset **out, const cli_data *how, const char *const *paths,
                         size_t path_count, unic_dataset_options options)
{
    char **files = take_split(paths, path_count, &options.split);
    *out = NULL;
    if (!files)
        return UNIC_E_NOMEM;
    options.on_damage = how->skip_damaged ? UNIC_DAMAGE_SKIPS : UNIC_DAMAGE_FAILS;
    options.memory_limit = cli_memory_limit > SIZE_MAX ? SIZE_MAX : (size_t)cli_memory_limit;
    unic_status status = unic_dataset_open(out, (const char *const *)files, path_count,
                                           &options);
    free_paths(files, path_count);
    return status;
}

/* ---- padding = real ---- */

typedef struct repeated {
    unic_dataset *names_of; /* open for its modalities' names */
    const char *names[UNIC_MAX_MODALITIES];
    size_t count;
} repeated;

static void add_unless_token(repeated *r, unic_config *config, const char *name)
{
    char key[CLI_NAMES];
    const char *kind;
    snprintf(key, sizeof key, "%s.kind", name);
    bool token = unic_config_get(&kind, config, key) == UNIC_OK && !strcmp(kind, "token");
    if (!token && r->count < UNIC_MAX_MODALITIES)
        r->names[r->count++] = name;
}

/* Which modalities repeat their last step: of those that are named or, without names, are
 * there. */
static bool find_repeated(repeated *r, const cli_data *how, unic_config *config,
                          const char *const *paths, size_t n,
                          const unic_dataset_options *options)
{
    unic_dataset_options look = {.struct_size = sizeof look, .batch = 1, .length = 1};
    for (size_t i = 0; i < options->modality_count; i++)
        add_unless_token(r, config, options->modalities[i]);
    if (options->modalities)
        return true;
    cli_report_log(false);
    unic_status status = cli_data_try(&r->names_of, how, paths, n, look);
    cli_report_log(true);
    if (!cli_ok(status))
        return false;
    for (size_t i = 0; i < unic_dataset_modality_count(r->names_of); i++)
        add_unless_token(r, config, unic_dataset_modality_name(r->names_of, i));
    return true;
}

bool cli_data_open(unic_dataset **out, const cli_data *how, unic_config *config,
                   const char *const *paths, size_t path_count, unic_dataset_options options)
{
    repeated r = {.count = 0};
    uint64_t length = 0;
    const char *padding = "";
    bool ok = true;
    *out = NULL;
    if (config)
        ok = cli_ok(unic_config_get(&padding, config, "padding"));
    bool real = ok && !strcmp(padding, "real");
    if (real || (ok && config && how->cut))
        ok = cli_config_number(config, "train.length", &length);
    if (ok && real && (ok = find_repeated(&r, how, config, paths, path_count, &options))) {
        options.repeat_last = r.count ? r.names : NULL;
        options.repeat_last_count = r.count;
    }
    options.length = (size_t)length;
    ok = ok && cli_ok(cli_data_try(out, how, paths, path_count, options));
    unic_dataset_free(r.names_of);
    return ok;
}

bool cli_data_open_for(unic_dataset **out, const cli_data *how, const unic_model *model,
                       const char *const *paths, size_t path_count,
                       unic_dataset_options options)
{
    unic_config *config = NULL;
    bool ok = cli_ok(unic_config_create(&config)) &&
              cli_ok(unic_config_parse(config, unic_model_config(model), "the model")) &&
              cli_data_open(out, how, config, paths, path_count, options);
    for (size_t i = 0; ok && i < path_count; i++)
        ok = cli_extractor_keep(config, *out, paths[i]);
    unic_config_free(config);
    return ok;
}

bool cli_data_label_count(const char *name, const int64_t *dims, size_t rank, size_t *count)
{
    enum { DEFAULT = 1 << 30 }; /* bytes, where no limit is given */
    const uint64_t limit = cli_memory_limit ? cli_memory_limit : DEFAULT;
    const size_t most = limit / sizeof(int32_t) < SIZE_MAX / sizeof(int32_t)
                            ? (size_t)(limit / sizeof(int32_t))
                            : SIZE_MAX / sizeof(int32_t);
    char text[128] = "";
    bool fits = true;
    *count = 1;
    for (size_t i = 0; i < rank; i++) {
        size_t used = strlen(text), n = (size_t)dims[i];
        snprintf(text + used, sizeof text - used, "%s%zu", i ? "," : "", n);
        fits = fits && (n == 0 || *count <= most / n);
        *count *= fits ? n : 1;
    }
    return fits ||
           cli_fail("%s: [%s] are more labels than are read at once, %zu expected at most "
                    "(%s --memory-limit, 4 bytes each)",
                    name, text, most, cli_memory_limit ? "by" : "more with a larger");
}
