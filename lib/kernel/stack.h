/*
 * Products keep packed operands on the stack, in frames of up to 181 kB that the compiler does not
 * probe (Makefile, LARGE_FRAMES): where a thread's stack is too small, such a frame lies beyond the
 * guard page, in memory of others. So what enters one asks for the stack first.
 */
#ifndef UNIC_KERNEL_STACK_H
#define UNIC_KERNEL_STACK_H

#include "base/base.h"

/* For functions with such a frame: it must not become a part of the caller's, who asks for it. */
#define UNIC__LARGE_FRAME __attribute__((noinline))

/* Touches each page of the next `bytes` of the calling thread's stack, from the top down, but for
 * those that it has touched before: a stack that is too small ends in SIGSEGV, at its guard page. */
void unic__stack_reach(size_t bytes);

/* Before a call computes: reaches what any product needs. The stack of a process's first thread
 * grows when it is touched, and where the system gives it nothing the process ends; so the memory is
 * asked for first. UNIC_E_NOMEM. */
unic_status unic__stack_prepare(void);

#endif
