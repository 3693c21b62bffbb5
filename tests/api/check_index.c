/* unic_index.h: what is refused and how, files, memory that runs out, and many threads. */
#include <check.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "array/bundle.h"
#include "file/io_help.h"
#include "model/small_model.h"
#include "unicode/unic.h"

enum { N = 70, D = 5 };

static const unic_index_options good = {
    .struct_size = sizeof good, .dim = D, .metric = UNIC_INDEX_COSINE, .fingerprint = 77};

static void fill(float *rows, size_t count, uint64_t seed)
{
    for (size_t i = 0; i < count; i++)
        rows[i] = unic__random_normal(unic__random_key(seed, 0, 0), i);
}

static unic_array array_of(const void *data, unic_dtype dtype, int64_t rows, int64_t dim)
{
    unic_array a;
    unic_array_init(&a, data, dtype, 2, (const int64_t[]){rows, dim});
    return a;
}

static unic_index *new_index(int32_t metric, const float *rows, const int64_t *ids)
{
    unic_index *x;
    unic_index_options o = good;
    const unic_array a = array_of(rows, UNIC_F32, N, D);
    o.metric = metric;
    io_assert_ok(unic_index_create(&x, &o));
    if (rows)
        io_assert_ok(unic_index_add(x, &a, ids));
    return x;
}

/* ---- what is refused ---- */

START_TEST(wrong_options_are_named)
{
    unic_index *x = (void *)&x;
    unic_index_options o = good;
    io_assert_fails(unic_index_create(NULL, &good), UNIC_E_ARG, "out is NULL");
    io_assert_fails(unic_index_create(&x, NULL), UNIC_E_ARG, "options is NULL");
    ck_assert(x == NULL);
    o.struct_size--;
    io_assert_fails(unic_index_create(&x, &o), UNIC_E_ARG, "options has struct_size");
    o = good;
    o.dim = 0;
    io_assert_fails(unic_index_create(&x, &o), UNIC_E_ARG,
                    "options->dim = 0 is not in 1..1048576");
    o.dim = 1048577;
    io_assert_fails(unic_index_create(&x, &o), UNIC_E_ARG, "options->dim = 1048577");
    o = good;
    o.metric = 0;
    io_assert_fails(unic_index_create(&x, &o), UNIC_E_ARG, "options->metric = 0 is none of");
    o.metric = 5;
    io_assert_fails(unic_index_create(&x, &o), UNIC_E_ARG, "options->metric = 5");
    ck_assert(x == NULL);
    unic_index_free(NULL);
    ck_assert_uint_eq(unic_index_item_count(NULL) + unic_index_dim(NULL), 0);
    ck_assert(!unic_index_vectors(NULL) && !unic_index_ids(NULL));
    ck_assert_int_eq(unic_index_metric_of(NULL), 0);
}
END_TEST

/* The same arrays are refused as items and as queries. */
static void assert_array_refused(unic_index *x, const unic_array *a, unic_status status,
                                 const char *says)
{
    int64_t ids[N];
    const int64_t first[N] = {0};
    io_assert_fails(unic_index_add(x, a, NULL), status, says);
    io_assert_fails(unic_index_search(x, a, 1, NULL, ids, NULL), status, says);
    io_assert_fails(unic_index_rank(x, a, first, NULL, ids), status, says);
    ck_assert_uint_eq(unic_index_item_count(x), N);
}

START_TEST(wrong_arrays_are_named)
{
    float rows[N * D];
    fill(rows, N * D, 1);
    unic_index *x = new_index(UNIC_INDEX_INNER, rows, NULL);
    const unic_array narrow = array_of(rows, UNIC_F32, 2, D - 1),
                     whole = array_of(rows, UNIC_I32, 2, D),
                     none = array_of(NULL, UNIC_F32, 2, D),
                     less = array_of(rows, UNIC_F32, -1, D);
    unic_array flat = array_of(rows, UNIC_F32, D, 0), deep = flat;
    flat.rank = 1;
    deep.rank = 3;
    deep.dims[1] = 2;
    deep.dims[2] = D;
    assert_array_refused(x, &narrow, UNIC_E_SHAPE, "has shape [2,4], expected [N,5]");
    assert_array_refused(x, &flat, UNIC_E_SHAPE, "has shape [5], expected [N,5]");
    assert_array_refused(x, &deep, UNIC_E_SHAPE, "has shape [5,2,5], expected [N,5]");
    assert_array_refused(x, &less, UNIC_E_SHAPE, "dims[0] = -1");
    assert_array_refused(x, &whole, UNIC_E_ARG, "is of int32, expected real numbers");
    assert_array_refused(x, &none, UNIC_E_ARG, "data is NULL");
    assert_array_refused(x, NULL, UNIC_E_ARG, "is NULL");
    unic_index_free(x);
}
END_TEST

