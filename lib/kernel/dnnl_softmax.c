#include "kernel/dnnl_primitive.h"

/* oneDNN's softmax and its gradient. */

struct unic__dnnl_softmax {
    unic__dnnl_context context;
    unic__dnnl_primitive forward, backward;
    size_t rows, n;
};

static unic_status softmax_init(unic__dnnl_softmax *p, const desc *x)
{
    static const int forward_args[] = {DNNL_ARG_SRC, DNNL_ARG_DST};
    static const int backward_args[] = {DNNL_ARG_DST, DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_SRC};
    const unic__dnnl_context *c = &p->context;
    dnnl_primitive_attr_t attr;
    UNIC__TRY(unic__dnnl_attr_create(&attr, false));
    dnnl_primitive_desc_t pd = NULL, backward_pd = NULL;
    dnnl_status_t made = softmax_pd(&pd, c->engine, attr, x);
    dnnl_status_t backward_made = made ? made
                                       : softmax_backward_pd(&backward_pd, c->engine, attr, x,
                                                             pd);
    dnnl_primitive_attr_destroy(attr);
    unic_status status = unic__dnnl_primitive_init(&p->forward, c, "a softmax", made, pd, 2,
                                                   forward_args);
    unic_status backward_status = unic__dnnl_primitive_init(
        &p->backward, c, "a softmax's gradient", backward_made, backward_pd, 3, backward_args);
    return status == UNIC_OK ? backward_status : status;
}

static unic_status softmax_build(void *object)
{
    unic__dnnl_softmax *p = object;
    desc x = {0};
    dnnl_status_t made = desc_strided(&x, 2, (dnnl_dims_t){dim(p->rows), dim(p->n)},
                                      (dnnl_dims_t){dim(p->n), 1});
    unic_status status = made ? unic__dnnl_fail(made, "a matrix") : softmax_init(p, &x);
    desc_free(&x);
    return status;
}

static void softmax_clear(void *object)
{
    unic__dnnl_softmax *p = object;
    unic__dnnl_primitive_clear(&p->forward);
    unic__dnnl_primitive_clear(&p->backward);
}

static const unic__dnnl_kind softmax_kind = {"a softmax", softmax_build, softmax_clear};

unic_status unic__dnnl_softmax_create(unic__dnnl_softmax **out, size_t rows, size_t n)
{
    unic__dnnl_softmax *p = unic__alloc_zero(sizeof *p);
    if (!p)
        return unic__no_memory(sizeof *p, "a oneDNN softmax");
    *p = (unic__dnnl_softmax){.context = {.asked = unic__threads()}, .rows = rows, .n = n};
    UNIC__TRY(unic__dnnl_create(&softmax_kind, p));
    *out = p;
    return UNIC_OK;
}

void unic__dnnl_softmax_run(unic__dnnl_softmax *p, const float *x, float *y,
                            unic_status *sticky)
{
    if (unic__dnnl_is_ready(&softmax_kind, p, sticky))
        unic__dnnl_run(&p->forward, &p->context, 2, (const float *[]){x, y}, sticky);
}

void unic__dnnl_softmax_backward_run(unic__dnnl_softmax *p, const float *y, const float *dy,
                                     float *dx, unic_status *sticky)
{
    if (unic__dnnl_is_ready(&softmax_kind, p, sticky))
        unic__dnnl_run(&p->backward, &p->context, 3, (const float *[]){y, dy, dx}, sticky);
}

void unic__dnnl_softmax_free(unic__dnnl_softmax *p)
{
    unic__dnnl_free(&softmax_kind, p);
}
