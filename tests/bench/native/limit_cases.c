/*
 * What the machine itself gives: products by OpenBLAS, memory read and copied, and a loop that
 * always does the same. (fma_peak.c has the multiply-adds.)
 */
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "kernel/blas_glue.h"

/* ---- sgemm: C = A B, n x n ---- */

static struct {
    float *a, *b, *c;
    size_t n;
} product;

void bench_sgemm_setup(void)
{
    product.n = bench_size("n", 1024);
    product.a = bench_floats(product.n * product.n, -1.0F, 4);
    product.b = bench_floats(product.n * product.n, -1.0F, 5);
    product.c = bench_floats(product.n * product.n, -1.0F, 6);
}

/* With as many threads as OpenBLAS was told to take (OPENBLAS_NUM_THREADS). */
double bench_sgemm_run(void)
{
    const size_t n = product.n, calls = bench_size("calls", 4);
    const unic__gemm p = {.m = n,
                          .n = n,
                          .k = n,
                          .a = product.a,
                          .lda = n,
                          .b = product.b,
                          .ldb = n,
                          .c = product.c,
                          .ldc = n};
    double start = bench_now();
    for (size_t i = 0; i < calls; i++)
        unic__blas_run(&p);
    return (bench_now() - start) / (double)calls;
}

/* ---- copy, read: mb= megabytes, far more than the caches hold ---- */

static struct {
    float *from, *to;
    size_t n; /* floats, a multiple of READ_LANES for each thread */
    int threads;
    float sum; /* so that no compiler leaves the reading out */
} memory;

enum { READ_LANES = 64 };

void bench_memory_setup(void)
{
    const size_t n = bench_size("mb", 256) << 18;
    memory.threads = unic_get_threads();
    const size_t part = (size_t)memory.threads * READ_LANES;
    memory.n = n / part * part;
    memory.from = bench_floats(n, -1.0F, 7);
    memory.to = bench_floats(n, -1.0F, 8);
    printf(", \"bytes\": %.0f", (double)memory.n * sizeof(float));
}

double bench_copy_run(void)
{
    const size_t part = memory.n / (size_t)memory.threads;
    double start = bench_now();
#pragma omp parallel for num_threads(memory.threads) schedule(static)
    for (int i = 0; i < memory.threads; i++)
        memcpy(memory.to + (size_t)i * part, memory.from + (size_t)i * part,
               part * sizeof(float));
    return bench_now() - start;
}

/* READ_LANES sums at once, so that no addition waits for the one before it. */
static float sum_of(const float *x, size_t n)
{
    typedef float vector __attribute__((vector_size(64), aligned(4), may_alias));
    vector sum[READ_LANES / 16] = {{0}};
    for (size_t i = 0; i < n; i += READ_LANES)
        for (size_t v = 0; v < READ_LANES / 16; v++)
            sum[v] += *(const vector *)(x + i + 16 * v);
    sum[0] += sum[1] + sum[2] + sum[3];
    return sum[0][0];
}

double bench_read_run(void)
{
    const size_t part = memory.n / (size_t)memory.threads;
    float total = 0.0F;
    double start = bench_now();
#pragma omp parallel for num_threads(memory.threads) schedule(static) reduction(+ : total)
    for (int i = 0; i < memory.threads; i++)
        total += sum_of(memory.from + (size_t)i * part, part);
    memory.sum = total;
    return bench_now() - start;
}

/* ---- work: the same again and again, calls= times: how even the machine is ---- */

void bench_work_setup(void) {}

double bench_work_run(void)
{
    static double each[BENCH_MOST_CALLS];
    size_t n = bench_size("calls", 200);
    n = n < BENCH_MOST_CALLS ? n : BENCH_MOST_CALLS;
    double start = bench_now(), last = start;
    for (size_t i = 0; i < n; i++) {
        volatile uint64_t x = 1;
        for (int k = 0; k < 400000; k++)
            x = x * 6364136223846793005U + 1;
        double now = bench_now();
        each[i] = now - last;
        last = now;
    }
    bench_print_percentiles(each, n);
    return (last - start) / (double)n;
}
