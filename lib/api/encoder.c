#include "model/encode_batches.h"

#include "api/api.h"
#include "array/array.h"
#include "array/batch.h"
#include "data/dataset.h"

unic_status unic_encoder_create(unic_encoder **out, unic_model *model, const char *modality,
                                const unic_encoder_options *options)
{
    size_t m;
    unic_encoder_options o;
    UNIC__REQUIRE(out);
    *out = NULL;
    UNIC__REQUIRE(model);
    UNIC__REQUIRE(modality);
    UNIC__REQUIRE(options);
    UNIC__TAKE(unic__encoder_options_kind, &o, options);
    UNIC__TRY(unic__check_threads(o.threads, __func__));
    if (o.max_batch == 0 || o.max_length == 0)
        return unic__fail(UNIC_E_ARG,
                          "%s: options->max_batch = %zu and max_length = %zu must both be at "
                          "least 1",
                          __func__, o.max_batch, o.max_length);
    UNIC__TRY_NAMED(unic__model_find(model, modality, &m));
    UNIC__TRY_WITH(o.threads, unic__encoder_create(out, model, m, o.max_batch, o.max_length));
    (*out)->threads = o.threads;
    return UNIC_OK;
}

void unic_encoder_free(unic_encoder *encoder)
{
    unic__encoder_free(encoder);
}

unic_status unic_encoder_encode(unic_encoder *encoder, const unic_array *features,
                                const int32_t *lengths, int32_t *codes, float *quantized,
                                float *semantic)
{
    UNIC__REQUIRE(encoder);
    UNIC__REQUIRE(features);
    UNIC__TRY(unic__array_check_real(features, __func__, "features"));
    UNIC__HOLD(encoder);
    UNIC__TRY_WITH(encoder->threads, unic__encoder_encode(encoder, features, lengths, NULL,
                                                          codes, quantized, semantic));
    return UNIC_OK;
}

unic_status unic_encoder_encode_batch(unic_encoder *encoder, const unic_batch *batch,
                                      int32_t *codes, float *quantized, float *semantic)
{
    UNIC__REQUIRE(encoder);
    UNIC__REQUIRE(batch);
    UNIC__HOLD(encoder);
    UNIC__TRY_WITH(encoder->threads,
                   unic__encoder_encode_batch(encoder, batch, codes, quantized, semantic));
    return UNIC_OK;
}

/* ---- a dataset's batches ---- */

static unic_status next_of_dataset(const unic_batch **batch, void *dataset)
{
    return unic__dataset_next(batch, dataset);
}

static unic_status encode_dataset(unic_encoder *const *encoders, size_t encoder_count,
                                  unic_dataset *dataset, const unic_encode_options *options,
                                  int32_t *const *codes)
{
    const unic__batches batches = {.next = next_of_dataset,
                                   .self = dataset,
                                   .clips = dataset->clips,
                                   .batch = dataset->batch,
                                   .length = dataset->length};
    UNIC__TRY(unic__dataset_seek(dataset, 0, 0));
    return unic__encode_batches(encoders, encoder_count, &batches, options, codes);
}

unic_status unic_encoder_encode_dataset(unic_encoder *const *encoders, size_t encoder_count,
                                        unic_dataset *dataset,
                                        const unic_encode_options *options,
                                        int32_t *const *codes)
{
    unic_encode_options o = {.struct_size = sizeof o};
    if (options)
        UNIC__TAKE(unic__encode_options_kind, &o, options);
    UNIC__REQUIRE(encoders);
    UNIC__REQUIRE(dataset);
    if (encoder_count == 0)
        return unic__fail(UNIC_E_ARG, "%s: encoder_count is 0, at least 1 expected", __func__);
    for (size_t i = 0; i < encoder_count; i++)
        if (!encoders[i])
            return unic__fail(UNIC_E_ARG, "%s: encoders[%zu] is NULL", __func__, i);
    UNIC__HOLD(dataset);
    UNIC__TRY_NAMED(encode_dataset(encoders, encoder_count, dataset, &o, codes));
    return UNIC_OK;
}
