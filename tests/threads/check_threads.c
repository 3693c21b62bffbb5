/* What docs/threads.md promises, of all handles at once: threads that share a model, a codebook,
 * a head, an index and a retriever, each with encoders, a dataset and a trainer of its own, while
 * the process's number of threads changes and calls fail. Everything is compared bit by bit with
 * what one thread gave. */
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file/io_help.h"
#include "model/small_model.h"

enum { THREADS = 4, ROUNDS = 3, MODALITIES = 3, CLASSES = 3, FOUND = 3, ITEM = 5 };
enum { STEPS = SMALL_BATCH * SMALL_LENGTH, VALUES = STEPS * SMALL_DIM, FIGURES = 64 };

/* What is shared, and what every thread reads. */
static struct shared {
    unic_model *model;
    unic_codebook *codebook;
    unic_head *head;
    unic_index *index;
    unic_retriever *retriever;
    small_batch *batch;
    const char *data; /* a file for datasets */
} shared;

/* Everything that a thread computes. Of a struct that is zeroed first, so that bytes compare. */
typedef struct results {
    int32_t codes[MODALITIES][STEPS];
    float vectors[MODALITIES][VALUES];
    int32_t assigned[STEPS];
    float looked_up[VALUES], distances[SMALL_CODES * SMALL_CODES];
    float logits[SMALL_BATCH * CLASSES];
    int64_t ids[SMALL_BATCH * FOUND], ranks[SMALL_BATCH];
    float scores[SMALL_BATCH * FOUND], queries[SMALL_BATCH * SMALL_DIM];
    float read[STEPS * 6];
    double figures[FIGURES];
} results;

static unic_array matrix(const float *x, int64_t rows, int64_t dim)
{
    unic_array a;
    unic_array_init(&a, x, UNIC_F32, 2, (const int64_t[]){rows, dim});
    return a;
}

/* ---- what a thread does; Check's assertions are not for threads: a status comes back ---- */

static unic_status encode(results *r, unic_model *model)
{
    unic_encoder *encoder[MODALITIES] = {NULL};
    unic_status status = UNIC_OK;
    const unic_encoder_options o = {
        .struct_size = sizeof o, .max_batch = SMALL_BATCH, .max_length = SMALL_LENGTH};
    for (size_t m = 0; m < MODALITIES && status == UNIC_OK; m++)
        status = unic_encoder_create(&encoder[m], model, unic_model_modality_name(model, m),
                                     &o);
    unic_model_free(model); /* the encoders hold it */
    for (size_t m = 0; m < MODALITIES && status == UNIC_OK; m++)
        status = unic_encoder_encode(encoder[m], &shared.batch->array[m], NULL, r->codes[m],
                                     NULL, r->vectors[m]);
    for (size_t m = 0; m < MODALITIES; m++)
        unic_encoder_free(encoder[m]);
    return status;
}

static unic_status read_codebook(results *r)
{
    const unic_array z = matrix(r->vectors[0], STEPS, SMALL_DIM);
    UNIC__TRY(unic_codebook_assign(shared.codebook, &z, r->assigned));
    UNIC__TRY(unic_codebook_lookup(shared.codebook, r->assigned, STEPS, r->looked_up));
    return unic_codebook_distances(shared.codebook, r->distances);
}

static unic_status ask(results *r)
{
    const int64_t ids[SMALL_BATCH] = {3, 2, 1, 0};
    UNIC__TRY(
        unic_head_predict(shared.head, r->codes[1], SMALL_BATCH, SMALL_LENGTH, r->logits));
    UNIC__TRY(unic_retriever_queries(shared.retriever, r->codes[1], SMALL_BATCH, SMALL_LENGTH,
                                     r->queries));
    const unic_array q = matrix(r->vectors[1], SMALL_BATCH, SMALL_DIM);
    UNIC__TRY(unic_index_search(shared.index, &q, FOUND, NULL, r->ids, r->scores));
    return unic_index_rank(shared.index, &q, ids, NULL, r->ranks);
}

