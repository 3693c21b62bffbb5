/* unic_model.h and unic_encoder.h: what a model tells about itself, and wrong arguments. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array/bundle.h"
#include "array/npz_help.h"
#include "file/io_help.h"
#include "model/small_model.h"
#include "unicode/unic.h"

static unic__shape shape_of(const int64_t *dims, size_t rank)
{
    unic__shape shape = {rank, {0}};
    for (size_t i = 0; i < rank; i++)
        shape.dim[i] = (size_t)dims[i];
    return shape;
}

START_TEST(a_model_tells_what_it_is)
{
    int64_t dims[UNIC_MAX_RANK];
    size_t rank;
    unic_codebook *codebook;
    unic_model *model = small_model(SMALL_THREE, "", 1);
    ck_assert_uint_eq(unic_model_modality_count(model), 3);
    static const char *const names[] = {"image", "audio", "text"};
    for (size_t m = 0; m < 3; m++)
        ck_assert_str_eq(unic_model_modality_name(model, m), names[m]);
    ck_assert(unic_model_modality_name(model, 3) == NULL);
    ck_assert(unic_model_modality_name(model, SIZE_MAX) == NULL);
    io_assert_ok(unic_model_feature_dims(&rank, model, "image", dims));
    ck_assert(rank == 3 && dims[0] == 5 && dims[1] == 5 && dims[2] == 4);
    io_assert_ok(unic_model_feature_dims(&rank, model, "text", dims));
    ck_assert(rank == 1 && dims[0] == 5);
    ck_assert_uint_eq(unic_model_code_count(model), SMALL_CODES);
    ck_assert_uint_eq(unic_model_code_dim(model), SMALL_DIM);
    ck_assert_ptr_nonnull(strstr(unic_model_config(model), "code.count = 12\n"));
    io_assert_ok(unic_model_codebook(&codebook, model));
    ck_assert(unic_codebook_code_count(codebook) == SMALL_CODES);
    ck_assert(unic_codebook_modality_count(codebook) == 3);
    unic_codebook_free(codebook);
    unic_model_free(model);
}
END_TEST

/* The config's text makes the same model again. */
START_TEST(the_config_is_a_config)
{
    unic_config *config;
    const char *text;
    unic_model *model = small_model(SMALL_THREE, "", 0);
    io_assert_ok(unic_config_create(&config));
    io_assert_ok(unic_config_parse(config, unic_model_config(model), NULL));
    io_assert_ok(unic_config_check(config));
    io_assert_ok(unic_config_text(&text, config));
    ck_assert_str_eq(text, unic_model_config(model));
    unic_config_free(config);
    unic_model_free(model);
}
END_TEST

