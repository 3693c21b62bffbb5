#include "model/codebook.h"

#include <math.h>
#include <string.h>

#include "api/api.h"
#include "array/array.h"
#include "kernel/distance.h"
#include "kernel/stack.h"

unic_status unic_codebook_create(unic_codebook **out, size_t code_count, size_t dim,
                                 size_t modality_count)
{
    UNIC__REQUIRE(out);
    *out = NULL;
    if (code_count < 1 || code_count > UNIC__CODEBOOK_MAX_CODES || dim < 1 ||
        dim > UNIC__CODEBOOK_MAX_DIM || modality_count < 1 ||
        modality_count > UNIC_MAX_MODALITIES)
        return unic__fail(UNIC_E_ARG,
                          "%s: code_count = %zu, dim = %zu and modality_count = %zu; expected "
                          "1..%d, 1..%d and 1..%d",
                          __func__, code_count, dim, modality_count, UNIC__CODEBOOK_MAX_CODES,
                          UNIC__CODEBOOK_MAX_DIM, UNIC_MAX_MODALITIES);
    UNIC__TRY_NAMED(unic__codebook_create(out, code_count, dim, modality_count));
    return UNIC_OK;
}

void unic_codebook_free(unic_codebook *codebook)
{
    unic__codebook_free(codebook);
}

size_t unic_codebook_code_count(const unic_codebook *codebook)
{
    return codebook ? codebook->codes : 0;
}

size_t unic_codebook_dim(const unic_codebook *codebook)
{
    return codebook ? codebook->dim : 0;
}

size_t unic_codebook_modality_count(const unic_codebook *codebook)
{
    return codebook ? codebook->modalities : 0;
}

const float *unic_codebook_embedding(const unic_codebook *codebook)
{
    return codebook ? codebook->embedding : NULL;
}

/* Of `count` floats in rows [rows,D], not all of them finite. */
static unic_status not_finite(const unic_codebook *cb, const char *call, const char *what,
                              const float *x, size_t count)
{
    const size_t at = unic__first_not_finite(x, count);
    return unic__fail(UNIC_E_VALUE, "%s: %s holds NaN or Inf in row %zu, dim %zu", call, what,
                      at / cb->dim, at % cb->dim);
}

/* Rows [rows,D] from outside as finite float32 in memory of its own; `*z` NULL if there are
 * none. */
static unic_status read_rows(const unic_codebook *cb, const unic_array *a, const char *call,
                             const char *what, float **z, size_t *rows)
{
    UNIC__TRY(unic__array_check_real(a, call, what));
    unic__shape shape = unic__array_shape(a);
    char text[UNIC__SHAPE_TEXT];
    *z = NULL;
    if (shape.rank != 2 || shape.dim[1] != cb->dim)
        return unic__fail(UNIC_E_SHAPE, "%s: %s has shape %s, expected [rows,%zu]", call, what,
                          unic__shape_print(&shape, text), cb->dim);
    *rows = shape.dim[0];
    if (*rows == 0)
        return UNIC_OK;
    size_t count = *rows * cb->dim;
    float *copy = unic__alloc_array(count, sizeof(float));
    if (!copy)
        return unic__no_memory(count * sizeof(float), what);
    unic__array_to_f32(a, copy);
    if (!unic__all_finite(copy, count)) {
        unic_status status = not_finite(cb, call, what, copy, count);
        unic__free(copy);
        return status;
    }
    *z = copy;
    return UNIC_OK;
}

unic_status unic_codebook_set(unic_codebook *codebook, const unic_array *embedding)
{
    float *rows;
    size_t n;
    UNIC__REQUIRE(codebook);
    UNIC__REQUIRE(embedding);
    UNIC__HOLD(codebook);
    UNIC__TRY(read_rows(codebook, embedding, __func__, "embedding", &rows, &n));
    if (n != codebook->codes) {
        unic__free(rows);
        return unic__fail(UNIC_E_SHAPE,
                          "%s: embedding has %zu rows, %zu expected, one for each code",
                          __func__, n, codebook->codes);
    }
    unic__codebook_set(codebook, rows);
    unic__free(rows);
    return UNIC_OK;
}

