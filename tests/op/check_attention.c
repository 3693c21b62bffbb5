/* attention. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "op_harness.h"

/* ---- the naive loop ---- */

typedef struct view {
    const double *x; /* [B,steps,stride], from the first column on */
    size_t steps, stride;
} view;

static const double *row_of(const view *v, size_t clip, size_t t, size_t column)
{
    return v->x + (clip * v->steps + t) * v->stride + column;
}

/* The weights of one query on all keys, after dropout. */
static void naive_weights(const op_case *k, const double *key_mask, const view *q,
                          const view *key, size_t clip, size_t head, size_t t, size_t width,
                          double *weights)
{
    const unic__attention_attr *attr = k->attr;
    unic__key draws = unic__random_key(OP_SEED, OP_STEP, OP_ID);
    double top = -INFINITY, sum = 0.0;
    for (size_t s = 0; s < key->steps; s++) {
        const double *a = row_of(q, clip, t, head * width);
        const double *b = row_of(key, clip, s, head * width);
        bool seen = !attr->chunk || s < (t / attr->chunk + 1) * attr->chunk;
        bool valid = seen && (!key_mask || key_mask[clip * key->steps + s] != 0.0);
        weights[s] = valid ? 0.0 : -INFINITY;
        for (size_t j = 0; j < width; j++)
            weights[s] += a[j] * b[j] / sqrt((double)width);
        top = fmax(top, weights[s]);
    }
    for (size_t s = 0; s < key->steps; s++)
        sum += weights[s] = weights[s] > -INFINITY ? exp(weights[s] - top) : 0.0;
    for (size_t s = 0; s < key->steps; s++) {
        weights[s] = sum > 0.0 ? weights[s] / sum : 0.0;
        if (!k->training)
            continue;
        size_t i = ((clip * attr->heads + head) * q->steps + t) * key->steps + s;
        bool kept = unic__random_uniform(draws, i) >= attr->dropout;
        weights[s] = kept ? weights[s] / (1.0 - (double)attr->dropout) : 0.0;
    }
}

static void attention_naive(const op_case *k, const double *const in[], double *out)
{
    const unic__attention_attr *attr = k->attr;
    size_t batch = k->in[0].shape.dim[0], total = k->in[0].shape.dim[2];
    size_t columns = attr->packed ? total / 3 : total, width = columns / attr->heads;
    size_t next = attr->packed ? columns : 0;
    view q = {in[0], k->in[0].shape.dim[1], total};
    view key = {in[1] + next, k->in[1].shape.dim[1], total}, value = key;
    value.x = in[2] + 2 * next;
    const double *key_mask = k->in[3].absent ? NULL : in[3];
    const double *query_mask = k->in[4].absent ? NULL : in[4];
    double *weights = calloc(key.steps, sizeof *weights);
    memset(out, 0, batch * q.steps * columns * sizeof *out);
    for (size_t clip = 0; clip < batch; clip++)
        for (size_t head = 0; head < attr->heads; head++)
            for (size_t t = 0; t < q.steps; t++) {
                if (query_mask && query_mask[clip * q.steps + t] == 0.0)
                    continue;
                naive_weights(k, key_mask, &q, &key, clip, head, t, width, weights);
                double *y = out + (clip * q.steps + t) * columns + head * width;
                for (size_t s = 0; s < key.steps; s++)
                    for (size_t j = 0; j < width; j++)
                        y[j] += weights[s] * row_of(&value, clip, s, head * width)[j];
            }
    free(weights);
}

/* ---- cases ---- */

enum { KEYS = 1, QUERIES = 2 }; /* which masks there are */

static op_case attention_case(const unic__attention_attr *attr, size_t batch, size_t queries,
                              size_t keys, size_t width, int masks)
{
    op_case k = {.op = &unic__op_attention, .attr = attr, .input_count = 5};
    k.naive = attention_naive;
    size_t parts = attr->packed ? 3 : 1;
    k.packed = attr->packed ? 3 : 0;
    k.in[0] = (op_input){.shape = UNIC__SHAPE_OF(batch, queries, parts * width)};
    k.in[1] = k.in[2] = (op_input){.shape = UNIC__SHAPE_OF(batch, keys, parts * width)};
    for (size_t i = 0; i < 3; i++) {
        k.in[i].low = -2.0;
        k.in[i].high = 2.0;
    }
    k.in[3] = (op_input){.shape = UNIC__SHAPE_OF(batch, keys), .no_gradient = true};
    k.in[4] = (op_input){.shape = UNIC__SHAPE_OF(batch, queries), .no_gradient = true};
    k.in[3].absent = !(masks & KEYS);
    k.in[4].absent = !(masks & QUERIES);
    k.expect = UNIC__SHAPE_OF(batch, queries, width);
    return k;
}

