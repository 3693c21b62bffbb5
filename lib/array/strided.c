#include "array/strided.h"

#include <string.h>

void unic__strided_row_major(size_t stride[UNIC__MAX_RANK], const unic__shape *shape)
{
    size_t step = 1;
    for (size_t axis = shape->rank; axis-- > 0;) {
        stride[axis] = step;
        step *= shape->dim[axis];
    }
}

bool unic__strided_is_row_major(const size_t stride[UNIC__MAX_RANK], const unic__shape *shape)
{
    size_t expected[UNIC__MAX_RANK];
    unic__strided_row_major(expected, shape);
    for (size_t axis = 0; axis < shape->rank; axis++)
        if (shape->dim[axis] > 1 && stride[axis] != expected[axis])
            return false;
    return true;
}

static void advance(unic__strided *s)
{
    for (size_t axis = s->shape.rank; axis-- > 0;) {
        s->at += s->stride[axis];
        if (++s->index[axis] < s->shape.dim[axis])
            return;
        s->at -= s->stride[axis] * s->shape.dim[axis];
        s->index[axis] = 0;
    }
}

void unic__strided_take(unic__strided *s, void *out, const void *from, size_t size, size_t n)
{
    unsigned char *to = out;
    for (size_t i = 0; i < n; i++, to += size) {
        memcpy(to, (const unsigned char *)from + s->at * size, size);
        advance(s);
    }
}
