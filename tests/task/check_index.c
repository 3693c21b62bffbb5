/* lib/task: the index against a naive search in double, its order, its ranks, and pooling. */
#include "task/index.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "file/io_help.h"
#include "model/small_model.h"

static unic_index *new_index(int32_t metric, size_t dim)
{
    unic_index *x;
    const unic_index_options o = {.struct_size = sizeof o, .dim = dim, .metric = metric};
    io_assert_ok(unic_index_create(&x, &o));
    return x;
}

static unic_array rows_of(const float *data, size_t rows, size_t dim)
{
    unic_array a;
    unic_array_init(&a, data, UNIC_F32, 2, (const int64_t[]){(int64_t)rows, (int64_t)dim});
    return a;
}

static void add(unic_index *x, const float *data, size_t rows, const int64_t *ids)
{
    const unic_array a = rows_of(data, rows, x->options.dim);
    io_assert_ok(unic_index_add(x, &a, ids));
}

/* Normal for vectors; for histograms absolute values, many of them zero. */
static float *new_rows(int32_t metric, size_t rows, size_t dim, uint64_t seed)
{
    float *x = malloc((rows * dim + 1) * sizeof *x);
    unic__key key = unic__random_key(seed, 0, 0);
    ck_assert(x != NULL);
    for (size_t i = 0; i < rows * dim; i++) {
        x[i] = unic__random_normal(key, i);
        if (metric == UNIC_INDEX_INTERSECTION)
            x[i] = x[i] > 0.0F ? x[i] : 0.0F;
    }
    return x;
}

/* ---- against the definition ---- */

static double dot(const float *a, const float *b, size_t dim)
{
    double sum = 0.0;
    for (size_t j = 0; j < dim; j++)
        sum += (double)a[j] * b[j];
    return sum;
}

static double naive(int32_t metric, const float *q, const float *x, size_t dim)
{
    double sum = 0.0, norms = sqrt(dot(q, q, dim) * dot(x, x, dim));
    for (size_t j = 0; j < dim; j++)
        sum += metric == UNIC_INDEX_L2 ? ((double)q[j] - x[j]) * ((double)q[j] - x[j])
               : metric == UNIC_INDEX_INTERSECTION ? (double)fminf(q[j], x[j])
                                                   : (double)q[j] * x[j];
    return metric != UNIC_INDEX_COSINE ? sum : norms > 0.0 ? sum / norms : 0.0;
}

static int by_id(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Items of ids 3 r + 1. Each hit has its own value; the values are the k best (1e-5 of the
 * largest apart at most, which is what float32 products are worth); no id comes twice. */
static void assert_hits(int32_t metric, const float *items, size_t n, const float *q,
                        size_t dim, size_t k, const int64_t *ids, const float *scores)
{
    double sign = metric == UNIC_INDEX_L2 ? -1.0 : 1.0, largest = 0.0;
    double *all = malloc(n * sizeof *all);
    int64_t *sorted = malloc(k * sizeof *sorted);
    for (size_t r = 0; r < n; r++) {
        all[r] = sign * naive(metric, q, items + r * dim, dim);
        largest = fmax(largest, fabs(all[r]));
    }
    double tolerance = 1e-5 * largest;
    for (size_t i = 0; i < k; i++) {
        size_t row = (size_t)(ids[i] - 1) / 3, better = 0;
        ck_assert(ids[i] % 3 == 1 && row < n);
        ck_assert(fabs(sign * scores[i] - all[row]) <= tolerance);
        ck_assert(i == 0 || sign * scores[i] <= sign * scores[i - 1]);
        for (size_t r = 0; r < n; r++)
            better += all[r] > all[row] + tolerance;
        ck_assert_uint_le(better, i);
    }
    memcpy(sorted, ids, k * sizeof *sorted);
    qsort(sorted, k, sizeof *sorted, by_id);
    for (size_t i = 1; i < k; i++)
        ck_assert(sorted[i] != sorted[i - 1]);
    free(all);
    free(sorted);
}

static void search_case(int32_t metric, size_t n, size_t dim, size_t queries, size_t k)
{
    unic_index *x = new_index(metric, dim);
    float *items = new_rows(metric, n, dim, 1), *q = new_rows(metric, queries, dim, 2);
    float *scores = malloc(queries * k * sizeof *scores);
    int64_t *ids = malloc((n + queries * k) * sizeof *ids), *found = ids + n;
    for (size_t r = 0; r < n; r++)
        ids[r] = 3 * (int64_t)r + 1;
    add(x, items, n / 3, ids); /* in two parts: the second makes it grow */
    add(x, items + n / 3 * dim, n - n / 3, ids + n / 3);
    const unic_array a = rows_of(q, queries, dim);
    io_assert_ok(unic_index_search(x, &a, k, NULL, found, scores));
    for (size_t i = 0; i < queries; i++)
        assert_hits(metric, items, n, q + i * dim, dim, k, found + i * k, scores + i * k);
    unic_index_free(x);
    free(items);
    free(q);
    free(scores);
    free(ids);
}

START_TEST(finds_the_nearest)
{
    /* items, dim, queries, k: around strides, tiles (512) and blocks (128) */
    const size_t cases[][4] = {{1, 1, 1, 1},        {3, 7, 2, 3},      {64, 16, 5, 10},
                               {65, 1, 1, 65},      {512, 33, 129, 7}, {513, 8, 130, 40},
                               {1100, 20, 3, 1100}, {2600, 12, 4, 100}};
    for (int32_t metric = UNIC_INDEX_INNER; metric <= UNIC_INDEX_INTERSECTION; metric++)
        for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++)
            search_case(metric, cases[c][0], cases[c][1], cases[c][2], cases[c][3]);
}
END_TEST

