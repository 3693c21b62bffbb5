/* unic_codebook.h: a vector quantiser on its own, through the public functions alone. */
#include <check.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "file/io_help.h"
#include "model/small_model.h"
#include "unicode/unic_codebook.h"

enum { L = 6, D = 3 };

/* Code l is (l, 0, -l). */
static float corners[L * D];

static unic_array rows_of(const void *data, unic_dtype dtype, size_t rows, size_t dim)
{
    unic_array a;
    unic_array_init(&a, data, dtype, 2, (const int64_t[]){(int64_t)rows, (int64_t)dim});
    return a;
}

static unic_codebook *new_codebook(size_t modalities)
{
    unic_codebook *cb;
    for (size_t l = 0; l < L; l++) {
        corners[l * D] = (float)l;
        corners[l * D + 2] = -(float)l;
    }
    unic_array e = rows_of(corners, UNIC_F32, L, D);
    io_assert_ok(unic_codebook_create(&cb, L, D, modalities));
    io_assert_ok(unic_codebook_set(cb, &e));
    return cb;
}

START_TEST(creates_and_tells_its_sizes)
{
    unic_codebook *cb;
    io_assert_ok(unic_codebook_create(&cb, L, D, 8));
    ck_assert(unic_codebook_code_count(cb) == L && unic_codebook_dim(cb) == D);
    ck_assert(unic_codebook_modality_count(cb) == 8 && unic_codebook_modality_count(NULL) == 0);
    for (size_t i = 0; i < L * D; i++)
        ck_assert(unic_codebook_embedding(cb)[i] == 0.0F);
    unic_codebook_free(cb);
    unic_codebook_free(NULL);
    ck_assert(unic_codebook_code_count(NULL) == 0 && unic_codebook_dim(NULL) == 0);
    ck_assert(unic_codebook_embedding(NULL) == NULL && unic_codebook_fingerprint(NULL) == 0);
    io_assert_fails(unic_codebook_create(NULL, L, D, 1), UNIC_E_ARG, "out is NULL");
    const size_t wrong[][3] = {{0, 1, 1},
                               {1, 0, 1},
                               {1, 1, 0},
                               {1, 65537, 1},
                               {1 << 25, 1, 1},
                               {1, 1, 9},
                               {SIZE_MAX, SIZE_MAX, SIZE_MAX}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        cb = (void *)&cb;
        io_assert_fails(unic_codebook_create(&cb, wrong[i][0], wrong[i][1], wrong[i][2]),
                        UNIC_E_ARG, "expected 1..16777216, 1..65536 and 1..8");
        ck_assert(cb == NULL);
    }
}
END_TEST

/* Sums that only double holds, and sizes that no memory has. */
START_TEST(the_nearest_few_have_limits)
{
    const float far[2 * D] = {3e38F, 3e38F, 3e38F, 0, 0, 0};
    float distances[2 * L];
    int32_t codes[2 * L];
    unic_codebook *cb = new_codebook(1);
    unic_array z = rows_of(far, UNIC_F32, 2, D);
    io_assert_fails(unic_codebook_nearest(cb, &z, 1, codes, distances), UNIC_E_NUMERIC,
                    "unic_codebook_nearest: the squared distance of row 0 and code 0 is more");
    io_assert_fails(unic_codebook_nearest(cb, &z, SIZE_MAX / 4, codes, NULL), UNIC_E_ARG,
                    "codes for each of 2 rows are larger than any memory");
    unic_codebook_free(cb);
}
END_TEST

