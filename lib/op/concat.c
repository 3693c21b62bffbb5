#include <string.h>

#include "op/operators.h"

/*
 * concat: inputs one after the other along `axis`; dx_k += that part of dy.
 * slice:  y = x[start .. start + size) along `axis`; dx += dy there.
 * Around the axis a tensor is [outer, n, inner]; blocks of n x inner contiguous
 * elements are copied.
 */

enum { PARALLEL_COUNT = 1 << 16 };

typedef struct dims {
    size_t outer, inner;
} dims;

static dims dims_of(const unic__shape *x, size_t axis)
{
    dims d = {1, 1};
    for (size_t i = 0; i < axis; i++)
        d.outer *= x->dim[i];
    for (size_t i = axis + 1; i < x->rank; i++)
        d.inner *= x->dim[i];
    return d;
}

/* Blocks of `size` floats; consecutive ones are to_step and from_step apart. */
typedef struct blocks {
    float *to;
    const float *from;
    size_t to_step, from_step, size;
} blocks;

static void copy_part(const void *context, size_t first, size_t end)
{
    const blocks *b = context;
    for (size_t i = first; i < end; i++)
        memcpy(b->to + i * b->to_step, b->from + i * b->from_step, b->size * sizeof *b->to);
}

UNIC__SIMD static void add_block(float *restrict to, const float *restrict from, size_t size)
{
    for (size_t i = 0; i < size; i++)
        to[i] += from[i];
}

static void add_part(const void *context, size_t first, size_t end)
{
    const blocks *b = context;
    for (size_t i = first; i < end; i++)
        add_block(b->to + i * b->to_step, b->from + i * b->from_step, b->size);
}

static void for_blocks(unic__part *f, float *to, size_t to_step, const float *from,
                       size_t from_step, size_t size, size_t count)
{
    const blocks b = {to, from, to_step, from_step, size};
    unic__parallel(count, 1, size * count >= PARALLEL_COUNT, f, &b);
}

/* ---- concat ---- */

static unic_status infer_concat(unic__call *c)
{
    const unic__concat_attr *attr = c->attr;
    const size_t axis = attr->axis;
    char first[UNIC__SHAPE_TEXT], other[UNIC__SHAPE_TEXT];
    size_t total = 0;
    if (!c->input_count)
        return unic__shape_fail(c, "no input");
    for (size_t k = 0; k < c->input_count; k++) {
        UNIC__TRY(unic__expect_f32(c, k));
        const unic__shape *x = &c->in[0]->shape;
        unic__shape alike = c->in[k]->shape;
        if (axis >= x->rank)
            return unic__shape_fail(c, "%s has no axis %zu", unic__shape_print(x, first), axis);
        if (alike.rank == x->rank) {
            if (!unic__add_size(total, alike.dim[axis], &total))
                return unic__shape_fail(c, "axis %zu grows beyond a size_t", axis);
            alike.dim[axis] = x->dim[axis];
        }
        if (!unic__shape_equal(x, &alike))
            return unic__shape_fail(
                c, "input %zu is %s, input 0 is %s: they differ beside axis %zu", k,
                unic__shape_print(&c->in[k]->shape, other), unic__shape_print(x, first), axis);
    }
    c->out->dtype = UNIC__F32;
    c->out->shape = c->in[0]->shape;
    c->out->shape.dim[axis] = total;
    return UNIC_OK;
}

static void forward_concat(unic__call *c)
{
    const unic__concat_attr *attr = c->attr;
    const dims d = dims_of(&c->out->shape, attr->axis);
    const size_t step = c->out->shape.dim[attr->axis] * d.inner;
    for (size_t k = 0, at = 0; k < c->input_count; k++) {
        size_t size = c->in[k]->shape.dim[attr->axis] * d.inner;
        for_blocks(copy_part, c->out->x + at, step, c->in[k]->x, size, size, d.outer);
        at += size;
    }
}

static void backward_concat(unic__call *c)
{
    const unic__concat_attr *attr = c->attr;
    const dims d = dims_of(&c->out->shape, attr->axis);
    const size_t step = c->out->shape.dim[attr->axis] * d.inner;
    for (size_t k = 0, at = 0; k < c->input_count; k++) {
        size_t size = c->in[k]->shape.dim[attr->axis] * d.inner;
        if (c->in[k]->dx && unic__is_fresh(c, k))
            for_blocks(copy_part, c->in[k]->dx, size, c->out->dx + at, step, size, d.outer);
        else if (c->in[k]->dx)
            for_blocks(add_part, c->in[k]->dx, size, c->out->dx + at, step, size, d.outer);
        at += size;
    }
}

const unic__op unic__op_concat = {
    .name = "concat",
    .infer = infer_concat,
    .forward = forward_concat,
    .backward = backward_concat,
    .keeps = UNIC__KEEP_NONE,
    .stores = UNIC__STORES_INS,
};

/* ---- slice ---- */

static unic_status infer_slice(unic__call *c)
{
    const unic__slice_attr *attr = c->attr;
    UNIC__TRY(unic__expect_f32(c, 0));
    const unic__shape *x = &c->in[0]->shape;
    char text[UNIC__SHAPE_TEXT];
    if (attr->axis >= x->rank)
        return unic__shape_fail(c, "%s has no axis %zu", unic__shape_print(x, text),
                                attr->axis);
    const size_t n = x->dim[attr->axis];
    if (!attr->size || attr->start > n || attr->size > n - attr->start)
        return unic__shape_fail(c, "%zu entries from %zu on do not lie in axis %zu of %s",
                                attr->size, attr->start, attr->axis,
                                unic__shape_print(x, text));
    c->out->dtype = UNIC__F32;
    c->out->shape = *x;
    c->out->shape.dim[attr->axis] = attr->size;
    return UNIC_OK;
}

static void forward_slice(unic__call *c)
{
    const unic__slice_attr *attr = c->attr;
    const unic__shape *x = &c->in[0]->shape;
    const dims d = dims_of(x, attr->axis);
    const size_t step = x->dim[attr->axis] * d.inner, size = attr->size * d.inner;
    for_blocks(copy_part, c->out->x, size, c->in[0]->x + attr->start * d.inner, step, size,
               d.outer);
}

static void backward_slice(unic__call *c)
{
    const unic__slice_attr *attr = c->attr;
    const unic__shape *x = &c->in[0]->shape;
    const dims d = dims_of(x, attr->axis);
    const size_t step = x->dim[attr->axis] * d.inner, size = attr->size * d.inner;
    if (c->in[0]->dx)
        for_blocks(add_part, c->in[0]->dx + attr->start * d.inner, step, c->out->dx, size, size,
                   d.outer);
}

const unic__op unic__op_slice = {
    .name = "slice",
    .infer = infer_slice,
    .forward = forward_slice,
    .backward = backward_slice,
    .keeps = UNIC__KEEP_NONE,
};
