#include "op/attention.h"

#include <math.h>

/* Attention as an operator: the shape rule, a call's parts, and which way computes it. */

/* ---- the shape rule ---- */

static unic_status check_mask(const unic__call *c, size_t input, const char *name,
                              unic__shape want)
{
    char text[UNIC__SHAPE_TEXT], wanted[UNIC__SHAPE_TEXT];
    if (!c->in[input])
        return UNIC_OK;
    UNIC__TRY(unic__expect_f32(c, input));
    if (!unic__shape_equal(&c->in[input]->shape, &want))
        return unic__shape_fail(c, "the %s mask has shape %s, expected %s", name,
                                unic__shape_print(&c->in[input]->shape, text),
                                unic__shape_print(&want, wanted));
    return UNIC_OK;
}

static unic_status check_inputs(const unic__call *c)
{
    const unic__attention_attr *attr = c->attr;
    char qs[UNIC__SHAPE_TEXT], ks[UNIC__SHAPE_TEXT], vs[UNIC__SHAPE_TEXT];
    for (size_t i = 0; i < 3; i++)
        UNIC__TRY(unic__expect_rank(c, i, 3));
    const unic__shape *q = &c->in[0]->shape, *k = &c->in[1]->shape, *v = &c->in[2]->shape;
    if (attr->packed && (c->in[1] != c->in[0] || c->in[2] != c->in[0]))
        return unic__shape_fail(c, "packed q, k and v must be one and the same tensor");
    if (!unic__shape_equal(k, v) || q->dim[0] != k->dim[0] || q->dim[2] != k->dim[2])
        return unic__shape_fail(c, "q %s, k %s and v %s are not [B,T,D], [B,S,D] and [B,S,D]",
                                unic__shape_print(q, qs), unic__shape_print(k, ks),
                                unic__shape_print(v, vs));
    if (!unic__shape_count(q) || !unic__shape_count(k))
        return unic__shape_fail(c, "q %s and k %s must not be empty", unic__shape_print(q, qs),
                                unic__shape_print(k, ks));
    size_t parts = attr->packed ? 3 : 1;
    if (q->dim[2] % parts || !attr->heads || q->dim[2] / parts % attr->heads)
        return unic__shape_fail(c, "the last dim of q %s is not %s %zu heads of equal width",
                                unic__shape_print(q, qs),
                                attr->packed ? "three times" : "made of", attr->heads);
    if (!(attr->dropout >= 0.0F && attr->dropout < 1.0F))
        return unic__fail(UNIC_E_ARG, "attention: dropout is %g, expected 0 <= dropout < 1",
                          (double)attr->dropout);
    UNIC__TRY(check_mask(c, 3, "key", UNIC__SHAPE_OF(k->dim[0], k->dim[1])));
    return check_mask(c, 4, "query", UNIC__SHAPE_OF(q->dim[0], q->dim[1]));
}

/* What the shapes and settings say; parts() adds the memory. */
static unic__attention dims_of(const unic__call *c)
{
    const unic__attention_attr *attr = c->attr;
    const size_t *q = c->in[0]->shape.dim, *k = c->in[1]->shape.dim;
    unic__attention a = {.batch = q[0], .heads = attr->heads, .queries = q[1], .keys = k[1]};
    a.y_stride = q[2] / (attr->packed ? 3 : 1);
    a.q_stride = q[2];
    a.k_stride = k[2];
    a.width = a.y_stride / a.heads;
    a.p_stride = c->backend == UNIC__ONEDNN ? a.keys : unic__attention_padded(a.keys);
    a.scale = 1.0F / sqrtf((float)a.width);
    a.chunk = attr->chunk ? attr->chunk : a.queries > a.keys ? a.queries : a.keys;
    return a;
}

static unic__attention parts(const unic__call *c)
{
    const unic__attention_attr *attr = c->attr;
    unic__attention a = dims_of(c);
    size_t next = attr->packed ? a.y_stride : 0; /* from q to k, and from k to v */
    const unic__tensor *q = c->in[0], *k = c->in[1], *v = c->in[2];
    a.q = q->x;
    a.k = k->x + next;
    a.v = v->x + 2 * next;
    a.dq = q->dx;
    a.dk = k->dx ? k->dx + next : NULL;
    a.dv = v->dx ? v->dx + 2 * next : NULL;
    a.y = c->out->x;
    a.dy = c->out->dx;
    a.key_mask = c->in[3] ? c->in[3]->x : NULL;
    a.query_mask = c->in[4] ? c->in[4]->x : NULL;
    a.p = c->saved;
    a.backend = c->backend;
    a.dropout = c->run->training ? attr->dropout : 0.0F;
    a.key = unic__random_key(c->run->seed, c->run->step, c->id);
    a.first_head = (size_t)c->run->part * a.batch * a.heads;
    return a;
}

static unic_status infer(unic__call *c)
{
    UNIC__TRY(check_inputs(c));
    unic__attention a = dims_of(c);
    size_t most;
    char qs[UNIC__SHAPE_TEXT], ks[UNIC__SHAPE_TEXT];
    if (a.keys > SIZE_MAX - UNIC__ATTENTION_LANES ||
        !unic__shape_count_checked(&UNIC__SHAPE_OF(6, a.batch * a.heads, a.queries + 1,
                                                   unic__attention_padded(a.keys), a.width),
                                   &most))
        return unic__shape_fail(c, "q %s and k %s are too large",
                                unic__shape_print(&c->in[0]->shape, qs),
                                unic__shape_print(&c->in[1]->shape, ks));
    c->out->dtype = UNIC__F32;
    c->out->shape = UNIC__SHAPE_OF(a.batch, a.queries, a.y_stride);
    c->saved_size = a.batch * a.heads * a.queries * a.p_stride;
    c->scratch_size = c->backend == UNIC__ONEDNN ? unic__attention_onednn_scratch(&a)
                                                 : unic__attention_heads_scratch(&a);
    return UNIC_OK;
}

/* ---- the operator ---- */

static unic_status plan(unic__call *c)
{
    const unic__attention a = dims_of(c);
    return c->backend == UNIC__ONEDNN ? unic__attention_onednn_plan(c, &a) : UNIC_OK;
}

static void forward(unic__call *c)
{
    const unic__attention a = parts(c);
    if (c->prim)
        unic__attention_onednn_forward(c, &a);
    else
        unic__attention_heads_forward(c, &a);
}

static void backward(unic__call *c)
{
    const unic__attention a = parts(c);
    if (c->prim)
        unic__attention_onednn_backward(c, &a);
    else
        unic__attention_heads_backward(c, &a);
}

const unic__op unic__op_attention = {
    .name = "attention",
    .infer = infer,
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .unplan = unic__attention_onednn_unplan,
    .keeps = UNIC__KEEP_IN(0) | UNIC__KEEP_IN(1) | UNIC__KEEP_IN(2),
};
