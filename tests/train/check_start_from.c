/* lib/train/start_from, train.freeze, and what a resumed run may change. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file/io_help.h"
#include "model/small_model.h"
#include "train/start_from.h"

#define HDCID "objective = hdcid\nlevel2.count = 5\nlevel2.start = 0\n"

enum { MOST_TERMS = 64 };

static void train(unic_trainer *t, const char *config, uint64_t from, uint64_t to)
{
    double terms[MOST_TERMS];
    for (uint64_t step = from; step < to; step++) {
        small_batch *b = small_batch_new(config, SMALL_BATCH, SMALL_LENGTH, 100 + step);
        io_assert_ok(unic_trainer_step(t, b->batch, NULL, terms));
        for (size_t i = 0; i < unic_trainer_figure_count(t); i++)
            ck_assert_msg(isfinite(terms[i]), "%s", unic_trainer_figure_name(t, i));
        small_batch_free(b);
    }
}

/* ---- from a model ---- */

static bool is_of(const unic__param *p, const char *modality)
{
    size_t n = strlen(modality);
    return strncmp(p->name, modality, n) == 0 && p->name[n] == '.' &&
           (strncmp(p->name + n + 1, "semantic.", 9) == 0 ||
            strncmp(p->name + n + 1, "front.", 6) == 0);
}

/* Every parameter of `t` is that of `from` where `taken` says so, else that of `fresh`. */
static void assert_taken(const unic_trainer *t, const unic_trainer *from,
                         const unic_trainer *fresh, const char *const *taken, size_t count)
{
    size_t equal = 0;
    for (size_t i = 0; i < t->params.n; i++) {
        const unic__param *p = t->params.at[i];
        const unic_trainer *source = fresh;
        for (size_t k = 0; k < count; k++)
            if (is_of(p, taken[k]))
                source = from;
        const unic__param *q = unic__param_table_find(&source->params, p->name);
        ck_assert_ptr_nonnull(q);
        ck_assert_msg(memcmp(t->params.values + p->offset, source->params.values + q->offset,
                             p->count * sizeof(float)) == 0,
                      "%s", p->name);
        equal += source == from;
    }
    ck_assert_uint_gt(equal, 0);
}

/* A run of image, audio, text begins with a model of audio, image: text is new. */
START_TEST(encoders_and_codes_are_taken)
{
    static const char *const taken[] = {"audio", "image"};
    static const char two[] = "modalities = audio image\n"
                              "image.kind = grid\nimage.dims = 5 5 4\nimage.specific = 6\n"
                              "audio.kind = vector\naudio.dims = 6\n" SMALL_SIZES;
    unic_trainer *from = small_trainer(two, "train.seed = 4\n");
    unic_trainer *t = small_trainer(SMALL_THREE, ""), *fresh = small_trainer(SMALL_THREE, "");
    unic_model *model;
    train(from, two, 0, 3);
    io_assert_ok(unic_trainer_model(&model, from));
    io_log_begin();
    io_assert_ok(unic_trainer_start_from(t, model));
    ck_assert_str_eq(io_log_end(), "from the model: the codebook, and the encoders of image, "
                                   "audio; new: text\n");
    assert_taken(t, from, fresh, taken, 2);
    const size_t cells = SMALL_CODES * SMALL_DIM;
    ck_assert_mem_eq(t->codebook->embedding, from->codebook->embedding, cells * sizeof(float));
    ck_assert_mem_eq(t->codebook->sum, from->codebook->sum, cells * sizeof(float));
    ck_assert_mem_eq(t->codebook->count, from->codebook->count, SMALL_CODES * sizeof(float));
    for (size_t l = 0; l < SMALL_CODES; l++) { /* image, audio, text of audio, image */
        ck_assert_int_eq(t->codebook->idle[l], from->codebook->idle[SMALL_CODES + l]);
        ck_assert_int_eq(t->codebook->idle[SMALL_CODES + l], from->codebook->idle[l]);
        ck_assert_int_eq(t->codebook->idle[2 * SMALL_CODES + l], 0);
    }
    train(t, SMALL_THREE, 0, 3);
    io_assert_fails(unic_trainer_start_from(t, model), UNIC_E_STATE,
                    "unic_trainer_start_from: the run has taken 3 steps");
    unic_model_free(model);
    unic_trainer_free(from);
    unic_trainer_free(fresh);
    unic_trainer_free(t);
}
END_TEST

