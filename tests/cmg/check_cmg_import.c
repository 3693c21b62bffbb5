/* lib/cmg/cmg_*: checkpoints in CMG's layout that an own PyTorch replica wrote
 * (make_cmg_checkpoints.py): dims, vectors, codes; what is named when a file is not whole. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmg/cmg_import.h"
#include "cmg_help.h"
#include "file/io_help.h"
#include "model/model.h"
#include "model/small_model.h"
#include "torch/torch_help.h"

static unic_model *imported(const cmg_checkpoint *c)
{
    unic_model *model;
    io_assert_ok(unic_model_import(&model, c->path, c->settings, NULL));
    return model;
}

/* ---- dims, vectors, codes ---- */

START_TEST(dims_come_from_the_tensors)
{
    const cmg_checkpoint *c = &cmg_checkpoints[_i];
    unic_model *model = imported(c);
    for (size_t i = 0; c->lines[i]; i++) {
        char line[64];
        snprintf(line, sizeof line, "%s\n", c->lines[i]);
        ck_assert_msg(strstr(unic_model_config(model), line) != NULL, "%s: no %s in\n%s",
                      c->path, c->lines[i], unic_model_config(model));
    }
    unic_model_free(model);
}
END_TEST

START_TEST(vectors_and_codes_are_those_of_pytorch)
{
    const cmg_checkpoint *c = &cmg_checkpoints[_i];
    unic_model *model = imported(c);
    size_t n = 0;
    for (size_t m = 0; m < CMG_MODALITIES; m++)
        if (c->has[m]) {
            ck_assert_str_eq(unic_model_modality_name(model, n++), cmg_names[m]);
            cmg_assert_as_expected(model, c, m);
        }
    ck_assert_uint_eq(unic_model_modality_count(model), n);
    unic_model_free(model);
}
END_TEST

START_TEST(a_model_file_keeps_it_all)
{
    const cmg_checkpoint *c = &cmg_checkpoints[_i];
    const char *path = small_path("imported.npz");
    unic_model *model = imported(c), *copy;
    unic_codebook *books[2];
    io_assert_ok(unic_model_save(model, path));
    io_assert_ok(unic_model_open(&copy, path, NULL));
    for (size_t m = 0; m < CMG_MODALITIES; m++)
        if (c->has[m])
            cmg_assert_as_expected(copy, c, m);
    ck_assert_str_eq(unic_model_config(copy), unic_model_config(model));
    io_assert_ok(unic_model_codebook(&books[0], model));
    io_assert_ok(unic_model_codebook(&books[1], copy));
    size_t codes = books[0]->codes;
    ck_assert_mem_eq(books[0]->count, books[1]->count, codes * sizeof(float));
    ck_assert_mem_eq(books[0]->sum, books[1]->sum, codes * CMG_D * sizeof(float));
    for (size_t i = 0; i < books[0]->modalities * codes; i++) /* as the script set them */
        ck_assert_int_eq(books[0]->idle[i], (int)(i % codes) - 1);
    unic_codebook_free(books[0]);
    unic_codebook_free(books[1]);
    unic_model_free(model);
    unic_model_free(copy);
    remove(path);
}
END_TEST

