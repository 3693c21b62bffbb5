/* lib/model/model: files of models, what is read of them and when, and who holds what. */
#include "array/npz_help.h"
#include "model/model.h"

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file/io_help.h"
#include "model/encoder.h"
#include "small_model.h"

/* A model of three modalities in a file, and its config; both tests and helpers remove the
 * file. */
static const char *saved(const char *config, const char *name, size_t steps)
{
    const char *path = small_path(name);
    unic_model *model = small_model(config, "", steps);
    io_assert_ok(unic_model_save(model, path));
    unic_model_free(model);
    return path;
}

static unic_model *opened(const char *path)
{
    unic_model *model;
    io_assert_ok(unic_model_open(&model, path, NULL));
    return model;
}

static unic_encoder *encoder_of(unic_model *model, const char *modality)
{
    unic_encoder *encoder;
    io_assert_ok(
        unic_encoder_create(&encoder, model, modality,
                            &(unic_encoder_options){.struct_size = sizeof(unic_encoder_options),
                                                    .max_batch = SMALL_BATCH,
                                                    .max_length = SMALL_LENGTH}));
    return encoder;
}

/* The semantic vectors of a modality of a fixed batch. */
typedef struct vectors {
    float z[SMALL_BATCH * SMALL_LENGTH * SMALL_DIM];
    int32_t codes[SMALL_BATCH * SMALL_LENGTH];
} vectors;

static void encode_with(unic_encoder *encoder, const char *config, size_t m, vectors *v)
{
    small_batch *b = small_batch_new(config, SMALL_BATCH, SMALL_LENGTH, 4711);
    io_assert_ok(unic_encoder_encode(encoder, &b->array[m], NULL, v->codes, NULL, v->z));
    small_batch_free(b);
}

static void encode(unic_model *model, const char *config, size_t m, vectors *v)
{
    unic_encoder *encoder = encoder_of(model, unic_model_modality_name(model, m));
    encode_with(encoder, config, m, v);
    unic_encoder_free(encoder);
}

static void assert_same_vectors(const vectors *a, const vectors *b)
{
    ck_assert_mem_eq(a->z, b->z, sizeof a->z);
    ck_assert_mem_eq(a->codes, b->codes, sizeof a->codes);
}

/* ---- what is in a file ---- */

START_TEST(a_model_survives_its_file)
{
    vectors before, after;
    const char *first = small_path("first.npz"), *second = small_path("second.npz");
    unic_model *model = small_model(SMALL_THREE, "", 2), *copy;
    unic_codebook *codes[2];
    io_assert_ok(unic_model_save(model, first));
    copy = opened(first);
    ck_assert_uint_eq(unic_model_modality_count(copy), 3);
    ck_assert_str_eq(unic_model_modality_name(copy, 2), "text");
    ck_assert_str_eq(unic_model_config(copy), unic_model_config(model));
    io_assert_ok(unic_model_codebook(&codes[0], model));
    io_assert_ok(unic_model_codebook(&codes[1], copy));
    ck_assert(unic_codebook_fingerprint(codes[0]) == unic_codebook_fingerprint(codes[1]));
    ck_assert_mem_eq(codes[0]->count, codes[1]->count, SMALL_CODES * sizeof(float));
    ck_assert_mem_eq(codes[0]->sum, codes[1]->sum, SMALL_CODES * SMALL_DIM * sizeof(float));
    ck_assert_mem_eq(codes[0]->idle, codes[1]->idle, 3 * SMALL_CODES * sizeof(int32_t));
    for (size_t m = 0; m < 3; m++) {
        encode(model, SMALL_THREE, m, &before);
        encode(copy, SMALL_THREE, m, &after);
        assert_same_vectors(&before, &after);
    }
    io_assert_ok(unic_model_save(copy, second));
    ck_assert(small_same_files(first, second));
    io_assert_ok(unic_model_save(copy, first)); /* over the file it came from */
    ck_assert(small_same_files(first, second));
    unic_codebook_free(codes[0]);
    unic_codebook_free(codes[1]);
    unic_model_free(model);
    unic_model_free(copy);
    remove(first);
    remove(second);
}
END_TEST

