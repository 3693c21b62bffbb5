/*
 * libunicode-mpi: the functions of unic_comm by MPI's collectives that do not block. They are
 * asked for instead of waited for, so that a rank that is gone ends in a timeout and not in a
 * process that waits for ever; and those under way go on whenever one is asked for, because most
 * MPIs do nothing while nobody calls them.
 */
#include <limits.h>
#include <mpi.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "unicode/unic_mpi.h"

enum { MESSAGE_BYTES = MPI_MAX_ERROR_STRING + 256 };
static const double default_timeout = 600.0, longest_timeout = 1e6;

static _Thread_local char message[MESSAGE_BYTES];

/* A sum under way. */
typedef struct request {
    MPI_Request mpi;
    struct request *next;
} request;

struct unic_mpi {
    unic_comm comm;
    MPI_Comm world; /* a copy of the communicator: others' messages are not ours */
    double timeout;
    bool finalises;
    request *first; /* those under way */
};

const char *unic_mpi_last_error(void)
{
    return message;
}

__attribute__((format(printf, 2, 3))) static unic_status fail(unic_status status,
                                                              const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return status;
}

static unic_status check(int code, const char *call)
{
    char text[MPI_MAX_ERROR_STRING] = "";
    int length = 0;
    if (code == MPI_SUCCESS)
        return UNIC_OK;
    MPI_Error_string(code, text, &length);
    return fail(UNIC_E_IO, "%s: %s", call, text);
}

/* ---- waiting ---- */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* A waiting rank leaves its core to one that computes, where there are more ranks than cores. */
static unic_status wait_for(const unic_mpi *m, MPI_Request *asked, const char *call)
{
    const double end = now() + m->timeout;
    for (;;) {
        int done = 0;
        const unic_status status = check(MPI_Test(asked, &done, MPI_STATUS_IGNORE), call);
        if (status != UNIC_OK || done)
            return status;
        if (now() > end)
            return fail(UNIC_E_IO,
                        "%s: rank %d of %d has waited %g seconds for the others, the timeout",
                        call, m->comm.rank, m->comm.size, m->timeout);
        sched_yield();
    }
}

static unic_status advance(const unic_mpi *m)
{
    unic_status status = UNIC_OK;
    for (request *r = m->first; r && status == UNIC_OK; r = r->next) {
        int done;
        status = check(MPI_Test(&r->mpi, &done, MPI_STATUS_IGNORE), "MPI_Test");
    }
    return status;
}

/* ---- unic_comm ---- */

static MPI_Datatype type_of(unic_comm_type type)
{
    return type == UNIC_COMM_FLOAT32   ? MPI_FLOAT
           : type == UNIC_COMM_FLOAT64 ? MPI_DOUBLE
                                       : MPI_INT64_T;
}

static int sum_start(void *data, size_t count, unic_comm_type type, void **out, void *user)
{
    unic_mpi *m = user;
    if (count > INT_MAX)
        return (int)fail(UNIC_E_IO, "MPI_Iallreduce: %zu numbers, at most %d in one call",
                         count, INT_MAX);
    request *r = calloc(1, sizeof *r);
    if (!r)
        return (int)fail(UNIC_E_NOMEM, "out of memory (a sum over ranks)");
    unic_status status = advance(m);
    if (status == UNIC_OK)
        status = check(MPI_Iallreduce(MPI_IN_PLACE, data, (int)count, type_of(type), MPI_SUM,
                                      m->world, &r->mpi),
                       "MPI_Iallreduce");
    if (status != UNIC_OK) {
        free(r);
        return (int)status;
    }
    r->next = m->first;
    m->first = r;
    *out = r;
    return 0;
}

static int sum_wait(void *waited, void *user)
{
    unic_mpi *m = user;
    request *r = waited, **at = &m->first;
    const unic_status status = wait_for(m, &r->mpi, "MPI_Iallreduce");
    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
    free(r);
    return (int)status;
}

static int gather(const void *data, size_t bytes, void *all, void *user)
{
    const unic_mpi *m = user;
    const bool words = bytes % sizeof(int32_t) == 0;
    const size_t count = words ? bytes / sizeof(int32_t) : bytes;
    const MPI_Datatype type = words ? MPI_INT32_T : MPI_BYTE;
    MPI_Request asked;
    if (count > INT_MAX)
        return (int)fail(UNIC_E_IO, "MPI_Iallgather: %zu bytes are too many for one call",
                         bytes);
    unic_status status = check(
        MPI_Iallgather(data, (int)count, type, all, (int)count, type, m->world, &asked),
        "MPI_Iallgather");
    return (int)(status == UNIC_OK ? wait_for(m, &asked, "MPI_Iallgather") : status);
}

