// The allocator of the whole process, shared libraries included: glibc's, which counts.
#include <cerrno>
#include <cstdlib>

#include "count.hpp"

std::atomic<bool> counting;
std::atomic<std::size_t> allocations;

extern "C" {
void *__libc_malloc(std::size_t);
void *__libc_calloc(std::size_t, std::size_t);
void *__libc_realloc(void *, std::size_t);
void *__libc_memalign(std::size_t, std::size_t);

static void count() noexcept
{
    if (counting.load(std::memory_order_relaxed))
        allocations++;
}

void *malloc(std::size_t n) noexcept
{
    count();
    return __libc_malloc(n);
}

void *calloc(std::size_t n, std::size_t size) noexcept
{
    count();
    return __libc_calloc(n, size);
}

void *realloc(void *memory, std::size_t n) noexcept
{
    count();
    return __libc_realloc(memory, n);
}

void *aligned_alloc(std::size_t alignment, std::size_t n) noexcept
{
    count();
    return __libc_memalign(alignment, n);
}

int posix_memalign(void **memory, std::size_t alignment, std::size_t n) noexcept
{
    count();
    *memory = __libc_memalign(alignment, n);
    return *memory ? 0 : ENOMEM;
}
}
