/* Handles used wrongly: by two threads, from a callback, untrained, in a forked child; and long
 * names of files. Each is a status with a sentence, never a wrong result. */
#include <check.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "array/array_writer.h"
#include "data/dataset.h"
#include "file/io_help.h"
#include "kernel/dnnl_glue.h"
#include "model/encoder.h"
#include "model/small_model.h"
#include "model/stream.h"
#include "task/head.h"
#include "task/index.h"
#include "task/retriever.h"
#include "task/segment_help.h"
#include "train/trainer.h"

enum { B = SMALL_BATCH, T = SMALL_LENGTH };

static unic_encoder *new_encoder(unic_model *model, int32_t threads)
{
    unic_encoder *encoder;
    const unic_encoder_options o = {
        .struct_size = sizeof o, .max_batch = 64, .max_length = T, .threads = threads};
    io_assert_ok(unic_encoder_create(&encoder, model, "audio", &o));
    return encoder;
}

/* ---- a handle that another call holds ---- */

#define REFUSES(call)  io_assert_fails(call, UNIC_E_STATE, " is in use by another call")
#define HOLD(handle)   io_assert_ok(unic__use_alone(&(handle)->use, "test", "handle"))
#define LET_GO(handle) unic__use_end(&(handle)->use)

START_TEST(an_encoder_has_one_call_at_a_time)
{
    unic_model *model = small_model(SMALL_TWO, "", 0);
    unic_encoder *encoder = new_encoder(model, 0);
    small_batch *b = small_batch_new(SMALL_TWO, B, T, 1);
    int32_t codes[B * T];
    HOLD(encoder);
    REFUSES(unic_encoder_encode(encoder, &b->array[0], NULL, codes, NULL, NULL));
    ck_assert_ptr_nonnull(strstr(unic_last_error(), "unic_encoder_encode: encoder is in use"));
    REFUSES(unic_encoder_encode_batch(encoder, b->batch, codes, NULL, NULL));
    LET_GO(encoder);
    io_assert_ok(unic_encoder_encode(encoder, &b->array[0], NULL, codes, NULL, NULL));
    unic_encoder_free(encoder);
    unic_model_free(model);
    small_batch_free(b);
}
END_TEST

START_TEST(a_stream_has_one_call_at_a_time_and_so_has_its_encoder)
{
    unic_model *model = small_model(SMALL_TWO, "", 0);
    unic_encoder *encoder = new_encoder(model, 0);
    small_batch *b = small_batch_new(SMALL_TWO, 1, T, 1);
    const unic_stream_options o = {.struct_size = sizeof o, .window = 2};
    unic_stream *stream;
    unic_array steps;
    int32_t codes[2];
    size_t count;
    unic_array_init(&steps, b->x[0], UNIC_F32, 2, (const int64_t[]){2, (int64_t)b->step[0]});
    io_assert_ok(unic_stream_create(&stream, encoder, &o));
    HOLD(stream);
    REFUSES(unic_stream_push(stream, &steps));
    REFUSES(unic_stream_finish(stream));
    REFUSES(unic_stream_pull(&count, NULL, stream, 2, codes, NULL, NULL));
    REFUSES(unic_stream_reset(stream));
    LET_GO(stream);
    HOLD(encoder);
    io_assert_ok(unic_stream_push(stream, &steps)); /* computes nothing */
    REFUSES(unic_stream_pull(&count, NULL, stream, 2, codes, NULL, NULL));
    ck_assert_ptr_nonnull(
        strstr(unic_last_error(), "unic_stream_pull: the stream's encoder is"));
    ck_assert_uint_eq(count, 0);
    LET_GO(encoder);
    io_assert_ok(unic_stream_pull(&count, NULL, stream, 2, codes, NULL, NULL));
    ck_assert_uint_eq(count, 2);
    unic_stream_free(stream);
    unic_encoder_free(encoder);
    unic_model_free(model);
    small_batch_free(b);
}
END_TEST

