/* lib/model/codebook and codebook_init: how long codes are idle, which start anew and from what
 * (P8, A.3), and how they start at all. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "codebook_tools.h"
#include "small_model.h"

enum { D = 5 };

/* ---- idle counters ---- */

static const unic__progress quiet = {NULL, NULL};

START_TEST(idle_counters_advance_with_their_modality)
{
    unic_codebook *cb = new_codebook(4, 2, 3);
    const int32_t a[] = {0, 0, -1}, b[] = {-1, -1}, c[] = {3};
    const unic__ema_part both[] = {{3, NULL, a}, {2, NULL, b}, {1, NULL, c}};
    const unic__ema_part none[] = {{0, NULL, NULL}, {0, NULL, NULL}, {0, NULL, NULL}};
    unic__codebook_count_idle(cb, both);
    unic__codebook_count_idle(cb, none);
    unic__codebook_count_idle(cb, both);
    const int32_t expected[3][4] = {{0, 2, 2, 2}, {0, 0, 0, 0}, {2, 2, 2, 0}};
    ck_assert_mem_eq(cb->idle, expected, sizeof expected);
    for (size_t l = 0; l < 4; l++)
        cb->idle[l] = INT32_MAX; /* stays there */
    unic__codebook_count_idle(cb, both);
    ck_assert_int_eq(cb->idle[0], 0);
    ck_assert_int_eq(cb->idle[1], INT32_MAX);
    unic__codebook_free(cb);
}
END_TEST

/* ---- revival ---- */

static const float candidates[] = {100, 101, 200, 201, 300, 301};

/* Six codes of dim 2: code l is (l, l). */
static unic_codebook *numbered(size_t modalities, const int32_t *idle)
{
    float e[12];
    unic_codebook *cb = new_codebook(6, 2, modalities);
    for (size_t i = 0; i < 12; i++)
        e[i] = (float)(i / 2);
    unic__codebook_set(cb, e);
    memcpy(cb->idle, idle, 6 * modalities * sizeof *idle);
    for (size_t l = 0; l < 6; l++)
        cb->count[l] = 5.0F;
    for (size_t i = 0; i < 12; i++)
        cb->sum[i] = 5.0F * e[i];
    return cb;
}

static unic__revival revival(unic__reset rule)
{
    return (unic__revival){.rule = rule,
                           .steps = 10,
                           .ema = true,
                           .source = UNIC__SOURCE_ENCODER,
                           .z = candidates,
                           .rows = 3,
                           .key = unic__random_key(3, 4, 5)};
}

/* `revived` is a string of six digits: 1 where code l must have changed. */
static void assert_revived(const unic_codebook *cb, const int32_t *idle, const char *revived)
{
    for (size_t l = 0; l < 6; l++) {
        const float *e = cb->embedding + 2 * l;
        bool fresh = e[0] != (float)l;
        ck_assert_msg(fresh == (revived[l] == '1'), "code %zu was %s", l,
                      fresh ? "revived" : "left alone");
        if (fresh) {
            ck_assert(e[0] == 100 || e[0] == 200 || e[0] == 300);
            ck_assert(e[1] == e[0] + 1.0F);
            ck_assert(cb->count[l] == 1.0F);
            ck_assert_mem_eq(cb->sum + 2 * l, e, 2 * sizeof *e);
        } else {
            ck_assert(e[1] == (float)l && cb->count[l] == 5.0F &&
                      cb->sum[2 * l] == 5.0F * e[0]);
        }
        for (size_t m = 0; m < cb->modalities; m++)
            ck_assert_int_eq(cb->idle[m * 6 + l], fresh ? 0 : idle[m * 6 + l]);
    }
}

