#include "train/drift.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/report.h"

void train_drift_free(train_drift *d)
{
    unic_codebook_free(d->codebook);
    free(d->codes);
    *d = (train_drift){.batch = d->batch};
}

/* Codes of the modalities that both the model and the clips have. */
static bool encode(train_drift *d, unic_model *model, unic_dataset *valid)
{
    unic_encoder *encoders[UNIC_MAX_MODALITIES] = {NULL};
    int32_t *codes[UNIC_MAX_MODALITIES];
    const unic_encoder_options options = {
        .struct_size = sizeof options,
        .max_batch = d->batch,
        .max_length = unic_dataset_length(valid),
    };
    d->modalities = unic_dataset_modality_count(valid);
    d->steps = unic_dataset_clip_count(valid) * options.max_length;
    bool ok = (d->codes = cli_alloc(d->steps, d->modalities * sizeof *d->codes));
    for (size_t m = 0; ok && m < d->modalities; m++) {
        codes[m] = d->codes + m * d->steps;
        ok = cli_ok(unic_encoder_create(&encoders[m], model,
                                        unic_dataset_modality_name(valid, m), &options));
    }
    ok = ok && cli_ok(unic_encoder_encode_dataset(encoders, d->modalities, valid, NULL, codes));
    for (size_t m = 0; m < d->modalities; m++)
        unic_encoder_free(encoders[m]);
    return ok;
}

static bool look(train_drift *now, unic_trainer *trainer, unic_dataset *valid)
{
    unic_model *model = NULL;
    bool ok = cli_ok(unic_trainer_model(&model, trainer)) &&
              cli_ok(unic_model_codebook(&now->codebook, model)) &&
              (!valid || encode(now, model, valid));
    unic_model_free(model);
    return ok;
}

/* ", 71 % have the same code in all modalities; ..." of the codes as they are now. */
static bool describe(const train_drift *now, char *text, size_t size)
{
    unic_usage_report used = {.struct_size = sizeof used};
    const int32_t *codes[UNIC_MAX_MODALITIES];
    for (size_t m = 0; m < now->modalities; m++)
        codes[m] = now->codes + m * now->steps;
    if (!cli_ok(unic_metrics_usage(&used, codes, now->modalities, now->steps,
                                   unic_codebook_code_count(now->codebook), NULL, NULL, NULL)))
        return false;
    snprintf(text, size,
             "%zu codes in use, %.0f %% of the frequent ones shared, %.0f %% of the steps have "
             "the same code in all modalities",
             used.used_count, 100.0 * used.shared, 100.0 * used.agreement);
    return true;
}

bool train_drift_end_epoch(train_drift *d, unic_trainer *trainer, unic_dataset *valid,
                           char line[TRAIN_DRIFT_LINE])
{
    train_drift now = {.batch = d->batch};
    unic_drift_report drift = {.struct_size = sizeof drift};
    char moved[96] = "", changed[96] = "", use[192] = "";
    bool ok = look(&now, trainer, valid) && (!valid || describe(&now, use, sizeof use));
    if (ok && d->codebook) {
        ok = cli_ok(unic_codebook_drift(&drift, d->codebook, now.codebook, d->codes, now.codes,
                                        now.modalities * now.steps));
        snprintf(moved, sizeof moved, "%.0f %% of the codebook moved", 100.0 * drift.moved);
        if (valid)
            snprintf(changed, sizeof changed, ", %.0f %% of the steps got another code; ",
                     100.0 * drift.changed);
    }
    snprintf(line, TRAIN_DRIFT_LINE, "%s%s%s", moved, changed, use);
    train_drift_free(d);
    *d = now;
    return ok;
}
