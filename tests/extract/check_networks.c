/* Networks with pretrained weights, narrow ones: values by double loops, names and shapes that are
 * refused, saving and loading. tests/extract/test_networks.py has the published sizes. */
#include "extract/extract.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "extract/small_weights.h"
#include "file/io_help.h"
#include "model/small_model.h"

enum { ALL = 1000 };

static unic_extractor *made(const char *settings)
{
    unic_extractor *e;
    io_assert_ok(unic_extractor_create(&e, settings, NULL));
    return e;
}

/* An extractor with the weights of a narrow network. */
static unic_extractor *loaded(const char *settings, const small_network *n, const char *prefix)
{
    unic_extractor *e = made(settings);
    io_assert_ok(small_weights(io_path("narrow.npz"), n, prefix, ALL));
    io_assert_ok(unic_extractor_load_weights(e, io_path("narrow.npz"), NULL));
    return e;
}

static unic_array sound_of(const float *x, int64_t n)
{
    unic_array a;
    unic_array_init(&a, x, UNIC_F32, 1, &n);
    return a;
}

static void fill(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(0.3 * sin(0.07 * (double)i) + 0.1 * sin(1e-5 * (double)(i * i)));
}

/* ---- by double loops ---- */

/* y [h,w,co] = max(0, conv(x [h,w,ci])), by tensor `seed` and its bias. */
static double *naive_conv(double *x, size_t h, size_t w, size_t ci, size_t co, size_t seed)
{
    float *k = small_tensor(co * ci * 9, seed, small_scale(ci * 9));
    float *b = small_tensor(co, seed + 1, small_scale(0));
    double *y = calloc(h * w * co, sizeof *y);
    ck_assert(k && b && y);
    for (size_t i = 0; i < h * w * co; i++) {
        const size_t o = i % co, at_x = i / co % w, at_y = i / co / w;
        double sum = b[o];
        for (size_t dy = 0; dy < 3; dy++)
            for (size_t dx = 0; dx < 3; dx++)
                for (size_t c = 0; c < ci; c++) {
                    const size_t r = at_y + dy, s = at_x + dx; /* with the padding */
                    if (r >= 1 && r <= h && s >= 1 && s <= w)
                        sum += x[((r - 1) * w + s - 1) * ci + c] *
                               k[((o * ci + c) * 3 + dy) * 3 + dx];
                }
        y[i] = fmax(0, sum);
    }
    free(k);
    free(b);
    free(x);
    return y;
}

static double *naive_pool(double *x, size_t h, size_t w, size_t c)
{
    double *y = calloc(h * w * c / 4, sizeof *y);
    ck_assert_ptr_nonnull(y);
    for (size_t i = 0; i < h * w * c / 4; i++) {
        const double *p = x + (i / c / (w / 2) * 2 * w + i / c % (w / 2) * 2) * c + i % c;
        y[i] = fmax(fmax(p[0], p[c]), fmax(p[w * c], p[w * c + c]));
    }
    free(x);
    return y;
}

static double *naive_linear(double *x, size_t in, size_t out, size_t seed, bool relu)
{
    float *k = small_tensor(in * out, seed, small_scale(in));
    float *b = small_tensor(out, seed + 1, small_scale(0));
    double *y = calloc(out, sizeof *y);
    ck_assert(k && b && y);
    for (size_t o = 0; o < out; o++) {
        y[o] = b[o];
        for (size_t i = 0; i < in; i++)
            y[o] += x[i] * k[o * in + i];
        y[o] = relu ? fmax(0, y[o]) : y[o];
    }
    free(k);
    free(b);
    free(x);
    return y;
}

/* The convolutions of a network; a maximum stands behind every number of them in `blocks`. */
static double *naive_blocks(double *x, size_t h, size_t w, const small_network *n,
                            const size_t *blocks)
{
    size_t planes = n->planes, conv = 0;
    for (; conv < n->convs; blocks++, h /= 2, w /= 2) {
        for (size_t i = 0; i < *blocks; i++, conv++) {
            x = naive_conv(x, h, w, planes, n->channels[conv], 2 * conv);
            planes = n->channels[conv];
        }
        x = naive_pool(x, h, w, planes);
    }
    return x;
}

