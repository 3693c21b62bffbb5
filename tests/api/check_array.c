/* unic_array.h and lib/array/{array,batch}: what is taken as an array and as a batch. */
#include <check.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array/batch.h"
#include "base/half.h"
#include "file/io_help.h"

#define DIMS(...) ((const int64_t[]){__VA_ARGS__})

static const float floats[64];
static const double doubles[64];

static unic_array f32(int rank, const int64_t *dims)
{
    unic_array a;
    unic_array_init(&a, floats, UNIC_F32, rank, dims);
    return a;
}

/* ---- arrays ------------------------------------------------------------------------------ */

START_TEST(init_fills_in_everything)
{
    unic_array a;
    memset(&a, 0xFF, sizeof a);
    unic_array_init(&a, floats, UNIC_F32, 3, DIMS(2, 3, 4));
    ck_assert_uint_eq(a.struct_size, sizeof a);
    ck_assert_ptr_eq(a.data, floats);
    ck_assert(a.dtype == UNIC_F32 && a.rank == 3);
    ck_assert(a.dims[0] == 2 && a.dims[1] == 3 && a.dims[2] == 4 && a.dims[3] == 0);
    ck_assert(a.reserved[0] == 0 && a.reserved[3] == 0);
    io_assert_ok(unic__array_check(&a, "call", "x"));
    ck_assert_uint_eq(unic__array_count(&a), 24);
    unic_array_init(&a, floats, UNIC_F32, 0, NULL);
    io_assert_ok(unic__array_check(&a, "call", "x"));
    ck_assert_uint_eq(unic__array_count(&a), 1);
    unic_array_init(&a, floats, UNIC_F32, 99, DIMS(1, 1, 1, 1, 1, 1, 1, 1)); /* 6 are kept */
    io_assert_fails(unic__array_check(&a, "call", "x"), UNIC_E_SHAPE,
                    "call: x has rank 99, 0..6 expected");
    unic_array_init(NULL, floats, UNIC_F32, 0, NULL);
}
END_TEST

START_TEST(refuses_what_is_no_array)
{
    io_assert_fails(unic__array_check(NULL, "call", "x"), UNIC_E_ARG, "call: x is NULL");
    unic_array a = f32(2, DIMS(2, 3));
    a.struct_size = sizeof a - 1;
    io_assert_fails(unic__array_check(&a, "call", "x"), UNIC_E_ARG, "x has struct_size ");
    a = f32(2, DIMS(2, 3));
    a.struct_size = sizeof a + 8; /* of a later version */
    io_assert_ok(unic__array_check(&a, "call", "x"));
    a.dtype = 0;
    io_assert_fails(unic__array_check(&a, "call", "x"), UNIC_E_ARG, "x has dtype 0");
    a.dtype = UNIC_U8 + 1;
    io_assert_fails(unic__array_check(&a, "call", "x"), UNIC_E_ARG,
                    "x has dtype 10, a unic_dtype (1..9) expected");
    a = f32(-1, NULL);
    io_assert_fails(unic__array_check(&a, "call", "x"), UNIC_E_SHAPE, "x has rank -1");
    a = f32(2, DIMS(2, -3));
    io_assert_fails(unic__array_check(&a, "call", "x"), UNIC_E_SHAPE,
                    "x has dims[1] = -3, 0 or more expected");
    a = f32(2, DIMS(2, 3));
    a.reserved[2] = 1;
    io_assert_fails(unic__array_check(&a, "call", "x"), UNIC_E_ARG,
                    "x: reserved[2] of unic_array is not zero");
    a = f32(2, DIMS(2, 3));
    a.data = NULL;
    io_assert_fails(unic__array_check(&a, "call", "x"), UNIC_E_ARG, "x has no data");
    a = f32(2, DIMS(2, 0));
    a.data = NULL;
    io_assert_ok(unic__array_check(&a, "call", "x"));
    unic_array_init(&a, (const char *)floats + 2, UNIC_F32, 1, DIMS(3));
    io_assert_fails(unic__array_check(&a, "call", "x"), UNIC_E_ARG, "not aligned for float32");
}
END_TEST

