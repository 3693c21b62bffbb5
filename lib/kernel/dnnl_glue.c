#include "kernel/dnnl_glue.h"

#include "base/openmp.h"
#include "kernel/dnnl_versions.h"

bool unic__dnnl_available(void)
{
    return true;
}

/*
 * ---- one primitive and its arguments ----
 * An engine and a stream are cheap, so every object owns its own: no global state, no locks.
 * The scratchpad is ours, because the library's own belongs to the creating thread.
 */

typedef struct context {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    int asked;   /* threads that were set when the object was created   */
    int threads; /* those that its primitives are made for; 0: not made */
} context;

enum { MAX_ARGS = 4 };

typedef struct primitive {
    dnnl_primitive_t handle; /* NULL: not there */
    int args;
    dnnl_exec_arg_t arg[MAX_ARGS];
    void *scratch;
    bool has_run;
} primitive;

static unic_status fail(dnnl_status_t status, const char *what)
{
    if (status == dnnl_out_of_memory)
        return unic__fail(UNIC_E_NOMEM, "out of memory (oneDNN, %s)", what);
    return unic__fail(UNIC_E_KERNEL, "oneDNN %d.%d refuses %s (status %d)", DNNL_VERSION_MAJOR,
                      DNNL_VERSION_MINOR, what, (int)status);
}

#define TRY(what, call)                                                                        \
    do {                                                                                       \
        dnnl_status_t dnnl_status_ = (call);                                                   \
        if (dnnl_status_ != dnnl_success)                                                      \
            return fail(dnnl_status_, (what));                                                 \
    } while (0)

/* oneDNN takes as many threads as the calling thread's OpenMP setting says, when a primitive is
 * created and when it runs: ours around the call, then what was there. Its threads wait for each
 * other, so OpenMP must neither give fewer nor be free to (`dynamic`). */
typedef struct setting {
    int threads, dynamic;
} setting;

static setting enter(int threads)
{
    const setting before = {omp_get_max_threads(), omp_get_dynamic()};
    omp_set_num_threads(threads);
    if (before.dynamic)
        omp_set_dynamic(0);
    return before;
}

static void leave(setting before)
{
    omp_set_num_threads(before.threads);
    if (before.dynamic)
        omp_set_dynamic(before.dynamic);
}

/* oneDNN crashes where it gets no memory for code, and ends the process for want of any other:
 * a primitive takes up to some megabytes when it is made and when it first runs (it then compiles
 * products of its own), and later a few objects. */
enum { CREATE_BYTES = 16 << 20, RUN_BYTES = 64 << 10 };

static bool has_room(size_t bytes, int threads)
{
    return unic__has_headroom(bytes) && (threads == 1 || unic__has_team(threads));
}

/* A primitive's first run. libc gives a thread an arena of its own at its first malloc, which takes
 * 64 MB of addresses; where there are none, it shares another's. */
static bool has_first_room(int threads)
{
    enum { ARENA_BYTES = 64 << 20, ARENAS = 2 };
    size_t arenas = threads > ARENAS ? ARENAS : (size_t)threads - 1;
    return has_room(CREATE_BYTES + arenas * ARENA_BYTES, threads);
}

static unic_status ask_for_room(const char *what, int threads)
{
    if (has_room(CREATE_BYTES, threads))
        return UNIC_OK;
    return fail(dnnl_out_of_memory, what);
}

/*
 * The threads that primitives are made for and that they run with are those that OpenMP gives now.
 * If these are others than at the last run (the caller is in a parallel region of its own, or no
 * longer; the process was forked; OpenMP's limits were set), the primitives are made anew.
 */
static int team_of(const context *c)
{
    return unic__team(c->asked);
}

static unic_status context_init(context *c)
{
    c->threads = team_of(c);
    TRY("an engine", dnnl_engine_create(&c->engine, dnnl_cpu, 0));
    TRY("a stream", dnnl_stream_create(&c->stream, c->engine, dnnl_stream_default_flags));
    return UNIC_OK;
}

