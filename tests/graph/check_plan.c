/* lib/graph/plan.c, run.c: memory is shared without a trace, and a run allocates nothing. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_help.h"
#include "graph/plan.h"
#include "graph_help.h"
#include "model/modality.h"
#include "model/small_model.h"
#include "random_graph.h"
#include "train/training_graph.h"

enum { GRAPHS = 300, CALLS = 40 };

/* ---- the same graph, where every block has memory of its own ---- */

typedef struct own_memory {
    void *block[4 * RANDOM_NODES + 1024];
    size_t n, floats;
} own_memory;

/* What nobody has written is NaN. */
static float *own_block(own_memory *own, size_t floats)
{
    float *block = malloc((floats + 1) * sizeof *block);
    ck_assert_ptr_nonnull(block);
    ck_assert_uint_lt(own->n, sizeof own->block / sizeof own->block[0]);
    for (size_t i = 0; i < floats; i++)
        block[i] = NAN;
    own->block[own->n++] = block;
    own->floats += (floats + 15) / 16 * 16; /* as the plan counts: in cache lines */
    return block;
}

static void give_own_memory(unic__graph *g, own_memory *own)
{
    *own = (own_memory){.n = 0};
    for (unic__node *node = g->first; node; node = node->next) {
        unic__node *root = node->root;
        size_t count = unic__shape_count(&node->t.shape);
        if (root == node && !node->param && !node->external) {
            float *x = own_block(own, count);
            node->t.x = node->t.dtype == UNIC__F32 ? x : NULL;
            node->t.ix = node->t.dtype == UNIC__I32 ? (int32_t *)(void *)x : NULL;
            node->t.dx = node->t.dx ? own_block(own, count) : NULL;
        }
        node->t.x = root->t.x; /* a root comes before its views */
        node->t.ix = root->t.ix;
        node->t.dx = node->t.dx ? root->t.dx : NULL; /* some stop it */
    }
    for (size_t i = 0; i < g->step_count; i++) {
        unic__call *call = g->steps[i].call;
        call->saved = own_block(own, call->saved_size);
        call->scratch = own_block(own, call->scratch_size);
    }
}

static void free_own_memory(own_memory *own)
{
    for (size_t i = 0; i < own->n; i++)
        free(own->block[i]);
}

/* ---- comparing two graphs that were built alike ---- */

static void require_same(const char *what, size_t index, uint64_t seed, const void *a,
                         const void *b, size_t count)
{
    const float *x = a, *y = b;
    for (size_t i = 0; i < count; i++)
        base_require(memcmp(x + i, y + i, sizeof *x) == 0,
                     "graph %llu: %s %zu: element %zu is %.9g, with own memory %.9g",
                     (unsigned long long)seed, what, index, i, (double)x[i], (double)y[i]);
}

static void require_same_results(const random_graph *a, const random_graph *b)
{
    const unic__node *x = a->g.first, *y = b->g.first;
    for (; x; x = x->next, y = y->next) {
        if (!x->root->kept)
            continue;
        bool integer = x->t.dtype == UNIC__I32;
        require_same("node", x->index, a->seed, integer ? (void *)x->t.ix : x->t.x,
                     integer ? (void *)y->t.ix : y->t.x, unic__shape_count(&x->t.shape));
    }
    for (size_t i = 0; i < a->params.n; i++)
        require_same("parameter", i, a->seed, a->params.grads + a->params.at[i]->offset,
                     b->params.grads + b->params.at[i]->offset, a->params.at[i]->count);
    for (size_t i = 0; i < RANDOM_EXTERNALS; i++)
        require_same("external leaf", i, a->seed, a->dx[i], b->dx[i], 64);
    ck_assert_msg(isfinite(a->losses) && a->losses == b->losses, "graph %llu: %g and %g",
                  (unsigned long long)a->seed, a->losses, b->losses);
}

static void fill_with_nan(unic__graph *g)
{
    for (size_t i = 0; i < g->memory_floats; i++)
        g->memory[i] = NAN;
}

static random_graph planned, other;

