#include "task/head.h"

#include <math.h>
#include <string.h>

#include "kernel/gemm.h"
#include "kernel/stack.h"
#include "model/layers.h"
#include "train/fit.h"

static const float absent = -1e9F; /* added to padded steps before the maximum over time */
static const float first_alpha = 0.1F;

/* One batch's graph. */
typedef struct head_graph {
    unic__graph g;
    unic__node *codes;  /* i32 [B,T]                                       */
    unic__node *shut;   /* [B,T,1] 0 on valid steps, `absent` on padding    */
    unic__node *target; /* i32 [B] or [B T]: a class, -1 left out           */
    unic__node *hot;    /* [B,T,C] multi-label targets                      */
    unic__node *mask;   /* [B,T] 1 on steps that count                      */
    unic__node *share;  /* [B,T,1] mask / its sum, for the weighted term    */
    unic__node *loss;
} head_graph;

/* The CMG code's weighted term, mean over the rows r that count, of logits x [B,T,C]:
 *   -mean_r sum_c y_rc log softmax(x_r)_c exp(-alpha_c) */
static unic__node *weighted_term(head_graph *h, unic__node *x)
{
    unic__graph *g = &h->g;
    size_t batch = x->t.shape.dim[0], length = x->t.shape.dim[1], classes = x->t.shape.dim[2];
    unic__init zeros = {UNIC__INIT_ZEROS, 0.0};
    unic__node *alpha = unic__param_node(g, UNIC__SHAPE_OF(classes), zeros, "weighted.alpha");
    unic__node *weight = unic__exp(g, unic__affine(g, alpha, -1.0, 0.0));
    h->share = unic__input(g, UNIC__SHAPE_OF(batch, length, 1), UNIC__F32);
    unic__node *y = unic__mul(g, unic__mul(g, h->hot, h->share), weight);
    unic__node *terms = unic__mul(g, y, unic__log_softmax(g, x)); /* [B,T,C] */
    terms = unic__reshape(g, terms, UNIC__SHAPE_OF(batch * length * classes));
    return unic__affine(g, unic__sum(g, terms, 0, false), -1.0, 0.0);
}

static void build(const unic_head *head, unic__param_table *params, head_graph *h, size_t batch,
                  size_t length)
{
    const unic_head_options *o = &head->options;
    const unic_codebook *cb = head->codebook;
    size_t classes = (size_t)o->class_count, hidden = (size_t)o->hidden;
    unic__graph *g = &h->g;
    unic__graph_init(g, params, false);
    unic__node *e = unic__external(g, UNIC__SHAPE_OF(cb->codes, cb->dim), cb->embedding, NULL);
    h->codes = unic__input(g, UNIC__SHAPE_OF(batch, length), UNIC__I32);
    unic__node *x = unic__dense(g, unic__gather(g, e, h->codes), hidden,
                                "linear1"); /* [B,T,H] */
    if (o->kind == UNIC_HEAD_CLIP) {
        h->shut = unic__input(g, UNIC__SHAPE_OF(batch, length, 1), UNIC__F32);
        x = unic__max(g, unic__add(g, x, h->shut), 1, false); /* [B,H] */
    }
    x = unic__dense(g, x, classes, "linear2");
    if (o->kind == UNIC_HEAD_STEP_MULTI) {
        h->hot = unic__input(g, UNIC__SHAPE_OF(batch, length, classes), UNIC__F32);
        h->mask = unic__input(g, UNIC__SHAPE_OF(batch, length), UNIC__F32);
        unic__node *loss = unic__bce(g, x, h->hot, h->mask);
        if (o->loss == UNIC_HEAD_LOSS_CMG)
            loss = unic__add(g, loss, weighted_term(h, x));
        h->loss = unic__loss(loss, 1.0);
        return;
    }
    size_t rows = o->kind == UNIC_HEAD_CLIP ? batch : batch * length;
    h->target = unic__input(g, UNIC__SHAPE_OF(rows), UNIC__I32);
    x = unic__reshape(g, x, UNIC__SHAPE_OF(rows, classes));
    h->loss = unic__loss(unic__cross_entropy(g, x, h->target, NULL), 1.0);
}

unic_status unic__head_create(unic_head **out, unic_codebook *codebook,
                              const unic_head_options *options)
{
    unic_head *head = unic__alloc_zero(sizeof *head);
    if (!head) {
        unic__codebook_free(codebook);
        return unic__no_memory(sizeof *head, "a head");
    }
    head->options = *options;
    head->codebook = codebook;
    head->fingerprint = unic__codebook_fingerprint(codebook);
    head_graph h = {0};
    build(head, &head->params, &h, 1, 1); /* declares the parameters */
    unic_status status = h.g.status == UNIC_OK ? unic__param_table_seal(&head->params, true)
                                               : unic__graph_plan(&h.g);
    unic__graph_free(&h.g);
    if (status == UNIC_OK)
        status = unic__adam_create(&head->adam, &head->params);
    if (status == UNIC_OK)
        status = unic__stack_prepare(); /* its table is computed below */
    if (status == UNIC_OK) {
        head->hidden = unic__alloc_array(codebook->codes * (size_t)options->hidden,
                                         sizeof(float));
        head->logits = unic__alloc_array(codebook->codes * (size_t)options->class_count,
                                         sizeof(float));
        if (!head->hidden || !head->logits)
            status = unic__no_memory(codebook->codes * sizeof(float), "a head");
    }
    if (status != UNIC_OK) {
        unic__head_free(head);
        return status;
    }
    unic__param_table_init(&head->params, options->seed);
    const unic__param *alpha = unic__param_table_find(&head->params, "weighted.alpha");
    for (size_t c = 0; alpha && c < alpha->count; c++)
        head->params.values[alpha->offset + c] = first_alpha;
    unic__head_tabulate(head);
    *out = head;
    return UNIC_OK;
}