START_TEST(sets_codes_from_both_floats)
{
    double wide[L * D];
    unic_codebook *cb = new_codebook(1), *other;
    for (size_t i = 0; i < L * D; i++)
        wide[i] = (double)corners[i];
    unic_array e = rows_of(wide, UNIC_F64, L, D);
    io_assert_ok(unic_codebook_create(&other, L, D, 2));
    io_assert_ok(unic_codebook_set(other, &e));
    ck_assert_mem_eq(unic_codebook_embedding(other), corners, sizeof corners);
    ck_assert(unic_codebook_fingerprint(cb) == unic_codebook_fingerprint(other));

    e = rows_of(wide, UNIC_F64, L - 1, D);
    io_assert_fails(unic_codebook_set(cb, &e), UNIC_E_SHAPE,
                    "has 5 rows, 6 expected, one for each code");
    e = rows_of(wide, UNIC_F64, L, D - 1);
    io_assert_fails(unic_codebook_set(cb, &e), UNIC_E_SHAPE,
                    "unic_codebook_set: embedding has shape [6,2], expected [rows,3]");
    e = rows_of(wide, UNIC_F64, L, D);
    e.rank = 1;
    io_assert_fails(unic_codebook_set(cb, &e), UNIC_E_SHAPE, "has shape [6]");
    e = rows_of(wide, UNIC_I64, L, D);
    io_assert_fails(unic_codebook_set(cb, &e), UNIC_E_ARG,
                    "unic_codebook_set: embedding is of int64, expected real numbers");
    wide[17] = NAN;
    e = rows_of(wide, UNIC_F64, L, D);
    io_assert_fails(unic_codebook_set(cb, &e), UNIC_E_VALUE,
                    "embedding holds NaN or Inf in row 5, dim 2");
    io_assert_fails(unic_codebook_set(NULL, &e), UNIC_E_ARG, "codebook is NULL");
    io_assert_fails(unic_codebook_set(cb, NULL), UNIC_E_ARG, "embedding is NULL");
    ck_assert_mem_eq(unic_codebook_embedding(cb), corners, sizeof corners);
    unic_codebook_free(cb);
    unic_codebook_free(other);
}
END_TEST

START_TEST(assigns_rows)
{
    unic_codebook *cb = new_codebook(1);
    const float near[] = {2.2F, 5, -1.9F, -9, 0, 0, 0.5F, 0, -0.5F};
    double wide[9];
    int32_t codes[4] = {7, 7, 7, 7};
    unic_array z = rows_of(near, UNIC_F32, 3, D);
    io_assert_ok(unic_codebook_assign(cb, &z, codes));
    const int32_t expected[] = {2, 0, 0, 7}; /* the last row is between codes 0 and 1 */
    ck_assert_mem_eq(codes, expected, sizeof expected);
    for (size_t i = 0; i < 9; i++)
        wide[i] = (double)near[i];
    memset(codes, 7, sizeof codes);
    z = rows_of(wide, UNIC_F64, 3, D);
    io_assert_ok(unic_codebook_assign(cb, &z, codes));
    ck_assert_mem_eq(codes, expected, 3 * sizeof expected[0]);
    z = rows_of(NULL, UNIC_F32, 0, D);
    io_assert_ok(unic_codebook_assign(cb, &z, codes));
    z = rows_of(NULL, UNIC_F64, 0, D);
    io_assert_ok(unic_codebook_assign(cb, &z, codes));
    unic_codebook_free(cb);
}
END_TEST

START_TEST(assigning_refuses_wrong_rows)
{
    unic_codebook *cb = new_codebook(1);
    float rows[2 * D] = {1, 2, 3, 4, INFINITY, 6};
    double wide[D] = {1, 2, 1e300};
    int32_t codes[2] = {7, 7};
    unic_array z = rows_of(rows, UNIC_F32, 2, D);
    io_assert_fails(unic_codebook_assign(cb, &z, codes), UNIC_E_VALUE,
                    "unic_codebook_assign: z holds NaN or Inf in row 1, dim 1");
    z = rows_of(wide, UNIC_F64, 1, D);
    io_assert_fails(unic_codebook_assign(cb, &z, codes), UNIC_E_VALUE,
                    "z holds NaN or Inf in row 0, dim 2");
    z = rows_of(rows, UNIC_F32, 1, D + 1);
    io_assert_fails(unic_codebook_assign(cb, &z, codes), UNIC_E_SHAPE,
                    "unic_codebook_assign: z has shape [1,4], expected [rows,3]");
    z = rows_of(rows, UNIC_F32, 1, D);
    z.rank = 3;
    z.dims[2] = 1;
    io_assert_fails(unic_codebook_assign(cb, &z, codes), UNIC_E_SHAPE, "[1,3,1]");
    z = rows_of(rows, UNIC_I32, 1, D);
    io_assert_fails(unic_codebook_assign(cb, &z, codes), UNIC_E_ARG, "int32");
    z = rows_of(rows, UNIC_F32, 1, D);
    io_assert_fails(unic_codebook_assign(NULL, &z, codes), UNIC_E_ARG, "codebook is NULL");
    io_assert_fails(unic_codebook_assign(cb, NULL, codes), UNIC_E_ARG, "z is NULL");
    io_assert_fails(unic_codebook_assign(cb, &z, NULL), UNIC_E_ARG, "codes is NULL");
    ck_assert(codes[0] == 7 && codes[1] == 7);
    unic_codebook_free(cb);
}
END_TEST

