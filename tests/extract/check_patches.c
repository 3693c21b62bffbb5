/* Typical patches: the equation by double loops, what fitting learns, files, what is refused.
 * tests/extract/test_extract.py compares with the demo's script. */
#include "extract/patches.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "extract/eigen.h"
#include "file/io_help.h"
#include "model/small_model.h"

enum { SIDE = 8, CELLS = 4, PATCH = 4, COMPONENTS = 5, CHANNELS = 6, FRAMES = 30 };
static const char small[] = "kind = patches\nside = 8\ncells = 4\npatch = 4\ncomponents = 5\n"
                            "channels = 6\nsamples = 400\n";
static unsigned char frames[FRAMES][SIDE][SIDE][3];

static unic_array fill_frames(void)
{
    unic_array a;
    for (size_t i = 0; i < sizeof frames; i++)
        (&frames[0][0][0][0])[i] =
            (unsigned char)(unic__random_bits(unic__random_key(2, 0, 0), i / 7) % 256);
    unic_array_init(&a, frames, UNIC_U8, 4, (const int64_t[]){FRAMES, SIDE, SIDE, 3});
    return a;
}

static unic_extractor *made(const char *more)
{
    char text[512];
    unic_extractor *e;
    snprintf(text, sizeof text, "%s%s", small, more);
    io_assert_ok(unic_extractor_create(&e, text, NULL));
    return e;
}

static unic_extractor *fitted(const char *more)
{
    const unic_array a = fill_frames();
    unic_extractor *e = made(more);
    io_assert_ok(unic_extractor_fit(e, &a));
    return e;
}

static double pixel(size_t frame, int y, int x, int colour)
{
    if (y < 0 || x < 0 || y >= SIDE || x >= SIDE)
        return 0;
    const unsigned char *p = frames[frame][y][x];
    return (colour < 0 ? 0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2] : p[colour]) / 255;
}

/* y [channels] of one cell. */
static void naive(double *out, const unic__patches *p, size_t frame, int cy, int cx)
{
    double d[CHANNELS], mean = 0;
    const int planes = (int)p->planes;
    for (size_t k = 0; k < CHANNELS; k++) {
        d[k] = 0;
        for (size_t j = 0; j < COMPONENTS; j++) {
            double z = -p->shift[j];
            for (int i = 0; i < PATCH * PATCH * planes; i++) {
                const int at = i / planes, c = planes == 3 ? i % 3 : -1;
                z += pixel(frame, cy * 2 - 1 + at / PATCH, cx * 2 - 1 + at % PATCH, c) *
                     p->projection[i * COMPONENTS + j];
            }
            d[k] += pow(z - p->centres[k * COMPONENTS + j], 2);
        }
        d[k] = sqrt(d[k]);
        mean += d[k] / CHANNELS;
    }
    for (size_t k = 0; k < CHANNELS; k++)
        out[k] = (fmax(0, mean - d[k]) - p->mean[k]) / p->deviation[k];
}

START_TEST(features_are_those_of_the_equation)
{
    unic_extractor *e = fitted(_i ? "colors = rgb" : "");
    const unic_array a = fill_frames();
    static float y[FRAMES][CELLS][CELLS][CHANNELS];
    size_t steps;
    double want[CHANNELS];
    io_assert_ok(unic_extractor_extract(&steps, e, &a, FRAMES, &y[0][0][0][0]));
    ck_assert_uint_eq(steps, FRAMES);
    for (size_t f = 0; f < FRAMES; f++)
        for (int cy = 0; cy < CELLS; cy++)
            for (int cx = 0; cx < CELLS; cx++) {
                naive(want, e->plan.patches, f, cy, cx);
                for (size_t k = 0; k < CHANNELS; k++)
                    ck_assert_double_eq_tol(y[f][cy][cx][k], want[k], 1e-4);
            }
    unic_extractor_free(e);
}
END_TEST

/* Over what was fitted, every channel has mean 0 and deviation 1. */
START_TEST(fitted_features_are_normalised)
{
    unic_extractor *e = fitted("");
    const unic_array a = fill_frames();
    static float y[FRAMES * CELLS * CELLS][CHANNELS];
    const size_t rows = FRAMES * CELLS * CELLS;
    size_t steps;
    io_assert_ok(unic_extractor_extract(&steps, e, &a, FRAMES, y[0]));
    for (size_t k = 0; k < CHANNELS; k++) {
        double sum = 0, square = 0;
        for (size_t i = 0; i < rows; i++)
            sum += y[i][k], square += y[i][k] * y[i][k];
        ck_assert_double_eq_tol(sum / rows, 0, 1e-4);
        ck_assert_double_eq_tol(square / rows, 1, 1e-3);
    }
    unic_extractor_free(e);
}
END_TEST

