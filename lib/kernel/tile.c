#include "kernel/tile.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#define X86 1
#else
#define X86 0
#endif
#if defined(__aarch64__)
#include <arm_neon.h>
#endif

/* any processor with vectors of four floats */
#define TILE(x) portable_##x
#define TILE_TARGET
#define TILE_BYTES   16
#define TILE_ROWS    4
#define TILE_VECTORS 2
#if defined(__FMA__)
#define TILE_ADD(sum, x, row) _mm_fmadd_ps(_mm_set1_ps(x), row, sum)
#elif defined(__aarch64__)
#define TILE_ADD(sum, x, row) vfmaq_n_f32(sum, row, x)
#else
#define TILE_ADD(sum, x, row) ((sum) + (x) * (row))
#endif
#include "kernel/tile_rows.h"

#if X86
#define ADD_256(sum, x, row) _mm256_fmadd_ps(_mm256_set1_ps(x), row, sum)
#define ADD_512(sum, x, row) _mm512_fmadd_ps(_mm512_set1_ps(x), row, sum)

#define TILE(x)      avx2_##x
#define TILE_TARGET  __attribute__((target("avx2,fma")))
#define TILE_BYTES   32
#define TILE_ROWS    6
#define TILE_VECTORS 2
#define TILE_ADD     ADD_256
#include "kernel/tile_rows.h"

#define TILE(x)      avx2_narrow_##x
#define TILE_TARGET  __attribute__((target("avx2,fma")))
#define TILE_BYTES   32
#define TILE_ROWS    12
#define TILE_VECTORS 1
#define TILE_ADD     ADD_256
#include "kernel/tile_rows.h"

#define TILE(x)      avx512_##x
#define TILE_TARGET  __attribute__((target("avx512f")))
#define TILE_BYTES   64
#define TILE_ROWS    12
#define TILE_VECTORS 2
#define TILE_ADD     ADD_512
#include "kernel/tile_rows.h"

#define TILE(x)      avx512_narrow_##x
#define TILE_TARGET  __attribute__((target("avx512f")))
#define TILE_BYTES   64
#define TILE_ROWS    12
#define TILE_VECTORS 1
#define TILE_ADD     ADD_512
#include "kernel/tile_rows.h"

/* Panels of 16 bits: F16C and AVX-512 have an instruction for f16; bf16 is the upper half. */
#define HALVES_128(at) _mm_loadu_si128((const __m128i_u *)(const void *)(at))
#define HALVES_256(at) _mm256_loadu_si256((const __m256i_u *)(const void *)(at))

#define TILE(x)       avx2_f16_##x
#define TILE_TARGET   __attribute__((target("avx2,fma,f16c")))
#define TILE_BYTES    32
#define TILE_ROWS     6
#define TILE_VECTORS  2
#define TILE_ADD      ADD_256
#define TILE_LOAD(at) _mm256_cvtph_ps(HALVES_128(at))
#include "kernel/tile_rows.h"

#define TILE(x)      avx2_bf16_##x
#define TILE_TARGET  __attribute__((target("avx2,fma")))
#define TILE_BYTES   32
#define TILE_ROWS    6
#define TILE_VECTORS 2
#define TILE_ADD     ADD_256
#define TILE_LOAD(at)                                                                          \
    _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(HALVES_128(at)), 16))
#include "kernel/tile_rows.h"

#define TILE(x)       avx512_f16_##x
#define TILE_TARGET   __attribute__((target("avx512f")))
#define TILE_BYTES    64
#define TILE_ROWS     12
#define TILE_VECTORS  2
#define TILE_ADD      ADD_512
#define TILE_LOAD(at) _mm512_cvtph_ps(HALVES_256(at))
#include "kernel/tile_rows.h"

#define TILE(x)      avx512_bf16_##x
#define TILE_TARGET  __attribute__((target("avx512f")))
#define TILE_BYTES   64
#define TILE_ROWS    12
#define TILE_VECTORS 2
#define TILE_ADD     ADD_512
#define TILE_LOAD(at)                                                                          \
    _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(HALVES_256(at)), 16))
#include "kernel/tile_rows.h"

static const unic__tile_kernel avx2_narrow = {"avx2, 8 columns", 12,   8,
                                              avx2_narrow_run,   NULL, {NULL}};
static const unic__tile_kernel avx512_narrow = {"avx512, 16 columns", 12,           16,
                                                avx512_narrow_run,    &avx2_narrow, {NULL}};
#endif

static const unic__tile_kernel table[] = {
    {"portable", 4, 8, portable_run, NULL, {NULL}},
#if X86
    {"avx2", 6, 16, avx2_run, &avx2_narrow, {NULL, avx2_f16_run, avx2_bf16_run}},
    {"avx512", 12, 32, avx512_run, &avx512_narrow, {NULL, avx512_f16_run, avx512_bf16_run}},
#endif
};

