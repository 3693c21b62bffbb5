/* lib/loss: every term's value and gradients against PyTorch in float64, and its masks. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_help.h"
#include "graph/graph_help.h"
#include "loss_help.h"
#include "train/training_graph.h"

/* ---- the terms, as the training graph builds them ---- */

static void recon(loss_case *k)
{
    for (size_t m = 0; m < k->n; m++)
        loss_out(k, unic__reconstruction(&k->g, k->c, &k->stream[m]));
}

static void commit(loss_case *k)
{
    for (size_t m = 0; m < k->n; m++)
        loss_out(k, unic__commitment(&k->g, k->c, k->n, k->stream, m));
}

static void club(loss_case *k)
{
    for (size_t m = 0; m < k->n; m++)
        loss_out(k, unic__club(&k->g, k->c, &k->stream[m], k->permutation[m]));
}

static void club_fit(loss_case *k)
{
    for (size_t m = 0; m < k->n; m++) {
        const unic__stream *s = &k->stream[m];
        loss_out(k, unic__club_fit(&k->g, k->c, s->m, s->z, s->y, s->mask, NULL));
    }
}

static void cpc(loss_case *k)
{
    loss_out(k, unic__cross_cpc(&k->g, k->c, k->n, k->stream, &k->cpc));
}

static void match(loss_case *k)
{
    loss_out(k, unic__code_match(&k->g, k->c, k->n, k->stream, &k->match));
}

static void margin(loss_case *k)
{
    loss_term_out(k, &unic__term_margin);
}

static void contrast(loss_case *k)
{
    loss_term_out(k, &unic__term_contrast);
}

static void restore(loss_case *k)
{
    loss_term_out(k, &unic__term_restore);
}

static void masked(loss_case *k)
{
    loss_term_out(k, &unic__term_masked);
}

static void jigsaw(loss_case *k)
{
    loss_term_out(k, &unic__term_jigsaw);
}

static void ema(loss_case *k)
{
    for (size_t m = 0; m < k->n; m++)
        loss_out(k, unic__ema_target(&k->g, k->c, k->n, k->stream, m));
}

static const struct {
    const char *name;
    loss_term term;
} cases[] = {
    {"recon", recon},
    {"recon_attached", recon},
    {"recon_pooled", recon},
    {"commit_2", commit},
    {"commit_3", commit},
    {"commit_own", commit},
    {"club_2", club},
    {"club_3", club},
    {"club_full", club},
    {"club_permutation", club},
    {"club_compat", club},
    {"club_fit", club_fit},
    {"cpc_2", cpc},
    {"cpc_3", cpc},
    {"cpc_steps", cpc},
    {"cpc_predictions", cpc},
    {"cpc_compat", cpc},
    {"cpc_one_step", cpc},
    {"cpc_short", cpc},
    {"match_2", match},
    {"match_3", match},
    {"match_asymmetric_2", match},
    {"match_asymmetric_3", match},
    {"margin_adaptive_2", margin},
    {"margin_adaptive_3", margin},
    {"margin_fixed", margin},
    {"margin_rows", margin},
    {"margin_cosine", margin},
    {"contrast_2", contrast},
    {"contrast_3", contrast},
    {"contrast_plain", contrast},
    {"restore_2", restore},
    {"restore_3", restore},
    {"restore_none", restore},
    {"masked_2", masked},
    {"masked_3", masked},
    {"masked_fine", masked},
    {"masked_none", masked},
    {"jigsaw_2", jigsaw},
    {"jigsaw_3", jigsaw},
    {"ema_attention_2", ema},
    {"ema_attention_3", ema},
    {"ema_same_step_2", ema},
    {"ema_same_step_3", ema},
    {"ema_none_2", ema},
    {"ema_none_3", ema},
};
enum { CASES = sizeof cases / sizeof cases[0] };

static loss_case k;

/* ---- against PyTorch ---- */

static const double tolerance = 1e-5; /* docs/design.md */

/* An output's name in the file: that of its modality, or the term's if it has one for all. */
static const golden_array *expected(const loss_case *k, size_t i)
{
    size_t seen = 0;
    for (size_t j = 0; j < k->golden.n; j++)
        if (strncmp(k->golden.at[j].name, "out/", 4) == 0 && seen++ == i)
            return &k->golden.at[j];
    return NULL;
}

/* The targets of steps that are there; at others they are nobody's. */
static void clear_padding(const loss_case *k, size_t m, float *rows, size_t dim)
{
    for (size_t i = 0; i < k->batch * k->length; i++)
        if ((int32_t)(i % k->length) >= k->lengths[m][i / k->length])
            memset(rows + i * dim, 0, dim * sizeof *rows);
}