START_TEST(a_trainer_has_one_call_at_a_time)
{
    unic_trainer *t = small_trainer(SMALL_TWO, "");
    small_batch *b = small_batch_new(SMALL_TWO, B, T, 1);
    unic_model *model;
    HOLD(t);
    REFUSES(unic_trainer_step(t, b->batch, NULL, NULL));
    REFUSES(unic_trainer_evaluate(t, b->batch, NULL));
    REFUSES(unic_trainer_set_total_step_count(t, 7));
    REFUSES(unic_trainer_save(t, small_path("held.npz")));
    REFUSES(unic_trainer_model(&model, t));
    LET_GO(t);
    ck_assert_uint_eq(unic_trainer_step_count(t), 0);
    ck_assert_uint_eq(unic_trainer_total_step_count(t), 0);
    io_assert_ok(unic_trainer_step(t, b->batch, NULL, NULL));
    unic_trainer_free(t);
    small_batch_free(b);
}
END_TEST

START_TEST(an_npz_writer_has_one_call_at_a_time)
{
    unic_npz_writer *w;
    io_assert_ok(unic_npz_writer_create(&w, small_path("held.npz")));
    HOLD(w);
    REFUSES(unic_npz_writer_add_text(w, "a", "text"));
    REFUSES(unic_npz_writer_begin(w, "b", UNIC_F32, 1, (const int64_t[]){1}));
    REFUSES(unic_npz_writer_finish(w));
    LET_GO(w);
    io_assert_ok(unic_npz_writer_add_text(w, "a", "text")); /* nothing was noted against it */
    io_assert_ok(unic_npz_writer_finish(w));
    unic_npz_writer_free(w);
}
END_TEST

START_TEST(a_codebook_and_an_index_change_alone)
{
    unic_codebook *cb = segment_codebook(1), *copy;
    unic_index *index;
    const size_t dim = unic_codebook_dim(cb);
    const unic_index_options o = {.struct_size = sizeof o, .dim = dim, .metric = UNIC_INDEX_L2};
    int32_t codes[64];
    int64_t ids[1];
    float scores[1];
    unic_array rows;
    unic_array_init(&rows, unic_codebook_embedding(cb), UNIC_F32, 2,
                    (const int64_t[]){1, (int64_t)dim});
    io_assert_ok(unic_index_create(&index, &o));
    io_assert_ok(unic_index_add(index, &rows, NULL));
    HOLD(cb);
    HOLD(index);
    io_assert_fails(unic_codebook_assign(cb, &rows, codes), UNIC_E_STATE, "is being changed");
    io_assert_fails(unic_codebook_copy(&copy, cb), UNIC_E_STATE, "is being changed");
    REFUSES(unic_codebook_init(cb, &rows, NULL));
    const unic_head_options ho = {
        .struct_size = sizeof ho, .kind = UNIC_HEAD_STEP, .class_count = 2};
    const unic_retriever_options ro = {.struct_size = sizeof ro, .item_dim = 3};
    unic_head *head;
    unic_retriever *retriever;
    unic_segmenter *segmenter;
    io_assert_fails(unic_head_create(&head, cb, &ho), UNIC_E_STATE, "is being changed");
    io_assert_fails(unic_retriever_create(&retriever, cb, &ro), UNIC_E_STATE,
                    "is being changed");
    io_assert_fails(unic_segmenter_create(&segmenter, cb, &segment_small), UNIC_E_STATE,
                    "is being changed");
    io_assert_fails(unic_index_search(index, &rows, 1, NULL, ids, scores), UNIC_E_STATE,
                    "is being changed");
    REFUSES(unic_index_add(index, &rows, NULL));
    LET_GO(cb);
    LET_GO(index);
    io_assert_ok(unic__use_shared(&cb->use, "test", "handle"));
    io_assert_ok(unic__use_shared(&index->use, "test", "handle"));
    io_assert_ok(unic_codebook_assign(cb, &rows, codes));
    io_assert_ok(unic_index_search(index, &rows, 1, NULL, ids, scores));
    REFUSES(unic_codebook_revive(NULL, cb, UNIC_RESET_ANY, 1, 1, &rows, 1));
    REFUSES(unic_index_reserve(index, 7));
    LET_GO(cb);
    LET_GO(index);
    io_assert_ok(unic_index_add(index, &rows, (const int64_t[]){5}));
    unic_index_free(index);
    unic_codebook_free(cb);
}
END_TEST

