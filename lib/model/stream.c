#include "model/stream.h"

#include <string.h>

#include "array/array.h"

/* ---- creation ---- */

unic_status unic__stream_create(unic_stream **out, unic_encoder *encoder,
                                const unic_stream_options *options)
{
    size_t backlog = options->backlog ? options->backlog : options->window + options->lag;
    size_t width = unic__shape_count(&encoder->modality->dims), capacity, bytes;
    if (!unic__add_size(options->window - 1, backlog, &capacity) ||
        !unic__mul_size(capacity, 2 * width * sizeof(float), &bytes))
        return unic__fail(UNIC_E_NOMEM, "out of memory (a stream of %zu steps)", backlog);
    unic_stream *s = unic__alloc_zero(sizeof *s);
    if (!s)
        return unic__no_memory(sizeof *s, "a stream");
    s->ring = unic__alloc(bytes);
    if (!s->ring) {
        unic__free(s);
        return unic__no_memory(bytes, "a stream's steps");
    }
    s->encoder = unic__encoder_share(encoder);
    s->window = options->window;
    s->lag = options->lag;
    s->backlog = backlog;
    s->chunk = encoder->model->config->encoder_context;
    s->capacity = capacity;
    s->width = width;
    *out = s;
    return UNIC_OK;
}

void unic__stream_free(unic_stream *s)
{
    if (!s)
        return;
    unic__encoder_free(s->encoder);
    unic__free(s->ring);
    unic__free(s);
}

/* ---- steps in ---- */

static float *place_of(const unic_stream *s, uint64_t step)
{
    return s->ring + (size_t)(step % s->capacity) * s->width;
}

static unic_status check_steps(const unic_stream *s, const unic_array *steps)
{
    const unic__modality *m = s->encoder->modality;
    unic__shape got = unic__array_shape(steps), want = {m->dims.rank + 1, {got.dim[0]}};
    char gs[UNIC__SHAPE_TEXT], ws[UNIC__SHAPE_TEXT];
    memcpy(want.dim + 1, m->dims.dim, m->dims.rank * sizeof want.dim[0]);
    if (!unic__shape_equal(&got, &want))
        return unic__fail(UNIC_E_SHAPE,
                          "modality \"%s\": steps are %s, [n,...] with the dims of a step, "
                          "%s, expected",
                          m->name, unic__shape_print(&got, gs),
                          unic__shape_print(&m->dims, ws));
    size_t waiting = (size_t)(s->pushed - s->pulled);
    if (s->finished && got.dim[0] > 0)
        return unic__fail(UNIC_E_STATE, "the clip is finished; unic_stream_reset() begins the "
                                        "next one");
    if (got.dim[0] > s->backlog - waiting)
        return unic__fail(UNIC_E_STATE,
                          "%zu more steps, but %zu wait already to be pulled, and at most "
                          "backlog = %zu may; pull first, or push fewer",
                          got.dim[0], waiting, s->backlog);
    return UNIC_OK;
}

/* Steps that are not yet counted as pushed are nobody's: a failure leaves the stream as it
 * was. */
unic_status unic__stream_push(unic_stream *s, const unic_array *steps)
{
    const unic__modality *m = s->encoder->modality;
    const size_t width = s->width, half = s->capacity * width;
    float *x = place_of(s, s->pushed);
    char place[UNIC__PLACE_TEXT];
    UNIC__TRY(check_steps(s, steps));
    unic__array_to_f32(steps, x);
    size_t count = (size_t)steps->dims[0];
    if (!unic__all_finite(x, count * width))
        return unic__fail(UNIC_E_VALUE, "modality \"%s\": the array of steps%s", m->name,
                          unic__not_finite_step(x, 0, count, &m->dims, place));
    for (size_t i = 0; i < count; i++, x += width) /* to their other places */
        memcpy(x < s->ring + half ? x + half : x - half, x, width * sizeof *x);
    s->pushed += count;
    return UNIC_OK;
}

/* ---- codes out ---- */

/* A step sees nothing behind its own chunk: its code waits no longer than for the chunk's last
 * step. */
