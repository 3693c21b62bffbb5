#include "array/array.h"
#include "task/index.h"

/* Clips [..,length] of codes to vectors; a clip without a valid step gives zeros. What has no
 * step may be NULL, to which C adds nothing, not even 0. */

void unic__pool_histogram(const int32_t *codes, size_t clips, size_t length, size_t code_count,
                          float *out)
{
    for (size_t n = 0; n < clips; n++, out += code_count) {
        size_t valid = 0;
        for (size_t l = 0; l < code_count; l++)
            out[l] = 0.0F;
        for (size_t i = n * length; i < (n + 1) * length; i++)
            if (codes[i] >= 0) {
                out[codes[i]] += 1.0F;
                valid++;
            }
        for (size_t l = 0; valid && l < code_count; l++)
            out[l] /= (float)valid;
    }
}

UNIC__SIMD static void add_row(float *out, const float *row, size_t dim)
{
    for (size_t j = 0; j < dim; j++)
        out[j] += row[j];
}

unic_status unic__pool_mean(const float *vectors, const int32_t *codes, size_t clips,
                            size_t length, size_t dim, float *out)
{
    for (size_t n = 0; n < clips; n++, out += dim) {
        size_t valid = 0;
        for (size_t j = 0; j < dim; j++)
            out[j] = 0.0F;
        for (size_t i = n * length; i < (n + 1) * length; i++)
            if (!codes || codes[i] >= 0) {
                add_row(out, vectors + i * dim, dim);
                valid++;
            }
        for (size_t j = 0; valid && j < dim; j++)
            out[j] /= (float)valid;
        if (!unic__all_finite(out, dim))
            return unic__fail(UNIC_E_VALUE, "the mean of clip %zu's vectors is not finite", n);
    }
    return UNIC_OK;
}
