/*
 * Features with mean 0 and deviation 1 in each channel, an entry of their last axis, over the steps
 * and the axes before it:
 *   y_k <- (y_k - m_k) / v_k
 * m and v are of features that the extractor has given, those of the training clips mostly. They
 * stand in its file and count in its fingerprint.
 */
#include <float.h>
#include <math.h>

#include "array/array.h"
#include "array/bundle.h"
#include "extract/extract.h"

static const double LEAST = 0.1;
static const char mean_member[] = "normalise.mean", deviation_member[] = "normalise.deviation";

void unic__normal_deviations(float *deviation, double *variance, size_t n)
{
    double typical = 0;
    for (size_t k = 0; k < n; k++) {
        variance[k] = variance[k] > 1e-12 ? sqrt(variance[k]) : 0;
        typical += variance[k] / (double)n;
    }
    const double least = typical > 0 ? LEAST * typical : 1;
    for (size_t k = 0; k < n; k++)
        deviation[k] = (float)(variance[k] > least ? variance[k] : least);
}

static size_t channels_of(const unic_extractor *e)
{
    return unic__shape_last(&e->dims);
}

void unic__normal_forget(unic_extractor *e)
{
    unic__free(e->normal);
    e->normal = NULL;
}

void unic__normal_apply(const unic_extractor *e, float *features, size_t steps)
{
    const size_t n = channels_of(e), rows = steps * unic__shape_count(&e->dims) / n;
    const float *mean = e->normal, *deviation = mean ? mean + n : NULL;
    for (size_t i = 0; mean && i < rows; i++, features += n)
        for (size_t k = 0; k < n; k++)
            features[k] = (float)(((double)features[k] - (double)mean[k]) /
                                  (double)deviation[k]);
}

/* Whether means and deviations are numbers that can be computed with. */
static bool usable(const float *normal, size_t n)
{
    bool normal_numbers = unic__all_finite(normal, 2 * n);
    for (size_t k = 0; k < n; k++)
        normal_numbers = normal_numbers && normal[n + k] >= FLT_MIN;
    return normal_numbers;
}

/* ---- learning them ---- */

static unic_status check_features(const unic_extractor *e, const unic_array *features)
{
    const unic__shape got = unic__array_shape(features);
    unic__shape want = {.rank = e->dims.rank + 1};
    char gs[UNIC__SHAPE_TEXT], ws[UNIC__SHAPE_TEXT];
    for (size_t i = 0; i < e->dims.rank; i++)
        want.dim[i + 1] = e->dims.dim[i];
    want.dim[0] = got.rank == want.rank ? got.dim[0] : 0;
    if (!unic__shape_equal(&got, &want))
        return unic__fail(UNIC_E_SHAPE, "features is %s, %s expected, of any number of steps",
                          unic__shape_print(&got, gs), unic__shape_print(&want, ws));
    return UNIC_OK;
}

/* sum [n] += y, or (y - mean)^2, over the rows of all steps; `step` has room for one. */
static unic_status add_steps(const unic_extractor *e, const unic_array *features, float *step,
                             const double *mean, double *sum)
{
    const size_t n = channels_of(e), width = unic__shape_count(&e->dims);
    for (size_t t = 0; t < (size_t)features->dims[0]; t++) {
        unic__array_rows_to_f32(features, t, 1, step);
        if (!unic__all_finite(step, width))
            return unic__fail(UNIC_E_VALUE, "features hold NaN or Inf in step %zu", t);
        for (size_t j = 0; j < width; j++) {
            const double y = (double)step[j] - (mean ? mean[j % n] : 0);
            sum[j % n] += mean ? y * y : y;
        }
    }
    return UNIC_OK;
}

