/* The names of classes. Classes are numbered in the byte order of their names; or, if all names are
 * whole numbers as 0 and 12 (not 007, -1 or 1.0), in the order of these. */
#ifndef UNIC_DATA_CLASS_NAMES_H
#define UNIC_DATA_CLASS_NAMES_H

#include "base/text.h"

typedef struct unic__class_names {
    const char **at; /* [n], sorted, unique; NULL: classes have only numbers */
    size_t n;
    bool numbers; /* the order is that of numbers */
} unic__class_names;

/* Makes names of `n` pieces, which are sorted in place; the names are copied into the arena. */
unic_status unic__class_names_of(unic__class_names *out, unic__arena *arena,
                                 unic__piece *pieces, size_t n);

/* The number of a name, which must be one of them. */
int32_t unic__class_names_find(const unic__class_names *names, unic__piece name);

/* Whether all of `b` are among `a`. */
bool unic__class_names_include(const unic__class_names *a, const unic__class_names *b);

/* The union of `a` and `b`; `out` may be either. */
unic_status unic__class_names_unite(unic__class_names *out, unic__arena *arena,
                                    const unic__class_names *a, const unic__class_names *b);

/* The order of names without regard to case, to accents and how they are encoded, and to blanks,
 * "_", hyphens of words and what is not seen, anywhere; 0: the same name, as people see it. */
int unic__compare_loosely(const char *a, const char *b);
/* The same for qsort() of an array of names; those that look the same in the order of their bytes. */
int unic__compare_loosely_at(const void *a, const void *b);

/* Whether a table's field is one of the words that pandas writes and reads for a missing
 * value. */
bool unic__is_missing(unic__piece field);

#endif
