/*
 * One primitive of oneDNN with its arguments, for the files that put oneDNN behind dnnl_glue.h:
 * dnnl_matmul.c, dnnl_softmax.c and dnnl_conv.c. An object of theirs begins with a context; its
 * primitives are made in that.
 */
#ifndef UNIC_KERNEL_DNNL_PRIMITIVE_H
#define UNIC_KERNEL_DNNL_PRIMITIVE_H

#include "kernel/dnnl_glue.h"
#include "kernel/dnnl_versions.h"

/* An engine and a stream are cheap, so every object owns its own: no global state, no locks. */
typedef struct unic__dnnl_context {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    int asked;   /* threads that were set when the object was created   */
    int threads; /* those that its primitives are made for; 0: not made */
} unic__dnnl_context;

enum { UNIC__DNNL_MAX_ARGS = 4 };

/* The scratchpad is ours, because oneDNN's own belongs to the creating thread. */
typedef struct unic__dnnl_primitive {
    dnnl_primitive_t handle; /* NULL: not there */
    int args;
    dnnl_exec_arg_t arg[UNIC__DNNL_MAX_ARGS];
    void *scratch;
    bool has_run;
} unic__dnnl_primitive;

/* UNIC_E_NOMEM or UNIC_E_KERNEL, with what oneDNN refused. */
unic_status unic__dnnl_fail(dnnl_status_t status, const char *what);

#define UNIC__DNNL_TRY(what, call)                                                             \
    do {                                                                                       \
        dnnl_status_t dnnl_status_ = (call);                                                   \
        if (dnnl_status_ != dnnl_success)                                                      \
            return unic__dnnl_fail(dnnl_status_, (what));                                      \
    } while (0)

/* A kind of object: how the primitives of one are made in its context, and released. */
typedef struct unic__dnnl_kind {
    const char *what; /* "a matmul" */
    unic_status (*build)(void *object);
    void (*clear)(void *object);
} unic__dnnl_kind;

/* Builds a new object, whose context says the threads that are `asked`; frees it after a failure. */
unic_status unic__dnnl_create(const unic__dnnl_kind *kind, void *object);
void unic__dnnl_free(const unic__dnnl_kind *kind, void *object);

/*
 * Before a run. The threads that primitives are made for and that they run with are those that
 * OpenMP gives now. If these are others than at the last run (the caller is in a parallel region of
 * its own, or no longer; the process was forked; OpenMP's limits were set), the primitives are made
 * anew. False: *sticky says why there are none.
 */
bool unic__dnnl_is_ready(const unic__dnnl_kind *kind, void *object, unic_status *sticky);

/* `sum`: the result is added to what the destination holds. */
unic_status unic__dnnl_attr_create(dnnl_primitive_attr_t *attr, bool sum);

/* Builds the primitive of a descriptor that was `made` just now, and releases the descriptor.
 * The arguments' memory is named by each run, in the order of `args`. */
unic_status unic__dnnl_primitive_init(unic__dnnl_primitive *p, const unic__dnnl_context *c,
                                      const char *what, dnnl_status_t made,
                                      dnnl_primitive_desc_t pd, int n, const int *args);
void unic__dnnl_primitive_clear(unic__dnnl_primitive *p);

/* Computes with the n arguments' data; what fails is kept in *sticky as dnnl_glue.h says. */
void unic__dnnl_run(unic__dnnl_primitive *p, const unic__dnnl_context *c, int n,
                    const float *const data[], unic_status *sticky);

static inline dnnl_dim_t dim(size_t n)
{
    return (dnnl_dim_t)n;
}

#endif
