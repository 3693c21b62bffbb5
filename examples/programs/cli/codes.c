#include "cli/codes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/progress.h"
#include "cli/report.h"

enum { BATCH = 64, READ_AHEAD = 2 };

static bool is_wanted(const cli_list *only, const char *name)
{
    bool wanted = !only || only->count == 0;
    for (size_t i = 0; !wanted && i < only->count; i++)
        wanted = !strcmp(only->items[i], name);
    return wanted;
}

/* Each of those that are asked for must be there. */
static bool check_found(const cli_codes *c, const cli_list *only, const char *path)
{
    for (size_t i = 0; only && i < only->count; i++) {
        size_t k = 0;
        while (k < c->count && strcmp(c->names[k], only->items[i]))
            k++;
        if (k == c->count)
            return cli_fail("\"%s\" is no modality that both the model and %s have",
                            only->items[i], path);
    }
    return true;
}

/* Names the modalities that file and model have, in the model's order. */
static bool find_common(cli_codes *c, const unic_model *model, const cli_data *how,
                        const char *path, const cli_list *only)
{
    size_t n = unic_model_modality_count(model);
    for (size_t i = 0; i < n && c->count < UNIC_MAX_MODALITIES; i++) {
        const char *name = unic_model_modality_name(model, i);
        unic_dataset *data = NULL;
        if (!is_wanted(only, name))
            continue;
        unic_dataset_options options = {.struct_size = sizeof options,
                                        .modalities = &name,
                                        .modality_count = 1,
                                        .batch = 1,
                                        .length = 1}; /* no need to look for the longest */
        cli_report_log(false);
        unic_status status = cli_data_try(&data, how, &path, 1, options);
        cli_report_log(true);
        unic_dataset_free(data);
        if (status == UNIC_OK)
            c->names[c->count++] = name;
        else if (status != UNIC_E_NOTFOUND)
            return cli_ok(status);
    }
    if (!check_found(c, only, path))
        return false;
    if (c->count == 0)
        return cli_fail("%s has none of the model's modalities: %s", path, unic_last_error());
    return true;
}

static bool encode_batch(cli_codes *c, unic_encoder **encoders, const unic_batch *batch,
                         size_t done)
{
    for (size_t i = 0; i < c->count; i++) {
        int32_t *out = c->codes[i] + done * c->length;
        if (!cli_ok(unic_encoder_encode_batch(encoders[i], batch, out, NULL, NULL)))
            return false;
    }
    return true;
}

static bool encode_all(cli_codes *c, unic_encoder **encoders)
{
    const unic_batch *batch;
    size_t done = 0;
    cli_progress_begin(c->clips, 0, "clips");
    for (;;) {
        if (!cli_ok(unic_dataset_next(&batch, c->data)))
            return false;
        if (!batch)
            break;
        if (!encode_batch(c, encoders, batch, done))
            return false;
        done += unic_batch_clip_count(batch);
        cli_progress_at(done, "");
    }
    cli_progress_clear();
    return true;
}

bool cli_codes_read(cli_codes *out, unic_model *model, const cli_data *how, const char *path,
                    const cli_list *only)
{
    unic_encoder *encoders[UNIC_MAX_MODALITIES] = {NULL};
    memset(out, 0, sizeof *out);
    if (!find_common(out, model, how, path, only))
        return false;
    unic_dataset_options options = {.struct_size = sizeof options,
                                    .modalities = out->names,
                                    .modality_count = out->count,
                                    .batch = BATCH,
                                    .prefetch = READ_AHEAD};
    bool ok = cli_data_open_for(&out->data, how, model, &path, 1, options);
    if (ok) {
        out->clips = unic_dataset_clip_count(out->data);
        out->length = unic_dataset_length(out->data);
    }
    for (size_t i = 0; ok && i < out->count; i++)
        ok = (out->codes[i] = cli_alloc(out->clips * out->length, sizeof(int32_t))) &&
             cli_ok(unic_encoder_create(
                 &encoders[i], model, out->names[i],
                 &(unic_encoder_options){.struct_size = sizeof(unic_encoder_options),
                                         .max_batch = BATCH,
                                         .max_length = out->length}));
    ok = ok && encode_all(out, encoders);
    for (size_t i = 0; i < out->count; i++)
        unic_encoder_free(encoders[i]);
    return ok;
}

void cli_codes_free(cli_codes *codes)
{
    for (size_t i = 0; i < codes->count; i++)
        free(codes->codes[i]);
    unic_dataset_free(codes->data);
    memset(codes, 0, sizeof *codes);
}

/* ---- usage ---- */

int64_t cli_usage_total(const cli_usage *usage, size_t modalities, size_t l)
{
    int64_t total = 0;
    for (size_t i = 0; i < modalities; i++)
        total += usage->counts[i][l];
    return total;
}

/* Whether every modality has 20 to 80 % of the uses of code `l`. */
static bool is_shared(const cli_usage *u, size_t modalities, size_t l, int64_t total)
{
    for (size_t i = 0; i < modalities; i++)
        if (5 * u->counts[i][l] < total || 5 * u->counts[i][l] > 4 * total)
            return false;
    return true;
}

static void look_at_all(cli_usage *u, size_t modalities)
{
    double sum = 0.0, entropy = 0.0;
    for (size_t l = 0; l < u->codes; l++)
        sum += (double)cli_usage_total(u, modalities, l);
    for (size_t l = 0; l < u->codes; l++) {
        int64_t total = cli_usage_total(u, modalities, l);
        if (total > 0)
            entropy -= (double)total / sum * log((double)total / sum);
        if (total >= CLI_OFTEN) {
            u->often++;
            u->shared += is_shared(u, modalities, l, total);
        }
    }
    u->perplexity_of_all = sum > 0.0 ? exp(entropy) : 0.0;
}

bool cli_usage_count(cli_usage *out, const cli_codes *codes, const unic_codebook *codebook)
{
    memset(out, 0, sizeof *out);
    out->codes = unic_codebook_code_count(codebook);
    for (size_t i = 0; i < codes->count; i++) {
        out->counts[i] = cli_alloc(out->codes, sizeof *out->counts[i]);
        if (!out->counts[i] ||
            !cli_ok(unic_codebook_usage(&out->perplexity[i], codebook, codes->codes[i],
                                        codes->clips * codes->length, out->counts[i])))
            return false;
        for (size_t l = 0; l < out->codes; l++)
            out->used[i] += out->counts[i][l] > 0;
    }
    look_at_all(out, codes->count);
    return true;
}

void cli_usage_free(cli_usage *usage)
{
    for (size_t i = 0; i < UNIC_MAX_MODALITIES; i++)
        free(usage->counts[i]);
    memset(usage, 0, sizeof *usage);
}
