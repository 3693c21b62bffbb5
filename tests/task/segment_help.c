#include "segment_help.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file/io_help.h"
#include "model/small_model.h"
#include "task/segment.h"

enum { SQUARE = 5 };

unic_codebook *segment_codebook(uint64_t seed)
{
    unic_codebook *cb;
    float e[SEGMENT_L * SEGMENT_D];
    for (size_t i = 0; i < SEGMENT_L * SEGMENT_D; i++)
        e[i] = unic__random_normal(unic__random_key(seed, 0, 0), i);
    io_assert_ok(unic__codebook_create(&cb, SEGMENT_L, SEGMENT_D, 2));
    unic__codebook_set(cb, e);
    return cb;
}

const unic_segmenter_options segment_small = {.struct_size = sizeof segment_small,
                                              .image_channels = 1,
                                              .height = SEGMENT_SIZE,
                                              .width = SEGMENT_SIZE,
                                              .level_count = 2,
                                              .level_channels = {6, 8},
                                              .channels = 8,
                                              .inner = 4,
                                              .dilations = {1, 2, 3, 4},
                                              .output_channels = {6, 4},
                                              .batch = 3,
                                              .learning_rate = 0.01F,
                                              .seed = 1};

unic_segmenter *segment_new(const unic_segmenter_options *options)
{
    unic_segmenter *s;
    unic_codebook *cb = segment_codebook(1);
    io_assert_ok(unic_segmenter_create(&s, cb, options));
    unic_codebook_free(cb); /* the segmenter has a copy */
    s->trained = true;      /* drawn weights are as good as fitted ones here */
    return s;
}

static void draw_square(segment_data *d, size_t n, size_t y, size_t x, float value, bool asked)
{
    for (size_t i = 0; i < SQUARE * SQUARE; i++) {
        size_t at = n * SEGMENT_PIXELS + (y + i / SQUARE) * SEGMENT_SIZE + x + i % SQUARE;
        d->frames[at] += value;
        d->masks[at] = asked ? 1.0F : 0.0F;
    }
}

segment_data *segment_data_new(uint64_t seed, int32_t asks)
{
    segment_data *d = calloc(1, sizeof *d);
    unic__key key = unic__random_key(seed, 0, 1);
    ck_assert(d != NULL);
    for (size_t i = 0; i < SEGMENT_CLIPS * SEGMENT_PIXELS; i++)
        d->frames[i] = 0.1F * unic__random_normal(key, i);
    for (size_t n = 0; n < SEGMENT_CLIPS; n++) {
        size_t r = 100000 + 10 * n;
        int32_t code = asks >= 0 ? asks : (int32_t)unic__random_below(key, r, 2);
        bool above = unic__random_below(key, r + 1, 2) == 0;
        size_t top = unic__random_below(key, r + 2, 4), x = unic__random_below(key, r + 3, 12);
        size_t low = 8 + unic__random_below(key, r + 4, 4);
        draw_square(d, n, above ? top : low, x, 1.0F, code == 0);
        draw_square(d, n, above ? low : top, unic__random_below(key, r + 5, 12), -1.0F,
                    code == 1);
        d->codes[2 * n] = code;
        d->codes[2 * n + 1] = -1;
    }
    unic_array_init(&d->frames_array, d->frames, UNIC_F32, 5,
                    (const int64_t[]){SEGMENT_CLIPS, 1, SEGMENT_SIZE, SEGMENT_SIZE, 1});
    unic_array_init(&d->masks_array, d->masks, UNIC_F32, 4,
                    (const int64_t[]){SEGMENT_CLIPS, 1, SEGMENT_SIZE, SEGMENT_SIZE});
    d->images[0] = &d->frames_array;
    return d;
}

unic_status segment_step(unic_segmenter *s, const segment_data *d, double *loss)
{
    return unic_segmenter_step(loss, s, d->images, 1, d->codes, 2, &d->masks_array);
}

void segment_steps(unic_segmenter *s, size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n; i++) {
        segment_data *d = segment_data_new(seed + i, -1);
        io_assert_ok(segment_step(s, d, NULL));
        free(d);
    }
}

void segment_predict(const unic_segmenter *s, const segment_data *d, float *logits)
{
    memset(logits, 0x55, SEGMENT_CLIPS * SEGMENT_PIXELS * sizeof *logits);
    io_assert_ok(unic_segmenter_predict(s, d->images, 1, d->codes, 2, logits));
}

bool segment_predict_the_same(const unic_segmenter *a, const unic_segmenter *b)
{
    static float one[SEGMENT_CLIPS * SEGMENT_PIXELS], two[SEGMENT_CLIPS * SEGMENT_PIXELS];
    segment_data *d = segment_data_new(99, -1);
    segment_predict(a, d, one);
    segment_predict(b, d, two);
    free(d);
    return memcmp(one, two, sizeof one) == 0;
}

bool segment_same_files(const unic_segmenter *a, const unic_segmenter *b)
{
    const char *one = small_path("one.npz"), *two = small_path("two.npz");
    io_assert_ok(unic_segmenter_save(a, one));
    io_assert_ok(unic_segmenter_save(b, two));
    bool same = small_same_files(one, two);
    remove(one);
    remove(two);
    return same;
}

bool segment_same_memory(const unic_segmenter *a, const unic_segmenter *b)
{
    size_t bytes = a->net->params.total * sizeof(float);
    return a->adam.steps == b->adam.steps &&
           memcmp(a->net->params.values, b->net->params.values, bytes) == 0 &&
           memcmp(a->adam.m, b->adam.m, bytes) == 0 &&
           memcmp(a->adam.v, b->adam.v, bytes) == 0 &&
           memcmp(a->net->state.values, b->net->state.values,
                  a->net->state.total * sizeof(float)) == 0;
}