static double *naive_vggish(const float *patch, bool last_relu)
{
    static const size_t blocks[] = {1, 1, 2, 2};
    const small_network *n = &small_vggish;
    double *x = calloc(96 * 64, sizeof *x);
    ck_assert_ptr_nonnull(x);
    for (size_t i = 0; i < 96 * 64; i++)
        x[i] = patch[i];
    x = naive_blocks(x, 96, 64, n, blocks);
    size_t in = n->flat;
    for (size_t i = 0; i < n->linears; i++) {
        x = naive_linear(x, in, n->wide[i], 2 * (n->convs + i),
                         i + 1 < n->linears || last_relu);
        in = n->wide[i];
    }
    return x;
}

START_TEST(vggish_is_what_double_loops_give)
{
    static float x[20 * 16000], spectra[20][96 * 64], y[20][3], z[20][3];
    unic_extractor *logmel = made("kind = logmel");
    unic_extractor *e = loaded("kind = vggish\nlast_relu = off", &small_vggish, "");
    unic_extractor *relu = loaded("kind = vggish", &small_vggish, "module.");
    fill(x, sizeof x / sizeof *x);
    const unic_array sound = sound_of(x, sizeof x / sizeof *x); /* more than go in together */
    size_t steps;
    io_assert_ok(unic_extractor_extract(&steps, logmel, &sound, 20, spectra[0]));
    io_assert_ok(unic_extractor_extract(&steps, e, &sound, 20, y[0]));
    io_assert_ok(unic_extractor_extract(&steps, relu, &sound, 20, z[0]));
    ck_assert_uint_eq(steps, 20);
    bool negative = false;
    for (size_t t = 0; t < 20; t += 19) {
        double *want = naive_vggish(spectra[t], false);
        for (size_t i = 0; i < 3; i++) {
            ck_assert_double_eq_tol(y[t][i], want[i], 1e-5 * (1 + fabs(want[i])));
            ck_assert_float_eq(z[t][i], fmaxf(0, y[t][i]));
            negative = negative || want[i] < -0.01;
        }
        free(want);
    }
    ck_assert(negative);
    const unic_array two = sound_of(x, 2 * 16000); /* fewer after more */
    float again[2][3];
    io_assert_ok(unic_extractor_extract(&steps, e, &two, 2, again[0]));
    for (size_t i = 0; i < 6; i++)
        ck_assert_float_eq_tol(again[i / 3][i % 3], y[i / 3][i % 3], 1e-5F);
    unic_extractor_free(logmel);
    unic_extractor_free(e);
    unic_extractor_free(relu);
}
END_TEST

/* A network wide enough for the kernels that many patches take, and for weights that are kept
 * transformed: a patch gives the same bits alone, and wherever the inputs that go in together begin and
 * end; so does what is saved. */
START_TEST(a_patch_is_the_same_among_any_others)
{
    enum { PATCHES = 50, WIDE = 24 };
    static const small_network wide = {
        6, {0, 3, 6, 8, 11, 13}, {32, 32, 48, 48, 64, 64}, 1, 3, {40, 33, WIDE}, 24 * 64};
    static float x[PATCHES * 16000], all[PATCHES][WIDE], some[PATCHES][WIDE];
    static const size_t sizes[] = {1, 2, 3, 9, 33, 49};
    unic_extractor *e = loaded("kind = vggish\nlast_relu = off", &wide, "");
    fill(x, sizeof x / sizeof *x);
    unic_array sound = sound_of(x, PATCHES * 16000);
    size_t steps;
    io_assert_ok(unic_extractor_extract(&steps, e, &sound, PATCHES, all[0]));
    ck_assert_uint_eq(steps, PATCHES);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const size_t first = PATCHES - sizes[i];
        sound = sound_of(x + first * 16000, (int64_t)sizes[i] * 16000);
        io_assert_ok(unic_extractor_extract(&steps, e, &sound, PATCHES, some[0]));
        ck_assert_uint_eq(steps, sizes[i]);
        ck_assert_mem_eq(some, all[first], sizes[i] * sizeof *some);
    }
    unic_extractor *again;
    io_assert_ok(unic_extractor_save(e, io_path("wide.npz")));
    io_assert_ok(unic_extractor_load(&again, io_path("wide.npz"), NULL));
    ck_assert(unic_extractor_fingerprint(e) == unic_extractor_fingerprint(again));
    io_assert_ok(unic_extractor_extract(&steps, again, &sound, PATCHES, some[0]));
    ck_assert_mem_eq(some, all[PATCHES - steps], steps * sizeof *some);
    unic_extractor_free(again);
    unic_extractor_free(e);
}
END_TEST