START_TEST(looks_codes_up)
{
    unic_codebook *cb = new_codebook(1);
    const int32_t codes[] = {5, -1, 0, 5}, below[] = {0, -2}, above[] = {0, 1, L};
    float out[4 * D], untouched[4 * D];
    memset(out, 0x55, sizeof out);
    memset(untouched, 0x55, sizeof untouched);
    io_assert_fails(unic_codebook_lookup(cb, below, 2, out), UNIC_E_VALUE,
                    "unic_codebook_lookup: code -2 of row 1 is not in -1..5");
    io_assert_fails(unic_codebook_lookup(cb, above, 3, out), UNIC_E_VALUE, "code 6 of row 2");
    ck_assert_mem_eq(out, untouched, sizeof out);
    io_assert_ok(unic_codebook_lookup(cb, codes, 4, out));
    const float expected[] = {5, 0, -5, 0, 0, 0, 0, 0, 0, 5, 0, -5};
    for (size_t i = 0; i < 4 * D; i++)
        ck_assert(out[i] == expected[i]);
    io_assert_ok(unic_codebook_lookup(cb, NULL, 0, NULL));
    io_assert_fails(unic_codebook_lookup(NULL, codes, 1, out), UNIC_E_ARG, "codebook is NULL");
    io_assert_fails(unic_codebook_lookup(cb, NULL, 1, out), UNIC_E_ARG, "codes is NULL");
    io_assert_fails(unic_codebook_lookup(cb, codes, 1, NULL), UNIC_E_ARG, "out is NULL");
    unic_codebook_free(cb);
}
END_TEST

START_TEST(updates_from_every_modality)
{
    unic_codebook *cb = new_codebook(2);
    const float a[] = {2, 2, 2, 4, 4, 4, 9, 9, 9}, b[] = {0, 3, 6};
    const int32_t code_a[] = {1, 1, -1}, code_b[] = {1};
    const size_t rows[] = {3, 1}, only_a[] = {1, 0};
    const float *targets[] = {a, b}, *one[] = {a, NULL};
    const int32_t *codes[] = {code_a, code_b}, *one_code[] = {code_a, NULL};
    /* N = 0.5 + 0.5 x 3 = 2, o = 0.5 e_1 + 0.5 (6, 9, 12) = (3.5, 4.5, 5.5) */
    io_assert_ok(unic_codebook_update(cb, 0.5F, rows, targets, codes));
    const float *e = unic_codebook_embedding(cb);
    ck_assert(e[3] == 1.75F && e[4] == 2.25F && e[5] == 2.75F);
    ck_assert_mem_eq(e, corners, D * sizeof(float));
    ck_assert_mem_eq(e + 2 * D, corners + 2 * D, (L - 2) * D * sizeof(float));
    io_assert_ok(unic_codebook_update(cb, 0.5F, only_a, one, one_code));
    /* Assignment follows the new codes. */
    const float z[] = {1.9F, 2.2F, 2.4F};
    int32_t code;
    unic_array row = rows_of(z, UNIC_F32, 1, D);
    io_assert_ok(unic_codebook_assign(cb, &row, &code));
    ck_assert_int_eq(code, 1);
    unic_codebook_free(cb);
}
END_TEST

