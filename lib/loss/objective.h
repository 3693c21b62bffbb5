/*
 * The terms of the objective (P9), one file each. A term takes the streams of all modalities
 * and returns its scalar, unweighted; the trainer weighs and names it.
 */
#ifndef UNIC_LOSS_OBJECTIVE_H
#define UNIC_LOSS_OBJECTIVE_H

#include "model/modality.h"

/* One modality in a training graph: inputs that the trainer fills, and what is computed from
 * them. Every mask is 1 on valid steps; with `padding = real` it is 1 everywhere but for absent
 * clips. */
typedef struct unic__stream {
    const unic__modality *m;
    unic__node *x;         /* [B,T,dims..] input                                             */
    unic__node *mask;      /* [B,T] input                                                    */
    unic__node *lengths;   /* i32 [B] input                                                  */
    unic__node *front;     /* [B,T,..] x, or a token modality's BiLSTM of it                 */
    unic__node *z;         /* [B,T,D] semantic features                                      */
    unic__node *zbar;      /* specific features                                              */
    unic__node *y;         /* [B,T,Y] CLUB's view of zbar                                    */
    unic__node *distance;  /* [B,T,L] ||z - e||^2                                            */
    unic__node *codes;     /* i32 [B,T]                                                      */
    unic__node *e;         /* [B,T,D] the codes' vectors, no gradient                        */
    unic__node *quantised; /* [B,T,D] e forward, z backward (straight-through)               */
    unic__node *target;    /* [B,T,D] what the EMA update adds for this step (P6)            */
} unic__stream;

enum { UNIC__MAX_CPC_STEPS = 64 };

/* What CPC's random t selects; the trainer fills these for each step. Where fewer than two
 * clips reach, none counts: target is -1 and valid 0 for all, and the term is 0. */
typedef struct unic__cpc_inputs {
    unic__node *context;                     /* i32 [B]: row b T + t of [B T, ..]            */
    unic__node *future[UNIC__MAX_CPC_STEPS]; /* i32 [B]: row b T + t + k                     */
    unic__node *target[UNIC__MAX_MODALITIES][UNIC__MAX_MODALITIES]; /* i32 [B]: b, or -1 out  */
    unic__node *valid[UNIC__MAX_MODALITIES][UNIC__MAX_MODALITIES];  /* [B]: 1 if both reach   */
} unic__cpc_inputs;

/* P3: || x - D(zhat; zbar) ||^2, mean over valid steps and elements. */
unic__node *unic__reconstruction(unic__graph *g, const unic_config *c, const unic__stream *s);

/* P7. */
unic__node *unic__commitment(unic__graph *g, const unic_config *c, size_t n,
                             const unic__stream *streams, size_t m);

/* P6: the vector that each step adds to its code; no gradient. */
unic__node *unic__ema_target(unic__graph *g, const unic_config *c, size_t n,
                             const unic__stream *streams, size_t m);

/* P4, P5: CLUB's bound on I(z; zbar), with q's nets as they are; `permutation` i32 [B] is used
 * by club.form = permutation alone. */
unic__node *unic__club(unic__graph *g, const unic_config *c, const unic__stream *s,
                       unic__node *permutation);
/* The fit of q: minus its mean log-likelihood on x [B,T,D], y [B,T,Y] (A.5). */
unic__node *unic__club_fit(unic__graph *g, const unic_config *c, const unic__modality *m,
                           unic__node *x, unic__node *y, unic__node *mask);

/* P5 of the slides, Eq 6: all ordered pairs; pairs of a modality with itself weigh cpc.self. */
unic__node *unic__cross_cpc(unic__graph *g, const unic_config *c, size_t n,
                            const unic__stream *streams, const unic__cpc_inputs *in);
/* K, or 1 where T is too short for it, and then the future is the same step (shift 0). */
size_t unic__cpc_horizon(const unic_config *c, size_t length, size_t *shift);

/* What code matching compares: for each pair the clips that have both; two at least, too. */
typedef struct unic__match_inputs {
    unic__node
        *target[UNIC__MAX_MODALITIES][UNIC__MAX_MODALITIES]; /* i32 [B]: b, or -1 out    */
    unic__node
        *valid[UNIC__MAX_MODALITIES][UNIC__MAX_MODALITIES]; /* [B]: 1 if it has both    */
    unic__node *identity;                                   /* [B,B], asymmetric alone  */
} unic__match_inputs;

/* A.4: cross-modal code matching, summed over unordered pairs. */
unic__node *unic__code_match(unic__graph *g, const unic_config *c, size_t n,
                             const unic__stream *streams, const unic__match_inputs *in);

/* Sum of mask x v over all of [B,T] / number of valid steps (0 if there is none). */
unic__node *unic__masked_mean(unic__graph *g, unic__node *v, unic__node *mask);

#endif
