/*
 * The two containers of torch.save: one pickle of the saved object, and the storages that its
 * tensors lie in.
 *   zip (since 1.6):  <root>/data.pkl, <root>/data/<key> for each storage, <root>/byteorder
 *   before:           five pickles (a magic number, 1001, the writer's system, the object, the
 *                     storages' keys), then of each storage an int64 count and its elements
 * The pickles are read and held; the storages stay in the file. Zip files that torch wrote
 * without CRCs (compute_crc32 = False: every member's is 0) are read unchecked.
 */
#ifndef UNIC_TORCH_TORCH_CONTAINER_H
#define UNIC_TORCH_TORCH_CONTAINER_H

#include "array/npy.h"
#include "file/zip.h"
#include "torch/pickle.h"

typedef enum unic__torch_type {
    UNIC__TORCH_F64,
    UNIC__TORCH_F32,
    UNIC__TORCH_F16,
    UNIC__TORCH_BF16,
    UNIC__TORCH_I64,
    UNIC__TORCH_I32,
    UNIC__TORCH_I16,
    UNIC__TORCH_I8,
    UNIC__TORCH_U8,
    UNIC__TORCH_BOOL,
    UNIC__TORCH_COMPLEX64, /* from here on: types whose elements are not read */
    UNIC__TORCH_COMPLEX128,
    UNIC__TORCH_QINT8,
    UNIC__TORCH_QUINT8,
    UNIC__TORCH_QINT32,
    UNIC__TORCH_UNTYPED /* bytes, whose type the tensor says */
} unic__torch_type;

const char *unic__torch_type_name(unic__torch_type type); /* "float64" */
bool unic__torch_type_is_read(unic__torch_type type);
bool unic__torch_type_is_float(unic__torch_type type);
size_t unic__torch_type_size(unic__torch_type type);

typedef struct unic__torch_storage {
    const char *name; /* "data/37", "storage 94372"; NULL: a zip member that is none */
    bool used;        /* the pickle mentions it; else type and count are not known */
    bool located;     /* it is known where it stands in the file */
    bool checked;     /* its CRC was found right, or it has none */
    unic__torch_type type;
    uint64_t count;    /* of elements, as the object's pickle says */
    uint64_t bytes;    /* that stand in the file */
    uint64_t position; /* of these, in an old file */
    size_t tensors;    /* that lie in it */
    uint64_t needed;   /* bytes of their elements, together */
    void *held;        /* all of it, once it was inflated to be held; NULL */
} unic__torch_storage;

typedef struct unic__torch_key {
    const unic__value *key; /* a text */
    size_t storage;
} unic__torch_key;

typedef struct unic__torch_container {
    unic__source *source;
    const char *path;             /* its name */
    unic__zip *zip;               /* NULL: an old file */
    bool big_endian;              /* the storages' elements */
    const char *prefix;           /* "<root>/data/" */
    unsigned char *head;          /* the pickles' bytes */
    uint64_t data_start;          /* of the first storage in an old file */
    unic__pickle object, keys;    /* keys: of an old file */
    unic__torch_storage *storage; /* of a zip file one a member, of an old one one a key */
    size_t storages;
    unic__torch_key *by_key; /* sorted, of an old file */
    unic__arena arena;
} unic__torch_container;

/* Close it also after a failure. */
unic_status unic__torch_container_open(unic__torch_container *c, unic__source *source);
void unic__torch_container_close(unic__torch_container *c);

/* Finds the storage of a persistent id, ("storage", type, key, device, count), on whose type
 * and count all ids of a storage must agree. The message does not name the file: the caller
 * puts it in front. */
unic_status unic__torch_container_find(unic__torch_container *c, const unic__value *id,
                                       size_t *storage);

/* Refuses a deflated storage that is vastly larger than what is in the file, while its tensors are
 * not: reading them would take work that the file does not account for. */
unic_status unic__torch_container_check_ratio(const unic__torch_container *c, size_t storage);

/* ---- the bytes of one storage, from front to back ----
 * A deflated storage in which several tensors lie is inflated once, and held. */

typedef struct unic__torch_stream {
    unic__torch_container *container;
    unic__torch_storage *storage;
    unic__zip_stream *zip; /* NULL: the storage is held, or can be read in place */
    uint64_t at;
} unic__torch_stream;

/* The first reading of a zip member goes through all of it, for its CRC: `finish` after it. */
unic_status unic__torch_stream_open(unic__torch_stream *s, unic__torch_container *c,
                                    size_t storage);
unic_status unic__torch_stream_skip(unic__torch_stream *s, uint64_t bytes);
unic_status unic__torch_stream_read(unic__torch_stream *s, void *out, size_t bytes);
unic_status unic__torch_stream_finish(unic__torch_stream *s);
void unic__torch_stream_close(unic__torch_stream *s);

#endif
