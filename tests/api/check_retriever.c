/* unic_retriever.h: wrong arguments, the codebook it belongs to, and many threads. */
#include <check.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "file/io_help.h"
#include "model/small_model.h"
#include "task/retriever.h"
#include "unicode/unic.h"

enum { L = 5, D = 3, ITEM = 4, DIM = 6, CLIPS = 30, LENGTH = 4 };

static unic_codebook *new_codebook(float shift)
{
    unic_codebook *cb;
    float e[L * D];
    for (size_t i = 0; i < L * D; i++)
        e[i] = (float)(i * i % 7) + shift;
    unic_array rows;
    unic_array_init(&rows, e, UNIC_F32, 2, (const int64_t[]){L, D});
    io_assert_ok(unic_codebook_create(&cb, L, D, 1));
    io_assert_ok(unic_codebook_set(cb, &rows));
    return cb;
}

static const unic_retriever_options good = {.struct_size = sizeof good,
                                            .item_dim = ITEM,
                                            .hidden = 8,
                                            .dim = DIM,
                                            .epochs = 2,
                                            .batch = 8};

static unic_retriever *new_retriever(void)
{
    unic_retriever *r;
    unic_codebook *cb = new_codebook(0.0F);
    io_assert_ok(unic_retriever_create(&r, cb, &good));
    r->trained = true; /* drawn weights are as good as fitted ones here */
    unic_codebook_free(cb);
    return r;
}

START_TEST(wrong_options_are_named)
{
    static const struct {
        int32_t item_dim, hidden, dim, epochs, batch;
        float rate, temperature;
        const char *says;
    } cases[] = {{0, 0, 0, 0, 0, 0, 0, "options->item_dim = 0 is not in 1..65536"},
                 {65537, 0, 0, 0, 0, 0, 0, "item_dim = 65537"},
                 {4, -1, 0, 0, 0, 0, 0, "hidden = -1"},
                 {4, 65537, 0, 0, 0, 0, 0, "hidden = 65537"},
                 {4, 0, -1, 0, 0, 0, 0, "dim = -1"},
                 {4, 0, 65537, 0, 0, 0, 0, "dim = 65537"},
                 {4, 0, 0, -1, 0, 0, 0, "epochs = -1"},
                 {4, 0, 0, 0, 1, 0, 0, "batch = 1 is not in 2..65536"},
                 {4, 0, 0, 0, 65537, 0, 0, "batch = 65537"},
                 {4, 0, 0, 0, 0, -0.1F, 0, "learning_rate = -0.1 must be positive"},
                 {4, 0, 0, 0, 0, NAN, 0, "learning_rate = nan"},
                 {4, 0, 0, 0, 0, INFINITY, 0, "learning_rate = inf"},
                 {4, 0, 0, 0, 0, 0, 1e-4F, "temperature = 0.0001 is not in 0.001..1000"},
                 {4, 0, 0, 0, 0, 0, -1.0F, "temperature = -1"},
                 {4, 0, 0, 0, 0, 0, NAN, "temperature = nan"}};
    unic_codebook *cb = new_codebook(0.0F);
    unic_retriever *r = (void *)&r;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unic_retriever_options o = {.struct_size = sizeof o,
                                    .item_dim = cases[i].item_dim,
                                    .hidden = cases[i].hidden,
                                    .dim = cases[i].dim,
                                    .epochs = cases[i].epochs,
                                    .batch = cases[i].batch,
                                    .learning_rate = cases[i].rate,
                                    .temperature = cases[i].temperature};
        io_assert_fails(unic_retriever_create(&r, cb, &o), UNIC_E_ARG, cases[i].says);
        ck_assert(r == NULL);
    }
    unic_retriever_options old = good, later = good;
    old.struct_size--;
    later.struct_size += 8;
    io_assert_fails(unic_retriever_create(&r, cb, &old), UNIC_E_ARG, "options has struct_size");
    io_assert_ok(unic_retriever_create(&r, cb, &later));
    unic_retriever_free(r);
    io_assert_fails(unic_retriever_create(NULL, cb, &good), UNIC_E_ARG, "out is NULL");
    io_assert_fails(unic_retriever_create(&r, NULL, &good), UNIC_E_ARG, "codebook is NULL");
    io_assert_fails(unic_retriever_create(&r, cb, NULL), UNIC_E_ARG, "options is NULL");
    unic_codebook_free(cb);
    unic_retriever_free(NULL);
}
END_TEST

