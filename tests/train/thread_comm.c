#include "thread_comm.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 4096 }; /* more than any rank is ahead of another */

struct thread_sync {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    thread_slot slot[SLOTS];
};

thread_world *thread_world_new(size_t ranks)
{
    thread_world *w = calloc(1, sizeof *w);
    w->sync = calloc(1, sizeof *w->sync);
    pthread_mutex_init(&w->sync->mutex, NULL);
    pthread_cond_init(&w->sync->changed, NULL);
    w->size = ranks;
    for (size_t r = 0; r < ranks; r++)
        w->rank[r] = (struct thread_rank){.world = w, .rank = r};
    return w;
}

void thread_world_free(thread_world *w)
{
    for (size_t i = 0; i < SLOTS; i++)
        free(w->sync->slot[i].result);
    pthread_mutex_destroy(&w->sync->mutex);
    pthread_cond_destroy(&w->sync->changed);
    free(w->sync);
    free(w);
}

void thread_world_break(thread_world *w)
{
    pthread_mutex_lock(&w->sync->mutex);
    w->broken = true;
    pthread_cond_broadcast(&w->sync->changed);
    pthread_mutex_unlock(&w->sync->mutex);
}

/* ---- sums, in the order of ranks: all get the same bits ---- */

static size_t size_of(unic_comm_type type)
{
    return type == UNIC_COMM_FLOAT32 ? sizeof(float) : sizeof(double);
}

static void add(void *to, const void *from, size_t n, unic_comm_type type)
{
    for (size_t i = 0; i < n; i++)
        if (type == UNIC_COMM_FLOAT32)
            ((float *)to)[i] += ((const float *)from)[i];
        else if (type == UNIC_COMM_FLOAT64)
            ((double *)to)[i] += ((const double *)from)[i];
        else
            ((int64_t *)to)[i] += ((const int64_t *)from)[i];
}

/* The rank's next call; the last to come makes the result of it. */
static thread_slot *arrive(struct thread_rank *r, const void *data, size_t bytes)
{
    thread_world *w = r->world;
    thread_slot *s = &w->sync->slot[r->calls++ % SLOTS];
    if (s->arrived == 0)
        *s = (thread_slot){.count = bytes};
    memcpy(&s->data[r->rank], &data, sizeof data);
    s->arrived++;
    return s;
}

/* False: the world broke before all were there. */
static bool wait_for(thread_world *w, const bool *done)
{
    while (!*done && !w->broken)
        pthread_cond_wait(&w->sync->changed, &w->sync->mutex);
    return *done;
}

/* The last to have read the result clears the slot for a later call. */
static void leave(thread_world *w, thread_slot *s)
{
    if (++s->left < w->size)
        return;
    free(s->result);
    *s = (thread_slot){0};
}

typedef struct request {
    thread_slot *slot;
    void *data;
    size_t bytes;
} request;

static int sum_start(void *data, size_t count, unic_comm_type type, void **out, void *user)
{
    struct thread_rank *r = user;
    thread_world *w = r->world;
    const size_t bytes = count * size_of(type);
    request *q = malloc(sizeof *q);
    pthread_mutex_lock(&w->sync->mutex);
    thread_slot *s = arrive(r, data, bytes);
    const bool fails = w->broken || r->calls == r->fails_at;
    if (r->rank == 0) {
        w->sums++;
        w->floats += count;
    }
    if (s->arrived == w->size && !fails && s->count == bytes) {
        s->result = calloc(1, bytes + 1);
        for (size_t i = 0; i < w->size; i++)
            add(s->result, s->data[i], count, type);
        s->done = true;
        pthread_cond_broadcast(&w->sync->changed);
    }
    pthread_mutex_unlock(&w->sync->mutex);
    *q = (request){s, data, bytes};
    *out = q;
    if (fails) {
        free(q);
        thread_world_break(w);
    }
    return fails ? (int)UNIC_E_IO : 0;
}

static int sum_wait(void *waited, void *user)
{
    struct thread_rank *r = user;
    thread_world *w = r->world;
    request *q = waited;
    pthread_mutex_lock(&w->sync->mutex);
    const bool done = wait_for(w, &q->slot->done);
    if (done) {
        memcpy(q->data, q->slot->result, q->bytes);
        leave(w, q->slot);
    }
    pthread_mutex_unlock(&w->sync->mutex);
    free(q);
    return done ? 0 : (int)UNIC_E_IO;
}

static int gather(const void *data, size_t bytes, void *all, void *user)
{
    struct thread_rank *r = user;
    thread_world *w = r->world;
    pthread_mutex_lock(&w->sync->mutex);
    thread_slot *s = arrive(r, data, bytes);
    const bool fails = w->broken || r->calls == r->fails_at;
    if (s->arrived == w->size && !fails && s->count == bytes) {
        s->result = malloc(w->size * bytes + 1);
        for (size_t i = 0; i < w->size; i++)
            memcpy((char *)s->result + i * bytes, s->data[i], bytes);
        s->done = true;
        pthread_cond_broadcast(&w->sync->changed);
    }
    const bool done = !fails && wait_for(w, &s->done);
    if (done) {
        memcpy(all, s->result, w->size * bytes);
        leave(w, s);
    }
    pthread_mutex_unlock(&w->sync->mutex);
    if (fails)
        thread_world_break(w);
    return done ? 0 : (int)UNIC_E_IO;
}

unic_comm thread_comm(thread_world *w, size_t rank)
{
    return (unic_comm){.struct_size = sizeof(unic_comm),
                       .rank = (int32_t)rank,
                       .size = (int32_t)w->size,
                       .check_steps = 1,
                       .sum_start = sum_start,
                       .sum_wait = sum_wait,
                       .gather = gather,
                       .user = &w->rank[rank]};
}

/* ---- threads ---- */

typedef struct job {
    thread_work *f;
    void *context;
    size_t rank;
    unic_status status;
} job;

static void *run(void *at)
{
    job *j = at;
    j->status = j->f(j->context, j->rank);
    return NULL;
}

void thread_run(thread_world *w, thread_work *f, void *context, unic_status *status)
{
    pthread_t thread[THREAD_RANKS];
    job jobs[THREAD_RANKS];
    for (size_t r = 0; r < w->size; r++) {
        jobs[r] = (job){f, context, r, UNIC_OK};
        pthread_create(&thread[r], NULL, run, &jobs[r]);
    }
    for (size_t r = 0; r < w->size; r++) {
        pthread_join(thread[r], NULL);
        status[r] = jobs[r].status;
    }
}