unic_status unic_codebook_init(unic_codebook *codebook, const unic_array *z,
                               const unic_codebook_init_options *options)
{
    float *rows;
    size_t n = 0;
    unic_codebook_init_options o = {.struct_size = sizeof o};
    UNIC__REQUIRE(codebook);
    UNIC__REQUIRE(z);
    UNIC__HOLD(codebook);
    UNIC__TRY_NAMED(unic__stack_prepare());
    if (options)
        UNIC__TAKE(unic__codebook_init_options_kind, &o, options);
    UNIC__TRY(unic__check_threads(o.threads, __func__));
    UNIC__TRY(read_rows(codebook, z, __func__, "z", &rows, &n));
    if (n == 0)
        return unic__fail(UNIC_E_SHAPE, "%s: z has no rows, at least 1 expected", __func__);
    int before = unic__threads_enter(o.threads);
    unic_status status = unic__codebook_init(codebook, rows, n, o.iterations,
                                             unic__random_key(o.seed, 0, 0),
                                             &(unic__progress){o.progress, o.progress_user});
    unic__threads_leave(before);
    unic__free(rows);
    if (status != UNIC_OK)
        return unic__fail_in(status, "%s", __func__);
    if (codebook->jittered)
        unic__log_line(UNIC_LOG_WARNING,
                       "%s: z has fewer different rows (%zu) than there are codes (%zu): the "
                       "other codes are rows moved a little",
                       __func__, codebook->codes - codebook->jittered, codebook->codes);
    return UNIC_OK;
}

size_t unic_codebook_jittered_count(const unic_codebook *codebook)
{
    return codebook ? codebook->jittered : 0;
}

/* Rows [rows,D] in place where they can be read there, which is the common case; else copied to
 * `*copy`, which the caller frees. */
static unic_status lend_rows(const unic_codebook *cb, const unic_array *z, const char *call,
                             const float **x, float **copy, size_t *rows)
{
    *copy = NULL;
    UNIC__TRY(unic__array_check_real(z, call, "z"));
    unic__shape shape = unic__array_shape(z);
    *x = unic__array_in_place(z);
    if (!*x || shape.rank != 2 || shape.dim[1] != cb->dim) {
        UNIC__TRY(read_rows(cb, z, call, "z", copy, rows));
        *x = *copy;
        return UNIC_OK;
    }
    *rows = shape.dim[0];
    if (!unic__all_finite(*x, *rows * cb->dim))
        return not_finite(cb, call, "z", *x, *rows * cb->dim);
    return UNIC_OK;
}

unic_status unic_codebook_assign(const unic_codebook *codebook, const unic_array *z,
                                 int32_t *codes)
{
    UNIC__REQUIRE(codebook);
    UNIC__REQUIRE(z);
    UNIC__REQUIRE(codes);
    UNIC__HOLD_SHARED(codebook);
    UNIC__TRY_NAMED(unic__stack_prepare());
    const float *x;
    float *copy;
    size_t rows = 0;
    UNIC__TRY(lend_rows(codebook, z, __func__, &x, &copy, &rows));
    unic__codebook_nearest(codebook, x, rows, codes);
    unic__free(copy);
    return UNIC_OK;
}

/* Every distance to a code is a float. */
static unic_status check_distances(const char *call, const int32_t *codes,
                                   const float *distances, size_t rows, size_t k)
{
    for (size_t i = 0; i < rows * k; i++)
        if (codes[i] >= 0 && isinf(distances[i]))
            return unic__fail(UNIC_E_NUMERIC,
                              "%s: the squared distance of row %zu and code %d is more than a "
                              "float holds",
                              call, i / k, codes[i]);
    return UNIC_OK;
}

/* The distances of each row's codes, nearest first, as weights. They are taken in double
 * precision: what tells codes apart may be far below a distance's rounding to float32. */
static void weigh(const unic_codebook *cb, const float *x, size_t rows, size_t k,
                  double temperature, const int32_t *codes, float *weights)
{
    for (size_t r = 0; r < rows; r++, x += cb->dim, codes += k, weights += k) {
        double first = 0.0, sum = 0.0;
        for (size_t i = 0; i < k; i++) {
            weights[i] = 0.0F;
            if (codes[i] < 0)
                continue;
            const float *code = cb->embedding + (size_t)codes[i] * cb->dim;
            const double distance = sqrt(unic__distance2(x, code, cb->dim));
            first = i == 0 ? distance : first;
            const double w = exp(fmin(first - distance, 0.0) / temperature);
            weights[i] = (float)w;
            sum += w;
        }
        for (size_t i = 0; i < k; i++)
            weights[i] = (float)((double)weights[i] / sum);
    }
}

