/* lib/task: heads in files, good and damaged, and heads without memory. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array/npz.h"
#include "array/npz_help.h"
#include "file/io_help.h"
#include "model/small_model.h"
#include "task/head.h"
#include "task/head_help.h"

static unic_head *loaded(const char *path)
{
    unic_head *head;
    io_assert_ok(unic_head_load(&head, path, NULL));
    return head;
}

START_TEST(a_head_survives_its_file)
{
    const char *path = small_path("head.npz"), *copy = small_path("copy.npz");
    const unic_head_options options = {.kind = _i,
                                       .hidden = 9,
                                       .epochs = 3,
                                       .batch = 11,
                                       .learning_rate = 0.01F,
                                       .seed = UINT64_MAX};
    head_data *d = head_data_new(9);
    unic_head *head = head_new(&options);
    io_assert_ok(unic_head_fit(NULL, head, d->codes, CLIPS, LENGTH, head_labels(d, _i)));
    io_assert_ok(unic_head_save(head, path));
    unic_head *again = loaded(path);
    ck_assert(head_same(head, again));
    ck_assert(again->options.kind == _i && again->options.hidden == 9);
    ck_assert(again->options.epochs == 3 && again->options.batch == 11);
    ck_assert(again->options.learning_rate == 0.01F && again->options.seed == UINT64_MAX);
    io_assert_ok(unic_head_accepts(again, head->fingerprint));
    io_assert_ok(unic_head_save(again, copy));
    ck_assert(small_same_files(path, copy));
    io_assert_ok(unic_head_fit(NULL, again, d->codes, CLIPS, LENGTH, head_labels(d, _i)));
    unic_head_free(head);
    unic_head_free(again);
    free(d);
    remove(path);
    remove(copy);
}
END_TEST

/* What the weighted term needs is in the file; a head without it has no trace of it there. */
START_TEST(the_weighted_loss_survives_its_file)
{
    const char *path = small_path("weighted.npz"), *bad = small_path("weighted-bad.npz");
    const unic_head_options options = {.kind = UNIC_HEAD_STEP_MULTI,
                                       .loss = UNIC_HEAD_LOSS_CMG};
    unic_head *head = head_new(&options), *plain = head_of_kind(UNIC_HEAD_STEP_MULTI);
    head_data *d = head_data_new(16);
    io_assert_ok(unic_head_fit(NULL, head, d->codes, CLIPS, LENGTH, d->multi));
    io_assert_ok(unic_head_save(head, path));
    unic_head *again = loaded(path);
    ck_assert(again->options.loss == UNIC_HEAD_LOSS_CMG && head_same(head, again));
    ck_assert_mem_eq(head_param(head, "weighted.alpha"), head_param(again, "weighted.alpha"),
                     CLASSES * sizeof(float));
    io_assert_ok(unic_head_fit(NULL, again, d->codes, CLIPS, LENGTH, d->multi));
    unic_head_free(again);
    small_edit(path, bad, "head.loss", SMALL_SPOIL);
    io_assert_fails(unic_head_load(&again, bad, NULL), UNIC_E_FORMAT,
                    "head.loss = -7 is no loss");
    small_edit(path, bad, "weighted.alpha", SMALL_RESHAPE);
    io_assert_fails(unic_head_load(&again, bad, NULL), UNIC_E_FORMAT,
                    "weighted.alpha has shape");
    head->options.kind = UNIC_HEAD_STEP;
    io_assert_ok(unic_head_save(head, bad));
    io_assert_fails(unic_head_load(&again, bad, NULL), UNIC_E_FORMAT,
                    "head.loss = 1 is no loss of a head of kind 2");
    head->options.kind = UNIC_HEAD_STEP_MULTI;
    small_edit(path, bad, "head.loss", SMALL_DROP); /* as files without the member are */
    again = loaded(bad);
    ck_assert(again->options.loss == UNIC_HEAD_LOSS_PLAIN && head_same(head, again));
    unic__npz *z;
    io_assert_ok(unic_head_save(plain, path));
    io_assert_ok(npz_open(&z, path));
    ck_assert(!unic__npz_has(z, "head.loss") && !unic__npz_has(z, "weighted.alpha"));
    unic__npz_close(z);
    unic_head_free(again);
    unic_head_free(head);
    unic_head_free(plain);
    free(d);
    remove(path);
    remove(bad);
}
END_TEST

