#include "torch/pickled_array.h"

#include <string.h>

#include "array/strided.h"
#include "file/zip.h"

enum { BLOCK_SIZE = 1 << 16, LARGEST_FILE = 1 << 30 };

/* An array as its pickle describes it. */
typedef struct description {
    unic__npy_info info;
    size_t stride[UNIC__MAX_RANK]; /* in elements */
    const char *bytes;             /* aligned to nothing */
    size_t size;                   /* of bytes */
} description;

struct unic__pickled_array {
    char *path;
    void *data; /* of the pickle */
    unic__pickle pickle;
    description array;
};

/* ---- dtype("f8", False, True) with the state (3, "<", None, None, None, -1, -1, 0) ------- */

static const char *const codes[] = {
    [UNIC__NPY_F16] = "f2", [UNIC__NPY_F32] = "f4", [UNIC__NPY_F64] = "f8",
    [UNIC__NPY_I8] = "i1",  [UNIC__NPY_I16] = "i2", [UNIC__NPY_I32] = "i4",
    [UNIC__NPY_I64] = "i8", [UNIC__NPY_U8] = "u1",  [UNIC__NPY_U16] = "u2",
    [UNIC__NPY_U32] = "u4", [UNIC__NPY_U64] = "u8", [UNIC__NPY_BOOL] = "b1",
};

static unic_status read_code(unic__npy_info *info, const unic__value *code)
{
    char text[UNIC__VALUE_TEXT], kind = code->as.text.size ? code->as.text.at[0] : '\0';
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (unic__value_is_text(code, codes[i])) {
            info->type = (unic__npy_type)i;
            info->item_size = unic__npy_type_size(info->type);
            return UNIC_OK;
        }
    unic__value_print(code, text);
    if (kind == 'O')
        return unic__fail(UNIC_E_FORMAT, "holds Python objects (%s), which are never loaded",
                          text);
    if (kind == 'M' || kind == 'm')
        return unic__fail(UNIC_E_FORMAT, "holds dates or times (%s), plain numbers expected",
                          text);
    if (kind == 'V')
        return unic__fail(UNIC_E_FORMAT, "has a structured type (%s), plain numbers expected",
                          text);
    return unic__fail(UNIC_E_FORMAT,
                      "has the type %s; float 2, 4, 8, integers and bool are known", text);
}

static unic_status read_dtype(unic__npy_info *info, const unic__value *dtype)
{
    const unic__value *args = NULL, *state = NULL;
    if (unic__value_is_call(dtype, UNIC__NAME_DTYPE)) {
        args = dtype->as.call.args;
        state = dtype->as.call.state;
    }
    if (!args || !args->as.many.count || args->as.many.items[0]->kind != UNIC__PICKLE_TEXT)
        return unic__fail(UNIC_E_FORMAT, "has no readable dtype");
    UNIC__TRY(read_code(info, args->as.many.items[0]));
    if (!state || state->kind != UNIC__PICKLE_TUPLE || state->as.many.count < 5)
        return unic__fail(UNIC_E_FORMAT, "has a dtype without a readable state");
    for (size_t i = 2; i < 5; i++) /* a type of arrays, names and types of fields */
        if (state->as.many.items[i]->kind != UNIC__PICKLE_NONE)
            return unic__fail(UNIC_E_FORMAT, "has a structured type, plain numbers expected");
    const unic__value *order = state->as.many.items[1];
    info->big_endian = unic__value_is_text(order, ">");
    if (info->big_endian || unic__value_is_text(order, "<") ||
        (unic__value_is_text(order, "|") && info->item_size == 1))
        return UNIC_OK;
    return unic__fail(UNIC_E_FORMAT, "has a dtype whose byte order is neither '<' nor '>'");
}

/* ---- shape and order --------------------------------------------------------------------- */

static unic_status read_shape(unic__shape *shape, const unic__value *v)
{
    if (v->kind != UNIC__PICKLE_TUPLE)
        return unic__fail(UNIC_E_FORMAT, "has %s for its shape, a tuple expected",
                          unic__pickle_kind_name(v->kind));
    if (v->as.many.count > UNIC__MAX_RANK)
        return unic__fail(UNIC_E_FORMAT, "has %zu dims, at most %d expected", v->as.many.count,
                          UNIC__MAX_RANK);
    shape->rank = v->as.many.count;
    for (size_t i = 0; i < shape->rank; i++) {
        const unic__value *dim = v->as.many.items[i];
        if (dim->kind != UNIC__PICKLE_INT)
            return unic__fail(UNIC_E_FORMAT, "has %s for a dim, an int expected",
                              unic__pickle_kind_name(dim->kind));
        if (dim->as.integer < 0 || (uint64_t)dim->as.integer > PTRDIFF_MAX)
            return unic__fail(UNIC_E_FORMAT, "has the dim %lld", (long long)dim->as.integer);
        shape->dim[i] = (size_t)dim->as.integer;
    }
    return UNIC_OK;
}