size_t unic__stream_ready(const unic_stream *s)
{
    uint64_t whole = s->pushed > s->lag ? s->pushed - s->lag : 0;
    uint64_t chunks = s->chunk ? s->pushed - s->pushed % s->chunk : 0;
    whole = s->finished ? s->pushed : chunks > whole ? chunks : whole;
    return whole > s->pulled ? (size_t)(whole - s->pulled) : 0;
}

/* The window of one code, or of several: step `start` is the first of `length` steps, and
 * `count` codes are those of its steps from `row` on. */
typedef struct window {
    uint64_t start;
    size_t length, row, count;
} window;

/* That of step t, whose code is ready, with the steps after it that have the same one. */
static window window_at(const unic_stream *s, uint64_t t)
{
    uint64_t limit = s->finished ? s->pushed - 1 : UINT64_MAX, end = t + s->lag;
    if (s->chunk) {
        const uint64_t last = t - t % s->chunk + (s->chunk - 1);
        limit = last < limit ? last : limit;
    }
    const bool limited = end >= limit;
    end = limited ? limit : end;
    window w = {.start = end >= s->window ? end - s->window + 1 : 0};
    if (s->chunk) /* chunks are counted from the clip's first step, and so from the window's */
        w.start = (w.start + s->chunk - 1) / s->chunk * s->chunk;
    w.length = (size_t)(end - w.start) + 1;
    w.row = (size_t)(t - w.start);
    w.count = limited ? (size_t)(end - t) + 1 : 1;
    return w;
}

/* How many windows, of those that follow for at most `most` codes, are like this one and can go
 * through the encoder together. */
static size_t windows_together(const unic_stream *s, const window *w, size_t most)
{
    size_t n = 1;
    for (; n < s->encoder->max_batch && (n + 1) * w->count <= most; n++) {
        window next = window_at(s, s->pulled + n * w->count);
        if (next.length != w->length || next.row != w->row || next.count != w->count)
            break;
    }
    return n;
}

/* [windows,length,...], each window `count` steps after the one before it. */
static unic_array window_array(const unic_stream *s, const window *w, size_t windows)
{
    const unic__shape *dims = &s->encoder->modality->dims;
    unic_array x = {.struct_size = sizeof x,
                    .data = place_of(s, w->start),
                    .dtype = UNIC_F32,
                    .rank = (int32_t)dims->rank + 2,
                    .dims = {(int64_t)windows, (int64_t)w->length}};
    for (size_t i = 0; i < dims->rank; i++)
        x.dims[2 + i] = (int64_t)dims->dim[i];
    unic__array_set_strides(&x);
    x.strides[0] = (int64_t)w->count * x.strides[1];
    return x;
}

/* z of the windows' own steps, one behind the other at the beginning of the encoder's z. */
static unic_status encode(const unic_stream *s, const window *w, size_t windows)
{
    unic_encoder *e = s->encoder;
    const size_t dim = e->model->codebook->dim, each = w->count * dim;
    const unic_array x = window_array(s, w, windows);
    unic_status status = unic__encoder_run(e, &x, NULL, NULL);
    if (status != UNIC_OK)
        return unic__fail_in(
            status, "steps %llu..%llu of the stream", (unsigned long long)w->start,
            (unsigned long long)w->start + w->length + (windows - 1) * w->count - 1);
    for (size_t i = 0; i < windows; i++)
        memmove(e->z + i * each, e->z + (i * w->length + w->row) * dim, each * sizeof *e->z);
    return UNIC_OK;
}

unic_status unic__stream_pull(unic_stream *s, size_t count, int32_t *codes, float *quantized,
                              float *semantic)
{
    const size_t dim = s->encoder->model->codebook->dim;
    const uint64_t before = s->pulled;
    for (size_t done = 0, n; done < count; done += n) {
        window w = window_at(s, s->pulled);
        w.count = w.count < count - done ? w.count : count - done;
        size_t windows = windows_together(s, &w, count - done);
        unic_status status = encode(s, &w, windows);
        if (status != UNIC_OK) {
            s->pulled = before;
            return status;
        }
        n = windows * w.count;
        unic__encoder_give(s->encoder, 1, n, NULL, codes ? codes + done : NULL,
                           quantized ? quantized + done * dim : NULL,
                           semantic ? semantic + done * dim : NULL);
        s->pulled += n;
    }
    return UNIC_OK;
}
