#include "task/head.h"
#include "task/codes.h"

#include <math.h>

#include "api/api.h"

/* Zero members take their defaults; what is left must make sense. */
static unic_status complete(const unic_codebook *cb, const unic_head_options *given,
                            unic_head_options *o)
{
    if (given->struct_size < sizeof *given)
        return unic__fail(UNIC_E_ARG, "options->struct_size is %zu, expected %zu",
                          given->struct_size, sizeof *given);
    *o = *given;
    o->hidden = o->hidden ? o->hidden : (int32_t)cb->dim;
    o->epochs = o->epochs ? o->epochs : 30;
    o->batch = o->batch ? o->batch : 64;
    o->learning_rate = o->learning_rate != 0.0F ? o->learning_rate : 0.002F;
    int32_t fewest = o->kind == UNIC_HEAD_STEP_MULTI ? 1 : 2;
    if (o->kind < UNIC_HEAD_CLIP || o->kind > UNIC_HEAD_STEP_MULTI)
        return unic__fail(UNIC_E_ARG, "options->kind = %d is none of unic_head_kind", o->kind);
    if (o->loss != UNIC_HEAD_LOSS_PLAIN && o->loss != UNIC_HEAD_LOSS_CMG)
        return unic__fail(UNIC_E_ARG, "options->loss = %d is none of unic_head_loss", o->loss);
    if (o->loss == UNIC_HEAD_LOSS_CMG && o->kind != UNIC_HEAD_STEP_MULTI)
        return unic__fail(UNIC_E_ARG,
                          "options->loss = UNIC_HEAD_LOSS_CMG is for heads of kind "
                          "UNIC_HEAD_STEP_MULTI, not %d",
                          o->kind);
    if (o->class_count < fewest || o->class_count > 1 << 20)
        return unic__fail(UNIC_E_ARG, "options->class_count = %d is not in %d..%d",
                          o->class_count, fewest, 1 << 20);
    if (o->hidden < 1 || o->hidden > 1 << 16 || o->epochs < 1 || o->batch < 1 ||
        o->batch > 1 << 16)
        return unic__fail(UNIC_E_ARG,
                          "options: hidden = %d, epochs = %d, batch = %d; expected "
                          "1..65536, 1 or more, 1..65536",
                          o->hidden, o->epochs, o->batch);
    if (!(o->learning_rate > 0.0F) || !isfinite(o->learning_rate))
        return unic__fail(UNIC_E_ARG, "options->learning_rate = %g must be positive",
                          (double)o->learning_rate);
    return UNIC_OK;
}

unic_status unic_head_create(unic_head **out, const unic_codebook *codebook,
                             const unic_head_options *options)
{
    unic_codebook *copy;
    unic_head_options o;
    UNIC__REQUIRE(out);
    *out = NULL;
    UNIC__REQUIRE(codebook);
    UNIC__REQUIRE(options);
    UNIC__TRY_NAMED(complete(codebook, options, &o));
    UNIC__TRY_NAMED(unic__codebook_copy(&copy, codebook));
    UNIC__TRY_NAMED(unic__head_create(out, copy, &o));
    return UNIC_OK;
}

unic_status unic_head_settings(unic_head_options *options, const unic_head *head)
{
    UNIC__REQUIRE(head);
    UNIC__REQUIRE(options);
    UNIC__REQUIRE_SIZE(options);
    size_t given = options->struct_size;
    *options = head->options;
    options->struct_size = given;
    return UNIC_OK;
}

void unic_head_free(unic_head *head)
{
    unic__head_free(head);
}

/* clips x length x classes is what the largest of a call's arrays holds. */
static unic_status check_sizes(const unic_head *head, const char *call, size_t clips,
                               size_t length)
{
    size_t count, bytes;
    if (!unic__mul_size(clips, length, &count) ||
        !unic__mul_size(count, (size_t)head->options.class_count * sizeof(float), &bytes))
        return unic__fail(UNIC_E_ARG, "%s: %zu clips of %zu steps are larger than any memory",
                          call, clips, length);
    return UNIC_OK;
}

