#include "op/reduce_rows.h"

/* Columns summed at a time: their accumulators stay in registers. They are double: gradients of
 * biases are often small differences of many rows. */
enum { BLOCK = 64 };

UNIC__SIMD static void sum_block(float *out, const float *x, size_t rows, size_t n,
                                 size_t width)
{
    double sum[BLOCK] = {0};
    if (width == BLOCK)
        for (size_t r = 0; r < rows; r++)
            for (size_t j = 0; j < BLOCK; j++)
                sum[j] += (double)x[r * n + j];
    else
        for (size_t r = 0; r < rows; r++)
            for (size_t j = 0; j < width; j++)
                sum[j] += (double)x[r * n + j];
    for (size_t j = 0; j < width; j++)
        out[j] += (float)sum[j];
}

void unic__add_column_sums(float *out, const float *x, size_t rows, size_t n)
{
    size_t blocks = (n + BLOCK - 1) / BLOCK;
    UNIC__PARALLEL_FOR(rows * n > (1U << 16))
    for (size_t i = 0; i < blocks; i++) {
        size_t j = i * BLOCK;
        sum_block(out + j, x + j, rows, n, n - j < BLOCK ? n - j : BLOCK);
    }
}
