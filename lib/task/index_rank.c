#include "task/index_score.h"

/* Ranks: how many items are at least as near to a query as its own item. */

enum { TILE = UNIC__INDEX_TILE, BLOCK = UNIC__INDEX_BLOCK };

typedef struct ranking {
    unic__index_block block;
    size_t lanes;
    const size_t *row; /* [queries] the row of its item, of the block                      */
    /* [most] What the own items reach: a tile's score below low is farther, one from high on is
     * as near. L2: around the true score by what rounding may do; what lies between is
     * measured. */
    float *low, *high;
    double *distance2; /* [most] L2                                                        */
    int64_t *near;     /* [lanes][most] items at least as near, itself among them          */
} ranking;

static bool is_l2(const unic__index_block *b)
{
    return b->x->options.metric == UNIC_INDEX_L2;
}

static void set_own(const ranking *g, size_t j)
{
    const unic__index_block *b = &g->block;
    if (!is_l2(b)) { /* computed like any other score, so it is equal to itself */
        g->low[j] = g->high[j] = unic__index_score_tile(b, 0, g->row[j], 1)[j];
        return;
    }
    double d = g->distance2[j] = unic__index_distance2(b, g->row[j], j);
    double score = b->norm[j] - d, rounding = 2e-7 * fabs(score) + 1e-12 * b->norm[j];
    g->low[j] = (float)(score - rounding);
    g->high[j] = (float)(score + rounding);
}

/* Adds what is sure of one item; whether there is a query of which it is not. The lower bound
 * of a score is gain * length + less below it. */
UNIC__SIMD static bool count_row(const ranking *g, int64_t *restrict near,
                                 const float *restrict score, float gain, float less)
{
    const float *restrict low = g->low, *restrict high = g->high;
    const float *restrict length = g->block.length;
    int unsure = 0;
    for (size_t j = 0; j < g->block.n; j++) {
        int may = score[j] >= low[j], is = score[j] - (gain * length[j] + less) >= high[j];
        near[j] += is;
        unsure |= may & !is;
    }
    return unsure != 0;
}

static void count_item(const ranking *g, int64_t *near, const float *score, size_t row)
{
    const unic__index_block *b = &g->block;
    const double norm = is_l2(b) ? (double)b->x->norms[row] : 0.0, slope = b->screen.slope;
    const float gain = (float)(2.0 * slope * sqrt(norm));
    const float less = is_l2(b) ? (float)(2.0 * (slope * norm + b->screen.floor)) : 0.0F;
    if (!count_row(g, near, score, gain, less))
        return;
    for (size_t j = 0; j < b->n; j++)
        if (score[j] >= g->low[j] && !(score[j] - (gain * b->length[j] + less) >= g->high[j]))
            near[j] += unic__index_distance2(b, row, j) <= g->distance2[j];
}

static void count_lane(const ranking *g, size_t lane)
{
    const unic__index_block *b = &g->block;
    const unic__index_lane l = unic__index_lane_of(b, lane, g->lanes);
    int64_t *near = g->near + lane * b->most;
    for (size_t j = 0; j < b->n && b->done == 0; j++)
        near[j] = 0;
    for (size_t first = l.from; first < l.to; first += TILE) {
        size_t n = l.to - first < TILE ? l.to - first : TILE;
        const float *score = unic__index_score_tile(b, lane, first, n);
        for (size_t r = 0; r < n; r++)
            count_item(g, near, score + r * b->n, first + r);
    }
}

static void count_lanes(const void *context, size_t from, size_t to)
{
    for (; from < to; from++)
        count_lane(context, from);
}

static unic_status create(ranking *g, const unic_index *x, size_t most)
{
    *g = (ranking){.lanes = unic__index_lane_count(x)};
    UNIC__TRY(unic__index_block_create(&g->block, x, g->lanes, most));
    g->low = unic__alloc_array(most, sizeof *g->low);
    g->high = unic__alloc_array(most, sizeof *g->high);
    g->distance2 = unic__alloc_array(most, sizeof *g->distance2);
    g->near = unic__alloc_array(g->lanes * most, sizeof *g->near);
    if (g->low && g->high && g->distance2 && g->near)
        return UNIC_OK;
    return unic__no_memory(g->lanes * most * sizeof *g->near, "a ranking");
}

static unic_status rank_rows(const unic_index *index, const float *q, const size_t *rows,
                             unic__index_watch watch, int64_t *ranks)
{
    const size_t queries = watch.queries, most = queries < BLOCK ? queries : BLOCK;
    ranking g;
    unic_status status = create(&g, index, most);
    for (size_t from = 0; status == UNIC_OK && from < queries; from += most) {
        size_t n = queries - from < most ? queries - from : most;
        unic__index_block_set(&g.block, q + from * index->options.dim, n);
        g.row = rows + from;
        for (size_t j = 0; j < n; j++)
            set_own(&g, j);
        watch.before = from;
        status = unic__index_scan(&g.block, g.lanes, &watch, count_lanes, &g);
        for (size_t j = 0; j < n && status == UNIC_OK; j++) {
            ranks[from + j] = 0;
            for (size_t i = 0; i < g.lanes; i++)
                ranks[from + j] += g.near[i * most + j];
        }
    }
    unic__index_block_free(&g.block);
    unic__free(g.low);
    unic__free(g.high);
    unic__free(g.distance2);
    unic__free(g.near);
    return status;
}

/* The rows of items by their ids. */
static unic_status find_rows(const unic_index *x, const int64_t *ids, size_t n, size_t *rows)
{
    for (size_t i = 0; i < n; i++)
        if (!unic__index_find(x, ids[i], &rows[i]))
            return unic__fail(UNIC_E_NOTFOUND, "id %lld of query %zu is not in the index",
                              (long long)ids[i], i);
    return UNIC_OK;
}

unic_status unic__index_rank(const unic_index *index, const unic_array *queries,
                             const int64_t *ids, const unic__progress *progress, int64_t *ranks)
{
    const unic__index_watch watch = {progress, (size_t)queries->dims[0], 0};
    size_t *rows = unic__alloc_array(watch.queries, sizeof *rows);
    float *q = NULL;
    if (!rows)
        return unic__no_memory(watch.queries * sizeof *rows, "a ranking's items");
    unic_status status = find_rows(index, ids, watch.queries, rows);
    if (status == UNIC_OK)
        status = unic__index_read_queries(index, queries, &q);
    if (status == UNIC_OK)
        status = rank_rows(index, q, rows, watch, ranks);
    unic__free(q);
    unic__free(rows);
    return status;
}
