/*
 * The operators as calls that read like equations: z = unic__linear(g, x, w, b). op/operators.h
 * has their shapes and definitions. Each returns the result's node (the poison node after an
 * error).
 */
#ifndef UNIC_GRAPH_NODES_H
#define UNIC_GRAPH_NODES_H

#include "graph/graph.h"
#include "op/operators.h"

/* products */
unic__node *unic__linear(unic__graph *g, unic__node *x, unic__node *w, unic__node *b);
unic__node *unic__linear_relu(unic__graph *g, unic__node *x, unic__node *w, unic__node *b);
unic__node *unic__matmul(unic__graph *g, unic__node *a, unic__node *b, bool transpose_a,
                         bool transpose_b);
unic__node *unic__conv2d(unic__graph *g, unic__node *x, unic__node *w, unic__node *b,
                         size_t stride, size_t pad);
unic__node *unic__conv2d_relu(unic__graph *g, unic__node *x, unic__node *w, unic__node *b,
                              size_t stride, size_t pad);
/* The side of Winograd's tiles by which x [..,H,W,ci] and w [kh,kw,ci,co] are convolved, for
 * unic__kept_node(); 0: by none. */
size_t unic__conv2d_tile(const unic__graph *g, unic__node *x, unic__shape w, size_t stride,
                         size_t pad);
unic__node *unic__dilated_conv2d(unic__graph *g, unic__node *x, unic__node *w, unic__node *b,
                                 size_t dilation, size_t pad);
unic__node *unic__conv_transpose2d(unic__graph *g, unic__node *x, unic__node *w, unic__node *b,
                                   size_t stride, size_t pad);
unic__node *unic__avg_pool2d(unic__graph *g, unic__node *x, size_t window, size_t stride);
unic__node *unic__max_pool2d(unic__graph *g, unic__node *x, size_t window, size_t stride);
unic__node *unic__upsample(unic__graph *g, unic__node *x, size_t factor, bool align_corners);

/* sequences */
unic__node *unic__lstm(unic__graph *g, unic__node *x, unic__node *w_ih, unic__node *w_hh,
                       unic__node *b_ih, unic__node *b_hh, unic__node *lengths, bool reverse,
                       size_t chunk);
/* qkv [B,T,3D], mask [B,T]? -> [B,T,D] */
unic__node *unic__self_attention(unic__graph *g, unic__node *qkv, unic__node *mask,
                                 size_t heads, double dropout, size_t chunk);
unic__node *unic__attention(unic__graph *g, unic__node *q, unic__node *k, unic__node *v,
                            unic__node *key_mask, unic__node *query_mask, size_t heads);

/* over the last axis; batch_norm's moments are over the others */
unic__node *unic__layer_norm(unic__graph *g, unic__node *x, unic__node *gamma, unic__node *beta,
                             double eps);
unic__node *unic__channel_moments(unic__graph *g, unic__node *x);
unic__node *unic__batch_norm(unic__graph *g, unic__node *x, unic__node *gamma, unic__node *beta,
                             unic__node *moments);
unic__node *unic__softmax(unic__graph *g, unic__node *x, unic__node *mask);
unic__node *unic__log_softmax(unic__graph *g, unic__node *x);

/* elementwise */
unic__node *unic__relu(unic__graph *g, unic__node *x);
unic__node *unic__tanh(unic__graph *g, unic__node *x);
unic__node *unic__sigmoid(unic__graph *g, unic__node *x);
unic__node *unic__exp(unic__graph *g, unic__node *x);
unic__node *unic__log(unic__graph *g, unic__node *x);
unic__node *unic__sqrt(unic__graph *g, unic__node *x);
unic__node *unic__square(unic__graph *g, unic__node *x);
unic__node *unic__clamp(unic__graph *g, unic__node *x, double low, double high);
unic__node *unic__affine(unic__graph *g, unic__node *x, double a, double b); /* a x + b */
unic__node *unic__gelu(unic__graph *g, unic__node *x);                       /* by erf */
unic__node *unic__add(unic__graph *g, unic__node *a, unic__node *b);
unic__node *unic__sub(unic__graph *g, unic__node *a, unic__node *b);
unic__node *unic__mul(unic__graph *g, unic__node *a, unic__node *b);
unic__node *unic__div(unic__graph *g, unic__node *a, unic__node *b);
unic__node *unic__dropout(unic__graph *g, unic__node *x, double p);
unic__node *unic__straight_through(unic__graph *g, unic__node *z, unic__node *e);

/* reductions and moves; the reduced axis is kept as size 1 where `keep` */
unic__node *unic__sum(unic__graph *g, unic__node *x, size_t axis, bool keep);
unic__node *unic__mean(unic__graph *g, unic__node *x, size_t axis, bool keep);
unic__node *unic__max(unic__graph *g, unic__node *x, size_t axis, bool keep);
unic__node *unic__argmin(unic__graph *g, unic__node *x, size_t axis);
/* cost [N,K], valid [N] -> the plan [N,K] */
unic__node *unic__transport(unic__graph *g, unic__node *cost, unic__node *valid, double beta,
                            size_t rounds, bool proximal);
unic__node *unic__concat(unic__graph *g, size_t n, unic__node *const *x, size_t axis);
unic__node *unic__slice(unic__graph *g, unic__node *x, size_t axis, size_t start, size_t size);
unic__node *unic__repeat(unic__graph *g, unic__node *x, size_t axis, size_t times);
unic__node *unic__gather(unic__graph *g, unic__node *table, unic__node *index);

/* between the ranks of g->ranks; x itself where there is one rank (op/all_ranks.c) */
unic__node *unic__all_rows(unic__graph *g, unic__node *x); /* [B,..] -> [R B,..] */
unic__node *unic__all_sum(unic__graph *g, unic__node *x);
unic__node *unic__own_rows(unic__graph *g, unic__node *x); /* [R B,..] -> [B,..] */

/* distances and losses */
unic__node *unic__sq_distance(unic__graph *g, unic__node *z, unic__node *e);
unic__node *unic__mse(unic__graph *g, unic__node *a, unic__node *b, unic__node *mask);
unic__node *unic__cross_entropy(unic__graph *g, unic__node *logits, unic__node *target,
                                unic__node *class_mask);
unic__node *unic__bce(unic__graph *g, unic__node *logits, unic__node *target, unic__node *mask);

#endif
