/* lib/model/codebook and kernel/assign: assignment and the EMA update, against double-precision
 * loops that follow the equations (P2, P6, A.3). */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "codebook_tools.h"
#include "kernel/packed.h"

#include "small_model.h"

/* Small whole numbers: every distance is exact in float32, and ties are many. */
static float *whole_numbers(size_t n, uint64_t seed)
{
    float *x = new_floats(n);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)unic__random_below(unic__random_key(seed, 0, 0), i, 7) - 3.0F;
    return x;
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
    unic__codebook_nearest(cb, z, rows, one);
    unic__threads_set(2);
    unic__codebook_nearest(cb, z, rows, two);
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
    unic__codebook_nearest(cb, z, 1, &code);
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
    assert_in_step(cb);
}

START_TEST(joint_update_is_equation_7)
{
    const double decays[] = {0.0, 0.5, 0.99};
    _Alignas(8) float scratch[4 * L * (D + 1)];
    naive c;
    unic_codebook *cb = new_codebook(L, D, M);
    start_both(cb, &c, 1.0);
    for (uint64_t step = 0; step < 12; step++) {
        part_data *p = new_parts(step);
        double gamma = decays[1 + step % 2];
        io_assert_ok(unic__codebook_update(cb, UNIC__EMA_JOINT, gamma, 0.0, p->parts, scratch));
        naive_joint(&c, gamma, p->parts);
        compare_both(cb, &c);
        free(p);
    }
    part_data *p = new_parts(99); /* gamma 0: a code is the mean of what it was given */
    io_assert_ok(unic__codebook_update(cb, UNIC__EMA_JOINT, decays[0], 0.0, p->parts, scratch));
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
    _Alignas(8) float scratch[4 * L * (D + 1)], before[D];
    unic_codebook *cb = new_codebook(L, D, M);
    naive c;
    start_both(cb, &c, 1.0);
    memcpy(before, cb->embedding + 6 * D, sizeof before);
    for (uint64_t step = 0; step < 4000; step++) { /* 0.99^4000 would be 3e-18 */
        part_data *p = new_parts(step % 8);
        io_assert_ok(unic__codebook_update(cb, UNIC__EMA_JOINT, 0.99, 0.0, p->parts, scratch));
        free(p);
    }
    ck_assert_mem_eq(cb->embedding + 6 * D, before, sizeof before);
    ck_assert(cb->count[6] > 9e-7F && cb->count[6] < 2e-6F); /* nor does N vanish */
    const int32_t six = 6; /* and when it is hit at last, it goes where the hit was */
    const float hit[D] = {1, -2, 3, -4, 5};
    const unic__ema_part parts[M] = {{1, hit, &six}, {0, NULL, NULL}, {0, NULL, NULL}};
    io_assert_ok(unic__codebook_update(cb, UNIC__EMA_JOINT, 0.99, 0.0, parts, scratch));
    for (size_t j = 0; j < D; j++)
        ck_assert(fabsf(cb->embedding[6 * D + j] - hit[j]) < 2e-3F);
    unic__codebook_free(cb);
}
END_TEST

START_TEST(sequential_update_is_the_cmg_codes)
{
    _Alignas(8) float scratch[4 * L * (D + 1)];
    naive c;
    unic_codebook *cb = new_codebook(L, D, M);
    start_both(cb, &c, _i ? 1.0 : 0.0); /* 0: the first step throws unused codes away (A.3) */
    for (uint64_t step = 0; step < 12; step++) {
        part_data *p = new_parts(20 + step);
        io_assert_ok(
            unic__codebook_update(cb, UNIC__EMA_SEQUENTIAL, 0.99, 1e-5, p->parts, scratch));
        naive_sequential(&c, 0.99, 1e-5, p->parts);
        compare_both(cb, &c);
        free(p);
    }
    unic__codebook_free(cb);
}
END_TEST

/* All rows count alike, however many one code takes; a chain of float32 sums would be 1 % off. */
START_TEST(many_rows_of_one_code_count_alike)
{
    enum { MANY = 1 << 20 };
    static const float value[D] = {0.1F, -0.3F, 0.7F, 1.0F, 0.0F};
    _Alignas(8) float scratch[4 * L * (D + 1)];
    float *target = new_floats((size_t)MANY * D);
    int32_t *codes = malloc(MANY * sizeof *codes);
    const unic__ema_part parts[M] = {
        {MANY, target, codes}, {MANY / 3, target, codes}, {0, NULL, NULL}};
    unic_codebook *cb = new_codebook(L, D, M);
    naive c;
    for (size_t r = 0; r < MANY; r++) {
        memcpy(target + r * D, value, sizeof value);
        codes[r] = 3;
    }
    start_both(cb, &c, 1.0);
    io_assert_ok(unic__codebook_update(cb, _i ? UNIC__EMA_SEQUENTIAL : UNIC__EMA_JOINT, 0.5,
                                       0.0, parts, scratch));
    if (_i)
        naive_sequential(&c, 0.5, 0.0, parts);
    else
        naive_joint(&c, 0.5, parts);
    compare_both(cb, &c);
    free(codes);
    free(target);
    unic__codebook_free(cb);
}
END_TEST

