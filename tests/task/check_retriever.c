/* lib/task/retriever: against its equations and differences, what it learns, files, memory. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file/io_help.h"
#include "graph/graph_help.h"
#include "model/small_model.h"
#include "task/retriever.h"

enum { L = 16, D = 6, ITEM = 10, HIDDEN = 24, DIM = 12, LENGTH = 6, CLIPS = 160 };

static const unic_retriever_options small = {.struct_size = sizeof small,
                                             .item_dim = ITEM,
                                             .hidden = HIDDEN,
                                             .dim = DIM,
                                             .epochs = 60,
                                             .batch = 32,
                                             .learning_rate = 0.01F,
                                             .seed = 5};

static unic_codebook *new_codebook(uint64_t seed)
{
    unic_codebook *cb;
    float e[L * D];
    for (size_t i = 0; i < L * D; i++)
        e[i] = unic__random_normal(unic__random_key(seed, 0, 0), i);
    io_assert_ok(unic__codebook_create(&cb, L, D, 2));
    unic__codebook_set(cb, e);
    return cb;
}

static unic_retriever *new_retriever(const unic_retriever_options *options)
{
    unic_retriever *r;
    unic_codebook *cb = new_codebook(1);
    io_assert_ok(unic_retriever_create(&r, cb, options));
    unic_codebook_free(cb); /* the retriever has a copy */
    r->trained = true;      /* drawn weights are as good as fitted ones here */
    return r;
}

/* Clips of two things, more of a than of b, as two modalities tell them in codes and as the
 * gallery's vectors do. */
typedef struct data {
    int32_t x[CLIPS * LENGTH], y[CLIPS * LENGTH];
    float items[CLIPS * ITEM];
    unic_array array;
} data;

/* free() it */
static data *new_data(uint64_t seed)
{
    data *d = malloc(sizeof *d);
    unic__key key = unic__random_key(seed, 0, 0), look = unic__random_key(77, 0, 0);
    ck_assert(d != NULL);
    for (size_t n = 0; n < CLIPS; n++) {
        int32_t a = (int32_t)unic__random_below(key, 3 * n, L);
        int32_t b = (int32_t)unic__random_below(key, 3 * n + 1, L);
        const int32_t x[LENGTH] = {a, a, a, b, b, -1}, y[LENGTH] = {b, a, -1, a, -1, -1};
        memcpy(d->x + n * LENGTH, x, sizeof x);
        memcpy(d->y + n * LENGTH, y, sizeof y);
        for (size_t j = 0; j < ITEM; j++)
            d->items[n * ITEM + j] = unic__random_normal(look, (size_t)a * ITEM + j) +
                                     0.6F * unic__random_normal(look, (size_t)b * ITEM + j) +
                                     0.1F * unic__random_normal(key, 1000 + n * ITEM + j);
    }
    unic_array_init(&d->array, d->items, UNIC_F32, 2, (const int64_t[]){CLIPS, ITEM});
    return d;
}

static unic_status fit(unic_retriever *r, const data *d, double *loss)
{
    return unic_retriever_fit(loss, r, d->x, CLIPS, LENGTH, &d->array);
}

static bool same(const unic_retriever *a, const unic_retriever *b)
{
    size_t bytes = a->params->total * sizeof(float);
    return a->adam.steps == b->adam.steps &&
           memcmp(a->params->values, b->params->values, bytes) == 0 &&
           memcmp(a->adam.m, b->adam.m, bytes) == 0 && memcmp(a->adam.v, b->adam.v, bytes) == 0;
}

/* ---- the equations ---- */

static const float *param(const unic_retriever *r, const char *name)
{
    const unic__param *p = unic__param_table_find(r->params, name);
    ck_assert_msg(p != NULL, "no %s", name);
    return r->params->values + p->offset;
}

/* y = W x + b in double, row-major W [n,k] */
static void linear(const float *w, const float *b, const double *x, size_t k, size_t n,
                   double *y)
{
    for (size_t i = 0; i < n; i++) {
        y[i] = (double)b[i];
        for (size_t j = 0; j < k; j++)
            y[i] += (double)w[i * k + j] * x[j];
    }
}

