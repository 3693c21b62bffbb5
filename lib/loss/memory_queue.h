/*
 * The last vectors of the past, as a ring: negatives for a contrastive term (MoCo, TCL). Its
 * memory is read by the graph where it lies.
 */
#ifndef UNIC_LOSS_MEMORY_QUEUE_H
#define UNIC_LOSS_MEMORY_QUEUE_H

#include "base/base.h"

typedef struct unic__memory_queue {
    float *rows; /* [capacity,dim]; NULL without any */
    size_t capacity, dim;
    size_t next; /* the oldest row, which is replaced first */
} unic__memory_queue;

/* Random unit vectors. */
unic_status unic__memory_queue_create(unic__memory_queue *q, size_t capacity, size_t dim,
                                      unic__key key);
void unic__memory_queue_free(unic__memory_queue *q);
/* The row takes the oldest one's place. */
void unic__memory_queue_push(unic__memory_queue *q, const float *row);

/* Scales a row to length 1. One of length 1, as far as a float tells, keeps every bit, and one
 * of length 0 too. */
void unic__make_unit(float *row, size_t dim);
/* Whether it keeps them. */
bool unic__is_unit(const float *row, size_t dim);

#endif