START_TEST(shared_memory_changes_nothing)
{
    size_t shared = 0, apart = 0;
    for (uint64_t seed = 1; seed <= GRAPHS; seed++) {
        own_memory own;
        random_graph_open(&planned, seed, CALLS, RANDOM_PLAIN);
        random_graph_open(&other, seed, CALLS, RANDOM_PLAIN);
        give_own_memory(&other.g, &own);
        fill_with_nan(&planned.g);
        for (int run = 0; run < 2; run++) { /* the second one on what the first one left */
            random_graph_run(&planned);
            random_graph_run(&other);
            require_same_results(&planned, &other);
        }
        shared += planned.g.memory_floats;
        apart += own.floats;
        free_own_memory(&own);
        random_graph_close(&planned);
        random_graph_close(&other);
    }
    ck_assert_msg(2 * shared < apart, "%zu floats instead of %zu: memory is hardly shared",
                  shared, apart);
}
END_TEST

START_TEST(keeping_every_node_changes_nothing)
{
    for (uint64_t seed = 1; seed <= GRAPHS; seed++) {
        random_graph_open(&planned, seed, CALLS, RANDOM_PLAIN);
        random_graph_open(&other, seed, CALLS, RANDOM_KEPT);
        fill_with_nan(&other.g);
        random_graph_run(&planned);
        random_graph_run(&other);
        require_same_results(&planned, &other);
        ck_assert_uint_le(planned.g.memory_floats, other.g.memory_floats);
        random_graph_close(&planned);
        random_graph_close(&other);
    }
}
END_TEST

/* Most of what the random graphs are for is there: otherwise the tests above say little. */
START_TEST(random_graphs_hold_what_they_should)
{
    size_t views = 0, kept = 0, losses = 0, late = 0, saved = 0, shared = 0, reached = 0;
    for (uint64_t seed = 1; seed <= GRAPHS; seed++) {
        random_graph_open(&planned, seed, CALLS, RANDOM_PLAIN);
        size_t leaves = 0;
        for (const unic__node *x = planned.g.first; x; x = x->next) {
            views += x->root != x;
            kept += x->kept && x->call != NULL;
            losses += x->seed != 0.0;
            leaves += x->param != NULL;
            reached += x->gets_grad;
        }
        for (size_t i = 0; i < planned.g.step_count; i++) {
            const unic__step *s = &planned.g.steps[i];
            saved += s->call->saved_size > 0 && s->backward;
            late += i > 0 && s->out->index < planned.g.steps[i - 1].out->index;
        }
        shared += leaves > planned.params.n;
        random_graph_close(&planned);
    }
    ck_assert_uint_gt(views, 2 * GRAPHS);
    ck_assert_uint_gt(kept, 2 * GRAPHS);
    ck_assert_uint_gt(losses, 3 * GRAPHS);
    ck_assert_uint_gt(late, GRAPHS); /* phases out of the order of making */
    ck_assert_uint_gt(saved, 2 * GRAPHS);
    ck_assert_uint_gt(shared, GRAPHS / 2);
    ck_assert_uint_gt(reached, 20 * GRAPHS);
}
END_TEST

/* ---- how much memory ---- */

enum { WIDE = 1024 };

static unic__node *chain(unic__graph *g, unic__node *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x = unic__tanh(g, x);
    return x;
}

START_TEST(a_chain_without_gradients_takes_two_blocks)
{
    static float x[WIDE];
    unic__graph g;
    unic__graph_init(&g, NULL, true);
    unic__keep(chain(&g, unic__external(&g, UNIC__SHAPE_OF(WIDE), x, NULL), 50));
    graph_ready(&g, 0);
    ck_assert_uint_eq(g.memory_floats, 2 * WIDE);
    unic__graph_free(&g);
    unic__graph_init(&g, NULL,
                     false); /* nothing is trained: nothing waits for a backward pass */
    unic__keep(chain(&g, unic__external(&g, UNIC__SHAPE_OF(WIDE), x, NULL), 50));
    graph_ready(&g, 0);
    ck_assert_uint_eq(g.memory_floats, 2 * WIDE);
    unic__graph_free(&g);
}
END_TEST

START_TEST(a_trained_chain_keeps_its_values)
{
    static float x[WIDE], dx[WIDE];
    unic__graph g;
    unic__graph_init(&g, NULL, false);
    unic__node *y = chain(&g, unic__external(&g, UNIC__SHAPE_OF(WIDE), x, dx), 50);
    unic__loss(unic__mean(&g, y, 0, false), 1.0);
    graph_ready(&g, 0);
    /* 50 values (tanh reads its output backward), two gradients in turn, and the scalar's */
    ck_assert_uint_ge(g.memory_floats, 50 * WIDE);
    ck_assert_uint_le(g.memory_floats, 52 * WIDE + 2 * 16);
    unic__graph_free(&g);
}
END_TEST

