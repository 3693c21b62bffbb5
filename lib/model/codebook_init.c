#include <float.h>
#include <string.h>

#include "array/array.h"
#include "model/codebook.h"

/* Starting codes from data: rows at random, or k-means++ seeds and Lloyd's algorithm. */

static float square_distance(const float *a, const float *b, size_t n)
{
    float sum = 0.0F;
    for (size_t j = 0; j < n; j++)
        sum += (a[j] - b[j]) * (a[j] - b[j]);
    return sum;
}

/* Code l becomes `row` moved a little: of two equal codes the second would never be
 * selected. */
static void repeat_row(unic_codebook *cb, size_t l, const float *row, unic__key key,
                       uint64_t first)
{
    float *e = cb->embedding + l * cb->dim;
    for (size_t j = 0; j < cb->dim; j++)
        e[j] = row[j] + 0.01F * unic__random_normal(key, first + l * cb->dim + j);
}

/* Distinct rows while there are any; then rows again. */
static void random_rows(unic_codebook *cb, const float *z, size_t rows, int32_t *order,
                        unic__key key)
{
    unic__random_permutation(key, order, rows);
    for (size_t l = 0; l < cb->codes; l++) {
        const float *row = z + (size_t)order[l % rows] * cb->dim;
        if (l < rows)
            memcpy(cb->embedding + l * cb->dim, row, cb->dim * sizeof(float));
        else
            repeat_row(cb, l, row, key, rows);
    }
}

/* k-means++: each next seed is a row drawn with probability ~ its squared distance to the
 * seeds. */
static void seed_codes(unic_codebook *cb, const float *z, size_t rows, float *nearest,
                       unic__key key)
{
    size_t row = unic__random_below(key, 0, rows);
    bool seen = false; /* every row is a seed already */
    for (size_t r = 0; r < rows; r++)
        nearest[r] = FLT_MAX;
    for (size_t l = 0; l < cb->codes; l++) {
        float *e = cb->embedding + l * cb->dim;
        if (seen)
            repeat_row(cb, l, z + row * cb->dim, key, 2 * cb->codes);
        else
            memcpy(e, z + row * cb->dim, cb->dim * sizeof(float));
        double total = 0.0;
        for (size_t r = 0; r < rows; r++) {
            float d = square_distance(z + r * cb->dim, e, cb->dim);
            nearest[r] = d < nearest[r] ? d : nearest[r];
            total += (double)nearest[r];
        }
        double target = (double)unic__random_uniform(key, l + 1) * total;
        seen = total == 0.0;
        row = unic__random_below(key, cb->codes + l + 1, rows);
        for (size_t r = 0; r < rows && !seen; r++) {
            target -= (double)nearest[r];
            if (target <= 0.0 && nearest[r] > 0.0F) {
                row = r;
                break;
            }
        }
    }
}

/* One round of Lloyd's algorithm; a code without rows stays where it is. */
static void lloyd(unic_codebook *cb, const float *z, size_t rows, int32_t *codes)
{
    unic__codebook_refresh(cb);
    unic__codebook_nearest(cb, z, rows, codes);
    memset(cb->sum, 0, cb->codes * cb->dim * sizeof(float));
    memset(cb->count, 0, cb->codes * sizeof(float));
    for (size_t r = 0; r < rows; r++) {
        size_t l = (size_t)codes[r];
        cb->count[l] += 1.0F;
        for (size_t j = 0; j < cb->dim; j++)
            cb->sum[l * cb->dim + j] += z[r * cb->dim + j];
    }
    for (size_t l = 0; l < cb->codes; l++)
        for (size_t j = 0; cb->count[l] > 0.0F && j < cb->dim; j++)
            cb->embedding[l * cb->dim + j] = cb->sum[l * cb->dim + j] / cb->count[l];
}

static unic_status start_codes(unic_codebook *cb, const float *z, size_t rows,
                               size_t iterations, unic__key key)
{
    int32_t *codes = unic__alloc_array(rows, sizeof *codes);
    float *nearest = unic__alloc_array(rows, sizeof *nearest);
    if (!codes || !nearest) {
        unic__free(codes);
        unic__free(nearest);
        return unic__no_memory(rows * sizeof *nearest, "starting codes");
    }
    if (iterations == 0)
        random_rows(cb, z, rows, codes, key);
    else
        seed_codes(cb, z, rows, nearest, key);
    for (size_t i = 0; i < iterations; i++)
        lloyd(cb, z, rows, codes);
    unic__free(codes);
    unic__free(nearest);
    if (!unic__all_finite(cb->embedding, cb->codes * cb->dim)) /* the sum of a centre's rows */
        return unic__fail(UNIC_E_NUMERIC,
                          "a starting code would be NaN or Inf: the rows are too large");
    return UNIC_OK;
}

unic_status unic__codebook_init(unic_codebook *cb, const float *z, size_t rows,
                                size_t iterations, unic__key key)
{
    unic_codebook *next; /* so that a failure changes nothing */
    UNIC__TRY(unic__codebook_create(&next, cb->codes, cb->dim, cb->modalities));
    unic_status status = start_codes(next, z, rows, iterations, key);
    if (status == UNIC_OK)
        unic__codebook_set(cb, next->embedding);
    unic__codebook_free(next);
    return status;
}