static void context_clear(context *c)
{
    if (c->stream)
        dnnl_stream_destroy(c->stream);
    if (c->engine)
        dnnl_engine_destroy(c->engine);
    *c = (context){.asked = c->asked};
}

/* `sum`: the result is added to what the destination holds. */
static unic_status attr_create(dnnl_primitive_attr_t *attr, bool sum)
{
    TRY("attributes", dnnl_primitive_attr_create(attr));
    dnnl_post_ops_t ops = NULL;
    dnnl_status_t status = dnnl_primitive_attr_set_scratchpad_mode(*attr,
                                                                   dnnl_scratchpad_mode_user);
    if (!status && sum) {
        status = dnnl_post_ops_create(&ops);
        if (!status)
            status = append_sum(ops);
        if (!status)
            status = dnnl_primitive_attr_set_post_ops(*attr, ops);
        if (ops)
            dnnl_post_ops_destroy(ops);
    }
    if (status)
        dnnl_primitive_attr_destroy(*attr);
    return status ? fail(status, "attributes") : UNIC_OK;
}

static unic_status add_memory(primitive *p, const context *c, int arg, desc_ref md, void *data)
{
    p->arg[p->args].arg = arg;
    TRY("a memory object", dnnl_memory_create(&p->arg[p->args].memory, md, c->engine, data));
    p->args++;
    return UNIC_OK;
}

static unic_status primitive_fill(primitive *p, const context *c, const char *what,
                                  const_dnnl_primitive_desc_t pd, int n, const int *args)
{
    UNIC__TRY(ask_for_room(what, c->threads));
    TRY(what, dnnl_primitive_create(&p->handle, pd));
    for (int i = 0; i < n; i++) {
        desc_ref md = dnnl_primitive_desc_query_md(pd, dnnl_query_exec_arg_md, args[i]);
        UNIC__TRY(add_memory(p, c, args[i], md, DNNL_MEMORY_NONE));
    }
    desc_ref md = dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0);
    size_t bytes = md ? dnnl_memory_desc_get_size(md) : 0;
    if (!bytes)
        return UNIC_OK;
    p->scratch = unic__alloc(bytes);
    if (!p->scratch)
        return unic__no_memory(bytes, "oneDNN's scratchpad");
    return add_memory(p, c, DNNL_ARG_SCRATCHPAD, md, p->scratch);
}

/* Builds the primitive of a descriptor that was `made` just now, and releases the descriptor.
 * The arguments' memory is named by each run, in the order of `args`. */
static unic_status primitive_init(primitive *p, const context *c, const char *what,
                                  dnnl_status_t made, dnnl_primitive_desc_t pd, int n,
                                  const int *args)
{
    if (made)
        return fail(made, what);
    unic_status status = primitive_fill(p, c, what, pd, n, args);
    dnnl_primitive_desc_destroy(pd);
    return status;
}

static void primitive_clear(primitive *p)
{
    for (int i = 0; i < p->args; i++)
        dnnl_memory_destroy(p->arg[i].memory);
    if (p->handle)
        dnnl_primitive_destroy(p->handle);
    unic__free(p->scratch);
    *p = (primitive){0};
}

/* oneDNN's handles are not const, though it only reads its inputs. */
static void *handle_of(const float *x)
{
    return (void *)(uintptr_t)x;
}

static void run(primitive *p, const context *c, int n, const float *const data[],
                unic_status *sticky)
{
    const bool room = p->has_run ? has_room(RUN_BYTES, c->threads) : has_first_room(c->threads);
    dnnl_status_t status = room ? dnnl_success : dnnl_out_of_memory;
    const setting before = enter(c->threads);
    for (int i = 0; i < n && !status; i++)
        status = dnnl_memory_set_data_handle(p->arg[i].memory, handle_of(data[i]));
    if (!status)
        status = dnnl_primitive_execute(p->handle, c->stream, p->args, p->arg);
    if (!status)
        status = dnnl_stream_wait(c->stream);
    leave(before);
    p->has_run = p->has_run || !status;
    if (status && *sticky == UNIC_OK)
        *sticky = fail(status, "to run");
}