/* ---- joining and leaving ---- */

static unic_status take_options(unic_mpi_options *o, const unic_mpi_options *options)
{
    *o = (unic_mpi_options){.struct_size = sizeof *o};
    if (!options)
        return UNIC_OK;
    if (options->struct_size < sizeof *o)
        return fail(UNIC_E_ARG,
                    "unic_mpi_create: options has struct_size %zu, sizeof(unic_mpi_options) = "
                    "%zu expected",
                    options->struct_size, sizeof *o);
    memcpy(o, options, sizeof *o);
    for (size_t i = 0; i < sizeof o->reserved / sizeof *o->reserved; i++)
        if (o->reserved[i])
            return fail(UNIC_E_ARG, "unic_mpi_create: options: what is reserved must be zero");
    if (!(o->timeout >= 0.0 && o->timeout <= longest_timeout))
        return fail(UNIC_E_ARG, "unic_mpi_create: options->timeout is %g, not in 0..%g seconds",
                    o->timeout, longest_timeout);
    return UNIC_OK;
}

static unic_status initialise(unic_mpi *m, int32_t communicator)
{
    int is_initialised, is_finalised, provided;
    MPI_Finalized(&is_finalised);
    if (is_finalised)
        return fail(UNIC_E_STATE, "unic_mpi_create: MPI has been finalised in this process");
    MPI_Initialized(&is_initialised);
    m->finalises = !is_initialised;
    if (is_initialised)
        return UNIC_OK;
    if (communicator)
        return fail(UNIC_E_STATE,
                    "unic_mpi_create: options->communicator is %ld, but MPI is not "
                    "initialised: there are none yet",
                    (long)communicator);
    return check(MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided),
                 "MPI_Init_thread");
}

/* A number that is none ends the process in most MPIs: only the null communicator is told. */
static unic_status copy(MPI_Comm *to, int32_t communicator)
{
    const MPI_Comm from = communicator ? MPI_Comm_f2c((MPI_Fint)communicator) : MPI_COMM_WORLD;
    int between = 0;
    if (from == MPI_COMM_NULL)
        return fail(UNIC_E_ARG,
                    "unic_mpi_create: options->communicator is %ld, the null "
                    "communicator",
                    (long)communicator);
    MPI_Comm_test_inter(from, &between);
    if (between)
        return fail(UNIC_E_ARG,
                    "unic_mpi_create: options->communicator is between two groups, one "
                    "within a group expected");
    return check(MPI_Comm_dup(from, to), "MPI_Comm_dup");
}

static unic_status join(unic_mpi *m, int32_t communicator)
{
    int rank, size;
    unic_status status = initialise(m, communicator);
    if (status == UNIC_OK)
        status = copy(&m->world, communicator);
    if (status != UNIC_OK)
        return status;
    MPI_Comm_set_errhandler(m->world, MPI_ERRORS_RETURN);
    MPI_Comm_rank(m->world, &rank);
    MPI_Comm_size(m->world, &size);
    m->comm.rank = rank;
    m->comm.size = size;
    return UNIC_OK;
}

unic_status unic_mpi_create(unic_mpi **out, const unic_mpi_options *options)
{
    unic_mpi_options o;
    if (!out)
        return fail(UNIC_E_ARG, "unic_mpi_create: out is NULL");
    *out = NULL;
    unic_status status = take_options(&o, options);
    if (status != UNIC_OK)
        return status;
    unic_mpi *m = calloc(1, sizeof *m);
    if (!m)
        return fail(UNIC_E_NOMEM, "out of memory (%zu bytes for the ranks)", sizeof *m);
    m->timeout = o.timeout > 0.0 ? o.timeout : default_timeout;
    m->comm = (unic_comm){.struct_size = sizeof m->comm,
                          .check_steps = o.check_steps,
                          .sum_start = sum_start,
                          .sum_wait = sum_wait,
                          .gather = gather,
                          .user = m};
    status = join(m, o.communicator);
    if (status != UNIC_OK)
        free(m);
    else
        *out = m;
    return status;
}

void unic_mpi_free(unic_mpi *mpi)
{
    int is_finalised;
    if (!mpi)
        return;
    MPI_Finalized(&is_finalised);
    if (!is_finalised)
        MPI_Comm_free(&mpi->world);
    if (!is_finalised && mpi->finalises)
        MPI_Finalize();
    free(mpi);
}

const unic_comm *unic_mpi_comm(const unic_mpi *mpi)
{
    return mpi ? &mpi->comm : NULL;
}

void unic_mpi_abort(unic_mpi *mpi)
{
    MPI_Abort(mpi ? mpi->world : MPI_COMM_WORLD, EXIT_FAILURE);
    abort();
}
