/* Features at mean 0 and deviation 1: the equation, files, what ends it, what is refused.
 * tests/extract/test_extract.py compares with numpy. */
#include "extract/extract.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "extract/small_bert.h"
#include "extract/small_weights.h"
#include "file/io_help.h"
#include "model/small_model.h"

enum { RATE = 1000, SECONDS = 6, FRAMES = 4, BANDS = 3, WIDTH = FRAMES * BANDS };
static const char small[] = "kind = logmel\nrate = 1000\nwindow = 30\nhop = 10\nbands = 3\n"
                            "high = 400\nframes = 4\n";

static unic_extractor *made(const char *settings)
{
    unic_extractor *e;
    io_assert_ok(unic_extractor_create(&e, settings, NULL));
    return e;
}

static unic_array sound(void)
{
    static float x[RATE * SECONDS];
    unic_array a;
    for (size_t i = 0; i < RATE * SECONDS; i++)
        x[i] = (float)(0.1 + i / 3000.0) * unic__random_normal(unic__random_key(4, 0, 0), i);
    unic_array_init(&a, x, UNIC_F32, 1, (const int64_t[]){RATE * SECONDS});
    return a;
}

static unic_array steps_of(const void *y, unic_dtype dtype, int64_t steps)
{
    unic_array a;
    unic_array_init(&a, y, dtype, 3, (const int64_t[]){steps, FRAMES, BANDS});
    return a;
}

static void extract(unic_extractor *e, float y[SECONDS][WIDTH])
{
    const unic_array x = sound();
    size_t steps;
    io_assert_ok(unic_extractor_extract(&steps, e, &x, SECONDS, y[0]));
    ck_assert_uint_eq(steps, SECONDS);
}

/* An extractor of spectra, normalised over what it gave before; y: that. */
static unic_extractor *normalised(float y[SECONDS][WIDTH])
{
    unic_extractor *e = made(small);
    extract(e, y);
    const unic_array a = steps_of(y, UNIC_F32, SECONDS);
    io_assert_ok(unic_extractor_normalise(e, &a));
    return e;
}

/* Mean and deviation of channel k over all steps and frames. */
static void moments(double *mean, double *deviation, const float y[SECONDS][WIDTH], size_t k)
{
    double sum = 0, square = 0;
    for (size_t i = k; i < SECONDS * WIDTH; i += BANDS)
        sum += y[i / WIDTH][i % WIDTH];
    *mean = sum / (SECONDS * FRAMES);
    for (size_t i = k; i < SECONDS * WIDTH; i += BANDS)
        square += pow(y[i / WIDTH][i % WIDTH] - *mean, 2);
    *deviation = sqrt(square / (SECONDS * FRAMES));
}

START_TEST(each_band_has_mean_0_and_deviation_1)
{
    static float before[SECONDS][WIDTH], y[SECONDS][WIDTH];
    unic_extractor *e = normalised(before);
    double mean, deviation;
    extract(e, y);
    for (size_t k = 0; k < BANDS; k++) {
        moments(&mean, &deviation, before, k);
        for (size_t i = k; i < SECONDS * WIDTH; i += BANDS)
            ck_assert_double_eq_tol(y[i / WIDTH][i % WIDTH],
                                    (before[i / WIDTH][i % WIDTH] - mean) / deviation, 2e-6);
    }
    unic_extractor_free(e);
}
END_TEST

/* Normalised features are features as well: what comes of them is behind what was there. */
START_TEST(again_over_other_steps)
{
    static float before[SECONDS][WIDTH], y[SECONDS][WIDTH];
    static double wide[2][WIDTH];
    unic_extractor *e = normalised(before);
    double mean, deviation;
    extract(e, y);
    for (size_t i = 0; i < WIDTH; i++)
        wide[0][i] = y[4][i], wide[1][i] = y[5][i];
    const unic_array two = steps_of(wide, UNIC_F64, 2);
    io_assert_ok(unic_extractor_normalise(e, &two));
    extract(e, y);
    for (size_t k = 0; k < BANDS; k++) {
        double sum = 0, square = 0;
        for (size_t i = k; i < 2 * WIDTH; i += BANDS)
            sum += y[4 + i / WIDTH][i % WIDTH], square += pow(y[4 + i / WIDTH][i % WIDTH], 2);
        ck_assert_double_eq_tol(sum / (2 * FRAMES), 0, 1e-5);
        ck_assert_double_eq_tol(square / (2 * FRAMES), 1, 1e-5);
        moments(&mean, &deviation, y, k);
        ck_assert_double_gt(fabs(mean), 0.1); /* over all steps it is another one */
    }
    unic_extractor_free(e);
}
END_TEST

