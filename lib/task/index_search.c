#include <math.h>

#include "op/blas_glue.h"
#include "task/index.h"

/*
 * Items are looked at in tiles of TILE rows for a block of up to BLOCK queries: one product gives
 * a tile of scores [queries,TILE] that stays in the cache, and is gone through at once. Threads
 * (lanes) have contiguous runs of tiles, and split no product; where a tile begins does not depend
 * on how many there are: so neither do its scores.
 */
enum { TILE = 512, BLOCK = 128, STRIDE = 64 };

typedef struct lane {
    size_t from, to; /* its items */
} lane;

static size_t tiles_of(const unic_index *x)
{
    return (x->count + TILE - 1) / TILE;
}

static size_t lanes_for(const unic_index *x)
{
    size_t threads = (size_t)unic__threads(), tiles = tiles_of(x);
    return threads < tiles ? threads : tiles;
}

static lane lane_of(const unic_index *x, size_t i, size_t lanes)
{
    size_t tiles = tiles_of(x), to = tiles * (i + 1) / lanes * TILE;
    return (lane){tiles * i / lanes * TILE, to < x->count ? to : x->count};
}

/* ---- scores of a tile ---- */

/* score = 2 q.x - ||x||^2 = ||q||^2 - ||q - x||^2 */
UNIC__SIMD static void to_l2(float *score, const float *norms, size_t queries, size_t n)
{
    for (size_t i = 0; i < queries; i++, score += n)
        for (size_t r = 0; r < n; r++)
            score[r] = 2.0F * score[r] - norms[r];
}

UNIC__SIMD static void intersect(float *score, const float *q, const float *rows,
                                 size_t queries, size_t n, size_t dim)
{
    for (size_t i = 0; i < queries; i++, q += dim, score += n)
        for (size_t r = 0; r < n; r++) {
            const float *x = rows + r * dim;
            float sum = 0.0F;
#pragma omp simd reduction(+ : sum)
            for (size_t j = 0; j < dim; j++)
                sum += q[j] < x[j] ? q[j] : x[j];
            score[r] = sum;
        }
}

/* score [queries,n] of the items from row `first` on. */
static void score_tile(const unic_index *x, float *score, const float *q, size_t queries,
                       size_t first, size_t n)
{
    size_t dim = x->options.dim;
    const float *rows = x->vectors + first * dim;
    if (x->options.metric == UNIC_INDEX_INTERSECTION) {
        intersect(score, q, rows, queries, n, dim);
        return;
    }
    unic__sgemm(false, true, queries, n, dim, 1.0F, q, dim, rows, dim, 0.0F, score, n);
    if (x->options.metric == UNIC_INDEX_L2)
        to_l2(score, x->norms + first, queries, n);
}

/* ---- the k best: a heap whose root is the one that leaves next ---- */

typedef struct hit {
    float score;
    int64_t id;
} hit;

static bool is_before(hit a, hit b)
{
    return a.score > b.score || (a.score == b.score && a.id < b.id);
}

/* Puts `h` at the root of heap[0..n), whose root is free. */
static void sift_down(hit *heap, size_t n, hit h)
{
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= n)
            break;
        if (child + 1 < n && is_before(heap[child], heap[child + 1]))
            child++;
        if (!is_before(h, heap[child]))
            break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = h;
}

static void sift_up(hit *heap, size_t i, hit h)
{
    for (; i > 0 && is_before(heap[(i - 1) / 2], h); i = (i - 1) / 2)
        heap[i] = heap[(i - 1) / 2];
    heap[i] = h;
}

static void offer(hit *heap, size_t *n, size_t k, hit h)
{
    if (*n < k)
        sift_up(heap, (*n)++, h);
    else if (is_before(h, heap[0]))
        sift_down(heap, k, h);
}

/* The first stride from `from` on with a score of at least `least`, or n: almost all are below,
 * and only looked at here. */
UNIC__SIMD static size_t next_stride(const float *score, size_t from, size_t n, float least)
{
    for (; from < n; from += STRIDE) {
        size_t end = n - from < STRIDE ? n : from + STRIDE;
        int any = 0;
        for (size_t r = from; r < end; r++)
            any |= score[r] >= least;
        if (any)
            return from;
    }
    return n;
}

