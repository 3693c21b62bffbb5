/* unic_index.h: items that go, items that change, room for more, and fewer items than asked
 * for: always as an index that was made of what is left. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file/io_help.h"
#include "model/small_model.h"
#include "unicode/unic.h"

enum { N = 500, D = 5, Q = 9 };

static float items[N * D], queries[Q * D];
static int64_t all_ids[N];

static unic_array array_of(const float *data, size_t rows)
{
    unic_array a;
    unic_array_init(&a, data, UNIC_F32, 2, (const int64_t[]){(int64_t)rows, D});
    return a;
}

/* Not negative, for the intersection; far from the origin, so that L2 has a centre. */
static void fill(float *rows, size_t count, uint64_t seed)
{
    for (size_t i = 0; i < count; i++)
        rows[i] = 20.0F + unic__random_normal(unic__random_key(seed, 0, 0), i);
}

static unic_index *index_of(int32_t metric, const float *rows, const int64_t *ids, size_t n)
{
    unic_index *x;
    const unic_index_options o = {.struct_size = sizeof o, .dim = D, .metric = metric};
    const unic_array a = array_of(rows, n);
    io_assert_ok(unic_index_create(&x, &o));
    io_assert_ok(unic_index_add(x, &a, ids));
    return x;
}

static unic_index *new_index(int32_t metric)
{
    fill(items, N * D, 1);
    fill(queries, Q * D, 2);
    for (size_t i = 0; i < N; i++)
        all_ids[i] = 7 * (int64_t)((i * 37) % N) - 300; /* in no order */
    return index_of(metric, items, all_ids, N);
}

/* Has these items in this order, and finds what a new index of them finds, bit for bit. */
static void assert_is(const unic_index *x, const float *rows, const int64_t *ids, size_t n)
{
    static int64_t found[2][Q * N], ranks[2][Q];
    static float scores[2][Q * N];
    const unic_array q = array_of(queries, Q);
    unic_index *fresh = index_of(unic_index_metric_of(x), rows, ids, n);
    ck_assert_uint_eq(unic_index_item_count(x), n);
    if (n > 0) {
        ck_assert_mem_eq(unic_index_ids(x), ids, n * sizeof *ids);
        ck_assert_mem_eq(unic_index_vectors(x), unic_index_vectors(fresh),
                         n * D * sizeof *rows);
        io_assert_ok(unic_index_rank(x, &q, ids, NULL, ranks[0]));
        io_assert_ok(unic_index_rank(fresh, &q, ids, NULL, ranks[1]));
        ck_assert_mem_eq(ranks[0], ranks[1], sizeof ranks[0]);
    }
    for (int threads = 1; threads <= 3; threads++) {
        io_assert_ok(unic_set_threads(threads));
        io_assert_ok(unic_index_search(x, &q, N, NULL, found[0], scores[0]));
        io_assert_ok(unic_set_threads(1));
        io_assert_ok(unic_index_search(fresh, &q, N, NULL, found[1], scores[1]));
        ck_assert_mem_eq(found[0], found[1], sizeof found[0]);
        ck_assert_mem_eq(scores[0], scores[1], sizeof scores[0]);
    }
    unic_index_free(fresh);
}

START_TEST(what_is_removed_is_gone)
{
    static float rest[N * D];
    int64_t ids[N], gone[N];
    for (int32_t metric = UNIC_INDEX_INNER; metric <= UNIC_INDEX_INTERSECTION; metric++)
        for (size_t every = 1; every <= N; every = every * 3 + 1) { /* all; some; two of them */
            unic_index *x = new_index(metric);
            size_t left = 0, out = 0;
            for (size_t i = 0; i < N; i++)
                if (i % every == every / 2) {
                    gone[out++] = all_ids[i];
                } else {
                    memcpy(rest + left * D, items + i * D, D * sizeof *items);
                    ids[left++] = all_ids[i];
                }
            for (size_t i = 0; i < out / 2; i++) { /* in another order than they stand */
                int64_t t = gone[i];
                gone[i] = gone[out - 1 - i];
                gone[out - 1 - i] = t;
            }
            io_assert_ok(unic_index_remove(x, gone, out));
            assert_is(x, rest, ids, left);
            /* and may come again */
            const unic_array again = array_of(items, out);
            io_assert_ok(unic_index_add(x, &again, gone));
            memcpy(rest + left * D, items, out * D * sizeof *items);
            memcpy(ids + left, gone, out * sizeof *gone);
            assert_is(x, rest, ids, N);
            unic_index_free(x);
        }
}
END_TEST

