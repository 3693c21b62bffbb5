#include <math.h>
#include <string.h>

#include "kernel/dnnl_glue.h"
#include "op/attention.h"

/* Attention by oneDNN: all heads at once, in dense copies [B x heads, steps, d]. */

/* oneDNN's primitives for all heads at once; each product serves forward and backward. */
typedef struct onednn {
    unic__dnnl_matmul *to_keys;  /* [T,d] [S,d]^T: the scores, and dP */
    unic__dnnl_matmul *of_keys;  /* [T,S] [S,d]: y, and dq            */
    unic__dnnl_matmul *of_steps; /* [T,S]^T [T,d]: dv, and dk         */
    unic__dnnl_softmax *softmax;
} onednn;

void unic__attention_onednn_unplan(unic__call *c)
{
    onednn *o = c->prim;
    if (!o)
        return;
    unic__dnnl_matmul_free(o->to_keys);
    unic__dnnl_matmul_free(o->of_keys);
    unic__dnnl_matmul_free(o->of_steps);
    unic__dnnl_softmax_free(o->softmax);
    unic__free(o);
    c->prim = NULL;
}

unic_status unic__attention_onednn_plan(unic__call *c, const unic__attention *a)
{
    size_t n = a->batch * a->heads, t = a->queries, s = a->keys, d = a->width;
    onednn *o = unic__alloc_zero(sizeof *o);
    if (!o)
        return unic__no_memory(sizeof *o, "attention's primitives");
    c->prim = o;
    unic_status status;
    UNIC__TRY_OR(status, failed,
                 unic__dnnl_matmul_create(&o->to_keys, n, false, t, s, d, false, true, false));
    UNIC__TRY_OR(status, failed,
                 unic__dnnl_matmul_create(&o->of_keys, n, false, t, d, s, false, false, false));
    UNIC__TRY_OR(status, failed,
                 unic__dnnl_matmul_create(&o->of_steps, n, false, s, d, t, true, false, false));
    UNIC__TRY_OR(status, failed, unic__dnnl_softmax_create(&o->softmax, n * t, s));
    return UNIC_OK;
failed:
    unic__attention_onednn_unplan(c);
    return status;
}

/* ---- dense copies ---- */

/* q and dy or y [T,d], k and v [S,d], a product [T or S,d], weights [T,S], all a head. */
size_t unic__attention_onednn_scratch(const unic__attention *a)
{
    size_t heads = a->batch * a->heads, t = a->queries, s = a->keys;
    return heads * (2 * (t + s) * a->width + (t > s ? t : s) * a->width + t * s);
}

typedef struct dense {
    float *q, *k, *v, *dy, *product, *weights;
} dense;

static dense dense_parts(const unic__call *c, const unic__attention *a)
{
    size_t heads = a->batch * a->heads, t = heads * a->queries, s = heads * a->keys;
    dense x = {.q = c->scratch};
    x.k = x.q + t * a->width;
    x.v = x.k + s * a->width;
    x.dy = x.v + s * a->width;
    x.product = x.dy + t * a->width;
    x.weights = x.product + (t > s ? t : s) * a->width;
    return x;
}

/* A copy of all heads, times `scale`: between a tensor [B,steps,stride] and a dense one. */
typedef struct head_copy {
    const unic__attention *a;
    float *to;
    const float *from;
    size_t steps, stride;
    float scale;
    bool add;
} head_copy;

static void split_part(const void *context, size_t first, size_t end)
{
    const head_copy *h = context;
    const size_t width = h->a->width;
    for (size_t head = first; head < end; head++) {
        const float *x = h->from + unic__head_at(h->a, head, h->steps, h->stride);
        float *y = h->to + head * h->steps * width;
        for (size_t t = 0; t < h->steps; t++, x += h->stride, y += width)
            for (size_t j = 0; j < width; j++)
                y[j] = h->scale * x[j];
    }
}

static void merge_part(const void *context, size_t first, size_t end)
{
    const head_copy *h = context;
    const size_t width = h->a->width;
    for (size_t head = first; head < end; head++) {
        const float *x = h->from + head * h->steps * width;
        float *y = h->to + unic__head_at(h->a, head, h->steps, h->stride);
        for (size_t t = 0; t < h->steps; t++, x += width, y += h->stride)
            for (size_t j = 0; j < width; j++)
                y[j] = (h->add ? y[j] : 0.0F) + h->scale * x[j];
    }
}

static void copy_heads(const head_copy *h, unic__part *f)
{
    const size_t heads = h->a->batch * h->a->heads;
    unic__parallel(heads, 1, heads * h->steps * h->a->width > 1U << 16, f, h);
}

static void split_heads(const unic__attention *a, float *to, const float *from, size_t steps,
                        size_t stride, float scale)
{
    copy_heads(&(head_copy){a, to, from, steps, stride, scale, false}, split_part);
}

