/*
 * The number of threads to compute with.
 */
#ifndef UNIC_CLI_THREADS_H
#define UNIC_CLI_THREADS_H

#include <stdint.h>

/* The default: the number of cores, but at most four. */
uint64_t cli_threads_default(void);

/*
 * Lets OpenMP's threads sleep soon while they wait. By default they spin for long, which on a
 * machine with other work makes two threads ten times slower than one; not spinning at all
 * costs a fifth of the speed on free cores. A thousand turns suit both cases. OpenMP reads its
 * settings before main(), so this starts the program once more, with GOMP_SPINCOUNT=1000.
 * It does nothing if that variable or OMP_WAIT_POLICY is set, or the dynamic linker was called by name.
 */
void cli_threads_begin(char **argv);

/* The --threads option of every program. */
#define CLI_THREADS_OPTION(target)                                                             \
    {                                                                                          \
        "--threads", "N", "compute with N threads [the number of cores, at most 4]",           \
            .number = (target), .least = 1, .most = 256                                        \
    }

#endif
