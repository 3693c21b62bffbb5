#include "random_graph.h"

#include <string.h>

#include "base/base_help.h"
#include "graph_help.h"

/* Leaves are [4,6] or [2,3,4], so that 24 elements stand in most nodes. */
enum { MOST_ELEMENTS = 400, BATCH = 2, STEPS = 3, CLASSES = 6 };

static size_t below(random_graph *r, size_t n)
{
    return unic__random_below((unic__key){r->seed}, r->draws++, n);
}

static bool chance(random_graph *r, size_t in_100)
{
    return below(r, 100) < in_100;
}

static size_t count_of(const unic__node *node)
{
    return unic__shape_count(&node->t.shape);
}

static void add_node(random_graph *r, unic__node *node, unsigned phase)
{
    ck_assert_msg(r->g.status == UNIC_OK, "building: %s", r->g.message);
    if (count_of(node) > MOST_ELEMENTS || r->n == RANDOM_NODES)
        return; /* it stays in the graph, unused */
    r->at[r->n] = node;
    r->phase[r->n++] = phase;
}

static void build_leaves(random_graph *r)
{
    unic__graph *g = &r->g;
    const unic__shape shapes[] = {UNIC__SHAPE_OF(4, 6), UNIC__SHAPE_OF(BATCH, STEPS, 4),
                                  UNIC__SHAPE_OF(6)};
    for (size_t i = 0; i < 2; i++)
        add_node(r, r->input[i] = unic__input(g, shapes[i], UNIC__F32), 0);
    r->index = unic__input(g, UNIC__SHAPE_OF(5), UNIC__I32);
    r->lengths = unic__input(g, UNIC__SHAPE_OF(BATCH), UNIC__I32);
    r->targets = unic__input(g, UNIC__SHAPE_OF(4), UNIC__I32);
    for (size_t i = 0; i < RANDOM_EXTERNALS; i++) {
        graph_draw(r->x[i], 64, r->seed + i);
        bool trained = i + 1 < RANDOM_EXTERNALS;
        add_node(r, unic__external(g, shapes[i], r->x[i], trained ? r->dx[i] : NULL), 0);
    }
    add_node(r, unic__param_node(g, shapes[0], GRAPH_UNIFORM, "leaf.matrix"), 0);
    add_node(r, unic__param_node(g, shapes[1], GRAPH_UNIFORM, "leaf.clips"), 0);
}

/* ---- one call ---- */

/* A parameter is found again by its shape: calls share it, in whatever phase. */
static unic__node *weight(random_graph *r, size_t rows, size_t columns)
{
    if (rows == 0)
        return unic__param_node(&r->g, UNIC__SHAPE_OF(columns), GRAPH_UNIFORM, "b%zu", columns);
    return unic__param_node(&r->g, UNIC__SHAPE_OF(rows, columns), GRAPH_UNIFORM, "w%zu_%zu",
                            rows, columns);
}

static unic__node *partner_of(random_graph *r, size_t i)
{
    size_t alike[RANDOM_NODES], n = 0;
    for (size_t k = 0; k < r->n; k++)
        if (unic__shape_equal(&r->at[k]->t.shape, &r->at[i]->t.shape) &&
            r->phase[k] <= r->g.phase)
            alike[n++] = k;
    return r->at[alike[below(r, n)]];
}

static unic__node *elementwise(random_graph *r, unic__node *x)
{
    unic__graph *g = &r->g;
    switch (below(r, 8)) {
    case 0:
        return unic__relu(g, x);
    case 1:
        return unic__tanh(g, x);
    case 2:
        return unic__sigmoid(g, x);
    case 3:
        return unic__affine(g, x, -0.7, 0.2);
    case 4:
        return unic__clamp(g, x, -0.8, 0.8);
    case 5:
        return unic__square(g, unic__tanh(g, x));
    case 6:
        return unic__dropout(g, x, 0.3);
    default:
        return r->exact ? x : unic__stop_gradient(g, x);
    }
}

