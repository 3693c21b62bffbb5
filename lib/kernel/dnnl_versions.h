/*
 * The differences between oneDNN 2.6 and 3.x, for dnnl_primitive.h alone: a memory descriptor is a
 * struct in 2.6 and an owned pointer in 3.x, and 3.x makes a primitive descriptor in one call
 * where 2.6 takes two. Nothing else includes the vendor's header.
 */
#ifndef UNIC_KERNEL_DNNL_VERSIONS_H
#define UNIC_KERNEL_DNNL_VERSIONS_H

#include <oneapi/dnnl/dnnl.h>

#include "kernel/conv_kernel.h"

typedef struct desc {
    dnnl_memory_desc_t md;
} desc;

#if DNNL_VERSION_MAJOR >= 3

typedef const_dnnl_memory_desc_t desc_ref;

static inline desc_ref ref(const desc *d)
{
    return d->md;
}

static inline dnnl_status_t desc_strided(desc *d, int rank, const dnnl_dims_t dims,
                                         const dnnl_dims_t strides)
{
    return dnnl_memory_desc_create_with_strides(&d->md, rank, dims, dnnl_f32, strides);
}

static inline dnnl_status_t desc_any(desc *d, int rank, const dnnl_dims_t dims)
{
    return dnnl_memory_desc_create_with_tag(&d->md, rank, dims, dnnl_f32, dnnl_format_tag_any);
}

static inline void desc_free(desc *d)
{
    if (d->md)
        dnnl_memory_desc_destroy(d->md);
}

static inline dnnl_status_t append_sum(dnnl_post_ops_t ops)
{
    return dnnl_post_ops_append_sum(ops, 1.0F, 0, dnnl_data_type_undef);
}

static inline dnnl_status_t matmul_pd(dnnl_primitive_desc_t *pd, dnnl_engine_t engine,
                                      const_dnnl_primitive_attr_t attr, const desc *a,
                                      const desc *b, const desc *c)
{
    return dnnl_matmul_primitive_desc_create(pd, engine, ref(a), ref(b), NULL, ref(c), attr);
}

static inline dnnl_status_t softmax_pd(dnnl_primitive_desc_t *pd, dnnl_engine_t engine,
                                       const_dnnl_primitive_attr_t attr, const desc *x)
{
    return dnnl_softmax_forward_primitive_desc_create(
        pd, engine, dnnl_forward_training, dnnl_softmax_accurate, ref(x), ref(x), 1, attr);
}

static inline dnnl_status_t softmax_backward_pd(dnnl_primitive_desc_t *pd, dnnl_engine_t engine,
                                                const_dnnl_primitive_attr_t attr, const desc *x,
                                                const_dnnl_primitive_desc_t hint)
{
    return dnnl_softmax_backward_primitive_desc_create(pd, engine, dnnl_softmax_accurate,
                                                       ref(x), ref(x), ref(x), 1, hint, attr);
}

static inline dnnl_status_t conv_pd(dnnl_primitive_desc_t *pd, dnnl_engine_t engine,
                                    const_dnnl_primitive_attr_t attr,
                                    unic__conv_product product, const desc *x, const desc *w,
                                    const desc *y, const dnnl_dims_t strides,
                                    const dnnl_dims_t gaps, const dnnl_dims_t pads)
{
    if (product == UNIC__CONV_FORWARD)
        return dnnl_convolution_forward_primitive_desc_create(
            pd, engine, dnnl_forward_training, dnnl_convolution_direct, ref(x), ref(w), NULL,
            ref(y), strides, gaps, pads, pads, attr);
    if (product == UNIC__CONV_DATA)
        return dnnl_convolution_backward_data_primitive_desc_create(
            pd, engine, dnnl_convolution_direct, ref(x), ref(w), ref(y), strides, gaps, pads,
            pads, NULL, attr);
    return dnnl_convolution_backward_weights_primitive_desc_create(
        pd, engine, dnnl_convolution_direct, ref(x), ref(w), NULL, ref(y), strides, gaps, pads,
        pads, NULL, attr);
}