/* From a file, whose weights are read at that moment, and rounded ones. */
START_TEST(a_file_is_as_good)
{
    const char *path = small_path("start.npz");
    unic_model *model = small_model(SMALL_TWO, _i ? "encoder.weights = bf16\n" : "", 2), *file;
    unic_trainer *t = small_trainer(SMALL_TWO, ""), *u = small_trainer(SMALL_TWO, "");
    io_assert_ok(unic_model_save(model, path));
    io_assert_ok(unic_model_open(&file, path, NULL));
    io_assert_ok(unic_trainer_start_from(t, file));
    io_assert_ok(unic_trainer_start_from(u, model));
    small_state a = small_state_of(t), b = small_state_of(u);
    ck_assert(small_states_equal(&a, &b));
    train(t, SMALL_TWO, 0, 2);
    unic_model_free(model);
    unic_model_free(file);
    unic_trainer_free(t);
    unic_trainer_free(u);
    remove(path);
}
END_TEST

START_TEST(what_does_not_fit_is_named)
{
    static const struct {
        const char *more, *says;
    } cases[] = {
        {"code.dim = 4\n", "the run has code.dim = 8, but the model 4"},
        {"code.count = 13\n", "the run has code.count = 12, but the model 13"},
        {"encoder.layers = 2\n", "the run has encoder.layers = 1, but the model 2"},
        {"encoder.heads = 4\n", "the run has encoder.heads = 2, but the model 4"},
        {"encoder.ff = 8\n", "the run has encoder.ff = 16, but the model 8"},
        {"audio.kind = token\n", "the run has audio.kind = vector, but the model token"},
        {"audio.dims = 7\n", "the run has audio.dims = 6, but the model 7"},
        {"text.recurrent = 6\n", "the run has text.recurrent = 4, but the model 6"},
        {"text.recurrent_layers = 2\n", "the run has text.recurrent_layers = 1, but the model "
                                        "2"},
        {"audio.extractor = kind=logmel bands=7\n",
         "the run has audio.extractor = kind=logmel bands=6, but the model kind=logmel "
         "bands=7"},
        {"image.squeeze = 3\n", "the run has image.squeeze = 1, but the model 3"},
        {"image.attention = sum\n", "the run has image.attention = softmax, but the model sum"},
    };
    unic_trainer *t = small_trainer(SMALL_THREE, "audio.extractor = kind=logmel bands=6\n");
    small_state before = small_state_of(t);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unic_model *model = small_model(SMALL_THREE, cases[i].more, 0);
        io_assert_fails(unic_trainer_start_from(t, model), UNIC_E_MISMATCH, cases[i].says);
        unic_model_free(model);
    }
    static const char others[] =
        "modalities = smell taste\nsmell.kind = vector\n"
        "smell.dims = 6\ntaste.kind = vector\ntaste.dims = 5\n" SMALL_SIZES;
    unic_model *model = small_model(others, "", 0);
    io_assert_fails(
        unic_trainer_start_from(t, model), UNIC_E_MISMATCH,
        "the model has smell, taste, and the run image, audio, text: no modality is "
        "in both");
    unic_model_free(model);
    small_state after = small_state_of(t);
    ck_assert(small_states_equal(&before, &after));
    io_assert_fails(unic_trainer_start_from(NULL, NULL), UNIC_E_ARG, "trainer is NULL");
    io_assert_fails(unic_trainer_start_from(t, NULL), UNIC_E_ARG, "model is NULL");
    unic_trainer_free(t);
}
END_TEST

/* ---- frozen parts ---- */