static unic__node *two(random_graph *r, size_t i)
{
    unic__graph *g = &r->g;
    unic__node *x = r->at[i], *y = partner_of(r, i);
    switch (below(r, 5)) {
    case 0:
        return unic__add(g, x, y);
    case 1:
        return unic__sub(g, x, y);
    case 2:
        return unic__mul(g, unic__tanh(g, x), y);
    case 3:
        return r->exact ? unic__add(g, y, x) : unic__straight_through(g, x, y);
    default: /* broadcast */
        return x->t.shape.rank ? unic__sub(g, x, unic__mean(g, y, 0, true)) : x;
    }
}

static unic__node *reshape(random_graph *r, unic__node *x)
{
    size_t count = count_of(x), divisors[MOST_ELEMENTS], n = 0;
    for (size_t d = 1; d <= count; d++)
        if (count % d == 0)
            divisors[n++] = d;
    size_t a = divisors[below(r, n)];
    if (chance(r, 20))
        return unic__reshape(&r->g, x, UNIC__SHAPE_OF(count));
    if (chance(r, 30))
        return unic__reshape(&r->g, x, UNIC__SHAPE_OF(1, a, count / a));
    return unic__reshape(&r->g, x, UNIC__SHAPE_OF(a, count / a));
}

static unic__node *moved(random_graph *r, size_t i)
{
    unic__graph *g = &r->g;
    unic__node *x = r->at[i];
    const unic__shape s = x->t.shape;
    size_t axis = below(r, s.rank);
    unic__node *parts[] = {x, partner_of(r, i), x};
    switch (below(r, 6)) {
    case 0:
        return unic__concat(g, 1 + below(r, 3), parts, axis);
    case 1: {
        size_t start = below(r, s.dim[axis]);
        return unic__slice(g, x, axis, start, 1 + below(r, s.dim[axis] - start));
    }
    case 2:
        return unic__sum(g, unic__affine(g, x, 0.3, 0.0), axis, chance(r, 50));
    case 3:
        return unic__max(g, x, axis, chance(r, 50));
    case 4:
        return unic__repeat(g, unic__mean(g, x, axis, true), axis, 2);
    default:
        return s.rank == 2 ? unic__gather(g, x, r->index) : x;
    }
}

static unic__node *layer(random_graph *r, size_t i)
{
    unic__graph *g = &r->g;
    unic__node *x = r->at[i];
    const size_t last = unic__shape_last(&x->t.shape);
    switch (below(r, 7)) {
    case 0:
        return unic__linear(g, x, weight(r, 4, last), chance(r, 50) ? weight(r, 0, 4) : NULL);
    case 1:
        return unic__linear_relu(g, x, weight(r, 6, last), weight(r, 0, 6));
    case 2:
    case 3:
        return unic__layer_norm(g, x, weight(r, 0, last), weight(r, 0, last), 1e-5);
    case 4:
        return unic__softmax(g, x, NULL);
    case 5:
        return unic__affine(g, unic__log_softmax(g, x), 0.3, 0.0);
    default:
        return unic__tanh(g, unic__sq_distance(g, x, weight(r, 5, last)));
    }
}

/* Calls that save much from forward to backward, or use much scratch. */
static unic__node *sequence(random_graph *r, size_t i)
{
    unic__graph *g = &r->g;
    unic__node *x = r->at[i];
    const unic__shape s = x->t.shape;
    if (s.rank != 3)
        return unic__mse(g, x, partner_of(r, i), NULL);
    if (s.dim[0] == BATCH && s.dim[1] == STEPS && chance(r, 50))
        return unic__lstm(g, x, weight(r, 8, s.dim[2]), weight(r, 8, 2), weight(r, 0, 8),
                          weight(r, 0, 8), r->lengths, chance(r, 50), chance(r, 30) ? 2 : 0);
    if (chance(r, 50))
        return unic__matmul(g, unic__softmax(g, x, NULL), partner_of(r, i), false, true);
    unic__node *qkv = unic__linear(g, x, weight(r, 12, s.dim[2]), NULL);
    return unic__self_attention(g, qkv, NULL, 2, 0.2, chance(r, 30) ? 2 : 0);
}

