/* Data sets. */
#include <string.h>

#include "api.h"

static const char *const names[] = {"a", "b", "a", "b", "u", "v", "label", ""};

/* `stop` must live as long as the call. */
static unic_dataset_options dataset_options(api *a, unsigned *stop)
{
    static const char *const both[] = {"a", "b"}, *const wrong[] = {"a", "a"},
                             *const none[] = {NULL};
    unic_dataset_options o = {.struct_size = api_struct_size(a, sizeof o),
                              .batch = (size_t)fuzz_size(&a->in, 3),
                              .seed = fuzz_byte(&a->in)};
    unsigned how = fuzz_byte(&a->in);
    *stop = fuzz_byte(&a->in) & 3;
    if (o.struct_size > sizeof o)
        o.struct_size = sizeof o;
    o.modalities = how & 1 ? both : how == 0xFE ? wrong : how == 0xFC ? none : NULL;
    o.modality_count = o.modalities ? 1 + (o.modalities != none && how & 2) : 0;
    o.shuffle = how >> 2 & 1;
    o.drop_last = how >> 3 & 1;
    o.prefetch = how >> 4 & 1;
    o.on_damage = how >> 5 & 1;
    o.length = how & 0x40 ? (size_t)fuzz_size(&a->in, 4) : 0;
    o.split = how == 0x80 ? "train" : NULL;
    o.repeat_last = how & 0x80 ? both : NULL;
    o.repeat_last_count = how & 0x80 ? 2 : 0;
    o.parts = how == 0xFC ? 3 : 0;
    o.part = how == 0xFC ? (int32_t)(o.seed & 3) : 0; /* 3 is one too many */
    o.memory_limit = FUZZ_LIMIT;
    o.progress = *stop ? api_progress : NULL;
    o.progress_user = stop;
    return o;
}

static void call_unic_dataset_open(api *a)
{
    unsigned stop;
    const unic_dataset_options o = dataset_options(a, &stop);
    const char *paths[2] = {api_path(a), api_path(a)};
    API_PUT(a, dataset, unic_dataset_open, fuzz_rarely(&a->in) ? NULL : paths,
            fuzz_below(&a->in, 3), &o);
}

static void call_unic_dataset_open_sources(api *a)
{
    unsigned stop;
    const unic_dataset_options o = dataset_options(a, &stop);
    const unic_source *sources[2] = {api_source(a), api_source(a)};
    API_PUT(a, dataset, unic_dataset_open_sources, fuzz_rarely(&a->in) ? NULL : sources,
            fuzz_below(&a->in, 3), &o);
}

static void call_unic_dataset_free(api *a)
{
    API_FREE(a, dataset);
}

static void call_unic_dataset_clip_count(api *a)
{
    unic_dataset_clip_count(api_dataset_of(a));
}

static void call_unic_dataset_batch_count(api *a)
{
    unic_dataset_batch_count(api_dataset_of(a));
}

static void call_unic_dataset_length(api *a)
{
    unic_dataset_length(api_dataset_of(a));
}

static void call_unic_dataset_modality_count(api *a)
{
    unic_dataset_modality_count(api_dataset_of(a));
}

static void call_unic_dataset_modality_name(api *a)
{
    const unic_dataset *d = api_dataset_of(a);
    size_t i = fuzz_below(&a->in, 4);
    FUZZ_CHECK((unic_dataset_modality_name(d, i) != NULL) ==
               (i < unic_dataset_modality_count(d)));
}

static void call_unic_dataset_feature_dims(api *a)
{
    const unic_dataset *d = api_dataset_of(a);
    size_t rank;
    int64_t dims[UNIC_MAX_RANK];
    const char *name = api_name(a, names, 8);
    fuzz_ok(unic_dataset_feature_dims(fuzz_rarely(&a->in) ? NULL : &rank, d, name, dims));
}

static void call_unic_dataset_paired_count(api *a)
{
    const unic_dataset *d = api_dataset_of(a);
    size_t count;
    const char *name = api_name(a, names, 8);
    if (fuzz_ok(unic_dataset_paired_count(&count, d, name, api_name(a, names, 8))))
        FUZZ_CHECK(count <= unic_dataset_clip_count(d));
}

static void call_unic_dataset_has(api *a)
{
    const unic_dataset *d = api_dataset_of(a);
    const char *name = api_name(a, names, 8);
    unic_dataset_has(d, name, (size_t)fuzz_size(&a->in, 4) - 1);
}

static void call_unic_dataset_clip_name(api *a)
{
    const unic_dataset *d = api_dataset_of(a);
    char text[64];
    size_t size = fuzz_below(&a->in, sizeof text + 1);
    const char *name = api_name(a, names, 8);
    if (fuzz_ok(unic_dataset_clip_name(d, name, (size_t)fuzz_size(&a->in, 4) - 1, text, size)))
        FUZZ_CHECK(size == 0 || memchr(text, 0, size));
}

static void call_unic_dataset_class_count(api *a)
{
    const unic_dataset *d = api_dataset_of(a);
    unic_dataset_class_count(d, api_name(a, names, 8));
}

static void call_unic_dataset_class_name(api *a)
{
    const unic_dataset *d = api_dataset_of(a);
    const char *name = api_name(a, names, 8);
    unic_dataset_class_name(d, name, fuzz_below(&a->in, 4));
}

static void call_unic_dataset_next(api *a)
{
    unic_dataset *d = api_dataset_of(a);
    const unic_batch *batch;
    if (fuzz_ok(unic_dataset_next(fuzz_rarely(&a->in) ? NULL : &batch, d)) && batch)
        FUZZ_CHECK(unic_batch_clip_count(batch) > 0);
}

static void call_unic_dataset_seek(api *a)
{
    unic_dataset *d = api_dataset_of(a);
    uint64_t epoch = fuzz_number(&a->in, fuzz_rarely(&a->in) ? 8 : 1);
    fuzz_ok(unic_dataset_seek(d, epoch, fuzz_number(&a->in, 1) % 4));
}

static void call_unic_dataset_labels(api *a)
{
    static const char *const labels[] = {"label", "a.step_labels", "b.step_labels", "a"};
    unic_dataset *d = api_dataset_of(a);
    size_t rank, n = 1;
    int64_t dims[UNIC_MAX_RANK];
    const char *name = api_name(a, labels, 4);
    if (!fuzz_ok(unic_dataset_labels(&rank, d, name, dims, NULL)))
        return;
    for (size_t i = 0; i < rank; i++)
        n *= (size_t)dims[i];
    if (n <= 1 << 12)
        fuzz_ok(unic_dataset_labels(&rank, d, name, dims, api_memory(a, n * sizeof(int32_t))));
}

static const api_call calls[] = {
    API_CALL(unic_dataset_open_sources),
    API_CALL(unic_dataset_open),          API_CALL(unic_dataset_free),
    API_CALL(unic_dataset_clip_count),    API_CALL(unic_dataset_batch_count),
    API_CALL(unic_dataset_length),        API_CALL(unic_dataset_modality_count),
    API_CALL(unic_dataset_modality_name), API_CALL(unic_dataset_feature_dims),
    API_CALL(unic_dataset_paired_count),  API_CALL(unic_dataset_has),
    API_CALL(unic_dataset_clip_name),     API_CALL(unic_dataset_class_count),
    API_CALL(unic_dataset_class_name),    API_CALL(unic_dataset_next),
    API_CALL(unic_dataset_seek),          API_CALL(unic_dataset_labels),
};
API_PART(api_data, calls);