START_TEST(tells_its_settings)
{
    unic_codebook *cb = new_codebook(0.0F);
    unic_retriever *r;
    unic_retriever_options o = {.struct_size = sizeof o, .item_dim = 7, .seed = 3};
    io_assert_ok(unic_retriever_create(&r, cb, &o));
    io_assert_ok(unic_retriever_settings(&o, r));
    ck_assert(o.item_dim == 7 && o.hidden == 256 && o.dim == 128 && o.epochs == 50);
    ck_assert(o.batch == 64 && o.learning_rate == 0.001F && o.temperature == 0.07F);
    ck_assert(o.seed == 3 && o.struct_size == sizeof o);
    o.struct_size--;
    io_assert_fails(unic_retriever_settings(&o, r), UNIC_E_ARG, "has struct_size");
    io_assert_fails(unic_retriever_settings(NULL, r), UNIC_E_ARG, "options is NULL");
    io_assert_fails(unic_retriever_settings(&o, NULL), UNIC_E_ARG, "retriever is NULL");
    unic_retriever_free(r);
    unic_codebook_free(cb);
}
END_TEST

static unic_array items_of(const float *x, int64_t count)
{
    unic_array a;
    unic_array_init(&a, x, UNIC_F32, 2, (const int64_t[]){count, ITEM});
    return a;
}

START_TEST(wrong_codes_and_items_are_named)
{
    float x[3 * ITEM] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3}, out[3 * DIM], before[3 * DIM];
    int32_t codes[3 * LENGTH] = {0, 1, 2, 3, 4, -1, 0, 1, -1, -1, 2, -1};
    const int32_t wrong[] = {-2, L, INT32_MIN, INT32_MAX};
    unic_array items = items_of(x, 3), other;
    unic_retriever *r = new_retriever();
    memset(out, 0x55, sizeof out);
    memcpy(before, out, sizeof out);
    for (size_t i = 0; i < 4; i++) {
        codes[6] = wrong[i];
        io_assert_fails(unic_retriever_fit(NULL, r, codes, 3, LENGTH, &items), UNIC_E_VALUE,
                        "of clip 1, step 2 is not in -1..4");
        io_assert_fails(unic_retriever_queries(r, codes, 3, LENGTH, out), UNIC_E_VALUE,
                        "of clip 1, step 2 is not in -1..4");
    }
    codes[6] = 0;
    codes[10] = -1;
    io_assert_fails(unic_retriever_fit(NULL, r, codes, 3, LENGTH, &items), UNIC_E_VALUE,
                    "unic_retriever_fit: clip 2 has no code among its 4 steps");
    io_assert_fails(unic_retriever_queries(r, codes, 3, LENGTH, out), UNIC_E_VALUE,
                    "unic_retriever_queries: clip 2 has no code among its 4 steps");
    io_assert_fails(unic_retriever_queries(r, codes, 1, 0, out), UNIC_E_VALUE,
                    "clip 0 has no code among its 0 steps");
    codes[10] = 2;
    x[2 * ITEM + 1] = INFINITY;
    io_assert_fails(unic_retriever_fit(NULL, r, codes, 3, LENGTH, &items), UNIC_E_VALUE,
                    "item 2 holds NaN or Inf");
    io_assert_fails(unic_retriever_items(r, &items, out), UNIC_E_VALUE,
                    "item 2 holds NaN or Inf");
    x[2 * ITEM + 1] = 1.0F;
    other = items_of(x, 2);
    io_assert_fails(unic_retriever_fit(NULL, r, codes, 3, LENGTH, &other), UNIC_E_SHAPE,
                    "2 items for 3 clips");
    unic_array_init(&other, x, UNIC_F32, 2, (const int64_t[]){3, ITEM - 1});
    io_assert_fails(unic_retriever_items(r, &other, out), UNIC_E_SHAPE,
                    "items have shape [3,3], expected [N,4]");
    io_assert_fails(unic_retriever_fit(NULL, r, codes, 3, LENGTH, &other), UNIC_E_SHAPE,
                    "items have shape [3,3], expected [N,4]");
    unic_array_init(&other, x, UNIC_F32, 3, (const int64_t[]){1, 3, ITEM});
    io_assert_fails(unic_retriever_items(r, &other, out), UNIC_E_SHAPE, "expected [N,4]");
    unic_array_init(&other, x, UNIC_I32, 2, (const int64_t[]){3, ITEM});
    io_assert_fails(unic_retriever_items(r, &other, out), UNIC_E_ARG,
                    "items is of int32, expected real numbers");
    ck_assert_mem_eq(out, before, sizeof out);
    io_assert_ok(unic_retriever_fit(NULL, r, codes, 3, LENGTH, &items));
    io_assert_ok(unic_retriever_queries(r, codes, 3, LENGTH, out));
    unic_retriever_free(r);
}
END_TEST

