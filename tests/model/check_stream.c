/* lib/model/stream: the code of a step is that of its window, encoded by hand, however the steps
 * were pushed and the codes pulled. */
#include "model/stream.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "file/io_help.h"
#include "small_model.h"

enum { LONGEST = 17 }; /* steps of a clip */

typedef struct given {
    int32_t codes[LONGEST];
    float quantized[LONGEST * SMALL_DIM], z[LONGEST * SMALL_DIM];
} given;

static unic_encoder *encoder_of(unic_model *model, const char *modality, size_t max_batch)
{
    unic_encoder *encoder;
    const unic_encoder_options o = {
        .struct_size = sizeof o, .max_batch = max_batch, .max_length = LONGEST};
    io_assert_ok(unic_encoder_create(&encoder, model, modality, &o));
    return encoder;
}

static unic_stream *stream_of(unic_encoder *encoder, size_t window, size_t lag, size_t backlog)
{
    unic_stream *stream;
    const unic_stream_options o = {
        .struct_size = sizeof o, .window = window, .lag = lag, .backlog = backlog};
    io_assert_ok(unic_stream_create(&stream, encoder, &o));
    return stream;
}

/* Steps first..end-1 of clip 0, as a clip [1,n,...] or, if not `batched`, as steps [n,...]. */
static unic_array steps_of(const small_batch *b, size_t m, size_t first, size_t end,
                           bool batched)
{
    unic_array x = b->array[m];
    x.data = b->x[m] + first * b->step[m];
    x.dims[0] = 1;
    x.dims[1] = (int64_t)(end - first);
    if (!batched) {
        memmove(x.dims, x.dims + 1, (size_t)--x.rank * sizeof x.dims[0]);
        x.dims[x.rank] = 0;
    }
    return x;
}

static void push(unic_stream *s, const small_batch *b, size_t m, size_t first, size_t end)
{
    const unic_array x = steps_of(b, m, first, end, false);
    io_assert_ok(unic_stream_push(s, &x));
}

/* At most `most` codes that are ready, behind those that there are already. */
static size_t pull(unic_stream *s, given *r, size_t done, size_t most)
{
    size_t count;
    uint64_t first;
    const size_t ready = unic_stream_ready_count(s), expected = ready < most ? ready : most;
    io_assert_ok(unic_stream_pull(&count, &first, s, most, r->codes + done,
                                  r->quantized + done * SMALL_DIM, r->z + done * SMALL_DIM));
    ck_assert_uint_eq(count, expected);
    ck_assert_uint_eq(first, done);
    return count;
}

/* What the header says, by hand: window by window. */
static void by_hand(unic_encoder *encoder, const small_batch *b, size_t m, size_t length,
                    size_t window, size_t lag, given *want)
{
    static given part;
    const size_t chunk = encoder->model->config->encoder_context;
    for (size_t t = 0; t < length; t++) {
        size_t e = t + lag < length ? t + lag : length - 1, start;
        if (chunk && e / chunk > t / chunk)
            e = t / chunk * chunk + chunk - 1;
        start = e + 1 > window ? e + 1 - window : 0;
        while (chunk && start % chunk)
            start++;
        const unic_array x = steps_of(b, m, start, e + 1, true);
        io_assert_ok(
            unic_encoder_encode(encoder, &x, NULL, part.codes, part.quantized, part.z));
        want->codes[t] = part.codes[t - start];
        memcpy(want->quantized + t * SMALL_DIM, part.quantized + (t - start) * SMALL_DIM,
               SMALL_DIM * sizeof(float));
        memcpy(want->z + t * SMALL_DIM, part.z + (t - start) * SMALL_DIM,
               SMALL_DIM * sizeof(float));
    }
}

static void assert_same(const given *got, const given *want, size_t length)
{
    ck_assert_mem_eq(got->codes, want->codes, length * sizeof(int32_t));
    ck_assert_mem_eq(got->quantized, want->quantized, length * SMALL_DIM * sizeof(float));
    ck_assert_mem_eq(got->z, want->z, length * SMALL_DIM * sizeof(float));
}

