/*
 * The three products of conv_kernel.h for 3x3 windows of stride 1, by Winograd's transforms
 * (winograd_transform.h): y is cut into tiles of m x m, and each takes (m + 2)^2 products of
 * two numbers for each pair of channels instead of 9 m^2. The gradients are the exact adjoints,
 * by the same tiles, and so is a transposed convolution.
 */
#ifndef UNIC_KERNEL_WINOGRAD_H
#define UNIC_KERNEL_WINOGRAD_H

#include "kernel/conv_kernel.h"

/* The best side m of the tiles for these dims; 0: Winograd's transforms do not suit them. */
size_t unic__winograd_tile(const unic__conv_dims *d);

/* Floats of scratch that the three products use, or the forward product alone, then also with
 * weights that are kept, with up to unic__threads() threads; false: no size_t has them. */
bool unic__winograd_scratch(const unic__conv_dims *d, size_t m, bool forward, bool kept,
                            size_t *floats);

/* kept <- w [3,3,ci,co] transformed for tiles of side m, so many floats that are 0: weights that
 * do not change need it once (unic__conv_job.kept). The bits of a product are the same. */
size_t unic__winograd_kept_count(size_t ci, size_t co, size_t m);
void unic__winograd_keep(float *kept, const float *w, size_t ci, size_t co, size_t m);

/* The job by tiles of side m. Its bits do not depend on the number of threads. */
void unic__winograd_run(const unic__conv_job *job, size_t m);

#endif
