/*
 * A static graph: built once for one batch shape by straight-line calls that read like the
 * equations (graph/nodes.h), planned once, run many times. Building collects errors instead of
 * returning them: the first one is kept in `status`, later calls do nothing, and
 * unic__graph_plan() reports it. Running allocates nothing and cannot fail, but for a vendor
 * kernel, which sets run.status.
 *
 *      build            plan                                    run (per step)
 *      inputs, params   lifetimes -> one block of memory,       forward(A), forward(B),
 *      calls in order   vendor primitives                       backward(B), backward(A)
 *
 * Phases: every call belongs to the phase that was current when it was made. Phases run forward
 * in order and backward in the reverse order; in between the caller may look at kept nodes and
 * fill inputs.
 */
#ifndef UNIC_GRAPH_GRAPH_H
#define UNIC_GRAPH_GRAPH_H

#include "graph/param_table.h"
#include "op/op.h"

typedef struct unic__node {
    unic__tensor t;
    unic__call *call;         /* what computes it; NULL for a leaf                          */
    struct unic__node *root;  /* the node whose memory this is: itself, unless it is a view */
    size_t index;             /* in the order of making                                     */
    const unic__param *param; /* the parameter that a leaf holds, or NULL                   */
    const unic__param_table *table; /* the parameter's table */
    unsigned phase;   /* of the call that computes it                               */
    bool external;    /* a leaf whose memory the caller gave                        */
    float *lent_over; /* of an input that reads lent memory: its own memory */
    bool kept;        /* readable after the run                                     */
    bool wants_grad;  /* something below it is trained                              */
    bool gets_grad;   /* and a loss depends on it                                   */
    double seed;      /* of a root: d(total)/d(this), for losses                    */
    size_t room;      /* of a root: floats of the largest shape it was given        */
    struct unic__node *next;
} unic__node;

enum { UNIC__MAX_PHASES = 3 };

typedef struct unic__graph {
    unic__arena arena;
    unic_status status;        /* of building                                            */
    char *message;             /* of that status: the thread's last error may be a later one */
    unic__param_table *params; /* of parameters used from now on; may be NULL             */
    const char *group;         /* of parameters declared from now on                      */
    bool frozen;               /* parameters used from now on get no gradient             */
    bool inference;            /* never runs backward: memory is planned for forward alone */
    unsigned phase;            /* of calls made from now on                               */
    unic__backend backend;     /* of calls made from now on                               */
    bool direct;               /* of calls made from now on                               */
    bool many_shapes;          /* calls made from now on will be made again for others    */
    struct unic__ranks *ranks; /* that compute it together; NULL: one                     */
    bool again;                /* between unic__graph_again() and unic__graph_fits()      */
    unic__node *again_at;      /* the next node that is made again                        */
    bool outgrown;             /* a shape needs more than was planned                     */
    unic__run run;
    unic__node *first, *last;
    size_t node_count;
    struct unic__step *steps; /* planned calls, in forward order */
    size_t step_count, capacity;
    size_t phase_end[UNIC__MAX_PHASES]; /* steps of phase p: [phase_end[p-1], phase_end[p]) */
    float *memory;
    size_t memory_floats; /* the size that the plan computed */
    float *scratch;       /* shared by all calls: one runs at a time */
    size_t planned_count; /* calls whose plan() has run: unplan() is called for these */
    unic__node poison;    /* stands for every node after an error */
} unic__graph;

void unic__graph_init(unic__graph *g, unic__param_table *params, bool inference);
void unic__graph_free(unic__graph *g);

/* Leaves. The caller fills an input's values (node->t.x or .ix), which are in planned
 * memory. */
unic__node *unic__input(unic__graph *g, unic__shape shape, unic__dtype dtype);
/* A leaf in the caller's memory, which must be valid whenever the graph runs; `dx` NULL: no
 * gradient. */
unic__node *unic__external(unic__graph *g, unic__shape shape, float *x, float *dx);
/* A parameter of the table, declared at its first use; the name is printf-like. */
__attribute__((format(printf, 4, 5))) unic__node *
unic__param_node(unic__graph *g, unic__shape shape, unic__init init, const char *format, ...);

