#include "loss/objective.h"

/*
 * Cross-CPC (Eq 6): the past of one modality predicts the future of another.
 *   c^m_t = LSTM(z^m_{<=t}),   p^m_k = W^m_k c^m_t
 *   L_{m->n} = -1/K sum_k mean_i log softmax_j( p^m_k[i] . z^n_{t+k}[j] )_i
 * One t for the whole batch, so the negatives are the other clips' values at the same time.
 * contrast = predictions (the CMG code) turns the table: each future among the batch's
 * predictions.
 */

size_t unic__cpc_horizon(const unic_config *c, size_t length, size_t *shift)
{
    /* t is from cpc.start to T - K - 1; where that is t = 0 alone, there is no past to speak
     * of. */
    size_t last = c->cpc_start > 1 ? c->cpc_start : 1;
    bool too_short = length < last + c->cpc_steps + 1;
    *shift = too_short ? 0 : 1;
    return too_short ? 1 : c->cpc_steps;
}

/* [B,T,D] -> rows index [B] of [BT,D] */
static unic__node *rows_at(unic__graph *g, unic__node *z, unic__node *index)
{
    unic__shape s = z->t.shape;
    return unic__gather(g, unic__reshape(g, z, UNIC__SHAPE_OF(s.dim[0] * s.dim[1], s.dim[2])),
                        index);
}

static unic__node *context_of(unic__graph *g, const unic_config *c, const unic__stream *s,
                              const unic__cpc_inputs *in)
{
    const char *prefix = unic__arena_printf(&g->arena, "%s.cpc.lstm", s->m->name);
    if (!prefix)
        return unic__graph_fail(g, UNIC_E_NOMEM, "out of memory (a parameter's name)");
    size_t hidden = c->cpc_hidden ? c->cpc_hidden : c->code_dim;
    /* Causal, so the steps behind t do not matter; the clips' lengths do not either. */
    return rows_at(g, unic__lstm_stack(g, s->z, NULL, hidden, c->cpc_layers, prefix),
                   in->context);
}

unic__node *unic__cross_cpc(unic__graph *g, const unic_config *c, size_t n,
                            const unic__stream *streams, const unic__cpc_inputs *in)
{
    size_t shift, horizon = unic__cpc_horizon(c, streams[0].z->t.shape.dim[1], &shift);
    unic__node *context[UNIC_MAX_MODALITIES], *loss = NULL;
    for (size_t m = 0; m < n; m++)
        context[m] = context_of(g, c, &streams[m], in); /* [B,H] */
    const bool futures = c->cpc_contrast == UNIC__OVER_FUTURES;
    for (size_t k = 0; k < horizon; k++) {
        unic__node *prediction[UNIC_MAX_MODALITIES], *future[UNIC_MAX_MODALITIES]; /* [B,D] */
        unic__node *among[UNIC_MAX_MODALITIES];                                    /* [R B,D] */
        for (size_t m = 0; m < n; m++) {
            prediction[m] = unic__dense(g, context[m], c->code_dim, "%s.cpc.predict%zu",
                                        streams[m].m->name, k);
            future[m] = rows_at(g, streams[m].z, in->future[k]);
            among[m] = unic__all_rows(g, futures ? future[m] : prediction[m]);
        }
        for (size_t a = 0; a < n; a++)
            for (size_t b = 0; b < n; b++) { /* a predicts b */
                double weight = (a == b ? c->cpc_self : 1.0) / (double)horizon;
                if (weight == 0.0)
                    continue;
                unic__node *rows = futures ? prediction[a] : future[b];
                unic__node *columns = among[futures ? b : a];
                unic__node *score = unic__matmul(g, rows, columns, false, true); /* [B, R B] */
                unic__node *term = unic__pair_loss(g, score, in->target[a][b], in->valid[a][b]);
                term = unic__affine(g, term, weight, 0.0);
                loss = loss ? unic__add(g, loss, term) : term;
            }
    }
    return loss;
}

/* ---- as a term ---- */

static void make_inputs(const unic__objective *o, unic__graph *g, void *inputs)
{
    unic__cpc_inputs *in = inputs;
    size_t shift, horizon = unic__cpc_horizon(o->config, o->length, &shift);
    in->context = unic__input(g, UNIC__SHAPE_OF(o->batch), UNIC__I32);
    for (size_t k = 0; k < horizon; k++)
        in->future[k] = unic__input(g, UNIC__SHAPE_OF(o->batch), UNIC__I32);
    unic__pairs_make(o, g, in->target, in->valid);
}

/* The shortest of a clip's modalities that are there; 0 if none is. */
static size_t clip_length(const unic__objective *o, size_t b)
{
    size_t shortest = SIZE_MAX;
    for (size_t m = 0; m < o->n; m++) {
        size_t n = (size_t)unic__all_lengths(o, m)[b];
        shortest = n > 0 && n < shortest ? n : shortest;
    }
    return shortest == SIZE_MAX ? 0 : shortest;
}

/* t, uniform over those from cpc.start on at which two clips still have every future. */
static size_t draw_step(const unic__objective *o, size_t horizon, size_t shift, unic__key key)
{
    size_t reach = shift ? horizon : 0, longest = 0, second = 0;
    for (size_t b = 0; b < unic__all_batch(o); b++) {
        size_t n = clip_length(o, b);
        if (n > longest) {
            second = longest;
            longest = n;
        } else if (n > second) {
            second = n;
        }
    }
    size_t start = shift ? o->config->cpc_start : 0;
    size_t end = second > reach ? second - reach : 0; /* t < end: two clips reach t + K */
    return end > start ? start + unic__random_below(key, 0, end - start) : start;
}

static unic_status choose_step(const unic__objective *o, size_t horizon, size_t shift,
                               const unic__draw *draw, size_t *at)
{
    const int32_t *given = draw->given ? draw->given->cpc_step : NULL;
    *at = draw_step(o, horizon, shift, draw->key);
    if (!given)
        return UNIC_OK;
    if (given[0] < 0 || (size_t)given[0] >= o->length)
        return unic__fail(UNIC_E_VALUE, "draws: cpc_step = %d is not in 0..%zu", given[0],
                          o->length - 1);
    *at = (size_t)given[0];
    return UNIC_OK;
}

static unic_status fill_inputs(const unic__objective *o, void *inputs, const unic__draw *draw)
{
    unic__cpc_inputs *in = inputs;
    size_t at, shift, horizon = unic__cpc_horizon(o->config, o->length, &shift);
    UNIC__TRY(choose_step(o, horizon, shift, draw, &at));
    for (size_t b = 0; b < o->batch; b++) {
        in->context->t.ix[b] = (int32_t)(b * o->length + at);
        for (size_t k = 0; k < horizon; k++) {
            size_t step = at + (shift ? k + 1 : 0);
            in->future[k]->t.ix[b] = step < o->length ? (int32_t)(b * o->length + step) : -1;
        }
    }
    unic__pairs_fill(o, in->target, in->valid, (int32_t)(at + (shift ? horizon : 0)));
    return UNIC_OK;
}

static unic__node *build_term(const unic__objective *o, unic__graph *g, void *inputs, size_t m)
{
    (void)m;
    return unic__cross_cpc(g, o->config, o->n, o->stream, inputs);
}

const unic__term_kind unic__term_cross_cpc = {
    .name = "cpc",
    .weight = offsetof(unic_config, cpc_weight),
    .group = "cpc",
    .inputs_bytes = sizeof(unic__cpc_inputs),
    .inputs = make_inputs,
    .fill = fill_inputs,
    .build = build_term,
};