/* The nearest codes, with distances, which may be NULL, or weights, which are NULL then. */
static unic_status find_nearest(const unic_codebook *codebook, const unic_array *z,
                                const char *call, size_t k, int32_t *codes, float *distances,
                                double temperature, float *weights)
{
    const float *x;
    float *copy;
    size_t rows = 0, places, bytes;
    UNIC__TRY(lend_rows(codebook, z, call, &x, &copy, &rows));
    unic_status status = UNIC_OK;
    if (!unic__mul_size(rows, k, &places) || !unic__mul_size(places, sizeof *codes, &bytes))
        status = unic__fail(
            UNIC_E_ARG, "%zu codes for each of %zu rows are larger than any memory", k, rows);
    else if (rows > 0)
        status = unic__codebook_nearest_few(codebook, x, rows, k, codes, distances);
    if (status == UNIC_OK && weights)
        weigh(codebook, x, rows, k, temperature, codes, weights);
    unic__free(copy);
    if (status != UNIC_OK)
        return unic__fail_in(status, "%s", call);
    return distances ? check_distances(call, codes, distances, rows, k) : UNIC_OK;
}

unic_status unic_codebook_nearest(const unic_codebook *codebook, const unic_array *z, size_t k,
                                  int32_t *codes, float *distances)
{
    UNIC__REQUIRE(codebook);
    UNIC__REQUIRE(z);
    UNIC__HOLD_SHARED(codebook);
    UNIC__TRY_NAMED(unic__stack_prepare());
    if (k < 1)
        return unic__fail(UNIC_E_ARG, "%s: k is 0, expected at least 1", __func__);
    UNIC__REQUIRE(codes);
    return find_nearest(codebook, z, __func__, k, codes, distances, 0.0, NULL);
}

unic_status unic_codebook_soften(const unic_codebook *codebook, const unic_array *z, size_t k,
                                 double temperature, int32_t *codes, float *weights)
{
    UNIC__REQUIRE(codebook);
    UNIC__REQUIRE(z);
    UNIC__REQUIRE(weights);
    if (!(temperature > 0.0 && isfinite(temperature)))
        return unic__fail(UNIC_E_ARG, "%s: temperature = %g, a positive number expected",
                          __func__, temperature);
    UNIC__HOLD_SHARED(codebook);
    UNIC__TRY_NAMED(unic__stack_prepare());
    if (k < 1)
        return unic__fail(UNIC_E_ARG, "%s: k is 0, expected at least 1", __func__);
    UNIC__REQUIRE(codes);
    return find_nearest(codebook, z, __func__, k, codes, NULL, temperature, weights);
}

/* Every code is in -1..L-1. */
static unic_status check_codes(const unic_codebook *cb, const char *call, const int32_t *codes,
                               size_t rows)
{
    for (size_t r = 0; r < rows; r++)
        if (codes[r] < -1 || (codes[r] >= 0 && (size_t)codes[r] >= cb->codes))
            return unic__fail(UNIC_E_VALUE, "%s: code %d of row %zu is not in -1..%zu", call,
                              codes[r], r, cb->codes - 1);
    return UNIC_OK;
}

unic_status unic_codebook_lookup(const unic_codebook *codebook, const int32_t *codes,
                                 size_t row_count, float *out)
{
    UNIC__REQUIRE(codebook);
    if (row_count == 0)
        return UNIC_OK;
    UNIC__REQUIRE(codes);
    UNIC__REQUIRE(out);
    UNIC__HOLD_SHARED(codebook);
    UNIC__TRY(check_codes(codebook, __func__, codes, row_count));
    unic__codebook_lookup(codebook, codes, row_count, out);
    return UNIC_OK;
}

static unic_status not_finite_targets(const unic_codebook *cb, const char *call, size_t m,
                                      const float *x, size_t rows)
{
    const size_t at = unic__first_not_finite(x, rows * cb->dim);
    return unic__fail(UNIC_E_VALUE,
                      "%s: targets of modality %zu hold NaN or Inf in row %zu, dim %zu", call,
                      m, at / cb->dim, at % cb->dim);
}

