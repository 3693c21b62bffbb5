/* lib/model/codebook, codebook_init and op/assign: against double-precision loops that follow the
 * equations (P2, P6, P8, A.3). */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io/io_help.h"
#include "model/codebook.h"
#include "op/assign.h"
#include "small_model.h"

static unic_codebook *new_codebook(size_t codes, size_t dim, size_t modalities)
{
    unic_codebook *cb;
    io_assert_ok(unic__codebook_create(&cb, codes, dim, modalities));
    return cb;
}

static float *new_floats(size_t n)
{
    float *x = malloc((n ? n : 1) * sizeof *x);
    ck_assert(x != NULL);
    return x;
}

/* Small whole numbers: every distance is exact in float32, and ties are many. */
static float *whole_numbers(size_t n, uint64_t seed)
{
    float *x = new_floats(n);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)unic__random_below(unic__random_key(seed, 0, 0), i, 7) - 3.0F;
    return x;
}

static float *normal_numbers(size_t n, uint64_t seed)
{
    float *x = new_floats(n);
    for (size_t i = 0; i < n; i++)
        x[i] = unic__random_normal(unic__random_key(seed, 0, 0), i);
    return x;
}

static double square_distance(const float *a, const float *b, size_t n)
{
    double sum = 0.0;
    for (size_t j = 0; j < n; j++)
        sum += ((double)a[j] - (double)b[j]) * ((double)a[j] - (double)b[j]);
    return sum;
}

static size_t nearest(const float *z, const float *e, size_t codes, size_t dim)
{
    size_t best = 0;
    for (size_t l = 1; l < codes; l++)
        if (square_distance(z, e + l * dim, dim) < square_distance(z, e + best * dim, dim))
            best = l;
    return best;
}

static void assert_close(const float *got, const double *want, size_t n, const char *what)
{
    double most = 0.0;
    for (size_t i = 0; i < n; i++)
        most = fmax(most, fabs(want[i]));
    for (size_t i = 0; i < n; i++)
        ck_assert_msg(fabs((double)got[i] - want[i]) <= 1e-5 * most,
                      "%s[%zu] is %.9g, expected %.9g (the largest is %g)", what, i,
                      (double)got[i], want[i], most);
}

/* ---- assignment (P2) ---- */

static const struct {
    size_t rows, codes, dim;
} sizes[] = {{0, 5, 3},    {1, 1, 1},     {1, 300, 7},  {2, 256, 1},   {63, 17, 5},
             {64, 257, 2}, {65, 513, 33}, {129, 40, 8}, {700, 300, 16}};

static void check_assignment(const float *z, const float *e, size_t rows, size_t codes,
                             size_t dim)
{
    unic_codebook *cb = new_codebook(codes, dim, 1);
    int32_t *one = malloc((rows + 1) * sizeof *one), *two = malloc((rows + 1) * sizeof *two);
    unic__codebook_set(cb, e);
    one[rows] = two[rows] = 77;
    unic__assign(one, z, rows, cb->embedding, cb->norm, codes, dim);
    unic__threads_set(2);
    unic__assign(two, z, rows, cb->embedding, cb->norm, codes, dim);
    unic__threads_set(1);
    ck_assert_mem_eq(one, two, (rows + 1) * sizeof *one);
    ck_assert_int_eq(one[rows], 77);
    for (size_t r = 0; r < rows; r++)
        ck_assert_msg((size_t)one[r] == nearest(z + r * dim, e, codes, dim),
                      "%zu x %zu x %zu: row %zu takes code %d, the nearest is %zu", rows, codes,
                      dim, r, one[r], nearest(z + r * dim, e, codes, dim));
    free(one);
    free(two);
    unic__codebook_free(cb);
}

START_TEST(assigns_the_nearest_code_and_of_equals_the_first)
{
    size_t rows = sizes[_i].rows, codes = sizes[_i].codes, dim = sizes[_i].dim;
    float *z = whole_numbers(rows * dim, 1), *e = whole_numbers(codes * dim, 2);
    check_assignment(z, e, rows, codes, dim);
    free(z);
    free(e);
    z = normal_numbers(rows * dim, 3);
    e = normal_numbers(codes * dim, 4);
    check_assignment(z, e, rows, codes, dim);
    free(z);
    free(e);
}
END_TEST

