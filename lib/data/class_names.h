/* The names of classes, numbered in the order of their bytes. */
#ifndef UNIC_DATA_CLASS_NAMES_H
#define UNIC_DATA_CLASS_NAMES_H

#include "base/text.h"

typedef struct unic__class_names {
    const char **at; /* [n], sorted, each once; NULL: classes have numbers alone */
    size_t n;
} unic__class_names;

/* Of `n` pieces, which are sorted where they stand; the names are copied into the arena. */
unic_status unic__class_names_of(unic__class_names *out, unic__arena *arena,
                                 unic__piece *pieces, size_t n);

/* The number of a name that is among them. */
int32_t unic__class_names_find(const unic__class_names *names, unic__piece name);

/* Those of `a` and of `b`; `out` may be either. */
unic_status unic__class_names_unite(unic__class_names *out, unic__arena *arena,
                                    const unic__class_names *a, const unic__class_names *b);

/* Whether the field of a table says that there is nothing: what pandas writes, and reads, for a
 * value that is missing. */
bool unic__is_missing(const char *field);

#endif
