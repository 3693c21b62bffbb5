/* Gradients of whole graphs: against finite differences, and what must have none. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_help.h"
#include "graph_help.h"
#include "model/modality.h"
#include "model/small_model.h"
#include "random_graph.h"

/* ---- composites against finite differences ---- */

enum { BATCH = 3, STEPS = 4 };

static const unic_config *config;

/* A fixed input of this shape, and a scalar of everything: mean (v - fixed)^2. */
static unic__node *draw(unic__graph *g, unic__shape shape)
{
    size_t count = unic__shape_count(&shape);
    float *x = unic__arena_alloc(&g->arena, count * sizeof *x);
    graph_draw(x, count, g->node_count);
    return unic__external(g, shape, x, NULL);
}

static void add_loss(unic__graph *g, unic__node *v, double weight)
{
    unic__loss(unic__mse(g, v, draw(g, v->t.shape), NULL), weight);
}

static unic__node *constant(unic__graph *g, unic__shape shape, const float *values)
{
    unic__node *x = draw(g, shape);
    memcpy(x->t.x, values, unic__shape_count(&shape) * sizeof *values);
    return x;
}

static unic__node *mask(unic__graph *g)
{
    return constant(g, UNIC__SHAPE_OF(BATCH, STEPS),
                    (const float[]){1, 1, 1, 1, 1, 1, 0, 0, 1, 0, 0, 0});
}

/* One node used twice by a call, by several calls, through views, in two phases, by losses. */
static void build_shared(unic__graph *g)
{
    unic__node *w = unic__param_node(g, UNIC__SHAPE_OF(6, 5), GRAPH_UNIFORM, "w");
    unic__node *b = unic__param_node(g, UNIC__SHAPE_OF(6), GRAPH_UNIFORM, "b");
    unic__node *v = unic__param_node(g, UNIC__SHAPE_OF(6, 6), GRAPH_UNIFORM, "v");
    unic__node *h = unic__tanh(g, unic__linear(g, draw(g, UNIC__SHAPE_OF(4, 5)), w, b));
    unic__node *hh = unic__add(g, unic__mul(g, h, h), unic__add(g, h, h)); /* [4,6] */
    unic__node *view = unic__reshape(g, unic__reshape(g, hh, UNIC__SHAPE_OF(24)),
                                     UNIC__SHAPE_OF(6, 4));
    add_loss(g, unic__matmul(g, hh, view, false, false), 0.5); /* [4,4] */
    g->phase = 1;
    unic__node *again = unic__linear(g, unic__linear(g, h, v, b), v, NULL); /* v twice */
    unic__node *both[] = {again, hh, again};
    unic__node *all = unic__concat(g, 3, both, 0); /* [12,6] */
    unic__node *term = unic__mean(g, unic__reshape(g, unic__square(g, all), UNIC__SHAPE_OF(72)),
                                  0, false);
    unic__loss(term, -0.7); /* a loss that goes on being used */
    g->phase = 2;
    add_loss(g, unic__mul(g, unic__softmax(g, view, NULL), term), 2.0);
    unic__loss(unic__sum(g, unic__reshape(g, h, UNIC__SHAPE_OF(24)), 0, false), 0.3);
}

static void build_encoder(unic__graph *g)
{
    unic__node *x = draw(g, UNIC__SHAPE_OF(BATCH, STEPS, 8));
    for (int i = 0; i < 2; i++)
        x = unic__encoder_layer(g, config, x, mask(g), i ? "layer1" : "layer0",
                                i ? "layer1" : "layer0");
    add_loss(g, x, 1.0);
}

static void build_recurrent(unic__graph *g)
{
    unic__node *lengths = unic__input(g, UNIC__SHAPE_OF(BATCH), UNIC__I32);
    unic__node *x = draw(g, UNIC__SHAPE_OF(BATCH, STEPS, 5));
    x = unic__bilstm_stack(g, x, lengths, 3, 2, config->encoder_context, "front"); /* [B,T,6] */
    add_loss(g, x, 1.0);
    g->phase = 1;
    add_loss(g, unic__lstm_stack(g, x, NULL, 4, 2, "cpc"), 1.0);
}

