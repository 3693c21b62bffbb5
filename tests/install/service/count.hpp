// How often the process allocates while it is being counted. Without COUNT: always 0.
#ifndef COUNT_HPP
#define COUNT_HPP

#include <atomic>
#include <cstddef>

#ifdef COUNT
extern std::atomic<bool> counting;
extern std::atomic<std::size_t> allocations;
constexpr bool counts = true;
#else
inline std::atomic<bool> counting;
inline std::atomic<std::size_t> allocations;
constexpr bool counts = false;
#endif

#endif
