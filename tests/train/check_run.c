/* lib/train/run_file, export: a run that is stopped, saved and resumed ends in the same bytes
 * as one that is not; and files that are not its own. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file/io_help.h"
#include "model/small_model.h"
#include "train/export.h"

enum { MOST_TERMS = 64 };

static void train(unic_trainer *t, const char *config, uint64_t from, uint64_t to)
{
    for (uint64_t step = from; step < to; step++) {
        small_batch *b = small_batch_new(config, SMALL_BATCH, SMALL_LENGTH, 100 + step);
        for (size_t m = 0; m < b->n; m++)
            for (size_t i = 0; i < b->clips; i++)
                b->lengths[m][i] = (int32_t)((step + i * 3 + m * 2 + 1) % 6);
        io_assert_ok(unic_trainer_step(t, b->batch, NULL, NULL));
        small_batch_free(b);
    }
}

static unic_trainer *resumed(const char *path)
{
    unic_trainer *t;
    io_assert_ok(unic_trainer_resume(&t, path, NULL, NULL));
    return t;
}

/* A run's two files, and their names. */
typedef struct files {
    char model[512], run[512];
} files;

static files named(const char *name)
{
    files f;
    char end[100];
    snprintf(end, sizeof end, "%s.npz", name);
    strcpy(f.model, small_path(end));
    snprintf(end, sizeof end, "%s.run.npz", name);
    strcpy(f.run, small_path(end));
    return f;
}

static void remove_files(const files *f)
{
    remove(f->model);
    remove(f->run);
}

/* ---- to go on as if nothing had been ---- */

static const char *const runs[] = {
    "", "behaviour = compat\nreset.steps = 2\n",
    "ema.start = kmeans\ntrain.optimizer = adamw\nreset.steps = 2\ntrain.schedule = cosine\n"
    "train.warmup = 3\n",
    "club.weight = 0\nema.partner = same_step\nreset.steps = 1\ntrain.clip = 0\n"};
enum { RUNS = sizeof runs / sizeof runs[0], STEPS = 10 };

START_TEST(resumed_runs_end_in_the_same_bytes)
{
    unic_trainer *t = small_trainer(SMALL_THREE, runs[_i]);
    io_assert_ok(unic_trainer_set_total_step_count(t, STEPS));
    train(t, SMALL_THREE, 0, STEPS);
    small_state whole = small_state_of(t);
    unic_trainer_free(t);
    for (uint64_t stop = 0; stop < STEPS; stop += 3) { /* at 0: before the codebook's start */
        files f = named("resumed");
        t = small_trainer(SMALL_THREE, runs[_i]);
        io_assert_ok(unic_trainer_set_total_step_count(t, STEPS));
        train(t, SMALL_THREE, 0, stop);
        io_assert_ok(unic_trainer_save(t, f.model));
        unic_trainer_free(t);
        t = resumed(f.model);
        ck_assert_uint_eq(unic_trainer_step_count(t), stop);
        train(t, SMALL_THREE, stop, stop + 1);
        io_assert_ok(unic_trainer_save(t, f.model)); /* over the old one, and once more */
        unic_trainer_free(t);
        t = resumed(f.model);
        train(t, SMALL_THREE, stop + 1, STEPS);
        small_state pieces = small_state_of(t), copy = {malloc(whole.size), whole.size};
        memcpy(copy.bytes, whole.bytes, whole.size);
        ck_assert_msg(small_states_equal(&copy, &pieces), "stopped at step %d", (int)stop);
        unic_trainer_free(t);
        remove_files(&f);
    }
    free(whole.bytes);
}
END_TEST

