/**
 * @file unic_segmenter.h
 * Segmentation by codes: a network that marks in images the object that a clip's codes
 * describe. It is trained with the codes of one modality and used unchanged with those of
 * another.
 */
#ifndef UNICODE_UNIC_SEGMENTER_H
#define UNICODE_UNIC_SEGMENTER_H

#include "unic_codebook.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A segmenter: its weights, Adam state and copy of the codebook. Opaque. */
typedef struct unic_segmenter unic_segmenter;

/** Sets of default options. Values are part of the ABI. */
typedef enum unic_segmenter_preset {
    UNIC_SEGMENTER_SMALL = 0, /**< frames of 64 x 64, trained from scratch in minutes         */
    UNIC_SEGMENTER_PAPER = 1  /**< the paper's network on the maps of a backbone at 224 x 224 */
} unic_segmenter_preset;

/** The input of a segmenter. Values are part of the ABI. */
typedef enum unic_segmenter_input {
    UNIC_SEGMENTER_FRAMES = 1, /**< frames, through a small convolutional backbone of its own */
    UNIC_SEGMENTER_MAPS = 2    /**< the caller's feature maps, one for each level             */
} unic_segmenter_input;

/** The maximum number of levels of a segmenter. */
#define UNIC_SEGMENTER_MAX_LEVELS 4

/**
 * Options of a segmenter; zero members take the preset's value [small | paper]. Level l is a
 * map of height / 2^(l+2) by width / 2^(l+2).
 */
typedef struct unic_segmenter_options {
    /** sizeof(unic_segmenter_options) */
    size_t struct_size;
    /** A unic_segmenter_preset. */
    int32_t preset;
    /** A unic_segmenter_input [frames | maps]. */
    int32_t input;
    /** Channels of frames: 1 grey, 3 RGB, at most 16 [3 | 3]. */
    int32_t image_channels;
    /** Height of frames and masks: a multiple of 2^(level_count+1), at most 4096 [64 | 224]. */
    int32_t height;
    /** Width of frames and masks, with the same rules [64 | 224]. */
    int32_t width;
    /** Number of levels, 1..UNIC_SEGMENTER_MAX_LEVELS [3 | 4]. */
    int32_t level_count;
    /** Channels of each level's map, finest first, at most 4096 each, as all widths below
     * [16 32 64 128 | 64 128 320 512]. */
    int32_t level_channels[UNIC_SEGMENTER_MAX_LEVELS];
    /** Channels of the maps that are joined [32 | 256]. */
    int32_t channels;
    /** Channels of the attention's theta, phi and g [16 | 128]. */
    int32_t inner;
    /** Dilations of each level's four convolutions, 1..1024 [1 2 3 4 | 3 6 12 18]. */
    int32_t dilations[4];
    /** Channels of the last two hidden maps [16 8 | 128 32]. */
    int32_t output_channels[2];
    /** Number of clips that a prediction processes at a time, at most 65536 [8 | 4]. */
    int32_t batch;
    /** Learning rate of Adam [0.002 | 0.0001]. */
    float learning_rate;
    /** Seed of the initial weights. */
    uint64_t seed;
    /** Number of threads, 1..256 [the number of unic_set_threads()]. */
    int32_t threads;
    /** Reports the operations of a step and of a prediction; may be NULL. Predictions may run
     * concurrently, and each calls it. A segmenter that was loaded has none. */
    unic_progress_fn progress;
    /** Passed to `progress`. */
    void *progress_user;
    /** NULL. */
    void *reserved[2];
} unic_segmenter_options;

/**
 * Create an untrained segmenter for codes of this codebook. It keeps a copy of the codebook.
 * With the query q_f of frame f, the mean code vector over the f-th of F equal parts of the
 * clip,
 *   x^l = sum_d conv3x3 of dilation d (level l)                    four dilations
 *   y_p = 1/N sum_r (theta x_p . phi W q_{f(r)}) g x_r              N positions of all frames
 *   z^l = layer_norm(x^l + batch_norm(W_z y))                       TPAVI, "dot"
 * and the z^l are joined from the coarsest to the finest by residual units and bilinear
 * doubling; two more convolutions give a logit for each pixel (Zhou et al., Audio-Visual
 * Segmentation, ECCV 2022, as Uni-Code uses it; docs/segmentation.md).
 *
 * @param out       the segmenter, to be freed with unic_segmenter_free(); NULL on failure.
 * @param codebook  borrowed for the call.
 * @param options   borrowed for the call.
 * @return UNIC_OK; UNIC_E_ARG names an option that is out of range; UNIC_E_SHAPE if one frame's
 * maps are too large to compute; UNIC_E_STATE if another call is changing the codebook;
 * UNIC_E_NOMEM. Thread-safe. Since 0.1.
 */
UNIC_API unic_status unic_segmenter_create(unic_segmenter **out, const unic_codebook *codebook,
                                           const unic_segmenter_options *options);

/** Free the segmenter. NULL is allowed. Since 0.1. */
UNIC_API void unic_segmenter_free(unic_segmenter *segmenter);

