/* Shared by the tests of the codebook. */
#ifndef TESTS_MODEL_CODEBOOK_TOOLS_H
#define TESTS_MODEL_CODEBOOK_TOOLS_H

#include <check.h>
#include <stdlib.h>

#include "file/io_help.h"
#include "kernel/packed.h"
#include "model/codebook.h"

static inline unic_codebook *new_codebook(size_t codes, size_t dim, size_t modalities)
{
    unic_codebook *cb;
    io_assert_ok(unic__codebook_create(&cb, codes, dim, modalities));
    return cb;
}

static inline float *new_floats(size_t n)
{
    float *x = malloc((n ? n : 1) * sizeof *x);
    ck_assert(x != NULL);
    return x;
}

static inline float *normal_numbers(size_t n, uint64_t seed)
{
    float *x = new_floats(n);
    for (size_t i = 0; i < n; i++)
        x[i] = unic__random_normal(unic__random_key(seed, 0, 0), i);
    return x;
}

static inline double square_distance(const float *a, const float *b, size_t n)
{
    double sum = 0.0;
    for (size_t j = 0; j < n; j++)
        sum += ((double)a[j] - (double)b[j]) * ((double)a[j] - (double)b[j]);
    return sum;
}

static inline size_t nearest(const float *z, const float *e, size_t codes, size_t dim)
{
    size_t best = 0;
    for (size_t l = 1; l < codes; l++)
        if (square_distance(z, e + l * dim, dim) < square_distance(z, e + best * dim, dim))
            best = l;
    return best;
}

/* The derived values for assignment agree with the current codes. */
static inline void assert_in_step(const unic_codebook *cb)
{
    unic__code_table fresh;
    io_assert_ok(unic__code_table_create(&fresh, cb->embedding, cb->codes, cb->dim));
    unic__code_table_refresh(&fresh);
    ck_assert_mem_eq(cb->table.centre, fresh.centre, cb->dim * sizeof(float));
    ck_assert_mem_eq(cb->table.norm, fresh.norm, cb->codes * sizeof(float));
    ck_assert_mem_eq(cb->table.packed, fresh.packed,
                     unic__packed_count(cb->codes, cb->dim) * sizeof(float));
    ck_assert(cb->table.radius == fresh.radius);
    unic__code_table_free(&fresh);
}

#endif
