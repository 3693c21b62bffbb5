#include "base/structs.h"

#include <string.h>

#include "unicode/unic.h"

/*
 * The kinds. After each type come its sizes in released headers, ascending. A release that
 * enlarges a struct inserts the previous size before sizeof, and never removes it.
 */
#define SIZES(...)                                                                             \
    .sizes = (const size_t[]){__VA_ARGS__},                                                    \
    .size_count = sizeof((const size_t[]){__VA_ARGS__}) / sizeof(size_t)
#define RESERVED(type)                                                                         \
    .reserved_at = offsetof(type, reserved), .reserved_size = sizeof(((type *)0)->reserved)
#define OPTIONS(kind, type, ...)                                                               \
    const unic__struct_kind kind = {.name = #type, SIZES(__VA_ARGS__), RESERVED(type)}
#define PLAIN(kind, type, ...)                                                                 \
    const unic__struct_kind kind = {.name = #type, SIZES(__VA_ARGS__)}

PLAIN(unic__allocator_kind, unic_allocator, sizeof(unic_allocator));
OPTIONS(unic__array_kind, unic_array, sizeof(unic_array));
OPTIONS(unic__class_names_kind, unic_class_names, sizeof(unic_class_names));
PLAIN(unic__class_report_kind, unic_class_report, sizeof(unic_class_report));
OPTIONS(unic__codebook_init_options_kind, unic_codebook_init_options,
        sizeof(unic_codebook_init_options));
OPTIONS(unic__comm_kind, unic_comm, sizeof(unic_comm));
OPTIONS(unic__config_key_kind, unic_config_key, sizeof(unic_config_key));
OPTIONS(unic__dataset_options_kind, unic_dataset_options, sizeof(unic_dataset_options));
OPTIONS(unic__draws_kind, unic_draws, sizeof(unic_draws));
PLAIN(unic__drift_report_kind, unic_drift_report, sizeof(unic_drift_report));
OPTIONS(unic__encode_options_kind, unic_encode_options, sizeof(unic_encode_options));
OPTIONS(unic__encoder_options_kind, unic_encoder_options, sizeof(unic_encoder_options));
OPTIONS(unic__extractor_options_kind, unic_extractor_options, sizeof(unic_extractor_options));
OPTIONS(unic__head_options_kind, unic_head_options, sizeof(unic_head_options));
OPTIONS(unic__index_options_kind, unic_index_options, sizeof(unic_index_options));
PLAIN(unic__mask_report_kind, unic_mask_report, sizeof(unic_mask_report));
PLAIN(unic__match_report_kind, unic_match_report, sizeof(unic_match_report));
OPTIONS(unic__open_options_kind, unic_open_options, sizeof(unic_open_options));
PLAIN(unic__rank_report_kind, unic_rank_report, sizeof(unic_rank_report));
OPTIONS(unic__retriever_options_kind, unic_retriever_options, sizeof(unic_retriever_options));
OPTIONS(unic__search_options_kind, unic_search_options, sizeof(unic_search_options));
OPTIONS(unic__segmenter_options_kind, unic_segmenter_options, sizeof(unic_segmenter_options));
OPTIONS(unic__sink_kind, unic_sink, sizeof(unic_sink));
OPTIONS(unic__source_kind, unic_source, sizeof(unic_source));
OPTIONS(unic__stream_options_kind, unic_stream_options, sizeof(unic_stream_options));
OPTIONS(unic__trainer_options_kind, unic_trainer_options, sizeof(unic_trainer_options));
PLAIN(unic__usage_report_kind, unic_usage_report, sizeof(unic_usage_report));

static size_t size_of(const void *given)
{
    size_t size;
    memcpy(&size, given, sizeof size);
    return size;
}

unic_status unic__struct_check(const unic__struct_kind *kind, const void *given,
                               const char *call, const char *argument)
{
    size_t size = size_of(given), today = kind->sizes[kind->size_count - 1];
    bool taken = size > today;
    for (size_t i = 0; i < kind->size_count; i++)
        taken = taken || size == kind->sizes[i];
    if (!taken)
        return unic__fail(UNIC_E_ARG, "%s: %s has struct_size %zu, sizeof(%s) = %zu expected",
                          call, argument, size, kind->name, today);
    return UNIC_OK;
}

unic_status unic__struct_check_reserved(const unic__struct_kind *kind, const void *given,
                                        const char *call, const char *argument)
{
    const unsigned char *reserved = (const unsigned char *)given + kind->reserved_at;
    for (size_t i = 0; i < kind->reserved_size; i++)
        if (reserved[i]) /* a later version's member, which this one would not honour */
            return unic__fail(UNIC_E_ARG,
                              "%s: %s: reserved[%zu] of %s is not zero, as it must be", call,
                              argument, i / sizeof(void *), kind->name);
    return UNIC_OK;
}

unic_status unic__struct_take(const unic__struct_kind *kind, void *copy, const void *given,
                              const char *call, const char *argument)
{
    UNIC__TRY(unic__struct_check(kind, given, call, argument));
    size_t size = size_of(given), today = kind->sizes[kind->size_count - 1];
    memset(copy, 0, today);
    memcpy(copy, given, size < today ? size : today);
    memcpy(copy, &today, sizeof today);
    return unic__struct_check_reserved(kind, copy, call, argument);
}

void unic__struct_give(const unic__struct_kind *kind, void *given, const void *value)
{
    size_t size = size_of(given), today = kind->sizes[kind->size_count - 1];
    size_t bytes = size < today ? size : today;
    memcpy((char *)given + sizeof size, (const char *)value + sizeof size, bytes - sizeof size);
}
