/*
 * The objective (P9): a weighted sum of terms. Each term has a file of its own with its
 * equation, its inputs and how a step fills them, and one unic__term_kind that describes it to
 * the training graph.
 *
 * A new term is: loss/<name>.c with `const unic__term_kind unic__term_<name>`, a line in
 * UNIC__TERM_LIST, and its weight in config.h and config_keys.c.
 *
 * Several ranks train as one (base/ranks.h): rank r has the rows r B .. (r+1) B - 1 of the whole
 * batch, and its terms are its share, which sum up to the term of the whole. Three rules make a
 * term do so. With one rank each of these calls returns its argument.
 *   - Own clips are compared with the clips of all: what the others are compared by goes through
 *     unic__all_rows(), so scores are [B, R B]; targets and identities count rows of the whole.
 *     unic__pair_loss() is the cross-entropy of such scores.
 *   - A mean over own steps or clips is made the share of it: unic__of_all().
 *   - Inputs are filled from unic__all_lengths(), which all ranks know, and drawn from the step's
 *     key alone: every rank draws for the whole batch and takes its own rows.
 */
#ifndef UNIC_LOSS_OBJECTIVE_H
#define UNIC_LOSS_OBJECTIVE_H

#include "loss/memory_queue.h"
#include "model/modality.h"
#include "unicode/unic_trainer.h"

/* The order is that of a step's report, and of the sums in the gradients. */
#define UNIC__TERM_LIST(X)                                                                     \
    X(reconstruction)                                                                          \
    X(commitment)                                                                              \
    X(club)                                                                                    \
    X(cross_cpc)                                                                               \
    X(code_match)                                                                              \
    X(margin)                                                                                  \
    X(contrast)                                                                                \
    X(restore)                                                                                 \
    X(codis)                                                                                   \
    X(masked)                                                                                  \
    X(jigsaw)

#define UNIC__COUNT_ONE(name) +1
enum { UNIC__TERM_KINDS = 0 UNIC__TERM_LIST(UNIC__COUNT_ONE) };
enum {
    UNIC__MAX_TERMS = UNIC__TERM_KINDS * UNIC_MAX_MODALITIES,
    UNIC__TERM_SIZE = UNIC__NAME_SIZE + 24
};

/* One modality in a training graph: inputs that the trainer fills, and what is computed from
 * them. Every mask is 1 on valid steps; with `padding = real` it is 1 everywhere but for absent
 * clips. */
typedef struct unic__stream {
    const unic__modality *m;
    unic__node *x;         /* [B,T,dims..] input                                             */
    unic__node *mask;      /* [B,T] input                                                    */
    unic__node *all_mask;  /* [R B,T] input, of all ranks; NULL for one                      */
    unic__node *lengths;   /* i32 [B] input                                                  */
    unic__node *front;     /* [B,T,..] x, or a token modality's BiLSTM of it                 */
    unic__node *z;         /* [B,T,D] semantic features                                      */
    unic__node *coded;     /* [B,T,D] what gets codes: z, or its clip's mean (code.pool)      */
    unic__node *zbar;      /* specific features                                              */
    unic__node *y;         /* [B,T,Y] CLUB's view of zbar                                    */
    unic__node *distance;  /* [B,T,L] ||z - e||^2                                            */
    unic__node *codes;     /* i32 [B,T]                                                      */
    unic__node *e;         /* [B,T,D] the codes' vectors, no gradient                        */
    unic__node *quantized; /* [B,T,D] e forward, z backward (straight-through); with
                              code.segments [B,T,n D], the rows and all z                    */
    unic__node *target;    /* [B,T,D] what the EMA update adds for this step (P6)            */
} unic__stream;

/* One node of the objective: weight x node. */
typedef struct unic__term {
    char name[UNIC__TERM_SIZE]; /* "cpc", "club.speech" */
    unic__node *node;
    double given;  /* the config's weight */
    double weight; /* what is left of it (train/guard.h) */
} unic__term;

typedef struct unic__objective {
    const unic_config *config;
    size_t n; /* modalities */
    size_t batch, length;
    const unic__stream *stream; /* [n] */
    unic__param_table *teacher; /* momentum teachers' parameters; empty without any */
    unic__memory_queue *queue;  /* [n] their past, of each modality */
    const unic__ranks *ranks;   /* NULL: one */
    int32_t *lengths[UNIC_MAX_MODALITIES]; /* [R B] of all ranks' clips; NULL for one */
    void *inputs[UNIC__TERM_KINDS];        /* of each kind; NULL: it has none */
    unic__node *gate; /* a scalar that all terms are multiplied with; NULL: nothing */
    double scale;     /* of the weights, where there is a gate */
    unic__term term[UNIC__MAX_TERMS];
    size_t term_count;
} unic__objective;

/* The source of one step's random inputs. */
typedef struct unic__draw {
    const unic_draws *given; /* by the caller; NULL: none */
    size_t clips;            /* rows of the whole batch; those behind have no clip */
    uint64_t step;           /* steps taken before this one */
    unic__key key;           /* of this step */
} unic__draw;

