/*
 * The golden trace of the authors' code (../shared/cmg-sample), replayed in compat with its own
 * random draws: inference, five training steps with every term, gradient and codebook, and
 * going on from the checkpoint behind them. Skipped where the folder is absent.
 */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "array/npz.h"
#include "array/npz_help.h"
#include "cmg/cmg_names.h"
#include "train/trainer.h"
#include "unicode/unic.h"

#define SAMPLE   "../shared/cmg-sample/"
#define SETTINGS "encoder.dropout = 0\ntrain.batch = 6\n"
enum { B = 6, T = 10, D = 32, L = 50, MODALITIES = 2 };

static const char *const modality[MODALITIES] = {"audio", "video"};
static unic__npz *trace;

static size_t count_of(const char *name)
{
    unic__npy_info info;
    ck_assert_msg(unic__npz_info(trace, name, &info) == UNIC_OK, "%s", unic_last_error());
    return unic__shape_count(&info.shape);
}

static double *read_array(const char *name, size_t *count)
{
    *count = count_of(name);
    double *x = malloc(*count * sizeof *x);
    ck_assert_msg(unic__npz_read_f64(trace, name, x, *count) == UNIC_OK, "%s",
                  unic_last_error());
    return x;
}

static double read_scalar(const char *name)
{
    double x;
    ck_assert_msg(unic__npz_read_f64(trace, name, &x, 1) == UNIC_OK, "%s", unic_last_error());
    return x;
}

/* max|got - want| <= relative x max|want|, or <= absolute where that is > 0 */
static void compare(const char *name, const float *got, double relative, double absolute)
{
    size_t n;
    double *want = read_array(name, &n), worst = 0.0, largest = 0.0;
    for (size_t i = 0; i < n; i++) {
        double off = isfinite(got[i]) ? fabs((double)got[i] - want[i]) : INFINITY;
        if (fabs(want[i]) > largest) /* gcc 12 for aarch64 fails on fmax() here */
            largest = fabs(want[i]);
        if (off > worst)
            worst = off;
    }
    double bound = absolute > 0.0 ? absolute : relative * largest;
    free(want);
    if (!(worst <= bound))
        ck_abort_msg("%s: off by %g, allowed %g (largest entry %g)", name, worst, bound,
                     largest);
}

static unic_batch *the_batch(float *features[MODALITIES])
{
    static const int64_t dims[MODALITIES][5] = {{B, T, 24}, {B, T, 7, 7, 64}};
    unic_batch *batch;
    ck_assert(unic_batch_create(&batch) == UNIC_OK);
    for (size_t m = 0; m < MODALITIES; m++) {
        char name[64];
        unic_array a;
        snprintf(name, sizeof name, "input/%s", modality[m]);
        size_t n = count_of(name);
        features[m] = malloc(n * sizeof(float));
        ck_assert(unic__npz_read_f32(trace, name, features[m], n) == UNIC_OK);
        unic_array_init(&a, features[m], UNIC_F32, m ? 5 : 3, dims[m]);
        ck_assert_msg(unic_batch_set(batch, modality[m], &a, NULL) == UNIC_OK, "%s",
                      unic_last_error());
    }
    return batch;
}

START_TEST(inference_gives_their_vectors_and_codes)
{
    float *features[MODALITIES], z[B * T * D], e[B * T * D];
    int32_t codes[B * T], want[B * T];
    unic_batch *batch = the_batch(features);
    unic_model *model;
    ck_assert_msg(unic_model_import(&model, SAMPLE "DCID-model-0.pt", NULL, NULL) == UNIC_OK,
                  "%s", unic_last_error());
    for (size_t m = 0; m < MODALITIES; m++) {
        char name[64];
        unic_array a;
        unic_encoder *encoder;
        ck_assert(unic_batch_get(&a, NULL, batch, modality[m]) == UNIC_OK);
        ck_assert(unic_encoder_create(
                      &encoder, model, modality[m],
                      &(unic_encoder_options){.struct_size = sizeof(unic_encoder_options),
                                              .max_batch = B,
                                              .max_length = T}) == UNIC_OK);
        ck_assert(unic_encoder_encode(encoder, &a, NULL, codes, e, z) == UNIC_OK);
        snprintf(name, sizeof name, "encode/%s/semantic", modality[m]);
        compare(name, z, 0.0, 1e-4);
        snprintf(name, sizeof name, "encode/%s/quantized", modality[m]);
        compare(name, e, 0.0, 1e-6);
        snprintf(name, sizeof name, "encode/%s/codes", modality[m]);
        ck_assert(unic__npz_read_i32(trace, name, want, B * T) == UNIC_OK);
        ck_assert_mem_eq(codes, want, sizeof codes);
        unic_encoder_free(encoder);
        free(features[m]);
    }
    unic_batch_free(batch);
    unic_model_free(model);
}
END_TEST

