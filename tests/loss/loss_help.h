/*
 * Cases of tests/golden/losses.npz, methods.npz and successors.npz: PyTorch's numbers for the terms of the
 * objective (see make_losses.py and make_methods.py), and a graph of one term on the streams that a case gives.
 */
#ifndef TESTS_LOSS_LOSS_HELP_H
#define TESTS_LOSS_LOSS_HELP_H

#include "loss/objective.h"

/* ---- the file ---- */

typedef struct golden_array {
    const char *name;
    unic__shape shape;
    size_t count;
    const float *x;
} golden_array;

enum { GOLDEN_MOST = 768, CLIPS = 8 };

typedef struct golden {
    const char *name;
    char *config, *index;
    float *values;
    golden_array at[GOLDEN_MOST];
    size_t n;
    double gradient; /* the largest of all gradients */
} golden;

void golden_open(golden *k, const char *name);
void golden_close(golden *k);
/* NULL if there is none of that name. */
const golden_array *golden_find(const golden *k, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same, but it must be there, with that shape. */
const golden_array *golden_get(const golden *k, const unic__shape *shape, const char *format,
                               ...) __attribute__((format(printf, 3, 4)));

/* max|difference| <= allowed. */
void golden_within(const golden *k, const golden_array *want, const float *got, double allowed);
/* max|difference| <= relative max|golden|. */
void golden_compare(const golden *k, const golden_array *want, const float *got,
                    double relative);
/*
 * The same of grad/<name>, but not below 1e-6 of the case's largest gradient: float32 rounds
 * numbers of that size to 6e-8 of it, and a sum in which a dozen of them cancel (a bias of
 * CPC's predictor, which moves whole rows of logits) is off by so much however small it is.
 */
void golden_compare_gradient(const golden *k, const unic__shape *shape, const char *name,
                             const float *got, double relative);

/* The case's config, checked and resolved. */
unic_config *golden_config(const golden *k);
/* Every parameter of the table from the file; returns how many there were. */
size_t golden_load(const golden *k, unic__param_table *params);

/* lengths[m][b] of the file. */
typedef int32_t loss_lengths[UNIC_MAX_MODALITIES][CLIPS];
void golden_lengths(const golden *k, loss_lengths lengths);

/* ---- what the trainer fills in (the terms have their own) ---- */

typedef struct loss_inputs {
    size_t n, batch, length;
    unic__stream *stream;
    unic__cpc_inputs *cpc;
    unic__match_inputs *match;
    unic__node *const *permutation; /* [modalities], NULL where there is none */
} loss_inputs;

void loss_fill(const loss_inputs *in, const unic_config *c, const golden *k,
               loss_lengths lengths);

/* The steps that the file masks, as far as they are valid, in the place of the term's draw. */
void loss_fill_masked(unic__restore_inputs *in, const golden *k, size_t n,
                      const unic__stream *streams);

/* The same for MICU's draws: the queries that the file keeps, and each part's modality. */
void loss_fill_kept(unic__masked_inputs *in, const golden *k);
void loss_fill_chosen(const unic__objective *o, unic__jigsaw_inputs *in, const golden *k);

/* ---- one term ---- */

typedef struct loss_leaf {
    size_t m, step, count; /* modality; floats in a step, in all */
    const golden_array *golden;
    float *x, *dx;
} loss_leaf;

typedef struct loss_case loss_case;
typedef void (*loss_term)(loss_case *k); /* calls loss_out for each output */

struct loss_case {
    golden golden;
    unic_config *c;
    size_t n, batch, length;
    loss_lengths lengths;
    unic__graph g;
    unic__param_table params;
    unic__stream stream[UNIC_MAX_MODALITIES];
    unic__cpc_inputs cpc;
    unic__match_inputs match;
    unic__node *permutation[UNIC_MAX_MODALITIES];
    unic__objective objective; /* what a term of its own inputs is built from */
    const unic__term_kind *kind;
    void *inputs;
    loss_leaf leaf[4 * UNIC_MAX_MODALITIES];
    size_t leaf_count;
    unic__node *out[UNIC_MAX_MODALITIES];
    size_t output_count;
};

/* Builds, plans and fills; steps beyond a clip's length are 0. */
void loss_open(loss_case *k, const char *name, loss_term term);
void loss_close(loss_case *k);
/* The next output: out/<its name> of the file; its gradient counts output_count times. */
void loss_out(loss_case *k, unic__node *node);
/* The same for a term by its description: its own inputs, filled as the trainer fills them, and
 * its node. */
void loss_term_out(loss_case *k, const unic__term_kind *kind);
/* Other lengths than the file's. */
void loss_set_lengths(loss_case *k, loss_lengths lengths);
/* Fills the steps beyond a clip's length: `scale` times random numbers. */
void loss_spoil(loss_case *k, float scale);
/* Forward, and backward from cleared gradients. */
void loss_run(loss_case *k);

#endif
