#include "op/assign.h"

#include <math.h>

#include "op/blas_glue.h"

/*
 * argmin_l ||z - e_l||^2 = argmin_l ||e_l||^2 - 2 z.e_l, since ||z||^2 is the same for all l.
 * The products are made in tiles of ROWS x CODES that stay in the cache, and reduced at once.
 */
enum { ROWS = 64, CODES = 256 };

UNIC__SIMD static void reduce_tile(float *best, int32_t *codes, const float *dot,
                                   const float *norm, size_t rows, size_t n, int32_t first)
{
    for (size_t r = 0; r < rows; r++, dot += n) {
        float low = INFINITY;
        for (size_t l = 0; l < n; l++) { /* the value first: this loop vectorises */
            float d = norm[l] - 2.0F * dot[l];
            low = d < low ? d : low;
        }
        if (low < best[r]) {
            size_t l = 0;
            while (l + 1 < n && norm[l] - 2.0F * dot[l] > low)
                l++;
            best[r] = low;
            codes[r] = first + (int32_t)l;
        }
    }
}

static void assign_block(int32_t *codes, const float *z, size_t rows, const float *e,
                         const float *norm, size_t count, size_t dim)
{
    float dot[ROWS * CODES], best[ROWS];
    for (size_t r = 0; r < rows; r++) {
        best[r] = INFINITY;
        codes[r] = 0;
    }
    for (size_t l = 0; l < count; l += CODES) {
        size_t n = count - l < CODES ? count - l : CODES;
        unic__sgemm(false, true, rows, n, dim, 1.0F, z, dim, e + l * dim, dim, 0.0F, dot, n);
        reduce_tile(best, codes, dot, norm + l, rows, n, (int32_t)l);
    }
}

void unic__assign(int32_t *codes, const float *z, size_t rows, const float *e,
                  const float *norm, size_t count, size_t dim)
{
    size_t blocks = (rows + ROWS - 1) / ROWS;
    UNIC__PARALLEL_FOR(blocks > 1)
    for (size_t i = 0; i < blocks; i++) {
        size_t r = i * ROWS, n = rows - r < ROWS ? rows - r : ROWS;
        assign_block(codes + r, z + r * dim, n, e, norm, count, dim);
    }
}

UNIC__SIMD static void square_norms(float *norm, const float *e, size_t count, size_t dim)
{
    for (size_t l = 0; l < count; l++) {
        float sum = 0.0F;
#pragma omp simd reduction(+ : sum)
        for (size_t j = 0; j < dim; j++)
            sum += e[l * dim + j] * e[l * dim + j];
        norm[l] = sum;
    }
}

void unic__square_norms(float *norm, const float *e, size_t count, size_t dim)
{
    square_norms(norm, e, count, dim);
}
