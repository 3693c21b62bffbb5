/* Opens a file of weights by its contents: what torch.save() wrote, safetensors, or an npz. */
#ifndef UNIC_TORCH_WEIGHT_OPEN_H
#define UNIC_TORCH_WEIGHT_OPEN_H

#include "array/weight_file.h"

/* UNIC_E_FORMAT says what else it is. */
unic_status unic__weight_file_open(unic__weight_file **out, unic__source *source);

#endif
