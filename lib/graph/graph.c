#include "graph/graph.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "graph/plan.h"
#include "kernel/packed.h"
#include "op/operators.h"

void unic__graph_init(unic__graph *g, unic__param_table *params, bool inference)
{
    *g = (unic__graph){.params = params, .inference = inference, .group = "model"};
    g->poison.root = &g->poison;
}

void unic__graph_free(unic__graph *g)
{
    for (size_t i = 0; i < g->planned_count; i++)
        if (g->steps[i].call->op->unplan)
            g->steps[i].call->op->unplan(g->steps[i].call);
    unic__free(g->steps);
    unic__free(g->memory);
    unic__free(g->message);
    unic__arena_free(&g->arena);
    *g = (unic__graph){0};
}

/* Keeps the first error, with its message, until plan reports it. */
static unic__node *poisoned(unic__graph *g, unic_status status)
{
    if (g->status == UNIC_OK) {
        g->status = status;
        g->message = unic__strdup(unic_last_error());
    }
    return &g->poison;
}

unic__node *unic__graph_fail(unic__graph *g, unic_status status, const char *format, ...)
{
    char line[256];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    return poisoned(g, unic__fail(status, "%s", line));
}

/* ---- one graph for many shapes ---- */

/* A size that memory is planned for, or was. */
static void grow(unic__graph *g, size_t *room, size_t floats)
{
    if (floats <= *room)
        return;
    g->outgrown = g->outgrown || g->memory;
    *room = floats;
}

static unic__node *next_node(unic__graph *g, const unic__shape *shape, size_t count)
{
    unic__node *node = g->again_at;
    if (!node)
        return unic__graph_fail(g, UNIC_E_STATE, "a graph is made again with more nodes");
    g->again_at = node->next;
    node->t.shape = *shape;
    if (node->root == node)
        grow(g, &node->room, count);
    return node;
}

void unic__graph_again(unic__graph *g)
{
    g->again = true;
    g->again_at = g->first;
}

bool unic__graph_fits(unic__graph *g)
{
    g->again = false;
    return g->status == UNIC_OK && !g->outgrown && !g->again_at;
}

const char *unic__graph_vname(unic__graph *g, const char *format, va_list args)
{
    const char *name = g->again ? "" : unic__arena_vprintf(&g->arena, format, args);
    if (!name)
        poisoned(g, unic__no_memory(64, "a graph's names"));
    return name ? name : "";
}

const char *unic__graph_name(unic__graph *g, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *name = unic__graph_vname(g, format, args);
    va_end(args);
    return name;
}

/* ---- building ---- */

static unic__node *new_node(unic__graph *g, const unic__shape *shape, unic__dtype dtype)
{
    if (g->status != UNIC_OK)
        return &g->poison;
    size_t count;
    if (!unic__shape_count_checked(shape, &count) || count > INT_MAX) {
        char text[UNIC__SHAPE_TEXT]; /* sizes go through BLAS as int */
        return unic__graph_fail(g, UNIC_E_SHAPE, "a tensor of shape %s is too large",
                                unic__shape_print(shape, text));
    }
    if (g->again)
        return next_node(g, shape, count);
    unic__node *node = unic__arena_alloc(&g->arena, sizeof *node);
    if (!node)
        return poisoned(g, unic__no_memory(sizeof *node, "a graph node"));
    node->room = count;
    node->t.shape = *shape;
    node->t.dtype = dtype;
    node->root = node;
    node->index = g->node_count;
    if (g->last)
        g->last->next = node;
    else
        g->first = node;
    g->last = node;
    g->node_count++;
    return node;
}

unic__node *unic__input(unic__graph *g, unic__shape shape, unic__dtype dtype)
{
    return unic__keep(new_node(g, &shape, dtype));
}

