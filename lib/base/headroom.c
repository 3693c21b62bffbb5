#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/base.h"

/* Small blocks come from what malloc has or gets, large ones from the system. */
enum { FROM_SYSTEM = 1 << 20 };

bool unic__has_headroom(size_t bytes)
{
    if (bytes < FROM_SYSTEM) {
        void *volatile block = malloc(bytes); /* volatile: the pair would be left out */
        bool there = block != NULL;
        free(block);
        return there;
    }
    void *block = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED)
        return false;
    munmap(block, bytes);
    return true;
}

static void *end_at_once(void *nothing)
{
    return nothing;
}

static void *end_by_call(void *nothing)
{
    pthread_exit(nothing);
}

/* OpenMP ends its threads by pthread_exit(), for which libc loads a library the first time, and
 * ends the process where it cannot. */
static bool can_end(void)
{
    enum { LIBRARY_BYTES = 1 << 20, STACK_BYTES = 8 << 20 };
    static int ended; /* atomic */
    pthread_t thread;
    if (__atomic_load_n(&ended, __ATOMIC_RELAXED))
        return true;
    if (!unic__has_headroom(LIBRARY_BYTES + STACK_BYTES) ||
        pthread_create(&thread, NULL, end_by_call, NULL) != 0)
        return false;
    pthread_join(thread, NULL);
    __atomic_store_n(&ended, 1, __ATOMIC_RELAXED);
    return true;
}

/* A thread's stack stays until it is joined: all n are there at the same time. */
static bool can_start(int n)
{
    pthread_t thread[UNIC__MAX_THREADS];
    int started = 0;
    while (started < n && pthread_create(&thread[started], NULL, end_at_once, NULL) == 0)
        started++;
    for (int i = 0; i < started; i++)
        pthread_join(thread[i], NULL);
    return started == n;
}

/* The team of a thread's last region is kept by OpenMP: the same again takes nothing. */
bool unic__has_team(int n)
{
    enum { TEAM_BYTES = 1 << 15 };
    static _Thread_local int team = 1;
    if (n == team)
        return true;
    if (!can_end() || !unic__has_headroom(TEAM_BYTES) || (n > team && !can_start(n - team)))
        return false;
    team = n;
    return true;
}
