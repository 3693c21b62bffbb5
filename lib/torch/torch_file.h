/*
 * Checkpoints of PyTorch, without PyTorch: what torch.save wrote, in its zip or its older form.
 * Values are reached by path, the keys of dicts and the numbers of list entries with slashes
 * between: "Encoder_parameters/Text_encoder.text_linear.bias", "optimizer/param_groups/0/lr".
 *
 * Opening reads the pickles and every tensor's description; the elements are read tensor by
 * tensor, and are not held. A tensor that is damaged or of an unsupported kind is an error only
 * when it is read. A file is used from one thread.
 */
#ifndef UNIC_TORCH_TORCH_FILE_H
#define UNIC_TORCH_TORCH_FILE_H

#include "torch/torch_container.h"

enum {
    UNIC__TORCH_PATH = 1024,      /* a path and its NUL */
    UNIC__TORCH_TENSORS = 1 << 16 /* at most in a file */
};

typedef struct unic__torch_file unic__torch_file;

typedef struct unic__torch_tensor {
    const char *path;
    const char *given; /* the same as the file has it: see "other names" */
    const char *wrong; /* why it cannot be read; then nothing below means anything. NULL */
    unic__torch_type type;
    unic__shape shape;
    size_t stride[UNIC__MAX_RANK], offset; /* in elements of the storage */
    size_t storage;                        /* tensors of one number share their elements */
    bool negated;                          /* the elements are minus those of the storage */
} unic__torch_tensor;

unic_status unic__torch_open(unic__torch_file **out, unic__source *source);
void unic__torch_close(unic__torch_file *f); /* NULL is fine */
const char *unic__torch_path(const unic__torch_file *f);
unic__source *unic__torch_source(const unic__torch_file *f);

/* ---- tensors ---- */

/* In the file's order, which for a module is the order of its registration. A module that was
 * saved whole has the paths of its state dict, by torch.save() as by torch.jit.save(). */
size_t unic__torch_count(const unic__torch_file *f);
const unic__torch_tensor *unic__torch_tensor_at(const unic__torch_file *f, size_t i);
/* How many numpy arrays there are, which are not read; *first is the path of one. */
size_t unic__torch_arrays(const unic__torch_file *f, const char **first);
const unic__torch_tensor *unic__torch_find(const unic__torch_file *f, const char *path);

/*
 * All elements in row-major order, converted from whatever type; `count` must be their number.
 * As int64: whole numbers (else UNIC_E_VALUE, and `out` is partly written). Memory beside
 * `out`: a block; for a tensor that is not row-major also what it spans of its storage.
 */
unic_status unic__torch_read_f32(unic__torch_file *f, const unic__torch_tensor *t, float *out,
                                 size_t count);
unic_status unic__torch_read_f64(unic__torch_file *f, const unic__torch_tensor *t, double *out,
                                 size_t count);
unic_status unic__torch_read_i64(unic__torch_file *f, const unic__torch_tensor *t, int64_t *out,
                                 size_t count);

/* ---- other names, for files whose values are not at the expected paths ---- */

/* Paths begin in the dict or list at `root`, which ends with a slash, from now on ("" is the
 * whole); what is outside of it keeps its path. */
unic_status unic__torch_enter(unic__torch_file *f, const char *root);
/* Every path that begins with `from` begins with `to` instead. Of tensors only. */
unic_status unic__torch_rename(unic__torch_file *f, const char *from, const char *to);
/* One tensor's path; unic__torch_sort() after the last. */
unic_status unic__torch_set_path(unic__torch_file *f, const unic__torch_tensor *t,
                                 const char *path);
void unic__torch_sort(unic__torch_file *f);
/* In the order of the paths. */
const unic__torch_tensor *unic__torch_sorted_at(const unic__torch_file *f, size_t i);
/* For messages: a path as the file itself spells it; returns `out`. */
const char *unic__torch_spelled(const unic__torch_file *f, const char *path,
                                char out[UNIC__TORCH_PATH]);

/* ---- other values ---- */

typedef enum unic__torch_kind {
    UNIC__TORCH_ABSENT, /* there is nothing of that path */
    UNIC__TORCH_NUMBER, /* int, float, bool, numpy scalar */
    UNIC__TORCH_TENSOR,
    UNIC__TORCH_LIST, /* or tuple */
    UNIC__TORCH_DICT,
    UNIC__TORCH_OTHER /* None, text, bytes, a numpy array, an object */
} unic__torch_kind;

/* `length`, unless NULL: a list's entries, a dict's keys, else 0. "" is the whole. */
unic__torch_kind unic__torch_kind_of(const unic__torch_file *f, const char *path,
                                     size_t *length);

/* A number, or a tensor of one element. UNIC_E_NOTFOUND if nothing is there, UNIC_E_FORMAT if
 * something else is; as int64, UNIC_E_VALUE if it is not whole. */
unic_status unic__torch_get_f64(unic__torch_file *f, const char *path, double *out);
unic_status unic__torch_get_i64(unic__torch_file *f, const char *path, int64_t *out);

/* For messages: "a dict of epoch, model and 3 more keys"; returns `out`. */
const char *unic__torch_summary(const unic__torch_file *f, char *out, size_t size);

/* For messages: "a numpy array", "an object of collections.Counter"; NULL if nothing is
 * there. */
const char *unic__torch_describe(const unic__torch_file *f, const char *path,
                                 char out[UNIC__VALUE_DESCRIPTION]);

#endif
