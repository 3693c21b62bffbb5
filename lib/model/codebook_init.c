#include <math.h>
#include <string.h>

#include "array/array.h"
#include "kernel/distance.h"
#include "model/codebook.h"

/* Starting codes from data: rows at random, or k-means++ seeds and Lloyd's algorithm. */

/* Code l becomes `row` moved a little: of two equal codes the second would never be
 * selected. */
static void repeat_row(unic_codebook *cb, size_t l, const float *row, unic__key key)
{
    float *e = cb->embedding + l * cb->dim;
    for (size_t j = 0; j < cb->dim; j++)
        e[j] = row[j] + 0.01F * unic__random_normal(key, l * cb->dim + j);
    cb->jittered++;
}

/* Distinct rows while there are any; then rows again. */
static void random_rows(unic_codebook *cb, const float *z, size_t rows, int32_t *order,
                        unic__key key)
{
    unic__random_permutation(key, order, rows);
    for (size_t l = 0; l < cb->codes; l++) {
        const float *row = z + (size_t)order[l % rows] * cb->dim;
        if (l < rows)
            memcpy(cb->embedding + l * cb->dim, row, cb->dim * sizeof(float));
        else
            repeat_row(cb, l, row, unic__random_key(key.bits, 0, 1));
    }
}

/* Products of numbers between two reports of progress. */
enum { PRODUCTS = 1 << 26 };

/* ---- k-means++ ---- */

/*
 * Each next seed is a row drawn with probability ~ its squared distance to the nearest seed so
 * far. To measure all rows after each seed would read them once for each code. They are
 * measured after many seeds: the products of an assignment find the nearest of those, and its
 * distance alone is computed. Until then a row is drawn by what was last measured, which is no
 * less than what is true, and taken with the probability true / measured: the same distribution.
 * Where few rows would be taken, they are measured earlier.
 */
enum {
    BLOCK = 512,  /* rows whose distances are summed up       */
    PENDING = 256 /* the most seeds that are not measured yet */
};

typedef struct seeding {
    unic_codebook *cb;
    const unic__progress *progress;
    const float *z;
    size_t rows, blocks;
    float *nearest; /* [rows] squared distance to the nearest of the measured seeds */
    double *sum;    /* [blocks] of nearest                                          */
    double total;   /* of sum                                                       */
    unic__code_table *pending; /* of the seeds that are not measured                    */
    int32_t *code;      /* [rows] the nearest of them                                   */
    size_t measured, n; /* seeds that were measured; seeds there are                    */
    unic__key key;
    uint64_t drawn; /* numbers of the key's stream */
} seeding;

static double draw(seeding *s)
{
    return (double)(unic__random_bits(s->key, s->drawn++) >> 11) * 0x1p-53;
}

static void measure_blocks(seeding *s, size_t from, size_t to)
{
    const size_t dim = s->cb->dim;
    for (size_t b = from; b < to; b++) {
        const size_t first = b * BLOCK, left = s->rows - first;
        const size_t last = first + (left < BLOCK ? left : BLOCK);
        s->sum[b] = 0.0;
        for (size_t r = first; r < last; r++) {
            const float *seed = s->pending->e + (size_t)s->code[r] * dim;
            const float d = (float)unic__distance2(s->z + r * dim, seed, dim);
            s->nearest[r] = d < s->nearest[r] ? d : s->nearest[r];
            s->sum[b] += (double)s->nearest[r];
        }
    }
}

/* The blocks from `from` on, in a part of them. */
typedef struct block_part {
    seeding *s;
    size_t from;
} block_part;

static void measure_part(const void *context, size_t from, size_t to)
{
    const block_part *p = context;
    measure_blocks(p->s, p->from + from, p->from + to);
}