unic__node *unic__external(unic__graph *g, unic__shape shape, float *x, float *dx)
{
    if (g->status != UNIC_OK)
        return &g->poison;
    unic__node *node = new_node(g, &shape, UNIC__F32);
    node->external = true;
    node->t.x = x;
    node->t.dx = dx;
    node->wants_grad = dx != NULL;
    return node;
}

static unic__node *param_node(unic__graph *g, unic__shape shape, unic__init init, bool product,
                              size_t tile, const char *format, va_list args)
{
    if (g->status != UNIC_OK)
        return &g->poison;
    if (g->again)
        return new_node(g, &shape, UNIC__F32);
    const char *name = unic__graph_vname(g, format, args);
    if (g->status != UNIC_OK)
        return &g->poison;
    unic__param *param;
    unic_status status = unic__param_table_declare(g->params, name, &shape, init, g->group,
                                                   &param);
    if (status != UNIC_OK)
        return poisoned(g, status);
    if (!g->params->values) { /* where it lies is open until the table is sealed */
        param->product = product;
        param->tile = tile;
    }
    unic__node *node = new_node(g, &shape, UNIC__F32);
    node->param = param;
    node->table = g->params;
    node->t.packed = param->product &&
                     g->params->packed; /* what operators need depends on it */
    node->t.kept_tile = g->params->packed ? param->tile : 0;
    node->wants_grad = !g->frozen && !g->inference;
    return node;
}

unic__node *unic__param_node(unic__graph *g, unic__shape shape, unic__init init,
                             const char *format, ...)
{
    va_list args;
    va_start(args, format);
    unic__node *node = param_node(g, shape, init, false, 0, format, args);
    va_end(args);
    return node;
}

unic__node *unic__weight_node(unic__graph *g, unic__shape shape, unic__init init,
                              const char *format, ...)
{
    va_list args;
    va_start(args, format);
    unic__node *node = param_node(g, shape, init, unic__worth_packing(shape.dim[0]), 0, format,
                                  args);
    va_end(args);
    return node;
}

unic__node *unic__kept_node(unic__graph *g, unic__shape shape, unic__init init, size_t tile,
                            const char *format, ...)
{
    va_list args;
    va_start(args, format);
    unic__node *node = param_node(g, shape, init, false, tile, format, args);
    va_end(args);
    return node;
}

static unic_status add_step(unic__graph *g, unic__call *call, unic__node *out)
{
    if (g->step_count == g->capacity) {
        size_t capacity = g->capacity ? 2 * g->capacity : 128;
        void *steps = unic__realloc(g->steps, g->step_count * sizeof *g->steps,
                                    capacity * sizeof *g->steps);
        if (!steps)
            return unic__no_memory(capacity * sizeof *g->steps, "a graph's steps");
        g->steps = steps;
        g->capacity = capacity;
    }
    g->steps[g->step_count++] = (unic__step){.call = call, .out = out, .phase = g->phase};
    return UNIC_OK;
}

/* After infer: what the call's shapes take. */
static unic__node *grow_step(unic__graph *g, const unic__call *call, unic__node *out)
{
    unic__step *step = &g->steps[call->id];
    size_t count;
    if (!unic__shape_count_checked(&out->t.shape, &count) || count > INT_MAX)
        return unic__graph_fail(g, UNIC_E_SHAPE, "%s: the result is too large", call->op->name);
    grow(g, &out->room, count);
    grow(g, &step->saved_room, call->saved_size);
    grow(g, &step->scratch_room, call->scratch_size);
    return out;
}

static unic__node *apply_again(unic__graph *g, const unic__op *op, const void *attr,
                               size_t attr_size)
{
    unic__node *out = new_node(g, &UNIC__SCALAR, UNIC__F32);
    if (g->status != UNIC_OK)
        return &g->poison;
    if (!out->call || out->call->op != op)
        return unic__graph_fail(g, UNIC_E_STATE, "a graph is made again with other calls (%s)",
                                op->name);
    if (attr_size)
        memcpy(g->steps[out->call->id].attr, attr, attr_size);
    unic_status status = op->infer(out->call);
    return status == UNIC_OK ? grow_step(g, out->call, out) : poisoned(g, status);
}