static void assert_not_loaded(const char *path, unic_status status, const char *says)
{
    unic_head *head = (void *)&head;
    io_assert_fails(unic_head_load(&head, path, NULL), status, says);
    ck_assert_msg(strstr(unic_last_error(), path), "%s", unic_last_error());
    ck_assert(head == NULL);
}

START_TEST(damaged_heads_are_named)
{
    static const struct {
        const char *member;
        small_change change;
        const char *says;
    } cases[] = {
        {"head.options", SMALL_DROP, "no array \"head.options\""},
        {"head.options", SMALL_RESHAPE, "head.options has shape [1,8], expected [8]"},
        {"head.options", SMALL_SPOIL, "head.options: kind = -7 is not in 1..3"},
        {"head.learning_rate", SMALL_DROP, "no array \"head.learning_rate\""},
        {"head.learning_rate", SMALL_SPOIL, "head.learning_rate holds NaN or Inf"},
        {"codebook.embedding", SMALL_DROP, "no array \"codebook.embedding\""},
        {"codebook.embedding", SMALL_RESHAPE,
         "codebook.embedding has shape [1,12,6], expected [12,6]"},
        {"codebook.embedding", SMALL_SPOIL, "codebook.embedding holds NaN or Inf"},
        {"codebook.embedding", SMALL_DAMAGE, "is damaged"},
        {"linear1.weight", SMALL_RESHAPE, "linear1.weight has shape [1,6,6], expected [6,6]"},
        {"linear1.bias", SMALL_DROP, "no array \"linear1.bias\""},
        {"linear2.weight", SMALL_SPOIL, "linear2.weight holds NaN or Inf"},
        {"linear2.weight", SMALL_DAMAGE, "is damaged"},
        {"linear2.bias", SMALL_RESHAPE, "linear2.bias has shape [1,4], expected [4]"},
    };
    const char *good = small_path("good.npz"), *bad = small_path("bad.npz");
    unic_head *head = head_of_kind(UNIC_HEAD_STEP);
    io_assert_ok(unic_head_save(head, good));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        small_edit(good, bad, cases[i].member, cases[i].change);
        assert_not_loaded(bad, UNIC_E_FORMAT, cases[i].says);
    }
    io_write(bad, "PK\5\6", 4);
    assert_not_loaded(bad, UNIC_E_FORMAT, "");
    remove(bad);
    assert_not_loaded(bad, UNIC_E_NOTFOUND, "");
    head->options.learning_rate = 0.0F;
    io_assert_ok(unic_head_save(head, bad));
    assert_not_loaded(bad, UNIC_E_FORMAT, "head.learning_rate = 0 must be positive");
    unic_head_free(head);
    remove(good);
    remove(bad);
}
END_TEST

/* Options that name sizes beyond the file's arrays: refused before memory is taken for them. */
START_TEST(files_do_not_choose_how_much_memory)
{
    static const struct {
        int32_t classes, hidden, epochs, batch;
        const char *says;
    } cases[] = {{1 << 20, 6, 30, 64, "linear2.weight has shape [4,6], expected [1048576,6]"},
                 {4, 1 << 16, 30, 64, "linear1.weight has shape [6,6], expected [65536,6]"},
                 {(1 << 20) + 1, 6, 30, 64, "class_count = 1048577 is not in 1..1048576"},
                 {1, 6, 30, 64, "head: class_count = 1 is not in 2..1048576"},
                 {4, 0, 30, 64, "hidden = 0 is not in 1..65536"},
                 {4, 6, 0, 64, "epochs = 0 is not in"},
                 {4, 6, 30, -1, "batch = -1 is not in 1..65536"}};
    const char *path = small_path("sizes.npz");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unic_head *head = head_of_kind(UNIC_HEAD_STEP);
        head->options.class_count = cases[i].classes;
        head->options.hidden = cases[i].hidden;
        head->options.epochs = cases[i].epochs;
        head->options.batch = cases[i].batch;
        io_assert_ok(unic_head_save(head, path)); /* it writes what it is told */
        assert_not_loaded(path, UNIC_E_FORMAT, cases[i].says);
        unic_head_free(head);
    }
    remove(path);
}
END_TEST