static void naive_tower(const unic_retriever *r, const char *const names[4], const double *x,
                        size_t k, double *y)
{
    double h[HIDDEN], square = 1e-12;
    linear(param(r, names[0]), param(r, names[1]), x, k, HIDDEN, h);
    for (size_t j = 0; j < HIDDEN; j++)
        h[j] = fmax(h[j], 0.0);
    linear(param(r, names[2]), param(r, names[3]), h, HIDDEN, DIM, y);
    for (size_t j = 0; j < DIM; j++)
        square += y[j] * y[j];
    for (size_t j = 0; j < DIM; j++)
        y[j] /= sqrt(square);
}

static void naive_query(const unic_retriever *r, const int32_t *codes, double *q)
{
    static const char *const names[] = {"query1.weight", "query1.bias", "query2.weight",
                                        "query2.bias"};
    double mean[D] = {0}, n = 0.0;
    for (size_t t = 0; t < LENGTH; t++)
        n += codes[t] >= 0;
    for (size_t t = 0; t < LENGTH; t++)
        for (size_t j = 0; codes[t] >= 0 && j < D; j++)
            mean[j] += (double)r->codebook->embedding[(size_t)codes[t] * D + j] / n;
    naive_tower(r, names, mean, D, q);
}

static void naive_item(const unic_retriever *r, const float *item, double *v)
{
    static const char *const names[] = {"item1.weight", "item1.bias", "item2.weight",
                                        "item2.bias"};
    double x[ITEM];
    for (size_t j = 0; j < ITEM; j++)
        x[j] = (double)item[j];
    naive_tower(r, names, x, ITEM, v);
}

static void assert_near(const float *got, const double *want)
{
    for (size_t j = 0; j < DIM; j++)
        ck_assert_msg(fabs((double)got[j] - want[j]) <= 2e-6, "%zu: %g, not %g", j,
                      (double)got[j], want[j]);
}

START_TEST(vectors_are_the_equations)
{
    static float q[CLIPS * DIM], v[CLIPS * DIM];
    unic_retriever *r = new_retriever(&small);
    data *d = new_data(1);
    for (int fitted = 0; fitted < 2; fitted++) {
        double want[DIM];
        io_assert_ok(unic_retriever_queries(r, d->x, CLIPS, LENGTH, q));
        io_assert_ok(unic_retriever_items(r, &d->array, v));
        for (size_t n = 0; n < CLIPS; n++) {
            naive_query(r, d->x + n * LENGTH, want);
            assert_near(q + n * DIM, want);
            naive_item(r, d->items + n * ITEM, want);
            assert_near(v + n * DIM, want);
        }
        io_assert_ok(fit(r, d, NULL));
    }
    free(d);
    unic_retriever_free(r);
}
END_TEST

/* Mean over the clips of both directions' -log softmax of their own. */
static double naive_loss(const unic_retriever *r, const data *d, size_t clips, double tau)
{
    static double q[CLIPS][DIM], v[CLIPS][DIM], score[CLIPS][CLIPS];
    double loss = 0.0;
    for (size_t n = 0; n < clips; n++) {
        naive_query(r, d->x + n * LENGTH, q[n]);
        naive_item(r, d->items + n * ITEM, v[n]);
    }
    for (size_t i = 0; i < clips; i++)
        for (size_t j = 0; j < clips; j++) {
            score[i][j] = 0.0;
            for (size_t k = 0; k < DIM; k++)
                score[i][j] += q[i][k] * v[j][k] / tau;
        }
    for (size_t i = 0; i < clips; i++) {
        double row = 0.0, column = 0.0;
        for (size_t j = 0; j < clips; j++) {
            row += exp(score[i][j]);
            column += exp(score[j][i]);
        }
        loss += 0.5 * (log(row) + log(column)) - score[i][i];
    }
    return loss / (double)clips;
}

/* With a rate that moves nothing. A batch is larger than the clips, or all of them. */
/* All steps count alike, however long a clip is; a chain of float32 sums would be 1 % off. */
START_TEST(the_mean_of_a_long_clip_is_exact)
{
    enum { MANY = 1 << 20, WIDE = 65 };
    unic_codebook *cb;
    float e[WIDE], mean[WIDE];
    int32_t *codes = calloc(MANY, sizeof *codes);
    io_assert_ok(unic__codebook_create(&cb, 1, WIDE, 1));
    for (size_t j = 0; j < WIDE; j++)
        e[j] = 0.1F + (float)j;
    unic__codebook_set(cb, e);
    unic__retriever_mean(cb, codes, MANY, mean);
    for (size_t j = 0; j < WIDE; j++)
        ck_assert_msg(fabsf(mean[j] - e[j]) <= 1e-5F * e[j], "%zu: %.8g, not %.8g", j,
                      (double)mean[j], (double)e[j]);
    unic__codebook_free(cb);
    free(codes);
}
END_TEST

