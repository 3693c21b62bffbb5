/* CLUB's bound (P4) as Eq 5 has it: every pair of clips, one after the other, in double. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_help.h"
#include "graph/graph_help.h"
#include "loss_help.h"

static void club(loss_case *k)
{
    for (size_t m = 0; m < k->n; m++)
        loss_out(k, unic__club(&k->g, k->c, &k->stream[m], k->permutation[m]));
}

enum { WIDEST = 16 };

static const float *parameter(const loss_case *k, size_t m, const char *net, size_t layer,
                              const char *end)
{
    char name[64];
    snprintf(name, sizeof name, "%s.club.%s.%zu.%s", k->c->modality[m].name, net, layer, end);
    const unic__param *p = unic__param_table_find(&k->params, name);
    base_require(p, "there is no %s", name);
    return k->params.values + p->offset;
}

/* club.layers linear layers with relu between: x [D] -> out [Y] */
static void run_net(const loss_case *k, size_t m, const char *net, const float *x, size_t y,
                    double *out)
{
    double from[WIDEST], to[WIDEST];
    size_t in = k->c->code_dim;
    for (size_t j = 0; j < in; j++)
        from[j] = (double)x[j];
    for (size_t layer = 0; layer < k->c->club_layers; layer++) {
        bool last = layer + 1 == k->c->club_layers;
        size_t n = last ? y : k->c->club_width;
        const float *w = parameter(k, m, net, layer, "weight");
        const float *b = parameter(k, m, net, layer, "bias");
        for (size_t i = 0; i < n; i++) {
            to[i] = (double)b[i];
            for (size_t j = 0; j < in; j++)
                to[i] += (double)w[i * in + j] * from[j];
            to[i] = !last && to[i] < 0.0 ? 0.0 : to[i];
        }
        memcpy(from, to, n * sizeof *from);
        in = n;
    }
    memcpy(out, from, y * sizeof *out);
}

/* log N(y; mu(x), exp(s(x))), its constants too */
static double log_q(const loss_case *k, size_t m, const float *y, const float *x, size_t dim)
{
    double mu[WIDEST], s[WIDEST], sum = 0.0;
    run_net(k, m, "mu", x, dim, mu);
    run_net(k, m, "logvar", x, dim, s);
    for (size_t d = 0; d < dim; d++) {
        double logvar = tanh(s[d]), gap = (double)y[d] - mu[d];
        sum -= 0.5 * (gap * gap / exp(logvar) + logvar + log(2.0 * 3.141592653589793));
    }
    return sum;
}

static const loss_leaf *leaf_of(const loss_case *k, size_t m, size_t which)
{
    for (size_t i = 0; i < k->leaf_count; i++)
        if (k->leaf[i].m == m && which-- == 0)
            return &k->leaf[i];
    return NULL;
}

/* 1/N sum_i [ 1/T sum_t log q(y_i|x_i)  -  1/N 1/T sum_j sum_t log q(y_j|x_i) ]; with clips of
 * different lengths, the mean over the (i, t) there are of log q(y_it|x_it) minus its mean over
 * the j that have t. */
static double equation_5(const loss_case *k, size_t m)
{
    const loss_leaf *z = leaf_of(k, m, 0), *y = leaf_of(k, m, 1);
    const int32_t *lengths = k->lengths[m];
    double total = 0.0;
    size_t steps = 0;
    for (size_t i = 0; i < k->batch; i++)
        for (size_t t = 0; (int32_t)t < lengths[i]; t++, steps++) {
            const float *x = z->x + (i * k->length + t) * z->step;
            double others = 0.0, own = 0.0;
            size_t n = 0;
            for (size_t j = 0; j < k->batch; j++) {
                if ((int32_t)t >= lengths[j])
                    continue;
                double q = log_q(k, m, y->x + (j * k->length + t) * y->step, x, y->step);
                others += q;
                own = j == i ? q : own;
                n++;
            }
            total += own - others / (double)n;
        }
    return steps ? total / (double)steps : 0.0;
}

static loss_case k;

/* The value is a small difference of log q's of size 5: hence 1e-5 beside 1e-5 of itself. */
static void require_equation_5(const char *what)
{
    loss_run(&k);
    for (size_t m = 0; m < k.n; m++) {
        double want = equation_5(&k, m), got = (double)k.out[m]->t.x[0];
        base_require(fabs(got - want) <= 1e-5 * fabs(want) + 1e-5,
                     "%s, modality %zu: CLUB is %.9g, Eq 5 gives %.9g", what, m, got, want);
    }
}

START_TEST(it_is_equation_5)
{
    const char *const names[] = {"club_2", "club_full"};
    loss_open(&k, names[_i], club);
    require_equation_5("the case's numbers");
    for (uint64_t seed = 1; seed <= 20; seed++) {
        loss_lengths lengths = {{0}};
        for (size_t i = 0; i < k.leaf_count; i++)
            graph_draw(k.leaf[i].x, k.leaf[i].count, seed + 100 * i);
        for (size_t i = 0; i < k.n * k.batch; i++)
            lengths[i / k.batch][i % k.batch] = (int32_t)unic__random_below((unic__key){seed},
                                                                            i, k.length + 1);
        loss_set_lengths(&k, lengths);
        require_equation_5("drawn numbers");
    }
    loss_close(&k);
}
END_TEST

/* With one clip, or with clips that are all alike, nothing is learnt from zbar about z. */
START_TEST(clips_alike_share_nothing)
{
    loss_open(&k, "club_full", club);
    for (size_t i = 0; i < k.leaf_count; i++) {
        const loss_leaf *leaf = &k.leaf[i];
        size_t clip = leaf->count / k.batch;
        for (size_t b = 1; b < k.batch; b++)
            memcpy(leaf->x + b * clip, leaf->x, clip * sizeof *leaf->x);
    }
    loss_run(&k);
    for (size_t m = 0; m < k.n; m++)
        ck_assert_double_lt(fabs((double)k.out[m]->t.x[0]), 1e-6);
    loss_close(&k);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("club");
    tcase_add_loop_test(t, it_is_equation_5, 0, 2);
    tcase_add_test(t, clips_alike_share_nothing);
    return base_run("loss/club", t);
}
