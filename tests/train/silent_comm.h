/* A unic_comm whose other ranks are there, but do not answer: each call fails. */
#ifndef TESTS_TRAIN_SILENT_COMM_H
#define TESTS_TRAIN_SILENT_COMM_H

#include "unicode/unic_comm.h"

static inline int silent_sum_start(void *data, size_t count, unic_comm_type type,
                                   void **request, void *user)
{
    (void)data;
    (void)count;
    (void)type;
    (void)request;
    (void)user;
    return UNIC_E_IO;
}

static inline int silent_sum_wait(void *request, void *user)
{
    (void)request;
    (void)user;
    return UNIC_E_IO;
}

static inline int silent_gather(const void *data, size_t bytes, void *all, void *user)
{
    (void)data;
    (void)bytes;
    (void)all;
    (void)user;
    return UNIC_E_IO;
}

/* Rank 0 of two. */
static inline unic_comm silent_comm(void)
{
    return (unic_comm){.struct_size = sizeof(unic_comm),
                       .size = 2,
                       .sum_start = silent_sum_start,
                       .sum_wait = silent_sum_wait,
                       .gather = silent_gather};
}

#endif