unic_status unic_codebook_update(unic_codebook *codebook, float decay, const size_t *row_counts,
                                 const float *const *targets, const int32_t *const *codes)
{
    unic__ema_part parts[UNIC_MAX_MODALITIES] = {{0}};
    UNIC__REQUIRE(codebook);
    UNIC__REQUIRE(row_counts);
    UNIC__REQUIRE(targets);
    UNIC__REQUIRE(codes);
    UNIC__HOLD(codebook);
    if (!(decay >= 0.0F && decay < 1.0F))
        return unic__fail(UNIC_E_ARG, "%s: decay = %g is not in [0, 1)", __func__,
                          (double)decay);
    for (size_t m = 0; m < codebook->modalities; m++) {
        if (row_counts[m] == 0)
            continue;
        if (!targets[m] || !codes[m])
            return unic__fail(UNIC_E_ARG, "%s: %s[%zu] is NULL, but row_counts[%zu] is %zu",
                              __func__, targets[m] ? "codes" : "targets", m, m, row_counts[m]);
        UNIC__TRY(check_codes(codebook, __func__, codes[m], row_counts[m]));
        if (!unic__all_finite(targets[m], row_counts[m] * codebook->dim))
            return not_finite_targets(codebook, __func__, m, targets[m], row_counts[m]);
        parts[m] = (unic__ema_part){row_counts[m], targets[m], codes[m]};
    }
    UNIC__TRY_NAMED(unic__codebook_learn(codebook, (double)decay, parts));
    return UNIC_OK;
}

unic_status unic_codebook_revive(size_t *revived, unic_codebook *codebook, unic_reset_rule rule,
                                 uint32_t steps, size_t max_count, const unic_array *z,
                                 uint64_t seed)
{
    float *rows;
    size_t n;
    UNIC__REQUIRE(codebook);
    UNIC__REQUIRE(z);
    UNIC__HOLD(codebook);
    if (rule != UNIC_RESET_OFF && rule != UNIC_RESET_ANY && rule != UNIC_RESET_TWO)
        return unic__fail(UNIC_E_ARG, "%s: rule = %d is none of unic_reset_rule (%d..%d)",
                          __func__, (int)rule, UNIC_RESET_OFF, UNIC_RESET_TWO);
    UNIC__TRY(read_rows(codebook, z, __func__, "z", &rows, &n));
    unic__revival revival = {.rule = (unic__reset)rule,
                             .steps = steps,
                             .max = max_count,
                             .ema = true,
                             .source = UNIC__SOURCE_ENCODER,
                             .z = rows,
                             .rows = n,
                             .key = unic__random_key(seed, 0, 0)};
    size_t count = 0;
    unic_status status = unic__codebook_restart(codebook, &revival, &count);
    if (status == UNIC_OK && revived)
        *revived = count;
    unic__free(rows);
    return status;
}

unic_status unic_codebook_usage(double *perplexity, const unic_codebook *codebook,
                                const int32_t *codes, size_t row_count, int64_t *counts)
{
    UNIC__REQUIRE(codebook);
    UNIC__REQUIRE(counts);
    UNIC__HOLD_SHARED(codebook);
    if (row_count > 0)
        UNIC__REQUIRE(codes);
    UNIC__TRY(check_codes(codebook, __func__, codes, row_count));
    unic__codebook_count(codebook, codes, row_count, counts);
    if (perplexity)
        *perplexity = unic__perplexity(counts, codebook->codes);
    return UNIC_OK;
}

unic_status unic_codebook_state(const unic_codebook *codebook, float *ema_counts, int32_t *idle)
{
    UNIC__REQUIRE(codebook);
    UNIC__HOLD_SHARED(codebook);
    if (ema_counts)
        memcpy(ema_counts, codebook->count, codebook->codes * sizeof *ema_counts);
    if (idle)
        memcpy(idle, codebook->idle, codebook->codes * codebook->modalities * sizeof *idle);
    return UNIC_OK;
}

const float *unic_codebook_ema_sums(const unic_codebook *codebook)
{
    return codebook ? codebook->sum : NULL;
}

