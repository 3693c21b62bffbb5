/* Long calls tell how far they are, and stop when they are asked to: nothing is changed
 * then. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/clips_help.h"
#include "data/dataset_help.h"
#include "file/io_help.h"
#include "model/small_model.h"
#include "task/head_help.h"
#include "task/retriever.h"
#include "task/segment_help.h"

/* Counts what it is told, and stops after `stop_at` calls (0: never). */
typedef struct listener {
    uint64_t calls, stop_at, last, total;
    char what[16];
    bool ordered;
} listener;

static int listen(const char *what, uint64_t done, uint64_t total, void *user)
{
    listener *l = user;
    if (strcmp(l->what, what) != 0) { /* another part of the call */
        snprintf(l->what, sizeof l->what, "%s", what);
        l->last = 0;
        l->ordered = l->ordered || l->calls == 0;
    }
    l->ordered = l->ordered && done > l->last && done <= total;
    l->last = done;
    l->total = total;
    l->calls++;
    unic_codebook *own; /* a callback may use the library */
    io_assert_ok(unic_codebook_create(&own, 4, 2, 1));
    unic_codebook_free(own);
    ck_assert_int_eq(unic__threads(), 1); /* the process's, not the handle's */
    return l->stop_at && l->calls == l->stop_at;
}

static void assert_cancelled(unic_status status, const char *call)
{
    ck_assert_str_eq(unic_status_name(status), "UNIC_E_CANCELLED");
    ck_assert_msg(strncmp(unic_last_error(), call, strlen(call)) == 0, "%s", unic_last_error());
    ck_assert_msg(strstr(unic_last_error(), "stopped by the progress callback after "), "%s",
                  unic_last_error());
}

START_TEST(codebooks_start)
{
    enum { ROWS = 60 };
    float x[ROWS * D];
    unic__key key = unic__random_key(1, 0, 0);
    listener all = {0};
    unic_array z;
    unic_codebook *cb = head_codebook(1);
    uint64_t before = unic_codebook_fingerprint(cb);
    for (size_t i = 0; i < ROWS * D; i++)
        x[i] = unic__random_normal(key, i);
    unic_array_init(&z, x, UNIC_F32, 2, (const int64_t[]){ROWS, D});
    unic_codebook_init_options o = {.struct_size = sizeof o,
                                    .iterations = 3,
                                    .progress = listen,
                                    .progress_user = &all,
                                    .threads = 2};
    unic_codebook *free_run = head_codebook(1);
    io_assert_ok(unic_codebook_init(free_run, &z, &o));
    ck_assert(all.ordered && all.calls > L && all.calls <= L + 3);
    ck_assert_str_eq(all.what, "rows");
    for (uint64_t stop = 1; stop <= all.calls; stop++) {
        listener l = {.stop_at = stop};
        o.progress_user = &l;
        assert_cancelled(unic_codebook_init(cb, &z, &o), "unic_codebook_init: ");
        ck_assert_uint_eq(l.calls, stop);
        ck_assert(unic_codebook_fingerprint(cb) == before);
    }
    o.progress = NULL;
    io_assert_ok(unic_codebook_init(cb, &z, &o));
    ck_assert(unic_codebook_fingerprint(cb) == unic_codebook_fingerprint(free_run));
    unic_codebook_free(free_run);
    unic_codebook_free(cb);
}
END_TEST

static int count_calls(const char *what, uint64_t done, uint64_t total, void *user)
{
    (void)what, (void)done, (void)total;
    ++*(uint64_t *)user;
    return 0;
}

/* So large that the rows are measured and assigned in parts, which changes nothing. */
START_TEST(codebooks_start_in_parts)
{
    enum { ROWS = 4000, DIM = 512, CODES = 520 };
    float *x = malloc((size_t)ROWS * DIM * sizeof *x);
    uint64_t calls = 0;
    unic_array z;
    unic_codebook *cb[2];
    ck_assert_ptr_nonnull(x);
    for (size_t i = 0; i < (size_t)ROWS * DIM; i++)
        x[i] = unic__random_uniform(unic__random_key(2, 0, 0), i);
    unic_array_init(&z, x, UNIC_F32, 2, (const int64_t[]){ROWS, DIM});
    unic_codebook_init_options o = {.struct_size = sizeof o, .iterations = 1};
    for (size_t i = 0; i < 2; i++) {
        io_assert_ok(unic_codebook_create(&cb[i], CODES, DIM, 1));
        io_assert_ok(unic_codebook_init(cb[i], &z, &o));
        o.progress = count_calls;
        o.progress_user = &calls;
    }
    ck_assert_uint_ge(calls, CODES + 1 + ROWS / 1300); /* and one at least while measuring */
    ck_assert(unic_codebook_fingerprint(cb[0]) == unic_codebook_fingerprint(cb[1]));
    unic_codebook_free(cb[0]);
    unic_codebook_free(cb[1]);
    free(x);
}
END_TEST

