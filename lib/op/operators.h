/*
 * The operators: their descriptors and settings. One file each; the equation, the shape rule,
 * forward and backward stand there. Inputs are listed as (0) x, (1) w ...; [..] is any number
 * of leading dims; "?" may be absent (NULL).
 */
#ifndef UNIC_OP_OPERATORS_H
#define UNIC_OP_OPERATORS_H

#include "base/ranks.h"
#include "op/op.h"

/* ---- products ---- */

/* linear.c: (0) x [..,K], (1) w [N,K], (2) b [N]? -> [..,N];  y = x w^T + b, then relu if
 * asked. */
typedef struct unic__linear_attr {
    bool relu;
} unic__linear_attr;
extern const unic__op unic__op_linear;

/* matmul.c: (0) a [G..,M,K], (1) b [G..,K,N] or [K,N] -> [G..,M,N]; transposed operands are
 * stored [..,K,M] and [..,N,K]. */
typedef struct unic__matmul_attr {
    bool transpose_a, transpose_b;
} unic__matmul_attr;
extern const unic__op unic__op_matmul;

/* conv2d.c: (0) x [..,H,W,Ci], (1) w [kh,kw,Ci,Co], (2) b [Co]? -> [..,Ho,Wo,Co]; zero padding
 * `pad` on every side, equal strides, `dilation` pixels from tap to tap (1: dense). */
typedef struct unic__conv_attr {
    size_t stride, pad, dilation;
} unic__conv_attr;
extern const unic__op unic__op_conv2d;
extern const unic__op unic__op_conv2d_relu; /* unic__conv_attr: then max(0, y) */
/* The side of Winograd's tiles that such a call takes, whose shapes are right; 0: none. */
size_t unic__op_conv2d_tile(const unic__call *c);

/* conv_transpose2d.c: the adjoint of conv2d: (0) x [..,H,W,Ci], (1) w [kh,kw,Co,Ci],
 * (2) b [Co]? -> [..,(H-1)*stride+(kh-1)*dilation+1-2*pad,..,Co]. Weight layout: that of the
 * conv2d it undoes. */
extern const unic__op unic__op_conv_transpose2d; /* unic__conv_attr */

/* avg_pool2d.c, max_pool2d.c: (0) x [..,H,W,C] -> [..,Ho,Wo,C]; window k x k, no padding. */
typedef struct unic__pool_attr {
    size_t window, stride;
} unic__pool_attr;
extern const unic__op unic__op_avg_pool2d, unic__op_max_pool2d;

/* upsample.c: (0) x [..,H,W,C] -> [..,factor H,factor W,C], bilinear. `align_corners`: the
 * centres of the corner pixels coincide; otherwise the edges of the images do. */
typedef struct unic__upsample_attr {
    size_t factor;
    bool align_corners;
} unic__upsample_attr;
extern const unic__op unic__op_upsample;

/* ---- sequences ---- */

/* lstm.c: (0) x [B,T,C], (1) w_ih [4H,C], (2) w_hh [4H,H], (3) b_ih [4H], (4) b_hh [4H],
 * (5) lengths i32 [B]? -> h [B,T,H]. Gate order i,f,g,o (PyTorch's). Zero start. `reverse` runs
 * from each clip's last valid step to its first; with `chunk` > 0 it starts anew at the last step
 * of each chunk of so many steps. Outputs at padded steps (t >= length) are 0.
 */
typedef struct unic__lstm_attr {
    bool reverse;
    size_t chunk; /* 0: one chunk; not read without `reverse` */
} unic__lstm_attr;
extern const unic__op unic__op_lstm;

/* attention.c: multi-head scaled dot product, softmax(q k^T / sqrt(D/heads)) v per head,
 * without projections. (0) q, (1) k, (2) v, (3) key mask [B,S]? (1 valid, 0 not), (4) query
 * mask [B,T]?. Separate: q [B,T,D], k and v [B,S,D]. Packed: the same tensor [B,T,3D] three
 * times (q | k | v). -> [B,T,D]. Padded queries give 0, and so do queries without a valid key.
 * Dropout acts on the attention weights. With `chunk` > 0, steps are cut into chunks of so many,
 * and a query sees the keys of its own chunk and of those before. */
typedef struct unic__attention_attr {
    size_t heads;
    float dropout;
    bool packed;
    size_t chunk; /* 0: one chunk */
} unic__attention_attr;
extern const unic__op unic__op_attention;

/* ---- normalisation and softmax ---- */

/* layer_norm.c: over the last axis: (0) x [..,D], (1) gamma [D], (2) beta [D] -> [..,D]; biased
 * variance. */
typedef struct unic__layer_norm_attr {
    float eps;
} unic__layer_norm_attr;
extern const unic__op unic__op_layer_norm;

/* batch_norm.c: channel_moments: (0) x [..,C] -> [2,C]; row 0 the mean over all rows of x, row
 * 1 the biased variance. batch_norm: (0) x [..,C], (1) gamma [C], (2) beta [C], (3) moments
 * [2,C] (in training those of x, otherwise running ones) -> [..,C]. */
extern const unic__op unic__op_channel_moments;
typedef struct unic__batch_norm_attr {
    float eps;
} unic__batch_norm_attr;
extern const unic__op unic__op_batch_norm;

