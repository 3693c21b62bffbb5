#include "model/encoder.h"

#include <string.h>

#include "array/array.h"
#include "model/feature_input.h"

unic_status unic__encoder_create(unic_encoder **out, unic_model *model, size_t modality,
                                 size_t max_batch, size_t max_length)
{
    unic__param_table *weights;
    size_t most;
    if (!unic__mul_size(max_batch, max_length, &most) ||
        !unic__mul_size(most, model->codebook->dim * sizeof(float), &most))
        return unic__fail(UNIC_E_NOMEM, "out of memory (an encoder of %zu clips x %zu steps)",
                          max_batch, max_length);
    UNIC__TRY(unic__model_weights(model, modality, &weights));
    unic_encoder *e = unic__alloc_zero(sizeof *e);
    if (!e)
        return unic__no_memory(sizeof *e, "an encoder");
    e->weights = weights;
    e->modality = &model->config->modality[modality];
    e->max_batch = max_batch;
    e->max_length = max_length;
    __atomic_add_fetch(&model->references, 1, __ATOMIC_RELAXED);
    e->model = model;
    *out = e;
    return UNIC_OK;
}

void unic__encoder_free(unic_encoder *encoder)
{
    if (!encoder)
        return;
    for (size_t i = 0; i < UNIC__ENCODER_PLANS; i++)
        unic__graph_free(&encoder->plan[i].graph);
    unic__free(encoder->codes);
    unic__free(encoder->z);
    unic__model_free(encoder->model);
    unic__free(encoder);
}

static unic_status make_plan(const unic_encoder *e, unic__encoder_plan *p, size_t batch,
                             size_t length)
{
    const unic_config *c = e->model->config;
    unic__graph *g = &p->graph;
    unic__graph_free(g);
    unic__graph_init(g, e->weights, true);
    unic__use_kernels(g, c);
    p->used = 0; /* until it is ready */
    p->batch = batch;
    p->length = length;
    p->x = unic__input(g, unic__feature_shape(e->modality, batch, length), UNIC__F32);
    p->mask = unic__input(g, UNIC__SHAPE_OF(batch, length), UNIC__F32);
    p->lengths = unic__input(g, UNIC__SHAPE_OF(batch), UNIC__I32);
    unic__node *h = unic__front(g, e->modality, p->x, p->lengths);
    p->z = unic__keep(unic__semantic_encoder(g, c, e->modality, h, p->mask));
    return unic__graph_plan(g);
}

/* The plan of this shape; the one unused the longest makes room for a new shape. */
static unic_status find_plan(unic_encoder *e, size_t batch, size_t length,
                             unic__encoder_plan **plan)
{
    unic__encoder_plan *oldest = &e->plan[0];
    for (size_t i = 0; i < UNIC__ENCODER_PLANS; i++) {
        unic__encoder_plan *p = &e->plan[i];
        if (p->used && p->batch == batch && p->length == length) {
            p->used = ++e->calls;
            *plan = p;
            return UNIC_OK;
        }
        if (p->used < oldest->used)
            oldest = p;
    }
    UNIC__TRY(make_plan(e, oldest, batch, length));
    oldest->used = ++e->calls;
    *plan = oldest;
    return UNIC_OK;
}

static unic_status check_features(const unic_encoder *e, const unic_array *features,
                                  const int32_t *lengths)
{
    unic__shape got = unic__array_shape(features);
    unic__shape want = unic__feature_shape(e->modality, e->max_batch, e->max_length);
    char gs[UNIC__SHAPE_TEXT], ws[UNIC__SHAPE_TEXT];
    bool fits = got.rank == want.rank && got.dim[0] >= 1 && got.dim[0] <= want.dim[0] &&
                got.dim[1] >= 1 && got.dim[1] <= want.dim[1];
    for (size_t i = 2; fits && i < got.rank; i++)
        fits = got.dim[i] == want.dim[i];
    if (!fits)
        return unic__fail(UNIC_E_SHAPE,
                          "modality \"%s\": features are %s, expected [1..%zu,1..%zu,..] "
                          "as in %s",
                          e->modality->name, unic__shape_print(&got, gs), want.dim[0],
                          want.dim[1], unic__shape_print(&want, ws));
    return unic__lengths_check(lengths, got.dim[0], got.dim[1], e->modality->name, e->called);
}

/* How many clips go through a plan at a time. Their features and widest activations share the
 * second cache; more, in equal parts, where threads share out the work. */
static size_t clips_at_a_time(const unic_encoder *e, size_t batch, size_t length)
{
    enum { CACHE = 1 << 19 }; /* floats */
    const unic_config *c = e->model->config;
    size_t step = unic__shape_count(&e->modality->dims) + c->encoder_ff + 3 * c->code_dim;
    size_t most = (size_t)CACHE * (size_t)unic__threads() / step / length;
    size_t parts = most ? (batch + most - 1) / most : batch;
    return (batch + parts - 1) / parts;
}