/* ---- L2 far from the origin ---- */

enum { FAR_N = 700, FAR_D = 19, FAR_Q = 140, FAR_K = 12 };

/* By distance in double, then by id, which is the row. */
typedef struct measured {
    double distance2;
    int64_t id;
} measured;

static int by_distance(const void *pa, const void *pb)
{
    const measured *a = pa, *b = pb;
    if (a->distance2 != b->distance2)
        return a->distance2 < b->distance2 ? -1 : 1;
    return (a->id > b->id) - (a->id < b->id);
}

static void check_far_query(const float *items, const float *q, const int64_t *ids,
                            const float *scores, int64_t rank, size_t own)
{
    measured all[FAR_N];
    double own2 = naive(UNIC_INDEX_L2, q, items + own * FAR_D, FAR_D);
    int64_t near = 0;
    for (size_t r = 0; r < FAR_N; r++) {
        all[r] = (measured){naive(UNIC_INDEX_L2, q, items + r * FAR_D, FAR_D), (int64_t)r};
        near += all[r].distance2 <= own2;
    }
    qsort(all, FAR_N, sizeof all[0], by_distance);
    for (size_t i = 0; i < FAR_K; i++) {
        ck_assert_msg(ids[i] == all[i].id, "place %zu: %lld at %.9g, expected %lld at %.17g", i,
                      (long long)ids[i], (double)scores[i], (long long)all[i].id,
                      all[i].distance2);
        ck_assert(fabs(scores[i] - all[i].distance2) <= 1e-6 * all[i].distance2 + 1e-45);
    }
    ck_assert_int_eq(rank, near);
}

/* Some items twice, some queries items. */
static void check_far(float offset, float scale, int threads)
{
    unic_index *x = new_index(UNIC_INDEX_L2, FAR_D);
    float *items = new_rows(UNIC_INDEX_L2, FAR_N, FAR_D, 3);
    float *q = new_rows(UNIC_INDEX_L2, FAR_Q, FAR_D, 4), scores[FAR_Q * FAR_K];
    int64_t ids[FAR_Q * FAR_K], own[FAR_Q], ranks[FAR_Q];
    for (size_t i = 0; i < FAR_N * FAR_D; i++)
        items[i] = i / FAR_D % 9 == 8 ? items[i - FAR_D] : offset + scale * items[i];
    for (size_t i = 0; i < FAR_Q * FAR_D; i++)
        q[i] = i / FAR_D % 3 == 0 ? items[i] : offset + scale * q[i];
    for (size_t i = 0; i < FAR_Q; i++)
        own[i] = (int64_t)(i * 5 % FAR_N);
    add(x, items, 3, NULL);
    add(x, items + 3 * FAR_D, FAR_N - 3, NULL);
    const unic_array a = rows_of(q, FAR_Q, FAR_D);
    unic__threads_set(threads);
    io_assert_ok(unic_index_search(x, &a, FAR_K, NULL, ids, scores));
    io_assert_ok(unic_index_rank(x, &a, own, NULL, ranks));
    unic__threads_set(1);
    for (size_t i = 0; i < FAR_Q; i++)
        check_far_query(items, q + i * FAR_D, ids + i * FAR_K, scores + i * FAR_K, ranks[i],
                        (size_t)own[i]);
    unic_index_free(x);
    free(items);
    free(q);
}