START_TEST(a_tie_across_tiles_goes_to_the_first)
{
    enum { CODES = 600, DIM = 3 };
    const float z[DIM] = {1, 2, 3};
    float *e = new_floats(CODES * DIM);
    for (size_t i = 0; i < CODES * DIM; i++)
        e[i] = 9.0F;
    memcpy(e + 255 * DIM, z, sizeof z); /* the last of a tile, the first of the next, ... */
    memcpy(e + 256 * DIM, z, sizeof z);
    memcpy(e + 599 * DIM, z, sizeof z);
    unic_codebook *cb = new_codebook(CODES, DIM, 1);
    unic__codebook_set(cb, e);
    int32_t code;
    unic__assign(&code, z, 1, cb->embedding, cb->norm, CODES, DIM);
    ck_assert_int_eq(code, 255);
    unic__codebook_free(cb);
    free(e);
}
END_TEST

/* ---- the EMA update (P6, A.3) ---- */

enum { L = 7, D = 5, M = 3, ROWS = 40 };

/* A codebook in double, and three modalities' rows; code 6 is never hit. */
typedef struct naive {
    double n[L], o[L * D], e[L * D];
} naive;

typedef struct part_data {
    float target[M][ROWS * D];
    int32_t codes[M][ROWS];
    unic__ema_part parts[M];
} part_data;

static part_data *new_parts(uint64_t seed)
{
    part_data *p = malloc(sizeof *p);
    ck_assert(p != NULL);
    unic__key key = unic__random_key(seed, 0, 9);
    for (size_t m = 0; m < M; m++) {
        for (size_t i = 0; i < ROWS * D; i++)
            p->target[m][i] = 3.0F * unic__random_normal(key, m * ROWS * D + i);
        for (size_t r = 0; r < ROWS; r++) /* -1: padding */
            p->codes[m][r] = (int32_t)unic__random_below(key, 9000 + m * ROWS + r, L) - 1;
        p->parts[m] = (unic__ema_part){ROWS - m, p->target[m], p->codes[m]};
    }
    return p;
}

/* n_l and the sums of one modality; adds to both. */
static void naive_collect(const unic__ema_part *p, double *n, double *sums)
{
    for (size_t r = 0; r < p->rows; r++) {
        if (p->codes[r] < 0)
            continue;
        n[p->codes[r]] += 1.0;
        for (size_t j = 0; j < D; j++)
            sums[p->codes[r] * D + (int)j] += (double)p->target[r * D + j];
    }
}

/* Eq 7, word by word. */
static void naive_joint(naive *c, double gamma, const unic__ema_part *parts)
{
    double n[L] = {0}, sums[L * D] = {0};
    for (size_t m = 0; m < M; m++)
        naive_collect(&parts[m], n, sums);
    for (size_t l = 0; l < L; l++) {
        c->n[l] = gamma * c->n[l] + (1.0 - gamma) * n[l];
        for (size_t j = l * D; j < (l + 1) * D; j++) {
            c->o[j] = gamma * c->o[j] + (1.0 - gamma) * sums[j];
            c->e[j] = c->o[j] / c->n[l];
        }
    }
}

/* A.3: steps 1 to 4, one modality after the other. */
static void naive_sequential(naive *c, double gamma, double epsilon,
                             const unic__ema_part *parts)
{
    for (size_t m = 0; m < M; m++) {
        double n[L] = {0}, sums[L * D] = {0}, total = 0.0;
        naive_collect(&parts[m], n, sums);
        for (size_t l = 0; l < L; l++) {
            c->n[l] = gamma * c->n[l] + (1.0 - gamma) * n[l];
            total += c->n[l];
        }
        for (size_t l = 0; l < L; l++) {
            c->n[l] = (c->n[l] + epsilon) / (total + (double)L * epsilon) * total;
            for (size_t j = l * D; j < (l + 1) * D; j++) {
                c->o[j] = gamma * c->o[j] + (1.0 - gamma) * sums[j];
                c->e[j] = c->o[j] / c->n[l];
            }
        }
    }
}

static void start_both(unic_codebook *cb, naive *c, double count)
{
    float *e = normal_numbers(L * D, 5);
    unic__codebook_set(cb, e);
    for (size_t l = 0; l < L; l++) {
        cb->count[l] = (float)count;
        c->n[l] = count;
    }
    for (size_t i = 0; i < L * D; i++)
        c->e[i] = c->o[i] = (double)e[i];
    free(e);
}

static void compare_both(const unic_codebook *cb, const naive *c)
{
    assert_close(cb->count, c->n, L, "N");
    assert_close(cb->sum, c->o, L * D, "o");
    assert_close(cb->embedding, c->e, L * D, "e");
    for (size_t l = 0; l < L; l++) {
        double norm = 0.0;
        for (size_t j = 0; j < D; j++)
            norm += pow((double)cb->embedding[l * D + j], 2.0);
        ck_assert(fabs((double)cb->norm[l] - norm) <= 1e-5 * norm);
    }
}