/* [side/32,side/32,2] of one frame. */
static double *naive_vgg19(const unsigned char *rgb, size_t side, bool caffe)
{
    static const size_t blocks[] = {2, 2, 4, 4, 4};
    static const double means[] = {0.485, 0.456, 0.406}, deviations[] = {0.229, 0.224, 0.225};
    static const double blues[] = {103.939, 116.779, 123.68};
    double *x = calloc(side * side * 3, sizeof *x);
    ck_assert_ptr_nonnull(x);
    for (size_t i = 0; i < side * side * 3; i++)
        x[i] = caffe ? rgb[i / 3 * 3 + 2 - i % 3] - blues[i % 3]
                     : (rgb[i] / 255.0 - means[i % 3]) / deviations[i % 3];
    return naive_blocks(x, side, side, &small_vgg19, blocks);
}

START_TEST(vgg19_is_what_double_loops_give)
{
    enum { SIDE = 64, FRAMES = 11, RATE = 5, WIDTH = 2 * 2 * 2 };
    static unsigned char pixels[FRAMES * SIDE * SIDE * 3];
    const size_t frame = SIDE * SIDE * 3;
    unic_array frames;
    size_t steps;
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (unsigned char)(i * 7 + i / 97 * 31 + i * i / 5003);
    unic_array_init(&frames, pixels, UNIC_U8, 4, (const int64_t[]){FRAMES, SIDE, SIDE, 3});
    for (int caffe = 0; caffe < 2; caffe++) {
        float y[2][WIDTH];
        unic_extractor *e = loaded(caffe ? "kind = vgg19\nside = 64\nrate = 5\n"
                                           "preprocessing = caffe"
                                         : "kind = vgg19\nside = 64\nrate = 5",
                                   &small_vgg19, "");
        ck_assert_double_eq(unic_extractor_rate(e), RATE);
        io_assert_ok(unic_extractor_extract(&steps, e, &frames, 2, y[0]));
        ck_assert_uint_eq(steps, 2); /* the last frame is no second */
        for (size_t t = 0; t < 2; t++) {
            double mean[WIDTH] = {0}, largest = 0;
            for (size_t f = 0; f < RATE; f++) {
                double *map = naive_vgg19(pixels + (t * RATE + f) * frame, SIDE, caffe);
                for (size_t i = 0; i < WIDTH; i++)
                    mean[i] += map[i] / RATE;
                free(map);
            }
            for (size_t i = 0; i < WIDTH; i++)
                largest = fmax(largest, mean[i]);
            ck_assert_double_gt(largest, 0);
            for (size_t i = 0; i < WIDTH; i++)
                ck_assert_double_eq_tol(y[t][i], mean[i], 1e-5 * largest);
        }
        unic_extractor_free(e);
    }
    unic_extractor *e;
    io_assert_fails(unic_extractor_create(&e, "kind = vgg19\nside = 48", NULL), UNIC_E_CONFIG,
                    "side = 48 is no multiple of 32");
}
END_TEST

/* ---- principal components ---- */