/* Whether every value and both moments of the parameter are as they were. */
static bool same_param(const unic__adam *a, const unic__adam *b, const unic__param *p)
{
    const size_t bytes = p->count * sizeof(float);
    return memcmp(a->params->values + p->offset, b->params->values + p->offset, bytes) == 0 &&
           memcmp(a->m + p->offset, b->m + p->offset, bytes) == 0 &&
           memcmp(a->v + p->offset, b->v + p->offset, bytes) == 0;
}

static bool same_codebook(const unic_codebook *a, const unic_codebook *b)
{
    return memcmp(a->embedding, b->embedding, a->codes * a->dim * sizeof(float)) == 0 &&
           memcmp(a->sum, b->sum, a->codes * a->dim * sizeof(float)) == 0 &&
           memcmp(a->count, b->count, a->codes * sizeof(float)) == 0 &&
           memcmp(a->idle, b->idle, a->codes * a->modalities * sizeof(int32_t)) == 0;
}

static const struct freezing {
    const char *value;
    const char *begins[4]; /* of the names of parameters that are frozen */
    bool codebook;
    const char *config; /* what else the run has */
} freezings[] = {
    {"none", {NULL}, false, NULL},
    {"codebook", {NULL}, true, NULL},
    {"audio", {"audio."}, false, NULL},
    {"text.encoder image.specific",
     {"text.front.", "text.semantic.", "image.specific."},
     false,
     NULL},
    {"codebook  image audio.encoder\ttext.club",
     {"image.", "audio.semantic.", "audio.front.", "text.club."},
     true,
     NULL},
    {"audio.decoder text.cpc", {"audio.decoder.", "text.cpc."}, false, NULL},
    /* of two levels: the second encodes the specific features, and has the parts of the first */
    {"audio.encoder",
     {"audio.front.", "audio.semantic.", "audio.specific.", "audio.level2.semantic."},
     false,
     HDCID},
    {"image.specific", {"image.specific.", "image.level2.specific."}, false, HDCID},
    {"text.club audio.decoder",
     {"text.club.", "text.level2.club.", "audio.decoder.", "audio.level2.decoder."},
     false,
     HDCID},
    {"image.cpc codebook", {"image.cpc.", "image.level2.cpc."}, true, HDCID},
    {"text", {"text."}, false, HDCID},
};

static void assert_table(const unic__adam *now, const unic__adam *before,
                         const struct freezing *f)
{
    for (size_t i = 0; i < now->params->n; i++) {
        const unic__param *p = now->params->at[i];
        bool frozen = false;
        for (size_t k = 0; k < 4 && f->begins[k]; k++)
            frozen = frozen || strncmp(p->name, f->begins[k], strlen(f->begins[k])) == 0;
        ck_assert_msg(same_param(now, before, p) == frozen, "%s: %s", f->value, p->name);
    }
}

/* Saved in the midst of it, and resumed with nothing, or with something else, frozen. */
START_TEST(what_is_frozen_keeps_every_bit)
{
    const struct freezing *f = &freezings[_i];
    const char *path = small_path("freeze.npz");
    char line[128];
    char more[160];
    snprintf(more, sizeof more, "%sreset.steps = 2\ntrain.optimizer = adamw\n",
             f->config ? f->config : "");
    unic_trainer *t = small_trainer(SMALL_THREE, more);
    unic_trainer *before, *now;
    train(t, SMALL_THREE, 0, 3); /* so that there are moments and codes */
    io_assert_ok(unic_trainer_save(t, path));
    unic_trainer_free(t);
    io_assert_ok(unic_trainer_resume(&before, path, NULL, NULL));
    snprintf(line, sizeof line, "train.freeze = %s\n", f->value);
    unic_trainer_options o = {.struct_size = sizeof o, .settings = line};
    io_assert_ok(unic_trainer_resume(&now, path, &o, NULL));
    train(now, SMALL_THREE, 3, 6);
    io_assert_ok(unic_trainer_save(now, path));
    unic_trainer_free(now);
    io_assert_ok(unic_trainer_resume(&now, path, NULL, NULL));
    train(now, SMALL_THREE, 6, 9);
    assert_table(&now->adam, &before->adam, f);
    assert_table(&now->club_adam, &before->club_adam, f);
    ck_assert(same_codebook(now->codebook, before->codebook) == f->codebook);
    io_assert_ok(unic_trainer_save(now, path));
    unic_trainer_free(now);
    o.settings = "train.freeze = none\n"; /* and thawed */
    io_assert_ok(unic_trainer_resume(&now, path, &o, NULL));
    train(now, SMALL_THREE, 9, 11);
    assert_table(&now->adam, &before->adam, &freezings[0]);
    ck_assert(!same_codebook(now->codebook, before->codebook));
    unic_trainer_free(now);
    unic_trainer_free(before);
    remove(path);
    remove(small_path("freeze.run.npz"));
}
END_TEST

