/* unic_trainer.h: its life through the public functions alone, and wrong arguments. What a step
 * computes: tests/train. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file/io_help.h"
#include "model/small_model.h"
#include "unicode/unic.h"

enum { MOST_TERMS = 64 };

START_TEST(a_run_from_config_to_codes)
{
    double terms[MOST_TERMS];
    int32_t codes[SMALL_BATCH * SMALL_LENGTH];
    unic_trainer *trainer;
    unic_model *model;
    unic_encoder *encoder;
    unic_config *config = small_config(SMALL_TWO, "");
    io_assert_ok(unic_trainer_create(&trainer, config, NULL));
    unic_config_free(config); /* it was copied */
    small_batch *b = small_batch_new(SMALL_TWO, SMALL_BATCH, SMALL_LENGTH, 1);
    ck_assert_uint_eq(unic_trainer_step_count(trainer), 0);
    for (uint64_t step = 1; step <= 5; step++) {
        io_assert_ok(unic_trainer_step(trainer, b->batch, NULL, step % 2 ? terms : NULL));
        ck_assert_uint_eq(unic_trainer_step_count(trainer), step);
        ck_assert(isfinite(terms[0]));
    }
    io_assert_ok(unic_trainer_model(&model, trainer));
    io_assert_ok(
        unic_encoder_create(&encoder, model, "touch",
                            &(unic_encoder_options){.struct_size = sizeof(unic_encoder_options),
                                                    .max_batch = SMALL_BATCH,
                                                    .max_length = SMALL_LENGTH}));
    unic_trainer_free(trainer);
    unic_model_free(model);
    io_assert_ok(unic_encoder_encode(encoder, &b->array[1], NULL, codes, NULL, NULL));
    for (size_t i = 0; i < SMALL_BATCH * SMALL_LENGTH; i++)
        ck_assert(codes[i] >= 0 && codes[i] < SMALL_CODES);
    unic_encoder_free(encoder);
    small_batch_free(b);
}
END_TEST

START_TEST(total_steps_are_kept)
{
    const char *path = small_path("total.npz"), *run = small_path("total.run.npz");
    unic_trainer *t = small_trainer(SMALL_TWO, "train.schedule = linear\n"), *again;
    ck_assert_uint_eq(unic_trainer_total_step_count(t), 0);
    io_assert_ok(unic_trainer_set_total_step_count(t, 1000));
    ck_assert_uint_eq(unic_trainer_total_step_count(t), 1000);
    io_assert_ok(unic_trainer_save(t, path));
    io_assert_ok(unic_trainer_resume(&again, path, NULL, NULL));
    ck_assert_uint_eq(unic_trainer_total_step_count(again), 1000);
    /* more than a run's file can hold: the run could be saved and not be resumed */
    io_assert_fails(unic_trainer_set_total_step_count(t, (uint64_t)INT64_MAX + 1), UNIC_E_ARG,
                    "unic_trainer_set_total_step_count: step_count is 9223372036854775808, at "
                    "most 9223372036854775807 (2^63 - 1) expected");
    ck_assert_uint_eq(unic_trainer_total_step_count(t), 1000);
    io_assert_ok(unic_trainer_set_total_step_count(t, INT64_MAX));
    io_assert_ok(unic_trainer_save(t, path));
    unic_trainer_free(again);
    io_assert_ok(unic_trainer_resume(&again, path, NULL, NULL));
    ck_assert_uint_eq(unic_trainer_total_step_count(again), INT64_MAX);
    unic_trainer_free(t);
    unic_trainer_free(again);
    remove(path);
    remove(run);
}
END_TEST

/* A model there would take the place of the run of m.npz. */
START_TEST(a_run_is_named_by_its_model)
{
    const char *run = small_path("named.run.npz"), *path = small_path("named.npz");
    unic_trainer *t = small_trainer(SMALL_TWO, ""), *again;
    size_t size, size_after;
    io_assert_ok(unic_trainer_save(t, path));
    unsigned char *before = io_read(run, &size);
    io_assert_fails(
        unic_trainer_save(t, run), UNIC_E_ARG,
        "the name of a run's file, which stands beside its model: give the model's");
    io_assert_fails(unic_trainer_resume(&again, run, NULL, NULL), UNIC_E_ARG, "named.npz\"");
    ck_assert_ptr_null(again);
    unsigned char *after = io_read(run, &size_after);
    ck_assert_uint_eq(size, size_after);
    ck_assert_mem_eq(before, after, size);
    free(before);
    free(after);
    unic_trainer_free(t);
    remove(path);
    remove(run);
}
END_TEST

