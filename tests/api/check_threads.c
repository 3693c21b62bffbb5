/* unic_set_threads, and that what a thread count computes is not a matter of chance. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file/io_help.h"
#include "model/small_model.h"
#include "unicode/unic.h"

START_TEST(takes_1_to_256)
{
    ck_assert_int_eq(unic_get_threads(), 1);
    const int good[] = {256, 2, 1}, bad[] = {0, -1, 257, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < 3; i++) {
        io_assert_ok(unic_set_threads(good[i]));
        ck_assert_int_eq(unic_get_threads(), good[i]);
    }
    for (size_t i = 0; i < 5; i++) {
        io_assert_fails(unic_set_threads(bad[i]), UNIC_E_ARG, "is not in 1..256");
        ck_assert_int_eq(unic_get_threads(), 1);
    }
}
END_TEST

/* Large enough that products and loops are split. */
#define LARGER                                                                                 \
    "code.dim = 64\ncode.count = 300\nencoder.ff = 128\nclub.width = 64\n"                     \
    "train.batch = 32\ntrain.length = 8\n"

static small_state train(int threads)
{
    unic_trainer *t = small_trainer(SMALL_TWO, LARGER);
    small_batch *b = small_batch_new(SMALL_TWO, 32, 8, 1);
    io_assert_ok(unic_set_threads(threads));
    for (int step = 0; step < 3; step++)
        io_assert_ok(unic_trainer_step(t, b->batch, NULL, NULL));
    io_assert_ok(unic_set_threads(1));
    small_state state = small_state_of(t);
    small_batch_free(b);
    unic_trainer_free(t);
    return state;
}

START_TEST(equal_counts_give_equal_bytes)
{
    for (int threads = 1; threads <= 3; threads++) {
        small_state one = train(threads), two = train(threads);
        ck_assert(small_states_equal(&one, &two));
    }
}
END_TEST

/* ---- a handle's own number ---- */

static int most; /* unic__threads() at any allocation since it was 0 */

static void *look(size_t bytes, void *user)
{
    (void)user;
    most = unic__threads() > most ? unic__threads() : most;
    return malloc(bytes);
}

static void release(void *memory, void *user)
{
    (void)user;
    free(memory);
}

/* The largest number since the last call. */
static int seen(void)
{
    int was = most;
    most = 0;
    ck_assert_int_eq(unic__threads(), 1); /* nothing is left behind */
    return was;
}

START_TEST(handles_have_numbers_of_their_own)
{
    const unic_allocator hook = {sizeof hook, look, release, NULL};
    unic_config *config = small_config(SMALL_TWO, LARGER);
    small_batch *b = small_batch_new(SMALL_TWO, 32, 8, 1);
    unic_trainer_options o = {.struct_size = sizeof o, .threads = 3};
    unic_encoder_options e = {
        .struct_size = sizeof e, .max_batch = 32, .max_length = 8, .threads = 2};
    unic_trainer *own, *shared;
    unic_model *model;
    unic_encoder *encoder;
    int32_t codes[32 * 8];
    io_assert_ok(unic_set_allocator(&hook));
    io_assert_ok(unic_trainer_create(&own, config, &o));
    ck_assert_int_eq(seen(), 3);
    io_assert_ok(unic_trainer_create(&shared, config, NULL));
    ck_assert_int_eq(seen(), 1);
    io_assert_ok(unic_trainer_step(own, b->batch, NULL, NULL));
    seen();
    io_assert_ok(unic_trainer_model(&model, own));
    ck_assert_int_eq(seen(), 3);
    io_assert_ok(unic_encoder_create(&encoder, model, b->name[0], &e));
    ck_assert_int_eq(seen(), 2);
    io_assert_ok(unic_encoder_encode(encoder, &b->array[0], NULL, codes, NULL, NULL));
    ck_assert_int_ne(seen(), 1); /* it may have had all its memory before */
    unic_encoder_free(encoder);
    unic_model_free(model);
    unic_trainer_free(own);
    unic_trainer_free(shared);
    io_assert_ok(unic_set_allocator(NULL));
    ck_assert_int_eq(unic_get_threads(), 1);
    small_batch_free(b);
    unic_config_free(config);
}
END_TEST

