#include <string.h>

#include "kernel/packed.h"
#include "kernel/reduce_rows.h"
#include "kernel/vecmath.h"
#include "op/operators.h"

/*
 * One LSTM layer, one direction. s is the step before t (after it, if reversed); h and c are 0
 * before the first step and at padded steps, so a reversed clip starts at its last valid step;
 * reversed in chunks, they are 0 before the last step of each chunk, too.
 *   a_t = x_t w_ih^T + h_s w_hh^T + b_ih + b_hh          [4H]: the parts i, f, g, o
 *   i, f, o = sigmoid(a),  g = tanh(a)
 *   c_t = f c_s + i g,     h_t = o tanh(c_t)
 * backward, against the direction, from dh_t = dy_t + da_next w_hh and dc_t = f_next dc_next:
 *   dc_t += dh_t o (1 - tanh(c_t)^2),   do = dh_t tanh(c_t),   di = dc_t g,   df = dc_t c_s,
 *   dg = dc_t i;   da is these times i (1 - i), f (1 - f), 1 - g^2, o (1 - o); 0 where padded
 *   dx += da w_ih,   dw_ih += da^T x,   dw_hh += da^T h_s,   db_ih, db_hh += sum_rows(da)
 */

/* A call's parts. Clips are independent: threads share out the batch. */
typedef struct lstm {
    size_t batch, steps, inputs, hidden;
    bool reverse;
    size_t chunk;           /* steps of a chunk, in reverse; 0: one chunk                 */
    const int32_t *lengths; /* [B] or NULL; below 0 is 0, above T is T                    */
    const float *x;
    const unic__tensor *w_ih, *w_hh;
    unic__backend backend;
    float *gates;    /* saved [B,T,4H]: i, f, g, o                                         */
    float *cells;    /* saved [B,T,H]: c                                                   */
    float *h;        /* [B,T,H], the output                                                */
    const float *dy; /* backward: of the output */
    float *zeros;    /* [H], scratch from here on                                          */
    float *bias;     /* [4H]       forward                                                 */
    float *p_ih;     /*            forward: w_ih and w_hh, packed, where they did not come so */
    float *p_hh;
    float *da;     /* [B,T,4H]   backward, in the same place                             */
    float *before; /* [B,T,H]    backward: h_s                                           */
    float *dh;     /* [B,H]      backward: da_next w_hh                                  */
    float *dc;     /* [B,H]      backward: f_next dc_next                                */
} lstm;

static unic_status infer(unic__call *c)
{
    UNIC__TRY(unic__expect_rank(c, 0, 3));
    UNIC__TRY(unic__expect_rank(c, 1, 2));
    UNIC__TRY(unic__expect_rank(c, 2, 2));
    const unic__shape *x = &c->in[0]->shape, *w_ih = &c->in[1]->shape, *w_hh = &c->in[2]->shape;
    size_t batch = x->dim[0], steps = x->dim[1], hidden = w_hh->dim[1];
    char xs[UNIC__SHAPE_TEXT], ws[UNIC__SHAPE_TEXT];
    if (!unic__shape_count(x) || !unic__shape_count(w_hh))
        return unic__shape_fail(c, "x %s and w_hh %s must not be empty",
                                unic__shape_print(x, xs), unic__shape_print(w_hh, ws));
    if (w_hh->dim[0] != 4 * hidden)
        return unic__shape_fail(c, "w_hh has shape %s, expected [4H,H]",
                                unic__shape_print(w_hh, ws));
    if (w_ih->dim[0] != 4 * hidden || w_ih->dim[1] != x->dim[2])
        return unic__shape_fail(c, "w_ih has shape %s, x %s and H = %zu want [%zu,%zu]",
                                unic__shape_print(w_ih, ws), unic__shape_print(x, xs), hidden,
                                4 * hidden, x->dim[2]);
    for (size_t k = 3; k < 5; k++) {
        UNIC__TRY(unic__expect_rank(c, k, 1));
        if (c->in[k]->shape.dim[0] != 4 * hidden)
            return unic__shape_fail(c, "%s has %zu entries, expected 4H = %zu",
                                    k == 3 ? "b_ih" : "b_hh", c->in[k]->shape.dim[0],
                                    4 * hidden);
    }
    if (c->in[5]) {
        UNIC__TRY(unic__expect_i32(c, 5));
        if (!unic__shape_equal(&c->in[5]->shape, &UNIC__SHAPE_OF(batch)))
            return unic__shape_fail(c, "lengths have shape %s, expected [%zu]",
                                    unic__shape_print(&c->in[5]->shape, ws), batch);
    }
    size_t most;
    if (!unic__shape_count_checked(&UNIC__SHAPE_OF(8, batch, steps + 1, hidden), &most))
        return unic__shape_fail(c, "x %s with H = %zu is too large", unic__shape_print(x, xs),
                                hidden);
    c->out->dtype = UNIC__F32;
    c->out->shape = UNIC__SHAPE_OF(batch, steps, hidden);
    c->saved_size = 5 * batch * steps * hidden;
    const size_t packed = unic__packed_count(4 * hidden, x->dim[2]) +
                          unic__packed_count(4 * hidden, hidden);
    const size_t gradients = 5 * batch * steps * hidden + 2 * batch * hidden;
    c->scratch_size = 5 * hidden + (packed > gradients ? packed : gradients);
    return UNIC_OK;
}

