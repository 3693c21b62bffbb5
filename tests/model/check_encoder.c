/* lib/model/encoder: features to codes and vectors, whatever the shape, the padding, the thread
 * count and the kernels. */
#include "model/encoder.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file/io_help.h"
#include "small_model.h"
#include "train/trainer.h"

enum { STEPS = SMALL_BATCH * SMALL_LENGTH, CELLS = STEPS * SMALL_DIM };

/* All that an encoder gives out. */
typedef struct result {
    int32_t codes[STEPS];
    float quantized[CELLS], z[CELLS];
} result;

static unic_encoder *encoder_of(unic_model *model, const char *modality)
{
    unic_encoder *encoder;
    io_assert_ok(
        unic_encoder_create(&encoder, model, modality,
                            &(unic_encoder_options){.struct_size = sizeof(unic_encoder_options),
                                                    .max_batch = SMALL_BATCH,
                                                    .max_length = SMALL_LENGTH}));
    return encoder;
}

static void encode(unic_encoder *encoder, const unic_array *features, const int32_t *lengths,
                   result *r)
{
    memset(r, 0x55, sizeof *r);
    io_assert_ok(unic_encoder_encode(encoder, features, lengths, r->codes, r->quantized, r->z));
}

static void assert_same(const result *a, const result *b, size_t steps)
{
    ck_assert_mem_eq(a->codes, b->codes, steps * sizeof(int32_t));
    ck_assert_mem_eq(a->quantized, b->quantized, steps * SMALL_DIM * sizeof(float));
    ck_assert_mem_eq(a->z, b->z, steps * SMALL_DIM * sizeof(float));
}

/* Of differently made sums: the same codes, and vectors as near as float32 allows. */
static void assert_close(const result *a, size_t from, const result *b, size_t steps)
{
    for (size_t i = 0; i < steps; i++)
        ck_assert_int_eq(a->codes[from + i], b->codes[i]);
    for (size_t i = 0; i < steps * SMALL_DIM; i++)
        ck_assert_msg(fabsf(a->z[from * SMALL_DIM + i] - b->z[i]) <= 2e-5F, "%g, not %g",
                      (double)a->z[from * SMALL_DIM + i], (double)b->z[i]);
}

/* The first `clips` clips of a modality from `first` on. */
static unic_array part_of(const small_batch *b, size_t m, size_t first, size_t clips)
{
    unic_array part = b->array[m];
    part.data = b->x[m] + first * b->length * b->step[m];
    part.dims[0] = (int64_t)clips;
    return part;
}

/* The modalities of SMALL_THREE with lengths of all kinds. */
static const int32_t ragged[SMALL_BATCH] = {5, 0, 3, 1};

/* ---- what is computed ---- */

/* `auto` multiplies by packed weights, which the training graph does not: sums in another
 * order. */
static void assert_same_z(const float *got, const float *want, bool to_the_bit)
{
    for (size_t j = 0; j < SMALL_DIM; j++) /* behind a layer norm: of order 1 */
        ck_assert_msg(to_the_bit ? got[j] == want[j] : fabsf(got[j] - want[j]) <= 1e-5F,
                      "z[%zu] is %.9g, expected %.9g", j, (double)got[j], (double)want[j]);
}

