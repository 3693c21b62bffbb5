#include "loss/memory_queue.h"

#include <math.h>
#include <string.h>

static double length_of(const float *row, size_t dim)
{
    double square = 0.0;
    for (size_t d = 0; d < dim; d++)
        square += (double)row[d] * (double)row[d];
    return sqrt(square);
}

/* Of length 1 as far as a float tells, or 0, which cannot be scaled. */
static bool is_unit(double length)
{
    static const double enough = 1e-6;
    return length == 0.0 || fabs(length - 1.0) < enough;
}

bool unic__is_unit(const float *row, size_t dim)
{
    return is_unit(length_of(row, dim));
}

void unic__make_unit(float *row, size_t dim)
{
    const double length = length_of(row, dim);
    if (is_unit(length))
        return;
    for (size_t d = 0; d < dim; d++)
        row[d] = (float)((double)row[d] / length);
}

unic_status unic__memory_queue_create(unic__memory_queue *q, size_t capacity, size_t dim,
                                      unic__key key)
{
    *q = (unic__memory_queue){.capacity = capacity, .dim = dim};
    if (capacity == 0)
        return UNIC_OK;
    size_t count;
    if (!unic__mul_size(capacity, dim, &count))
        return unic__no_memory(SIZE_MAX, "a queue of vectors");
    q->rows = unic__alloc_array(count, sizeof *q->rows);
    if (!q->rows)
        return unic__no_memory(count * sizeof *q->rows, "a queue of vectors");
    for (size_t i = 0; i < count; i++)
        q->rows[i] = unic__random_normal(key, i);
    for (size_t r = 0; r < capacity; r++)
        unic__make_unit(q->rows + r * dim, dim);
    return UNIC_OK;
}

void unic__memory_queue_free(unic__memory_queue *q)
{
    unic__free(q->rows);
    *q = (unic__memory_queue){.rows = NULL};
}

void unic__memory_queue_push(unic__memory_queue *q, const float *row)
{
    if (q->capacity == 0)
        return;
    memcpy(q->rows + q->next * q->dim, row, q->dim * sizeof *row);
    q->next = (q->next + 1) % q->capacity;
}
