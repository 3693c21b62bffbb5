#include "task/segment.h"

#include <math.h>
#include <string.h>

#include "array/array.h"
#include "task/codes.h"

/* ---- making one ---- */

/* Declares weights and state as the network of one frame does. */
static unic_status declare(unic__segment_net *net)
{
    unic__segment_graph h;
    unic__segment_build(&h, net, 1, 1, false);
    unic_status status = h.g.status;
    if (status != UNIC_OK)
        unic__fail(status, "%s", h.g.message ? h.g.message : "out of memory");
    unic__graph_free(&h.g);
    return status;
}

static unic_status check_variances(const unic__params *state, unic__npz *z)
{
    for (size_t i = 0; i < state->n; i++) {
        const unic__param *p = state->at[i];
        for (size_t j = p->count / 2; j < p->count; j++)
            if (state->values[p->offset + j] < 0.0F)
                return unic__fail(
                    UNIC_E_FORMAT, "%s: %s holds the variance %g, 0 or more expected",
                    unic__npz_path(z), p->name, (double)state->values[p->offset + j]);
    }
    return UNIC_OK;
}

static unic_status fill(unic_segmenter *s, unic__npz *z)
{
    unic__segment_net *net = s->net;
    UNIC__TRY(declare(net));
    if (z) {
        UNIC__TRY(unic__expect_table(z, &net->params));
        UNIC__TRY(unic__expect_table(z, &net->state));
    }
    UNIC__TRY(unic__params_seal(&net->params, true));
    UNIC__TRY(unic__params_seal(&net->state, false));
    UNIC__TRY(unic__adam_create(&s->adam, &net->params));
    if (z) {
        UNIC__TRY(unic__read_table(z, &net->params));
        UNIC__TRY(unic__read_table(z, &net->state));
        return check_variances(&net->state, z);
    }
    unic__params_init(&net->params, net->options.seed);
    unic__segment_start_state(net);
    return UNIC_OK;
}

unic_status unic__segmenter_create(unic_segmenter **out, unic_codebook *codebook,
                                   const unic_segmenter_options *options, unic__npz *z)
{
    unic_segmenter *s = unic__alloc_zero(sizeof *s);
    unic__segment_net *net = unic__alloc_zero(sizeof *net);
    if (!s || !net) {
        unic__free(s);
        unic__free(net);
        unic__codebook_free(codebook);
        return unic__no_memory(sizeof *s + sizeof *net, "a segmenter");
    }
    net->options = *options;
    net->dim = codebook->dim;
    s->net = net;
    s->codebook = codebook;
    s->fingerprint = unic__codebook_fingerprint(codebook);
    unic_status status = fill(s, z);
    if (status == UNIC_OK)
        *out = s;
    else
        unic__segmenter_free(s);
    return status;
}

void unic__segmenter_free(unic_segmenter *s)
{
    if (!s)
        return;
    unic__graph_free(&s->training.g);
    unic__adam_free(&s->adam);
    unic__params_free(&s->net->params);
    unic__params_free(&s->net->state);
    unic__free(s->net);
    unic__codebook_free(s->codebook);
    unic__free(s);
}

/* ---- what it is given ---- */

static unic_status check_array(const unic_array *a, const char *call, const char *what)
{
    char text[UNIC__DTYPE_TEXT];
    UNIC__TRY(unic__array_check(a, call, what));
    if (a->dtype != UNIC_F32 && a->dtype != UNIC_F64)
        return unic__fail(UNIC_E_ARG, "%s: %s has dtype %s, float32 or float64 expected", call,
                          what, unic__dtype_print(a->dtype, text));
    return UNIC_OK;
}

/* The dims behind [B,F] of image i. */
static unic__shape image_dims(const unic_segmenter_options *o, size_t i)
{
    size_t height = (size_t)o->height, width = (size_t)o->width;
    return o->input == UNIC_SEGMENTER_FRAMES
               ? UNIC__SHAPE(height, width, (size_t)o->image_channels)
               : UNIC__SHAPE(height >> (i + 2), width >> (i + 2), (size_t)o->level_channels[i]);
}

