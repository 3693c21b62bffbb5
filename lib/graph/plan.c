#include "graph/plan.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/product.h"

/*
 * Time runs over 2C ticks for C calls: call i goes forward at tick i and backward at 2C-1-i.
 * Every value, gradient, saved buffer and scratch has a first and a last tick; blocks whose
 * ticks overlap must not overlap in memory. Blocks are placed largest first, each at the lowest
 * offset that is free during its lifetime.
 *
 *      forward 0 ... C-1 | backward of C-1 ... backward of 0 | 2C: after the run
 */
typedef struct block {
    size_t size, first, last; /* floats; ticks, both inclusive */
    size_t offset;
    float **home; /* where the address goes */
} block;

typedef struct layout {
    block *at;
    size_t n;
} layout;

static void add_block(layout *l, size_t size, size_t first, size_t last, float **home)
{
    enum { LINE = UNIC__ALIGN / sizeof(float) };
    if (size)
        l->at[l->n++] = (block){(size + LINE - 1) / LINE * LINE, first, last, 0, home};
}

static int larger_first(const void *pa, const void *pb)
{
    const block *a = pa, *b = pb;
    if (a->size != b->size)
        return a->size < b->size ? 1 : -1;
    if (a->first != b->first)
        return a->first < b->first ? -1 : 1;
    return a->last < b->last ? -1 : a->last > b->last;
}

/* Sets every offset; returns the floats needed. `placed` holds indices in order of offset. */
static size_t place(layout *l, size_t *placed)
{
    size_t total = 0;
    qsort(l->at, l->n, sizeof *l->at, larger_first);
    for (size_t i = 0; i < l->n; i++) {
        block *b = &l->at[i];
        size_t offset = 0;
        for (size_t k = 0; k < i; k++) {
            const block *other = &l->at[placed[k]];
            if (other->last < b->first || b->last < other->first)
                continue;
            if (other->offset >= offset + b->size)
                break; /* it fits into the gap before */
            if (other->offset + other->size > offset)
                offset = other->offset + other->size;
        }
        b->offset = offset;
        if (offset + b->size > total)
            total = offset + b->size;
        size_t k = i;
        for (; k > 0 && l->at[placed[k - 1]].offset > offset; k--)
            placed[k] = placed[k - 1];
        placed[k] = i;
    }
    return total;
}

/* A call of a phase that there is not, or that needs what a later phase makes,
 * cannot be run. */
static unic_status check_phases(const unic__graph *g)
{
    for (size_t i = 0; i < g->step_count; i++) {
        const unic__step *s = &g->steps[i];
        bool fits = s->phase < UNIC__MAX_PHASES;
        for (size_t k = 0; fits && k < s->call->input_count; k++) {
            const unic__node *root = s->in[k] ? s->in[k]->root : NULL;
            fits = !root || !root->call || root->phase <= s->phase;
        }
        if (!fits)
            return unic__fail(UNIC_E_STATE,
                              "%s: a call of phase %u takes what comes later, or has "
                              "no such phase",
                              s->call->op->name, s->phase);
    }
    return UNIC_OK;
}

/* Phases run one after the other: a stable sort of the calls, and where each phase ends. */
static unic_status order_phases(unic__graph *g)
{
    unic__step *sorted = unic__alloc_array(g->step_count + 1, sizeof *sorted);
    if (!sorted)
        return unic__no_memory(g->step_count * sizeof *sorted, "a graph's plan");
    size_t n = 0;
    for (unsigned phase = 0; phase < UNIC__MAX_PHASES; phase++) {
        for (size_t i = 0; i < g->step_count; i++)
            if (g->steps[i].phase == phase)
                sorted[n++] = g->steps[i];
        g->phase_end[phase] = n;
    }
    unic__free(g->steps);
    g->steps = sorted;
    g->capacity = g->step_count + 1;
    return UNIC_OK;
}

/* From the losses back: which nodes a gradient reaches. Views share their root's gradient, but
 * for those that stop it. */
