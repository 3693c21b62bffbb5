/* unic_segmenter.h: wrong arguments, the codebook a segmenter belongs to, and many threads. */
#include <check.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "file/io_help.h"
#include "model/small_model.h"
#include "task/segment_help.h"

enum { SIZE = SEGMENT_SIZE, PIXELS = SEGMENT_PIXELS, CLIPS = SEGMENT_CLIPS };

/* ---- options ---- */

START_TEST(wrong_options_are_named)
{
    static const struct {
        size_t offset;
        int32_t value;
        const char *says;
    } cases[] = {
#define AT(field) offsetof(unic_segmenter_options, field)
        {AT(preset), 2, "options->preset = 2 is none of unic_segmenter_preset"},
        {AT(preset), -1, "options->preset = -1"},
        {AT(input), 3, "options->input = 3 is not in 1..2"},
        {AT(image_channels), 17, "image_channels = 17 is not in 1..16"},
        {AT(image_channels), -3, "image_channels = -3"},
        {AT(height), 4104, "height = 4104 is not in 4..4096"},
        {AT(height), 20, "height = 20 is not a multiple of 8, the coarsest of 2 levels"},
        {AT(width), 12, "width = 12 is not a multiple of 8"},
        {AT(level_count), 5, "level_count = 5 is not in 1..4"},
        {AT(level_count), 4, "height = 16 is not a multiple of 32, the coarsest of 4 levels"},
        {AT(level_channels[1]), -1, "level_channels[1] = -1 is not in 1..4096"},
        {AT(level_channels[3]), 5000, "level_channels[3] = 5000"},
        {AT(channels), 4097, "channels = 4097 is not in 1..4096"},
        {AT(inner), -2, "inner = -2"},
        {AT(dilations[2]), 1025, "dilations[2] = 1025 is not in 1..1024"},
        {AT(output_channels[0]), 4097, "output_channels[0] = 4097"},
        {AT(batch), -1, "batch = -1 is not in 1..65536"},
    };
    unic_codebook *cb = segment_codebook(1);
    unic_segmenter *s = (void *)&s;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unic_segmenter_options o = segment_small;
        memcpy((char *)&o + cases[i].offset, &cases[i].value, sizeof cases[i].value);
        io_assert_fails(unic_segmenter_create(&s, cb, &o), UNIC_E_ARG, cases[i].says);
        ck_assert(s == NULL);
    }
    const float rates[] = {-0.1F, NAN, INFINITY};
    for (size_t i = 0; i < 3; i++) {
        unic_segmenter_options o = segment_small;
        o.learning_rate = rates[i];
        io_assert_fails(unic_segmenter_create(&s, cb, &o), UNIC_E_ARG, "learning_rate = ");
    }
    unic_segmenter_options old = segment_small, large = segment_small;
    old.struct_size--;
    io_assert_fails(unic_segmenter_create(&s, cb, &old), UNIC_E_ARG, "options has struct_size");
    large.height = large.width = large.channels = 4096;
    io_assert_fails(unic_segmenter_create(&s, cb, &large), UNIC_E_SHAPE, "too large");
    io_assert_fails(unic_segmenter_create(NULL, cb, &old), UNIC_E_ARG, "out is NULL");
    io_assert_fails(unic_segmenter_create(&s, NULL, &old), UNIC_E_ARG, "codebook is NULL");
    io_assert_fails(unic_segmenter_create(&s, cb, NULL), UNIC_E_ARG, "options is NULL");
    unic_codebook_free(cb);
    unic_segmenter_free(NULL);
}
END_TEST

START_TEST(zero_members_take_the_presets_values)
{
    unic_segmenter_options o = {.struct_size = sizeof o}, got = {.struct_size = sizeof got};
    unic_segmenter *s = segment_new(&o);
    io_assert_ok(unic_segmenter_settings(&got, s));
    ck_assert(got.struct_size == sizeof got && got.input == UNIC_SEGMENTER_FRAMES);
    ck_assert(got.height == 64 && got.width == 64 && got.level_count == 3 &&
              got.channels == 32);
    ck_assert(got.dilations[3] == 4 && got.batch == 8 && got.learning_rate == 0.002F);
    unic_segmenter_free(s);
    o.preset = UNIC_SEGMENTER_PAPER;
    o.channels = 8; /* one's own among the preset's */
    o.level_channels[3] = 6;
    s = segment_new(&o);
    io_assert_ok(unic_segmenter_settings(&got, s));
    ck_assert(got.input == UNIC_SEGMENTER_MAPS && got.height == 224 && got.level_count == 4);
    ck_assert(got.level_channels[2] == 320 && got.level_channels[3] == 6);
    ck_assert(got.channels == 8 && got.inner == 128 && got.output_channels[1] == 32);
    ck_assert(got.dilations[0] == 3 && got.dilations[3] == 18 && got.learning_rate == 1e-4F);
    io_assert_fails(unic_segmenter_settings(&got, NULL), UNIC_E_ARG, "segmenter is NULL");
    io_assert_fails(unic_segmenter_settings(NULL, s), UNIC_E_ARG, "options is NULL");
    got.struct_size = 8;
    io_assert_fails(unic_segmenter_settings(&got, s), UNIC_E_ARG, "has struct_size 8");
    unic_segmenter_free(s);
}
END_TEST

