/*
 * Reads CMG checkpoints (docs/method.md, A.7) directly: the config from the tensors' shapes,
 * and parameters and codebook under this library's names. Tensors are read only when asked for.
 */
#ifndef UNIC_CMG_CMG_IMPORT_H
#define UNIC_CMG_CMG_IMPORT_H

#include "cmg/cmg_names.h"
#include "config/config.h"
#include "graph/param_table.h"
#include "model/codebook.h"
#include "torch/torch_file.h"
#include "unicode/unic_model.h"

/*
 * A config of `behaviour = compat` with the checkpoint's dims. Settings that tensor shapes do
 * not determine keep their defaults and are logged as assumed. `settings` ("key = value" lines,
 * may be NULL) are applied last.
 */
unic_status unic__cmg_config(const unic__torch_file *f, const char *settings,
                             unic_config **out);

/* Reads every parameter of the table from the file; the beginning of its name is its modality.
 * UNIC_E_FORMAT lists the parameters that are missing or have another shape. */
unic_status unic__cmg_read_params(unic__torch_file *f, const unic_config *c,
                                  const unic__param_table *params);

/* The same check without reading: the table need not be sealed. */
unic_status unic__cmg_check_params(const unic__torch_file *f, const unic_config *c,
                                   const unic__param_table *params);

/* The values of tensor `t`, converted from CMG's layout (`place`) to that of parameter `p`. */
unic_status unic__cmg_read_tensor(unic__torch_file *f, const unic__torch_tensor *t,
                                  const unic__cmg_place *place, const unic__param *p,
                                  float *out);

unic_status unic__cmg_read_codebook(unic__torch_file *f, const unic_config *c,
                                    unic_codebook **out);

/* Logs the tensors that are neither used here nor known to be unused in CMG
 * (unic__cmg_is_dead). */
void unic__cmg_log_extra(const unic__torch_file *f, const unic_config *c);

/* A model whose weights are read from the checkpoint when they are needed. */
unic_status unic__model_import(unic_model **out, unic__source *source, const char *settings);

#endif