typedef struct unic__term_kind {
    const char *name;    /* in reports; with `each`, "<name>.<modality>" */
    size_t weight;       /* offset of a double in unic_config; 0 leaves the term out */
    bool each;           /* one node for each modality, or one for all together */
    const char *group;   /* of its parameters, or NULL */
    bool fitted;         /* its parameters have an optimizer of their own (CLUB's q) */
    size_t inputs_bytes; /* of the struct that holds its input nodes; 0: it has none */
    /* Makes the input nodes. */
    void (*inputs)(const unic__objective *o, unic__graph *g, void *inputs);
    /* Fills them for a step, after masks and lengths are filled. */
    unic_status (*fill)(const unic__objective *o, void *inputs, const unic__draw *draw);
    /* The scalar, unweighted; of modality m if `each`. */
    unic__node *(*build)(const unic__objective *o, unic__graph *g, void *inputs, size_t m);
    /* Puts parameters back within their bounds after the optimizer's step; or NULL. */
    void (*settle)(const unic__objective *o, unic__param_table *params);
} unic__term_kind;

#define UNIC__DECLARE_TERM(name) extern const unic__term_kind unic__term_##name;
UNIC__TERM_LIST(UNIC__DECLARE_TERM)

/* ---- all terms together (objective.c) ---- */

void unic__objective_inputs(unic__objective *o, unic__graph *g);
/* `fitted` is the table of parameters that have an optimizer of their own. */
void unic__objective_build(unic__objective *o, unic__graph *g, unic__param_table *fitted);
/* One more node, "name.modality" or, if that is NULL, "name". More than
 * UNIC__MAX_TERMS nodes, or a name of UNIC__TERM_SIZE bytes or more, is an error of the
 * graph. */
void unic__objective_add(unic__objective *o, unic__graph *g, const char *name,
                         const char *modality, unic__node *node, double weight);
/* A term that another objective has built. */
void unic__objective_append(unic__objective *o, unic__graph *g, const unic__term *term);
unic_status unic__objective_fill(const unic__objective *o, const unic__draw *draw);
void unic__objective_settle(const unic__objective *o, unic__param_table *params);
/* The struct of a kind's input nodes. */
void *unic__objective_inputs_of(const unic__objective *o, const unic__term_kind *kind);

/* ---- several ranks ---- */

/* Rows of the whole batch, and this rank's first; the valid steps of its clips. */
size_t unic__all_batch(const unic__objective *o);
size_t unic__first_row(const unic__objective *o);
const int32_t *unic__all_lengths(const unic__objective *o, size_t m);

/* A mean over what `own` (0 or 1, of any shape) selects -> this rank's share of the mean over
 * that of all ranks, `all`; NULL: the ranks are asked how much that is. */
unic__node *unic__of_all(unic__graph *g, unic__node *mean, unic__node *own, unic__node *all);

/* ---- parts of terms ---- */

/*
 * Which clips a term that contrasts pairs of modalities compares: target [B] i32 is clip b's row
 * of the whole batch, or -1 where it is left out, valid [R B] is 1 or 0 for each of its rows. A
 * pair's two directions share their nodes. With fewer than two clips there is nothing to contrast: all are left out, and the term
 * is 0.
 */
typedef unic__node *unic__pair_nodes[UNIC_MAX_MODALITIES][UNIC_MAX_MODALITIES];
void unic__pairs_make(const unic__objective *o, unic__graph *g, unic__pair_nodes target,
                      unic__pair_nodes valid);
/* Clips that have more than `reach` steps in both modalities are compared. */
void unic__pairs_fill(const unic__objective *o, unic__pair_nodes target, unic__pair_nodes valid,
                      int32_t reach);

/* The cross-entropy of own rows among all: scores [B, R B]. */
unic__node *unic__pair_loss(unic__graph *g, unic__node *score, unic__node *target,
                            unic__node *valid);

/* 1 where row b of a [B, R B] input meets itself, which is row first + b of the whole. */
void unic__identity_fill(unic__node *identity, size_t first);

/* Mean of v [B,T,C] over each clip's valid steps: [B,C], 0 for a clip without any. */
unic__node *unic__clip_mean(unic__graph *g, unic__node *v, unic__node *mask);
/* Rows of x [B,D] scaled to length 1; rows shorter than 1e-6 stay shorter. */
unic__node *unic__unit_rows(unic__graph *g, unic__node *x);

/* Sum of mask x v over all of [B,T] / number of valid steps (0 if there is none). */
unic__node *unic__valid_mean(unic__graph *g, unic__node *v, unic__node *mask);

/* ---- the terms ---- */

/* P3: || x - D(zhat; zbar) ||^2, mean over valid steps and elements. */
unic__node *unic__reconstruction(unic__graph *g, const unic_config *c, const unic__stream *s);

/* P7: own ||z - sg[e]||^2 plus the same to the other modalities' codes (loss/commitment.c). */
unic__node *unic__commitment(unic__graph *g, const unic_config *c, size_t n,
                             const unic__stream *streams, size_t m);

