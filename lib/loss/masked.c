#include "loss/objective.h"

/*
 * Masked contrast of modalities, step by step and clip by clip: MICU's FCMI (the authors' released
 * code, folder "ICCV25-OSCMG", `pretrain_micu.py`).
 *   z~^m_bt = K_bt z^m_bt,   K_bt = 0 with probability masked.part: the same K for all modalities
 *   fine:    sum over a, b of mean over steps of -log softmax_s( cos(z~^a_bt, z^b_bs) / tau )_t
 *   coarse:  sum over a, b of mean over clips of -log softmax_j( cos(h~^a_i, h^b_j) / tau )_i
 * h~ and h are means of z~ and z over a clip's valid steps. The sums are over all ordered pairs,
 * a modality with itself among them; the queries alone are masked, keys are the steps of the same
 * clip that both modalities have, or the clips that have both. A masked query has the same score
 * with all keys, which costs log of their number. The term is masked.fine x fine + masked.coarse
 * x coarse.
 * Approximate: the released code runs the encoders twice in a step, so that these losses and the
 * reconstruction see other dropout, and the codebook moves twice; here one pass serves all. Where
 * clips differ in length each step counts the same, there each clip.
 */

static unic__node *unit_steps(unic__graph *g, unic__node *z)
{
    const unic__shape s = z->t.shape;
    unic__node *rows = unic__reshape(g, z, UNIC__SHAPE_OF(s.dim[0] * s.dim[1], s.dim[2]));
    return unic__reshape(g, unic__unit_rows(g, rows), s);
}

/* One modality as queries, which are masked and divided by tau, and as keys. */
typedef struct side {
    unic__node *query, *key;           /* [B,T,D] */
    unic__node *query_clip, *key_clip; /* [B,D], [R B,D] */
} side;

static side side_of(unic__graph *g, const unic_config *c, const unic__stream *s,
                    const unic__masked_inputs *in)
{
    const unic__shape shape = s->mask->t.shape;
    const double scale = 1.0 / c->masked_temperature;
    unic__node *keep = unic__reshape(g, in->keep,
                                     UNIC__SHAPE_OF(shape.dim[0], shape.dim[1], 1));
    unic__node *masked = unic__mul(g, s->z, keep);
    unic__node *clip = unic__unit_rows(g, unic__clip_mean(g, masked, s->mask));
    unic__node *key = unic__unit_rows(g, unic__clip_mean(g, s->z, s->mask));
    return (side){
        .query = unic__affine(g, unit_steps(g, masked), scale, 0.0),
        .key = unit_steps(g, s->z),
        .query_clip = unic__affine(g, clip, scale, 0.0),
        .key_clip = unic__all_rows(g, key),
    };
}

/* -log softmax over the steps of the same clip; `both` [B,T] are those that a and b have. */
static unic__node *fine(unic__graph *g, const side *a, const side *b, unic__node *both,
                        unic__node *all_both, unic__node *target)
{
    const size_t batch = both->t.shape.dim[0], length = both->t.shape.dim[1];
    const unic__shape rows = UNIC__SHAPE_OF(batch * length, length);
    unic__node *score = unic__matmul(g, a->query, b->key, false, true); /* [B,T,T] */
    unic__node *keys = unic__reshape(g, both, UNIC__SHAPE_OF(batch, 1, length));
    keys = unic__reshape(g, unic__repeat(g, keys, 1, length), rows);
    unic__node *mean = unic__cross_entropy(g, unic__reshape(g, score, rows), target, keys);
    return unic__of_all(g, mean, both, all_both);
}

static unic__node *coarse(unic__graph *g, const side *a, const side *b, unic__node *target,
                          unic__node *valid)
{
    unic__node *score = unic__matmul(g, a->query_clip, b->key_clip, false, true); /* [B,R B] */
    return unic__pair_loss(g, score, target, valid);
}

/* ---- as a term ---- */

static void make_inputs(const unic__objective *o, unic__graph *g, void *inputs)
{
    unic__masked_inputs *in = inputs;
    in->keep = unic__input(g, UNIC__SHAPE_OF(o->batch, o->length), UNIC__F32);
    in->step = unic__input(g, UNIC__SHAPE_OF(o->batch * o->length), UNIC__I32);
    unic__pairs_make(o, g, in->target, in->valid);
}

static unic_status fill_inputs(const unic__objective *o, void *inputs, const unic__draw *draw)
{
    unic__masked_inputs *in = inputs;
    const size_t first = unic__first_row(o) * o->length;
    const unic__key key = {unic__random_bits(draw->key, unic__random_hash("masked"))};
    for (size_t i = 0; i < o->batch * o->length; i++) {
        const double at = (double)unic__random_uniform(key, first + i);
        in->keep->t.x[i] = at < o->config->masked_part ? 0.0F : 1.0F;
        in->step->t.ix[i] = (int32_t)(i % o->length);
    }
    unic__pairs_fill(o, in->target, in->valid, 0);
    return UNIC_OK;
}

static unic__node *build_term(const unic__objective *o, unic__graph *g, void *inputs, size_t m)
{
    const unic_config *c = o->config;
    const unic__masked_inputs *in = inputs;
    side sides[UNIC_MAX_MODALITIES];
    unic__node *loss = NULL;
    (void)m;
    for (size_t a = 0; a < o->n; a++)
        sides[a] = side_of(g, c, &o->stream[a], in);
    for (size_t a = 0; a < o->n; a++)
        for (size_t b = 0; b < o->n; b++) { /* a asks */
            const unic__stream *s = &o->stream[a], *p = &o->stream[b];
            unic__node *both = unic__mul(g, s->mask, p->mask);
            unic__node *all = g->ranks ? unic__mul(g, s->all_mask, p->all_mask) : NULL;
            unic__node *steps = fine(g, &sides[a], &sides[b], both, all, in->step);
            unic__node *clips = coarse(g, &sides[a], &sides[b], in->target[a][b],
                                       in->valid[a][b]);
            unic__node *term = unic__add(g, unic__affine(g, steps, c->masked_fine, 0.0),
                                         unic__affine(g, clips, c->masked_coarse, 0.0));
            loss = loss ? unic__add(g, loss, term) : term;
        }
    return loss;
}

const unic__term_kind unic__term_masked = {
    .name = "masked",
    .weight = offsetof(unic_config, masked_weight),
    .inputs_bytes = sizeof(unic__masked_inputs),
    .inputs = make_inputs,
    .fill = fill_inputs,
    .build = build_term,
};
