#include <math.h>
#include <string.h>

#include "kernel/dnnl_glue.h"
#include "kernel/vecmath.h"
#include "op/operators.h"

/*
 * Multi-head scaled dot-product attention without projections; each head has d = D / heads
 * columns of q, k and v, and for each clip and head
 *   P = softmax(q k^T / sqrt(d)) over the keys that count,   y = drop(P) v
 * Those are the valid ones and, with chunks of c steps, for a query t those before (t / c + 1) c.
 * Rows of P are 0 for padded queries, and where no key counts.
 * backward:  dv += drop(P)^T dy,   dP = drop(dy v^T),   dS = P (dP - sum_keys(P dP)),
 *            dq += dS k / sqrt(d),   dk += dS^T q / sqrt(d)
 * What is masked has weight 0 in P, so backward needs no masks.
 */

enum {
    LANES = 16,     /* rows of P are padded to a multiple of this, so that no loop has a tail */
    MAX_CHUNKS = 32 /* parts that the heads of all clips are cut into, for the threads        */
};

/* oneDNN's primitives for all heads at once; each product serves forward and backward. */
typedef struct onednn {
    unic__dnnl_matmul *to_keys;  /* [T,d] [S,d]^T: the scores, and dP */
    unic__dnnl_matmul *of_keys;  /* [T,S] [S,d]: y, and dq            */
    unic__dnnl_matmul *of_steps; /* [T,S]^T [T,d]: dv, and dk         */
    unic__dnnl_softmax *softmax;
} onednn;

/* A call's parts. A head is one head of one clip: there are batch x heads. */
typedef struct attention {
    size_t batch, heads, queries, keys;  /* B, heads a clip, T, S                  */
    size_t width;                        /* d                                      */
    size_t q_stride, k_stride, y_stride; /* floats from one step to the next       */
    size_t p_stride;                     /* S, padded                              */
    float scale;                         /* 1 / sqrt(d)                            */
    float dropout;                       /* 0 when not training                    */
    size_t chunk;                        /* steps of a chunk, > 0                  */
    unic__key key;
    size_t first_head; /* what the draws call this call's first head     */
    const float *q, *k, *v, *dy;
    const float *key_mask, *query_mask;
    float *dq, *dk, *dv, *y;
    float *p; /* saved: P, [batch x heads, T, p_stride] */
    unic__backend backend;
} attention;

/* ---- the shape rule ---- */

static size_t padded(size_t keys)
{
    return (keys + LANES - 1) / LANES * LANES;
}

static size_t chunk_count(size_t heads)
{
    return heads < MAX_CHUNKS ? heads : MAX_CHUNKS;
}

static unic_status check_mask(const unic__call *c, size_t input, const char *name,
                              unic__shape want)
{
    char text[UNIC__SHAPE_TEXT], wanted[UNIC__SHAPE_TEXT];
    if (!c->in[input])
        return UNIC_OK;
    UNIC__TRY(unic__expect_f32(c, input));
    if (!unic__shape_equal(&c->in[input]->shape, &want))
        return unic__shape_fail(c, "the %s mask has shape %s, expected %s", name,
                                unic__shape_print(&c->in[input]->shape, text),
                                unic__shape_print(&want, wanted));
    return UNIC_OK;
}

