#include "kernel/dnnl_primitive.h"

#include "base/openmp.h"

bool unic__dnnl_available(void)
{
    return true;
}

unic_status unic__dnnl_fail(dnnl_status_t status, const char *what)
{
    if (status == dnnl_out_of_memory)
        return unic__fail(UNIC_E_NOMEM, "out of memory (oneDNN, %s)", what);
    return unic__fail(UNIC_E_KERNEL, "oneDNN %d.%d refuses %s (status %d)", DNNL_VERSION_MAJOR,
                      DNNL_VERSION_MINOR, what, (int)status);
}

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
    return unic__dnnl_fail(dnnl_out_of_memory, what);
}

static int team_of(const unic__dnnl_context *c)
{
    return unic__team(c->asked);
}

static unic_status context_init(unic__dnnl_context *c)
{
    c->threads = team_of(c);
    UNIC__DNNL_TRY("an engine", dnnl_engine_create(&c->engine, dnnl_cpu, 0));
    UNIC__DNNL_TRY("a stream",
                   dnnl_stream_create(&c->stream, c->engine, dnnl_stream_default_flags));
    return UNIC_OK;
}

static void context_clear(unic__dnnl_context *c)
{
    if (c->stream)
        dnnl_stream_destroy(c->stream);
    if (c->engine)
        dnnl_engine_destroy(c->engine);
    *c = (unic__dnnl_context){.asked = c->asked};
}

static unic_status make(const unic__dnnl_kind *kind, void *object)
{
    unic__dnnl_context *c = object;
    const int threads = team_of(c);
    UNIC__TRY(ask_for_room(kind->what, threads));
    const setting before = enter(threads);
    unic_status status = context_init(c);
    if (status == UNIC_OK)
        status = kind->build(object);
    leave(before);
    return status;
}

static void clear(const unic__dnnl_kind *kind, void *object)
{
    kind->clear(object);
    context_clear(object);
}

unic_status unic__dnnl_create(const unic__dnnl_kind *kind, void *object)
{
    const unic_status status = make(kind, object);
    if (status != UNIC_OK)
        unic__dnnl_free(kind, object);
    return status;
}

void unic__dnnl_free(const unic__dnnl_kind *kind, void *object)
{
    if (!object)
        return;
    clear(kind, object);
    unic__free(object);
}

bool unic__dnnl_is_ready(const unic__dnnl_kind *kind, void *object, unic_status *sticky)
{
    const unic__dnnl_context *c = object;
    if (c->threads == team_of(c))
        return true;
    clear(kind, object);
    if (*sticky == UNIC_OK)
        *sticky = make(kind, object);
    if (*sticky != UNIC_OK)
        clear(kind, object);
    return *sticky == UNIC_OK;
}

unic_status unic__dnnl_attr_create(dnnl_primitive_attr_t *attr, bool sum)
{
    UNIC__DNNL_TRY("attributes", dnnl_primitive_attr_create(attr));
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
    return status ? unic__dnnl_fail(status, "attributes") : UNIC_OK;
}

static unic_status add_memory(unic__dnnl_primitive *p, const unic__dnnl_context *c, int arg,
                              desc_ref md, void *data)
{
    p->arg[p->args].arg = arg;
    UNIC__DNNL_TRY("a memory object",
                   dnnl_memory_create(&p->arg[p->args].memory, md, c->engine, data));
    p->args++;
    return UNIC_OK;
}

static unic_status primitive_fill(unic__dnnl_primitive *p, const unic__dnnl_context *c,
                                  const char *what, const_dnnl_primitive_desc_t pd, int n,
                                  const int *args)
{
    UNIC__TRY(ask_for_room(what, c->threads));
    UNIC__DNNL_TRY(what, dnnl_primitive_create(&p->handle, pd));
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

unic_status unic__dnnl_primitive_init(unic__dnnl_primitive *p, const unic__dnnl_context *c,
                                      const char *what, dnnl_status_t made,
                                      dnnl_primitive_desc_t pd, int n, const int *args)
{
    if (made)
        return unic__dnnl_fail(made, what);
    unic_status status = primitive_fill(p, c, what, pd, n, args);
    dnnl_primitive_desc_destroy(pd);
    return status;
}

void unic__dnnl_primitive_clear(unic__dnnl_primitive *p)
{
    for (int i = 0; i < p->args; i++)
        dnnl_memory_destroy(p->arg[i].memory);
    if (p->handle)
        dnnl_primitive_destroy(p->handle);
    unic__free(p->scratch);
    *p = (unic__dnnl_primitive){0};
}

/* oneDNN's handles are not const, though it only reads its inputs. */
static void *handle_of(const float *x)
{
    return (void *)(uintptr_t)x;
}

void unic__dnnl_run(unic__dnnl_primitive *p, const unic__dnnl_context *c, int n,
                    const float *const data[], unic_status *sticky)
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
        *sticky = unic__dnnl_fail(status, "to run");
}
