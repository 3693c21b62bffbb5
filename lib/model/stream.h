/*
 * A clip that is encoded while it comes in. The ring holds the newest steps: step t is at place
 * t % capacity and again `capacity` places later, so that up to `capacity` steps in a row lie
 * in a row in memory too, and the encoder reads a window where it is.
 *
 *   pulled - window        pulled          pushed
 *   |---- still needed ----|--- to come ---|
 *                          |---- at most backlog ---|
 */
#ifndef UNIC_MODEL_STREAM_H
#define UNIC_MODEL_STREAM_H

#include "model/encoder.h"
#include "unicode/unic_stream.h"

struct unic_stream {
    unic_encoder *encoder; /* a reference */
    unic__use use;
    size_t window, lag, backlog;
    size_t chunk;            /* encoder.context; 0: full       */
    size_t capacity;         /* window - 1 + backlog           */
    size_t width;            /* numbers in a step              */
    uint64_t pushed, pulled; /* steps of this clip, and codes  */
    bool finished;
    float *ring; /* [2 capacity, width] */
};

/* The options are checked, but for `backlog` = 0. */
unic_status unic__stream_create(unic_stream **out, unic_encoder *encoder,
                                const unic_stream_options *options);
void unic__stream_free(unic_stream *stream);

/* The array is checked as memory (unic__array_check_real), not yet as steps. */
unic_status unic__stream_push(unic_stream *stream, const unic_array *steps);
size_t unic__stream_ready(const unic_stream *stream);
/* count <= unic__stream_ready(): so many codes. */
unic_status unic__stream_pull(unic_stream *stream, size_t count, int32_t *codes,
                              float *quantized, float *semantic);

#endif
