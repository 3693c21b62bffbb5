/*
 * Exhaustive search over vectors with ids. All metrics are converted to a score that is larger
 * for nearer items. Ties are ordered by id, and ids are unique, so the order of items is total
 * and results are reproducible.
 */
#ifndef UNIC_TASK_INDEX_H
#define UNIC_TASK_INDEX_H

#include "base/use.h"
#include "task/options.h"
#include "unicode/unic_index.h"

/* Metric and dim. */
extern const unic__options_table unic__index_options;

struct unic_index {
    unic__use use;
    unic_index_options options;
    size_t count, capacity;
    float *vectors; /* [capacity,dim]; of length 1 for the cosine */
    /* L2 (task/index_score.h): the items' mean c if they lie far from the origin for their
     * spread, or zeros; chosen anew when there are twice as many items. */
    float *centre; /* [dim] */
    bool centred;
    size_t centred_at; /* number of items at that time */
    float *norms;      /* [capacity] ||x - c||^2 */
    int64_t *ids;      /* [capacity] */
    /* A hash table from ids to rows with linear probing: a slot is row + 1, or 0 if free. The
     * number of slots is a power of two, and at most half are in use. */
    size_t *slots, slot_count;
};

unic_status unic__index_create(unic_index **out, const unic_index_options *options);
void unic__index_free(unic_index *index);

/* Reserves memory for `items` items in all, and their ids. On failure the index is unchanged;
 * on success, rows from `count` to `items` may be written. */
unic_status unic__index_reserve(unic_index *index, size_t items);

/* Whether rows [n,dim] may be items or queries: finite, not so large that a product overflows,
 * not negative in a histogram. UNIC_E_VALUE: "<what> row 3 ...". */
unic_status unic__index_check_rows(const unic_index *index, const char *what, const float *rows,
                                   size_t n);

/* Brings checked rows to length 1 if the metric is the cosine. */
void unic__index_normalise(const unic_index *index, float *rows, size_t n);

/* Makes the `n` rows after the last one items; ids [n], which may
 * stand in their place already, or NULL for their row numbers.
 * UNIC_E_VALUE names an id that is taken; nothing is added then. */
unic_status unic__index_commit(unic_index *index, size_t n, const int64_t *ids);

/* The item's row; false if no item has this id. */
bool unic__index_find(const unic_index *index, int64_t id, size_t *row);

/* Adds vectors [N,dim] of real numbers, N > 0: all of them or, on failure, none. */
unic_status unic__index_add(unic_index *index, const unic_array *vectors, const int64_t *ids);

/* Takes the items of these ids [n] out; the others keep their order. UNIC_E_NOTFOUND names an
 * id that no item has, UNIC_E_VALUE one that is given twice; nothing is changed then. */
unic_status unic__index_remove(unic_index *index, const int64_t *ids, size_t n);

/* Replaces the vectors of items by [N,dim] of real numbers, N > 0. UNIC_E_NOTFOUND,
 * UNIC_E_VALUE; nothing is changed then. */
unic_status unic__index_update(unic_index *index, const unic_array *vectors,
                               const int64_t *ids);

/* What follows from the vectors of rows [from,count), which have changed. */
void unic__index_measure(unic_index *index, size_t from);
/* Finds the ids' rows anew, after rows have moved. */
void unic__index_rehash(unic_index *index);

/* The k nearest items of each of the queries [N,dim]; k >= 1, N > 0. `scores` may be NULL. */
unic_status unic__index_search(const unic_index *index, const unic_array *queries, size_t k,
                               const unic__progress *progress, int64_t *ids, float *scores);

/* ranks [N]: the place of item ids[i] among all items for query i. UNIC_E_NOTFOUND names an id
 * that no item has. */
unic_status unic__index_rank(const unic_index *index, const unic_array *queries,
                             const int64_t *ids, const unic__progress *progress,
                             int64_t *ranks);

void unic__pool_histogram(const int32_t *codes, size_t clips, size_t length, size_t code_count,
                          float *out);
unic_status unic__pool_mean(const float *vectors, const int32_t *codes, size_t clips,
                            size_t length, size_t dim, float *out);

unic_status unic__index_save(const unic_index *index, unic__output to);
unic_status unic__index_load(unic_index **out, unic__source *source);

#endif