static unic_status check_inputs(const unic__call *c)
{
    const unic__attention_attr *attr = c->attr;
    char qs[UNIC__SHAPE_TEXT], ks[UNIC__SHAPE_TEXT], vs[UNIC__SHAPE_TEXT];
    for (size_t i = 0; i < 3; i++)
        UNIC__TRY(unic__expect_rank(c, i, 3));
    const unic__shape *q = &c->in[0]->shape, *k = &c->in[1]->shape, *v = &c->in[2]->shape;
    if (attr->packed && (c->in[1] != c->in[0] || c->in[2] != c->in[0]))
        return unic__shape_fail(c, "packed q, k and v must be one and the same tensor");
    if (!unic__shape_equal(k, v) || q->dim[0] != k->dim[0] || q->dim[2] != k->dim[2])
        return unic__shape_fail(c, "q %s, k %s and v %s are not [B,T,D], [B,S,D] and [B,S,D]",
                                unic__shape_print(q, qs), unic__shape_print(k, ks),
                                unic__shape_print(v, vs));
    if (!unic__shape_count(q) || !unic__shape_count(k))
        return unic__shape_fail(c, "q %s and k %s must not be empty", unic__shape_print(q, qs),
                                unic__shape_print(k, ks));
    size_t parts = attr->packed ? 3 : 1;
    if (q->dim[2] % parts || !attr->heads || q->dim[2] / parts % attr->heads)
        return unic__shape_fail(c, "the last dim of q %s is not %s %zu heads of equal width",
                                unic__shape_print(q, qs),
                                attr->packed ? "three times" : "made of", attr->heads);
    if (!(attr->dropout >= 0.0F && attr->dropout < 1.0F))
        return unic__fail(UNIC_E_ARG, "attention: dropout is %g, expected 0 <= dropout < 1",
                          (double)attr->dropout);
    UNIC__TRY(check_mask(c, 3, "key", UNIC__SHAPE_OF(k->dim[0], k->dim[1])));
    return check_mask(c, 4, "query", UNIC__SHAPE_OF(q->dim[0], q->dim[1]));
}

/* What the shapes and settings say; parts() adds the memory. */
static attention dims_of(const unic__call *c)
{
    const unic__attention_attr *attr = c->attr;
    const size_t *q = c->in[0]->shape.dim, *k = c->in[1]->shape.dim;
    attention a = {.batch = q[0], .heads = attr->heads, .queries = q[1], .keys = k[1]};
    a.y_stride = q[2] / (attr->packed ? 3 : 1);
    a.q_stride = q[2];
    a.k_stride = k[2];
    a.width = a.y_stride / a.heads;
    a.p_stride = c->backend == UNIC__ONEDNN ? a.keys : padded(a.keys);
    a.scale = 1.0F / sqrtf((float)a.width);
    a.chunk = attr->chunk ? attr->chunk : a.queries > a.keys ? a.queries : a.keys;
    return a;
}

static attention parts(const unic__call *c)
{
    const unic__attention_attr *attr = c->attr;
    attention a = dims_of(c);
    size_t next = attr->packed ? a.y_stride : 0; /* from q to k, and from k to v */
    const unic__tensor *q = c->in[0], *k = c->in[1], *v = c->in[2];
    a.q = q->x;
    a.k = k->x + next;
    a.v = v->x + 2 * next;
    a.dq = q->dx;
    a.dk = k->dx ? k->dx + next : NULL;
    a.dv = v->dx ? v->dx + 2 * next : NULL;
    a.y = c->out->x;
    a.dy = c->out->dx;
    a.key_mask = c->in[3] ? c->in[3]->x : NULL;
    a.query_mask = c->in[4] ? c->in[4]->x : NULL;
    a.p = c->saved;
    a.backend = c->backend;
    a.dropout = c->run->training ? attr->dropout : 0.0F;
    a.key = unic__random_key(c->run->seed, c->run->step, c->id);
    a.first_head = (size_t)c->run->part * a.batch * a.heads;
    return a;
}

/* oneDNN: q and dy or y [T,d], k and v [S,d], a product [T or S,d], weights [T,S], all a head.
 * Otherwise: weights [T,p_stride] and the keys' mask, all a chunk. */
static size_t scratch_size(const unic__call *c, const attention *a)
{
    size_t heads = a->batch * a->heads, t = a->queries, s = a->keys;
    if (c->backend == UNIC__ONEDNN)
        return heads * (2 * (t + s) * a->width + (t > s ? t : s) * a->width + t * s);
    return chunk_count(heads) * (t + 1) * a->p_stride;
}

static unic_status infer(unic__call *c)
{
    UNIC__TRY(check_inputs(c));
    attention a = dims_of(c);
    size_t most;
    char qs[UNIC__SHAPE_TEXT], ks[UNIC__SHAPE_TEXT];
    if (a.keys > SIZE_MAX - LANES ||
        !unic__shape_count_checked(
            &UNIC__SHAPE_OF(6, a.batch * a.heads, a.queries + 1, padded(a.keys), a.width),
            &most))
        return unic__shape_fail(c, "q %s and k %s are too large",
                                unic__shape_print(&c->in[0]->shape, qs),
                                unic__shape_print(&c->in[1]->shape, ks));
    c->out->dtype = UNIC__F32;
    c->out->shape = UNIC__SHAPE_OF(a.batch, a.queries, a.y_stride);
    c->saved_size = a.batch * a.heads * a.queries * a.p_stride;
    c->scratch_size = scratch_size(c, &a);
    return UNIC_OK;
}

