/* What an npz is that the library, or unic-encode, wrote: for messages about one that is given as
 * something else. */
#ifndef UNIC_MODEL_FILE_KIND_H
#define UNIC_MODEL_FILE_KIND_H

#include "array/npz.h"

/* "a head", "an index", ...; NULL if it is none of those. */
const char *unic__file_kind(const unic__npz *z);

/* UNIC_E_FORMAT, naming both kinds, if the member that a file of the kind `wanted` must have is not
 * there and the file is of another kind. */
unic_status unic__expect_kind(const unic__npz *z, const char *member, const char *wanted);

#endif
