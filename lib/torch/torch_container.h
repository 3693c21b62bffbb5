/*
 * The two containers of torch.save: one pickle of the saved object, and the storages that its
 * tensors lie in.
 *   zip (since 1.6):  <root>/data.pkl, <root>/data/<key> for each storage, <root>/byteorder
 *   before:           five pickles (a magic number, 1001, the writer's system, the object, the
 *                     storages' keys), then of each storage an int64 count and its elements
 * The pickles are read and held; the storages stay in the file.
 */
#ifndef UNIC_TORCH_TORCH_CONTAINER_H
#define UNIC_TORCH_TORCH_CONTAINER_H

#include "array/npy.h"
#include "file/file.h"
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
    UNIC__TORCH_BOOL
} unic__torch_type;

const char *unic__torch_type_name(unic__torch_type type); /* "float64" */
size_t unic__torch_type_size(unic__torch_type type);

typedef struct unic__torch_storage {
    const char *name; /* "data/37", "storage 94372"; NULL: a zip member that is none */
    bool used;        /* some tensor lies in it; else type and count are not known */
    bool checked;     /* its CRC was found right */
    unic__torch_type type;
    uint64_t count;    /* of elements, as the object's pickle says */
    uint64_t bytes;    /* that stand in the file */
    uint64_t position; /* of these, in an old file */
} unic__torch_storage;

typedef struct unic__torch_key {
    const unic__value *key; /* a text */
    size_t storage;
} unic__torch_key;

typedef struct unic__torch_container {
    const char *path;
    unic__zip *zip;  /* NULL: an old file */
    unic__file file; /* an old one */
    bool file_open;
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

/* `path` has to stay. Close it also after a failure. */
unic_status unic__torch_container_open(unic__torch_container *c, const char *path);
void unic__torch_container_close(unic__torch_container *c);

/* Messages of these two do not name the file: the caller puts it in front. */

/* Finds the storage of a persistent id, ("storage", type, key, device, count), and keeps type
 * and count, on which all ids of a storage must agree. */
unic_status unic__torch_container_find(unic__torch_container *c, const unic__value *id,
                                       size_t *storage);
/* After the last find, for an old file: where each storage is. */
unic_status unic__torch_container_locate(unic__torch_container *c);

/* ---- the bytes of one storage, from front to back ---- */

typedef struct unic__torch_stream {
    unic__torch_container *container;
    unic__torch_storage *storage;
    unic__zip_stream *zip; /* NULL: the storage can be read in place */
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
