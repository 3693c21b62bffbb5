/* unic_codebook.h: copies, files, the EMA state from outside, and what init makes up. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "array/bundle.h"
#include "file/io_help.h"
#include "model/small_model.h"
#include "unicode/unic_codebook.h"

enum { L = 6, D = 3, M = 2, ROWS = 40 };

static unic_array rows_of(const float *data, size_t rows)
{
    unic_array a;
    unic_array_init(&a, data, UNIC_F32, 2, (const int64_t[]){(int64_t)rows, D});
    return a;
}

static void fill(float *x, size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n; i++)
        x[i] = unic__random_normal(unic__random_key(seed, 0, 0), i);
}

/* One update by rows of `seed`, of which the second modality has half. */
static void step(unic_codebook *cb, uint64_t seed)
{
    float z[ROWS * D];
    int32_t codes[ROWS];
    fill(z, ROWS * D, seed);
    const unic_array rows = rows_of(z, ROWS);
    const size_t counts[M] = {ROWS, ROWS / 2};
    const float *targets[M] = {z, z};
    const int32_t *assigned[M] = {codes, codes};
    io_assert_ok(unic_codebook_assign(cb, &rows, codes));
    io_assert_ok(unic_codebook_update(cb, 0.9F, counts, targets, assigned));
}

/* A codebook that has been trained: no part of its state is what it began with. */
static unic_codebook *trained(void)
{
    float e[L * D];
    unic_codebook *cb;
    fill(e, L * D, 1);
    e[0] = 100.0F; /* a code that is idle */
    const unic_array rows = rows_of(e, L);
    io_assert_ok(unic_codebook_create(&cb, L, D, M));
    io_assert_ok(unic_codebook_set(cb, &rows));
    for (uint64_t i = 0; i < 3; i++)
        step(cb, 10 + i);
    return cb;
}

static void assert_same(const unic_codebook *a, const unic_codebook *b)
{
    float counts[2][L];
    int32_t idle[2][M * L];
    ck_assert(unic_codebook_modality_count(b) == M && unic_codebook_code_count(b) == L);
    io_assert_ok(unic_codebook_state(a, counts[0], idle[0]));
    io_assert_ok(unic_codebook_state(b, counts[1], idle[1]));
    ck_assert_mem_eq(counts[0], counts[1], sizeof counts[0]);
    ck_assert_mem_eq(idle[0], idle[1], sizeof idle[0]);
    ck_assert_mem_eq(unic_codebook_embedding(a), unic_codebook_embedding(b),
                     L * D * sizeof(float));
    ck_assert_mem_eq(unic_codebook_ema_sums(a), unic_codebook_ema_sums(b),
                     L * D * sizeof(float));
    ck_assert(unic_codebook_fingerprint(a) == unic_codebook_fingerprint(b));
}

/* The two are equal, go on alike, and neither is the other. */
static void assert_go_on_alike(unic_codebook *a, unic_codebook *b)
{
    assert_same(a, b);
    step(b, 77);
    ck_assert(unic_codebook_fingerprint(a) != unic_codebook_fingerprint(b));
    step(a, 77);
    assert_same(a, b);
}

START_TEST(a_copy_goes_on_alike)
{
    unic_codebook *cb = trained(), *copy;
    io_assert_ok(unic_codebook_copy(&copy, cb));
    assert_go_on_alike(cb, copy);
    unic_codebook_free(cb);
    step(copy, 78); /* it needs nothing of the first */
    unic_codebook_free(copy);
    copy = (void *)&copy;
    io_assert_fails(unic_codebook_copy(&copy, NULL), UNIC_E_ARG, "codebook is NULL");
    ck_assert(copy == NULL);
    io_assert_fails(unic_codebook_copy(NULL, NULL), UNIC_E_ARG, "out is NULL");
}
END_TEST

START_TEST(a_loaded_codebook_goes_on_alike)
{
    const char *path = small_path("saved.codebook.npz"), *twice = small_path("twice.npz");
    unic_codebook *cb = trained(), *back;
    io_assert_ok(unic_codebook_save(cb, path));
    io_assert_ok(unic_codebook_load(&back, path, NULL));
    io_assert_ok(unic_codebook_save(back, twice));
    ck_assert(small_same_files(path, twice));
    assert_go_on_alike(cb, back);
    unic_codebook_free(back);
    unic_codebook_free(cb);
}
END_TEST