static dnnl_dim_t dim(size_t n)
{
    return (dnnl_dim_t)n;
}

/* ---- products ---- */

struct unic__dnnl_matmul {
    context context;
    primitive product;
    size_t batch, m, n, k;
    bool b_broadcast, ta, tb, accumulate;
};

/* [batch,rows,columns], or stored [batch,columns,rows]. */
static dnnl_status_t matrix_desc(desc *d, size_t batch, size_t rows, size_t columns,
                                 bool transposed)
{
    dnnl_dims_t dims = {dim(batch), dim(rows), dim(columns)};
    dnnl_dims_t strides = {dim(rows * columns), dim(transposed ? 1 : columns),
                           dim(transposed ? rows : 1)};
    return desc_strided(d, 3, dims, strides);
}

static unic_status matmul_init(unic__dnnl_matmul *p, const desc d[3])
{
    static const int args[] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST};
    UNIC__TRY(context_init(&p->context));
    dnnl_primitive_attr_t attr;
    UNIC__TRY(attr_create(&attr, p->accumulate));
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t made = matmul_pd(&pd, p->context.engine, attr, &d[0], &d[1], &d[2]);
    dnnl_primitive_attr_destroy(attr);
    return primitive_init(&p->product, &p->context, "a matmul", made, pd, 3, args);
}

static unic_status matmul_make(unic__dnnl_matmul *p)
{
    const int threads = team_of(&p->context);
    UNIC__TRY(ask_for_room("a matmul", threads));
    const setting before = enter(threads);
    desc d[3] = {0};
    dnnl_status_t made = matrix_desc(&d[0], p->batch, p->m, p->k, p->ta);
    if (!made)
        made = matrix_desc(&d[1], p->b_broadcast ? 1 : p->batch, p->k, p->n, p->tb);
    if (!made)
        made = matrix_desc(&d[2], p->batch, p->m, p->n, false);
    unic_status status = made ? fail(made, "a matrix") : matmul_init(p, d);
    for (int i = 0; i < 3; i++)
        desc_free(&d[i]);
    leave(before);
    return status;
}

static void matmul_clear(unic__dnnl_matmul *p)
{
    primitive_clear(&p->product);
    context_clear(&p->context);
}

unic_status unic__dnnl_matmul_create(unic__dnnl_matmul **out, size_t batch, bool b_broadcast,
                                     size_t m, size_t n, size_t k, bool ta, bool tb,
                                     bool accumulate)
{
    unic__dnnl_matmul *p = unic__alloc_zero(sizeof *p);
    if (!p)
        return unic__no_memory(sizeof *p, "a oneDNN matmul");
    *p = (unic__dnnl_matmul){.context = {.asked = unic__threads()},
                             .batch = batch,
                             .m = m,
                             .n = n,
                             .k = k,
                             .b_broadcast = b_broadcast,
                             .ta = ta,
                             .tb = tb,
                             .accumulate = accumulate};
    if (b_broadcast && !ta) { /* one tall product */
        p->m *= batch;
        p->batch = 1;
    }
    unic_status status = matmul_make(p);
    if (status == UNIC_OK)
        *out = p;
    else
        unic__dnnl_matmul_free(p);
    return status;
}

static bool matmul_is_ready(unic__dnnl_matmul *p, unic_status *sticky)
{
    if (p->context.threads == team_of(&p->context))
        return true;
    matmul_clear(p);
    if (*sticky == UNIC_OK)
        *sticky = matmul_make(p);
    if (*sticky != UNIC_OK)
        matmul_clear(p);
    return *sticky == UNIC_OK;
}

void unic__dnnl_matmul_run(unic__dnnl_matmul *p, const float *a, const float *b, float *c,
                           unic_status *sticky)
{
    if (matmul_is_ready(p, sticky))
        run(&p->product, &p->context, 3, (const float *[]){a, b, c}, sticky);
}

