/* lib/task/segment: files, and running out of memory. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file/io_help.h"
#include "model/small_model.h"
#include "task/segment_help.h"

enum { SIZE = SEGMENT_SIZE, PIXELS = SEGMENT_PIXELS, CLIPS = SEGMENT_CLIPS };

/* ---- files ---- */

START_TEST(a_segmenter_survives_its_file)
{
    const char *path = small_path("segmenter.npz");
    for (int32_t input = UNIC_SEGMENTER_FRAMES; input <= UNIC_SEGMENTER_MAPS; input++) {
        unic_segmenter_options o = segment_small;
        o.input = input;
        o.seed = UINT64_MAX;
        unic_segmenter *s = segment_new(&o), *again;
        if (input == UNIC_SEGMENTER_FRAMES)
            segment_steps(s, 3, 60); /* running moments are in it too */
        io_assert_ok(unic_segmenter_save(s, path));
        io_assert_ok(unic_segmenter_load(&again, path, NULL));
        ck_assert(segment_same_files(s, again));
        ck_assert_uint_eq(again->net->options.seed, UINT64_MAX);
        ck_assert(again->net->options.learning_rate == 0.01F);
        ck_assert_int_eq(again->net->options.input, input);
        io_assert_ok(unic_segmenter_accepts(again, s->fingerprint));
        if (input == UNIC_SEGMENTER_FRAMES) {
            ck_assert(segment_predict_the_same(s, again));
            segment_steps(again, 1, 70);
        }
        unic_segmenter_free(s);
        unic_segmenter_free(again);
        remove(path);
    }
}
END_TEST

static void assert_not_loaded(const char *path, unic_status status, const char *says)
{
    unic_segmenter *s = (void *)&s;
    io_assert_fails(unic_segmenter_load(&s, path, NULL), status, says);
    ck_assert_msg(strstr(unic_last_error(), path), "%s", unic_last_error());
    ck_assert(s == NULL);
}

START_TEST(damaged_files_are_named)
{
    static const struct {
        const char *member;
        small_change change;
        const char *says;
    } cases[] = {
        {"segmenter.options", SMALL_DROP, "no array \"segmenter.options\""},
        {"segmenter.options", SMALL_RESHAPE, "has shape [1,22], expected [22]"},
        {"segmenter.options", SMALL_SPOIL, "segmenter.options: preset = -7 is not in 0..1"},
        {"segmenter.learning_rate", SMALL_SPOIL, "segmenter.learning_rate holds NaN or Inf"},
        {"codebook.embedding", SMALL_DROP, "no array \"codebook.embedding\""},
        {"codebook.embedding", SMALL_SPOIL, "codebook.embedding holds NaN or Inf"},
        {"codebook.embedding", SMALL_DAMAGE, "is damaged"},
        {"level.1.theta.weight", SMALL_DROP, "no array \"level.1.theta.weight\""},
        {"level.1.theta.weight", SMALL_RESHAPE,
         "level.1.theta.weight has shape [1,4,8], expected [4,8]"},
        {"fuse.0.unit1.conv1.bias", SMALL_SPOIL, "fuse.0.unit1.conv1.bias holds NaN or Inf"},
        {"backbone.0.1.norm.running", SMALL_DROP, "no array \"backbone.0.1.norm.running\""},
        {"backbone.0.1.norm.running", SMALL_SPOIL, "running holds NaN or Inf"},
        {"output.1.weight", SMALL_DAMAGE, "is damaged"},
    };
    const char *good = small_path("good.npz"), *bad = small_path("bad.npz");
    unic_segmenter *s = segment_new(&segment_small);
    io_assert_ok(unic_segmenter_save(s, good));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        small_edit(good, bad, cases[i].member, cases[i].change);
        assert_not_loaded(bad, UNIC_E_FORMAT, cases[i].says);
    }
    io_write(bad, "PK\5\6", 4);
    assert_not_loaded(bad, UNIC_E_FORMAT, "");
    remove(bad);
    assert_not_loaded(bad, UNIC_E_NOTFOUND, "");
    s->net->options.learning_rate = 0.0F;
    io_assert_ok(unic_segmenter_save(s, bad));
    assert_not_loaded(bad, UNIC_E_FORMAT, "learning_rate = 0 must be positive");
    unic_segmenter_free(s);
    remove(good);
    remove(bad);
}
END_TEST

/* Running moments are what variances can be. */
START_TEST(a_negative_variance_is_refused)
{
    const char *path = small_path("variance.npz");
    unic_segmenter *s = segment_new(&segment_small);
    const unic__param *p = unic__param_table_find(&s->net->state, "level.0.norm.running");
    s->net->state.values[p->offset + p->count - 1] = -0.5F;
    io_assert_ok(unic_segmenter_save(s, path));
    assert_not_loaded(path, UNIC_E_FORMAT,
                      "level.0.norm.running holds the variance -0.5, 0 or more expected");
    unic_segmenter_free(s);
    remove(path);
}
END_TEST

