#include "task/segment.h"

#include <math.h>
#include <string.h>

#include "array/array.h"
#include "task/codes.h"
#include "train/fit.h"

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

static unic_status check_variances(const unic__param_table *state, unic__npz *z)
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
    UNIC__TRY(unic__param_table_seal(&net->params, true));
    UNIC__TRY(unic__param_table_seal(&net->state, false));
    UNIC__TRY(unic__adam_create(&s->adam, &net->params));
    if (z) {
        UNIC__TRY(unic__read_table(z, &net->params));
        UNIC__TRY(unic__read_table(z, &net->state));
        return check_variances(&net->state, z);
    }
    unic__param_table_init(&net->params, net->options.seed);
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
    unic__param_table_free(&s->net->params);
    unic__param_table_free(&s->net->state);
    unic__free(s->net);
    unic__codebook_free(s->codebook);
    unic__free(s);
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

/* Clips [from, ..) of the input into the graph's, as many as fit; what is left over keeps what
 * was there. UNIC_E_VALUE names the array that is not finite. */
static unic_status fill_images(unic__segment_graph *h, const unic__segment_input *in,
                               size_t from)
{
    size_t rest = in->clips - from, count = rest < h->batch ? rest : h->batch;
    for (size_t i = 0; i < h->image_count; i++) {
        const unic_array part = unic__array_part(in->images[i], 0, from, count);
        unic__array_to_f32(&part, h->image[i]->t.x);
        const size_t all = unic__array_count(&part);
        const size_t at = unic__first_not_finite(h->image[i]->t.x, all);
        if (at == all)
            continue;
        /* There is a number, so there are clips and frames.
         * NOLINTNEXTLINE(clang-analyzer-core.DivideZero) */
        const size_t clip = at / (all / count), frame = at / (all / count / h->frames);
        return unic__fail(UNIC_E_VALUE, "images[%zu] holds NaN or Inf in clip %zu, frame %zu",
                          i, from + clip, frame % h->frames);
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
    unic__array_to_f32(masks, target);
    for (size_t i = 0; i < count; i++) {
        bool counts = target[i] != -1.0F;
        if (counts && !(target[i] >= 0.0F && target[i] <= 1.0F)) {
            const size_t frame = i / (count / h->batch / h->frames);
            return unic__fail(UNIC_E_VALUE,
                              "masks: value %g in clip %zu, frame %zu is neither in 0..1 nor "
                              "-1",
                              (double)target[i], frame / h->frames, frame % h->frames);
        }
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

/* The moments of a batch, whose squares the running moments take up. */
static unic_status check_moments(const unic__segment_graph *h)
{
    for (size_t i = 0; i < h->norm_count; i++)
        for (size_t j = 0; j < h->norm[i].running->count; j++)
            if (!unic__adam_takes(fabs((double)h->norm[i].moments->t.x[j])))
                return unic__fail(UNIC_E_NUMERIC, "a moment of %s is %g, too large",
                                  h->norm[i].running->name, (double)h->norm[i].moments->t.x[j]);
    return UNIC_OK;
}

static unic__watch watch_of(const unic_segmenter *s, const unic__graph *g, bool training,
                            uint64_t batches)
{
    const unic_segmenter_options *o = &s->net->options;
    return (unic__watch){.progress = {o->progress, o->progress_user},
                         .what = "operations",
                         .total = batches * unic__graph_call_count(g, training)};
}

static unic_status run_training(unic_segmenter *s)
{
    unic__segment_graph *h = &s->training;
    unic__watch watch = watch_of(s, &h->g, true, 1);
    h->g.run = (unic__run){.training = true, .seed = s->net->options.seed, .watch = &watch};
    unic_status status = unic__fit_gradient(&h->g, &s->net->params);
    h->g.run.watch = NULL;
    UNIC__TRY(status);
    UNIC__TRY(check_moments(h));
    return unic__fit_check(h->loss, &s->net->params);
}

unic_status unic__segmenter_step(double *loss, unic_segmenter *s, const unic__segment_input *in)
{
    unic__segment_graph *h = &s->training;
    UNIC__TRY(plan_training(s, in->clips, in->frames));
    UNIC__TRY(fill_images(h, in, 0));
    UNIC__TRY(fill_masks(h, in->masks));
    fill_queries(s, h, in, 0);
    unic_status status = run_training(s);
    if (status != UNIC_OK)
        return unic__fail_in(status, "step %llu refused", (unsigned long long)s->adam.steps);
    if (loss)
        *loss = (double)h->loss->t.x[0];
    unic__adam_step(&s->adam, (double)s->net->options.learning_rate, 0.0, 0.0, NULL);
    unic__segment_move_state(h, s->net);
    s->trained = true;
    return UNIC_OK;
}

/* ---- prediction ---- */

static unic_status predict(const unic_segmenter *s, unic__segment_graph *h,
                           const unic__segment_input *in, float *logits)
{
    unic_status status;
    size_t each = h->frames * (size_t)s->net->options.height * (size_t)s->net->options.width;
    for (size_t n = 0; n < in->clips;
         n += h->batch) /* all are looked at before any is written */
        UNIC__TRY(fill_images(h, in, n));
    for (size_t n = 0; n < in->clips; n += h->batch) {
        size_t count = in->clips - n < h->batch ? in->clips - n : h->batch;
        UNIC__TRY(fill_images(h, in, n));
        fill_queries(s, h, in, n);
        unic__graph_forward(&h->g, 0);
        status = unic__graph_status(&h->g);
        if (status != UNIC_OK)
            return unic__fail_in(status, "clip %zu", n);
        for (size_t i = 0; i < count; i++)
            if (!unic__all_finite(h->logits->t.x + i * each, each))
                return unic__fail(
                    UNIC_E_NUMERIC,
                    "clip %zu: a logit is NaN or Inf; its images or codes are too "
                    "large",
                    n + i);
        memcpy(logits + n * each, h->logits->t.x, count * each * sizeof *logits);
    }
    return UNIC_OK;
}

unic_status unic__segmenter_predict(const unic_segmenter *s, const unic__segment_input *in,
                                    float *logits)
{
    unic__watch watch;
    unic__segment_graph h;
    size_t most = (size_t)s->net->options.batch;
    unic__segment_build(&h, s->net, in->clips < most ? in->clips : most, in->frames, false);
    unic_status status = unic__graph_plan(&h.g);
    if (status == UNIC_OK) {
        watch = watch_of(s, &h.g, false, (in->clips + h.batch - 1) / h.batch);
        h.g.run.watch = &watch;
        status = predict(s, &h, in, logits);
    }
    unic__graph_free(&h.g);
    return status;
}
