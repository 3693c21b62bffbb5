/**
 * @file unic_trainer.h
 * Pre-training (method P1-P9) on paired, unlabelled batches.
 */
#ifndef UNICODE_UNIC_TRAINER_H
#define UNICODE_UNIC_TRAINER_H

#include "unic_comm.h"
#include "unic_model.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A training run: parameters, optimiser, codebook, counters. Opaque; used by one thread at a
 * time. */
typedef struct unic_trainer unic_trainer;

/** Options of a trainer. A NULL pointer means that all members are zero. */
typedef struct unic_trainer_options {
    size_t struct_size;        /**< sizeof(unic_trainer_options)                             */
    int32_t threads;           /**< 1..256; 0: the number of unic_set_threads()              */
    const char *settings;      /**< for unic_trainer_resume() and _resume_source(), else NULL:
                                    config text, a key a line, of what the run goes on with;
                                    NULL: as it was                                          */
    unic_progress_fn progress; /**< reports the operations of each step and evaluation, and
                                    before the first those of the codebook's start as
                                    unic_codebook_init() does; may be NULL                   */
    void *progress_user;       /**< passed to `progress`                                     */
    const unic_comm *comm;     /**< the ranks that train as one (unic_comm.h); copied; NULL:
                                    this process alone                                       */
    size_t memory_limit;       /**< for unic_trainer_create(): maximum number of bytes that the
                                    config may make it allocate; 0: no limit. A run or a
                                    checkpoint is opened with that of its unic_open_options,
                                    and this one must be 0                                   */
    void *reserved[2];         /**< NULL                                                     */
} unic_trainer_options;

/**
 * Create a trainer at step 0, for batches of up to `train.batch` clips of up to `train.length`
 * steps. The config is copied.
 *
 * Of R ranks each takes its part of a batch of `train.batch` clips: with B = train.batch / R,
 * rounded up, rank r has the clips r B .. r B + B - 1 of what one process would be given. All
 * ranks call unic_trainer_step() and unic_trainer_evaluate() together. Losses and gradients are
 * those of the whole batch, figures too, and every rank's trainer holds the same bits, so that
 * any of them can be saved; the file continues with any number of ranks. A `train.batch` of
 * fewer clips than there are ranks is refused (UNIC_E_CONFIG).
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_CONFIG; UNIC_E_NOMEM, also beyond `memory_limit`, which the
 *         message names; UNIC_E_KERNEL. Since 0.1.
 */
UNIC_API unic_status unic_trainer_create(unic_trainer **out, const unic_config *config,
                                         const unic_trainer_options *options);
/**
 * Begin with what a model has learned, instead of drawn weights: for every modality that both
 * have, what makes its codes (front and semantic encoder), and the codebook with its EMA state.
 * Modalities that the model does not have, and the parts that a model's file does not hold
 * (specific encoders, decoders, the networks of CPC and CLUB), keep their drawn weights.
 * `train.freeze` says what of it shall not learn on.
 *
 * @param trainer  at step 0.
 * @param model    borrowed for the call; of the same code.dim, code.count, encoder.layers, .heads
 *                 and .ff, and with the same kind, dims and sizes of the modalities that are
 *                 taken.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_STATE if a step has been taken, or another call is using
 *         the trainer; UNIC_E_MISMATCH names the key with both values, or says that no modality
 *         is in both; UNIC_E_CONFIG if either has a second level (level2.weight); UNIC_E_NOMEM,
 *         UNIC_E_IO, UNIC_E_FORMAT and UNIC_E_NUMERIC as for unic_encoder_create(). A failure
 *         changes nothing. Since 0.1.
 */
UNIC_API unic_status unic_trainer_start_from(unic_trainer *trainer, unic_model *model);

/** Free the trainer; files that it saved are kept. NULL is allowed. Since 0.1. */
UNIC_API void unic_trainer_free(unic_trainer *trainer);

