#include "file/folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "file/file.h"

size_t unic__stem_size(const char *name, const char *suffix)
{
    size_t size = strlen(name), tail = strlen(suffix);
    return size > tail && strcmp(name + size - tail, suffix) == 0 ? size - tail : 0;
}

unic_status unic__suffix_check(const char *folder, const char *name, const char *suffix)
{
    const size_t n = strlen(folder);
    if (!unic__has_suffix(name, suffix) || unic__stem_size(name, suffix))
        return UNIC_OK;
    return unic__fail(UNIC_E_FORMAT,
                      "%s%s%s: a name that ends with %s, in small letters, expected", folder,
                      n && folder[n - 1] == '/' ? "" : "/", name, suffix);
}

static unic_status look_fail(const char *path, const char *verb, int error)
{
    char text[128]; /* strerror() is not thread-safe */
    if (strerror_r(error, text, sizeof text))
        snprintf(text, sizeof text, "error %d", error);
    unic_status status = error == ENOENT || error == ENOTDIR ? UNIC_E_NOTFOUND : UNIC_E_IO;
    unic__fail(status, "%s: cannot %s: %s", path, verb, text);
    return unic__file_error_is_of_process(error) ? unic__exhausted(status) : status;
}

unic_status unic__is_folder(bool *folder, const char *path)
{
    struct stat about;
    *folder = false;
    if (stat(path, &about) != 0) {
        if (errno != ENOENT && errno != ENOTDIR)
            return look_fail(path, "open", errno);
        return lstat(path, &about) == 0 && S_ISLNK(about.st_mode)
                   ? unic__fail(UNIC_E_NOTFOUND, "%s: is a symbolic link to what is not there",
                                path)
                   : UNIC_OK;
    }
    *folder = S_ISDIR(about.st_mode);
    return UNIC_OK;
}

static unic_status add_name(unic__folder *folder, const char *name)
{
    if (folder->n == folder->room) {
        size_t room = folder->room ? 2 * folder->room : 64;
        const char **names = unic__realloc(folder->names, folder->n * sizeof *names,
                                           room * sizeof *names);
        if (!names)
            return unic__no_memory(room * sizeof *names, "the names in a directory");
        folder->names = names;
        folder->room = room;
    }
    const char *copy = unic__arena_printf(&folder->arena, "%s", name);
    if (!copy)
        return unic__no_memory(strlen(name) + 1, "a file's name");
    folder->names[folder->n++] = copy;
    return UNIC_OK;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

unic_status unic__folder_list(unic__folder *out, const char *path)
{
    *out = (unic__folder){.names = NULL};
    DIR *stream = opendir(path);
    if (!stream)
        return look_fail(path, "list the directory", errno);
    unic_status status = UNIC_OK;
    while (status == UNIC_OK) {
        errno = 0;
        const struct dirent *entry = readdir(stream);
        if (!entry) {
            if (errno)
                status = look_fail(path, "list the directory", errno);
            break;
        }
        if (entry->d_name[0] != '.')
            status = add_name(out, entry->d_name);
    }
    closedir(stream);
    if (out->n)
        qsort(out->names, out->n, sizeof *out->names, compare_names);
    return status;
}

void unic__folder_free(unic__folder *folder)
{
    unic__free(folder->names);
    unic__arena_free(&folder->arena);
    *folder = (unic__folder){.names = NULL};
}
