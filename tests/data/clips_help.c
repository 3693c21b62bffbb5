#include "clips_help.h"

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "array/npy.h"
#include "file/io_help.h"
#include "file/zip.h"

static void remove_all(const char *path)
{
    DIR *entries = opendir(path);
    if (!entries) {
        remove(path);
        return;
    }
    for (struct dirent *e; (e = readdir(entries)) != NULL;) {
        char below[1024];
        snprintf(below, sizeof below, "%s/%s", path, e->d_name);
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            remove_all(below);
    }
    closedir(entries);
    remove(path);
}

static void make_folders(const char *path)
{
    char part[1024];
    for (const char *slash = path; (slash = strchr(slash + 1, '/')) != NULL;) {
        snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
        mkdir(part, 0777);
    }
}

const char *clips_folder(const char *name, char path[512])
{
    char below[600];
    snprintf(path, 512, "%s", io_path(name));
    remove_all(path);
    snprintf(below, sizeof below, "%s/", path);
    make_folders(below);
    return path;
}

static const char *path_of(const char *folder, const char *name)
{
    static char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    make_folders(path);
    return path;
}

static float *elements(const unic__shape *shape, float first, size_t *size)
{
    size_t n = unic__shape_count(shape);
    float *x = malloc((n + 1) * sizeof *x);
    for (size_t i = 0; i < n; i++)
        x[i] = first + (float)i;
    *size = n * sizeof *x;
    return x;
}

static void write_npy(const char *path, const unic__shape *shape, const void *x, size_t size,
                      bool fortran)
{
    unsigned char header[UNIC__NPY_HEADER_WRITTEN];
    size_t head = unic__npy_write_header(header, UNIC__NPY_F32, shape);
    unsigned char *bytes = malloc(head + size);
    if (fortran) { /* the text has the length of the other one, with a space behind it */
        char *at = strstr((char *)header + 10, "False");
        ck_assert(at != NULL);
        memcpy(at, "True ", 5);
    }
    memcpy(bytes, header, head);
    memcpy(bytes + head, x, size);
    io_write(path, bytes, head + size);
    free(bytes);
}

/* Protocol 3: _reconstruct(ndarray, (0,), b"b") with the state (1, shape,
 * "<f4", False, bytes). */
static void write_zip(const char *path, const unic__shape *shape, const void *x, size_t size)
{
    static const char head[] = "\x80\3cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n"
                               "K\0\x85"
                               "C\1b\x87R(K\1(";
    static const char type[] = "tcnumpy\ndtype\nX\2\0\0\0f4K\0K\1\x87R(K\3X\1\0\0\0<NNN"
                               "J\xFF\xFF\xFF\xFFJ\xFF\xFF\xFF\xFFK\0tb\x89"
                               "B";
    unsigned char *bytes = malloc(sizeof head + sizeof type + size + 64), *at = bytes;
    memcpy(at, head, sizeof head - 1);
    at += sizeof head - 1;
    for (size_t i = 0; i < shape->rank; i++, at += 5) {
        int32_t dim = (int32_t)shape->dim[i];
        *at = 'J';
        memcpy(at + 1, &dim, 4);
    }
    memcpy(at, type, sizeof type - 1);
    at += sizeof type - 1;
    uint32_t length = (uint32_t)size;
    memcpy(at, &length, 4);
    memcpy(at + 4, x, size);
    at += 4 + size;
    memcpy(at, "tb.", 3);
    unic__zip_writer *w;
    io_assert_ok(unic__zip_create(&w, UNIC__TO_FILE(path), false));
    io_assert_ok(unic__zip_add(w, "clip", ".pkl", "", 0, bytes, (size_t)(at + 3 - bytes)));
    io_assert_ok(unic__zip_finish(w));
    free(bytes);
}

void clips_write(const char *folder, const char *name, const unic__shape *shape, float first)
{
    size_t size;
    float *x = elements(shape, first, &size);
    const char *path = path_of(folder, name);
    if (strstr(name, ".zip"))
        write_zip(path, shape, x, size);
    else
        write_npy(path, shape, x, size, false);
    free(x);
}

void clips_write_fortran(const char *folder, const char *name, const unic__shape *shape,
                         float first)
{
    size_t size;
    float *x = elements(shape, first, &size);
    write_npy(path_of(folder, name), shape, x, size, true);
    free(x);
}

void clips_write_text(const char *folder, const char *name, const char *text)
{
    io_write(path_of(folder, name), text, strlen(text));
}

void clips_damage(const char *folder, const char *name, long at, const char *bytes)
{
    size_t size;
    const char *path = path_of(folder, name);
    unsigned char *all = io_read(path, &size);
    memcpy(all + (at < 0 ? (long)size + at : at), bytes, strlen(bytes));
    io_write(path, all, size);
    free(all);
}
