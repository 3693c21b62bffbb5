#include "model/encoder.h"

#include "api/api.h"
#include "array/array.h"
#include "array/batch.h"

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
    UNIC__TRY(unic__array_check(features, __func__, "features"));
    UNIC__TRY_WITH(encoder->threads, unic__encoder_encode(encoder, features, lengths, NULL,
                                                          codes, quantized, semantic));
    return UNIC_OK;
}

unic_status unic_encoder_encode_batch(unic_encoder *encoder, const unic_batch *batch,
                                      int32_t *codes, float *quantized, float *semantic)
{
    UNIC__REQUIRE(encoder);
    UNIC__REQUIRE(batch);
    const char *name = encoder->modality->name;
    const unic__batch_entry *e = unic__batch_find(batch, name);
    if (!e)
        return unic__fail(UNIC_E_NOTFOUND, "%s: the batch holds no modality \"%s\"", __func__,
                          name);
    UNIC__TRY_WITH(encoder->threads, unic__encoder_encode(encoder, &e->features, e->lengths,
                                                          batch, codes, quantized, semantic));
    return UNIC_OK;
}
