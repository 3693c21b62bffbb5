/* unic_encoder_encode_dataset: the codes of single clips, in the files' order, by batches. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "file/io_help.h"
#include "model/small_model.h"

enum { CLIPS = 11, STEPS = SMALL_LENGTH, BATCH = SMALL_BATCH, AUDIO = 6, TOUCH = 5 };

static float audio[CLIPS][STEPS][AUDIO], touch[CLIPS][STEPS][TOUCH];
static const int32_t lengths[CLIPS] = {5, 0, 3, 1, 5, 2, 4, 5, 0, 1, 3}; /* of touch */

static unic_model *model;
static unic_encoder *encoders[2]; /* of audio, touch */

static void add(unic_npz_writer *w, const char *name, const void *data, unic_dtype dtype,
                int rank, const int64_t *dims)
{
    unic_array a;
    unic_array_init(&a, data, dtype, rank, dims);
    io_assert_ok(unic_npz_writer_add(w, name, &a));
}

static void fill(float *x, size_t n)
{
    static uint32_t noise = 1;
    for (size_t i = 0; i < n; i++) {
        noise = noise * 1103515245U + 12345U;
        x[i] = (float)(noise >> 16) / 16384.0F - 2.0F;
    }
}

static void write_clips(void)
{
    unic_npz_writer *w;
    fill(audio[0][0], CLIPS * STEPS * AUDIO);
    fill(touch[0][0], CLIPS * STEPS * TOUCH);
    io_assert_ok(unic_npz_writer_create(&w, small_path("clips.npz")));
    add(w, "audio", audio, UNIC_F32, 3, (const int64_t[]){CLIPS, STEPS, AUDIO});
    add(w, "touch", touch, UNIC_F32, 3, (const int64_t[]){CLIPS, STEPS, TOUCH});
    add(w, "touch.lengths", lengths, UNIC_I32, 1, (const int64_t[]){CLIPS});
    io_assert_ok(unic_npz_writer_finish(w));
    unic_npz_writer_free(w);
}

static void setup(void)
{
    static const char *const names[] = {"audio", "touch"};
    const unic_encoder_options options = {
        .struct_size = sizeof options, .max_batch = BATCH, .max_length = STEPS};
    write_clips();
    model = small_model(SMALL_TWO, "", 1);
    for (size_t i = 0; i < 2; i++)
        io_assert_ok(unic_encoder_create(&encoders[i], model, names[i], &options));
}

static void teardown(void)
{
    unic_encoder_free(encoders[0]);
    unic_encoder_free(encoders[1]);
    unic_model_free(model);
}

static unic_status open_clips(unic_dataset **out, int32_t shuffle, int32_t drop_last)
{
    const char *path = small_path("clips.npz");
    const unic_dataset_options options = {.struct_size = sizeof options,
                                          .batch = BATCH,
                                          .seed = 3,
                                          .shuffle = shuffle,
                                          .drop_last = drop_last,
                                          .prefetch = 2};
    return unic_dataset_open(out, &path, 1, &options);
}

/* Codes and vectors of one clip, encoded alone. */
static void encode_clip(size_t clip, int32_t codes[2][STEPS],
                        float vectors[2][STEPS * SMALL_DIM])
{
    unic_array a;
    unic_array_init(&a, audio[clip], UNIC_F32, 3, (const int64_t[]){1, STEPS, AUDIO});
    io_assert_ok(unic_encoder_encode(encoders[0], &a, NULL, codes[0], NULL, vectors[0]));
    unic_array_init(&a, touch[clip], UNIC_F32, 3, (const int64_t[]){1, STEPS, TOUCH});
    io_assert_ok(
        unic_encoder_encode(encoders[1], &a, &lengths[clip], codes[1], NULL, vectors[1]));
}