START_TEST(is_the_training_graphs_z)
{
    result r;
    unic_model *model;
    static const char *const more[] = {
        "", "padding = real\n", "kernel.backend = blas\nimage.attention = sum\n",
        "kernel.backend = onednn\nencoder.layers = 2\ntext.recurrent_layers = 2\n"};
    unic_trainer *t = small_trainer(SMALL_THREE, more[_i]);
    small_batch *b = small_batch_new(SMALL_THREE, SMALL_BATCH, SMALL_LENGTH, 3);
    for (size_t m = 0; m < b->n; m++)
        memcpy(b->lengths[m], ragged, sizeof ragged);
    for (int i = 0; i < 3; i++)
        io_assert_ok(unic_trainer_step(t, b->batch, NULL, NULL));
    io_assert_ok(unic_trainer_evaluate(t, b->batch, NULL));
    io_assert_ok(unic_trainer_model(&model, t));
    for (size_t m = 0; m < b->n; m++) {
        unic_encoder *encoder = encoder_of(model, b->name[m]);
        encode(encoder, &b->array[m], b->lengths[m], &r);
        const float *z = t->graph.stream[m].z->t.x;
        const int32_t *codes = t->graph.stream[m].codes->t.ix;
        for (size_t i = 0; i < STEPS; i++) {
            bool valid = (int32_t)(i % SMALL_LENGTH) < ragged[i / SMALL_LENGTH];
            const float *mine = r.z + i * SMALL_DIM;
            ck_assert_int_eq(r.codes[i], valid ? codes[i] : -1);
            static const float zeros[SMALL_DIM];
            assert_same_z(mine, valid ? z + i * SMALL_DIM : zeros,
                          !valid || strstr(more[_i], "kernel"));
            for (size_t j = 0; j < SMALL_DIM; j++) {
                float e = valid ? t->codebook->embedding[codes[i] * SMALL_DIM + (int)j] : 0.0F;
                ck_assert(r.quantized[i * SMALL_DIM + j] == e);
            }
        }
        unic_encoder_free(encoder);
    }
    unic_model_free(model);
    small_batch_free(b);
    unic_trainer_free(t);
}
END_TEST

START_TEST(codes_are_the_nearest_to_z)
{
    result r;
    int32_t codes[STEPS];
    unic_codebook *codebook;
    unic_model *model = small_model(SMALL_THREE, "", 2);
    small_batch *b = small_batch_new(SMALL_THREE, SMALL_BATCH, SMALL_LENGTH, 4);
    io_assert_ok(unic_model_codebook(&codebook, model));
    for (size_t m = 0; m < b->n; m++) {
        unic_encoder *encoder = encoder_of(model, b->name[m]);
        encode(encoder, &b->array[m], NULL, &r);
        unic_array z;
        unic_array_init(&z, r.z, UNIC_F32, 2, (const int64_t[]){STEPS, SMALL_DIM});
        io_assert_ok(unic_codebook_assign(codebook, &z, codes));
        ck_assert_mem_eq(codes, r.codes, sizeof codes);
        unic_encoder_free(encoder);
    }
    unic_codebook_free(codebook);
    unic_model_free(model);
    small_batch_free(b);
}
END_TEST

START_TEST(each_output_is_optional)
{
    result all, one;
    unic_model *model = small_model(SMALL_TWO, "", 1);
    unic_encoder *encoder = encoder_of(model, "touch");
    small_batch *b = small_batch_new(SMALL_TWO, SMALL_BATCH, SMALL_LENGTH, 5);
    const unic_array *x = &b->array[1];
    memset(&one, 0, sizeof one);
    io_assert_ok(
        unic_encoder_encode(encoder, x, ragged, NULL, NULL, one.z)); /* z alone first */
    io_assert_ok(unic_encoder_encode(encoder, x, ragged, NULL, one.quantized, NULL));
    io_assert_ok(unic_encoder_encode(encoder, x, ragged, one.codes, NULL, NULL));
    io_assert_ok(unic_encoder_encode(encoder, x, ragged, NULL, NULL, NULL));
    encode(encoder, x, ragged, &all);
    assert_same(&all, &one, STEPS);
    unic_encoder_free(encoder);
    unic_model_free(model);
    small_batch_free(b);
}
END_TEST

/* ---- padding and shapes ---- */

