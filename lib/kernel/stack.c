#include "kernel/stack.h"

#include <alloca.h>
#include <stdint.h>

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

void unic__stack_reach(size_t bytes)
{
    const uintptr_t high = (uintptr_t)__builtin_frame_address(0), low = high - bytes;
    if (touched.low <= low && high <= touched.high)
        return;
    touch(bytes);
    const int apart = low > touched.high || high < touched.low;
    touched.low = apart || low < touched.low ? low : touched.low;
    touched.high = apart || high > touched.high ? high : touched.high;
}