START_TEST(the_loss_is_the_equation)
{
    static const float temperatures[] = {0.0F, 0.5F};
    for (size_t i = 0; i < 2; i++) {
        unic_retriever_options o = small;
        o.epochs = 1;
        o.batch = i ? CLIPS : 2 * CLIPS;
        o.learning_rate = 1e-20F;
        o.temperature = temperatures[i];
        unic_retriever *r = new_retriever(&o);
        data *d = new_data(2);
        double tau = i ? 0.5 : (double)0.07F, loss, want = naive_loss(r, d, CLIPS, tau);
        io_assert_ok(fit(r, d, &loss));
        ck_assert_msg(fabs(loss - want) <= 1e-5 * want, "%g, not %g", loss, want);
        free(d);
        unic_retriever_free(r);
    }
}
END_TEST

/* Rows without a clip are in neither softmax: five clips in a graph for eight, and gradients of
 * all that is trained. */
START_TEST(gradients_are_differences)
{
    enum { ROWS = 8, THERE = 5 };
    unic_retriever_options o = small;
    o.temperature = 0.3F;
    o.seed = (uint64_t)_i;
    unic_retriever *r = new_retriever(&o);
    data *d = new_data(3);
    unic__retriever_graph h;
    unic__retriever_build(&h, r, ROWS);
    graph_ready(&h.g, 1);
    for (size_t b = 0; b < ROWS; b++) {
        unic__retriever_mean(r->codebook, d->x + b * LENGTH, LENGTH, h.mean->t.x + b * D);
        memcpy(h.item->t.x + b * ITEM, d->items + b * ITEM, ITEM * sizeof(float));
        h.there->t.x[b] = b < THERE ? 1.0F : 0.0F;
        h.target->t.ix[b] = b < THERE ? (int32_t)b : -1;
    }
    double loss = graph_forward(&h.g), want = naive_loss(r, d, THERE, (double)o.temperature);
    ck_assert_msg(fabs(loss - want) <= 1e-5 * want, "%g, not %g", loss, want);
    graph_check_differences(&h.g);
    unic__graph_free(&h.g);
    free(d);
    unic_retriever_free(r);
}
END_TEST

/* ---- learning ---- */

/* The share of clips whose own item is among the first five of all. */
static double recall(const unic_retriever *r, const data *d, const int32_t *codes)
{
    static float q[CLIPS * DIM], v[CLIPS * DIM];
    static int64_t ids[CLIPS], ranks[CLIPS];
    unic_index_options o = {sizeof o, DIM, UNIC_INDEX_INNER, r->fingerprint, {NULL}};
    unic_index *index;
    unic_array array;
    size_t found = 0;
    io_assert_ok(unic_retriever_queries(r, codes, CLIPS, LENGTH, q));
    io_assert_ok(unic_retriever_items(r, &d->array, v));
    io_assert_ok(unic_index_create(&index, &o));
    unic_array_init(&array, v, UNIC_F32, 2, (const int64_t[]){CLIPS, DIM});
    io_assert_ok(unic_index_add(index, &array, NULL));
    for (size_t n = 0; n < CLIPS; n++)
        ids[n] = (int64_t)n;
    array.data = q;
    io_assert_ok(unic_index_rank(index, &array, ids, NULL, ranks));
    for (size_t n = 0; n < CLIPS; n++)
        found += ranks[n] <= 5;
    unic_index_free(index);
    return (double)found / CLIPS;
}

/* Trained with X's codes, asked with Y's, on clips it has not seen; by chance 5 / 160. */
START_TEST(another_modality_finds_what_the_first_learned)
{
    unic_retriever *r = new_retriever(&small);
    data *d = new_data(4), *unseen = new_data(5);
    double first, loss;
    ck_assert(recall(r, unseen, unseen->y) < 0.15);
    io_assert_ok(fit(r, d, &first));
    io_assert_ok(fit(r, d, &loss));
    ck_assert_msg(loss < first, "%g after %g", loss, first);
    double x = recall(r, unseen, unseen->x), y = recall(r, unseen, unseen->y);
    ck_assert_msg(x > 0.7 && y > 0.5, "%.2f with X, %.2f with Y", x, y);
    free(d);
    free(unseen);
    unic_retriever_free(r);
}
END_TEST

