/*
 * The public structs. Each begins with its size, which the caller sets to sizeof of the struct
 * in the headers it was compiled with. Every size of a released header is accepted, and so is a
 * larger one of a later header. Members that are missing count as zero, and nothing beyond the
 * size is read or written.
 */
#ifndef UNIC_BASE_STRUCTS_H
#define UNIC_BASE_STRUCTS_H

#include "base/base.h"

typedef struct unic__struct_kind {
    const char *name;    /* "unic_head_options" */
    const size_t *sizes; /* in released headers, ascending; the last is the current one */
    size_t size_count;
    size_t reserved_at, reserved_size; /* of its member `reserved`; size 0: it has none */
} unic__struct_kind;

extern const unic__struct_kind unic__allocator_kind, unic__array_kind, unic__class_names_kind,
    unic__class_report_kind, unic__codebook_init_options_kind, unic__comm_kind,
    unic__config_key_kind, unic__dataset_options_kind, unic__draws_kind,
    unic__drift_report_kind, unic__encode_options_kind, unic__encoder_options_kind,
    unic__extractor_options_kind, unic__head_options_kind, unic__index_options_kind,
    unic__mask_report_kind, unic__match_report_kind, unic__open_options_kind,
    unic__rank_report_kind, unic__retriever_options_kind, unic__search_options_kind,
    unic__segmenter_options_kind, unic__sink_kind, unic__source_kind, unic__stream_options_kind,
    unic__trainer_options_kind, unic__usage_report_kind;

/* Checks that the struct's size is accepted; else UNIC_E_ARG. Messages read
 * "<call>: <argument> has ...". */
unic_status unic__struct_check(const unic__struct_kind *kind, const void *given,
                               const char *call, const char *argument);

/* Checks that `reserved`, in a struct of the current size, is zero; else UNIC_E_ARG. */
unic_status unic__struct_check_reserved(const unic__struct_kind *kind, const void *given,
                                        const char *call, const char *argument);

/* Both checks for an input struct, which is then copied to `copy`, of the current size. */
unic_status unic__struct_take(const unic__struct_kind *kind, void *copy, const void *given,
                              const char *call, const char *argument);

/* Writes all of `value`, of the current size, except struct_size into the caller's checked
 * struct. */
void unic__struct_give(const unic__struct_kind *kind, void *given, const void *value);

#endif
