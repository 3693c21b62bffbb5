#include "kernel/vecmath.h"
#include "op/operators.h"

/*
 * Functions of one element: y = f(x). A NaN stays a NaN.
 * backward:  dx += dy f'(x),   f' from y where that is cheaper:
 *   relu [y > 0], tanh 1 - y^2, sigmoid y (1 - y), exp y, log 1/x, sqrt 1/(2y), square 2x,
 *   clamp [a <= x <= b], affine a, gelu P(X < x) + x p(x), P and p of the normal distribution
 */

enum {
    LINE = UNIC__ALIGN / sizeof(float),
    PARALLEL_COUNT = 1 << 15, /* elements from which on two threads are worth it */
};

static unic_status infer(unic__call *c)
{
    UNIC__TRY(unic__expect_f32(c, 0));
    c->out->dtype = UNIC__F32;
    c->out->shape = c->in[0]->shape;
    return UNIC_OK;
}

#define EACH(expression)                                                                       \
    for (size_t i = 0; i < n; i++)                                                             \
        expression;                                                                            \
    break

UNIC__SIMD static void forward_part(const void *call, size_t from, size_t to)
{
    const unic__call *c = call;
    const unic__unary_attr *attr = c->attr;
    const float a = attr->a, b = attr->b, *restrict x = c->in[0]->x + from;
    float *restrict y = c->out->x + from;
    const size_t n = to - from;
    switch (attr->kind) {
    case UNIC__RELU:
        EACH(y[i] = x[i] < 0.0F ? 0.0F : x[i]);
    case UNIC__TANH:
        EACH(y[i] = unic__tanhf(x[i]));
    case UNIC__SIGMOID:
        EACH(y[i] = unic__sigmoidf(x[i]));
    case UNIC__EXP:
        EACH(y[i] = unic__expf(x[i]));
    case UNIC__LOG:
        EACH(y[i] = unic__logf(x[i]));
    case UNIC__SQRT:
        EACH(y[i] = sqrtf(x[i]));
    case UNIC__SQUARE:
        EACH(y[i] = x[i] * x[i]);
    case UNIC__CLAMP:
        EACH(y[i] = x[i] < a ? a : x[i] > b ? b : x[i]);
    case UNIC__AFFINE:
        EACH(y[i] = a * x[i] + b);
    case UNIC__GELU:
        EACH(y[i] = unic__geluf(x[i]));
    }
}

static void forward(unic__call *c)
{
    const size_t count = unic__shape_count(&c->out->shape);
    unic__parallel(count, LINE, count >= PARALLEL_COUNT, forward_part, c);
}

/* d gelu / dx */
UNIC__INLINE float gelu_slope(float x)
{
    float density, below = unic__normalf(x, &density);
    return below + x * density;
}

#define ADD(gradient) dx[i] = unic__so_far(fresh, dx[i]) + (gradient)

UNIC__SIMD static void backward_part(const void *call, size_t from, size_t to)
{
    const unic__call *c = call;
    const unic__unary_attr *attr = c->attr;
    const float a = attr->a, b = attr->b, *restrict dy = c->out->dx + from;
    const float *restrict x = c->in[0]->x + from, *restrict y = c->out->x + from;
    float *restrict dx = c->in[0]->dx + from;
    const size_t n = to - from;
    const bool fresh = unic__is_fresh(c, 0);
    switch (attr->kind) {
    case UNIC__RELU:
        EACH(ADD(y[i] > 0.0F ? dy[i] : 0.0F));
    case UNIC__TANH:
        EACH(ADD(dy[i] * (1.0F - y[i] * y[i])));
    case UNIC__SIGMOID:
        EACH(ADD(dy[i] * y[i] * (1.0F - y[i])));
    case UNIC__EXP:
        EACH(ADD(dy[i] * y[i]));
    case UNIC__LOG:
        EACH(ADD(dy[i] / x[i]));
    case UNIC__SQRT:
        EACH(ADD(0.5F * dy[i] / y[i]));
    case UNIC__SQUARE:
        EACH(ADD(2.0F * dy[i] * x[i]));
    case UNIC__CLAMP:
        EACH(ADD(x[i] >= a && x[i] <= b ? dy[i] : 0.0F));
    case UNIC__AFFINE:
        EACH(ADD(a * dy[i]));
    case UNIC__GELU:
        EACH(ADD(dy[i] * gelu_slope(x[i])));
    }
}

static void backward(unic__call *c)
{
    const size_t count = unic__shape_count(&c->out->shape);
    if (c->in[0]->dx)
        unic__parallel(count, LINE, count >= PARALLEL_COUNT, backward_part, c);
}

const unic__op unic__op_unary = {
    .name = "unary",
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .keeps = UNIC__KEEP_IN(0) | UNIC__KEEP_OUT,
    .stores = UNIC__STORES_IN(0),
};