START_TEST(wrong_values_are_named)
{
    float rows[N * D];
    fill(rows, N * D, 1);
    const unic_array a = array_of(rows, UNIC_F32, N, D);
    const float bad[] = {NAN, INFINITY, -INFINITY, 1e19F};
    for (int32_t metric = UNIC_INDEX_INNER; metric <= UNIC_INDEX_INTERSECTION; metric++) {
        for (size_t i = 0; i < N * D; i++)
            rows[i] = fabsf(rows[i]);
        unic_index *x = new_index(metric, rows, NULL);
        for (size_t i = 0; i < 4; i++) {
            float was = rows[3 * D + 2];
            rows[3 * D + 2] = bad[i];
            assert_array_refused(x, &a, UNIC_E_VALUE,
                                 i < 3 ? " row 3 holds NaN or Inf in dim 2"
                                       : " row 3 has norm 1e+19, expected at most 2^62");
            rows[3 * D + 2] = was;
        }
        rows[4] = -1.0F;
        if (metric == UNIC_INDEX_INTERSECTION)
            assert_array_refused(x, &a, UNIC_E_VALUE, " row 0 is negative somewhere");
        unic_index_free(x);
    }
}
END_TEST

START_TEST(the_largest_values_do_not_overflow)
{
    const float big = 0x1p61F;
    const float rows[] = {big, big, big, big, -big, -big, -big, -big, 0, 0, 0, 0};
    const int32_t metrics[] = {UNIC_INDEX_INNER, UNIC_INDEX_COSINE, UNIC_INDEX_L2};
    int64_t ids[3];
    float scores[3];
    for (size_t m = 0; m < 3; m++) {
        unic_index *x;
        unic_index_options o = good;
        const unic_array a = array_of(rows, UNIC_F32, 3, 4), q = array_of(rows, UNIC_F32, 1, 4);
        o.dim = 4;
        o.metric = metrics[m];
        io_assert_ok(unic_index_create(&x, &o));
        io_assert_ok(unic_index_add(x, &a, NULL));
        io_assert_ok(unic_index_search(x, &q, 3, NULL, ids, scores));
        ck_assert_mem_eq(ids, ((int64_t[]){0, 2, 1}), sizeof ids);
        ck_assert(isfinite(scores[0]) && isfinite(scores[1]) && isfinite(scores[2]));
        unic_index_free(x);
    }
}
END_TEST