/* P4: CLUB's bound on I(z; zbar), with q's nets as they are; `permutation` i32 [B], rows of the
 * whole batch, is used by club.form = permutation alone. */
unic__node *unic__club(unic__graph *g, const unic_config *c, const unic__stream *s,
                       unic__node *permutation);
typedef struct unic__club_inputs {
    unic__node *permutation[UNIC_MAX_MODALITIES]; /* NULL with club.form = all_pairs */
    int32_t *all;                                 /* [R B], one modality's at a time */
} unic__club_inputs;
/* The fit of q: minus its mean log-likelihood on x [B,T,D], y [B,T,Y] (A.5); the masks are a
 * stream's. */
unic__node *unic__club_fit(unic__graph *g, const unic_config *c, const unic__modality *m,
                           unic__node *x, unic__node *y, unic__node *mask,
                           unic__node *all_mask);

enum { UNIC__MAX_CPC_STEPS = 64 };

/* What CPC's random t selects. */
typedef struct unic__cpc_inputs {
    unic__node *context;                     /* i32 [B]: row b T + t of [B T, ..] */
    unic__node *future[UNIC__MAX_CPC_STEPS]; /* i32 [B]: row b T + t + k          */
    unic__pair_nodes target, valid;
} unic__cpc_inputs;

/* P5 (Eq 6): all ordered pairs; pairs of a modality with itself weigh cpc.self. */
unic__node *unic__cross_cpc(unic__graph *g, const unic_config *c, size_t n,
                            const unic__stream *streams, const unic__cpc_inputs *in);
/* K; or 1 if T is too short for it, with *shift = 0: the future is then the same step. */
size_t unic__cpc_horizon(const unic_config *c, size_t length, size_t *shift);

typedef struct unic__match_inputs {
    unic__pair_nodes target, valid; /* the clips that have both modalities */
    unic__node *identity;           /* [B, R B]; NULL with code_match.form = symmetric */
} unic__match_inputs;

/* A.4: cross-modal code matching, summed over unordered pairs. */
unic__node *unic__code_match(unic__graph *g, const unic_config *c, size_t n,
                             const unic__stream *streams, const unic__match_inputs *in);

/* S-MiT: the margin softmax of scores S [B, R B], both directions summed; `turned` are the rows
 * of S^T (NULL, for one rank: made of S), target and valid are a pair's, identity is [B, R B],
 * fixed [1,1] the fixed form's margin. */
unic__node *unic__margin_softmax(unic__graph *g, const unic_config *c, unic__node *score,
                                 unic__node *turned, unic__node *target, unic__node *valid,
                                 unic__node *identity, unic__node *fixed);
/* CLIP's: 1/2 [ce(rows) + ce(columns)] of scores [B, R B] and the same turned round. */
unic__node *unic__symmetric_contrast(unic__graph *g, unic__node *rows, unic__node *columns,
                                     unic__node *target, unic__node *valid);
typedef struct unic__restore_inputs {
    unic__node *masked[UNIC_MAX_MODALITIES]; /* [B,T]: 1 on valid steps that are masked */
} unic__restore_inputs;
/* TURN: masked steps of modality m restored from each partner's code. */
unic__node *unic__restore(unic__graph *g, const unic_config *c, size_t n,
                          const unic__stream *streams, const unic__restore_inputs *in,
                          size_t m);
typedef struct unic__masked_inputs {
    unic__node *keep;               /* [B,T]: 0 on steps whose queries are masked */
    unic__node *step;               /* i32 [B T]: t of row b T + t */
    unic__pair_nodes target, valid; /* the clips that have both modalities */
} unic__masked_inputs;

/* MICU's jigsaw: its parts and orders at most; `chosen` [1,1] is 1 for the modality of a part. */
enum { UNIC__MOST_JIGSAW_PARTS = 4, UNIC__MOST_JIGSAW_ORDERS = 24 };
typedef struct unic__jigsaw_inputs {
    unic__node *chosen[UNIC__MOST_JIGSAW_PARTS][UNIC_MAX_MODALITIES];
    unic__node *counts; /* [B,T]: 1 on steps that the chosen modalities have */
    unic__node *target; /* i32 [P B T]: the order's number, -1 where the step does not count */
} unic__jigsaw_inputs;
/* Fills them: modality[s] is that of part s. */
void unic__jigsaw_choose(const unic__objective *o, unic__jigsaw_inputs *in,
                         const size_t *modality);
/* The numbers, rising, of the config's orders among all S! in lexicographic order. */
void unic__jigsaw_orders(const unic_config *c, size_t *numbers);

/* CODIS: -mean over `rows` of sum_j y_ij log softmax_j(logits_ij) over `columns`, with
 * y = (1 - soft) [j = target_i] + soft softmax(teacher). logits and teacher [B,N], target i32 [B],
 * rows [B], columns [N]. */
unic__node *unic__soft_contrast(unic__graph *g, unic__node *logits, unic__node *teacher,
                                unic__node *target, unic__node *rows, unic__node *columns,
                                double soft);
/* The fixed form's margin at a step. */
double unic__margin_at(const unic_config *c, uint64_t step);

#endif