/* Whether `a` is [clips,frames] and `dims`. */
static unic_status check_shape(const unic_array *a, const char *call, const char *what,
                               size_t clips, size_t frames, const unic__shape *dims)
{
    unic__shape got = unic__array_shape(a), want = {2 + dims->rank, {clips, frames}};
    char gs[UNIC__SHAPE_TEXT], ws[UNIC__SHAPE_TEXT];
    memcpy(want.dim + 2, dims->dim, dims->rank * sizeof want.dim[0]);
    if (!unic__shape_equal(&got, &want))
        return unic__fail(UNIC_E_SHAPE, "%s: %s is %s, %s expected", call, what,
                          unic__shape_print(&got, gs), unic__shape_print(&want, ws));
    return UNIC_OK;
}

static const char *const image_names[] = {"images[0]", "images[1]", "images[2]", "images[3]"};

static unic_status check_images(const unic_segmenter_options *o, unic__segment_input *in,
                                const char *call)
{
    bool of_frames = o->input == UNIC_SEGMENTER_FRAMES;
    size_t expected = of_frames ? 1 : (size_t)o->levels;
    if (in->n_images != expected)
        return unic__fail(UNIC_E_ARG, "%s: n_images is %zu, %zu expected (%s)", call,
                          in->n_images, expected, of_frames ? "the frames" : "a map a level");
    for (size_t i = 0; i < expected; i++) {
        const unic_array *a = in->images[i];
        unic__shape dims = image_dims(o, i);
        UNIC__TRY(check_array(a, call, image_names[i]));
        if (a->rank != 5)
            return unic__fail(
                UNIC_E_SHAPE, "%s: %s has rank %d, 5 expected: [clips,frames,%zu,%zu,%zu]",
                call, image_names[i], (int)a->rank, dims.dim[0], dims.dim[1], dims.dim[2]);
        if (i == 0) {
            in->clips = (size_t)a->dims[0];
            in->frames = (size_t)a->dims[1];
        }
        UNIC__TRY(check_shape(a, call, image_names[i], in->clips, in->frames, &dims));
    }
    if (in->clips && !in->frames)
        return unic__fail(UNIC_E_SHAPE, "%s: clips of 0 frames, at least 1 expected", call);
    return UNIC_OK;
}

static unic_status check_codes(const unic_segmenter *s, const unic__segment_input *in,
                               const char *call)
{
    size_t count;
    if (!unic__mul_size(in->clips, in->length, &count))
        return unic__fail(UNIC_E_ARG, "%s: %zu clips of %zu codes are larger than any memory",
                          call, in->clips, in->length);
    unic_status status = unic__check_codes(s->codebook, in->codes, in->clips, in->length, true);
    return status == UNIC_OK ? status : unic__fail_in(status, "%s", call);
}

unic_status unic__segment_check_input(const unic_segmenter *s, unic__segment_input *in,
                                      const char *call)
{
    in->clips = in->frames = 0;
    const unic_segmenter_options *o = &s->net->options;
    const unic__shape frame = UNIC__SHAPE((size_t)o->height, (size_t)o->width);
    UNIC__TRY(check_images(o, in, call));
    UNIC__TRY(check_codes(s, in, call));
    if (!in->masks)
        return UNIC_OK;
    UNIC__TRY(check_array(in->masks, call, "masks"));
    return check_shape(in->masks, call, "masks", in->clips, in->frames, &frame);
}

/* ---- into the graph ---- */

/*
 * query_f = mean of e_{c_t} over the f-th of F equal parts of the clip's n valid steps. In
 * units of 1 / (n F) of the clip, step k covers [k F, (k + 1) F) and frame f [f n, (f + 1) n).
 */
