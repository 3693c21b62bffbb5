#include "task/index_score.h"

#include "array/array.h"
#include "kernel/packed.h"

enum { TILE = UNIC__INDEX_TILE };

/* ---- lanes ---- */

static size_t tiles_of(const unic_index *x)
{
    return (x->count + TILE - 1) / TILE;
}

size_t unic__index_lane_count(const unic_index *x)
{
    size_t threads = (size_t)unic__threads(), tiles = tiles_of(x);
    return threads < tiles ? threads : tiles;
}

unic__index_lane unic__index_lane_of(const unic__index_block *b, size_t i, size_t lanes)
{
    const size_t tiles = tiles_of(b->x), first = tiles * i / lanes * TILE + b->done;
    size_t last = tiles * (i + 1) / lanes * TILE;
    last = last < b->x->count ? last : b->x->count;
    const size_t from = first < last ? first : last;
    return (unic__index_lane){from, last - from < b->span ? last : from + b->span};
}

/* Rows of a round: whole tiles, of about 2^27 products of numbers. */
static size_t round_of(const unic__index_block *b)
{
    const size_t row = b->n * b->x->options.dim, rows = ((size_t)1 << 27) / row;
    return (rows / TILE + 1) * TILE;
}

unic_status unic__index_scan(unic__index_block *b, size_t lanes, const unic__index_watch *watch,
                             unic__part *f, const void *context)
{
    const size_t count = b->x->count, most = (tiles_of(b->x) + lanes - 1) / lanes * TILE;
    b->span = watch->progress->fn ? round_of(b) : most;
    for (b->done = 0; b->done < most; b->done += b->span) {
        unic__parallel(lanes, 1, true, f, context);
        const size_t rows = (b->done + b->span) * lanes;
        UNIC__TRY(unic__progress_tell(watch->progress, "pairs",
                                      (uint64_t)watch->before * count +
                                          (uint64_t)b->n * (rows < count ? rows : count),
                                      (uint64_t)watch->queries * count));
    }
    return UNIC_OK;
}

/* ---- a block of queries ---- */

unic_status unic__index_read_queries(const unic_index *x, const unic_array *queries, float **q)
{
    const size_t n = (size_t)queries->dims[0];
    size_t count;
    float *rows = NULL;
    if (unic__mul_size(n, x->options.dim, &count))
        rows = unic__alloc_array(count, sizeof *rows);
    if (!rows)
        return unic__no_memory(n * x->options.dim * sizeof *rows, "queries");
    unic__array_to_f32(queries, rows);
    unic_status status = unic__index_check_rows(x, "queries", rows, n);
    if (status != UNIC_OK) {
        unic__free(rows);
        return status;
    }
    unic__index_normalise(x, rows, n);
    *q = rows;
    return UNIC_OK;
}

/* Items that are moved to the centre at a time: they stay in the second cache. */
static size_t centred_rows(const unic_index *x)
{
    enum { CACHE = 1 << 16, FEW = 12 }; /* floats; rows of a kernel's tile */
    size_t rows = CACHE / x->options.dim;
    return rows < FEW ? FEW : rows < TILE ? rows : TILE;
}

UNIC__SIMD static float largest(const float *x, size_t n)
{
    float most = 0.0F;
#pragma omp simd reduction(max : most)
    for (size_t i = 0; i < n; i++)
        most = x[i] > most ? x[i] : most;
    return most;
}

unic_status unic__index_block_create(unic__index_block *b, const unic_index *x, size_t lanes,
                                     size_t most)
{
    size_t dim = x->options.dim;
    *b = (unic__index_block){.x = x, .most = most, .screen = unic__screen_of(dim)};
    b->centred_rows = centred_rows(x);
    b->packed = unic__alloc_array(unic__packed_count(most, dim), sizeof(float));
    b->tiles = unic__alloc_array(lanes * most * TILE, sizeof(float));
    b->norm = unic__alloc_array(most, sizeof(double));
    b->length = unic__alloc_array(most, sizeof(float));
    b->gap = unic__alloc_array(most, sizeof(double));
    if (x->options.metric == UNIC_INDEX_L2)
        b->longest = sqrt((double)largest(x->norms, x->count));
    if (x->centred)
        b->centred = unic__alloc_array(lanes * b->centred_rows * dim, sizeof(float));
    if (b->packed && b->tiles && b->norm && b->length && b->gap && (b->centred || !x->centred))
        return UNIC_OK;
    unic__index_block_free(b);
    return unic__no_memory(lanes * most * TILE * sizeof(float), "a block of queries");
}

