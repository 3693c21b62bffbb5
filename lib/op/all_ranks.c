#include <string.h>

#include "op/operators.h"

/*
 * What the ranks of a training do together (base/ranks.h); every rank runs the same calls in the
 * same order. With L = sum over ranks of L_r, the loss of each rank's own part:
 *   all_rows  x [B,..] of R ranks -> y [R B,..], rank after rank
 *             dx += own rows of sum over ranks dy
 *   all_sum   y = sum over ranks x,   dx += sum over ranks dy
 */

static unic_status infer_sum(unic__call *c)
{
    UNIC__TRY(unic__expect_f32(c, 0));
    c->out->dtype = UNIC__F32;
    c->out->shape = c->in[0]->shape;
    c->scratch_size = unic__shape_count(&c->out->shape);
    return UNIC_OK;
}

static unic_status infer_rows(unic__call *c)
{
    const unic__all_ranks_attr *attr = c->attr;
    char text[UNIC__SHAPE_TEXT];
    UNIC__TRY(unic__expect_f32(c, 0));
    if (!c->in[0]->shape.rank)
        return unic__shape_fail(c, "%s has no rows", unic__shape_print(&c->in[0]->shape, text));
    c->out->dtype = UNIC__F32;
    c->out->shape = c->in[0]->shape;
    c->out->shape.dim[0] *= attr->ranks->size;
    size_t count;
    if (!unic__shape_count_checked(&c->out->shape, &count))
        return unic__shape_fail(c, "%s of each of %zu ranks are too many",
                                unic__shape_print(&c->in[0]->shape, text), attr->ranks->size);
    c->scratch_size = count;
    return UNIC_OK;
}

/* What went wrong is the run's, as if a kernel had failed. */
static void note(const unic__call *c)
{
    const unic__all_ranks_attr *attr = c->attr;
    unic_status status = unic__ranks_status(attr->ranks);
    if (status != UNIC_OK)
        c->run->status = status;
}

static void forward_rows(unic__call *c)
{
    const unic__all_ranks_attr *attr = c->attr;
    const size_t count = unic__shape_count(&c->in[0]->shape);
    unic__ranks_gather(attr->ranks, c->in[0]->x, count * sizeof(float), c->out->x);
    note(c);
}

static void forward_sum(unic__call *c)
{
    const unic__all_ranks_attr *attr = c->attr;
    const size_t count = unic__shape_count(&c->in[0]->shape);
    memcpy(c->out->x, c->in[0]->x, count * sizeof(float));
    unic__ranks_sum(attr->ranks, c->out->x, count, UNIC_COMM_FLOAT32);
    note(c);
}

/* The input's count elements from `first` on of the sum over ranks of dy. */
static void add_own(const unic__call *c, size_t first)
{
    const unic__all_ranks_attr *attr = c->attr;
    const size_t all = unic__shape_count(&c->out->shape);
    const size_t count = unic__shape_count(&c->in[0]->shape);
    float *sum = c->scratch, *dx = c->in[0]->dx;
    if (!dx)
        return;
    memcpy(sum, c->out->dx, all * sizeof *sum);
    unic__ranks_sum(attr->ranks, sum, all, UNIC_COMM_FLOAT32);
    for (size_t i = 0; i < count; i++)
        dx[i] += sum[first + i];
    note(c);
}

static void backward_rows(unic__call *c)
{
    const unic__all_ranks_attr *attr = c->attr;
    add_own(c, attr->ranks->rank * unic__shape_count(&c->in[0]->shape));
}

static void backward_sum(unic__call *c)
{
    add_own(c, 0);
}

const unic__op unic__op_all_rows = {
    .name = "all_rows",
    .infer = infer_rows,
    .forward = forward_rows,
    .backward = backward_rows,
    .keeps = UNIC__KEEP_NONE,
};

const unic__op unic__op_all_sum = {
    .name = "all_sum",
    .infer = infer_sum,
    .forward = forward_sum,
    .backward = backward_sum,
    .keeps = UNIC__KEEP_NONE,
};