/** The number of figures that a step reports; constant for a trainer. Since 0.1. */
UNIC_API size_t unic_trainer_figure_count(const unic_trainer *trainer);
/**
 * The name of figure `i`. The first is "total", the sum of the terms; then come the weighted
 * terms of the objective ("reconstruction.image", "commitment.speech", "club.image", "cpc",
 * "code_match"), then other measurements ("club_fit.image", "grad_norm.encoder",
 * "perplexity.image", "revived", "learning_rate"). Borrowed; NULL if `i` is out of range. Since
 * 0.1.
 */
UNIC_API const char *unic_trainer_figure_name(const unic_trainer *trainer, size_t i);

/**
 * The random draws of one training step, for reproducing a step of other code. The trainer
 * itself draws the members that are NULL.
 */
typedef struct unic_draws {
    size_t struct_size;                     /**< sizeof(unic_draws)                    */
    const int32_t *cpc_step;                /**< one entry: CPC's t, 0-based               */
    const int32_t *const *club_permutation; /**< [modalities] of [B], compat's CLUB        */
    const int32_t *revival_source;          /**< [L] rows of all encoder outputs, in order;
                                                 with code.segments steps that any modality has */
    void *reserved[5];                      /**< NULL                                  */
} unic_draws;

/**
 * Take one training step. It is a transaction: parameters, codebook and counters change only if
 * every loss and every gradient norm is finite.
 *
 * @param trainer  used by one thread at a time.
 * @param batch    every modality of the config, B <= train.batch, T <= train.length. With
 *                 several ranks this rank's part; a batch without clips if it has none.
 * @param draws    NULL: the trainer's own draws, which are functions of (train.seed, step).
 * @param figures  [unic_trainer_figure_count()] out; may be NULL.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_SHAPE; UNIC_E_VALUE (NaN or Inf in features, a length or
 *         a number of `draws` that is out of range, or no clip has a step); UNIC_E_NUMERIC
 *         names the term that is not finite, or that train.guard = stop refuses: the step is
 *         not taken, and the trainer is unchanged; UNIC_E_KERNEL; UNIC_E_NOMEM (the first step
 *         allocates, when the codes start; oneDNN may in any); UNIC_E_CANCELLED, by
 *         options.progress: the trainer is unchanged too; UNIC_E_STATE if another call is using
 *         the trainer, or train.freeze would keep a codebook that has no codes yet. With
 *         several ranks a step is taken by all or by none: where one fails, the others return
 *         its status and name the rank; also what a function of the unic_comm returned;
 *         UNIC_E_STATE if the ranks' configs or states are not the same. Since 0.1.
 */
UNIC_API unic_status unic_trainer_step(unic_trainer *trainer, const unic_batch *batch,
                                       const unic_draws *draws, double *figures);

/** Compute the figures of a batch without training: without dropout, and without any change of
 * state (except for the codes' idle counters and revival if `evaluation.counts` is on). @return
 * as unic_trainer_step(). Since 0.1. */
UNIC_API unic_status unic_trainer_evaluate(unic_trainer *trainer, const unic_batch *batch,
                                           double *figures);

/**
 * Set the number of steps that the run will have, for the learning-rate schedule
 * (train.schedule) and for level2.start. Until it is set, the rate is constant after the
 * warm-up, and a step warns of a schedule that has no effect. It is saved with the run; where a
 * run is resumed with another train.epochs it changes in proportion, or is no longer set if it
 * is not a multiple of the old one. @return UNIC_OK; UNIC_E_ARG also for more than INT64_MAX;
 * UNIC_E_STATE if another call is using the trainer. Since 0.1.
 */
UNIC_API unic_status unic_trainer_set_total_step_count(unic_trainer *trainer,
                                                       uint64_t step_count);

/** The number of steps set for the run, 0 if it was not set. Since 0.1. */
UNIC_API uint64_t unic_trainer_total_step_count(const unic_trainer *trainer);

/** The number of steps taken so far. Since 0.1. */
UNIC_API uint64_t unic_trainer_step_count(const unic_trainer *trainer);

