/* Writes the caller's arrays into one npz: the implementation of unic_npz_writer. */
#ifndef UNIC_ARRAY_ARRAY_WRITER_H
#define UNIC_ARRAY_ARRAY_WRITER_H

#include "array/array.h"
#include "array/npz.h"
#include "base/use.h"
#include "unicode/unic_npz.h"

typedef struct unic__written_array {
    const char *name;
    int32_t dtype;
    size_t member; /* number in the npz */
    size_t left;   /* elements still to be appended */
} unic__written_array;

struct unic_npz_writer {
    unic__use use;
    unic__npz_writer *npz;       /* NULL once finished */
    unic_status failed;          /* of the first call that failed; finish then fails too */
    unic__written_array *arrays; /* and texts, in the order they were added */
    size_t count, room;
    unic__arena names;
    char *path;
};

unic_status unic__array_writer_create(unic_npz_writer **out, const char *path);
void unic__array_writer_free(unic_npz_writer *w); /* NULL is fine */

/* These must be called before finish, with arrays that passed unic__array_check(). Each records
 * the first failure; unic__array_writer_note() records a failure of the caller's own checks. */
unic_status unic__array_writer_begin(unic_npz_writer *w, const char *name, int32_t dtype,
                                     const unic__shape *shape);
unic_status unic__array_writer_append(unic_npz_writer *w, const char *name,
                                      const unic_array *elements);
unic_status unic__array_writer_add(unic_npz_writer *w, const char *name, const unic_array *a);
unic_status unic__array_writer_add_text(unic_npz_writer *w, const char *name, const char *text);
unic_status unic__array_writer_note(unic_npz_writer *w, unic_status status);

unic_status unic__array_writer_finish(unic_npz_writer *w);

#endif
