/* encoder.context: what a step sees, of every kind of modality, in encoders and in training. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file/io_help.h"
#include "model/encoder.h"
#include "small_model.h"
#include "train/trainer.h"

enum { CLIPS = 3, LENGTH = 7, ROWS = CLIPS * LENGTH };

#define DEEP                                                                                   \
    "encoder.layers = 2\ntext.recurrent_layers = 2\ntrain.batch = 3\ntrain.length = 7\n"

static const struct {
    size_t chunk;
    const char *more;
} contexts[] = {
    {1, DEEP "encoder.context = causal\n"},
    {3, DEEP "encoder.context = chunk:3\n"},
    {1, DEEP "encoder.context = causal\nkernel.backend = onednn\n"},
    {2, DEEP "encoder.context = chunk:2\nkernel.backend = onednn\n"},
    {2, DEEP "encoder.context = chunk:2\nkernel.backend = blas\n"},
};
enum { CONTEXTS = sizeof contexts / sizeof contexts[0] };

/* Of ragged clips the last chunk may be cut off. */
static const int32_t ragged[CLIPS] = {7, 5, 1};

static size_t end_of(size_t t, size_t chunk)
{
    return (t / chunk + 1) * chunk;
}

typedef struct result {
    int32_t codes[ROWS];
    float z[ROWS * SMALL_DIM];
} result;

static void encode(unic_encoder *encoder, const unic_array *x, const int32_t *lengths,
                   result *r)
{
    memset(r, 0x55, sizeof *r);
    io_assert_ok(unic_encoder_encode(encoder, x, lengths, r->codes, NULL, r->z));
}

static unic_encoder *encoder_of(unic_model *model, const char *modality)
{
    unic_encoder *encoder;
    const unic_encoder_options o = {
        .struct_size = sizeof o, .max_batch = CLIPS, .max_length = LENGTH};
    io_assert_ok(unic_encoder_create(&encoder, model, modality, &o));
    return encoder;
}

/* Other numbers in the step t of every clip. */
static void change_step(small_batch *b, size_t m, size_t t)
{
    for (size_t clip = 0; clip < b->clips; clip++)
        for (size_t j = 0; j < b->step[m]; j++)
            b->x[m][(clip * b->length + t) * b->step[m] + j] *= -1.5F;
}

/* z of these rows is the same to the bit, or not at all. */
static bool same_row(const result *a, const result *b, size_t row)
{
    return memcmp(a->z + row * SMALL_DIM, b->z + row * SMALL_DIM, SMALL_DIM * sizeof(float)) ==
           0;
}

/* A changed step changes all that see it, and not a bit of what does not. */
START_TEST(a_step_is_seen_from_its_chunk_on)
{
    static result before, after;
    const size_t chunk = contexts[_i].chunk;
    unic_model *model = small_model(SMALL_THREE, contexts[_i].more, 0);
    small_batch *b = small_batch_new(SMALL_THREE, CLIPS, LENGTH, 3);
    for (size_t m = 0; m < b->n; m++) {
        unic_encoder *encoder = encoder_of(model, b->name[m]);
        for (size_t changed = 0; changed < LENGTH; changed++) {
            encode(encoder, &b->array[m], ragged, &before);
            change_step(b, m, changed);
            encode(encoder, &b->array[m], ragged, &after);
            for (size_t i = 0; i < ROWS; i++) {
                size_t t = i % LENGTH, length = (size_t)ragged[i / LENGTH];
                bool sees = t < length && changed < length && changed < end_of(t, chunk);
                ck_assert_msg(same_row(&before, &after, i) == !sees,
                              "%s: step %zu of clip %zu, after a change of step %zu",
                              b->name[m], t, i / LENGTH, changed);
            }
        }
        unic_encoder_free(encoder);
    }
    unic_model_free(model);
    small_batch_free(b);
}
END_TEST

/* What a step sees is a clip of its own: cut there, the clip gives the same. */
START_TEST(a_clip_that_is_cut_gives_the_same)
{
    static result whole, part;
    const size_t chunk = contexts[_i].chunk;
    const bool exact = !strstr(contexts[_i].more, "kernel");
    unic_model *model = small_model(SMALL_THREE, contexts[_i].more, 0);
    small_batch *b = small_batch_new(SMALL_THREE, CLIPS, LENGTH, 4);
    for (size_t m = 0; m < b->n; m++) {
        unic_encoder *encoder = encoder_of(model, b->name[m]);
        encode(encoder, &b->array[m], NULL, &whole);
        for (size_t length = 1; length <= LENGTH; length++) {
            unic_array x = b->array[m];
            x.dims[0] = 1;
            x.dims[1] = (int64_t)length;
            encode(encoder, &x, NULL, &part);
            for (size_t t = 0; t < length; t++) {
                if (end_of(t, chunk) > length && length < LENGTH)
                    continue;
                ck_assert_int_eq(part.codes[t], whole.codes[t]);
                ck_assert(!exact || same_row(&part, &whole, t));
                for (size_t j = t * SMALL_DIM; j < (t + 1) * SMALL_DIM; j++)
                    ck_assert_float_eq_tol(part.z[j], whole.z[j], 2e-5F);
            }
        }
        unic_encoder_free(encoder);
    }
    unic_model_free(model);
    small_batch_free(b);
}
END_TEST