static const unic__tile_kernel *capped; /* NULL: the best */

size_t unic__tile_kernel_list(const unic__tile_kernel **kernels)
{
    *kernels = table;
#if X86
    if (__builtin_cpu_supports("avx512f"))
        return 3;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return 2;
#endif
    return 1;
}

const unic__tile_kernel *unic__tile_kernel_best(void)
{
    const unic__tile_kernel *kernels;
    size_t n = unic__tile_kernel_list(&kernels);
    return capped ? capped : &kernels[n - 1];
}

bool unic__tile_cap(const char *name)
{
    const unic__tile_kernel *kernels, *found = NULL;
    size_t n = unic__tile_kernel_list(&kernels);
    for (size_t i = 0; name && i < n; i++)
        if (strcmp(kernels[i].name, name) == 0)
            found = &kernels[i];
    if (name && !found)
        return false;
    capped = found;
    return true;
}

/* The last columns of C, where a kernel's width would write beyond: by way of a buffer. */
static void run_edge(const unic__tile_kernel *kernel, const unic__tile *tile, size_t cols)
{
    enum { MOST = UNIC__TILE_ROWS * UNIC__PANEL };
    const size_t width = kernel->cols;
    float init[MOST], c[MOST];
    unic__tile t = *tile;
    for (size_t r = 0; tile->init && r < t.rows; r++)
        for (size_t j = 0; j < width; j++)
            init[r * width + j] = j < cols ? tile->init[r * tile->init_row + j] : 0.0F;
    t.init = tile->init ? init : NULL;
    t.init_row = width;
    t.c = c;
    t.c_row = width;
    kernel->run(&t);
    for (size_t r = 0; r < t.rows; r++)
        for (size_t j = 0; j < cols; j++)
            tile->c[r * tile->c_row + j] = c[r * width + j];
}

/* Part i of n of a tile asks for its part of what is read next. */
static void share_next(unic__tile *t, const unic__tile *tile, size_t i, size_t n)
{
    if (!tile->next)
        return;
    t->next_step = (tile->next_step + n - 1) / n;
    t->next = tile->next + i * tile->k * t->next_step;
}

/* `cols` columns, at most the kernel's, of rows that are cut into as many parts as it needs. */
static void run_columns(const unic__tile_kernel *kernel, const unic__tile *tile, size_t cols)
{
    while (kernel->narrow && cols <= kernel->narrow->cols)
        kernel = kernel->narrow;
    const size_t parts = (tile->rows + kernel->rows - 1) / kernel->rows;
    unic__tile t = *tile;
    for (size_t i = 0; i < parts; i++) {
        const size_t r = tile->rows * i / parts;
        t.rows = tile->rows * (i + 1) / parts - r;
        t.a = tile->a + r * t.a_row;
        t.init = tile->init ? tile->init + r * t.init_row : NULL;
        t.c = tile->c + r * t.c_row;
        share_next(&t, tile, i, parts);
        if (cols == kernel->cols)
            kernel->run(&t);
        else
            run_edge(kernel, &t, cols);
    }
}

bool unic__tile_takes_half(const unic__tile_kernel *kernel, unic__float_type type)
{
    const unic__widening *list;
    return kernel->run_half[type] &&
           (type == UNIC__BFLOAT16 || unic__widening_list(&list) > 1); /* there is F16C */
}

void unic__tile_run_half(const unic__tile_kernel *kernel, const unic__tile *tile,
                         unic__float_type type)
{
    const size_t parts = (tile->rows + kernel->rows - 1) / kernel->rows;
    for (size_t i = 0; i < parts; i++) {
        const size_t r = tile->rows * i / parts;
        unic__tile t = *tile;
        t.rows = tile->rows * (i + 1) / parts - r;
        t.a = tile->a + r * t.a_row;
        for (size_t j = 0; j < UNIC__PANEL; j += kernel->cols) {
            t.b_half = tile->b_half + j;
            t.init = tile->init ? tile->init + r * t.init_row + j : NULL;
            t.c = tile->c + r * t.c_row + j;
            kernel->run_half[type](&t);
        }
    }
}

void unic__tile_run(const unic__tile_kernel *kernel, const unic__tile *tile, size_t cols)
{
    if (cols == kernel->cols && tile->rows <= kernel->rows) {
        kernel->run(tile);
        return;
    }
    unic__tile t = *tile;
    for (size_t j = 0; j < cols; j += kernel->cols) {
        share_next(&t, tile, j / kernel->cols, (cols + kernel->cols - 1) / kernel->cols);
        run_columns(kernel, &t, cols - j < kernel->cols ? cols - j : kernel->cols);
        t.b += kernel->cols;
        t.init = t.init ? t.init + kernel->cols : NULL;
        t.c += kernel->cols;
    }
}
