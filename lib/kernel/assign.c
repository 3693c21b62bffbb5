#include "kernel/assign.h"

#include <math.h>

#include "kernel/tile.h"

/*
 * argmin_l ||z - e_l||^2 = argmin_l ||e_l||^2 - 2 z.e_l, since ||z||^2 is the same for all l.
 * A tile's products are reduced as soon as they are made, lane by lane: lane j keeps the lowest of
 * codes j, j + PANEL, j + 2 PANEL ...; the lanes are compared at the end.
 */
enum { ROWS = 8 * UNIC__TILE_ROWS }; /* share each panel while it is in the first cache */

typedef struct nearest {
    float distance[ROWS][UNIC__PANEL];
    int32_t code[ROWS][UNIC__PANEL];
} nearest;

UNIC__SIMD static void reduce_tile(nearest *best, size_t first_row, const float *restrict dot,
                                   const float *restrict norm, size_t rows, size_t cols,
                                   int32_t first)
{
    for (size_t r = 0; r < rows; r++, dot += UNIC__PANEL) {
        float *restrict distance = best->distance[first_row + r];
        int32_t *restrict code = best->code[first_row + r];
        for (size_t j = 0; j < cols; j++) {
            float d = norm[j] - 2.0F * dot[j];
            code[j] = d < distance[j] ? first + (int32_t)j : code[j];
            distance[j] = d < distance[j] ? d : distance[j];
        }
    }
}

/* The lowest code of those at the lowest distance. */
static int32_t best_lane(const float *distance, const int32_t *code)
{
    size_t best = 0;
    for (size_t j = 1; j < UNIC__PANEL; j++)
        if (distance[j] < distance[best] ||
            (distance[j] == distance[best] && code[j] < code[best]))
            best = j;
    return code[best];
}

static void assign_block(int32_t *codes, const float *z, size_t rows, const float *packed,
                         const float *norm, size_t count, size_t dim)
{
    const unic__tile_kernel *kernel = unic__tile_kernel_best();
    _Alignas(UNIC__ALIGN) float dot[UNIC__TILE_ROWS * UNIC__PANEL];
    nearest best;
    size_t tiles = unic__tile_count(kernel, rows);
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < UNIC__PANEL; j++) {
            best.distance[r][j] = INFINITY;
            best.code[r][j] = 0;
        }
    for (size_t l = 0; l < count; l += UNIC__PANEL) {
        size_t width = count - l > UNIC__PANEL / 2 ? UNIC__PANEL : UNIC__PANEL / 2;
        for (size_t i = 0; i < tiles; i++) {
            size_t r = rows * i / tiles, n = rows * (i + 1) / tiles - r;
            unic__tile tile = {.rows = n,
                               .k = dim,
                               .a = z + r * dim,
                               .a_row = dim,
                               .a_k = 1,
                               .b = packed + l * dim,
                               .b_k = UNIC__PANEL,
                               .c = dot,
                               .c_row = UNIC__PANEL};
            unic__tile_run(kernel, &tile, width);
            reduce_tile(&best, r, dot, norm + l, n,
                        count - l < UNIC__PANEL ? count - l : UNIC__PANEL, (int32_t)l);
        }
    }
    for (size_t r = 0; r < rows; r++)
        codes[r] = best_lane(best.distance[r], best.code[r]);
}

void unic__assign(int32_t *codes, const float *z, size_t rows, const float *packed,
                  const float *norm, size_t count, size_t dim)
{
    size_t blocks = (rows + ROWS - 1) / ROWS;
    UNIC__PARALLEL_FOR(blocks > 1 && unic__worth_splitting(rows, count, dim))
    for (size_t i = 0; i < blocks; i++) {
        size_t r = i * ROWS, n = rows - r < ROWS ? rows - r : ROWS;
        assign_block(codes + r, z + r * dim, n, packed, norm, count, dim);
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