START_TEST(l2_is_exact_at_any_offset)
{
    static const float offsets[] = {0.0F, 1e2F, 1e4F, 1e6F, -1e4F};
    check_far(offsets[_i], 1.0F, 1);
    check_far(offsets[_i], 1.0F, 2);
}
END_TEST

/* Squares that vanish in float32, and squares that come near its end (rows of norm 2^62). */
START_TEST(l2_is_exact_at_any_scale)
{
    static const float scales[] = {1e-42F, 1e-25F, 1e-10F, 1e10F, 1e17F};
    check_far(0.0F, scales[_i], 1);
}
END_TEST

/* Two clusters on opposite sides: a centre helps neither. */
START_TEST(l2_is_exact_between_far_clusters)
{
    const float q[3] = {4208848.0F, 2334863.5F, 4171170.25F};
    const float items[6] = {4208292.0F, 2335623.5F, 4171305.0F,
                            4208843.5F, 2334869.5F, 4171171.5F};
    unic_index *x = new_index(UNIC_INDEX_L2, 3);
    const unic_array a = rows_of(q, 1, 3);
    int64_t ids[2];
    float scores[2];
    add(x, items, 2, NULL);
    io_assert_ok(unic_index_search(x, &a, 2, NULL, ids, scores));
    ck_assert(ids[0] == 1 && ids[1] == 0);
    for (size_t i = 0; i < 2; i++) {
        double want = naive(UNIC_INDEX_L2, q, items + 3 * ids[i], 3);
        ck_assert(fabs(scores[i] - want) <= 1e-6 * want);
    }
    unic_index_free(x);
}
END_TEST

/* Items around a point: 8 nearest, `near` on a sphere as well as float32 says, the others far.
 * So the place FAR_K = 12 is decided among distances that differ by less than the product's
 * error; a few of these are kept beside the hits, more than that are measured at once. */
static void put_sphere(float *items, const float *point, size_t near)
{
    const size_t mixed = near < 50 ? 80 : FAR_N; /* few: among the first, which are bounds */
    int32_t places[FAR_N];
    unic__random_permutation(unic__random_key(7, near, 0), places, mixed);
    for (size_t r = 0; r < FAR_N; r++) {
        float *row = items + r * FAR_D;
        const size_t place = r < mixed ? (size_t)places[r] : FAR_N;
        const double length = sqrt(dot(row, row, FAR_D));
        const double radius = place < 8 ? 0.5 : place < 8 + near ? 1.0 : 2.0 + length;
        for (size_t j = 0; j < FAR_D; j++)
            row[j] = (float)(point[j] + radius / length * row[j]);
    }
}

static void check_sphere(size_t near, float outlier, double away, int threads)
{
    unic_index *x = new_index(UNIC_INDEX_L2, FAR_D);
    float *items = new_rows(UNIC_INDEX_L2, FAR_N, FAR_D, 8), scores[FAR_K];
    float *point = new_rows(UNIC_INDEX_L2, 1, FAR_D, 9);
    int64_t ids[FAR_K], own = 1, rank;
    const double length = sqrt(dot(point, point, FAR_D));
    for (size_t j = 0; j < FAR_D; j++) /* away 1, as the radius: then scores are about 0 */
        point[j] = (float)(away * point[j] / length);
    put_sphere(items, point, near);
    if (outlier > 0.0F)
        items[FAR_N / 2 * FAR_D] = outlier; /* makes the gap of all bounds wide */
    add(x, items, FAR_N, NULL);
    const unic_array q = rows_of(point, 1, FAR_D);
    unic__threads_set(threads);
    io_assert_ok(unic_index_search(x, &q, FAR_K, NULL, ids, scores));
    io_assert_ok(unic_index_rank(x, &q, &own, NULL, &rank));
    unic__threads_set(1);
    check_far_query(items, point, ids, scores, rank, (size_t)own);
    unic_index_free(x);
    free(items);
    free(point);
}