/* Lengths 1, all, and one for the rest; the last clip has no valid step at all. */
static double *mask_of_lengths(size_t batch, size_t steps)
{
    double *mask = calloc(batch * steps, sizeof *mask);
    for (size_t b = 0; b + 1 < batch || b == 0; b++) {
        size_t length = b == 0 ? 1 : b == 1 ? steps : (steps + 1) / 2;
        for (size_t t = 0; t < length; t++)
            mask[b * steps + t] = 1.0;
    }
    return mask;
}

static void check_case(op_case *k)
{
    double *keys = mask_of_lengths(k->in[3].shape.dim[0], k->in[3].shape.dim[1]);
    double *queries = mask_of_lengths(k->in[4].shape.dim[0], k->in[4].shape.dim[1]);
    k->in[3].values = keys;
    k->in[4].values = queries;
    check_op(k);
    free(keys);
    free(queries);
}

static const struct attention_shape {
    size_t batch, queries, keys, width, heads;
    int masks;
} attention_shapes[] = {
    {1, 1, 1, 1, 1, 0},
    {1, 1, 7, 4, 2, 0},
    {3, 7, 1, 6, 3, KEYS},
    {2, 5, 5, 7, 1, 0},
    {3, 4, 16, 8, 4, KEYS},
    {4, 3, 17, 8, 2, KEYS | QUERIES},
    {3, 9, 4, 4, 1, QUERIES},
    {1, 2, 257, 6, 2, KEYS},
    {1, 257, 2, 6, 2, QUERIES},
    {5, 6, 5, 64, 8, KEYS | QUERIES}, /* 40 heads: more than one a chunk */
    {2, 12, 12, 257, 1, KEYS},        /* two threads                     */
};

static void check_shape(const struct attention_shape *s, size_t chunk)
{
    unic__attention_attr attr = {.heads = s->heads, .chunk = chunk};
    op_case k = attention_case(&attr, s->batch, s->queries, s->keys, s->width, s->masks);
    check_case(&k);
    if (s->queries != s->keys)
        return;
    k.packed = 3; /* q, k and v one tensor of [B,T,D]: its gradient is the sum of three */
    check_case(&k);
    attr.packed = true;
    k = attention_case(&attr, s->batch, s->queries, s->keys, s->width, s->masks);
    check_case(&k);
}

START_TEST(attention_values_and_gradients)
{
    check_shape(&attention_shapes[_i], 0);
}
END_TEST

/* Causal, in chunks that do not divide the steps, and in one that is longer than they are. */
START_TEST(attention_in_chunks)
{
    static const size_t chunks[] = {1, 3, SIZE_MAX};
    for (size_t i = 0; i < sizeof chunks / sizeof chunks[0]; i++)
        check_shape(&attention_shapes[_i], chunks[i]);
}
END_TEST

/* A clip whose first steps are padding: the first queries see no key. */
START_TEST(attention_in_chunks_without_a_key)
{
    static const double late[] = {0, 0, 0, 1, 1, 0, 1};
    unic__attention_attr attr = {.heads = 2, .chunk = 2};
    op_case k = attention_case(&attr, 1, 7, 7, 8, KEYS);
    k.in[3].values = late;
    check_op(&k);
}
END_TEST

START_TEST(attention_drops_weights)
{
    unic__attention_attr attr = {.heads = 2, .dropout = 0.3F, .chunk = _i ? 2 : 0};
    op_case k = attention_case(&attr, 3, 5, 7, 8, KEYS);
    k.training = true;
    check_case(&k);
    k.training = false; /* no dropout: the naive loop has none then */
    check_case(&k);
    attr.packed = true;
    k = attention_case(&attr, 3, 7, 7, 8, KEYS | QUERIES);
    k.training = true;
    check_case(&k);
}
END_TEST

/* Scores of some hundreds, some of them equal: softmax neither overflows nor loses its sum. */
START_TEST(attention_with_large_scores)
{
    static const double q[] = {300, 0, -300, 0, 0, 0.5}, key[] = {1, 0, 1, 0, 2, 0};
    unic__attention_attr attr = {.heads = 1};
    op_case k = attention_case(&attr, 1, 3, 3, 2, 0);
    k.in[0].values = q;
    k.in[1].values = key;
    check_op(&k);
}
END_TEST

