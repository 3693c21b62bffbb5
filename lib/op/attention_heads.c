#include <math.h>
#include <string.h>

#include "kernel/vecmath.h"
#include "op/attention.h"

/* Attention by own loops: one head at a time, so that its weights stay in the cache. */

enum { MAX_CHUNKS = 32 }; /* parts that the heads of all clips are cut into, for threads */

static size_t chunk_count(size_t heads)
{
    return heads < MAX_CHUNKS ? heads : MAX_CHUNKS;
}

/* Weights [T,p_stride] and the keys' mask, all a chunk. */
size_t unic__attention_heads_scratch(const unic__attention *a)
{
    return chunk_count(a->batch * a->heads) * (a->queries + 1) * a->p_stride;
}

static void product(const unic__attention *a, unic__gemm p)
{
    unic__product(a->backend, &p);
}

typedef void head_function(const unic__attention *a, size_t head, float *scratch);

/* Heads are cut into chunks, each with scratch of its own. */
typedef struct head_work {
    const unic__attention *a;
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

static void for_each_head(const unic__call *c, const unic__attention *a, head_function *f)
{
    const size_t heads = a->batch * a->heads;
    const head_work w = {a, f, c->scratch, heads, chunk_count(heads)};
    double work = (double)heads * (double)(a->queries * a->keys) * (double)a->width;
    unic__parallel(w.chunks, 1, work > 1 << 15, run_chunks, &w);
}

UNIC__SIMD void unic__drop_weights(float *y, const float *x, const unic__attention *a,
                                   size_t head)
{
    float keep = 1.0F / (1.0F - a->dropout);
    size_t i = (a->first_head + head) * a->queries * a->keys;
    for (size_t r = 0; r < a->queries; r++, i += a->keys, x += a->p_stride, y += a->p_stride)
        for (size_t s = 0; s < a->keys; s++)
            y[s] = unic__random_uniform(a->key, i + s) >= a->dropout ? x[s] * keep : 0.0F;
}

/* valid[s] for the keys from..end-1: 1 for a valid key, 0 for a masked one and for padding. */
static void put_valid(const unic__attention *a, size_t clip, size_t from, size_t end,
                      float *valid)
{
    for (size_t s = from; s < end; s++) {
        bool masked = s >= a->keys || (a->key_mask && a->key_mask[clip * a->keys + s] == 0.0F);
        valid[s] = masked ? 0.0F : 1.0F;
    }
}

/* One row of P from its scores q k^T. Scores of masked keys and padding may hold anything, so nothing
 * is computed from them: a host may have floating-point exceptions end it. */
UNIC__INLINE void softmax_row(float *restrict p, const float *restrict valid, size_t n,
                              float scale)
{
    float top = -INFINITY, any = 0.0F, sum = 0.0F;
#pragma omp simd reduction(max : top, any)
    for (size_t s = 0; s < n; s++) {
        float x = p[s];
        x = valid[s] != 0.0F ? x : -INFINITY;
        top = x > top ? x : top;
        any = valid[s] > any ? valid[s] : any;
    }
    top = any != 0.0F ? top : 0.0F;
#pragma omp simd reduction(+ : sum)
    for (size_t s = 0; s < n; s++) {
        float x = valid[s] != 0.0F ? p[s] : top;
        float e = unic__expf(scale * (x - top));
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
static void softmax_chunks(const unic__attention *a, size_t clip, float *p, float *valid)
{
    const size_t n = a->p_stride;
    const float *queries = a->query_mask ? a->query_mask + clip * a->queries : NULL;
    memset(valid, 0, n * sizeof *valid);
    for (size_t t = 0, seen = 0, rows; t < a->queries; t += rows) {
        const size_t end = unic__end_of_keys(a, t, n), left = a->queries - t;
        rows = left < a->chunk ? left : a->chunk;
        put_valid(a, clip, seen, end, valid);
        seen = end;
        softmax_rows(p + t * n, valid, queries ? queries + t : NULL, rows, n, a->scale);
    }
}

static void forward_head(const unic__attention *a, size_t head, float *scratch)
{
    size_t t = a->queries, s = a->keys, d = a->width, n = a->p_stride;
    size_t kv = unic__head_at(a, head, s, a->k_stride);
    float *p = a->p + head * t * n;
    product(a, (unic__gemm){.tb = true,
                            .m = t,
                            .n = s,
                            .k = d,
                            .a = a->q + unic__head_at(a, head, t, a->q_stride),
                            .lda = a->q_stride,
                            .b = a->k + kv,
                            .ldb = a->k_stride,
                            .c = p,
                            .ldc = n,
                            .room = true});
    softmax_chunks(a, head / a->heads, p, scratch + t * n);
    const float *weights = p;
    if (a->dropout > 0.0F) {
        unic__drop_weights(scratch, p, a, head);
        weights = scratch;
    }
    product(a, (unic__gemm){.m = t,
                            .n = d,
                            .k = s,
                            .a = weights,
                            .lda = n,
                            .b = a->v + kv,
                            .ldb = a->k_stride,
                            .c = a->y + unic__head_at(a, head, t, a->y_stride),
                            .ldc = a->y_stride});
}

/* dP -> scale dS; where P is 0 (padding above all) dP may hold anything, and is not computed with. */
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
        for (size_t s = 0; s < n; s++) {
            float d = p[s] != 0.0F ? dp[s] : sum;
            dp[s] = scale * p[s] * (d - sum);
        }
    }
}

static void backward_head(const unic__attention *a, size_t head, float *scratch)
{
    size_t t = a->queries, s = a->keys, d = a->width, n = a->p_stride;
    size_t q = unic__head_at(a, head, t, a->q_stride),
           k = unic__head_at(a, head, s, a->k_stride);
    const float *dy = a->dy + unic__head_at(a, head, t, a->y_stride), *p = a->p + head * t * n;
    if (a->dv) {
        const float *weights = p;
        if (a->dropout > 0.0F) {
            unic__drop_weights(scratch, p, a, head);
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
        unic__drop_weights(scratch, scratch, a, head);
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

void unic__attention_heads_forward(const unic__call *c, const unic__attention *a)
{
    for_each_head(c, a, forward_head);
}

void unic__attention_heads_backward(const unic__call *c, const unic__attention *a)
{
    for_each_head(c, a, backward_head);
}
