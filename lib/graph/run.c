#include <string.h>

#include "graph/plan.h"

static size_t phase_begin(const unic__graph *g, unsigned phase)
{
    return phase ? g->phase_end[phase - 1] : 0;
}

unic_status unic__graph_status(unic__graph *g)
{
    unic_status status = g->run.status;
    g->run.status = UNIC_OK;
    return status;
}

uint64_t unic__graph_call_count(const unic__graph *g, bool with_backward)
{
    uint64_t n = g->step_count;
    for (size_t i = 0; i < g->step_count && with_backward; i++)
        n += g->steps[i].backward;
    return n;
}

/* Whether the run goes on after a call. */
static bool goes_on(unic__graph *g)
{
    if (!g->run.watch)
        return true;
    unic_status status = unic__watch_advance(g->run.watch, 1);
    if (status != UNIC_OK)
        g->run.status = status;
    return status == UNIC_OK || g->ranks;
}

/* The other ranks, which do not know of it yet, wait for this one: it goes on to the end. */
static bool is_stopped(const unic__graph *g)
{
    return g->run.status == UNIC_E_CANCELLED && !g->ranks;
}

void unic__graph_gradient_ends(const unic__graph *g, const unic__param_table *params,
                               size_t *at)
{
    for (size_t i = 0; i < params->n; i++)
        at[i] = SIZE_MAX;
    for (size_t i = g->step_count; i-- > 0;) { /* backward's order: the last to come stays */
        const unic__step *s = &g->steps[i];
        for (size_t k = 0; s->backward && k < s->call->input_count; k++)
            for (size_t p = 0; s->in[k] && s->in[k]->root->param && p < params->n; p++)
                if (s->in[k]->root->param == params->at[p])
                    at[p] = i;
    }
}

void unic__graph_forward(unic__graph *g, unsigned phase)
{
    if (is_stopped(g))
        return;
    for (size_t i = phase_begin(g, phase); i < g->phase_end[phase]; i++) {
        g->steps[i].call->op->forward(g->steps[i].call);
        if (!goes_on(g))
            return;
    }
}

void unic__graph_backward(unic__graph *g, unsigned phase)
{
    if (is_stopped(g))
        return;
    for (size_t i = g->phase_end[phase]; i-- > phase_begin(g, phase);) {
        unic__step *s = &g->steps[i];
        if (!s->backward)
            continue;
        for (size_t k = 0; k < s->clear_count; k++)
            memset(s->clear[k]->t.dx, 0,
                   unic__shape_count(&s->clear[k]->t.shape) * sizeof(float));
        if (s->out->seed != 0.0)
            s->out->t.dx[0] += (float)s->out->seed;
        s->call->op->backward(s->call);
        if (g->run.passed)
            g->run.passed(g->run.context, i);
        if (!goes_on(g))
            return;
    }
}
