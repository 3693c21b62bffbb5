/* The kind "patches": its settings, its memory, a call. What is computed is in patches.c, what is
 * learnt in patches_fit.c. */
#include <string.h>

#include "extract/patches.h"

#define KEY(type, field)                                                                       \
    UNIC__OF_CONFIG, _Generic(((unic__patches_settings *)0)->field, type                       \
                              : offsetof(unic__patches_settings, field))

static const unic__config_key keys[] = {
    {"side", UNIC__KEY_SIZE, KEY(size_t, side), "[4, 1024]", "28", NULL,
     "Pixels of a frame's height and width."},
    {"rate", UNIC__KEY_NUMBER, KEY(double, rate), "[0.001, 1000]", "1", NULL,
     "Frames a second of a film, each of which is a step."},
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
    e->rate = s->rate;
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
