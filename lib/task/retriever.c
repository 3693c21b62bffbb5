#include "task/retriever.h"

#include <math.h>
#include <string.h>

#include "array/array.h"
#include "model/layers.h"
#include "task/codes.h"
#include "train/fit.h"

static const double normalise_epsilon = 1e-12; /* added to ||y||^2 */

/* ---- the networks ---- */

/* normalise(W2 relu(W1 x + b1) + b2) */
static unic__node *tower(unic__graph *g, const unic_retriever_options *o, unic__node *x,
                         const char *name)
{
    unic__node *y = unic__dense_relu(g, x, (size_t)o->hidden, "%s1", name); /* [B,H]   */
    y = unic__dense(g, y, (size_t)o->dim, "%s2", name);                     /* [B,dim] */
    unic__node *square = unic__sum(g, unic__square(g, y), 1, true);         /* [B,1]   */
    return unic__div(g, y, unic__sqrt(g, unic__affine(g, square, 1.0, normalise_epsilon)));
}

static unic__node *query_of(unic__retriever_graph *h, const unic_retriever *r)
{
    h->mean = unic__input(&h->g, UNIC__SHAPE_OF(h->batch, r->codebook->dim), UNIC__F32);
    return unic__keep(tower(&h->g, &r->options, h->mean, "query"));
}

static unic__node *item_of(unic__retriever_graph *h, const unic_retriever *r)
{
    h->item = unic__input(&h->g, UNIC__SHAPE_OF(h->batch, (size_t)r->options.item_dim),
                          UNIC__F32);
    return unic__keep(tower(&h->g, &r->options, h->item, "item"));
}

/* Each row's own among all that are there: mean_i -log softmax_j(a_i . b_j / tau)[i] */
static unic__node *contrast(unic__retriever_graph *h, const unic_retriever *r, unic__node *a,
                            unic__node *b)
{
    unic__node *score = unic__matmul(&h->g, a, b, false, true); /* [B,B] */
    score = unic__affine(&h->g, score, 1.0 / (double)r->options.temperature, 0.0);
    return unic__cross_entropy(&h->g, score, h->target, h->there);
}

void unic__retriever_build(unic__retriever_graph *h, const unic_retriever *r, size_t batch)
{
    *h = (unic__retriever_graph){.batch = batch};
    unic__graph *g = &h->g;
    unic__graph_init(g, r->params, false);
    h->q = query_of(h, r);
    h->v = item_of(h, r);
    h->there = unic__input(g, UNIC__SHAPE_OF(batch), UNIC__F32);
    h->target = unic__input(g, UNIC__SHAPE_OF(batch), UNIC__I32);
    unic__node *of_items = contrast(h, r, h->q, h->v), *of_queries = contrast(h, r, h->v, h->q);
    unic__node *both = unic__add(g, of_items, of_queries);
    h->loss = unic__loss(unic__affine(g, both, 0.5, 0.0), 1.0);
}

/* ---- making one ---- */

static unic_status declare(const unic_retriever *r)
{
    unic__retriever_graph h;
    unic__retriever_build(&h, r, 1);
    unic_status status = h.g.status;
    if (status != UNIC_OK)
        unic__fail(status, "%s", h.g.message ? h.g.message : "out of memory");
    unic__graph_free(&h.g);
    return status;
}

static unic_status fill(unic_retriever *r, unic__npz *z)
{
    unic__param_table *params = r->params;
    UNIC__TRY(declare(r));
    if (z)
        UNIC__TRY(unic__expect_table(z, params));
    UNIC__TRY(unic__param_table_seal(params, true));
    UNIC__TRY(unic__adam_create(&r->adam, params));
    if (z)
        return unic__read_table(z, params);
    unic__param_table_init(params, r->options.seed);
    return UNIC_OK;
}