START_TEST(wrong_searches_are_named)
{
    float rows[N * D];
    int64_t ids[2] = {-1, -1};
    fill(rows, N * D, 1);
    const unic_array q = array_of(rows, UNIC_F32, 2, D), no = array_of(NULL, UNIC_F32, 0, D);
    unic_index *x = new_index(UNIC_INDEX_L2, NULL, NULL);
    ck_assert(!unic_index_vectors(x) && !unic_index_ids(x));
    io_assert_fails(unic_index_rank(x, &q, ids, NULL, ids), UNIC_E_STATE, "the index is empty");
    unic_index_free(x);
    x = new_index(UNIC_INDEX_L2, rows, NULL);
    io_assert_fails(unic_index_search(x, &q, 0, NULL, ids, NULL), UNIC_E_ARG,
                    "unic_index_search: k is 0, expected at least 1");
    const size_t large[] = {SIZE_MAX, SIZE_MAX / 2, SIZE_MAX / 16 + 1};
    for (size_t i = 0; i < 3; i++)
        io_assert_fails(unic_index_search(x, &q, large[i], NULL, ids, NULL), UNIC_E_ARG,
                        "ids for each of 2 queries are larger than any memory");
    io_assert_fails(unic_index_search(x, &q, 1, NULL, NULL, NULL), UNIC_E_ARG, "ids is NULL");
    io_assert_fails(unic_index_search(NULL, &q, 1, NULL, ids, NULL), UNIC_E_ARG,
                    "index is NULL");
    io_assert_fails(unic_index_rank(NULL, &q, ids, NULL, ids), UNIC_E_ARG, "index is NULL");
    io_assert_fails(unic_index_rank(x, &q, NULL, NULL, ids), UNIC_E_ARG, "ids is NULL");
    io_assert_fails(unic_index_rank(x, &q, ids, NULL, NULL), UNIC_E_ARG, "ranks is NULL");
    io_assert_fails(unic_index_rank(x, &q, ids, NULL, ids), UNIC_E_NOTFOUND,
                    "id -1 of query 0 is not in the index");
    ck_assert(ids[0] == -1 && ids[1] == -1);
    io_assert_ok(unic_index_search(x, &no, 1, NULL, NULL, NULL));
    io_assert_ok(unic_index_rank(x, &no, NULL, NULL, NULL));
    io_assert_ok(unic_index_add(x, &no, NULL));
    io_assert_fails(unic_index_add(NULL, &q, NULL), UNIC_E_ARG, "index is NULL");
    unic_index_free(x);
}
END_TEST

START_TEST(wrong_pools_are_named)
{
    const int32_t code = 0, bad = -2;
    float out[1] = {0};
    const size_t half = SIZE_MAX / 2;
    io_assert_fails(unic_pool_histogram(&code, 1, 1, 0, out), UNIC_E_ARG, "code_count is 0");
    io_assert_fails(unic_pool_histogram(NULL, 1, 1, 1, out), UNIC_E_ARG, "codes is NULL");
    io_assert_fails(unic_pool_histogram(&code, 1, 1, 1, NULL), UNIC_E_ARG, "out is NULL");
    io_assert_fails(unic_pool_histogram(&bad, 1, 1, 1, out), UNIC_E_VALUE, "code -2 of clip 0");
    io_assert_fails(unic_pool_histogram(&code, half, 4, 1, out), UNIC_E_ARG, "any memory");
    io_assert_ok(unic_pool_histogram(NULL, 0, 1, 1, NULL));
    io_assert_fails(unic_pool_mean(out, NULL, 1, 1, 0, out), UNIC_E_ARG, "dim is 0");
    io_assert_fails(unic_pool_mean(NULL, NULL, 1, 1, 1, out), UNIC_E_ARG, "vectors is NULL");
    io_assert_fails(unic_pool_mean(out, NULL, 1, 1, 1, NULL), UNIC_E_ARG, "out is NULL");
    io_assert_fails(unic_pool_mean(out, NULL, half, 4, 1, out), UNIC_E_ARG, "any memory");
    io_assert_ok(unic_pool_mean(NULL, NULL, 0, 1, 1, NULL));
}
END_TEST

/* The index's own vectors and ids, which move when it grows. */
START_TEST(an_index_takes_its_own_vectors)
{
    static float rows[N * D];
    int64_t ids[N];
    fill(rows, N * D, 5);
    for (int i = 0; i < N; i++)
        ids[i] = 1000 + i;
    unic_index *x = new_index(UNIC_INDEX_L2, rows, ids);
    const unic_array own = array_of(unic_index_vectors(x), UNIC_F32, N, D);
    io_assert_fails(unic_index_add(x, &own, unic_index_ids(x)), UNIC_E_VALUE,
                    "id 1000 of row 0 is that of item 0 already");
    for (int round = 0; round < 2; round++) { /* the first one has room by then */
        const unic_array tail = array_of(unic_index_vectors(x) + D, UNIC_F32, N - 1, D);
        int64_t more[N - 1];
        for (int i = 0; i < N - 1; i++)
            more[i] = 5000 + 1000 * round + i;
        io_assert_ok(unic_index_add(x, &tail, more));
        const float *now = unic_index_vectors(x);
        for (size_t i = 0; i < (N - 1) * D; i++)
            ck_assert(now[(N + round * (N - 1)) * D + i] == rows[D + i]);
    }
    unic_index_free(x);
}
END_TEST

