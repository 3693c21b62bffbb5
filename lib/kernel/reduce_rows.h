/* Sums over rows, for the gradients of biases and affine parameters. */
#ifndef UNIC_KERNEL_REDUCE_ROWS_H
#define UNIC_KERNEL_REDUCE_ROWS_H

#include "base/base.h"

/* out[j] += sum_r x[r,j]; rows are added in index order, so the result is the
 * same every time. */
void unic__add_column_sums(float *out, const float *x, size_t rows, size_t n);

#endif
