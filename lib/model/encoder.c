#include "model/encoder.h"

#include <string.h>

#include "io/array.h"
#include "model/modality.h"

unic_status unic__encoder_create(unic_encoder **out, unic_model *model, size_t modality,
                                 size_t max_batch, size_t max_length)
{
    unic__params *weights;
    size_t steps = 0;
    UNIC__TRY(unic__model_weights(model, modality, &weights));
    unic_encoder *e = unic__alloc_zero(sizeof *e);
    if (e && unic__mul_size(max_batch, max_length, &steps))
        e->codes = unic__alloc_array(steps, sizeof(int32_t));
    if (!e || !e->codes) {
        unic__free(e);
        return unic__fail(UNIC_E_NOMEM, "out of memory (an encoder of %zu clips x %zu steps)",
                          max_batch, max_length);
    }
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
    g->backend = unic__backend_of(c);
    p->used = 0; /* until it is ready */
    p->batch = batch;
    p->length = length;
    p->x = unic__input(g, unic__feature_shape(e->modality, batch, length), UNIC__F32);
    p->mask = unic__input(g, UNIC__SHAPE(batch, length), UNIC__F32);
    p->lengths = unic__input(g, UNIC__SHAPE(batch), UNIC__I32);
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
    return unic__lengths_check(lengths, got.dim[0], got.dim[1], e->modality->name);
}

/* Valid steps in, padding cleared, masks set. */
static unic_status fill(unic__encoder_plan *p, const unic__modality *m,
                        const unic_array *features, const int32_t *lengths, bool real_padding)
{
    size_t step = unic__shape_count(&m->dims);
    UNIC__TRY(unic__array_to_f32(features, p->x->t.x));
    for (size_t b = 0; b < p->batch; b++) {
        size_t valid = lengths ? (size_t)lengths[b] : p->length;
        float *x = p->x->t.x + b * p->length * step;
        memset(x + valid * step, 0, (p->length - valid) * step * sizeof(float));
        if (!unic__all_finite(x, valid * step))
            return unic__fail(UNIC_E_VALUE, "modality \"%s\": clip %zu holds NaN or Inf",
                              m->name, b);
        size_t seen = real_padding ? p->length : valid;
        p->lengths->t.ix[b] = (int32_t)seen;
        for (size_t t = 0; t < p->length; t++)
            p->mask->t.x[b * p->length + t] = t < seen ? 1.0F : 0.0F;
    }
    return UNIC_OK;
}

/* Features can be finite and yet so large that products of them are not. */
static unic_status check_z(const unic__encoder_plan *p, const unic__modality *m, size_t dim)
{
    size_t count = p->length * dim;
    for (size_t b = 0; b < p->batch; b++)
        if (!unic__all_finite(p->z->t.x + b * count, count))
            return unic__fail(
                UNIC_E_NUMERIC,
                "modality \"%s\": clip %zu gives NaN or Inf; its features are too "
                "large",
                m->name, b);
    return UNIC_OK;
}

/* -1 and zeros on padding, codes and vectors elsewhere; each output only where it
 * is asked for. */
static void write_step(const unic_codebook *cb, size_t i, int32_t code, const float *z,
                       int32_t *codes, float *quantised, float *semantic)
{
    size_t dim = cb->dim, bytes = dim * sizeof(float);
    if (codes)
        codes[i] = code;
    if (code < 0) {
        if (quantised)
            memset(quantised + i * dim, 0, bytes);
        if (semantic)
            memset(semantic + i * dim, 0, bytes);
        return;
    }
    if (quantised)
        memcpy(quantised + i * dim, cb->embedding + (size_t)code * dim, bytes);
    if (semantic)
        memcpy(semantic + i * dim, z, bytes);
}

unic_status unic__encoder_encode(unic_encoder *e, const unic_array *features,
                                 const int32_t *lengths, int32_t *codes, float *quantised,
                                 float *semantic)
{
    const unic_codebook *cb = e->model->codebook;
    unic__encoder_plan *p;
    UNIC__TRY(check_features(e, features, lengths));
    size_t batch = (size_t)features->dims[0], length = (size_t)features->dims[1];
    UNIC__TRY(find_plan(e, batch, length, &p));
    bool real = e->model->config->padding == UNIC__PAD_REAL;
    UNIC__TRY(fill(p, e->modality, features, lengths, real));
    p->graph.run = (unic__run){.training = false};
    unic__graph_forward(&p->graph, 0); /* z = Phi(x) */
    if (p->graph.run.status != UNIC_OK)
        return unic__fail(UNIC_E_KERNEL, "modality \"%s\": a oneDNN kernel failed",
                          e->modality->name);
    UNIC__TRY(check_z(p, e->modality, cb->dim));
    const float *z = p->z->t.x;
    if (codes || quantised)
        unic__codebook_nearest(cb, z, batch * length, e->codes);
    for (size_t i = 0; i < batch * length; i++) {
        bool padding = lengths && (int32_t)(i % length) >= lengths[i / length];
        write_step(cb, i, padding ? -1 : e->codes[i], z + i * cb->dim, codes, quantised,
                   semantic);
    }
    return UNIC_OK;
}
