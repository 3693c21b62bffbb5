#include "kernel/dnnl_primitive.h"

/*
 * oneDNN chooses the weights' layout, so they are reordered on the way in; a result that has
 * not our layout, or is to be added where oneDNN can only overwrite, goes by a staged copy:
 *
 *   forward   w -> staged w        x, staged w -> y       (added by the primitive)
 *   data      w -> staged w        dy, staged w -> dx     or -> staged dx, added to dx
 *   weights                        x, dy -> staged dw,    reordered or added to dw
 */
struct unic__dnnl_conv {
    unic__dnnl_context context;
    unic__dnnl_primitive product;
    unic__dnnl_primitive before, after; /* reorders; no handle if there is nothing to do */
    float *staged_in, *staged_out;
    unic__conv_product kind;
    unic__conv_dims dims;
    bool accumulate;
};

typedef struct conv_desc {
    desc x, w, y; /* ours                      */
    desc w_any;   /* the weights in any layout */
} conv_desc;

static dnnl_status_t image_desc(desc *d, size_t n, size_t h, size_t w, size_t c)
{
    dnnl_dims_t dims = {dim(n), dim(c), dim(h), dim(w)};
    dnnl_dims_t strides = {dim(h * w * c), 1, dim(w * c), dim(c)};
    return desc_strided(d, 4, dims, strides);
}

static dnnl_status_t conv_desc_init(conv_desc *d, const unic__conv_dims *s)
{
    dnnl_dims_t dims = {dim(s->co), dim(s->ci), dim(s->kh), dim(s->kw)};
    dnnl_dims_t strides = {1, dim(s->co), dim(s->kw * s->ci * s->co), dim(s->ci * s->co)};
    dnnl_status_t status = image_desc(&d->x, s->n, s->h, s->w, s->ci);
    if (!status)
        status = image_desc(&d->y, s->n, s->oh, s->ow, s->co);
    if (!status)
        status = desc_strided(&d->w, 4, dims, strides);
    if (!status)
        status = desc_any(&d->w_any, 4, dims);
    return status;
}

static void conv_desc_free(conv_desc *d)
{
    desc_free(&d->x);
    desc_free(&d->w);
    desc_free(&d->y);
    desc_free(&d->w_any);
}

/* A reorder from -> to (added, if `sum`), and the memory on the side that is not ours. */
static unic_status stage_init(unic__dnnl_primitive *p, float **staged, desc_ref staged_md,
                              const unic__dnnl_context *c, desc_ref from, desc_ref to, bool sum)
{
    static const int args[] = {DNNL_ARG_FROM, DNNL_ARG_TO};
    size_t bytes = dnnl_memory_desc_get_size(staged_md);
    *staged = unic__alloc(bytes);
    if (!*staged)
        return unic__no_memory(bytes, "a oneDNN convolution");
    dnnl_primitive_attr_t attr;
    UNIC__TRY(unic__dnnl_attr_create(&attr, sum));
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t made = dnnl_reorder_primitive_desc_create(&pd, from, c->engine, to, c->engine,
                                                            attr);
    dnnl_primitive_attr_destroy(attr);
    return unic__dnnl_primitive_init(p, c, "a reorder", made, pd, 2, args);
}

