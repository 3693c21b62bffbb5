/* Calls that read or write a file, or what the caller has in its place. */
#include "api/api.h"

static unic_status take_options(unic__opening *o, const unic_open_options *options,
                                const char *name)
{
    unic_open_options taken = {.struct_size = sizeof taken};
    if (options)
        UNIC__TRY(
            unic__struct_take(&unic__open_options_kind, &taken, options, o->call, "options"));
    if (taken.preload != 0 && taken.preload != 1)
        return unic__fail(UNIC_E_ARG, "%s: options->preload = %d is not 0 or 1", o->call,
                          taken.preload);
    o->preloads = taken.preload == 1;
    unic__budget_init(&o->budget, taken.memory_limit, name);
    o->budget.progress = (unic__progress){taken.progress, taken.progress_user};
    return UNIC_OK;
}

unic_status unic__opening_file(unic__opening *o, const char *path,
                               const unic_open_options *options, const char *call)
{
    *o = (unic__opening){.call = call};
    UNIC__TRY(take_options(o, options, path));
    unic_status status = unic__source_open_file(&o->source, path);
    if (status != UNIC_OK)
        return unic__fail_in(status, "%s", call);
    o->outside = unic__budget_enter(&o->budget);
    return UNIC_OK;
}

unic_status unic__check_source(unic_source *copy, const unic_source *source, const char *call,
                               const char *argument)
{
    if (!source)
        return unic__fail(UNIC_E_ARG, "%s: %s is NULL", call, argument);
    UNIC__TRY(unic__struct_take(&unic__source_kind, copy, source, call, argument));
    if (!copy->read_at)
        return unic__fail(UNIC_E_ARG, "%s: %s has no read_at()", call, argument);
    if (copy->size < 0)
        return unic__fail(UNIC_E_ARG, "%s: %s has the size %lld, at least 0 expected", call,
                          argument, (long long)copy->size);
    return UNIC_OK;
}

unic_status unic__opening_source(unic__opening *o, const void *out, const unic_source *source,
                                 const unic_open_options *options, const char *call)
{
    unic_source taken;
    *o = (unic__opening){.call = call};
    UNIC__TRY(unic__check_source(&taken, source, call, "source"));
    unic_status status = unic__source_open(&o->source,
                                           &taken); /* which closes it, if it fails */
    if (status != UNIC_OK)
        return unic__fail_in(status, "%s", call);
    if (!out)
        status = unic__fail(UNIC_E_ARG, "%s: out is NULL", call);
    else
        status = take_options(o, options, unic__source_name(o->source));
    if (status != UNIC_OK) {
        unic__source_release(o->source);
        return status;
    }
    o->outside = unic__budget_enter(&o->budget);
    return UNIC_OK;
}

unic_status unic__opening_end(unic__opening *o, unic_status status)
{
    status = unic__budget_leave(o->outside, status);
    if (status != UNIC_OK)
        unic__fail_in(status, "%s", o->call);
    unic__source_release(o->source);
    return status;
}

void unic__opening_abandon(unic__opening *o)
{
    unic__budget_leave(o->outside, UNIC_OK);
    unic__source_release(o->source);
}

unic_status unic__take_sink(unic_sink *copy, const unic_sink *sink, const char *call)
{
    if (!sink)
        return unic__fail(UNIC_E_ARG, "%s: sink is NULL", call);
    UNIC__TRY(unic__struct_take(&unic__sink_kind, copy, sink, call, "sink"));
    if (!copy->write)
        return unic__fail(UNIC_E_ARG, "%s: sink has no write()", call);
    return UNIC_OK;
}
