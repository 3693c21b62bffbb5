/* unic_io.h: what is read from a caller's source is what is read from a file; and sources that
 * fail, lie or change, and files that change under a model. */
#define _GNU_SOURCE /* futimens */
#include <check.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/io_kinds.h"
#include "file/io_help.h"
#include "model/small_model.h"

/* A file of the kind; the text lasts for a few calls. */
static const char *file_of(const io_kind *kind)
{
    char name[64];
    snprintf(name, sizeof name, "source_%s.npz", kind->name);
    const char *path = small_path(name);
    kind->write(path);
    return path;
}

static void assert_saves(const io_kind *kind, void *handle, const char *path)
{
    char again[600];
    snprintf(again, sizeof again, "%s.again.npz", path);
    io_assert_ok(kind->save(handle, again));
    ck_assert(small_same_files(path, again));
    remove(again);
}

/* ---- every kind ---- */

START_TEST(every_kind_is_read_from_memory)
{
    const io_kind *kind = &io_kinds[_i];
    char path[512];
    void *handle;
    snprintf(path, sizeof path, "%s", file_of(kind));
    static const size_t most[] = {0, 1, 7, 4096};
    io_bytes bytes = io_bytes_of(path);
    for (size_t i = 0; i < 4; i++) {
        bytes.most = most[i];
        const unic_source source = io_source(&bytes, "in memory");
        io_assert_ok(kind->load_source(&handle, &source));
        assert_saves(kind, handle, path);
        kind->release(handle);
        ck_assert_uint_eq(bytes.closed, 1);
    }
    free(bytes.data);
    remove(path);
}
END_TEST

static void assert_fails_once(const io_kind *kind, io_bytes *bytes, unic_status status,
                              const char *says)
{
    void *handle = NULL;
    const unic_source source = io_source(bytes, "vault/7");
    io_assert_fails(kind->load_source(&handle, &source), status, says);
    ck_assert_msg(strstr(unic_last_error(), "vault/7: ") != NULL, "%s", unic_last_error());
    ck_assert(handle == NULL && bytes->closed == 1);
}

START_TEST(a_failing_source_is_a_status)
{
    static const struct {
        int64_t returns;
        unic_status status;
        const char *says;
    } wrong[] = {
        {-UNIC_E_IO, UNIC_E_IO, "read_at() returned -5"},
        {-UNIC_E_CANCELLED, UNIC_E_CANCELLED, "read_at() returned -13"},
        {-1000, UNIC_E_IO, "read_at() returned -1000"},
        {INT64_MIN, UNIC_E_IO, "read_at() returned -9223372036854775808"},
        {INT64_MAX, UNIC_E_IO, "read_at() returned "}, /* one byte more than asked for */
        {0, UNIC_E_IO, "has changed since it was opened"},
    };
    const io_kind *kind = &io_kinds[_i];
    io_bytes bytes = io_bytes_of(file_of(kind));
    void *handle;
    unic_source source = io_source(&bytes, "vault/7");
    io_assert_ok(kind->load_source(&handle, &source));
    kind->release(handle);
    const size_t reads = bytes.reads;
    ck_assert_uint_ge(reads, 5);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        for (bytes.fails_at = 1; bytes.fails_at < 4; bytes.fails_at++) {
            bytes.returns = wrong[i].returns;
            assert_fails_once(kind, &bytes, wrong[i].status, wrong[i].says);
        }
    bytes.fails_at = 0;
    free(bytes.data);
}
END_TEST

START_TEST(damaged_bytes_name_the_source)
{
    const io_kind *kind = &io_kinds[_i];
    io_bytes bytes = io_bytes_of(file_of(kind));
    const size_t size = bytes.size;
    static const size_t sizes[] = {0, 1, 21, 100};
    for (size_t i = 0; i < 4; i++) {
        bytes.size = sizes[i];
        assert_fails_once(kind, &bytes, UNIC_E_FORMAT, "zip file");
    }
    bytes.size = size;
    for (size_t i = 0; i < size; i++)
        bytes.data[i] = (unsigned char)~bytes.data[i];
    assert_fails_once(kind, &bytes, UNIC_E_FORMAT, "");
    free(bytes.data);
}
END_TEST