/* Items that belong to other clips teach nothing of these. */
START_TEST(shuffled_items_teach_nothing)
{
    unic_retriever *r = new_retriever(&small);
    data *d = new_data(4), *unseen = new_data(5);
    int32_t order[CLIPS];
    static float shuffled[CLIPS * ITEM];
    unic__random_permutation(unic__random_key(9, 0, 0), order, CLIPS);
    for (size_t n = 0; n < CLIPS; n++)
        memcpy(shuffled + n * ITEM, d->items + (size_t)order[n] * ITEM, ITEM * sizeof(float));
    memcpy(d->items, shuffled, sizeof shuffled);
    io_assert_ok(fit(r, d, NULL));
    double y = recall(r, unseen, unseen->y);
    ck_assert_msg(y < 0.15, "%.2f", y);
    free(d);
    free(unseen);
    unic_retriever_free(r);
}
END_TEST

START_TEST(equal_seeds_give_equal_retrievers)
{
    unic_retriever *r[3];
    data *d = new_data(6);
    for (size_t i = 0; i < 3; i++) {
        unic_retriever_options o = small;
        o.seed = i / 2;
        o.epochs = 3;
        r[i] = new_retriever(&o);
        io_assert_ok(fit(r[i], d, NULL));
    }
    ck_assert(same(r[0], r[1]));
    ck_assert(!same(r[0], r[2]));
    for (size_t i = 0; i < 3; i++)
        unic_retriever_free(r[i]);
    free(d);
}
END_TEST

/* Where padding stands, and float64 in the place of float32, are nothing. */
START_TEST(the_same_clips_in_another_dress)
{
    static int32_t codes[CLIPS * (LENGTH + 2)];
    static double items[CLIPS * ITEM];
    unic_retriever_options o = small;
    o.epochs = 3;
    unic_retriever *one = new_retriever(&o), *two = new_retriever(&o);
    data *d = new_data(7);
    unic_array array;
    for (size_t n = 0; n < CLIPS; n++)
        for (size_t t = 0; t < LENGTH + 2; t++)
            codes[n * (LENGTH + 2) + t] = t % 4 == 0 ? -1 : d->x[n * LENGTH + t - 1 - t / 4];
    for (size_t i = 0; i < CLIPS * ITEM; i++)
        items[i] = (double)d->items[i];
    unic_array_init(&array, items, UNIC_F64, 2, (const int64_t[]){CLIPS, ITEM});
    io_assert_ok(fit(one, d, NULL));
    io_assert_ok(unic_retriever_fit(NULL, two, codes, CLIPS, LENGTH + 2, &array));
    ck_assert(same(one, two));
    free(d);
    unic_retriever_free(one);
    unic_retriever_free(two);
}
END_TEST

/* ---- beyond what can be computed with ---- */

START_TEST(a_failed_fit_changes_nothing)
{
    unic_retriever *r = new_retriever(&small), *before = new_retriever(&small);
    data *d = new_data(8);
    double loss = 77.0;
    r->options.epochs = before->options.epochs = 2;
    io_assert_ok(fit(r, d, NULL));
    io_assert_ok(fit(before, d, NULL));
    r->options.learning_rate = 1e30F;
    io_assert_fails(fit(r, d, &loss), UNIC_E_NUMERIC,
                    "unic_retriever_fit: epoch 0: the vector");
    ck_assert(loss == 77.0 && same(r, before));
    r->options.learning_rate = small.learning_rate;
    d->items[ITEM] = 1e30F;
    io_assert_fails(fit(r, d, &loss), UNIC_E_NUMERIC, "of a batch's item");
    d->items[ITEM] = NAN;
    io_assert_fails(fit(r, d, &loss), UNIC_E_VALUE, "item 1 holds NaN or Inf");
    d->x[LENGTH + 1] = L;
    io_assert_fails(fit(r, d, &loss), UNIC_E_VALUE, "code 16 of clip 1, step 1");
    ck_assert(loss == 77.0 && same(r, before));
    free(d);
    unic_retriever_free(r);
    unic_retriever_free(before);
}
END_TEST

START_TEST(vectors_that_overflow_are_named)
{
    static float v[CLIPS * DIM];
    unic_retriever *r = new_retriever(&small);
    data *d = new_data(9);
    d->items[40 * ITEM] = 1e30F; /* in the second batch */
    v[40 * DIM] = 77.0F;
    io_assert_fails(unic_retriever_items(r, &d->array, v), UNIC_E_NUMERIC,
                    "unic_retriever_items: the vector of item 40 has length");
    ck_assert(v[40 * DIM] == 77.0F);
    free(d);
    unic_retriever_free(r);
}
END_TEST

