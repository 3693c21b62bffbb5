#include "model/encoder.h"

#include <string.h>

#include "array/array.h"
#include "model/feature_input.h"

/* ---- plans ---- */

/* A oneDNN primitive serves one shape. */
static bool takes_all_shapes(const unic_encoder *e)
{
    return e->model->config->kernel != UNIC__KERNEL_ONEDNN;
}

/* The graph's inputs and calls, for the first time or again. */
static void describe(const unic_encoder *e, unic__encoder_plan *p, size_t batch, size_t length)
{
    unic__graph *g = &p->graph;
    p->batch = batch;
    p->length = length;
    p->x = unic__input(g, unic__feature_shape(e->modality, batch, length), UNIC__F32);
    p->mask = unic__input(g, UNIC__SHAPE_OF(batch, length), UNIC__F32);
    p->lengths = unic__input(g, UNIC__SHAPE_OF(batch), UNIC__I32);
    unic__node *h = unic__front(g, e->model->config, e->modality, p->x, p->lengths);
    p->z = unic__keep(unic__semantic_encoder(g, e->model->config, e->modality, h, p->mask));
}

static bool change_shape(const unic_encoder *e, unic__encoder_plan *p, size_t batch,
                         size_t length)
{
    unic__graph_again(&p->graph);
    describe(e, p, batch, length);
    return unic__graph_fits(&p->graph);
}

/* Lengths go down by halves: as many clips go through together as of the level above. */
static size_t level_of(const unic_encoder *e, size_t length)
{
    size_t level = e->max_length;
    while (level > 1 && (level + 1) / 2 >= length)
        level = (level + 1) / 2;
    return level;
}

/* How many clips go through a plan together, at most. */
static size_t most_clips(const unic_encoder *e, size_t length)
{
    size_t most = e->steps_at_a_time / level_of(e, length);
    most = most > 0 ? most : 1;
    return most < e->max_batch ? most : e->max_batch;
}

/* In equal parts. */
static size_t clips_at_a_time(const unic_encoder *e, size_t batch, size_t length)
{
    size_t most = most_clips(e, length), parts = (batch + most - 1) / most;
    return (batch + parts - 1) / parts;
}

/* The plan of a shape, and, if it can take them, of all that may come: no shape needs more
 * memory than the most clips of its level. */
static unic_status make_plan(const unic_encoder *e, unic__encoder_plan *p, size_t batch,
                             size_t length)
{
    unic__graph *g = &p->graph;
    unic__graph_free(g);
    unic__graph_init(g, e->weights, true);
    unic__use_kernels(g, e->model->config);
    p->used = 0; /* until it is ready */
    describe(e, p, batch, length);
    for (size_t level = e->max_length, last = 0; takes_all_shapes(e) && level != last;
         level = (level + 1) / 2) {
        change_shape(e, p, most_clips(e, level), level);
        last = level;
    }
    if (p->batch != batch || p->length != length)
        change_shape(e, p, batch, length);
    return unic__graph_plan(g);
}

/* The plan of this shape; of those for one shape each, the one unused the longest makes room
 * for a new one. */
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
    if (takes_all_shapes(e))
        oldest = &e->plan[0];
    if (!takes_all_shapes(e) || !oldest->used || !change_shape(e, oldest, batch, length))
        UNIC__TRY(make_plan(e, oldest, batch, length));
    oldest->used = ++e->calls;
    *plan = oldest;
    return UNIC_OK;
}

static unic_status kernel_status(const unic_encoder *e, unic__encoder_plan *p)
{
    unic_status status = unic__graph_status(&p->graph);
    return status == UNIC_OK ? UNIC_OK
                             : unic__fail_in(status, "modality \"%s\"", e->modality->name);
}

/* ---- creation ---- */

static void do_nothing(const void *context, size_t from, size_t to)
{
    (void)context;
    (void)from;
    (void)to;
}

/* The plan of the largest shape, run once on zeros: the first call finds memory that is there
 * and threads that wait. */
static unic_status warm_up(unic_encoder *e)
{
    unic__encoder_plan *p;
    UNIC__TRY(find_plan(e, clips_at_a_time(e, e->max_batch, e->max_length), e->max_length, &p));
    for (size_t b = 0; b < p->batch; b++)
        p->lengths->t.ix[b] = (int32_t)p->length;
    for (size_t i = 0; i < p->batch * p->length; i++)
        p->mask->t.x[i] = 1.0F;
    unic__graph_forward(&p->graph, 0);
    unic__parallel((size_t)unic__threads(), 1, true, do_nothing, NULL);
    return kernel_status(e, p);
}

/* Features and the widest activations of the steps share the second cache, of all threads. */
static size_t steps_that_fit(const unic_encoder *e)
{
    enum { CACHE = 1 << 19 }; /* floats */
    const unic_config *c = e->model->config;
    size_t step = unic__shape_count(&e->modality->dims) + c->encoder_ff + 3 * c->code_dim;
    return (size_t)CACHE * (size_t)unic__threads() / step;
}

