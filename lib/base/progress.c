#include "base/base.h"

/* The callback may call the library. Such calls are the application's own, so the handle's
 * threads and the file's budget do not apply to them. */
static int ask(const unic__progress *p, const char *what, uint64_t done, uint64_t total)
{
    int threads = unic__threads_enter(0);
    unic__threads_leave(0);
    unic__budget *budget = unic__budget_enter(NULL);
    int stop = p->fn(what, done, total, p->user);
    unic__budget_leave(budget, UNIC_OK);
    unic__threads_leave(threads);
    return stop;
}

unic_status unic__progress_tell(const unic__progress *p, const char *what, uint64_t done,
                                uint64_t total)
{
    if (!p->fn || !ask(p, what, done, total))
        return UNIC_OK;
    return unic__fail(UNIC_E_CANCELLED,
                      "stopped by the progress callback after %llu of %llu %s",
                      (unsigned long long)done, (unsigned long long)total, what);
}

unic_status unic__watch_advance(unic__watch *w, uint64_t n)
{
    w->done += n;
    return unic__progress_tell(&w->progress, w->what, w->done, w->total);
}

unic_status unic__budget_read(uint64_t bytes, uint64_t size)
{
    const uint64_t step = 1 << 20;
    unic__budget *b = unic__budget_enter(NULL); /* this thread's, which it enters again */
    unic__budget_enter(b);
    if (!b || !b->progress.fn)
        return UNIC_OK;
    b->read += bytes;
    if (b->read < b->told + step)
        return UNIC_OK;
    b->told = b->read; /* what is read again counts again */
    return unic__progress_tell(&b->progress, "bytes", b->read < size ? b->read : size, size);
}
