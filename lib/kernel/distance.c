#include "kernel/distance.h"

#include "kernel/tile.h"

UNIC__SIMD double unic__distance2(const float *a, const float *b, size_t n)
{
    double sum = 0.0;
#pragma omp simd reduction(+ : sum)
    for (size_t j = 0; j < n; j++) {
        double gap = (double)a[j] - (double)b[j];
        sum += gap * gap;
    }
    return sum;
}

UNIC__SIMD double unic__centred_norm2(const float *a, const float *centre, size_t n)
{
    double sum = 0.0;
#pragma omp simd reduction(+ : sum)
    for (size_t j = 0; j < n; j++) {
        float gap = a[j] - centre[j];
        sum += (double)gap * (double)gap;
    }
    return sum;
}

UNIC__SIMD void unic__centre(float *restrict to, const float *restrict x, size_t x_row,
                             const float *restrict centre, size_t rows, size_t n)
{
    for (size_t r = 0; r < rows; r++, to += n, x += x_row)
        for (size_t j = 0; j < n; j++)
            to[j] = x[j] - centre[j];
}

UNIC__SIMD void unic__centre_packed(float *restrict packed, const float *restrict centre,
                                    size_t rows, size_t n)
{
    for (; rows >= UNIC__PANEL; rows -= UNIC__PANEL)
        for (size_t i = 0; i < n; i++, packed += UNIC__PANEL)
            for (size_t j = 0; j < UNIC__PANEL; j++)
                packed[j] -= centre[i];
    for (size_t i = 0; rows && i < n; i++, packed += UNIC__PANEL)
        for (size_t j = 0; j < rows; j++)
            packed[j] -= centre[i];
}

UNIC__SIMD void unic__mean_row(float *restrict mean, const float *restrict x, size_t rows,
                               size_t n)
{
    enum { COLUMNS = 256 };
    for (size_t from = 0; from < n; from += COLUMNS) {
        const size_t columns = n - from < COLUMNS ? n - from : COLUMNS;
        double sum[COLUMNS] = {0};
        for (size_t r = 0; r < rows; r++)
            for (size_t j = 0; j < columns; j++)
                sum[j] += (double)x[r * n + from + j];
        for (size_t j = 0; j < columns; j++)
            mean[from + j] = (float)(sum[j] / (double)rows);
    }
}

/* ---- tiles ---- */

/*
 * A tile is ROWS rows times WIDE columns, whose sums stay in registers. Long sums are cut into
 * runs of RUN terms, so that the error grows with RUN + n / RUN and not with n.
 */
enum { ROWS = 4, WIDE = 16, RUN = 32 };

typedef float wide __attribute__((vector_size(WIDE * sizeof(float)), aligned(4), may_alias));

/* y [rows,WIDE] of codes that lie PANEL apart in `e` [n,PANEL]. */
__attribute__((always_inline)) static inline void
distance_tile(float y[ROWS][WIDE], const float *x, const size_t rows, const float *e, size_t n)
{
    wide total[ROWS] = {{0}};
    for (size_t from = 0; from < n; from += RUN) {
        const size_t to = n - from < RUN ? n : from + RUN;
        wide sum[ROWS] = {{0}};
        for (size_t j = from; j < to; j++) {
            const wide code = *(const wide *)(e + j * UNIC__PANEL);
#pragma GCC unroll 4
            for (size_t r = 0; r < rows; r++) {
                const wide gap = x[r * n + j] - code;
                sum[r] += gap * gap;
            }
        }
#pragma GCC unroll 4
        for (size_t r = 0; r < rows; r++)
            total[r] += sum[r];
    }
#pragma GCC unroll 4
    for (size_t r = 0; r < rows; r++)
        *(wide *)y[r] = total[r];
}

UNIC__SIMD void unic__distances(float *y, size_t y_row, const float *x, size_t rows,
                                const float *packed, size_t count, size_t n)
{
    float tile[ROWS][WIDE];
    for (size_t l = 0; l < count; l += WIDE) {
        const float *e = packed + l / UNIC__PANEL * UNIC__PANEL * n + l % UNIC__PANEL;
        const size_t cols = count - l < WIDE ? count - l : WIDE;
        for (size_t r = 0; r < rows; r += ROWS) {
            const size_t height = rows - r < ROWS ? rows - r : ROWS;
            if (height == ROWS)
                distance_tile(tile, x + r * n, ROWS, e, n);
            else
                for (size_t i = 0; i < height; i++)
                    distance_tile(tile + i, x + (r + i) * n, 1, e, n);
            for (size_t i = 0; i < height; i++)
                for (size_t j = 0; j < cols; j++)
                    y[(r + i) * y_row + l + j] = tile[i][j];
        }
    }
}

/* sum_l w_rl (x_r - e_l) of `rows` rows and WIDE columns. */
__attribute__((always_inline)) static inline void pull_tile(wide total[ROWS],
                                                            const unic__pull *p, const float *w,
                                                            const float *x, const float *e,
                                                            const size_t rows)
{
    wide at[ROWS];
#pragma GCC unroll 4
    for (size_t r = 0; r < rows; r++) {
        at[r] = *(const wide *)(x + r * p->n);
        total[r] = (wide){0};
    }
    for (size_t from = 0; from < p->count; from += RUN) {
        const size_t to = p->count - from < RUN ? p->count : from + RUN;
        wide sum[ROWS] = {{0}};
        for (size_t l = from; l < to; l++) {
            const wide code = *(const wide *)(e + l * p->n);
#pragma GCC unroll 4
            for (size_t r = 0; r < rows; r++)
                sum[r] += w[r * p->w_row + l * p->w_column] * (at[r] - code);
        }
#pragma GCC unroll 4
        for (size_t r = 0; r < rows; r++)
            total[r] += sum[r];
    }
}

/* The same of one row and one column: of what whole tiles leave over. */
static inline float pull_one(const unic__pull *p, const float *w, float x, const float *e)
{
    float total = 0.0F;
    for (size_t from = 0; from < p->count; from += RUN) {
        const size_t to = p->count - from < RUN ? p->count : from + RUN;
        float sum = 0.0F;
        for (size_t l = from; l < to; l++)
            sum += w[l * p->w_column] * (x - e[l * p->n]);
        total += sum;
    }
    return total;
}

__attribute__((always_inline)) static inline void pull_row_tile(const unic__pull *p, size_t row,
                                                                const size_t rows)
{
    const size_t whole = p->n / WIDE * WIDE;
    const float *w = p->w + row * p->w_row, *x = p->x + row * p->n;
    float *to = p->to + row * p->n;
    for (size_t j = 0; j < whole; j += WIDE) {
        wide sum[ROWS];
        pull_tile(sum, p, w, x + j, p->e + j, rows);
#pragma GCC unroll 4
        for (size_t r = 0; r < rows; r++) {
            wide *at = (wide *)(to + r * p->n + j);
            *at = p->fresh ? 2.0F * sum[r] : *at + 2.0F * sum[r];
        }
    }
    for (size_t r = 0; r < rows; r++)
        for (size_t j = whole; j < p->n; j++) {
            float *at = to + r * p->n + j;
            float sum = 2.0F * pull_one(p, w + r * p->w_row, x[r * p->n + j], p->e + j);
            *at = p->fresh ? sum : *at + sum;
        }
}

UNIC__SIMD void unic__pull_rows(const unic__pull *p, size_t from, size_t to)
{
    for (; from + ROWS <= to; from += ROWS)
        pull_row_tile(p, from, ROWS);
    for (; from < to; from++)
        pull_row_tile(p, from, 1);
}
