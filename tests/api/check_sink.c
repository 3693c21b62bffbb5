/* unic_io.h: what is written to a caller's sink is what is written to a file; and sinks that fail. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/io_kinds.h"
#include "file/io_help.h"
#include "model/codebook.h"
#include "model/small_model.h"
#include "task/head_help.h"

/* What a file of this kind holds, and a handle of it. */
static unsigned char *whole_of(const io_kind *kind, size_t *size, void **handle)
{
    char name[64];
    snprintf(name, sizeof name, "sink_%s.npz", kind->name);
    const char *path = small_path(name);
    kind->write(path);
    io_assert_ok(kind->load(handle, path));
    unsigned char *whole = io_read(path, size);
    remove(path);
    return whole;
}

START_TEST(every_kind_is_written_to_memory)
{
    const io_kind *kind = &io_kinds[_i];
    size_t size;
    void *handle, *again;
    unsigned char *whole = whole_of(kind, &size, &handle);
    unic_buffer *buffer;
    unic_sink sink;
    unic_source source;
    io_assert_ok(unic_buffer_create(&buffer));
    unic_buffer_sink(&sink, buffer);
    for (size_t i = 0; i < 2; i++) { /* the second time in the place of the first */
        io_assert_ok(kind->save_sink(handle, &sink));
        ck_assert_uint_eq(unic_buffer_byte_count(buffer), size);
        ck_assert(memcmp(unic_buffer_data(buffer), whole, size) == 0);
    }
    unic_source_memory(&source, unic_buffer_data(buffer), size, NULL);
    io_assert_ok(kind->load_source(&again, &source));
    kind->release(handle);
    io_taken taken = {.data = NULL};
    sink = io_sink(&taken, NULL);
    io_assert_ok(kind->save_sink(again, &sink));
    ck_assert(taken.size == size && memcmp(taken.data, whole, size) == 0);
    ck_assert(taken.finished == 1 && taken.abandoned == 0);
    sink.finish = NULL;
    sink.abandon = NULL;
    taken = (io_taken){.data = taken.data};
    io_assert_ok(kind->save_sink(again, &sink));
    ck_assert(taken.size == size && taken.finished == 0);
    kind->release(again);
    unic_buffer_free(buffer);
    free(taken.data);
    free(whole);
}
END_TEST

START_TEST(a_failing_sink_is_a_status)
{
    static const struct {
        int returns;
        unic_status status;
    } wrong[] = {{UNIC_E_CANCELLED, UNIC_E_CANCELLED}, {-1, UNIC_E_IO}, {1000, UNIC_E_IO}};
    const io_kind *kind = &io_kinds[_i];
    size_t size;
    void *handle;
    char says[64];
    unsigned char *whole = whole_of(kind, &size, &handle);
    io_taken taken = {.data = NULL};
    unic_sink sink = io_sink(&taken, "vault/9");
    io_assert_ok(kind->save_sink(handle, &sink));
    const size_t writes = taken.writes;
    ck_assert_uint_ge(writes, 5);
    for (size_t i = 0; i < 3; i++) {
        taken.returns = wrong[i].returns;
        for (taken.fails_at = 1; taken.fails_at <= writes; taken.fails_at++) {
            sink = io_sink(&taken, "vault/9");
            snprintf(says, sizeof says, "write() returned %d", wrong[i].returns);
            io_assert_fails(kind->save_sink(handle, &sink), wrong[i].status, says);
            ck_assert_ptr_nonnull(strstr(unic_last_error(), "vault/9: "));
            ck_assert(taken.writes == taken.fails_at && taken.abandoned == 1 &&
                      !taken.finished);
        }
        taken.fails_at = 0;
        taken.finish_fails = true;
        sink = io_sink(&taken, "vault/9");
        snprintf(says, sizeof says, "vault/9: not written: finish() returned %d",
                 wrong[i].returns);
        io_assert_fails(kind->save_sink(handle, &sink), wrong[i].status, says);
        ck_assert(taken.abandoned == 1 && !taken.finished);
        taken.finish_fails = false;
        sink = io_sink(&taken, "vault/9"); /* and the handle is as it was */
        io_assert_ok(kind->save_sink(handle, &sink));
        ck_assert(taken.size == size && memcmp(taken.data, whole, size) == 0);
    }
    kind->release(handle);
    free(taken.data);
    free(whole);
}
END_TEST