START_TEST(wrong_arguments_are_named)
{
    const int32_t codes[] = {0, 1};
    const float x[2 * ITEM] = {1, 2, 3, 4, 5, 6, 7, 8};
    const size_t half = SIZE_MAX / 2;
    float out[2 * DIM];
    unic_array items = items_of(x, 2), none = items_of(x, 0);
    unic_retriever *r = new_retriever(), *empty = (void *)&empty;
    io_assert_fails(unic_retriever_fit(NULL, NULL, codes, 2, 1, &items), UNIC_E_ARG,
                    "retriever is NULL");
    io_assert_fails(unic_retriever_fit(NULL, r, NULL, 2, 1, &items), UNIC_E_ARG,
                    "codes is NULL");
    io_assert_fails(unic_retriever_fit(NULL, r, codes, 2, 1, NULL), UNIC_E_ARG,
                    "items is NULL");
    io_assert_fails(unic_retriever_fit(NULL, r, codes, 1, 1, &items), UNIC_E_ARG,
                    "1 clips, 2..2147483647 expected");
    io_assert_fails(unic_retriever_fit(NULL, r, codes, half, 1, &items), UNIC_E_ARG,
                    "2..2147483647 expected");
    io_assert_fails(unic_retriever_fit(NULL, r, codes, 2, half, &items), UNIC_E_ARG,
                    "larger than any memory");
    io_assert_fails(unic_retriever_queries(NULL, codes, 2, 1, out), UNIC_E_ARG,
                    "retriever is NULL");
    io_assert_fails(unic_retriever_queries(r, NULL, 2, 1, out), UNIC_E_ARG, "codes is NULL");
    io_assert_fails(unic_retriever_queries(r, codes, 2, 1, NULL), UNIC_E_ARG, "out is NULL");
    io_assert_fails(unic_retriever_queries(r, codes, half, 1, out), UNIC_E_ARG,
                    "larger than any memory");
    io_assert_ok(unic_retriever_queries(r, NULL, 0, 1, NULL));
    io_assert_fails(unic_retriever_items(NULL, &items, out), UNIC_E_ARG, "retriever is NULL");
    io_assert_fails(unic_retriever_items(r, NULL, out), UNIC_E_ARG, "items is NULL");
    io_assert_fails(unic_retriever_items(r, &items, NULL), UNIC_E_ARG, "out is NULL");
    io_assert_ok(unic_retriever_items(r, &none, NULL));
    io_assert_fails(unic_retriever_save(NULL, "x"), UNIC_E_ARG, "retriever is NULL");
    io_assert_fails(unic_retriever_save(r, NULL), UNIC_E_ARG, "path is NULL");
    io_assert_fails(unic_retriever_load(NULL, "x", NULL), UNIC_E_ARG, "out is NULL");
    io_assert_fails(unic_retriever_load(&empty, NULL, NULL), UNIC_E_ARG, "path is NULL");
    ck_assert(empty == NULL);
    unic_retriever_free(r);
}
END_TEST