/* Without the specific encoder and the decoder: they are relus all over, and PyTorch's numbers
 * test them (tests/loss). */
static void build_grid(unic__graph *g)
{
    const unic__modality *m = &config->modality[0];
    unic__node *x = draw(g, unic__feature_shape(m, BATCH, STEPS));
    add_loss(g, unic__semantic_encoder(g, config, m, x, mask(g)), 1.0);
    g->phase = 1;
    x = unic__reshape(g, x, UNIC__SHAPE_OF(BATCH * STEPS, 5, 5, 4));
    x = unic__tanh(g, unic__conv3x3(g, x, 3, 0, true, "conv"));
    x = unic__add(g, x, unic__tanh(g, unic__conv3x3(g, x, 3, 1, false, "padded")));
    add_loss(g, unic__avg_pool2d(g, x, 2, 1), 1.0);
    g->phase = 2;
    add_loss(g, unic__tanh(g, unic__deconv3x3(g, x, 2, "deconv")), 1.0);
}

static void build_vector(unic__graph *g)
{
    const unic__modality *m = &config->modality[1];
    unic__node *x = draw(g, unic__feature_shape(m, BATCH, STEPS));
    unic__node *z = unic__semantic_encoder(g, config, m, x, mask(g));
    add_loss(g, unic__decoder(g, m, z, unic__specific_encoder(g, m, x), 6), 1.0);
    unic__node *codes = unic__param_node(g, UNIC__SHAPE_OF(5, 8), GRAPH_UNIFORM, "codes");
    add_loss(g, unic__softmax(g, unic__sqrt(g, unic__sq_distance(g, z, codes)), NULL), 5.0);
    add_loss(g, unic__mlp(g, z, 7, 3, 2, "mlp"), 1.0);
}

static void (*const composites[])(unic__graph *g) = {build_shared, build_encoder,
                                                     build_recurrent, build_grid, build_vector};
enum { COMPOSITES = sizeof composites / sizeof composites[0] };

static void fill_lengths(unic__graph *g)
{
    static const int32_t lengths[] = {STEPS, 2, 1};
    for (unic__node *node = g->first; node; node = node->next)
        if (!node->call && node->t.dtype == UNIC__I32)
            memcpy(node->t.ix, lengths, sizeof lengths);
}

/* Far from relu's kink, so that few elements have to be left out. */
static void move_biases(unic__param_table *params)
{
    for (size_t i = 0; i < params->n; i++) {
        const unic__param *p = params->at[i];
        if (!strstr(p->name, "ff1.bias") && !strstr(p->name, "specific.linear.bias") &&
            (!strstr(p->name, "mlp") || p->decay))
            continue;
        for (size_t k = 0; k < p->count; k++)
            params->values[p->offset + k] = k % 3 ? 3.0F : -3.0F;
    }
}

START_TEST(composites_follow_differences)
{
    unic_config *c = small_config(SMALL_THREE, _i < COMPOSITES ? "encoder.dropout = 0.2\n"
                                                               : "encoder.dropout = 0.2\n"
                                                                 "encoder.context = chunk:2\n");
    config = c;
    unic__graph g;
    unic__param_table params = {0};
    unic__graph_init(&g, &params, false);
    composites[_i % COMPOSITES](&g);
    graph_ready(&g, 7);
    move_biases(&params);
    fill_lengths(&g);
    g.run = (unic__run){
        .training = true, .seed = 3, .step = 1}; /* dropout: the same each time */
    ck_assert_uint_gt(params.n, 2);
    graph_check_differences(&g);
    unic__graph_free(&g);
    unic__param_table_free(&params);
    unic__config_free(c);
}
END_TEST

static random_graph any;

START_TEST(random_graphs_follow_differences)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        random_graph_open(&any, seed, 25, RANDOM_EXACT);
        random_graph_fill(&any);
        graph_check_differences(&any.g);
        random_graph_close(&any);
    }
}
END_TEST

/* ---- what gets none ---- */