START_TEST(what_is_refused_is_not_closed)
{
    const io_kind *kind = &io_kinds[_i];
    io_bytes bytes = io_bytes_of(file_of(kind));
    void *handle;
    unic_source source = io_source(&bytes, NULL), wrong;
    io_assert_fails(kind->load_source(&handle, NULL), UNIC_E_ARG, "source is NULL");
    wrong = source, wrong.read_at = NULL;
    io_assert_fails(kind->load_source(&handle, &wrong), UNIC_E_ARG, "source has no read_at()");
    wrong = source, wrong.size = -1;
    io_assert_fails(kind->load_source(&handle, &wrong), UNIC_E_ARG, "source has the size -1");
    wrong = source, wrong.struct_size = 3;
    io_assert_fails(kind->load_source(&handle, &wrong), UNIC_E_ARG, "struct_size 3");
    wrong = source, wrong.reserved[1] = &wrong;
    io_assert_fails(kind->load_source(&handle, &wrong), UNIC_E_ARG, "reserved");
    ck_assert(handle == NULL && bytes.closed == 0 && bytes.reads == 0);
    source.close = NULL; /* and nobody needs to be told */
    io_assert_ok(kind->load_source(&handle, &source));
    kind->release(handle);
    free(bytes.data);
}
END_TEST

START_TEST(what_else_is_wrong_closes_the_source)
{
    io_bytes bytes = io_bytes_of(file_of(&io_kinds[0]));
    unic_model *model;
    unic_head *head;
    unic_open_options o = {.struct_size = sizeof o, .memory_limit = 10};
    unic_source source = io_source(&bytes, "a/b.npz");
    io_assert_fails(unic_model_open_source(NULL, &source, NULL), UNIC_E_ARG, "out is NULL");
    ck_assert_uint_eq(bytes.closed, 1);
    source = io_source(&bytes, "a/b.npz");
    io_assert_fails(unic_model_open_source(&model, &source, &o), UNIC_E_NOMEM,
                    "b.npz asks for");
    ck_assert_uint_eq(bytes.closed, 1);
    source = io_source(&bytes, "a/b.npz");
    o.preload = 2;
    io_assert_fails(unic_head_load_source(&head, &source, &o), UNIC_E_ARG,
                    "options->preload = 2 is not 0 or 1");
    ck_assert_uint_eq(bytes.closed, 1);
    source = io_source(&bytes, "a/b.npz");
    io_assert_fails(unic_model_import_source(&model, &source, "encoder.heads = 2", NULL),
                    UNIC_E_ARG, "a/b.npz has its own");
    ck_assert_uint_eq(bytes.closed, 1);
    free(bytes.data);
}
END_TEST

/* ---- memory ---- */

START_TEST(memory_is_a_source)
{
    size_t size;
    unic_source source;
    unic_codebook *cb;
    char path[512];
    snprintf(path, sizeof path, "%s", file_of(&io_kinds[1]));
    unsigned char *data = io_read(path, &size);
    unic_source_memory(&source, data, size, NULL);
    io_assert_ok(unic_codebook_load_source(&cb, &source, NULL));
    assert_saves(&io_kinds[1], cb, path);
    unic_codebook_free(cb);
    unic_source_memory(&source, data, size - 1, "resource 5");
    io_assert_fails(unic_codebook_load_source(&cb, &source, NULL), UNIC_E_FORMAT,
                    "unic_codebook_load_source: resource 5: ");
    source.close = free; /* is given `data` */
    io_assert_fails(unic_codebook_load_source(&cb, &source, NULL), UNIC_E_FORMAT, "");
    unic_source_memory(&source, NULL, 0, NULL);
    io_assert_fails(unic_codebook_load_source(&cb, &source, NULL), UNIC_E_FORMAT, "memory: ");
    unic_source_memory(&source, NULL, 1, NULL);
    io_assert_fails(unic_codebook_load_source(&cb, &source, NULL), UNIC_E_ARG, "the size -1");
    unic_source_memory(NULL, NULL, 0, NULL);
}
END_TEST

