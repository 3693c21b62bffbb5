#include "kernel/nearest.h"

#include <float.h>
#include <string.h>

#include "kernel/distance.h"
#include "kernel/packed.h"
#include "kernel/tile.h"

/*
 * As in kernel/assign.c, products only screen: s_l = ||e_l - c||^2 - 2 (z - c).(e_l - c) is
 * ||z - e_l||^2 less a number that is the same for all codes, within an error that
 * unic__screen_error() bounds. A heap keeps the k nearest codes so far, measured in double
 * precision, the farthest at its root: a code whose s is above the root's by more than twice
 * the error is farther than all of them, and need not be measured.
 */
enum {
    ROWS = 32,       /* the most rows of a block                                  */
    CHUNK = 16 * 32, /* codes of a product: whole panels (kernel/packed.h)        */
    FEW = 16,        /* scores that are looked at in one go                       */
    ROOM = 1 << 17   /* floats of a block's centred rows, and the hits of a block */
};

typedef struct hit {
    double distance;
    float score;
    int32_t code;
} hit;

static bool is_nearer(const hit *a, const hit *b)
{
    return a->distance < b->distance || (a->distance == b->distance && a->code < b->code);
}

/* ---- the heap of one row ---- */

/* Puts `h` at the root of heap[0..n), whose root is free. */
static void sift_down(hit *heap, size_t n, hit h)
{
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && is_nearer(&heap[child], &heap[child + 1]))
            child++;
        if (!is_nearer(&h, &heap[child]))
            break;
        heap[i] = heap[child];
    }
    heap[i] = h;
}

static void sift_up(hit *heap, size_t i, hit h)
{
    for (; i > 0 && is_nearer(&heap[(i - 1) / 2], &h); i = (i - 1) / 2)
        heap[i] = heap[(i - 1) / 2];
    heap[i] = h;
}

/* ---- a lane: the rows of one thread, in blocks ---- */

typedef struct nearest {
    int32_t *codes;
    float *distances;
    const float *z;
    const unic__code_table *t;
    size_t rows, k, kept; /* kept: of the k, those that there are codes for */
    size_t block, lanes;
    float *centred; /* [lanes][block,dim]   */
    float *scores;  /* [lanes][block,CHUNK] */
    hit *heaps;     /* [lanes][block,kept]  */
} nearest;

typedef struct query {
    const float *z;
    hit *heap;
    size_t held;
    double twice; /* the error */
    float limit;  /* scores above it are farther than all hits */
    bool screened;
} query;

static void offer(const nearest *w, query *r, float score, size_t code)
{
    const unic__code_table *t = w->t;
    const hit h = {unic__distance2(r->z, t->e + code * t->dim, t->dim), score, (int32_t)code};
    if (r->held < w->kept)
        sift_up(r->heap, r->held++, h);
    else if (is_nearer(&h, &r->heap[0]))
        sift_down(r->heap, w->kept, h);
    if (r->screened && r->held == w->kept)
        r->limit = nextafterf((float)((double)r->heap[0].score + r->twice), INFINITY);
}

/* score = norm - 2 dot; whether one of them is not above the limit. */
UNIC__SIMD static bool any_near(float *restrict score, const float *restrict norm, float limit,
                                size_t n)
{
    int any = 0;
    for (size_t j = 0; j < n; j++) {
        score[j] = norm[j] - 2.0F * score[j];
        any |= !(score[j] > limit);
    }
    return any != 0;
}

static void offer_chunk(const nearest *w, query *r, float *score, size_t first, size_t n)
{
    for (size_t j = 0; j < n; j += FEW) {
        const size_t to = n - j < FEW ? n : j + FEW;
        if (!any_near(score + j, w->t->norm + first + j, r->limit, to - j))
            continue;
        for (size_t i = j; i < to; i++)
            if (!(score[i] > r->limit))
                offer(w, r, score[i], first + i);
    }
}

static void finish_row(const nearest *w, query *r, int32_t *codes, float *distances)
{
    for (size_t place = w->k; place-- > w->kept;) {
        codes[place] = -1;
        if (distances)
            distances[place] = INFINITY;
    }
    for (size_t place = w->kept; place-- > 0;) {
        const hit last = r->heap[0];
        codes[place] = last.code;
        if (distances)
            distances[place] = last.distance > (double)FLT_MAX ? INFINITY
                                                               : (float)last.distance;
        sift_down(r->heap, place, r->heap[place]);
    }
}

