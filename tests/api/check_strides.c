/* Arrays of any strides and type: every call that takes one gives what it gives for the dense
 * array of float32. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array/array.h"
#include "base/half.h"
#include "file/io_help.h"
#include "model/small_model.h"
#include "task/segment_help.h"

/* ---- the same array in other ways ---- */

enum {
    FORTRAN = 1, /* the first dim runs fastest                     */
    BACK = 2,    /* every second dim from the last, backwards      */
    GAPS = 4,    /* 3 bytes behind each element, which are not aligned then */
    LAYOUTS = 8,
    WAYS = 6 * LAYOUTS /* of each type of real numbers */
};

static const int32_t types[] = {UNIC_F32, UNIC_F64, UNIC_F16, UNIC_BF16, UNIC_I8, UNIC_U8};

/* The next number that the way's type has; 0 and 1 stay. Whole numbers are ten times as large, so
 * that most are not the same. */
static float exact(float x, int way)
{
    switch (types[way / LAYOUTS]) {
    case UNIC_F16:
        return unic__float_rounded(UNIC__FLOAT16, x);
    case UNIC_BF16:
        return unic__float_rounded(UNIC__BFLOAT16, x);
    case UNIC_I8:
    case UNIC_U8:
        x = x == rintf(x) ? x : rintf(10.0F * x);
        x = types[way / LAYOUTS] == UNIC_U8 ? fabsf(x) : x + 0.0F; /* no -0 */
        return x < -127.0F ? -127.0F : x > 127.0F ? 127.0F : x;
    default:
        return x;
    }
}

static void make_exact(float *x, size_t n, int way)
{
    for (size_t i = 0; i < n; i++)
        x[i] = exact(x[i], way);
}

static void put(char *to, float x, int32_t type)
{
    double wide = (double)x;
    int8_t whole = (int8_t)x; /* in 0..127, an uint8_t has the same byte */
    uint16_t half;
    if (type == UNIC_F16 || type == UNIC_BF16)
        unic__narrow(&half, &x, 1, type == UNIC_F16 ? UNIC__FLOAT16 : UNIC__BFLOAT16);
    memcpy(to,
           type == UNIC_F32   ? (const void *)&x
           : type == UNIC_F64 ? (const void *)&wide
           : type >= UNIC_I8  ? (const void *)&whole
                              : (const void *)&half,
           unic__dtype_size(type));
}

/* The dense float32 array, whose numbers are exact, another way, in memory to be freed. */
static unic_array other_way(const unic_array *dense, int way, char **memory)
{
    const float *x = dense->data;
    unic_array a = *dense;
    a.dtype = types[way / LAYOUTS];
    const size_t size = unic__dtype_size(a.dtype);
    size_t count = unic__array_count(dense), bytes = count * (size + 3) + 8;
    int64_t step = (int64_t)(way & GAPS ? size + 3 : size);
    *memory = malloc(bytes);
    memset(*memory, 0x7F, bytes); /* large, if it is read as a number */
    char *at = *memory;
    for (int32_t k = 0; k < a.rank; k++) {
        int32_t i = way & FORTRAN ? k : a.rank - 1 - k;
        a.strides[i] = step;
        step *= a.dims[i];
    }
    for (int32_t i = a.rank - 1; way & BACK && i >= 0; i -= 2) {
        at += (a.dims[i] - 1) * a.strides[i];
        a.strides[i] = -a.strides[i];
    }
    a.data = at;
    for (size_t n = 0; n < count; n++) {
        int64_t rest = (int64_t)n, offset = 0;
        for (int32_t i = a.rank; i-- > 0; rest /= a.dims[i])
            offset += rest % a.dims[i] * a.strides[i];
        put(at + offset, x[n], a.dtype);
    }
    return a;
}

static float *numbers(size_t n, uint64_t seed, int way)
{
    float *x = malloc(n * sizeof *x);
    unic__key key = unic__random_key(seed, 0, 0);
    for (size_t i = 0; i < n; i++)
        x[i] = exact(unic__random_normal(key, i), way);
    return x;
}

#define DIMS(...) ((const int64_t[]){__VA_ARGS__})

