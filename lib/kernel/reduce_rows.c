#include "kernel/reduce_rows.h"

/* Columns summed at a time: their accumulators stay in registers. They are double: gradients of
 * biases are often small differences of many rows. Threads share out columns, NARROW at least:
 * a line of the cache. */
enum { BLOCK = 64, NARROW = 16 };

UNIC__SIMD static void sum_block(float *out, const float *x, size_t rows, size_t n,
                                 size_t width)
{
    double sum[BLOCK] = {0};
    if (width == BLOCK)
        for (size_t r = 0; r < rows; r++)
            for (size_t j = 0; j < BLOCK; j++)
                sum[j] += (double)x[r * n + j];
    else if (width == BLOCK / 2)
        for (size_t r = 0; r < rows; r++)
            for (size_t j = 0; j < BLOCK / 2; j++)
                sum[j] += (double)x[r * n + j];
    else
        for (size_t r = 0; r < rows; r++)
            for (size_t j = 0; j < width; j++)
                sum[j] += (double)x[r * n + j];
    for (size_t j = 0; j < width; j++)
        out[j] += (float)sum[j];
}

typedef struct sums {
    float *out;
    const float *x;
    size_t rows, n;
} sums;

static void sum_columns(const void *context, size_t from, size_t to)
{
    const sums *s = context;
    for (size_t j = from; j < to; j += BLOCK)
        sum_block(s->out + j, s->x + j, s->rows, s->n, to - j < BLOCK ? to - j : BLOCK);
}

void unic__add_column_sums(float *out, const float *x, size_t rows, size_t n)
{
    const sums s = {out, x, rows, n};
    unic__parallel(n, NARROW, rows * n > (1U << 16), sum_columns, &s);
}
