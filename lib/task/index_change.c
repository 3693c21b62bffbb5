#include <stdlib.h>
#include <string.h>

#include "array/array.h"
#include "task/index.h"

/* Items that leave an index, and items that get another vector. */

static int by_value(const void *a, const void *b)
{
    const size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return (x > y) - (x < y);
}

/* Which of `ids` was given before its place `i`. */
static unic_status given_twice(const int64_t *ids, size_t i)
{
    size_t first = 0;
    while (ids[first] != ids[i])
        first++;
    return unic__fail(UNIC_E_VALUE, "id %lld of row %zu is that of row %zu already",
                      (long long)ids[i], i, first);
}

/* rows [n] <- the rows of the items with these ids. `seen` has a bit for each item, cleared. */
static unic_status find_rows(const unic_index *x, const int64_t *ids, size_t n, size_t *rows,
                             unsigned char *seen)
{
    for (size_t i = 0; i < n; i++) {
        if (!unic__index_find(x, ids[i], &rows[i]))
            return unic__fail(UNIC_E_NOTFOUND, "id %lld of row %zu is not in the index",
                              (long long)ids[i], i);
        const unsigned bit = 1U << rows[i] % 8;
        if (seen[rows[i] / 8] & bit)
            return given_twice(ids, i);
        seen[rows[i] / 8] = (unsigned char)(seen[rows[i] / 8] | bit);
    }
    return UNIC_OK;
}

/* The same with memory of its own; free `*rows`. More ids than items cannot all be found, so
 * that no more memory is taken than the index has items. */
static unic_status rows_of(const unic_index *x, const int64_t *ids, size_t n, size_t **rows)
{
    const size_t most = n <= x->count ? n : x->count + 1;
    size_t *found = unic__alloc_array(most, sizeof *found);
    unsigned char *seen = unic__alloc_array(x->count / 8 + 1, 1);
    unic_status status = found && seen
                             ? find_rows(x, ids, most, found, seen)
                             : unic__no_memory(most * sizeof *found, "an index's changes");
    unic__free(seen);
    if (status != UNIC_OK)
        unic__free(found);
    else
        *rows = found;
    return status;
}

/* Rows [from,to) to `at`, which is not behind them. */
static void move_rows(unic_index *x, size_t at, size_t from, size_t to)
{
    const size_t dim = x->options.dim, n = to - from;
    memmove(x->vectors + at * dim, x->vectors + from * dim, n * dim * sizeof(float));
    memmove(x->norms + at, x->norms + from, n * sizeof(float));
    memmove(x->ids + at, x->ids + from, n * sizeof(int64_t));
}

unic_status unic__index_remove(unic_index *index, const int64_t *ids, size_t n)
{
    size_t *rows;
    UNIC__TRY(rows_of(index, ids, n, &rows));
    qsort(rows, n, sizeof *rows, by_value);
    size_t left = rows[0];
    for (size_t i = 0; i < n; i++) { /* what stands between one removed row and the next */
        const size_t from = rows[i] + 1, to = i + 1 < n ? rows[i + 1] : index->count;
        move_rows(index, left, from, to);
        left += to - from;
    }
    unic__free(rows);
    index->count = left;
    unic__index_rehash(index);
    if (index->count < index->centred_at / 2) { /* L2's centre is that of items now gone */
        index->centred_at = 0;
        unic__index_measure(index, 0);
    }
    return UNIC_OK;
}

static void replace(unic_index *x, const float *fresh, const size_t *rows, size_t n)
{
    const size_t dim = x->options.dim;
    size_t first = x->count;
    for (size_t i = 0; i < n; i++) {
        memcpy(x->vectors + rows[i] * dim, fresh + i * dim, dim * sizeof(float));
        first = rows[i] < first ? rows[i] : first;
    }
    if (n > x->count / 2) /* L2's centre is that of vectors now gone */
        x->centred_at = 0;
    unic__index_measure(x, first);
}

unic_status unic__index_update(unic_index *index, const unic_array *vectors, const int64_t *ids)
{
    const size_t n = (size_t)vectors->dims[0], dim = index->options.dim;
    size_t *rows = NULL, cells;
    UNIC__TRY(rows_of(index, ids, n, &rows));
    float *fresh = unic__mul_size(n, dim, &cells) ? unic__alloc_array(cells, sizeof *fresh)
                                                  : NULL;
    unic_status status = UNIC_OK;
    if (fresh) {
        unic__array_to_f32(vectors, fresh);
        status = unic__index_check_rows(index, "vectors", fresh, n);
    } else {
        status = unic__no_memory(n * dim * sizeof *fresh, "an index's changes");
    }
    if (status == UNIC_OK) {
        unic__index_normalise(index, fresh, n);
        replace(index, fresh, rows, n);
    }
    unic__free(fresh);
    unic__free(rows);
    return status;
}
