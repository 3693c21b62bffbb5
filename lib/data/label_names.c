#include "data/label_names.h"

#include <string.h>

static const char member[] = "label.names", labels[] = "label";
enum { MOST = 1 << 22 }; /* bytes */

/* Names, each with a 0 behind it, in bytes [size] of which the last is 0. What is kept until all files'
 * classes are numbered is one piece of memory, and no copy: there may be thousands of files. */
static unic_status take_names(unic__label_names *x, unic__arena *arena, const char *path,
                              const int32_t *bytes, size_t size)
{
    unic__arena work = {NULL};
    for (size_t i = 0; i < size; i++)
        x->n += bytes[i] == 0;
    unic__piece *pieces = unic__alloc(x->n * sizeof *pieces);
    x->own = unic__arena_alloc(&x->arena, 2 * x->n * sizeof *x->own + size);
    x->to = unic__arena_alloc(arena, x->n * sizeof *x->to);
    if (!pieces || !x->own || !x->to) {
        unic__free(pieces);
        return unic__no_memory(2 * x->n * sizeof *x->own + size, "the names of classes");
    }
    const char **sorted = x->own + x->n;
    char *text = (char *)(sorted + x->n);
    for (size_t i = 0; i < size; i++)
        text[i] = (char)(unsigned char)bytes[i];
    for (size_t i = 0; i < x->n; i++, text += pieces[i - 1].size + 1) {
        pieces[i] = (unic__piece){text, strlen(text)};
        x->own[i] = text;
    }
    unic_status status = unic__class_names_of(&x->names, &work, pieces, x->n);
    if (status == UNIC_OK && x->names.n < x->n)
        status = unic__fail(UNIC_E_FORMAT, "%s: %s has %zu names, of which %zu are different",
                            path, member, x->n, x->names.n);
    for (size_t i = 0; i < x->n && status == UNIC_OK; i++)
        sorted[i] = pieces[i].start; /* which are sorted now */
    x->names.at = sorted;
    for (size_t i = 0; i < x->n && status == UNIC_OK; i++) {
        if (sorted[i] == x->own[i])
            continue;
        unic__log_line(UNIC_LOG_WARNING,
                       "%s: the classes of label are numbered in the order of their names, as "
                       "those of tables are: \"%s\" is %zu in the file, where \"%s\" is %zu "
                       "now; step labels have no names, and keep their numbers",
                       path, x->own[i], i, sorted[i], i);
        break;
    }
    unic__free(pieces);
    unic__arena_free(&work);
    return status;
}

unic_status unic__label_names_read(unic__label_names *out, unic__arena *arena,
                                   const unic__named_arrays *arrays)
{
    const char *path = unic__named_arrays_path(arrays);
    unic__npy_info info = {.foreign = false};
    *out = (unic__label_names){.n = 0};
    if (!unic__named_arrays_has(arrays, member) || !unic__named_arrays_has(arrays, labels))
        return UNIC_OK;
    const unic_status found = unic__named_arrays_info(arrays, member, &info);
    if (found != UNIC_OK && !info.foreign)
        return found;
    if (info.foreign || info.type != UNIC__NPY_U8 || info.shape.rank != 1) {
        unic__log_line(UNIC_LOG_WARNING,
                       "%s: %s is not read: bytes [n] of uint8 expected, a name behind the "
                       "other with a 0 behind each",
                       path, member);
        return UNIC_OK;
    }
    const size_t size = info.shape.dim[0];
    if (size == 0 || size > MOST)
        return unic__fail(UNIC_E_FORMAT, "%s: %s has %zu bytes, 1..%d expected", path, member,
                          size, MOST);
    int32_t *bytes = unic__alloc(size * sizeof *bytes);
    unic_status status = bytes ? unic__named_arrays_read_i32(arrays, member, bytes, size)
                               : unic__no_memory(size * sizeof *bytes, "the names of classes");
    if (status == UNIC_OK && bytes[size - 1] != 0)
        status = unic__fail(UNIC_E_FORMAT, "%s: %s does not end with a 0", path, member);
    if (status == UNIC_OK)
        status = take_names(out, arena, path, bytes, size);
    unic__free(bytes);
    return status;
}

void unic__label_names_free(unic__label_names *x)
{
    unic__arena_free(&x->arena);
    x->own = NULL;
}

void unic__label_names_number(unic__label_names *x, const unic__class_names *all)
{
    for (size_t i = 0; x->own && i < x->n; i++)
        x->to[i] = unic__class_names_find(all, (unic__piece){x->own[i], strlen(x->own[i])});
    if (x->own)
        x->names = *all;
    unic__label_names_free(x);
}

void unic__label_names_shape(const unic__label_names *x, unic__shape *shape)
{
    if (x->names.at && shape->rank == 2 && shape->dim[1] == x->n)
        shape->dim[1] = x->names.n;
}

/* [rows,n] of 0 and 1 to columns of all classes. */
static unic_status move_columns(const unic__label_names *x, const unic__named_arrays *arrays,
                                int32_t *out, size_t rows)
{
    const size_t all = x->names.n;
    int32_t *own = unic__alloc(rows * x->n * sizeof *own); /* not more than `out` has */
    if (!own)
        return unic__no_memory(rows * x->n * sizeof *own, "labels");
    unic_status status = unic__named_arrays_read_i32(arrays, labels, own, rows * x->n);
    if (status == UNIC_OK)
        memset(out, 0, rows * all * sizeof *out);
    for (size_t i = 0; status == UNIC_OK && i < rows * x->n; i++)
        out[i / x->n * all + (size_t)x->to[i % x->n]] = own[i];
    unic__free(own);
    return status;
}

unic_status unic__label_names_labels(const unic__label_names *x,
                                     const unic__named_arrays *arrays, int32_t *out,
                                     size_t count)
{
    const char *path = unic__named_arrays_path(arrays);
    unic__npy_info info;
    UNIC__TRY(unic__named_arrays_info(arrays, labels, &info));
    if (info.shape.rank == 2 && info.shape.dim[1] != x->n)
        return unic__fail(UNIC_E_FORMAT, "%s: label is of %zu classes, but %s has %zu", path,
                          info.shape.dim[1], member, x->n);
    if (info.shape.rank == 2)
        return move_columns(x, arrays, out, info.shape.dim[0]);
    UNIC__TRY(unic__named_arrays_read_i32(arrays, labels, out, count));
    for (size_t i = 0; i < count; i++) {
        if (out[i] >= 0 && (size_t)out[i] >= x->n)
            return unic__fail(UNIC_E_VALUE,
                              "%s: label %d of clip %zu is not in -1..%zu: %s has "
                              "%zu names",
                              path, out[i], i, x->n - 1, member, x->n);
        out[i] = out[i] < 0 ? out[i] : x->to[out[i]];
    }
    return UNIC_OK;
}
