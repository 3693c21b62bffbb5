/*
 * The innermost product: a few rows of A times a panel of B, summed in registers. One kernel
 * for each instruction set; its callers
 * (gemm.h, packed.h, assign.h) handle blocks, packing and threads.
 */
#ifndef UNIC_KERNEL_TILE_H
#define UNIC_KERNEL_TILE_H

#include "base/half.h"

enum {
    UNIC__PANEL = 32,     /* columns of a packed panel; a multiple of every kernel's columns */
    UNIC__TILE_ROWS = 12, /* the most rows of a tile */
    UNIC__SUM_PART = 256  /* products that are added up before they are added to C            */
};

/*
 * C [rows,cols] = init + A B, then relu if asked for. A's element (r,k) is a[r a_row + k a_k],
 * where a_row or a_k is 1; B's element (k,j) is b[k b_k + j], of which a whole kernel's columns
 * can be read (b_k is UNIC__PANEL in a packed panel). C's and init's rows are strided (init_row
 * 0: one row for all).
 * Every element is init, or 0, plus a sum of its own, a chain of one fused multiply-add for
 * each k in rising order. Callers cut sums longer than UNIC__SUM_PART into such parts, which
 * are added in rising order. So an element's bits depend on nothing but its own row of A and
 * column of B: not on the tile's size, the blocks its callers cut, or the instruction set
 * (portable machines without a fused multiply-add round twice).
 */
typedef struct unic__tile {
    size_t rows, k;
    const float *a;
    size_t a_row, a_k;
    const float *b;
    size_t b_k;
    const uint16_t
        *b_half;       /* B's numbers of 16 bits, for unic__tile_run_half(): in place of b */
    const float *init; /* NULL: 0 */
    size_t init_row;
    float *c;
    size_t c_row;
    bool relu;
    /* Memory that is read next, which is asked for meanwhile: with a_k of 1, each k asks for two
     * lines, next_step bytes on. NULL: none. */
    const char *next;
    size_t next_step;
} unic__tile;

typedef struct unic__tile_kernel {
    const char *name;
    size_t rows, cols; /* the most rows, and exactly so many columns */
    void (*run)(const unic__tile *tile);
    const struct unic__tile_kernel
        *narrow; /* an equally fast kernel with fewer columns, or NULL */
    /* The same with B in 16 bits, widened in registers, by unic__float_type, or NULL */
    void (*run_half[UNIC__BFLOAT16 + 1])(const unic__tile *tile);
} unic__tile_kernel;

/* The fastest kernel that this processor supports and unic__tile_cap() allows. */
const unic__tile_kernel *unic__tile_kernel_best(void);

/* All kernels that this processor supports; the best last. */
size_t unic__tile_kernel_list(const unic__tile_kernel **kernels);

/*
 * Products go by the kernel of this name ("portable", "avx2", "avx512") from now on, as they do
 * on a processor that has nothing better; NULL: by the best again. False if this processor does
 * not run it. For tests and measurements: it holds for the whole process, and no product may
 * run meanwhile.
 */
bool unic__tile_cap(const char *name);

/* A tile of at most UNIC__TILE_ROWS rows and `cols` columns, up to UNIC__PANEL, of which B has
 * UNIC__PANEL, or half of that where `cols` is no more: nothing is read of init or written to C
 * beyond them. A kernel that takes less runs several times, over the same columns of B
 * first. */
void unic__tile_run(const unic__tile_kernel *kernel, const unic__tile *tile, size_t cols);

/* Whether the kernel, on this processor, takes panels of this type of 16 bits. */
bool unic__tile_takes_half(const unic__tile_kernel *kernel, unic__float_type type);

/* The same as unic__tile_run() with a whole packed panel of such a type, b_half, and A with a_k of
 * 1. It widens the panel again for every tile; for several tiles it is better widened before. */
void unic__tile_run_half(const unic__tile_kernel *kernel, const unic__tile *tile,
                         unic__float_type type);

/* Rows [rows,k] that the second cache does not hold: those of the next tile are fetched while a
 * tile is computed, since hardware follows no twelve rows at once. */
static inline bool unic__tile_fetches(size_t rows, size_t k)
{
    enum { CACHE = 1 << 19 }; /* floats */
    return rows * k > CACHE;
}

/* Asks for part i of n of rows [rows,k], which are x_row floats apart. */
static inline void unic__tile_fetch(const float *x, size_t x_row, size_t rows, size_t k,
                                    size_t i, size_t n)
{
    enum { LINE = UNIC__ALIGN / sizeof(float) };
    for (size_t r = rows * i / n, end = rows * (i + 1) / n; r < end; r++)
        for (size_t j = 0; j < k; j += LINE)
            __builtin_prefetch(x + r * x_row + j);
}

/* How many tiles of about equal height `rows` are cut into. */
static inline size_t unic__tile_count(size_t rows)
{
    return (rows + UNIC__TILE_ROWS - 1) / UNIC__TILE_ROWS;
}

#endif
