/* What is in a model: modalities, codebook, parameters, settings. */
#include <stdio.h>
#include <string.h>

#include "cli/report.h"
#include "cli/table.h"
#include "inspect/inspect.h"

const char *inspect_dims(const int64_t *dims, size_t rank, char text[INSPECT_TEXT])
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < rank; i++)
        used += (size_t)snprintf(text + used, INSPECT_TEXT - used, "%s%lld", i ? " " : "",
                                 (long long)dims[i]);
    return text;
}

static bool print_modalities(const unic_model *model, unic_config *config)
{
    cli_table table;
    cli_table_begin(&table, 3);
    cli_table_cell(&table, "modality");
    cli_table_cell(&table, "kind");
    cli_table_cell(&table, "dims of a step");
    for (size_t i = 0; i < unic_model_modality_count(model); i++) {
        const char *name = unic_model_modality_name(model, i), *kind;
        char key[INSPECT_TEXT], text[INSPECT_TEXT];
        int64_t dims[UNIC_MAX_RANK];
        size_t rank;
        snprintf(key, sizeof key, "%s.kind", name);
        if (!cli_ok(unic_config_get(&kind, config, key)) ||
            !cli_ok(unic_model_feature_dims(&rank, model, name, dims)))
            return false;
        cli_table_cell(&table, "%s", name);
        cli_table_cell(&table, "%s", kind);
        cli_table_cell(&table, "%s", inspect_dims(dims, rank, text));
    }
    return cli_table_end(&table, stdout);
}

/* The default of a key; "image.kind" stands in the table of keys as "<modality>.kind". */
static const char *default_of(const char *name, size_t length, bool compat)
{
    static const char any[] = "<modality>";
    for (size_t i = 0; i < unic_config_key_count(); i++) {
        unic_config_key key = {.struct_size = sizeof key};
        if (unic_config_key_at(&key, i) != UNIC_OK)
            continue;
        const char *dot = memchr(name, '.', length), *have = name, *listed = key.name;
        size_t n = length;
        if (dot && !strncmp(listed, any, sizeof any - 1)) {
            have = dot;
            listed += sizeof any - 1;
            n -= (size_t)(dot - name);
        }
        if (!strncmp(have, listed, n) && !listed[n])
            return compat && key.compat ? key.compat : key.value;
    }
    return "";
}

static bool print_settings(unic_config *config)
{
    const char *text, *behaviour;
    if (!cli_ok(unic_config_get(&behaviour, config, "behaviour")))
        return false;
    bool compat = !strcmp(behaviour, "compat");
    if (!cli_ok(unic_config_text(&text, config)))
        return false;
    printf("settings other than the defaults (--config prints all)\n");
    while (*text) {
        size_t length = strcspn(text, "\n"), key = strcspn(text, " =\n");
        const char *value = text + key + strspn(text + key, " =");
        size_t value_length = (size_t)(text + length - value);
        const char *standard = default_of(text, key, compat);
        if (strlen(standard) != value_length || memcmp(standard, value, value_length))
            printf("  %.*s\n", (int)length, text);
        text += length + (text[length] == '\n');
    }
    putchar('\n');
    return true;
}

/* Parameters by name and shape, and how many numbers they are. */
static bool print_parameters(unic_model *model)
{
    int64_t dims[UNIC_MAX_RANK], total = 0;
    size_t rank, n = 0;
    const char *name;
    char text[INSPECT_TEXT];
    unic_status status;
    printf("parameters\n");
    while ((status = unic_model_parameter_at(&name, NULL, &rank, model, n, dims)) == UNIC_OK) {
        int64_t count = 1;
        for (size_t k = 0; k < rank; k++)
            count *= dims[k];
        total += count;
        printf("  %-42s %s\n", name, inspect_dims(dims, rank, text));
        n++;
    }
    printf("  in all: %zu tensors, %lld numbers; matrices in %s\n\n", n, (long long)total,
           unic_model_weights(model));
    return status == UNIC_E_NOTFOUND || cli_ok(status);
}

bool inspect_model(const inspect_request *r, unic_model *model)
{
    if (r->config) {
        fputs(unic_model_config(model), stdout);
        return true;
    }
    unic_config *config = NULL;
    unic_codebook *codebook = NULL;
    bool ok = cli_ok(unic_config_create(&config)) &&
              cli_ok(unic_config_parse(config, unic_model_config(model), r->path)) &&
              cli_ok(unic_model_codebook(&codebook, model)) &&
              printf("%s: a model\n\n", r->path) > 0 && print_modalities(model, config) &&
              inspect_codebook(codebook, model, config) && print_parameters(model) &&
              print_settings(config) &&
              (!r->data_path || inspect_usage(model, codebook, &r->how, r->data_path));
    unic_codebook_free(codebook);
    unic_config_free(config);
    return ok;
}
