/* The most that multiply-adds give with an instruction set: what bounds every product. */
#include <stdio.h>
#include <string.h>

#include "bench.h"

/*
 * CHAINS chains of x = x a + b, none of which waits for another: enough for two units that take
 * four cycles. x goes to 2, so that no value becomes denormal. The instruction is written out,
 * so that the chains stay in registers and no compiler finds the result by itself.
 */
enum { CHAINS = 12, ROUNDS = 10000000 };

#define CHAIN(x) __asm__ volatile(STEP : "+" REGISTER(x) : REGISTER(a), REGISTER(b));
#define ALL_CHAINS                                                                             \
    CHAIN(x[0])                                                                                \
    CHAIN(x[1])                                                                                \
    CHAIN(x[2])                                                                                \
    CHAIN(x[3])                                                                                \
    CHAIN(x[4])                                                                                \
    CHAIN(x[5])                                                                                \
    CHAIN(x[6])                                                                                \
    CHAIN(x[7])                                                                                \
    CHAIN(x[8])                                                                                \
    CHAIN(x[9])                                                                                \
    CHAIN(x[10])                                                                               \
    CHAIN(x[11])
/* `x` is an array that never has an address: the compiler keeps its elements in registers. */
#define ROUND_LOOP(bytes)                                                                      \
    typedef float vector __attribute__((vector_size(bytes)));                                  \
    const vector a = (vector){0} + 0.5F, b = (vector){0} + 1.0F;                               \
    vector x[CHAINS] = {b, b, b, b, b, b, b, b, b, b, b, b};                                   \
    for (int i = 0; i < ROUNDS; i++) {                                                         \
        ALL_CHAINS                                                                             \
    }                                                                                          \
    return (bytes) / sizeof(float)

#if defined(__x86_64__)
#define REGISTER "v"
#define STEP     "vfmadd213ps %2, %1, %0"
__attribute__((target("avx512f"))) static size_t lanes_avx512(void)
{
    ROUND_LOOP(64);
}

__attribute__((target("avx2,fma"))) static size_t lanes_avx2(void)
{
    ROUND_LOOP(32);
}
#undef STEP
#define STEP "mulps %1, %0\n\taddps %2, %0"
static size_t lanes_portable(void)
{
    ROUND_LOOP(16);
}
#elif defined(__aarch64__)
#define REGISTER "w"
#define STEP     "fmla %0.4s, %1.4s, %2.4s"
static size_t lanes_portable(void)
{
    ROUND_LOOP(16);
}
#endif

/* Runs for ROUNDS rounds of the set's multiply-adds; the operations done. 0: this processor, or
 * this program, does not have the set. */
double bench_fma(const char *isa)
{
    size_t lanes = 0;
#if defined(__x86_64__)
    if (strcmp(isa, "avx512") == 0 && __builtin_cpu_supports("avx512f"))
        lanes = lanes_avx512();
    else if (strcmp(isa, "avx2") == 0 && __builtin_cpu_supports("fma"))
        lanes = lanes_avx2();
    else if (strcmp(isa, "portable") == 0)
        lanes = lanes_portable();
#elif defined(__aarch64__)
    if (strcmp(isa, "portable") == 0)
        lanes = lanes_portable();
#endif
    return 2.0 * (double)lanes * CHAINS * ROUNDS;
}

/* ---- fma: isa=avx512|avx2|portable, on every thread ---- */

static const char *best_isa(void)
{
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx512f") ? "avx512"
           : __builtin_cpu_supports("fma")   ? "avx2"
                                             : "portable";
#else
    return "portable";
#endif
}

static double on_every_thread(void)
{
    const char *isa = bench_text("isa", best_isa());
    const int threads = unic_get_threads();
    double total = 0.0;
#pragma omp parallel for num_threads(threads) schedule(static) reduction(+ : total)
    for (int i = 0; i < threads; i++)
        total += bench_fma(isa);
    return total;
}

/* Tells how many operations a call does. */
void bench_fma_setup(void)
{
    const char *isa = bench_text("isa", best_isa());
    printf(", \"isa\": \"%s\", \"flops\": %.0f", isa, on_every_thread());
}

double bench_fma_run(void)
{
    double start = bench_now();
    on_every_thread();
    return bench_now() - start;
}
