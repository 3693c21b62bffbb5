/* The contrastive loss on given cosines, the bound of its learnt scale, and the tensors that
 * modalities share under encoder.shared (MS-CLIP). */
#include <check.h>
#include <math.h>
#include <string.h>

#include "file/io_help.h"
#include "graph/graph_help.h"
#include "loss/objective.h"
#include "model/model.h"
#include "model/small_model.h"
#include "train/trainer.h"

static double contrast_of(double scale)
{
    float rows[4] = {0.8F, 0.2F, 0.1F, 0.6F}, columns[4] = {0.8F, 0.1F, 0.2F, 0.6F};
    unic__graph g;
    unic__graph_init(&g, NULL, false);
    for (size_t i = 0; i < 4; i++) {
        rows[i] *= (float)scale;
        columns[i] *= (float)scale;
    }
    unic__node *target = unic__input(&g, UNIC__SHAPE_OF(2), UNIC__I32);
    unic__node *valid = unic__input(&g, UNIC__SHAPE_OF(2), UNIC__F32);
    unic__node *loss = unic__keep(unic__symmetric_contrast(
        &g, unic__external(&g, UNIC__SHAPE_OF(2, 2), rows, NULL),
        unic__external(&g, UNIC__SHAPE_OF(2, 2), columns, NULL), target, valid));
    graph_ready(&g, 0);
    target->t.ix[0] = 0;
    target->t.ix[1] = 1;
    valid->t.x[0] = valid->t.x[1] = 1.0F;
    graph_forward(&g);
    double value = (double)loss->t.x[0];
    unic__graph_free(&g);
    return value;
}

START_TEST(values_of_the_equations)
{
    ck_assert_double_eq_tol(contrast_of(1.0 / 0.07), 0.0010795196, 1e-8);
    ck_assert_double_eq_tol(contrast_of(exp(1.0)), 0.2092352043, 1e-7);
    ck_assert_double_eq_tol(contrast_of(0.0), log(2.0), 1e-7);
}
END_TEST

static float *value_of(unic_trainer *t, const char *name)
{
    const unic__param *p = unic__param_table_find(&t->params, name);
    ck_assert_msg(p != NULL, "no parameter %s", name);
    return t->params.values + p->offset;
}

/* However far the optimizer goes, e^s / temperature stays at 100 or below. */
START_TEST(the_scale_is_bounded)
{
    unic_trainer *t = small_trainer(SMALL_TWO, "objective = mst\ncontrast.temperature = 0.5\n");
    small_batch *b = small_batch_new(SMALL_TWO, 4, 5, 1);
    float *s = value_of(t, "contrast.scale");
    ck_assert(*s == 0.0F);
    *s = 9.0F;
    io_assert_ok(unic_trainer_step(t, b->batch, NULL, NULL));
    ck_assert_float_eq_tol(*s, logf(50.0F), 1e-5F);
    *s = -1.0F; /* and moves freely below */
    io_assert_ok(unic_trainer_step(t, b->batch, NULL, NULL));
    ck_assert_float_eq_tol(*s, -1.0F, 0.1F);
    small_batch_free(b);
    unic_trainer_free(t);
}
END_TEST

static size_t parameters_of(const char *more)
{
    static const char sizes[] = "preset = paper-avt\nvideo.branch = pooled\n";
    unic_config *c = small_config(sizes, more);
    unic__param_table params = {0}, club = {0};
    size_t n = 0;
    io_assert_ok(unic__training_graph_declare(c, &params, &club));
    for (size_t i = 0; i < params.n; i++)
        n += unic__shape_count(&params.at[i]->shape);
    unic__param_table_free(&params);
    unic__param_table_free(&club);
    unic_config_free(c);
    return n;
}

/* Attention has 263 168 parameters and the feed-forward part 525 568, at the paper's sizes. */
START_TEST(shared_layers_are_there_once)
{
    enum { LAYER = 263168 + 525568 };
    size_t apart = parameters_of("");
    ck_assert_uint_eq(apart - parameters_of("encoder.shared = all\n"), 2 * LAYER * 2);
    ck_assert_uint_eq(apart - parameters_of("encoder.shared = after_first\n"), LAYER * 2);
}
END_TEST

/* A step on clips of one modality moves what the other uses too. */
START_TEST(one_modality_moves_the_other)
{
    unic_trainer *t = small_trainer(SMALL_TWO, "objective = mst\n");
    small_batch *b = small_batch_new(SMALL_TWO, 4, 5, 1);
    float shared = *value_of(t, "encoder.layer0.ff1.weight");
    float own = *value_of(t, "touch.semantic.affine.weight");
    for (size_t i = 0; i < 4; i++)
        b->lengths[1][i] = 0; /* touch is absent */
    io_assert_ok(unic_trainer_step(t, b->batch, NULL, NULL));
    ck_assert(*value_of(t, "encoder.layer0.ff1.weight") != shared);
    ck_assert(*value_of(t, "touch.semantic.affine.weight") == own);
    small_batch_free(b);
    unic_trainer_free(t);
}
END_TEST

