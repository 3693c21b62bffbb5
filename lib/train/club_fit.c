#include "train/club_fit.h"

#include <string.h>

#include "base/ranks.h"

typedef struct fits {
    unic__training_graph *tg;
    unic__adam *adam;
    size_t steps; /* 0: evaluate */
    double lr;
    bool gradients_alone; /* of one step, which is not taken yet */
} fits;

/* The parameters of a modality's graph: a range of the table, since they were declared one
 * after the other. */
typedef struct range {
    size_t from, to;
} range;

static range params_of(const unic__graph *g)
{
    range r = {SIZE_MAX, 0};
    for (const unic__node *node = g->first; node; node = node->next)
        for (size_t i = 0; node->param && i < g->params->n; i++)
            if (g->params->at[i] == node->param) {
                r.from = i < r.from ? i : r.from;
                r.to = i + 1 > r.to ? i + 1 : r.to;
            }
    return r;
}

/* Whether there is anything to fit: a modality's net is frozen as a whole. */
static bool learns(const unic__param_table *params, range r)
{
    return r.from < r.to && !params->at[r.from]->frozen;
}

static void clear_gradients(const unic__param_table *params, range r)
{
    for (size_t i = r.from; i < r.to; i++)
        memset(params->grads + params->at[i]->offset, 0, params->at[i]->count * sizeof(float));
}

static void compute_gradients(unic__graph *g, range r)
{
    unic__graph_forward(g, 0);
    clear_gradients(g->params, r);
    unic__graph_backward(g, 0);
}

static void fit(const fits *f, size_t m)
{
    unic__graph *g = &f->tg->club[m];
    const range r = params_of(g);
    const size_t steps = learns(g->params, r) ? f->steps : 0;
    if (!steps)
        unic__graph_forward(g, 0);
    if (!steps && f->steps) /* the gradients are the step's, though nobody reads them */
        clear_gradients(g->params, r);
    for (size_t i = 0; i < steps; i++) {
        compute_gradients(g, r);
        if (!f->gradients_alone)
            unic__adam_apply(f->adam, f->adam->steps + i + 1, r.from, r.to, f->lr, 0.0, 0.0,
                             NULL);
    }
}

static void fit_part(const void *context, size_t from, size_t to)
{
    for (size_t m = from; m < to; m++)
        fit(context, m);
}

/* As many modalities as fill the threads evenly are shared out; in those left over, products
 * that are worth it are split. */
static void fit_all(const fits *f)
{
    const size_t n = f->tg->clubs, threads = (size_t)unic__threads();
    const size_t shared = n / threads * threads;
    unic__parallel(shared, 1, true, fit_part, f);
    fit_part(f, shared, n);
}

/* The same step at all ranks: their gradients are summed up in each. */
static void fit_ranks(const fits *f)
{
    const unic__param_table *params = f->adam->params;
    fits one = *f;
    one.steps = 1;
    one.gradients_alone = true;
    for (size_t i = 0; i < f->steps; i++) {
        fit_all(&one);
        unic__ranks_sum(f->tg->main.ranks, params->grads, params->total, UNIC_COMM_FLOAT32);
        unic__adam_apply(f->adam, f->adam->steps + i + 1, 0, params->n, f->lr, 0.0, 0.0, NULL);
    }
}

void unic__club_fit_run(unic__training_graph *tg, unic__adam *adam, size_t steps, double lr)
{
    const fits f = {tg, adam, steps, lr, false};
    if (tg->main.ranks)
        fit_ranks(&f);
    else
        fit_all(&f);
    adam->steps += steps;
}

void unic__club_fit_evaluate(unic__training_graph *tg)
{
    fit_all(&(fits){.tg = tg});
}
