#include "op/ops.h"
#include "op/vecmath.h"

/*
 * Functions of one element: y = f(x). A NaN stays a NaN.
 * backward:  dx += dy f'(x),   f' from y where that is cheaper:
 *   relu [y > 0], tanh 1 - y^2, sigmoid y (1 - y), exp y, log 1/x, sqrt 1/(2y), square 2x,
 *   clamp [a <= x <= b], affine a
 */

enum { CHUNK = 4096, PARALLEL_CHUNKS = 8 };

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

UNIC__SIMD static void forward_chunk(float *restrict y, const float *restrict x, size_t n,
                                     const unic__unary_attr *attr)
{
    const float a = attr->a, b = attr->b;
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
    }
}

static void forward(unic__call *c)
{
    size_t count = unic__shape_count(&c->out->shape), chunks = (count + CHUNK - 1) / CHUNK;
    UNIC__PARALLEL_FOR(chunks >= PARALLEL_CHUNKS)
    for (size_t k = 0; k < chunks; k++) {
        size_t at = k * CHUNK;
        forward_chunk(c->out->x + at, c->in[0]->x + at, count - at < CHUNK ? count - at : CHUNK,
                      c->attr);
    }
}

#define ADD(gradient) dx[i] = unic__so_far(fresh, dx[i]) + (gradient)

UNIC__SIMD static void backward_chunk(float *restrict dx, const float *restrict dy,
                                      const float *restrict x, const float *restrict y,
                                      size_t n, const unic__unary_attr *attr, bool fresh)
{
    const float a = attr->a, b = attr->b;
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
    }
}

static void backward(unic__call *c)
{
    if (!c->in[0]->dx)
        return;
    size_t count = unic__shape_count(&c->out->shape), chunks = (count + CHUNK - 1) / CHUNK;
    UNIC__PARALLEL_FOR(chunks >= PARALLEL_CHUNKS)
    for (size_t k = 0; k < chunks; k++) {
        size_t at = k * CHUNK;
        backward_chunk(c->in[0]->dx + at, c->out->dx + at, c->in[0]->x + at, c->out->x + at,
                       count - at < CHUNK ? count - at : CHUNK, c->attr, unic__is_fresh(c, 0));
    }
}

const unic__op unic__op_unary = {
    .name = "unary",
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .keeps = UNIC__KEEP_IN(0) | UNIC__KEEP_OUT,
    .stores = UNIC__STORES_IN(0),
};