/* Averages of counts, sums and counts that training may leave behind. */
static unic_status check_state(const unic_codebook *cb, const char *call,
                               const float *ema_counts, const float *ema_sums,
                               const int32_t *idle)
{
    for (size_t l = 0; ema_counts && l < cb->codes; l++)
        if (!(ema_counts[l] >= 0.0F && isfinite(ema_counts[l])))
            return unic__fail(UNIC_E_VALUE, "%s: ema_counts[%zu] = %g, expected 0 or more",
                              call, l, (double)ema_counts[l]);
    if (ema_sums && !unic__all_finite(ema_sums, cb->codes * cb->dim))
        return not_finite(cb, call, "ema_sums", ema_sums, cb->codes * cb->dim);
    for (size_t i = 0; idle && i < cb->modalities * cb->codes; i++)
        if (idle[i] < UNIC__IDLE_LEAST)
            return unic__fail(UNIC_E_VALUE, "%s: idle[%zu,%zu] = %d, expected -1 or more", call,
                              i / cb->codes, i % cb->codes, idle[i]);
    return UNIC_OK;
}

unic_status unic_codebook_set_state(unic_codebook *codebook, const float *ema_counts,
                                    const float *ema_sums, const int32_t *idle)
{
    UNIC__REQUIRE(codebook);
    UNIC__HOLD(codebook);
    UNIC__TRY(check_state(codebook, __func__, ema_counts, ema_sums, idle));
    const size_t codes = codebook->codes;
    if (ema_counts)
        memmove(codebook->count, ema_counts, codes * sizeof *ema_counts);
    if (ema_sums)
        memmove(codebook->sum, ema_sums, codes * codebook->dim * sizeof *ema_sums);
    if (idle)
        memmove(codebook->idle, idle, codes * codebook->modalities * sizeof *idle);
    return UNIC_OK;
}

unic_status unic_codebook_copy(unic_codebook **out, const unic_codebook *codebook)
{
    UNIC__REQUIRE(out);
    *out = NULL;
    UNIC__REQUIRE(codebook);
    UNIC__HOLD_SHARED(codebook);
    UNIC__TRY_NAMED(unic__codebook_copy(out, codebook));
    return UNIC_OK;
}

unic_status unic_codebook_save(const unic_codebook *codebook, const char *path)
{
    UNIC__REQUIRE(codebook);
    UNIC__REQUIRE(path);
    UNIC__HOLD_SHARED(codebook);
    UNIC__TRY_NAMED(unic__codebook_save(codebook, UNIC__TO_FILE(path)));
    return UNIC_OK;
}

unic_status unic_codebook_save_sink(const unic_codebook *codebook, const unic_sink *sink)
{
    unic_sink to;
    UNIC__REQUIRE(codebook);
    UNIC__TRY(unic__take_sink(&to, sink, __func__));
    UNIC__HOLD_SHARED(codebook);
    UNIC__TRY_NAMED(unic__codebook_save(codebook, UNIC__TO_SINK(&to)));
    return UNIC_OK;
}

unic_status unic_codebook_load(unic_codebook **out, const char *path,
                               const unic_open_options *options)
{
    unic__opening from;
    UNIC__REQUIRE(out);
    *out = NULL;
    UNIC__REQUIRE(path);
    UNIC__TRY(unic__opening_file(&from, path, options, __func__));
    return unic__opening_end(&from, unic__codebook_load(out, from.source));
}

unic_status unic_codebook_load_source(unic_codebook **out, const unic_source *source,
                                      const unic_open_options *options)
{
    unic__opening from;
    if (out)
        *out = NULL;
    UNIC__TRY(unic__opening_source(&from, out, source, options, __func__));
    return unic__opening_end(&from, unic__codebook_load(out, from.source));
}

double unic_codebook_perplexity(const unic_codebook *codebook)
{
    return codebook ? unic__codebook_perplexity(codebook) : 0.0;
}

unic_status unic_codebook_distances(const unic_codebook *codebook, float *out)
{
    UNIC__REQUIRE(codebook);
    UNIC__REQUIRE(out);
    UNIC__HOLD_SHARED(codebook);
    UNIC__TRY_NAMED(unic__codebook_distances(codebook, out));
    return UNIC_OK;
}

uint64_t unic_codebook_fingerprint(const unic_codebook *codebook)
{
    return codebook ? unic__codebook_fingerprint(codebook) : 0;
}