START_TEST(a_resumed_trainer_is_the_same)
{
    double one[MOST_TERMS], two[MOST_TERMS];
    files f = named("same");
    unic_trainer *t = small_trainer(SMALL_THREE, "train.seed = 18446744073709551615\n"), *u;
    train(t, SMALL_THREE, 0, 3);
    io_assert_ok(unic_trainer_save(t, f.model));
    u = resumed(f.model);
    small_state a = small_state_of(t), b = small_state_of(u);
    ck_assert(small_states_equal(&a, &b));
    ck_assert_str_eq(unic_trainer_config(t), unic_trainer_config(u));
    ck_assert_uint_eq(unic_trainer_figure_count(t), unic_trainer_figure_count(u));
    small_batch *batch = small_batch_new(SMALL_THREE, SMALL_BATCH, SMALL_LENGTH, 9);
    io_assert_ok(unic_trainer_evaluate(t, batch->batch, one));
    io_assert_ok(unic_trainer_evaluate(u, batch->batch, two));
    ck_assert_mem_eq(one, two, unic_trainer_figure_count(t) * sizeof *one);
    small_batch_free(batch);
    unic_trainer_free(t);
    unic_trainer_free(u);
    remove_files(&f);
}
END_TEST

START_TEST(saving_does_not_disturb)
{
    files f = named("disturb");
    unic_trainer *t = small_trainer(SMALL_TWO, ""), *u = small_trainer(SMALL_TWO, "");
    for (uint64_t step = 0; step < 4; step++) {
        unic_model *model;
        train(t, SMALL_TWO, step, step + 1);
        train(u, SMALL_TWO, step, step + 1);
        io_assert_ok(unic_trainer_save(u, f.model));
        io_assert_ok(unic_trainer_model(&model, u));
        unic_model_free(model);
    }
    small_state a = small_state_of(t), b = small_state_of(u);
    ck_assert(small_states_equal(&a, &b));
    unic_trainer_free(t);
    unic_trainer_free(u);
    remove_files(&f);
}
END_TEST

START_TEST(the_model_is_a_copy)
{
    files f = named("model");
    const char *other = small_path("other.npz"), *later = small_path("later.npz");
    unic_model *model;
    unic_trainer *t = small_trainer(SMALL_THREE, "");
    train(t, SMALL_THREE, 0, 2);
    io_assert_ok(unic_trainer_model(&model, t));
    io_assert_ok(unic_trainer_save(t, f.model));
    ck_assert_str_eq(unic_model_config(model), unic_trainer_config(t));
    train(t, SMALL_THREE, 2, 4);
    unic_trainer_free(t); /* the model neither follows it nor needs it */
    io_assert_ok(unic_model_save(model, other));
    ck_assert(small_same_files(f.model, other));
    unic_model_free(model);
    io_assert_ok(unic_model_open(&model, f.model, NULL));
    io_assert_ok(unic_model_save(model, later));
    ck_assert(small_same_files(f.model, later));
    unic_model_free(model);
    remove(other);
    remove(later);
    remove_files(&f);
}
END_TEST

/* ---- names ---- */

