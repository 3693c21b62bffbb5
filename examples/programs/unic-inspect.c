/*
 * unic-inspect: what is in a model or a data file.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <unicode/unic.h>

#include "cli/codes.h"
#include "cli/data.h"
#include "cli/labels.h"
#include "cli/limit.h"
#include "cli/model.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/summary.h"
#include "cli/table.h"
#include "cli/threads.h"

enum { TEXT = 160, BATCH = 64, STRIP = 64, MOST_CODES = 4096 };

typedef struct request {
    const char *path, *data_path;
    cli_data how;
    bool config;
    uint64_t threads;
} request;

/* "7 7 64" */
static const char *print_dims(const int64_t *dims, size_t rank, char text[TEXT])
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < rank; i++)
        used += (size_t)snprintf(text + used, TEXT - used, "%s%lld", i ? " " : "",
                                 (long long)dims[i]);
    return text;
}

/* ---- a model: modalities and settings ---- */

static bool print_modalities(const unic_model *model, unic_config *config)
{
    cli_table table;
    cli_table_begin(&table, 3);
    cli_table_cell(&table, "modality");
    cli_table_cell(&table, "kind");
    cli_table_cell(&table, "dims of a step");
    for (size_t i = 0; i < unic_model_modality_count(model); i++) {
        const char *name = unic_model_modality_name(model, i), *kind;
        char key[TEXT], text[TEXT];
        int64_t dims[UNIC_MAX_RANK];
        size_t rank;
        snprintf(key, sizeof key, "%s.kind", name);
        if (!cli_ok(unic_config_get(&kind, config, key)) ||
            !cli_ok(unic_model_feature_dims(&rank, model, name, dims)))
            return false;
        cli_table_cell(&table, "%s", name);
        cli_table_cell(&table, "%s", kind);
        cli_table_cell(&table, "%s", print_dims(dims, rank, text));
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

/* ---- a model: the codebook ---- */

static int compare(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void print_spread(const char *what, float *values, size_t n)
{
    qsort(values, n, sizeof *values, compare);
    printf("  %-30s %.4g .. %.4g .. %.4g\n", what, (double)values[0], (double)values[n / 2],
           (double)values[n - 1]);
}

/* The codes' lengths, and how far each is from the nearest other one. */
static bool print_geometry(const unic_codebook *codebook, float *values, float *distances)
{
    size_t codes = unic_codebook_code_count(codebook), dim = unic_codebook_dim(codebook);
    const float *e = unic_codebook_embedding(codebook);
    for (size_t l = 0; l < codes; l++) {
        double square = 0.0;
        for (size_t d = 0; d < dim; d++)
            square += (double)e[l * dim + d] * (double)e[l * dim + d];
        values[l] = (float)sqrt(square);
    }
    printf("  %-30s min .. median .. max\n", "");
    print_spread("length of a code", values, codes);
    if (!cli_ok(unic_codebook_distances(codebook, distances)))
        return false;
    for (size_t l = 0; l < codes; l++) {
        float least = INFINITY;
        for (size_t k = 0; k < codes; k++)
            if (k != l && distances[l * codes + k] < least)
                least = distances[l * codes + k];
        values[l] = sqrtf(least > 0.0F ? least : 0.0F);
    }
    print_spread("distance to the nearest other", values, codes);
    return true;
}

/*
 * What training left behind: for each modality the codes it selected within `recent` updates,
 * and, from the EMA counts N, the perplexity of the use of all.
 */
static bool print_history(const unic_codebook *codebook, const unic_model *model,
                          int32_t recent)
{
    size_t codes = unic_codebook_code_count(codebook),
           modalities = unic_codebook_modality_count(codebook);
    float *counts = cli_alloc(codes, sizeof *counts);
    int32_t *idle = cli_alloc(codes * modalities, sizeof *idle);
    bool ok = counts && idle && cli_ok(unic_codebook_state(codebook, counts, idle));
    double total = 0.0, entropy = 0.0;
    size_t dead = 0;
    for (size_t l = 0; ok && l < codes; l++) {
        bool used = false;
        for (size_t m = 0; m < modalities; m++)
            used = used || idle[m * codes + l] <= recent;
        dead += !used;
        total += (double)counts[l];
    }
    for (size_t l = 0; ok && l < codes && total > 0.0; l++)
        if (counts[l] > 0.0F)
            entropy -= (double)counts[l] / total * log((double)counts[l] / total);
    for (size_t m = 0; ok && m < modalities; m++) {
        size_t used = 0;
        for (size_t l = 0; l < codes; l++)
            used += idle[m * codes + l] <= recent;
        printf("  %-30s %zu of %zu in the last %d steps of training\n",
               unic_model_modality_name(model, m), used, codes, recent);
    }
    if (ok)
        printf("  %-30s %zu\n  %-30s %.1f\n", "dead codes, used by none", dead,
               "perplexity of the EMA counts", total > 0.0 ? exp(entropy) : 0.0);
    free(counts);
    free(idle);
    return ok;
}

/* Parameters by name and shape, and how many numbers they are. */
static bool print_parameters(unic_model *model)
{
    int64_t dims[UNIC_MAX_RANK], total = 0;
    size_t rank, n = 0;
    const char *name;
    char text[TEXT];
    unic_status status;
    printf("parameters\n");
    while ((status = unic_model_parameter_at(&name, NULL, &rank, model, n, dims)) == UNIC_OK) {
        int64_t count = 1;
        for (size_t k = 0; k < rank; k++)
            count *= dims[k];
        total += count;
        printf("  %-42s %s\n", name, print_dims(dims, rank, text));
        n++;
    }
    printf("  in all: %zu tensors, %lld numbers\n\n", n, (long long)total);
    return status == UNIC_E_NOTFOUND || cli_ok(status);
}

static bool print_codebook(const unic_codebook *codebook, const unic_model *model)
{
    size_t codes = unic_codebook_code_count(codebook);
    printf("codebook: %zu codes of %zu dims, fingerprint %016llx\n", codes,
           unic_codebook_dim(codebook),
           (unsigned long long)unic_codebook_fingerprint(codebook));
    bool ok = true;
    if (codes <= MOST_CODES) { /* all distances are held at once */
        float *values = cli_alloc(codes, sizeof *values);
        float *distances = cli_alloc(codes * codes, sizeof *distances);
        ok = values && distances && print_geometry(codebook, values, distances);
        free(values);
        free(distances);
    }
    ok = ok && print_history(codebook, model, 100);
    putchar('\n');
    return ok;
}

/* ---- a model: how its codes are used ---- */

typedef struct ranked {
    int64_t uses;
    size_t code;
} ranked;

static int most_used_first(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->uses != y->uses)
        return x->uses < y->uses ? 1 : -1;
    return (x->code > y->code) - (x->code < y->code);
}

/*
 * One line for each modality over the same codes, from most to least used by all together:
 * where the lines look alike the modalities share codes, where only one is dark they do not.
 */
static bool print_strips(const cli_codes *c, const cli_usage *u)
{
    static const char shades[] = " .:-=+*#%@";
    size_t columns = u->codes < STRIP ? u->codes : STRIP;
    ranked *order = cli_alloc(u->codes, sizeof *order);
    if (!order)
        return false;
    for (size_t l = 0; l < u->codes; l++)
        order[l] = (ranked){cli_usage_total(u, c->count, l), l};
    qsort(order, u->codes, sizeof *order, most_used_first);
    printf("codes from most to least used, %.3g in a character; the darker the more uses\n",
           (double)u->codes / (double)columns);
    double most = (double)order[0].uses;
    for (size_t i = 0; i < c->count; i++) {
        printf("  %-12s |", c->names[i]);
        for (size_t column = 0; column < columns; column++) {
            size_t from = column * u->codes / columns, to = (column + 1) * u->codes / columns;
            double mean = 0.0;
            for (size_t k = from; k < to; k++)
                mean += (double)u->counts[i][order[k].code] / (double)(to - from);
            size_t shade = most > 0.0 ? (size_t)ceil(9.0 * sqrt(mean / most)) : 0;
            putchar(shades[shade < 9 ? shade : 9]);
        }
        printf("|\n");
    }
    putchar('\n');
    free(order);
    return true;
}

static bool print_usage(const cli_codes *c, const cli_usage *u)
{
    cli_table table;
    cli_table_begin(&table, 5);
    static const char *const head[] = {"modality", "steps", "codes used", "never",
                                       "perplexity"};
    for (size_t i = 0; i < sizeof head / sizeof *head; i++)
        cli_table_cell(&table, "%s", head[i]);
    for (size_t i = 0; i < c->count; i++) {
        int64_t steps = 0;
        for (size_t l = 0; l < u->codes; l++)
            steps += u->counts[i][l];
        cli_table_cell(&table, "%s", c->names[i]);
        cli_table_cell(&table, "%lld", (long long)steps);
        cli_table_cell(&table, "%zu", u->used[i]);
        cli_table_cell(&table, "%zu", u->codes - u->used[i]);
        cli_table_cell(&table, "%.1f", u->perplexity[i]);
    }
    if (!cli_table_end(&table, stdout) || !print_strips(c, u))
        return false;
    if (c->count > 1)
        printf("%zu of the %zu codes used at least %d times are shared: every modality has 20 "
               "to 80 %% of the uses\n",
               u->shared, u->often, CLI_OFTEN);
    printf("perplexity of all uses: %.1f\n", u->perplexity_of_all);
    return true;
}

static bool inspect_usage(unic_model *model, const unic_codebook *codebook, const cli_data *how,
                          const char *path)
{
    cli_codes codes;
    cli_usage usage = {0};
    bool ok = cli_codes_read(&codes, model, how, path, NULL) &&
              cli_usage_count(&usage, &codes, codebook) &&
              printf("usage on %s, %zu clips\n", path, codes.clips) > 0 &&
              print_usage(&codes, &usage);
    cli_usage_free(&usage);
    cli_codes_free(&codes);
    return ok;
}

static bool inspect_model(const request *r, unic_model *model)
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
              print_codebook(codebook, model) && print_parameters(model) &&
              print_settings(config) &&
              (!r->data_path || inspect_usage(model, codebook, &r->how, r->data_path));
    unic_codebook_free(codebook);
    unic_config_free(config);
    return ok;
}

/* ---- a data file ---- */

/* What a modality's valid steps are like. */
typedef struct summary {
    int64_t steps, least, most; /* of a clip that has the modality */
    int64_t absent;             /* clips without it */
    int64_t not_finite;
    int64_t first_bad;          /* the first clip with such a value */
    double count, sum, squares; /* of the finite values */
} summary;

static void look_at_clip(summary *s, int64_t clip, const float *x, int64_t steps, size_t width)
{
    if (steps == 0) {
        s->absent++;
        return;
    }
    s->least = s->steps == 0 || steps < s->least ? steps : s->least;
    s->most = steps > s->most ? steps : s->most;
    s->steps += steps;
    for (size_t i = 0; i < (size_t)steps * width; i++) {
        if (!isfinite(x[i])) {
            s->first_bad = s->not_finite ? s->first_bad : clip;
            s->not_finite++;
            continue;
        }
        s->count += 1.0;
        s->sum += (double)x[i];
        s->squares += (double)x[i] * (double)x[i];
    }
}

/* The batch's first clip is number `done`. */
static bool look_at_batch(const unic_dataset *data, const unic_batch *batch, size_t done,
                          summary *all)
{
    for (size_t i = 0; i < unic_dataset_modality_count(data); i++) {
        unic_array a = {.struct_size = sizeof a};
        const int32_t *lengths;
        size_t width = 1;
        if (!cli_ok(unic_batch_get(&a, &lengths, batch, unic_dataset_modality_name(data, i))))
            return false;
        for (int32_t d = 2; d < a.rank; d++)
            width *= (size_t)a.dims[d];
        const float *x = a.data;
        for (int64_t n = 0; n < a.dims[0]; n++, x += (size_t)a.dims[1] * width)
            look_at_clip(&all[i], (int64_t)done + n, x, lengths ? lengths[n] : a.dims[1],
                         width);
    }
    return true;
}

static bool look_at_all(unic_dataset *data, summary *all)
{
    size_t done = 0;
    cli_progress_begin(unic_dataset_clip_count(data), 0, "clips");
    for (;;) {
        const unic_batch *batch;
        if (!cli_ok(unic_dataset_next(&batch, data)))
            return false;
        if (!batch)
            break;
        if (!look_at_batch(data, batch, done, all))
            return false;
        done += unic_batch_clip_count(batch);
        cli_progress_at(done, "");
    }
    cli_progress_clear();
    return true;
}

static bool print_features(unic_dataset *data, const summary *all)
{
    static const char *const head[] = {"modality",  "dims of a step", "steps",
                                       "of a clip", "clips without",  "mean",
                                       "deviation", "NaN, Inf"};
    cli_table table;
    cli_table_begin(&table, sizeof head / sizeof *head);
    for (size_t i = 0; i < sizeof head / sizeof *head; i++)
        cli_table_cell(&table, "%s", head[i]);
    for (size_t i = 0; i < unic_dataset_modality_count(data); i++) {
        const char *name = unic_dataset_modality_name(data, i);
        const summary *s = &all[i];
        int64_t dims[UNIC_MAX_RANK];
        size_t rank;
        char text[TEXT];
        double mean = s->count > 0.0 ? s->sum / s->count : 0.0;
        double variance = s->count > 0.0 ? s->squares / s->count - mean * mean : 0.0;
        if (!cli_ok(unic_dataset_feature_dims(&rank, data, name, dims)))
            return false;
        cli_table_cell(&table, "%s", name);
        cli_table_cell(&table, "%s", print_dims(dims, rank, text));
        cli_table_cell(&table, "%lld", (long long)s->steps);
        cli_table_cell(&table, "%lld..%lld", (long long)s->least, (long long)s->most);
        cli_table_cell(&table, "%lld", (long long)s->absent);
        cli_table_cell(&table, "%.3g", mean);
        cli_table_cell(&table, "%.3g", sqrt(variance > 0.0 ? variance : 0.0));
        cli_table_cell(&table, "%lld", (long long)s->not_finite);
    }
    return cli_table_end(&table, stdout);
}

/* Which clips hold what is no number. */
static bool print_bad(unic_dataset *data, const summary *all)
{
    bool any = false;
    for (size_t i = 0; i < unic_dataset_modality_count(data); i++) {
        char clip[TEXT * 2];
        const char *name = unic_dataset_modality_name(data, i);
        if (!all[i].not_finite)
            continue;
        if (!cli_ok(unic_dataset_clip_name(data, name, (size_t)all[i].first_bad, clip,
                                           sizeof clip)))
            return false;
        printf("%s: NaN or Inf first in clip %lld (%s)\n", name, (long long)all[i].first_bad,
               clip);
        any = true;
    }
    if (any)
        putchar('\n');
    return true;
}

static bool inspect_data(const request *r, unic_dataset *data)
{
    size_t n = unic_dataset_modality_count(data);
    summary *all = cli_alloc(n, sizeof *all);
    bool ok = all && look_at_all(data, all) &&
              printf("%s: a data file, %zu clips of up to %zu steps\n\n", r->path,
                     unic_dataset_clip_count(data), unic_dataset_length(data)) > 0 &&
              print_features(data, all) && print_bad(data, all) &&
              (n < 2 || cli_summary_pairs(stdout, data)) && cli_labels_print(data, "label", 1);
    for (size_t i = 0; ok && i < n; i++) {
        char name[TEXT];
        snprintf(name, sizeof name, "%s.step_labels", unic_dataset_modality_name(data, i));
        ok = cli_labels_print(data, name, 2);
    }
    free(all);
    return ok;
}

/* ---- which of the two it is ---- */

/* A table, TABLE.csv:SPLIT too: nothing else has such a name. */
static bool is_table(const char *path)
{
    const char *end = path + strcspn(path, ":");
    return end - path > 4 && (!strncmp(end - 4, ".csv", 4) || !strncmp(end - 4, ".tsv", 4));
}

static bool inspect(const request *r)
{
    unic_model *model = NULL;
    unic_dataset *data = NULL;
    unic_dataset_options options = {
        .struct_size = sizeof options, .batch = BATCH, .prefetch = 2};
    char why_no_model[1024];
    bool ok;
    if (!cli_ok(unic_set_threads((int)r->threads)))
        return false;
    if (!is_table(r->path) && unic_model_open(&model, r->path, cli_open_options()) == UNIC_OK) {
        ok = inspect_model(r, model);
        unic_model_free(model);
        return ok;
    }
    snprintf(why_no_model, sizeof why_no_model, "%s",
             is_table(r->path) ? "" : unic_last_error());
    if (r->config || r->data_path)
        return *why_no_model ? cli_fail("%s", why_no_model)
                             : cli_fail("%s is a table of clips, a model expected", r->path);
    if (cli_data_try(&data, &r->how, &r->path, 1, options) == UNIC_OK) {
        ok = inspect_data(r, data);
        unic_dataset_free(data);
        return ok;
    }
    if (!*why_no_model ||
        strstr(why_no_model, unic_last_error())) /* no npz, or no file at all */
        return cli_fail("%s", unic_last_error());
    return cli_fail("%s is no model (%s) and no data file (%s)", r->path, why_no_model,
                    unic_last_error());
}

static const char purpose[] =
    "what is in a model or a data file.\n\n"
    "Of a model, or a checkpoint of the CMG code: modalities, codebook, settings, and with\n"
    "--data how its codes are used.\n"
    "Of a data file: modalities, their dims, lengths and values, and the labels.";

static const char more[] = "Examples:\n"
                           "  unic-inspect train.npz\n"
                           "  unic-inspect model.npz --data test.npz\n"
                           "  unic-inspect model.npz --config > same-settings.ini";

int main(int argc, char **argv)
{
    cli_threads_begin(argv);
    request r = {.threads = cli_threads_default()};
    cli_list files = {0};
    const cli_option options[] = {
        {"--data", "FILE", "of a model: encode this data file and show how the codes are used",
         .text = &r.data_path},
        {"--config", NULL, "of a model: print its config, for unic-train --config, and no more",
         .flag = &r.config},
        CLI_SKIP_DAMAGED_OPTION(&r.how.skip_damaged),
        CLI_MEMORY_LIMIT_OPTION,
        CLI_THREADS_OPTION(&r.threads),
    };
    const cli_program program = {
        .name = "unic-inspect",
        .purpose = purpose,
        .usage = "FILE [options]",
        .options = options,
        .option_count = sizeof options / sizeof *options,
        .operands = &files,
        .more = more,
    };
    cli_parse(&program, argc, argv);
    if (files.count != 1)
        cli_wrong_usage(&program, "expected one FILE, not %zu", files.count);
    r.path = files.items[0];
    int status = cli_exit_status(inspect(&r));
    cli_list_free(&files);
    return status;
}
