/**
 * @file unic_model.h
 * A trained model: its config, its codebook, and the inference weights of each modality, which
 * are read when they are first needed. Models are immutable, reference-counted and may be
 * shared by threads.
 */
#ifndef UNICODE_UNIC_MODEL_H
#define UNICODE_UNIC_MODEL_H

#include "unic_codebook.h"
#include "unic_config.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A trained model. Opaque, reference-counted; immutable, so threads may share it. */
typedef struct unic_model unic_model;

/**
 * Open a model file (npz). Only the config and the codebook are read; a modality's weights are
 * read and CRC-checked when its first encoder is created. A checkpoint of the CMG code,
 * whatever its file name, is opened as by unic_model_import() without settings. `options`
 * (NULL: no limit) also apply to weights that are read later.
 *
 * The file stays open until all weights are read. If another file is moved to its path, the model
 * is still that of the first. If the file itself is written to, the call that needs its weights
 * fails with UNIC_E_IO: the file "has changed since it was opened". With `options->preload` all
 * weights are read and checked by this call, which closes the file.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_NOTFOUND; UNIC_E_IO; UNIC_E_FORMAT; UNIC_E_CONFIG;
 *         UNIC_E_NOMEM; UNIC_E_CANCELLED; with `preload` also UNIC_E_NUMERIC, as
 *         unic_model_convert() says. Since 0.1.
 */
UNIC_API unic_status unic_model_open(unic_model **out, const char *path,
                                     const unic_open_options *options);

/**
 * The same as unic_model_open(), from a source (unic_io.h) instead of a file. The source is read
 * whenever a modality's weights are first needed, and closed when all are read or the model is
 * freed; with `options->preload` it is closed by this call.
 * @return also what the source's read_at() returned, UNIC_E_IO if it is no status. Since 0.1.
 */
UNIC_API unic_status unic_model_open_source(unic_model **out, const unic_source *source,
                                            const unic_open_options *options);

/**
 * Open a checkpoint of the CMG code (`DCID-model-N.pt`; any two of audio, video and text, or
 * all three) without converting it. Dims are derived from its tensors, `behaviour` is compat,
 * and a modality's tensors are read when its first encoder is created. Settings that a
 * checkpoint does not contain (attention heads, dropout) keep their defaults, which are logged
 * (unic_set_log()). The tensors may be in other dicts or lists, have the prefixes of wrappers
 * ("module.", "_orig_mod."), or be those of the encoder only. A file with several encoders is
 * refused, and the message tells where they are.
 *
 * @param out       the model.
 * @param path      the checkpoint; the file stays open until all weights are read.
 * @param settings  "key = value" lines that override other settings ("encoder.heads = 8"); may
 *                  be NULL.
 * @param options   NULL: no limit.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_NOTFOUND; UNIC_E_IO; UNIC_E_FORMAT lists missing and
 * mis-shaped tensors by name; UNIC_E_CONFIG; UNIC_E_NOMEM; UNIC_E_CANCELLED. `settings` for a
 * model's own file are UNIC_E_ARG. Since 0.1.
 */
UNIC_API unic_status unic_model_import(unic_model **out, const char *path, const char *settings,
                                       const unic_open_options *options);

/**
 * The same as unic_model_import(), from a source (unic_io.h) instead of a file. The source is
 * closed when all weights are read, the model is freed, or this call fails.
 * @return also what the source's read_at() returned, UNIC_E_IO if it is no status. Since 0.1.
 */
UNIC_API unic_status unic_model_import_source(unic_model **out, const unic_source *source,
                                              const char *settings,
                                              const unic_open_options *options);

/** Add a reference, which must be freed as well; returns `model`. Thread-safe. Since 0.1. */
UNIC_API unic_model *unic_model_retain(unic_model *model);

/** Drop a reference; the model is freed with the last one. Encoders hold references of their
 * own. NULL is allowed. Thread-safe. Since 0.1. */
UNIC_API void unic_model_free(unic_model *model);

/** The number of modalities. Thread-safe. Since 0.1. */
UNIC_API size_t unic_model_modality_count(const unic_model *model);
/** The name of modality `i`, in the config's order, borrowed; NULL if `i` is out of range.
 * Since 0.1. */
UNIC_API const char *unic_model_modality_name(const unic_model *model, size_t i);