/* The norm that clips a module's gradient is that of what learns. */
START_TEST(frozen_gradients_are_not_counted)
{
    double all[MOST_TERMS], one[MOST_TERMS], none[MOST_TERMS];
    unic_trainer *t = small_trainer(SMALL_TWO, "");
    unic_trainer *u = small_trainer(SMALL_TWO, "train.freeze = audio.encoder\n");
    unic_trainer *v = small_trainer(SMALL_TWO, "train.freeze = audio.encoder touch.encoder "
                                               "audio.specific touch.specific\n");
    small_batch *b = small_batch_new(SMALL_TWO, SMALL_BATCH, SMALL_LENGTH, 1);
    io_assert_ok(unic_trainer_step(t, b->batch, NULL, all));
    io_assert_ok(unic_trainer_step(u, b->batch, NULL, one));
    io_assert_ok(unic_trainer_step(v, b->batch, NULL, none));
    ck_assert(small_term(t, all, "grad_norm.encoder") >
              small_term(u, one, "grad_norm.encoder"));
    ck_assert(small_term(u, one, "grad_norm.encoder") > 0.0);
    ck_assert(small_term(v, none, "grad_norm.encoder") == 0.0);
    ck_assert(small_term(v, none, "grad_norm.decoder") ==
              small_term(t, all, "grad_norm.decoder"));
    small_batch_free(b);
    unic_trainer_free(t);
    unic_trainer_free(u);
    unic_trainer_free(v);
}
END_TEST

/* Codes that there are not yet cannot be kept; those of a model can. */
START_TEST(a_frozen_codebook_needs_a_model)
{
    unic_trainer *t = small_trainer(SMALL_TWO, "train.freeze = codebook\n");
    unic_model *model = small_model(SMALL_TWO, "", 2);
    small_batch *b = small_batch_new(SMALL_TWO, SMALL_BATCH, SMALL_LENGTH, 1);
    small_state before = small_state_of(t);
    io_assert_fails(unic_trainer_step(t, b->batch, NULL, NULL), UNIC_E_STATE,
                    "train.freeze = codebook: the codebook has no codes yet");
    small_state after = small_state_of(t);
    ck_assert(small_states_equal(&before, &after));
    io_assert_ok(unic_trainer_start_from(t, model));
    train(t, SMALL_TWO, 0, 3);
    ck_assert_mem_eq(t->codebook->embedding, model->codebook->embedding,
                     SMALL_CODES * SMALL_DIM * sizeof(float));
    small_batch_free(b);
    unic_model_free(model);
    unic_trainer_free(t);
}
END_TEST

