#include <math.h>
#include <string.h>

#include "loss/memory_queue.h"
#include "loss/objective.h"
#include "loss/teacher.h"

/*
 * CODIS (Duan et al., CVPR 2022): codes are prototypes C [K,D] of length 1, trained by gradients
 * towards optimal transport plans, beside a contrast of clips with momentum teachers.
 *   h^m = mean of z^m over valid steps, of length 1;  g^m the same of the teacher's z
 *   D^m_ik = 1 - h^m_i . c_k,   T^m = transport plan of D^m (op/transport.c), a constant
 *   L_ot  = sum_m sum_ik T^m_ik D^m_ik
 *   L_p2c = sum_{m != n} mean_i -sum_k q^m_ik log softmax_k(h^n_i . C / tau_p),
 *           q^m the rows of the plan of the teacher's g^m, each scaled to sum 1
 *   L_ica = 1/M^2 sum_{m,n} mean_i -sum_j y_ij log softmax_j(h^m_i . [g^n; queue^n]_j / tau)
 *           y = I where m = n;  (1 - soft) I + soft softmax(g^m . [g^n; queue^n] / tau) elsewhere
 *   L = L_ica + L_ot + L_p2c
 * M modalities; pairs (m, n) are ordered, over the clips that have both. tau is learnt, within
 * [0.001, 0.5]. After a step the rows of C are scaled to length 1, the teachers follow, and each
 * clip's g^m enters the queue of its modality.
 * Approximate: no code of the method is public. The plan's solver is that of its second author
 * (Graph-Optimal-Transport), instances, teachers and queue are those of TCL (Yang et al., CVPR
 * 2022); how they are put together, tau_p and the queue's length are this project's. Matching
 * of image and text and masked words are left out.
 */

static const char name_of_tau[] = "codis.temperature"; /* tau less what it starts from */
static const double least_tau = 0.001, largest_tau = 0.5;
static const double left_out = 1e4; /* below all logits, which are at most 1 / least_tau */

typedef struct codis_inputs {
    unic__pair_nodes target, valid; /* the clips that have both; [m][m]: that have m */
    unic__node *past;               /* [Q] ones; NULL without a queue */
    unic__node *teacher[UNIC_MAX_MODALITIES]; /* g^m [B,D]                       */
    unic__node *all[UNIC_MAX_MODALITIES];     /* the same of all ranks: [R B,D]  */
} codis_inputs;

/* ---- the three losses ---- */

unic__node *unic__soft_contrast(unic__graph *g, unic__node *logits, unic__node *teacher,
                                unic__node *target, unic__node *rows, unic__node *columns,
                                double soft)
{
    unic__node *hard = unic__cross_entropy(g, logits, target, columns);
    if (soft == 0.0)
        return hard;
    unic__node *y = unic__softmax(g, unic__stop_gradient(g, teacher), columns);
    unic__node *off = unic__affine(g, columns, left_out, -left_out); /* 0, or -1e4 */
    unic__node *log_p = unic__log_softmax(g, unic__add(g, logits, off));
    unic__node *each = unic__affine(g, unic__sum(g, unic__mul(g, y, log_p), 1, false), -1.0,
                                    0.0);
    return unic__add(g, unic__affine(g, hard, 1.0 - soft, 0.0),
                     unic__affine(g, unic__valid_mean(g, each, rows), soft, 0.0));
}

/* The own rows of the plan of all ranks' clips: cost [B,K], valid [R B]. */
static unic__node *plan_of(unic__graph *g, const unic_config *c, unic__node *cost,
                           unic__node *valid)
{
    unic__node *all = unic__all_rows(g, unic__stop_gradient(g, cost));
    return unic__own_rows(g, unic__transport(g, all, valid, c->codis_beta, c->codis_rounds,
                                             c->codis_plan == UNIC__PLAN_IPOT));
}

/* 1 - cosine */
static unic__node *cost_of(unic__graph *g, unic__node *cosine)
{
    return unic__affine(g, cosine, -1.0, 1.0);
}

