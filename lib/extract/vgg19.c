/*
 * VGG19 (Simonyan and Zisserman, 2014) up to its last maximum, block5_pool: frames [side,side,3] ->
 * [side/32,side/32,512]. A step is `rate` frames in a row, a second of film, and its features are the
 * mean of theirs:
 *   y = 1/rate sum_f VGG(p(x_f)),   p(x) = (x - m) / d for each colour
 * caffe: colours in the order B, G, R, m = (103.939, 116.779, 123.68), d = 1
 * torch: R, G, B, m = 255 (0.485, 0.456, 0.406), d = 255 (0.229, 0.224, 0.225)
 * The numbers of channels follow from the file of weights.
 */
#include "array/array.h"
#include "extract/vgg.h"

#define KEY(type, field)                                                                       \
    UNIC__OF_CONFIG, _Generic(((unic__vgg19_settings *)0)->field, type                         \
                              : offsetof(unic__vgg19_settings, field))

static const unic__config_key keys[] = {
    {"preprocessing", UNIC__KEY_CHOICE, KEY(unsigned, preprocessing), "torch | caffe", "torch",
     NULL, "What the weights were trained with: torchvision's are torch, Keras' are caffe."},
    {"rate", UNIC__KEY_SIZE, KEY(size_t, rate), "[1, 1000]", "16", NULL,
     "Frames of a second, which is a step."},
    {"times", UNIC__KEY_CHOICE, KEY(unsigned, times), "index | time", "index", NULL,
     "How who decodes chooses them: by their number among the film's frames, or by their "
     "time."},
    {"side", UNIC__KEY_SIZE, KEY(size_t, side), "[32, 1024]", "224", NULL,
     "Pixels of a frame's height and width, a multiple of 32."},
};

enum { PLANES = 3, HALVINGS = 32 };

static const unic__vgg_form form = {.planes = PLANES,
                                    .blocks = 5,
                                    .convs = {2, 2, 4, 4, 4},
                                    .channels = {64, 128, 256, 512, 512},
                                    .front = 2,
                                    .few = 1,
                                    .many = 3};

static unic_status plan_vgg19(unic_extractor *e)
{
    const unic__vgg19_settings *s = &e->settings.vgg19;
    if (s->side % HALVINGS)
        return unic__fail(UNIC_E_CONFIG, "side = %zu is no multiple of %d", s->side, HALVINGS);
    e->rate = (double)s->rate;
    e->in = UNIC__SHAPE_OF(0, s->side, s->side, PLANES);
    e->dims = UNIC__SHAPE_OF(s->side / HALVINGS, s->side / HALVINGS,
                             form.channels[form.blocks - 1]);
    return UNIC_OK;
}

/* ---- the network ---- */

static unic_status build(const unic_extractor *e, unic__network *n, unic__weight_file *f)
{
    UNIC__TRY(unic__vgg_begin(e, n, f, &form));
    unic__vgg *v = n->plan.vgg;
    v->height = v->width = e->settings.vgg19.side;
    n->dims = UNIC__SHAPE_OF(v->height / HALVINGS, v->width / HALVINGS,
                             v->channels[UNIC__VGG_CONVS - 1]);
    unic__vgg_build(n);
    return UNIC_OK;
}

/* ---- a call ---- */

static size_t seconds_of(const unic_extractor *e, const unic__extract_input *in)
{
    return (size_t)in->array->dims[0] / e->settings.vgg19.rate;
}

static unic_status count_seconds(const unic_extractor *e, const unic__extract_input *in,
                                 size_t *steps)
{
    *steps = seconds_of(e, in);
    return UNIC_OK;
}

/* x [side,side,3] <- one frame. */
static unic_status load_frame(const unic_extractor *e, const unic__extract_input *in,
                              size_t frame, float *x)
{
    static const float means[2][PLANES] = {{123.675F, 116.28F, 103.53F},
                                           {103.939F, 116.779F, 123.68F}};
    static const float scales[2][PLANES] = {{1 / 58.395F, 1 / 57.12F, 1 / 57.375F},
                                            {1.0F, 1.0F, 1.0F}};
    const unsigned how = e->settings.vgg19.preprocessing; /* 0: torch; 1: caffe */
    const size_t count = e->settings.vgg19.side * e->settings.vgg19.side;
    unic__array_rows_to_f32(in->array, frame, 1, x);
    for (size_t i = 0; i < count; i++, x += PLANES) {
        const float first = x[how ? 2 : 0], last = x[how ? 0 : 2];
        x[0] = (first - means[how][0]) * scales[how][0];
        x[1] = (x[1] - means[how][1]) * scales[how][1];
        x[2] = (last - means[how][2]) * scales[how][2];
    }
    return UNIC_OK;
}

/* Adds the maps of frames [frame,frame + n) to the means of their seconds. */
static void add_maps(const unic_extractor *e, const float *map, size_t frame, size_t n,
                     float *features)
{
    const size_t rate = e->settings.vgg19.rate, width = unic__shape_count(&e->dims);
    const float share = 1.0F / (float)rate;
    for (size_t f = frame; f < frame + n; f++, map += width) {
        float *y = features + f / rate * width;
        for (size_t i = 0; i < width; i++)
            y[i] = (f % rate ? y[i] : 0.0F) + share * map[i];
    }
}

static unic_status run_vgg19(unic_extractor *e, const unic__extract_input *in, float *features)
{
    const float *maps;
    const size_t frames = seconds_of(e, in) * e->settings.vgg19.rate;
    for (size_t f = 0, n; f < frames; f += n) {
        n = frames - f < form.many ? frames - f : form.many;
        UNIC__TRY(unic__vgg_run(e, in, f, n, load_frame, &maps));
        add_maps(e, maps, f, n, features);
    }
    return UNIC_OK;
}

static const unic__pretrained pretrained = {build, unic__vgg_place,
                                            "VGG19: features.<i> of torchvision's"};

const unic__extract_kind unic__extract_vgg19 = {.name = "vgg19",
                                                .input = UNIC_EXTRACTOR_FRAMES,
                                                .keys = keys,
                                                .key_count = sizeof keys / sizeof keys[0],
                                                .plan = plan_vgg19,
                                                .count = count_seconds,
                                                .run = run_vgg19,
                                                .pretrained = &pretrained};