/* Their name of a term of ours. */
static const struct {
    const char *ours, *theirs;
} term_names[] = {
    {"total", "total"},
    {"reconstruction.audio", "recon_audio"},
    {"reconstruction.video", "recon_video"},
    {"commitment.audio", "commit_audio"},
    {"commitment.video", "commit_video"},
    {"club.audio", "mi_audio"},
    {"club.video", "mi_video"},
    {"cpc", "cpc"},
    {"code_match", "cmcm"},
};

static double term_of(const unic_trainer *t, const double *terms, const char *name)
{
    for (size_t i = 0; i < unic_trainer_figure_count(t); i++)
        if (strcmp(unic_trainer_figure_name(t, i), name) == 0)
            return terms[i];
    ck_abort_msg("no term %s", name);
    return NAN;
}

static void compare_terms(const unic_trainer *t, const double *terms, int step)
{
    static const char *const norms[] = {"cpc", "encoder", "club.audio", "club.video",
                                        "decoder"};
    char name[96];
    double bound = step == 0 ? 1e-4 : 1e-3, want[5];
    for (size_t i = 0; i < sizeof term_names / sizeof term_names[0]; i++) {
        snprintf(name, sizeof name, "train/%d/loss/%s", step, term_names[i].theirs);
        double theirs = read_scalar(name), ours = term_of(t, terms, term_names[i].ours);
        if (!(fabs(ours - theirs) <= bound * fmax(fabs(theirs), 1.0)))
            ck_abort_msg("step %d: %s is %.9g, theirs %.9g", step, term_names[i].ours, ours,
                         theirs);
    }
    for (size_t m = 0; m < MODALITIES; m++) { /* the last inner fit's */
        double fits[5];
        snprintf(name, sizeof name, "train/%d/loss/club_nll_%s", step, modality[m]);
        ck_assert(unic__npz_read_f64(trace, name, fits, 5) == UNIC_OK);
        snprintf(name, sizeof name, "club_fit.%s", modality[m]);
        double ours = term_of(t, terms, name);
        if (!(fabs(ours - fits[4]) <= bound * fmax(fabs(fits[4]), 1.0)))
            ck_abort_msg("step %d: %s is %.9g, theirs %.9g", step, name, ours, fits[4]);
    }
    snprintf(name, sizeof name, "train/%d/grad_norm", step);
    ck_assert(unic__npz_read_f64(trace, name, want, 5) == UNIC_OK);
    for (size_t i = 0; i < 5; i++) {
        snprintf(name, sizeof name, "grad_norm.%s", norms[i]);
        double ours = term_of(t, terms, name);
        if (!(fabs(ours - want[i]) <= 1e-3 * fmax(want[i], 1e-3)))
            ck_abort_msg("step %d: %s is %.9g, theirs %.9g", step, name, ours, want[i]);
    }
}

/*
 * Video's CLUB view gets a gradient from mi_video alone, which is -1e-6 here: the difference of
 * two nearly equal means. Its entries are below 1e-5, and float32 rounds what they are
 * differences of by up to 6e-9, depending on the order of the sums (0.7 to 1.6 of 1e-3 x the
 * largest was seen).
 */
static const double cancelled = 1e-8;

/* Every gradient of the step; ours are laid out as theirs first. Returns how many were
 * compared. */
static size_t compare_gradients(const unic_trainer *t)
{
    size_t compared = 0;
    for (size_t i = 0; i < t->params.n; i++) {
        const unic__param *p = t->params.at[i];
        unic__cmg_place place;
        char name[256];
        bool found = false;
        for (size_t m = 0; m < MODALITIES && !found; m++)
            found = unic__cmg_find(&t->config->modality[m], p->name, &place);
        ck_assert_msg(found, "%s", p->name);
        snprintf(name, sizeof name, "train/0/grad/%.*s/%s", (int)strcspn(place.part, "_"),
                 place.part, place.name);
        size_t n;
        double *theirs = read_array(name, &n), largest = 0.0, worst = 0.0;
        ck_assert_uint_eq(n, p->count);
        float *as_float = malloc(n * sizeof(float)), *want = malloc(n * sizeof(float));
        for (size_t k = 0; k < n; k++)
            as_float[k] = (float)theirs[k];
        unic__cmg_convert(&place, &p->shape, as_float, want);
        bool bias_of_keys = strstr(name, "in_proj_bias") != NULL;
        bool zero = strstr(name, "_predictors.0.bias") != NULL; /* in theory: rounding noise */
        const float *got = t->params.grads + p->offset;
        for (size_t k = 0; k < n; k++) {
            double off = fabs((double)got[k] - (double)want[k]);
            bool key = bias_of_keys && k >= D && k < 2 * D;
            if (key && !(off <= 1e-6))
                ck_abort_msg("%s[%zu]: %g, theirs %g", name, k, got[k], want[k]);
            worst = fmax(worst, key ? 0.0 : off);
            largest = fmax(largest, fabs((double)want[k]));
        }
        double bound = zero ? 1e-6 : fmax(1e-3 * largest, cancelled);
        if (!(worst <= bound))
            ck_abort_msg("%s: off by %g, allowed %g (largest entry %g)", name, worst, bound,
                         largest);
        free(theirs);
        free(as_float);
        free(want);
        compared++;
    }
    return compared;
}

