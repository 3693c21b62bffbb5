/*
 * A codebook used without a trainer, as a vector quantizer of its own. These calls take the
 * memory that a training step has planned beforehand.
 */
#include <float.h>
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
