#include "kernel/vecmath.h"
#include "op/operators.h"

/*
 * Functions of two elements with numpy's broadcasting: y = a + b, a - b, a b, a / b.
 * backward: da += g_a and db += g_b, summed over the dims that the input stretches along, with
 *   g_a, g_b =  + dy, dy    - dy, -dy    * dy b, dy a    / dy / b, -dy a / b^2
 */

/*
 * Dims that both inputs treat alike are merged, dims of size 1 dropped. So equal shapes become
 * one group, a scalar one group it stretches along, a row vector against [..,D] the two groups
 * [rows, D], and [..,1] against [..,D] too. The last group is walked by the vector loops.
 */
enum { A, B, Y };
typedef struct group {
    size_t size;
    size_t stride[3]; /* of a, b and y; 0: the input stretches along this group */
} group;
typedef struct layout {
    size_t n;
    group g[UNIC__MAX_RANK];
} layout;

/* The size of dim `i` of the output, seen from the last, in a shape that may be shorter. */
static size_t dim_from_end(const unic__shape *s, size_t i)
{
    return i < s->rank ? s->dim[s->rank - 1 - i] : 1;
}

static unic_status infer(unic__call *c)
{
    UNIC__TRY(unic__expect_f32(c, 0));
    UNIC__TRY(unic__expect_f32(c, 1));
    const unic__shape *a = &c->in[0]->shape, *b = &c->in[1]->shape;
    unic__shape *y = &c->out->shape;
    char as[UNIC__SHAPE_TEXT], bs[UNIC__SHAPE_TEXT];
    y->rank = a->rank > b->rank ? a->rank : b->rank;
    for (size_t i = 0; i < y->rank; i++) {
        size_t na = dim_from_end(a, i), nb = dim_from_end(b, i);
        if (na != nb && na != 1 && nb != 1)
            return unic__shape_fail(c, "%s and %s do not broadcast: %zu against %zu",
                                    unic__shape_print(a, as), unic__shape_print(b, bs), na, nb);
        y->dim[y->rank - 1 - i] = na == 1 ? nb : na;
    }
    c->out->dtype = UNIC__F32;
    return UNIC_OK;
}

static layout layout_of(const unic__call *c)
{
    const unic__shape *shape[3] = {&c->in[0]->shape, &c->in[1]->shape, &c->out->shape};
    layout reversed = {0}, l = {0}; /* built from the last dim, then turned round */
    size_t step[3] = {1, 1, 1};
    for (size_t i = 0; i < c->out->shape.rank; i++) {
        size_t size = dim_from_end(shape[Y], i);
        if (size == 1)
            continue;
        group g = {size, {0}};
        for (int k = A; k <= Y; k++) {
            size_t own = dim_from_end(shape[k], i);
            g.stride[k] = own == 1 ? 0 : step[k];
            step[k] *= own;
        }
        group *last = reversed.n ? &reversed.g[reversed.n - 1] : NULL;
        if (last && !last->stride[A] == !g.stride[A] && !last->stride[B] == !g.stride[B])
            last->size *= size;
        else
            reversed.g[reversed.n++] = g;
    }
    if (!reversed.n) /* scalars */
        reversed.g[reversed.n++] = (group){1, {1, 1, 1}};
    l.n = reversed.n;
    for (size_t i = 0; i < l.n; i++)
        l.g[i] = reversed.g[l.n - 1 - i];
    return l;
}

/* A position along the outer groups, and where it is in a, b and y. */
typedef struct place {
    size_t index[UNIC__MAX_RANK], at[3];
} place;

/* The `i`-th along the groups that `w` walks, the first along the others. */
static place place_of(const layout *l, int w, size_t i)
{
    place p = {0};
    for (size_t n = l->n - 1; n-- > 0;) {
        const group *g = &l->g[n];
        if (!g->stride[w])
            continue;
        p.index[n] = i % g->size;
        i /= g->size;
        for (int k = A; k <= Y; k++)
            p.at[k] += p.index[n] * g->stride[k];
    }
    return p;
}

/* The next along the groups that `w` walks, or that it does not; behind the last is the
 * first. */
UNIC__INLINE void next_place(place *p, const layout *l, int w, bool walked)
{
    for (size_t n = l->n - 1; n-- > 0;) {
        const group *g = &l->g[n];
        if ((g->stride[w] != 0) != walked)
            continue;
        for (int k = A; k <= Y; k++)
            p->at[k] += g->stride[k];
        if (++p->index[n] < g->size)
            return;
        for (int k = A; k <= Y; k++)
            p->at[k] -= g->size * g->stride[k];
        p->index[n] = 0;
    }
}

/* ---- forward ---- */

UNIC__INLINE float value(unic__binary_kind kind, float a, float b)
{
    switch (kind) {
    case UNIC__ADD:
        return a + b;
    case UNIC__SUB:
        return a - b;
    case UNIC__MUL:
        return a * b;
    default:
        return a / b;
    }
}

