#include "kernel/winograd_transform.h"

#include <string.h>

#include "kernel/tile.h"

/*
 * The matrices of Toom and Cook for the points 0, p.. and infinity, by name and side of the
 * tile; exact as fractions. The points have the smallest error found among small fractions;
 * the usual points 0, 1, -1, 2 (and -2) have twice that error.
 */

/* points 0, 1, -1, infinity */
static const float at_2[] = {1, 1, 1, 0, /**/ 0, 1, -1, 1};
static const float g_2[] = {1,         0,     0,    /**/ 0.5F, 0.5F, 0.5F,
                            /**/ 0.5F, -0.5F, 0.5F, /**/ 0,    0,    1};
static const float bt_2[] = {1, 0,  -1, 0, /**/ 0, 1,  1, 0, /**/
                             0, -1, 1,  0, /**/ 0, -1, 0, 1};

/* points 0, 1, -1/2, -2, infinity */
static const float at_3[] = {1, 1, 1,     1,  0, /**/
                             0, 1, -0.5F, -2, 0, /**/
                             0, 1, 0.25F, 4,  1};
static const float g_3[] = {1,         0,         0,         /**/
                            2 / 9.0F,  2 / 9.0F,  2 / 9.0F,  /**/
                            8 / 9.0F,  -4 / 9.0F, 2 / 9.0F,  /**/
                            -1 / 9.0F, 2 / 9.0F,  -4 / 9.0F, /**/
                            0,         0,         1};
static const float bt_3[] = {1, 1.5F,  -1.5F, -1,   0, /**/
                             0, 1,     2.5F,  1,    0, /**/
                             0, -2,    1,     1,    0, /**/
                             0, -0.5F, -0.5F, 1,    0, /**/
                             0, -1,    -1.5F, 1.5F, 1};

/* points 0, 2/3, -2/3, 3/2, -3/2, infinity */
static const float at_4[] = {1, 1,         1,          1,         1,          0, /**/
                             0, 2 / 3.0F,  -2 / 3.0F,  1.5F,      -1.5F,      0, /**/
                             0, 4 / 9.0F,  4 / 9.0F,   2.25F,     2.25F,      0, /**/
                             0, 8 / 27.0F, -8 / 27.0F, 27 / 8.0F, -27 / 8.0F, 1};
static const float g_4[] = {1,
                            0,
                            0, /**/
                            -81 / 130.0F,
                            -27 / 65.0F,
                            -18 / 65.0F, /**/
                            -81 / 130.0F,
                            27 / 65.0F,
                            -18 / 65.0F, /**/
                            8 / 65.0F,
                            12 / 65.0F,
                            18 / 65.0F, /**/
                            8 / 65.0F,
                            -12 / 65.0F,
                            18 / 65.0F, /**/
                            0,
                            0,
                            1};
static const float bt_4[] = {1, 0,         -97 / 36.0F, 0,           1, 0, /**/
                             0, -1.5F,     -2.25F,      2 / 3.0F,    1, 0, /**/
                             0, 1.5F,      -2.25F,      -2 / 3.0F,   1, 0, /**/
                             0, -2 / 3.0F, -4 / 9.0F,   1.5F,        1, 0, /**/
                             0, 2 / 3.0F,  -4 / 9.0F,   -1.5F,       1, 0, /**/
                             0, 1,         0,           -97 / 36.0F, 0, 1};

enum {
    MAX_SIDE = UNIC__WINOGRAD_MAX + 2,
    MAX_LANES = 16,
    CHUNK = 512 /* channels at a time: as many zeros stand for what is not in memory */
};

/* Where the elements of X and Y lie, in reading order: those of a chunk's first channel. */
typedef struct elements {
    const float *from[MAX_SIDE * MAX_SIDE];
    float *to[MAX_SIDE * MAX_SIDE];
    bool add, relu;
    const float *bias; /* of the chunk's first channel */
} elements;

/* The lanes that lie `from` and `to` floats behind the elements, of channel k of the chunk. */
typedef void lanes_step(const elements *e, size_t from, size_t to, size_t k);

static bool in_memory(const unic__grid *g, size_t r, size_t c)
{
    return r >= g->top && r < g->bottom && c >= g->left && c < g->right;
}

static ptrdiff_t place_of(const unic__grid *g, size_t r, size_t c, size_t k)
{
    return g->at + (ptrdiff_t)(r * g->row + c * g->col + k / UNIC__PANEL * g->block);
}

