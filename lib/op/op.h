/*
 * What an operator is. An operator knows tensors and its own numbers, not the graph that calls
 * it: the graph (and the tests) fill in a unic__call, ask `infer` for the output's shape and
 * the memory needed, `plan` once, then run `forward` and `backward` any number of times.
 *
 *   infer     checks the inputs' shapes (UNIC_E_SHAPE with a sentence), sets out->shape,
 *             out->dtype, saved_size and scratch_size. Only infer() may reject inputs.
 *   plan      optional: creates vendor primitives. May fail.
 *   forward   out->x = f(in...); allocates nothing, returns no status (an error of a vendor
 *             call is stored in run->status).
 *   backward  for every input whose dx is not NULL: in->dx += d out / d in * out->dx.
 *             It may read the values it names in `keeps`, and what forward left in `saved`.
 *             For an input named in `stores`, the caller may set its bit in `fresh`: dx is then
 *             undefined before the call, and backward stores every element instead of adding.
 *   unplan    optional: releases what plan made.
 *
 * Tensors are dense, row-major float32 (or int32, for indices), 64-byte aligned.
 */
#ifndef UNIC_OP_OP_H
#define UNIC_OP_OP_H

#include "base/half.h"
#include "kernel/product.h"

enum { UNIC__MAX_INPUTS = 10 };

typedef enum unic__dtype { UNIC__F32, UNIC__I32 } unic__dtype;

typedef struct unic__tensor {
    unic__shape shape;
    unic__dtype dtype;
    float *x;    /* values, f32                                                      */
    int32_t *ix; /* values, i32 (then x is NULL)                                     */
    float *dx;   /* gradient of the loss; NULL: not wanted                           */
    bool packed; /* a weight laid out as kernel/packed.h says; for inference only    */
    unic__float_type type; /* of a packed weight's numbers                           */
    const float *kept; /* of a convolution's weight for inference: transformed for tiles of  */
    size_t kept_tile;  /* side kept_tile (kernel/winograd.h); 0: it is not                    */
} unic__tensor;

/* Settings shared by all calls of one run of a graph. */
typedef struct unic__run {
    bool training;       /* dropout on                                                  */
    uint64_t seed, step; /* dropout's stream                                           */
    uint64_t part;       /* which part of a larger batch this is, all of one size: draws count
                            from this part's first element                             */
    unic_status status;  /* sticky: set when a vendor kernel fails, or the watch stops   */
    unic__watch *watch;  /* told of each call of an operator; NULL: nobody is            */
    /* Told of each call, by its place in the forward order, whose backward is over; may be
     * NULL. */
    void (*passed)(void *context, size_t step);
    void *context;
} unic__run;

typedef struct unic__call unic__call;

/* Bits of unic__op.stores and unic__call.fresh: inputs. */
#define UNIC__STORES_IN(k) (1U << (k))
#define UNIC__STORES_INS   ((1U << UNIC__MAX_INPUTS) - 1)

/* Bits of unic__op.keeps: the values that backward reads. */
#define UNIC__KEEP_IN(k) (1U << (k))
#define UNIC__KEEP_INS   ((1U << UNIC__MAX_INPUTS) - 1)
#define UNIC__KEEP_OUT   (1U << 30)
#define UNIC__KEEP_NONE  0U

typedef struct unic__op {
    const char *name;
    unic_status (*infer)(unic__call *c);
    unic_status (*plan)(unic__call *c);
    void (*forward)(unic__call *c);
    void (*backward)(unic__call *c); /* NULL: no gradient passes (argmin) */
    void (*unplan)(unic__call *c);
    unsigned keeps;
    unsigned stores; /* inputs whose gradient backward can be the first to write            */
} unic__op;

struct unic__call {
    const unic__op *op;
    unic__tensor *out;
    unic__tensor *in[UNIC__MAX_INPUTS]; /* an optional input that is absent is NULL */
    size_t input_count;
    const void *attr;  /* the operator's own settings (struct unic__<op>_attr), not NULL */
    size_t saved_size; /* floats that live from forward to backward; set by infer */
    float *saved;
    size_t scratch_size; /* floats used within one forward or backward; set by infer */
    float *scratch;
    void *prim; /* what plan made, for example vendor primitives; unplan releases it */
    /* The bits of `stores` whose input is a tensor of its own with an undefined dx when
     * backward runs. Set before plan, then constant. */
    unsigned fresh;
    unic__backend backend;
    bool direct;      /* no convolution by transforms (kernel.winograd = off) */
    bool many_shapes; /* the call is made for one shape after another: `auto` makes no
                         primitives */
    bool inference;   /* backward is never called */
    uint64_t
        id; /* differs between the calls of one graph: dropout's stream of random numbers */
    unic__run *run;
};

static inline bool unic__is_fresh(const unic__call *c, size_t k)
{
    return c->fresh >> k & 1;
}

/* "<op>: <message>" with UNIC_E_SHAPE; for infer. */
__attribute__((format(printf, 2, 3))) unic_status unic__shape_fail(const unic__call *c,
                                                                   const char *format, ...);
#ifdef UNIC_ANALYZE
#define unic__shape_fail(...) unic__never_ok(unic__shape_fail(__VA_ARGS__))
#endif

/* Checks that input k is present, f32 and of this rank. */
unic_status unic__expect_rank(const unic__call *c, size_t k, size_t rank);
unic_status unic__expect_f32(const unic__call *c, size_t k);
unic_status unic__expect_i32(const unic__call *c, size_t k);

#endif
