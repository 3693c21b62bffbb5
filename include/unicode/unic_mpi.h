/**
 * @file unic_mpi.h
 * A unic_comm over MPI: the processes that `mpirun` started train as one.
 *
 * This header belongs to a library of its own, libunicode-mpi (`-lunicode-mpi`, pkg-config
 * `unicode-mpi`), which is built where mpicc is, for the MPI that mpicc belongs to. libunicode does
 * not need it, and it needs of libunicode the headers alone.
 */
#ifndef UNICODE_UNIC_MPI_H
#define UNICODE_UNIC_MPI_H

#include "unic_comm.h"
#include "unic_status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The processes of a communicator, as ranks of a training. Opaque; used by the thread that
 * created it. */
typedef struct unic_mpi unic_mpi;

/** Options; a NULL pointer, and every 0, means the default. */
typedef struct unic_mpi_options {
    size_t struct_size;   /**< sizeof(unic_mpi_options)                                       */
    double timeout;       /**< seconds that a call waits for the other ranks before it fails,
                               up to 1e6; 0: 600. They wait for each other for less than a
                               step, and once in an epoch for what the program does between
                               two of them                                                    */
    int32_t check_steps;  /**< as in unic_comm                                                */
    int32_t communicator; /**< whose processes, as MPI_Comm_c2f() numbers it (mpi4py: py2f());
                               0: MPI_COMM_WORLD. It must be one within a group, and is copied  */
    void *reserved[4];    /**< NULL                                                           */
} unic_mpi_options;

/**
 * Join the processes of a communicator; all of them call it. MPI is initialised if it is not yet
 * (with MPI_THREAD_FUNNELED), and then unic_mpi_free() finalises it, after which a process cannot
 * begin again.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_IO with MPI's message; UNIC_E_STATE if MPI was finalised, or
 *         is not initialised yet and a communicator is given; UNIC_E_NOMEM. Since 0.1.
 */
UNIC_API unic_status unic_mpi_create(unic_mpi **out, const unic_mpi_options *options);

/** Leave, when all ranks do: may wait for them. Where MPI has been finalised since, it frees memory
 * alone. NULL is allowed. Since 0.1. */
UNIC_API void unic_mpi_free(unic_mpi *mpi);

/** For unic_trainer_options.comm; borrowed, valid as long as `mpi`. Its functions return
 * UNIC_E_IO after the timeout and for MPI's errors, or UNIC_E_NOMEM; unic_mpi_last_error() says
 * more. MPI cannot take back what was begun: a rank that comes late still has its numbers written
 * to where the call expected them. So after such a failure save the run, and end the process by
 * unic_mpi_abort(), without another call of MPI. Since 0.1. */
UNIC_API const unic_comm *unic_mpi_comm(const unic_mpi *mpi);

/** End the processes of all ranks (MPI_Abort), with an exit status that is not 0: for a rank that
 * cannot go on, since the others would wait for it. Does not return. Since 0.1. */
UNIC_API void unic_mpi_abort(unic_mpi *mpi);

/** The message of the calling thread's last failure in this library; "" if there was none. Since
 * 0.1. */
UNIC_API const char *unic_mpi_last_error(void);

#ifdef __cplusplus
}
#endif
#endif
