/* lib/model/cmg_*, lib/train/cmg_resume: checkpoints in CMG's layout that an own PyTorch
 * replica wrote (make_cmg_checkpoints.py): dims, vectors, codes, moments; what is named when a
 * file is not whole. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/io_help.h"
#include "io/npz.h"
#include "model/cmg_import.h"
#include "model/model.h"
#include "small_model.h"
#include "train/trainer.h"

#define CMG "tests/model/fixtures/cmg/"
enum { B = 2, T = 3, D = 4, MODALITIES = 3 };

static const char *const names[MODALITIES] = {"audio", "video", "text"};

typedef struct checkpoint {
    const char *name, *settings;
    const char *path;
    bool has[MODALITIES];
    const char *lines[24]; /* of its config */
} checkpoint;

static const checkpoint checkpoints[] = {
    {"av",
     NULL,
     CMG "av.pt",
     {true, true, false},
     {"behaviour = compat", "modalities = audio video", "audio.kind = vector",
      "audio.dims = 6",     "audio.specific = 7",       "video.kind = grid",
      "video.dims = 7 7 6", "video.inner = 2",          "video.specific = 3",
      "video.pooled = 2",   "video.squeeze = 3",        "video.attention = sum",
      "code.dim = 4",       "code.count = 11",          "encoder.layers = 2",
      "encoder.ff = 5",     "encoder.heads = 4",        "club.width = 3",
      "club.layers = 4",    "cpc.layers = 2",           "cpc.hidden = 4",
      "cpc.steps = 1"}},
    {"at",
     "encoder.heads = 2\n",
     CMG "at.pt",
     {true, false, true},
     {"modalities = audio text", "audio.dims = 5", "text.kind = token", "text.dims = 6",
      "text.recurrent = 2", "text.recurrent_layers = 2", "text.specific = 5", "code.count = 9",
      "encoder.ff = 6", "encoder.heads = 2", "club.width = 3"}},
    {"avt",
     NULL,
     CMG "avt.pt",
     {true, true, true},
     {"modalities = audio video text", "audio.dims = 3", "video.dims = 7 7 4", "text.dims = 7",
      "text.recurrent = 3", "code.count = 10", "encoder.ff = 9", "video.squeeze = 2"}},
};
enum { AV, AT, AVT, CHECKPOINTS };

static unic__npz *expected;

/* ---- what a file gives ---- */

typedef struct features {
    unic_array array;
    float *x;
} features;

static features features_of(const checkpoint *c, size_t m)
{
    features f;
    char name[64];
    unic__npy_info info;
    int64_t dims[UNIC__MAX_RANK];
    snprintf(name, sizeof name, "%s/%s/input", c->name, names[m]);
    io_assert_ok(unic__npz_info(expected, name, &info));
    size_t count = unic__shape_count(&info.shape);
    f.x = malloc(count * sizeof *f.x);
    io_assert_ok(unic__npz_read_f32(expected, name, f.x, count));
    for (size_t i = 0; i < info.shape.rank; i++)
        dims[i] = (int64_t)info.shape.dim[i];
    unic_array_init(&f.array, f.x, UNIC_F32, (int)info.shape.rank, dims);
    return f;
}

typedef struct vectors {
    float z[B * T * D];
    int32_t codes[B * T];
} vectors;

static vectors encode(unic_model *model, const checkpoint *c, size_t m)
{
    vectors v;
    unic_encoder *encoder;
    features f = features_of(c, m);
    io_assert_ok(unic_encoder_create(&encoder, model, names[m], B, T));
    io_assert_ok(unic_encoder_encode(encoder, &f.array, NULL, v.codes, NULL, v.z));
    unic_encoder_free(encoder);
    free(f.x);
    return v;
}

static double distance(const checkpoint *c, size_t m, const vectors *v)
{
    char name[64];
    double want[B * T * D], worst = 0.0;
    snprintf(name, sizeof name, "%s/%s/semantic", c->name, names[m]);
    io_assert_ok(unic__npz_read_f64(expected, name, want, B * T * D));
    for (size_t i = 0; i < B * T * D; i++) /* NaN counts */
        worst = isfinite(v->z[i]) ? fmax(worst, fabs((double)v->z[i] - want[i])) : INFINITY;
    return worst;
}