/* ---- images, codes, masks ---- */

/* Both calls refuse the images or codes of `d` and say so. */
static void assert_refused(unic_segmenter *s, const segment_data *d, size_t image_count,
                           size_t length, unic_status status, const char *says)
{
    static float logits[CLIPS * PIXELS], untouched[CLIPS * PIXELS];
    memset(logits, 0x55, sizeof logits);
    memset(untouched, 0x55, sizeof untouched);
    io_assert_fails(unic_segmenter_predict(s, d->images, image_count, d->codes, length, logits),
                    status, says);
    ck_assert_mem_eq(logits, untouched, sizeof logits);
    io_assert_fails(
        unic_segmenter_step(NULL, s, d->images, image_count, d->codes, length, &d->masks_array),
        status, says);
    ck_assert(strstr(unic_last_error(), "unic_segmenter_step: ") == unic_last_error());
}

START_TEST(wrong_images_are_named)
{
    unic_segmenter *s = segment_new(&segment_small);
    segment_data *d = segment_data_new(1, -1);
    const unic_array good = d->frames_array;
    assert_refused(s, d, 0, 2, UNIC_E_ARG, "image_count is 0, 1 expected (the frames)");
    assert_refused(s, d, 2, 2, UNIC_E_ARG, "image_count is 2, 1 expected");
    d->frames_array.rank = 4;
    assert_refused(s, d, 1, 2, UNIC_E_SHAPE,
                   "images[0] has rank 4, 5 expected: [clips,frames,16,16,1]");
    d->frames_array = good;
    d->frames_array.dims[4] = 3;
    assert_refused(s, d, 1, 2, UNIC_E_SHAPE,
                   "images[0] is [8,1,16,16,3], [8,1,16,16,1] expected");
    d->frames_array = good;
    d->frames_array.dims[2] = 8;
    assert_refused(s, d, 1, 2, UNIC_E_SHAPE, "images[0] is [8,1,8,16,1]");
    d->frames_array = good;
    d->frames_array.dims[1] = 0;
    assert_refused(s, d, 1, 2, UNIC_E_SHAPE, "clips of 0 frames");
    d->frames_array = good;
    d->frames_array.dtype = UNIC_I32;
    assert_refused(s, d, 1, 2, UNIC_E_ARG, "images[0] is of int32, expected real numbers");
    d->frames_array = good;
    d->frames_array.struct_size = 4;
    assert_refused(s, d, 1, 2, UNIC_E_ARG, "images[0] has struct_size 4");
    d->frames_array = good;
    d->images[0] = NULL;
    assert_refused(s, d, 1, 2, UNIC_E_ARG, "images[0] is NULL");
    d->images[0] = &d->frames_array;
    d->frames[CLIPS * PIXELS - 1] = NAN; /* found before anything is written */
    assert_refused(s, d, 1, 2, UNIC_E_VALUE, "images[0] holds NaN or Inf");
    free(d);
    unic_segmenter_free(s);
}
END_TEST