static lstm parts(const unic__call *c)
{
    const unic__lstm_attr *attr = c->attr;
    const size_t *x = c->in[0]->shape.dim;
    lstm l = {.batch = x[0], .steps = x[1], .inputs = x[2]};
    l.hidden = c->in[2]->shape.dim[1];
    l.reverse = attr->reverse;
    l.chunk = attr->reverse ? attr->chunk : 0;
    l.lengths = c->in[5] ? c->in[5]->ix : NULL;
    l.x = c->in[0]->x;
    l.w_ih = c->in[1];
    l.w_hh = c->in[2];
    size_t rows = l.batch * l.steps, n = l.hidden;
    l.gates = c->saved;
    l.cells = l.gates + rows * 4 * n;
    l.h = c->out->x;
    l.dy = c->out->dx;
    l.zeros = c->scratch;
    l.bias = l.zeros + n;
    l.backend = c->backend;
    l.p_ih = l.bias + 4 * n;
    l.p_hh = l.p_ih + unic__packed_count(4 * n, l.inputs);
    l.da = l.bias + 4 * n;
    l.before = l.da + rows * 4 * n;
    l.dh = l.before + rows * n;
    l.dc = l.dh + l.batch * n;
    return l;
}

/* Whether the products are worth a thread for each part of the batch. */
static bool worth_splitting(const lstm *l)
{
    return (double)l->batch * (double)l->steps * (double)(l->hidden * l->hidden) >= 1 << 15;
}

/* The k-th step in the layer's direction, and the one before it (for k > 0). */
static size_t step_at(const lstm *l, size_t k)
{
    return l->reverse ? l->steps - 1 - k : k;
}

static bool is_padded(const lstm *l, size_t clip, size_t t)
{
    return l->lengths && (l->lengths[clip] < 0 || t >= (size_t)l->lengths[clip]);
}

/* Whether nothing comes before the k-th step. */
static bool is_start(const lstm *l, size_t k)
{
    return k == 0 || (l->chunk && (step_at(l, k) + 1) % l->chunk == 0);
}

/* Clip b's row of a [B,T,H] tensor at the step before the k-th; zeros before a start. */
static const float *row_before(const lstm *l, const float *rows, size_t b, size_t k)
{
    return !is_start(l, k) ? rows + (b * l->steps + step_at(l, k - 1)) * l->hidden : l->zeros;
}

