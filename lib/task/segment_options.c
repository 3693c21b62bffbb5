#include "task/segment.h"

#include <math.h>

/* ---- the table of settings ---- */

/* "level_channels", and its place if it is an array's */
#define ONE(field)     #field, "", offsetof(unic_segmenter_options, field)
#define ITEM(field, i) #field, "[" #i "]", offsetof(unic_segmenter_options, field[i])

enum { MOST_CHANNELS = 4096, MOST_PIXELS = 4096 };

static const struct option {
    const char *name, *item;
    size_t offset;
    int32_t value[2]; /* of the small preset, of the paper's */
    int32_t low, high;
} options[UNIC__SEGMENT_NUMBERS] = {
    {ONE(preset), {UNIC_SEGMENTER_SMALL, UNIC_SEGMENTER_PAPER}, 0, 1},
    {ONE(input), {UNIC_SEGMENTER_FRAMES, UNIC_SEGMENTER_MAPS}, 1, 2},
    {ONE(image_channels), {3, 3}, 1, 16},
    {ONE(height), {64, 224}, 4, MOST_PIXELS},
    {ONE(width), {64, 224}, 4, MOST_PIXELS},
    {ONE(level_count), {3, 4}, 1, UNIC_SEGMENTER_MAX_LEVELS},
    {ITEM(level_channels, 0), {16, 64}, 1, MOST_CHANNELS},
    {ITEM(level_channels, 1), {32, 128}, 1, MOST_CHANNELS},
    {ITEM(level_channels, 2), {64, 320}, 1, MOST_CHANNELS},
    {ITEM(level_channels, 3), {128, 512}, 1, MOST_CHANNELS},
    {ONE(channels), {32, 256}, 1, MOST_CHANNELS},
    {ONE(inner), {16, 128}, 1, MOST_CHANNELS},
    {ITEM(dilations, 0), {1, 3}, 1, 1024},
    {ITEM(dilations, 1), {2, 6}, 1, 1024},
    {ITEM(dilations, 2), {3, 12}, 1, 1024},
    {ITEM(dilations, 3), {4, 18}, 1, 1024},
    {ITEM(output_channels, 0), {16, 128}, 1, MOST_CHANNELS},
    {ITEM(output_channels, 1), {8, 32}, 1, MOST_CHANNELS},
    {ONE(batch), {8, 4}, 1, 1 << 16},
};

static const float learning_rates[] = {0.002F, 0.0001F};

static int32_t *field(unic_segmenter_options *o, size_t i)
{
    return (int32_t *)(void *)((char *)o + options[i].offset);
}

static unic_status check_size(const char *name, int32_t size, int32_t levels,
                              unic_status status)
{
    int32_t step = 1 << (levels + 1);
    if (size % step)
        return unic__fail(status, "%s = %d is not a multiple of %d, the coarsest of %d levels",
                          name, size, step, levels);
    return UNIC_OK;
}

unic_status unic__segment_complete(unic_segmenter_options *o, unic_status status)
{
    if (o->preset != UNIC_SEGMENTER_SMALL && o->preset != UNIC_SEGMENTER_PAPER)
        return unic__fail(status, "preset = %d is none of unic_segmenter_preset", o->preset);
    for (size_t i = 0; i < UNIC__SEGMENT_NUMBERS; i++) {
        int32_t *value = field(o, i);
        *value = *value ? *value : options[i].value[o->preset];
        if (*value < options[i].low || *value > options[i].high)
            return unic__fail(status, "%s%s = %d is not in %d..%d", options[i].name,
                              options[i].item, *value, options[i].low, options[i].high);
    }
    UNIC__TRY(check_size("height", o->height, o->level_count, status));
    UNIC__TRY(check_size("width", o->width, o->level_count, status));
    o->learning_rate = o->learning_rate != 0.0F ? o->learning_rate : learning_rates[o->preset];
    if (!(o->learning_rate > 0.0F) || !isfinite(o->learning_rate))
        return unic__fail(status, "learning_rate = %g must be positive and finite",
                          (double)o->learning_rate);
    return UNIC_OK;
}

/* ---- to and from a file ---- */

void unic__segment_to_numbers(const unic_segmenter_options *o, int64_t *numbers)
{
    unic_segmenter_options copy = *o;
    for (size_t i = 0; i < UNIC__SEGMENT_NUMBERS; i++)
        numbers[i] = *field(&copy, i);
}

unic_status unic__segment_from_numbers(unic_segmenter_options *o, const int64_t *numbers)
{
    for (size_t i = 0; i < UNIC__SEGMENT_NUMBERS; i++) {
        if (numbers[i] < options[i].low || numbers[i] > options[i].high)
            return unic__fail(UNIC_E_FORMAT, "%s%s = %lld is not in %d..%d", options[i].name,
                              options[i].item, (long long)numbers[i], options[i].low,
                              options[i].high);
        *field(o, i) = (int32_t)numbers[i];
    }
    return UNIC_OK;
}
