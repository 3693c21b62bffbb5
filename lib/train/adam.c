#include "train/adam.h"

#include <math.h>
#include <string.h>

unic_status unic__adam_create(unic__adam *adam, unic__param_table *params)
{
    size_t total = params->total ? params->total : 1;
    *adam = (unic__adam){.params = params};
    adam->m = unic__alloc_array(total, sizeof(float));
    adam->v = unic__alloc_array(total, sizeof(float));
    if (adam->m && adam->v)
        return UNIC_OK;
    unic__adam_free(adam);
    return unic__no_memory(2 * total * sizeof(float), "Adam's moments");
}

void unic__adam_free(unic__adam *adam)
{
    unic__free(adam->m);
    unic__free(adam->v);
    *adam = (unic__adam){0};
}

void unic__adam_backup(const unic__adam *adam, float *copy)
{
    size_t total = adam->params->total, bytes = total * sizeof(float);
    memcpy(copy, adam->params->values, bytes);
    memcpy(copy + total, adam->m, bytes);
    memcpy(copy + 2 * total, adam->v, bytes);
}

void unic__adam_restore(unic__adam *adam, const float *copy, uint64_t steps)
{
    size_t total = adam->params->total, bytes = total * sizeof(float);
    memcpy(adam->params->values, copy, bytes);
    memcpy(adam->m, copy + total, bytes);
    memcpy(adam->v, copy + 2 * total, bytes);
    adam->steps = steps;
}

unic_status unic__adam_check(const unic__adam *adam, const char *path)
{
    for (size_t i = 0; i < adam->params->n; i++) {
        const unic__param *p = adam->params->at[i];
        for (size_t j = p->offset; j < p->offset + p->count; j++)
            if (!(fabs((double)adam->m[j]) <= unic__adam_largest) || !(adam->v[j] >= 0.0F))
                return unic__fail(UNIC_E_FORMAT,
                                  "%s: Adam's moments of %s are %g and %g, which no gradient "
                                  "can have left",
                                  path, p->name, (double)adam->m[j], (double)adam->v[j]);
    }
    return UNIC_OK;
}

UNIC__SIMD static double square_sum(const float *g, size_t n)
{
    double sum = 0.0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < n; i++)
        sum += (double)g[i] * (double)g[i];
    return sum;
}

void unic__grad_norms(const unic__param_table *params, double *norms)
{
    for (size_t k = 0; k < params->group_count; k++)
        norms[k] = 0.0;
    for (size_t i = 0; i < params->n; i++) {
        const unic__param *p = params->at[i];
        if (!p->frozen)
            norms[p->group] += square_sum(params->grads + p->offset, p->count);
    }
    for (size_t k = 0; k < params->group_count; k++)
        norms[k] = sqrt(norms[k]);
}

/* One parameter's step; `rate` is lr / (1 - beta1^t). */
typedef struct update {
    float *p, *m, *v;
    const float *g;
    float scale, rate, correction, shrink;
} update;

/* One pass: scale, moments, step. */
UNIC__SIMD static void apply(const void *context, size_t from, size_t to)
{
    const update u = *(const update *)context;
    float *restrict p = u.p, *restrict m = u.m, *restrict v = u.v;
    for (size_t i = from; i < to; i++) {
        float gi = u.g[i] * u.scale;
        m[i] = 0.9F * m[i] + 0.1F * gi;
        v[i] = 0.999F * v[i] + 0.001F * gi * gi;
        p[i] = p[i] * u.shrink - u.rate * m[i] / (sqrtf(v[i]) * u.correction + 1e-8F);
    }
}

void unic__adam_apply(const unic__adam *adam, uint64_t t, size_t from, size_t to, double lr,
                      double decay, double clip, const double *norms)
{
    enum { CHUNK = 1 << 15 };
    const unic__param_table *params = adam->params;
    float rate = (float)(lr / (1.0 - pow(0.9, (double)t)));
    float correction = (float)(1.0 / sqrt(1.0 - pow(0.999, (double)t)));
    for (size_t i = from; i < to; i++) {
        const unic__param *p = params->at[i];
        if (p->frozen)
            continue;
        double factor = clip > 0.0 ? clip / (norms[p->group] + 1e-6) : 1.0;
        const update u = {.p = params->values + p->offset,
                          .m = adam->m + p->offset,
                          .v = adam->v + p->offset,
                          .g = params->grads + p->offset,
                          .scale = factor < 1.0 ? (float)factor : 1.0F,
                          .rate = rate,
                          .correction = correction,
                          .shrink = p->decay ? (float)(1.0 - lr * decay) : 1.0F};
        unic__parallel(p->count, CHUNK, p->count > CHUNK, apply, &u);
    }
}

void unic__adam_step(unic__adam *adam, double lr, double decay, double clip,
                     const double *norms)
{
    unic__adam_apply(adam, ++adam->steps, 0, adam->params->n, lr, decay, clip, norms);
}