static void compare_outputs(const loss_case *k)
{
    ck_assert(expected(k, k->output_count) == NULL);
    for (size_t i = 0; i < k->output_count; i++) {
        const golden_array *want = expected(k, i);
        ck_assert(want && unic__shape_equal(&want->shape, &k->out[i]->t.shape));
        if (want->shape.rank > 0)
            clear_padding(k, i, k->out[i]->t.x, k->c->code_dim);
        golden_compare(&k->golden, want, k->out[i]->t.x, tolerance);
    }
}

/* Returns how many were compared. */
static size_t compare_gradients(const loss_case *k)
{
    size_t n = k->params.n;
    for (size_t i = 0; i < k->leaf_count; i++) {
        const loss_leaf *leaf = &k->leaf[i];
        if (leaf->dx)
            golden_compare_gradient(&k->golden, &leaf->golden->shape, leaf->golden->name,
                                    leaf->dx, tolerance);
        n += leaf->dx != NULL;
    }
    for (size_t i = 0; i < k->params.n; i++) {
        const unic__param *p = k->params.at[i];
        golden_compare_gradient(&k->golden, &p->shape, p->name, k->params.grads + p->offset,
                                tolerance);
    }
    return n;
}

static size_t count_named(const golden *g, const char *prefix)
{
    size_t n = 0;
    for (size_t i = 0; i < g->n; i++)
        n += strncmp(g->at[i].name, prefix, strlen(prefix)) == 0;
    return n;
}

START_TEST(values_and_gradients)
{
    loss_open(&k, cases[_i].name, cases[_i].term);
    ck_assert_uint_eq(count_named(&k.golden, "param/"), k.params.n); /* none is left over */
    loss_run(&k);
    compare_outputs(&k);
    ck_assert_uint_eq(compare_gradients(&k), count_named(&k.golden, "grad/"));
    loss_close(&k);
}
END_TEST

/* ---- masks ---- */

/* Everything that comes out of a run, one float after the other. */
typedef struct results {
    float *x;
    size_t n;
} results;

static void append(results *r, const float *x, size_t count)
{
    r->x = realloc(r->x, (r->n + count) * sizeof *x);
    ck_assert_ptr_nonnull(r->x);
    memcpy(r->x + r->n, x, count * sizeof *x);
    r->n += count;
}

static results run_all(loss_case *k)
{
    results r = {NULL, 0};
    loss_run(k);
    for (size_t i = 0; i < k->output_count; i++) {
        if (k->out[i]->t.shape.rank > 0)
            clear_padding(k, i, k->out[i]->t.x, k->c->code_dim);
        append(&r, k->out[i]->t.x, unic__shape_count(&k->out[i]->t.shape));
    }
    for (size_t i = 0; i < k->leaf_count; i++)
        if (k->leaf[i].dx)
            append(&r, k->leaf[i].dx, k->leaf[i].count);
    append(&r, k->params.grads, k->params.total);
    return r;
}

/* What stands at padded steps and in absent clips changes nothing, bit for bit, and gets no
 * gradient (+0 and -0 count as the same: 0 x garbage is one or the other). */
START_TEST(padding_changes_nothing)
{
    const float scales[] = {1.0F, 1000.0F, -3.0F};
    loss_open(&k, cases[_i].name, cases[_i].term);
    results clean = run_all(&k);
    for (size_t i = 0; i < 3; i++) {
        loss_spoil(&k, scales[i]);
        results spoilt = run_all(&k);
        ck_assert_uint_eq(clean.n, spoilt.n);
        for (size_t j = 0; j < clean.n; j++)
            base_require(clean.x[j] == spoilt.x[j], "%s: number %zu is %.9g, with padding %.9g",
                         k.golden.name, j, (double)clean.x[j], (double)spoilt.x[j]);
        free(spoilt.x);
    }
    for (size_t i = 0; i < k.leaf_count; i++) {
        const loss_leaf *leaf = &k.leaf[i];
        for (size_t j = 0; leaf->dx && j < leaf->count; j++) {
            size_t row = j / leaf->step;
            base_require((int32_t)(row % k.length) < k.lengths[leaf->m][row / k.length] ||
                             leaf->dx[j] == 0.0F,
                         "%s: the gradient of padding in %s", k.golden.name,
                         leaf->golden->name);
        }
    }
    free(clean.x);
    loss_close(&k);
}
END_TEST

static void require_zero(loss_case *k, const char *what)
{
    results r = run_all(k);
    for (size_t i = 0; i < r.n; i++)
        base_require(r.x[i] == 0.0F, "%s: %s: number %zu is %g", k->golden.name, what, i,
                     (double)r.x[i]);
    free(r.x);
}