/* Models and runs have the same members. */
START_TEST(is_read_from_a_model_and_a_run)
{
    const char *path = small_path("m.npz");
    unic_trainer *trainer = small_trainer(SMALL_TWO, "");
    unic_model *model;
    unic_codebook *own, *read[2];
    small_batch *batch = small_batch_new(SMALL_TWO, 4, 5, 1);
    io_assert_ok(unic_trainer_step(trainer, batch->batch, NULL, NULL));
    io_assert_ok(unic_trainer_save(trainer, path));
    io_assert_ok(unic_trainer_model(&model, trainer));
    io_assert_ok(unic_model_codebook(&own, model));
    io_assert_ok(unic_codebook_load(&read[0], path, NULL));
    io_assert_ok(unic_codebook_load(&read[1], small_path("m.run.npz"), NULL));
    for (size_t i = 0; i < 2; i++) {
        ck_assert(unic_codebook_fingerprint(read[i]) == unic_codebook_fingerprint(own));
        ck_assert_mem_eq(unic_codebook_ema_sums(read[i]), unic_codebook_ema_sums(own),
                         SMALL_CODES * SMALL_DIM * sizeof(float));
        unic_codebook_free(read[i]);
    }
    unic_codebook_free(own);
    unic_model_free(model);
    unic_trainer_free(trainer);
    small_batch_free(batch);
}
END_TEST

START_TEST(state_is_set_whole_or_in_parts)
{
    float counts[L], sums[L * D], bad_count[L] = {1, 1, -1}, bad_sum[L * D] = {0};
    int32_t idle[M * L], bad_idle[M * L] = {0};
    unic_codebook *cb = trained(), *other, *same = trained();
    io_assert_ok(unic_codebook_create(&other, L, D, M));
    const unic_array e = rows_of(unic_codebook_embedding(cb), L);
    io_assert_ok(unic_codebook_set(other, &e));
    io_assert_ok(unic_codebook_state(cb, counts, idle));
    memcpy(sums, unic_codebook_ema_sums(cb), sizeof sums);
    io_assert_ok(unic_codebook_set_state(other, counts, sums, NULL));
    io_assert_ok(unic_codebook_set_state(other, NULL, NULL, idle));
    io_assert_ok(unic_codebook_set_state(other, NULL, NULL, NULL));
    /* its own sums, which is no copy of memory onto itself */
    io_assert_ok(unic_codebook_set_state(other, NULL, unic_codebook_ema_sums(other), NULL));
    bad_sum[7] = INFINITY;
    bad_idle[L] = -1; /* is where compat starts */
    bad_idle[L + 1] = -2;
    io_assert_fails(unic_codebook_set_state(other, bad_count, bad_sum, bad_idle), UNIC_E_VALUE,
                    "unic_codebook_set_state: ema_counts[2] = -1, expected 0 or more");
    bad_count[2] = NAN;
    io_assert_fails(unic_codebook_set_state(other, bad_count, NULL, NULL), UNIC_E_VALUE,
                    "ema_counts[2] = ");
    bad_count[2] = INFINITY;
    io_assert_fails(unic_codebook_set_state(other, bad_count, NULL, NULL), UNIC_E_VALUE,
                    "ema_counts[2] = inf");
    bad_count[2] = 0.0F;
    io_assert_fails(unic_codebook_set_state(other, bad_count, bad_sum, bad_idle), UNIC_E_VALUE,
                    "ema_sums holds NaN or Inf in row 2, dim 1");
    io_assert_fails(unic_codebook_set_state(other, bad_count, sums, bad_idle), UNIC_E_VALUE,
                    "idle[1,1] = -2, expected -1 or more");
    io_assert_fails(unic_codebook_set_state(NULL, counts, sums, idle), UNIC_E_ARG,
                    "codebook is NULL");
    ck_assert(unic_codebook_ema_sums(NULL) == NULL);
    assert_go_on_alike(cb, other); /* what was refused has changed nothing */
    step(same, 77);
    assert_same(cb, same);
    unic_codebook_free(cb);
    unic_codebook_free(other);
    unic_codebook_free(same);
}
END_TEST

/* ---- files from outside ---- */