/**
 * Get the dims of one step of a modality's features ({7,7,64}, {128}) and their number; `dims`
 * has room for UNIC_MAX_RANK. @return UNIC_OK; UNIC_E_ARG; UNIC_E_NOTFOUND lists the model's
 * modalities. Since 0.1.
 */
UNIC_API unic_status unic_model_feature_dims(size_t *rank, const unic_model *model,
                                             const char *modality, int64_t *dims);

/**
 * Get an inference parameter by its number, counted over all modalities
 * ("speech.semantic.affine.weight"). The weights of its modality are read if they have not been
 * read yet.
 * @param name   out, valid as long as the model.
 * @param data   out, the values, row-major, valid as long as the model; may be NULL.
 * @param rank   out.
 * @param model  thread-safe.
 * @param i      from 0.
 * @param dims   [UNIC_MAX_RANK] out.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_NOTFOUND if there is no such parameter; UNIC_E_IO,
 * UNIC_E_FORMAT, UNIC_E_NOMEM and UNIC_E_NUMERIC (unic_model_convert()) if the weights cannot
 * be read. Since 0.1.
 */
UNIC_API unic_status unic_model_parameter_at(const char **name, const float **data,
                                             size_t *rank, unic_model *model, size_t i,
                                             int64_t *dims);

/** L, the number of codes; with level2.weight that of all pairs. Since 0.1. */
UNIC_API size_t unic_model_code_count(const unic_model *model);
/** D, the dims of a code; with code.segments those of all segments together, with level2.weight
 *  those of both levels. Since 0.1. */
UNIC_API size_t unic_model_code_dim(const unic_model *model);

/** The model's config as text; borrowed, valid as long as the model. Since 0.1. */
UNIC_API const char *unic_model_config(const unic_model *model);

/** The type of the model's weights, in its file and in the memory of its encoders: "f32", "f16"
 * or "bf16" (`encoder.weights` of its config); static. Thread-safe. Since 0.1. */
UNIC_API const char *unic_model_weights(const unic_model *model);

/**
 * Make a model that is the same but for the type of its weights: "f16" (IEEE 754 binary16) and
 * "bf16" (bfloat16) take half the memory and half the file of "f32". Matrices, and kernels of
 * convolutions where a model has some (level2.weight), are rounded to the nearest number of the
 * type, ties to even; biases, norms and the codebook stay float32. Encoders of the model compute
 * in float32 with the rounded weights. Under `kernel.backend = auto` they hold matrices in 16
 * bits; kernels, and under other backends matrices too, are widened when they are read.
 *
 * @param out      the new model; independent of `model`, but weights that neither has loaded are
 *                 read from the file of `model` when they are needed.
 * @param model    thread-safe; not changed, and its weights are not loaded.
 * @param weights  "f32", "f16" or "bf16". "f32" widens, and brings nothing back.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_CONFIG for another word; UNIC_E_NOMEM. A weight beyond the
 *         range of f16 (65504) is found when its modality is loaded: creating an encoder, saving
 *         and unic_model_parameter_at() return UNIC_E_NUMERIC and name it. Since 0.1.
 */
UNIC_API unic_status unic_model_convert(unic_model **out, unic_model *model,
                                        const char *weights);

/** Copy the model's codebook, with its EMA state. @return UNIC_OK; UNIC_E_ARG;
 * UNIC_E_NOMEM. Since 0.1. */
UNIC_API unic_status unic_model_codebook(unic_codebook **out, const unic_model *model);

/**
 * Write the model with all its weights to `path`, as numbers of unic_model_weights(). The file is
 * written under a temporary name, synchronised and renamed. Equal models give equal bytes.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_NOTFOUND if the folder does not exist; UNIC_E_IO;
 * UNIC_E_NOMEM; UNIC_E_FORMAT and UNIC_E_NUMERIC (unic_model_convert()) if weights that were
 * not loaded before cannot be read. Since 0.1.
 */
UNIC_API unic_status unic_model_save(unic_model *model, const char *path);
/**
 * The same as unic_model_save(), to a sink (unic_io.h) instead of a file. @return also what the
 * sink's functions returned, UNIC_E_IO if it is no status. Since 0.1.
 */
UNIC_API unic_status unic_model_save_sink(unic_model *model, const unic_sink *sink);

#ifdef __cplusplus
}
#endif
#endif
