#include "array/npy_folder.h"

#include <stdlib.h>
#include <string.h>

#include "file/folder.h"

enum { MOST_HELD = 1 << 30 /* elements, as of a deflated array in an npz */ };

typedef struct member {
    bool known, open;    /* `info` is; `file` is, for its elements */
    unic__npy_info info; /* as the header was when it was first asked for */
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

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

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
        if (!size) {
            UNIC__TRY(unic__suffix_check(path, list->names[i], ".npy"));
            continue;
        }
        f->names[f->n] = unic__arena_printf(&f->arena, "%.*s", (int)size, list->names[i]);
        if (!f->names[f->n])
            return unic__no_memory(size + 1, "an array's name");
        f->n++;
    }
    if (f->n) /* without their suffix they may stand in another order */
        qsort(f->names, f->n, sizeof *f->names, compare_names);
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
    const char *const *found = f->n ? bsearch(&name, f->names, f->n, sizeof name, compare_names)
                                    : NULL;
    return found ? (size_t)(found - f->names) : f->n;
}

bool unic__npy_folder_has(const unic__npy_folder *f, const char *name)
{
    return find_name(f, name) < f->n;
}

/* ---- arrays ------------------------------------------------------------------------------ */

static unic_status find_member(unic__npy_folder *f, const char *name, member **out)
{
    size_t i = find_name(f, name);
    if (i == f->n) {
        const char *near = unic__nearest_word(name, f->names, f->n);
        return unic__fail(UNIC_E_NOTFOUND, "%s: no file \"%s.npy\"%s%s%s", f->path, name,
                          near ? "; did you mean \"" : "", near ? near : "",
                          near ? ".npy\"?" : "");
    }
    *out = &f->members[i];
    return UNIC_OK;
}

static unic_status open_file(unic__npy_folder *f, const char *name, unic__npy_file *file)
{
    const char *path = unic__arena_printf(&f->arena, "%s/%s.npy", f->path, name);
    return path ? unic__npy_file_open(file, path)
                : unic__no_memory(strlen(f->path) + strlen(name), "a file's name");
}

static unic_status check_count(const unic__npy_file *file, size_t count)
{
    char shape[UNIC__SHAPE_TEXT];
    if (unic__shape_count(&file->info.shape) == count)
        return UNIC_OK;
    return unic__fail(UNIC_E_SHAPE, "%s: has the shape %s, %zu elements expected", file->path,
                      unic__shape_print(&file->info.shape, shape), count);
}

/* Finds an array whose elements are read; another may stand there now than was looked at. */
static unic_status open_member(unic__npy_folder *f, const char *name, member **out)
{
    UNIC__TRY(find_member(f, name, out));
    member *m = *out;
    if (m->open)
        return UNIC_OK;
    UNIC__TRY(open_file(f, name, &m->file));
    unic_status status = m->known ? check_count(&m->file, unic__shape_count(&m->info.shape))
                                  : UNIC_OK;
    m->open = status == UNIC_OK;
    if (!m->open)
        unic__npy_file_close(&m->file);
    return status;
}

/* Leaves the file closed: a directory may have more files than a process may open. */
unic_status unic__npy_folder_info(unic__npy_folder *f, const char *name, unic__npy_info *info)
{
    member *m = NULL;
    unic__npy_file file = {.info = {.foreign = false}};
    *info = file.info;
    UNIC__TRY(find_member(f, name, &m));
    if (!m->known) {
        unic_status status = open_file(f, name, &file);
        *info = file.info;
        if (status != UNIC_OK)
            return status;
        m->info = file.info;
        m->known = true;
        unic__npy_file_close(&file);
    }
    *info = m->info;
    return UNIC_OK;
}

unic_status unic__npy_folder_read_i32(unic__npy_folder *f, const char *name, int32_t *out,
                                      size_t count)
{
    member *m = NULL;
    UNIC__TRY(open_member(f, name, &m));
    UNIC__TRY(check_count(&m->file, count));
    return unic__npy_file_all_i32(&m->file, out);
}

unic_status unic__npy_folder_open_rows(unic__npy_folder *f, const char *name)
{
    member *m = NULL;
    return open_member(f, name, &m);
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
    member *m = NULL;
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