/* Training computes the same z. */
START_TEST(training_sees_the_same)
{
    static result r;
    unic_model *model;
    unic_trainer *t = small_trainer(SMALL_THREE, contexts[_i].more);
    small_batch *b = small_batch_new(SMALL_THREE, CLIPS, LENGTH, 5);
    for (size_t m = 0; m < b->n; m++)
        memcpy(b->lengths[m], ragged, sizeof ragged);
    for (int i = 0; i < 3; i++)
        io_assert_ok(unic_trainer_step(t, b->batch, NULL, NULL));
    io_assert_ok(unic_trainer_evaluate(t, b->batch, NULL));
    io_assert_ok(unic_trainer_model(&model, t));
    for (size_t m = 0; m < b->n; m++) {
        unic_encoder *encoder = encoder_of(model, b->name[m]);
        encode(encoder, &b->array[m], ragged, &r);
        const float *z = t->graph.stream[m].z->t.x;
        for (size_t i = 0; i < ROWS; i++)
            for (size_t j = 0; j < SMALL_DIM; j++)
                if ((int32_t)(i % LENGTH) < ragged[i / LENGTH])
                    ck_assert_float_eq_tol(r.z[i * SMALL_DIM + j], z[i * SMALL_DIM + j], 1e-5F);
        unic_encoder_free(encoder);
    }
    unic_model_free(model);
    small_batch_free(b);
    unic_trainer_free(t);
}
END_TEST

/* One chunk of all steps is the full context, to the bit. */
START_TEST(a_chunk_of_all_steps_is_the_full_context)
{
    static result full, chunk;
    small_batch *b = small_batch_new(SMALL_THREE, CLIPS, LENGTH, 6);
    unic_model *a = small_model(SMALL_THREE, DEEP, 0),
               *c = small_model(SMALL_THREE, DEEP "encoder.context = chunk:7\n", 0);
    for (size_t m = 0; m < b->n; m++) {
        unic_encoder *one = encoder_of(a, b->name[m]), *other = encoder_of(c, b->name[m]);
        encode(one, &b->array[m], ragged, &full);
        encode(other, &b->array[m], ragged, &chunk);
        ck_assert_mem_eq(&full, &chunk, sizeof full);
        unic_encoder_free(one);
        unic_encoder_free(other);
    }
    unic_model_free(a);
    unic_model_free(c);
    small_batch_free(b);
}
END_TEST

/* The file says it; a file of before there was the key is of the full context. */
START_TEST(a_file_keeps_it)
{
    static result made, loaded;
    const char *path = small_path("context.npz"), *old = small_path("context.old.npz");
    small_batch *b = small_batch_new(SMALL_THREE, CLIPS, LENGTH, 7);
    unic_model *model = small_model(SMALL_THREE, DEEP "encoder.context = chunk:3\n", 0), *again;
    unic_encoder *encoder = encoder_of(model, "text");
    encode(encoder, &b->array[2], ragged, &made);
    unic_encoder_free(encoder);
    io_assert_ok(unic_model_save(model, path));
    io_assert_ok(unic_model_open(&again, path, NULL));
    ck_assert_ptr_nonnull(strstr(unic_model_config(again), "\nencoder.context = chunk:3\n"));
    encoder = encoder_of(again, "text");
    encode(encoder, &b->array[2], ragged, &loaded);
    ck_assert_mem_eq(&made, &loaded, sizeof made);
    unic_encoder_free(encoder);
    unic_model_free(again);
    small_edit_text(path, old, UNIC__CONFIG_MEMBER, "encoder.context = chunk:3\n", "");
    io_assert_ok(unic_model_open(&again, old, NULL));
    ck_assert_ptr_nonnull(strstr(unic_model_config(again), "\nencoder.context = full\n"));
    unic_model_free(again);
    unic_model_free(model);
    small_batch_free(b);
    remove(path);
    remove(old);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("context");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, a_step_is_seen_from_its_chunk_on, 0, CONTEXTS);
    tcase_add_loop_test(t, a_clip_that_is_cut_gives_the_same, 0, CONTEXTS);
    tcase_add_loop_test(t, training_sees_the_same, 0, CONTEXTS);
    tcase_add_test(t, a_chunk_of_all_steps_is_the_full_context);
    tcase_add_test(t, a_file_keeps_it);
    return small_run("model/context", t);
}