START_TEST(padding_is_not_looked_at)
{
    result clean, dirty;
    const float garbage[] = {-9.0F, 3e38F, NAN, -INFINITY};
    unic_model *model = small_model(SMALL_THREE, _i ? "padding = real\n" : "", 1);
    small_batch *b = small_batch_new(SMALL_THREE, SMALL_BATCH, SMALL_LENGTH, 6);
    for (size_t m = 0; m < b->n; m++) {
        memcpy(b->lengths[m], ragged, sizeof ragged);
        unic_encoder *encoder = encoder_of(model, b->name[m]);
        small_batch_spoil(b, 0.0F);
        encode(encoder, &b->array[m], b->lengths[m], &clean);
        for (size_t i = 0; i < STEPS; i++)
            ck_assert((clean.codes[i] == -1) ==
                      ((int32_t)(i % SMALL_LENGTH) >= ragged[i / SMALL_LENGTH]));
        for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++) {
            small_batch_spoil(b, garbage[i]);
            encode(encoder, &b->array[m], b->lengths[m], &dirty);
            assert_same(&clean, &dirty, STEPS);
        }
        unic_encoder_free(encoder);
    }
    unic_model_free(model);
    small_batch_free(b);
}
END_TEST

START_TEST(a_clip_is_the_same_in_every_batch)
{
    static result all, some;
    unic_model *model = small_model(SMALL_THREE, "", 1);
    small_batch *b = small_batch_new(SMALL_THREE, SMALL_BATCH, SMALL_LENGTH, 7);
    const int32_t whole[SMALL_BATCH] = {5, 5, 5, 5};
    for (size_t m = 0; m < b->n; m++) {
        unic_encoder *encoder = encoder_of(model, b->name[m]);
        encode(encoder, &b->array[m], NULL, &all);
        encode(encoder, &b->array[m], whole, &some);
        assert_same(&all, &some, STEPS);
        for (size_t first = 0; first < SMALL_BATCH; first++)
            for (size_t clips = 1; first + clips <= SMALL_BATCH; clips++) {
                unic_array part = part_of(b, m, first, clips);
                encode(encoder, &part, NULL, &some);
                assert_close(&all, first * SMALL_LENGTH, &some, clips * SMALL_LENGTH);
            }
        unic_encoder_free(encoder);
    }
    unic_model_free(model);
    small_batch_free(b);
}
END_TEST

/* A clip of n steps, in an array of n and in a longer one. */
START_TEST(a_clip_is_the_same_at_every_length)
{
    static result longer, exact;
    unic_model *model = small_model(SMALL_THREE, "", 1);
    small_batch *b = small_batch_new(SMALL_THREE, SMALL_BATCH, SMALL_LENGTH, 8);
    for (size_t m = 0; m < b->n; m++) {
        unic_encoder *encoder = encoder_of(model, b->name[m]);
        for (int32_t n = 1; n <= SMALL_LENGTH; n++) {
            unic_array part = part_of(b, m, 2, 1);
            encode(encoder, &part, &n, &longer);
            part.dims[1] = n;
            encode(encoder, &part, NULL, &exact);
            assert_close(&longer, 0, &exact, (size_t)n);
            if (n == 1) { /* one step of each of several clips */
                part = part_of(b, m, 0, SMALL_BATCH);
                part.dims[1] = 1;
                encode(encoder, &part, NULL, &exact);
            }
        }
        unic_encoder_free(encoder);
    }
    unic_model_free(model);
    small_batch_free(b);
}
END_TEST

START_TEST(takes_float64)
{
    static result single, twice;
    static double x[STEPS * 100];
    unic_model *model = small_model(SMALL_THREE, "", 1);
    small_batch *b = small_batch_new(SMALL_THREE, SMALL_BATCH, SMALL_LENGTH, 9);
    for (size_t m = 0; m < b->n; m++) {
        unic_encoder *encoder = encoder_of(model, b->name[m]);
        encode(encoder, &b->array[m], ragged, &single);
        for (size_t i = 0; i < STEPS * b->step[m]; i++)
            x[i] = (double)b->x[m][i];
        unic_array wide = b->array[m];
        wide.dtype = UNIC_F64;
        wide.data = x;
        encode(encoder, &wide, ragged, &twice);
        assert_same(&single, &twice, STEPS);
        x[3] = 1e300; /* no float32 */
        io_assert_fails(unic_encoder_encode(encoder, &wide, NULL, NULL, NULL, NULL),
                        UNIC_E_VALUE, "clip 0 holds NaN or Inf");
        unic_encoder_free(encoder);
    }
    unic_model_free(model);
    small_batch_free(b);
}
END_TEST