/* A channel that never varies is divided by a tenth of the mean deviation, and stays finite. */
START_TEST(a_channel_that_does_not_vary)
{
    unic_extractor *e = made("kind = ngrams\ndim = 3\nbuckets = 7");
    const float given[][3] = {{1, 5, -1}, {3, 5, 1}};
    float plain[3], y[3];
    size_t steps;
    unic_array a;
    unic_array_init(&a, given, UNIC_F32, 2, (const int64_t[]){2, 3});
    io_assert_ok(unic_extractor_extract_text(&steps, e, "word", 4, 1, plain));
    io_assert_ok(unic_extractor_normalise(e, &a));
    io_assert_ok(unic_extractor_extract_text(&steps, e, "word", 4, 1, y));
    ck_assert_float_eq_tol(y[0], plain[0] - 2, 1e-6F);
    ck_assert_float_eq_tol(y[1], (plain[1] - 5) / (0.1F * 2 / 3), 1e-4F);
    ck_assert_float_eq_tol(y[2], plain[2], 1e-6F);
    unic_extractor_free(e);
}
END_TEST

START_TEST(files_have_it)
{
    static float before[SECONDS][WIDTH], y[SECONDS][WIDTH], z[SECONDS][WIDTH];
    char path[600];
    unic_extractor *e = normalised(before), *plain = made(small), *again;
    snprintf(path, sizeof path, "%s", io_path("normalised.npz"));
    ck_assert(unic_extractor_fingerprint(e) != unic_extractor_fingerprint(plain));
    ck_assert_str_eq(unic_extractor_settings(e), unic_extractor_settings(plain));
    io_assert_ok(unic_extractor_save(e, path));
    io_assert_ok(unic_extractor_load(&again, path, NULL));
    ck_assert(unic_extractor_fingerprint(e) == unic_extractor_fingerprint(again));
    extract(e, y);
    extract(again, z);
    ck_assert_mem_eq(y, z, sizeof y);
    unic_extractor_free(again);
    unic_extractor_free(plain);
    unic_extractor_free(e);
}
END_TEST

static void write_file(const char *path, const char *with, const float *numbers, size_t n)
{
    static const float ones[BANDS] = {1, 1, 1};
    const char *const names[] = {"normalise.mean", "normalise.deviation"};
    unic_npz_writer *w;
    io_assert_ok(unic_npz_writer_create(&w, path));
    io_assert_ok(unic_npz_writer_add_text(w, "extractor.ini", small));
    for (size_t i = 0; i < 2; i++) {
        const bool odd = strcmp(names[i], with) == 0;
        unic_array a;
        unic_array_init(&a, odd ? numbers : ones, UNIC_F32, 1,
                        (const int64_t[]){odd ? (int64_t)n : BANDS});
        if (!odd || numbers)
            io_assert_ok(unic_npz_writer_add(w, names[i], &a));
    }
    io_assert_ok(unic_npz_writer_finish(w));
    unic_npz_writer_free(w);
}

START_TEST(files_that_are_refused)
{
    const struct {
        const char *name;
        float numbers[4];
        size_t n; /* 0: the array is missing */
        const char *why;
    } bad[] = {
        {"normalise.mean", {0}, 0, "normalise.mean"},
        {"normalise.deviation", {0}, 0, "normalise.deviation"},
        {"normalise.mean", {0}, 4, "normalise.mean has shape [4], expected [3]"},
        {"normalise.deviation", {1, 1}, 2, "normalise.deviation has shape [2], expected [3]"},
        {"normalise.mean", {0, NAN, 0}, 3, "normalise.mean"},
        {"normalise.deviation", {1, INFINITY, 1}, 3, "normalise.deviation"},
        {"normalise.deviation",
         {1, 0, 1},
         3,
         "normalise.deviation has a deviation that is not above 0"},
        {"normalise.deviation", {1, 1, -1}, 3, "has a deviation that is not above 0"},
        {"normalise.deviation", {1e-40F, 1, 1}, 3, "has a deviation that is not above 0"}};
    char path[600];
    unic_extractor *e = (void *)&e;
    snprintf(path, sizeof path, "%s", io_path("bad.npz"));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_file(path, bad[i].name, bad[i].n ? bad[i].numbers : NULL, bad[i].n);
        io_assert_fails(unic_extractor_load(&e, path, NULL), UNIC_E_FORMAT, bad[i].why);
        ck_assert_ptr_null(e);
    }
    write_file(path, "", NULL, 0);
    io_assert_ok(unic_extractor_load(&e, path, NULL));
    unic_extractor_free(e);
}
END_TEST

