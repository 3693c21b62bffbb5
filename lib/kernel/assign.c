#include "kernel/assign.h"

#include <float.h>

#include "kernel/distance.h"
#include "kernel/packed.h"
#include "kernel/stack.h"
#include "kernel/tile.h"

/*
 * argmin_l ||z - e_l||^2 = argmin_l s_l,  s_l = ||e_l - c||^2 - 2 (z - c).(e_l - c)
 * for any c: the centre of the codes, which keeps the products small. A tile's products are
 * reduced as soon as they are made, lane by lane: lane j keeps the lowest two of codes j,
 * j + PANEL, j + 2 PANEL ... In the end the codes whose s is within twice its error of the
 * lowest are measured again in double precision. Nearly always that is a single code, which
 * needs no measuring.
 */
enum {
    ROWS = 8 * UNIC__TILE_ROWS, /* share each panel while it is in the first cache         */
    CHUNK = 1024,               /* dims whose centred values are kept                      */
    ROOM = UNIC__TILE_ROWS * CHUNK,
    FRAME = 96 << 10 /* bytes: a block's nearest codes and centred rows                    */
};

typedef struct nearest {
    float lowest[ROWS][UNIC__PANEL], second[ROWS][UNIC__PANEL];
    int32_t code[ROWS][UNIC__PANEL];
} nearest;

/* ---- the table ---- */

unic_status unic__code_table_create(unic__code_table *t, const float *e, size_t count,
                                    size_t dim)
{
    *t = (unic__code_table){.count = count, .dim = dim, .e = e};
    t->centre = unic__alloc_array(dim, sizeof(float));
    t->packed = unic__alloc_array(unic__packed_count(count, dim), sizeof(float));
    t->norm = unic__alloc_array(count, sizeof(float));
    if (t->centre && t->packed && t->norm)
        return UNIC_OK;
    unic__code_table_free(t);
    return unic__no_memory(unic__packed_count(count, dim) * sizeof(float), "packed codes");
}

void unic__code_table_free(unic__code_table *t)
{
    unic__free(t->centre);
    unic__free(t->packed);
    unic__free(t->norm);
    *t = (unic__code_table){0};
}

void unic__code_table_refresh(unic__code_table *t)
{
    double most = 0.0;
    unic__mean_row(t->centre, t->e, t->count, t->dim);
    unic__pack(t->packed, t->e, t->count, t->dim);
    unic__centre_packed(t->packed, t->centre, t->count, t->dim);
    for (size_t l = 0; l < t->count; l++) {
        double norm = unic__centred_norm2(t->e + l * t->dim, t->centre, t->dim);
        most = norm > most ? norm : most;
        t->norm[l] = norm <= (double)FLT_MAX ? (float)norm : INFINITY;
    }
    t->radius = sqrt(most);
}

/* ---- the screen ---- */

UNIC__SIMD static void reduce_tile(nearest *best, size_t first_row, const float *restrict dot,
                                   const float *restrict norm, size_t rows, size_t cols,
                                   int32_t first)
{
    for (size_t r = 0; r < rows; r++, dot += UNIC__PANEL) {
        float *restrict lowest = best->lowest[first_row + r];
        float *restrict second = best->second[first_row + r];
        int32_t *restrict code = best->code[first_row + r];
        for (size_t j = 0; j < cols; j++) {
            float s = norm[j] - 2.0F * dot[j], old = lowest[j];
            float other = s < old ? old : s;
            code[j] = s < old ? first + (int32_t)j : code[j];
            lowest[j] = s < old ? s : old;
            second[j] = other < second[j] ? other : second[j];
        }
    }
}

static void clear(nearest *best, size_t rows)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < UNIC__PANEL; j++) {
            best->lowest[r][j] = best->second[r][j] = INFINITY;
            best->code[r][j] = 0;
        }
}

/* dot [rows,PANEL] = (z - c)(e - c)^T of one panel; `centred` has z - c where all dims fit. */
static void multiply(float *dot, float *centred, const float *z, size_t rows,
                     const unic__code_table *t, const float *panel, size_t width)
{
    const unic__tile_kernel *kernel = unic__tile_kernel_best();
    for (size_t k = 0; k < t->dim; k += CHUNK) {
        size_t n = t->dim - k < CHUNK ? t->dim - k : CHUNK;
        if (n < t->dim)
            unic__centre(centred, z + k, t->dim, t->centre + k, rows, n);
        unic__tile tile = {.rows = rows,
                           .k = n,
                           .a = centred,
                           .a_row = n,
                           .a_k = 1,
                           .b = panel + k * UNIC__PANEL,
                           .b_k = UNIC__PANEL,
                           .init = k ? dot : NULL,
                           .init_row = UNIC__PANEL,
                           .c = dot,
                           .c_row = UNIC__PANEL};
        unic__tile_run(kernel, &tile, width);
    }
}