START_TEST(l2_is_exact_among_near_ties)
{
    static const size_t near[] = {5, 12, 30, 100, FAR_N - 8};
    static const float outliers[] = {0.0F, 1e4F, 1e9F, 1e11F, 4e18F};
    for (int threads = 1; threads <= 3; threads++)
        for (size_t i = 0; i < sizeof outliers / sizeof *outliers; i++)
            for (double away = 1.0; away < 20.0; away *= 4.0)
                check_sphere(near[_i], outliers[i], away, threads);
}
END_TEST

static int count_call(const char *what, uint64_t done, uint64_t total, void *user)
{
    ck_assert(strcmp(what, "pairs") == 0 && done <= total);
    ++*(int *)user;
    return 0;
}

/* A search that somebody watches looks at the items in rounds. */
START_TEST(rounds_change_nothing)
{
    enum { ITEMS = 5000, DIM = 256, QUERIES = 128, K = 20 };
    static int64_t ids[2][QUERIES * K];
    static float scores[2][QUERIES * K];
    float *items = new_rows(UNIC_INDEX_L2, ITEMS, DIM, 3);
    float *q = new_rows(UNIC_INDEX_L2, QUERIES, DIM, 4);
    unic_index *x = new_index(UNIC_INDEX_L2, DIM);
    const unic_array a = rows_of(q, QUERIES, DIM);
    int calls = 0;
    const unic_search_options o = {
        .struct_size = sizeof o, .progress = count_call, .progress_user = &calls};
    add(x, items, ITEMS, NULL);
    io_assert_ok(unic_index_search(x, &a, K, NULL, ids[0], scores[0]));
    io_assert_ok(unic_index_search(x, &a, K, &o, ids[1], scores[1]));
    ck_assert_int_ge(calls, 2);
    ck_assert_mem_eq(ids[0], ids[1], sizeof ids[0]);
    ck_assert_mem_eq(scores[0], scores[1], sizeof scores[0]);
    unic_index_free(x);
    free(items);
    free(q);
}
END_TEST

/* ---- the order ---- */

enum { N = 1300, D = 4, Q = 150 };

/* Small whole numbers: products are exact, and many are equal. Ids in no order. */
typedef struct tied {
    unic_index *x;
    float items[N * D], q[Q * D];
    int64_t ids[N];
} tied;

static tied *new_tied(int32_t metric)
{
    tied *t = malloc(sizeof *t);
    unic__key key = unic__random_key(5, 0, 0);
    int32_t places[N];
    ck_assert(t != NULL);
    for (size_t i = 0; i < N * D; i++)
        t->items[i] = (float)unic__random_below(key, i, 3);
    for (size_t i = 0; i < Q * D; i++)
        t->q[i] = (float)unic__random_below(key, N * D + i, 3);
    unic__random_permutation(key, places, N);
    for (size_t r = 0; r < N; r++)
        t->ids[r] = 1000 - 7 * (int64_t)places[r]; /* negative ones too */
    t->x = new_index(metric, D);
    add(t->x, t->items, N, t->ids);
    return t;
}

static void free_tied(tied *t)
{
    unic_index_free(t->x);
    free(t);
}

/* Row a of the items comes before row b. */
static bool comes_before(const tied *t, size_t query, size_t a, size_t b)
{
    int32_t metric = t->x->options.metric;
    double x = naive(metric, t->q + query * D, t->items + a * D, D);
    double y = naive(metric, t->q + query * D, t->items + b * D, D);
    if (metric == UNIC_INDEX_L2)
        x = -x, y = -y;
    return x > y || (x == y && t->ids[a] < t->ids[b]);
}

