/* Grids of many images and of more channels than the paper's small cases: the kernels that are
 * chosen for them give the figures and the gradients that plain ones give. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "unicode/unic.h"

enum { CLIPS = 12, LENGTH = 10, SIDE = 7, CHANNELS = 64, DIMS = 128, FIGURES = 64 };

static const char config_text[] = "preset = small\n"
                                  "modalities = image speech\n"
                                  "image.kind = grid\n"
                                  "image.dims = 7 7 64\n"
                                  "image.specific = 32\n"
                                  "speech.kind = vector\n"
                                  "speech.dims = 128\n"
                                  "code.dim = 128\n"
                                  "club.weight = 0\n"
                                  "encoder.dropout = 0\n";

static float *noise(size_t count, unsigned seed)
{
    float *x = malloc(count * sizeof *x);
    ck_assert_ptr_nonnull(x);
    for (size_t i = 0; i < count; i++) {
        seed = seed * 1664525U + 1013904223U;
        x[i] = (float)(seed >> 8) / (float)(1 << 23) - 1.0F;
    }
    return x;
}

/* The figures of two steps. */
static size_t run(const char *kernels, double figures[2][FIGURES], unic_trainer **out)
{
    unic_config *config;
    unic_batch *batch;
    unic_array image, speech;
    float *pixels = noise((size_t)CLIPS * LENGTH * SIDE * SIDE * CHANNELS, 1),
          *sounds = noise((size_t)CLIPS * LENGTH * DIMS, 2);
    ck_assert_int_eq(unic_config_create(&config), UNIC_OK);
    ck_assert_int_eq(unic_config_parse(config, config_text, NULL), UNIC_OK);
    ck_assert_int_eq(unic_config_parse(config, kernels, NULL), UNIC_OK);
    ck_assert_int_eq(unic_trainer_create(out, config, NULL), UNIC_OK);
    unic_array_init(&image, pixels, UNIC_F32, 5,
                    (int64_t[]){CLIPS, LENGTH, SIDE, SIDE, CHANNELS});
    unic_array_init(&speech, sounds, UNIC_F32, 3, (int64_t[]){CLIPS, LENGTH, DIMS});
    ck_assert_int_eq(unic_batch_create(&batch), UNIC_OK);
    ck_assert_int_eq(unic_batch_set(batch, "image", &image, NULL), UNIC_OK);
    ck_assert_int_eq(unic_batch_set(batch, "speech", &speech, NULL), UNIC_OK);
    for (int step = 0; step < 2; step++)
        ck_assert_int_eq(unic_trainer_step(*out, batch, NULL, figures[step]), UNIC_OK);
    unic_batch_free(batch);
    unic_config_free(config);
    free(pixels);
    free(sounds);
    return unic_trainer_figure_count(*out);
}

/* The order of sums differs, nothing else: a float's rounding, through a step. */
START_TEST(kernels_agree)
{
    static const char *const names[] = {"kernel.winograd = off\n", "kernel.backend = onednn\n"};
    double plain[2][FIGURES], other[2][FIGURES];
    unic_trainer *a, *b;
    size_t count = run("kernel.backend = blas\n", plain, &a);
    for (int i = -1; i < 2; i++) {
        ck_assert_uint_eq(run(i < 0 ? "" : names[i], other, &b), count);
        for (int step = 0; step < 2; step++)
            for (size_t f = 0; f < count; f++) {
                const char *name = unic_trainer_figure_name(b, f);
                if (!strncmp(name, "perplexity", 10) || !strcmp(name, "agreement"))
                    continue; /* counts of codes: a near tie may fall otherwise */
                double most = 1e-3 * fmax(fabs(plain[step][f]), 1e-3);
                ck_assert_msg(fabs(plain[step][f] - other[step][f]) <= most,
                              "%s, step %d: %s is %.9g, by blas %.9g",
                              i < 0 ? "auto" : names[i], step, name, other[step][f],
                              plain[step][f]);
            }
        unic_trainer_free(b);
    }
    unic_trainer_free(a);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("train/many_images");
    TCase *tc = tcase_create("many images");
    tcase_set_timeout(tc, 300);
    tcase_add_test(tc, kernels_agree);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
