/*
 * Pictures by typical patches (Coates, Lee and Ng, 2011), learnt from the user's own pictures. A
 * picture of side x side pixels has cells x cells cells; p is the patch x patch neighbourhood of
 * one, with zeros beyond the border, of grey or RGB values in 0..1:
 *   z   = p P - s                                      P [depth,components] whitens, s centres
 *   d_k = ||z - c_k||                                  c [channels,components] k-means' centres
 *   y_k = (max(0, mean_j d_j - d_k) - m_k) / v_k       m, v: mean and deviation of what fit saw
 * patches_fit.c learns P, s, c, m and v.
 */
#include "extract/patches.h"

#include <math.h>
#include <string.h>

#include "array/array.h"
#include "kernel/distance.h"
#include "kernel/gemm.h"

#define KEY(type, field)                                                                       \
    UNIC__OF_CONFIG, _Generic(((unic__patches_settings *)0)->field, type                       \
                              : offsetof(unic__patches_settings, field))

static const unic__config_key keys[] = {
    {"side", UNIC__KEY_SIZE, KEY(size_t, side), "[4, 1024]", "28", NULL,
     "Pixels of a frame's height and width."},
    {"cells", UNIC__KEY_SIZE, KEY(size_t, cells), "[1, 64]", "7", NULL,
     "Cells along a side, which they divide."},
    {"patch", UNIC__KEY_SIZE, KEY(size_t, patch), "[1, 16]", "12", NULL,
     "Pixels along the side of a patch: a cell's, and as many on either side."},
    {"colors", UNIC__KEY_CHOICE, KEY(unsigned, colors), "gray | rgb", "gray", NULL,
     "What a pixel is: 0.299 R + 0.587 G + 0.114 B, or all three."},
    {"components", UNIC__KEY_SIZE, KEY(size_t, components), "[1, 256]", "40", NULL,
     "Principal components that describe a patch."},
    {"channels", UNIC__KEY_SIZE, KEY(size_t, channels), "[2, 4096]", "64", NULL,
     "Typical patches, which are the features of a cell."},
    {"samples", UNIC__KEY_SIZE, KEY(size_t, samples), "[100, 1000000]", "40000", NULL,
     "Patches that fitting looks at, at most."},
    {"seed", UNIC__KEY_SEED, KEY(uint64_t, seed), "[0, 18446744073709551615]", "0", NULL,
     "Seed of fitting."},
};

static unic_status check_settings(const unic__patches_settings *s, const unic__patches *p)
{
    if (s->side % s->cells)
        return unic__fail(UNIC_E_CONFIG, "cells = %zu does not divide side = %zu", s->cells,
                          s->side);
    if (s->patch < p->stride || (s->patch - p->stride) % 2)
        return unic__fail(UNIC_E_CONFIG,
                          "patch = %zu is not a cell's side, %zu, or more by an "
                          "even number",
                          s->patch, p->stride);
    if (s->components > p->depth)
        return unic__fail(UNIC_E_CONFIG,
                          "components = %zu is more than a patch has numbers, %zu",
                          s->components, p->depth);
    if (s->samples < s->channels)
        return unic__fail(UNIC_E_CONFIG, "samples = %zu is less than channels = %zu",
                          s->samples, s->channels);
    return UNIC_OK;
}

static unic_status plan_memory(unic_extractor *e, unic__patches *p)
{
    const unic__patches_settings *s = &e->settings.patches;
    const size_t wide = s->side + 2 * p->border, cells = s->cells * s->cells;
    const struct {
        float **at;
        size_t count;
    } blocks[] = {
        {&p->frame, s->side * s->side * 3},
        {&p->padded, wide * wide * p->planes},
        {&p->rows, cells * p->depth},
        {&p->z, cells * s->components},
        {&p->projection, p->depth * s->components},
        {&p->shift, s->components},
        {&p->centres, s->channels * s->components},
        {&p->mean, s->channels},
        {&p->deviation, s->channels},
    };
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
        UNIC__TRY(unic__extract_memory((void **)blocks[i].at, e, blocks[i].count, sizeof(float),
                                       "patches"));
    return unic__extract_memory((void **)&p->distance, e, s->channels, sizeof(double),
                                "patches");
}