START_TEST(elements_are_read_in_row_major_order)
{
    float *x = numbers(2 * 3 * 4 * 5, 1, _i), out[2 * 3 * 4 * 5];
    const int64_t dims[] = {2, 3, 4, 5};
    for (int rank = 0; rank <= 4; rank++) {
        unic_array dense;
        char *memory;
        unic_array_init(&dense, x, UNIC_F32, rank, dims);
        unic_array a = other_way(&dense, _i, &memory);
        size_t bytes = unic__array_count(&dense) * sizeof *x;
        io_assert_ok(unic__array_check(&a, "call", "x"));
        unic__array_to_f32(&a, out);
        ck_assert_mem_eq(out, x, bytes);
        if (rank == 4) { /* its part [:,1:3] */
            unic_array part = unic__array_part(&a, 1, 1, 2);
            unic__array_to_f32(&part, out);
            ck_assert_mem_eq(out, x + 20, 40 * sizeof *x);
            ck_assert_mem_eq(out + 40, x + 60 + 20, 40 * sizeof *x);
            unic__array_rows_to_f32(&a, 1, 1, out);
            ck_assert_mem_eq(out, x + 60, 60 * sizeof *x);
        }
        if (_i == 0)
            ck_assert_ptr_eq(unic__array_in_place(&a), a.data);
        else if ((_i & GAPS || types[_i / LAYOUTS] != UNIC_F32) && rank > 0)
            ck_assert_ptr_null(unic__array_in_place(&a));
        free(memory);
    }
    free(x);
}
END_TEST

START_TEST(entries_may_be_one_and_the_same)
{
    const float row[] = {1, 2, 3};
    float out[12];
    unic_array a;
    unic_array_init(&a, row, UNIC_F32, 2, DIMS(4, 3));
    a.strides[1] = sizeof *row; /* and strides[0] = 0 */
    io_assert_ok(unic__array_check(&a, "call", "x"));
    unic__array_to_f32(&a, out);
    for (size_t i = 0; i < 12; i++)
        ck_assert(out[i] == row[i % 3]);
    ck_assert_ptr_null(unic__array_in_place(&a));
    unic_array_init(&a, row, UNIC_F32, 2, DIMS(0, 3)); /* no entries at all */
    a.strides[0] = INT64_MAX;
    io_assert_ok(unic__array_check(&a, "call", "x"));
    unic__array_to_f32(&a, NULL);
}
END_TEST

START_TEST(strides_beyond_memory_are_refused)
{
    static const struct {
        int64_t dims[2], strides[2];
        int wrong;
    } cases[] = {
        {{2, 2}, {INT64_MAX, 4}, 0},     {{2, 2}, {INT64_MIN, 4}, 0},
        {{3, 2}, {INT64_MAX / 2, 4}, 0}, {{2, 2}, {INT64_MAX / 2 + 1, INT64_MAX / 2 + 1}, 1},
        {{2, 3}, {-INT64_MAX, -4}, 1},   {{1, 3}, {4, INT64_MIN}, 1},
    };
    const float x[4] = {0};
    char says[64];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unic_array a;
        unic_array_init(&a, x, UNIC_F32, 2, cases[i].dims);
        memcpy(a.strides, cases[i].strides, sizeof cases[i].strides);
        snprintf(says, sizeof says, "call: x has strides[%d] = %lld of %lld entries",
                 cases[i].wrong, (long long)cases[i].strides[cases[i].wrong],
                 (long long)cases[i].dims[cases[i].wrong]);
        io_assert_fails(unic__array_check(&a, "call", "x"), UNIC_E_SHAPE, says);
    }
}
END_TEST

/* ---- every call ---- */