/* A dataset of its own, read ahead, and freed while the thread that reads ahead is at work. */
static unic_status read(results *r)
{
    const unic_dataset_options o = {
        .struct_size = sizeof o, .batch = 1, .shuffle = 1, .seed = 3, .prefetch = 2};
    unic_dataset *d;
    const unic_batch *b;
    unic_array x;
    UNIC__TRY(unic_dataset_open(&d, &shared.data, 1, &o));
    unic_status status = UNIC_OK;
    for (size_t i = 0; i < SMALL_BATCH && status == UNIC_OK; i++) {
        status = unic_dataset_next(&b, d);
        if (status == UNIC_OK && unic_batch_get(&x, NULL, b, "audio") == UNIC_OK)
            memcpy(r->read + i * SMALL_LENGTH * 6, x.data, SMALL_LENGTH * 6 * sizeof(float));
    }
    unic_dataset_free(d);
    return status;
}

static unic_status train(results *r)
{
    unic_config *c;
    unic_trainer *t = NULL;
    UNIC__TRY(unic_config_create(&c));
    unic_status status = unic_config_parse(c, SMALL_THREE, "threads");
    const unic_trainer_options o = {.struct_size = sizeof o, .threads = 1};
    if (status == UNIC_OK)
        status = unic_trainer_create(&t, c, &o);
    for (size_t i = 0; i < 2 && status == UNIC_OK; i++)
        status = unic_trainer_step(t, shared.batch->batch, NULL, r->figures);
    unic_trainer_free(t);
    unic_config_free(c);
    return status;
}

/* Takes over a reference of the model. */
static unic_status do_everything(results *r, unic_model *model)
{
    memset(r, 0, sizeof *r);
    UNIC__TRY(encode(r, model));
    UNIC__TRY(read_codebook(r));
    UNIC__TRY(ask(r));
    UNIC__TRY(read(r));
    return train(r);
}

typedef struct worker {
    pthread_t thread;
    unic_model *model;
    results got;
    unic_status status;
    char message[256];
} worker;

static void *work(void *argument)
{
    worker *w = argument;
    w->status = do_everything(&w->got, w->model);
    snprintf(w->message, sizeof w->message, "%s", unic_last_error());
    return NULL;
}

/* Sets the number of threads and fails, for as long as the others work. */
static atomic_bool done;
static atomic_int wrong_messages;

static void *disturb(void *argument)
{
    const int32_t code = *(const int32_t *)argument; /* none of the codebook's */
    char number[16];
    float out[SMALL_DIM];
    snprintf(number, sizeof number, "%d", code);
    for (int n = 1; !atomic_load(&done); n++) {
        unic_set_threads(1 + n % 4);
        const bool failed = unic_codebook_lookup(shared.codebook, &code, 1, out) != UNIC_OK;
        const int now = unic_get_threads();
        if (!failed || !strstr(unic_last_error(), number) || now < 1 || now > 4)
            atomic_fetch_add(&wrong_messages, 1);
    }
    return NULL;
}

/* ---- what they share ---- */

static const char *model_path, *data_path;

static void write_data(void)
{
    unic_npz_writer *w;
    const small_batch *b = shared.batch;
    io_assert_ok(unic_npz_writer_create(&w, data_path));
    for (size_t m = 0; m < b->n; m++)
        io_assert_ok(unic_npz_writer_add(w, b->name[m], &b->array[m]));
    io_assert_ok(unic_npz_writer_finish(w));
    unic_npz_writer_free(w);
}

static void set_up(void)
{
    static float items[SMALL_BATCH * ITEM];
    static int32_t codes[STEPS];
    const int32_t labels[SMALL_BATCH] = {0, 1, 2, 0};
    model_path = small_path("shared.npz");
    data_path = shared.data = small_path("shared-data.npz");
    unic_model *model = small_model(SMALL_THREE, "", 2);
    io_assert_ok(unic_model_save(model, model_path));
    io_assert_ok(unic_model_codebook(&shared.codebook, model));
    unic_model_free(model);
    shared.batch = small_batch_new(SMALL_THREE, SMALL_BATCH, SMALL_LENGTH, 4711);
    write_data();
    for (int32_t i = 0; i < STEPS; i++)
        codes[i] = i % SMALL_CODES;
    for (int i = 0; i < SMALL_BATCH * ITEM; i++)
        items[i] = (float)(i * 7 % 11);
    const unic_head_options h = {
        .struct_size = sizeof h, .kind = UNIC_HEAD_CLIP, .class_count = CLASSES, .epochs = 2};
    io_assert_ok(unic_head_create(&shared.head, shared.codebook, &h));
    io_assert_ok(unic_head_fit(NULL, shared.head, codes, SMALL_BATCH, SMALL_LENGTH, labels));
    const unic_retriever_options q = {
        .struct_size = sizeof q, .item_dim = ITEM, .hidden = 8, .dim = SMALL_DIM, .epochs = 2};
    const unic_array gallery = matrix(items, SMALL_BATCH, ITEM);
    io_assert_ok(unic_retriever_create(&shared.retriever, shared.codebook, &q));
    io_assert_ok(
        unic_retriever_fit(NULL, shared.retriever, codes, SMALL_BATCH, SMALL_LENGTH, &gallery));
    const unic_index_options x = {
        .struct_size = sizeof x, .metric = UNIC_INDEX_COSINE, .dim = SMALL_DIM};
    const unic_array vectors = matrix(unic_codebook_embedding(shared.codebook), SMALL_CODES,
                                      SMALL_DIM);
    io_assert_ok(unic_index_create(&shared.index, &x));
    io_assert_ok(unic_index_add(shared.index, &vectors, NULL));
}

