/* lib/graph/graph.c: what building refuses, that the first refusal is the one reported, and
 * that memory may run out at any moment of it. */
#include <stdio.h>
#include <string.h>

#include "base/base_help.h"
#include "graph/plan.h"
#include "graph_help.h"
#include "model/small_model.h"
#include "train/training_graph.h"

static float memory[64];

static unic__node *leaf(unic__graph *g, unic__shape shape)
{
    return unic__external(g, shape, memory, NULL);
}

/* ---- errors ---- */

START_TEST(the_first_error_is_reported)
{
    unic__graph g;
    unic__graph_init(&g, NULL, false);
    unic__node *x = leaf(&g, UNIC__SHAPE_OF(2, 3)), *y = leaf(&g, UNIC__SHAPE_OF(4, 5));
    unic__node *bad = unic__concat(&g, 2, (unic__node *[]){x, y}, 1);
    ck_assert_ptr_eq(bad, &g.poison);
    size_t nodes = g.node_count, steps = g.step_count;
    unic__fail(UNIC_E_IO, "somebody else's error");
    ck_assert_ptr_eq(unic__matmul(&g, x, y, false, false), &g.poison); /* wrong as well */
    ck_assert_ptr_eq(unic__tanh(&g, x), &g.poison);                    /* right, but too late */
    ck_assert_ptr_eq(unic__graph_fail(&g, UNIC_E_ARG, "a later error"), &g.poison);
    ck_assert_uint_eq(g.node_count, nodes);
    ck_assert_uint_eq(g.step_count, steps);
    base_assert_fails(unic__graph_plan(&g), UNIC_E_SHAPE, "concat: input 1 is [4,5]");
    base_assert_fails(unic__graph_plan(&g), UNIC_E_SHAPE, "concat: input 1 is [4,5]");
    unic__graph_free(&g);
}
END_TEST