START_TEST(threads_and_kernels_agree)
{
    static result one, two;
    static const char *const backends[] = {"kernel.backend = auto\n", "kernel.backend = blas\n",
                                           "kernel.backend = onednn\n"};
    small_batch *b = small_batch_new(SMALL_THREE, SMALL_BATCH, SMALL_LENGTH, 10);
    for (size_t m = 0; m < b->n; m++) {
        for (size_t k = 0; k < 3; k++) {
            unic_model *model = small_model(SMALL_THREE, backends[k], 0);
            unic_encoder *encoder = encoder_of(model, b->name[m]);
            for (int threads = 1; threads <= 2; threads++) {
                result *r = k == 0 && threads == 1 ? &one : &two;
                io_assert_ok(unic_set_threads(threads));
                encode(encoder, &b->array[m], ragged, r);
                assert_close(&one, 0, r, STEPS);
            }
            io_assert_ok(unic_set_threads(1));
            unic_encoder_free(encoder);
            unic_model_free(model);
        }
    }
    small_batch_free(b);
}
END_TEST

/* ---- plans ---- */

/* Numbers of another type and order become float32 in the plan's own memory. */
START_TEST(other_numbers_need_no_memory)
{
    static const struct {
        int32_t type;
        size_t size;
    } types[] = {{UNIC_F64, 8}, {UNIC_F16, 2}, {UNIC_BF16, 2}, {UNIC_I8, 1}, {UNIC_U8, 1}};
    static result r;
    static double zeros[2 * 4 * SMALL_LENGTH * 128];
    unic_model *model = small_model(SMALL_THREE, "", 0);
    small_batch *b = small_batch_new(SMALL_THREE, 4, SMALL_LENGTH, 11);
    for (size_t m = 0; m < b->n; m++) {
        unic_encoder *encoder = encoder_of(model, b->name[m]);
        unic_array x = b->array[m];
        ck_assert_uint_le(unic__array_count(&x) * 2 * sizeof *zeros, sizeof zeros);
        encode(encoder, &x, NULL, &r);
        small_count_allocations();
        x.data = zeros;
        for (size_t i = 0; i < 2 * (sizeof types / sizeof types[0]); i++) {
            int64_t step = (int64_t)types[i / 2].size * (1 + (int64_t)(i % 2)); /* with gaps */
            x.dtype = types[i / 2].type;
            for (int32_t k = x.rank; k-- > 0; step *= x.dims[k])
                x.strides[k] = step;
            encode(encoder, &x, NULL, &r);
        }
        ck_assert_uint_eq(small_counted_allocations(), 0);
        unic_encoder_free(encoder);
    }
    unic_model_free(model);
    small_batch_free(b);
}
END_TEST

START_TEST(a_shape_is_planned_once)
{
    static result r;
    unic_model *model = small_model(SMALL_THREE, "", 0);
    small_batch *b = small_batch_new(SMALL_THREE, SMALL_BATCH, SMALL_LENGTH, 11);
    for (size_t m = 0; m < b->n; m++) {
        unic_encoder *encoder = encoder_of(model, b->name[m]);
        unic_array parts[UNIC__ENCODER_PLANS + 1];
        for (size_t i = 0; i <= UNIC__ENCODER_PLANS; i++) {
            parts[i] = part_of(b, m, 0, 1 + i % 4);
            parts[i].dims[1] = 1 + (int64_t)i;
        }
        for (size_t i = 0; i < UNIC__ENCODER_PLANS; i++)
            encode(encoder, &parts[i], NULL, &r);
        small_count_allocations();
        for (size_t i = 0; i < 3 * UNIC__ENCODER_PLANS; i++) /* all of them are kept */
            encode(encoder, &parts[i * 3 % UNIC__ENCODER_PLANS], NULL, &r);
        encode(encoder, &parts[0], NULL, &r);
        ck_assert_uint_eq(small_counted_allocations(), 0);
        encode(encoder, &parts[UNIC__ENCODER_PLANS], NULL, &r); /* takes the oldest's place */
        small_count_allocations();
        encode(encoder, &parts[UNIC__ENCODER_PLANS], NULL, &r);
        encode(encoder, &parts[0], NULL, &r);
        ck_assert_uint_eq(small_counted_allocations(), 0);
        unic_encoder_free(encoder);
    }
    unic_model_free(model);
    small_batch_free(b);
}
END_TEST

