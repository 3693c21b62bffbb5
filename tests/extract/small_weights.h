/* Narrow networks with random weights, as files: those of the published sizes have hundreds of MB. */
#ifndef TESTS_EXTRACT_SMALL_WEIGHTS_H
#define TESTS_EXTRACT_SMALL_WEIGHTS_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "unicode/unic_npz.h"

/* Convolutions with their places in a torch.nn.Sequential, and layers behind them. */
typedef struct small_network {
    size_t convs, place[16], channels[16], planes; /* planes: of the input */
    size_t linears, wide[3], flat;                 /* flat: of the first layer's input */
} small_network;

static const small_network small_vggish = {
    6, {0, 3, 6, 8, 11, 13}, {2, 3, 2, 2, 3, 2}, 1, 3, {5, 4, 3}, 24 * 2};

static const small_network small_vgg19 = {
    16,
    {0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34},
    {2, 3, 2, 4, 3, 3, 2, 2, 3, 2, 2, 3, 2, 2, 3, 2},
    3,
    0,
    {0},
    0};

/* Tensor number `seed` of `n` elements, whose values depend on both. */
static inline float *small_tensor(size_t n, size_t seed, double scale)
{
    float *x = malloc(n * sizeof *x);
    for (size_t i = 0; x && i < n; i++) {
        const double s = sin(12.9898 * (double)(i + 1) + 78.233 * (double)(seed + 1)) *
                         43758.5453;
        x[i] = (float)(scale * (2 * (s - floor(s)) - 1));
    }
    return x;
}

/* How tensors are scaled: values neither fade nor grow. */
static inline double small_scale(size_t inputs)
{
    return inputs ? sqrt(6.0 / (double)inputs) : 0.1;
}

/* Adds one tensor under prefix + name. */
static inline unic_status small_add(unic_npz_writer *w, const char *prefix, const char *name,
                                    size_t layer, const char *what, int rank,
                                    const int64_t *dims, size_t seed)
{
    char whole[96];
    unic_array array;
    size_t n = 1, inputs = 1;
    for (int i = 0; i < rank; i++) {
        n *= (size_t)dims[i];
        inputs *= i ? (size_t)dims[i] : 1;
    }
    float *x = small_tensor(n, seed, small_scale(rank > 1 ? inputs : 0));
    snprintf(whole, sizeof whole, "%s%s.%zu.%s", prefix, name, layer, what);
    unic_array_init(&array, x, UNIC_F32, rank, dims);
    const unic_status status = unic_npz_writer_add(w, whole, &array);
    free(x);
    return status;
}

/* Adds the tensors of a network, but for number `without`. */
static inline unic_status small_add_all(unic_npz_writer *w, const small_network *n,
                                        const char *prefix, size_t without)
{
    size_t planes = n->planes, seed = 0, wide = n->flat;
    unic_status status = UNIC_OK;
    for (size_t i = 0; i < n->convs && status == UNIC_OK; i++) {
        const int64_t dims[] = {(int64_t)n->channels[i], (int64_t)planes, 3, 3};
        if (seed++ != without)
            status = small_add(w, prefix, "features", n->place[i], "weight", 4, dims, seed - 1);
        if (status == UNIC_OK && seed++ != without)
            status = small_add(w, prefix, "features", n->place[i], "bias", 1, dims, seed - 1);
        planes = n->channels[i];
    }
    for (size_t i = 0; i < n->linears && status == UNIC_OK; i++) {
        const int64_t dims[] = {(int64_t)n->wide[i], (int64_t)wide};
        if (seed++ != without)
            status = small_add(w, prefix, "embeddings", 2 * i, "weight", 2, dims, seed - 1);
        if (status == UNIC_OK && seed++ != without)
            status = small_add(w, prefix, "embeddings", 2 * i, "bias", 1, dims, seed - 1);
        wide = n->wide[i];
    }
    return status;
}

/* A file of them. */
static inline unic_status small_weights(const char *path, const small_network *n,
                                        const char *prefix, size_t without)
{
    unic_npz_writer *w;
    unic_status status = unic_npz_writer_create(&w, path);
    if (status == UNIC_OK)
        status = small_add_all(w, n, prefix, without);
    if (status == UNIC_OK)
        status = unic_npz_writer_finish(w);
    unic_npz_writer_free(w);
    return status;
}

#endif
