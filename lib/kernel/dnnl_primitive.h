/*
 * One primitive of oneDNN with its arguments, for the files that put oneDNN behind dnnl_glue.h:
 * dnnl_matmul.c, dnnl_softmax.c and dnnl_conv.c. An object of theirs is a context and one or more
 * primitives, which are made in it, between unic__dnnl_enter() and unic__dnnl_leave().
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

/* oneDNN takes as many threads as the calling thread's OpenMP setting says, when a primitive is
 * created and when it runs: ours around the call, then what was there. Its threads wait for each
 * other, so OpenMP must neither give fewer nor be free to (`dynamic`). */
typedef struct unic__dnnl_setting {
    int threads, dynamic;
} unic__dnnl_setting;

unic__dnnl_setting unic__dnnl_enter(int threads);
void unic__dnnl_leave(unic__dnnl_setting before);

/* UNIC_E_NOMEM where the system would not give what making a primitive takes. */
unic_status unic__dnnl_ask_for_room(const char *what, int threads);

/*
 * The threads that primitives are made for and that they run with are those that OpenMP gives now.
 * If these are others than at the last run (the caller is in a parallel region of its own, or no
 * longer; the process was forked; OpenMP's limits were set), the primitives are made anew.
 */
int unic__dnnl_team_of(const unic__dnnl_context *c);

unic_status unic__dnnl_context_init(unic__dnnl_context *c);
void unic__dnnl_context_clear(unic__dnnl_context *c);

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
