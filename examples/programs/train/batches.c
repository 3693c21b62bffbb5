#include "train/batches.h"

#include "cli/report.h"
#include "train/ranks.h"

/* How many steps each clip has of a modality: lengths, or without them the batch's own. */
typedef struct clip_steps {
    const int32_t *lengths;
    int64_t all;
} clip_steps;

static bool get_steps(clip_steps *steps, const unic_dataset *data, const unic_batch *batch,
                      size_t m)
{
    unic_array features = {.struct_size = sizeof features};
    if (!cli_ok(unic_batch_get(&features, &steps->lengths, batch,
                               unic_dataset_modality_name(data, m))))
        return false;
    steps->all = features.dims[1];
    return true;
}

static bool has_step(const clip_steps *steps, size_t clip)
{
    return steps->lengths ? steps->lengths[clip] > 0 : steps->all > 0;
}

bool train_batch_has_step(bool *has, const unic_dataset *data, const unic_batch *batch)
{
    const size_t clips = unic_batch_clip_count(batch);
    *has = false;
    for (size_t m = 0; m < unic_dataset_modality_count(data) && clips; m++) {
        clip_steps steps;
        if (!get_steps(&steps, data, batch, m))
            return false;
        for (size_t i = 0; i < clips && !*has; i++)
            *has = has_step(&steps, i);
    }
    return train_ranks_any(has);
}

bool train_seen_add(train_seen *seen, const unic_dataset *data, const unic_batch *batch)
{
    const size_t clips = unic_batch_clip_count(batch), n = unic_dataset_modality_count(data);
    clip_steps steps[UNIC_MAX_MODALITIES];
    for (size_t m = 0; m < n && clips; m++)
        if (!get_steps(&steps[m], data, batch, m))
            return false;
    for (size_t i = 0; i < clips; i++) {
        size_t here = 0;
        for (size_t m = 0; m < n; m++) {
            const bool has = has_step(&steps[m], i);
            seen->modality[m] = seen->modality[m] || has;
            here += has;
        }
        seen->pair = seen->pair || here > 1;
    }
    return true;
}

bool train_seen_check(train_seen *seen, const unic_dataset *data, const char *path)
{
    const size_t n = unic_dataset_modality_count(data);
    for (size_t m = 0; m < n; m++) {
        if (!train_ranks_any(&seen->modality[m]))
            return false;
        if (!seen->modality[m])
            return cli_fail("%s: \"%s\" is damaged in all clips of an epoch: nothing could be "
                            "learnt of it",
                            path, unic_dataset_modality_name(data, m));
    }
    if (!train_ranks_any(&seen->pair))
        return false;
    return n < 2 || seen->pair ||
           cli_fail("%s: no clip of an epoch has two modalities that are not damaged: there is "
                    "nothing that ties them together",
                    path);
}