/* A config from a user, not yet checked, as it comes. */
static void assert_no_trainer(const char *text, const char *more, const char *says)
{
    unic_config *config;
    unic_trainer *t = (void *)&t;
    io_assert_ok(unic_config_create(&config));
    io_assert_ok(unic_config_parse(config, text, NULL));
    io_assert_ok(unic_config_parse(config, more, NULL));
    io_assert_fails(unic_trainer_create(&t, config, NULL), UNIC_E_CONFIG, says);
    ck_assert(t == NULL);
    unic_config_free(config);
}

START_TEST(wrong_configs_are_refused)
{
    assert_no_trainer("", "", "modalities is not set");
    assert_no_trainer("modalities = audio touch\n", "audio.kind = vector\naudio.dims = 3\n",
                      "touch.kind is not set");
    assert_no_trainer(SMALL_TWO, "encoder.heads = 3\n", "not divisible");
    assert_no_trainer(SMALL_TWO,
                      "audio.dims = 65536\ntrain.batch = 65536\ntrain.length = 65536\n",
                      "together too large");
}
END_TEST

/* Sizes that pass the config's checks one by one, but make a tensor beyond what a product
 * takes. */
START_TEST(what_is_too_large_is_refused)
{
    unic_trainer *t = (void *)&t;
    unic_config *config = small_config(SMALL_TWO, "train.batch = 65536\ntrain.length = 8192\n");
    io_assert_fails(unic_trainer_create(&t, config, NULL), UNIC_E_SHAPE, "is too large");
    ck_assert(t == NULL);
    unic_config_free(config);
}
END_TEST

START_TEST(wrong_arguments_are_named)
{
    unic_model *model;
    unic_config *config = small_config(SMALL_TWO, "");
    unic_trainer *t = small_trainer(SMALL_TWO, ""), *none = (void *)&none;
    small_batch *b = small_batch_new(SMALL_TWO, SMALL_BATCH, SMALL_LENGTH, 1);
    io_assert_fails(unic_trainer_create(NULL, config, NULL), UNIC_E_ARG,
                    "unic_trainer_create: out is NULL");
    io_assert_fails(unic_trainer_create(&none, NULL, NULL), UNIC_E_ARG, "config is NULL");
    ck_assert(none == NULL);
    io_assert_fails(unic_trainer_step(NULL, b->batch, NULL, NULL), UNIC_E_ARG,
                    "unic_trainer_step: trainer is NULL");
    io_assert_fails(unic_trainer_step(t, NULL, NULL, NULL), UNIC_E_ARG, "batch is NULL");
    io_assert_fails(unic_trainer_evaluate(NULL, b->batch, NULL), UNIC_E_ARG, "trainer is NULL");
    io_assert_fails(unic_trainer_evaluate(t, NULL, NULL), UNIC_E_ARG, "batch is NULL");
    io_assert_fails(unic_trainer_set_total_step_count(NULL, 1), UNIC_E_ARG, "trainer is NULL");
    io_assert_fails(unic_trainer_save(NULL, "x"), UNIC_E_ARG, "trainer is NULL");
    io_assert_fails(unic_trainer_save(t, NULL), UNIC_E_ARG, "path is NULL");
    io_assert_fails(unic_trainer_resume(NULL, "x", NULL, NULL), UNIC_E_ARG, "out is NULL");
    none = (void *)&none;
    io_assert_fails(unic_trainer_resume(&none, NULL, NULL, NULL), UNIC_E_ARG, "path is NULL");
    ck_assert(none == NULL);
    io_assert_fails(unic_trainer_model(&model, NULL), UNIC_E_ARG, "trainer is NULL");
    io_assert_fails(unic_trainer_model(NULL, t), UNIC_E_ARG, "out is NULL");
    ck_assert(unic_trainer_step_count(NULL) == 0 && unic_trainer_total_step_count(NULL) == 0);
    ck_assert(unic_trainer_figure_count(NULL) == 0 && !unic_trainer_figure_name(NULL, 0));
    ck_assert_str_eq(unic_trainer_config(NULL), "");
    unic_trainer_free(NULL);
    unic_trainer_free(t);
    unic_config_free(config);
    small_batch_free(b);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("trainer");
    tcase_add_test(t, a_run_from_config_to_codes);
    tcase_add_test(t, total_steps_are_kept);
    tcase_add_test(t, a_run_is_named_by_its_model);
    tcase_add_test(t, wrong_configs_are_refused);
    tcase_add_test(t, what_is_too_large_is_refused);
    tcase_add_test(t, wrong_arguments_are_named);
    return small_run("api/trainer", t);
}