START_TEST(fitting_is_a_function_of_frames_and_seed)
{
    unic_extractor *one = fitted(""), *same = fitted(""), *other = fitted("seed = 1");
    const uint64_t before = unic_extractor_fingerprint(one);
    unic_extractor *unfitted = made("");
    ck_assert(before == unic_extractor_fingerprint(same));
    ck_assert(before != unic_extractor_fingerprint(other));
    ck_assert(before != unic_extractor_fingerprint(unfitted));
    const unic_array a = fill_frames();
    unic_set_threads(2);
    io_assert_ok(unic_extractor_fit(one, &a));
    unic_set_threads(1);
    ck_assert(before == unic_extractor_fingerprint(one));
    unic_extractor_free(one);
    unic_extractor_free(same);
    unic_extractor_free(other);
    unic_extractor_free(unfitted);
}
END_TEST

START_TEST(files_give_the_same_extractor)
{
    char path[600], other[600];
    unic_extractor *e = fitted(""), *again = NULL, *words, *unfitted = made("");
    snprintf(path, sizeof path, "%s", io_path("patches.npz"));
    snprintf(other, sizeof other, "%s", io_path("words.npz"));
    io_assert_ok(unic_extractor_save(e, path));
    io_assert_ok(unic_extractor_load(&again, path, NULL));
    ck_assert(unic_extractor_fingerprint(e) == unic_extractor_fingerprint(again));
    ck_assert_str_eq(unic_extractor_settings(e), unic_extractor_settings(again));
    unic_extractor_free(again);
    io_assert_fails(unic_extractor_save(unfitted, other), UNIC_E_STATE,
                    "an extractor of kind patches has no weights until it is fitted");
    io_assert_ok(unic_extractor_create(&words, "kind = ngrams\nbuckets = 3", NULL));
    io_assert_ok(unic_extractor_save(words, other));
    io_assert_ok(unic_extractor_load(&again, other, NULL));
    ck_assert(unic_extractor_fingerprint(words) == unic_extractor_fingerprint(again));
    unic_extractor_free(again);
    unic_extractor_free(words);
    unic_extractor_free(unfitted);
    unic_extractor_free(e);
}
END_TEST

static void write_file(const char *path, const char *settings, size_t channels)
{
    const float numbers[64] = {0};
    unic_npz_writer *w;
    unic_array a;
    io_assert_ok(unic_npz_writer_create(&w, path));
    if (settings)
        io_assert_ok(unic_npz_writer_add_text(w, "extractor.ini", settings));
    unic_array_init(&a, numbers, UNIC_F32, 2, (const int64_t[]){(int64_t)channels, COMPONENTS});
    io_assert_ok(unic_npz_writer_add(w, "centres", &a));
    io_assert_ok(unic_npz_writer_finish(w));
    unic_npz_writer_free(w);
}

START_TEST(files_that_are_refused)
{
    char path[600];
    unic_extractor *e;
    snprintf(path, sizeof path, "%s", io_path("bad.npz"));
    write_file(path, NULL, CHANNELS);
    io_assert_fails(unic_extractor_load(&e, path, NULL), UNIC_E_FORMAT,
                    "is no extractor: it has no member extractor.ini");
    ck_assert_ptr_null(e);
    write_file(path, "kind = patch", CHANNELS);
    io_assert_fails(unic_extractor_load(&e, path, NULL), UNIC_E_FORMAT,
                    "settings, line 1: kind = patch is not one of");
    write_file(path, small, CHANNELS + 1);
    io_assert_fails(unic_extractor_load(&e, path, NULL), UNIC_E_FORMAT,
                    "centres has shape [7,5], expected [6,5]");
    write_file(path, small, CHANNELS);
    io_assert_fails(unic_extractor_load(&e, path, NULL), UNIC_E_FORMAT, "deviation");
}
END_TEST