void unic__index_block_free(unic__index_block *b)
{
    unic__free(b->packed);
    unic__free(b->tiles);
    unic__free(b->norm);
    unic__free(b->length);
    unic__free(b->gap);
    unic__free(b->centred);
    *b = (unic__index_block){0};
}

void unic__index_block_set(unic__index_block *b, const float *q, size_t n)
{
    const unic_index *x = b->x;
    const size_t dim = x->options.dim;
    b->q = q;
    b->n = n;
    if (x->options.metric == UNIC_INDEX_INTERSECTION)
        return;
    unic__pack(b->packed, q, n, dim);
    if (x->options.metric != UNIC_INDEX_L2)
        return;
    if (x->centred)
        unic__centre_packed(b->packed, x->centre, n, dim);
    for (size_t i = 0; i < n; i++) {
        b->norm[i] = unic__distance2(q + i * dim, x->centre, dim);
        b->length[i] = (float)(sqrt(b->norm[i]) * (1.0 + 1e-6));
        b->gap[i] = 2.0 * unic__screen_error(b->screen, (double)b->length[i], b->longest);
    }
}

/* ---- scores ---- */

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

/* score [n,queries] = rows q^T; items that lie one behind the other in memory `stream` */
static void multiply(const unic__index_block *b, float *score, const float *rows, size_t n,
                     bool stream)
{
    unic__packed_run(&(unic__packed_product){.rows = n,
                                             .n = b->n,
                                             .k = b->x->options.dim,
                                             .x = rows,
                                             .x_row = b->x->options.dim,
                                             .packed = b->packed,
                                             .y = score,
                                             .y_row = b->n,
                                             .streams = stream});
}

static void multiply_centred(const unic__index_block *b, size_t lane, float *score,
                             const float *rows, size_t n)
{
    const size_t dim = b->x->options.dim;
    float *centred = b->centred + lane * b->centred_rows * dim;
    for (size_t r = 0; r < n; r += b->centred_rows) {
        size_t part = n - r < b->centred_rows ? n - r : b->centred_rows;
        unic__centre(centred, rows + r * dim, dim, b->x->centre, part, dim);
        multiply(b, score + r * b->n, centred, part, false);
    }
}

/* score = 2 q.x - ||x||^2, and its error on top */
UNIC__SIMD static void to_l2(float *restrict score, const float *restrict norms,
                             const float *restrict length, size_t queries, size_t n,
                             unic__screen screen)
{
    for (size_t r = 0; r < n; r++, score += queries) {
        const double norm = (double)norms[r];
        const float less = (float)(norm - screen.slope * norm - screen.floor);
        const float gain = (float)(screen.slope * sqrt(norm));
        for (size_t i = 0; i < queries; i++)
            score[i] = 2.0F * score[i] - less + gain * length[i];
    }
}

const float *unic__index_score_tile(const unic__index_block *b, size_t lane, size_t first,
                                    size_t n)
{
    const unic_index *x = b->x;
    const size_t dim = x->options.dim;
    const float *rows = x->vectors + first * dim;
    float *score = b->tiles + lane * b->most * TILE;
    if (x->options.metric == UNIC_INDEX_INTERSECTION)
        intersect(score, b->q, rows, b->n, n, dim);
    else if (x->centred)
        multiply_centred(b, lane, score, rows, n);
    else
        multiply(b, score, rows, n, true);
    if (x->options.metric == UNIC_INDEX_L2)
        to_l2(score, x->norms + first, b->length, b->n, n, b->screen);
    return score;
}

void unic__index_prefetch(const unic__index_block *b, size_t row)
{
    enum { LINE = 64 / sizeof(float), MOST = 64 * LINE };
    const size_t dim = b->x->options.dim, end = dim < MOST ? dim : MOST;
    for (size_t j = 0; j < end; j += LINE)
        __builtin_prefetch(b->x->vectors + row * dim + j, 0, 2);
}

double unic__index_distance2(const unic__index_block *b, size_t row, size_t i)
{
    const size_t dim = b->x->options.dim;
    return unic__distance2(b->q + i * dim, b->x->vectors + row * dim, dim);
}