START_TEST(refuses_sizes_that_overflow)
{
    const int64_t big = INT64_C(1) << 31;
    unic_array a = f32(3, DIMS(big, big, 2));
    io_assert_fails(unic__array_check(&a, "call", "x"), UNIC_E_SHAPE, "larger than any memory");
    a = f32(2, DIMS(big, big / 2)); /* 2^63 bytes: fits size_t, not ptrdiff_t */
    io_assert_fails(unic__array_check(&a, "call", "x"), UNIC_E_SHAPE, "larger than any memory");
    a = f32(4, DIMS(big, big, big, 0)); /* no element, but products of the dims overflow */
    io_assert_fails(unic__array_check(&a, "call", "x"), UNIC_E_SHAPE, "larger than any memory");
    a = f32(4, DIMS(0, big, big, big));
    io_assert_fails(unic__array_check(&a, "call", "x"), UNIC_E_SHAPE, "larger than any memory");
    a = f32(1, DIMS(INT64_MAX));
    io_assert_fails(unic__array_check(&a, "call", "x"), UNIC_E_SHAPE, "larger than any memory");
}
END_TEST

START_TEST(copies_to_float32)
{
    const double in[] = {0.1, -2, 1e300, -1e300, NAN};
    const float single[] = {0.1F, -2};
    float out[5];
    unic_array a;
    unic_array_init(&a, in, UNIC_F64, 1, DIMS(5));
    unic__array_to_f32(&a, out);
    ck_assert(out[0] == 0.1F && out[1] == -2.0F && isinf(out[2]) && out[2] > 0);
    ck_assert(isinf(out[3]) && out[3] < 0 && isnan(out[4]));
    unic_array_init(&a, single, UNIC_F32, 1, DIMS(2));
    unic__array_to_f32(&a, out);
    ck_assert_mem_eq(out, single, sizeof single);
    unic_array_init(&a, NULL, UNIC_F32, 1, DIMS(0));
    unic__array_to_f32(&a, out);
}
END_TEST

START_TEST(only_real_numbers_are_converted)
{
    static const bool real[] = {[UNIC_F32] = true,  [UNIC_F64] = true,  [UNIC_I32] = false,
                                [UNIC_I64] = false, [UNIC_U64] = false, [UNIC_F16] = true,
                                [UNIC_BF16] = true, [UNIC_I8] = true,   [UNIC_U8] = true};
    for (int32_t type = UNIC_F32; type <= UNIC_U8; type++) {
        unic_array a;
        char says[96], text[UNIC__DTYPE_TEXT];
        unic_array_init(&a, doubles, (unic_dtype)type, 1, DIMS(2));
        snprintf(says, sizeof says, "call: x is of %s, expected real numbers: float32, ",
                 unic__dtype_print(type, text));
        if (real[type])
            io_assert_ok(unic__array_check_real(&a, "call", "x"));
        else
            io_assert_fails(unic__array_check_real(&a, "call", "x"), UNIC_E_ARG, says);
    }
}
END_TEST

/* Every number of 8 and of 16 bits, as a run, and as one that is not aligned. */
START_TEST(small_numbers_are_exact)
{
    enum { ALL = 1 << 16 };
    static uint16_t halves[ALL];
    static float runs[ALL], single[ALL];
    static unsigned char apart[ALL * 3 + 1];
    for (size_t i = 0; i < ALL; i++)
        halves[i] = (uint16_t)i;
    for (int32_t type = UNIC_F16; type <= UNIC_U8; type++) {
        size_t size = unic__dtype_size(type), n = size == 2 ? ALL : 256;
        unsigned char bytes[256];
        for (size_t i = 0; i < 256; i++)
            bytes[i] = (unsigned char)i;
        const unsigned char *from = size == 2 ? (const void *)halves : bytes;
        for (size_t i = 0; i < n; i++)
            memcpy(apart + 1 + 3 * i, from + i * size, size);
        unic_array a;
        unic_array_init(&a, from, (unic_dtype)type, 1, DIMS((int64_t)n));
        io_assert_ok(unic__array_check_real(&a, "call", "x"));
        unic__array_to_f32(&a, runs);
        a.data = apart + 1;
        a.strides[0] = 3;
        io_assert_ok(unic__array_check_real(&a, "call", "x"));
        unic__array_to_f32(&a, single);
        for (size_t i = 0; i < n; i++) {
            float want = type == UNIC_F16    ? unic__from_f16((uint16_t)i)
                         : type == UNIC_BF16 ? unic__from_bf16((uint16_t)i)
                         : type == UNIC_I8   ? (float)i - (i < 128 ? 0.0F : 256.0F)
                                             : (float)i;
            if (isnan(want)) { /* one that signals may become quiet */
                ck_assert(isnan(runs[i]) && isnan(single[i]));
                continue;
            }
            ck_assert_mem_eq(&runs[i], &want, sizeof want);
            ck_assert_mem_eq(&single[i], &want, sizeof want);
        }
    }
}
END_TEST

