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
    return unic__gather(g, unic__reshape(g, z, UNIC__SHAPE(s.dim[0] * s.dim[1], s.dim[2])),
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
    unic__node *context[UNIC__MAX_MODALITIES], *loss = NULL;
    for (size_t m = 0; m < n; m++)
        context[m] = context_of(g, c, &streams[m], in); /* [B,H] */
    for (size_t k = 0; k < horizon; k++) {
        unic__node *prediction[UNIC__MAX_MODALITIES], *future[UNIC__MAX_MODALITIES]; /* [B,D] */
        for (size_t m = 0; m < n; m++) {
            prediction[m] = unic__dense(g, context[m], c->code_dim, "%s.cpc.predict%zu",
                                        streams[m].m->name, k);
            future[m] = rows_at(g, streams[m].z, in->future[k]);
        }
        for (size_t a = 0; a < n; a++)
            for (size_t b = 0; b < n; b++) { /* a predicts b */
                double weight = (a == b ? c->cpc_self : 1.0) / (double)horizon;
                if (weight == 0.0)
                    continue;
                bool futures = c->cpc_contrast == UNIC__OVER_FUTURES;
                unic__node *rows = futures ? prediction[a] : future[b];
                unic__node *columns = futures ? future[b] : prediction[a];
                unic__node *score = unic__matmul(g, rows, columns, false, true); /* [B,B] */
                unic__node *term = unic__cross_entropy(g, score, in->target[a][b],
                                                       in->valid[a][b]);
                term = unic__affine(g, term, weight, 0.0);
                loss = loss ? unic__add(g, loss, term) : term;
            }
    }
    return loss;
}