START_TEST(heads_fit)
{
    static float untrained[STEPS * CLASSES], logits[STEPS * CLASSES];
    head_data *d = head_data_new(1);
    listener l = {0};
    unic_head_options o = {.kind = UNIC_HEAD_STEP,
                           .epochs = 2,
                           .batch = 16,
                           .threads = 2,
                           .progress = listen,
                           .progress_user = &l};
    unic_head *head = head_new(&o), *other;
    double loss[2] = {-1.0, 0.0};
    head_predict_all(head, d->codes, untrained);
    for (uint64_t stop = 1; stop <= 6; stop++) { /* 2 epochs of 3 batches */
        l = (listener){.stop_at = stop};
        assert_cancelled(unic_head_fit(&loss[0], head, d->codes, CLIPS, LENGTH, d->step),
                         "unic_head_fit: ");
        ck_assert(l.calls == stop && l.ordered && l.total == 6 && loss[0] == -1.0);
        head_predict_all(head, d->codes, logits);
        ck_assert_mem_eq(logits, untrained, sizeof logits);
    }
    l = (listener){0};
    io_assert_ok(unic_head_fit(&loss[0], head, d->codes, CLIPS, LENGTH, d->step));
    ck_assert_uint_eq(l.calls, 6);
    ck_assert_str_eq(l.what, "batches");
    o.progress = NULL;
    other = head_new(&o);
    io_assert_ok(unic_head_fit(&loss[1], other, d->codes, CLIPS, LENGTH, d->step));
    ck_assert(loss[0] == loss[1] && head_same(head, other));
    unic_head_free(head);
    unic_head_free(other);
    free(d);
}
END_TEST

START_TEST(retrievers_fit)
{
    enum { N = 10, ITEM = 3 };
    int32_t codes[N * 2];
    float x[N * ITEM], out[2][N * 8];
    listener l = {.stop_at = 4};
    unic_array items;
    unic_codebook *cb = head_codebook(1);
    unic_retriever *r;
    unic_retriever_options o = {.struct_size = sizeof o,
                                .item_dim = ITEM,
                                .hidden = 8,
                                .dim = 8,
                                .epochs = 2,
                                .batch = 4,
                                .progress = listen,
                                .progress_user = &l};
    for (size_t i = 0; i < N * 2; i++)
        codes[i] = (int32_t)(i * 5 % L);
    for (size_t i = 0; i < N * ITEM; i++)
        x[i] = (float)(i * 7 % 11) - 5.0F;
    unic_array_init(&items, x, UNIC_F32, 2, (const int64_t[]){N, ITEM});
    io_assert_ok(unic_retriever_create(&r, cb, &o));
    r->trained = true; /* drawn weights are as good as fitted ones here */
    io_assert_ok(unic_retriever_queries(r, codes, N, 2, out[0]));
    assert_cancelled(unic_retriever_fit(NULL, r, codes, N, 2, &items), "unic_retriever_fit: ");
    ck_assert(l.calls == 4 && l.total == 6 && l.ordered);
    io_assert_ok(unic_retriever_queries(r, codes, N, 2, out[1]));
    ck_assert_mem_eq(out[0], out[1], sizeof out[0]);
    l = (listener){0};
    io_assert_ok(unic_retriever_fit(NULL, r, codes, N, 2, &items));
    ck_assert_uint_eq(l.calls, 6);
    unic_retriever_free(r);
    unic_codebook_free(cb);
}
END_TEST