/* y = 2 tanh x, loss = sum_i y_i sg[y_i]; the gradients' memory holds NaN before. */
START_TEST(a_gradient_is_stored_by_the_call_that_begins_it)
{
    enum { TANH, ADD, MUL, SUM };
    float x[5] = {-1, -0.5F, 0.1F, 0.7F, 2}, dx[5] = {0};
    unic__graph g;
    unic__graph_init(&g, NULL, false);
    unic__node *a = unic__tanh(&g, unic__external(&g, UNIC__SHAPE_OF(5), x, dx));
    unic__node *y = unic__add(&g, a, a), *same = unic__reshape(&g, y, UNIC__SHAPE_OF(5));
    unic__loss(unic__sum(&g, unic__mul(&g, same, unic__stop_gradient(&g, y)), 0, false), 1.0);
    graph_ready(&g, 0);
    fill_with_nan(&g);
    graph_forward(&g);
    for (unsigned phase = UNIC__MAX_PHASES; phase-- > 0;)
        unic__graph_backward(&g, phase);
    for (size_t i = 0; i < 5; i++) {
        float t = tanhf(x[i]);
        ck_assert_float_eq_tol(dx[i], 4.0F * t * (1.0F - t * t), 1e-5F);
    }
    const unic__step *s = g.steps;
    ck_assert_uint_eq(s[TANH].call->fresh, 0); /* the caller's gradient is added to      */
    ck_assert_uint_eq(s[ADD].call->fresh, 0);  /* one tensor twice: cleared and added to */
    ck_assert_uint_eq(s[ADD].clear_count, 1);
    ck_assert_uint_eq(s[MUL].call->fresh, UNIC__STORES_IN(0)); /* through a view         */
    ck_assert_uint_eq(s[MUL].clear_count, 0);
    ck_assert_uint_eq(s[SUM].call->fresh, UNIC__STORES_IN(0));
    ck_assert_uint_eq(s[SUM].clear_count, 1); /* its own gradient, for the seed              */
    unic__graph_free(&g);
}
END_TEST

/* The clip's way to z, as it is trained and as it is used. */
static size_t encoder_floats(const unic_config *c, bool inference, bool trained)
{
    unic__graph g;
    unic__param_table params = {0};
    unic__graph_init(&g, &params, inference);
    const unic__modality *m = &c->modality[0];
    unic__node *x = unic__input(&g, unic__feature_shape(m, c->batch, c->length), UNIC__F32);
    unic__node *z = unic__keep(unic__semantic_encoder(&g, c, m, x, NULL));
    if (trained)
        unic__loss(unic__mse(&g, z, unic__stop_gradient(&g, z), NULL), 1.0);
    graph_ready(&g, 0);
    size_t floats = g.memory_floats;
    for (size_t i = 0; i < g.step_count; i++)
        ck_assert(!inference || !g.steps[i].backward);
    unic__graph_free(&g);
    unic__param_table_free(&params);
    return floats;
}

START_TEST(inference_takes_less_memory)
{
    unic_config *c = small_config(SMALL_THREE, "encoder.layers = 4\n");
    size_t inference = encoder_floats(c, true, false),
           training = encoder_floats(c, false, true);
    ck_assert_msg(2 * inference < training, "inference %zu floats, training %zu", inference,
                  training);
    ck_assert_uint_le(encoder_floats(c, true, true), inference + 8 * 16); /* and the loss */
    unic__config_free(c);
}
END_TEST

/* ---- running ---- */

START_TEST(running_allocates_nothing)
{
    base_heap heap = {0};
    unic_config *c = small_config(SMALL_THREE, "");
    unic__training_graph tg;
    unic__param_table params = {0}, club = {0};
    unic_codebook *cb;
    base_heap_watch(&heap);
    base_assert_ok(unic__codebook_create(&cb, c->code_count, c->code_dim, c->modality_count));
    base_assert_ok(unic__training_graph_create(&tg, c, cb, &params, &club));
    tg.main.run.training = true;
    size_t calls = heap.calls;
    ck_assert_uint_gt(calls, 10);
    for (int run = 0; run < 3; run++) {
        graph_forward(&tg.main);
        graph_backward(&tg.main);
        for (size_t m = 0; m < tg.n; m++) {
            graph_forward(&tg.club[m]);
            graph_backward(&tg.club[m]);
        }
    }
    ck_assert_uint_eq(heap.calls, calls);
    unic__training_graph_free(&tg);
    unic__param_table_free(&params);
    unic__param_table_free(&club);
    unic__codebook_free(cb);
    ck_assert_uint_eq(heap.live, 0);
    base_heap_leave();
    unic__config_free(c);
}
END_TEST

