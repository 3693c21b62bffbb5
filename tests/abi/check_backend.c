/* kernel.backend in builds with oneDNN and in those without it. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/dnnl_glue.h"
#include "unicode/unic.h"

static const char text[] = "modalities = image sound\nimage.kind = grid\nimage.dims = 5 5 4\n"
                           "sound.kind = vector\nsound.dims = 6\ncode.dim = 8\n"
                           "code.count = 8\nencoder.heads = 2\nencoder.ff = 8\n"
                           "club.width = 8\ntrain.batch = 4\ntrain.length = 3\n";

static unic_status create(unic_trainer **trainer, const char *backend)
{
    unic_config *config;
    ck_assert_int_eq(unic_config_create(&config), UNIC_OK);
    ck_assert_int_eq(unic_config_parse(config, text, NULL), UNIC_OK);
    ck_assert_int_eq(unic_config_set(config, "kernel.backend", backend), UNIC_OK);
    unic_status status = unic_trainer_create(trainer, config, NULL);
    unic_config_free(config);
    return status;
}

/* The terms of one step, the same clips each time. */
static double total_of_a_step(const char *backend)
{
    static float image[4 * 3 * 5 * 5 * 4], sound[4 * 3 * 6];
    for (size_t i = 0; i < sizeof image / sizeof *image; i++)
        image[i] = (float)(i * 37 % 11) - 5.0F;
    for (size_t i = 0; i < sizeof sound / sizeof *sound; i++)
        sound[i] = (float)(i * 53 % 13) - 6.0F;
    unic_trainer *trainer;
    unic_batch *batch;
    unic_array x;
    ck_assert_msg(create(&trainer, backend) == UNIC_OK, "%s: %s", backend, unic_last_error());
    ck_assert_int_eq(unic_batch_create(&batch), UNIC_OK);
    unic_array_init(&x, image, UNIC_F32, 5, (const int64_t[]){4, 3, 5, 5, 4});
    ck_assert_int_eq(unic_batch_set(batch, "image", &x, NULL), UNIC_OK);
    unic_array_init(&x, sound, UNIC_F32, 3, (const int64_t[]){4, 3, 6});
    ck_assert_int_eq(unic_batch_set(batch, "sound", &x, NULL), UNIC_OK);
    double *terms = calloc(unic_trainer_figure_count(trainer), sizeof *terms);
    ck_assert_msg(unic_trainer_step(trainer, batch, NULL, terms) == UNIC_OK, "%s: %s", backend,
                  unic_last_error());
    double total = terms[0];
    ck_assert_str_eq(unic_trainer_figure_name(trainer, 0), "total");
    free(terms);
    unic_batch_free(batch);
    unic_trainer_free(trainer);
    return total;
}

START_TEST(auto_and_blas_always_work)
{
    ck_assert_double_eq_tol(total_of_a_step("auto"), total_of_a_step("blas"), 1e-4);
}
END_TEST

START_TEST(onednn_works_or_says_that_it_is_not_there)
{
    if (unic__dnnl_available()) {
        ck_assert_double_eq_tol(total_of_a_step("onednn"), total_of_a_step("blas"), 1e-4);
        return;
    }
    unic_trainer *trainer = NULL;
    ck_assert_int_eq(create(&trainer, "onednn"), UNIC_E_KERNEL);
    ck_assert_ptr_null(trainer);
    const char *message = unic_last_error();
    ck_assert_msg(strstr(message, "kernel.backend is onednn") &&
                      strstr(message, "without oneDNN") && strstr(message, "auto or blas"),
                  "%s", message);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("backend");
    TCase *tcase = tcase_create("kernel.backend");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, auto_and_blas_always_work);
    tcase_add_test(tcase, onednn_works_or_says_that_it_is_not_there);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