START_TEST(codes_are_those_of_single_clips_in_the_files_order)
{
    static int32_t codes[2][CLIPS][STEPS];
    int32_t wanted[2][STEPS];
    float vectors[2][STEPS * SMALL_DIM];
    unic_dataset *data;
    const unic_batch *batch;
    io_assert_ok(open_clips(&data, _i, 0));
    io_assert_ok(unic_dataset_next(&batch, data)); /* it begins anew, wherever this stands */
    memset(codes, 0x55, sizeof codes);
    io_assert_ok(unic_encoder_encode_dataset(encoders, 2, data, NULL,
                                             (int32_t *const[]){codes[0][0], codes[1][0]}));
    unic_dataset_free(data);
    for (size_t clip = 0; clip < CLIPS; clip++) {
        encode_clip(clip, wanted, vectors);
        for (size_t m = 0; m < 2; m++)
            ck_assert_mem_eq(codes[m][clip], wanted[m], sizeof wanted[m]);
    }
}
END_TEST

START_TEST(clips_that_are_left_out_have_no_codes)
{
    static int32_t codes[CLIPS][STEPS];
    unic_dataset *data;
    size_t encoded = 0;
    io_assert_ok(open_clips(&data, 1, 1));
    memset(codes, 0x55, sizeof codes);
    io_assert_ok(
        unic_encoder_encode_dataset(encoders, 1, data, NULL, (int32_t *const[]){codes[0]}));
    unic_dataset_free(data);
    for (size_t clip = 0; clip < CLIPS; clip++) {
        encoded += codes[clip][0] >= 0;
        for (size_t t = 1; t < STEPS; t++)
            ck_assert((codes[clip][t] >= 0) == (codes[clip][0] >= 0));
    }
    ck_assert_uint_eq(encoded, CLIPS / BATCH * BATCH);
}
END_TEST

/* ---- callbacks ---- */

/* All that the callbacks are given, of a dataset that is not shuffled. */
static struct {
    size_t calls, stop_at; /* the call of either callback that asks to stop; 0: none */
    size_t clips[2];
    uint64_t done, total;
    int32_t codes[2][CLIPS][STEPS], lengths[2][CLIPS];
    float quantized[2][CLIPS][STEPS * SMALL_DIM], semantic[2][CLIPS][STEPS * SMALL_DIM];
} seen;

static int take_results(size_t encoder, const unic_batch *batch, const int32_t *codes,
                        const float *quantized, const float *semantic, void *user)
{
    static const char *const names[] = {"audio", "touch"};
    const int32_t *valid;
    size_t n = unic_batch_clip_count(batch), at = seen.clips[encoder];
    ck_assert_ptr_eq(user, &seen);
    io_assert_ok(unic_batch_get(NULL, &valid, batch, names[encoder]));
    memcpy(seen.codes[encoder][at], codes, n * sizeof seen.codes[0][0]);
    memcpy(seen.quantized[encoder][at], quantized, n * sizeof seen.quantized[0][0]);
    memcpy(seen.semantic[encoder][at], semantic, n * sizeof seen.semantic[0][0]);
    memcpy(&seen.lengths[encoder][at], valid, n * sizeof *valid);
    seen.clips[encoder] += n;
    return ++seen.calls == seen.stop_at;
}

static int take_progress(const char *what, uint64_t done, uint64_t total, void *user)
{
    ck_assert_str_eq(what, "clips");
    ck_assert_ptr_eq(user, &seen);
    seen.done = done;
    seen.total = total;
    return ++seen.calls == seen.stop_at;
}

static unic_status encode_with_callbacks(size_t stop_at, int32_t *const *codes)
{
    const unic_encode_options options = {.struct_size = sizeof options,
                                         .encoded = take_results,
                                         .encoded_user = &seen,
                                         .progress = take_progress,
                                         .progress_user = &seen};
    unic_dataset *data;
    memset(&seen, 0, sizeof seen);
    seen.stop_at = stop_at;
    UNIC__TRY(open_clips(&data, 0, 0));
    unic_status status = unic_encoder_encode_dataset(encoders, 2, data, &options, codes);
    unic_dataset_free(data);
    return status;
}

