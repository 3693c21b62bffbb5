/* Models with weights of 16 bits: their files, what they encode, conversion, and what is refused. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "array/npz_help.h"
#include "file/io_help.h"
#include "model/model.h"
#include "small_model.h"
#include "train/export.h"

enum { VECTORS = SMALL_BATCH * SMALL_LENGTH * SMALL_DIM };

static const char *const words[] = {"f32", "f16", "bf16"};
static const char affine[] = "audio.semantic.affine.weight"; /* [8,6] */

static unic_model *opened(const char *path)
{
    unic_model *model;
    io_assert_ok(unic_model_open(&model, path, NULL));
    return model;
}

static unic_model *converted(unic_model *model, const char *weights)
{
    unic_model *out;
    io_assert_ok(unic_model_convert(&out, model, weights));
    ck_assert_str_eq(unic_model_weights(out), weights);
    return out;
}

static unic_status try_encoder(unic_encoder **encoder, unic_model *model, const char *modality)
{
    return unic_encoder_create(
        encoder, model, modality,
        &(unic_encoder_options){.struct_size = sizeof(unic_encoder_options),
                                .max_batch = SMALL_BATCH,
                                .max_length = SMALL_LENGTH});
}

/* The semantic vectors of each modality of a fixed batch, one after the other; free() them. */
static float *encoded(unic_model *model)
{
    small_batch *b = small_batch_new(SMALL_THREE, SMALL_BATCH, SMALL_LENGTH, 4711);
    float *z = calloc(3 * VECTORS, sizeof *z);
    for (size_t m = 0; m < 3; m++) {
        unic_encoder *encoder;
        io_assert_ok(try_encoder(&encoder, model, unic_model_modality_name(model, m)));
        io_assert_ok(
            unic_encoder_encode(encoder, &b->array[m], NULL, NULL, NULL, z + m * VECTORS));
        unic_encoder_free(encoder);
    }
    small_batch_free(b);
    return z;
}

/* Both models encode to the same bits. */
static void assert_same_vectors(unic_model *a, unic_model *b)
{
    float *x = encoded(a), *y = encoded(b);
    ck_assert_mem_eq(x, y, 3 * VECTORS * sizeof *x);
    free(x);
    free(y);
}

static size_t parameter(unic_model *model, size_t i, const float **data, size_t *rank,
                        const char **name)
{
    int64_t dims[UNIC_MAX_RANK];
    if (unic_model_parameter_at(name, data, rank, model, i, dims) != UNIC_OK)
        return 0;
    size_t count = 1;
    for (size_t k = 0; k < *rank; k++)
        count *= (size_t)dims[k];
    return count;
}

/* The weights of b are those of a, its matrices rounded. */
static void assert_rounded(unic_model *a, unic_model *b, unic__float_type type)
{
    const float *x, *y;
    const char *name;
    size_t rank, i = 0, changed = 0;
    for (size_t n; (n = parameter(a, i, &x, &rank, &name)) > 0; i++) {
        ck_assert_uint_eq(parameter(b, i, &y, &rank, &name), n);
        for (size_t k = 0; k < n; k++) {
            ck_assert(y[k] == (rank < 2 ? x[k] : unic__float_rounded(type, x[k])));
            changed += x[k] != y[k];
        }
    }
    ck_assert(i > 10 && (type == UNIC__FLOAT32 || changed > 100));
}

/* ---- files ---- */

static unic__npy_type type_in(const char *path, const char *member)
{
    unic__npz *z;
    unic__npy_info info;
    io_assert_ok(npz_open(&z, path));
    io_assert_ok(unic__npz_info(z, member, &info));
    unic__npz_close(z);
    return info.type;
}

/* Matrices in 16 bits, all else in float32; opened it is the same model, and says what it is. */
static void survive(unic__float_type type)
{
    static const unic__npy_type types[] = {UNIC__NPY_F32, UNIC__NPY_F16, UNIC__NPY_U16};
    const char *first = small_path("first.npz"), *second = small_path("second.npz");
    char line[64];
    snprintf(line, sizeof line, "encoder.weights = %s\n", words[type]);
    unic_model *model = small_model(SMALL_THREE, line, 2), *copy;
    io_assert_ok(unic_model_save(model, first));
    copy = opened(first);
    ck_assert_str_eq(unic_model_weights(copy), words[type]);
    ck_assert(strstr(unic_model_config(copy), line));
    ck_assert_str_eq(unic_model_config(copy), unic_model_config(model));
    ck_assert(type_in(first, affine) == types[type]);
    ck_assert(type_in(first, "text.front.weight_ih_l0") == types[type]);
    ck_assert(type_in(first, "audio.semantic.affine.bias") == UNIC__NPY_F32);
    ck_assert(type_in(first, "audio.semantic.layer0.norm1.weight") == UNIC__NPY_F32);
    ck_assert(type_in(first, "codebook.embedding") == UNIC__NPY_F32);
    assert_same_vectors(model, copy);
    io_assert_ok(unic_model_save(copy, second));
    ck_assert(small_same_files(first, second));
    unic_model_free(model);
    unic_model_free(copy);
    remove(first);
    remove(second);
}

