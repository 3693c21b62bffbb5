/* Shared by the cases: options from the command line, time, memory, values. A failure ends the
 * program. */
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H

#include <stddef.h>
#include <stdint.h>

#include <unicode/unic.h>

/* `setup` may print more members, `, "a": 1`, of the line {"ready": 1, ..}; `run` does one
 * measurement, may print members, `"a": 1, `, of its line, and returns seconds for each call.
 * NULL: nothing to measure. */
typedef struct bench_case {
    const char *name;
    void (*setup)(void);
    double (*run)(void);
} bench_case;

extern const bench_case bench_cases[]; /* ends with a NULL name */

const char *bench_text(const char *key, const char *otherwise);
size_t bench_size(const char *key, size_t otherwise);
double bench_now(void);
void bench_die(const char *what);
void *bench_alloc(size_t count, size_t size);
float *bench_floats(size_t count, float low, uint64_t seed);

/* fma_peak.c: does a fixed number of independent multiply-adds with an instruction set
 * ("avx512", "avx2", "portable") and returns how many operations these are; 0: this processor
 * does not support the set. */
double bench_fma(const char *isa);
void bench_fma_setup(void);
double bench_fma_run(void);

/* limit_cases.c */
void bench_sgemm_setup(void);
double bench_sgemm_run(void);
void bench_memory_setup(void);
double bench_copy_run(void);
double bench_read_run(void);
void bench_work_setup(void);
double bench_work_run(void);

/* encode_cases.c: adds the middle and the worst hundredth of n times to the answer, and sorts
 * the times. */
enum { BENCH_MOST_CALLS = 4096 };
void bench_print_percentiles(double *each, size_t n);

/* stream_cases.c */
void bench_stream_setup(void);
double bench_stream_run(void);

/* extract_cases.c */
void bench_extract_setup(void);
double bench_extract_run(void);

/* index_cases.c */
void bench_search_setup(void);
double bench_search_run(void);

/* conv_cases.c */
void bench_conv_setup(void);
double bench_conv_run(void);

/* product_cases.c */
void bench_product_setup(void);
double bench_product_run(void);

/* train_cases.c */
void bench_step_setup(void);
double bench_step_run(void);
void bench_head_setup(void);
double bench_head_run(void);
void bench_dataset_setup(void);
double bench_dataset_run(void);
void bench_config_setup(void);
void bench_model_setup(void);

#endif