START_TEST(components_are_whole_numbers_of_a_byte)
{
    static float x[16000];
    float plain[3], y[3];
    const float vectors[] = {0.5F, 0, 1, 0, -2, 0, 3, 0.25F, 0}, means[] = {0.1F, -0.2F, 0.3F};
    unic_extractor *e = made("kind = vggish\npca = on");
    unic_extractor *without = loaded("kind = vggish", &small_vggish, "");
    fill(x, 16000);
    const unic_array sound = sound_of(x, 16000);
    size_t steps;
    io_assert_fails(
        unic_extractor_load_weights(e, io_path("narrow.npz"), NULL), UNIC_E_FORMAT,
        "pca_eigen_vectors [3,3] is missing; pca_means [3] is missing (the file has "
        "18 tensors: embeddings.0.bias [5], embeddings.0.weight [5,48], ");
    unic_npz_writer *w;
    unic_array a;
    io_assert_ok(unic_extractor_extract(&steps, without, &sound, 1, plain));
    io_assert_ok(unic_npz_writer_create(&w, io_path("components.npz")));
    unic_array_init(&a, vectors, UNIC_F32, 2, (const int64_t[]){3, 3});
    io_assert_ok(unic_npz_writer_add(w, "pproc.pca_eigen_vectors", &a));
    unic_array_init(&a, means, UNIC_F32, 2, (const int64_t[]){3, 1}); /* a column */
    io_assert_ok(unic_npz_writer_add(w, "pproc.pca_means", &a));
    io_assert_ok(small_add_all(w, &small_vggish, "", ALL));
    io_assert_ok(unic_npz_writer_finish(w));
    unic_npz_writer_free(w);
    io_assert_ok(unic_extractor_load_weights(e, io_path("components.npz"), NULL));
    io_assert_ok(unic_extractor_extract(&steps, e, &sound, 1, y));
    for (size_t i = 0; i < 3; i++) {
        double sum = 0;
        for (size_t k = 0; k < 3; k++)
            sum += (double)vectors[3 * i + k] * ((double)plain[k] - (double)means[k]);
        const double want = (fmin(2, fmax(-2, sum)) + 2) * 255 / 4;
        ck_assert_float_eq(y[i], nearbyintf(y[i]));
        ck_assert_double_eq_tol(y[i], want, 0.501);
    }
    unic_extractor_free(e);
    unic_extractor_free(without);
}
END_TEST

/* ---- files ---- */

START_TEST(files_that_are_refused)
{
    unic_extractor *e = made("kind = vggish"), *other = made("kind = ngrams");
    small_network n = small_vggish;
    const char *path = io_path("narrow.npz");
    static float x[16000], y[3];
    const unic_array sound = sound_of(x, 16000);
    size_t steps;
    io_assert_fails(unic_extractor_extract(&steps, e, &sound, 1, y), UNIC_E_STATE,
                    "an extractor of kind vggish has no weights until "
                    "unic_extractor_load_weights() has read them (VGGish: ");
    io_assert_fails(unic_extractor_save(e, io_path("none.npz")), UNIC_E_STATE,
                    "has no weights");
    io_assert_ok(small_weights(path, &n, "", 4));
    io_assert_fails(
        unic_extractor_load_weights(e, path, NULL), UNIC_E_FORMAT,
        "features.6.weight [256,3,3,3] is missing; features.6.bias is [2], expected "
        "[256]; ");
    n.channels[5] = 7; /* of which flat has none */
    io_assert_ok(small_weights(path, &n, "", ALL));
    io_assert_fails(
        unic_extractor_load_weights(e, path, NULL), UNIC_E_FORMAT,
        "narrow.npz: 1 of the tensors of VGGish: features.<i> and embeddings.<i> of "
        "its port to PyTorch is not as expected: embeddings.0.weight is [5,48], "
        "expected [5,168] (the file has 18 tensors: ");
    io_assert_fails(unic_extractor_load_weights(other, path, NULL), UNIC_E_ARG,
                    "unic_extractor_load_weights: an extractor of kind ngrams has no weights "
                    "that are loaded");
    io_write(path, "no weights", 10);
    io_assert_fails(unic_extractor_load_weights(e, path, NULL), UNIC_E_FORMAT,
                    "narrow.npz is a file of an unknown kind; weights are read of what "
                    "torch.save() or safetensors wrote, or of an npz");
    io_assert_fails(unic_extractor_load_weights(e, io_path("absent.npz"), NULL),
                    UNIC_E_NOTFOUND, "absent.npz");
    io_assert_fails(unic_extractor_load_weights(NULL, path, NULL), UNIC_E_ARG,
                    "extractor is NULL");
    io_assert_fails(unic_extractor_load_weights(e, NULL, NULL), UNIC_E_ARG, "path is NULL");
    io_assert_fails(unic_extractor_load_weights_source(e, NULL, NULL), UNIC_E_ARG,
                    "source is NULL");
    ck_assert_uint_eq(e->dims.dim[0], 128); /* of the published network */
    unic_extractor_free(e);
    unic_extractor_free(other);
}
END_TEST