/* sum_ik T_ik D_ik */
static unic__node *transport_cost(unic__graph *g, const unic_config *c, unic__node *cosine,
                                  unic__node *valid)
{
    unic__node *cost = cost_of(g, cosine), *t = plan_of(g, c, cost, valid);
    unic__node *all = unic__mul(g, t, cost);
    return unic__sum(g, unic__reshape(g, all, UNIC__SHAPE_OF(unic__shape_count(&all->t.shape))),
                     0, false);
}

/* q [B,K] of the teacher's cosines */
static unic__node *assignment(unic__graph *g, const unic_config *c, unic__node *cosine,
                              unic__node *valid)
{
    unic__node *t = plan_of(g, c, cost_of(g, cosine), valid);
    return unic__div(g, t, unic__clamp(g, unic__sum(g, t, 1, true), 1e-12, INFINITY));
}

static unic__node *predict(unic__graph *g, unic__node *q, unic__node *log_p, unic__node *both)
{
    unic__node *each = unic__sum(g, unic__mul(g, q, log_p), 1, false); /* [B] */
    unic__node *own = unic__own_rows(g, both);
    unic__node *mean = unic__of_all(g, unic__valid_mean(g, each, own), own, both);
    return unic__affine(g, mean, -1.0, 0.0);
}

/* ---- as a term ---- */

static void make_inputs(const unic__objective *o, unic__graph *g, void *inputs)
{
    codis_inputs *in = inputs;
    unic__pairs_make(o, g, in->target, in->valid);
    if (o->config->codis_queue > 0 && o->config->codis_weight > 0.0)
        in->past = unic__input(g, UNIC__SHAPE_OF(o->config->codis_queue), UNIC__F32);
}

static unic_status fill_inputs(const unic__objective *o, void *inputs, const unic__draw *draw)
{
    codis_inputs *in = inputs;
    (void)draw;
    unic__pairs_fill(o, in->target, in->valid, 0);
    for (size_t i = 0; in->past && i < o->config->codis_queue; i++)
        in->past->t.x[i] = 1.0F;
    return UNIC_OK;
}

/* g^m: the encoder once more, of the teacher's parameters, without gradient. */
static unic__node *teacher_of(const unic__objective *o, unic__graph *g, size_t m)
{
    const unic__stream *s = &o->stream[m];
    unic__param_table *own = g->params;
    bool frozen = g->frozen;
    g->params = o->teacher;
    g->frozen = true;
    unic__node *front = unic__front(g, o->config, s->m, s->x, s->lengths);
    unic__node *z = unic__semantic_encoder(g, o->config, s->m, front, s->mask);
    g->params = own;
    g->frozen = frozen;
    return unic__unit_rows(g, unic__clip_mean(g, z, s->mask));
}

/* [g^n; queue^n], and which of them count for clips of m. */
static unic__node *keys_of(const unic__objective *o, unic__graph *g, const codis_inputs *in,
                           size_t m, size_t n, unic__node **columns)
{
    *columns = in->valid[m][n];
    if (!in->past)
        return in->all[n];
    size_t dim = o->config->code_dim, past = o->config->codis_queue;
    unic__node *queue = unic__external(g, UNIC__SHAPE_OF(past, dim), o->queue[n].rows, NULL);
    *columns = unic__concat(g, 2, (unic__node *[]){in->valid[m][n], in->past}, 0);
    return unic__concat(g, 2, (unic__node *[]){in->all[n], queue}, 0);
}

/* L_ica, not yet divided by M^2 */
static unic__node *instances(const unic__objective *o, unic__graph *g, const codis_inputs *in,
                             unic__node *const *h)
{
    const unic_config *c = o->config;
    unic__node *offset = unic__param_node(g, UNIC__SHAPE_OF(1),
                                          (unic__init){UNIC__INIT_ZEROS, 0}, "%s", name_of_tau);
    unic__node *tau = unic__affine(g, offset, 1.0, c->codis_temperature), *loss = NULL;
    for (size_t m = 0; m < o->n; m++)
        for (size_t n = 0; n < o->n; n++) {
            unic__node *columns, *keys = keys_of(o, g, in, m, n, &columns);
            unic__node *logits = unic__div(g, unic__matmul(g, h[m], keys, false, true), tau);
            unic__node *teacher = unic__div(
                g, unic__matmul(g, in->teacher[m], keys, false, true), tau);
            unic__node *own = unic__own_rows(g, in->valid[m][n]);
            unic__node *term = unic__soft_contrast(g, logits, teacher, in->target[m][n], own,
                                                   columns, m == n ? 0.0 : c->codis_soft);
            term = unic__of_all(g, term, own, in->valid[m][n]);
            loss = loss ? unic__add(g, loss, term) : term;
        }
    return loss;
}

