#include "task/index_score.h"

/* The k nearest items of each query: one heap of hits for each lane, merged at the end. */

enum { TILE = UNIC__INDEX_TILE, BLOCK = UNIC__INDEX_BLOCK };

/* ---- the k best: a heap whose root is the one that leaves next ---- */

typedef struct hit {
    double score; /* L2: the squared distance, negative */
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

/* The first row from `from` on with a score of at least `least` for a query, or n: almost no
 * row has one, and only this looks at those. */
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

/* The hits of one lane's queries; least[i] is what a tile's score has to reach. */
typedef struct hits {
    const unic__index_block *block;
    hit *heap;    /* [queries,k] */
    size_t *held; /* [queries] */
    float *least; /* [queries] */
    size_t k;
} hits;

static bool is_l2(const unic__index_block *b)
{
    return b->x->options.metric == UNIC_INDEX_L2;
}

/* L2: of the tiles' scores, rounded down. */
static float least_score(const unic__index_block *b, size_t i, double score)
{
    if (!is_l2(b))
        return (float)score;
    double reach = b->norm[i] + score;
    return (float)(reach - 2e-7 * fabs(reach) - 1e-12 * b->norm[i]);
}

static void offer_item(const hits *h, size_t i, float score, size_t row)
{
    const unic__index_block *b = h->block;
    double exact = is_l2(b) ? -unic__index_distance2(b, row, i) : (double)score;
    offer(h->heap + i * h->k, &h->held[i], h->k, (hit){exact, b->x->ids[row]});
    if (h->held[i] == h->k)
        h->least[i] = least_score(b, i, h->heap[i * h->k].score);
}

static void offer_tile(const hits *h, const float *score, size_t first, size_t n)
{
    const size_t queries = h->block->n;
    for (size_t r = 0; (r = next_row(score, r, n, h->least, queries)) < n; r++)
        for (size_t i = 0; i < queries; i++)
            if (score[r * queries + i] >= h->least[i])
                offer_item(h, i, score[r * queries + i], first + r);
}

/* ---- search ---- */

typedef struct search {
    unic__index_block block;
    size_t k, wanted; /* hits that the index has for each query; that are asked for */
    size_t lanes;
    hit *heaps;   /* [lanes][most,k] */
    size_t *held; /* [lanes][most] hits in a heap */
    float *least; /* [lanes][most] */
    int64_t *ids; /* [n,wanted] out, of the block */
    float *scores;
} search;

static void search_lane(const search *s, size_t lane)
{
    const unic__index_block *b = &s->block;
    const unic__index_lane l = unic__index_lane_of(b, lane, s->lanes);
    const size_t place = lane * b->most;
    const hits h = {b, s->heaps + place * s->k, s->held + place, s->least + place, s->k};
    for (size_t j = 0; j < b->n && b->done == 0; j++) {
        h.held[j] = 0;
        h.least[j] = -INFINITY;
    }
    for (size_t first = l.from; first < l.to; first += TILE) {
        size_t n = l.to - first < TILE ? l.to - first : TILE;
        offer_tile(&h, unic__index_score_tile(b, lane, first, n), first, n);
    }
}

static void search_lanes(const void *context, size_t from, size_t to)
{
    for (; from < to; from++)
        search_lane(context, from);
}

/* Places [n] for which an index has no items: `scores` may be NULL. */
static void fill_missing(const unic_index *x, int64_t *ids, float *scores, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        ids[i] = -1;
        if (scores)
            scores[i] = x->options.metric == UNIC_INDEX_L2 ? INFINITY : -INFINITY;
    }
}

/* All lanes' hits of query j into the first lane's heap, and from there in order. */
static void finish_query(const search *s, size_t j)
{
    const size_t k = s->k, most = s->block.most;
    hit *heap = s->heaps + j * k;
    size_t *held = &s->held[j];
    for (size_t i = 1; i < s->lanes; i++) {
        const hit *other = s->heaps + (i * most + j) * k;
        for (size_t h = 0; h < s->held[i * most + j]; h++)
            offer(heap, held, k, other[h]);
    }
    int64_t *ids = s->ids + j * s->wanted;
    float *scores = s->scores ? s->scores + j * s->wanted : NULL;
    for (size_t place = k; place-- > 0;) {
        hit last = heap[0];
        ids[place] = last.id;
        if (scores)
            scores[place] = (float)(is_l2(&s->block) ? -last.score : last.score);
        sift_down(heap, place, heap[place]);
    }
    fill_missing(s->block.x, ids + k, scores ? scores + k : NULL, s->wanted - k);
}

static void finish_queries(const void *context, size_t from, size_t to)
{
    for (; from < to; from++)
        finish_query(context, from);
}

/* As many queries at once as fit BLOCK, and with their heaps 64 MiB. */
static unic_status search_create(search *s, const unic_index *x, size_t queries, size_t wanted)
{
    const size_t k = wanted < x->count ? wanted : x->count;
    *s = (search){.k = k, .wanted = wanted, .lanes = unic__index_lane_count(x)};
    size_t fit = ((size_t)64 << 20) / sizeof(hit) / s->lanes / k, heaps, bytes;
    size_t most = fit < 1 ? 1 : fit < BLOCK ? fit : BLOCK;
    most = most < queries ? most : queries;
    heaps = s->lanes * most;
    UNIC__TRY(unic__index_block_create(&s->block, x, s->lanes, most));
    s->held = unic__alloc_array(heaps, sizeof *s->held);
    s->least = unic__alloc_array(heaps, sizeof *s->least);
    s->heaps = unic__mul_size(heaps, k * sizeof(hit), &bytes) ? unic__alloc(bytes) : NULL;
    return s->held && s->least && s->heaps
               ? UNIC_OK
               : unic__no_memory(heaps * k * sizeof(hit), "the hits of a search");
}

static unic_status search_rows(const unic_index *index, const float *q, unic__index_watch watch,
                               size_t k, int64_t *ids, float *scores)
{
    const size_t queries = watch.queries;
    search s;
    unic_status status = search_create(&s, index, queries, k);
    for (size_t from = 0; status == UNIC_OK && from < queries; from += s.block.most) {
        size_t n = queries - from < s.block.most ? queries - from : s.block.most;
        unic__index_block_set(&s.block, q + from * index->options.dim, n);
        s.ids = ids + from * k;
        s.scores = scores ? scores + from * k : NULL;
        watch.before = from;
        status = unic__index_scan(&s.block, s.lanes, &watch, search_lanes, &s);
        if (status == UNIC_OK)
            unic__parallel(n, 1, s.lanes > 1 && n * s.k > TILE, finish_queries, &s);
    }
    unic__index_block_free(&s.block);
    unic__free(s.heaps);
    unic__free(s.held);
    unic__free(s.least);
    return status;
}

unic_status unic__index_search(const unic_index *index, const unic_array *queries, size_t k,
                               const unic__progress *progress, int64_t *ids, float *scores)
{
    const unic__index_watch watch = {progress, (size_t)queries->dims[0], 0};
    float *q;
    UNIC__TRY(unic__index_read_queries(index, queries, &q));
    unic_status status = UNIC_OK;
    if (index->count > 0)
        status = search_rows(index, q, watch, k, ids, scores);
    else
        fill_missing(index, ids, scores, (size_t)queries->dims[0] * k);
    unic__free(q);
    return status;
}