START_TEST(wrong_maps_are_named)
{
    unic_segmenter_options o = segment_small;
    o.input = UNIC_SEGMENTER_MAPS;
    unic_segmenter *s = segment_new(&o);
    static float x[2 * 16 * 6], logits[2 * PIXELS];
    const int32_t codes[2] = {0, 1};
    unic_array fine, coarse;
    const unic_array *maps[2] = {&fine, &coarse};
    unic_array_init(&fine, x, UNIC_F32, 5, (const int64_t[]){2, 1, 4, 4, 6});
    unic_array_init(&coarse, x, UNIC_F32, 5, (const int64_t[]){2, 1, 2, 2, 8});
    io_assert_ok(unic_segmenter_predict(s, maps, 2, codes, 1, logits));
    io_assert_fails(unic_segmenter_predict(s, maps, 1, codes, 1, logits), UNIC_E_ARG,
                    "image_count is 1, 2 expected (a map a level)");
    coarse.dims[0] = 1;
    io_assert_fails(unic_segmenter_predict(s, maps, 2, codes, 1, logits), UNIC_E_SHAPE,
                    "images[1] is [1,1,2,2,8], [2,1,2,2,8] expected");
    coarse.dims[0] = 2;
    coarse.dims[4] = 6;
    io_assert_fails(unic_segmenter_predict(s, maps, 2, codes, 1, logits), UNIC_E_SHAPE,
                    "images[1] is [2,1,2,2,6], [2,1,2,2,8] expected");
    unic_segmenter_free(s);
}
END_TEST

START_TEST(wrong_codes_are_named)
{
    unic_segmenter *s = segment_new(&segment_small);
    segment_data *d = segment_data_new(1, -1);
    const int32_t bad[] = {-2, SEGMENT_L, INT32_MIN, INT32_MAX};
    for (size_t i = 0; i < 4; i++) {
        d->codes[7] = bad[i];
        assert_refused(s, d, 1, 2, UNIC_E_VALUE, "of clip 3, step 1 is not in -1..3");
    }
    d->codes[7] = d->codes[6] = -1;
    assert_refused(s, d, 1, 2, UNIC_E_VALUE, "clip 3 has no code among its 2 steps");
    d->codes[6] = 0;
    assert_refused(s, d, 1, 0, UNIC_E_VALUE, "clip 0 has no code among its 0 steps");
    assert_refused(s, d, 1, SIZE_MAX / 4, UNIC_E_ARG, "larger than any memory");
    free(d);
    unic_segmenter_free(s);
}
END_TEST

START_TEST(wrong_masks_are_named)
{
    unic_segmenter *s = segment_new(&segment_small);
    segment_data *d = segment_data_new(1, -1);
    const unic_array good = d->masks_array;
    const struct {
        float value;
        const char *says;
    } values[] = {{-0.5F, "value -0.5 in clip 3, frame 0"},
                  {1.01F, "value 1.01 in clip 3, frame 0 is neither in 0..1 nor -1"},
                  {NAN, "nan in clip 3"},
                  {INFINITY, "inf in clip 3"}};
    for (size_t i = 0; i < 4; i++) {
        d->masks[3 * PIXELS + 9] = values[i].value;
        io_assert_fails(segment_step(s, d, NULL), UNIC_E_VALUE, values[i].says);
    }
    for (size_t i = 0; i < CLIPS * PIXELS; i++)
        d->masks[i] = -1.0F;
    io_assert_fails(segment_step(s, d, NULL), UNIC_E_VALUE, "every pixel is -1");
    d->masks_array.dims[0] = 7;
    io_assert_fails(segment_step(s, d, NULL), UNIC_E_SHAPE,
                    "masks is [7,1,16,16], [8,1,16,16] expected");
    d->masks_array = good;
    d->masks_array.rank = 3;
    io_assert_fails(segment_step(s, d, NULL), UNIC_E_SHAPE, "masks is [8,1,16]");
    d->masks_array = good;
    d->masks_array.dtype = UNIC_I32;
    io_assert_fails(segment_step(s, d, NULL), UNIC_E_ARG,
                    "masks is of int32, expected real numbers");
    free(d);
    unic_segmenter_free(s);
}
END_TEST