START_TEST(a_model_survives_its_file)
{
    survive(UNIC__FLOAT32);
    survive(UNIC__FLOAT16);
    survive(UNIC__BFLOAT16);
}
END_TEST

/* A file from before the key has float32, whatever its matrices are in: as it always had. */
START_TEST(a_file_without_the_key_is_of_float32)
{
    const char *path = small_path("now.npz"), *old = small_path("old.npz");
    unic_model *model = small_model(SMALL_THREE, "", 2), *before;
    io_assert_ok(unic_model_save(model, path));
    small_edit_text(path, old, UNIC__CONFIG_MEMBER, "encoder.weights = f32\n", "");
    before = opened(old);
    ck_assert_str_eq(unic_model_weights(before), "f32");
    assert_same_vectors(model, before);
    unic_model_free(model);
    unic_model_free(before);
    remove(path);
    remove(old);
}
END_TEST

static size_t size_of(const char *path)
{
    struct stat s;
    ck_assert_int_eq(stat(path, &s), 0);
    return (size_t)s.st_size;
}

/* At sizes where weights are most of a model. */
START_TEST(file_and_memory_are_half)
{
    static const char sizes[] =
        "modalities = audio text\naudio.kind = vector\naudio.dims = 128\n"
        "text.kind = token\ntext.dims = 300\ncode.dim = 256\n"
        "code.count = 20\ntrain.batch = 2\ntrain.length = 2\n"
        "club.width = 8\nclub.layers = 2\n";
    const char *path[2] = {small_path("whole.npz"), small_path("half.npz")};
    unic_model *model[2] = {small_model(sizes, "", 0)};
    model[1] = converted(model[0], "f16");
    size_t floats[2] = {0, 0};
    for (size_t i = 0; i < 2; i++) {
        io_assert_ok(unic_model_save(model[i], path[i]));
        for (size_t m = 0; m < 2; m++)
            floats[i] += model[i]->weights[m].total;
    }
    ck_assert(floats[0] > 1 << 20);
    ck_assert_uint_lt(100 * floats[1], 51 * floats[0]);
    ck_assert_uint_lt(100 * size_of(path[1]), 52 * size_of(path[0]));
    for (size_t i = 0; i < 2; i++) {
        unic_model_free(model[i]);
        remove(path[i]);
    }
}
END_TEST

/* ---- conversion ---- */

/* It encodes as a model of float32 with the rounded weights does, to the same bits. */
static void convert_and_back(unic_model *model, unic__float_type type)
{
    unic_model *half = converted(model, words[type]), *back = converted(half, "f32");
    assert_rounded(model, half, type);
    assert_rounded(half, back, UNIC__FLOAT32);
    assert_same_vectors(half, back);
    unic_model_free(half);
    unic_model_free(back);
}

START_TEST(a_converted_model_computes_with_rounded_weights)
{
    unic_model *model = small_model(SMALL_THREE, "", 2);
    convert_and_back(model, UNIC__FLOAT32);
    convert_and_back(model, UNIC__FLOAT16);
    convert_and_back(model, UNIC__BFLOAT16);
    unic_model_free(model);
}
END_TEST

/* Weights go from the file to where they are needed; and it makes no difference whether a model on
 * the way had loaded them, or is still there. */
START_TEST(conversion_reads_the_file_and_loads_nothing_on_the_way)
{
    const char *path = small_path("origin.npz");
    unic_model *made = small_model(SMALL_THREE, "", 2), *origin, *half, *last, *other;
    io_assert_ok(unic_model_save(made, path));
    origin = opened(path);
    half = converted(origin, "f16");
    last = converted(half, "bf16");
    other = converted(made, "f16");
    unic_model_free(made);
    remove(path);
    free(encoded(other));
    made = converted(other, "bf16"); /* from loaded weights */
    assert_same_vectors(made, last);
    for (size_t m = 0; m < 3; m++)
        ck_assert(last->loaded[m] && !half->loaded[m] && !origin->loaded[m]);
    ck_assert(!last->source.is); /* it has let go of the others */
    ck_assert_uint_eq(half->references, 1);
    unic_model_free(origin);
    assert_same_vectors(half, other);
    unic_model_free(half);
    unic_model_free(last);
    unic_model_free(other);
    unic_model_free(made);
}
END_TEST