static void begin_rows(const nearest *w, query *q, size_t lane, size_t from, size_t n)
{
    const unic__code_table *t = w->t;
    const unic__screen bound = unic__screen_of(t->dim);
    for (size_t r = 0; r < n; r++) {
        const float *z = w->z + (from + r) * t->dim;
        const double length = sqrt(unic__centred_norm2(z, t->centre, t->dim));
        q[r].z = z;
        q[r].heap = w->heaps + (lane * w->block + r) * w->kept;
        q[r].held = 0;
        q[r].twice = 2.0 * unic__screen_error(bound, length, t->radius);
        q[r].limit = INFINITY;
        q[r].screened = unic__screen_holds(length, t->radius);
    }
}

static void run_block(const nearest *w, size_t lane, size_t from, size_t n)
{
    const unic__code_table *t = w->t;
    float *centred = w->centred + lane * w->block * t->dim;
    float *scores = w->scores + lane * w->block * CHUNK;
    const bool screens = unic__screen_holds(0.0, t->radius);
    query q[ROWS];
    begin_rows(w, q, lane, from, n);
    unic__centre(centred, w->z + from * t->dim, t->dim, t->centre, n, t->dim);
    for (size_t l = 0; l < t->count; l += CHUNK) {
        const size_t codes = t->count - l < CHUNK ? t->count - l : CHUNK;
        if (screens)
            unic__packed_run(&(unic__packed_product){.rows = n,
                                                     .n = codes,
                                                     .k = t->dim,
                                                     .x = centred,
                                                     .x_row = t->dim,
                                                     .packed = t->packed + l * t->dim,
                                                     .y = scores,
                                                     .y_row = CHUNK});
        else
            memset(scores, 0, n * CHUNK * sizeof *scores);
        for (size_t r = 0; r < n; r++)
            offer_chunk(w, &q[r], scores + r * CHUNK, l, codes);
    }
    for (size_t r = 0; r < n; r++)
        finish_row(w, &q[r], w->codes + (from + r) * w->k,
                   w->distances ? w->distances + (from + r) * w->k : NULL);
}

static void run_lanes(const void *context, size_t lane, size_t to)
{
    const nearest *w = context;
    for (; lane < to; lane++) {
        const size_t end = w->rows * (lane + 1) / w->lanes;
        for (size_t from = w->rows * lane / w->lanes; from < end; from += w->block)
            run_block(w, lane, from, end - from < w->block ? end - from : w->block);
    }
}

/* ---- the whole ---- */

static void measure_rows(const void *context, size_t from, size_t to)
{
    const nearest *w = context;
    const size_t dim = w->t->dim;
    for (; from < to; from++) {
        const double d = unic__distance2(w->z + from * dim,
                                         w->t->e + (size_t)w->codes[from] * dim, dim);
        w->distances[from] = d > (double)FLT_MAX ? INFINITY : (float)d;
    }
}

/* The rows of a block: no more than ROOM floats and hits, for each thread. */
static size_t block_of(size_t dim, size_t kept)
{
    const size_t most = ROOM / (dim > kept ? dim : kept);
    return most < 1 ? 1 : most < ROWS ? most : ROWS;
}

unic_status unic__nearest(int32_t *codes, float *distances, const float *z, size_t rows,
                          size_t k, const unic__code_table *t)
{
    const bool worth = unic__worth_splitting(rows, t->count, t->dim);
    nearest w = {codes, distances, z, t, rows, k, .kept = k < t->count ? k : t->count};
    if (k == 1) {
        unic__assign(codes, z, rows, t);
        if (distances)
            unic__parallel(rows, 1, worth, measure_rows, &w);
        return UNIC_OK;
    }
    w.block = block_of(t->dim, w.kept);
    w.lanes = worth ? (size_t)unic__threads() : 1;
    const size_t most = w.lanes * w.block;
    w.centred = unic__alloc_array(most * t->dim, sizeof *w.centred);
    w.scores = unic__alloc_array(most * CHUNK, sizeof *w.scores);
    w.heaps = unic__alloc_array(most * w.kept, sizeof *w.heaps);
    unic_status status = UNIC_OK;
    if (w.centred && w.scores && w.heaps)
        unic__parallel(w.lanes, 1, w.lanes > 1, run_lanes, &w);
    else
        status = unic__no_memory(most * w.kept * sizeof *w.heaps, "the nearest codes");
    unic__free(w.centred);
    unic__free(w.scores);
    unic__free(w.heaps);
    return status;
}
