#include "kernel/dnnl_glue.h"

/*
 * Stands in for oneDNN in a build without oneDNN (ONEDNN=no): nothing can be created, so
 * nothing is ever run, and there is nothing to free.
 */

bool unic__dnnl_available(void)
{
    return false;
}

static unic_status absent(void)
{
    return unic__fail(UNIC_E_KERNEL, "kernel.backend is onednn, but this library was built "
                                     "without oneDNN: expected auto or blas");
}

static void absent_run(unic_status *sticky)
{
    if (*sticky == UNIC_OK)
        *sticky = absent();
}

unic_status unic__dnnl_matmul_create(unic__dnnl_matmul **out, size_t batch, bool b_broadcast,
                                     size_t m, size_t n, size_t k, bool ta, bool tb,
                                     bool accumulate)
{
    (void)out, (void)batch, (void)b_broadcast, (void)m, (void)n, (void)k, (void)ta, (void)tb,
        (void)accumulate;
    return absent();
}

void unic__dnnl_matmul_run(unic__dnnl_matmul *p, const float *a, const float *b, float *c,
                           unic_status *sticky)
{
    (void)p, (void)a, (void)b, (void)c;
    absent_run(sticky);
}

void unic__dnnl_matmul_free(unic__dnnl_matmul *p)
{
    (void)p;
}

unic_status unic__dnnl_softmax_create(unic__dnnl_softmax **out, size_t rows, size_t n)
{
    (void)out, (void)rows, (void)n;
    return absent();
}

void unic__dnnl_softmax_run(unic__dnnl_softmax *p, const float *x, float *y,
                            unic_status *sticky)
{
    (void)p, (void)x, (void)y;
    absent_run(sticky);
}

void unic__dnnl_softmax_backward_run(unic__dnnl_softmax *p, const float *y, const float *dy,
                                     float *dx, unic_status *sticky)
{
    (void)p, (void)y, (void)dy, (void)dx;
    absent_run(sticky);
}

void unic__dnnl_softmax_free(unic__dnnl_softmax *p)
{
    (void)p;
}

unic_status unic__dnnl_conv_create(unic__dnnl_conv **out, unic__conv_product product,
                                   const unic__conv_dims *d, bool accumulate)
{
    (void)out, (void)product, (void)d, (void)accumulate;
    return absent();
}

void unic__dnnl_conv_run(unic__dnnl_conv *p, const float *a, const float *b, float *c,
                         unic_status *sticky)
{
    (void)p, (void)a, (void)b, (void)c;
    absent_run(sticky);
}

void unic__dnnl_conv_free(unic__dnnl_conv *p)
{
    (void)p;
}