START_TEST(saving_reads_what_was_not_read_yet)
{
    const char *first = saved(SMALL_THREE, "unread.npz", 1), *second = small_path("copy.npz");
    unic_model *model = opened(first);
    unic_encoder *encoder = encoder_of(model, "audio"); /* one of three */
    io_assert_ok(unic_model_save(model, second));
    ck_assert(small_same_files(first, second));
    unic_encoder_free(encoder);
    unic_model_free(model);
    remove(first);
    remove(second);
}
END_TEST

START_TEST(members_are_sorted_and_hold_no_more_than_inference_needs)
{
    const char *path = saved(SMALL_THREE, "members.npz", 1);
    unic__npz *z;
    io_assert_ok(npz_open(&z, path));
    size_t n = unic__npz_count(z);
    for (size_t i = 0; i < n; i++) {
        const char *name = unic__npz_name(z, i);
        ck_assert(i == 0 || strcmp(unic__npz_name(z, i - 1), name) < 0);
        ck_assert_msg(!strstr(name, "decoder") && !strstr(name, "club") &&
                          !strstr(name, "specific") && !strstr(name, "cpc"),
                      "%s is in the file", name);
    }
    const char *const some[] = {"config.txt",
                                "codebook.embedding",
                                "codebook.ema_count",
                                "codebook.ema_sum",
                                "codebook.idle",
                                "image.semantic.squeeze.weight",
                                "audio.semantic.affine.bias",
                                "text.front.weight_ih_l0_reverse"};
    for (size_t i = 0; i < sizeof some / sizeof some[0]; i++)
        ck_assert_msg(unic__npz_has(z, some[i]), "no %s", some[i]);
    unic__npz_close(z);
    remove(path);
}
END_TEST

/* ---- what is read, and when ---- */

START_TEST(a_modality_needs_only_its_own_members)
{
    vectors expected, got;
    unic_encoder *encoder;
    const char *good = saved(SMALL_THREE, "good.npz", 1), *bad = small_path("bad.npz");
    unic_model *model = opened(good);
    encode(model, SMALL_THREE, 1, &expected);
    unic_model_free(model);
    const small_change changes[] = {SMALL_DAMAGE, SMALL_DROP, SMALL_RESHAPE, SMALL_SPOIL};
    const char *const says[] = {
        "image.semantic.affine.weight.npy\": is damaged: its CRC is",
        "no array \"image.semantic.affine.weight\"",
        "image.semantic.affine.weight has shape [1,8,4], expected [8,4]",
        "image.semantic.affine.weight holds NaN or Inf"};
    for (size_t i = 0; i < 4; i++) {
        small_edit(good, bad, "image.semantic.affine.weight", changes[i]);
        model = opened(bad);
        for (int again = 0; again < 2; again++) { /* a failure leaves nothing half read */
            encoder = (void *)&got;
            io_assert_fails(unic_encoder_create(&encoder, model, "image",
                                                &(unic_encoder_options){
                                                    .struct_size = sizeof(unic_encoder_options),
                                                    .max_batch = 1,
                                                    .max_length = 1}),
                            UNIC_E_FORMAT, says[i]);
            ck_assert_msg(strstr(unic_last_error(), bad), "%s", unic_last_error());
            ck_assert(encoder == NULL);
            encode(model, SMALL_THREE, 1, &got);
            assert_same_vectors(&got, &expected);
        }
        io_assert_fails(unic_model_save(model, small_path("never.npz")), UNIC_E_FORMAT,
                        says[i]);
        ck_assert(!io_has_leftovers(small_path("never")));
        unic_model_free(model);
    }
    remove(good);
    remove(bad);
}
END_TEST

