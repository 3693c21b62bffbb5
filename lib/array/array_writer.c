#include "array/array_writer.h"

#include <string.h>

enum {
    TEXT = 0, /* no dtype */
    BLOCK = 1 << 14
};

static const unic__npy_type types[] = {
    [UNIC_F32] = UNIC__NPY_F32, [UNIC_F64] = UNIC__NPY_F64, [UNIC_I32] = UNIC__NPY_I32,
    [UNIC_I64] = UNIC__NPY_I64, [UNIC_U64] = UNIC__NPY_U64, [UNIC_F16] = UNIC__NPY_F16,
    [UNIC_I8] = UNIC__NPY_I8,   [UNIC_U8] = UNIC__NPY_U8};

unic_status unic__array_writer_create(unic_npz_writer **out, const char *path)
{
    *out = NULL;
    unic_npz_writer *w = unic__alloc_zero(sizeof *w);
    if (!w)
        return unic__no_memory(sizeof *w, "an npz writer");
    w->path = unic__strdup(path);
    unic_status status = w->path ? unic__npz_create(&w->npz, UNIC__TO_FILE(path))
                                 : unic__no_memory(strlen(path), "a file name");
    if (status != UNIC_OK) {
        unic__array_writer_free(w);
        return status;
    }
    *out = w;
    return UNIC_OK;
}

void unic__array_writer_free(unic_npz_writer *w)
{
    if (!w)
        return;
    unic__npz_abandon(w->npz);
    unic__arena_free(&w->names);
    unic__free(w->arrays);
    unic__free(w->path);
    unic__free(w);
}

unic_status unic__array_writer_note(unic_npz_writer *w, unic_status status)
{
    if (w->failed == UNIC_OK)
        w->failed = status;
    return status;
}

/* ---- arrays by name ---------------------------------------------------------------------- */

static unic__written_array *find(const unic_npz_writer *w, const char *name)
{
    for (size_t i = 0; i < w->count; i++)
        if (strcmp(w->arrays[i].name, name) == 0)
            return &w->arrays[i];
    return NULL;
}

/* Room for one more, whose name is free; it counts once the file has it. */
static unic_status next_array(unic_npz_writer *w, const char *name, unic__written_array **out)
{
    if (find(w, name))
        return unic__fail(UNIC_E_ARG, "%s: there is an array \"%s\" already", w->path, name);
    if (w->count == w->room) {
        size_t room = w->room ? 2 * w->room : 16;
        void *grown = unic__realloc(w->arrays, w->count * sizeof *w->arrays,
                                    room * sizeof *w->arrays);
        if (!grown)
            return unic__no_memory(room * sizeof *w->arrays, "a list of arrays");
        w->arrays = grown;
        w->room = room;
    }
    const char *copy = unic__arena_printf(&w->names, "%s", name);
    if (!copy)
        return unic__no_memory(strlen(name), "an array's name");
    *out = &w->arrays[w->count];
    **out = (unic__written_array){.name = copy};
    return UNIC_OK;
}

/* ---- elements ---------------------------------------------------------------------------- */

static unic_status begin(unic_npz_writer *w, const char *name, int32_t dtype,
                         const unic__shape *shape, unic__written_array **out)
{
    if (dtype == UNIC_BF16)
        return unic__fail(UNIC_E_ARG,
                          "%s: \"%s\" is of bfloat16, which npz files do not have; write it as "
                          "float32",
                          w->path, name);
    UNIC__TRY(next_array(w, name, out));
    (*out)->dtype = dtype;
    (*out)->left = unic__shape_count(shape);
    UNIC__TRY(unic__npz_begin(w->npz, name, types[dtype], shape, &(*out)->member));
    w->count++;
    return UNIC_OK;
}

/* Elements that stand apart are gathered: each write is of a block, or of a longer run. */
static unic_status append_elements(unic_npz_writer *w, size_t member, const unic_array *a)
{
    unsigned char block[BLOCK];
    size_t filled = 0, size = unic__dtype_size(a->dtype), n;
    unic__array_walk runs;
    unic__array_walk_begin(&runs, a);
    for (const void *at; (at = unic__array_walk_next(&runs, &n));) {
        if (n > (BLOCK - filled) / size) {
            UNIC__TRY(unic__npz_append(w->npz, member, block, filled));
            filled = 0;
        }
        if (n > BLOCK / size) {
            UNIC__TRY(unic__npz_append(w->npz, member, at, n * size));
            continue;
        }
        memcpy(block + filled, at, n * size);
        filled += n * size;
    }
    return unic__npz_append(w->npz, member, block, filled);
}

static unic_status append(unic_npz_writer *w, unic__written_array *to, const unic_array *a)
{
    size_t count = unic__array_count(a);
    char wanted[UNIC__DTYPE_TEXT], given[UNIC__DTYPE_TEXT];
    if (a->dtype != to->dtype)
        return unic__fail(UNIC_E_ARG, "%s: \"%s\" is of %s, but its elements of %s", w->path,
                          to->name, unic__dtype_print(to->dtype, wanted),
                          unic__dtype_print(a->dtype, given));
    if (count > to->left)
        return unic__fail(UNIC_E_SHAPE,
                          "%s: \"%s\" has room for %zu more elements, %zu are given", w->path,
                          to->name, to->left, count);
    UNIC__TRY(append_elements(w, to->member, a));
    to->left -= count;
    return UNIC_OK;
}

unic_status unic__array_writer_begin(unic_npz_writer *w, const char *name, int32_t dtype,
                                     const unic__shape *shape)
{
    unic__written_array *array;
    return unic__array_writer_note(w, begin(w, name, dtype, shape, &array));
}

unic_status unic__array_writer_append(unic_npz_writer *w, const char *name,
                                      const unic_array *elements)
{
    unic__written_array *array = find(w, name);
    unic_status status = array && array->dtype != TEXT
                             ? append(w, array, elements)
                             : unic__fail(UNIC_E_NOTFOUND, "%s: no array \"%s\" was begun",
                                          w->path, name);
    return unic__array_writer_note(w, status);
}

unic_status unic__array_writer_add(unic_npz_writer *w, const char *name, const unic_array *a)
{
    unic__written_array *array = NULL;
    unic__shape shape = unic__array_shape(a);
    unic_status status = begin(w, name, a->dtype, &shape, &array);
    if (status == UNIC_OK)
        status = append(w, array, a);
    return unic__array_writer_note(w, status);
}

unic_status unic__array_writer_add_text(unic_npz_writer *w, const char *name, const char *text)
{
    unic__written_array *array;
    unic_status status = next_array(w, name, &array);
    if (status == UNIC_OK)
        status = unic__npz_add_text(w->npz, name, text);
    if (status == UNIC_OK)
        w->count++;
    return unic__array_writer_note(w, status);
}

unic_status unic__array_writer_finish(unic_npz_writer *w)
{
    unic__npz_writer *npz = w->npz;
    unic_status status = w->failed;
    w->npz = NULL;
    for (size_t i = 0; status == UNIC_OK && i < w->count; i++)
        if (w->arrays[i].left)
            status = unic__fail(UNIC_E_STATE, "%s: not written: \"%s\" lacks %zu elements",
                                w->path, w->arrays[i].name, w->arrays[i].left);
    if (status == UNIC_OK)
        return unic__npz_finish(npz);
    if (w->failed != UNIC_OK)
        unic__fail(status, "%s: not written, since a call before this one failed", w->path);
    unic__npz_abandon(npz);
    return status;
}