static void offer_row(hit *heap, size_t *held, size_t k, const float *score, const int64_t *ids,
                      size_t n)
{
    for (size_t at = 0; at < n; at += STRIDE) {
        if (*held == k)
            at = next_stride(score, at, n, heap[0].score);
        size_t end = n - at < STRIDE ? n : at + STRIDE;
        for (size_t r = at; r < end; r++)
            offer(heap, held, k, (hit){score[r], ids[r]});
    }
}

/* ---- search ---- */

typedef struct search {
    const unic_index *x;
    size_t k, block, lanes;
    float *tile;  /* [lanes][block,TILE] */
    hit *heaps;   /* [lanes][block,k] */
    size_t *held; /* [lanes][block] hits in a heap */
} search;

static void search_lane(const search *s, size_t i, const float *q, size_t queries)
{
    const unic_index *x = s->x;
    lane l = lane_of(x, i, s->lanes);
    float *score = s->tile + i * s->block * TILE;
    hit *heaps = s->heaps + i * s->block * s->k;
    size_t *held = s->held + i * s->block;
    for (size_t j = 0; j < queries; j++)
        held[j] = 0;
    for (size_t first = l.from; first < l.to; first += TILE) {
        size_t n = l.to - first < TILE ? l.to - first : TILE;
        score_tile(x, score, q, queries, first, n);
        for (size_t j = 0; j < queries; j++)
            offer_row(heaps + j * s->k, &held[j], s->k, score + j * n, x->ids + first, n);
    }
}

static float value_of(const unic_index *x, float score, float norm)
{
    if (x->options.metric != UNIC_INDEX_L2)
        return score;
    return norm > score ? norm - score : 0.0F;
}

/* All lanes' hits of query j into the first lane's heap, and from there in order. */
static void finish_query(const search *s, size_t j, float norm, int64_t *ids, float *scores)
{
    hit *heap = s->heaps + j * s->k;
    size_t *held = &s->held[j];
    for (size_t i = 1; i < s->lanes; i++) {
        const hit *other = s->heaps + (i * s->block + j) * s->k;
        for (size_t h = 0; h < s->held[i * s->block + j]; h++)
            offer(heap, held, s->k, other[h]);
    }
    for (size_t place = s->k; place-- > 0;) {
        hit last = heap[0];
        ids[place] = last.id;
        if (scores)
            scores[place] = value_of(s->x, last.score, norm);
        sift_down(heap, place, heap[place]);
    }
}

/* As many queries at once as fit BLOCK, and with their heaps 64 MiB. */
static unic_status search_plan(search *s, size_t queries)
{
    size_t hits = ((size_t)64 << 20) / sizeof(hit) / s->lanes / s->k, heaps, bytes;
    s->block = hits < 1 ? 1 : hits < BLOCK ? hits : BLOCK;
    if (s->block > queries)
        s->block = queries;
    heaps = s->lanes * s->block;
    s->tile = unic__alloc_array(heaps * TILE, sizeof *s->tile);
    s->held = unic__alloc_array(heaps, sizeof *s->held);
    s->heaps = unic__mul_size(heaps, s->k * sizeof(hit), &bytes) ? unic__alloc(bytes) : NULL;
    return s->tile && s->held && s->heaps
               ? UNIC_OK
               : unic__no_memory(heaps * s->k * sizeof(hit), "the hits of a search");
}

unic_status unic__index_search(const unic_index *index, const float *q, const float *norms,
                               size_t queries, size_t k, int64_t *ids, float *scores)
{
    search s = {.x = index, .k = k, .lanes = lanes_for(index)};
    unic_status status = search_plan(&s, queries);
    for (size_t from = 0; status == UNIC_OK && from < queries; from += s.block) {
        size_t n = queries - from < s.block ? queries - from : s.block;
        UNIC__PARALLEL_FOR(unic__threads() > 1)
        for (size_t i = 0; i < s.lanes; i++)
            search_lane(&s, i, q + from * index->options.dim, n);
        UNIC__PARALLEL_FOR(s.lanes > 1 && n * k > TILE)
        for (size_t j = 0; j < n; j++)
            finish_query(&s, j, norms[from + j], ids + (from + j) * k,
                         scores ? scores + (from + j) * k : NULL);
    }
    unic__free(s.tile);
    unic__free(s.held);
    unic__free(s.heaps);
    return status;
}