/* An encoder that has seen other shapes gives what one gives that was made for this shape. */
START_TEST(shapes_leave_no_trace)
{
    static result r, fresh;
    unic_model *model = small_model(SMALL_THREE, "", 1);
    small_batch *b = small_batch_new(SMALL_THREE, SMALL_BATCH, SMALL_LENGTH, 12);
    for (size_t m = 0; m < b->n; m++) {
        unic_encoder *encoder = encoder_of(model, b->name[m]);
        for (size_t i = 0; i < 40; i++) {
            unic_encoder *own;
            const size_t clips = 1 + i * 7 % SMALL_BATCH, length = 1 + i * 3 % SMALL_LENGTH;
            unic_array x = part_of(b, m, 0, clips);
            x.dims[1] = (int64_t)length;
            encode(encoder, &x, NULL, &r);
            const unic_encoder_options options = {
                .struct_size = sizeof options, .max_batch = clips, .max_length = length};
            io_assert_ok(unic_encoder_create(&own, model, b->name[m], &options));
            encode(own, &x, NULL, &fresh);
            assert_same(&r, &fresh, clips * length);
            unic_encoder_free(own);
        }
        unic_encoder_free(encoder);
    }
    unic_model_free(model);
    small_batch_free(b);
}
END_TEST

/* ---- what is refused ---- */

static void assert_refused(unic_encoder *encoder, const unic_array *x, const int32_t *lengths,
                           unic_status status, const char *says)
{
    result r;
    const unsigned char *bytes = (const unsigned char *)&r;
    memset(&r, 0x55, sizeof r);
    io_assert_fails(unic_encoder_encode(encoder, x, lengths, r.codes, r.quantized, r.z), status,
                    says);
    for (size_t i = 0; i < sizeof r; i++)
        ck_assert_msg(bytes[i] == 0x55, "something was written");
}