/* Finite targets whose sum, or whose mean, is no float: nothing of the codebook changes. */
START_TEST(updates_that_would_leave_no_numbers_are_refused)
{
    static const struct {
        unic__ema_order order;
        float target, count;
    } cases[] = {
        {UNIC__EMA_JOINT, 3e38F, 1.0F},       /* the sum of two rows */
        {UNIC__EMA_SEQUENTIAL, 3e38F, 1.0F},  /* the same */
        {UNIC__EMA_SEQUENTIAL, 1e38F, 1e-7F}, /* o is finite, but o / N of code 1 is not */
    };
    _Alignas(8) float scratch[4 * L * (D + 1)], target[2 * D];
    const int32_t codes[2] = {3, 3};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unic_codebook *cb = new_codebook(L, D, M), *before;
        naive c;
        start_both(cb, &c, cases[i].count);
        if (cases[i].count < 1.0F)
            cb->sum[D] = 3e38F;
        for (size_t j = 0; j < 2 * D; j++)
            target[j] = cases[i].target;
        io_assert_ok(unic__codebook_copy(&before, cb));
        const unic__ema_part parts[M] = {{2, target, codes}, {0, NULL, NULL}, {0, NULL, NULL}};
        io_assert_fails(unic__codebook_update(cb, cases[i].order, 0.9, 1e-5, parts, scratch),
                        UNIC_E_NUMERIC, "would become NaN or Inf");
        ck_assert_mem_eq(cb->embedding, before->embedding, L * D * sizeof(float));
        assert_in_step(cb);
        ck_assert_mem_eq(cb->count, before->count, L * sizeof(float));
        ck_assert_mem_eq(cb->sum, before->sum, L * D * sizeof(float));
        unic__codebook_free(before);
        unic__codebook_free(cb);
    }
}
END_TEST

/* A.3 begins with N = 0: without a single hit it would divide 0 by 0. */
START_TEST(sequential_update_waits_for_data)
{
    _Alignas(8) float scratch[4 * L * (D + 1)];
    naive c;
    unic_codebook *cb = new_codebook(L, D, M), *before;
    start_both(cb, &c, 0.0);
    io_assert_ok(unic__codebook_copy(&before, cb));
    const unic__ema_part none[M] = {{0, NULL, NULL}, {0, NULL, NULL}, {0, NULL, NULL}};
    io_assert_ok(unic__codebook_update(cb, UNIC__EMA_SEQUENTIAL, 0.99, 1e-5, none, scratch));
    ck_assert_mem_eq(cb->embedding, before->embedding, L * D * sizeof(float));
    ck_assert_mem_eq(cb->count, before->count, L * sizeof(float));
    ck_assert_mem_eq(cb->sum, before->sum, L * D * sizeof(float));
    part_data *p = new_parts(20);
    io_assert_ok(
        unic__codebook_update(cb, UNIC__EMA_SEQUENTIAL, 0.99, 1e-5, p->parts, scratch));
    naive_sequential(&c, 0.99, 1e-5, p->parts);
    compare_both(cb, &c);
    free(p);
    unic__codebook_free(before);
    unic__codebook_free(cb);
}
END_TEST

/* ---- the whole ---- */

START_TEST(copies_are_whole_and_their_own)
{
    part_data *p = new_parts(1);
    _Alignas(8) float scratch[4 * L * (D + 1)];
    unic_codebook *cb = new_codebook(L, D, M), *copy;
    naive c;
    start_both(cb, &c, 1.0);
    io_assert_ok(unic__codebook_update(cb, UNIC__EMA_JOINT, 0.9, 0.0, p->parts, scratch));
    unic__codebook_count_idle(cb, p->parts);
    io_assert_ok(unic__codebook_copy(&copy, cb));
    ck_assert(copy->codes == L && copy->dim == D && copy->modalities == M);
    ck_assert_mem_eq(copy->embedding, cb->embedding, L * D * sizeof(float));
    assert_in_step(copy);
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

/* Of those that have been idle for longer than `steps`, the longest first, of equals the lowest; no
 * more than `max`, 0: all of them. */
START_TEST(the_longest_idle_start_anew_first)
{
    enum { CODES = 97, STEPS = 20 };
    static const size_t most[] = {0, 1, 5, 60, 96, 97, 200};
    unic_codebook *cb;
    int32_t order[CODES];
    float z[3] = {0};
    io_assert_ok(unic__codebook_create(&cb, CODES, 3, 1));
    for (size_t l = 0; l < CODES; l++)
        cb->idle[l] = (int32_t)unic__random_below((unic__key){5}, l, 60);
    for (size_t i = 0; i < sizeof most / sizeof *most; i++) {
        const unic__revival r = {
            .rule = UNIC__RESET_ANY, .steps = STEPS, .max = most[i], .z = z, .rows = 1};
        const size_t n = unic__codebook_due(cb, &r, order);
        size_t due = 0;
        for (size_t l = 0; l < CODES; l++) {
            size_t before = 0; /* of those that are due */
            for (size_t k = 0; k < CODES; k++)
                before += cb->idle[k] > cb->idle[l] || (k < l && cb->idle[k] == cb->idle[l]);
            if (cb->idle[l] <= STEPS)
                continue;
            due++;
            ck_assert(before >= n || order[before] == (int32_t)l);
        }
        ck_assert_uint_eq(n, most[i] && due > most[i] ? most[i] : due);
    }
    unic__codebook_free(cb);
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
    tcase_add_loop_test(t, many_rows_of_one_code_count_alike, 0, 2);
    tcase_add_test(t, updates_that_would_leave_no_numbers_are_refused);
    tcase_add_test(t, sequential_update_waits_for_data);
    tcase_add_test(t, copies_are_whole_and_their_own);
    tcase_add_test(t, the_longest_idle_start_anew_first);
    tcase_add_test(t, perplexity_is_the_number_of_codes_in_use);
    return small_run("model/codebook", t);
}