static unic_status conv_init(unic__dnnl_conv *p, const conv_desc *d)
{
    static const int args[][3] = {
        [UNIC__CONV_FORWARD] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST},
        [UNIC__CONV_DATA] = {DNNL_ARG_DIFF_DST, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_SRC},
        [UNIC__CONV_WEIGHTS] = {DNNL_ARG_SRC, DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_WEIGHTS},
    };
    const unic__dnnl_context *c = &p->context;
    const unic__conv_dims *s = &p->dims;
    const unic__conv_product product = p->kind;
    const bool accumulate = p->accumulate;
    dnnl_primitive_attr_t attr;
    UNIC__TRY(unic__dnnl_attr_create(&attr, accumulate && product == UNIC__CONV_FORWARD));
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t made = conv_pd(&pd, c->engine, attr, product, &d->x, &d->w_any, &d->y,
                                 (dnnl_dims_t){dim(s->stride), dim(s->stride)},
                                 (dnnl_dims_t){dim(s->dilation) - 1, dim(s->dilation) - 1},
                                 (dnnl_dims_t){dim(s->pad), dim(s->pad)});
    dnnl_primitive_attr_destroy(attr);
    UNIC__TRY(
        unic__dnnl_primitive_init(&p->product, c, "a convolution", made, pd, 3, args[product]));

    const_dnnl_primitive_desc_t chosen = NULL;
    UNIC__DNNL_TRY("a query", dnnl_primitive_get_primitive_desc(p->product.handle, &chosen));
    desc_ref w = dnnl_primitive_desc_query_md(
        chosen, dnnl_query_exec_arg_md,
        product == UNIC__CONV_WEIGHTS ? DNNL_ARG_DIFF_WEIGHTS : DNNL_ARG_WEIGHTS);
    bool reordered = !dnnl_memory_desc_equal(w, ref(&d->w));
    if (product != UNIC__CONV_WEIGHTS && reordered)
        UNIC__TRY(stage_init(&p->before, &p->staged_in, w, c, ref(&d->w), w, false));
    if (product == UNIC__CONV_DATA && accumulate)
        return stage_init(&p->after, &p->staged_out, ref(&d->x), c, ref(&d->x), ref(&d->x),
                          true);
    if (product == UNIC__CONV_WEIGHTS && (accumulate || reordered))
        return stage_init(&p->after, &p->staged_out, w, c, w, ref(&d->w), accumulate);
    return UNIC_OK;
}

static unic_status conv_build(void *object)
{
    unic__dnnl_conv *p = object;
    conv_desc descs = {0};
    dnnl_status_t made = conv_desc_init(&descs, &p->dims);
    unic_status status = made ? unic__dnnl_fail(made, "an image") : conv_init(p, &descs);
    conv_desc_free(&descs);
    return status;
}

static void conv_clear(void *object)
{
    unic__dnnl_conv *p = object;
    unic__dnnl_primitive_clear(&p->product);
    unic__dnnl_primitive_clear(&p->before);
    unic__dnnl_primitive_clear(&p->after);
    unic__free(p->staged_in);
    unic__free(p->staged_out);
    p->staged_in = p->staged_out = NULL;
}

static const unic__dnnl_kind conv_kind = {"a convolution", conv_build, conv_clear};

unic_status unic__dnnl_conv_create(unic__dnnl_conv **out, unic__conv_product product,
                                   const unic__conv_dims *d, bool accumulate)
{
    unic__dnnl_conv *p = unic__alloc_zero(sizeof *p);
    if (!p)
        return unic__no_memory(sizeof *p, "a oneDNN convolution");
    *p = (unic__dnnl_conv){.context = {.asked = unic__threads()},
                           .kind = product,
                           .dims = *d,
                           .accumulate = accumulate};
    UNIC__TRY(unic__dnnl_create(&conv_kind, p));
    *out = p;
    return UNIC_OK;
}

void unic__dnnl_conv_run(unic__dnnl_conv *p, const float *a, const float *b, float *c,
                         unic_status *sticky)
{
    if (!unic__dnnl_is_ready(&conv_kind, p, sticky))
        return;
    const unic__dnnl_context *x = &p->context;
    if (p->before.handle) {
        unic__dnnl_run(&p->before, x, 2, (const float *[]){b, p->staged_in}, sticky);
        b = p->staged_in;
    }
    unic__dnnl_run(&p->product, x, 3,
                   (const float *[]){a, b, p->after.handle ? p->staged_out : c}, sticky);
    if (p->after.handle)
        unic__dnnl_run(&p->after, x, 2, (const float *[]){p->staged_out, c}, sticky);
}

void unic__dnnl_conv_free(unic__dnnl_conv *p)
{
    unic__dnnl_free(&conv_kind, p);
}
