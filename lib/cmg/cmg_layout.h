/*
 * Where CMG's parts are in a checkpoint. The authors' code saves a dict of state dicts,
 * "Encoder_parameters/audio_self_att.affine_matrix.weight". Other code nests it in another dict
 * or a list, wraps modules ("module.", "_orig_mod."), or saves one state dict of all modules,
 * or only that of the encoder.
 */
#ifndef UNIC_CMG_CMG_LAYOUT_H
#define UNIC_CMG_CMG_LAYOUT_H

#include "torch/torch_file.h"

/*
 * Opens a checkpoint and gives its tensors the paths of CMG's own layout. Each part is
 * recognised by parameter names that no other part has. UNIC_E_FORMAT if there is no encoder
 * (the message says what was found), or if there are several (it lists their paths).
 */
unic_status unic__cmg_open(unic__torch_file **out, unic__source *source);

/* The tensor of a path in CMG's layout. UNIC_E_FORMAT says what is there instead; the caller
 * puts the file's name in front. */
unic_status unic__cmg_tensor(const unic__torch_file *f, const char *path,
                             const unic__torch_tensor **out);

/* Whether the file has an encoder without the other modules of a run. */
bool unic__cmg_is_bare(const unic__torch_file *f);

#endif
