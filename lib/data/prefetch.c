#include "data/prefetch.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>

enum { MESSAGE_BYTES = 1024 };

struct unic__prefetch {
    size_t slots;
    unic__prefetch_fill fill;
    void *user;
    bool running; /* the thread must be joined; used only by the taking thread */
    pthread_t thread;
    pthread_mutex_t mutex;  /* of all below */
    pthread_cond_t changed; /* only one side ever waits: a ring is not both full and empty */
    uint64_t filled, taken, released;
    bool stop;
    unic_status status; /* of the last fill */
    char message[MESSAGE_BYTES];
};

unic_status unic__prefetch_create(unic__prefetch **out, size_t slots, unic__prefetch_fill fill,
                                  void *user)
{
    *out = NULL;
    unic__prefetch *p = unic__alloc_zero(sizeof *p);
    if (!p)
        return unic__no_memory(sizeof *p, "reading ahead");
    p->slots = slots;
    p->fill = fill;
    p->user = user;
    bool mutex = pthread_mutex_init(&p->mutex, NULL) == 0;
    if (!mutex || pthread_cond_init(&p->changed, NULL) != 0) {
        if (mutex)
            pthread_mutex_destroy(&p->mutex);
        unic__free(p);
        return unic__fail(UNIC_E_NOMEM, "the system has no mutex left for reading ahead");
    }
    *out = p;
    return UNIC_OK;
}

void unic__prefetch_free(unic__prefetch *p)
{
    if (!p)
        return;
    unic__prefetch_stop(p);
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->mutex);
    unic__free(p);
}

bool unic__prefetch_running(const unic__prefetch *p)
{
    return p->running;
}

static void *fill_ahead(void *user)
{
    unic__prefetch *p = user;
    pthread_mutex_lock(&p->mutex);
    while (p->status == UNIC_OK) {
        while (!p->stop && p->filled - p->released == p->slots)
            pthread_cond_wait(&p->changed, &p->mutex);
        if (p->stop)
            break;
        size_t slot = (size_t)(p->filled % p->slots);
        pthread_mutex_unlock(&p->mutex);
        unic_status status = p->fill(p->user, slot);
        pthread_mutex_lock(&p->mutex);
        if (status == UNIC_OK)
            p->filled++;
        else
            snprintf(p->message, sizeof p->message, "%s", unic_last_error());
        p->status = status;
        pthread_cond_signal(&p->changed);
    }
    pthread_mutex_unlock(&p->mutex);
    return NULL;
}

unic_status unic__prefetch_start(unic__prefetch *p)
{
    p->filled = p->taken = p->released = 0;
    p->stop = false;
    p->status = UNIC_OK;
    sigset_t all, before; /* the application's signals are for its own threads */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&p->thread, NULL, fill_ahead, p);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    p->running = error == 0;
    return error ? unic__fail(UNIC_E_NOMEM,
                              "the system starts no thread to read ahead (error %d)", error)
                 : UNIC_OK;
}

unic_status unic__prefetch_take(unic__prefetch *p, size_t *slot)
{
    pthread_mutex_lock(&p->mutex);
    p->released = p->taken;
    pthread_cond_signal(&p->changed);
    while (p->filled == p->taken && p->status == UNIC_OK)
        pthread_cond_wait(&p->changed, &p->mutex);
    bool failed = p->filled == p->taken;
    if (!failed)
        *slot = (size_t)(p->taken++ % p->slots);
    pthread_mutex_unlock(&p->mutex);
    if (!failed)
        return UNIC_OK;
    unic__prefetch_stop(p);
    return unic__fail(p->status, "%s", p->message);
}

void unic__prefetch_stop(unic__prefetch *p)
{
    if (!p->running)
        return;
    pthread_mutex_lock(&p->mutex);
    p->stop = true;
    pthread_cond_signal(&p->changed);
    pthread_mutex_unlock(&p->mutex);
    pthread_join(p->thread, NULL);
    p->running = false;
}