/* softmax.c: (0) x [..,D], (1) mask? broadcastable to x from the left: [..,D] or [D] (1 takes
 * part, 0 not; a row without any gives zeros) -> [..,D]. log_softmax has no mask. */
extern const unic__op unic__op_softmax;
extern const unic__op unic__op_log_softmax;

/* ---- elementwise ---- */

/* unary.c: (0) x -> same shape. */
typedef enum unic__unary_kind {
    UNIC__RELU,
    UNIC__TANH,
    UNIC__SIGMOID,
    UNIC__EXP,
    UNIC__LOG,
    UNIC__SQRT,
    UNIC__SQUARE,
    UNIC__CLAMP,  /* to [a, b]; gradient 0 outside             */
    UNIC__AFFINE, /* a x + b                                   */
    UNIC__GELU,   /* x (1 + erf(x / sqrt 2)) / 2               */
} unic__unary_kind;
typedef struct unic__unary_attr {
    unic__unary_kind kind;
    float a, b;
} unic__unary_attr;
extern const unic__op unic__op_unary;

/* binary.c: (0) a, (1) b -> numpy's broadcasting of both (sizes 1 stretch; missing leading
 * dims). */
typedef enum unic__binary_kind { UNIC__ADD, UNIC__SUB, UNIC__MUL, UNIC__DIV } unic__binary_kind;
typedef struct unic__binary_attr {
    unic__binary_kind kind;
} unic__binary_attr;
extern const unic__op unic__op_binary;

/* dropout.c: (0) x -> x * m / (1-p) in training, x otherwise; m drawn from (seed, step, call
 * id, element) again in the backward pass. */
typedef struct unic__dropout_attr {
    float p;
} unic__dropout_attr;
extern const unic__op unic__op_dropout;

/* straight_through.c: (0) z, (1) e of the same shape -> e; dz += dy (P2). */
extern const unic__op unic__op_straight_through;

/* ---- reductions and moves ---- */

/* reduce.c: (0) x -> x without `axis` (kept as size 1 if `keep`). max: the first on a tie takes
 * the gradient. argmin: i32, the lowest index on a tie, no gradient. */
typedef enum unic__reduce_kind { UNIC__SUM, UNIC__MEAN, UNIC__MAX } unic__reduce_kind;
typedef struct unic__reduce_attr {
    unic__reduce_kind kind;
    size_t axis;
    bool keep;
} unic__reduce_attr;
extern const unic__op unic__op_reduce;
typedef struct unic__argmin_attr {
    size_t axis;
} unic__argmin_attr;
extern const unic__op unic__op_argmin;

/* transport.c: (0) costs D [N,K], (1) rows that count [N] -> a plan [N,K], no gradient. */
typedef struct unic__transport_attr {
    double beta;
    size_t rounds;
    bool proximal; /* IPOT; else Sinkhorn's iterations */
} unic__transport_attr;
extern const unic__op unic__op_transport;

/* concat.c: up to UNIC__MAX_INPUTS tensors whose dims agree except at `axis`.
 * slice: [start, start+n). */
typedef struct unic__concat_attr {
    size_t axis;
} unic__concat_attr;
extern const unic__op unic__op_concat;
typedef struct unic__slice_attr {
    size_t axis, start, size;
} unic__slice_attr;
extern const unic__op unic__op_slice;

/* repeat.c: (0) x with size 1 at `axis` -> the same with size `times` there. */
typedef struct unic__repeat_attr {
    size_t axis, times;
} unic__repeat_attr;
extern const unic__op unic__op_repeat;

/* gather.c: (0) table [L,D], (1) index i32 [..] -> [..,D]; a negative index gives a zero row. */
extern const unic__op unic__op_gather;

/* ---- between ranks ---- */

/* all_ranks.c: (0) x [B,..] -> [R B,..], the rows of all ranks; and x -> the sum of theirs. */
typedef struct unic__all_ranks_attr {
    unic__ranks *ranks;
} unic__all_ranks_attr;
extern const unic__op unic__op_all_rows, unic__op_all_sum;

/* ---- distances and losses ---- */

/* sq_distance.c: (0) z [..,D], (1) e [L,D] -> [..,L]; ||z - e||^2 (P2), exact to float32
 * wherever z and e lie. Gradient to both. */
extern const unic__op unic__op_sq_distance;

/* mse.c: (0) a [N..,D..], (1) b same shape, (2) mask? of a's leading dims (mask.rank <= a.rank)
 * -> scalar: sum mask (a-b)^2 / (number of unmasked elements); 0 if there is none. Both get
 * gradients. */
extern const unic__op unic__op_mse;

/* cross_entropy.c: (0) logits [N,C], (1) target i32 [N] (negative: the row is left out),
 * (2) class mask f32 [N,C] or [C]? (0: the class is not in the softmax) -> scalar: mean over
 * the rows that count of -log softmax(logits)[target]; 0 if there is none. A target whose class
 * is masked is the caller's error: the row is left out. */
extern const unic__op unic__op_cross_entropy;

/* bce.c: (0) logits, (1) targets in [0,1] same shape, (2) mask? of leading dims -> scalar mean
 * of binary cross-entropy with logits, max(x,0) - x y + log(1 + exp(-|x|)). Gradient to logits.
 */
extern const unic__op unic__op_bce;

#endif