/* a: the products in, i f g o out. */
UNIC__SIMD static void cell_forward(float *restrict a, float *restrict cell, float *restrict h,
                                    const float *restrict before, const float *restrict bias,
                                    size_t n)
{
    float *ai = a, *af = a + n, *ag = a + 2 * n, *ao = a + 3 * n;
    for (size_t j = 0; j < n; j++) {
        float i = unic__sigmoidf(ai[j] + bias[j]);
        float f = unic__sigmoidf(af[j] + bias[n + j]);
        float g = unic__tanhf(ag[j] + bias[2 * n + j]);
        float o = unic__sigmoidf(ao[j] + bias[3 * n + j]);
        ai[j] = i;
        af[j] = f;
        ag[j] = g;
        ao[j] = o;
        cell[j] = f * before[j] + i * g;
        h[j] = o * unic__tanhf(cell[j]);
    }
}

/* y = or += x w^T; `packed` is the place for what did not come packed. */
static void product(const lstm *l, const unic__tensor *w, const float *packed, const float *x,
                    size_t x_row, size_t rows, bool add, float *y, size_t y_row)
{
    size_t n = w->shape.dim[0], k = w->shape.dim[1];
    if (w->packed || l->backend != UNIC__BLAS)
        unic__packed_run(&(unic__packed_product){.rows = rows,
                                                 .n = n,
                                                 .k = k,
                                                 .x = x,
                                                 .x_row = x_row,
                                                 .packed = w->packed ? w->x : packed,
                                                 .type = w->type,
                                                 .init = add ? y : NULL,
                                                 .init_row = y_row,
                                                 .y = y,
                                                 .y_row = y_row});
    else
        unic__product(l->backend, &(unic__gemm){.tb = true,
                                                .add = add,
                                                .m = rows,
                                                .n = n,
                                                .k = k,
                                                .a = x,
                                                .lda = x_row,
                                                .b = w->x,
                                                .ldb = k,
                                                .c = y,
                                                .ldc = y_row});
}

static void forward_clips(const lstm *l, size_t from, size_t to)
{
    size_t n = l->hidden, steps = l->steps, m = to - from;
    product(l, l->w_ih, l->p_ih, l->x + from * steps * l->inputs, l->inputs, m * steps, false,
            l->gates + from * steps * 4 * n, 4 * n);
    for (size_t k = 0; k < steps; k++) {
        size_t t = step_at(l, k);
        if (!is_start(l, k))
            product(l, l->w_hh, l->p_hh, row_before(l, l->h, from, k), steps * n, m, true,
                    l->gates + (from * steps + t) * 4 * n, steps * 4 * n);
        for (size_t b = from; b < to; b++) {
            size_t row = b * steps + t;
            if (is_padded(l, b, t)) {
                memset(l->cells + row * n, 0, n * sizeof(float));
                memset(l->h + row * n, 0, n * sizeof(float));
            } else {
                cell_forward(l->gates + row * 4 * n, l->cells + row * n, l->h + row * n,
                             row_before(l, l->cells, b, k), l->bias, n);
            }
        }
    }
}

static void forward_part(const void *context, size_t from, size_t to)
{
    forward_clips(context, from, to);
}

static void forward(unic__call *c)
{
    lstm l = parts(c);
    memset(l.zeros, 0, l.hidden * sizeof(float));
    for (size_t j = 0; j < 4 * l.hidden; j++)
        l.bias[j] = c->in[3]->x[j] + c->in[4]->x[j];
    if (l.backend != UNIC__BLAS) {
        if (!l.w_ih->packed)
            unic__pack(l.p_ih, l.w_ih->x, 4 * l.hidden, l.inputs);
        if (!l.w_hh->packed)
            unic__pack(l.p_hh, l.w_hh->x, 4 * l.hidden, l.hidden);
    }
    unic__parallel(l.batch, 1, worth_splitting(&l), forward_part, &l);
}

/* In: dh without dy, dc from the step after. Out: da, and dc for the step before. */
UNIC__SIMD static void cell_backward(float *restrict da, float *restrict dc,
                                     const float *restrict dh, const float *restrict dy,
                                     const float *restrict gates, const float *restrict cell,
                                     const float *restrict before, size_t n)
{
    for (size_t j = 0; j < n; j++) {
        float i = gates[j], f = gates[n + j], g = gates[2 * n + j], o = gates[3 * n + j];
        float tc = unic__tanhf(cell[j]), d = dy[j] + dh[j];
        float e = dc[j] + d * o * (1.0F - tc * tc);
        da[j] = e * g * i * (1.0F - i);
        da[n + j] = e * before[j] * f * (1.0F - f);
        da[2 * n + j] = e * i * (1.0F - g * g);
        da[3 * n + j] = d * tc * o * (1.0F - o);
        dc[j] = e * f;
    }
}

