/* Metrics. Sizes are what the arrays have, or 0, or so large that they are refused. */
#include "api.h"

enum { ROWS = 4, CLASSES = 3 };

static size_t count(api *a, size_t most)
{
    unsigned how = fuzz_byte(&a->in);
    return how == 0xFF   ? SIZE_MAX
           : how == 0xFE ? SIZE_MAX / 4
           : how == 0xFD ? 0
                         : 1 + how % most;
}

static void check_share(double x)
{
    FUZZ_CHECK(x >= 0 && x <= 1 + 1e-9);
}

static void check_match(const unic_match_report *r)
{
    check_share(r->precision);
    check_share(r->recall);
    check_share(r->f1);
}

static void call_unic_metrics_classes(api *a)
{
    unic_class_report r = {.struct_size = sizeof r};
    float *scores = api_floats(a, ROWS * CLASSES);
    int32_t *truth = api_codes(a, ROWS, CLASSES);
    size_t rows = count(a, ROWS), classes = count(a, CLASSES);
    int64_t confusion[CLASSES * CLASSES];
    double per_class[CLASSES];
    unsigned how = fuzz_byte(&a->in);
    if (fuzz_ok(unic_metrics_classes(how == 0xFF ? NULL : &r, scores, truth, rows, classes,
                                     how & 1 ? NULL : confusion, how & 2 ? NULL : per_class))) {
        check_share(r.accuracy);
        check_share(r.mean_accuracy);
    }
}

static void call_unic_metrics_steps(api *a)
{
    unic_match_report r = {.struct_size = sizeof r};
    float *scores = api_floats(a, ROWS * CLASSES);
    int32_t *truth = api_codes(a, ROWS * CLASSES, 2);
    size_t rows = count(a, ROWS), classes = count(a, CLASSES);
    float threshold = fuzz_byte(&a->in) < 0xC0 ? 0 : fuzz_float(&a->in);
    if (fuzz_ok(unic_metrics_steps(&r, scores, truth, rows, classes, threshold,
                                   (int32_t)fuzz_below(&a->in, 6) - 2)))
        check_match(&r);
}

static void call_unic_metrics_steps_cmg(api *a)
{
    unic_match_report r = {.struct_size = sizeof r};
    float *scores = api_floats(a, ROWS * CLASSES);
    int32_t *truth = api_codes(a, ROWS * CLASSES, 2);
    size_t rows = count(a, ROWS), classes = count(a, CLASSES);
    if (fuzz_ok(unic_metrics_steps_cmg(&r, scores, truth, rows, classes, 0, count(a, ROWS))))
        check_match(&r);
}

static void call_unic_metrics_events(api *a)
{
    unic_match_report r = {.struct_size = sizeof r};
    float *scores = api_floats(a, 2 * ROWS * CLASSES);
    int32_t *truth = api_codes(a, 2 * ROWS * CLASSES, 2);
    size_t clips = count(a, 2), length = count(a, ROWS), classes = count(a, CLASSES);
    float threshold = fuzz_byte(&a->in) < 0xC0 ? 0 : fuzz_float(&a->in);
    double iou = fuzz_byte(&a->in) < 0xC0 ? 0.5 : (double)fuzz_float(&a->in);
    if (fuzz_ok(unic_metrics_events(&r, scores, truth, clips, length, classes, threshold, iou,
                                    (int32_t)fuzz_below(&a->in, 6) - 2)))
        check_match(&r);
}

static uint8_t *mask_truth(api *a)
{
    uint8_t *truth = api_memory(a, ROWS * CLASSES);
    unsigned seed = fuzz_byte(&a->in);
    for (size_t i = 0; i < ROWS * CLASSES; i++)
        truth[i] = (uint8_t)(seed == 0xFF ? i : seed >> i % 8 & 1);
    return truth;
}

static void call_unic_metrics_masks(api *a)
{
    unic_mask_report r = {.struct_size = sizeof r};
    float *logits = api_floats(a, ROWS * CLASSES);
    uint8_t *truth = mask_truth(a);
    size_t masks = count(a, ROWS), pixels = count(a, CLASSES);
    double curve[UNIC_METRICS_THRESHOLD_COUNT];
    if (fuzz_ok(unic_metrics_masks(&r, logits, truth, masks, pixels,
                                   fuzz_byte(&a->in) & 1 ? NULL : curve))) {
        check_share(r.miou);
        check_share(r.f_beta);
    }
}

static void call_unic_metrics_masks_cmg(api *a)
{
    unic_mask_report r = {.struct_size = sizeof r};
    float *logits = api_floats(a, ROWS * CLASSES);
    uint8_t *truth = mask_truth(a);
    size_t masks = count(a, ROWS), pixels = count(a, CLASSES);
    if (fuzz_ok(unic_metrics_masks_cmg(&r, logits, truth, masks, pixels, count(a, ROWS))))
        check_share(r.miou);
}

static void call_unic_metrics_ranks(api *a)
{
    unic_rank_report r = {.struct_size = sizeof r};
    float *scores = api_floats(a, ROWS * CLASSES);
    int32_t *queries = api_codes(a, ROWS, CLASSES), *items = api_codes(a, CLASSES, CLASSES);
    size_t n = count(a, ROWS), gallery = count(a, CLASSES), k[2] = {1, count(a, 3)};
    double recall[2];
    if (fuzz_ok(unic_metrics_ranks(&r, scores, n, gallery, queries, items, k,
                                   fuzz_below(&a->in, 3), recall)))
        check_share(r.mean_average_precision);
}

static void call_unic_metrics_recall(api *a)
{
    unic_rank_report r = {.struct_size = sizeof r};
    int64_t ranks[ROWS];
    for (size_t i = 0; i < ROWS; i++)
        ranks[i] = fuzz_size(&a->in, 4);
    size_t n = count(a, ROWS), k[2] = {1, count(a, 3)};
    double recall[2];
    if (fuzz_ok(unic_metrics_recall(&r, ranks, n, k, fuzz_below(&a->in, 3), recall)))
        check_share(r.mean_average_precision);
}

static void call_unic_metrics_usage(api *a)
{
    unic_usage_report r = {.struct_size = sizeof r};
    const int32_t *codes[] = {api_codes(a, ROWS, CLASSES), api_codes(a, ROWS, CLASSES)};
    size_t modalities = count(a, 2), steps = count(a, ROWS), n = count(a, CLASSES);
    int64_t counts[2 * CLASSES];
    double shares[2 * CLASSES], perplexity[2];
    unsigned how = fuzz_byte(&a->in);
    if (fuzz_ok(unic_metrics_usage(&r, codes, modalities, steps, n, how & 1 ? counts : NULL,
                                   how & 2 ? shares : NULL, how & 4 ? perplexity : NULL))) {
        check_share(r.shared);
        check_share(r.agreement);
        check_share(r.divergence);
        FUZZ_CHECK(r.used_count + r.dead_count == n && r.agreed_count <= r.paired_count);
    }
}

static const api_call calls[] = {
    API_CALL(unic_metrics_classes),   API_CALL(unic_metrics_steps),
    API_CALL(unic_metrics_steps_cmg), API_CALL(unic_metrics_events),
    API_CALL(unic_metrics_masks),     API_CALL(unic_metrics_masks_cmg),
    API_CALL(unic_metrics_ranks),     API_CALL(unic_metrics_recall),
    API_CALL(unic_metrics_usage),
};
API_PART(api_metrics, calls);