START_TEST(the_run_lies_beside_the_model)
{
    static const char *const names[][2] = {
        {"m.npz", "m.run.npz"},   {"a.b/m.npz", "a.b/m.run.npz"},
        {"m", "m.run.npz"},       {"m.npz.gz", "m.npz.gz.run.npz"},
        {".npz", ".npz.run.npz"}, {"m.NPZ", "m.NPZ.run.npz"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *run = unic__run_path(names[i][0]);
        ck_assert_str_eq(run, names[i][1]);
        unic__free(run);
    }
    files f = named("beside");
    unic_trainer *t = small_trainer(SMALL_TWO, "");
    io_assert_ok(unic_trainer_save(t, f.model));
    unic_trainer_free(t);
    remove(f.model); /* the run needs no more than its own file */
    t = resumed(f.model);
    unic_trainer_free(t);
    remove_files(&f);
}
END_TEST

/* ---- what is refused ---- */

static void assert_not_resumed(const files *f, unic_status status, const char *says)
{
    unic_trainer *t = (void *)&t;
    io_assert_fails(unic_trainer_resume(&t, f->model, NULL, NULL), status, says);
    ck_assert_msg(strstr(unic_last_error(), f->run), "%s", unic_last_error());
    ck_assert(t == NULL);
}

START_TEST(damaged_runs_are_named)
{
    static const struct {
        const char *member;
        small_change change;
        const char *says;
    } cases[] = {
        {"config.txt", SMALL_DROP, "no config.txt in it"},
        {"counters", SMALL_DROP, "no array \"counters\""},
        {"counters", SMALL_RESHAPE, "counters has shape [1,5], expected [5]"},
        {"counters", SMALL_SPOIL, "counters[0] is -7, 0 or more expected"},
        {"codebook.embedding", SMALL_DROP, "no array \"codebook.embedding\""},
        {"codebook.ema_sum", SMALL_SPOIL, "codebook.ema_sum holds NaN or Inf"},
        {"codebook.idle", SMALL_RESHAPE, "codebook.idle has shape [1,2,12], expected [2,12]"},
        {"value/audio.decoder.code.weight", SMALL_DROP, "no array \"value/audio.decoder.code"},
        {"value/audio.decoder.code.weight", SMALL_DAMAGE, "is damaged"},
        {"adam_m/touch.cpc.predict0.bias", SMALL_SPOIL, "predict0.bias holds NaN or Inf"},
        {"adam_v/touch.cpc.predict0.bias", SMALL_RESHAPE, "has shape [1,8], expected [8]"},
        {"value/audio.club.mu.0.weight", SMALL_DROP, "no array \"value/audio.club.mu.0.weight"},
        {"adam_m/touch.club.logvar.1.bias", SMALL_DAMAGE, "is damaged"},
        {"adam_v/touch.club.logvar.1.bias", SMALL_DROP, "no array \"adam_v/touch.club"},
    };
    files good = named("good"), bad = named("bad");
    unic_trainer *t = small_trainer(SMALL_TWO, "");
    train(t, SMALL_TWO, 0, 1);
    io_assert_ok(unic_trainer_save(t, good.model));
    unic_trainer_free(t);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        small_edit(good.run, bad.run, cases[i].member, cases[i].change);
        assert_not_resumed(&bad, UNIC_E_FORMAT, cases[i].says);
    }
    small_edit_text(good.run, bad.run, "config.txt", "code.count = 12", "code.count = 13");
    assert_not_resumed(&bad, UNIC_E_FORMAT, "[12,8], expected [13,8]");
    small_edit_text(good.run, bad.run, "config.txt", "club.width = 8", "club.width = 9");
    assert_not_resumed(&bad, UNIC_E_FORMAT, "expected [9,8]");
    small_edit_text(good.run, bad.run, "config.txt", "train.lr = ", "train.rl = ");
    assert_not_resumed(&bad, UNIC_E_CONFIG, "did you mean train.lr");
    io_write(bad.run, "PK", 2);
    assert_not_resumed(&bad, UNIC_E_FORMAT, "");
    small_edit(good.model, bad.run, "codebook.idle", SMALL_SPOIL); /* a model is no run */
    assert_not_resumed(&bad, UNIC_E_FORMAT, "no array \"counters\"");
    remove(bad.run);
    assert_not_resumed(&bad, UNIC_E_NOTFOUND, "");
    remove_files(&good);
}
END_TEST

/* Numbers that no training leaves, from which the next step would make NaN or Inf. */
START_TEST(state_that_no_training_leaves_is_refused)
{
    files f = named("state");
    unic_trainer *t = small_trainer(SMALL_TWO, "");
    train(t, SMALL_TWO, 0, 1);
    const struct {
        float *at, value;
        const char *says;
    } cases[] = {{&t->adam.v[3], -1.0F, "Adam's moments of"},
                 {&t->adam.m[3], 1e30F, "Adam's moments of"},
                 {&t->club_adam.m[1], -1e30F, "Adam's moments of"},
                 {&t->club_adam.v[1], -1e-30F, "Adam's moments of"},
                 {&t->codebook->count[2], -0.5F, "codebook.ema_count[2] is -0.5"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        float kept = *cases[i].at;
        *cases[i].at = cases[i].value;
        io_assert_ok(unic_trainer_save(t, f.model));
        *cases[i].at = kept;
        assert_not_resumed(&f, UNIC_E_FORMAT, cases[i].says);
    }
    unic_trainer_free(t);
    remove_files(&f);
}
END_TEST

/* The config asks for gigabytes that are not in the file: refused before they are taken. */
START_TEST(a_config_alone_takes_no_memory)
{
    static const char *const edits[][2] = {{"encoder.ff = 16", "encoder.ff = 65536"},
                                           {"club.width = 8", "club.width = 65536"},
                                           {"code.dim = 8", "code.dim = 65536"},
                                           {"code.count = 12", "code.count = 65536"},
                                           {"cpc.hidden = 8", "cpc.hidden = 8192"},
                                           {"audio.specific = 8", "audio.specific = 65536"}};
    files good = named("modest"), bad = named("greedy");
    unic_trainer *t = small_trainer(SMALL_TWO, "");
    train(t, SMALL_TWO, 0, 1);
    io_assert_ok(unic_trainer_save(t, good.model));
    unic_trainer_free(t);
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        small_edit_text(good.run, bad.run, "config.txt", edits[i][0], edits[i][1]);
        small_fail_allocations_over(1 << 20);
        assert_not_resumed(&bad, UNIC_E_FORMAT, "expected [");
        unic_set_allocator(NULL);
    }
    remove_files(&good);
    remove_files(&bad);
}
END_TEST