UNIC__INLINE void value_row(unic__binary_kind kind, float *restrict y, const float *restrict a,
                            size_t sa, const float *restrict b, size_t sb, size_t n)
{
    if (sa && sb)
        for (size_t i = 0; i < n; i++)
            y[i] = value(kind, a[i], b[i]);
    else if (sa)
        for (size_t i = 0; i < n; i++)
            y[i] = value(kind, a[i], b[0]);
    else
        for (size_t i = 0; i < n; i++)
            y[i] = value(kind, a[0], b[i]);
}

enum {
    COLUMNS = 4096,           /* of the last group in a piece                               */
    SUM_COLUMNS = 32,         /* the same where an input's few elements each sum many       */
    TASKS_EACH = 16,          /* short rows that a thread takes at a time                   */
    PARALLEL_COUNT = 1 << 15, /* elements from which on two threads are worth it            */
};

/* A switch's case whose call is compiled for that constant. */
#define WITH(constant, call)                                                                   \
    case constant:                                                                             \
        call;                                                                                  \
        break

/* A task is a piece of at most COLUMNS columns of the last group at one outer position. */
typedef struct forward_work {
    const unic__call *c;
    layout l;
    size_t pieces;
} forward_work;

UNIC__SIMD static void forward_tasks(const void *context, size_t from, size_t to)
{
    const forward_work *work = context;
    const unic__call *c = work->c;
    const group *g = &work->l.g[work->l.n - 1];
    const unic__binary_attr *attr = c->attr;
    const size_t sa = g->stride[A], sb = g->stride[B];
    place p = place_of(&work->l, Y, from / work->pieces);
    size_t j = from % work->pieces * COLUMNS;
    for (size_t t = from; t < to; t++) {
        size_t n = g->size - j < COLUMNS ? g->size - j : COLUMNS;
        float *y = c->out->x + p.at[Y] + j;
        const float *a = c->in[A]->x + p.at[A] + j * sa, *b = c->in[B]->x + p.at[B] + j * sb;
        switch (attr->kind) {
            WITH(UNIC__ADD, value_row(UNIC__ADD, y, a, sa, b, sb, n));
            WITH(UNIC__SUB, value_row(UNIC__SUB, y, a, sa, b, sb, n));
            WITH(UNIC__MUL, value_row(UNIC__MUL, y, a, sa, b, sb, n));
            WITH(UNIC__DIV, value_row(UNIC__DIV, y, a, sa, b, sb, n));
        }
        j += n;
        if (j == g->size) {
            next_place(&p, &work->l, Y, true);
            j = 0;
        }
    }
}

static void forward(unic__call *c)
{
    const size_t count = unic__shape_count(&c->out->shape);
    if (!count)
        return;
    forward_work work = {c, layout_of(c), 0};
    const size_t width = work.l.g[work.l.n - 1].size;
    work.pieces = (width + COLUMNS - 1) / COLUMNS;
    unic__parallel(count / width * work.pieces, width < COLUMNS ? TASKS_EACH : 1,
                   count >= PARALLEL_COUNT, forward_tasks, &work);
}

/* ---- backward ---- */

/* dy times the derivative, by (kind, input). */
typedef enum form { DY, MINUS_DY, DY_TIMES_A, DY_TIMES_B, DY_OVER_B, DY_QUOTIENT } form;

static const form forms[][2] = {
    [UNIC__ADD] = {DY, DY},
    [UNIC__SUB] = {DY, MINUS_DY},
    [UNIC__MUL] = {DY_TIMES_B, DY_TIMES_A},
    [UNIC__DIV] = {DY_OVER_B, DY_QUOTIENT},
};

UNIC__INLINE float gradient(form f, float dy, float a, float b)
{
    switch (f) {
    case DY:
        return dy;
    case MINUS_DY:
        return -dy;
    case DY_TIMES_A:
        return dy * a;
    case DY_TIMES_B:
        return dy * b;
    case DY_OVER_B:
        return dy / b;
    default:
        return -dy * a / (b * b);
    }
}

/* dx[i] += the gradient, of an input with its own element for each i. */
UNIC__INLINE void add_row(form f, bool fresh, float *restrict dx, const float *restrict dy,
                          const float *restrict a, size_t sa, const float *restrict b,
                          size_t sb, size_t n)
{
    if (sa && sb)
        for (size_t i = 0; i < n; i++)
            dx[i] = unic__so_far(fresh, dx[i]) + gradient(f, dy[i], a[i], b[i]);
    else if (sa)
        for (size_t i = 0; i < n; i++)
            dx[i] = unic__so_far(fresh, dx[i]) + gradient(f, dy[i], a[i], b[0]);
    else
        for (size_t i = 0; i < n; i++)
            dx[i] = unic__so_far(fresh, dx[i]) + gradient(f, dy[i], a[0], b[i]);
}