/* Element (kh,kw,i,o) of a kernel is 1000 kh + 100 kw + 10 i + o, wherever it stands. */
START_TEST(kernels_are_laid_out_as_here)
{
    enum { H = 2, W = 3, I = 4, O = 5 };
    static const unic__cmg_layout layouts[] = {UNIC__CMG_CONV, UNIC__CMG_DECONV,
                                               UNIC__CMG_POINT, UNIC__CMG_DEPOINT};
    for (size_t l = 0; l < sizeof layouts / sizeof layouts[0]; l++) {
        const unic__cmg_place place = {.layout = layouts[l]};
        bool point = layouts[l] == UNIC__CMG_POINT || layouts[l] == UNIC__CMG_DEPOINT;
        bool deconv = layouts[l] == UNIC__CMG_DECONV || layouts[l] == UNIC__CMG_DEPOINT;
        size_t h = point ? 1 : H, w = point ? 1 : W, theirs_at = 0, ours_at = 0;
        float theirs[H * W * I * O], ours[H * W * I * O];
        size_t first = deconv ? I : O, second = deconv ? O : I; /* [Ci,Co,..] or [Co,Ci,..] */
        for (size_t a = 0; a < first; a++)
            for (size_t b = 0; b < second; b++)
                for (size_t t = 0; t < h * w; t++)
                    theirs[theirs_at++] = (float)(1000 * (t / w) + 100 * (t % w) +
                                                  10 * (deconv ? a : b) + (deconv ? b : a));
        unic__shape shape = point    ? UNIC__SHAPE_OF(O, I)
                            : deconv ? UNIC__SHAPE_OF(H, W, O, I)
                                     : UNIC__SHAPE_OF(H, W, I, O);
        unic__shape its = unic__cmg_shape(&place, &shape);
        ck_assert(unic__shape_equal(&its, &UNIC__SHAPE_OF(first, second, h, w)));
        unic__cmg_convert(&place, &shape, theirs, ours);
        for (size_t t = 0; t < h * w; t++)
            for (size_t a = 0; a < (deconv || point ? O : I); a++)
                for (size_t b = 0; b < (deconv || point ? I : O); b++) {
                    size_t i = deconv || point ? b : a, o = deconv || point ? a : b;
                    ck_assert_msg(ours[ours_at++] ==
                                      (float)(1000 * (t / w) + 100 * (t % w) + 10 * i + o),
                                  "layout %zu: element %zu is %g", l, ours_at - 1,
                                  (double)ours[ours_at - 1]);
                }
    }
}
END_TEST

/* ---- settings ---- */

START_TEST(what_tensors_do_not_tell_is_logged_or_set)
{
    unic_model *model;
    const cmg_checkpoint *c = &cmg_checkpoints[CMG_AT];
    cmg_log_begin();
    io_assert_ok(unic_model_import(&model, c->path, NULL, NULL));
    ck_assert_msg(cmg_logged("at.pt: assumed, since no tensor tells: encoder.heads = 4, "
                             "encoder.dropout = 0.1, ema.decay = 0.99, train.length = 10\n"),
                  "%s", cmg_log());
    cmg_vectors v = cmg_encode(model, c, 0); /* with heads that are not its own */
    double off = cmg_distance(c, 0, &v);
    ck_assert_msg(off > 1e-3, "four heads are as good as two: off by %g", off);
    unic_model_free(model);

    cmg_log_begin();
    io_assert_ok(
        unic_model_import(&model, c->path, "encoder.heads = 2\nema.decay = 0.9\n", NULL));
    ck_assert_msg(!cmg_logged("encoder.heads") && !cmg_logged("ema.decay"), "%s", cmg_log());
    ck_assert(strstr(unic_model_config(model), "ema.decay = 0.9\n") != NULL);
    unic_model_free(model);

    cmg_log_begin();
    io_assert_ok(unic_model_import(&model, CMG "av.pt", NULL, NULL));
    ck_assert_msg(cmg_logged("video.dims = 7 7 6\n"), "%s", cmg_log());
    unic_model_free(model);
    cmg_log_begin();
    io_assert_ok(unic_model_import(&model, CMG "av.pt", "video.dims = 5 6 6\n", NULL));
    ck_assert_msg(!cmg_logged("video.dims"), "%s", cmg_log());
    int64_t dims[UNIC_MAX_RANK];
    size_t rank;
    io_assert_ok(unic_model_feature_dims(&rank, model, "video", dims));
    ck_assert(rank == 3 && dims[0] == 5 && dims[1] == 6 && dims[2] == 6);
    unic_model_free(model);
}
END_TEST

