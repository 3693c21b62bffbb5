/* The k nearest codes of each row, and how far they are. */
#ifndef UNIC_KERNEL_NEAREST_H
#define UNIC_KERNEL_NEAREST_H

#include "kernel/assign.h"

/*
 * codes [rows,k] <- the k nearest codes of z [rows,dim], the nearest first, and distances
 * [rows,k], which may be NULL, their ||z_r - e_l||^2: in double precision, the lowest code
 * first on a tie. Behind the last code there is -1 with Inf; a distance that is too large for a
 * float is Inf too. k = 1 gives what unic__assign() does. Split over unic__threads();
 * UNIC_E_NOMEM before anything is written.
 */
unic_status unic__nearest(int32_t *codes, float *distances, const float *z, size_t rows,
                          size_t k, const unic__code_table *t);

#endif