/* ---- one graph for many shapes ---- */

/* y = softmax(x w^T + b) of rows [batch,length,4], and a view of it */
static unic__node *describe_rows(unic__graph *g, size_t batch, size_t length, unic__node **x)
{
    *x = unic__input(g, UNIC__SHAPE_OF(batch, length, 4), UNIC__F32);
    unic__node *w = unic__weight_node(g, UNIC__SHAPE_OF(6, 4), GRAPH_UNIFORM, "%s",
                                      unic__graph_name(g, "%s.w", "rows"));
    unic__node *b = unic__param_node(g, UNIC__SHAPE_OF(6), GRAPH_UNIFORM, "b");
    unic__node *y = unic__softmax(g, unic__linear(g, *x, w, b), NULL);
    return unic__keep(unic__reshape(g, y, UNIC__SHAPE_OF(batch * length, 6)));
}

static void require_rows(unic__graph *g, const unic__node *x, const unic__node *y, size_t batch,
                         size_t length)
{
    unic__graph own;
    unic__node *own_x;
    unic__graph_init(&own, g->params, true);
    unic__node *own_y = describe_rows(&own, batch, length, &own_x);
    ck_assert_int_eq(unic__graph_plan(&own), UNIC_OK);
    graph_draw(own_x->t.x, batch * length * 4, batch);
    memcpy(x->t.x, own_x->t.x, batch * length * 4 * sizeof(float));
    unic__graph_forward(&own, 0);
    unic__graph_forward(g, 0);
    ck_assert(unic__shape_equal(&y->t.shape, &own_y->t.shape));
    ck_assert_mem_eq(y->t.x, own_y->t.x, batch * length * 6 * sizeof(float));
    unic__graph_free(&own);
}

START_TEST(a_graph_takes_every_shape_that_fits)
{
    unic__param_table params = {0};
    unic__graph g;
    unic__node *x;
    unic__graph_init(&g, &params, true);
    describe_rows(&g, 3, 2, &x);
    unic__graph_again(&g);
    describe_rows(&g, 1, 9, &x); /* the larger of both is planned */
    ck_assert(unic__graph_fits(&g));
    graph_ready(&g, 1);
    const size_t shapes[][2] = {{1, 9}, {3, 3}, {2, 1}, {3, 2}, {9, 1}};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        unic__graph_again(&g);
        unic__node *y = describe_rows(&g, shapes[i][0], shapes[i][1], &x);
        ck_assert(unic__graph_fits(&g));
        require_rows(&g, x, y, shapes[i][0], shapes[i][1]);
    }
    unic__graph_again(&g);
    describe_rows(&g, 2, 5, &x);
    ck_assert(!unic__graph_fits(&g));
    unic__graph_free(&g);
    unic__param_table_free(&params);
}
END_TEST

/* Made again with other calls, or more or fewer: it cannot be run. */
START_TEST(a_graph_is_made_again_by_the_same_calls)
{
    for (int way = 0; way < 3; way++) {
        unic__graph g;
        unic__graph_init(&g, NULL, true);
        unic__relu(&g, unic__tanh(&g, unic__input(&g, UNIC__SHAPE_OF(4), UNIC__F32)));
        unic__graph_again(&g);
        unic__node *x = unic__input(&g, UNIC__SHAPE_OF(2), UNIC__F32);
        if (way == 0)
            unic__sum(&g, x, 0, false);
        else
            unic__tanh(&g, x);
        if (way == 2)
            for (int i = 0; i < 3; i++)
                x = unic__relu(&g, x);
        ck_assert(!unic__graph_fits(&g));
        unic__graph_free(&g);
    }
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("plan");
    tcase_add_test(t, shared_memory_changes_nothing);
    tcase_add_test(t, keeping_every_node_changes_nothing);
    tcase_add_test(t, random_graphs_hold_what_they_should);
    tcase_add_test(t, a_chain_without_gradients_takes_two_blocks);
    tcase_add_test(t, a_trained_chain_keeps_its_values);
    tcase_add_test(t, a_gradient_is_stored_by_the_call_that_begins_it);
    tcase_add_test(t, inference_takes_less_memory);
    tcase_add_test(t, running_allocates_nothing);
    tcase_add_test(t, a_graph_takes_every_shape_that_fits);
    tcase_add_test(t, a_graph_is_made_again_by_the_same_calls);
    return base_run("graph/plan", t);
}