#else

typedef const dnnl_memory_desc_t *desc_ref;

static inline desc_ref ref(const desc *d)
{
    return &d->md;
}

static inline dnnl_status_t desc_strided(desc *d, int rank, const dnnl_dims_t dims,
                                         const dnnl_dims_t strides)
{
    return dnnl_memory_desc_init_by_strides(&d->md, rank, dims, dnnl_f32, strides);
}

static inline dnnl_status_t desc_any(desc *d, int rank, const dnnl_dims_t dims)
{
    return dnnl_memory_desc_init_by_tag(&d->md, rank, dims, dnnl_f32, dnnl_format_tag_any);
}

static inline void desc_free(desc *d)
{
    (void)d;
}

static inline dnnl_status_t append_sum(dnnl_post_ops_t ops)
{
    return dnnl_post_ops_append_sum(ops, 1.0F);
}

static inline dnnl_status_t matmul_pd(dnnl_primitive_desc_t *pd, dnnl_engine_t engine,
                                      const_dnnl_primitive_attr_t attr, const desc *a,
                                      const desc *b, const desc *c)
{
    dnnl_matmul_desc_t op;
    dnnl_status_t status = dnnl_matmul_desc_init(&op, ref(a), ref(b), NULL, ref(c));
    return status ? status : dnnl_primitive_desc_create(pd, &op, attr, engine, NULL);
}

static inline dnnl_status_t softmax_pd(dnnl_primitive_desc_t *pd, dnnl_engine_t engine,
                                       const_dnnl_primitive_attr_t attr, const desc *x)
{
    dnnl_softmax_v2_desc_t op;
    dnnl_status_t status = dnnl_softmax_v2_forward_desc_init(
        &op, dnnl_forward_training, dnnl_softmax_accurate, ref(x), ref(x), 1);
    return status ? status : dnnl_primitive_desc_create(pd, &op, attr, engine, NULL);
}

static inline dnnl_status_t softmax_backward_pd(dnnl_primitive_desc_t *pd, dnnl_engine_t engine,
                                                const_dnnl_primitive_attr_t attr, const desc *x,
                                                const_dnnl_primitive_desc_t hint)
{
    dnnl_softmax_v2_desc_t op;
    dnnl_status_t status = dnnl_softmax_v2_backward_desc_init(&op, dnnl_softmax_accurate,
                                                              ref(x), ref(x), ref(x), 1);
    return status ? status : dnnl_primitive_desc_create(pd, &op, attr, engine, hint);
}

static inline dnnl_status_t conv_pd(dnnl_primitive_desc_t *pd, dnnl_engine_t engine,
                                    const_dnnl_primitive_attr_t attr,
                                    unic__conv_product product, const desc *x, const desc *w,
                                    const desc *y, const dnnl_dims_t strides,
                                    const dnnl_dims_t gaps, const dnnl_dims_t pads)
{
    dnnl_convolution_desc_t op;
    dnnl_status_t status;
    if (product == UNIC__CONV_FORWARD)
        status = dnnl_dilated_convolution_forward_desc_init(
            &op, dnnl_forward_training, dnnl_convolution_direct, ref(x), ref(w), NULL, ref(y),
            strides, gaps, pads, pads);
    else if (product == UNIC__CONV_DATA)
        status = dnnl_dilated_convolution_backward_data_desc_init(
            &op, dnnl_convolution_direct, ref(x), ref(w), ref(y), strides, gaps, pads, pads);
    else
        status = dnnl_dilated_convolution_backward_weights_desc_init(
            &op, dnnl_convolution_direct, ref(x), ref(w), NULL, ref(y), strides, gaps, pads,
            pads);
    return status ? status : dnnl_primitive_desc_create(pd, &op, attr, engine, NULL);
}

#endif

#endif