static unic_status check_labels(const unic_head *head, const int32_t *labels, size_t clips,
                                size_t length)
{
    bool multi = head->options.kind == UNIC_HEAD_STEP_MULTI;
    size_t per_clip = head->options.kind == UNIC_HEAD_CLIP ? 1 : length;
    size_t count = clips * per_clip * (multi ? (size_t)head->options.class_count : 1);
    int32_t high = multi ? 1 : head->options.class_count - 1;
    for (size_t i = 0; i < count; i++)
        if (labels[i] < -1 || labels[i] > high)
            return unic__fail(UNIC_E_VALUE, "label %d at %zu is not in -1..%d", labels[i], i,
                              high);
    return UNIC_OK;
}

unic_status unic_head_fit(double *loss, unic_head *head, const int32_t *codes,
                          size_t clip_count, size_t length, const int32_t *labels)
{
    UNIC__REQUIRE(head);
    UNIC__REQUIRE(codes);
    UNIC__REQUIRE(labels);
    if (clip_count == 0 || length == 0)
        return unic__fail(UNIC_E_ARG,
                          "%s: %zu clips of %zu steps; at least one of each expected", __func__,
                          clip_count, length);
    UNIC__TRY(check_sizes(head, __func__, clip_count, length));
    UNIC__TRY_NAMED(unic__check_codes(head->codebook, codes, clip_count, length, false));
    UNIC__TRY_NAMED(check_labels(head, labels, clip_count, length));
    UNIC__TRY_NAMED(unic__head_fit(loss, head, codes, clip_count, length, labels));
    return UNIC_OK;
}

unic_status unic_head_predict(const unic_head *head, const int32_t *codes, size_t clip_count,
                              size_t length, float *logits)
{
    UNIC__REQUIRE(head);
    if (clip_count == 0 || length == 0)
        return UNIC_OK;
    UNIC__REQUIRE(codes);
    UNIC__REQUIRE(logits);
    UNIC__TRY(check_sizes(head, __func__, clip_count, length));
    UNIC__TRY_NAMED(unic__check_codes(head->codebook, codes, clip_count, length, false));
    unic__head_predict(head, codes, clip_count, length, logits);
    return UNIC_OK;
}

unic_status unic_head_mask_labels(const unic_head *head, const int32_t *codes,
                                  size_t clip_count, size_t length, int32_t *labels)
{
    UNIC__REQUIRE(head);
    if (clip_count == 0 || length == 0)
        return UNIC_OK;
    UNIC__REQUIRE(codes);
    UNIC__REQUIRE(labels);
    UNIC__TRY(check_sizes(head, __func__, clip_count, length));
    UNIC__TRY_NAMED(unic__check_codes(head->codebook, codes, clip_count, length, false));
    unic__head_mask_labels(head, codes, clip_count, length, labels);
    return UNIC_OK;
}

uint64_t unic_head_fingerprint(const unic_head *head)
{
    return head ? head->fingerprint : 0;
}

unic_status unic_head_accepts(const unic_head *head, uint64_t fingerprint)
{
    UNIC__REQUIRE(head);
    if (fingerprint != head->fingerprint)
        return unic__fail(
            UNIC_E_MISMATCH, "%s: the codes are of codebook %016llx, the head is for %016llx",
            __func__, (unsigned long long)fingerprint, (unsigned long long)head->fingerprint);
    return UNIC_OK;
}

unic_status unic_head_save(const unic_head *head, const char *path)
{
    UNIC__REQUIRE(head);
    UNIC__REQUIRE(path);
    UNIC__TRY_NAMED(unic__head_save(head, path));
    return UNIC_OK;
}

unic_status unic_head_load(unic_head **out, const char *path)
{
    UNIC__REQUIRE(out);
    *out = NULL;
    UNIC__REQUIRE(path);
    UNIC__TRY_NAMED(unic__head_load(out, path));
    return UNIC_OK;
}
