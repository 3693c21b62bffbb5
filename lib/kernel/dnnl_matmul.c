#include "kernel/dnnl_primitive.h"

/* oneDNN's products of matrices. */

struct unic__dnnl_matmul {
    unic__dnnl_context context;
    unic__dnnl_primitive product;
    size_t batch, m, n, k;
    bool b_broadcast, ta, tb, accumulate;
};

/* [batch,rows,columns], or stored [batch,columns,rows]. */
static dnnl_status_t matrix_desc(desc *d, size_t batch, size_t rows, size_t columns,
                                 bool transposed)
{
    dnnl_dims_t dims = {dim(batch), dim(rows), dim(columns)};
    dnnl_dims_t strides = {dim(rows * columns), dim(transposed ? 1 : columns),
                           dim(transposed ? rows : 1)};
    return desc_strided(d, 3, dims, strides);
}

static unic_status matmul_init(unic__dnnl_matmul *p, const desc d[3])
{
    static const int args[] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST};
    dnnl_primitive_attr_t attr;
    UNIC__TRY(unic__dnnl_attr_create(&attr, p->accumulate));
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t made = matmul_pd(&pd, p->context.engine, attr, &d[0], &d[1], &d[2]);
    dnnl_primitive_attr_destroy(attr);
    return unic__dnnl_primitive_init(&p->product, &p->context, "a matmul", made, pd, 3, args);
}

static unic_status matmul_build(void *object)
{
    unic__dnnl_matmul *p = object;
    desc d[3] = {0};
    dnnl_status_t made = matrix_desc(&d[0], p->batch, p->m, p->k, p->ta);
    if (!made)
        made = matrix_desc(&d[1], p->b_broadcast ? 1 : p->batch, p->k, p->n, p->tb);
    if (!made)
        made = matrix_desc(&d[2], p->batch, p->m, p->n, false);
    unic_status status = made ? unic__dnnl_fail(made, "a matrix") : matmul_init(p, d);
    for (int i = 0; i < 3; i++)
        desc_free(&d[i]);
    return status;
}

static void matmul_clear(void *object)
{
    unic__dnnl_matmul *p = object;
    unic__dnnl_primitive_clear(&p->product);
}

static const unic__dnnl_kind matmul_kind = {"a matmul", matmul_build, matmul_clear};

unic_status unic__dnnl_matmul_create(unic__dnnl_matmul **out, size_t batch, bool b_broadcast,
                                     size_t m, size_t n, size_t k, bool ta, bool tb,
                                     bool accumulate)
{
    unic__dnnl_matmul *p = unic__alloc_zero(sizeof *p);
    if (!p)
        return unic__no_memory(sizeof *p, "a oneDNN matmul");
    *p = (unic__dnnl_matmul){.context = {.asked = unic__threads()},
                             .batch = batch,
                             .m = m,
                             .n = n,
                             .k = k,
                             .b_broadcast = b_broadcast,
                             .ta = ta,
                             .tb = tb,
                             .accumulate = accumulate};
    if (b_broadcast && !ta) { /* one tall product */
        p->m *= batch;
        p->batch = 1;
    }
    UNIC__TRY(unic__dnnl_create(&matmul_kind, p));
    *out = p;
    return UNIC_OK;
}

void unic__dnnl_matmul_run(unic__dnnl_matmul *p, const float *a, const float *b, float *c,
                           unic_status *sticky)
{
    if (unic__dnnl_is_ready(&matmul_kind, p, sticky))
        unic__dnnl_run(&p->product, &p->context, 3, (const float *[]){a, b, c}, sticky);
}

void unic__dnnl_matmul_free(unic__dnnl_matmul *p)
{
    unic__dnnl_free(&matmul_kind, p);
}
