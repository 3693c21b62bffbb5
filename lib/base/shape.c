#include <stdio.h>

#include "base/base.h"

bool unic__shape_count_checked(const unic__shape *shape, size_t *count)
{
    *count = 1;
    for (size_t i = 0; i < shape->rank; i++)
        if (!unic__mul_size(*count, shape->dim[i], count))
            return false;
    return true;
}

size_t unic__shape_count(const unic__shape *shape)
{
    size_t count = 1;
    for (size_t i = 0; i < shape->rank; i++)
        count *= shape->dim[i];
    return count;
}

bool unic__shape_equal(const unic__shape *a, const unic__shape *b)
{
    if (a->rank != b->rank)
        return false;
    for (size_t i = 0; i < a->rank; i++)
        if (a->dim[i] != b->dim[i])
            return false;
    return true;
}

size_t unic__shape_last(const unic__shape *shape)
{
    return shape->rank ? shape->dim[shape->rank - 1] : 1;
}

size_t unic__shape_rows(const unic__shape *shape)
{
    size_t rows = 1;
    for (size_t i = 0; i + 1 < shape->rank; i++)
        rows *= shape->dim[i];
    return rows;
}

const char *unic__shape_print(const unic__shape *shape, char *text)
{
    size_t at = (size_t)snprintf(text, UNIC__SHAPE_TEXT, "[");
    for (size_t i = 0; i < shape->rank && at < UNIC__SHAPE_TEXT; i++)
        at += (size_t)snprintf(text + at, UNIC__SHAPE_TEXT - at, i ? ",%zu" : "%zu",
                               shape->dim[i]);
    if (at < UNIC__SHAPE_TEXT)
        snprintf(text + at, UNIC__SHAPE_TEXT - at, "]");
    return text;
}