START_TEST(the_callback_is_given_everything)
{
    int32_t codes[2][STEPS];
    float vectors[2][STEPS * SMALL_DIM];
    unic_codebook *codebook;
    io_assert_ok(encode_with_callbacks(0, NULL));
    ck_assert_uint_eq(seen.calls, 3 * (2 + 1)); /* batches, of each: results, and progress */
    ck_assert(seen.done == CLIPS && seen.total == CLIPS);
    ck_assert_mem_eq(seen.lengths[1], lengths, sizeof lengths);
    io_assert_ok(unic_model_codebook(&codebook, model));
    for (size_t clip = 0; clip < CLIPS; clip++) {
        encode_clip(clip, codes, vectors);
        for (size_t m = 0; m < 2; m++) {
            float nearest[STEPS * SMALL_DIM];
            io_assert_ok(unic_codebook_lookup(codebook, codes[m], STEPS, nearest));
            ck_assert_mem_eq(seen.codes[m][clip], codes[m], sizeof codes[m]);
            ck_assert_mem_eq(seen.semantic[m][clip], vectors[m], sizeof vectors[m]);
            ck_assert_mem_eq(seen.quantized[m][clip], nearest, sizeof nearest);
        }
    }
    unic_codebook_free(codebook);
}
END_TEST

START_TEST(either_callback_stops_the_call)
{
    io_assert_fails(encode_with_callbacks(1, NULL), UNIC_E_CANCELLED,
                    "unic_encoder_encode_dataset: stopped by the callback that is given");
    io_assert_fails(encode_with_callbacks(3, NULL), UNIC_E_CANCELLED,
                    "stopped by the progress callback after 4 of 11 clips");
    ck_assert_uint_eq(seen.calls, 3);
    io_assert_ok(encode_with_callbacks(0, NULL)); /* the encoders are as they were */
}
END_TEST

/* ---- refusals ---- */

START_TEST(refuses_what_does_not_fit)
{
    const char *one = "touch", *path = small_path("clips.npz");
    const unic_dataset_options touch_only = {
        .struct_size = sizeof touch_only, .modalities = &one, .modality_count = 1, .batch = 1};
    const unic_dataset_options large = {.struct_size = sizeof large, .batch = BATCH + 1};
    unic_encoder *with_null[] = {encoders[0], NULL};
    unic_dataset *data;
    io_assert_ok(unic_dataset_open(&data, &path, 1, &touch_only));
    io_assert_fails(unic_encoder_encode_dataset(NULL, 1, data, NULL, NULL), UNIC_E_ARG,
                    "encoders is NULL");
    io_assert_fails(unic_encoder_encode_dataset(encoders, 1, NULL, NULL, NULL), UNIC_E_ARG,
                    "dataset is NULL");
    io_assert_fails(unic_encoder_encode_dataset(encoders, 0, data, NULL, NULL), UNIC_E_ARG,
                    "encoder_count is 0");
    io_assert_fails(unic_encoder_encode_dataset(with_null, 2, data, NULL, NULL), UNIC_E_ARG,
                    "encoders[1] is NULL");
    io_assert_fails(unic_encoder_encode_dataset(encoders, 2, data, NULL, NULL), UNIC_E_NOTFOUND,
                    "the batch has no modality \"audio\"");
    unic_dataset_free(data);
    io_assert_ok(unic_dataset_open(&data, &path, 1, &large));
    io_assert_fails(unic_encoder_encode_dataset(encoders, 1, data, NULL, NULL), UNIC_E_SHAPE,
                    "modality \"audio\"");
    unic_dataset_free(data);
}
END_TEST

static unic_status encode_once(const char *path)
{
    static int32_t codes[CLIPS][STEPS];
    (void)path;
    return encode_with_callbacks(0, (int32_t *const[]){codes[0], NULL});
}

START_TEST(survives_failing_allocations)
{
    io_fail_each_allocation(encode_once, "");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("encode_dataset");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, codes_are_those_of_single_clips_in_the_files_order, 0, 2);
    tcase_add_test(tests, clips_that_are_left_out_have_no_codes);
    tcase_add_test(tests, the_callback_is_given_everything);
    tcase_add_test(tests, either_callback_stops_the_call);
    tcase_add_test(tests, refuses_what_does_not_fit);
    tcase_add_test(tests, survives_failing_allocations);
    return small_run("api/encode_dataset", tests);
}
