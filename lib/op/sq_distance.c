#include "kernel/distance.h"
#include "kernel/packed.h"
#include "op/operators.h"

/*
 * Squared Euclidean distances of rows z_i to codes e_l (P2).
 *   y_il = ||z_i - e_l||^2
 * backward, with g = dy:
 *   dz_i += 2 sum_l g_il (z_i - e_l),   de_l += 2 sum_i g_il (e_l - z_i)
 * Both sums are over differences: ||z||^2 + ||e||^2 - 2 z.e and (sum g) z - sum g e cancel
 * where rows are far from the origin, or close to each other, as codes initialised from rows
 * are. This takes one more operation for each product, a small part of a training step.
 */

enum { ROWS = 16 /* of z, that share each panel of codes while it is in the first cache */ };

static unic_status infer(unic__call *c)
{
    UNIC__TRY(unic__expect_f32(c, 0));
    UNIC__TRY(unic__expect_rank(c, 1, 2));
    const unic__shape *z = &c->in[0]->shape, *e = &c->in[1]->shape;
    char zs[UNIC__SHAPE_TEXT], es[UNIC__SHAPE_TEXT];
    const size_t rows = unic__shape_rows(z), codes = e->dim[0];
    if (!z->rank || unic__shape_last(z) != e->dim[1] || !e->dim[1] || !codes)
        return unic__shape_fail(c, "z %s does not end in the dimension of e %s",
                                unic__shape_print(z, zs), unic__shape_print(e, es));
    if (rows > INT32_MAX || codes > INT32_MAX || e->dim[1] > INT32_MAX)
        return unic__shape_fail(c, "z %s or e %s is too large for a product",
                                unic__shape_print(z, zs), unic__shape_print(e, es));
    c->out->dtype = UNIC__F32;
    c->out->shape = *z;
    c->out->shape.dim[z->rank - 1] = codes;
    c->scratch_size = unic__packed_count(codes, e->dim[1]); /* forward: e, packed */
    return UNIC_OK;
}

static void forward_rows(const void *call, size_t from, size_t to)
{
    const unic__call *c = call;
    const size_t d = c->in[1]->shape.dim[1], codes = c->in[1]->shape.dim[0];
    for (size_t r = from; r < to; r += ROWS)
        unic__distances(c->out->x + r * codes, codes, c->in[0]->x + r * d,
                        to - r < ROWS ? to - r : ROWS, c->scratch, codes, d);
}

static void forward(unic__call *c)
{
    const unic__tensor *z = c->in[0], *e = c->in[1];
    const size_t rows = unic__shape_rows(&z->shape), d = e->shape.dim[1];
    const size_t codes = e->shape.dim[0];
    unic__pack(c->scratch, e->x, codes, d);
    unic__parallel(rows, ROWS, unic__worth_splitting(rows, codes, d), forward_rows, c);
}

static void pull(const void *context, size_t from, size_t to)
{
    unic__pull_rows(context, from, to);
}

static void backward(unic__call *c)
{
    enum { EACH = 4 }; /* rows of a tile */
    const unic__tensor *z = c->in[0], *e = c->in[1];
    const size_t rows = unic__shape_rows(&z->shape), d = e->shape.dim[1];
    const size_t codes = e->shape.dim[0];
    const bool worth = unic__worth_splitting(rows, codes, d);
    if (z->dx)
        unic__parallel(rows, EACH, worth, pull,
                       &(unic__pull){.to = z->dx,
                                     .fresh = unic__is_fresh(c, 0),
                                     .w = c->out->dx,
                                     .w_row = codes,
                                     .w_column = 1,
                                     .x = z->x,
                                     .e = e->x,
                                     .count = codes,
                                     .n = d});
    if (e->dx)
        unic__parallel(codes, EACH, worth, pull,
                       &(unic__pull){.to = e->dx,
                                     .w = c->out->dx,
                                     .w_row = 1,
                                     .w_column = codes,
                                     .x = e->x,
                                     .e = z->x,
                                     .count = rows,
                                     .n = d});
}

const unic__op unic__op_sq_distance = {
    .name = "sq_distance",
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .keeps = UNIC__KEEP_IN(0) | UNIC__KEEP_IN(1),
    .stores = UNIC__STORES_IN(0),
};