/* ---- ranks ---- */

typedef struct ranking {
    const unic_index *x;
    size_t block, lanes;
    float *tile;       /* [lanes][block,TILE] */
    float *own;        /* [block] the score of each query's item */
    int64_t *near;     /* [lanes][block] items at least as near, itself among them */
    const size_t *row; /* [queries] its row, of the block */
} ranking;

static bool any_within(const size_t *row, size_t queries, size_t first, size_t n)
{
    for (size_t j = 0; j < queries; j++)
        if (row[j] - first < n) /* false below `first` too: it wraps around */
            return true;
    return false;
}

/* own[] where the item is in this lane. From its tile: a product of another shape might round
 * otherwise, and the item would not be equal to itself. */
static void own_scores(const ranking *g, size_t i, const float *q, size_t queries)
{
    lane l = lane_of(g->x, i, g->lanes);
    float *score = g->tile + i * g->block * TILE;
    for (size_t first = l.from; first < l.to; first += TILE) {
        size_t n = l.to - first < TILE ? l.to - first : TILE;
        if (!any_within(g->row, queries, first, n))
            continue;
        score_tile(g->x, score, q, queries, first, n);
        for (size_t j = 0; j < queries; j++)
            if (g->row[j] - first < n)
                g->own[j] = score[j * n + g->row[j] - first];
    }
}

UNIC__SIMD static int64_t count_from(const float *score, size_t n, float own)
{
    int64_t count = 0;
    for (size_t r = 0; r < n; r++)
        count += score[r] >= own;
    return count;
}

static void count_lane(const ranking *g, size_t i, const float *q, size_t queries)
{
    const unic_index *x = g->x;
    lane l = lane_of(x, i, g->lanes);
    float *score = g->tile + i * g->block * TILE;
    int64_t *near = g->near + i * g->block;
    for (size_t j = 0; j < queries; j++)
        near[j] = 0;
    for (size_t first = l.from; first < l.to; first += TILE) {
        size_t n = l.to - first < TILE ? l.to - first : TILE;
        score_tile(x, score, q, queries, first, n);
        for (size_t j = 0; j < queries; j++)
            near[j] += count_from(score + j * n, n, g->own[j]);
    }
}

unic_status unic__index_rank(const unic_index *index, const float *q, const size_t *rows,
                             size_t queries, int64_t *ranks)
{
    ranking g = {.x = index, .block = queries < BLOCK ? queries : BLOCK};
    g.lanes = lanes_for(index);
    g.tile = unic__alloc_array(g.lanes * g.block * TILE, sizeof *g.tile);
    g.own = unic__alloc_array(g.block, sizeof *g.own);
    g.near = unic__alloc_array(g.lanes * g.block, sizeof *g.near);
    unic_status status = UNIC_OK;
    if (!g.tile || !g.own || !g.near)
        status = unic__no_memory(g.lanes * g.block * TILE * sizeof(float), "a ranking");
    for (size_t from = 0; status == UNIC_OK && from < queries; from += g.block) {
        size_t n = queries - from < g.block ? queries - from : g.block;
        const float *block = q + from * index->options.dim;
        g.row = rows + from;
        UNIC__PARALLEL_FOR(unic__threads() > 1)
        for (size_t i = 0; i < g.lanes; i++)
            own_scores(&g, i, block, n);
        UNIC__PARALLEL_FOR(unic__threads() > 1)
        for (size_t i = 0; i < g.lanes; i++)
            count_lane(&g, i, block, n);
        for (size_t j = 0; j < n; j++) {
            ranks[from + j] = 0;
            for (size_t i = 0; i < g.lanes; i++)
                ranks[from + j] += g.near[i * g.block + j];
        }
    }
    unic__free(g.tile);
    unic__free(g.own);
    unic__free(g.near);
    return status;
}