/* At once or, if somebody is told, some milliseconds' rows at a time. */
static unic_status measure_seeds(seeding *s)
{
    const unic_codebook *cb = s->cb;
    const size_t pending = s->n - s->measured, each = pending * cb->dim * BLOCK;
    const size_t part = s->progress->fn ? PRODUCTS / each + 1 : s->blocks;
    s->pending->e = cb->embedding + s->measured * cb->dim;
    s->pending->count = pending;
    unic__code_table_refresh(s->pending);
    for (size_t b = 0; b < s->blocks; b += part) {
        const size_t n = s->blocks - b < part ? s->blocks - b : part, first = b * BLOCK;
        const size_t rows = n * BLOCK < s->rows - first ? n * BLOCK : s->rows - first;
        if (b > 0)
            UNIC__TRY(unic__progress_tell(s->progress, "codes", s->n, cb->codes));
        unic__assign(s->code + first, s->z + first * cb->dim, rows, s->pending);
        unic__parallel(n, 1, unic__worth_splitting(rows, cb->dim, 1), measure_part,
                       &(block_part){s, b});
    }
    s->measured = s->n;
    s->total = 0.0;
    for (size_t b = 0; b < s->blocks; b++)
        s->total += s->sum[b];
    return UNIC_OK;
}

/* The row at `target` of the running sum of nearest; one with a distance. */
static size_t row_at(const seeding *s, double target)
{
    size_t b = 0, row = s->rows;
    while (b + 1 < s->blocks && target >= s->sum[b])
        target -= s->sum[b++];
    while (s->sum[b] == 0.0) /* behind the last that has any: rounding */
        b--;
    const size_t first = b * BLOCK, last = first + BLOCK < s->rows ? first + BLOCK : s->rows;
    for (size_t r = first; r < last; r++) {
        if (s->nearest[r] == 0.0F)
            continue;
        row = r;
        target -= (double)s->nearest[r];
        if (target < 0.0)
            break;
    }
    return row;
}

/* Whether the row stays in spite of the pending seeds. */
static bool is_taken(seeding *s, size_t row)
{
    const size_t dim = s->cb->dim;
    double measured = (double)s->nearest[row], now = measured;
    for (size_t l = s->measured; l < s->n; l++) {
        double d = unic__distance2(s->z + row * dim, s->cb->embedding + l * dim, dim);
        now = d < now ? d : now;
    }
    return now == measured || draw(s) * measured < now;
}

/* The next seed's row; *distinct is false if every row is a seed already. */
static unic_status draw_row(seeding *s, size_t *row, bool *distinct)
{
    enum { TRIES = 8 };
    for (;;) {
        for (int i = 0; i < TRIES && s->total > 0.0; i++) {
            *row = row_at(s, draw(s) * s->total);
            if (is_taken(s, *row))
                return UNIC_OK;
        }
        *distinct = s->measured < s->n;
        if (!*distinct)
            return UNIC_OK;
        UNIC__TRY(measure_seeds(s));
    }
}

static unic_status seed_codes(seeding *s)
{
    unic_codebook *cb = s->cb;
    const size_t dim = cb->dim;
    const unic__key noise = unic__random_key(s->key.bits, 0, 1);
    size_t row = (size_t)(draw(s) * (double)s->rows);
    bool distinct = true;
    for (size_t r = 0; r < s->rows; r++)
        s->nearest[r] = INFINITY;
    for (;;) {
        if (distinct)
            memcpy(cb->embedding + s->n * dim, s->z + row * dim, dim * sizeof(float));
        else
            repeat_row(cb, s->n, s->z + row * dim, noise);
        s->n++;
        UNIC__TRY(unic__progress_tell(s->progress, "codes", s->n, cb->codes));
        if (s->n == cb->codes)
            return UNIC_OK;
        if (distinct && s->n - s->measured == PENDING)
            UNIC__TRY(measure_seeds(s));
        if (distinct)
            UNIC__TRY(draw_row(s, &row, &distinct));
        if (!distinct)
            row = (size_t)(draw(s) * (double)s->rows);
    }
}

/* ---- Lloyd's algorithm ---- */