unic_status unic__retriever_create(unic_retriever **out, unic_codebook *codebook,
                                   const unic_retriever_options *options, unic__npz *z)
{
    unic_retriever *r = unic__alloc_zero(sizeof *r);
    unic__param_table *params = unic__alloc_zero(sizeof *params);
    if (!r || !params) {
        unic__free(r);
        unic__free(params);
        unic__codebook_free(codebook);
        return unic__no_memory(sizeof *r + sizeof *params, "a retriever");
    }
    *r = (unic_retriever){.options = *options, .codebook = codebook, .params = params};
    r->fingerprint = unic__codebook_fingerprint(codebook);
    unic_status status = fill(r, z);
    if (status == UNIC_OK)
        *out = r;
    else
        unic__retriever_free(r);
    return status;
}

void unic__retriever_free(unic_retriever *r)
{
    if (!r)
        return;
    unic__adam_free(&r->adam);
    unic__param_table_free(r->params);
    unic__free(r->params);
    unic__codebook_free(r->codebook);
    unic__free(r);
}

/* ---- what it is given ---- */

/* Columns of a mean that are summed at a time; a clip's steps whose sum float32 holds. Of many more
 * it would lose the last ones: those are added in double. */
enum { COLUMNS = 64, FEW = 1 << 14 };

/* Columns `from`.. of the mean of the clip's codes. */
static void mean_columns(const unic_codebook *cb, const int32_t *codes, size_t length,
                         size_t from, float *mean)
{
    const size_t columns = cb->dim - from < COLUMNS ? cb->dim - from : COLUMNS;
    float few[COLUMNS] = {0.0F};
    double more[COLUMNS] = {0.0};
    size_t n = 0;
    for (size_t t = 0; t < length; t++) {
        if (codes[t] < 0)
            continue;
        const float *e = cb->embedding + (size_t)codes[t] * cb->dim + from;
        if (n++ < FEW)
            for (size_t j = 0; j < columns; j++)
                few[j] += e[j];
        else
            for (size_t j = 0; j < columns; j++)
                more[j] += (double)e[j];
    }
    for (size_t j = 0; j < columns; j++)
        mean[from + j] = (float)((double)few[j] + more[j]) / (float)n;
}

void unic__retriever_mean(const unic_codebook *cb, const int32_t *codes, size_t length,
                          float *mean)
{
    for (size_t from = 0; from < cb->dim; from += COLUMNS)
        mean_columns(cb, codes, length, from, mean);
}

/* Every item is a float; `scratch` has item_dim. */
static unic_status check_items(const unic_array *items, float *scratch)
{
    size_t dim = (size_t)items->dims[1];
    for (size_t n = 0; n < (size_t)items->dims[0]; n++) {
        unic__array_rows_to_f32(items, n, 1, scratch);
        if (!unic__all_finite(scratch, dim))
            return unic__fail(UNIC_E_VALUE, "item %zu holds NaN or Inf in dim %zu", n,
                              unic__first_not_finite(scratch, dim));
    }
    return UNIC_OK;
}

/* What overflows on its way has another length than 1, or none at all. */
static unic_status check_lengths(const float *rows, size_t n, size_t dim, size_t first,
                                 const char *what)
{
    for (size_t i = 0; i < n; i++) {
        double square = 0.0;
        for (size_t j = 0; j < dim; j++)
            square += (double)rows[i * dim + j] * (double)rows[i * dim + j];
        if (!(fabs(square - 1.0) < 0.01))
            return unic__fail(UNIC_E_NUMERIC, "the vector of %s %zu has length %g, not 1", what,
                              first + i, sqrt(square));
    }
    return UNIC_OK;
}

/* ---- training ---- */

/* What a fit is given. */
typedef struct fit_data {
    const unic_retriever *r;
    unic__retriever_graph *graph;
    const int32_t *codes; /* [clips,length] */
    size_t length;
    const unic_array *items;
} fit_data;

static unic_status fill_batch(void *context, const int32_t *order, size_t rows)
{
    const fit_data *d = context;
    const unic_retriever *r = d->r;
    unic__retriever_graph *h = d->graph;
    size_t dim = r->codebook->dim, item_dim = (size_t)r->options.item_dim;
    for (size_t b = 0; b < h->batch; b++) {
        size_t clip = (size_t)order[b < rows ? b : 0];
        unic__retriever_mean(r->codebook, d->codes + clip * d->length, d->length,
                             h->mean->t.x + b * dim);
        unic__array_rows_to_f32(d->items, clip, 1, h->item->t.x + b * item_dim);
        h->there->t.x[b] = b < rows ? 1.0F : 0.0F;
        h->target->t.ix[b] = b < rows ? (int32_t)b : -1;
    }
    return UNIC_OK;
}

