#include "train/fit.h"

#include <math.h>
#include <string.h>

#include "array/array.h"

unic_status unic__fit_gradient(unic__graph *g, const unic__param_table *params)
{
    unic__graph_forward(g, 0);
    memset(params->grads, 0, params->total * sizeof *params->grads);
    unic__graph_backward(g, 0);
    return unic__graph_status(g);
}

unic_status unic__fit_check(const unic__node *loss, const unic__param_table *params)
{
    double value = (double)loss->t.x[0], norms[UNIC__MAX_GROUPS];
    unic__grad_norms(params, norms);
    for (size_t k = 0; k < params->group_count; k++)
        if (!isfinite(value) || !unic__adam_takes(norms[k]))
            return unic__fail(UNIC_E_NUMERIC,
                              "the loss is %g, its gradient's norm %g; expected a finite loss "
                              "and a norm below %g",
                              value, norms[k], unic__adam_largest);
    return UNIC_OK;
}

static unic_status take_step(const unic__fit *f, const int32_t *order, size_t rows)
{
    UNIC__TRY(f->fill(f->context, order, rows));
    UNIC__TRY(unic__fit_gradient(f->graph, f->adam->params));
    if (f->check)
        UNIC__TRY(f->check(f->context, rows));
    UNIC__TRY(unic__fit_check(f->loss, f->adam->params));
    unic__adam_step(f->adam, f->learning_rate, 0.0, 0.0, NULL);
    return UNIC_OK;
}

static unic_status run_epochs(const unic__fit *f, int32_t *order, double *loss)
{
    const unic__param_table *params = f->adam->params;
    uint64_t done = 0,
             total = (uint64_t)f->epochs * (f->clips / f->batch + (f->clips % f->batch != 0));
    for (int32_t epoch = 0; epoch < f->epochs; epoch++) {
        unic__random_permutation(unic__random_key(f->seed, f->adam->steps, 0), order, f->clips);
        *loss = 0.0;
        for (size_t from = 0; from < f->clips; from += f->batch) {
            size_t rows = f->clips - from < f->batch ? f->clips - from : f->batch;
            unic_status status = take_step(f, order + from, rows);
            if (status != UNIC_OK)
                return unic__fail_in(status, "epoch %d", epoch);
            *loss += (double)f->loss->t.x[0] * (double)rows / (double)f->clips;
            UNIC__TRY(unic__progress_tell(&f->progress, "batches", ++done, total));
        }
    }
    if (!unic__all_finite(params->values, params->total))
        return unic__fail(UNIC_E_NUMERIC, "a weight is no longer finite");
    return UNIC_OK;
}

unic_status unic__fit_run(const unic__fit *f, double *loss)
{
    uint64_t steps = f->adam->steps;
    double last = 0.0;
    float *before = unic__alloc_array(3 * f->adam->params->total, sizeof *before);
    int32_t *order = unic__alloc_array(f->clips, sizeof *order);
    unic_status status = UNIC_OK;
    if (!before || !order) {
        status = unic__no_memory(f->clips * sizeof *order, f->what);
    } else {
        unic__adam_backup(f->adam, before);
        status = run_epochs(f, order, &last);
        if (status != UNIC_OK)
            unic__adam_restore(f->adam, before, steps);
    }
    if (status == UNIC_OK && loss)
        *loss = last;
    unic__free(order);
    unic__free(before);
    return status;
}
