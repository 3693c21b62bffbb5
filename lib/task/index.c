#include "task/index.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "array/array.h"
#include "kernel/distance.h"

static const unic__option numbers[] = {
    {UNIC__OPTION_OF(unic_index_options, metric), .low = UNIC_INDEX_INNER,
     .high = UNIC_INDEX_INTERSECTION, .values = "unic_index_metric"},
    {UNIC__OPTION_OF(unic_index_options, dim), .low = 1, .high = 1 << 20},
};

const unic__options_table unic__index_options = {
    .member = "index.options",
    .kind = "an index",
    .number = numbers,
    .number_count = sizeof numbers / sizeof numbers[0],
};

unic_status unic__index_create(unic_index **out, const unic_index_options *options)
{
    unic_index *x = unic__alloc_zero(sizeof *x);
    if (!x)
        return unic__no_memory(sizeof *x, "an index");
    x->options = *options;
    x->centre = unic__alloc_array(options->dim, sizeof(float));
    if (!x->centre) {
        unic__free(x);
        return unic__no_memory(options->dim * sizeof(float), "an index");
    }
    *out = x;
    return UNIC_OK;
}

void unic__index_free(unic_index *index)
{
    if (!index)
        return;
    unic__free(index->vectors);
    unic__free(index->centre);
    unic__free(index->norms);
    unic__free(index->ids);
    unic__free(index->slots);
    unic__free(index);
}

/* ---- ids ---- */

/* The slot that has the id, or the free one where it belongs. The key is the index's address:
 * ids from outside cannot be chosen so that they all meet in one slot. */
static size_t slot_of(const unic_index *x, int64_t id)
{
    size_t mask = x->slot_count - 1;
    unic__key key = unic__random_key((uintptr_t)x, 0, 0);
    size_t i = (size_t)unic__random_bits(key, (uint64_t)id) & mask;
    while (x->slots[i] && x->ids[x->slots[i] - 1] != id)
        i = (i + 1) & mask;
    return i;
}

bool unic__index_find(const unic_index *index, int64_t id, size_t *row)
{
    size_t slot = index->count ? slot_of(index, id) : 0;
    if (index->count == 0 || index->slots[slot] == 0)
        return false;
    *row = index->slots[slot] - 1;
    return true;
}

/* Slots for `items` items. */
static unic_status grow_slots(unic_index *x, size_t items)
{
    size_t count = x->slot_count ? x->slot_count : 64;
    while (count / 2 < items)
        count *= 2;
    if (count == x->slot_count)
        return UNIC_OK;
    size_t *slots = unic__alloc_array(count, sizeof *slots);
    if (!slots)
        return unic__no_memory(count * sizeof *slots, "an index's ids");
    unic__free(x->slots);
    x->slots = slots;
    x->slot_count = count;
    unic__index_rehash(x);
    return UNIC_OK;
}

void unic__index_rehash(unic_index *index)
{
    for (size_t i = 0; i < index->slot_count; i++)
        index->slots[i] = 0;
    for (size_t row = 0; row < index->count; row++)
        index->slots[slot_of(index, index->ids[row])] = row + 1;
}

/* ---- growth ---- */

/* One of the arrays of `capacity` rows; the old one stays on failure. */
static unic_status grow_array(const unic_index *x, void **array, size_t row_bytes,
                              size_t capacity)
{
    size_t bytes;
    void *grown = NULL;
    if (unic__mul_size(capacity, row_bytes, &bytes))
        grown = unic__realloc(*array, x->count * row_bytes, bytes);
    else
        bytes = SIZE_MAX;
    if (!grown)
        return unic__no_memory(bytes, "an index's items");
    *array = grown;
    return UNIC_OK;
}

static unic_status grow_arrays(unic_index *x, size_t capacity)
{
    void *vectors = x->vectors, *norms = x->norms, *ids = x->ids;
    unic_status status = grow_array(x, &vectors, x->options.dim * sizeof(float), capacity);
    if (status == UNIC_OK)
        status = grow_array(x, &norms, sizeof(float), capacity);
    if (status == UNIC_OK)
        status = grow_array(x, &ids, sizeof(int64_t), capacity);
    x->vectors = vectors; /* after a failure some arrays are larger than `capacity` says */
    x->norms = norms;
    x->ids = ids;
    if (status == UNIC_OK)
        x->capacity = capacity;
    return status;
}

unic_status unic__index_reserve(unic_index *index, size_t items)
{
    if (items > SIZE_MAX / 64)
        return unic__no_memory(SIZE_MAX, "an index's items");
    if (items > index->capacity)
        UNIC__TRY(grow_arrays(index, items));
    return grow_slots(index, items);
}

/* Room for `n` more items; by half more than there was, so that few of many calls move them. */
static unic_status grow(unic_index *x, size_t n)
{
    size_t items, half_more = x->capacity + x->capacity / 2;
    if (!unic__add_size(x->count, n, &items))
        items = SIZE_MAX;
    if (items > x->capacity && items < half_more)
        items = half_more;
    return unic__index_reserve(x, items);
}

/* ---- rows ---- */

/* In double: exact enough to compare with any bound, and nothing overflows. */
UNIC__SIMD static double square_norm(const float *row, size_t dim)
{
    double sum = 0.0;
#pragma omp simd reduction(+ : sum)
    for (size_t j = 0; j < dim; j++)
        sum += (double)row[j] * (double)row[j];
    return sum;
}

