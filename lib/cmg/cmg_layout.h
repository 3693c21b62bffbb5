/*
 * Where in a checkpoint CMG's parts are. Their own code saves a dict of state dicts,
 * "Encoder_parameters/audio_self_att.affine_matrix.weight"; other people's put it into another
 * dict or a list, wrap modules ("module.", "_orig_mod."), save one state dict of everything, or
 * the encoder's alone.
 */
#ifndef UNIC_CMG_CMG_LAYOUT_H
#define UNIC_CMG_CMG_LAYOUT_H

#include "torch/torch_file.h"

/*
 * Opens a checkpoint and gives its tensors the paths of CMG's own layout, wherever they stand:
 * each part is known by names that nothing else has. UNIC_E_FORMAT if there is no encoder, with
 * what there is instead, or if several could be meant, with their paths.
 */
unic_status unic__cmg_open(unic__torch_file **out, const char *path);

/* The tensor of a path in CMG's layout; UNIC_E_FORMAT tells what is there instead, without the
 * file: the caller puts it in front. */
unic_status unic__cmg_tensor(const unic__torch_file *f, const char *path,
                             const unic__torch_tensor **out);

/* Whether the file has an encoder without the other modules of a run. */
bool unic__cmg_is_bare(const unic__torch_file *f);

#endif