START_TEST(pools_count_and_add_exactly)
{
    enum { STEPS = 20000000 };
    float *ones = malloc(STEPS * sizeof *ones), out[3], wide[4 * 70], mean[70];
    int32_t *codes = malloc(STEPS * sizeof *codes);
    ck_assert(ones && codes);
    for (size_t i = 0; i < STEPS; i++) {
        ones[i] = 1.0F;
        codes[i] = 1;
    }
    io_assert_ok(unic_pool_mean(ones, NULL, 1, STEPS, 1, out));
    ck_assert(out[0] == 1.0F);
    io_assert_ok(unic_pool_histogram(codes, 1, STEPS, 3, out));
    ck_assert(out[0] == 0.0F && out[1] == 1.0F && out[2] == 0.0F);
    free(ones);
    free(codes);
    for (int i = 0; i < 4 * 70; i++)
        wide[i] = i % 70 == 69 ? 3e38F : (float)(i % 70) + 0.25F * (float)(i / 70);
    io_assert_ok(unic_pool_mean(wide, NULL, 1, 4, 70, mean));
    for (int j = 0; j < 69; j++)
        ck_assert(mean[j] == (float)j + 0.375F);
    ck_assert(mean[69] == 3e38F);
}
END_TEST

START_TEST(doubles_are_taken_as_floats)
{
    float rows[N * D];
    double wide[N * D];
    int64_t a[N], b[N];
    fill(rows, N * D, 1);
    for (size_t i = 0; i < N * D; i++)
        wide[i] = (double)rows[i];
    unic_index *x = new_index(UNIC_INDEX_L2, rows, NULL);
    const unic_array q = array_of(rows, UNIC_F32, N, D), w = array_of(wide, UNIC_F64, N, D);
    io_assert_ok(unic_index_search(x, &q, 1, NULL, a, NULL));
    io_assert_ok(unic_index_search(x, &w, 1, NULL, b, NULL));
    ck_assert_mem_eq(a, b, sizeof a);
    io_assert_ok(unic_index_add(x, &w, NULL));
    ck_assert_mem_eq(unic_index_vectors(x) + N * D, rows, sizeof rows);
    wide[7] = 1e300;
    io_assert_fails(unic_index_add(x, &w, NULL), UNIC_E_VALUE,
                    "vectors row 1 holds NaN or Inf in dim 2");
    unic_index_free(x);
}
END_TEST

/* ---- memory ---- */

static unic_status grow_and_search(const char *path)
{
    float rows[N * D];
    int64_t ids[N], ranks[N];
    unic_index *x = NULL, *back = NULL;
    fill(rows, N * D, 1);
    const unic_array a = array_of(rows, UNIC_F32, N, D), one = array_of(rows, UNIC_F32, 1, D);
    unic_status status = unic_index_create(&x, &good);
    for (int i = 0; status == UNIC_OK && i < 3; i++)
        status = unic_index_add(x, &a, NULL);
    if (status == UNIC_OK)
        status = unic_index_search(x, &one, N, NULL, ids, NULL);
    if (status == UNIC_OK)
        status = unic_index_rank(x, &one, ids, NULL, ranks);
    if (status == UNIC_OK)
        status = unic_index_save(x, path);
    if (status == UNIC_OK)
        status = unic_index_load(&back, path, NULL);
    unic_index_free(x);
    unic_index_free(back);
    return status;
}

START_TEST(memory_that_runs_out_leaks_nothing)
{
    io_fail_each_allocation(grow_and_search, small_path("memory.index.npz"));
}
END_TEST

