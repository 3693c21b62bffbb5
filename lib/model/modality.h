/*
 * What is built for each modality (P1, A.2): front, semantic encoder, specific encoder,
 * decoder. Loops over modalities call these; a modality differs only by its descriptor.
 *
 *     x --front--> h --semantic encoder--> z [B,T,D] --codebook--> quantized --+
 *                  |                                                           +--decoder--> x'
 *                  +--specific encoder--> zbar --------------------------------+
 */
#ifndef UNIC_MODEL_MODALITY_H
#define UNIC_MODEL_MODALITY_H

#include "model/layers.h"

/* The shape of a batch of this modality's features: [B,T,dims..]. */
unic__shape unic__feature_shape(const unic__modality *m, size_t batch, size_t length);

/* h = Front(x): a bidirectional LSTM for a token modality, [B,T,C] -> [B,T,2H]; x itself for
 * the other kinds. */
unic__node *unic__front(unic__graph *g, const unic_config *c, const unic__modality *m,
                        unic__node *x, unic__node *lengths);

/* A grid over its positions, [B,T,H,W,C] -> [B,T,C], each step by itself; h itself for the
 * other kinds. */
unic__node *unic__pooled(unic__graph *g, const unic__modality *m, unic__node *h);

/* z of what is pooled: [B,T,C] -> [B,T,D]. mask [B,T] or NULL. */
unic__node *unic__semantic_layers(unic__graph *g, const unic_config *c, const unic__modality *m,
                                  unic__node *h, unic__node *mask);

/* z = Phi(h) (P1), both of them: [B,T,..] -> [B,T,D]. mask [B,T] or NULL. */
unic__node *unic__semantic_encoder(unic__graph *g, const unic_config *c,
                                   const unic__modality *m, unic__node *h, unic__node *mask);

/* Whether the specific branch works on maps (a grid's convolutions) or on one vector a step. */
bool unic__has_map(const unic__modality *m);

/* What is reconstructed (P3): h, or a pooled grid's mean over positions [B,T,C]. */
unic__node *unic__reconstructed(unic__graph *g, const unic__modality *m, unic__node *h);

/* zbar = Psi(h) (P1): with a map [B,T,H-4,W-4,S], otherwise [B,T,S]. */
unic__node *unic__specific_encoder(unic__graph *g, const unic__modality *m, unic__node *h);

/* CLUB's view of zbar, one vector a step: with a map [B,T,C], otherwise zbar itself. */
unic__node *unic__specific_vector(unic__graph *g, const unic__modality *m, unic__node *zbar);

/* H-DCID's second level (level2.c): its modality, whose features are zbar as a vector; and its z of
 * h [B,T,D]. */
void unic__level2_modality(const unic__modality *m, unic__modality *second);
unic__node *unic__level2_z(unic__graph *g, const unic_config *c, const unic__modality *m,
                           unic__node *h, unic__node *mask);

/* x' = D(zhat; zbar) (P3): back to the shape of the target. `quantized` [B,T,D]. */
unic__node *unic__decoder(unic__graph *g, const unic__modality *m, unic__node *quantized,
                          unic__node *zbar, size_t channels);

#endif