START_TEST(a_failed_save_leaves_run_and_files)
{
    files f = named("kept");
    unic_trainer *t = small_trainer(SMALL_TWO, "");
    train(t, SMALL_TWO, 0, 1);
    io_assert_ok(unic_trainer_save(t, f.model));
    train(t, SMALL_TWO, 1, 2);
    small_state before = small_state_of(t);
    io_assert_fails(unic_trainer_save(t, small_path("no/folder.npz")), UNIC_E_NOTFOUND,
                    "folder.run.npz");
    small_state after = small_state_of(t);
    ck_assert(small_states_equal(&before, &after));
    remove(f.model); /* where the model cannot be written the run is not either */
    ck_assert(mkdir(f.model, 0777) == 0);
    io_assert_fails(unic_trainer_save(t, f.model), UNIC_E_IO, "is a directory");
    ck_assert(rmdir(f.model) == 0 && !io_has_leftovers(f.run));
    unic_trainer *u = resumed(f.model);
    ck_assert_uint_eq(unic_trainer_step_count(u), 1);
    unic_trainer_free(t);
    unic_trainer_free(u);
    remove_files(&f);
}
END_TEST

/* ---- out of memory ---- */

static unic_trainer *oom_trainer;

static unic_status save(const char *path)
{
    return unic_trainer_save(oom_trainer, path);
}

static unic_status resume(const char *path)
{
    unic_trainer *t = (void *)&t;
    unic_status status = unic_trainer_resume(&t, path, NULL, NULL);
    ck_assert((status == UNIC_OK) == (t != NULL));
    unic_trainer_free(t);
    return status;
}

static unic_status take_model(const char *path)
{
    (void)path;
    unic_model *model = (void *)&model;
    unic_status status = unic_trainer_model(&model, oom_trainer);
    ck_assert((status == UNIC_OK) == (model != NULL));
    unic_model_free(model);
    return status;
}

START_TEST(survives_every_failing_allocation)
{
    files f = named("oom");
    oom_trainer = small_trainer(SMALL_TWO, "");
    train(oom_trainer, SMALL_TWO, 0, 2);
    small_state before = small_state_of(oom_trainer);
    io_fail_each_allocation(save, f.model);
    io_fail_each_allocation(take_model, "");
    small_state after = small_state_of(oom_trainer);
    ck_assert(small_states_equal(&before, &after));
    io_fail_each_allocation(resume, f.model);
    unic_trainer *t = resumed(f.model);
    before = small_state_of(oom_trainer);
    after = small_state_of(t);
    ck_assert(small_states_equal(&before, &after));
    unic_trainer_free(t);
    unic_trainer_free(oom_trainer);
    remove_files(&f);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("run");
    tcase_add_loop_test(t, resumed_runs_end_in_the_same_bytes, 0, RUNS);
    tcase_add_test(t, a_resumed_trainer_is_the_same);
    tcase_add_test(t, saving_does_not_disturb);
    tcase_add_test(t, the_model_is_a_copy);
    tcase_add_test(t, the_run_lies_beside_the_model);
    tcase_add_test(t, damaged_runs_are_named);
    tcase_add_test(t, state_that_no_training_leaves_is_refused);
    tcase_add_test(t, a_config_alone_takes_no_memory);
    tcase_add_test(t, a_failed_save_leaves_run_and_files);
    tcase_add_test(t, survives_every_failing_allocation);
    return small_run("train/run", t);
}