START_TEST(updating_refuses_and_changes_nothing)
{
    unic_codebook *cb = new_codebook(2);
    uint64_t before = unic_codebook_fingerprint(cb);
    const float good[] = {1, 2, 3}, bad[] = {1, NAN, 3}, *targets[] = {good, good};
    const float *half[] = {good, NULL}, *spoilt[] = {good, bad};
    const int32_t zero[] = {0}, six[] = {L}, low[] = {-2}, *codes[] = {zero, zero};
    const int32_t *none[] = {NULL, zero}, *over[] = {zero, six}, *under[] = {low, zero};
    const size_t rows[] = {1, 1};
    io_assert_fails(unic_codebook_update(NULL, 0.5F, rows, targets, codes), UNIC_E_ARG,
                    "codebook is NULL");
    io_assert_fails(unic_codebook_update(cb, 0.5F, NULL, targets, codes), UNIC_E_ARG,
                    "row_counts is NULL");
    io_assert_fails(unic_codebook_update(cb, 0.5F, rows, NULL, codes), UNIC_E_ARG,
                    "targets is NULL");
    io_assert_fails(unic_codebook_update(cb, 0.5F, rows, targets, NULL), UNIC_E_ARG,
                    "codes is NULL");
    const float decays[] = {-0.1F, 1.0F, NAN, INFINITY};
    for (size_t i = 0; i < 4; i++)
        io_assert_fails(unic_codebook_update(cb, decays[i], rows, targets, codes), UNIC_E_ARG,
                        "is not in [0, 1)");
    io_assert_fails(unic_codebook_update(cb, 0.5F, rows, half, codes), UNIC_E_ARG,
                    "unic_codebook_update: targets[1] is NULL, but row_counts[1] is 1");
    io_assert_fails(unic_codebook_update(cb, 0.5F, rows, targets, none), UNIC_E_ARG,
                    "unic_codebook_update: codes[0] is NULL, but row_counts[0] is 1");
    io_assert_fails(unic_codebook_update(cb, 0.5F, rows, targets, over), UNIC_E_VALUE,
                    "code 6 of row 0 is not in -1..5");
    io_assert_fails(unic_codebook_update(cb, 0.5F, rows, targets, under), UNIC_E_VALUE,
                    "code -2 of row 0");
    io_assert_fails(unic_codebook_update(cb, 0.5F, rows, spoilt, codes), UNIC_E_VALUE,
                    "targets of modality 1 hold NaN or Inf in row 0, dim 1");
    const float huge[] = {3e38F, 3e38F, 3e38F, 3e38F, 3e38F, 3e38F}, *large[] = {huge, good};
    const int32_t both[] = {0, 0}, *same[] = {both, zero};
    const size_t two[] = {2, 1};
    io_assert_fails(unic_codebook_update(cb, 0.5F, two, large, same), UNIC_E_NUMERIC,
                    "unic_codebook_update: code 0 would become NaN or Inf");
    unic_array z = rows_of(huge, UNIC_F32, 2, D);
    ck_assert(unic_codebook_fingerprint(cb) == before);
    io_assert_ok(unic_codebook_init(
        cb, &z,
        &(unic_codebook_init_options){.struct_size = sizeof(unic_codebook_init_options),
                                      .iterations = 0,
                                      .seed = 1})); /* as single rows they are codes, */
    io_assert_ok(unic_codebook_init(
        cb, &z,
        &(unic_codebook_init_options){.struct_size = sizeof(unic_codebook_init_options),
                                      .iterations = 3,
                                      .seed = 1})); /* and so are their means */
    for (size_t i = 0; i < L * D; i++)
        ck_assert(unic_codebook_embedding(cb)[i] > 2.5e38F);
    unic_codebook_free(cb);
}
END_TEST

/* Codes 0..2 are selected by both modalities, 3 by one, 4 and 5 by none. */
static void use_codes(unic_codebook *cb, size_t updates)
{
    const int32_t a[] = {0, 1, 2, 3}, b[] = {0, 1, 2}, *codes[] = {a, b};
    const float *targets[] = {corners, corners};
    const size_t rows[] = {4, 3};
    for (size_t i = 0; i < updates; i++)
        io_assert_ok(unic_codebook_update(cb, 0.5F, rows, targets, codes));
}