START_TEST(wrong_parts_are_named)
{
    static const struct {
        const char *value, *says;
    } cases[] = {
        {"codebok", "train.freeze: codebok is none of codebook, a modality, or its .encoder, "
                    ".specific, .decoder, .cpc or .club; did you mean codebook?"},
        {"audio.encodr", "did you mean audio.encoder?"},
        {"codebook video", "train.freeze: video is none of"},
        {"audio.semantic", "train.freeze: audio.semantic is none of"},
        {"none audio", "train.freeze: none is none of"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unic_config *config = small_config(SMALL_TWO, "");
        unic_trainer *t;
        io_assert_ok(unic_config_set(config, "train.freeze", cases[i].value));
        io_assert_fails(unic_trainer_create(&t, config, NULL), UNIC_E_CONFIG, cases[i].says);
        unic_config_free(config);
    }
    char many[300];
    memset(many, 'a', sizeof many);
    many[sizeof many - 1] = '\0';
    unic_config *config = small_config(SMALL_TWO, "");
    io_assert_fails(unic_config_set(config, "train.freeze", many), UNIC_E_CONFIG,
                    "train.freeze has 299 characters, at most 255 expected");
    unic_config_free(config);
}
END_TEST

/* ---- other settings ---- */

static void assert_resumes(const char *path, const char *settings, unic_status status,
                           const char *says)
{
    unic_trainer *t = (void *)&t;
    const unic_trainer_options o = {.struct_size = sizeof o, .settings = settings};
    io_log_begin();
    if (status != UNIC_OK) {
        io_assert_fails(unic_trainer_resume(&t, path, &o, NULL), status, says);
        ck_assert_ptr_null(t);
        ck_assert_str_eq(io_log_end(), "");
        return;
    }
    io_assert_ok(unic_trainer_resume(&t, path, &o, NULL));
    ck_assert_str_eq(io_log_end(), says);
    train(t, SMALL_TWO, 2, 4);
    unic_trainer_free(t);
}

START_TEST(settings_of_a_resumed_run)
{
    static const struct {
        const char *settings;
        unic_status status;
        const char *says;
    } cases[] = {
        {"train.lr = 0.001\n", UNIC_OK, "the run goes on with train.lr = 0.001; it was 0.01\n"},
        {"train.lr = 0.01\n", UNIC_OK, ""}, /* as it was */
        {"", UNIC_OK, ""},
        {"modalities = audio touch\ncode.dim = 8\n", UNIC_OK, ""},
        {"train.epochs = 9\nclub.weight = 0.5\ntrain.optimizer = adamw\n", UNIC_OK,
         "the run goes on with club.weight = 0.5; it was 1\n"
         "the run goes on with train.epochs = 9; it was 6\n"
         "the run goes on with train.optimizer = adamw; it was adam\n"},
        {"train.length = 7\n", UNIC_OK, "the run goes on with train.length = 7; it was 5\n"},
        {"club.steps = 9\nclub.lr = 0.1\nreset.steps = 1\nema.decay = 0.5\n", UNIC_OK,
         "the run goes on with club.steps = 9; it was 2\n"
         "the run goes on with club.lr = 0.1; it was 0.001\n"
         "the run goes on with ema.decay = 0.5; it was 0.99\n"
         "the run goes on with reset.steps = 1; it was 100\n"},
        {"code_match.weight = 0\nclub.weight = 0\n", UNIC_OK,
         "the run goes on with club.weight = 0; it was 1\n"
         "the run goes on with code_match.weight = 0; it was 1\n"},
        {"train.batch = 8\n", UNIC_E_CONFIG,
         "the run has train.batch = 4, which cannot become 8; a run keeps its settings"},
        {"train.seed = 1\n", UNIC_E_CONFIG,
         "the run has train.seed = 0, which cannot become 1"},
        {"code.count = 13\n", UNIC_E_CONFIG,
         "the run has code.count = 12, which cannot become 13"},
        {"modalities = touch audio\n", UNIC_E_CONFIG,
         "the run has modalities = audio touch, which cannot become touch audio"},
        {"audio.dims = 7\n", UNIC_E_CONFIG,
         "the run has audio.dims = 6, which cannot become 7"},
        {"behaviour = compat\n", UNIC_E_CONFIG,
         "the run has behaviour = paper, which cannot become compat"},
        {"recon.weight = 0.5\n", UNIC_E_CONFIG,
         "the run has recon.weight = 0, which cannot become 0.5: it has no parameters for "
         "that"},
        {"train.lr = 0\n", UNIC_E_CONFIG, "settings:1: train.lr = 0 is out of range"},
        {"train.freeze = adio\n", UNIC_E_CONFIG, "train.freeze: adio is none of"},
    };
    const char *path = small_path("settings.npz");
    unic_trainer *t = small_trainer(SMALL_TWO, "recon.weight = 0\n");
    train(t, SMALL_TWO, 0, 2);
    io_assert_ok(unic_trainer_save(t, path));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_resumes(path, cases[i].settings, cases[i].status, cases[i].says);
    const unic_trainer_options o = {.struct_size = sizeof o, .settings = "train.lr = 1\n"};
    unic_trainer *none;
    unic_config *config = small_config(SMALL_TWO, "");
    io_assert_fails(unic_trainer_create(&none, config, &o), UNIC_E_ARG,
                    "unic_trainer_create: options->settings is not NULL, but only");
    unic_config_free(config);
    unic_trainer_free(t);
    remove(path);
    remove(small_path("settings.run.npz"));
}
END_TEST

/* What has changed stays changed: with the rate that another run always had, and Adam's moments
 * of no step, both end in the same bytes. */
START_TEST(changed_settings_are_the_runs_own)
{
    const char *path = small_path("own.npz");
    unic_trainer *t = small_trainer(SMALL_TWO, "train.lr = 0.002\n"), *u;
    unic_trainer_options o = {.struct_size = sizeof o, .settings = "train.lr = 0.01\n"};
    io_assert_ok(unic_trainer_save(t, path));
    unic_trainer_free(t);
    io_assert_ok(unic_trainer_resume(&t, path, &o, NULL));
    train(t, SMALL_TWO, 0, 2);
    io_assert_ok(unic_trainer_save(t, path));
    unic_trainer_free(t);
    io_assert_ok(unic_trainer_resume(&t, path, NULL, NULL));
    train(t, SMALL_TWO, 2, 4);
    u = small_trainer(SMALL_TWO, "");
    train(u, SMALL_TWO, 0, 4);
    small_state a = small_state_of(t), b = small_state_of(u);
    ck_assert(small_states_equal(&a, &b));
    unic_trainer_free(t);
    unic_trainer_free(u);
    remove(path);
    remove(small_path("own.run.npz"));
}
END_TEST

static unic_trainer *resumed(const char *path, const char *settings)
{
    unic_trainer *t;
    const unic_trainer_options o = {.struct_size = sizeof o, .settings = settings};
    io_assert_ok(unic_trainer_resume(&t, path, &o, NULL));
    return t;
}

/* Declared steps are those of the epochs; what is not a whole number for each is not known. */
START_TEST(other_epochs_are_other_steps)
{
    static const struct {
        uint64_t total;
        const char *settings;
        uint64_t after;
    } cases[] = {
        {12, "train.epochs = 9\n", 18},
        {12, "train.epochs = 1\n", 2},
        {12, "train.epochs = 6\n", 12}, /* as it was */
        {12, "train.lr = 0.1\n", 12},
        {13, "train.epochs = 9\n", 0},
        {13, "train.lr = 0.1\n", 13},
        {0, "train.epochs = 9\n", 0},
        {INT64_MAX - 1, "train.epochs = 1000000\n", 0},
    };
    const char *path = small_path("epochs.npz");
    unic_trainer *t = small_trainer(SMALL_TWO, "train.epochs = 6\n");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        io_assert_ok(unic_trainer_set_total_step_count(t, cases[i].total));
        io_assert_ok(unic_trainer_save(t, path));
        unic_trainer *u = resumed(path, cases[i].settings);
        ck_assert_uint_eq(unic_trainer_total_step_count(u), cases[i].after);
        unic_trainer_free(u);
    }
    unic_trainer_free(t);
    remove(path);
    remove(small_path("epochs.run.npz"));
}
END_TEST

