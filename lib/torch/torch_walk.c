/* Every tensor of a torch file, with its path and whatever is wrong with it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array/strided.h"
#include "torch/torch_parts.h"
#include "torch/value_path.h"

enum { TENSOR_ARGS = 7 }; /* of _rebuild_tensor_v2 since torch 2.0 */

static unsigned long long ull(uint64_t n)
{
    return n;
}

/* ---- messages ---------------------------------------------------------------------------- */

const char *unic__torch_tensor_name(const unic__torch_tensor *t)
{
    return t->given[0] ? t->given : "its tensor";
}

/* "256 x 128 float64". */
const char *unic__torch_tensor_text(const unic__torch_tensor *t,
                                    char text[UNIC__TORCH_DIMS_TEXT])
{
    size_t at = 0;
    for (size_t i = 0; i < t->shape.rank; i++)
        at += (size_t)snprintf(text + at, UNIC__TORCH_DIMS_TEXT - at, i ? " x %zu" : "%zu",
                               t->shape.dim[i]);
    snprintf(text + at, UNIC__TORCH_DIMS_TEXT - at, "%s%s", t->shape.rank ? " " : "a single ",
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

/* One more tensor lies in the storage. */
static void count_use(unic__torch_storage *s, const unic__torch_tensor *t)
{
    const uint64_t more = (uint64_t)unic__shape_count(&t->shape) *
                          unic__torch_type_size(t->type);
    s->tensors++;
    s->needed = more < UINT64_MAX - s->needed ? s->needed + more : UINT64_MAX;
}

/* Whether Python takes the value for true, as torch does with a tensor's metadata. */
static bool is_true(const unic__value *v)
{
    switch (v->kind) {
    case UNIC__PICKLE_NONE:
        return false;
    case UNIC__PICKLE_BOOL:
        return v->as.truth;
    case UNIC__PICKLE_INT:
        return v->as.integer != 0;
    case UNIC__PICKLE_DICT:
    case UNIC__PICKLE_LIST:
    case UNIC__PICKLE_TUPLE:
        return v->as.many.count > 0;
    default:
        return true;
    }
}

/* What the storage's elements are not yet: {"neg": True} says that the tensor is minus them.
 * The bit of a conjugate, and what later versions may add, change the values too. */
static unic_status read_metadata(unic__torch_tensor *t, const unic__value *metadata)
{
    char number[UNIC__KEY_NUMBER];
    size_t size = 0;
    if (!is_true(metadata))
        return UNIC_OK;
    if (metadata->kind != UNIC__PICKLE_DICT)
        return unic__fail(UNIC_E_FORMAT, "has %s for its metadata, a dict expected",
                          unic__pickle_kind_name(metadata->kind));
    for (size_t i = 0; i < metadata->as.many.count; i += 2) {
        const unic__value *key = metadata->as.many.items[i],
                          *value = metadata->as.many.items[i + 1];
        const char *name = unic__value_key(key, number, &size);
        if (unic__value_is_text(key, "neg") && unic__torch_type_is_float(t->type))
            t->negated = is_true(value);
        else if (is_true(value))
            return unic__fail(UNIC_E_FORMAT,
                              "is %s and has the metadata \"%.*s\", which is not read: save "
                              "what .resolve_conj().resolve_neg() makes of it",
                              unic__torch_type_name(t->type),
                              size < UNIC__VALUE_TEXT ? (int)size : UNIC__VALUE_TEXT,
                              name ? name : "");
    }
    return UNIC_OK;
}

/* _rebuild_tensor(storage, offset, dims, strides), in newer files with requires_grad, hooks and
 * metadata behind: the first two of these do not matter to the values. */
static unic_status read_tensor(unic__torch_container *c, unic__torch_tensor *t,
                               const unic__value *args)
{
    unic__value *const *arg = args->as.many.items;
    size_t strides = 0, bytes = 0, n = args->as.many.count;
    if (n < 4 || n > TENSOR_ARGS || arg[0]->kind != UNIC__PICKLE_PERSISTENT)
        return unic__fail(UNIC_E_FORMAT, "is no readable tensor");
    UNIC__TRY(unic__torch_container_find(c, arg[0]->as.persistent.id, &t->storage));
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
        char text[UNIC__TORCH_DIMS_TEXT];
        return unic__fail(UNIC_E_FORMAT, "is %s, beyond the address space",
                          unic__torch_tensor_text(t, text));
    }
    if (n == TENSOR_ARGS)
        UNIC__TRY(read_metadata(t, arg[TENSOR_ARGS - 1]));
    count_use(&c->storage[t->storage], t);
    return UNIC_OK;
}

/* The number of elements of its storage up to the last that the tensor has. */
bool unic__torch_tensor_end(const unic__torch_tensor *t, size_t *end)
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
    if (!s->located)
        return unic__fail(UNIC_E_FORMAT,
                          "%s stands behind a storage of a type that is not read", s->name);
    if (!unic__torch_type_is_read(t->type))
        return unic__fail(UNIC_E_FORMAT, "%s is of %s, which is not read",
                          unic__torch_tensor_name(t), unic__torch_type_name(t->type));
    size_t size = unic__torch_type_size(t->type), end = 0, count = unic__shape_count(&t->shape);
    uint64_t held = s->bytes / size;
    char text[UNIC__TORCH_DIMS_TEXT];
    bool fits = unic__torch_tensor_end(t, &end) && end <= held;
    if (!fits && t->offset == 0 && unic__strided_is_row_major(t->stride, &t->shape))
        return unic__fail(UNIC_E_FORMAT, "%s holds %llu bytes, but %s is %s (%llu bytes)",
                          s->name, ull(s->bytes), unic__torch_tensor_name(t),
                          unic__torch_tensor_text(t, text), ull((uint64_t)count * size));
    if (!fits)
        return unic__fail(UNIC_E_FORMAT,
                          "%s holds %llu %s, but %s, %s with the offset %zu and its strides, "
                          "ends beyond them",
                          s->name, ull(held), unic__torch_type_name(t->type),
                          unic__torch_tensor_name(t), unic__torch_tensor_text(t, text),
                          t->offset);
    if (s->bytes % size || held != s->count)
        return unic__fail(UNIC_E_FORMAT, "%s holds %llu bytes, but is said to hold %llu %s",
                          s->name, ull(s->bytes), ull(s->count),
                          unic__torch_type_name(t->type));
    if (count > held) /* by strides of 0: a small file must not ask for much memory */
        return unic__fail(UNIC_E_FORMAT,
                          "%s holds %llu %s, but %s is %s: it repeats elements; save "
                          "what .contiguous() makes of it",
                          s->name, ull(held), unic__torch_type_name(t->type),
                          unic__torch_tensor_name(t), unic__torch_tensor_text(t, text));
    const unic_status status = unic__torch_container_check_ratio(&f->container, t->storage);
    return status == UNIC_OK ? UNIC_OK
                             : unic__fail_in(status, "%s", unic__torch_tensor_name(t));
}

