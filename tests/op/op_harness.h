/*
 * One harness for every operator. A case is an operator, its settings, the shapes of its inputs
 * and a naive double-precision loop for the value. From that:
 *   value     the kernel against the naive loop               max|diff| <= 1e-5 max|naive|
 *   gradient  the kernel's backward against central finite differences of the naive loop, in
 *             double; of a large input only some elements     max|diff| <= 1e-5 max|fd| (+1e-9)
 *   golden    where the case is named: inputs, value and gradients from tests/golden/ops.npz,
 *             made by PyTorch in float64                      max|diff| <= 1e-5 max|golden|
 * each with one and two threads, and with each backend the operator distinguishes. And that
 *   - backward adds to the gradient instead of replacing it, or stores it where the operator
 *     offers that and it is asked for; each input's gradient is the same when it alone is;
 *   - backward reads only the values the operator says it `keeps` (the others hold NaN);
 *   - nothing is read before it is written, inputs are not written, nothing is written beyond
 *     the ends of out, saved and scratch;
 *   - a second run gives the same bits.
 */
#ifndef TESTS_OP_HARNESS_H
#define TESTS_OP_HARNESS_H

#include "op/operators.h"

typedef struct op_input {
    unic__shape shape;
    const int32_t *index; /* int32 input with these values; otherwise float32, drawn      */
    const double *values; /* float32 input with these values instead of drawn ones        */
    double low, high;     /* drawn uniformly from here; both 0: from -1 to 1              */
    bool no_gradient;     /* a mask, a target: its gradient is not asked for              */
    bool absent;          /* an optional input left out                                   */
} op_input;

typedef struct op_case op_case;

/* Inputs in double (int32 inputs through k->in[i].index); writes the value to `out`. */
typedef void (*op_naive)(const op_case *k, const double *const in[], double *out);

struct op_case {
    const char *golden; /* name in tests/golden/ops.npz ("linear_relu_3x5"), or NULL        */
    const unic__op *op;
    const void *attr;
    size_t input_count;
    op_input in[UNIC__MAX_INPUTS];
    op_naive naive;      /* NULL: only golden                                               */
    double tolerance;    /* 0: 1e-5; anything else needs its reason beside it               */
    bool kinks;          /* not differentiable everywhere: inputs are drawn away from 0     */
    bool integer_output; /* out is int32: no gradient                                       */
    size_t packed;       /* inputs 0..packed-1 are one and the same tensor (attention)      */
    unic__shape expect;  /* the output's shape, when the case wants it checked (else rank 0) */
    bool training;       /* dropout on: drawn for OP_SEED, OP_STEP and call OP_ID            */
};

enum { OP_SEED = 5, OP_STEP = 3, OP_ID = 11 };

/* Runs all of the above; a mismatch fails the running test with case, input and element. */
void check_op(const op_case *k);

/* The shape rule refuses the case, and the message holds `words`. */
void check_op_refused(const op_case *k, const char *words);

#endif
