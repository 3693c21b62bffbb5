/*
 * VGGish (Hershey et al., 2017): log-mel patches [96,64] -> 128.
 *   h = four blocks of convolutions of the patch as an image of one plane      [6,4,512]
 *   y = L3 max(0, L2 max(0, L1 h)),  h flattened as height, width, channels    [128]
 *   y = max(0, y)                                                              last_relu
 *   y = round((clip(E (y - m), -2, 2) + 2) 255 / 4)                            pca
 * E and m are AudioSet's principal components and means. The numbers of channels follow from the
 * file of weights.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "extract/logmel.h"
#include "extract/vgg.h"

#define KEY(type, field)                                                                       \
    UNIC__OF_CONFIG, _Generic(((unic__vggish_settings *)0)->field, type                        \
                              : offsetof(unic__vggish_settings, field))

static const unic__config_key keys[] = {
    {"framing", UNIC__KEY_CHOICE, KEY(unsigned, framing), "second | vggish", "second", NULL,
     "Patches begin with the seconds of the sound, or follow each other without a gap."},
    {"last_relu", UNIC__KEY_SWITCH, KEY(bool, last_relu), "off | on", "on", NULL,
     "Negative features are 0, as in the port to PyTorch."},
    {"pca", UNIC__KEY_SWITCH, KEY(bool, pca), "off | on", "off", NULL,
     "Principal components in whole numbers of 0..255, as AudioSet was released."},
};

enum {
    FRAMES = 96,
    BANDS = 64,
    EMBEDDING = 128,
    HIDDEN = 4096,
    CELLS = FRAMES * BANDS / 256 /* behind four halvings of each side */
};

static const unic__vgg_form form = {.height = FRAMES,
                                    .width = BANDS,
                                    .planes = 1,
                                    .blocks = 4,
                                    .convs = {1, 1, 2, 2},
                                    .channels = {64, 128, 256, 512},
                                    .front = 2,
                                    .few = 8,
                                    .many = 48,
                                    .keeps = true};

typedef struct unic__vggish {
    unic__logmel *logmel;
} unic__vggish;

static unic_status plan_vggish(unic_extractor *e)
{
    const unic__logmel_settings spectra = {.rate = 16000,
                                           .window = 25,
                                           .hop = 10,
                                           .bands = BANDS,
                                           .low = 125,
                                           .high = 7500,
                                           .offset = 0.01,
                                           .frames = FRAMES,
                                           .framing = e->settings.vggish.framing};
    UNIC__TRY(
        unic__extract_memory((void **)&e->plan.vggish, e, 1, sizeof *e->plan.vggish, "VGGish"));
    UNIC__TRY(unic__logmel_plan(&e->plan.vggish->logmel, e, &spectra));
    e->rate = (double)spectra.rate;
    e->in = UNIC__SHAPE_OF(0);
    e->dims = UNIC__SHAPE_OF(EMBEDDING);
    return UNIC_OK;
}

/* ---- the network ---- */

static unic__node *linear(unic__graph *g, unic__node *x, size_t layer, size_t out, bool relu)
{
    static const unic__init zeros = {UNIC__INIT_ZEROS, 0.0};
    unic__node *w = unic__weight_node(g, UNIC__SHAPE_OF(out, unic__shape_last(&x->t.shape)),
                                      zeros, "embeddings.%zu.weight", layer);
    unic__node *b = unic__param_node(g, UNIC__SHAPE_OF(out), zeros, "embeddings.%zu.bias",
                                     layer);
    return relu ? unic__linear_relu(g, x, w, b) : unic__linear(g, x, w, b);
}

static unic__node *principal(unic__graph *g, unic__node *y, size_t dim)
{
    static const unic__init zeros = {UNIC__INIT_ZEROS, 0.0};
    unic__node *e = unic__weight_node(g, UNIC__SHAPE_OF(dim, dim), zeros, "pca_eigen_vectors");
    unic__node *m = unic__param_node(g, UNIC__SHAPE_OF(dim), zeros, "pca_means");
    y = unic__linear(g, unic__sub(g, y, m), e, NULL);
    return unic__affine(g, unic__clamp(g, y, -2.0, 2.0), 255.0 / 4.0, 255.0 / 2.0);
}

static unic__node *tail(unic__graph *g, const unic__vgg *v, unic__node *h, size_t batch)
{
    const unic__vggish_settings *set = &v->settings->vggish;
    const size_t channels = unic__shape_last(&h->t.shape);
    h = unic__reshape(g, h, UNIC__SHAPE_OF(batch, CELLS * channels));
    h = linear(g, h, 0, v->wide[0], true);
    h = linear(g, h, 2, v->wide[1], true);
    h = linear(g, h, 4, v->wide[2], set->last_relu);
    return set->pca ? principal(g, h, v->wide[2]) : h;
}

static unic_status build(const unic_extractor *e, unic__network *n, unic__weight_file *f)
{
    UNIC__TRY(unic__vgg_begin(e, n, f, &form));
    unic__vgg *v = n->plan.vgg;
    v->wide[0] = unic__vgg_rows(f, "embeddings.0.weight", 2, HIDDEN);
    v->wide[1] = unic__vgg_rows(f, "embeddings.2.weight", 2, HIDDEN);
    v->wide[2] = unic__vgg_rows(f, "embeddings.4.weight", 2, EMBEDDING);
    v->tail = tail;
    n->dims = UNIC__SHAPE_OF(v->wide[2]);
    unic__vgg_build(n);
    return UNIC_OK;
}

/* The port to PyTorch has the components in a module of their own. */
static bool place(const unic__param *p, size_t part, unic__weight_place *place)
{
    const bool found = unic__vgg_place(p, part, place);
    if (strncmp(p->name, "pca_", 4) == 0)
        snprintf(place->name[1], UNIC__WEIGHT_NAME, "pproc.%s", p->name);
    return found;
}

/* ---- a call ---- */

static unic_status count_patches(const unic_extractor *e, const unic__extract_input *in,
                                 size_t *steps)
{
    *steps = unic__logmel_count(e->plan.vggish->logmel, (size_t)in->array->dims[0]);
    return UNIC_OK;
}

static unic_status fill_patch(const unic_extractor *e, const unic__extract_input *in, size_t i,
                              float *x)
{
    return unic__logmel_patch(e->plan.vggish->logmel, in->array, i, x);
}

static unic_status run_vggish(unic_extractor *e, const unic__extract_input *in, float *features)
{
    const size_t dim = unic__shape_count(&e->dims);
    size_t steps;
    const float *y;
    UNIC__TRY(count_patches(e, in, &steps));
    const size_t parts = (steps + form.many - 1) / form.many;
    for (size_t t = 0, i = 0, n; t < steps; t += n, i++) { /* of about equal size */
        n = steps * (i + 1) / parts - t;
        UNIC__TRY(unic__vgg_run(e, in, t, n, fill_patch, &y));
        memcpy(features + t * dim, y, n * dim * sizeof *features);
    }
    for (size_t i = 0; e->settings.vggish.pca && i < steps * dim; i++)
        features[i] = nearbyintf(features[i]);
    return UNIC_OK;
}

static const unic__pretrained pretrained = {
    build, place, "VGGish: features.<i> and embeddings.<i> of its port to PyTorch"};

const unic__extract_kind unic__extract_vggish = {.name = "vggish",
                                                 .input = UNIC_EXTRACTOR_SOUND,
                                                 .keys = keys,
                                                 .key_count = sizeof keys / sizeof keys[0],
                                                 .plan = plan_vggish,
                                                 .count = count_patches,
                                                 .run = run_vggish,
                                                 .pretrained = &pretrained};