unic_status unic__encoder_create(unic_encoder **out, unic_model *model, size_t modality,
                                 size_t max_batch, size_t max_length)
{
    unic__param_table *weights;
    size_t steps, bytes;
    if (!unic__mul_size(max_batch, max_length, &steps) ||
        !unic__mul_size(steps, model->codebook->dim * sizeof(float), &bytes))
        return unic__fail(UNIC_E_NOMEM, "out of memory (an encoder of %zu clips x %zu steps)",
                          max_batch, max_length);
    UNIC__TRY(unic__model_weights(model, modality, &weights));
    unic_encoder *e = unic__alloc_zero(sizeof *e);
    if (!e)
        return unic__no_memory(sizeof *e, "an encoder");
    e->references = 1;
    e->weights = weights;
    e->modality = &model->config->modality[modality];
    e->max_batch = max_batch;
    e->max_length = max_length;
    __atomic_add_fetch(&model->references, 1, __ATOMIC_RELAXED);
    e->model = model;
    e->steps_at_a_time = steps_that_fit(e);
    e->codes = unic__alloc(steps *
                           sizeof *e->codes); /* not cleared: what is not used takes none */
    e->z = unic__alloc(bytes);
    unic_status status = e->codes && e->z ? warm_up(e)
                                          : unic__no_memory(bytes, "an encoder's results");
    if (status != UNIC_OK)
        unic__encoder_free(e);
    else
        *out = e;
    return status;
}

unic_encoder *unic__encoder_share(unic_encoder *encoder)
{
    __atomic_add_fetch(&encoder->references, 1, __ATOMIC_RELAXED);
    return encoder;
}

void unic__encoder_free(unic_encoder *encoder)
{
    if (!encoder || __atomic_sub_fetch(&encoder->references, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    for (size_t i = 0; i < UNIC__ENCODER_PLANS; i++)
        unic__graph_free(&encoder->plan[i].graph);
    unic__free(encoder->codes);
    unic__free(encoder->z);
    unic__model_free(encoder->model);
    unic__free(encoder);
}

/* ---- a call ---- */

static unic_status check_features(const unic_encoder *e, const unic_array *features,
                                  const int32_t *lengths)
{
    unic__shape got = unic__array_shape(features);
    const unic__feature_limits limits = {e->max_batch, e->max_length, "max_batch",
                                         "max_length"};
    UNIC__TRY(unic__feature_shape_check(e->modality, &got, &limits));
    return unic__lengths_check(lengths, got.dim[0], got.dim[1], e->modality->name, e->called);
}

/* Whole clips of float32 are read where they are. */
static const float *readable_in_place(const unic__encoder_plan *p, const unic_array *features,
                                      const int32_t *lengths, size_t first, size_t clips)
{
    const float *x = unic__array_in_place(features);
    bool whole = x && clips && clips == p->batch;
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

/* z = Phi(x) of all clips (P1). */
unic_status unic__encoder_run(unic_encoder *e, const unic_array *features,
                              const int32_t *lengths, const unic_batch *called)
{
    unic__encoder_plan *p;
    bool real = e->model->config->padding == UNIC__PAD_REAL;
    e->called = called;
    UNIC__TRY(check_features(e, features, lengths));
    size_t batch = (size_t)features->dims[0], length = (size_t)features->dims[1];
    size_t count = length * e->model->codebook->dim;
    UNIC__TRY(find_plan(e, clips_at_a_time(e, batch, length), length, &p));
    for (size_t first = 0; first < batch; first += p->batch) {
        size_t clips = batch - first < p->batch ? batch - first : p->batch;
        UNIC__TRY(fill(e, p, features, lengths, first, real));
        p->graph.run = (unic__run){.training = false};
        unic__graph_forward(&p->graph, 0);
        UNIC__TRY(kernel_status(e, p));
        memcpy(e->z + first * count, p->z->t.x, clips * count * sizeof *e->z);
    }
    return check_z(e, batch, length);
}

/* Code and vectors of each step of z (P2). */
void unic__encoder_give(unic_encoder *e, size_t batch, size_t length, const int32_t *lengths,
                        int32_t *codes, float *quantized, float *semantic)
{
    const unic_codebook *cb = e->model->codebook;
    const bool assigned = codes || quantized;
    if (assigned)
        unic__codebook_nearest(cb, e->z, batch * length, e->codes);
    for (size_t i = 0; i < batch * length; i++) {
        bool padding = lengths && (int32_t)(i % length) >= lengths[i / length];
        int32_t code = padding ? -1 : assigned ? e->codes[i] : 0;
        write_step(cb, i, code, e->z + i * cb->dim, codes, quantized, semantic);
    }
}

unic_status unic__encoder_encode(unic_encoder *e, const unic_array *features,
                                 const int32_t *lengths, const unic_batch *called,
                                 int32_t *codes, float *quantized, float *semantic)
{
    UNIC__TRY(unic__encoder_run(e, features, lengths, called));
    unic__encoder_give(e, (size_t)features->dims[0], (size_t)features->dims[1], lengths, codes,
                       quantized, semantic);
    return UNIC_OK;
}

unic_status unic__encoder_encode_batch(unic_encoder *encoder, const unic_batch *batch,
                                       int32_t *codes, float *quantized, float *semantic)
{
    const char *name = encoder->modality->name;
    const unic__batch_entry *e = unic__batch_find(batch, name);
    char names[UNIC__BATCH_NAMES];
    if (!e)
        return unic__fail(UNIC_E_NOTFOUND, "the batch has no modality \"%s\", it has %s", name,
                          unic__batch_names(batch, names));
    return unic__encoder_encode(encoder, &e->features, e->lengths, batch, codes, quantized,
                                semantic);
}