/* ---- files ---- */

START_TEST(a_retriever_survives_its_file)
{
    static float a[CLIPS * DIM], b[CLIPS * DIM];
    const char *path = small_path("retriever.npz"), *copy = small_path("copy.npz");
    unic_retriever_options o = small;
    o.seed = UINT64_MAX;
    o.temperature = 0.25F;
    unic_retriever *r = new_retriever(&o), *again;
    data *d = new_data(10);
    io_assert_ok(fit(r, d, NULL));
    io_assert_ok(unic_retriever_save(r, path));
    io_assert_ok(unic_retriever_load(&again, path, NULL));
    o = (unic_retriever_options){.struct_size = sizeof o};
    io_assert_ok(unic_retriever_settings(&o, again));
    ck_assert_mem_eq(&o, &r->options, sizeof o);
    io_assert_ok(unic_retriever_accepts(again, r->fingerprint));
    io_assert_ok(unic_retriever_queries(r, d->y, CLIPS, LENGTH, a));
    io_assert_ok(unic_retriever_queries(again, d->y, CLIPS, LENGTH, b));
    ck_assert_mem_eq(a, b, sizeof a);
    io_assert_ok(unic_retriever_save(again, copy));
    ck_assert(small_same_files(path, copy));
    io_assert_ok(fit(again, d, NULL));
    free(d);
    unic_retriever_free(r);
    unic_retriever_free(again);
    remove(path);
    remove(copy);
}
END_TEST

static void assert_not_loaded(const char *path, unic_status status, const char *says)
{
    unic_retriever *r = (void *)&r;
    io_assert_fails(unic_retriever_load(&r, path, NULL), status, says);
    ck_assert_msg(strstr(unic_last_error(), path), "%s", unic_last_error());
    ck_assert(r == NULL);
}

START_TEST(damaged_files_are_named)
{
    static const struct {
        const char *member;
        small_change change;
        const char *says;
    } cases[] = {
        {"retriever.options", SMALL_DROP, "no array \"retriever.options\""},
        {"retriever.options", SMALL_RESHAPE, "has shape [1,8], expected [8]"},
        {"retriever.options", SMALL_SPOIL, "options: item_dim = -7 is not in 1..65536"},
        {"retriever.learning_rate", SMALL_SPOIL, "retriever.learning_rate holds NaN or Inf"},
        {"retriever.temperature", SMALL_DROP, "no array \"retriever.temperature\""},
        {"codebook.embedding", SMALL_DROP, "no array \"codebook.embedding\""},
        {"codebook.embedding", SMALL_SPOIL, "codebook.embedding holds NaN or Inf"},
        {"codebook.embedding", SMALL_DAMAGE, "is damaged"},
        {"query1.weight", SMALL_DROP, "no array \"query1.weight\""},
        {"query2.bias", SMALL_RESHAPE, "query2.bias has shape [1,12], expected [12]"},
        {"item1.weight", SMALL_SPOIL, "item1.weight holds NaN or Inf"},
        {"item2.weight", SMALL_DAMAGE, "is damaged"},
    };
    const char *good = small_path("good.npz"), *bad = small_path("bad.npz");
    unic_retriever *r = new_retriever(&small);
    io_assert_ok(unic_retriever_save(r, good));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        small_edit(good, bad, cases[i].member, cases[i].change);
        assert_not_loaded(bad, UNIC_E_FORMAT, cases[i].says);
    }
    io_write(bad, "PK\5\6", 4);
    assert_not_loaded(bad, UNIC_E_FORMAT, "");
    remove(bad);
    assert_not_loaded(bad, UNIC_E_NOTFOUND, "");
    r->options.temperature = 0.0F;
    io_assert_ok(unic_retriever_save(r, bad)); /* it writes what it is told */
    assert_not_loaded(bad, UNIC_E_FORMAT, "retriever.temperature = 0 must be positive");
    r->options.temperature = -1.0F;
    io_assert_ok(unic_retriever_save(r, bad));
    assert_not_loaded(bad, UNIC_E_FORMAT, "retriever: temperature = -1 is not in 0.001..1000");
    unic_retriever_free(r);
    remove(good);
    remove(bad);
}
END_TEST