/* The same codes, and z up to rounding: a BLAS and oneDNN may add up in another order where they
 * are given more rows (kernel.backend = blas or onednn, docs/abi.md). */
static void assert_near(const given *got, const given *want, size_t length)
{
    float largest = 0.0F;
    for (size_t i = 0; i < length * SMALL_DIM; i++)
        largest = fmaxf(largest, fabsf(want->z[i]));
    ck_assert_mem_eq(got->codes, want->codes, length * sizeof(int32_t));
    for (size_t i = 0; i < length * SMALL_DIM; i++)
        ck_assert_float_le(fabsf(got->z[i] - want->z[i]), 1e-5F * largest);
}

/* A clip through the stream: `piece` steps at a time, at most `most` codes at a time. */
static void run_clip(unic_stream *s, const small_batch *b, size_t m, size_t length,
                     size_t piece, size_t most, given *got)
{
    size_t done = 0, n;
    memset(got, 0x55, sizeof *got);
    for (size_t t = 0; t < length; t += piece) {
        push(s, b, m, t, t + piece < length ? t + piece : length);
        while ((n = pull(s, got, done, most)) > 0)
            done += n;
    }
    io_assert_ok(unic_stream_finish(s));
    io_assert_ok(unic_stream_finish(s));
    while ((n = pull(s, got, done, most)) > 0)
        done += n;
    ck_assert_uint_eq(done, length);
    ck_assert_uint_eq(unic_stream_ready_count(s), 0);
}

/* ---- values ---- */

START_TEST(codes_are_those_of_their_windows)
{
    static given got, want;
    static const size_t lengths[] = {1, 2, 6, LONGEST};
    static const char *const contexts[] = {
        "",
        "encoder.context = causal\n",
        "encoder.context = chunk:2\n",
        "encoder.context = chunk:3\n",
        "kernel.backend = onednn\n",
        "encoder.context = chunk:2\nkernel.backend = blas\n"};
    const size_t window = 5;
    const bool other_rows = _i % 2 && strstr(contexts[_i / 2], "kernel.backend");
    unic_model *model = small_model(SMALL_THREE, contexts[_i / 2], 1);
    small_batch *b = small_batch_new(SMALL_THREE, 1, LONGEST, 3);
    for (size_t m = 0; m < b->n; m++) {
        unic_encoder *one = encoder_of(model, b->name[m], 1),
                     *four = encoder_of(model, b->name[m], 4);
        for (size_t lag = 0; lag < window; lag++)
            for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
                by_hand(one, b, m, lengths[i], window, lag, &want);
                unic_stream *s = stream_of(_i % 2 ? four : one, window, lag, window + lag);
                for (size_t piece = 1; piece <= window; piece += 2) {
                    run_clip(s, b, m, lengths[i], piece, piece == 3 ? 2 : LONGEST, &got);
                    if (other_rows)
                        assert_near(&got, &want, lengths[i]);
                    else
                        assert_same(&got, &want, lengths[i]);
                    io_assert_ok(unic_stream_reset(s));
                }
                unic_stream_free(s);
            }
        unic_encoder_free(one);
        unic_encoder_free(four);
    }
    unic_model_free(model);
    small_batch_free(b);
}
END_TEST

/* With a window of the whole clip, and this lag, the codes are the whole clip's. */
static void assert_codes_of_the_clip(const char *context, uint64_t seed, size_t lag)
{
    static given got, want;
    unic_model *model = small_model(SMALL_THREE, context, 1);
    small_batch *b = small_batch_new(SMALL_THREE, 1, LONGEST, seed);
    for (size_t m = 0; m < b->n; m++) {
        unic_encoder *encoder = encoder_of(model, b->name[m], 2);
        unic_stream *s = stream_of(encoder, LONGEST, lag, 0);
        const unic_array x = steps_of(b, m, 0, LONGEST, true);
        io_assert_ok(
            unic_encoder_encode(encoder, &x, NULL, want.codes, want.quantized, want.z));
        run_clip(s, b, m, LONGEST, 1, LONGEST, &got);
        assert_same(&got, &want, LONGEST);
        unic_stream_free(s);
        unic_encoder_free(encoder);
    }
    unic_model_free(model);
    small_batch_free(b);
}

