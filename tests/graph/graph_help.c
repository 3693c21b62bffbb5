#include "graph_help.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_help.h"

void graph_draw(float *x, size_t count, uint64_t seed)
{
    unic__key key = unic__random_key(seed, 0, count);
    for (size_t i = 0; i < count; i++)
        x[i] = 2.0F * unic__random_uniform(key, i) - 1.0F;
}

void graph_ready(unic__graph *g, uint64_t seed)
{
    ck_assert_msg(g->status == UNIC_OK, "building: %s", g->message);
    if (g->params && !g->params->values) {
        base_assert_ok(unic__param_table_seal(g->params, true));
        unic__param_table_init(g->params, seed);
    }
    base_assert_ok(unic__graph_plan(g));
}

double graph_forward(unic__graph *g)
{
    double total = 0.0;
    for (unsigned phase = 0; phase < UNIC__MAX_PHASES; phase++)
        unic__graph_forward(g, phase);
    for (const unic__node *node = g->first; node; node = node->next)
        if (node->seed != 0.0)
            total += node->seed * (double)node->t.x[0];
    return total;
}

void graph_backward(unic__graph *g)
{
    if (g->params)
        memset(g->params->grads, 0, g->params->total * sizeof(float));
    for (unsigned phase = UNIC__MAX_PHASES; phase-- > 0;)
        unic__graph_backward(g, phase);
}

static double shifted(unic__graph *g, float *value, double by)
{
    const float at = *value;
    *value = (float)((double)at + by);
    double total = graph_forward(g);
    *value = at;
    return total;
}

/* The derivative by step h; `kink`: how far the second difference is from growing with h. */
static double difference(unic__graph *g, float *value, double h, double total, double *kink)
{
    double up = shifted(g, value, h), down = shifted(g, value, -h);
    double up2 = shifted(g, value, 2.0 * h), down2 = shifted(g, value, -2.0 * h);
    *kink = fabs((up2 - 2.0 * total + down2) / (2.0 * h) - 2.0 * (up - 2.0 * total + down) / h);
    return (8.0 * (up - down) - (up2 - down2)) / (12.0 * h);
}

enum { ELEMENTS = 24 };

/* What is compared of one parameter. */
typedef struct sample {
    size_t n, at[ELEMENTS]; /* elements                                              */
    double fd[ELEMENTS];    /* their differences; NaN where there is a kink         */
    double allowed;
} sample;

static sample take_sample(unic__graph *g, size_t i, double total)
{
    const unic__param *p = g->params->at[i];
    const unic__key key = unic__random_key(1, 1, i);
    sample s = {.n = p->count < ELEMENTS ? p->count : ELEMENTS};
    double near[ELEMENTS], kink[2][ELEMENTS], largest = 0.0;
    for (size_t k = 0; k < s.n; k++) {
        s.at[k] = p->offset + (p->count <= ELEMENTS ? k : unic__random_below(key, k, p->count));
        float *value = g->params->values + s.at[k];
        s.fd[k] = difference(g, value, 0.02, total, &kink[0][k]);
        near[k] = difference(g, value, 0.015, total, &kink[1][k]);
        largest = fabs(s.fd[k]) > largest ? fabs(s.fd[k]) : largest;
    }
    s.allowed = 1e-3 * largest + 2e-5 * (1.0 + fabs(total));
    for (size_t k = 0; k < s.n; k++)
        if (fabs(s.fd[k] - near[k]) > s.allowed || kink[0][k] > s.allowed ||
            kink[1][k] > s.allowed)
            s.fd[k] = (double)NAN;
    return s;
}

void graph_check_differences(unic__graph *g)
{
    const double total = graph_forward(g);
    graph_backward(g);
    size_t compared = 0, all = 0;
    for (size_t i = 0; i < g->params->n; i++) {
        const sample s = take_sample(g, i, total);
        for (size_t k = 0; k < s.n; k++, all++) {
            if (isnan(s.fd[k]))
                continue;
            double got = (double)g->params->grads[s.at[k]];
            base_require(fabs(got - s.fd[k]) <= s.allowed,
                         "%s: the gradient of element %zu is %.7g, differences give %.7g "
                         "(within %.2g)",
                         g->params->at[i]->name, s.at[k] - g->params->at[i]->offset, got,
                         s.fd[k], s.allowed);
            compared++;
        }
    }
    base_require(4 * compared >= 3 * all, "only %zu of %zu elements could be compared",
                 compared, all);
}
