#include "base/ranks.h"

#include <stdio.h>
#include <string.h>

unic_status unic__ranks_take(unic__ranks *ranks, const unic_comm *comm, const char *call)
{
    if (comm->size < 1 || comm->size > UNIC__MAX_RANKS)
        return unic__fail(UNIC_E_ARG, "%s: comm->size = %d is not in 1..%d", call, comm->size,
                          UNIC__MAX_RANKS);
    if (comm->rank < 0 || comm->rank >= comm->size)
        return unic__fail(UNIC_E_ARG, "%s: comm->rank = %d is not in 0..%d", call, comm->rank,
                          comm->size - 1);
    if (comm->check_steps < -1)
        return unic__fail(UNIC_E_ARG, "%s: comm->check_steps = %d, -1 or more expected", call,
                          comm->check_steps);
    if (!comm->sum_start || !comm->sum_wait || !comm->gather)
        return unic__fail(UNIC_E_ARG, "%s: comm->%s is NULL", call,
                          !comm->sum_start  ? "sum_start"
                          : !comm->sum_wait ? "sum_wait"
                                            : "gather");
    *ranks = (unic__ranks){
        .comm = *comm, .rank = (size_t)comm->rank, .size = (size_t)comm->size};
    return UNIC_OK;
}

/* Takes what a function of the caller's returned. */
static void note(unic__ranks *ranks, int returned, const char *what, size_t count)
{
    if (returned == 0 || ranks->status != UNIC_OK)
        return;
    const bool known = returned > 0 && returned <= (int)UNIC_E_CANCELLED;
    ranks->status = known ? (unic_status)returned : UNIC_E_IO;
    snprintf(ranks->message, sizeof ranks->message,
             "rank %zu of %zu: comm->%s of %zu returned %d (%s)", ranks->rank, ranks->size,
             what, count, returned, unic_status_name(ranks->status));
}

void unic__ranks_sum_start(unic__ranks *ranks, void *data, size_t count, unic_comm_type type,
                           void **request)
{
    *request = NULL;
    if (ranks->status != UNIC_OK)
        return;
    note(ranks, ranks->comm.sum_start(data, count, type, request, ranks->comm.user),
         "sum_start", count);
    if (ranks->status != UNIC_OK)
        *request = NULL;
}

void unic__ranks_sum_wait(unic__ranks *ranks, void *request)
{
    if (request)
        note(ranks, ranks->comm.sum_wait(request, ranks->comm.user), "sum_wait", 1);
}

void unic__ranks_sum(unic__ranks *ranks, void *data, size_t count, unic_comm_type type)
{
    void *request;
    unic__ranks_sum_start(ranks, data, count, type, &request);
    unic__ranks_sum_wait(ranks, request);
}

void unic__ranks_gather(unic__ranks *ranks, const void *data, size_t bytes, void *all)
{
    if (ranks->status == UNIC_OK)
        note(ranks, ranks->comm.gather(data, bytes, all, ranks->comm.user), "gather", bytes);
    if (ranks->status == UNIC_OK)
        return;
    memset(all, 0, ranks->size * bytes);
    memcpy((char *)all + ranks->rank * bytes, data, bytes);
}

unic_status unic__ranks_status(const unic__ranks *ranks)
{
    if (!ranks || ranks->status == UNIC_OK)
        return UNIC_OK;
    return unic__fail(ranks->status, "%s", ranks->message);
}

unic_status unic__ranks_refused(const unic__ranks *ranks, size_t rank, unic_status status)
{
    return unic__fail(status, "rank %zu of %zu failed with %s; its own message says why", rank,
                      ranks->size, unic_status_name(status));
}

unic_status unic__ranks_agree(unic__ranks *ranks, unic_status status)
{
    int32_t mine = (int32_t)status, all[UNIC__MAX_RANKS];
    if (!ranks)
        return status;
    unic__ranks_gather(ranks, &mine, sizeof mine, all);
    if (status != UNIC_OK)
        return status;
    UNIC__TRY(unic__ranks_status(ranks));
    for (size_t r = 0; r < ranks->size; r++)
        if (all[r] != (int32_t)UNIC_OK)
            return unic__ranks_refused(ranks, r, (unic_status)all[r]);
    return UNIC_OK;
}
