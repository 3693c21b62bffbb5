#include <pthread.h>
#include <sys/stat.h>

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

/* OpenMP keeps the threads of a thread's regions. In a forked child they are not there, but the thread
 * that forked would wait for them for ever. Nothing tells whether it had any: the host may have
 * computed with OpenMP too. So it has none in the child, unless the process had no other thread. */
static _Thread_local bool lost, will_be_lost;

static bool is_alone(void)
{
    enum { OWN_LINKS = 2 }; /* of a folder; one more is each folder's in it: each thread's */
    struct stat task;
    return stat("/proc/self/task", &task) == 0 && task.st_nlink == OWN_LINKS + 1;
}

static void before_fork(void)
{
    will_be_lost = lost || !is_alone();
}

static void in_child(void)
{
    lost = will_be_lost;
}

/* When the library is loaded, since the process may fork before it first calls it. */
__attribute__((constructor)) static void watch_forks(void)
{
    pthread_atfork(before_fork, NULL, in_child);
}

int unic__team(int n)
{
    return lost ? 1 : given(n);
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
#pragma omp parallel for schedule(static) num_threads(most)
    for (size_t i = 0; i < parts; i++)
        run_piece(f, context, n, each, parts, i);
}