static void mark_gradients(unic__graph *g)
{
    for (unic__node *node = g->first; node; node = node->next)
        if (node->seed != 0.0 && node->wants_grad)
            node->gets_grad = true;
    for (size_t i = g->step_count; i-- > 0;) {
        unic__step *s = &g->steps[i];
        s->backward = !g->inference && s->out->gets_grad && s->call->op->backward;
        for (size_t k = 0; s->backward && k < s->call->input_count; k++)
            if (s->in[k] && s->in[k]->wants_grad)
                s->in[k]->root->gets_grad = true;
    }
}

/* The backward of the call gives the gradient of its input k. */
static bool gives_gradient(const unic__step *s, size_t k)
{
    return s->backward && s->in[k] && s->in[k]->wants_grad && s->in[k]->root->gets_grad;
}

/* Of a root: the ticks of its value, and the tick at which its first gradient arrives. */
typedef struct life {
    size_t first, last, grad_first, grad_last;
} life;

static size_t later(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t earlier(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void measure_lives(const unic__graph *g, life *lives)
{
    size_t end = 2 * g->step_count;
    for (const unic__node *node = g->first; node; node = node->next)
        lives[node->index] = (life){0, node->kept ? end : 0, end, end};
    for (size_t i = 0; i < g->step_count; i++) {
        const unic__step *s = &g->steps[i];
        size_t back = end - 1 - i;
        life *out = &lives[s->out->index];
        out->first = i;
        out->last = later(out->last,
                          s->backward && s->call->op->keeps & UNIC__KEEP_OUT ? back : i);
        out->grad_last = back;
        if (s->out->seed != 0.0)
            out->grad_first = earlier(out->grad_first, back);
        for (size_t k = 0; k < s->call->input_count; k++) {
            if (!s->in[k])
                continue;
            life *in = &lives[s->in[k]->root->index];
            bool keeps = s->backward && s->call->op->keeps & UNIC__KEEP_IN(k);
            in->last = later(in->last, keeps ? back : i);
            if (gives_gradient(s, k))
                in->grad_first = earlier(in->grad_first, back);
        }
    }
}

static bool own_memory(const unic__node *node)
{
    return node->root == node && !node->param && !node->external;
}

static void list_blocks(unic__graph *g, const life *lives, layout *l)
{
    size_t end = 2 * g->step_count, scratch = 0;
    for (unic__node *node = g->first; node; node = node->next) {
        const life *ticks = &lives[node->index];
        if (!own_memory(node))
            continue;
        add_block(l, node->room, ticks->first, ticks->last, &node->t.x);
        if (node->gets_grad)
            add_block(l, node->room, ticks->grad_first, ticks->grad_last, &node->t.dx);
    }
    for (size_t i = 0; i < g->step_count; i++) {
        const unic__step *s = &g->steps[i];
        add_block(l, s->saved_room, i, s->backward ? end - 1 - i : i, &s->call->saved);
        scratch = later(scratch, s->scratch_room);
    }
    add_block(l, scratch, 0, end, &g->scratch); /* one for all: calls run one at a time */
}

/* Addresses for every tensor: planned blocks, the table's memory, views. */
static void bind(unic__graph *g, const layout *l)
{
    for (size_t i = 0; i < l->n; i++)
        *l->at[i].home = g->memory + l->at[i].offset;
    for (unic__node *node = g->first; node; node = node->next) {
        unic__node *root = node->root;
        if (root->param) {
            root->t.x = root->table->values + root->param->offset;
            root->t.packed = root->table->packed && root->param->product;
            root->t.type = root->t.packed ? root->table->type : UNIC__FLOAT32;
            root->t.kept = unic__param_kept(root->table, root->param);
            if (root->gets_grad && root->table->grads)
                root->t.dx = root->table->grads + root->param->offset;
        }
        node->t.x = root->t.x;
        node->t.dx = node->wants_grad ? root->t.dx : NULL;
    }
    for (unic__node *node = g->first; node; node = node->next)
        if (node->t.dtype == UNIC__I32) {
            node->t.ix = (int32_t *)(void *)node->t.x;
            node->t.x = NULL;
        }
    for (size_t i = 0; i < g->step_count; i++)
        g->steps[i].call->scratch = g->scratch;
}

void unic__graph_lend(unic__graph *g, unic__node *input, const float *x)
{
    if (!input->lent_over)
        input->lent_over = input->t.x;
    float *from = input->lent_over;
    if (x)
        memcpy(&from, &x, sizeof from); /* without const, which tensors do not know */
    for (unic__node *node = g->first; node; node = node->next)
        if (node->root == input) /* its views too */
            node->t.x = from;
}

static bool listed(const unic__step *s, const unic__node *root)
{
    for (size_t i = 0; i < s->clear_count; i++)
        if (s->clear[i] == root)
            return true;
    return false;
}

/* The call can store the gradient of its input k, which is not another input too (x + x). */
static bool can_store(const unic__step *s, size_t k)
{
    for (size_t j = 0; j < s->call->input_count; j++)
        if (j != k && gives_gradient(s, j) && s->in[j]->root == s->in[k]->root)
            return false;
    return s->call->op->stores & UNIC__STORES_IN(k);
}

/* At the tick where a gradient's life begins, the call stores it; if it cannot, the gradient is
 * cleared just before. */
static unic_status begin_gradients(unic__graph *g, const life *lives)
{
    size_t end = 2 * g->step_count;
    for (size_t i = 0; i < g->step_count; i++) {
        unic__step *s = &g->steps[i];
        if (!s->backward)
            continue;
        s->clear = unic__arena_alloc(&g->arena,
                                     (s->call->input_count + 1) * sizeof(unic__node *));
        if (!s->clear)
            return unic__no_memory(sizeof(unic__node *), "a graph's plan");
        if (s->out->seed != 0.0 && lives[s->out->index].grad_first == end - 1 - i)
            s->clear[s->clear_count++] = s->out;
        for (size_t k = 0; k < s->call->input_count; k++) {
            unic__node *root = s->in[k] ? s->in[k]->root : NULL;
            if (!gives_gradient(s, k) || !own_memory(root) ||
                lives[root->index].grad_first != end - 1 - i)
                continue;
            if (can_store(s, k))
                s->call->fresh |= UNIC__STORES_IN(k);
            else if (!listed(s, root))
                s->clear[s->clear_count++] = root;
        }
    }
    return UNIC_OK;
}

static unic_status lay_out(unic__graph *g, life *lives, layout *l, size_t *placed)
{
    mark_gradients(g);
    measure_lives(g, lives);
    list_blocks(g, lives, l);
    g->memory_floats = place(l, placed);
    size_t bytes;
    if (!unic__mul_size(g->memory_floats + 1, sizeof(float), &bytes) ||
        !(g->memory = unic__alloc_zero(bytes)))
        return unic__no_memory(g->memory_floats * sizeof(float), "a graph's tensors");
    bind(g, l);
    return begin_gradients(g, lives);
}

static unic_status plan_calls(unic__graph *g)
{
    for (; g->planned_count < g->step_count; g->planned_count++) {
        unic__call *call = g->steps[g->planned_count].call;
        UNIC__TRY(unic__product_prepare(call->backend));
        if (call->op->plan)
            UNIC__TRY(call->op->plan(call));
    }
    return UNIC_OK;
}

unic_status unic__graph_plan(unic__graph *g)
{
    if (g->status != UNIC_OK)
        return unic__fail(g->status, "%s", g->message ? g->message : "out of memory");
    UNIC__TRY(check_phases(g));
    UNIC__TRY(order_phases(g));
    size_t most = 2 * g->node_count + g->step_count + 1;
    layout l = {unic__alloc_array(most, sizeof *l.at), 0};
    life *lives = unic__alloc_array(g->node_count + 1, sizeof *lives);
    size_t *placed = unic__alloc_array(most, sizeof *placed);
    unic_status status = l.at && lives && placed
                             ? lay_out(g, lives, &l, placed)
                             : unic__no_memory(most * sizeof *l.at, "a plan");
    unic__free(l.at);
    unic__free(lives);
    unic__free(placed);
    return status == UNIC_OK ? plan_calls(g) : status;
}
