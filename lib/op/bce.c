#include "kernel/vecmath.h"
#include "op/masked_mean.h"
#include "op/operators.h"

/*
 * Binary cross-entropy of logits x and targets t in [0,1], over the elements that the mask
 * selects.
 *   y = sum mask (max(x,0) - x t + log(1 + exp(-|x|))) / n
 * backward:  dx += dy mask (sigmoid(x) - t) / n
 */

UNIC__SIMD static float sum_entropies(const float *x, const float *t, size_t n)
{
    float sum = 0.0F;
    UNIC__LANES_SUM(sum)
    for (size_t j = 0; j < n; j++) {
        float positive = x[j] < 0.0F ? 0.0F : x[j];
        sum += positive - x[j] * t[j] + unic__log1pf(unic__expf(-fabsf(x[j])));
    }
    return sum;
}

static void forward(unic__call *c)
{
    unic__masked_mean_forward(c, sum_entropies);
}

UNIC__SIMD static void add_gradient(float *dx, float *dt, const float *x, const float *t,
                                    float scale, size_t n)
{
    (void)dt; /* targets are given */
    for (size_t j = 0; dx && j < n; j++)
        dx[j] += scale * (unic__sigmoidf(x[j]) - t[j]);
}

static void backward(unic__call *c)
{
    unic__masked_mean_backward(c, add_gradient);
}

const unic__op unic__op_bce = {
    .name = "bce",
    .infer = unic__masked_mean_infer,
    .forward = forward,
    .backward = backward,
    .keeps = UNIC__KEEP_IN(0) | UNIC__KEEP_IN(1) | UNIC__KEEP_IN(2),
    .stores = UNIC__STORES_IN(0),
};
