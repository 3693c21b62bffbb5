/*
 * Weights laid out for products with few rows: BLAS packs a matrix in every call, which for the
 * ten steps of one clip costs more than the product itself. A weight W [n,k] becomes panels of
 * 32 of its rows, each [k,32], the last one filled up with zeros.
 *
 * Panels may be of 16-bit numbers (base/half.h), in half the memory. A product widens a part of a
 * panel, 256 x 32 floats, into a buffer that stays in the first cache, and runs the same kernels
 * over it as over panels of float32: its bits are those of the widened weight's product, on every
 * instruction set. Instructions that multiply bf16 by bf16 (AVX512_BF16) would round X as well.
 */
#ifndef UNIC_KERNEL_PACKED_H
#define UNIC_KERNEL_PACKED_H

#include "base/half.h"

/* Floats that W [n,k] takes when packed; does not overflow if n k does not. */
size_t unic__packed_count(size_t n, size_t k);

/* False for so few rows that a panel would be mostly zeros. */
bool unic__worth_packing(size_t n);

/* packed <- W [n,k], and back. */
void unic__pack(float *packed, const float *w, size_t n, size_t k);
void unic__unpack(float *w, const float *packed, size_t n, size_t k);

/* The same in 16 bits: of every weight the nearest of `type`, and the weights of that type. */
void unic__pack_half(uint16_t *packed, const float *w, size_t n, size_t k,
                     unic__float_type type);
void unic__unpack_half(float *w, const uint16_t *packed, size_t n, size_t k,
                       unic__float_type type);

/* packed <- the transpose of W [k,n]: for products X W. */
void unic__pack_transposed(float *packed, const float *w, size_t n, size_t k);

/* One panel [k,32] of a part of a matrix whose rows are w_row floats apart, W [cols,k], or
 * [k,cols] for the transposed; with fewer than 16 or 32 columns filled up to these with zeros,
 * which is as far as unic__tile_run reads. */
void unic__pack_panel(float *panel, const float *w, size_t w_row, size_t cols, size_t k);
void unic__pack_panel_transposed(float *panel, const float *w, size_t w_row, size_t cols,
                                 size_t k);

/* Y [rows,n] = init + X W^T, then relu if asked for. X's and Y's rows are x_row and y_row
 * floats apart, init's init_row (0: a bias, the same for all); init may be Y itself, or NULL.
 * Split over unic__threads(); inside a parallel loop it runs on the calling thread alone. An
 * element has the bits that gemm.h gives it: a row's result does not depend on the other
 * rows. */
typedef struct unic__packed_product {
    size_t rows, n, k;
    const float *x;
    const void *packed; /* of `type`: 0 is float32 */
    const float *init;
    float *y;
    size_t x_row, init_row, y_row;
    bool relu;
    bool streams; /* X comes from memory, and rows like it lie behind it, which are read next */
    unic__float_type type;
} unic__packed_product;

void unic__packed_run(const unic__packed_product *product);

#endif
