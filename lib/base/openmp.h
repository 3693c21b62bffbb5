/* OpenMP's functions; in a build without it (`make OPENMP=no`) what they say of one thread. */
#ifndef UNIC_BASE_OPENMP_H
#define UNIC_BASE_OPENMP_H

#ifdef _OPENMP
#include <omp.h>
#else
#include <limits.h>

static inline int omp_in_parallel(void)
{
    return 0;
}

static inline int omp_get_max_threads(void)
{
    return 1;
}

static inline void omp_set_num_threads(int n)
{
    (void)n;
}

static inline int omp_get_max_active_levels(void)
{
    return INT_MAX;
}

static inline int omp_get_thread_limit(void)
{
    return INT_MAX;
}

static inline int omp_get_dynamic(void)
{
    return 0;
}

static inline void omp_set_dynamic(int on)
{
    (void)on;
}
#endif

#endif