static void assert_as_expected(unic_model *model, const checkpoint *c, size_t m)
{
    char name[64];
    int32_t want[B * T];
    vectors v = encode(model, c, m);
    double off = distance(c, m, &v);
    ck_assert_msg(off <= 1e-4, "%s: %s's vectors are off by %g", c->path, names[m], off);
    snprintf(name, sizeof name, "%s/%s/codes", c->name, names[m]);
    io_assert_ok(unic__npz_read_i32(expected, name, want, B * T));
    ck_assert_mem_eq(v.codes, want, sizeof want);
}

static unic_model *imported(const checkpoint *c)
{
    unic_model *model;
    io_assert_ok(unic_model_import(&model, c->path, c->settings));
    return model;
}

/* ---- the log ---- */

static char log_text[8192];

static void keep_line(unic_log_level level, const char *line, void *user)
{
    size_t used = strlen(log_text);
    (void)level;
    (void)user;
    snprintf(log_text + used, sizeof log_text - used, "%s\n", line);
}

static void log_begin(void)
{
    log_text[0] = 0;
    unic_set_log(keep_line, NULL);
}

static bool logged(const char *part)
{
    return strstr(log_text, part) != NULL;
}

/* ---- dims, vectors, codes ---- */

START_TEST(dims_come_from_the_tensors)
{
    const checkpoint *c = &checkpoints[_i];
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
    const checkpoint *c = &checkpoints[_i];
    unic_model *model = imported(c);
    size_t n = 0;
    for (size_t m = 0; m < MODALITIES; m++)
        if (c->has[m]) {
            ck_assert_str_eq(unic_model_modality_name(model, n++), names[m]);
            assert_as_expected(model, c, m);
        }
    ck_assert_uint_eq(unic_model_modality_count(model), n);
    unic_model_free(model);
}
END_TEST

START_TEST(a_model_file_keeps_it_all)
{
    const checkpoint *c = &checkpoints[_i];
    const char *path = small_path("imported.npz");
    unic_model *model = imported(c), *copy;
    unic_codebook *books[2];
    io_assert_ok(unic_model_save(model, path));
    io_assert_ok(unic_model_open(&copy, path));
    for (size_t m = 0; m < MODALITIES; m++)
        if (c->has[m])
            assert_as_expected(copy, c, m);
    ck_assert_str_eq(unic_model_config(copy), unic_model_config(model));
    io_assert_ok(unic_model_codebook(model, &books[0]));
    io_assert_ok(unic_model_codebook(copy, &books[1]));
    size_t codes = books[0]->codes;
    ck_assert_mem_eq(books[0]->count, books[1]->count, codes * sizeof(float));
    ck_assert_mem_eq(books[0]->sum, books[1]->sum, codes * D * sizeof(float));
    for (size_t i = 0; i < books[0]->modalities * codes; i++) /* as the script set them */
        ck_assert_int_eq(books[0]->idle[i], (int)(i % codes) - 1);
    unic_codebook_free(books[0]);
    unic_codebook_free(books[1]);
    unic_model_free(model);
    unic_model_free(copy);
    remove(path);
}
END_TEST

/* ---- settings ---- */

START_TEST(what_tensors_do_not_tell_is_logged_or_set)
{
    unic_model *model;
    const checkpoint *c = &checkpoints[AT];
    log_begin();
    io_assert_ok(unic_model_import(&model, c->path, NULL));
    ck_assert_msg(logged("at.pt: assumed, since no tensor tells: encoder.heads = 4, "
                         "encoder.dropout = 0.1, ema.decay = 0.99, train.length = 10\n"),
                  "%s", log_text);
    vectors v = encode(model, c, 0); /* with heads that are not its own */
    double off = distance(c, 0, &v);
    ck_assert_msg(off > 1e-3, "four heads are as good as two: off by %g", off);
    unic_model_free(model);

    log_begin();
    io_assert_ok(unic_model_import(&model, c->path, "encoder.heads = 2\nema.decay = 0.9\n"));
    ck_assert_msg(!logged("encoder.heads") && !logged("ema.decay"), "%s", log_text);
    ck_assert(strstr(unic_model_config(model), "ema.decay = 0.9\n") != NULL);
    unic_model_free(model);

    log_begin();
    io_assert_ok(unic_model_import(&model, CMG "av.pt", NULL));
    ck_assert_msg(logged("video.dims = 7 7 6\n"), "%s", log_text);
    unic_model_free(model);
    log_begin();
    io_assert_ok(unic_model_import(&model, CMG "av.pt", "video.dims = 5 6 6\n"));
    ck_assert_msg(!logged("video.dims"), "%s", log_text);
    int64_t dims[UNIC_MAX_RANK];
    size_t rank;
    io_assert_ok(unic_model_feature_dims(model, "video", dims, &rank));
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
        io_assert_fails(unic_model_import(&model, CMG "av.pt", cases[i].settings),
                        cases[i].status, cases[i].says);
        ck_assert(model == NULL);
    }
}
END_TEST

