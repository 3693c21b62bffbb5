#include "op/masked_mean.h"

#include <string.h>

enum {
    PIECE = 4096, /* elements that are summed in float before the sum goes on in double */
    PARALLEL_COUNT =
        1 << 15 /* elements from which on two threads are worth it                    */
};

/* Tasks are `each` rows; a row without a mask is any PIECE elements. */
typedef struct dims {
    size_t rows, inner, each, tasks;
    const float *mask;
} dims;

static dims dims_of(const unic__call *c)
{
    const unic__tensor *mask = c->input_count > 2 ? c->in[2] : NULL;
    const size_t count = unic__shape_count(&c->in[0]->shape);
    dims d = {count, 1, PIECE, 0, NULL};
    if (mask) {
        d.mask = mask->x;
        d.rows = unic__shape_count(&mask->shape);
        d.inner = d.rows ? count / d.rows : 0;
        d.each = d.inner && d.inner < PIECE ? PIECE / d.inner : 1;
    }
    d.tasks = (d.rows + d.each - 1) / d.each;
    return d;
}

unic_status unic__masked_mean_infer(unic__call *c)
{
    UNIC__TRY(unic__expect_f32(c, 0));
    UNIC__TRY(unic__expect_f32(c, 1));
    const unic__shape *a = &c->in[0]->shape;
    char as[UNIC__SHAPE_TEXT], bs[UNIC__SHAPE_TEXT];
    if (!unic__shape_equal(a, &c->in[1]->shape))
        return unic__shape_fail(c, "input 0 is %s, input 1 is %s", unic__shape_print(a, as),
                                unic__shape_print(&c->in[1]->shape, bs));
    if (c->input_count > 2 && c->in[2]) {
        UNIC__TRY(unic__expect_f32(c, 2));
        const unic__shape *mask = &c->in[2]->shape;
        unic__shape lead = *a;
        lead.rank = mask->rank < a->rank ? mask->rank : a->rank;
        if (!unic__shape_equal(&lead, mask))
            return unic__shape_fail(c, "mask %s is not the leading dims of %s",
                                    unic__shape_print(mask, bs), unic__shape_print(a, as));
    }
    c->out->dtype = UNIC__F32;
    c->out->shape = UNIC__SCALAR;
    c->saved_size = 1; /* 1 / number of elements, or 0 */
    c->scratch_size = dims_of(c).tasks;
    return UNIC_OK;
}

static float task_sum(const dims *d, const float *a, const float *b, size_t from, size_t to,
                      unic__piece_sum sum)
{
    if (!d->mask)
        return sum(a + from, b + from, to - from);
    double total = 0.0;
    for (size_t r = from; r < to; r++) {
        if (d->mask[r] == 0.0F) /* what stands there may be anything */
            continue;
        for (size_t j = 0; j < d->inner; j += PIECE) {
            size_t at = r * d->inner + j, n = d->inner - j < PIECE ? d->inner - j : PIECE;
            total += (double)(d->mask[r] * sum(a + at, b + at, n));
        }
    }
    return (float)total;
}

typedef struct forward_work {
    const unic__call *c;
    const dims *d;
    unic__piece_sum sum;
} forward_work;

static void sum_tasks(const void *context, size_t first, size_t end)
{
    const forward_work *work = context;
    const dims *d = work->d;
    const float *a = work->c->in[0]->x, *b = work->c->in[1]->x;
    for (size_t t = first; t < end; t++) {
        size_t from = t * d->each, to = d->rows - from < d->each ? d->rows : from + d->each;
        work->c->scratch[t] = task_sum(d, a, b, from, to, work->sum);
    }
}

void unic__masked_mean_forward(unic__call *c, unic__piece_sum sum)
{
    const dims d = dims_of(c);
    const forward_work work = {c, &d, sum};
    const float *partial = c->scratch;
    unic__parallel(d.tasks, 1, d.rows * d.inner >= PARALLEL_COUNT, sum_tasks, &work);
    double total = 0.0, weight = d.mask ? 0.0 : (double)d.rows;
    for (size_t t = 0; t < d.tasks; t++)
        total += (double)partial[t];
    for (size_t r = 0; d.mask && r < d.rows; r++)
        weight += (double)d.mask[r];
    weight *= (double)d.inner;
    c->saved[0] = weight == 0.0 ? 0.0F : (float)(1.0 / weight);
    c->out->x[0] = weight == 0.0 ? 0.0F : (float)(total / weight);
}

/* The gradients of the elements [at, at + n). */
typedef struct piece {
    float *da, *db;
    size_t at, n;
} piece;

static piece piece_of(const unic__call *c, size_t at, size_t n)
{
    float *da = c->in[0]->dx, *db = c->in[1]->dx;
    piece p = {da ? da + at : NULL, db ? db + at : NULL, at, n};
    if (p.da && unic__is_fresh(c, 0))
        memset(p.da, 0, n * sizeof *p.da);
    if (p.db && unic__is_fresh(c, 1))
        memset(p.db, 0, n * sizeof *p.db);
    return p;
}

typedef struct backward_work {
    const unic__call *c;
    const dims *d;
    unic__piece_add add;
} backward_work;

static void add_tasks(const void *context, size_t first, size_t end)
{
    const backward_work *work = context;
    const unic__call *c = work->c;
    const dims *d = work->d;
    const float *a = c->in[0]->x, *b = c->in[1]->x, scale = c->out->dx[0] * c->saved[0];
    for (size_t t = first; t < end; t++) {
        size_t from = t * d->each, to = d->rows - from < d->each ? d->rows : from + d->each;
        if (!d->mask) {
            const piece p = piece_of(c, from, to - from);
            if (scale != 0.0F)
                work->add(p.da, p.db, a + from, b + from, scale, p.n);
            continue;
        }
        for (size_t r = from; r < to; r++) {
            const piece p = piece_of(c, r * d->inner, d->inner);
            if (scale != 0.0F && d->mask[r] != 0.0F)
                work->add(p.da, p.db, a + p.at, b + p.at, d->mask[r] * scale, p.n);
        }
    }
}

void unic__masked_mean_backward(unic__call *c, unic__piece_add add)
{
    const dims d = dims_of(c);
    const backward_work work = {c, &d, add};
    if (c->in[0]->dx || c->in[1]->dx)
        unic__parallel(d.tasks, 1, d.rows * d.inner >= PARALLEL_COUNT, add_tasks, &work);
}
