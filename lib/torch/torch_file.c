#include "torch/torch_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array/strided.h"
#include "torch/pickled_array.h"
#include "torch/value_path.h"

enum { BLOCK_SIZE = 1 << 16, DIMS_TEXT = 160 };

struct unic__torch_file {
    char *path;
    unic__torch_container container;
    unic__torch_tensor *tensor;
    const unic__torch_tensor **by_path; /* sorted */
    size_t tensors, room;
    unic__arena paths;
};

static unsigned long long ull(uint64_t n)
{
    return n;
}

/* ---- messages ---------------------------------------------------------------------------- */

static const char *name_of(const unic__torch_tensor *t)
{
    return t->path[0] ? t->path : "its tensor";
}

/* "256 x 128 float64". */
static const char *describe(const unic__torch_tensor *t, char text[DIMS_TEXT])
{
    size_t at = 0;
    for (size_t i = 0; i < t->shape.rank; i++)
        at += (size_t)snprintf(text + at, DIMS_TEXT - at, i ? " x %zu" : "%zu",
                               t->shape.dim[i]);
    snprintf(text + at, DIMS_TEXT - at, "%s%s", t->shape.rank ? " " : "a single ",
             unic__torch_type_name(t->type));
    return text;
}

/* ---- one tensor's description ------------------------------------------------------------ */

/* A size that a pickle gives: an int, not negative. */
static unic_status read_size(size_t *out, const unic__value *v, const char *what)
{
    if (v->kind != UNIC__PICKLE_INT)
        return unic__fail(UNIC_E_FORMAT, "has %s for its %s, an int expected",
                          unic__pickle_kind_name(v->kind), what);
    if (v->as.integer < 0 || (uint64_t)v->as.integer > PTRDIFF_MAX)
        return unic__fail(UNIC_E_FORMAT, "has the %s %lld", what, (long long)v->as.integer);
    *out = (size_t)v->as.integer;
    return UNIC_OK;
}

static unic_status read_sizes(size_t out[UNIC__MAX_RANK], size_t *rank, const unic__value *v,
                              const char *what)
{
    if (v->kind != UNIC__PICKLE_TUPLE)
        return unic__fail(UNIC_E_FORMAT, "has %s for its %ss, a tuple expected",
                          unic__pickle_kind_name(v->kind), what);
    if (v->as.many.count > UNIC__MAX_RANK)
        return unic__fail(UNIC_E_FORMAT, "has %zu %ss, at most %d expected", v->as.many.count,
                          what, UNIC__MAX_RANK);
    *rank = v->as.many.count;
    for (size_t i = 0; i < *rank; i++)
        UNIC__TRY(read_size(&out[i], v->as.many.items[i], what));
    return UNIC_OK;
}

/* _rebuild_tensor_v2(storage, offset, dims, strides, requires_grad, hooks[, metadata]). */
static unic_status read_tensor(unic__torch_container *c, unic__torch_tensor *t,
                               const unic__value *args)
{
    unic__value *const *arg = args->as.many.items;
    size_t strides = 0, bytes = 0;
    if (args->as.many.count < 6 || arg[0]->kind != UNIC__PICKLE_PERSISTENT)
        return unic__fail(UNIC_E_FORMAT, "is no readable tensor");
    UNIC__TRY(unic__torch_container_find(c, arg[0]->as.id, &t->storage));
    t->type = c->storage[t->storage].type;
    UNIC__TRY(read_size(&t->offset, arg[1], "offset"));
    UNIC__TRY(read_sizes(t->shape.dim, &t->shape.rank, arg[2], "dim"));
    UNIC__TRY(read_sizes(t->stride, &strides, arg[3], "stride"));
    if (strides != t->shape.rank)
        return unic__fail(UNIC_E_FORMAT, "has %zu dims and %zu strides", t->shape.rank,
                          strides);
    /* 8 bytes: the largest type that it may be read as. */
    if (!unic__shape_count_checked(&t->shape, &bytes) || !unic__mul_size(bytes, 8, &bytes) ||
        bytes > PTRDIFF_MAX) {
        char text[DIMS_TEXT];
        return unic__fail(UNIC_E_FORMAT, "is %s, beyond the address space", describe(t, text));
    }
    return UNIC_OK;
}