START_TEST(equal_ones_are_in_the_order_of_their_ids)
{
    const int32_t metrics[] = {UNIC_INDEX_INNER, UNIC_INDEX_L2, UNIC_INDEX_INTERSECTION};
    static int64_t found[Q * N], ranks[Q], wanted[Q];
    static float scores[Q * N];
    static size_t last[Q];
    for (size_t m = 0; m < 3; m++) {
        tied *t = new_tied(metrics[m]);
        const unic_array q = rows_of(t->q, Q, D);
        io_assert_ok(unic_index_search(t->x, &q, N, NULL, found, scores));
        for (size_t i = 0; i < Q; i++) {
            for (size_t r = 1; r < N; r++) {
                size_t a, b;
                ck_assert(unic__index_find(t->x, found[i * N + r - 1], &a));
                ck_assert(unic__index_find(t->x, found[i * N + r], &b));
                if (!comes_before(t, i, a, b))
                    ck_abort_msg("query %zu: places %zu and %zu", i, r - 1, r);
            }
            wanted[i] = found[i * N + i * 7];
            for (last[i] = i * 7; last[i] + 1 < N; last[i]++) /* of those equal to it */
                if (scores[i * N + last[i] + 1] != scores[i * N + i * 7])
                    break;
        }
        io_assert_ok(unic_index_rank(t->x, &q, wanted, NULL, ranks));
        for (size_t i = 0; i < Q; i++)
            ck_assert_int_eq(ranks[i], (int64_t)last[i] + 1);
        free_tied(t);
    }
}
END_TEST

START_TEST(fewer_hits_are_the_first_of_more)
{
    static int64_t few[Q * 9], all[Q * N];
    tied *t = new_tied(UNIC_INDEX_INNER);
    const unic_array q = rows_of(t->q, Q, D);
    io_assert_ok(unic_index_search(t->x, &q, 9, NULL, few, NULL));
    io_assert_ok(unic_index_search(t->x, &q, N, NULL, all, NULL));
    for (size_t i = 0; i < Q; i++)
        ck_assert_mem_eq(few + i * 9, all + i * N, 9 * sizeof *few);
    free_tied(t);
}
END_TEST

START_TEST(threads_change_nothing)
{
    enum { ITEMS = 3000, DIM = 40, QUERIES = 130, K = 20 };
    static int64_t ids[2][QUERIES * K], ranks[2][QUERIES];
    static float scores[2][QUERIES * K];
    for (int32_t metric = UNIC_INDEX_INNER; metric <= UNIC_INDEX_INTERSECTION; metric++)
        for (size_t n = 300; n <= ITEMS; n += 2700) {
            float *items = new_rows(metric, n, DIM, 3), *q = new_rows(metric, QUERIES, DIM, 4);
            unic_index *x = new_index(metric, DIM);
            const unic_array a = rows_of(q, QUERIES, DIM);
            add(x, items, n, NULL);
            for (int i = 0; i < 2; i++) {
                io_assert_ok(unic_set_threads(i ? 3 : 1));
                io_assert_ok(unic_index_search(x, &a, K, NULL, ids[i], scores[i]));
                io_assert_ok(unic_index_rank(x, &a, ids[0], NULL, ranks[i]));
            }
            io_assert_ok(unic_set_threads(1));
            ck_assert_mem_eq(ids[0], ids[1], sizeof ids[0]);
            ck_assert_mem_eq(scores[0], scores[1], sizeof scores[0]);
            ck_assert_mem_eq(ranks[0], ranks[1], sizeof ranks[0]);
            unic_index_free(x);
            free(items);
            free(q);
        }
}
END_TEST