START_TEST(refuses_wrong_features)
{
    unic_model *model = small_model(SMALL_TWO, "", 1);
    unic_encoder *encoder = encoder_of(model, "audio");
    small_batch *b = small_batch_new(SMALL_TWO, SMALL_BATCH, SMALL_LENGTH, 12);
    unic_array x = b->array[0];
    const int32_t negative[] = {5, -1, 5, 5}, over[] = {5, 5, 6, 5};
    x.dims[2] = 5;
    assert_refused(encoder, &x, NULL, UNIC_E_SHAPE,
                   "unic_encoder_encode: modality \"audio\": features are [4,5,5]: dim 2 "
                   "is 5, but audio.dims makes it 6");
    x = b->array[0];
    x.dims[0] = 0;
    assert_refused(encoder, &x, NULL, UNIC_E_SHAPE, "features are [0,5,6]");
    x.dims[0] = 5;
    assert_refused(encoder, &x, NULL, UNIC_E_SHAPE,
                   "features are [5,5,6]: dim 0, the number of clips, is 5, but max_batch = 4");
    x.dims[0] = 3;
    x.dims[1] = 0;
    assert_refused(encoder, &x, NULL, UNIC_E_SHAPE, "features are [3,0,6]");
    x.dims[1] = 6;
    assert_refused(
        encoder, &x, NULL, UNIC_E_SHAPE,
        "features are [3,6,6]: dim 1, the number of steps, is 6, but max_length = 5");
    x = b->array[0];
    x.rank = 2;
    assert_refused(encoder, &x, NULL, UNIC_E_SHAPE, "features are [4,5]");
    x.rank = 4;
    x.dims[3] = 1;
    assert_refused(encoder, &x, NULL, UNIC_E_SHAPE, "features are [4,5,6,1]");
    x = b->array[0];
    x.dtype = UNIC_I32;
    assert_refused(encoder, &x, NULL, UNIC_E_ARG,
                   "unic_encoder_encode: features is of int32, expected real numbers: "
                   "float32, float64, float16, bfloat16, int8 or uint8");
    x = b->array[0];
    x.data = NULL;
    assert_refused(encoder, &x, NULL, UNIC_E_ARG, "features has no data");
    x = b->array[0];
    assert_refused(encoder, &x, negative, UNIC_E_VALUE, "length -1 of clip 1 is not in 0..5");
    assert_refused(encoder, &x, over, UNIC_E_VALUE, "length 6 of clip 2 is not in 0..5");
    b->x[0][2 * 5 * 6 + 7] = NAN;
    assert_refused(encoder, &x, NULL, UNIC_E_VALUE,
                   "modality \"audio\": clip 2 holds NaN or Inf");
    b->x[0][2 * 5 * 6 + 7] = -INFINITY;
    assert_refused(encoder, &x, NULL, UNIC_E_VALUE, "clip 2 holds NaN or Inf");
    b->x[0][2 * 5 * 6 + 7] = 1e30F; /* a number, but its square is none */
    assert_refused(encoder, &x, NULL, UNIC_E_NUMERIC,
                   "modality \"audio\": clip 2 gives NaN or Inf; its features are too large");
    for (size_t j = 0; j < 6; j++) /* a whole step of them: all of its variance overflows */
        b->x[0][(2 * 5 + 1) * 6 + j] = j % 2 ? 1e25F : -3e25F;
    assert_refused(encoder, &x, NULL, UNIC_E_NUMERIC, "clip 2 gives NaN or Inf");
    const int32_t without[] = {5, 5, 1, 5};
    result r;
    encode(encoder, &x, without, &r);
    assert_refused(encoder, NULL, NULL, UNIC_E_ARG, "features is NULL");
    assert_refused(NULL, &x, NULL, UNIC_E_ARG, "encoder is NULL");
    unic_encoder_free(encoder);
    unic_model_free(model);
    small_batch_free(b);
}
END_TEST

/* More clips than go through a plan at a time: each as if it were alone; where a late one is
 * bad, nothing is written. */
START_TEST(many_clips_go_in_parts)
{
    enum { CLIPS = 5003, STEP = 6, LENGTH = 5, EACH = LENGTH * STEP };
    unic_model *model = small_model(SMALL_TWO, "", 3);
    unic_encoder *many, *one;
    float *memory = malloc((CLIPS * EACH + 1) * sizeof *memory),
          *z = malloc(CLIPS * LENGTH * SMALL_DIM * sizeof *z);
    float *x = memory + 1; /* read in place where a part is whole, aligned or not */
    int32_t *lengths = malloc(CLIPS * sizeof *lengths);
    for (size_t i = 0; i < CLIPS * EACH; i++)
        x[i] = unic__random_normal(unic__random_key(1, 2, 3), i);
    for (size_t b = 0; b < CLIPS; b++)
        lengths[b] = b < CLIPS / 2 ? LENGTH : (int32_t)(b % (LENGTH + 1));
    io_assert_ok(
        unic_encoder_create(&many, model, "audio",
                            &(unic_encoder_options){.struct_size = sizeof(unic_encoder_options),
                                                    .max_batch = CLIPS,
                                                    .max_length = LENGTH}));
    io_assert_ok(
        unic_encoder_create(&one, model, "audio",
                            &(unic_encoder_options){.struct_size = sizeof(unic_encoder_options),
                                                    .max_batch = 1,
                                                    .max_length = LENGTH}));
    unic_array all, clip;
    unic_array_init(&all, x, UNIC_F32, 3, (int64_t[]){CLIPS, LENGTH, STEP});
    for (int threads = 1; threads <= 2; threads++) {
        float alone[LENGTH * SMALL_DIM];
        io_assert_ok(unic_set_threads(threads));
        io_assert_ok(unic_encoder_encode(many, &all, lengths, NULL, NULL, z));
        ck_assert_uint_lt(many->plan[0].batch, CLIPS);
        for (size_t b = 0; b < CLIPS; b += b < 20 || b > CLIPS - 20 ? 1 : 97) {
            unic_array_init(&clip, x + b * EACH, UNIC_F32, 3, (int64_t[]){1, LENGTH, STEP});
            io_assert_ok(unic_encoder_encode(one, &clip, lengths + b, NULL, NULL, alone));
            ck_assert_mem_eq(alone, z + b * LENGTH * SMALL_DIM, sizeof alone);
        }
    }
    unic_set_threads(1);
    x[(CLIPS - 2) * EACH] = NAN;
    memset(z, 0x55, CLIPS * LENGTH * SMALL_DIM * sizeof *z);
    io_assert_fails(unic_encoder_encode(many, &all, NULL, NULL, NULL, z), UNIC_E_VALUE,
                    "clip 5001 holds NaN or Inf");
    for (size_t i = 0; i < CLIPS * LENGTH * SMALL_DIM; i++)
        ck_assert(((const uint32_t *)(const void *)z)[i] == 0x55555555U);
    unic_encoder_free(many);
    unic_encoder_free(one);
    unic_model_free(model);
    free(memory);
    free(z);
    free(lengths);
}
END_TEST

