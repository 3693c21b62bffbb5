#include "train/batches.h"

#include "cli/report.h"
#include "train/ranks.h"

bool train_batch_has_step(bool *has, const unic_dataset *data, const unic_batch *batch)
{
    const size_t clips = unic_batch_clip_count(batch);
    *has = false;
    for (size_t m = 0; m < unic_dataset_modality_count(data) && clips; m++) {
        unic_array features = {.struct_size = sizeof features};
        const int32_t *lengths;
        if (!cli_ok(unic_batch_get(&features, &lengths, batch,
                                   unic_dataset_modality_name(data, m))))
            return false;
        for (size_t i = 0; i < clips && !*has; i++)
            *has = lengths ? lengths[i] > 0 : features.dims[1] > 0;
    }
    return train_ranks_any(has);
}
