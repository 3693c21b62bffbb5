#include <string.h>

#include "kernel/blas_glue.h"
#include "kernel/reduce_rows.h"
#include "kernel/vecmath.h"
#include "op/operators.h"

/*
 * Squared Euclidean distances of rows z_i to codes e_l (P2).
 *   y_il = ||z_i||^2 + ||e_l||^2 - 2 z_i.e_l,  not below 0 (rounding can take it there)
 * backward, with g = dy (the bound is ignored):
 *   dz_i += 2 (sum_l g_il) z_i - 2 sum_l g_il e_l
 *   de_l += 2 (sum_i g_il) e_l - 2 sum_i g_il z_i
 * A block of rows is multiplied and finished while it is in the cache.
 */

enum { ROWS = 128 }; /* of z in a block */

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
    c->scratch_size = rows > codes ? rows : codes; /* forward: ||e||^2; backward: sums of dy */
    return UNIC_OK;
}

UNIC__SIMD static void square_norms(float *norm, const float *x, size_t rows, size_t d)
{
    for (size_t r = 0; r < rows; r++)
        norm[r] = unic__dotf(x + r * d, x + r * d, d);
}

/* y holds -2 z.e. */
UNIC__SIMD static void finish_rows(float *restrict y, const float *restrict z,
                                   const float *restrict e_norm, size_t rows, size_t codes,
                                   size_t d)
{
    for (size_t r = 0; r < rows; r++, y += codes, z += d) {
        const float z_norm = unic__dotf(z, z, d);
        for (size_t l = 0; l < codes; l++) {
            float distance = z_norm + e_norm[l] + y[l];
            y[l] = distance < 0.0F ? 0.0F : distance;
        }
    }
}

static void forward(unic__call *c)
{
    const float *z = c->in[0]->x, *e = c->in[1]->x;
    const size_t rows = unic__shape_rows(&c->in[0]->shape), d = c->in[1]->shape.dim[1];
    const size_t codes = c->in[1]->shape.dim[0];
    float *y = c->out->x, *e_norm = c->scratch;
    square_norms(e_norm, e, codes, d);
    UNIC__PARALLEL_FOR(rows > ROWS)
    for (size_t r = 0; r < rows; r += ROWS) {
        size_t n = rows - r < ROWS ? rows - r : ROWS;
        unic__sgemm(false, true, n, codes, d, -2.0F, z + r * d, d, e, d, 0.0F, y + r * codes,
                    codes);
        finish_rows(y + r * codes, z + r * d, e_norm, n, codes, d);
    }
}

/* to_r += 2 sum_r x_r */
UNIC__SIMD static void add_scaled_rows(float *restrict to, const float *restrict sum,
                                       const float *restrict x, size_t rows, size_t d)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < d; j++)
            to[r * d + j] += 2.0F * sum[r] * x[r * d + j];
}

UNIC__SIMD static void row_sums(float *sum, const float *x, size_t rows, size_t n)
{
    for (size_t r = 0; r < rows; r++)
        sum[r] = unic__sumf(x + r * n, n);
}

static void backward(unic__call *c)
{
    const unic__tensor *z = c->in[0], *e = c->in[1];
    const size_t rows = unic__shape_rows(&z->shape), d = e->shape.dim[1];
    const size_t codes = e->shape.dim[0];
    const float *g = c->out->dx;
    float *sum = c->scratch;
    if (z->dx) {
        row_sums(sum, g, rows, codes);
        unic__sgemm(false, false, rows, d, codes, -2.0F, g, codes, e->x, d,
                    unic__is_fresh(c, 0) ? 0.0F : 1.0F, z->dx, d);
        add_scaled_rows(z->dx, sum, z->x, rows, d);
    }
    if (e->dx) {
        memset(sum, 0, codes * sizeof *sum);
        unic__add_column_sums(sum, g, rows, codes);
        unic__sgemm(true, false, codes, d, rows, -2.0F, g, codes, z->x, d, 1.0F, e->dx, d);
        add_scaled_rows(e->dx, sum, e->x, codes, d);
    }
}

const unic__op unic__op_sq_distance = {
    .name = "sq_distance",
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .keeps = UNIC__KEEP_IN(0) | UNIC__KEEP_IN(1),
    .stores = UNIC__STORES_IN(0),
};