/* Clips without a partner: one of each modality (CLUB), never two of a pair (the others). */
START_TEST(lone_clips_count_nothing)
{
    loss_lengths one = {{0, 3, 0, 0, 0}, {2, 0, 0, 0, 0}, {0, 0, 0, 0, 5}};
    loss_lengths pairs = {{0, 3, 0, 0, 0}, {2, 3, 0, 0, 0}, {0, 0, 4, 2, 0}};
    const loss_term term = cases[_i].term;
    bool contrasts = term == cpc || term == match || term == margin || term == contrast;
    if (!contrasts && term != club)
        return;
    loss_open(&k, cases[_i].name, cases[_i].term);
    for (size_t m = 0; m < 3; m++)
        for (size_t b = 0; b < k.batch; b++) {
            one[m][b] = one[m][b] < (int32_t)k.length ? one[m][b] : (int32_t)k.length;
            pairs[m][b] = pairs[m][b] < (int32_t)k.length ? pairs[m][b] : (int32_t)k.length;
        }
    loss_set_lengths(&k, one);
    require_zero(&k, "one clip of each");
    loss_spoil(&k, 100.0F);
    require_zero(&k, "one clip of each, the others full of noise");
    if (contrasts && k.c->cpc_self == 0.0) { /* a modality may have two for itself */
        loss_set_lengths(&k, pairs);
        require_zero(&k, "no two clips of a pair");
    }
    loss_close(&k);
}
END_TEST

START_TEST(nothing_valid_counts_nothing)
{
    loss_lengths none = {{0}};
    if (cases[_i].term == ema)
        return; /* there is no step to have a target */
    loss_open(&k, cases[_i].name, cases[_i].term);
    loss_set_lengths(&k, none);
    require_zero(&k, "no clip at all");
    loss_close(&k);
}
END_TEST

/* ---- what the cases above do not say ---- */

static void ema_as_a_loss(loss_case *k)
{
    for (size_t m = 0; m < k->n; m++) {
        unic__node *target = unic__ema_target(&k->g, k->c, k->n, k->stream, m);
        size_t count = unic__shape_count(&target->t.shape);
        unic__node *flat = unic__reshape(&k->g, target, UNIC__SHAPE_OF(count));
        loss_out(k, unic__sum(&k->g, flat, 0, false));
    }
}

/* Even where the streams are trained. */
START_TEST(ema_targets_pass_no_gradient)
{
    loss_open(&k, "club_2", ema_as_a_loss);
    loss_run(&k);
    for (size_t m = 0; m < k.n; m++)
        ck_assert(k.stream[m].z->wants_grad && !k.out[m]->wants_grad);
    for (size_t i = 0; i < k.leaf_count; i++)
        for (size_t j = 0; j < k.leaf[i].count; j++)
            ck_assert(k.leaf[i].dx[j] == 0.0F);
    loss_close(&k);
}
END_TEST

START_TEST(masked_means)
{
    float v[6] = {1, 2, 3, 4, 5, 6}, dv[6] = {0};
    const float masks[][6] = {{1, 1, 1, 1, 1, 1}, {0, 0, 0, 1, 0, 0}, {1, 0, 0, 0, 1, 1}, {0}};
    const float means[] = {3.5F, 4.0F, 4.0F, 0.0F}, counts[] = {6, 1, 3, 1};
    unic__graph g;
    unic__graph_init(&g, NULL, false);
    unic__node *mask = unic__input(&g, UNIC__SHAPE_OF(2, 3), UNIC__F32);
    unic__node *mean = unic__valid_mean(&g, unic__external(&g, UNIC__SHAPE_OF(2, 3), v, dv),
                                        mask);
    unic__loss(mean, 1.0);
    graph_ready(&g, 0);
    for (size_t i = 0; i < 4; i++) {
        memcpy(mask->t.x, masks[i], sizeof masks[i]);
        memset(dv, 0, sizeof dv);
        graph_forward(&g);
        graph_backward(&g);
        ck_assert(mean->t.x[0] == means[i]);
        for (size_t j = 0; j < 6; j++)
            ck_assert_float_eq_tol(dv[j], masks[i][j] / counts[i], 1e-7F);
    }
    unic__graph_free(&g);
}
END_TEST

/* K futures where T >= K + 1 + max(start, 1): else one, of the same step. */
START_TEST(horizons)
{
    for (size_t steps = 1; steps < 4; steps++)
        for (size_t start = 0; start < 4; start++)
            for (size_t length = 1; length < 12; length++) {
                unic_config c = {.cpc_steps = steps, .cpc_start = start};
                bool fits = length >= steps + 1 + (start ? start : 1);
                size_t shift, horizon = unic__cpc_horizon(&c, length, &shift);
                ck_assert_uint_eq(horizon, fits ? steps : 1);
                ck_assert_uint_eq(shift, fits ? 1 : 0);
            }
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("terms");
    tcase_add_loop_test(t, values_and_gradients, 0, CASES);
    tcase_add_loop_test(t, padding_changes_nothing, 0, CASES);
    tcase_add_loop_test(t, lone_clips_count_nothing, 0, CASES);
    tcase_add_loop_test(t, nothing_valid_counts_nothing, 0, CASES);
    tcase_add_test(t, ema_targets_pass_no_gradient);
    tcase_add_test(t, masked_means);
    tcase_add_test(t, horizons);
    return base_run("loss/terms", t);
}