static const struct attention_golden {
    const char *name;
    struct attention_shape shape;
    bool packed;
    size_t chunk;
} attention_goldens[] = {
    {"attention_one", {1, 1, 1, 1, 1, 0}, false, 0},
    {"attention_heads1", {2, 5, 5, 8, 1, 0}, false, 0},
    {"attention_heads2", {2, 5, 3, 6, 2, KEYS}, false, 0},
    {"attention_heads4", {3, 7, 10, 12, 4, KEYS | QUERIES}, false, 0},
    {"attention_one_query", {3, 1, 7, 8, 2, KEYS}, false, 0},
    {"attention_one_key", {3, 7, 1, 8, 2, QUERIES}, false, 0},
    {"attention_queries", {2, 9, 4, 4, 1, QUERIES}, false, 0},
    {"attention_many_keys", {1, 3, 257, 4, 2, 0}, false, 0},
    {"attention_packed", {3, 6, 6, 12, 4, KEYS | QUERIES}, true, 0},
    {"attention_packed_plain", {2, 17, 17, 7, 1, 0}, true, 0},
    {"attention_causal", {2, 9, 9, 8, 2, 0}, true, 1},
    {"attention_causal_masked", {3, 7, 7, 12, 4, KEYS | QUERIES}, true, 1},
    {"attention_chunks", {3, 8, 8, 6, 3, KEYS}, false, 3},
};

START_TEST(attention_is_pytorchs)
{
    const struct attention_golden *g = &attention_goldens[_i];
    const struct attention_shape *s = &g->shape;
    unic__attention_attr attr = {.heads = s->heads, .packed = g->packed, .chunk = g->chunk};
    op_case k = attention_case(&attr, s->batch, s->queries, s->keys, s->width, s->masks);
    k.golden = g->name;
    k.naive = NULL;
    check_op(&k);
}
END_TEST

START_TEST(attention_refuses)
{
    unic__attention_attr attr = {.heads = 2};
    static const struct {
        size_t input;
        unic__shape shape;
        const char *words;
    } wrong[] = {
        {0, {2, {3, 4}}, "input 0 has shape [3,4], expected rank 3"},
        {0, {3, {2, 5, 8}}, "q [2,5,8], k [3,7,8] and v [3,7,8] are not [B,T,D], [B,S,D]"},
        {0, {3, {3, 5, 6}}, "q [3,5,6], k [3,7,8] and v [3,7,8] are not"},
        {0, {3, {3, 0, 8}}, "q [3,0,8] and k [3,7,8] must not be empty"},
        {2, {3, {3, 6, 8}}, "q [3,5,8], k [3,7,8] and v [3,6,8] are not"},
        {3, {2, {3, 5}}, "the key mask has shape [3,5], expected [3,7]"},
        {4, {2, {3, 7}}, "the query mask has shape [3,7], expected [3,5]"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        op_case k = attention_case(&attr, 3, 5, 7, 8, KEYS | QUERIES);
        k.in[wrong[i].input].shape = wrong[i].shape;
        check_op_refused(&k, wrong[i].words);
    }
    for (attr.heads = 0; attr.heads <= 3; attr.heads += 3) {
        op_case k = attention_case(&attr, 3, 5, 7, 8, 0);
        check_op_refused(&k, "the last dim of q [3,5,8] is not made of");
    }
    attr = (unic__attention_attr){.heads = 3, .packed = true};
    op_case k = attention_case(&attr, 3, 5, 5, 8, 0);
    check_op_refused(&k, "the last dim of q [3,5,24] is not three times 3 heads");
    k = attention_case(&attr, 3, 5, 5, 9, 0);
    k.packed = 0;
    check_op_refused(&k, "packed q, k and v must be one and the same tensor");
    size_t many = (size_t)1 << 40;
    attr = (unic__attention_attr){.heads = 1};
    k = attention_case(&attr, 1, many, many, 1, 0);
    check_op_refused(&k, "are too large");
}
END_TEST

START_TEST(attention_refuses_a_dropout_of_1)
{
    unic__attention_attr attr = {.heads = 1, .dropout = 1.0F};
    unic__tensor x = {.shape = UNIC__SHAPE_OF(1, 2, 3)}, out = {0};
    unic__call c = {.op = &unic__op_attention, .out = &out, .input_count = 3, .attr = &attr};
    c.in[0] = c.in[1] = c.in[2] = &x;
    ck_assert_int_eq(c.op->infer(&c), UNIC_E_ARG);
    ck_assert_str_eq(unic_last_error(), "attention: dropout is 1, expected 0 <= dropout < 1");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("attention");
    TCase *t = tcase_create("core");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, attention_values_and_gradients, 0,
                        (int)(sizeof attention_shapes / sizeof attention_shapes[0]));
    tcase_add_loop_test(t, attention_is_pytorchs, 0,
                        (int)(sizeof attention_goldens / sizeof attention_goldens[0]));
    tcase_add_loop_test(t, attention_drops_weights, 0, 2);
    tcase_add_test(t, attention_in_chunks_without_a_key);
    tcase_add_loop_test(t, attention_in_chunks, 0,
                        (int)(sizeof attention_shapes / sizeof attention_shapes[0]));
    tcase_add_test(t, attention_with_large_scores);
    tcase_add_test(t, attention_refuses);
    tcase_add_test(t, attention_refuses_a_dropout_of_1);
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
