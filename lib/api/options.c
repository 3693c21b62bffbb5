#include "api/api.h"

unic_status unic__check_threads(int32_t threads, const char *call)
{
    if (threads < 0 || threads > UNIC__MAX_THREADS)
        return unic__fail(UNIC_E_ARG, "%s: options->threads = %d is not in 0..%d", call,
                          threads, UNIC__MAX_THREADS);
    return UNIC_OK;
}

unic_status unic__open_budget(unic__budget *budget, const unic_open_options *options,
                              const char *path, const char *call)
{
    unic_open_options o = {.struct_size = sizeof o};
    if (options)
        UNIC__TRY(unic__struct_take(&unic__open_options_kind, &o, options, call, "options"));
    unic__budget_init(budget, o.memory_limit, path);
    return UNIC_OK;
}