START_TEST(weights_are_of_the_file_that_was_opened)
{
    vectors expected[2], got;
    const char *path = saved(SMALL_TWO, "replaced.npz", 1);
    unic_model *model = opened(path), *other = small_model(SMALL_TWO, "train.seed = 5\n", 1);
    for (size_t m = 0; m < 2; m++)
        encode(model, SMALL_TWO, m, &expected[m]);
    unic_model_free(model);
    model = opened(path);
    encode(model, SMALL_TWO, 0, &got);
    assert_same_vectors(&got, &expected[0]);
    io_assert_ok(unic_model_save(other, path)); /* a newer model takes the old one's name */
    encode(model, SMALL_TWO, 1, &got);
    assert_same_vectors(&got, &expected[1]);
    encode(other, SMALL_TWO, 1, &got);
    ck_assert_mem_ne(got.z, expected[1].z, sizeof got.z);
    unic_model_free(model);
    unic_model_free(other);
    remove(path);
}
END_TEST

/* ---- what is refused ---- */

START_TEST(refuses_files_that_are_no_models)
{
    unic_model *model = (void *)&model;
    const char *good = saved(SMALL_TWO, "good.npz", 1), *bad = small_path("bad.npz");
    io_assert_fails(unic_model_open(&model, small_path("nowhere.npz"), NULL), UNIC_E_NOTFOUND,
                    "nowhere.npz");
    ck_assert(model == NULL);
    io_write(bad, "no zip", 6);
    io_assert_fails(unic_model_open(&model, bad, NULL), UNIC_E_FORMAT, bad);
    io_assert_fails(unic_model_open(&model, FIXTURES "stored.npz", NULL), UNIC_E_FORMAT,
                    "stored.npz: no config.txt in it: not a libunicode model");
    static const struct {
        const char *member;
        small_change change;
        const char *says;
    } cases[] = {
        {"config.txt", SMALL_DROP, "no config.txt in it"},
        {"codebook.embedding", SMALL_DROP, "no array \"codebook.embedding\""},
        {"codebook.embedding", SMALL_RESHAPE,
         "codebook.embedding has shape [1,12,8], expected [12,8]"},
        {"codebook.embedding", SMALL_SPOIL, "codebook.embedding holds NaN or Inf"},
        {"codebook.embedding", SMALL_DAMAGE, "codebook.embedding.npy\": is damaged"},
        {"codebook.ema_count", SMALL_DROP, "no array \"codebook.ema_count\""},
        {"codebook.ema_count", SMALL_SPOIL, "codebook.ema_count holds NaN or Inf"},
        {"codebook.ema_sum", SMALL_RESHAPE, "codebook.ema_sum has shape"},
        {"codebook.idle", SMALL_RESHAPE, "codebook.idle has shape [1,2,12], expected [2,12]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        small_edit(good, bad, cases[i].member, cases[i].change);
        model = (void *)&model;
        io_assert_fails(unic_model_open(&model, bad, NULL), UNIC_E_FORMAT, cases[i].says);
        ck_assert_msg(strstr(unic_last_error(), bad), "%s", unic_last_error());
        ck_assert(model == NULL);
    }
    remove(good);
    remove(bad);
}
END_TEST

START_TEST(refuses_configs_that_do_not_fit)
{
    unic_model *model;
    unic_encoder *encoder;
    const char *good = saved(SMALL_TWO, "good.npz", 1), *bad = small_path("bad.npz");
    static const struct {
        const char *old, *fresh, *says;
        unic_status status;
    } cases[] = {
        {"code.dim = 8", "code.dim = 16",
         "codebook.embedding has shape [12,8], expected [12,16]", UNIC_E_FORMAT},
        {"code.count = 12", "code.count = 65536", "[12,8], expected [65536,8]", UNIC_E_FORMAT},
        {"modalities = audio touch", "modalities = audio",
         "unknown key touch.kind: the modalities are audio", UNIC_E_CONFIG},
        {"encoder.heads = 2", "encoder.heads = 3", "not divisible", UNIC_E_CONFIG},
        {"encoder.heads = 2", "encoder.head = 2", "did you mean", UNIC_E_CONFIG},
        {"code.dim = 8", "code.dim = -8", "code.dim", UNIC_E_CONFIG},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        small_edit_text(good, bad, "config.txt", cases[i].old, cases[i].fresh);
        io_assert_fails(unic_model_open(&model, bad, NULL), cases[i].status, cases[i].says);
    }
    /* What only the weights show is seen when they are read, before memory is taken for
     * them. */
    small_edit_text(good, bad, "config.txt", "encoder.ff = 16", "encoder.ff = 65536");
    model = opened(bad);
    io_assert_fails(
        unic_encoder_create(&encoder, model, "touch",
                            &(unic_encoder_options){.struct_size = sizeof(unic_encoder_options),
                                                    .max_batch = 1,
                                                    .max_length = 1}),
        UNIC_E_FORMAT, "touch.semantic.layer0.ff1.weight has shape [16,8], expected [65536,8]");
    unic_model_free(model);
    small_edit_text(good, bad, "config.txt", "touch.dims = 5", "touch.dims = 50");
    model = opened(bad);
    io_assert_fails(
        unic_encoder_create(&encoder, model, "touch",
                            &(unic_encoder_options){.struct_size = sizeof(unic_encoder_options),
                                                    .max_batch = 1,
                                                    .max_length = 1}),
        UNIC_E_FORMAT, "touch.semantic.affine.weight has shape [8,5], expected [8,50]");
    unic_model_free(model);
    remove(good);
    remove(bad);
}
END_TEST

/* ---- who holds what ---- */

START_TEST(any_order_of_freeing)
{
    vectors expected, got;
    const char *path = saved(SMALL_TWO, "order.npz", 1);
    for (int from_file = 0; from_file < 2; from_file++) {
        unic_model *model = from_file ? opened(path) : small_model(SMALL_TWO, "", 1);
        unic_model *again = unic_model_retain(model);
        ck_assert_ptr_eq(again, model);
        unic_encoder *one = encoder_of(model, "audio"), *two = encoder_of(model, "audio");
        encode_with(one, SMALL_TWO, 0, &expected);
        unic_model_free(model);
        unic_model_free(again);
        encode_with(two, SMALL_TWO, 0, &got);
        assert_same_vectors(&got, &expected);
        unic_encoder_free(one);
        encode_with(two, SMALL_TWO, 0, &got);
        assert_same_vectors(&got, &expected);
        unic_encoder_free(two);
    }
    unic_model_free(NULL);
    unic_encoder_free(NULL);
    ck_assert(unic_model_retain(NULL) == NULL);
    remove(path);
}
END_TEST

enum { THREADS = 4 };

typedef struct worker {
    pthread_t thread;
    unic_model *model;
    const small_batch *batch;
    size_t first; /* modality it begins with */
    vectors got[3];
    unic_status status;
} worker;

/* Makes an encoder of every modality, frees its reference, and encodes. Check's assertions are
 * not for threads: it notes its status. */
static void *use_model(void *argument)
{
    worker *w = argument;
    unic_encoder *encoder[3] = {NULL};
    for (size_t i = 0; i < 3 && w->status == UNIC_OK; i++) {
        size_t m = (w->first + i) % 3;
        w->status = unic_encoder_create(
            &encoder[m], w->model, unic_model_modality_name(w->model, m),
            &(unic_encoder_options){.struct_size = sizeof(unic_encoder_options),
                                    .max_batch = SMALL_BATCH,
                                    .max_length = SMALL_LENGTH});
    }
    unic_model_free(w->model);
    for (size_t m = 0; m < 3 && w->status == UNIC_OK; m++)
        w->status = unic_encoder_encode(encoder[m], &w->batch->array[m], NULL, w->got[m].codes,
                                        NULL, w->got[m].z);
    for (size_t m = 0; m < 3; m++)
        unic_encoder_free(encoder[m]);
    return NULL;
}

START_TEST(encoders_are_made_and_used_by_several_threads)
{
    static worker workers[THREADS];
    static vectors expected[3];
    const char *path = saved(SMALL_THREE, "threads.npz", 1);
    unic_model *model = opened(path);
    for (size_t m = 0; m < 3; m++)
        encode(model, SMALL_THREE, m, &expected[m]);
    unic_model_free(model);
    small_batch *b = small_batch_new(SMALL_THREE, SMALL_BATCH, SMALL_LENGTH, 4711);
    for (int round = 0; round < 3; round++) {
        model = opened(path);
        for (size_t i = 0; i < THREADS; i++) {
            workers[i] = (worker){.model = unic_model_retain(model), .batch = b, .first = i};
            ck_assert(!pthread_create(&workers[i].thread, NULL, use_model, &workers[i]));
        }
        unic_model_free(model);
        for (size_t i = 0; i < THREADS; i++)
            ck_assert(!pthread_join(workers[i].thread, NULL));
        for (size_t i = 0; i < THREADS; i++) {
            ck_assert_int_eq(workers[i].status, UNIC_OK);
            for (size_t m = 0; m < 3; m++)
                assert_same_vectors(&workers[i].got[m], &expected[m]);
        }
    }
    small_batch_free(b);
    remove(path);
}
END_TEST

/* ---- out of memory ---- */

static small_batch *oom_batch; /* made before: what fails is the library's */

static unic_status use_once(const char *path, size_t m)
{
    static float quantized[SMALL_BATCH * SMALL_LENGTH * SMALL_DIM];
    unic_model *model = NULL;
    unic_encoder *encoder = NULL;
    unic_status status = unic_model_open(&model, path, NULL);
    if (status == UNIC_OK)
        status = unic_encoder_create(
            &encoder, model, oom_batch->name[m],
            &(unic_encoder_options){.struct_size = sizeof(unic_encoder_options),
                                    .max_batch = SMALL_BATCH,
                                    .max_length = SMALL_LENGTH});
    unic_model_free(model);
    if (status == UNIC_OK)
        status = unic_encoder_encode(encoder, &oom_batch->array[m], NULL, NULL, quantized,
                                     NULL);
    if (status == UNIC_E_NOMEM && encoder) /* it stays usable: the next allocation succeeds */
        ck_assert_int_eq(
            unic_encoder_encode(encoder, &oom_batch->array[m], NULL, NULL, quantized, NULL),
            UNIC_OK);
    unic_encoder_free(encoder);
    return status;
}

static unic_status use_image(const char *path)
{
    return use_once(path, 0);
}

static unic_status use_text(const char *path)
{
    return use_once(path, 2);
}

static unic_status open_and_save(const char *path)
{
    unic_model *model = NULL;
    unic_codebook *codebook = NULL;
    unic_status status = unic_model_open(&model, path, NULL);
    if (status == UNIC_OK)
        status = unic_model_codebook(&codebook, model);
    if (status == UNIC_OK)
        status = unic_model_save(model, path);
    unic_codebook_free(codebook);
    unic_model_free(model);
    return status;
}

START_TEST(survives_every_failing_allocation)
{
    const char *path = saved(SMALL_THREE, "oom.npz", 1), *copy = small_path("oom-copy.npz");
    unic_model *model = opened(path);
    io_assert_ok(unic_model_save(model, copy));
    unic_model_free(model);
    oom_batch = small_batch_new(SMALL_THREE, SMALL_BATCH, SMALL_LENGTH, 1);
    io_fail_each_allocation(use_image, path);
    io_fail_each_allocation(use_text, path);
    io_fail_each_allocation(open_and_save, copy);
    ck_assert(small_same_files(path, copy));
    small_batch_free(oom_batch);
    remove(path);
    remove(copy);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("model");
    tcase_add_test(t, a_model_survives_its_file);
    tcase_add_test(t, saving_reads_what_was_not_read_yet);
    tcase_add_test(t, members_are_sorted_and_hold_no_more_than_inference_needs);
    tcase_add_test(t, a_modality_needs_only_its_own_members);
    tcase_add_test(t, weights_are_of_the_file_that_was_opened);
    tcase_add_test(t, refuses_files_that_are_no_models);
    tcase_add_test(t, refuses_configs_that_do_not_fit);
    tcase_add_test(t, any_order_of_freeing);
    tcase_add_test(t, encoders_are_made_and_used_by_several_threads);
    tcase_add_test(t, survives_every_failing_allocation);
    return small_run("model/model", t);
}