/* `before` is held by the caller, `after` here: a function holds one handle. */
static unic_status drift_of(unic_drift_report *found, const unic_codebook *before,
                            const unic_codebook *after, const int32_t *codes_before,
                            const int32_t *codes_after, size_t count, const char *call)
{
    UNIC__TRY(unic__use_shared(&after->use, call, "after"));
    UNIC__HELD_HERE(after);
    if (before->codes != after->codes || before->dim != after->dim)
        return unic__fail(UNIC_E_SHAPE,
                          "%s: before has %zu codes of %zu dims, after %zu of %zu; the same "
                          "expected",
                          call, before->codes, before->dim, after->codes, after->dim);
    UNIC__TRY(check_codes(before, call, codes_before, count));
    UNIC__TRY(check_codes(before, call, codes_after, count));
    unic_status status = unic__codebook_drift(found, before, after, codes_before, codes_after,
                                              count);
    return status == UNIC_OK ? UNIC_OK : unic__fail_in(status, "%s", call);
}

unic_status unic_codebook_drift(unic_drift_report *report, const unic_codebook *before,
                                const unic_codebook *after, const int32_t *codes_before,
                                const int32_t *codes_after, size_t count)
{
    unic_drift_report found = {.struct_size = sizeof found};
    UNIC__REQUIRE(report);
    UNIC__REQUIRE(before);
    UNIC__REQUIRE(after);
    if (count > 0) {
        UNIC__REQUIRE(codes_before);
        UNIC__REQUIRE(codes_after);
    }
    UNIC__REQUIRE_SIZE(unic__drift_report_kind, report);
    UNIC__HOLD_SHARED(before);
    UNIC__TRY(drift_of(&found, before, after, codes_before, codes_after, count, __func__));
    unic__struct_give(&unic__drift_report_kind, report, &found);
    return UNIC_OK;
}

unic_status unic_codebook_channels(size_t *count, const unic_codebook *codebook, double lambda,
                                   size_t most, size_t p, size_t q, size_t *channels,
                                   double *scores)
{
    UNIC__REQUIRE(count);
    UNIC__REQUIRE(codebook);
    UNIC__REQUIRE(channels);
    UNIC__HOLD_SHARED(codebook);
    if (codebook->codes < 2)
        return unic__fail(UNIC_E_ARG, "%s: the codebook has 1 code, at least 2 expected",
                          __func__);
    if (!(lambda >= 0.0 && lambda <= 1.0))
        return unic__fail(UNIC_E_ARG, "%s: lambda = %g is not in 0..1", __func__, lambda);
    if (most < 1 || most > codebook->dim)
        return unic__fail(UNIC_E_ARG, "%s: most = %zu is not in 1..%zu, the codes' dims",
                          __func__, most, codebook->dim);
    if (p > most || q > most || p + q < 1 || p + q > most)
        return unic__fail(UNIC_E_ARG, "%s: p + q = %zu + %zu is not in 1..%zu", __func__, p, q,
                          most);
    size_t parts = most / (p + q);
    UNIC__TRY_NAMED(
        unic__codebook_channels(codebook, lambda, parts * p, parts * q, channels, scores));
    *count = parts * (p + q);
    return UNIC_OK;
}

/* Each of the channels is there, and once. */
static unic_status check_channels(const unic_codebook *cb, const char *call,
                                  const size_t *channels, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (channels[i] >= cb->dim)
            return unic__fail(UNIC_E_VALUE, "%s: channels[%zu] = %zu is not in 0..%zu", call, i,
                              channels[i], cb->dim - 1);
        for (size_t j = 0; j < i; j++)
            if (channels[j] == channels[i])
                return unic__fail(UNIC_E_VALUE,
                                  "%s: channels[%zu] and channels[%zu] are both %zu", call, j,
                                  i, channels[i]);
    }
    return UNIC_OK;
}

unic_status unic_codebook_select(unic_codebook **out, const unic_codebook *codebook,
                                 const size_t *channels, size_t count)
{
    UNIC__REQUIRE(out);
    *out = NULL;
    UNIC__REQUIRE(codebook);
    UNIC__REQUIRE(channels);
    UNIC__HOLD_SHARED(codebook);
    if (count < 1 || count > codebook->dim)
        return unic__fail(UNIC_E_ARG, "%s: count = %zu is not in 1..%zu, the codes' dims",
                          __func__, count, codebook->dim);
    UNIC__TRY(check_channels(codebook, __func__, channels, count));
    UNIC__TRY_NAMED(unic__codebook_select(out, codebook, channels, count));
    return UNIC_OK;
}