START_TEST(datasets_open)
{
    enum { N = 5 };
    char folder[512], name[32];
    const unic__shape shape = UNIC__SHAPE_OF(3, 2);
    unic_dataset *d;
    listener all = {0};
    unic_dataset_options o = {
        .struct_size = sizeof o, .batch = 2, .progress = listen, .progress_user = &all};
    clips_folder("progress", folder);
    for (size_t i = 0; i < N; i++) {
        snprintf(name, sizeof name, "audio/%zu.npy", i);
        clips_write(folder, name, &shape, (float)i);
    }
    const char *paths[] = {folder};
    io_assert_ok(unic_dataset_open(&d, paths, 1, &o));
    unic_dataset_free(d);
    ck_assert(all.ordered && all.calls == N + 1); /* each clip, then the one path */
    ck_assert_str_eq(all.what, "files");
    for (uint64_t stop = 1; stop <= all.calls; stop++) {
        listener l = {.stop_at = stop};
        o.progress_user = &l;
        assert_cancelled(unic_dataset_open(&d, paths, 1, &o), "");
        ck_assert_ptr_null(d);
        ck_assert_uint_eq(l.calls, stop);
    }
    listener l = {0}; /* with a length clips need not be opened */
    o.progress_user = &l;
    o.length = 3;
    io_assert_ok(unic_dataset_open(&d, paths, 1, &o));
    ck_assert(l.calls >= 1 && l.calls < N);
    unic_dataset_free(d);
}
END_TEST

/* An index of which a block of queries takes some rounds, whatever the metric. */
static void fill_index(unic_index **x, unic_array *queries, int32_t metric, float *rows,
                       size_t items, size_t dim, size_t n)
{
    unic_array a;
    const unic_index_options o = {.struct_size = sizeof o, .dim = dim, .metric = metric};
    for (size_t i = 0; i < items * dim; i++)
        rows[i] = unic__random_uniform(unic__random_key(5, 0, 0), i);
    unic_array_init(&a, rows, UNIC_F32, 2, (const int64_t[]){(int64_t)items, (int64_t)dim});
    unic_array_init(queries, rows + dim, UNIC_F32, 2,
                    (const int64_t[]){(int64_t)n, (int64_t)dim});
    io_assert_ok(unic_index_create(x, &o));
    io_assert_ok(unic_index_add(*x, &a, NULL));
}

/* Told of pairs alike, whatever the threads; what is found does not depend on it. */
START_TEST(indexes_search)
{
    enum { ITEMS = 2500, DIM = 512, N = 129, K = 3 };
    static float rows[ITEMS * DIM], scores[2][N * K];
    static int64_t ids[2][N * K], own[N], ranks[2][N];
    unic_index *x;
    unic_array q;
    fill_index(&x, &q, _i ? UNIC_INDEX_L2 : UNIC_INDEX_INNER, rows, ITEMS, DIM, N);
    for (int64_t i = 0; i < N; i++)
        own[i] = i * 7;
    io_assert_ok(unic_index_search(x, &q, K, NULL, ids[0], scores[0]));
    io_assert_ok(unic_index_rank(x, &q, own, NULL, ranks[0]));
    for (int32_t threads = 1; threads <= 3; threads += 2) {
        listener all = {0};
        unic_search_options o = {.struct_size = sizeof o,
                                 .progress = listen,
                                 .progress_user = &all,
                                 .threads = threads};
        io_assert_ok(unic_index_search(x, &q, K, &o, ids[1], scores[1]));
        ck_assert_mem_eq(ids[0], ids[1], sizeof ids[0]);
        ck_assert_mem_eq(scores[0], scores[1], sizeof scores[0]);
        ck_assert(all.ordered && all.last == ITEMS * N && all.total == ITEMS * N);
        /* Two blocks of queries, the first in some rounds where one thread does all of it. */
        ck_assert_uint_ge(all.calls, threads == 1 ? 3 : 2);
        ck_assert_str_eq(all.what, "pairs");
        for (uint64_t stop = 1; stop <= all.calls; stop++) {
            listener l = {.stop_at = stop};
            o.progress_user = &l;
            assert_cancelled(unic_index_search(x, &q, K, &o, ids[1], NULL),
                             "unic_index_search: ");
            ck_assert_uint_eq(l.calls, stop);
            l = (listener){.stop_at = 1};
            assert_cancelled(unic_index_rank(x, &q, own, &o, ranks[1]), "unic_index_rank: ");
            ck_assert_uint_eq(l.calls, 1);
        }
        o.progress = NULL;
        io_assert_ok(unic_index_search(x, &q, K, &o, ids[1], scores[1]));
        io_assert_ok(unic_index_rank(x, &q, own, &o, ranks[1]));
        ck_assert_mem_eq(ids[0], ids[1], sizeof ids[0]);
        ck_assert_mem_eq(ranks[0], ranks[1], sizeof ranks[0]);
        o.threads = 257;
        io_assert_fails(unic_index_search(x, &q, K, &o, ids[1], NULL), UNIC_E_ARG,
                        "unic_index_search: options->threads = 257 is not in 0..256");
    }
    unic_index_free(x);
}
END_TEST