/* ---- files that are not whole ---- */

/* A file of the older format, which has no checksums, with the first `old` become `fresh`. */
static const char *patched(const char *from, const void *old, const void *fresh, size_t size)
{
    size_t bytes, at = 0;
    const char *path = small_path("patched.pt");
    unsigned char *file = io_read(from, &bytes);
    while (at + size <= bytes && memcmp(file + at, old, size) != 0)
        at++;
    ck_assert_msg(at + size <= bytes, "%s: not found", from);
    memcpy(file + at, fresh, size);
    io_write(path, file, bytes);
    free(file);
    return path;
}

START_TEST(names_missing_and_misshaped_tensors)
{
    unic_model *model = (void *)&model;
    io_assert_fails(unic_model_import(&model, CMG "at_wrong.pt", "encoder.heads = 2"),
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

START_TEST(names_the_tensor_that_a_config_needs)
{
    static const struct {
        const char *old, *fresh, *says;
    } cases[] = {
        {"Encoder_parameters", "Encoder_parametres", "not a CMG checkpoint"},
        {"text_self_att.affine_matrix.weight", "text_self_att.affine_matrix.wait__",
         "Encoder_parameters/text_self_att.affine_matrix.weight is missing"},
        {"Text_ar_lstm_parameters", "Text_ar_lstm_parametres",
         "Text_ar_lstm_parameters/weight_ih_l0 is missing"},
        {"Cross_quantizer.embedding", "Cross_quantizer.embeddinG",
         "Encoder_parameters/Cross_quantizer.embedding is missing"},
        {"Cross_quantizer.ema_count", "Cross_quantizer.ema_counT",
         "Encoder_parameters/Cross_quantizer.ema_count is missing"},
        {"audio_self_att.encoder.layers.0.norm1.bias",
         "audio_self_att.encoder.layers.0.norm1.Bias",
         ": 1 tensors are not as expected: "
         "Encoder_parameters/audio_self_att.encoder.layers.0.norm1.bias is missing"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unic_model *model = (void *)&model;
        const char *path = patched(CMG "at.pt", cases[i].old, cases[i].fresh,
                                   strlen(cases[i].old));
        io_assert_fails(unic_model_import(&model, path, NULL), UNIC_E_FORMAT, cases[i].says);
        ck_assert_msg(strstr(unic_last_error(), path), "%s", unic_last_error());
        ck_assert(model == NULL);
        remove(path);
    }
    unic_model *model;
    io_assert_fails(unic_model_import(&model, CMG "none.pt", NULL), UNIC_E_NOTFOUND, "none.pt");
    io_assert_fails(unic_model_import(&model, CMG "expected.npz", NULL), UNIC_E_FORMAT,
                    "expected.npz");
}
END_TEST

START_TEST(logs_the_tensors_that_are_not_used)
{
    log_begin();
    unic_model_free(imported(&checkpoints[AVT]));
    ck_assert_msg(logged("avt.pt: 1 tensors are not used: "
                         "Encoder_parameters/audio_self_att.gate.weight\n"),
                  "%s", log_text);
    log_begin();
    unic_model_free(imported(&checkpoints[AV])); /* nor is its LSTM, but that is no news */
    unic_model_free(imported(&checkpoints[AT]));
    ck_assert_msg(!logged("not used"), "%s", log_text);
}
END_TEST

/* One element of a tensor, as the file holds it. */
static void element_of(const char *file, const char *tensor, void *out, size_t size)
{
    unic__torch_file *f;
    double x[64];
    io_assert_ok(unic__torch_open(&f, file));
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
    const checkpoint *c = &checkpoints[AVT];
    float good, bad;
    element_of(c->path, tensor, &good, sizeof good);
    bad = good + 1.0F; /* and its member's checksum stays */
    const char *path = patched(c->path, &good, &bad, sizeof good);
    unic_model *model;
    unic_encoder *encoder;
    io_assert_ok(unic_model_import(&model, path, NULL));
    for (int again = 0; again < 2; again++) { /* a failure leaves nothing half read */
        encoder = (void *)&encoder;
        io_assert_fails(unic_encoder_create(&encoder, model, "video", B, T), UNIC_E_FORMAT,
                        "CRC");
        ck_assert_msg(strstr(unic_last_error(), path), "%s", unic_last_error());
        ck_assert(encoder == NULL);
        assert_as_expected(model, c, 0);
        assert_as_expected(model, c, 2);
    }
    unic_model_free(model);
    remove(path);
}
END_TEST

START_TEST(refuses_numbers_that_are_not_finite)
{
    const double bad[] = {NAN, -INFINITY, 1e60}; /* the last is finite as float64 */
    const checkpoint *c = &checkpoints[AT];
    unic_model *model;
    unic_encoder *encoder;
    double good;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        element_of(c->path, "Encoder_parameters/audio_self_att.affine_matrix.bias", &good, 8);
        const char *path = patched(c->path, &good, &bad[i], 8);
        io_assert_ok(unic_model_import(&model, path, c->settings));
        io_assert_fails(unic_encoder_create(&encoder, model, "audio", B, T), UNIC_E_FORMAT,
                        "Encoder_parameters/audio_self_att.affine_matrix.bias holds NaN, Inf");
        assert_as_expected(model, c, 2);
        unic_model_free(model);
        element_of(c->path, "Encoder_parameters/Cross_quantizer.embedding", &good, 8);
        path = patched(c->path, &good, &bad[i], 8);
        io_assert_fails(unic_model_import(&model, path, c->settings), UNIC_E_FORMAT,
                        "Encoder_parameters/Cross_quantizer.embedding holds NaN, Inf");
        remove(path);
    }
}
END_TEST

/* ---- training goes on ---- */

#define TRAINING "train.batch = 2\ntrain.length = 3\n"

static unic_status import_trainer(unic_trainer **t, const checkpoint *c, const char *path)
{
    char settings[256];
    snprintf(settings, sizeof settings, "%s%s", TRAINING, c->settings ? c->settings : "");
    return unic_trainer_import(t, path, settings);
}

/* What the script says of an optimiser's parameter: "at.pt optimizer 12 <part>/<name>". */
static bool adam_index(const char *text, const char *file, const char *name, char *key,
                       unsigned *index)
{
    char its_file[32], its_name[256];
    for (; *text; text += strcspn(text, "\n") + 1) {
        ck_assert_int_eq(sscanf(text, "%31s %63s %u %255s", its_file, key, index, its_name), 4);
        if (strcmp(strrchr(file, '/') + 1, its_file) == 0 && strcmp(name, its_name) == 0)
            return true;
    }
    return false;
}

static char *adam_text(void)
{
    unic__npy_info info;
    io_assert_ok(unic__npz_info(expected, "adam", &info));
    size_t n = unic__shape_count(&info.shape);
    int32_t *codes = malloc(n * sizeof *codes);
    char *text = calloc(n + 1, 1);
    io_assert_ok(unic__npz_read_i32(expected, "adam", codes, n));
    for (size_t i = 0; i < n; i++)
        text[i] = (char)codes[i];
    free(codes);
    return text;
}

/* One moment of a parameter against the file's tensor; returns whether the file has one. */
static bool moment_is(unic__torch_file *f, const unic__param *p, const unic__cmg_place *place,
                      const char *path, const float *moment)
{
    const unic__torch_tensor *t = unic__torch_find(f, path);
    float *want = calloc(p->count, sizeof *want);
    if (t) {
        float *theirs = malloc(p->count * sizeof *theirs);
        io_assert_ok(unic__torch_read_f32(f, t, theirs, p->count));
        unic__cmg_convert(place, &p->shape, theirs, want);
        free(theirs);
    }
    for (size_t i = 0; i < p->count; i++)
        ck_assert_msg(moment[i] == want[i], "%s: %s[%zu] is %g, expected %g", path, p->name, i,
                      (double)moment[i], (double)want[i]);
    free(want);
    return t != NULL;
}

static size_t compare_moments(unic__torch_file *f, const unic_trainer *t, const unic__adam *a,
                              const char *text)
{
    size_t found = 0;
    for (size_t i = 0; i < a->params->n; i++) {
        const unic__param *p = a->params->at[i];
        unic__cmg_place place;
        char name[256], key[64], path[384];
        unsigned index;
        bool known = false;
        for (size_t m = 0; m < t->config->n_modalities && !known; m++)
            known = unic__cmg_find(&t->config->modality[m], p->name, &place);
        ck_assert_msg(known, "%s", p->name);
        snprintf(name, sizeof name, "%s/%s", place.part, place.name);
        ck_assert_msg(adam_index(text, unic__torch_path(f), name, key, &index), "%s", name);
        snprintf(path, sizeof path, "%s/state/%u/exp_avg", key, index);
        found += moment_is(f, p, &place, path, a->m + p->offset);
        snprintf(path, sizeof path, "%s/state/%u/exp_avg_sq", key, index);
        ck_assert(moment_is(f, p, &place, path, a->v + p->offset) ==
                  (unic__torch_find(f, path) != NULL));
    }
    return found;
}

START_TEST(moments_are_with_their_parameters)
{
    const checkpoint *c = &checkpoints[_i];
    unic_trainer *t;
    unic__torch_file *f;
    char *text = adam_text();
    io_assert_ok(import_trainer(&t, c, c->path));
    io_assert_ok(unic__torch_open(&f, c->path));
    ck_assert_uint_eq(unic_trainer_steps(t), 2);
    ck_assert_uint_eq(t->adam.steps, 2);
    ck_assert_uint_eq(t->club_adam.steps, 2);
    ck_assert_uint_eq(compare_moments(f, t, &t->adam, text), t->params.n);
    ck_assert_uint_eq(compare_moments(f, t, &t->club_adam, text), t->club.n);
    unic__torch_close(f);
    unic_trainer_free(t);
    free(text);
}
END_TEST

static void take_a_step(unic_trainer *t, const checkpoint *c)
{
    features f[MODALITIES];
    unic_batch *batch;
    double terms[64];
    uint64_t steps = unic_trainer_steps(t);
    io_assert_ok(unic_batch_create(&batch));
    for (size_t m = 0; m < MODALITIES; m++)
        if (c->has[m]) {
            f[m] = features_of(c, m);
            io_assert_ok(unic_batch_set(batch, names[m], &f[m].array, NULL));
        }
    ck_assert_uint_le(unic_trainer_term_count(t), 64);
    io_assert_ok(unic_trainer_step(t, batch, NULL, terms));
    ck_assert(isfinite(terms[0]));
    ck_assert_uint_eq(unic_trainer_steps(t), steps + 1);
    unic_batch_free(batch);
    for (size_t m = 0; m < MODALITIES; m++)
        if (c->has[m])
            free(f[m].x);
}

START_TEST(a_trainer_goes_on_and_is_the_same_model)
{
    const checkpoint *c = &checkpoints[_i];
    unic_trainer *t;
    unic_model *model;
    io_assert_ok(import_trainer(&t, c, c->path));
    io_assert_ok(unic_trainer_model(t, &model));
    for (size_t m = 0; m < MODALITIES; m++)
        if (c->has[m])
            assert_as_expected(model, c, m);
    unic_model_free(model);
    take_a_step(t, c);
    unic_trainer_free(t);
}
END_TEST

START_TEST(an_optimiser_that_is_not_there_starts_anew)
{
    const checkpoint *c = &checkpoints[AT];
    unic_trainer *t;
    /* with what stands behind the key in the pickle: a longer key begins like it */
    const char *path = patched(c->path, "\x09\0\0\0optimizer", "\x09\0\0\0optimism_", 13);
    log_begin();
    io_assert_ok(import_trainer(&t, c, path));
    ck_assert_msg(logged("no optimizer in it: Adam starts anew"), "%s", log_text);
    ck_assert_uint_eq(t->adam.steps, 0);
    ck_assert_uint_eq(t->club_adam.steps, 2);
    for (size_t i = 0; i < t->params.total; i++)
        ck_assert(t->adam.m[i] == 0.0F && t->adam.v[i] == 0.0F);
    take_a_step(t, c);
    unic_trainer_free(t);
    path = patched(c->path, "optimizer_text_mi_net", "optimizer_text_my_net", 21);
    log_begin();
    io_assert_ok(import_trainer(&t, c, path));
    ck_assert_msg(logged("no optimizer_text_mi_net in it"), "%s", log_text);
    ck_assert_uint_eq(t->adam.steps, 2);
    unic_trainer_free(t);
    remove(path);
}
END_TEST

START_TEST(training_needs_every_parameter)
{
    unic_trainer *t = (void *)&t;
    io_assert_fails(import_trainer(&t, &checkpoints[AVT], CMG "avt.pt"), UNIC_E_FORMAT,
                    "avt.pt: 48 tensors are not as expected: "
                    "Decoder_parameters/Audio_decoder.audio_linear.weight is missing; ");
    ck_assert(t == NULL);
    ck_assert_msg(strstr(unic_last_error(), "; ..."), "%s", unic_last_error());
    const char *path = patched(CMG "at.pt", "Decoder_parameters", "Decoder_parametres",
                               strlen("Decoder_parameters"));
    io_assert_fails(import_trainer(&t, &checkpoints[AT], path), UNIC_E_FORMAT,
                    "Decoder_parameters/Audio_decoder.audio_linear.weight is missing");
    remove(path);
}
END_TEST

/* ---- out of memory ---- */

static features oom_features[MODALITIES]; /* made before: what fails is the library's */

static unic_status use_once(const char *path, const checkpoint *c, size_t m)
{
    vectors v;
    unic_model *model = NULL;
    unic_encoder *encoder = NULL;
    unic_status status = unic_model_import(&model, path, c->settings);
    if (status == UNIC_OK)
        status = unic_encoder_create(&encoder, model, names[m], B, T);
    unic_model_free(model);
    if (status == UNIC_OK)
        status = unic_encoder_encode(encoder, &oom_features[m].array, NULL, v.codes, NULL, v.z);
    unic_encoder_free(encoder);
    return status;
}

static unic_status use_video(const char *path)
{
    return use_once(path, &checkpoints[AVT], 1);
}

static unic_status use_text(const char *path)
{
    return use_once(path, &checkpoints[AVT], 2);
}

static unic_status use_wrong(const char *path)
{
    unic_status status = use_once(path, &checkpoints[AT], 0);
    return status == UNIC_E_FORMAT ? UNIC_OK : status;
}

static unic_status use_trainer(const char *path)
{
    unic_trainer *t = NULL;
    unic_status status = import_trainer(&t, &checkpoints[AT], path);
    unic_trainer_free(t);
    return status;
}

START_TEST(survives_every_failing_allocation)
{
    for (size_t m = 0; m < MODALITIES; m++)
        oom_features[m] = features_of(&checkpoints[AVT], m);
    io_fail_each_allocation(use_video, checkpoints[AVT].path);
    io_fail_each_allocation(use_text, checkpoints[AVT].path);
    io_fail_each_allocation(use_wrong, CMG "at_wrong.pt");
    for (size_t m = 0; m < MODALITIES; m++)
        free(oom_features[m].x);
}
END_TEST

START_TEST(a_trainer_survives_every_failing_allocation)
{
    io_fail_each_allocation(use_trainer, checkpoints[AT].path);
}
END_TEST

int main(void)
{
    if (unic__npz_open(&expected, CMG "expected.npz") != UNIC_OK) {
        printf("%s\n", unic_last_error());
        return 1;
    }
    TCase *t = tcase_create("cmg import");
    tcase_add_loop_test(t, dims_come_from_the_tensors, 0, CHECKPOINTS);
    tcase_add_loop_test(t, vectors_and_codes_are_those_of_pytorch, 0, CHECKPOINTS);
    tcase_add_loop_test(t, a_model_file_keeps_it_all, 0, CHECKPOINTS);
    tcase_add_test(t, what_tensors_do_not_tell_is_logged_or_set);
    tcase_add_test(t, refuses_settings_that_do_not_fit);
    tcase_add_test(t, names_missing_and_misshaped_tensors);
    tcase_add_test(t, names_the_tensor_that_a_config_needs);
    tcase_add_test(t, logs_the_tensors_that_are_not_used);
    tcase_add_test(t, a_modality_needs_only_its_own_tensors);
    tcase_add_test(t, refuses_numbers_that_are_not_finite);
    tcase_add_loop_test(t, moments_are_with_their_parameters, AV, AT + 1);
    tcase_add_loop_test(t, a_trainer_goes_on_and_is_the_same_model, AV, AT + 1);
    tcase_add_test(t, an_optimiser_that_is_not_there_starts_anew);
    tcase_add_test(t, training_needs_every_parameter);
    tcase_add_test(t, survives_every_failing_allocation);
    tcase_add_test(t, a_trainer_survives_every_failing_allocation);
    int failed = small_run("model/cmg_import", t);
    unic__npz_close(expected);
    return failed;
}
