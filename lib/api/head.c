#include "task/head.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/api.h"
#include "array/array.h"
#include "kernel/stack.h"
#include "task/codes.h"

unic_status unic_head_create(unic_head **out, const unic_codebook *codebook,
                             const unic_head_options *options)
{
    unic_codebook *copy;
    unic_head_options o;
    UNIC__REQUIRE(out);
    *out = NULL;
    UNIC__REQUIRE(codebook);
    UNIC__REQUIRE(options);
    UNIC__TAKE(unic__head_options_kind, &o, options);
    UNIC__TRY(unic__check_threads(o.threads, __func__));
    UNIC__TRY_NAMED(unic__head_complete(&o, codebook->dim, "options->", UNIC_E_ARG));
    UNIC__HOLD_SHARED(codebook);
    UNIC__TRY_NAMED(unic__codebook_copy(&copy, codebook));
    UNIC__TRY_WITH(o.threads, unic__head_create(out, copy, &o));
    return UNIC_OK;
}

unic_status unic_head_settings(unic_head_options *options, const unic_head *head)
{
    UNIC__REQUIRE(head);
    UNIC__REQUIRE(options);
    UNIC__REQUIRE_SIZE(unic__head_options_kind, options);
    unic__struct_give(&unic__head_options_kind, options, &head->options);
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
    size_t steps = head->options.kind == UNIC_HEAD_CLIP ? 1 : length;
    size_t width = multi ? (size_t)head->options.class_count : 1;
    int32_t high = multi ? 1 : head->options.class_count - 1;
    char step[48] = "", class[48] = "";
    for (size_t i = 0; i < clips * steps * width; i++) {
        if (labels[i] >= -1 && labels[i] <= high)
            continue;
        if (head->options.kind != UNIC_HEAD_CLIP)
            snprintf(step, sizeof step, ", step %zu", i / width % steps);
        if (multi)
            snprintf(class, sizeof class, ", class %zu", i % width);
        return unic__fail(UNIC_E_VALUE, "label %d of clip %zu%s%s is not in -1..%d", labels[i],
                          i / width / steps, step, class, high);
    }
    return UNIC_OK;
}

/* Whether a clip, or a step, has a code and a label that counts. */
static bool any_counts(const unic_head *head, const int32_t *codes, const int32_t *labels,
                       size_t clips, size_t length)
{
    const bool whole = head->options.kind == UNIC_HEAD_CLIP;
    const size_t width = head->options.kind == UNIC_HEAD_STEP_MULTI
                             ? (size_t)head->options.class_count
                             : 1;
    for (size_t i = 0; i < clips * length; i++) {
        const int32_t *row = labels + (whole ? i / length : i) * width;
        size_t c = 0;
        while (c < width && row[c] >= 0)
            c++;
        if (codes[i] >= 0 && c == width)
            return true;
    }
    return false;
}

/* A head that has learnt from nothing would predict what its weights were drawn to. */
static unic_status check_some_count(const unic_head *head, const int32_t *codes,
                                    const int32_t *labels, size_t clips, size_t length)
{
    if (any_counts(head, codes, labels, clips, length))
        return UNIC_OK;
    return unic__fail(UNIC_E_VALUE,
                      "nothing to learn from: none of the %zu %s has a code (they may lack the "
                      "modality) and a label other than -1",
                      head->options.kind == UNIC_HEAD_CLIP ? clips : clips * length,
                      head->options.kind == UNIC_HEAD_CLIP ? "clips" : "steps");
}

unic_status unic_head_fit(double *loss, unic_head *head, const int32_t *codes,
                          size_t clip_count, size_t length, const int32_t *labels)
{
    UNIC__REQUIRE(head);
    UNIC__REQUIRE(codes);
    UNIC__REQUIRE(labels);
    if (clip_count == 0 || length == 0)
        return unic__fail(UNIC_E_ARG,
                          "%s: clip_count = %zu and length = %zu; at least 1 of each expected",
                          __func__, clip_count, length);
    UNIC__TRY(check_sizes(head, __func__, clip_count, length));
    UNIC__TRY_NAMED(unic__check_codes(head->codebook, codes, clip_count, length, false));
    UNIC__TRY_NAMED(check_labels(head, labels, clip_count, length));
    UNIC__TRY_NAMED(check_some_count(head, codes, labels, clip_count, length));
    UNIC__HOLD(head);
    UNIC__TRY_WITH(head->options.threads,
                   unic__head_fit(loss, head, codes, clip_count, length, labels));
    return UNIC_OK;
}

/* Weights that were only drawn predict nothing. */
static unic_status check_trained(const unic_head *head, const char *call)
{
    return head->trained
               ? UNIC_OK
               : unic__fail(UNIC_E_STATE,
                            "%s: the head is untrained; call unic_head_fit() before", call);
}

/* Weights, or a head from a file, may be so large that sums of them are no longer numbers. */
static unic_status check_logits(const unic_head *head, const char *call, const float *logits,
                                size_t clip_count, size_t length)
{
    const size_t classes = (size_t)head->options.class_count;
    const size_t each = head->options.kind == UNIC_HEAD_CLIP ? classes : length * classes;
    for (size_t n = 0; n < clip_count; n++)
        if (!unic__all_finite(logits + n * each, each))
            return unic__fail(UNIC_E_NUMERIC,
                              "%s: a logit of clip %zu is more than a float holds", call, n);
    return UNIC_OK;
}