static void backward_clips(const lstm *l, size_t from, size_t to)
{
    size_t n = l->hidden, steps = l->steps, m = to - from;
    memset(l->dh + from * n, 0, m * n * sizeof(float));
    memset(l->dc + from * n, 0, m * n * sizeof(float));
    for (size_t k = steps; k-- > 0;) {
        size_t t = step_at(l, k);
        for (size_t b = from; b < to; b++) {
            size_t row = b * steps + t;
            bool padded = is_padded(l, b, t);
            memcpy(l->before + row * n, row_before(l, l->h, b, k), n * sizeof(float));
            if (padded)
                memset(l->da + row * 4 * n, 0, 4 * n * sizeof(float));
            else
                cell_backward(l->da + row * 4 * n, l->dc + b * n, l->dh + b * n,
                              l->dy + row * n, l->gates + row * 4 * n, l->cells + row * n,
                              row_before(l, l->cells, b, k), n);
        }
        if (is_start(l, k)) {
            memset(l->dh + from * n, 0, m * n * sizeof(float));
            memset(l->dc + from * n, 0, m * n * sizeof(float));
        } else {
            unic__product(l->backend, &(unic__gemm){.m = m,
                                                    .n = n,
                                                    .k = 4 * n,
                                                    .a = l->da + (from * steps + t) * 4 * n,
                                                    .lda = steps * 4 * n,
                                                    .b = l->w_hh->x,
                                                    .ldb = n,
                                                    .c = l->dh + from * n,
                                                    .ldc = n});
        }
    }
}

static void backward_part(const void *context, size_t from, size_t to)
{
    backward_clips(context, from, to);
}

static void backward(unic__call *c)
{
    lstm l = parts(c);
    memset(l.zeros, 0, l.hidden * sizeof(float));
    unic__parallel(l.batch, 1, worth_splitting(&l), backward_part, &l);

    size_t rows = l.batch * l.steps, gates = 4 * l.hidden;
    if (c->in[0]->dx)
        unic__product(l.backend, &(unic__gemm){.add = !unic__is_fresh(c, 0),
                                               .m = rows,
                                               .n = l.inputs,
                                               .k = gates,
                                               .a = l.da,
                                               .lda = gates,
                                               .b = l.w_ih->x,
                                               .ldb = l.inputs,
                                               .c = c->in[0]->dx,
                                               .ldc = l.inputs});
    if (c->in[1]->dx)
        unic__product(l.backend, &(unic__gemm){.ta = true,
                                               .add = true,
                                               .m = gates,
                                               .n = l.inputs,
                                               .k = rows,
                                               .a = l.da,
                                               .lda = gates,
                                               .b = l.x,
                                               .ldb = l.inputs,
                                               .c = c->in[1]->dx,
                                               .ldc = l.inputs});
    if (c->in[2]->dx)
        unic__product(l.backend, &(unic__gemm){.ta = true,
                                               .add = true,
                                               .m = gates,
                                               .n = l.hidden,
                                               .k = rows,
                                               .a = l.da,
                                               .lda = gates,
                                               .b = l.before,
                                               .ldb = l.hidden,
                                               .c = c->in[2]->dx,
                                               .ldc = l.hidden});
    for (size_t k = 3; k < 5; k++)
        if (c->in[k]->dx)
            unic__add_column_sums(c->in[k]->dx, l.da, rows, gates);
}

const unic__op unic__op_lstm = {
    .name = "lstm",
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .keeps = UNIC__KEEP_IN(0) | UNIC__KEEP_IN(1) | UNIC__KEEP_IN(2) | UNIC__KEEP_IN(5) |
             UNIC__KEEP_OUT,
    .stores = UNIC__STORES_IN(0),
};