/* Cross-CPC has a network for each step that it predicts, and predicts one alone in short clips:
 * a run could lose trained ones, or miss some. */
START_TEST(a_length_that_changes_the_parameters_is_refused)
{
    static const struct {
        const char *config, *settings, *says;
    } cases[] = {
        {"cpc.steps = 3\n", "train.length = 4\n",
         "the run has train.length = 5, which cannot become 4: with cpc.steps = 3 it "
         "predicts 3 steps ahead, and would predict 1, by other parameters"},
        {"cpc.steps = 4\n", "train.length = 6\n",
         "the run has train.length = 5, which cannot become 6: with cpc.steps = 4 it "
         "predicts 1 step ahead, and would predict 4"},
        {"cpc.steps = 2\ncpc.start = 3\n", "train.length = 9\n", "cannot become 9"},
        {"cpc.steps = 3\n", "train.length = 4\ncpc.weight = 0\n", NULL}, /* none is left */
        {"cpc.steps = 3\ncpc.weight = 0\n", "train.length = 4\n", NULL},
        {"cpc.steps = 3\n", "train.length = 6\n", NULL},
        {"cpc.steps = 1\n", "train.length = 2\n", NULL}, /* of as many parameters */
    };
    const char *path = small_path("horizon.npz");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unic_trainer *t = small_trainer(SMALL_TWO, cases[i].config), *u;
        const unic_trainer_options o = {.struct_size = sizeof o, .settings = cases[i].settings};
        io_assert_ok(unic_trainer_save(t, path));
        if (cases[i].says)
            io_assert_fails(unic_trainer_resume(&u, path, &o, NULL), UNIC_E_CONFIG,
                            cases[i].says);
        else
            unic_trainer_free(resumed(path, cases[i].settings));
        unic_trainer_free(t);
    }
    remove(path);
    remove(small_path("horizon.run.npz"));
}
END_TEST