START_TEST(missing_arguments_are_named)
{
    unic_segmenter *s = segment_new(&segment_small), *none = (void *)&none;
    segment_data *d = segment_data_new(1, -1);
    float logits[1];
    io_assert_fails(unic_segmenter_step(NULL, NULL, d->images, 1, d->codes, 2, &d->masks_array),
                    UNIC_E_ARG, "segmenter is NULL");
    io_assert_fails(unic_segmenter_step(NULL, s, NULL, 1, d->codes, 2, &d->masks_array),
                    UNIC_E_ARG, "images is NULL");
    io_assert_fails(unic_segmenter_step(NULL, s, d->images, 1, NULL, 2, &d->masks_array),
                    UNIC_E_ARG, "codes is NULL");
    io_assert_fails(unic_segmenter_step(NULL, s, d->images, 1, d->codes, 2, NULL), UNIC_E_ARG,
                    "masks is NULL");
    io_assert_fails(unic_segmenter_predict(NULL, d->images, 1, d->codes, 2, logits), UNIC_E_ARG,
                    "segmenter is NULL");
    io_assert_fails(unic_segmenter_predict(s, NULL, 1, d->codes, 2, logits), UNIC_E_ARG,
                    "images is NULL");
    io_assert_fails(unic_segmenter_predict(s, d->images, 1, NULL, 2, logits), UNIC_E_ARG,
                    "codes is NULL");
    io_assert_fails(unic_segmenter_predict(s, d->images, 1, d->codes, 2, NULL), UNIC_E_ARG,
                    "logits is NULL");
    d->frames_array.dims[0] = d->masks_array.dims[0] = 0;
    io_assert_ok(unic_segmenter_predict(s, d->images, 1, d->codes, 2, logits));
    io_assert_fails(segment_step(s, d, NULL), UNIC_E_SHAPE, "a batch of 0 clips");
    io_assert_fails(unic_segmenter_save(NULL, "x"), UNIC_E_ARG, "segmenter is NULL");
    io_assert_fails(unic_segmenter_save(s, NULL), UNIC_E_ARG, "path is NULL");
    io_assert_fails(unic_segmenter_load(NULL, "x", NULL), UNIC_E_ARG, "out is NULL");
    io_assert_fails(unic_segmenter_load(&none, NULL, NULL), UNIC_E_ARG, "path is NULL");
    ck_assert(none == NULL);
    io_assert_fails(unic_segmenter_accepts(NULL, 0), UNIC_E_ARG, "segmenter is NULL");
    free(d);
    unic_segmenter_free(s);
}
END_TEST

START_TEST(belongs_to_its_codebook)
{
    unic_segmenter *s = segment_new(&segment_small);
    unic_codebook *same = segment_codebook(1), *other = segment_codebook(2);
    ck_assert(unic_segmenter_fingerprint(s) == unic_codebook_fingerprint(same));
    ck_assert(unic_segmenter_fingerprint(NULL) == 0);
    io_assert_ok(unic_segmenter_accepts(s, unic_codebook_fingerprint(same)));
    io_assert_fails(unic_segmenter_accepts(s, unic_codebook_fingerprint(other)),
                    UNIC_E_MISMATCH, "unic_segmenter_accepts: the codes are of codebook");
    unic_codebook_free(same);
    unic_codebook_free(other);
    unic_segmenter_free(s);
}
END_TEST

/* ---- threads ---- */

enum { READERS = 4 };

typedef struct reader {
    pthread_t thread;
    const unic_segmenter *s;
    const segment_data *d;
    float logits[CLIPS * PIXELS];
    unic_status status;
} reader;

static void *predict_often(void *argument)
{
    reader *r = argument;
    for (size_t i = 0; i < 10 && r->status == UNIC_OK; i++)
        r->status = unic_segmenter_predict(r->s, r->d->images, 1, r->d->codes, 2, r->logits);
    return NULL;
}

START_TEST(many_threads_predict)
{
    static reader readers[READERS];
    static float alone[CLIPS * PIXELS];
    unic_segmenter *s = segment_new(&segment_small);
    segment_data *d = segment_data_new(1, -1);
    segment_steps(s, 2, 10);
    segment_predict(s, d, alone);
    for (size_t i = 0; i < READERS; i++) {
        readers[i].s = s;
        readers[i].d = d;
        ck_assert_int_eq(pthread_create(&readers[i].thread, NULL, predict_often, &readers[i]),
                         0);
    }
    for (size_t i = 0; i < READERS; i++) {
        ck_assert_int_eq(pthread_join(readers[i].thread, NULL), 0);
        ck_assert_int_eq(readers[i].status, UNIC_OK);
        ck_assert_mem_eq(readers[i].logits, alone, sizeof alone);
    }
    free(d);
    unic_segmenter_free(s);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("segmenter");
    tcase_add_test(t, wrong_options_are_named);
    tcase_add_test(t, zero_members_take_the_presets_values);
    tcase_add_test(t, wrong_images_are_named);
    tcase_add_test(t, wrong_maps_are_named);
    tcase_add_test(t, wrong_codes_are_named);
    tcase_add_test(t, wrong_masks_are_named);
    tcase_add_test(t, missing_arguments_are_named);
    tcase_add_test(t, belongs_to_its_codebook);
    tcase_add_test(t, many_threads_predict);
    return small_run("unic_segmenter", t);
}
