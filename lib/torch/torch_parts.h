/* The internals of unic__torch_file, for the files that implement torch_file.h. */
#ifndef UNIC_TORCH_TORCH_PARTS_H
#define UNIC_TORCH_TORCH_PARTS_H

#include "torch/torch_file.h"

enum { UNIC__TORCH_RENAMED = 16 };

struct unic__torch_file {
    const char *path; /* of the container's source */
    unic__torch_container container;
    const unic__value *root; /* where paths begin */
    unic__torch_tensor *tensor;
    const unic__torch_tensor **by_path; /* sorted */
    size_t tensors, room;
    size_t arrays;       /* of numpy */
    const char *array;   /* the path of the first */
    const char *entered; /* where `root` is in the file: "" or "model/" */
    struct {
        const char *to, *from;
    } renamed[UNIC__TORCH_RENAMED];
    size_t renames;
    unic__arena paths;
};

enum { UNIC__TORCH_DIMS_TEXT = 160 };

/* For messages: its path; "256 x 128 float64", which returns `text`. */
const char *unic__torch_tensor_name(const unic__torch_tensor *t);
const char *unic__torch_tensor_text(const unic__torch_tensor *t,
                                    char text[UNIC__TORCH_DIMS_TEXT]);

/* The number of elements of its storage up to the last that the tensor has; false if that is
 * beyond the address space. */
bool unic__torch_tensor_end(const unic__torch_tensor *t, size_t *end);

/* The arguments of _rebuild_tensor; NULL if `v` is no tensor. */
const unic__value *unic__torch_tensor_args(const unic__value *v);

/* Lists every tensor of the file's value (torch_walk.c). */
unic_status unic__torch_list_tensors(unic__torch_file *f);
/* Of pointers to tensors, by path. */
int unic__torch_compare(const void *a, const void *b);

#endif