/* Growth that fails, at each of its allocations; then the same index is used, and grows. */
START_TEST(an_index_that_could_not_grow_is_usable)
{
    float rows[N * D];
    int64_t before[N], after[N];
    fill(rows, N * D, 1);
    const unic_array a = array_of(rows, UNIC_F32, N, D);
    size_t failures = 0;
    for (unic_status status = UNIC_E_NOMEM; status != UNIC_OK; failures++) {
        unic_index *x = new_index(UNIC_INDEX_INNER, rows, NULL);
        io_assert_ok(unic_index_search(x, &a, 1, NULL, before, NULL));
        small_fail_allocations_after(failures);
        status = unic_index_add(x, &a, NULL);
        unic_set_allocator(NULL);
        ck_assert(status == UNIC_OK || status == UNIC_E_NOMEM);
        io_assert_ok(unic_index_search(x, &a, 1, NULL, after, NULL));
        ck_assert_mem_eq(before, after, sizeof before);
        if (status != UNIC_OK) {
            ck_assert_uint_eq(unic_index_item_count(x), N);
            io_assert_ok(unic_index_add(x, &a, NULL));
        }
        ck_assert_uint_eq(unic_index_item_count(x), 2 * N);
        unic_index_free(x);
    }
    ck_assert_uint_eq(failures, 5); /* vectors, norms, ids, slots; and none */
}
END_TEST

/* ---- files ---- */

START_TEST(a_loaded_index_finds_the_same)
{
    static float rows[N * D], scores[2][N * N];
    static int64_t ids[N], found[2][N * N];
    for (int32_t metric = UNIC_INDEX_INNER; metric <= UNIC_INDEX_INTERSECTION; metric++) {
        unic_index *back;
        fill(rows, N * D, 1);
        for (size_t i = 0; i < N; i++)
            ids[i] = INT64_MAX - 3 * (int64_t)i;
        for (size_t i = 0; metric == UNIC_INDEX_INTERSECTION && i < N * D; i++)
            rows[i] = fabsf(rows[i]);
        memset(rows, 0, D * sizeof *rows);
        unic_index *x = new_index(metric, rows, ids);
        const unic_array q = array_of(rows, UNIC_F32, N, D);
        io_assert_ok(unic_index_save(x, small_path("saved.index.npz")));
        io_assert_ok(unic_index_load(&back, small_path("saved.index.npz"), NULL));
        ck_assert_int_eq(unic_index_metric_of(back), metric);
        ck_assert_uint_eq(unic_index_dim(back), D);
        ck_assert_uint_eq(unic_index_item_count(back), N);
        ck_assert_mem_eq(unic_index_ids(back), ids, sizeof ids);
        ck_assert_mem_eq(unic_index_vectors(back), unic_index_vectors(x), sizeof rows);
        io_assert_ok(unic_index_search(x, &q, N, NULL, found[0], scores[0]));
        io_assert_ok(unic_index_search(back, &q, N, NULL, found[1], scores[1]));
        ck_assert_mem_eq(found[0], found[1], sizeof found[0]);
        ck_assert_mem_eq(scores[0], scores[1], sizeof scores[0]);
        io_assert_ok(unic_index_add(back, &q, NULL)); /* it can grow */
        io_assert_ok(unic_index_save(back, small_path("more.index.npz")));
        ck_assert(
            !small_same_files(small_path("saved.index.npz"), small_path("more.index.npz")));
        unic_index_free(x);
        unic_index_free(back);
    }
}
END_TEST

START_TEST(an_empty_index_can_be_saved)
{
    unic_index *x = new_index(UNIC_INDEX_L2, NULL, NULL), *back;
    io_assert_ok(unic_index_save(x, small_path("empty.index.npz")));
    io_assert_ok(unic_index_load(&back, small_path("empty.index.npz"), NULL));
    ck_assert_uint_eq(unic_index_item_count(back), 0);
    ck_assert_uint_eq(unic_index_dim(back), D);
    unic_index_free(x);
    unic_index_free(back);
}
END_TEST

START_TEST(belongs_to_its_codebook)
{
    unic_index *x = new_index(UNIC_INDEX_L2, NULL, NULL), *free_one;
    unic_index_options o = good;
    o.fingerprint = 0;
    io_assert_ok(unic_index_create(&free_one, &o));
    io_assert_ok(unic_index_accepts(x, 77));
    io_assert_fails(unic_index_accepts(x, 78), UNIC_E_MISMATCH,
                    "the vectors are of codebook 000000000000004e");
    io_assert_ok(unic_index_accepts(free_one, 78));
    io_assert_fails(unic_index_accepts(NULL, 0), UNIC_E_ARG, "index is NULL");
    unic_index_free(x);
    unic_index_free(free_one);
}
END_TEST