START_TEST(joint_update_is_equation_7)
{
    const double decays[] = {0.0, 0.5, 0.99};
    float scratch[L * (D + 1)];
    naive c;
    unic_codebook *cb = new_codebook(L, D, M);
    start_both(cb, &c, 1.0);
    for (uint64_t step = 0; step < 12; step++) {
        part_data *p = new_parts(step);
        double gamma = decays[1 + step % 2];
        unic__codebook_update(cb, UNIC__EMA_JOINT, gamma, 0.0, p->parts, scratch);
        naive_joint(&c, gamma, p->parts);
        compare_both(cb, &c);
        free(p);
    }
    part_data *p = new_parts(99); /* gamma 0: a code is the mean of what it was given */
    unic__codebook_update(cb, UNIC__EMA_JOINT, decays[0], 0.0, p->parts, scratch);
    for (size_t l = 0; l < L; l++) {
        double n[L] = {0}, sums[L * D] = {0};
        for (size_t m = 0; m < M; m++)
            naive_collect(&p->parts[m], n, sums);
        for (size_t j = 0; n[l] > 0.0 && j < D; j++)
            ck_assert(fabs((double)cb->embedding[l * D + j] - sums[l * D + j] / n[l]) < 1e-5);
    }
    free(p);
    unic__codebook_free(cb);
}
END_TEST

START_TEST(joint_update_leaves_a_code_without_hits_alone)
{
    float scratch[L * (D + 1)], before[D];
    unic_codebook *cb = new_codebook(L, D, M);
    naive c;
    start_both(cb, &c, 1.0);
    memcpy(before, cb->embedding + 6 * D, sizeof before);
    for (uint64_t step = 0; step < 4000; step++) { /* 0.99^4000 would be 3e-18 */
        part_data *p = new_parts(step % 8);
        unic__codebook_update(cb, UNIC__EMA_JOINT, 0.99, 0.0, p->parts, scratch);
        free(p);
    }
    ck_assert_mem_eq(cb->embedding + 6 * D, before, sizeof before);
    ck_assert(cb->count[6] > 0.0F && cb->count[6] < 1e-5F);
    const int32_t six = 6; /* and when it is hit at last, it goes where the hit was */
    const float hit[D] = {1, -2, 3, -4, 5};
    const unic__ema_part parts[M] = {{1, hit, &six}, {0, NULL, NULL}, {0, NULL, NULL}};
    unic__codebook_update(cb, UNIC__EMA_JOINT, 0.99, 0.0, parts, scratch);
    for (size_t j = 0; j < D; j++)
        ck_assert(fabsf(cb->embedding[6 * D + j] - hit[j]) < 2e-3F);
    unic__codebook_free(cb);
}
END_TEST

START_TEST(sequential_update_is_the_cmg_codes)
{
    float scratch[L * (D + 1)];
    naive c;
    unic_codebook *cb = new_codebook(L, D, M);
    start_both(cb, &c, _i ? 1.0 : 0.0); /* 0: the first step throws unused codes away (A.3) */
    for (uint64_t step = 0; step < 12; step++) {
        part_data *p = new_parts(20 + step);
        unic__codebook_update(cb, UNIC__EMA_SEQUENTIAL, 0.99, 1e-5, p->parts, scratch);
        naive_sequential(&c, 0.99, 1e-5, p->parts);
        compare_both(cb, &c);
        free(p);
    }
    unic__codebook_free(cb);
}
END_TEST