/* ---- out of memory ---- */

static int32_t oom_kind;
static unic_codebook *oom_codebook;
static const head_data *oom_data;

static unic_status use_everything(const char *path)
{
    unic_head *head = NULL, *again = NULL;
    unic_head_options options = {.struct_size = sizeof options,
                                 .kind = oom_kind,
                                 .loss = oom_kind == UNIC_HEAD_STEP_MULTI,
                                 .class_count = CLASSES,
                                 .epochs = 1,
                                 .batch = 4};
    unic_status status = unic_head_create(&head, oom_codebook, &options);
    if (status == UNIC_OK)
        head->trained = true;
    ck_assert((status == UNIC_OK) == (head != NULL));
    if (status == UNIC_OK)
        status = unic_head_fit(NULL, head, oom_data->codes, CLIPS, LENGTH,
                               head_labels(oom_data, oom_kind));
    if (status == UNIC_OK)
        status = unic_head_save(head, path);
    if (status == UNIC_OK) {
        status = unic_head_load(&again, path, NULL);
        ck_assert((status == UNIC_OK) == (again != NULL));
    }
    unic_head_free(head);
    unic_head_free(again);
    return status;
}

START_TEST(survives_every_failing_allocation)
{
    const char *path = small_path("oom.npz");
    head_data *d = head_data_new(10);
    oom_kind = _i;
    oom_codebook = head_codebook(1);
    oom_data = d;
    io_fail_each_allocation(use_everything, path);
    unic_codebook_free(oom_codebook);
    free(d);
    remove(path);
}
END_TEST

START_TEST(a_fit_without_memory_changes_nothing)
{
    head_data *d = head_data_new(11);
    unic_head *head = head_of_kind(_i), *same = head_of_kind(_i);
    unic_status status = UNIC_E_NOMEM;
    for (size_t n = 0; status == UNIC_E_NOMEM; n++) {
        ck_assert_uint_le(n, 99);
        small_fail_allocations_after(n);
        status = unic_head_fit(NULL, head, d->codes, CLIPS, LENGTH, head_labels(d, _i));
        unic_set_allocator(NULL);
        ck_assert(head_same(head, same) == (status == UNIC_E_NOMEM));
    }
    io_assert_ok(status);
    io_assert_ok(unic_head_fit(NULL, same, d->codes, CLIPS, LENGTH, head_labels(d, _i)));
    ck_assert(head_same(head, same));
    unic_head_free(head);
    unic_head_free(same);
    free(d);
}
END_TEST

START_TEST(predicting_allocates_nothing)
{
    static float logits[STEPS * CLASSES];
    unic_head *head = head_of_kind(_i);
    head_data *d = head_data_new(12);
    small_count_allocations();
    unic_status status = unic_head_predict(head, d->codes, CLIPS, LENGTH, logits);
    ck_assert_uint_eq(small_counted_allocations(), 0);
    io_assert_ok(status);
    free(d);
    unic_head_free(head);
}
END_TEST

int main(void)
{
    enum { FIRST = UNIC_HEAD_CLIP, END = UNIC_HEAD_STEP_MULTI + 1 };
    TCase *t = tcase_create("head_file");
    tcase_add_loop_test(t, a_head_survives_its_file, FIRST, END);
    tcase_add_test(t, the_weighted_loss_survives_its_file);
    tcase_add_test(t, damaged_heads_are_named);
    tcase_add_test(t, files_do_not_choose_how_much_memory);
    tcase_add_loop_test(t, survives_every_failing_allocation, FIRST, END);
    tcase_add_loop_test(t, a_fit_without_memory_changes_nothing, FIRST, END);
    tcase_add_loop_test(t, predicting_allocates_nothing, FIRST, END);
    return small_run("task/head_file", t);
}