/* ---- opening ----------------------------------------------------------------------------- */

/* The walk through all values, and the path to where it is. */
typedef struct walk {
    unic__torch_file *file;
    char path[UNIC__TORCH_PATH]; /* no NUL behind it */
    size_t length, depth;
    char joint; /* between two parts: '/', inside of a module '.' */
} walk;

/* Goes down to `part`; false if there is no path to it. */
static bool enter(walk *w, const char *part, size_t size)
{
    size_t joint = w->depth > 0;
    if (!part || size >= sizeof w->path - w->length - joint)
        return false;
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)part[i] < 0x20 || part[i] == 0x7F)
            return false;
    if (joint)
        w->path[w->length++] = w->joint;
    memcpy(w->path + w->length, part, size);
    w->length += size;
    w->depth++;
    return true;
}

static void leave(walk *w, size_t length)
{
    w->length = length;
    w->depth--;
}

/* What is wrong with a tensor is said when it is needed. */
static unic_status note(unic__torch_file *f, unic__torch_tensor *t, unic_status status)
{
    if (status != UNIC_E_FORMAT)
        return status;
    t->shape = UNIC__SCALAR;
    t->wrong = unic__arena_printf(&f->paths, "%s", unic_last_error());
    return t->wrong ? UNIC_OK : unic__no_memory(strlen(unic_last_error()), "a message");
}

static unic_status new_tensor(walk *w, unic__torch_tensor **out)
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
    t->path = t->given = unic__arena_printf(&f->paths, "%.*s", (int)w->length, w->path);
    if (!t->path)
        return unic__no_memory(w->length + 1, "a tensor's path");
    f->tensors++;
    *out = t;
    return UNIC_OK;
}

static unic_status add_tensor(walk *w, const unic__value *args)
{
    unic__torch_file *f = w->file;
    unic__torch_tensor *t;
    UNIC__TRY(new_tensor(w, &t));
    unic_status status = read_tensor(&f->container, t, args);
    return note(f, t,
                status == UNIC_OK ? UNIC_OK
                                  : unic__fail_in(status, "%s", unic__torch_tensor_name(t)));
}