/* sum_i of the gradient, of an input with one element for all i. */
UNIC__INLINE float sum_row(form f, const float *dy, const float *a, size_t sa, const float *b,
                           size_t n)
{
    float sum = 0.0F;
    if (sa) {
        UNIC__LANES_SUM(sum)
        for (size_t i = 0; i < n; i++)
            sum += gradient(f, dy[i], a[i], b[0]);
    } else {
        UNIC__LANES_SUM(sum)
        for (size_t i = 0; i < n; i++)
            sum += gradient(f, dy[i], a[0], b[i]);
    }
    return sum;
}

/* What is summed for one element of input w, and how w's elements are cut into tasks: one outer
 * position of its own times one of `pieces` pieces of `columns` columns of the last group. */
typedef struct backward_work {
    const unic__call *c;
    const layout *l;
    int w;
    size_t summed, columns, pieces;
} backward_work;

UNIC__INLINE void backward_part(form f, const backward_work *work, size_t from, size_t to)
{
    const unic__call *c = work->c;
    const layout *l = work->l;
    const int w = work->w;
    const group *g = &l->g[l->n - 1];
    const size_t sa = g->stride[A], sb = g->stride[B];
    const bool fresh = unic__is_fresh(c, (size_t)w);
    place p = place_of(l, w, from / work->pieces);
    size_t j = from % work->pieces * work->columns;
    for (size_t t = from; t < to; t++) {
        const size_t n = g->size - j < work->columns ? g->size - j : work->columns;
        float *dx = c->in[w]->dx + p.at[w] + j * g->stride[w];
        double sum = 0.0;
        for (size_t s = 0; s < work->summed; s++) {
            const float *dy = c->out->dx + p.at[Y] + j;
            const float *a = c->in[A]->x + p.at[A] + j * sa;
            const float *b = c->in[B]->x + p.at[B] + j * sb;
            if (g->stride[w])
                add_row(f, fresh && !s, dx, dy, a, sa, b, sb, n);
            for (size_t i = 0; !g->stride[w] && i < n; i += COLUMNS)
                sum += (double)sum_row(f, dy + i, a + i * sa, sa, b + i * sb,
                                       n - i < COLUMNS ? n - i : COLUMNS);
            next_place(&p, l, w, false);
        }
        if (!g->stride[w])
            *dx = unic__so_far(fresh, *dx) + (float)sum;
        j += n;
        if (j == g->size) {
            next_place(&p, l, w, true);
            j = 0;
        }
    }
}

UNIC__SIMD static void backward_tasks(const void *context, size_t from, size_t to)
{
    const backward_work *work = context;
    const unic__binary_attr *attr = work->c->attr;
    switch (forms[attr->kind][work->w]) {
        WITH(DY, backward_part(DY, work, from, to));
        WITH(MINUS_DY, backward_part(MINUS_DY, work, from, to));
        WITH(DY_TIMES_A, backward_part(DY_TIMES_A, work, from, to));
        WITH(DY_TIMES_B, backward_part(DY_TIMES_B, work, from, to));
        WITH(DY_OVER_B, backward_part(DY_OVER_B, work, from, to));
        WITH(DY_QUOTIENT, backward_part(DY_QUOTIENT, work, from, to));
    }
}

static void backward_to(const unic__call *c, const layout *l, int w)
{
    const group *last = &l->g[l->n - 1];
    size_t kept = 1;
    backward_work work = {c, l, w, 1, last->size, 1};
    for (size_t i = 0; i + 1 < l->n; i++)
        *(l->g[i].stride[w] ? &kept : &work.summed) *= l->g[i].size;
    if (last->stride[w]) {
        work.columns = work.summed == 1 || kept >= TASKS_EACH ? COLUMNS : SUM_COLUMNS;
        work.pieces = (last->size + work.columns - 1) / work.columns;
    }
    unic__parallel(kept * work.pieces,
                   work.summed == 1 && last->size < COLUMNS ? TASKS_EACH : 1,
                   unic__shape_count(&c->out->shape) >= PARALLEL_COUNT, backward_tasks, &work);
}

static void backward(unic__call *c)
{
    const bool empty = !unic__shape_count(&c->out->shape);
    const layout l = layout_of(c);
    for (int w = A; w <= B; w++)
        if (c->in[w]->dx && !empty)
            backward_to(c, &l, w);
        else if (c->in[w]->dx && unic__is_fresh(c, (size_t)w)) /* [3] beside [0,3] */
            memset(c->in[w]->dx, 0, unic__shape_count(&c->in[w]->shape) * sizeof(float));
}

const unic__op unic__op_binary = {
    .name = "binary",
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .keeps = UNIC__KEEP_IN(0) | UNIC__KEEP_IN(1),
    .stores = UNIC__STORES_IN(0) | UNIC__STORES_IN(1),
};
