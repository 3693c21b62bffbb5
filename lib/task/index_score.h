/*
 * Scores of many items for many queries at once. Items are processed in tiles of TILE rows for
 * a block of up to BLOCK queries, which are packed once like a layer's weight: one product
 * gives a tile of scores [TILE,queries] that stays in the cache and is evaluated at once.
 * Threads (lanes) have
 * contiguous runs of tiles and never split a product; a score does not depend
 * on the tile that it is computed in.
 *
 * A score of L2 is ||q - c||^2 - ||q - x||^2 = 2 (q - c).(x - c) - ||x - c||^2, where c is the
 * index's centre. The float32 product is only used to screen: the tile has an upper bound of
 * the score, which less a gap is a lower one, and unic__index_distance2() measures the candidates
 * again.
 */
#ifndef UNIC_TASK_INDEX_SCORE_H
#define UNIC_TASK_INDEX_SCORE_H

#include "kernel/distance.h"
#include "task/index.h"

enum { UNIC__INDEX_TILE = 192, UNIC__INDEX_BLOCK = 128 };

size_t unic__index_lane_count(const unic_index *x);

/* A block of queries, shared by the lanes, and the lanes' tiles. */
typedef struct unic__index_block {
    const unic_index *x;
    size_t most, n; /* queries that there is room for, and that there are    */
    const float *q; /* [n,dim]                                               */
    float *packed;  /* the same as kernel/packed.h wants it; L2: centred     */
    float *tiles;   /* [lanes][TILE,most]                                    */
    float *centred; /* [lanes][centred_rows,dim], where the index has a centre */
    double *norm;   /* [most] L2: ||q - c||^2 and                            */
    float *length;  /* [most] its root, rounded up                           */
    double *gap;    /* [most] L2: how far any true score can be below a tile's */
    double longest; /* L2: max ||x - c||                                     */
    size_t centred_rows;
    unic__screen screen;
    size_t done, span; /* of each lane's items: before this round of a scan, in it */
} unic__index_block;

/* The items of a lane in this round. */
typedef struct unic__index_lane {
    size_t from, to;
} unic__index_lane;

unic__index_lane unic__index_lane_of(const unic__index_block *b, size_t i, size_t lanes);

/* Reports the pairs of a query and an item that were compared. */
typedef struct unic__index_watch {
    const unic__progress *progress;
    size_t queries, before; /* of all blocks; of blocks before this one */
} unic__index_watch;

/*
 * Calls f(context, lane, ..) for the lanes, which look at all items: in one round, or, if somebody
 * is told, in rounds of some milliseconds. UNIC_E_CANCELLED between two.
 */
unic_status unic__index_scan(unic__index_block *b, size_t lanes, const unic__index_watch *watch,
                             unic__part *f, const void *context);

/* Checks queries [N,dim] and converts them for comparison; free `*q` with unic__free(). */
unic_status unic__index_read_queries(const unic_index *x, const unic_array *queries, float **q);

unic_status unic__index_block_create(unic__index_block *b, const unic_index *x, size_t lanes,
                                     size_t most);
void unic__index_block_free(unic__index_block *b);

/* Takes queries q [n,dim], n <= most. */
void unic__index_block_set(unic__index_block *b, const float *q, size_t n);

/* Scores [n,queries] of the items from row `first` on, n <= TILE, to the lane's tile. */
const float *unic__index_score_tile(const unic__index_block *b, size_t lane, size_t first,
                                    size_t n);

/* Asks for the item's vector, which is measured soon, to be brought into the cache. */
void unic__index_prefetch(const unic__index_block *b, size_t row);

/* The squared distance of item `row` and query `i`, in double precision. */
double unic__index_distance2(const unic__index_block *b, size_t row, size_t i);

#endif
