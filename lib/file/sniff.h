/* What kind of file it is by its first bytes, whatever its name: so that the wrong one is told
 * from a damaged one. */
#ifndef UNIC_FILE_SNIFF_H
#define UNIC_FILE_SNIFF_H

#include "base/base.h"

typedef enum unic__file_kind {
    UNIC__FILE_UNKNOWN, /* or not to be read: whoever opens it says why */
    UNIC__FILE_ZIP,
    UNIC__FILE_TORCH, /* a zip file of torch.save, or its older pickles */
    UNIC__FILE_PICKLE,
    UNIC__FILE_NPY,
    UNIC__FILE_SAFETENSORS,
    UNIC__FILE_HDF5,
    UNIC__FILE_MAT,
    UNIC__FILE_TAR,
    UNIC__FILE_COMPRESSED, /* gzip, bzip2, xz, zstd */
    UNIC__FILE_GGUF
} unic__file_kind;

/* UNIC_E_NOMEM alone: a file that cannot be read is of the kind UNIC__FILE_UNKNOWN, or _ZIP if it
 * begins like one. */
unic_status unic__file_sniff(unic__file_kind *kind, const char *path);

/* For messages: "an HDF5 file", and what can be done with one; "" if there is nothing to say. */
const char *unic__file_kind_name(unic__file_kind kind);
const char *unic__file_kind_advice(unic__file_kind kind);

#endif
