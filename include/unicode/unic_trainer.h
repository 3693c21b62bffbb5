/**
 * @file unic_trainer.h
 * Pre-training (method P1-P9) on paired, unlabelled batches. One thread at a time.
 */
#ifndef UNICODE_UNIC_TRAINER_H
#define UNICODE_UNIC_TRAINER_H

#include "unic_model.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A training run: parameters, optimiser, codebook, counters. Opaque; one thread at a time. */
typedef struct unic_trainer unic_trainer;

/** How a trainer computes. NULL in its place: all zero. */
typedef struct unic_trainer_options {
    size_t struct_size; /**< sizeof(unic_trainer_options)                                    */
    int32_t threads;    /**< 0: the process's number; 1..256                                 */
    void *reserved[6];  /**< NULL                                                            */
} unic_trainer_options;

/**
 * A trainer at step 0, for batches of up to `train.batch` clips of up to `train.length` steps.
 * The config is copied.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_CONFIG; UNIC_E_NOMEM; UNIC_E_KERNEL. Since 0.1.
 */
UNIC_API unic_status unic_trainer_create(unic_trainer **out, const unic_config *config,
                                         const unic_trainer_options *options);
/** Frees the trainer; what it saved stays. NULL is fine. Since 0.1. */
UNIC_API void unic_trainer_free(unic_trainer *trainer);

/** The number of figures that a step reports, fixed for a trainer. Since 0.1. */
UNIC_API size_t unic_trainer_figure_count(const unic_trainer *trainer);
/**
 * The name of a figure: "total", then the weighted terms of the objective
 * ("reconstruction.image", "commitment.speech", "club.image", "cpc", "code_match"), of which it
 * is the sum, then what else is measured ("club_fit.image", "grad_norm.encoder",
 * "perplexity.image", "revived", "learning_rate"). Borrowed; NULL if `i` is out of range. Since
 * 0.1.
 */
UNIC_API const char *unic_trainer_figure_name(const unic_trainer *trainer, size_t i);

/**
 * The random draws of one step, for a replay; zero-filled members are drawn by the trainer
 * itself.
 */
typedef struct unic_draws {
    size_t struct_size;                     /**< sizeof(unic_draws)                    */
    const int32_t *cpc_step;                /**< one entry: CPC's t, 0-based               */
    const int32_t *const *club_permutation; /**< [modalities] of [B], compat's CLUB        */
    const int32_t *revival_source;          /**< [L] rows of all encoder outputs, in order */
    void *reserved[5];                      /**< NULL                                  */
} unic_draws;

/**
 * One training step. A transaction: parameters, codebook and counters change only if every loss
 * and every gradient norm is finite.
 *
 * @param trainer  one thread at a time.
 * @param batch    every modality of the config, B <= train.batch, T <= train.length.
 * @param draws    NULL: own draws, functions of (train.seed, step).
 * @param figures  [unic_trainer_figure_count()] out; may be NULL.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_SHAPE; UNIC_E_VALUE (NaN or Inf in features);
 *         UNIC_E_NUMERIC names the term that is not finite: the step was not taken, and the
 *         trainer is as it was before; UNIC_E_KERNEL. Since 0.1.
 */
UNIC_API unic_status unic_trainer_step(unic_trainer *trainer, const unic_batch *batch,
                                       const unic_draws *draws, double *figures);

/** The same figures of a batch without dropout, and without any change of state (but for the
 * codes' idle counters and revival where `evaluation.counts` is on). Since 0.1. */
UNIC_API unic_status unic_trainer_evaluate(unic_trainer *trainer, const unic_batch *batch,
                                           double *figures);

/**
 * Declare how many steps the run will have, for the learning-rate schedule (train.schedule);
 * until then the rate is constant after the warm-up. Saved with the run. Since 0.1.
 */
UNIC_API unic_status unic_trainer_set_total_step_count(unic_trainer *trainer,
                                                       uint64_t step_count);

/** The steps declared for the run, 0 if none were. Since 0.1. */
UNIC_API uint64_t unic_trainer_total_step_count(const unic_trainer *trainer);

/** Steps taken so far. Since 0.1. */
UNIC_API uint64_t unic_trainer_step_count(const unic_trainer *trainer);

/**
 * Write the run: the model to `path`, and what resuming needs beside it ("OUT.npz" and
 * "OUT.run.npz"). Both are written in full and synchronised under temporary names before either
 * is renamed, the run first: a failure for want of room leaves both old files. A process that ends
 * between the two renames leaves the new run beside the old model, or none:
 * unic_trainer_resume() and this function, or unic_trainer_model(), make the model of that run.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_IO; UNIC_E_NOTFOUND; UNIC_E_NUMERIC if the state holds NaN or
 *         Inf, which resuming would refuse: nothing is written then; UNIC_E_NOMEM. Since 0.1.
 */
UNIC_API unic_status unic_trainer_save(unic_trainer *trainer, const char *path);

/**
 * Continue a run from what unic_trainer_save(path) wrote: bit-identically, on the same machine
 * with the same number of threads. All of the run is in OUT.run.npz; the model beside it is
 * neither read nor written, and may be an older one (see unic_trainer_save()). What the file asks
 * for is compared with what it holds before memory is taken for it.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_NOTFOUND; UNIC_E_IO; UNIC_E_FORMAT; UNIC_E_CONFIG;
 *         UNIC_E_NOMEM; UNIC_E_KERNEL. Since 0.1.
 */
UNIC_API unic_status unic_trainer_resume(unic_trainer **out, const char *path,
                                         const unic_trainer_options *options,
                                         const unic_open_options *open);

/**
 * Continue the training of a CMG checkpoint: parameters, optimiser states, codebook and step
 * counter. `settings` as in unic_model_import(). A part that the file lacks (an optimiser's
 * state) starts anew, which is logged; missing parameters are an error that lists them. Since
 * 0.1.
 */
UNIC_API unic_status unic_trainer_import(unic_trainer **out, const char *path,
                                         const char *settings,
                                         const unic_trainer_options *options,
                                         const unic_open_options *open);

/** The model as it is now: a copy, independent of further training. Since 0.1. */
UNIC_API unic_status unic_trainer_model(unic_model **out, unic_trainer *trainer);

/** The run's config as text; borrowed, lives as long as the trainer. Since 0.1. */
UNIC_API const char *unic_trainer_config(const unic_trainer *trainer);

#ifdef __cplusplus
}
#endif
#endif
