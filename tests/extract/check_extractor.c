/* Extractors: what is refused, log-mel spectra against the equation by double loops, words against
 * their n-grams one by one. tests/extract/test_extract.py compares with numpy. */
#include "extract/extract.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "extract/numpy_random.h"
#include "file/io_help.h"
#include "file/zip.h"
#include "model/small_model.h"

enum { RATE = 2000 }; /* of the small spectra */
static const double pi = 3.14159265358979323846;
static const char small[] = "kind = logmel\nrate = 2000\nwindow = 20\nhop = 7.5\nbands = 5\n"
                            "low = 100\nhigh = 950\noffset = 0.001\nframes = 3\n";

static unic_extractor *made(const char *settings, const char *more)
{
    char text[512];
    unic_extractor *e;
    snprintf(text, sizeof text, "%s\n%s", settings, more);
    io_assert_ok(unic_extractor_create(&e, text, NULL));
    return e;
}

static unic_array array_of(const void *data, unic_dtype dtype, int64_t n)
{
    unic_array a;
    unic_array_init(&a, data, dtype, 1, &n);
    return a;
}

static void refuses(const char *settings, const char *what)
{
    unic_extractor *e = (void *)&e;
    io_assert_fails(unic_extractor_create(&e, settings, NULL), UNIC_E_CONFIG, what);
    ck_assert_ptr_null(e);
}

START_TEST(settings_that_are_refused)
{
    refuses("", "settings have no line \"kind = ...\"");
    refuses("kind = logmels",
            "line 1: kind = logmels is not one of bert | logmel | ngrams | patches | vggish | "
            "vgg19; did you mean logmel?");
    refuses("kind = logmel\nkind = ngrams", "line 2: kind was already set in line 1");
    refuses("kind = logmel\nband = 3", "line 2: band is not a key of kind logmel; did you mean "
                                       "bands?");
    refuses("bands = 0\nkind = logmel", "line 1: bands = 0 is out of range [1, 1024]");
    refuses("kind = logmel\nhigh = 9000",
            "high = 9000 is not above low = 125 and at most half");
    refuses("kind = logmel\nlow = 7500", "high = 7500 is not above low = 7500");
    refuses("kind = logmel\nwindow = 0.01", "are 0 and 160 samples");
    refuses("kind = logmel\nparts = 7", "parts = 7 does not divide frames = 96");
    refuses("kind = logmel\nframes = 99", "frames = 99 take 16080 samples, more than a second");
    refuses("kind = ngrams\nshortest = 6", "longest = 5 is below shortest = 6");
    unic_extractor *e;
    const unic_extractor_options o = {.struct_size = sizeof o, .threads = 300};
    io_assert_fails(unic_extractor_create(&e, "kind = logmel", &o), UNIC_E_ARG,
                    "options->threads = 300");
}
END_TEST

START_TEST(settings_are_read_again_as_they_are_printed)
{
    unic_extractor *e = made(small, "framing = vggish"), *again, *other = made(small, "");
    io_assert_ok(unic_extractor_create(&again, unic_extractor_settings(e), NULL));
    ck_assert_str_eq(unic_extractor_settings(e), unic_extractor_settings(again));
    ck_assert_ptr_nonnull(strstr(unic_extractor_settings(e), "hop = 7.5\n"));
    ck_assert(unic_extractor_fingerprint(e) == unic_extractor_fingerprint(again));
    ck_assert(unic_extractor_fingerprint(e) != unic_extractor_fingerprint(other));
    ck_assert_str_eq(unic_extractor_kind(e), "logmel");
    ck_assert_double_eq(unic_extractor_rate(e), RATE);
    ck_assert_int_eq(unic_extractor_input_of(e), UNIC_EXTRACTOR_SOUND);
    ck_assert_ptr_null(unic_extractor_kind(NULL));
    ck_assert_ptr_null(unic_extractor_settings(NULL));
    ck_assert(unic_extractor_fingerprint(NULL) == 0 && unic_extractor_input_of(NULL) == 0);
    ck_assert_double_eq(unic_extractor_rate(NULL), 0);
    unic_extractor_free(e);
    unic_extractor_free(again);
    unic_extractor_free(other);
}
END_TEST

