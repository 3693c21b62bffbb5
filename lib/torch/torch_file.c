#include "torch/torch_file.h"

#include <stdlib.h>
#include <string.h>

#include "torch/pickled_array.h"
#include "torch/torch_parts.h"
#include "torch/value_path.h"

unic_status unic__torch_open(unic__torch_file **out, unic__source *source)
{
    *out = NULL;
    unic__torch_file *f = unic__alloc_zero(sizeof *f);
    if (!f)
        return unic__no_memory(sizeof *f, "a torch file");
    f->path = unic__source_name(source);
    unic_status status = unic__torch_container_open(&f->container, source);
    if (status == UNIC_OK) {
        f->root = f->container.object.root;
        f->entered = "";
        status = unic__torch_list_tensors(f);
        if (status != UNIC_OK)
            unic__fail_in(status, "%s", f->path);
    }
    if (status != UNIC_OK) {
        unic__torch_close(f);
        return status;
    }
    *out = f;
    return UNIC_OK;
}

void unic__torch_close(unic__torch_file *f)
{
    if (!f)
        return;
    unic__torch_container_close(&f->container);
    unic__arena_free(&f->paths);
    unic__free(f->by_path);
    unic__free(f->tensor);
    unic__free(f);
}

const char *unic__torch_path(const unic__torch_file *f)
{
    return f->path;
}

unic__source *unic__torch_source(const unic__torch_file *f)
{
    return f->container.source;
}

size_t unic__torch_count(const unic__torch_file *f)
{
    return f->tensors;
}

size_t unic__torch_arrays(const unic__torch_file *f, const char **first)
{
    *first = f->array;
    return f->arrays;
}

const unic__torch_tensor *unic__torch_tensor_at(const unic__torch_file *f, size_t i)
{
    return &f->tensor[i];
}

const unic__torch_tensor *unic__torch_find(const unic__torch_file *f, const char *path)
{
    const unic__torch_tensor wanted = {.path = path}, *key = &wanted;
    if (!f->tensors)
        return NULL;
    const unic__torch_tensor *const *found = bsearch(&key, f->by_path, f->tensors, sizeof key,
                                                     unic__torch_compare);
    return found ? *found : NULL;
}

/* ---- other values ------------------------------------------------------------------------ */

unic__torch_kind unic__torch_kind_of(const unic__torch_file *f, const char *path,
                                     size_t *length)
{
    const unic__value *v = unic__value_find(f->root, path);
    size_t none;
    length = length ? length : &none;
    *length = 0;
    if (!v)
        return UNIC__TORCH_ABSENT;
    if (unic__torch_tensor_args(v))
        return UNIC__TORCH_TENSOR;
    v = unic__value_contents(v);
    switch (v->kind) {
    case UNIC__PICKLE_DICT:
        *length = v->as.many.count / 2;
        return UNIC__TORCH_DICT;
    case UNIC__PICKLE_LIST:
    case UNIC__PICKLE_TUPLE:
        *length = v->as.many.count;
        return UNIC__TORCH_LIST;
    case UNIC__PICKLE_INT:
    case UNIC__PICKLE_FLOAT:
    case UNIC__PICKLE_BOOL:
        return UNIC__TORCH_NUMBER;
    default:
        return unic__value_is_call(v, UNIC__NAME_SCALAR) ? UNIC__TORCH_NUMBER
                                                         : UNIC__TORCH_OTHER;
    }
}

/* A float that is no whole number has no int64. */
static unic_status get_float(double x, unic__npy_type target, void *out)
{
    if (target == UNIC__NPY_F64) {
        memcpy(out, &x, sizeof x);
        return UNIC_OK;
    }
    unic__npy_info info = {.type = UNIC__NPY_F64, .item_size = sizeof x};
    info.big_endian = !unic__npy_is_native(&info, UNIC__NPY_F64);
    return unic__npy_to_i64(out, &x, &info, 1, 0);
}

static unic_status get_int(int64_t x, unic__npy_type target, void *out)
{
    double real = (double)x;
    memcpy(out, target == UNIC__NPY_F64 ? (const void *)&real : &x, 8);
    return UNIC_OK;
}

static unic_status get_number(unic__torch_file *f, const char *path, unic__npy_type target,
                              void *out)
{
    const unic__value *v = unic__value_find(f->root, path);
    char text[UNIC__VALUE_DESCRIPTION];
    unic_status status;
    if (!v)
        return unic__fail(UNIC_E_NOTFOUND, "%s: has no %s", f->path, path);
    const unic__torch_tensor *t = unic__torch_find(f, path); /* a module's has another path */
    if (t && unic__torch_tensor_args(v))
        return target == UNIC__NPY_I64 ? unic__torch_read_i64(f, t, out, 1)
                                       : unic__torch_read_f64(f, t, out, 1);
    if (v->kind == UNIC__PICKLE_FLOAT)
        status = get_float(v->as.real, target, out);
    else if (v->kind == UNIC__PICKLE_INT)
        status = get_int(v->as.integer, target, out);
    else if (v->kind == UNIC__PICKLE_BOOL)
        status = get_int(v->as.truth, target, out);
    else if (unic__value_is_call(v, UNIC__NAME_SCALAR))
        status = unic__pickled_scalar(v, target, out);
    else
        status = unic__fail(UNIC_E_FORMAT, "is %s, a number expected",
                            unic__value_describe(v, text));
    return status == UNIC_OK ? UNIC_OK : unic__fail_in(status, "%s: %s", f->path, path);
}

unic_status unic__torch_get_f64(unic__torch_file *f, const char *path, double *out)
{
    return get_number(f, path, UNIC__NPY_F64, out);
}

unic_status unic__torch_get_i64(unic__torch_file *f, const char *path, int64_t *out)
{
    return get_number(f, path, UNIC__NPY_I64, out);
}