static unic_head *new_head(unic_progress_fn progress, void *user)
{
    unic_head *head;
    unic_codebook *cb = segment_codebook(1);
    const unic_head_options o = {.struct_size = sizeof o,
                                 .kind = UNIC_HEAD_STEP,
                                 .class_count = 2,
                                 .epochs = 1,
                                 .progress = progress,
                                 .progress_user = user};
    io_assert_ok(unic_head_create(&head, cb, &o));
    unic_codebook_free(cb);
    return head;
}

static const int32_t two_codes[] = {0, 1}, two_labels[] = {1, 0};

START_TEST(a_head_is_read_by_many_and_fitted_by_one)
{
    float logits[4];
    unic_head *head = new_head(NULL, NULL);
    io_assert_ok(unic_head_fit(NULL, head, two_codes, 1, 2, two_labels));
    HOLD(head);
    REFUSES(unic_head_fit(NULL, head, two_codes, 1, 2, two_labels));
    io_assert_fails(unic_head_predict(head, two_codes, 1, 2, logits), UNIC_E_STATE,
                    "head is being changed by another call");
    io_assert_fails(unic_head_save(head, small_path("head.npz")), UNIC_E_STATE,
                    "head is being changed by another call");
    LET_GO(head);
    io_assert_ok(unic__use_shared(&head->use, "test", "handle"));
    io_assert_ok(unic_head_predict(head, two_codes, 1, 2, logits));
    io_assert_fails(unic_head_fit(NULL, head, two_codes, 1, 2, two_labels), UNIC_E_STATE,
                    "it may not change while others read it");
    LET_GO(head);
    io_assert_ok(unic_head_fit(NULL, head, two_codes, 1, 2, two_labels));
    unic_head_free(head);
}
END_TEST

static int uses_its_head(const char *what, uint64_t done, uint64_t total, void *user)
{
    float logits[4];
    (void)what, (void)done, (void)total;
    unic_head *head = *(unic_head **)user;
    io_assert_fails(unic_head_predict(head, two_codes, 1, 2, logits), UNIC_E_STATE,
                    "the one that called this callback");
    return 0;
}

START_TEST(a_callback_must_not_use_the_handle_that_calls_it)
{
    unic_head *head;
    head = new_head(uses_its_head, &head);
    io_assert_ok(unic_head_fit(NULL, head, two_codes, 1, 2, two_labels));
    unic_head_free(head);
}
END_TEST

/* ---- many threads on one encoder: a right result or a status, never another result ---- */

enum { THREADS = 4, CALLS = 300, CLIPS = 64 };

typedef struct job {
    unic_encoder *encoder;
    const unic_array *features;
    const int32_t *expected;
    int right, refused, wrong;
} job;

static void *encode_often(void *arg)
{
    job *j = arg;
    for (int i = 0; i < CALLS; i++) {
        int32_t codes[CLIPS * T];
        unic_status s = unic_encoder_encode(j->encoder, j->features, NULL, codes, NULL, NULL);
        if (s == UNIC_E_STATE)
            j->refused++;
        else if (s == UNIC_OK && memcmp(codes, j->expected, sizeof codes) == 0)
            j->right++;
        else
            j->wrong++;
    }
    return NULL;
}

