#include "api/api.h"
#include "task/segment.h"

unic_status unic_segmenter_create(unic_segmenter **out, const unic_codebook *codebook,
                                  const unic_segmenter_options *options)
{
    unic_codebook *copy;
    UNIC__REQUIRE(out);
    *out = NULL;
    UNIC__REQUIRE(codebook);
    UNIC__REQUIRE(options);
    UNIC__REQUIRE_SIZE(options);
    unic_segmenter_options o = *options;
    o.struct_size = sizeof o;
    unic_status status = unic__segment_complete(&o, UNIC_E_ARG);
    if (status != UNIC_OK)
        return unic__fail_in(status, "%s: options", __func__);
    UNIC__CALL(unic__codebook_copy(&copy, codebook));
    UNIC__CALL(unic__segmenter_create(out, copy, &o, NULL));
    return UNIC_OK;
}

void unic_segmenter_free(unic_segmenter *segmenter)
{
    unic__segmenter_free(segmenter);
}

unic_status unic_segmenter_settings(const unic_segmenter *segmenter,
                                    unic_segmenter_options *options)
{
    UNIC__REQUIRE(segmenter);
    UNIC__REQUIRE(options);
    UNIC__REQUIRE_SIZE(options);
    size_t size = options->struct_size;
    *options = segmenter->net->options;
    options->struct_size = size;
    return UNIC_OK;
}

unic_status unic_segmenter_step(unic_segmenter *segmenter, const unic_array *const *images,
                                size_t n_images, const int32_t *codes, size_t length,
                                const unic_array *masks, double *loss)
{
    unic__segment_input in = {images, n_images, codes, length, masks, 0, 0};
    UNIC__REQUIRE(segmenter);
    UNIC__REQUIRE(images);
    UNIC__REQUIRE(codes);
    UNIC__REQUIRE(masks);
    UNIC__TRY(unic__segment_check_input(segmenter, &in, __func__));
    if (in.clips == 0)
        return unic__fail(UNIC_E_SHAPE, "%s: a batch of 0 clips, at least 1 expected",
                          __func__);
    UNIC__CALL(unic__segmenter_step(segmenter, &in, loss));
    return UNIC_OK;
}

unic_status unic_segmenter_predict(const unic_segmenter *segmenter,
                                   const unic_array *const *images, size_t n_images,
                                   const int32_t *codes, size_t length, float *logits)
{
    unic__segment_input in = {images, n_images, codes, length, NULL, 0, 0};
    UNIC__REQUIRE(segmenter);
    UNIC__REQUIRE(images);
    UNIC__REQUIRE(codes);
    UNIC__REQUIRE(logits);
    UNIC__TRY(unic__segment_check_input(segmenter, &in, __func__));
    if (in.clips == 0)
        return UNIC_OK;
    UNIC__CALL(unic__segmenter_predict(segmenter, &in, logits));
    return UNIC_OK;
}

uint64_t unic_segmenter_fingerprint(const unic_segmenter *segmenter)
{
    return segmenter ? segmenter->fingerprint : 0;
}

unic_status unic_segmenter_accepts(const unic_segmenter *segmenter, uint64_t fingerprint)
{
    UNIC__REQUIRE(segmenter);
    if (fingerprint != segmenter->fingerprint)
        return unic__fail(UNIC_E_MISMATCH,
                          "%s: the codes are of codebook %016llx, the segmenter is for %016llx",
                          __func__, (unsigned long long)fingerprint,
                          (unsigned long long)segmenter->fingerprint);
    return UNIC_OK;
}

unic_status unic_segmenter_save(const unic_segmenter *segmenter, const char *path)
{
    UNIC__REQUIRE(segmenter);
    UNIC__REQUIRE(path);
    UNIC__CALL(unic__segmenter_save(segmenter, path));
    return UNIC_OK;
}

unic_status unic_segmenter_load(unic_segmenter **out, const char *path)
{
    UNIC__REQUIRE(out);
    *out = NULL;
    UNIC__REQUIRE(path);
    UNIC__CALL(unic__segmenter_load(out, path));
    return UNIC_OK;
}