START_TEST(finds_what_is_not_finite)
{
    enum { MOST = 300 };
    const float fine[] = {0.0F, -0.0F, FLT_MAX, -FLT_MAX, FLT_TRUE_MIN, -1.5F};
    const float bad[] = {NAN, -NAN, INFINITY, -INFINITY};
    float x[MOST];
    for (size_t i = 0; i < MOST; i++)
        x[i] = fine[i % 6];
    for (size_t n = 0; n <= MOST; n++)
        ck_assert(unic__all_finite(x, n));
    for (size_t i = 0; i < MOST; i++) { /* at each place, first and last of the array too */
        float kept = x[i];
        x[i] = bad[i % 4];
        ck_assert(!unic__all_finite(x, MOST) && !unic__all_finite(x, i + 1));
        ck_assert(!unic__all_finite(x + i, MOST - i) && unic__all_finite(x, i));
        x[i] = kept;
    }
}
END_TEST

/* As a caller reads it. */
START_TEST(the_call_and_the_array_are_named)
{
    static const struct {
        int rank;
        int64_t dims[3], stride;
        size_t shift;
        const char *says;
    } cases[] = {
        {-1, {2, 3, 4}, 0, 0, "rank -1, 0..6 expected"},
        {3, {2, INT64_MAX, 4}, 0, 0, "is larger than any memory (its first 2 dims)"},
        {3, {2, 3, 4}, INT64_MAX, 0, "strides[0] = 9223372036854775807 of 2 entries"},
        {3, {2, 3, 4}, 0, 2, "data that are not aligned for float32"},
    };
    char says[128];
    unic_batch *b;
    io_assert_ok(unic_batch_create(&b));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unic_array a;
        unic_array_init(&a, (const char *)floats + cases[i].shift, UNIC_F32, cases[i].rank,
                        cases[i].dims);
        a.strides[0] = cases[i].stride;
        snprintf(says, sizeof says, "unic_batch_set: modality \"audio\" %s%s",
                 strncmp(cases[i].says, "is ", 3) == 0 ? "" : "has ", cases[i].says);
        unic_status wanted = cases[i].shift ? UNIC_E_ARG : UNIC_E_SHAPE;
        io_assert_fails(unic_batch_set(b, "audio", &a, NULL), wanted, says);
    }
    unic_batch_free(b);
}
END_TEST

/* ---- batches ----------------------------------------------------------------------------- */

static unic_batch *new_batch(void)
{
    unic_batch *b;
    io_assert_ok(unic_batch_create(&b));
    return b;
}

START_TEST(a_batch_refers_to_the_callers_arrays)
{
    const int32_t lengths[] = {3, 0}, *given = lengths;
    unic_batch *b = new_batch();
    ck_assert_uint_eq(unic_batch_clip_count(b), 0);
    char name[] = "audio";
    unic_array a = f32(3, DIMS(2, 3, 4)), got;
    a.struct_size += 8;
    io_assert_ok(unic_batch_set(b, name, &a, lengths));
    name[0] = 'x'; /* the name was copied, and so was the array's description */
    a.rank = 0;
    ck_assert_uint_eq(unic_batch_clip_count(b), 2);
    unic_array_init(&a, doubles, UNIC_F64, 5, DIMS(2, 3, 1, 2, 2));
    io_assert_ok(unic_batch_set(b, "video", &a, NULL));
    io_assert_ok(unic_batch_get(&got, &given, b, "audio"));
    ck_assert(got.data == floats && got.rank == 3 && got.dims[2] == 4 && given == lengths);
    ck_assert_uint_eq(got.struct_size, sizeof got);
    io_assert_ok(unic_batch_get(&got, &given, b, "video"));
    ck_assert(got.data == doubles && got.dtype == UNIC_F64 && got.rank == 5 && given == NULL);
    io_assert_ok(unic_batch_get(NULL, NULL, b, "video"));
    io_assert_fails(unic_batch_get(&got, NULL, b, "xudio"), UNIC_E_NOTFOUND,
                    "the batch has no modality \"xudio\", it has audio, video");
    unic_batch_free(b);
}
END_TEST