START_TEST(ranks_count_what_is_as_near)
{
    enum { ITEMS = 1500, DIM = 24, QUERIES = 140 };
    static int64_t found[ITEMS], wanted[QUERIES], ranks[QUERIES];
    for (int32_t metric = UNIC_INDEX_INNER; metric <= UNIC_INDEX_INTERSECTION; metric++) {
        float *items = new_rows(metric, ITEMS, DIM, 5), *q = new_rows(metric, QUERIES, DIM, 6);
        unic_index *x = new_index(metric, DIM);
        const unic_array all = rows_of(q, QUERIES, DIM);
        add(x, items, ITEMS, NULL);
        for (size_t i = 0; i < QUERIES; i++)
            wanted[i] = (int64_t)(i * 10);
        io_assert_ok(unic_index_rank(x, &all, wanted, NULL, ranks));
        for (size_t i = 0; i < QUERIES; i++) {
            const float *row = q + i * DIM;
            double own = naive(metric, row, items + wanted[i] * DIM, DIM);
            int64_t ahead = 0, beside = 0; /* surely before, and too near to tell */
            for (size_t r = 0; r < ITEMS; r++) {
                double lead = naive(metric, row, items + r * DIM, DIM) - own;
                lead = metric == UNIC_INDEX_L2 ? -lead : lead;
                ahead += lead > 1e-4;
                beside += fabs(lead) <= 1e-4;
            }
            ck_assert(ranks[i] > ahead && ranks[i] <= ahead + beside);
        }
        const unic_array one = rows_of(q, 1, DIM);
        io_assert_ok(unic_index_search(x, &one, ITEMS, NULL, found, NULL));
        io_assert_ok(unic_index_rank(x, &one, found, NULL, ranks));
        ck_assert_int_eq(ranks[0], 1);
        unic_index_free(x);
        free(items);
        free(q);
    }
}
END_TEST

START_TEST(zero_vectors_have_cosine_zero)
{
    const float items[] = {0, 0, 1, 1, -1, 0}, q[] = {2, 0, 0, 0};
    int64_t ids[6];
    float scores[6];
    unic_index *x = new_index(UNIC_INDEX_COSINE, 2);
    const unic_array a = rows_of(q, 2, 2);
    add(x, items, 3, NULL);
    io_assert_ok(unic_index_search(x, &a, 3, NULL, ids, scores));
    ck_assert_mem_eq(ids, ((int64_t[]){1, 0, 2, 0, 1, 2}), sizeof ids);
    ck_assert(fabs(scores[0] - sqrt(0.5)) < 1e-6 && scores[1] == 0.0F && scores[2] == -1.0F);
    ck_assert(scores[3] == 0.0F && scores[4] == 0.0F && scores[5] == 0.0F);
    unic_index_free(x);
}
END_TEST

START_TEST(an_item_is_never_less_than_nothing_away)
{
    enum { ITEMS = 200, DIM = 64 };
    int64_t ids[ITEMS];
    float scores[ITEMS];
    float *items = new_rows(UNIC_INDEX_L2, ITEMS, DIM, 8);
    unic_index *x = new_index(UNIC_INDEX_L2, DIM);
    const unic_array a = rows_of(items, ITEMS, DIM);
    add(x, items, ITEMS, NULL);
    io_assert_ok(unic_index_search(x, &a, 1, NULL, ids, scores));
    for (int64_t i = 0; i < ITEMS; i++)
        ck_assert(ids[i] == i && scores[i] >= 0.0F && scores[i] < 1e-3F);
    unic_index_free(x);
    free(items);
}
END_TEST

/* ---- ids ---- */

START_TEST(ids_are_found_after_any_growth)
{
    enum { ITEMS = 5000 };
    const float one = 1.0F;
    unic_index *x = new_index(UNIC_INDEX_INNER, 1);
    size_t row;
    ck_assert(!unic__index_find(x, 0, &row));
    for (int64_t i = 0; i < ITEMS; i++) {
        int64_t id = i * 0x100000001 - 77;
        add(x, &one, 1, &id);
    }
    for (int64_t i = 0; i < ITEMS; i++)
        ck_assert(unic__index_find(x, i * 0x100000001 - 77, &row) && (int64_t)row == i);
    ck_assert(!unic__index_find(x, 1, &row) && !unic__index_find(x, INT64_MIN, &row));
    unic_index_free(x);
}
END_TEST