/* The elements must fill the bytes exactly. */
static unic_status check_fill(const description *d)
{
    char text[UNIC__SHAPE_TEXT];
    size_t bytes = d->info.item_size;
    bool fits = true, empty = false;
    for (size_t i = 0; i < d->info.shape.rank; i++) {
        empty |= d->info.shape.dim[i] == 0;
        /* Of an empty array too: the product of the other dims is used in passing. */
        if (d->info.shape.dim[i])
            fits = fits && unic__mul_size(bytes, d->info.shape.dim[i], &bytes) &&
                   bytes <= PTRDIFF_MAX;
    }
    if (!fits)
        return unic__fail(UNIC_E_FORMAT, "has the shape %s, beyond the address space",
                          unic__shape_print(&d->info.shape, text));
    if (d->size != (empty ? 0 : bytes))
        return unic__fail(UNIC_E_FORMAT, "has %zu bytes of data, but %s of %s is %zu", d->size,
                          unic__shape_print(&d->info.shape, text),
                          unic__npy_type_name(d->info.type), empty ? 0 : bytes);
    return UNIC_OK;
}

/* The elements stand in row-major order of `stored`, axis order[i] of which is axis i. */
static unic_status permute(description *d, const unic__value *order)
{
    unic__shape stored = d->info.shape;
    size_t rank = stored.rank, step[UNIC__MAX_RANK];
    bool seen[UNIC__MAX_RANK] = {false};
    unic__strided_row_major(step, &stored);
    bool valid = order->kind == UNIC__PICKLE_TUPLE && order->as.many.count == rank;
    for (size_t i = 0; i < rank && valid; i++) {
        const unic__value *axis = order->as.many.items[i];
        valid = axis->kind == UNIC__PICKLE_INT && axis->as.integer >= 0 &&
                (uint64_t)axis->as.integer < rank && !seen[axis->as.integer];
        if (!valid)
            break;
        seen[axis->as.integer] = true;
        d->info.shape.dim[i] = stored.dim[axis->as.integer];
        d->stride[i] = step[axis->as.integer];
    }
    return valid ? UNIC_OK
                 : unic__fail(UNIC_E_FORMAT, "has an axis order that is no permutation of %zu",
                              rank);
}

static void order_as(description *d, bool fortran)
{
    const unic__shape *shape = &d->info.shape;
    unic__strided_row_major(d->stride, shape);
    size_t step = 1;
    for (size_t axis = 0; axis < shape->rank && fortran; axis++) {
        d->stride[axis] = step;
        step *= shape->dim[axis];
    }
}

/* ---- the two ways in which numpy pickles an array ---------------------------------------- */

static unic_status read_elements(description *d, const unic__value *dtype,
                                 const unic__value *shape, const unic__value *bytes)
{
    UNIC__TRY(read_dtype(&d->info, dtype));
    UNIC__TRY(read_shape(&d->info.shape, shape));
    if (bytes->kind != UNIC__PICKLE_BYTES)
        return unic__fail(UNIC_E_FORMAT, "has %s for its data, bytes expected",
                          unic__pickle_kind_name(bytes->kind));
    d->bytes = bytes->as.bytes.at;
    d->size = bytes->as.bytes.size;
    return check_fill(d);
}

/* _reconstruct(ndarray, (0,), b"b") with the state (1, shape, dtype, is Fortran, bytes). */
static unic_status read_state(description *d, const unic__value *state)
{
    if (!state || state->kind != UNIC__PICKLE_TUPLE || state->as.many.count != 5)
        return unic__fail(UNIC_E_FORMAT, "has no readable state");
    unic__value *const *field = state->as.many.items;
    if (field[0]->kind != UNIC__PICKLE_INT || field[0]->as.integer != 1 ||
        field[3]->kind != UNIC__PICKLE_BOOL)
        return unic__fail(UNIC_E_FORMAT, "has a state of another version than 1");
    UNIC__TRY(read_elements(d, field[2], field[1], field[4]));
    order_as(d, field[3]->as.truth);
    return UNIC_OK;
}

/* Protocol 5: _frombuffer(bytes, dtype, shape, "C" or "F"), or "K" with an order of axes. */
static unic_status read_buffer(description *d, const unic__value *args)
{
    unic__value *const *arg = args->as.many.items;
    size_t count = args->as.many.count;
    if (count != 4 && count != 5)
        return unic__fail(UNIC_E_FORMAT, "is made of %zu arguments, 4 or 5 expected", count);
    UNIC__TRY(read_elements(d, arg[1], arg[2], arg[0]));
    if (count == 5 && unic__value_is_text(arg[3], "K"))
        return permute(d, arg[4]);
    if (!unic__value_is_text(arg[3], "C") && !unic__value_is_text(arg[3], "F"))
        return unic__fail(UNIC_E_FORMAT, "has another order than 'C', 'F' and 'K'");
    order_as(d, unic__value_is_text(arg[3], "F"));
    return UNIC_OK;
}

static unic_status describe(description *d, const unic__value *v)
{
    if (unic__value_is_call(v, UNIC__NAME_ARRAY))
        return read_state(d, v->as.call.state);
    if (unic__value_is_call(v, UNIC__NAME_ARRAY_FROM_BUFFER))
        return read_buffer(d, v->as.call.args);
    return unic__fail(UNIC_E_FORMAT, "is %s, a numpy array expected",
                      v->kind == UNIC__PICKLE_CALL ? unic__pickle_name_text(v->as.call.function)
                                                   : unic__pickle_kind_name(v->kind));
}

