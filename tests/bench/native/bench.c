/*
 * One case of the benchmark as a server: it sets the case up, says so, measures once for each
 * line that it reads, and tells its peak memory at the end. tests/bench/run.py has it and a peer
 * with the same protocol measure in turn, so that both see the same state of the machine.
 *
 * isa=portable|avx2|avx512 caps the library's own products at an instruction set.
 *
 *   bench CASE key=value ...     stdout:  {"ready": 1, ..}  then per line  {"seconds": s, ..}
 *                                            and behind the last one  {"peak_mb": m, ..}
 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernel/tile.h"

static char **options;
static int option_count;

const char *bench_text(const char *key, const char *otherwise)
{
    size_t n = strlen(key);
    for (int i = 0; i < option_count; i++)
        if (strncmp(options[i], key, n) == 0 && options[i][n] == '=')
            return options[i] + n + 1;
    return otherwise;
}

size_t bench_size(const char *key, size_t otherwise)
{
    const char *text = bench_text(key, NULL);
    return text ? (size_t)strtoull(text, NULL, 10) : otherwise;
}

static double read_clock(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double bench_now(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

void bench_die(const char *what)
{
    fprintf(stderr, "bench: %s: %s\n", what, unic_last_error());
    exit(1);
}

void *bench_alloc(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size);
    if (!memory) {
        fprintf(stderr, "bench: out of memory (%zu x %zu bytes)\n", count, size);
        exit(1);
    }
    return memory;
}

/* Uniform in [low, 1): values without structure, since no kernel's time depends on them. */
float *bench_floats(size_t count, float low, uint64_t seed)
{
    float *x = bench_alloc(count, sizeof *x);
    uint64_t s = seed * 0x9E3779B97F4A7C15U + 1;
    for (size_t i = 0; i < count; i++) {
        s ^= s << 13;
        s ^= s >> 7;
        s ^= s << 17;
        x[i] = low + (1.0F - low) * (float)(s >> 40) * 0x1p-24F;
    }
    return x;
}

/* The process's peak, of its own memory map: getrusage's would begin with the parent's. */
static double peak_mb(void)
{
    char line[256];
    double kb = 0.0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, "VmHWM:", 6) == 0)
            kb = strtod(line + 6, NULL);
    if (f)
        fclose(f);
    return kb / 1024.0;
}

/* ---- the library's allocations ---- */

static size_t allocations;

static void *count_alloc(size_t bytes, void *user)
{
    (void)user;
    __atomic_add_fetch(&allocations, 1, __ATOMIC_RELAXED);
    return malloc(bytes);
}

static void count_release(void *memory, void *user)
{
    (void)user;
    free(memory);
}

/* ---- main ---- */

static const bench_case *find(const char *name)
{
    for (const bench_case *c = bench_cases; c->name; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

static void measure(const bench_case *c)
{
    size_t before = __atomic_load_n(&allocations, __ATOMIC_RELAXED);
    double start = bench_now(), cpu = read_clock(CLOCK_PROCESS_CPUTIME_ID);
    printf("{");
    double seconds = c->run();
    cpu = read_clock(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    cpu *= seconds / (bench_now() - start); /* a call's part */
    printf("\"seconds\": %.9g, \"cpu\": %.9g, \"allocations\": %zu}\n", seconds, cpu,
           __atomic_load_n(&allocations, __ATOMIC_RELAXED) - before);
    fflush(stdout);
}

static void serve(const bench_case *c)
{
    char line[64];
    printf("{\"ready\": 1");
    c->setup();
    printf("}\n");
    fflush(stdout);
    while (c->run && fgets(line, sizeof line, stdin))
        measure(c);
    printf("{\"peak_mb\": %.2f}\n", peak_mb());
}

int main(int argc, char **argv)
{
    const bench_case *c = argc > 1 ? find(argv[1]) : NULL;
    if (!c) {
        fprintf(stderr, "usage: bench CASE key=value ...   cases:");
        for (c = bench_cases; c->name; c++)
            fprintf(stderr, " %s", c->name);
        fprintf(stderr, "\n");
        return 2;
    }
    options = argv + 2;
    option_count = argc - 2;
    const char *isa = bench_text("isa", NULL);
    if (isa && !unic__tile_cap(isa)) {
        fprintf(stderr, "bench: isa=%s: this processor does not have it\n", isa);
        return 1;
    }
    unic_allocator counting = {sizeof counting, count_alloc, count_release, NULL};
    if (unic_set_allocator(&counting) != UNIC_OK ||
        unic_set_threads((int)bench_size("threads", 1)) != UNIC_OK)
        bench_die("start");
    serve(c);
    return 0;
}