/* ---- models, which read later ---- */

static unic_status read_weights(unic_model *model, const char *modality)
{
    unic_encoder *encoder;
    const unic_encoder_options o = {.struct_size = sizeof o, .max_batch = 1, .max_length = 2};
    unic_status status = unic_encoder_create(&encoder, model, modality, &o);
    if (status == UNIC_OK)
        unic_encoder_free(encoder);
    return status;
}

START_TEST(a_source_is_closed_when_all_weights_are_read)
{
    io_bytes bytes = io_bytes_of(file_of(&io_kinds[0]));
    unic_model *model;
    unic_source source = io_source(&bytes, "vault");
    io_assert_ok(unic_model_open_source(&model, &source, NULL));
    const size_t opened = bytes.reads;
    io_assert_ok(read_weights(model, "audio"));
    ck_assert(bytes.reads > opened && bytes.closed == 0);
    bytes.fails_at = bytes.reads + 3; /* a failure leaves the model as it was */
    bytes.returns = -UNIC_E_CANCELLED;
    io_assert_fails(read_weights(model, "touch"), UNIC_E_CANCELLED, "vault: ");
    ck_assert_uint_eq(bytes.closed, 0);
    bytes.fails_at = 0;
    io_assert_ok(read_weights(model, "touch"));
    ck_assert_uint_eq(bytes.closed, 1);
    unic_model_free(model);
    ck_assert_uint_eq(bytes.closed, 1);
    source = io_source(&bytes, "vault"); /* of a model that is freed before */
    io_assert_ok(unic_model_open_source(&model, &source, NULL));
    unic_model_free(model);
    ck_assert_uint_eq(bytes.closed, 1);
    free(bytes.data);
}
END_TEST

START_TEST(a_converted_model_reads_the_source_of_the_first)
{
    io_bytes bytes = io_bytes_of(file_of(&io_kinds[0]));
    unic_model *model, *half;
    const unic_source source = io_source(&bytes, "vault");
    io_assert_ok(unic_model_open_source(&model, &source, NULL));
    io_assert_ok(unic_model_convert(&half, model, "bf16"));
    unic_model_free(model);
    ck_assert_uint_eq(bytes.closed, 0);
    io_assert_ok(read_weights(half, "audio"));
    io_assert_ok(read_weights(half, "touch"));
    ck_assert_uint_eq(bytes.closed, 1);
    unic_model_free(half);
    free(bytes.data);
}
END_TEST

START_TEST(preload_reads_all_of_it_at_once)
{
    char path[512];
    snprintf(path, sizeof path, "%s", file_of(&io_kinds[0]));
    io_bytes bytes = io_bytes_of(path);
    unic_model *model;
    unic_open_options o = {.struct_size = sizeof o, .preload = 1};
    unic_source source = io_source(&bytes, "vault");
    io_assert_ok(unic_model_open_source(&model, &source, &o));
    ck_assert_uint_eq(bytes.closed, 1);
    free(bytes.data);
    io_assert_ok(read_weights(model, "touch"));
    assert_saves(&io_kinds[0], model, path);
    unic_model_free(model);
    io_assert_ok(unic_model_open(&model, path, &o));
    char again[600];
    snprintf(again, sizeof again, "%s.damaged.npz", path);
    small_edit(path, again, "touch.semantic.affine.weight", SMALL_DAMAGE);
    io_write(path, "gone", 4); /* which the model does not mind */
    io_assert_ok(read_weights(model, "audio"));
    unic_model_free(model);
    /* What is found later without it. */
    io_assert_ok(unic_model_open(&model, again, NULL));
    io_assert_fails(read_weights(model, "touch"), UNIC_E_FORMAT, "CRC");
    unic_model_free(model);
    io_assert_fails(unic_model_open(&model, again, &o), UNIC_E_FORMAT, "CRC");
    ck_assert(model == NULL);
    /* The limit counts what is read, as it does for weights that are read later. */
    o.memory_limit = 1 << 13;
    file_of(&io_kinds[0]);
    io_assert_fails(unic_model_open(&model, path, &o), UNIC_E_NOMEM, "the limit is");
    remove(again);
}
END_TEST