/* Options that name sizes beyond the file's arrays: refused before memory is taken for them. */
START_TEST(files_do_not_choose_how_much_memory)
{
    static const struct {
        int32_t channels, height, levels, batch;
        const char *says;
    } cases[] = {{4096, SIZE, 2, 3, "has shape [3,3,6,8], expected [3,3,6,4096]"},
                 {4097, SIZE, 2, 3, "channels = 4097 is not in 1..4096"},
                 {8, SIZE + 4, 2, 3, "height = 20 is not a multiple of 8"},
                 {8, SIZE, 5, 3, "level_count = 5 is not in 1..4"},
                 {8, SIZE, 3, 3, "width = 8 is not a multiple of 16"},
                 {8, SIZE, 2, 0, "batch = 0 is not in 1..65536"}};
    const char *path = small_path("sizes.npz");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unic_segmenter *s = segment_new(&segment_small);
        unic_segmenter_options *o = &s->net->options;
        o->channels = cases[i].channels;
        o->height = cases[i].height;
        o->width = cases[i].levels == 3 ? 8 : SIZE;
        o->level_count = cases[i].levels;
        o->batch = cases[i].batch;
        io_assert_ok(unic_segmenter_save(s, path)); /* it writes what it is told */
        assert_not_loaded(path, UNIC_E_FORMAT, cases[i].says);
        o->height = o->width = o->channels = 4096; /* each in range, and too much together */
        o->level_count = 2;
        o->batch = 1;
        io_assert_ok(unic_segmenter_save(s, path));
        assert_not_loaded(path, UNIC_E_FORMAT, "too large");
        unic_segmenter_free(s);
    }
    remove(path);
}
END_TEST

/* ---- out of memory ---- */

static unic_codebook *oom_codebook;
static const segment_data *oom_data;

static const unic_segmenter_options tiny = {.struct_size = sizeof tiny,
                                            .image_channels = 1,
                                            .height = SIZE,
                                            .width = SIZE,
                                            .level_count = 1,
                                            .level_channels = {2},
                                            .channels = 2,
                                            .inner = 2,
                                            .output_channels = {2, 2}};

static unic_status use_everything(const char *path)
{
    static float logits[CLIPS * PIXELS];
    unic_segmenter *s = NULL, *again = NULL;
    unic_status status = unic_segmenter_create(&s, oom_codebook, &tiny);
    ck_assert((status == UNIC_OK) == (s != NULL));
    if (status == UNIC_OK)
        status = segment_step(s, oom_data, NULL);
    if (status == UNIC_OK)
        status = unic_segmenter_predict(s, oom_data->images, 1, oom_data->codes, 2, logits);
    if (status == UNIC_OK)
        status = unic_segmenter_save(s, path);
    if (status == UNIC_OK) {
        status = unic_segmenter_load(&again, path, NULL);
        ck_assert((status == UNIC_OK) == (again != NULL));
    }
    unic_segmenter_free(s);
    unic_segmenter_free(again);
    return status;
}

START_TEST(survives_every_failing_allocation)
{
    const char *path = small_path("oom.npz");
    segment_data *d = segment_data_new(10, -1);
    oom_codebook = segment_codebook(1);
    oom_data = d;
    io_fail_each_allocation(use_everything, path);
    unic_codebook_free(oom_codebook);
    free(d);
    remove(path);
}
END_TEST

START_TEST(a_step_without_memory_changes_nothing)
{
    unic_segmenter *s = segment_new(&tiny), *same = segment_new(&tiny);
    segment_data *d = segment_data_new(11, -1);
    unic_status status = UNIC_E_NOMEM;
    for (size_t n = 0; status == UNIC_E_NOMEM; n++) {
        small_fail_allocations_after(n);
        status = segment_step(s, d, NULL);
        unic_set_allocator(NULL);
        if (status == UNIC_E_NOMEM)
            ck_assert(segment_same_memory(s, same));
    }
    io_assert_ok(status);
    io_assert_ok(segment_step(same, d, NULL));
    ck_assert(segment_same_memory(s, same));
    free(d);
    unic_segmenter_free(s);
    unic_segmenter_free(same);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("segment");
    tcase_add_test(t, a_segmenter_survives_its_file);
    tcase_add_test(t, damaged_files_are_named);
    tcase_add_test(t, a_negative_variance_is_refused);
    tcase_add_test(t, files_do_not_choose_how_much_memory);
    tcase_add_test(t, survives_every_failing_allocation);
    tcase_add_test(t, a_step_without_memory_changes_nothing);
    return small_run("segmenter files", t);
}