static void fill_query(const unic_codebook *cb, const int32_t *codes, size_t length,
                       size_t frames, float *query)
{
    size_t n = 0, k = 0, dim = cb->dim;
    for (size_t t = 0; t < length; t++)
        n += codes[t] >= 0;
    memset(query, 0, frames * dim * sizeof *query);
    for (size_t t = 0; t < length; t++) {
        if (codes[t] < 0)
            continue;
        const float *e = cb->embedding + (size_t)codes[t] * dim;
        size_t from = k * frames, to = from + frames;
        for (size_t f = from / n; f < frames && f * n < to; f++) {
            size_t left = from > f * n ? from : f * n;
            size_t right = to < (f + 1) * n ? to : (f + 1) * n;
            float weight = (float)(right - left) / (float)n;
            for (size_t j = 0; j < dim; j++)
                query[f * dim + j] += weight * e[j];
        }
        k++;
    }
}

/* Clips [from, from + count) of an array of clips. */
static unic_array part_of(const unic_array *a, size_t from, size_t count)
{
    unic_array part = *a;
    size_t clips = (size_t)a->dims[0];
    size_t bytes = unic__array_count(a) / clips *
                   (a->dtype == UNIC_F64 ? sizeof(double) : sizeof(float));
    part.data = (const char *)a->data + from * bytes;
    part.dims[0] = (int64_t)count;
    return part;
}

/* Clips [from, ..) of the input into the graph's, as many as fit; what is left over keeps what
 * was there. UNIC_E_VALUE names the array that is not finite. */
static unic_status fill_images(unic__segment_graph *h, const unic__segment_input *in,
                               size_t from)
{
    size_t rest = in->clips - from, count = rest < h->batch ? rest : h->batch;
    for (size_t i = 0; i < h->n_images; i++) {
        const unic_array part = part_of(in->images[i], from, count);
        UNIC__TRY(unic__array_to_f32(&part, h->image[i]->t.x));
        if (!unic__all_finite(h->image[i]->t.x, unic__array_count(&part)))
            return unic__fail(UNIC_E_VALUE, "%s holds NaN or Inf", image_names[i]);
    }
    return UNIC_OK;
}

static void fill_queries(const unic_segmenter *s, unic__segment_graph *h,
                         const unic__segment_input *in, size_t from)
{
    for (size_t b = 0; b < h->batch && from + b < in->clips; b++)
        fill_query(s->codebook, in->codes + (from + b) * in->length, in->length, h->frames,
                   h->query->t.x + b * h->frames * s->codebook->dim);
}

static unic_status fill_masks(unic__segment_graph *h, const unic_array *masks)
{
    size_t count = unic__array_count(masks), counted = 0;
    float *target = h->target->t.x, *mask = h->mask->t.x;
    UNIC__TRY(unic__array_to_f32(masks, target));
    for (size_t i = 0; i < count; i++) {
        bool counts = target[i] != -1.0F;
        if (counts && !(target[i] >= 0.0F && target[i] <= 1.0F))
            return unic__fail(UNIC_E_VALUE, "masks: value %g at %zu is neither in 0..1 nor -1",
                              (double)target[i], i);
        mask[i] = counts ? 1.0F : 0.0F;
        target[i] = counts ? target[i] : 0.0F;
        counted += counts;
    }
    if (!counted)
        return unic__fail(UNIC_E_VALUE, "masks: every pixel is -1, none counts");
    return UNIC_OK;
}

/* ---- a step ---- */

static unic_status plan_training(unic_segmenter *s, size_t batch, size_t frames)
{
    unic__segment_graph *h = &s->training;
    if (h->batch == batch && h->frames == frames)
        return UNIC_OK;
    unic__graph_free(&h->g);
    unic__segment_build(h, s->net, batch, frames, true);
    unic_status status = unic__graph_plan(&h->g);
    if (status != UNIC_OK) {
        unic__graph_free(&h->g);
        *h = (unic__segment_graph){0};
    }
    return status;
}

