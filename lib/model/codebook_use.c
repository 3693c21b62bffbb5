/*
 * A codebook used without a trainer, as a vector quantizer of its own. These calls take the
 * memory that a training step has planned beforehand.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "kernel/distance.h"
#include "model/codebook.h"

void unic__codebook_lookup(const unic_codebook *cb, const int32_t *codes, size_t rows,
                           float *out)
{
    size_t dim = cb->dim, bytes = dim * sizeof(float);
    for (size_t r = 0; r < rows; r++)
        if (codes[r] < 0)
            memset(out + r * dim, 0, bytes);
        else
            memcpy(out + r * dim, cb->embedding + (size_t)codes[r] * dim, bytes);
}

unic_status unic__codebook_nearest_few(const unic_codebook *cb, const float *z, size_t rows,
                                       size_t k, int32_t *codes, float *distances)
{
    return unic__nearest(codes, distances, z, rows, k, &cb->table);
}

unic_status unic__codebook_learn(unic_codebook *cb, double decay, const unic__ema_part *parts)
{
    size_t cells = unic__codebook_update_scratch(cb->codes, cb->dim);
    float *scratch = unic__alloc_array(cells, sizeof *scratch);
    if (!scratch)
        return unic__no_memory(cells * sizeof *scratch, "an update");
    unic_status status = unic__codebook_update(cb, UNIC__EMA_JOINT, decay, 0.0, parts, scratch);
    if (status == UNIC_OK)
        unic__codebook_count_idle(cb, parts);
    unic__free(scratch);
    return status;
}

unic_status unic__codebook_restart(unic_codebook *cb, const unic__revival *r, size_t *restarted)
{
    int32_t *order = unic__alloc_array(cb->codes, sizeof *order);
    if (!order)
        return unic__no_memory(cb->codes * sizeof *order, "a revival");
    *restarted = unic__codebook_revive(cb, r, order);
    unic__free(order);
    return UNIC_OK;
}

void unic__codebook_count(const unic_codebook *cb, const int32_t *codes, size_t rows,
                          int64_t *counts)
{
    memset(counts, 0, cb->codes * sizeof *counts);
    for (size_t r = 0; r < rows; r++)
        if (codes[r] >= 0)
            counts[codes[r]]++;
}

unic_status unic__codebook_distances(const unic_codebook *cb, float *out)
{
    const float *e = cb->embedding;
    const size_t n = cb->codes, dim = cb->dim;
    for (size_t a = 0; a < n; a++)
        for (size_t b = 0; b < n; b++) {
            double d = unic__distance2(e + a * dim, e + b * dim, dim);
            if (d > (double)FLT_MAX)
                return unic__fail(
                    UNIC_E_NUMERIC,
                    "the squared distance of codes %zu and %zu is %g, more than a "
                    "float holds",
                    a, b, d);
            out[a * n + b] = (float)d;
        }
    return UNIC_OK;
}

/* Whether code l, at `e` now, has another code's earlier place nearer than its own; `nearest` is
 * the nearest of all, which on a tie with its own is none. */
static bool has_moved(const unic_codebook *before, const float *e, size_t l, int32_t nearest)
{
    const float *own = before->embedding + l * before->dim;
    const float *other = before->embedding + (size_t)nearest * before->dim;
    return unic__distance2(e, other, before->dim) < unic__distance2(e, own, before->dim);
}

unic_status unic__codebook_drift(unic_drift_report *report, const unic_codebook *before,
                                 const unic_codebook *after, const int32_t *codes_before,
                                 const int32_t *codes_after, size_t count)
{
    const size_t n = before->codes, dim = before->dim;
    double way = 0.0, length = 0.0;
    int32_t *nearest = unic__alloc_array(n, sizeof *nearest);
    if (!nearest)
        return unic__no_memory(n * sizeof *nearest, "the codes' earlier places");
    unic__codebook_nearest(before, after->embedding, n, nearest);
    for (size_t l = 0; l < n; l++) {
        const float *now = after->embedding + l * dim, *then = before->embedding + l * dim;
        report->moved_count += has_moved(before, now, l, nearest[l]);
        way += unic__distance2(now, then, dim);
        for (size_t d = 0; d < dim; d++)
            length += (double)then[d] * (double)then[d];
    }
    unic__free(nearest);
    for (size_t t = 0; t < count; t++) {
        bool there = codes_before[t] >= 0 && codes_after[t] >= 0;
        report->step_count += there;
        report->changed_count += there && codes_before[t] != codes_after[t];
    }
    report->moved = (double)report->moved_count / (double)n;
    report->changed = report->step_count
                          ? (double)report->changed_count / (double)report->step_count
                          : 0.0;
    report->distance = length > 0.0 ? sqrt(way / length) : 0.0;
    return UNIC_OK;
}