/* The number of elements of its storage up to the last that the tensor has. */
static bool find_end(const unic__torch_tensor *t, size_t *end)
{
    *end = t->offset;
    for (size_t i = 0; i < t->shape.rank; i++) {
        size_t reach;
        if (t->shape.dim[i] == 0) {
            *end = 0;
            return true;
        }
        if (!unic__mul_size(t->shape.dim[i] - 1, t->stride[i], &reach) ||
            !unic__add_size(*end, reach, end))
            return false;
    }
    return unic__add_size(*end, 1, end);
}

/* The tensor must lie in what the file holds of its storage, which must be what it says. */
static unic_status check_place(const unic__torch_file *f, const unic__torch_tensor *t)
{
    const unic__torch_storage *s = &f->container.storage[t->storage];
    size_t size = unic__torch_type_size(t->type), end = 0, count = unic__shape_count(&t->shape);
    uint64_t held = s->bytes / size;
    char text[DIMS_TEXT];
    bool fits = find_end(t, &end) && end <= held;
    if (!fits && t->offset == 0 && unic__strided_is_row_major(t->stride, &t->shape))
        return unic__fail(UNIC_E_FORMAT, "%s holds %llu bytes, but %s is %s (%llu bytes)",
                          s->name, ull(s->bytes), name_of(t), describe(t, text),
                          ull((uint64_t)count * size));
    if (!fits)
        return unic__fail(UNIC_E_FORMAT,
                          "%s holds %llu %s, but %s, %s with the offset %zu and its strides, "
                          "ends beyond them",
                          s->name, ull(held), unic__torch_type_name(t->type), name_of(t),
                          describe(t, text), t->offset);
    if (s->bytes % size || held != s->count)
        return unic__fail(UNIC_E_FORMAT, "%s holds %llu bytes, but is said to hold %llu %s",
                          s->name, ull(s->bytes), ull(s->count),
                          unic__torch_type_name(t->type));
    if (count > held) /* by strides of 0: a small file must not ask for much memory */
        return unic__fail(UNIC_E_FORMAT, "%s holds %llu %s, but %s is %s: it repeats elements",
                          s->name, ull(held), unic__torch_type_name(t->type), name_of(t),
                          describe(t, text));
    return UNIC_OK;
}

/* ---- opening ----------------------------------------------------------------------------- */

/* The walk through all values, and the path to where it is. */
typedef struct walk {
    unic__torch_file *file;
    char path[UNIC__TORCH_PATH]; /* no NUL behind it */
    size_t length, depth;
} walk;

static unic_status here(const walk *w, unic_status status)
{
    return w->depth ? unic__fail_in(status, "%.*s", (int)w->length, w->path) : status;
}

/* Goes down to `part`. */
static unic_status enter(walk *w, const char *part, size_t size)
{
    size_t slash = w->depth > 0;
    if (size >= sizeof w->path - w->length - slash)
        return unic__fail(UNIC_E_FORMAT, "a path has more than %d bytes", UNIC__TORCH_PATH - 1);
    if (slash)
        w->path[w->length++] = '/';
    memcpy(w->path + w->length, part, size);
    w->length += size;
    w->depth++;
    return UNIC_OK;
}

static void leave(walk *w, size_t length)
{
    w->length = length;
    w->depth--;
}