static unic_status plan_patches(unic_extractor *e)
{
    const unic__patches_settings *s = &e->settings.patches;
    unic__patches *p;
    UNIC__TRY(unic__extract_memory((void **)&p, e, 1, sizeof *p, "patches"));
    e->plan.patches = p;
    p->stride = s->side / s->cells;
    p->planes = s->colors ? 3 : 1;
    p->depth = s->patch * s->patch * p->planes;
    UNIC__TRY(check_settings(s, p));
    p->border = (s->patch - p->stride) / 2;
    UNIC__TRY(plan_memory(e, p));
    const unic__extract_weight weights[UNIC__PATCHES_WEIGHTS] = {
        {"centres", UNIC__SHAPE_OF(s->channels, s->components), p->centres},
        {"deviation", UNIC__SHAPE_OF(s->channels), p->deviation},
        {"mean", UNIC__SHAPE_OF(s->channels), p->mean},
        {"projection", UNIC__SHAPE_OF(p->depth, s->components), p->projection},
        {"shift", UNIC__SHAPE_OF(s->components), p->shift},
    };
    memcpy(p->weights, weights, sizeof weights);
    e->weights = p->weights;
    e->weight_count = UNIC__PATCHES_WEIGHTS;
    e->in = UNIC__SHAPE_OF(0, s->side, s->side, 3);
    e->dims = UNIC__SHAPE_OF(s->cells, s->cells, s->channels);
    return UNIC_OK;
}

static unic_status count_frames(const unic_extractor *e, const unic__extract_input *in,
                                size_t *steps)
{
    (void)e;
    *steps = (size_t)in->array->dims[0];
    return UNIC_OK;
}

/* padded [wide,wide,planes] <- the frame in 0..1; its border stays zero. */
static void pad_frame(const unic_extractor *e, const unic_array *frames, size_t frame)
{
    const unic__patches_settings *s = &e->settings.patches;
    const unic__patches *p = e->plan.patches;
    const size_t wide = s->side + 2 * p->border;
    const float *rgb = p->frame;
    unic__array_rows_to_f32(frames, frame, 1, p->frame);
    for (size_t y = 0; y < s->side; y++) {
        float *to = p->padded + ((y + p->border) * wide + p->border) * p->planes;
        for (size_t x = 0; x < s->side; x++, rgb += 3, to += p->planes)
            if (p->planes == 3)
                for (size_t c = 0; c < 3; c++)
                    to[c] = rgb[c] / 255.0F;
            else /* whole numbers until the division: a grey pixel is its own grey */
                to[0] = (299.0F * rgb[0] + 587.0F * rgb[1] + 114.0F * rgb[2]) / 255000.0F;
    }
}

void unic__patches_rows(const unic_extractor *e, const unic_array *frames, size_t frame)
{
    const unic__patches_settings *s = &e->settings.patches;
    const unic__patches *p = e->plan.patches;
    const size_t wide = s->side + 2 * p->border, line = s->patch * p->planes;
    float *row = p->rows;
    pad_frame(e, frames, frame);
    for (size_t y = 0; y < s->cells; y++)
        for (size_t x = 0; x < s->cells; x++)
            for (size_t i = 0; i < s->patch; i++, row += line)
                memcpy(row,
                       p->padded + ((y * p->stride + i) * wide + x * p->stride) * p->planes,
                       line * sizeof *row);
}

/* How much nearer than on the average a cell is to each centre. */
static void extract_cell(const unic_extractor *e, const float *z, float *y)
{
    const unic__patches_settings *s = &e->settings.patches;
    const unic__patches *p = e->plan.patches;
    double sum = 0;
    for (size_t k = 0; k < s->channels; k++)
        sum += p->distance[k] = sqrt(
            unic__distance2(z, p->centres + k * s->components, s->components));
    const double mean = sum / (double)s->channels;
    for (size_t k = 0; k < s->channels; k++) {
        const double near = mean > p->distance[k] ? mean - p->distance[k] : 0;
        y[k] = (float)((near - (double)p->mean[k]) / (double)p->deviation[k]);
    }
}

void unic__patches_features(const unic_extractor *e, float *features)
{
    const unic__patches_settings *s = &e->settings.patches;
    const unic__patches *p = e->plan.patches;
    const size_t cells = s->cells * s->cells;
    const unic__gemm product = {.m = cells,
                                .n = s->components,
                                .k = p->depth,
                                .a = p->rows,
                                .lda = p->depth,
                                .b = p->projection,
                                .ldb = s->components,
                                .c = p->z,
                                .ldc = s->components};
    unic__gemm_run(&product);
    for (size_t i = 0; i < cells; i++) {
        float *z = p->z + i * s->components;
        for (size_t j = 0; j < s->components; j++)
            z[j] -= p->shift[j];
        extract_cell(e, z, features + i * s->channels);
    }
}

static unic_status run_patches(unic_extractor *e, const unic__extract_input *in,
                               float *features)
{
    const size_t frames = (size_t)in->array->dims[0], width = unic__shape_count(&e->dims);
    for (size_t f = 0; f < frames; f++, features += width) {
        unic__patches_rows(e, in->array, f);
        unic__patches_features(e, features);
    }
    return UNIC_OK;
}

const unic__extract_kind unic__extract_patches = {.name = "patches",
                                                  .input = UNIC_EXTRACTOR_FRAMES,
                                                  .keys = keys,
                                                  .key_count = sizeof keys / sizeof keys[0],
                                                  .plan = plan_patches,
                                                  .count = count_frames,
                                                  .run = run_patches,
                                                  .fit = unic__patches_fit};