/* ---- log-mel ---- */

static double mel(double f)
{
    return 1127 * log(1 + f / 700);
}

/* ln(sum of the triangle's weights and magnitudes + offset), for one frame and band of `small`. */
static double naive(const float *x, size_t band)
{
    const double step = (mel(950) - mel(100)) / 6;
    double sum = 0;
    for (size_t k = 1; k <= 32; k++) { /* a transform of 64 for 40 samples */
        double re = 0, im = 0, q = mel(k * RATE / 64.0);
        const double low = mel(100) + step * band;
        const double w = fmin((q - low) / step, (low + 2 * step - q) / step);
        for (size_t i = 0; i < 40; i++) {
            const double h = (0.5 - 0.5 * cos(2 * pi * i / 40)) * x[i];
            re += h * cos(2 * pi * k * i / 64);
            im -= h * sin(2 * pi * k * i / 64);
        }
        sum += fmax(0, w) * hypot(re, im);
    }
    return log(sum + 0.001);
}

static void fill(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = (float)sin(0.11 * i) + 0.2F * unic__random_normal(unic__random_key(3, 0, 0), i);
}

START_TEST(spectra_of_seconds_and_without_gaps)
{
    static float x[2 * RATE + 69], y[64 * 15], mean[64 * 5];
    const size_t n = sizeof x / sizeof *x;
    fill(x, n);
    for (int gapless = 0; gapless < 2; gapless++) {
        unic_extractor *e = made(small, gapless ? "framing = vggish" : "");
        unic_extractor *parts = made(small,
                                     gapless ? "framing = vggish\nparts = 1" : "parts = 1");
        const size_t stride = gapless ? 45 : RATE, steps = gapless ? 1 + (n - 70) / 45 : 2;
        const unic_array sound = array_of(x, UNIC_F32, (int64_t)n);
        size_t count;
        static float many[100 * 15];
        io_assert_ok(unic_extractor_extract(&count, e, &sound, 100, many));
        ck_assert_uint_eq(count, steps); /* the third second lacks one sample of a patch */
        for (size_t t = 0; t < steps; t++)
            for (size_t f = 0; f < 3; f++)
                for (size_t b = 0; b < 5; b++)
                    ck_assert_double_eq_tol(many[(t * 3 + f) * 5 + b],
                                            naive(x + t * stride + f * 15, b), 1e-6);
        io_assert_ok(unic_extractor_extract(&count, parts, &sound, 100, y));
        for (size_t t = 0; t < 2; t++)
            for (size_t b = 0; b < 5; b++) {
                mean[b] = (many[t * 15 + b] + many[t * 15 + 5 + b] + many[t * 15 + 10 + b]) / 3;
                ck_assert_float_eq_tol(y[t * 5 + b], mean[b], 2e-6F);
            }
        unic_extractor_free(e);
        unic_extractor_free(parts);
    }
}
END_TEST

START_TEST(sound_may_be_of_any_kind_and_strided)
{
    static float x[RATE], y[15], z[15];
    static double wide[2 * RATE];
    unic_extractor *e = made(small, "");
    size_t count;
    fill(x, RATE);
    for (size_t i = 0; i < RATE; i++)
        wide[2 * i] = x[i];
    unic_array sound = array_of(x, UNIC_F32, RATE), other = array_of(wide, UNIC_F64, RATE);
    other.strides[0] = 2 * sizeof(double);
    io_assert_ok(unic_extractor_extract(&count, e, &sound, 1, y));
    io_assert_ok(unic_extractor_extract(&count, e, &other, 1, z));
    ck_assert_mem_eq(y, z, sizeof y);
    unic_extractor_free(e);
}
END_TEST