/* ---- idle counters and revival (P8) ---- */

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
        ck_assert(cb->norm[l] == e[0] * e[0] + e[1] * e[1]);
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
    for (size_t l = 0; l < cb->codes; l++) {
        double norm = 0.0;
        for (size_t j = 0; j < cb->dim; j++)
            norm += pow((double)cb->embedding[l * cb->dim + j], 2.0);
        ck_assert(cb->count[l] == 1.0F);
        ck_assert(fabs((double)cb->norm[l] - norm) <= 1e-5 * norm);
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
    io_assert_ok(unic__codebook_init(cb, z, N, 0, unic__random_key(1, 2, 3)));
    assert_started(cb);
    bool seen[N + 1] = {false};
    for (size_t l = 0; l < 20; l++) {
        size_t r = find_row(cb->embedding + l * D, z, N, D);
        ck_assert(r < N && !seen[r]);
        seen[r] = true;
    }
    io_assert_ok(unic__codebook_init(other, z, N, 0, unic__random_key(1, 2, 3)));
    ck_assert_mem_eq(cb->embedding, other->embedding, 20 * D * sizeof *z);
    io_assert_ok(unic__codebook_init(other, z, N, 0, unic__random_key(1, 2, 4)));
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
    io_assert_ok(unic__codebook_init(cb, z, N, 0, unic__random_key(1, 0, 0)));
    double rows = distortion(cb, z, N), last = INFINITY;
    const size_t iterations[] = {1, 2, 4, 16};
    for (size_t i = 0; i < 4; i++) {
        io_assert_ok(unic__codebook_init(cb, z, N, iterations[i], unic__random_key(1, 0, 0)));
        assert_started(cb);
        double now = distortion(cb, z, N);
        ck_assert_msg(now <= last * (1.0 + 1e-6), "%g after %g", now, last);
        last = now;
    }
    ck_assert_msg(last < 0.8 * rows, "%g, from random rows %g", last, rows);
    io_assert_ok(unic__codebook_init(same, z, N, 16, unic__random_key(1, 0, 0)));
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
    io_assert_ok(unic__codebook_init(cb, z, N, (size_t)_i * 5, unic__random_key(1, 0, 0)));
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

/* ---- the whole ---- */

START_TEST(copies_are_whole_and_their_own)
{
    part_data *p = new_parts(1);
    float scratch[L * (D + 1)];
    unic_codebook *cb = new_codebook(L, D, M), *copy;
    naive c;
    start_both(cb, &c, 1.0);
    unic__codebook_update(cb, UNIC__EMA_JOINT, 0.9, 0.0, p->parts, scratch);
    unic__codebook_count_idle(cb, p->parts);
    io_assert_ok(unic__codebook_copy(&copy, cb));
    ck_assert(copy->codes == L && copy->dim == D && copy->modalities == M);
    ck_assert_mem_eq(copy->embedding, cb->embedding, L * D * sizeof(float));
    ck_assert_mem_eq(copy->norm, cb->norm, L * sizeof(float));
    ck_assert_mem_eq(copy->count, cb->count, L * sizeof(float));
    ck_assert_mem_eq(copy->sum, cb->sum, L * D * sizeof(float));
    ck_assert_mem_eq(copy->idle, cb->idle, M * L * sizeof(int32_t));
    ck_assert(unic__codebook_fingerprint(copy) == unic__codebook_fingerprint(cb));
    copy->embedding[L * D - 1] = nextafterf(copy->embedding[L * D - 1], 1e9F);
    ck_assert(unic__codebook_fingerprint(copy) != unic__codebook_fingerprint(cb));
    ck_assert(cb->embedding[L * D - 1] != copy->embedding[L * D - 1]);
    unic__codebook_free(copy);
    unic__codebook_free(cb);
    free(p);
    cb = new_codebook(2, 3, 1); /* the same six zeros */
    copy = new_codebook(3, 2, 1);
    ck_assert(unic__codebook_fingerprint(copy) != unic__codebook_fingerprint(cb));
    unic__codebook_free(copy);
    unic__codebook_free(cb);
    unic__codebook_free(NULL);
}
END_TEST

START_TEST(perplexity_is_the_number_of_codes_in_use)
{
    const int64_t even[] = {3, 3, 0, 3, 3}, one[] = {0, 9, 0}, none[] = {0, 0}, odd[] = {1, 3};
    ck_assert_double_eq_tol(unic__perplexity(even, 5), 4.0, 1e-12);
    ck_assert_double_eq_tol(unic__perplexity(one, 3), 1.0, 1e-12);
    ck_assert_double_eq(unic__perplexity(none, 2), 0.0);
    ck_assert_double_eq_tol(unic__perplexity(odd, 2), exp(-0.25 * log(0.25) - 0.75 * log(0.75)),
                            1e-12);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("codebook");
    tcase_add_loop_test(t, assigns_the_nearest_code_and_of_equals_the_first, 0,
                        sizeof sizes / sizeof sizes[0]);
    tcase_add_test(t, a_tie_across_tiles_goes_to_the_first);
    tcase_add_test(t, joint_update_is_equation_7);
    tcase_add_test(t, joint_update_leaves_a_code_without_hits_alone);
    tcase_add_loop_test(t, sequential_update_is_the_cmg_codes, 0, 2);
    tcase_add_test(t, idle_counters_advance_with_their_modality);
    tcase_add_test(t, revives_by_rule);
    tcase_add_test(t, revives_the_longest_idle_first);
    tcase_add_test(t, revives_from_the_rows_that_are_given);
    tcase_add_test(t, draws_of_a_revival_are_its_keys);
    tcase_add_test(t, revives_from_codes_in_use);
    tcase_add_test(t, starts_from_distinct_rows);
    tcase_add_test(t, k_means_lowers_the_distortion);
    tcase_add_loop_test(t, starts_from_fewer_rows_than_codes, 0, 2);
    tcase_add_test(t, copies_are_whole_and_their_own);
    tcase_add_test(t, perplexity_is_the_number_of_codes_in_use);
    return small_run("model/codebook", t);
}
