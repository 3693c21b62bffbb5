#include "task/segment.h"

#define ONE(member)     UNIC__OPTION_OF(unic_segmenter_options, member)
#define ITEM(member, i) UNIC__OPTION_ITEM(unic_segmenter_options, member, i)

enum { MOST_CHANNELS = 4096, MOST_PIXELS = 4096 };

/* Defaults of the small preset, of the paper's. */
static const unic__option numbers[] = {
    {ONE(preset), .low = 0, .high = 1, .values = "unic_segmenter_preset"},
    {ONE(input), .low = 1, .high = 2, .standard = {UNIC_SEGMENTER_FRAMES, UNIC_SEGMENTER_MAPS}},
    {ONE(image_channels), .low = 1, .high = 16, .standard = {3, 3}},
    {ONE(height), .low = 4, .high = MOST_PIXELS, .standard = {64, 224}},
    {ONE(width), .low = 4, .high = MOST_PIXELS, .standard = {64, 224}},
    {ONE(level_count), .low = 1, .high = UNIC_SEGMENTER_MAX_LEVELS, .standard = {3, 4}},
    {ITEM(level_channels, 0), .low = 1, .high = MOST_CHANNELS, .standard = {16, 64}},
    {ITEM(level_channels, 1), .low = 1, .high = MOST_CHANNELS, .standard = {32, 128}},
    {ITEM(level_channels, 2), .low = 1, .high = MOST_CHANNELS, .standard = {64, 320}},
    {ITEM(level_channels, 3), .low = 1, .high = MOST_CHANNELS, .standard = {128, 512}},
    {ONE(channels), .low = 1, .high = MOST_CHANNELS, .standard = {32, 256}},
    {ONE(inner), .low = 1, .high = MOST_CHANNELS, .standard = {16, 128}},
    {ITEM(dilations, 0), .low = 1, .high = 1024, .standard = {1, 3}},
    {ITEM(dilations, 1), .low = 1, .high = 1024, .standard = {2, 6}},
    {ITEM(dilations, 2), .low = 1, .high = 1024, .standard = {3, 12}},
    {ITEM(dilations, 3), .low = 1, .high = 1024, .standard = {4, 18}},
    {ITEM(output_channels, 0), .low = 1, .high = MOST_CHANNELS, .standard = {16, 128}},
    {ITEM(output_channels, 1), .low = 1, .high = MOST_CHANNELS, .standard = {8, 32}},
    {ONE(batch), .low = 1, .high = 1 << 16, .standard = {8, 4}},
    {UNIC__OPTION_SEED(unic_segmenter_options)},
};

static const unic__float_option reals[] = {
    {.member = "segmenter.learning_rate",
     .offset = offsetof(unic_segmenter_options, learning_rate),
     .standard = {0.002F, 0.0001F}},
};

const unic__options_table unic__segmenter_options = {
    .member = "segmenter.options",
    .kind = "a segmenter",
    .number = numbers,
    .number_count = sizeof numbers / sizeof numbers[0],
    .real = reals,
    .real_count = sizeof reals / sizeof reals[0],
};

static unic_status check_size(const char *prefix, const char *name, int32_t size,
                              int32_t levels, unic_status status)
{
    int32_t step = 1 << (levels + 1);
    if (size % step)
        return unic__fail(status,
                          "%s%s = %d is not a multiple of %d, the coarsest of %d levels",
                          prefix, name, size, step, levels);
    return UNIC_OK;
}

unic_status unic__segment_complete(unic_segmenter_options *o, const char *prefix,
                                   unic_status status)
{
    size_t preset = o->preset == UNIC_SEGMENTER_PAPER ? 1 : 0;
    UNIC__TRY(unic__options_complete(o, &unic__segmenter_options, preset, prefix, status));
    UNIC__TRY(check_size(prefix, "height", o->height, o->level_count, status));
    return check_size(prefix, "width", o->width, o->level_count, status);
}