static void assert_refused(const char *path, unic_status status, const char *says)
{
    unic_codebook *cb = (void *)&cb;
    io_assert_fails(unic_codebook_load(&cb, path, NULL), status, says);
    ck_assert_msg(strstr(unic_last_error(), path), "%s", unic_last_error());
    ck_assert(cb == NULL);
}

START_TEST(damaged_files_are_named)
{
    static const struct {
        const char *member;
        small_change change;
        const char *says;
    } cases[] = {
        {"codebook.embedding", SMALL_DROP, "no array \"codebook.embedding\""},
        {"codebook.embedding", SMALL_RESHAPE,
         "codebook.embedding has shape [1,6,3], expected [1..16777216,1..65536]"},
        {"codebook.embedding", SMALL_SPOIL, "codebook.embedding holds NaN or Inf"},
        {"codebook.embedding", SMALL_DAMAGE, "is damaged"},
        {"codebook.ema_count", SMALL_DROP, "no array \"codebook.ema_count\""},
        {"codebook.ema_count", SMALL_RESHAPE,
         "codebook.ema_count has shape [1,6], expected [6]"},
        {"codebook.ema_count", SMALL_SPOIL, "codebook.ema_count holds NaN or Inf"},
        {"codebook.ema_count", SMALL_DAMAGE, "is damaged"},
        {"codebook.ema_sum", SMALL_DROP, "no array \"codebook.ema_sum\""},
        {"codebook.ema_sum", SMALL_RESHAPE,
         "codebook.ema_sum has shape [1,6,3], expected [6,3]"},
        {"codebook.ema_sum", SMALL_SPOIL, "codebook.ema_sum holds NaN or Inf"},
        {"codebook.ema_sum", SMALL_DAMAGE, "is damaged"},
        {"codebook.idle", SMALL_DROP, "no array \"codebook.idle\""},
        {"codebook.idle", SMALL_RESHAPE, "codebook.idle has shape [1,2,6], expected [1..8,6]"},
    };
    const char *good = small_path("good.codebook.npz"), *bad = small_path("bad.codebook.npz");
    unic_codebook *cb = trained(), *none = (void *)&none;
    io_assert_ok(unic_codebook_save(cb, good));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        small_edit(good, bad, cases[i].member, cases[i].change);
        assert_refused(bad, UNIC_E_FORMAT, cases[i].says);
    }
    size_t size;
    unsigned char *bytes = io_read(good, &size);
    for (size_t cut = 0; cut < size; cut += size / 50 + 1) {
        io_write(bad, bytes, cut);
        assert_refused(bad, UNIC_E_FORMAT, "unic_codebook_load: ");
    }
    free(bytes);
    assert_refused(small_path("absent.npz"), UNIC_E_NOTFOUND, "absent.npz");
    io_assert_fails(unic_codebook_load(&none, NULL, NULL), UNIC_E_ARG, "path is NULL");
    io_assert_fails(unic_codebook_load(NULL, good, NULL), UNIC_E_ARG, "out is NULL");
    ck_assert(none == NULL);
    io_assert_fails(unic_codebook_save(NULL, good), UNIC_E_ARG, "codebook is NULL");
    io_assert_fails(unic_codebook_save(cb, NULL), UNIC_E_ARG, "path is NULL");
    io_assert_fails(unic_codebook_save(cb, small_path("no/such/folder.npz")), UNIC_E_NOTFOUND,
                    "folder");
    unic_codebook_free(cb);
}
END_TEST