/* What is a tensor for torch, and has no strided elements that could be read. */
static const struct {
    const char *function, *is, *advice;
} others[] = {
    {"_rebuild_sparse_tensor", "sparse", "save what to_dense() makes of it"},
    {"_rebuild_sparse_csr_tensor", "sparse", "save what to_dense() makes of it"},
    {"_rebuild_qtensor", "quantised", "save what dequantize() makes of it"},
    {"_rebuild_nested_tensor", "nested", "save what to_padded_tensor() makes of it"},
    {"_rebuild_meta_tensor_no_storage", "meta", "it has no elements"},
};

/* Of a type that is younger than the storages' types, of which torch 2 makes bytes. */
static unic_status visit_v3(walk *w, const unic__value *v)
{
    enum { DTYPE = 6 };
    char text[UNIC__VALUE_DESCRIPTION] = "without its name";
    const unic__value *args = v->as.call.args;
    unic__torch_tensor *t = NULL;
    const unic_status status = new_tensor(w, &t);
    if (status != UNIC_OK || !t)
        return status;
    if (args->as.many.count > DTYPE)
        unic__value_describe(args->as.many.items[DTYPE], text);
    return note(w->file, t,
                unic__fail(UNIC_E_FORMAT,
                           "%s is a tensor of a type that is not read, %s: save what .float() "
                           "makes of it",
                           unic__torch_tensor_name(t), text));
}

/* Listed too, so that what is missed is told from what is there and cannot be read. */
static unic_status visit_other(walk *w, const unic__value *v, bool *found)
{
    size_t i = 0;
    const size_t n = sizeof others / sizeof others[0];
    unic__torch_tensor *t = NULL;
    *found = v->kind == UNIC__PICKLE_CALL &&
             unic__value_is_name(v->as.call.function, "torch._utils", "_rebuild_tensor_v3");
    if (*found)
        return visit_v3(w, v);
    while (i < n &&
           !(v->kind == UNIC__PICKLE_CALL &&
             unic__value_is_name(v->as.call.function, "torch._utils", others[i].function)))
        i++;
    *found = i < n;
    if (!*found)
        return UNIC_OK;
    UNIC__TRY(new_tensor(w, &t));
    return note(w->file, t,
                unic__fail(UNIC_E_FORMAT, "%s is a %s tensor, which is not read: %s",
                           unic__torch_tensor_name(t), others[i].is, others[i].advice));
}

static unic_status visit(walk *w, const unic__value *v);

/* What stands under a key without a path is not listed: it is no state dict's. */
static unic_status visit_dict(walk *w, const unic__value *dict)
{
    size_t length = w->length, size = 0;
    char number[UNIC__KEY_NUMBER];
    for (size_t i = 0; i < dict->as.many.count; i += 2) {
        const char *key = unic__value_key(dict->as.many.items[i], number, &size);
        if (!enter(w, key, size))
            continue;
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
        if (!enter(w, number, (size_t)snprintf(number, sizeof number, "%zu", i)))
            return UNIC_OK;
        UNIC__TRY(visit(w, list->as.many.items[i]));
        leave(w, length);
    }
    return UNIC_OK;
}

static const unic__value *part_of(const unic__value *module, const char *key)
{
    const unic__value *state = unic__value_state(module);
    const unic__value *part = state && state->kind == UNIC__PICKLE_DICT
                                  ? unic__value_get(state, key)
                                  : NULL;
    return part && part->kind == UNIC__PICKLE_DICT ? part : NULL;
}

static bool is_module(const unic__value *v)
{
    return v->kind == UNIC__PICKLE_CALL && part_of(v, "_parameters") && part_of(v, "_modules");
}

/* A torch.nn.Module that was saved whole: its tensors under the names of its state dict. */
static unic_status visit_module(walk *w, const unic__value *module)
{
    static const char *const parts[] = {"_parameters", "_buffers", "_modules"};
    char outer = w->joint;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        const unic__value *part = part_of(module, parts[i]);
        const size_t length = w->length;
        size_t size = 0;
        char number[UNIC__KEY_NUMBER];
        for (size_t k = 0; part && k < part->as.many.count; k += 2) {
            const char *key = unic__value_key(part->as.many.items[k], number, &size);
            if (!enter(w, key, size))
                continue;
            w->joint = '.';
            UNIC__TRY(visit(w, part->as.many.items[k + 1]));
            leave(w, length);
            w->joint = outer;
        }
    }
    return UNIC_OK;
}

/* A module as torch.jit.save() writes it: an object of a class of its own code. */
static bool is_script(const unic__value *v)
{
    static const char module[] = "__torch__";
    const unic__value *is = v->kind == UNIC__PICKLE_CALL ? v->as.call.function : v;
    const unic__value *state = is == v ? NULL : unic__value_state(v);
    return state && state->kind == UNIC__PICKLE_DICT && is->kind == UNIC__PICKLE_NAME &&
           is->as.name.module_size >= sizeof module - 1 &&
           memcmp(is->as.name.module, module, sizeof module - 1) == 0;
}