UNIC__SIMD static bool any_negative(const float *row, size_t dim)
{
    int any = 0;
    for (size_t j = 0; j < dim; j++)
        any |= row[j] < 0.0F;
    return any != 0;
}

/* Norms up to 2^62 bound every product, each of its partial sums, and (2^63)^2 of L2. */
static const double most = 0x1p124;

unic_status unic__index_check_rows(const unic_index *index, const char *what, const float *rows,
                                   size_t n)
{
    size_t dim = index->options.dim;
    for (size_t r = 0; r < n; r++, rows += dim) {
        double norm = square_norm(rows, dim);
        if (!isfinite(norm))
            return unic__fail(UNIC_E_VALUE, "%s row %zu holds NaN or Inf in dim %zu", what, r,
                              unic__first_not_finite(rows, dim));
        if (norm > most)
            return unic__fail(UNIC_E_VALUE, "%s row %zu has norm %g, expected at most 2^62",
                              what, r, sqrt(norm));
        if (index->options.metric == UNIC_INDEX_INTERSECTION && any_negative(rows, dim))
            return unic__fail(UNIC_E_VALUE,
                              "%s row %zu is negative somewhere, a histogram expected", what,
                              r);
    }
    return UNIC_OK;
}

void unic__index_normalise(const unic_index *index, float *rows, size_t n)
{
    size_t dim = index->options.dim;
    if (index->options.metric != UNIC_INDEX_COSINE)
        return;
    for (size_t r = 0; r < n; r++, rows += dim) {
        double norm = square_norm(rows, dim);
        double scale = norm > 0.0 ? 1.0 / sqrt(norm) : 0.0;
        for (size_t j = 0; j < dim; j++)
            rows[j] = (float)(scale * (double)rows[j]);
    }
}

/* Returns the sum of the squared norms. */
static double set_norms(unic_index *x, size_t from)
{
    const size_t dim = x->options.dim;
    double sum = 0.0;
    for (size_t r = from; r < x->count; r++) {
        double norm = unic__centred_norm2(x->vectors + r * dim, x->centre, dim);
        x->norms[r] = (float)norm;
        sum += norm;
    }
    return sum;
}

/*
 * Norms of the items from row `from` on. The centre is worth its cost, a difference for each
 * element that a search reads, where without it the screen's error, which grows with the norms,
 * would be many times larger.
 */
void unic__index_measure(unic_index *x, size_t from)
{
    const double far = 16.0;
    const size_t dim = x->options.dim;
    if (x->options.metric != UNIC_INDEX_L2 || x->count == 0)
        return;
    if (x->count < 2 * x->centred_at) {
        set_norms(x, from);
        return;
    }
    unic__mean_row(x->centre, x->vectors, x->count, dim);
    double spread = set_norms(x, 0) / (double)x->count;
    x->centred = square_norm(x->centre, dim) > far * spread;
    x->centred_at = x->count;
    if (!x->centred) {
        memset(x->centre, 0, dim * sizeof(float));
        set_norms(x, 0);
    }
}

unic_status unic__index_commit(unic_index *index, size_t n, const int64_t *ids)
{
    for (size_t i = 0; i < n; i++) {
        size_t row = index->count + i;
        int64_t id = ids ? ids[i] : (int64_t)row;
        size_t slot = slot_of(index, id);
        if (index->slots[slot] == 0) {
            index->ids[row] = id;
            index->slots[slot] = row + 1;
            continue;
        }
        size_t taken = index->slots[slot] - 1;
        while (i-- > 0) /* the last first: then no search goes past a slot that became free */
            index->slots[slot_of(index, index->ids[index->count + i])] = 0;
        if (taken >= index->count)
            return unic__fail(UNIC_E_VALUE, "id %lld of row %zu is that of row %zu already",
                              (long long)id, row - index->count, taken - index->count);
        return unic__fail(UNIC_E_VALUE, "id %lld of row %zu is that of item %zu already",
                          (long long)id, row - index->count, taken);
    }
    index->count += n;
    unic__index_measure(index, index->count - n);
    return UNIC_OK;
}

/* Where `given` is after the block `old` of `bytes` has become `now`, if it points into that. */
static const void *moved(const void *given, const void *old, size_t bytes, const void *now)
{
    const uintptr_t from = (uintptr_t)old, at = (uintptr_t)given;
    return old && at >= from && at - from < bytes ? (const char *)now + (at - from) : given;
}

unic_status unic__index_add(unic_index *index, const unic_array *vectors, const int64_t *ids)
{
    const size_t n = (size_t)vectors->dims[0], count = index->count;
    const void *old_vectors = index->vectors, *old_ids = index->ids;
    unic_array from = *vectors;
    UNIC__TRY(grow(index, n));
    /* The index's own may be given, which now stand elsewhere. */
    from.data = moved(from.data, old_vectors, count * index->options.dim * sizeof(float),
                      index->vectors);
    ids = moved(ids, old_ids, count * sizeof *ids, index->ids);
    float *rows = index->vectors + index->count * index->options.dim;
    unic__array_to_f32(&from, rows);
    UNIC__TRY(unic__index_check_rows(index, "vectors", rows, n));
    unic__index_normalise(index, rows, n);
    return unic__index_commit(index, n, ids);
}