START_TEST(belongs_to_its_codebook)
{
    unic_retriever *r = new_retriever();
    unic_codebook *same = new_codebook(0.0F), *other = new_codebook(0.5F);
    io_assert_ok(unic_retriever_accepts(r, unic_codebook_fingerprint(same)));
    ck_assert(unic_retriever_fingerprint(r) == unic_codebook_fingerprint(same));
    ck_assert(unic_retriever_fingerprint(NULL) == 0);
    io_assert_fails(unic_retriever_accepts(r, unic_codebook_fingerprint(other)),
                    UNIC_E_MISMATCH, "unic_retriever_accepts: the codes are of codebook");
    io_assert_fails(unic_retriever_accepts(NULL, 0), UNIC_E_ARG, "retriever is NULL");
    unic_codebook_free(same);
    unic_codebook_free(other);
    unic_retriever_free(r);
}
END_TEST

/* ---- threads ---- */

enum { READERS = 4 };

typedef struct reader {
    pthread_t thread;
    const unic_retriever *retriever;
    const int32_t *codes;
    const unic_array *items;
    float q[CLIPS * DIM], v[CLIPS * DIM];
    bool failed;
} reader;

static void *ask_often(void *argument)
{
    reader *r = argument;
    for (int i = 0; i < 20; i++) {
        r->failed |= unic_retriever_queries(r->retriever, r->codes, CLIPS, LENGTH, r->q) !=
                     UNIC_OK;
        r->failed |= unic_retriever_items(r->retriever, r->items, r->v) != UNIC_OK;
    }
    return NULL;
}

START_TEST(answers_in_several_threads)
{
    static reader readers[READERS];
    static int32_t codes[CLIPS * LENGTH];
    static float x[CLIPS * ITEM], q[CLIPS * DIM], v[CLIPS * DIM];
    unic_retriever *r = new_retriever();
    for (int32_t i = 0; i < CLIPS * LENGTH; i++)
        codes[i] = i * 7 % (L + 1) - 1;
    for (size_t i = 0; i < CLIPS * ITEM; i++)
        x[i] = (float)(i * i % 13) - 6.0F;
    unic_array items = items_of(x, CLIPS);
    io_assert_ok(unic_retriever_fit(NULL, r, codes, CLIPS, LENGTH, &items));
    io_assert_ok(unic_retriever_queries(r, codes, CLIPS, LENGTH, q));
    io_assert_ok(unic_retriever_items(r, &items, v));
    for (size_t i = 0; i < READERS; i++) {
        readers[i] = (reader){.retriever = r, .codes = codes, .items = &items};
        ck_assert(!pthread_create(&readers[i].thread, NULL, ask_often, &readers[i]));
    }
    for (size_t i = 0; i < READERS; i++) {
        ck_assert(!pthread_join(readers[i].thread, NULL) && !readers[i].failed);
        ck_assert_mem_eq(readers[i].q, q, sizeof q);
        ck_assert_mem_eq(readers[i].v, v, sizeof v);
    }
    unic_retriever_free(r);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("retriever");
    tcase_add_test(t, wrong_options_are_named);
    tcase_add_test(t, tells_its_settings);
    tcase_add_test(t, wrong_codes_and_items_are_named);
    tcase_add_test(t, wrong_arguments_are_named);
    tcase_add_test(t, belongs_to_its_codebook);
    tcase_add_test(t, answers_in_several_threads);
    return small_run("api/retriever", t);
}