/* What is computed is that of the process's number. */
START_TEST(own_numbers_compute_the_same)
{
    for (int threads = 1; threads <= 3; threads++) {
        unic_config *config = small_config(SMALL_TWO, LARGER);
        unic_trainer_options o = {.struct_size = sizeof o, .threads = threads};
        unic_trainer *t;
        small_batch *b = small_batch_new(SMALL_TWO, 32, 8, 1);
        io_assert_ok(unic_trainer_create(&t, config, &o));
        for (int step = 0; step < 3; step++)
            io_assert_ok(unic_trainer_step(t, b->batch, NULL, NULL));
        small_state one = small_state_of(t), two = train(threads);
        ck_assert(small_states_equal(&one, &two));
        unic_trainer_free(t);
        small_batch_free(b);
        unic_config_free(config);
    }
}
END_TEST

START_TEST(numbers_out_of_range_are_refused)
{
    static const int32_t wrong[] = {-1, 257, INT32_MIN, INT32_MAX};
    unic_config *config = small_config(SMALL_TWO, "");
    unic_model *model = small_model(SMALL_TWO, "", 0);
    unic_codebook *cb;
    io_assert_ok(unic_model_codebook(&cb, model));
    for (size_t i = 0; i < 4; i++) {
        char says[64];
        unic_trainer *t;
        unic_encoder *e;
        unic_head *h;
        unic_retriever *r;
        unic_segmenter *s;
        unic_array z;
        unic_trainer_options to = {.struct_size = sizeof to, .threads = wrong[i]};
        unic_encoder_options eo = {
            .struct_size = sizeof eo, .max_batch = 1, .max_length = 1, .threads = wrong[i]};
        unic_head_options ho = {.struct_size = sizeof ho,
                                .kind = UNIC_HEAD_CLIP,
                                .class_count = 2,
                                .threads = wrong[i]};
        unic_retriever_options ro = {
            .struct_size = sizeof ro, .item_dim = 2, .threads = wrong[i]};
        unic_segmenter_options so = {.struct_size = sizeof so, .threads = wrong[i]};
        unic_codebook_init_options co = {.struct_size = sizeof co, .threads = wrong[i]};
        unic_array_init(&z, unic_codebook_embedding(cb), UNIC_F32, 2,
                        (const int64_t[]){SMALL_CODES, SMALL_DIM});
        snprintf(says, sizeof says, ": options->threads = %ld is not in 0..256",
                 (long)wrong[i]);
        io_assert_fails(unic_trainer_create(&t, config, &to), UNIC_E_ARG, says);
        io_assert_fails(unic_trainer_resume(&t, "nowhere", &to, NULL), UNIC_E_ARG, says);
        io_assert_fails(unic_trainer_import(&t, "nowhere", NULL, &to, NULL), UNIC_E_ARG, says);
        io_assert_fails(unic_encoder_create(&e, model, "audio", &eo), UNIC_E_ARG, says);
        io_assert_fails(unic_head_create(&h, cb, &ho), UNIC_E_ARG, says);
        io_assert_fails(unic_retriever_create(&r, cb, &ro), UNIC_E_ARG, says);
        io_assert_fails(unic_segmenter_create(&s, cb, &so), UNIC_E_ARG, says);
        io_assert_fails(unic_codebook_init(cb, &z, &co), UNIC_E_ARG, says);
    }
    unic_codebook_free(cb);
    unic_model_free(model);
    unic_config_free(config);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("threads");
    tcase_add_test(t, takes_1_to_256);
    tcase_add_test(t, equal_counts_give_equal_bytes);
    tcase_add_test(t, handles_have_numbers_of_their_own);
    tcase_add_test(t, own_numbers_compute_the_same);
    tcase_add_test(t, numbers_out_of_range_are_refused);
    return small_run("api/threads", t);
}
