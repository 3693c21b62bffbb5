/* A warm call of an encoder or a stream allocates nothing: not in libunicode, and not in the libraries
 * below it. Every allocation of the process is counted. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "file/io_help.h"
#include "model/encoder.h"
#include "small_model.h"

/* ---- malloc and its kin, instead of glibc's ---- */

#if defined(__SANITIZE_ADDRESS__)
#define COUNTS 0 /* the sanitizer has its own */
#else
#define COUNTS 1
#endif

static size_t allocations;

#if COUNTS
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *memory, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);

static void count(void)
{
    __atomic_add_fetch(&allocations, 1, __ATOMIC_RELAXED);
}

void *malloc(size_t bytes)
{
    count();
    return __libc_malloc(bytes);
}

void *calloc(size_t n, size_t size)
{
    count();
    return __libc_calloc(n, size);
}

void *realloc(void *memory, size_t bytes)
{
    count();
    return __libc_realloc(memory, bytes);
}

void *memalign(size_t alignment, size_t bytes);
void *memalign(size_t alignment, size_t bytes)
{
    count();
    return __libc_memalign(alignment, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
    return memalign(alignment, bytes);
}

int posix_memalign(void **memory, size_t alignment, size_t bytes)
{
    *memory = memalign(alignment, bytes);
    return *memory ? 0 : ENOMEM;
}
#endif

static size_t counted(void)
{
    return __atomic_load_n(&allocations, __ATOMIC_RELAXED);
}

/* ---- every shape ---- */

/* Large enough that threads are worth it. */
#define SIZES                                                                                  \
    "modalities = image audio text\n"                                                          \
    "image.kind = grid\nimage.dims = 7 7 64\nimage.specific = 6\n"                             \
    "audio.kind = vector\naudio.dims = 128\n"                                                  \
    "text.kind = token\ntext.dims = 96\ntext.recurrent = 48\ntext.recurrent_layers = 2\n"      \
    "code.dim = 64\ncode.count = 300\n"                                                        \
    "encoder.layers = 2\nencoder.heads = 4\nencoder.ff = 256\n"                                \
    "club.width = 8\nclub.layers = 2\nclub.steps = 2\n"                                        \
    "train.batch = 8\ntrain.length = 10\n"

enum { CLIPS = 8, LENGTH = 10, DIM = 64 };

static const struct {
    int threads;
    const char *more;
} cases[] = {{1, ""}, {2, ""}, {1, "image.attention = sum\n"}, {1, "kernel.backend = blas\n"}};

/* The first `clips` clips with so many steps, whatever their places: the numbers do not matter.
 * Nothing here asserts: Check allocates. */
static unic_status encode(unic_encoder *encoder, const small_batch *b, size_t m, size_t clips,
                          size_t length, bool padded)
{
    static int32_t codes[CLIPS * LENGTH];
    static float quantized[CLIPS * LENGTH * DIM], semantic[CLIPS * LENGTH * DIM];
    int32_t lengths[CLIPS];
    unic_array x = b->array[m];
    x.dims[0] = (int64_t)clips;
    x.dims[1] = (int64_t)length;
    for (size_t i = 0; i < clips; i++)
        lengths[i] = (int32_t)(i % (length + 1));
    return unic_encoder_encode(encoder, &x, padded ? lengths : NULL, codes, quantized,
                               padded ? semantic : NULL);
}

START_TEST(a_call_allocates_nothing_whatever_its_shape)
{
    unic_model *model = small_model(SIZES, cases[_i].more, 0);
    small_batch *b = small_batch_new(SIZES, CLIPS, LENGTH, 3);
    io_assert_ok(unic_set_threads(cases[_i].threads));
    for (size_t m = 0; m < b->n; m++) {
        unic_encoder *encoder;
        int failed = 0;
        const unic_encoder_options options = {
            .struct_size = sizeof options, .max_batch = CLIPS, .max_length = LENGTH};
        io_assert_ok(unic_encoder_create(&encoder, model, b->name[m], &options));
        size_t before = counted();
        failed |= encode(encoder, b, m, CLIPS, LENGTH, false); /* the first call too */
        for (size_t clips = 1; clips <= CLIPS; clips++)
            for (size_t length = LENGTH; length > 0; length--)
                failed |= encode(encoder, b, m, clips, length, length % 2 == 0);
        size_t made = counted() - before;
        ck_assert(!failed);
        ck_assert_msg(made == 0, "%s: %zu allocations", b->name[m], made);
        unic_encoder_free(encoder);
    }
    unic_set_threads(1);
    unic_model_free(model);
    small_batch_free(b);
}
END_TEST

/* One step after the other, then all that wait; two clips. */
static unic_status stream_clips(unic_stream *stream, const small_batch *b, size_t m)
{
    static int32_t codes[2 * LENGTH];
    static float quantized[2 * LENGTH * DIM];
    unic_status failed = UNIC_OK;
    size_t count;
    unic_array x = b->array[m];
    memmove(x.dims, x.dims + 1, (size_t)--x.rank * sizeof x.dims[0]);
    x.dims[0] = 1;
    for (size_t i = 0; i < 2 * CLIPS * LENGTH && failed == UNIC_OK; i++) {
        const size_t t = i % (CLIPS * LENGTH);
        x.data = b->x[m] + t * b->step[m];
        failed = unic_stream_push(stream, &x);
        if (failed == UNIC_OK && (t < LENGTH || t % 7 == 0))
            failed = unic_stream_pull(&count, NULL, stream, LENGTH, codes, quantized, NULL);
        if (failed == UNIC_OK && t + 1 == CLIPS * LENGTH) {
            failed = unic_stream_finish(stream);
            if (failed == UNIC_OK)
                failed = unic_stream_pull(&count, NULL, stream, 2 * LENGTH, codes, NULL, NULL);
            if (failed == UNIC_OK)
                failed = unic_stream_reset(stream);
        }
    }
    return failed;
}

START_TEST(a_stream_allocates_nothing)
{
    unic_model *model = small_model(SIZES, cases[_i].more, 0);
    small_batch *b = small_batch_new(SIZES, CLIPS, LENGTH, 3);
    io_assert_ok(unic_set_threads(cases[_i].threads));
    for (size_t m = 0; m < b->n; m++) {
        unic_encoder *encoder;
        unic_stream *stream;
        const unic_encoder_options options = {
            .struct_size = sizeof options, .max_batch = 4, .max_length = LENGTH};
        const unic_stream_options o = {.struct_size = sizeof o, .window = LENGTH, .lag = 3};
        io_assert_ok(unic_encoder_create(&encoder, model, b->name[m], &options));
        io_assert_ok(unic_stream_create(&stream, encoder, &o));
        size_t before = counted();
        unic_status failed = stream_clips(stream, b, m);
        size_t made = counted() - before;
        io_assert_ok(failed);
        ck_assert_msg(made == 0, "%s: %zu allocations", b->name[m], made);
        unic_stream_free(stream);
        unic_encoder_free(encoder);
    }
    unic_set_threads(1);
    unic_model_free(model);
    small_batch_free(b);
}
END_TEST

/* What the count rests on. */
START_TEST(allocations_are_counted)
{
    size_t before = counted();
    void *a = malloc(10), *b = NULL;
    int failed = posix_memalign(&b, 64, 10);
    size_t made = counted() - before;
    ck_assert(!failed && a && b);
    ck_assert_uint_eq(made, COUNTS ? 2 : 0);
    free(a);
    free(b);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("allocations");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, allocations_are_counted);
    tcase_add_loop_test(t, a_call_allocates_nothing_whatever_its_shape, 0, 4);
    tcase_add_loop_test(t, a_stream_allocates_nothing, 0, 4);
    return small_run("model/allocations", t);
}