/* ---- own loops: one head at a time, so that its weights stay in the cache ---- */

/* Where a head begins in a tensor of [B,steps,stride]. */
static size_t head_at(const attention *a, size_t head, size_t steps, size_t stride)
{
    return head / a->heads * steps * stride + head % a->heads * a->width;
}

static void product(const attention *a, unic__gemm p)
{
    unic__product(a->backend, &p);
}

typedef void head_function(const attention *a, size_t head, float *scratch);

/* Heads are cut into chunks, each with scratch of its own. */
typedef struct head_work {
    const attention *a;
    head_function *f;
    float *scratch;
    size_t heads, chunks;
} head_work;

static void run_chunks(const void *context, size_t from, size_t to)
{
    const head_work *w = context;
    const size_t size = (w->a->queries + 1) * w->a->p_stride;
    for (size_t i = from; i < to; i++)
        for (size_t head = w->heads * i / w->chunks; head < w->heads * (i + 1) / w->chunks;
             head++)
            w->f(w->a, head, w->scratch + i * size);
}

static void for_each_head(const unic__call *c, const attention *a, head_function *f)
{
    const size_t heads = a->batch * a->heads;
    const head_work w = {a, f, c->scratch, heads, chunk_count(heads)};
    double work = (double)heads * (double)(a->queries * a->keys) * (double)a->width;
    unic__parallel(w.chunks, 1, work > 1 << 15, run_chunks, &w);
}

/* One head's weights: y = x / (1 - dropout) where the draw keeps x, otherwise 0. y may be x. */
UNIC__SIMD static void drop(float *y, const float *x, const attention *a, size_t head)
{
    float keep = 1.0F / (1.0F - a->dropout);
    size_t i = (a->first_head + head) * a->queries * a->keys;
    for (size_t r = 0; r < a->queries; r++, i += a->keys, x += a->p_stride, y += a->p_stride)
        for (size_t s = 0; s < a->keys; s++)
            y[s] = unic__random_uniform(a->key, i + s) >= a->dropout ? x[s] * keep : 0.0F;
}

/* The first key that query t does not see, in a row of n keys. */
static size_t end_of_keys(const attention *a, size_t t, size_t n)
{
    const size_t chunk = t / a->chunk;
    return chunk < n / a->chunk ? (chunk + 1) * a->chunk : n;
}

/* valid[s] for the keys from..end-1: 1 for a valid key, 0 for a masked one and for padding. */
static void put_valid(const attention *a, size_t clip, size_t from, size_t end, float *valid)
{
    for (size_t s = from; s < end; s++) {
        bool masked = s >= a->keys || (a->key_mask && a->key_mask[clip * a->keys + s] == 0.0F);
        valid[s] = masked ? 0.0F : 1.0F;
    }
}

/* One row of P from its scores q k^T; scores of masked keys and padding may hold anything. */
UNIC__INLINE void softmax_row(float *restrict p, const float *restrict valid, size_t n,
                              float scale)
{
    float top = -INFINITY, sum = 0.0F;
#pragma omp simd reduction(max : top)
    for (size_t s = 0; s < n; s++) {
        float x = p[s];
        x = valid[s] != 0.0F ? x : -INFINITY;
        top = x > top ? x : top;
    }
#pragma omp simd reduction(+ : sum)
    for (size_t s = 0; s < n; s++) {
        float e = unic__expf(scale * (p[s] - top));
        p[s] = valid[s] != 0.0F ? e : 0.0F;
        sum += p[s];
    }
    float inverse = sum > 0.0F ? 1.0F / sum : 0.0F;
    for (size_t s = 0; s < n; s++)
        p[s] *= inverse;
}

/* `rows` queries that see the same keys. */
UNIC__SIMD static void softmax_rows(float *p, const float *valid, const float *query_mask,
                                    size_t rows, size_t n, float scale)
{
    for (size_t r = 0; r < rows; r++, p += n)
        if (query_mask && query_mask[r] == 0.0F)
            memset(p, 0, n * sizeof(float));
        else
            softmax_row(p, valid, n, scale);
}