START_TEST(modalities_of_a_batch_agree)
{
    unic_batch *b = new_batch();
    unic_array a = f32(3, DIMS(2, 3, 4)), got;
    io_assert_ok(unic_batch_set(b, "audio", &a, NULL));
    a = f32(3, DIMS(1, 4, 4)); /* the only one is replaced: B and T may change */
    io_assert_ok(unic_batch_set(b, "audio", &a, NULL));
    ck_assert_uint_eq(unic_batch_clip_count(b), 1);
    a = f32(3, DIMS(2, 4, 2));
    io_assert_fails(unic_batch_set(b, "video", &a, NULL), UNIC_E_SHAPE,
                    "\"video\" is [2,4,2], but \"audio\" in the same batch is [1,4,4]");
    a = f32(3, DIMS(1, 5, 2));
    io_assert_fails(unic_batch_set(b, "video", &a, NULL), UNIC_E_SHAPE, "is [1,5,2]");
    io_assert_fails(unic_batch_get(NULL, NULL, b, "video"), UNIC_E_NOTFOUND, "video");
    a = f32(2, DIMS(1, 4));
    io_assert_ok(unic_batch_set(b, "video", &a, NULL));
    a = f32(3, DIMS(2, 4, 4)); /* there is another one now, whichever is replaced */
    io_assert_fails(unic_batch_set(b, "audio", &a, NULL), UNIC_E_SHAPE,
                    "\"video\" in the same");
    io_assert_fails(unic_batch_set(b, "video", &a, NULL), UNIC_E_SHAPE,
                    "\"audio\" in the same");
    io_assert_ok(unic_batch_get(&got, NULL, b, "audio"));
    ck_assert_int_eq(got.dims[0], 1);
    unic_batch_free(b);
}
END_TEST

START_TEST(batches_refuse_wrong_arguments)
{
    unic_batch *b = new_batch();
    unic_array a = f32(3, DIMS(2, 3, 4));
    io_assert_fails(unic_batch_create(NULL), UNIC_E_ARG, "out is NULL");
    io_assert_fails(unic_batch_set(NULL, "a", &a, NULL), UNIC_E_ARG, "batch is NULL");
    io_assert_fails(unic_batch_set(b, NULL, &a, NULL), UNIC_E_ARG, "name is NULL");
    io_assert_fails(unic_batch_set(b, "", &a, NULL), UNIC_E_ARG, "name is empty");
    io_assert_fails(unic_batch_set(b, "a", NULL, NULL), UNIC_E_ARG,
                    "unic_batch_set: modality \"a\" is NULL");
    a.dtype = UNIC_I32;
    io_assert_fails(
        unic_batch_set(b, "a", &a, NULL), UNIC_E_ARG,
        "unic_batch_set: modality \"a\" is of int32, expected real numbers: float32, "
        "float64, float16, bfloat16, int8 or uint8");
    a = f32(1, DIMS(2));
    io_assert_fails(unic_batch_set(b, "a", &a, NULL), UNIC_E_SHAPE, "\"a\" is [2], [B,T,...]");
    a = f32(3, DIMS(0, 3, 4));
    io_assert_fails(unic_batch_set(b, "a", &a, NULL), UNIC_E_SHAPE, "without a dim of 0");
    io_assert_fails(unic_batch_get(&a, NULL, NULL, "a"), UNIC_E_ARG, "batch is NULL");
    io_assert_fails(unic_batch_get(&a, NULL, b, NULL), UNIC_E_ARG, "name is NULL");
    ck_assert_uint_eq(unic_batch_clip_count(b), 0);
    ck_assert_uint_eq(unic_batch_clip_count(NULL), 0);
    unic_batch_free(b);
    unic_batch_free(NULL);
}
END_TEST

