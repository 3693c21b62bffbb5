#include "kernel/dnnl_glue.h"
#include "kernel/packed.h"
#include "kernel/reduce_rows.h"
#include "op/operators.h"

/*
 * Linear layer over the last axis, followed by an optional relu.
 *   y = x w^T + b
 * backward:  dx += dy w,   dw += dy^T x,   db += sum_rows(dy)
 * with relu, dy is first masked by y > 0
 *
 * y is a product by the packed weight (kernel/packed.h), which begins with the bias and ends
 * with the relu: in inference the weight comes packed, in training it is packed here.
 */

enum { PARALLEL_COUNT = 1 << 15 /* elements from which on two threads are worth it */ };

static unic_status infer(unic__call *c)
{
    UNIC__TRY(unic__expect_f32(c, 0));
    UNIC__TRY(unic__expect_rank(c, 1, 2));
    const unic__linear_attr *attr = c->attr;
    const unic__shape *x = &c->in[0]->shape, *w = &c->in[1]->shape;
    char xs[UNIC__SHAPE_TEXT], ws[UNIC__SHAPE_TEXT];
    if (!x->rank || unic__shape_last(x) != w->dim[1])
        return unic__shape_fail(c, "x %s does not end in the weight's %s second dim",
                                unic__shape_print(x, xs), unic__shape_print(w, ws));
    if (!w->dim[0] || !w->dim[1] || w->dim[0] > INT32_MAX || w->dim[1] > INT32_MAX ||
        unic__shape_rows(x) > INT32_MAX)
        return unic__shape_fail(c, "x %s or the weight %s is empty or too large for a product",
                                unic__shape_print(x, xs), unic__shape_print(w, ws));
    if (c->in[2]) {
        UNIC__TRY(unic__expect_rank(c, 2, 1));
        if (c->in[2]->shape.dim[0] != w->dim[0])
            return unic__shape_fail(c, "bias has %zu entries, the weight %s",
                                    c->in[2]->shape.dim[0], unic__shape_print(w, ws));
    }
    c->out->dtype = UNIC__F32;
    c->out->shape = *x;
    c->out->shape.dim[x->rank - 1] = w->dim[0];
    size_t packed = c->in[1]->packed ? 0 : unic__packed_count(w->dim[0], w->dim[1]);
    size_t masked = attr->relu ? unic__shape_count(&c->out->shape) : 0; /* dy behind the relu */
    c->scratch_size = packed > masked ? packed : masked;
    return UNIC_OK;
}

/* oneDNN's products; NULL for gradients that were not wanted when the call was planned. */
typedef struct prims {
    unic__dnnl_matmul *forward, *dx, *dw;
} prims;

static void unplan(unic__call *c)
{
    prims *p = c->prim;
    if (!p)
        return;
    unic__dnnl_matmul_free(p->forward);
    unic__dnnl_matmul_free(p->dx);
    unic__dnnl_matmul_free(p->dw);
    unic__free(p);
    c->prim = NULL;
}

static unic_status plan(unic__call *c)
{
    if (c->backend != UNIC__ONEDNN)
        return UNIC_OK;
    const unic__tensor *x = c->in[0], *w = c->in[1];
    const size_t rows = unic__shape_rows(&x->shape), n = w->shape.dim[0], k = w->shape.dim[1];
    prims *p = c->prim = unic__alloc_zero(sizeof *p);
    if (!p)
        return unic__no_memory(sizeof *p, "a linear layer's primitives");
    unic_status status = unic__dnnl_matmul_create(&p->forward, 1, false, rows, n, k, false,
                                                  true, false);
    if (status == UNIC_OK && x->dx)
        status = unic__dnnl_matmul_create(&p->dx, 1, false, rows, k, n, false, false,
                                          !unic__is_fresh(c, 0));
    if (status == UNIC_OK && w->dx)
        status = unic__dnnl_matmul_create(&p->dw, 1, false, n, k, rows, true, false, true);
    if (status != UNIC_OK)
        unplan(c);
    return status;
}

