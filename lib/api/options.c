#include "api/api.h"

unic_status unic__check_threads(int32_t threads, const char *call)
{
    if (threads < 0 || threads > UNIC__MAX_THREADS)
        return unic__fail(UNIC_E_ARG, "%s: options->threads = %d is not in 0..%d", call,
                          threads, UNIC__MAX_THREADS);
    return UNIC_OK;
}