START_TEST(features_that_are_refused)
{
    static float y[SECONDS][WIDTH], flat[2][WIDTH];
    unic_extractor *e = normalised(y), *network = made("kind = vggish"),
                   *text = made(SMALL_BERT);
    const uint64_t before = unic_extractor_fingerprint(e);
    unic_array a = steps_of(y, UNIC_F32, SECONDS);
    a.rank = 2;
    io_assert_fails(unic_extractor_normalise(e, &a), UNIC_E_SHAPE,
                    "unic_extractor_normalise: features is [6,4], [0,4,3] expected, of any "
                    "number of steps");
    a = steps_of(y, UNIC_F32, SECONDS);
    a.dims[2] = 2;
    io_assert_fails(unic_extractor_normalise(e, &a), UNIC_E_SHAPE,
                    "features is [6,4,2], [6,4,3] expected");
    a = steps_of(y, UNIC_F32, 0);
    io_assert_fails(unic_extractor_normalise(e, &a), UNIC_E_VALUE,
                    "features of 0 steps do not vary");
    a = steps_of(flat, UNIC_F32, 2);
    io_assert_fails(unic_extractor_normalise(e, &a), UNIC_E_VALUE,
                    "features of 2 steps do not vary: at least two steps that differ are");
    flat[1][3] = NAN;
    io_assert_fails(unic_extractor_normalise(e, &a), UNIC_E_VALUE,
                    "features hold NaN or Inf in step 1");
    a = steps_of(y, (unic_dtype)77, SECONDS);
    io_assert_fails(unic_extractor_normalise(e, &a), UNIC_E_ARG, "features");
    ck_assert(before == unic_extractor_fingerprint(e));
    unic_array_init(&a, y, UNIC_F32, 2, (const int64_t[]){2, 128});
    io_assert_fails(unic_extractor_normalise(network, &a), UNIC_E_STATE, "no weights until");
    io_assert_fails(unic_extractor_normalise(text, &a), UNIC_E_STATE, "no vocabulary until");
    unic_extractor_free(text);
    unic_extractor_free(network);
    unic_extractor_free(e);
}
END_TEST

/* What is divided by comes to more than a float32 has. */
START_TEST(deviations_out_of_range)
{
    unic_extractor *e = made("kind = ngrams\ndim = 1\nbuckets = 3");
    float y[] = {-3e38F, 3e38F};
    unic_array a;
    unic_array_init(&a, y, UNIC_F32, 2, (const int64_t[]){2, 1});
    io_assert_ok(unic_extractor_normalise(e, &a));
    const uint64_t before = unic_extractor_fingerprint(e);
    y[0] = -10, y[1] = 10;
    io_assert_fails(unic_extractor_normalise(e, &a), UNIC_E_VALUE,
                    "features are too large or too small to be brought to deviation 1");
    ck_assert(before == unic_extractor_fingerprint(e));
    unic_extractor_free(e);
}
END_TEST

/* Other weights make other features, which nothing is known of. */
START_TEST(weights_end_it)
{
    static const float y[2][3] = {{1, 2, 3}, {4, 6, 8}};
    char path[600];
    unic_extractor *e = made("kind = vggish");
    unic_extractor *again;
    unic_array a;
    unic_array_init(&a, y, UNIC_F32, 2, (const int64_t[]){2, 3});
    snprintf(path, sizeof path, "%s", io_path("weights.npz"));
    io_assert_ok(small_weights(path, &small_vggish, "", SIZE_MAX));
    io_assert_ok(unic_extractor_load_weights(e, path, NULL));
    const uint64_t plain = unic_extractor_fingerprint(e);
    io_assert_ok(unic_extractor_normalise(e, &a));
    ck_assert(plain != unic_extractor_fingerprint(e));
    snprintf(path, sizeof path, "%s", io_path("saved.npz"));
    io_assert_ok(unic_extractor_save(e, path));
    io_assert_ok(unic_extractor_load(&again, path, NULL));
    ck_assert(unic_extractor_fingerprint(again) == unic_extractor_fingerprint(e));
    unic_extractor_free(again);
    snprintf(path, sizeof path, "%s", io_path("weights.npz"));
    io_assert_ok(unic_extractor_load_weights(e, path, NULL));
    ck_assert(plain == unic_extractor_fingerprint(e));
    unic_extractor_free(e);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("normalise");
    tcase_add_test(t, each_band_has_mean_0_and_deviation_1);
    tcase_add_test(t, again_over_other_steps);
    tcase_add_test(t, a_channel_that_does_not_vary);
    tcase_add_test(t, files_have_it);
    tcase_add_test(t, files_that_are_refused);
    tcase_add_test(t, features_that_are_refused);
    tcase_add_test(t, deviations_out_of_range);
    tcase_add_test(t, weights_end_it);
    return small_run("extract/normalise", t);
}