START_TEST(threads_on_one_encoder_never_get_wrong_codes)
{
    unic_model *model = small_model(SMALL_TWO, "", 2);
    unic_encoder *encoder = new_encoder(model, 0);
    small_batch *b = small_batch_new(SMALL_TWO, CLIPS, T, 1);
    int32_t expected[CLIPS * T];
    pthread_t thread[THREADS];
    job jobs[THREADS];
    int right = 0, refused = 0;
    io_assert_ok(unic_encoder_encode(encoder, &b->array[0], NULL, expected, NULL, NULL));
    for (int i = 0; i < THREADS; i++) {
        jobs[i] = (job){encoder, &b->array[0], expected, 0, 0, 0};
        ck_assert_int_eq(pthread_create(&thread[i], NULL, encode_often, &jobs[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(thread[i], NULL);
        ck_assert_int_eq(jobs[i].wrong, 0);
        right += jobs[i].right;
        refused += jobs[i].refused;
    }
    ck_assert_int_gt(right, 0);
    ck_assert_int_eq(right + refused, THREADS * CALLS);
    unic_encoder_free(encoder);
    unic_model_free(model);
    small_batch_free(b);
}
END_TEST

/* ---- untrained handles ---- */

START_TEST(an_untrained_head_predicts_nothing)
{
    float logits[4];
    unic_head *head = new_head(NULL, NULL), *again;
    io_assert_fails(unic_head_predict(head, two_codes, 1, 2, logits), UNIC_E_STATE,
                    "the head is untrained; call unic_head_fit() before");
    io_assert_fails(unic_head_save(head, small_path("untrained.npz")), UNIC_E_STATE,
                    "untrained");
    ck_assert_int_ne(access(small_path("untrained.npz"), F_OK), 0);
    io_assert_ok(unic_head_fit(NULL, head, two_codes, 1, 2, two_labels));
    io_assert_ok(unic_head_predict(head, two_codes, 1, 2, logits));
    io_assert_ok(unic_head_save(head, small_path("trained.npz")));
    io_assert_ok(unic_head_load(&again, small_path("trained.npz"), NULL));
    io_assert_ok(unic_head_predict(again, two_codes, 1, 2, logits));
    unic_head_free(again);
    unic_head_free(head);
}
END_TEST

START_TEST(an_untrained_retriever_finds_nothing)
{
    unic_retriever *r;
    unic_codebook *cb = segment_codebook(1);
    const unic_retriever_options o = {.struct_size = sizeof o, .item_dim = 3, .epochs = 1};
    float x[6] = {1, 2, 3, 3, 2, 1}, out[2 * 4096];
    unic_array items;
    unic_array_init(&items, x, UNIC_F32, 2, (const int64_t[]){2, 3});
    io_assert_ok(unic_retriever_create(&r, cb, &o));
    io_assert_fails(unic_retriever_queries(r, two_codes, 2, 1, out), UNIC_E_STATE,
                    "the retriever is untrained; call unic_retriever_fit() before");
    io_assert_fails(unic_retriever_items(r, &items, out), UNIC_E_STATE, "untrained");
    io_assert_fails(unic_retriever_save(r, small_path("untrained.npz")), UNIC_E_STATE,
                    "untrained");
    io_assert_ok(unic_retriever_fit(NULL, r, two_codes, 2, 1, &items));
    io_assert_ok(unic_retriever_queries(r, two_codes, 2, 1, out));
    unic_retriever_free(r);
    unic_codebook_free(cb);
}
END_TEST

/* ---- forked children ---- */

/* A build that counts what runs loses the counts of a child that does not exit, but for this. */
void __gcov_dump(void) __attribute__((weak));

/* Runs `f` in a child, which has twenty seconds; its result. */
static int in_child(int (*f)(void *), void *arg)
{
    int status;
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        alarm(20);
        int result = f(arg);
        if (__gcov_dump)
            __gcov_dump();
        _exit(result);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status), "the child ended by signal %d", WTERMSIG(status));
    return WEXITSTATUS(status);
}

typedef struct forked {
    unic_encoder *encoder;
    const unic_array *features;
    const int32_t *expected;
} forked;

enum { SAME = 10, OTHER = 11, FAILED = 12 };

static int encode_in_child(void *arg)
{
    const forked *f = arg;
    int32_t codes[CLIPS * T];
    unic_status s = unic_encoder_encode(f->encoder, f->features, NULL, codes, NULL, NULL);
    if (s != UNIC_OK)
        return FAILED;
    return memcmp(codes, f->expected, sizeof codes) ? OTHER : SAME;
}

static int fork_with(const char *more, int threads)
{
    unic_model *model = small_model(SMALL_TWO, more, 2);
    unic_encoder *encoder = new_encoder(model, threads);
    small_batch *b = small_batch_new(SMALL_TWO, CLIPS, T, 1);
    int32_t expected[CLIPS * T];
    io_assert_ok(unic_encoder_encode(encoder, &b->array[0], NULL, expected, NULL, NULL));
    const forked f = {encoder, &b->array[0], expected};
    int result = in_child(encode_in_child, (void *)(uintptr_t)&f);
    unic_encoder_free(encoder);
    unic_model_free(model);
    small_batch_free(b);
    return result;
}

START_TEST(a_forked_child_computes_the_same)
{
    const char *larger = "code.dim = 64\ncode.count = 300\nencoder.ff = 128\n";
    ck_assert_int_eq(fork_with(larger, 1), SAME);
    ck_assert_int_eq(fork_with(larger, 2), SAME); /* its one thread does the parts of both */
    if (unic__dnnl_available()) {
        ck_assert_int_eq(fork_with("kernel.backend = onednn\n", 1), SAME);
        ck_assert_int_eq(fork_with("kernel.backend = onednn\n", 2), SAME);
    }
}
END_TEST

/* ---- long names ---- */

START_TEST(a_name_of_255_bytes_saves)
{
    char name[256], path[PATH_MAX];
    unic_trainer *t = small_trainer(SMALL_TWO, "");
    unic_model *model;
    memset(name, 'n', 255);
    name[255] = '\0';
    snprintf(path, sizeof path, "%s", small_path("long"));
    (void)mkdir(path, 0777);
    snprintf(path + strlen(path), sizeof path - strlen(path), "/%s", name);
    unic_npz_writer *w;
    io_assert_ok(unic_npz_writer_create(&w, path));
    io_assert_ok(unic_npz_writer_add_text(w, "a", "text"));
    io_assert_ok(unic_npz_writer_finish(w));
    unic_npz_writer_free(w);
    ck_assert_int_eq(access(path, F_OK), 0);
    ck_assert(!io_has_leftovers(path));
    /* The run's file is named after the model's and has four bytes more. */
    memcpy(path + strlen(path) - 4, ".npz", 4);
    io_assert_fails(unic_trainer_save(t, path), UNIC_E_IO, "File name too long");
    ck_assert_int_ne(access(path, F_OK), 0);
    io_assert_ok(unic_trainer_model(&model, t));
    unic_model_free(model);
    unic_trainer_free(t);
}
END_TEST

START_TEST(the_reason_survives_a_long_path)
{
    char path[4000];
    unic_model *model;
    memset(path, 'p', sizeof path);
    for (size_t i = 100; i < sizeof path; i += 200)
        path[i] = '/';
    memcpy(path, "/no\xC3\xA4", 5);
    path[sizeof path - 1] = '\0';
    io_assert_fails(unic_model_open(&model, path, NULL), UNIC_E_NOTFOUND,
                    "unic_model_open: /no");
    ck_assert_ptr_nonnull(strstr(unic_last_error(), " ... "));
    ck_assert_ptr_nonnull(strstr(unic_last_error(), "No such file or directory"));
    ck_assert_uint_lt(strlen(unic_last_error()), 1024);
    path[300] = '\0'; /* short enough to be shown whole */
    io_assert_fails(unic_model_open(&model, path, NULL), UNIC_E_NOTFOUND, path);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("misuse");
    tcase_add_test(tc, an_encoder_has_one_call_at_a_time);
    tcase_add_test(tc, a_stream_has_one_call_at_a_time_and_so_has_its_encoder);
    tcase_add_test(tc, a_trainer_has_one_call_at_a_time);
    tcase_add_test(tc, an_npz_writer_has_one_call_at_a_time);
    tcase_add_test(tc, a_codebook_and_an_index_change_alone);
    tcase_add_test(tc, a_head_is_read_by_many_and_fitted_by_one);
    tcase_add_test(tc, a_callback_must_not_use_the_handle_that_calls_it);
    tcase_add_test(tc, threads_on_one_encoder_never_get_wrong_codes);
    tcase_add_test(tc, an_untrained_head_predicts_nothing);
    tcase_add_test(tc, an_untrained_retriever_finds_nothing);
    tcase_add_test(tc, a_forked_child_computes_the_same);
    tcase_add_test(tc, a_name_of_255_bytes_saves);
    tcase_add_test(tc, the_reason_survives_a_long_path);
    return small_run("api/misuse", tc);
}
