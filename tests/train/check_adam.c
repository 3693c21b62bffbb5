/* lib/train/adam.c against its equations in double, from a table's gradients. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_help.h"
#include "graph/graph_help.h"
#include "train/adam.h"

/* A matrix and a bias in each of two groups; the first is longer than a thread's chunk. */
enum { LARGE = 70001, GROUPS = 2, PARAMS = 4 };

static const struct {
    const char *name, *group;
    unic__shape shape;
    float gradient; /* draws are up to this */
} shapes[PARAMS] = {
    {"large.weight", "encoder", {2, {1, LARGE}}, 0.01F},
    {"large.bias", "encoder", {1, {5}}, 1.0F},
    {"small.weight", "cpc", {2, {3, 4}}, 1e-4F},
    {"small.bias", "cpc", {1, {3}}, 1e-4F},
};

static void open_table(unic__param_table *params)
{
    unic__param *p;
    *params = (unic__param_table){.n = 0};
    for (size_t i = 0; i < PARAMS; i++)
        base_assert_ok(unic__param_table_declare(params, shapes[i].name, &shapes[i].shape,
                                                 GRAPH_UNIFORM, shapes[i].group, &p));
    base_assert_ok(unic__param_table_seal(params, true));
    unic__param_table_init(params, 5);
}

/* The gradients of step t; some elements have none, as an unused code's row would. */
static void draw_gradients(unic__param_table *params, uint64_t t)
{
    for (size_t i = 0; i < PARAMS; i++) {
        const unic__param *p = params->at[i];
        graph_draw(params->grads + p->offset, p->count, 10 * t + i);
        for (size_t k = 0; k < p->count; k++)
            params->grads[p->offset + k] *= k % 7 == 3 ? 0.0F : shapes[i].gradient;
    }
}

/* The equations, element by element. */
typedef struct reference {
    double *p, *m, *v;
    double norm[GROUPS];
} reference;

static void reference_open(reference *r, const unic__param_table *params)
{
    r->p = calloc(3 * params->total, sizeof *r->p);
    ck_assert_ptr_nonnull(r->p);
    r->m = r->p + params->total;
    r->v = r->m + params->total;
    for (size_t i = 0; i < params->total; i++)
        r->p[i] = (double)params->values[i];
}

static void reference_norms(reference *r, const unic__param_table *params)
{
    double sum[GROUPS] = {0};
    for (size_t i = 0; i < PARAMS; i++) {
        const unic__param *p = params->at[i];
        for (size_t k = p->offset; k < p->offset + p->count; k++)
            sum[p->group] += (double)params->grads[k] * (double)params->grads[k];
    }
    for (size_t g = 0; g < GROUPS; g++)
        r->norm[g] = sqrt(sum[g]);
}

static void reference_step(reference *r, const unic__param_table *params, int t, double lr,
                           double decay, double clip)
{
    for (size_t i = 0; i < PARAMS; i++) {
        const unic__param *p = params->at[i];
        double scale = clip > 0.0 ? fmin(1.0, clip / (r->norm[p->group] + 1e-6)) : 1.0;
        for (size_t k = p->offset; k < p->offset + p->count; k++) {
            double g = scale * (double)params->grads[k];
            r->m[k] = 0.9 * r->m[k] + 0.1 * g;
            r->v[k] = 0.999 * r->v[k] + 0.001 * g * g;
            double mhat = r->m[k] / (1.0 - pow(0.9, t));
            double vhat = r->v[k] / (1.0 - pow(0.999, t));
            r->p[k] -= lr * (mhat / (sqrt(vhat) + 1e-8) +
                             (p->shape.rank > 1 ? decay * r->p[k] : 0.0));
        }
    }
}

static void require_near(const char *what, int t, const float *got, const double *want,
                         size_t count, double allowed)
{
    for (size_t k = 0; k < count; k++)
        base_require(fabs((double)got[k] - want[k]) <= allowed,
                     "step %d: %s %zu is %.9g, expected %.9g (within %.2g)", t, what, k,
                     (double)got[k], want[k], allowed);
}

/* Values are up to 1: a float32 rounding a step, and 1e-5 of what a step moves. */
static void require_reference(const unic__adam *adam, const reference *r, int t, double lr)
{
    for (size_t i = 0; i < PARAMS; i++) {
        const unic__param *p = adam->params->at[i];
        size_t at = p->offset;
        double m = 0.0, v = 0.0;
        for (size_t k = at; k < at + p->count; k++) {
            m = fmax(m, fabs(r->m[k]));
            v = fmax(v, r->v[k]);
        }
        require_near("first moment", t, adam->m + at, r->m + at, p->count, 2e-6 * m);
        require_near("second moment", t, adam->v + at, r->v + at, p->count, 2e-6 * v);
        require_near("value", t, adam->params->values + at, r->p + at, p->count,
                     t * (1.2e-7 + 1e-5 * lr));
    }
}

static const struct {
    double lr, decay, clip;
} settings[] = {
    {1e-3, 0.0, 0.0},  /* Adam as it is           */
    {1e-3, 0.0, 0.5},  /* encoder is clipped      */
    {1e-2, 0.1, 1e-5}, /* both are; with decay    */
    {1e-3, 0.01, 1e3}, /* clip that is never used */
};
enum { SETTINGS = 4, STEPS = 12 };

