#include "model/encoder.h"

#include <string.h>

#include "array/array.h"
#include "model/feature_input.h"
#include "model/kinds.h"

/* ---- plans ---- */

/* A oneDNN primitive serves one shape. */
static bool takes_all_shapes(const unic_encoder *e)
{
    return e->model->config->kernel != UNIC__KERNEL_ONEDNN;
}

enum { POOL, LAYERS }; /* phases; where nothing is pooled first, all is in POOL */

/* The graph's inputs and calls, for the first time or again. */
static void describe(const unic_encoder *e, unic__encoder_plan *p, size_t batch, size_t length,
                     size_t pool_steps)
{
    unic__graph *g = &p->graph;
    p->batch = batch;
    p->length = length;
    p->pool_steps = pool_steps;
    g->phase = POOL;
    p->x = unic__input(g,
                       pool_steps ? unic__feature_shape(e->modality, 1, pool_steps)
                                  : unic__feature_shape(e->modality, batch, length),
                       UNIC__F32);
    p->mask = unic__input(g, UNIC__SHAPE_OF(batch, length), UNIC__F32);
    p->lengths = unic__input(g, UNIC__SHAPE_OF(batch), UNIC__I32);
    unic__node *front = unic__front(g, e->model->config, e->modality, p->x, p->lengths);
    unic__node *h = unic__pooled(g, e->modality, front);
    if (pool_steps) {
        p->pooled = unic__keep(h);
        g->phase = LAYERS;
        h = p->h = unic__input(g, UNIC__SHAPE_OF(batch, length, unic__shape_last(&h->t.shape)),
                               UNIC__F32);
    }
    p->z = unic__semantic_layers(g, e->model->config, e->modality, h, p->mask);
    if (e->model->config->level2_weight > 0.0) { /* z of both levels, for a pair of codes */
        unic__node *both[] = {p->z,
                              unic__level2_z(g, e->model->config, e->modality, front, p->mask)};
        p->z = unic__concat(g, 2, both, 2);
    }
    unic__keep(p->z);
}