void unic__head_free(unic_head *head)
{
    if (!head)
        return;
    unic__codebook_free(head->codebook);
    unic__param_table_free(&head->params);
    unic__adam_free(&head->adam);
    unic__free(head->hidden);
    unic__free(head->logits);
    unic__free(head);
}

/* A step's labels of 0 and 1 into row i of the batch, unless it is padding or one is -1. */
static void fill_hot(head_graph *h, size_t i, const int32_t *labels, size_t classes)
{
    bool counts = labels != NULL;
    for (size_t c = 0; c < classes; c++)
        counts = counts && labels[c] >= 0;
    h->mask->t.x[i] = counts ? 1.0F : 0.0F;
    for (size_t c = 0; c < classes; c++)
        h->hot->t.x[i * classes + c] = counts ? (float)labels[c] : 0.0F;
}

/* A clip of the data into row b of the batch; an empty row has no label. */
static void fill_row(const unic_head *head, head_graph *h, size_t b, const int32_t *codes,
                     const int32_t *labels, size_t length)
{
    size_t classes = (size_t)head->options.class_count;
    bool any = false;
    for (size_t t = 0; t < length; t++) {
        bool valid = codes && codes[t] >= 0;
        size_t i = b * length + t;
        any = any || valid;
        h->codes->t.ix[i] = valid ? codes[t] : -1;
        if (h->shut)
            h->shut->t.x[i] = valid ? 0.0F : absent;
        if (h->hot)
            fill_hot(h, i, valid ? labels + t * classes : NULL, classes);
        if (head->options.kind == UNIC_HEAD_STEP)
            h->target->t.ix[i] = valid ? labels[t] : -1;
    }
    if (head->options.kind == UNIC_HEAD_CLIP)
        h->target->t.ix[b] = any ? labels[0] : -1;
}

static void fill_share(head_graph *h, size_t rows)
{
    size_t n = 0;
    for (size_t i = 0; i < rows; i++)
        n += h->mask->t.x[i] > 0.0F;
    for (size_t i = 0; i < rows; i++)
        h->share->t.x[i] = n > 0 ? h->mask->t.x[i] / (float)n : 0.0F;
}

static size_t labels_per_clip(const unic_head *head, size_t length)
{
    return head->options.kind == UNIC_HEAD_CLIP   ? 1
           : head->options.kind == UNIC_HEAD_STEP ? length
                                                  : length * (size_t)head->options.class_count;
}

/* What a fit is given. */
typedef struct fit_data {
    const unic_head *head;
    head_graph *graph;
    const int32_t *codes, *labels;
    size_t length;
} fit_data;

static unic_status fill_batch(void *context, const int32_t *order, size_t rows)
{
    const fit_data *d = context;
    size_t batch = (size_t)d->head->options.batch;
    size_t per_clip = labels_per_clip(d->head, d->length);
    for (size_t b = 0; b < batch; b++) {
        size_t clip = b < rows ? (size_t)order[b] : 0;
        fill_row(d->head, d->graph, b, b < rows ? d->codes + clip * d->length : NULL,
                 d->labels + clip * per_clip, d->length);
    }
    if (d->graph->share)
        fill_share(d->graph, batch * d->length);
    return UNIC_OK;
}

unic_status unic__head_fit(double *loss, unic_head *head, const int32_t *codes, size_t clips,
                           size_t length, const int32_t *labels)
{
    const unic_head_options *o = &head->options;
    head_graph h = {0};
    fit_data d = {head, &h, codes, labels, length};
    build(head, &head->params, &h, (size_t)o->batch, length);
    unic_status status = unic__graph_plan(&h.g);
    if (status == UNIC_OK) {
        const unic__fit fit = {.what = "a head's fit",
                               .graph = &h.g,
                               .loss = h.loss,
                               .adam = &head->adam,
                               .clips = clips,
                               .batch = (size_t)o->batch,
                               .epochs = o->epochs,
                               .seed = o->seed,
                               .learning_rate = (double)o->learning_rate,
                               .progress = {o->progress, o->progress_user},
                               .fill = fill_batch,
                               .context = &d};
        status = unic__fit_run(&fit, loss);
    }
    if (status == UNIC_OK) {
        unic__head_tabulate(head);
        head->trained = true;
    }
    unic__graph_free(&h.g);
    return status;
}

