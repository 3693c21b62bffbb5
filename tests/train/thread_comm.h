/* A unic_comm whose ranks are threads of this process, for tests. */
#ifndef TESTS_TRAIN_THREAD_COMM_H
#define TESTS_TRAIN_THREAD_COMM_H

#include <stdbool.h>

#include "unicode/unic.h"

enum { THREAD_RANKS = 4 };

/* One collective call: what the ranks bring, and their sum once all are there. */
typedef struct thread_slot {
    void *data[THREAD_RANKS];
    void *result;
    size_t count, arrived, left;
    bool done;
} thread_slot;

typedef struct thread_world {
    struct thread_sync *sync;
    size_t size;
    bool broken;           /* a rank has ended: the calls of the others fail */
    uint64_t sums, floats; /* of rank 0: calls, numbers */
    struct thread_rank {
        struct thread_world *world;
        size_t rank;
        uint64_t calls;
        uint64_t fails_at; /* this call of the rank's fails; 0: none */
    } rank[THREAD_RANKS];
} thread_world;

thread_world *thread_world_new(size_t ranks);
void thread_world_free(thread_world *w);
unic_comm thread_comm(thread_world *w, size_t rank);
/* A rank calls nothing more. */
void thread_world_break(thread_world *w);

/* f(context, rank) of all ranks at once, each in a thread; their statuses. */
typedef unic_status thread_work(void *context, size_t rank);
void thread_run(thread_world *w, thread_work *f, void *context, unic_status *status);

#endif
