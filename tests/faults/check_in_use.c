/*
 * A handle that another call is using, of another thread or of the one whose callback calls: every
 * exported function says UNIC_E_STATE and changes nothing, unless it only reads and so does the
 * other, or it reads what never changes. Then the same call succeeds.
 */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "array/array_writer.h"
#include "data/dataset.h"
#include "extract/extract.h"
#include "faults.h"
#include "file/io_help.h"
#include "model/encoder.h"
#include "model/stream.h"
#include "task/head.h"
#include "task/index.h"
#include "task/retriever.h"
#include "task/segment.h"
#include "train/trainer.h"

/* ---- the other call ---- */

enum {
    HANDLES = 10, /* that know who uses them */
    WITH_USE = NEEDS_CODEBOOK | NEEDS_TRAINER | NEEDS_ENCODER | NEEDS_STREAM | NEEDS_DATASET |
               NEEDS_HEAD | NEEDS_INDEX | NEEDS_RETRIEVER | NEEDS_SEGMENTER | NEEDS_EXTRACTOR |
               NEEDS_SPECTRA | NEEDS_PATCHES
};

static size_t uses_of(const world *w, unic__use *uses[HANDLES])
{
    size_t n = 0;
#define USE(handle)                                                                            \
    if (w->handle)                                                                             \
    uses[n++] = &w->handle->use
    USE(codebook);
    USE(trainer);
    USE(encoder);
    USE(stream);
    USE(dataset);
    USE(head);
    USE(index);
    USE(retriever);
    USE(segmenter);
    USE(extractor);
#undef USE
    return n;
}

/* The call while another one changes all its handles, or only reads them. */
static unic_status call_meanwhile(const fault_case *c, world *w, bool changes)
{
    unic__use *uses[HANDLES];
    size_t n = uses_of(w, uses);
    for (size_t i = 0; i < n; i++)
        io_assert_ok(changes ? unic__use_alone(uses[i], "other", "handle")
                             : unic__use_shared(uses[i], "other", "handle"));
    unic_status status = c->call(w);
    n = uses_of(w, uses); /* some calls make another */
    for (size_t i = 0; i < n; i++)
        unic__use_end(uses[i]);
    return status;
}

/* ---- tests ---- */

enum { MAX_CASES = 256 };
static const fault_case *cases[MAX_CASES];
static int case_count;

/* These read what never changes, or only share the handle. */
static const char *const never_changes[] = {
    "unic_codebook_code_count",
    "unic_codebook_dim",
    "unic_codebook_modality_count",
    "unic_codebook_perplexity",
    "unic_codebook_fingerprint",
    "unic_dataset_clip_count",
    "unic_dataset_batch_count",
    "unic_dataset_length",
    "unic_dataset_modality_count",
    "unic_dataset_modality_name",
    "unic_dataset_class_count",
    "unic_dataset_class_name",
    "unic_dataset_has",
    "unic_dataset_feature_dims",
    "unic_dataset_paired_count",
    "unic_dataset_clip_name",
    "unic_stream_create",
    "unic_stream_ready_count",
    "unic_trainer_figure_count",
    "unic_trainer_figure_name",
    "unic_trainer_step_count",
    "unic_trainer_total_step_count",
    "unic_trainer_config",
    "unic_head_settings",
    "unic_head_mask_labels",
    "unic_head_fingerprint",
    "unic_head_accepts",
    "unic_retriever_settings",
    "unic_retriever_fingerprint",
    "unic_retriever_accepts",
    "unic_segmenter_settings",
    "unic_segmenter_fingerprint",
    "unic_segmenter_accepts",
    "unic_index_item_count",
    "unic_index_dim",
    "unic_index_metric_of",
    "unic_index_vectors",
    "unic_index_ids",
    "unic_index_accepts",
    "unic_extractor_kind",
    "unic_extractor_settings",
    "unic_extractor_fingerprint",
    "unic_extractor_input_of",
    "unic_extractor_rate",
    "unic_extractor_input_dims",
    "unic_extractor_feature_dims",
};

static bool is_constant(const char *function)
{
    for (size_t i = 0; i < sizeof never_changes / sizeof never_changes[0]; i++)
        if (strcmp(never_changes[i], function) == 0)
            return true;
    return false;
}

static void check_meanwhile(const fault_case *c, bool changes, const char *says)
{
    outputs_reset();
    world w = world_open(c->needs);
    unic_status status = call_meanwhile(c, &w, changes);
    if (is_constant(c->function) || (!changes && status == UNIC_OK)) {
        ck_assert_msg(status == UNIC_OK, "%s: %s", c->function, unic_last_error());
    } else {
        ck_assert_msg(status == UNIC_E_STATE, "%s: %s: %s", c->function,
                      unic_status_name(status), unic_last_error());
        ck_assert_msg(strncmp(unic_last_error(), "unic_", 5) == 0 &&
                          strstr(unic_last_error(), says) != NULL,
                      "%s: \"%s\" does not say \"%s\"", c->function, unic_last_error(), says);
        outputs_assert_old(c->function);
        ck_assert_msg(c->call(&w) == UNIC_OK, "%s, made again: %s", c->function,
                      unic_last_error());
    }
    world_close(&w);
}

START_TEST(while_another_call_changes_the_handle)
{
    check_meanwhile(cases[_i], true, "by another call, of another thread or of the one that");
}
END_TEST

START_TEST(while_another_call_reads_the_handle)
{
    check_meanwhile(cases[_i], false, "it may not change while others read it");
}
END_TEST

/* A writer's file is not there before it is finished: no case has one that is open. */
START_TEST(a_writer_in_use)
{
    static const int64_t dims[1] = {2};
    unic_npz_writer *w;
    unic_array rows_;
    unic_array_init(&rows_, (const float[]){1, 2}, UNIC_F32, 1, dims);
    io_assert_ok(unic_npz_writer_create(&w, files.out));
    io_assert_ok(unic__use_alone(&w->use, "other", "writer"));
    io_assert_fails(unic_npz_writer_add(w, "a", &rows_), UNIC_E_STATE, "writer is in use");
    io_assert_fails(unic_npz_writer_add_text(w, "b", "x"), UNIC_E_STATE, "writer is in use");
    io_assert_fails(unic_npz_writer_begin(w, "c", UNIC_F32, 1, dims), UNIC_E_STATE,
                    "writer is in use");
    io_assert_fails(unic_npz_writer_append(w, "c", &rows_), UNIC_E_STATE, "writer is in use");
    io_assert_fails(unic_npz_writer_finish(w), UNIC_E_STATE, "writer is in use");
    unic__use_end(&w->use);
    io_assert_ok(unic_npz_writer_add(w, "a", &rows_));
    io_assert_ok(unic_npz_writer_finish(w));
    unic_npz_writer_free(w);
}
END_TEST

int main(void)
{
    for (size_t t = 0; fault_tables[t]; t++)
        for (const fault_case *c = fault_tables[t]; c->function; c++)
            if (c->needs & WITH_USE && !strstr(c->function, "_free"))
                cases[case_count++] = c;
    TCase *t = tcase_create("in use");
    tcase_add_unchecked_fixture(t, world_files_make, world_files_remove);
    tcase_add_loop_test(t, while_another_call_changes_the_handle, 0, case_count);
    tcase_add_loop_test(t, while_another_call_reads_the_handle, 0, case_count);
    tcase_add_test(t, a_writer_in_use);
    unic_set_threads(1);
    return small_run("handles in use", t);
}
