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
    ck_assert_str_eq(all.what, "iterations");
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

int main(void)
{
    TCase *t = tcase_create("progress");
    tcase_add_test(t, codebooks_start);
    tcase_add_test(t, heads_fit);
    tcase_add_test(t, retrievers_fit);
    tcase_add_test(t, datasets_open);
    return small_run("api/progress", t);
}