START_TEST(sound_that_is_refused)
{
    static float x[2 * RATE], y[30];
    unic_extractor *e = made(small, ""), *text = made("kind = ngrams", "");
    const int64_t stereo[] = {RATE, 2};
    unic_array sound = array_of(x, UNIC_F32, 69), two;
    size_t count = 7;
    io_assert_ok(unic_extractor_extract(&count, e, &sound, 0, NULL));
    ck_assert_uint_eq(count, 0); /* shorter than a patch */
    sound.dims[0] = 2 * RATE;
    io_assert_ok(unic_extractor_extract(&count, e, &sound, 0, NULL));
    ck_assert_uint_eq(count, 2);
    io_assert_fails(unic_extractor_extract(&count, e, &sound, 1, y), UNIC_E_SHAPE,
                    "unic_extractor_extract: the input gives 2 steps, but features have room "
                    "for max_steps = 1");
    ck_assert_uint_eq(count, 2);
    x[RATE + 9] = NAN;
    io_assert_fails(unic_extractor_extract(&count, e, &sound, 2, y), UNIC_E_VALUE,
                    "the sound holds NaN or Inf in sample 2009");
    unic_array_init(&two, x, UNIC_F32, 2, stereo);
    io_assert_fails(unic_extractor_extract(&count, e, &two, 2, y), UNIC_E_SHAPE,
                    "sound is [2000,2], [0] expected, of any number: average the channels");
    io_assert_fails(unic_extractor_extract_text(&count, e, "a", 1, 2, y), UNIC_E_ARG,
                    "an extractor of kind logmel reads sound: unic_extractor_extract()");
    io_assert_fails(unic_extractor_extract(&count, text, &sound, 2, y), UNIC_E_ARG,
                    "an extractor of kind ngrams reads text: unic_extractor_extract_text()");
    io_assert_ok(unic__use_alone(&e->use, "test", "handle"));
    io_assert_fails(unic_extractor_extract(&count, e, &sound, 2, y), UNIC_E_STATE,
                    "extractor is in use by another call");
    unic__use_end(&e->use);
    unic_extractor_free(e);
    unic_extractor_free(text);
}
END_TEST

/* ---- words ---- */

START_TEST(words_are_sums_of_their_grams)
{
    static const char text[] = " \tab\xc3\xa9"
                               "d\xe3\x80\x80x\n"; /* "abéd", an ideographic space, "x" */
    static const char *const grams[] = {"<ab", "ab\xc3\xa9",
                                        "b\xc3\xa9"
                                        "d",
                                        "\xc3\xa9"
                                        "d>"};
    unic_extractor *one = made("kind = ngrams", "dim = 4\nbuckets = 97\nlongest = 3");
    unic_extractor *row = made("kind = ngrams",
                               "dim = 4\nbuckets = 97\nshortest = 16\nlongest = 16");
    static double table[97 * 4];
    unic__numpy_random random;
    float y[2][4], sum[4] = {0}, x[4];
    size_t count;
    io_assert_ok(unic_extractor_extract_text(&count, one, text, sizeof text - 1, 2, y[0]));
    ck_assert_uint_eq(count, 2);
    unic__numpy_random_begin(&random, 20240229);
    for (size_t i = 0; i < 97 * 4; i++)
        table[i] = unic__numpy_random_normal(&random);
    for (size_t g = 0; g < 4; g++) {
        const size_t bucket = unic__zip_crc(0, grams[g], strlen(grams[g])) % 97;
        for (size_t j = 0; j < 4; j++)
            sum[j] += (float)table[bucket * 4 + j];
    }
    for (size_t j = 0; j < 4; j++)
        ck_assert_float_eq_tol(y[0][j], sum[j] / 2, 1e-6F);
    io_assert_ok(unic_extractor_extract_text(&count, row, "x", 1, 1, x)); /* "<x>" */
    ck_assert_mem_eq(y[1], x, sizeof x);
    unic_extractor_free(one);
    unic_extractor_free(row);
}
END_TEST