static unic__node *call(random_graph *r, size_t i)
{
    size_t kind = r->at[i]->t.shape.rank ? below(r, 100) : below(r, 40);
    if (kind < 20)
        return elementwise(r, r->at[i]);
    if (kind < 40)
        return two(r, i);
    if (kind < 50)
        return reshape(r, r->at[i]);
    if (kind < 65)
        return moved(r, i);
    return kind < 82 ? layer(r, i) : sequence(r, i);
}

/* ---- the graph ---- */

/* A scalar of the node's elements; now and then used further, as any node may be. */
static void add_loss(random_graph *r, size_t i)
{
    const double weights[] = {1.0, -0.5, 0.0, 2.5};
    unic__graph *g = &r->g;
    unic__node *x = r->at[i], *loss;
    if (x->t.shape.rank == 2 && x->t.shape.dim[0] == 4 && x->t.shape.dim[1] == CLASSES)
        loss = unic__cross_entropy(g, x, r->targets, NULL);
    else
        loss = unic__mean(g, unic__reshape(g, x, UNIC__SHAPE_OF(count_of(x))), 0, false);
    unic__loss(chance(r, 30) ? unic__reshape(g, loss, UNIC__SHAPE_OF(1)) : loss,
               weights[below(r, 4)]);
    add_node(r, loss, g->phase);
}

static void build(random_graph *r, size_t calls)
{
    unic__graph *g = &r->g;
    build_leaves(r);
    while (calls-- > 0) {
        size_t recent = r->n > 12 && chance(r, 70) ? r->n - 12 : 0;
        size_t i = recent + below(r, r->n - recent);
        g->phase = r->phase[i]; /* or later: calls are not made in the order of phases */
        if (g->phase + 1 < UNIC__MAX_PHASES && chance(r, 15))
            g->phase++;
        g->frozen = chance(r, 10) && !r->exact;
        unic__node *node = call(r, i);
        add_node(r, node, g->phase > r->phase[i] ? g->phase : r->phase[i]);
        if (chance(r, 12))
            unic__keep(node);
        if (chance(r, 12))
            add_loss(r, r->n - 1);
    }
    g->phase = UNIC__MAX_PHASES - 1;
    for (size_t i = r->n - 3; i < r->n; i++)
        unic__loss(unic__mean(g,
                              unic__reshape(g, unic__tanh(g, r->at[i]),
                                            UNIC__SHAPE_OF(count_of(r->at[i]))),
                              0, false),
                   1.0);
}

void random_graph_open(random_graph *r, uint64_t seed, size_t calls, random_kind kind)
{
    *r = (random_graph){.seed = seed, .exact = kind == RANDOM_EXACT};
    unic__graph_init(&r->g, &r->params, false);
    build(r, calls);
    for (unic__node *node = r->g.first; node && kind == RANDOM_KEPT; node = node->next)
        unic__keep(node);
    graph_ready(&r->g, seed);
}

void random_graph_close(random_graph *r)
{
    unic__graph_free(&r->g);
    unic__param_table_free(&r->params);
}

void random_graph_fill(random_graph *r)
{
    const int32_t index[5] = {0, 1, -1, 1, 3}, lengths[BATCH] = {STEPS, 1};
    const int32_t targets[4] = {2, -1, 5, 0};
    for (size_t i = 0; i < 2; i++)
        graph_draw(r->input[i]->t.x, count_of(r->input[i]), r->seed + 10 + i);
    memcpy(r->index->t.ix, index, sizeof index);
    memcpy(r->lengths->t.ix, lengths, sizeof lengths);
    memcpy(r->targets->t.ix, targets, sizeof targets);
    r->g.run = (unic__run){.training = true, .seed = r->seed, .step = 3};
}

void random_graph_run(random_graph *r)
{
    random_graph_fill(r);
    memset(r->dx, 0, sizeof r->dx);
    r->losses = graph_forward(&r->g);
    graph_backward(&r->g);
}