static unic_status check_vectors(void *context, size_t rows)
{
    const fit_data *d = context;
    size_t dim = (size_t)d->r->options.dim;
    UNIC__TRY(check_lengths(d->graph->q->t.x, rows, dim, 0, "a batch's clip"));
    return check_lengths(d->graph->v->t.x, rows, dim, 0, "a batch's item");
}

unic_status unic__retriever_fit(double *loss, unic_retriever *r, const int32_t *codes,
                                size_t clips, size_t length, const unic_array *items)
{
    const unic_retriever_options *o = &r->options;
    size_t most = (size_t)o->batch;
    unic__retriever_graph h;
    fit_data d = {r, &h, codes, length, items};
    unic__retriever_build(&h, r, clips < most ? clips : most);
    unic_status status = unic__graph_plan(&h.g);
    if (status == UNIC_OK)
        status = check_items(items, h.item->t.x);
    if (status == UNIC_OK) {
        const unic__fit fit = {.what = "a retriever's fit",
                               .graph = &h.g,
                               .loss = h.loss,
                               .adam = &r->adam,
                               .clips = clips,
                               .batch = h.batch,
                               .epochs = o->epochs,
                               .seed = o->seed,
                               .learning_rate = (double)o->learning_rate,
                               .progress = {o->progress, o->progress_user},
                               .fill = fill_batch,
                               .check = check_vectors,
                               .context = &d};
        status = unic__fit_run(&fit, loss);
        r->trained = r->trained || status == UNIC_OK;
    }
    unic__graph_free(&h.g);
    return status;
}

/* ---- use ---- */

static void build_for_use(unic__retriever_graph *h, const unic_retriever *r, size_t clips)
{
    size_t most = (size_t)r->options.batch;
    *h = (unic__retriever_graph){.batch = clips < most ? clips : most};
    unic__graph_init(&h->g, r->params, true);
}

/* Runs the rows that were filled in; their vectors, of clips [first, ..), to `out`. */
static unic_status give(unic__retriever_graph *h, const unic__node *vectors, size_t first,
                        size_t rows, const char *what, float *out)
{
    size_t dim = unic__shape_last(&vectors->t.shape);
    unic__graph_forward(&h->g, 0);
    UNIC__TRY(check_lengths(vectors->t.x, rows, dim, first, what));
    memcpy(out + first * dim, vectors->t.x, rows * dim * sizeof *out);
    return UNIC_OK;
}

unic_status unic__retriever_queries(const unic_retriever *r, const int32_t *codes, size_t clips,
                                    size_t length, float *out)
{
    unic__retriever_graph h;
    build_for_use(&h, r, clips);
    h.q = query_of(&h, r);
    unic_status status = unic__graph_plan(&h.g);
    for (size_t n = 0; n < clips && status == UNIC_OK; n += h.batch) {
        size_t rows = clips - n < h.batch ? clips - n : h.batch;
        for (size_t b = 0; b < rows; b++)
            unic__retriever_mean(r->codebook, codes + (n + b) * length, length,
                                 h.mean->t.x + b * r->codebook->dim);
        status = give(&h, h.q, n, rows, "clip", out);
    }
    unic__graph_free(&h.g);
    return status;
}

unic_status unic__retriever_items(const unic_retriever *r, const unic_array *items, float *out)
{
    size_t count = (size_t)items->dims[0];
    unic__retriever_graph h;
    build_for_use(&h, r, count);
    h.v = item_of(&h, r);
    unic_status status = unic__graph_plan(&h.g);
    if (status == UNIC_OK)
        status = check_items(items, h.item->t.x);
    for (size_t n = 0; n < count && status == UNIC_OK; n += h.batch) {
        size_t rows = count - n < h.batch ? count - n : h.batch;
        unic__array_rows_to_f32(items, n, rows, h.item->t.x);
        status = give(&h, h.v, n, rows, "item", out);
    }
    unic__graph_free(&h.g);
    return status;
}