/* Others take plain weights: rounded, and of float32 in memory. */
START_TEST(other_backends_widen)
{
    const char *path = small_path("auto.npz"), *blas = small_path("blas.npz");
    unic_model *model = small_model(SMALL_THREE, "encoder.weights = bf16\n", 2), *other;
    io_assert_ok(unic_model_save(model, path));
    small_edit_text(path, blas, UNIC__CONFIG_MEMBER, "kernel.backend = auto",
                    "kernel.backend = blas");
    other = opened(blas);
    float *x = encoded(model), *y = encoded(other);
    for (size_t i = 0; i < 3 * VECTORS; i++)
        ck_assert(fabsf(x[i] - y[i]) <= 1e-5F);
    assert_rounded(model, other, UNIC__FLOAT32);
    ck_assert(model->weights[0].packed && !other->weights[0].packed);
    free(x);
    free(y);
    unic_model_free(model);
    unic_model_free(other);
    remove(path);
    remove(blas);
}
END_TEST

START_TEST(conversion_without_memory)
{
    unic_model *model = small_model(SMALL_THREE, "", 0), *half = NULL;
    for (size_t n = 0; !half; n++) {
        small_fail_allocations_after(n);
        unic_status status = unic_model_convert(&half, model, "f16");
        unic_set_allocator(NULL);
        ck_assert(status == UNIC_OK ? half != NULL : status == UNIC_E_NOMEM && !half);
        ck_assert_uint_le(n, 1000);
    }
    unic_encoder *encoder = NULL;
    for (size_t n = 0; !encoder; n++) {
        small_fail_allocations_after(n);
        unic_status status = try_encoder(&encoder, half, "text");
        unic_set_allocator(NULL);
        ck_assert(status == UNIC_OK || (status == UNIC_E_NOMEM && !encoder));
        ck_assert_uint_le(n, 10000);
    }
    unic_encoder_free(encoder);
    unic_model_free(half);
    unic_model_free(model);
}
END_TEST

/* ---- refused ---- */

#define assert_refused(call, expected, part)                                                   \
    do {                                                                                       \
        ck_assert_str_eq(unic_status_name(call), unic_status_name(expected));                  \
        ck_assert_msg(strstr(unic_last_error(), part) != NULL, "%s", unic_last_error());       \
    } while (0)

START_TEST(words_and_pointers_are_checked)
{
    unic_model *model = small_model(SMALL_THREE, "", 0), *out = model;
    assert_refused(unic_model_convert(&out, model, "f8"), UNIC_E_CONFIG,
                   "unic_model_convert: encoder.weights = f8");
    ck_assert(strstr(unic_last_error(), "f32 | f16 | bf16") && !out);
    assert_refused(unic_model_convert(NULL, model, "f16"), UNIC_E_ARG, "out is NULL");
    assert_refused(unic_model_convert(&out, NULL, "f16"), UNIC_E_ARG, "model is NULL");
    assert_refused(unic_model_convert(&out, model, NULL), UNIC_E_ARG, "weights is NULL");
    ck_assert_str_eq(unic_model_weights(NULL), "f32");
    unic_model_free(model);
}
END_TEST

/* A weight of 70000 is more than f16 holds: it is named, nothing is written. */
START_TEST(weights_beyond_f16_are_refused)
{
    const char *path = small_path("never.npz");
    unic_model *model = small_model(SMALL_THREE, "", 0), *half, *wide;
    unic_encoder *encoder;
    unic__param_table *weights = &model->weights[1];
    weights->values[unic__param_table_find(weights, affine)->offset] = -70000.0F;
    half = converted(model, "f16");
    wide = converted(model, "bf16");
    assert_refused(try_encoder(&encoder, half, "audio"), UNIC_E_NUMERIC,
                   "audio.semantic.affine.weight: element 0 is -70000, the largest number of "
                   "f16 is 65504");
    assert_refused(unic_model_save(half, path), UNIC_E_NUMERIC, "element 0 is -70000");
    ck_assert_int_ne(access(path, F_OK), 0);
    io_assert_ok(try_encoder(&encoder, half, "text")); /* has no such weight */
    unic_encoder_free(encoder);
    io_assert_ok(try_encoder(&encoder, wide, "audio"));
    unic_encoder_free(encoder);
    unic_model_free(model);
    unic_model_free(half);
    unic_model_free(wide);
}
END_TEST