static unic__node *build_term(const unic__objective *o, unic__graph *g, void *inputs, size_t m_)
{
    const unic_config *c = o->config;
    codis_inputs *in = inputs;
    unic__node *h[UNIC_MAX_MODALITIES], *q[UNIC_MAX_MODALITIES], *log_p[UNIC_MAX_MODALITIES];
    (void)m_;
    unic__node *prototypes = unic__param_node(g, UNIC__SHAPE_OF(c->code_count, c->code_dim),
                                              (unic__init){UNIC__INIT_ZEROS, 0}, "%s",
                                              UNIC__PROTOTYPES);
    for (size_t m = 0; m < o->n; m++) {
        h[m] = unic__unit_rows(g, unic__clip_mean(g, o->stream[m].z, o->stream[m].mask));
        in->teacher[m] = teacher_of(o, g, m);
        in->all[m] = unic__keep(unic__all_rows(g, in->teacher[m]));
    }
    unic__node *loss = unic__affine(g, instances(o, g, in, h), 1.0 / (double)(o->n * o->n),
                                    0.0);
    for (size_t m = 0; m < o->n; m++) {
        unic__node *cosine = unic__matmul(g, h[m], prototypes, false, true); /* [B,K] */
        unic__node *steady = unic__matmul(g, in->teacher[m], unic__stop_gradient(g, prototypes),
                                          false, true);
        loss = unic__add(g, loss, transport_cost(g, c, cosine, in->valid[m][m]));
        q[m] = assignment(g, c, steady, in->valid[m][m]);
        log_p[m] = unic__log_softmax(g, unic__affine(g, cosine, 1.0 / c->codis_sharpness, 0.0));
    }
    for (size_t m = 0; m < o->n; m++)
        for (size_t n = 0; n < o->n; n++)
            if (n != m)
                loss = unic__add(g, loss, predict(g, q[m], log_p[n], in->valid[m][n]));
    return loss;
}

static void bound_tau(const unic_config *c, unic__param_table *params)
{
    float *offset = params->values + unic__param_table_find(params, name_of_tau)->offset;
    float low = (float)(least_tau - c->codis_temperature);
    float high = (float)(largest_tau - c->codis_temperature);
    *offset = *offset < low ? low : *offset > high ? high : *offset;
}

static void settle(const unic__objective *o, unic__param_table *params)
{
    const unic_config *c = o->config;
    const codis_inputs *in = unic__objective_inputs_of(o, &unic__term_codis);
    const unic__param *p = unic__param_table_find(params, UNIC__PROTOTYPES);
    if (!p)
        return;
    for (size_t k = 0; k < c->code_count; k++)
        unic__make_unit(params->values + p->offset + k * c->code_dim, c->code_dim);
    bound_tau(c, params);
    for (size_t m = 0; m < o->n; m++)
        for (size_t b = 0; b < unic__all_batch(o); b++)
            if (unic__all_lengths(o, m)[b] > 0)
                unic__memory_queue_push(&o->queue[m], in->all[m]->t.x + b * c->code_dim);
    unic__teacher_follow(o->teacher, params, c->codis_momentum);
}

const unic__term_kind unic__term_codis = {
    .name = "codis",
    .weight = offsetof(unic_config, codis_weight),
    .group = "codis",
    .inputs_bytes = sizeof(codis_inputs),
    .inputs = make_inputs,
    .fill = fill_inputs,
    .build = build_term,
    .settle = settle,
};
