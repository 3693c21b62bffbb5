#include "cli/threads.h"

#include <stdlib.h>
#include <sys/auxv.h>
#include <unistd.h>

uint64_t cli_threads_default(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 1 ? 1 : cores > 4 ? 4 : (uint64_t)cores;
}

void cli_threads_begin(char **argv)
{
    if (getenv("OMP_WAIT_POLICY") || getenv("GOMP_SPINCOUNT"))
        return;
    /* Where the dynamic linker was told to run the program (ld.so PROGRAM ..), it is what /proc calls
     * the program, would take the first argument for one, and has no linker below it. */
    if (!getauxval(AT_BASE))
        return;
    if (!setenv("GOMP_SPINCOUNT", "1000", 1))
        execv("/proc/self/exe", argv); /* where there is no such file, all goes on as it is */
}