START_TEST(revives_idle_codes)
{
    const float z[] = {50, 51, 52, 60, 61, 62};
    unic_array rows = rows_of(z, UNIC_F32, 2, D);
    size_t revived = 99;
    unic_codebook *cb = new_codebook(2);
    use_codes(cb, 3);
    io_assert_ok(unic_codebook_revive(&revived, cb, UNIC_RESET_TWO, 3, 0, &rows, 1));
    ck_assert_uint_eq(revived, 0);
    io_assert_ok(unic_codebook_revive(&revived, cb, UNIC_RESET_OFF, 1, 0, &rows, 1));
    ck_assert_uint_eq(revived, 0);
    io_assert_ok(unic_codebook_revive(&revived, cb, UNIC_RESET_ANY, 2, 1, &rows, 1));
    ck_assert_uint_eq(revived, 1);
    io_assert_ok(unic_codebook_revive(NULL, cb, UNIC_RESET_ANY, 2, 0, &rows, 2));
    const float *e = unic_codebook_embedding(cb);
    for (size_t l = 0; l < L; l++) {
        bool fresh = e[l * D] >= 50.0F;
        ck_assert(fresh == (l >= 4));
        ck_assert(!fresh || e[l * D] == 50.0F || e[l * D] == 60.0F);
    }
    io_assert_ok(unic_codebook_revive(&revived, cb, UNIC_RESET_TWO, 2, 0, &rows, 3));
    ck_assert_uint_eq(revived, 1); /* code 3, of one modality */
    io_assert_ok(unic_codebook_revive(&revived, cb, UNIC_RESET_TWO, 2, 0, &rows, 3));
    ck_assert_uint_eq(revived, 0); /* their counters were cleared */
    use_codes(cb, 3);
    rows = rows_of(NULL, UNIC_F32, 0, D);
    io_assert_ok(unic_codebook_revive(&revived, cb, UNIC_RESET_TWO, 2, 0, &rows, 3));
    ck_assert_uint_eq(revived, 0); /* nothing to revive from */
    unic_codebook_free(cb);
}
END_TEST

START_TEST(tells_its_state)
{
    unic_codebook *cb = new_codebook(2);
    float counts[L];
    int32_t idle[2 * L];
    use_codes(cb, 2);
    io_assert_ok(unic_codebook_state(cb, counts, idle));
    const float expected[L] = {1.75F, 1.75F, 1.75F, 1.0F, 0.25F, 0.25F}; /* of 1, 2 a step */
    const int32_t updates[2 * L] = {0, 0, 0, 0, 2, 2, 0, 0, 0, 2, 2, 2};
    ck_assert_mem_eq(counts, expected, sizeof expected);
    ck_assert_mem_eq(idle, updates, sizeof updates);
    double shares[3] = {1.75 / 6.75, 1.0 / 6.75, 0.25 / 6.75};
    ck_assert_double_eq_tol(unic_codebook_perplexity(cb),
                            exp(-3 * shares[0] * log(shares[0]) - shares[1] * log(shares[1]) -
                                2 * shares[2] * log(shares[2])),
                            1e-12);
    ck_assert_double_eq(unic_codebook_perplexity(NULL), 0.0);
    io_assert_ok(unic_codebook_state(cb, NULL, idle));
    io_assert_ok(unic_codebook_state(cb, counts, NULL));
    io_assert_fails(unic_codebook_state(NULL, counts, idle), UNIC_E_ARG, "codebook is NULL");
    unic_codebook_free(cb);
}
END_TEST

