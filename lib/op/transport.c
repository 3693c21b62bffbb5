#include <math.h>

#include "op/operators.h"

/*
 * Optimal transport between rows and columns: T [N,K] >= 0 with row sums 1 / n over the n rows
 * that count (others are 0) and column sums 1 / K, of small total cost sum_ij T_ij D_ij.
 *   A = exp(-D / beta),  s = 1 / K,  T = 1;  each round:
 *     Q = A T,   d_i = 1 / (n sum_j Q_ij s_j),   s_j = 1 / (K sum_i Q_ij d_i),   T = diag(d) Q diag(s)
 * This is IPOT (Xie et al., UAI 2019) with one inner iteration. Sinkhorn's iterations keep Q = A,
 * so that the plan stays as soft as beta says. Column sums are exact after each round, row sums
 * only in the limit. No gradient passes.
 * A row's least cost is taken from all of it first, which changes no plan (d absorbs it) and
 * keeps exp() from vanishing for a whole row. All in double: products of many rounds are small.
 */

static unic_status infer(unic__call *c)
{
    UNIC__TRY(unic__expect_rank(c, 0, 2));
    UNIC__TRY(unic__expect_rank(c, 1, 1));
    const unic__shape *cost = &c->in[0]->shape, *valid = &c->in[1]->shape;
    char cs[UNIC__SHAPE_TEXT], vs[UNIC__SHAPE_TEXT];
    if (!cost->dim[1] || valid->dim[0] != cost->dim[0])
        return unic__shape_fail(c, "costs are %s, rows that count %s",
                                unic__shape_print(cost, cs), unic__shape_print(valid, vs));
    c->out->dtype = UNIC__F32;
    c->out->shape = *cost;
    /* doubles: A and T [N,K], d [N], s [K] */
    c->scratch_size = 2 * (2 * cost->dim[0] * cost->dim[1] + cost->dim[0] + cost->dim[1]);
    return UNIC_OK;
}

typedef struct plan {
    size_t rows, columns;
    const float *valid;
    double *a, *t, *d, *s;
    double share; /* 1 / n */
} plan;

static void start(plan *p, const float *cost, double beta)
{
    double n = 0.0;
    for (size_t i = 0; i < p->rows; i++) {
        const float *row = cost + i * p->columns;
        float least = row[0];
        for (size_t j = 1; j < p->columns; j++)
            least = row[j] < least ? row[j] : least;
        for (size_t j = 0; j < p->columns; j++) {
            p->a[i * p->columns + j] = exp(-((double)row[j] - (double)least) / beta);
            p->t[i * p->columns + j] = 1.0;
        }
        n += p->valid[i] > 0.0F;
    }
    p->share = n > 0.0 ? 1.0 / n : 0.0;
    for (size_t j = 0; j < p->columns; j++)
        p->s[j] = 1.0 / (double)p->columns;
}

/* Q, in the place of T, and d, then s, then T. What has vanished altogether stays 0. */
static void round_of(plan *p, bool proximal)
{
    double *sums = p->s;
    for (size_t i = 0; i < p->rows; i++) {
        double *q = p->t + i * p->columns, sum = 0.0;
        for (size_t j = 0; j < p->columns; j++) {
            q[j] = proximal ? p->a[i * p->columns + j] * q[j] : p->a[i * p->columns + j];
            sum += q[j] * p->s[j];
        }
        p->d[i] = p->valid[i] > 0.0F && sum > 0.0 ? p->share / sum : 0.0;
    }
    for (size_t j = 0; j < p->columns; j++)
        sums[j] = 0.0;
    for (size_t i = 0; i < p->rows; i++)
        for (size_t j = 0; j < p->columns; j++)
            sums[j] += p->t[i * p->columns + j] * p->d[i];
    for (size_t j = 0; j < p->columns; j++)
        p->s[j] = sums[j] > 0.0 ? 1.0 / ((double)p->columns * sums[j]) : 0.0;
    for (size_t i = 0; i < p->rows; i++)
        for (size_t j = 0; j < p->columns; j++)
            p->t[i * p->columns + j] *= p->d[i] * p->s[j];
}

static void forward(unic__call *c)
{
    const unic__transport_attr *attr = c->attr;
    const unic__shape *shape = &c->in[0]->shape;
    const size_t cells = shape->dim[0] * shape->dim[1];
    double *room = (double *)(void *)c->scratch;
    plan p = {.rows = shape->dim[0], .columns = shape->dim[1], .valid = c->in[1]->x};
    p.a = room;
    p.t = room + cells;
    p.d = p.t + cells;
    p.s = p.d + p.rows;
    start(&p, c->in[0]->x, attr->beta);
    for (size_t k = 0; k < attr->rounds; k++)
        round_of(&p, attr->proximal);
    for (size_t i = 0; i < cells; i++)
        c->out->x[i] = (float)p.t[i];
}

const unic__op unic__op_transport = {
    .name = "transport",
    .infer = infer,
    .forward = forward,
    .keeps = UNIC__KEEP_NONE,
};