START_TEST(a_window_of_the_whole_clip_gives_the_clips_codes)
{
    assert_codes_of_the_clip("", 4, LONGEST - 1);
}
END_TEST

/* Without a lag where the encoder is causal, otherwise with that of a chunk. */
START_TEST(a_window_of_the_whole_clip_is_enough_if_nothing_later_is_seen)
{
    static const char *const contexts[] = {"encoder.context = causal\nencoder.layers = 2\n",
                                           "encoder.context = chunk:4\nencoder.layers = 2\n"};
    assert_codes_of_the_clip(contexts[_i], 14, _i ? 3 : 0);
}
END_TEST

/* A code is ready at the end of its chunk, or after the lag if that is sooner. */
START_TEST(codes_are_ready_at_the_end_of_their_chunk)
{
    static given got;
    static const size_t lags[] = {0, 1, 2, 4}, ready[][7] = {{1, 2, 3, 4, 5, 6, 7},
                                                             {0, 1, 3, 3, 4, 6, 6},
                                                             {0, 0, 3, 3, 3, 6, 6},
                                                             {0, 0, 3, 3, 3, 6, 6}};
    unic_model *model = small_model(SMALL_TWO, "encoder.context = chunk:3\n", 0);
    small_batch *b = small_batch_new(SMALL_TWO, 1, LONGEST, 15);
    unic_encoder *encoder = encoder_of(model, "audio", 1);
    for (size_t i = 0; i < 4; i++) {
        size_t done = 0;
        unic_stream *s = stream_of(encoder, 6, lags[i], 0);
        for (size_t t = 0; t < 7; t++) {
            push(s, b, 0, t, t + 1);
            done += pull(s, &got, done, LONGEST);
            ck_assert_uint_eq(done, ready[i][t]);
        }
        unic_stream_free(s);
    }
    const unic_stream_options o = {.struct_size = sizeof o, .window = 2};
    unic_stream *none;
    io_assert_fails(unic_stream_create(&none, encoder, &o), UNIC_E_ARG,
                    "options->window = 2 is less than a chunk of the encoder (encoder.context "
                    "= chunk:3)");
    unic_encoder_free(encoder);
    unic_model_free(model);
    small_batch_free(b);
}
END_TEST

/* Many windows at once, after a backlog that goes round the ring several times. */
START_TEST(a_backlog_gives_the_same_codes)
{
    static given got, want;
    unic_model *model = small_model(SMALL_TWO, "", 1);
    small_batch *b = small_batch_new(SMALL_TWO, 1, LONGEST, 5);
    unic_encoder *encoder = encoder_of(model, "touch", 3);
    by_hand(encoder, b, 1, LONGEST, 4, 1, &want);
    for (size_t backlog = 2; backlog <= LONGEST; backlog++) {
        unic_stream *s = stream_of(encoder, 4, 1, backlog);
        for (int clip = 0; clip < 3; clip++) {
            size_t done = 0, t = 0;
            memset(&got, 0x55, sizeof got);
            while (t < LONGEST) {
                size_t room = backlog - (t - done), end = t + room;
                end = end < LONGEST ? end : LONGEST;
                push(s, b, 1, t, end);
                t = end;
                done += pull(s, &got, done, LONGEST);
            }
            io_assert_ok(unic_stream_finish(s));
            done += pull(s, &got, done, LONGEST);
            ck_assert_uint_eq(done, LONGEST);
            assert_same(&got, &want, LONGEST);
            io_assert_ok(unic_stream_reset(s));
        }
        unic_stream_free(s);
    }
    unic_encoder_free(encoder);
    unic_model_free(model);
    small_batch_free(b);
}
END_TEST