/* Members whose sizes are not each other's, or of no codebook. */
START_TEST(hostile_sizes_are_named)
{
    static const float zeros[64] = {0};
    static const int32_t none[64] = {0};
    const struct {
        unic__shape embedding, count, sum, idle;
        const char *says;
    } cases[] = {
        {{2, {4, 2}},
         {1, {4}},
         {2, {4, 2}},
         {2, {9, 4}},
         "idle has shape [9,4], expected [1..8,4]"},
        {{2, {4, 2}}, {1, {4}}, {2, {4, 2}}, {2, {0, 4}}, "idle has shape [0,4]"},
        {{2, {4, 2}},
         {1, {4}},
         {2, {4, 2}},
         {2, {2, 5}},
         "idle has shape [2,5], expected [2,4]"},
        {{2, {4, 2}}, {1, {4}}, {2, {4, 2}}, {1, {4}}, "idle has shape [4]"},
        {{2, {4, 2}},
         {1, {3}},
         {2, {4, 2}},
         {2, {2, 4}},
         "ema_count has shape [3], expected [4]"},
        {{2, {4, 2}},
         {1, {4}},
         {2, {2, 4}},
         {2, {2, 4}},
         "ema_sum has shape [2,4], expected [4,2]"},
        {{2, {0, 2}}, {1, {0}}, {2, {0, 2}}, {2, {1, 0}}, "embedding has shape [0,2]"},
        {{2, {4, 0}}, {1, {4}}, {2, {4, 0}}, {2, {1, 4}}, "embedding has shape [4,0]"},
        {{1, {4}}, {1, {4}}, {1, {4}}, {2, {1, 4}}, "embedding has shape [4]"},
    };
    const char *path = small_path("hostile.codebook.npz");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unic__bundle b = {0};
        unic__bundle_f32(&b, "codebook.embedding", cases[i].embedding, zeros);
        unic__bundle_f32(&b, "codebook.ema_count", cases[i].count, zeros);
        unic__bundle_f32(&b, "codebook.ema_sum", cases[i].sum, zeros);
        unic__bundle_i32(&b, "codebook.idle", cases[i].idle, none);
        io_assert_ok(unic__bundle_write(&b, UNIC__TO_FILE(path)));
        assert_refused(path, UNIC_E_FORMAT, cases[i].says);
    }
}
END_TEST

START_TEST(counts_below_zero_are_named)
{
    static const float zeros[8] = {0}, less[4] = {0, 0, -0.5F};
    static const int32_t none[8] = {0}, below[8] = {0, -1, 0, 0, 0, 0, -2};
    const char *path = small_path("below.codebook.npz");
    for (int which = 0; which < 2; which++) {
        unic__bundle b = {0};
        unic__bundle_f32(&b, "codebook.embedding", UNIC__SHAPE_OF(4, 2), zeros);
        unic__bundle_f32(&b, "codebook.ema_count", UNIC__SHAPE_OF(4), which ? zeros : less);
        unic__bundle_f32(&b, "codebook.ema_sum", UNIC__SHAPE_OF(4, 2), zeros);
        unic__bundle_i32(&b, "codebook.idle", UNIC__SHAPE_OF(2, 4), which ? below : none);
        io_assert_ok(unic__bundle_write(&b, UNIC__TO_FILE(path)));
        assert_refused(path, UNIC_E_FORMAT,
                       which ? "codebook.idle[1,2] is -2" : "codebook.ema_count[2] is -0.5");
    }
}
END_TEST

START_TEST(a_limit_of_memory_is_kept)
{
    const char *path = small_path("limited.codebook.npz");
    unic_codebook *cb = trained(), *back = (void *)&back;
    unic_open_options limit = {.struct_size = sizeof limit, .memory_limit = 600};
    io_assert_ok(unic_codebook_save(cb, path));
    io_assert_fails(unic_codebook_load(&back, path, &limit), UNIC_E_NOMEM,
                    "limited.codebook.npz asks for ");
    ck_assert(back == NULL);
    limit.memory_limit = 1 << 20;
    io_assert_ok(unic_codebook_load(&back, path, &limit));
    assert_same(cb, back);
    unic_codebook_free(back);
    unic_codebook_free(cb);
}
END_TEST

static unic_status use_everything(const char *path)
{
    float z[ROWS * D], distances[ROWS * 3];
    int32_t codes[ROWS * 3];
    unic_codebook *cb = NULL, *copy = NULL, *back = NULL;
    fill(z, ROWS * D, 5);
    const unic_array rows = rows_of(z, ROWS);
    unic_status status = unic_codebook_create(&cb, L, D, M);
    if (status == UNIC_OK)
        status = unic_codebook_copy(&copy, cb);
    if (status == UNIC_OK)
        status = unic_codebook_save(copy, path);
    if (status == UNIC_OK)
        status = unic_codebook_load(&back, path, NULL);
    if (status == UNIC_OK)
        status = unic_codebook_nearest(back, &rows, 3, codes, distances);
    if (status == UNIC_OK)
        status = unic_codebook_set_state(back, distances, unic_codebook_ema_sums(cb), NULL);
    unic_codebook_free(cb);
    unic_codebook_free(copy);
    unic_codebook_free(back);
    return status;
}

START_TEST(survives_every_failing_allocation)
{
    io_fail_each_allocation(use_everything, small_path("memory.codebook.npz"));
}
END_TEST