static void tear_down(void)
{
    unic_codebook_free(shared.codebook);
    unic_head_free(shared.head);
    unic_retriever_free(shared.retriever);
    unic_index_free(shared.index);
    small_batch_free(shared.batch);
    remove(model_path);
    remove(data_path);
    io_assert_ok(unic_set_threads(1));
}

START_TEST(threads_give_what_one_gives)
{
    static worker workers[THREADS];
    static results expected;
    pthread_t other[2];
    static int32_t none[2] = {SMALL_CODES + 3, SMALL_CODES + 4};
    set_up();
    io_assert_ok(unic_model_open(&shared.model, model_path, NULL));
    io_assert_ok(do_everything(&expected, shared.model)); /* which frees the model */
    atomic_store(&done, false);
    for (size_t i = 0; i < 2; i++)
        ck_assert(!pthread_create(&other[i], NULL, disturb, &none[i]));
    for (int round = 0; round < ROUNDS; round++) {
        io_assert_ok(unic_model_open(&shared.model, model_path, NULL));
        for (size_t i = 0; i < THREADS; i++) {
            workers[i].model = unic_model_retain(shared.model);
            ck_assert(!pthread_create(&workers[i].thread, NULL, work, &workers[i]));
        }
        unic_model_free(shared.model); /* while they hold theirs */
        for (size_t i = 0; i < THREADS; i++)
            ck_assert(!pthread_join(workers[i].thread, NULL));
        for (size_t i = 0; i < THREADS; i++) {
            ck_assert_msg(workers[i].status == UNIC_OK, "%s", workers[i].message);
            ck_assert_mem_eq(&workers[i].got, &expected, sizeof expected);
        }
    }
    atomic_store(&done, true);
    for (size_t i = 0; i < 2; i++)
        ck_assert(!pthread_join(other[i], NULL));
    ck_assert_int_eq(atomic_load(&wrong_messages), 0);
    tear_down();
}
END_TEST

/* A call keeps the number of threads with which it began; a callback of the application's sees,
 * and may set, the process's. */
static int sets_threads(const char *what, uint64_t count, uint64_t total, void *user)
{
    (void)what, (void)count, (void)total;
    int *seen = user;
    *seen = unic_get_threads();
    return unic_set_threads(3) != UNIC_OK || unic_get_threads() != 3;
}

START_TEST(a_call_keeps_its_number)
{
    int seen = 0;
    io_assert_ok(unic_set_threads(2));
    const int before = unic__threads_enter(0);
    io_assert_ok(unic_set_threads(4));
    ck_assert_int_eq(unic__threads(), 2);
    const unic__progress p = {sets_threads, &seen};
    io_assert_ok(unic__progress_tell(&p, "steps", 1, 2));
    ck_assert_int_eq(seen, 4);
    ck_assert_int_eq(unic__threads(), 2);
    unic__threads_leave(before);
    ck_assert_int_eq(unic__threads(), 3);
    io_assert_ok(unic_set_threads(1));
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("threads");
    tcase_add_test(cases, threads_give_what_one_gives);
    tcase_add_test(cases, a_call_keeps_its_number);
    tcase_set_timeout(cases, 600);
    return small_run("threads", cases);
}