/* Grids that fill the cache: five steps are pooled at a time, whatever clips they are of, and all
 * seven clips go through the layers. The last five overlap those before. Each clip is as if it were
 * alone, read in place (float32, where all five steps count) or converted. */
START_TEST(grids_are_pooled_some_steps_at_a_time)
{
    enum { CLIPS = 7, STEP = 8 * 8 * 512, LENGTH = 6, EACH = LENGTH * STEP };
    unic_model *model = small_model(SMALL_THREE, "image.dims = 8 8 512\nimage.inner = 4\n", 0);
    unic_encoder *many, *one;
    float *x = malloc(CLIPS * EACH * sizeof *x), z[CLIPS * LENGTH * SMALL_DIM];
    double *wide = malloc(CLIPS * EACH * sizeof *wide);
    const int32_t lengths[CLIPS] = {LENGTH, 2, LENGTH, LENGTH, 0, 1, LENGTH};
    for (size_t i = 0; i < CLIPS * EACH; i++)
        wide[i] = x[i] = unic__random_normal(unic__random_key(1, 2, 3), i);
    unic_encoder_options options = {.struct_size = sizeof options, .max_length = LENGTH};
    options.max_batch = CLIPS;
    io_assert_ok(unic_encoder_create(&many, model, "image", &options));
    options.max_batch = 1;
    io_assert_ok(unic_encoder_create(&one, model, "image", &options));
    unic_array all, clip;
    for (int padded = 0; padded < 2; padded++)
        for (int converted = 0; converted < 2; converted++) {
            float alone[LENGTH * SMALL_DIM];
            unic_array_init(&all, converted ? (void *)wide : x, converted ? UNIC_F64 : UNIC_F32,
                            5, (int64_t[]){CLIPS, LENGTH, 8, 8, 512});
            io_assert_ok(
                unic_encoder_encode(many, &all, padded ? lengths : NULL, NULL, NULL, z));
            ck_assert_uint_eq(many->plan[0].batch, CLIPS);
            ck_assert_uint_eq(many->plan[0].pool_steps, 5);
            for (size_t b = 0; b < CLIPS; b++) {
                unic_array_init(&clip, x + b * EACH, UNIC_F32, 5,
                                (int64_t[]){1, LENGTH, 8, 8, 512});
                io_assert_ok(unic_encoder_encode(one, &clip, padded ? lengths + b : NULL, NULL,
                                                 NULL, alone));
                ck_assert_uint_eq(one->plan[0].pool_steps, 3);
                ck_assert_mem_eq(alone, z + b * LENGTH * SMALL_DIM, sizeof alone);
            }
        }
    x[5 * EACH + 3 * STEP + 512 + 7] = NAN;
    unic_array_init(&all, x, UNIC_F32, 5, (int64_t[]){CLIPS, LENGTH, 8, 8, 512});
    io_assert_ok(unic_encoder_encode(many, &all, lengths, NULL, NULL, z)); /* in its padding */
    io_assert_fails(unic_encoder_encode(many, &all, NULL, NULL, NULL, z), UNIC_E_VALUE,
                    "clip 5 holds NaN or Inf in step 3 at [0,1,7]");
    unic_encoder_free(many);
    unic_encoder_free(one);
    unic_model_free(model);
    free(x);
    free(wide);
}
END_TEST