START_TEST(a_wrong_sink_is_not_called)
{
    const io_kind *kind = &io_kinds[_i];
    size_t size;
    void *handle;
    unsigned char *whole = whole_of(kind, &size, &handle);
    io_taken taken = {.data = NULL};
    const unic_sink sink = io_sink(&taken, NULL);
    unic_sink wrong = sink;
    io_assert_fails(kind->save_sink(handle, NULL), UNIC_E_ARG, "sink is NULL");
    wrong.write = NULL;
    io_assert_fails(kind->save_sink(handle, &wrong), UNIC_E_ARG, "sink has no write()");
    wrong = sink, wrong.struct_size = 1;
    io_assert_fails(kind->save_sink(handle, &wrong), UNIC_E_ARG, "struct_size 1");
    wrong = sink, wrong.reserved[3] = &wrong;
    io_assert_fails(kind->save_sink(handle, &wrong), UNIC_E_ARG, "reserved[3]");
    io_assert_fails(kind->save_sink(NULL, &sink), UNIC_E_ARG, "is NULL");
    ck_assert(taken.writes == 0 && taken.abandoned == 0);
    kind->release(handle);
    free(whole);
}
END_TEST

START_TEST(what_cannot_be_saved_calls_nothing)
{
    io_taken taken = {.data = NULL};
    const unic_sink sink = io_sink(&taken, NULL);
    unic_codebook *cb = head_codebook(1);
    unic_head *head;
    const unic_head_options o = {
        .struct_size = sizeof o, .kind = UNIC_HEAD_CLIP, .class_count = 2};
    io_assert_ok(unic_head_create(&head, cb, &o));
    io_assert_fails(unic_head_save_sink(head, &sink), UNIC_E_STATE, "unic_head_save_sink");
    unic_head_free(head);
    cb->sum[3] = NAN;
    io_assert_fails(unic_codebook_save_sink(cb, &sink), UNIC_E_NUMERIC,
                    "unic_codebook_save_sink: sink: not written: codebook.ema_sum");
    unic_codebook_free(cb);
    ck_assert(taken.writes == 0 && taken.abandoned == 0);
}
END_TEST

START_TEST(a_buffer_is_whole_or_empty)
{
    unic_buffer *buffer;
    unic_sink sink;
    unic_codebook *cb = head_codebook(1);
    io_assert_fails(unic_buffer_create(NULL), UNIC_E_ARG, "out is NULL");
    io_assert_ok(unic_buffer_create(&buffer));
    ck_assert(unic_buffer_data(buffer) == NULL && unic_buffer_byte_count(buffer) == 0);
    unic_buffer_sink(&sink, buffer);
    io_assert_ok(unic_codebook_save_sink(cb, &sink));
    ck_assert(unic_buffer_data(buffer) != NULL && unic_buffer_byte_count(buffer) > 1000);
    ck_assert_int_eq(sink.write("abc", 3, sink.user), 0); /* a save that is under way */
    ck_assert(unic_buffer_data(buffer) == NULL && unic_buffer_byte_count(buffer) == 0);
    sink.abandon(sink.user);
    ck_assert_int_eq(sink.write("ab", 2, sink.user), 0);
    ck_assert_int_eq(sink.write("c", 1, sink.user), 0);
    ck_assert_int_eq(sink.finish(sink.user), 0);
    ck_assert(unic_buffer_byte_count(buffer) == 3);
    ck_assert(memcmp(unic_buffer_data(buffer), "abc", 3) == 0);
    ck_assert(unic_buffer_data(NULL) == NULL && unic_buffer_byte_count(NULL) == 0);
    unic_buffer_sink(NULL, buffer);
    unic_buffer_sink(&sink, NULL);
    io_assert_fails(unic_codebook_save_sink(cb, &sink), UNIC_E_ARG, "sink has no write()");
    unic_buffer_free(buffer);
    unic_buffer_free(NULL);
    unic_codebook_free(cb);
}
END_TEST