START_TEST(codebooks)
{
    enum { ROWS = 40, DIM = 6, CODES = 7 };
    float *x = numbers(ROWS * DIM, 2, _i);
    int32_t codes[2][ROWS];
    unic_array dense, few;
    unic_codebook *cb[2];
    char *memory[2];
    unic_codebook_init_options o = {.struct_size = sizeof o, .iterations = 4};
    size_t revived[2];
    unic_array_init(&dense, x, UNIC_F32, 2, DIMS(ROWS, DIM));
    unic_array_init(&few, x, UNIC_F32, 2, DIMS(CODES, DIM));
    unic_array z = other_way(&dense, _i, &memory[0]), e = other_way(&few, _i, &memory[1]);
    for (size_t i = 0; i < 2; i++) {
        io_assert_ok(unic_codebook_create(&cb[i], CODES, DIM, 1));
        io_assert_ok(unic_codebook_init(cb[i], i ? &z : &dense, &o));
        io_assert_ok(unic_codebook_assign(cb[i], i ? &z : &dense, codes[i]));
    }
    ck_assert_mem_eq(codes[0], codes[1], sizeof codes[0]);
    ck_assert(unic_codebook_fingerprint(cb[0]) == unic_codebook_fingerprint(cb[1]));
    for (size_t i = 0; i < 2; i++) {
        io_assert_ok(unic_codebook_set(cb[i], i ? &e : &few));
        io_assert_ok(
            unic_codebook_revive(&revived[i], cb[i], UNIC_RESET_ANY, 0, 3, i ? &z : &dense, 1));
    }
    ck_assert(revived[0] == revived[1]);
    ck_assert(unic_codebook_fingerprint(cb[0]) == unic_codebook_fingerprint(cb[1]));
    for (size_t i = 0; i < 2; i++) {
        unic_codebook_free(cb[i]);
        free(memory[i]);
    }
    free(x);
}
END_TEST

START_TEST(indexes)
{
    enum { ROWS = 30, DIM = 5, K = 4 };
    float *x = numbers(ROWS * DIM, 3, _i), scores[2][ROWS * K];
    int64_t ids[2][ROWS * K], ranks[2][ROWS];
    unic_array dense;
    unic_index_options o = {.struct_size = sizeof o, .dim = DIM, .metric = UNIC_INDEX_COSINE};
    char *memory;
    unic_array_init(&dense, x, UNIC_F32, 2, DIMS(ROWS, DIM));
    unic_array a = other_way(&dense, _i, &memory);
    for (size_t i = 0; i < 2; i++) {
        const unic_array *rows = i ? &a : &dense;
        unic_index *index;
        io_assert_ok(unic_index_create(&index, &o));
        io_assert_ok(unic_index_add(index, rows, NULL));
        io_assert_ok(unic_index_search(index, rows, K, NULL, ids[i], scores[i]));
        io_assert_ok(unic_index_rank(index, rows, ids[i], NULL, ranks[i]));
        unic_index_free(index);
    }
    ck_assert_mem_eq(ids[0], ids[1], sizeof ids[0]);
    ck_assert_mem_eq(scores[0], scores[1], sizeof scores[0]);
    ck_assert_mem_eq(ranks[0], ranks[1], sizeof ranks[0]);
    free(memory);
    free(x);
}
END_TEST

START_TEST(trainers_and_encoders)
{
    small_batch *b = small_batch_new(SMALL_THREE, 3, 4, 1);
    unic_trainer *t = small_trainer(SMALL_THREE, "");
    char *memory[3];
    double figures[2][64];
    b->lengths[1][1] = 2;
    for (size_t m = 0; m < b->n; m++)
        make_exact(b->x[m], unic__array_count(&b->array[m]), _i);
    io_assert_ok(unic_trainer_step(t, b->batch, NULL, NULL));
    io_assert_ok(unic_trainer_evaluate(t, b->batch, figures[0]));
    for (size_t m = 0; m < b->n; m++) {
        unic_array a = other_way(&b->array[m], _i, &memory[m]);
        unic_model *model;
        unic_encoder *e;
        int32_t codes[2][12];
        float z[2][12 * SMALL_DIM];
        unic_encoder_options o = {.struct_size = sizeof o, .max_batch = 3, .max_length = 4};
        io_assert_ok(unic_trainer_model(&model, t));
        io_assert_ok(unic_encoder_create(&e, model, b->name[m], &o));
        io_assert_ok(unic_encoder_encode(e, &b->array[m], b->lengths[m], codes[0], NULL, z[0]));
        io_assert_ok(unic_encoder_encode(e, &a, b->lengths[m], codes[1], NULL, z[1]));
        ck_assert_mem_eq(codes[0], codes[1], sizeof codes[0]);
        ck_assert_mem_eq(z[0], z[1], sizeof z[0]);
        unic_encoder_free(e);
        unic_model_free(model);
        io_assert_ok(unic_batch_set(b->batch, b->name[m], &a, b->lengths[m]));
    }
    io_assert_ok(unic_trainer_evaluate(t, b->batch, figures[1]));
    ck_assert_mem_eq(figures[0], figures[1], unic_trainer_figure_count(t) * sizeof(double));
    for (size_t m = 0; m < b->n; m++)
        free(memory[m]);
    unic_trainer_free(t);
    small_batch_free(b);
}
END_TEST