static bool change_shape(const unic_encoder *e, unic__encoder_plan *p, size_t batch,
                         size_t length, size_t pool_steps)
{
    unic__graph_again(&p->graph);
    describe(e, p, batch, length, pool_steps);
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

/* Of equal parts, `most` or fewer each. */
static size_t part_of(size_t n, size_t most)
{
    size_t parts = (n + most - 1) / most;
    return (n + parts - 1) / parts;
}

static size_t clips_at_a_time(const unic_encoder *e, size_t batch, size_t length)
{
    return part_of(batch, most_clips(e, length));
}

/* How many steps of so many clips are pooled together. */
static size_t steps_pooled(const unic_encoder *e, size_t batch, size_t length)
{
    return e->pool_at_a_time ? part_of(batch * length, e->pool_at_a_time) : 0;
}

/* The shape that needs the most memory of those of a level. */
static void take_largest(const unic_encoder *e, unic__encoder_plan *p, size_t level)
{
    const size_t clips = most_clips(e, level), steps = clips * level;
    change_shape(e, p, clips, level, steps < e->pool_at_a_time ? steps : e->pool_at_a_time);
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
    const size_t pool_steps = steps_pooled(e, batch, length);
    describe(e, p, batch, length, pool_steps);
    for (size_t level = e->max_length, last = 0; takes_all_shapes(e) && level != last;
         level = (level + 1) / 2) {
        take_largest(e, p, level);
        last = level;
    }
    if (p->batch != batch || p->length != length || p->pool_steps != pool_steps)
        change_shape(e, p, batch, length, pool_steps);
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
    if (!takes_all_shapes(e) || !oldest->used ||
        !change_shape(e, oldest, batch, length, steps_pooled(e, batch, length)))
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
    unic__graph_forward(&p->graph, POOL);
    unic__graph_forward(&p->graph, LAYERS);
    unic__parallel((size_t)unic__threads(), 1, true, do_nothing, NULL);
    return kernel_status(e, p);
}

/* Features and the widest activations of the steps share the second cache, of all threads. What
 * is pooled leaves it before the layers begin; meanwhile there are a step's features, the same with
 * their gains, and two maps of half as many channels. */
static void set_steps(unic_encoder *e)
{
    enum { CACHE = 1 << 19 }; /* floats */
    const unic_config *c = e->model->config;
    const unic__kind_parts *parts = unic__kind_parts_of(e->modality);
    const size_t cache = (size_t)CACHE * (size_t)unic__threads();
    const size_t features = unic__shape_count(&e->modality->dims);
    const size_t activations = c->encoder_ff + 3 * c->code_dim;
    e->steps_at_a_time = cache / (features + activations);
    if (parts->pool && !parts->front && c->level2_weight == 0.0) {
        e->pool_at_a_time = cache / (3 * features) > 0 ? cache / (3 * features) : 1;
        e->steps_at_a_time = cache / activations;
    }
}

/* The levels of pairs, in which the nearest are found one by one. */
static unic_status create_levels(unic_encoder *e, size_t steps)
{
    const unic_config *c = e->model->config;
    if (c->level2_weight == 0.0)
        return UNIC_OK;
    for (size_t i = 0; i < 2; i++)
        UNIC__TRY(unic__codebook_level(&e->level[i], e->model->codebook, c->level2_count, i));
    e->level_z = unic__alloc_array(steps * c->code_dim, sizeof *e->level_z);
    e->level_codes = unic__alloc_array(steps, sizeof *e->level_codes);
    if (!e->level_z || !e->level_codes)
        return unic__no_memory(steps * c->code_dim * sizeof *e->level_z, "an encoder's levels");
    return UNIC_OK;
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
    set_steps(e);
    e->codes = unic__alloc(steps *
                           sizeof *e->codes); /* not cleared: what is not used takes none */
    e->z = unic__alloc(bytes);
    unic_status status = e->codes && e->z ? create_levels(e, steps)
                                          : unic__no_memory(bytes, "an encoder's results");
    if (status == UNIC_OK)
        status = warm_up(e);
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
    for (size_t i = 0; i < 2; i++)
        unic__codebook_free(encoder->level[i]);
    unic__free(encoder->level_z);
    unic__free(encoder->level_codes);
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

/* Steps of float32 that all count are read where they are: `count` from `first` on, of all clips
 * one after the other. */
static const float *readable_in_place(const unic_encoder *e, const unic_array *features,
                                      const int32_t *lengths, size_t first, size_t count)
{
    const size_t length = (size_t)features->dims[1], last = first + count - 1;
    const float *x = unic__array_in_place(features);
    bool whole = x && last / length < (size_t)features->dims[0];
    for (size_t b = first / length; whole && lengths && b <= last / length; b++)
        whole = (size_t)lengths[b] >= (b < last / length ? length : last % length + 1);
    return whole ? x + first * unic__shape_count(&e->modality->dims) : NULL;
}

/* The features of the steps from `first` on, as many as x has. */
static unic_status fill(const unic_encoder *e, unic__encoder_plan *p,
                        const unic_array *features, const int32_t *lengths, size_t first)
{
    const unic__feature_input to = {e->modality, p->x, p->mask, p->lengths};
    const size_t count = p->x->t.shape.dim[0] * p->x->t.shape.dim[1];
    unic__graph_lend(&p->graph, p->x, readable_in_place(e, features, lengths, first, count));
    return unic__feature_steps_fill(&to, features, lengths, first, count, e->called);
}

/* What is pooled of the steps from `first` on becomes h, a few at a time; the last few are a whole
 * number too, some of which were pooled before. */
static unic_status pool(const unic_encoder *e, unic__encoder_plan *p,
                        const unic_array *features, const int32_t *lengths, size_t first)
{
    const size_t channels = unic__shape_last(&p->h->t.shape), last = p->batch * p->length;
    for (size_t i = 0; i < last; i += p->pool_steps) {
        const size_t at = last - i < p->pool_steps ? last - p->pool_steps : i;
        UNIC__TRY(fill(e, p, features, lengths, first + at));
        unic__graph_forward(&p->graph, POOL);
        memcpy(p->h->t.x + at * channels, p->pooled->t.x,
               p->pool_steps * channels * sizeof(float));
    }
    return UNIC_OK;
}

/* z of the clips from `first` on. */
static unic_status run_part(const unic_encoder *e, unic__encoder_plan *p,
                            const unic_array *features, const int32_t *lengths, size_t first)
{
    const unic__feature_input to = {e->modality, p->x, p->mask, p->lengths};
    const bool real = e->model->config->padding == UNIC__PAD_REAL;
    p->graph.run = (unic__run){.training = false};
    unic__feature_mask_fill(&to, features, lengths, first, real);
    if (p->pool_steps) {
        UNIC__TRY(pool(e, p, features, lengths, first * p->length));
        unic__graph_forward(&p->graph, LAYERS);
    } else {
        UNIC__TRY(fill(e, p, features, lengths, first * p->length));
        unic__graph_forward(&p->graph, POOL);
    }
    return kernel_status(e, p);
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

/* What a plan has computed, into the encoder's z from a clip on; with segments, a row each. */
static void take_z(unic_encoder *e, const unic__encoder_plan *p, size_t first, size_t clips)
{
    const unic_codebook *cb = e->model->codebook;
    const size_t rows = clips * p->length, from = first * p->length;
    float *to = e->z + from * cb->dim;
    if (cb->segment)
        unic__codebook_complete(cb, (size_t)(e->modality - e->model->config->modality),
                                p->z->t.x, rows, e->codes + from, to);
    else
        memcpy(to, p->z->t.x, rows * cb->dim * sizeof *to);
}

/* z = Phi(x) of all clips (P1). */
unic_status unic__encoder_run(unic_encoder *e, const unic_array *features,
                              const int32_t *lengths, const unic_batch *called)
{
    unic__encoder_plan *p;
    e->called = called;
    UNIC__TRY(check_features(e, features, lengths));
    size_t batch = (size_t)features->dims[0], length = (size_t)features->dims[1];
    UNIC__TRY(find_plan(e, clips_at_a_time(e, batch, length), length, &p));
    for (size_t first = 0; first < batch; first += p->batch) {
        size_t clips = batch - first < p->batch ? batch - first : p->batch;
        UNIC__TRY(run_part(e, p, features, lengths, first));
        take_z(e, p, first, clips);
    }
    return check_z(e, batch, length);
}

/* The nearest code of the first rows of z; a pair's are found one by one, which is the same. */
static void assign(unic_encoder *e, size_t rows)
{
    if (!e->level[0]) {
        unic__codebook_nearest(e->model->codebook, e->z, rows, e->codes);
        return;
    }
    for (size_t i = 0; i < 2; i++) {
        const size_t dim = e->level[i]->dim;
        for (size_t r = 0; r < rows; r++)
            memcpy(e->level_z + r * dim, e->z + (2 * r + i) * dim, dim * sizeof *e->z);
        unic__codebook_nearest(e->level[i], e->level_z, rows, i ? e->level_codes : e->codes);
    }
    for (size_t r = 0; r < rows; r++)
        e->codes[r] = e->codes[r] * (int32_t)e->level[1]->codes + e->level_codes[r];
}

/* Code and vectors of each step of z (P2). */
void unic__encoder_give(unic_encoder *e, size_t batch, size_t length, const int32_t *lengths,
                        int32_t *codes, float *quantized, float *semantic)
{
    const unic_codebook *cb = e->model->codebook;
    const bool assigned = codes || quantized;
    if (assigned)
        assign(e, batch * length);
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
