/*
 * The transforms of Winograd's convolution, for one tile of m x m outputs of a 3x3 window, in
 * the form Y = M X M^T with a constant M. With a = m + 2, the side of the window that a tile
 * reads:
 *   input    V = B^T x B     [a,a] -> [a,a]      output   y = A^T Y A     [a,a] -> [m,m]
 *   weight   U = G w G^T     [3,3] -> [a,a]
 * Y = V U, element by element, gives y = the convolution of x and w. The adjoint of each
 * maps in the opposite direction, by the transposed matrix.
 */
#ifndef UNIC_KERNEL_WINOGRAD_TRANSFORM_H
#define UNIC_KERNEL_WINOGRAD_TRANSFORM_H

#include "base/base.h"

enum { UNIC__WINOGRAD_MIN = 2, UNIC__WINOGRAD_MAX = 4 /* sides m of a tile */ };

typedef enum unic__winograd_kind {
    UNIC__WINOGRAD_INPUT,
    UNIC__WINOGRAD_INPUT_ADJOINT,
    UNIC__WINOGRAD_OUTPUT,
    UNIC__WINOGRAD_OUTPUT_ADJOINT,
    UNIC__WINOGRAD_WEIGHT,
    UNIC__WINOGRAD_WEIGHT_ADJOINT,
    UNIC__WINOGRAD_KINDS
} unic__winograd_kind;

/*
 * A small matrix whose elements are vectors of channels. Element (r,c) of channel k lies at
 *   at + r row + c col + (k / 32) block + k % 32;
 * only rows top..bottom-1 and columns left..right-1 are in memory. Outside of them X is 0, and
 * Y is not written.
 */
typedef struct unic__grid {
    ptrdiff_t at; /* may lie before the array, where row 0 or column 0 is not in memory */
    size_t row, col, block;
    size_t top, bottom, left, right;
} unic__grid;

typedef struct unic__winograd_step {
    size_t channels;
    const float *x;
    unic__grid from;
    float *y;
    unic__grid to;
    bool add;          /* y += instead of y = */
    const float *bias; /* [channels], added to each element of an output; NULL */
    bool relu;         /* of an output: then its maximum with 0, a NaN stays one */
    /* How many matrices, which lie these floats apart in X and in Y; 0: one. */
    size_t count, from_next, to_next;
} unic__winograd_step;

typedef void unic__winograd_transform(const unic__winograd_step *step);

/* For tiles of side m, with the vectors of the tile kernel that products use. */
unic__winograd_transform *unic__winograd_transform_of(unic__winograd_kind kind, size_t m);

/* A grid of side `side` whose elements are `col` floats apart in reading order, all in
 * memory. */
static inline unic__grid unic__whole_grid(ptrdiff_t at, size_t side, size_t col, size_t block)
{
    return (unic__grid){at, side * col, col, block, 0, side, 0, side};
}

#endif
