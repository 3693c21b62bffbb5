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

void unic__graph_forward(unic__graph *g, unsigned phase)
{
    for (size_t i = phase_begin(g, phase); i < g->phase_end[phase]; i++)
        g->steps[i].call->op->forward(g->steps[i].call);
}

void unic__graph_backward(unic__graph *g, unsigned phase)
{
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
    }
}