/**
 * Write the run: the model to `path` ("OUT.npz"), and the state that resuming needs beside it
 * ("OUT.run.npz"). Both files are completely written and synchronised under temporary names
 * before either is renamed, the run first, so that a full disk leaves both old files as they
 * are. If the process ends between the two renames, the new run is beside the old model or
 * beside none; then unic_trainer_resume() followed by this function, or by
 * unic_trainer_model(), makes its model.
 * @return UNIC_OK; UNIC_E_ARG, also for a path that ends with ".run.npz"; UNIC_E_IO;
 *         UNIC_E_NOTFOUND if the folder does not exist; UNIC_E_STATE if another call is using
 *         the trainer; UNIC_E_NUMERIC if the state contains NaN or Inf, which resuming would
 *         refuse (nothing is written then); UNIC_E_NOMEM. Since 0.1.
 */
UNIC_API unic_status unic_trainer_save(unic_trainer *trainer, const char *path);

/**
 * Write the run's state, as unic_trainer_save() writes it to OUT.run.npz, to a sink
 * (unic_io.h). The model is not among it: unic_trainer_model() and unic_model_save_sink() write
 * that. @return as unic_trainer_save(); also what the sink's functions returned, UNIC_E_IO if
 * it is no status. Since 0.1.
 */
UNIC_API unic_status unic_trainer_save_sink(unic_trainer *trainer, const unic_sink *sink);

/**
 * Continue a run that unic_trainer_save(path) wrote. Its further steps are bit-identical to
 * those of an uninterrupted run, on the same machine with the same number of threads.
 * `options->settings` changes settings of the run, each of which is logged; what its parameters,
 * codes, batches or random draws follow from cannot change (docs/train.md). The whole
 * run is in OUT.run.npz; the model beside it is neither read nor written, and may be an older
 * one (see unic_trainer_save()). The sizes that the file's config asks for are compared with
 * the file's contents before memory is allocated.
 * @return UNIC_OK; UNIC_E_ARG, also for a path that ends with ".run.npz"; UNIC_E_NOTFOUND;
 *         UNIC_E_IO; UNIC_E_FORMAT; UNIC_E_CONFIG, also for a setting that cannot change, with
 *         both values; UNIC_E_NOMEM; UNIC_E_KERNEL; UNIC_E_CANCELLED. Since 0.1.
 */
UNIC_API unic_status unic_trainer_resume(unic_trainer **out, const char *path,
                                         const unic_trainer_options *options,
                                         const unic_open_options *open);
/**
 * The same as unic_trainer_resume(), from a source (unic_io.h) of the run's state: what
 * unic_trainer_save_sink() wrote, or an OUT.run.npz. The source is closed by this call. @return
 * also what the source's read_at() returned, UNIC_E_IO if it is no status. Since 0.1.
 */
UNIC_API unic_status unic_trainer_resume_source(unic_trainer **out, const unic_source *source,
                                                const unic_trainer_options *options,
                                                const unic_open_options *open);

/**
 * Continue the training of a CMG checkpoint: parameters, optimiser states, codebook and step
 * counter. `settings` are as in unic_model_import(). If the file lacks an optimiser's state,
 * that state starts from zero, which is logged; missing parameters are an error that lists
 * them. @return as unic_model_import(); UNIC_E_KERNEL. Since 0.1.
 */
UNIC_API unic_status unic_trainer_import(unic_trainer **out, const char *path,
                                         const char *settings,
                                         const unic_trainer_options *options,
                                         const unic_open_options *open);

/** Copy the model in its present state; the copy is independent of further training. @return
 * UNIC_OK; UNIC_E_ARG; UNIC_E_NOMEM; UNIC_E_STATE if another call is using the trainer;
 * UNIC_E_NUMERIC if encoder.weights is f16 and a weight is beyond its range. Since 0.1. */
UNIC_API unic_status unic_trainer_model(unic_model **out, unic_trainer *trainer);

/** The run's config as text; borrowed, valid as long as the trainer. Since 0.1. */
UNIC_API const char *unic_trainer_config(const unic_trainer *trainer);

#ifdef __cplusplus
}
#endif
#endif