void unic__dnnl_matmul_free(unic__dnnl_matmul *p)
{
    if (!p)
        return;
    matmul_clear(p);
    unic__free(p);
}

/* ---- softmax ---- */

struct unic__dnnl_softmax {
    context context;
    primitive forward, backward;
    size_t rows, n;
};

static unic_status softmax_init(unic__dnnl_softmax *p, const desc *x)
{
    static const int forward_args[] = {DNNL_ARG_SRC, DNNL_ARG_DST};
    static const int backward_args[] = {DNNL_ARG_DST, DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_SRC};
    const context *c = &p->context;
    UNIC__TRY(context_init(&p->context));
    dnnl_primitive_attr_t attr;
    UNIC__TRY(attr_create(&attr, false));
    dnnl_primitive_desc_t pd = NULL, backward_pd = NULL;
    dnnl_status_t made = softmax_pd(&pd, c->engine, attr, x);
    dnnl_status_t backward_made = made ? made
                                       : softmax_backward_pd(&backward_pd, c->engine, attr, x,
                                                             pd);
    dnnl_primitive_attr_destroy(attr);
    unic_status status = primitive_init(&p->forward, c, "a softmax", made, pd, 2, forward_args);
    unic_status backward_status = primitive_init(&p->backward, c, "a softmax's gradient",
                                                 backward_made, backward_pd, 3, backward_args);
    return status == UNIC_OK ? backward_status : status;
}

static unic_status softmax_make(unic__dnnl_softmax *p)
{
    const int threads = team_of(&p->context);
    UNIC__TRY(ask_for_room("a softmax", threads));
    const setting before = enter(threads);
    desc x = {0};
    dnnl_status_t made = desc_strided(&x, 2, (dnnl_dims_t){dim(p->rows), dim(p->n)},
                                      (dnnl_dims_t){dim(p->n), 1});
    unic_status status = made ? fail(made, "a matrix") : softmax_init(p, &x);
    desc_free(&x);
    leave(before);
    return status;
}

static void softmax_clear(unic__dnnl_softmax *p)
{
    primitive_clear(&p->forward);
    primitive_clear(&p->backward);
    context_clear(&p->context);
}

unic_status unic__dnnl_softmax_create(unic__dnnl_softmax **out, size_t rows, size_t n)
{
    unic__dnnl_softmax *p = unic__alloc_zero(sizeof *p);
    if (!p)
        return unic__no_memory(sizeof *p, "a oneDNN softmax");
    *p = (unic__dnnl_softmax){.context = {.asked = unic__threads()}, .rows = rows, .n = n};
    unic_status status = softmax_make(p);
    if (status == UNIC_OK)
        *out = p;
    else
        unic__dnnl_softmax_free(p);
    return status;
}

static bool softmax_is_ready(unic__dnnl_softmax *p, unic_status *sticky)
{
    if (p->context.threads == team_of(&p->context))
        return true;
    softmax_clear(p);
    if (*sticky == UNIC_OK)
        *sticky = softmax_make(p);
    if (*sticky != UNIC_OK)
        softmax_clear(p);
    return *sticky == UNIC_OK;
}

void unic__dnnl_softmax_run(unic__dnnl_softmax *p, const float *x, float *y,
                            unic_status *sticky)
{
    if (softmax_is_ready(p, sticky))
        run(&p->forward, &p->context, 2, (const float *[]){x, y}, sticky);
}

void unic__dnnl_softmax_backward_run(unic__dnnl_softmax *p, const float *y, const float *dy,
                                     float *dx, unic_status *sticky)
{
    if (softmax_is_ready(p, sticky))
        run(&p->backward, &p->context, 3, (const float *[]){y, dy, dx}, sticky);
}

void unic__dnnl_softmax_free(unic__dnnl_softmax *p)
{
    if (!p)
        return;
    softmax_clear(p);
    unic__free(p);
}

/* ---- convolution ---- */