START_TEST(revives_by_rule)
{
    const int32_t two[] = {/* a */ 0, 10, 11, 11, 90, 0, /* b */ 0, 11, 10, 12, 11, 99};
    const int32_t three[] = {/* a */ 0,  11, 11, 99, 11, 5, /* b */ 0, 0, 11, 11, 10, 5,
                             /* c */ 99, 0,  0,  99, 10, 6};
    const int32_t one[] = {0, 10, 11, 12, 5, 99};
    static const struct {
        size_t modalities;
        unic__reset rule;
        const char *revived;
    } cases[] = {
        {2, UNIC__RESET_OFF, "000000"}, {2, UNIC__RESET_ANY, "000110"},
        {2, UNIC__RESET_TWO, "011111"}, {3, UNIC__RESET_OFF, "000000"},
        {3, UNIC__RESET_ANY, "000100"}, {3, UNIC__RESET_TWO, "001100"},
        {1, UNIC__RESET_ANY, "001101"}, {1, UNIC__RESET_TWO, "001101"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const int32_t *idle = cases[i].modalities == 2   ? two
                              : cases[i].modalities == 3 ? three
                                                         : one;
        unic_codebook *cb = numbered(cases[i].modalities, idle);
        unic__revival r = revival(cases[i].rule);
        int32_t order[6];
        size_t n = 0;
        for (const char *at = cases[i].revived; *at; at++)
            n += *at == '1';
        ck_assert_uint_eq(unic__codebook_revive(cb, &r, order), n);
        assert_revived(cb, idle, cases[i].revived);
        unic__codebook_free(cb);
    }
}
END_TEST

START_TEST(revives_the_longest_idle_first)
{
    const int32_t idle[] = {20, 50, 0, 70, 50, 60};
    static const char *const expected[] = {"110111", "000100", "000101", "010101",
                                           "010111", "110111", "110111"};
    for (size_t max = 0; max <= 6; max++) { /* 0: no limit; of equals, the first */
        unic_codebook *cb = numbered(1, idle);
        unic__revival r = revival(UNIC__RESET_ANY);
        int32_t order[6];
        r.max = max;
        ck_assert_uint_eq(unic__codebook_revive(cb, &r, order), max == 0 || max > 5 ? 5 : max);
        assert_revived(cb, idle, expected[max]);
        unic__codebook_free(cb);
    }
}
END_TEST

START_TEST(revives_from_the_rows_that_are_given)
{
    const int32_t idle[] = {0, 99, 0, 99, 99, 0}, from[] = {9, 2, 9, 0, 2, 9};
    unic_codebook *cb = numbered(1, idle);
    unic__revival r = revival(UNIC__RESET_ANY);
    int32_t order[6];
    r.from = from;
    ck_assert_uint_eq(unic__codebook_revive(cb, &r, order), 3);
    ck_assert(cb->embedding[2] == 300 && cb->embedding[6] == 100 && cb->embedding[8] == 300);
    unic__codebook_free(cb);

    cb = numbered(1, idle); /* without rows there is nothing to revive from */
    r = revival(UNIC__RESET_ANY);
    r.rows = 0;
    ck_assert_uint_eq(unic__codebook_revive(cb, &r, order), 0);
    assert_revived(cb, idle, "000000");
    unic__codebook_free(cb);
}
END_TEST

START_TEST(draws_of_a_revival_are_its_keys)
{
    const int32_t idle[] = {99, 99, 99, 99, 99, 99};
    unic_codebook *cb[3];
    int32_t order[6];
    for (size_t i = 0; i < 3; i++) {
        unic__revival r = revival(UNIC__RESET_ANY);
        r.key = unic__random_key(3, i / 2, 5);
        cb[i] = numbered(1, idle);
        unic__codebook_revive(cb[i], &r, order);
    }
    ck_assert_mem_eq(cb[0]->embedding, cb[1]->embedding, 12 * sizeof(float));
    ck_assert_mem_ne(cb[0]->embedding, cb[2]->embedding, 12 * sizeof(float));
    for (size_t i = 0; i < 3; i++)
        unic__codebook_free(cb[i]);
}
END_TEST

/* A.3: a code in use and U(+-1/1024); N and o stay, so that the next update undoes it. */
START_TEST(revives_from_codes_in_use)
{
    const int32_t idle[] = {99, 301, 3, 400, 100, 301}; /* 100: neither in use nor revived */
    unic_codebook *cb = numbered(1, idle);
    unic__revival r = revival(UNIC__RESET_ANY);
    int32_t order[6];
    r.source = UNIC__SOURCE_CODE;
    r.steps = 300;
    r.ema = false;
    r.rows = 0; /* not looked at */
    ck_assert_uint_eq(unic__codebook_revive(cb, &r, order), 3);
    for (size_t l = 1; l < 6; l += 2) {
        float code = roundf(cb->embedding[2 * l]);
        ck_assert(code == 0.0F || code == 2.0F);
        for (size_t j = 0; j < 2; j++) {
            float noise = cb->embedding[2 * l + j] - code;
            ck_assert(noise != 0.0F && fabsf(noise) <= 1.0F / 1024.0F);
            ck_assert(cb->sum[2 * l + j] == 5.0F * (float)l);
        }
        ck_assert(cb->embedding[2 * l] != cb->embedding[2 * l + 1]);
        ck_assert(cb->count[l] == 5.0F && cb->idle[l] == 0);
    }
    for (size_t l = 0; l < 6; l += 2)
        ck_assert(cb->embedding[2 * l] == (float)l);
    unic__codebook_free(cb);

    const int32_t all[] = {301, 301, 301, 301, 301, 301}; /* none is in use */
    cb = numbered(1, all);
    ck_assert_uint_eq(unic__codebook_revive(cb, &r, order), 0);
    assert_revived(cb, all, "000000");
    unic__codebook_free(cb);
}
END_TEST

/* ---- starting codes ---- */

static double distortion(const unic_codebook *cb, const float *z, size_t rows)
{
    double sum = 0.0;
    for (size_t r = 0; r < rows; r++) {
        const float *e = cb->embedding +
                         cb->dim * nearest(z + r * cb->dim, cb->embedding, cb->codes, cb->dim);
        sum += square_distance(z + r * cb->dim, e, cb->dim);
    }
    return sum / (double)rows;
}

/* N = 1, o = e, nothing idle, the norms in step. */
static void assert_started(const unic_codebook *cb)
{
    ck_assert_mem_eq(cb->sum, cb->embedding, cb->codes * cb->dim * sizeof(float));
    assert_in_step(cb);
    for (size_t l = 0; l < cb->codes; l++) {
        ck_assert(cb->count[l] == 1.0F);
        for (size_t m = 0; m < cb->modalities; m++)
            ck_assert_int_eq(cb->idle[m * cb->codes + l], 0);
    }
}

static size_t find_row(const float *row, const float *z, size_t rows, size_t dim)
{
    size_t r = 0;
    while (r < rows && memcmp(row, z + r * dim, dim * sizeof *z) != 0)
        r++;
    return r;
}

START_TEST(starts_from_distinct_rows)
{
    enum { N = 50 };
    float *z = normal_numbers(N * D, 8);
    unic_codebook *cb = new_codebook(20, D, 2), *other = new_codebook(20, D, 2);
    cb->idle[3] = 9;
    io_assert_ok(unic__codebook_init(cb, z, N, 0, unic__random_key(1, 2, 3), &quiet));
    assert_started(cb);
    bool seen[N + 1] = {false};
    for (size_t l = 0; l < 20; l++) {
        size_t r = find_row(cb->embedding + l * D, z, N, D);
        ck_assert(r < N && !seen[r]);
        seen[r] = true;
    }
    io_assert_ok(unic__codebook_init(other, z, N, 0, unic__random_key(1, 2, 3), &quiet));
    ck_assert_mem_eq(cb->embedding, other->embedding, 20 * D * sizeof *z);
    io_assert_ok(unic__codebook_init(other, z, N, 0, unic__random_key(1, 2, 4), &quiet));
    ck_assert_mem_ne(cb->embedding, other->embedding, 20 * D * sizeof *z);
    unic__codebook_free(cb);
    unic__codebook_free(other);
    free(z);
}
END_TEST

START_TEST(k_means_lowers_the_distortion)
{
    enum { N = 400, K = 8 };
    float *z = normal_numbers(N * D, 9);
    for (size_t r = 0; r < N; r++) /* eight clusters, some of them small */
        z[r * D + r % 3] += (float)(r % 8 < 6 ? 8 : 30);
    unic_codebook *cb = new_codebook(K, D, 1), *same = new_codebook(K, D, 1);
    io_assert_ok(unic__codebook_init(cb, z, N, 0, unic__random_key(1, 0, 0), &quiet));
    double rows = distortion(cb, z, N), last = INFINITY;
    const size_t iterations[] = {1, 2, 4, 16};
    for (size_t i = 0; i < 4; i++) {
        io_assert_ok(
            unic__codebook_init(cb, z, N, iterations[i], unic__random_key(1, 0, 0), &quiet));
        assert_started(cb);
        double now = distortion(cb, z, N);
        ck_assert_msg(now <= last * (1.0 + 1e-6), "%g after %g", now, last);
        last = now;
    }
    ck_assert_msg(last < 0.8 * rows, "%g, from random rows %g", last, rows);
    io_assert_ok(unic__codebook_init(same, z, N, 16, unic__random_key(1, 0, 0), &quiet));
    ck_assert_mem_eq(cb->embedding, same->embedding, K * D * sizeof *z);
    unic__codebook_free(cb);
    unic__codebook_free(same);
    free(z);
}
END_TEST

/* Each row is a code, and the codes left over are near some row, but no code's double. */
START_TEST(starts_from_fewer_rows_than_codes)
{
    enum { N = 3, K = 11 };
    float *z = normal_numbers(N * D, 10);
    unic_codebook *cb = new_codebook(K, D, 1);
    io_assert_ok(
        unic__codebook_init(cb, z, N, (size_t)_i * 5, unic__random_key(1, 0, 0), &quiet));
    assert_started(cb);
    for (size_t r = 0; r < N; r++)
        ck_assert(find_row(z + r * D, cb->embedding, K, D) < K);
    for (size_t l = 0; l < K; l++) {
        const float *e = cb->embedding + l * D;
        ck_assert(square_distance(e, z + D * nearest(e, z, N, D), D) < 0.05 * 0.05 * D);
        ck_assert_uint_eq(find_row(e, cb->embedding, K, D), l);
    }
    unic__codebook_free(cb);
    free(z);
}
END_TEST

/* k-means++ and one round of Lloyd's algorithm, by the book. Returns the distortion. */
static double by_the_book(const float *z, size_t rows, size_t codes, size_t dim, uint64_t seed)
{
    unic_codebook *cb = new_codebook(codes, dim, 1);
    unic__key key = unic__random_key(seed, 5, 5);
    double *nearest2 = malloc(rows * sizeof *nearest2), *sum = calloc(dim, sizeof *sum);
    size_t row = unic__random_below(key, 0, rows);
    for (size_t r = 0; r < rows; r++)
        nearest2[r] = INFINITY;
    for (size_t l = 0; l < codes; l++) {
        double total = 0.0;
        memcpy(cb->embedding + l * dim, z + row * dim, dim * sizeof *z);
        for (size_t r = 0; r < rows; r++) {
            nearest2[r] = fmin(nearest2[r], square_distance(z + r * dim, z + row * dim, dim));
            total += nearest2[r];
        }
        double target = (double)unic__random_uniform(key, l + 1) * total;
        for (row = 0; row + 1 < rows && target >= nearest2[row]; row++)
            target -= nearest2[row];
    }
    int32_t *codes_of = malloc(rows * sizeof *codes_of);
    for (size_t r = 0; r < rows; r++)
        codes_of[r] = (int32_t)nearest(z + r * dim, cb->embedding, codes, dim);
    for (size_t l = 0; l < codes; l++) {
        double n = 0.0;
        memset(sum, 0, dim * sizeof *sum);
        for (size_t r = 0; r < rows; r++)
            for (size_t j = 0; codes_of[r] == (int32_t)l && j < dim; j++) {
                sum[j] += (double)z[r * dim + j];
                n += j == 0;
            }
        for (size_t j = 0; n > 0.0 && j < dim; j++)
            cb->embedding[l * dim + j] = (float)(sum[j] / n);
    }
    double result = distortion(cb, z, rows);
    free(nearest2);
    free(sum);
    free(codes_of);
    unic__codebook_free(cb);
    return result;
}

/* Rows are measured a few seeds late, and drawn as if they were not. */
START_TEST(seeds_are_drawn_as_by_the_book)
{
    enum { N = 300, K = 60, DIM = 2, RUNS = 300 };
    float *z = normal_numbers(N * DIM, 11);
    double ours = 0.0, book = 0.0;
    for (size_t r = 0; r < N; r += 10) /* some far out, which must be drawn early */
        z[r * DIM] *= 20.0F;
    unic_codebook *cb = new_codebook(K, DIM, 1);
    for (uint64_t i = 0; i < RUNS; i++) {
        io_assert_ok(unic__codebook_init(cb, z, N, 1, unic__random_key(i, 0, 0), &quiet));
        ours += distortion(cb, z, N) / RUNS;
        book += by_the_book(z, N, K, DIM, i) / RUNS;
    }
    ck_assert_msg(fabs(ours - book) < 0.03 * book, "a distortion of %g, by the book %g", ours,
                  book);
    unic__codebook_free(cb);
    free(z);
}
END_TEST

/* A code is the mean of all its rows; float32 would end to count them at 2^24. */
START_TEST(k_means_counts_all_rows)
{
    enum { N = (1 << 24) + (1 << 20) };
    float *z = new_floats(N);
    for (size_t r = 0; r < N; r++)
        z[r] = r % 2 ? 0.25F : 0.75F;
    unic_codebook *cb = new_codebook(1, 1, 1);
    io_assert_ok(unic__codebook_init(cb, z, N, 1, unic__random_key(1, 0, 0), &quiet));
    ck_assert_msg(cb->embedding[0] == 0.5F, "%g", (double)cb->embedding[0]);
    unic__codebook_free(cb);
    free(z);
}
END_TEST

/* What is moved or scaled is found as before: clusters [K] far apart for their width. */
START_TEST(k_means_finds_clusters_anywhere)
{
    static const struct {
        float offset, scale;
    } cases[] = {{0, 1},      {1e4F, 1},  {-1e6F, 8}, {0, 1e-40F},
                 {0, 1e-25F}, {0, 1e25F}, {0, 1e37F}};
    enum { N = 240, K = 6 };
    const float offset = cases[_i].offset, scale = cases[_i].scale;
    float *z = normal_numbers(N * D, 12);
    for (size_t i = 0; i < N * D; i++)
        z[i] = offset + scale * ((float)(i / D % K) + 0.01F * z[i]);
    unic_codebook *cb = new_codebook(K, D, 1), *two = new_codebook(K, D, 1);
    io_assert_ok(unic__codebook_init(cb, z, N, 20, unic__random_key(3, 0, 0), &quiet));
    assert_started(cb);
    int32_t codes[N], seen[K] = {0};
    unic__codebook_nearest(cb, z, N, codes);
    for (size_t r = 0; r < N; r++) {
        ck_assert_int_eq(codes[r], codes[r % K]);
        seen[codes[r]]++;
    }
    for (size_t l = 0; l < K; l++)
        ck_assert_int_eq(seen[l], N / K);
    unic__threads_set(2);
    io_assert_ok(unic__codebook_init(two, z, N, 20, unic__random_key(3, 0, 0), &quiet));
    unic__threads_set(1);
    ck_assert_mem_eq(cb->embedding, two->embedding, K * D * sizeof *z);
    unic__codebook_free(cb);
    unic__codebook_free(two);
    free(z);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("revival");
    tcase_add_test(t, idle_counters_advance_with_their_modality);
    tcase_add_test(t, revives_by_rule);
    tcase_add_test(t, revives_the_longest_idle_first);
    tcase_add_test(t, revives_from_the_rows_that_are_given);
    tcase_add_test(t, draws_of_a_revival_are_its_keys);
    tcase_add_test(t, revives_from_codes_in_use);
    tcase_add_test(t, starts_from_distinct_rows);
    tcase_add_test(t, k_means_lowers_the_distortion);
    tcase_add_test(t, seeds_are_drawn_as_by_the_book);
    tcase_add_test(t, k_means_counts_all_rows);
    tcase_add_loop_test(t, k_means_finds_clusters_anywhere, 0, 7);
    tcase_add_loop_test(t, starts_from_fewer_rows_than_codes, 0, 2);
    return small_run("model/revival", t);
}
