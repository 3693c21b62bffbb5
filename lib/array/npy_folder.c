#include "array/npy_folder.h"

#include <string.h>

#include "file/folder.h"

enum { MOST_HELD = 1 << 30 /* elements, as of a deflated array in an npz */ };

typedef struct member {
    bool open;
    unic__npy_file file;
    float *rows; /* of a Fortran-order file, once they were asked for */
} member;

struct unic__npy_folder {
    unic__arena arena;
    const char *path;
    const char **names;
    member *members;
    size_t n;
};

/* ---- the directory ----------------------------------------------------------------------- */

static unic_status take_names(unic__npy_folder *f, const char *path, const unic__folder *list)
{
    size_t bytes = list->n * sizeof *f->members; /* the names take more already */
    f->path = unic__arena_printf(&f->arena, "%s", path);
    f->names = unic__arena_alloc(&f->arena, bytes);
    f->members = unic__arena_alloc(&f->arena, bytes);
    if (!f->path || !f->names || !f->members)
        return unic__no_memory(bytes, "a directory of arrays");
    for (size_t i = 0; i < list->n; i++) {
        size_t size = unic__stem_size(list->names[i], ".npy");
        if (!size)
            continue;
        f->names[f->n] = unic__arena_printf(&f->arena, "%.*s", (int)size, list->names[i]);
        if (!f->names[f->n])
            return unic__no_memory(size + 1, "an array's name");
        f->n++;
    }
    return UNIC_OK;
}

unic_status unic__npy_folder_open(unic__npy_folder **out, const char *path)
{
    *out = NULL;
    unic__npy_folder *f = unic__alloc_zero(sizeof *f);
    if (!f)
        return unic__no_memory(sizeof *f, "a directory of arrays");
    unic__folder list;
    unic_status status = unic__folder_list(&list, path);
    if (status == UNIC_OK)
        status = take_names(f, path, &list);
    unic__folder_free(&list);
    if (status != UNIC_OK) {
        unic__npy_folder_close(f);
        return status;
    }
    *out = f;
    return UNIC_OK;
}

void unic__npy_folder_close(unic__npy_folder *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->n; i++) {
        if (f->members[i].open)
            unic__npy_file_close(&f->members[i].file);
        unic__free(f->members[i].rows);
    }
    unic__arena_free(&f->arena);
    unic__free(f);
}

const char *unic__npy_folder_path(const unic__npy_folder *f)
{
    return f->path;
}

size_t unic__npy_folder_count(const unic__npy_folder *f)
{
    return f->n;
}

const char *unic__npy_folder_name(const unic__npy_folder *f, size_t i)
{
    return f->names[i];
}

static size_t find_name(const unic__npy_folder *f, const char *name)
{
    size_t i = 0;
    while (i < f->n && strcmp(f->names[i], name) != 0)
        i++;
    return i;
}

bool unic__npy_folder_has(const unic__npy_folder *f, const char *name)
{
    return find_name(f, name) < f->n;
}

/* ---- arrays ------------------------------------------------------------------------------ */

static unic_status open_member(unic__npy_folder *f, const char *name, member **out)
{
    size_t i = find_name(f, name);
    if (i == f->n) {
        const char *near = unic__nearest_word(name, f->names, f->n);
        return unic__fail(UNIC_E_NOTFOUND, "%s: no file \"%s.npy\"%s%s%s", f->path, name,
                          near ? "; did you mean \"" : "", near ? near : "",
                          near ? ".npy\"?" : "");
    }
    *out = &f->members[i];
    if ((*out)->open)
        return UNIC_OK;
    const char *path = unic__arena_printf(&f->arena, "%s/%s.npy", f->path, name);
    if (!path)
        return unic__no_memory(strlen(f->path) + strlen(name), "a file's name");
    UNIC__TRY(unic__npy_file_open(&(*out)->file, path));
    (*out)->open = true;
    return UNIC_OK;
}

unic_status unic__npy_folder_info(unic__npy_folder *f, const char *name, unic__npy_info *info)
{
    member *m = NULL;
    *info = (unic__npy_info){.foreign = false};
    unic_status status = open_member(f, name, &m);
    if (m)
        *info = m->file.info;
    return status;
}

unic_status unic__npy_folder_read_i32(unic__npy_folder *f, const char *name, int32_t *out,
                                      size_t count)
{
    member *m;
    char shape[UNIC__SHAPE_TEXT];
    UNIC__TRY(open_member(f, name, &m));
    if (unic__shape_count(&m->file.info.shape) != count)
        return unic__fail(UNIC_E_SHAPE, "%s: has the shape %s, %zu elements expected",
                          m->file.path, unic__shape_print(&m->file.info.shape, shape), count);
    return unic__npy_file_all_i32(&m->file, out);
}

static unic_status hold_rows(member *m)
{
    size_t count = unic__shape_count(&m->file.info.shape);
    if (count > MOST_HELD)
        return unic__fail(UNIC_E_FORMAT,
                          "%s: has %zu elements in Fortran order, at most %d can be held; "
                          "rows of a larger array are read if it is in C order",
                          m->file.path, count, MOST_HELD);
    float *rows = unic__alloc(count * sizeof *rows);
    if (!rows)
        return unic__no_memory(count * sizeof *rows, "the rows of an array");
    unic_status status = unic__npy_file_all_f32(&m->file, rows);
    if (status == UNIC_OK)
        m->rows = rows;
    else
        unic__free(rows);
    return status;
}

unic_status unic__npy_folder_read_row_f32(unic__npy_folder *f, const char *name, size_t row,
                                          float *out, size_t row_count)
{
    member *m;
    UNIC__TRY(open_member(f, name, &m));
    if (unic__npy_file_is_row_major(&m->file))
        return unic__npy_file_read_f32(&m->file, row * row_count, row_count, out);
    if (!m->rows)
        UNIC__TRY(hold_rows(m));
    memcpy(out, m->rows + row * row_count, row_count * sizeof *out);
    return UNIC_OK;
}

void unic__npy_folder_expect_row(const unic__npy_folder *f, const char *name, size_t row)
{
    const size_t i = find_name(f, name);
    const member *m = i < f->n ? &f->members[i] : NULL;
    if (!m || !m->open || !unic__npy_file_is_row_major(&m->file) || !m->file.info.shape.rank ||
        row >= m->file.info.shape.dim[0])
        return;
    size_t count = unic__shape_count(&m->file.info.shape) / m->file.info.shape.dim[0];
    unic__npy_file_expect(&m->file, row * count, count);
}