static void run(unic__graph *g, unic__param_table *params)
{
    if (!params->values)
        graph_ready(g, 5);
    graph_forward(g);
    graph_backward(g);
}

static const float *gradient(const unic__param_table *params, const char *name)
{
    return params->grads + unic__param_table_find(params, name)->offset;
}

static bool all_zero(const float *x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (x[i] != 0.0F)
            return false;
    return true;
}

/* y = v tanh(w x), with a loss of weight `first` on tanh(w x), `second` on y. */
static void build_two(unic__graph *g, bool freeze_w, bool freeze_v, double first, double second)
{
    g->frozen = freeze_w;
    unic__node *w = unic__param_node(g, UNIC__SHAPE_OF(4, 3), GRAPH_UNIFORM, "w");
    g->frozen = freeze_v;
    unic__node *v = unic__param_node(g, UNIC__SHAPE_OF(2, 4), GRAPH_UNIFORM, "v");
    unic__node *h = unic__tanh(g, unic__linear(g, draw(g, UNIC__SHAPE_OF(5, 3)), w, NULL));
    add_loss(g, h, first);
    add_loss(g, unic__linear(g, h, v, NULL), second);
}

typedef struct two_grads {
    float w[12], v[8];
    double loss[2];
    size_t memory;
} two_grads;

static two_grads run_two(bool freeze_w, bool freeze_v, double first, double second)
{
    unic__graph g;
    unic__param_table params = {0};
    two_grads out;
    size_t n = 0;
    unic__graph_init(&g, &params, false);
    build_two(&g, freeze_w, freeze_v, first, second);
    run(&g, &params);
    memcpy(out.w, gradient(&params, "w"), sizeof out.w);
    memcpy(out.v, gradient(&params, "v"), sizeof out.v);
    for (const unic__node *node = g.first; node; node = node->next)
        if (node->call && node->kept)
            out.loss[n++] = (double)node->t.x[0];
    ck_assert_uint_eq(n, 2);
    out.memory = g.memory_floats;
    unic__graph_free(&g);
    unic__param_table_free(&params);
    return out;
}

START_TEST(frozen_parameters_get_none)
{
    two_grads both = run_two(false, false, 1.0, 1.0), w = run_two(false, true, 1.0, 1.0),
              v = run_two(true, false, 1.0, 1.0), none = run_two(true, true, 1.0, 1.0);
    ck_assert(!all_zero(both.w, 12) && !all_zero(both.v, 8));
    ck_assert(memcmp(w.w, both.w, sizeof w.w) == 0 && all_zero(w.v, 8));
    ck_assert(memcmp(v.v, both.v, sizeof v.v) == 0 && all_zero(v.w, 12));
    ck_assert(all_zero(none.w, 12) && all_zero(none.v, 8));
    ck_assert(none.loss[0] == both.loss[0] && none.loss[1] == both.loss[1]);
    ck_assert_uint_lt(none.memory, both.memory); /* nothing waits for a backward pass */
}
END_TEST

START_TEST(losses_of_weight_zero_are_only_looked_at)
{
    two_grads both = run_two(false, false, 1.0, 1.0), first = run_two(false, false, 1.0, 0.0),
              second = run_two(false, false, 0.0, 1.0), none = run_two(false, false, 0.0, 0.0);
    ck_assert(first.loss[1] == both.loss[1] && first.loss[1] > 0.0);
    ck_assert(none.loss[0] == both.loss[0] && none.loss[1] == both.loss[1]);
    ck_assert(all_zero(first.v, 8) && !all_zero(first.w, 12));
    ck_assert(memcmp(second.v, both.v, sizeof both.v) == 0);
    ck_assert(all_zero(none.w, 12) && all_zero(none.v, 8));
    for (size_t i = 0; i < 12; i++)
        ck_assert_double_eq_tol((double)(first.w[i] + second.w[i]), (double)both.w[i], 1e-6);
}
END_TEST