static void assert_file_refused(const char *path, const char *says)
{
    unic_index *x = (void *)&x;
    io_assert_fails(unic_index_load(&x, path, NULL), UNIC_E_FORMAT, says);
    ck_assert(x == NULL);
}

/* An index's file, of these options and items. */
static const char *write_file(const int64_t *options, const int64_t *ids, const float *vectors)
{
    unic__bundle b = {0};
    const char *path = small_path("hostile.index.npz");
    unic__bundle_i64(&b, "index.options", UNIC__SHAPE_OF(4), options);
    unic__bundle_i64(&b, "index.ids", UNIC__SHAPE_OF(2), ids);
    unic__bundle_f32(&b, "index.vectors", UNIC__SHAPE_OF(2, 3), vectors);
    io_assert_ok(unic__bundle_write(&b, UNIC__TO_FILE(path)));
    return path;
}

START_TEST(hostile_files_are_refused)
{
    enum { FAR = UNIC_INDEX_COSINE, NEAR = UNIC_INDEX_INNER, HIST = UNIC_INDEX_INTERSECTION };
    const int64_t ids[] = {4, 5}, same[] = {4, 4};
    const float unit[] = {1, 0, 0, 0, 0, -1}, large[] = {1e20F, 0, 0, 0, 0, 0};
    const struct {
        int64_t options[4];
        const int64_t *ids;
        const float *vectors;
        const char *says;
    } cases[] = {
        {{0, 3, 2, 0}, ids, unit, "metric = 0 is not in 1..4"},
        {{INT64_MAX, 3, 2, 0}, ids, unit, "metric = 9223372036854775807 is not in 1..4"},
        {{NEAR, 0, 2, 0}, ids, unit, "2 items of dim 0"},
        {{NEAR, -3, 2, 0}, ids, unit, "2 items of dim -3"},
        {{NEAR, INT64_MAX, 2, 0}, ids, unit, "of dim 9223372036854775807"},
        {{NEAR, 3, -2, 0}, ids, unit, "-2 items of dim 3"},
        {{NEAR, 3, INT64_MAX, 0}, ids, unit, "index.ids has shape [2], expected [9223372"},
        {{NEAR, 3, 0, 0}, ids, unit, "index.ids has shape [2], expected [0]"},
        {{NEAR, 4, 2, 0}, ids, unit, "index.vectors has shape [2,3], expected [2,4]"},
        {{NEAR, 3, 2, 0}, same, unit, "id 4 of row 1 is that of row 0 already"},
        {{NEAR, 3, 2, 0}, ids, large, "index.vectors row 0 has norm 1e+20"},
        {{FAR, 3, 2, 0}, ids, (const float[]){1, 1, 0, 0, 0, 0}, "row 0 has norm 1.41421"},
        {{HIST, 3, 2, 0}, ids, unit, "index.vectors row 1 is negative somewhere"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_file_refused(write_file(cases[i].options, cases[i].ids, cases[i].vectors),
                            cases[i].says);
    small_edit(write_file((const int64_t[]){NEAR, 3, 2, 0}, ids, unit),
               small_path("spoilt.index.npz"), "index.vectors", SMALL_SPOIL);
    assert_file_refused(small_path("spoilt.index.npz"), "holds NaN or Inf");
    unic_index *x;
    io_assert_ok(
        unic_index_load(&x, write_file((const int64_t[]){FAR, 3, 2, 0}, ids, unit), NULL));
    unic_index_free(x);
}
END_TEST

START_TEST(damaged_files_are_refused)
{
    float rows[N * D];
    const char *members[] = {"index.options", "index.ids", "index.vectors"};
    fill(rows, N * D, 1);
    unic_index *x = new_index(UNIC_INDEX_INNER, rows, NULL), *none = (void *)&none;
    io_assert_ok(unic_index_save(x, small_path("whole.index.npz")));
    unic_index_free(x);
    for (size_t m = 0; m < 3; m++)
        for (int change = SMALL_DROP; change <= SMALL_DAMAGE; change++) {
            if (change >= SMALL_SPOIL && m < 2)
                continue; /* of floats alone; and -7 is a good id */
            small_edit(small_path("whole.index.npz"), small_path("damaged.index.npz"),
                       members[m], (small_change)change);
            assert_file_refused(small_path("damaged.index.npz"), members[m]);
        }
    size_t size;
    unsigned char *bytes = io_read(small_path("whole.index.npz"), &size);
    io_write(small_path("cut.index.npz"), bytes, size / 2);
    free(bytes);
    assert_file_refused(small_path("cut.index.npz"), "cut.index.npz");
    io_assert_fails(unic_index_load(&none, small_path("absent.npz"), NULL), UNIC_E_NOTFOUND,
                    "absent.npz");
    io_assert_fails(unic_index_load(&none, NULL, NULL), UNIC_E_ARG, "path is NULL");
    io_assert_fails(unic_index_load(NULL, "x", NULL), UNIC_E_ARG, "out is NULL");
    ck_assert(none == NULL);
    io_assert_fails(unic_index_save(NULL, "x"), UNIC_E_ARG, "index is NULL");
    x = new_index(UNIC_INDEX_INNER, NULL, NULL);
    io_assert_fails(unic_index_save(x, NULL), UNIC_E_ARG, "path is NULL");
    io_assert_fails(unic_index_save(x, small_path("no/such/folder.npz")), UNIC_E_NOTFOUND,
                    "folder");
    unic_index_free(x);
}
END_TEST

/* ---- threads ---- */

enum { READERS = 4 };

typedef struct reader {
    pthread_t thread;
    const unic_index *x;
    const unic_array *q;
    int64_t ids[N * 3];
    bool failed;
} reader;

static void *search_often(void *argument)
{
    reader *r = argument;
    for (int i = 0; i < 50; i++)
        r->failed |= unic_index_search(r->x, r->q, 3, NULL, r->ids, NULL) != UNIC_OK;
    return NULL;
}

START_TEST(searches_in_several_threads)
{
    static reader readers[READERS];
    static float rows[N * D];
    static int64_t expected[N * 3];
    fill(rows, N * D, 1);
    unic_index *x = new_index(UNIC_INDEX_COSINE, rows, NULL);
    const unic_array q = array_of(rows, UNIC_F32, N, D);
    io_assert_ok(unic_index_search(x, &q, 3, NULL, expected, NULL));
    for (size_t i = 0; i < READERS; i++) {
        readers[i] = (reader){.x = x, .q = &q};
        ck_assert(!pthread_create(&readers[i].thread, NULL, search_often, &readers[i]));
    }
    for (size_t i = 0; i < READERS; i++) {
        ck_assert(!pthread_join(readers[i].thread, NULL) && !readers[i].failed);
        ck_assert_mem_eq(readers[i].ids, expected, sizeof expected);
    }
    unic_index_free(x);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("index");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, an_index_takes_its_own_vectors);
    tcase_add_test(t, pools_count_and_add_exactly);
    tcase_add_test(t, wrong_options_are_named);
    tcase_add_test(t, wrong_arrays_are_named);
    tcase_add_test(t, wrong_values_are_named);
    tcase_add_test(t, the_largest_values_do_not_overflow);
    tcase_add_test(t, wrong_searches_are_named);
    tcase_add_test(t, wrong_pools_are_named);
    tcase_add_test(t, doubles_are_taken_as_floats);
    tcase_add_test(t, memory_that_runs_out_leaks_nothing);
    tcase_add_test(t, an_index_that_could_not_grow_is_usable);
    tcase_add_test(t, a_loaded_index_finds_the_same);
    tcase_add_test(t, an_empty_index_can_be_saved);
    tcase_add_test(t, belongs_to_its_codebook);
    tcase_add_test(t, hostile_files_are_refused);
    tcase_add_test(t, damaged_files_are_refused);
    tcase_add_test(t, searches_in_several_threads);
    return small_run("api/index", t);
}
