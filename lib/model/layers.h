/*
 * Layers: operators together with the parameters they own. Names are printf-like prefixes, so
 * that "image.semantic.affine" has "image.semantic.affine.weight" and ".bias" in the table.
 */
#ifndef UNIC_MODEL_LAYERS_H
#define UNIC_MODEL_LAYERS_H

#include "config/config.h"
#include "graph/nodes.h"

/* Calls made in g from now on use the kernels that kernel.backend and kernel.winograd name. */
void unic__use_kernels(unic__graph *g, const unic_config *c);

/* y = x w^T + b over the last axis, then relu or without b where the name says so. Weights
 * start from U(-1/sqrt(in), 1/sqrt(in)). */
__attribute__((format(printf, 4, 5))) unic__node *
unic__dense(unic__graph *g, unic__node *x, size_t out, const char *format, ...);
__attribute__((format(printf, 4, 5))) unic__node *
unic__dense_relu(unic__graph *g, unic__node *x, size_t out, const char *format, ...);
__attribute__((format(printf, 4, 5))) unic__node *
unic__dense_no_bias(unic__graph *g, unic__node *x, size_t out, const char *format, ...);

/* One post-norm transformer layer over time (A.2):
 *   h = norm(x + dropout(attention(x)));  y = norm(h + dropout(ff(h)))
 * mask [B,T]: 1 on valid steps; NULL: all are. A step sees the steps of encoder.context.
 * Attention and feed-forward part are named by `weights`, the norms by `norms`: the same name
 * unless modalities share the former. */
unic__node *unic__encoder_layer(unic__graph *g, const unic_config *c, unic__node *x,
                                unic__node *mask, const char *weights, const char *norms);

/* `layers` unidirectional LSTMs, one on the other; lengths i32 [B] or NULL.
 * [B,T,C] -> [B,T,H] */
unic__node *unic__lstm_stack(unic__graph *g, unic__node *x, unic__node *lengths, size_t hidden,
                             size_t layers, const char *prefix);

/* `layers` bidirectional ones: [B,T,C] -> [B,T,2H]. With `chunk` > 0, what goes backward starts
 * anew in each chunk of so many steps. */
unic__node *unic__bilstm_stack(unic__graph *g, unic__node *x, unic__node *lengths,
                               size_t hidden, size_t layers, size_t chunk, const char *prefix);

/* 3x3 convolution and its transpose, NHWC, stride 1, on [N,H,W,C]. */
unic__node *unic__conv3x3(unic__graph *g, unic__node *x, size_t out, size_t pad, bool bias,
                          const char *prefix);
unic__node *unic__deconv3x3(unic__graph *g, unic__node *x, size_t out, const char *prefix);

/* With a stride and a padding of 1, without bias: a batch norm follows. */
unic__node *unic__strided3x3(unic__graph *g, unic__node *x, size_t out, size_t stride,
                             const char *prefix);
/* Dilated, the size kept; weights of deviation 0.01, as the paper's code draws them. */
unic__node *unic__dilated3x3(unic__graph *g, unic__node *x, size_t out, size_t dilation,
                             const char *prefix);

/* y = relu(r + conv1x1(relu(conv3x3(r)))),  r = relu(x)  (A.2: the skip is relu(x)) */
unic__node *unic__residual_stack(unic__graph *g, unic__node *x, const char *prefix);

/* `layers` linear layers, relu between: in -> width ... -> out (A.5, CLUB's nets) */
unic__node *unic__mlp(unic__graph *g, unic__node *x, size_t width, size_t layers, size_t out,
                      const char *prefix);

#endif