/* The way back: to = scale from, or += if `add`. */
static void merge_heads(const unic__attention *a, float *to, const float *from, size_t steps,
                        size_t stride, float scale, bool add)
{
    copy_heads(&(head_copy){a, to, from, steps, stride, scale, add}, merge_part);
}

static void drop_part(const void *context, size_t first, size_t end)
{
    const head_copy *h = context;
    const size_t size = h->a->queries * h->a->keys;
    for (size_t head = first; head < end; head++)
        unic__drop_weights(h->to + head * size, h->from + head * size, h->a, head);
}

static const float *drop_heads(const unic__attention *a, float *to, const float *from)
{
    const size_t heads = a->batch * a->heads, size = a->queries * a->keys;
    const head_copy h = {.a = a, .to = to, .from = from};
    if (!(a->dropout > 0.0F))
        return from;
    unic__parallel(heads, 1, heads * size > 1U << 14, drop_part, &h);
    return to;
}

/* Keys that do not count out of the scores of one head. */
static void mask_scores(const unic__attention *a, float *p, size_t clip)
{
    const float *mask = a->key_mask ? a->key_mask + clip * a->keys : NULL;
    for (size_t t = 0; t < a->queries; t++, p += a->keys) {
        const size_t end = unic__end_of_keys(a, t, a->keys);
        for (size_t s = 0; s < a->keys; s++)
            p[s] = s >= end || (mask && mask[s] == 0.0F) ? -INFINITY : p[s];
    }
}

/* Rows of padded queries, and of those without a key that counts (NaN by now), to 0. */
static void clear_rows(const unic__attention *a, float *p, size_t clip)
{
    const float *mask = a->key_mask ? a->key_mask + clip * a->keys : NULL;
    size_t first = 0; /* valid key */
    while (mask && first < a->keys && mask[first] == 0.0F)
        first++;
    for (size_t t = 0; t < a->queries; t++, p += a->keys)
        if (first >= unic__end_of_keys(a, t, a->keys) ||
            (a->query_mask && a->query_mask[clip * a->queries + t] == 0.0F))
            memset(p, 0, a->keys * sizeof(float));
}

void unic__attention_onednn_forward(const unic__call *c, const unic__attention *a)
{
    const onednn *o = c->prim;
    dense x = dense_parts(c, a);
    size_t t = a->queries, s = a->keys, size = t * s;
    split_heads(a, x.q, a->q, t, a->q_stride, a->scale);
    split_heads(a, x.k, a->k, s, a->k_stride, 1.0F);
    split_heads(a, x.v, a->v, s, a->k_stride, 1.0F);
    unic__dnnl_matmul_run(o->to_keys, x.q, x.k, x.weights, &c->run->status);
    const bool some = a->key_mask || a->chunk < s; /* keys that do not count */
    for (size_t head = 0; some && head < a->batch * a->heads; head++)
        mask_scores(a, x.weights + head * size, head / a->heads);
    unic__dnnl_softmax_run(o->softmax, x.weights, a->p, &c->run->status);
    for (size_t head = 0; head < a->batch * a->heads; head++)
        clear_rows(a, a->p + head * size, head / a->heads);
    const float *weights = drop_heads(a, x.weights, a->p);
    unic__dnnl_matmul_run(o->of_keys, weights, x.v, x.product, &c->run->status);
    merge_heads(a, a->y, x.product, t, a->y_stride, 1.0F, false);
}

void unic__attention_onednn_backward(const unic__call *c, const unic__attention *a)
{
    const onednn *o = c->prim;
    dense x = dense_parts(c, a);
    size_t t = a->queries, s = a->keys;
    split_heads(a, x.dy, a->dy, t, a->y_stride, 1.0F);
    if (a->dv) {
        const float *weights = drop_heads(a, x.weights, a->p);
        unic__dnnl_matmul_run(o->of_steps, weights, x.dy, x.product, &c->run->status);
        merge_heads(a, a->dv, x.product, s, a->k_stride, 1.0F, true);
    }
    if (!a->dq && !a->dk)
        return;
    split_heads(a, x.v, a->v, s, a->k_stride, 1.0F);
    unic__dnnl_matmul_run(o->to_keys, x.dy, x.v, x.weights, &c->run->status);
    drop_heads(a, x.weights, x.weights);
    unic__dnnl_softmax_backward_run(o->softmax, a->p, x.weights, x.weights, &c->run->status);
    if (a->dq) {
        split_heads(a, x.k, a->k, s, a->k_stride, a->scale);
        unic__dnnl_matmul_run(o->of_keys, x.weights, x.k, x.product, &c->run->status);
        merge_heads(a, a->dq, x.product, t, a->q_stride, 1.0F, true);
    }
    if (a->dk) {
        split_heads(a, x.q, a->q, t, a->q_stride, a->scale);
        unic__dnnl_matmul_run(o->of_steps, x.weights, x.q, x.product, &c->run->status);
        merge_heads(a, a->dk, x.product, s, a->k_stride, 1.0F, true);
    }
}
