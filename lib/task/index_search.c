#include <math.h>

#include "array/array.h"
#include "kernel/packed.h"
#include "kernel/tile.h"
#include "task/index.h"

/*
 * Items are looked at in tiles of TILE rows for a block of up to BLOCK queries, which are packed
 * once like a layer's weight: one product gives a tile of scores [TILE,queries] that stays in the
 * cache, and is gone through at once. Threads (lanes) have contiguous runs of tiles, and split no
 * product; a score does not depend on the tile that it is computed in.
 */
enum { TILE = 192, BLOCK = 128 };

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

/* A block of queries, shared by the lanes. */
typedef struct block {
    const float *q; /* [n,dim] */
    size_t n;
    float *packed; /* the same, as kernel/packed.h wants it */
} block;

static void pack_block(const unic_index *x, block *b, const float *q, size_t n)
{
    b->q = q;
    b->n = n;
    if (x->options.metric != UNIC_INDEX_INTERSECTION)
        unic__pack(b->packed, q, n, x->options.dim);
}

/* score = 2 q.x - ||x||^2 = ||q||^2 - ||q - x||^2 */
UNIC__SIMD static void to_l2(float *score, const float *norms, size_t queries, size_t n)
{
    for (size_t r = 0; r < n; r++, score += queries)
        for (size_t i = 0; i < queries; i++)
            score[i] = 2.0F * score[i] - norms[r];
}

UNIC__SIMD static void intersect(float *score, const float *q, const float *rows,
                                 size_t queries, size_t n, size_t dim)
{
    for (size_t r = 0; r < n; r++, rows += dim)
        for (size_t i = 0; i < queries; i++) {
            const float *histogram = q + i * dim;
            float sum = 0.0F;
#pragma omp simd reduction(+ : sum)
            for (size_t j = 0; j < dim; j++)
                sum += histogram[j] < rows[j] ? histogram[j] : rows[j];
            *score++ = sum;
        }
}

