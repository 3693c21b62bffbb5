#include "model/stream.h"

#include "api/api.h"
#include "array/array.h"

static unic_status check_options(const unic_encoder *encoder, const unic_stream_options *o,
                                 const char *call)
{
    if (o->window == 0 || o->window > encoder->max_length)
        return unic__fail(UNIC_E_ARG,
                          "%s: options->window = %zu is not in 1..%zu, the encoder's "
                          "max_length",
                          call, o->window, encoder->max_length);
    const size_t chunk = encoder->model->config->encoder_context;
    if (o->window < chunk)
        return unic__fail(UNIC_E_ARG,
                          "%s: options->window = %zu is less than a chunk of the encoder "
                          "(encoder.context = chunk:%zu)",
                          call, o->window, chunk);
    if (o->lag >= o->window)
        return unic__fail(UNIC_E_ARG,
                          "%s: options->lag = %zu is not below options->window = %zu", call,
                          o->lag, o->window);
    if (o->backlog > 0 && o->backlog <= o->lag)
        return unic__fail(UNIC_E_ARG,
                          "%s: options->backlog = %zu is not above options->lag = %zu: no code "
                          "would ever be ready",
                          call, o->backlog, o->lag);
    return UNIC_OK;
}

unic_status unic_stream_create(unic_stream **out, unic_encoder *encoder,
                               const unic_stream_options *options)
{
    unic_stream_options o;
    UNIC__REQUIRE(out);
    *out = NULL;
    UNIC__REQUIRE(encoder);
    UNIC__REQUIRE(options);
    UNIC__TAKE(unic__stream_options_kind, &o, options);
    UNIC__TRY(check_options(encoder, &o, __func__));
    UNIC__TRY_NAMED(unic__stream_create(out, encoder, &o));
    return UNIC_OK;
}

void unic_stream_free(unic_stream *stream)
{
    unic__stream_free(stream);
}

unic_status unic_stream_push(unic_stream *stream, const unic_array *steps)
{
    UNIC__REQUIRE(stream);
    UNIC__REQUIRE(steps);
    UNIC__TRY(unic__array_check_real(steps, __func__, "steps"));
    UNIC__HOLD(stream);
    UNIC__TRY_NAMED(unic__stream_push(stream, steps));
    return UNIC_OK;
}

unic_status unic_stream_finish(unic_stream *stream)
{
    UNIC__REQUIRE(stream);
    UNIC__HOLD(stream);
    stream->finished = true;
    return UNIC_OK;
}

size_t unic_stream_ready_count(const unic_stream *stream)
{
    return stream ? unic__stream_ready(stream) : 0;
}

/* Several streams may take turns with one encoder, but not compute with it at once. */
static unic_status pull_alone(unic_stream *stream, size_t count, int32_t *codes,
                              float *quantized, float *semantic, const char *call)
{
    unic_encoder *encoder = stream->encoder;
    UNIC__TRY(unic__use_alone(&encoder->use, call, "the stream's encoder"));
    UNIC__HELD_HERE(encoder);
    const int before = unic__threads_enter(encoder->threads);
    unic_status status = unic__stream_pull(stream, count, codes, quantized, semantic);
    unic__threads_leave(before);
    return status == UNIC_OK ? UNIC_OK : unic__fail_in(status, "%s", call);
}

unic_status unic_stream_pull(size_t *count, uint64_t *first, unic_stream *stream,
                             size_t max_count, int32_t *codes, float *quantized,
                             float *semantic)
{
    UNIC__REQUIRE(count);
    *count = 0;
    UNIC__REQUIRE(stream);
    UNIC__HOLD(stream);
    const size_t ready = unic__stream_ready(stream), n = ready < max_count ? ready : max_count;
    const uint64_t step = stream->pulled;
    if (n > 0)
        UNIC__TRY(pull_alone(stream, n, codes, quantized, semantic, __func__));
    if (first)
        *first = step;
    *count = n;
    return UNIC_OK;
}

unic_status unic_stream_reset(unic_stream *stream)
{
    UNIC__REQUIRE(stream);
    UNIC__HOLD(stream);
    stream->pushed = stream->pulled = 0;
    stream->finished = false;
    return UNIC_OK;
}