/*
 * oneDNN chooses the weights' layout, so they are reordered on the way in; a result that has
 * not our layout, or is to be added where oneDNN can only overwrite, goes by a staged copy:
 *
 *   forward   w -> staged w        x, staged w -> y       (added by the primitive)
 *   data      w -> staged w        dy, staged w -> dx     or -> staged dx, added to dx
 *   weights                        x, dy -> staged dw,    reordered or added to dw
 */
struct unic__dnnl_conv {
    context context;
    primitive product;
    primitive before, after; /* reorders; their handle is NULL if there is nothing to do */
    float *staged_in, *staged_out;
    unic__conv_product kind;
    unic__conv_dims dims;
    bool accumulate;
};

typedef struct conv_desc {
    desc x, w, y; /* ours                      */
    desc w_any;   /* the weights in any layout */
} conv_desc;

static dnnl_status_t image_desc(desc *d, size_t n, size_t h, size_t w, size_t c)
{
    dnnl_dims_t dims = {dim(n), dim(c), dim(h), dim(w)};
    dnnl_dims_t strides = {dim(h * w * c), 1, dim(w * c), dim(c)};
    return desc_strided(d, 4, dims, strides);
}

static dnnl_status_t conv_desc_init(conv_desc *d, const unic__conv_dims *s)
{
    dnnl_dims_t dims = {dim(s->co), dim(s->ci), dim(s->kh), dim(s->kw)};
    dnnl_dims_t strides = {1, dim(s->co), dim(s->kw * s->ci * s->co), dim(s->ci * s->co)};
    dnnl_status_t status = image_desc(&d->x, s->n, s->h, s->w, s->ci);
    if (!status)
        status = image_desc(&d->y, s->n, s->oh, s->ow, s->co);
    if (!status)
        status = desc_strided(&d->w, 4, dims, strides);
    if (!status)
        status = desc_any(&d->w_any, 4, dims);
    return status;
}

static void conv_desc_free(conv_desc *d)
{
    desc_free(&d->x);
    desc_free(&d->w);
    desc_free(&d->y);
    desc_free(&d->w_any);
}

/* A reorder from -> to (added, if `sum`), and the memory on the side that is not ours. */
static unic_status stage_init(primitive *p, float **staged, desc_ref staged_md,
                              const context *c, desc_ref from, desc_ref to, bool sum)
{
    static const int args[] = {DNNL_ARG_FROM, DNNL_ARG_TO};
    size_t bytes = dnnl_memory_desc_get_size(staged_md);
    *staged = unic__alloc(bytes);
    if (!*staged)
        return unic__no_memory(bytes, "a oneDNN convolution");
    dnnl_primitive_attr_t attr;
    UNIC__TRY(attr_create(&attr, sum));
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t made = dnnl_reorder_primitive_desc_create(&pd, from, c->engine, to, c->engine,
                                                            attr);
    dnnl_primitive_attr_destroy(attr);
    return primitive_init(p, c, "a reorder", made, pd, 2, args);
}

