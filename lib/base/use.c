#include "base/use.h"

enum { ALONE = -1 };

unic_status unic__use_alone(unic__use *use, const char *call, const char *handle)
{
    int calls = 0;
    if (atomic_compare_exchange_strong(&use->calls, &calls, ALONE))
        return UNIC_OK;
    return unic__fail(UNIC_E_STATE,
                      "%s: %s is in use by another call, of another thread or of the one that "
                      "called this callback; %s",
                      call, handle,
                      calls == ALONE ? "only one call at a time may use it"
                                     : "it may not change while others read it");
}

/* Reading does not change a handle, except for this count. */
static atomic_int *count_of(const unic__use *use)
{
    return (atomic_int *)(uintptr_t)&use->calls;
}

unic_status unic__use_shared(const unic__use *use, const char *call, const char *handle)
{
    atomic_int *count = count_of(use);
    int calls = atomic_load(count);
    do {
        if (calls == ALONE)
            return unic__fail(UNIC_E_STATE,
                              "%s: %s is being changed by another call, of another thread or "
                              "of the one that called this callback; it may be read before or "
                              "after that",
                              call, handle);
    } while (!atomic_compare_exchange_weak(count, &calls, calls + 1));
    return UNIC_OK;
}

void unic__use_end(const unic__use *use)
{
    atomic_int *count = count_of(use);
    if (atomic_load(count) == ALONE)
        atomic_store(count, 0);
    else
        atomic_fetch_sub(count, 1);
}

void unic__use_end_scope(const unic__use *const *use)
{
    unic__use_end(*use);
}