unic__node *unic__apply(unic__graph *g, const unic__op *op, const void *attr, size_t attr_size,
                        size_t n, unic__node *const *in)
{
    if (g->status != UNIC_OK)
        return &g->poison;
    if (n > UNIC__MAX_INPUTS)
        return unic__graph_fail(g, UNIC_E_ARG, "%s: %zu inputs, at most %d", op->name, n,
                                UNIC__MAX_INPUTS);
    if (g->again)
        return apply_again(g, op, attr, attr_size);
    unic__node *out = new_node(g, &UNIC__SCALAR, UNIC__F32);
    unic__call *call = unic__arena_alloc(&g->arena, sizeof *call);
    void *settings = unic__arena_alloc(&g->arena, attr_size ? attr_size : 1);
    unic__node **inputs = unic__arena_alloc(&g->arena, UNIC__MAX_INPUTS * sizeof *inputs);
    if (!call || !settings || !inputs)
        return poisoned(g, unic__no_memory(sizeof *call, "a graph call"));
    if (attr_size)
        memcpy(settings, attr, attr_size);
    *call = (unic__call){
        .op = op, .out = &out->t, .input_count = n, .attr = settings, .run = &g->run};
    call->backend = g->backend;
    call->direct = g->direct;
    call->many_shapes = g->many_shapes;
    call->inference = g->inference;
    call->id = g->step_count;
    for (size_t i = 0; i < n; i++) {
        inputs[i] = in[i];
        call->in[i] = in[i] ? &in[i]->t : NULL;
        if (in[i] && in[i]->wants_grad && op->backward)
            out->wants_grad = true;
    }
    out->call = call;
    out->phase = g->phase;
    unic_status status = op->infer(call);
    if (status == UNIC_OK)
        status = add_step(g, call, out);
    if (status != UNIC_OK)
        return poisoned(g, status);
    g->steps[g->step_count - 1].in = inputs;
    g->steps[g->step_count - 1].attr = settings;
    return grow_step(g, call, out);
}

static bool draws(const unic__step *s)
{
    return s->call->op == &unic__op_dropout || s->call->op == &unic__op_attention;
}

void unic__graph_draw_as(unic__graph *g, const unic__graph *as)
{
    size_t k = 0;
    for (size_t i = 0; i < g->step_count; i++) {
        if (!draws(&g->steps[i]))
            continue;
        while (k < as->step_count && !draws(&as->steps[k]))
            k++;
        if (k < as->step_count)
            g->steps[i].call->id = as->steps[k++].call->id;
    }
}

static unic__node *view_of(unic__graph *g, const unic__node *x, const unic__shape *shape,
                           bool wants_grad)
{
    unic__node *view = new_node(g, shape, x->t.dtype);
    if (view == &g->poison)
        return view;
    view->root = x->root;
    view->wants_grad = wants_grad;
    return view;
}

unic__node *unic__reshape(unic__graph *g, unic__node *x, unic__shape shape)
{
    if (g->status != UNIC_OK)
        return &g->poison;
    char old[UNIC__SHAPE_TEXT], now[UNIC__SHAPE_TEXT];
    if (unic__shape_count(&shape) != unic__shape_count(&x->t.shape))
        return unic__graph_fail(
            g, UNIC_E_SHAPE, "reshape: %s does not hold as many elements as %s",
            unic__shape_print(&shape, now), unic__shape_print(&x->t.shape, old));
    return view_of(g, x, &shape, x->wants_grad);
}

unic__node *unic__stop_gradient(unic__graph *g, unic__node *x)
{
    return view_of(g, x, &x->t.shape, false);
}

unic__node *unic__keep(unic__node *node)
{
    node->root->kept = true;
    return node;
}

unic__node *unic__loss(unic__node *node, double weight)
{
    node->root->seed = weight;
    return unic__keep(node);
}
