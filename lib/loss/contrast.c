#include <math.h>

#include "loss/objective.h"

/*
 * Symmetric contrastive loss on one vector a clip (CLIP's; for the method MST, which is MS-CLIP,
 * You et al., ECCV 2022):
 *   h^m = mean over valid steps of z^m,   f^m = h^m P^m / ||h^m P^m||,   S = e^s f^a f^v^T
 *   L_ab = 1/2 [ce(S) + ce(S^T)],   ce(S) = -mean_i log softmax_j(S_ij)_i
 * summed over unordered pairs of modalities, over the clips that have both. s is one number for
 * all pairs; e^s starts at 1 / contrast.temperature and is kept at or below 100, as CLIP does: s
 * itself is set back after a step, so that its gradient is never lost.
 * Approximate: the released code of MS-CLIP has no training loop, so the loss is CLIP's.
 */

static const char name_of_scale[] = "contrast.scale"; /* s less what it starts from */
static const double largest = 100.0;                  /* of e^s */

static double start_of(const unic_config *c)
{
    return -log(c->contrast_temperature);
}

/* e^s f, with the fixed e^s where it is not trained */
static unic__node *scaled(unic__graph *g, const unic_config *c, unic__node *f)
{
    if (!c->contrast_learn)
        return unic__affine(g, f, 1.0 / c->contrast_temperature, 0.0);
    unic__node *s = unic__param_node(g, UNIC__SHAPE_OF(1), (unic__init){UNIC__INIT_ZEROS, 0},
                                     "%s", name_of_scale);
    return unic__mul(g, f, unic__exp(g, unic__affine(g, s, 1.0, start_of(c))));
}

unic__node *unic__symmetric_contrast(unic__graph *g, unic__node *rows, unic__node *columns,
                                     unic__node *target, unic__node *valid)
{
    unic__node *sum = unic__add(g, unic__pair_loss(g, rows, target, valid),
                                unic__pair_loss(g, columns, target, valid));
    return unic__affine(g, sum, 0.5, 0.0);
}

/* f [B,P] */
static unic__node *clip_vector(unic__graph *g, const unic_config *c, const unic__stream *s)
{
    unic__node *h = unic__clip_mean(g, s->z, s->mask);
    if (c->contrast_head > 0)
        h = unic__dense_no_bias(g, h, c->contrast_head, "%s.contrast.head", s->m->name);
    return unic__unit_rows(g, h);
}

/* ---- as a term ---- */

typedef struct contrast_inputs {
    unic__pair_nodes target, valid; /* the clips that have both modalities */
} contrast_inputs;

static void make_inputs(const unic__objective *o, unic__graph *g, void *inputs)
{
    contrast_inputs *in = inputs;
    unic__pairs_make(o, g, in->target, in->valid);
}

static unic_status fill_inputs(const unic__objective *o, void *inputs, const unic__draw *draw)
{
    contrast_inputs *in = inputs;
    (void)draw;
    unic__pairs_fill(o, in->target, in->valid, 0);
    return UNIC_OK;
}

static unic__node *build_term(const unic__objective *o, unic__graph *g, void *inputs, size_t m)
{
    const contrast_inputs *in = inputs;
    unic__node *f[UNIC_MAX_MODALITIES], *scaled_f[UNIC_MAX_MODALITIES], *loss = NULL;
    unic__node *all[UNIC_MAX_MODALITIES], *all_scaled[UNIC_MAX_MODALITIES]; /* [R B,P] */
    (void)m;
    for (size_t a = 0; a < o->n; a++) {
        f[a] = clip_vector(g, o->config, &o->stream[a]);
        scaled_f[a] = scaled(g, o->config, f[a]);
        all[a] = unic__all_rows(g, f[a]);
        all_scaled[a] = unic__all_rows(g, scaled_f[a]);
    }
    for (size_t a = 0; a < o->n; a++)
        for (size_t b = a + 1; b < o->n; b++) {
            unic__node *rows = unic__matmul(g, scaled_f[a], all[b], false, true); /* [B, R B] */
            unic__node *columns = unic__matmul(g, f[b], all_scaled[a], false, true);
            unic__node *term = unic__symmetric_contrast(g, rows, columns, in->target[a][b],
                                                        in->valid[a][b]);
            loss = loss ? unic__add(g, loss, term) : term;
        }
    return loss;
}

static void settle(const unic__objective *o, unic__param_table *params)
{
    const unic__param *p = unic__param_table_find(params, name_of_scale);
    if (!p)
        return;
    float *s = params->values + p->offset, most = (float)(log(largest) - start_of(o->config));
    *s = *s > most ? most : *s;
}

const unic__term_kind unic__term_contrast = {
    .name = "contrast",
    .weight = offsetof(unic_config, contrast_weight),
    .group = "contrast",
    .inputs_bytes = sizeof(contrast_inputs),
    .inputs = make_inputs,
    .fill = fill_inputs,
    .build = build_term,
    .settle = settle,
};
