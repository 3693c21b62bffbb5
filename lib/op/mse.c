#include "kernel/vecmath.h"
#include "op/masked_mean.h"
#include "op/operators.h"

/*
 * Mean squared error over the elements that the mask selects.
 *   y = sum mask (a - b)^2 / n
 * backward:  da += 2 dy mask (a - b) / n,   db -= the same
 */

UNIC__SIMD static float sum_squares(const float *a, const float *b, size_t n)
{
    float sum = 0.0F;
    UNIC__LANES_SUM(sum)
    for (size_t j = 0; j < n; j++)
        sum += (a[j] - b[j]) * (a[j] - b[j]);
    return sum;
}

static void forward(unic__call *c)
{
    unic__masked_mean_forward(c, sum_squares);
}

UNIC__SIMD static void add_gradients(float *da, float *db, const float *a, const float *b,
                                     float scale, size_t n)
{
    for (size_t j = 0; da && j < n; j++)
        da[j] += 2.0F * scale * (a[j] - b[j]);
    for (size_t j = 0; db && j < n; j++)
        db[j] -= 2.0F * scale * (a[j] - b[j]);
}

static void backward(unic__call *c)
{
    unic__masked_mean_backward(c, add_gradients);
}

const unic__op unic__op_mse = {
    .name = "mse",
    .infer = unic__masked_mean_infer,
    .forward = forward,
    .backward = backward,
    .keeps = UNIC__KEEP_IN(0) | UNIC__KEEP_IN(1) | UNIC__KEEP_IN(2),
    .stores = UNIC__STORES_IN(0) | UNIC__STORES_IN(1),
};