START_TEST(float64_and_strides_are_taken)
{
    static given got, want;
    unic_model *model = small_model(SMALL_TWO, "", 1);
    small_batch *b = small_batch_new(SMALL_TWO, 1, LONGEST, 6);
    unic_encoder *encoder = encoder_of(model, "audio", 1);
    const size_t width = b->step[0];
    double *wide = malloc(LONGEST * width * sizeof *wide);
    ck_assert_ptr_nonnull(wide);
    for (size_t t = 0; t < LONGEST; t++) /* [width,steps], the caller's own order */
        for (size_t j = 0; j < width; j++)
            wide[j * LONGEST + t] = (double)b->x[0][t * width + j];
    by_hand(encoder, b, 0, LONGEST, 5, 2, &want);
    unic_stream *s = stream_of(encoder, 5, 2, LONGEST);
    unic_array x;
    unic_array_init(&x, wide, UNIC_F64, 2, (const int64_t[]){LONGEST, (int64_t)width});
    x.strides[0] = sizeof(double);
    x.strides[1] = LONGEST * sizeof(double);
    io_assert_ok(unic_stream_push(s, &x));
    io_assert_ok(unic_stream_finish(s));
    ck_assert_uint_eq(pull(s, &got, 0, LONGEST), LONGEST);
    assert_same(&got, &want, LONGEST);
    free(wide);
    unic_stream_free(s);
    unic_encoder_free(encoder);
    unic_model_free(model);
    small_batch_free(b);
}
END_TEST

START_TEST(each_output_is_optional)
{
    static given got, want;
    size_t count;
    unic_model *model = small_model(SMALL_TWO, "", 1);
    small_batch *b = small_batch_new(SMALL_TWO, 1, LONGEST, 7);
    unic_encoder *encoder = encoder_of(model, "audio", 2);
    unic_stream *s = stream_of(encoder, 5, 2, LONGEST);
    by_hand(encoder, b, 0, LONGEST, 5, 2, &want);
    push(s, b, 0, 0, LONGEST);
    io_assert_ok(unic_stream_finish(s));
    io_assert_ok(unic_stream_pull(&count, NULL, s, 5, NULL, NULL, got.z));
    io_assert_ok(unic_stream_pull(&count, NULL, s, 5, got.codes + 5, NULL, NULL));
    io_assert_ok(
        unic_stream_pull(&count, NULL, s, 5, NULL, got.quantized + 10 * SMALL_DIM, NULL));
    ck_assert_uint_eq(count, 5);
    io_assert_ok(unic_stream_pull(&count, NULL, s, 5, NULL, NULL, NULL));
    ck_assert_uint_eq(count, 2);
    ck_assert_mem_eq(got.z, want.z, 5 * SMALL_DIM * sizeof(float));
    ck_assert_mem_eq(got.codes + 5, want.codes + 5, 5 * sizeof(int32_t));
    ck_assert_mem_eq(got.quantized + 10 * SMALL_DIM, want.quantized + 10 * SMALL_DIM,
                     5 * SMALL_DIM * sizeof(float));
    unic_stream_free(s);
    unic_encoder_free(encoder);
    unic_model_free(model);
    small_batch_free(b);
}
END_TEST

/* Streams that share an encoder do not notice each other, and it lives as long as they do. */
START_TEST(streams_share_an_encoder)
{
    static given got[2], want[2];
    size_t done[2] = {0, 0};
    unic_model *model = small_model(SMALL_TWO, "", 1);
    small_batch *b[2] = {small_batch_new(SMALL_TWO, 1, LONGEST, 8),
                         small_batch_new(SMALL_TWO, 1, LONGEST, 9)};
    unic_encoder *encoder = encoder_of(model, "audio", 1);
    unic_stream *s[2] = {stream_of(encoder, 6, 1, 0), stream_of(encoder, 3, 2, 0)};
    by_hand(encoder, b[0], 0, LONGEST, 6, 1, &want[0]);
    by_hand(encoder, b[1], 0, LONGEST, 3, 2, &want[1]);
    unic_model_free(model);
    unic_encoder_free(encoder);
    for (size_t t = 0; t < LONGEST; t++)
        for (size_t i = 0; i < 2; i++) {
            push(s[i], b[i], 0, t, t + 1);
            done[i] += pull(s[i], &got[i], done[i], LONGEST);
        }
    for (size_t i = 0; i < 2; i++) {
        io_assert_ok(unic_stream_finish(s[i]));
        done[i] += pull(s[i], &got[i], done[i], LONGEST);
        ck_assert_uint_eq(done[i], LONGEST);
        assert_same(&got[i], &want[i], LONGEST);
        unic_stream_free(s[i]);
        small_batch_free(b[i]);
    }
}
END_TEST

