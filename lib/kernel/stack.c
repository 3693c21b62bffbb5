#include "kernel/stack.h"

#include <alloca.h>

/* The part of the thread's stack that was touched last. A thread that changes its stack (ucontext)
 * has a part of each in turn. */
static _Thread_local struct {
    uintptr_t low, high;
} touched;

static __attribute__((noinline)) void touch(size_t bytes)
{
    enum { PAGE = 4096 };
    volatile char *frame = alloca(bytes);
    for (size_t left = bytes; left > PAGE; left -= PAGE)
        frame[left - PAGE] = 0;
    frame[0] = 0;
}

static bool is_touched(uintptr_t low, uintptr_t high)
{
    return touched.low <= low && high <= touched.high;
}

unic_status unic__stack_prepare(void)
{
    /* The largest frame and those before it; what is asked of the system itself, not of malloc. */
    enum { MOST = 256 << 10, ASKED = 1 << 20 };
    const uintptr_t high = (uintptr_t)__builtin_frame_address(0);
    if (is_touched(high - MOST, high))
        return UNIC_OK;
    if (!unic__has_headroom(ASKED))
        return unic__no_memory(MOST, "the thread's stack");
    unic__stack_reach(MOST);
    return UNIC_OK;
}

void unic__stack_reach(size_t bytes)
{
    const uintptr_t high = (uintptr_t)__builtin_frame_address(0), low = high - bytes;
    if (is_touched(low, high))
        return;
    touch(bytes);
    const int apart = low > touched.high || high < touched.low;
    touched.low = apart || low < touched.low ? low : touched.low;
    touched.high = apart || high > touched.high ? high : touched.high;
}