START_TEST(what_is_refused)
{
    static float y[CELLS * CELLS * CHANNELS];
    unic_extractor *e = made(""), *words;
    unic_array a = fill_frames(), floats;
    size_t steps;
    const struct {
        const char *more, *what;
    } bad[] = {{"\ncells = 3", "cells was already set"},
               {"colors = gray\nseed = -1", "seed = -1 is out of range"}};
    for (size_t i = 0; i < 2; i++) {
        char text[512];
        unic_extractor *none;
        snprintf(text, sizeof text, "%s%s", small, bad[i].more);
        io_assert_fails(unic_extractor_create(&none, text, NULL), UNIC_E_CONFIG, bad[i].what);
    }
    const char *const wrong[][2] = {
        {"kind = patches\ncells = 5", "cells = 5 does not divide side = 28"},
        {"kind = patches\npatch = 3", "patch = 3 is not a cell's side, 4, or more by an even"},
        {"kind = patches\npatch = 5", "patch = 5 is not a cell's side, 4, or more by an even"},
        {"kind = patches\npatch = 4", "components = 40 is more than a patch has numbers, 16"},
        {"kind = patches\nchannels = 200\nsamples = 100",
         "samples = 100 is less than channels"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        unic_extractor *none;
        io_assert_fails(unic_extractor_create(&none, wrong[i][0], NULL), UNIC_E_CONFIG,
                        wrong[i][1]);
    }
    io_assert_ok(unic_extractor_extract(&steps, e, &a, 0, NULL));
    ck_assert_uint_eq(steps, FRAMES);
    a.dims[0] = 1;
    io_assert_fails(unic_extractor_extract(&steps, e, &a, 1, y), UNIC_E_STATE,
                    "no weights until it is fitted; unic_extractor_load() reads one that was");
    unic_array_init(&floats, y, UNIC_F32, 4, (const int64_t[]){0, SIDE, SIDE, 3});
    io_assert_fails(unic_extractor_fit(e, &floats), UNIC_E_ARG, "frames are float32, uint8");
    a.dims[3] = 1;
    io_assert_fails(unic_extractor_fit(e, &a), UNIC_E_SHAPE,
                    "frames is [1,8,8,1], [1,8,8,3] expected, of any number");
    io_assert_ok(unic_extractor_create(&words, "kind = ngrams\nbuckets = 3", NULL));
    io_assert_fails(unic_extractor_fit(words, &a), UNIC_E_ARG, "reads text");
    unic_extractor_free(words);
    unic_extractor_free(e);
}
END_TEST

START_TEST(a_fit_that_fails_changes_nothing)
{
    unic_extractor *e = fitted(""), *sound;
    const uint64_t before = unic_extractor_fingerprint(e);
    unic_array a = fill_frames(), silence;
    const float samples[8] = {0};
    memset(frames, 9, sizeof frames);
    memset(frames[0][0], 9, sizeof frames[0][0]);
    a.dims[0] = 0;
    io_assert_fails(unic_extractor_fit(e, &a), UNIC_E_VALUE,
                    "the frames have 0 patches, at least channels = 6 expected");
    memset(frames, 0, sizeof frames);
    a.dims[0] = FRAMES;
    io_assert_fails(unic_extractor_fit(e, &a), UNIC_E_VALUE, "all their patches are the same");
    ck_assert(before == unic_extractor_fingerprint(e));
    io_assert_ok(unic_extractor_create(&sound, "kind = logmel", NULL));
    unic_array_init(&silence, samples, UNIC_F32, 1, (const int64_t[]){8});
    io_assert_fails(unic_extractor_fit(sound, &silence), UNIC_E_ARG,
                    "kind logmel has nothing that is fitted to its input; "
                    "unic_extractor_normalise() takes its features");
    unic_extractor_free(sound);
    unic_extractor_free(e);
}
END_TEST

/* A = V^T diag(l) V, with rows of V of length 1 and at right angles. */
START_TEST(eigenvectors)
{
    enum { N = 12 };
    double a[N * N], kept[N * N], v[N * N];
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j <= i; j++)
            kept[i * N + j] = kept[j * N + i] = i / 3 == j / 3
                                                    ? 1
                                                    : unic__random_normal(
                                                          unic__random_key(1, 0, 0), i * N + j);
    memcpy(a, kept, sizeof a);
    unic__eigen(a, v, N);
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < N; j++) {
            double dot = 0, back = 0;
            for (size_t k = 0; k < N; k++) {
                dot += v[i * N + k] * v[j * N + k];
                back += v[k * N + i] * a[k * N + k] * v[k * N + j];
            }
            ck_assert_double_eq_tol(dot, i == j, 1e-12);
            ck_assert_double_eq_tol(back, kept[i * N + j], 1e-12);
        }
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("patches");
    tcase_add_loop_test(t, features_are_those_of_the_equation, 0, 2);
    tcase_add_test(t, fitted_features_are_normalised);
    tcase_add_test(t, fitting_is_a_function_of_frames_and_seed);
    tcase_add_test(t, files_give_the_same_extractor);
    tcase_add_test(t, files_that_are_refused);
    tcase_add_test(t, what_is_refused);
    tcase_add_test(t, a_fit_that_fails_changes_nothing);
    tcase_add_test(t, eigenvectors);
    return small_run("extract/patches", t);
}
