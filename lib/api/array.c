#include <stdio.h>
#include <string.h>

#include "array/batch.h"

void unic_array_init(unic_array *array, const void *data, unic_dtype dtype, int rank,
                     const int64_t *dims)
{
    if (!array)
        return;
    memset(array, 0, sizeof *array);
    array->struct_size = sizeof *array;
    array->data = data;
    array->dtype = (int32_t)dtype;
    array->rank = rank;
    for (int i = 0; dims && i < rank && i < UNIC_MAX_RANK; i++)
        array->dims[i] = dims[i];
}

unic_status unic_batch_create(unic_batch **out)
{
    if (!out)
        return unic__fail(UNIC_E_ARG, "unic_batch_create: out is NULL");
    return unic__batch_create(out);
}

void unic_batch_free(unic_batch *batch)
{
    unic__batch_free(batch);
}

unic_status unic_batch_set(unic_batch *batch, const char *name, const unic_array *features,
                           const int32_t *lengths)
{
    if (!batch)
        return unic__fail(UNIC_E_ARG, "unic_batch_set: batch is NULL");
    if (!name || !*name)
        return unic__fail(UNIC_E_ARG, "unic_batch_set: name is %s, a modality's name expected",
                          name ? "empty" : "NULL");
    char what[128];
    snprintf(what, sizeof what, "modality \"%.100s\"", name);
    UNIC__TRY(unic__array_check_real(features, "unic_batch_set", what));
    return unic__batch_set(batch, name, features, lengths);
}

unic_status unic_batch_number_clips(unic_batch *batch, const int64_t *clips)
{
    if (!batch)
        return unic__fail(UNIC_E_ARG, "unic_batch_number_clips: batch is NULL");
    if (clips && !unic__batch_clip_count(batch))
        return unic__fail(UNIC_E_STATE,
                          "unic_batch_number_clips: the batch is empty, a modality with its "
                          "clips expected");
    batch->clips = clips;
    return UNIC_OK;
}

size_t unic_batch_clip_count(const unic_batch *batch)
{
    return batch ? unic__batch_clip_count(batch) : 0;
}

unic_status unic_batch_get(unic_array *features, const int32_t **lengths,
                           const unic_batch *batch, const char *name)
{
    if (!batch || !name)
        return unic__fail(UNIC_E_ARG, "unic_batch_get: %s is NULL", batch ? "name" : "batch");
    const unic__batch_entry *e = unic__batch_find(batch, name);
    char names[UNIC__BATCH_NAMES];
    if (!e)
        return unic__fail(UNIC_E_NOTFOUND,
                          "unic_batch_get: the batch has no modality \"%s\", it has %s", name,
                          unic__batch_names(batch, names));
    if (features)
        *features = e->features;
    if (lengths)
        *lengths = e->lengths;
    return UNIC_OK;
}