/* score [n,queries] of the items from row `first` on. */
static void score_tile(const unic_index *x, float *score, const block *b, size_t first,
                       size_t n)
{
    size_t dim = x->options.dim;
    const float *rows = x->vectors + first * dim;
    if (x->options.metric == UNIC_INDEX_INTERSECTION) {
        intersect(score, b->q, rows, b->n, n, dim);
        return;
    }
    unic__packed_run(&(unic__packed_product){.rows = n,
                                             .n = b->n,
                                             .k = dim,
                                             .x = rows,
                                             .x_row = dim,
                                             .packed = b->packed,
                                             .y = score,
                                             .y_row = b->n});
    if (x->options.metric == UNIC_INDEX_L2)
        to_l2(score, x->norms + first, b->n, n);
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

/* The first row from `from` on with a score of at least `least` for a query, or n: almost no row
 * has one, and only this looks at those. */
UNIC__SIMD static size_t next_row(const float *score, size_t from, size_t n, const float *least,
                                  size_t queries)
{
    for (; from < n; from++) {
        const float *row = score + from * queries;
        int any = 0;
        for (size_t i = 0; i < queries; i++)
            any |= row[i] >= least[i];
        if (any)
            break;
    }
    return from;
}

/* The hits of one lane's queries; least[i] is what the next hit of query i has to reach. */
typedef struct hits {
    hit *heap;    /* [queries,k] */
    size_t *held; /* [queries] */
    float *least; /* [queries] */
    size_t k, queries;
} hits;

static void offer_tile(const hits *h, const float *score, const int64_t *ids, size_t n)
{
    for (size_t r = 0; (r = next_row(score, r, n, h->least, h->queries)) < n; r++)
        for (size_t i = 0; i < h->queries; i++) {
            float s = score[r * h->queries + i];
            if (!(s >= h->least[i]))
                continue;
            offer(h->heap + i * h->k, &h->held[i], h->k, (hit){s, ids[r]});
            if (h->held[i] == h->k)
                h->least[i] = h->heap[i * h->k].score;
        }
}

/* ---- search ---- */

typedef struct search {
    const unic_index *x;
    size_t k, most, lanes; /* queries of a block */
    block block;
    float *tile;  /* [lanes][TILE,most] */
    hit *heaps;   /* [lanes][most,k] */
    size_t *held; /* [lanes][most] hits in a heap */
    float *least; /* [lanes][most] */
} search;

static void search_lane(const search *s, size_t i)
{
    const unic_index *x = s->x;
    lane l = lane_of(x, i, s->lanes);
    float *score = s->tile + i * s->most * TILE;
    hits h = {s->heaps + i * s->most * s->k, s->held + i * s->most, s->least + i * s->most,
              s->k, s->block.n};
    for (size_t j = 0; j < h.queries; j++) {
        h.held[j] = 0;
        h.least[j] = -INFINITY;
    }
    for (size_t first = l.from; first < l.to; first += TILE) {
        size_t n = l.to - first < TILE ? l.to - first : TILE;
        score_tile(x, score, &s->block, first, n);
        offer_tile(&h, score, x->ids + first, n);
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
        const hit *other = s->heaps + (i * s->most + j) * s->k;
        for (size_t h = 0; h < s->held[i * s->most + j]; h++)
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

/* Floats of a packed block. */
static size_t packed_count(const unic_index *x, size_t queries)
{
    return unic__packed_count(queries, x->options.dim);
}

/* As many queries at once as fit BLOCK, and with their heaps 64 MiB. */
static unic_status search_plan(search *s, size_t queries)
{
    size_t fit = ((size_t)64 << 20) / sizeof(hit) / s->lanes / s->k, heaps, bytes;
    s->most = fit < 1 ? 1 : fit < BLOCK ? fit : BLOCK;
    if (s->most > queries)
        s->most = queries;
    heaps = s->lanes * s->most;
    s->block.packed = unic__alloc_array(packed_count(s->x, s->most), sizeof(float));
    s->tile = unic__alloc_array(heaps * TILE, sizeof *s->tile);
    s->held = unic__alloc_array(heaps, sizeof *s->held);
    s->least = unic__alloc_array(heaps, sizeof *s->least);
    s->heaps = unic__mul_size(heaps, s->k * sizeof(hit), &bytes) ? unic__alloc(bytes) : NULL;
    return s->block.packed && s->tile && s->held && s->least && s->heaps
               ? UNIC_OK
               : unic__no_memory(heaps * s->k * sizeof(hit), "the hits of a search");
}

static unic_status search_rows(const unic_index *index, const float *q, const float *norms,
                               size_t queries, size_t k, int64_t *ids, float *scores)
{
    search s = {.x = index, .k = k, .lanes = lanes_for(index)};
    unic_status status = search_plan(&s, queries);
    for (size_t from = 0; status == UNIC_OK && from < queries; from += s.most) {
        size_t n = queries - from < s.most ? queries - from : s.most;
        pack_block(index, &s.block, q + from * index->options.dim, n);
        UNIC__PARALLEL_FOR(unic__threads() > 1)
        for (size_t i = 0; i < s.lanes; i++)
            search_lane(&s, i);
        UNIC__PARALLEL_FOR(s.lanes > 1 && n * k > TILE)
        for (size_t j = 0; j < n; j++)
            finish_query(&s, j, norms[from + j], ids + (from + j) * k,
                         scores ? scores + (from + j) * k : NULL);
    }
    unic__free(s.block.packed);
    unic__free(s.tile);
    unic__free(s.heaps);
    unic__free(s.held);
    unic__free(s.least);
    return status;
}

/* ---- ranks ---- */

typedef struct ranking {
    const unic_index *x;
    size_t most, lanes;
    block block;
    float *tile;       /* [lanes][TILE,most] */
    float *own;        /* [most] the score of each query's item */
    int64_t *near;     /* [lanes][most] items at least as near, itself among them */
    const size_t *row; /* [queries] its row, of the block */
} ranking;

/* own[j], the score of query j's item: computed like any other, so it is equal to itself. */
static void own_score(const ranking *g, size_t j, float *one)
{
    score_tile(g->x, one, &g->block, g->row[j], 1);
    g->own[j] = one[j];
}

UNIC__SIMD static void count_from(int64_t *near, const float *score, const float *own, size_t n,
                                  size_t queries)
{
    for (size_t r = 0; r < n; r++, score += queries)
        for (size_t i = 0; i < queries; i++)
            near[i] += score[i] >= own[i];
}

static void count_lane(const ranking *g, size_t i)
{
    const unic_index *x = g->x;
    lane l = lane_of(x, i, g->lanes);
    float *score = g->tile + i * g->most * TILE;
    int64_t *near = g->near + i * g->most;
    for (size_t j = 0; j < g->block.n; j++)
        near[j] = 0;
    for (size_t first = l.from; first < l.to; first += TILE) {
        size_t n = l.to - first < TILE ? l.to - first : TILE;
        score_tile(x, score, &g->block, first, n);
        count_from(near, score, g->own, n, g->block.n);
    }
}

static unic_status rank_rows(const unic_index *index, const float *q, const size_t *rows,
                             size_t queries, int64_t *ranks)
{
    ranking g = {.x = index, .most = queries < BLOCK ? queries : BLOCK};
    g.lanes = lanes_for(index);
    g.block.packed = unic__alloc_array(packed_count(index, g.most), sizeof(float));
    g.tile = unic__alloc_array(g.lanes * g.most * TILE, sizeof *g.tile);
    g.own = unic__alloc_array(g.most, sizeof *g.own);
    g.near = unic__alloc_array(g.lanes * g.most, sizeof *g.near);
    unic_status status = UNIC_OK;
    if (!g.block.packed || !g.tile || !g.own || !g.near)
        status = unic__no_memory(g.lanes * g.most * TILE * sizeof(float), "a ranking");
    for (size_t from = 0; status == UNIC_OK && from < queries; from += g.most) {
        size_t n = queries - from < g.most ? queries - from : g.most;
        pack_block(index, &g.block, q + from * index->options.dim, n);
        g.row = rows + from;
        for (size_t j = 0; j < n; j++)
            own_score(&g, j, g.tile);
        UNIC__PARALLEL_FOR(unic__threads() > 1)
        for (size_t i = 0; i < g.lanes; i++)
            count_lane(&g, i);
        for (size_t j = 0; j < n; j++) {
            ranks[from + j] = 0;
            for (size_t i = 0; i < g.lanes; i++)
                ranks[from + j] += g.near[i * g.most + j];
        }
    }
    unic__free(g.block.packed);
    unic__free(g.tile);
    unic__free(g.own);
    unic__free(g.near);
    return status;
}

/* ---- from arrays ---- */

/* Queries as they are compared, [n,dim], and their squared norms [n] behind them; free `*q`. */
static unic_status read_queries(const unic_index *x, const unic_array *a, size_t n, float **q,
                                float **norms)
{
    size_t count;
    float *rows = NULL;
    if (unic__mul_size(n, x->options.dim + 1, &count))
        rows = unic__alloc_array(count, sizeof *rows);
    if (!rows)
        return unic__no_memory(n * x->options.dim * sizeof *rows, "queries");
    *norms = rows + n * x->options.dim;
    unic_status status = unic__array_to_f32(a, rows);
    if (status == UNIC_OK)
        status = unic__index_check_rows(x, "queries", rows, n, *norms);
    if (status != UNIC_OK) {
        unic__free(rows);
        return status;
    }
    unic__index_normalise(x, rows, n, *norms);
    *q = rows;
    return UNIC_OK;
}

unic_status unic__index_search(const unic_index *index, const unic_array *queries, size_t k,
                               int64_t *ids, float *scores)
{
    size_t n = (size_t)queries->dims[0];
    float *q, *norms;
    UNIC__TRY(read_queries(index, queries, n, &q, &norms));
    unic_status status = search_rows(index, q, norms, n, k, ids, scores);
    unic__free(q);
    return status;
}

/* The rows of items by their ids; free `*rows`. */
static unic_status find_rows(const unic_index *x, const int64_t *ids, size_t n, size_t **rows)
{
    size_t *found = unic__alloc_array(n, sizeof *found);
    if (!found)
        return unic__no_memory(n * sizeof *found, "a ranking's items");
    for (size_t i = 0; i < n; i++)
        if (!unic__index_find(x, ids[i], &found[i])) {
            unic__free(found);
            return unic__fail(UNIC_E_NOTFOUND, "id %lld of query %zu is not in the index",
                              (long long)ids[i], i);
        }
    *rows = found;
    return UNIC_OK;
}

unic_status unic__index_rank(const unic_index *index, const unic_array *queries,
                             const int64_t *ids, int64_t *ranks)
{
    size_t n = (size_t)queries->dims[0], *rows = NULL;
    float *q, *norms;
    UNIC__TRY(find_rows(index, ids, n, &rows));
    unic_status status = read_queries(index, queries, n, &q, &norms);
    if (status == UNIC_OK) {
        status = rank_rows(index, q, rows, n, ranks);
        unic__free(q);
    }
    unic__free(rows);
    return status;
}
