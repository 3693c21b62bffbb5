/*
 * The public structs. Each begins with its size, which the caller sets to what the caller's
 * headers say. A size that a released header gave the struct is taken, and so is a larger one, of
 * a later header; what is missing counts as zero, and nothing beyond the size is read or written.
 */
#ifndef UNIC_BASE_STRUCTS_H
#define UNIC_BASE_STRUCTS_H

#include "base/base.h"

typedef struct unic__struct_kind {
    const char *name;    /* "unic_head_options" */
    const size_t *sizes; /* that released headers gave it, ascending; the last is today's */
    size_t size_count;
    size_t reserved_at, reserved_size; /* its member `reserved`; of size 0 if it has none */
} unic__struct_kind;

extern const unic__struct_kind unic__allocator_kind, unic__array_kind, unic__class_names_kind,
    unic__class_report_kind, unic__codebook_init_options_kind, unic__config_key_kind,
    unic__dataset_options_kind, unic__draws_kind, unic__encode_options_kind,
    unic__encoder_options_kind, unic__head_options_kind, unic__index_options_kind,
    unic__mask_report_kind, unic__match_report_kind, unic__open_options_kind,
    unic__rank_report_kind, unic__retriever_options_kind, unic__segmenter_options_kind,
    unic__trainer_options_kind;

/* Whether the struct's size is one that is taken. Messages read "<call>: <argument> has ...".
 * UNIC_E_ARG. */
unic_status unic__struct_check(const unic__struct_kind *kind, const void *given,
                               const char *call, const char *argument);

/* Whether the `reserved` of a struct of today's size is zero. UNIC_E_ARG. */
unic_status unic__struct_check_reserved(const unic__struct_kind *kind, const void *given,
                                        const char *call, const char *argument);

/* Both, of a struct that is read: it is copied to `copy`, which has today's size. */
unic_status unic__struct_take(const unic__struct_kind *kind, void *copy, const void *given,
                              const char *call, const char *argument);

/* Writes `value`, of today's size, into a checked struct of the caller's, but for struct_size. */
void unic__struct_give(const unic__struct_kind *kind, void *given, const void *value);

#endif