START_TEST(refuses_settings_that_do_not_fit)
{
    static const struct {
        const char *settings, *says;
        unic_status status;
    } cases[] = {
        {"encoder.hads = 2", "did you mean encoder.heads?", UNIC_E_CONFIG},
        {"encoder.heads = 3", "not divisible", UNIC_E_CONFIG},
        {"nonsense", "settings:1", UNIC_E_CONFIG},
        {"encoder.ff = 7",
         "av.pt: 12 tensors are not as expected: "
         "Encoder_parameters/audio_self_att.encoder.layers.0.linear1.weight is [5,4], expected "
         "[7,4]; ",
         UNIC_E_FORMAT},
        {"encoder.layers = 3",
         "Encoder_parameters/audio_self_att.encoder.layers.2.self_attn.in_proj_weight is "
         "missing; ",
         UNIC_E_FORMAT},
        {"code.count = 12",
         "Encoder_parameters/Cross_quantizer.embedding is [11,4], expected [12,4]",
         UNIC_E_FORMAT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unic_model *model = (void *)&model;
        io_assert_fails(unic_model_import(&model, CMG "av.pt", cases[i].settings, NULL),
                        cases[i].status, cases[i].says);
        ck_assert(model == NULL);
    }
}
END_TEST

/* Settings that no tensor contradicts: a model of them could not be opened again, and a run would
 * tear its codes apart. */
START_TEST(codes_are_what_the_checkpoint_has)
{
    static const char *const cases[][2] = {
        {"code.segments = on",
         "at.pt: code.segments = on, but codes of a CMG checkpoint have no segments"},
        {"code.groups = 2\nreset.rule = off",
         "at.pt: code.groups = 2, but codes of a CMG checkpoint are of one part"}};
    const char *path = cmg_checkpoints[CMG_AT].path;
    for (size_t i = 0; i < 2; i++) {
        unic_model *model;
        unic_trainer *t;
        io_assert_fails(unic_model_import(&model, path, cases[i][0], NULL), UNIC_E_CONFIG,
                        cases[i][1]);
        io_assert_fails(unic_trainer_import(&t, path, cases[i][0], NULL, NULL), UNIC_E_CONFIG,
                        cases[i][1]);
    }
}
END_TEST

/* ---- files that are not whole ---- */

START_TEST(names_missing_and_misshaped_tensors)
{
    unic_model *model = (void *)&model;
    io_assert_fails(unic_model_import(&model, CMG "at_wrong.pt", "encoder.heads = 2", NULL),
                    UNIC_E_FORMAT, "at_wrong.pt: 3 tensors are not as expected: ");
    ck_assert(model == NULL);
    static const char *const parts[] = {
        "Encoder_parameters/audio_self_att.encoder.layers.1.norm2.bias is missing",
        "Text_ar_lstm_parameters/bias_hh_l0 is [1,8], expected [8]",
        "Encoder_parameters/text_self_att.encoder.layers.0.linear2.weight is [4,7], expected "
        "[4,6]"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        ck_assert_msg(strstr(unic_last_error(), parts[i]), "%s", unic_last_error());
    ck_assert_msg(!strstr(unic_last_error(), "..."), "%s", unic_last_error());
}
END_TEST

/* A part is known by what is in it. */
START_TEST(finds_parts_under_other_keys)
{
    static const char *const keys[][2] = {
        {"Encoder_parameters", "Encoder_parametres"},
        {"Text_ar_lstm_parameters", "Text_ar_lstm_parametres"}};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        unic_model *model = NULL;
        const char *path = cmg_patched(CMG "at.pt", keys[i][0], keys[i][1], strlen(keys[i][0]));
        io_assert_ok(unic_model_import(&model, path, NULL, NULL));
        ck_assert_uint_eq(unic_model_modality_count(model), 2);
        unic_model_free(model);
        remove(path);
    }
}
END_TEST

START_TEST(names_the_tensor_that_a_config_needs)
{
    static const struct {
        const char *old, *fresh, *says;
    } cases[] = {
        {"text_self_att.affine_matrix.weight", "text_self_att.affine_matrix.wait__",
         "Encoder_parameters/text_self_att.affine_matrix.weight is missing"},
        {"weight_ih_l0_reverse", "weight_ih_l0_Reverse",
         "Text_ar_lstm_parameters/weight_ih_l0_reverse is missing"},
        {"Cross_quantizer.embedding", "Cross_quantizer.embeddinG",
         "Encoder_parameters/Cross_quantizer.embedding is missing"},
        {"Cross_quantizer.ema_count", "Cross_quantizer.ema_counT",
         "Encoder_parameters/Cross_quantizer.ema_count is missing"},
        {"audio_self_att.encoder.layers.0.norm1.bias",
         "audio_self_att.encoder.layers.0.norm1.Bias",
         ": 1 tensor is not as expected: "
         "Encoder_parameters/audio_self_att.encoder.layers.0.norm1.bias is missing"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unic_model *model = (void *)&model;
        const char *path = cmg_patched(CMG "at.pt", cases[i].old, cases[i].fresh,
                                       strlen(cases[i].old));
        io_assert_fails(unic_model_import(&model, path, NULL, NULL), UNIC_E_FORMAT,
                        cases[i].says);
        ck_assert_msg(strstr(unic_last_error(), path), "%s", unic_last_error());
        ck_assert(model == NULL);
        remove(path);
    }
    unic_model *model;
    io_assert_fails(unic_model_import(&model, CMG "none.pt", NULL, NULL), UNIC_E_NOTFOUND,
                    "none.pt");
    io_assert_fails(unic_model_import(&model, CMG "expected.npz", NULL, NULL), UNIC_E_FORMAT,
                    "expected.npz");
}
END_TEST

START_TEST(logs_the_tensors_that_are_not_used)
{
    cmg_log_begin();
    unic_model_free(imported(&cmg_checkpoints[CMG_AVT]));
    ck_assert_msg(cmg_logged("avt.pt: 1 tensor is not used: "
                             "Encoder_parameters/audio_self_att.gate.weight\n"),
                  "%s", cmg_log());
    cmg_log_begin();
    unic_model_free(
        imported(&cmg_checkpoints[CMG_AV])); /* nor is its LSTM, but that is no news */
    unic_model_free(imported(&cmg_checkpoints[CMG_AT]));
    ck_assert_msg(!cmg_logged("not used"), "%s", cmg_log());
}
END_TEST

/* One element of a tensor, as the file holds it. */
static void element_of(const char *file, const char *tensor, void *out, size_t size)
{
    unic__torch_file *f;
    double x[64];
    io_assert_ok(torch_open(&f, file));
    const unic__torch_tensor *t = unic__torch_find(f, tensor);
    ck_assert_msg(t && unic__shape_count(&t->shape) <= 64, "%s", tensor);
    io_assert_ok(unic__torch_read_f64(f, t, x, unic__shape_count(&t->shape)));
    float single = (float)x[1];
    memcpy(out, size == sizeof single ? (void *)&single : (void *)&x[1], size);
    unic__torch_close(f);
}

START_TEST(a_modality_needs_only_its_own_tensors)
{
    static const char tensor[] = "Encoder_parameters/video_self_att.affine_matrix.bias";
    const cmg_checkpoint *c = &cmg_checkpoints[CMG_AVT];
    float good, bad;
    element_of(c->path, tensor, &good, sizeof good);
    bad = good + 1.0F; /* and its member's checksum stays */
    const char *path = cmg_patched(c->path, &good, &bad, sizeof good);
    unic_model *model;
    unic_encoder *encoder;
    io_assert_ok(unic_model_import(&model, path, NULL, NULL));
    for (int again = 0; again < 2; again++) { /* a failure leaves nothing half read */
        encoder = (void *)&encoder;
        io_assert_fails(unic_encoder_create(
                            &encoder, model, "video",
                            &(unic_encoder_options){.struct_size = sizeof(unic_encoder_options),
                                                    .max_batch = CMG_B,
                                                    .max_length = CMG_T}),
                        UNIC_E_FORMAT, "CRC");
        ck_assert_msg(strstr(unic_last_error(), path), "%s", unic_last_error());
        ck_assert(encoder == NULL);
        cmg_assert_as_expected(model, c, 0);
        cmg_assert_as_expected(model, c, 2);
    }
    unic_model_free(model);
    remove(path);
}
END_TEST

START_TEST(refuses_numbers_that_are_not_finite)
{
    const double bad[] = {NAN, -INFINITY, 1e60}; /* the last is finite as float64 */
    const cmg_checkpoint *c = &cmg_checkpoints[CMG_AT];
    unic_model *model;
    unic_encoder *encoder;
    double good;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        element_of(c->path, "Encoder_parameters/audio_self_att.affine_matrix.bias", &good, 8);
        const char *path = cmg_patched(c->path, &good, &bad[i], 8);
        io_assert_ok(unic_model_import(&model, path, c->settings, NULL));
        io_assert_fails(unic_encoder_create(
                            &encoder, model, "audio",
                            &(unic_encoder_options){.struct_size = sizeof(unic_encoder_options),
                                                    .max_batch = CMG_B,
                                                    .max_length = CMG_T}),
                        UNIC_E_FORMAT,
                        "Encoder_parameters/audio_self_att.affine_matrix.bias holds NaN, Inf");
        cmg_assert_as_expected(model, c, 2);
        unic_model_free(model);
        element_of(c->path, "Encoder_parameters/Cross_quantizer.embedding", &good, 8);
        path = cmg_patched(c->path, &good, &bad[i], 8);
        io_assert_fails(unic_model_import(&model, path, c->settings, NULL), UNIC_E_FORMAT,
                        "Encoder_parameters/Cross_quantizer.embedding holds NaN, Inf");
        remove(path);
    }
}
END_TEST

/* ---- out of memory ---- */

static cmg_features oom_features[CMG_MODALITIES]; /* made before: what fails is the library's */

static unic_status use_once(const char *path, const cmg_checkpoint *c, size_t m)
{
    cmg_vectors v;
    unic_model *model = NULL;
    unic_encoder *encoder = NULL;
    unic_status status = unic_model_import(&model, path, c->settings, NULL);
    if (status == UNIC_OK)
        status = unic_encoder_create(
            &encoder, model, cmg_names[m],
            &(unic_encoder_options){.struct_size = sizeof(unic_encoder_options),
                                    .max_batch = CMG_B,
                                    .max_length = CMG_T});
    unic_model_free(model);
    if (status == UNIC_OK)
        status = unic_encoder_encode(encoder, &oom_features[m].array, NULL, v.codes, NULL, v.z);
    unic_encoder_free(encoder);
    return status;
}

static unic_status use_video(const char *path)
{
    return use_once(path, &cmg_checkpoints[CMG_AVT], 1);
}

static unic_status use_text(const char *path)
{
    return use_once(path, &cmg_checkpoints[CMG_AVT], 2);
}

static unic_status use_wrong(const char *path)
{
    unic_status status = use_once(path, &cmg_checkpoints[CMG_AT], 0);
    return status == UNIC_E_FORMAT ? UNIC_OK : status;
}

START_TEST(survives_every_failing_allocation)
{
    for (size_t m = 0; m < CMG_MODALITIES; m++)
        oom_features[m] = cmg_features_of(&cmg_checkpoints[CMG_AVT], m);
    io_fail_each_allocation(use_video, cmg_checkpoints[CMG_AVT].path);
    io_fail_each_allocation(use_text, cmg_checkpoints[CMG_AVT].path);
    io_fail_each_allocation(use_wrong, CMG "at_wrong.pt");
    for (size_t m = 0; m < CMG_MODALITIES; m++)
        free(oom_features[m].x);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("cmg import");
    tcase_add_loop_test(t, dims_come_from_the_tensors, 0, CMG_CHECKPOINTS);
    tcase_add_loop_test(t, vectors_and_codes_are_those_of_pytorch, 0, CMG_CHECKPOINTS);
    tcase_add_loop_test(t, a_model_file_keeps_it_all, 0, CMG_CHECKPOINTS);
    tcase_add_test(t, kernels_are_laid_out_as_here);
    tcase_add_test(t, what_tensors_do_not_tell_is_logged_or_set);
    tcase_add_test(t, refuses_settings_that_do_not_fit);
    tcase_add_test(t, codes_are_what_the_checkpoint_has);
    tcase_add_test(t, names_missing_and_misshaped_tensors);
    tcase_add_test(t, names_the_tensor_that_a_config_needs);
    tcase_add_test(t, finds_parts_under_other_keys);
    tcase_add_test(t, logs_the_tensors_that_are_not_used);
    tcase_add_test(t, a_modality_needs_only_its_own_tensors);
    tcase_add_test(t, refuses_numbers_that_are_not_finite);
    tcase_add_test(t, survives_every_failing_allocation);
    return small_run("model/cmg_import", t);
}
