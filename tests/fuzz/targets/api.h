/*
 * The API as a caller of any skill uses it: the input's bytes choose functions, handles, arguments
 * and files, most of them valid. A chosen handle that is not there yet is made first; at times it is
 * NULL, and at times an allocation fails.
 */
#ifndef TESTS_FUZZ_API_H
#define TESTS_FUZZ_API_H

#include "fuzz/targets/targets.h"

enum { API_HANDLES = 2, API_BLOCKS = 512 };

#define API_SLOTS(type, name) type *name[API_HANDLES]

typedef struct api {
    fuzz_in in;
    API_SLOTS(unic_config, config);
    API_SLOTS(unic_trainer, trainer);
    API_SLOTS(unic_model, model);
    API_SLOTS(unic_encoder, encoder);
    API_SLOTS(unic_stream, stream);
    API_SLOTS(unic_codebook, codebook);
    API_SLOTS(unic_dataset, dataset);
    API_SLOTS(unic_batch, batch);
    API_SLOTS(unic_head, head);
    API_SLOTS(unic_index, index);
    API_SLOTS(unic_retriever, retriever);
    API_SLOTS(unic_segmenter, segmenter);
    API_SLOTS(unic_class_map, class_map);
    API_SLOTS(unic_npz_writer, npz_writer);
    API_SLOTS(unic_buffer, buffer);
    API_SLOTS(unic_extractor, extractor);
    void *blocks[API_BLOCKS]; /* freed at the end */
    size_t block_count;
} api;

typedef struct api_call {
    const char *name; /* of the exported function */
    void (*run)(api *a);
} api_call;

typedef struct api_part {
    const api_call *calls;
    size_t count;
} api_part;

/* An entry of a part's table: call_<function>() calls it. */
#define API_CALL(function)                                                                     \
    {                                                                                          \
#function, call_##function                                                             \
    }
#define API_PART(name, list) const api_part name = {list, sizeof(list) / sizeof((list)[0])}

extern const api_part api_base, api_codebooks, api_indexes, api_models, api_data, api_tasks,
    api_metrics, api_extract;

/* ---- arguments ---- */

/* Memory until the input's end, cleared; never NULL. */
void *api_memory(api *a, size_t bytes);

/* An array of these dims, at times of others, of another dtype or with strides; float dtypes and
 * ordinary values otherwise. Its memory is as large as it says. */
unic_array *api_array(api *a, int rank, const int64_t *dims);
/* Codes or labels in -1..n-1, at times one that is out of range. */
int32_t *api_codes(api *a, size_t count, size_t n);
float *api_floats(api *a, size_t count);
/* A name of `names`, at times another text, or NULL. */
const char *api_name(api *a, const char *const *names, size_t n);
/* A path in the run's folder: of a few, so that files are read and written over. */
const char *api_path(api *a);
/* Such a file in memory, at times not there, whose reads may be short, fail or lie. */
const unic_source *api_source(api *a);
/* A buffer's, or one that takes some bytes and then fails. */
const unic_sink *api_sink(api *a);
/* NULL, a limit, or options that are refused. */
const unic_open_options *api_open(api *a);
int32_t api_threads(api *a);
/* A struct's size: mostly that of today. */
size_t api_struct_size(api *a, size_t today);
/* Asks to stop at times. */
int api_progress(const char *what, uint64_t done, uint64_t total, void *user);

/* ---- handles: one of the two of a kind; NULL at times, made if there is none ---- */

unic_config *api_config_of(api *a);
unic_trainer *api_trainer_of(api *a);
unic_model *api_model_of(api *a);
unic_encoder *api_encoder_of(api *a);
unic_stream *api_stream_of(api *a);
unic_codebook *api_codebook_of(api *a);
unic_dataset *api_dataset_of(api *a);
unic_batch *api_batch_of(api *a);
unic_head *api_head_of(api *a);
unic_index *api_index_of(api *a);
unic_retriever *api_retriever_of(api *a);
unic_segmenter *api_segmenter_of(api *a);
unic_class_map *api_class_map_of(api *a);
unic_npz_writer *api_npz_writer_of(api *a);
unic_buffer *api_buffer_of(api *a);
unic_extractor *api_extractor_of(api *a);

/* Calls CREATE(&handle, ...) for a slot, in place of the handle that is there. */
#define API_PUT(a, kind, call, ...)                                                            \
    do {                                                                                       \
        size_t slot_ = fuzz_below(&(a)->in, API_HANDLES);                                      \
        unic_##kind *made_ = (void *)&made_;                                                   \
        bool whole_ = !fuzz_rarely(&(a)->in);                                                  \
        unic_status status_ = call(whole_ ? &made_ : NULL, __VA_ARGS__);                       \
        if (!whole_) {                                                                         \
            FUZZ_CHECK(status_ == UNIC_E_ARG);                                                 \
            fuzz_ok(status_);                                                                  \
        } else if (fuzz_made(status_, made_)) {                                                \
            unic_##kind##_free((a)->kind[slot_]);                                              \
            (a)->kind[slot_] = made_;                                                          \
        }                                                                                      \
    } while (0)

#define API_FREE(a, kind)                                                                      \
    do {                                                                                       \
        size_t slot_ = fuzz_below(&(a)->in, API_HANDLES);                                      \
        unic_##kind##_free((a)->kind[slot_]);                                                  \
        (a)->kind[slot_] = NULL;                                                               \
    } while (0)

#endif