START_TEST(weights_scale_gradients)
{
    two_grads once = run_two(false, false, 1.0, 0.0), more = run_two(false, false, -4.0, 0.0);
    for (size_t i = 0; i < 12; i++)
        ck_assert(more.w[i] == -4.0F * once.w[i]);
    ck_assert(more.loss[0] == once.loss[0]); /* the value is unweighted */
}
END_TEST

START_TEST(inference_has_no_gradients)
{
    unic__graph g;
    unic__param_table params = {0};
    float x[5] = {1, 2, 3, 4, 5}, dx[5] = {0};
    unic__graph_init(&g, &params, true);
    build_two(&g, false, false, 1.0, 1.0);
    add_loss(&g, unic__square(&g, unic__external(&g, UNIC__SHAPE_OF(5), x, dx)), 1.0);
    g.run.training = true;
    run(&g, &params);
    ck_assert(all_zero(params.grads, params.total) && all_zero(dx, 5));
    unic__graph_free(&g);
    unic__param_table_free(&params);
}
END_TEST

/* The quantiser (P2): e goes on, but its gradient is z's; a stopped path gives none. */
START_TEST(straight_through_and_stopped)
{
    float z[4] = {1, 2, 3, 4}, dz[4] = {0}, e[4] = {5, 6, 7, 8}, de[4] = {0};
    unic__graph g;
    unic__graph_init(&g, NULL, false);
    unic__node *nz = unic__external(&g, UNIC__SHAPE_OF(2, 2), z, dz);
    unic__node *ne = unic__external(&g, UNIC__SHAPE_OF(2, 2), e, de);
    unic__node *q = unic__keep(unic__straight_through(&g, nz, ne));
    unic__node *stopped = unic__stop_gradient(&g, nz);
    unic__node *sum = unic__add(&g, unic__square(&g, q), unic__mul(&g, stopped, stopped));
    unic__loss(unic__sum(&g, unic__reshape(&g, sum, UNIC__SHAPE_OF(4)), 0, false), 1.0);
    graph_ready(&g, 0);
    graph_forward(&g);
    graph_backward(&g);
    ck_assert_ptr_null(stopped->t.dx); /* not even room for one */
    for (size_t i = 0; i < 4; i++)
        ck_assert(q->t.x[i] == e[i] && dz[i] == 2.0F * e[i] && de[i] == 0.0F);
    unic__graph_free(&g);
}
END_TEST

START_TEST(gradients_add_up)
{
    float x[3] = {1, 2, 3}, dx[3] = {10, 10, 10};
    unic__graph g;
    unic__param_table params = {0};
    unic__graph_init(&g, &params, false);
    unic__node *w = unic__param_node(&g, UNIC__SHAPE_OF(3), GRAPH_UNIFORM, "w");
    unic__node *product = unic__mul(&g, unic__external(&g, UNIC__SHAPE_OF(3), x, dx), w);
    unic__loss(unic__sum(&g, product, 0, false), 2.0);
    graph_ready(&g, 1);
    for (int i = 1; i < 4; i++) { /* only the graph's own gradients are cleared by it */
        graph_forward(&g);
        for (unsigned phase = UNIC__MAX_PHASES; phase-- > 0;)
            unic__graph_backward(&g, phase);
        for (size_t k = 0; k < 3; k++) {
            ck_assert_float_eq_tol(params.grads[k], 2.0F * (float)i * x[k], 1e-5F);
            ck_assert_float_eq_tol(dx[k], 10.0F + 2.0F * (float)i * params.values[k], 1e-5F);
        }
    }
    unic__graph_free(&g);
    unic__param_table_free(&params);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("gradients");
    tcase_add_loop_test(t, composites_follow_differences, 0, 2 * COMPOSITES);
    tcase_add_test(t, random_graphs_follow_differences);
    tcase_add_test(t, frozen_parameters_get_none);
    tcase_add_test(t, losses_of_weight_zero_are_only_looked_at);
    tcase_add_test(t, weights_scale_gradients);
    tcase_add_test(t, inference_has_no_gradients);
    tcase_add_test(t, straight_through_and_stopped);
    tcase_add_test(t, gradients_add_up);
    return base_run("graph/gradients", t);
}
