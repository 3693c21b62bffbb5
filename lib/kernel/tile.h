/*
 * The innermost product: a few rows of A times a panel of B, summed in registers. One kernel for
 * each instruction set; everything about blocks, packing and threads is its callers' (product.h,
 * packed.h, assign.h).
 */
#ifndef UNIC_KERNEL_TILE_H
#define UNIC_KERNEL_TILE_H

#include "base/base.h"

enum {
    UNIC__PANEL = 32,    /* columns of a packed panel; a multiple of every kernel's columns */
    UNIC__TILE_ROWS = 12 /* the most rows that a kernel takes                                */
};

/* C [rows,cols] = init + A B, then relu if asked for. A's element (r,k) is a[r a_row + k], a panel
 * of B is [k,UNIC__PANEL], C's and init's rows are strided (init_row 0: one row for all). */
typedef struct unic__tile {
    size_t rows, k;
    const float *a;
    size_t a_row;
    const float *b;
    const float *init; /* NULL: 0 */
    size_t init_row;
    float *c;
    size_t c_row;
    bool relu;
} unic__tile;

typedef struct unic__tile_kernel {
    const char *name;
    size_t rows, cols; /* the most rows, and exactly so many columns */
    void (*run)(const unic__tile *tile);
    const struct unic__tile_kernel *narrow; /* as fast, with fewer columns; or NULL */
} unic__tile_kernel;

/* The fastest this processor runs. */
const unic__tile_kernel *unic__tile_kernel_best(void);

/* All that it runs, for tests; the best last. */
size_t unic__tile_kernels(const unic__tile_kernel **kernels);

/* A tile of `cols` columns, up to UNIC__PANEL, of which B's panel has UNIC__PANEL: nothing is
 * read of init or written to C beyond them. */
void unic__tile_run(const unic__tile_kernel *kernel, const unic__tile *tile, size_t cols);

/* How many tiles of about equal height `rows` are cut into. */
static inline size_t unic__tile_count(const unic__tile_kernel *kernel, size_t rows)
{
    return (rows + kernel->rows - 1) / kernel->rows;
}

#endif
