#include "api/api.h"

unic_status unic_set_threads(int n)
{
    if (n < 1 || n > UNIC__MAX_THREADS)
        return unic__fail(UNIC_E_ARG, "unic_set_threads: n = %d is not in 1..%d", n,
                          UNIC__MAX_THREADS);
    unic__threads_set(n);
    return UNIC_OK;
}

int unic_get_threads(void)
{
    return unic__threads();
}