typedef struct means {
    const unic_codebook *cb;
    const float *z;
    size_t rows;
    const int32_t *codes;
    double *sum;   /* [L,D] */
    double *count; /* [L] rows of each code; float32 would end to count at 2^24 */
} means;

/* Columns from..to of every code's sum: rows in index order, whatever the threads. */
static void add_columns(const void *context, size_t from, size_t to)
{
    const means *m = context;
    const size_t dim = m->cb->dim;
    for (size_t l = 0; l < m->cb->codes; l++)
        for (size_t j = from; j < to; j++)
            m->sum[l * dim + j] = 0.0;
    for (size_t r = 0; r < m->rows; r++) {
        double *restrict sum = m->sum + (size_t)m->codes[r] * dim;
        const float *restrict row = m->z + r * dim;
        for (size_t j = from; j < to; j++)
            sum[j] += (double)row[j];
    }
}

/* e_l = the mean of its rows; a code without rows stays where it is. */
static void move_codes(unic_codebook *cb, const means *m)
{
    enum { LINE = UNIC__ALIGN / sizeof(double) };
    unic__parallel(cb->dim, LINE, unic__worth_splitting(m->rows, cb->dim, 1), add_columns, m);
    for (size_t l = 0; l < cb->codes; l++)
        m->count[l] = 0.0;
    for (size_t r = 0; r < m->rows; r++)
        m->count[m->codes[r]] += 1.0;
    for (size_t l = 0; l < cb->codes; l++)
        for (size_t j = 0; m->count[l] > 0.0 && j < cb->dim; j++)
            cb->embedding[l * cb->dim + j] = (float)(m->sum[l * cb->dim + j] / m->count[l]);
}

/* All rows' codes: at once or, if somebody is told, some milliseconds' rows at a time. */
static unic_status assign_rows(const unic_codebook *cb, const means *m, int32_t *codes,
                               unic__watch *watch)
{
    size_t part = m->rows;
    if (watch->progress.fn)
        part = PRODUCTS / (cb->codes * cb->dim) + 1024;
    for (size_t r = 0; r < m->rows; r += part) {
        const size_t n = m->rows - r < part ? m->rows - r : part;
        unic__codebook_nearest(cb, m->z + r * cb->dim, n, codes + r);
        UNIC__TRY(unic__watch_advance(watch, n));
    }
    return UNIC_OK;
}

/* Until the iterations are over or no row changes its code. */
static unic_status lloyd(unic_codebook *cb, size_t iterations, const means *m, int32_t *codes,
                         int32_t *before, const unic__progress *progress)
{
    unic__watch watch = {*progress, "rows", 0, (uint64_t)iterations * m->rows};
    for (size_t i = 0; i < iterations; i++) {
        unic__codebook_refresh(cb);
        UNIC__TRY(assign_rows(cb, m, codes, &watch));
        if (i > 0 && memcmp(before, codes, m->rows * sizeof *codes) == 0)
            break;
        memcpy(before, codes, m->rows * sizeof *codes);
        move_codes(cb, m);
    }
    return UNIC_OK;
}

/* ---- the whole ---- */

/* The power of two that brings z to order 1, where squares of it would overflow or vanish; else
 * 1. */
static float scale_of(const float *z, size_t n)
{
    const float large = 0x1p50F;
    float most = 0.0F;
    int exponent;
    for (size_t i = 0; i < n; i++)
        most = fabsf(z[i]) > most ? fabsf(z[i]) : most;
    if (most == 0.0F || (most < large && most > 1.0F / large))
        return 1.0F;
    frexpf(most, &exponent);
    return ldexpf(1.0F, exponent > 126 ? -126 : exponent < -126 ? 126 : -exponent);
}

/* All memory, of which none is asked for later. */
typedef struct workspace {
    int32_t *codes, *before;  /* [rows]        */
    float *scaled;            /* [rows,D]      */
    float *nearest;           /* [rows]        */
    double *block_sum;        /* [blocks]      */
    unic__code_table pending; /* of PENDING seeds */
    double *sum;              /* [L,D], and [L] counts */
} workspace;