START_TEST(text_that_is_not_utf8)
{
    static const struct {
        const char *text;
        size_t at;
    } bad[] = {{"a\x80", 1},        {"\xc0\x80", 0},         {"ab\xe2\x82", 2},
               {"\xed\xa0\x80", 0}, {"\xf4\x90\x80\x80", 0}, {"x\xff", 1},
               {"\xe0\x80\x80", 0}, {"\xf0\x80\x80\x80", 0}, {"\xc3(", 0}};
    unic_extractor *e = made("kind = ngrams", "");
    float y[64];
    size_t count;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char what[64];
        snprintf(what, sizeof what, "the text is not UTF-8: byte %zu is 0x", bad[i].at);
        io_assert_fails(
            unic_extractor_extract_text(&count, e, bad[i].text, strlen(bad[i].text), 1, y),
            UNIC_E_VALUE, what);
    }
    io_assert_ok(unic_extractor_extract_text(&count, e, "\xf0\x9f\x98\x80 \0", 6, 2, NULL));
    ck_assert_uint_eq(count, 2);
    io_assert_ok(unic_extractor_extract_text(&count, e, "", 0, 0, y));
    ck_assert_uint_eq(count, 0);
    unic_extractor_free(e);
}
END_TEST

START_TEST(dims_of_both_sides)
{
    unic_extractor *sound = made("kind = logmel", ""),
                   *parts = made("kind = logmel", "parts = 8");
    unic_extractor *text = made("kind = ngrams", "");
    int64_t dims[UNIC_MAX_RANK];
    size_t rank;
    io_assert_ok(unic_extractor_feature_dims(&rank, sound, dims));
    ck_assert(rank == 2 && dims[0] == 96 && dims[1] == 64);
    io_assert_ok(unic_extractor_input_dims(&rank, sound, dims));
    ck_assert(rank == 1 && dims[0] == 0);
    io_assert_ok(unic_extractor_feature_dims(&rank, parts, dims));
    ck_assert(rank == 1 && dims[0] == 8 * 64);
    io_assert_ok(unic_extractor_feature_dims(&rank, text, dims));
    ck_assert(rank == 1 && dims[0] == 64);
    io_assert_ok(unic_extractor_input_dims(&rank, text, dims));
    ck_assert_uint_eq(rank, 0);
    unic_extractor_free(sound);
    unic_extractor_free(parts);
    unic_extractor_free(text);
}
END_TEST

/* ---- the page ---- */

/* The row of a key as docs/media.md must have it; "|" ends a cell there. */
static void print_row(const unic__config_key *key, char *row, size_t size)
{
    char allowed[128], *to = allowed;
    for (const char *c = key->allowed; *c; *to++ = *c++)
        if (*c == '|')
            *to++ = '\\';
    *to = '\0';
    snprintf(row, size, "| `%s` | `%s` | %s | %s |\n", key->name, key->paper, allowed,
             key->help);
}

START_TEST(every_key_is_in_the_docs)
{
    static const unic__extract_kind *const kinds[] = {
        &unic__extract_logmel, &unic__extract_ngrams, &unic__extract_patches,
        &unic__extract_vggish, &unic__extract_vgg19};
    char row[512];
    size_t size;
    char *page = (char *)io_read("docs/media.md", &size);
    page = realloc(page, size + 1);
    page[size] = '\0';
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (size_t i = 0; i < kinds[k]->key_count; i++) {
            print_row(&kinds[k]->keys[i], row, sizeof row);
            ck_assert_msg(strstr(page, row) != NULL, "docs/media.md has no line\n%s", row);
        }
    free(page);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("extractor");
    tcase_add_test(t, every_key_is_in_the_docs);
    tcase_add_test(t, settings_that_are_refused);
    tcase_add_test(t, settings_are_read_again_as_they_are_printed);
    tcase_add_test(t, spectra_of_seconds_and_without_gaps);
    tcase_add_test(t, sound_may_be_of_any_kind_and_strided);
    tcase_add_test(t, sound_that_is_refused);
    tcase_add_test(t, words_are_sums_of_their_grams);
    tcase_add_test(t, text_that_is_not_utf8);
    tcase_add_test(t, dims_of_both_sides);
    return small_run("extract/extractor", t);
}