START_TEST(refuses_wrong_sizes_and_names)
{
    unic_model *model = small_model(SMALL_TWO, "", 0);
    unic_encoder *e = (void *)&model;
    io_assert_fails(
        unic_encoder_create(NULL, model, "audio",
                            &(unic_encoder_options){.struct_size = sizeof(unic_encoder_options),
                                                    .max_batch = 1,
                                                    .max_length = 1}),
        UNIC_E_ARG, "out is NULL");
    io_assert_fails(
        unic_encoder_create(&e, NULL, "audio",
                            &(unic_encoder_options){.struct_size = sizeof(unic_encoder_options),
                                                    .max_batch = 1,
                                                    .max_length = 1}),
        UNIC_E_ARG, "model is NULL");
    io_assert_fails(
        unic_encoder_create(&e, model, NULL,
                            &(unic_encoder_options){.struct_size = sizeof(unic_encoder_options),
                                                    .max_batch = 1,
                                                    .max_length = 1}),
        UNIC_E_ARG, "modality is NULL");
    io_assert_fails(
        unic_encoder_create(&e, model, "audio",
                            &(unic_encoder_options){.struct_size = sizeof(unic_encoder_options),
                                                    .max_batch = 0,
                                                    .max_length = 1}),
        UNIC_E_ARG, "max_batch = 0");
    io_assert_fails(
        unic_encoder_create(&e, model, "audio",
                            &(unic_encoder_options){.struct_size = sizeof(unic_encoder_options),
                                                    .max_batch = 1,
                                                    .max_length = 0}),
        UNIC_E_ARG, "max_length = 0");
    io_assert_fails(
        unic_encoder_create(&e, model, "video",
                            &(unic_encoder_options){.struct_size = sizeof(unic_encoder_options),
                                                    .max_batch = 1,
                                                    .max_length = 1}),
        UNIC_E_NOTFOUND, "the model has no modality \"video\", it has audio, touch");
    io_assert_fails(
        unic_encoder_create(&e, model, "audio",
                            &(unic_encoder_options){.struct_size = sizeof(unic_encoder_options),
                                                    .max_batch = SIZE_MAX,
                                                    .max_length = 2}),
        UNIC_E_NOMEM, "out of memory");
    io_assert_fails(
        unic_encoder_create(&e, model, "audio",
                            &(unic_encoder_options){.struct_size = sizeof(unic_encoder_options),
                                                    .max_batch = SIZE_MAX / 2,
                                                    .max_length = 1}),
        UNIC_E_NOMEM, "out of memory");
    ck_assert(e == NULL);
    unic_model_free(model);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("encoder");
    tcase_add_loop_test(t, is_the_training_graphs_z, 0, 4);
    tcase_add_test(t, codes_are_the_nearest_to_z);
    tcase_add_test(t, each_output_is_optional);
    tcase_add_loop_test(t, padding_is_not_looked_at, 0, 2);
    tcase_add_test(t, a_clip_is_the_same_in_every_batch);
    tcase_add_test(t, a_clip_is_the_same_at_every_length);
    tcase_add_test(t, takes_float64);
    tcase_add_test(t, threads_and_kernels_agree);
    tcase_add_test(t, other_numbers_need_no_memory);
    tcase_add_test(t, a_shape_is_planned_once);
    tcase_add_test(t, shapes_leave_no_trace);
    tcase_add_test(t, refuses_wrong_features);
    tcase_add_test(t, many_clips_go_in_parts);
    tcase_add_test(t, grids_are_pooled_some_steps_at_a_time);
    tcase_add_test(t, refuses_wrong_sizes_and_names);
    return small_run("model/encoder", t);
}
