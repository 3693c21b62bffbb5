#include "torch/pickled_array.h"

#include <string.h>

#include "array/npy_dtype.h"
#include "array/strided.h"
#include "file/folder.h"
#include "file/litter.h"
#include "file/sniff.h"
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

static unic_status read_code(unic__npy_info *info, const unic__value *code)
{
    char text[UNIC__VALUE_TEXT];
    unic__value_print(code, text);
    UNIC__TRY(unic__npy_read_descr(info, text));
    if (info->foreign && text[0] == 'V')
        return unic__fail(UNIC_E_FORMAT, "has a structured type (%s), plain numbers expected",
                          text);
    return info->foreign ? unic__npy_refuse(info) : UNIC_OK;
}

static unic_status read_dtype(unic__npy_info *info, const unic__value *dtype)
{
    const unic__value *args = NULL, *state = NULL;
    if (unic__value_is_call(dtype, UNIC__NAME_DTYPE)) {
        args = dtype->as.call.args;
        state = unic__value_state(dtype);
    }
    if (!args || !args->as.many.count || !unic__value_is_string(args->as.many.items[0]))
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
        (field[3]->kind != UNIC__PICKLE_BOOL && field[3]->kind != UNIC__PICKLE_INT))
        return unic__fail(UNIC_E_FORMAT, "has a state of another version than 1");
    UNIC__TRY(read_elements(d, field[2], field[1], field[4]));
    order_as(d, field[3]->kind == UNIC__PICKLE_BOOL ? field[3]->as.truth
                                                    : field[3]->as.integer != 0);
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
        return read_state(d, unic__value_state(v));
    if (unic__value_is_call(v, UNIC__NAME_ARRAY_FROM_BUFFER))
        return read_buffer(d, v->as.call.args);
    char text[UNIC__VALUE_DESCRIPTION];
    return unic__fail(UNIC_E_FORMAT, "is %s, a numpy array expected",
                      unic__value_describe(v, text));
}

/* ---- the file ---------------------------------------------------------------------------- */

static bool is_array_name(const char *name)
{
    return unic__stem_size(name, ".pkl") || unic__stem_size(name, ".pickle") ||
           unic__stem_size(name, ".npy");
}

/* How many members there are, or of them how many are called as arrays are; *first of them. */
static size_t count_members(const unic__zip *z, bool arrays, size_t *first)
{
    size_t n = 0;
    for (size_t i = unic__zip_count(z); i-- > 0;)
        if (!unic__is_litter(unic__zip_name(z, i)) &&
            (!arrays || is_array_name(unic__zip_name(z, i)))) {
            *first = i;
            n++;
        }
    return n;
}

/* Archives of others that are called .zip too. */
static unic_status check_kind(const unic__pickled_array *a, const unic__zip *z)
{
    size_t arrays = 0, all = 0, first = 0;
    for (size_t i = unic__zip_count(z); i-- > 0;) {
        const char *name = unic__zip_name(z, i);
        const bool is_array = !unic__is_litter(name) && unic__stem_size(name, ".npy");
        first = is_array ? i : first;
        arrays += is_array;
        all += !unic__is_litter(name);
    }
    if (unic__zip_is_torch(z))
        return unic__fail(UNIC_E_FORMAT,
                          "%s: is a file of torch.save(), one pickled array expected: write "
                          ".numpy() of the tensor with numpy.save()",
                          a->path);
    if (arrays > 1 && arrays == all)
        return unic__fail(UNIC_E_FORMAT,
                          "%s: is an npz of %zu arrays, \"%s\" the first of them, one pickled "
                          "array expected: write the one that is meant with numpy.save()",
                          a->path, arrays, unic__zip_name(z, first));
    return UNIC_OK;
}

/* The one member that holds the clip. */
static unic_status choose_member(const unic__pickled_array *a, const unic__zip *z,
                                 size_t *member)
{
    UNIC__TRY(check_kind(a, z));
    size_t n = count_members(z, true, member);
    if (!n)
        n = count_members(z, false, member);
    if (n == 1)
        return UNIC_OK;
    return unic__fail(UNIC_E_FORMAT, "%s: has %zu members%s%s%s, one pickled array expected",
                      a->path, n, n ? ", \"" : "", n ? unic__zip_name(z, *member) : "",
                      n ? "\" the first of them" : "");
}

/* A member that numpy.save() wrote. */
static unic_status describe_npy(description *d, const unsigned char *data, size_t size)
{
    size_t header = 0;
    if (size < UNIC__NPY_PREFIX)
        return unic__fail(UNIC_E_FORMAT, "is no npy array: it has %zu bytes", size);
    UNIC__TRY(unic__npy_header_size(data, &header));
    if (header > size)
        return unic__fail(UNIC_E_FORMAT, "has an npy header of %zu bytes, but ends after %zu",
                          header, size);
    UNIC__TRY(unic__npy_parse(&d->info, data, header));
    d->bytes = (const char *)data + header;
    d->size = size - header;
    order_as(d, d->info.fortran);
    return check_fill(d);
}

/* What stands behind the pickle is not read, as Python does not read it; yet more than the end
 * of a line is no pickle of ours. */
static unic_status describe_pickle(unic__pickled_array *a, size_t size)
{
    size_t used = 0;
    UNIC__TRY(unic__pickle_read(&a->pickle, a->data, size, &used));
    const char *rest = (const char *)a->data + used;
    for (size_t i = 0; i < size - used; i++)
        if (rest[i] != '\n' && rest[i] != '\r')
            return unic__fail(UNIC_E_FORMAT, "has %zu bytes behind its pickle", size - used);
    return describe(&a->array, a->pickle.root);
}

static unic_status read_member(unic__pickled_array *a, const unic__zip *z)
{
    size_t size = 0, member = 0;
    UNIC__TRY(choose_member(a, z, &member));
    UNIC__TRY(unic__zip_read(z, member, LARGEST_FILE, &a->data, &size));
    bool npy = size >= 6 && memcmp(a->data, "\x93NUMPY", 6) == 0;
    unic_status status = npy ? describe_npy(&a->array, a->data, size)
                             : describe_pickle(a, size);
    return status == UNIC_OK
               ? UNIC_OK
               : unic__fail_in(status, "%s: member \"%s\"", a->path, unic__zip_name(z, member));
}

/* What is no zip file may be of a kind that is known. */
static unic_status open_zip(unic__zip **out, const char *path)
{
    unic__file_kind kind = UNIC__FILE_ZIP;
    unic__source *source;
    UNIC__TRY(unic__source_open_file(&source, path));
    unic_status status = unic__zip_open_source(out, source);
    if (status == UNIC_E_FORMAT && unic__file_sniff(&kind, source) == UNIC_OK &&
        kind != UNIC__FILE_UNKNOWN && kind != UNIC__FILE_ZIP)
        unic__fail(status, "%s: is %s, a zip of one array expected%s", path,
                   unic__file_kind_name(kind), unic__file_kind_advice(kind));
    unic__source_release(source);
    return status;
}

unic_status unic__pickled_array_open(unic__pickled_array **out, const char *path)
{
    *out = NULL;
    unic__zip *z = NULL;
    UNIC__TRY(open_zip(&z, path));
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
