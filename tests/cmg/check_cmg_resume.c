/* lib/cmg/cmg_resume: training of a PyTorch replica of CMG is continued here
 * (make_cmg_checkpoints.py): moments with their parameters, whatever the optimiser's
 * order; parts that are not there. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmg/cmg_help.h"
#include "cmg/cmg_import.h"
#include "file/io_help.h"
#include "model/small_model.h"
#include "torch/torch_help.h"
#include "train/trainer.h"

#define TRAINING "train.batch = 2\ntrain.length = 3\n"

static unic_status import_trainer(unic_trainer **t, const cmg_checkpoint *c, const char *path)
{
    char settings[256];
    snprintf(settings, sizeof settings, "%s%s", TRAINING, c->settings ? c->settings : "");
    return unic_trainer_import(t, path, settings, NULL, NULL);
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
    io_assert_ok(unic__npz_info(cmg_expected(), "adam", &info));
    size_t n = unic__shape_count(&info.shape);
    int32_t *codes = malloc(n * sizeof *codes);
    char *text = calloc(n + 1, 1);
    io_assert_ok(unic__npz_read_i32(cmg_expected(), "adam", codes, n));
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
        for (size_t m = 0; m < t->config->modality_count && !known; m++)
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
    const cmg_checkpoint *c = &cmg_checkpoints[_i];
    unic_trainer *t;
    unic__torch_file *f;
    char *text = adam_text();
    io_assert_ok(import_trainer(&t, c, c->path));
    io_assert_ok(torch_open(&f, c->path));
    ck_assert_uint_eq(unic_trainer_step_count(t), 2);
    ck_assert_uint_eq(t->adam.steps, 2);
    ck_assert_uint_eq(t->club_adam.steps, 2);
    ck_assert_uint_eq(compare_moments(f, t, &t->adam, text), t->params.n);
    ck_assert_uint_eq(compare_moments(f, t, &t->club_adam, text), t->club.n);
    unic__torch_close(f);
    unic_trainer_free(t);
    free(text);
}
END_TEST

static void take_a_step(unic_trainer *t, const cmg_checkpoint *c)
{
    cmg_features f[CMG_MODALITIES];
    unic_batch *batch;
    double terms[64];
    uint64_t steps = unic_trainer_step_count(t);
    io_assert_ok(unic_batch_create(&batch));
    for (size_t m = 0; m < CMG_MODALITIES; m++)
        if (c->has[m]) {
            f[m] = cmg_features_of(c, m);
            io_assert_ok(unic_batch_set(batch, cmg_names[m], &f[m].array, NULL));
        }
    ck_assert_uint_le(unic_trainer_figure_count(t), 64);
    io_assert_ok(unic_trainer_step(t, batch, NULL, terms));
    ck_assert(isfinite(terms[0]));
    ck_assert_uint_eq(unic_trainer_step_count(t), steps + 1);
    unic_batch_free(batch);
    for (size_t m = 0; m < CMG_MODALITIES; m++)
        if (c->has[m])
            free(f[m].x);
}

START_TEST(a_trainer_goes_on_and_is_the_same_model)
{
    const cmg_checkpoint *c = &cmg_checkpoints[_i];
    unic_trainer *t;
    unic_model *model;
    io_assert_ok(import_trainer(&t, c, c->path));
    io_assert_ok(unic_trainer_model(&model, t));
    for (size_t m = 0; m < CMG_MODALITIES; m++)
        if (c->has[m])
            cmg_assert_as_expected(model, c, m);
    unic_model_free(model);
    take_a_step(t, c);
    unic_trainer_free(t);
}
END_TEST

START_TEST(an_optimiser_that_is_not_there_starts_anew)
{
    const cmg_checkpoint *c = &cmg_checkpoints[CMG_AT];
    unic_trainer *t;
    /* with what stands behind the key in the pickle: a longer key begins like it */
    const char *path = cmg_patched(c->path, "\x09\0\0\0optimizer", "\x09\0\0\0optimism_", 13);
    cmg_log_begin();
    io_assert_ok(import_trainer(&t, c, path));
    ck_assert_msg(cmg_logged("no optimizer in it: Adam starts anew"), "%s", cmg_log());
    ck_assert_uint_eq(t->adam.steps, 0);
    ck_assert_uint_eq(t->club_adam.steps, 2);
    for (size_t i = 0; i < t->params.total; i++)
        ck_assert(t->adam.m[i] == 0.0F && t->adam.v[i] == 0.0F);
    take_a_step(t, c);
    unic_trainer_free(t);
    path = cmg_patched(c->path, "optimizer_text_mi_net", "optimizer_text_my_net", 21);
    cmg_log_begin();
    io_assert_ok(import_trainer(&t, c, path));
    ck_assert_msg(cmg_logged("no optimizer_text_mi_net in it"), "%s", cmg_log());
    ck_assert_uint_eq(t->adam.steps, 2);
    unic_trainer_free(t);
    remove(path);
}
END_TEST

START_TEST(training_needs_every_parameter)
{
    unic_trainer *t = (void *)&t;
    io_assert_fails(import_trainer(&t, &cmg_checkpoints[CMG_AVT], CMG "avt.pt"), UNIC_E_FORMAT,
                    "avt.pt: 48 tensors are not as expected: "
                    "Decoder_parameters/Audio_decoder.audio_linear.weight is missing; ");
    ck_assert(t == NULL);
    ck_assert_msg(strstr(unic_last_error(), "; ..."), "%s", unic_last_error());
    const char *path = cmg_patched(CMG "at.pt", "Audio_decoder.audio_rec.weight",
                                   "Audio_decoder.audio_rec.Weight",
                                   strlen("Audio_decoder.audio_rec.weight"));
    io_assert_fails(import_trainer(&t, &cmg_checkpoints[CMG_AT], path), UNIC_E_FORMAT,
                    "Decoder_parameters/Audio_decoder.audio_rec.weight is missing");
    remove(path);
}
END_TEST

static unic_status use_trainer(const char *path)
{
    unic_trainer *t = NULL;
    unic_status status = import_trainer(&t, &cmg_checkpoints[CMG_AT], path);
    unic_trainer_free(t);
    return status;
}

START_TEST(a_trainer_survives_every_failing_allocation)
{
    io_fail_each_allocation(use_trainer, cmg_checkpoints[CMG_AT].path);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("cmg resume");
    tcase_add_loop_test(t, moments_are_with_their_parameters, CMG_AV, CMG_AT + 1);
    tcase_add_loop_test(t, a_trainer_goes_on_and_is_the_same_model, CMG_AV, CMG_AT + 1);
    tcase_add_test(t, an_optimiser_that_is_not_there_starts_anew);
    tcase_add_test(t, training_needs_every_parameter);
    tcase_add_test(t, a_trainer_survives_every_failing_allocation);
    return small_run("train/cmg_resume", t);
}
