/**
 * @file unic_stream.h
 * Codes while the features still come in: steps are pushed as they arrive, and codes are pulled
 * a fixed number of steps behind them. docs/streaming.md says what that costs in accuracy.
 */
#ifndef UNICODE_UNIC_STREAM_H
#define UNICODE_UNIC_STREAM_H

#include "unic_encoder.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * A stream of one clip after another through an encoder. Opaque; used by one thread at a time.
 *
 * The code of step t waits for `lag` more steps, and is then computed from a window of at most
 * `window` steps that ends there. With window = 6 and lag = 2:
 *
 *     step      0  1  2  3  4  5  6  7  8  9 10      step 8 was pushed last
 *     window             [3  4  5  6  7  8]          6 steps, up to step 8
 *     code                        ^                  of step 6 = 8 - 2
 *
 * So the code of step t is that of unic_encoder_encode() for step t of the steps
 * max(0, e - window + 1) .. e, as one clip, with e = t + lag. At the clip's end, that
 * unic_stream_finish() tells, nothing comes after the last step T - 1: there e = T - 1, and the
 * window is that of the last `window` steps for all of the last `lag` codes. With a window of T
 * steps or more and a lag of T - 1 or more, codes are those of the whole clip.
 *
 * A model of `encoder.context = causal` or `chunk:n` sees nothing behind a step, or behind its
 * chunk of n steps: there e is at most the step's own number, or that of its chunk's last step,
 * and the window begins with a chunk (a multiple of n). With a window of T steps or more, all
 * codes are those of the whole clip if the lag is n - 1 or more (causal: any lag).
 */
typedef struct unic_stream unic_stream;

/** A stream's settings. */
typedef struct unic_stream_options {
    size_t struct_size; /**< sizeof(unic_stream_options)                                     */
    size_t window;      /**< maximum number of steps that a code is computed from, 1 .. the
                             encoder's max_length; at least a chunk                          */
    size_t lag;         /**< number of steps after its own that a code waits for,
                             0 .. window - 1                                                 */
    size_t backlog;     /**< maximum number of steps that are pushed and not yet pulled, more
                             than lag; 0: window + lag                                       */
    void *reserved[4];  /**< NULL                                                            */
} unic_stream_options;

/**
 * Create a stream that computes with `encoder`, at step 0 of its first clip. The stream keeps a
 * reference to the encoder: either may be freed first. Any number of streams may use one
 * encoder, in turn. This allocates all memory: 2 (window - 1 + backlog) steps of features.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_NOMEM. Since 0.1.
 */
UNIC_API unic_status unic_stream_create(unic_stream **out, unic_encoder *encoder,
                                        const unic_stream_options *options);
/** Free the stream and drop its reference to the encoder. NULL is allowed. Since 0.1. */
UNIC_API void unic_stream_free(unic_stream *stream);

/**
 * Push the next steps of the clip. They are copied; nothing is computed yet.
 * @param stream  used by one thread at a time.
 * @param steps   [n,...] real numbers, with the modality's dims behind n; finite. n = 0
 *                does nothing.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_SHAPE; UNIC_E_VALUE for NaN or Inf names the step, of
 *         `steps`; UNIC_E_STATE if more than `backlog` steps would wait to be pulled, after
 *         unic_stream_finish(), or if another thread is using the stream. Nothing is pushed on
 *         failure. Allocates nothing. Since 0.1.
 */
UNIC_API unic_status unic_stream_push(unic_stream *stream, const unic_array *steps);

/**
 * Tell that the clip has ended: the codes of all its steps can be pulled now. Nothing can be
 * pushed until unic_stream_reset(). Again at the end, it does nothing.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_STATE if another thread is using the stream. Since 0.1.
 */
UNIC_API unic_status unic_stream_finish(unic_stream *stream);

/** The number of codes that can be pulled now; 0 for NULL. Since 0.1. */
UNIC_API size_t unic_stream_ready_count(const unic_stream *stream);

/**
 * Pull the codes that are ready, in the order of their steps, each once. This is where the
 * encoder computes: one window for each code, or one for several whose windows are the same,
 * and as many windows together as the encoder's max_batch allows.
 *
 * @param count      out: the number of codes written, 0..max_count; 0 if none is ready.
 * @param first      out: number of the step that the first of them belongs to, from 0 in each
 *                   clip; may be NULL.
 * @param stream     used by one thread at a time, and so is its encoder.
 * @param max_count  room of the arrays below, in steps.
 * @param codes      [max_count] out; may be NULL.
 * @param quantized  [max_count,D] out, the codes' vectors; may be NULL.
 * @param semantic   [max_count,D] out, z; may be NULL.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_STATE if another thread is using the stream or its
 *         encoder; UNIC_E_NUMERIC if features are so large that z is not finite; UNIC_E_NOMEM
 *         (only with kernel.backend = onednn, which plans each length of a window at its first
 *         use; otherwise a call allocates nothing); UNIC_E_KERNEL. After a failure the arrays
 *         are undefined and no code counts as pulled. Since 0.1.
 */
UNIC_API unic_status unic_stream_pull(size_t *count, uint64_t *first, unic_stream *stream,
                                      size_t max_count, int32_t *codes, float *quantized,
                                      float *semantic);

/**
 * Begin the next clip, at step 0: what was pushed is forgotten, and so are codes that were not
 * pulled.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_STATE if another thread is using the stream. Since 0.1.
 */
UNIC_API unic_status unic_stream_reset(unic_stream *stream);

#ifdef __cplusplus
}
#endif
#endif
