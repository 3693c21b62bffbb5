/*
 * Multi-head scaled dot-product attention without projections; each head has d = D / heads
 * columns of q, k and v, and for each clip and head
 *   P = softmax(q k^T / sqrt(d)) over the keys that count,   y = drop(P) v
 * Those are the valid ones and, with chunks of c steps, for a query t those before (t / c + 1) c.
 * Rows of P are 0 for padded queries, and where no key counts.
 * backward:  dv += drop(P)^T dy,   dP = drop(dy v^T),   dS = P (dP - sum_keys(P dP)),
 *            dq += dS k / sqrt(d),   dk += dS^T q / sqrt(d)
 * What is masked has weight 0 in P, so backward needs no masks.
 *
 * The operator (op/attention.c) has two ways of computing this, by own loops
 * (op/attention_heads.c) and by oneDNN (op/attention_onednn.c). Here is what they share.
 */
#ifndef UNIC_OP_ATTENTION_H
#define UNIC_OP_ATTENTION_H

#include "op/operators.h"

/* A call's parts. A head is one head of one clip: there are batch x heads. */
typedef struct unic__attention {
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
} unic__attention;

enum { UNIC__ATTENTION_LANES = 16 };

/* Keys of a row of P for own loops: a multiple of LANES, so that no loop has a tail. */
static inline size_t unic__attention_padded(size_t keys)
{
    return (keys + UNIC__ATTENTION_LANES - 1) / UNIC__ATTENTION_LANES * UNIC__ATTENTION_LANES;
}

/* Where a head begins in a tensor of [B,steps,stride]. */
static inline size_t unic__head_at(const unic__attention *a, size_t head, size_t steps,
                                   size_t stride)
{
    return head / a->heads * steps * stride + head % a->heads * a->width;
}

/* The first key that query t does not see, in a row of n keys. */
static inline size_t unic__end_of_keys(const unic__attention *a, size_t t, size_t n)
{
    const size_t chunk = t / a->chunk;
    return chunk < n / a->chunk ? (chunk + 1) * a->chunk : n;
}

/* One head's weights: y = x / (1 - dropout) where the draw keeps x, otherwise 0. y may be x. */
void unic__drop_weights(float *y, const float *x, const unic__attention *a, size_t head);

/* ---- own loops (op/attention_heads.c): one head at a time ---- */

size_t unic__attention_heads_scratch(const unic__attention *a); /* floats */
void unic__attention_heads_forward(const unic__call *c, const unic__attention *a);
void unic__attention_heads_backward(const unic__call *c, const unic__attention *a);

/* ---- oneDNN (op/attention_onednn.c): all heads at once; the primitives are c->prim ---- */

size_t unic__attention_onednn_scratch(const unic__attention *a); /* floats */
unic_status unic__attention_onednn_plan(unic__call *c, const unic__attention *a);
void unic__attention_onednn_unplan(unic__call *c);
void unic__attention_onednn_forward(const unic__call *c, const unic__attention *a);
void unic__attention_onednn_backward(const unic__call *c, const unic__attention *a);

#endif
