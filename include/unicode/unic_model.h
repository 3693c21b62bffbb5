/**
 * @file unic_model.h
 * A trained model: its config, its codebook, and each modality's inference weights, read when
 * they are first needed. Immutable, reference-counted, shared by threads.
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
 * Open a model file (npz): reads the config and the codebook; a modality's weights are read and
 * CRC-checked when its first encoder is created. A checkpoint of the CMG code, whatever its
 * file is called, is opened as unic_model_import() does without settings. `options` (NULL: no
 * limit) hold for its weights, too.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_NOTFOUND; UNIC_E_IO; UNIC_E_FORMAT; UNIC_E_CONFIG;
 *         UNIC_E_NOMEM. Since 0.1.
 */
UNIC_API unic_status unic_model_open(unic_model **out, const char *path,
                                     const unic_open_options *options);

/**
 * Open a checkpoint of the CMG code (`DCID-model-N.pt`; audio, video and text in any pair or
 * all three) as it is: dims come from its tensors, `behaviour` is compat, and a modality's
 * tensors are read when its first encoder is created. What a checkpoint does not tell
 * (attention heads, dropout) keeps its default, which is logged (unic_set_log). Its parts may
 * stand in other dicts or lists, under wrappers' names ("module.", "_orig_mod."), or be the
 * encoder's alone; several encoders are refused with their places.
 *
 * @param out       the model.
 * @param path      of the checkpoint; the file stays open until all weights are read.
 * @param settings  "key = value" lines that come last ("encoder.heads = 8"); may be NULL.
 * @param options   NULL: no limit.
 * @return UNIC_OK; UNIC_E_ARG; UNIC_E_IO; UNIC_E_FORMAT lists missing and mis-shaped tensors by
 * name; UNIC_E_CONFIG; UNIC_E_NOMEM. Since 0.1.
 */
UNIC_API unic_status unic_model_import(unic_model **out, const char *path, const char *settings,
                                       const unic_open_options *options);

/** One more reference, to be freed as well; returns `model`. Thread-safe. Since 0.1. */
UNIC_API unic_model *unic_model_retain(unic_model *model);

/** Drops a reference; the last one frees. Encoders hold their own. Thread-safe. Since 0.1. */
UNIC_API void unic_model_free(unic_model *model);

/** The number of modalities. Thread-safe. Since 0.1. */
UNIC_API size_t unic_model_modality_count(const unic_model *model);
/** Their names in the config's order, borrowed; NULL if `i` is out of range. Since 0.1. */
UNIC_API const char *unic_model_modality_name(const unic_model *model, size_t i);

/**
 * The dims of one step of a modality's features ({7,7,64}, {128}) and their number; `dims` has
 * room for UNIC_MAX_RANK. @return UNIC_OK; UNIC_E_NOTFOUND names the modalities there are.
 * Since 0.1.
 */
UNIC_API unic_status unic_model_feature_dims(size_t *rank, const unic_model *model,
                                             const char *modality, int64_t *dims);

/**
 * The inference parameters by number, over all modalities ("speech.semantic.affine.weight"):
 * reads the weights of the modality they belong to, if they have not been.
 * @param name   out, lives as long as the model.
 * @param data   out, the values, row-major, as long as the model; may be NULL.
 * @param rank   out.
 * @param model  thread-safe.
 * @param i      from 0.
 * @param dims   [UNIC_MAX_RANK] out.
 * @return UNIC_OK; UNIC_E_NOTFOUND behind the last one; UNIC_E_IO, UNIC_E_FORMAT. Since 0.1.
 */
UNIC_API unic_status unic_model_parameter_at(const char **name, const float **data,
                                             size_t *rank, unic_model *model, size_t i,
                                             int64_t *dims);

/** L, the number of codes. Since 0.1. */
UNIC_API size_t unic_model_code_count(const unic_model *model);
/** D, the dims of a code. Since 0.1. */
UNIC_API size_t unic_model_code_dim(const unic_model *model);

/** The model's config as text; borrowed, lives as long as the model. Since 0.1. */
UNIC_API const char *unic_model_config(const unic_model *model);

/** A copy of the model's codebook, with its EMA state. @return UNIC_OK; UNIC_E_ARG;
 * UNIC_E_NOMEM. Since 0.1. */
UNIC_API unic_status unic_model_codebook(unic_codebook **out, const unic_model *model);

/**
 * Write the model with all its weights to `path` (a temporary file, fsynced, renamed). Equal
 * models give equal bytes. @return UNIC_OK; UNIC_E_ARG; UNIC_E_IO; UNIC_E_NOMEM. Since 0.1.
 */
UNIC_API unic_status unic_model_save(unic_model *model, const char *path);

#ifdef __cplusplus
}
#endif
#endif