START_TEST(parameters_are_listed)
{
    int64_t dims[UNIC_MAX_RANK];
    size_t rank, n = 0;
    const char *name, *path = small_path("parameters.npz");
    const float *data, *again;
    unic_model *model = small_model(SMALL_THREE, "", 1), *copy;
    io_assert_ok(unic_model_save(model, path));
    io_assert_ok(unic_model_open(&copy, path, NULL));
    unic__npz *file;
    io_assert_ok(npz_open(&file, path));
    bool seen = false;
    while (unic_model_parameter_at(&name, &data, &rank, model, n, dims) == UNIC_OK) {
        const char *other;
        size_t count = 1;
        for (size_t k = 0; k < rank; k++)
            count *= (size_t)dims[k];
        io_assert_ok(unic_model_parameter_at(&other, &again, &rank, copy, n, dims));
        ck_assert_str_eq(name, other);
        ck_assert_mem_eq(data, again, count * sizeof *data);
        float *saved = malloc(count * sizeof *saved); /* rows as they are in the file */
        io_assert_ok(unic__read_f32(file, name, shape_of(dims, rank), saved));
        ck_assert_mem_eq(data, saved, count * sizeof *data);
        free(saved);
        if (strcmp(name, "audio.semantic.affine.weight") == 0) {
            ck_assert(rank == 2 && dims[0] == SMALL_DIM && dims[1] == 6);
            seen = true;
        }
        n++;
    }
    ck_assert(seen);
    char says[64];
    snprintf(says, sizeof says,
             "unic_model_parameter_at: i = %zu, but the model has %zu parameters", n, n);
    io_assert_fails(unic_model_parameter_at(&name, &data, &rank, copy, n, dims),
                    UNIC_E_NOTFOUND, says);
    io_assert_fails(unic_model_parameter_at(&name, NULL, &rank, copy, SIZE_MAX, dims),
                    UNIC_E_NOTFOUND, "parameter");
    io_assert_ok(unic_model_parameter_at(&name, NULL, &rank, copy, 0, dims));
    io_assert_fails(unic_model_parameter_at(&name, NULL, &rank, NULL, 0, dims), UNIC_E_ARG,
                    "model is NULL");
    io_assert_fails(unic_model_parameter_at(NULL, NULL, &rank, copy, 0, dims), UNIC_E_ARG,
                    "name is NULL");
    io_assert_fails(unic_model_parameter_at(&name, NULL, &rank, copy, 0, NULL), UNIC_E_ARG,
                    "dims is NULL");
    io_assert_fails(unic_model_parameter_at(&name, NULL, NULL, copy, 0, dims), UNIC_E_ARG,
                    "rank is NULL");
    unic__npz_close(file);
    unic_model_free(model);
    unic_model_free(copy);
    remove(path);
}
END_TEST

START_TEST(wrong_arguments_are_named)
{
    int64_t dims[UNIC_MAX_RANK];
    size_t rank;
    unic_model *model = small_model(SMALL_TWO, "", 0), *none = (void *)&none;
    unic_codebook *codebook;
    io_assert_fails(unic_model_open(NULL, "x", NULL), UNIC_E_ARG,
                    "unic_model_open: out is NULL");
    io_assert_fails(unic_model_open(&none, NULL, NULL), UNIC_E_ARG,
                    "unic_model_open: path is NULL");
    ck_assert(none == NULL);
    io_assert_fails(unic_model_feature_dims(&rank, NULL, "audio", dims), UNIC_E_ARG, "model");
    io_assert_fails(unic_model_feature_dims(&rank, model, NULL, dims), UNIC_E_ARG, "modality");
    io_assert_fails(unic_model_feature_dims(&rank, model, "audio", NULL), UNIC_E_ARG, "dims");
    io_assert_fails(unic_model_feature_dims(NULL, model, "audio", dims), UNIC_E_ARG, "rank");
    io_assert_fails(unic_model_feature_dims(&rank, model, "", dims), UNIC_E_NOTFOUND,
                    "the model has no modality \"\", it has audio, touch");
    io_assert_fails(unic_model_codebook(NULL, model), UNIC_E_ARG, "out is NULL");
    io_assert_fails(unic_model_codebook(&codebook, NULL), UNIC_E_ARG, "model is NULL");
    io_assert_fails(unic_model_save(NULL, "x"), UNIC_E_ARG, "model is NULL");
    io_assert_fails(unic_model_save(model, NULL), UNIC_E_ARG, "path is NULL");
    ck_assert_uint_eq(unic_model_modality_count(NULL), 0);
    ck_assert(unic_model_modality_name(NULL, 0) == NULL);
    ck_assert(unic_model_code_count(NULL) == 0 && unic_model_code_dim(NULL) == 0);
    ck_assert_str_eq(unic_model_config(NULL), "");
    unic_model_free(model);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("model");
    tcase_add_test(t, a_model_tells_what_it_is);
    tcase_add_test(t, the_config_is_a_config);
    tcase_add_test(t, parameters_are_listed);
    tcase_add_test(t, wrong_arguments_are_named);
    return small_run("api/model", t);
}