static unic_status conv_init(unic__dnnl_conv *p, const conv_desc *d)
{
    static const int args[][3] = {
        [UNIC__CONV_FORWARD] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST},
        [UNIC__CONV_DATA] = {DNNL_ARG_DIFF_DST, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_SRC},
        [UNIC__CONV_WEIGHTS] = {DNNL_ARG_SRC, DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_WEIGHTS},
    };
    const context *c = &p->context;
    const unic__conv_dims *s = &p->dims;
    const unic__conv_product product = p->kind;
    const bool accumulate = p->accumulate;
    UNIC__TRY(context_init(&p->context));
    dnnl_primitive_attr_t attr;
    UNIC__TRY(attr_create(&attr, accumulate && product == UNIC__CONV_FORWARD));
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t made = conv_pd(&pd, c->engine, attr, product, &d->x, &d->w_any, &d->y,
                                 (dnnl_dims_t){dim(s->stride), dim(s->stride)},
                                 (dnnl_dims_t){dim(s->dilation) - 1, dim(s->dilation) - 1},
                                 (dnnl_dims_t){dim(s->pad), dim(s->pad)});
    dnnl_primitive_attr_destroy(attr);
    UNIC__TRY(primitive_init(&p->product, c, "a convolution", made, pd, 3, args[product]));

    const_dnnl_primitive_desc_t chosen = NULL;
    TRY("a query", dnnl_primitive_get_primitive_desc(p->product.handle, &chosen));
    desc_ref w = dnnl_primitive_desc_query_md(
        chosen, dnnl_query_exec_arg_md,
        product == UNIC__CONV_WEIGHTS ? DNNL_ARG_DIFF_WEIGHTS : DNNL_ARG_WEIGHTS);
    bool reordered = !dnnl_memory_desc_equal(w, ref(&d->w));
    if (product != UNIC__CONV_WEIGHTS && reordered)
        UNIC__TRY(stage_init(&p->before, &p->staged_in, w, c, ref(&d->w), w, false));
    if (product == UNIC__CONV_DATA && accumulate)
        return stage_init(&p->after, &p->staged_out, ref(&d->x), c, ref(&d->x), ref(&d->x),
                          true);
    if (product == UNIC__CONV_WEIGHTS && (accumulate || reordered))
        return stage_init(&p->after, &p->staged_out, w, c, w, ref(&d->w), accumulate);
    return UNIC_OK;
}

static unic_status conv_make(unic__dnnl_conv *p)
{
    const int threads = team_of(&p->context);
    UNIC__TRY(ask_for_room("a convolution", threads));
    const setting before = enter(threads);
    conv_desc descs = {0};
    dnnl_status_t made = conv_desc_init(&descs, &p->dims);
    unic_status status = made ? fail(made, "an image") : conv_init(p, &descs);
    conv_desc_free(&descs);
    leave(before);
    return status;
}

static void conv_clear(unic__dnnl_conv *p)
{
    primitive_clear(&p->product);
    primitive_clear(&p->before);
    primitive_clear(&p->after);
    unic__free(p->staged_in);
    unic__free(p->staged_out);
    p->staged_in = p->staged_out = NULL;
    context_clear(&p->context);
}

unic_status unic__dnnl_conv_create(unic__dnnl_conv **out, unic__conv_product product,
                                   const unic__conv_dims *d, bool accumulate)
{
    unic__dnnl_conv *p = unic__alloc_zero(sizeof *p);
    if (!p)
        return unic__no_memory(sizeof *p, "a oneDNN convolution");
    *p = (unic__dnnl_conv){.context = {.asked = unic__threads()},
                           .kind = product,
                           .dims = *d,
                           .accumulate = accumulate};
    unic_status status = conv_make(p);
    if (status == UNIC_OK)
        *out = p;
    else
        unic__dnnl_conv_free(p);
    return status;
}

static bool conv_is_ready(unic__dnnl_conv *p, unic_status *sticky)
{
    if (p->context.threads == team_of(&p->context))
        return true;
    conv_clear(p);
    if (*sticky == UNIC_OK)
        *sticky = conv_make(p);
    if (*sticky != UNIC_OK)
        conv_clear(p);
    return *sticky == UNIC_OK;
}

void unic__dnnl_conv_run(unic__dnnl_conv *p, const float *a, const float *b, float *c,
                         unic_status *sticky)
{
    if (!conv_is_ready(p, sticky))
        return;
    const context *x = &p->context;
    if (p->before.handle) {
        run(&p->before, x, 2, (const float *[]){b, p->staged_in}, sticky);
        b = p->staged_in;
    }
    run(&p->product, x, 3, (const float *[]){a, b, p->after.handle ? p->staged_out : c},
        sticky);
    if (p->after.handle)
        run(&p->after, x, 2, (const float *[]){p->staged_out, c}, sticky);
}

void unic__dnnl_conv_free(unic__dnnl_conv *p)
{
    if (!p)
        return;
    conv_clear(p);
    unic__free(p);
}
