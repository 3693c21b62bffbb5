/*
 * Options structs of heads, retrievers, segmenters and indexes: one table for each gives the
 * default and the bounds of every member. Creating and loading use the same table.
 */
#ifndef UNIC_TASK_OPTIONS_H
#define UNIC_TASK_OPTIONS_H

#include "array/bundle.h"
#include "model/codebook.h"

/* A member that is a whole number of 4 or 8 bytes. */
typedef struct unic__option {
    const char *name, *item; /* "dilations", and its place "[2]" if it is an array's */
    size_t offset, bytes;
    int64_t low, high;
    int64_t standard
        [2]; /* the default for 0, by preset; 0: none, a zero is checked like other values */
    const char *values; /* the enum of its values, or NULL for a range */
} unic__option;

/* A member that is a float; low = 0 means: positive and finite. */
typedef struct unic__float_option {
    const char
        *member; /* of a file: "head.learning_rate"; behind the dot is the option's name */
    size_t offset;
    float low, high;
    float standard[2];
} unic__float_option;

#define UNIC__OPTION_OF(type, member)                                                          \
    .name = #member, .item = "", .offset = offsetof(type, member),                             \
    .bytes = sizeof(((type *)0)->member)
#define UNIC__OPTION_ITEM(type, member, i)                                                     \
    .name = #member, .item = "[" #i "]", .offset = offsetof(type, member[i]),                  \
    .bytes = sizeof(((type *)0)->member[i])
/* A seed takes any value. */
#define UNIC__OPTION_SEED(type) UNIC__OPTION_OF(type, seed), .low = INT64_MIN, .high = INT64_MAX

typedef struct unic__options_table {
    const char *member; /* of a file, with the numbers: "head.options" */
    const char *kind;   /* that such a file is of: "a head" */
    const unic__option *number;
    size_t number_count;
    const unic__float_option *real;
    size_t real_count;
} unic__options_table;

bool unic__option_accepts(const unic__option *option, int64_t value);

/* Fills in what is zero by the preset (0 or 1), then checks. A failure is of `status`; its
 * message begins with `prefix` and the member's name. */
unic_status unic__options_complete(void *options, const unic__options_table *table,
                                   size_t preset, const char *prefix, unic_status status);

/* ---- in a file: the table's numbers and then the codebook's L and D; each float ---- */

enum { UNIC__OPTIONS_MOST = 32 };

/* `options` and `numbers` have to stay until the bundle is written. */
void unic__options_bundle(unic__bundle *b, const unic__options_table *table, void *options,
                          const unic_codebook *cb, int64_t numbers[UNIC__OPTIONS_MOST]);

/* What is zero in a file takes no default: every number must be in range as it stands, and
 * every float must not be zero (its bounds are checked by unic__options_complete). */
unic_status unic__options_read(void *options, unic__shape *codes,
                               const unic__options_table *table, unic__npz *z);

/* One option after the other to and from numbers; `path` is of the file, for messages. */
void unic__options_to_numbers(const unic__options_table *table, const void *options,
                              int64_t *numbers);
unic_status unic__options_from_numbers(void *options, const unic__options_table *table,
                                       const int64_t *numbers, const char *path);

#endif
