/*
 * The products by U of Winograd's convolution (winograd.c), one for each place of a tile.
 */
#ifndef UNIC_KERNEL_WINOGRAD_PRODUCT_H
#define UNIC_KERNEL_WINOGRAD_PRODUCT_H

#include "base/base.h"

/* c [tiles,n] = or += a [tiles,k] times a part of U, packed, for each place. */
typedef struct unic__winograd_product {
    size_t places, tiles, k, n;
    const float *a, *u;
    size_t a_row, a_place, u_place; /* floats from row to row, from place to place */
    const float *u_end; /* of a U in memory, whose panels lie in the order of their use */
    float *c;
    size_t c_row, c_place;
    bool add;
} unic__winograd_product;

void unic__winograd_multiply(const unic__winograd_product *product);

#endif
