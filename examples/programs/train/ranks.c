#include "train/ranks.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <unicode/unic_mpi.h>

#include "cli/report.h"

/* The functions of libunicode-mpi that are called. */
#define CALLS(X) X(create) X(free) X(comm) X(abort) X(last_error)

static struct {
    unic_status (*create)(unic_mpi **out, const unic_mpi_options *options);
    void (*free)(unic_mpi *mpi);
    const unic_comm *(*comm)(const unic_mpi *mpi);
    void (*abort)(unic_mpi *mpi);
    const char *(*last_error)(void);
} mpi;

static unic_mpi *ranks;
static const unic_comm *comm; /* of them; NULL: one rank */

static bool load(void)
{
    static const char file[] = "libunicode-mpi.so.0";
    /* Open MPI loads parts of itself, which look for its symbols everywhere. */
    void *library = dlopen(file, RTLD_NOW | RTLD_GLOBAL), *symbol;
    if (!library)
        return cli_fail("--mpi needs libunicode-mpi, which cannot be loaded: %s", dlerror());
#define LOAD(name)                                                                             \
    if (!(symbol = dlsym(library, "unic_mpi_" #name)))                                         \
        return cli_fail("libunicode-mpi has no unic_mpi_" #name "(): it is of another "        \
                        "version");                                                            \
    memcpy(&mpi.name, &symbol, sizeof symbol);
    CALLS(LOAD)
#undef LOAD
    return true;
}

bool train_ranks_begin(uint64_t timeout)
{
    const unic_mpi_options options = {.struct_size = sizeof options,
                                      .timeout = (double)timeout};
    if (!load())
        return false;
    if (mpi.create(&ranks, &options) != UNIC_OK)
        return cli_fail("%s", mpi.last_error());
    comm = mpi.comm(ranks);
    cli_report_rank(comm->rank);
    if (comm->size == 1)
        cli_note("--mpi: one rank alone (where mpirun started more, it is of another MPI than "
                 "libunicode-mpi, and each would train by itself)");
    return true;
}

const unic_comm *train_ranks_comm(void)
{
    return comm;
}

bool train_ranks_first(void)
{
    return !comm || comm->rank == 0;
}

void train_ranks_part(unic_dataset_options *options)
{
    if (!comm)
        return;
    options->part = comm->rank;
    options->parts = comm->size;
}

bool train_ranks_any(bool *says)
{
    int64_t count = *says;
    void *request = NULL;
    if (!comm || comm->size == 1)
        return true;
    int status = comm->sum_start(&count, 1, UNIC_COMM_INT64, &request, comm->user);
    if (!status && request)
        status = comm->sum_wait(request, comm->user);
    *says = count > 0;
    return !status || cli_fail("%s", mpi.last_error());
}

void train_ranks_wait(bool *says)
{
    if (ranks && !*mpi.last_error())
        train_ranks_any(says);
}

void train_ranks_end(bool failed)
{
    const struct timespec moment = {.tv_nsec = 300000000}; /* others tell of the same failure */
    if (!ranks)
        return;
    fflush(stdout);
    if (failed) {
        if (*mpi.last_error())
            cli_fail("%s", mpi.last_error());
        nanosleep(&moment, NULL);
        mpi.abort(ranks);
    }
    mpi.free(ranks);
    ranks = NULL;
    comm = NULL;
}
