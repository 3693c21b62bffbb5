/* Nearest code of each row (P2), without materialising the distances. */
#ifndef UNIC_KERNEL_ASSIGN_H
#define UNIC_KERNEL_ASSIGN_H

#include "base/base.h"

/* codes[r] = argmin_l ||z_r - e_l||, the lowest l on a tie. z [rows,dim]; packed is e [count,dim]
 * laid out by unic__pack (kernel/packed.h); norm [count] = ||e_l||^2. Scratch is a fixed block on
 * each thread's stack. */
void unic__assign(int32_t *codes, const float *z, size_t rows, const float *packed,
                  const float *norm, size_t count, size_t dim);

/* norm[l] = ||e_l||^2 */
void unic__square_norms(float *norm, const float *e, size_t count, size_t dim);

#endif