/* Numbers of 16 bits are made in pieces. */
START_TEST(converted_models_are_written_alike)
{
    static const char *const types[] = {"f16", "bf16", "f32"};
    unic_model *model = small_model(SMALL_THREE, "", 1), *other;
    for (size_t i = 0; i < 3; i++) {
        size_t size;
        io_taken taken = {.data = NULL};
        const unic_sink sink = io_sink(&taken, NULL);
        const char *path = small_path("converted.npz");
        io_assert_ok(unic_model_convert(&other, model, types[i]));
        io_assert_ok(unic_model_save(other, path));
        io_assert_ok(unic_model_save_sink(other, &sink));
        unsigned char *whole = io_read(path, &size);
        ck_assert(taken.size == size && memcmp(taken.data, whole, size) == 0);
        free(whole);
        free(taken.data);
        unic_model_free(other);
        remove(path);
    }
    unic_model_free(model);
}
END_TEST

START_TEST(a_run_is_written_and_goes_on)
{
    char model[512], run[512];
    size_t size;
    unic_trainer *t = small_trainer(SMALL_TWO, ""), *u;
    small_batch *batch = small_batch_new(SMALL_TWO, 3, 4, 1);
    strcpy(model, small_path("sink.npz"));
    strcpy(run, small_path("sink.run.npz"));
    io_assert_ok(unic_trainer_step(t, batch->batch, NULL, NULL));
    io_assert_ok(unic_trainer_save(t, model));
    unsigned char *whole = io_read(run, &size);
    io_taken taken = {.data = NULL};
    const unic_sink sink = io_sink(&taken, NULL);
    io_assert_ok(unic_trainer_save_sink(t, &sink));
    ck_assert(taken.size == size && memcmp(taken.data, whole, size) == 0);
    io_bytes bytes = {.data = taken.data, .size = size};
    unic_source source = io_source(&bytes, "run");
    io_assert_ok(unic_trainer_resume_source(&u, &source, NULL, NULL));
    ck_assert_uint_eq(bytes.closed, 1);
    io_assert_ok(unic_trainer_step(t, batch->batch, NULL, NULL));
    io_assert_ok(unic_trainer_step(u, batch->batch, NULL, NULL));
    small_state a = small_state_of(t), b = small_state_of(u);
    ck_assert(small_states_equal(&a, &b));
    unic_trainer_free(u);
    source = io_source(&bytes, "run");
    const unic_trainer_options o = {.struct_size = sizeof o, .threads = -1};
    io_assert_fails(unic_trainer_resume_source(&u, &source, &o, NULL), UNIC_E_ARG,
                    "unic_trainer_resume_source: options->threads = -1");
    ck_assert(u == NULL && bytes.closed == 1);
    io_assert_fails(unic_trainer_save_sink(t, NULL), UNIC_E_ARG, "sink is NULL");
    small_batch_free(batch);
    unic_trainer_free(t);
    free(whole);
    free(taken.data);
    remove(model);
    remove(run);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("sink");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, every_kind_is_written_to_memory, 0, IO_KINDS);
    tcase_add_loop_test(t, a_failing_sink_is_a_status, 0, IO_KINDS);
    tcase_add_loop_test(t, a_wrong_sink_is_not_called, 0, IO_KINDS);
    tcase_add_test(t, what_cannot_be_saved_calls_nothing);
    tcase_add_test(t, a_buffer_is_whole_or_empty);
    tcase_add_test(t, converted_models_are_written_alike);
    tcase_add_test(t, a_run_is_written_and_goes_on);
    return small_run("api/sink", t);
}
