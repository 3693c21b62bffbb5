/*
 * The names of the classes of "label", where arrays have them: "label.names", bytes, each name
 * with a 0 behind it, that of class 0 first. unic-encode writes them beside the labels of a table,
 * whose numbers mean something only by its names.
 */
#ifndef UNIC_DATA_LABEL_NAMES_H
#define UNIC_DATA_LABEL_NAMES_H

#include "array/named_arrays.h"
#include "data/class_names.h"

typedef struct unic__label_names {
    /* sorted as a table's, or of all files; `at` is NULL without any */
    unic__class_names names;
    unic__arena arena; /* of these and of `own`, until the dataset has numbered them */
    const char **own;  /* [n] as the file has them; NULL behind that */
    size_t n;
    int32_t *to; /* [n] the number of each in `names` */
} unic__label_names;

/* None if the arrays have none, or something else of that name, which is warned of. It must be freed, also
 * after a failure. */
unic_status unic__label_names_read(unic__label_names *out, unic__arena *arena,
                                   const unic__named_arrays *arrays);
void unic__label_names_free(unic__label_names *x);

/* Numbers the classes as in `all`, which contains all of their names and stays. The file's own are
 * released: thousands of files mostly have the same. */
void unic__label_names_number(unic__label_names *x, const unic__class_names *all);

/* The shape of the labels that are given, of that in the file. */
void unic__label_names_shape(const unic__label_names *x, unic__shape *shape);

/* Labels [clips], or [clips,C] of 0 and 1, of that shape, in the place of the file's. */
unic_status unic__label_names_labels(const unic__label_names *x,
                                     const unic__named_arrays *arrays, int32_t *out,
                                     size_t count);

#endif
