/* Detects a file's kind by its first bytes, so that messages can distinguish a file of the
 * wrong kind from a damaged one. */
#ifndef UNIC_FILE_SNIFF_H
#define UNIC_FILE_SNIFF_H

#include "file/source.h"
#include "file/zip.h"

typedef enum unic__file_kind {
    UNIC__FILE_UNKNOWN,
    UNIC__FILE_ZIP,
    UNIC__FILE_TORCH, /* a zip file of torch.save, or its older pickles */
    UNIC__FILE_PICKLE,
    UNIC__FILE_NPY,
    UNIC__FILE_SAFETENSORS,
    UNIC__FILE_HDF5,
    UNIC__FILE_MAT,
    UNIC__FILE_TAR,
    UNIC__FILE_COMPRESSED, /* gzip, bzip2, xz, zstd, lz4 */
    UNIC__FILE_GGUF,
    UNIC__FILE_ONNX,
    UNIC__FILE_TENSORFLOW,
    UNIC__FILE_ARROW, /* Feather too */
    UNIC__FILE_PARQUET,
    UNIC__FILE_LFS_POINTER,
    UNIC__FILE_PAGE, /* HTML or XML */
    UNIC__FILE_JSON
} unic__file_kind;

/* Fails only if memory is short or reading fails. A damaged file has the kind UNIC__FILE_UNKNOWN, or
 * UNIC__FILE_ZIP if it begins like one: opening it reports why. */
unic_status unic__file_sniff(unic__file_kind *kind, unic__source *source);

/* What a file that should be a text is instead, by its first bytes and its size. UNIC__FILE_UNKNOWN of
 * any text but a pointer of Git LFS. */
enum { UNIC__FILE_HEAD = 1024 }; /* so many are looked at */
unic__file_kind unic__file_kind_of_bytes(const void *bytes, size_t size, uint64_t file_size);

/* Whether an archive is of torch.save(): data.pkl beside torch's version. Torch puts them into a folder,
 * which is left out by some who pack them again. */
bool unic__zip_is_torch(const unic__zip *z);

/* For messages: "an HDF5 file", and advice on how to convert one; "" if there is none. */
const char *unic__file_kind_name(unic__file_kind kind);
const char *unic__file_kind_advice(unic__file_kind kind);

#endif