/* Squares of these overflow in float32: what is returned is right, or refused. */
START_TEST(large_values_are_right_or_refused)
{
    const float scales[] = {1e18F, 1e20F, 1e30F, 1e37F};
    const float scale = scales[_i];
    float e[L * D], z[L * D], out[L * L];
    int32_t got[L];
    for (size_t i = 0; i < L * D; i++) {
        e[i] = scale * (float)(i / D + 1);
        z[i] = scale * ((float)(i / D + 1) + 0.25F);
    }
    unic_codebook *cb = new_codebook(1);
    unic_array codes = rows_of(e, UNIC_F32, L, D), rows = rows_of(z, UNIC_F32, L, D);
    io_assert_ok(unic_codebook_set(cb, &codes));
    io_assert_ok(unic_codebook_assign(cb, &rows, got));
    for (int32_t l = 0; l < L; l++)
        ck_assert_int_eq(got[l], l);
    if (scale < 1e19F)
        io_assert_ok(unic_codebook_distances(cb, out));
    else
        io_assert_fails(unic_codebook_distances(cb, out), UNIC_E_NUMERIC,
                        "more than a float holds");
    uint64_t before = unic_codebook_fingerprint(cb);
    const float *targets[] = {z};
    const int32_t *const chosen[] = {got};
    const size_t six[] = {L}, largest[] = {1};
    io_assert_ok(unic_codebook_update(cb, 0.5F, largest, targets, chosen));
    ck_assert(unic_codebook_fingerprint(cb) != before);
    for (size_t i = 0; i < L * D; i++) {
        z[i] = 3e38F; /* all of one code */
        got[i / D] = 0;
    }
    before = unic_codebook_fingerprint(cb);
    io_assert_fails(unic_codebook_update(cb, 0.5F, six, targets, chosen), UNIC_E_NUMERIC,
                    "would become NaN or Inf");
    ck_assert(unic_codebook_fingerprint(cb) == before);
    unic_codebook_free(cb);
}
END_TEST

START_TEST(reviving_and_starting_refuse)
{
    unic_codebook *cb = new_codebook(1);
    uint64_t before = unic_codebook_fingerprint(cb);
    const float z[] = {1, 2, NAN};
    unic_array rows = rows_of(z, UNIC_F32, 1, D), narrow = rows_of(z, UNIC_F32, 1, 2);
    unic_array none = rows_of(NULL, UNIC_F32, 0, D);
    io_assert_fails(unic_codebook_revive(NULL, NULL, UNIC_RESET_ANY, 1, 0, &rows, 0),
                    UNIC_E_ARG, "codebook is NULL");
    io_assert_fails(unic_codebook_revive(NULL, cb, UNIC_RESET_ANY, 1, 0, NULL, 0), UNIC_E_ARG,
                    "z is NULL");
    io_assert_fails(unic_codebook_revive(NULL, cb, (unic_reset_rule)3, 1, 0, &rows, 0),
                    UNIC_E_ARG, "rule = 3 is none of unic_reset_rule (0..2)");
    io_assert_fails(unic_codebook_revive(NULL, cb, UNIC_RESET_ANY, 1, 0, &rows, 0),
                    UNIC_E_VALUE, "z holds NaN or Inf");
    io_assert_fails(unic_codebook_revive(NULL, cb, UNIC_RESET_ANY, 1, 0, &narrow, 0),
                    UNIC_E_SHAPE, "[1,2], expected [rows,3]");
    io_assert_fails(
        unic_codebook_init(
            NULL, &rows,
            &(unic_codebook_init_options){
                .struct_size = sizeof(unic_codebook_init_options), .iterations = 0, .seed = 0}),
        UNIC_E_ARG, "codebook is NULL");
    io_assert_fails(
        unic_codebook_init(
            cb, NULL,
            &(unic_codebook_init_options){
                .struct_size = sizeof(unic_codebook_init_options), .iterations = 0, .seed = 0}),
        UNIC_E_ARG, "z is NULL");
    io_assert_fails(
        unic_codebook_init(
            cb, &rows,
            &(unic_codebook_init_options){
                .struct_size = sizeof(unic_codebook_init_options), .iterations = 0, .seed = 0}),
        UNIC_E_VALUE, "z holds NaN or Inf");
    io_assert_fails(
        unic_codebook_init(
            cb, &narrow,
            &(unic_codebook_init_options){
                .struct_size = sizeof(unic_codebook_init_options), .iterations = 0, .seed = 0}),
        UNIC_E_SHAPE, "[1,2]");
    io_assert_fails(
        unic_codebook_init(
            cb, &none,
            &(unic_codebook_init_options){
                .struct_size = sizeof(unic_codebook_init_options), .iterations = 0, .seed = 0}),
        UNIC_E_SHAPE, "z has no rows, at least 1 expected");
    ck_assert(unic_codebook_fingerprint(cb) == before);
    unic_codebook_free(cb);
}
END_TEST