/* Six modalities: the table grows once. */
static unic_status fill_a_batch(const char *path)
{
    (void)path;
    const char *const names[] = {"a", "b", "c", "d", "e", "f"};
    unic_array a = f32(3, DIMS(2, 3, 4)), got;
    unic_batch *b;
    UNIC__TRY(unic_batch_create(&b));
    for (size_t i = 0; i < 6; i++) {
        unic_status status = unic_batch_set(b, names[i], &a, NULL);
        if (status != UNIC_OK) { /* what was set stays */
            for (size_t k = 0; k < 6; k++)
                ck_assert((unic_batch_get(&got, NULL, b, names[k]) == UNIC_OK) == (k < i));
            unic_batch_free(b);
            return status;
        }
    }
    unic_batch_free(b);
    return UNIC_OK;
}

START_TEST(out_of_memory_leaves_a_batch_as_it_was)
{
    io_fail_each_allocation(fill_a_batch, "");
}
END_TEST

START_TEST(a_batch_says_which_clips_it_has)
{
    static const int64_t clips[] = {137, 4};
    static const int32_t lengths[] = {2, 9};
    char text[UNIC__CLIP_TEXT];
    unic_batch *b;
    unic_array a = f32(3, DIMS(2, 3, 4));
    io_assert_ok(unic_batch_create(&b));
    io_assert_fails(unic_batch_number_clips(NULL, clips), UNIC_E_ARG, "batch is NULL");
    io_assert_fails(unic_batch_number_clips(b, clips), UNIC_E_STATE, "the batch is empty");
    io_assert_ok(unic_batch_number_clips(b, NULL));
    io_assert_ok(unic_batch_set(b, "x", &a, lengths));
    ck_assert_str_eq(unic__batch_clip(b, "x", 1, text), "clip 1 of the batch");
    io_assert_ok(unic_batch_number_clips(b, clips));
    ck_assert_str_eq(unic__batch_clip(b, "x", 0, text), "clip 137");
    io_assert_fails(unic__lengths_check(lengths, 2, 3, "x", b), UNIC_E_VALUE,
                    "modality \"x\": length 9 of clip 4 is not in 0..3");
    const unic_array more = f32(3, DIMS(5, 3, 4));
    io_assert_ok(unic_batch_set(b, "x", &a, lengths)); /* as many as before */
    ck_assert_str_eq(unic__batch_clip(b, "x", 1, text), "clip 4");
    io_assert_ok(unic_batch_set(b, "x", &more, NULL)); /* more than are numbered */
    ck_assert_str_eq(unic__batch_clip(b, "x", 4, text), "clip 4 of the batch");
    io_assert_ok(unic_batch_set(b, "x", &a, lengths));
    io_assert_ok(unic_batch_number_clips(b, NULL));
    io_assert_fails(unic__lengths_check(lengths, 2, 3, "x", b), UNIC_E_VALUE,
                    "of clip 1 of the batch");
    io_assert_fails(unic__lengths_check(lengths, 2, 3, "x", NULL), UNIC_E_VALUE,
                    "length 9 of clip 1 is not");
    unic_batch_free(b);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api/array");
    TCase *t = tcase_create("array");
    tcase_add_test(t, init_fills_in_everything);
    tcase_add_test(t, refuses_what_is_no_array);
    tcase_add_test(t, refuses_sizes_that_overflow);
    tcase_add_test(t, copies_to_float32);
    tcase_add_test(t, only_real_numbers_are_converted);
    tcase_add_test(t, small_numbers_are_exact);
    tcase_add_test(t, finds_what_is_not_finite);
    tcase_add_test(t, the_call_and_the_array_are_named);
    tcase_add_test(t, a_batch_refers_to_the_callers_arrays);
    tcase_add_test(t, modalities_of_a_batch_agree);
    tcase_add_test(t, batches_refuse_wrong_arguments);
    tcase_add_test(t, out_of_memory_leaves_a_batch_as_it_was);
    tcase_add_test(t, a_batch_says_which_clips_it_has);
    suite_add_tcase(suite, t);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