static int64_t read_beside_a_codebook(void *buffer, size_t bytes, int64_t offset, void *user)
{
    const unsigned char *contents = user;
    unic_codebook *large;
    if (unic_codebook_create(&large, 1000, 100, 1) != UNIC_OK) /* 400 kB */
        return -UNIC_E_STATE;
    unic_codebook_free(large);
    memcpy(buffer, contents + offset, bytes);
    return (int64_t)bytes;
}

/* What a source does with the library is the application's, not the file's. */
START_TEST(the_limit_of_a_file_is_not_that_of_its_source)
{
    io_bytes bytes = io_bytes_of(file_of(&io_kinds[0]));
    const unic_open_options o = {.struct_size = sizeof o, .memory_limit = 200000};
    const unic_source source = {.struct_size = sizeof source,
                                .size = (int64_t)bytes.size,
                                .read_at = read_beside_a_codebook,
                                .user = bytes.data};
    unic_model *model;
    io_assert_ok(unic_model_open_source(&model, &source, &o));
    unic_model_free(model);
    free(bytes.data);
}
END_TEST

START_TEST(a_checkpoint_is_read_from_a_source)
{
    io_bytes bytes = io_bytes_of("tests/cmg/fixtures/av.pt");
    unic_model *model, *same;
    unic_source source = io_source(&bytes, "vault");
    io_assert_ok(unic_model_open_source(&model, &source, NULL));
    io_assert_ok(unic_model_open(&same, "tests/cmg/fixtures/av.pt", NULL));
    ck_assert_str_eq(unic_model_config(model), unic_model_config(same));
    const float *a, *b;
    const char *name;
    size_t rank;
    int64_t dims[UNIC_MAX_RANK];
    io_assert_ok(unic_model_parameter_at(&name, &a, &rank, model, 1, dims));
    io_assert_ok(unic_model_parameter_at(&name, &b, &rank, same, 1, dims));
    ck_assert(memcmp(a, b, sizeof *a) == 0);
    unic_model_free(model);
    unic_model_free(same);
    ck_assert_uint_eq(bytes.closed, 1);
    source = io_source(&bytes, "vault");
    io_assert_ok(unic_model_import_source(&model, &source, "encoder.dropout = 0.25", NULL));
    ck_assert_ptr_nonnull(strstr(unic_model_config(model), "encoder.dropout = 0.25\n"));
    unic_model_free(model);
    ck_assert_uint_eq(bytes.closed, 1);
    free(bytes.data);
}
END_TEST

static void *read_touch(void *model)
{
    io_assert_ok(read_weights(model, "touch"));
    return NULL;
}

/* Two threads need weights at a time: the source sees one after the other (io_bytes.inside). */
START_TEST(a_source_is_read_by_one_thread_at_a_time)
{
    io_bytes bytes = io_bytes_of(file_of(&io_kinds[0]));
    bytes.most = 64;
    for (size_t i = 0; i < 20; i++) {
        unic_model *model;
        pthread_t thread;
        const unic_source source = io_source(&bytes, "vault");
        io_assert_ok(unic_model_open_source(&model, &source, NULL));
        ck_assert_int_eq(pthread_create(&thread, NULL, read_touch, model), 0);
        io_assert_ok(read_weights(model, "audio"));
        ck_assert_int_eq(pthread_join(thread, NULL), 0);
        ck_assert_uint_eq(bytes.closed, 1);
        unic_model_free(model);
    }
    free(bytes.data);
}
END_TEST

/* ---- files that change under a model ---- */

