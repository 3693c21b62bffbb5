/**
 * @file unic_comm.h
 * Training by several processes as one: how a trainer talks to the trainers of the other ranks.
 *
 * R ranks, each with a trainer of the same config, take a step together: each is given its part
 * of one batch of `train.batch` clips, and all of them end in the state that one trainer with
 * the whole batch would be in, up to rounding. The library does not know how numbers travel. A
 * unic_comm says it, over MPI (unic_mpi.h), threads of one process or anything else.
 */
#ifndef UNICODE_UNIC_COMM_H
#define UNICODE_UNIC_COMM_H

#include "unic_status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The numbers that ranks sum up. */
typedef enum unic_comm_type {
    UNIC_COMM_FLOAT32 = 0, /**< float   */
    UNIC_COMM_FLOAT64 = 1, /**< double  */
    UNIC_COMM_INT64 = 2    /**< int64_t */
} unic_comm_type;

/**
 * The ranks, and what they do together. The struct is copied; what `user` points to must stay as
 * long as the trainer.
 *
 * All ranks make the same calls in the same order, from the thread that called the trainer.
 * Functions return 0, or the status that the trainer's call is to return (UNIC_E_IO); any other
 * number counts as UNIC_E_IO. After a failure nothing is called again but `sum_wait` for sums
 * that were started; the trainer can then only be saved and freed. A rank that ends must make
 * the calls of the others fail: the library itself waits for ever.
 */
typedef struct unic_comm {
    size_t struct_size;  /**< sizeof(unic_comm)                                               */
    int32_t rank;        /**< 0 .. size - 1: this process                                     */
    int32_t size;        /**< how many ranks there are, 1 .. 4096                             */
    int32_t check_steps; /**< after so many steps, and before the first, ranks compare hashes
                              of their states; 0: 100; -1: before the first alone; the same at
                              all ranks                                                       */
    /** Begins to replace data[count] by its sum over all ranks, of which every rank must get
     * the same bits. The data are not touched until the request, which is stored, has been
     * waited for; NULL says that the sum is there already. Several sums may be under way, and
     * are waited for in any order. */
    int (*sum_start)(void *data, size_t count, unic_comm_type type, void **request, void *user);
    /** Waits for a sum. */
    int (*sum_wait)(void *request, void *user);
    /** Writes the `bytes` bytes of each rank, rank 0's first, to all [size x bytes]. Sums may be
     * under way. */
    int (*gather)(const void *data, size_t bytes, void *all, void *user);
    void *user;        /**< passed to all three                                               */
    void *reserved[4]; /**< NULL                                                              */
} unic_comm;

#ifdef __cplusplus
}
#endif
#endif