/* The same for the weight [n,k] of a product x w^T by an operator that also takes it packed. */
__attribute__((format(printf, 4, 5))) unic__node *
unic__weight_node(unic__graph *g, unic__shape shape, unic__init init, const char *format, ...);

/* The same for the weight [3,3,ci,co] of a convolution, which a table of packed weights also keeps
 * transformed for Winograd's tiles of side `tile`, if that is not 0: 36/9 of its memory for 4. */
__attribute__((format(printf, 5, 6))) unic__node *unic__kept_node(unic__graph *g,
                                                                  unic__shape shape,
                                                                  unic__init init, size_t tile,
                                                                  const char *format, ...);

/* One operator applied: `attr` is copied. Inputs may be NULL where the operator allows it. */
unic__node *unic__apply(unic__graph *g, const unic__op *op, const void *attr, size_t attr_size,
                        size_t n, unic__node *const *in);

/* The same memory under another shape of the same count. */
unic__node *unic__reshape(unic__graph *g, unic__node *x, unic__shape shape);

/* The same value, through which no gradient passes: sg[x]. */
unic__node *unic__stop_gradient(unic__graph *g, unic__node *x);

/* Its value stays readable after the run. Returns the node. */
unic__node *unic__keep(unic__node *node);
/* Makes a scalar a term of the objective with this weight (0: only reported). It is kept. */
unic__node *unic__loss(unic__node *node, double weight);
/* Records an error found by the caller that builds the graph. Returns the poison node. */
__attribute__((format(printf, 3, 4))) unic__node *
unic__graph_fail(unic__graph *g, unic_status status, const char *format, ...);

/* A name that lives as long as the graph; "" while a graph is made again, and after an
 * error. */
__attribute__((format(printf, 2, 3))) const char *unic__graph_name(unic__graph *g,
                                                                   const char *format, ...);
const char *unic__graph_vname(unic__graph *g, const char *format, va_list args);

/*
 * One graph for many shapes: after unic__graph_again() the calls that built it are made once
 * more, in the same order, on inputs of other shapes. They find the nodes that there are and
 * change their shapes, and allocate nothing. Before planning, this makes memory be planned for
 * the largest of all shapes. After it, unic__graph_fits() says whether the shapes fit that
 * memory; if they do not, the graph can only be freed. For graphs for inference whose calls are
 * made in the order of their phases, and whose operators hold no primitives, which serve one
 * shape: where there are convolutions, set g->many_shapes before.
 */
void unic__graph_again(unic__graph *g);
bool unic__graph_fits(unic__graph *g);

/* Checks, lays out memory, creates primitives. The parameter table must be sealed before. */
unic_status unic__graph_plan(unic__graph *g);

/* The first failure of a kernel since the last call, which is forgotten: UNIC_E_KERNEL, or
 * UNIC_E_NOMEM, with oneDNN's message of this thread; or UNIC_E_CANCELLED, by the run's watch. */
unic_status unic__graph_status(unic__graph *g);

/* From now on an input's values are read from `x` (NULL: from its own memory again), which is
 * not written to: operators do not write to their inputs. */
void unic__graph_lend(unic__graph *g, unic__node *input, const float *x);

/* Whether the input reads lent memory now. */
static inline bool unic__is_lent(const unic__node *input)
{
    return input->lent_over && input->t.x != input->lent_over;
}

/* The number of calls of operators in all phases, forward and, if asked for, backward: what a
 * run's watch is told of. */
uint64_t unic__graph_call_count(const unic__graph *g, bool with_backward);

/* at[i]: the call, by its place in the forward order, after whose backward the gradient of
 * parameter i of the table is whole; SIZE_MAX: it gets none. */
void unic__graph_gradient_ends(const unic__graph *g, const unic__param_table *params,
                               size_t *at);

/* The calls that draw random numbers draw those of `as`, a graph with the same of them in the same
 * order, but with other calls in between. Before planning. */
void unic__graph_draw_as(unic__graph *g, const unic__graph *as);

/* After the run's watch has asked to stop, nothing is computed until the status is taken. */
void unic__graph_forward(unic__graph *g, unsigned phase);
/* Adds to the gradients of parameters and external leaves; the caller clears those. */
void unic__graph_backward(unic__graph *g, unsigned phase);

#endif