START_TEST(steps_follow_the_equations)
{
    unic__param_table params;
    unic__adam adam;
    reference r;
    double norms[GROUPS];
    const double lr = settings[_i].lr, decay = settings[_i].decay, clip = settings[_i].clip;
    open_table(&params);
    base_assert_ok(unic__adam_create(&adam, &params));
    reference_open(&r, &params);
    for (int t = 1; t <= STEPS; t++) {
        draw_gradients(&params, (uint64_t)t);
        unic__grad_norms(&params, norms);
        reference_norms(&r, &params);
        for (size_t g = 0; g < GROUPS; g++)
            ck_assert_double_eq_tol(norms[g], r.norm[g], 1e-12 * r.norm[g]);
        unic__adam_step(&adam, lr, decay, clip, clip > 0.0 ? norms : NULL);
        reference_step(&r, &params, t, lr, decay, clip);
        ck_assert_uint_eq(adam.steps, t);
        require_reference(&adam, &r, t, lr);
    }
    free(r.p);
    unic__adam_free(&adam);
    unic__param_table_free(&params);
}
END_TEST

/* The first step moves every element that has a gradient by lr, whatever its size. */
START_TEST(the_first_step_is_lr)
{
    unic__param_table params;
    unic__adam adam;
    open_table(&params);
    base_assert_ok(unic__adam_create(&adam, &params));
    draw_gradients(&params, 1);
    float *before = malloc(params.total * sizeof *before);
    memcpy(before, params.values, params.total * sizeof *before);
    unic__adam_step(&adam, 0.01, 0.0, 0.0, NULL);
    for (size_t k = 0; k < params.total; k++) {
        float g = params.grads[k], moved = before[k] - params.values[k];
        float want = g == 0.0F ? 0.0F : g > 0.0F ? 0.01F : -0.01F;
        if (fabsf(g) > 1e-5F || g == 0.0F) /* a smaller one feels eps */
            base_require(fabsf(moved - want) <= 2e-5F, "element %zu moved by %g", k,
                         (double)moved);
    }
    free(before);
    unic__adam_free(&adam);
    unic__param_table_free(&params);
}
END_TEST

/* Groups' gradients are clipped by their own norms alone, and matrices alone decay. */
START_TEST(groups_and_decay_are_apart)
{
    unic__param_table params;
    unic__adam adam;
    const double norms[GROUPS] = {1e6, 1e-9};
    open_table(&params);
    base_assert_ok(unic__adam_create(&adam, &params));
    draw_gradients(&params, 1);
    unic__adam_step(&adam, 1e-3, 0.0, 0.5, norms);
    for (size_t i = 0; i < PARAMS; i++) {
        const unic__param *p = params.at[i];
        float scale = p->group == 0 ? 0.5e-6F : 1.0F;
        for (size_t k = p->offset; k < p->offset + p->count; k++)
            ck_assert_float_eq_tol(adam.m[k], 0.1F * scale * params.grads[k],
                                   1e-6F * scale * fabsf(params.grads[k]) + 1e-30F);
    }
    unic__adam_free(&adam);
    base_assert_ok(unic__adam_create(&adam, &params));
    memset(params.grads, 0, params.total * sizeof(float));
    unic__param_table_init(&params, 5);
    float *before = malloc(params.total * sizeof *before);
    memcpy(before, params.values, params.total * sizeof *before);
    unic__adam_step(&adam, 0.1, 0.5, 0.0, NULL);
    for (size_t i = 0; i < PARAMS; i++) {
        const unic__param *p = params.at[i];
        float left = p->shape.rank > 1 ? 0.95F : 1.0F;
        for (size_t k = p->offset; k < p->offset + p->count; k++)
            ck_assert_float_eq_tol(params.values[k], left * before[k], 1e-7F);
    }
    free(before);
    unic__adam_free(&adam);
    unic__param_table_free(&params);
}
END_TEST

START_TEST(threads_and_padding)
{
    unic__param_table params[2];
    for (int i = 0; i < 2; i++) {
        unic__adam adam;
        double norms[GROUPS];
        unic__threads_set(i + 1);
        open_table(&params[i]);
        base_assert_ok(unic__adam_create(&adam, &params[i]));
        for (uint64_t t = 1; t < 4; t++) {
            draw_gradients(&params[i], t);
            unic__grad_norms(&params[i], norms);
            unic__adam_step(&adam, 0.01, 0.1, 0.5, norms);
        }
        unic__adam_free(&adam);
    }
    unic__threads_set(1);
    ck_assert_int_eq(
        memcmp(params[0].values, params[1].values, params[0].total * sizeof(float)), 0);
    for (size_t i = 0; i < PARAMS; i++) {
        size_t end = i + 1 < PARAMS ? params[0].at[i + 1]->offset : params[0].total;
        for (size_t k = params[0].at[i]->offset + params[0].at[i]->count; k < end; k++)
            ck_assert(params[0].values[k] == 0.0F);
    }
    unic__param_table_free(&params[0]);
    unic__param_table_free(&params[1]);
}
END_TEST

static unic__param_table table;

static unic_status create_scenario(void)
{
    unic__adam adam;
    unic_status status = unic__adam_create(&adam, &table);
    if (status != UNIC_OK)
        ck_assert(adam.m == NULL && adam.v == NULL);
    unic__adam_free(&adam);
    return status;
}

START_TEST(without_memory)
{
    open_table(&table);
    ck_assert_uint_eq(base_fail_each_allocation(create_scenario), 2);
    unic__param_table_free(&table);
    base_assert_ok(unic__param_table_seal(&table, true)); /* of no parameter */
    ck_assert_uint_eq(base_fail_each_allocation(create_scenario), 2);
    unic__param_table_free(&table);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("adam");
    tcase_add_loop_test(t, steps_follow_the_equations, 0, SETTINGS);
    tcase_add_test(t, the_first_step_is_lr);
    tcase_add_test(t, groups_and_decay_are_apart);
    tcase_add_test(t, threads_and_padding);
    tcase_add_test(t, without_memory);
    return base_run("train/adam", t);
}