START_TEST(what_is_updated_is_found_where_it_is_now)
{
    static float fresh[N * D], now[N * D];
    int64_t ids[N];
    for (int32_t metric = UNIC_INDEX_INNER; metric <= UNIC_INDEX_INTERSECTION; metric++)
        for (size_t every = 1; every <= N; every = every * 3 + 1) {
            unic_index *x = new_index(metric);
            size_t n = 0;
            fill(fresh, N * D, 3);
            for (size_t i = 0; metric != UNIC_INDEX_INTERSECTION && i < N * D; i++)
                fresh[i] = 10.0F * fresh[i] - 100.0F; /* elsewhere */
            memcpy(now, items, sizeof now);
            for (size_t i = N; i-- > 0;)
                if (i % every == 0) {
                    memcpy(now + i * D, fresh + n * D, D * sizeof *now);
                    ids[n++] = all_ids[i];
                }
            const unic_array a = array_of(fresh, n);
            io_assert_ok(unic_index_update(x, &a, ids));
            assert_is(x, now, all_ids, N);
            unic_index_free(x);
        }
}
END_TEST

START_TEST(wrong_changes_are_named)
{
    unic_index *x = new_index(UNIC_INDEX_L2);
    static int64_t many[N + 2];
    float rows[3 * D];
    const int64_t absent[] = {all_ids[4], 2}, same[] = {all_ids[4], all_ids[2], all_ids[4]};
    char says[200];
    memcpy(many, all_ids, sizeof all_ids);
    many[N] = many[N + 1] = all_ids[N - 1];
    fill(rows, 3 * D, 9);
    const unic_array two = array_of(rows, 2), three = array_of(rows, 3),
                     none = array_of(rows, 0);
    snprintf(says, sizeof says, "id %lld of row 2 is that of row 0 already",
             (long long)all_ids[4]);
    io_assert_fails(unic_index_remove(x, absent, 2), UNIC_E_NOTFOUND,
                    "unic_index_remove: id 2 of row 1 is not in the index");
    io_assert_fails(unic_index_remove(x, same, 3), UNIC_E_VALUE, says);
    io_assert_fails(unic_index_update(x, &three, same), UNIC_E_VALUE, says);
    io_assert_fails(unic_index_update(x, &two, absent), UNIC_E_NOTFOUND,
                    "unic_index_update: id 2 of row 1 is not in the index");
    snprintf(says, sizeof says, "id %lld of row 500 is that of row 499 already",
             (long long)all_ids[N - 1]);
    io_assert_fails(unic_index_remove(x, many, N + 2), UNIC_E_VALUE, says);
    io_assert_fails(unic_index_add(x, &three, (const int64_t[]){3, 2, 3}), UNIC_E_VALUE,
                    "unic_index_add: id 3 of row 2 is that of row 0 already");
    io_assert_fails(unic_index_add(x, &two, (const int64_t[]){3, all_ids[3]}), UNIC_E_VALUE,
                    "of row 1 is that of item 3 already");
    rows[D + 3] = NAN;
    io_assert_fails(unic_index_update(x, &two, all_ids), UNIC_E_VALUE,
                    "unic_index_update: vectors row 1 holds NaN or Inf in dim 3");
    unic_array narrow = two;
    narrow.dims[1] = D - 1;
    io_assert_fails(unic_index_update(x, &narrow, all_ids), UNIC_E_SHAPE, "expected [N,5]");
    io_assert_fails(unic_index_update(x, &two, NULL), UNIC_E_ARG, "ids is NULL");
    io_assert_fails(unic_index_update(x, NULL, all_ids), UNIC_E_ARG, "vectors is NULL");
    io_assert_fails(unic_index_update(NULL, &two, all_ids), UNIC_E_ARG, "index is NULL");
    io_assert_fails(unic_index_remove(x, NULL, 1), UNIC_E_ARG, "ids is NULL");
    io_assert_fails(unic_index_remove(NULL, all_ids, 1), UNIC_E_ARG, "index is NULL");
    io_assert_fails(unic_index_reserve(NULL, 1), UNIC_E_ARG, "index is NULL");
    io_assert_fails(unic_index_reserve(x, SIZE_MAX), UNIC_E_NOMEM, "unic_index_reserve: ");
    io_assert_ok(unic_index_update(x, &none, NULL));
    io_assert_ok(unic_index_remove(x, NULL, 0));
    assert_is(x, items, all_ids, N);
    unic_index_free(x);
    /* an empty one has nothing to change */
    const unic_index_options o = {.struct_size = sizeof o, .dim = D, .metric = UNIC_INDEX_L2};
    io_assert_ok(unic_index_create(&x, &o));
    io_assert_fails(unic_index_remove(x, all_ids, 3), UNIC_E_NOTFOUND, "of row 0 is not in");
    io_assert_ok(unic_index_update(x, &none, NULL));
    unic_index_free(x);
}
END_TEST

/* Room for all of them: adding takes no memory, wherever a call ends. */
START_TEST(what_is_reserved_is_there)
{
    unic_index *x = new_index(UNIC_INDEX_L2), *grown;
    const unic_index_options o = {.struct_size = sizeof o, .dim = D, .metric = UNIC_INDEX_L2};
    io_assert_ok(unic_index_create(&grown, &o));
    io_assert_ok(unic_index_reserve(grown, 0));
    io_assert_ok(unic_index_reserve(grown, N));
    small_count_allocations();
    unic_status status = UNIC_OK;
    for (size_t i = 0; i < N && status == UNIC_OK; i += 100) {
        const unic_array part = array_of(items + i * D, 100);
        status = unic_index_add(grown, &part, all_ids + i);
    }
    ck_assert_uint_eq(small_counted_allocations(), 0);
    io_assert_ok(status);
    io_assert_ok(unic_index_reserve(grown, 1)); /* never less */
    assert_is(grown, items, all_ids, N);
    unic_index_free(grown);
    unic_index_free(x);
}
END_TEST