static unic_status add_tensor(walk *w, const unic__value *call)
{
    unic__torch_file *f = w->file;
    if (f->tensors == UNIC__TORCH_TENSORS)
        return unic__fail(UNIC_E_FORMAT, "has more than %d tensors", UNIC__TORCH_TENSORS);
    if (f->tensors == f->room) {
        size_t room = f->room ? 2 * f->room : 64;
        unic__torch_tensor *grown = unic__realloc(f->tensor, f->room * sizeof *grown,
                                                  room * sizeof *grown);
        if (!grown)
            return unic__no_memory(room * sizeof *grown, "a checkpoint's tensors");
        f->tensor = grown;
        f->room = room;
    }
    unic__torch_tensor *t = &f->tensor[f->tensors];
    memset(t, 0, sizeof *t);
    t->path = unic__arena_printf(&f->paths, "%.*s", (int)w->length, w->path);
    if (!t->path)
        return unic__no_memory(w->length + 1, "a tensor's path");
    f->tensors++;
    unic_status status = read_tensor(&f->container, t, call->as.call.args);
    return status == UNIC_OK ? UNIC_OK : here(w, status);
}

static unic_status visit(walk *w, const unic__value *v);

static unic_status visit_dict(walk *w, const unic__value *dict)
{
    size_t length = w->length, size = 0;
    char number[UNIC__KEY_NUMBER];
    unic_status status = unic__value_check_keys(dict);
    if (status != UNIC_OK)
        return here(w, status);
    for (size_t i = 0; i < dict->as.many.count; i += 2) {
        const char *key = unic__value_key(dict->as.many.items[i], number, &size);
        UNIC__TRY(enter(w, key, size));
        UNIC__TRY(visit(w, dict->as.many.items[i + 1]));
        leave(w, length);
    }
    return UNIC_OK;
}

static unic_status visit_list(walk *w, const unic__value *list)
{
    size_t length = w->length;
    char number[UNIC__KEY_NUMBER];
    for (size_t i = 0; i < list->as.many.count; i++) {
        UNIC__TRY(enter(w, number, (size_t)snprintf(number, sizeof number, "%zu", i)));
        UNIC__TRY(visit(w, list->as.many.items[i]));
        leave(w, length);
    }
    return UNIC_OK;
}

/* A storage on its own is not read, but an old file cannot be understood without its type. */
static unic_status visit_storage(walk *w, const unic__value *id)
{
    size_t storage;
    unic_status status = unic__torch_container_find(&w->file->container, id, &storage);
    return status == UNIC_OK ? UNIC_OK : here(w, status);
}

/* As deep as the pickle at most: UNIC__PICKLE_DEPTH. */
static unic_status visit(walk *w, const unic__value *v)
{
    switch (v->kind) {
    case UNIC__PICKLE_DICT:
        return visit_dict(w, v);
    case UNIC__PICKLE_TUPLE:
    case UNIC__PICKLE_LIST:
        return visit_list(w, v);
    case UNIC__PICKLE_PERSISTENT:
        return visit_storage(w, v->as.id);
    case UNIC__PICKLE_CALL:
        if (v->as.call.function == UNIC__NAME_PARAMETER) { /* (tensor, requires_grad, hooks) */
            const unic__value *args = v->as.call.args;
            if (!args->as.many.count ||
                !unic__value_is_call(args->as.many.items[0], UNIC__NAME_TENSOR))
                return here(w, unic__fail(UNIC_E_FORMAT, "is no readable parameter"));
            v = args->as.many.items[0];
        }
        return v->as.call.function == UNIC__NAME_TENSOR ? add_tensor(w, v) : UNIC_OK;
    default:
        return UNIC_OK;
    }
}

static int compare_paths(const void *a, const void *b)
{
    const unic__torch_tensor *const *x = a, *const *y = b;
    return strcmp((*x)->path, (*y)->path);
}

static unic_status list_tensors(unic__torch_file *f)
{
    walk w = {.file = f};
    UNIC__TRY(visit(&w, f->container.object.root));
    UNIC__TRY(unic__torch_container_locate(&f->container));
    for (size_t i = 0; i < f->tensors; i++)
        UNIC__TRY(check_place(f, &f->tensor[i]));
    f->by_path = unic__alloc_array(f->tensors, sizeof(const unic__torch_tensor *));
    if (!f->by_path)
        return unic__no_memory(f->tensors * sizeof(const unic__torch_tensor *), "paths");
    for (size_t i = 0; i < f->tensors; i++)
        f->by_path[i] = &f->tensor[i];
    if (f->tensors)
        qsort(f->by_path, f->tensors, sizeof(const unic__torch_tensor *), compare_paths);
    return UNIC_OK;
}