/* ---- what computes: told of each call of an operator ---- */

static unic_trainer *watched_trainer(const char *more, listener *l)
{
    unic_trainer *t;
    unic_config *config = small_config(SMALL_THREE, more);
    const unic_trainer_options o = {
        .struct_size = sizeof o, .threads = 2, .progress = listen, .progress_user = l};
    io_assert_ok(unic_trainer_create(&t, config, &o));
    unic_config_free(config);
    return t;
}

static const char *const runs[] = {"", "ema.start = kmeans\nclub.steps = 12\n",
                                   "club.weight = 0\n", "behaviour = compat\n"};

static void assert_same_state(unic_trainer *a, unic_trainer *b)
{
    small_state one = small_state_of(a), two = small_state_of(b);
    ck_assert(small_states_equal(&one, &two));
}

/* The next call to stop at: some at the beginning, then a part of the others. */
static uint64_t next_stop(uint64_t stop, uint64_t calls)
{
    const uint64_t next = stop < 4 ? stop + 1 : stop + 17;
    return next < calls || stop == calls ? next : calls;
}

/* Stopped in its first step, at which the codes start, and in its third; then each ends where a
 * run does that nobody stopped. */
START_TEST(training_steps)
{
    listener all = {0}, l = {0};
    unic_trainer *t = watched_trainer(runs[_i], &l), *whole = watched_trainer(runs[_i], &all);
    for (uint64_t step = 0; step < 3; step++) {
        small_batch *b = small_batch_new(SMALL_THREE, SMALL_BATCH, SMALL_LENGTH, step);
        all = (listener){0};
        io_assert_ok(unic_trainer_step(whole, b->batch, NULL, NULL));
        ck_assert_str_eq(all.what, "operations");
        ck_assert(all.last == all.total && all.ordered);
        for (uint64_t stop = 1; stop <= all.calls && step != 1;
             stop = next_stop(stop, all.calls)) {
            l = (listener){.stop_at = stop};
            assert_cancelled(unic_trainer_step(t, b->batch, NULL, NULL), "unic_trainer_step: ");
            ck_assert_uint_eq(l.calls, stop);
            ck_assert_uint_eq(unic_trainer_step_count(t), step);
        }
        l = (listener){0};
        io_assert_ok(unic_trainer_step(t, b->batch, NULL, NULL));
        ck_assert_uint_eq(l.calls, all.calls);
        small_batch_free(b);
        assert_same_state(t, whole);
    }
    unic_trainer_free(t);
    unic_trainer_free(whole);
}
END_TEST

START_TEST(evaluations)
{
    double figures[2][64];
    listener l = {0};
    unic_trainer *t = watched_trainer(runs[_i], &l);
    small_batch *b = small_batch_new(SMALL_THREE, SMALL_BATCH, SMALL_LENGTH, 1);
    const size_t bytes = unic_trainer_figure_count(t) * sizeof figures[0][0];
    io_assert_ok(unic_trainer_step(t, b->batch, NULL, NULL));
    unic_trainer *whole;
    io_assert_ok(unic_trainer_save(t, small_path("progress.npz")));
    io_assert_ok(unic_trainer_resume(&whole, small_path("progress.npz"), NULL, NULL));
    l = (listener){0};
    io_assert_ok(unic_trainer_evaluate(t, b->batch, figures[0]));
    io_assert_ok(unic_trainer_evaluate(whole, b->batch, figures[1]));
    ck_assert_mem_eq(figures[0], figures[1], bytes);
    ck_assert(l.last == l.total && l.ordered);
    for (uint64_t stop = 1, calls = l.calls; stop <= calls; stop = next_stop(stop, calls)) {
        l = (listener){.stop_at = stop};
        assert_cancelled(unic_trainer_evaluate(t, b->batch, NULL), "unic_trainer_evaluate: ");
        ck_assert_uint_eq(l.calls, stop);
    }
    l = (listener){0};
    io_assert_ok(unic_trainer_evaluate(t, b->batch, figures[0]));
    io_assert_ok(unic_trainer_evaluate(whole, b->batch, figures[1]));
    ck_assert_mem_eq(figures[0], figures[1], bytes);
    assert_same_state(t, whole);
    small_batch_free(b);
    unic_trainer_free(t);
    unic_trainer_free(whole);
    remove(small_path("progress.npz"));
    remove(small_path("progress.run.npz"));
}
END_TEST