static size_t count_parameters(unic_model *model, const char *name, size_t *named)
{
    const char *got;
    const float *data;
    int64_t dims[UNIC_MAX_RANK];
    size_t n = 0, rank;
    *named = 0;
    for (; unic_model_parameter_at(&got, &data, &rank, model, n, dims) == UNIC_OK; n++)
        *named += strcmp(got, name) == 0;
    return n;
}

/* A file has what is shared once; every encoder gets it back. */
START_TEST(files_hold_shared_tensors_once)
{
    unic_model *model = small_model(SMALL_THREE, "objective = mst\n", 2), *loaded, *half;
    const char *path = small_path("shared.npz");
    const unic_encoder_options options = {
        .struct_size = sizeof options, .max_batch = SMALL_BATCH, .max_length = SMALL_LENGTH};
    small_batch *b = small_batch_new(SMALL_THREE, 4, 5, 3);
    size_t named, n;
    io_assert_ok(unic_model_save(model, path));
    io_assert_ok(unic_model_open(&loaded, path, NULL));
    n = count_parameters(model, "encoder.layer0.attention.in.weight", &named);
    ck_assert_uint_eq(named, 1);
    ck_assert_uint_eq(count_parameters(loaded, "encoder.layer0.ff2.bias", &named), n);
    ck_assert_uint_eq(named, 1);
    for (size_t m = 0; m < b->n; m++) {
        float z[2][SMALL_BATCH * SMALL_LENGTH * SMALL_DIM];
        unic_model *const both[2] = {model, loaded};
        for (size_t i = 0; i < 2; i++) {
            unic_encoder *encoder;
            io_assert_ok(unic_encoder_create(&encoder, both[i], b->name[m], &options));
            io_assert_ok(unic_encoder_encode(encoder, &b->array[m], NULL, NULL, NULL, z[i]));
            unic_encoder_free(encoder);
        }
        ck_assert_int_eq(memcmp(z[0], z[1], sizeof z[0]), 0);
    }
    io_assert_ok(unic_model_convert(&half, loaded, "f16"));
    unic_model_free(loaded);
    io_assert_ok(unic_model_save(half, path));
    io_assert_ok(unic_model_open(&loaded, path, NULL));
    ck_assert_uint_eq(count_parameters(loaded, "encoder.layer0.ff2.bias", &named), n);
    small_batch_free(b);
    unic_model_free(half);
    unic_model_free(model);
    unic_model_free(loaded);
}
END_TEST

/* What makes the codes of a frozen modality stands still, shared or not. */
START_TEST(frozen_encoders_freeze_what_they_share)
{
    static const char *const words[] = {"audio", "touch.encoder", "codebook audio.encoder"};
    for (size_t i = 0; i < 3; i++) {
        unic_config *c = small_config(SMALL_TWO, "objective = mst\n");
        io_assert_ok(unic_config_set(c, "train.freeze", words[i]));
        ck_assert(unic__config_freezes(c, "encoder.layer0.ff1.weight"));
        io_assert_ok(unic_config_set(c, "train.freeze", "audio.decoder codebook"));
        ck_assert(!unic__config_freezes(c, "encoder.layer0.ff1.weight"));
        unic_config_free(c);
    }
}
END_TEST

START_TEST(runs_start_only_from_models_that_share_alike)
{
    unic_model *model = small_model(SMALL_TWO, "", 1);
    unic_trainer *t = small_trainer(SMALL_TWO, "encoder.shared = all\n");
    ck_assert_int_eq(unic_trainer_start_from(t, model), UNIC_E_MISMATCH);
    ck_assert_ptr_nonnull(
        strstr(unic_last_error(), "the run has encoder.shared = all, but the model none"));
    unic_trainer_free(t);
    unic_model_free(model);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("contrast");
    tcase_add_test(t, values_of_the_equations);
    tcase_add_test(t, the_scale_is_bounded);
    tcase_add_test(t, shared_layers_are_there_once);
    tcase_add_test(t, one_modality_moves_the_other);
    tcase_add_test(t, files_hold_shared_tensors_once);
    tcase_add_test(t, frozen_encoders_freeze_what_they_share);
    tcase_add_test(t, runs_start_only_from_models_that_share_alike);
    return small_run("loss/contrast", t);
}