unic_status unic__torch_open(unic__torch_file **out, const char *path)
{
    *out = NULL;
    unic__torch_file *f = unic__alloc_zero(sizeof *f);
    if (!f)
        return unic__no_memory(sizeof *f, "a torch file");
    f->path = unic__strdup(path);
    unic_status status = f->path ? unic__torch_container_open(&f->container, f->path)
                                 : unic__no_memory(strlen(path), "a path");
    if (status == UNIC_OK) {
        status = list_tensors(f);
        if (status != UNIC_OK)
            unic__fail_in(status, "%s", path);
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
    unic__free(f->path);
    unic__free(f);
}

const char *unic__torch_path(const unic__torch_file *f)
{
    return f->path;
}

size_t unic__torch_count(const unic__torch_file *f)
{
    return f->tensors;
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
                                                     compare_paths);
    return found ? *found : NULL;
}

/* ---- elements ---------------------------------------------------------------------------- */

static const unic__npy_type npy_types[] = {
    [UNIC__TORCH_F64] = UNIC__NPY_F64, [UNIC__TORCH_F32] = UNIC__NPY_F32,
    [UNIC__TORCH_F16] = UNIC__NPY_F16, [UNIC__TORCH_BF16] = UNIC__NPY_F32, /* once widened */
    [UNIC__TORCH_I64] = UNIC__NPY_I64, [UNIC__TORCH_I32] = UNIC__NPY_I32,
    [UNIC__TORCH_I16] = UNIC__NPY_I16, [UNIC__TORCH_I8] = UNIC__NPY_I8,
    [UNIC__TORCH_U8] = UNIC__NPY_U8,   [UNIC__TORCH_BOOL] = UNIC__NPY_BOOL,
};

/* The elements of a tensor in row-major order, as they stand in the file. */
typedef struct source {
    unic__torch_stream stream;
    void *span; /* NULL: they come from the stream in this order */
    unic__strided walk;
    size_t size; /* of an element */
} source;

static unic_status source_open(source *s, unic__torch_file *f, const unic__torch_tensor *t)
{
    size_t end = 0;
    memset(s, 0, sizeof *s);
    s->size = unic__torch_type_size(t->type);
    UNIC__TRY(unic__torch_stream_open(&s->stream, &f->container, t->storage));
    if (!find_end(t, &end) || !end)
        return UNIC_OK; /* no elements: its offset means nothing */
    UNIC__TRY(unic__torch_stream_skip(&s->stream, (uint64_t)t->offset * s->size));
    if (unic__strided_is_row_major(t->stride, &t->shape))
        return UNIC_OK;
    size_t bytes = (end - t->offset) * s->size; /* inside the storage: no overflow */
    s->span = unic__alloc(bytes);
    if (!s->span)
        return unic__no_memory(bytes, "a tensor's storage");
    s->walk.shape = t->shape;
    memcpy(s->walk.stride, t->stride, sizeof s->walk.stride);
    return unic__torch_stream_read(&s->stream, s->span, bytes);
}

static unic_status source_next(source *s, void *block, size_t n)
{
    if (!s->span)
        return unic__torch_stream_read(&s->stream, block, n * s->size);
    unic__strided_take(&s->walk, block, s->span, s->size, n);
    return UNIC_OK;
}

static void source_close(source *s)
{
    unic__torch_stream_close(&s->stream);
    unic__free(s->span);
}

/* bfloat16 is the upper half of a float32; in place, in this machine's order, from the end. */
static void widen(unsigned char *block, size_t n, bool big_endian)
{
    while (n-- > 0) {
        const unsigned char *half = block + 2 * n;
        uint32_t bits = (uint32_t)half[!big_endian] << 24 | (uint32_t)half[big_endian] << 16;
        memcpy(block + 4 * n, &bits, sizeof bits);
    }
}