START_TEST(starting_is_a_function_of_the_seed)
{
    float z[40 * D];
    for (size_t i = 0; i < 40 * D; i++)
        z[i] = (float)((i * 37) % 41);
    unic_array rows = rows_of(z, UNIC_F32, 40, D);
    for (size_t iterations = 0; iterations < 6; iterations += 5) {
        uint64_t print[3];
        for (size_t i = 0; i < 3; i++) {
            unic_codebook *cb = new_codebook(1);
            io_assert_ok(unic_codebook_init(
                cb, &rows,
                &(unic_codebook_init_options){.struct_size = sizeof(unic_codebook_init_options),
                                              .iterations = iterations,
                                              .seed = i / 2}));
            print[i] = unic_codebook_fingerprint(cb);
            unic_codebook_free(cb);
        }
        ck_assert(print[0] == print[1] && print[0] != print[2]);
    }
}
END_TEST

START_TEST(counts_usage)
{
    unic_codebook *cb = new_codebook(1);
    const int32_t codes[] = {0, 5, -1, 5, 0}, bad[] = {6};
    int64_t counts[L];
    double perplexity = -1.0;
    io_assert_ok(unic_codebook_usage(&perplexity, cb, codes, 5, counts));
    const int64_t expected[L] = {2, 0, 0, 0, 0, 2};
    ck_assert_mem_eq(counts, expected, sizeof counts);
    ck_assert_double_eq_tol(perplexity, 2.0, 1e-12);
    io_assert_fails(unic_codebook_usage(NULL, cb, bad, 1, counts), UNIC_E_VALUE, "code 6");
    ck_assert_mem_eq(counts, expected, sizeof counts);
    io_assert_ok(unic_codebook_usage(&perplexity, cb, NULL, 0, counts));
    ck_assert(counts[0] == 0 && counts[5] == 0 && perplexity == 0.0);
    io_assert_ok(unic_codebook_usage(NULL, cb, codes, 5, counts));
    io_assert_fails(unic_codebook_usage(NULL, NULL, codes, 5, counts), UNIC_E_ARG, "codebook");
    io_assert_fails(unic_codebook_usage(NULL, cb, NULL, 5, counts), UNIC_E_ARG,
                    "codes is NULL");
    io_assert_fails(unic_codebook_usage(NULL, cb, codes, 5, NULL), UNIC_E_ARG,
                    "counts is NULL");
    unic_codebook_free(cb);
}
END_TEST

START_TEST(measures_distances_between_codes)
{
    unic_codebook *cb = new_codebook(1);
    float out[L * L];
    io_assert_ok(unic_codebook_distances(cb, out));
    for (int a = 0; a < L; a++)
        for (int b = 0; b < L; b++)
            ck_assert(out[a * L + b] == (float)(2 * (a - b) * (a - b)));
    io_assert_fails(unic_codebook_distances(NULL, out), UNIC_E_ARG, "codebook is NULL");
    io_assert_fails(unic_codebook_distances(cb, NULL), UNIC_E_ARG, "out is NULL");
    unic_codebook_free(cb);
}
END_TEST

/* ---- threads and memory ---- */

enum { READERS = 4, ROWS = 200 };

typedef struct reader {
    pthread_t thread;
    const unic_codebook *codebook;
    const float *z;
    int32_t codes[ROWS];
    bool failed;
} reader;

static void *assign_often(void *argument)
{
    reader *r = argument;
    unic_array z = rows_of(r->z, UNIC_F32, ROWS, D);
    for (int i = 0; i < 20; i++)
        r->failed |= unic_codebook_assign(r->codebook, &z, r->codes) != UNIC_OK;
    return NULL;
}

