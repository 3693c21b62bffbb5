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

/* Whether one is too many: *h is that one then. */
static bool offer(hit *heap, size_t *n, size_t k, hit *h)
{
    if (*n < k) {
        sift_up(heap, (*n)++, *h);
        return false;
    }
    const hit root = heap[0];
    if (is_before(*h, root)) {
        sift_down(heap, k, *h);
        *h = root;
    }
    return true;
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

/* ---- a query's hits in a lane ---- */

/*
 * A product gives L2's scores within a gap. Of most items that enter a heap early only that is
 * ever needed: they leave it again. So the heap begins as one of bounds: lower bounds of early
 * items, which are measured at the end if they are still there, and scores of late ones, which
 * mostly stay and are measured at once, while their rows are in the cache. Its root is a score
 * that k items reach: an item whose upper bound is less is not among the k best. What leaves the
 * heap and is not that far below is kept beside it. When there is no room (items that are equal,
 * or nearly so, at the k-th place), all are measured, and from then on every item is.
 * Scores of the other metrics are exact from the start.
 */
typedef struct hits {
    hit *heap;   /* [k] */
    hit *beside; /* [room] */
    size_t held, left;
    bool bounds; /* scores are bounds; ids are rows, or ~row of items that are not measured */
} hits;

/* One lane's hits of a block's queries; least[i] is what a tile's score has to reach. */
typedef struct lane_hits {
    const unic__index_block *block;
    hits *of;     /* [queries] */
    float *least; /* [queries] */
    size_t k, room;
    size_t late; /* the row from which on items are late */
} lane_hits;

static bool is_l2(const unic__index_block *b)
{
    return b->x->options.metric == UNIC_INDEX_L2;
}

/* What a tile's score reaches if its item is as near as `score`; L2: rounded down. */
static float least_score(const unic__index_block *b, size_t i, double score)
{
    if (!is_l2(b))
        return (float)score;
    double reach = b->norm[i] + score;
    return (float)(reach - 2e-7 * fabs(reach) - 1e-12 * b->norm[i]);
}

/* Whether the item of a lower bound may have a score that reaches `least`. An item that is far
 * from all others makes the gap so wide that in a bound the score has few digits left, or none:
 * what the three sums were rounded by counts for it. */
static bool may_reach(const unic__index_block *b, size_t i, hit bound, float least)
{
    const double rounding = 0x1p-51 * (fabs(bound.score) + b->norm[i] + b->gap[i]);
    return b->norm[i] + bound.score + b->gap[i] + rounding >= (double)least;
}

static size_t row_of(hit bound)
{
    return (size_t)(bound.id < 0 ? ~bound.id : bound.id);
}

static double measured(const unic__index_block *b, size_t i, size_t row)
{
    return -unic__index_distance2(b, row, i);
}

/* Measures the items of bounds [n] that may be among the k best of `to`, and offers them there;
 * the bounds may stand in to's own heap, from the place of its next hit on. */
static void offer_bounds(const unic__index_block *b, size_t i, size_t k, hits *to,
                         const hit *bound, size_t n)
{
    enum { AHEAD = 4 };
    for (size_t j = 0; j < n; j++) {
        if (j + AHEAD < n && bound[j + AHEAD].id < 0)
            unic__index_prefetch(b, row_of(bound[j + AHEAD]));
        if (to->held == k && !may_reach(b, i, bound[j], least_score(b, i, to->heap[0].score)))
            continue;
        const size_t row = row_of(bound[j]);
        hit h = {bound[j].id < 0 ? measured(b, i, row) : bound[j].score, b->x->ids[row]};
        offer(to->heap, &to->held, k, &h);
    }
}

/* From bounds to scores. */
static void settle(const unic__index_block *b, size_t i, size_t k, hits *h)
{
    const size_t held = h->held, left = h->left;
    if (!h->bounds)
        return;
    h->held = h->left = 0;
    h->bounds = false;
    offer_bounds(b, i, k, h, h->heap, held);
    offer_bounds(b, i, k, h, h->beside, left);
}

/* Puts a bound that has left the heap beside it, unless its item is surely not needed. */
static void keep_beside(const lane_hits *l, size_t i, hit bound)
{
    const unic__index_block *b = l->block;
    hits *h = &l->of[i];
    const float least = l->least[i];
    if (!may_reach(b, i, bound, least))
        return;
    if (h->left == l->room) { /* the heap's root has risen since they came */
        h->left = 0;
        for (size_t j = 0; j < l->room; j++)
            if (may_reach(b, i, h->beside[j], least))
                h->beside[h->left++] = h->beside[j];
    }
    if (h->left < l->room) {
        h->beside[h->left++] = bound;
        return;
    }
    settle(b, i, l->k, h);
    offer_bounds(b, i, l->k, h, &bound, 1);
    l->least[i] = least_score(b, i, h->heap[0].score);
}

static void offer_item(const lane_hits *l, size_t i, float score, size_t row)
{
    const unic__index_block *b = l->block;
    hits *h = &l->of[i];
    hit item = {(double)score, b->x->ids[row]};
    if (is_l2(b) && (row >= l->late || !h->bounds))
        item.score = measured(b, i, row);
    else if (is_l2(b))
        item.score -= b->norm[i] + b->gap[i];
    if (h->bounds)
        item.id = row >= l->late ? (int64_t)row : ~(int64_t)row;
    const bool over = offer(h->heap, &h->held, l->k, &item);
    if (h->held == l->k)
        l->least[i] = least_score(b, i, h->heap[0].score);
    if (over && h->bounds)
        keep_beside(l, i, item);
}

static void offer_tile(const lane_hits *l, const float *score, size_t first, size_t n)
{
    const size_t queries = l->block->n;
    for (size_t r = 0; (r = next_row(score, r, n, l->least, queries)) < n; r++)
        for (size_t i = 0; i < queries; i++)
            if (score[r * queries + i] >= l->least[i])
                offer_item(l, i, score[r * queries + i], first + r);
}

/* ---- search ---- */

typedef struct search {
    unic__index_block block;
    size_t k, wanted; /* hits that the index has for each query; that are asked for */
    size_t room;      /* lower bounds beside a heap */
    size_t lanes;
    hits *of;     /* [lanes][most] */
    hit *hits;    /* [lanes][most][k + room] their memory */
    float *least; /* [lanes][most] */
    int64_t *ids; /* [n,wanted] out, of the block */
    float *scores;
} search;

static void search_lane(const search *s, size_t lane)
{
    const unic__index_block *b = &s->block;
    const unic__index_lane range = unic__index_lane_of(b, lane, s->lanes);
    const size_t place = lane * b->most, size = s->k + s->room;
    const size_t early = b->x->count / s->lanes / 8; /* items of a lane, in any round */
    const lane_hits l = {
        b,    s->of + place, s->least + place,
        s->k, s->room,       range.from + (early > b->done ? early - b->done : 0)};
    for (size_t j = 0; j < b->n && b->done == 0; j++) {
        hit *heap = s->hits + (place + j) * size;
        l.of[j] = (hits){.heap = heap, .beside = heap + s->k, .bounds = is_l2(b)};
        l.least[j] = -INFINITY;
    }
    for (size_t first = range.from; first < range.to; first += TILE) {
        size_t n = range.to - first < TILE ? range.to - first : TILE;
        offer_tile(&l, unic__index_score_tile(b, lane, first, n), first, n);
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

/* All lanes' hits of query j into the first lane's heap. */
static void merge_lanes(const search *s, size_t j)
{
    const unic__index_block *b = &s->block;
    hits *all = &s->of[j];
    settle(b, j, s->k, all);
    for (size_t i = 1; i < s->lanes; i++) {
        const hits *lane = &s->of[i * b->most + j];
        if (lane->bounds) {
            offer_bounds(b, j, s->k, all, lane->heap, lane->held);
            offer_bounds(b, j, s->k, all, lane->beside, lane->left);
            continue;
        }
        for (size_t h = 0; h < lane->held; h++)
            offer(all->heap, &all->held, s->k, &lane->heap[h]);
    }
}

/* The hits of query j in order. */
static void finish_query(const search *s, size_t j)
{
    merge_lanes(s, j);
    hit *heap = s->of[j].heap;
    int64_t *ids = s->ids + j * s->wanted;
    float *scores = s->scores ? s->scores + j * s->wanted : NULL;
    for (size_t place = s->k; place-- > 0;) {
        hit last = heap[0];
        ids[place] = last.id;
        if (scores)
            scores[place] = (float)(is_l2(&s->block) ? -last.score : last.score);
        sift_down(heap, place, heap[place]);
    }
    fill_missing(s->block.x, ids + s->k, scores ? scores + s->k : NULL, s->wanted - s->k);
}

static void finish_queries(const void *context, size_t from, size_t to)
{
    for (; from < to; from++)
        finish_query(context, from);
}

/* As many queries at once as fit BLOCK, and with their hits 64 MiB. */
static unic_status search_create(search *s, const unic_index *x, size_t queries, size_t wanted)
{
    const size_t k = wanted < x->count ? wanted : x->count, room = 16 + k / 8;
    *s = (search){.k = k, .wanted = wanted, .room = room, .lanes = unic__index_lane_count(x)};
    size_t fit = ((size_t)64 << 20) / sizeof(hit) / s->lanes / (k + room), all, bytes;
    size_t most = fit < 1 ? 1 : fit < BLOCK ? fit : BLOCK;
    most = most < queries ? most : queries;
    all = s->lanes * most;
    UNIC__TRY(unic__index_block_create(&s->block, x, s->lanes, most));
    s->of = unic__alloc_array(all, sizeof *s->of);
    s->least = unic__alloc_array(all, sizeof *s->least);
    s->hits = unic__mul_size(all, (k + room) * sizeof(hit), &bytes) ? unic__alloc(bytes) : NULL;
    return s->of && s->least && s->hits
               ? UNIC_OK
               : unic__no_memory(all * (k + room) * sizeof(hit), "the hits of a search");
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
    unic__free(s.of);
    unic__free(s.hits);
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