/* The same for a trainer's files. */
START_TEST(a_trainer_writes_no_model_with_such_weights)
{
    const char *path = small_path("trained.npz");
    unic_trainer *t = small_trainer(SMALL_TWO, "encoder.weights = f16\n");
    unic__param_table *params = &t->params;
    unic__param *p = unic__param_table_find(params, affine);
    io_assert_ok(unic_trainer_save(t, path));
    unic_model *model = opened(path), *now;
    ck_assert_str_eq(unic_model_weights(model), "f16");
    unic_model_free(model);
    char *run = unic__run_path(path);
    remove(path);
    remove(run);
    unic__free(run);
    params->values[p->offset + 5] = 1e5F;
    assert_refused(unic_trainer_save(t, path), UNIC_E_NUMERIC, "element 5 is 100000");
    assert_refused(unic_trainer_model(&now, t), UNIC_E_NUMERIC, affine);
    ck_assert_int_ne(access(path, F_OK), 0);
    unic_trainer_free(t);
}
END_TEST

static void refuse(const char *path, unic_status expected, const char *part)
{
    unic_model *model = opened(path);
    unic_encoder *encoder;
    assert_refused(try_encoder(&encoder, model, "audio"), expected, part);
    unic_model_free(model);
    remove(path);
}

static void refuse_files(const char *word, const char *other)
{
    const char *path = small_path("good.npz"), *bad = small_path("bad.npz");
    char line[64], fresh[64];
    unic_model *model;
    snprintf(line, sizeof line, "encoder.weights = %s\n", word);
    model = small_model(SMALL_THREE, line, 0);
    io_assert_ok(unic_model_save(model, path));
    unic_model_free(model);
    small_edit(path, bad, affine, SMALL_RESHAPE);
    refuse(bad, UNIC_E_FORMAT, "audio.semantic.affine.weight has shape");
    small_edit(path, bad, affine, SMALL_SPOIL);
    refuse(bad, UNIC_E_FORMAT, "audio.semantic.affine.weight holds NaN or Inf");
    small_edit(path, bad, affine, SMALL_DROP);
    refuse(bad, UNIC_E_FORMAT, "no array \"audio.semantic.affine.weight\"");
    small_edit_text(path, bad, UNIC__CONFIG_MEMBER, line, "encoder.weights = f8\n");
    assert_refused(unic_model_open(&model, bad, NULL), UNIC_E_CONFIG, "encoder.weights = f8");
    snprintf(fresh, sizeof fresh, "encoder.weights = %s\n", other);
    small_edit_text(path, bad, UNIC__CONFIG_MEMBER, line, fresh);
    if (strcmp(word, "bf16") == 0)
        refuse(bad, UNIC_E_FORMAT, "is uint16, as weights of bf16 are stored");
    remove(bad);
    remove(path);
}

START_TEST(wrong_files_are_refused)
{
    refuse_files("f16", "bf16");
    refuse_files("bf16", "f16");
    refuse_files("bf16", "f32");
}
END_TEST

/* A header that asks for more or less than there is. */
START_TEST(sizes_that_do_not_fit_are_refused)
{
    const char *path = small_path("sizes.npz"), *bad = small_path("bad.npz");
    static const char *const shapes[] = {"'<u4', 'fortran_order': False, 'shape': (8, 6",
                                         "'<u1', 'fortran_order': False, 'shape': (8, 6"};
    static const char good[] = "'<u2', 'fortran_order': False, 'shape': (8, 6";
    unic_model *model = small_model(SMALL_THREE, "encoder.weights = bf16\n", 0);
    io_assert_ok(unic_model_save(model, path));
    unic_model_free(model);
    for (size_t i = 0; i < 2; i++) {
        size_t size, at = 0;
        unsigned char *file = io_read(path, &size);
        while (at + sizeof good <= size && memcmp(file + at, good, sizeof good - 1) != 0)
            at++;
        ck_assert_uint_lt(at + sizeof good, size);
        memcpy(file + at, shapes[i], sizeof good - 1);
        io_write(bad, file, size);
        free(file);
        refuse(bad, UNIC_E_FORMAT, "has 96 bytes of data");
    }
    remove(path);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("weights");
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, a_model_survives_its_file);
    tcase_add_test(tc, a_file_without_the_key_is_of_float32);
    tcase_add_test(tc, file_and_memory_are_half);
    tcase_add_test(tc, a_converted_model_computes_with_rounded_weights);
    tcase_add_test(tc, conversion_reads_the_file_and_loads_nothing_on_the_way);
    tcase_add_test(tc, other_backends_widen);
    tcase_add_test(tc, conversion_without_memory);
    tcase_add_test(tc, words_and_pointers_are_checked);
    tcase_add_test(tc, weights_beyond_f16_are_refused);
    tcase_add_test(tc, a_trainer_writes_no_model_with_such_weights);
    tcase_add_test(tc, wrong_files_are_refused);
    tcase_add_test(tc, sizes_that_do_not_fit_are_refused);
    return small_run("model/weights", tc);
}