static void compare_codebook(const unic_trainer *t, int step)
{
    char name[96];
    const unic_codebook *cb = t->codebook;
    snprintf(name, sizeof name, "train/%d/codebook/embedding", step);
    compare(name, cb->embedding, 1e-3, 0.0);
    snprintf(name, sizeof name, "train/%d/codebook/ema_count", step);
    compare(name, cb->count, 1e-3, 0.0);
    snprintf(name, sizeof name, "train/%d/codebook/ema_weight", step);
    compare(name, cb->sum, 1e-3, 0.0);
    snprintf(name, sizeof name, "train/%d/codebook/unactivated_count", step);
    float idle[L]; /* as floats, for the comparison; theirs counts for any modality */
    for (size_t l = 0; l < L; l++)
        idle[l] = (float)(cb->idle[l] < cb->idle[L + l] ? cb->idle[l] : cb->idle[L + l]);
    compare(name, idle, 0.0, 1e-6);
}

START_TEST(five_steps_follow_theirs)
{
    float *features[MODALITIES];
    double terms[64];
    unic_batch *batch = the_batch(features);
    unic_trainer *t;
    unic_set_threads(1 + _i);
    ck_assert_msg(unic_trainer_import(&t, SAMPLE "DCID-model-0.pt", SETTINGS, NULL, NULL) ==
                      UNIC_OK,
                  "%s", unic_last_error());
    ck_assert_uint_le(unic_trainer_figure_count(t), 64);
    for (int step = 0; step < 5; step++) {
        int32_t at, perm[MODALITIES][B];
        const int32_t *perms[MODALITIES] = {perm[0], perm[1]};
        char name[96];
        snprintf(name, sizeof name, "train/%d/draw/cpc_t", step);
        ck_assert(unic__npz_read_i32(trace, name, &at, 1) == UNIC_OK);
        for (size_t m = 0; m < MODALITIES; m++) {
            snprintf(name, sizeof name, "train/%d/draw/club_perm_%s", step, modality[m]);
            ck_assert(unic__npz_read_i32(trace, name, perm[m], B) == UNIC_OK);
        }
        unic_draws draws = {
            .struct_size = sizeof draws, .cpc_step = &at, .club_permutation = perms};
        ck_assert_msg(unic_trainer_step(t, batch, &draws, terms) == UNIC_OK, "%s",
                      unic_last_error());
        compare_terms(t, terms, step);
        if (step == 0)
            ck_assert_uint_eq(compare_gradients(t), t->params.n);
        compare_codebook(t, step);
    }
    for (size_t m = 0; m < MODALITIES; m++)
        free(features[m]);
    unic_trainer_free(t);
    unic_batch_free(batch);
    unic_set_threads(1);
}
END_TEST

START_TEST(the_checkpoint_behind_them_goes_on)
{
    float *features[MODALITIES];
    double terms[64];
    unic_batch *batch = the_batch(features);
    unic_trainer *t;
    ck_assert_msg(
        unic_trainer_import(&t, SAMPLE "DCID-model-after5.pt", SETTINGS, NULL, NULL) == UNIC_OK,
        "%s", unic_last_error());
    ck_assert_uint_eq(unic_trainer_step_count(t), 5);
    ck_assert_uint_eq(t->adam.steps, 5);
    ck_assert_uint_eq(t->club_adam.steps, 25);
    compare_codebook(t, 4);
    ck_assert_msg(unic_trainer_step(t, batch, NULL, terms) == UNIC_OK, "%s", unic_last_error());
    ck_assert_uint_eq(unic_trainer_step_count(t), 6);
    ck_assert(isfinite(terms[0]) && terms[0] < read_scalar("train/0/loss/total"));
    for (size_t m = 0; m < MODALITIES; m++)
        free(features[m]);
    unic_trainer_free(t);
    unic_batch_free(batch);
}
END_TEST

int main(void)
{
    if (access(SAMPLE "trace.npz", R_OK) != 0) {
        printf("skipped: the CMG trace (no " SAMPLE
               ")\n100%%: Checks: 0, Failures: 0, Errors: 0\n");
        return 0;
    }
    if (npz_open(&trace, SAMPLE "trace.npz") != UNIC_OK) {
        printf("%s\n", unic_last_error());
        return 1;
    }
    Suite *suite = suite_create("train/cmg_trace");
    TCase *tc = tcase_create("trace");
    tcase_add_test(tc, inference_gives_their_vectors_and_codes);
    tcase_add_loop_test(tc, five_steps_follow_theirs, 0, 2);
    tcase_add_test(tc, the_checkpoint_behind_them_goes_on);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    unic__npz_close(trace);
    return failed != 0;
}
