#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

/* ---- encode: one modality of a model ---- */

static struct {
    unic_encoder *encoder;
    unic_array features;
    int32_t *codes;
    float *semantic;
    size_t calls, steps;
} enc;

static void dump(const char *prefix, const char *end, const void *data, size_t bytes)
{
    char path[4096];
    snprintf(path, sizeof path, "%s.%s", prefix, end);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, bytes, f) != bytes || fclose(f) != 0) {
        fprintf(stderr, "bench: cannot write %s\n", path);
        exit(1);
    }
}

static void encode_once(void)
{
    if (unic_encoder_encode(enc.encoder, &enc.features, NULL, enc.codes, NULL, enc.semantic) !=
        UNIC_OK)
        bench_die("encode");
}

/* model=, modality=, batch=, length=, calls=, codes=0|1, dump=PREFIX */
static void encode_setup(void)
{
    const char *modality = bench_text("modality", "audio"), *prefix = bench_text("dump", NULL);
    int64_t dims[UNIC_MAX_RANK] = {(int64_t)bench_size("batch", 1),
                                   (int64_t)bench_size("length", 10)};
    unic_model *model;
    size_t rank, count = (size_t)(dims[0] * dims[1]);
    enc.steps = count;
    enc.calls = bench_size("calls", 1);
    if (unic_model_open(&model, bench_text("model", "model.npz"), NULL) != UNIC_OK ||
        unic_model_feature_dims(&rank, model, modality, dims + 2) != UNIC_OK ||
        unic_encoder_create(&enc.encoder, model, modality,
                            &(unic_encoder_options){.struct_size = sizeof(unic_encoder_options),
                                                    .max_batch = (size_t)dims[0],
                                                    .max_length = (size_t)dims[1]}) != UNIC_OK)
        bench_die("encoder");
    size_t dim = unic_model_code_dim(model);
    unic_model_free(model);
    for (size_t i = 0; i < rank; i++)
        count *= (size_t)dims[2 + i];
    float *x = bench_floats(count, 0.0F, 1);
    unic_array_init(&enc.features, x, UNIC_F32, (int)rank + 2, dims);
    enc.semantic = bench_alloc(enc.steps * dim, sizeof(float));
    if (bench_size("codes", 0))
        enc.codes = bench_alloc(enc.steps, sizeof(int32_t));
    encode_once();
    if (prefix) {
        dump(prefix, "x", x, count * sizeof(float));
        dump(prefix, "z", enc.semantic, enc.steps * dim * sizeof(float));
    }
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void bench_print_percentiles(double *each, size_t n)
{
    qsort(each, n, sizeof *each, by_value);
    printf("\"p50\": %.9g, \"p99\": %.9g, ", each[n / 2], each[n * 99 / 100]);
}

static double encode_run(void)
{
    static double each[BENCH_MOST_CALLS];
    size_t n = enc.calls < BENCH_MOST_CALLS ? enc.calls : BENCH_MOST_CALLS;
    double start = bench_now(), last = start;
    for (size_t i = 0; i < n; i++) {
        encode_once();
        double now = bench_now();
        each[i] = now - last;
        last = now;
    }
    bench_print_percentiles(each, n);
    return (last - start) / (double)n;
}

/* ---- first: from a fresh process to its first code; run.py measures from outside ---- */

static void first_setup(void)
{
    encode_setup();
    printf(", \"code\": %d", (int)enc.codes[0]);
}

/* ---- assign: the nearest of codes= codes for rows= rows, rows_each= a call ---- */

static struct {
    unic_codebook *codebook;
    float *z;
    int32_t *codes;
    size_t rows, each, dim;
} as;

static void assign_setup(void)
{
    size_t codes = bench_size("codes", 400);
    as.dim = bench_size("dim", 256);
    as.rows = bench_size("rows", 8000);
    as.each = bench_size("rows_each", as.rows);
    float *e = bench_floats(codes * as.dim, -1.0F, 2);
    int64_t dims[] = {(int64_t)codes, (int64_t)as.dim};
    unic_array array;
    unic_array_init(&array, e, UNIC_F32, 2, dims);
    if (unic_codebook_create(&as.codebook, codes, as.dim, 1) != UNIC_OK ||
        unic_codebook_set(as.codebook, &array) != UNIC_OK)
        bench_die("codebook");
    free(e);
    as.z = bench_floats(as.rows * as.dim, -1.0F, 3);
    as.codes = bench_alloc(as.rows, sizeof *as.codes);
}

static double assign_run(void)
{
    double start = bench_now();
    for (size_t r = 0; r < as.rows; r += as.each) {
        size_t n = as.rows - r < as.each ? as.rows - r : as.each;
        int64_t dims[] = {(int64_t)n, (int64_t)as.dim};
        unic_array z;
        unic_array_init(&z, as.z + r * as.dim, UNIC_F32, 2, dims);
        if (unic_codebook_assign(as.codebook, &z, as.codes + r) != UNIC_OK)
            bench_die("assign");
    }
    return bench_now() - start;
}

/* ---- init: k-means of rows= rows to codes= codes in iterations= rounds ---- */

static void init_setup(void)
{
    assign_setup();
}

static double init_run(void)
{
    const int64_t dims[] = {(int64_t)as.rows, (int64_t)as.dim};
    unic_array z;
    unic_array_init(&z, as.z, UNIC_F32, 2, dims);
    double start = bench_now();
    if (unic_codebook_init(
            as.codebook, &z,
            &(unic_codebook_init_options){.struct_size = sizeof(unic_codebook_init_options),
                                          .iterations = bench_size("iterations", 10),
                                          .seed = 1}) != UNIC_OK)
        bench_die("init");
    return bench_now() - start;
}

const bench_case bench_cases[] = {
    {"encode", encode_setup, encode_run},
    {"stream", bench_stream_setup, bench_stream_run},
    {"extract", bench_extract_setup, bench_extract_run},
    {"first", first_setup, NULL},
    {"assign", assign_setup, assign_run},
    {"init", init_setup, init_run},
    {"search", bench_search_setup, bench_search_run},
    {"fma", bench_fma_setup, bench_fma_run},
    {"sgemm", bench_sgemm_setup, bench_sgemm_run},
    {"work", bench_work_setup, bench_work_run},
    {"copy", bench_memory_setup, bench_copy_run},
    {"read", bench_memory_setup, bench_read_run},
    {"product", bench_product_setup, bench_product_run},
    {"conv", bench_conv_setup, bench_conv_run},
    {"step", bench_step_setup, bench_step_run},
    {"head", bench_head_setup, bench_head_run},
    {"dataset", bench_dataset_setup, bench_dataset_run},
    {"config", bench_config_setup, NULL},
    {"model", bench_model_setup, NULL},
    {NULL, NULL, NULL},
};