/* Changes `bytes` bytes in the middle, and leaves the time of the change as it was or not. */
static void overwrite(const char *path, size_t bytes, bool tells)
{
    struct stat about;
    const int file = open(path, O_RDWR);
    ck_assert(file >= 0 && fstat(file, &about) == 0);
    for (off_t at = 0; at < (off_t)bytes; at++)
        ck_assert(pwrite(file, "x", 1, about.st_size / 4 + at) == 1);
    struct timespec times[2] = {about.st_atim, about.st_mtim};
    times[1].tv_sec += tells ? 1 : 0;
    ck_assert(futimens(file, times) == 0 && close(file) == 0);
}

START_TEST(a_changed_file_is_told_from_a_damaged_one)
{
    char path[512], other[600];
    unic_model *model;
    snprintf(path, sizeof path, "%s", file_of(&io_kinds[0]));
    io_assert_ok(unic_model_open(&model, path, NULL));
    io_assert_ok(read_weights(model, "audio"));
    overwrite(path, 0, true); /* even the same bytes may be half of others by now */
    io_assert_fails(read_weights(model, "touch"), UNIC_E_IO,
                    "has changed since it was opened: it was written to");
    ck_assert_ptr_nonnull(strstr(unic_last_error(), path));
    io_assert_ok(read_weights(model, "audio")); /* which it has */
    unic_model_free(model);

    io_assert_ok(unic_model_open(&model, path, NULL));
    overwrite(path, 4096, true);
    io_assert_fails(read_weights(model, "touch"), UNIC_E_IO, "has changed since it was opened");
    unic_model_free(model);

    file_of(&io_kinds[0]);
    io_assert_ok(unic_model_open(&model, path, NULL));
    ck_assert(truncate(path, 3000) == 0);
    io_assert_fails(read_weights(model, "audio"), UNIC_E_IO,
                    "has changed since it was opened: it has 3000 bytes");
    unic_model_free(model);

    file_of(&io_kinds[0]);
    io_assert_ok(unic_model_open(&model, path, NULL)); /* replaced: it is still the first */
    snprintf(other, sizeof other, "%s.other", path);
    io_write(other, "no model", 8);
    ck_assert(rename(other, path) == 0);
    io_assert_ok(read_weights(model, "audio"));
    io_assert_ok(read_weights(model, "touch"));
    unic_model_free(model);
}
END_TEST

START_TEST(a_checkpoint_without_crcs_is_watched_too)
{
    char path[512];
    unic_model *model;
    size_t size;
    unsigned char *data = io_read("tests/cmg/fixtures/av.pt", &size);
    snprintf(path, sizeof path, "%s", small_path("changed.pt"));
    io_write(path, data, size);
    free(data);
    io_assert_ok(unic_model_open(&model, path, NULL));
    overwrite(path, 0, true);
    io_assert_fails(read_weights(model, "audio"), UNIC_E_IO, "has changed since it was opened");
    unic_model_free(model);
    remove(path);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("source");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, every_kind_is_read_from_memory, 0, IO_KINDS);
    tcase_add_loop_test(t, a_failing_source_is_a_status, 0, IO_KINDS);
    tcase_add_loop_test(t, damaged_bytes_name_the_source, 0, IO_KINDS);
    tcase_add_loop_test(t, what_is_refused_is_not_closed, 0, IO_KINDS);
    tcase_add_test(t, what_else_is_wrong_closes_the_source);
    tcase_add_test(t, memory_is_a_source);
    tcase_add_test(t, a_source_is_closed_when_all_weights_are_read);
    tcase_add_test(t, a_converted_model_reads_the_source_of_the_first);
    tcase_add_test(t, preload_reads_all_of_it_at_once);
    tcase_add_test(t, the_limit_of_a_file_is_not_that_of_its_source);
    tcase_add_test(t, a_checkpoint_is_read_from_a_source);
    tcase_add_test(t, a_source_is_read_by_one_thread_at_a_time);
    tcase_add_test(t, a_changed_file_is_told_from_a_damaged_one);
    tcase_add_test(t, a_checkpoint_without_crcs_is_watched_too);
    return small_run("api/source", t);
}