/**
 * Get the options of a segmenter, with all defaults filled in.
 *
 * @param options  out; its struct_size is set by the caller.
 * @return UNIC_OK; UNIC_E_ARG. Thread-safe. Since 0.1.
 */
UNIC_API unic_status unic_segmenter_settings(unic_segmenter_options *options,
                                             const unic_segmenter *segmenter);

/**
 * Take one step of Adam on a batch. The loss is the mean binary cross-entropy over the pixels
 * that count. A step that is refused changes neither weights nor moments nor the running
 * statistics of the batch norms. Numbers of clips, frames and steps may differ between calls.
 *
 * @param loss         out, loss of this batch before the step; may be NULL.
 * @param images       `image_count` arrays, real numbers, finite: the frames
 *                     [B,F,height,width,image_channels], or for each level, finest first, its
 *                     map [B,F,height/2^(l+2),width/2^(l+2),level_channels[l]].
 * @param image_count  1, or the number of levels.
 * @param codes        [B,length] in 0..L-1, -1 = padding; each clip has at least one.
 * @param length       steps of a clip; may differ from the number of frames.
 * @param masks        [B,F,height,width] real numbers: 1 inside, 0 outside, or in
 *                     between; -1: the pixel does not count (set all pixels of a frame without
 *                     a mask to -1).
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_SHAPE names the array and what was expected; UNIC_E_VALUE
 * names a code or a mask's value that is not allowed, a NaN, a clip without codes or masks
 * without a pixel that counts; UNIC_E_NUMERIC names the quantity that was not finite;
 * UNIC_E_KERNEL; UNIC_E_NOMEM; UNIC_E_CANCELLED; UNIC_E_STATE if another call is using the
 * segmenter. Needs exclusive access. Since 0.1.
 */
UNIC_API unic_status unic_segmenter_step(double *loss, unic_segmenter *segmenter,
                                         const unic_array *const *images, size_t image_count,
                                         const int32_t *codes, size_t length,
                                         const unic_array *masks);

/**
 * Predict a logit for each pixel, in evaluation mode (batch norms use running statistics).
 *
 * @param images, image_count, codes, length  as for unic_segmenter_step(); B may be 0.
 * @param logits  [B,F,height,width] out, all finite; above 0: inside. Not written on failure,
 *                except that after UNIC_E_KERNEL, UNIC_E_NUMERIC and UNIC_E_CANCELLED earlier
 *                clips are written.
 * @return as unic_segmenter_step(); UNIC_E_STATE if it was never trained, or a step is running.
 * Concurrent calls are safe. Since 0.1.
 */
UNIC_API unic_status unic_segmenter_predict(const unic_segmenter *segmenter,
                                            const unic_array *const *images, size_t image_count,
                                            const int32_t *codes, size_t length, float *logits);

/** The fingerprint of the codebook that the segmenter was created for
 * (unic_codebook_fingerprint()); 0 for NULL. Since 0.1. */
UNIC_API uint64_t unic_segmenter_fingerprint(const unic_segmenter *segmenter);

/**
 * Check that codes of the codebook with this fingerprint may be given to the segmenter.
 * @return UNIC_OK; UNIC_E_MISMATCH if it was created for another codebook; UNIC_E_ARG.
 * Thread-safe. Since 0.1.
 */
UNIC_API unic_status unic_segmenter_accepts(const unic_segmenter *segmenter,
                                            uint64_t fingerprint);

/**
 * Write a segmenter with its options, running statistics and copy of the codebook to one npz,
 * without Adam's moments. The file appears complete or not at all.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_NOTFOUND if the folder does not exist; UNIC_E_IO;
 * UNIC_E_STATE if it was never trained, or a step is running; UNIC_E_NOMEM. Since 0.1.
 */
UNIC_API unic_status unic_segmenter_save(const unic_segmenter *segmenter, const char *path);
/**
 * The same as unic_segmenter_save(), to a sink (unic_io.h) instead of a file. @return also what
 * the sink's functions returned, UNIC_E_IO if it is no status. Since 0.1.
 */
UNIC_API unic_status unic_segmenter_save_sink(const unic_segmenter *segmenter,
                                              const unic_sink *sink);

/**
 * Read a segmenter from a file. Further training starts with zero moments. It computes with the
 * number of threads of unic_set_threads() and reports no progress: neither option is in the
 * file.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_NOTFOUND; UNIC_E_IO; UNIC_E_FORMAT names the member that
 * is not as expected; UNIC_E_NOMEM; UNIC_E_CANCELLED. Thread-safe. Since 0.1.
 */
UNIC_API unic_status unic_segmenter_load(unic_segmenter **out, const char *path,
                                         const unic_open_options *options);
/**
 * The same as unic_segmenter_load(), from a source (unic_io.h) instead of a file. The source is
 * closed by this call.
 * @return also what the source's read_at() returned, UNIC_E_IO if it is no status. Since 0.1.
 */
UNIC_API unic_status unic_segmenter_load_source(unic_segmenter **out, const unic_source *source,
                                                const unic_open_options *options);

#ifdef __cplusplus
}
#endif
#endif