START_TEST(everything_takes_the_poison)
{
    unic__graph g;
    unic__param_table params = {0};
    unic__graph_init(&g, &params, false);
    unic__node *x = unic__graph_fail(&g, UNIC_E_CONFIG, "%s = %d", "layers", 0);
    unic__node *all[] = {
        unic__input(&g, UNIC__SHAPE_OF(2), UNIC__F32),
        leaf(&g, UNIC__SHAPE_OF(2)),
        unic__param_node(&g, UNIC__SHAPE_OF(2), GRAPH_UNIFORM, "w"),
        unic__reshape(&g, x, UNIC__SHAPE_OF(7)),
        unic__keep(x),
        unic__loss(x, 1.0),
        unic__linear(&g, x, x, NULL),
        unic__self_attention(&g, x, NULL, 2, 0.1, 0),
        unic__lstm(&g, x, x, x, x, x, NULL, true, 0),
        unic__concat(&g, 2, (unic__node *[]){x, x}, 0),
        unic__softmax(&g, x, NULL),
        unic__sum(&g, x, 3, true),
        unic__mse(&g, x, x, x),
        unic__cross_entropy(&g, x, x, NULL),
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        ck_assert_msg(all[i] == &g.poison, "call %zu gives another node", i);
    ck_assert_uint_eq(params.n, 0);
    base_assert_fails(unic__graph_plan(&g), UNIC_E_CONFIG, "layers = 0");
    unic__graph_free(&g);
    unic__param_table_free(&params);
}
END_TEST

static unic__node *too_large(unic__graph *g)
{
    return unic__input(g, UNIC__SHAPE_OF(1 << 16, 1 << 16), UNIC__F32);
}

static unic__node *overflowing(unic__graph *g)
{
    return unic__input(g, UNIC__SHAPE_OF(SIZE_MAX, SIZE_MAX), UNIC__I32);
}

static unic__node *large_result(unic__graph *g)
{
    unic__node *x = leaf(g, UNIC__SHAPE_OF(1, 1 << 20)),
               *y = leaf(g, UNIC__SHAPE_OF(1 << 20, 1));
    return unic__add(g, x, y);
}

static unic__node *large_parameter(unic__graph *g)
{
    return unic__param_node(g, UNIC__SHAPE_OF(1 << 20, 1 << 20), GRAPH_UNIFORM, "w");
}

static unic__node *other_shape(unic__graph *g)
{
    unic__param_node(g, UNIC__SHAPE_OF(2, 3), GRAPH_UNIFORM, "%s.weight", "a");
    return unic__param_node(g, UNIC__SHAPE_OF(3, 2), GRAPH_UNIFORM, "%s.weight", "a");
}

static unic__node *wrong_reshape(unic__graph *g)
{
    return unic__reshape(g, leaf(g, UNIC__SHAPE_OF(2, 3)), UNIC__SHAPE_OF(5));
}

static unic__node *many_inputs(unic__graph *g)
{
    unic__node *in[UNIC__MAX_INPUTS + 1];
    for (size_t i = 0; i <= UNIC__MAX_INPUTS; i++)
        in[i] = leaf(g, UNIC__SHAPE_OF(1));
    return unic__concat(g, UNIC__MAX_INPUTS + 1, in, 0);
}

static unic__node *wrong_dtype(unic__graph *g)
{
    return unic__tanh(g, unic__input(g, UNIC__SHAPE_OF(3), UNIC__I32));
}

static const struct {
    unic__node *(*build)(unic__graph *g);
    unic_status status;
    const char *words;
} refusals[] = {
    {too_large, UNIC_E_SHAPE, "a tensor of shape [65536,65536] is too large"},
    {overflowing, UNIC_E_SHAPE, "is too large"},
    {large_result, UNIC_E_SHAPE, "binary: the result is too large"},
    {large_parameter, UNIC_E_SHAPE, "[1048576,1048576] is too large"},
    {other_shape, UNIC_E_SHAPE, "parameter a.weight is [3,2] here, [2,3] elsewhere"},
    {wrong_reshape, UNIC_E_SHAPE, "reshape: [5] does not hold as many elements as [2,3]"},
    {many_inputs, UNIC_E_ARG, "concat: 11 inputs, at most 10"},
    {wrong_dtype, UNIC_E_SHAPE, "unary"},
};

START_TEST(wrong_calls_are_refused)
{
    unic__graph g;
    unic__param_table params = {0};
    unic__graph_init(&g, &params, false);
    ck_assert_ptr_eq(refusals[_i].build(&g), &g.poison);
    unic__fail(UNIC_E_IO, "somebody else's error");
    base_assert_fails(unic__graph_plan(&g), refusals[_i].status, refusals[_i].words);
    unic__graph_free(&g);
    unic__param_table_free(&params);
}
END_TEST

START_TEST(long_messages_are_cut)
{
    unic__graph g;
    char text[600];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    unic__graph_init(&g, NULL, false);
    unic__graph_fail(&g, UNIC_E_ARG, "%s", text);
    base_assert_fails(unic__graph_plan(&g), UNIC_E_ARG, "xxxxxxxx");
    ck_assert_uint_ge(strlen(unic_last_error()), 200);
    unic__graph_free(&g);
}
END_TEST

START_TEST(an_empty_graph_runs)
{
    unic__graph g;
    unic__graph_init(&g, NULL, false);
    base_assert_ok(unic__graph_plan(&g));
    ck_assert(graph_forward(&g) == 0.0);
    graph_backward(&g);
    unic__graph_free(&g);
    unic__graph_free(&g);
}
END_TEST

/* ---- leaves, views and phases ---- */

START_TEST(leaves_and_views_share_memory)
{
    float x[6] = {1, 2, 3, 4, 5, 6}, dx[6] = {0};
    unic__graph g;
    unic__param_table params = {0};
    unic__graph_init(&g, &params, false);
    unic__node *outer = unic__external(&g, UNIC__SHAPE_OF(2, 3), x, dx);
    unic__node *view = unic__reshape(&g, unic__reshape(&g, outer, UNIC__SHAPE_OF(6)),
                                     UNIC__SHAPE_OF(3, 2));
    unic__node *w = unic__param_node(&g, UNIC__SHAPE_OF(4, 2), GRAPH_UNIFORM, "w");
    unic__node *v = unic__param_node(&g, UNIC__SHAPE_OF(4, 2), GRAPH_UNIFORM, "w");
    unic__node *index = unic__input(&g, UNIC__SHAPE_OF(2), UNIC__I32);
    unic__node *y = unic__add(&g, unic__linear(&g, view, w, NULL),
                              unic__linear(&g, view, v, NULL));
    unic__loss(unic__sum(&g, unic__reshape(&g, y, UNIC__SHAPE_OF(12)), 0, false), 1.0);
    graph_ready(&g, 1);
    ck_assert(view->t.x == x && view->t.dx == dx && view->root == outer);
    ck_assert(w != v && w->t.x == params.values && v->t.x == params.values);
    ck_assert(w->t.dx == params.grads && v->t.dx == params.grads);
    ck_assert(index->t.ix != NULL && index->t.x == NULL && index->t.dx == NULL);
    graph_forward(&g);
    graph_backward(&g);
    for (size_t i = 0; i < 8; i++) /* each of w and v adds the column's sum */
        ck_assert(params.grads[i] == (i % 2 ? 24.0F : 18.0F));
    const float *value = params.values;
    for (size_t i = 0; i < 6; i++) {
        double sum = 0.0;
        for (size_t j = 0; j < 4; j++)
            sum += 2.0 * (double)value[2 * j + i % 2];
        ck_assert_double_eq_tol((double)dx[i], sum, 1e-6);
    }
    unic__graph_free(&g);
    unic__param_table_free(&params);
}
END_TEST

START_TEST(phases_run_apart)
{
    float x[2] = {0.25F, -0.5F}, dx[2] = {0};
    unic__graph g;
    unic__graph_init(&g, NULL, false);
    unic__node *leaf_x = unic__external(&g, UNIC__SHAPE_OF(2), x, dx);
    g.phase = 2; /* not made in the order of phases */
    unic__node *late = unic__keep(unic__affine(&g, leaf_x, 10.0, 0.0));
    g.phase = 0;
    unic__node *a = unic__keep(unic__affine(&g, leaf_x, 2.0, 0.0));
    unic__node *given = unic__input(&g, UNIC__SHAPE_OF(2), UNIC__F32);
    g.phase = 1;
    unic__node *b = unic__keep(unic__mul(&g, a, given));
    g.phase = 2;
    unic__loss(unic__sum(&g, unic__mul(&g, b, late), 0, false), 1.0);
    graph_ready(&g, 0);
    unic__graph_forward(&g, 0);
    ck_assert(a->t.x[0] == 0.5F && a->t.x[1] == -1.0F);
    for (size_t i = 0; i < 2; i++) /* filled between phases, from what is kept */
        given->t.x[i] = a->t.x[i] + 1.0F;
    unic__graph_forward(&g, 1);
    ck_assert(b->t.x[0] == 0.75F && b->t.x[1] == 0.0F);
    unic__graph_forward(&g, 2);
    unic__graph_backward(&g, 2);
    ck_assert(dx[0] == 7.5F && dx[1] == 0.0F); /* through `late` alone, so far */
    unic__graph_backward(&g, 1);
    unic__graph_backward(&g, 0);
    /* total = sum 10 x . 2 x given: d/dx = 40 x given, with `given` a constant */
    ck_assert(dx[0] == 40.0F * 0.25F * 1.5F && dx[1] == 0.0F);
    ck_assert(a->t.x[0] == 0.5F && b->t.x[0] == 0.75F && late->t.x[0] == 2.5F);
    unic__graph_free(&g);
}
END_TEST

/* ---- memory runs out ---- */

static const unic_config *config;

static unic_status training_scenario(void)
{
    unic__training_graph tg;
    unic__param_table params = {0}, club = {0};
    unic_codebook *cb;
    UNIC__TRY(unic__codebook_create(&cb, config->code_count, config->code_dim,
                                    config->modality_count));
    unic_status status = unic__training_graph_create(&tg, config, cb, &params, &club);
    unic__training_graph_free(&tg);
    unic__param_table_free(&params);
    unic__param_table_free(&club);
    unic__codebook_free(cb);
    return status;
}

static const char *const variants[] = {"", "behaviour = compat\n", "kernel.backend = onednn\n"};

START_TEST(without_memory)
{
    unic_config *c = small_config(SMALL_THREE, variants[_i]);
    config = c;
    ck_assert_uint_gt(base_fail_each_allocation(training_scenario), 20);
    unic__config_free(c);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("build");
    tcase_add_test(t, the_first_error_is_reported);
    tcase_add_test(t, everything_takes_the_poison);
    tcase_add_loop_test(t, wrong_calls_are_refused, 0, sizeof refusals / sizeof refusals[0]);
    tcase_add_test(t, long_messages_are_cut);
    tcase_add_test(t, an_empty_graph_runs);
    tcase_add_test(t, leaves_and_views_share_memory);
    tcase_add_test(t, phases_run_apart);
    tcase_add_loop_test(t, without_memory, 0, 3);
    return base_run("graph/build", t);
}