/* y = max(y + b, 0), or y + b; b may be absent. A NaN stays one. */
UNIC__SIMD static void add_bias(const void *call, size_t from, size_t to)
{
    const unic__call *c = call;
    const bool relu = ((const unic__linear_attr *)c->attr)->relu;
    const float *restrict b = c->in[2] ? c->in[2]->x : NULL;
    const size_t n = c->in[1]->shape.dim[0];
    float *restrict y = c->out->x + from * n;
    for (size_t r = from; r < to; r++, y += n) {
        if (b)
            for (size_t j = 0; j < n; j++)
                y[j] += b[j];
        if (relu)
            for (size_t j = 0; j < n; j++)
                y[j] = y[j] < 0.0F ? 0.0F : y[j];
    }
}

static void forward(unic__call *c)
{
    const unic__linear_attr *attr = c->attr;
    const unic__tensor *x = c->in[0], *w = c->in[1], *b = c->in[2];
    const size_t rows = unic__shape_rows(&x->shape), n = w->shape.dim[0], k = w->shape.dim[1];
    const prims *p = c->prim;
    float *y = c->out->x;
    if (w->packed || c->backend == UNIC__AUTO) {
        if (!w->packed)
            unic__pack(c->scratch, w->x, n, k);
        unic__packed_run(&(unic__packed_product){.rows = rows,
                                                 .n = n,
                                                 .k = k,
                                                 .x = x->x,
                                                 .x_row = k,
                                                 .packed = w->packed ? w->x : c->scratch,
                                                 .type = w->type,
                                                 .init = b ? b->x : NULL,
                                                 .y = y,
                                                 .y_row = n,
                                                 .relu = attr->relu});
        return;
    }
    if (p)
        unic__dnnl_matmul_run(p->forward, x->x, w->x, y, &c->run->status);
    else
        unic__product(c->backend, &(unic__gemm){.tb = true,
                                                .m = rows,
                                                .n = n,
                                                .k = k,
                                                .a = x->x,
                                                .lda = k,
                                                .b = w->x,
                                                .ldb = k,
                                                .c = y,
                                                .ldc = n});
    if (b || attr->relu)
        unic__parallel(rows, 1, rows * n >= PARALLEL_COUNT, add_bias, c);
}

/* scratch = dy where y > 0, else 0 */
UNIC__SIMD static void mask_by_output(const void *call, size_t from, size_t to)
{
    const unic__call *c = call;
    float *restrict g = c->scratch;
    const float *restrict dy = c->out->dx, *restrict y = c->out->x;
    for (size_t i = from; i < to; i++)
        g[i] = y[i] > 0.0F ? dy[i] : 0.0F;
}

static void backward(unic__call *c)
{
    const unic__linear_attr *attr = c->attr;
    const unic__tensor *x = c->in[0], *w = c->in[1], *b = c->in[2];
    const size_t rows = unic__shape_rows(&x->shape), n = w->shape.dim[0], k = w->shape.dim[1];
    const prims *p = c->prim;
    const float *dy = c->out->dx;
    if (attr->relu) {
        enum { LINE = UNIC__ALIGN / sizeof(float) };
        unic__parallel(rows * n, LINE, rows * n >= PARALLEL_COUNT, mask_by_output, c);
        dy = c->scratch;
    }
    if (x->dx && p && p->dx)
        unic__dnnl_matmul_run(p->dx, dy, w->x, x->dx, &c->run->status);
    else if (x->dx)
        unic__product(c->backend, &(unic__gemm){.add = !unic__is_fresh(c, 0),
                                                .m = rows,
                                                .n = k,
                                                .k = n,
                                                .a = dy,
                                                .lda = n,
                                                .b = w->x,
                                                .ldb = k,
                                                .c = x->dx,
                                                .ldc = k});
    if (w->dx && p && p->dw)
        unic__dnnl_matmul_run(p->dw, dy, x->x, w->dx, &c->run->status);
    else if (w->dx)
        unic__product(c->backend, &(unic__gemm){.ta = true,
                                                .add = true,
                                                .m = n,
                                                .n = k,
                                                .k = rows,
                                                .a = dy,
                                                .lda = n,
                                                .b = x->x,
                                                .ldb = k,
                                                .c = w->dx,
                                                .ldc = k});
    if (b && b->dx)
        unic__add_column_sums(b->dx, dy, rows, n);
}

const unic__op unic__op_linear = {
    .name = "linear",
    .infer = infer,
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .unplan = unplan,
    .keeps = UNIC__KEEP_IN(0) | UNIC__KEEP_IN(1) | UNIC__KEEP_OUT,
    .stores = UNIC__STORES_IN(0),
};