/* One head's weights from its scores, a chunk of queries at a time; valid [p_stride] is scratch. */
static void softmax_chunks(const attention *a, size_t clip, float *p, float *valid)
{
    const size_t n = a->p_stride;
    const float *queries = a->query_mask ? a->query_mask + clip * a->queries : NULL;
    memset(valid, 0, n * sizeof *valid);
    for (size_t t = 0, seen = 0, rows; t < a->queries; t += rows) {
        const size_t end = end_of_keys(a, t, n), left = a->queries - t;
        rows = left < a->chunk ? left : a->chunk;
        put_valid(a, clip, seen, end, valid);
        seen = end;
        softmax_rows(p + t * n, valid, queries ? queries + t : NULL, rows, n, a->scale);
    }
}

static void forward_head(const attention *a, size_t head, float *scratch)
{
    size_t t = a->queries, s = a->keys, d = a->width, n = a->p_stride;
    size_t kv = head_at(a, head, s, a->k_stride);
    float *p = a->p + head * t * n;
    product(a, (unic__gemm){.tb = true,
                            .m = t,
                            .n = s,
                            .k = d,
                            .a = a->q + head_at(a, head, t, a->q_stride),
                            .lda = a->q_stride,
                            .b = a->k + kv,
                            .ldb = a->k_stride,
                            .c = p,
                            .ldc = n,
                            .room = true});
    softmax_chunks(a, head / a->heads, p, scratch + t * n);
    const float *weights = p;
    if (a->dropout > 0.0F) {
        drop(scratch, p, a, head);
        weights = scratch;
    }
    product(a, (unic__gemm){.m = t,
                            .n = d,
                            .k = s,
                            .a = weights,
                            .lda = n,
                            .b = a->v + kv,
                            .ldb = a->k_stride,
                            .c = a->y + head_at(a, head, t, a->y_stride),
                            .ldc = a->y_stride});
}

/* dP -> scale dS; where P is 0 (padding above all) dP may hold anything. */
UNIC__SIMD static void softmax_backward_rows(float *dp, const float *p, size_t rows, size_t n,
                                             float scale)
{
    for (size_t r = 0; r < rows; r++, dp += n, p += n) {
        float sum = 0.0F;
#pragma omp simd reduction(+ : sum)
        for (size_t s = 0; s < n; s++) {
            float d = dp[s];
            sum += p[s] * (p[s] != 0.0F ? d : 0.0F);
        }
        for (size_t s = 0; s < n; s++)
            dp[s] = scale * p[s] * (dp[s] - sum);
    }
}

static void backward_head(const attention *a, size_t head, float *scratch)
{
    size_t t = a->queries, s = a->keys, d = a->width, n = a->p_stride;
    size_t q = head_at(a, head, t, a->q_stride), k = head_at(a, head, s, a->k_stride);
    const float *dy = a->dy + head_at(a, head, t, a->y_stride), *p = a->p + head * t * n;
    if (a->dv) {
        const float *weights = p;
        if (a->dropout > 0.0F) {
            drop(scratch, p, a, head);
            weights = scratch;
        }
        product(a, (unic__gemm){.ta = true,
                                .add = true,
                                .m = s,
                                .n = d,
                                .k = t,
                                .a = weights,
                                .lda = n,
                                .b = dy,
                                .ldb = a->y_stride,
                                .c = a->dv + k,
                                .ldc = a->k_stride});
    }
    if (!a->dq && !a->dk)
        return;
    product(a, (unic__gemm){.tb = true,
                            .m = t,
                            .n = s,
                            .k = d,
                            .a = dy,
                            .lda = a->y_stride,
                            .b = a->v + k,
                            .ldb = a->k_stride,
                            .c = scratch,
                            .ldc = n,
                            .room = true});
    if (a->dropout > 0.0F)
        drop(scratch, scratch, a, head);
    softmax_backward_rows(scratch, p, t, n, a->scale);
    if (a->dq)
        product(a, (unic__gemm){.add = true,
                                .m = t,
                                .n = d,
                                .k = s,
                                .a = scratch,
                                .lda = n,
                                .b = a->k + k,
                                .ldb = a->k_stride,
                                .c = a->dq + q,
                                .ldc = a->q_stride});
    if (a->dk)
        product(a, (unic__gemm){.ta = true,
                                .add = true,
                                .m = s,
                                .n = d,
                                .k = t,
                                .a = scratch,
                                .lda = n,
                                .b = a->q + q,
                                .ldb = a->q_stride,
                                .c = a->dk + k,
                                .ldc = a->k_stride});
}