static unic_status convert(const unic__torch_tensor *t, bool big_endian, unic__npy_type target,
                           void *out, void *block, size_t n, size_t first)
{
    unic__npy_info info = {.type = npy_types[t->type], .big_endian = big_endian};
    info.item_size = unic__npy_type_size(info.type);
    if (t->type == UNIC__TORCH_BF16) {
        widen(block, n, big_endian);
        info.big_endian = !unic__npy_is_native(&(unic__npy_info){.type = info.type}, info.type);
    }
    if (target == UNIC__NPY_I64)
        return unic__npy_to_i64((int64_t *)out + first, block, &info, n, first);
    if (target == UNIC__NPY_F64)
        unic__npy_to_f64((double *)out + first, block, &info, n);
    else
        unic__npy_to_f32((float *)out + first, block, &info, n);
    return UNIC_OK;
}

static unic_status read_elements(unic__torch_file *f, const unic__torch_tensor *t,
                                 unic__npy_type target, void *out, size_t count)
{
    source s;
    void *block = unic__alloc(BLOCK_SIZE);
    if (!block)
        return unic__no_memory(BLOCK_SIZE, "converting a tensor");
    unic_status status = source_open(&s, f, t);
    for (size_t done = 0, n; done < count && status == UNIC_OK; done += n) {
        n = BLOCK_SIZE / 8; /* whatever the type: bfloat16 grows */
        if (n > count - done)
            n = count - done;
        status = source_next(&s, block, n);
        if (status == UNIC_OK) {
            status = convert(t, f->container.big_endian, target, out, block, n, done);
            if (status != UNIC_OK)
                unic__fail_in(status, "%s: %s", f->path, name_of(t));
        }
    }
    if (status == UNIC_OK)
        status = unic__torch_stream_finish(&s.stream);
    source_close(&s);
    unic__free(block);
    return status;
}

static unic_status read_as(unic__torch_file *f, const unic__torch_tensor *t,
                           unic__npy_type target, void *out, size_t count)
{
    char text[DIMS_TEXT];
    if (unic__shape_count(&t->shape) != count)
        return unic__fail(UNIC_E_SHAPE, "%s: %s is %s, %zu elements expected", f->path,
                          name_of(t), describe(t, text), count);
    return read_elements(f, t, target, out, count);
}

unic_status unic__torch_read_f32(unic__torch_file *f, const unic__torch_tensor *t, float *out,
                                 size_t count)
{
    return read_as(f, t, UNIC__NPY_F32, out, count);
}

unic_status unic__torch_read_f64(unic__torch_file *f, const unic__torch_tensor *t, double *out,
                                 size_t count)
{
    return read_as(f, t, UNIC__NPY_F64, out, count);
}

unic_status unic__torch_read_i64(unic__torch_file *f, const unic__torch_tensor *t, int64_t *out,
                                 size_t count)
{
    return read_as(f, t, UNIC__NPY_I64, out, count);
}

/* ---- other values ------------------------------------------------------------------------ */

static bool is_tensor(const unic__value *v)
{
    return unic__value_is_call(v, UNIC__NAME_TENSOR) ||
           unic__value_is_call(v, UNIC__NAME_PARAMETER);
}

unic__torch_kind unic__torch_kind_of(const unic__torch_file *f, const char *path,
                                     size_t *length)
{
    const unic__value *v = unic__value_find(f->container.object.root, path);
    size_t none;
    length = length ? length : &none;
    *length = 0;
    if (!v)
        return UNIC__TORCH_ABSENT;
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
        return is_tensor(v)                                ? UNIC__TORCH_TENSOR
               : unic__value_is_call(v, UNIC__NAME_SCALAR) ? UNIC__TORCH_NUMBER
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
    const unic__value *v = unic__value_find(f->container.object.root, path);
    unic_status status;
    if (!v)
        return unic__fail(UNIC_E_NOTFOUND, "%s: has no %s", f->path, path);
    if (is_tensor(v))
        return read_as(f, unic__torch_find(f, path), target, out, 1);
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
                            unic__pickle_kind_name(v->kind));
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