/* Of the chunk that begins with channel k; what Y has outside of memory goes to `nowhere`. */
static elements elements_of(const unic__winograd_step *s, size_t in, size_t out, size_t k,
                            float *nowhere)
{
    static const float zeros[CHUNK];
    elements e;
    for (size_t r = 0; r < in; r++)
        for (size_t c = 0; c < in; c++)
            e.from[r * in + c] = in_memory(&s->from, r, c) ? s->x + place_of(&s->from, r, c, k)
                                                           : zeros;
    for (size_t r = 0; r < out; r++)
        for (size_t c = 0; c < out; c++)
            e.to[r * out + c] = in_memory(&s->to, r, c) ? s->y + place_of(&s->to, r, c, k)
                                                        : nowhere;
    e.add = s->add;
    e.relu = s->relu;
    e.bias = s->bias ? s->bias + k : NULL;
    return e;
}

/* The `n` channels from k on, fewer than a vector has, by way of buffers. */
static void run_rest(const elements *e, size_t from, size_t to, size_t k, size_t n, size_t in,
                     size_t out, size_t lanes, lanes_step *step)
{
    float x[MAX_SIDE * MAX_SIDE * MAX_LANES] = {0}, y[MAX_SIDE * MAX_SIDE * MAX_LANES];
    float bias[MAX_LANES] = {0};
    elements rest = {.add = false, .relu = e->relu};
    if (e->bias) {
        memcpy(bias, e->bias + k, n * sizeof *bias);
        rest.bias = bias;
    }
    for (size_t i = 0; i < in; i++) {
        rest.from[i] = x + i * lanes;
        memcpy(x + i * lanes, e->from[i] + from, n * sizeof *x);
    }
    for (size_t i = 0; i < out; i++)
        rest.to[i] = y + i * lanes;
    step(&rest, 0, 0, 0);
    for (size_t i = 0; i < out; i++)
        for (size_t j = 0; j < n; j++) {
            float *put = e->to[i] + to + j;
            *put = (e->add ? *put : 0.0F) + y[i * lanes + j];
        }
}

static void run(const unic__winograd_step *s, size_t in, size_t out, size_t lanes,
                lanes_step *step)
{
    float nowhere[CHUNK];
    if (s->add)
        memset(nowhere, 0, sizeof nowhere);
    for (size_t first = 0; first < s->channels; first += CHUNK) {
        const elements e = elements_of(s, in, out, first, nowhere);
        const size_t left = s->channels - first, n = left < CHUNK ? left : CHUNK;
        for (size_t panel = 0; panel < n; panel += UNIC__PANEL)
            for (size_t i = 0; i < (s->count ? s->count : 1); i++) {
                const size_t end = panel + UNIC__PANEL < n ? panel + UNIC__PANEL : n;
                size_t from = panel / UNIC__PANEL * s->from.block + i * s->from_next;
                size_t to = panel / UNIC__PANEL * s->to.block + i * s->to_next, k = panel;
                for (; k + lanes <= end; k += lanes, from += lanes, to += lanes)
                    step(&e, from, to, k);
                if (k < end)
                    run_rest(&e, from, to, k, end - k, in * in, out * out, lanes, step);
            }
    }
}

#define WINOGRAD(x) portable_##x
#define WINOGRAD_TARGET
#define WINOGRAD_BYTES 16
#include "kernel/winograd_rows.h"

#if defined(__x86_64__)
#define WINOGRAD(x)     avx2_##x
#define WINOGRAD_TARGET __attribute__((target("avx2,fma")))
#define WINOGRAD_BYTES  32
#include "kernel/winograd_rows.h"

#define WINOGRAD(x)     avx512_##x
#define WINOGRAD_TARGET __attribute__((target("avx512f")))
#define WINOGRAD_BYTES  64
#include "kernel/winograd_rows.h"
#endif

unic__winograd_transform *unic__winograd_transform_of(unic__winograd_kind kind, size_t m)
{
#if defined(__x86_64__)
    const char *name = unic__tile_kernel_best()->name;
    if (strcmp(name, "avx512") == 0)
        return avx512_table[m - UNIC__WINOGRAD_MIN][kind];
    if (strcmp(name, "avx2") == 0)
        return avx2_table[m - UNIC__WINOGRAD_MIN][kind];
#endif
    return portable_table[m - UNIC__WINOGRAD_MIN][kind];
}