START_TEST(one_network_of_several_is_not_guessed)
{
    unic_extractor *e = made(_i ? "kind = vgg19" : "kind = vggish");
    const int64_t dims[] = {2, 1, 3, 3};
    unic_npz_writer *w;
    io_assert_ok(unic_npz_writer_create(&w, io_path("two.npz")));
    io_assert_ok(small_add(w, "student.", "features", 0, "weight", 4, dims, 0));
    io_assert_ok(small_add(w, "teacher.", "features", 0, "weight", 4, dims, 0));
    io_assert_ok(unic_npz_writer_finish(w));
    unic_npz_writer_free(w);
    io_assert_fails(unic_extractor_load_weights(e, io_path("two.npz"), NULL), UNIC_E_FORMAT,
                    "two.npz: has several networks: both student.features.0.weight and "
                    "teacher.features.0.weight are there");
    unic_extractor_free(e);
}
END_TEST

START_TEST(what_was_loaded_stays_after_a_failure_and_is_saved)
{
    static float x[16000];
    float y[3], z[3], v[3];
    int64_t dims[UNIC_MAX_RANK];
    size_t rank, steps;
    unic_extractor *e = loaded("kind = vggish\nframing = vggish", &small_vggish, ""), *again;
    const uint64_t fingerprint = unic_extractor_fingerprint(e);
    fill(x, 16000);
    const unic_array sound = sound_of(x, 16000);
    io_assert_ok(unic_extractor_feature_dims(&rank, e, dims));
    ck_assert(rank == 1 && dims[0] == 3);
    io_assert_ok(unic_extractor_extract(&steps, e, &sound, 1, y));
    io_assert_ok(small_weights(io_path("narrow.npz"), &small_vggish, "", 3));
    io_assert_fails(unic_extractor_load_weights(e, io_path("narrow.npz"), NULL), UNIC_E_FORMAT,
                    "");
    io_assert_ok(unic_extractor_extract(&steps, e, &sound, 1, z));
    ck_assert_mem_eq(y, z, sizeof y);
    io_assert_ok(unic_extractor_save(e, io_path("saved.npz")));
    io_assert_ok(unic_extractor_load(&again, io_path("saved.npz"), NULL));
    io_assert_ok(unic_extractor_extract(&steps, again, &sound, 1, v));
    ck_assert_mem_eq(y, v, sizeof y);
    ck_assert(fingerprint == unic_extractor_fingerprint(e) &&
              fingerprint == unic_extractor_fingerprint(again));
    /* what is saved is itself a file of weights */
    io_assert_ok(unic_extractor_load_weights(e, io_path("saved.npz"), NULL));
    ck_assert(fingerprint == unic_extractor_fingerprint(e));
    unic_open_options little = {.struct_size = sizeof little, .memory_limit = 100000};
    io_assert_fails(unic_extractor_load_weights(e, io_path("saved.npz"), &little), UNIC_E_NOMEM,
                    "saved.npz asks for ");
    unic_extractor_free(e);
    unic_extractor_free(again);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("networks");
    tcase_add_test(t, vggish_is_what_double_loops_give);
    tcase_add_test(t, a_patch_is_the_same_among_any_others);
    tcase_add_test(t, vgg19_is_what_double_loops_give);
    tcase_add_test(t, components_are_whole_numbers_of_a_byte);
    tcase_add_test(t, files_that_are_refused);
    tcase_add_loop_test(t, one_network_of_several_is_not_guessed, 0, 2);
    tcase_add_test(t, what_was_loaded_stays_after_a_failure_and_is_saved);
    return small_run("extract/networks", t);
}