/* ---- oneDNN: all heads at once, in dense copies [B x heads, steps, d] ---- */

typedef struct dense {
    float *q, *k, *v, *dy, *product, *weights;
} dense;

static dense dense_parts(const unic__call *c, const attention *a)
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
    const attention *a;
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
        const float *x = h->from + head_at(h->a, head, h->steps, h->stride);
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
        float *y = h->to + head_at(h->a, head, h->steps, h->stride);
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

static void split_heads(const attention *a, float *to, const float *from, size_t steps,
                        size_t stride, float scale)
{
    copy_heads(&(head_copy){a, to, from, steps, stride, scale, false}, split_part);
}

/* The way back: to = scale from, or += if `add`. */
static void merge_heads(const attention *a, float *to, const float *from, size_t steps,
                        size_t stride, float scale, bool add)
{
    copy_heads(&(head_copy){a, to, from, steps, stride, scale, add}, merge_part);
}

static void drop_part(const void *context, size_t first, size_t end)
{
    const head_copy *h = context;
    const size_t size = h->a->queries * h->a->keys;
    for (size_t head = first; head < end; head++)
        drop(h->to + head * size, h->from + head * size, h->a, head);
}

static const float *drop_heads(const attention *a, float *to, const float *from)
{
    const size_t heads = a->batch * a->heads, size = a->queries * a->keys;
    const head_copy h = {.a = a, .to = to, .from = from};
    if (!(a->dropout > 0.0F))
        return from;
    unic__parallel(heads, 1, heads * size > 1U << 14, drop_part, &h);
    return to;
}

/* Keys that do not count out of the scores of one head. */
static void mask_scores(const attention *a, float *p, size_t clip)
{
    const float *mask = a->key_mask ? a->key_mask + clip * a->keys : NULL;
    for (size_t t = 0; t < a->queries; t++, p += a->keys) {
        const size_t end = end_of_keys(a, t, a->keys);
        for (size_t s = 0; s < a->keys; s++)
            p[s] = s >= end || (mask && mask[s] == 0.0F) ? -INFINITY : p[s];
    }
}

/* Rows of padded queries, and of those without a key that counts (NaN by now), to 0. */
static void clear_rows(const attention *a, float *p, size_t clip)
{
    const float *mask = a->key_mask ? a->key_mask + clip * a->keys : NULL;
    size_t first = 0; /* valid key */
    while (mask && first < a->keys && mask[first] == 0.0F)
        first++;
    for (size_t t = 0; t < a->queries; t++, p += a->keys)
        if (first >= end_of_keys(a, t, a->keys) ||
            (a->query_mask && a->query_mask[clip * a->queries + t] == 0.0F))
            memset(p, 0, a->keys * sizeof(float));
}

static void onednn_forward(unic__call *c, const attention *a)
{
    onednn *o = c->prim;
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

static void onednn_backward(unic__call *c, const attention *a)
{
    onednn *o = c->prim;
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

/* ---- the operator ---- */

static void unplan(unic__call *c)
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

static unic_status plan(unic__call *c)
{
    if (c->backend != UNIC__ONEDNN)
        return UNIC_OK;
    attention a = dims_of(c);
    size_t n = a.batch * a.heads, t = a.queries, s = a.keys, d = a.width;
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
    unplan(c);
    return status;
}

static void forward(unic__call *c)
{
    attention a = parts(c);
    if (c->prim)
        onednn_forward(c, &a);
    else
        for_each_head(c, &a, forward_head);
}

static void backward(unic__call *c)
{
    attention a = parts(c);
    if (c->prim)
        onednn_backward(c, &a);
    else
        for_each_head(c, &a, backward_head);
}

const unic__op unic__op_attention = {
    .name = "attention",
    .infer = infer,
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .unplan = unplan,
    .keeps = UNIC__KEEP_IN(0) | UNIC__KEEP_IN(1) | UNIC__KEEP_IN(2),
};