static void workspace_free(workspace *w)
{
    unic__free(w->codes);
    unic__free(w->before);
    unic__free(w->scaled);
    unic__free(w->nearest);
    unic__free(w->block_sum);
    unic__code_table_free(&w->pending);
    unic__free(w->sum);
}

static unic_status workspace_create(workspace *w, const unic_codebook *cb, size_t rows,
                                    bool k_means, bool scaled)
{
    const size_t dim = cb->dim;
    *w = (workspace){.codes = unic__alloc_array(rows, sizeof *w->codes)};
    if (scaled)
        w->scaled = unic__alloc_array(rows * dim, sizeof *w->scaled);
    if (k_means) {
        w->before = unic__alloc_array(rows, sizeof *w->before);
        w->nearest = unic__alloc_array(rows, sizeof *w->nearest);
        w->block_sum = unic__alloc_array(rows / BLOCK + 1, sizeof *w->block_sum);
        w->sum = unic__alloc_array(cb->codes * (dim + 1), sizeof *w->sum);
    }
    if (w->codes && (w->scaled || !scaled) &&
        (!k_means || (w->before && w->nearest && w->block_sum && w->sum &&
                      unic__code_table_create(&w->pending, NULL, PENDING, dim) == UNIC_OK)))
        return UNIC_OK;
    workspace_free(w);
    return unic__no_memory((cb->codes + rows) * dim * sizeof(float), "starting codes");
}

static unic_status k_means(unic_codebook *cb, const float *z, size_t rows, size_t iterations,
                           unic__key key, workspace *w, const unic__progress *progress)
{
    seeding s = {.cb = cb,
                 .progress = progress,
                 .z = z,
                 .rows = rows,
                 .blocks = (rows + BLOCK - 1) / BLOCK,
                 .nearest = w->nearest,
                 .sum = w->block_sum,
                 .pending = &w->pending,
                 .code = w->codes,
                 .key = key};
    const means m = {cb, z, rows, w->codes, w->sum, w->sum + cb->codes * cb->dim};
    UNIC__TRY(seed_codes(&s));
    return lloyd(cb, iterations, &m, w->codes, w->before, progress);
}

static unic_status start_codes(unic_codebook *cb, const float *z, size_t rows,
                               size_t iterations, unic__key key, const unic__progress *progress)
{
    workspace w;
    unic_status status = UNIC_OK;
    const float scale = scale_of(z, rows * cb->dim);
    UNIC__TRY(workspace_create(&w, cb, rows, iterations > 0, scale != 1.0F));
    for (size_t i = 0; w.scaled && i < rows * cb->dim; i++)
        w.scaled[i] = z[i] * scale;
    const float *x = w.scaled ? w.scaled : z;
    if (iterations == 0)
        random_rows(cb, x, rows, w.codes, key);
    else
        status = k_means(cb, x, rows, iterations, key, &w, progress);
    for (size_t i = 0; w.scaled && i < cb->codes * cb->dim; i++)
        cb->embedding[i] /= scale;
    workspace_free(&w);
    if (status == UNIC_OK &&
        !unic__all_finite(cb->embedding, cb->codes * cb->dim)) /* a row and its noise */
        return unic__fail(UNIC_E_NUMERIC,
                          "a starting code would be NaN or Inf: the rows are too large");
    return status;
}

unic_status unic__codebook_init(unic_codebook *cb, const float *z, size_t rows,
                                size_t iterations, unic__key key,
                                const unic__progress *progress)
{
    unic_codebook *next; /* so that a failure changes nothing */
    UNIC__TRY(unic__codebook_create(&next, cb->codes, cb->dim, cb->modalities));
    unic_status status = start_codes(next, z, rows, iterations, key, progress);
    if (status == UNIC_OK) {
        unic__codebook_set(cb, next->embedding);
        cb->jittered = next->jittered;
    }
    unic__codebook_free(next);
    return status;
}