START_TEST(places_without_items_say_so)
{
    enum { K = N + 7 };
    static int64_t ids[Q * K], less[Q * N];
    static float scores[Q * K], fewer[Q * N];
    const unic_array q = array_of(queries, Q);
    for (int32_t metric = UNIC_INDEX_INNER; metric <= UNIC_INDEX_INTERSECTION; metric++) {
        unic_index *x = new_index(metric);
        const float worst = metric == UNIC_INDEX_L2 ? INFINITY : -INFINITY;
        io_assert_ok(unic_index_search(x, &q, N, NULL, less, fewer));
        io_assert_ok(unic_index_search(x, &q, K, NULL, ids, scores));
        for (size_t i = 0; i < Q; i++) {
            ck_assert_mem_eq(ids + i * K, less + i * N, N * sizeof *ids);
            ck_assert_mem_eq(scores + i * K, fewer + i * N, N * sizeof *scores);
            for (size_t j = N; j < K; j++)
                ck_assert(ids[i * K + j] == -1 && scores[i * K + j] == worst);
        }
        io_assert_ok(unic_index_search(x, &q, K, NULL, ids, NULL));
        io_assert_ok(unic_index_remove(x, all_ids, N));
        memset(ids, 0, sizeof ids);
        io_assert_ok(unic_index_search(x, &q, K, NULL, ids, scores)); /* now it is empty */
        for (size_t i = 0; i < Q * K; i++)
            ck_assert(ids[i] == -1 && scores[i] == worst);
        unic_index_free(x);
    }
}
END_TEST

/* ---- memory ---- */

/* Each allocation that fails: the index is as it was, and the same call succeeds afterwards. */
START_TEST(changes_without_memory_change_nothing)
{
    float fresh[3 * D];
    size_t failures[2] = {0};
    fill(fresh, 3 * D, 4);
    const unic_array a = array_of(fresh, 3);
    for (int update = 0; update < 2; update++)
        for (unic_status status = UNIC_E_NOMEM; status != UNIC_OK; failures[update]++) {
            unic_index *x = new_index(UNIC_INDEX_INNER);
            small_fail_allocations_after(failures[update]);
            status = update ? unic_index_update(x, &a, all_ids)
                            : unic_index_remove(x, all_ids, 3);
            unic_set_allocator(NULL);
            ck_assert(status == UNIC_OK || status == UNIC_E_NOMEM);
            if (status != UNIC_OK)
                assert_is(x, items, all_ids, N);
            unic_index_free(x);
        }
    ck_assert_uint_eq(failures[0], 3); /* rows, bits; and none */
    ck_assert_uint_eq(failures[1], 4); /* the vectors too */
}
END_TEST

/* A file is written and read without a copy of the items. */
START_TEST(saving_takes_no_memory_for_items)
{
    enum { MANY = 20000, VECTORS = MANY * D * (int)sizeof(float) };
    float *rows = malloc(VECTORS);
    unic_index *x, *back = NULL;
    const char *path = small_path("large.index.npz");
    const unic_index_options o = {.struct_size = sizeof o, .dim = D, .metric = UNIC_INDEX_L2};
    ck_assert(rows != NULL);
    fill(rows, MANY * D, 5);
    unic_array a = array_of(rows, MANY);
    io_assert_ok(unic_index_create(&x, &o));
    io_assert_ok(unic_index_add(x, &a, NULL));
    small_fail_allocations_over(VECTORS / 4);
    unic_status status = unic_index_save(x, path);
    unic_set_allocator(NULL);
    io_assert_ok(status);
    /* all but the limits: vectors, norms, ids, the table of ids, and what reading a zip takes */
    unic_open_options limit = {.struct_size = sizeof limit,
                               .memory_limit = VECTORS + MANY * 12 + 65536 * 8 + 300000};
    io_assert_ok(unic_index_load(&back, path, &limit));
    ck_assert_mem_eq(unic_index_vectors(back), rows, VECTORS);
    unic_index_free(back);
    unic_index_free(x);
    free(rows);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("index_change");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, what_is_removed_is_gone);
    tcase_add_test(t, what_is_updated_is_found_where_it_is_now);
    tcase_add_test(t, wrong_changes_are_named);
    tcase_add_test(t, what_is_reserved_is_there);
    tcase_add_test(t, places_without_items_say_so);
    tcase_add_test(t, changes_without_memory_change_nothing);
    tcase_add_test(t, saving_takes_no_memory_for_items);
    return small_run("api/index_change", t);
}