static unic_status predict(const unic_segmenter *s, const segment_data *d, float *logits)
{
    return unic_segmenter_predict(s, d->images, 1, d->codes, 2, logits);
}

START_TEST(segmenters_step_and_predict)
{
    static float logits[2][SEGMENT_CLIPS * SEGMENT_PIXELS];
    segment_data *d = segment_data_new(3, -1);
    listener l = {0};
    unic_segmenter_options o = segment_small;
    o.progress = listen;
    o.progress_user = &l;
    o.batch = 2;
    unic_segmenter *s = segment_new(&o), *whole;
    o.progress = NULL;
    whole = segment_new(&o);
    for (int step = 0; step < 2; step++) {
        double loss[2] = {-1.0, -1.0};
        l = (listener){.stop_at = 1};
        assert_cancelled(segment_step(s, d, &loss[0]), "unic_segmenter_step: step ");
        const uint64_t total = l.total;
        for (uint64_t stop = 1; stop <= total; stop = next_stop(stop, total)) {
            l = (listener){.stop_at = stop};
            assert_cancelled(segment_step(s, d, &loss[0]), "unic_segmenter_step: step ");
            ck_assert(l.calls == stop && l.ordered && loss[0] == -1.0);
        }
        l = (listener){0};
        io_assert_ok(segment_step(s, d, &loss[0]));
        io_assert_ok(segment_step(whole, d, &loss[1]));
        ck_assert(loss[0] == loss[1] && l.last == total && l.calls == total);
    }
    l = (listener){.stop_at = 1};
    assert_cancelled(predict(s, d, logits[0]), "unic_segmenter_predict: clip 0: ");
    for (uint64_t stop = 1, total = l.total; stop <= total; stop = next_stop(stop, total)) {
        l = (listener){.stop_at = stop};
        assert_cancelled(predict(s, d, logits[0]), "unic_segmenter_predict: clip ");
        ck_assert(l.calls == stop && l.ordered);
    }
    l = (listener){0};
    io_assert_ok(predict(s, d, logits[0]));
    io_assert_ok(predict(whole, d, logits[1]));
    ck_assert(l.last == l.total);
    ck_assert_mem_eq(logits[0], logits[1], sizeof logits[0]);
    ck_assert(segment_same_memory(s, whole));
    free(d);
    unic_segmenter_free(s);
    unic_segmenter_free(whole);
}
END_TEST

/* ---- files ---- */

/* Reads the file; gives the handle back at once. */
typedef unic_status reader(const char *path, const unic_open_options *o);

#define READER(kind, ...)                                                                      \
    static unic_status read_##kind(const char *path, const unic_open_options *o)               \
    {                                                                                          \
        unic_##kind *handle = (void *)&handle;                                                 \
        unic_status status = __VA_ARGS__;                                                      \
        ck_assert((status == UNIC_OK) == (handle != NULL));                                    \
        unic_##kind##_free(handle);                                                            \
        return status;                                                                         \
    }
READER(codebook, unic_codebook_load(&handle, path, o))
READER(index, unic_index_load(&handle, path, o))
READER(trainer, unic_trainer_resume(&handle, path, NULL, o))
READER(model, unic_model_open(&handle, path, o))

/* A callback that is told of no more than the bytes there are, and may stop. */
static int hear(const char *what, uint64_t done, uint64_t total, void *user)
{
    listener *l = user;
    ck_assert_str_eq(what, "bytes");
    ck_assert(done >= l->last && done <= total);
    l->last = done;
    return ++l->calls == l->stop_at;
}