/* Adam squares gradients, and running moments must stay numbers. */
static unic_status check_step(const unic_segmenter *s)
{
    const unic__segment_graph *h = &s->training;
    const double largest = 1e19; /* its square is still a float */
    double loss = (double)h->loss->t.x[0], norms[UNIC__MAX_GROUPS];
    unsigned long long step = (unsigned long long)s->adam.steps;
    if (h->g.run.status != UNIC_OK)
        return unic__fail(UNIC_E_KERNEL, "step %llu: a oneDNN kernel failed", step);
    for (size_t i = 0; i < h->n_norms; i++)
        for (size_t j = 0; j < h->norm[i].running->count; j++)
            if (!(fabs((double)h->norm[i].moments->t.x[j]) < largest))
                return unic__fail(UNIC_E_NUMERIC,
                                  "step %llu refused: a moment of %s is %g, too large", step,
                                  h->norm[i].running->name, (double)h->norm[i].moments->t.x[j]);
    if (!isfinite(loss))
        return unic__fail(UNIC_E_NUMERIC, "step %llu refused: the loss is %g", step, loss);
    unic__grad_norms(&s->net->params, norms);
    if (!(norms[0] < largest))
        return unic__fail(UNIC_E_NUMERIC,
                          "step %llu refused: the gradient's norm is %g, too large", step,
                          norms[0]);
    return UNIC_OK;
}

unic_status unic__segmenter_step(unic_segmenter *s, const unic__segment_input *in, double *loss)
{
    unic__segment_graph *h = &s->training;
    const unic__params *params = &s->net->params;
    UNIC__TRY(plan_training(s, in->clips, in->frames));
    UNIC__TRY(fill_images(h, in, 0));
    UNIC__TRY(fill_masks(h, in->masks));
    fill_queries(s, h, in, 0);
    h->g.run = (unic__run){.training = true, .seed = s->net->options.seed};
    unic__graph_forward(&h->g, 0);
    memset(params->grads, 0, params->total * sizeof(float));
    unic__graph_backward(&h->g, 0);
    UNIC__TRY(check_step(s));
    if (loss)
        *loss = (double)h->loss->t.x[0];
    unic__adam_step(&s->adam, (double)s->net->options.learning_rate, 0.0, 0.0, NULL);
    unic__segment_move_state(h, s->net);
    return UNIC_OK;
}

/* ---- prediction ---- */

static unic_status predict(const unic_segmenter *s, unic__segment_graph *h,
                           const unic__segment_input *in, float *logits)
{
    size_t each = h->frames * (size_t)s->net->options.height * (size_t)s->net->options.width;
    for (size_t n = 0; n < in->clips;
         n += h->batch) /* all are looked at before any is written */
        UNIC__TRY(fill_images(h, in, n));
    for (size_t n = 0; n < in->clips; n += h->batch) {
        size_t count = in->clips - n < h->batch ? in->clips - n : h->batch;
        UNIC__TRY(fill_images(h, in, n));
        fill_queries(s, h, in, n);
        unic__graph_forward(&h->g, 0);
        if (h->g.run.status != UNIC_OK)
            return unic__fail(UNIC_E_KERNEL, "clip %zu: a oneDNN kernel failed", n);
        memcpy(logits + n * each, h->logits->t.x, count * each * sizeof *logits);
    }
    return UNIC_OK;
}

unic_status unic__segmenter_predict(const unic_segmenter *s, const unic__segment_input *in,
                                    float *logits)
{
    unic__segment_graph h;
    size_t most = (size_t)s->net->options.batch;
    unic__segment_build(&h, s->net, in->clips < most ? in->clips : most, in->frames, false);
    unic_status status = unic__graph_plan(&h.g);
    if (status == UNIC_OK)
        status = predict(s, &h, in, logits);
    unic__graph_free(&h.g);
    return status;
}