static void screen(nearest *best, const float *z, size_t rows, const unic__code_table *t)
{
    _Alignas(UNIC__ALIGN) float dot[UNIC__TILE_ROWS * UNIC__PANEL], centred[ROOM];
    const size_t tiles = unic__tile_count(rows), dim = t->dim;
    const bool fits = dim <= CHUNK;
    clear(best, rows);
    if (fits)
        unic__centre(centred, z, dim, t->centre, rows, dim);
    for (size_t l = 0; l < t->count; l += UNIC__PANEL) {
        size_t left = t->count - l, cols = left < UNIC__PANEL ? left : UNIC__PANEL;
        for (size_t i = 0; i < tiles; i++) {
            size_t r = rows * i / tiles, n = rows * (i + 1) / tiles - r;
            multiply(dot, fits ? centred + r * dim : centred, z + r * dim, n, t,
                     t->packed + l * dim,
                     cols > UNIC__PANEL / 2 ? UNIC__PANEL : UNIC__PANEL / 2);
            reduce_tile(best, r, dot, t->norm + l, n, cols, (int32_t)l);
        }
    }
}

/* ---- the decision ---- */

typedef struct choice {
    double distance;
    size_t code;
} choice;

static void measure(choice *best, const float *z, const unic__code_table *t, size_t code)
{
    double d = unic__distance2(z, t->e + code * t->dim, t->dim);
    if (d < best->distance || (d == best->distance && code < best->code))
        *best = (choice){d, code};
}

static int32_t measure_all(const float *z, const unic__code_table *t)
{
    choice best = {INFINITY, t->count};
    for (size_t l = 0; l < t->count; l++)
        measure(&best, z, t, l);
    return (int32_t)best.code;
}

static float lowest_of(const float *lane)
{
    float lowest = lane[0];
    for (size_t j = 1; j < UNIC__PANEL; j++)
        lowest = lane[j] < lowest ? lane[j] : lowest;
    return lowest;
}

/* Of a row of `best`, whose s are within `error` of the true ones. */
static int32_t decide(const nearest *best, size_t r, double error, const float *z,
                      const unic__code_table *t)
{
    const double limit = (double)lowest_of(best->lowest[r]) + 2.0 * error;
    size_t near = 0, lane = 0;
    bool more = false;
    for (size_t j = 0; j < UNIC__PANEL; j++)
        if ((double)best->lowest[r][j] <= limit) {
            lane = j;
            near++;
            more = more || (double)best->second[r][j] <= limit;
        }
    if (near == 1 && !more)
        return best->code[r][lane];
    choice found = {INFINITY, t->count};
    for (size_t j = 0; j < UNIC__PANEL; j++) {
        if (!((double)best->lowest[r][j] <= limit))
            continue;
        if ((double)best->second[r][j] <= limit)
            for (size_t l = j; l < t->count; l += UNIC__PANEL)
                measure(&found, z, t, l);
        else
            measure(&found, z, t, (size_t)best->code[r][j]);
    }
    return (int32_t)found.code;
}

typedef struct work {
    int32_t *codes;
    const float *z;
    const unic__code_table *t;
} work;

UNIC__LARGE_FRAME static void assign_block(const work *w, size_t from, size_t rows)
{
    const unic__code_table *t = w->t;
    const unic__screen bound = unic__screen_of(t->dim);
    nearest best;
    const float *z = w->z + from * t->dim;
    if (unic__screen_holds(0.0, t->radius))
        screen(&best, z, rows, t);
    for (size_t r = 0; r < rows; r++, z += t->dim) {
        double length = sqrt(unic__centred_norm2(z, t->centre, t->dim));
        double error = unic__screen_error(bound, length, t->radius);
        w->codes[from + r] = unic__screen_holds(length, t->radius)
                                 ? decide(&best, r, error, z, t)
                                 : measure_all(z, t);
    }
}

static size_t rows_at_a_time(size_t dim)
{
    size_t rows = dim < CHUNK ? ROOM / dim : UNIC__TILE_ROWS;
    return rows < ROWS ? rows : ROWS;
}

static void assign_rows(const void *context, size_t from, size_t to)
{
    const work *w = context;
    const size_t most = rows_at_a_time(w->t->dim);
    unic__stack_reach(FRAME);
    for (; from < to; from += most)
        assign_block(w, from, to - from < most ? to - from : most);
}

void unic__assign(int32_t *codes, const float *z, size_t rows, const unic__code_table *t)
{
    const work w = {codes, z, t};
    unic__parallel(rows, rows_at_a_time(t->dim), unic__worth_splitting(rows, t->count, t->dim),
                   assign_rows, &w);
}