/* ---- what init makes up ---- */

static unic_codebook *started(const float *z, size_t rows, size_t iterations)
{
    const unic_array a = rows_of(z, rows);
    const unic_codebook_init_options options = {
        .struct_size = sizeof options, .iterations = iterations, .seed = 3};
    unic_codebook *cb;
    io_assert_ok(unic_codebook_create(&cb, L, D, 1));
    io_assert_ok(unic_codebook_init(cb, &a, &options));
    return cb;
}

START_TEST(init_says_how_many_codes_it_moved)
{
    float z[ROWS * D], twice[ROWS * D];
    fill(z, ROWS * D, 1);
    for (size_t i = 0; i < ROWS * D; i++)
        twice[i] = z[i % (2 * D)]; /* two rows, again and again */
    const struct {
        const float *z;
        size_t rows, iterations, jittered;
        const char *says;
    } cases[] = {{z, ROWS, 5, 0, ""},
                 {z, ROWS, 0, 0, ""},
                 {z, L, 5, 0, ""},
                 {z, L - 1, 5, 1, "fewer different rows (5) than there are codes (6)"},
                 {z, 1, 0, L - 1, "fewer different rows (1) than there are codes (6)"},
                 {twice, ROWS, 5, L - 2, "fewer different rows (2) than there are codes (6)"}};
    ck_assert_uint_eq(unic_codebook_jittered_count(NULL), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        io_log_begin();
        unic_codebook *cb = started(cases[i].z, cases[i].rows, cases[i].iterations), *copy;
        const char *said = io_log_end();
        ck_assert_uint_eq(unic_codebook_jittered_count(cb), cases[i].jittered);
        ck_assert_msg(cases[i].says[0] ? strstr(said, cases[i].says) != NULL : !said[0],
                      "case %zu logs \"%s\"", i, said);
        io_assert_ok(unic_codebook_copy(&copy, cb));
        ck_assert_uint_eq(unic_codebook_jittered_count(copy), cases[i].jittered);
        const unic_array e = rows_of(unic_codebook_embedding(cb), L);
        io_assert_ok(unic_codebook_set(copy, &e));
        ck_assert_uint_eq(unic_codebook_jittered_count(copy), 0);
        unic_codebook_free(copy);
        unic_codebook_free(cb);
    }
}
END_TEST

static int count_iterations(const char *what, uint64_t done, uint64_t total, void *user)
{
    (void)total;
    if (strcmp(what, "rows") == 0) /* assigned so far, ROWS in each iteration */
        *(uint64_t *)user = (done + ROWS - 1) / ROWS;
    return 0;
}

START_TEST(init_stops_when_nothing_moves)
{
    float z[ROWS * D];
    uint64_t done = 0;
    unic_codebook *cb, *same;
    fill(z, ROWS * D, 2);
    const unic_array a = rows_of(z, ROWS);
    unic_codebook_init_options options = {.struct_size = sizeof options,
                                          .iterations = 1000000,
                                          .seed = 3,
                                          .progress = count_iterations,
                                          .progress_user = &done};
    io_assert_ok(unic_codebook_create(&cb, L, D, 1));
    io_assert_ok(unic_codebook_init(cb, &a, &options));
    ck_assert(done >= 1 && done < ROWS);
    same = started(z, ROWS, (size_t)done); /* and one iteration more changes nothing */
    ck_assert(unic_codebook_fingerprint(cb) == unic_codebook_fingerprint(same));
    unic_codebook_free(cb);
    unic_codebook_free(same);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("codebook_file");
    tcase_add_test(t, a_copy_goes_on_alike);
    tcase_add_test(t, a_loaded_codebook_goes_on_alike);
    tcase_add_test(t, is_read_from_a_model_and_a_run);
    tcase_add_test(t, state_is_set_whole_or_in_parts);
    tcase_add_test(t, damaged_files_are_named);
    tcase_add_test(t, hostile_sizes_are_named);
    tcase_add_test(t, counts_below_zero_are_named);
    tcase_add_test(t, a_limit_of_memory_is_kept);
    tcase_add_test(t, survives_every_failing_allocation);
    tcase_add_test(t, init_says_how_many_codes_it_moved);
    tcase_add_test(t, init_stops_when_nothing_moves);
    return small_run("api/codebook_file", t);
}