/* Clips without a step are padding alone: a clip head's logits are 0, others have none. */
static unic_status predict_nothing(const unic_head *head, const char *call, size_t clip_count,
                                   float *logits)
{
    const size_t classes = (size_t)head->options.class_count;
    if (head->options.kind != UNIC_HEAD_CLIP)
        return UNIC_OK;
    if (!logits)
        return unic__fail(UNIC_E_ARG, "%s: logits is NULL", call);
    UNIC__TRY(check_sizes(head, call, clip_count, 1));
    UNIC__HOLD_SHARED(head);
    UNIC__TRY(check_trained(head, call));
    memset(logits, 0, clip_count * classes * sizeof *logits);
    return UNIC_OK;
}

unic_status unic_head_predict(const unic_head *head, const int32_t *codes, size_t clip_count,
                              size_t length, float *logits)
{
    UNIC__REQUIRE(head);
    if (clip_count == 0)
        return UNIC_OK;
    if (length == 0)
        return predict_nothing(head, __func__, clip_count, logits);
    UNIC__REQUIRE(codes);
    UNIC__REQUIRE(logits);
    UNIC__TRY(check_sizes(head, __func__, clip_count, length));
    UNIC__TRY_NAMED(unic__check_codes(head->codebook, codes, clip_count, length, false));
    UNIC__HOLD_SHARED(head);
    UNIC__TRY_NAMED(unic__stack_prepare());
    UNIC__TRY(check_trained(head, __func__));
    int before = unic__threads_enter(head->options.threads);
    unic__head_predict(head, codes, NULL, 1, clip_count, length, logits);
    unic__threads_leave(before);
    return check_logits(head, __func__, logits, clip_count, length);
}

/* [steps,k] of all clips, and the weights of those codes that there are. */
static unic_status check_soft(const unic_head *head, const char *call, const int32_t *codes,
                              const float *weights, size_t steps, size_t k)
{
    const size_t n = head->codebook->codes;
    for (size_t i = 0; i < steps * k; i++) {
        if (codes[i] < -1 || (codes[i] >= 0 && (size_t)codes[i] >= n))
            return unic__fail(UNIC_E_VALUE, "%s: code %zu of step %zu is %d, not in -1..%zu",
                              call, i % k, i / k, codes[i], n - 1);
        if (codes[i] >= 0 && !isfinite(weights[i]))
            return unic__fail(UNIC_E_VALUE, "%s: weight %zu of step %zu is NaN or Inf", call,
                              i % k, i / k);
    }
    return UNIC_OK;
}

unic_status unic_head_predict_soft(const unic_head *head, const int32_t *codes,
                                   const float *weights, size_t k, size_t clip_count,
                                   size_t length, float *logits)
{
    size_t steps;
    UNIC__REQUIRE(head);
    if (k < 1)
        return unic__fail(UNIC_E_ARG, "%s: k is 0, expected at least 1", __func__);
    if (clip_count == 0)
        return UNIC_OK;
    if (length == 0)
        return predict_nothing(head, __func__, clip_count, logits);
    UNIC__REQUIRE(codes);
    UNIC__REQUIRE(weights);
    UNIC__REQUIRE(logits);
    if (!unic__mul_size(length, k, &steps))
        return unic__fail(UNIC_E_ARG,
                          "%s: length = %zu times k = %zu are larger than any memory", __func__,
                          length, k);
    UNIC__TRY(check_sizes(head, __func__, clip_count, steps));
    UNIC__TRY(check_soft(head, __func__, codes, weights, clip_count * length, k));
    UNIC__HOLD_SHARED(head);
    UNIC__TRY_NAMED(unic__stack_prepare());
    UNIC__TRY(check_trained(head, __func__));
    int before = unic__threads_enter(head->options.threads);
    unic__head_predict(head, codes, weights, k, clip_count, length, logits);
    unic__threads_leave(before);
    return check_logits(head, __func__, logits, clip_count, length);
}

unic_status unic_head_mask_labels(const unic_head *head, const int32_t *codes,
                                  size_t clip_count, size_t length, int32_t *labels)
{
    UNIC__REQUIRE(head);
    if (clip_count == 0 || (length == 0 && head->options.kind != UNIC_HEAD_CLIP))
        return UNIC_OK;
    if (length > 0)
        UNIC__REQUIRE(codes);
    UNIC__REQUIRE(labels);
    UNIC__TRY(check_sizes(head, __func__, clip_count, length));
    for (size_t i = 0; length == 0 && i < clip_count; i++) /* they have no code at all */
        labels[i] = -1;
    if (length == 0)
        return UNIC_OK;
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
    UNIC__HOLD_SHARED(head);
    UNIC__TRY(check_trained(head, __func__));
    UNIC__TRY_NAMED(unic__head_save(head, UNIC__TO_FILE(path)));
    return UNIC_OK;
}

unic_status unic_head_save_sink(const unic_head *head, const unic_sink *sink)
{
    unic_sink to;
    UNIC__REQUIRE(head);
    UNIC__TRY(unic__take_sink(&to, sink, __func__));
    UNIC__HOLD_SHARED(head);
    UNIC__TRY(check_trained(head, __func__));
    UNIC__TRY_NAMED(unic__head_save(head, UNIC__TO_SINK(&to)));
    return UNIC_OK;
}

unic_status unic_head_load(unic_head **out, const char *path, const unic_open_options *options)
{
    unic__opening from;
    UNIC__REQUIRE(out);
    *out = NULL;
    UNIC__REQUIRE(path);
    UNIC__TRY(unic__opening_file(&from, path, options, __func__));
    return unic__opening_end(&from, unic__head_load(out, from.source));
}

unic_status unic_head_load_source(unic_head **out, const unic_source *source,
                                  const unic_open_options *options)
{
    unic__opening from;
    if (out)
        *out = NULL;
    UNIC__TRY(unic__opening_source(&from, out, source, options, __func__));
    return unic__opening_end(&from, unic__head_load(out, from.source));
}