static void assert_reads(reader *read, const char *path, int32_t preload, const char *call)
{
    listener all = {0};
    unic_open_options o = {
        .struct_size = sizeof o, .preload = preload, .progress = hear, .progress_user = &all};
    io_assert_ok(read(path, &o));
    ck_assert_msg(all.calls >= 3, "%s: %d calls", call, (int)all.calls);
    for (uint64_t stop = 1; stop <= all.calls; stop++) {
        listener l = {.stop_at = stop};
        o.progress_user = &l;
        assert_cancelled(read(path, &o), call);
        ck_assert_uint_eq(l.calls, stop);
    }
    o.memory_limit = 1000;
    o.progress_user = &all;
    ck_assert_int_eq(read(path, &o), UNIC_E_NOMEM);
}

/* Files of a few MiB. */
START_TEST(files_are_read)
{
    enum { ROWS = 2000, DIM = 512 };
    static float x[ROWS * DIM];
    char path[512];
    unic_array rows;
    unic_index *index;
    unic_codebook *cb;
    const unic_index_options o = {.struct_size = sizeof o, .dim = DIM, .metric = UNIC_INDEX_L2};
    for (size_t i = 0; i < ROWS * DIM; i++)
        x[i] = unic__random_uniform(unic__random_key(8, 0, 0), i);
    unic_array_init(&rows, x, UNIC_F32, 2, (const int64_t[]){ROWS, DIM});
    snprintf(path, sizeof path, "%s", small_path("read.npz"));
    io_assert_ok(unic_index_create(&index, &o));
    io_assert_ok(unic_index_add(index, &rows, NULL));
    io_assert_ok(unic_index_save(index, path));
    assert_reads(read_index, path, 0, "unic_index_load: ");
    io_assert_ok(unic_codebook_create(&cb, ROWS, DIM, 2));
    io_assert_ok(unic_codebook_set(cb, &rows));
    io_assert_ok(unic_codebook_save(cb, path));
    assert_reads(read_codebook, path, 0, "unic_codebook_load: ");
    unic_trainer *t = small_trainer(SMALL_TWO, "encoder.ff = 30000\n");
    io_assert_ok(unic_trainer_save(t, path));
    assert_reads(read_trainer, path, 0, "unic_trainer_resume: ");
    assert_reads(read_model, path, 1, "unic_model_open: ");
    unic_trainer_free(t);
    unic_codebook_free(cb);
    unic_index_free(index);
    remove(path);
    remove(small_path("read.run.npz"));
}
END_TEST

/* What a model reads later is told to nobody: the callback may be gone. */
START_TEST(weights_that_are_read_later)
{
    char path[512];
    listener l = {.stop_at = 1};
    unic_model *model;
    unic_encoder *encoder;
    const unic_open_options o = {
        .struct_size = sizeof o, .progress = hear, .progress_user = &l};
    const unic_encoder_options sizes = {
        .struct_size = sizeof sizes, .max_batch = 1, .max_length = 1};
    snprintf(path, sizeof path, "%s", small_path("later.npz"));
    unic_trainer *t = small_trainer(SMALL_TWO, "encoder.ff = 65536\n");
    io_assert_ok(unic_trainer_save(t, path));
    io_assert_ok(unic_model_open(&model, path, &o));
    io_assert_ok(unic_encoder_create(&encoder, model, "touch", &sizes));
    ck_assert_uint_eq(l.calls, 0);
    unic_encoder_free(encoder);
    unic_model_free(model);
    unic_trainer_free(t);
    remove(path);
    remove(small_path("later.run.npz"));
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("progress");
    tcase_add_test(t, codebooks_start);
    tcase_add_test(t, codebooks_start_in_parts);
    tcase_add_test(t, heads_fit);
    tcase_add_test(t, retrievers_fit);
    tcase_add_test(t, datasets_open);
    tcase_add_loop_test(t, indexes_search, 0, 2);
    tcase_add_loop_test(t, training_steps, 0, sizeof runs / sizeof runs[0]);
    tcase_add_loop_test(t, evaluations, 0, sizeof runs / sizeof runs[0]);
    tcase_add_test(t, segmenters_step_and_predict);
    tcase_add_test(t, files_are_read);
    tcase_add_test(t, weights_that_are_read_later);
    return small_run("api/progress", t);
}