START_TEST(refused_ids_leave_no_trace)
{
    enum { OLD = 20, NEW = 12 };
    float rows[NEW] = {0};
    int64_t ids[NEW];
    size_t row;
    unic_index *x = new_index(UNIC_INDEX_INNER, 1);
    const unic_array a = rows_of(rows, NEW, 1);
    for (size_t i = 0; i < OLD; i += NEW - 2)
        add(x, rows, NEW - 2, NULL);
    for (size_t bad = 0; bad < NEW; bad++) {
        for (size_t i = 0; i < NEW; i++)
            ids[i] = 100 + (int64_t)i;
        ids[bad] = 3;
        io_assert_fails(unic_index_add(x, &a, ids), UNIC_E_VALUE, "is that of item 3 already");
        ck_assert_uint_eq(unic_index_item_count(x), OLD);
        for (size_t i = 0; i < NEW; i++)
            ck_assert(!unic__index_find(x, 100 + (int64_t)i, &row));
        for (int64_t i = 0; i < OLD; i++)
            ck_assert(unic__index_find(x, i, &row) && (int64_t)row == i);
    }
    ids[3] = 103;
    ids[NEW - 1] = 100;
    io_assert_fails(unic_index_add(x, &a, ids), UNIC_E_VALUE,
                    "id 100 of row 11 is that of row 0 already");
    ids[NEW - 1] = OLD + NEW;
    io_assert_ok(unic_index_add(x, &a, ids));
    io_assert_fails(unic_index_add(x, &a, NULL), UNIC_E_VALUE,
                    "id 32 of row 0 is that of item 31 already");
    unic_index_free(x);
}
END_TEST

/* ---- pooling ---- */

START_TEST(histograms_are_shares_of_valid_steps)
{
    const int32_t codes[] = {0, 2, 2, -1, -1, -1, -1, -1, 1, -1, 1, 1};
    const float expected[] = {1.0F / 3, 0, 2.0F / 3, 0, 0, 0, 0, 1, 0};
    float out[9];
    memset(out, 0x55, sizeof out);
    io_assert_ok(unic_pool_histogram(codes, 3, 4, 3, out));
    ck_assert_mem_eq(out, expected, sizeof out);
    io_assert_fails(unic_pool_histogram(codes, 3, 4, 2, out), UNIC_E_VALUE,
                    "code 2 of clip 0, step 1 is not in -1..1");
    ck_assert_mem_eq(out, expected, sizeof out);
    io_assert_ok(unic_pool_histogram(NULL, 3, 0, 3, out));
    for (size_t i = 0; i < 9; i++)
        ck_assert(out[i] == 0.0F);
}
END_TEST

START_TEST(means_pass_over_padding)
{
    const int32_t codes[] = {4, -1, 0, -1, -1, -1, -1, 1, -1};
    const float v[] = {1, 2, NAN, NAN, 3, 6, NAN, 0, 0, NAN, 0, 0, INFINITY, 0, 5, -7, 0, 0};
    const float expected[] = {2, 4, 0, 0, 5, -7}, every[] = {2, 4, 5, -7};
    float out[6];
    memset(out, 0x55, sizeof out);
    io_assert_ok(unic_pool_mean(v, codes, 3, 3, 2, out));
    ck_assert_mem_eq(out, expected, sizeof out);
    io_assert_fails(unic_pool_mean(v, NULL, 3, 3, 2, out), UNIC_E_VALUE,
                    "the mean of clip 0's vectors is not finite");
    io_assert_ok(unic_pool_mean((const float[]){1, 2, 3, 6, 5, -7, 5, -7}, NULL, 2, 2, 2, out));
    ck_assert_mem_eq(out, every, sizeof every);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("index");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, l2_is_exact_at_any_offset, 0, 5);
    tcase_add_loop_test(t, l2_is_exact_at_any_scale, 0, 5);
    tcase_add_test(t, l2_is_exact_between_far_clusters);
    tcase_add_loop_test(t, l2_is_exact_among_near_ties, 0, 5);
    tcase_add_test(t, rounds_change_nothing);
    tcase_add_test(t, finds_the_nearest);
    tcase_add_test(t, equal_ones_are_in_the_order_of_their_ids);
    tcase_add_test(t, fewer_hits_are_the_first_of_more);
    tcase_add_test(t, threads_change_nothing);
    tcase_add_test(t, ranks_count_what_is_as_near);
    tcase_add_test(t, zero_vectors_have_cosine_zero);
    tcase_add_test(t, an_item_is_never_less_than_nothing_away);
    tcase_add_test(t, ids_are_found_after_any_growth);
    tcase_add_test(t, refused_ids_leave_no_trace);
    tcase_add_test(t, histograms_are_shares_of_valid_steps);
    tcase_add_test(t, means_pass_over_padding);
    return small_run("task/index", t);
}