/* ---- what is refused ---- */

START_TEST(bad_options_are_refused)
{
    unic_model *model = small_model(SMALL_TWO, "", 0);
    unic_encoder *encoder = encoder_of(model, "audio", 1);
    unic_stream *s = (unic_stream *)&s;
    const struct {
        size_t window, lag, backlog;
        const char *said;
    } bad[] = {
        {0, 0, 0, "options->window = 0 is not in 1..17, the encoder's max_length"},
        {LONGEST + 1, 0, 0, "options->window = 18 is not in 1..17"},
        {4, 4, 0, "options->lag = 4 is not below options->window = 4"},
        {4, 2, 2, "options->backlog = 2 is not above options->lag = 2: no code would ever"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const unic_stream_options o = {.struct_size = sizeof o,
                                       .window = bad[i].window,
                                       .lag = bad[i].lag,
                                       .backlog = bad[i].backlog};
        io_assert_fails(unic_stream_create(&s, encoder, &o), UNIC_E_ARG, bad[i].said);
        ck_assert_ptr_null(s);
    }
    unic_stream_options o = {.struct_size = sizeof o, .window = 3, .backlog = SIZE_MAX};
    io_assert_fails(unic_stream_create(&s, encoder, &o), UNIC_E_NOMEM,
                    "unic_stream_create: out");
    o.backlog = 0;
    o.reserved[2] = &o;
    io_assert_fails(unic_stream_create(&s, encoder, &o), UNIC_E_ARG, "reserved[2]");
    o.reserved[2] = NULL;
    io_assert_fails(unic_stream_create(NULL, encoder, &o), UNIC_E_ARG, "out is NULL");
    io_assert_fails(unic_stream_create(&s, NULL, &o), UNIC_E_ARG, "encoder is NULL");
    io_assert_fails(unic_stream_create(&s, encoder, NULL), UNIC_E_ARG, "options is NULL");
    unic_stream_free(NULL);
    ck_assert_uint_eq(unic_stream_ready_count(NULL), 0);
    unic_encoder_free(encoder);
    unic_model_free(model);
}
END_TEST

/* After each refusal the stream goes on as if it had not been asked. */
START_TEST(bad_steps_are_refused_whole)
{
    static given got, want;
    size_t count;
    unic_model *model = small_model(SMALL_TWO, "", 1);
    small_batch *b = small_batch_new(SMALL_TWO, 1, LONGEST, 10);
    unic_encoder *encoder = encoder_of(model, "audio", 1);
    unic_stream *s = stream_of(encoder, 5, 1, 4);
    by_hand(encoder, b, 0, 8, 5, 1, &want);
    push(s, b, 0, 0, 3);
    unic_array x = steps_of(b, 0, 3, 5, false);
    io_assert_fails(unic_stream_push(s, &x), UNIC_E_STATE,
                    "unic_stream_push: 2 more steps, but 3 wait already to be pulled, and at "
                    "most backlog = 4 may");
    x.dims[1] = 5;
    io_assert_fails(
        unic_stream_push(s, &x), UNIC_E_SHAPE,
        "modality \"audio\": steps are [2,5], [n,...] with the dims of a step, [6], expected");
    x = steps_of(b, 0, 3, 4, true);
    io_assert_fails(unic_stream_push(s, &x), UNIC_E_SHAPE, "steps are [1,1,6]");
    x.rank = 0;
    io_assert_fails(unic_stream_push(s, &x), UNIC_E_SHAPE, "steps are []");
    x = steps_of(b, 0, 0, 0, false);
    x.dtype = UNIC_I32;
    io_assert_fails(unic_stream_push(s, &x), UNIC_E_ARG, "int32");
    x.dtype = UNIC_F32;
    io_assert_ok(unic_stream_push(s, &x)); /* no step */
    size_t done = pull(s, &got, 0, LONGEST);
    ck_assert_uint_eq(done, 2);
    const float old = b->x[0][5 * 6 + 4];
    b->x[0][5 * 6 + 4] = NAN;
    x = steps_of(b, 0, 3, 6, false);
    io_assert_fails(unic_stream_push(s, &x), UNIC_E_VALUE,
                    "modality \"audio\": the array of steps holds NaN or Inf in step 2, dim 4");
    b->x[0][5 * 6 + 4] = old;
    push(s, b, 0, 3, 6);
    done += pull(s, &got, done, LONGEST);
    push(s, b, 0, 6, 8);
    io_assert_ok(unic_stream_finish(s));
    x = steps_of(b, 0, 8, 9, false);
    io_assert_fails(unic_stream_push(s, &x), UNIC_E_STATE,
                    "the clip is finished; unic_stream_reset() begins the next one");
    done += pull(s, &got, done, LONGEST);
    ck_assert_uint_eq(done, 8);
    assert_same(&got, &want, 8);
    io_assert_fails(unic_stream_push(NULL, &x), UNIC_E_ARG, "stream is NULL");
    io_assert_fails(unic_stream_push(s, NULL), UNIC_E_ARG, "steps is NULL");
    io_assert_fails(unic_stream_finish(NULL), UNIC_E_ARG, "stream is NULL");
    io_assert_fails(unic_stream_reset(NULL), UNIC_E_ARG, "stream is NULL");
    io_assert_fails(unic_stream_pull(NULL, NULL, s, 1, NULL, NULL, NULL), UNIC_E_ARG,
                    "count is NULL");
    io_assert_fails(unic_stream_pull(&count, NULL, NULL, 1, NULL, NULL, NULL), UNIC_E_ARG,
                    "stream is NULL");
    unic_stream_free(s);
    unic_encoder_free(encoder);
    unic_model_free(model);
    small_batch_free(b);
}
END_TEST

START_TEST(a_pull_that_fails_takes_nothing)
{
    static given got;
    size_t count = 9;
    unic_model *model = small_model(SMALL_TWO, "", 1);
    small_batch *b = small_batch_new(SMALL_TWO, 1, LONGEST, 11);
    unic_encoder *encoder = encoder_of(model, "audio", 1);
    unic_stream *s = stream_of(encoder, 3, 0, LONGEST);
    for (size_t j = 0; j < 6; j++)
        b->x[0][7 * 6 + j] = 3e38F; /* finite; products of it are not */
    push(s, b, 0, 0, LONGEST);
    io_assert_fails(unic_stream_pull(&count, NULL, s, LONGEST, got.codes, NULL, NULL),
                    UNIC_E_NUMERIC,
                    "unic_stream_pull: steps 5..7 of the stream: modality \"audio\": ");
    ck_assert_uint_eq(count, 0);
    ck_assert_uint_eq(unic_stream_ready_count(s), LONGEST);
    ck_assert_uint_eq(pull(s, &got, 0, 7), 7); /* those before it */
    io_assert_ok(unic_stream_reset(s));
    ck_assert_uint_eq(unic_stream_ready_count(s), 0);
    push(s, b, 0, 8, 10);
    ck_assert_uint_eq(pull(s, &got, 0, LONGEST), 2);
    unic_stream_free(s);
    unic_encoder_free(encoder);
    unic_model_free(model);
    small_batch_free(b);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("stream");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, codes_are_those_of_their_windows, 0, 12);
    tcase_add_test(t, a_window_of_the_whole_clip_gives_the_clips_codes);
    tcase_add_loop_test(t, a_window_of_the_whole_clip_is_enough_if_nothing_later_is_seen, 0, 2);
    tcase_add_test(t, codes_are_ready_at_the_end_of_their_chunk);
    tcase_add_test(t, a_backlog_gives_the_same_codes);
    tcase_add_test(t, float64_and_strides_are_taken);
    tcase_add_test(t, each_output_is_optional);
    tcase_add_test(t, streams_share_an_encoder);
    tcase_add_test(t, bad_options_are_refused);
    tcase_add_test(t, bad_steps_are_refused_whole);
    tcase_add_test(t, a_pull_that_fails_takes_nothing);
    return small_run("model/stream", t);
}