/* Clips too short for a past and a future, and what others of its settings leave without effect, are
 * told of when a run begins. */
START_TEST(what_a_run_will_not_do_is_told)
{
    static const struct {
        const char *config, *says;
    } cases[] = {
        {"", ""},
        {"cpc.steps = 3\n", ""},
        {"cpc.start = 3\n", ""},
        {"cpc.steps = 4\n",
         "cpc.steps = 4 and cpc.start = 0 do not fit into train.length = 5 (at least 6 is "
         "expected): Cross-CPC predicts the same step of other modalities, none ahead\n"},
        {"cpc.start = 9\n",
         "cpc.steps = 1 and cpc.start = 9 do not fit into train.length = 5 (at least 11 is "
         "expected): Cross-CPC predicts the same step of other modalities, none ahead\n"},
        {"cpc.steps = 4\ncpc.weight = 0\n", ""},
        {"encoder.shared = after_first\n",
         "encoder.shared = after_first shares nothing with encoder.layers = 1\n"},
        {"encoder.shared = after_first\nencoder.layers = 2\n", ""},
        {"encoder.shared = all\n", ""},
        {"level2.weight = 0.3\nlevel2.start = 1\n",
         "level2.start = 1: the second level's objective counts in none of the steps that are "
         "declared\n"},
        {"level2.start = 1\n", ""},
        {"restore.weight = 1\nrestore.mask = 0\n",
         "restore.weight has no effect: with restore.mask = 0 no step is restored\n"},
        {"restore.mask = 0\n", ""},
        {"masked.weight = 1\nmasked.fine = 0\nmasked.coarse = 0\n",
         "masked.weight has no effect: masked.fine and masked.coarse are 0\n"},
        {"masked.weight = 1\nmasked.coarse = 0\n", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        io_log_begin();
        unic_trainer_free(small_trainer(SMALL_TWO, cases[i].config));
        ck_assert_str_eq(io_log_end(), cases[i].says);
    }
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("start_from");
    tcase_add_test(t, encoders_and_codes_are_taken);
    tcase_add_loop_test(t, a_file_is_as_good, 0, 2);
    tcase_add_test(t, what_does_not_fit_is_named);
    tcase_add_loop_test(t, what_is_frozen_keeps_every_bit, 0,
                        sizeof freezings / sizeof freezings[0]);
    tcase_add_test(t, frozen_gradients_are_not_counted);
    tcase_add_test(t, a_frozen_codebook_needs_a_model);
    tcase_add_test(t, wrong_parts_are_named);
    tcase_add_test(t, settings_of_a_resumed_run);
    tcase_add_test(t, changed_settings_are_the_runs_own);
    tcase_add_test(t, other_epochs_are_other_steps);
    tcase_add_test(t, a_length_that_changes_the_parameters_is_refused);
    tcase_add_test(t, what_a_run_will_not_do_is_told);
    return small_run("train/start_from", t);
}