/* normal [2,n] <- of the features, behind what the extractor already does; work [2,n] is zero. */
static unic_status learn(const unic_extractor *e, const unic_array *features, float *normal,
                         double *work, float *step)
{
    const size_t n = channels_of(e), steps = (size_t)features->dims[0];
    const double rows = (double)steps * (double)(unic__shape_count(&e->dims) / n);
    double *mean = work, *variance = work + n, most = 0;
    UNIC__TRY(add_steps(e, features, step, NULL, mean));
    for (size_t k = 0; k < n && steps; k++)
        mean[k] /= rows;
    UNIC__TRY(add_steps(e, features, step, mean, variance));
    for (size_t k = 0; k < n && steps; k++) {
        variance[k] /= rows;
        most = variance[k] > most ? variance[k] : most;
    }
    if (!(most > 1e-12))
        return unic__fail(UNIC_E_VALUE,
                          "features of %zu steps do not vary: at least two steps that differ "
                          "are expected",
                          steps);
    unic__normal_deviations(normal + n, variance, n);
    for (size_t k = 0; k < n; k++) {
        const double before = e->normal ? (double)e->normal[k] : 0;
        const double scale = e->normal ? (double)e->normal[n + k] : 1;
        normal[k] = (float)(before + scale * mean[k]);
        normal[n + k] = (float)(scale * (double)normal[n + k]);
    }
    return usable(normal, n) ? UNIC_OK
                             : unic__fail(UNIC_E_VALUE, "features are too large or too small "
                                                        "to be brought to deviation 1");
}

unic_status unic__normal_learn(unic_extractor *e, const unic_array *features)
{
    const size_t n = channels_of(e), width = unic__shape_count(&e->dims);
    UNIC__TRY(check_features(e, features));
    float *normal = unic__alloc_array(2 * n, sizeof *normal);
    float *step = unic__alloc_array(width, sizeof *step);
    double *work = unic__alloc_array(2 * n, sizeof *work);
    unic_status status = normal && step && work
                             ? learn(e, features, normal, work, step)
                             : unic__no_memory(2 * n * sizeof *work, "means and deviations");
    unic__free(work);
    unic__free(step);
    if (status != UNIC_OK) {
        unic__free(normal);
        return status;
    }
    unic__normal_forget(e);
    e->normal = normal;
    return UNIC_OK;
}

/* ---- hash and file ---- */

uint64_t unic__normal_hash(const unic_extractor *e, uint64_t hash)
{
    return e->normal ? unic__hash_bytes(hash, e->normal, 2 * channels_of(e) * sizeof(float))
                     : hash;
}

size_t unic__normal_weights(const unic_extractor *e, unic__extract_weight weights[2])
{
    const unic__shape shape = UNIC__SHAPE_OF(channels_of(e));
    if (!e->normal)
        return 0;
    weights[0] = (unic__extract_weight){deviation_member, shape, e->normal + channels_of(e)};
    weights[1] = (unic__extract_weight){mean_member, shape, e->normal};
    return 2;
}

unic_status unic__normal_read(unic_extractor *e, unic__npz *z)
{
    const size_t n = channels_of(e);
    const unic__shape shape = UNIC__SHAPE_OF(n);
    if (!unic__npz_has(z, mean_member) && !unic__npz_has(z, deviation_member))
        return UNIC_OK;
    UNIC__TRY(unic__expect_array(z, mean_member, shape));
    UNIC__TRY(unic__expect_array(z, deviation_member, shape));
    float *normal = unic__alloc_array(2 * n, sizeof *normal);
    if (!normal)
        return unic__no_memory(2 * n * sizeof *normal, "means and deviations");
    unic_status status = unic__read_f32(z, mean_member, shape, normal);
    if (status == UNIC_OK)
        status = unic__read_f32(z, deviation_member, shape, normal + n);
    if (status == UNIC_OK && !usable(normal, n))
        status = unic__fail(UNIC_E_FORMAT, "%s: %s has a deviation that is not above 0",
                            unic__npz_path(z), deviation_member);
    if (status == UNIC_OK)
        e->normal = normal;
    else
        unic__free(normal);
    return status;
}