/* ---- the file ---------------------------------------------------------------------------- */

static unic_status read_member(unic__pickled_array *a, const unic__zip *z)
{
    size_t size = 0, used = 0;
    if (unic__zip_count(z) != 1)
        return unic__fail(UNIC_E_FORMAT, "%s: has %zu members, one pickled array expected",
                          a->path, unic__zip_count(z));
    UNIC__TRY(unic__zip_read(z, 0, LARGEST_FILE, &a->data, &size));
    unic_status status = unic__pickle_read(&a->pickle, a->data, size, &used);
    if (status == UNIC_OK && used < size)
        status = unic__fail(UNIC_E_FORMAT, "has %zu bytes behind its pickle", size - used);
    if (status == UNIC_OK)
        status = describe(&a->array, a->pickle.root);
    return status == UNIC_OK
               ? UNIC_OK
               : unic__fail_in(status, "%s: member \"%s\"", a->path, unic__zip_name(z, 0));
}

unic_status unic__pickled_array_open(unic__pickled_array **out, const char *path)
{
    *out = NULL;
    unic__zip *z = NULL;
    UNIC__TRY(unic__zip_open(&z, path));
    unic__pickled_array *a = unic__alloc_zero(sizeof *a);
    if (a)
        a->path = unic__strdup(path);
    unic_status status = a && a->path ? read_member(a, z)
                                      : unic__no_memory(sizeof *a, "a pickled array");
    unic__zip_close(z);
    if (status != UNIC_OK) {
        unic__pickled_array_close(a);
        return status;
    }
    *out = a;
    return UNIC_OK;
}

void unic__pickled_array_close(unic__pickled_array *a)
{
    if (!a)
        return;
    unic__pickle_free(&a->pickle);
    unic__free(a->data);
    unic__free(a->path);
    unic__free(a);
}

const unic__shape *unic__pickled_array_shape(const unic__pickled_array *a)
{
    return &a->array.info.shape;
}

unic__npy_type unic__pickled_array_type(const unic__pickled_array *a)
{
    return a->array.info.type;
}

/* ---- the elements ------------------------------------------------------------------------ */

static unic_status read_array(const unic__pickled_array *a, unic__npy_type type, void *out,
                              size_t count)
{
    const description *d = &a->array;
    if (unic__shape_count(&d->info.shape) != count) {
        char shape[UNIC__SHAPE_TEXT];
        return unic__fail(UNIC_E_SHAPE, "%s: has the shape %s, %zu elements expected", a->path,
                          unic__shape_print(&d->info.shape, shape), count);
    }
    void *block = unic__alloc(BLOCK_SIZE);
    if (!block)
        return unic__no_memory(BLOCK_SIZE, "converting an array");
    unic__strided walk = {.shape = d->info.shape};
    memcpy(walk.stride, d->stride, sizeof walk.stride);
    for (size_t done = 0, n; done < count; done += n) {
        n = BLOCK_SIZE / d->info.item_size;
        if (n > count - done)
            n = count - done;
        unic__strided_take(&walk, block, d->bytes, d->info.item_size, n);
        if (type == UNIC__NPY_F32)
            unic__npy_to_f32((float *)out + done, block, &d->info, n);
        else
            unic__npy_to_f64((double *)out + done, block, &d->info, n);
    }
    unic__free(block);
    return UNIC_OK;
}

unic_status unic__pickled_array_read_f32(const unic__pickled_array *a, float *out, size_t count)
{
    return read_array(a, UNIC__NPY_F32, out, count);
}

unic_status unic__pickled_array_read_f64(const unic__pickled_array *a, double *out,
                                         size_t count)
{
    return read_array(a, UNIC__NPY_F64, out, count);
}

/* ---- scalar(dtype, bytes) ---------------------------------------------------------------- */

unic_status unic__pickled_scalar(const unic__value *call, unic__npy_type type, void *out)
{
    const unic__value *args = call->as.call.args;
    unic__npy_info info = {.header_size = 0};
    if (args->as.many.count != 2 || args->as.many.items[1]->kind != UNIC__PICKLE_BYTES)
        return unic__fail(UNIC_E_FORMAT, "is no readable numpy scalar");
    UNIC__TRY(read_dtype(&info, args->as.many.items[0]));
    const unic__value *bytes = args->as.many.items[1];
    if (bytes->as.bytes.size != info.item_size)
        return unic__fail(UNIC_E_FORMAT, "has %zu bytes, but a %s is %zu", bytes->as.bytes.size,
                          unic__npy_type_name(info.type), info.item_size);
    uint64_t raw = 0;
    memcpy(&raw, bytes->as.bytes.at, info.item_size);
    if (type == UNIC__NPY_I64)
        return unic__npy_to_i64(out, &raw, &info, 1, 0);
    unic__npy_to_f64(out, &raw, &info, 1);
    return UNIC_OK;
}
