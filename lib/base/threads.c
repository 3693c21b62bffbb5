#include <pthread.h>
#include <stdatomic.h>

#include "base/base.h"
#include "base/openmp.h"

static int threads = 1;       /* of the process; any thread may change it at any time */
static _Thread_local int own; /* between enter and leave; 0: not between them */

int unic__threads(void)
{
    return own ? own : __atomic_load_n(&threads, __ATOMIC_RELAXED);
}

/* What OpenMP gives of n threads: it has limits, and one thread within a parallel region. */
static int given(int n)
{
    if (n == 1 || omp_in_parallel() || omp_get_max_active_levels() < 1)
        return 1;
    const int limit = omp_get_thread_limit();
    return n < limit ? n : limit;
}

int unic__threads_enter(int n)
{
    int before = own;
    own = given(n ? n : __atomic_load_n(&threads, __ATOMIC_RELAXED));
    return before;
}

void unic__threads_leave(int before)
{
    own = before;
}

void unic__threads_set(int n)
{
    __atomic_store_n(&threads, n, __ATOMIC_RELAXED);
}

/* ---- a fork leaves threads behind ---- */

static atomic_bool started, lost;

static void in_child(void)
{
    atomic_store(&lost, atomic_load(&started));
}

static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, in_child);
}

void unic__threads_started(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (atomic_load_explicit(&started, memory_order_relaxed))
        return;
    pthread_once(&once, watch_forks);
    atomic_store(&started, true);
}

bool unic__threads_lost(void)
{
    return atomic_load_explicit(&lost, memory_order_relaxed);
}

int unic__team(int n)
{
    return unic__threads_lost() ? 1 : given(n);
}

bool unic__worth_splitting(size_t m, size_t n, size_t k)
{
    enum { VECTOR = 16, FEW = 4 }; /* columns that cost as much as one; products as a store */
    const double columns = (double)(n < VECTOR ? VECTOR : n),
                 sums = (double)(k < FEW ? FEW : k);
    return (double)m * columns * sums >= 1 << 20;
}

static void run_piece(unic__part *f, const void *context, size_t n, size_t each, size_t parts,
                      size_t i)
{
    const size_t pieces = n / each + (n % each != 0);
    const size_t from = pieces * i / parts * each, to = pieces * (i + 1) / parts * each;
    f(context, from, to < n ? to : n);
}

void unic__parallel(size_t n, size_t each, bool worth, unic__part *f, const void *context)
{
    const int most = unic__threads();
    const size_t parts = (size_t)most, pieces = n / each + (n % each != 0);
    if (!worth || parts == 1 || pieces < 2 || omp_in_parallel()) {
        f(context, 0, n);
        return;
    }
    if (unic__team(most) == 1 || !unic__has_team(most)) {
        for (size_t i = 0; i < parts; i++)
            run_piece(f, context, n, each, parts, i);
        return;
    }
    unic__threads_started();
#pragma omp parallel for schedule(static) num_threads(most)
    for (size_t i = 0; i < parts; i++)
        run_piece(f, context, n, each, parts, i);
}
