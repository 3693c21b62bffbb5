/*
 * The tensors of a file of trained weights, whatever its format: their names and shapes, and the
 * elements of one tensor at a time, as float32. Each format has a file that opens it as one:
 * weight_npz.c, safetensors.c, torch/torch_weights.c; torch/weight_open.c chooses by the contents.
 */
#ifndef UNIC_ARRAY_WEIGHT_FILE_H
#define UNIC_ARRAY_WEIGHT_FILE_H

#include "array/npz.h"

typedef struct unic__weight_tensor {
    const char *name;
    const char *wrong; /* why it cannot be read, a sentence with its name; NULL: it can */
    unic__shape shape; /* means nothing if it cannot be read */
    const void *entry; /* the format's own */
} unic__weight_tensor;

typedef struct unic__weight_file_class {
    /* Reads all elements; the message names file and tensor. */
    unic_status (*read)(void *file, const unic__weight_tensor *t, float *out);
    void (*close)(void *file);
} unic__weight_file_class;

typedef struct unic__weight_file {
    const unic__weight_file_class *is;
    void *file;
    unic__source *source;
    unic__weight_tensor *at; /* in the order of their names */
    size_t count, room;
    const char *prefix; /* what names that are looked for have in front of them in the file */
    unic__arena arena;  /* of names and sentences */
} unic__weight_file;

/* ---- for who reads weights ---- */

void unic__weight_file_close(unic__weight_file *f); /* NULL is fine */
const char *unic__weight_file_path(const unic__weight_file *f);

/*
 * A network's tensors often lie in a larger module or dict, which all their names begin with:
 * "bert.", "module.", "state_dict/". This finds it, as what stands before the only tensor that has
 * one of these names behind it; nothing, if a tensor has the name as it is, or none has.
 * UNIC_E_FORMAT if there are several.
 */
unic_status unic__weight_file_enter(unic__weight_file *f, const char *const *names, size_t n);

/* The tensor of this name behind the prefix, or NULL. */
const unic__weight_tensor *unic__weight_file_find(const unic__weight_file *f, const char *name);

/* Its elements, unic__shape_count() of its shape, in row-major order. UNIC_E_FORMAT if they are not
 * finite as float32, or if it cannot be read. */
unic_status unic__weight_file_read(const unic__weight_file *f, const unic__weight_tensor *t,
                                   float *out);

/* For messages: "5 tensors: a [3,4], b [4] and 3 more"; returns `text`. */
enum { UNIC__WEIGHT_LIST = 400 };
const char *unic__weight_file_list(const unic__weight_file *f, char text[UNIC__WEIGHT_LIST]);

/* ---- for who opens a format ---- */

/* Takes over `file`, also after a failure, when it is closed. */
unic_status unic__weight_file_create(unic__weight_file **out, const unic__weight_file_class *is,
                                     void *file, unic__source *source);
/* Copies name, and `wrong` unless it is NULL. */
unic_status unic__weight_file_add(unic__weight_file *f, const char *name, const char *wrong,
                                  const unic__shape *shape, const void *entry);
/* After the last one: sorts them. UNIC_E_FORMAT if two have the same name. */
unic_status unic__weight_file_sort(unic__weight_file *f);

/* The arrays of an npz; `z` stays open for as long as this is, and is the caller's. */
unic_status unic__weight_npz(unic__weight_file **out, unic__npz *z);
/* The same, which owns the npz that it opens. */
unic_status unic__weight_npz_open(unic__weight_file **out, unic__source *source);

#endif