START_TEST(retrievers)
{
    enum { CLIPS = 6, LENGTH = 3, ITEM = 4, CODES = 5 };
    const int32_t codes[CLIPS * LENGTH] = {0, 1, 2, 3, 4, -1, 1, 1, 0,
                                           2, 2, 3, 4, 0, 1,  3, 3, 2};
    float *x = numbers(CLIPS * ITEM, 4, _i), *e = numbers(CODES * 6, 5, 0), out[2][CLIPS * 8];
    unic_array dense, embedding;
    unic_codebook *cb;
    char *memory;
    double loss[2];
    unic_retriever_options o = {.struct_size = sizeof o,
                                .item_dim = ITEM,
                                .hidden = 8,
                                .dim = 8,
                                .epochs = 2,
                                .batch = 4};
    unic_array_init(&dense, x, UNIC_F32, 2, DIMS(CLIPS, ITEM));
    unic_array_init(&embedding, e, UNIC_F32, 2, DIMS(CODES, 6));
    unic_array a = other_way(&dense, _i, &memory);
    io_assert_ok(unic_codebook_create(&cb, CODES, 6, 1));
    io_assert_ok(unic_codebook_set(cb, &embedding));
    for (size_t i = 0; i < 2; i++) {
        unic_retriever *r;
        io_assert_ok(unic_retriever_create(&r, cb, &o));
        io_assert_ok(unic_retriever_fit(&loss[i], r, codes, CLIPS, LENGTH, i ? &a : &dense));
        io_assert_ok(unic_retriever_items(r, i ? &a : &dense, out[i]));
        unic_retriever_free(r);
    }
    ck_assert(loss[0] == loss[1]);
    ck_assert_mem_eq(out[0], out[1], sizeof out[0]);
    unic_codebook_free(cb);
    free(memory);
    free(e);
    free(x);
}
END_TEST

START_TEST(segmenters)
{
    segment_data *d = segment_data_new(1, -1);
    char *memory[2];
    double loss[2];
    static float logits[2][SEGMENT_CLIPS * SEGMENT_PIXELS];
    make_exact(d->frames, SEGMENT_CLIPS * SEGMENT_PIXELS, _i);
    make_exact(d->masks, SEGMENT_CLIPS * SEGMENT_PIXELS, _i);
    unic_array frames = other_way(&d->frames_array, _i, &memory[0]),
               masks = other_way(&d->masks_array, _i, &memory[1]);
    for (size_t i = 0; i < 2; i++) {
        unic_segmenter *s = segment_new(&segment_small);
        const unic_array *images = i ? &frames : &d->frames_array;
        io_assert_ok(unic_segmenter_step(&loss[i], s, &images, 1, d->codes, 2,
                                         i ? &masks : &d->masks_array));
        io_assert_ok(unic_segmenter_predict(s, &images, 1, d->codes, 2, logits[i]));
        unic_segmenter_free(s);
    }
    ck_assert(loss[0] == loss[1]);
    ck_assert_mem_eq(logits[0], logits[1], sizeof logits[0]);
    free(memory[0]);
    free(memory[1]);
    free(d);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("strides");
    tcase_add_loop_test(t, elements_are_read_in_row_major_order, 0, WAYS);
    tcase_add_test(t, entries_may_be_one_and_the_same);
    tcase_add_test(t, strides_beyond_memory_are_refused);
    tcase_add_loop_test(t, codebooks, 0, WAYS);
    tcase_add_loop_test(t, indexes, 0, WAYS);
    tcase_add_loop_test(t, trainers_and_encoders, 0, WAYS);
    tcase_add_loop_test(t, retrievers, 0, WAYS);
    tcase_add_loop_test(t, segmenters, 0, WAYS);
    return small_run("api/strides", t);
}
