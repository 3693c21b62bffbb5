#include <string.h>

#include "array/array.h"
#include "task/index.h"

/* Clips [..,length] of codes to vectors; a clip without a valid step gives zeros. What has no
 * step may be NULL, to which C adds nothing, not even 0. */

/* One of a code's steps; the counts stand in the place of the shares, since float32 ends to count
 * at 2^24. */
static void add_one(float *place)
{
    uint32_t n;
    memcpy(&n, place, sizeof n);
    n++;
    memcpy(place, &n, sizeof n);
}

static float share_of(const float *place, size_t valid)
{
    uint32_t n;
    memcpy(&n, place, sizeof n);
    return (float)n / (float)valid;
}

void unic__pool_histogram(const int32_t *codes, size_t clips, size_t length, size_t code_count,
                          float *out)
{
    for (size_t n = 0; n < clips; n++, out += code_count) {
        size_t valid = 0;
        memset(out, 0, code_count * sizeof *out);
        for (size_t i = n * length; i < (n + 1) * length; i++)
            if (codes[i] >= 0) {
                add_one(&out[codes[i]]);
                valid++;
            }
        for (size_t l = 0; valid && l < code_count; l++)
            out[l] = share_of(&out[l], valid);
    }
}

enum { COLUMNS = 64 }; /* of a row, whose sums are held at a time */

UNIC__SIMD static void add_row(double *sums, const float *row, size_t dim)
{
    for (size_t j = 0; j < dim; j++)
        sums[j] += (double)row[j];
}

/* Columns `from`.. of the mean of the clip's valid vectors. */
static void mean_columns(const float *vectors, const int32_t *codes, size_t length, size_t dim,
                         size_t from, float *out)
{
    const size_t columns = dim - from < COLUMNS ? dim - from : COLUMNS;
    double sums[COLUMNS] = {0.0};
    size_t valid = 0;
    for (size_t t = 0; t < length; t++)
        if (!codes || codes[t] >= 0) {
            add_row(sums, vectors + t * dim + from, columns);
            valid++;
        }
    for (size_t j = 0; j < columns; j++)
        out[from + j] = valid ? (float)(sums[j] / (double)valid) : 0.0F;
}

unic_status unic__pool_mean(const float *vectors, const int32_t *codes, size_t clips,
                            size_t length, size_t dim, float *out)
{
    for (size_t n = 0; n < clips; n++, out += dim) {
        const size_t first = n * length;
        for (size_t from = 0; length && from < dim; from += COLUMNS)
            mean_columns(vectors + first * dim, codes ? codes + first : NULL, length, dim, from,
                         out);
        for (size_t j = 0; !length && j < dim; j++)
            out[j] = 0.0F;
        if (!unic__all_finite(out, dim))
            return unic__fail(UNIC_E_VALUE, "the mean of clip %zu's vectors is not finite", n);
    }
    return UNIC_OK;
}