/* Options that name sizes beyond the file's arrays: refused before memory is taken for them. */
START_TEST(files_do_not_choose_how_much_memory)
{
    static const struct {
        int32_t item_dim, hidden, dim, batch;
        const char *says;
    } cases[] = {
        {65536, HIDDEN, DIM, 32, "item1.weight has shape [24,10], expected [24,65536]"},
        {ITEM, 65536, DIM, 32, "query1.weight has shape [24,6], expected [65536,6]"},
        {ITEM, HIDDEN, 65536, 32, "query2.weight has shape [12,24], expected [65536,24]"},
        {ITEM, 0, DIM, 32, "hidden = 0 is not in 1..65536"},
        {ITEM, HIDDEN, 65537, 32, "dim = 65537 is not in 1..65536"},
        {ITEM, HIDDEN, DIM, 1, "batch = 1 is not in 2..65536"}};
    const char *path = small_path("sizes.npz");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unic_retriever *r = new_retriever(&small);
        r->options.item_dim = cases[i].item_dim;
        r->options.hidden = cases[i].hidden;
        r->options.dim = cases[i].dim;
        r->options.batch = cases[i].batch;
        io_assert_ok(unic_retriever_save(r, path));
        assert_not_loaded(path, UNIC_E_FORMAT, cases[i].says);
        unic_retriever_free(r);
    }
    remove(path);
}
END_TEST

/* ---- out of memory ---- */

static unic_codebook *oom_codebook;
static const data *oom_data;

static unic_status use_everything(const char *path)
{
    static float out[CLIPS * DIM];
    unic_retriever *r = NULL, *again = NULL;
    unic_retriever_options o = small;
    o.epochs = 1;
    unic_status status = unic_retriever_create(&r, oom_codebook, &o);
    ck_assert((status == UNIC_OK) == (r != NULL));
    if (status == UNIC_OK)
        status = fit(r, oom_data, NULL);
    if (status == UNIC_OK)
        status = unic_retriever_queries(r, oom_data->y, CLIPS, LENGTH, out);
    if (status == UNIC_OK)
        status = unic_retriever_items(r, &oom_data->array, out);
    if (status == UNIC_OK)
        status = unic_retriever_save(r, path);
    if (status == UNIC_OK) {
        status = unic_retriever_load(&again, path, NULL);
        ck_assert((status == UNIC_OK) == (again != NULL));
    }
    unic_retriever_free(r);
    unic_retriever_free(again);
    return status;
}

START_TEST(survives_every_failing_allocation)
{
    const char *path = small_path("oom.npz");
    data *d = new_data(11);
    oom_codebook = new_codebook(1);
    oom_data = d;
    io_fail_each_allocation(use_everything, path);
    unic_codebook_free(oom_codebook);
    free(d);
    remove(path);
}
END_TEST

START_TEST(a_fit_without_memory_changes_nothing)
{
    unic_retriever *r = new_retriever(&small), *before = new_retriever(&small);
    data *d = new_data(12);
    unic_status status = UNIC_E_NOMEM;
    r->options.epochs = 1;
    for (size_t n = 0; status == UNIC_E_NOMEM; n++) {
        ck_assert_uint_le(n, 999); /* more where each piece of an arena is a block */
        small_fail_allocations_after(n);
        status = fit(r, d, NULL);
        unic_set_allocator(NULL);
        ck_assert(same(r, before) == (status == UNIC_E_NOMEM));
    }
    io_assert_ok(status);
    free(d);
    unic_retriever_free(r);
    unic_retriever_free(before);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("retriever");
    tcase_add_test(t, vectors_are_the_equations);
    tcase_add_test(t, the_mean_of_a_long_clip_is_exact);
    tcase_add_test(t, the_loss_is_the_equation);
    tcase_add_loop_test(t, gradients_are_differences, 0, 3);
    tcase_add_test(t, another_modality_finds_what_the_first_learned);
    tcase_add_test(t, shuffled_items_teach_nothing);
    tcase_add_test(t, equal_seeds_give_equal_retrievers);
    tcase_add_test(t, the_same_clips_in_another_dress);
    tcase_add_test(t, a_failed_fit_changes_nothing);
    tcase_add_test(t, vectors_that_overflow_are_named);
    tcase_add_test(t, a_retriever_survives_its_file);
    tcase_add_test(t, damaged_files_are_named);
    tcase_add_test(t, files_do_not_choose_how_much_memory);
    tcase_add_test(t, survives_every_failing_allocation);
    tcase_add_test(t, a_fit_without_memory_changes_nothing);
    return small_run("task/retriever", t);
}
