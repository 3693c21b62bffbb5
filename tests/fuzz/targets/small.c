#include <stdlib.h>
#include <string.h>

#include "fuzz/targets/targets.h"

enum { LARGEST_STEP = 4096 /* numbers of a step that are made */ };

unic_config *fuzz_small_config(const char *text)
{
    unic_config *config;
    FUZZ_CHECK(unic_config_create(&config) == UNIC_OK);
    FUZZ_CHECK(unic_config_parse(config, text, NULL) == UNIC_OK);
    return config;
}

unic_trainer *fuzz_small_trainer(const char *text)
{
    unic_config *config = fuzz_small_config(text);
    unic_trainer *trainer;
    unic_model *model;
    fuzz_batch batch;
    FUZZ_CHECK(unic_trainer_create(&trainer, config, NULL) == UNIC_OK);
    FUZZ_CHECK(unic_trainer_model(&model, trainer) == UNIC_OK);
    FUZZ_CHECK(fuzz_batch_make(&batch, model, 2, 3));
    FUZZ_CHECK(unic_trainer_step(trainer, batch.batch, NULL, NULL) == UNIC_OK);
    fuzz_batch_free(&batch);
    unic_model_free(model);
    unic_config_free(config);
    return trainer;
}

unic_model *fuzz_small_model(const char *text)
{
    unic_trainer *trainer = fuzz_small_trainer(text);
    unic_model *model;
    FUZZ_CHECK(unic_trainer_model(&model, trainer) == UNIC_OK);
    unic_trainer_free(trainer);
    return model;
}

unic_codebook *fuzz_small_codebook(size_t codes, size_t dim)
{
    unic_codebook *codebook;
    unic_array embedding;
    float *x = malloc(codes * dim * sizeof *x);
    FUZZ_CHECK(x);
    for (size_t i = 0; i < codes * dim; i++)
        x[i] = (float)((i * 7 + 3) % 11) / 4.0F - 1.0F;
    unic_array_init(&embedding, x, UNIC_F32, 2,
                    (const int64_t[]){(int64_t)codes, (int64_t)dim});
    FUZZ_CHECK(unic_codebook_create(&codebook, codes, dim, 1) == UNIC_OK);
    FUZZ_CHECK(unic_codebook_set(codebook, &embedding) == UNIC_OK);
    free(x);
    return codebook;
}

bool fuzz_batch_make(fuzz_batch *out, const unic_model *model, size_t clips, size_t length)
{
    *out = (fuzz_batch){.batch = NULL};
    FUZZ_CHECK(unic_batch_create(&out->batch) == UNIC_OK);
    for (size_t m = 0; m < unic_model_modality_count(model); m++) {
        const char *name = unic_model_modality_name(model, m);
        int64_t dims[UNIC_MAX_RANK] = {(int64_t)clips, (int64_t)length};
        size_t rank, n = 1;
        FUZZ_CHECK(unic_model_feature_dims(&rank, model, name, dims + 2) == UNIC_OK);
        for (size_t i = 0; i < rank; i++)
            n = n <= LARGEST_STEP ? n * (size_t)dims[2 + i] : n;
        if (n > LARGEST_STEP) {
            fuzz_batch_free(out);
            return false;
        }
        n *= clips * length;
        float *x = out->memory[m] = malloc(n * sizeof *x);
        for (size_t i = 0; i < n; i++)
            x[i] = (float)((i * 13 + m * 5) % 17) / 8.0F - 1.0F;
        unic_array features;
        unic_array_init(&features, x, UNIC_F32, 2 + (int)rank, dims);
        FUZZ_CHECK(unic_batch_set(out->batch, name, &features, NULL) == UNIC_OK);
    }
    return true;
}

void fuzz_batch_free(fuzz_batch *b)
{
    unic_batch_free(b->batch);
    for (size_t m = 0; m < UNIC_MAX_MODALITIES; m++)
        free(b->memory[m]);
    *b = (fuzz_batch){.batch = NULL};
}

static void use_encoder(unic_model *model, const char *name, const unic_batch *batch)
{
    enum { BATCH = 1, LENGTH = 2 };
    const unic_encoder_options options = {
        .struct_size = sizeof options, .max_batch = BATCH, .max_length = LENGTH};
    unic_encoder *encoder;
    if (!fuzz_made(unic_encoder_create(&encoder, model, name, &options), encoder))
        return;
    size_t dim = unic_model_code_dim(model), codes = unic_model_code_count(model);
    float *z = malloc(2 * BATCH * LENGTH * dim * sizeof *z);
    int32_t code[BATCH * LENGTH];
    if (fuzz_ok(unic_encoder_encode_batch(encoder, batch, code, z, z + BATCH * LENGTH * dim))) {
        fuzz_check_finite(z, 2 * BATCH * LENGTH * dim);
        for (size_t i = 0; i < BATCH * LENGTH; i++)
            FUZZ_CHECK(code[i] >= -1 && code[i] < (int32_t)codes);
    }
    free(z);
    unic_encoder_free(encoder);
}

void fuzz_use_model(unic_model *model)
{
    fuzz_batch batch;
    bool whole = fuzz_batch_make(&batch, model, 1, 2);
    for (size_t m = 0; whole && m < unic_model_modality_count(model); m++)
        use_encoder(model, unic_model_modality_name(model, m), batch.batch);
    fuzz_batch_free(&batch);
    const char *name;
    const float *data;
    size_t rank;
    int64_t dims[UNIC_MAX_RANK];
    for (size_t i = 0; fuzz_ok(unic_model_parameter_at(&name, &data, &rank, model, i, dims));
         i++) {
        size_t n = 1;
        for (size_t k = 0; k < rank; k++)
            n *= (size_t)dims[k];
        fuzz_check_finite(data, n);
    }
    unic_codebook *codebook;
    unic_config *config;
    if (fuzz_made(unic_model_codebook(&codebook, model), codebook))
        fuzz_check_finite(unic_codebook_embedding(codebook),
                          unic_codebook_code_count(codebook) * unic_codebook_dim(codebook));
    unic_codebook_free(codebook);
    if (fuzz_made(unic_config_create(&config), config)) {
        FUZZ_CHECK(fuzz_ok(unic_config_parse(config, unic_model_config(model), NULL)));
        FUZZ_CHECK(fuzz_ok(unic_config_check(config)));
    }
    unic_config_free(config);
}