/* Its parameters, buffers and modules are all attributes, under the names of the state dict. */
static unic_status visit_script(walk *w, const unic__value *state)
{
    const char outer = w->joint;
    const size_t length = w->length;
    size_t size = 0;
    char number[UNIC__KEY_NUMBER];
    for (size_t i = 0; i < state->as.many.count; i += 2) {
        const char *key = unic__value_key(state->as.many.items[i], number, &size);
        if (!enter(w, key, size))
            continue;
        w->joint = '.';
        UNIC__TRY(visit(w, state->as.many.items[i + 1]));
        leave(w, length);
        w->joint = outer;
    }
    return UNIC_OK;
}

/* For a message, where a file has nothing else. */
static unic_status note_array(walk *w)
{
    unic__torch_file *f = w->file;
    if (f->arrays++ == 0)
        f->array = unic__arena_printf(&f->paths, "%.*s", (int)w->length, w->path);
    return f->array ? UNIC_OK : unic__no_memory(w->length + 1, "an array's path");
}

const unic__value *unic__torch_tensor_args(const unic__value *v)
{
    if (unic__value_is_call(v, UNIC__NAME_PARAMETER) && v->as.call.args->as.many.count)
        v = v->as.call.args->as.many.items[0];
    if (unic__value_is_call(v, UNIC__NAME_TENSOR))
        return v->as.call.args;
    if (!unic__value_is_call(v, UNIC__NAME_SUBCLASS) || v->as.call.args->as.many.count < 3)
        return NULL;
    unic__value *const *arg = v->as.call.args->as.many.items;
    bool plain = arg[0]->kind == UNIC__PICKLE_NAME && arg[0]->as.name.is == UNIC__NAME_TENSOR &&
                 arg[2]->kind == UNIC__PICKLE_TUPLE;
    return plain ? arg[2] : NULL;
}

/* As deep as the pickle at most: UNIC__PICKLE_DEPTH. */
static unic_status visit(walk *w, const unic__value *v)
{
    const unic__value *args = unic__torch_tensor_args(v);
    bool other;
    if (args)
        return add_tensor(w, args);
    UNIC__TRY(visit_other(w, v, &other));
    if (other)
        return UNIC_OK;
    if (is_module(v))
        return visit_module(w, v);
    if (is_script(v))
        return visit_script(w, unic__value_state(v));
    if (unic__value_is_call(v, UNIC__NAME_ARRAY) ||
        unic__value_is_call(v, UNIC__NAME_ARRAY_FROM_BUFFER))
        return note_array(w);
    v = unic__value_contents(v);
    if (v->kind == UNIC__PICKLE_DICT)
        return visit_dict(w, v);
    if (v->kind == UNIC__PICKLE_LIST || v->kind == UNIC__PICKLE_TUPLE)
        return visit_list(w, v);
    return UNIC_OK;
}

int unic__torch_compare(const void *a, const void *b)
{
    const unic__torch_tensor *const *x = a, *const *y = b;
    return strcmp((*x)->path, (*y)->path);
}

void unic__torch_sort(unic__torch_file *f)
{
    for (size_t i = 0; i < f->tensors; i++)
        f->by_path[i] = &f->tensor[i];
    if (f->tensors)
        qsort(f->by_path, f->tensors, sizeof(const unic__torch_tensor *), unic__torch_compare);
}

/* Two tensors of one path: a key that is there twice, 3 beside "3", or "a/b" beside "b" in "a". */
static unic_status note_twins(unic__torch_file *f)
{
    for (size_t i = 1; i < f->tensors; i++) {
        if (unic__torch_compare(&f->by_path[i - 1], &f->by_path[i]) != 0)
            continue;
        for (size_t k = i - 1; k <= i; k++) {
            unic__torch_tensor *t = &f->tensor[f->by_path[k] - f->tensor];
            UNIC__TRY(note(
                f, t,
                unic__fail(UNIC_E_FORMAT, "%s is there twice", unic__torch_tensor_name(t))));
        }
    }
    return UNIC_OK;
}

unic_status unic__torch_list_tensors(unic__torch_file *f)
{
    walk w = {.file = f, .joint = '/'};
    UNIC__TRY(visit(&w, f->root));
    for (size_t i = 0; i < f->tensors; i++)
        if (!f->tensor[i].wrong)
            UNIC__TRY(note(f, &f->tensor[i], check_place(f, &f->tensor[i])));
    f->by_path = unic__alloc_array(f->tensors, sizeof(const unic__torch_tensor *));
    if (!f->by_path)
        return unic__no_memory(f->tensors * sizeof(const unic__torch_tensor *), "paths");
    unic__torch_sort(f);
    return note_twins(f);
}
