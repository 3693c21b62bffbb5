/*
 * A pointer that a call needs, as NULL: UNIC_E_ARG and its name. Calls whose pointers the tests of
 * their own do not try.
 */
#include <check.h>
#include <string.h>

#include "faults.h"
#include "file/io_help.h"

#define REFUSED(call, pointer) io_assert_fails(call, UNIC_E_ARG, pointer " is NULL")

START_TEST(extractors)
{
    world w = world_open(NEEDS_SPECTRA);
    unic_extractor *made = (unic_extractor *)&w;
    size_t rank, steps = 7;
    int64_t dims[UNIC_MAX_RANK];
    float features[8];
    REFUSED(unic_extractor_create(NULL, FAULT_LOGMEL, NULL), "out");
    REFUSED(unic_extractor_create(&made, NULL, NULL), "settings");
    ck_assert_ptr_null(made);
    REFUSED(unic_extractor_input_dims(NULL, w.extractor, dims), "rank");
    REFUSED(unic_extractor_input_dims(&rank, NULL, dims), "extractor");
    REFUSED(unic_extractor_input_dims(&rank, w.extractor, NULL), "dims");
    REFUSED(unic_extractor_feature_dims(NULL, w.extractor, dims), "rank");
    REFUSED(unic_extractor_feature_dims(&rank, NULL, dims), "extractor");
    REFUSED(unic_extractor_feature_dims(&rank, w.extractor, NULL), "dims");
    REFUSED(unic_extractor_extract(NULL, w.extractor, &shown, 1, features), "step_count");
    REFUSED(unic_extractor_extract(&steps, NULL, &shown, 1, features), "extractor");
    ck_assert_uint_eq(steps, 0);
    REFUSED(unic_extractor_extract(&steps, w.extractor, NULL, 1, features), "input");
    REFUSED(unic_extractor_extract_text(NULL, w.extractor, "a", 1, 1, features), "step_count");
    REFUSED(unic_extractor_extract_text(&steps, NULL, "a", 1, 1, features), "extractor");
    REFUSED(unic_extractor_extract_text(&steps, w.extractor, NULL, 0, 1, features), "text");
    REFUSED(unic_extractor_fit(NULL, &shown), "extractor");
    REFUSED(unic_extractor_fit(w.extractor, NULL), "input");
    REFUSED(unic_extractor_normalise(NULL, &shown), "extractor");
    REFUSED(unic_extractor_normalise(w.extractor, NULL), "features");
    REFUSED(unic_extractor_save(NULL, files.out), "extractor");
    REFUSED(unic_extractor_save(w.extractor, NULL), "path");
    REFUSED(unic_extractor_load(NULL, files.extractor, NULL), "out");
    REFUSED(unic_extractor_load(&made, NULL, NULL), "path");
    world_close(&w);
}
END_TEST

START_TEST(datasets)
{
    world w = world_open(NEEDS_DATASET);
    size_t rank, count;
    int64_t dims[UNIC_MAX_RANK];
    char text[64];
    REFUSED(unic_dataset_feature_dims(NULL, w.dataset, "audio", dims), "rank");
    REFUSED(unic_dataset_feature_dims(&rank, NULL, "audio", dims), "dataset");
    REFUSED(unic_dataset_feature_dims(&rank, w.dataset, NULL, dims), "modality");
    REFUSED(unic_dataset_feature_dims(&rank, w.dataset, "audio", NULL), "dims");
    REFUSED(unic_dataset_paired_count(NULL, w.dataset, "audio", "touch"), "count");
    REFUSED(unic_dataset_paired_count(&count, NULL, "audio", "touch"), "dataset");
    REFUSED(unic_dataset_paired_count(&count, w.dataset, NULL, "touch"), "modality");
    REFUSED(unic_dataset_paired_count(&count, w.dataset, "audio", NULL), "other");
    REFUSED(unic_dataset_clip_name(NULL, "audio", 0, text, sizeof text), "dataset");
    REFUSED(unic_dataset_clip_name(w.dataset, NULL, 0, text, sizeof text), "modality");
    REFUSED(unic_dataset_clip_name(w.dataset, "audio", 0, NULL, sizeof text), "text");
    world_close(&w);
}
END_TEST

START_TEST(writers)
{
    static const int64_t dims[1] = {1};
    REFUSED(unic_npz_writer_add(NULL, "a", &rows), "writer");
    REFUSED(unic_npz_writer_add_text(NULL, "a", "x"), "writer");
    REFUSED(unic_npz_writer_begin(NULL, "a", UNIC_F32, 1, dims), "writer");
    REFUSED(unic_npz_writer_append(NULL, "a", &rows), "writer");
    REFUSED(unic_npz_writer_finish(NULL), "writer");
}
END_TEST

START_TEST(configs_and_codebooks)
{
    world w = world_open(NEEDS_CONFIG | NEEDS_CODEBOOK);
    const char *text;
    int32_t codes[24];
    float distances[24];
    REFUSED(unic_config_load(NULL, files.config), "config");
    REFUSED(unic_config_load(w.config, NULL), "path");
    REFUSED(unic_config_get(&text, NULL, "code.dim"), "config");
    REFUSED(unic_config_get(&text, w.config, NULL), "key");
    REFUSED(unic_config_text(&text, NULL), "config");
    REFUSED(unic_codebook_nearest(NULL, &rows, 2, codes, distances), "codebook");
    REFUSED(unic_codebook_nearest(w.codebook, NULL, 2, codes, distances), "z");
    REFUSED(unic_codebook_nearest(w.codebook, &rows, 2, NULL, distances), "codes");
    world_close(&w);
}
END_TEST

START_TEST(models)
{
    world w = world_open(NEEDS_ENCODER | NEEDS_BATCH | NEEDS_BUFFER);
    unic_model *model = (unic_model *)&w;
    unic_trainer *trainer = (unic_trainer *)&w;
    unic_encoder *encoder = (unic_encoder *)&w;
    unic_sink sink;
    int32_t codes[SMALL_BATCH * SMALL_LENGTH];
    unic_buffer_sink(&sink, w.buffer);
    REFUSED(unic_model_import(NULL, CHECKPOINT, NULL, NULL), "out");
    REFUSED(unic_model_import(&model, NULL, NULL, NULL), "path");
    REFUSED(unic_trainer_import(NULL, CHECKPOINT, NULL, NULL, NULL), "out");
    REFUSED(unic_trainer_import(&trainer, NULL, NULL, NULL, NULL), "path");
    REFUSED(unic_trainer_save_sink(NULL, &sink), "trainer");
    REFUSED(unic_encoder_create(&encoder, w.model, "audio", NULL), "options");
    ck_assert(!model && !trainer && !encoder);
    REFUSED(unic_encoder_encode_batch(NULL, w.batch, codes, NULL, NULL), "encoder");
    REFUSED(unic_encoder_encode_batch(w.encoder, NULL, codes, NULL, NULL), "batch");
    world_close(&w);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("NULL");
    tcase_add_unchecked_fixture(t, world_files_make, world_files_remove);
    tcase_add_test(t, extractors);
    tcase_add_test(t, datasets);
    tcase_add_test(t, writers);
    tcase_add_test(t, configs_and_codebooks);
    tcase_add_test(t, models);
    unic_set_threads(1);
    return small_run("pointers that are NULL", t);
}