/* Whole clips of float32 are read where they are. */
static const float *readable_in_place(const unic__encoder_plan *p, const unic_array *features,
                                      const int32_t *lengths, size_t first, size_t clips)
{
    const float *x = unic__array_in_place(features);
    bool whole = x && clips == p->batch;
    for (size_t b = first; whole && lengths && b < first + clips; b++)
        whole = (size_t)lengths[b] == p->length;
    return whole ? x + first * unic__shape_count(&p->x->t.shape) / p->batch : NULL;
}

static unic_status fill(const unic_encoder *e, unic__encoder_plan *p,
                        const unic_array *features, const int32_t *lengths, size_t first,
                        bool real_padding)
{
    const unic__feature_input to = {e->modality, p->x, p->mask, p->lengths};
    size_t clips = (size_t)features->dims[0] - first;
    clips = clips < p->batch ? clips : p->batch;
    unic__graph_lend(&p->graph, p->x, readable_in_place(p, features, lengths, first, clips));
    return unic__feature_input_fill(&to, features, lengths, first, real_padding, e->called);
}

/* Features can be finite and yet so large that products of them are not. */
static unic_status check_z(const unic_encoder *e, size_t batch, size_t length)
{
    size_t count = length * e->model->codebook->dim;
    char clip[UNIC__CLIP_TEXT];
    for (size_t b = 0; b < batch; b++)
        if (!unic__all_finite(e->z + b * count, count))
            return unic__fail(
                UNIC_E_NUMERIC,
                "modality \"%s\": %s gives NaN or Inf; its features are too large",
                e->modality->name, unic__batch_clip(e->called, e->modality->name, b, clip));
    return UNIC_OK;
}

/* -1 and zeros on padding, codes and vectors elsewhere; each output only where it
 * is asked for. */
static void write_step(const unic_codebook *cb, size_t i, int32_t code, const float *z,
                       int32_t *codes, float *quantized, float *semantic)
{
    size_t dim = cb->dim, bytes = dim * sizeof(float);
    if (codes)
        codes[i] = code;
    if (code < 0) {
        if (quantized)
            memset(quantized + i * dim, 0, bytes);
        if (semantic)
            memset(semantic + i * dim, 0, bytes);
        return;
    }
    if (quantized)
        memcpy(quantized + i * dim, cb->embedding + (size_t)code * dim, bytes);
    if (semantic)
        memcpy(semantic + i * dim, z, bytes);
}

/* Room for what a call of this shape gives; kept for the next calls. */
static unic_status make_room(unic_encoder *e, size_t batch, size_t length)
{
    size_t steps = batch * length, floats = steps * e->model->codebook->dim; /* fit: create() */
    if (steps <= e->room)
        return UNIC_OK;
    unic__free(e->codes);
    unic__free(e->z);
    e->codes = unic__alloc_array(steps, sizeof *e->codes);
    e->z = unic__alloc_array(floats, sizeof *e->z);
    e->room = e->codes && e->z ? steps : 0;
    return e->room ? UNIC_OK : unic__no_memory(floats * sizeof *e->z, "an encoder's results");
}

/* z = Phi(x) of all clips (P1). */
static unic_status run(unic_encoder *e, const unic_array *features, const int32_t *lengths)
{
    unic__encoder_plan *p;
    size_t batch = (size_t)features->dims[0], length = (size_t)features->dims[1];
    size_t count = length * e->model->codebook->dim;
    bool real = e->model->config->padding == UNIC__PAD_REAL;
    UNIC__TRY(find_plan(e, clips_at_a_time(e, batch, length), length, &p));
    for (size_t first = 0; first < batch; first += p->batch) {
        size_t clips = batch - first < p->batch ? batch - first : p->batch;
        UNIC__TRY(fill(e, p, features, lengths, first, real));
        p->graph.run = (unic__run){.training = false};
        unic__graph_forward(&p->graph, 0);
        if (p->graph.run.status != UNIC_OK)
            return unic__fail(UNIC_E_KERNEL, "modality \"%s\": a oneDNN kernel failed",
                              e->modality->name);
        memcpy(e->z + first * count, p->z->t.x, clips * count * sizeof *e->z);
    }
    return check_z(e, batch, length);
}

unic_status unic__encoder_encode(unic_encoder *e, const unic_array *features,
                                 const int32_t *lengths, const unic_batch *called,
                                 int32_t *codes, float *quantized, float *semantic)
{
    const unic_codebook *cb = e->model->codebook;
    e->called = called;
    UNIC__TRY(check_features(e, features, lengths));
    size_t batch = (size_t)features->dims[0], length = (size_t)features->dims[1];
    UNIC__TRY(make_room(e, batch, length));
    UNIC__TRY(run(e, features, lengths));
    if (codes || quantized)
        unic__codebook_nearest(cb, e->z, batch * length, e->codes);
    for (size_t i = 0; i < batch * length; i++) {
        bool padding = lengths && (int32_t)(i % length) >= lengths[i / length];
        write_step(cb, i, padding ? -1 : e->codes[i], e->z + i * cb->dim, codes, quantized,
                   semantic);
    }
    return UNIC_OK;
}