START_TEST(is_read_by_several_threads)
{
    static float z[ROWS * D];
    static int32_t expected[ROWS];
    static reader readers[READERS];
    unic_codebook *cb = new_codebook(1);
    for (size_t i = 0; i < ROWS * D; i++)
        z[i] = (float)(i * 7 % 13) - 6.0F;
    unic_array rows = rows_of(z, UNIC_F32, ROWS, D);
    io_assert_ok(unic_codebook_assign(cb, &rows, expected));
    for (size_t i = 0; i < READERS; i++) {
        readers[i] = (reader){.codebook = cb, .z = z};
        ck_assert(!pthread_create(&readers[i].thread, NULL, assign_often, &readers[i]));
    }
    for (size_t i = 0; i < READERS; i++) {
        ck_assert(!pthread_join(readers[i].thread, NULL) && !readers[i].failed);
        ck_assert_mem_eq(readers[i].codes, expected, sizeof expected);
    }
    unic_codebook_free(cb);
}
END_TEST

static unic_status use_everything(const char *path)
{
    (void)path;
    double z[2 * D] = {1, 2, 3, 4, 5, 6};
    int32_t code[2];
    const float *targets[] = {corners};
    const int32_t *codes[] = {code};
    const size_t rows[] = {2};
    unic_array wide = rows_of(z, UNIC_F64, 2, D), e = rows_of(corners, UNIC_F32, L, D);
    unic_codebook *cb;
    unic_status status = unic_codebook_create(&cb, L, D, 1);
    if (status != UNIC_OK)
        return status;
    status = unic_codebook_set(cb, &e);
    if (status == UNIC_OK)
        status = unic_codebook_assign(cb, &wide, code);
    if (status == UNIC_OK)
        status = unic_codebook_update(cb, 0.5F, rows, targets, codes);
    if (status == UNIC_OK)
        status = unic_codebook_revive(NULL, cb, UNIC_RESET_ANY, 1, 0, &wide, 1);
    if (status == UNIC_OK)
        status = unic_codebook_init(
            cb, &wide,
            &(unic_codebook_init_options){
                .struct_size = sizeof(unic_codebook_init_options), .iterations = 3, .seed = 1});
    unic_codebook_free(cb);
    return status;
}

START_TEST(survives_every_failing_allocation)
{
    io_fail_each_allocation(use_everything, "");
}
END_TEST

START_TEST(assigning_float32_allocates_nothing)
{
    unic_codebook *cb = new_codebook(1);
    unic_array z = rows_of(corners, UNIC_F32, L, D);
    int32_t codes[L];
    float out[L * D];
    small_count_allocations();
    unic_status status = unic_codebook_assign(cb, &z, codes);
    if (status == UNIC_OK)
        status = unic_codebook_lookup(cb, codes, L, out);
    ck_assert_uint_eq(small_counted_allocations(), 0);
    io_assert_ok(status);
    ck_assert_mem_eq(out, corners, sizeof corners);
    unic_codebook_free(cb);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("codebook");
    tcase_add_test(t, creates_and_tells_its_sizes);
    tcase_add_test(t, sets_codes_from_both_floats);
    tcase_add_test(t, the_nearest_few_have_limits);
    tcase_add_test(t, assigns_rows);
    tcase_add_test(t, assigning_refuses_wrong_rows);
    tcase_add_test(t, looks_codes_up);
    tcase_add_test(t, updates_from_every_modality);
    tcase_add_test(t, updating_refuses_and_changes_nothing);
    tcase_add_test(t, revives_idle_codes);
    tcase_add_test(t, tells_its_state);
    tcase_add_loop_test(t, large_values_are_right_or_refused, 0, 4);
    tcase_add_test(t, reviving_and_starting_refuse);
    tcase_add_test(t, starting_is_a_function_of_the_seed);
    tcase_add_test(t, counts_usage);
    tcase_add_test(t, measures_distances_between_codes);
    tcase_add_test(t, is_read_by_several_threads);
    tcase_add_test(t, survives_every_failing_allocation);
    tcase_add_test(t, assigning_float32_allocates_nothing);
    return small_run("api/codebook", t);
}