/* out [rows,n] = x [rows,k] w^T + b */
static void layer(const unic_head *head, const char *weight, const char *bias, float *out,
                  const float *x, size_t rows, size_t k, size_t n)
{
    const float *w = head->params.values +
                     unic__param_table_find(&head->params, weight)->offset;
    const float *b = head->params.values + unic__param_table_find(&head->params, bias)->offset;
    for (size_t r = 0; r < rows; r++)
        memcpy(out + r * n, b, n * sizeof *out);
    unic__gemm_run(&(unic__gemm){.tb = true,
                                 .add = true,
                                 .m = rows,
                                 .n = n,
                                 .k = k,
                                 .a = x,
                                 .lda = k,
                                 .b = w,
                                 .ldb = k,
                                 .c = out,
                                 .ldc = n});
}

void unic__head_tabulate(unic_head *head)
{
    const unic_codebook *cb = head->codebook;
    size_t hidden = (size_t)head->options.hidden, classes = (size_t)head->options.class_count;
    layer(head, "linear1.weight", "linear1.bias", head->hidden, cb->embedding, cb->codes,
          cb->dim, hidden);
    layer(head, "linear2.weight", "linear2.bias", head->logits, head->hidden, cb->codes, hidden,
          classes);
}

/* What steps are given as: k codes each with a weight, or, `weights` NULL, one code. */
typedef struct soft_codes {
    const int32_t *codes; /* [T,k] of a clip */
    const float *weights;
    size_t k;
} soft_codes;

static bool is_padding(const soft_codes *s, size_t t)
{
    for (size_t i = 0; i < s->k; i++)
        if (s->codes[t * s->k + i] >= 0)
            return false;
    return true;
}

/* Column j of step t's row, of a table [L,columns]. */
static float look_up(const soft_codes *s, size_t t, const float *table, size_t columns,
                     size_t j)
{
    float sum = 0.0F;
    if (!s->weights)
        return table[(size_t)s->codes[t] * columns + j];
    for (size_t i = t * s->k; i < (t + 1) * s->k; i++)
        if (s->codes[i] >= 0)
            sum += s->weights[i] * table[(size_t)s->codes[i] * columns + j];
    return sum;
}

/* The maximum over a clip's valid steps, then the second layer. */
static void predict_clip(const unic_head *head, const soft_codes *s, size_t length,
                         float *logits)
{
    size_t hidden = (size_t)head->options.hidden, classes = (size_t)head->options.class_count;
    const unic__param *w = unic__param_table_find(&head->params, "linear2.weight");
    const unic__param *b = unic__param_table_find(&head->params, "linear2.bias");
    bool any = false;
    for (size_t t = 0; t < length; t++)
        any = any || !is_padding(s, t);
    for (size_t c = 0; c < classes; c++)
        logits[c] = any ? head->params.values[b->offset + c] : 0.0F;
    for (size_t j = 0; any && j < hidden; j++) {
        float top = -INFINITY;
        for (size_t t = 0; t < length; t++) {
            if (is_padding(s, t))
                continue;
            const float x = look_up(s, t, head->hidden, hidden, j);
            if (x > top || isnan(x)) /* which stays: the caller is told of it */
                top = x;
        }
        for (size_t c = 0; c < classes; c++)
            logits[c] += top * head->params.values[w->offset + c * hidden + j];
    }
}

static void predict_steps(const unic_head *head, const soft_codes *s, size_t length,
                          float *logits)
{
    size_t classes = (size_t)head->options.class_count;
    for (size_t t = 0; t < length; t++)
        for (size_t c = 0; c < classes; c++)
            logits[t * classes + c] = is_padding(s, t)
                                          ? 0.0F
                                          : look_up(s, t, head->logits, classes, c);
}

void unic__head_predict(const unic_head *head, const int32_t *codes, const float *weights,
                        size_t k, size_t clips, size_t length, float *logits)
{
    size_t classes = (size_t)head->options.class_count;
    bool whole = head->options.kind == UNIC_HEAD_CLIP;
    for (size_t n = 0; n < clips; n++) {
        const soft_codes s = {codes + n * length * k, weights ? weights + n * length * k : NULL,
                              k};
        if (whole)
            predict_clip(head, &s, length, logits + n * classes);
        else
            predict_steps(head, &s, length, logits + n * length * classes);
    }
}

void unic__head_mask_labels(const unic_head *head, const int32_t *codes, size_t clips,
                            size_t length, int32_t *labels)
{
    size_t classes = head->options.kind == UNIC_HEAD_STEP_MULTI
                         ? (size_t)head->options.class_count
                         : 1;
    for (size_t n = 0; n < clips; n++) {
        bool any = false;
        for (size_t t = 0; t < length; t++) {
            bool valid = codes[n * length + t] >= 0;
            any = any || valid;
            for (size_t c = 0; head->options.kind != UNIC_HEAD_CLIP && !valid && c < classes;
                 c++)
                labels[(n * length + t) * classes + c] = -1;
        }
        if (head->options.kind == UNIC_HEAD_CLIP && !any)
            labels[n] = -1;
    }
}
